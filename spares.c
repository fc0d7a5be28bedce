// SPDX-License-Identifier: GPL-2.0
/*
 * spares.c - keeps extents without a range, so that no split waits for the slab
 *
 * A cut takes up to two spares (FREE_TREE_SPARES); a merge gives one or two back.  A call sees to
 * it that there are enough before it takes the lock.  The worker fills the pool in time, so that
 * few calls ask the slab, which may take long.  Where the slab may not be called, in atomic context
 * with PREEMPT_RT, what is in the pool has to do.  Freeing never needs a spare.
 *
 * Locking: the pool is under space->lock; the slab is called without it.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "space.h"

/* Spares that a call gets at a time: two cuts, of its own and of one that comes between. */
#define SPARES_REFILL	4

/* Spares up to which the worker fills the pool: twice what wakes it. */
#define SPARES_HIGH	(2 * VSPACE_SPARES_LOW)

/* Of a caller's flags, those that say how hard to try; the others are about the pages. */
#define EFFORT_FLAGS	(__GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HIGH | __GFP_NORETRY | \
			 __GFP_RETRY_MAYFAIL | __GFP_NOFAIL | __GFP_MEMALLOC | __GFP_NOMEMALLOC)

/* Put up to @count more spares into the pool.  Return how many were in it then. */
static unsigned long add_spares(struct vmap_space *space, unsigned int count, gfp_t gfp)
{
	gfp_t slab_gfp = vgfp_for_pages(gfp & EFFORT_FLAGS);
	struct vmap_extent_pool fresh = {};
	struct vmap_extent *extent;
	unsigned long flags, got;

	while (fresh.count < count && (extent = kmem_cache_alloc(vspace_extent_slab, slab_gfp)))
		vext_pool_push(&fresh, extent);
	flags = vspace_lock(space);
	while ((extent = vext_pool_pop(&fresh)))
		vext_pool_push(&space->spares, extent);
	got = space->spares.count;
	vspace_unlock(space, flags);
	return got;
}

/* Have enough spares for one cut.  Return false if there is no memory for them here. */
bool vspace_stock_spares(struct vmap_space *space, gfp_t gfp)
{
	return data_race(space->spares.count) >= FREE_TREE_SPARES ||
	       (vctx_may_call_mm() && add_spares(space, SPARES_REFILL, gfp) >= FREE_TREE_SPARES);
}

/* Fill the pool in time, so that few calls have to ask the slab, which may take long. */
void vspace_stock_work(struct work_struct *work)
{
	struct vmap_space *space = container_of(work, struct vmap_space, stock_work);
	unsigned long before, after = 0;

	do {
		before = after;
		after = add_spares(space, SPARES_REFILL, GFP_KERNEL);
	} while (after > before && after < SPARES_HIGH);
}

static void free_extent(struct rcu_head *rcu)
{
	kmem_cache_free(vspace_extent_slab, container_of(rcu, struct vmap_extent, rcu));
}

/* Give an extent to the slab.  One that was an area's may be before the eyes of a look-up. */
static void drop_extent(const struct vmap_space *space, struct vmap_extent *extent)
{
	if (space->memory)
		call_rcu(&extent->rcu, free_extent);
	else
		kmem_cache_free(vspace_extent_slab, extent);
}

/* Give the slab what the pool has beyond @keep, but no more than @most.  Return if that was it. */
bool vspace_trim_spares(struct vmap_space *space, unsigned long keep, unsigned long most)
{
	struct vmap_extent *extent;
	unsigned long flags;

	do {
		extent = NULL;
		flags = vspace_lock(space);
		if (space->spares.count > keep)
			extent = vext_pool_pop(&space->spares);
		vspace_unlock(space, flags);
		if (extent)
			drop_extent(space, extent);
		cond_resched();
	} while (extent && --most);
	return extent;
}
