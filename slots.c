// SPDX-License-Identifier: GPL-2.0
/*
 * slots.c - extents of a range arena that are set aside for allocations that must not fail
 *
 * An allocation in a range arena fails if no free extent is long enough, or if the arena is short
 * of spare extents and the slab has none.  vslots_make() takes slots out of the free tree ahead of
 * that, each with room for the longest extent that is to be had.  An allocation for which the
 * cache has nothing, and the free tree nothing at once, takes a slot: the call neither searches
 * further nor calls the slab.  A free puts the slot back before anything else may have it.
 *
 * Words:
 *   slot    an extent set aside.  A slot is never cut, whatever the length asked for: what is
 *           handed out has the length of a slot
 *   ready   said of a slot that nobody has
 *
 * Bound.  As many extents can be live as there are slots.  So while fewer are live, also of those
 * that came from elsewhere, a slot is ready.  No TLB knows a range arena's addresses, so nothing
 * waits for a flush.
 *
 * Invariants:
 *   - a ready slot is in state VMAP_CACHED, one that is handed out in VMAP_SLOT: no magazine takes
 *     it for an extent of its own;
 *   - ready and handed-out slots are all that there are.
 *
 * Locking: slots->lock, a raw spinlock taken with interrupts off, covers the list and the counts.
 * making serialises vslots_make().
 */
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include "calls.h"

/* What is set aside in one range arena. */
struct vmap_slots {
	/* The arena's cache, with the space of the slots; the units of a slot.  Constant. */
	struct vmap_cache *cache;
	unsigned long size;

	/* Covers this group of fields.  Raw, taken with interrupts off: callers may be anywhere. */
	raw_spinlock_t lock;
	/* The ready slots, by extent->under; how many; the lowest number since vslots_make(). */
	struct vmap_extent *ready;
	unsigned long nr_ready;
	unsigned long lowest_ready;
};

/* Serialises vslots_make(). */
static DEFINE_MUTEX(making);

static struct vmap_extent *take_slot(struct vmap_slots *slots)
{
	struct vmap_extent *slot;
	unsigned long flags;

	raw_spin_lock_irqsave(&slots->lock, flags);
	slot = slots->ready;
	if (slot) {
		slots->ready = slot->under;
		slots->nr_ready--;
		slots->lowest_ready = min(slots->lowest_ready, slots->nr_ready);
	}
	raw_spin_unlock_irqrestore(&slots->lock, flags);
	return slot;
}

static void put_slot(struct vmap_slots *slots, struct vmap_extent *slot)
{
	unsigned long flags;

	WRITE_ONCE(slot->state, VMAP_CACHED);
	raw_spin_lock_irqsave(&slots->lock, flags);
	slot->under = slots->ready;
	slots->ready = slot;
	slots->nr_ready++;
	raw_spin_unlock_irqrestore(&slots->lock, flags);
}

/**
 * vslots_alloc() - hand out a slot
 * @arena: a range arena
 * @size: units asked for
 * @align: of the start, in units
 * @caller: who allocates
 *
 * Context: any but NMI.
 * Return: the slot; NULL if the arena has none that serves the request.
 */
struct vmap_extent *vslots_alloc(struct vmap_arena *arena, unsigned long size, unsigned long align,
				 const void *caller)
{
	/* Pairs with smp_store_release() in vslots_make(). */
	struct vmap_slots *slots = smp_load_acquire(&arena->slots);
	struct vmap_extent *slot;

	if (!slots || size - 1 >= slots->size || align - 1 >= slots->cache->purge.space.quantum ||
	    align & (align - 1))
		return NULL;
	slot = take_slot(slots);
	if (!slot)
		return NULL;
	slot->space = &slots->cache->purge.space;
	WRITE_ONCE(slot->caller, caller);
	WRITE_ONCE(slot->state, VMAP_SLOT);
	vspace_count(slot->space, allocs);
	return slot;
}

/**
 * vslots_keep() - take a slot back that is freed
 * @arena: the arena that the caller of the free named
 * @extent: what is freed; may be stale
 *
 * Context: any but NMI.
 * Return: true if @extent was a slot of the arena and handed out; then the free is counted, and the
 * arena may be gone.
 */
