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
 * interrupts are off (may_call_mm()).  There an allocation of memory is served by the cache or
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

#include "arena.h"
#include "cache.h"
#include "fresh.h"
#include "shadow.h"
#include "take.h"

/* Pages allocated and mapped at a time; their pointers are on the stack. */
#define FILL_BATCH	32

static struct vmap_arena *or_default(struct vmap_arena *arena)
{
	return arena ?: default_arena;
}

/* Not inlined, so that only those calls pay for a search on the stack that need one. */
static noinline struct vmap_extent *take_memory_hard(struct vmap_arena *arena, unsigned long size,
						     unsigned long align, gfp_t gfp,
						     const void *caller)
{
	struct free_search search = { .size = size, .align = align, .hi = ULONG_MAX };

	return take_hard(arena, &search, gfp, caller);
}

static struct vmap_extent *take_memory(struct vmap_arena *arena, unsigned long size,
				       unsigned long align, gfp_t gfp, const void *caller)
{
	struct vmap_extent *extent = NULL;
	unsigned long with_guard;

	if (!arena->memory || !size || size > totalram_pages() << PAGE_SHIFT ||
	    !is_power_of_2(align))
		return ERR_PTR(-EINVAL);
	with_guard = PAGE_ALIGN(size) + arena->guard;
	if (likely(align <= PAGE_SIZE))
		extent = take_plain(arena, with_guard, caller);
	if (unlikely(!extent))
		extent = take_memory_hard(arena, with_guard, max(align, PAGE_SIZE), gfp, caller);
	return extent;
}

/* Take an extent of a span that is still there, which @span is set to. */
static struct vmap_extent *take_live_memory(struct vmap_arena *arena, unsigned long size,
					    unsigned long align, gfp_t gfp, const void *caller,
					    struct vmap_span **span)
{
	struct vmap_extent *extent;

	for (;;) {
		extent = take_memory(arena, size, align, gfp, caller);
		if (IS_ERR(extent))
			return extent;
		*span = span_of_live(extent->start);
		if (likely(*span))
			return extent;
		lost_leave(arena, extent, false, caller);
	}
}

