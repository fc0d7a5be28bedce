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
 * Whoever wants all of a backlog gone (vpurge_all()) must not go on for as long as others add to it.
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

#include "purge.h"

/* Extents looked at to find out whether a flush can be limited to what they cover. */
#define FLUSH_LOOK	16

/* More spares than these are given back, so many at a time. */
#define SPARES_KEEP	512
#define TRIM_BATCH	16

static unsigned long lazy_units(const struct vmap_purge *purge)
{
	return atomic_long_read(&purge->lazy_units);
}

static unsigned long deferred_units(const struct vmap_purge *purge)
{
	return atomic_long_read(&purge->deferred_units);
}

static bool wants_purge(const struct vmap_purge *purge)
{
	return vthrottle_wants_purge(lazy_units(purge), READ_ONCE(purge->threshold));
}

static bool is_at_limit(const struct vmap_purge *purge)
{
	return !vthrottle_may_free(lazy_units(purge), READ_ONCE(purge->threshold));
}

/**
 * charge() - account for an extent about to become lazy
 * @purge: the arena
 * @units: its size
 *
 * Context: any.
 * Return: false if too much is lazy; then nothing was charged.
 */
static bool charge(struct vmap_purge *purge, unsigned long units)
{
	long lazy = atomic_long_read(&purge->lazy_units);

	do {
		if (!vthrottle_may_free(lazy, READ_ONCE(purge->threshold)))
			return false;
	} while (!atomic_long_try_cmpxchg(&purge->lazy_units, &lazy, lazy + units));
	return true;
}

/* Have the worker look now what there is to do. */
void vpurge_kick(struct vmap_purge *purge)
{
	queue_work(vspace_wq, &purge->purge_work);
}

/* Merge up to @count flushed extents.  Under the arena's lock.  Return whether any is left. */
bool vpurge_merge(struct vmap_purge *purge, unsigned int count)
{
	struct vmap_extent *extent;
	unsigned long units = 0;

	lockdep_assert_held(&purge->space.lock);
	for (; count && purge->flushed; count--) {
		extent = llist_entry(purge->flushed, struct vmap_extent, lazy);
		purge->flushed = llist_next(purge->flushed);
		units += extent->size;
		if (likely(!purge->space.nr_lost) || !vlost_keeps(&purge->space, extent))
			vspace_put(&purge->space, extent);
		purge->purged++;
	}
	if (units)
		atomic_long_sub(units, &purge->lazy_units);
	return purge->flushed;
}

/*
 * Take the next flushed extent as it is, if it has just @size and the arena keeps extents for
 * reuse: what is freed and allocated in turn need not go through the tree.  Under the arena's lock.
 */
struct vmap_extent *vpurge_reuse(struct vmap_purge *purge, unsigned long size)
{
	struct vmap_extent *extent = llist_entry(purge->flushed, struct vmap_extent, lazy);

	lockdep_assert_held(&purge->space.lock);
	if (extent->size != size)
		return NULL;
	purge->flushed = llist_next(purge->flushed);
	atomic_long_sub(size, &purge->lazy_units);
	return extent;
}

/* Merge up to @count flushed extents.  Return whether any is left. */
static bool merge(struct vmap_purge *purge, unsigned int count)
{
	unsigned long flags;
	bool more;

	flags = vspace_lock(&purge->space);
	more = vpurge_merge(purge, count);
	vspace_unlock(&purge->space, flags);
	return more;
}

/**
 * add_lazy() - make an unmapped extent lazy
 * @purge: the arena, already charged for it
 * @extent: the extent
 *
 * Context: any.
 */
static void add_lazy(struct vmap_purge *purge, struct vmap_extent *extent)
{
	WRITE_ONCE(extent->state, VMAP_LAZY);
	llist_add(&extent->lazy, &purge->lazy_list);
	if (!wants_purge(purge))
		return;
	if (data_race(purge->flushed))
		merge(purge, THROTTLE_MERGE_FREE);
	else
		vpurge_kick(purge);
}

/**
 * defer() - leave a free to the worker
 * @purge: the arena
 * @extent: nobody else's any more, unmapped so far as it says
 *
 * Context: any.
 */
static void defer(struct vmap_purge *purge, struct vmap_extent *extent)
{
	vspace_count(&purge->space, deferred);
	atomic_long_add(extent->size, &purge->deferred_units);
	llist_add(&extent->lazy, &purge->deferred_list);
	vpurge_kick(purge);
}

/**
 * unmap_some() - unmap what comes next of an extent on its way to lazy, and free its pages
 * @purge: the arena
 * @extent: unmapped so far as it says, which is updated; in a lost span there is nothing to do
 * @most: how many units
 *
 * Context: any in which pages may be freed.
 * Return: how many units were unmapped.
 */
