// SPDX-License-Identifier: GPL-2.0
/*
 * api_kunit.c - the memory calls: what they return, what they refuse, what they hand out
 *
 * Memory is checked from both ends: what is written through the address is looked for in the page
 * that the kernel's own vmalloc_to_page() finds there, by way of the linear map.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"

static void expect_refused(struct kunit *test, struct vmap_arena *arena, unsigned long size,
			   unsigned long align)
{
	KUNIT_EXPECT_NULL_MSG(test, vmap_alloc_node(size, align, GFP_KERNEL, NUMA_NO_NODE),
			      "size %lx align %lx", size, align);
	KUNIT_EXPECT_NULL_MSG(test, vmap_arena_alloc(arena, size, align, GFP_KERNEL, NUMA_NO_NODE),
			      "size %lx align %lx", size, align);
	KUNIT_EXPECT_NULL_MSG(test, vmap_arena_alloc(arena, size, align, GFP_ATOMIC, NUMA_NO_NODE),
			      "size %lx align %lx", size, align);
}

static void bad_sizes_are_refused(struct kunit *test)
{
	static const unsigned long sizes[] = {
		0, ULONG_MAX, ULONG_MAX - PAGE_SIZE + 1, ULONG_MAX - 2 * PAGE_SIZE + 1,
		1UL << 63, LONG_MAX, 1UL << 48, 1UL << 45,
	};
	struct vmap_arena *arena = kt_memory(test, 0);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		KUNIT_EXPECT_NULL(test, vmap_alloc(sizes[i]));
		KUNIT_EXPECT_NULL(test, vmap_zalloc(sizes[i]));
		expect_refused(test, arena, sizes[i], PAGE_SIZE);
	}
	KUNIT_EXPECT_EQ(test, kt_stats(arena).fails, 2 * ARRAY_SIZE(sizes));
	KUNIT_EXPECT_EQ(test, kt_stats(arena).busy, 0);
}

static void bad_alignments_are_refused(struct kunit *test)
{
	static const unsigned long aligns[] = { 0, 3, PAGE_SIZE + 1, 3 * PAGE_SIZE, ULONG_MAX };
	struct vmap_arena *arena = kt_memory(test, 0);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(aligns); i++)
		expect_refused(test, arena, PAGE_SIZE, aligns[i]);
}

/* Powers of two that no machine has the address space for, tried and given up without a splat. */
static void huge_alignments_fail_cleanly(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	unsigned int bit;

	for (bit = 38; bit < BITS_PER_LONG; bit++)
		expect_refused(test, arena, PAGE_SIZE, 1UL << bit);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).busy, 0);
}

static void alignments_are_kept(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned long align;

	/* The larger ones need larger spans. */
	WRITE_ONCE(arena->cache.purge.space.limit, 0);
	for (align = 1; align <= 8UL << 20; align <<= 1) {
		void *first = kt_pages(arena, 1, GFP_KERNEL);
		void *addr = vmap_arena_alloc(arena, 3 * PAGE_SIZE, align, GFP_KERNEL,
					      NUMA_NO_NODE);

		KUNIT_ASSERT_NOT_NULL_MSG(test, addr, "align %lx", align);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)addr, max(align, PAGE_SIZE)));
		kt_stamp(addr, 3 * PAGE_SIZE, align);
		KUNIT_EXPECT_TRUE(test, kt_stamped(addr, 3 * PAGE_SIZE, align));
		vmap_free(addr);
		vmap_free(first);
	}
}

static void check_pages(struct kunit *test, void *addr, unsigned long pages)
{
	struct page *last = NULL;
	unsigned long i;

	for (i = 0; i < pages; i++) {
		struct page *page = vmalloc_to_page(addr + i * PAGE_SIZE);

		KUNIT_ASSERT_NOT_NULL_MSG(test, page, "page %lu of %lu", i, pages);
		KUNIT_EXPECT_PTR_NE(test, page, last);
		KUNIT_EXPECT_EQ(test, page_count(page), 1);
		KUNIT_EXPECT_EQ(test, *(u64 *)page_address(page), pages + i * PAGE_SIZE);
		last = page;
	}
}

/* One page, many; a batch of pages, one more and one less; more than one page table. */
static void memory_is_real(struct kunit *test)
{
	static const unsigned long sizes[] = { 1, 2, 3, 31, 32, 33, 63, 64, 65, 511, 512, 600 };
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned long size = sizes[i] << PAGE_SHIFT, asked = size - PAGE_SIZE + sizeof(u64);
		void *addr = vmap_arena_alloc(arena, asked, 1, GFP_KERNEL, NUMA_NO_NODE);

		KUNIT_ASSERT_NOT_NULL(test, addr);
		KUNIT_EXPECT_TRUE(test, PAGE_ALIGNED(addr));
		KUNIT_EXPECT_TRUE(test, is_vmalloc_addr(addr));
		kt_stamp(addr, asked, sizes[i]);
		check_pages(test, addr, sizes[i]);
		KUNIT_EXPECT_TRUE(test, kt_faults(addr + size));
		vmap_free(addr);
		KUNIT_EXPECT_NULL(test, vmalloc_to_page(addr));
		KUNIT_EXPECT_NULL(test, vmalloc_to_page(addr + size - PAGE_SIZE));
		/* Until then a TLB may know it still. */
		vmap_arena_purge(arena);
		KUNIT_EXPECT_TRUE(test, kt_faults(addr));
	}
}

