// SPDX-License-Identifier: GPL-2.0
/*
 * stock_kunit.c - the pages that an arena keeps for the next areas: which come in, whom they serve,
 * and that they go
 *
 * A page that this test refers to, beside the area or the stock that has it, tells by its count
 * whether it was freed: then the reference of the test is the last one.
 */
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "../compat.h"
#include "vmap_kunit.h"

#define PAGES	16

/* Pages of a block: see pages.h. */
#define BLOCK	16

/* More than are ever kept in advance, by so many that the slab needs new pages. */
#define EXTENTS	(4 * VSPACE_SPARES_LOW)

/* Others use the page allocator's lists, too, but not each time. */
#define ATTEMPTS	20

static int stock_init(struct kunit *test)
{
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	return 0;
}

/* Not inlined: each copy of the statistics takes stack. */
static noinline unsigned long stocked(struct vmap_arena *arena)
{
	return kt_stats(arena).stock >> PAGE_SHIFT;
}

static noinline unsigned long blocks(struct vmap_arena *arena)
{
	return kt_stats(arena).stock_blocks;
}

static noinline unsigned long hits(struct vmap_arena *arena)
{
	return kt_stats(arena).stock_hits;
}

static void *alloc(struct kunit *test, struct vmap_arena *arena, unsigned long pages, gfp_t gfp)
{
	void *addr = kt_pages(arena, pages, gfp);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	return addr;
}

/* An arena whose stock has PAGES pages and no more. */
static struct vmap_arena *arena_with_pages(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	void *addr;

	if (vstock_is_cleared())
		kunit_skip(test, "the kernel clears each page");
	addr = alloc(test, arena, PAGES, GFP_KERNEL);
	vmap_arena_purge(arena);
	KUNIT_EXPECT_EQ(test, stocked(arena), 0);
	vmap_free(addr);
	KUNIT_ASSERT_EQ(test, stocked(arena), PAGES);
	return arena;
}

/* What is freed serves who comes next, and the page allocator is not asked. */
static void what_is_freed_serves_the_next(struct kunit *test)
{
	struct vmap_arena *arena = arena_with_pages(test);
	unsigned long hit = hits(arena), split = blocks(arena);
	void *addr;

	kt_starve(true);
	addr = kt_pages(arena, PAGES, GFP_ATOMIC);
	kt_starve(false);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	kt_stamp(addr, PAGES * PAGE_SIZE, 1);
	KUNIT_EXPECT_TRUE(test, kt_stamped(addr, PAGES * PAGE_SIZE, 1));
	KUNIT_EXPECT_EQ(test, stocked(arena), 0);
	KUNIT_EXPECT_EQ(test, hits(arena), hit + PAGES);
	KUNIT_EXPECT_EQ(test, blocks(arena), split);
	vmap_free(addr);
	KUNIT_EXPECT_EQ(test, stocked(arena), PAGES);
}

/* Whoever finds too little splits a block, whose rest stays. */
static void the_rest_of_a_block_stays(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	void *addr = alloc(test, arena, 1, GFP_KERNEL), *next;

	if (!blocks(arena))
		kunit_skip(test, "there is no block of pages");
	KUNIT_EXPECT_EQ(test, blocks(arena), 1);
	KUNIT_EXPECT_EQ(test, stocked(arena), BLOCK - 1);
	next = alloc(test, arena, BLOCK - 1, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, blocks(arena), 1);
	KUNIT_EXPECT_EQ(test, hits(arena), BLOCK);
	KUNIT_EXPECT_EQ(test, stocked(arena), 0);
	vmap_free(addr);
	vmap_free(next);
}

/* A block that an area takes whole lies in the area whole, whatever is left of the block before. */
static void blocks_stay_whole(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	void *addr = alloc(test, arena, 1, GFP_KERNEL);
	void *many = alloc(test, arena, 2 * BLOCK, GFP_KERNEL);
	unsigned long first, i;

	if (blocks(arena) < 3)
		kunit_skip(test, "there are no blocks of pages");
	for (i = 0; i < 2 * BLOCK; i++) {
		first = vmalloc_to_pfn(many + ALIGN_DOWN(i, BLOCK) * PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, vmalloc_to_pfn(many + i * PAGE_SIZE), first + i % BLOCK);
	}
	KUNIT_EXPECT_EQ(test, stocked(arena), BLOCK - 1);
	KUNIT_EXPECT_EQ(test, hits(arena), 2 * BLOCK + 1);
	vmap_free(addr);
	vmap_free(many);
}

