// SPDX-License-Identifier: GPL-2.0
/*
 * compact.c - moves extents of a range arena, so that the free space in pieces becomes one piece
 *
 * An arena may have enough free units for a request, but not side by side.  The holder of an extent
 * may know how to move what the extent stands for: then it gives the extent a mover, a function
 * that brings the contents to another place.  Compaction decides which extents move, and where to.
 *
 * Words:
 *
 *   movable    said of a busy extent that has a mover: its state is VMAP_MOVABLE
 *   target     the tile at the place where an extent is being moved to: cut from the free tree
 *              before the mover runs, in state VMAP_TARGET
 *   pin        a tile that cannot go: busy without a mover, cached, or passed (see below)
 *   round      once down with the upper scanner; a mover passed in a round was asked in the round,
 *              or has refused in the same compaction, or no place was found for its extent
 *   row        tiles side by side without a pin
 *
 * Two scanners.  The upper one goes down from the end of the arena, from movable extent to movable
 * extent; the lower one goes up from the begin, from free extent to free extent.  An extent that
 * the upper scanner is at moves to the lowest free extent below with room for it, and what it
 * leaves merges with the free space above.  The scanners go this way because of the lowest fit:
 * allocations pack the lower end of the arena, so most of the free units, the fewest pins and the
 * youngest extents are at the upper end, and a place at the lower end is one that the next
 * allocation would have taken.  In the other direction, in which the kernel compacts memory, each
 * allocation beside a compaction would undo some of it.  The scanners have met when no free extent
 * is below the movable one.
 *
 * The end.  A compaction ends as soon as the request fits.  When the scanners have met, and
 * anything has moved, another round begins, for the holes that the round has left at the upper end
 * are larger, and take what had no place before: ROUNDS_MOST at most.  In a round the upper
 * scanner only goes down and each mover is asked once at most, so a round makes no more moves than
 * there are movable extents, and none of an extent to which no row of the size of the request
 * belongs (is_hopeless()): such a move would win nothing.
 *
 * Whether it is worth it.  The fragmentation index of a request says how many thousandths of the
 * request the longest free extent lacks.  It is 0 where the request fits already, and where all
 * free units together are fewer than the request: the request fails for want of space, not because
 * of fragmentation.  With an index of 0 nothing is moved.  After a compaction that failed the next
 * request of this size or more is deferred, after a second one the next 3, and so on up to 63; one
 * that succeeds ends that.
 *
 * In the background.  A request that finds no run although enough is free in all fails at once,
 * also where the request might sleep, for its caller may hold a lock that a mover takes.  But the
 * request asks the arena's worker to make room for the next one (vcompact_ask()).  For the largest
 * request asked for, the worker does what vmap_arena_compact() does, with the same deferral; but
 * the worker looks at the deferral first, so that requests which fail again and again do not take
 * away what is cached each time.  Nothing is asked where no extent is movable, nor for a request
 * with bounds, because a compaction knows of no bounds; nor by a mover, or one compaction might ask
 * for the next without end.
 *
 * A move.  The target is cut and the mover runs without any spinlock: all the while the contents
 * have two places, neither of which anybody else gets.  Then, in one hold of space->lock, extent
 * and target change places and the target is put.  An extent of a range arena has no page-table
 * entry, so its old place is free at once: the mover has ended all use of the old place, TLBs of
 * devices included, before it returns 0.
 *
 * Frees.  vmap_extent_free() of a movable extent takes the mark away and frees.  While the extent
 * is being moved vmap_extent_free() only sets its state to VMAP_FREEING: the compaction frees the
 * extent and its target after the mover has returned, and counts the free then.
 *
 * The movers stand in a tree of their own, by the start of their extents, so that extents stay 64
 * bytes and the upper scanner finds the next movable extent without a step for each tile, also
 * after it let go of space->lock.
 *
 * Invariants:
 *   - the tree has exactly one mover for each extent in state VMAP_MOVABLE, and for each one that
 *     was freed while it was being moved, until the compaction has freed it;
 *   - mover->moving is set for one mover at most, the one that the holder of compaction->lock runs;
 *   - the extent and the place of a mover that is moving do not change, but for the state of the
 *     extent, which a free sets to VMAP_FREEING.
 *
 * Locking: compaction->lock before the locks of the layers below.  space->lock covers the tree of
 * movers, the fields of movers as said there, the state of movable extents, and what is asked for.
 */
#define pr_fmt(fmt) "vmap_arena: " fmt

