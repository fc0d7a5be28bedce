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

#include "arena.h"

/* Idle spans beyond the one that is kept are returned after this. */
#define IDLE_DELAY	HZ

static DEFINE_XARRAY(span_map);
struct vmap_span *span_front[SPAN_FRONT_SIZE];

/* What span_of() could not find in front. */
struct vmap_span *span_look_up(unsigned long addr)
{
	return xa_load(&span_map, addr >> WINDOW_GRAIN_SHIFT);
}

static void unmap_span(struct vmap_span *span, unsigned long end)
{
	unsigned long addr;

	for (addr = span->start; addr < end; addr += WINDOW_GRAIN) {
		cmpxchg(span_front_slot(addr), span, NULL);
		xa_erase(&span_map, addr >> WINDOW_GRAIN_SHIFT);
	}
}

/* Make a span unknown to span_of().  Context: process. */
void span_forget(struct vmap_span *span)
{
	unmap_span(span, span->end);
}

/* Another span is still known at @addr, which the kernel has given to a new one: it was lost. */
static void lose_span_at(unsigned long addr)
{
	struct vmap_span *lost;

	rcu_read_lock();
	lost = span_look_up(addr);
	if (lost)
		span_lost(lost, __builtin_return_address(0));
	rcu_read_unlock();
}

/* Make a span known to span_of().  Return 0, -EBUSY where one was lost, or -ENOMEM. */
static int map_span(struct vmap_span *span)
{
	unsigned long addr;

	for (addr = span->start; addr < span->end; addr += WINDOW_GRAIN) {
		int err = xa_insert(&span_map, addr >> WINDOW_GRAIN_SHIFT, span,
				    gfp_may_fail(GFP_KERNEL));

		if (err) {
			if (err == -EBUSY)
				lose_span_at(addr);
			unmap_span(span, addr);
			/* The caller frees the span, which somebody may have found already. */
			synchronize_rcu();
			return err;
		}
		/* All that is in the span and its window comes before: see span_of(). */
		smp_store_release(span_front_slot(addr), span);
	}
	return 0;
}

/* Free a span, without its tiles, that nobody can find any more.  Context: process, may sleep. */
void span_free(struct vmap_span *span)
{
	if (span->window)
		window_close(span->window);
	kvfree(span->owner);
	kvfree(span->behind);
	kfree(span);
}

static struct vmap_span *new_span(struct vmap_arena *arena, unsigned long size)
{
	struct vmap_span *span = kzalloc(sizeof(*span), gfp_may_fail(GFP_KERNEL));

	if (!span)
		return NULL;
	span->arena = arena;
	span->owner = kvcalloc(size >> PAGE_SHIFT, sizeof(*span->owner),
			       gfp_may_fail(GFP_KERNEL));
	span->behind = kvcalloc(size >> WINDOW_GRAIN_SHIFT, sizeof(*span->behind),
				gfp_may_fail(GFP_KERNEL));
	span->window = span->owner && span->behind ? window_open(size) : NULL;
	if (!span->window) {
		span_free(span);
		return NULL;
	}
	span->start = span->window->start;
	span->end = span->window->end;
	/* The addresses before are no pointers to the area that begins there. */
	kmemleak_scan_area(&span->link, SIZE_MAX, GFP_KERNEL);
	return span;
}

static void note_idle(struct vmap_arena *arena, struct vmap_span *span)
{
	arena->idle_units += span->end - span->start;
	/* Returning starts at the head; of what is kept, the usual size serves best. */
	if (span->end - span->start > span_size)
		list_add(&span->idle, &arena->idle_spans);
	else
		list_add_tail(&span->idle, &arena->idle_spans);
}

static void note_used(struct vmap_arena *arena, struct vmap_span *span)
{
	arena->idle_units -= span->end - span->start;
	list_del(&span->idle);
}

static void open_span(struct vmap_arena *arena, struct vmap_span *span, struct vmap_extent *whole)
{
	unsigned long flags;

	flags = arena_lock(arena);
	free_tree_open(&arena->tree, &span->edge, whole, span->start, span->end);
	list_add_tail(&span->link, &arena->spans);
	note_idle(arena, span);
	arena->reserved += span->end - span->start;
	arena->nr_spans++;
	arena->imports++;
	arena_unlock(arena, flags);
}

