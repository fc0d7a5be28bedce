// SPDX-License-Identifier: GPL-2.0
/*
 * pair.c - an index of what is free and another of what is busy
 *
 * Theory
 *
 * A kernel does not only allocate and free.  vfree() is given an address, so the area must be
 * found; a fault, /proc/vmallocinfo and /proc/kcore look up any address and walk all areas in
 * their order, while other CPUs allocate.  An index of free extents answers none of that.  So
 * there are two: the free index is one of the lab's structures, the *busy index* knows the areas
 * by address.
 *
 *   rbtrees  the free tree, and a red-black tree of busy areas, as Linux has them (its busy areas
 *            are spread over several trees, though).  Readers take the busy index's lock.
 *
 * Pairs with a maple tree are in maple.c.
 *
 * Locking: each of the two has a lock of its own, and neither lock is taken under the other.  An
 * allocation takes the free lock, then the busy lock; a free the other way.  Between the two the
 * area is in neither index.  A free index that takes its own locks (LAB_LOCKS) has no other.
 */
#include <linux/errno.h>
#include <linux/kernel.h>

#include "pair.h"

/**
 * struct pair - both
 * @free_index: which structure
 * @free: one of it
 * @free_lock: held in calls of @free_index, but if that takes its own locks
 * @busy_index: which structure
 * @busy: one of it
 * @busy_lock: held in calls of @busy_index, but by its readers under RCU
 */
struct pair {
	const struct lab_index *free_index;
	void *free;
	struct lab_lock free_lock;
	const struct lab_busy *busy_index;
	void *busy;
	struct lab_lock busy_lock;
};

void *lab_pair_create(const struct lab_space *space, const struct lab_index *free,
		      const struct lab_busy *busy)
{
	struct pair *pair = lab_zalloc(sizeof(*pair));

	if (!pair)
		return ERR_PTR(-ENOMEM);
	pair->free_index = free;
	pair->busy_index = busy;
	lab_lock_init(&pair->free_lock);
	lab_lock_init(&pair->busy_lock);
	pair->free = free->create(space);
	if (IS_ERR(pair->free))
		goto no_free;
	pair->busy = busy->create(space);
	if (IS_ERR(pair->busy))
		goto no_busy;
	return pair;

no_busy:
	free->destroy(pair->free);
no_free:
	lab_release(pair);
	return ERR_PTR(-ENOMEM);
}

void lab_pair_destroy(void *self)
{
	struct pair *pair = self;

	pair->busy_index->destroy(pair->busy);
	pair->free_index->destroy(pair->free);
	lab_release(pair);
}

static void lock_free(struct pair *pair)
{
	if (!(pair->free_index->flags & LAB_LOCKS))
		lab_lock(&pair->free_lock);
}

static void unlock_free(struct pair *pair)
{
	if (!(pair->free_index->flags & LAB_LOCKS))
		lab_unlock(&pair->free_lock);
}

static void give_back(struct pair *pair, const struct lab_area *area)
{
	lock_free(pair);
	pair->free_index->free(pair->free, area);
	unlock_free(pair);
}

int lab_pair_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	struct pair *pair = self;
	int err;

	lock_free(pair);
	err = pair->free_index->alloc(pair->free, request, area);
	unlock_free(pair);
	if (err)
		return err;
	lab_lock(&pair->busy_lock);
	err = pair->busy_index->insert(pair->busy, area);
	lab_unlock(&pair->busy_lock);
	if (err)
		give_back(pair, area);
	return err;
}

/* As vfree() does, it looks the area up by its address. */
void lab_pair_free(void *self, const struct lab_area *area)
{
	struct pair *pair = self;
	struct lab_area found;
	bool held;

	lab_lock(&pair->busy_lock);
	held = pair->busy_index->erase(pair->busy, area->start, &found);
	lab_unlock(&pair->busy_lock);
	if (held)
		give_back(pair, &found);
}

static void lock_reader(struct pair *pair)
{
	if (!pair->busy_index->rcu)
		lab_lock(&pair->busy_lock);
}

static void unlock_reader(struct pair *pair)
{
	if (!pair->busy_index->rcu)
		lab_unlock(&pair->busy_lock);
}

bool lab_pair_find(void *self, unsigned long address, struct lab_area *area)
{
	struct pair *pair = self;
	bool found;

	lock_reader(pair);
	found = pair->busy_index->find(pair->busy, address, area);
	unlock_reader(pair);
	return found;
}

bool lab_pair_next(void *self, unsigned long address, struct lab_area *area)
{
	struct pair *pair = self;
	bool found;

	lock_reader(pair);
	found = pair->busy_index->next(pair->busy, address, area);
	unlock_reader(pair);
	return found;
}

void lab_pair_walk(void *self, lab_visit visit, void *data)
{
	struct pair *pair = self;

	pair->free_index->walk(pair->free, visit, data);
}

unsigned long lab_pair_bytes(void *self)
{
	struct pair *pair = self;

	return sizeof(*pair) + pair->free_index->bytes(pair->free) +
	       pair->busy_index->bytes(pair->busy);
}

static void *rbtrees_create(const struct lab_space *space)
{
	return lab_pair_create(space, &lab_tree, &lab_busy_rb);
}

const struct lab_index lab_rbtrees = {
	.name = "rbtrees",
	.differs = "the free tree, and busy areas in an rb-tree; readers take a lock",
	.flags = LAB_LOWEST | LAB_LOCKS,
	.create = rbtrees_create,
	LAB_PAIR_CALLS,
};
