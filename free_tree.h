/* SPDX-License-Identifier: GPL-2.0 */
/*
 * free_tree.h - tiles, and the tree that finds the free ones
 *
 * The theory statement is in free_tree.c.  Both files compile in the kernel and in user programs.
 */
#ifndef FREE_TREE_H
#define FREE_TREE_H

#include "free_summary.h"

/*
 * The most spares that one cut takes: an NE fit needs a tile for the cut and one for the upper
 * rest.
 */
#define FREE_TREE_SPARES	2

/* The free extents of a space.  The owner's lock (vmap_space.lock) covers all fields. */
struct free_tree {
	/* The free extents by address, augmented by vmap_extent.below.  Empty with a summary. */
	struct rb_root root;
	/* A power of two that divides each start and each size. */
	unsigned long grain;
	/* All spans opened so far lie in [lowest, highest). */
	unsigned long lowest;
	unsigned long highest;
	/* Free extents in the tree, and the sum of their sizes. */
	unsigned long count;
	unsigned long units;

	/* Since free_tree_init(): cuts, puts, spans opened and closed, extents withdrawn. */
	unsigned long changes;
	/* Pairs of free neighbours merged. */
	unsigned long merges;
	/* Cuts of each kind of fit. */
	unsigned long fits[VMAP_NR_FITS];

	/*
	 * The failed-search hint: no free extent that starts below failed_below has room for
	 * failed_size units at failed_align.
	 */
	unsigned long failed_below;
	unsigned long failed_size;
	unsigned long failed_align;

	/* The index of the free extents in the place of root; NULL: root is the index. */
	struct free_summary *summary;
};

/* One request, and the progress of the search for it. */
struct free_search {
	/* Units wanted, not 0. */
	unsigned long size;
	/* The start must be a multiple of this power of two. */
	unsigned long align;
	/* The start must not be below lo, the end not above hi. */
	unsigned long lo;
	unsigned long hi;
	/* 0 at first.  Then: no free extent that ends below reach has room for the request. */
	unsigned long reach;
	/* Result: the free extent that has room, and the start of the fit in the extent. */
	struct vmap_extent *extent;
	unsigned long start;
};

/* The search for the longest free extent, and its result.  All 0 at first. */
struct free_survey {
	/* The longest extent of those that end below reach, and of those that are recorded. */
	unsigned long longest;
	unsigned long reach;
};

enum free_found {
	FREE_NONE,		/* nothing fits */
	FREE_FOUND,		/* free_search.extent and free_search.start are set */
	FREE_AGAIN,		/* SEARCH_BATCH misses: drop the lock, take it again, call again */
};

/*
 * The largest size that vmap_extent.below records.  Longer extents are recorded as this size, so
 * for a longer request a record does not tell whether the subtree has room.  A test sets a small
 * size.
 */
#ifndef VEXT_MOST_RECORDED
#define VEXT_MOST_RECORDED	0xfffffffeUL
#endif

/* What vmap_extent.below records of an extent of @size. */
static __always_inline u32 vext_recorded(unsigned long size)
{
	return min(size, VEXT_MOST_RECORDED);
}

/*
 * The link of @rb to the child at @side, 0 for left or -1 for right; ~side is the other side.  The
 * walks here turn to a side that no CPU predicts: so a comparison becomes a side without a branch.
 */
static __always_inline struct rb_node **vext_link(struct rb_node *rb, long side)
{
	static_assert(offsetof(struct rb_node, rb_left) ==
		      offsetof(struct rb_node, rb_right) + sizeof(rb), "the left link follows");
	return (struct rb_node **)((char *)rb + offsetof(struct rb_node, rb_left) +
				   side * (long)sizeof(rb));
}

/* The node that @link to the child at @side is part of. */
static __always_inline struct rb_node *vext_of_link(struct rb_node **link, long side)
{
	return (struct rb_node *)((char *)link - offsetof(struct rb_node, rb_left) -
				  side * (long)sizeof(*link));
}