#include <linux/err.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/mmdebug.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "calls.h"

/*
 * Most tiles that is_hopeless() looks at in one hold of space->lock, each with at most one walk in
 * the tree of movers: as many walks as free_tree_find() makes in one hold.
 */
#define ROW_LOOKS	32

/*
 * Most rounds of one compaction.  Of large requests in a space that is full to 90 %
 * (user/bench_compact.c) 86 % fit with compactions of one round, 94, 98 and 99 % with 2, 4 and 8,
 * and no more with 32.
 */
#define ROUNDS_MOST	8

/* A request is deferred 2^6 - 1 = 63 times in a row at most, as the kernel's compaction is. */
#define DEFER_MOST	6U

/* One movable extent. */
struct vmap_mover {
	/* On compaction->movers; under space->lock. */
	struct rb_node node;
	/* On compaction->retired, once the mover is out of the tree. */
	struct llist_node retired;
	/* The extent, and the function that moves its contents; constant. */
	struct vmap_extent *extent;
	int (*move)(struct vmap_extent *extent, unsigned long to, void *data);
	void *data;
	/*
	 * The last round that has passed the mover, and the last in which it refused.  Under
	 * space->lock.
	 */
	unsigned long round;
	unsigned long refused;
	/* move() is running, or about to.  Under space->lock. */
	bool moving;
};

#define to_mover(rb)	rb_entry(rb, struct vmap_mover, node)

/* One compaction. */
struct scan {
	struct vmap_arena *arena;
	/* Units that are to fit. */
	unsigned long wanted;
	/* The first round of the compaction. */
	unsigned long first;
	/* The upper scanner: it has passed all movers of extents that start here or above. */
	unsigned long upper;
	/* The search of the lower scanner; search.reach is not 0 while the search goes on. */
	struct free_search search;
	/* The mover that is to run, and the target. */
	struct vmap_mover *mover;
	struct vmap_extent *target;
};

enum scan_step {
	SCAN_ON,		/* nothing to move yet */
	SCAN_MOVE,		/* scan.mover and scan.target are set */
	SCAN_MET,		/* the scanners have met */
};

static struct vmap_space *space_of(struct vmap_arena *arena)
{
	return &arena->cache.purge.space;
}

static bool starts_before(struct rb_node *a, const struct rb_node *b)
{
	return to_mover(a)->extent->start < to_mover(b)->extent->start;
}

static int compare_start(const void *start, const struct rb_node *rb)
{
	unsigned long a = *(const unsigned long *)start, b = to_mover(rb)->extent->start;

	return a < b ? -1 : a > b;
}

/* The mover of @extent, which is movable, or was freed while it was being moved. */
static struct vmap_mover *mover_of(struct vmap_arena *arena, const struct vmap_extent *extent)
{
	struct rb_node *rb;

	lockdep_assert_held(&space_of(arena)->lock);
	rb = rb_find(&extent->start, &arena->compaction.movers, compare_start);
	return rb ? to_mover(rb) : NULL;
}

/* The mover of the highest movable extent that starts below @upper, or NULL. */
static struct vmap_mover *highest_below(const struct vmap_arena *arena, unsigned long upper)
{
	struct rb_node *rb = arena->compaction.movers.rb_node;
	struct vmap_mover *highest = NULL;

	while (rb) {
		if (to_mover(rb)->extent->start < upper) {
			highest = to_mover(rb);
			rb = rb->rb_right;
		} else {
			rb = rb->rb_left;
		}
	}
	return highest;
}

/* Is @extent, which may be stale, in @state in this arena? */
static bool is_in_state(struct vmap_arena *arena, const struct vmap_extent *extent,
			enum vmap_state state)
{
	return !vext_is_free(extent) && READ_ONCE(extent->state) == state &&
	       READ_ONCE(extent->space) == space_of(arena);
}

/* Give the movers to the slab that were freed where that must not be called. */
static void drop_retired(struct vmap_compaction *compaction)
{
	struct vmap_mover *mover, *next;

	llist_for_each_entry_safe(mover, next, llist_del_all(&compaction->retired), retired)
		kfree(mover);
}

/*
 * Where the workers run that compact in the background.  Not vspace_wq: frees under memory pressure
 * wait for the workers there, and a mover may take long, and memory.
 */
static struct workqueue_struct *vcompact_wq;

/* WQ_FREEZABLE, because movers use devices, which may sleep while the machine does. */
int vcompact_init_module(void)
{
	vcompact_wq = alloc_workqueue("vmap_compact", WQ_UNBOUND | WQ_FREEZABLE, 0);
	return vcompact_wq ? 0 : -ENOMEM;
}