/* However much is freed, the stock has its bound; and the worker takes care that there is room. */
static void it_is_bounded(struct kunit *test)
{
	struct vmap_arena *arena = arena_with_pages(test);
	unsigned long most = kt_stats(arena).stock_most >> PAGE_SHIFT, i, count;
	void **addr;

	KUNIT_ASSERT_GE(test, most, PAGES);
	count = 2 * most / PAGES;
	addr = kunit_kcalloc(test, count, sizeof(*addr), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	for (i = 0; i < count; i++)
		addr[i] = alloc(test, arena, PAGES, GFP_KERNEL);
	for (i = 0; i < count; i++) {
		vmap_free(addr[i]);
		KUNIT_EXPECT_LE(test, stocked(arena), most);
	}
	KUNIT_EXPECT_TRUE(test, kt_until(stocked(arena) <= most * 3 / 4));
	KUNIT_EXPECT_GT(test, kt_stats(arena).stock_given, 0);
}

/* Put a page into the stock of an arena, and return it with a reference of the test's. */
static struct page *page_in_stock(struct kunit *test, struct vmap_arena *arena)
{
	void *addr = alloc(test, arena, 1, GFP_KERNEL);
	struct page *page = vmalloc_to_page(addr);
	unsigned long before = stocked(arena);

	vmap_free(addr);
	KUNIT_EXPECT_EQ(test, stocked(arena), before + 1);
	get_page(page);
	return page;
}

/* Was @page freed by all but the test? */
static void expect_freed(struct kunit *test, struct page *page)
{
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	put_page(page);
}

static void a_purge_takes_all(struct kunit *test)
{
	struct vmap_arena *arena = arena_with_pages(test);
	struct page *page = page_in_stock(test, arena);

	vmap_arena_purge(arena);
	KUNIT_EXPECT_EQ(test, stocked(arena), 0);
	expect_freed(test, page);
}

static void so_does_the_shrinker(struct kunit *test)
{
	struct vmap_arena *arena = arena_with_pages(test);
	struct page *page = page_in_stock(test, arena);
	struct vmap_arena_stats before = kt_stats(arena);

	if (kt_write("/proc/sys/vm/drop_caches", "2"))
		kunit_skip(test, "the kernel's caches cannot be dropped");
	KUNIT_EXPECT_EQ(test, stocked(arena), 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).shrinks, before.shrinks + PAGES);
	expect_freed(test, page);
}

static void it_goes_with_its_arena(struct kunit *test)
{
	struct vmap_arena *arena = vmap_arena_create(kt_name(), VMAP_ARENA_NOCACHE);
	struct page *page;

	KUNIT_ASSERT_FALSE(test, IS_ERR(arena));
	if (vstock_is_cleared()) {
		vmap_arena_destroy(arena);
		kunit_skip(test, "the kernel clears each page");
	}
	page = page_in_stock(test, arena);
	KUNIT_EXPECT_EQ(test, vmap_arena_destroy(arena), 0);
	expect_freed(test, page);
}

/* A page that somebody else refers to is freed, and not kept for others. */
static void a_page_in_use_stays_out(struct kunit *test)
{
	struct vmap_arena *arena = arena_with_pages(test);
	void *addr = alloc(test, arena, PAGES, GFP_KERNEL);
	struct page *page = vmalloc_to_page(addr + PAGE_SIZE);

	get_page(page);
	vmap_free(addr);
	KUNIT_EXPECT_EQ(test, stocked(arena), 0);
	expect_freed(test, page);
}

/* Neither do the caller's own pages come in. */
static void the_callers_pages_stay_out(struct kunit *test)
{
	struct vmap_arena *arena = arena_with_pages(test);
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned long before;
	void *addr;

	KUNIT_ASSERT_NOT_NULL(test, page);
	vmap_arena_purge(NULL);
	before = stocked(NULL);
	addr = vmap_map_pages(&page, 1, PAGE_KERNEL);
	if (addr)
		vmap_unmap_pages(addr);
	KUNIT_EXPECT_NOT_NULL(test, addr);
	KUNIT_EXPECT_EQ(test, stocked(NULL), before);
	KUNIT_EXPECT_EQ(test, stocked(arena), PAGES);
	expect_freed(test, page);
}

