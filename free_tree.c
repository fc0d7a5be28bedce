// SPDX-License-Identifier: GPL-2.0
/*
 * free_tree.c - finds, splits and merges free extents
 *
 * Words:
 *   span     a contiguous range of addresses, opened by free_tree_open()
 *   tile     an extent as a part of its span; the tiles of a span lie side by side without a gap
 *   ring     the tiles of one span, free or not, doubly linked in address order
 *   marker   the sentinel of a ring.  The marker starts where the span ends and ends where the span
 *            starts, so "extent->next starts where extent ends" holds for each member of the ring,
 *            and no code asks whether a neighbour exists.  The marker is never free.
 *   fit      how a request lies in the free extent that it is cut from: FL (full) takes all of the
 *            extent; LE takes the left edge and RE the right edge, and one rest stays; NE takes no
 *            edge, and two rests stay
 *   miss     a free extent that is recorded as long enough for a request, but has no aligned
 *            address with enough room behind it
 *   record   the size of the longest free extent in a subtree, at most VEXT_MOST_RECORDED
 *   spare    an extent without a range, in a pool that the caller passes
 *
 * The free extents of all spans are nodes of one augmented red-black tree, ordered by address.
 * vmap_extent.below of a node holds the records of its two subtrees.  One walk from the root finds
 * the lowest extent that is long enough: go left while the left subtree has such an extent, else
 * take the node if it is long enough, else go right.  The records stand in the parent, not in the
 * child, so that the walk touches one cache line a level: with 100,000 extents in use most nodes
 * are not in the first-level cache.  below[VEXT_RIGHT] of an extent that is not free is
 * VEXT_NOT_FREE, so one load tells whether a neighbour on the ring is free.
 *
 * Invariants (checked by free_tree_check_tile() and free_tree_check()):
 *   - the tiles of a span cover the span without a gap and without an overlap;
 *   - no two neighbouring tiles are both free;
 *   - the tree holds the free tiles and no other extent, in address order, and each record is
 *     exact.
 *
 * Cutting.  free_tree_cut() takes the tile for the request, and the upper rest of an NE fit, from
 * the pool of spares.  So a cut allocates no memory and cannot fail.
 *
 * Merging.  free_tree_put() finds both neighbours on the ring.  Only an extent without a free
 * neighbour needs a new place in the tree; link_by_start() walks down to the place and raises the
 * records on the way.  A tile that is merged into a neighbour becomes a spare.  The growth or the
 * loss of a node goes up the tree only as far as it changes the record of an ancestor.
 *
 * Moving.  free_tree_swap() lets two tiles of one size change places, so that an extent gets
 * another range and stays the same object.  The free tree is not concerned.
 *
 * Costs.  With sizes from 1 to 16 and 100,000 extents in use, a tree has 15 levels.  About seven
 * tenths of all cuts take an extent of exactly the size asked for; a cut changes nine records.
 *
 * Long requests.  A request for more than VEXT_MOST_RECORDED units looks at all extents of that
 * size and more, as an aligned request looks at those that may miss.
 *
 * Alignment.  After a miss the search continues at the first extent that reaches the next aligned
 * address plus the size.  So the search looks at no more extents than there are misses, and at no
 * more extents than there are aligned addresses below the result.  Each step is one move to the
 * neighbour in the tree or one walk from the root.  The search is exact: the result is the lowest
 * fit, or FREE_NONE if there is no fit.
 *
 * The failed-search hint.  After FAILED_MISSES misses the tree remembers that the request has no
 * fit below failed_below.  A later request with at least failed_size and failed_align starts its
 * search there.  A put below failed_below lowers failed_below if the merged extent is a fit for the
 * remembered request.  After SEARCH_BATCH misses free_tree_find() returns FREE_AGAIN, so that its
 * caller can drop the lock.
 *
 * A summary.  free_tree_use_summary() gives a space another index of its free extents,
 * free_summary.c; root is empty then.  Tiles, fits, the search for an aligned fit and the hint are
 * the same.  Where a pair is fast, in cuts of the left edge and in merges, each index has a
 * function of its own.
 *
 * Locking: none here.  The caller serialises all calls for a tree and for the rings of its spans.
 * No function sleeps, allocates memory or touches a page table.  With CONFIG_DEBUG_VM, and in user
 * programs, the functions assert what they rely on.
 */
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mmdebug.h>

#include "free_tree.h"

/*
 * Misses until free_tree_find() returns FREE_AGAIN.  A miss costs at most one walk from the root,
 * so one hold of the caller's lock, in which interrupts are off, is bounded by 16 walks.  To drop
 * the lock and take it again costs as much as a walk does: a long search takes a sixteenth longer.
 */
#define SEARCH_BATCH	16

/*
 * Misses from which on a search is remembered.  There is room for one hint.  A search with fewer
 * misses is cheap to repeat, and would replace the hint of a search with many misses.
 */
