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
 * A flush takes the whole lazy list, makes every CPU forget it, and moves it to the flushed list,
 * all without looking at each extent.  From there it is merged a few extents at a time, by each
 * allocation and, above the threshold, by each free: nobody pays for a backlog of thousands.  If
 * the arena keeps extents for reuse, an allocation of just the size of the next one takes that.
 *
 * Above the threshold a free asks the purge worker for a flush and goes on.  Who has to wait for
 * one, a free above the limit (see throttle.h) or an allocation that finds no room, flushes on the
 * spot: that takes no longer than to wait for the worker.  What is left flushed when the calls end,
 * the worker merges, a batch now and then.
 *
 * Frees that cannot be done where they are called are deferred: the extent, still mapped, is left
 * for the worker.  That happens where freeing pages is not allowed, and where the throttle says
 * that a free must purge first and the caller may not sleep.
 *
 * Invariants:
 *   - an address goes from lazy to free only after every CPU was flushed;
 *   - lazy_units is charged before an extent becomes lazy, and never lets lazy extents exceed the
 *     limit by more than one free on each CPU;
 *   - flushing holds no spinlock; merging holds the arena's for one batch.
 *
 * Locking: purge_lock serialises flushes and the work on deferred frees, so that whoever holds it
 * finds all that is lazy in one of the lists.  The lists of what comes in are lock-free; the
 * flushed list is under the arena's lock.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "take.h"
#include "throttle.h"

/* Extents looked at to find out whether a flush can be limited to what they cover. */
#define FLUSH_LOOK	16

/* More spares than these are given back, so many at a time. */
#define SPARES_KEEP	512
#define TRIM_BATCH	16

static unsigned long lazy_units(const struct vmap_arena *arena)
{
	return atomic_long_read(&arena->lazy_units);
}

static bool wants_purge(const struct vmap_arena *arena)
{
	return throttle_wants_purge(lazy_units(arena), READ_ONCE(arena->threshold));
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

/* Have the worker look now what there is to do. */
void purge_kick(struct vmap_arena *arena)
{
	queue_work(arena_wq, &arena->purge_work);
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
		units += extent->size;
		give_back(arena, extent);
		arena->purged++;
	}
	if (units)
		atomic_long_sub(units, &arena->lazy_units);
	return arena->flushed;
}

/*
 * Take the next flushed extent as it is, if it has just @size and the arena keeps extents for
 * reuse: what is freed and allocated in turn need not go through the tree.  Under the arena's lock.
 */
struct vmap_extent *purge_reuse(struct vmap_arena *arena, unsigned long size)
{
	struct vmap_extent *extent = llist_entry(arena->flushed, struct vmap_extent, lazy);

	lockdep_assert_held(&arena->lock);
	if (!arena->caching || extent->size != size)
		return NULL;
	arena->flushed = llist_next(arena->flushed);
	atomic_long_sub(size, &arena->lazy_units);
	return extent;
}

/* Merge up to @count flushed extents.  Return whether any is left. */
static bool merge(struct vmap_arena *arena, unsigned int count)
{
	unsigned long flags;
	bool more;

	flags = arena_lock(arena);
	more = purge_merge(arena, count);
	arena_unlock(arena, flags);
	return more;
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
	WRITE_ONCE(extent->state, VMAP_LAZY);
	llist_add(&extent->lazy, &arena->lazy_list);
	if (!wants_purge(arena))
		return;
	if (data_race(arena->flushed))
		merge(arena, THROTTLE_MERGE_FREE);
	else
		purge_kick(arena);
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
	purge_kick(arena);
}

/* Flush what a few extents cover; a longer list is not walked, for then all of the TLB goes. */
static void flush_batch(struct llist_node *batch)
{
	unsigned long start = ULONG_MAX, end = 0;
	unsigned int count = 0;
	struct vmap_extent *extent;

	llist_for_each_entry(extent, batch, lazy) {
		start = min(start, extent->start);
		end = max(end, extent_end(extent));
		if (++count > FLUSH_LOOK) {
			start = 0;
			end = ULONG_MAX;
			break;
		}
	}
	window_flush(start, end);
}

