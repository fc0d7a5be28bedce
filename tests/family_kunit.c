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
	KUNIT_EXPECT_EQ(test, vmap_size(addr), sizeof(pages) / sizeof(*pages) * PAGE_SIZE);
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

static struct kunit_case family_cases[] = {
	KUNIT_CASE(a_size_is_what_was_asked_for),
	KUNIT_CASE(a_mapping_has_the_size_of_its_pages),
	KUNIT_CASE(what_is_live_is_owned),
	KUNIT_CASE(what_others_have_is_not_owned),
	{}
};

static struct kunit_suite family_suite = { .name = "vmap_family", .test_cases = family_cases };
kunit_test_suite(family_suite);