#define FAILED_MISSES	8

#define to_extent(rb)	rb_entry(rb, struct vmap_extent, node)

/* vext_recorded() of the longest extent in the subtree at @rb. */
static __always_inline u32 longest_at(const struct rb_node *rb)
{
	const struct vmap_extent *extent = to_extent(rb);
	u32 longest = max(extent->below[VEXT_LEFT], extent->below[VEXT_RIGHT]);

	return max(longest, vext_recorded(extent->size));
}

/* The same; 0 for an empty subtree. */
static inline u32 recorded_at(const struct rb_node *rb)
{
	return rb ? longest_at(rb) : 0;
}

/* rb_parent(), in a form that the compiler tests for NULL with one instruction less. */
static __always_inline struct rb_node *parent_of(const struct rb_node *rb)
{
	struct rb_node *parent = rb_parent(rb);

	OPTIMIZER_HIDE_VAR(parent);
	return parent;
}

/* At which side of @rb is an extent with this @start that is or will be below @rb? */
static __always_inline long side_of(const struct rb_node *rb, unsigned long start)
{
	long side = -(long)(to_extent(rb)->start < start);

	OPTIMIZER_HIDE_VAR(side);
	return side;
}

/*
 * Raise the records above @rb, whose extent has grown to @size.  The loop ends where the ancestor
 * has an extent of @size in itself or in its other subtree.
 */
static __always_inline void pass_growth(struct rb_node *rb, unsigned long size)
{
	unsigned long start = to_extent(rb)->start;
	u32 new = vext_recorded(size);

	if (to_extent(rb)->below[VEXT_LEFT] >= new || to_extent(rb)->below[VEXT_RIGHT] >= new)
		return;
	for (rb = parent_of(rb); rb; rb = parent_of(rb)) {
		long side = side_of(rb, start);

		*vext_record(rb, side) = new;
		side = -side;
		OPTIMIZER_HIDE_VAR(side);
		if (*vext_other_record(rb, side) >= new || to_extent(rb)->size >= new)
			return;
	}
}

/*
 * Lower the records above @rb, whose extent had @size and has @rest now, 0 if it is to leave the
 * tree.  The loop ends where the ancestor has an extent as long as the one that is gone in itself
 * or in its other subtree.  Only the first few steps find longer and longer extents: so these take
 * branches, and load again what was compared in memory.
 */
static __always_inline void pass_loss(struct rb_node *rb, unsigned long size, unsigned long rest)
{
	unsigned long start = to_extent(rb)->start;
	unsigned long old = vext_recorded(size), new;

	new = max(to_extent(rb)->below[VEXT_LEFT], to_extent(rb)->below[VEXT_RIGHT]);
	new = max(new, rest);
	if (new >= old)
		return;
	for (rb = parent_of(rb); rb; rb = parent_of(rb)) {
		long side = side_of(rb, start);

		*vext_record(rb, side) = new;
		side = -side;
		OPTIMIZER_HIDE_VAR(side);
		if (unlikely(*vext_other_record(rb, side) > (u32)new)) {
			OPTIMIZER_HIDE_VAR(rb);
			new = *vext_other_record(rb, side);
			if (new >= old)
				return;
		}
		if (unlikely(to_extent(rb)->size > new)) {
			OPTIMIZER_HIDE_VAR(rb);
			new = to_extent(rb)->size;
			if (new >= old)
				return;
		}
	}
}

/*
 * The successor @new is about to take the place of @old, a node with two children.  The right child
 * of @old keeps its own right subtree; for any other @new longest_propagate() sets that record.
 */
static __always_inline void longest_copy(struct rb_node *old, struct rb_node *new)
{
	to_extent(new)->below[VEXT_LEFT] = to_extent(old)->below[VEXT_LEFT];
}

/*
 * Lower the records from @rb, which lost its left child or got a smaller one, to @stop, to whose
 * right subtree @rb belongs.  Above the extent that was erased erase() has lowered them before: the
 * call without @stop has nothing to do.
 */
static __always_inline void longest_propagate(struct rb_node *rb, struct rb_node *stop)
{
	u32 new;

	if (!stop)
		return;
	to_extent(rb)->below[VEXT_LEFT] = recorded_at(rb->rb_left);
	new = longest_at(rb);
	for (; rb_parent(rb) != stop; new = longest_at(rb)) {
		rb = rb_parent(rb);
		to_extent(rb)->below[VEXT_LEFT] = new;
	}
	to_extent(stop)->below[VEXT_RIGHT] = new;
}

/* @new was a child of @old; now it is the other way round, and a child of @new is one of @old. */
static void longest_rotate(struct rb_node *old, struct rb_node *new)
{
	bool left = new->rb_left == old;

	to_extent(old)->below[!left] = to_extent(new)->below[left];
	to_extent(new)->below[left] = longest_at(old);
}

