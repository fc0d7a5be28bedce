// SPDX-License-Identifier: GPL-2.0
/*
 * bench_compact.c - what compaction of a range arena wins, and what it moves for that
 *
 * usage: bench_compact [--seed N] [--operations N] [--check]
 *        bench_compact --trace FILE | --workload NAME [--n N] [option]...
 *
 * vmap_extent_alloc(), vmap_extent_set_movable() and vmap_arena_compact() as they are, with all
 * that stands behind them; kernel.h plays the kernel.  Small extents come and go at random in a
 * space that is as full as the load says; now and then a large one is asked for.  Where it does not
 * fit, though as much is free, the space is compacted for it.  A part of the small extents, at
 * random, cannot be moved.
 *
 * The table says, of 100 large requests, how many fitted in a buddy system, which rounds all sizes
 * up; how many in the arena if nothing is ever moved; how many if each request that fails, also a
 * small one, has room made for the next in the background; how many with compaction, and of these
 * how many without one of their own, since those before had made room.  Then how many extents a
 * compaction that succeeded moved, with what those moved that failed, and how many units for each
 * unit by which the longest free extent grew; beside that how many units the cheapest window would
 * have taken: the place of the large request with no pin and the fewest busy units in it, which a
 * look at each unit finds.  A scan for eviction, as graphics drivers do, looks for such a window.
 * Compaction does not, but it makes room for the next requests, too.
 *
 * With --trace or --workload the extents are those of a load of the lab, in a space that is as full
 * as the table says at the moment when most is live.  Each request of the load that finds no room
 * is one to compact for; the table says how many units were refused, how many were served after a
 * compaction, and how many units that moved.  In the background a request that fails is refused
 * and not made again, but the worker has made room before the next operation.  Beside that the same
 * with the kernel's drm_mm, if it was compiled in, and its scan for eviction, for which the oldest
 * extents are offered first.  What is evicted moves to where there is room; if there is none it is
 * put out, and counts as refused, as it has no place in this space any more.
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
#include "../lab/user/user.h"
#include "peers/indexes.h"

#define SPACE			(1UL << 16)
#define MOST_SPACE		(1UL << 20)
#define LARGE			512UL
#define LARGEST_SMALL		32UL
#define MOST_LIVE		SPACE
#define MOST_LARGE		8U
#define EVERY			64UL
#define DEFAULT_OPERATIONS	60000UL
#define MOST			100000000UL

/* When extents are moved. */
enum way {
	NEVER,
	IN_BACKGROUND,
	ON_DEMAND,
};

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
	unsigned long align;
	bool movable;
	struct lab_area area;
	bool in_buddy;
	/* In drm_mm: the area there, and the operation that allocated it. */
	struct lab_area scanned;
	bool in_scanned;
	unsigned long since;
};

static struct vmap_arena arena;
static struct holder small[MOST_LIVE];
static struct holder large[MOST_LARGE];
static unsigned long live, used, in_large;
/* Units of the arena; whose each is. */
static unsigned long space = SPACE;
static struct holder *owner[MOST_SPACE];
static void *buddy;
static unsigned long seed = 1, operations = DEFAULT_OPERATIONS, state;
static struct lab_load replayed;
static bool checked, compacts;

