// SPDX-License-Identifier: GPL-2.0
/*
 * buddy.c - the binary buddy system
 *
 * Theory
 *
 * Free space is kept as blocks of a power of two, each aligned to its own length, on one list for
 * each length (the order).  A request is rounded up to an order and takes a block of the lowest
 * order that has one; a larger block is halved until it is right, and the other halves go on their
 * lists.  A block that is freed is joined with its buddy, the other half of the block twice as
 * long, as long as that is free too.  So finding a block is instant, and the price is paid in
 * space: up to half of each block is not used (internal fragmentation), and free neighbours that
 * are not buddies stay apart.
 *
 * The kernel's page allocator, which the notes describe, finds a buddy in the array of all pages;
 * an address space has no such array, so free blocks are in a hash table by address.  Its largest
 * order is 10; here it is what the space holds.  A space that is not a power of two is laid out as
 * the fewest blocks that cover it.
 *
 * An aligned request takes a block that is at least as long as the alignment and so begins at it.
 * Only if there is none, or if the request is bounded, are the parts of other blocks looked at, so
 * that it fails only if no block will do.
 */
#include <linux/errno.h>
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/log2.h>

#include "lab.h"

#define ORDERS	64

/**
 * struct buddy_block - 2^order units, aligned
 * @start: first unit
 * @list: free: others of its order
 * @hash: free: by address
 * @order: logarithm of its length
 */
struct buddy_block {
	unsigned long start;
	struct list_head list;
	struct hlist_node hash;
	unsigned int order;
};

/**
 * struct buddy_index - free blocks
 * @space: what is managed
 * @lists: by order
 * @filled: bit k: list k is not empty
 * @table: by address
 * @bits: logarithm of the table's length
 * @pool: nodes
 */
struct buddy_index {
	struct lab_space space;
	struct list_head lists[ORDERS];
	u64 filled;
	struct hlist_head *table;
	unsigned int bits;
	struct lab_pool pool;
};

static struct hlist_head *line_of(struct buddy_index *index, unsigned long start)
{
	return &index->table[hash_long(start, index->bits)];
}

static void link_block(struct buddy_index *index, struct buddy_block *block)
{
	list_add(&block->list, &index->lists[block->order]);
	hlist_add_head(&block->hash, line_of(index, block->start));
	index->filled |= 1ULL << block->order;
}

static void unlink_block(struct buddy_index *index, struct buddy_block *block)
{
	list_del(&block->list);
	hlist_del(&block->hash);
	if (list_empty(&index->lists[block->order]))
		index->filled &= ~(1ULL << block->order);
}

static struct buddy_block *add_block(struct buddy_index *index, unsigned long start,
				     unsigned int order)
{
	struct buddy_block *block = lab_pool_get(&index->pool);

	if (block) {
		block->start = start;
		block->order = order;
		link_block(index, block);
	}
	return block;
}

/* Cover the space with the fewest blocks. */
static int lay_out(struct buddy_index *index)
{
	unsigned long start = index->space.start;

	while (start < index->space.end) {
		unsigned int order = ilog2(index->space.end - start);

		if (start)
			order = min_t(unsigned int, order, __builtin_ctzl(start));
		if (!add_block(index, start, order))
			return -ENOMEM;
		start += 1UL << order;
	}
	return 0;
}

static void buddy_destroy(void *self)
{
	struct buddy_index *index = self;

	lab_pool_exit(&index->pool);
	lab_release(index->table);
	lab_release(index);
}

static void *buddy_create(const struct lab_space *space)
{
	struct buddy_index *index = lab_zalloc(sizeof(*index));
	unsigned int i;

	if (!index)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < ORDERS; i++)
		INIT_LIST_HEAD(&index->lists[i]);
	index->space = *space;
	index->bits = ilog2(max(space->areas, 8UL));
	index->table = lab_zalloc(sizeof(*index->table) << index->bits);
	if (lab_pool_init(&index->pool, sizeof(struct buddy_block), 4 * space->areas + ORDERS) ||
	    !index->table || lay_out(index)) {
		buddy_destroy(index);
		return ERR_PTR(-ENOMEM);
	}
	return index;
}

