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
 *   from end to end   vwalk_begin(), by whoever looks at all tiles in one go.  These wait for each
 *                     other: one at a time in an arena.
 *   by a reader       vwalk_join(), for as long as somebody takes to read a file, perhaps for ever.
 *                     So many at a time, and no more: these may be refused.
 *
 * A walk sees each tile that is there all the while exactly once.
 *
 * Locking: the list of walkers, and where each stands, are under the arena's lock; walk_lock is
 * held from vwalk_begin() to vwalk_end(), and taken before it.  A walker keeps the arena in memory by
 * a reference of its owner's.
 */
#include "space.h"

static bool is_marker(const struct vmap_extent *extent)
{
	return !vext_is_free(extent) && READ_ONCE(extent->state) == VMAP_MARKER;
}

/* The first tile of the span after @span on the list, whose head also stands for the end. */
static struct vmap_extent *first_tile(const struct vmap_space *space, const struct list_head *after)
{
	struct vmap_span *span = list_entry(after->next, struct vmap_span, link);

	return list_is_last(after, &space->spans) ? NULL : span->marker.next;
}

/* The tile after @extent, which may be in the next span. */
static struct vmap_extent *following(const struct vmap_space *space, struct vmap_extent *extent)
{
	struct vmap_extent *next = extent->next;

	return is_marker(next) ?
		       first_tile(space, &container_of(next, struct vmap_span, marker)->link) :
		       next;
}

/* Put @walk before the first tile of its arena.  Under the arena's lock. */
static void enlist(struct vmap_walk *walk)
{
	struct vmap_space *space = walk->space;

	lockdep_assert_held(&space->lock);
	walk->next = list_empty(&space->spans) ? NULL : first_tile(space, &space->spans);
	list_add(&walk->link, &space->walkers);
}

/**
 * vwalk_begin() - begin to walk from end to end, once nobody else does
 * @walk: the walk; undefined before
 * @space: the arena
 *
 * Context: process, may sleep.
 */
void vwalk_begin(struct vmap_walk *walk, struct vmap_space *space)
{
	unsigned long flags;

	*walk = (struct vmap_walk){ .space = space };
	mutex_lock(&space->walk_lock);
	flags = vspace_lock(space);
	enlist(walk);
	vspace_unlock(space, flags);
}

/**
 * vwalk_join() - begin to walk for a reader, who may take any time
 * @walk: the walk; undefined before
 * @space: the arena
 *
 * Context: any but NMI.
 * Return: 0, or -EBUSY if enough readers walk already; then there is no walk to leave.
 */
int vwalk_join(struct vmap_walk *walk, struct vmap_space *space)
{
	unsigned long flags;
	int err = -EBUSY;

	*walk = (struct vmap_walk){ .space = space };
	flags = vspace_lock(space);
	if (space->readers < WALK_READERS) {
		space->readers++;
		enlist(walk);
		err = 0;
	}
	vspace_unlock(space, flags);
	return err;
}

static void describe(struct vmap_tile *tile, const struct vmap_extent *extent)
{
	bool free = vext_is_free(extent);
	enum vmap_state state = free ? VMAP_SPARE : READ_ONCE(extent->state);

	*tile = (struct vmap_tile){
		.start = extent->start,
		.end = vext_end(extent),
		.free = free,
		.state = state,
		.flags = free ? 0 : extent->flags,
		.caller = state == VMAP_BUSY ? READ_ONCE(extent->caller) : NULL,
		.wrong = free_tree_check_tile(extent),
	};
}

/**
 * vwalk_step() - look at the next tile
 * @walk: the walk; its tile is set
 *
 * Return: false at the end.
 */
bool vwalk_step(struct vmap_walk *walk)
{
	struct vmap_space *space = walk->space;
	struct vmap_extent *extent;
	unsigned long flags;

	flags = vspace_lock(space);
	extent = walk->next;
	if (extent) {
		describe(&walk->tile, extent);
		walk->next = following(space, extent);
	}
	vspace_unlock(space, flags);
	return extent;
}

/* End what vwalk_begin() began. */
void vwalk_end(struct vmap_walk *walk)
{
	unsigned long flags;

	flags = vspace_lock(walk->space);
	list_del(&walk->link);
	vspace_unlock(walk->space, flags);
	mutex_unlock(&walk->space->walk_lock);
}

/* End what vwalk_join() began. */
void vwalk_leave(struct vmap_walk *walk)
{
	unsigned long flags;

	flags = vspace_lock(walk->space);
	list_del(&walk->link);
	walk->space->readers--;
	vspace_unlock(walk->space, flags);
}

/*
 * @extent is about to be free and merged with its free neighbours.  Whoever was going to see it, or
 * the next one if that is merged, too, has seen the beginning of what it merges into if that lay
 * before them.
 */
void vwalk_note_free(struct vmap_space *space, struct vmap_extent *extent)
{
	struct vmap_extent *last = vext_is_free(extent->next) ? extent->next : extent;
	struct vmap_extent *stop = vext_is_free(extent->prev) ? following(space, last) : last;
	struct vmap_walk *walk;

	lockdep_assert_held(&space->lock);
	list_for_each_entry(walk, &space->walkers, link)
		if (walk->next == extent || walk->next == last)
			walk->next = stop;
}

/* @span is about to go. */
void vwalk_note_return(struct vmap_space *space, struct vmap_span *span)
{
	struct vmap_walk *walk;

	lockdep_assert_held(&space->lock);
	list_for_each_entry(walk, &space->walkers, link)
		if (walk->next && walk->next->start - span->start < span->end - span->start)
			walk->next = first_tile(space, &span->link);
}
