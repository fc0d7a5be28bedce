// SPDX-License-Identifier: GPL-2.0
/*
 * playground.c - a range arena in a user program, without the module around it
 *
 * Here stands what arena.c and span.c would do for an arena of addresses alone, and the variables
 * of the module that its other files name.  There is one arena at a time: the parts that belong to
 * CPUs, and the extent at the end of the space, are its own.
 */
#include <stdlib.h>
#include <string.h>

#include "../pages.h"
#include "playground.h"

__thread struct this_cpu this_cpu;
unsigned int play_cpus = 2;
struct workqueue_struct *vspace_wq;
struct kmem_cache *vspace_extent_slab;

static char percpu[PLAYERS][PERCPU_SIZE] __attribute__((aligned(PAGE_SIZE)));
static size_t percpu_used;
static struct {
	struct vmap_span span;
} __attribute__((aligned(128))) spans[PLAYERS];
static unsigned int nr_spans;

static void begin_space(struct vmap_space *space)
{
	raw_spin_lock_init(&space->lock);
	INIT_LIST_HEAD(&space->walkers);
	INIT_LIST_HEAD(&space->spans);
	INIT_LIST_HEAD(&space->idle_spans);
	INIT_WORK(&space->stock_work, vspace_stock_work);
	INIT_WORK(&space->trim_work, vspace_trim_work);
	free_tree_init(&space->tree, space->quantum);
}

void *play_percpu(size_t size)
{
	void *memory = percpu[0] + percpu_used;

	percpu_used += ALIGN(size, sizeof(long));
	return percpu_used <= PERCPU_SIZE ? memory : NULL;
}

#ifndef PLAY_STEPS
void *vpage_object(struct kmem_cache *slab, gfp_t gfp)
{
	return kmem_cache_alloc(slab, gfp);
}

unsigned long vspan_size;

bool vspan_note_idle(struct vmap_space *of, struct vmap_extent *whole)
{
	return false;
}

void vspan_note_used(struct vmap_space *of, struct vmap_extent *whole)
{
}

void vspan_open(struct vmap_space *of, struct vmap_span *only, struct vmap_opening *opening)
{
	free_tree_open(&of->tree, &only->marker, opening->whole, only->start, only->end);
}

/* Nobody walks. */
void vwalk_note_swap(struct vmap_space *of, struct vmap_extent *a, struct vmap_extent *b)
{
}

/* Nothing is lazy. */
void vpurge_init(struct vmap_purge *purge)
{
}

#endif

/* A space has the same quantum as the last one, and nothing in it. */
void vspace_init_next(struct vmap_space *space, struct vmap_space *last)
{
	last->next = space;
	space->first = last->first;
	space->quantum = last->quantum;
	space->quantum_shift = last->quantum_shift;
	space->calls = last->calls;
	begin_space(space);
}

int vspan_adopt(struct vmap_space *space, unsigned long start, unsigned long end)
{
	struct vmap_span *span = &spans[nr_spans++].span;
	struct vmap_opening opening = {};

	*span = (struct vmap_span){ .space = space, .start = start, .end = end };
	opening.whole = kmem_cache_alloc(vspace_extent_slab, GFP_KERNEL);
	vspan_open(space, span, &opening);
	return 0;
}

void play_each_cpu(bool (*asked)(int cpu, void *argument), void (*function)(void *argument),
		   void *argument)
{
	unsigned long here = this_cpu.offset;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		this_cpu.offset = cpu * PERCPU_SIZE;
		if (asked(cpu, argument))
			function(argument);
	}
	this_cpu.offset = here;
}

void play_begin(struct vmap_arena *arena, unsigned long quantum, bool memory)
{
	struct vmap_space *space = &arena->cache.purge.space;

	vcache_set_limits(PLAY_CACHE_LIMIT, PLAY_CACHE_LIMIT);
	memset(arena, 0, sizeof(*arena));
	memset(percpu, 0, play_cpus * sizeof(percpu[0]));
	percpu_used = 0;
	space->first = space;
	space->memory = memory;
	space->quantum = quantum;
	space->quantum_shift = ilog2(quantum);
	space->calls = alloc_percpu(struct vmap_calls);
	begin_space(space);
	vcompact_init(&arena->compaction);
	vcache_init(&arena->cache);
}

void play_open_shards(struct vmap_arena *arena, unsigned long end, bool cached, unsigned int shards)
{
	play_begin(arena, 1, false);
	nr_spans = 0;
	if (vshard_add(&arena->cache, shards) || vshard_split(&arena->cache, 0, end))
		abort();
	vcache_switch(&arena->cache, cached);
}

void play_open(struct vmap_arena *arena, unsigned long end, bool cached)
{
	play_open_shards(arena, end, cached, 1);
}

/* End a space all of which is free.  Return what is wrong, or NULL. */
static const char *close_shard(struct vmap_space *space)
{
	const char *wrong = free_tree_check(&space->tree);
	struct vmap_extent *whole;

	if (wrong)
		return wrong;
	if (space->tree.count != 1)
		return "something did not come back";
	whole = free_tree_first(&space->tree);
	free_tree_close(&space->tree, whole);
	kmem_cache_free(vspace_extent_slab, whole);
	return NULL;
}

const char *play_close(struct vmap_arena *arena, unsigned long end)
{
	const char *wrong = NULL;
	struct vmap_purge *shard;
	unsigned long units = 0;

	vcache_switch(&arena->cache, false);
	vcompact_exit(&arena->compaction);
	vpurge_for_each(shard, &arena->cache.purge) {
		if (shard->remote)
			vremote_merge_all(&shard->space, shard->remote);
		units += shard->space.tree.units;
		wrong = wrong ?: close_shard(&shard->space);
	}
	vspace_drop_spares(&arena->cache.purge.space);
	free(arena->cache.remote);
	free(arena->cache.more);
	return wrong ?: units != end ? "something did not come back" : NULL;
}
