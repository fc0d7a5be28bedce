// SPDX-License-Identifier: GPL-2.0
/*
 * walk.c - steps through all tiles of an arena without keeping space->lock
 *
 * A space may have a million tiles, too many for one hold of space->lock.  vwalk_step() takes
 * space->lock for one tile: it copies the tile to walk->tile and sets walk->next to the tile after
 * it.  Between two steps a tile can leave its ring in two ways only: vspace_put() merges it into a
 * neighbour, or its span goes.  vwalk_note_free() and vwalk_note_return() then move each walk
 * whose next tile leaves.  Without walks vspace_put() only looks at an empty list.  Where two tiles
 * change places (free_tree_swap()), vwalk_note_swap() lets each walk go on at the same place.  From
 * the last tile of a space a walk goes on in the arena's next space.
 *
 * Each walk makes each vspace_put() longer, so the number of walks is bounded:
 *
 *   full walk   vwalk_begin() to vwalk_end(), in one go.  Full walks of an arena wait for each
 *               other on walk_lock.
 *   reader      vwalk_join() to vwalk_leave(): lasts as long as user space takes to read a file,
 *               perhaps for ever.  The number is bounded by WALK_READERS; one more gets -EBUSY.
 *
 * Invariants:
 *   - walk->next is a tile of a span on space->spans, or NULL;
 *   - a walk sees no unit twice, and each tile exactly once that exists from the first step to the
 *     last, unless the tile changes its place meanwhile.
 *
 * Locking: space->lock covers space->walkers and each walk->next; only the owner of a walk uses
 * walk->space.  walk_lock of the arena's first space is held from vwalk_begin() to vwalk_end(), and
 * taken before space->lock.  The lock of the first space covers readers.  The caller holds a
 * reference to the arena for as long as the walk lasts.
 */
#include "space.h"

static bool is_marker(const struct vmap_extent *extent)
{
	return !vext_is_free(extent) && READ_ONCE(extent->state) == VMAP_MARKER;
}

/*
 * The first tile of the span whose link follows @after on space->spans, where @after may be the
 * list head; NULL if no span follows.  Under space->lock.
 */
static struct vmap_extent *first_tile(const struct vmap_space *space, const struct list_head *after)
{
	struct vmap_span *span = list_entry(after->next, struct vmap_span, link);

	lockdep_assert_held(&space->lock);
	return list_is_last(after, &space->spans) ? NULL : span->marker.next;
}

/*
 * The tile after @extent, in the same span or in the next span; NULL at the end.  Under
 * space->lock.
 */
static struct vmap_extent *following(const struct vmap_space *space, struct vmap_extent *extent)
{
	struct vmap_extent *next = extent->next;

	return is_marker(next) ?
		       first_tile(space, &container_of(next, struct vmap_span, marker)->link) :
		       next;
}

/* Start @walk at the first tile of its space.  Under space->lock. */
static void enlist(struct vmap_walk *walk)
{
	struct vmap_space *space = walk->space;

	lockdep_assert_held(&space->lock);
	walk->next = list_empty(&space->spans) ? NULL : first_tile(space, &space->spans);
	list_add(&walk->link, &space->walkers);
}

/**
 * vwalk_begin() - begin a full walk; wait until no other full walk of the arena is in progress
 * @walk: the walk; undefined before
 * @space: the first space of the arena
 *
 * Context: process, may sleep.  Returns with walk_lock held.
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
 * vwalk_join() - begin a walk of a reader, which may last for any time
 * @walk: the walk; undefined before
 * @space: the first space of the arena
 *
 * Context: any but NMI.
 * Return: 0, or -EBUSY if WALK_READERS readers walk already; then vwalk_leave() must not be called.
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

/* Copy @extent to @tile.  Under space->lock. */
static void describe(const struct vmap_space *space, struct vmap_tile *tile,
		     const struct vmap_extent *extent)
{
	bool free = vext_is_free(extent);
	enum vmap_state state = free ? VMAP_SPARE : READ_ONCE(extent->state);

	*tile = (struct vmap_tile){
		.start = extent->start,
		.end = vext_end(extent),
		.free = free,
		.state = state,
		.flags = free ? 0 : extent->flags,
		.slack = vspace_is_held(state) ? READ_ONCE(extent->slack) : 0,
		.caller = vspace_is_held(state) ? READ_ONCE(extent->caller) : NULL,
		.wrong = free_tree_check_tile(&space->tree, extent),
	};
}