/* What a load comes to. */
static struct {
	unsigned long asked, buddy, fit, compacted;
	unsigned long won, cheapest;
	/* Units refused by the arena, and by the buddy system; served after compaction. */
	unsigned long lacked, buddy_lacked, served;
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

/* The lowest place for the units of @holder below @end that owners leave; or the space's end. */
static unsigned long lowest_place(const struct holder *holder, unsigned long end)
{
	unsigned long i, run = 0, start;

	for (i = 0; i < end; i++) {
		run = owner[i] ? 0 : run + 1;
		start = i + 1 - holder->size;
		if (run >= holder->size && start % holder->align == 0)
			return start;
	}
	return space;
}

static int move(struct vmap_extent *extent, unsigned long to, void *data)
{
	struct holder *holder = data;

	if (checked && (vmap_extent_start(extent) != holder->at || holder->extent != extent ||
			to != lowest_place(holder, holder->at)))
		fail("%lu units at %lu are to go to %lu", holder->size, holder->at, to);
	own(holder->at, holder->size, NULL);
	own(to, holder->size, holder);
	holder->at = to;
	return 0;
}

static unsigned long longest_free(void)
{
	unsigned long i, run = 0, longest = 0;

	for (i = 0; i < space; i++) {
		run = owner[i] ? 0 : run + 1;
		longest = max(longest, run);
	}
	return longest;
}

/* The fewest busy units in a window of @size units without a pin; 0: there is none. */
static unsigned long cheapest_window(unsigned long size)
{
	unsigned long i, busy = 0, pins = 0, least = space;

	for (i = 0; i < space; i++) {
		busy += !!owner[i];
		pins += owner[i] && !owner[i]->movable;
		if (i >= size) {
			busy -= !!owner[i - size];
			pins -= owner[i - size] && !owner[i - size]->movable;
		}
		if (i + 1 >= size && !pins)
			least = min(least, busy);
	}
	return least < space ? least : 0;
}

/* Is each unit where its holder says, and the free tree whole? */
static void check(void)
{
	const char *wrong = free_tree_check(&arena.cache.purge.space.tree);
	unsigned long i, busy = 0;

	if (wrong)
		fail("%s", wrong);
	for (i = 0; i < MOST_LIVE; i++)
		if (small[i].extent && vmap_extent_start(small[i].extent) != small[i].at)
			fail("an extent at %lu says %lu", small[i].at,
			     vmap_extent_start(small[i].extent));
	for (i = 0; i < space; i++)
		busy += !!owner[i];
	if (busy + arena.cache.purge.space.tree.units != space)
		fail("%lu units are busy, %lu free, of %lu", busy,
		     arena.cache.purge.space.tree.units, space);
}

/*
 * Let @holder have @size units, here and in the buddy system.  Return whether there is room here.
 */
static bool allocate(struct holder *holder, unsigned long size, unsigned long align,
		     unsigned int movable)
{
	struct lab_request request = { .size = size, .align = align, .hi = space };
	struct vmap_extent *extent = vmap_extent_alloc(&arena, size, align, GFP_KERNEL);

	holder->extent = NULL;
	holder->in_buddy = !lab_buddy.alloc(buddy, &request, &holder->area);
	if (IS_ERR(extent)) {
		if (checked && arena.compaction.background)
			check();
		return false;
	}
	holder->extent = extent;
	holder->at = vmap_extent_start(extent);
	holder->size = size;
	holder->align = align;
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
	*last = (struct holder){};
	own(holder->at, holder->size, NULL);
	own(holder->at, holder->size, holder);
	if (holder->movable && vmap_extent_set_movable(&arena, holder->extent, move, holder))
		fail("a mover cannot be replaced");
}

/*
 * Compact for a request of @size units.  Return whether the arena says that it fits now; a request
 * that needs an alignment may need more.
 */
static bool compact(unsigned long size)
{
	unsigned long before = longest_free(), cheapest = cheapest_window(size);
	int err = vmap_arena_compact(&arena, size);

	if (checked)
		check();
	if (checked && !err != (longest_free() >= size))
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

	fit = allocate(holder, LARGE, 1, 0);
	sums.asked++;
	sums.buddy += holder->in_buddy;
	sums.fit += fit;
	if (fit || !compacts)
		return;
	release(holder);
	if (compact(LARGE)) {
		if (!allocate(holder, LARGE, 1, 0))
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
		if (allocate(&small[live], size, 1, load->movable))
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

/* Ask for what an operation of the lab's load asks for; if it does not fit, compact for it. */
static void ask_as_recorded(const struct lab_request *request, struct holder *holder,
			    unsigned int movable)
{
	bool fit = allocate(holder, request->size, request->align, movable);

	sums.buddy_lacked += holder->in_buddy ? 0 : request->size;
	if (!fit && compacts) {
		release(holder);
		if (compact(request->size + request->align - 1))
			fit = allocate(holder, request->size, request->align, movable);
		sums.served += fit ? request->size : 0;
	}
	sums.lacked += fit ? 0 : request->size;
}

/* A recorded area is free as soon as it is lazy: range arenas have no TLB to wait for. */
static void replay(const struct load *load)
{
	unsigned long i;

	for (i = 0; i < replayed.nr_ops; i++) {
		const struct lab_op *op = &replayed.ops[i];

		if (op->kind == LAB_ALLOC)
			ask_as_recorded(&op->request, &small[op->slot], load->movable);
		else
			release(&small[op->slot]);
	}
	for (i = 0; i < replayed.slots; i++)
		release(&small[i]);
}

/* The most units that are live at once in the lab's load. */
static unsigned long most_live(void)
{
	unsigned long *sizes = lab_zalloc(replayed.slots * sizeof(*sizes)), units = 0, most = 0, i;
	const struct lab_op *op;

	if (!sizes)
		fail("no memory for a load");
	for (i = 0; i < replayed.nr_ops; i++) {
		op = &replayed.ops[i];
		units -= sizes[op->slot];
		sizes[op->slot] = op->kind == LAB_ALLOC ? op->request.size : 0;
		units += sizes[op->slot];
		most = max(most, units);
	}
	lab_release(sizes);
	return most;
}

/* Play @load in a new arena. */
static void run(const struct load *load, enum way way, struct vmap_arena_stats *stats)
{
	const struct lab_space units = { .end = space, .areas = MOST_LIVE };
	const char *wrong;
	unsigned int i;

	memset(&sums, 0, sizeof(sums));
	state = seed * 2654435761UL + 1;
	compacts = way == ON_DEMAND;
	play_open(&arena, space, false);
	arena.compaction.background = way == IN_BACKGROUND;
	buddy = lab_buddy.create(&units);
	if (IS_ERR(buddy))
		fail("no memory for a buddy system");
	if (replayed.nr_ops)
		replay(load);
	else
		play(load);
	vcompact_stats(&arena, stats);
	while (live)
		release_small(live - 1);
	for (i = 0; i < MOST_LARGE; i++)
		release(&large[i]);
	lab_buddy.destroy(buddy);
	wrong = play_close(&arena, space);
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

	run(load, NEVER, &stats);
	printf("%4u %8u %7.1f %8.1f", load->full, load->movable, percent(sums.buddy),
	       percent(sums.fit));
	run(load, IN_BACKGROUND, &stats);
	printf(" %9.1f", percent(sums.fit));
	run(load, ON_DEMAND, &stats);
	printf(" %9.1f %8.1f %8.1f %7.2f %9.2f\n", percent(sums.fit + sums.compacted),
	       percent(sums.fit), sums.compacted ? (double)stats.moved / sums.compacted : 0,
	       sums.won ? (double)stats.moved_units / sums.won : 0,
	       sums.won ? (double)sums.cheapest / sums.won : 0);
	fflush(stdout);
}

#ifdef PEER_6_12
/* What the replay with evictions comes to, in units. */
static struct {
	unsigned long refused, served, moved, put_out;
} evicted;

static void *scanner;

static bool insert(struct holder *holder, unsigned long now)
{
	const struct lab_request request = {
		.size = holder->size,
		.align = holder->align,
		.hi = space,
	};

	holder->in_scanned = !drm_mm_6_12.alloc(scanner, &request, &holder->scanned);
	holder->since = now;
	return holder->in_scanned;
}

static void take_out(struct holder *holder)
{
	if (holder->in_scanned)
		drm_mm_6_12.free(scanner, &holder->scanned);
	holder->in_scanned = false;
}

static int by_age(const void *left, const void *right)
{
	const struct holder *a = *(const struct holder *const *)left;
	const struct holder *b = *(const struct holder *const *)right;

	return a->since < b->since ? -1 : a->since > b->since;
}

/* All that may be moved, the oldest first; how many. */
static unsigned long candidates(struct holder **all, const struct lab_area **areas)
{
	unsigned long count = 0, i;

	for (i = 0; i < replayed.slots; i++)
		if (small[i].in_scanned && small[i].movable)
			all[count++] = &small[i];
	qsort(all, count, sizeof(*all), by_age);
	for (i = 0; i < count; i++)
		areas[i] = &all[i]->scanned;
	return count;
}

/* Evict what the scan says; then let @holder have its units, and what was evicted what is left. */
static bool evict_for(struct holder *holder, unsigned long now)
{
	static struct holder *all[MOST_LIVE];
	static const struct lab_area *areas[MOST_LIVE];
	static bool goes[MOST_LIVE];
	const struct lab_request request = {
		.size = holder->size,
		.align = holder->align,
		.hi = space,
	};
	unsigned long count = candidates(all, areas), i;

	memset(goes, 0, sizeof(goes));
	if (!drm_mm_6_12.evict(scanner, &request, count, areas, goes))
		return false;
	for (i = 0; i < count; i++)
		if (goes[i])
			take_out(all[i]);
	if (!insert(holder, now))
		fail("what was evicted is too little");
	for (i = 0; i < count; i++) {
		if (!goes[i])
			continue;
		if (insert(all[i], all[i]->since))
			evicted.moved += all[i]->size;
		else
			evicted.put_out += all[i]->size;
	}
	return true;
}

static void ask_scanner(const struct lab_op *op, unsigned int movable, unsigned long now)
{
	struct holder *holder = &small[op->slot];

	holder->size = op->request.size;
	holder->align = op->request.align;
	holder->movable = draw(100) < movable;
	if (insert(holder, now))
		return;
	if (evict_for(holder, now))
		evicted.served += holder->size;
	else
		evicted.refused += holder->size;
}

/* The same load in drm_mm, with its scan for eviction where compaction would be. */
static void replay_with_evictions(const struct load *load)
{
	const struct lab_space units = { .end = space, .areas = MOST_LIVE };
	unsigned long i;

	memset(&evicted, 0, sizeof(evicted));
	state = seed * 2654435761UL + 1;
	scanner = drm_mm_6_12.create(&units);
	if (IS_ERR(scanner))
		fail("no memory for drm_mm");
	for (i = 0; i < replayed.nr_ops; i++)
		if (replayed.ops[i].kind == LAB_ALLOC)
			ask_scanner(&replayed.ops[i], load->movable, i);
		else
			take_out(&small[replayed.ops[i].slot]);
	for (i = 0; i < replayed.slots; i++)
		take_out(&small[i]);
	drm_mm_6_12.destroy(scanner);
	printf(" %8lu %7lu %7lu %7lu", evicted.refused + evicted.put_out, evicted.put_out,
	       evicted.served, evicted.moved);
}
#else
static void replay_with_evictions(const struct load *load)
{
	printf(" %8s %7s %7s %7s", "-", "-", "-", "-");
}
#endif

static void measure_replay(const struct load *load)
{
	struct vmap_arena_stats stats = {};
	unsigned long most = most_live();

	space = DIV_ROUND_UP(100 * most, load->full);
	if (space > MOST_SPACE || replayed.slots > MOST_LIVE)
		refuse("bench_compact: expected at most %lu areas, in %lu units", MOST_LIVE,
		       MOST_SPACE);
	run(load, NEVER, &stats);
	printf("%4u %8u %8lu %8lu", load->full, load->movable, sums.buddy_lacked, sums.lacked);
	run(load, IN_BACKGROUND, &stats);
	printf(" %8lu %7lu", sums.lacked, stats.moved_units);
	run(load, ON_DEMAND, &stats);
	printf(" %8lu %7lu %7lu", sums.lacked, sums.served, stats.moved_units);
	replay_with_evictions(load);
	putchar('\n');
	fflush(stdout);
}

static void replay_all(void)
{
	static const struct load replays[] = {
		{ 80, 100 }, { 90, 100 }, { 95, 100 }, { 99, 100 }, { 80, 50 }, { 90, 50 },
		{ 95, 50 },
	};
	unsigned int i;

	printf("%s, in %lu units where most are live:\n\n", replayed.name, most_live());
	printf("%31s %16s %24s %32s\n", "nothing", "in background", "compaction",
	       "drm_mm, evictions");
	printf("%4s %8s %8s %8s %8s %7s %8s %7s %7s %8s %7s %7s %7s\n", "full", "movable",
	       "buddy", "moved", "refused", "moved", "refused", "served", "moved", "refused",
	       "put out", "served", "moved");
	for (i = 0; i < sizeof(replays) / sizeof(*replays); i++)
		measure_replay(&replays[i]);
	lab_load_free(&replayed);
}

void die(const char *format, ...)
{
	va_list arguments;

	fputs("bench_compact: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(2);
}

static void make_load(const char *trace, struct lab_shape *shape)
{
	if (trace) {
		read_trace(&replayed, trace);
		return;
	}
	shape->seed = seed;
	shape->ops = operations;
	if (lab_workload_make(&replayed, shape))
		die("--workload: '%s' cannot be made", shape->workload);
}

int main(int argc, char **argv)
{
	struct lab_shape shape = { .n = 1000, .space = MOST_SPACE };
	const char *trace = NULL;
	const struct program_option options[] = {
		{ .name = "--seed", .number = &seed, .max = MOST },
		{ .name = "--operations", .number = &operations, .min = 4 * EVERY, .max = MOST },
		{ .name = "--check", .flag = &checked },
		{ .name = "--trace", .text = &trace },
		{ .name = "--workload", .text = &shape.workload },
		{ .name = "--n", .number = &shape.n, .min = 1, .max = MOST_LIVE },
		{ }
	};
	unsigned int i;

	read_options(argc, argv,
		     "usage: bench_compact [--seed N] [--operations N] [--check]\n"
		     "       bench_compact --trace FILE | --workload NAME [--n N] [option]...\n",
		     options);
	if (trace || shape.workload) {
		make_load(trace, &shape);
		replay_all();
		return 0;
	}
	printf("Of 100 requests for %lu units, where small extents have up to %lu, fit:\n\n", LARGE,
	       LARGEST_SMALL);
	printf("full movable   buddy  nothing        in       with    no own  extents   moved");
	printf("  cheapest\n"
	       "   %%       %%             moved  backgr. compaction  compact.    moved per won   per won\n");
	for (i = 0; i < sizeof(loads) / sizeof(*loads); i++)
		measure(&loads[i]);
	return 0;
}
