/* SPDX-License-Identifier: GPL-2.0 */
/*
 * take.h - the hot paths of finding room
 *
 * See the theory statement in take.c.
 */
#ifndef TAKE_H
#define TAKE_H

#include "cache.h"

/* take.c */
struct vmap_extent *vtake_slow(struct vmap_cache *cache, struct free_search *search, gfp_t gfp,
			       const void *caller);
void vtake_failed(struct vmap_cache *cache, unsigned long size, unsigned long align, gfp_t gfp,
		  int err, const void *caller);

/* ahead.c */
void vtake_keep_reserve(struct vmap_cache *cache, gfp_t gfp);
void vtake_upkeep(struct work_struct *work);
void vtake_recount_lost(struct vmap_cache *cache);

/* Pay a little of what is flushed; more if there is hardly any room. */
static inline void vtake_merge(struct vmap_cache *cache)
{
	bool low = vspace_is_low(&cache->purge.space);

	vpurge_merge(&cache->purge, low ? THROTTLE_MERGE_FREE : THROTTLE_MERGE_ALLOC);
}

/*
 * Take the lowest extent of @size, which nothing else is asked of, from a range arena: nothing is
 * flushed there.  NULL if that takes more than one look at what is free now.
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

/* The same from a memory arena. */
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
 * See to it that the next calls find spares and room.  To be called last: the worker that is woken
 * may get the CPU at once.
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
