// SPDX-License-Identifier: GPL-2.0
/*
 * reserve_kunit.c - what vmap_arena_reserve() promises: within the reserve no allocation fails
 *
 * Where the kernel can be told to fail what a task allocates (see scripts/guest/kunit-lib.sh), each
 * allocation of pages and of slab objects by the test fails while it uses the reserve.
 */
#include <linux/irq_work.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"

/* The reserve of most tests: pages, pages of an area, and frees. */
#define PAGES		64
#define AREA_PAGES	8
#define FREES		64

/* The reserve of a range arena: how many extents, and units of each. */
#define SLOTS		32
#define SLOT_UNITS	4

/* The worker flushes at the earliest so long after a free: see RESERVE_DELAY in reserve.c. */
#define FLUSH_DELAY	(HZ / 20)

/* An allocation fails at so many places, one after the other, while a reserve is made. */
#define FAULTS		40

static struct vmap_arena *arena_with(struct kunit *test, unsigned int pages,
				     unsigned int area_pages, unsigned int frees)
{
	struct vmap_arena *arena = kt_memory(test, 0);

	arena->cache.purge.space.limit = 0;
	KUNIT_ASSERT_EQ(test, vmap_arena_reserve(arena, pages * PAGE_SIZE, area_pages, frees), 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve, pages * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve_areas, pages + frees);
	return arena;
}

static void wishes_are_checked(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0), *range = kt_range(test, 0, 8, 1);

	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(arena, 0, 1, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(arena, PAGE_SIZE, 0, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(arena, PAGE_SIZE, 2, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(arena, ULONG_MAX, UINT_MAX, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(range, 0, 1, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(range, 8, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(range, 2, 4, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(range, ULONG_MAX, 1, 0), -ENOMEM);
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(range, 5, 2, 0), -ENOMEM);
	KUNIT_EXPECT_EQ(test, kt_stats(range).free, 8);
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(range, 4, 2, 0), 0);
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(range, 4, 2, 0), -EEXIST);
	KUNIT_EXPECT_EQ(test, kt_stats(range).reserve, 8);
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(arena, ULONG_MAX, 1, 1), -ENOMEM);
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(arena, 2 * totalram_pages() * PAGE_SIZE, 1, 1),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).kept, 0);
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(arena, 1, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(arena, 1, 1, 0), -EEXIST);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve, PAGE_SIZE);
}

/* Whichever allocation fails while a reserve is made, nothing of it stays. */
static void what_cannot_be_had_is_not_kept(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	unsigned int nth, failed = 0;
	int err = -ENOMEM;

	for (nth = 1; nth < FAULTS && err; nth++) {
		kt_fail_nth(nth);
		err = vmap_arena_reserve(arena, PAGES * PAGE_SIZE, AREA_PAGES, FREES);
		kt_fail_nth(0);
		failed += err == -ENOMEM;
		vmap_arena_purge(arena);
		if (err)
			KUNIT_EXPECT_EQ(test, kt_stats(arena).busy, 0);
	}
	if (IS_ENABLED(CONFIG_FAULT_INJECTION))
		KUNIT_EXPECT_GT(test, failed, 0);
}

/* Where there is less address space than wished for, what was found of it is given back. */
static void address_space_may_end(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);

	arena->cache.purge.space.limit = WINDOW_GRAIN;
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(arena, PAGES * PAGE_SIZE, AREA_PAGES, FREES),
			-ENOMEM);
	KUNIT_EXPECT_GT(test, kt_stats(arena).reserved, 0);
	vmap_arena_purge(arena);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).busy, 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve, 0);
	arena->cache.purge.space.limit = 0;
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(arena, PAGES * PAGE_SIZE, AREA_PAGES, FREES), 0);
}

/* Take areas of @pages pages each while this task gets no memory, as many as are set aside. */
static void take_all(struct kunit *test, struct vmap_arena *arena, void **area, unsigned int pages)
{
	unsigned int i;

	kt_starve(true);
	for (i = 0; i < PAGES / pages; i++)
		area[i] = kt_pages(arena, pages, GFP_ATOMIC);
	kt_starve(false);
	for (i = 0; i < PAGES / pages; i++) {
		KUNIT_ASSERT_NOT_NULL(test, area[i]);
		kt_stamp(area[i], pages * PAGE_SIZE, i);
	}
	for (i = 0; i < PAGES / pages; i++)
		KUNIT_EXPECT_TRUE(test, kt_stamped(area[i], pages * PAGE_SIZE, i));
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve, 0);
}

