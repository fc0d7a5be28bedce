// SPDX-License-Identifier: GPL-2.0
/*
 * cache.c - keeps freed extents for the next allocation of the same size
 *
 * A CPU that frees an extent is likely to ask for the same size again soon.  A cached extent is
 * neither busy nor free: the extent stays a tile of its span, in state VMAP_CACHED.
 *
 * Words:
 *
 *   warm       said of a cached extent of a memory arena: its pages stay mapped, so handing the
 *              extent out again needs no page, no page-table entry and no flush
 *   cold       said of a cached extent of a range arena: an address range, and nothing else
 *   class      the size of an extent in quanta, guard not counted; no size is rounded to a class
 *   magazine   the extents of one class on one CPU.  Only that CPU uses the magazine, with
 *              interrupts off, without a lock and without atomic operations.
 *   depot      the extents of one class that all CPUs share, under space->lock
 *   exchange   an empty magazine takes half its capacity from the depot, a full one leaves half its
 *              capacity there; so a CPU that only allocates, or only frees, takes space->lock once
 *              in half a magazine
 *   tick       cache_work, every CACHE_TICK
 *
 * A CPU without a magazine of the class takes one extent from the depot, or leaves one there, for
 * each call.  With several NUMA nodes each node has depots of its own, and a magazine holds warm
 * extents of its CPU's node only (place.h).  An extent of another node goes to the depot of that
 * node, and a request that names another node is served from the depot of that node.
 *
 * Demand: a CPU gets a magazine of a class after DEMAND allocations of the class that found no
 * magazine on this CPU.  Frees count, too, once another CPU has a magazine of the class.
 *
 * Bounds: cpu_limit bounds the magazines of each CPU; a magazine is charged with capacity * class
 * when it is made.  depot_limit bounds all depots together.  A depot takes an extent only while
 * some CPU has a magazine of the class.  An extent for which there is no room is freed by the call
 * that brought it, which frees no other extent.
 *
 * Giving back: each tick takes away the magazines that were idle for IDLE_TICKS, and frees as many
 * extents of each depot as were not needed since the last tick.  queue_tick() is called when a
 * magazine is made and when the first extent comes into the depots, and each tick queues the next
 * one while anything may be cached; so no extent stays cached for ever.  All extents are freed when
 * the arena is purged and before an allocation fails for want of room, and those of a CPU when the
 * CPU goes offline.  The shrinker empties the depots first, then the magazines.  The kernel asks
 * often how much the shrinker could free: the answer, vcache_most_warm(), takes no walk, but counts
 * each magazine as full until the magazine is taken away.
 *
 * Detaching: a magazine is taken from its CPU by that CPU, in an interrupt, or after the CPU has
 * gone offline.  The task that had the magazine taken empties the magazine, in process context.
 * Whether a CPU has any magazine (room), and an idle one (due), is read from other CPUs first; only
 * a CPU with such a magazine is interrupted.  The values read may be old:
 *   - A magazine that its CPU makes meanwhile may be missed.  An extent that was cached before the
 *     drain began is not missed: the CPU lowers room before it puts the first extent into the
 *     magazine, and a task that knows of the free has synchronised with that CPU.
 *   - The interrupt of a tick may come late: a magazine that was used again by then stays.
 *   - on_each_cpu_cond() keeps CPUs from going offline meanwhile.  A CPU that went offline before
 *     keeps its magazines until vcache_cpu_gone() or detach_offline() takes them.
 *
 * Invariants:
 *   - an extent in a magazine or a depot is in state VMAP_CACHED and in no other list;
 *   - extent->space is set in a magazine; in a depot extent->under overlays extent->space, so
 *     depot_pop() restores extent->space;
 *   - the call that takes an extent out of a magazine or a depot owns the extent;
 *   - vcache_no_magazine is never written.
 *
 * Locking: cpus_read_lock() before drain_lock before the locks of purge before space->lock.
 * space->lock covers the depots and the making of magazines; drain_lock is held while extents are
 * taken out of the cache to be freed.  vcache_drain_here(), for callers who may not sleep, does
 * without drain_lock: in a range arena, to which vcache_drain_here() is limited, an extent that
 * leaves the cache is free at once.
 */
#include <linux/cpu.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/swap.h>

#include "cache.h"

/*
 * Calls of a class, on a CPU that has no magazine of the class, after which the CPU gets one.  A
 * magazine is charged with all that it can hold, so a size that is asked for only once or twice, as
 * when a driver starts, should get none.
 */
#define DEMAND		4

/*
 * Quanta that a magazine of a memory arena holds, rounded down to whole extents: 512 KiB of memory
 * with 4 KiB pages, so that sixteen sizes in use keep 8 MiB on a CPU.
 */
