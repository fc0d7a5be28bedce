// SPDX-License-Identifier: GPL-2.0
/*
 * spares.c - keeps a pool of extents without a range, so that no cut calls the slab
 *
 * A cut takes up to FREE_TREE_SPARES spares; a put returns one or two.  An allocation calls
 * vspace_stock_spares() before it takes space->lock.  The worker fills the pool ahead of need, so
 * that few allocations call the slab, which may take long.  With PREEMPT_RT the slab must not be
 * called in atomic context: there an allocation has only the spares in the pool.  A free needs no
 * spare.
 *
 * Invariant: each spare in the pool is in state VMAP_SPARE and on no ring.
 *
 * Locking: space->lock covers the pool.  The slab is called without space->lock.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "pages.h"
#include "space.h"

/*
 * Spares that one call of add_spares() adds: enough for two cuts.  Between add_spares() and the
 * caller's own cut another CPU may cut, too.  Each hold of space->lock pushes four extents at most.
 */
#define SPARES_REFILL	4

/*
 * The number of spares up to which the worker fills the pool.  Twice VSPACE_SPARES_LOW, so that the
 * worker is woken once for 128 spares used and not for each cut.
 */
#define SPARES_HIGH	(2 * VSPACE_SPARES_LOW)

/*
 * The gfp flags of a caller that say how hard to try.  The other flags (zone, zeroing, accounting)
 * are about pages and do not apply to the slab of extents.
 */
#define EFFORT_FLAGS	(__GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HIGH | __GFP_NORETRY | \
			 __GFP_RETRY_MAYFAIL | __GFP_NOFAIL | __GFP_MEMALLOC | __GFP_NOMEMALLOC)

/* Add up to @count spares to the pool.  Return the number of spares that were in the pool then. */
static unsigned long add_spares(struct vmap_space *space, unsigned int count, gfp_t gfp)
{
	gfp_t slab_gfp = vgfp_for_pages(gfp & EFFORT_FLAGS);
	struct vmap_extent_pool fresh = {};
	struct vmap_extent *extent;
	unsigned long flags, got;

	while (fresh.count < count && (extent = vpage_object(vspace_extent_slab, slab_gfp)))
		vext_pool_push(&fresh, extent);
	flags = vspace_lock(space);
	while ((extent = vext_pool_pop(&fresh)))
		vext_pool_push(&space->spares, extent);
	got = space->spares.count;
	vspace_unlock(space, flags);
	return got;
}

/*
 * Make sure that the pool has spares for one cut, as far as can be seen without space->lock.
 * Return false if the pool has not and the slab has no memory or must not be called here.
 */
bool vspace_stock_spares(struct vmap_space *space, gfp_t gfp)
{
	return data_race(space->spares.count) >= FREE_TREE_SPARES ||
	       (vctx_may_call_mm() && add_spares(space, SPARES_REFILL, gfp) >= FREE_TREE_SPARES);
}

/*
 * The function of space->stock_work.  Stop when the slab has no memory, or when allocations take
 * spares as fast as add_spares() adds spares.
 */
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

/*
 * Give an extent to the slab.  badfree.c may still read an extent of a memory arena under
 * rcu_read_lock(), so the slab gets it after a grace period.
 */
static void drop_extent(const struct vmap_space *space, struct vmap_extent *extent)
{
	if (space->memory)
		call_rcu(&extent->rcu, free_extent);
	else
		kmem_cache_free(vspace_extent_slab, extent);
}

/*
 * Give spares to the slab until @keep are left, but at most @most.  Return true if more than @keep
 * may be left.
 */
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
