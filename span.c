// SPDX-License-Identifier: GPL-2.0
/*
 * span.c - imports spans into an arena, returns them, and finds the span of an address
 *
 * A memory arena grows by importing spans: windows of kernel address space of the usual size
 * (module parameter span_size), or larger ones for requests that need it.  Importing sleeps, so it
 * is done ahead of need when little free space is left, for the sake of callers that may not sleep.
 *
 * A span all of which is free is idle.  Idle spans go back to the kernel, but not at once and not
 * the last of the usual size: an allocation that comes and goes at the edge of a span must not
 * import and return it for ever.
 *
 * A range arena has one span, adopted when it is created, without a window.
 *
 * Look-up by address is a load from an xarray with a slot for each WINDOW_GRAIN of address space,
 * which belongs to one span wholly, and one from that span's table of owners.  It takes no lock.
 * In front of the xarray is a small table of the spans seen at each address modulo its size, so
 * that most look-ups are a single load.  A span that goes is taken out of both first and freed
 * after an RCU grace period, one for all that go together; whoever holds a busy extent of it needs
 * no RCU, for then it cannot go.
 *
 * Locking: import_lock covers import; the arena's lock covers the lists and sums.
 */
#include <linux/kmemleak.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "space.h"

/* Idle spans beyond the one that is kept are returned after this. */
#define IDLE_DELAY	HZ

unsigned long vspan_size = 64UL << 20;

static DEFINE_XARRAY(span_map);
struct vmap_span *vspan_front[SPAN_FRONT_SIZE];

/* What vspan_of() could not find in front. */
struct vmap_span *vspan_look_up(unsigned long addr)
{
	return xa_load(&span_map, addr >> WINDOW_GRAIN_SHIFT);
}

/* Make the part of a span below @end unknown to vspan_of(). */
void vspan_leave(struct vmap_span *span, unsigned long end)
{
	unsigned long addr;

	for (addr = span->start; addr < end; addr += WINDOW_GRAIN) {
		cmpxchg(vspan_front_slot(addr), span, NULL);
		xa_erase(&span_map, addr >> WINDOW_GRAIN_SHIFT);
	}
}

/**
 * vspan_enter() - make a span known to vspan_of() at one WINDOW_GRAIN
 * @span: the span, complete
 * @addr: where
 *
 * Context: process, may sleep.
 * Return: 0; -EBUSY if another span is known there; -ENOMEM.
 */
int vspan_enter(struct vmap_span *span, unsigned long addr)
{
	int err = xa_insert(&span_map, addr >> WINDOW_GRAIN_SHIFT, span, vgfp_may_fail(GFP_KERNEL));

	if (!err)
		/* All that is in the span and its window comes before: see vspan_of(). */
		smp_store_release(vspan_front_slot(addr), span);
	return err;
}

/* Free a span, without its tiles, that nobody can find any more.  Context: process, may sleep. */
void vspan_free(struct vmap_span *span)
{
	if (span->window)
		vwin_close(span->window);
	kvfree(span->owner);
	kvfree(span->behind);
	kfree(span);
}

static void note_idle(struct vmap_space *space, struct vmap_span *span)
{
	space->idle_units += span->end - span->start;
	/* Returning starts at the head; of what is kept, the usual size serves best. */
	if (span->end - span->start > vspan_size)
		list_add(&span->idle, &space->idle_spans);
	else
		list_add_tail(&span->idle, &space->idle_spans);
}

static void note_used(struct vmap_space *space, struct vmap_span *span)
{
	space->idle_units -= span->end - span->start;
	list_del(&span->idle);
}

/**
 * vspan_open() - add a span, all of it free, to a space
 * @space: the space
 * @span: the span, which vspan_of() finds already if it is kernel address space
 * @whole: a spare extent, which becomes the first tile
 *
 * Context: any but NMI; takes the lock.
 */
void vspan_open(struct vmap_space *space, struct vmap_span *span, struct vmap_extent *whole)
{
	unsigned long flags;

	flags = vspace_lock(space);
	free_tree_open(&space->tree, &span->marker, whole, span->start, span->end);
	list_add_tail(&span->link, &space->spans);
	note_idle(space, span);
	space->reserved += span->end - span->start;
	space->nr_spans++;
	space->imports++;
	vspace_unlock(space, flags);
}

/* Take a span off its arena's list, so that the arena counts without it.  Under the lock. */
void vspan_remove(struct vmap_space *space, struct vmap_span *span)
{
	lockdep_assert_held(&space->lock);
	vwalk_note_return(space, span);
	span->gone = true;
	list_del(&span->link);
	space->reserved -= span->end - span->start;
	space->nr_spans--;
}

/* Take an idle span out of the arena, if more than @keep units are idle. */
static struct vmap_span *close_idle_span(struct vmap_space *space, unsigned long keep)
{
	struct vmap_span *span = NULL;
	struct vmap_extent *whole;
	unsigned long flags;

	flags = vspace_lock(space);
	if (space->idle_units > keep) {
		span = list_first_entry(&space->idle_spans, struct vmap_span, idle);
		whole = span->marker.next;
		note_used(space, span);
		vspan_remove(space, span);
		free_tree_close(&space->tree, whole);
		vext_pool_push(&space->spares, whole);
	}
	vspace_unlock(space, flags);
	return span;
}

/**
 * vspan_return_idle() - give idle spans back
 * @space: the arena
 * @keep: how many units may stay idle
 *
 * Context: process, may sleep.
 */
void vspan_return_idle(struct vmap_space *space, unsigned long keep)
{
	struct vmap_span *span, *following;
	LIST_HEAD(closed);

	while ((span = close_idle_span(space, keep))) {
		if (space->memory)
			vspan_leave(span, span->end);
		list_add_tail(&span->link, &closed);
		cond_resched();
	}
	if (list_empty(&closed))
		return;
	if (space->memory)
		synchronize_rcu();
	list_for_each_entry_safe(span, following, &closed, link) {
		vspan_free(span);
		cond_resched();
	}
}

static struct vmap_span *span_around(const struct vmap_extent *whole)
{
	return container_of(whole->next, struct vmap_span, marker);
}

/* All of a span came to be free.  Return whether so much is idle now that span_work should look. */
bool vspan_note_idle(struct vmap_space *space, struct vmap_extent *whole)
{
	lockdep_assert_held(&space->lock);
	note_idle(space, span_around(whole));
	return space->memory && space->idle_units > vspan_size;
}

/* An idle span is about to be cut. */
void vspan_note_used(struct vmap_space *space, struct vmap_extent *whole)
{
	lockdep_assert_held(&space->lock);
	note_used(space, span_around(whole));
}
