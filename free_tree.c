// SPDX-License-Identifier: GPL-2.0
/*
 * free_tree.c - finds, splits and merges free extents
 *
 * A span of address space is cut into tiles: extents that lie one against the other from its start
 * to its end, each free, busy, lazy or cached.  All tiles of a span, whatever they are doing, are
 * on one ring in address order.  The ring is closed by an edge, a sentinel that starts where the
 * span ends and ends where it starts, so that "my next begins where I end" holds all the way round
 * and no caller has to ask whether a neighbour exists.
 *
 * The free extents of all spans are also in one augmented red-black tree by address.  Each node
 * knows the longest extent at or below it (max), so the lowest one that is long enough is found by
 * walking down once: left while the left side has one, else here, else right.  An extent that is
 * not free has max 0; that is how a neighbour is asked whether it is free.
 *
 * Invariants (checked by free_tree_check_tile() and free_tree_check()):
 *   - the tiles of a span cover it without gap or overlap;
 *   - no two neighbouring tiles are both free;
 *   - the tree holds exactly the free tiles, in the order of the ring, and every max is exact.
 *
 * Cutting.  A request fits the free extent it is cut from in one of four ways: FL takes all of it;
 * LE and RE take an edge and leave one remainder; NE leaves two.  The tile cut out (and the second
 * remainder) come from the caller's pool of spares, so nothing here can fail.
 *
 * Merging needs no search: the ring leads to both neighbours.  Only an extent with no free
 * neighbour needs a place in the tree, and the ring mostly leads to that, too: the next free tile
 * is near.  Merged-away tiles go back to the pool.  Changes of max are passed up only as far as
 * they change something.
 *
 * What was tried, in instructions of an allocation and a free with 100,000 live extents of random
 * sizes (scripts/bench.sh, tree): 1,113 at first; 908 with the place taken from the ring, with
 * losses passed up only to the first ancestor that is longer by another child, and with a ring of
 * plain pointers instead of a list_head, whose checks cost a call each; 857 with the search for a
 * size alone inlined and without a struct for it; 771 with sizes in place of ends, growth told to
 * the top first and a sibling found without a jump.  No better were a tree for each size up to 16
 * units, which has no maxima to pass on (13 more than one tree then: a place must be looked up from
 * a root, and to merge is to change trees); the lowest fit of each size remembered (one search in
 * seven finds it still there); prefetching the other child (13 more, though natively a tenth or
 * more of the time is saved where a million extents are live).  Most of what is left is max itself:
 * about seven tenths of all cuts take an extent of just the size asked for and change seven maxima
 * on the way up, the others eleven.
 *
 * Alignment.  A long enough extent may still miss if no aligned address in it leaves room.  After a
 * miss the search goes on with the first extent that reaches an aligned address and the size beyond
 * it, so it looks at no more extents than there are misses and no more than there are aligned
 * addresses below the answer, each for a step to its neighbour or one walk down the tree.  It is
 * exact: it ends on the lowest fit or on none.  A long run of misses is remembered (failed_below):
 * later requests as large and as aligned start behind it, and a free below it takes it back only if
 * it makes a fit.  After SEARCH_BATCH misses the search comes up for air and can be called again.
 *
 * No lock is taken, no memory allocated and no page table touched here.  The caller serialises all
 * calls on a tree and on the rings of its spans.
 */
#include <linux/kernel.h>

#include "free_tree.h"

/* Misses between two chances for others to take the lock. */
#define SEARCH_BATCH	32

/* Tiles looked at on the ring before a place in the tree is looked up from its root. */
#define RING_STEPS	12

/* Fewer misses than this are not worth remembering. */
#define FAILED_MISSES	8

#define to_extent(rb)	rb_entry(rb, struct vmap_extent, node)

static inline unsigned long max_at(const struct rb_node *rb)
{
	return rb ? to_extent(rb)->max : 0;
}

