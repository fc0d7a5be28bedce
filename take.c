// SPDX-License-Identifier: GPL-2.0
/*
 * take.c - takes extents out of an arena: what vtake_fast() could not do at once
 *
 * Most requests ask for a size only and find it at the first look (vtake_fast() in take.h).  The
 * others come here: those with an alignment or bounds, whose search may go in several rounds, and
 * those that find no room.
 *
 * If nothing fits, what costs least is done first: lazy extents are flushed and merged, a batch and
 * a look at a time, and where none is lazy deferred frees are done; then a span is imported; then
 * all that is cached is given up, and in an arena with a limit the spans that are idle, so that a
 * larger one may come; only then the allocation fails.  A caller who may not sleep gets what is
 * free or flushed already, and so does, in a memory arena, a task that was killed; in a range arena
 * such a caller gives up what is cached on the CPU, then a batch and a look at a time of the depot.
 *
 * A memory request with __GFP_NOFAIL does not fail then: if others may give back what it needs, it
 * waits a tick and begins anew.
 *
 * Splitting needs up to two spare extents.  They are got before the lock is taken, from a pool that
 * merging fills, so that freeing never needs memory.  A worker fills it in time, so that few calls
 * ask the slab.  Where the slab may not be asked, in atomic context with PREEMPT_RT, what is in the
 * pool has to do.
 *
 * Locking: see arena.h.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "take.h"

/* Spares that a call gets at a time, and up to how many the worker fills the pool. */
#define SPARES_REFILL	4
#define SPARES_HIGH	256

/* Others may free something behind a search that goes in rounds; this often it is repeated. */
#define MAX_RESTARTS	8

/* Others may snatch away what was imported; this often we import again. */
#define MAX_IMPORTS	8

/* Batches merged by one call before it imports, which takes as long as to merge many more. */
#define MAX_MERGES	16

/* Of a caller's flags, those that say how hard to try; the others are about the pages. */
#define EFFORT_FLAGS	(__GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HIGH | __GFP_NORETRY | \
			 __GFP_RETRY_MAYFAIL | __GFP_NOFAIL | __GFP_MEMALLOC | __GFP_NOMEMALLOC)

/* One try to find and cut an extent. */
static enum free_found try_take(struct vmap_cache *cache, struct free_search *search,
				const void *caller, struct vmap_extent **extent)
{
	enum free_found found = FREE_AGAIN;
	unsigned long flags;

	flags = vspace_lock(&cache->purge.space);
	if (cache->purge.flushed)
		vtake_merge(cache);
	if (cache->purge.space.spares.count >= FREE_TREE_SPARES) {
		found = free_tree_find(&cache->purge.space.tree, search);
		if (found == FREE_FOUND) {
			if (unlikely(vspan_is_idle(search->extent)))
				vspan_note_used(&cache->purge.space, search->extent);
			*extent = free_tree_cut(&cache->purge.space.tree, search, &cache->purge.space.spares);
			vspace_hand_out_new(&cache->purge.space, *extent, caller);
		}
	}
	vspace_unlock(&cache->purge.space, flags);
	return found;
}

/* A span of this size holds the request wherever it begins.  vmap() maps no more than the RAM. */
static bool import_size(const struct free_search *search, unsigned long *size)
{
	unsigned long slack = search->align > WINDOW_GRAIN ? search->align - WINDOW_GRAIN : 0;

	return !check_add_overflow(search->size, slack, size) &&
	       *size <= totalram_pages() << PAGE_SHIFT;
}

/*
 * struct effort - what a call has done so far for want of room
 * @merges: batches merged
 * @imports: spans that it tried to import
 * @seen: arena->imports before the last look
 * @drained: the cache was emptied, and idle spans given up if they stand in the way
 * @drained_here: of the cache, where the caller may not sleep
 */
struct effort {
	unsigned int merges;
	unsigned int imports;
	unsigned long seen;
	bool drained;
	struct vmap_cache_drained drained_here;
};

/* Is there a batch to be merged, and has this call not merged enough? */
static bool has_batch(struct vmap_cache *cache, struct effort *effort, bool may_sleep)
{
	if (!may_sleep)
		return data_race(cache->purge.flushed);
	return effort->merges++ < MAX_MERGES &&
	       (vpurge_flush(&cache->purge) || vpurge_deferred(&cache->purge));
}

/* Merge a batch.  Return false if there is none, or if enough was merged by this call. */
static bool merge_for_room(struct vmap_cache *cache, struct effort *effort, bool may_sleep)
{
	unsigned long flags;

	if (!cache->purge.space.memory || !has_batch(cache, effort, may_sleep))
		return false;
	flags = vspace_lock(&cache->purge.space);
	vpurge_merge(&cache->purge, THROTTLE_MERGE_BATCH);
	vspace_unlock(&cache->purge.space, flags);
	return true;
}

