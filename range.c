// SPDX-License-Identifier: GPL-2.0
/*
 * range.c - the extent calls: what a range arena hands out
 *
 * A range arena has neither pages nor page tables, and nothing is lazy there: a free puts the
 * extent into this CPU's magazine (cache.c), else straight back into the tree.  An allocation takes
 * an extent of the same size from the magazine, else the lowest one that fits.
 *
 * An extent is named by a pointer, which anybody may hand in again: what is not a busy extent of
 * the arena is reported, and nothing changes.  A range arena keeps the memory of its extents until
 * it is destroyed, so that the look at a stale one is safe.
 *
 * Locking: see space.h.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/log2.h>
#include <linux/math.h>

#include "calls.h"

/* Count what came of a request for an extent. */
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

static noinline struct vmap_extent *
alloc_extent(struct vmap_cache *cache, struct free_search *search, gfp_t gfp, const void *caller)
{
	const struct vmap_space *space = &cache->purge.space;
	unsigned long size = search->size;
	struct vmap_extent *extent;

	if (vbad_refuse_nmi(caller))
		return ERR_PTR(-EINVAL);
	if (space->memory || !size || !is_power_of_2(search->align) || search->lo >= search->hi)
		return note_extent(cache, ERR_PTR(-EINVAL), search, gfp, caller);
	search->size = ALIGN(size, space->quantum);
	search->align = max(search->align, space->quantum);
	if (search->size < size || search->hi - search->lo < search->size)
		extent = ERR_PTR(-ENOSPC);
	else
		extent = vtake_slow(cache, search, gfp, caller);
	return note_extent(cache, extent, search, gfp, caller);
}

/* Not inlined, so that only those calls pay for a search on the stack that need one. */
static noinline struct vmap_extent *alloc_extent_search(struct vmap_cache *cache,
							unsigned long size, unsigned long align,
							gfp_t gfp, const void *caller)
{
	struct free_search search = { .size = size, .align = align, .hi = ULONG_MAX };

	return alloc_extent(cache, &search, gfp, caller);
}

/* Do cached extents of @size in this arena satisfy a request for @align? */
static __always_inline bool is_cached_align(const struct vmap_cache *cache, unsigned long align)
{
	return align - 1 < data_race(cache->range_align) && !(align & (align - 1));
}

static __always_inline unsigned long range_class(const struct vmap_cache *cache, unsigned long size)
{
	return (size + cache->purge.space.quantum - 1) >> cache->purge.space.quantum_shift;
}

static noinline struct vmap_extent *alloc_extent_slow(struct vmap_cache *cache, unsigned long size,
						      unsigned long align, gfp_t gfp,
						      const void *caller)
{
	struct vmap_space *space = &cache->purge.space;
	unsigned long rounded = ALIGN(size, space->quantum);
	struct vmap_extent *extent;

	if (vbad_refuse_nmi(caller))
		return ERR_PTR(-EINVAL);
	if (data_race(cache->range_align) && is_power_of_2(align)) {
		extent =
			vcache_take_slow(cache, range_class(cache, size), align, gfp, NUMA_NO_NODE);
		if (extent) {
			vspace_hand_out(extent, caller);
			return extent;
		}
	}
	if (likely(!space->memory && rounded && align - 1 < space->quantum &&
		   !(align & (align - 1)))) {
		extent = vtake_fast_range(cache, rounded, caller);
		if (likely(extent)) {
			vspace_count(space, allocs);
			vtake_ahead(cache, gfp);
			return extent;
		}
	}
	return alloc_extent_search(cache, size, align, gfp, caller);
}

/**
 * vmap_extent_alloc() - allocate an extent from a range arena
 * @arena: the arena
 * @size: units, rounded up to the arena's quantum
 * @align: of its start, in units; a power of two
 * @gfp: how to get memory for the bookkeeping.  It says nothing about room: with __GFP_NOFAIL
 *	 memory is waited for, but -ENOSPC and -EINVAL are returned all the same, with a warning
 *
 * Context: any that @gfp allows; takes the arena's lock for O(log n) steps at a time.  Where
 * nothing fits and the caller may not sleep, it frees what the CPU has cached, then batches of what
 * all have, until there is room: as much as the parameters cache_cpu and cache_depot allow.  With
 * PREEMPT_RT, where preemption or interrupts are off, there is no memory to be had: it is -ENOMEM
 * if the bookkeeping got ahead of need, which a worker sees to, is used up.
 * Return: the lowest extent that fits, or an ERR_PTR: -EINVAL for size 0, a bad alignment or a
 * memory arena; -ENOSPC if nothing fits; -ENOMEM.
 */
