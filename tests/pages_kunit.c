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
	KUNIT_EXPECT_NULL(test, vmap_map_pages(NULL, 0, PAGE_KERNEL));
	KUNIT_EXPECT_NULL(test, vmap_map_pages(own->page, totalram_pages() + 1, PAGE_KERNEL));
	KUNIT_EXPECT_NULL(test, vmap_map_pages(own->page, UINT_MAX, PAGE_KERNEL));
	KUNIT_EXPECT_EQ(test, kt_stats(NULL).areas, areas);
}

/* Whatever is wrong with one page, none is mapped, and the caller is told. */
static void expect_refused(struct kunit *test, struct page **pages, unsigned int count,
			   const char *why)
{
	struct vmap_arena_stats before = kt_stats(NULL), after;
	struct kt_log log;
	void *addr;

	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "vmap_map_pages() by "), 0);
	addr = vmap_map_pages(pages, count, PAGE_KERNEL);
	kt_log_end(&log);
	after = kt_stats(NULL);
	KUNIT_EXPECT_NULL(test, addr);
	KUNIT_EXPECT_EQ(test, after.areas, before.areas);
	KUNIT_EXPECT_EQ(test, after.busy, before.busy);
	KUNIT_EXPECT_EQ(test, after.fails, before.fails + 1);
	KUNIT_EXPECT_EQ(test, log.lines, 1);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, __func__), "%s", log.last);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, why), "%s", log.last);
}

static void pages_that_are_none_are_refused(struct kunit *test)
{
	static const unsigned int places[] = { 0, 1, 40, MOST_PAGES - 1 };
	struct page *beyond = pfn_to_page((1UL << (MAX_PHYSMEM_BITS - PAGE_SHIFT)) - 1);
	struct own_pages *own = test->priv;
	char why[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		struct page **place = &own->page[places[i]], *kept = *place;

		*place = NULL;
		snprintf(why, sizeof(why), "page %u of 0..%u is NULL", places[i], MOST_PAGES - 1);
		expect_refused(test, own->page, MOST_PAGES, why);
		*place = beyond;
		snprintf(why, sizeof(why), "page %u of 0..%u is no page of memory", places[i],
			 MOST_PAGES - 1);
		expect_refused(test, own->page, MOST_PAGES, why);
		*place = kept;
	}
	expect_refused(test, NULL, 3, "page 0 of 0..2 is NULL");
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

static void nothing_is_mapped_executable(struct kunit *test)
{
#ifdef CONFIG_X86_64
	struct own_pages *own = test->priv;
	void *ours = vmap_map_pages(own->page, 2, PAGE_KERNEL_EXEC);
	void *theirs = vmap(own->page, 2, VM_MAP, PAGE_KERNEL_EXEC);
	unsigned int level;

	KUNIT_ASSERT_NOT_NULL(test, ours);
	KUNIT_EXPECT_NOT_NULL(test, theirs);
	KUNIT_EXPECT_FALSE(test, pte_exec(*lookup_address((unsigned long)ours, &level)));
	KUNIT_EXPECT_EQ(test, pte_val(*lookup_address((unsigned long)ours, &level)),
			pte_val(*lookup_address((unsigned long)theirs, &level)));
	vunmap(theirs);
	vmap_unmap_pages(ours);
#else
	kunit_skip(test, "how to read a page-table entry is written for x86 only");
#endif
}

static struct kunit_case pages_cases[] = {
	KUNIT_CASE(counts_that_make_no_sense_are_refused),
	KUNIT_CASE(pages_that_are_none_are_refused),
	KUNIT_CASE(pages_lie_side_by_side),
	KUNIT_CASE(one_page_may_be_mapped_often),
	KUNIT_CASE(protection_is_obeyed),
	KUNIT_CASE(nothing_is_mapped_executable),
	{}
};

static struct kunit_suite pages_suite = {
	.name = "vmap_pages", .init = pages_init, .exit = pages_exit, .test_cases = pages_cases,
};

kunit_test_suite(pages_suite);
