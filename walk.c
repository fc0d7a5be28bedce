// SPDX-License-Identifier: GPL-2.0
/*
 * walk.c - steps through all tiles of an arena without keeping its lock
 *
 * To print a million tiles one cannot hold the lock for the length of it.  A walker takes the lock
 * for one step, copies what the tile is, notes the tile after it, and lets go.  Tiles disappear in
 * two ways only: merged into a neighbour, or with
 * their span.  Whoever does that moves the walkers
 * on that stand there, which costs one look at an empty list while nobody walks.
 *
 * So each walker makes each free a little dearer, under the lock, and their number is bounded.  Two
 * kinds of walks share the bound:
 *
 *   from end to end   walk_begin(), by whoever looks at all tiles in one go.  These wait for each
 *                     other: one at a time in an arena.
 *   by a reader       walk_join(), for as long as somebody takes to read a file, perhaps for ever.
 *                     So many at a time, and no more: these may be refused.
 *
 * A walk sees each tile that is there all the while exactly once.
 *
 * Locking: the list of walkers, and where each stands, are under the arena's lock; walk_lock is
 * held from walk_begin() to walk_end(), and taken before it.  A walker keeps the arena in memory by
 * a reference of its owner's.
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

/* Put @walk before the first tile of its arena.  Under the arena's lock. */
static void enlist(struct tile_walk *walk)
{
	struct vmap_arena *arena = walk->arena;

	lockdep_assert_held(&arena->lock);
	walk->next = list_empty(&arena->spans) ? NULL : first_tile(arena, &arena->spans);
	list_add(&walk->link, &arena->walkers);
}

/**
 * walk_begin() - begin to walk from end to end, once nobody else does
 * @walk: the walk; undefined before
 * @arena: the arena
 *
 * Context: process, may sleep.
 */
void walk_begin(struct tile_walk *walk, struct vmap_arena *arena)
{
	unsigned long flags;

	*walk = (struct tile_walk){ .arena = arena };
	mutex_lock(&arena->walk_lock);
	flags = arena_lock(arena);
	enlist(walk);
	arena_unlock(arena, flags);
}

/**
 * walk_join() - begin to walk for a reader, who may take any time
 * @walk: the walk; undefined before
 * @arena: the arena
 *
 * Context: any but NMI.
 * Return: 0, or -EBUSY if enough readers walk already; then there is no walk to leave.
 */
int walk_join(struct tile_walk *walk, struct vmap_arena *arena)
{
	unsigned long flags;
	int err = -EBUSY;

	*walk = (struct tile_walk){ .arena = arena };
	flags = arena_lock(arena);
	if (arena->readers < WALK_READERS) {
		arena->readers++;
		enlist(walk);
		err = 0;
	}
	arena_unlock(arena, flags);
	return err;
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

/* End what walk_begin() began. */
void walk_end(struct tile_walk *walk)
{
	unsigned long flags;

	flags = arena_lock(walk->arena);
	list_del(&walk->link);
	arena_unlock(walk->arena, flags);
	mutex_unlock(&walk->arena->walk_lock);
}

/* End what walk_join() began. */
void walk_leave(struct tile_walk *walk)
{
	unsigned long flags;

	flags = arena_lock(walk->arena);
	list_del(&walk->link);
	walk->arena->readers--;
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
		if (walk->next && walk->next->start - span->start < span->end - span->start)
			walk->next = first_tile(arena, &span->link);
}
