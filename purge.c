// SPDX-License-Identifier: GPL-2.0
/*
 * purge.c - lazy extents: flush in bulk, merge a few at a time, hold frees back above the limit
 *
 * A free unmaps an extent at once.  Some TLB may still hold the old entries, so the addresses must
 * not be handed out again.  Until every TLB is flushed and the extent is back in the free tree, the
 * extent is lazy (VMAP_LAZY).  A lazy extent is on one of two lists:
 *
 *   lazy_list   not flushed yet; a free pushes the extent without a lock
 *   flushed     no TLB holds the extent any more; the extent waits to be merged into the free tree
 *
 * A flush takes all of lazy_list, flushes the TLB of every CPU, and makes the taken list the
 * flushed list, without a look at more than FLUSH_LOOK extents.  Each allocation past the cache
 * merges a few flushed extents; above the threshold each free does, too.  So no call pays for a
 * backlog of thousands.  If the cache is on and a request has just the size of the next flushed
 * extent, vpurge_reuse() hands that extent out again.
 *
 * Above the threshold a free wakes the purge worker for a flush, and does not wait.  A free at the
 * limit (see throttle.h) and an allocation that finds no room flush by themselves, which takes no
 * longer than to wait for the worker.  The worker merges what the calls leave flushed, one
 * THROTTLE_MERGE_BATCH a jiffy.  The worker makes no pause while lazy units are at the limit or any
 * free is deferred.
 *
 * A free is deferred, left to the worker, in two cases:
 *   - The caller may not free pages (vctx_may_call_mm()), or may not sleep and the extent is
 *     larger than UNMAP_BATCH.  The extent is still mapped then.
 *   - The limit is reached, and the caller may not sleep or has done THROTTLE_ROUNDS rounds.  The
 *     extent is unmapped then, but not charged.  A caller that did the rounds has merged more
 *     extents than the one deferred, so a backlog above a lowered limit shrinks with each free.
 *
 * deferred_units adds up what is deferred.  Above the threshold each call of vpurge_free() that may
 * sleep, and each allocation past the cache that may sleep, first does THROTTLE_MERGE_FREE deferred
 * frees, more than the one free that the call may add.  So only callers that may not sleep push
 * deferred_units over the threshold, by what they free until the worker or a call that may sleep
 * gets a CPU.
 *
 * An arena that is low on free space, and whose limit allows no import, is flushed by the worker
 * ahead of need: at once if more is lazy than the reserve holds or if an allocation that may not
 * sleep has failed (starved), else THROTTLE_FLUSH_RATE times a second.
 *
 * Generations: vpurge_all() ends although other calls add to the backlog meanwhile.  A generation
 * is all that one llist_del_all() takes from lazy_list or from deferred_list.  The next generation
 * is taken only when the one before is done.  What was lazy or deferred when vpurge_all() began
 * belongs to the generation in work or to the next one.  Both are done as soon as two generations
 * were taken since.
 *
 * Invariants:
 *   - an extent goes from lazy to free only after every CPU was flushed;
 *   - an extent on lazy_list or flushed is in state VMAP_LAZY and fully unmapped;
 *   - lazy_units is charged before an extent becomes lazy, and exceeds the limit by no more than
 *     one extent for each CPU; above a limit that was lowered, lazy_units does not grow;
 *   - deferred_units is charged from before an extent is deferred until the extent is lazy;
 *   - no spinlock is held during a flush; space->lock is held for one batch of merges;
 *   - purge_lock is held for one flush; deferred_lock is held for THROTTLE_MERGE_FREE deferred
 *     frees, which unmap UNMAP_BATCH at most.
 *
 * Locking: deferred_lock before purge_lock before space->lock.  purge_lock serialises flushes: its
 * holder finds each lazy extent on lazy_list or on flushed.  The holder of
 * deferred_lock finds each deferred extent on deferred_list or on finishing.  lazy_list and
 * deferred_list are lock-free; flushed is under space->lock.
 */
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "purge.h"
#include "trace.h"

/*
 * The most extents that flush_batch() looks at to limit a flush to a range.  An area and its guard
 * take 2 pages at least, so more than 16 extents cover more than the 32 pages that arch/x86.h
 * flushes one by one (ARCH_FLUSH_SINGLY): all of the TLB is flushed then in any case.
 */
