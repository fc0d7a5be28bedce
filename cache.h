/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cache.h - extents kept for the next allocation of the same size: the structs and the hot paths
 *
 * See the theory statement in cache.c.
 */
#ifndef CACHE_H
#define CACHE_H

#include <linux/irqflags.h>
#include <linux/percpu.h>

#include "place.h"
#include "purge.h"

/*
 * The largest class: extents of up to 128 quanta, guard not counted, may be cached.  The number
 * bounds the tables: 9 bytes a class on each CPU, 24 bytes a class in the depots.  A magazine of
 * class 128 is the smallest one, MAGAZINE_MIN extents, and holds twice MAGAZINE_QUANTA already.
 */
#define CACHE_CLASSES		128

/*
 * The extents of one class on one CPU.  Only that CPU changes the magazine, with interrupts off;
 * idle and node excepted.
 */
struct vmap_magazine {
	/* How many extents slot[] has. */
	unsigned int count;
	/* How many extents slot[] may have; constant. */
	unsigned int capacity;
	/* The size of each extent in quanta, guard not counted; constant. */
	unsigned int class;
	/* Ticks since the magazine was used: its CPU sets idle to 0, age_magazine() adds 1. */
	u8 idle;
	/* On cache->detached, once the magazine was taken from its CPU; then on cache->retired. */
	struct llist_node node;
	/* The extents, in state VMAP_CACHED, extent->space set. */
	struct vmap_extent *slot[];
};

/*
 * The magazines and counters of one CPU.  Only that CPU changes them, with interrupts off; after
 * the CPU has gone offline, the holder of drain_lock does.
 */
struct vmap_cache_cpu {
	/* The magazine of each class; &vcache_no_magazine if the CPU has none of the class. */
	struct vmap_magazine *magazine[CACHE_CLASSES + 1];
	/* Allocations served by a magazine of this CPU, or by a depot directly. */
	unsigned long hits;
	/* Frees kept in a magazine or in a depot, each counted when the free is done. */
	unsigned long stored;
	/* Allocations that vcache_take_slow() did not serve. */
	unsigned long misses;
	/*
	 * Quanta that further magazines may hold: cpu_limit less capacity * class of each magazine.
	 * Other CPUs read room to see whether this CPU has any magazine: has_magazines().
	 */
	long room;
	/* The shard that allocations of this CPU look at first; constant. */
	struct vmap_purge *shard;
	/* The last tick found an idle magazine here; under drain_lock. */
	bool due;
	/* Calls, up to DEMAND, that found no magazine of the class here since the last one went. */
	u8 demand[CACHE_CLASSES + 1];
};

/* The extents of one class that all CPUs share; under space.lock, magazines excepted. */
struct vmap_depot {
	/* A stack of extents in state VMAP_CACHED, linked by extent->under. */
	struct vmap_extent *top;
	/* How many extents the stack has. */
	unsigned int count;
	/* The lowest count since the last tick: so many extents were not needed. */
	unsigned int unused;
	/*
	 * In cache->depot: how many CPUs have a magazine of the class.  While no CPU has one, no
	 * extent of the class is kept.  Changed by the CPU that gains or loses a magazine.
	 */
	atomic_t magazines;
};

/* The shards of an arena, and the extents of all shards that are kept for reuse. */
struct vmap_cache {
	/* The first shard, whose space.lock covers the depots, too. */
	struct vmap_purge purge;

	/* Changed under space.lock, read without. */

	/* Frees may be kept, and magazines made. */
	bool caching;
	/* In a range arena that caches: the quantum, to which each extent is aligned.  Else 0. */
	unsigned long range_align;

	/*
	 * The arena has a reserve, so no allocation may call the slab: only frees make magazines.
	 * Set once, before the first allocation from the reserve; read without a lock.
	 */
	bool reserved;

	/* Constant after creation. */

	/*
	 * In a memory arena: PAGE_SIZE, to which each cached area is aligned.  Else, or if the
	 * windows are huge, so that no area is cached: 0.
	 */
	unsigned long memory_align;
	/* How many shards the arena has; the others than the first, NULL if there are none. */
	unsigned int nr_shards;
	struct vmap_purge *more;
	/*
	 * In a range arena of several shards: the first unit, and the units of each shard but the
	 * last, which may have more.  In any other arena part is 0.
	 */
	unsigned long start;
	unsigned long part;
	/* In such an arena: vmap_purge.remote of all shards.  Else NULL. */
	struct vmap_remote *remote;
	/* The magazines of each CPU, and its shard. */
	struct vmap_cache_cpu __percpu *cpu;
	/* The depots of the NUMA nodes from 1 on; NULL in a range arena or with one node only. */
	struct vmap_depot (*far)[CACHE_CLASSES + 1];

