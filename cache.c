// SPDX-License-Identifier: GPL-2.0
/*
 * cache.c - keeps freed extents for the next allocation of the same size
 *
 * An extent that is freed is likely to be asked for again soon, by the same CPU.  A cached extent
 * is neither busy nor free: it is still a tile of its own, in state VMAP_CACHED.  In a memory arena
 * it is warm: its pages stay mapped, so handing it out again needs no page, no page-table entry and
 * no flush.  In a range arena it is cold: just its addresses are kept.
 *
 * Sizes are counted in quanta without the guard; each is a class of its own, so nothing is rounded.
 *
 *   magazine   the extents of one class on one CPU.  Only that CPU touches it, with interrupts
 *              off: no lock, no atomic operation.
 *   depot      the extents of one class shared by all CPUs, under the arena's lock.  A magazine
 *              that runs empty takes half its capacity from there, one that runs full leaves half
 *              there.  So a CPU that only allocates or only frees comes back once in half a
 *              magazine.  A CPU without a magazine of the class takes and leaves one at a time.
 *
 * Where there are several NUMA nodes, each has depots of its own, and a magazine holds warm extents
 * of its CPU's node only (place.h): a free elsewhere goes to the depot of its pages' node, and a
 * request for another node is served from there.
 *
 * Which classes are worth a magazine is decided by demand: a CPU gets one after DEMAND misses of a
 * class: allocations or, once another CPU has one, frees.  How much may be cached is bounded for
 * each CPU (a magazine is charged with all it can hold when it is made) and for the depot.  A depot
 * takes extents as long as some CPU has a magazine of the class.  What does not fit is freed the
 * ordinary way, one extent by the call that brought it: nobody pays for a backlog.
 *
 * What was not used goes back.  Once a tick, magazines not touched since the last are taken away,
 * and of each depot as many extents as nobody needed since then.  A tick is queued under the
 * arena's lock by whoever makes a magazine or puts the first extent into the depots, and by each
 * tick that leaves something; so nothing stays for ever.  All goes back when the arena is
 * purged, at a CPU's end for what it had, and, as a last resort, before an allocation fails.  Under
 * memory pressure a shrinker empties the depots first, then the magazines.  It is asked often how
 * much that may be, and says what is in the depots and what the magazines may hold: a number that
 * is kept, and that is too high only until the shrinker takes the magazines away, empty or not.
 *
 * A magazine is taken from its CPU by that CPU, on an interrupt sent to it, or after that CPU is
 * gone; it is emptied by whoever asked for it, in process context.  No CPU is interrupted for
 * nothing: whether a CPU has magazines, and which of them nobody touched, is read from afar, and
 * an interrupt goes only where one is to be taken.  A CPU that never used an arena gets none.
 *
 * What is read from afar may be old.  A magazine made meanwhile is none that whoever asks could
 * know of; but what was cached before the call is found: a CPU charges its room before it keeps the
 * first extent, and whoever knows of the free has synchronised with that CPU.  An interrupt that
 * comes late, on a CPU that has used or given up the magazine by then, does nothing.
 * on_each_cpu_cond() keeps CPUs from going off line; one that has gone before, without its
 * interrupt, keeps its magazines until cpu_gone() or detach_offline() takes them.
 *
 * Who takes extents out of the cache to free them holds the drain_lock meanwhile, so that whoever
 * takes it after them finds nothing on its way.  Callers who may not sleep do without; that happens
 * in range arenas only, where an extent is free at once.
 *
 * Invariant: what is in a magazine or a depot is in state VMAP_CACHED and in no other list, what is
 * in a magazine has its arena noted, and who takes it out owns it.
 */
#include <linux/cpu.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/swap.h>

#include "cache.h"

/* Misses of a class that make a magazine worth it. */
#define DEMAND		4

/*
 * A magazine of memory holds about so many quanta, but not fewer or more extents than these.
 * Addresses alone cost little to keep: a range arena has so many in each.
 */
#define MAGAZINE_QUANTA	128
#define MAGAZINE_MIN	2
#define MAGAZINE_MAX	32
#define MAGAZINE_RANGES	64

#define CACHE_TICK	(2 * HZ)

/* A magazine goes at this many ticks: then nobody touched it for one whole interval at least. */
#define IDLE_TICKS	2

