// SPDX-License-Identifier: GPL-2.0
/*
 * vmap_alloc.c - the memory calls: allocate and free mapped memory, map a caller's pages
 *
 * An area is a busy extent of a memory arena with its pages.
 *
 * Allocation: the cache serves most requests, with a warm area of the same size from this CPU's
 * magazine (cache.h).  Past the cache an allocation takes the lowest extent that fits, or a flushed
 * one of just the size (take.c); then, without a lock, maps pages and publishes the extent
 * (fill.c).
 *
 * Free: most frees put the area into this CPU's magazine.  Past the magazine a free claims the
 * extent: takes it out of its slot.  A double free, an interior and a foreign pointer find no live
 * extent in the slot, and are reported (badfree.c).  A claimed area that is fresh (fresh.h) is
 * published again as a warm one, if the cache has room; any other is unmapped and made lazy
 * (purge.c).
 *
 * The count of a free is its last access to the arena: from then on vmap_arena_destroy() may find
 * no live area, and free the arena.  See empty_arena() for the steps of a free that may still run
 * then.
 *
 * There is no array of pages: the page-table entries say which pages an area has.
 *
 * With PREEMPT_RT neither the page allocator nor the slab may be called where preemption or
 * interrupts are off: vctx_may_call_mm().  There an allocation is served by the cache or fails, and
 * a free is kept in the cache or deferred to the worker.
 *
 * Locking: none here; see space.h and cache.h.  A busy extent belongs to its holder, and no other
 * call writes it.  Who may free an extent is decided by claiming it: cmpxchg() on the slot.
 * free_fast() does not claim.  free_fast() runs with interrupts off and sets extent->state to
 * VMAP_CACHED, so that a second free is refused, unless the second free runs on another CPU in the
 * same instant.
 */
#include <linux/export.h>
#include <linux/kmemleak.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "calls.h"
#include "fresh.h"
#include "shadow.h"

struct vmap_arena *varena_default;

/* Not inlined: the search takes stack, which take_memory() does not need in most calls. */
static noinline struct vmap_extent *take_memory_slow(struct vmap_cache *cache, unsigned long size,
						     unsigned long align, gfp_t gfp,
						     const void *caller, enum vwatch_path *path)
{
	struct free_search search = { .size = size, .align = align, .hi = ULONG_MAX };

	return vtake_slow(cache, &search, gfp, caller, path);
}

/*
 * Take an extent for @size bytes and the guard; sets @path.  Return the extent, busy, or an
 * ERR_PTR.
 */
static struct vmap_extent *take_memory(struct vmap_cache *cache, unsigned long size,
				       unsigned long align, gfp_t gfp, const void *caller,
				       enum vwatch_path *path)
{
	struct vmap_extent *extent = NULL;
	unsigned long with_guard;

	*path = VWATCH_TREE;
	if (!size || size > totalram_pages() << PAGE_SHIFT || !is_power_of_2(align))
		return ERR_PTR(-EINVAL);
	with_guard = PAGE_ALIGN(size) + cache->purge.space.guard;
	if (likely(align <= PAGE_SIZE))
		extent = vtake_fast(cache, with_guard, caller);
	if (unlikely(!extent))
		extent = take_memory_slow(cache, with_guard, max(align, PAGE_SIZE), gfp, caller,
					  path);
	return extent;
}

/* take_memory() from a span that is not lost; sets @span and @path. */
static struct vmap_extent *take_live_memory(struct vmap_cache *cache, unsigned long size,
					    unsigned long align, gfp_t gfp, const void *caller,
					    struct vmap_span **span, enum vwatch_path *path)
{
	struct vmap_extent *extent;

	for (;;) {
		extent = take_memory(cache, size, align, gfp, caller, path);
		if (IS_ERR(extent))
			return extent;
		*span = vspan_of_live(extent->start);
		if (likely(*span))
			return extent;
		vlost_leave(&cache->purge.space, extent, false, caller);
	}
}

/* With one of these flags no warm area serves a request, and its pages serve no other request. */
#define SPECIAL_FLAGS	(__GFP_DMA | __GFP_DMA32 | __GFP_MOVABLE | __GFP_RECLAIMABLE | \
			 __GFP_THISNODE | __GFP_ACCOUNT)

static __always_inline bool is_recyclable(gfp_t gfp)
{
	return !(gfp & SPECIAL_FLAGS);
}

/* Allocate an area with fresh pages. */
static void *alloc_area_uncached(struct vmap_cache *cache, unsigned long size, unsigned long align,
				 gfp_t gfp, int node, const void *caller, u64 began)
{
	struct vmap_extent *extent = ERR_PTR(-ENOMEM);
	struct vmap_span *span;
	enum vwatch_path path;
	void *addr;
	int place;

	if (vctx_may_call_mm())
		extent = take_live_memory(cache, size, align, gfp, caller, &span, &path);
	if (IS_ERR(extent)) {
		vtake_failed(cache, size, align, gfp, PTR_ERR(extent), caller);
		vtake_ahead(cache, gfp);
		return NULL;
	}
	if (!valloc_fill(is_recyclable(gfp) ? &vpurge_of(span->space)->stock : NULL, span,
			 extent->start, vext_end(extent) - cache->purge.space.guard, gfp, node,
			 &place)) {
		vtake_failed(cache, size, align, gfp, -ENOMEM, caller);
		vpurge_free(&cache->purge, extent);
		return NULL;
	}
	addr = (void *)extent->start;
	vwin_shadow_open(extent->start, size);
	valloc_tell_kmemleak(addr, size, gfp);
	if (is_recyclable(gfp) && place >= 0)
		vplace_make_recyclable(extent, place);
	extent->slack = offset_in_page(-size);
	valloc_publish(span, extent);
	vwatch_alloc(extent, size, path, began);
	vtake_ahead(cache, gfp);
	return addr;
}