#define FLUSH_LOOK	16

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
 * charge() - add an extent that is about to become lazy to lazy_units
 * @purge: the arena
 * @units: size of the extent
 *
 * Context: any.
 * Return: false, and nothing is charged, if the limit is reached.
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

/* Queue purge_work.  Context: any but NMI. */
void vpurge_kick(struct vmap_purge *purge)
{
	queue_work(vspace_wq, &purge->purge_work);
}

/* The last flushed extent was taken off purge->flushed: the purge has ended.  Under space->lock. */
static noinline void note_purge_end(struct vmap_purge *purge)
{
	u64 took = ktime_get_mono_fast_ns() - purge->began;

	lockdep_assert_held(&purge->space.lock);
	vwatch_add(&purge->space, VWATCH_PURGE, took);
	trace_vmap_purge_end(purge->space.name, took);
}

/* Merge up to @count flushed extents.  Under space->lock.  Return whether any is left. */
bool vpurge_merge(struct vmap_purge *purge, unsigned int count)
{
	struct vmap_extent *extent;
	unsigned long units = 0;

	lockdep_assert_held(&purge->space.lock);
	for (; count && purge->flushed; count--) {
		extent = llist_entry(purge->flushed, struct vmap_extent, lazy);
		purge->flushed = llist_next(purge->flushed);
		VM_WARN_ON_ONCE(extent->state != VMAP_LAZY);
		units += extent->size;
		if (likely(!purge->space.nr_lost) || !vlost_keeps(&purge->space, extent))
			vspace_put(&purge->space, extent);
		purge->purged++;
	}
	if (!units)
		return purge->flushed;
	atomic_long_sub(units, &purge->lazy_units);
	if (unlikely(!purge->flushed))
		note_purge_end(purge);
	return purge->flushed;
}

/*
 * Take the next flushed extent, of which there is one, as it is, if its size is just @size: an
 * extent that is freed and allocated in turn does not go through the tree.  Under space->lock.
 */
struct vmap_extent *vpurge_reuse(struct vmap_purge *purge, unsigned long size)
{
	struct vmap_extent *extent = llist_entry(purge->flushed, struct vmap_extent, lazy);

	lockdep_assert_held(&purge->space.lock);
	if (extent->size != size)
		return NULL;
	purge->flushed = llist_next(purge->flushed);
	atomic_long_sub(size, &purge->lazy_units);
	if (unlikely(!purge->flushed))
		note_purge_end(purge);
	return extent;
}

/* vpurge_merge() for a caller without space->lock. */
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
 * @purge: the arena; lazy_units is already charged with the extent
 * @extent: the extent
 *
 * Context: any.
 */
