// SPDX-License-Identifier: GPL-2.0
/*
 * span.c - finds the span of an address; opens spans, and returns idle spans to the kernel
 *
 * Look-up: vspan_of() loads one slot of vspan_front, a table indexed by the grain of the address.
 * If the slot has another span or NULL, vspan_look_up() loads from span_map, an xarray with an
 * entry for each grain of each span.  A grain belongs to one span wholly.
 *
 * Return: a span all of which is free is idle.  Idle spans beyond vspan_size units go back to the
 * kernel, but only after VSPACE_IDLE_DELAY, so that an allocation that comes and goes at the end of
 * the used space does not import and return a span each time.  Spans larger than vspan_size go
 * first.  A span that goes is first taken out of the free tree, then out of vspan_front and
 * span_map; after one grace period for all spans that go together it is freed.
 *
 * A span of a range arena (vspan_adopt()) is in neither table.
 *
 * Invariants:
 *   - vspan_front has a span only while span_map has it, too;
 *   - a span is on space->idle_spans if and only if it is open and all of it is free.
 *
 * Locking: space->lock covers the lists of spans and the sums.  Look-ups take no lock: see
 * vspan_of() for how long a span stays.
 */
#include <linux/mm.h>
#include <linux/mmdebug.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "space.h"
#include "trace.h"

/* 64 MiB: an import takes about 4 ms in QEMU, and the owner table 128 KiB. */
unsigned long vspan_size = 64UL << 20;

/* The span of each grain, by the number of the grain; spans of memory arenas only. */
static DEFINE_XARRAY(span_map);
struct vmap_span *vspan_front[SPAN_FRONT_SIZE];

/* The look-up in span_map, for vspan_of(), which found another span or NULL in vspan_front. */
struct vmap_span *vspan_look_up(unsigned long addr)
{
	return xa_load(&span_map, addr >> WINDOW_GRAIN_SHIFT);
}

/* Remove the grains of a span below @end from vspan_front and span_map. */
void vspan_leave(struct vmap_span *span, unsigned long end)
{
	unsigned long addr;

	for (addr = span->start; addr < end; addr += WINDOW_GRAIN) {
		cmpxchg(vspan_front_slot(addr), span, NULL);
		xa_erase(&span_map, addr >> WINDOW_GRAIN_SHIFT);
	}
}

/**
 * vspan_enter() - enter one grain of a span into span_map and vspan_front
 * @span: the span, with all fields set that vspan_of() and its callers read
 * @addr: the first address of the grain
 *
 * Context: process, may sleep.
 * Return: 0; -EBUSY if span_map has another span for the grain; -ENOMEM.
 */
int vspan_enter(struct vmap_span *span, unsigned long addr)
{
	int err = xa_insert(&span_map, addr >> WINDOW_GRAIN_SHIFT, span, vgfp_may_fail(GFP_KERNEL));

	if (!err)
		/* Release the fields of the span and of its window: pairs with vspan_of(). */
		smp_store_release(vspan_front_slot(addr), span);
	return err;
}

/*
 * Free a span and its window, but not its tiles.  No look-up can find the span any more.  Context:
 * process, may sleep.
 */
void vspan_free(struct vmap_span *span)
{
	if (span->window && span->space->huge)
		vchunk_close(span->window);
	else if (span->window)
		vwin_close(span->window);
	kvfree(span->owner);
	kvfree(span->behind);
	kfree(span);
}

static void note_idle(struct vmap_space *space, struct vmap_span *span)
{
	lockdep_assert_held(&space->lock);
	space->idle_units += span->end - span->start;
	/*
	 * close_idle_span() takes from the head: keep spans of the usual size rather than larger
	 * ones.
	 */
	if (span->end - span->start > vspan_size)
		list_add(&span->idle, &space->idle_spans);
	else
		list_add_tail(&span->idle, &space->idle_spans);
}

static void note_used(struct vmap_space *space, struct vmap_span *span)
{
	lockdep_assert_held(&space->lock);
	space->idle_units -= span->end - span->start;
	list_del(&span->idle);
}

/**
 * vspan_open() - add a span, all of it free, to a space
 * @space: the space
 * @span: the span; in a memory arena vspan_of() finds it already
 * @opening: what vspace_begin_opening() got; used up
 *
 * Context: any but NMI; takes space->lock.
 */
void vspan_open(struct vmap_space *space, struct vmap_span *span, struct vmap_opening *opening)
{
	struct summary_node *node;
	unsigned long flags;

	flags = vspace_lock(space);
	while ((node = summary_pool_pop(&opening->nodes)))
		summary_pool_push(&space->summary.spares, node);
	free_tree_open(&space->tree, &span->marker, opening->whole, span->start, span->end);
	list_add_tail(&span->link, &space->spans);
	note_idle(space, span);
	space->reserved += span->end - span->start;
	space->nr_spans++;
	space->imports++;
	vspace_unlock(space, flags);
}

/* Take a span off space->spans, and its units out of the sums.  Under space->lock. */
void vspan_remove(struct vmap_space *space, struct vmap_span *span)
{
	lockdep_assert_held(&space->lock);
	vwalk_note_return(space, span);
	span->gone = true;
	list_del(&span->link);
	space->reserved -= span->end - span->start;
	space->nr_spans--;
}

/* Take one idle span out of the space if more than @keep units are idle, else return NULL. */
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
 * vspan_return_idle() - give idle spans back to the kernel until at most @keep units are idle
 * @space: the space
 * @keep: units that may stay idle
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
		trace_vmap_return(space->name, span->start, span->end - span->start);
		vspan_free(span);
		cond_resched();
	}
}

/* The span whose only tile is @whole: the next member of the ring is the marker. */
static struct vmap_span *span_around(const struct vmap_extent *whole)
{
	VM_WARN_ON_ONCE(whole->next->state != VMAP_MARKER || !vspan_is_idle(whole));
	return container_of(whole->next, struct vmap_span, marker);
}

/*
 * Note that the span of the free extent @whole became idle.  Return true if the space should return
 * idle spans: it is a memory arena with more than vspan_size idle units.
 */
bool vspan_note_idle(struct vmap_space *space, struct vmap_extent *whole)
{
	note_idle(space, span_around(whole));
	return space->memory && space->idle_units > vspan_size;
}

/* Note that the idle span of the free extent @whole is about to be cut, or was lost. */
void vspan_note_used(struct vmap_space *space, struct vmap_extent *whole)
{
	note_used(space, span_around(whole));
}

/* vspace_cut_lowest() beside a summary.  Under space->lock. */
struct vmap_extent *vspan_cut_of_summary(struct vmap_space *space, unsigned long size,
					 const void *caller)
{
	struct free_summary *summary = space->tree.summary;
	struct free_search search = { .size = size };

	lockdep_assert_held(&space->lock);
	if (summary->spares.count < vspace_nodes_low(summary))
		queue_work(vspace_wq, &space->stock_work);
	search.extent = free_summary_lowest(summary, size);
	/* What is recorded as the longest may be too short: then vtake_slow() looks on. */
	if (!search.extent || search.extent->size < size || !vspace_may_cut(space))
		return NULL;
	search.start = search.extent->start;
	if (unlikely(vspan_is_idle(search.extent)))
		vspan_note_used(space, search.extent);
	search.extent = free_tree_cut(&space->tree, &search, &space->spares);
	vspace_hand_out_new(space, search.extent, caller);
	return search.extent;
}