static void give_all(struct kunit *test, struct vmap_arena *arena, void **area, unsigned int pages)
{
	unsigned int i;

	kt_starve(true);
	for (i = 0; i < PAGES / pages; i++)
		vmap_free(area[i]);
	kt_starve(false);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve, PAGES * PAGE_SIZE);
}

/* All that is set aside can be had, in areas of each size, again and again, without more memory. */
static void all_of_it_can_be_had(struct kunit *test)
{
	struct vmap_arena *arena = arena_with(test, PAGES, AREA_PAGES, FREES);
	void **area = kunit_kcalloc(test, PAGES, sizeof(*area), GFP_KERNEL);
	unsigned long imports = kt_stats(arena).imports;
	struct vmap_arena_stats stats;
	unsigned int pages;

	KUNIT_ASSERT_NOT_NULL(test, area);
	for (pages = 1; pages <= AREA_PAGES; pages *= 2) {
		take_all(test, arena, area, pages);
		kt_verify(test, arena);
		give_all(test, arena, area, pages);
		KUNIT_EXPECT_TRUE(test, kt_until(kt_stats(arena).reserve_areas == PAGES + FREES));
	}
	stats = kt_stats(arena);
	KUNIT_EXPECT_EQ(test, stats.reserve_low, 0);
	KUNIT_EXPECT_EQ(test, stats.reserve_areas_low, FREES);
	KUNIT_EXPECT_EQ(test, stats.imports, imports);
	KUNIT_EXPECT_EQ(test, stats.fails, 0);
	KUNIT_EXPECT_EQ(test, stats.areas, 0);
}

struct errand {
	struct vmap_arena *arena;
	struct irq_work irq;
	void *area[AREA_PAGES];
	unsigned int failed;
};

static void use_in_irq(struct irq_work *irq)
{
	struct errand *errand = container_of(irq, struct errand, irq);
	unsigned int i;

	for (i = 0; i < AREA_PAGES; i++) {
		errand->area[i] = kt_pages(errand->arena, i + 1, GFP_ATOMIC);
		errand->failed += !errand->area[i];
	}
	for (i = 0; i < AREA_PAGES; i++)
		vmap_free(errand->area[i]);
}

/* However often the cache misses, no allocation calls the slab for a magazine. */
static void it_makes_no_magazine(struct kunit *test)
{
	struct vmap_arena *arena = arena_with(test, PAGES, 1, FREES);
	void **area = kunit_kcalloc(test, PAGES, sizeof(*area), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, area);
	for (i = 0; i < PAGES; i++) {
		area[i] = kt_pages(arena, 1, GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, area[i]);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&arena->cache.depot[1].magazines), 0);
	for (i = 0; i < PAGES; i++)
		vmap_free(area[i]);
}

static void it_serves_hard_interrupts(struct kunit *test)
{
	struct errand *errand = kunit_kzalloc(test, sizeof(*errand), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, errand);
	errand->arena = arena_with(test, PAGES, AREA_PAGES, FREES);
	errand->irq = IRQ_WORK_INIT_HARD(use_in_irq);
	irq_work_queue(&errand->irq);
	irq_work_sync(&errand->irq);
	KUNIT_EXPECT_EQ(test, errand->failed, 0);
	KUNIT_EXPECT_EQ(test, kt_stats(errand->arena).reserve, PAGES * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, kt_stats(errand->arena).allocs, AREA_PAGES);
}

/*
 * An address that was freed is not handed out before a flush.  The worker cannot have flushed if
 * less time has passed than it waits.
 */
static void an_address_waits_for_a_flush(struct kunit *test)
{
	struct vmap_arena *arena = arena_with(test, 1, 1, 1);
	unsigned int tries;

	for (tries = 0; tries < 100; tries++) {
		unsigned long before, after;
		void *a, *b;

		KUNIT_ASSERT_TRUE(test, kt_until(kt_stats(arena).reserve_areas == 2));
		a = kt_pages(arena, 1, GFP_KERNEL);
		before = jiffies;
		vmap_free(a);
		b = kt_pages(arena, 1, GFP_KERNEL);
		after = jiffies;
		vmap_free(b);
		if (after - before >= FLUSH_DELAY)
			continue;
		KUNIT_EXPECT_PTR_NE(test, a, b);
		return;
	}
	kunit_skip(test, "the host is too busy: no free and allocation within %d ms",
		   jiffies_to_msecs(FLUSH_DELAY));
}

