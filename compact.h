/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compact.h - the movers of a range arena, and what its compactions have come to
 *
 * See the theory statement in compact.c.
 */
#ifndef COMPACT_H
#define COMPACT_H

#include <linux/atomic.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct task_struct;

/* The movable extents of an arena. */
struct vmap_compaction {
	/*
	 * The struct vmap_mover of each movable extent, by the start of the extent.  Under
	 * space->lock.
	 */
	struct rb_root movers;
	/*
	 * The largest request that has failed since the worker began last, and that work is to make
	 * room for; 0: none.  Under space->lock.
	 */
	unsigned long asked;
	/* Runs compact_in_background(); queued on vcompact_wq by vcompact_ask(). */
	struct work_struct work;
	/* Requests that fail queue work: the module parameter compact.  Constant. */
	bool background;
	/* Movers to be given to the slab, freed where the slab must not be called; lock-free. */
	struct llist_head retired;
	/* Woken after each move, for who waits until an extent is not being moved. */
	wait_queue_head_t moved_one;
	/* Calls of vmap_arena_compact() that are not over; the worker does not count. */
	atomic_t running;

	/*
	 * Covers this group of fields.  Held for one compaction, and so while movers run: taken
	 * before all locks of the layers below, and before those that movers take.
	 */
	struct mutex lock;
	/* The task that holds lock, else NULL; written under lock, read without. */
	struct task_struct *task;
	/* The number of the compaction, from 1 on. */
	unsigned long round;
	/* Deferral: see is_deferred().  The smallest request that failed last; 0: none. */
	unsigned long failed;
	/* 1 << defer_shift requests of that size are needed until one is tried again. */
	unsigned int defer_shift;
	/* Such requests since the last compaction. */
	unsigned int considered;
	/* The counters of struct vmap_arena_stats; read without lock. */
	unsigned long compactions;
	unsigned long deferred;
	unsigned long moved;
	unsigned long moved_units;
	unsigned long refused;
	unsigned long compactions_background;
	unsigned long moved_background;
};

#endif
