// SPDX-License-Identifier: GPL-2.0
/*
 * tile.c - boundary tags
 *
 * Theory
 *
 * Every range of a space, free or busy, is a tile on one ring in address order.  A tile that is
 * freed finds its neighbours there and is joined with those that are free, at once and without a
 * search.  How free tiles are found when one is needed is what the structures built on this differ
 * in (segregated.c, vmem.c): they are told of each free tile that comes, goes or changes.
 *
 * Invariants: the tiles cover the space without gap or overlap; no two neighbours are both free.
 */
#include <linux/errno.h>
#include <linux/kernel.h>

#include "tile.h"

/* All of @space is one free tile; @link and @unlink are set. */
int lab_tiles_init(struct lab_tiles *tiles, const struct lab_space *space)
{
	int err = lab_pool_init(&tiles->pool, sizeof(struct lab_tile), 2 * space->areas + 3);
	struct lab_tile *whole;

	if (err)
		return err;
	INIT_LIST_HEAD(&tiles->ring);
	whole = lab_pool_get(&tiles->pool);
	whole->start = space->start;
	whole->end = space->end;
	whole->free = true;
	list_add(&whole->ring, &tiles->ring);
	tiles->link(tiles, whole);
	return 0;
}

/* Where in a free tile the request would start. */
bool lab_tile_fits(const struct lab_tile *tile, const struct lab_request *request,
		   unsigned long *start)
{
	unsigned long hi = min(tile->end, request->hi);

	*start = ALIGN(max(tile->start, request->lo), request->align);
	return *start < hi && hi - *start >= request->size;
}

/* Gives what lies at and above @at to @upper, a new free tile. */
static void divide(struct lab_tile *tile, unsigned long at, struct lab_tile *upper)
{
	upper->start = at;
	upper->end = tile->end;
	upper->free = true;
	tile->end = at;
	list_add(&upper->ring, &tile->ring);
}

/* Takes the request, which fits at @start, out of a free tile. */
int lab_tile_cut(struct lab_tiles *tiles, struct lab_tile *tile, unsigned long start,
		 const struct lab_request *request, struct lab_area *area)
{
	struct lab_tile *one = lab_pool_get(&tiles->pool), *two = lab_pool_get(&tiles->pool);
	unsigned long end = start + request->size;

	if (!one || !two) {
		if (one)
			lab_pool_put(&tiles->pool, one);
		return -ENOMEM;
	}
	tiles->unlink(tiles, tile);
	if (start > tile->start) {
		divide(tile, start, one);
		tiles->link(tiles, tile);
		tile = one;
	} else {
		lab_pool_put(&tiles->pool, one);
	}
	if (end < tile->end) {
		divide(tile, end, two);
		tiles->link(tiles, two);
	} else {
		lab_pool_put(&tiles->pool, two);
	}
	tile->free = false;
	*area = (struct lab_area){ tile, start, request->size };
	return 0;
}

static void join(struct lab_tiles *tiles, struct lab_tile *lower, struct lab_tile *upper)
{
	lower->end = upper->end;
	list_del(&upper->ring);
	lab_pool_put(&tiles->pool, upper);
}

/* Makes a busy tile free. */
void lab_tile_free(struct lab_tiles *tiles, struct lab_tile *tile)
{
	struct lab_tile *next = list_entry(tile->ring.next, struct lab_tile, ring);
	struct lab_tile *prev = list_entry(tile->ring.prev, struct lab_tile, ring);

	tile->free = true;
	if (tile->ring.next != &tiles->ring && next->free) {
		tiles->unlink(tiles, next);
		join(tiles, tile, next);
	}
	if (tile->ring.prev != &tiles->ring && prev->free) {
		tiles->unlink(tiles, prev);
		join(tiles, prev, tile);
		tile = prev;
	}
	tiles->link(tiles, tile);
}

void lab_tiles_walk(struct lab_tiles *tiles, lab_visit visit, void *data)
{
	const struct lab_tile *tile;

	list_for_each_entry(tile, &tiles->ring, ring)
		if (tile->free)
			visit(data, tile->start, tile->end);
}
