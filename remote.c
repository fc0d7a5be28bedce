// SPDX-License-Identifier: GPL-2.0
/*
 * remote.c - what CPUs of other shards free of a range arena's shard: left to it without its lock
 *
 * A free by a CPU whose own shard (vcache_shard_here()) is not the home of the extent would take
 * the home's lock, for which the CPUs that allocate there then wait, and would take the cache lines
 * of the home's free tree away from these CPUs.  So such a free leaves the extent to the home:
 *
 *   claim   one cmpxchg() of the extent's state, from VMAP_BUSY to VMAP_LAZY: the extent has no
 *           holder any more
 *   push    one cmpxchg() of a slot of the home, from NULL to the extent
 *   merge   an allocation in the home, under the lock that it takes in any case, empties slots, and
 *           makes the extents free.  No TLB knows a range arena's addresses: nothing is flushed
 *
 * Cache lines.  A line has VREMOTE_BATCH slots.  An allocation merges only where all slots of the
 * next line are full: CPUs that push seldom write that line any more.  The allocation prefetches
 * the line after that one, and the extents of the line, which the next allocations merge: so no
 * allocation waits for one extent after the other.  One line whose extents are prefetched is kept
 * back, since a merge looks at the neighbours of the extent, too, which as a rule were freed next.
 * Where the next line is not full, the next look comes VREMOTE_PAUSE changes of the tree later.
 *
 * Bound.  VREMOTE_MOST extents wait in a shard, at most.  A free that finds no slot takes the lock,
 * empties a batch of slots, and puts its own extent into the free tree.  An allocation that finds
 * no room in a shard merges all that waits there, and searches once more (take.c).  The extents
 * wait in the home, not on the CPU that freed them: so whoever has the lock of the home finds them
 * all, whatever becomes of that CPU.
 *
 * Two frees of one extent in the same instant.  Of two that claim, one fails.  A free at home looks
 * at the state under the lock, and claims nothing: an atomic operation there would slow down each
 * free.  If another CPU claims the extent after that look, both frees succeed, and the extent is
 * merged, and perhaps in use again, when its slot is emptied.  If the extent is not in state
 * VMAP_LAZY then, it is left alone, and reported.  If it is, it was freed and left here once more:
 * so it stands in a second slot, too, and is reported when that slot is emptied.
 *
 * A stale extent can be claimed only if it is busy, although a free extent has no state: there a
 * byte of a pointer to a node lies over vmap_extent.state.  Extents are aligned to 64 bytes, so the
 * lowest byte of the pointer tells where in an extent the node is, and the highest byte is one of
 * kernel addresses; or the pointer is NULL.  None of these bytes is VMAP_BUSY or VMAP_LAZY.
 *
 * Invariants:
 *   - an extent in a slot was claimed: it is in state VMAP_LAZY, and nobody but the holder of
 *     space->lock changes it, unless it was freed twice in the same instant;
 *   - a free is counted after the push, so a destroyed arena has all its extents in slots or in the
 *     free tree.
 *
 * Locking: slots are filled without a lock and emptied under space->lock, which covers the rest but
 * put_at and twice.
 */
#include "remote.h"

/* Empty the next slot.  Return whether an extent was made free.  Under space->lock. */
static __always_inline bool put_next(struct vmap_space *space, struct vmap_remote *remote)
{
	struct vmap_extent **slot = vremote_slot(remote, remote->take_at++);
	/* Pairs with the cmpxchg() in vremote_push(). */
	struct vmap_extent *extent = smp_load_acquire(slot);

	lockdep_assert_held(&space->lock);
	remote->seen -= !!remote->seen;
	if (unlikely(!extent))
		return false;
	WRITE_ONCE(*slot, NULL);
	if (unlikely(READ_ONCE(extent->state) != VMAP_LAZY)) {
		WRITE_ONCE(remote->twice, extent);
		/* Both frees were counted, of which one should not have been. */
		vspace_count(space, allocs);
		return false;
	}
	vspace_put(space, extent);
	return true;
}

