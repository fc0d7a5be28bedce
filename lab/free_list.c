// SPDX-License-Identifier: GPL-2.0
/*
 * free_list.c - the RFC's first version: a list of free areas, walked first fit
 *
 * Theory
 *
 * Free areas are on a list in address order, and also in a red-black tree.  An allocation walks
 * the list from the bottom and takes the first area with room, so it gets the lowest fit and costs
 * a step for each free area below it.  The tree serves freeing alone: it finds where an area
 * belongs, and the list then gives both neighbours, with which the area is merged before anything
 * is linked in.  An area that fits without an edge (NE) leaves two remainders, and the search for
 * the place of the second starts at the node that was split.
 *
 * It differs from tree.c in that the tree knows no lengths, so a search cannot skip anything.  The
 * RFC also kept busy areas in a tree to find them by address; the lab hands back what it was
 * given, so that tree is left out.
 */
#include <linux/errno.h>
#include <linux/kernel.h>

#include "lab.h"

/* An area: free, on the list and in the tree; or busy, and in neither. */
struct free_area {
	unsigned long start;
	unsigned long end;
	struct rb_node node;
	struct list_head list;
};

struct free_list_index {
	struct rb_root root;
	struct list_head list;
	struct lab_pool pool;
};

#define to_area(rb)	rb_entry(rb, struct free_area, node)

/* Links @area in somewhere below @link; @before is the last list entry known to lie below it. */
static void link_below(struct free_list_index *index, struct free_area *area,
		       struct rb_node *parent, struct rb_node **link, struct list_head *before)
{
	while (*link) {
		parent = *link;
		if (area->start < to_area(parent)->start) {
			link = &parent->rb_left;
		} else {
			before = &to_area(parent)->list;
			link = &parent->rb_right;
		}
	}
	rb_link_node(&area->node, parent, link);
	rb_insert_color(&area->node, &index->root);
	list_add(&area->list, before);
}

static void unlink_area(struct free_list_index *index, struct free_area *area)
{
	rb_erase(&area->node, &index->root);
	list_del(&area->list);
}

static void free_list_destroy(void *self)
{
	struct free_list_index *index = self;

	lab_pool_exit(&index->pool);
	lab_release(index);
}

static void *free_list_create(const struct lab_space *space)
{
	struct free_list_index *index = lab_zalloc(sizeof(*index));
	struct free_area *whole;

	if (!index)
		return ERR_PTR(-ENOMEM);
	if (lab_pool_init(&index->pool, sizeof(struct free_area), 2 * space->areas + 1)) {
		lab_release(index);
		return ERR_PTR(-ENOMEM);
	}
	index->root = RB_ROOT;
	INIT_LIST_HEAD(&index->list);
	whole = lab_pool_get(&index->pool);
	whole->start = space->start;
	whole->end = space->end;
	link_below(index, whole, NULL, &index->root.rb_node, &index->list);
	return index;
}

static struct free_area *first_fit(struct free_list_index *index,
				   const struct lab_request *request, unsigned long *start)
{
	struct free_area *area;

	list_for_each_entry(area, &index->list, list) {
		*start = ALIGN(max(area->start, request->lo), request->align);
		if (*start < area->end && area->end - *start >= request->size)
			return *start + request->size <= request->hi ? area : NULL;
		if (area->start >= request->hi)
			break;
	}
	return NULL;
}

/* Takes [start, end) out of @from. */
static void split(struct free_list_index *index, struct free_area *from, struct free_area *rest,
		  unsigned long start, unsigned long end)
{
	rest->start = end;
	rest->end = from->end;
	from->end = start;
	link_below(index, rest, &from->node, &from->node.rb_right, &from->list);
}

static int free_list_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	struct free_list_index *index = self;
	unsigned long start, end;
	struct free_area *from = first_fit(index, request, &start), *busy, *rest;

	if (!from)
		return -ENOSPC;
	end = start + request->size;
	if (from->start == start && from->end == end) {
		unlink_area(index, from);
		*area = (struct lab_area){ from, start, request->size };
		return 0;
	}
	busy = lab_pool_get(&index->pool);
	if (!busy)
		return -ENOMEM;
	if (from->start == start) {
		from->start = end;
	} else if (from->end == end) {
		from->end = start;
	} else {
		rest = lab_pool_get(&index->pool);
		if (!rest) {
			lab_pool_put(&index->pool, busy);
			return -ENOMEM;
		}
		split(index, from, rest, start, end);
	}
	busy->start = start;
	busy->end = end;
	*area = (struct lab_area){ busy, start, request->size };
	return 0;
}

/* Where @area belongs in the tree, and the last free area below it. */
static struct rb_node **place_of(struct free_list_index *index, const struct free_area *area,
				 struct rb_node **parent, struct list_head **before)
{
	struct rb_node **link = &index->root.rb_node;

	*parent = NULL;
	*before = &index->list;
	while (*link) {
		*parent = *link;
		if (area->start < to_area(*parent)->start) {
			link = &(*parent)->rb_left;
		} else {
			*before = &to_area(*parent)->list;
			link = &(*parent)->rb_right;
		}
	}
	return link;
}

static void free_list_free(void *self, const struct lab_area *given)
{
	struct free_list_index *index = self;
	struct free_area *area = given->handle, *prev, *next;
	struct rb_node *parent, **link;
	struct list_head *before;
	bool joins_prev, joins_next;

	link = place_of(index, area, &parent, &before);
	prev = list_entry(before, struct free_area, list);
	next = list_entry(before->next, struct free_area, list);
	joins_prev = before != &index->list && prev->end == area->start;
	joins_next = before->next != &index->list && next->start == area->end;
	if (joins_prev && joins_next) {
		prev->end = next->end;
		unlink_area(index, next);
		lab_pool_put(&index->pool, next);
	} else if (joins_prev) {
		prev->end = area->end;
	} else if (joins_next) {
		next->start = area->start;
	} else {
		link_below(index, area, parent, link, before);
		return;
	}
	lab_pool_put(&index->pool, area);
}

static void free_list_walk(void *self, lab_visit visit, void *data)
{
	struct free_list_index *index = self;
	const struct free_area *area;

	list_for_each_entry(area, &index->list, list)
		visit(data, area->start, area->end);
}

static unsigned long free_list_bytes(void *self)
{
	struct free_list_index *index = self;

	return sizeof(*index) + index->pool.used * index->pool.node;
}

const struct lab_index lab_free_list = {
	.name = "free_list",
	.differs = "the RFC's first version: free areas walked first fit",
	.flags = LAB_LOWEST,
	.create = free_list_create,
	.destroy = free_list_destroy,
	.alloc = free_list_alloc,
	.free = free_list_free,
	.walk = free_list_walk,
	.bytes = free_list_bytes,
};
