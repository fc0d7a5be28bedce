// SPDX-License-Identifier: GPL-2.0
/*
 * reserve.c - memory that is set aside for allocations that must not fail
 *
 * vreserve_make() gets all that an allocation needs, ahead of it: pages, address space with page
 * tables, and extents.  An allocation that no magazine and no depot serves then takes from the
 * reserve: it calls neither the page allocator nor the slab, imports no span, flushes no TLB, and
 * takes no lock that sleeps, and so works wherever the caller is, but for NMI.
 *
 * Words:
 *   stock    the pages set aside; they are mapped nowhere
 *   slot     an extent set aside, with room for an area of area_pages pages, and its guard.  An
 *            area takes one slot whatever its size, so no slot is ever cut, and any slot serves any
 *            area
 *   ready    said of a slot whose addresses no TLB has a translation of
 *   used     said of a slot that was freed since the last flush
 *   missing  said of slots and pages that were handed out and have not come back as they were: the
 *            holder of an area passed a page on to somebody else, or the span was lost
 *
 * Bound.  All live areas together have nr_pages pages at most, so there are nr_pages of them at
 * most, if each has one page.  The worker flushes the used slots RESERVE_DELAY after a free; until
 * then there are as many used slots as there were frees.  So with nr_pages slots, and one more for
 * each free within that time, an allocation within the bound finds a ready slot.  It finds its
 * pages because frees give them back to the stock at once: unmapped pages need no flush before they
 * are mapped elsewhere, as with vfree().
 *
 * A free of an area from the reserve puts slot and pages back before anything else may have them;
 * no magazine keeps such an area (VMAP_EXTENT_RESERVED).  If its pages are not as in a fresh area
 * (vwin_is_fresh()), the area is freed like any other one, and the worker replaces slot and pages.
 *
 * Invariants:
 *   - stock[] has at least as many pages as reserve->pages says: an allocation takes its pages off
 *     the count first, then out of stock[]; a free puts them into stock[] first;
 *   - a slot on a list of the reserve is in state VMAP_CACHED, has nothing mapped, and has the flag
 *     VMAP_EXTENT_FOREIGN: there are no pages to free;
 *   - what is live, in stock[], or missing makes nr_pages; likewise for slots.
 *
 * Locking: reserve->lock, a raw spinlock taken with interrupts off, covers the lists and counts,
 * and is held for RESERVE_BATCH pages or slots.  making serialises vreserve_make().
 */
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "calls.h"
#include "fresh.h"
#include "pages.h"
#include "shadow.h"

/* Pages or slots moved under one hold of reserve->lock; 32 pointers take 256 bytes of stack. */
#define RESERVE_BATCH	32

/*
 * When the worker flushes, after the first free since the flush before: rarely enough that flushes,
 * which interrupt every CPU, cost nothing.
 */
#define RESERVE_DELAY	(HZ / 20)

/* When the worker tries again that found no memory for what is missing. */
#define RESERVE_RETRY	HZ

/* What is set aside in one arena. */
struct vmap_reserve {
	/* The arena's cache, with the space of the slots. */
	struct vmap_cache *cache;
	/* The most pages of an area; pages, and slots, when nothing is live.  Constant. */
	unsigned int area_pages;
	unsigned long nr_pages;
	unsigned long nr_slots;

	/* Covers this group of fields.  Raw, taken with interrupts off: see take_slot(). */
	raw_spinlock_t lock;
	/* The pages, a stack; how many it has; and how many of these no allocation has claimed. */
	struct page **stock;
	unsigned long stocked;
	unsigned long pages;
	/* Ready slots, and used ones, by extent->under. */
	struct vmap_extent *ready;
	struct vmap_extent *used;
	/* How many slots are ready; how many are set aside: ready, used, or being flushed. */
	unsigned long nr_ready;
	unsigned long nr_idle;
	/* The lowest values of pages and of nr_ready since the reserve was made. */
	unsigned long lowest_pages;
	unsigned long lowest_ready;
	/* What the worker has to replace. */
	unsigned long missing_pages;
	unsigned long missing_slots;

