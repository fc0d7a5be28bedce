// SPDX-License-Identifier: GPL-2.0
/*
 * purge.c - lazy extents: flush them in bulk, merge them bit by bit, hold frees back if need be
 *
 * What is freed is unmapped at once, but some TLB may still hold it, so it must not be handed out
 * again.  Such an extent is lazy.  It goes through two stages:
 *
 *   lazy_list   not flushed yet.  A free pushes it there without a lock.
 *   flushed     no TLB holds it any more; waits to be merged into the free tree.
 *
 * The purge worker takes the whole lazy list, makes every CPU forget it with one TLB flush, and moves
 * it to the flushed list, all without looking at each extent.  From there it is merged a few extents at a time, by the worker and
 * also by each allocation and, above the threshold, by each free: nobody pays for a backlog of
 * thousands.  The worker is the only one that flushes and never runs twice at once, so to wait for a
 * purge is to queue the worker and wait for that run.
 *
 * Frees that cannot be done where they are called are deferred: the extent, still mapped, is left
 * for the worker.  That happens where freeing pages is not allowed, and where the throttle (see
 * throttle.h) says that a free must wait and the caller may not.
 *
 * Invariants:
 *   - an address goes from lazy to free only after every CPU was flushed;
 *   - lazy_units is charged before an extent becomes lazy, and never lets lazy extents exceed the
 *     limit by more than one free on each CPU;
 *   - flushing holds no lock; merging holds the arena's for one batch.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "arena.h"
#include "throttle.h"

/* Extents looked at to find out whether a flush can be limited to what they cover. */
#define FLUSH_LOOK	16

static unsigned long lazy_units(const struct vmap_arena *arena)
{
	return atomic_long_read(&arena->lazy_units);
}

static bool may_free(const struct vmap_arena *arena)
{
	return throttle_may_free(lazy_units(arena), READ_ONCE(arena->threshold));
}

/**
 * purge_charge() - account for an extent about to become lazy
 * @arena: the arena
 * @units: its size
 *
 * Context: any.
 * Return: false if too much is lazy; then nothing was charged.
 */
bool purge_charge(struct vmap_arena *arena, unsigned long units)
{
	long lazy = atomic_long_read(&arena->lazy_units);

	do {
		if (!throttle_may_free(lazy, READ_ONCE(arena->threshold)))
			return false;
	} while (!atomic_long_try_cmpxchg(&arena->lazy_units, &lazy, lazy + units));
	return true;
}

/* Have the worker run, now. */
static void kick(struct vmap_arena *arena)
{
	queue_work(arena_wq, &arena->purge_work);
	wake_up_all(&arena->pause_wait);
}

/* Wait until purge_charge() may succeed.  Context: process, may sleep. */
void purge_wait(struct vmap_arena *arena)
{
	arena_count(arena, throttle_waits);
	kick(arena);
	wait_event(arena->purge_wait, may_free(arena));
}

/* Merge up to @count flushed extents.  Under the arena's lock.  Return whether any is left. */
bool purge_merge(struct vmap_arena *arena, unsigned int count)
{
	struct vmap_extent *extent;
	unsigned long units = 0;

	lockdep_assert_held(&arena->lock);
	for (; count && arena->flushed; count--) {
		extent = llist_entry(arena->flushed, struct vmap_extent, lazy);
		arena->flushed = llist_next(arena->flushed);
		units += extent_size(extent);
		arena_give_back(arena, extent);
		arena->purged++;
	}
	if (units)
		atomic_long_sub(units, &arena->lazy_units);
	return arena->flushed;
}

/**
 * purge_add() - make an unmapped extent lazy
 * @arena: the arena, already charged for it
 * @extent: the extent
 *
 * Context: any.
 */
void purge_add(struct vmap_arena *arena, struct vmap_extent *extent)
{
	unsigned long flags;

	extent->state = VMAP_LAZY;
	llist_add(&extent->lazy, &arena->lazy_list);
	if (!throttle_wants_purge(lazy_units(arena), READ_ONCE(arena->threshold)))
		return;
	queue_work(arena_wq, &arena->purge_work);
	raw_spin_lock_irqsave(&arena->lock, flags);
	purge_merge(arena, THROTTLE_MERGE_FREE);
	raw_spin_unlock_irqrestore(&arena->lock, flags);
}

/**
 * purge_defer() - leave a free to the worker
 * @arena: the arena
 * @extent: still mapped, nobody else's any more
 *
 * Context: any.
 */
