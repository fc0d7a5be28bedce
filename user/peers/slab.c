// SPDX-License-Identifier: GPL-2.0
/*
 * slab.c - the slab that the kernel's maple tree gets its nodes from, in a user program
 *
 * Free objects are on a stack a thread, as those of a CPU are in the kernel's slab allocator when
 * it does not have to look further; each begins a cache line.  Chunks are never given back, and
 * lie on huge pages as the kernel's direct map does.
 */
#include "../../lab/lab.h"
#include "kernel.h"

#define LINE	64UL
#define CHUNK	(2UL << 20)

/* The top of a stack, in a line of its own. */
struct stack {
	void *top;
} __aligned(LINE);

struct kmem_cache {
	size_t size;
	struct stack stacks[LAB_CPUS];
};

struct slab_sheaf {
	unsigned int left;
};

/* That of the maple tree's nodes is the only one. */
static struct kmem_cache only;

struct kmem_cache *peer_slab_create(size_t size)
{
	only.size = (size + LINE - 1) & -LINE;
	return &only;
}

void peer_slab_free(struct kmem_cache *slab, void *object)
{
	struct stack *stack = &slab->stacks[lab_cpu()];

	*(void **)object = stack->top;
	stack->top = object;
}

void kfree(const void *object)
{
	if (object)
		peer_slab_free(&only, (void *)object);
}

/* Free the object in whose first line this is. */
void peer_free_line(struct callback_head *head)
{
	peer_slab_free(&only, (void *)((unsigned long)head & -LINE));
}

static void grow(struct kmem_cache *slab)
{
	char *chunk = lab_zalloc(CHUNK);
	size_t at;

	if (!chunk)
		abort();
	for (at = 0; at + slab->size <= CHUNK; at += slab->size)
		peer_slab_free(slab, chunk + at);
}

void *peer_slab_alloc(struct kmem_cache *slab, gfp_t gfp)
{
	struct stack *stack = &slab->stacks[lab_cpu()];
	void *object;

	lab_nodes_got++;
	if (!stack->top)
		grow(slab);
	object = stack->top;
	stack->top = *(void **)object;
	if (gfp & __GFP_ZERO)
		memset(object, 0, slab->size);
	return object;
}

int kmem_cache_alloc_bulk(struct kmem_cache *slab, gfp_t gfp, size_t count, void **objects)
{
	size_t i;

	for (i = 0; i < count; i++)
		objects[i] = peer_slab_alloc(slab, gfp);
	return count;
}

void kmem_cache_free_bulk(struct kmem_cache *slab, size_t count, void **objects)
{
	while (count--)
		peer_slab_free(slab, objects[count]);
}

/* Objects set aside for one caller: there is always another one, so they are only counted. */
struct slab_sheaf *kmem_cache_prefill_sheaf(struct kmem_cache *slab, gfp_t gfp, unsigned int size)
{
	static __thread struct slab_sheaf sheaf;

	sheaf.left = size;
	return &sheaf;
}

int kmem_cache_refill_sheaf(struct kmem_cache *slab, gfp_t gfp, struct slab_sheaf **sheaf,
			    unsigned int size)
{
	(*sheaf)->left = size;
	return 0;
}

void kmem_cache_return_sheaf(struct kmem_cache *slab, gfp_t gfp, struct slab_sheaf *sheaf)
{
	sheaf->left = 0;
}

void *kmem_cache_alloc_from_sheaf(struct kmem_cache *slab, gfp_t gfp, struct slab_sheaf *sheaf)
{
	sheaf->left--;
	return peer_slab_alloc(slab, gfp);
}

unsigned int kmem_cache_sheaf_size(struct slab_sheaf *sheaf)
{
	return sheaf->left;
}

/* The kernel calls this when it boots; it makes the slab of the maple tree's nodes. */
void maple_tree_init(void);

static __attribute__((constructor)) void start(void)
{
	maple_tree_init();
}