void vcompact_exit_module(void)
{
	destroy_workqueue(vcompact_wq);
}

static void compact_in_background(struct work_struct *work);

void vcompact_init(struct vmap_compaction *compaction)
{
	compaction->movers = RB_ROOT;
	INIT_WORK(&compaction->work, compact_in_background);
	init_llist_head(&compaction->retired);
	init_waitqueue_head(&compaction->moved_one);
	mutex_init(&compaction->lock);
}

/*
 * Stop the worker of an arena for which no request is made any more.
 *
 * Context: process, may sleep; waits for the worker.
 */
void vcompact_stop(struct vmap_compaction *compaction)
{
	cancel_work_sync(&compaction->work);
}

/* No extent is left, and the worker has stopped. */
void vcompact_exit(struct vmap_compaction *compaction)
{
	VM_WARN_ON_ONCE(!RB_EMPTY_ROOT(&compaction->movers));
	drop_retired(compaction);
}

/*
 * Is the arena being compacted?  A call that is over does not touch the arena any more: pairs with
 * the release in vmap_arena_compact().
 */
bool vcompact_runs(const struct vmap_arena *arena)
{
	return atomic_read_acquire(&arena->compaction.running);
}

void vcompact_stats(const struct vmap_arena *arena, struct vmap_arena_stats *stats)
{
	const struct vmap_compaction *compaction = &arena->compaction;

	stats->compactions = READ_ONCE(compaction->compactions);
	stats->compactions_deferred = READ_ONCE(compaction->deferred);
	stats->moved = READ_ONCE(compaction->moved);
	stats->moved_units = READ_ONCE(compaction->moved_units);
	stats->moves_refused = READ_ONCE(compaction->refused);
	stats->compactions_background = READ_ONCE(compaction->compactions_background);
	stats->moved_background = READ_ONCE(compaction->moved_background);
}

/* Add to a counter under compaction->lock, which vcompact_stats() reads without the lock. */
static void count_up(unsigned long *counter, unsigned long count)
{
	WRITE_ONCE(*counter, *counter + count);
}

/* Free a movable extent.  Return its mover, out of the tree; NULL while the mover runs. */
static struct vmap_mover *free_movable(struct vmap_arena *arena, struct vmap_extent *extent)
{
	struct vmap_mover *mover = mover_of(arena, extent);

	if (mover->moving) {
		WRITE_ONCE(extent->state, VMAP_FREEING);
		return NULL;
	}
	rb_erase(&mover->node, &arena->compaction.movers);
	vspace_put(space_of(arena), extent);
	return mover;
}

/**
 * vcompact_free() - free an extent that is not VMAP_BUSY, if it is movable
 * @arena: the arena
 * @extent: an extent, which may be stale
 *
 * Context: any but NMI; takes space->lock.
 * Return: false, and nothing is done, if the extent is not movable in this arena.
 */
bool vcompact_free(struct vmap_arena *arena, struct vmap_extent *extent)
{
	struct vmap_space *space = space_of(arena);
	bool at_once = vctx_may_call_mm(), movable;
	struct vmap_mover *mover = NULL;
	unsigned long flags;

	flags = vspace_lock(space);
	movable = !space->memory && is_in_state(arena, extent, VMAP_MOVABLE);
	if (movable)
		mover = free_movable(arena, extent);
	if (mover && !at_once)
		llist_add(&mover->retired, &arena->compaction.retired);
	if (mover) {
		/* The last access to the arena but the unlock: see vspace_count_free_irqs_off(). */
		vspace_count_free_irqs_off(space);
	}
	vspace_unlock(space, flags);
	if (mover && at_once)
		kfree(mover);
	return movable;
}

/*
 * Give @extent the mover @*mover, or none if @*mover is NULL; set @*mover to the one it had.
 * Return 0; -EINVAL if @extent is not live; -EBUSY while its mover runs.
 */
static int exchange_mover(struct vmap_arena *arena, struct vmap_extent *extent,
			  struct vmap_mover **mover)
{
	struct vmap_compaction *compaction = &arena->compaction;
	struct vmap_mover *old = NULL;

