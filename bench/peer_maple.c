// SPDX-License-Identifier: GPL-2.0
/*
 * peer_maple.c - a maple tree that tracks gaps: the lowest gap that fits, and a store into it
 */
#include <linux/maple_tree.h>

#include "bench.h"

#define LIMIT	((1UL << 36) - 1)

static struct maple_tree tree = MTREE_INIT(tree, MT_FLAGS_ALLOC_RANGE);

static void end(void)
{
	mtree_destroy(&tree);
}

static bool alloc(struct bench_area *area, unsigned long align)
{
	MA_STATE(mas, &tree, 0, 0);
	bool done;

	mas_lock(&mas);
	done = !mas_empty_area(&mas, 1, LIMIT, area->pages) &&
	       !mas_store_gfp(&mas, area, GFP_KERNEL);
	mas_unlock(&mas);
	area->start = mas.index;
	return done;
}

static void erase(struct bench_area *area)
{
	MA_STATE(mas, &tree, area->start, area->start);

	mas_lock(&mas);
	mas_erase(&mas);
	mas_unlock(&mas);
}

const struct bench_peer bench_maple = {
	.name = "maple",
	.end = end,
	.alloc = alloc,
	.free = erase,
};
