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
static inline void vtake_merge(struct vmap_cache *cache)
{
	bool low = vspace_is_low(&cache->purge.space);

	vpurge_merge(&cache->purge, low ? THROTTLE_MERGE_FREE : THROTTLE_MERGE_ALLOC);
}

/*
 * Take the lowest extent of @size from a range arena, where no extent is ever lazy.  NULL if none
 * is large enough or if spares are missing; vtake_slow() makes room.
 */
static __always_inline struct vmap_extent *vtake_fast_range(struct vmap_cache *cache,
							    unsigned long size, const void *caller)
{
	struct vmap_extent *extent;
	unsigned long flags;

	flags = vspace_lock(&cache->purge.space);
	extent = vspace_cut_lowest(&cache->purge.space, size, caller);
	vspace_unlock(&cache->purge.space, flags);
	return extent;
}

/*
 * Take an extent of @size from a memory arena: the next flushed extent, if the cache is on and the
 * extent has just @size; else the lowest free one, after merging a few flushed extents.  NULL for
 * the same reasons as vtake_fast_range().
 */
static __always_inline struct vmap_extent *vtake_fast(struct vmap_cache *cache, unsigned long size,
						      const void *caller)
{
	struct vmap_extent *extent = NULL;
	unsigned long flags;

	flags = vspace_lock(&cache->purge.space);
	if (cache->purge.flushed) {
		extent = cache->caching ? vpurge_reuse(&cache->purge, size) : NULL;
		if (extent)
			vspace_hand_out_new(&cache->purge.space, extent, caller);
		else
			vtake_merge(cache);
	}
	if (!extent)
		extent = vspace_cut_lowest(&cache->purge.space, size, caller);
	vspace_unlock(&cache->purge.space, flags);
	return extent;
}

/*
 * Make sure that the next calls find spares and free space: wake the workers, or do some deferred
 * frees here if @gfp allows.  The last step of an allocation, because a worker that is woken may
 * get the CPU at once.
 */
static __always_inline void vtake_ahead(struct vmap_cache *cache, gfp_t gfp)
{
	if (unlikely(data_race(cache->purge.space.spares.count) < VSPACE_SPARES_LOW))
		queue_work(vspace_wq, &cache->purge.space.stock_work);
	if (!cache->purge.space.memory)
		return;
	vtake_keep_reserve(cache, gfp);
	if (unlikely(vpurge_wants_help(&cache->purge)) && gfpflags_allow_blocking(gfp))
		vpurge_deferred(&cache->purge);
}

#endif
