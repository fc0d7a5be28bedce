// SPDX-License-Identifier: GPL-2.0
/*
 * import.c - imports spans into a space
 *
 * A memory arena grows by importing spans: windows of kernel address space (window.c) of vspan_size
 * bytes, or larger ones for requests that need more.  An import sleeps and takes milliseconds, so
 * ahead.c imports ahead of need.
 *
 * A range arena has one span without a window, which vspan_adopt() opens when the arena is created.
 *
 * A new span is entered into span_map and vspan_front before vspan_open() makes it part of the
 * space, so vspan_of() finds the span of each extent that an allocation can get.
 *
 * Locking: import_lock serialises the imports of an arena; only vspan_open() takes space->lock.
 */
#include <linux/kmemleak.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "space.h"
#include "trace.h"

/*
 * The kernel gave @addr to a new span while span_map still has another span there: that span is
 * lost.
 */
static void lose_span_at(unsigned long addr)
{
	struct vmap_span *lost;

	rcu_read_lock();
	lost = vspan_look_up(addr);
	if (lost)
		vlost_note(lost, __builtin_return_address(0));
	rcu_read_unlock();
}

/*
 * Enter each grain of a span into span_map.  Return 0; -EBUSY if a lost span lies there; -ENOMEM.
 */
static int map_span(struct vmap_span *span)
{
	unsigned long addr;

	for (addr = span->start; addr < span->end; addr += WINDOW_GRAIN) {
		int err = vspan_enter(span, addr);

		if (err) {
			if (err == -EBUSY)
				lose_span_at(addr);
			vspan_leave(span, addr);
			/* The caller frees the span; a look-up on another CPU may read it. */
			synchronize_rcu();
			return err;
		}
	}
	return 0;
}

/* Open a window of @size for a new span, which is on no list yet.  Return NULL without memory. */
static struct vmap_span *new_span(struct vmap_space *space, unsigned long size)
{
	struct vmap_span *span = kzalloc(sizeof(*span), vgfp_may_fail(GFP_KERNEL));

	if (!span)
		return NULL;
	span->space = space;
	span->first = space->first;
	span->owner = kvcalloc(size >> PAGE_SHIFT, sizeof(*span->owner), vgfp_may_fail(GFP_KERNEL));
	span->behind = kvcalloc(size >> WINDOW_GRAIN_SHIFT, sizeof(*span->behind),
				vgfp_may_fail(GFP_KERNEL));
	if (span->owner && span->behind)
		span->window = space->huge ? vchunk_open(size) : vwin_open(size);
	if (!span->window) {
		vspan_free(span);
		return NULL;
	}
	span->start = span->window->start;
	span->end = span->window->end;
	/*
	 * start and end are addresses of areas, but no references to them: kmemleak scans from link
	 * on only.
	 */
	kmemleak_scan_area(&span->link, SIZE_MAX, GFP_KERNEL);
	return span;
}

/*
 * Get a new span of @size and enter it into span_map.  Under import_lock.
 *
 * A span that overlaps a lost span is put on space->aside, unused, until the arena is destroyed.
 * Extents of the lost span may still be cached or on their way to the free tree; with a new span at
 * the same addresses they would be taken for extents of the new span.
 */
static struct vmap_span *get_span(struct vmap_space *space, unsigned long size)
{
	struct vmap_span *span;
	int err;

	lockdep_assert_held(&space->first->import_lock);
	while ((span = new_span(space, size))) {
		err = map_span(span);
		if (!err)
			return span;
		if (err != -EBUSY) {
			vspan_free(span);
			return NULL;
		}
		list_add(&span->link, &space->aside);
	}
	return NULL;
}

/* Open a span of @size.  Return 0, -ENOSPC at the limit, or -ENOMEM.  Under import_lock. */
static int open_span(struct vmap_space *space, unsigned long size)
{
	unsigned long limit = space->first->limit;
	struct vmap_opening opening;
	struct vmap_span *span;

	lockdep_assert_held(&space->first->import_lock);
	if (limit && size > limit - min(limit, vspace_reserved_in_all(space)))
		return -ENOSPC;
	/* vmap() would refuse as well, but only after its page array took much of the memory. */
	if (size >> PAGE_SHIFT > totalram_pages())
		return -ENOMEM;
	if (!vspace_begin_opening(space, &opening))
		return -ENOMEM;
	span = get_span(space, size);
	if (!span) {
		vspace_cancel_opening(&opening);
		return -ENOMEM;
	}
	vspan_open(space, span, &opening);
	return 0;
}

/* open_span(), and tell tracers. */
static int import(struct vmap_space *space, unsigned long size)
{
	u64 began = ktime_get_mono_fast_ns();
	int err = open_span(space, size);

	trace_vmap_import(space->name, size, err, ktime_get_mono_fast_ns() - began);
	return err;
}

/*
 * Take import_lock.  The task that holds import_lock may wait for memory, so a killed task does not
 * wait for import_lock, unless it must not fail (__GFP_NOFAIL).
 */
static int lock_import(struct vmap_space *space, gfp_t gfp)
{
	if (!vgfp_waits(gfp))
		return mutex_lock_killable(&space->first->import_lock) ? -ENOMEM : 0;
	mutex_lock(&space->first->import_lock);
	return 0;
}

/**
 * vspan_import() - add a span to a space of a memory arena
 * @space: the space
 * @size: the least size of the span, in bytes; the span has vspan_size if @size is smaller and
 *	memory and the limit of the arena permit
 * @seen: space->imports when the caller found no room
 * @gfp: __GFP_NOFAIL: wait for import_lock even if the task is killed
 *
 * Context: process, may sleep.  An import reclaims no memory through file systems or block devices:
 * a task that must not do I/O itself may wait for import_lock, and would deadlock otherwise.
 * Return: 0 if space->imports is not @seen any more, by this call or by another task; -ENOSPC at
 * the limit; -ENOMEM, also if the task was killed while it waited for import_lock.
 */
int vspan_import(struct vmap_space *space, unsigned long size, unsigned long seen, gfp_t gfp)
{
	unsigned int noio = memalloc_noio_save();
	int err = lock_import(space, gfp);

	size = ALIGN(size, WINDOW_GRAIN);
	if (!err) {
		if (space->imports == seen) {
			err = import(space, max(size, vspan_size));
			if (err && size < vspan_size)
				err = import(space, size);
		}
		mutex_unlock(&space->first->import_lock);
	}
	memalloc_noio_restore(noio);
	return err;
}

/**
 * vspan_adopt() - make [start, end) the span of a space of a range arena
 * @space: the space, without a span
 * @start: first unit
 * @end: one past the last unit
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int vspan_adopt(struct vmap_space *space, unsigned long start, unsigned long end)
{
	struct vmap_span *span = kzalloc(sizeof(*span), vgfp_may_fail(GFP_KERNEL));
	struct vmap_opening opening;

	if (!span)
		return -ENOMEM;
	if (!vspace_begin_opening(space, &opening)) {
		kfree(span);
		return -ENOMEM;
	}
	span->space = space;
	span->first = space->first;
	span->start = start;
	span->end = end;
	vspan_open(space, span, &opening);
	return 0;
}
