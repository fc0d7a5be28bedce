// SPDX-License-Identifier: GPL-2.0
/*
 * badfree.c - tells whether an address is live, interior, stale or foreign
 *
 * The owner table of a span has a slot for each page: the extent that starts at the page and is
 * busy or cached, or NULL.  A free looks up its address in the owner table.  A free of an address
 * that is not the start of a live area is a bad free: it is reported with its caller and changes
 * nothing.
 *
 *   live      an extent in state VMAP_BUSY starts at the address, of the kind that the call frees
 *   interior  a live extent covers the address, but starts below the address
 *   stale     neither: the area was freed already, or was never handed out
 *   foreign   the address is in no span, or in a lost span (lost.c)
 *
 * The extent that covers an address is the one with the nearest slot at or below the address.
 * nearest_below() looks at the slots of one grain only.  For an area that starts in an earlier
 * grain, vmap_span.behind has, for each grain, the number of pages from the start of the area that
 * was last handed out across the start of the grain.  Nobody has to clear the number: it leads to a
 * slot, and the slot tells whether the area still exists.
 *
 * Invariants:
 *   - one caller at most claims an extent: the one whose cmpxchg() clears the slot of the extent;
 *   - an extent that a look-up found in a slot is not given to the slab before a grace period ends
 *     (give_back() in spares.c).  Until then the fields that a look-up reads may be out of date,
 *     but they are fields of an extent.
 *
 * Locking: none.  Look-ups run under rcu_read_lock() or with interrupts off.
 */
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>

#include "space.h"

/* The extent with the nearest slot at or below @addr, or NULL.  It may end below @addr. */
static struct vmap_extent *nearest_below(const struct vmap_span *span, unsigned long addr)
{
	unsigned long boundary = ALIGN_DOWN(addr, WINDOW_GRAIN), at;
	struct vmap_extent *extent;

	for (at = addr & PAGE_MASK; at > boundary; at -= PAGE_SIZE) {
		extent = READ_ONCE(*vspan_slot(span, at));
		if (extent)
			return extent;
	}
	extent = READ_ONCE(*vspan_slot(span, boundary));
	if (extent)
		return extent;
	at = boundary - ((unsigned long)READ_ONCE(*vspan_behind(span, boundary)) << PAGE_SHIFT);
	return READ_ONCE(*vspan_slot(span, at));
}

/**
 * vbad_covering() - find the live extent that covers an address
 * @span: the span of the address
 * @addr: the address
 *
 * Context: any, under rcu_read_lock() or with interrupts off; looks at one slot for each page of
 * a WINDOW_GRAIN at most.
 * Return: the extent, whose guard also counts as covered, or NULL.
 */
struct vmap_extent *vbad_covering(const struct vmap_span *span, unsigned long addr)
{
	struct vmap_extent *extent = nearest_below(span, addr);

	if (extent && READ_ONCE(extent->state) == VMAP_BUSY &&
	    addr - READ_ONCE(extent->start) < READ_ONCE(extent->size))
		return extent;
	return NULL;
}

/* Why a free of @addr is a bad free.  @span is NULL if no live span has @addr. */
static const char *what_is_wrong(const struct vmap_span *span, unsigned long addr)
{
	const struct vmap_extent *extent;

	if (!span)
		return "not an address of ours";
	extent = vbad_covering(span, addr);
	if (!extent)
		return "free already";
	return addr == READ_ONCE(extent->start) ? "the wrong call for how it was mapped"
						: "inside an area, not its start";
}

/* Report a bad free.  Under rcu_read_lock(). */
static noinline void report_bad_free(const struct vmap_span *span, unsigned long addr,
				     const void *caller)
{
	pr_err_ratelimited("vmap_arena: bad free of %p by %pS: %s\n", (void *)addr, caller,
			   what_is_wrong(span, addr));
}

/*
 * The live extent that starts at @addr and has VMAP_EXTENT_FOREIGN set as @foreign says, or NULL.
 * Under rcu_read_lock() or with interrupts off.
 */
static struct vmap_extent *live_at(const struct vmap_span *span, unsigned long addr, bool foreign)
{
	struct vmap_extent *extent;

	if (unlikely(!span || !PAGE_ALIGNED(addr)))
		return NULL;
	extent = READ_ONCE(*vspan_slot(span, addr));
	if (unlikely(!extent || READ_ONCE(extent->state) != VMAP_BUSY ||
		     !(READ_ONCE(extent->flags) & VMAP_EXTENT_FOREIGN) != !foreign))
		return NULL;
	return extent;
}

/**
 * vbad_claim() - claim the live area that starts at an address, to free it
 * @ptr: the address
 * @foreign: claim an area of vmap_map_pages(); else one whose pages are the module's
 * @caller: the caller of the free, for reports
 *
 * Context: any but NMI.
 * Return: the extent of the area, in state VMAP_FREEING and out of its slot: the caller holds it.
 * NULL, after a report, if no such area starts at @ptr.
 */
struct vmap_extent *vbad_claim(const void *ptr, bool foreign, const void *caller)
{
	unsigned long addr = (unsigned long)ptr;
	struct vmap_extent *extent;
	struct vmap_span *span;