	lockdep_assert_held(&space_of(arena)->lock);
	if (is_in_state(arena, extent, VMAP_MOVABLE))
		old = mover_of(arena, extent);
	else if (!is_in_state(arena, extent, VMAP_BUSY))
		return -EINVAL;
	if (old && old->moving)
		return -EBUSY;
	if (old)
		rb_erase(&old->node, &compaction->movers);
	if (*mover)
		rb_add(&(*mover)->node, &compaction->movers, starts_before);
	WRITE_ONCE(extent->state, *mover ? VMAP_MOVABLE : VMAP_BUSY);
	*mover = old;
	return 0;
}

static bool is_moving(struct vmap_arena *arena, const struct vmap_extent *extent)
{
	unsigned long flags;
	bool moving;

	flags = vspace_lock(space_of(arena));
	moving = is_in_state(arena, extent, VMAP_MOVABLE) && mover_of(arena, extent)->moving;
	vspace_unlock(space_of(arena), flags);
	return moving;
}

/* exchange_mover(), after the mover of @extent has returned, if it runs; not from the mover. */
static int exchange_mover_at_rest(struct vmap_arena *arena, struct vmap_extent *extent,
				  struct vmap_mover **mover)
{
	struct vmap_compaction *compaction = &arena->compaction;
	unsigned long flags;
	int err;

	for (;;) {
		flags = vspace_lock(space_of(arena));
		err = exchange_mover(arena, extent, mover);
		vspace_unlock(space_of(arena), flags);
		if (err != -EBUSY)
			return err;
		if (READ_ONCE(compaction->task) == current)
			return -EDEADLK;
		wait_event(compaction->moved_one, !is_moving(arena, extent));
	}
}

/* Report that @extent cannot be made movable, or cease to be. */
static int refuse_extent(struct vmap_arena *arena, const struct vmap_extent *extent, int err,
			 const void *caller)
{
	const char *why = err == -EDEADLK ? "its mover is running, and asks" :
			  space_of(arena)->memory ? "this is a memory arena" :
			  space_of(arena)->next ? "the arena has several shards" : "not a live one";

	pr_err_ratelimited("extent %p of arena %s, made movable or not by %pS: %s\n", extent,
			   space_of(arena)->name, caller, why);
	return err;
}

/**
 * vmap_extent_set_movable() - allow compaction to move an extent, or forbid it again
 * @arena: the range arena that the extent was allocated from
 * @extent: a live extent, which the caller holds
 * @move: the mover; NULL: the extent is not to be moved any more
 * @data: for @move
 *
 * A compaction calls @move(@extent, to, @data) to move what @extent stands for to the units from
 * @to on: vmap_arena_compact(), of whichever task, and the arena's worker, after an allocation has
 * failed (the module parameter compact).  @to is a multiple of the alignment that the extent was
 * allocated with, the two places do not overlap, and nobody else gets either while @move runs.
 * Compaction knows nothing of the bounds of vmap_extent_alloc_range(): where they still matter
 * @move refuses a place outside them.
 *
 * @move returns 0 when the contents are at @to and nothing uses the old place any more, TLBs of
 * devices included: the old place is free at once.  Any other value, an errno, refuses: then all is
 * as before, and the compaction goes on with other extents.  vmap_extent_start() returns the old
 * start until @move has returned, and @to afterwards.  A holder whose other threads use the place
 * keeps the place under a lock of its own, and has @move take the lock and write @to there.
 *
 * @move may sleep, allocate and free, also @extent itself.  It may not compact the arena, nor
 * change the mover of @extent: that returns -EDEADLK.
 *
 * When a call returns 0, the mover that the extent had before does not run and is not called any
 * more: a call with NULL is what to do before @data or the code of @move goes.  vmap_extent_free()
 * of a movable extent does not wait for a mover that runs.
 *
 * Steps: at most 100 + 20 * log2(extents)
 *
 * Context: process, may sleep, also with PREEMPT_RT; waits while the extent is being moved, and
 * otherwise takes the arena's lock for O(log n) steps.
 * Return: 0; -EINVAL for a memory arena, for one of several shards, or an extent that is not live
 * in @arena; -EDEADLK; -ENOMEM.
 */
