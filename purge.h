/* SPDX-License-Identifier: GPL-2.0 */
/*
 * purge.h - the way of an extent from busy to free: what is lazy, and what is deferred
 *
 * See the theory statement in purge.c.
 */
#ifndef PURGE_H
#define PURGE_H

#include <linux/llist.h>

#include "space.h"
#include "throttle.h"

/*
 * So much is mapped or unmapped before others may run, and no more is unmapped where they may not.
 * The pages of 2 MiB are freed in a small part of a millisecond, and in less than one if each is
 * cleared (init_on_free): a tick of the fastest clock.  It is told in bytes, so that larger pages
 * take no longer to clear.
 */
#define UNMAP_BATCH	(2UL << 20)

/* A space, and what is on its way to be free there. */
struct vmap_purge {
	struct vmap_space space;

	/* Lazy bytes above which purging has priority; may be changed at any time. */
	unsigned long threshold;
	/* Units in lazy_list and in flushed; charged before an extent becomes lazy. */
	atomic_long_t lazy_units;
	/* Units in deferred_list and in finishing; charged before an extent is deferred. */
	atomic_long_t deferred_units;

	/* Lazy extents that some TLB may still hold; lock-free. */
	struct llist_head lazy_list;
	/* Extents freed where the free could not be done; lock-free. */
	struct llist_head deferred_list;

	/* Lazy extents that no TLB holds any more, to be merged; under space.lock. */
	struct llist_node *flushed;
	/* Lazy extents merged since the start; under space.lock. */
	unsigned long purged;

	/* One task at a time does deferred frees, a few: taken before purge_lock. */
	struct mutex deferred_lock;
	/* Taken from deferred_list, to be done before more are; under deferred_lock. */
	struct llist_node *finishing;
	/* How often some were taken since the start; written under deferred_lock. */
	unsigned long deferrals;

	/* One flush at a time, and held no longer than that: its holder finds no flush half done. */
	struct mutex purge_lock;
	/* Flushes since the start; written under purge_lock. */
	unsigned long flushes;
	/* When the last flush was, in jiffies; written under purge_lock. */
	unsigned long flushed_at;
	/* An allocation that may not sleep found no room since the last flush. */
	bool starved;

	/* Does the deferred frees, and purges what nobody else does. */
	struct work_struct purge_work;
};

void vpurge_init(struct vmap_purge *purge);
void vpurge_kick(struct vmap_purge *purge);
unsigned long vpurge_free(struct vmap_purge *purge, struct vmap_extent *extent);
bool vpurge_merge(struct vmap_purge *purge, unsigned int count);
struct vmap_extent *vpurge_reuse(struct vmap_purge *purge, unsigned long size);
bool vpurge_flush(struct vmap_purge *purge);
bool vpurge_deferred(struct vmap_purge *purge);
void vpurge_all(struct vmap_purge *purge);

/* Is so much deferred that whoever can sleep is to do a part of it? */
static __always_inline bool vpurge_wants_help(const struct vmap_purge *purge)
{
	return vthrottle_wants_purge(atomic_long_read(&purge->deferred_units),
				     READ_ONCE(purge->threshold));
}

/* Would a flush more than fill the reserve? */
static inline bool vpurge_is_worth_a_flush(const struct vmap_purge *purge)
{
	return atomic_long_read(&purge->lazy_units) > vspace_reserve();
}

#endif
