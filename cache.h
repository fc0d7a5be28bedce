/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cache.h - the hot paths of the cache
 *
 * See the theory statement in cache.c.
 */
#ifndef CACHE_H
#define CACHE_H

#include <linux/irqflags.h>
#include <linux/percpu.h>

#include "arena.h"

/**
 * struct magazine - some extents of one size, on one CPU
 * @count: how many
 * @capacity: how many it may hold
 * @class: their size in quanta, guard not counted
 * @used: touched since the last tick
 * @node: on the arena's list of detached magazines
 * @rcu: who adds up what is cached may still see it when it goes
 * @slot: the extents
 */
struct magazine {
	unsigned int count;
	unsigned int capacity;
	unsigned int class;
	bool used;
	struct llist_node node;
	struct rcu_head rcu;
	struct vmap_extent *slot[];
};

struct vmap_extent *cache_take_slow(struct vmap_arena *arena, unsigned int class, gfp_t gfp);
bool cache_store_slow(struct vmap_arena *arena, struct vmap_extent *extent, unsigned int class);

/*
 * A cached extent of @class quanta, or NULL.  Its state is still VMAP_CACHED, but it is the
 * caller's.
 */
static __always_inline struct vmap_extent *cache_take(struct vmap_arena *arena,
						      unsigned long class, gfp_t gfp)
{
	struct vmap_extent *extent = NULL;
	struct magazine *magazine;
	struct arena_cpu *cpu;
	unsigned long flags;

	if (class - 1 >= CACHE_CLASSES || !READ_ONCE(arena->caching))
		return NULL;
	local_irq_save(flags);
	cpu = this_cpu_ptr(arena->cpu);
	magazine = cpu->magazine[class];
	if (likely(magazine && magazine->count)) {
		extent = magazine->slot[--magazine->count];
		magazine->used = true;
		cpu->hits++;
	}
	local_irq_restore(flags);
	return likely(extent) ? extent : cache_take_slow(arena, class, gfp);
}

/*
 * Keep an extent of @class quanta, at most CACHE_CLASSES, if there is room for it.  Its state is
 * VMAP_CACHED already, for once it is kept another may take it.
 */
static __always_inline bool cache_store(struct vmap_arena *arena, struct vmap_extent *extent,
					unsigned long class)
{
	struct magazine *magazine;
	struct arena_cpu *cpu;
	unsigned long flags;
	bool stored = false;

	local_irq_save(flags);
	cpu = this_cpu_ptr(arena->cpu);
	magazine = cpu->magazine[class];
	if (likely(magazine && magazine->count < magazine->capacity)) {
		magazine->slot[magazine->count++] = extent;
		magazine->used = true;
		cpu->stored++;
		stored = true;
	}
	local_irq_restore(flags);
	return likely(stored) || cache_store_slow(arena, extent, class);
}

/**
 * struct cache_sums - what is cached in an arena, and what the cache has done
 * @quanta: in magazines and in the depot
 * @extents: how many that are
 * @hits: allocations it served
 * @stored: frees it took
 * @misses: allocations that it could have served but did not
 */
struct cache_sums {
	unsigned long quanta;
	unsigned long extents;
	unsigned long hits;
	unsigned long stored;
	unsigned long misses;
};

void cache_set_limits(unsigned long cpu_quanta, unsigned long depot_quanta);
int cache_init_module(void);
void cache_exit_module(void);
void cache_init(struct vmap_arena *arena);
void cache_switch(struct vmap_arena *arena, bool on);
void cache_drain(struct vmap_arena *arena);
void cache_drain_here(struct vmap_arena *arena);
void cache_work(struct work_struct *work);
void cache_sum(struct vmap_arena *arena, struct cache_sums *sums);

#endif