/*
 * Called by the red-black tree when it rotates or erases.  Before, the insertion has raised
 * the records above an extent that comes, and erase() lowered those above an extent that goes.
 */
static const struct rb_augment_callbacks longest = {
	.propagate = longest_propagate,
	.copy = longest_copy,
	.rotate = longest_rotate,
};

/*
 * The lowest extent of at least @size that ends at @reach or above.
 *
 * Where the walk turns left at a node, the node and its right subtree end at @reach or above.
 * @turn is the last such node for which the node or its right subtree has @size: all nodes below
 * @turn are too short or end below @reach.
 */
static struct vmap_extent *lowest_in_tree(const struct free_tree *tree, unsigned long size,
					  unsigned long reach)
{
	struct rb_node *rb = tree->root.rb_node;
	struct rb_node *turn = NULL;

	while (rb) {
		const struct vmap_extent *extent = to_extent(rb);
		bool right = extent->below[VEXT_RIGHT] >= size;

		if (vext_end(extent) < reach) {
			rb = right ? rb->rb_right : NULL;
			continue;
		}
		if (right || extent->size >= size)
			turn = rb;
		rb = extent->below[VEXT_LEFT] >= size ? rb->rb_left : NULL;
	}
	if (!turn || to_extent(turn)->size >= size)
		return turn ? to_extent(turn) : NULL;
	return free_tree_lowest_at(turn->rb_right, size);
}

static struct vmap_extent *lowest_reaching(const struct free_tree *tree, unsigned long size,
					   unsigned long reach)
{
	return tree->summary ? free_summary_next(tree->summary, reach, size)
			     : lowest_in_tree(tree, size, reach);
}

/*
 * The lowest extent above @miss of at least @size that ends at @reach or above.  The next free
 * extent often qualifies, which saves the walk from the root.
 */
static struct vmap_extent *next_reaching(const struct free_tree *tree, struct vmap_extent *miss,
					 unsigned long size, unsigned long reach)
{
	struct vmap_extent *next = free_tree_after(tree, miss);

	if (next && vext_end(next) >= reach && next->size >= size)
		return next;
	return next ? lowest_reaching(tree, size, reach) : NULL;
}

/*
 * Does @extent have room for @size units at @align, not below @lo?  If so, *@start is the lowest
 * start.
 */
static bool has_room(const struct vmap_extent *extent, unsigned long size, unsigned long align,
		     unsigned long lo, unsigned long *start)
{
	unsigned long from = max(extent->start, lo), end = vext_end(extent);

	*start = ALIGN(from, align);
	return *start >= from && *start < end && end - *start >= size;
}

/*
 * The lowest end that a fit above @miss can have; 0 if that end exceeds the largest unsigned long.
 */
static unsigned long reach_above(const struct vmap_extent *miss, const struct free_search *search)
{
	unsigned long end = vext_end(miss), start = ALIGN(end, search->align);

	if (start < end || start + search->size < start)
		return 0;
	return start + search->size;
}

static bool ends_in_time(const struct free_search *search)
{
	return search->start < search->hi && search->hi - search->start >= search->size;
}

/*
 * Set search->reach, from which the search looks.  Return true if all free extents that end below
 * search->reach are known to have no room for the request: then the caller may record its misses as
 * the failed-search hint.
 *
 * The hint applies to a new search of at least failed_size and failed_align without a lower bound.
 * A search that continues after FREE_AGAIN recorded its own hint; the hint still applies if no
 * other search replaced it, so if failed_size and failed_align are those of the request.
 */
static bool begin_search(const struct free_tree *tree, struct free_search *search)
{
	bool first = !search->reach;
	bool known = first ? search->size >= tree->failed_size &&
			     search->align >= tree->failed_align
			   : search->size == tree->failed_size &&
			     search->align == tree->failed_align;

	if (known && !search->lo) {
		search->reach = tree->failed_below + search->size;
		return true;
	}
	search->reach = max(search->reach, search->lo + search->size);
	return first && !search->lo;
}

static void remember_failed(struct free_tree *tree, const struct free_search *search,
			    unsigned long below)
{
	tree->failed_below = below;
	tree->failed_size = search->size;
	tree->failed_align = search->align;
}

/*
 * The search for a request that an extent may miss although it is recorded as long enough: because
 * of the alignment, of a lower bound, or of a size that no record tells.
 */
static noinline enum free_found find_among_misses(struct free_tree *tree,
						  struct free_search *search)
{
	unsigned long least = tree->summary ? search->size : vext_recorded(search->size);
	bool complete = begin_search(tree, search);
	struct vmap_extent *extent;
	unsigned int misses = 0;