bool vslots_keep(struct vmap_arena *arena, struct vmap_extent *extent)
{
	/* Pairs with smp_store_release() in vslots_make(). */
	struct vmap_slots *slots = smp_load_acquire(&arena->slots);
	struct vmap_space *space = &arena->cache.purge.space;

	if (!slots || vext_is_free(extent) || READ_ONCE(extent->space) != space ||
	    cmpxchg(&extent->state, VMAP_SLOT, VMAP_CACHED) != VMAP_SLOT)
		return false;
	put_slot(slots, extent);
	vspace_count_free(space);
	return true;
}

static void drop(struct vmap_slots *slots)
{
	struct vmap_extent *slot;
	struct vmap_space *space;
	unsigned long flags;

	while ((slot = take_slot(slots))) {
		space = &vcache_home(slots->cache, slot)->space;
		flags = vspace_lock(space);
		vspace_put(space, slot);
		vspace_unlock(space, flags);
		cond_resched();
	}
	kfree(slots);
}

/* Give up the slots of an arena that is being destroyed.  Context: process, may sleep. */
void vslots_exit(struct vmap_arena *arena)
{
	if (arena->slots)
		drop(arena->slots);
	arena->slots = NULL;
}

/* Take @count slots out of the free tree.  Return false if there is not so much room or memory. */
static bool fill(struct vmap_slots *slots, unsigned long count)
{
	const void *caller = __builtin_return_address(0);

	while (slots->nr_ready < count) {
		struct free_search search = {
			.size = slots->size,
			.align = slots->cache->purge.space.quantum,
			.hi = ULONG_MAX,
		};
		struct vmap_extent *slot;
		enum vwatch_path path;

		if (fatal_signal_pending(current))
			return false;
		slot = vtake_slow(slots->cache, &search, vgfp_may_fail(GFP_KERNEL), caller, &path);
		if (IS_ERR(slot))
			return false;
		put_slot(slots, slot);
		cond_resched();
	}
	slots->lowest_ready = count;
	return true;
}

static struct vmap_slots *make(struct vmap_cache *cache, unsigned long count, unsigned long size)
{
	struct vmap_slots *slots = kzalloc(sizeof(*slots), vgfp_may_fail(GFP_KERNEL));

	if (!slots)
		return NULL;
	slots->cache = cache;
	slots->size = size;
	raw_spin_lock_init(&slots->lock);
	if (fill(slots, count))
		return slots;
	drop(slots);
	return NULL;
}

/**
 * vslots_make() - set slots aside in a range arena: see vmap_arena_reserve()
 * @arena: a range arena
 * @count: how many
 * @size: units of each, a multiple of the quantum
 *
 * Context: process, may sleep.
 * Return: 0, -EEXIST or -ENOMEM.
 */
int vslots_make(struct vmap_arena *arena, unsigned long count, unsigned long size)
{
	struct vmap_slots *slots;
	int err = 0;

	/* A slot takes 64 bytes: a wish without sense is refused before it takes much memory. */
	if (count > totalram_pages())
		return -ENOMEM;
	mutex_lock(&making);
	slots = arena->slots ? NULL : make(&arena->cache, count, size);
	if (arena->slots) {
		err = -EEXIST;
	} else if (!slots) {
		err = -ENOMEM;
	} else {
		WRITE_ONCE(arena->cache.reserved, true);
		/* Pairs with smp_load_acquire() in vslots_alloc() and vslots_keep(). */
		smp_store_release(&arena->slots, slots);
	}
	mutex_unlock(&making);
	return err;
}

/* Fill in what @stats says of the slots.  Context: any but NMI. */
void vslots_stats(struct vmap_arena *arena, struct vmap_arena_stats *stats)
{
	/* Pairs with smp_store_release() in vslots_make(). */
	struct vmap_slots *slots = smp_load_acquire(&arena->slots);
	unsigned long flags;

	if (!slots)
		return;
	raw_spin_lock_irqsave(&slots->lock, flags);
	stats->reserve_areas = slots->nr_ready;
	stats->reserve_areas_low = slots->lowest_ready;
	stats->kept = slots->nr_ready * slots->size;
	stats->reserve = stats->kept;
	stats->reserve_low = slots->lowest_ready * slots->size;
	raw_spin_unlock_irqrestore(&slots->lock, flags);
}
