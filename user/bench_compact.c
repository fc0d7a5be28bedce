// SPDX-License-Identifier: GPL-2.0
/*
 * bench_compact.c - what compaction of a range arena wins, and what it moves for that
 *
 * usage: bench_compact [--seed N] [--operations N] [--check]
 *
 * vmap_extent_alloc(), vmap_extent_set_movable() and vmap_arena_compact() as they are, with all
 * that stands behind them; kernel.h plays the kernel.  Small extents come and go at random in a
 * space that is as full as the load says; now and then a large one is asked for.  Where it does not
 * fit, though as much is free, the space is compacted for it.  A part of the small extents, at
 * random, cannot be moved.
 *
 * The table says, of 100 large requests, how many fitted in a buddy system, which rounds all sizes
 * up; how many in the arena if nothing is ever moved; how many with compaction, and of these how
 * many without one of their own, since those before had made room.  Then how many extents a
 * compaction that succeeded moved, with what those moved that failed, and how many units for each
 * unit by which the longest free extent grew; beside that how many units the cheapest window would
 * have taken: the place of the large request with no pin and the fewest busy units in it, which a
 * look at each unit finds.  A scan for eviction, as graphics drivers do, looks for such a window.
 * Compaction does not, but it makes room for the next requests, too.
 *
 * With --check each move is checked: the place is the lowest with room, nobody has it, and all
 * units are where their holders say; and the free tree is whole after each compaction.  Figures
 * depend on the seed and the operations alone.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "playground.h"
#include "../lab/lab.h"

#define SPACE			(1UL << 16)
#define LARGE			512UL
#define LARGEST_SMALL		32UL
#define MOST_LIVE		SPACE
#define MOST_LARGE		8U
#define EVERY			64UL
#define DEFAULT_OPERATIONS	60000UL
#define MOST			100000000UL

struct load {
	unsigned int full;
	unsigned int movable;
};

static const struct load loads[] = {
	{ 70, 100 }, { 80, 100 }, { 85, 100 }, { 90, 100 }, { 95, 100 },
	{ 80, 90 }, { 85, 90 }, { 90, 90 }, { 80, 50 }, { 85, 50 }, { 90, 50 },
};

/* A small extent, or a large one. */
struct holder {
	struct vmap_extent *extent;
	unsigned long at;
	unsigned long size;
	bool movable;
	struct lab_area area;
	bool in_buddy;
};

static struct vmap_arena arena;
static struct holder small[MOST_LIVE];
static struct holder large[MOST_LARGE];
static unsigned long live, used, in_large;
/* Whose each unit is; whether a mover is there. */
static struct holder *owner[SPACE];
static void *buddy;
static unsigned long seed = 1, operations = DEFAULT_OPERATIONS, state;
static bool checked, compacts;

/* What a load comes to. */
static struct {
	unsigned long asked, buddy, fit, compacted;
	unsigned long won, cheapest;
} sums;

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "bench_compact: seed %lu: ", seed);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

/* What is called only where there is memory, a module, or a bad free. */
void no_such_call(void);
void no_such_call(void)
{
	fail("the arena did what a range arena never does, or refused a call");
}

void on_each_cpu_cond(bool (*asked)(int cpu, void *argument), void (*function)(void *argument),
		      void *argument, bool wait)
{
	play_each_cpu(asked, function, argument);
}