/* Empty the next @count slots.  Return how many extents were made free.  Under space->lock. */
static unsigned int put_some(struct vmap_space *space, struct vmap_remote *remote,
			     unsigned int count)
{
	unsigned int put = 0;

	lockdep_assert_held(&space->lock);
	for (; count; count--)
		put += put_next(space, remote);
	return put;
}

/*
 * If the line behind the slots that were seen is full, prefetch its extents and the next line; else
 * make a pause.  Under space->lock.
 */
static void look(struct vmap_space *space, struct vmap_remote *remote)
{
	unsigned int at = remote->take_at + remote->seen, end = at + VREMOTE_BATCH;

	lockdep_assert_held(&space->lock);
	if (!READ_ONCE(*vremote_slot(remote, end - 1))) {
		remote->due = space->tree.changes + VREMOTE_PAUSE;
		return;
	}
	prefetchw(vremote_slot(remote, end));
	for (; at != end; at++)
		prefetchw(READ_ONCE(*vremote_slot(remote, at)));
	remote->seen += VREMOTE_BATCH;
}

/**
 * vremote_turn() - merge a batch if another one is prefetched, and see to the next one
 * @space: the shard's
 * @remote: the shard's
 *
 * Context: any but NMI; under space->lock.
 */
noinline void vremote_turn(struct vmap_space *space, struct vmap_remote *remote)
{
	lockdep_assert_held(&space->lock);
	if (remote->seen > VREMOTE_BATCH)
		put_some(space, remote, VREMOTE_BATCH);
	if (remote->seen <= VREMOTE_BATCH)
		look(space, remote);
}

/**
 * vremote_free() - make a claimed extent free where vremote_push() found no slot
 * @space: the home of the extent
 * @remote: of the same shard
 * @extent: the extent
 *
 * Context: any but NMI; takes space->lock.
 */
noinline void vremote_free(struct vmap_space *space, struct vmap_remote *remote,
			   struct vmap_extent *extent)
{
	unsigned long flags;

	flags = vspace_lock(space);
	put_some(space, remote, VREMOTE_BATCH - 1);
	vspace_put(space, extent);
	vspace_unlock(space, flags);
	vremote_report(space, remote);
}

/**
 * vremote_merge_all() - make all extents free that wait in a shard when the call begins
 * @space: the shard's
 * @remote: the shard's
 *
 * Context: any but NMI; takes space->lock, for one batch at a time.
 * Return: how many extents were made free.
 */
unsigned int vremote_merge_all(struct vmap_space *space, struct vmap_remote *remote)
{
	unsigned int looked, put = 0;
	unsigned long flags;

	for (looked = 0; looked < VREMOTE_MOST; looked += VREMOTE_BATCH) {
		flags = vspace_lock(space);
		put += put_some(space, remote, VREMOTE_BATCH);
		vspace_unlock(space, flags);
	}
	vremote_report(space, remote);
	return put;
}

/* Units that wait in a shard.  Under space->lock. */
unsigned long vremote_units(const struct vmap_space *space, struct vmap_remote *remote)
{
	const struct vmap_extent *extent;
	unsigned long units = 0;
	unsigned int at;

	lockdep_assert_held(&space->lock);
	for (at = 0; at < VREMOTE_MOST; at++) {
		/* Pairs with the cmpxchg() in vremote_push(). */
		extent = smp_load_acquire(vremote_slot(remote, at));
		if (extent && READ_ONCE(extent->state) == VMAP_LAZY)
			units += extent->size;
	}
	return units;
}

/* Report the extent in remote->twice, if no other call does.  Context: any but NMI. */
noinline void vremote_report_twice(const struct vmap_space *space, struct vmap_remote *remote)
{
	struct vmap_extent *extent = READ_ONCE(remote->twice);

	if (extent && cmpxchg(&remote->twice, extent, NULL) == extent)
		vbad_report_twice(space, extent);
}