int vmap_extent_set_movable(struct vmap_arena *arena, struct vmap_extent *extent,
			    int (*move)(struct vmap_extent *extent, unsigned long to, void *data),
			    void *data)
{
	const void *caller = __builtin_return_address(0);
	struct vmap_mover *mover = NULL;
	int err;

	might_sleep();
	arena = varena_or_default(arena);
	if (space_of(arena)->memory || space_of(arena)->next || IS_ERR_OR_NULL(extent))
		return refuse_extent(arena, extent, -EINVAL, caller);
	drop_retired(&arena->compaction);
	if (move) {
		mover = kmalloc(sizeof(*mover), vgfp_may_fail(GFP_KERNEL));
		if (!mover)
			return -ENOMEM;
		*mover = (struct vmap_mover){ .extent = extent, .move = move, .data = data };
	}
	err = exchange_mover_at_rest(arena, extent, &mover);
	kfree(mover);
	return err ? refuse_extent(arena, extent, err, caller) : 0;
}
EXPORT_SYMBOL_GPL(vmap_extent_set_movable);

/* Do @wanted units fit in one piece? */
static bool fits(struct vmap_space *space, unsigned long wanted)
{
	struct free_search search = { .size = wanted, .align = space->quantum, .hi = ULONG_MAX };
	enum free_found found;
	unsigned long flags;

	do {
		flags = vspace_lock(space);
		found = free_tree_find(&space->tree, &search);
		vspace_unlock(space, flags);
	} while (found == FREE_AGAIN);
	return found == FREE_FOUND;
}

/* Is the extent of @mover to stay where it is in this round? */
static bool is_passed(const struct scan *scan, const struct vmap_mover *mover)
{
	return mover->round == scan->arena->compaction.round || mover->refused >= scan->first;
}

/* May @tile, a neighbour of a movable extent, be free at the end of the round? */
static bool may_go(const struct scan *scan, const struct vmap_extent *tile)
{
	return vext_is_free(tile) || (READ_ONCE(tile->state) == VMAP_MOVABLE &&
				      !is_passed(scan, mover_of(scan->arena, tile)));
}

/*
 * Is the row of @extent too short for the request, so that to move @extent would win nothing?
 * After ROW_LOOKS tiles the answer is no.
 */
static bool is_hopeless(const struct scan *scan, const struct vmap_extent *extent)
{
	unsigned long row = extent->size;
	const struct vmap_extent *tile;
	unsigned int looks = 0;

	for (tile = extent->next; row < scan->wanted && may_go(scan, tile); tile = tile->next) {
		row += tile->size;
		if (++looks == ROW_LOOKS)
			return false;
	}
	for (tile = extent->prev; row < scan->wanted && may_go(scan, tile); tile = tile->prev) {
		row += tile->size;
		if (++looks == ROW_LOOKS)
			return false;
	}
	return row < scan->wanted;
}

/* Have the lower scanner look for a place for @extent, or go on with its search for one. */
static enum free_found find_place(struct scan *scan, const struct vmap_extent *extent)
{
	struct vmap_space *space = space_of(scan->arena);
	struct free_search search = {
		.size = extent->size,
		.align = space->quantum << extent->align_shift,
		.hi = extent->start,
	};

	if (scan->search.size == search.size && scan->search.align == search.align &&
	    scan->search.hi == search.hi)
		search.reach = scan->search.reach;
	scan->search = search;
	return free_tree_find(&space->tree, &scan->search);
}

/* The upper scanner leaves @mover behind. */
static void pass(struct scan *scan, struct vmap_mover *mover)
{
	scan->upper = mover->extent->start;
	mover->round = scan->arena->compaction.round;
}

/*
 * Cut the target at the place that was found for the extent of @mover.  The span, the only one, is
 * not idle: the extent is busy in it.
 */
static enum scan_step begin_move(struct scan *scan, struct vmap_mover *mover)
{
	struct vmap_space *space = space_of(scan->arena);

	scan->target = free_tree_cut(&space->tree, &scan->search, &space->spares);
	WRITE_ONCE(scan->target->state, VMAP_TARGET);
	scan->mover = mover;
	mover->moving = true;
	pass(scan, mover);
	return SCAN_MOVE;
}

/* One step of the scanners. */
static enum scan_step step(struct scan *scan)
{
	struct vmap_space *space = space_of(scan->arena);
	struct vmap_mover *mover = highest_below(scan->arena, scan->upper);
	const struct vmap_extent *lowest = free_tree_first(&space->tree);

	lockdep_assert_held(&space->lock);
	if (!mover || !lowest || lowest->start > mover->extent->start)
		return SCAN_MET;
	if (is_passed(scan, mover) || is_hopeless(scan, mover->extent)) {
		scan->upper = mover->extent->start;
		return SCAN_ON;
	}
	if (!vspace_may_cut(space))
		return SCAN_ON;
	switch (find_place(scan, mover->extent)) {
	case FREE_FOUND:
		return begin_move(scan, mover);
	case FREE_NONE:
		pass(scan, mover);
		break;
	case FREE_AGAIN:
		break;
	}
	return SCAN_ON;
}