/* Is the span of a warm extent alive?  If the span is lost, the extent stays in VMAP_LOST. */
static __always_inline bool may_reuse(struct vmap_cache *cache, struct vmap_extent *extent,
				      const void *caller)
{
	if (likely(vwin_alive(extent->window)))
		return true;
	vlost_leave(&cache->purge.space, extent, true, caller);
	/* vcache_pop() and take_from_depot() have counted an allocation: count a free, too. */
	vspace_count_free(&cache->purge.space);
	return false;
}

/* Hand out a warm extent, zeroed if a fresh area would be.  Return the address. */
static __always_inline void *reuse(struct vmap_extent *extent, unsigned long size, gfp_t gfp,
				   const void *caller)
{
	void *addr = (void *)extent->start;

	WRITE_ONCE(extent->slack, offset_in_page(-size));
	vspace_hand_out(extent, caller);
	vwin_shadow_open(extent->start, size);
	if (want_init_on_alloc(gfp))
		valloc_clear(extent->start, extent->start + PAGE_ALIGN(size));
	valloc_tell_kmemleak(addr, size, gfp);
	return addr;
}

/* Allocate from an arena that caches no areas: its windows are huge, or it is a range arena. */
static noinline void *alloc_area_other(struct vmap_cache *cache, unsigned long size,
				       unsigned long align, gfp_t gfp, int node, const void *caller)
{
	if (cache->purge.space.huge)
		return vhuge_alloc(cache, size, align, gfp, node, caller);
	vtake_failed(cache, size, align, gfp, -EINVAL, caller);
	return NULL;
}

/*
 * Take a warm area for a request from this CPU's magazine, if @align is @cached_align at most.
 * @cached_align is cache->memory_align, which is 0 in a range arena, so that no cold extent is
 * taken for memory; or PAGE_SIZE where the caller knows that the arena is a memory arena.  While
 * calls are watched none is taken, unless the caller is alloc_watched(), which says so by @watched.
 */
static __always_inline bool take_warm(struct vmap_cache *cache, unsigned long cached_align,
				      unsigned long size, unsigned long align, gfp_t gfp, int node,
				      const void *caller, bool watched,
				      struct vmap_extent **extent)
{
	return likely(align <= cached_align && is_power_of_2(align) && is_recyclable(gfp) &&
		      node == NUMA_NO_NODE && vplace_may_be_warm(node) &&
		      (watched || !static_branch_unlikely(&vwatch_calls)) &&
		      vcache_take(cache, PAGE_ALIGN(size) >> PAGE_SHIFT, extent) &&
		      may_reuse(cache, *extent, caller));
}

/* Allocate from this CPU's magazine, while calls are watched.  NULL if that has no area. */
static noinline void *alloc_watched(struct vmap_cache *cache, unsigned long size,
				    unsigned long align, gfp_t gfp, int node, const void *caller)
{
	u64 began = vwatch_begin();
	struct vmap_extent *extent;
	void *addr;

	if (!take_warm(cache, cache->memory_align, size, align, gfp, node, caller, true, &extent))
		return NULL;
	addr = reuse(extent, size, gfp, caller);
	vwatch_alloc(extent, size, VWATCH_MAGAZINE, began);
	return addr;
}

/* Allocate from the depots.  NULL if they have no area that serves the request. */
static void *alloc_from_depot(struct vmap_cache *cache, unsigned long size, unsigned long align,
			      gfp_t gfp, int node, const void *caller, u64 began)
{
	unsigned long pages = PAGE_ALIGN(size) >> PAGE_SHIFT;
	struct vmap_extent *extent;
	void *addr;

	if (!is_power_of_2(align) || !is_recyclable(gfp) || !vplace_may_be_warm(node))
		return NULL;
	do {
		extent = vcache_take_slow(cache, pages, align, gfp, node);
		if (!extent)
			return NULL;
	} while (!may_reuse(cache, extent, caller));
	addr = reuse(extent, size, gfp, caller);
	vwatch_alloc(extent, size, VWATCH_DEPOT, began);
	return addr;
}

/* Allocate from the reserve.  NULL if there is none, or if it does not serve the request. */
static __always_inline void *alloc_reserved(struct vmap_cache *cache, unsigned long size,
					    unsigned long align, gfp_t gfp, int node,
					    const void *caller, u64 began)
{
	struct vmap_arena *arena = varena_of(cache);

	if (likely(!READ_ONCE(arena->reserve)) || node != NUMA_NO_NODE || !is_recyclable(gfp))
		return NULL;
	return vreserve_alloc(arena, size, align, gfp, caller, began);
}

