// SPDX-License-Identifier: GPL-2.0
/*
 * maple.c - vmap areas in the kernel's maple tree: what was proposed in 2026, with readers
 *
 * Theory
 *
 * A maple tree is a B-tree of ranges with up to 16 entries a node (10 in a tree that tracks gaps),
 * made for the areas of a process's address space.  In 2026 it was proposed for vmalloc as well,
 * in place of the red-black trees.  There are two ways to find room:
 *
 *   gaps        one tree of busy areas that tracks gaps.  mas_empty_area() finds the lowest gap
 *               that is long enough, and the area is stored into it: no free extents are kept.
 *   free tree   a tree of busy areas without gaps, and the free extents in an index of their own
 *               (pair.c).  A maple tree cannot find a long enough *entry*, only a gap, so that
 *               index is the augmented red-black tree of tree.c, or another.
 *
 * and two ways to let readers in.  Without RCU the tree changes nodes in place, and readers take
 * the lock.  With RCU nearly each change makes new nodes, the old ones are freed after a grace
 * period, and readers need no lock.
 *
 *   maple        gaps
 *   maple_rcu    gaps, RCU
 *   maple_two    the same, but the gap is looked for in one hold of the lock, and the area stored
 *                in another, which sees whether the gap is still free; if not, it is tried again.
 *                So a caller may wait for memory between the two.
 *   maple_tree   free tree
 *   tree_rcu     free tree, RCU
 *   summary_rcu  the bits of summary.c in the place of the free tree, RCU
 *   bump_rcu     chunks of CPUs (bump.c) in front of a tree with gaps, RCU
 *
 * mas_empty_area() knows no alignment.  An aligned request asks for a gap of the size alone and,
 * if the aligned address in it does not fit, asks again from that address on; so it gets the
 * lowest fit and costs a walk down for each gap that misses.  The highest fit is found likewise,
 * with mas_empty_area_rev().
 *
 * The tree gets and frees nodes of 256 bytes while it works, from a slab cache; that is part of
 * its price, and other structures here have no such part.  It may get some to erase an entry.  All
 * that is under the lock, where nothing may sleep, so it asks for memory with GFP_NOWAIT; a free
 * that gets none fails, and its area stays busy.  (mas_erase() would sleep.)
 *
 * Neither the search for a gap nor mas_preallocate() can be done without the lock, under RCU: they
 * walk as the only writer does.  Beside another one mas_empty_area() was seen to go up and down for
 * ever.
 *
 * How many nodes there are is not known outside the tree: the leaves are counted by their
 * addresses, as a walk meets them, so what bytes() says leaves out the inner nodes, a tenth as
 * many or more.
 *
 * Locking: a tree of gaps has a lock of its own; of a tree in a pair it is the pair's.  Both are
 * external locks to the maple tree.
 */
#include <linux/kernel.h>
#include <linux/maple_tree.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "gap.h"
#include "pair.h"

#define NODE_BYTES	256UL

/* How often an allocation lets go of the lock in between, before it does all in one hold. */
#define TRIES		8

/**
 * struct maple_index - busy areas
 * @tree: them
 * @space: what is managed
 * @lock: of a tree with gaps: of all that changes it, and of readers if there is no RCU
 */
struct maple_index {
	struct maple_tree tree;
	struct lab_space space;
	struct lab_lock lock;
};

#define GAPS	(MT_FLAGS_LOCK_EXTERN | MT_FLAGS_ALLOC_RANGE)

#define tree_of(self)	(&((struct maple_index *)(self))->tree)

static void maple_destroy(void *self)
{
	struct maple_index *index = self;

	/* No reader is left that the nodes would have to wait for. */
	mt_clear_in_rcu(&index->tree);
	__mt_destroy(&index->tree);
	lab_release(index);
}

static void *create(const struct lab_space *space, unsigned int flags)
{
	struct maple_index *index = lab_zalloc(sizeof(*index));

	if (!index)
		return ERR_PTR(-ENOMEM);
	mt_init_flags(&index->tree, flags);
	lab_lock_init(&index->lock);
	index->space = *space;
	return index;
}

static void *maple_create(const struct lab_space *space)
{
	return create(space, GAPS);
}

static void *maple_rcu_create(const struct lab_space *space)
{
	return create(space, GAPS | MT_FLAGS_USE_RCU);
}

/* Point @mas at the highest fit; false if there is none. */
static bool find_highest(struct ma_state *mas, const struct lab_request *request)
{
	unsigned long hi = request->hi, start;

	while (hi - request->lo >= request->size && hi > request->lo + 1) {
		mas_set(mas, 0);
		if (mas_empty_area_rev(mas, request->lo, hi - 1, request->size))
			return false;
		start = ALIGN_DOWN(mas->index, request->align);
		if (start == mas->index)
			return true;
		if (start < request->lo)
			return false;
		hi = start + request->size;
	}
	return hi - request->lo >= request->size && IS_ALIGNED(request->lo, request->align) &&
	       lab_gap_from(mas, request->lo, hi, request->size);
}