/* Let the extent of @scan->mover and the target change places. */
static void change_places(struct scan *scan)
{
	struct vmap_compaction *compaction = &scan->arena->compaction;
	struct vmap_extent *extent = scan->mover->extent;

	rb_erase(&scan->mover->node, &compaction->movers);
	/* What the mover did comes before the new start: pairs with vmap_extent_start(). */
	smp_mb();
	vwalk_note_swap(space_of(scan->arena), extent, scan->target);
	free_tree_swap(extent, scan->target);
	rb_add(&scan->mover->node, &compaction->movers, starts_before);
	count_up(&compaction->moved, 1);
	count_up(&compaction->moved_units, extent->size);
}

/* The mover refuses: it is not asked again in this compaction. */
static void note_refusal(struct scan *scan)
{
	struct vmap_compaction *compaction = &scan->arena->compaction;

	scan->mover->refused = compaction->round;
	count_up(&compaction->refused, 1);
}

/*
 * The mover has returned @err: finish the move, and the free if there was one meanwhile.  Return
 * the mover if it is out of the tree.
 */
static struct vmap_mover *settle_move(struct scan *scan, int err)
{
	struct vmap_space *space = space_of(scan->arena);
	struct vmap_extent *extent = scan->mover->extent;
	bool freed = READ_ONCE(extent->state) == VMAP_FREEING;

	lockdep_assert_held(&space->lock);
	scan->mover->moving = false;
	if (freed)
		rb_erase(&scan->mover->node, &scan->arena->compaction.movers);
	else if (!err)
		change_places(scan);
	else
		note_refusal(scan);
	vspace_put(space, scan->target);
	if (!freed)
		return NULL;
	vspace_put(space, extent);
	vspace_count_free_irqs_off(space);
	return scan->mover;
}

/* Run the mover of @scan->mover, and see to what comes of it. */
static void move_one(struct scan *scan)
{
	struct vmap_space *space = space_of(scan->arena);
	struct vmap_mover *mover = scan->mover;
	unsigned long flags;
	int err;

	err = mover->move(mover->extent, scan->target->start, mover->data);
	flags = vspace_lock(space);
	mover = settle_move(scan, err);
	vspace_unlock(space, flags);
	kfree(mover);
	wake_up_all(&scan->arena->compaction.moved_one);
}

/* Move extents until the request fits or the scanners meet.  Return 0, SCAN_MET or -ENOMEM. */
static int run_round(struct scan *scan)
{
	struct vmap_space *space = space_of(scan->arena);
	enum scan_step found = SCAN_ON;
	unsigned long flags;

	scan->upper = ULONG_MAX;
	scan->arena->compaction.round++;
	while (!fits(space, scan->wanted)) {
		if (found == SCAN_MET)
			return SCAN_MET;
		if (!vspace_stock_spares(space, GFP_KERNEL))
			return -ENOMEM;
		flags = vspace_lock(space);
		found = step(scan);
		vspace_unlock(space, flags);
		if (found == SCAN_MOVE)
			move_one(scan);
		cond_resched();
	}
	return 0;
}

/*
 * Move extents until @wanted units fit.  Return 0; -ENOENT if the movers do not suffice; -ENOMEM.
 */
static int run_scanners(struct vmap_arena *arena, unsigned long wanted)
{
	struct vmap_compaction *compaction = &arena->compaction;
	struct scan scan = { .arena = arena, .wanted = wanted, .first = compaction->round + 1 };
	unsigned int rounds = ROUNDS_MOST;
	unsigned long moved;
	int err;

	do {
		moved = compaction->moved;
		err = run_round(&scan);
	} while (err == SCAN_MET && compaction->moved != moved && --rounds);
	if (err != SCAN_MET)
		return err;
	/* What other tasks have freed meanwhile may be cached. */
	vcache_drain_all(&arena->cache);
	return fits(space_of(arena), wanted) ? 0 : -ENOENT;
}

/* The fragmentation index of a request for @wanted: see the theory statement. */
static unsigned int fragmentation(unsigned long free, unsigned long longest, unsigned long wanted)
{
	/* So that 1000 times what is lacking is no more than 64 bits. */
	unsigned int shift = max(fls64(wanted), 54) - 54;

	if (longest >= wanted || free < wanted)
		return 0;
	return max(1000 * ((wanted - longest) >> shift) / (wanted >> shift), 1UL);
}

