// SPDX-License-Identifier: GPL-2.0
/*
 * kasan_kunit.c - what KASAN is told: which bytes of an arena may be used
 *
 * Compiled code that KASAN instruments looks at the shadow byte of what it is about to use, and
 * reports if that forbids the use.  KASAN reports once a boot, and would be blind to what other
 * tests do wrong if these did what is forbidden.  So they look at the shadow, as such code does.
 */
#include <linux/kasan.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "vmap_kunit.h"
#include "../cache.h"

#if defined(CONFIG_KASAN_GENERIC) && defined(CONFIG_KASAN_VMALLOC)

#define GRANULE		(1UL << KASAN_SHADOW_SCALE_SHIFT)

/* Enough misses to make any size worth a magazine, and more than a magazine holds. */
#define MANY		64

/* May this byte be used?  Not instrumented itself, for the shadow has no shadow. */
static noinline __no_sanitize_address bool may_use(const void *addr)
{
	s8 shadow = *(s8 *)kasan_mem_to_shadow(addr);

	return !shadow || (long)((unsigned long)addr % GRANULE) < shadow;
}

/* The first byte from @addr on, @size at most, that may be used, or may not be. */
static unsigned long first_that(const void *addr, unsigned long size, bool may)
{
	unsigned long at;

	for (at = 0; at < size && may_use(addr + at) != may; at++)
		;
	return at;
}

/* Just the first @size bytes of an area with room for @pages pages, and a guard, may be used. */
static void expect_open(struct kunit *test, const void *addr, unsigned long size)
{
	unsigned long rest = PAGE_ALIGN(size) + PAGE_SIZE - size;

	KUNIT_EXPECT_EQ_MSG(test, first_that(addr, size, false), size, "of %lu bytes", size);
	KUNIT_EXPECT_EQ_MSG(test, first_that(addr + size, rest, true), rest, "beyond %lu", size);
}

static void expect_closed(struct kunit *test, const void *addr, unsigned long size)
{
	KUNIT_EXPECT_EQ_MSG(test, first_that(addr, PAGE_ALIGN(size), true), PAGE_ALIGN(size),
			    "of %lu bytes", size);
}

static const unsigned long sizes[] = {
	1, 7, 8, 9, 100, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 2 * PAGE_SIZE - 8,
	3 * PAGE_SIZE - 13, 40 * PAGE_SIZE, 40 * PAGE_SIZE + 4,
};

static void *alloc(struct kunit *test, struct vmap_arena *arena, unsigned long size, gfp_t gfp)
{
	void *addr = vmap_arena_alloc(arena, size, 1, gfp, NUMA_NO_NODE);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	return addr;
}

/* Fresh memory, which goes back to the kernel when it is freed. */
static void what_is_asked_for_may_be_used(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned int i;
	void *addr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		addr = alloc(test, arena, sizes[i], GFP_KERNEL);
		expect_open(test, addr, sizes[i]);
		vmap_free(addr);
		expect_closed(test, addr, sizes[i]);
	}
}

/* What nobody ever had may not be used, nor what was had and is free. */
static void what_is_free_may_not_be_used(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	void *addr = alloc(test, arena, PAGE_SIZE, GFP_KERNEL);
	struct vmap_span *span =
		list_first_entry(&arena->cache.purge.space.spans, struct vmap_span, link);
	unsigned long size = span->end - span->start;

	KUNIT_ASSERT_EQ(test, (unsigned long)addr, span->start);
	expect_closed(test, addr + PAGE_SIZE, size - PAGE_SIZE);
	vmap_free(addr);
	vmap_arena_purge(arena);
	expect_closed(test, addr, size);
}

/* Have the next frees of so many pages kept. */
static void want_areas(struct kunit *test, struct vmap_arena *arena, unsigned long size)
{
	unsigned int i;

	for (i = 0; i < MANY && !kt_stats(arena).cached; i++)
		vmap_free(alloc(test, arena, size, GFP_KERNEL));
	KUNIT_ASSERT_GT(test, kt_stats(arena).cached, 0);
}