/* Take a span off its arena's list, so that the arena counts without it.  Under the lock. */
void span_remove(struct vmap_arena *arena, struct vmap_span *span)
{
	lockdep_assert_held(&arena->lock);
	walk_note_return(arena, span);
	span->gone = true;
	list_del(&span->link);
	arena->reserved -= span->end - span->start;
	arena->nr_spans--;
}

/* Take an idle span out of the arena, if more than @keep units are idle. */
static struct vmap_span *close_idle_span(struct vmap_arena *arena, unsigned long keep)
{
	struct vmap_span *span = NULL;
	struct vmap_extent *whole;
	unsigned long flags;

	flags = arena_lock(arena);
	if (arena->idle_units > keep) {
		span = list_first_entry(&arena->idle_spans, struct vmap_span, idle);
		whole = span->edge.next;
		note_used(arena, span);
		span_remove(arena, span);
		free_tree_close(&arena->tree, whole);
		extent_pool_push(&arena->spares, whole);
	}
	arena_unlock(arena, flags);
	return span;
}

/**
 * span_return_idle() - give idle spans back
 * @arena: the arena
 * @keep: how many units may stay idle
 *
 * Context: process, may sleep.
 */
void span_return_idle(struct vmap_arena *arena, unsigned long keep)
{
	struct vmap_span *span, *following;
	LIST_HEAD(closed);

	while ((span = close_idle_span(arena, keep))) {
		if (arena->memory)
			span_forget(span);
		list_add_tail(&span->link, &closed);
		cond_resched();
	}
	if (list_empty(&closed))
		return;
	if (arena->memory)
		synchronize_rcu();
	list_for_each_entry_safe(span, following, &closed, link) {
		span_free(span);
		cond_resched();
	}
}

/*
 * Get a span that can be found.  What begins where another was lost is put aside until the arena is
 * destroyed: what was cached or on its way in the lost one would be taken for the new one's.  Under
 * import_lock.
 */
static struct vmap_span *get_span(struct vmap_arena *arena, unsigned long size)
{
	struct vmap_span *span;
	int err;

	while ((span = new_span(arena, size))) {
		err = map_span(span);
		if (!err)
			return span;
		if (err != -EBUSY) {
			span_free(span);
			return NULL;
		}
		list_add(&span->link, &arena->aside);
	}
	return NULL;
}

static int import(struct vmap_arena *arena, unsigned long size)
{
	struct vmap_extent *whole;
	struct vmap_span *span;

	if (arena->limit && size > arena->limit - min(arena->limit, arena->reserved))
		return -ENOSPC;
	/* vmap() would refuse, but only after its bookkeeping has eaten much of that memory. */
	if (size >> PAGE_SHIFT > totalram_pages())
		return -ENOMEM;
	whole = kmem_cache_alloc(extent_slab, gfp_may_fail(GFP_KERNEL));
	span = whole ? get_span(arena, size) : NULL;
	if (!span) {
		if (whole)
			kmem_cache_free(extent_slab, whole);
		return -ENOMEM;
	}
	open_span(arena, span, whole);
	return 0;
}

/* Whoever has the lock may be waiting for memory; a killed task need not. */
static int lock_import(struct vmap_arena *arena, gfp_t gfp)
{
	if (!gfp_waits(gfp))
		return mutex_lock_killable(&arena->import_lock) ? -ENOMEM : 0;
	mutex_lock(&arena->import_lock);
	return 0;
}

/**
 * span_import() - add a span to a memory arena
 * @arena: the arena
 * @size: bytes that it must have; the usual size is taken if that is more and can be had
 * @seen: arena->imports when the caller found that it lacks room
 * @gfp: whether the caller gives up when it is killed
 *
 * Context: process, may sleep.  Reclaims no memory through file systems or block devices, so that
 * waiting for another's import cannot deadlock a caller that may not either.
 * Return: 0 if there was an import, by this call or another; -ENOSPC at the arena's limit; -ENOMEM,
 * also if the task was killed before its turn came.
 */