static int import_for_room(struct vmap_cache *cache, const struct free_search *search, gfp_t gfp,
			   struct effort *effort)
{
	unsigned long size;

	if (!cache->purge.space.memory || effort->imports++ >= MAX_IMPORTS ||
	    !import_size(search, &size))
		return -ENOSPC;
	return vspan_import(&cache->purge.space, size, effort->seen, gfp);
}

/* Give up all that is cached. */
static bool drain_for_room(struct vmap_cache *cache, struct effort *effort)
{
	if (effort->drained)
		return false;
	effort->drained = true;
	vcache_drain(cache);
	if (cache->purge.space.memory)
		vpurge_all(&cache->purge);
	if (cache->purge.space.limit)
		vspan_return_idle(&cache->purge.space, 0);
	return true;
}

/*
 * The same where the caller may not sleep: a batch at a time of what is cached here and in the
 * depot.  In a memory arena that would be free only after a flush, so others are told.
 */
static bool drain_at_once(struct vmap_cache *cache, struct effort *effort)
{
	if (!cache->purge.space.memory)
		return vcache_drain_here(cache, &effort->drained_here);
	WRITE_ONCE(cache->purge.starved, true);
	return false;
}

/* Nothing fits.  Do what costs least; return 0 if it is worth another try, else why not. */
static int make_room(struct vmap_cache *cache, struct free_search *search, gfp_t gfp,
		     struct effort *effort)
{
	bool may_sleep = gfpflags_allow_blocking(gfp) &&
			 !(cache->purge.space.memory && vgfp_gives_up(gfp));
	int err = -ENOSPC;

	search->reach = 0;
	if (merge_for_room(cache, effort, may_sleep))
		return 0;
	if (!may_sleep)
		return drain_at_once(cache, effort) ? 0 : err;
	err = import_for_room(cache, search, gfp, effort);
	return err && drain_for_room(cache, effort) ? 0 : err;
}

/* Is it a matter of time until there is room for what must not fail?  Then let some pass. */
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
 * vtake_slow() - take the lowest extent that fits, making room if need be
 * @cache: the arena
 * @search: what is asked for; reach 0
 * @gfp: whether it may sleep, and how to get memory for the bookkeeping
 * @caller: to be noted
 *
 * Context: any that @gfp allows.
 * Return: the extent, busy, or an ERR_PTR: -ENOSPC, -ENOMEM.  With __GFP_NOFAIL, where it may
 * sleep, a memory arena gives an ERR_PTR only for more than its limit or the memory.
 */
struct vmap_extent *vtake_slow(struct vmap_cache *cache, struct free_search *search, gfp_t gfp,
			       const void *caller)
{
	struct vmap_extent *extent = NULL;
	unsigned long changes = 0;
	unsigned int restarts = 0;
	struct effort effort = {};
	int err;

	for (;;) {
		if (!vspace_stock_spares(&cache->purge.space, gfp))
			return ERR_PTR(-ENOMEM);
		effort.seen = data_race(cache->purge.space.imports);
		if (!search->reach)
			changes = data_race(cache->purge.space.tree.changes);
		switch (try_take(cache, search, caller, &extent)) {
		case FREE_FOUND:
			return extent;
		case FREE_AGAIN:
			if (gfpflags_allow_blocking(gfp))
				cond_resched();
			continue;
		case FREE_NONE:
			if (data_race(cache->purge.space.tree.changes) != changes &&
			    restarts++ < MAX_RESTARTS) {
				search->reach = 0;
				continue;
			}
			err = make_room(cache, search, gfp, &effort);
			if (!err)
				continue;
			if (!wait_for_room(cache, search, gfp))
				return ERR_PTR(err);
			effort = (struct effort){};
			restarts = 0;
		}
	}
}

/* What stands in the way of a request that must not fail. */
static const char *why_not(const struct vmap_cache *cache, int err, gfp_t gfp)
{
	if (err == -EINVAL)
		return "bad size, alignment or arena";
	if (!gfpflags_allow_blocking(gfp) || !vctx_may_call_mm())
		return "it may not wait";
	return cache->purge.space.memory ? "more than the arena may hold" : "no room in the range";
}

/* Count a request that failed.  One that must not fail is not refused in silence. */
noinline void vtake_failed(struct vmap_cache *cache, unsigned long size, unsigned long align,
			   gfp_t gfp, int err, const void *caller)
{
	vspace_count(&cache->purge.space, fails);
	if (gfp & __GFP_NOFAIL)
		pr_warn_ratelimited(
			"vmap_arena: __GFP_NOFAIL refused to %pS: %s: arena %s, size %lu, alignment %lu, gfp %pGg\n",
			caller, why_not(cache, err, gfp), cache->purge.space.name, size, align,
			&gfp);
}