	/* Runs reserve_work(). */
	struct delayed_work work;
};

/* Serialises vreserve_make(). */
static DEFINE_MUTEX(making);

/* Take a ready slot, and claim @count pages.  NULL if there is not enough of either. */
static struct vmap_extent *take_slot(struct vmap_reserve *reserve, unsigned long count)
{
	struct vmap_extent *slot = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(&reserve->lock, flags);
	if (reserve->ready && reserve->pages >= count) {
		slot = reserve->ready;
		reserve->ready = slot->under;
		reserve->nr_ready--;
		reserve->nr_idle--;
		reserve->pages -= count;
		reserve->lowest_pages = min(reserve->lowest_pages, reserve->pages);
		reserve->lowest_ready = min(reserve->lowest_ready, reserve->nr_ready);
	}
	raw_spin_unlock_irqrestore(&reserve->lock, flags);
	return slot;
}

/* Take @count pages that were claimed, RESERVE_BATCH at most, out of the stock. */
static void take_pages(struct vmap_reserve *reserve, struct page **pages, unsigned int count)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&reserve->lock, flags);
	reserve->stocked -= count;
	memcpy(pages, reserve->stock + reserve->stocked, count * sizeof(*pages));
	raw_spin_unlock_irqrestore(&reserve->lock, flags);
}

/* Put @count pages, RESERVE_BATCH at most, into the stock; they are claimed until offer_pages(). */
static void put_pages(struct vmap_reserve *reserve, struct page **pages, unsigned int count)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&reserve->lock, flags);
	memcpy(reserve->stock + reserve->stocked, pages, count * sizeof(*pages));
	reserve->stocked += count;
	raw_spin_unlock_irqrestore(&reserve->lock, flags);
}

/* Let allocations claim @count more pages that are in the stock. */
static void offer_pages(struct vmap_reserve *reserve, unsigned long count)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&reserve->lock, flags);
	reserve->pages += count;
	raw_spin_unlock_irqrestore(&reserve->lock, flags);
}

/* Have the worker replace a slot and @pages pages. */
static void note_missing(struct vmap_reserve *reserve, unsigned long pages)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&reserve->lock, flags);
	reserve->missing_slots++;
	reserve->missing_pages += pages;
	raw_spin_unlock_irqrestore(&reserve->lock, flags);
	queue_delayed_work(vspace_wq, &reserve->work, RESERVE_DELAY);
}

/* Put a slot, with nothing mapped in it, on one of the two lists. */
static void put_slot(struct vmap_reserve *reserve, struct vmap_extent *slot, bool ready)
{
	struct vmap_extent **list = ready ? &reserve->ready : &reserve->used;
	unsigned long flags;

	slot->flags = VMAP_EXTENT_FOREIGN;
	WRITE_ONCE(slot->state, VMAP_CACHED);
	raw_spin_lock_irqsave(&reserve->lock, flags);
	slot->under = *list;
	*list = slot;
	reserve->nr_ready += ready;
	reserve->nr_idle++;
	raw_spin_unlock_irqrestore(&reserve->lock, flags);
}

/* Map @count claimed pages at the begin of a slot. */
static void map_slot(struct vmap_reserve *reserve, struct vmap_window *window, unsigned long addr,
		     unsigned long count)
{
	struct page *pages[RESERVE_BATCH];

	while (count) {
		unsigned int some = min_t(unsigned long, count, RESERVE_BATCH);

		take_pages(reserve, pages, some);
		vwin_map(window, addr, pages, some, PAGE_KERNEL);
		addr += (unsigned long)some << PAGE_SHIFT;
		count -= some;
	}
}

/* Unmap @count pages at the begin of a slot, and put them into the stock. */
static void unmap_slot(struct vmap_reserve *reserve, struct vmap_window *window, unsigned long addr,
		       unsigned long count)
{
	struct page *pages[RESERVE_BATCH];
	unsigned long left = count;

	while (left) {
		unsigned int some = min_t(unsigned long, left, RESERVE_BATCH);

		vwin_take(window, addr, pages, some);
		put_pages(reserve, pages, some);
		addr += (unsigned long)some << PAGE_SHIFT;
		left -= some;
	}
	offer_pages(reserve, count);
}

