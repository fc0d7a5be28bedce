/* SPDX-License-Identifier: GPL-2.0 */
/*
 * take.h - finds room: the paths that need one look at the free tree
 *
 * See the theory statement in take.c.
 */
#ifndef TAKE_H
#define TAKE_H

#include "cache.h"

/* take.c */
struct vmap_extent *vtake_slow(struct vmap_cache *cache, struct free_search *search, gfp_t gfp,
			       const void *caller, enum vwatch_path *path);
void vtake_failed(struct vmap_cache *cache, unsigned long size, unsigned long align, gfp_t gfp,
		  int err, const void *caller);

/* ahead.c */
void vtake_keep_reserve(struct vmap_cache *cache, gfp_t gfp);
void vtake_upkeep(struct work_struct *work);
void vtake_recount_lost(struct vmap_cache *cache);

/* Merge a few flushed extents, more of them if free space is low.  Under space->lock. */
static inline void vtake_merge(struct vmap_purge *shard)
{
	bool low = vspace_is_low(&shard->space);

	vpurge_merge(shard, low ? THROTTLE_MERGE_FREE : THROTTLE_MERGE_ALLOC);
}

/*
 * Take the lowest extent of @size that the only shard of a range arena has; no extent is ever lazy
 * there.  NULL if none is large enough or if spares are missing; vtake_slow() makes room.
 */
static __always_inline struct vmap_extent *vtake_fast_range(struct vmap_purge *shard,
							    unsigned long size, const void *caller)
{
	struct vmap_extent *extent;
	unsigned long flags;

	flags = vspace_lock(&shard->space);
	extent = vspace_cut_lowest(&shard->space, size, caller);
	vspace_unlock(&shard->space, flags);
	return extent;
}

/*
 * The same of a range arena of several shards, where a batch of what CPUs of other shards freed may
 * be merged first.
 */
static __always_inline struct vmap_extent *vtake_fast_shard(struct vmap_purge *shard,
							    unsigned long size, const void *caller)
{
	struct vmap_extent *extent;
	unsigned long flags;
	bool turned;

	flags = vspace_lock(&shard->space);
	turned = vremote_help(&shard->space, shard->remote);
	extent = vspace_cut_lowest(&shard->space, size, caller);
	vspace_unlock(&shard->space, flags);
	if (turned)
		vremote_report(&shard->space, shard->remote);
	return extent;
}

/*
 * Take an extent of @size from this CPU's shard of a memory arena: the next flushed extent, if the
 * cache is on and the extent has just @size; else the lowest free one, after merging a few flushed
 * extents.  NULL for the same reasons as vtake_fast_range().
 */
static __always_inline struct vmap_extent *vtake_fast(struct vmap_cache *cache, unsigned long size,
						      const void *caller)
{
	struct vmap_purge *shard = vcache_shard_here(cache);
	struct vmap_extent *extent = NULL;
	unsigned long flags;

	flags = vspace_lock(&shard->space);
	if (shard->flushed) {
		extent = cache->caching ? vpurge_reuse(shard, size) : NULL;
		if (extent)
			vspace_hand_out_new(&shard->space, extent, caller);
		else
			vtake_merge(shard);
	}
	if (!extent)
		extent = vspace_cut_lowest(&shard->space, size, caller);
	vspace_unlock(&shard->space, flags);
	return extent;
}

/* Make sure that the next calls find spares: wake the worker.  As vtake_ahead(), the last step. */
static __always_inline void vtake_spares_ahead(struct vmap_purge *shard)
{
	if (unlikely(data_race(shard->space.spares.count) < VSPACE_SPARES_LOW))
		queue_work(vspace_wq, &shard->space.stock_work);
}

/*
 * Make sure that the next calls find spares and free space: wake the workers, or do some deferred
 * frees here if @gfp allows.  The last step of an allocation, because a worker that is woken may
 * get the CPU at once.
 */
static __always_inline void vtake_ahead(struct vmap_cache *cache, gfp_t gfp)
{
	struct vmap_purge *shard = vcache_shard_here(cache);

	vtake_spares_ahead(shard);
	if (!shard->space.memory)
		return;
	vtake_keep_reserve(cache, gfp);
	if (unlikely(vpurge_wants_help(shard)) && gfpflags_allow_blocking(gfp))
		vpurge_deferred(shard);
}

#endif
