// SPDX-License-Identifier: GPL-2.0
/*
 * peer_drm_mm.c - the range manager of graphics drivers, with two of its policies
 *
 * Its nodes are the caller's, and it has no lock of its own: both are its caller's to provide, and
 * neither is in its figures.
 */
#include <linux/vmalloc.h>
#include <drm/drm_mm.h>

#include "bench.h"

#define DIFFERS	"takes no lock; its nodes are the caller's, allocated beforehand"

static struct drm_mm mm;
static struct drm_mm_node *nodes;

static int begin(const struct bench_load *load)
{
	nodes = vcalloc(load->live, sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	drm_mm_init(&mm, 1, 1ULL << 36);
	return 0;
}

static void end(void)
{
	drm_mm_takedown(&mm);
	vfree(nodes);
}

static bool insert(struct bench_area *area, unsigned long align, enum drm_mm_insert_mode mode)
{
	return !drm_mm_insert_node_generic(&mm, &nodes[area->index], area->pages, align, 0, mode);
}

static bool lowest_alloc(struct bench_area *area, unsigned long align)
{
	return insert(area, align, DRM_MM_INSERT_LOW);
}

static bool best_alloc(struct bench_area *area, unsigned long align)
{
	return insert(area, align, DRM_MM_INSERT_BEST);
}

static void remove(struct bench_area *area)
{
	drm_mm_remove_node(&nodes[area->index]);
}

const struct bench_peer bench_drm_mm_lowest = {
	.name = "drm-mm-lowest",
	.differs = DIFFERS,
	.aligns = true,
	.begin = begin,
	.end = end,
	.alloc = lowest_alloc,
	.free = remove,
};

const struct bench_peer bench_drm_mm_best = {
	.name = "drm-mm-best",
	.differs = DIFFERS "; the smallest hole, not the lowest",
	.aligns = true,
	.begin = begin,
	.end = end,
	.alloc = best_alloc,
	.free = remove,
};
