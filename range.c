// SPDX-License-Identifier: GPL-2.0
/*
 * range.c - the extent calls: what a range arena hands out
 *
 * A range arena has neither pages nor page tables, so no extent waits for a flush: a free puts the
 * extent into this CPU's magazine (cache.c), else straight back into the free tree.  An allocation
 * takes an extent of the same size from the magazine, else the lowest extent that fits; where that
 * is not to be had at once, one of the reserve (slots.c), if the arena has a reserve.
 *
 * A caller names an extent by its pointer, and may hand in a stale one.  An extent that is not busy
 * in the arena is reported, and nothing changes.  To read a stale extent is safe, because a range
 * arena gives no extent back to the slab before the arena is destroyed.
 *
 * A holder may have its extent marked movable (compact.c).  Then extent->state is not VMAP_BUSY but
 * VMAP_MOVABLE: so the fast free needs no test for it, and each free of the extent takes
 * space->lock, under which compaction reads and writes the state.
 *
 * An arena may have several shards (shards.c): then an allocation takes the lowest extent of this
 * CPU's shard, and a free puts the extent back where it belongs: a CPU of that shard into the tree,
 * any other CPU into a slot, which costs no lock (remote.c).
 *
 * Locking: space->lock for the tree; a magazine is used with interrupts off.  A busy extent belongs
 * to its holder: no lock covers extent->state, so two CPUs that free one extent in the same instant
 * by way of their magazines may both succeed.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/log2.h>
#include <linux/math.h>

#include "calls.h"

/* Count a request as an allocation, or as a failure if @extent is an ERR_PTR.  Return @extent. */
static struct vmap_extent *note_extent(struct vmap_cache *cache, struct vmap_extent *extent,
				       const struct free_search *search, gfp_t gfp,
				       const void *caller)
{
	if (IS_ERR(extent))
		vtake_failed(cache, search->size, search->align, gfp, PTR_ERR(extent), caller);
	else
		vspace_count(&cache->purge.space, allocs);
	return extent;
}

/*
 * Nothing fits: have what is movable moved for the next such request.  As vtake_ahead(), the last
 * step.  Compaction knows of no bounds, so a request with bounds asks for nothing.
 */
static void ask_for_room(struct vmap_cache *cache, const struct free_search *search)
{
	if (free_tree_within(&cache->purge.space.tree, search->lo, search->hi))
		vcompact_ask(varena_of(cache), search->size, search->align);
}

/* Allocate what @search asks for, past the cache; check and round the request first. */
static noinline struct vmap_extent *
alloc_extent(struct vmap_cache *cache, struct free_search *search, gfp_t gfp, const void *caller)
{
	const struct vmap_space *space = &cache->purge.space;
	unsigned long size = search->size;
	struct vmap_extent *extent;
	u64 began = vwatch_begin();
	enum vwatch_path path;

	if (vbad_refuse_nmi(caller))
		return ERR_PTR(-EINVAL);
	if (space->memory || !size || !is_power_of_2(search->align) || search->lo >= search->hi)
		return note_extent(cache, ERR_PTR(-EINVAL), search, gfp, caller);
	search->size = ALIGN(size, space->quantum);
	search->align = max(search->align, space->quantum);
	if (search->size < size || search->hi - search->lo < search->size)
		extent = ERR_PTR(-ENOSPC);
	else
		extent = vtake_slow(cache, search, gfp, caller, &path);
	note_extent(cache, extent, search, gfp, caller);
	if (!IS_ERR(extent)) {
		extent->align_shift = ilog2(search->align) - space->quantum_shift;
		vwatch_alloc(extent, size, path, began);
	} else if (PTR_ERR(extent) == -ENOSPC) {
		ask_for_room(cache, search);
	}
	return extent;
}

/*
 * Allocate from the reserve, if there is one that serves the request, else by a search.  Not
 * inlined: the search takes stack, which alloc_extent_slow() does not need in most calls.
 */
static noinline struct vmap_extent *alloc_extent_search(struct vmap_cache *cache,
							unsigned long size, unsigned long align,
							gfp_t gfp, const void *caller)
{
	struct free_search search = { .size = size, .align = align, .hi = ULONG_MAX };
	u64 began = vwatch_begin();
	struct vmap_extent *slot;

	slot = vslots_alloc(varena_of(cache), size, align, caller);
	if (!slot)
		return alloc_extent(cache, &search, gfp, caller);
	vwatch_alloc(slot, size, VWATCH_RESERVE, began);
	vtake_ahead(cache, gfp);
	return slot;
}