static unsigned int get_pages(struct page **pages, unsigned int count, gfp_t gfp, int node)
{
	bool policy = place_by_policy(node);
	unsigned int got = 0;

	memset(pages, 0, count * sizeof(*pages));
	if (!policy)
		got = alloc_pages_bulk_node(gfp & ~__GFP_NOFAIL, node, count, pages);
	/* From here on each page may take time. */
	for (; got < count && !gfp_gives_up(gfp); got++) {
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

	*place = static_branch_unlikely(&place_matters) ? NUMA_NO_NODE : 0;
	gfp = gfp_for_pages(gfp);
	while (addr < end) {
		unsigned int want = min_t(unsigned long, FILL_BATCH, (end - addr) >> PAGE_SHIFT);
		unsigned int got = get_pages(pages, want, gfp, node);

		if (unlikely(!window_alive(window))) {
			put_pages(pages, got);
			return false;
		}
		if (static_branch_unlikely(&place_matters))
			*place = place_of_pages(pages, got, *place);
		window_map(window, addr, pages, got, PAGE_KERNEL);
		addr += (unsigned long)got << PAGE_SHIFT;
		if (got < want && !gfp_waits(gfp))
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

	for (; addr < extent_end(extent); addr += WINDOW_GRAIN)
		WRITE_ONCE(*span_behind(span, addr), (addr - extent->start) >> PAGE_SHIFT);
}

/* From here on a free can find the extent, and reads what was written to it before. */
static void publish(const struct vmap_span *span, struct vmap_extent *extent)
{
	note_crossings(span, extent);
	/* Pairs with the dependency of what a look-up reads on the slot it read first. */
	smp_store_release(span_slot(span, extent->start), extent);
	arena_count(span->arena, allocs);
}

/* May a free sleep here?  vmap_free() promises not to ask for more than its caller can give. */
static bool may_wait(void)
{
	return preemptible() && !rcu_preempt_depth();
}

/**
 * arena_unmap() - unmap what comes next of an extent on its way to lazy, and free its pages
 * @arena: the arena
 * @extent: unmapped so far as it says, which is updated; in a lost span there is nothing to do
 * @most: how many units
 *
 * Context: any in which pages may be freed.
 * Return: how many units were unmapped.
 */
unsigned long arena_unmap(struct vmap_arena *arena, struct vmap_extent *extent, unsigned long most)
{
	unsigned long start = extent->unmapped, size = min(extent_end(extent) - start, most);
	struct vmap_span *span = span_of_live(extent->start);
	bool foreign = extent->flags & VMAP_EXTENT_FOREIGN;

	if (likely(span))
		window_unmap(span->window, start, start + size, !foreign);
	else
		lost_unmap(arena, extent, size);
	WRITE_ONCE(extent->unmapped, start + size);
	return size;
}

/* Unmap all of an extent; return false if it is more than may be done here. */
static bool unmap_here(struct vmap_arena *arena, struct vmap_extent *extent)
{
	if (!may_call_mm() || (extent->size > UNMAP_BATCH && !may_wait()))
		return false;
	while (arena_unmap(arena, extent, UNMAP_BATCH) && extent->unmapped < extent_end(extent))
		cond_resched();
	return true;
}

/* The pages of an extent of a memory arena, whose quantum is a page: its class in the cache. */
static __always_inline unsigned long pages_of(const struct vmap_arena *arena,
					      const struct vmap_extent *extent)
{
	return (extent->size - arena->guard) >> PAGE_SHIFT;
}

/*
 * Free an extent that nobody can find any more.  The caller counts the free afterwards.  Return how
 * many pages were unmapped here.
 */
static unsigned long free_area(struct vmap_arena *arena, struct vmap_extent *extent)
{
	unsigned int rounds = THROTTLE_ROUNDS;
	unsigned long pages;
	bool done;

	WRITE_ONCE(extent->state, VMAP_FREEING);
	WRITE_ONCE(extent->unmapped, extent->start);
	if (unlikely(is_help_wanted(arena)) && may_wait())
		purge_deferred(arena);
	done = unmap_here(arena, extent);
	pages = done ? pages_of(arena, extent) : 0;
	while (done && !purge_charge(arena, extent->size)) {
		done = may_wait() && rounds--;
		if (done)
			purge_make_way(arena);
	}
	if (done)
		purge_add(arena, extent);
	else
		purge_defer(arena, extent);
	return pages;
}

/*
 * Make what was cached free: an extent that is in no magazine and no depot any more.  Return how
 * many pages went back to the kernel.  If that is because the kernel reclaims memory, it is told:
 * nobody else can know of them.  What a holder frees, the holder tells, as with vfree().
 */
unsigned long arena_uncache(struct vmap_arena *arena, struct vmap_extent *extent)
{
	unsigned long flags, pages = 0;

	if (arena->memory) {
		WRITE_ONCE(*span_slot(span_of(extent->start), extent->start), NULL);
		pages = free_area(arena, extent);
		mm_account_reclaimed_pages(pages);
	} else {
		flags = arena_lock(arena);
		give_back(arena, extent);
		arena_unlock(arena, flags);
	}
	if (may_wait())
		cond_resched();
	return pages;
}

static unsigned long class_of(const struct vmap_arena *arena, const struct vmap_extent *extent)
{
	return (extent->size - arena->guard) >> arena->quantum_shift;
}

/* Pages got with these flags are not what everybody may have, nor are others good enough. */
#define SPECIAL_FLAGS	(__GFP_DMA | __GFP_DMA32 | __GFP_MOVABLE | __GFP_RECLAIMABLE | \
			 __GFP_THISNODE | __GFP_ACCOUNT)

static __always_inline bool is_plain(gfp_t gfp)
{
	return !(gfp & SPECIAL_FLAGS);
}

/*
 * Make an area known to kmemleak, which asks the slab for a note of it.  Where that is not allowed
 * the area stays unknown: it is not reported if it is lost, and not looked into.
 */
static __always_inline void tell_kmemleak(const void *addr, unsigned long size, gfp_t gfp)
{
	if (!IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) || may_call_mm())
		kmemleak_alloc(addr, size, 1, gfp);
}

