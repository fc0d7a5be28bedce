// SPDX-License-Identifier: GPL-2.0
/*
 * take.c - takes extents out of an arena: what take_plain() could not do at once
 *
 * Most requests ask for a size only and find it at the first look (take_plain() in take.h).  The
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

#include "cache.h"
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

/* Put up to @count more spares into the pool.  Return how many were in it then. */
static unsigned long add_spares(struct vmap_arena *arena, unsigned int count, gfp_t gfp)
{
	gfp_t slab_gfp = gfp_for_pages(gfp & EFFORT_FLAGS);
	struct extent_pool fresh = {};
	struct vmap_extent *extent;
	unsigned long flags, got;

	while (fresh.count < count && (extent = kmem_cache_alloc(extent_slab, slab_gfp)))
		extent_pool_push(&fresh, extent);
	flags = arena_lock(arena);
	while ((extent = extent_pool_pop(&fresh)))
		extent_pool_push(&arena->spares, extent);
	got = arena->spares.count;
	arena_unlock(arena, flags);
	return got;
}

/* Have enough spares for one cut.  Return false if there is no memory for them here. */
static bool stock_spares(struct vmap_arena *arena, gfp_t gfp)
{
	return data_race(arena->spares.count) >= FREE_TREE_SPARES ||
	       (may_call_mm() && add_spares(arena, SPARES_REFILL, gfp) >= FREE_TREE_SPARES);
}

/* Fill the pool in time, so that few calls have to ask the slab, which may take long. */
void arena_stock_work(struct work_struct *work)
{
	struct vmap_arena *arena = container_of(work, struct vmap_arena, stock_work);
	unsigned long before, after = 0;

	do {
		before = after;
		after = add_spares(arena, SPARES_REFILL, GFP_KERNEL);
	} while (after > before && after < SPARES_HIGH);
}

static void free_extent(struct rcu_head *rcu)
{
	kmem_cache_free(extent_slab, container_of(rcu, struct vmap_extent, rcu));
}

/* Give an extent to the slab.  One that was an area's may be before the eyes of a look-up. */
static void drop_extent(const struct vmap_arena *arena, struct vmap_extent *extent)
{
	if (arena->memory)
		call_rcu(&extent->rcu, free_extent);
	else
		kmem_cache_free(extent_slab, extent);
}

/* Give the slab what the pool has beyond @keep, but no more than @most.  Return if that was it. */
bool arena_trim_spares(struct vmap_arena *arena, unsigned long keep, unsigned long most)
{
	struct vmap_extent *extent;
	unsigned long flags;

	do {
		extent = NULL;
		flags = arena_lock(arena);
		if (arena->spares.count > keep)
			extent = extent_pool_pop(&arena->spares);
		arena_unlock(arena, flags);
		if (extent)
			drop_extent(arena, extent);
		cond_resched();
	} while (extent && --most);
	return extent;
}

/* One try to find and cut an extent. */
static enum free_found try_take(struct vmap_arena *arena, struct free_search *search,
				const void *caller, struct vmap_extent **extent)
{
	enum free_found found = FREE_AGAIN;
	unsigned long flags;

	flags = arena_lock(arena);
	if (arena->flushed)
		take_merge(arena);
	if (arena->spares.count >= FREE_TREE_SPARES) {
		found = free_tree_find(&arena->tree, search);
		if (found == FREE_FOUND) {
			if (unlikely(span_is_idle(search->extent)))
				span_note_used(arena, search->extent);
			*extent = free_tree_cut(&arena->tree, search, &arena->spares);
			hand_out_new(arena, *extent, caller);
		}
	}
	arena_unlock(arena, flags);
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
	struct cache_drained drained_here;
};

/* Is there a batch to be merged, and has this call not merged enough? */
static bool has_batch(struct vmap_arena *arena, struct effort *effort, bool may_sleep)
{
	if (!may_sleep)
		return data_race(arena->flushed);
	return effort->merges++ < MAX_MERGES && (purge_flush(arena) || purge_deferred(arena));
}

