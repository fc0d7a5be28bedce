// SPDX-License-Identifier: GPL-2.0
/*
 * busy_list.c - the 4.18 algorithm, which the RFC replaces; and areas put where a trace says
 *
 * Theory
 *
 * Only busy areas are kept, in a red-black tree by address and on a list in the same order.  Free
 * space is what lies between them.  An allocation walks the list from area to area until the gap
 * before the next one is large enough: "the allocation of the new VA area is done over busy list
 * iteration until a suitable hole is found" (the RFC).
 *
 * To avoid walking from the beginning each time the structure remembers where the last allocation
 * ended up (the cursor) and the largest hole it saw below.  A request that cannot fit in such a
 * hole starts at the cursor; one that could, or that asks for less alignment or lower addresses
 * than the requests that the memory was made of, starts anew.  That is what makes it slow: small
 * requests between large ones walk everything.
 *
 * One thing differs from 4.18: there, a walk that failed was repeated after a purge.  Here nothing
 * is lazy, so a walk from the cursor that failed is repeated from the beginning, and a failure
 * means that there is no room.  A hole of exactly the remembered size is missed, as it was there,
 * so the address need not be the lowest.
 *
 * lab_recorded keeps areas in the same way but searches nothing: each goes where the recorded
 * kernel had put it.  It has no time of its own; it shows what the kernel made of its address
 * space.
 */
#include <linux/errno.h>
#include <linux/kernel.h>

#include "lab.h"

struct busy_area {
	unsigned long start;
	unsigned long end;
	struct rb_node node;
	struct list_head list;
};

/**
 * struct busy_index - busy areas
 * @space: what is managed
 * @root: them, by address
 * @list: them, in address order
 * @cursor: a search may begin behind this one; NULL: it begins at the bottom
 * @hole: the largest gap seen below the cursor
 * @lo: the lowest address asked for since the cursor was last forgotten
 * @align: the smallest alignment asked for since then
 * @pool: nodes
 */
struct busy_index {
	struct lab_space space;
	struct rb_root root;
	struct list_head list;
	struct busy_area *cursor;
	unsigned long hole;
	unsigned long lo;
	unsigned long align;
	struct lab_pool pool;
};

#define to_area(rb)	rb_entry(rb, struct busy_area, node)

static void *busy_create(const struct lab_space *space)
{
	struct busy_index *index = lab_zalloc(sizeof(*index));

	if (!index)
		return ERR_PTR(-ENOMEM);
	if (lab_pool_init(&index->pool, sizeof(struct busy_area), space->areas)) {
		lab_release(index);
		return ERR_PTR(-ENOMEM);
	}
	index->space = *space;
	index->root = RB_ROOT;
	INIT_LIST_HEAD(&index->list);
	return index;
}

static void busy_destroy(void *self)
{
	struct busy_index *index = self;

	lab_pool_exit(&index->pool);
	lab_release(index);
}

/* The lowest area that ends above @address; the head of the list if there is none. */
static struct list_head *first_above(struct busy_index *index, unsigned long address)
{
	struct rb_node *rb = index->root.rb_node;
	struct list_head *best = &index->list;

	while (rb) {
		if (to_area(rb)->end > address) {
			best = &to_area(rb)->list;
			rb = rb->rb_left;
		} else {
			rb = rb->rb_right;
		}
	}
	return best;
}

static bool insert(struct busy_index *index, unsigned long start, unsigned long end,
		   struct lab_area *area)
{
	struct rb_node **link = &index->root.rb_node, *parent = NULL;
	struct busy_area *busy = lab_pool_get(&index->pool);
	struct list_head *before = &index->list;

	if (!busy)
		return false;
	while (*link) {
		parent = *link;
		if (start < to_area(parent)->start) {
			link = &parent->rb_left;
		} else {
			before = &to_area(parent)->list;
			link = &parent->rb_right;
		}
	}
	busy->start = start;
	busy->end = end;
	rb_link_node(&busy->node, parent, link);
	rb_insert_color(&busy->node, &index->root);
	list_add(&busy->list, before);
	*area = (struct lab_area){ busy, start, end - start };
	return true;
}

