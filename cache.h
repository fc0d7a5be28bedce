/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cache.h - extents kept for the next allocation of the same size: what there is, and the hot paths
 *
 * See the theory statement in cache.c.
 */
#ifndef CACHE_H
#define CACHE_H

#include <linux/irqflags.h>
#include <linux/percpu.h>

#include "place.h"
#include "purge.h"

/* Extents of up to this many quanta, guard not counted, may be cached. */
#define CACHE_CLASSES		128

/* Some extents of one size, on one CPU. */
struct vmap_magazine {
	/* How many there are, and how many there may be. */
	unsigned int count;
	unsigned int capacity;
	/* Their size in quanta, guard not counted. */
	unsigned int class;
	/* Ticks since the magazine was touched: its CPU sets this to 0, the tick adds to it. */
	u8 idle;
	/* On cache->detached, once the magazine was taken from its CPU. */
	struct llist_node node;
	/* vcache_sum() and the tick may still read the magazine when it goes. */
	struct rcu_head rcu;
	/* The extents, their space noted in each. */
	struct vmap_extent *slot[];
};

/* What a CPU has of a cache; only that CPU changes it, with interrupts off. */
struct vmap_cache_cpu {
	/* For each size in quanta, the extents kept here; &vcache_no_magazine: none is worth it. */
	struct vmap_magazine *magazine[CACHE_CLASSES + 1];
	/* Allocations served by a magazine of this CPU's, or past a magazine from a depot. */
	unsigned long hits;
	/* Frees kept in a magazine or in a depot, each counted when it is done. */
	unsigned long stored;
	/* Allocations that the cache could have served but did not. */
	unsigned long misses;
	/* Quanta that further magazines may hold; as much as at first if there is no magazine. */
	long room;
	/* The last tick found a magazine here that is to be taken away; only the tick touches this. */
	bool due;
	/* Recent misses of each size that has no magazine. */
	u8 demand[CACHE_CLASSES + 1];
};

/* The extents of one size that all CPUs share; under space.lock. */
struct vmap_depot {
	/* A stack of extents, and how many it has. */
	struct vmap_extent *top;
	unsigned int count;
	/* The fewest that the stack had since the last tick: so many nobody needed. */
	unsigned int unused;
	/* CPUs that have a magazine of this size; without any, nothing is put in.  Not under a lock. */
	atomic_t magazines;
};

/* A space that is purged, and what is kept for reuse there. */
struct vmap_cache {
	struct vmap_purge purge;

	/* Frees may be kept; changed under space.lock. */
	bool caching;
	/* What is cached serves alignments up to this: PAGE_SIZE in a memory arena, else 0. */
	unsigned long memory_align;
	/* The same for extents: the quantum in a range arena that caches, else 0. */
	unsigned long range_align;
	/* Of each CPU. */
	struct vmap_cache_cpu __percpu *cpu;

	/* The depots, by size in quanta. */
	struct vmap_depot depot[CACHE_CLASSES + 1];
	/* Those of the NUMA nodes from 1 on; NULL where there is one node, or no memory. */
	struct vmap_depot (*far)[CACHE_CLASSES + 1];
	/* Quanta in all depots; under space.lock. */
	unsigned long depot_quanta;
	/* Half magazines filled from a depot, and emptied into one; under space.lock. */
	unsigned long refills;
	unsigned long drains;

	/* Quanta that all magazines together may hold; each CPU adds and subtracts its own. */
	atomic_long_t promised;
	/* Pages given back by the shrinker, which alone writes this. */
	unsigned long shrinks;

	/*
	 * Held by who takes cached extents out to free them, so that the next holder finds none on
	 * the way.  Taken before the locks of the layers below.
	 */
	struct mutex drain_lock;
	/* Magazines taken from their CPU, to be emptied; lock-free. */
	struct llist_head detached;
	/* The tick: gives back what was not used for a while. */
	struct delayed_work cache_work;
};

/* The cache over a space that is an arena's. */
static __always_inline struct vmap_cache *vcache_of(struct vmap_space *space)
{
	return container_of(space, struct vmap_cache, purge.space);
}

/* What a CPU has of a class not worth a magazine, so that the hot paths need not ask. */
extern struct vmap_magazine vcache_no_magazine;

/* Take what @magazine, not empty, got last.  On its CPU, interrupts off. */
static __always_inline struct vmap_extent *vcache_pop(struct vmap_cache_cpu __percpu *cpu,
						      struct vmap_magazine *magazine)
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
static __always_inline bool vcache_in_nmi(unsigned long flags)
{
	return unlikely(irqs_disabled_flags(flags)) && in_nmi();
}

/*
 * Take an extent of @class quanta from this CPU's magazine.  Return false if there is none; each
 * way out turns interrupts on by itself, so that the compiler need not ask twice.
 */