int span_import(struct vmap_arena *arena, unsigned long size, unsigned long seen, gfp_t gfp)
{
	unsigned int noio = memalloc_noio_save();
	int err = lock_import(arena, gfp);

	size = ALIGN(size, WINDOW_GRAIN);
	if (!err) {
		if (arena->imports == seen) {
			err = import(arena, max(size, span_size));
			if (err && size < span_size)
				err = import(arena, size);
		}
		mutex_unlock(&arena->import_lock);
	}
	memalloc_noio_restore(noio);
	return err;
}

/**
 * span_adopt() - make [start, end) the span of a range arena
 * @arena: the arena, without a span yet
 * @start: first unit
 * @end: one past the last
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int span_adopt(struct vmap_arena *arena, unsigned long start, unsigned long end)
{
	struct vmap_extent *whole = kmem_cache_alloc(extent_slab, gfp_may_fail(GFP_KERNEL));
	struct vmap_span *span = kzalloc(sizeof(*span), gfp_may_fail(GFP_KERNEL));

	if (!whole || !span) {
		if (whole)
			kmem_cache_free(extent_slab, whole);
		kfree(span);
		return -ENOMEM;
	}
	span->arena = arena;
	span->start = start;
	span->end = end;
	open_span(arena, span, whole);
	return 0;
}

static struct vmap_span *span_around(const struct vmap_extent *whole)
{
	return container_of(whole->next, struct vmap_span, edge);
}

/* All of a span came to be free.  Return whether so much is idle now that span_work should look. */
bool span_note_idle(struct vmap_arena *arena, struct vmap_extent *whole)
{
	lockdep_assert_held(&arena->lock);
	note_idle(arena, span_around(whole));
	return arena->memory && arena->idle_units > span_size;
}

/* An idle span is about to be cut. */
void span_note_used(struct vmap_arena *arena, struct vmap_extent *whole)
{
	lockdep_assert_held(&arena->lock);
	note_used(arena, span_around(whole));
}

/* Free space kept for callers who may not sleep. */
static unsigned long reserve_units(void)
{
	return span_size / 8;
}

/* Is less than that free? */
bool span_is_low(const struct vmap_arena *arena)
{
	return data_race(arena->tree.units) < reserve_units();
}

static unsigned long lazy_units(const struct vmap_arena *arena)
{
	return atomic_long_read(&arena->lazy_units);
}

/* Would a flush more than fill the reserve? */
bool span_is_worth_a_flush(const struct vmap_arena *arena)
{
	return lazy_units(arena) > reserve_units();
}

static bool wants_import(const struct vmap_arena *arena)
{
	return data_race(arena->tree.units) + lazy_units(arena) < reserve_units() &&
	       (!arena->limit || arena->limit - data_race(arena->reserved) >= span_size);
}

/**
 * span_keep_reserve() - see to it that some space is free, by a flush or an import ahead of need
 * @arena: a memory arena
 * @gfp: whether the caller may sleep; then a flush that is worth it is done here, in time
 *
 * Context: any that @gfp allows.
 */
void span_keep_reserve(struct vmap_arena *arena, gfp_t gfp)
{
	if (likely(!span_is_low(arena)))
		return;
	if (wants_import(arena))
		mod_delayed_work(arena_wq, &arena->span_work, 0);
	else if (span_is_worth_a_flush(arena) && gfpflags_allow_blocking(gfp))
		purge_flush(arena);
	else if (lazy_units(arena))
		purge_kick(arena);
}

/* Import ahead of need; return what has been idle for a while; clear up after what was lost. */
void span_work(struct work_struct *work)
{
	struct vmap_arena *arena = container_of(work, struct vmap_arena, span_work.work);

	if (READ_ONCE(arena->nr_lost))
		lost_settle(arena);
	if (wants_import(arena))
		span_import(arena, span_size, data_race(arena->imports), GFP_KERNEL);
	span_return_idle(arena, span_size);
}
