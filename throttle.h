/* SPDX-License-Identifier: GPL-2.0 */
/*
 * throttle.h - how hard to purge, from how much is lazy
 *
 * The first threshold is a wish, the second (twice the first) a limit:
 *
 *   below the threshold	nobody purges; frees and allocations merge some of what is flushed
 *   above it			a flush is asked for, and each free merges more than an allocation
 *				can undo, so that purging wins over allocating
 *   above twice it		a free purges first, a few times, or is left to the worker if that
 *				did not do or if it may not sleep
 *
 * What is deferred is held down to the threshold likewise: above it each free, and each allocation
 * past the cache, that can sleep does a part of it first.
 *
 * A free is let through as long as the limit is not reached yet, so lazy units never exceed the
 * limit by more than the extent of one free on each CPU.  A threshold that is lowered may put the
 * limit below what is lazy already: then none is let through until that is purged.  Pure
 * arithmetic; also compiled in user space.
 */
#ifndef THROTTLE_H
#define THROTTLE_H

#include <linux/types.h>

/* Flushed extents that one call merges. */
#define THROTTLE_MERGE_ALLOC	2
#define THROTTLE_MERGE_FREE	8

/*
 * How often a free that finds the limit reached merges so many before it is left to the worker.
 * Once makes room for it and for seven others, so the second time is needed only where more than
 * seven come in between, and four do for a flood of frees on all CPUs.  A free that needs more
 * would pay for a backlog: the limit was lowered, or many small extents add up to it.
 */
#define THROTTLE_ROUNDS		4

/* Flushed extents that the worker merges before it lets others have the lock. */
#define THROTTLE_MERGE_BATCH	16

/*
 * Flushes a second of an arena with hardly any room, whose limit lets no span be imported, if each
 * gains little: they are for callers who may not sleep and may come at any time.  Whoever needs
 * room now has it flushed now.  An interrupt to each CPU every tenth of a second is what a few
 * timers cost.
 */
#define THROTTLE_FLUSH_RATE	10

static inline bool vthrottle_wants_purge(unsigned long lazy, unsigned long threshold)
{
	return lazy > threshold;
}

static inline bool vthrottle_may_free(unsigned long lazy, unsigned long threshold)
{
	return lazy / 2 < threshold;
}

#endif
