// SPDX-License-Identifier: GPL-2.0
/*
 * walk.c - steps through all tiles of an arena without keeping its lock
 *
 * To print a million tiles one cannot hold the lock for the length of it.  A walker takes the lock
 * for one step, copies what the tile is, notes the tile after it, and lets go.  Tiles disappear in
 * two ways only: merged into a neighbour, or with their span.  Whoever does that moves the walkers
 * on that stand there, which costs one look at an empty list while nobody walks.
 *
 * A walk sees each tile that is there all the while exactly once.
 *
 * Locking: everything here is under the arena's lock; a walker keeps the arena in memory by a
 * reference of its owner's.
 */
#include "arena.h"

static bool is_edge(const struct vmap_extent *extent)
{
	return !extent_is_free(extent) && READ_ONCE(extent->state) == VMAP_EDGE;
}

/* The first tile of the span after @span on the list, whose head also stands for the end. */
static struct vmap_extent *first_tile(const struct vmap_arena *arena, const struct list_head *after)
{
	struct vmap_span *span = list_entry(after->next, struct vmap_span, link);

	return list_is_last(after, &arena->spans) ? NULL : span->edge.next;
}

/* The tile after @extent, which may be in the next span. */
static struct vmap_extent *following(const struct vmap_arena *arena, struct vmap_extent *extent)
{
	struct vmap_extent *next = extent->next;

	return is_edge(next) ? first_tile(arena, &container_of(next, struct vmap_span, edge)->link)
			     : next;
}

void walk_begin(struct tile_walk *walk, struct vmap_arena *arena)
{
	unsigned long flags;

	*walk = (struct tile_walk){ .arena = arena };
	flags = arena_lock(arena);
	walk->next = list_empty(&arena->spans) ? NULL : first_tile(arena, &arena->spans);
	list_add(&walk->link, &arena->walkers);
	arena_unlock(arena, flags);
}

static void describe(struct tile *tile, const struct vmap_extent *extent)
{
	bool free = extent_is_free(extent);
	enum vmap_state state = free ? VMAP_SPARE : READ_ONCE(extent->state);

	*tile = (struct tile){
		.start = extent->start,
		.end = extent_end(extent),
		.free = free,
		.state = state,
		.flags = free ? 0 : extent->flags,
		.caller = state == VMAP_BUSY ? READ_ONCE(extent->caller) : NULL,
		.wrong = free_tree_check_tile(extent),
	};
}

/**
 * walk_step() - look at the next tile
 * @walk: the walk; its tile is set
 *
 * Return: false at the end.
 */
bool walk_step(struct tile_walk *walk)
{
	struct vmap_arena *arena = walk->arena;
	struct vmap_extent *extent;
	unsigned long flags;

	flags = arena_lock(arena);
	extent = walk->next;
	if (extent) {
		describe(&walk->tile, extent);
		walk->next = following(arena, extent);
	}
	arena_unlock(arena, flags);
	return extent;
}

void walk_end(struct tile_walk *walk)
{
	unsigned long flags;

	flags = arena_lock(walk->arena);
	list_del(&walk->link);
	arena_unlock(walk->arena, flags);
}

/*
 * @extent is about to be free and merged with its free neighbours.  Whoever was going to see it, or
 * the next one if that is merged, too, has seen the beginning of what it merges into if that lay
 * before them.
 */
void walk_note_free(struct vmap_arena *arena, struct vmap_extent *extent)
{
	struct vmap_extent *last = extent_is_free(extent->next) ? extent->next : extent;
	struct vmap_extent *stop = extent_is_free(extent->prev) ? following(arena, last) : last;
	struct tile_walk *walk;

	lockdep_assert_held(&arena->lock);
	list_for_each_entry(walk, &arena->walkers, link)
		if (walk->next == extent || walk->next == last)
			walk->next = stop;
}

/* @span is about to go. */
void walk_note_return(struct vmap_arena *arena, struct vmap_span *span)
{
	struct tile_walk *walk;

	lockdep_assert_held(&arena->lock);
	list_for_each_entry(walk, &arena->walkers, link)
		if (walk->next == span->edge.next)
			walk->next = first_tile(arena, &span->link);
}
