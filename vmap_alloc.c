// SPDX-License-Identifier: GPL-2.0
/*
 * vmap_alloc.c - the front door: what callers allocate and free
 *
 * An allocation takes an extent, the lowest that fits (take.c); then, without a lock, fills it with
 * pages and notes it in its span's table of owners.  A free undoes that in reverse: it takes the
 * extent out of the table (badfree.c; which is also how a double free, an interior or a foreign
 * pointer is noticed), unmaps it and leaves it to purge.c.  In a range arena there are no pages and
 * nothing is lazy: a free puts the extent straight back into the tree.
 *
 * Before all that stands the cache (cache.c): most allocations get, and most frees leave, an extent
 * of the same size on the same CPU.
 *
 * The last thing that a free does to its arena is to count itself: from then on
 * vmap_arena_destroy() may find that nothing is allocated, and free the arena.  See empty_arena()
 * for what may still be on its way then.
 *
 * There is no array of pages: the page-table entries say which pages an area has.
 *
 * With PREEMPT_RT neither pages nor slab objects may be asked for or freed where preemption or
 * interrupts are off (vctx_may_call_mm()).  There an allocation of memory is served by the cache or
 * fails, an extent needs spares that are there already, and a free is kept or left to the worker.
 *
 * Locking: see arena.h.  An extent that is busy belongs to its holder; nobody else writes it.
 */
#include <linux/export.h>
#include <linux/kmemleak.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include "calls.h"
#include "fresh.h"
#include "shadow.h"

struct vmap_arena *varena_default;

/* Pages allocated and mapped at a time: their pointers take 256 bytes of the stack. */
#define FILL_BATCH 32

/* Not inlined, so that only those calls pay for a search on the stack that need one. */
static noinline struct vmap_extent *take_memory_slow(struct vmap_cache *cache, unsigned long size,
						     unsigned long align, gfp_t gfp,
						     const void *caller)
{
	struct free_search search = { .size = size, .align = align, .hi = ULONG_MAX };

	return vtake_slow(cache, &search, gfp, caller);
}

static struct vmap_extent *take_memory(struct vmap_cache *cache, unsigned long size,
				       unsigned long align, gfp_t gfp, const void *caller)
{
	struct vmap_extent *extent = NULL;
	unsigned long with_guard;

	if (!cache->purge.space.memory || !size || size > totalram_pages() << PAGE_SHIFT ||
	    !is_power_of_2(align))
		return ERR_PTR(-EINVAL);
	with_guard = PAGE_ALIGN(size) + cache->purge.space.guard;
	if (likely(align <= PAGE_SIZE))
		extent = vtake_fast(cache, with_guard, caller);
	if (unlikely(!extent))
		extent = take_memory_slow(cache, with_guard, max(align, PAGE_SIZE), gfp, caller);
	return extent;
}

/* Take an extent of a span that is still there, which @span is set to. */
static struct vmap_extent *take_live_memory(struct vmap_cache *cache, unsigned long size,
					    unsigned long align, gfp_t gfp, const void *caller,
					    struct vmap_span **span)
{
	struct vmap_extent *extent;

	for (;;) {
		extent = take_memory(cache, size, align, gfp, caller);
		if (IS_ERR(extent))
			return extent;
		*span = vspan_of_live(extent->start);
		if (likely(*span))
			return extent;
		vlost_leave(&cache->purge.space, extent, false, caller);
	}
}

static unsigned int get_pages(struct page **pages, unsigned int count, gfp_t gfp, int node)
{
	bool policy = vplace_by_policy(node);
	unsigned int got = 0;

	memset(pages, 0, count * sizeof(*pages));
	if (!policy)
		got = alloc_pages_bulk_node(gfp & ~__GFP_NOFAIL, node, count, pages);
	/* From here on each page may take time. */
	for (; got < count && !vgfp_gives_up(gfp); got++) {
		pages[got] = policy ? alloc_page(gfp) : alloc_pages_node(node, gfp, 0);
		if (!pages[got])
			break;
	}
	return got;
}

static noinline void put_pages(struct page **pages, unsigned int count)
{
	while (count)
		__free_page(pages[--count]);
}

