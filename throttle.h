/* SPDX-License-Identifier: GPL-2.0 */
/*
 * throttle.h - how hard to purge, given how much is lazy
 *
 * An arena has a threshold.  The limit is twice the threshold.  Lazy units decide what a free does:
 *
 *   up to the threshold	A free purges nothing.  Each allocation past the cache merges
 *				THROTTLE_MERGE_ALLOC flushed extents, THROTTLE_MERGE_FREE if free
 *				space is low.
 *   above the threshold	A free merges THROTTLE_MERGE_FREE flushed extents, more than one
 *				free adds; if no extent is flushed, the free wakes the worker,
 *				which flushes.
 *   from the limit on		A free that may sleep flushes and merges first, THROTTLE_ROUNDS
 *				times at most.  If the limit is still reached then, or if the free
 *				may not sleep, the free is deferred: left to the worker.
 *
 * Deferred units are compared with the same threshold.  While deferred units exceed the threshold,
 * each free that goes past the magazines, and each allocation that goes past the cache, does some
 * deferred frees, if the caller may sleep.
 *
 * A free is charged as long as the limit is not reached, so lazy units exceed the limit by no more
 * than one extent for each CPU.  After the threshold was lowered, lazy units may exceed the new
 * limit by more; then no free is charged until lazy units are below the limit.
 *
 * Locking: none.  This file is arithmetic only, and is compiled in user space, too.
 */
#ifndef THROTTLE_H
#define THROTTLE_H

#include <linux/types.h>

/*
 * Flushed extents that one allocation merges.  Each area is freed once, which makes one extent
 * lazy: to merge 2 is the least that shrinks a backlog of flushed extents.
 */
#define THROTTLE_MERGE_ALLOC	2

/*
 * Flushed extents that one free merges above the threshold.  8 extents shrink a backlog eight times
 * as fast as frees add to it.  Each merge takes some hundred instructions, so one call pays a few
 * thousand at most.
 */
#define THROTTLE_MERGE_FREE	8

/*
 * Rounds of flushing and merging that one free does at the limit before the free is deferred.  The
 * first round makes room for this free and for 7 others.  A second round is needed only if more
 * than 7 other frees were charged in between; 4 rounds suffice while all CPUs free at once.  With
 * more rounds one free would pay for many other frees: after the threshold was lowered, or where
 * the lazy extents are many and small.
 */
#define THROTTLE_ROUNDS		4

/*
 * Flushed extents merged during one hold of space->lock, by the worker or by a call that must have
 * room: as many as a free merges.  8 merges take 2,000 to 2,500 instructions, for which interrupts
 * are off and other CPUs may spin.
 */
#define THROTTLE_MERGE_BATCH	8

/*
 * Flushes in a second that the worker makes ahead of need, each of less than the reserve, in an
 * arena that is low on free space and at its limit.  Callers who may not sleep need that space, and
 * may come at any time; an allocation that may sleep flushes by itself.  10 flushes interrupt each
 * CPU every tenth of a second, as a few timers do.
 */
#define THROTTLE_FLUSH_RATE	10

/* Are @lazy units, or deferred ones, above the threshold? */
static inline bool vthrottle_wants_purge(unsigned long lazy, unsigned long threshold)
{
	return lazy > threshold;
}

/* Are @lazy units below the limit?  lazy / 2 instead of threshold * 2, which may overflow. */
static inline bool vthrottle_may_free(unsigned long lazy, unsigned long threshold)
{
	return lazy / 2 < threshold;
}

#endif