/* Warm memory: one size after another of as many pages, the larger after the smaller and back. */
static void warm_memory_may_be_used_as_asked(struct kunit *test)
{
	static const unsigned long warm[] = {
		3 * PAGE_SIZE, 2 * PAGE_SIZE + 1, 3 * PAGE_SIZE - 1, 2 * PAGE_SIZE + 16,
	};
	struct vmap_arena *arena = kt_memory(test, 0);
	unsigned long hits;
	unsigned int i;
	void *addr;

	want_areas(test, arena, 3 * PAGE_SIZE);
	hits = kt_stats(arena).hits;
	for (i = 0; i < 2 * ARRAY_SIZE(warm); i++) {
		unsigned long size = warm[i % ARRAY_SIZE(warm)];

		addr = alloc(test, arena, size, i & 1 ? GFP_KERNEL : GFP_KERNEL | __GFP_ZERO);
		expect_open(test, addr, size);
		memset(addr, i, size);
		vmap_free(addr);
		expect_closed(test, addr, size);
	}
	KUNIT_EXPECT_EQ(test, kt_stats(arena).hits - hits, i);
}

/* What goes by the depot, because the magazine is full. */
static void what_waits_in_the_depot_may_not_be_used(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	void *addr[2 * MANY];
	unsigned int i;

	want_areas(test, arena, 2 * PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		addr[i] = alloc(test, arena, 2 * PAGE_SIZE, GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		vmap_free(addr[i]);
	KUNIT_ASSERT_GT(test, kt_stats(arena).drains, 0);
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		expect_closed(test, addr[i], 2 * PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(addr); i++) {
		addr[i] = alloc(test, arena, PAGE_SIZE + 5, GFP_KERNEL);
		expect_open(test, addr[i], PAGE_SIZE + 5);
	}
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		vmap_free(addr[i]);
}

/* Readers may use it for as long as their grace period lasts. */
static void a_grace_period_is_waited_for(struct kunit *test)
{
	static const unsigned int flags[] = { 0, VMAP_ARENA_NOCACHE };
	unsigned int i;
	void *addr;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct vmap_arena *arena = kt_memory(test, flags[i]);

		if (!flags[i])
			want_areas(test, arena, PAGE_SIZE + 100);
		addr = alloc(test, arena, PAGE_SIZE + 100, GFP_KERNEL);
		rcu_read_lock();
		vmap_free_rcu(addr);
		expect_open(test, addr, PAGE_SIZE + 100);
		rcu_read_unlock();
		rcu_barrier();
		expect_closed(test, addr, PAGE_SIZE + 100);
	}
}

static void pages_of_the_callers_may_be_used_while_mapped(struct kunit *test)
{
	struct page *page[3];
	unsigned int i;
	void *addr;

	for (i = 0; i < ARRAY_SIZE(page); i++) {
		page[i] = alloc_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, page[i]);
	}
	addr = vmap_map_pages(page, ARRAY_SIZE(page), PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	expect_open(test, addr, ARRAY_SIZE(page) * PAGE_SIZE);
	vmap_unmap_pages(addr);
	expect_closed(test, addr, ARRAY_SIZE(page) * PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(page); i++)
		__free_page(page[i]);
}

static struct kunit_case kasan_cases[] = {
	KUNIT_CASE(what_is_asked_for_may_be_used),
	KUNIT_CASE(what_is_free_may_not_be_used),
	KUNIT_CASE(warm_memory_may_be_used_as_asked),
	KUNIT_CASE(what_waits_in_the_depot_may_not_be_used),
	KUNIT_CASE(a_grace_period_is_waited_for),
	KUNIT_CASE(pages_of_the_callers_may_be_used_while_mapped),
	{}
};

/* The tests judge by what this CPU keeps. */
static int kasan_init_case(struct kunit *test)
{
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	return 0;
}

#else

static void kasan_is_told(struct kunit *test)
{
	kunit_skip(test, "this kernel has no KASAN for vmalloc space, or one that works by tags");
}

static struct kunit_case kasan_cases[] = {
	KUNIT_CASE(kasan_is_told),
	{}
};

static int kasan_init_case(struct kunit *test)
{
	return 0;
}

#endif

static struct kunit_suite kasan_suite = {
	.name = "vmap_kasan", .init = kasan_init_case, .test_cases = kasan_cases,
};

kunit_test_suite(kasan_suite);
