// SPDX-License-Identifier: GPL-2.0
/*
 * segregated.c - free ranges by size: OSv's page range allocator
 *
 * Theory
 *
 * OSv keeps free ranges of pages on 16 lists, each for ranges of one logarithmic size, and those
 * of 256 MiB and more in a set sorted by size.  List k holds ranges of 2^k to 2^(k+1) - 1 pages.
 *
 * A request first looks through the list of its own size, where some ranges are long enough and
 * some are not; on any list above, the first range will do.  Only if all of those are empty is the
 * sorted set asked, for its shortest range that is long enough.  What is left over on either side
 * goes back as a range of its own.  So a small request never breaks up a large range while a small
 * one is left, and addresses are of no account.  The longest search is one list.
 *
 * What differs from OSv: it finds a range's neighbours by what it wrote into the free pages
 * themselves; here the pages need not exist, so boundary tags are kept beside (tile.c).  An
 * aligned or bounded request looks at every range of every list until one fits, so that it fails
 * only if there is none.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>

#include "tile.h"

#define LISTS	16

/**
 * struct segregated_index - free ranges by size
 * @tiles: all ranges
 * @lists: free ones below 2^LISTS units, by logarithm of size
 * @huge: the others, by size
 */
struct segregated_index {
	struct lab_tiles tiles;
	struct list_head lists[LISTS];
	struct rb_root huge;
};

#define to_index(t)	container_of(t, struct segregated_index, tiles)
#define to_tile(rb)	rb_entry(rb, struct lab_tile, node)

static void link_huge(struct segregated_index *index, struct lab_tile *tile)
{
	struct rb_node **link = &index->huge.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		if (lab_tile_size(tile) < lab_tile_size(to_tile(parent)))
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&tile->node, parent, link);
	rb_insert_color(&tile->node, &index->huge);
}

static void segregated_link(struct lab_tiles *tiles, struct lab_tile *tile)
{
	unsigned int order = ilog2(lab_tile_size(tile));

	if (order < LISTS)
		list_add(&tile->line, &to_index(tiles)->lists[order]);
	else
		link_huge(to_index(tiles), tile);
}

static void segregated_unlink(struct lab_tiles *tiles, struct lab_tile *tile)
{
	if (ilog2(lab_tile_size(tile)) < LISTS)
		list_del(&tile->line);
	else
		rb_erase(&tile->node, &to_index(tiles)->huge);
}

static void *segregated_create(const struct lab_space *space)
{
	struct segregated_index *index = lab_zalloc(sizeof(*index));
	unsigned int i;

	if (!index)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < LISTS; i++)
		INIT_LIST_HEAD(&index->lists[i]);
	index->huge = RB_ROOT;
	index->tiles.link = segregated_link;
	index->tiles.unlink = segregated_unlink;
	if (lab_tiles_init(&index->tiles, space)) {
		lab_release(index);
		return ERR_PTR(-ENOMEM);
	}
	return index;
}

static void segregated_destroy(void *self)
{
	struct segregated_index *index = self;

	lab_pool_exit(&index->tiles.pool);
	lab_release(index);
}

/* The shortest huge range that could hold @size. */
static struct rb_node *huge_from(struct segregated_index *index, unsigned long size)
{
	struct rb_node *rb = index->huge.rb_node, *best = NULL;

	while (rb) {
		if (lab_tile_size(to_tile(rb)) >= size) {
			best = rb;
			rb = rb->rb_left;
		} else {
			rb = rb->rb_right;
		}
	}
	return best;
}

static struct lab_tile *find(struct segregated_index *index, const struct lab_request *request,
			     unsigned long *start)
{
	struct lab_tile *tile;
	struct rb_node *rb;
	unsigned int order;

	for (order = ilog2(request->size); order < LISTS; order++)
		list_for_each_entry(tile, &index->lists[order], line)
			if (lab_tile_fits(tile, request, start))
				return tile;
	for (rb = huge_from(index, request->size); rb; rb = rb_next(rb))
		if (lab_tile_fits(to_tile(rb), request, start))
			return to_tile(rb);
	return NULL;
}

static int segregated_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	struct segregated_index *index = self;
	unsigned long start;
	struct lab_tile *tile = find(index, request, &start);

	return tile ? lab_tile_cut(&index->tiles, tile, start, request, area) : -ENOSPC;
}

static void segregated_free(void *self, const struct lab_area *area)
{
	struct segregated_index *index = self;

	lab_tile_free(&index->tiles, area->handle);
}

static void segregated_walk(void *self, lab_visit visit, void *data)
{
	struct segregated_index *index = self;

	lab_tiles_walk(&index->tiles, visit, data);
}

static unsigned long segregated_bytes(void *self)
{
	struct segregated_index *index = self;

	return sizeof(*index) + index->tiles.pool.used * sizeof(struct lab_tile);
}

const struct lab_index lab_segregated = {
	.name = "segregated",
	.differs = "OSv: 16 lists by power of two, a sorted set from 256 MiB",
	.create = segregated_create,
	.destroy = segregated_destroy,
	.alloc = segregated_alloc,
	.free = segregated_free,
	.walk = segregated_walk,
	.bytes = segregated_bytes,
};
