// SPDX-License-Identifier: GPL-2.0
/*
 * lost.c - spans whose reservation somebody else gave back to the kernel
 *
 * To the kernel a span is one vmap area.  A vfree(), kvfree() or vunmap() of any address in the
 * span unmaps the whole span, with all areas in it, and the kernel may give the addresses to
 * another caller of vmalloc().  The module cannot prevent such a call.  But a write to the page
 * tables of the span after such a call would corrupt the memory of the other caller.
 *
 * So each call that is about to write to page tables of a span, or to hand out or take back an area
 * that is mapped in the span, first asks vwin_alive() (mostly by vspan_of_live()).  A call that
 * finds the span not alive calls vlost_note():
 *
 *   - vlost_note() reports the loss, moves the span from space->spans to space->lost_spans, and
 *     takes the free extents of the span out of the free tree, LOST_BATCH under each hold of
 *     space->lock.  From then on no allocation cuts from the span.
 *   - vlost_note() queues span_work.  The worker (settle_lost() in ahead.c) empties the cache, has
 *     all lazy extents merged, and calls vlost_drop_areas(), which reports each live area of the
 *     span once, with the caller that allocated it, and counts the area as freed.
 *
 * span_map keeps the span, so that no cached or lazy extent of the span is taken for an extent of
 * another span.  If the kernel gives the addresses to a new span of a memory arena, get_span() in
 * import.c puts the new span aside and asks for another one.
 *
 * An extent of a lost span never becomes free again.  The holder of an extent - a free, an
 * allocation, the cache, the list of flushed extents - sets the extent to VMAP_LOST when it finds
 * the span lost.  The extents stay tiles of the span, and the span stays with its space until
 * vlost_drop() frees both.  Then there is no reservation to return, and there are no pages to free:
 * the kernel cleared the page-table entries, which alone said which pages an area had.
 *
 * Invariants:
 *   - a span is on space->lost_spans, or on space->spans, or closed: vmap_span.gone tells;
 *   - once the free extents of a lost span are out of the free tree, its ring does not change; of
 *     its tiles only the states do.
 *
 * Locking: space->lock covers lost_spans, gone and settled, and is taken for one batch at a time.
 * An extent's state belongs to the extent's holder.
 */
#include <linux/kmemleak.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "space.h"

/*
 * Free extents taken out of the tree under one hold of space->lock.  Each takes a walk from the
 * root and an erase, so a hold takes as long as 16 allocations through the tree.
 */
#define LOST_BATCH	16

/*
 * Leave an extent of a lost span where it is: the caller holds the extent.  @mapped: count the
 * pages as lost.
 */
static void leave(struct vmap_space *space, struct vmap_extent *extent, bool mapped)
{
	if (mapped && !(extent->flags & VMAP_EXTENT_FOREIGN))
		atomic_long_add((extent->size - space->guard) >> PAGE_SHIFT, &space->lost_pages);
	WRITE_ONCE(extent->state, VMAP_LOST);
}

/**
 * vlost_leave() - leave an extent where it is, because vspan_of_live() found its span lost
 * @space: the space of the extent
 * @extent: the extent; the caller holds it
 * @mapped: the extent had pages; count them as lost, unless VMAP_EXTENT_FOREIGN is set
 * @caller: the caller of the function that noticed the loss, for the report
 *
 * Context: any but NMI.
 */
void vlost_leave(struct vmap_space *space, struct vmap_extent *extent, bool mapped,
		 const void *caller)
{
	vlost_note(vspan_of(extent->start), caller);
	leave(space, extent, mapped);
}

/**
 * vlost_unmap() - count the pages that purge.c cannot unmap, because the span is lost
 * @space: the space of the extent
 * @extent: an extent in state VMAP_FREEING; vlost_keeps() leaves it when it is to be merged
 * @size: bytes from extent->unmapped on
 *
 * Context: any but NMI.
 */
void vlost_unmap(struct vmap_space *space, const struct vmap_extent *extent, unsigned long size)
{
	unsigned long from = extent->unmapped, end = vext_end(extent) - space->guard;

	vlost_note(vspan_of(extent->start), __builtin_return_address(0));
	if (from < end && !(extent->flags & VMAP_EXTENT_FOREIGN))
		atomic_long_add((min(from + size, end) - from) >> PAGE_SHIFT, &space->lost_pages);
}

/*
 * If @extent is in a lost span, leave it and return true: the caller must not put it.  Under
 * space->lock.
 */
bool vlost_keeps(struct vmap_space *space, struct vmap_extent *extent)
{
	const struct vmap_span *span;

	lockdep_assert_held(&space->lock);
	list_for_each_entry(span, &space->lost_spans, link) {
		if (extent->start - span->start < span->end - span->start) {
			leave(space, extent, false);
			return true;
		}
	}
	return false;
}

