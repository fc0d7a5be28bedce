/* SPDX-License-Identifier: GPL-2.0 */
/*
 * free_tree.h - the extent, and the tree that finds free ones
 *
 * See the theory statement in free_tree.c.  Compiles in the kernel and in user space alike.
 */
#ifndef FREE_TREE_H
#define FREE_TREE_H

#include <linux/llist.h>
#include <linux/rbtree_augmented.h>
#include <linux/types.h>

#include "vmap_alloc.h"

/* What an extent that is not free is doing.  A free one has no such word: see vmap_extent.max. */
enum vmap_state {
	VMAP_MARKER,		/* the sentinel that closes a span's ring of tiles */
	VMAP_BUSY,		/* handed out */
	VMAP_FREEING,		/* on its way from busy to lazy */
	VMAP_LAZY,		/* unmapped, not flushed yet or not merged yet */
	VMAP_CACHED,		/* kept for reuse */
	VMAP_SPARE,		/* no address range: waits in a pool for the next split */
	VMAP_LOST,		/* in a span that somebody else gave back to the kernel */
};

/**
 * struct vmap_extent - a range inside a span: one cache line
 * @start: first unit
 * @size: how many there are
 * @prev: the neighbour that ends where this begins, whatever it is doing
 * @next: the neighbour that begins where this ends
 * @max: length of the longest free extent at or below @node; 0 says this extent is not free
 * @node: free: its place in the tree
 * @arena: busy: who handed it out
 * @lazy: freeing, lazy: the next one on the arena's lazy, flushed or deferred list
 * @under: spare, cached: the next one on a stack under the arena's lock
 * @caller: busy: who asked for it
 * @unmapped: freeing: what lies before this is unmapped already
 * @window: cached, in a memory arena: what maps it
 * @rcu: freeing after a grace period
 * @state: not free: what it is doing
 * @flags: not free: VMAP_EXTENT_*
 */
struct vmap_extent {
	unsigned long start;
	unsigned long size;
	struct vmap_extent *prev;
	struct vmap_extent *next;
	unsigned long max;
	union {
		struct rb_node node;
		struct {
			union {
				struct {
					union {
						struct vmap_space *space;
						struct llist_node lazy;
						struct vmap_extent *under;
					};
					union {
						const void *caller;
						unsigned long unmapped;
						struct vmap_window *window;
					};
				};
				struct callback_head rcu;
			};
			u32 state;
			u32 flags;
		};
	};
};

/* A stack of spare extents, so that splitting and merging never meet the memory allocator. */
struct vmap_extent_pool {
	struct vmap_extent *top;
	unsigned long count;
};

/* The most spares that one cut can take: the split of an NE fit. */
#define FREE_TREE_SPARES	2

/**
 * struct free_tree - the free extents of an arena
 * @root: them, by address
 * @grain: all their starts and ends are multiples of this
 * @count: how many
 * @units: their lengths added up
 * @changes: cuts and puts, and spans opened and closed, since the start
 * @merges: free neighbours joined since the start
 * @fits: cuts of each kind since the start
 * @failed_below: no extent that starts below this fits @failed_size at @failed_align
 * @failed_size: see @failed_below
 * @failed_align: see @failed_below
 */
struct free_tree {
	struct rb_root root;
	unsigned long grain;
	unsigned long count;
	unsigned long units;
	unsigned long changes;
	unsigned long merges;
	unsigned long fits[VMAP_NR_FITS];
	unsigned long failed_below;
	unsigned long failed_size;
	unsigned long failed_align;
};

/**
 * struct free_search - one request, and how far the search for it has come
 * @size: units wanted, not 0
 * @align: a power of two
 * @lo: lowest start allowed
 * @hi: the end may not pass this
 * @reach: what ends below this has been seen to miss; 0 at first
 * @extent: out: the free extent that has room
 * @start: out: where in it
 */
struct free_search {
	unsigned long size;
	unsigned long align;
	unsigned long lo;
	unsigned long hi;
	unsigned long reach;
	struct vmap_extent *extent;
	unsigned long start;
};

enum free_found {
	FREE_NONE,		/* nothing fits */
	FREE_FOUND,		/* @extent and @start say where */
	FREE_AGAIN,		/* a batch of misses is done: let others have the lock, go on */
};

static inline bool vext_is_free(const struct vmap_extent *extent)
{
	return extent->max != 0;
}

/* One past the last unit. */
static inline unsigned long vext_end(const struct vmap_extent *extent)
{
	return extent->start + extent->size;
}

static inline void vext_pool_push(struct vmap_extent_pool *pool, struct vmap_extent *extent)
{
	extent->max = 0;
	extent->state = VMAP_SPARE;
	extent->under = pool->top;
	pool->top = extent;
	pool->count++;
}

static inline struct vmap_extent *vext_pool_pop(struct vmap_extent_pool *pool)
{
	struct vmap_extent *extent = pool->top;

	if (extent) {
		pool->top = extent->under;
		pool->count--;
	}
	return extent;
}

/* Length of the longest free extent; 0 if there is none. */
static inline unsigned long free_tree_longest(const struct free_tree *tree)
{
	const struct rb_node *top = tree->root.rb_node;

	return top ? rb_entry(top, struct vmap_extent, node)->max : 0;
}

/* The lowest extent of at least @size at or below @rb, where there is one. */
static __always_inline struct vmap_extent *free_tree_lowest_at(struct rb_node *rb,
							       unsigned long size)
{
	for (;;) {
		struct vmap_extent *extent = rb_entry(rb, struct vmap_extent, node);
		struct rb_node *left = rb->rb_left;

		if (left && rb_entry(left, struct vmap_extent, node)->max >= size)
			rb = left;
		else if (extent->size >= size)
			return extent;
		else
			rb = rb->rb_right;
	}
}

/* The lowest free extent of at least @size; NULL if there is none. */
static __always_inline struct vmap_extent *free_tree_lowest(const struct free_tree *tree,
							    unsigned long size)
{
	return free_tree_longest(tree) >= size ? free_tree_lowest_at(tree->root.rb_node, size)
					       : NULL;
}

void free_tree_init(struct free_tree *tree, unsigned long grain);
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
struct vmap_extent *free_tree_first(const struct free_tree *tree);
struct vmap_extent *free_tree_after(const struct vmap_extent *extent);
struct vmap_extent *free_tree_at_or_after(const struct free_tree *tree, unsigned long start);
const char *free_tree_check_tile(const struct vmap_extent *extent);
const char *free_tree_check(const struct free_tree *tree);

#endif