	/* Under space.lock. */

	/* The depots of NUMA node 0, or of all nodes if far is NULL; one for each class. */
	struct vmap_depot depot[CACHE_CLASSES + 1];
	/* Quanta in all depots. */
	unsigned long depot_quanta;
	/* How often half a magazine was filled from a depot. */
	unsigned long refills;
	/* How often half a magazine was emptied into a depot. */
	unsigned long drains;

	/* Quanta that all magazines together may hold: the sum of capacity * class. */
	atomic_long_t promised;

	/*
	 * Held while extents are taken out of the cache and freed.  The next holder of drain_lock
	 * finds no extent between cached and lazy, or in a range arena between cached and free;
	 * vcache_drain_here() alone works without drain_lock.  Taken before the locks of purge and
	 * space.
	 */
	struct mutex drain_lock;
	/* Pages given back by vcache_shrink(); written under drain_lock. */
	unsigned long shrinks;

	/* Magazines taken from their CPU, to be emptied; lock-free. */
	struct llist_head detached;
	/* Emptied magazines, which vcache_sum() and age_magazines() may still read; lock-free. */
	struct llist_head retired;
	/* Frees the magazines on retired. */
	struct work_struct retire_work;
	/* The tick: frees the extents that were not used for a while. */
	struct delayed_work cache_work;
};

/* The cache that embeds @space, which is the first of its arena. */
static __always_inline struct vmap_cache *vcache_of(struct vmap_space *space)
{
	return container_of(space, struct vmap_cache, purge.space);
}

/* This CPU's shard.  The task may run on another CPU next: any shard serves any CPU. */
static __always_inline struct vmap_purge *vcache_shard_here(struct vmap_cache *cache)
{
	return this_cpu_read(cache->cpu->shard);
}

/* The shard of number @index. */
static inline struct vmap_purge *vcache_shard(struct vmap_cache *cache, unsigned int index)
{
	return index ? &cache->more[index - 1] : &cache->purge;
}

/*
 * The shard that an extent of a range arena belongs to.  A stale extent still has a start in its
 * shard: a range arena gives no extent to the slab, and no shard gives a spare to another.  For an
 * extent of another arena, and in a memory arena, any shard will do: the extent is not busy there.
 */
static __always_inline struct vmap_purge *vcache_home(struct vmap_cache *cache,
						      const struct vmap_extent *extent)
{
	unsigned long index;

	if (likely(!cache->part))
		return &cache->purge;
	index = (READ_ONCE(extent->start) - cache->start) / cache->part;
	return vcache_shard(cache, min_t(unsigned long, index, cache->nr_shards - 1));
}

/*
 * The magazine of a class for which a CPU has none: count and capacity are 0, always, so the hot
 * paths need no test for NULL.
 */
extern struct vmap_magazine vcache_no_magazine;

/* Take the newest extent of @magazine, which is not empty.  On its CPU, interrupts off. */
static __always_inline struct vmap_extent *vcache_pop(struct vmap_cache_cpu __percpu *cpu,
						      struct vmap_magazine *magazine)
{
	unsigned int count = magazine->count - 1;

	lockdep_assert_irqs_disabled();
	VM_WARN_ON_ONCE(magazine->slot[count]->state != VMAP_CACHED);
	WRITE_ONCE(magazine->idle, 0);
	magazine->count = count;
	__this_cpu_inc(cpu->hits);
	return magazine->slot[count];
}

/*
 * Is this an NMI?  An NMI may have interrupted a call that was changing this CPU's magazines.
 * @flags are the result of local_irq_save(): an NMI finds interrupts off, most calls do not and so
 * need not ask in_nmi().
 */
static __always_inline bool vcache_in_nmi(unsigned long flags)
{
	return unlikely(irqs_disabled_flags(flags)) && in_nmi();
}

/*
 * This CPU's magazine of @class, at most CACHE_CLASSES.  Interrupts off.  A sum instead of an
 * index: a kernel with CONFIG_UBSAN_BOUNDS would compare @class again, and the hot paths would save
 * their registers for the report.
 */
static __always_inline struct vmap_magazine *
vcache_magazine_here(struct vmap_cache_cpu __percpu *cpu, unsigned long class)
{
	lockdep_assert_irqs_disabled();
	return __this_cpu_read(*(cpu->magazine + class));
}