#define MAGAZINE_QUANTA	128

/* Fewest extents of a magazine: half a magazine is exchanged, and half of one extent is none. */
#define MAGAZINE_MIN	2

/*
 * Most extents of a magazine in a memory arena.  With 32 a CPU takes space->lock once in 16 calls:
 * a small part of what the 16 calls cost; larger magazines would only keep more memory.
 */
#define MAGAZINE_MAX	32

/*
 * Extents of a magazine in a range arena, whose cached extents keep no memory but their own 64
 * bytes.  An exchange moves 32 extents in one hold of space->lock, in about the time of one free
 * through the tree.
 */
#define MAGAZINE_RANGES	64

/*
 * Memory that is not used goes back after 2 to 4 seconds.  A pass over the magazines and depots
 * once in 2 seconds costs next to nothing.
 */
#define CACHE_TICK	(2 * HZ)

/*
 * Ticks after which an unused magazine is taken away.  The first tick may come right after the last
 * use; the second one proves a whole CACHE_TICK without use.
 */
#define IDLE_TICKS	2

/* Extents taken from a depot in one hold of space->lock; their pointers take 128 bytes of stack. */
#define DRAIN_BATCH	16

/* Quanta that the magazines of one CPU may hold; constant once an arena exists. */
static unsigned long cpu_limit;
/* Quanta that all depots of an arena may hold; constant once an arena exists. */
static unsigned long depot_limit;
struct vmap_magazine vcache_no_magazine;
DEFINE_STATIC_KEY_FALSE(vplace_matters);

/* Set cpu_limit and depot_limit, before the first arena is created. */
void vcache_set_limits(unsigned long cpu_quanta, unsigned long depot_quanta)
{
	cpu_limit = cpu_quanta;
	depot_limit = depot_quanta;
}

static unsigned int capacity_of(const struct vmap_cache *cache, unsigned int class)
{
	if (!cache->purge.space.memory)
		return MAGAZINE_RANGES;
	return clamp_t(unsigned int, MAGAZINE_QUANTA / class, MAGAZINE_MIN, MAGAZINE_MAX);
}

static bool has_magazine(const struct vmap_cache_cpu *cpu, unsigned int class)
{
	return cpu->magazine[class] != &vcache_no_magazine;
}

/*
 * Queue the tick.  Under space->lock, and only while cache->caching is set: empty_arena() clears
 * caching under space->lock and then cancels cache_work.
 */
static void queue_tick(struct vmap_cache *cache)
{
	lockdep_assert_held(&cache->purge.space.lock);
	queue_delayed_work(vspace_wq, &cache->cache_work, CACHE_TICK);
}

/* For how many NUMA nodes the cache has depots. */
static unsigned int nr_places(const struct vmap_cache *cache)
{
	return cache->far ? nr_node_ids : 1;
}

/* The NUMA node of the extents in this CPU's magazines; 0 if the cache has one set of depots. */
static unsigned int home_here(const struct vmap_cache *cache)
{
	return cache->far ? vplace_here() : 0;
}

static struct vmap_depot *depot_of(struct vmap_cache *cache, unsigned int node, unsigned int class)
{
	return node ? &cache->far[node - 1][class] : &cache->depot[class];
}

static void depot_push(struct vmap_cache *cache, unsigned int class, struct vmap_extent *extent)
{
	struct vmap_depot *depot = depot_of(cache, vplace_of(extent), class);

	lockdep_assert_held(&cache->purge.space.lock);
	VM_WARN_ON_ONCE(extent->state != VMAP_CACHED);
	if (!cache->depot_quanta)
		queue_tick(cache);
	extent->under = depot->top;
	depot->top = extent;
	depot->count++;
	cache->depot_quanta += class;
}

static struct vmap_extent *depot_pop(struct vmap_cache *cache, unsigned int node,
				     unsigned int class)
{
	struct vmap_depot *depot = depot_of(cache, node, class);
	struct vmap_extent *extent = depot->top;

	lockdep_assert_held(&cache->purge.space.lock);
	if (extent) {
		depot->top = extent->under;
		depot->count--;
		depot->unused = min(depot->unused, depot->count);
		cache->depot_quanta -= class;
		extent->space = &cache->purge.space;
	}
	return extent;
}

static bool depot_has_room(const struct vmap_cache *cache, unsigned long quanta)
{
	lockdep_assert_held(&cache->purge.space.lock);
	return cache->depot_quanta + quanta <= depot_limit;
}

/*
 * Count a call of @class, if @cpu, this CPU, has no magazine of @class but room for one.  Return
 * whether DEMAND is reached.  Under space->lock.
 */
