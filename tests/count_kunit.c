// SPDX-License-Identifier: GPL-2.0
/*
 * count_kunit.c - the pages that an arena holds are counted, each once
 *
 * Besides, kt_settle() expects at the end of each case of any suite that no page is counted where
 * no area is left.  What the kernel counts is looked at by scripts/guest/counted.sh, on stock
 * kernels.
 *
 * vmap_vmalloc.h comes first: vmap() is ours here.
 */
#include "../vmap_vmalloc.h"

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"

/* Pages of an area that is too large for the cache. */
#define UNCACHED	200

static unsigned long held(struct vmap_arena *arena)
{
	return kt_stats(arena).pages;
}

/* Those of areas and those that are kept warm. */
static void pages_of_areas_are_counted(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	void *small = kt_pages(arena, 3, GFP_KERNEL);
	void *large = kt_pages(arena, UNCACHED, GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, small && large);
	KUNIT_EXPECT_EQ(test, held(arena), UNCACHED + 3);
	vmap_free(large);
	KUNIT_EXPECT_EQ(test, held(arena), 3);
	vmap_free(small);
	KUNIT_EXPECT_EQ(test, held(arena), kt_stats(arena).warm >> PAGE_SHIFT);
	vmap_arena_purge(arena);
	KUNIT_EXPECT_EQ(test, held(arena), 0);
}

static void pages_of_a_resized_area_are_counted(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	void *area = kt_pages(arena, UNCACHED, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, area);
	area = vmap_realloc(area, 10 * PAGE_SIZE, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, held(arena), 10);
	area = vmap_realloc(area, 20 * PAGE_SIZE, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, held(arena), 20);
	vmap_free(area);
}

static void pages_of_blocks_are_counted(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_HUGE);
	unsigned long many = 2 * PMD_SIZE >> PAGE_SHIFT;
	void *area = kt_pages(arena, many, GFP_KERNEL), *small = kt_pages(arena, 3, GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, area && small);
	KUNIT_EXPECT_EQ(test, held(arena), many + 3);
	vmap_free(area);
	KUNIT_EXPECT_EQ(test, held(arena), 3);
	vmap_free(small);
	vmap_arena_purge(arena);
	KUNIT_EXPECT_EQ(test, held(arena), 0);
}

/* An area from the reserve has pages that were counted when they were set aside. */
static void pages_of_a_reserve_are_counted(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	void *area;

	arena->cache.purge.space.limit = 0;
	KUNIT_ASSERT_EQ(test, vmap_arena_reserve(arena, 16 * PAGE_SIZE, 4, 4), 0);
	KUNIT_EXPECT_EQ(test, held(arena), 16);
	area = kt_pages(arena, 4, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, held(arena), 16);
	vmap_free(area);
	KUNIT_EXPECT_EQ(test, held(arena), 16);
}

/* Pages that are only mapped are their owner's; those that a mapping takes over are held. */
static void mapped_pages_are_counted_if_taken_over(struct kunit *test)
{
	struct page **pages = kmalloc_array(2, sizeof(*pages), GFP_KERNEL);
	unsigned long before;
	unsigned int i;
	void *area;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	for (i = 0; i < 2; i++)
		pages[i] = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	vmap_arena_purge(NULL);
	before = held(NULL);
	area = vmap_map_pages(pages, 2, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, area);
	KUNIT_EXPECT_EQ(test, held(NULL), before);
	vmap_unmap_pages(area);
	KUNIT_EXPECT_EQ(test, held(NULL), before);
	area = vmap(pages, 2, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, area);
	KUNIT_EXPECT_EQ(test, held(NULL), before + 2);
	vmap_free(area);
	vmap_arena_purge(NULL);
	KUNIT_EXPECT_EQ(test, held(NULL), before);
}

static struct kunit_case count_cases[] = {
	KUNIT_CASE(pages_of_areas_are_counted),
	KUNIT_CASE(pages_of_a_resized_area_are_counted),
	KUNIT_CASE(pages_of_blocks_are_counted),
	KUNIT_CASE(pages_of_a_reserve_are_counted),
	KUNIT_CASE(mapped_pages_are_counted_if_taken_over),
	{}
};

static struct kunit_suite count_suite = { .name = "vmap_count", .test_cases = count_cases };

kunit_test_suite(count_suite);