/*
 * Give an area its pages.  On failure, and while it waits, those it has already stay mapped.  Where
 * all of them lie is told by @place.
 */
static bool fill(struct vmap_window *window, unsigned long addr, unsigned long end, gfp_t gfp,
		 int node, int *place)
{
	struct page *pages[FILL_BATCH];

	*place = static_branch_unlikely(&vplace_matters) ? NUMA_NO_NODE : 0;
	gfp = vgfp_for_pages(gfp);
	while (addr < end) {
		unsigned int want = min_t(unsigned long, FILL_BATCH, (end - addr) >> PAGE_SHIFT);
		unsigned int got = get_pages(pages, want, gfp, node);

		if (unlikely(!vwin_alive(window))) {
			put_pages(pages, got);
			return false;
		}
		if (static_branch_unlikely(&vplace_matters))
			*place = vplace_of_pages(pages, got, *place);
		vwin_map(window, addr, pages, got, PAGE_KERNEL);
		addr += (unsigned long)got << PAGE_SHIFT;
		if (got < want && !vgfp_waits(gfp))
			return false;
		if (got < want)
			schedule_timeout_uninterruptible(1);
		if (gfpflags_allow_blocking(gfp))
			cond_resched();
	}
	return true;
}

/* Note, at each WINDOW_GRAIN that an area crosses into, how far back it began. */
static void note_crossings(const struct vmap_span *span, const struct vmap_extent *extent)
{
	unsigned long addr = ALIGN(extent->start + 1, WINDOW_GRAIN);

	for (; addr < vext_end(extent); addr += WINDOW_GRAIN)
		WRITE_ONCE(*vspan_behind(span, addr), (addr - extent->start) >> PAGE_SHIFT);
}

/* From here on a free can find the extent, and reads what was written to it before. */
static void publish(const struct vmap_span *span, struct vmap_extent *extent)
{
	note_crossings(span, extent);
	/* Pairs with the dependency of what a look-up reads on the slot it read first. */
	smp_store_release(vspan_slot(span, extent->start), extent);
	vspace_count(span->space, allocs);
}

/* Pages got with these flags are not what everybody may have, nor are others good enough. */
#define SPECIAL_FLAGS	(__GFP_DMA | __GFP_DMA32 | __GFP_MOVABLE | __GFP_RECLAIMABLE | \
			 __GFP_THISNODE | __GFP_ACCOUNT)

static __always_inline bool is_recyclable(gfp_t gfp)
{
	return !(gfp & SPECIAL_FLAGS);
}

/*
 * Make an area known to kmemleak, which asks the slab for a note of it.  Where that is not allowed
 * the area stays unknown: it is not reported if it is lost, and not looked into.
 */
static __always_inline void tell_kmemleak(const void *addr, unsigned long size, gfp_t gfp)
{
	if (!IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) || vctx_may_call_mm())
		kmemleak_alloc(addr, size, 1, gfp);
}

static void *alloc_area_uncached(struct vmap_cache *cache, unsigned long size, unsigned long align,
				 gfp_t gfp, int node, const void *caller)
{
	struct vmap_extent *extent = ERR_PTR(-ENOMEM);
	struct vmap_span *span;
	void *addr;
	int place;

	if (vctx_may_call_mm())
		extent = take_live_memory(cache, size, align, gfp, caller, &span);
	if (IS_ERR(extent)) {
		vtake_failed(cache, size, align, gfp, PTR_ERR(extent), caller);
		vtake_ahead(cache, gfp);
		return NULL;
	}
	if (!fill(span->window, extent->start, vext_end(extent) - cache->purge.space.guard, gfp,
		  node, &place)) {
		vtake_failed(cache, size, align, gfp, -ENOMEM, caller);
		vpurge_free(&cache->purge, extent);
		return NULL;
	}
	addr = (void *)extent->start;
	vwin_shadow_open(extent->start, size);
	tell_kmemleak(addr, size, gfp);
	extent->flags = is_recyclable(gfp) && place >= 0 ? vplace_flags(place) : 0;
	publish(span, extent);
	vtake_ahead(cache, gfp);
	return addr;
}

static noinline void clear_area(unsigned long addr, unsigned long end)
{
	for (; addr < end; addr += PAGE_SIZE)
		clear_page((void *)addr);
}