static unsigned long unmap_some(struct vmap_purge *purge, struct vmap_extent *extent,
				unsigned long most)
{
	unsigned long start = extent->unmapped, size = min(vext_end(extent) - start, most);
	struct vmap_span *span = vspan_of_live(extent->start);
	bool foreign = extent->flags & VMAP_EXTENT_FOREIGN;

	if (likely(span))
		vwin_unmap(span->window, start, start + size, !foreign);
	else
		vlost_unmap(&purge->space, extent, size);
	WRITE_ONCE(extent->unmapped, start + size);
	return size;
}

/* Flush what a few extents cover; a longer list is not walked, for then all of the TLB goes. */
static void flush_batch(struct llist_node *batch)
{
	unsigned long start = ULONG_MAX, end = 0;
	unsigned int count = 0;
	struct vmap_extent *extent;

	llist_for_each_entry(extent, batch, lazy) {
		start = min(start, extent->start);
		end = max(end, vext_end(extent));
		if (++count > FLUSH_LOOK) {
			vwin_flush_all();
			return;
		}
	}
	vwin_flush_range(start, end);
}

/*
 * See to it that something is flushed and waits to be merged.  Return false if nothing is lazy, but
 * for what others are about to add.  Under purge_lock.
 */
static bool flush_lazy(struct vmap_purge *purge)
{
	struct llist_node *batch;
	unsigned long flags;

	lockdep_assert_held(&purge->purge_lock);
	if (data_race(purge->flushed))
		return true;
	WRITE_ONCE(purge->starved, false);
	batch = llist_del_all(&purge->lazy_list);
	if (!batch)
		return false;
	flush_batch(batch);
	flags = vspace_lock(&purge->space);
	purge->flushed = batch;
	WRITE_ONCE(purge->flushes, purge->flushes + 1);
	WRITE_ONCE(purge->flushed_at, jiffies);
	vspace_unlock(&purge->space, flags);
	return true;
}

/**
 * vpurge_flush() - have some lazy extents ready to be merged
 * @purge: the arena
 *
 * Context: process, may sleep.
 * Return: false if nothing is lazy.
 */
bool vpurge_flush(struct vmap_purge *purge)
{
	bool ready;

	mutex_lock(&purge->purge_lock);
	ready = flush_lazy(purge);
	mutex_unlock(&purge->purge_lock);
	return ready;
}

/**
 * make_way() - do something about charge() having failed
 * @purge: the arena
 *
 * Context: process, may sleep.
 */
static void make_way(struct vmap_purge *purge)
{
	vspace_count(&purge->space, throttle_waits);
	if (vpurge_flush(purge))
		merge(purge, THROTTLE_MERGE_FREE);
	else
		/* All is charged by frees that others have not finished. */
		schedule_timeout_uninterruptible(1);
}

/* See to it that there is a deferred free to be done.  Return false if there is none. */
static bool take_deferred(struct vmap_purge *purge)
{
	lockdep_assert_held(&purge->deferred_lock);
	if (purge->finishing)
		return true;
	purge->finishing = llist_del_all(&purge->deferred_list);
	if (purge->finishing)
		WRITE_ONCE(purge->deferrals, purge->deferrals + 1);
	return purge->finishing;
}

/* Do the next deferred free, unmapping at most @most, which is updated.  Return if it is done. */
static bool finish_next(struct vmap_purge *purge, unsigned long *most)
{
	struct vmap_extent *extent = llist_entry(purge->finishing, struct vmap_extent, lazy);
	unsigned long size = extent->size;

	lockdep_assert_held(&purge->deferred_lock);
	*most -= unmap_some(purge, extent, *most);
	if (extent->unmapped < vext_end(extent))
		return false;
	if (!charge(purge, size)) {
		if (vpurge_flush(purge))
			merge(purge, THROTTLE_MERGE_BATCH);
		return false;
	}
	purge->finishing = llist_next(purge->finishing);
	add_lazy(purge, extent);
	atomic_long_sub(size, &purge->deferred_units);
	return true;
}

/**
 * vpurge_deferred() - do some deferred frees, or a part of one, or purge a little for the next
 * @purge: the arena
 *
 * Context: process, may sleep.
 * Return: false if none is deferred.
 */
bool vpurge_deferred(struct vmap_purge *purge)
{
	unsigned long most = UNMAP_BATCH;
	unsigned int left = THROTTLE_MERGE_FREE;
	bool any = false;

	mutex_lock(&purge->deferred_lock);
	while (left-- && take_deferred(purge)) {
		any = true;
		if (!finish_next(purge, &most))
			break;
	}
	mutex_unlock(&purge->deferred_lock);
	cond_resched();
	return any;
}

/* Unmap all of an extent; return false if it is more than may be done here. */
static bool unmap_here(struct vmap_purge *purge, struct vmap_extent *extent)
{
	if (!vctx_may_call_mm() || (extent->size > UNMAP_BATCH && !vctx_may_wait()))
		return false;
	while (unmap_some(purge, extent, UNMAP_BATCH) && extent->unmapped < vext_end(extent))
		cond_resched();
	return true;
}