static bool remembered_is_of_use(const struct busy_index *index, const struct lab_request *request)
{
	return index->cursor && request->size >= index->hole && request->lo >= index->lo &&
	       request->align >= index->align;
}

static void forget(struct busy_index *index, const struct lab_request *request)
{
	index->cursor = NULL;
	index->hole = 0;
	index->lo = request->lo;
	index->align = request->align;
}

/*
 * Walks up from @start, with @next the first area above it, until a gap has room.  Returns the
 * address, or hi if there is none.
 */
static unsigned long walk_up(struct busy_index *index, const struct lab_request *request,
			     unsigned long start, struct list_head *next)
{
	for (; next != &index->list; next = next->next) {
		const struct busy_area *busy = list_entry(next, struct busy_area, list);

		if (start > request->hi || request->hi - start < request->size)
			return request->hi;
		if (busy->start >= start + request->size)
			return start;
		if (busy->start > start)
			index->hole = max(index->hole, busy->start - start);
		start = ALIGN(busy->end, request->align);
	}
	if (start > request->hi || request->hi - start < request->size)
		return request->hi;
	return start;
}

static unsigned long walk_from_bottom(struct busy_index *index, const struct lab_request *request)
{
	unsigned long start = ALIGN(request->lo, request->align);

	forget(index, request);
	return walk_up(index, request, start, first_above(index, start));
}

static unsigned long walk_from_cursor(struct busy_index *index, const struct lab_request *request)
{
	unsigned long start = ALIGN(index->cursor->end, request->align), found;

	if (start < request->lo)
		return walk_from_bottom(index, request);
	found = walk_up(index, request, start, index->cursor->list.next);
	return found < request->hi ? found : walk_from_bottom(index, request);
}

static int busy_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	struct busy_index *index = self;
	unsigned long start;

	if (remembered_is_of_use(index, request))
		start = walk_from_cursor(index, request);
	else
		start = walk_from_bottom(index, request);
	if (start >= request->hi)
		return -ENOSPC;
	if (!insert(index, start, start + request->size, area))
		return -ENOMEM;
	index->cursor = area->handle;
	return 0;
}

/* The cursor steps back to below what is freed, so that the gap is found again. */
static void step_back(struct busy_index *index, const struct busy_area *busy)
{
	struct rb_node *below;

	if (!index->cursor || busy->start > index->cursor->start)
		return;
	below = rb_prev(&busy->node);
	index->cursor = below && busy->end > index->lo ? to_area(below) : NULL;
}

static void busy_free(void *self, const struct lab_area *area)
{
	struct busy_index *index = self;
	struct busy_area *busy = area->handle;

	step_back(index, busy);
	rb_erase(&busy->node, &index->root);
	list_del(&busy->list);
	lab_pool_put(&index->pool, busy);
}

static void busy_walk(void *self, lab_visit visit, void *data)
{
	struct busy_index *index = self;
	unsigned long start = index->space.start;
	const struct busy_area *busy;

	list_for_each_entry(busy, &index->list, list) {
		if (busy->start > start)
			visit(data, start, busy->start);
		start = busy->end;
	}
	if (start < index->space.end)
		visit(data, start, index->space.end);
}

static unsigned long busy_bytes(void *self)
{
	struct busy_index *index = self;

	return sizeof(*index) + index->pool.used * index->pool.node;
}

const struct lab_index lab_busy_list = {
	.name = "busy_list",
	.differs = "4.18: busy areas walked from a cached hole",
	.create = busy_create,
	.destroy = busy_destroy,
	.alloc = busy_alloc,
	.free = busy_free,
	.walk = busy_walk,
	.bytes = busy_bytes,
};

static int recorded_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	unsigned long start = request->recorded;

	return insert(self, start, start + request->size, area) ? 0 : -ENOMEM;
}

const struct lab_index lab_recorded = {
	.name = "recorded",
	.differs = "where the recorded kernel had put each area; no time of its own",
	.flags = LAB_RECORDED,
	.create = busy_create,
	.destroy = busy_destroy,
	.alloc = recorded_alloc,
	.free = busy_free,
	.walk = busy_walk,
	.bytes = busy_bytes,
};