static bool wants_magazine(const struct vmap_cache *cache, struct vmap_cache_cpu *cpu,
			   unsigned int class)
{
	lockdep_assert_held(&cache->purge.space.lock);
	if (has_magazine(cpu, class) || cpu->room < (long)(capacity_of(cache, class) * class))
		return false;
	if (cpu->demand[class] < DEMAND)
		cpu->demand[class]++;
	return cpu->demand[class] == DEMAND;
}

/*
 * Give this CPU @magazine.  Return false if this CPU has a magazine of the class by now, or if the
 * cache was switched off.
 */
static bool attach(struct vmap_cache *cache, struct vmap_magazine *magazine)
{
	unsigned int class = magazine->class;
	struct vmap_cache_cpu *cpu;
	unsigned long flags;
	bool attached;

	flags = vspace_lock(&cache->purge.space);
	cpu = this_cpu_ptr(cache->cpu);
	attached = !has_magazine(cpu, class) && cache->caching;
	if (attached) {
		/* Pairs with the address dependency in sum_magazines() and age_magazines(). */
		smp_store_release(&cpu->magazine[class], magazine);
		WRITE_ONCE(cpu->room, cpu->room - (long)(magazine->capacity * class));
		cpu->demand[class] = 0;
		atomic_inc(&cache->depot[class].magazines);
		atomic_long_add(magazine->capacity * class, &cache->promised);
		queue_tick(cache);
	}
	vspace_unlock(&cache->purge.space, flags);
	return attached;
}

/*
 * Make a magazine for this CPU, if there is memory for one: without I/O, since the caller may be in
 * reclaim, and with little effort, since the cache works without the magazine.
 */
static void add_magazine(struct vmap_cache *cache, unsigned int class, gfp_t gfp)
{
	gfp_t effort = gfpflags_allow_blocking(gfp) ? GFP_NOIO : GFP_NOWAIT;
	unsigned int capacity = capacity_of(cache, class);
	struct vmap_magazine *magazine;

	magazine = kmalloc(struct_size(magazine, slot, capacity),
			   effort | __GFP_NORETRY | __GFP_NOWARN);
	if (!magazine)
		return;
	*magazine = (struct vmap_magazine){ .capacity = capacity, .class = class };
	if (!attach(cache, magazine))
		kfree(magazine);
}

/* Fill half of @magazine, which is empty, from the depot.  Under space->lock. */
static void exchange_empty(struct vmap_cache *cache, struct vmap_magazine *magazine)
{
	unsigned int home = home_here(cache);
	struct vmap_extent *extent;

	lockdep_assert_held(&cache->purge.space.lock);
	while (magazine->count < magazine->capacity / 2 &&
	       (extent = depot_pop(cache, home, magazine->class)))
		magazine->slot[magazine->count++] = extent;
	if (magazine->count)
		cache->refills++;
}

/* Empty half of @magazine into the depot.  Under space->lock. */
static void exchange_full(struct vmap_cache *cache, struct vmap_magazine *magazine)
{
	lockdep_assert_held(&cache->purge.space.lock);
	while (magazine->count > magazine->capacity / 2)
		depot_push(cache, magazine->class, magazine->slot[--magazine->count]);
	cache->drains++;
}

/* Is the newest extent of @magazine, which vcache_pop() would take, aligned to @align? */
static bool top_is_aligned(const struct vmap_magazine *magazine, unsigned long align)
{
	return magazine->count && IS_ALIGNED(magazine->slot[magazine->count - 1]->start, align);
}

/*
 * Take an extent from the depot of @node, for a @cpu that has no magazine of @class or lies on
 * another node.  Under space->lock.
 */
static struct vmap_extent *take_from_depot(struct vmap_cache *cache, struct vmap_cache_cpu *cpu,
					   unsigned int node, unsigned int class,
					   unsigned long align)
{
	const struct vmap_extent *top = depot_of(cache, node, class)->top;

	lockdep_assert_held(&cache->purge.space.lock);
	if (!top || !IS_ALIGNED(top->start, align))
		return NULL;
	WRITE_ONCE(cpu->hits, cpu->hits + 1);
	return depot_pop(cache, node, class);
}

/* Take an extent from this CPU's @magazine, refilled if it is empty.  Under space->lock. */
static struct vmap_extent *take_by_magazine(struct vmap_cache *cache,
					    struct vmap_magazine *magazine, unsigned long align)
{
	lockdep_assert_held(&cache->purge.space.lock);
	if (!magazine->count)
		exchange_empty(cache, magazine);
	return top_is_aligned(magazine, align) ? vcache_pop(cache->cpu, magazine) : NULL;
}