static inline unsigned long longest_below(const struct rb_node *rb)
{
	unsigned long longest = max(max_at(rb->rb_left), max_at(rb->rb_right));

	return max(longest, to_extent(rb)->size);
}

/*
 * Pass up that something of length @size came to be at @rb, as far as that is news.  The top is
 * told first, so that the walk ends there at the latest.
 */
static __always_inline void pass_growth(struct free_tree *tree, struct rb_node *rb,
					unsigned long size)
{
	struct vmap_extent *top = to_extent(tree->root.rb_node);

	top->max = max(top->max, size);
	for (; to_extent(rb)->max < size; rb = rb_parent(rb))
		to_extent(rb)->max = size;
}

/* The child of @parent that is not @rb, found without a jump that nobody could predict. */
static __always_inline struct rb_node *other_child(const struct rb_node *parent,
						   const struct rb_node *rb)
{
	return (struct rb_node *)((uintptr_t)parent->rb_left ^ (uintptr_t)parent->rb_right ^
				  (uintptr_t)rb);
}

/*
 * Pass up, as far as @stop, that something at @rb or below got shorter or went.  An ancestor whose
 * maximum was longer has it from elsewhere.
 */
static __always_inline void pass_loss(struct rb_node *rb, struct rb_node *stop)
{
	unsigned long old = to_extent(rb)->max, new = longest_below(rb);

	while (new != old) {
		struct rb_node *parent = rb_parent(rb), *sibling;

		to_extent(rb)->max = new;
		if (parent == stop || to_extent(parent)->max != old)
			return;
		sibling = other_child(parent, rb);
		if (to_extent(parent)->size > new)
			new = to_extent(parent)->size;
		if (sibling && to_extent(sibling)->max > new)
			new = to_extent(sibling)->max;
		rb = parent;
	}
}

static __always_inline void longest_propagate(struct rb_node *rb, struct rb_node *stop)
{
	if (rb != stop)
		pass_loss(rb, stop);
}

static void longest_copy(struct rb_node *old, struct rb_node *new)
{
	to_extent(new)->max = to_extent(old)->max;
}

static void longest_rotate(struct rb_node *old, struct rb_node *new)
{
	longest_copy(old, new);
	to_extent(old)->max = longest_below(old);
}

/* What the red-black tree calls when it changes shape.  Maxima are raised before an insertion. */
static const struct rb_augment_callbacks longest = {
	.propagate = longest_propagate,
	.copy = longest_copy,
	.rotate = longest_rotate,
};

/*
 * The lowest extent of at least @size that ends at @reach or above.  Wherever the walk turns left
 * the node it leaves and all that is right of it reach far enough; the last such turn that has the
 * length is the lowest.
 */
static struct vmap_extent *lowest_reaching(const struct free_tree *tree, unsigned long size,
					   unsigned long reach)
{
	struct rb_node *rb = tree->root.rb_node;
	struct rb_node *turn = NULL;

	while (max_at(rb) >= size) {
		if (vext_end(to_extent(rb)) < reach) {
			rb = rb->rb_right;
			continue;
		}
		if (to_extent(rb)->size >= size || max_at(rb->rb_right) >= size)
			turn = rb;
		rb = rb->rb_left;
	}
	if (!turn || to_extent(turn)->size >= size)
		return turn ? to_extent(turn) : NULL;
	return free_tree_lowest_at(turn->rb_right, size);
}

/* The next candidate after @miss.  Its neighbour often is, and then no walk down is needed. */
static struct vmap_extent *next_reaching(const struct free_tree *tree, struct vmap_extent *miss,
					 unsigned long size, unsigned long reach)
{
	struct vmap_extent *next = free_tree_after(miss);

	if (next && vext_end(next) >= reach && next->size >= size)
		return next;
	return next ? lowest_reaching(tree, size, reach) : NULL;
}

/* Where in @extent a request for @size at @align, not below @lo, would start. */
static bool has_room(const struct vmap_extent *extent, unsigned long size, unsigned long align,
		     unsigned long lo, unsigned long *start)
{
	unsigned long from = max(extent->start, lo), end = vext_end(extent);

	*start = ALIGN(from, align);
	return *start >= from && *start < end && end - *start >= size;
}

