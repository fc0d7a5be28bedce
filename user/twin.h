/* SPDX-License-Identifier: GPL-2.0 */
/*
 * twin.h - a free tree and its model, driven in step
 *
 * See the theory statement in twin.c.
 */
#ifndef TWIN_H
#define TWIN_H

#include "model.h"

#define TWIN_BUSY	2048
/* Is the index of a twin's tree a summary? */
#ifndef TWIN_SUMMARY
#define TWIN_SUMMARY	0
#endif

#define TWIN_WRONG	256

/**
 * struct twin - a free tree, its model, and what the one must count if the other is right
 * @tree: the tree under test
 * @model: the model
 * @edges: the edge of each span of @model, in the same order
 * @busy: the tiles that are handed out
 * @nr_busy: how many
 * @summary: the index of the tree, if it is not the red-black tree
 * @nodes: nodes of the summary that exist
 * @tiles: extents that exist, edges and spares not counted
 * @next_owner: for the next allocation
 * @operations: cuts, puts, opens and closes done
 * @changes: what @tree must have counted
 * @merges: what @tree must have counted
 * @fits: what @tree must have counted
 * @rounds: calls of free_tree_find() that the last search took
 * @wrong: the first thing that was not as it must be; empty: nothing
 */
struct twin {
	struct free_tree tree;
	struct model model;
	struct vmap_extent *edges[MODEL_SPANS];
	struct vmap_extent *busy[TWIN_BUSY];
	unsigned int nr_busy;
	struct free_summary summary;
	unsigned long nodes;
	unsigned long tiles;
	unsigned long next_owner;
	unsigned long operations;
	unsigned long changes;
	unsigned long merges;
	unsigned long fits[VMAP_NR_FITS];
	unsigned long rounds;
	char wrong[TWIN_WRONG];
};

/**
 * struct twin_search - a search that other operations may interrupt
 * @request: as free_tree_find() keeps it
 * @since: the model's clock when it began
 * @rounds: calls of free_tree_find() so far
 */
struct twin_search {
	struct free_search request;
	unsigned long since;
	unsigned long rounds;
};

void twin_init(struct twin *twin, unsigned long grain);
void twin_fini(struct twin *twin);
void twin_open(struct twin *twin, unsigned long start, unsigned long count);
bool twin_close(struct twin *twin, unsigned int index);
bool twin_alloc(struct twin *twin, unsigned long size, unsigned long align, unsigned long lo,
		unsigned long hi);
bool twin_alloc_at(struct twin *twin, unsigned long start, unsigned long size);
void twin_free(struct twin *twin, unsigned int index);
void twin_free_at(struct twin *twin, unsigned long start);
bool twin_withdraw(struct twin *twin, unsigned long start);
void twin_swap(struct twin *twin, unsigned int a, unsigned int b);
void twin_begin(struct twin *twin, struct twin_search *search, unsigned long size,
		unsigned long align, unsigned long lo, unsigned long hi);
enum free_found twin_step(struct twin *twin, struct twin_search *search);
void twin_probe(struct twin *twin, unsigned long start);
void twin_check(struct twin *twin);

__printf(2, 3)
void twin_fail(struct twin *twin, const char *format, ...);

static inline bool twin_ok(const struct twin *twin)
{
	return !twin->wrong[0];
}

#endif