/**
 * vcache_take_slow() - take an extent from the cache when vcache_take() could not
 * @cache: the arena
 * @class: quanta, guard not counted
 * @align: of the start, in units; more than a quantum is met only by chance: no extent but the
 *	   newest is looked at
 * @gfp: of the allocation, for a new magazine
 * @node: the NUMA node that the caller names, below nr_node_ids; NUMA_NO_NODE: this CPU's
 *
 * Context: any but NMI that @gfp allows; takes space->lock.
 * Return: a cached extent, or NULL.
 */
struct vmap_extent *vcache_take_slow(struct vmap_cache *cache, unsigned long class,
				     unsigned long align, gfp_t gfp, int node)
{
	struct vmap_extent *extent;
	struct vmap_cache_cpu *cpu;
	unsigned int home;
	unsigned long flags;
	bool wants;

	if (class - 1 >= CACHE_CLASSES || !READ_ONCE(cache->caching))
		return NULL;
	flags = vspace_lock(&cache->purge.space);
	cpu = this_cpu_ptr(cache->cpu);
	wants = wants_magazine(cache, cpu, class);
	home = home_here(cache);
	if (node == NUMA_NO_NODE || !cache->far)
		node = home;
	extent = has_magazine(cpu, class) && node == home ?
			 take_by_magazine(cache, cpu->magazine[class], align) :
			 take_from_depot(cache, cpu, node, class, align);
	if (!extent)
		cpu->misses++;
	vspace_unlock(&cache->purge.space, flags);
	if (wants && !READ_ONCE(cache->reserved) && vctx_may_call_mm())
		add_magazine(cache, class, gfp);
	return extent;
}

/* Where store() keeps a freed extent. */
enum store_where { NOT_STORED, IN_MAGAZINE, IN_DEPOT };

/*
 * Where is there room for @extent?  Sets @magazine to this CPU's, if the cache is on.  A depot must
 * have room for all of the capacity, more than exchange_full() leaves there.  Under space->lock.
 */
static enum store_where where_to_store(const struct vmap_cache *cache,
				       const struct vmap_extent *extent, unsigned int class,
				       struct vmap_magazine **magazine)
{
	lockdep_assert_held(&cache->purge.space.lock);
	if (!cache->caching)
		return NOT_STORED;
	if (vcache_magazine_has_room(cache->cpu, extent, class, magazine))
		return IN_MAGAZINE;
	return depot_has_room(cache, max((*magazine)->capacity, 1U) * class) ? IN_DEPOT :
									       NOT_STORED;
}

/* Keep an extent in this CPU's magazine or in the depot of its node.  Under space->lock. */
static bool store(struct vmap_cache *cache, struct vmap_extent *extent, unsigned int class)
{
	struct vmap_magazine *magazine;
	enum store_where where = where_to_store(cache, extent, class, &magazine);

	if (where == IN_MAGAZINE) {
		vcache_push(cache->cpu, magazine, extent);
	} else if (where == IN_DEPOT) {
		if (magazine->count && !vplace_is_far(extent))
			exchange_full(cache, magazine);
		WRITE_ONCE(extent->state, VMAP_CACHED);
		depot_push(cache, class, extent);
		vcache_count_stored(cache->cpu);
	}
	return where != NOT_STORED;
}

/**
 * vcache_has_room() - is there room for one more extent, on this CPU or in the depot?
 * @cache: the arena
 * @extent: the extent, which the caller owns
 * @class: size of the extent in quanta, at most CACHE_CLASSES, guard not counted
 *
 * Context: any but NMI; takes space->lock.
 * Return: whether there is room now; other calls may use the room before the caller does.
 */
bool vcache_has_room(struct vmap_cache *cache, const struct vmap_extent *extent,
		     unsigned long class)
{
	struct vmap_magazine *magazine;
	unsigned long flags;
	bool room;

	flags = vspace_lock(&cache->purge.space);
	room = where_to_store(cache, extent, class, &magazine) != NOT_STORED;
	vspace_unlock(&cache->purge.space, flags);
	return room;
}

/**
 * vcache_store_slow() - keep an extent when this CPU's magazine had no room
 * @cache: the arena
 * @extent: the extent, which the caller owns
 * @class: size of the extent in quanta, guard not counted
 *
 * Context: any but NMI; takes space->lock.
 * Return: whether the extent was kept; then the free is counted, and the arena may be gone.
 */
bool vcache_store_slow(struct vmap_cache *cache, struct vmap_extent *extent, unsigned long class)
{
	bool may_add = vctx_may_call_mm(), stored;
	unsigned long flags;

	if (!vcache_wants(cache, class))
		return false;
	flags = vspace_lock(&cache->purge.space);
	if (wants_magazine(cache, this_cpu_ptr(cache->cpu), class) && may_add) {
		/* Before store(): once store() has counted the free, the arena may be gone. */
		vspace_unlock(&cache->purge.space, flags);
		add_magazine(cache, class, GFP_NOWAIT);
		flags = vspace_lock(&cache->purge.space);
	}
	stored = store(cache, extent, class);
	vspace_unlock(&cache->purge.space, flags);
	return stored;
}