/* Is what was in the cache fit to be handed out?  If its span is lost it is left. */
static __always_inline bool may_reuse(struct vmap_cache *cache, struct vmap_extent *extent,
				      const void *caller)
{
	if (likely(vwin_alive(extent->window)))
		return true;
	vlost_leave(&cache->purge.space, extent, true, caller);
	/* The cache has counted an allocation. */
	vspace_count_free(&cache->purge.space);
	return false;
}

/* Hand out a warm extent as if it were fresh. */
static __always_inline void *reuse(struct vmap_extent *extent, unsigned long size, gfp_t gfp,
				   const void *caller)
{
	void *addr = (void *)extent->start;

	vspace_hand_out(extent, caller);
	vwin_shadow_open(extent->start, size);
	if (want_init_on_alloc(gfp))
		clear_area(extent->start, extent->start + PAGE_ALIGN(size));
	tell_kmemleak(addr, size, gfp);
	return addr;
}

static noinline void *alloc_area_slow(struct vmap_cache *cache, unsigned long size,
				      unsigned long align, gfp_t gfp, int node, const void *caller)
{
	unsigned long pages = PAGE_ALIGN(size) >> PAGE_SHIFT;
	struct vmap_extent *extent;

	if (vbad_refuse_nmi(caller))
		return NULL;
	while (cache->purge.space.memory && is_power_of_2(align) && is_recyclable(gfp) &&
	       vplace_may_be_warm(node) &&
	       (extent = vcache_take_slow(cache, pages, align, gfp, node)))
		if (may_reuse(cache, extent, caller))
			return reuse(extent, size, gfp, caller);
	return alloc_area_uncached(cache, size, align, gfp, node, caller);
}

/*
 * Allocate from the cache if it serves alignments up to @cached_align: cache->memory_align, which
 * keeps a range arena's extents from being taken for memory, or PAGE_SIZE for a known memory arena.
 */
static __always_inline void *alloc_area(struct vmap_cache *cache, unsigned long cached_align,
					unsigned long size, unsigned long align, gfp_t gfp,
					int node, const void *caller)
{
	struct vmap_extent *extent;

	if (likely(align <= cached_align && is_power_of_2(align) && is_recyclable(gfp) &&
		   node == NUMA_NO_NODE && vplace_may_be_warm(node) &&
		   vcache_take(cache, PAGE_ALIGN(size) >> PAGE_SHIFT, &extent) &&
		   may_reuse(cache, extent, caller)))
		return reuse(extent, size, gfp, caller);
	return alloc_area_slow(cache, size, align, gfp, node, caller);
}

/**
 * vmap_arena_alloc() - allocate mapped memory from an arena
 * @arena: a memory arena; NULL: the default one
 * @size: bytes, rounded up to pages
 * @align: of the address, in bytes; a power of two
 * @gfp: how to get pages; __GFP_ZERO and init_on_alloc are honoured; without __GFP_DIRECT_RECLAIM
 *	 only address space imported and flushed already is used; with __GFP_NOFAIL it waits for
 *	 pages and room, and fails, with a warning that says why, only if no wait would help: where
 *	 it may not sleep, for a bad @size or @align, for more than the arena or the machine may
 *	 hold
 * @node: NUMA node for the pages, or NUMA_NO_NODE
 *
 * A task that was killed gets, unless it says __GFP_NOFAIL, what is to be had at once.
 *
 * Never to be given to vfree(), kvfree(), vunmap(), kvrealloc() or their like, which would destroy
 * the whole span; code that frees memory of any kind calls vmap_kvfree().
 *
 * Context: any that @gfp allows, also atomic; takes the arena's lock for O(log n) steps.  With
 * PREEMPT_RT, where preemption or interrupts are off, only what is kept for reuse is used.
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
 * Never to be given to vfree(), kvfree(), vunmap(), kvrealloc() or their like, which would destroy
 * the whole span; code that frees memory of any kind calls vmap_kvfree().
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
 * Never to be given to vfree(), kvfree(), vunmap(), kvrealloc() or their like, which would destroy
 * the whole span; code that frees memory of any kind calls vmap_kvfree().
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
 * Never to be given to vfree(), kvfree(), vunmap(), kvrealloc() or their like, which would destroy
 * the whole span; code that frees memory of any kind calls vmap_kvfree().
 *
 * Context: any that @gfp allows; with PREEMPT_RT as vmap_arena_alloc().
 * Return: the address, or NULL.
 */
