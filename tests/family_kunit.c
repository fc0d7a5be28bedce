// SPDX-License-Identifier: GPL-2.0
/*
 * family_kunit.c - what drivers written for vmalloc() need beside memory: whose it is, how much
 *
 * The calls by their own names.  The calls of the kernel that vmap_vmalloc.h sends here are tried
 * by tests/moved.c, in stock kernels.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"

static const unsigned long sizes[] = { 1, 100, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 12345,
				       3 * PAGE_SIZE, 64 * PAGE_SIZE + 7 };

/* Fresh areas and warm ones. */
static void a_size_is_what_was_asked_for(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	unsigned int i, round;
	void *addr;

	for (round = 0; round < 16; round++)
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			addr = vmap_arena_alloc(arena, sizes[i], 1, GFP_KERNEL, NUMA_NO_NODE);
			KUNIT_ASSERT_NOT_NULL(test, addr);
			KUNIT_EXPECT_EQ(test, vmap_size(addr), sizes[i]);
			KUNIT_EXPECT_EQ(test, vmap_size(addr + 1), 0);
			KUNIT_EXPECT_EQ(test, vmap_size(addr + PAGE_SIZE), 0);
			vmap_free(addr);
			KUNIT_EXPECT_EQ(test, vmap_size(addr), 0);
		}
	KUNIT_EXPECT_GT(test, kt_stats(arena).hits, 0);
}

/* What is usable may be asked for, and the area stays where it is, with what it had. */
static void what_is_usable_needs_no_move(struct kunit *test, struct vmap_arena *arena)
{
	unsigned long usable;
	unsigned int i;
	u8 *addr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		addr = vmap_arena_alloc(arena, sizes[i], 1, GFP_KERNEL, NUMA_NO_NODE);
		KUNIT_ASSERT_NOT_NULL(test, addr);
		memset(addr, 5, sizes[i]);
		usable = vmap_usable_size(addr);
		KUNIT_EXPECT_EQ(test, usable, round_up(sizes[i], PAGE_SIZE));
		KUNIT_EXPECT_EQ(test, vmap_usable_size(addr + PAGE_SIZE), 0);
		KUNIT_ASSERT_PTR_EQ(test, vmap_realloc(addr, usable, GFP_KERNEL | __GFP_ZERO),
				    (void *)addr);
		KUNIT_EXPECT_NULL(test, memchr_inv(addr, 5, sizes[i]));
		KUNIT_EXPECT_NULL(test, memchr_inv(addr + sizes[i], 0, usable - sizes[i]));
		KUNIT_EXPECT_EQ(test, vmap_size(addr), usable);
		vmap_free(addr);
		KUNIT_EXPECT_EQ(test, vmap_usable_size(addr), 0);
	}
}

static void what_is_usable_can_be_had(struct kunit *test)
{
	what_is_usable_needs_no_move(test, kt_memory(test, 0));
	what_is_usable_needs_no_move(test, kt_memory(test, VMAP_ARENA_HUGE));
}

static void a_mapping_has_the_size_of_its_pages(struct kunit *test)
{
	struct page *pages[3];
	unsigned int i;
	void *addr;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, pages[i]);
	}
	addr = vmap_map_pages(pages, ARRAY_SIZE(pages), PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_EXPECT_EQ(test, vmap_size(addr), ARRAY_SIZE(pages) * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, vmap_owns(addr + 2 * PAGE_SIZE));
	vmap_unmap_pages(addr);
	KUNIT_EXPECT_EQ(test, vmap_size(addr), 0);
	KUNIT_EXPECT_FALSE(test, vmap_owns(addr));
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		__free_page(pages[i]);
}