void purge_defer(struct vmap_arena *arena, struct vmap_extent *extent)
{
	arena_count(arena, deferred);
	llist_add(&extent->lazy, &arena->deferred_list);
	queue_work(arena_wq, &arena->purge_work);
}

/* Flush what a few extents cover; a longer list is not walked, for then all of the TLB goes. */
static void flush_batch(struct llist_node *batch)
{
	unsigned long start = ULONG_MAX, end = 0;
	unsigned int count = 0;
	struct vmap_extent *extent;

	llist_for_each_entry(extent, batch, lazy) {
		start = min(start, extent->start);
		end = max(end, extent->end);
		if (++count > FLUSH_LOOK) {
			start = 0;
			end = ULONG_MAX;
			break;
		}
	}
	window_flush(start, end);
}

/* Flush what is lazy now; nothing is left to be merged of an earlier flush.  False if none is. */
static bool flush_lazy(struct vmap_arena *arena)
{
	struct llist_node *batch = llist_del_all(&arena->lazy_list);
	unsigned long flags;

	if (!batch)
		return false;
	flush_batch(batch);
	raw_spin_lock_irqsave(&arena->lock, flags);
	arena->flushed = batch;
	WRITE_ONCE(arena->flushes, arena->flushes + 1);
	raw_spin_unlock_irqrestore(&arena->lock, flags);
	return true;
}

static bool is_hurried(const struct vmap_arena *arena)
{
	return atomic_read(&arena->purge_hurry) || !may_free(arena) ||
	       throttle_wants_purge(lazy_units(arena), READ_ONCE(arena->threshold));
}

/* Merging has no priority below the threshold: let others have the CPU for a while. */
static void give_way(struct vmap_arena *arena)
{
	if (is_hurried(arena))
		cond_resched();
	else
		wait_event_timeout(arena->pause_wait, is_hurried(arena), 1);
}

/* Allocations that waited for a flush merge for themselves, if this worker leaves them the CPU. */
static void wake_for_room(struct vmap_arena *arena)
{
	if (!wq_has_sleeper(&arena->room_wait))
		return;
	wake_up_all(&arena->room_wait);
	wait_event_timeout(arena->pause_wait,
			   atomic_read(&arena->purge_hurry) || !may_free(arena), 1);
}

static void merge_flushed(struct vmap_arena *arena)
{
	unsigned long flags;
	bool more;

	do {
		give_way(arena);
		raw_spin_lock_irqsave(&arena->lock, flags);
		more = purge_merge(arena, THROTTLE_MERGE_BATCH);
		raw_spin_unlock_irqrestore(&arena->lock, flags);
		if (may_free(arena))
			wake_up_all(&arena->purge_wait);
	} while (more);
}

static bool flush_and_merge(struct vmap_arena *arena)
{
	if (!flush_lazy(arena))
		return false;
	wake_for_room(arena);
	merge_flushed(arena);
	return true;
}

static bool finish_deferred(struct vmap_arena *arena)
{
	struct llist_node *batch = llist_del_all(&arena->deferred_list);
	struct vmap_extent *extent, *following;

	llist_for_each_entry_safe(extent, following, batch, lazy) {
		while (!purge_charge(arena, extent_size(extent)))
			flush_and_merge(arena);
		arena_finish_free(arena, extent);
		cond_resched();
	}
	return batch;
}

void purge_work(struct work_struct *work)
{
	struct vmap_arena *arena = container_of(work, struct vmap_arena, purge_work);

	while (finish_deferred(arena) | flush_and_merge(arena))
		cond_resched();
	wake_up_all(&arena->room_wait);
	arena_trim_spares(arena);
}

/**
 * purge_some() - wait until some lazy extents are ready to be merged
 * @arena: the arena
 *
 * Context: process, may sleep.
 * Return: false if nothing is lazy.
 */
bool purge_some(struct vmap_arena *arena)
{
	unsigned long seen = READ_ONCE(arena->flushes);

	if (!lazy_units(arena))
		return false;
	if (READ_ONCE(arena->flushed))
		return true;
	kick(arena);
	wait_event(arena->room_wait,
		   READ_ONCE(arena->flushes) != seen || !lazy_units(arena));
	return true;
}

/**
 * purge_all() - purge; on return all that was lazy before the call is free
 * @arena: the arena
 *
 * Context: process, may sleep.
 */
void purge_all(struct vmap_arena *arena)
{
	atomic_inc(&arena->purge_hurry);
	kick(arena);
	flush_work(&arena->purge_work);
	atomic_dec(&arena->purge_hurry);
}
