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
#include "place.h"

/**
 * struct magazine - some extents of one size, on one CPU
 * @count: how many
 * @capacity: how many it may hold
 * @class: their size in quanta, guard not counted
 * @idle: ticks since it was last touched; its CPU sets this to 0, the tick adds to it
 * @node: on the arena's list of detached magazines
 * @rcu: who adds up what is cached may still see it when it goes
 * @slot: the extents, their arena noted in each
 */
struct magazine {
	unsigned int count;
	unsigned int capacity;
	unsigned int class;
	u8 idle;
	struct llist_node node;
	struct rcu_head rcu;
	struct vmap_extent *slot[];
};

/* What a CPU has of a class not worth a magazine, so that the hot paths need not ask. */
extern struct magazine no_magazine;

/* Take what @magazine, not empty, got last.  On its CPU, interrupts off. */
static __always_inline struct vmap_extent *magazine_pop(struct arena_cpu __percpu *cpu,
							struct magazine *magazine)
{
	unsigned int count = magazine->count - 1;

	WRITE_ONCE(magazine->idle, 0);
	magazine->count = count;
	__this_cpu_inc(cpu->hits);
	return magazine->slot[count];
}

/*
 * Is this an NMI, which may have interrupted a call in the middle of this CPU's magazines?  @flags
 * are those that interrupts were turned off with: an NMI finds them off already, most calls do not.
 */
static __always_inline bool in_nmi_flags(unsigned long flags)
{
	return unlikely(irqs_disabled_flags(flags)) && in_nmi();
}

/*
 * Take an extent of @class quanta from this CPU's magazine.  Return false if there is none; each
 * way out turns interrupts on by itself, so that the compiler need not ask twice.
 */
static __always_inline bool cache_take(struct vmap_arena *arena, unsigned long class,
				       struct vmap_extent **extent)
{
	struct arena_cpu __percpu *cpu = arena->cpu;
	struct magazine *magazine;
	unsigned long flags;

	if (unlikely(class > CACHE_CLASSES))
		return false;
	local_irq_save(flags);
	magazine = __this_cpu_read(cpu->magazine[class]);
	if (unlikely(!magazine->count || in_nmi_flags(flags))) {
		local_irq_restore(flags);
		return false;
	}
	*extent = magazine_pop(cpu, magazine);
	local_irq_restore(flags);
	return true;
}

/*
 * Count a free that was kept.  Interrupts off.  The release comes after the count of the
 * allocation, on whichever CPU that was, and pairs with the barrier in arena_sum_calls().
 */
static __always_inline void count_stored(struct arena_cpu __percpu *cpu)
{
	arch_count_release(cpu->stored);
}

/* Has this CPU's @magazine, which is set, room for @extent, of @class quanta?  Interrupts off. */
static __always_inline bool magazine_has_room(struct arena_cpu __percpu *cpu,
					      const struct vmap_extent *extent, unsigned long class,
					      struct magazine **magazine)
{
	*magazine = __this_cpu_read(cpu->magazine[class]);
	return likely((*magazine)->count < (*magazine)->capacity && !place_is_far(extent));
}

/* Keep an extent in this CPU's @magazine, with interrupts off since magazine_has_room(). */
static __always_inline void magazine_push(struct arena_cpu __percpu *cpu,
					  struct magazine *magazine, struct vmap_extent *extent)
{
	unsigned int count = magazine->count;

	WRITE_ONCE(extent->state, VMAP_CACHED);
	WRITE_ONCE(magazine->idle, 0);
	magazine->count = count + 1;
	magazine->slot[count] = extent;
	count_stored(cpu);
}

/* Keep an extent of @class quanta in this CPU's magazine, if it has room. */
static __always_inline bool cache_store(struct vmap_arena *arena, struct vmap_extent *extent,
					unsigned long class)
{
	struct arena_cpu __percpu *cpu = arena->cpu;
	struct magazine *magazine;
	unsigned long flags;

	if (unlikely(class > CACHE_CLASSES))
		return false;
	local_irq_save(flags);
	if (unlikely(in_nmi_flags(flags) || !magazine_has_room(cpu, extent, class, &magazine))) {
		local_irq_restore(flags);
		return false;
	}
	magazine_push(cpu, magazine, extent);
	local_irq_restore(flags);
	return true;
}

/* May an extent of @class quanta be kept?  cache_store_slow() has the last word. */
static inline bool cache_wants(const struct vmap_arena *arena, unsigned long class)
{
	return class - 1 < CACHE_CLASSES && atomic_read(&arena->depot[class].magazines);
}

struct vmap_extent *cache_take_slow(struct vmap_arena *arena, unsigned long class,
				    unsigned long align, gfp_t gfp, int node);
bool cache_has_room(struct vmap_arena *arena, const struct vmap_extent *extent,
		    unsigned long class);
bool cache_store_slow(struct vmap_arena *arena, struct vmap_extent *extent, unsigned long class);

/**
 * struct cache_sums - what is cached in an arena, and what the cache has done
 * @quanta: in magazines and in the depot
 * @extents: how many that are
 * @hits: allocations it served
 * @misses: allocations that it could have served but did not
 */
struct cache_sums {
	unsigned long quanta;
	unsigned long extents;
	unsigned long hits;
	unsigned long misses;
};

/**
 * struct cache_drained - what a call that may not sleep has freed of the cache so far
 * @class: of the depot's classes, the one to go on with; 0: nothing was freed yet
 * @quanta: of the depot's
 */
struct cache_drained {
	unsigned int class;
	unsigned long quanta;
};

void cache_set_limits(unsigned long cpu_quanta, unsigned long depot_quanta);
int cache_init_module(void);
void cache_exit_module(void);
void cache_init(struct vmap_arena *arena);
bool cache_add_nodes(struct vmap_arena *arena);
void cache_switch(struct vmap_arena *arena, bool on);
void cache_drain(struct vmap_arena *arena);
void cache_drain_all(struct vmap_arena *arena);
bool cache_drain_here(struct vmap_arena *arena, struct cache_drained *drained);
void cache_work(struct work_struct *work);
void cache_sum(struct vmap_arena *arena, struct cache_sums *sums);

#endif
