// SPDX-License-Identifier: GPL-2.0
/*
 * take.c - takes extents out of an arena that vtake_fast() could not take at once
 *
 * Most requests have a size and no more, and vtake_fast() (take.h) finds room at its one look at
 * the free tree of this CPU's shard, the request's own.  vtake_slow() serves the other requests:
 * those with an alignment or bounds, whose search may take several rounds (free_tree_find()), and
 * requests that find no room.
 *
 * If nothing fits, make_room() does one step, the cheapest that is left, before each new search:
 *
 *   1. In a memory arena merge a batch of flushed extents of the shard that was searched.  If none
 *      is flushed, flush the lazy ones; if none is lazy, do some deferred frees.  MAX_MERGES
 *      batches for each call.  In a range arena of several shards merge all that CPUs of other
 *      shards have freed (remote.c), once for each search of the shard.
 *   2. Go on to the next shard, until all were searched since step 3 or 4.
 *   3. In a memory arena import a span into the own shard.  MAX_IMPORTS for each call.
 *   4. Once for each call: free all cached extents, and return idle spans if the arena has a limit,
 *      so that a larger span fits below the limit.
 *   5. Fail.
 *
 * A caller who may not sleep only merges what is flushed already; so does, in a memory arena, a
 * task that was killed.  In a range arena a caller who may not sleep frees the extents cached on
 * this CPU, then extents in the depots, a batch before each new search.
 *
 * With __GFP_NOFAIL a memory request that may sleep does not fail at step 5: wait_for_room() lets a
 * jiffy pass, in which other tasks may free, and the steps begin anew.
 *
 * Each cut needs up to FREE_TREE_SPARES spares, which are allocated before space->lock is taken:
 * see spares.c.
 *
 * Locking: space->lock is held for one search and cut, or for one batch; no lock is held between
 * the steps.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "take.h"

/*
 * How often a search is repeated because the tree changed during the search: other CPUs may free an
 * extent below the point that a search in rounds has reached.  While frees go on each search may
 * miss one, so the number is bounded; 8 searches that all miss are improbable.
 */
#define MAX_RESTARTS	8

/*
 * How often one call imports: other CPUs may take the space of a new span before the call that has
 * imported the span.  Each import takes milliseconds and adds a span, so 8 bound both for one call.
 */
#define MAX_IMPORTS	8

/*
 * Batches that one call merges before it imports a span.  16 batches are 256 extents, which take
 * less time than the milliseconds of an import; more would delay the import that may be needed.
 */
#define MAX_MERGES	16

/*
 * One round of a search in a shard, and the cut if the search has found an extent.  FREE_AGAIN also
 * if other CPUs have used up the spares.
 */
static enum free_found try_take(struct vmap_purge *shard, struct free_search *search,
				const void *caller, struct vmap_extent **extent)
{
	enum free_found found = FREE_AGAIN;
	unsigned long flags;

	flags = vspace_lock(&shard->space);
	if (shard->flushed)
		vtake_merge(shard);
	if (shard->remote && !search->reach)
		vremote_help(&shard->space, shard->remote);
	if (vspace_may_cut(&shard->space)) {
		found = free_tree_find(&shard->space.tree, search);
		if (found == FREE_FOUND) {
			if (unlikely(vspan_is_idle(search->extent)))
				vspan_note_used(&shard->space, search->extent);
			*extent = free_tree_cut(&shard->space.tree, search, &shard->space.spares);
			vspace_hand_out_new(&shard->space, *extent, caller);
		}
	}
	vspace_unlock(&shard->space, flags);
	if (shard->remote)
		vremote_report(&shard->space, shard->remote);
	return found;
}

/*
 * Set @size to that of a span which holds the request wherever the span begins.  Return false for
 * more than the RAM, which vmap() does not map.
 */
static bool import_size(const struct free_search *search, unsigned long *size)
{
	unsigned long slack = search->align > WINDOW_GRAIN ? search->align - WINDOW_GRAIN : 0;

	return !check_add_overflow(search->size, slack, size) &&
	       *size <= totalram_pages() << PAGE_SHIFT;
}