/*
 * Take the magazine of @class from @cpu.  The caller runs on @cpu with interrupts off, or @cpu is
 * offline: so no call uses the magazine now.
 */
static void detach(struct vmap_cache *cache, struct vmap_cache_cpu *cpu, unsigned int class)
{
	struct vmap_magazine *magazine = cpu->magazine[class];

	WRITE_ONCE(cpu->magazine[class], &vcache_no_magazine);
	cpu->demand[class] = 0;
	WRITE_ONCE(cpu->room, cpu->room + (long)(magazine->capacity * class));
	atomic_dec(&cache->depot[class].magazines);
	atomic_long_sub(magazine->capacity * class, &cache->promised);
	llist_add(&magazine->node, &cache->detached);
}

/* detach() for all magazines of @cpu. */
static void detach_all(struct vmap_cache *cache, struct vmap_cache_cpu *cpu)
{
	unsigned int class;

	for (class = 1; class <= CACHE_CLASSES; class++)
		if (has_magazine(cpu, class))
			detach(cache, cpu, class);
}

/* detach_all() for this CPU; interrupts off. */
static void detach_all_here(void *cache)
{
	lockdep_assert_irqs_disabled();
	detach_all(cache, this_cpu_ptr(((struct vmap_cache *)cache)->cpu));
}

/* Detach this CPU's idle magazines; a magazine that was used since the tick is not idle. */
static void detach_due_here(void *data)
{
	struct vmap_cache *cache = data;
	struct vmap_cache_cpu *cpu = this_cpu_ptr(cache->cpu);
	unsigned int class;

	for (class = 1; class <= CACHE_CLASSES; class++)
		if (has_magazine(cpu, class) &&
		    READ_ONCE(cpu->magazine[class]->idle) >= IDLE_TICKS)
			detach(cache, cpu, class);
}

/* Does @cpu, which may be another CPU than this one, have magazines? */
static bool has_magazines(const struct vmap_cache_cpu *cpu)
{
	return READ_ONCE(cpu->room) != cpu_limit;
}

static bool has_magazines_there(int cpu, void *cache)
{
	return has_magazines(per_cpu_ptr(((struct vmap_cache *)cache)->cpu, cpu));
}

static bool is_due_there(int cpu, void *cache)
{
	return per_cpu_ptr(((struct vmap_cache *)cache)->cpu, cpu)->due;
}

/* Detach the magazines of all online CPUs; interrupts only CPUs that have magazines. */
static void detach_all_online(struct vmap_cache *cache)
{
	on_each_cpu_cond(has_magazines_there, detach_all_here, cache, 1);
}

/*
 * Free an extent that was taken out of its magazine or depot.  Return how many pages went back to
 * the kernel.  If the task is in reclaim, mm_account_reclaimed_pages() credits reclaim with the
 * pages, which reclaim cannot count by itself.  Like vfree(), the free calls credit nothing.
 */
static unsigned long uncache(struct vmap_cache *cache, struct vmap_extent *extent)
{
	unsigned long flags, pages = 0;
	struct vmap_space *space;

	VM_WARN_ON_ONCE(extent->state != VMAP_CACHED);
	if (cache->purge.space.memory) {
		WRITE_ONCE(*vspan_slot(vspan_of(extent->start), extent->start), NULL);
		pages = vpurge_free(&cache->purge, extent);
		mm_account_reclaimed_pages(pages);
	} else {
		space = &vcache_home(cache, extent)->space;
		flags = vspace_lock(space);
		vspace_put(space, extent);
		vspace_unlock(space, flags);
	}
	if (vctx_may_wait())
		cond_resched();
	return pages;
}

/*
 * The function of retire_work: free the magazines on cache->retired after a grace period.  A thread
 * frees them, because RCU runs callbacks behind an interrupt, many without a pause.
 */
static void retire_work(struct work_struct *work)
{
	struct vmap_cache *cache = container_of(work, struct vmap_cache, retire_work);
	struct llist_node *batch = llist_del_all(&cache->retired);
	struct vmap_magazine *magazine, *following;

	synchronize_rcu();
	llist_for_each_entry_safe(magazine, following, batch, node) {
		kfree(magazine);
		cond_resched();
	}
}

/*
 * Free the extents in all detached magazines, and have retire_work free the magazines.  Return how
 * many pages went back to the kernel.
 */
