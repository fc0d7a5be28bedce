// SPDX-License-Identifier: GPL-2.0
/*
 * busy_rb.c - busy areas in a red-black tree by address
 *
 * Theory
 *
 * A node an area, in a tree in the order of addresses.  A look-up goes down from the root; the area
 * behind an address is the last one at which it turned left.  Readers on other CPUs need the lock,
 * for an insertion turns nodes while they go down.
 *
 * Invariant: areas do not overlap.
 */
#include <linux/errno.h>
#include <linux/kernel.h>

#include "pair.h"

struct busy_area {
	struct rb_node node;
	struct lab_area area;
};

struct busy_rb {
	struct rb_root root;
	struct lab_pool pool;
};

#define to_busy(rb)	rb_entry(rb, struct busy_area, node)

static void *busy_rb_create(const struct lab_space *space)
{
	struct busy_rb *index = lab_zalloc(sizeof(*index));

	if (!index)
		return ERR_PTR(-ENOMEM);
	if (lab_pool_init(&index->pool, sizeof(struct busy_area), space->areas)) {
		lab_release(index);
		return ERR_PTR(-ENOMEM);
	}
	index->root = RB_ROOT;
	return index;
}

static void busy_rb_destroy(void *self)
{
	struct busy_rb *index = self;

	lab_pool_exit(&index->pool);
	lab_release(index);
}

static int busy_rb_insert(void *self, const struct lab_area *area)
{
	struct busy_rb *index = self;
	struct rb_node **link = &index->root.rb_node, *parent = NULL;
	struct busy_area *busy = lab_pool_get(&index->pool);

	if (!busy)
		return -ENOMEM;
	busy->area = *area;
	while (*link) {
		parent = *link;
		link = area->start < to_busy(parent)->area.start ? &parent->rb_left
								 : &parent->rb_right;
	}
	rb_link_node(&busy->node, parent, link);
	rb_insert_color(&busy->node, &index->root);
	return 0;
}

/* The first area that ends behind the address; NULL if there is none. */
static struct busy_area *find_from(const struct busy_rb *index, unsigned long address)
{
	struct rb_node *rb = index->root.rb_node;
	struct busy_area *best = NULL;

	while (rb) {
		const struct lab_area *area = &to_busy(rb)->area;

		if (address - area->start < area->size)
			return to_busy(rb);
		if (address < area->start) {
			best = to_busy(rb);
			rb = rb->rb_left;
		} else {
			rb = rb->rb_right;
		}
	}
	return best;
}

static bool busy_rb_next(void *self, unsigned long address, struct lab_area *area)
{
	const struct busy_area *busy = find_from(self, address);

	if (busy)
		*area = busy->area;
	return busy;
}

static bool busy_rb_find(void *self, unsigned long address, struct lab_area *area)
{
	return busy_rb_next(self, address, area) && address >= area->start;
}

static bool busy_rb_erase(void *self, unsigned long start, struct lab_area *area)
{
	struct busy_rb *index = self;
	struct busy_area *busy = find_from(index, start);

	if (!busy || busy->area.start != start)
		return false;
	*area = busy->area;
	rb_erase(&busy->node, &index->root);
	lab_pool_put(&index->pool, busy);
	return true;
}

static unsigned long busy_rb_bytes(void *self)
{
	struct busy_rb *index = self;

	return sizeof(*index) + index->pool.used * index->pool.node;
}

const struct lab_busy lab_busy_rb = {
	.create = busy_rb_create,
	.destroy = busy_rb_destroy,
	.insert = busy_rb_insert,
	.erase = busy_rb_erase,
	.find = busy_rb_find,
	.next = busy_rb_next,
	.bytes = busy_rb_bytes,
};