/* What one call has done so far to make room. */
struct effort {
	/* The shard of the CPU on which the call began. */
	struct vmap_purge *own;
	/* The shard that is searched, and how often its search began anew. */
	struct vmap_purge *shard;
	unsigned int restarts;
	/* What CPUs of other shards have freed of the shard that is searched was merged. */
	bool collected;
	/* Batches that the call has merged or tried to merge. */
	unsigned int merges;
	/* Spans that the call has imported or tried to import. */
	unsigned int imports;
	/*
	 * imports of the own space before its last search: tells vspan_import() of imports by other
	 * calls.
	 */
	unsigned long seen;
	/* drain_for_room() is done. */
	bool drained;
	/* How far vcache_drain_here() has come. */
	struct vmap_cache_drained drained_here;
};

static struct effort begin_effort(struct vmap_cache *cache)
{
	struct vmap_purge *own = vcache_shard_here(cache);

	return (struct effort){ .own = own, .shard = own };
}

/* Is there a flushed batch, flushed here if the caller may sleep?  False after MAX_MERGES. */
static bool has_batch(struct effort *effort, bool may_sleep)
{
	if (!may_sleep)
		return data_race(effort->shard->flushed);
	return effort->merges++ < MAX_MERGES &&
	       (vpurge_flush(effort->shard) || vpurge_deferred(effort->shard));
}

/* Step 1 in a range arena of several shards.  Return false if nothing was merged, or again. */
static bool collect_for_room(struct effort *effort)
{
	bool before = effort->collected;

	effort->collected = true;
	return !before && vremote_merge_all(&effort->shard->space, effort->shard->remote);
}

/* Step 1: merge a batch.  Return false if there is none, or after MAX_MERGES. */
static bool merge_for_room(struct effort *effort, bool may_sleep)
{
	struct vmap_purge *shard = effort->shard;
	unsigned long flags;

	if (shard->remote)
		return collect_for_room(effort);
	if (!shard->space.memory || !has_batch(effort, may_sleep))
		return false;
	flags = vspace_lock(&shard->space);
	vpurge_merge(shard, THROTTLE_MERGE_BATCH);
	vspace_unlock(&shard->space, flags);
	return true;
}

/* Step 2: the next shard.  Return false if that is the own one again: all were searched. */
static bool go_to_next_shard(struct vmap_cache *cache, struct effort *effort)
{
	effort->shard = vpurge_next(effort->shard) ?: &cache->purge;
	effort->collected = false;
	if (effort->shard == effort->own)
		return false;
	effort->restarts = 0;
	return true;
}

/* Step 3: import a span.  Return 0 if this call or another one has imported, else an error. */
static int import_for_room(const struct free_search *search, gfp_t gfp, struct effort *effort)
{
	struct vmap_space *space = &effort->own->space;
	unsigned long size;

	if (!space->memory || effort->imports++ >= MAX_IMPORTS || !import_size(search, &size))
		return -ENOSPC;
	return vspan_import(space, size, effort->seen, gfp);
}

/* Make all free that is lazy, and return idle spans below a limit. */
static void purge_for_room(struct vmap_purge *shard)
{
	if (shard->space.memory)
		vpurge_all(shard);
	if (shard->space.first->limit)
		vspan_return_idle(&shard->space, 0);
}

/* Step 4: free all cached extents, and return idle spans below a limit.  False the second time. */
static bool drain_for_room(struct vmap_cache *cache, struct effort *effort)
{
	struct vmap_purge *shard;

	if (effort->drained)
		return false;
	effort->drained = true;
	vcache_drain(cache);
	vpurge_for_each(shard, &cache->purge)
		purge_for_room(shard);
	return true;
}

/*
 * Step 4 where the caller may not sleep: in a range arena free a batch of cached extents.  In a
 * memory arena the extents would be free only after a flush, so set starved, which makes the worker
 * flush at once.
 */
static bool drain_at_once(struct vmap_cache *cache, struct effort *effort)
{
	struct vmap_purge *shard;

	if (!cache->purge.space.memory)
		return vcache_drain_here(cache, &effort->drained_here);
	vpurge_for_each(shard, &cache->purge) {
		WRITE_ONCE(shard->starved, true);
		/* For its own shard the call wakes the worker in the end: vtake_ahead(). */
		if (shard != effort->own)
			vpurge_kick(shard);
	}
	return false;
}

/* Nothing fits: do the next step.  Return 0 if a new search is worthwhile, else the error. */
static int make_room(struct vmap_cache *cache, struct free_search *search, gfp_t gfp,
		     struct effort *effort)
{
	bool may_sleep = gfpflags_allow_blocking(gfp) &&
			 !(cache->purge.space.memory && vgfp_gives_up(gfp));
	int err = -ENOSPC;