/* What stands in the way of a request that must not fail. */
static const char *why_not(const struct vmap_arena *arena, int err, gfp_t gfp)
{
	if (err == -EINVAL)
		return "bad size, alignment or arena";
	if (!gfpflags_allow_blocking(gfp) || !may_call_mm())
		return "it may not wait";
	return arena->memory ? "more than the arena may hold" : "no room in the range";
}

/* Count a request that failed.  One that must not fail is not refused in silence. */
static noinline void note_failure(struct vmap_arena *arena, unsigned long size, unsigned long align,
				  gfp_t gfp, int err, const void *caller)
{
	arena_count(arena, fails);
	if (gfp & __GFP_NOFAIL)
		pr_warn_ratelimited("vmap_arena: __GFP_NOFAIL refused to %pS: %s: arena %s, size %lu, alignment %lu, gfp %pGg\n",
				    caller, why_not(arena, err, gfp), arena->name, size, align,
				    &gfp);
}

static void *alloc_area_uncached(struct vmap_arena *arena, unsigned long size,
				 unsigned long align, gfp_t gfp, int node, const void *caller)
{
	struct vmap_extent *extent = ERR_PTR(-ENOMEM);
	struct vmap_span *span;
	void *addr;
	int place;

	if (may_call_mm())
		extent = take_live_memory(arena, size, align, gfp, caller, &span);
	if (IS_ERR(extent)) {
		note_failure(arena, size, align, gfp, PTR_ERR(extent), caller);
		take_ahead(arena, gfp);
		return NULL;
	}
	if (!fill(span->window, extent->start, extent_end(extent) - arena->guard, gfp, node,
		  &place)) {
		note_failure(arena, size, align, gfp, -ENOMEM, caller);
		free_area(arena, extent);
		return NULL;
	}
	addr = (void *)extent->start;
	shadow_open(extent->start, size);
	tell_kmemleak(addr, size, gfp);
	extent->flags = is_plain(gfp) && place >= 0 ? place_flags(place) : 0;
	publish(span, extent);
	take_ahead(arena, gfp);
	return addr;
}

static noinline void clear_area(unsigned long addr, unsigned long end)
{
	for (; addr < end; addr += PAGE_SIZE)
		clear_page((void *)addr);
}

/* Is what was in the cache fit to be handed out?  If its span is lost it is left. */
static __always_inline bool may_reuse(struct vmap_arena *arena, struct vmap_extent *extent,
				      const void *caller)
{
	if (likely(window_alive(extent->window)))
		return true;
	lost_leave(arena, extent, true, caller);
	/* The cache has counted an allocation. */
	arena_count_free(arena);
	return false;
}

/* Hand out a warm extent as if it were fresh. */
static __always_inline void *reuse(struct vmap_extent *extent, unsigned long size, gfp_t gfp,
				   const void *caller)
{
	void *addr = (void *)extent->start;

	hand_out(extent, caller);
	shadow_open(extent->start, size);
	if (want_init_on_alloc(gfp))
		clear_area(extent->start, extent->start + PAGE_ALIGN(size));
	tell_kmemleak(addr, size, gfp);
	return addr;
}

static noinline void *alloc_area_slow(struct vmap_arena *arena, unsigned long size,
				      unsigned long align, gfp_t gfp, int node, const void *caller)
{
	unsigned long pages = PAGE_ALIGN(size) >> PAGE_SHIFT;
	struct vmap_extent *extent;

	if (area_refuse_nmi(caller))
		return NULL;
	while (arena->memory && is_power_of_2(align) && is_plain(gfp) && place_may_be_warm(node) &&
	       (extent = cache_take_slow(arena, pages, align, gfp, node)))
		if (may_reuse(arena, extent, caller))
			return reuse(extent, size, gfp, caller);
	return alloc_area_uncached(arena, size, align, gfp, node, caller);
}

/*
 * Allocate from the cache if it serves alignments up to @cached_align: arena->memory_align, which
 * keeps a range arena's extents from being taken for memory, or PAGE_SIZE for a known memory arena.
 */
