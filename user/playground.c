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
struct vmap_arena *default_arena;
struct workqueue_struct *arena_wq;
struct kmem_cache *extent_slab;
struct list_head arena_list;
struct mutex arena_list_lock;

static char percpu[PLAYERS][PERCPU_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct vmap_extent edge;

bool span_note_idle(struct vmap_arena *of, struct vmap_extent *whole)
{
	return false;
}

void span_note_used(struct vmap_arena *of, struct vmap_extent *whole)
{
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

void play_open(struct vmap_arena *arena, unsigned long end, bool cached)
{
	cache_set_limits(PLAY_CACHE_LIMIT, PLAY_CACHE_LIMIT);
	memset(arena, 0, sizeof(*arena));
	memset(percpu, 0, sizeof(percpu));
	arena->quantum = 1;
	arena->cpu = (struct arena_cpu *)percpu;
	raw_spin_lock_init(&arena->lock);
	INIT_LIST_HEAD(&arena->walkers);
	INIT_WORK(&arena->stock_work, arena_stock_work);
	cache_init(arena);
	cache_switch(arena, cached);
	free_tree_init(&arena->tree, 1);
	free_tree_open(&arena->tree, &edge, kmem_cache_alloc(extent_slab, GFP_KERNEL), 0, end);
}

const char *play_close(struct vmap_arena *arena, unsigned long end)
{
	struct vmap_extent *whole;
	const char *wrong;

	cache_switch(arena, false);
	wrong = free_tree_check(&arena->tree);
	if (!wrong && (arena->tree.count != 1 || arena->tree.units != end))
		wrong = "something did not come back";
	if (wrong)
		return wrong;
	whole = free_tree_first(&arena->tree);
	free_tree_close(&arena->tree, whole);
	kmem_cache_free(extent_slab, whole);
	arena_trim_spares(arena, 0, ULONG_MAX);
	return NULL;
}
