// SPDX-License-Identifier: GPL-2.0
/*
 * pages.c - pages by the block, and frees that do not wait for others
 *
 * The page allocator keeps single pages, and blocks up to PAGE_ALLOC_COSTLY_ORDER, on lists a CPU.
 * An empty list is refilled, and a full one drained, many pages at a time with interrupts off: by
 * 63 pages at least, and the more, up to 2,016 pages of 4 KiB, the more were allocated, or freed,
 * one after another, by whomever.  That takes 32,000 to 470,000 instructions, in which no other
 * task gets the CPU, however urgent.  So:
 *
 *   - vpage_get_block() gets VPAGE_BLOCK pages at once, of an order that no such list has: the cost
 *     is that of one block, and the block is split into single pages;
 *   - vpage_give() frees pages that lie side by side as one block: few steps for many pages, as the
 *     buddies need not be found page by page;
 *   - a free of what has a list goes past the list: the page allocator merges that one page, or
 *     block, with its buddies.
 *
 * Past the list.  The lock of a list is only ever tried by who allocates or frees: an interrupt may
 * come while the task that it interrupts holds the lock.  Who finds a list locked goes past the
 * list.  So free_past_list() holds the lock of the list while it calls the page allocator: what it
 * frees is taken for a free by an interrupt.
 *
 * Locking: free_past_list() holds the lock of one list of this CPU for the free of one page, or
 * block: with preemption off, or, on a real-time kernel, with migration off.  The page allocator
 * takes its other locks under this one, too.
 */
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>

#include "compat.h"
#include "pages.h"

/*
 * The flags of a request for which nothing is reclaimed, no reserve of the kernel is used and no
 * failure is reported: whoever makes the request can do without.
 */
#define LIGHTLY	(__GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC | __GFP_THISNODE)

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

static void free_past_list(struct page *page, unsigned int order)
{
	struct per_cpu_pages *list;

	migrate_disable();
	list = this_cpu_ptr(page_zone(page)->per_cpu_pageset);
	if (likely(spin_trylock(&list->lock))) {
		__free_pages(page, order);
		spin_unlock(&list->lock);
	} else {
		__free_pages(page, order);
	}
	migrate_enable();
}

static void free_block(struct page *page, unsigned int order)
{
	if (CPU_LISTS_ARE_TRIED && order < VPAGE_BLOCK_ORDER)
		free_past_list(page, order);
	else
		__free_pages(page, order);
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
