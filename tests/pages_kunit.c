// SPDX-License-Identifier: GPL-2.0
/*
 * pages_kunit.c - vmap_map_pages(): pages of the caller's, which stay the caller's
 */
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"

#define MOST_PAGES	70

struct own_pages {
	struct page *page[MOST_PAGES];
};

static int pages_init(struct kunit *test)
{
	struct own_pages *own = kunit_kzalloc(test, sizeof(*own), GFP_KERNEL);
	unsigned int i;

	if (!own)
		return -ENOMEM;
	test->priv = own;
	for (i = 0; i < MOST_PAGES; i++) {
		own->page[i] = alloc_page(GFP_KERNEL);
		if (!own->page[i])
			return -ENOMEM;
	}
	return 0;
}

static void pages_exit(struct kunit *test)
{
	struct own_pages *own = test->priv;
	unsigned int i;

	for (i = 0; own && i < MOST_PAGES && own->page[i]; i++) {
		KUNIT_EXPECT_EQ(test, page_count(own->page[i]), 1);
		__free_page(own->page[i]);
	}
}

static void counts_that_make_no_sense_are_refused(struct kunit *test)
{
	struct own_pages *own = test->priv;
	unsigned long areas = kt_stats(NULL).areas;

	KUNIT_EXPECT_NULL(test, vmap_map_pages(own->page, 0, PAGE_KERNEL));
	KUNIT_EXPECT_NULL(test, vmap_map_pages(own->page, UINT_MAX, PAGE_KERNEL));
	KUNIT_EXPECT_EQ(test, kt_stats(NULL).areas, areas);
}

static void pages_lie_side_by_side(struct kunit *test)
{
	static const unsigned int counts[] = { 1, 2, 31, 32, 33, 64, MOST_PAGES };
	struct own_pages *own = test->priv;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		void *addr = vmap_map_pages(own->page, counts[i], PAGE_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, addr);
		kt_stamp(addr, counts[i] * PAGE_SIZE, i);
		for (j = 0; j < counts[i]; j++) {
			struct page *page = own->page[j];

			KUNIT_EXPECT_PTR_EQ(test, vmalloc_to_page(addr + j * PAGE_SIZE), page);
			KUNIT_EXPECT_EQ(test, *(u64 *)page_address(page), i + j * PAGE_SIZE);
		}
		KUNIT_EXPECT_TRUE(test, kt_faults(addr + counts[i] * PAGE_SIZE));
		vmap_unmap_pages(addr);
		KUNIT_EXPECT_NULL(test, vmalloc_to_page(addr));
		KUNIT_EXPECT_EQ(test, *(u64 *)page_address(own->page[0]), i);
	}
}

static void one_page_may_be_mapped_often(struct kunit *test)
{
	struct own_pages *own = test->priv;
	struct page *pages[8];
	unsigned int i;
	u64 *addr;

	for (i = 0; i < 8; i++)
		pages[i] = own->page[i & 1];
	addr = vmap_map_pages(pages, 8, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	WRITE_ONCE(addr[0], 11);
	WRITE_ONCE(addr[PAGE_SIZE / sizeof(u64)], 22);
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, READ_ONCE(addr[i * PAGE_SIZE / sizeof(u64)]),
				i & 1 ? 22 : 11);
	vmap_unmap_pages(addr);
}

static void protection_is_obeyed(struct kunit *test)
{
#ifdef CONFIG_X86_64
	struct own_pages *own = test->priv;
	void *plain = vmap_map_pages(own->page, 2, PAGE_KERNEL);
	void *fixed = vmap_map_pages(own->page, 2, PAGE_KERNEL_RO);
	unsigned int level;

	KUNIT_ASSERT_NOT_NULL(test, plain);
	KUNIT_ASSERT_NOT_NULL(test, fixed);
	KUNIT_EXPECT_TRUE(test, pte_write(*lookup_address((unsigned long)plain, &level)));
	KUNIT_EXPECT_FALSE(test, pte_write(*lookup_address((unsigned long)fixed, &level)));
	vmap_unmap_pages(plain);
	vmap_unmap_pages(fixed);
#else
	kunit_skip(test, "how to read a page-table entry is written for x86 only");
#endif
}

static struct kunit_case pages_cases[] = {
	KUNIT_CASE(counts_that_make_no_sense_are_refused),
	KUNIT_CASE(pages_lie_side_by_side),
	KUNIT_CASE(one_page_may_be_mapped_often),
	KUNIT_CASE(protection_is_obeyed),
	{}
};

static struct kunit_suite pages_suite = {
	.name = "vmap_pages", .init = pages_init, .exit = pages_exit, .test_cases = pages_cases,
};

kunit_test_suite(pages_suite);
