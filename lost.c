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
 * mapped there, first asks window_alive() (span_of_live()).  Who finds the span gone calls
 * span_lost().  That reports it, takes the span off the arena's list and its free extents out of
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

#include "arena.h"
#include "cache.h"

/* Extents looked at under one hold of the lock. */
#define LOST_BATCH	16

/* Leave an extent of a lost span, which the caller holds, where it is. */
static void leave(struct vmap_arena *arena, struct vmap_extent *extent, bool mapped)
{
	if (mapped && !(extent->flags & VMAP_EXTENT_FOREIGN))
		atomic_long_add((extent->size - arena->guard) >> PAGE_SHIFT, &arena->lost_pages);
	WRITE_ONCE(extent->state, VMAP_LOST);
}

/**
 * lost_leave() - leave an extent where it is, for span_of_live() said that its span is lost
 * @arena: its arena
 * @extent: the extent, which the caller holds
 * @mapped: it had pages, which are lost, unless they are the caller's of vmap_map_pages()
 * @caller: of the call that noticed, for the report
 *
 * Context: any but NMI.
 */
void lost_leave(struct vmap_arena *arena, struct vmap_extent *extent, bool mapped,
		const void *caller)
{
	span_lost(span_of(extent->start), caller);
	leave(arena, extent, mapped);
}

/**
 * lost_unmap() - what arena_unmap() has to do in a lost span: nothing, but to count
 * @arena: the arena
 * @extent: an extent on its way to lazy; when it is to be merged, lost_keeps() leaves it
 * @size: bytes from where it says that it is unmapped up to
 *
 * Context: any but NMI.
 */
void lost_unmap(struct vmap_arena *arena, const struct vmap_extent *extent, unsigned long size)
{
	unsigned long from = extent->unmapped, end = extent_end(extent) - arena->guard;

	span_lost(span_of(extent->start), __builtin_return_address(0));
	if (from < end && !(extent->flags & VMAP_EXTENT_FOREIGN))
		atomic_long_add((min(from + size, end) - from) >> PAGE_SHIFT, &arena->lost_pages);
}

/* Leave @extent, if it is of a lost span, instead of making it free.  Under the arena's lock. */
bool lost_keeps(struct vmap_arena *arena, struct vmap_extent *extent)
{
	const struct vmap_span *span;

	lockdep_assert_held(&arena->lock);
	list_for_each_entry(span, &arena->lost_spans, link) {
		if (extent->start - span->start < span->end - span->start) {
			leave(arena, extent, false);
			return true;
		}
	}
	return false;
}

/* Take a batch of free extents of a lost span out of the tree.  Return whether any is left. */
static bool withdraw(struct vmap_arena *arena, const struct vmap_span *span)
{
	struct vmap_extent *extent = NULL;
	unsigned int count = LOST_BATCH;
	unsigned long flags;

	flags = arena_lock(arena);
	while (count--) {
		extent = free_tree_at_or_after(&arena->tree, span->start);
		if (extent && extent->start >= span->end)
			extent = NULL;
		if (!extent)
			break;
		free_tree_withdraw(&arena->tree, extent);
		leave(arena, extent, false);
	}
	arena_unlock(arena, flags);
	return extent;
}

/* Put a span on the list of lost ones: the arena counts without it.  False if it is there. */
static bool move_to_lost(struct vmap_arena *arena, struct vmap_span *span)
{
	unsigned long flags;
	bool is_new;

	flags = arena_lock(arena);
	is_new = !span->gone;
	if (is_new) {
		if (extent_is_free(span->edge.next) && span_is_idle(span->edge.next))
			span_note_used(arena, span->edge.next);
		span_remove(arena, span);
		list_add_tail(&span->link, &arena->lost_spans);
		WRITE_ONCE(arena->nr_lost, arena->nr_lost + 1);
	}
	arena_unlock(arena, flags);
	return is_new;
}

/**
 * span_lost() - somebody gave a span's reservation back to the kernel
 * @span: the span
 * @caller: of the call that noticed
 *
 * Context: any but NMI; takes the arena's lock for a batch at a time.
 */
