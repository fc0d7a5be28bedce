// SPDX-License-Identifier: GPL-2.0
/*
 * ways.c - ways to get the memory of an area
 *
 * Theory
 *
 *   none     no memory at all: what the load beside it does alone
 *   single   pages one by one, mapped by vmap(): vmalloc() of Linux 6.12
 *   large    blocks as large as the rest of the area has room for, up to 2 MiB, and the next
 *            smaller ones where there is none at once; split into pages, since areas are freed page
 *            by page; only for single pages memory is reclaimed
 *   vmalloc  the vmalloc() of the kernel that runs: from 7.0 on it tries large blocks first
 *   arena    vmap_alloc(): what is freed is kept warm, and serves the next request of that size
 *
 * Two ways map pages of their own with VM_MAP_PUT_PAGES: vfree() gives the pages back then, as it
 * does those of vmalloc(), with the array that has them.  So the ways differ in how they get pages
 * and in nothing else.
 */
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "../../vmap_alloc.h"
#include "pages.h"

#define BLOCK_GFP	((GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN) & ~__GFP_DIRECT_RECLAIM)

/* Puts up to @wanted pages, at least one, into @pages; how many, or 0. */
typedef unsigned int (*take_pages)(struct page **pages, unsigned int wanted);

static unsigned int take_single(struct page **pages, unsigned int wanted)
{
	*pages = alloc_page(GFP_KERNEL | __GFP_NOWARN);
	return *pages ? 1 : 0;
}

static unsigned int take_block(struct page **pages, unsigned int wanted)
{
	unsigned int order = min_t(unsigned int, ilog2(wanted), BLOCK_ORDER), i;
	struct page *block = NULL;

	for (; order && !block; order -= !block)
		block = alloc_pages(BLOCK_GFP, order);
	if (!block)
		return take_single(pages, wanted);
	split_page(block, order);
	for (i = 0; i < 1U << order; i++)
		pages[i] = block + i;
	return i;
}

static void give_back(struct page **pages, unsigned int count)
{
	while (count--)
		__free_page(pages[count]);
	kvfree(pages);
}

static void *map_pages(unsigned int count, take_pages take)
{
	struct page **pages = kvmalloc_array(count, sizeof(*pages), GFP_KERNEL);
	unsigned int done = 0, more;
	void *area;

	if (!pages)
		return NULL;
	for (; done < count; done += more) {
		more = take(pages + done, count - done);
		if (!more)
			goto fail;
	}
	area = vmap(pages, count, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
	if (area)
		return area;
fail:
	give_back(pages, done);
	return NULL;
}

static void *alloc_single(unsigned int pages)
{
	return map_pages(pages, take_single);
}

static void *alloc_large(unsigned int pages)
{
	return map_pages(pages, take_block);
}

static void *alloc_vmalloc(unsigned int pages)
{
	return __vmalloc((unsigned long)pages << PAGE_SHIFT, GFP_KERNEL | __GFP_NOWARN);
}

static void free_vmalloc(void *area)
{
	vfree(area);
}

static void *alloc_arena(unsigned int pages)
{
	return vmap_alloc((unsigned long)pages << PAGE_SHIFT);
}

static void free_arena(void *area)
{
	vmap_free(area);
}

static void purge_arena(void)
{
	vmap_arena_purge(NULL);
}

static void *alloc_none(unsigned int pages)
{
	return ZERO_SIZE_PTR;
}

static void free_none(void *area)
{
}

const struct lab_way lab_ways[] = {
	{ .name = "none", .alloc = alloc_none, .free = free_none },
	{ .name = "single", .alloc = alloc_single, .free = free_vmalloc },
	{ .name = "large", .alloc = alloc_large, .free = free_vmalloc },
	{ .name = "vmalloc", .alloc = alloc_vmalloc, .free = free_vmalloc },
	{ .name = "arena", .alloc = alloc_arena, .free = free_arena, .purge = purge_arena },
	{ }
};

/* NULL: there is none of this name. */
const struct lab_way *lab_way_find(const char *name)
{
	const struct lab_way *way;

	for (way = lab_ways; way->name; way++)
		if (!strcmp(way->name, name))
			return way;
	return NULL;
}