	extent = lowest_reaching(tree, least, search->reach);
	while (extent && extent->start < search->hi) {
		if (has_room(extent, search->size, search->align, search->lo, &search->start)) {
			if (complete && misses >= FAILED_MISSES)
				remember_failed(tree, search, extent->start);
			search->extent = extent;
			return ends_in_time(search) ? FREE_FOUND : FREE_NONE;
		}
		search->reach = reach_above(extent, search);
		if (!search->reach)
			break;
		if (++misses == SEARCH_BATCH) {
			if (complete)
				remember_failed(tree, search, vext_end(extent));
			return FREE_AGAIN;
		}
		extent = next_reaching(tree, extent, least, search->reach);
	}
	return FREE_NONE;
}

/**
 * free_tree_find() - find the lowest fit for a request
 * @tree: the tree
 * @search: the request; size not 0, align a power of two, lo + size <= hi, reach 0 at first
 *
 * Return: FREE_FOUND with extent and start set; FREE_NONE if nothing fits; FREE_AGAIN after a batch
 * of misses: the caller may let go of its lock and call again with the same @search.
 */
enum free_found free_tree_find(struct free_tree *tree, struct free_search *search)
{
	VM_WARN_ON_ONCE(!search->size || !is_power_of_2(search->align));
	if (search->align > tree->grain || search->lo > tree->lowest ||
	    search->size > VEXT_MOST_RECORDED)
		return find_among_misses(tree, search);
	search->extent = tree->summary ? free_summary_lowest(tree->summary, search->size)
				       : free_tree_lowest(tree, search->size);
	if (!search->extent)
		return FREE_NONE;
	search->start = search->extent->start;
	return ends_in_time(search) ? FREE_FOUND : FREE_NONE;
}

/*
 * Link @extent into the tree as a child of @parent, at @link; the records above allow for it.
 * Unless @parent is black, rebalance() is to be called next.
 */
static __always_inline void link_at(struct free_tree *tree, struct vmap_extent *extent,
				    struct rb_node *parent, struct rb_node **link)
{
	extent->below[VEXT_RIGHT] = 0;
	extent->below[VEXT_LEFT] = 0;
	rb_link_node(&extent->node, parent, link);
	tree->count++;
}

static noinline struct vmap_extent *rebalance(struct free_tree *tree, struct vmap_extent *extent)
{
	rb_insert_augmented(&extent->node, &tree->root, &longest);
	return extent;
}

/* Link @extent into the tree directly after @prev, a free extent that is not shorter. */
static void insert_after(struct free_tree *tree, struct vmap_extent *extent,
			 struct vmap_extent *prev)
{
	struct rb_node *parent = &prev->node, **link = &prev->node.rb_right;
	u32 size = vext_recorded(extent->size);

	prev->below[VEXT_RIGHT] = max(prev->below[VEXT_RIGHT], size);
	while (*link) {
		u32 *record = vext_record(*link, 0);

		*record = max(*record, size);
		parent = *link;
		link = &parent->rb_left;
	}
	link_at(tree, extent, parent, link);
	if (!rb_is_black(parent))
		rebalance(tree, extent);
}

/*
 * On the way down from @rb to @start, the first node that records less than @size, not 0, at the
 * side of @start.  No link needs a test for NULL, since 0 is recorded of an empty subtree.
 */
static __always_inline struct rb_node *first_below(struct rb_node *rb, unsigned long start,
						   u32 size)
{
	for (;;) {
		long side = side_of(rb, start);

		if (*vext_record(rb, side) < size)
			break;
		rb = *vext_link(rb, side);
	}
	/* Else the compiler keeps what it has loaded, for the caller, in one more register. */
	OPTIMIZER_HIDE_VAR(rb);
	return rb;
}

/* Mark @extent, which is to be in the summary, as free: without a state, as one in the tree. */
static void mark_free(struct free_tree *tree, struct vmap_extent *extent)
{
	extent->below[VEXT_RIGHT] = 0;
	extent->node = (struct rb_node){};
	tree->count++;
}

/* Record @extent, which is free or has another size now, in the summary. */
static void set_free(struct free_tree *tree, struct vmap_extent *extent)
{
	free_summary_set(tree->summary, vext_end(extent), extent);
}

/*
 * Link @extent where the red-black tree is empty, as it always is beside a summary: so a free into
 * a tree does not have to ask for the summary.
 */
static noinline struct vmap_extent *link_alone(struct free_tree *tree, struct vmap_extent *extent)
{
	if (!tree->summary) {
		link_at(tree, extent, NULL, &tree->root.rb_node);
		return rebalance(tree, extent);
	}
	mark_free(tree, extent);
	set_free(tree, extent);
	return extent;
}

/*
 * Link @extent into the tree, which is not empty.  Return false if two red nodes follow each other
 * now: rebalance() is to be called.  Once a record on the way down is too low, all those
 * below are, too.
 */
