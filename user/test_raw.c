// SPDX-License-Identifier: GPL-2.0
/*
 * test_raw.c - what an arena asks for where a real-time kernel allows little
 *
 * With PREEMPT_RT no page and no slab object may be asked for or freed where preemption is off.
 * The arena's files are compiled as for such a kernel (PLAY_RT, see kernel.h); the one thread turns
 * its preemption off, calls, and whatever the arena then asks of mm is counted.  Work that is
 * queued there is done later, as a worker would do it.
 *
 * When mm is asked is looked at, too: not for the sake of an arena that may be gone.
 *
 * No page is ever had here, so of memory only what is refused is looked at.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "playground.h"
#include "tap.h"

#define SPACE		(1UL << 16)
#define MANY		600U

/* A size that is cached. */
#define CACHED		10U

/* More misses than make a magazine worth it. */
#define MISSES		16

struct vmap_span *vspan_front[SPAN_FRONT_SIZE];

static struct vmap_arena arena;
static struct vmap_span span;
static struct work_struct *queued;
static unsigned int calls;
/* Frees, with the one that is under way; and calls of mm after that one was counted. */
static unsigned long begun;
static unsigned int late;

/* What never happens here. */
void no_such_call(void);
void no_such_call(void)
{
	fprintf(stderr, "test_raw: the arena did what it never does\n");
	abort();
}

static unsigned long frees(void)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu_ptr(arena.cache.cpu, cpu)->stored +
		       per_cpu_ptr(arena.cache.purge.space.calls, cpu)->frees;
	return sum;
}

void call_mm(void)
{
	calls += this_cpu.raw;
	late += begun && frees() >= begun;
}

void play_work(struct work_struct *work)
{
	if (this_cpu.raw)
		queued = work;
	else
		work->function(work);
}

void on_each_cpu_cond(bool (*asked)(int cpu, void *argument), void (*function)(void *argument),
		      void *argument, bool wait)
{
	calls += this_cpu.raw;
	play_each_cpu(asked, function, argument);
}

void vtake_keep_reserve(struct vmap_cache *of, gfp_t gfp)
{
}

struct vmap_span *vspan_look_up(unsigned long addr)
{
	return &span;
}

unsigned int alloc_pages_bulk_node(gfp_t gfp, int node, unsigned int count, struct page **pages)
{
	call_mm();
	return 0;
}

struct page *alloc_pages_node(int node, gfp_t gfp, unsigned int order)
{
	call_mm();
	return NULL;
}

unsigned int vstock_take(struct vmap_stock *stock, int node, struct page **pages,
			 unsigned int count)
{
	call_mm();
	return 0;
}

void vwin_map(struct vmap_window *window, unsigned long addr, struct page **pages,
	      unsigned int count, pgprot_t prot)
{
}

void vwin_count_pages(struct page **pages, unsigned int count, int step)
{
}

unsigned long vpurge_free(struct vmap_purge *of, struct vmap_extent *extent)
{
	free(extent);
	return 0;
}

static void raw(bool on)
{
	this_cpu.raw = on;
	if (on)
		calls = 0;
	if (!on && queued)
		queued->function(queued);
	queued = NULL;
}

/* End the arena's life.  Of all that is wrong, what was found first. */
static const char *what_is_wrong(unsigned long end, const char *before)
{
	const char *wrong = play_close(&arena, end);

	return before ?: wrong;
}

static void pairs(unsigned int count, unsigned long size)
{
	while (count--)
		vmap_extent_free(&arena, vmap_extent_alloc(&arena, size, 1, GFP_NOWAIT));
}

static bool has_magazine(unsigned int class)
{
	return this_cpu_ptr(arena.cache.cpu)->magazine[class]->capacity;
}

static const char *test_demand(void)
{
	const char *wrong = NULL;

	play_open(&arena, SPACE, true);
	pairs(1, 3);
	raw(true);
	pairs(MISSES, 3);
	if (calls || has_magazine(3))
		wrong = "a magazine was made";
	raw(false);
	pairs(MISSES, 3);
	if (!wrong && !has_magazine(3))
		wrong = "none was made afterwards, so this shows nothing";
	raw(true);
	pairs(MISSES, 3);
	if (!wrong && calls)
		wrong = "mm was called though there is a magazine";
	raw(false);
	return what_is_wrong(SPACE, wrong);
}

static const char *test_spares(void)
{
	struct vmap_extent *extent[MANY];
	const char *wrong = NULL;
	unsigned int got = 0, i;

	play_open(&arena, SPACE, true);
	pairs(1, 200);
	raw(true);
	while (got < MANY && !IS_ERR(extent[got] = vmap_extent_alloc(&arena, 200, 1, GFP_NOWAIT)))
		got++;
	if (calls)
		wrong = "the slab was asked";
	else if (!got || got == MANY)
		wrong = "the spares were none, or no end of them";
	else if (PTR_ERR(extent[got]) != -ENOMEM)
		wrong = "the error is another than -ENOMEM";
	for (i = 0; i < got; i++)
		vmap_extent_free(&arena, extent[i]);
	if (!wrong && calls)
		wrong = "a free asked the slab";
	raw(false);
	extent[0] = vmap_extent_alloc(&arena, 200, 1, GFP_NOWAIT);
	if (!wrong && IS_ERR(extent[0]))
		wrong = "the spares did not come back";
	vmap_extent_free(&arena, extent[0]);
	return what_is_wrong(SPACE, wrong);
}