/*
 * Allocate past this CPU's magazine: by way of the depots, else from the reserve, else with fresh
 * pages.
 */
static noinline void *alloc_area_slow(struct vmap_cache *cache, unsigned long size,
				      unsigned long align, gfp_t gfp, int node, const void *caller)
{
	u64 began = vwatch_begin();
	void *addr = NULL;

	if (vbad_refuse_nmi(caller))
		return NULL;
	if (unlikely(!cache->memory_align))
		return alloc_area_other(cache, size, align, gfp, node, caller);
	if (static_branch_unlikely(&vwatch_calls))
		addr = alloc_watched(cache, size, align, gfp, node, caller);
	return addr ?: alloc_from_depot(cache, size, align, gfp, node, caller, began) ?:
		       alloc_reserved(cache, size, align, gfp, node, caller, began) ?:
		       alloc_area_uncached(cache, size, align, gfp, node, caller, began);
}

/*
 * Allocate an area.  While calls are watched, alloc_area_slow() serves all of them.  @cached_align:
 * see take_warm().
 */
static __always_inline void *alloc_area(struct vmap_cache *cache, unsigned long cached_align,
					unsigned long size, unsigned long align, gfp_t gfp,
					int node, const void *caller)
{
	struct vmap_extent *extent;

	if (take_warm(cache, cached_align, size, align, gfp, node, caller, false, &extent))
		return reuse(extent, size, gfp, caller);
	return alloc_area_slow(cache, size, align, gfp, node, caller);
}

/**
 * vmap_arena_alloc() - allocate mapped memory from an arena
 * @arena: a memory arena; NULL: the default one
 * @size: bytes, rounded up to pages
 * @align: of the address, in bytes; a power of two
 * @gfp: how to get pages.  __GFP_ZERO and init_on_alloc are honoured.  Without
 *	 __GFP_DIRECT_RECLAIM the call uses only address space that is imported and flushed already.
 *	 With __GFP_NOFAIL the call waits for pages and room; it fails, with a warning that says
 *	 why, only where no wait would help: where the caller may not sleep, for a bad @size or
 *	 @align, and for more than the arena or the machine may hold
 * @node: NUMA node for the pages, or NUMA_NO_NODE
 *
 * For a task that was killed the call does not wait, but uses what it finds at once, unless @gfp
 * has __GFP_NOFAIL.
 *
 * Never give the address to vfree(), kvfree(), vunmap(), kvrealloc() or their like, which would
 * destroy the whole span; code that frees memory of any kind calls vmap_kvfree().
 *
 * Steps: at most 300 + 6 * pages + 120 * log2(extents) + 14 * misses * log2(extents) +
 *	  5000 * pressed + 1000 * pressed * log2(extents)
 * Where no free extent has room the call also flushes, merges 256 flushed extents at most, and
 * imports 8 spans at most: an import takes as long as vmap() of a span.  If that does not make room
 * the call frees all that is cached, lazy or deferred.  With VMAP_ARENA_HUGE there is no formula.
 *
 * Context: any but NMI that @gfp allows, also atomic; takes the arena's lock for O(log n) steps.
 * With PREEMPT_RT, where preemption or interrupts are off, the call uses only areas that are kept
 * for reuse.
 * Return: the address, to be freed with vmap_free(), or NULL.
 */