static __always_inline bool vcache_take(struct vmap_cache *cache, unsigned long class,
					struct vmap_extent **extent)
{
	struct vmap_cache_cpu __percpu *cpu = cache->cpu;
	struct vmap_magazine *magazine;
	unsigned long flags;

	if (unlikely(class > CACHE_CLASSES))
		return false;
	local_irq_save(flags);
	magazine = __this_cpu_read(cpu->magazine[class]);
	if (unlikely(!magazine->count || vcache_in_nmi(flags))) {
		local_irq_restore(flags);
		return false;
	}
	*extent = vcache_pop(cpu, magazine);
	local_irq_restore(flags);
	return true;
}

/*
 * Count a free that was kept.  Interrupts off.  The release comes after the count of the
 * allocation, on whichever CPU that was, and pairs with the barrier in varena_sum_calls().
 */
static __always_inline void vcache_count_stored(struct vmap_cache_cpu __percpu *cpu)
{
	vspace_arch_count_release(cpu->stored);
}

/* Has this CPU's @magazine, which is set, room for @extent, of @class quanta?  Interrupts off. */
static __always_inline bool vcache_magazine_has_room(struct vmap_cache_cpu __percpu *cpu,
						     const struct vmap_extent *extent,
						     unsigned long class,
						     struct vmap_magazine **magazine)
{
	*magazine = __this_cpu_read(cpu->magazine[class]);
	return likely((*magazine)->count < (*magazine)->capacity && !vplace_is_far(extent));
}

/* Keep an extent in this CPU's @magazine, with interrupts off since vcache_magazine_has_room(). */
static __always_inline void vcache_push(struct vmap_cache_cpu __percpu *cpu,
					struct vmap_magazine *magazine, struct vmap_extent *extent)
{
	unsigned int count = magazine->count;

	WRITE_ONCE(extent->state, VMAP_CACHED);
	WRITE_ONCE(magazine->idle, 0);
	magazine->count = count + 1;
	magazine->slot[count] = extent;
	vcache_count_stored(cpu);
}

/* Keep an extent of @class quanta in this CPU's magazine, if it has room. */
static __always_inline bool vcache_store(struct vmap_cache *cache, struct vmap_extent *extent,
					 unsigned long class)
{
	struct vmap_cache_cpu __percpu *cpu = cache->cpu;
	struct vmap_magazine *magazine;
	unsigned long flags;

	if (unlikely(class > CACHE_CLASSES))
		return false;
	local_irq_save(flags);
	if (unlikely(vcache_in_nmi(flags) ||
		     !vcache_magazine_has_room(cpu, extent, class, &magazine))) {
		local_irq_restore(flags);
		return false;
	}
	vcache_push(cpu, magazine, extent);
	local_irq_restore(flags);
	return true;
}

/* May an extent of @class quanta be kept?  vcache_store_slow() has the last word. */
static inline bool vcache_wants(const struct vmap_cache *cache, unsigned long class)
{
	return class - 1 < CACHE_CLASSES && atomic_read(&cache->depot[class].magazines);
}

struct vmap_extent *vcache_take_slow(struct vmap_cache *cache, unsigned long class,
				     unsigned long align, gfp_t gfp, int node);
bool vcache_has_room(struct vmap_cache *cache, const struct vmap_extent *extent,
		     unsigned long class);
bool vcache_store_slow(struct vmap_cache *cache, struct vmap_extent *extent, unsigned long class);

/* What is cached in an arena, and what the cache has done. */
struct vmap_cache_sums {
	/* In magazines and depots: quanta, and how many extents those are. */
	unsigned long quanta;
	unsigned long extents;
	/* See struct vmap_cache_cpu. */
	unsigned long hits;
	unsigned long misses;
};

/**
 * struct vmap_cache_drained - what a call that may not sleep has freed of the cache so far
 * @class: of the depot's classes, the one to go on with; 0: nothing was freed yet
 * @quanta: of the depot's
 */
struct vmap_cache_drained {
	unsigned int class;
	unsigned long quanta;
};

void vcache_set_limits(unsigned long cpu_quanta, unsigned long depot_quanta);
int vcache_init(struct vmap_cache *cache);
void vcache_exit(struct vmap_cache *cache);
void vcache_switch(struct vmap_cache *cache, bool on);
void vcache_drain(struct vmap_cache *cache);
void vcache_drain_all(struct vmap_cache *cache);
bool vcache_drain_here(struct vmap_cache *cache, struct vmap_cache_drained *drained);
void vcache_cpu_gone(struct vmap_cache *cache, unsigned int cpu);
unsigned long vcache_most_warm(const struct vmap_cache *cache);
unsigned long vcache_shrink(struct vmap_cache *cache, unsigned long wanted);
void vcache_sum(struct vmap_cache *cache, struct vmap_cache_sums *sums);

#endif
