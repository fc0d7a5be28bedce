// SPDX-License-Identifier: GPL-2.0
/*
 * ahead.c - keeps a reserve of free space, and does the work on spans that no call waits for
 *
 * A caller who may not sleep can neither import a span nor flush.  So a reserve of free space is
 * kept for such callers (vspace_reserve()).  An allocation that finds less free space has the
 * worker import or flush, or flushes by itself: vtake_keep_reserve().
 *
 * The worker (vtake_upkeep(), the function of space->span_work) imports ahead of need, returns idle
 * spans beyond vspan_size, and settles lost spans.  To settle a lost span is the work of this
 * layer, not of lost.c, because the cache must be drained and lazy extents purged first.
 *
 * Locking: no lock is held between the steps; each step takes the locks that it needs.
 */
#include "take.h"

static unsigned long lazy_units(const struct vmap_purge *shard)
{
	return atomic_long_read(&shard->lazy_units);
}

/*
 * Is free space below the reserve even if all lazy units were free, and does the limit allow one
 * more span?
 */
static bool wants_import(const struct vmap_purge *shard)
{
	const struct vmap_space *space = &shard->space;
	unsigned long limit = space->first->limit;

	return data_race(space->tree.units) + lazy_units(shard) < vspace_reserve() &&
	       (!limit || limit - vspace_reserved_in_all(space) >= vspan_size);
}

/**
 * vtake_keep_reserve() - if free space is low, import a span or flush, ahead of need
 * @cache: of a memory arena
 * @gfp: whether the caller may sleep; if so, a flush that fills the reserve is made here, else by
 *	 the purge worker.  An import is always left to the worker of span_work.
 *
 * Context: any but NMI that @gfp allows; takes purge_lock for a flush.
 */
void vtake_keep_reserve(struct vmap_cache *cache, gfp_t gfp)
{
	struct vmap_purge *shard = vcache_shard_here(cache);

	if (likely(!vspace_is_low(&shard->space)))
		return;
	if (wants_import(shard))
		mod_delayed_work(vspace_wq, &shard->space.span_work, 0);
	else if (vpurge_is_worth_a_flush(shard) && gfpflags_allow_blocking(gfp))
		vpurge_flush(shard);
	else if (lazy_units(shard))
		vpurge_kick(shard);
}

/*
 * Settle each span that a shard has lost since the last call: once nothing of the span is cached,
 * lazy or deferred, report its live areas and count them as freed.
 */
static void settle_lost(struct vmap_purge *shard)
{
	struct vmap_span *span;

	while ((span = vlost_next_unsettled(&shard->space))) {
		vcache_drain_all(vcache_of(shard->space.first));
		vpurge_all(shard);
		vlost_drop_areas(&shard->space, span);
	}
}

/* vtake_recount_lost() for one shard. */
static void recount_lost_in(struct vmap_purge *shard)
{
	struct vmap_span *span;

	settle_lost(shard);
	/* Without space->lock: spans are only added to the end of lost_spans until vlost_drop(). */
	list_for_each_entry(span, &shard->space.lost_spans, link)
		vlost_drop_areas(&shard->space, span);
}

/**
 * vtake_recount_lost() - count areas as freed that were published after a lost span was settled
 * @cache: of a memory arena that is being destroyed, or that is searched for leaks
 *
 * An allocation that saw the span alive just before the span was lost may publish its area after
 * settle_lost() went through the span.
 *
 * Context: process, may sleep.
 */
void vtake_recount_lost(struct vmap_cache *cache)
{
	struct vmap_purge *shard;

	vpurge_for_each(shard, &cache->purge)
		recount_lost_in(shard);
}

/* The function of space->span_work. */
void vtake_upkeep(struct work_struct *work)
{
	struct vmap_space *space = container_of(work, struct vmap_space, span_work.work);
	struct vmap_purge *shard = vpurge_of(space);

	if (READ_ONCE(space->nr_lost))
		settle_lost(shard);
	if (wants_import(shard))
		vspan_import(space, vspan_size, data_race(space->imports), GFP_KERNEL);
	vspan_return_idle(space, vspan_size);
}