/* The end of the lowest fit that can lie above @miss; 0 if that is past the top of the world. */
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
 * Set the point from which to look.  Return whether all below it is known to be barren now, so that
 * what this search sees may be remembered.  That is so for a search without lower bound when it
 * begins, and when it goes on only if nobody has put another memory in place of its own.
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

/* The search proper, for a request whose alignment or lower bound an extent may miss. */
static noinline enum free_found find_among_misses(struct free_tree *tree,
						  struct free_search *search)
{
	bool complete = begin_search(tree, search);
	struct vmap_extent *extent;
	unsigned int misses = 0;

	extent = lowest_reaching(tree, search->size, search->reach);
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
		extent = next_reaching(tree, extent, search->size, search->reach);
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
	if (search->align > tree->grain || search->lo)
		return free_tree_longest(tree) < search->size ? FREE_NONE
							      : find_among_misses(tree, search);
	search->extent = free_tree_lowest(tree, search->size);
	if (!search->extent)
		return FREE_NONE;
	search->start = search->extent->start;
	return ends_in_time(search) ? FREE_FOUND : FREE_NONE;
}

/* Put @extent into the tree as a child of @parent, at @link. */
static __always_inline void insert_at(struct free_tree *tree, struct vmap_extent *extent,
				      struct rb_node *parent, struct rb_node **link)
{
	extent->max = extent->size;
	if (likely(parent))
		pass_growth(tree, parent, extent->max);
	rb_link_node(&extent->node, parent, link);
	rb_insert_augmented(&extent->node, &tree->root, &longest);
	tree->count++;
}

/* Put @extent into the tree right before @next. */
static __always_inline void insert_before(struct free_tree *tree, struct vmap_extent *extent,
					  struct vmap_extent *next)
{
	struct rb_node *parent = &next->node, **link = &next->node.rb_left;

	while (*link) {
		parent = *link;
		link = &parent->rb_right;
	}
	insert_at(tree, extent, parent, link);
}

/* Put @extent into the tree right after @prev. */
static void insert_after(struct free_tree *tree, struct vmap_extent *extent,
			 struct vmap_extent *prev)
{
	struct rb_node *parent = &prev->node, **link = &prev->node.rb_right;

	while (*link) {
		parent = *link;
		link = &parent->rb_left;
	}
	insert_at(tree, extent, parent, link);
}

static noinline void insert_from_root(struct free_tree *tree, struct vmap_extent *extent)
{
	struct rb_node *parent = NULL, **link = &tree->root.rb_node;

	while (*link) {
		parent = *link;
		link = extent->start < to_extent(parent)->start ? &parent->rb_left
								: &parent->rb_right;
	}
	insert_at(tree, extent, parent, link);
}

/*
 * Put @extent into the tree.  In a space in use for long about every fifth tile is free, so to look
 * along the ring for the next one is mostly shorter than to walk down.
 */
static __always_inline void insert(struct free_tree *tree, struct vmap_extent *extent)
{
	struct vmap_extent *next = extent->next;
	unsigned int steps;

	for (steps = 0; steps < RING_STEPS && !vext_is_free(next); steps++)
		next = next->next;
	/* Past its span's end the ring goes on at the beginning. */
	if (vext_is_free(next) && next->start > extent->start)
		insert_before(tree, extent, next);
	else
		insert_from_root(tree, extent);
}