/* Our own reference to each page must be the last one after the area is freed. */
static void pages_are_given_back(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	void *addr = kt_pages(arena, 40, GFP_KERNEL);
	struct page *page[40];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, addr);
	for (i = 0; i < 40; i++) {
		page[i] = vmalloc_to_page(addr + i * PAGE_SIZE);
		get_page(page[i]);
	}
	vmap_free(addr);
	for (i = 0; i < 40; i++) {
		KUNIT_EXPECT_EQ_MSG(test, page_count(page[i]), 1, "page %u", i);
		put_page(page[i]);
	}
}

static void guards_are_kept_or_left_out(struct kunit *test)
{
	struct vmap_arena *guarded = kt_memory(test, VMAP_ARENA_NOCACHE);
	struct vmap_arena *bare = kt_memory(test, VMAP_ARENA_NOCACHE | VMAP_ARENA_NOGUARD);
	void *a, *b, *c, *d;

	kt_stay_in_first_shard(guarded);
	a = kt_pages(guarded, 2, GFP_KERNEL);
	b = kt_pages(guarded, 2, GFP_KERNEL);
	c = kt_pages(bare, 2, GFP_KERNEL);
	d = kt_pages(bare, 2, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, b - a, 3 * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, kt_faults(a + 2 * PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, kt_faults(b + 2 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, kt_stats(guarded).busy, 6 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, d - c, 2 * PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, kt_faults(c + 2 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, kt_stats(bare).busy, 4 * PAGE_SIZE);
	vmap_free(a);
	vmap_free(b);
	vmap_free(c);
	vmap_free(d);
}

/* What comes back from a free is dirty; each way to ask for zeroes must clear it. */
static void zeroes_are_zeroes(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	unsigned long size;
	unsigned int i;
	void *addr;

	for (i = 0; i < 200; i++) {
		size = (1 + i % 5) << PAGE_SHIFT;
		addr = i & 1 ? vmap_zalloc(size)
			     : vmap_arena_alloc(arena, size, 1, GFP_KERNEL | __GFP_ZERO,
						NUMA_NO_NODE);
		KUNIT_ASSERT_NOT_NULL(test, addr);
		KUNIT_EXPECT_NULL_MSG(test, memchr_inv(addr, 0, size), "round %u", i);
		memset(addr, 0x5a, size);
		vmap_free(addr);
	}
}

/* Boot with init_on_alloc=1 for this one. */
static void init_on_alloc_is_honoured(struct kunit *test)
{
	unsigned int i;

	if (!want_init_on_alloc(GFP_KERNEL))
		kunit_skip(test, "the kernel was booted without init_on_alloc=1");
	for (i = 0; i < 50; i++) {
		void *addr = vmap_alloc(3 * PAGE_SIZE);

		KUNIT_ASSERT_NOT_NULL(test, addr);
		KUNIT_EXPECT_NULL(test, memchr_inv(addr, 0, 3 * PAGE_SIZE));
		memset(addr, 0x5a, 3 * PAGE_SIZE);
		vmap_free(addr);
	}
}

/* Boot with numa=fake=2 for this one. */
static void nodes_are_obeyed(struct kunit *test)
{
	unsigned int i;
	int node;

	if (num_online_nodes() < 2)
		kunit_skip(test, "this machine has one NUMA node only");
	for (i = 0; i < 20; i++) {
		for_each_online_node(node) {
			void *addr = vmap_alloc_node(40 * PAGE_SIZE, 1, GFP_KERNEL | __GFP_THISNODE,
						     node);
			unsigned long at;

			KUNIT_ASSERT_NOT_NULL(test, addr);
			for (at = 0; at < 40 * PAGE_SIZE; at += PAGE_SIZE)
				KUNIT_EXPECT_EQ(test, page_to_nid(vmalloc_to_page(addr + at)),
						node);
			vmap_free(addr);
		}
	}
}

static void null_is_no_address(struct kunit *test)
{
	struct vmap_arena_stats before = kt_stats(NULL), after;
	struct kt_log log;

	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "bad free"), 0);
	vmap_free(NULL);
	vmap_free_rcu(NULL);
	vmap_unmap_pages(NULL);
	vmap_extent_free(NULL, NULL);
	vmap_extent_free(NULL, ERR_PTR(-ENOSPC));
	kt_log_end(&log);
	after = kt_stats(NULL);
	KUNIT_EXPECT_EQ(test, log.lines, 0);
	KUNIT_EXPECT_EQ(test, before.frees, after.frees);
}

static void free_rcu_waits_for_readers(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	void *addr = kt_pages(arena, 4, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	kt_stamp(addr, 4 * PAGE_SIZE, 7);
	rcu_read_lock();
	vmap_free_rcu(addr);
	mdelay(100);
	KUNIT_EXPECT_FALSE(test, kt_faults(addr));
	KUNIT_EXPECT_TRUE(test, kt_stamped(addr, 4 * PAGE_SIZE, 7));
	rcu_read_unlock();
	rcu_barrier();
	KUNIT_EXPECT_NULL(test, vmalloc_to_page(addr));
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 0);
}

static struct kunit_case api_cases[] = {
	KUNIT_CASE(bad_sizes_are_refused),
	KUNIT_CASE(bad_alignments_are_refused),
	KUNIT_CASE(huge_alignments_fail_cleanly),
	KUNIT_CASE(alignments_are_kept),
	KUNIT_CASE(memory_is_real),
	KUNIT_CASE(pages_are_given_back),
	KUNIT_CASE(guards_are_kept_or_left_out),
	KUNIT_CASE(zeroes_are_zeroes),
	KUNIT_CASE(init_on_alloc_is_honoured),
	KUNIT_CASE(nodes_are_obeyed),
	KUNIT_CASE(null_is_no_address),
	KUNIT_CASE(free_rcu_waits_for_readers),
	{}
};

static struct kunit_suite api_suite = { .name = "vmap_api", .test_cases = api_cases };
kunit_test_suite(api_suite);
