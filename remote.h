/* SPDX-License-Identifier: GPL-2.0 */
/*
 * remote.h - extents of a range arena's shard that CPUs of other shards have freed
 *
 * See the theory statement in remote.c.
 */
#ifndef REMOTE_H
#define REMOTE_H

#include <linux/prefetch.h>

#include "space.h"

/*
 * The most extents that wait in a shard, which bounds what one allocation may have to merge.  Twice
 * what comes in a pause (VREMOTE_PAUSE), if another CPU frees what the shard's CPU allocates.
 */
#define VREMOTE_MOST	64U

/*
 * Slots that one hold of space->lock looks at, and so the most extents that it merges: as many as a
 * hold merges elsewhere (THROTTLE_MERGE_FREE).  Their pointers fill a cache line.
 */
#define VREMOTE_BATCH	8U

/*
 * Allocations and frees in a shard between a look that found too few extents and the next one.  A
 * look takes a cache line away from the CPUs that fill it, so it had better not come before four
 * lines are full.
 */
#define VREMOTE_PAUSE	32U

/* The extents that wait in one shard. */
struct vmap_remote {
	/*
	 * The extents, in state VMAP_LAZY; NULL where there is none.  A free fills a slot by
	 * cmpxchg(), without a lock; only the holder of space->lock empties one.
	 */
	struct vmap_extent *slot[VREMOTE_MOST] ____cacheline_aligned_in_smp;

	/* The slot that the next free tries first, modulo VREMOTE_MOST: a hint.  No lock. */
	unsigned int put_at ____cacheline_aligned_in_smp;

	/* Under space->lock. */

	/* The slot that is emptied next, modulo VREMOTE_MOST. */
	unsigned int take_at ____cacheline_aligned_in_smp;
	/* So many slots from take_at on were seen, and their extents prefetched. */
	unsigned int seen;
	/* The turn of vremote_turn() comes when space->tree.changes has got there. */
	unsigned long due;

	/* An extent freed twice, to be reported; set under space->lock, cleared without a lock. */
	struct vmap_extent *twice;
};

static __always_inline struct vmap_extent **vremote_slot(struct vmap_remote *remote,
							 unsigned int at)
{
	return &remote->slot[at % VREMOTE_MOST];
}

/*
 * Take an extent from its holder, who frees it.  Return false unless the extent was busy: so of two
 * frees that come here in the same instant one succeeds.
 */
static __always_inline bool vremote_claim(struct vmap_extent *extent)
{
	return cmpxchg(&extent->state, VMAP_BUSY, VMAP_LAZY) == VMAP_BUSY;
}

/*
 * Leave a claimed extent to the shard.  Return false if the next VREMOTE_BATCH slots are full.  The
 * cmpxchg() pairs with the smp_load_acquire() in put_next().
 */
static __always_inline bool vremote_push(struct vmap_remote *remote, struct vmap_extent *extent)
{
	unsigned int at = READ_ONCE(remote->put_at), end = at + VREMOTE_BATCH;
	struct vmap_extent **slot;

	for (; at != end; at++) {
		slot = vremote_slot(remote, at);
		if (READ_ONCE(*slot) || cmpxchg(slot, NULL, extent))
			continue;
		WRITE_ONCE(remote->put_at, at + 1);
		if (!(at % VREMOTE_BATCH))
			prefetchw(vremote_slot(remote, at + VREMOTE_BATCH));
		return true;
	}
	return false;
}

void vremote_turn(struct vmap_space *space, struct vmap_remote *remote);
void vremote_free(struct vmap_space *space, struct vmap_remote *remote, struct vmap_extent *extent);
unsigned int vremote_merge_all(struct vmap_space *space, struct vmap_remote *remote);
unsigned long vremote_units(const struct vmap_space *space, struct vmap_remote *remote);
void vremote_report_twice(const struct vmap_space *space, struct vmap_remote *remote);

/*
 * The part of an allocation: now and then merge a batch of what waits.  Return whether it was the
 * turn: then vremote_report() must follow.  Under space->lock.
 */
static __always_inline bool vremote_help(struct vmap_space *space, struct vmap_remote *remote)
{
	lockdep_assert_held(&space->lock);
	if (likely((long)(space->tree.changes - remote->due) < 0))
		return false;
	vremote_turn(space, remote);
	return true;
}

/* Report an extent that a merge found freed twice.  Without space->lock. */
static __always_inline void vremote_report(const struct vmap_space *space,
					   struct vmap_remote *remote)
{
	if (unlikely(READ_ONCE(remote->twice)))
		vremote_report_twice(space, remote);
}

#endif
