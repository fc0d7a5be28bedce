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

/* Take an extent of @class from this CPU's magazine; NULL if there is none.  Interrupts off. */
static __always_inline struct vmap_extent *magazine_pop(struct arena_cpu *cpu, unsigned long class)
{
	struct magazine *magazine = cpu->magazine[class];

	if (unlikely(!magazine || !magazine->count))
		return NULL;
	magazine->used = true;
	cpu->hits++;
	return magazine->slot[--magazine->count];
}

/* Put an extent of @class into this CPU's magazine, if it has one with room.  Interrupts off. */
static __always_inline bool magazine_push(struct arena_cpu *cpu, struct vmap_extent *extent,
					  unsigned long class)
{
	struct magazine *magazine = cpu->magazine[class];

	if (unlikely(!magazine || magazine->count >= magazine->capacity))
		return false;
	WRITE_ONCE(extent->state, VMAP_CACHED);
	magazine->used = true;
	cpu->stored++;
	magazine->slot[magazine->count++] = extent;
	return true;
}

/* An extent of @class quanta from this CPU's magazine, now its taker's, or NULL. */
static __always_inline struct vmap_extent *cache_take(struct vmap_arena *arena,
						      unsigned long class)
{
	struct vmap_extent *extent;
	unsigned long flags;

	if (unlikely(class - 1 >= CACHE_CLASSES))
		return NULL;
	local_irq_save(flags);
	extent = magazine_pop(this_cpu_ptr(arena->cpu), class);
	local_irq_restore(flags);
	return extent;
}

/* Keep an extent of @class quanta on this CPU, if its magazine has room. */
static __always_inline bool cache_store(struct vmap_arena *arena, struct vmap_extent *extent,
					unsigned long class)
{
	unsigned long flags;
	bool kept;

	if (unlikely(class > CACHE_CLASSES))
		return false;
	local_irq_save(flags);
	kept = magazine_push(this_cpu_ptr(arena->cpu), extent, class);
	local_irq_restore(flags);
	return kept;
}

struct vmap_extent *cache_take_slow(struct vmap_arena *arena, unsigned long class,
				    unsigned long align, gfp_t gfp);
bool cache_store_slow(struct vmap_arena *arena, struct vmap_extent *extent, unsigned long class);

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
