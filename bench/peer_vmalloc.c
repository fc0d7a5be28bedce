// SPDX-License-Identifier: GPL-2.0
/*
 * peer_vmalloc.c - the kernel's own vmalloc and vmap
 */
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "bench.h"

static bool vmalloc_alloc(struct bench_area *area, unsigned long align)
{
	area->addr = vmalloc((unsigned long)area->pages << PAGE_SHIFT);
	return area->addr;
}

static void vmalloc_free(struct bench_area *area)
{
	vfree(area->addr);
}

const struct bench_peer bench_vmalloc = {
	.name = "vmalloc",
	.memory = true,
	.large = true,
	.alloc = vmalloc_alloc,
	.free = vmalloc_free,
};

static bool vmalloc_huge_alloc(struct bench_area *area, unsigned long align)
{
	area->addr = vmalloc_huge((unsigned long)area->pages << PAGE_SHIFT, GFP_KERNEL);
	return area->addr;
}

const struct bench_peer bench_vmalloc_huge = {
	.name = "vmalloc-huge",
	.memory = true,
	.large = true,
	.alloc = vmalloc_huge_alloc,
	.free = vmalloc_free,
};

static struct page *pages[BENCH_MAX_PAGES];

static int vmap_begin(const struct bench_load *load)
{
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned int i;

	for (i = 0; i < BENCH_MAX_PAGES; i++)
		pages[i] = page;
	return page ? 0 : -ENOMEM;
}

static void vmap_end(void)
{
	__free_page(pages[0]);
}

static bool vmap_alloc_pages(struct bench_area *area, unsigned long align)
{
	area->addr = vmap(pages, area->pages, VM_MAP, PAGE_KERNEL);
	return area->addr;
}

static void vmap_free_pages(struct bench_area *area)
{
	vunmap(area->addr);
}

const struct bench_peer bench_vmap = {
	.name = "vmap",
	.differs = "maps pages that the caller has",
	.begin = vmap_begin,
	.end = vmap_end,
	.alloc = vmap_alloc_pages,
	.free = vmap_free_pages,
};