void *vmap_arena_alloc(struct vmap_arena *arena, unsigned long size, unsigned long align,
		       gfp_t gfp, int node)
{
	struct vmap_cache *cache = &varena_or_default(arena)->cache;

	return alloc_area(cache, cache->memory_align, size, align, gfp, node,
			  __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_arena_alloc);

/**
 * vmap_alloc() - allocate mapped memory
 * @size: bytes, rounded up to pages
 *
 * Never give the address to vfree(), kvfree(), vunmap(), kvrealloc() or their like, which would
 * destroy the whole span; code that frees memory of any kind calls vmap_kvfree().
 *
 * Steps: as vmap_arena_alloc()
 *
 * Context: process, may sleep, also with PREEMPT_RT.
 * Return: the address, or NULL.  The memory is not zeroed unless init_on_alloc is on.
 */
void *vmap_alloc(unsigned long size)
{
	return alloc_area(&varena_default->cache, PAGE_SIZE, size, PAGE_SIZE, GFP_KERNEL,
			  NUMA_NO_NODE, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_alloc);

/**
 * vmap_zalloc() - allocate zeroed, mapped memory
 * @size: bytes, rounded up to pages
 *
 * Never give the address to vfree(), kvfree(), vunmap(), kvrealloc() or their like, which would
 * destroy the whole span; code that frees memory of any kind calls vmap_kvfree().
 *
 * Steps: as vmap_arena_alloc()
 *
 * Context: process, may sleep, also with PREEMPT_RT.
 * Return: the address, or NULL.
 */
void *vmap_zalloc(unsigned long size)
{
	return alloc_area(&varena_default->cache, PAGE_SIZE, size, PAGE_SIZE,
			  GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_zalloc);

/**
 * vmap_alloc_node() - vmap_arena_alloc() from the default arena
 * @size: bytes, rounded up to pages
 * @align: of the address, in bytes; a power of two
 * @gfp: how to get pages; see vmap_arena_alloc()
 * @node: NUMA node for the pages, or NUMA_NO_NODE
 *
 * Never give the address to vfree(), kvfree(), vunmap(), kvrealloc() or their like, which would
 * destroy the whole span; code that frees memory of any kind calls vmap_kvfree().
 *
 * Steps: as vmap_arena_alloc()
 *
 * Context: any but NMI that @gfp allows; with PREEMPT_RT as vmap_arena_alloc().
 * Return: the address, or NULL.
 */
void *vmap_alloc_node(unsigned long size, unsigned long align, gfp_t gfp, int node)
{
	return alloc_area(&varena_default->cache, PAGE_SIZE, size, align, gfp, node,
			  __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_alloc_node);

/**
 * vmap_alloc_array() - allocate mapped memory for an array
 * @n: elements
 * @size: bytes of an element
 * @gfp: how to get pages; see vmap_arena_alloc()
 *
 * Never give the address to vfree(), kvfree(), vunmap(), kvrealloc() or their like, which would
 * destroy the whole span; code that frees memory of any kind calls vmap_kvfree().
 *
 * Steps: as vmap_arena_alloc()
 *
 * Context: any but NMI that @gfp allows; with PREEMPT_RT as vmap_arena_alloc().
 * Return: the address, or NULL, also if @n * @size is 0 or overflows.
 */
void *vmap_alloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return valloc_for(NULL, bytes, PAGE_SIZE, gfp, NUMA_NO_NODE, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_alloc_array);

/* vmap_arena_alloc() for @caller. */
void *valloc_for(struct vmap_arena *arena, unsigned long size, unsigned long align, gfp_t gfp,
		 int node, const void *caller)
{
	struct vmap_cache *cache = &varena_or_default(arena)->cache;

	return alloc_area(cache, cache->memory_align, size, align, gfp, node, caller);
}

/* vmap_alloc_huge() for @caller. */
void *valloc_huge_for(unsigned long size, gfp_t gfp, int node, const void *caller)
{
	void *addr = NULL;

	if (vbad_refuse_nmi(caller))
		return NULL;
	if (varena_huge && size >= PMD_SIZE)
		addr = vhuge_alloc(&varena_huge->cache, size, PMD_SIZE, gfp & ~__GFP_NOFAIL, node,
				   caller);
	return addr ?: valloc_for(NULL, size, PAGE_SIZE, gfp, node, caller);
}

/**
 * vmap_alloc_huge() - allocate mapped memory, by pages of PMD_SIZE where they can be had at once
 * @size: bytes.  PMD_SIZE (2 MiB) and more are rounded up to a multiple of it as far as such pages
 *	  are found, as vmalloc_huge() does; less is rounded up to pages
 * @gfp: how to get pages; see vmap_arena_alloc().  For a page of PMD_SIZE nothing is reclaimed:
 *	 where the page allocator has none, small pages take its place
 * @node: NUMA node for the pages, or NUMA_NO_NODE
 *
 * The address is a multiple of PMD_SIZE, unless the request is smaller, or address space for it
 * cannot be had: then the call does what vmap_alloc_node() does.  So it does on a machine whose
 * pages are larger than 4 KiB.  Each page has its own struct page and reference count, as in any
 * area.  The memory is not kept for reuse: pages of PMD_SIZE are dear to others, too.
 *
 * Never give the address to vfree(), kvfree(), vunmap(), kvrealloc() or their like, which would
 * destroy the whole span; code that frees memory of any kind calls vmap_kvfree().
 *
 * Steps: no formula: for each PMD_SIZE bytes one page of that size is asked for, or its small pages
 * are; else as vmap_arena_alloc().
 *
 * Context: any but NMI that @gfp allows; with PREEMPT_RT as vmap_arena_alloc().
 * Return: the address, to be freed with vmap_free(), or NULL.
 */
void *vmap_alloc_huge(unsigned long size, gfp_t gfp, int node)
{
	return valloc_huge_for(size, gfp, node, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_alloc_huge);

/* Is each page of an area as in a fresh area, so that the area may be kept warm? */
static __always_inline bool is_fresh(const struct vmap_span *span,
				     const struct vmap_extent *extent, unsigned int pages)
{
	return vwin_is_fresh(span->window, extent->start, pages);
}

/* Tell kmemleak and KASAN that an area is no longer allocated. */
static __always_inline void end_area(const struct vmap_cache *cache,
				     const struct vmap_extent *extent)
{
	kmemleak_free((void *)extent->start);
	vwin_shadow_close(extent->start, vext_end(extent) - cache->purge.space.guard);
}

/*
 * Free into this CPU's magazine.  Return false, and change nothing, unless @addr is the start of a
 * live recyclable area whose pages are fresh, and the magazine has room.  The test of the pages is
 * the last one, since it takes longest.
 */
static __always_inline bool free_fast(const void *addr)
{
	struct vmap_extent *extent = NULL;
	struct vmap_magazine *magazine;
	struct vmap_cache *cache;
	struct vmap_span *span;
	unsigned long pages, flags;

	if (unlikely((unsigned long)addr & ~PAGE_MASK))
		return false;
	local_irq_save(flags);
	if (vcache_in_nmi(flags))
		goto out;
	span = vspan_of((unsigned long)addr);
	if (likely(span))
		extent = READ_ONCE(*vspan_slot(span, (unsigned long)addr));
	if (unlikely(!extent || READ_ONCE(extent->state) != VMAP_BUSY ||
		     extent->flags != VMAP_EXTENT_RECYCLABLE))
		goto out;
	/* Not of extent->space, on which another CPU that frees the same area may have a list. */
	cache = vcache_of(span->first);
	pages = vspace_pages_of(&cache->purge.space, extent);
	if (unlikely(pages > CACHE_CLASSES ||
		     !vcache_magazine_has_room(cache->cpu, extent, pages, &magazine) ||
		     !vwin_alive(span->window) || !is_fresh(span, extent, pages)))
		goto out;
	/* magazine->count is read again: to keep the value in a register takes longer. */
	barrier();
	vcache_push(cache->cpu, magazine, extent);
	/* No call can take the extent out of the magazine while interrupts are off here. */
	extent->window = span->window;
	end_area(cache, extent);
	local_irq_restore(flags);
	return true;
out:
	local_irq_restore(flags);
	return false;
}

/*
 * Keep a claimed extent, extent->space set, in the cache.  Return false if there is no room or if
 * the area is not fresh; then the extent stays claimed.  A cached extent stands in its slot, as a
 * busy one does.
 *
 * With init_on_free the area is cleared here, but only if there is room in the cache, because the
 * page allocator clears pages that go back; and only after is_fresh(), which knows that the pages
 * are mapped writable and that no one else refers to them.  If other calls use up the room
 * meanwhile, the pages are cleared twice.
 */
static bool keep(struct vmap_cache *cache, struct vmap_extent *extent)
{
	unsigned long class = vspace_pages_of(&cache->purge.space, extent);
	struct vmap_extent **slot;
	struct vmap_span *span;

	if (unlikely(extent->flags & VMAP_EXTENT_RESERVED))
		return vreserve_keep(varena_of(cache), extent);
	if (!vplace_is_recyclable(extent) || !vcache_wants(cache, class))
		return false;
	span = vspan_of_live(extent->start);
	if (unlikely(!span) || !is_fresh(span, extent, class))
		return false;
	if (want_init_on_free()) {
		if (!vcache_has_room(cache, extent, class))
			return false;
		valloc_clear(extent->start, extent->start + (class << PAGE_SHIFT));
	}
	extent->flags = VMAP_EXTENT_RECYCLABLE;
	extent->window = span->window;
	slot = vspan_slot(span, extent->start);
	/* Pairs as in valloc_publish(). */
	smp_store_release(slot, extent);
	if (vcache_store(cache, extent, class) || vcache_store_slow(cache, extent, class))
		return true;
	WRITE_ONCE(*slot, NULL);
	return false;
}

/* Free past this CPU's magazine; report a bad address.  Return which way the free went. */
static enum vwatch_path free_uncached(const void *addr, const void *caller)
{
	struct vmap_extent *extent;
	struct vmap_cache *cache;
	bool reserved;

	if (!addr || vbad_refuse_nmi(caller))
		return VWATCH_NOWHERE;
	extent = vbad_claim(addr, false, caller);
	if (!extent)
		return VWATCH_NOWHERE;
	cache = vcache_of(extent->space);
	reserved = extent->flags & VMAP_EXTENT_RESERVED;
	end_area(cache, extent);
	if (keep(cache, extent))
		return reserved ? VWATCH_RESERVE : VWATCH_DEPOT;
	vpurge_free(&cache->purge, extent);
	vspace_count_free(&cache->purge.space);
	return VWATCH_LAZY;
}

/* vmap_free() while calls are watched. */
static enum vwatch_path free_any_way(const void *addr, const void *caller)
{
	if (want_init_on_free() || !free_fast(addr))
		return free_uncached(addr, caller);
	return VWATCH_MAGAZINE;
}

/* Note what will be told of the free of @addr, if a live area starts there. */
static void begin_watched_free(struct vwatch_call *call, const void *addr, const void *caller)
{
	unsigned long start = (unsigned long)addr;
	struct vmap_extent *extent = NULL;
	struct vmap_span *span;

	rcu_read_lock();
	span = PAGE_ALIGNED(start) && !in_nmi() ? vspan_of(start) : NULL;
	if (span)
		extent = READ_ONCE(*vspan_slot(span, start));
	if (extent && READ_ONCE(extent->state) == VMAP_BUSY)
		vwatch_begin_free(call, span->space, start, READ_ONCE(extent->size), caller);
	rcu_read_unlock();
}

/* Have @free free @addr, and tell of it. */
static noinline void free_watched(enum vwatch_path (*free)(const void *addr, const void *caller),
				  const void *addr, const void *caller)
{
	struct vwatch_call call = {};

	begin_watched_free(&call, addr, caller);
	vwatch_end_free(&call, free(addr, caller));
}

/* Free past this CPU's magazine, or any way if calls are watched. */
static noinline void free_slow(const void *addr, const void *caller)
{
	if (static_branch_unlikely(&vwatch_calls))
		free_watched(free_any_way, addr, caller);
	else
		free_uncached(addr, caller);
}

/* Free into this CPU's magazine, unless that has no room, or calls are watched. */
static __always_inline bool free_at_once(const void *addr)
{
	return !want_init_on_free() && !static_branch_unlikely(&vwatch_calls) && free_fast(addr);
}

/**
 * vmap_free() - free memory that vmap_alloc() or another allocating call returned
 * @addr: the address; NULL is fine
 *
 * The memory is kept for reuse only if nothing tells the memory from fresh memory: each page is
 * mapped as in a fresh area, and has no other reference.  Else vmap_free() unmaps the area and
 * frees the pages before it returns; a page with another reference is freed when that reference is
 * dropped.  The purge worker does both where pages may not be freed, and for more than 2 MiB where
 * the caller may not sleep.  A caller who may sleep calls cond_resched() after each 2 MiB.
 *
 * An address that is not the start of a live allocation is reported with the caller, and nothing is
 * changed; but two CPUs that free the same address in the same instant may both succeed.
 *
 * Steps: at most 300 + 30 * pages + 5000 * pressed + 1000 * pressed * log2(extents)
 *
 * Context: any but NMI; takes the arena's lock, if at all, for a batch at a time.  Waits only where
 * the caller may sleep.  With PREEMPT_RT, where preemption or interrupts are off, memory that is
 * not kept for reuse is left to the worker.
 */
void vmap_free(const void *addr)
{
	if (!free_at_once(addr))
		free_slow(addr, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_free);

/* The rest of vmap_free_rcu(), after the grace period.  The slot is NULL since vbad_claim(). */
static void free_area_rcu(struct rcu_head *rcu)
{
	struct vmap_extent *extent = container_of(rcu, struct vmap_extent, rcu);
	struct vmap_space *space = vspan_of(extent->start)->space->first;
	struct vmap_cache *cache = vcache_of(space);

	/* In a lost span these addresses may belong to another user, in kmemleak and KASAN, too. */
	if (likely(vspan_of_live(extent->start)))
		end_area(cache, extent);
	/* extent->rcu overlays extent->space, so restore extent->space. */
	WRITE_ONCE(extent->space, space);
	if (keep(cache, extent))
		return;
	vpurge_free(&cache->purge, extent);
	vspace_count_free(&cache->purge.space);
}

/* Claim the area at @addr, and have it freed after a grace period. */
static enum vwatch_path free_later(const void *addr, const void *caller)
{
	struct vmap_extent *extent;

	if (!addr || vbad_refuse_nmi(caller))
		return VWATCH_NOWHERE;
	extent = vbad_claim(addr, false, caller);
	if (!extent)
		return VWATCH_NOWHERE;
	call_rcu(&extent->rcu, free_area_rcu);
	return VWATCH_RCU;
}

/* vmap_free_rcu() for @caller. */
void valloc_free_rcu(const void *addr, const void *caller)
{
	if (static_branch_unlikely(&vwatch_calls))
		free_watched(free_later, addr, caller);
	else
		free_later(addr, caller);
}

/**
 * vmap_free_rcu() - vmap_free() after an RCU grace period
 * @addr: the address; NULL is fine
 *
 * Needs no memory and no rcu_head in the caller's structure.  An area of more than 2 MiB that is
 * not kept for reuse is freed by the purge worker.  A bad address is reported at once, as by
 * vmap_free(), and nothing is changed.
 *
 * Steps: at most 40
 * After the grace period as many as vmap_free() takes.
 *
 * Context: any but NMI, also with PREEMPT_RT.
 */
void vmap_free_rcu(const void *addr)
{
	valloc_free_rcu(addr, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_free_rcu);

/*
 * vmap_free() for @caller.  Not inlined, and not called by vmap_free(), so that vmap_free() needs
 * no register for @caller while free_fast() runs.
 */
static noinline void free_for(const void *addr, const void *caller)
{
	if (!free_at_once(addr))
		free_slow(addr, caller);
}

/**
 * vmap_owns() - is an address in a live area of an arena?
 * @addr: any address, not only the start of an area
 *
 * The pages of the area count, also the bytes beyond those asked for; the guard does not.  The
 * answer is of use only if the caller knows that nobody frees the area meanwhile.
 *
 * Steps: at most 2200
 *
 * Context: any, also NMI; takes no lock.
 * Return: true for memory that an arena handed out, or mapped, and that was not freed yet.
 */
bool vmap_owns(const void *addr)
{
	return vbad_is_live(addr);
}
EXPORT_SYMBOL_GPL(vmap_owns);

/**
 * vmap_size() - how many bytes were asked for
 * @addr: the address that the allocating or mapping call returned
 *
 * Steps: at most 20
 *
 * Context: any, also NMI; takes no lock.
 * Return: the size given to the allocating call, or the bytes of the pages mapped; 0 unless a live
 * area of an arena starts at @addr.
 */
unsigned long vmap_size(const void *addr)
{
	return vbad_size(addr);
}
EXPORT_SYMBOL_GPL(vmap_size);

/**
 * vmap_usable_size() - how many bytes an area has pages for
 * @addr: the address that the allocating or mapping call returned
 *
 * The bytes beyond vmap_size() may be used after vmap_realloc() to this size at most, which neither
 * moves the area nor needs memory.
 *
 * Steps: as vmap_size()
 *
 * Context: any, also NMI; takes no lock.
 * Return: vmap_size(), rounded up to whole pages; 0 unless a live area of an arena starts at @addr.
 */
unsigned long vmap_usable_size(const void *addr)
{
	return PAGE_ALIGN(vbad_size(addr));
}
EXPORT_SYMBOL_GPL(vmap_usable_size);

/**
 * vmap_kvfree() - free memory of an arena, of kvmalloc(), vmalloc() or kmalloc()
 * @addr: the address; NULL is fine
 *
 * For code that does not know which allocator its memory came from.  Never give an address of an
 * arena to the kernel's own kvfree() or vfree(): to the kernel all of a span is one area, which
 * kvfree() and vfree() would free, with all allocations in the span.  An address within a span that
 * is not the start of a live allocation is reported as by vmap_free(), and nothing is changed.
 *
 * Steps: as vmap_free()
 *
 * Context: for memory of an arena as vmap_free(), also with PREEMPT_RT; else as kvfree(): not NMI,
 * and with PREEMPT_RT not where preemption or interrupts are off.
 */
void vmap_kvfree(const void *addr)
{
	const void *caller = __builtin_return_address(0);

	if (vbad_refuse_nmi(caller))
		return;
	if (vbad_is_ours(addr))
		valloc_free_any(addr, caller);
	else
		kvfree(addr);
}
EXPORT_SYMBOL_GPL(vmap_kvfree);

/**
 * vmap_kvfree_rcu() - vmap_kvfree() after an RCU grace period
 * @addr: the address; NULL is fine
 *
 * Needs no rcu_head in the caller's structure.  A bad address within a span is reported at once, as
 * by vmap_free(), and nothing is changed.
 *
 * Steps: as vmap_free_rcu()
 *
 * Context: for memory of an arena any but NMI, also with PREEMPT_RT; else as
 * kvfree_rcu_mightsleep(): process, may sleep.
 */
void vmap_kvfree_rcu(const void *addr)
{
	const void *caller = __builtin_return_address(0);

	if (vbad_refuse_nmi(caller))
		return;
	if (vbad_is_ours(addr))
		valloc_free_rcu(addr, caller);
	else
		kvfree_rcu_mightsleep((void *)addr);
}
EXPORT_SYMBOL_GPL(vmap_kvfree_rcu);

/* Not inlined: the arguments of the message would take registers of map_pages(). */
static noinline void report_bad_page(const struct valloc_mapping *mapping, unsigned int bad,
				     const void *caller)
{
	if (mapping->pfns)
		pr_err_ratelimited("vmap_arena: vmap_map_pfns() by %pS: pfn %#lx, number %u of 0..%u, has a struct page, or is no pfn\n",
				   caller, mapping->pfns[bad], bad, mapping->count - 1);
	else
		pr_err_ratelimited("vmap_arena: vmap_map_pages() by %pS: page %u of 0..%u is %s\n",
				   caller, bad, mapping->count - 1,
				   mapping->pages && mapping->pages[bad] ? "no page of memory"
									 : "NULL");
}

/* Map, UNMAP_BATCH at a time.  Return how many pages are mapped: up to a bad one. */
static unsigned int map_foreign(struct vmap_window *window, unsigned long addr,
				const struct valloc_mapping *mapping)
{
	unsigned int done = 0, some, good;

	for (;;) {
		some = min_t(unsigned long, mapping->count - done, UNMAP_BATCH >> PAGE_SHIFT);
		if (mapping->pfns)
			good = vwin_map_pfns(window, addr + done * PAGE_SIZE, mapping->pfns + done,
					     some, mapping->prot);
		else
			good = vwin_map_foreign(window, addr + done * PAGE_SIZE,
						mapping->pages + done, some, mapping->prot);
		done += good;
		if (likely(done == mapping->count) || good < some)
			return done;
		cond_resched();
	}
}

/* Unmap what was mapped of a mapping that failed; the pages stay the caller's.  Free the extent. */
static noinline void undo_mapping(struct vmap_cache *cache, struct vmap_extent *extent)
{
	extent->flags = VMAP_EXTENT_FOREIGN;
	vpurge_free(&cache->purge, extent);
}

/* valloc_map_for() in a memory arena. */
static void *map_pages(struct vmap_cache *cache, const struct valloc_mapping *mapping,
		       const void *caller)
{
	unsigned long size = (unsigned long)mapping->count << PAGE_SHIFT;
	struct vmap_extent *extent;
	enum vwatch_path path;
	u64 began = vwatch_begin();
	struct vmap_span *span;
	unsigned int good;

	if (!cache->memory_align || !mapping->count || mapping->count > totalram_pages())
		return NULL;
	if (!mapping->pages && !mapping->pfns) {
		report_bad_page(mapping, 0, caller);
		return NULL;
	}
	extent = take_live_memory(cache, size, PAGE_SIZE, GFP_KERNEL, caller, &span, &path);
	if (IS_ERR(extent))
		return NULL;
	extent->flags = mapping->flags;
	good = map_foreign(span->window, extent->start, mapping);
	if (unlikely(good < mapping->count)) {
		report_bad_page(mapping, good, caller);
		undo_mapping(cache, extent);
		return NULL;
	}
	vwin_shadow_open(extent->start, size);
	if (!(mapping->flags & VMAP_EXTENT_FOREIGN)) {
		vspace_got_pages(&cache->purge.space, mapping->pages, mapping->count);
		valloc_tell_kmemleak((void *)extent->start, size, GFP_KERNEL);
	}
	valloc_publish(span, extent);
	vwatch_alloc(extent, size, path, began);
	return (void *)extent->start;
}

/* Map what the caller has, in an arena, for @caller. */
void *valloc_map_for(struct vmap_arena *arena, const struct valloc_mapping *mapping,
		     const void *caller)
{
	struct vmap_cache *cache = &varena_or_default(arena)->cache;
	void *addr;

	if (vbad_refuse_nmi(caller))
		return NULL;
	might_sleep();
	addr = map_pages(cache, mapping, caller);
	if (unlikely(!addr))
		vspace_count(&cache->purge.space, fails);
	else
		vtake_ahead(cache, GFP_KERNEL);
	return addr;
}

/**
 * vmap_map_pages() - map the caller's pages side by side
 * @pages: the pages, each one of memory; the pages stay the caller's
 * @count: how many pages, from 1 to what the machine has
 * @prot: how to map the pages; never executable, whatever @prot says, as with vmap()
 *
 * Never give the address to vfree(), kvfree(), vunmap(), kvrealloc() or their like, which would
 * destroy the whole span; vmap_unmap_pages() undoes the mapping.
 *
 * Steps: as vmap_arena_alloc()
 *
 * Context: process, may sleep, also with PREEMPT_RT.
 * Return: the address, to be given to vmap_unmap_pages(), or NULL.  An entry of @pages that is
 * NULL, or no page of memory, is reported with the caller, and nothing is mapped.
 */
void *vmap_map_pages(struct page **pages, unsigned int count, pgprot_t prot)
{
	const struct valloc_mapping mapping = {
		.pages = pages, .count = count, .prot = prot, .flags = VMAP_EXTENT_FOREIGN,
	};

	return valloc_map_for(NULL, &mapping, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_map_pages);

/**
 * vmap_map_pfns() - map page frames that have no struct page side by side
 * @pfns: the page frames, of a device for example
 * @count: how many, from 1 to the pages that the machine has
 * @prot: how to map them; never executable, whatever @prot says
 *
 * Never give the address to vfree(), kvfree(), vunmap(), kvrealloc() or their like, which would
 * destroy the whole span; vmap_unmap_pages() undoes the mapping.
 *
 * Steps: as vmap_arena_alloc()
 *
 * Context: process, may sleep, also with PREEMPT_RT.
 * Return: the address, to be given to vmap_unmap_pages(), or NULL.  A page frame that has a struct
 * page, or that no page-table entry can hold, is reported with the caller, and nothing is mapped.
 */
void *vmap_map_pfns(const unsigned long *pfns, unsigned int count, pgprot_t prot)
{
	const struct valloc_mapping mapping = {
		.pfns = pfns, .count = count, .prot = prot, .flags = VMAP_EXTENT_FOREIGN,
	};

	return valloc_map_for(NULL, &mapping, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_map_pfns);

/* Claim the mapping at @addr, and end it. */
static enum vwatch_path unmap_pages(const void *addr, const void *caller)
{
	struct vmap_extent *extent;
	struct vmap_cache *cache;

	if (!addr || vbad_refuse_nmi(caller))
		return VWATCH_NOWHERE;
	extent = vbad_claim(addr, true, caller);
	if (!extent)
		return VWATCH_NOWHERE;
	cache = vcache_of(extent->space);
	vwin_shadow_close(extent->start, vext_end(extent) - cache->purge.space.guard);
	vpurge_free(&cache->purge, extent);
	vspace_count_free(&cache->purge.space);
	return VWATCH_LAZY;
}

/* vmap_unmap_pages() for @caller. */
void valloc_unmap(const void *addr, const void *caller)
{
	if (static_branch_unlikely(&vwatch_calls))
		free_watched(unmap_pages, addr, caller);
	else
		unmap_pages(addr, caller);
}

/**
 * vmap_unmap_pages() - undo vmap_map_pages()
 * @addr: the address that vmap_map_pages() returned; NULL is fine
 *
 * The purge worker unmaps more than 2 MiB where the caller may not sleep.  An address that is not
 * the start of a live mapping by vmap_map_pages() is reported with the caller, and nothing is
 * changed.
 *
 * Steps: as vmap_free()
 *
 * Context: any but NMI; takes the arena's lock for a batch at a time.  With PREEMPT_RT, where
 * preemption or interrupts are off, the worker unmaps the pages.
 */
void vmap_unmap_pages(const void *addr)
{
	valloc_unmap(addr, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_unmap_pages);

/* Free the area that starts at @addr, of either kind: foreign or not.  Context: any but NMI. */
void valloc_free_any(const void *addr, const void *caller)
{
	if (vbad_is_foreign(addr))
		valloc_unmap(addr, caller);
	else
		free_for(addr, caller);
}
