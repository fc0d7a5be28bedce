/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tile.h - boundary tags: all ranges of a space on one ring, and how they are cut and joined
 *
 * See the theory statement in tile.c.
 */
#ifndef LAB_TILE_H
#define LAB_TILE_H

#include "lab.h"

/**
 * struct lab_tile - a range, free or busy
 * @start: first unit
 * @end: one past the last
 * @ring: neighbours in address order
 * @line: free: on a list of free tiles
 * @node: free: in a tree of free tiles
 * @hash: busy: in a hash table
 * @free: it is free
 */
struct lab_tile {
	unsigned long start;
	unsigned long end;
	struct list_head ring;
	union {
		struct list_head line;
		struct rb_node node;
		struct hlist_node hash;
	};
	bool free;
};

/**
 * struct lab_tiles - all ranges of a space
 * @ring: its head
 * @pool: nodes
 * @link: a free tile came to be or changed its size
 * @unlink: a free tile is about to go or to change its size
 */
struct lab_tiles {
	struct list_head ring;
	struct lab_pool pool;
	void (*link)(struct lab_tiles *tiles, struct lab_tile *tile);
	void (*unlink)(struct lab_tiles *tiles, struct lab_tile *tile);
};

static inline unsigned long lab_tile_size(const struct lab_tile *tile)
{
	return tile->end - tile->start;
}

int lab_tiles_init(struct lab_tiles *tiles, const struct lab_space *space);
bool lab_tile_fits(const struct lab_tile *tile, const struct lab_request *request,
		   unsigned long *start);
int lab_tile_cut(struct lab_tiles *tiles, struct lab_tile *tile, unsigned long start,
		 const struct lab_request *request, struct lab_area *area);
void lab_tile_free(struct lab_tiles *tiles, struct lab_tile *tile);
void lab_tiles_walk(struct lab_tiles *tiles, lab_visit visit, void *data);

#endif