/* A page that somebody else has when its area is freed is theirs; another takes its place. */
static void a_page_in_use_is_replaced(struct kunit *test)
{
	struct vmap_arena *arena = arena_with(test, PAGES, AREA_PAGES, FREES);
	void **area = kunit_kcalloc(test, PAGES, sizeof(*area), GFP_KERNEL);
	void *addr = kt_pages(arena, 3, GFP_KERNEL);
	struct page *page;
	unsigned int i;

	KUNIT_ASSERT_TRUE(test, area && addr);
	KUNIT_EXPECT_EQ(test, vmap_size(addr), 3 * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, vmap_owns(addr + 3 * PAGE_SIZE - 1));
	KUNIT_EXPECT_FALSE(test, vmap_owns(addr + 3 * PAGE_SIZE));
	page = vmalloc_to_page(addr + PAGE_SIZE);
	get_page(page);
	vmap_free(addr);
	KUNIT_EXPECT_TRUE(test, kt_until(kt_stats(arena).reserve == PAGES * PAGE_SIZE &&
					 kt_stats(arena).reserve_areas == PAGES + FREES));
	take_all(test, arena, area, 1);
	for (i = 0; i < PAGES; i++)
		KUNIT_EXPECT_PTR_NE(test, vmalloc_to_page(area[i]), page);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	give_all(test, arena, area, 1);
	put_page(page);
}

static void zeroes_are_zeroes(struct kunit *test)
{
	struct vmap_arena *arena = arena_with(test, 4, 4, 4);
	void *addr = kt_pages(arena, 4, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	memset(addr, 0xa5, 4 * PAGE_SIZE);
	vmap_free(addr);
	addr = kt_pages(arena, 4, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_EXPECT_NULL(test, memchr_inv(addr, 0, 4 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve, 0);
	vmap_free(addr);
}

/* What the reserve is not for goes past it, and works as ever while there is memory. */
static void other_requests_go_past_it(struct kunit *test)
{
	struct vmap_arena *arena = arena_with(test, PAGES, AREA_PAGES, FREES);
	void *area[] = {
		kt_pages(arena, AREA_PAGES + 1, GFP_KERNEL),
		vmap_arena_alloc(arena, PAGE_SIZE, 2 * PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE),
		vmap_arena_alloc(arena, PAGE_SIZE, 1, GFP_KERNEL, numa_mem_id()),
		vmap_arena_alloc(arena, PAGE_SIZE, 1, GFP_KERNEL | __GFP_ACCOUNT, NUMA_NO_NODE),
	};
	unsigned int i;

	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve, PAGES * PAGE_SIZE);
	KUNIT_EXPECT_NULL(test, kt_pages(arena, 0, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, vmap_arena_alloc(arena, 1, 3, GFP_KERNEL, NUMA_NO_NODE));
	for (i = 0; i < ARRAY_SIZE(area); i++) {
		KUNIT_EXPECT_NOT_NULL(test, area[i]);
		vmap_free(area[i]);
	}
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve, PAGES * PAGE_SIZE);
}

/* When it is used up, allocations go the way they go without a reserve. */
static void there_is_more_beyond_it(struct kunit *test)
{
	struct vmap_arena *arena = arena_with(test, 2, 2, 2);
	void *area[8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(area); i++) {
		area[i] = kt_pages(arena, 1, GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, area[i]);
	}
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve, 0);
	for (i = 0; i < ARRAY_SIZE(area); i++)
		vmap_free(area[i]);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve, 2 * PAGE_SIZE);
}

static void bad_frees_change_nothing(struct kunit *test)
{
	struct vmap_arena *arena = arena_with(test, PAGES, AREA_PAGES, FREES);
	void *addr = kt_pages(arena, 3, GFP_KERNEL);

	vmap_free(addr + PAGE_SIZE);
	vmap_free(addr + 8);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve, (PAGES - 3) * PAGE_SIZE);
	vmap_free(addr);
	vmap_free(addr);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve, PAGES * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).frees, 1);
	addr = kt_pages(arena, 3, GFP_KERNEL);
	vmap_free_rcu(addr);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve, PAGES * PAGE_SIZE);
}