/* Where in @block a block of @order that satisfies the request would start. */
static bool fits(const struct buddy_block *block, const struct lab_request *request,
		 unsigned int order, unsigned long *start)
{
	unsigned long align = max(request->align, 1UL << order);

	*start = ALIGN(max(block->start, request->lo), align);
	return *start - block->start < 1UL << block->order &&
	       *start + request->size <= request->hi;
}

/* A block of order @from or above with a place for one of @order. */
static struct buddy_block *find(struct buddy_index *index, const struct lab_request *request,
				unsigned int from, unsigned int order, unsigned long *start)
{
	u64 filled = index->filled >> from << from;
	struct buddy_block *block;

	for (; filled; filled &= filled - 1)
		list_for_each_entry(block, &index->lists[ilog2(filled & -filled)], list)
			if (fits(block, request, order, start))
				return block;
	return NULL;
}

/*
 * Halve @block until it is the one of @order at @start.  Should a node be missing, what was halved
 * stays so; freeing the block makes it whole.
 */
static int halve(struct buddy_index *index, struct buddy_block *block, unsigned int order,
		 unsigned long start)
{
	while (block->order > order) {
		unsigned long middle = block->start + (1UL << (block->order - 1));
		unsigned long other = start < middle ? middle : block->start;

		if (!add_block(index, other, block->order - 1))
			return -ENOMEM;
		block->order--;
		if (start >= middle)
			block->start = middle;
	}
	return 0;
}

static struct buddy_block *free_buddy(struct buddy_index *index, const struct buddy_block *block)
{
	unsigned long start = block->start ^ 1UL << block->order;
	struct buddy_block *other;

	hlist_for_each_entry(other, line_of(index, start), hash)
		if (other->start == start)
			return other->order == block->order ? other : NULL;
	return NULL;
}

static void release(struct buddy_index *index, struct buddy_block *block)
{
	struct buddy_block *other;

	while ((other = free_buddy(index, block))) {
		unlink_block(index, other);
		block->start = min(block->start, other->start);
		block->order++;
		lab_pool_put(&index->pool, other);
	}
	link_block(index, block);
}

static int buddy_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	struct buddy_index *index = self;
	int order = ilog2(roundup_pow_of_two(request->size));
	unsigned long start;
	struct buddy_block *block = find(index, request, max(order, ilog2(request->align)), order,
					 &start);

	if (!block)
		block = find(index, request, order, order, &start);
	if (!block)
		return -ENOSPC;
	unlink_block(index, block);
	if (halve(index, block, order, start)) {
		release(index, block);
		return -ENOMEM;
	}
	*area = (struct lab_area){ block, start, request->size };
	return 0;
}

static void buddy_free(void *self, const struct lab_area *area)
{
	release(self, area->handle);
}

static void buddy_walk(void *self, lab_visit visit, void *data)
{
	struct buddy_index *index = self;
	const struct buddy_block *block;
	unsigned int order;

	for (order = 0; order < ORDERS; order++)
		list_for_each_entry(block, &index->lists[order], list)
			visit(data, block->start, block->start + (1UL << order));
}

static unsigned long buddy_bytes(void *self)
{
	struct buddy_index *index = self;

	return sizeof(*index) + (sizeof(*index->table) << index->bits) +
	       index->pool.used * sizeof(struct buddy_block);
}

const struct lab_index lab_buddy = {
	.name = "buddy",
	.differs = "binary buddy: sizes rounded up to a power of two",
	.flags = LAB_ROUNDS,
	.create = buddy_create,
	.destroy = buddy_destroy,
	.alloc = buddy_alloc,
	.free = buddy_free,
	.walk = buddy_walk,
	.bytes = buddy_bytes,
};
