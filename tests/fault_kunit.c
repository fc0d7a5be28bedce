// SPDX-License-Identifier: GPL-2.0
/*
 * fault_kunit.c - each allocation that a call makes is made to fail in turn
 *
 * The kernel's fault injection lets a task say that its Nth allocation from now on, slab or page,
 * shall fail.  Each call is made with N = 1, 2, 3, ... until one goes by with no allocation left to
 * fail.  After each the call must have done all or nothing, and the invariants must hold.  What was
 * not given back shows as memory that no pointer leads to: run kmemleak afterwards.
 *
 * In the guest, failslab and fail_page_alloc must be told to fail allocations that may sleep, and
 * single pages; and to fail each of a task that asks for it: see scripts/guest/kunit-lib.sh.
 */
#include <linux/fault-inject.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "vmap_kunit.h"

#define MOST_FAULTS	5000

/* What is so aligned finds one place at most in a span. */
#define RARE_ALIGN(span)	max(roundup_pow_of_two(span), 4 * WINDOW_GRAIN)
/* Likewise; and a span with such a place takes several nodes of an xarray to map. */
#define FAR_ALIGN	(128 * PMD_SIZE)
/* Of all allocations in the import of such a span, the map of spans makes some of the last ones. */
#define LAST_FAULTS	15U
/* An import may allocate so many more than another. */
#define MORE_FAULTS	5U

/* Faults to be met while pages are mapped, and in how many calls at the most. */
#define MAP_FAULTS	20
#define MOST_MAPPED	100

/**
 * struct attempt - a call to be made again and again
 * @call: makes it, with kt_fail_nth() before and injected() after; gives back what it got; returns
 *	whether it succeeded
 * @arena: where; NULL if the call creates one
 * @size: of the request
 * @align: of the request
 * @gfp: of the request
 */
struct attempt {
	bool (*call)(struct kunit *test, const struct attempt *attempt, unsigned int nth);
	struct vmap_arena *arena;
	unsigned long size;
	unsigned long align;
	gfp_t gfp;
};

#ifdef CONFIG_FAULT_INJECTION
/* No more faults.  Return whether there was one. */
static bool injected(void)
{
	bool happened = !current->fail_nth;

	current->fail_nth = 0;
	return happened;
}

/* How many more allocations will succeed before the fault? */
static unsigned int still_to_come(void)
{
	return current->fail_nth;
}
#else
static unsigned int still_to_come(void)
{
	return 0;
}

static bool injected(void)
{
	return false;
}
#endif

/* Was there a fault in the last call? */
static bool happened;

/* Make the call until it goes by without a fault. */
static void each_fault(struct kunit *test, const struct attempt *attempt)
{
	unsigned int nth, survived = 0;
	bool good = false;

	for (nth = 1; nth < MOST_FAULTS; nth++) {
		good = attempt->call(test, attempt, nth);
		if (attempt->arena)
			kt_verify(test, attempt->arena);
		if (!happened)
			break;
		survived += good;
		if (attempt->gfp & __GFP_NOFAIL)
			KUNIT_EXPECT_TRUE_MSG(test, good, "it failed at fault %u", nth);
		cond_resched();
	}
	KUNIT_EXPECT_TRUE_MSG(test, good, "it failed without a fault");
	KUNIT_EXPECT_GT_MSG(test, nth, 1, "no fault happened: is the injection set up?");
	kunit_info(test, "%u faults, %u of them survived", nth - 1, survived);
}

static bool finish_create(struct kunit *test, struct vmap_arena *arena)
{
	happened = injected();
	if (IS_ERR(arena)) {
		KUNIT_EXPECT_EQ(test, PTR_ERR(arena), -ENOMEM);
		return false;
	}
	KUNIT_EXPECT_EQ(test, vmap_arena_destroy(arena), 0);
	return true;
}