/* Is each extent of this arena aligned to @align, a power of two, and does the arena cache? */
static __always_inline bool is_cached_align(const struct vmap_cache *cache, unsigned long align)
{
	return align - 1 < data_race(cache->range_align) && !(align & (align - 1));
}

/* The class of a request for @size: quanta, rounded up; 0, no class, if rounding overflows. */
static __always_inline unsigned long range_class(const struct vmap_cache *cache, unsigned long size)
{
	return vspace_quanta(&cache->purge.space, size + cache->purge.space.quantum - 1);
}

/* Does a request for @rounded units, a multiple of the quantum, ask for no alignment beyond it? */
static __always_inline bool is_plain(const struct vmap_space *space, unsigned long rounded,
				     unsigned long align)
{
	return rounded && align - 1 < space->quantum && !(align & (align - 1));
}

/*
 * Allocate the lowest extent that fits: from the tree, or by vtake_slow().  @divided: there are
 * several shards; each caller knows when it is compiled.
 */
static __always_inline struct vmap_extent *alloc_extent_lowest(struct vmap_cache *cache,
							       unsigned long size,
							       unsigned long align, gfp_t gfp,
							       const void *caller, u64 began,
							       bool divided)
{
	const struct vmap_space *space = &cache->purge.space;
	unsigned long rounded = ALIGN(size, space->quantum);
	struct vmap_purge *shard = &cache->purge;
	struct vmap_extent *extent;

	if (likely((divided || !space->memory) && is_plain(space, rounded, align))) {
		if (divided) {
			shard = vcache_shard_here(cache);
			extent = vtake_fast_shard(shard, rounded, caller);
		} else {
			extent = vtake_fast_range(shard, rounded, caller);
		}
		if (likely(extent)) {
			vspace_count(space, allocs);
			vwatch_alloc(extent, size, VWATCH_TREE, began);
			vtake_spares_ahead(shard);
			return extent;
		}
	}
	return alloc_extent_search(cache, size, align, gfp, caller);
}

/* Allocate from this CPU's magazine, while calls are watched.  NULL if that has no extent. */
static noinline struct vmap_extent *alloc_extent_watched(struct vmap_cache *cache,
							 unsigned long size, unsigned long align,
							 const void *caller)
{
	u64 began = vwatch_begin();
	struct vmap_extent *extent;

	if (!is_cached_align(cache, align) ||
	    !vcache_take(cache, range_class(cache, size), &extent))
		return NULL;
	vspace_hand_out(extent, caller);
	vwatch_alloc(extent, size, VWATCH_MAGAZINE, began);
	return extent;
}

/*
 * Note the alignment of a cached extent that is about to be handed out.  A magazine may hand the
 * extent out again to a caller who asks for less: then the note stays, and is true.
 */
static void note_align(const struct vmap_cache *cache, struct vmap_extent *extent,
		       unsigned long align)
{
	if (align > cache->purge.space.quantum)
		extent->align_shift = ilog2(align) - cache->purge.space.quantum_shift;
}

/*
 * Allocate past this CPU's magazine: from the depot, or the lowest extent that fits.  @divided: see
 * alloc_extent_lowest().
 */
static __always_inline struct vmap_extent *alloc_extent_past(struct vmap_cache *cache,
							     unsigned long size,
							     unsigned long align, gfp_t gfp,
							     const void *caller, bool divided)
{
	struct vmap_extent *extent;
	u64 began = vwatch_begin();

	if (vbad_refuse_nmi(caller))
		return ERR_PTR(-EINVAL);
	if (static_branch_unlikely(&vwatch_calls)) {
		extent = alloc_extent_watched(cache, size, align, caller);
		if (extent)
			return extent;
	}
	if (data_race(cache->range_align) && is_power_of_2(align)) {
		extent =
			vcache_take_slow(cache, range_class(cache, size), align, gfp, NUMA_NO_NODE);
		if (extent) {
			note_align(cache, extent, align);
			vspace_hand_out(extent, caller);
			vwatch_alloc(extent, size, VWATCH_DEPOT, began);
			return extent;
		}
	}
	return alloc_extent_lowest(cache, size, align, gfp, caller, began, divided);
}