/* Zeroed memory is zeroed, though the stock has pages that are not. */
static void zeroes_are_zeroes(struct kunit *test)
{
	struct vmap_arena *arena = arena_with_pages(test);
	void *addr = alloc(test, arena, PAGES, GFP_KERNEL);

	memset(addr, 0xa5, PAGES * PAGE_SIZE);
	vmap_free(addr);
	KUNIT_EXPECT_EQ(test, stocked(arena), PAGES);
	addr = alloc(test, arena, PAGES, GFP_KERNEL | __GFP_ZERO);
	KUNIT_EXPECT_NULL(test, memchr_inv(addr, 0, PAGES * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, stocked(arena), PAGES);
	vmap_free(addr);
}

/* Where the kernel clears each page, no page comes in that had a holder; what is served is zero. */
static void pages_are_clear_where_the_kernel_clears_them(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned long before;
	unsigned int i;
	void *addr;

	if (!vstock_is_cleared())
		kunit_skip(test, "needs init_on_alloc=1 or init_on_free=1");
	for (i = 0; i < 2 * PAGES; i++) {
		addr = alloc(test, arena, 3, GFP_KERNEL | __GFP_ZERO);
		KUNIT_EXPECT_NULL(test, memchr_inv(addr, 0, 3 * PAGE_SIZE));
		memset(addr, 0xa5, 3 * PAGE_SIZE);
		before = stocked(arena);
		vmap_free(addr);
		KUNIT_EXPECT_EQ(test, stocked(arena), before);
	}
}

/* A request for other pages than most want is not served, and its pages do not come in. */
static void special_requests_go_past_it(struct kunit *test)
{
	static const gfp_t special[] = { __GFP_DMA32, __GFP_ACCOUNT, __GFP_THISNODE,
					 __GFP_RECLAIMABLE };
	struct vmap_arena *arena = arena_with_pages(test);
	unsigned long hit = hits(arena), split = blocks(arena);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(special); i++) {
		vmap_free(alloc(test, arena, PAGES, GFP_KERNEL | special[i]));
		KUNIT_EXPECT_EQ(test, stocked(arena), PAGES);
	}
	KUNIT_EXPECT_EQ(test, hits(arena), hit);
	KUNIT_EXPECT_EQ(test, blocks(arena), split);
}

/* Pages on the lists that the page allocator has for each CPU. */
static int on_lists(void)
{
	int count = 0, node, cpu;
	unsigned int i;

	for_each_online_node(node) {
		struct zone *zones = NODE_DATA(node)->node_zones;

		for (i = 0; i < MAX_NR_ZONES; i++)
			for_each_online_cpu(cpu)
				count += data_race(*per_cpu_ptr(&zones[i].per_cpu_pageset->count,
								cpu));
	}
	return count;
}

/* How many pages come to the lists while an area is freed that the stock does not take in? */
static int listed_by_free(struct kunit *test, struct vmap_arena *arena)
{
	void *addr = alloc(test, arena, 3, GFP_KERNEL_ACCOUNT);
	int before = on_lists();

	vmap_free(addr);
	return on_lists() - before;
}

/* How many while the stock gives back a quarter of a block? */
static int listed_by_purge(struct kunit *test, struct vmap_arena *arena)
{
	void *addr = alloc(test, arena, BLOCK / 4 * 3, GFP_KERNEL);
	int before = on_lists();

	vmap_arena_purge(arena);
	before = on_lists() - before;
	vmap_free(addr);
	vmap_arena_purge(arena);
	return before;
}

/* What is freed goes past the lists, which are drained by dozens of pages, whosever. */
static void frees_go_past_the_lists(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	bool freed = false, purged = false;
	unsigned int i;

	if (!CPU_LISTS_ARE_TRIED)
		kunit_skip(test, "not known to be so in this kernel");
	for (i = 0; i < ATTEMPTS; i++) {
		freed |= !listed_by_free(test, arena);
		purged |= !listed_by_purge(test, arena);
	}
	KUNIT_EXPECT_TRUE(test, freed);
	KUNIT_EXPECT_TRUE(test, purged);
}

/* How many pages do the lists gain or lose while the slab of extents grows by a page or more? */
static int listed_by_extents(struct kunit *test, struct vmap_arena *arena,
			     struct vmap_extent **extents)
{
	int before = on_lists();
	unsigned int i;

	for (i = 0; i < EXTENTS; i++) {
		extents[i] = vmap_extent_alloc(arena, 1, 1, GFP_KERNEL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(extents[i]));
	}
	return on_lists() - before;
}

/* Nor do extents come from lists that would be filled by dozens of pages first. */
static void extents_come_past_the_lists(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, 1 << 20, 1);
	struct vmap_extent **extents = kunit_kcalloc(test, ATTEMPTS * EXTENTS, sizeof(*extents),
						     GFP_KERNEL);
	unsigned int attempts = 0, i;
	bool past = false;

	KUNIT_ASSERT_NOT_NULL(test, extents);
	if (!CPU_LISTS_ARE_TRIED)
		kunit_skip(test, "not known to be so in this kernel");
	for (; attempts < ATTEMPTS && !past; attempts++)
		past = !listed_by_extents(test, arena, extents + attempts * EXTENTS);
	KUNIT_EXPECT_TRUE(test, past);
	for (i = 0; i < attempts * EXTENTS; i++)
		vmap_extent_free(arena, extents[i]);
}

