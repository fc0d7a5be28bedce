// SPDX-License-Identifier: GPL-2.0
/*
 * plain.c - the tree that anybody would write first: what ours is to be measured by
 *
 * All extents, free or not, are on a list in the order of their addresses.  The free ones are in a
 * red-black tree by address as well; each node knows the longest extent at or below it, by the
 * macro that the kernel has for such trees.  An allocation walks down to the lowest extent that is
 * long enough and cuts it at its lower end; a free merges with both neighbours.  Alignment and
 * bounds are none of its business here.
 */
#include <linux/rbtree_augmented.h>

#include "../lab/lab.h"

struct plain_extent {
	unsigned long start;
	unsigned long size;
	unsigned long longest;
	struct rb_node node;
	struct list_head list;
	bool free;
};

struct plain_index {
	struct rb_root root;
	struct list_head list;
	struct lab_pool pool;
};

extern const struct lab_index plain_index;

#define to_extent(rb)	rb_entry(rb, struct plain_extent, node)
#define size_of(extent)	((extent)->size)

RB_DECLARE_CALLBACKS_MAX(static, keep_longest, struct plain_extent, node, unsigned long, longest,
			 size_of)

static void insert(struct plain_index *index, struct plain_extent *extent)
{
	struct rb_node **link = &index->root.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		to_extent(parent)->longest = max(to_extent(parent)->longest, extent->size);
		link = extent->start < to_extent(parent)->start ? &parent->rb_left
								: &parent->rb_right;
	}
	extent->longest = extent->size;
	extent->free = true;
	rb_link_node(&extent->node, parent, link);
	rb_insert_augmented(&extent->node, &index->root, &keep_longest);
}

static void erase(struct plain_index *index, struct plain_extent *extent)
{
	rb_erase_augmented(&extent->node, &index->root, &keep_longest);
	extent->free = false;
}

static void plain_destroy(void *self)
{
	struct plain_index *index = self;

	lab_pool_exit(&index->pool);
	lab_release(index);
}

static void *plain_create(const struct lab_space *space)
{
	struct plain_index *index = lab_zalloc(sizeof(*index));
	struct plain_extent *whole;

	if (!index)
		return ERR_PTR(-ENOMEM);
	if (lab_pool_init(&index->pool, sizeof(*whole), 2 * space->areas + 1)) {
		lab_release(index);
		return ERR_PTR(-ENOMEM);
	}
	INIT_LIST_HEAD(&index->list);
	index->root = RB_ROOT;
	whole = lab_pool_get(&index->pool);
	*whole = (struct plain_extent){ .start = space->start, .size = space->end - space->start };
	list_add(&whole->list, &index->list);
	insert(index, whole);
	return index;
}

static struct plain_extent *lowest(const struct plain_index *index, unsigned long size)
{
	struct rb_node *rb = index->root.rb_node;

	if (!rb || to_extent(rb)->longest < size)
		return NULL;
	for (;;) {
		if (rb->rb_left && to_extent(rb->rb_left)->longest >= size)
			rb = rb->rb_left;
		else if (to_extent(rb)->size >= size)
			return to_extent(rb);
		else
			rb = rb->rb_right;
	}
}

static int plain_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	struct plain_index *index = self;
	struct plain_extent *from = lowest(index, request->size), *cut = from;

	if (!from)
		return -ENOSPC;
	if (from->size == request->size) {
		erase(index, from);
	} else {
		cut = lab_pool_get(&index->pool);
		if (!cut)
			return -ENOMEM;
		cut->start = from->start;
		cut->size = request->size;
		cut->free = false;
		list_add_tail(&cut->list, &from->list);
		from->start += request->size;
		from->size -= request->size;
		keep_longest.propagate(&from->node, NULL);
	}
	*area = (struct lab_area){ cut, cut->start, request->size };
	return 0;
}

/* Let @extent, which is not in the tree, have what @other has, if @other is free. */
static void swallow(struct plain_index *index, struct plain_extent *extent, struct list_head *other)
{
	struct plain_extent *neighbour = list_entry(other, struct plain_extent, list);

	if (other == &index->list || !neighbour->free)
		return;
	erase(index, neighbour);
	list_del(other);
	extent->start = min(extent->start, neighbour->start);
	extent->size += neighbour->size;
	lab_pool_put(&index->pool, neighbour);
}

static void plain_free(void *self, const struct lab_area *area)
{
	struct plain_extent *extent = area->handle;

	swallow(self, extent, extent->list.prev);
	swallow(self, extent, extent->list.next);
	insert(self, extent);
}

static void plain_walk(void *self, lab_visit visit, void *data)
{
	struct plain_index *index = self;
	struct plain_extent *extent;

	list_for_each_entry(extent, &index->list, list) {
		if (extent->free)
			visit(data, extent->start, extent->start + extent->size);
	}
}

static unsigned long plain_bytes(void *self)
{
	struct plain_index *index = self;

	return sizeof(*index) + index->pool.used * index->pool.node;
}

const struct lab_index plain_index = {
	.name = "plain",
	.differs = "an augmented red-black tree and a list, as first written",
	.flags = LAB_LOWEST | LAB_NO_RANGE | LAB_NO_ALIGN,
	.create = plain_create,
	.destroy = plain_destroy,
	.alloc = plain_alloc,
	.free = plain_free,
	.walk = plain_walk,
	.bytes = plain_bytes,
};