static bool find_gap(struct ma_state *mas, const struct lab_request *request)
{
	return request->top ? find_highest(mas, request) : lab_gap_lowest(mas, request);
}

/* The caller holds the lock. */
static int alloc_locked(struct maple_index *index, const struct lab_request *request,
			struct lab_area *area)
{
	MA_STATE(mas, &index->tree, 0, 0);

	if (!find_gap(&mas, request))
		return -ENOSPC;
	*area = (struct lab_area){ index, mas.index, request->size };
	return mas_store_gfp(&mas, index, GFP_NOWAIT);
}

static int maple_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	struct maple_index *index = self;
	int err;

	lab_lock(&index->lock);
	err = alloc_locked(index, request, area);
	lab_unlock(&index->lock);
	return err;
}

/* Erase the area that begins at @start, which is told; false if there is none, or no memory. */
static bool maple_erase(void *self, unsigned long start, struct lab_area *area)
{
	MA_STATE(mas, tree_of(self), start, start);
	void *entry = mas_walk(&mas);

	if (!entry || mas.index != start)
		return false;
	*area = (struct lab_area){ entry, mas.index, mas.last - mas.index + 1 };
	return !mas_store_gfp(&mas, NULL, GFP_NOWAIT);
}

static void maple_free(void *self, const struct lab_area *area)
{
	struct maple_index *index = self;
	struct lab_area found;

	lab_lock(&index->lock);
	maple_erase(index, area->start, &found);
	lab_unlock(&index->lock);
}

static bool busy_find(void *self, unsigned long address, struct lab_area *area)
{
	MA_STATE(mas, tree_of(self), address, address);
	void *entry;

	rcu_read_lock();
	entry = mas_walk(&mas);
	rcu_read_unlock();
	*area = (struct lab_area){ entry, mas.index, mas.last - mas.index + 1 };
	return entry;
}

static bool busy_next(void *self, unsigned long address, struct lab_area *area)
{
	MA_STATE(mas, tree_of(self), address, address);
	void *entry;

	rcu_read_lock();
	entry = mas_find(&mas, ULONG_MAX);
	rcu_read_unlock();
	*area = (struct lab_area){ entry, mas.index, mas.last - mas.index + 1 };
	return entry;
}

static bool maple_find(void *self, unsigned long address, struct lab_area *area)
{
	struct maple_index *index = self;
	bool found;

	lab_lock(&index->lock);
	found = busy_find(index, address, area);
	lab_unlock(&index->lock);
	return found;
}

static bool maple_next(void *self, unsigned long address, struct lab_area *area)
{
	struct maple_index *index = self;
	bool found;

	lab_lock(&index->lock);
	found = busy_next(index, address, area);
	lab_unlock(&index->lock);
	return found;
}

static void maple_walk(void *self, lab_visit visit, void *data)
{
	MA_STATE(mas, tree_of(self), 0, 0);
	struct maple_index *index = self;
	unsigned long start = index->space.start;
	void *entry;

	lab_lock(&index->lock);
	mas_for_each(&mas, entry, ULONG_MAX) {
		if (mas.index > start)
			visit(data, start, mas.index);
		start = mas.last + 1;
	}
	lab_unlock(&index->lock);
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

	lab_lock(&index->lock);
	mas_for_each(&mas, entry, ULONG_MAX) {
		leaves += mas.node != leaf;
		leaf = mas.node;
	}
	lab_unlock(&index->lock);
	return sizeof(*index) + leaves * NODE_BYTES;
}

const struct lab_index lab_maple = {
	.name = "maple" LAB_SUFFIX,
	.differs = "one maple tree of busy areas and its gap search; gets nodes from slab",
	.flags = LAB_LOWEST | LAB_LOCKS | LAB_TOP,
	.create = maple_create,
	.destroy = maple_destroy,
	.alloc = maple_alloc,
	.free = maple_free,
	.find = maple_find,
	.next = maple_next,
	.walk = maple_walk,
	.bytes = maple_bytes,
};

const struct lab_index lab_maple_rcu = {
	.name = "maple_rcu" LAB_SUFFIX,
	.differs = "the same with RCU: readers need no lock, changes make new nodes",
	.flags = LAB_LOWEST | LAB_LOCKS | LAB_TOP,
	.create = maple_rcu_create,
	.destroy = maple_destroy,
	.alloc = maple_alloc,
	.free = maple_free,
	.find = busy_find,
	.next = busy_next,
	.walk = maple_walk,
	.bytes = maple_bytes,
};

/* Point @mas at the range; false if any of it is busy by now. */
static bool still_free(struct ma_state *mas, unsigned long start, unsigned long size)
{
	mas_set(mas, start);
	if (mas_walk(mas) || mas->last - start < size - 1)
		return false;
	mas_set_range(mas, start, start + size - 1);
	return true;
}