/* Copy the next tile of the space that the walk has come to.  Return false if there is none. */
static bool step_here(struct vmap_walk *walk)
{
	struct vmap_space *space = walk->space;
	struct vmap_extent *extent;
	unsigned long flags;

	flags = vspace_lock(space);
	extent = walk->next;
	if (extent) {
		describe(space, &walk->tile, extent);
		walk->next = following(space, extent);
	}
	vspace_unlock(space, flags);
	return extent;
}

/* Leave the space that the walk has come to. */
static void delist(struct vmap_walk *walk)
{
	unsigned long flags;

	flags = vspace_lock(walk->space);
	list_del(&walk->link);
	vspace_unlock(walk->space, flags);
}

/* Go on in the next space of the arena.  Return false if there is none. */
static bool go_on(struct vmap_walk *walk)
{
	struct vmap_space *next = walk->space->next;
	unsigned long flags;

	if (!next)
		return false;
	delist(walk);
	walk->space = next;
	flags = vspace_lock(next);
	enlist(walk);
	vspace_unlock(next, flags);
	return true;
}

/**
 * vwalk_step() - copy the next tile to walk->tile, and check it
 * @walk: the walk
 *
 * Context: any but NMI; takes space->lock.
 * Return: false if there is no next tile; then walk->tile is unchanged.
 */
bool vwalk_step(struct vmap_walk *walk)
{
	do {
		if (step_here(walk))
			return true;
	} while (go_on(walk));
	return false;
}

/* End a full walk, which vwalk_begin() began. */
void vwalk_end(struct vmap_walk *walk)
{
	delist(walk);
	mutex_unlock(&walk->space->first->walk_lock);
}

/* End the walk of a reader, which vwalk_join() began. */
void vwalk_leave(struct vmap_walk *walk)
{
	struct vmap_space *first = walk->space->first;
	unsigned long flags;

	delist(walk);
	flags = vspace_lock(first);
	first->readers--;
	vspace_unlock(first, flags);
}

/*
 * Move the walks whose next tile is about to be merged: @extent is about to become free.  Under
 * space->lock.
 *
 * If the lower neighbour is free, the lower neighbour survives the merge, and each walk at @extent
 * or at its free upper neighbour has seen the lower neighbour: such a walk continues after the
 * merged tile.  If only the upper neighbour is free, the upper neighbour survives, and such a walk
 * continues there.
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

/*
 * The tiles @a and @b are about to change places: a walk goes on at its place.  Under space->lock.
 */
void vwalk_note_swap(struct vmap_space *space, struct vmap_extent *a, struct vmap_extent *b)
{
	struct vmap_walk *walk;

	lockdep_assert_held(&space->lock);
	list_for_each_entry(walk, &space->walkers, link) {
		if (walk->next == a)
			walk->next = b;
		else if (walk->next == b)
			walk->next = a;
	}
}

/*
 * Move the walks whose next tile is in @span to the next span: @span is about to leave
 * space->spans.  Under space->lock.
 */
void vwalk_note_return(struct vmap_space *space, struct vmap_span *span)
{
	struct vmap_walk *walk;

	lockdep_assert_held(&space->lock);
	list_for_each_entry(walk, &space->walkers, link)
		if (walk->next && walk->next->start - span->start < span->end - span->start)
			walk->next = first_tile(space, &span->link);
}
