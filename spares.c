// SPDX-License-Identifier: GPL-2.0
/*
 * spares.c - keeps pools of extents without a range and of nodes, so that no cut calls the slab
 *
 * A cut takes up to FREE_TREE_SPARES spares; a put returns one or two.  An allocation calls
 * vspace_stock_spares() before it takes space->lock.  The worker fills the pool ahead of need, so
 * that few allocations call the slab, which may take long.  Another work (trim_work) gives spares
 * back where merges have left many.  With PREEMPT_RT the slab must not be called in atomic context:
 * there an allocation has only the spares in the pool.  A free needs no spare.
 *
 * Beside a summary (free_summary.c) the same holds for its nodes, of which a cut takes up to
 * free_summary_need().  They are fewer: most tiles end in nodes that others have brought.
 *
 * Invariant: each spare in the pool is in state VMAP_SPARE and on no ring.
 *
 * Locking: space->lock covers the pools.  The slab is called without space->lock.
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

/* The same of nodes, as a multiple of vspace_nodes_low(). */
#define NODES_HIGH	2
#define NODES_KEEP	(2 * NODES_HIGH)

/* Spares, or nodes, that one hold of space->lock takes out of a pool for the slab. */
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

/* Get @count nodes from the slab into @fresh.  Return whether there are as many now. */
static bool get_nodes(struct summary_pool *fresh, unsigned long count, gfp_t gfp)
{
	struct summary_node *node;

	while (fresh->count < count && (node = vpage_object(vspace_node_slab, gfp)))
		summary_pool_push(fresh, node);
	return fresh->count >= count;
}

static void give_back_nodes(struct summary_pool *extra)
{
	struct summary_node *node;

	while ((node = summary_pool_pop(extra)))
		kmem_cache_free(vspace_node_slab, node);
}

/* Add the nodes of two cuts to those of the summary.  Return the number that there were then. */
static unsigned long add_nodes(struct vmap_space *space, gfp_t gfp)
{
	struct free_summary *summary = &space->summary;
	struct summary_pool fresh = {};
	struct summary_node *node;
	unsigned long flags, got;

	get_nodes(&fresh, 2 * data_race(free_summary_need(summary)),
		  vgfp_for_pages(gfp & EFFORT_FLAGS));
	flags = vspace_lock(space);
	while ((node = summary_pool_pop(&fresh)))
		summary_pool_push(&summary->spares, node);
	got = summary->spares.count;
	vspace_unlock(space, flags);
	return got;
}

/* vspace_stock_spares() for the nodes of a summary. */
static bool stock_nodes(struct vmap_space *space, gfp_t gfp)
{
	unsigned long need = data_race(free_summary_need(&space->summary));

	return data_race(space->summary.spares.count) >= need || add_nodes(space, gfp) >= need;
}

/*
 * Make sure that the pools have spares and nodes for one cut, as far as can be seen without
 * space->lock.  Return false if they have not and a slab has no memory or must not be called here.
 */
bool vspace_stock_spares(struct vmap_space *space, gfp_t gfp)
{
	if (data_race(vspace_may_cut(space)))
		return true;
	return vctx_may_call_mm() && add_spares(space, SPARES_REFILL, gfp) >= FREE_TREE_SPARES &&
	       (!space->tree.summary || stock_nodes(space, gfp));
}

/* Have nodes ready for many cuts.  Stop as vspace_stock_work() does. */
static void stock_nodes_ahead(struct vmap_space *space)
{
	unsigned long high = NODES_HIGH * data_race(vspace_nodes_low(&space->summary));
	unsigned long before, after = data_race(space->summary.spares.count);

	do {
		before = after;
		after = before < high ? add_nodes(space, GFP_KERNEL) : before;
	} while (after > before);
}

/**
 * vspace_begin_opening() - get what the opening of a span needs
 * @space: the space
 * @opening: undefined before; then for vspan_open() or vspace_cancel_opening()
 *
 * Context: process, may sleep.
 * Return: false without memory; then nothing is to be cancelled.
 */
bool vspace_begin_opening(const struct vmap_space *space, struct vmap_opening *opening)
{
	unsigned long nodes = space->tree.summary ? SUMMARY_NODES_OPEN : 0;

	*opening = (struct vmap_opening){};
	opening->whole = kmem_cache_alloc(vspace_extent_slab, vgfp_may_fail(GFP_KERNEL));
	if (opening->whole && get_nodes(&opening->nodes, nodes, vgfp_may_fail(GFP_KERNEL)))
		return true;
	vspace_cancel_opening(opening);
	return false;
}

/* Give back what vspace_begin_opening() got, if anything. */
void vspace_cancel_opening(struct vmap_opening *opening)
{
	if (opening->whole)
		kmem_cache_free(vspace_extent_slab, opening->whole);
	give_back_nodes(&opening->nodes);
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
	if (space->tree.summary)
		stock_nodes_ahead(space);
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

/* The same of nodes: at most @keep are left. */
static void drop_nodes(struct vmap_space *space, unsigned long keep)
{
	struct summary_pool *nodes = &space->summary.spares, extra = {};
	unsigned long flags;
	unsigned int taken;

	do {
		flags = vspace_lock(space);
		for (taken = 0; taken < SPARES_TAKEN && nodes->count > keep; taken++)
			summary_pool_push(&extra, summary_pool_pop(nodes));
		vspace_unlock(space, flags);
		give_back_nodes(&extra);
		cond_resched();
	} while (taken == SPARES_TAKEN);
}

/* More nodes than this go back to the slab. */
static unsigned long nodes_keep(const struct vmap_space *space)
{
	return NODES_KEEP * data_race(vspace_nodes_low(&space->summary));
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
 * to the slab, and nodes beyond nodes_keep().
 */
void vspace_trim_work(struct work_struct *work)
{
	struct vmap_space *space = container_of(work, struct vmap_space, trim_work);
	struct vmap_extent_pool extra = {};

	take_extra(space, SPARES_KEEP, &extra);
	give_back(&extra, space->memory);
	drop_nodes(space, nodes_keep(space));
}

/*
 * Queue trim_work if a pool has more than what is kept.  A range arena keeps the memory of its
 * extents until the arena is destroyed, because vmap_extent_free() reads the state of an extent
 * that may be freed already; and with them that of their nodes.
 */
void vspace_trim_later(struct vmap_space *space)
{
	if (space->memory && (data_race(space->spares.count) > SPARES_KEEP ||
			      data_race(space->summary.spares.count) > nodes_keep(space)))
		queue_work(vspace_wq, &space->trim_work);
}

/**
 * vspace_drop_spares() - give all spares and nodes of an arena to their slabs
 * @first: the arena's first space; nothing is allocated from the arena, no work of it is queued
 *
 * Context: process, may sleep.
 */
void vspace_drop_spares(struct vmap_space *first)
{
	struct vmap_extent_pool extra = {};
	struct vmap_space *space;

	vspace_for_each(space, first) {
		take_extra(space, 0, &extra);
		free_summary_fini(&space->summary);
		drop_nodes(space, 0);
	}
	give_back(&extra, first->memory);
}