void span_lost(struct vmap_span *span, const void *caller)
{
	struct vmap_arena *arena = span->arena;

	if (!move_to_lost(arena, span))
		return;
	pr_err("vmap_arena: a span of arena %s, %lu bytes at %p, is lost, as a call by %pS noticed: it was given to vfree(), kvfree() or their like\n",
	       arena->name, span->end - span->start, (void *)span->start, caller);
	while (withdraw(arena, span))
		;
	mod_delayed_work(arena_wq, &arena->span_work, 0);
}

/* The live area of a tile is nobody's any more, unless somebody is just freeing it. */
static void lose_area(struct vmap_arena *arena, const struct vmap_span *span,
		      struct vmap_extent *extent)
{
	if (READ_ONCE(extent->state) != VMAP_BUSY ||
	    cmpxchg(span_slot(span, extent->start), extent, NULL) != extent)
		return;
	pr_err_ratelimited("vmap_arena: %lu bytes at %p, allocated by %pS, are lost\n",
			   extent->size - arena->guard, (void *)extent->start,
			   READ_ONCE(extent->caller));
	kmemleak_free((void *)extent->start);
	leave(arena, extent, true);
	arena_count_free(arena);
}

static void lose_areas(struct vmap_arena *arena, struct vmap_span *span)
{
	struct vmap_extent *extent;

	for (extent = span->edge.next; extent != &span->edge; extent = extent->next) {
		lose_area(arena, span, extent);
		cond_resched();
	}
}

/* A lost span of @arena that was not settled yet; NULL if there is none. */
static struct vmap_span *next_unsettled(struct vmap_arena *arena)
{
	struct vmap_span *span, *found = NULL;
	unsigned long flags;

	flags = arena_lock(arena);
	list_for_each_entry(span, &arena->lost_spans, link) {
		if (!span->settled) {
			span->settled = true;
			found = span;
			break;
		}
	}
	arena_unlock(arena, flags);
	return found;
}

/**
 * lost_settle() - do what is left to do about spans lost since the last time
 * @arena: a memory arena
 *
 * Context: process, may sleep.
 */
void lost_settle(struct vmap_arena *arena)
{
	struct vmap_span *span;

	while ((span = next_unsettled(arena))) {
		cache_drain_all(arena);
		purge_all(arena);
		lose_areas(arena, span);
	}
}

/**
 * lost_recount() - count as freed what became an area of a lost span after that was settled
 * @arena: a memory arena
 *
 * An allocation that looked just before the span was lost may have ended after.
 *
 * Context: process, may sleep.
 */
void lost_recount(struct vmap_arena *arena)
{
	struct vmap_span *span;

	lost_settle(arena);
	/* Nobody else loses spans of an arena that is about to be destroyed, or frees lost ones. */
	list_for_each_entry(span, &arena->lost_spans, link)
		lose_areas(arena, span);
}

static void drop_aside(struct vmap_arena *arena)
{
	struct vmap_span *span, *next;

	list_for_each_entry_safe(span, next, &arena->aside, link) {
		list_del(&span->link);
		span_free(span);
	}
}

static void drop_tiles(struct vmap_span *span)
{
	struct vmap_extent *extent, *next;

	for (extent = span->edge.next; extent != &span->edge; extent = next) {
		next = extent->next;
		kmem_cache_free(extent_slab, extent);
		cond_resched();
	}
}

/**
 * lost_drop() - free the bookkeeping of lost spans, and what was put aside for their sake
 * @arena: an arena that is being destroyed, with nothing cached, lazy or on its way
 *
 * Context: process, may sleep.
 */
void lost_drop(struct vmap_arena *arena)
{
	struct vmap_span *span, *next;

	drop_aside(arena);
	if (list_empty(&arena->lost_spans))
		return;
	lost_recount(arena);
	list_for_each_entry(span, &arena->lost_spans, link)
		span_forget(span);
	synchronize_rcu();
	list_for_each_entry_safe(span, next, &arena->lost_spans, link) {
		list_del(&span->link);
		drop_tiles(span);
		span_free(span);
	}
}