static __always_inline bool link_by_start(struct free_tree *tree, struct vmap_extent *extent)
{
	struct rb_node *rb = tree->root.rb_node, **link;
	unsigned long start = extent->start;
	u32 size = vext_recorded(extent->size);
	long side;

	rb = first_below(rb, start, size);
	do {
		side = side_of(rb, start);
		*vext_record(rb, side) = size;
		link = vext_link(rb, side);
		rb = *link;
	} while (rb);
	/* Else the compiler keeps in each round what it takes to have the parent now. */
	OPTIMIZER_HIDE_VAR(link);
	OPTIMIZER_HIDE_VAR(side);
	rb = vext_of_link(link, side);
	link_at(tree, extent, rb, link);
	return rb_is_black(rb);
}

static void insert(struct free_tree *tree, struct vmap_extent *extent)
{
	if (!tree->root.rb_node)
		link_alone(tree, extent);
	else if (!link_by_start(tree, extent))
		rebalance(tree, extent);
}

/* Take @extent, whose tile goes on, out of the summary. */
static void erase_from_summary(struct free_tree *tree, struct vmap_extent *extent)
{
	free_summary_set(tree->summary, vext_end(extent), NULL);
	extent->below[VEXT_RIGHT] = VEXT_NOT_FREE;
	tree->count--;
}

static __always_inline void erase(struct free_tree *tree, struct vmap_extent *extent)
{
	pass_loss(&extent->node, extent->size, 0);
	rb_erase_augmented(&extent->node, &tree->root, &longest);
	extent->below[VEXT_RIGHT] = VEXT_NOT_FREE;
	tree->count--;
}

static inline void join_ring(struct vmap_extent *extent, struct vmap_extent *prev)
{
	extent->prev = prev;
	extent->next = prev->next;
	prev->next->prev = extent;
	prev->next = extent;
}

static inline void leave_ring(struct vmap_extent *extent)
{
	extent->prev->next = extent->next;
	extent->next->prev = extent->prev;
}

/* Make @extent, which is not free, a spare: its range belongs to a neighbour now. */
static inline void retire(struct vmap_extent *extent, struct vmap_extent_pool *spares)
{
	leave_ring(extent);
	vext_pool_add(spares, extent);
}

static inline struct vmap_extent *new_tile(struct vmap_extent_pool *spares, unsigned long start,
					   unsigned long size, struct vmap_extent *prev)
{
	struct vmap_extent *extent = vext_pool_pop(spares);

	VM_WARN_ON_ONCE(extent->state != VMAP_SPARE);
	extent->start = start;
	extent->size = size;
	join_ring(extent, prev);
	return extent;
}

/**
 * free_tree_longest() - find the size of the longest free extent
 * @tree: the tree
 * @survey: all 0 at first; then survey->longest is the result, 0 if the tree is empty
 *
 * Return: true at the end; false after a batch of extents that are longer than the records tell:
 * the caller may let go of its lock and call again with the same @survey.
 */
bool free_tree_longest(const struct free_tree *tree, struct free_survey *survey)
{
	unsigned long recorded = recorded_at(tree->root.rb_node);
	bool exact = recorded < VEXT_MOST_RECORDED;
	const struct vmap_extent *extent;
	unsigned int looks;

	if (tree->summary)
		recorded = free_summary_longest(tree->summary, &exact);
	survey->longest = max(survey->longest, recorded);
	if (exact)
		return true;
	for (looks = 0; looks < SEARCH_BATCH; looks++) {
		extent = lowest_reaching(tree, recorded, survey->reach);
		if (!extent)
			return true;
		survey->longest = max(survey->longest, extent->size);
		survey->reach = vext_end(extent) + recorded;
		if (survey->reach < recorded)
			return true;
	}
	return false;
}

/* Make @tree empty.  @grain is a power of two that divides each start and each size of the tree. */
void free_tree_init(struct free_tree *tree, unsigned long grain)
{
	VM_WARN_ON_ONCE(!is_power_of_2(grain));
	*tree = (struct free_tree){ .root = RB_ROOT, .grain = grain, .lowest = ULONG_MAX };
}

/**
 * free_tree_use_summary() - have a summary in the place of the red-black tree
 * @tree: the tree, without spans
 * @summary: the summary; undefined before, and without a spare node afterwards
 */
void free_tree_use_summary(struct free_tree *tree, struct free_summary *summary)
{
	free_summary_init(summary, tree->grain);
	tree->summary = summary;
}

/**
 * free_tree_open() - add a span, all of it free
 * @tree: the tree
 * @marker: storage for the marker of the span
 * @whole: a spare extent, which becomes the first tile of the span
 * @start: first unit of the span
 * @end: one past the last unit
 *
 * A summary has SUMMARY_NODES_OPEN spare nodes.
 */
