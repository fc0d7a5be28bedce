// SPDX-License-Identifier: GPL-2.0
/*
 * vmem.c - instant fit, boundary tags and a hash of what is allocated
 *
 * Theory
 *
 * This is the vmem allocator as the papers and the notes on x15 and NetBSD describe it.  Segments,
 * free and allocated, are on a ring in address order (the boundary tags, tile.c).  Free segments
 * are on one list for each power of two; list k holds lengths of 2^k to 2^(k+1) - 1.  A bitmap
 * says which lists hold any.
 *
 * Instant fit: a request for n is rounded up to the next power of two, and the lowest list from
 * there on that is not empty gives its first segment, which is sure to be long enough.  That is a
 * shift and a search in one word, whatever the number of segments.  The price is that a segment of
 * just the right length on the list below is not looked at, unless all others are empty: then that
 * list is walked before the request fails.
 *
 * Freeing is by address: an allocated segment is found through a hash table.  The lab could hand
 * the segment back, but vmem's callers cannot, so the look-up is done.
 *
 * An aligned request asks for a length with which any segment will do (size + align - 1); one that
 * is bounded below or above, and one for which that failed, looks at every list from its size up.
 * The table has its final size from the start; vmem resizes it as it grows.
 */
#include <linux/errno.h>
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/log2.h>

#include "tile.h"

#define LISTS	64

/**
 * struct vmem_index - segments
 * @tiles: all of them
 * @space: what is managed
 * @lists: the free ones, by logarithm of length
 * @filled: bit k: list k is not empty
 * @table: the allocated ones, by address
 * @bits: logarithm of the table's length
 */
struct vmem_index {
	struct lab_tiles tiles;
	struct lab_space space;
	struct list_head lists[LISTS];
	u64 filled;
	struct hlist_head *table;
	unsigned int bits;
};

#define to_index(t)	container_of(t, struct vmem_index, tiles)

static void vmem_link(struct lab_tiles *tiles, struct lab_tile *tile)
{
	struct vmem_index *index = to_index(tiles);
	unsigned int order = ilog2(lab_tile_size(tile));

	list_add(&tile->line, &index->lists[order]);
	index->filled |= 1ULL << order;
}

static void vmem_unlink(struct lab_tiles *tiles, struct lab_tile *tile)
{
	struct vmem_index *index = to_index(tiles);
	unsigned int order = ilog2(lab_tile_size(tile));

	list_del(&tile->line);
	if (list_empty(&index->lists[order]))
		index->filled &= ~(1ULL << order);
}

static void vmem_destroy(void *self)
{
	struct vmem_index *index = self;

	lab_pool_exit(&index->tiles.pool);
	lab_release(index->table);
	lab_release(index);
}

static void *vmem_create(const struct lab_space *space)
{
	struct vmem_index *index = lab_zalloc(sizeof(*index));
	unsigned int i;

	if (!index)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < LISTS; i++)
		INIT_LIST_HEAD(&index->lists[i]);
	index->space = *space;
	index->bits = ilog2(max(space->areas, 8UL));
	index->table = lab_zalloc(sizeof(*index->table) << index->bits);
	index->tiles.link = vmem_link;
	index->tiles.unlink = vmem_unlink;
	if (!index->table || lab_tiles_init(&index->tiles, space)) {
		vmem_destroy(index);
		return ERR_PTR(-ENOMEM);
	}
	return index;
}

/* The first segment of the lowest list on which all are at least @size long. */
static struct lab_tile *instant_fit(struct vmem_index *index, unsigned long size)
{
	unsigned int order = ilog2(roundup_pow_of_two(size));
	u64 filled = index->filled >> order << order;

	if (!filled)
		return NULL;
	return list_first_entry(&index->lists[ilog2(filled & -filled)], struct lab_tile, line);
}

static struct lab_tile *first_of_all(struct vmem_index *index, const struct lab_request *request,
				     unsigned long *start)
{
	struct lab_tile *tile;
	unsigned int order;

	for (order = ilog2(request->size); order < LISTS; order++)
		list_for_each_entry(tile, &index->lists[order], line)
			if (lab_tile_fits(tile, request, start))
				return tile;
	return NULL;
}

static struct lab_tile *find(struct vmem_index *index, const struct lab_request *request,
			     unsigned long *start)
{
	struct lab_tile *tile = NULL;

	if (request->lo <= index->space.start && request->hi >= index->space.end)
		tile = instant_fit(index, request->size + request->align - 1);
	if (tile && lab_tile_fits(tile, request, start))
		return tile;
	return first_of_all(index, request, start);
}

static struct hlist_head *line_of(struct vmem_index *index, unsigned long start)
{
	return &index->table[hash_long(start, index->bits)];
}

static int vmem_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	struct vmem_index *index = self;
	unsigned long start;
	struct lab_tile *tile = find(index, request, &start);
	int err;

	if (!tile)
		return -ENOSPC;
	err = lab_tile_cut(&index->tiles, tile, start, request, area);
	if (!err) {
		tile = area->handle;
		hlist_add_head(&tile->hash, line_of(index, start));
	}
	return err;
}

static void vmem_free(void *self, const struct lab_area *area)
{
	struct vmem_index *index = self;
	struct lab_tile *tile;

	hlist_for_each_entry(tile, line_of(index, area->start), hash) {
		if (tile->start == area->start) {
			hlist_del(&tile->hash);
			lab_tile_free(&index->tiles, tile);
			return;
		}
	}
}

static void vmem_walk(void *self, lab_visit visit, void *data)
{
	struct vmem_index *index = self;

	lab_tiles_walk(&index->tiles, visit, data);
}

static unsigned long vmem_bytes(void *self)
{
	struct vmem_index *index = self;

	return sizeof(*index) + (sizeof(*index->table) << index->bits) +
	       index->tiles.pool.used * sizeof(struct lab_tile);
}

const struct lab_index lab_vmem = {
	.name = "vmem",
	.differs = "instant fit: lists by power of two with a bitmap, boundary tags, hash",
	.create = vmem_create,
	.destroy = vmem_destroy,
	.alloc = vmem_alloc,
	.free = vmem_free,
	.walk = vmem_walk,
	.bytes = vmem_bytes,
};