static void what_is_live_is_owned(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	void *addr = vmap_arena_alloc(arena, 2 * PAGE_SIZE + 1, 1, GFP_KERNEL, NUMA_NO_NODE);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_EXPECT_TRUE(test, vmap_owns(addr));
	KUNIT_EXPECT_TRUE(test, vmap_owns(addr + 2 * PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, vmap_owns(addr + 3 * PAGE_SIZE - 1));
	/* The guard. */
	KUNIT_EXPECT_FALSE(test, vmap_owns(addr + 3 * PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, vmap_owns(addr + 4 * PAGE_SIZE));
	vmap_free(addr);
	KUNIT_EXPECT_FALSE(test, vmap_owns(addr));
	KUNIT_EXPECT_FALSE(test, vmap_owns(addr + 2 * PAGE_SIZE));
}

static void what_others_have_is_not_owned(struct kunit *test)
{
	void *others[] = { NULL, test, vmalloc(PAGE_SIZE), kmalloc(100, GFP_KERNEL),
			   (void *)what_others_have_is_not_owned, (void *)8, (void *)-1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		KUNIT_EXPECT_FALSE_MSG(test, vmap_owns(others[i]), "number %u", i);
		KUNIT_EXPECT_EQ_MSG(test, vmap_size(others[i]), 0, "number %u", i);
	}
	vfree(others[2]);
	kfree(others[3]);
}

/* A random walk of sizes, beside a copy of what the area must have. */
#define MODEL_MOST	(12 * PAGE_SIZE)

static void fill(struct rnd_state *rnd, u8 *area, u8 *model, size_t size)
{
	prandom_bytes_state(rnd, model, size);
	memcpy(area, model, size);
}

static void resized_areas_keep_what_they_had(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	u8 *model = kunit_kzalloc(test, MODEL_MOST, GFP_KERNEL), *area, *now;
	size_t old = 100, size, both;
	struct rnd_state rnd;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, model);
	kt_seed_random(test, &rnd);
	area = vmap_arena_alloc(arena, old, 1, GFP_KERNEL, NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, area);
	fill(&rnd, area, model, old);
	for (i = 0; i < kt_loops; i++) {
		size = 1 + prandom_u32_state(&rnd) % MODEL_MOST;
		both = min(old, size);
		now = vmap_realloc(area, size, GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, now);
		KUNIT_ASSERT_EQ(test, vmap_size(now), size);
		KUNIT_ASSERT_EQ(test, memcmp(now, model, both), 0);
		KUNIT_ASSERT_NULL(test, memchr_inv(now + both, 0, size - both));
		KUNIT_ASSERT_TRUE(test, size > old || now == area);
		area = now;
		old = size;
		fill(&rnd, area, model, size);
	}
	vmap_free(area);
	kt_settle(test, arena);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 0);
}

static void an_area_that_shrinks_gives_pages_back(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	u8 *area = kt_pages(arena, 4, GFP_KERNEL | __GFP_ZERO);
	struct page *page;

	KUNIT_ASSERT_NOT_NULL(test, area);
	page = vmalloc_to_page(area + 3 * PAGE_SIZE);
	get_page(page);
	KUNIT_EXPECT_PTR_EQ(test, vmap_realloc(area, PAGE_SIZE + 1, GFP_KERNEL), (void *)area);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	put_page(page);
	KUNIT_EXPECT_NULL(test, vmalloc_to_page(area + 2 * PAGE_SIZE));
	KUNIT_EXPECT_NOT_NULL(test, vmalloc_to_page(area + PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, vmap_owns(area + PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, vmap_owns(area + 2 * PAGE_SIZE));
	/* It grows again where it is, and the pages that it gets are mapped. */
	area[PAGE_SIZE] = 7;
	KUNIT_EXPECT_PTR_EQ(test, vmap_realloc(area, 3 * PAGE_SIZE, GFP_KERNEL | __GFP_ZERO),
			    (void *)area);
	KUNIT_EXPECT_EQ(test, area[PAGE_SIZE], 7);
	KUNIT_EXPECT_NULL(test, memchr_inv(area + PAGE_SIZE + 1, 0, 2 * PAGE_SIZE - 1));
	memset(area, 1, 3 * PAGE_SIZE);
	vmap_free(area);
	kt_verify(test, arena);
}

static void an_area_that_moves_keeps_its_alignment(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	void *area = vmap_arena_alloc(arena, PAGE_SIZE, 64 * PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);
	void *moved;

	KUNIT_ASSERT_NOT_NULL(test, area);
	moved = vmap_realloc(area, 20 * PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, moved);
	KUNIT_EXPECT_PTR_NE(test, moved, area);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)moved, 64 * PAGE_SIZE));
	KUNIT_EXPECT_PTR_EQ(test, kt_extent(arena, moved)->space, &arena->cache.purge.space);
	KUNIT_EXPECT_FALSE(test, vmap_owns(area));
	vmap_free(moved);
}

