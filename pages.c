// SPDX-License-Identifier: GPL-2.0
/*
 * pages.c - pages by the block, and frees that the page allocator does not save up
 *
 * The page allocator keeps single pages on a list a CPU.  An empty list is refilled, and a full one
 * drained, many pages at a time with interrupts off: the more pages were allocated, or freed, one
 * after another, the more, up to 2,016 pages of 4 KiB.  That takes 290,000 to 470,000 instructions,
 * in which no other task gets the CPU, however urgent.  So:
 *
 *   - vpage_get_block() gets VPAGE_BLOCK pages at once, of an order that no such list has: the cost
 *     is that of one block, and the block is split into single pages;
 *   - vpage_give() frees pages that lie side by side as one block: few steps for many pages, as the
 *     buddies need not be found page by page;
 *   - a free ends a run, now and then: it allocates a page and frees it, which halves the page
 *     allocator's count of frees that came one after another, and so the size of a drain.
 *
 * Locking: none.
 */
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/percpu.h>

#include "pages.h"

/*
 * The flags of a request for which nothing is reclaimed, no reserve of the kernel is used and no
 * failure is reported: whoever makes the request can do without.
 */
#define LIGHTLY	(__GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC | __GFP_THISNODE)

/*
 * Frees of single pages after which a run is ended.  The page allocator drains a list by 63 pages
 * at least in one go, and by as many as were freed one after another; after runs of 16, whose count
 * is halved each time, by no more than the 63.
 */
#define PAGES_RUN	16

/**
 * vpage_get_block() - get VPAGE_BLOCK single pages, if @node has a block of them at hand
 * @pages: set to the pages
 * @node: the NUMA node, which has memory
 *
 * Context: any in which pages may be allocated; does not sleep.
 * Return: false if there is no such block.
 */
bool vpage_get_block(struct page **pages, int node)
{
	struct page *page = alloc_pages_node(node, LIGHTLY, VPAGE_BLOCK_ORDER);
	unsigned int i;

	if (!page)
		return false;
	split_page(page, VPAGE_BLOCK_ORDER);
	for (i = 0; i < VPAGE_BLOCK; i++)
		pages[i] = page + i;
	return true;
}

/* The flag that has the page allocator begin with the zone of @page. */
static gfp_t zone_flag(const struct page *page)
{
#ifdef CONFIG_ZONE_DMA32
	if (page_zonenum(page) == ZONE_DMA32)
		return __GFP_DMA32;
#endif
	return 0;
}

/*
 * Have the page allocator forget half of the frees that came one after another, from a zone of
 * @node.
 */
static void end_run(int node, gfp_t zone)
{
	struct page *page = alloc_pages_node(node, LIGHTLY | zone, 0);

	if (page)
		__free_page(page);
}

/* Single pages that were freed here, by CPU. */
static DEFINE_PER_CPU(unsigned int, freed_singly);

/*
 * Is the run to be ended after a free of @order?  After each one that is no single page but has a
 * list: two of these, one after the other, let the page allocator drain all of its lists.
 */
static bool is_run_over(unsigned int order)
{
	if (order)
		return order < VPAGE_BLOCK_ORDER;
	return this_cpu_inc_return(freed_singly) % PAGES_RUN == 0;
}

static void free_block(struct page *page, unsigned int order)
{
	int node = page_to_nid(page);
	gfp_t zone = zone_flag(page);

	__free_pages(page, order);
	if (is_run_over(order))
		end_run(node, zone);
}

/**
 * vpage_free() - free a single page
 * @page: the page
 *
 * Context: any in which pages may be freed.
 */
void vpage_free(struct page *page)
{
	free_block(page, 0);
}

/* The order of the largest block that the first of @count pages make, VPAGE_BLOCK_ORDER at most. */
static unsigned int joint_order(struct page **pages, unsigned int count)
{
	unsigned int most = __ffs(page_to_pfn(pages[0]) | VPAGE_BLOCK), run = 1;

	while (run < count && run < 1U << most && pages[run] == pages[0] + run)
		run++;
	return min_t(unsigned int, most, ilog2(run));
}

/**
 * vpage_join() - make single pages a block, in which the first page alone has a reference
 * @page: the first page
 * @order: of the block
 *
 * The inverse of split_page(): page_ref_freeze() takes the reference of each other page, and once
 * it has succeeded nobody can get a reference.  With CONFIG_MEM_ALLOC_PROFILING the kernel counts
 * each page by itself, and would miss those that are freed with another.
 *
 * Context: any.
 * Return: false, with nothing changed, if somebody else refers to a page that is not the first, or
 * if pages may not be joined.
 */
bool vpage_join(struct page *page, unsigned int order)
{
	unsigned int i;

	if (IS_ENABLED(CONFIG_MEM_ALLOC_PROFILING) && order)
		return false;
	for (i = 1; i < 1U << order; i++)
		if (!page_ref_freeze(page + i, 1))
			break;
	if (likely(i == 1U << order))
		return true;
	while (--i)
		page_ref_unfreeze(page + i, 1);
	return false;
}

/**
 * vpage_give() - free single pages, those that lie side by side as a block
 * @pages: the pages, each as the page allocator hands it out and charged to nobody
 * @count: how many
 *
 * Context: any in which pages may be freed.
 */
void vpage_give(struct page **pages, unsigned int count)
{
	unsigned int order, i;

	for (i = 0; i < count; i += 1U << order) {
		order = joint_order(pages + i, count - i);
		if (unlikely(!vpage_join(pages[i], order)))
			order = 0;
		free_block(pages[i], order);
	}
}
