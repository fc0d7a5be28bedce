/* SPDX-License-Identifier: GPL-2.0 */
/*
 * take.h - the hot paths of taking an extent out of an arena and of giving it back
 *
 * See the theory statement in take.c.
 */
#ifndef TAKE_H
#define TAKE_H

#include "arena.h"
#include "throttle.h"

/* Spares below which a worker fills the pool. */
#define TAKE_SPARES_LOW	128

struct vmap_extent *take_hard(struct vmap_arena *arena, struct free_search *search, gfp_t gfp,
			      const void *caller);

/* From here on the extent, its arena noted, is busy.  Walkers may be looking. */
static __always_inline void hand_out(struct vmap_extent *extent, const void *caller)
{
	WRITE_ONCE(extent->caller, caller);
	WRITE_ONCE(extent->state, VMAP_BUSY);
}

static __always_inline void hand_out_new(struct vmap_arena *arena, struct vmap_extent *extent,
					 const void *caller)
{
	extent->flags = 0;
	WRITE_ONCE(extent->arena, arena);
	hand_out(extent, caller);
}

/* Pay a little of what is flushed; more if there is hardly any room. */
static inline void take_merge(struct vmap_arena *arena)
{
	purge_merge(arena, span_is_low(arena) ? THROTTLE_MERGE_FREE : THROTTLE_MERGE_ALLOC);
}

/* Cut @size from the lowest free extent that has it; NULL if none does, or for want of spares. */
static __always_inline struct vmap_extent *cut_lowest(struct vmap_arena *arena, unsigned long size,
						      const void *caller)
{
	struct vmap_extent *extent = free_tree_lowest(&arena->tree, size);

	if (unlikely(!extent || arena->spares.count < FREE_TREE_SPARES))
		return NULL;
	if (unlikely(span_is_idle(extent)))
		span_note_used(arena, extent);
	extent = free_tree_cut_left(&arena->tree, extent, size, &arena->spares);
	hand_out_new(arena, extent, caller);
	return extent;
}

/*
 * Take the lowest extent of @size, which nothing else is asked of, from a range arena: nothing is
 * flushed there.  NULL if that takes more than one look at what is free now.
 */
static __always_inline struct vmap_extent *take_plain_range(struct vmap_arena *arena,
							    unsigned long size,
							    const void *caller)
{
	struct vmap_extent *extent;
	unsigned long flags;

	flags = arena_lock(arena);
	extent = cut_lowest(arena, size, caller);
	arena_unlock(arena, flags);
	return extent;
}

/* The same from a memory arena. */
static __always_inline struct vmap_extent *take_plain(struct vmap_arena *arena,
						      unsigned long size, const void *caller)
{
	struct vmap_extent *extent = NULL;
	unsigned long flags;

	flags = arena_lock(arena);
	if (arena->flushed) {
		extent = purge_reuse(arena, size);
		if (extent)
			hand_out_new(arena, extent, caller);
		else
			take_merge(arena);
	}
	if (!extent)
		extent = cut_lowest(arena, size, caller);
	arena_unlock(arena, flags);
	return extent;
}

/* Make an extent free again.  Under the arena's lock. */
static __always_inline void give_back(struct vmap_arena *arena, struct vmap_extent *extent)
{
	struct vmap_extent *merged;

	lockdep_assert_held(&arena->lock);
	if (unlikely(!list_empty(&arena->walkers)))
		walk_note_free(arena, extent);
	merged = free_tree_put(&arena->tree, extent, &arena->spares);
	if (unlikely(span_is_idle(merged)) && span_note_idle(arena, merged))
		queue_delayed_work(arena_wq, &arena->span_work, HZ);
}

/* Is so much deferred that whoever can sleep is to do a part of it? */
static __always_inline bool is_help_wanted(const struct vmap_arena *arena)
{
	return throttle_wants_purge(atomic_long_read(&arena->deferred_units),
				    READ_ONCE(arena->threshold));
}

/*
 * See to it that the next calls find spares and room.  To be called last: the worker that is woken
 * may get the CPU at once.
 */
static __always_inline void take_ahead(struct vmap_arena *arena, gfp_t gfp)
{
	if (unlikely(data_race(arena->spares.count) < TAKE_SPARES_LOW))
		queue_work(arena_wq, &arena->stock_work);
	if (!arena->memory)
		return;
	span_keep_reserve(arena, gfp);
	if (unlikely(is_help_wanted(arena)) && gfpflags_allow_blocking(gfp))
		purge_deferred(arena);
}

#endif