void free_tree_open(struct free_tree *tree, struct vmap_extent *marker, struct vmap_extent *whole,
		    unsigned long start, unsigned long end)
{
	VM_WARN_ON_ONCE(start >= end || (start | end) & (tree->grain - 1));
	*marker = (struct vmap_extent){ .start = end, .size = start - end, .state = VMAP_MARKER };
	marker->below[VEXT_RIGHT] = VEXT_NOT_FREE;
	marker->prev = marker;
	marker->next = marker;
	whole->start = start;
	whole->size = end - start;
	join_ring(whole, marker);
	if (tree->summary) {
		free_summary_open(tree->summary, start, end);
		free_summary_add(tree->summary, end);
	}
	insert(tree, whole);
	tree->changes++;
	tree->units += end - start;
	tree->lowest = min(tree->lowest, start);
	tree->highest = max(tree->highest, end);
	/* The new span may have a fit for the failed-search hint. */
	tree->failed_below = min(tree->failed_below, start);
}

/**
 * free_tree_close() - remove a span, all of which is free
 * @tree: the tree
 * @whole: the only tile of the span; belongs to the caller afterwards
 */
void free_tree_close(struct free_tree *tree, struct vmap_extent *whole)
{
	VM_WARN_ON_ONCE(!vext_is_free(whole) || whole->prev != whole->next);
	tree->changes++;
	tree->units -= whole->size;
	if (tree->summary) {
		erase_from_summary(tree, whole);
		free_summary_remove(tree->summary, vext_end(whole));
	} else {
		erase(tree, whole);
	}
	leave_ring(whole);
}

/**
 * free_tree_withdraw() - remove a free extent from the tree for good
 * @tree: the tree
 * @extent: the extent; it stays on the ring, and the caller sets its state
 */
void free_tree_withdraw(struct free_tree *tree, struct vmap_extent *extent)
{
	VM_WARN_ON_ONCE(!vext_is_free(extent));
	tree->changes++;
	tree->units -= extent->size;
	if (tree->summary)
		erase_from_summary(tree, extent);
	else
		erase(tree, extent);
}

/* Not inlined, as each part of a call that calls another: the rest then saves no register. */
static noinline struct vmap_extent *cut_whole(struct free_tree *tree, struct vmap_extent *extent)
{
	tree->fits[VMAP_FIT_FULL]++;
	erase(tree, extent);
	return extent;
}

/**
 * free_tree_cut_left() - cut the lower end of a free extent, or all of the extent (LE and FL fit)
 * @tree: the tree, without a summary
 * @from: the free extent, of at least @size
 * @size: units to cut, not 0
 * @spares: holds at least FREE_TREE_SPARES extents
 *
 * Return: the tile that was cut, on the ring but not in the tree; the caller sets its state.
 */
struct vmap_extent *free_tree_cut_left(struct free_tree *tree, struct vmap_extent *from,
				       unsigned long size, struct vmap_extent_pool *spares)
{
	unsigned long start = from->start;

	VM_WARN_ON_ONCE(!vext_is_free(from) || !size || size > from->size || tree->summary);
	VM_WARN_ON_ONCE(size & (tree->grain - 1) || spares->count < FREE_TREE_SPARES);
	tree->changes++;
	tree->units -= size;
	if (from->size == size)
		return cut_whole(tree, from);
	tree->fits[VMAP_FIT_LEFT]++;
	from->start += size;
	from->size -= size;
	pass_loss(&from->node, from->size + size, from->size);
	return new_tile(spares, start, size, from->prev);
}

/* free_tree_cut() beside a summary. */
static struct vmap_extent *cut_of_summary(struct free_tree *tree, const struct free_search *search,
					  struct vmap_extent_pool *spares)
{
	unsigned long start = search->start, end = start + search->size;
	struct vmap_extent *from = search->extent, *cut, *rest;
	unsigned long below = start - from->start, above = vext_end(from) - end;

	if (!below && !above) {
		tree->fits[VMAP_FIT_FULL]++;
		erase_from_summary(tree, from);
		return from;
	}
	if (!below) {
		tree->fits[VMAP_FIT_LEFT]++;
		from->start = end;
		from->size = above;
		set_free(tree, from);
		free_summary_add(tree->summary, end);
		return new_tile(spares, start, search->size, from->prev);
	}
	cut = new_tile(spares, start, search->size, from);
	from->size = below;
	free_summary_add(tree->summary, start);
	set_free(tree, from);
	if (!above) {
		tree->fits[VMAP_FIT_RIGHT]++;
		free_summary_set(tree->summary, end, NULL);
		return cut;
	}
	tree->fits[VMAP_FIT_NO_EDGE]++;
	rest = new_tile(spares, end, above, cut);
	free_summary_add(tree->summary, end);
	mark_free(tree, rest);
	set_free(tree, rest);
	return cut;
}

/**
 * free_tree_cut() - cut the fit that a search found
 * @tree: the tree, unchanged since the search
 * @search: the search, for which free_tree_find() returned FREE_FOUND
 * @spares: holds at least FREE_TREE_SPARES extents
 *
 * Return: the tile that was cut, on the ring but not in the tree; the caller sets its state.
 */