static void a_size_of_nothing_frees(struct kunit *test)
{
	void *area = vmap_realloc(NULL, 100, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, area);
	KUNIT_EXPECT_EQ(test, vmap_size(area), 100);
	KUNIT_EXPECT_NULL(test, vmap_realloc(area, 0, GFP_KERNEL));
	KUNIT_EXPECT_FALSE(test, vmap_owns(area));
	KUNIT_EXPECT_NULL(test, vmap_realloc(NULL, 0, GFP_KERNEL));
}

static void what_cannot_be_had_changes_nothing(struct kunit *test)
{
	u8 *area = vmap_zalloc(3 * PAGE_SIZE);

	KUNIT_ASSERT_NOT_NULL(test, area);
	KUNIT_EXPECT_NULL(test, vmap_realloc(area, ULONG_MAX - PAGE_SIZE, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, vmap_size(area), 3 * PAGE_SIZE);
	KUNIT_EXPECT_NULL(test, memchr_inv(area, 0, 3 * PAGE_SIZE));
	vmap_free(area);
}

static void expect_no_realloc(struct kunit *test, void *addr, const char *why)
{
	struct kt_log log;

	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "vmap_arena: vmap_realloc()"), 0);
	KUNIT_EXPECT_NULL(test, vmap_realloc(addr, 5 * PAGE_SIZE, GFP_KERNEL));
	kt_log_end(&log);
	KUNIT_EXPECT_EQ_MSG(test, log.lines, 1, "for: %s", why);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, why), "said: %s", log.last);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, "expect_no_realloc"), "said: %s",
				  log.last);
}

static void what_has_no_size_is_not_resized(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);
	u8 *area = vmap_zalloc(3 * PAGE_SIZE), *mapped;

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_ASSERT_NOT_NULL(test, area);
	mapped = vmap_map_pages(&page, 1, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mapped);
	expect_no_realloc(test, mapped, "a mapping has no size");
	expect_no_realloc(test, area + PAGE_SIZE, "not the start of a live area");
	vmap_unmap_pages(mapped);
	vmap_free(area);
	expect_no_realloc(test, area, "not the start of a live area");
	__free_page(page);
}

