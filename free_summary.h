/* SPDX-License-Identifier: GPL-2.0 */
/*
 * free_summary.h - the other index of free extents: a radix tree with the longest of each piece
 *
 * The theory statement is in free_summary.c.  Both files compile in the kernel and in user
 * programs.
 */
#ifndef FREE_SUMMARY_H
#define FREE_SUMMARY_H

#include "extent.h"

/* A node has 2^SUMMARY_SHIFT parts: with their reaches and links it fills two cache lines. */
#define SUMMARY_SHIFT		3
#define SUMMARY_PARTS		(1U << SUMMARY_SHIFT)

/* Levels of nodes where a space has addresses of 64 bits. */
#define SUMMARY_MOST_LEVELS	22

/* The largest reach that is recorded, in grains; a longer extent is recorded as this one. */
#ifndef SUMMARY_MOST_RECORDED
#define SUMMARY_MOST_RECORDED	0xffffffffUL
#endif

struct summary_node {
	union {
		/* reach[0] of a node in use: tiles of a leaf, else nodes of the level below. */
		u32 used;
		/*
		 * A heap: reach[SUMMARY_PARTS + i] is the recorded size of the longest free extent
		 * that ends in part i; reach[i] is the greater of reach[2 * i] and
		 * reach[2 * i + 1]; reach[1] is the longest of all.
		 */
		u32 reach[2 * SUMMARY_PARTS];
	};
	union {
		/* The nodes of the level below; NULL: no tile ends in the part. */
		struct summary_node *below[SUMMARY_PARTS];
		/* In a leaf: the free extent that ends with the grain, or NULL. */
		struct vmap_extent *extent[SUMMARY_PARTS];
		/* In a pool: the node below on the stack. */
		struct summary_node *under;
	};
};

/* A stack of nodes that are not in use. */
struct summary_pool {
	/* The node pushed last; the others follow by summary_node.under. */
	struct summary_node *top;
	/* Nodes on the stack. */
	unsigned long count;
};

/* The index of one space.  The owner's lock (vmap_space.lock) covers all fields. */
struct free_summary {
	/* The node of the highest level; NULL while there is no tile. */
	struct summary_node *root;
	/* Levels from the root to the leaves; 0 without a root. */
	unsigned int levels;
	/* The size of a grain is 2 to the power of this. */
	unsigned int grain_shift;
	/* What the numbers of all grains below the root have in the bits above the root. */
	unsigned long prefix;
	/* The first and the last grain of all spans opened so far; levels of a root of both. */
	unsigned long first;
	unsigned long last;
	unsigned int most_levels;
	/*
	 * The nodes on the way to grain at, from level path_low up, by level: what comes next is
	 * often near.
	 */
	struct summary_node *path[SUMMARY_MOST_LEVELS];
	unsigned long at;
	unsigned int path_low;
	/* Nodes for tiles to come. */
	struct summary_pool spares;
	/* Nodes in use. */
	unsigned long used;
};

static inline void summary_pool_push(struct summary_pool *pool, struct summary_node *node)
{
	node->under = pool->top;
	pool->top = node;
	pool->count++;
}

static inline struct summary_node *summary_pool_pop(struct summary_pool *pool)
{
	struct summary_node *node = pool->top;

	if (node) {
		pool->top = node->under;
		pool->count--;
	}
	return node;
}

/* The most nodes that a cut takes: two tiles end where none did, and levels come above the root. */
static inline unsigned long free_summary_need(const struct free_summary *summary)
{
	return 3 * summary->most_levels;
}

/* The most nodes that the opening of a span takes: levels above the root, and a tile. */
#define SUMMARY_NODES_OPEN	(2 * SUMMARY_MOST_LEVELS)

void free_summary_init(struct free_summary *summary, unsigned long grain);
void free_summary_fini(struct free_summary *summary);
void free_summary_open(struct free_summary *summary, unsigned long start, unsigned long end);
void free_summary_add(struct free_summary *summary, unsigned long end);
void free_summary_remove(struct free_summary *summary, unsigned long end);
void free_summary_set(struct free_summary *summary, unsigned long end, struct vmap_extent *extent);
struct vmap_extent *free_summary_lowest(struct free_summary *summary, unsigned long size);
struct vmap_extent *free_summary_next(const struct free_summary *summary, unsigned long reach,
				      unsigned long size);
unsigned long free_summary_longest(const struct free_summary *summary, bool *exact);
const char *free_summary_check(const struct free_summary *summary,
			       const struct vmap_extent *extent);

#endif
