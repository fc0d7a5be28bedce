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
 * the worker merges, a batch now and then; without a pause only as long as the limit is reached,
 * for then frees wait for it.
 *
 * Frees that cannot be done where they are called are deferred: the extent is left for the worker.
 * That happens where freeing pages is not allowed or where there are too many for a caller who may
 * not sleep: then they are still mapped.  It also happens where the throttle says that a free must
 * purge first and the caller may not sleep, or has done so THROTTLE_ROUNDS times: then all but the
 * charge and the flush is done.  Who has done so has merged a fixed number of extents before one is
 * left to the worker: so a backlog above the limit, as a threshold that was lowered leaves it, gets
 * smaller with each free, and what is deferred meanwhile is a fraction of it.
 *
 * What is deferred is added up.  As long as that is more than the threshold, whoever frees and can
 * sleep, and whoever allocates past the cache and can, does a part of it first: as much as the
 * worker does in one go, which is more than a free adds.  So those who can sleep do not make it
 * grow, and what is deferred exceeds the threshold by no more than what callers who may not sleep
 * free until the worker, or anybody who can sleep, gets a CPU.
 *
 * Where hardly any room is free and none can be imported, the worker flushes ahead of need: what is
 * lazy at once if there is enough of it to fill the reserve or if an allocation that may not sleep
 * has failed, else THROTTLE_FLUSH_RATE times a second.
 *
 * Invariants:
 *   - an address goes from lazy to free only after every CPU was flushed;
 *   - lazy_units is charged before an extent becomes lazy, and never lets lazy extents exceed the
 *     limit by more than one free on each CPU; above a limit that was lowered it does not grow;
 *   - flushing holds no spinlock; merging holds the arena's for one batch;
 *   - deferred_units is charged before an extent is deferred, until it is lazy;
 *   - purge_lock is held for one flush, deferred_lock for a few deferred frees, of which no more
 *     than UNMAP_BATCH is unmapped: who waits for them does not wait for a backlog.
 *
 * Whoever wants all of a backlog gone (purge_all()) must not go on for as long as others add to it.
 * Both backlogs are handled in generations: what is to be done next is taken from the list of what
 * comes in only when all that was taken before is done.  What was there when a call began is
 * therefore of the generation that is in hand then or of the next, and done when one more has
 * begun.
 *
 * Locking: purge_lock serialises flushes, so that whoever holds it finds all that is lazy in one of
 * the lists.  deferred_lock does the same for what is deferred; it is taken first.  The lists of
 * what comes in are lock-free; the flushed list is under the arena's lock.
 */
#include <linux/jiffies.h>
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

static unsigned long deferred_units(const struct vmap_arena *arena)
{
	return atomic_long_read(&arena->deferred_units);
}

static bool wants_purge(const struct vmap_arena *arena)
{
	return throttle_wants_purge(lazy_units(arena), READ_ONCE(arena->threshold));
}

static bool is_at_limit(const struct vmap_arena *arena)
{
	return !throttle_may_free(lazy_units(arena), READ_ONCE(arena->threshold));
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
		if (likely(!arena->nr_lost) || !lost_keeps(arena, extent))
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
 * @extent: nobody else's any more, unmapped so far as it says
 *
 * Context: any.
 */
void purge_defer(struct vmap_arena *arena, struct vmap_extent *extent)
{
	arena_count(arena, deferred);
	atomic_long_add(extent->size, &arena->deferred_units);
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
			window_flush_all();
			return;
		}
	}
	window_flush_range(start, end);
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
	WRITE_ONCE(arena->starved, false);
	batch = llist_del_all(&arena->lazy_list);
	if (!batch)
		return false;
	flush_batch(batch);
	flags = arena_lock(arena);
	arena->flushed = batch;
	WRITE_ONCE(arena->flushes, arena->flushes + 1);
	WRITE_ONCE(arena->flushed_at, jiffies);
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

/* See to it that there is a deferred free to be done.  Return false if there is none. */
static bool take_deferred(struct vmap_arena *arena)
{
	lockdep_assert_held(&arena->deferred_lock);
	if (arena->finishing)
		return true;
	arena->finishing = llist_del_all(&arena->deferred_list);
	if (arena->finishing)
		WRITE_ONCE(arena->deferrals, arena->deferrals + 1);
	return arena->finishing;
}

