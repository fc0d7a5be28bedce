// SPDX-License-Identifier: GPL-2.0
/*
 * badfree_kunit.c - double frees, interior and foreign pointers, the wrong call: reported, harmless
 *
 * Each bad call must print one line that says what is wrong and who called, and change nothing: the
 * counters stay, and a live area keeps its address, its pages and its contents.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"

typedef void (*free_call)(const void *addr);

/* The kernel log takes so many reports in so long a time; when they are used up, wait for more. */
static void await_allowance(void)
{
	static unsigned int reports;

	if (reports++ % DEFAULT_RATELIMIT_BURST == DEFAULT_RATELIMIT_BURST - 1)
		msleep(jiffies_to_msecs(DEFAULT_RATELIMIT_INTERVAL) + 100);
}

static noinline void expect_report(struct kunit *test, free_call call, const void *addr,
				   const char *why)
{
	struct vmap_arena_stats before = kt_stats(NULL), after;
	struct kt_log log;

	await_allowance();
	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "vmap_arena: bad free"), 0);
	call(addr);
	kt_log_end(&log);
	after = kt_stats(NULL);
	KUNIT_EXPECT_EQ_MSG(test, log.lines, 1, "for: %s", why);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, why), "said: %s", log.last);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, "expect_report"), "said: %s", log.last);
	KUNIT_EXPECT_EQ(test, before.frees, after.frees);
	KUNIT_EXPECT_EQ(test, before.busy, after.busy);
}

static void double_frees(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	void *addr = kt_pages(arena, 3, GFP_KERNEL), *other = kt_pages(arena, 3, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_ASSERT_NOT_NULL(test, other);
	kt_stamp(other, 3 * PAGE_SIZE, 1);
	vmap_free(addr);
	expect_report(test, vmap_free, addr, "free already");
	expect_report(test, vmap_free_rcu, addr, "free already");
	vmap_arena_purge(arena);
	expect_report(test, vmap_free, addr, "free already");
	vmap_free_rcu(other);
	expect_report(test, vmap_free, other, "free already");
	expect_report(test, vmap_free_rcu, other, "free already");
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 0);
}

/* What was free and has become part of other areas, for whose extents the old ones serve again. */
static void stale_pointers(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	void *low = kt_pages(arena, 1, GFP_KERNEL), *stale = kt_pages(arena, 3, GFP_KERNEL);
	void *addr[8];
	unsigned int i;

	vmap_free(low);
	vmap_free(stale);
	vmap_arena_purge(arena);
	for (i = 0; i < ARRAY_SIZE(addr); i++) {
		addr[i] = kt_pages(arena, 8, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr[i]);
	}
	KUNIT_ASSERT_PTR_EQ(test, addr[0], low);
	expect_report(test, vmap_free, stale, "inside an area");
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, ARRAY_SIZE(addr));
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		vmap_free(addr[i]);
}

/* With the arena's caches on: an area that is kept warm is free all the same. */
static void double_frees_of_cached_areas(struct kunit *test)
{
	void *addr, *again;
	unsigned int i;

	/* What is asked for so often is kept, by this CPU. */
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	for (i = 0; i < 16; i++) {
		addr = vmap_alloc(3 * PAGE_SIZE);
		KUNIT_ASSERT_NOT_NULL(test, addr);
		vmap_free(addr);
	}
	KUNIT_ASSERT_NOT_NULL(test, vmalloc_to_page(addr));
	expect_report(test, vmap_free, addr, "free already");
	again = vmap_alloc(3 * PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, again);
	kt_stamp(again, 3 * PAGE_SIZE, 4);
	if (again != addr)
		expect_report(test, vmap_free, addr, "free already");
	KUNIT_EXPECT_TRUE(test, kt_stamped(again, 3 * PAGE_SIZE, 4));
	vmap_free(again);
}