void *vmap_alloc_node(unsigned long size, unsigned long align, gfp_t gfp, int node)
{
	return alloc_area(&varena_default->cache, PAGE_SIZE, size, align, gfp, node,
			  __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_alloc_node);

/* Is each page of an area as in a fresh one, so that whoever gets the area next can have it? */
static __always_inline bool is_fresh(const struct vmap_span *span,
				     const struct vmap_extent *extent, unsigned int pages)
{
	return vwin_is_fresh(span->window, extent->start, pages);
}

/* Have the kernel's checkers know that nobody holds an area any more. */
static __always_inline void end_area(const struct vmap_cache *cache,
				     const struct vmap_extent *extent)
{
	kmemleak_free((void *)extent->start);
	vwin_shadow_close(extent->start, vext_end(extent) - cache->purge.space.guard);
}

/*
 * Free into this CPU's magazine, if @addr is what it seems and there is room.  Whether there is
 * room is asked before whether the pages are fresh, which takes longer.
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
		     !vplace_is_recyclable(extent)))
		goto out;
	cache = vcache_of(extent->space);
	pages = vspace_pages_of(&cache->purge.space, extent);
	if (unlikely(pages > CACHE_CLASSES ||
		     !vcache_magazine_has_room(cache->cpu, extent, pages, &magazine) ||
		     !vwin_alive(span->window) || !is_fresh(span, extent, pages)))
		goto out;
	vcache_push(cache->cpu, magazine, extent);
	/* While interrupts are off nobody can take the extent out again. */
	extent->window = span->window;
	end_area(cache, extent);
	local_irq_restore(flags);
	return true;
out:
	local_irq_restore(flags);
	return false;
}

/*
 * Keep what was claimed, its arena noted, for reuse; it can be found again, as what is cached can.
 * Pages are cleared only if they stay, and only once it is known that the area maps them writable
 * and that nobody else has them: the page allocator clears what it gets back.  If others take the
 * room meanwhile, they are cleared twice.
 */
static bool keep(struct vmap_cache *cache, struct vmap_extent *extent)
{
	unsigned long class = vspace_pages_of(&cache->purge.space, extent);
	struct vmap_extent **slot;
	struct vmap_span *span;

	if (!vplace_is_recyclable(extent) || !vcache_wants(cache, class))
		return false;
	span = vspan_of_live(extent->start);
	if (unlikely(!span) || !is_fresh(span, extent, class))
		return false;
	if (want_init_on_free()) {
		if (!vcache_has_room(cache, extent, class))
			return false;
		clear_area(extent->start, extent->start + (class << PAGE_SHIFT));
	}
	extent->window = span->window;
	slot = vspan_slot(span, extent->start);
	/* As in publish(). */
	smp_store_release(slot, extent);
	if (vcache_store(cache, extent, class) || vcache_store_slow(cache, extent, class))
		return true;
	WRITE_ONCE(*slot, NULL);
	return false;
}

static noinline void free_slow(const void *addr, const void *caller)
{
	struct vmap_extent *extent;
	struct vmap_cache *cache;

	if (!addr || vbad_refuse_nmi(caller))
		return;
	extent = vbad_claim(addr, false, caller);
	if (!extent)
		return;
	cache = vcache_of(extent->space);
	end_area(cache, extent);
	if (keep(cache, extent))
		return;
	vpurge_free(&cache->purge, extent);
	vspace_count_free(&cache->purge.space);
}

/**
 * vmap_free() - free what an allocating call returned
 * @addr: the address; NULL is fine
 *
 * Memory is kept for reuse only if nothing tells it from fresh memory: each page is mapped as it
 * was at first, and nobody else refers to it.  Else the pages are unmapped and freed, a page to
 * which somebody else still refers by its last user, before vmap_free() returns, except where that
 * is not allowed, or where the caller may not sleep and it is more than 2 MiB: then the purge
 * worker does it.  A caller who may sleep lets others run after each 2 MiB.  An address that is not
 * the start of a live allocation is reported with the caller, and nothing is changed; only two CPUs
 * that free the same address in the same instant may both succeed.
 *
 * Context: any but NMI; takes the arena's lock, if at all, for a batch at a time.  Waits only where
 * it may sleep.  With PREEMPT_RT, where preemption or interrupts are off, what is not kept for
 * reuse is left to the worker.
 */