/*
 * See to it that something is flushed and waits to be merged.  Return false if nothing is lazy, but
 * for what others are about to add.  Under purge_lock.
 */
static bool flush_lazy(struct vmap_arena *arena)
{
	struct llist_node *batch;
	unsigned long flags;

	lockdep_assert_held(&arena->purge_lock);
	if (data_race(arena->flushed))
		return true;
	batch = llist_del_all(&arena->lazy_list);
	if (!batch)
		return false;
	flush_batch(batch);
	flags = arena_lock(arena);
	arena->flushed = batch;
	WRITE_ONCE(arena->flushes, arena->flushes + 1);
	arena_unlock(arena, flags);
	return true;
}

/**
 * purge_flush() - have some lazy extents ready to be merged
 * @arena: the arena
 *
 * Context: process, may sleep.
 * Return: false if nothing is lazy.
 */
bool purge_flush(struct vmap_arena *arena)
{
	bool ready;

	mutex_lock(&arena->purge_lock);
	ready = flush_lazy(arena);
	mutex_unlock(&arena->purge_lock);
	return ready;
}

/**
 * purge_make_way() - do something about purge_charge() having failed
 * @arena: the arena
 *
 * Context: process, may sleep.
 */
void purge_make_way(struct vmap_arena *arena)
{
	arena_count(arena, throttle_waits);
	if (purge_flush(arena))
		merge(arena, THROTTLE_MERGE_FREE);
	else
		/* All is charged by frees that others have not finished. */
		schedule_timeout_uninterruptible(1);
}

/* Under purge_lock, so that nobody takes for done what is on its way. */
static void finish_deferred(struct vmap_arena *arena)
{
	struct llist_node *batch = llist_del_all(&arena->deferred_list);
	struct vmap_extent *extent, *following;

	lockdep_assert_held(&arena->purge_lock);
	llist_for_each_entry_safe(extent, following, batch, lazy) {
		while (!purge_charge(arena, extent->size)) {
			if (flush_lazy(arena))
				merge(arena, THROTTLE_MERGE_BATCH);
			else
				schedule_timeout_uninterruptible(1);
		}
		arena_finish_free(arena, extent);
		cond_resched();
	}
}

/*
 * Give back some of the spares that a burst of merging left over.  A range arena keeps its extents
 * until it is destroyed, so that one freed twice can be told by a look at it.
 */
static bool trim_a_little(struct vmap_arena *arena)
{
	return arena->memory && arena_trim_spares(arena, SPARES_KEEP, TRIM_BATCH);
}

/* Do what was deferred, flush if that is wanted, merge a batch.  Return whether to come back. */
static bool purge_a_little(struct vmap_arena *arena)
{
	mutex_lock(&arena->purge_lock);
	finish_deferred(arena);
	if (wants_purge(arena) || span_is_low(arena))
		flush_lazy(arena);
	mutex_unlock(&arena->purge_lock);
	return merge(arena, THROTTLE_MERGE_BATCH) || wants_purge(arena) || trim_a_little(arena);
}

/* As long as calls come they merge, too, and nobody waits for this: there is no hurry. */
void purge_work(struct work_struct *work)
{
	struct vmap_arena *arena = container_of(work, struct vmap_arena, purge_work);

	while (purge_a_little(arena))
		schedule_timeout_idle(1);
}

/**
 * purge_all() - purge; on return all that was lazy before the call is free
 * @arena: the arena
 *
 * Context: process, may sleep.
 */
void purge_all(struct vmap_arena *arena)
{
	mutex_lock(&arena->purge_lock);
	finish_deferred(arena);
	while (flush_lazy(arena)) {
		merge(arena, THROTTLE_MERGE_BATCH);
		cond_resched();
	}
	mutex_unlock(&arena->purge_lock);
	purge_kick(arena);
}
