// SPDX-License-Identifier: GPL-2.0
/*
 * tree.c - the two indexes of an arena: an augmented red-black tree of free extents, or a summary
 *
 * Theory
 *
 * This is vmap_arena's own free tree, called through free_tree.h as vmap_alloc.c calls it; what it
 * does and why is said in ../free_tree.c.  It goes back to the 2018 RFC, and to what the kernel
 * made of that in 5.2: a tree in which each node knows the longest free extent below it.  Unlike
 * there, busy extents stay on a ring with the free ones, so that freeing finds its neighbours
 * without a search, and an aligned request gets the lowest fit.
 *
 * tree_summary is what an arena has with index=summary (../free_summary.c): the same tiles on the
 * same rings, and a radix tree with the longest free extent of each piece in place of the red-black
 * tree.  Unlike summary.c it has no bits: extents are there already, and tell where runs begin.
 *
 * What is not here: the lock, the caches and the lazy list of the arena.  This is the price of the
 * index alone.
 */
#include <linux/errno.h>

#include "../free_tree.h"
#include "lab.h"

struct tree_index {
	struct free_tree tree;
	struct vmap_extent marker;
	struct vmap_extent_pool spares;
	struct lab_pool pool;
	struct free_summary summary;
	struct lab_pool nodes;
};

/* Spares are got and given back so many at a time, as the arena does: a cut finds them there. */
#define STOCK	64

static int fill_spares(struct tree_index *index)
{
	while (index->spares.count < STOCK) {
		struct vmap_extent *extent = lab_pool_get(&index->pool);

		if (!extent)
			return -ENOMEM;
		vext_pool_push(&index->spares, extent);
	}
	return 0;
}

/* The same for @count nodes, where the index is a summary. */
static int fill_nodes(struct tree_index *index, unsigned long count)
{
	while (index->summary.spares.count < count) {
		struct summary_node *node = lab_pool_get(&index->nodes);

		if (!node)
			return -ENOMEM;
		summary_pool_push(&index->summary.spares, node);
	}
	return 0;
}

static void drop_nodes(struct tree_index *index)
{
	while (index->summary.spares.count > STOCK)
		lab_pool_put(&index->nodes, summary_pool_pop(&index->summary.spares));
}

static void tree_destroy(void *self)
{
	struct tree_index *index = self;

	lab_pool_exit(&index->pool);
	lab_pool_exit(&index->nodes);
	lab_release(index);
}

/* All but the span. */
static struct tree_index *create(const struct lab_space *space)
{
	struct tree_index *index = lab_zalloc(sizeof(*index));

	if (!index)
		return ERR_PTR(-ENOMEM);
	/* At worst every area has a free extent behind it. */
	if (lab_pool_init(&index->pool, sizeof(struct vmap_extent),
			  2 * space->areas + 1 + 2 * STOCK) || fill_spares(index)) {
		tree_destroy(index);
		return ERR_PTR(-ENOMEM);
	}
	free_tree_init(&index->tree, 1);
	return index;
}

static void open_span(struct tree_index *index, const struct lab_space *space)
{
	free_tree_open(&index->tree, &index->marker, vext_pool_pop(&index->spares), space->start,
		       space->end);
}

static void *tree_create(const struct lab_space *space)
{
	struct tree_index *index = create(space);

	if (!IS_ERR(index))
		open_span(index, space);
	return index;
}

static void *tree_summary_create(const struct lab_space *space)
{
	struct tree_index *index = create(space);

	if (IS_ERR(index))
		return index;
	free_tree_use_summary(&index->tree, &index->summary);
	if (lab_pool_init(&index->nodes, sizeof(struct summary_node), 2 * space->areas + STOCK) ||
	    fill_nodes(index, SUMMARY_NODES_OPEN)) {
		tree_destroy(index);
		return ERR_PTR(-ENOMEM);
	}
	open_span(index, space);
	return index;
}

static int tree_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	struct tree_index *index = self;
	struct free_search search = {
		.size = request->size,
		.align = request->align,
		.lo = request->lo,
		.hi = request->hi,
	};
	enum free_found found;
	struct vmap_extent *extent;

	if (index->spares.count < FREE_TREE_SPARES && fill_spares(index))
		return -ENOMEM;
	if (index->tree.summary && fill_nodes(index, free_summary_need(&index->summary)))
		return -ENOMEM;
	do {
		found = free_tree_find(&index->tree, &search);
	} while (found == FREE_AGAIN);
	if (found == FREE_NONE)
		return -ENOSPC;
	extent = free_tree_cut(&index->tree, &search, &index->spares);
	extent->state = VMAP_BUSY;
	*area = (struct lab_area){ extent, extent->start, request->size };
	return 0;
}

static void tree_free(void *self, const struct lab_area *area)
{
	struct tree_index *index = self;

	free_tree_put(&index->tree, area->handle, &index->spares);
	if (index->tree.summary && index->summary.spares.count >= 2 * STOCK)
		drop_nodes(index);
	if (index->spares.count < 2 * STOCK)
		return;
	while (index->spares.count > STOCK)
		lab_pool_put(&index->pool, vext_pool_pop(&index->spares));
}

static void tree_walk(void *self, lab_visit visit, void *data)
{
	struct tree_index *index = self;
	const struct vmap_extent *extent;

	for (extent = free_tree_first(&index->tree); extent;
	     extent = free_tree_after(&index->tree, extent))
		visit(data, extent->start, vext_end(extent));
}

static unsigned long tree_bytes(void *self)
{
	struct tree_index *index = self;

	return sizeof(*index) + (index->pool.used - index->spares.count) * index->pool.node +
	       index->summary.used * sizeof(struct summary_node);
}

const struct lab_index lab_tree = {
	.name = "tree",
	.differs = "vmap_arena's free tree: augmented rb-tree of free extents, ring of all",
	.flags = LAB_LOWEST,
	.create = tree_create,
	.destroy = tree_destroy,
	.alloc = tree_alloc,
	.free = tree_free,
	.walk = tree_walk,
	.bytes = tree_bytes,
};

const struct lab_index lab_tree_summary = {
	.name = "tree_summary",
	.differs = "the same tiles, found by a radix tree of the longest free extents",
	.flags = LAB_LOWEST,
	.create = tree_summary_create,
	.destroy = tree_destroy,
	.alloc = tree_alloc,
	.free = tree_free,
	.walk = tree_walk,
	.bytes = tree_bytes,
};
