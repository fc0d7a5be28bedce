/* SPDX-License-Identifier: GPL-2.0 */
/*
 * extent.h - the extent, and pools of spare ones
 *
 * An extent is a range of units inside a span.  It is free, and then it has a place in the index of
 * free extents (free_tree.c, free_summary.c), or it is in one of the states of enum vmap_state.
 *
 * Locking: none here.  The fields of a free extent, and prev and next of each extent, belong to the
 * caller of free_tree.c; all other fields belong to the holder of the extent.
 */
#ifndef EXTENT_H
#define EXTENT_H

#include <linux/llist.h>
#include <linux/rbtree_augmented.h>
#include <linux/types.h>

#include "vmap_alloc.h"

/*
 * The state of an extent that is not free.  A free extent has no state: its rb_node overlays
 * vmap_extent.state, and vmap_extent.below says that it is free.
 */
enum vmap_state {
	VMAP_MARKER,		/* closes the ring of a span's tiles */
	VMAP_BUSY,		/* handed out to a caller */
	VMAP_SLOT,		/* the same, of a range arena's reserve: slots.c */
	VMAP_FREEING,		/* the caller freed it; not yet unmapped, or not yet charged */
	VMAP_LAZY,		/* freed and unmapped; not yet flushed, or not yet merged */
	VMAP_CACHED,		/* in a magazine or a depot, kept for the next allocation */
	VMAP_SPARE,		/* without an address range: waits in a pool for a split */
	VMAP_LOST,		/* in a span whose reservation somebody gave to vfree(): lost.c */
	VMAP_MOVABLE,		/* busy, and has a mover: compact.c */
	VMAP_TARGET,		/* the place that a movable extent is just being moved to */
};

/*
 * A range inside a span.  64 bytes, one cache line: a look at a neighbour costs one miss.
 *
 * A free extent uses node; an extent in any other state uses state, flags and the union before
 * them, whose members are named by the states that use them.
 */
struct vmap_extent {
	/* The first unit, and the number of units. */
	unsigned long start;
	unsigned long size;
	/* The neighbours on the ring of the span: prev ends at start, next begins at the end. */
	struct vmap_extent *prev;
	struct vmap_extent *next;
	/*
	 * Free: vext_recorded() of the longest free extent in the right subtree of node, and in the
	 * left one; 0 for an empty subtree, and in a space with a summary.  In any other state
	 * below[VEXT_RIGHT] is VEXT_NOT_FREE.
	 */
	u32 below[2];
	union {
		/* Free: the place in the tree; all 0 in a space with a summary. */
		struct rb_node node;
		struct {
			union {
				struct {
					union {
						/* Busy: the space of the extent. */
						struct vmap_space *space;
						/* Freeing, lazy: on a list of purge.c. */
						struct llist_node lazy;
						/* Spare, cached: the extent below on a stack. */
						struct vmap_extent *under;
					};
					union {
						/* Busy: address of the caller's code. */
						const void *caller;
						/* Freeing: unmapped below this. */
						unsigned long unmapped;
						/* Cached, memory arena: of the span. */
						struct vmap_window *window;
					};
				};
				/* Freed after a grace period; overlays all members above. */
				struct callback_head rcu;
			};
			union {
				struct {
					/* An enum vmap_state; its holder writes without lock. */
					u8 state;
					union {
						/* Memory arena: VMAP_EXTENT_*: space.h. */
						u8 flags;
						/*
						 * Busy, range arena: the start is a
						 * multiple of the quantum shifted by
						 * this, as was asked, or more.
						 */
						u8 align_shift;
					};
					/* Busy or cached, recyclable: the node of all pages. */
					u16 node_id;
					/*
					 * Busy: bytes between those asked for and the
					 * guard; range arena: 0.
					 */
					u32 slack;
				};
				/* All of these, from state to slack, to be written at once. */
				u64 particulars;
			};
		};
	};
};

/*
 * A stack of spare extents.  A split takes extents from a pool and a merge puts extents into a
 * pool, so neither calls the slab allocator.
 */
struct vmap_extent_pool {
	/* The extent pushed last; the others follow by vmap_extent.under. */
	struct vmap_extent *top;
	/* Extents on the stack. */
	unsigned long count;
};

/* The children of an rb_node in the order of its members: the indices of vmap_extent.below. */
#define VEXT_RIGHT	0
#define VEXT_LEFT	1

/* In vmap_extent.below[VEXT_RIGHT]: the extent is not free. */
#define VEXT_NOT_FREE	0xffffffffU

static inline bool vext_is_free(const struct vmap_extent *extent)
{
	return extent->below[VEXT_RIGHT] != VEXT_NOT_FREE;
}

/* One past the last unit of @extent. */
static inline unsigned long vext_end(const struct vmap_extent *extent)
{
	return extent->start + extent->size;
}

/* Add to @pool an extent that is marked as not free. */
static inline void vext_pool_add(struct vmap_extent_pool *pool, struct vmap_extent *extent)
{
	extent->state = VMAP_SPARE;
	extent->under = pool->top;
	pool->top = extent;
	pool->count++;
}

/* Add to @pool an extent that may be undefined. */
static inline void vext_pool_push(struct vmap_extent_pool *pool, struct vmap_extent *extent)
{
	extent->below[VEXT_RIGHT] = VEXT_NOT_FREE;
	vext_pool_add(pool, extent);
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

#endif