/* There is room only if what is cached is given up. */
static const char *test_drain(void)
{
	struct vmap_extent *extent[10];
	const char *wrong = NULL;
	unsigned int i;

	play_open(&arena, 100, true);
	pairs(MISSES, 10);
	for (i = 0; i < ARRAY_SIZE(extent); i++)
		extent[i] = vmap_extent_alloc(&arena, 10, 1, GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(extent); i++)
		vmap_extent_free(&arena, extent[i]);
	raw(true);
	extent[0] = vmap_extent_alloc(&arena, 100, 1, GFP_NOWAIT);
	if (IS_ERR(extent[0]))
		wrong = "what is cached was not given up";
	else if (calls)
		wrong = "mm was called, or another CPU";
	vmap_extent_free(&arena, extent[0]);
	raw(false);
	return what_is_wrong(100, wrong);
}

/*
 * All room is cached, most of it in the depot.  A call with bounds, which the cache does not serve,
 * takes a batch there when there is no room elsewhere, and leaves the rest.
 */
static const char *test_drain_a_batch(void)
{
	unsigned long before, most = 0, space = MANY * CACHED;
	struct vmap_extent *extent[MANY];
	unsigned int got, i;

	play_open(&arena, space, true);
	pairs(MISSES, CACHED);
	for (i = 0; i < MANY; i++)
		extent[i] = vmap_extent_alloc(&arena, CACHED, 1, GFP_KERNEL);
	for (i = 0; i < MANY; i++)
		vmap_extent_free(&arena, extent[i]);
	raw(true);
	for (got = 0; got < MANY; got++) {
		before = arena.cache.depot_quanta;
		extent[got] = vmap_extent_alloc_range(&arena, CACHED, 1, 0, space, GFP_NOWAIT);
		if (IS_ERR(extent[got]))
			break;
		most = max(most, before - arena.cache.depot_quanta);
	}
	raw(false);
	for (i = 0; i < got; i++)
		vmap_extent_free(&arena, extent[i]);
	return what_is_wrong(space, got < MANY ? "not all room was found" :
			     !most ? "the depot had nothing, so this shows nothing" :
			     most > space / 10 ? "one call gave up what many need" : NULL);
}

/*
 * A CPU that only frees wants a magazine in the middle of a free.  Once that is counted it may have
 * been the last, and the arena gone.
 */
static const char *test_last_free(void)
{
	struct vmap_extent *extent[MISSES];
	bool made;
	unsigned int i;

	play_open(&arena, SPACE, true);
	pairs(MISSES, CACHED);
	for (i = 0; i < MISSES; i++)
		extent[i] = vmap_extent_alloc(&arena, CACHED, 1, GFP_KERNEL);
	late = 0;
	this_cpu.offset = PERCPU_SIZE;
	for (i = 0; i < MISSES; i++) {
		begun = frees() + 1;
		vmap_extent_free(&arena, extent[i]);
	}
	begun = 0;
	made = has_magazine(CACHED);
	this_cpu.offset = 0;
	return what_is_wrong(SPACE, !made ? "no magazine was made, so this shows nothing" :
			     late ? "mm was called after the free was counted" : NULL);
}

static const char *test_memory(void)
{
	const char *wrong = NULL;
	void *addr;

	play_open(&arena, SPACE, true);
	pairs(1, 3);
	arena.cache.purge.space.memory = true;
	arena.cache.memory_align = PAGE_SIZE;
	raw(true);
	addr = vmap_arena_alloc(&arena, 1, 1, GFP_ATOMIC, NUMA_NO_NODE);
	if (calls)
		wrong = "pages were asked for";
	else if (addr)
		wrong = "an address was given out";
	raw(false);
	arena.cache.memory_align = 0;
	arena.cache.purge.space.memory = false;
	return what_is_wrong(SPACE, wrong);
}

static const struct tap_test tests[] = {
	{ "demand makes no magazine where the slab may not be asked", test_demand },
	{ "an extent is cut with the spares that are there, or not at all", test_spares },
	{ "what is cached is given up without the slab", test_drain },
	{ "one call gives up a batch of what is cached, and what it needs", test_drain_a_batch },
	{ "a magazine for a free is made before that is counted", test_last_free },
	{ "memory that is not cached is refused before pages are asked for", test_memory },
};

int main(void)
{
	tap_run(tests, ARRAY_SIZE(tests));
	return tap_end();
}
