// SPDX-License-Identifier: GPL-2.0
/*
 * lost.c - spans whose reservation somebody else gave back to the kernel
 *
 * To the kernel all of a span is one area.  A vfree(), kvfree() or vunmap() of any address in it
 * unmaps all of it, whoever has memory there, and lets the kernel give the addresses to others.
 * Nothing can prevent that, but it must not go on: whoever writes to the span's page tables after
 * that writes into somebody else's memory.
 *
 * So each call that begins to write to a span's tables, or that hands out or takes back what is
 * mapped there, first asks vwin_alive() (vspan_of_live()).  Who finds the span gone calls
 * vlost_note().  That reports it, takes the span off the arena's list and its free extents out of
 * the free tree, a batch for each hold of the lock; from then on nothing is allocated there.  The
 * rest is left to the worker: what was cached there is dropped; each live area is reported, once,
 * with who allocated it, and counted as freed.
 *
 * The span is still found by its addresses, so that what was cached or on its way there is not
 * taken for another's.  No other span of ours may therefore begin there: where the kernel gives its
 * addresses to a new one, that is put aside, unused, and another is asked for (span.c).
 *
 * An extent of a lost span never becomes free again.  Who holds one - a free on its way, an
 * allocation, the cache, the list of flushed extents - leaves it in state VMAP_LOST when it comes
 * to look.  All stay tiles of the span, which stays with its arena until that is destroyed: then
 * its bookkeeping is freed, but there is no reservation to give back any more.  Nor are there
 * pages: the kernel took them out of the tables without a look, and nobody knows which they were.
 *
 * Locking: see arena.h.  The tiles of a lost span do not change, but for their state.
 */
#include <linux/kmemleak.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "space.h"

/* Extents looked at under one hold of the lock. */
#define LOST_BATCH	16

/* Leave an extent of a lost span, which the caller holds, where it is. */
static void leave(struct vmap_space *space, struct vmap_extent *extent, bool mapped)
{
	if (mapped && !(extent->flags & VMAP_EXTENT_FOREIGN))
		atomic_long_add((extent->size - space->guard) >> PAGE_SHIFT, &space->lost_pages);
	WRITE_ONCE(extent->state, VMAP_LOST);
}

/**
 * vlost_leave() - leave an extent where it is, for vspan_of_live() said that its span is lost
 * @space: its arena
 * @extent: the extent, which the caller holds
 * @mapped: it had pages, which are lost, unless they are the caller's of vmap_map_pages()
 * @caller: of the call that noticed, for the report
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
 * vlost_unmap() - what unmap_some() has to do in a lost span: nothing, but to count
 * @space: the arena
 * @extent: an extent on its way to lazy; when it is to be merged, vlost_keeps() leaves it
 * @size: bytes from where it says that it is unmapped up to
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

/* Leave @extent, if it is of a lost span, instead of making it free.  Under the arena's lock. */
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

/* Take a batch of free extents of a lost span out of the tree.  Return whether any is left. */
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

/* Put a span on the list of lost ones: the arena counts without it.  False if it is there. */
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
 * vlost_note() - somebody gave a span's reservation back to the kernel
 * @span: the span
 * @caller: of the call that noticed
 *
 * Context: any but NMI; takes the arena's lock for a batch at a time.
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

/* The live area of a tile is nobody's any more, unless somebody is just freeing it. */
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

void vlost_drop_areas(struct vmap_space *space, struct vmap_span *span)
{
	struct vmap_extent *extent;

	for (extent = span->marker.next; extent != &span->marker; extent = extent->next) {
		lose_area(space, span, extent);
		cond_resched();
	}
}

/* A lost span of @space that was not settled yet; NULL if there is none. */
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
 * vlost_drop() - free the bookkeeping of lost spans, and what was put aside for their sake
 * @space: an arena that is being destroyed, with nothing cached, lazy or on its way
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