/* Extents taken from a depot under one hold of the lock. */
#define DRAIN_BATCH	16

static unsigned long cpu_limit;
static unsigned long depot_limit;
struct vmap_magazine vcache_no_magazine;
DEFINE_STATIC_KEY_FALSE(vplace_matters);

/* Set before any arena exists. */
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

/* Have what is not used given back.  Under the arena's lock, and only while the arena caches. */
static void queue_tick(struct vmap_cache *cache)
{
	lockdep_assert_held(&cache->purge.space.lock);
	queue_delayed_work(vspace_wq, &cache->cache_work, CACHE_TICK);
}

/* How many NUMA nodes have depots in an arena? */
static unsigned int nr_places(const struct vmap_cache *cache)
{
	return cache->far ? nr_node_ids : 1;
}

/* The node whose areas this CPU's magazines hold; 0 where that does not matter. */
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
	return cache->depot_quanta + quanta <= depot_limit;
}

/* Has this CPU seen enough misses of @class, and is there room for a magazine? */
static bool wants_magazine(const struct vmap_cache *cache, struct vmap_cache_cpu *cpu,
			   unsigned int class)
{
	if (has_magazine(cpu, class) || cpu->room < (long)(capacity_of(cache, class) * class))
		return false;
	if (cpu->demand[class] < DEMAND)
		cpu->demand[class]++;
	return cpu->demand[class] == DEMAND;
}

/* Give this CPU @magazine, unless it has one of that class by now. */
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
		/* Pairs with the address dependency of who reads another CPU's magazines. */
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

/* Fill half of @magazine from the depot.  Under the arena's lock. */
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

/* Empty half of @magazine into the depot.  Under the arena's lock. */
static void exchange_full(struct vmap_cache *cache, struct vmap_magazine *magazine)
{
	lockdep_assert_held(&cache->purge.space.lock);
	while (magazine->count > magazine->capacity / 2)
		depot_push(cache, magazine->class, magazine->slot[--magazine->count]);
	cache->drains++;
}

/* Is what would be taken from @magazine next aligned? */
static bool top_is_aligned(const struct vmap_magazine *magazine, unsigned long align)
{
	return magazine->count && IS_ALIGNED(magazine->slot[magazine->count - 1]->start, align);
}

/*
 * Take an extent of @node for a CPU of another node, or without a magazine of @class.  Under the
 * arena's lock.
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

/* Take an extent for a CPU by way of its @magazine.  Under the arena's lock. */
static struct vmap_extent *take_by_magazine(struct vmap_cache *cache,
					    struct vmap_magazine *magazine, unsigned long align)
{
	if (!magazine->count)
		exchange_empty(cache, magazine);
	return top_is_aligned(magazine, align) ? vcache_pop(cache->cpu, magazine) : NULL;
}

/**
 * vcache_take_slow() - take an extent from the cache when vcache_take() could not
 * @cache: the arena
 * @class: quanta, guard not counted
 * @align: of its start; more than a quantum is met only by chance, as when the last free is reused
 * @gfp: of the allocation, for a new magazine
 * @node: the NUMA node that the caller names, one that there is; NUMA_NO_NODE: this CPU's
 *
 * Context: as the allocation.
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
	if (wants && vctx_may_call_mm())
		add_magazine(cache, class, gfp);
	return extent;
}

/* What is to become of an extent that nobody holds any more. */
enum store_where { NOT_STORED, IN_MAGAZINE, IN_DEPOT };

/* Where is room for @extent?  Sets the @magazine of this CPU.  Under the arena's lock. */
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

/* Keep an extent in this CPU's magazine or in the depot.  Under the arena's lock. */
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
 * @extent: the extent, busy
 * @class: its size in quanta, at most CACHE_CLASSES, guard not counted
 *
 * Context: any.
 * Return: what is so now; others may take the room.
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
 * @extent: an extent that nobody holds any more
 * @class: its size in quanta, guard not counted
 *
 * Context: any.
 * Return: whether it was kept.
 */