/* The same, for the arena as it is now. */
static unsigned int fragmentation_now(struct vmap_space *space, unsigned long wanted)
{
	struct free_survey survey = {};
	unsigned long flags, free;
	bool surveyed;

	do {
		flags = vspace_lock(space);
		surveyed = free_tree_longest(&space->tree, &survey);
		free = space->tree.units;
		vspace_unlock(space, flags);
	} while (!surveyed);
	return fragmentation(free, survey.longest, wanted);
}

/*
 * Is a request for @wanted to be deferred, because requests of this size or less have failed?  As
 * the kernel's compaction does: the more have failed in a row, the more are deferred.
 */
static bool is_deferred(struct vmap_compaction *compaction, unsigned long wanted)
{
	if (!compaction->failed || wanted < compaction->failed)
		return false;
	if (++compaction->considered >= 1U << compaction->defer_shift)
		return false;
	count_up(&compaction->deferred, 1);
	return true;
}

/* Note whether a compaction for @wanted has succeeded. */
static void note_outcome(struct vmap_compaction *compaction, unsigned long wanted, bool success)
{
	compaction->considered = 0;
	if (success && wanted >= compaction->failed) {
		compaction->failed = 0;
		compaction->defer_shift = 0;
	} else if (!success) {
		compaction->failed = min(compaction->failed ?: wanted, wanted);
		compaction->defer_shift = min(compaction->defer_shift + 1, DEFER_MOST);
	}
}

/* Compact for @wanted, for which it is worth it, and count it.  Return as run_scanners(). */
static int compact_now(struct vmap_arena *arena, unsigned long wanted)
{
	struct vmap_compaction *compaction = &arena->compaction;
	int err;

	count_up(&compaction->compactions, 1);
	err = run_scanners(arena, wanted);
	if (err != -ENOMEM)
		note_outcome(compaction, wanted, !err);
	return err;
}

/* vmap_arena_compact() under compaction->lock. */
static int compact(struct vmap_arena *arena, unsigned long wanted)
{
	struct vmap_space *space = space_of(arena);

	if (fits(space, wanted))
		return 0;
	vcache_drain_all(&arena->cache);
	if (!fragmentation_now(space, wanted))
		return fits(space, wanted) ? 0 : -ENOSPC;
	if (is_deferred(&arena->compaction, wanted))
		return -EAGAIN;
	return compact_now(arena, wanted);
}

/* What the worker is to make room for; 0: nothing, or no extent is movable any more. */
static unsigned long take_asked(struct vmap_arena *arena)
{
	struct vmap_compaction *compaction = &arena->compaction;
	unsigned long flags, wanted = 0;

	flags = vspace_lock(space_of(arena));
	if (!RB_EMPTY_ROOT(&compaction->movers))
		wanted = compaction->asked;
	compaction->asked = 0;
	vspace_unlock(space_of(arena), flags);
	return wanted;
}

/* The worker, under compaction->lock. */
static void compact_for_asked(struct vmap_arena *arena)
{
	struct vmap_compaction *compaction = &arena->compaction;
	unsigned long wanted = take_asked(arena), moved = compaction->moved;
	struct vmap_space *space = space_of(arena);

	if (!wanted || fits(space, wanted) || is_deferred(compaction, wanted))
		return;
	vcache_drain_all(&arena->cache);
	if (!fragmentation_now(space, wanted))
		return;
	compact_now(arena, wanted);
	count_up(&compaction->compactions_background, 1);
	count_up(&compaction->moved_background, compaction->moved - moved);
}

/*
 * The function of compaction->work.  The worker is not counted in compaction->running, because
 * vmap_arena_destroy() waits for the worker: vcompact_stop().
 */
static void compact_in_background(struct work_struct *work)
{
	struct vmap_arena *arena = container_of(work, struct vmap_arena, compaction.work);
	struct vmap_compaction *compaction = &arena->compaction;

	mutex_lock(&compaction->lock);
	WRITE_ONCE(compaction->task, current);
	compact_for_asked(arena);
	drop_retired(compaction);
	WRITE_ONCE(compaction->task, NULL);
	mutex_unlock(&compaction->lock);
}

/**
 * vcompact_ask() - have the worker make room, after a request without bounds has found none
 * @arena: a range arena
 * @size: units of the request
 * @align: of its start, a multiple of the quantum
 *
 * See the theory statement.  A request for which less is free in all is not one for compaction.
 *
 * Context: any but NMI; takes space->lock.
 */
