// SPDX-License-Identifier: GPL-2.0
/*
 * drm_mm.c - the kernel's allocator of graphics memory
 *
 * Theory
 *
 * Nodes embedded by the caller, holes in trees by size and by address; asked for the lowest
 * address.  Takes alignment and range.  Its nodes come from a pool here.  Its scan tells which
 * nodes a driver has to evict, the longest unused first, until there is a hole for a request.
 *
 * This file also compiles in a user program, beside the kernel's drm_mm.c as it is: user/peers/.
 */
#include <drm/drm_mm.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#include "lab.h"

#if IS_ENABLED(CONFIG_DRM)

struct drm_index {
	struct drm_mm mm;
	struct lab_pool pool;
};

static void *drm_create(const struct lab_space *space)
{
	struct drm_index *index = lab_zalloc(sizeof(*index));

	if (!index)
		return ERR_PTR(-ENOMEM);
	if (lab_pool_init(&index->pool, sizeof(struct drm_mm_node), space->areas)) {
		lab_release(index);
		return ERR_PTR(-ENOMEM);
	}
	drm_mm_init(&index->mm, space->start, space->end - space->start);
	return index;
}

static void drm_destroy(void *self)
{
	struct drm_index *index = self;
	struct drm_mm_node *node, *next;

	drm_mm_for_each_node_safe(node, next, &index->mm)
		drm_mm_remove_node(node);
	drm_mm_takedown(&index->mm);
	lab_pool_exit(&index->pool);
	lab_release(index);
}

static int drm_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	struct drm_index *index = self;
	struct drm_mm_node *node = lab_pool_get(&index->pool);
	int err;

	if (!node)
		return -ENOMEM;
	/* drm_mm takes a node that is not zero for one in use. */
	memset(node, 0, sizeof(*node));
	err = drm_mm_insert_node_in_range(&index->mm, node, request->size, request->align, 0,
					  request->lo, request->hi, DRM_MM_INSERT_LOW);
	if (err) {
		lab_pool_put(&index->pool, node);
		return err;
	}
	*area = (struct lab_area){ node, node->start, request->size };
	return 0;
}

static void drm_free(void *self, const struct lab_area *area)
{
	struct drm_index *index = self;

	drm_mm_remove_node(area->handle);
	lab_pool_put(&index->pool, area->handle);
}

static bool drm_evict(void *self, const struct lab_request *request, unsigned long count,
		      const struct lab_area *const *areas, bool *goes)
{
	struct drm_index *index = self;
	struct drm_mm_scan scan;
	unsigned long added = 0;
	bool found = false;

	drm_mm_scan_init_with_range(&scan, &index->mm, request->size, request->align, 0,
				    request->lo, request->hi, DRM_MM_INSERT_LOW);
	while (!found && added < count)
		found = drm_mm_scan_add_block(&scan, areas[added++]->handle);
	/* In the opposite order, and all of them, says drm_mm. */
	while (added--)
		goes[added] = drm_mm_scan_remove_block(&scan, areas[added]->handle) && found;
	return found;
}

static void drm_walk(void *self, lab_visit visit, void *data)
{
	struct drm_index *index = self;
	struct drm_mm_node *node;
	u64 start, end;

	drm_mm_for_each_hole(node, &index->mm, start, end)
		visit(data, start, end);
}

static unsigned long drm_bytes(void *self)
{
	struct drm_index *index = self;

	return sizeof(*index) + index->pool.used * sizeof(struct drm_mm_node);
}

const struct lab_index lab_drm_mm = {
	.name = "drm_mm" LAB_SUFFIX,
	.differs = "drm_mm_insert_node_in_range, lowest",
	.create = drm_create,
	.destroy = drm_destroy,
	.alloc = drm_alloc,
	.free = drm_free,
	.evict = drm_evict,
	.walk = drm_walk,
	.bytes = drm_bytes,
};

#endif