bool vcache_store_slow(struct vmap_cache *cache, struct vmap_extent *extent, unsigned long class)
{
	bool may_add = vctx_may_call_mm(), stored;
	unsigned long flags;

	if (!vcache_wants(cache, class))
		return false;
	flags = vspace_lock(&cache->purge.space);
	if (wants_magazine(cache, this_cpu_ptr(cache->cpu), class) && may_add) {
		/* Not afterwards: once the free is counted the arena may be gone. */
		vspace_unlock(&cache->purge.space, flags);
		add_magazine(cache, class, GFP_NOWAIT);
		flags = vspace_lock(&cache->purge.space);
	}
	stored = store(cache, extent, class);
	vspace_unlock(&cache->purge.space, flags);
	return stored;
}

/* Take the magazine of @class from @cpu; the caller sees to it that @cpu does not use it now. */
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

static void detach_all(struct vmap_cache *cache, struct vmap_cache_cpu *cpu)
{
	unsigned int class;

	for (class = 1; class <= CACHE_CLASSES; class++)
		if (has_magazine(cpu, class))
			detach(cache, cpu, class);
}

/* On the CPU whose magazines they are, interrupts off. */
static void detach_all_here(void *cache)
{
	detach_all(cache, this_cpu_ptr(((struct vmap_cache *)cache)->cpu));
}

/* The same with those that are due, as long as nobody has touched them since. */
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

/* Does this CPU, perhaps another one than ours, have magazines? */
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

/* Interrupt the CPUs that have magazines, and only those, to take them all. */
static void detach_all_online(struct vmap_cache *cache)
{
	on_each_cpu_cond(has_magazines_there, detach_all_here, cache, 1);
}

/*
 * Make what was cached free: an extent that is in no magazine and no depot any more.  Return how
 * many pages went back to the kernel.  If that is because the kernel reclaims memory, it is told:
 * nobody else can know of them.  What a holder frees, the holder tells, as with vfree().
 */
static unsigned long uncache(struct vmap_cache *cache, struct vmap_extent *extent)
{
	unsigned long flags, pages = 0;

	if (cache->purge.space.memory) {
		WRITE_ONCE(*vspan_slot(vspan_of(extent->start), extent->start), NULL);
		pages = vpurge_free(&cache->purge, extent);
		mm_account_reclaimed_pages(pages);
	} else {
		flags = vspace_lock(&cache->purge.space);
		vspace_put(&cache->purge.space, extent);
		vspace_unlock(&cache->purge.space, flags);
	}
	if (vctx_may_wait())
		cond_resched();
	return pages;
}

/* Free what detached magazines hold, and them.  Return how many pages went back to the kernel. */
static unsigned long empty_detached(struct vmap_cache *cache)
{
	struct llist_node *batch = llist_del_all(&cache->detached);
	struct vmap_magazine *magazine, *following;
	unsigned long pages = 0;

	llist_for_each_entry_safe(magazine, following, batch, node) {
		while (magazine->count)
			pages += uncache(cache, magazine->slot[--magazine->count]);
		kfree_rcu(magazine, rcu);
	}
	return pages;
}

/*
 * Free a batch of a depot's extents, @count at most.  Return how many; the pages that went back to
 * the kernel are added to @pages.
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

/* Free all that is in depots.  Return how many pages went back to the kernel. */
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
 * vcache_drain() - free what is cached, but not what a CPU has that is just going offline
 * @cache: the arena
 *
 * Context: process, may sleep; interrupts the CPUs that have magazines.
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
 * CPUs that no interrupt reaches any more, though cpu_gone() was not called for them yet.  Under
 * cpus_read_lock().
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
 * vcache_drain_all() - free all that is cached
 * @cache: the arena
 *
 * Context: process, may sleep; interrupts the CPUs that have magazines, and keeps all from coming
 * and going.
 */
void vcache_drain_all(struct vmap_cache *cache)
{
	cpus_read_lock();
	detach_offline(cache);
	vcache_drain(cache);
	cpus_read_unlock();
}

/* Free what this CPU has cached. */
static void drain_this_cpu(struct vmap_cache *cache)
{
	unsigned long flags;

	local_irq_save(flags);
	detach_all_here(cache);
	local_irq_restore(flags);
	empty_detached(cache);
}