/* take_slot() in a span that is not lost; sets @span. */
static struct vmap_extent *take_live_slot(struct vmap_reserve *reserve, unsigned long count,
					  const void *caller, struct vmap_span **span)
{
	struct vmap_extent *slot;

	while ((slot = take_slot(reserve, count))) {
		*span = vspan_of_live(slot->start);
		if (likely(*span))
			break;
		vlost_leave(&reserve->cache->purge.space, slot, false, caller);
		offer_pages(reserve, count);
		note_missing(reserve, 0);
	}
	return slot;
}

/**
 * vreserve_alloc() - allocate an area from the reserve of an arena
 * @arena: the arena
 * @size: bytes
 * @align: of the address, in bytes
 * @gfp: whether to clear the pages
 * @caller: who allocates
 * @began: see vwatch_begin()
 *
 * Context: any but NMI; takes reserve->lock for a batch of pages at a time.
 * Return: the address; NULL if the arena has no reserve, or none that serves the request now.
 */
void *vreserve_alloc(struct vmap_arena *arena, unsigned long size, unsigned long align, gfp_t gfp,
		     const void *caller, u64 began)
{
	/* Pairs with smp_store_release() in vreserve_make(). */
	struct vmap_reserve *reserve = smp_load_acquire(&arena->reserve);
	unsigned long count = PAGE_ALIGN(size) >> PAGE_SHIFT;
	struct vmap_extent *extent;
	struct vmap_span *span;
	void *addr;

	if (!reserve || count - 1 >= reserve->area_pages || align > PAGE_SIZE ||
	    !is_power_of_2(align))
		return NULL;
	extent = take_live_slot(reserve, count, caller, &span);
	if (!extent)
		return NULL;
	vspace_hand_out_new(span->space, extent, caller);
	extent->flags = VMAP_EXTENT_RESERVED;
	extent->slack = extent->size - span->space->guard - size;
	addr = (void *)extent->start;
	map_slot(reserve, span->window, extent->start, count);
	vwin_shadow_open(extent->start, size);
	if (want_init_on_alloc(gfp))
		valloc_clear(extent->start, extent->start + (count << PAGE_SHIFT));
	/* Who may not sleep may hold a raw spinlock, and kmemleak asks the slab. */
	if (gfpflags_allow_blocking(gfp))
		valloc_tell_kmemleak(addr, size, gfp);
	valloc_publish(span, extent);
	vwatch_alloc(extent, size, VWATCH_RESERVE, began);
	return addr;
}

/**
 * vreserve_keep() - take a freed area back into the reserve
 * @arena: the arena
 * @extent: an extent with the flag VMAP_EXTENT_RESERVED, claimed
 *
 * Context: any but NMI; takes reserve->lock for a batch of pages at a time.
 * Return: true if the slot and its pages are back; then the free is counted, and the arena may be
 * gone.  Else the caller frees the extent, and the worker replaces what is missing.
 */
bool vreserve_keep(struct vmap_arena *arena, struct vmap_extent *extent)
{
	struct vmap_span *span = vspan_of_live(extent->start);
	struct vmap_reserve *reserve = arena->reserve;
	struct vmap_space *space = &arena->cache.purge.space;
	unsigned long count;

	count = PAGE_ALIGN(extent->size - space->guard - extent->slack) >> PAGE_SHIFT;
	if (!span || !vwin_is_fresh(span->window, extent->start, count)) {
		note_missing(reserve, count);
		return false;
	}
	if (want_init_on_free())
		valloc_clear(extent->start, extent->start + (count << PAGE_SHIFT));
	unmap_slot(reserve, span->window, extent->start, count);
	put_slot(reserve, extent, false);
	queue_delayed_work(vspace_wq, &reserve->work, RESERVE_DELAY);
	vspace_count_free(space);
	return true;
}

