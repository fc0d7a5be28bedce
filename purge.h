/* SPDX-License-Identifier: GPL-2.0 */
/*
 * purge.h - the way of an extent from busy to free: what is lazy, and what is deferred
 *
 * See the theory statement in purge.c.
 */
#ifndef PURGE_H
#define PURGE_H

#include <linux/llist.h>

#include "remote.h"
#include "stock.h"
#include "throttle.h"

/*
 * Bytes that a task maps or unmaps between two calls of cond_resched(), and the most bytes that a
 * free unmaps where its caller may not sleep.  To free the pages of 2 MiB takes a small part of a
 * millisecond, and less than one millisecond, a tick at HZ=1000, if init_on_free clears each page.
 * The number is in bytes, not in pages, so that larger pages take no longer to clear.
 */
#define UNMAP_BATCH	(2UL << 20)

/*
 * A shard of an arena: a space, and the extents of the space that are between busy and free.  In a
 * range arena of several shards these are what CPUs of other shards freed.  The shards of an arena
 * share no cache line.
 */
struct vmap_purge {
	struct vmap_space space;
	/* Where the pages of an area of this shard come from, and go when the area is unmapped. */
	struct vmap_stock stock;
	/* In a range arena of several shards: what CPUs of others freed.  Else NULL.  Constant. */
	struct vmap_remote *remote;
	/* In such an arena: the first unit of this shard, and how many it has.  Constant. */
	unsigned long start;
	unsigned long part;

	/* Without a lock; not in a cache line with the stock, which is constant. */

	/*
	 * Lazy units above which purging has priority: this shard's part of the arena's; may be
	 * changed at any time.
	 */
	unsigned long threshold ____cacheline_aligned_in_smp;
	/* Units in lazy_list and in flushed; charged before an extent becomes lazy. */
	atomic_long_t lazy_units;
	/* Units in deferred_list and in finishing; charged before an extent is deferred. */
	atomic_long_t deferred_units;
	/* Lazy extents that some TLB may still hold; the newest first. */
	struct llist_head lazy_list;
	/* Extents whose free could not be done by the free call; the newest first. */
	struct llist_head deferred_list;
	/* An allocation that may not sleep found no room since the last flush began. */
	bool starved;

	/* Under space.lock. */

	/* Lazy extents that no TLB holds any more, to be merged into the free tree. */
	struct llist_node *flushed;
	/* When the flush of these began, in ns. */
	u64 began;
	/* Lazy extents merged since the start. */
	unsigned long purged;

	/*
	 * Serialises deferred frees; held for THROTTLE_MERGE_FREE frees at most.  Taken before
	 * purge_lock.
	 */
	struct mutex deferred_lock;
	/* The generation taken from deferred_list last; under deferred_lock. */
	struct llist_node *finishing;
	/* Generations taken from deferred_list since the start; written under deferred_lock. */
	unsigned long deferrals;

	/* Serialises flushes; held for one flush.  Taken before space.lock. */
	struct mutex purge_lock;
	/* Flushes since the start; written under purge_lock. */
	unsigned long flushes;
	/* The jiffies at the end of the last flush; written under purge_lock. */
	unsigned long flushed_at;

	/* The purge worker: does deferred frees, flushes and merges when no call does. */
	struct work_struct purge_work;
} ____cacheline_aligned_in_smp;

/* The shard whose space @space is. */
static __always_inline struct vmap_purge *vpurge_of(struct vmap_space *space)
{
	return container_of(space, struct vmap_purge, space);
}

/* The shard after @shard, or NULL. */
static inline struct vmap_purge *vpurge_next(struct vmap_purge *shard)
{
	return shard->space.next ? vpurge_of(shard->space.next) : NULL;
}

/* Go through all shards of an arena, of which @first_shard is the first. */
#define vpurge_for_each(shard, first_shard)	\
	for ((shard) = (first_shard); (shard); (shard) = vpurge_next(shard))

void vpurge_init(struct vmap_purge *purge);
void vpurge_kick(struct vmap_purge *purge);
unsigned long vpurge_free(struct vmap_purge *first, struct vmap_extent *extent);
bool vpurge_merge(struct vmap_purge *purge, unsigned int count);
struct vmap_extent *vpurge_reuse(struct vmap_purge *purge, unsigned long size);
bool vpurge_flush(struct vmap_purge *purge);
bool vpurge_deferred(struct vmap_purge *purge);
void vpurge_all(struct vmap_purge *purge);
unsigned long vpurge_give_stocks(struct vmap_purge *first);
void vpurge_sum_stocks(struct vmap_purge *first, struct vstock_sums *sums);

/* Is so much deferred that each call that may sleep must do some deferred frees first? */
static __always_inline bool vpurge_wants_help(const struct vmap_purge *purge)
{
	return vthrottle_wants_purge(atomic_long_read(&purge->deferred_units),
				     READ_ONCE(purge->threshold));
}

/* Is more lazy than the reserve holds, so that one flush fills the reserve? */
static inline bool vpurge_is_worth_a_flush(const struct vmap_purge *purge)
{
	return atomic_long_read(&purge->lazy_units) > vspace_reserve();
}

#endif
