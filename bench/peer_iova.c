// SPDX-License-Identifier: GPL-2.0
/*
 * peer_iova.c - the kernel's allocator of I/O virtual addresses, with and without its caches
 */
#include <linux/iova.h>

#include "bench.h"

#define LIMIT_PFN	((1UL << 36) - 1)

static struct iova_domain domain;

static int begin(const struct bench_load *load)
{
	int err = iova_cache_get();

	if (err)
		return err;
	init_iova_domain(&domain, PAGE_SIZE, 1);
	err = iova_domain_init_rcaches(&domain);
	if (err) {
		put_iova_domain(&domain);
		iova_cache_put();
	}
	return err;
}

static void end(void)
{
	put_iova_domain(&domain);
	iova_cache_put();
}

static bool fast_alloc(struct bench_area *area, unsigned long align)
{
	area->start = alloc_iova_fast(&domain, area->pages, LIMIT_PFN, true);
	return area->start;
}

static void fast_free(struct bench_area *area)
{
	free_iova_fast(&domain, area->start, area->pages);
}

const struct bench_peer bench_iova_fast = {
	.name = "iova-fast",
	.differs = "rounds sizes up to 2^k; caches no size above 32",
	.begin = begin,
	.end = end,
	.alloc = fast_alloc,
	.free = fast_free,
};

static bool slow_alloc(struct bench_area *area, unsigned long align)
{
	area->handle = alloc_iova(&domain, area->pages, LIMIT_PFN, false);
	return area->handle;
}

static void slow_free(struct bench_area *area)
{
	__free_iova(&domain, area->handle);
}

const struct bench_peer bench_iova = {
	.name = "iova",
	.differs = "searches linearly, from the top",
	.begin = begin,
	.end = end,
	.alloc = slow_alloc,
	.free = slow_free,
};