/*
 * Free an extent that nobody can find any more.  The caller counts the free afterwards.  Return how
 * many pages were unmapped here.
 */
unsigned long vpurge_free(struct vmap_purge *purge, struct vmap_extent *extent)
{
	unsigned int rounds = THROTTLE_ROUNDS;
	unsigned long pages;
	bool done;

	WRITE_ONCE(extent->state, VMAP_FREEING);
	WRITE_ONCE(extent->unmapped, extent->start);
	if (unlikely(vpurge_wants_help(purge)) && vctx_may_wait())
		vpurge_deferred(purge);
	done = unmap_here(purge, extent);
	pages = done ? vspace_pages_of(&purge->space, extent) : 0;
	while (done && !charge(purge, extent->size)) {
		done = vctx_may_wait() && rounds--;
		if (done)
			make_way(purge);
	}
	if (done)
		add_lazy(purge, extent);
	else
		defer(purge, extent);
	return pages;
}

/* Is there something to do that frees wait for, or are deferred for, and that can be done now? */
static bool is_urgent(const struct vmap_purge *purge)
{
	if (is_at_limit(purge))
		return data_race(purge->flushed) || !llist_empty(&purge->lazy_list);
	return deferred_units(purge);
}

/* Let others run: for a while, if nobody waits for what comes next or if it cannot be done yet. */
static void pause(const struct vmap_purge *purge)
{
	if (is_urgent(purge))
		cond_resched();
	else
		schedule_timeout_idle(1);
}

/*
 * Give back some of the spares that a burst of merging left over.  A range arena keeps its extents
 * until it is destroyed, so that one freed twice can be told by a look at it.
 */
static bool trim_a_little(struct vmap_purge *purge)
{
	return purge->space.memory && vspace_trim_spares(&purge->space, SPARES_KEEP, TRIM_BATCH);
}

/* Has it been long enough since the last flush for one that gains little? */
static bool is_flush_due(const struct vmap_purge *purge)
{
	return time_after_eq(jiffies, READ_ONCE(purge->flushed_at) + HZ / THROTTLE_FLUSH_RATE);
}

/* Is what is lazy to be flushed now? */
static bool wants_flush(const struct vmap_purge *purge)
{
	return wants_purge(purge) ||
	       (vspace_is_low(&purge->space) && (vpurge_is_worth_a_flush(purge) ||
						 is_flush_due(purge) || READ_ONCE(purge->starved)));
}

/* Will it be later on? */
static bool awaits_flush(const struct vmap_purge *purge)
{
	return vspace_is_low(&purge->space) && !llist_empty(&purge->lazy_list);
}

/* Do what was deferred, flush if need be, merge; a little of each.  Return whether to go on. */
static bool purge_a_little(struct vmap_purge *purge)
{
	bool deferred = vpurge_deferred(purge);

	if (wants_flush(purge))
		vpurge_flush(purge);
	return merge(purge, THROTTLE_MERGE_BATCH) || deferred || wants_purge(purge) ||
	       awaits_flush(purge) || trim_a_little(purge);
}

/* As long as calls come they merge, too, and below the limit nobody waits for this. */
static void purge_work(struct work_struct *work)
{
	struct vmap_purge *purge = container_of(work, struct vmap_purge, purge_work);

	while (purge_a_little(purge))
		pause(purge);
}

/* Do all that was deferred before the call: of the generation in hand, and of the next. */
static void finish_all_deferred(struct vmap_purge *purge)
{
	unsigned long first;

	mutex_lock(&purge->deferred_lock);
	first = purge->deferrals;
	mutex_unlock(&purge->deferred_lock);
	while (READ_ONCE(purge->deferrals) - first < 2 && vpurge_deferred(purge))
		pause(purge);
}

/* The same for what was lazy. */
static void merge_all_lazy(struct vmap_purge *purge)
{
	unsigned long first;

	mutex_lock(&purge->purge_lock);
	first = purge->flushes;
	mutex_unlock(&purge->purge_lock);
	while (READ_ONCE(purge->flushes) - first < 2 && vpurge_flush(purge)) {
		merge(purge, THROTTLE_MERGE_BATCH);
		cond_resched();
	}
}

/**
 * vpurge_all() - purge; on return all that was lazy or deferred before the call is free
 * @purge: the arena
 *
 * Context: process, may sleep.
 */
void vpurge_all(struct vmap_purge *purge)
{
	finish_all_deferred(purge);
	merge_all_lazy(purge);
	vpurge_kick(purge);
}

/* Begin without anything lazy or deferred, on a space that has begun. */
void vpurge_init(struct vmap_purge *purge)
{
	init_llist_head(&purge->lazy_list);
	init_llist_head(&purge->deferred_list);
	mutex_init(&purge->deferred_lock);
	mutex_init(&purge->purge_lock);
	INIT_WORK(&purge->purge_work, purge_work);
}