/* Store into the gap that was found; -EAGAIN if another thread was faster. */
static int store_again(struct maple_index *index, const struct lab_area *area)
{
	MA_STATE(mas, &index->tree, 0, 0);
	int err = -EAGAIN;

	lab_lock(&index->lock);
	if (still_free(&mas, area->start, area->size))
		err = mas_store_gfp(&mas, index, GFP_NOWAIT);
	lab_unlock(&index->lock);
	return err;
}

static int maple_two_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	struct maple_index *index = self;
	int tries, err;
	bool found;

	for (tries = 0; tries < TRIES; tries++) {
		MA_STATE(mas, &index->tree, 0, 0);

		lab_lock(&index->lock);
		found = find_gap(&mas, request);
		lab_unlock(&index->lock);
		if (!found)
			return -ENOSPC;
		*area = (struct lab_area){ index, mas.index, request->size };
		err = store_again(index, area);
		if (err != -EAGAIN)
			return err;
	}
	return maple_alloc(index, request, area);
}

const struct lab_index lab_maple_two = {
	.name = "maple_two" LAB_SUFFIX,
	.differs = "the same; looks for the gap in one hold of the lock and stores in another",
	.flags = LAB_LOWEST | LAB_LOCKS | LAB_TOP,
	.create = maple_rcu_create,
	.destroy = maple_destroy,
	.alloc = maple_two_alloc,
	.free = maple_free,
	.find = busy_find,
	.next = busy_next,
	.walk = maple_walk,
	.bytes = maple_bytes,
};

/* The trees of pairs. */

static void *busy_create(const struct lab_space *space)
{
	return create(space, MT_FLAGS_LOCK_EXTERN);
}

static void *busy_rcu_create(const struct lab_space *space)
{
	return create(space, MT_FLAGS_LOCK_EXTERN | MT_FLAGS_USE_RCU);
}

/* What the free index gave as its handle is the entry; the tree itself, where that is nothing. */
static int busy_insert(void *self, const struct lab_area *area)
{
	MA_STATE(mas, tree_of(self), area->start, area->start + area->size - 1);

	return mas_store_gfp(&mas, area->handle ?: self, GFP_NOWAIT);
}

static const struct lab_busy busy_maple = {
	.create = busy_create,
	.destroy = maple_destroy,
	.insert = busy_insert,
	.erase = maple_erase,
	.find = busy_find,
	.next = busy_next,
	.bytes = maple_bytes,
};

static const struct lab_busy busy_maple_rcu = {
	.rcu = true,
	.create = busy_rcu_create,
	.destroy = maple_destroy,
	.insert = busy_insert,
	.erase = maple_erase,
	.find = busy_find,
	.next = busy_next,
	.bytes = maple_bytes,
};

static void *maple_tree_create(const struct lab_space *space)
{
	return lab_pair_create(space, &lab_tree, &busy_maple);
}

const struct lab_index lab_maple_tree = {
	.name = "maple_tree" LAB_SUFFIX,
	.differs = "busy areas in a maple tree, free ones in the free tree",
	.flags = LAB_LOWEST | LAB_LOCKS,
	.create = maple_tree_create,
	LAB_PAIR_CALLS,
};

static void *tree_rcu_create(const struct lab_space *space)
{
	return lab_pair_create(space, &lab_tree, &busy_maple_rcu);
}

const struct lab_index lab_tree_rcu = {
	.name = "tree_rcu" LAB_SUFFIX,
	.differs = "the free tree, and busy areas in a maple tree with RCU",
	.flags = LAB_LOWEST | LAB_LOCKS,
	.create = tree_rcu_create,
	LAB_PAIR_CALLS,
};

static void *summary_rcu_create(const struct lab_space *space)
{
	return lab_pair_create(space, &lab_summary, &busy_maple_rcu);
}

const struct lab_index lab_summary_rcu = {
	.name = "summary_rcu" LAB_SUFFIX,
	.differs = "summary, and busy areas in a maple tree with RCU",
	.flags = LAB_LOWEST | LAB_LOCKS,
	.create = summary_rcu_create,
	LAB_PAIR_CALLS,
};

static void *bump_maple_create(const struct lab_space *space)
{
	return lab_bump_create(space, &lab_maple);
}

static const struct lab_index bump_maple = {
	.flags = LAB_LOCKS | LAB_PARKS,
	.create = bump_maple_create,
	LAB_BUMP_CALLS,
};

static void *bump_rcu_create(const struct lab_space *space)
{
	return lab_pair_create(space, &bump_maple, &busy_maple_rcu);
}

const struct lab_index lab_bump_rcu = {
	.name = "bump_rcu" LAB_SUFFIX,
	.differs = "a chunk of 64 MiB a CPU in front of maple; busy areas in another, with RCU",
	.flags = LAB_LOCKS | LAB_PARKS,
	.create = bump_rcu_create,
	LAB_PAIR_CALLS,
};
