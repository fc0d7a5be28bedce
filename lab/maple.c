// SPDX-License-Identifier: GPL-2.0
/*
 * maple.c - busy areas in the kernel's maple tree
 *
 * Theory
 *
 * A maple tree is a B-tree of ranges with up to 16 entries a node (10 in a tree that tracks gaps),
 * made for the areas of a process's address space.  In 2026 it was proposed for vmalloc as well,
 * in place of the red-black trees.  Two ways to do that are here:
 *
 *   maple       one tree of busy areas that tracks gaps.  mas_empty_area() finds the lowest gap
 *               that is long enough, and the area is stored into it: no free extents are kept.
 *   maple_tree  a tree of busy areas without gaps, and the free extents in an index of their own.
 *               A maple tree cannot find a long enough *entry*, only a gap, so that index is the
 *               augmented red-black tree of tree.c.
 *
 * mas_empty_area() knows no alignment.  An aligned request asks for a gap of the size alone and,
 * if the aligned address in it does not fit, asks again from that address on; so it gets the
 * lowest fit and costs a walk down for each gap that misses.
 *
 * The tree gets and frees nodes of 256 bytes while it works, from a slab cache; that is part of
 * its price, and other structures here have no such part.  How many nodes there are is not known
 * outside it: the leaves are counted by their addresses, as a walk meets them, so what bytes()
 * says leaves out the inner nodes, a tenth as many or more.
 */
#include <linux/kernel.h>
#include <linux/maple_tree.h>
#include <linux/slab.h>

#include "gap.h"
#include "lab.h"

#define NODE_BYTES	256UL

/**
 * struct maple_index - busy areas
 * @tree: them
 * @space: what is managed
 * @free: the index of free extents, or NULL if the gaps are searched
 */
struct maple_index {
	struct maple_tree tree;
	struct lab_space space;
	void *free;
};

static void maple_destroy(void *self)
{
	struct maple_index *index = self;

	mtree_destroy(&index->tree);
	if (index->free)
		lab_tree.destroy(index->free);
	lab_release(index);
}

static void *maple_create(const struct lab_space *space)
{
	struct maple_index *index = lab_zalloc(sizeof(*index));

	if (!index)
		return ERR_PTR(-ENOMEM);
	mt_init_flags(&index->tree, MT_FLAGS_ALLOC_RANGE);
	index->space = *space;
	return index;
}

static void *maple_tree_create(const struct lab_space *space)
{
	struct maple_index *index = lab_zalloc(sizeof(*index));

	if (!index)
		return ERR_PTR(-ENOMEM);
	mt_init(&index->tree);
	index->space = *space;
	index->free = lab_tree.create(space);
	if (IS_ERR(index->free)) {
		lab_release(index);
		return ERR_PTR(-ENOMEM);
	}
	return index;
}

#define tree_of(self)	(&((struct maple_index *)(self))->tree)

static int maple_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	MA_STATE(mas, tree_of(self), 0, 0);
	int err = -ENOSPC;

	mas_lock(&mas);
	if (lab_gap_lowest(&mas, request)) {
		err = mas_store_gfp(&mas, self, GFP_KERNEL);
		*area = (struct lab_area){ self, mas.index, request->size };
	}
	mas_unlock(&mas);
	return err;
}

static void erase(struct maple_index *index, unsigned long start)
{
	MA_STATE(mas, &index->tree, start, start);

	mas_lock(&mas);
	mas_erase(&mas);
	mas_unlock(&mas);
}

static void maple_free(void *self, const struct lab_area *area)
{
	erase(self, area->start);
}

static int maple_tree_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	MA_STATE(mas, tree_of(self), 0, 0);
	struct maple_index *index = self;
	int err = lab_tree.alloc(index->free, request, area);

	if (err)
		return err;
	mas_lock(&mas);
	mas_set_range(&mas, area->start, area->start + area->size - 1);
	err = mas_store_gfp(&mas, area->handle, GFP_KERNEL);
	mas_unlock(&mas);
	if (err)
		lab_tree.free(index->free, area);
	return err;
}

/* The look-up by address, which the kernel's vfree() has to do, is the walk that erases. */
static void maple_tree_free(void *self, const struct lab_area *area)
{
	struct maple_index *index = self;

	erase(index, area->start);
	lab_tree.free(index->free, area);
}

static void maple_walk(void *self, lab_visit visit, void *data)
{
	MA_STATE(mas, tree_of(self), 0, 0);
	struct maple_index *index = self;
	unsigned long start = index->space.start;
	void *entry;

	mas_lock(&mas);
	mas_for_each(&mas, entry, ULONG_MAX) {
		if (mas.index > start)
			visit(data, start, mas.index);
		start = mas.last + 1;
	}
	mas_unlock(&mas);
	if (start < index->space.end)
		visit(data, start, index->space.end);
}

static unsigned long maple_bytes(void *self)
{
	MA_STATE(mas, tree_of(self), 0, 0);
	struct maple_index *index = self;
	unsigned long leaves = 0;
	const void *leaf = NULL;
	void *entry;

	mas_lock(&mas);
	mas_for_each(&mas, entry, ULONG_MAX) {
		leaves += mas.node != leaf;
		leaf = mas.node;
	}
	mas_unlock(&mas);
	return sizeof(*index) + leaves * NODE_BYTES +
	       (index->free ? lab_tree.bytes(index->free) : 0);
}

const struct lab_index lab_maple = {
	.name = "maple",
	.differs = "one maple tree of busy areas and its gap search; gets nodes from slab",
	.flags = LAB_LOWEST,
	.create = maple_create,
	.destroy = maple_destroy,
	.alloc = maple_alloc,
	.free = maple_free,
	.walk = maple_walk,
	.bytes = maple_bytes,
};

const struct lab_index lab_maple_tree = {
	.name = "maple_tree",
	.differs = "busy areas in a maple tree, free ones in the free tree",
	.flags = LAB_LOWEST,
	.create = maple_tree_create,
	.destroy = maple_destroy,
	.alloc = maple_tree_alloc,
	.free = maple_tree_free,
	.walk = maple_walk,
	.bytes = maple_bytes,
};