/*
 * Take an extent of @class quanta from this CPU's magazine.  Return false if the magazine is empty.
 * local_irq_restore() stands before each return, so that the compiler adds no second test of the
 * result.
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
	magazine = vcache_magazine_here(cpu, class);
	if (unlikely(!magazine->count || vcache_in_nmi(flags))) {
		local_irq_restore(flags);
		return false;
	}
	*extent = vcache_pop(cpu, magazine);
	local_irq_restore(flags);
	return true;
}

/*
 * Count a free whose extent was kept.  Interrupts off.  The release orders cpu->stored after the
 * count of the allocation, on whichever CPU the allocation was counted, and pairs with the barrier
 * in varena_sum_calls().
 */
static __always_inline void vcache_count_stored(struct vmap_cache_cpu __percpu *cpu)
{
	vspace_arch_count_release(cpu->stored);
}

/*
 * Has this CPU's magazine of @class room for @extent, and does @extent lie on this CPU's node?
 * Sets @magazine in any case.  Interrupts off.
 */
static __always_inline bool vcache_magazine_has_room(struct vmap_cache_cpu __percpu *cpu,
						     const struct vmap_extent *extent,
						     unsigned long class,
						     struct vmap_magazine **magazine)
{
	*magazine = vcache_magazine_here(cpu, class);
	return likely((*magazine)->count < (*magazine)->capacity && !vplace_is_far(extent));
}

/* Put @extent into this CPU's @magazine.  Interrupts off since vcache_magazine_has_room(). */
static __always_inline void vcache_push(struct vmap_cache_cpu __percpu *cpu,
					struct vmap_magazine *magazine, struct vmap_extent *extent)
{
	unsigned int count = magazine->count;

	lockdep_assert_irqs_disabled();
	VM_WARN_ON_ONCE(count >= magazine->capacity);
	WRITE_ONCE(extent->state, VMAP_CACHED);
	WRITE_ONCE(magazine->idle, 0);
	magazine->count = count + 1;
	magazine->slot[count] = extent;
	vcache_count_stored(cpu);
}

/*
 * Put an extent of @class quanta into this CPU's magazine.  Return false if there is no room.  An
 * NMI reads the magazine, but changes nothing: the test comes last, for the hot path to have the
 * flags tested once.
 */
static __always_inline bool vcache_store(struct vmap_cache *cache, struct vmap_extent *extent,
					 unsigned long class)
{
	struct vmap_cache_cpu __percpu *cpu = cache->cpu;
	struct vmap_magazine *magazine;
	unsigned long flags;

	if (unlikely(class > CACHE_CLASSES))
		return false;
	local_irq_save(flags);
	if (unlikely(!vcache_magazine_has_room(cpu, extent, class, &magazine) ||
		     vcache_in_nmi(flags))) {
		local_irq_restore(flags);
		return false;
	}
	vcache_push(cpu, magazine, extent);
	local_irq_restore(flags);
	return true;
}

/*
 * Has any CPU a magazine of @class?  If not, vcache_store() and vcache_store_slow() would not keep
 * an extent of @class quanta.
 */
static inline bool vcache_wants(const struct vmap_cache *cache, unsigned long class)
{
	return class - 1 < CACHE_CLASSES && atomic_read(&cache->depot[class].magazines);
}

struct vmap_extent *vcache_take_slow(struct vmap_cache *cache, unsigned long class,
				     unsigned long align, gfp_t gfp, int node);
bool vcache_has_room(struct vmap_cache *cache, const struct vmap_extent *extent,
		     unsigned long class);
bool vcache_store_slow(struct vmap_cache *cache, struct vmap_extent *extent, unsigned long class);

/* The sums that vcache_sum() makes over all CPUs and depots. */
struct vmap_cache_sums {
	/* Quanta in magazines and depots, guards not counted. */
	unsigned long quanta;
	/* Extents in magazines and depots. */
	unsigned long extents;
	/* The sum of vmap_cache_cpu.hits. */
	unsigned long hits;
	/* The sum of vmap_cache_cpu.misses. */
	unsigned long misses;
};

/* How far the calls of vcache_drain_here() by one allocation have come. */
struct vmap_cache_drained {
	/* The class of depot that the next call empties; 0: the first call was not made yet. */
	unsigned int class;
	/* Quanta freed from depots. */
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
unsigned long vcache_most_warm(struct vmap_cache *cache);
unsigned long vcache_shrink(struct vmap_cache *cache, unsigned long wanted);
void vcache_sum(struct vmap_cache *cache, struct vmap_cache_sums *sums);

#endif