/* alloc_extent_past() where there are several shards. */
static noinline struct vmap_extent *alloc_extent_divided(struct vmap_cache *cache,
							 unsigned long size, unsigned long align,
							 gfp_t gfp, const void *caller)
{
	return alloc_extent_past(cache, size, align, gfp, caller, true);
}

/* alloc_extent_past() where there is one shard. */
static noinline struct vmap_extent *alloc_extent_slow(struct vmap_cache *cache, unsigned long size,
						      unsigned long align, gfp_t gfp,
						      const void *caller)
{
	return alloc_extent_past(cache, size, align, gfp, caller, false);
}

/**
 * vmap_extent_alloc() - allocate an extent from a range arena
 * @arena: the arena
 * @size: units, rounded up to the arena's quantum
 * @align: of the start, in units; a power of two
 * @gfp: how to get memory for spare extents.  @gfp says nothing about room: with __GFP_NOFAIL the
 *	 call waits for memory, but still returns -ENOSPC and -EINVAL, with a warning
 *
 * Where nothing fits although enough is free in all, the call fails, and has the arena's worker
 * move extents that vmap_extent_set_movable() has marked, so that a later call may find room.
 *
 * An extent from the reserve of vmap_arena_reserve() is as long as the longest that the reserve
 * serves: vmap_extent_size() says how long.
 *
 * Steps: at most 150 + 15 * log2(extents) + 14 * misses * log2(extents) + 1600 * full +
 *	  12 * cached * log2(extents) + 12 * waiting * log2(extents) + 600 * shards * full
 *
 * Context: any but NMI that @gfp allows; takes the arena's lock for O(log n) steps at a time.
 * Where nothing fits and the caller may not sleep, the call frees the extents cached on this CPU,
 * then batches of those cached for all CPUs, until there is room: the parameters cache_cpu and
 * cache_depot bound how many.  With PREEMPT_RT, where preemption or interrupts are off, the call
 * gets no memory, and returns -ENOMEM if the spare extents that a worker allocates ahead of need
 * are used up.
 * Return: a cached extent of the size, else the lowest extent that fits, or an ERR_PTR: -EINVAL for
 * size 0, a bad alignment or a memory arena; -ENOSPC if nothing fits; -ENOMEM.
 */