static void add_lazy(struct vmap_purge *purge, struct vmap_extent *extent)
{
	VM_WARN_ON_ONCE(extent->unmapped != vext_end(extent));
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
 * @extent: the extent, which nobody else can find, unmapped up to extent->unmapped
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

/* Unmap whole chunks, and free their pages. */
static void unmap_chunks(struct vmap_span *span, unsigned long start, unsigned long end)
{
	unsigned long freed, blocks;

	freed = vchunk_unmap(span->window, start, end, &blocks);
	atomic_long_sub(blocks, &span->space->huge_pages);
	vspace_gave_pages(span->space, freed);
}

/* Unmap a part of an area that is not huge, with its guard.  Pages of the area's own are freed. */
static void unmap_pages(struct vmap_purge *purge, const struct vmap_extent *extent,
			struct vmap_window *window, unsigned long start, unsigned long end)
{
	unsigned long freed;

	if (extent->flags & VMAP_EXTENT_RECYCLABLE)
		freed = vstock_unmap(&purge->stock, extent->node_id, window, start,
				     min(end, vext_end(extent) - purge->space.guard));
	else
		freed = vwin_unmap(window, start, end, !(extent->flags & VMAP_EXTENT_FOREIGN));
	vspace_gave_pages(&purge->space, freed);
}

/**
 * unmap_some() - unmap an extent from extent->unmapped on, and free the pages unless foreign
 * @purge: the arena
 * @extent: the extent, in state VMAP_FREEING; extent->unmapped moves on.  In a lost span the pages
 *	    are only counted as lost: the page tables are no longer ours
 * @most: the most units to unmap
 *
 * Context: any in which pages may be freed: vctx_may_call_mm().
 * Return: how many units were unmapped.
 */
static unsigned long unmap_some(struct vmap_purge *purge, struct vmap_extent *extent,
				unsigned long most)
{
	unsigned long start = extent->unmapped, size = min(vext_end(extent) - start, most);
	struct vmap_span *span = vspan_of_live(extent->start);

	if (unlikely(!span))
		vlost_unmap(&purge->space, extent, size);
	else if (unlikely(purge->space.huge))
		unmap_chunks(span, start, start + size);
	else
		unmap_pages(purge, extent, span->window, start, start + size);
	WRITE_ONCE(extent->unmapped, start + size);
	return size;
}

/* Flush the range that up to FLUSH_LOOK extents cover; for a longer list flush all of the TLB. */
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
 * Make sure that the flushed list is not empty.  Return false if lazy_list is empty, too: then only
 * extents that were charged but not pushed yet are lazy.  Under purge_lock.
 */
static bool flush_lazy(struct vmap_purge *purge)
{
	struct llist_node *batch;
	unsigned long flags;
	u64 began;

	lockdep_assert_held(&purge->purge_lock);
	if (data_race(purge->flushed))
		return true;
	WRITE_ONCE(purge->starved, false);
	batch = llist_del_all(&purge->lazy_list);
	if (!batch)
		return false;
	trace_vmap_purge_begin(purge->space.name, lazy_units(purge));
	began = ktime_get_mono_fast_ns();
	/* A chunk that had a page table may be mapped by one entry next: drop the table, too. */
	if (purge->space.huge)
		vwin_flush_all();
	else
		flush_batch(batch);
	vwatch_add(&purge->space, VWATCH_FLUSH, ktime_get_mono_fast_ns() - began);
	flags = vspace_lock(&purge->space);
	purge->flushed = batch;
	purge->began = began;
	WRITE_ONCE(purge->flushes, purge->flushes + 1);
	WRITE_ONCE(purge->flushed_at, jiffies);
	vspace_unlock(&purge->space, flags);
	return true;
}

/**
 * vpurge_flush() - flush lazy extents, unless flushed ones already wait to be merged
 * @purge: the arena
 *
 * Context: process, may sleep; takes purge_lock.
 * Return: false if there was nothing to flush and nothing to merge.
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
 * make_way() - flush and merge, after charge() has failed, so that the next charge() can succeed
 * @purge: the arena
 *
 * Context: process, may sleep.
 */
static void make_way(struct vmap_purge *purge)
{
	vspace_count(&purge->space, throttle_waits);
	trace_vmap_throttle(purge->space.name, lazy_units(purge), READ_ONCE(purge->threshold));
	if (vpurge_flush(purge))
		merge(purge, THROTTLE_MERGE_FREE);
	else
		/* Other CPUs have charged lazy_units but have not pushed their extents yet. */
		schedule_timeout_uninterruptible(1);
}

/*
 * If the generation in finishing is done, take the next one.  Return false if no free is deferred.
 * Under deferred_lock.
 */
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

/*
 * Do the next deferred free; unmap @most units at most, and take what was unmapped off @most.
 * Return false if the free is not done yet.  Under deferred_lock.
 */
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
 * vpurge_deferred() - do up to THROTTLE_MERGE_FREE deferred frees
 * @purge: the arena
 *
 * Unmaps UNMAP_BATCH at most, so one call may do a part of a large free.  At the limit the call
 * flushes and merges instead, so that a later call can charge the next deferred free.
 *
 * Context: process, may sleep; takes deferred_lock, then purge_lock.
 * Return: false if no free is deferred.
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

/* Unmap all of an extent.  Return false, and unmap nothing, if the context does not allow it. */
static bool unmap_here(struct vmap_purge *purge, struct vmap_extent *extent)
{
	if (!vctx_may_call_mm() || (extent->size > UNMAP_BATCH && !vctx_may_wait()))
		return false;
	while (unmap_some(purge, extent, UNMAP_BATCH) && extent->unmapped < vext_end(extent))
		cond_resched();
	return true;
}

/* The shard that an extent of a memory arena belongs to; @first is the first of the arena. */
static struct vmap_purge *home_of(struct vmap_purge *first, const struct vmap_extent *extent)
{
	return likely(!first->space.next) ? first : vpurge_of(vspan_of(extent->start)->space);
}

/**
 * vpurge_free() - free an extent of a memory arena
 * @first: the first shard of the arena
 * @extent: the extent, which nobody else can find: its slot in span->owner is NULL
 *
 * The caller counts the free afterwards: vspace_count_free().
 *
 * Context: any but NMI.
 * Return: how many pages were unmapped here; 0 if the worker unmaps them.
 */
unsigned long vpurge_free(struct vmap_purge *first, struct vmap_extent *extent)
{
	struct vmap_purge *purge = home_of(first, extent);
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

/* Is there work that frees at the limit wait for, or a deferred free, that can be done now? */
static bool is_urgent(const struct vmap_purge *purge)
{
	if (is_at_limit(purge))
		return data_race(purge->flushed) || !llist_empty(&purge->lazy_list);
	return deferred_units(purge);
}

/* Yield the CPU if the next step is urgent; else sleep for a jiffy: no call waits for the step. */
static void pause(const struct vmap_purge *purge)
{
	if (is_urgent(purge))
		cond_resched();
	else
		schedule_timeout_idle(1);
}

/* Was the last flush at least 1 / THROTTLE_FLUSH_RATE seconds ago? */
static bool is_flush_due(const struct vmap_purge *purge)
{
	return time_after_eq(jiffies, READ_ONCE(purge->flushed_at) + HZ / THROTTLE_FLUSH_RATE);
}

/* Should the worker flush now: above the threshold, or because free space is low? */
static bool wants_flush(const struct vmap_purge *purge)
{
	return wants_purge(purge) ||
	       (vspace_is_low(&purge->space) && (vpurge_is_worth_a_flush(purge) ||
						 is_flush_due(purge) || READ_ONCE(purge->starved)));
}

/* Is a flush due later, when is_flush_due() holds?  Then the worker must not end. */
static bool awaits_flush(const struct vmap_purge *purge)
{
	return vspace_is_low(&purge->space) && !llist_empty(&purge->lazy_list);
}

/*
 * One pass of the worker: do a few deferred frees, flush if need be, merge one batch.  Return
 * whether another pass is needed.
 */
static bool purge_a_little(struct vmap_purge *purge)
{
	bool deferred = vpurge_deferred(purge);

	if (wants_flush(purge))
		vpurge_flush(purge);
	return merge(purge, THROTTLE_MERGE_BATCH) || deferred || wants_purge(purge) ||
	       awaits_flush(purge);
}

/*
 * The function of purge_work.  The worker has no hurry: calls merge flushed extents, too, and below
 * the limit no call waits for the worker.
 */
static void purge_work(struct work_struct *work)
{
	struct vmap_purge *purge = container_of(work, struct vmap_purge, purge_work);

	while (purge_a_little(purge))
		pause(purge);
	vspace_trim_later(&purge->space);
}

/* Finish the generation of deferred frees that is in work, and the next one. */
static void finish_all_deferred(struct vmap_purge *purge)
{
	unsigned long first;

	mutex_lock(&purge->deferred_lock);
	first = purge->deferrals;
	mutex_unlock(&purge->deferred_lock);
	while (READ_ONCE(purge->deferrals) - first < 2 && vpurge_deferred(purge))
		pause(purge);
}

/* Merge the generation of lazy extents that is flushed already, and the next one. */
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
 * vpurge_all() - make everything free that is lazy or deferred when the call begins
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

/* Begin with nothing lazy and nothing deferred; after vspace_init(). */
void vpurge_init(struct vmap_purge *purge)
{
	init_llist_head(&purge->lazy_list);
	init_llist_head(&purge->deferred_list);
	mutex_init(&purge->deferred_lock);
	mutex_init(&purge->purge_lock);
	INIT_WORK(&purge->purge_work, purge_work);
}

/**
 * vpurge_give_stocks() - free the pages of the stocks of all shards; see vstock_give_all()
 * @first: the first shard
 *
 * Context: process, may sleep.
 * Return: how many pages were freed.
 */
unsigned long vpurge_give_stocks(struct vmap_purge *first)
{
	struct vmap_purge *shard;
	unsigned long given = 0;

	vpurge_for_each(shard, first)
		given += vstock_give_all(&shard->stock);
	return given;
}

/* Add up the stocks of all shards; not a snapshot.  Context: any but NMI. */
void vpurge_sum_stocks(struct vmap_purge *first, struct vstock_sums *sums)
{
	struct vmap_purge *shard;

	*sums = (struct vstock_sums){};
	vpurge_for_each(shard, first)
		vstock_sum(&shard->stock, sums);
}