void vcompact_ask(struct vmap_arena *arena, unsigned long size, unsigned long align)
{
	struct vmap_compaction *compaction = &arena->compaction;
	struct vmap_space *space = space_of(arena);
	unsigned long wanted, flags;
	bool larger;

	/* Most arenas have no mover: a hint without space->lock, take_asked() looks again. */
	if (!compaction->background || data_race(RB_EMPTY_ROOT(&compaction->movers)) ||
	    READ_ONCE(compaction->task) == current ||
	    check_add_overflow(size, align - space->quantum, &wanted))
		return;
	flags = vspace_lock(space);
	larger = wanted <= space->tree.units && wanted > compaction->asked;
	if (larger)
		compaction->asked = wanted;
	vspace_unlock(space, flags);
	if (larger)
		queue_work(vcompact_wq, &compaction->work);
}

/* May the arena be compacted for @wanted by this task?  If not, say why. */
static int check_request(struct vmap_arena *arena, unsigned long wanted, const void *caller)
{
	const struct vmap_space *space = space_of(arena);

	if (space->memory) {
		pr_err_ratelimited("arena %s, compacted by %pS: a memory arena, nothing in which can be moved\n",
				   space->name, caller);
		return -EINVAL;
	}
	if (space->next) {
		pr_err_ratelimited("arena %s, compacted by %pS: has several shards, nothing in which can be moved\n",
				   space->name, caller);
		return -EINVAL;
	}
	if (!wanted || !IS_ALIGNED(wanted, space->quantum)) {
		pr_err_ratelimited("arena %s, compacted by %pS for %lu units: must be a multiple of the quantum, %lu, and not 0\n",
				   space->name, caller, wanted, space->quantum);
		return -EINVAL;
	}
	if (READ_ONCE(arena->compaction.task) == current) {
		pr_err_ratelimited("arena %s, compacted by %pS: by a mover of the arena\n",
				   space->name, caller);
		return -EDEADLK;
	}
	return 0;
}

/**
 * vmap_arena_compact() - move extents of a range arena until a request fits
 * @arena: the range arena
 * @wanted: units that are to fit in one piece; a multiple of the arena's quantum.  For an alignment
 *	    above the quantum ask for @wanted + alignment - quantum
 *
 * Frees what is cached, and, if the request still does not fit but enough units are free in all,
 * moves extents that vmap_extent_set_movable() has marked: from the upper end of the arena to the
 * lowest places, in up to 8 rounds, each of which moves an extent once at most.  Other calls for
 * the arena go on meanwhile, and may take what was won before the caller does.  Calls for one arena
 * wait for each other.
 *
 * After a compaction that failed the next calls for as much or more do nothing but return -EAGAIN,
 * the more calls the more compactions have failed in a row, 63 at most.
 *
 * Steps: no formula: up to 8 rounds through the movable extents, and what the movers take; a hold
 * of the arena's lock is bounded as space.h says
 *
 * Context: process, may sleep, also with PREEMPT_RT, but no CPU hotplug callback; calls movers, so
 * the caller holds no lock that a mover takes.  Takes the arena's lock for O(log n) steps or a
 * fixed batch of 32 at a time; a compaction takes one such hold for each movable extent and two for
 * each move.
 * Return: 0 if the request fitted when it was last looked; -ENOSPC if the arena has fewer units
 * free in all, then nothing was moved; -ENOENT if the movable extents do not suffice; -EAGAIN if
 * the request was deferred; -EINVAL for a memory arena, for one of several shards, or if @wanted is
 * 0 or no multiple of the quantum; -EDEADLK if called by a mover of the arena; -ENOMEM.
 */
int vmap_arena_compact(struct vmap_arena *arena, unsigned long wanted)
{
	struct vmap_compaction *compaction;
	int err;

	might_sleep();
	arena = varena_or_default(arena);
	err = check_request(arena, wanted, __builtin_return_address(0));
	if (err)
		return err;
	compaction = &arena->compaction;
	atomic_inc(&compaction->running);
	mutex_lock(&compaction->lock);
	WRITE_ONCE(compaction->task, current);
	err = compact(arena, wanted);
	drop_retired(compaction);
	WRITE_ONCE(compaction->task, NULL);
	mutex_unlock(&compaction->lock);
	/* The last access to the arena: pairs with vcompact_runs(). */
	atomic_dec_return_release(&compaction->running);
	return err;
}
EXPORT_SYMBOL_GPL(vmap_arena_compact);