static void erase(struct free_tree *tree, struct vmap_extent *extent)
{
	rb_erase_augmented(&extent->node, &tree->root, &longest);
	extent->max = 0;
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

/* Take a tile off the ring after its range went to a neighbour. */
static inline void retire(struct vmap_extent *extent, struct vmap_extent_pool *spares)
{
	leave_ring(extent);
	vext_pool_push(spares, extent);
}

static inline struct vmap_extent *new_tile(struct vmap_extent_pool *spares, unsigned long start,
					   unsigned long size, struct vmap_extent *prev)
{
	struct vmap_extent *extent = vext_pool_pop(spares);

	extent->start = start;
	extent->size = size;
	join_ring(extent, prev);
	return extent;
}

/* @grain: a power of two that divides every start and end there will be */
void free_tree_init(struct free_tree *tree, unsigned long grain)
{
	*tree = (struct free_tree){ .root = RB_ROOT, .grain = grain };
}

/**
 * free_tree_open() - add a span, all of it free
 * @tree: the tree
 * @marker: the span's marker, which will head its ring
 * @whole: a spare extent, which will be its first tile
 * @start: first unit of the span
 * @end: one past its last
 */
void free_tree_open(struct free_tree *tree, struct vmap_extent *marker, struct vmap_extent *whole,
		    unsigned long start, unsigned long end)
{
	*marker = (struct vmap_extent){ .start = end, .size = start - end, .state = VMAP_MARKER };
	marker->prev = marker;
	marker->next = marker;
	whole->start = start;
	whole->size = end - start;
	join_ring(whole, marker);
	insert(tree, whole);
	tree->changes++;
	tree->units += end - start;
	/* The new span may lie below what is remembered as barren. */
	tree->failed_below = min(tree->failed_below, start);
}

/**
 * free_tree_close() - take out a span all of which is free
 * @tree: the tree
 * @whole: its only tile, which becomes a spare of the caller's
 */
void free_tree_close(struct free_tree *tree, struct vmap_extent *whole)
{
	tree->changes++;
	tree->units -= whole->size;
	erase(tree, whole);
	leave_ring(whole);
}

/**
 * free_tree_withdraw() - take a free extent out of the tree, but not to be used
 * @tree: the tree
 * @extent: the extent, which stays on the ring; its state is the caller's to set
 */
void free_tree_withdraw(struct free_tree *tree, struct vmap_extent *extent)
{
	tree->changes++;
	tree->units -= extent->size;
	erase(tree, extent);
}

/**
 * free_tree_cut_left() - take the lower end of a free extent, or all of it, out of the tree
 * @tree: the tree
 * @from: the free extent, at least as long as @size
 * @size: units
 * @spares: holds FREE_TREE_SPARES at least
 *
 * Return: the tile cut out, on the ring but not in the tree; its state is the caller's to set.
 */
struct vmap_extent *free_tree_cut_left(struct free_tree *tree, struct vmap_extent *from,
				       unsigned long size, struct vmap_extent_pool *spares)
{
	unsigned long start = from->start;

	tree->changes++;
	tree->units -= size;
	if (from->size == size) {
		tree->fits[VMAP_FIT_FULL]++;
		erase(tree, from);
		return from;
	}
	tree->fits[VMAP_FIT_LEFT]++;
	from->start += size;
	from->size -= size;
	pass_loss(&from->node, NULL);
	return new_tile(spares, start, size, from->prev);
}

/**
 * free_tree_cut() - take what a search found out of the tree
 * @tree: the tree
 * @search: as free_tree_find() left it; nothing was changed since
 * @spares: holds FREE_TREE_SPARES at least
 *
 * Return: the tile cut out, on the ring but not in the tree; its state is the caller's to set.
 */
struct vmap_extent *free_tree_cut(struct free_tree *tree, const struct free_search *search,
				  struct vmap_extent_pool *spares)
{
	unsigned long start = search->start, size = search->size, above;
	struct vmap_extent *from = search->extent, *cut, *rest;

	if (start == from->start)
		return free_tree_cut_left(tree, from, size, spares);
	tree->changes++;
	tree->units -= size;
	above = vext_end(from) - start - size;
	cut = new_tile(spares, start, size, from);
	if (!above) {
		tree->fits[VMAP_FIT_RIGHT]++;
	} else {
		tree->fits[VMAP_FIT_NO_EDGE]++;
		rest = new_tile(spares, start + size, above, cut);
		/* While @from has its old length still, no maximum above is too low for @rest. */
		insert_after(tree, rest, from);
	}
	from->size = start - from->start;
	pass_loss(&from->node, NULL);
	return cut;
}

/* A free extent came to be or grew: it may be a fit where none was remembered. */
static void doubt_failed(struct free_tree *tree, const struct vmap_extent *extent)
{
	unsigned long start;

	if (extent->start < tree->failed_below &&
	    has_room(extent, tree->failed_size, tree->failed_align, 0, &start))
		tree->failed_below = extent->start;
}

/**
 * free_tree_put() - make a tile free and merge it with its free neighbours
 * @tree: the tree
 * @extent: the tile, on the ring but not in the tree
 * @spares: takes the tiles merged away; @extent itself may be one of them
 *
 * Return: the free extent that now covers what @extent covered.
 */
struct vmap_extent *free_tree_put(struct free_tree *tree, struct vmap_extent *extent,
				  struct vmap_extent_pool *spares)
{
	struct vmap_extent *prev = extent->prev, *next = extent->next;
	struct vmap_extent *merged = extent;

	tree->changes++;
	tree->units += extent->size;
	if (vext_is_free(prev)) {
		unsigned long size = prev->size + extent->size;

		if (vext_is_free(next)) {
			size += next->size;
			erase(tree, next);
			retire(next, spares);
			tree->merges++;
		}
		merged = prev;
		prev->size = size;
	} else if (vext_is_free(next)) {
		merged = next;
		next->start = extent->start;
		next->size += extent->size;
	} else {
		insert(tree, extent);
	}
	if (merged != extent) {
		pass_growth(tree, &merged->node, merged->size);
		retire(extent, spares);
		tree->merges++;
	}
	doubt_failed(tree, merged);
	return merged;
}

/* The lowest free extent. */
struct vmap_extent *free_tree_first(const struct free_tree *tree)
{
	struct rb_node *rb = rb_first(&tree->root);

	return rb ? to_extent(rb) : NULL;
}

/* The next free extent above @extent, itself free. */
struct vmap_extent *free_tree_after(const struct vmap_extent *extent)
{
	struct rb_node *rb = rb_next(&extent->node);

	return rb ? to_extent(rb) : NULL;
}

/* The lowest free extent that starts at @start or above. */
struct vmap_extent *free_tree_at_or_after(const struct free_tree *tree, unsigned long start)
{
	struct rb_node *rb = tree->root.rb_node;
	struct vmap_extent *best = NULL;

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

static const char *check_free(const struct vmap_extent *extent)
{
	const struct rb_node *rb = &extent->node;
	const struct vmap_extent *after = free_tree_after(extent);

	if (vext_is_free(extent->prev) || vext_is_free(extent->next))
		return "two free extents touch";
	if (extent->max != longest_below(rb))
		return "a recorded maximum is not exact";
	if (after && after->start < vext_end(extent))
		return "the tree is out of order";
	return NULL;
}

/**
 * free_tree_check_tile() - check one tile against its neighbours, and its node if it is free
 * @extent: any tile but an edge
 *
 * Return: NULL, or which invariant does not hold.
 */
const char *free_tree_check_tile(const struct vmap_extent *extent)
{
	if (vext_end(extent) <= extent->start)
		return "an extent is empty";
	if (vext_end(extent->prev) != extent->start || extent->next->start != vext_end(extent))
		return "the extents of a span do not tile it";
	return vext_is_free(extent) ? check_free(extent) : NULL;
}

/**
 * free_tree_check() - check a whole tree; takes time proportional to its size
 * @tree: the tree
 *
 * Return: NULL, or which invariant does not hold.
 */
const char *free_tree_check(const struct free_tree *tree)
{
	const struct vmap_extent *extent;
	unsigned long count = 0, units = 0;

	for (extent = free_tree_first(tree); extent; extent = free_tree_after(extent)) {
		const char *wrong = free_tree_check_tile(extent);

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