static bool create_memory(struct kunit *test, const struct attempt *attempt, unsigned int nth)
{
	kt_fail_nth(nth);
	return finish_create(test, vmap_arena_create("kunit-fault", 0));
}

static bool create_range(struct kunit *test, const struct attempt *attempt, unsigned int nth)
{
	kt_fail_nth(nth);
	return finish_create(test, vmap_arena_create_range("kunit-fault", 0, 1 << 20, 16));
}

static bool alloc_memory(struct kunit *test, const struct attempt *attempt, unsigned int nth)
{
	unsigned long busy = kt_stats(attempt->arena).busy;
	void *addr;

	kt_fail_nth(nth);
	addr = vmap_arena_alloc(attempt->arena, attempt->size, attempt->align, attempt->gfp,
				NUMA_NO_NODE);
	happened = injected();
	if (addr)
		kt_stamp(addr, attempt->size, nth);
	vmap_free(addr);
	vmap_arena_purge(attempt->arena);
	KUNIT_EXPECT_EQ(test, kt_stats(attempt->arena).busy, busy);
	return addr;
}

static bool alloc_extent(struct kunit *test, const struct attempt *attempt, unsigned int nth)
{
	unsigned long busy = kt_stats(attempt->arena).busy;
	struct vmap_extent *extent;

	kt_fail_nth(nth);
	extent = vmap_extent_alloc(attempt->arena, attempt->size, attempt->align, attempt->gfp);
	happened = injected();
	vmap_extent_free(attempt->arena, extent);
	vmap_arena_purge(attempt->arena);
	KUNIT_EXPECT_EQ(test, kt_stats(attempt->arena).busy, busy);
	return !IS_ERR(extent);
}

static int fault_init(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_FAULT_INJECTION))
		kunit_skip(test, "the kernel has no fault injection");
	return 0;
}

static void creating_a_memory_arena(struct kunit *test)
{
	each_fault(test, &(struct attempt){ .call = create_memory });
}

static void creating_a_range_arena(struct kunit *test)
{
	each_fault(test, &(struct attempt){ .call = create_range });
}

static void allocating_memory(struct kunit *test)
{
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_KERNEL | __GFP_ZERO, GFP_NOWAIT, GFP_ATOMIC };
	struct attempt attempt = { .call = alloc_memory, .size = 70 * PAGE_SIZE, .align = 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gfps); i++) {
		attempt.arena = kt_memory(test, VMAP_ARENA_NOCACHE);
		attempt.gfp = gfps[i];
		each_fault(test, &attempt);
		attempt.arena = kt_memory(test, 0);
		each_fault(test, &attempt);
	}
}

/* One page that fails is asked for again.  Here none is to be had, and the extent must go back. */
static void allocating_without_pages(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	struct vmap_arena_stats stats;
	void *addr;

	vmap_free(kt_pages(arena, 70, GFP_KERNEL));
	vmap_arena_purge(arena);
	kt_starve(true);
	addr = kt_pages(arena, 70, GFP_KERNEL | __GFP_NOWARN);
	kt_starve(false);
	KUNIT_EXPECT_NULL(test, addr);
	vmap_free(addr);
	vmap_arena_purge(arena);
	stats = kt_stats(arena);
	KUNIT_EXPECT_EQ(test, stats.busy, 0);
	KUNIT_EXPECT_EQ(test, stats.fails, 1);
	kt_verify(test, arena);
}

/*
 * Take the place for an area that begins at a multiple of @align, if the only span of @arena has
 * one.  The rest of the span stays free: a worker imports ahead where little is free, and what the
 * worker has imported may have such a place, too.  Return whom to free, or NULL.
 */