static unsigned long empty_detached(struct vmap_cache *cache)
{
	struct llist_node *batch = llist_del_all(&cache->detached);
	struct vmap_magazine *magazine, *following;
	unsigned long pages = 0;

	llist_for_each_entry_safe(magazine, following, batch, node) {
		while (magazine->count)
			pages += uncache(cache, magazine->slot[--magazine->count]);
		llist_add(&magazine->node, &cache->retired);
	}
	if (batch)
		queue_work(vspace_wq, &cache->retire_work);
	return pages;
}

/*
 * Free up to @count extents of a depot, DRAIN_BATCH at most.  Return how many extents were freed;
 * add the pages that went back to the kernel to @pages.
 */
static unsigned int empty_depot(struct vmap_cache *cache, unsigned int node, unsigned int class,
				unsigned int count, unsigned long *pages)
{
	struct vmap_extent *batch[DRAIN_BATCH];
	unsigned int got, i;
	unsigned long flags;

	flags = vspace_lock(&cache->purge.space);
	for (got = 0; got < min_t(unsigned int, count, DRAIN_BATCH); got++) {
		batch[got] = depot_pop(cache, node, class);
		if (!batch[got])
			break;
	}
	vspace_unlock(&cache->purge.space, flags);
	for (i = 0; i < got; i++)
		*pages += uncache(cache, batch[i]);
	return got;
}

/* Free all extents in depots.  Return how many pages went back to the kernel. */
static unsigned long empty_depots(struct vmap_cache *cache)
{
	unsigned long pages = 0;
	unsigned int node, class;

	for (node = 0; node < nr_places(cache); node++)
		for (class = 1; class <= CACHE_CLASSES; class++)
			while (empty_depot(cache, node, class, DRAIN_BATCH, &pages))
				;
	return pages;
}

/**
 * vcache_drain() - free all cached extents, except on a CPU that is just going offline
 * @cache: the arena
 *
 * Context: process, may sleep; takes drain_lock; interrupts the CPUs that have magazines.
 */
void vcache_drain(struct vmap_cache *cache)
{
	mutex_lock(&cache->drain_lock);
	detach_all_online(cache);
	empty_detached(cache);
	empty_depots(cache);
	mutex_unlock(&cache->drain_lock);
}

/*
 * Detach the magazines of offline CPUs, which no interrupt reaches, and for which vcache_cpu_gone()
 * may not have been called yet.  Under cpus_read_lock(), so that no CPU comes online.
 */
static void detach_offline(struct vmap_cache *cache)
{
	int cpu;

	mutex_lock(&cache->drain_lock);
	for_each_possible_cpu(cpu)
		if (!cpu_online(cpu))
			detach_all(cache, per_cpu_ptr(cache->cpu, cpu));
	mutex_unlock(&cache->drain_lock);
}

/**
 * vcache_drain_all() - free all cached extents
 * @cache: the arena
 *
 * Context: process, may sleep; takes cpus_read_lock() and drain_lock; interrupts the CPUs that have
 * magazines.
 */
void vcache_drain_all(struct vmap_cache *cache)
{
	cpus_read_lock();
	detach_offline(cache);
	vcache_drain(cache);
	cpus_read_unlock();
}

/* Free the extents in this CPU's magazines, and in other detached ones. */
static void drain_this_cpu(struct vmap_cache *cache)
{
	unsigned long flags;

	local_irq_save(flags);
	detach_all_here(cache);
	local_irq_restore(flags);
	empty_detached(cache);
}

/**
 * vcache_drain_here() - free some of the extents cached on this CPU and in the depots
 * @cache: a range arena; in a memory arena no extent would be free before a flush
 * @drained: what earlier calls for the same allocation have freed; all zero at first
 *
 * The first call frees the extents of this CPU's magazines, each later call one batch from the
 * depots.  The calls end after the largest class, or when they have freed depot_limit quanta, even
 * if other CPUs fill the depots meanwhile.
 *
 * Context: any but NMI; takes space->lock.
 * Return: false if no extent was left to free.
 */
bool vcache_drain_here(struct vmap_cache *cache, struct vmap_cache_drained *drained)
{
	unsigned long pages = 0;
	unsigned int got = 0;

	if (!drained->class) {
		drained->class = 1;
		drain_this_cpu(cache);
		return true;
	}
	while (!got && drained->class <= CACHE_CLASSES && drained->quanta < depot_limit) {
		got = empty_depot(cache, 0, drained->class, DRAIN_BATCH, &pages);
		drained->quanta += (unsigned long)got * drained->class;
		if (got < DRAIN_BATCH)
			drained->class++;
	}
	return got;
}

/* Turn the cache on; or turn it off and free all cached extents.  Context: process, may sleep. */
void vcache_switch(struct vmap_cache *cache, bool on)
{
	unsigned long flags;

	flags = vspace_lock(&cache->purge.space);
	WRITE_ONCE(cache->caching, on);
	WRITE_ONCE(cache->range_align,
		   on && !cache->purge.space.memory ? cache->purge.space.quantum : 0);
	vspace_unlock(&cache->purge.space, flags);
	if (!on)
		vcache_drain_all(cache);
}