	rcu_read_lock();
	span = vspan_of(addr);
	extent = live_at(span, addr, foreign);
	if (unlikely(span && !vwin_alive(span->window))) {
		if (extent)
			vlost_note(span, caller);
		span = NULL;
		extent = NULL;
	}
	if (unlikely(!extent || cmpxchg(vspan_slot(span, addr), extent, NULL) != extent)) {
		report_bad_free(span, addr, caller);
		extent = NULL;
	}
	rcu_read_unlock();
	if (extent)
		WRITE_ONCE(extent->state, VMAP_FREEING);
	return extent;
}

/* Is @addr in a span that is not lost?  Then only calls of this module may free @addr. */
bool vbad_is_ours(const void *addr)
{
	bool ours;

	rcu_read_lock();
	ours = vspan_of_live((unsigned long)addr);
	rcu_read_unlock();
	return ours;
}

/* The bytes asked for of a busy extent; its pages go no further. */
static unsigned long asked_of(const struct vmap_span *span, const struct vmap_extent *extent)
{
	return READ_ONCE(extent->size) - span->space->guard - READ_ONCE(extent->slack);
}

/* Is @addr in the pages of a live area?  Context: any; looks at the slots of one grain at most. */
bool vbad_is_live(const void *addr)
{
	const struct vmap_extent *extent = NULL;
	const struct vmap_span *span;
	bool live;

	rcu_read_lock();
	span = vspan_of_live((unsigned long)addr);
	if (span)
		extent = vbad_covering(span, (unsigned long)addr);
	/* An area from the reserve has fewer pages than its extent has room for. */
	live = extent && (unsigned long)addr - READ_ONCE(extent->start) <
				 PAGE_ALIGN(asked_of(span, extent));
	rcu_read_unlock();
	return live;
}

/* The bytes asked for of the live area that starts at @addr; 0 if there is none.  Context: any. */
unsigned long vbad_size(const void *addr)
{
	const struct vmap_extent *extent = NULL;
	const struct vmap_span *span;
	unsigned long size = 0;

	rcu_read_lock();
	span = PAGE_ALIGNED(addr) ? vspan_of_live((unsigned long)addr) : NULL;
	if (span)
		extent = READ_ONCE(*vspan_slot(span, (unsigned long)addr));
	if (extent && READ_ONCE(extent->state) == VMAP_BUSY)
		size = asked_of(span, extent);
	rcu_read_unlock();
	return size;
}

/*
 * Does a live area that may be mapped to user space start at @addr, and has it all pages below
 * @page?  Context: any but NMI.
 */
bool vbad_may_remap(const void *addr, unsigned long page)
{
	const struct vmap_extent *extent;
	const struct vmap_span *span;
	bool may;

	rcu_read_lock();
	span = vspan_of_live((unsigned long)addr);
	extent = live_at(span, (unsigned long)addr, false) ?:
		 live_at(span, (unsigned long)addr, true);
	may = extent && READ_ONCE(extent->flags) & VMAP_EXTENT_USER &&
	      page <= PAGE_ALIGN(asked_of(span, extent)) >> PAGE_SHIFT;
	rcu_read_unlock();
	return may;
}

/*
 * Let the caller of the live area that starts at @addr be @caller, if it is @old.  Anybody may free
 * the area meanwhile: then other fields overlay extent->caller, none of which is ever @old, an
 * address of code of a module that runs no more.  Context: any but NMI.
 */
void vbad_change_caller(unsigned long addr, const void *old, const void *caller)
{
	struct vmap_extent *extent;

	rcu_read_lock();
	extent = live_at(vspan_of_live(addr), addr, false) ?:
		 live_at(vspan_of_live(addr), addr, true);
	if (extent)
		cmpxchg(&extent->caller, old, caller);
	rcu_read_unlock();
}

/* Does a live area of vmap_map_pages() start at @addr?  Context: any but NMI. */
bool vbad_is_foreign(const void *addr)
{
	bool foreign;

	rcu_read_lock();
	foreign = live_at(vspan_of((unsigned long)addr), (unsigned long)addr, true);
	rcu_read_unlock();
	return foreign;
}

/* Report a call in an NMI, which does nothing: see vbad_refuse_nmi(). */
void vbad_report_nmi(const void *caller)
{
	pr_err_ratelimited("vmap_arena: called in an NMI by %pS: nothing is done\n", caller);
}

/* Report a free of @extent, which is not a live extent of @space. */
void vbad_report_extent(const struct vmap_space *space, const struct vmap_extent *extent,
			const void *caller)
{
	pr_err_ratelimited("vmap_arena: bad free of extent %p by %pS: not a live one of arena %s\n",
			   extent, caller, space->name);
}

/* Report that two CPUs freed @extent of @space in the same instant: see remote.c. */
void vbad_report_twice(const struct vmap_space *space, const struct vmap_extent *extent)
{
	pr_err_ratelimited("vmap_arena: bad free of extent %p: freed by two CPUs at once: arena %s\n",
			   extent, space->name);
}