static void interior_pointers(struct kunit *test)
{
	char *addr = vmap_alloc(3 * PAGE_SIZE);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	kt_stamp(addr, 3 * PAGE_SIZE, 2);
	expect_report(test, vmap_free, addr + 1, "inside an area");
	expect_report(test, vmap_free, addr + PAGE_SIZE, "inside an area");
	expect_report(test, vmap_free, addr + 3 * PAGE_SIZE - 1, "inside an area");
	expect_report(test, vmap_free_rcu, addr + 2 * PAGE_SIZE, "inside an area");
	expect_report(test, vmap_unmap_pages, addr + 8, "inside an area");
	KUNIT_EXPECT_TRUE(test, kt_stamped(addr, 3 * PAGE_SIZE, 2));
	vmap_free(addr);
}

static void foreign_pointers(struct kunit *test)
{
	void *slab = kmalloc(64, GFP_KERNEL), *theirs = vmalloc(PAGE_SIZE);
	int local;

	KUNIT_ASSERT_NOT_NULL(test, slab);
	KUNIT_ASSERT_NOT_NULL(test, theirs);
	expect_report(test, vmap_free, slab, "not an address of ours");
	expect_report(test, vmap_free, theirs, "not an address of ours");
	expect_report(test, vmap_free, &local, "not an address of ours");
	expect_report(test, vmap_free, (void *)PAGE_SIZE, "not an address of ours");
	expect_report(test, vmap_free, (void *)ULONG_MAX, "not an address of ours");
	expect_report(test, vmap_free_rcu, theirs, "not an address of ours");
	expect_report(test, vmap_unmap_pages, theirs, "not an address of ours");
	kfree(slab);
	vfree(theirs);
}

static void the_wrong_call(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);
	void *addr = vmap_alloc(PAGE_SIZE), *mapped;

	KUNIT_ASSERT_NOT_NULL(test, page);
	mapped = vmap_map_pages(&page, 1, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_ASSERT_NOT_NULL(test, mapped);
	kt_stamp(addr, PAGE_SIZE, 3);
	expect_report(test, vmap_free, mapped, "the wrong call");
	expect_report(test, vmap_free_rcu, mapped, "the wrong call");
	expect_report(test, vmap_unmap_pages, addr, "the wrong call");
	KUNIT_EXPECT_TRUE(test, kt_stamped(addr, PAGE_SIZE, 3));
	KUNIT_EXPECT_PTR_EQ(test, vmalloc_to_page(mapped), page);
	vmap_free(addr);
	vmap_unmap_pages(mapped);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	__free_page(page);
}

static noinline void expect_extent_report(struct kunit *test, struct vmap_arena *arena,
					  struct vmap_extent *extent)
{
	struct vmap_arena_stats before = kt_stats(arena), after;
	struct kt_log log;

	await_allowance();
	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "vmap_arena: bad free of extent"), 0);
	vmap_extent_free(arena, extent);
	kt_log_end(&log);
	after = kt_stats(arena);
	KUNIT_EXPECT_EQ(test, log.lines, 1);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, "expect_extent_report"), "said: %s",
				  log.last);
	KUNIT_EXPECT_EQ(test, before.frees, after.frees);
	KUNIT_EXPECT_EQ(test, before.free, after.free);
}

static void extents(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, 1000, 1), *other = kt_range(test, 0, 1000, 1);
	struct vmap_extent *a = vmap_extent_alloc(arena, 10, 1, GFP_KERNEL);
	struct vmap_extent *b = vmap_extent_alloc(arena, 10, 1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);
	expect_extent_report(test, other, a);
	expect_extent_report(test, NULL, a);
	vmap_extent_free(arena, a);
	expect_extent_report(test, arena, a);
	KUNIT_EXPECT_EQ(test, vmap_extent_start(b), 10);
	KUNIT_EXPECT_EQ(test, vmap_extent_size(b), 10);
	vmap_extent_free(arena, b);
	expect_extent_report(test, arena, b);
}

static struct kunit_case badfree_cases[] = {
	KUNIT_CASE(double_frees),
	KUNIT_CASE(stale_pointers),
	KUNIT_CASE(double_frees_of_cached_areas),
	KUNIT_CASE(interior_pointers),
	KUNIT_CASE(foreign_pointers),
	KUNIT_CASE(the_wrong_call),
	KUNIT_CASE(extents),
	{}
};

static struct kunit_suite badfree_suite = { .name = "vmap_badfree", .test_cases = badfree_cases };
kunit_test_suite(badfree_suite);