/*
 * Add the extents in the magazines of @cpu, which may be using them.  Under rcu_read_lock(), which
 * keeps a magazine found here from being freed.
 */
static void sum_magazines(const struct vmap_cache_cpu *cpu, struct vmap_cache_sums *sums)
{
	unsigned int class;

	for (class = 1; class <= CACHE_CLASSES; class++) {
		const struct vmap_magazine *magazine = READ_ONCE(cpu->magazine[class]);
		unsigned int count = data_race(magazine->count);

		sums->extents += count;
		sums->quanta += count * class;
	}
}

static void sum_depots(struct vmap_cache *cache, struct vmap_cache_sums *sums)
{
	unsigned int node, class;

	for (node = 0; node < nr_places(cache); node++)
		for (class = 1; class <= CACHE_CLASSES; class++)
			sums->extents += data_race(depot_of(cache, node, class)->count);
	sums->quanta += data_race(cache->depot_quanta);
}

/**
 * vcache_sum() - add up the cached extents, hits and misses; not a snapshot
 * @cache: the arena
 * @sums: set to the sums
 *
 * Context: any but NMI.
 */
void vcache_sum(struct vmap_cache *cache, struct vmap_cache_sums *sums)
{
	int cpu;

	*sums = (struct vmap_cache_sums){};
	sum_depots(cache, sums);
	rcu_read_lock();
	for_each_possible_cpu(cpu) {
		const struct vmap_cache_cpu *of = per_cpu_ptr(cache->cpu, cpu);

		sum_magazines(of, sums);
		sums->hits += data_race(of->hits);
		sums->misses += data_race(of->misses);
	}
	rcu_read_unlock();
}

/* How many extents of @depot were not needed since the last tick?  Starts the next interval. */
static unsigned int unused_in_depot(struct vmap_cache *cache, struct vmap_depot *depot)
{
	unsigned long flags;
	unsigned int unused;

	flags = vspace_lock(&cache->purge.space);
	unused = depot->unused;
	depot->unused = depot->count - unused;
	vspace_unlock(&cache->purge.space, flags);
	return unused;
}

/* Free the extents of a depot that were not needed: a batch, then a pause of a jiffy, and so on. */
static void age_depot(struct vmap_cache *cache, unsigned int node, unsigned int class)
{
	unsigned int unused = unused_in_depot(cache, depot_of(cache, node, class)), got = 1;
	unsigned long pages = 0;

	for (; unused && got && READ_ONCE(cache->caching); unused -= got) {
		mutex_lock(&cache->drain_lock);
		got = empty_depot(cache, node, class, unused, &pages);
		mutex_unlock(&cache->drain_lock);
		schedule_timeout_idle(1);
	}
}

/*
 * Count a tick for @magazine, which its CPU may be using.  Return the new count.  If that CPU sets
 * magazine->idle to 0 at this moment, either cmpxchg() fails or the 0 comes after cmpxchg() and
 * stays: no use is missed.
 */
static unsigned int age_magazine(struct vmap_magazine *magazine)
{
	u8 idle = READ_ONCE(magazine->idle);

	if (idle >= IDLE_TICKS)
		return idle;
	return cmpxchg(&magazine->idle, idle, idle + 1) == idle ? idle + 1 : 0;
}

/* Count a tick for the magazines of @cpu; set cpu->due if any is idle.  Under drain_lock. */
static void age_magazines(struct vmap_cache_cpu *cpu)
{
	struct vmap_magazine *magazine;
	unsigned int class;

	cpu->due = false;
	if (!has_magazines(cpu))
		return;
	/* Keeps a magazine that its CPU detaches meanwhile from being freed. */
	rcu_read_lock();
	for (class = 1; class <= CACHE_CLASSES; class++) {
		magazine = READ_ONCE(cpu->magazine[class]);
		if (magazine != &vcache_no_magazine && age_magazine(magazine) >= IDLE_TICKS)
			cpu->due = true;
	}
	rcu_read_unlock();
}

/* Detach and empty the magazines that no call has used for IDLE_TICKS. */
static void take_unused_magazines(struct vmap_cache *cache)
{
	int cpu;

	mutex_lock(&cache->drain_lock);
	for_each_possible_cpu(cpu)
		age_magazines(per_cpu_ptr(cache->cpu, cpu));
	on_each_cpu_cond(is_due_there, detach_due_here, cache, 1);
	empty_detached(cache);
	mutex_unlock(&cache->drain_lock);
}

