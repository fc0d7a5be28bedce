// SPDX-License-Identifier: GPL-2.0
/*
 * badfree.c - whose address is this: live, stale, interior, foreign
 *
 * A span has a table with a slot for each page: the extent that starts there and is handed out or
 * cached, or NULL.  A free looks up its address there, and what is not the start of a live area is
 * a bad free: it is reported with the caller, and changes nothing.
 *
 *   live      an extent in state VMAP_BUSY starts there, of the kind that the call frees
 *   interior  a live extent covers the address, but starts below it
 *   stale     neither: it was freed already, or never handed out
 *   foreign   in no span, or in one that somebody else gave back to the kernel (lost.c)
 *
 * The extent that covers an address is the one with the nearest slot below it.  The slots of one
 * WINDOW_GRAIN are looked at, no more: for what begins before them the span notes, at each
 * WINDOW_GRAIN, how many pages before that boundary the area began that was last handed out across
 * it.  The note is a distance, not a pointer, so nobody has to clear it: the slot that it leads to
 * says whether that area is still there.
 *
 * Locking: none.  Look-ups are made under rcu_read_lock() or with interrupts off, while other CPUs
 * free the extents that they find.  An extent keeps its memory for a grace period after it was
 * taken out of its slot, so what a look-up reads may be out of date but is no foreign memory.  Who
 * wants to free an extent claims it: of all who found it in its slot, one takes it out.
 */
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>

#include "space.h"

/* The extent with the nearest slot at or below @addr, as far as it may cover @addr. */
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
 * vbad_covering() - the live extent that covers an address
 * @span: the span of the address
 * @addr: the address
 *
 * Context: any, under rcu_read_lock() or with interrupts off; at most a step for each page
 * of WINDOW_GRAIN.
 * Return: the extent, guard included, or NULL.
 */
struct vmap_extent *vbad_covering(const struct vmap_span *span, unsigned long addr)
{
	struct vmap_extent *extent = nearest_below(span, addr);

	if (extent && READ_ONCE(extent->state) == VMAP_BUSY &&
	    addr - READ_ONCE(extent->start) < READ_ONCE(extent->size))
		return extent;
	return NULL;
}

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

/* Under rcu_read_lock(). */
static noinline void report_bad_free(const struct vmap_span *span, unsigned long addr,
				     const void *caller)
{
	pr_err_ratelimited("vmap_arena: bad free of %p by %pS: %s\n", (void *)addr, caller,
			   what_is_wrong(span, addr));
}

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
 * vbad_claim() - take the live area that starts at an address from its holder
 * @ptr: the address
 * @foreign: of the kind whose pages are the caller's
 * @caller: to be told in a report
 *
 * Context: any but NMI.
 * Return: its extent, which is the caller's now and which nobody finds any more; NULL, and a
 * report, if no such area starts there.
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

/* Does @addr lie in a span that is there, so that only our own calls may free it? */
bool vbad_is_ours(const void *addr)
{
	bool ours;

	rcu_read_lock();
	ours = vspan_of_live((unsigned long)addr);
	rcu_read_unlock();
	return ours;
}

/* Does a live area start at @addr that vmap_map_pages() made?  Context: any but NMI. */
bool vbad_is_foreign(const void *addr)
{
	bool foreign;

	rcu_read_lock();
	foreign = live_at(vspan_of((unsigned long)addr), (unsigned long)addr, true);
	rcu_read_unlock();
	return foreign;
}

/**
 * vbad_refuse_nmi() - may a call be served here?
 * @caller: who called; told in a report if not
 *
 * An NMI may have interrupted a call that is half done, in this CPU's magazines or under an arena's
 * lock.
 *
 * Context: any.
 * Return: whether this is an NMI.
 */
bool vbad_refuse_nmi(const void *caller)
{
	if (likely(!in_nmi()))
		return false;
	pr_err_ratelimited("vmap_arena: called in an NMI by %pS: nothing is done\n", caller);
	return true;
}

void vbad_report_extent(const struct vmap_space *space, const struct vmap_extent *extent,
			const void *caller)
{
	pr_err_ratelimited("vmap_arena: bad free of extent %p by %pS: not a live one of arena %s\n",
			   extent, caller, space->name);
}