static void *take_aligned_place(struct kunit *test, struct vmap_arena *arena, unsigned long align)
{
	unsigned long span = kt_stats(arena).reserved, start, place;
	void *lowest, *taken;

	kt_stay_in_first_shard(arena);
	lowest = kt_pages(arena, 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, lowest);
	KUNIT_ASSERT_GE(test, align, span);
	start = (unsigned long)lowest;
	place = ALIGN(start, align);
	if (place == start)
		return lowest;
	taken = place - start < span - PAGE_SIZE ?
		vmap_arena_alloc(arena, PAGE_SIZE, align, GFP_KERNEL, NUMA_NO_NODE) : NULL;
	KUNIT_EXPECT_TRUE(test, !taken || (unsigned long)taken == place);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserved, span);
	vmap_free(lowest);
	return taken;
}

/* What must not fail goes on where it was: with pages, with room, and with a span to import. */
static void allocating_what_must_not_fail(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	struct attempt attempt = {
		.call = alloc_memory, .arena = arena, .size = 70 * PAGE_SIZE, .align = 1,
		.gfp = GFP_KERNEL | __GFP_NOFAIL,
	};
	void *addr;

	each_fault(test, &attempt);
	kt_starve(true);
	addr = kt_pages(arena, 70, attempt.gfp);
	kt_starve(false);
	KUNIT_EXPECT_NOT_NULL(test, addr);
	vmap_free(addr);
	vmap_arena_purge(arena);
	WRITE_ONCE(arena->cache.purge.space.limit, 0);
	attempt.size = PAGE_SIZE;
	attempt.align = RARE_ALIGN(kt_stats(arena).reserved);
	addr = take_aligned_place(test, arena, attempt.align);
	each_fault(test, &attempt);
	vmap_free(addr);
}

/* Each attempt finds no place so aligned and has to import a span, which it then gives back. */
static void importing_a_span(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	struct attempt attempt = {
		.call = alloc_memory, .arena = arena, .gfp = GFP_KERNEL, .size = PAGE_SIZE,
		.align = RARE_ALIGN(kt_stats(arena).reserved),
	};
	void *taken;

	WRITE_ONCE(arena->cache.purge.space.limit, 0);
	taken = take_aligned_place(test, arena, attempt.align);
	each_fault(test, &attempt);
	vmap_free(taken);
}

/*
 * Import a large span, where all allocations from the @nth on fail: after a single fault the map of
 * spans would ask again.  Return how often the task slept.
 */
static unsigned long sleeps_in_import(struct vmap_arena *arena, unsigned int nth,
				      unsigned int *left)
{
	unsigned long before;
	void *addr;

	kt_starve(true);
	kt_fail_nth(nth);
	before = current->nvcsw;
	addr = vmap_arena_alloc(arena, PAGE_SIZE, FAR_ALIGN, GFP_KERNEL, NUMA_NO_NODE);
	before = current->nvcsw - before;
	*left = still_to_come();
	injected();
	kt_starve(false);
	vmap_free(addr);
	vmap_arena_purge(arena);
	return before;
}

/*
 * The map of spans needs several nodes for so large a span, and allocates them one by one, after
 * all else that an import allocates.  When the last one cannot be had the span can be found already
 * by what was mapped before, so whoever did must be waited for.  Nothing else in an import sleeps.
 * How much an import allocates depends on what the slab and the kernel's page tables have already.
 */
static void a_span_mapped_in_part_waits_for_readers(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned int all = 1U << 30, least = all, left, nth, i;
	unsigned long sleeps = 0;
	void *taken;

	if (FAR_ALIGN >> PAGE_SHIFT > totalram_pages() / 4)
		kunit_skip(test, "this takes a guest with more memory");
	WRITE_ONCE(arena->cache.purge.space.limit, 0);
	taken = take_aligned_place(test, arena, FAR_ALIGN);
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_EQ(test, sleeps_in_import(arena, all, &left), 0);
		least = min(least, all - left);
	}
	for (nth = least + MORE_FAULTS; nth && nth + LAST_FAULTS > least && !sleeps; nth--)
		sleeps = sleeps_in_import(arena, nth, &left);
	vmap_free(taken);
	kt_verify(test, arena);
	KUNIT_EXPECT_GT(test, sleeps, 0);
	kunit_info(test, "%u allocations; slept when those after the %uth failed", least, nth);
}