/* Flush the used slots, and make them ready. */
static void flush_used(struct vmap_reserve *reserve)
{
	struct vmap_extent *used, *slot;
	unsigned long flags;
	unsigned int left;

	raw_spin_lock_irqsave(&reserve->lock, flags);
	used = reserve->used;
	reserve->used = NULL;
	raw_spin_unlock_irqrestore(&reserve->lock, flags);
	if (used)
		vwin_flush_all();
	while (used) {
		raw_spin_lock_irqsave(&reserve->lock, flags);
		for (left = RESERVE_BATCH; used && left; left--) {
			slot = used;
			used = slot->under;
			slot->under = reserve->ready;
			reserve->ready = slot;
			reserve->nr_ready++;
		}
		raw_spin_unlock_irqrestore(&reserve->lock, flags);
		cond_resched();
	}
}

/* Get a page for the stock.  Return false if there is no memory. */
static bool get_page_for_stock(struct vmap_reserve *reserve)
{
	struct page *page = vpage_get(vgfp_may_fail(GFP_KERNEL));

	if (!page)
		return false;
	vspace_got_pages(&reserve->cache->purge.space, &page, 1);
	put_pages(reserve, &page, 1);
	offer_pages(reserve, 1);
	cond_resched();
	return true;
}

/* Cut an extent for a slot.  Return false if there is no room, or no memory. */
static bool get_slot(struct vmap_reserve *reserve)
{
	struct vmap_space *space = &reserve->cache->purge.space;
	struct free_search search = {
		.size = ((unsigned long)reserve->area_pages << PAGE_SHIFT) + space->guard,
		.align = PAGE_SIZE,
		.hi = ULONG_MAX,
	};
	const void *caller = __builtin_return_address(0);
	struct vmap_extent *slot;
	enum vwatch_path path;

	slot = vtake_slow(reserve->cache, &search, vgfp_may_fail(GFP_KERNEL), caller, &path);
	if (IS_ERR(slot))
		return false;
	put_slot(reserve, slot, true);
	cond_resched();
	return true;
}

/* Take one off *@missing, a count of @reserve, unless it is 0. */
static bool take_missing(struct vmap_reserve *reserve, unsigned long *missing)
{
	unsigned long flags;
	bool any;

	raw_spin_lock_irqsave(&reserve->lock, flags);
	any = *missing;
	*missing -= any;
	raw_spin_unlock_irqrestore(&reserve->lock, flags);
	return any;
}

/* Replace what is missing of one kind, by @get.  Return false if there was no memory. */
static bool replace(struct vmap_reserve *reserve, unsigned long *missing,
		    bool (*get)(struct vmap_reserve *reserve))
{
	unsigned long flags;

	while (take_missing(reserve, missing)) {
		if (get(reserve))
			continue;
		raw_spin_lock_irqsave(&reserve->lock, flags);
		++*missing;
		raw_spin_unlock_irqrestore(&reserve->lock, flags);
		return false;
	}
	return true;
}

/* The worker. */
static void reserve_work(struct work_struct *work)
{
	struct vmap_reserve *reserve = container_of(work, struct vmap_reserve, work.work);

	flush_used(reserve);
	if (!replace(reserve, &reserve->missing_slots, get_slot) ||
	    !replace(reserve, &reserve->missing_pages, get_page_for_stock))
		queue_delayed_work(vspace_wq, &reserve->work, RESERVE_RETRY);
}

/* Free the extents of a list of slots, none of which has anything mapped. */
static void drop_slots(struct vmap_reserve *reserve, struct vmap_extent *slot)
{
	struct vmap_extent *under;

	for (; slot; slot = under) {
		under = slot->under;
		slot->space = &reserve->cache->purge.space;
		vpurge_free(&reserve->cache->purge, slot);
		cond_resched();
	}
}

/* Give all back that a reserve has; nothing of it is live. */
static void drop(struct vmap_reserve *reserve)
{
	while (reserve->stocked) {
		struct page **page = &reserve->stock[--reserve->stocked];

		vwin_count_pages(page, 1, -1);
		vpage_free(*page);
		vspace_gave_pages(&reserve->cache->purge.space, 1);
		cond_resched();
	}
	drop_slots(reserve, reserve->ready);
	drop_slots(reserve, reserve->used);
	kvfree(reserve->stock);
	kfree(reserve);
}