static void arrays_do_not_overflow(struct kunit *test)
{
	void *array = vmap_alloc_array(1000, 12, GFP_KERNEL | __GFP_ZERO);

	KUNIT_ASSERT_NOT_NULL(test, array);
	KUNIT_EXPECT_EQ(test, vmap_size(array), 12000);
	KUNIT_EXPECT_NULL(test, memchr_inv(array, 0, 12000));
	vmap_free(array);
	KUNIT_EXPECT_NULL(test, vmap_alloc_array(SIZE_MAX / 2 + 2, 2, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, vmap_alloc_array(2, SIZE_MAX / 2 + 2, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, vmap_alloc_array(0, 8, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, vmap_alloc_array(8, 0, GFP_KERNEL));
}

/* Page frames above all memory, such as devices have. */
#define NO_MEMORY	(1UL << (38 - PAGE_SHIFT))

static void page_frames_are_mapped(struct kunit *test)
{
	unsigned long pfns[3] = { NO_MEMORY, NO_MEMORY + 7, NO_MEMORY + 1 }, i;
	void *addr;

	if (pfn_valid(pfns[0]) || pfn_valid(pfns[1]))
		kunit_skip(test, "this machine has memory there");
	addr = vmap_map_pfns(pfns, ARRAY_SIZE(pfns), PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	for (i = 0; i < ARRAY_SIZE(pfns); i++)
		KUNIT_EXPECT_EQ(test, vmalloc_to_pfn(addr + i * PAGE_SIZE), pfns[i]);
	KUNIT_EXPECT_EQ(test, vmap_size(addr), 3 * PAGE_SIZE);
	vmap_unmap_pages(addr);
	KUNIT_EXPECT_FALSE(test, vmap_owns(addr));
}

static void expect_no_pfn(struct kunit *test, unsigned long pfn)
{
	unsigned long pfns[2] = { NO_MEMORY, pfn };
	struct kt_log log;

	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "vmap_arena: vmap_map_pfns()"), 0);
	KUNIT_EXPECT_NULL(test, vmap_map_pfns(pfns, ARRAY_SIZE(pfns), PAGE_KERNEL));
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 1);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, "number 1 of 0..1"), "said: %s", log.last);
}

static void page_frames_with_a_page_are_refused(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned long areas = kt_stats(NULL).areas;

	KUNIT_ASSERT_NOT_NULL(test, page);
	expect_no_pfn(test, page_to_pfn(page));
	expect_no_pfn(test, ULONG_MAX);
	KUNIT_EXPECT_NULL(test, vmap_map_pfns(NULL, 0, PAGE_KERNEL));
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_EQ(test, kt_stats(NULL).areas, areas);
	__free_page(page);
}

static void one_free_for_both(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);
	void *mapped;

	KUNIT_ASSERT_NOT_NULL(test, page);
	mapped = vmap_map_pages(&page, 1, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mapped);
	vmap_kvfree(mapped);
	KUNIT_EXPECT_FALSE(test, vmap_owns(mapped));
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	__free_page(page);
}

/* What a fortified copy asks the compiler. */
static void the_compiler_knows_sizes(struct kunit *test)
{
	void *area = vmap_alloc(100), *array = vmap_alloc_array(3, 7, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, area);
	KUNIT_ASSERT_NOT_NULL(test, array);
	KUNIT_EXPECT_EQ(test, __builtin_object_size(area, 1), 100);
	KUNIT_EXPECT_EQ(test, __builtin_object_size(array, 1), 21);
	vmap_free(array);
	area = vmap_realloc(area, 300, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, area);
	KUNIT_EXPECT_EQ(test, __builtin_object_size(area, 1), 300);
	vmap_free(area);
}

static struct kunit_case family_cases[] = {
	KUNIT_CASE(a_size_is_what_was_asked_for),
	KUNIT_CASE(what_is_usable_can_be_had),
	KUNIT_CASE(a_mapping_has_the_size_of_its_pages),
	KUNIT_CASE(what_is_live_is_owned),
	KUNIT_CASE(what_others_have_is_not_owned),
	KUNIT_CASE(resized_areas_keep_what_they_had),
	KUNIT_CASE(an_area_that_shrinks_gives_pages_back),
	KUNIT_CASE(an_area_that_moves_keeps_its_alignment),
	KUNIT_CASE(a_size_of_nothing_frees),
	KUNIT_CASE(what_cannot_be_had_changes_nothing),
	KUNIT_CASE(what_has_no_size_is_not_resized),
	KUNIT_CASE(arrays_do_not_overflow),
	KUNIT_CASE(the_compiler_knows_sizes),
	KUNIT_CASE(page_frames_are_mapped),
	KUNIT_CASE(page_frames_with_a_page_are_refused),
	KUNIT_CASE(one_free_for_both),
	{}
};

static struct kunit_suite family_suite = { .name = "vmap_family", .test_cases = family_cases };
kunit_test_suite(family_suite);
