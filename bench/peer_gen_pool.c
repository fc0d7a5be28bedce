// SPDX-License-Identifier: GPL-2.0
/*
 * peer_gen_pool.c - the kernel's bitmap allocator
 *
 * The larger its pool, the more its bitmap costs to search, so the pool is made as large as the
 * load needs: twice what is live.
 */
#include <linux/genalloc.h>
#include <linux/mm.h>
#include <linux/numa.h>

#include "bench.h"

static struct gen_pool *pool;

static int begin(const struct bench_load *load)
{
	unsigned long pages = 2 * load->live * (bench_mean_pages(load->sizes) + load->align) +
			      2 * BENCH_MAX_PAGES;
	int err;

	pool = gen_pool_create(PAGE_SHIFT, NUMA_NO_NODE);
	if (!pool)
		return -ENOMEM;
	err = gen_pool_add(pool, BENCH_MAX_PAGES * PAGE_SIZE, pages << PAGE_SHIFT, NUMA_NO_NODE);
	if (err)
		gen_pool_destroy(pool);
	return err;
}

static void end(void)
{
	gen_pool_destroy(pool);
}

static bool alloc(struct bench_area *area, unsigned long align)
{
	struct genpool_data_align data = { .align = align << PAGE_SHIFT };
	unsigned long size = (unsigned long)area->pages << PAGE_SHIFT;

	if (align > 1)
		area->start = gen_pool_alloc_algo(pool, size, gen_pool_first_fit_align, &data);
	else
		area->start = gen_pool_alloc(pool, size);
	return area->start;
}

static void pool_free(struct bench_area *area)
{
	gen_pool_free(pool, area->start, (unsigned long)area->pages << PAGE_SHIFT);
}

const struct bench_peer bench_gen_pool = {
	.name = "gen-pool",
	.differs = "a bitmap of fixed size, searched linearly",
	.aligns = true,
	.begin = begin,
	.end = end,
	.alloc = alloc,
	.free = pool_free,
};
