// SPDX-License-Identifier: GPL-2.0
/*
 * spares.c - keeps a pool of extents without a range, so that no cut calls the slab
 *
 * A cut takes up to FREE_TREE_SPARES spares; a put returns one or two.  An allocation calls
 * vspace_stock_spares() before it takes space->lock.  The worker fills the pool ahead of need, so
 * that few allocations call the slab, which may take long.  Another work (trim_work) gives spares
 * back where merges have left many.  With PREEMPT_RT the slab must not be called in atomic context:
 * there an allocation has only the spares in the pool.  A free needs no spare.
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
 * The number of spares down to which trim_work empties the pool: twice SPARES_HIGH, so that the two
 * works do not undo each other.  512 spares take 32 KiB.
 */
#define SPARES_KEEP	(2 * SPARES_HIGH)

/* Spares that one hold of space->lock takes out of the pool for the slab. */
#define SPARES_TAKEN	8

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

/* Take spares out of the pool into @extra until @keep are left. */
static void take_extra(struct vmap_space *space, unsigned long keep, struct vmap_extent_pool *extra)
{
	unsigned long flags;
	unsigned int taken;

	do {
		flags = vspace_lock(space);
		for (taken = 0; taken < SPARES_TAKEN && space->spares.count > keep; taken++)
			vext_pool_push(extra, vext_pool_pop(&space->spares));
		vspace_unlock(space, flags);
		cond_resched();
	} while (taken == SPARES_TAKEN);
}

/*
 * Give extents to the slab.  badfree.c may still read an extent of a memory arena under
 * rcu_read_lock(): hence the grace period.  All wait for the same one in a thread, rather than each
 * for a callback of its own: RCU runs callbacks behind an interrupt, many without a pause.
 */
static void give_back(struct vmap_extent_pool *extra, bool memory)
{
	struct vmap_extent *extent;

	if (memory && extra->count)
		synchronize_rcu();
	while ((extent = vext_pool_pop(extra))) {
		kmem_cache_free(vspace_extent_slab, extent);
		cond_resched();
	}
}

/*
 * The function of space->trim_work: give spares beyond SPARES_KEEP, which merging leaves over, back
 * to the slab.
 */
void vspace_trim_work(struct work_struct *work)
{
	struct vmap_space *space = container_of(work, struct vmap_space, trim_work);
	struct vmap_extent_pool extra = {};

	take_extra(space, SPARES_KEEP, &extra);
	give_back(&extra, space->memory);
}

/*
 * Queue trim_work if the pool has more than SPARES_KEEP spares.  A range arena keeps the memory of
 * its extents until the arena is destroyed, because vmap_extent_free() reads the state of an extent
 * that may be freed already.
 */
void vspace_trim_later(struct vmap_space *space)
{
	if (space->memory && data_race(space->spares.count) > SPARES_KEEP)
		queue_work(vspace_wq, &space->trim_work);
}

/**
 * vspace_drop_spares() - give all spares of an arena to the slab
 * @first: the arena's first space; nothing is allocated from the arena, no work of it is queued
 *
 * Context: process, may sleep.
 */
void vspace_drop_spares(struct vmap_space *first)
{
	struct vmap_extent_pool extra = {};
	struct vmap_space *space;

	vspace_for_each(space, first)
		take_extra(space, 0, &extra);
	give_back(&extra, first->memory);
}