/* Merge a batch.  Return false if there is none, or if enough was merged by this call. */
static bool merge_for_room(struct vmap_arena *arena, struct effort *effort, bool may_sleep)
{
	unsigned long flags;

	if (!arena->memory || !has_batch(arena, effort, may_sleep))
		return false;
	flags = arena_lock(arena);
	purge_merge(arena, THROTTLE_MERGE_BATCH);
	arena_unlock(arena, flags);
	return true;
}

static int import_for_room(struct vmap_arena *arena, const struct free_search *search, gfp_t gfp,
			   struct effort *effort)
{
	unsigned long size;

	if (!arena->memory || effort->imports++ >= MAX_IMPORTS || !import_size(search, &size))
		return -ENOSPC;
	return span_import(arena, size, effort->seen, gfp);
}

/* Give up all that is cached. */
static bool drain_for_room(struct vmap_arena *arena, struct effort *effort)
{
	if (effort->drained)
		return false;
	effort->drained = true;
	cache_drain(arena);
	if (arena->memory)
		purge_all(arena);
	if (arena->limit)
		span_return_idle(arena, 0);
	return true;
}

/*
 * The same where the caller may not sleep: a batch at a time of what is cached here and in the
 * depot.  In a memory arena that would be free only after a flush, so others are told.
 */
static bool drain_at_once(struct vmap_arena *arena, struct effort *effort)
{
	if (!arena->memory)
		return cache_drain_here(arena, &effort->drained_here);
	WRITE_ONCE(arena->starved, true);
	return false;
}

/* Nothing fits.  Do what costs least; return 0 if it is worth another try, else why not. */
static int make_room(struct vmap_arena *arena, struct free_search *search, gfp_t gfp,
		     struct effort *effort)
{
	bool may_sleep = gfpflags_allow_blocking(gfp) && !(arena->memory && gfp_gives_up(gfp));
	int err = -ENOSPC;

	search->reach = 0;
	if (merge_for_room(arena, effort, may_sleep))
		return 0;
	if (!may_sleep)
		return drain_at_once(arena, effort) ? 0 : err;
	err = import_for_room(arena, search, gfp, effort);
	return err && drain_for_room(arena, effort) ? 0 : err;
}

/* Is it a matter of time until there is room for what must not fail?  Then let some pass. */
static bool wait_for_room(const struct vmap_arena *arena, const struct free_search *search,
			  gfp_t gfp)
{
	unsigned long size;

	if (!gfp_waits(gfp) || !arena->memory || !import_size(search, &size) ||
	    (arena->limit && ALIGN(size, WINDOW_GRAIN) > arena->limit))
		return false;
	schedule_timeout_uninterruptible(1);
	return true;
}

/**
 * take_hard() - take the lowest extent that fits, making room if need be
 * @arena: the arena
 * @search: what is asked for; reach 0
 * @gfp: whether it may sleep, and how to get memory for the bookkeeping
 * @caller: to be noted
 *
 * Context: any that @gfp allows.
 * Return: the extent, busy, or an ERR_PTR: -ENOSPC, -ENOMEM.  With __GFP_NOFAIL, where it may
 * sleep, a memory arena gives an ERR_PTR only for more than its limit or the memory.
 */
struct vmap_extent *take_hard(struct vmap_arena *arena, struct free_search *search, gfp_t gfp,
			      const void *caller)
{
	struct vmap_extent *extent = NULL;
	unsigned long changes = 0;
	unsigned int restarts = 0;
	struct effort effort = {};
	int err;

	for (;;) {
		if (!stock_spares(arena, gfp))
			return ERR_PTR(-ENOMEM);
		effort.seen = data_race(arena->imports);
		if (!search->reach)
			changes = data_race(arena->tree.changes);
		switch (try_take(arena, search, caller, &extent)) {
		case FREE_FOUND:
			return extent;
		case FREE_AGAIN:
			if (gfpflags_allow_blocking(gfp))
				cond_resched();
			continue;
		case FREE_NONE:
			if (data_race(arena->tree.changes) != changes &&
			    restarts++ < MAX_RESTARTS) {
				search->reach = 0;
				continue;
			}
			err = make_room(arena, search, gfp, &effort);
			if (!err)
				continue;
			if (!wait_for_room(arena, search, gfp))
				return ERR_PTR(err);
			effort = (struct effort){};
			restarts = 0;
		}
	}
}
