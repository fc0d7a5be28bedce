// SPDX-License-Identifier: GPL-2.0
/*
 * import.c - the way of a span into a space
 *
 * A memory arena grows by importing spans: windows of kernel address space of the usual size
 * (module parameter span_size), or larger ones for requests that need them.  Importing sleeps, and
 * takes milliseconds: so the layer above imports ahead of need.
 *
 * A range arena has one span, adopted when the arena is created, without a window.
 *
 * A new span is entered into the look-up by address before the lock is taken, and opened, all of it
 * free, under the lock.
 *
 * Locking: import_lock, one import at a time; space->lock only to open the span.
 */
#include <linux/kmemleak.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "space.h"

/* Another span is still known at @addr, which the kernel has given to a new one: it was lost. */
static void lose_span_at(unsigned long addr)
{
	struct vmap_span *lost;

	rcu_read_lock();
	lost = vspan_look_up(addr);
	if (lost)
		vlost_note(lost, __builtin_return_address(0));
	rcu_read_unlock();
}

/* Make a span known to vspan_of().  Return 0, -EBUSY where one was lost, or -ENOMEM. */
static int map_span(struct vmap_span *span)
{
	unsigned long addr;

	for (addr = span->start; addr < span->end; addr += WINDOW_GRAIN) {
		int err = vspan_enter(span, addr);

		if (err) {
			if (err == -EBUSY)
				lose_span_at(addr);
			vspan_leave(span, addr);
			/* The caller frees the span, which somebody may have found already. */
			synchronize_rcu();
			return err;
		}
	}
	return 0;
}

static struct vmap_span *new_span(struct vmap_space *space, unsigned long size)
{
	struct vmap_span *span = kzalloc(sizeof(*span), vgfp_may_fail(GFP_KERNEL));

	if (!span)
		return NULL;
	span->space = space;
	span->owner = kvcalloc(size >> PAGE_SHIFT, sizeof(*span->owner), vgfp_may_fail(GFP_KERNEL));
	span->behind = kvcalloc(size >> WINDOW_GRAIN_SHIFT, sizeof(*span->behind),
				vgfp_may_fail(GFP_KERNEL));
	span->window = span->owner && span->behind ? vwin_open(size) : NULL;
	if (!span->window) {
		vspan_free(span);
		return NULL;
	}
	span->start = span->window->start;
	span->end = span->window->end;
	/* The addresses before are no pointers to the area that begins there. */
	kmemleak_scan_area(&span->link, SIZE_MAX, GFP_KERNEL);
	return span;
}

/*
 * Get a span that can be found.  What begins where another was lost is put aside until the arena is
 * destroyed: what was cached or on its way in the lost one would be taken for the new one's.  Under
 * import_lock.
 */
static struct vmap_span *get_span(struct vmap_space *space, unsigned long size)
{
	struct vmap_span *span;
	int err;

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

static int import(struct vmap_space *space, unsigned long size)
{
	struct vmap_extent *whole;
	struct vmap_span *span;

	if (space->limit && size > space->limit - min(space->limit, space->reserved))
		return -ENOSPC;
	/* vmap() would refuse, but only after its bookkeeping has eaten much of that memory. */
	if (size >> PAGE_SHIFT > totalram_pages())
		return -ENOMEM;
	whole = kmem_cache_alloc(vspace_extent_slab, vgfp_may_fail(GFP_KERNEL));
	span = whole ? get_span(space, size) : NULL;
	if (!span) {
		if (whole)
			kmem_cache_free(vspace_extent_slab, whole);
		return -ENOMEM;
	}
	vspan_open(space, span, whole);
	return 0;
}

/* Whoever has the lock may be waiting for memory; a killed task need not. */
static int lock_import(struct vmap_space *space, gfp_t gfp)
{
	if (!vgfp_waits(gfp))
		return mutex_lock_killable(&space->import_lock) ? -ENOMEM : 0;
	mutex_lock(&space->import_lock);
	return 0;
}

/**
 * vspan_import() - add a span to a memory arena
 * @space: the arena
 * @size: bytes that it must have; the usual size is taken if that is more and can be had
 * @seen: arena->imports when the caller found that it lacks room
 * @gfp: whether the caller gives up when it is killed
 *
 * Context: process, may sleep.  Reclaims no memory through file systems or block devices, so that
 * waiting for another's import cannot deadlock a caller that may not either.
 * Return: 0 if there was an import, by this call or another; -ENOSPC at the arena's limit; -ENOMEM,
 * also if the task was killed before its turn came.
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
		mutex_unlock(&space->import_lock);
	}
	memalloc_noio_restore(noio);
	return err;
}

/**
 * vspan_adopt() - make [start, end) the span of a range arena
 * @space: the arena, without a span yet
 * @start: first unit
 * @end: one past the last
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int vspan_adopt(struct vmap_space *space, unsigned long start, unsigned long end)
{
	struct vmap_extent *whole = kmem_cache_alloc(vspace_extent_slab, vgfp_may_fail(GFP_KERNEL));
	struct vmap_span *span = kzalloc(sizeof(*span), vgfp_may_fail(GFP_KERNEL));

	if (!whole || !span) {
		if (whole)
			kmem_cache_free(vspace_extent_slab, whole);
		kfree(span);
		return -ENOMEM;
	}
	span->space = space;
	span->start = start;
	span->end = end;
	vspan_open(space, span, whole);
	return 0;
}