/* The spares are drunk up by the extents kept here, so that each attempt has to get new ones. */
static void splitting_extents(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, 1 << 20, 1);
	struct attempt attempt = {
		.call = alloc_extent, .arena = arena, .size = 5, .align = 64,
	};
	struct vmap_extent *kept[40];
	unsigned int i, faults = 0;

	for (i = 0; i < ARRAY_SIZE(kept); i++) {
		kept[i] = vmap_extent_alloc(arena, 3, 1 << (i % 7), GFP_KERNEL);
		attempt.gfp = i & 1 ? GFP_KERNEL : GFP_ATOMIC;
		alloc_extent(test, &attempt, 1);
		faults += happened;
		kt_verify(test, arena);
	}
	KUNIT_EXPECT_GT(test, faults, 0);
	for (i = 0; i < ARRAY_SIZE(kept); i++)
		vmap_extent_free(arena, kept[i]);
}

/*
 * Map @page so often that no free space of the default arena has the room: it takes a new span, and
 * the @nth allocation for that fails, unless @nth is 0.
 */
static void *map_beyond(struct kunit *test, struct page *page, unsigned int nth)
{
	unsigned long count = (kt_stats(NULL).largest_free >> PAGE_SHIFT) + 1, i;
	struct page **pages = kvmalloc_array(count, sizeof(*pages), GFP_KERNEL);
	void *addr;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	for (i = 0; i < count; i++)
		pages[i] = page;
	kt_fail_nth(nth);
	addr = vmap_map_pages(pages, count, PAGE_KERNEL_RO);
	happened = nth && injected();
	kvfree(pages);
	return addr;
}

/*
 * What is mapped stays until the end.  Each call needs a span of its own, for in all else a worker
 * sees to it that a call has to allocate nothing.
 */
static void mapping_pages(struct kunit *test)
{
	void **addr = kunit_kcalloc(test, MOST_MAPPED, sizeof(*addr), GFP_KERNEL);
	unsigned long areas = kt_stats(NULL).areas, mapped = 0;
	unsigned int i, faults = 0;

	KUNIT_ASSERT_NOT_NULL(test, addr);
	for (i = 0; i < MOST_MAPPED && faults < MAP_FAULTS; i++) {
		addr[i] = map_beyond(test, ZERO_PAGE(0), 1 + faults % 4);
		faults += happened;
		mapped += !!addr[i];
	}
	KUNIT_EXPECT_EQ(test, faults, MAP_FAULTS);
	KUNIT_EXPECT_EQ(test, kt_stats(NULL).areas, areas + mapped);
	while (i--)
		vmap_unmap_pages(addr[i]);
	KUNIT_EXPECT_EQ(test, kt_stats(NULL).areas, areas);
	addr[0] = map_beyond(test, ZERO_PAGE(0), 0);
	KUNIT_EXPECT_NOT_NULL(test, addr[0]);
	vmap_unmap_pages(addr[0]);
}

static struct kunit_case fault_cases[] = {
	KUNIT_CASE(creating_a_memory_arena),
	KUNIT_CASE(creating_a_range_arena),
	KUNIT_CASE(allocating_memory),
	KUNIT_CASE(allocating_without_pages),
	KUNIT_CASE(allocating_what_must_not_fail),
	KUNIT_CASE(importing_a_span),
	KUNIT_CASE(a_span_mapped_in_part_waits_for_readers),
	KUNIT_CASE(splitting_extents),
	KUNIT_CASE(mapping_pages),
	{}
};

static struct kunit_suite fault_suite = {
	.name = "vmap_fault", .init = fault_init, .test_cases = fault_cases,
};

kunit_test_suite(fault_suite);