static unsigned long draw(unsigned long below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

/* Give @size units from @at to @holder; NULL: to nobody. */
static void own(unsigned long at, unsigned long size, struct holder *holder)
{
	unsigned long i;

	for (i = at; i < at + size; i++) {
		if (checked && holder && owner[i])
			fail("unit %lu is handed out twice", i);
		owner[i] = holder;
	}
}

/* The lowest place for @size units below @end that the owners leave; SPACE if there is none. */
static unsigned long lowest_place(unsigned long size, unsigned long end)
{
	unsigned long i, run = 0;

	for (i = 0; i < end; i++) {
		run = owner[i] ? 0 : run + 1;
		if (run == size)
			return i + 1 - size;
	}
	return SPACE;
}

static int move(struct vmap_extent *extent, unsigned long to, void *data)
{
	struct holder *holder = data;

	if (checked && (vmap_extent_start(extent) != holder->at || holder->extent != extent ||
			to != lowest_place(holder->size, holder->at)))
		fail("%lu units at %lu are to go to %lu", holder->size, holder->at, to);
	own(holder->at, holder->size, NULL);
	own(to, holder->size, holder);
	holder->at = to;
	return 0;
}

static unsigned long longest_free(void)
{
	unsigned long i, run = 0, longest = 0;

	for (i = 0; i < SPACE; i++) {
		run = owner[i] ? 0 : run + 1;
		longest = max(longest, run);
	}
	return longest;
}

/*
 * The fewest busy units in a window of the size of a large request without a pin; 0: there is none.
 */
static unsigned long cheapest_window(void)
{
	unsigned long i, busy = 0, pins = 0, least = SPACE;

	for (i = 0; i < SPACE; i++) {
		busy += !!owner[i];
		pins += owner[i] && !owner[i]->movable;
		if (i >= LARGE) {
			busy -= !!owner[i - LARGE];
			pins -= owner[i - LARGE] && !owner[i - LARGE]->movable;
		}
		if (i + 1 >= LARGE && !pins)
			least = min(least, busy);
	}
	return least < SPACE ? least : 0;
}

/* Is each unit where its holder says, and the free tree whole? */
static void check(void)
{
	const char *wrong = free_tree_check(&arena.cache.purge.space.tree);
	unsigned long i, busy = 0;

	if (wrong)
		fail("%s", wrong);
	for (i = 0; i < live; i++)
		if (vmap_extent_start(small[i].extent) != small[i].at)
			fail("an extent at %lu says %lu", small[i].at,
			     vmap_extent_start(small[i].extent));
	for (i = 0; i < SPACE; i++)
		busy += !!owner[i];
	if (busy + arena.cache.purge.space.tree.units != SPACE)
		fail("%lu units are busy, %lu free, of %lu", busy,
		     arena.cache.purge.space.tree.units, SPACE);
}

/*
 * Let @holder have @size units, here and in the buddy system.  Return whether there is room here.
 */
static bool allocate(struct holder *holder, unsigned long size, unsigned int movable)
{
	struct lab_request request = { .size = size, .align = 1, .hi = SPACE };
	struct vmap_extent *extent = vmap_extent_alloc(&arena, size, 1, GFP_KERNEL);

	holder->extent = NULL;
	holder->in_buddy = !lab_buddy.alloc(buddy, &request, &holder->area);
	if (IS_ERR(extent))
		return false;
	holder->extent = extent;
	holder->at = vmap_extent_start(extent);
	holder->size = size;
	holder->movable = draw(100) < movable;
	own(holder->at, size, holder);
	used += size;
	if (holder->movable && vmap_extent_set_movable(&arena, extent, move, holder))
		fail("an extent cannot be made movable");
	return true;
}

static void release(struct holder *holder)
{
	if (holder->in_buddy)
		lab_buddy.free(buddy, &holder->area);
	if (holder->extent) {
		own(holder->at, holder->size, NULL);
		vmap_extent_free(&arena, holder->extent);
		used -= holder->size;
	}
	holder->extent = NULL;
	holder->in_buddy = false;
}

/* The small extent @index goes; the last one takes its slot, and its mover must know. */
static void release_small(unsigned long index)
{
	struct holder *holder = &small[index], *last = &small[--live];

	release(holder);
	if (holder == last)
		return;
	*holder = *last;
	own(holder->at, holder->size, NULL);
	own(holder->at, holder->size, holder);
	if (holder->movable && vmap_extent_set_movable(&arena, holder->extent, move, holder))
		fail("a mover cannot be replaced");
}

/* Compact for a large request.  Return whether the arena says that it fits now. */
static bool compact(void)
{
	unsigned long before = longest_free(), cheapest = cheapest_window();
	int err = vmap_arena_compact(&arena, LARGE);

	if (checked)
		check();
	if (checked && !err != (longest_free() >= LARGE))
		fail("compaction says %d, and %lu units are free in one piece", err,
		     longest_free());
	if (err)
		return false;
	sums.won += longest_free() - before;
	sums.cheapest += cheapest;
	return true;
}

/* Ask for a large extent. */
static void ask_for_large(void)
{
	struct holder *holder = &large[in_large++ % MOST_LARGE];
	bool fit;

	fit = allocate(holder, LARGE, 0);
	sums.asked++;
	sums.buddy += holder->in_buddy;
	sums.fit += fit;
	if (fit || !compacts)
		return;
	release(holder);
	if (compact()) {
		if (!allocate(holder, LARGE, 0))
			fail("what fits is refused");
		sums.compacted++;
	}
}

static void play(const struct load *load)
{
	unsigned long i, most = SPACE / 100 * load->full;

	for (i = 1; i <= operations; i++) {
		unsigned long size = 1 + draw(LARGEST_SMALL);

		while (live && used + size > most)
			release_small(draw(live));
		if (allocate(&small[live], size, load->movable))
			live++;
		else
			release(&small[live]);
		/*
		 * Not before the space has been full for a while; small ones come before the next.
		 */
		if (i > operations / 4 && i % EVERY == EVERY / 2)
			release(&large[in_large % MOST_LARGE]);
		if (i > operations / 4 && i % EVERY == 0)
			ask_for_large();
	}
}

/* Play @load in a new arena, with compaction or without. */
static void run(const struct load *load, bool with_compaction, struct vmap_arena_stats *stats)
{
	struct lab_space space = { .end = SPACE, .areas = MOST_LIVE };
	const char *wrong;
	unsigned int i;

	memset(&sums, 0, sizeof(sums));
	state = seed * 2654435761UL + 1;
	compacts = with_compaction;
	play_open(&arena, SPACE, false);
	buddy = lab_buddy.create(&space);
	if (IS_ERR(buddy))
		fail("no memory for a buddy system");
	play(load);
	vcompact_stats(&arena, stats);
	while (live)
		release_small(live - 1);
	for (i = 0; i < MOST_LARGE; i++)
		release(&large[i]);
	lab_buddy.destroy(buddy);
	wrong = play_close(&arena, SPACE);
	if (wrong)
		fail("in the end: %s", wrong);
}

static double percent(unsigned long part)
{
	return 100.0 * part / sums.asked;
}

static void measure(const struct load *load)
{
	struct vmap_arena_stats stats = {};

	run(load, false, &stats);
	printf("%4u %8u %7.1f %8.1f", load->full, load->movable, percent(sums.buddy),
	       percent(sums.fit));
	run(load, true, &stats);
	printf(" %9.1f %8.1f %8.1f %7.2f %9.2f\n", percent(sums.fit + sums.compacted),
	       percent(sums.fit), sums.compacted ? (double)stats.moved / sums.compacted : 0,
	       sums.won ? (double)stats.moved_units / sums.won : 0,
	       sums.won ? (double)sums.cheapest / sums.won : 0);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct program_option options[] = {
		{ .name = "--seed", .number = &seed, .min = 1, .max = MOST },
		{ .name = "--operations", .number = &operations, .min = 4 * EVERY, .max = MOST },
		{ .name = "--check", .flag = &checked },
		{ }
	};
	unsigned int i;

	read_options(argc, argv, "usage: bench_compact [--seed N] [--operations N] [--check]\n",
		     options);
	printf("Of 100 requests for %lu units, where small extents have up to %lu, fit:\n\n", LARGE,
	       LARGEST_SMALL);
	printf("full movable   buddy  nothing       with    no own  extents   moved  cheapest\n"
	       "   %%       %%             moved compaction  compact.    moved per won   per won\n");
	for (i = 0; i < sizeof(loads) / sizeof(*loads); i++)
		measure(&loads[i]);
	return 0;
}