/* The record in vmap_extent.below of the child at @side; no index, for which UBSAN would ask. */
static __always_inline u32 *vext_record(struct rb_node *rb, long side)
{
	return (u32 *)((char *)&rb_entry(rb, struct vmap_extent, node)->below[VEXT_LEFT] +
		       side * (long)sizeof(u32));
}

/*
 * The record of the child at the other side than @side, given -@side.  Counted from the right
 * record, as vext_record() from the left one: one address for both would take an instruction more.
 */
static __always_inline u32 *vext_other_record(struct rb_node *rb, long minus_side)
{
	return (u32 *)((char *)&rb_entry(rb, struct vmap_extent, node)->below[VEXT_RIGHT] +
		       minus_side * (long)sizeof(u32));
}

/* Are @lo and @hi no bounds to a search, since no span of @tree exceeds them? */
static inline bool free_tree_within(const struct free_tree *tree, unsigned long lo,
				    unsigned long hi)
{
	return lo <= tree->lowest && hi >= tree->highest;
}

/*
 * Do the records tell that the subtree at @rb has an extent of @size?  A record is at most
 * VEXT_MOST_RECORDED, so true also says that @size is.
 */
static __always_inline bool free_tree_has(const struct rb_node *rb, unsigned long size)
{
	const struct vmap_extent *extent;

	if (!rb)
		return false;
	extent = rb_entry(rb, struct vmap_extent, node);
	return extent->below[VEXT_RIGHT] >= size || extent->below[VEXT_LEFT] >= size ||
	       vext_recorded(extent->size) >= size;
}

/*
 * The lowest extent of at least @size in the subtree at @rb, which must have one.  @size is at most
 * VEXT_MOST_RECORDED.
 */
static __always_inline struct vmap_extent *free_tree_lowest_at(struct rb_node *rb, u32 size)
{
	for (;;) {
		struct vmap_extent *extent = rb_entry(rb, struct vmap_extent, node);
		long side = -(long)(*vext_record(rb, 0) < size);

		OPTIMIZER_HIDE_VAR(side);

		if (extent->size >= size && side)
			return extent;
		rb = *vext_link(rb, side);
	}
}

/*
 * The lowest free extent of at least @size, or NULL.  NULL also if @size exceeds
 * VEXT_MOST_RECORDED: then free_tree_find() knows.
 */
static __always_inline struct vmap_extent *free_tree_lowest(const struct free_tree *tree,
							    unsigned long size)
{
	struct rb_node *top = tree->root.rb_node;

	return free_tree_has(top, size) ? free_tree_lowest_at(top, size) : NULL;
}

void free_tree_init(struct free_tree *tree, unsigned long grain);
void free_tree_use_summary(struct free_tree *tree, struct free_summary *summary);
bool free_tree_longest(const struct free_tree *tree, struct free_survey *survey);
void free_tree_open(struct free_tree *tree, struct vmap_extent *marker, struct vmap_extent *whole,
		    unsigned long start, unsigned long end);
void free_tree_close(struct free_tree *tree, struct vmap_extent *whole);
void free_tree_withdraw(struct free_tree *tree, struct vmap_extent *extent);
struct vmap_extent *free_tree_cut_left(struct free_tree *tree, struct vmap_extent *from,
				       unsigned long size, struct vmap_extent_pool *spares);
enum free_found free_tree_find(struct free_tree *tree, struct free_search *search);
struct vmap_extent *free_tree_cut(struct free_tree *tree, const struct free_search *search,
				  struct vmap_extent_pool *spares);
struct vmap_extent *free_tree_put(struct free_tree *tree, struct vmap_extent *extent,
				  struct vmap_extent_pool *spares);
void free_tree_swap(struct vmap_extent *a, struct vmap_extent *b);
struct vmap_extent *free_tree_first(const struct free_tree *tree);
struct vmap_extent *free_tree_after(const struct free_tree *tree,
				    const struct vmap_extent *extent);
struct vmap_extent *free_tree_at_or_after(const struct free_tree *tree, unsigned long start);
const char *free_tree_check_tile(const struct free_tree *tree, const struct vmap_extent *extent);
const char *free_tree_check(const struct free_tree *tree);

#endif