	search->reach = 0;
	if (merge_for_room(effort, may_sleep) || go_to_next_shard(cache, effort))
		return 0;
	if (!may_sleep)
		return drain_at_once(cache, effort) ? 0 : err;
	err = import_for_room(search, gfp, effort);
	return err && drain_for_room(cache, effort) ? 0 : err;
}

/*
 * Wait a jiffy if the request must not fail and can be met as soon as other tasks free.  Return
 * false without a wait if no free can help: the request exceeds the limit or the RAM.
 */
static bool wait_for_room(const struct vmap_cache *cache, const struct free_search *search,
			  gfp_t gfp)
{
	unsigned long size;

	if (!vgfp_waits(gfp) || !cache->purge.space.memory || !import_size(search, &size) ||
	    (cache->purge.space.limit && ALIGN(size, WINDOW_GRAIN) > cache->purge.space.limit))
		return false;
	schedule_timeout_uninterruptible(1);
	return true;
}

/**
 * vtake_slow() - take the lowest extent that fits in a shard, and make room if none fits in any
 * @cache: the arena
 * @search: the request; search->reach is 0
 * @gfp: whether the call may sleep, and how to get memory for spares and spans
 * @caller: who allocates: becomes extent->caller
 * @path: set to VWATCH_IMPORT if the call has tried to import a span, else to VWATCH_TREE
 *
 * Context: any but NMI that @gfp allows; takes space->lock.
 * Return: the extent, busy, or an ERR_PTR: -ENOSPC if nothing fits, -ENOMEM.  With __GFP_NOFAIL and
 * where the call may sleep, a memory arena returns an ERR_PTR only for more than its limit or more
 * than the RAM.
 */
struct vmap_extent *vtake_slow(struct vmap_cache *cache, struct free_search *search, gfp_t gfp,
			       const void *caller, enum vwatch_path *path)
{
	struct vmap_extent *extent = NULL;
	unsigned long changes = 0;
	struct effort effort = begin_effort(cache);
	struct vmap_space *space;
	int err;

	for (;;) {
		space = &effort.shard->space;
		if (!vspace_stock_spares(space, gfp)) {
			if (!go_to_next_shard(cache, &effort))
				return ERR_PTR(-ENOMEM);
			search->reach = 0;
			continue;
		}
		if (effort.shard == effort.own)
			effort.seen = data_race(space->imports);
		if (!search->reach)
			changes = data_race(space->tree.changes);
		switch (try_take(effort.shard, search, caller, &extent)) {
		case FREE_FOUND:
			*path = effort.imports ? VWATCH_IMPORT : VWATCH_TREE;
			return extent;
		case FREE_AGAIN:
			if (gfpflags_allow_blocking(gfp))
				cond_resched();
			continue;
		case FREE_NONE:
			if (data_race(space->tree.changes) != changes &&
			    effort.restarts++ < MAX_RESTARTS) {
				search->reach = 0;
				continue;
			}
			err = make_room(cache, search, gfp, &effort);
			if (!err)
				continue;
			if (!wait_for_room(cache, search, gfp))
				return ERR_PTR(err);
			effort = begin_effort(cache);
		}
	}
}

/* Why a request with __GFP_NOFAIL is refused. */
static const char *why_not(const struct vmap_cache *cache, int err, gfp_t gfp)
{
	if (err == -EINVAL)
		return "bad size, alignment or arena";
	if (!gfpflags_allow_blocking(gfp) || !vctx_may_call_mm())
		return "it may not wait";
	return cache->purge.space.memory ? "more than the arena may hold" : "no room in the range";
}

/* Count a request that failed, and warn if the request has __GFP_NOFAIL. */
noinline void vtake_failed(struct vmap_cache *cache, unsigned long size, unsigned long align,
			   gfp_t gfp, int err, const void *caller)
{
	vspace_count(&cache->purge.space, fails);
	if (gfp & __GFP_NOFAIL)
		pr_warn_ratelimited("vmap_arena: __GFP_NOFAIL refused to %pS: %s: arena %s, size %lu, alignment %lu, gfp %pGg\n",
				    caller, why_not(cache, err, gfp), cache->purge.space.name,
				    size, align, &gfp);
}
