// SPDX-License-Identifier: GPL-2.0
/*
 * ahead.c - what is done for a space ahead of need, and behind the callers' backs
 *
 * Callers who may not sleep can neither import nor flush.  For their sake some space is kept free,
 * the reserve: whoever finds less than that free has a span imported or a flush made.  The worker
 * imports, returns what was idle for a while, and settles what is left to do about lost spans:
 * for that the cache must be empty and nothing lazy, so lost.c alone cannot do it.
 *
 * Locking: none held here; each step takes what it needs.
 */
#include "take.h"

static unsigned long lazy_units(const struct vmap_cache *cache)
{
	return atomic_long_read(&cache->purge.lazy_units);
}

/* Is there too little space even if all that is lazy were free, and may a span be imported? */
static bool wants_import(const struct vmap_cache *cache)
{
	const struct vmap_space *space = &cache->purge.space;

	return data_race(space->tree.units) + lazy_units(cache) < vspace_reserve() &&
	       (!space->limit || space->limit - data_race(space->reserved) >= vspan_size);
}

/**
 * vtake_keep_reserve() - see to it that some space is free, by a flush or an import ahead of need
 * @cache: of a memory arena
 * @gfp: whether the caller may sleep; then a flush that is worth it is done here, in time
 *
 * Context: any that @gfp allows.
 */
void vtake_keep_reserve(struct vmap_cache *cache, gfp_t gfp)
{
	if (likely(!vspace_is_low(&cache->purge.space)))
		return;
	if (wants_import(cache))
		mod_delayed_work(vspace_wq, &cache->purge.space.span_work, 0);
	else if (vpurge_is_worth_a_flush(&cache->purge) && gfpflags_allow_blocking(gfp))
		vpurge_flush(&cache->purge);
	else if (lazy_units(cache))
		vpurge_kick(&cache->purge);
}

/* Do what is left to do about spans lost since the last time. */
static void settle_lost(struct vmap_cache *cache)
{
	struct vmap_span *span;

	while ((span = vlost_next_unsettled(&cache->purge.space))) {
		vcache_drain_all(cache);
		vpurge_all(&cache->purge);
		vlost_drop_areas(&cache->purge.space, span);
	}
}

/**
 * vtake_recount_lost() - count as freed what became an area of a lost span after that was settled
 * @cache: of a memory arena about to be destroyed, or of one that is looked through for leaks
 *
 * An allocation that looked just before the span was lost may have ended after.
 *
 * Context: process, may sleep.
 */
void vtake_recount_lost(struct vmap_cache *cache)
{
	struct vmap_span *span;

	settle_lost(cache);
	/* Lost spans stay on the list, where new ones are only added at the end. */
	list_for_each_entry(span, &cache->purge.space.lost_spans, link)
		vlost_drop_areas(&cache->purge.space, span);
}

/* The function of span_work. */
void vtake_upkeep(struct work_struct *work)
{
	struct vmap_space *space = container_of(work, struct vmap_space, span_work.work);
	struct vmap_cache *cache = vcache_of(space);

	if (READ_ONCE(space->nr_lost))
		settle_lost(cache);
	if (wants_import(cache))
		vspan_import(space, vspan_size, data_race(space->imports), GFP_KERNEL);
	vspan_return_idle(space, vspan_size);
}