struct vmap_extent *free_tree_cut(struct free_tree *tree, const struct free_search *search,
				  struct vmap_extent_pool *spares)
{
	unsigned long start = search->start, size = search->size, above;
	struct vmap_extent *from = search->extent, *cut, *rest;

	if (start == from->start && !tree->summary)
		return free_tree_cut_left(tree, from, size, spares);
	VM_WARN_ON_ONCE(!vext_is_free(from) || !size || spares->count < FREE_TREE_SPARES);
	VM_WARN_ON_ONCE(start < from->start || start + size > vext_end(from));
	tree->changes++;
	tree->units -= size;
	if (tree->summary)
		return cut_of_summary(tree, search, spares);
	above = vext_end(from) - start - size;
	cut = new_tile(spares, start, size, from);
	if (!above) {
		tree->fits[VMAP_FIT_RIGHT]++;
	} else {
		tree->fits[VMAP_FIT_NO_EDGE]++;
		rest = new_tile(spares, start + size, above, cut);
		/*
		 * Insert @rest before @from gets shorter: no record above @from is below rest->size
		 * then, so insert_after() has none of these to raise.
		 */
		insert_after(tree, rest, from);
	}
	pass_loss(&from->node, from->size, start - from->start);
	from->size = start - from->start;
	return cut;
}

static noinline void forget_failed(struct free_tree *tree, const struct vmap_extent *extent)
{
	unsigned long start;

	if (has_room(extent, tree->failed_size, tree->failed_align, 0, &start))
		tree->failed_below = extent->start;
}

/* Lower failed_below if @extent, which became free or grew, is a fit for the failed-search hint. */
static __always_inline void doubt_failed(struct free_tree *tree, const struct vmap_extent *extent)
{
	if (unlikely(extent->start < tree->failed_below))
		forget_failed(tree, extent);
}

/* merge() beside a summary: what is merged ends where the highest of the neighbours does. */
static noinline struct vmap_extent *merge_in_summary(struct free_tree *tree,
						     struct vmap_extent *extent,
						     struct vmap_extent_pool *spares)
{
	struct vmap_extent *prev = extent->prev, *next = extent->next, *merged = next;
	unsigned long start = extent->start, end = vext_end(extent);

	if (vext_is_free(next)) {
		free_summary_remove(tree->summary, end);
		end = vext_end(next);
	}
	if (vext_is_free(prev)) {
		merged = prev;
		free_summary_set(tree->summary, start, NULL);
		free_summary_remove(tree->summary, start);
		start = prev->start;
		if (vext_is_free(next)) {
			next->below[VEXT_RIGHT] = VEXT_NOT_FREE;
			tree->count--;
			retire(next, spares);
			tree->merges++;
		}
	}
	retire(extent, spares);
	tree->merges++;
	merged->start = start;
	merged->size = end - start;
	set_free(tree, merged);
	doubt_failed(tree, merged);
	return merged;
}

/* Merge @extent, which is not in the tree, into the free neighbour or neighbours. */
static noinline struct vmap_extent *merge(struct free_tree *tree, struct vmap_extent *extent,
					  struct vmap_extent_pool *spares)
{
	struct vmap_extent *prev = extent->prev, *next = extent->next, *merged = prev;
	unsigned long size = extent->size;

	/* A free neighbour is in the tree, unless the space has a summary. */
	if (unlikely(!tree->root.rb_node))
		return merge_in_summary(tree, extent, spares);
	if (!vext_is_free(prev)) {
		merged = next;
		next->start = extent->start;
	} else if (vext_is_free(next)) {
		size += next->size;
	}
	merged->size += size;
	pass_growth(&merged->node, merged->size);
	/* After the growth: the loss of @next goes up no farther than to @merged. */
	if (merged == prev && vext_is_free(next)) {
		erase(tree, next);
		retire(next, spares);
		tree->merges++;
	}
	retire(extent, spares);
	tree->merges++;
	doubt_failed(tree, merged);
	return merged;
}

/**
 * free_tree_put() - make a tile free and merge it with its free neighbours
 * @tree: the tree
 * @extent: the tile, on the ring but not in the tree
 * @spares: gets the tiles that are merged into a neighbour; @extent may be one of these tiles
 *
 * Return: the free extent that now covers the range of @extent: of those that are merged the lowest
 * that was free, on which vwalk_note_free() relies.
 */
struct vmap_extent *free_tree_put(struct free_tree *tree, struct vmap_extent *extent,
				  struct vmap_extent_pool *spares)
{
	VM_WARN_ON_ONCE(vext_is_free(extent) || !extent->size);
	VM_WARN_ON_ONCE(vext_end(extent->prev) != extent->start);
	VM_WARN_ON_ONCE(vext_end(extent) != extent->next->start);
	tree->changes++;
	tree->units += extent->size;
	if (vext_is_free(extent->prev) || vext_is_free(extent->next))
		return merge(tree, extent, spares);
	doubt_failed(tree, extent);
	if (unlikely(!tree->root.rb_node))
		return link_alone(tree, extent);
	return link_by_start(tree, extent) ? extent : rebalance(tree, extent);
}

