// SPDX-License-Identifier: GPL-2.0
/*
 * pool.c - nodes of one size, set aside
 *
 * Theory
 *
 * A structure says when it is created how many nodes it expects to need; they are got and zeroed
 * then.  Should it need more, the pool grows by a chunk, and the operation that asked pays for it.
 * Nodes not in use are on a stack; its link lies in the node itself.  The first node begins a cache
 * line, as in a slab cache of such nodes.
 */
#include <linux/errno.h>
#include <linux/kernel.h>

#include "lab.h"

#define GROW_NODES	1024UL

/* Bytes of a cache line. */
#define LINE		64

struct lab_chunk {
	struct lab_chunk *next;
	char nodes[];
};

static void push(struct lab_pool *pool, void *node)
{
	*(void **)node = pool->top;
	pool->top = node;
}

static int grow(struct lab_pool *pool, unsigned long count)
{
	struct lab_chunk *chunk = lab_zalloc(sizeof(*chunk) + LINE + count * pool->node);
	char *first;

	if (!chunk)
		return -ENOMEM;
	chunk->next = pool->chunks;
	pool->chunks = chunk;
	first = chunk->nodes + -(unsigned long)chunk->nodes % LINE;
	while (count--)
		push(pool, first + count * pool->node);
	return 0;
}

/* Sets @count nodes of @node bytes aside. */
int lab_pool_init(struct lab_pool *pool, size_t node, unsigned long count)
{
	*pool = (struct lab_pool){ .node = node };
	return grow(pool, max(count, 1UL));
}

/* Gives all nodes back, whether they are in use or not. */
void lab_pool_exit(struct lab_pool *pool)
{
	while (pool->chunks) {
		struct lab_chunk *chunk = pool->chunks;

		pool->chunks = chunk->next;
		lab_release(chunk);
	}
}

/* A node, with whatever its last user left in it; NULL if there is no memory. */
void *lab_pool_get(struct lab_pool *pool)
{
	void *node;

	if (!pool->top && grow(pool, GROW_NODES))
		return NULL;
	node = pool->top;
	pool->top = *(void **)node;
	pool->used++;
	return node;
}

void lab_pool_put(struct lab_pool *pool, void *node)
{
	push(pool, node);
	pool->used--;
}