/* How many of an area's pages lie on @node? */
static unsigned int pages_on(const void *addr, int node)
{
	unsigned int count = 0, i;

	for (i = 0; i < PAGES; i++)
		count += page_to_nid(vmalloc_to_page(addr + i * PAGE_SIZE)) == node;
	return count;
}

/* Each node has a shelf of its own. */
static void a_node_is_served_from_its_own(struct kunit *test)
{
	struct vmap_arena *arena = arena_with_pages(test);
	int node[2] = { numa_mem_id(), next_node_in(numa_mem_id(), node_online_map) };
	unsigned long before;
	unsigned int i;
	void *addr;

	if (num_online_nodes() < 2)
		kunit_skip(test, "this machine has one NUMA node only");
	for (i = 0; i < 6; i++) {
		before = blocks(arena);
		addr = vmap_arena_alloc(arena, PAGES * PAGE_SIZE, PAGE_SIZE, GFP_KERNEL,
					node[i % 2]);
		KUNIT_ASSERT_NOT_NULL(test, addr);
		KUNIT_EXPECT_EQ(test, pages_on(addr, node[i % 2]), PAGES);
		KUNIT_EXPECT_EQ(test, blocks(arena) - before, i == 1);
		vmap_free(addr);
	}
	KUNIT_EXPECT_EQ(test, stocked(arena), 2 * PAGES);
}

/* Whichever allocation fails, the area is whole or there is none, and no page is lost. */
static void a_failure_loses_nothing(struct kunit *test)
{
	struct vmap_arena *arena = arena_with_pages(test);
	unsigned int nth;
	void *addr = NULL;

	if (!IS_ENABLED(CONFIG_FAULT_INJECTION))
		kunit_skip(test, "needs fault injection");
	for (nth = 1; nth < 8; nth++) {
		vmap_arena_purge(arena);
		vmap_free(alloc(test, arena, 2, GFP_KERNEL));
		kt_fail_nth(nth);
		addr = kt_pages(arena, 3 * BLOCK, GFP_NOWAIT);
		kt_fail_nth(0);
		if (addr)
			kt_stamp(addr, 3 * BLOCK * PAGE_SIZE, nth);
		vmap_free(addr);
		kt_verify(test, arena);
	}
	/* With no block and no page to be had, what the stock has is not enough. */
	vmap_arena_purge(arena);
	kt_starve(true);
	addr = kt_pages(arena, 3 * BLOCK, GFP_NOWAIT);
	kt_starve(false);
	KUNIT_EXPECT_NULL(test, addr);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 0);
	vmap_free(addr);
}

/* An arena that cannot have a stock is not made. */
static void no_memory_for_it_means_no_arena(struct kunit *test)
{
	struct vmap_arena *arena;
	unsigned int nth, failed = 0;

	if (!IS_ENABLED(CONFIG_FAULT_INJECTION))
		kunit_skip(test, "needs fault injection");
	for (nth = 1; nth <= 8; nth++) {
		kt_fail_nth(nth);
		arena = vmap_arena_create(kt_name(), 0);
		kt_fail_nth(0);
		failed += IS_ERR(arena);
		if (!IS_ERR(arena))
			KUNIT_EXPECT_EQ(test, vmap_arena_destroy(arena), 0);
		else
			KUNIT_EXPECT_EQ(test, PTR_ERR(arena), -ENOMEM);
	}
	KUNIT_EXPECT_GT(test, failed, 0);
}

static struct kunit_case stock_cases[] = {
	KUNIT_CASE(what_is_freed_serves_the_next),
	KUNIT_CASE(the_rest_of_a_block_stays),
	KUNIT_CASE(blocks_stay_whole),
	KUNIT_CASE(it_is_bounded),
	KUNIT_CASE(a_purge_takes_all),
	KUNIT_CASE(so_does_the_shrinker),
	KUNIT_CASE(it_goes_with_its_arena),
	KUNIT_CASE(a_page_in_use_stays_out),
	KUNIT_CASE(the_callers_pages_stay_out),
	KUNIT_CASE(zeroes_are_zeroes),
	KUNIT_CASE(pages_are_clear_where_the_kernel_clears_them),
	KUNIT_CASE(special_requests_go_past_it),
	KUNIT_CASE(frees_go_past_the_lists),
	KUNIT_CASE(extents_come_past_the_lists),
	KUNIT_CASE(a_node_is_served_from_its_own),
	KUNIT_CASE(a_failure_loses_nothing),
	KUNIT_CASE(no_memory_for_it_means_no_arena),
	{}
};

static struct kunit_suite stock_suite = {
	.name = "vmap_stock",
	.init = stock_init,
	.test_cases = stock_cases,
};

kunit_test_suite(stock_suite);