/* The most quanta that may be cached now: all in the depots, and all that magazines may hold. */
static unsigned long most_cached(const struct vmap_cache *cache)
{
	return data_race(cache->depot_quanta) + atomic_long_read(&cache->promised);
}

/* The tick. */
static void cache_work(struct work_struct *work)
{
	struct vmap_cache *cache = container_of(work, struct vmap_cache, cache_work.work);
	unsigned int node, class;

	take_unused_magazines(cache);
	for (node = 0; node < nr_places(cache); node++)
		for (class = 1; class <= CACHE_CLASSES; class++)
			age_depot(cache, node, class);
	if (most_cached(cache))
		queue_delayed_work(vspace_wq, &cache->cache_work, CACHE_TICK);
}

static void init_cpus(struct vmap_cache *cache)
{
	unsigned int class;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct vmap_cache_cpu *of = per_cpu_ptr(cache->cpu, cpu);

		of->room = cpu_limit;
		of->shard = &cache->purge;
		for (class = 0; class <= CACHE_CLASSES; class++)
			of->magazine[class] = &vcache_no_magazine;
	}
}

/**
 * vcache_init() - begin with an empty cache that is switched off
 * @cache: all zero but for cache->purge, after vpurge_init()
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM; vcache_exit() must be called in either case.
 */
int vcache_init(struct vmap_cache *cache)
{
	bool memory = cache->purge.space.memory;

	cache->nr_shards = 1;
	mutex_init(&cache->drain_lock);
	init_llist_head(&cache->detached);
	init_llist_head(&cache->retired);
	INIT_WORK(&cache->retire_work, retire_work);
	INIT_DELAYED_WORK(&cache->cache_work, cache_work);
	cache->memory_align = memory && !cache->purge.space.huge ? PAGE_SIZE : 0;
	cache->cpu = alloc_percpu(struct vmap_cache_cpu);
	if (!cache->cpu)
		return -ENOMEM;
	init_cpus(cache);
	if (memory && static_branch_unlikely(&vplace_matters)) {
		cache->far =
			kvcalloc(nr_node_ids - 1, sizeof(*cache->far), vgfp_may_fail(GFP_KERNEL));
		return cache->far ? 0 : -ENOMEM;
	}
	return 0;
}

/* End a cache that is switched off, and therefore empty.  Context: process, may sleep. */
void vcache_exit(struct vmap_cache *cache)
{
	VM_WARN_ON_ONCE(most_cached(cache));
	flush_work(&cache->retire_work);
	kvfree(cache->far);
	kvfree(cache->remote);
	kvfree(cache->more);
	free_percpu(cache->cpu);
}

/* Free the extents in the magazines of @cpu, which is offline.  Context: process, may sleep. */
void vcache_cpu_gone(struct vmap_cache *cache, unsigned int cpu)
{
	mutex_lock(&cache->drain_lock);
	detach_all(cache, per_cpu_ptr(cache->cpu, cpu));
	empty_detached(cache);
	mutex_unlock(&cache->drain_lock);
}

/* The most pages that vcache_shrink() could give back; 0 for a range arena. */
unsigned long vcache_most_warm(struct vmap_cache *cache)
{
	struct vstock_sums stock;

	if (!cache->purge.space.memory)
		return 0;
	vpurge_sum_stocks(&cache->purge, &stock);
	return most_cached(cache) + stock.pages;
}

/* Empty the stocks.  Return how many pages went back to the kernel; see uncache(). */
static unsigned long give_stock(struct vmap_cache *cache)
{
	unsigned long pages = vpurge_give_stocks(&cache->purge);

	mm_account_reclaimed_pages(pages);
	return pages;
}

/**
 * vcache_shrink() - give warm memory back to the kernel
 * @cache: the cache
 * @wanted: pages; the depots are emptied only if the stocks have fewer, and the magazines only if
 *	    both have
 *
 * Only tries to take drain_lock: the holder of drain_lock is giving memory back already, and may be
 * waiting for memory.
 *
 * Context: reclaim; interrupts the CPUs that have magazines, if the depots do not suffice.
 * Return: how many pages went back to the kernel.
 */
unsigned long vcache_shrink(struct vmap_cache *cache, unsigned long wanted)
{
	unsigned long pages;

	if (!cache->purge.space.memory || !mutex_trylock(&cache->drain_lock))
		return 0;
	pages = give_stock(cache);
	if (pages < wanted)
		pages += empty_depots(cache);
	if (pages < wanted) {
		detach_all_online(cache);
		pages += empty_detached(cache);
	}
	/* These came out of the cache, and are counted. */
	vpurge_give_stocks(&cache->purge);
	mutex_unlock(&cache->drain_lock);
	WRITE_ONCE(cache->shrinks, cache->shrinks + pages);
	return pages;
}