/**
 * vcache_drain_here() - free some of what is cached on this CPU and in the depot
 * @cache: a range arena: in a memory arena it would not become free before a flush
 * @drained: what the caller's calls before have freed; nothing at first
 *
 * The first call frees what the CPU has, each later one a batch of the depot's, until all that was
 * there at first is free.  While others fill the depot it ends, too, when as much was freed as the
 * depot may hold.
 *
 * Context: any.
 * Return: false if there was nothing left.
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

/* Turn the cache on or off.  Context: process, may sleep. */
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
 * Add what is in the magazines of a CPU, which may be at work on them.  Under rcu_read_lock(), so
 * that a magazine found here stays.
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
 * vcache_sum() - add up what is cached and what the cache did
 * @cache: the arena
 * @sums: set
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

/* How many extents of a depot nobody needed since the last tick? */
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

/* Give those back, a batch now and then: there is no hurry. */
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
 * Count a tick for @magazine, whose CPU may be at work on it.  If that CPU touches the magazine at
 * this moment, either the exchange fails or the CPU's 0 comes after it: no touch is lost.
 */
static unsigned int age_magazine(struct vmap_magazine *magazine)
{
	u8 idle = READ_ONCE(magazine->idle);

	if (idle >= IDLE_TICKS)
		return idle;
	return cmpxchg(&magazine->idle, idle, idle + 1) == idle ? idle + 1 : 0;
}

/* Count a tick for the magazines of a CPU, and note whether any is due. */
static void age_magazines(struct vmap_cache_cpu *cpu)
{
	struct vmap_magazine *magazine;
	unsigned int class;

	cpu->due = false;
	if (!has_magazines(cpu))
		return;
	/* Until the end of this a magazine that is taken away meanwhile is not freed. */
	rcu_read_lock();
	for (class = 1; class <= CACHE_CLASSES; class++) {
		magazine = READ_ONCE(cpu->magazine[class]);
		if (magazine != &vcache_no_magazine && age_magazine(magazine) >= IDLE_TICKS)
			cpu->due = true;
	}
	rcu_read_unlock();
}

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

/* What may be cached: all that is in the depots, and all that the magazines may hold. */
static unsigned long most_cached(const struct vmap_cache *cache)
{
	return data_race(cache->depot_quanta) + atomic_long_read(&cache->promised);
}

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
		for (class = 0; class <= CACHE_CLASSES; class++)
			of->magazine[class] = &vcache_no_magazine;
	}
}

/**
 * vcache_init() - begin without anything cached, and without caching
 * @cache: all zero but for the layers below, which have begun
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM; then vcache_exit() is still to be called.
 */
int vcache_init(struct vmap_cache *cache)
{
	bool memory = cache->purge.space.memory;

	mutex_init(&cache->drain_lock);
	init_llist_head(&cache->detached);
	INIT_DELAYED_WORK(&cache->cache_work, cache_work);
	cache->memory_align = memory ? PAGE_SIZE : 0;
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

/* End a cache that is switched off. */
void vcache_exit(struct vmap_cache *cache)
{
	kvfree(cache->far);
	free_percpu(cache->cpu);
}

/* CPU @cpu is gone: nobody else touches its magazines.  Context: process, may sleep. */
void vcache_cpu_gone(struct vmap_cache *cache, unsigned int cpu)
{
	mutex_lock(&cache->drain_lock);
	detach_all(cache, per_cpu_ptr(cache->cpu, cpu));
	empty_detached(cache);
	mutex_unlock(&cache->drain_lock);
}

/* How many pages may be warm at most? */
unsigned long vcache_most_warm(const struct vmap_cache *cache)
{
	return cache->purge.space.memory ? most_cached(cache) : 0;
}

/**
 * vcache_shrink() - give warm memory back to the kernel
 * @cache: the cache
 * @wanted: pages; the magazines are taken only if the depots have fewer
 *
 * If drain_lock is held, its holder is giving memory back already, and may be waiting for some.
 *
 * Context: reclaim; interrupts the CPUs that have magazines.
 * Return: how many pages went back.
 */
unsigned long vcache_shrink(struct vmap_cache *cache, unsigned long wanted)
{
	unsigned long pages;

	if (!cache->purge.space.memory || !mutex_trylock(&cache->drain_lock))
		return 0;
	pages = empty_depots(cache);
	if (pages < wanted) {
		detach_all_online(cache);
		pages += empty_detached(cache);
	}
	mutex_unlock(&cache->drain_lock);
	WRITE_ONCE(cache->shrinks, cache->shrinks + pages);
	return pages;
}