/* Give up the reserve of an arena that is being destroyed.  Context: process, may sleep. */
void vreserve_exit(struct vmap_arena *arena)
{
	if (!arena->reserve)
		return;
	cancel_delayed_work_sync(&arena->reserve->work);
	drop(arena->reserve);
	arena->reserve = NULL;
}

/* Get all that the reserve is to have.  Return false if there is not so much. */
static bool fill_reserve(struct vmap_reserve *reserve)
{
	reserve->stock = kvmalloc_array(reserve->nr_pages, sizeof(*reserve->stock),
					vgfp_may_fail(GFP_KERNEL));
	if (!reserve->stock)
		return false;
	while (reserve->pages < reserve->nr_pages)
		if (fatal_signal_pending(current) || !get_page_for_stock(reserve))
			return false;
	while (reserve->nr_ready < reserve->nr_slots)
		if (fatal_signal_pending(current) || !get_slot(reserve))
			return false;
	reserve->lowest_pages = reserve->pages;
	reserve->lowest_ready = reserve->nr_ready;
	return true;
}

/* Make a reserve of @count pages.  NULL if there is not so much memory or address space. */
static struct vmap_reserve *make_reserve(struct vmap_cache *cache, unsigned long count,
					 unsigned int area_pages, unsigned int frees)
{
	struct vmap_reserve *reserve = kzalloc(sizeof(*reserve), vgfp_may_fail(GFP_KERNEL));

	if (!reserve)
		return NULL;
	reserve->cache = cache;
	reserve->area_pages = area_pages;
	reserve->nr_pages = count;
	reserve->nr_slots = count + frees;
	raw_spin_lock_init(&reserve->lock);
	INIT_DELAYED_WORK(&reserve->work, reserve_work);
	if (fill_reserve(reserve))
		return reserve;
	drop(reserve);
	return NULL;
}

/**
 * vreserve_make() - make the reserve of an arena: see vmap_arena_reserve()
 * @arena: a memory arena
 * @count: how many pages may be live at a time
 * @area_pages: the most pages of an area, at most @count and VRESERVE_MOST_PAGES
 * @frees: how many areas are freed at most before the worker flushes
 *
 * Context: process, may sleep.
 * Return: 0, -EEXIST or -ENOMEM.
 */
int vreserve_make(struct vmap_arena *arena, unsigned long count, unsigned int area_pages,
		  unsigned int frees)
{
	struct vmap_reserve *reserve;
	int err = 0;

	if (count > totalram_pages())
		return -ENOMEM;
	mutex_lock(&making);
	reserve = arena->reserve ? NULL : make_reserve(&arena->cache, count, area_pages, frees);
	if (arena->reserve) {
		err = -EEXIST;
	} else if (!reserve) {
		err = -ENOMEM;
	} else {
		WRITE_ONCE(arena->cache.reserved, true);
		/* Pairs with smp_load_acquire() in vreserve_alloc(). */
		smp_store_release(&arena->reserve, reserve);
	}
	mutex_unlock(&making);
	return err;
}

/* Fill in what @stats says of the reserve.  Context: any but NMI. */
void vreserve_stats(struct vmap_arena *arena, struct vmap_arena_stats *stats)
{
	/* Pairs with smp_store_release() in vreserve_make(). */
	struct vmap_reserve *reserve = smp_load_acquire(&arena->reserve);
	unsigned long flags;

	if (!reserve)
		return;
	raw_spin_lock_irqsave(&reserve->lock, flags);
	stats->reserve = reserve->pages << PAGE_SHIFT;
	stats->reserve_low = reserve->lowest_pages << PAGE_SHIFT;
	stats->reserve_areas = reserve->nr_ready;
	stats->reserve_areas_low = reserve->lowest_ready;
	stats->kept = reserve->nr_idle * (((unsigned long)reserve->area_pages << PAGE_SHIFT) +
					  arena->cache.purge.space.guard);
	raw_spin_unlock_irqrestore(&reserve->lock, flags);
}