void vmap_free(const void *addr)
{
	if (want_init_on_free() || !free_fast(addr))
		free_slow(addr, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_free);

/* After the grace period.  Until here nobody could find the extent; the cache's can be found. */
static void free_area_rcu(struct rcu_head *rcu)
{
	struct vmap_extent *extent = container_of(rcu, struct vmap_extent, rcu);
	struct vmap_space *space = vspan_of(extent->start)->space;
	struct vmap_cache *cache = vcache_of(space);

	/* In a lost span what the checkers know of these addresses may be others' by now. */
	if (likely(vspan_of_live(extent->start)))
		end_area(cache, extent);
	/* extent->rcu overlays extent->space, so restore extent->space. */
	WRITE_ONCE(extent->space, space);
	if (keep(cache, extent))
		return;
	vpurge_free(&cache->purge, extent);
	vspace_count_free(&cache->purge.space);
}

/* vmap_free_rcu() for @caller. */
void valloc_free_rcu(const void *addr, const void *caller)
{
	struct vmap_extent *extent;

	if (!addr || vbad_refuse_nmi(caller))
		return;
	extent = vbad_claim(addr, false, caller);
	if (extent)
		call_rcu(&extent->rcu, free_area_rcu);
}

/**
 * vmap_free_rcu() - vmap_free() after an RCU grace period
 * @addr: the address; NULL is fine
 *
 * Needs no memory and no room in the caller's structure.  The purge worker frees what is more than
 * 2 MiB.  A bad address is reported at once, as vmap_free() does, and nothing is changed.
 *
 * Context: any but NMI, also with PREEMPT_RT.
 */
void vmap_free_rcu(const void *addr)
{
	valloc_free_rcu(addr, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_free_rcu);

/* vmap_free() for @caller; not inlined where vmap_free() is, which then has a register more. */
static noinline void free_for(const void *addr, const void *caller)
{
	if (want_init_on_free() || !free_fast(addr))
		free_slow(addr, caller);
}

/**
 * vmap_kvfree() - free memory of an arena's, of kvmalloc()'s, vmalloc()'s or kmalloc()'s
 * @addr: the address; NULL is fine
 *
 * For code that does not know where its memory came from.  The kernel's own kvfree() and vfree()
 * may not be given an address of an arena's: to the kernel all of a span is one area, and they
 * would free it under all who have memory there.  An address within a span that is not the start of
 * a live allocation is reported as vmap_free() does, and nothing is changed.
 *
 * Context: for memory of an arena's as vmap_free(), also with PREEMPT_RT; else as kvfree(): not
 * NMI, and with PREEMPT_RT not where preemption or interrupts are off.
 */
void vmap_kvfree(const void *addr)
{
	const void *caller = __builtin_return_address(0);

	if (vbad_refuse_nmi(caller))
		return;
	if (vbad_is_ours(addr))
		free_for(addr, caller);
	else
		kvfree(addr);
}
EXPORT_SYMBOL_GPL(vmap_kvfree);

/**
 * vmap_kvfree_rcu() - vmap_kvfree() after an RCU grace period
 * @addr: the address; NULL is fine
 *
 * Needs no room in the caller's structure.  An address within a span is treated as vmap_kvfree()
 * does.
 *
 * Context: for memory of an arena's any but NMI, also with PREEMPT_RT; else as
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

/* Not inlined, so that the calls that map do not pay for it. */
static noinline void report_bad_page(struct page **pages, unsigned int bad, unsigned int count,
				     const void *caller)
{
	pr_err_ratelimited("vmap_arena: vmap_map_pages() by %pS: page %u of 0..%u is %s\n", caller,
			   bad, count - 1, pages && pages[bad] ? "no page of memory" : "NULL");
}

/* Map pages of the caller's, a batch after the other.  Return how many are good, from the first. */
static unsigned int map_foreign(struct vmap_window *window, unsigned long addr,
				struct page **pages, unsigned int count, pgprot_t prot)
{
	unsigned int done = 0, some, good;

	for (;;) {
		some = min_t(unsigned long, count - done, UNMAP_BATCH >> PAGE_SHIFT);
		good = vwin_map_foreign(window, addr + done * PAGE_SIZE, pages + done, some, prot);
		done += good;
		if (likely(done == count) || good < some)
			return done;
		cond_resched();
	}
}

static void *map_pages(struct vmap_cache *cache, struct page **pages, unsigned int count,
		       pgprot_t prot, const void *caller)
{
	unsigned long size = (unsigned long)count << PAGE_SHIFT;
	struct vmap_extent *extent;
	struct vmap_span *span;
	unsigned int good;

	if (!count || count > totalram_pages())
		return NULL;
	if (!pages) {
		report_bad_page(pages, 0, count, caller);
		return NULL;
	}
	extent = take_live_memory(cache, size, PAGE_SIZE, GFP_KERNEL, caller, &span);
	if (IS_ERR(extent))
		return NULL;
	extent->flags = VMAP_EXTENT_FOREIGN;
	good = map_foreign(span->window, extent->start, pages, count, prot);
	if (unlikely(good < count)) {
		report_bad_page(pages, good, count, caller);
		vpurge_free(&cache->purge, extent);
		return NULL;
	}
	vwin_shadow_open(extent->start, size);
	publish(span, extent);
	return (void *)extent->start;
}

/**
 * vmap_map_pages() - map pages of the caller's side by side
 * @pages: the pages, each one of memory; they stay the caller's
 * @count: how many, from 1 to what the machine has
 * @prot: how to map them; never executable, whatever it says, as with vmap()
 *
 * Never to be given to vfree(), kvfree(), vunmap(), kvrealloc() or their like, which would destroy
 * the whole span; vmap_unmap_pages() undoes it.
 *
 * Context: process, may sleep, also with PREEMPT_RT.
 * Return: the address, to be given to vmap_unmap_pages(), or NULL.  An entry of @pages that is
 * NULL, or no page of memory, is reported with the caller, and nothing is mapped.
 */
void *vmap_map_pages(struct page **pages, unsigned int count, pgprot_t prot)
{
	struct vmap_cache *cache = &varena_default->cache;
	const void *caller = __builtin_return_address(0);
	void *addr;

	if (vbad_refuse_nmi(caller))
		return NULL;
	might_sleep();
	addr = map_pages(cache, pages, count, prot, caller);
	if (unlikely(!addr))
		vspace_count(&cache->purge.space, fails);
	else
		vtake_ahead(cache, GFP_KERNEL);
	return addr;
}
EXPORT_SYMBOL_GPL(vmap_map_pages);

/* vmap_unmap_pages() for @caller. */
void valloc_unmap(const void *addr, const void *caller)
{
	struct vmap_extent *extent;
	struct vmap_cache *cache;

	if (!addr || vbad_refuse_nmi(caller))
		return;
	extent = vbad_claim(addr, true, caller);
	if (!extent)
		return;
	cache = vcache_of(extent->space);
	vwin_shadow_close(extent->start, vext_end(extent) - cache->purge.space.guard);
	vpurge_free(&cache->purge, extent);
	vspace_count_free(&cache->purge.space);
}

/**
 * vmap_unmap_pages() - undo vmap_map_pages()
 * @addr: what it returned; NULL is fine
 *
 * Where it may not sleep, the purge worker unmaps what is more than 2 MiB.  An address that is not
 * the start of what vmap_map_pages() made is reported with the caller, and nothing is changed.
 *
 * Context: any but NMI; takes the arena's lock for a batch at a time.  With PREEMPT_RT, where
 * preemption or interrupts are off, it is left to the worker.
 */
void vmap_unmap_pages(const void *addr)
{
	valloc_unmap(addr, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_unmap_pages);

/* Free what starts at @addr, whoever's pages it has.  Context: any but NMI. */
void valloc_free_any(const void *addr, const void *caller)
{
	if (vbad_is_foreign(addr))
		valloc_unmap(addr, caller);
	else
		free_for(addr, caller);
}