struct vmap_extent *vmap_extent_alloc(struct vmap_arena *arena, unsigned long size,
				      unsigned long align, gfp_t gfp)
{
	struct vmap_cache *cache = &varena_or_default(arena)->cache;
	struct vmap_extent *extent;

	if (likely(is_cached_align(cache, align) &&
		   vcache_take(cache, range_class(cache, size), &extent))) {
		vspace_hand_out(extent, __builtin_return_address(0));
		return extent;
	}
	return alloc_extent_slow(cache, size, align, gfp, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_extent_alloc);

/**
 * vmap_extent_alloc_range() - vmap_extent_alloc() between two bounds
 * @arena: the arena
 * @size: units, rounded up to the arena's quantum
 * @align: of its start, in units; a power of two
 * @lo: the lowest start allowed
 * @hi: the end may not pass this
 * @gfp: how to get memory for the bookkeeping; see vmap_extent_alloc()
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

	return alloc_extent(&varena_or_default(arena)->cache, &search, gfp,
			    __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_extent_alloc_range);

static __always_inline bool is_busy_in(const struct vmap_extent *extent,
				       const struct vmap_cache *cache)
{
	return !vext_is_free(extent) && READ_ONCE(extent->state) == VMAP_BUSY &&
	       READ_ONCE(extent->space) == &cache->purge.space;
}

/* Free past this CPU's magazine. */
static noinline void free_extent_slow(struct vmap_cache *cache, struct vmap_extent *extent,
				      const void *caller)
{
	struct vmap_space *space = &cache->purge.space;
	unsigned long flags;

	if (vbad_refuse_nmi(caller))
		return;
	if (data_race(cache->range_align) && is_busy_in(extent, cache) &&
	    vcache_store_slow(cache, extent, vspace_class_of(space, extent)))
		return;
	flags = vspace_lock(space);
	if (unlikely(space->memory || !is_busy_in(extent, cache))) {
		vspace_unlock(space, flags);
		vbad_report_extent(space, extent, caller);
		return;
	}
	vspace_put(space, extent);
	/* With the lock still held, which empty_arena() waits for. */
	vspace_count_free_irqs_off(space);
	vspace_unlock(space, flags);
}

/*
 * Free into this CPU's magazine, if @extent is busy in this arena and there is room.  A free extent
 * has its parent in the tree where a busy one has extent->space, so vext_is_free() need not be asked.
 */
static __always_inline bool free_extent_fast(struct vmap_cache *cache, struct vmap_extent *extent)
{
	return likely(READ_ONCE(extent->space) == &cache->purge.space &&
		      READ_ONCE(extent->state) == VMAP_BUSY && data_race(cache->range_align)) &&
	       vcache_store(cache, extent, extent->size >> cache->purge.space.quantum_shift);
}

/**
 * vmap_extent_free() - free an extent
 * @arena: where it came from
 * @extent: the extent; NULL and an ERR_PTR are fine
 *
 * An extent that is not a live one of this arena is reported with the caller, and nothing changes.
 *
 * Context: any but NMI, also with PREEMPT_RT; takes the arena's lock, if at all, for O(log n)
 * steps.
 */
void vmap_extent_free(struct vmap_arena *arena, struct vmap_extent *extent)
{
	if (IS_ERR_OR_NULL(extent))
		return;
	/* Without an arena extent->space is another address than that of its cache: 0. */
	if (!free_extent_fast(&arena->cache, extent))
		free_extent_slow(&varena_or_default(arena)->cache, extent,
				 __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_extent_free);

/**
 * vmap_extent_start() - where an extent begins
 * @extent: a live extent
 *
 * Context: any, also with PREEMPT_RT.
 * Return: its first unit.
 */
unsigned long vmap_extent_start(const struct vmap_extent *extent)
{
	return extent->start;
}
EXPORT_SYMBOL_GPL(vmap_extent_start);

/**
 * vmap_extent_size() - how large an extent is
 * @extent: a live extent
 *
 * Context: any, also with PREEMPT_RT.
 * Return: its length in units, a multiple of the arena's quantum.
 */
unsigned long vmap_extent_size(const struct vmap_extent *extent)
{
	return extent->size;
}
EXPORT_SYMBOL_GPL(vmap_extent_size);