/* Take LOST_BATCH free extents of a lost span out of the tree.  Return whether any may be left. */
static bool withdraw(struct vmap_space *space, const struct vmap_span *span)
{
	struct vmap_extent *extent = NULL;
	unsigned int count = LOST_BATCH;
	unsigned long flags;

	flags = vspace_lock(space);
	while (count--) {
		extent = free_tree_at_or_after(&space->tree, span->start);
		if (extent && extent->start >= span->end)
			extent = NULL;
		if (!extent)
			break;
		free_tree_withdraw(&space->tree, extent);
		leave(space, extent, false);
	}
	vspace_unlock(space, flags);
	return extent;
}

/* Move a span from space->spans to space->lost_spans.  Return false if the span is gone already. */
static bool move_to_lost(struct vmap_space *space, struct vmap_span *span)
{
	unsigned long flags;
	bool is_new;

	flags = vspace_lock(space);
	is_new = !span->gone;
	if (is_new) {
		if (vext_is_free(span->marker.next) && vspan_is_idle(span->marker.next))
			vspan_note_used(space, span->marker.next);
		vspan_remove(space, span);
		list_add_tail(&span->link, &space->lost_spans);
		WRITE_ONCE(space->nr_lost, space->nr_lost + 1);
	}
	vspace_unlock(space, flags);
	return is_new;
}

/**
 * vlost_note() - note that somebody gave the reservation of a span back to the kernel
 * @span: the span
 * @caller: the caller of the function that noticed the loss, for the report
 *
 * Context: any but NMI; takes space->lock for a batch at a time.
 */
void vlost_note(struct vmap_span *span, const void *caller)
{
	struct vmap_space *space = span->space;

	if (!move_to_lost(space, span))
		return;
	pr_err("vmap_arena: a span of arena %s, %lu bytes at %p, is lost, as a call by %pS noticed: it was given to vfree(), kvfree() or their like\n",
	       space->name, span->end - span->start, (void *)span->start, caller);
	while (withdraw(space, span))
		;
	mod_delayed_work(vspace_wq, &space->span_work, 0);
}

/*
 * If @extent is a live area, take it from its holder, report it, and count it as freed.  cmpxchg()
 * of the owner slot decides between this function and a free of the area on another CPU.
 */
static void lose_area(struct vmap_space *space, const struct vmap_span *span,
		      struct vmap_extent *extent)
{
	if (READ_ONCE(extent->state) != VMAP_BUSY ||
	    cmpxchg(vspan_slot(span, extent->start), extent, NULL) != extent)
		return;
	pr_err_ratelimited("vmap_arena: %lu bytes at %p, allocated by %pS, are lost\n",
			   extent->size - space->guard, (void *)extent->start,
			   READ_ONCE(extent->caller));
	kmemleak_free((void *)extent->start);
	leave(space, extent, true);
	vspace_count_free(space);
}

/*
 * Take all live areas of a lost span from their holders.  The ring is read without space->lock: no
 * extent enters or leaves the ring of a lost span.  Context: process, may sleep.
 */
void vlost_drop_areas(struct vmap_space *space, struct vmap_span *span)
{
	struct vmap_extent *extent;

	/* vlost_note() may not be done on another CPU; a cut of a free extent changes the ring. */
	while (withdraw(space, span))
		cond_resched();
	for (extent = span->marker.next; extent != &span->marker; extent = extent->next) {
		lose_area(space, span, extent);
		cond_resched();
	}
}

/* How many spans an arena has lost, of whose spaces @among is one. */
unsigned long vlost_count(const struct vmap_space *among)
{
	const struct vmap_space *space;
	unsigned long count = 0;

	vspace_for_each(space, among)
		count += READ_ONCE(space->nr_lost);
	return count;
}

/* Return a lost span that this function did not return before, or NULL. */
struct vmap_span *vlost_next_unsettled(struct vmap_space *space)
{
	struct vmap_span *span, *found = NULL;
	unsigned long flags;

	flags = vspace_lock(space);
	list_for_each_entry(span, &space->lost_spans, link) {
		if (!span->settled) {
			span->settled = true;
			found = span;
			break;
		}
	}
	vspace_unlock(space, flags);
	return found;
}

static void drop_aside(struct vmap_space *space)
{
	struct vmap_span *span, *next;

	list_for_each_entry_safe(span, next, &space->aside, link) {
		list_del(&span->link);
		vspan_free(span);
	}
}

static void drop_tiles(struct vmap_span *span)
{
	struct vmap_extent *extent, *next;

	for (extent = span->marker.next; extent != &span->marker; extent = next) {
		next = extent->next;
		kmem_cache_free(vspace_extent_slab, extent);
		cond_resched();
	}
}

/**
 * vlost_drop() - free the lost spans with their tiles, and the spans on space->aside
 * @space: the space of an arena that is being destroyed, with nothing cached, lazy or deferred
 *
 * Context: process, may sleep.
 */
void vlost_drop(struct vmap_space *space)
{
	struct vmap_span *span, *next;

	drop_aside(space);
	if (list_empty(&space->lost_spans))
		return;
	list_for_each_entry(span, &space->lost_spans, link)
		vspan_leave(span, span->end);
	synchronize_rcu();
	list_for_each_entry_safe(span, next, &space->lost_spans, link) {
		list_del(&span->link);
		drop_tiles(span);
		vspan_free(span);
	}
}