static __always_inline void *alloc_area(struct vmap_arena *arena, unsigned long cached_align,
					unsigned long size, unsigned long align, gfp_t gfp,
					int node, const void *caller)
{
	struct vmap_extent *extent;

	if (likely(align <= cached_align && is_power_of_2(align) && is_plain(gfp) &&
		   node == NUMA_NO_NODE && place_may_be_warm(node) &&
		   cache_take(arena, PAGE_ALIGN(size) >> PAGE_SHIFT, &extent) &&
		   may_reuse(arena, extent, caller)))
		return reuse(extent, size, gfp, caller);
	return alloc_area_slow(arena, size, align, gfp, node, caller);
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
	arena = or_default(arena);
	return alloc_area(arena, arena->memory_align, size, align, gfp, node,
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
	return alloc_area(default_arena, PAGE_SIZE, size, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE,
			  __builtin_return_address(0));
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
	return alloc_area(default_arena, PAGE_SIZE, size, PAGE_SIZE, GFP_KERNEL | __GFP_ZERO,
			  NUMA_NO_NODE, __builtin_return_address(0));
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
	return alloc_area(default_arena, PAGE_SIZE, size, align, gfp, node,
			  __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_alloc_node);

/* Is each page of an area as in a fresh one, so that whoever gets the area next can have it? */
static __always_inline bool is_fresh(const struct vmap_span *span,
				     const struct vmap_extent *extent, unsigned int pages)
{
	return window_is_fresh(span->window, extent->start, pages);
}

/* Have the kernel's checkers know that nobody holds an area any more. */
static __always_inline void end_area(const struct vmap_arena *arena,
				     const struct vmap_extent *extent)
{
	kmemleak_free((void *)extent->start);
	shadow_close(extent->start, extent_end(extent) - arena->guard);
}

/*
 * Free into this CPU's magazine, if @addr is what it seems and there is room.  Whether there is
 * room is asked before whether the pages are fresh, which takes longer.
 */
static __always_inline bool free_fast(const void *addr)
{
	struct vmap_extent *extent = NULL;
	struct magazine *magazine;
	struct vmap_arena *arena;
	struct vmap_span *span;
	unsigned long pages, flags;

	if (unlikely((unsigned long)addr & ~PAGE_MASK))
		return false;
	local_irq_save(flags);
	if (in_nmi_flags(flags))
		goto out;
	span = span_of((unsigned long)addr);
	if (likely(span))
		extent = READ_ONCE(*span_slot(span, (unsigned long)addr));
	if (unlikely(!extent || READ_ONCE(extent->state) != VMAP_BUSY || !place_is_plain(extent)))
		goto out;
	arena = extent->arena;
	pages = pages_of(arena, extent);
	if (unlikely(pages > CACHE_CLASSES ||
		     !magazine_has_room(arena->cpu, extent, pages, &magazine) ||
		     !window_alive(span->window) || !is_fresh(span, extent, pages)))
		goto out;
	magazine_push(arena->cpu, magazine, extent);
	/* While interrupts are off nobody can take the extent out again. */
	extent->window = span->window;
	end_area(arena, extent);
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
static bool keep(struct vmap_arena *arena, struct vmap_extent *extent)
{
	unsigned long class = pages_of(arena, extent);
	struct vmap_extent **slot;
	struct vmap_span *span;

	if (!place_is_plain(extent) || !cache_wants(arena, class))
		return false;
	span = span_of_live(extent->start);
	if (unlikely(!span) || !is_fresh(span, extent, class))
		return false;
	if (want_init_on_free()) {
		if (!cache_has_room(arena, extent, class))
			return false;
		clear_area(extent->start, extent->start + (class << PAGE_SHIFT));
	}
	extent->window = span->window;
	slot = span_slot(span, extent->start);
	/* As in publish(). */
	smp_store_release(slot, extent);
	if (cache_store(arena, extent, class) || cache_store_slow(arena, extent, class))
		return true;
	WRITE_ONCE(*slot, NULL);
	return false;
}

static noinline void free_slow(const void *addr, const void *caller)
{
	struct vmap_extent *extent;
	struct vmap_arena *arena;

	if (!addr || area_refuse_nmi(caller))
		return;
	extent = area_claim(addr, false, caller);
	if (!extent)
		return;
	arena = extent->arena;
	end_area(arena, extent);
	if (keep(arena, extent))
		return;
	free_area(arena, extent);
	arena_count_free(arena);
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
	struct vmap_arena *arena = span_of(extent->start)->arena;

	/* In a lost span what the checkers know of these addresses may be others' by now. */
	if (likely(span_of_live(extent->start)))
		end_area(arena, extent);
	/* The callback's rcu_head overlays extent->arena, so restore that. */
	WRITE_ONCE(extent->arena, arena);
	if (keep(arena, extent))
		return;
	free_area(arena, extent);
	arena_count_free(arena);
}

/* vmap_free_rcu() for @caller. */
void arena_free_rcu_for(const void *addr, const void *caller)
{
	struct vmap_extent *extent;

	if (!addr || area_refuse_nmi(caller))
		return;
	extent = area_claim(addr, false, caller);
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
	arena_free_rcu_for(addr, __builtin_return_address(0));
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

	if (area_refuse_nmi(caller))
		return;
	if (area_is_ours(addr))
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

	if (area_refuse_nmi(caller))
		return;
	if (area_is_ours(addr))
		arena_free_rcu_for(addr, caller);
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
		good = window_map_foreign(window, addr + done * PAGE_SIZE, pages + done, some,
					  prot);
		done += good;
		if (likely(done == count) || good < some)
			return done;
		cond_resched();
	}
}

static void *map_pages(struct vmap_arena *arena, struct page **pages, unsigned int count,
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
	extent = take_live_memory(arena, size, PAGE_SIZE, GFP_KERNEL, caller, &span);
	if (IS_ERR(extent))
		return NULL;
	extent->flags = VMAP_EXTENT_FOREIGN;
	good = map_foreign(span->window, extent->start, pages, count, prot);
	if (unlikely(good < count)) {
		report_bad_page(pages, good, count, caller);
		free_area(arena, extent);
		return NULL;
	}
	shadow_open(extent->start, size);
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
	struct vmap_arena *arena = default_arena;
	const void *caller = __builtin_return_address(0);
	void *addr;

	if (area_refuse_nmi(caller))
		return NULL;
	might_sleep();
	addr = map_pages(arena, pages, count, prot, caller);
	if (unlikely(!addr))
		arena_count(arena, fails);
	else
		take_ahead(arena, GFP_KERNEL);
	return addr;
}
EXPORT_SYMBOL_GPL(vmap_map_pages);

/* vmap_unmap_pages() for @caller. */
void arena_unmap_for(const void *addr, const void *caller)
{
	struct vmap_extent *extent;
	struct vmap_arena *arena;

	if (!addr || area_refuse_nmi(caller))
		return;
	extent = area_claim(addr, true, caller);
	if (!extent)
		return;
	arena = extent->arena;
	shadow_close(extent->start, extent_end(extent) - arena->guard);
	free_area(arena, extent);
	arena_count_free(arena);
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
	arena_unmap_for(addr, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_unmap_pages);

/* Free what starts at @addr, whoever's pages it has.  Context: any but NMI. */
void arena_free_any(const void *addr, const void *caller)
{
	if (area_is_foreign(addr))
		arena_unmap_for(addr, caller);
	else
		free_for(addr, caller);
}

/* Count what came of a request for an extent. */
static struct vmap_extent *note_extent(struct vmap_arena *arena, struct vmap_extent *extent,
				       const struct free_search *search, gfp_t gfp,
				       const void *caller)
{
	if (IS_ERR(extent))
		note_failure(arena, search->size, search->align, gfp, PTR_ERR(extent), caller);
	else
		arena_count(arena, allocs);
	return extent;
}

static noinline struct vmap_extent *alloc_extent(struct vmap_arena *arena,
						 struct free_search *search, gfp_t gfp,
						 const void *caller)
{
	unsigned long size = search->size;
	struct vmap_extent *extent;

	if (area_refuse_nmi(caller))
		return ERR_PTR(-EINVAL);
	if (arena->memory || !size || !is_power_of_2(search->align) || search->lo >= search->hi)
		return note_extent(arena, ERR_PTR(-EINVAL), search, gfp, caller);
	search->size = ALIGN(size, arena->quantum);
	search->align = max(search->align, arena->quantum);
	if (search->size < size || search->hi - search->lo < search->size)
		extent = ERR_PTR(-ENOSPC);
	else
		extent = take_hard(arena, search, gfp, caller);
	return note_extent(arena, extent, search, gfp, caller);
}

/* Not inlined, so that only those calls pay for a search on the stack that need one. */
static noinline struct vmap_extent *alloc_extent_hard(struct vmap_arena *arena,
						      unsigned long size, unsigned long align,
						      gfp_t gfp, const void *caller)
{
	struct free_search search = { .size = size, .align = align, .hi = ULONG_MAX };

	return alloc_extent(arena, &search, gfp, caller);
}

/* Do cached extents of @size in this arena satisfy a request for @align? */
static __always_inline bool is_cached_align(const struct vmap_arena *arena, unsigned long align)
{
	return align - 1 < data_race(arena->plain_align) && !(align & (align - 1));
}

static __always_inline unsigned long range_class(const struct vmap_arena *arena,
						 unsigned long size)
{
	return (size + arena->quantum - 1) >> arena->quantum_shift;
}

static noinline struct vmap_extent *alloc_extent_slow(struct vmap_arena *arena,
						      unsigned long size, unsigned long align,
						      gfp_t gfp, const void *caller)
{
	unsigned long rounded = ALIGN(size, arena->quantum);
	struct vmap_extent *extent;

	if (area_refuse_nmi(caller))
		return ERR_PTR(-EINVAL);
	if (data_race(arena->plain_align) && is_power_of_2(align)) {
		extent = cache_take_slow(arena, range_class(arena, size), align, gfp,
					 NUMA_NO_NODE);
		if (extent) {
			hand_out(extent, caller);
			return extent;
		}
	}
	if (likely(!arena->memory && rounded && align - 1 < arena->quantum &&
		   !(align & (align - 1)))) {
		extent = take_plain_range(arena, rounded, caller);
		if (likely(extent)) {
			arena_count(arena, allocs);
			take_ahead(arena, gfp);
			return extent;
		}
	}
	return alloc_extent_hard(arena, size, align, gfp, caller);
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
	struct vmap_extent *extent;

	arena = or_default(arena);
	if (likely(is_cached_align(arena, align) &&
		   cache_take(arena, range_class(arena, size), &extent))) {
		hand_out(extent, __builtin_return_address(0));
		return extent;
	}
	return alloc_extent_slow(arena, size, align, gfp, __builtin_return_address(0));
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
					    unsigned long align, unsigned long lo,
					    unsigned long hi, gfp_t gfp)
{
	struct free_search search = { .size = size, .align = align, .lo = lo, .hi = hi };

	return alloc_extent(or_default(arena), &search, gfp, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_extent_alloc_range);

static __always_inline bool is_busy_in(const struct vmap_extent *extent,
				       const struct vmap_arena *arena)
{
	return !extent_is_free(extent) && READ_ONCE(extent->state) == VMAP_BUSY &&
	       READ_ONCE(extent->arena) == arena;
}

/* Free past this CPU's magazine. */
static noinline void free_extent_slow(struct vmap_arena *arena, struct vmap_extent *extent,
				      const void *caller)
{
	unsigned long flags;

	if (area_refuse_nmi(caller))
		return;
	if (data_race(arena->plain_align) && is_busy_in(extent, arena) &&
	    cache_store_slow(arena, extent, class_of(arena, extent)))
		return;
	flags = arena_lock(arena);
	if (unlikely(arena->memory || !is_busy_in(extent, arena))) {
		arena_unlock(arena, flags);
		area_report_extent(arena, extent, caller);
		return;
	}
	give_back(arena, extent);
	/* With the lock still held, which empty_arena() waits for. */
	arena_count_free_irqs_off(arena);
	arena_unlock(arena, flags);
}

/*
 * Free into this CPU's magazine, if @extent is what it seems and there is room.  If it was free,
 * the word that names its arena would lead to its parent in the tree, so that need not be asked.
 */
static __always_inline bool free_extent_fast(struct vmap_arena *arena, struct vmap_extent *extent)
{
	return likely(READ_ONCE(extent->arena) == arena &&
		      READ_ONCE(extent->state) == VMAP_BUSY && data_race(arena->plain_align)) &&
	       cache_store(arena, extent, extent->size >> arena->quantum_shift);
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
	if (!free_extent_fast(arena, extent))
		free_extent_slow(or_default(arena), extent, __builtin_return_address(0));
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