/**
 * free_tree_swap() - let two tiles of one size change places
 * @a: a tile, on the ring but not in the tree
 * @b: another one, perhaps a neighbour of @a
 *
 * WRITE_ONCE(), since the holder of a tile may read its start without the caller's lock.
 */
void free_tree_swap(struct vmap_extent *a, struct vmap_extent *b)
{
	struct vmap_extent *before = a->prev == b ? a : a->prev;
	unsigned long start = a->start;

	VM_WARN_ON_ONCE(vext_is_free(a) || vext_is_free(b) || a->size != b->size || a == b);
	leave_ring(a);
	join_ring(a, b);
	leave_ring(b);
	join_ring(b, before);
	WRITE_ONCE(a->start, b->start);
	WRITE_ONCE(b->start, start);
}

/* The lowest free extent, or NULL. */
struct vmap_extent *free_tree_first(const struct free_tree *tree)
{
	struct rb_node *rb;

	if (tree->summary)
		return free_summary_next(tree->summary, 0, tree->grain);
	rb = rb_first(&tree->root);
	return rb ? to_extent(rb) : NULL;
}

/* The next free extent above @extent, or NULL.  @extent must be free. */
struct vmap_extent *free_tree_after(const struct free_tree *tree, const struct vmap_extent *extent)
{
	unsigned long reach = vext_end(extent) + tree->grain;
	struct rb_node *rb;

	if (tree->summary)
		return reach < tree->grain ? NULL :
		       free_summary_next(tree->summary, reach, tree->grain);
	rb = rb_next(&extent->node);
	return rb ? to_extent(rb) : NULL;
}

/* The lowest free extent that starts at @start or above, or NULL. */
struct vmap_extent *free_tree_at_or_after(const struct free_tree *tree, unsigned long start)
{
	struct rb_node *rb = tree->root.rb_node;
	struct vmap_extent *best = NULL;

	if (tree->summary) {
		best = free_summary_next(tree->summary, start, tree->grain);
		return best && best->start < start ? free_tree_after(tree, best) : best;
	}
	while (rb) {
		if (to_extent(rb)->start < start) {
			rb = rb->rb_right;
		} else {
			best = to_extent(rb);
			rb = rb->rb_left;
		}
	}
	return best;
}

static const char *check_node(const struct vmap_extent *extent)
{
	const struct rb_node *rb = &extent->node;

	if (extent->below[VEXT_LEFT] != recorded_at(rb->rb_left) ||
	    extent->below[VEXT_RIGHT] != recorded_at(rb->rb_right))
		return "a recorded maximum is not exact";
	return NULL;
}

static const char *check_free(const struct free_tree *tree, const struct vmap_extent *extent)
{
	const struct vmap_extent *after;
	const char *wrong;

	if (vext_is_free(extent->prev) || vext_is_free(extent->next))
		return "two free extents touch";
	wrong = tree->summary ? free_summary_check(tree->summary, extent) : check_node(extent);
	if (wrong)
		return wrong;
	after = free_tree_after(tree, extent);
	if (after && after->start < vext_end(extent))
		return "the tree is out of order";
	return NULL;
}

/**
 * free_tree_check_tile() - check one tile and its neighbours, and the place of a free tile
 * @tree: the tree
 * @extent: any tile but a marker
 *
 * Return: NULL, or the invariant that does not hold.
 */
const char *free_tree_check_tile(const struct free_tree *tree, const struct vmap_extent *extent)
{
	if (vext_end(extent) <= extent->start)
		return "an extent is empty";
	if (vext_end(extent->prev) != extent->start || extent->next->start != vext_end(extent))
		return "the extents of a span do not tile it";
	return vext_is_free(extent) ? check_free(tree, extent) : NULL;
}

/**
 * free_tree_check() - check a whole tree, in time proportional to its size
 * @tree: the tree
 *
 * Return: NULL, or the invariant that does not hold.
 */
const char *free_tree_check(const struct free_tree *tree)
{
	const struct vmap_extent *extent;
	unsigned long count = 0, units = 0;

	for (extent = free_tree_first(tree); extent; extent = free_tree_after(tree, extent)) {
		const char *wrong = free_tree_check_tile(tree, extent);

		if (!vext_is_free(extent))
			wrong = "the tree holds an extent that is not free";
		if (wrong)
			return wrong;
		count++;
		units += extent->size;
	}
	if (count != tree->count || units != tree->units)
		return "the tree holds more or fewer free extents than it counts";
	return NULL;
}
