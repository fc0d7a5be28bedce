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
 *     block, with its buddies; vpage_get() gets a single page likewise, and vpage_object() has a
 *     slab get its pages so;
 *   - who calls what cannot go past the list lays out pages on the list before: vpage_lay_out().
 *
 * Past the list.  The lock of a list is only ever tried by who allocates or frees: an interrupt may
 * come while the task that it interrupts holds the lock.  Who finds a list locked goes past the
 * list.  So free_past_list() holds the lock of the list while it calls the page allocator: what it
 * frees is taken for a free by an interrupt.  So does get_past_list().
 *
 * Locking: the lock of one list of this CPU is held for the free of one page, or block, or for the
 * allocation of one object: with preemption off, or, on a real-time kernel, with migration off.
 * The page allocator takes its other locks under this one, too; the slab's locks nest in it here,
 * and nobody who holds one of those waits for the lock of a list.
 */
#include <linux/bitops.h>
#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/percpu.h>
#include <linux/slab.h>
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

/* The zone that the page allocator begins with for pages of the kernel's own. */
static struct zone *zone_here(void)
{
	struct zone *zone = &NODE_DATA(numa_mem_id())->node_zones[ZONE_NORMAL];

	while (zone_idx(zone) && !managed_zone(zone))
		zone--;
	return zone;
}

/* Call @get with @list locked; return what @get returns, or NULL if somebody else locked @list. */
static void *past(struct per_cpu_pages *list, void *(*get)(void *from), void *from)
{
	void *got;

	if (unlikely(!spin_trylock(&list->lock)))
		return NULL;
	got = get(from);
	spin_unlock(&list->lock);
	return got;
}

/* past() the list of this CPU, for pages of the kernel's own. */
static void *get_past_list(void *(*get)(void *from), void *from)
{
	void *got;

	if (!CPU_LISTS_ARE_TRIED)
		return NULL;
	migrate_disable();
	got = past(this_cpu_ptr(zone_here()->per_cpu_pageset), get, from);
	migrate_enable();
	return got;
}

static void *get_object(void *slab)
{
	return kmem_cache_alloc(slab, LIGHTLY);
}

static void *get_page_here(void *unused)
{
	return alloc_page(LIGHTLY & ~__GFP_THISNODE);
}

/**
 * vpage_object() - kmem_cache_alloc() for which no list of single pages is filled
 * @slab: the slab
 * @gfp: flags of the request, without a zone
 *
 * A page that the slab needs comes by itself, as long as there is one at hand.
 *
 * Context: any in which @gfp may be used.
 * Return: an object of @slab, or NULL.
 */
void *vpage_object(struct kmem_cache *slab, gfp_t gfp)
{
	void *object = get_past_list(get_object, slab);

	return likely(object) ? object : kmem_cache_alloc(slab, gfp);
}

/**
 * vpage_get() - alloc_page() for which no list of single pages is filled
 * @gfp: flags of the request, without a zone, mobility, zeroing or accounting
 *
 * Context: any in which @gfp may be used.
 * Return: a page that nobody else refers to, or NULL.
 */
struct page *vpage_get(gfp_t gfp)
{
	struct page *page = get_past_list(get_page_here, NULL);

	return likely(page) ? page : alloc_page(gfp);
}

/* If somebody else locked the list, the free goes past the list, too. */
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

/* Would one page more, freed on this CPU, let the page allocator drain the list of @page? */
static bool is_list_full(const struct page *page)
{
	const struct per_cpu_pages *list = raw_cpu_ptr(page_zone(page)->per_cpu_pageset);

	return data_race(list->count) + 1 >= data_race(cpu_list_high(list));
}

/**
 * vpage_lay_out() - free a single page where the next allocation on this CPU finds the page
 * @page: the page
 *
 * A list that is full has others to be found: then the page goes past the list.
 *
 * Context: any in which pages may be freed.
 */
void vpage_lay_out(struct page *page)
{
	if (is_list_full(page))
		vpage_free(page);
	else
		__free_page(page);
}

/*
 * Does the kernel note who has each page (page_owner=on)?  A block that is freed goes off the count
 * of who has its first page, and pages that come from several calls make no block then.
 */
static bool pages_have_owners __ro_after_init;

/* Context: process; once, before any other call. */
int vpage_init_module(void)
{
	struct dentry *owners = debugfs_lookup("page_owner", NULL);

	pages_have_owners = !IS_ERR_OR_NULL(owners);
	if (pages_have_owners)
		dput(owners);
	return 0;
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
 * it has succeeded nobody can get a reference.  With CONFIG_MEM_ALLOC_PROFILING, and with
 * page_owner=on, the kernel counts each page by itself, and would miss those that are freed with
 * another.
 *
 * Context: any.
 * Return: false, with nothing changed, if somebody else refers to a page that is not the first, or
 * if pages may not be joined.
 */
bool vpage_join(struct page *page, unsigned int order)
{
	unsigned int i;

	if ((IS_ENABLED(CONFIG_MEM_ALLOC_PROFILING) || pages_have_owners) && order)
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