/*
 * Take extents of each length from 1 to SLOT_UNITS, where nobody may be asked.  noinline: the stack
 * of a caller has no room for the frames of all KUNIT_ASSERTs.
 */
static noinline void take_slots(struct kunit *test, struct vmap_arena *arena,
				struct vmap_extent **extent)
{
	unsigned long flags;
	unsigned int i;

	kt_starve(true);
	local_irq_save(flags);
	for (i = 0; i < SLOTS; i++)
		extent[i] = vmap_extent_alloc(arena, 1 + i % SLOT_UNITS, 1, GFP_ATOMIC);
	local_irq_restore(flags);
	kt_starve(false);
	for (i = 0; i < SLOTS; i++) {
		KUNIT_ASSERT_FALSE(test, IS_ERR(extent[i]));
		KUNIT_EXPECT_EQ(test, vmap_extent_size(extent[i]), SLOT_UNITS);
	}
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve_areas, 0);
}

/* Give them back; from then on they are ready, and nobody else has got them. */
static noinline void give_slots(struct kunit *test, struct vmap_arena *arena,
				struct vmap_extent **extent)
{
	unsigned long flags;
	unsigned int i;

	local_irq_save(flags);
	for (i = 0; i < SLOTS; i++)
		vmap_extent_free(arena, extent[i]);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve_areas, SLOTS);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).free, 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).cached, 0);
}

/* Where a range has no room left the reserve has, for as many extents as it is for. */
static void extents_are_set_aside(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, 3 * SLOTS * SLOT_UNITS, 1);
	struct vmap_extent *extent[SLOTS], *rest;
	unsigned int round;

	KUNIT_ASSERT_EQ(test, vmap_arena_reserve(arena, SLOTS, SLOT_UNITS, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).kept, SLOTS * SLOT_UNITS);
	rest = vmap_extent_alloc(arena, 2 * SLOTS * SLOT_UNITS, 1, GFP_KERNEL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(rest));
	for (round = 0; round < 3; round++) {
		take_slots(test, arena, extent);
		KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_extent_alloc(arena, 1, 1, GFP_KERNEL)), -ENOSPC);
		kt_verify(test, arena);
		give_slots(test, arena, extent);
	}
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve_areas_low, 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 1);
	vmap_extent_free(arena, rest);
}

/* What the reserve is not for fails as ever, and a slot that is freed twice is there once. */
static void slots_serve_what_they_are_for(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, 2 * SLOT_UNITS, 1);
	struct vmap_extent *rest, *extent;

	KUNIT_ASSERT_EQ(test, vmap_arena_reserve(arena, SLOT_UNITS, SLOT_UNITS, 0), -ENOMEM);
	KUNIT_ASSERT_EQ(test, vmap_arena_reserve(arena, 1, 1, 0), 0);
	rest = vmap_extent_alloc(arena, 2 * SLOT_UNITS - 1, 1, GFP_KERNEL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(rest));
	KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_extent_alloc(arena, 2, 1, GFP_KERNEL)), -ENOSPC);
	KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_extent_alloc(arena, 1, 2, GFP_KERNEL)), -ENOSPC);
	extent = vmap_extent_alloc(arena, 1, 1, GFP_KERNEL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(extent));
	vmap_extent_free(arena, extent);
	vmap_extent_free(arena, extent);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserve_areas, 1);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 1);
	vmap_extent_free(arena, rest);
}

static struct kunit_case reserve_cases[] = {
	KUNIT_CASE(wishes_are_checked),
	KUNIT_CASE(what_cannot_be_had_is_not_kept),
	KUNIT_CASE(address_space_may_end),
	KUNIT_CASE(all_of_it_can_be_had),
	KUNIT_CASE(it_makes_no_magazine),
	KUNIT_CASE(it_serves_hard_interrupts),
	KUNIT_CASE(an_address_waits_for_a_flush),
	KUNIT_CASE(a_page_in_use_is_replaced),
	KUNIT_CASE(zeroes_are_zeroes),
	KUNIT_CASE(other_requests_go_past_it),
	KUNIT_CASE(there_is_more_beyond_it),
	KUNIT_CASE(bad_frees_change_nothing),
	KUNIT_CASE(extents_are_set_aside),
	KUNIT_CASE(slots_serve_what_they_are_for),
	{}
};

static struct kunit_suite reserve_suite = {
	.name = "vmap_reserve", .test_cases = reserve_cases,
};

kunit_test_suite(reserve_suite);
