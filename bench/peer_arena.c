// SPDX-License-Identifier: GPL-2.0
/*
 * peer_arena.c - our own allocator, each way to use it
 *
 * The arenas live as long as the module, so that their settings in debugfs can be changed before a
 * measurement: the one of bench_tree is to have its cache turned off there.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/mm.h>

#include "../vmap_alloc.h"
#include "bench.h"

#define RANGE_START	BENCH_MAX_PAGES
#define RANGE_END	BIT(36)

/* The most pages of a reserved area; and frees within 100 ms, of which no load does so many. */
#define RESERVED_AREA_PAGES	16
#define RESERVED_FREES		40000

static struct vmap_arena *range, *tree, *warm, *cold;

static bool extent_alloc(struct bench_area *area, struct vmap_arena *arena, unsigned long align)
{
	area->extent = vmap_extent_alloc(arena, area->pages, align, GFP_KERNEL);
	return !IS_ERR(area->extent);
}

static bool range_alloc(struct bench_area *area, unsigned long align)
{
	return extent_alloc(area, range, align);
}

static void range_free(struct bench_area *area)
{
	vmap_extent_free(range, area->extent);
}

static void range_end(void)
{
	vmap_arena_purge(range);
}

const struct bench_peer bench_range = {
	.name = "range",
	.aligns = true,
	.end = range_end,
	.alloc = range_alloc,
	.free = range_free,
};

static bool tree_alloc(struct bench_area *area, unsigned long align)
{
	return extent_alloc(area, tree, align);
}

static void tree_free(struct bench_area *area)
{
	vmap_extent_free(tree, area->extent);
}

static void tree_end(void)
{
	vmap_arena_purge(tree);
}

const struct bench_peer bench_tree = {
	.name = "tree",
	.aligns = true,
	.end = tree_end,
	.alloc = tree_alloc,
	.free = tree_free,
};

static bool memory_alloc(struct bench_area *area, struct vmap_arena *arena, unsigned long align)
{
	area->addr = vmap_arena_alloc(arena, (unsigned long)area->pages << PAGE_SHIFT,
				      align << PAGE_SHIFT, GFP_KERNEL, NUMA_NO_NODE);
	return area->addr;
}

static void memory_free(struct bench_area *area)
{
	vmap_free(area->addr);
}

static bool warm_alloc(struct bench_area *area, unsigned long align)
{
	return memory_alloc(area, warm, align);
}

static void warm_end(void)
{
	vmap_arena_purge(warm);
}

const struct bench_peer bench_arena = {
	.name = "arena",
	.memory = true,
	.large = true,
	.aligns = true,
	.end = warm_end,
	.alloc = warm_alloc,
	.free = memory_free,
	.purge = warm_end,
};

static bool cold_alloc(struct bench_area *area, unsigned long align)
{
	return memory_alloc(area, cold, align);
}

static void cold_end(void)
{
	vmap_arena_purge(cold);
}

const struct bench_peer bench_arena_cold = {
	.name = "arena-nocache",
	.memory = true,
	.large = true,
	.aligns = true,
	.end = cold_end,
	.alloc = cold_alloc,
	.free = memory_free,
	.purge = cold_end,
};

static struct vmap_arena *reserved;

static void destroy(struct vmap_arena *arena)
{
	if (!IS_ERR_OR_NULL(arena))
		WARN_ON(vmap_arena_destroy(arena));
}

static void reserved_end(void)
{
	destroy(reserved);
}

/* A tenth more than the mean is live at most: the sizes of so many areas are no surprise. */
static int reserved_begin(const struct bench_load *load)
{
	unsigned long pages = load->live * bench_mean_pages(load->sizes) * 11 / 10 + 1000;
	int err;

	reserved = vmap_arena_create("bench-reserved", 0);
	if (IS_ERR(reserved))
		return PTR_ERR(reserved);
	err = vmap_arena_reserve(reserved, pages << PAGE_SHIFT, RESERVED_AREA_PAGES,
				 RESERVED_FREES);
	if (err)
		reserved_end();
	return err;
}

static bool reserved_alloc(struct bench_area *area, unsigned long align)
{
	return memory_alloc(area, reserved, align);
}

static void reserved_purge(void)
{
	vmap_arena_purge(reserved);
}

const struct bench_peer bench_arena_reserved = {
	.name = "arena-reserved",
	.differs = "memory set aside by vmap_arena_reserve(); areas of 16 pages at most",
	.memory = true,
	.begin = reserved_begin,
	.end = reserved_end,
	.alloc = reserved_alloc,
	.free = memory_free,
	.purge = reserved_purge,
};

static bool huge_alloc(struct bench_area *area, unsigned long align)
{
	area->addr = vmap_alloc_huge((unsigned long)area->pages << PAGE_SHIFT, GFP_KERNEL,
				     NUMA_NO_NODE);
	return area->addr;
}

const struct bench_peer bench_huge = {
	.name = "arena-huge",
	.memory = true,
	.large = true,
	.alloc = huge_alloc,
	.free = memory_free,
};

static struct page *pages[BENCH_MAX_PAGES];

static int map_begin(const struct bench_load *load)
{
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned int i;

	for (i = 0; i < BENCH_MAX_PAGES; i++)
		pages[i] = page;
	return page ? 0 : -ENOMEM;
}

static void map_purge(void)
{
	vmap_arena_purge(NULL);
}

static void map_end(void)
{
	map_purge();
	__free_page(pages[0]);
}

static bool map_alloc(struct bench_area *area, unsigned long align)
{
	area->addr = vmap_map_pages(pages, area->pages, PAGE_KERNEL);
	return area->addr;
}

static void map_free(struct bench_area *area)
{
	vmap_unmap_pages(area->addr);
}

const struct bench_peer bench_arena_map = {
	.name = "arena-map",
	.differs = "maps pages that the caller has, as vmap does",
	.begin = map_begin,
	.end = map_end,
	.alloc = map_alloc,
	.free = map_free,
	.purge = map_purge,
};

void bench_arenas_destroy(void)
{
	destroy(range);
	destroy(tree);
	destroy(warm);
	destroy(cold);
}

int bench_arenas_create(void)
{
	range = vmap_arena_create_range("bench-range", RANGE_START, RANGE_END, 1);
	tree = vmap_arena_create_range("bench-tree", RANGE_START, RANGE_END, 1);
	warm = vmap_arena_create("bench-warm", 0);
	cold = vmap_arena_create("bench-nocache", VMAP_ARENA_NOCACHE);
	if (!IS_ERR(range) && !IS_ERR(tree) && !IS_ERR(warm) && !IS_ERR(cold))
		return 0;
	bench_arenas_destroy();
	return -ENOMEM;
}