struct vmap_extent *vmap_extent_alloc(struct vmap_arena *arena, unsigned long size,
				      unsigned long align, gfp_t gfp)
{
	struct vmap_cache *cache = &varena_or_default(arena)->cache;
	struct vmap_extent *extent;

	if (likely(is_cached_align(cache, align) && !static_branch_unlikely(&vwatch_calls) &&
		   vcache_take(cache, range_class(cache, size), &extent))) {
		vspace_hand_out(extent, __builtin_return_address(0));
		return extent;
	}
	if (unlikely(cache->part))
		return alloc_extent_divided(cache, size, align, gfp, __builtin_return_address(0));
	return alloc_extent_slow(cache, size, align, gfp, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_extent_alloc);

/**
 * vmap_extent_alloc_range() - vmap_extent_alloc() between two bounds
 * @arena: the arena
 * @size: units, rounded up to the arena's quantum
 * @align: of the start, in units; a power of two
 * @lo: the lowest start allowed
 * @hi: the highest end allowed, one past the last unit
 * @gfp: how to get memory for spare extents; see vmap_extent_alloc()
 *
 * The worker moves nothing for a request that fails between bounds narrower than the arena.
 *
 * Steps: as vmap_extent_alloc()
 *
 * Context: as vmap_extent_alloc(), also with PREEMPT_RT.
 * Return: the lowest extent that fits, or an ERR_PTR as vmap_extent_alloc(); -EINVAL also if @lo is
 * not below @hi.
 */
struct vmap_extent *vmap_extent_alloc_range(struct vmap_arena *arena, unsigned long size,
					    unsigned long align, unsigned long lo, unsigned long hi,
					    gfp_t gfp)
{
	struct free_search search = { .size = size, .align = align, .lo = lo, .hi = hi };
	struct vmap_cache *cache = &varena_or_default(arena)->cache;
	const void *caller = __builtin_return_address(0);

	/* The only span of a shard of a range arena is opened before anybody can use the arena. */
	if (cache->purge.space.memory || in_nmi() || cache->more ||
	    !free_tree_within(&cache->purge.space.tree, lo, hi))
		return alloc_extent(cache, &search, gfp, caller);
	return alloc_extent_lowest(cache, size, align, gfp, caller, vwatch_begin(), false);
}
EXPORT_SYMBOL_GPL(vmap_extent_alloc_range);

/* Is @extent, which may be stale, busy in this arena?  A free extent has no state: see below. */
static __always_inline bool is_busy_in(const struct vmap_extent *extent,
				       const struct vmap_cache *cache)
{
	return !vext_is_free(extent) && READ_ONCE(extent->state) == VMAP_BUSY &&
	       READ_ONCE(extent->space) == &cache->purge.space;
}

/* Is @extent, which may be stale, busy or movable in this arena, or a slot that is handed out? */
static bool is_held_in(const struct vmap_extent *extent, const struct vmap_cache *cache)
{
	return !vext_is_free(extent) && vspace_is_held(READ_ONCE(extent->state)) &&
	       READ_ONCE(extent->space) == &cache->purge.space;
}

/* Free an extent that is not busy in this arena: a slot, or movable, or the free is refused. */
static noinline enum vwatch_path free_extent_not_busy(struct vmap_cache *cache,
						      struct vmap_extent *extent,
						      const void *caller)
{
	if (vslots_keep(varena_of(cache), extent))
		return VWATCH_RESERVE;
	if (vcompact_free(varena_of(cache), extent))
		return VWATCH_TREE;
	vbad_report_extent(&cache->purge.space, extent, caller);
	return VWATCH_NOWHERE;
}

/* Put an extent into the free tree of its home.  Return which way the free went. */
static __always_inline enum vwatch_path free_extent_home(struct vmap_cache *cache,
							 struct vmap_space *space,
							 struct vmap_extent *extent,
							 const void *caller)
{
	unsigned long flags;

	flags = vspace_lock(space);
	if (unlikely(space->memory || !is_busy_in(extent, cache))) {
		vspace_unlock(space, flags);
		return free_extent_not_busy(cache, extent, caller);
	}
	vspace_put(space, extent);
	/* Before the unlock: empty_arena() takes space->lock, and so waits for the unlock. */
	vspace_count_free_irqs_off(space);
	vspace_unlock(space, flags);
	return VWATCH_TREE;
}

/*
 * Free in an arena of several shards.  The prefetch gets the extent's cache line for writing at
 * once, not for reading first.
 */
static __always_inline enum vwatch_path free_extent_shard(struct vmap_cache *cache,
							  struct vmap_extent *extent,
							  const void *caller)
{
	struct vmap_purge *home = vcache_shard_here(cache);

	prefetchw(extent);
	if (READ_ONCE(extent->start) - home->start < home->part)
		return free_extent_home(cache, &home->space, extent, caller);
	home = vcache_home(cache, extent);
	if (!is_busy_in(extent, cache) || !vremote_claim(extent))
		return free_extent_not_busy(cache, extent, caller);
	if (unlikely(!vremote_push(home->remote, extent)))
		vremote_free(&home->space, home->remote, extent);
	vspace_count_free(&cache->purge.space);
	return VWATCH_TREE;
}

/*
 * Free past this CPU's magazine.  Return which way the free went.  @divided: there are several
 * shards, which each caller but one knows when it is compiled.
 */
static __always_inline enum vwatch_path free_extent_past(struct vmap_cache *cache,
							 struct vmap_extent *extent,
							 const void *caller, bool divided)
{
	struct vmap_space *space = &cache->purge.space;

	if (vbad_refuse_nmi(caller))
		return VWATCH_NOWHERE;
	if (data_race(cache->range_align) && is_busy_in(extent, cache) &&
	    vcache_store_slow(cache, extent, vspace_class_of(space, extent)))
		return VWATCH_DEPOT;
	return divided ? free_extent_shard(cache, extent, caller) :
			 free_extent_home(cache, space, extent, caller);
}

/*
 * Free into this CPU's magazine.  Return false unless @extent is busy in this arena and the
 * magazine has room.  No test of vext_is_free() is needed: in a free extent the parent in
 * extent->node overlays extent->space, and no parent has the address of a space.
 */
static __always_inline bool free_extent_fast(struct vmap_cache *cache, struct vmap_extent *extent)
{
	return likely(READ_ONCE(extent->space) == &cache->purge.space &&
		      READ_ONCE(extent->state) == VMAP_BUSY && data_race(cache->range_align)) &&
	       vcache_store(cache, extent, vspace_quanta(&cache->purge.space, extent->size));
}

/* vmap_extent_free() for @caller while calls are watched. */
static noinline void free_extent_watched(struct vmap_cache *cache, struct vmap_extent *extent,
					 const void *caller)
{
	enum vwatch_path path = VWATCH_MAGAZINE;
	struct vwatch_call call = {};

	if (is_held_in(extent, cache))
		vwatch_begin_free(&call, &cache->purge.space, READ_ONCE(extent->start),
				  extent->size, caller);
	if (!free_extent_fast(cache, extent))
		path = free_extent_past(cache, extent, caller, cache->part);
	vwatch_end_free(&call, path);
}

/* Free past this CPU's magazine, or any way if calls are watched, where there is one shard. */
static noinline void free_extent_slow(struct vmap_cache *cache, struct vmap_extent *extent,
				      const void *caller)
{
	if (static_branch_unlikely(&vwatch_calls))
		free_extent_watched(cache, extent, caller);
	else
		free_extent_past(cache, extent, caller, false);
}

/* free_extent_slow() where there are several shards. */
static noinline void free_extent_divided(struct vmap_cache *cache, struct vmap_extent *extent,
					 const void *caller)
{
	if (static_branch_unlikely(&vwatch_calls))
		free_extent_watched(cache, extent, caller);
	else
		free_extent_past(cache, extent, caller, true);
}

/* IS_ERR_OR_NULL() in one comparison: NULL and the error pointers, less one, are the top values. */
static __always_inline bool is_no_extent(const struct vmap_extent *extent)
{
	return (unsigned long)extent - 1 >= (unsigned long)ERR_PTR(-MAX_ERRNO) - 1;
}

/**
 * vmap_extent_free() - free an extent
 * @arena: the arena that the extent was allocated from
 * @extent: the extent; NULL and an ERR_PTR are fine
 *
 * An extent that is not busy in this arena is reported with the caller, and nothing changes; but
 * two CPUs that free the same extent in the same instant may both succeed.
 *
 * A movable extent may be freed at any time, also while its mover runs: then the call returns at
 * once, and compaction finishes the free when the mover returns.  Until then the extent counts as
 * allocated, and the mover may still use its data: see vmap_extent_set_movable().
 *
 * Steps: at most 150 + 30 * log2(extents) + 12 * waiting * log2(extents)
 *
 * Context: any but NMI, also with PREEMPT_RT; takes the arena's lock, if at all, for O(log n)
 * steps.
 */
void vmap_extent_free(struct vmap_arena *arena, struct vmap_extent *extent)
{
	struct vmap_cache *cache;

	if (unlikely(is_no_extent(extent)))
		return;
	/* If arena is NULL, &arena->cache.purge.space is 0, which no busy extent has as space. */
	if (!static_branch_unlikely(&vwatch_calls) && free_extent_fast(&arena->cache, extent))
		return;
	cache = &varena_or_default(arena)->cache;
	if (unlikely(cache->part))
		free_extent_divided(cache, extent, __builtin_return_address(0));
	else
		free_extent_slow(cache, extent, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_extent_free);

/**
 * vmap_extent_start() - where an extent begins
 * @extent: a live extent
 *
 * The start of a movable extent changes when its mover has returned 0, and at no other time.  A
 * caller that sees the new start also sees all that the mover did before it returned.
 *
 * Steps: at most 2
 *
 * Context: any, also with PREEMPT_RT.
 * Return: the first unit of the extent.
 */
unsigned long vmap_extent_start(const struct vmap_extent *extent)
{
	/* Pairs with the barrier in change_places(). */
	return smp_load_acquire(&extent->start);
}
EXPORT_SYMBOL_GPL(vmap_extent_start);

/**
 * vmap_extent_size() - how large an extent is
 * @extent: a live extent
 *
 * Steps: at most 2
 *
 * Context: any, also with PREEMPT_RT.
 * Return: the length of the extent in units, a multiple of the arena's quantum.
 */
unsigned long vmap_extent_size(const struct vmap_extent *extent)
{
	return extent->size;
}
EXPORT_SYMBOL_GPL(vmap_extent_size);
