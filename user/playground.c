// SPDX-License-Identifier: GPL-2.0
/*
 * playground.c - a range arena in a user program, without the module around it
 *
 * Here stands what arena.c and span.c would do for an arena of addresses alone, and the variables
 * of the module that its other files name.  There is one arena at a time: the parts that belong to
 * CPUs, and the extent at the end of the space, are its own.
 */
#include <string.h>

#include "playground.h"

__thread struct this_cpu this_cpu;
struct workqueue_struct *vspace_wq;
struct kmem_cache *vspace_extent_slab;

static char percpu[PLAYERS][PERCPU_SIZE] __attribute__((aligned(PAGE_SIZE)));
static size_t percpu_used;
static struct vmap_span span;

void *play_percpu(size_t size)
{
	void *memory = percpu[0] + percpu_used;

	percpu_used += ALIGN(size, sizeof(long));
	return percpu_used <= PERCPU_SIZE ? memory : NULL;
}

#ifndef PLAY_STEPS
unsigned long vspan_size;

bool vspan_note_idle(struct vmap_space *of, struct vmap_extent *whole)
{
	return false;
}

void vspan_note_used(struct vmap_space *of, struct vmap_extent *whole)
{
}

void vspan_open(struct vmap_space *of, struct vmap_span *only, struct vmap_extent *whole)
{
	free_tree_open(&of->tree, &only->marker, whole, only->start, only->end);
}

/* Nobody walks. */
void vwalk_note_swap(struct vmap_space *of, struct vmap_extent *a, struct vmap_extent *b)
{
}
#endif

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
	memset(percpu, 0, sizeof(percpu));
	percpu_used = 0;
	space->memory = memory;
	space->quantum = quantum;
	space->quantum_shift = ilog2(quantum);
	space->calls = alloc_percpu(struct vmap_calls);
	raw_spin_lock_init(&space->lock);
	INIT_LIST_HEAD(&space->walkers);
	INIT_LIST_HEAD(&space->spans);
	INIT_LIST_HEAD(&space->idle_spans);
	INIT_WORK(&space->stock_work, vspace_stock_work);
	vcompact_init(&arena->compaction);
	vcache_init(&arena->cache);
	free_tree_init(&space->tree, quantum);
}

void play_open(struct vmap_arena *arena, unsigned long end, bool cached)
{
	struct vmap_space *space = &arena->cache.purge.space;

	play_begin(arena, 1, false);
	vcache_switch(&arena->cache, cached);
	span = (struct vmap_span){ .space = space, .end = end };
	vspan_open(space, &span, kmem_cache_alloc(vspace_extent_slab, GFP_KERNEL));
}

const char *play_close(struct vmap_arena *arena, unsigned long end)
{
	struct vmap_space *space = &arena->cache.purge.space;
	struct vmap_extent *whole;
	const char *wrong;

	vcache_switch(&arena->cache, false);
	vcompact_exit(&arena->compaction);
	wrong = free_tree_check(&space->tree);
	if (!wrong && (space->tree.count != 1 || space->tree.units != end))
		wrong = "something did not come back";
	if (wrong)
		return wrong;
	whole = free_tree_first(&space->tree);
	free_tree_close(&space->tree, whole);
	kmem_cache_free(vspace_extent_slab, whole);
	vspace_trim_spares(space, 0, ULONG_MAX);
	return NULL;
}