/* Do the next deferred free, unmapping at most @most, which is updated.  Return if it is done. */
static bool finish_next(struct vmap_arena *arena, unsigned long *most)
{
	struct vmap_extent *extent = llist_entry(arena->finishing, struct vmap_extent, lazy);
	unsigned long size = extent->size;

	lockdep_assert_held(&arena->deferred_lock);
	*most -= arena_unmap(arena, extent, *most);
	if (extent->unmapped < extent_end(extent))
		return false;
	if (!purge_charge(arena, size)) {
		if (purge_flush(arena))
			merge(arena, THROTTLE_MERGE_BATCH);
		return false;
	}
	arena->finishing = llist_next(arena->finishing);
	purge_add(arena, extent);
	atomic_long_sub(size, &arena->deferred_units);
	return true;
}

/**
 * purge_deferred() - do some deferred frees, or a part of one, or purge a little for the next
 * @arena: the arena
 *
 * Context: process, may sleep.
 * Return: false if none is deferred.
 */
bool purge_deferred(struct vmap_arena *arena)
{
	unsigned long most = UNMAP_BATCH;
	unsigned int left = THROTTLE_MERGE_FREE;
	bool any = false;

	mutex_lock(&arena->deferred_lock);
	while (left-- && take_deferred(arena)) {
		any = true;
		if (!finish_next(arena, &most))
			break;
	}
	mutex_unlock(&arena->deferred_lock);
	cond_resched();
	return any;
}

/* Is there something to do that frees wait for, or are deferred for, and that can be done now? */
static bool is_urgent(const struct vmap_arena *arena)
{
	if (is_at_limit(arena))
		return data_race(arena->flushed) || !llist_empty(&arena->lazy_list);
	return deferred_units(arena);
}

/* Let others run: for a while, if nobody waits for what comes next or if it cannot be done yet. */
static void pause(const struct vmap_arena *arena)
{
	if (is_urgent(arena))
		cond_resched();
	else
		schedule_timeout_idle(1);
}

/*
 * Give back some of the spares that a burst of merging left over.  A range arena keeps its extents
 * until it is destroyed, so that one freed twice can be told by a look at it.
 */
static bool trim_a_little(struct vmap_arena *arena)
{
	return arena->memory && arena_trim_spares(arena, SPARES_KEEP, TRIM_BATCH);
}

/* Has it been long enough since the last flush for one that gains little? */
static bool is_flush_due(const struct vmap_arena *arena)
{
	return time_after_eq(jiffies, READ_ONCE(arena->flushed_at) + HZ / THROTTLE_FLUSH_RATE);
}

/* Is what is lazy to be flushed now? */
static bool wants_flush(const struct vmap_arena *arena)
{
	return wants_purge(arena) ||
	       (span_is_low(arena) && (span_is_worth_a_flush(arena) || is_flush_due(arena) ||
				       READ_ONCE(arena->starved)));
}

/* Will it be later on? */
static bool awaits_flush(const struct vmap_arena *arena)
{
	return span_is_low(arena) && !llist_empty(&arena->lazy_list);
}

/* Do what was deferred, flush if need be, merge; a little of each.  Return whether to go on. */
static bool purge_a_little(struct vmap_arena *arena)
{
	bool deferred = purge_deferred(arena);

	if (wants_flush(arena))
		purge_flush(arena);
	return merge(arena, THROTTLE_MERGE_BATCH) || deferred || wants_purge(arena) ||
	       awaits_flush(arena) || trim_a_little(arena);
}

/* As long as calls come they merge, too, and below the limit nobody waits for this. */
void purge_work(struct work_struct *work)
{
	struct vmap_arena *arena = container_of(work, struct vmap_arena, purge_work);

	while (purge_a_little(arena))
		pause(arena);
}

/* Do all that was deferred before the call: of the generation in hand, and of the next. */
static void finish_all_deferred(struct vmap_arena *arena)
{
	unsigned long first;

	mutex_lock(&arena->deferred_lock);
	first = arena->deferrals;
	mutex_unlock(&arena->deferred_lock);
	while (READ_ONCE(arena->deferrals) - first < 2 && purge_deferred(arena))
		pause(arena);
}

/* The same for what was lazy. */
static void merge_all_lazy(struct vmap_arena *arena)
{
	unsigned long first;

	mutex_lock(&arena->purge_lock);
	first = arena->flushes;
	mutex_unlock(&arena->purge_lock);
	while (READ_ONCE(arena->flushes) - first < 2 && purge_flush(arena)) {
		merge(arena, THROTTLE_MERGE_BATCH);
		cond_resched();
	}
}

/**
 * purge_all() - purge; on return all that was lazy or deferred before the call is free
 * @arena: the arena
 *
 * Context: process, may sleep.
 */
void purge_all(struct vmap_arena *arena)
{
	finish_all_deferred(arena);
	merge_all_lazy(arena);
	purge_kick(arena);
}
