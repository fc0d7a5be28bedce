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
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/smp.h>

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
static enum cpuhp_state hotplug_state;
struct magazine no_magazine;
DEFINE_STATIC_KEY_FALSE(place_matters);

/* Set before any arena exists. */
void cache_set_limits(unsigned long cpu_quanta, unsigned long depot_quanta)
{
	cpu_limit = cpu_quanta;
	depot_limit = depot_quanta;
}

static unsigned int capacity_of(const struct vmap_arena *arena, unsigned int class)
{
	if (!arena->memory)
		return MAGAZINE_RANGES;
	return clamp_t(unsigned int, MAGAZINE_QUANTA / class, MAGAZINE_MIN, MAGAZINE_MAX);
}

static bool has_magazine(const struct arena_cpu *cpu, unsigned int class)
{
	return cpu->magazine[class] != &no_magazine;
}

/* Have what is not used given back.  Under the arena's lock, and only while the arena caches. */
static void queue_tick(struct vmap_arena *arena)
{
	lockdep_assert_held(&arena->lock);
	queue_delayed_work(arena_wq, &arena->cache_work, CACHE_TICK);
}

/* How many NUMA nodes have depots in an arena? */
static unsigned int nr_places(const struct vmap_arena *arena)
{
	return arena->far ? nr_node_ids : 1;
}

/* The node whose areas this CPU's magazines hold; 0 where that does not matter. */
static unsigned int home_here(const struct vmap_arena *arena)
{
	return arena->far ? place_here() : 0;
}

static struct depot *depot_of(struct vmap_arena *arena, unsigned int node, unsigned int class)
{
	return node ? &arena->far[node - 1][class] : &arena->depot[class];
}

static void depot_push(struct vmap_arena *arena, unsigned int class, struct vmap_extent *extent)
{
	struct depot *depot = depot_of(arena, place_of(extent), class);

	if (!arena->depot_quanta)
		queue_tick(arena);
	extent->under = depot->top;
	depot->top = extent;
	depot->count++;
	arena->depot_quanta += class;
}

static struct vmap_extent *depot_pop(struct vmap_arena *arena, unsigned int node,
				     unsigned int class)
{
	struct depot *depot = depot_of(arena, node, class);
	struct vmap_extent *extent = depot->top;

	if (extent) {
		depot->top = extent->under;
		depot->count--;
		depot->unused = min(depot->unused, depot->count);
		arena->depot_quanta -= class;
		extent->arena = arena;
	}
	return extent;
}

static bool depot_has_room(const struct vmap_arena *arena, unsigned long quanta)
{
	return arena->depot_quanta + quanta <= depot_limit;
}

/* Has this CPU seen enough misses of @class, and is there room for a magazine? */
static bool wants_magazine(const struct vmap_arena *arena, struct arena_cpu *cpu,
			   unsigned int class)
{
	if (has_magazine(cpu, class) || cpu->room < (long)(capacity_of(arena, class) * class))
		return false;
	if (cpu->demand[class] < DEMAND)
		cpu->demand[class]++;
	return cpu->demand[class] == DEMAND;
}

/* Give this CPU @magazine, unless it has one of that class by now. */
static bool attach(struct vmap_arena *arena, struct magazine *magazine)
{
	unsigned int class = magazine->class;
	struct arena_cpu *cpu;
	unsigned long flags;
	bool attached;

	flags = arena_lock(arena);
	cpu = this_cpu_ptr(arena->cpu);
	attached = !has_magazine(cpu, class) && arena->caching;
	if (attached) {
		/* Pairs with the address dependency of who reads another CPU's magazines. */
		smp_store_release(&cpu->magazine[class], magazine);
		WRITE_ONCE(cpu->room, cpu->room - (long)(magazine->capacity * class));
		cpu->demand[class] = 0;
		atomic_inc(&arena->depot[class].magazines);
		atomic_long_add(magazine->capacity * class, &arena->promised);
		queue_tick(arena);
	}
	arena_unlock(arena, flags);
	return attached;
}

static void add_magazine(struct vmap_arena *arena, unsigned int class, gfp_t gfp)
{
	gfp_t effort = gfpflags_allow_blocking(gfp) ? GFP_NOIO : GFP_NOWAIT;
	unsigned int capacity = capacity_of(arena, class);
	struct magazine *magazine;

	magazine = kmalloc(struct_size(magazine, slot, capacity),
			   effort | __GFP_NORETRY | __GFP_NOWARN);
	if (!magazine)
		return;
	*magazine = (struct magazine){ .capacity = capacity, .class = class };
	if (!attach(arena, magazine))
		kfree(magazine);
}

/* Fill half of @magazine from the depot.  Under the arena's lock. */
static void refill(struct vmap_arena *arena, struct magazine *magazine)
{
	unsigned int home = home_here(arena);
	struct vmap_extent *extent;

	lockdep_assert_held(&arena->lock);
	while (magazine->count < magazine->capacity / 2 &&
	       (extent = depot_pop(arena, home, magazine->class)))
		magazine->slot[magazine->count++] = extent;
	if (magazine->count)
		arena->refills++;
}

/* Empty half of @magazine into the depot.  Under the arena's lock. */
static void unload(struct vmap_arena *arena, struct magazine *magazine)
{
	lockdep_assert_held(&arena->lock);
	while (magazine->count > magazine->capacity / 2)
		depot_push(arena, magazine->class, magazine->slot[--magazine->count]);
	arena->drains++;
}

/* Is what would be taken from @magazine next aligned? */
static bool top_is_aligned(const struct magazine *magazine, unsigned long align)
{
	return magazine->count && IS_ALIGNED(magazine->slot[magazine->count - 1]->start, align);
}

/*
 * Take an extent of @node for a CPU of another node, or without a magazine of @class.  Under the
 * arena's lock.
 */
static struct vmap_extent *take_from_depot(struct vmap_arena *arena, struct arena_cpu *cpu,
					   unsigned int node, unsigned int class,
					   unsigned long align)
{
	const struct vmap_extent *top = depot_of(arena, node, class)->top;

	lockdep_assert_held(&arena->lock);
	if (!top || !IS_ALIGNED(top->start, align))
		return NULL;
	WRITE_ONCE(cpu->hits, cpu->hits + 1);
	return depot_pop(arena, node, class);
}

/* Take an extent for a CPU by way of its @magazine.  Under the arena's lock. */
static struct vmap_extent *take_by_magazine(struct vmap_arena *arena, struct magazine *magazine,
					    unsigned long align)
{
	if (!magazine->count)
		refill(arena, magazine);
	return top_is_aligned(magazine, align) ? magazine_pop(arena->cpu, magazine) : NULL;
}

/**
 * cache_take_slow() - take an extent from the cache when cache_take() could not
 * @arena: the arena
 * @class: quanta, guard not counted
 * @align: of its start; more than a quantum is met only by chance, as when the last free is reused
 * @gfp: of the allocation, for a new magazine
 * @node: the NUMA node that the caller names, one that there is; NUMA_NO_NODE: this CPU's
 *
 * Context: as the allocation.
 * Return: a cached extent, or NULL.
 */
struct vmap_extent *cache_take_slow(struct vmap_arena *arena, unsigned long class,
				    unsigned long align, gfp_t gfp, int node)
{
	struct vmap_extent *extent;
	struct arena_cpu *cpu;
	unsigned int home;
	unsigned long flags;
	bool wants;

	if (class - 1 >= CACHE_CLASSES || !READ_ONCE(arena->caching))
		return NULL;
	flags = arena_lock(arena);
	cpu = this_cpu_ptr(arena->cpu);
	wants = wants_magazine(arena, cpu, class);
	home = home_here(arena);
	if (node == NUMA_NO_NODE || !arena->far)
		node = home;
	extent = has_magazine(cpu, class) && node == home ?
			 take_by_magazine(arena, cpu->magazine[class], align) :
			 take_from_depot(arena, cpu, node, class, align);
	if (!extent)
		cpu->misses++;
	arena_unlock(arena, flags);
	if (wants && may_call_mm())
		add_magazine(arena, class, gfp);
	return extent;
}

/* What is to become of an extent that nobody holds any more. */
enum store_where { NOT_STORED, IN_MAGAZINE, IN_DEPOT };

/* Where is room for @extent?  Sets the @magazine of this CPU.  Under the arena's lock. */
static enum store_where where_to_store(const struct vmap_arena *arena,
				       const struct vmap_extent *extent, unsigned int class,
				       struct magazine **magazine)
{
	lockdep_assert_held(&arena->lock);
	if (!arena->caching)
		return NOT_STORED;
	if (magazine_has_room(arena->cpu, extent, class, magazine))
		return IN_MAGAZINE;
	return depot_has_room(arena, max((*magazine)->capacity, 1U) * class) ? IN_DEPOT :
									       NOT_STORED;
}

/* Keep an extent in this CPU's magazine or in the depot.  Under the arena's lock. */
static bool store(struct vmap_arena *arena, struct vmap_extent *extent, unsigned int class)
{
	struct magazine *magazine;
	enum store_where where = where_to_store(arena, extent, class, &magazine);

	if (where == IN_MAGAZINE) {
		magazine_push(arena->cpu, magazine, extent);
	} else if (where == IN_DEPOT) {
		if (magazine->count && !place_is_far(extent))
			unload(arena, magazine);
		WRITE_ONCE(extent->state, VMAP_CACHED);
		depot_push(arena, class, extent);
		count_stored(arena->cpu);
	}
	return where != NOT_STORED;
}

/**
 * cache_has_room() - is there room for one more extent, on this CPU or in the depot?
 * @arena: the arena
 * @extent: the extent, busy
 * @class: its size in quanta, at most CACHE_CLASSES, guard not counted
 *
 * Context: any.
 * Return: what is so now; others may take the room.
 */
bool cache_has_room(struct vmap_arena *arena, const struct vmap_extent *extent,
		    unsigned long class)
{
	struct magazine *magazine;
	unsigned long flags;
	bool room;

	flags = arena_lock(arena);
	room = where_to_store(arena, extent, class, &magazine) != NOT_STORED;
	arena_unlock(arena, flags);
	return room;
}

/**
 * cache_store_slow() - keep an extent when this CPU's magazine had no room
 * @arena: the arena
 * @extent: an extent that nobody holds any more
 * @class: its size in quanta, guard not counted
 *
 * Context: any.
 * Return: whether it was kept.
 */
bool cache_store_slow(struct vmap_arena *arena, struct vmap_extent *extent, unsigned long class)
{
	bool may_add = may_call_mm(), stored;
	unsigned long flags;

	if (!cache_wants(arena, class))
		return false;
	flags = arena_lock(arena);
	if (wants_magazine(arena, this_cpu_ptr(arena->cpu), class) && may_add) {
		/* Not afterwards: once the free is counted the arena may be gone. */
		arena_unlock(arena, flags);
		add_magazine(arena, class, GFP_NOWAIT);
		flags = arena_lock(arena);
	}
	stored = store(arena, extent, class);
	arena_unlock(arena, flags);
	return stored;
}

/* Take the magazine of @class from @cpu; the caller sees to it that @cpu does not use it now. */
static void detach(struct vmap_arena *arena, struct arena_cpu *cpu, unsigned int class)
{
	struct magazine *magazine = cpu->magazine[class];

	WRITE_ONCE(cpu->magazine[class], &no_magazine);
	cpu->demand[class] = 0;
	WRITE_ONCE(cpu->room, cpu->room + (long)(magazine->capacity * class));
	atomic_dec(&arena->depot[class].magazines);
	atomic_long_sub(magazine->capacity * class, &arena->promised);
	llist_add(&magazine->node, &arena->detached);
}

static void detach_all(struct vmap_arena *arena, struct arena_cpu *cpu)
{
	unsigned int class;

	for (class = 1; class <= CACHE_CLASSES; class++)
		if (has_magazine(cpu, class))
			detach(arena, cpu, class);
}

/* On the CPU whose magazines they are, interrupts off. */
static void detach_all_here(void *arena)
{
	detach_all(arena, this_cpu_ptr(((struct vmap_arena *)arena)->cpu));
}

/* The same with those that are due, as long as nobody has touched them since. */
static void detach_due_here(void *data)
{
	struct vmap_arena *arena = data;
	struct arena_cpu *cpu = this_cpu_ptr(arena->cpu);
	unsigned int class;

	for (class = 1; class <= CACHE_CLASSES; class++)
		if (has_magazine(cpu, class) &&
		    READ_ONCE(cpu->magazine[class]->idle) >= IDLE_TICKS)
			detach(arena, cpu, class);
}

/* Does this CPU, perhaps another one than ours, have magazines? */
static bool has_magazines(const struct arena_cpu *cpu)
{
	return READ_ONCE(cpu->room) != cpu_limit;
}

static bool has_magazines_there(int cpu, void *arena)
{
	return has_magazines(per_cpu_ptr(((struct vmap_arena *)arena)->cpu, cpu));
}

static bool is_due_there(int cpu, void *arena)
{
	return per_cpu_ptr(((struct vmap_arena *)arena)->cpu, cpu)->due;
}

/* Interrupt the CPUs that have magazines, and only those, to take them all. */
static void detach_all_online(struct vmap_arena *arena)
{
	on_each_cpu_cond(has_magazines_there, detach_all_here, arena, 1);
}

/* Free what detached magazines hold, and them.  Return how many pages went back to the kernel. */
static unsigned long empty_detached(struct vmap_arena *arena)
{
	struct llist_node *batch = llist_del_all(&arena->detached);
	struct magazine *magazine, *following;
	unsigned long pages = 0;

	llist_for_each_entry_safe(magazine, following, batch, node) {
		while (magazine->count)
			pages += arena_uncache(arena, magazine->slot[--magazine->count]);
		kfree_rcu(magazine, rcu);
	}
	return pages;
}

/*
 * Free a batch of a depot's extents, @count at most.  Return how many; the pages that went back to
 * the kernel are added to @pages.
 */
static unsigned int empty_depot(struct vmap_arena *arena, unsigned int node, unsigned int class,
				unsigned int count, unsigned long *pages)
{
	struct vmap_extent *batch[DRAIN_BATCH];
	unsigned int got, i;
	unsigned long flags;

	flags = arena_lock(arena);
	for (got = 0; got < min_t(unsigned int, count, DRAIN_BATCH); got++) {
		batch[got] = depot_pop(arena, node, class);
		if (!batch[got])
			break;
	}
	arena_unlock(arena, flags);
	for (i = 0; i < got; i++)
		*pages += arena_uncache(arena, batch[i]);
	return got;
}

/* Free all that is in depots.  Return how many pages went back to the kernel. */
static unsigned long empty_depots(struct vmap_arena *arena)
{
	unsigned long pages = 0;
	unsigned int node, class;

	for (node = 0; node < nr_places(arena); node++)
		for (class = 1; class <= CACHE_CLASSES; class++)
			while (empty_depot(arena, node, class, DRAIN_BATCH, &pages))
				;
	return pages;
}

/**
 * cache_drain() - free what is cached, but not what a CPU has that is just going offline
 * @arena: the arena
 *
 * Context: process, may sleep; interrupts the CPUs that have magazines.
 */
void cache_drain(struct vmap_arena *arena)
{
	mutex_lock(&arena->drain_lock);
	detach_all_online(arena);
	empty_detached(arena);
	empty_depots(arena);
	mutex_unlock(&arena->drain_lock);
}

/*
 * CPUs that no interrupt reaches any more, though cpu_gone() was not called for them yet.  Under
 * cpus_read_lock().
 */
static void detach_offline(struct vmap_arena *arena)
{
	int cpu;

	mutex_lock(&arena->drain_lock);
	for_each_possible_cpu(cpu)
		if (!cpu_online(cpu))
			detach_all(arena, per_cpu_ptr(arena->cpu, cpu));
	mutex_unlock(&arena->drain_lock);
}

/**
 * cache_drain_all() - free all that is cached
 * @arena: the arena
 *
 * Context: process, may sleep; interrupts the CPUs that have magazines, and keeps all from coming
 * and going.
 */
void cache_drain_all(struct vmap_arena *arena)
{
	cpus_read_lock();
	detach_offline(arena);
	cache_drain(arena);
	cpus_read_unlock();
}

/* Free what this CPU has cached. */
static void drain_this_cpu(struct vmap_arena *arena)
{
	unsigned long flags;

	local_irq_save(flags);
	detach_all_here(arena);
	local_irq_restore(flags);
	empty_detached(arena);
}

/**
 * cache_drain_here() - free some of what is cached on this CPU and in the depot
 * @arena: a range arena: in a memory arena it would not become free before a flush
 * @drained: what the caller's calls before have freed; nothing at first
 *
 * The first call frees what the CPU has, each later one a batch of the depot's, until all that was
 * there at first is free.  While others fill the depot it ends, too, when as much was freed as the
 * depot may hold.
 *
 * Context: any.
 * Return: false if there was nothing left.
 */
bool cache_drain_here(struct vmap_arena *arena, struct cache_drained *drained)
{
	unsigned long pages = 0;
	unsigned int got = 0;

	if (!drained->class) {
		drained->class = 1;
		drain_this_cpu(arena);
		return true;
	}
	while (!got && drained->class <= CACHE_CLASSES && drained->quanta < depot_limit) {
		got = empty_depot(arena, 0, drained->class, DRAIN_BATCH, &pages);
		drained->quanta += (unsigned long)got * drained->class;
		if (got < DRAIN_BATCH)
			drained->class++;
	}
	return got;
}

/* Turn the cache on or off.  Context: process, may sleep. */
void cache_switch(struct vmap_arena *arena, bool on)
{
	unsigned long flags;

	flags = arena_lock(arena);
	WRITE_ONCE(arena->caching, on);
	WRITE_ONCE(arena->plain_align, on && !arena->memory ? arena->quantum : 0);
	arena_unlock(arena, flags);
	if (!on)
		cache_drain_all(arena);
}

/*
 * Add what is in the magazines of a CPU, which may be at work on them.  Under rcu_read_lock(), so
 * that a magazine found here stays.
 */
static void sum_magazines(const struct arena_cpu *cpu, struct cache_sums *sums)
{
	unsigned int class;

	for (class = 1; class <= CACHE_CLASSES; class++) {
		const struct magazine *magazine = READ_ONCE(cpu->magazine[class]);
		unsigned int count = data_race(magazine->count);

		sums->extents += count;
		sums->quanta += count * class;
	}
}

static void sum_depots(struct vmap_arena *arena, struct cache_sums *sums)
{
	unsigned int node, class;

	for (node = 0; node < nr_places(arena); node++)
		for (class = 1; class <= CACHE_CLASSES; class++)
			sums->extents += data_race(depot_of(arena, node, class)->count);
	sums->quanta += data_race(arena->depot_quanta);
}

/**
 * cache_sum() - add up what is cached and what the cache did
 * @arena: the arena
 * @sums: set
 *
 * Context: any but NMI.
 */
void cache_sum(struct vmap_arena *arena, struct cache_sums *sums)
{
	int cpu;

	*sums = (struct cache_sums){};
	sum_depots(arena, sums);
	rcu_read_lock();
	for_each_possible_cpu(cpu) {
		const struct arena_cpu *of = per_cpu_ptr(arena->cpu, cpu);

		sum_magazines(of, sums);
		sums->hits += data_race(of->hits);
		sums->misses += data_race(of->misses);
	}
	rcu_read_unlock();
}

/* How many extents of a depot nobody needed since the last tick? */
static unsigned int unused_in_depot(struct vmap_arena *arena, struct depot *depot)
{
	unsigned long flags;
	unsigned int unused;

	flags = arena_lock(arena);
	unused = depot->unused;
	depot->unused = depot->count - unused;
	arena_unlock(arena, flags);
	return unused;
}

/* Give those back, a batch now and then: there is no hurry. */
static void age_depot(struct vmap_arena *arena, unsigned int node, unsigned int class)
{
	unsigned int unused = unused_in_depot(arena, depot_of(arena, node, class)), got = 1;
	unsigned long pages = 0;

	for (; unused && got && READ_ONCE(arena->caching); unused -= got) {
		mutex_lock(&arena->drain_lock);
		got = empty_depot(arena, node, class, unused, &pages);
		mutex_unlock(&arena->drain_lock);
		schedule_timeout_idle(1);
	}
}

/*
 * Count a tick for @magazine, whose CPU may be at work on it.  If that CPU touches the magazine at
 * this moment, either the exchange fails or the CPU's 0 comes after it: no touch is lost.
 */
static unsigned int age_magazine(struct magazine *magazine)
{
	u8 idle = READ_ONCE(magazine->idle);

	if (idle >= IDLE_TICKS)
		return idle;
	return cmpxchg(&magazine->idle, idle, idle + 1) == idle ? idle + 1 : 0;
}

/* Count a tick for the magazines of a CPU, and note whether any is due. */
static void age_magazines(struct arena_cpu *cpu)
{
	struct magazine *magazine;
	unsigned int class;

	cpu->due = false;
	if (!has_magazines(cpu))
		return;
	/* Until the end of this a magazine that is taken away meanwhile is not freed. */
	rcu_read_lock();
	for (class = 1; class <= CACHE_CLASSES; class++) {
		magazine = READ_ONCE(cpu->magazine[class]);
		if (magazine != &no_magazine && age_magazine(magazine) >= IDLE_TICKS)
			cpu->due = true;
	}
	rcu_read_unlock();
}

static void take_unused_magazines(struct vmap_arena *arena)
{
	int cpu;

	mutex_lock(&arena->drain_lock);
	for_each_possible_cpu(cpu)
		age_magazines(per_cpu_ptr(arena->cpu, cpu));
	on_each_cpu_cond(is_due_there, detach_due_here, arena, 1);
	empty_detached(arena);
	mutex_unlock(&arena->drain_lock);
}

/* What may be cached: all that is in the depots, and all that the magazines may hold. */
static unsigned long most_cached(const struct vmap_arena *arena)
{
	return data_race(arena->depot_quanta) + atomic_long_read(&arena->promised);
}

void cache_work(struct work_struct *work)
{
	struct vmap_arena *arena = container_of(work, struct vmap_arena, cache_work.work);
	unsigned int node, class;

	take_unused_magazines(arena);
	for (node = 0; node < nr_places(arena); node++)
		for (class = 1; class <= CACHE_CLASSES; class++)
			age_depot(arena, node, class);
	if (most_cached(arena))
		queue_delayed_work(arena_wq, &arena->cache_work, CACHE_TICK);
}

void cache_init(struct vmap_arena *arena)
{
	unsigned int class;
	int cpu;

	mutex_init(&arena->drain_lock);
	init_llist_head(&arena->detached);
	INIT_DELAYED_WORK(&arena->cache_work, cache_work);
	for_each_possible_cpu(cpu) {
		struct arena_cpu *of = per_cpu_ptr(arena->cpu, cpu);

		of->room = cpu_limit;
		for (class = 0; class <= CACHE_CLASSES; class++)
			of->magazine[class] = &no_magazine;
	}
}

/* Give a memory arena depots for each NUMA node.  Before anything is cached.  False: no memory. */
bool cache_add_nodes(struct vmap_arena *arena)
{
	if (!static_branch_unlikely(&place_matters))
		return true;
	arena->far = kvcalloc(nr_node_ids - 1, sizeof(*arena->far), gfp_may_fail(GFP_KERNEL));
	return arena->far;
}

/* A CPU is gone: nobody else touches its magazines. */
static int cpu_gone(unsigned int cpu)
{
	struct vmap_arena *arena;

	mutex_lock(&arena_list_lock);
	list_for_each_entry(arena, &arena_list, link) {
		mutex_lock(&arena->drain_lock);
		detach_all(arena, per_cpu_ptr(arena->cpu, cpu));
		empty_detached(arena);
		mutex_unlock(&arena->drain_lock);
	}
	mutex_unlock(&arena_list_lock);
	return 0;
}

/* The list may be locked by somebody who waits for memory: then we have nothing to give. */
static unsigned long count_warm(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct vmap_arena *arena;
	unsigned long pages = 0;

	if (!mutex_trylock(&arena_list_lock))
		return 0;
	list_for_each_entry(arena, &arena_list, link)
		pages += arena->memory ? most_cached(arena) : 0;
	mutex_unlock(&arena_list_lock);
	return pages;
}

/* Somebody who drains the cache may be waiting for memory: then it is being given back already. */
static unsigned long shrink(struct vmap_arena *arena, unsigned long wanted)
{
	unsigned long pages;

	if (!mutex_trylock(&arena->drain_lock))
		return 0;
	pages = empty_depots(arena);
	if (pages < wanted) {
		detach_all_online(arena);
		pages += empty_detached(arena);
	}
	mutex_unlock(&arena->drain_lock);
	WRITE_ONCE(arena->shrinks, arena->shrinks + pages);
	return pages;
}

static unsigned long scan_warm(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct vmap_arena *arena;
	unsigned long pages = 0;

	if (!mutex_trylock(&arena_list_lock))
		return SHRINK_STOP;
	list_for_each_entry(arena, &arena_list, link)
		if (arena->memory && pages < sc->nr_to_scan)
			pages += shrink(arena, sc->nr_to_scan - pages);
	mutex_unlock(&arena_list_lock);
	return pages ?: SHRINK_STOP;
}

static struct shrinker *shrinker;

/* Register with what asks for memory back: the end of a CPU, and the lack of memory. */
int cache_init_module(void)
{
	int state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "mm/vmap_arena:dead", NULL,
					      cpu_gone);

	if (state < 0)
		return state;
	hotplug_state = state;
	shrinker = shrinker_alloc(0, "vmap_arena");
	if (!shrinker) {
		cpuhp_remove_state_nocalls(hotplug_state);
		return -ENOMEM;
	}
	shrinker->count_objects = count_warm;
	shrinker->scan_objects = scan_warm;
	shrinker->seeks = DEFAULT_SEEKS;
	shrinker_register(shrinker);
	return 0;
}

void cache_exit_module(void)
{
	shrinker_free(shrinker);
	cpuhp_remove_state_nocalls(hotplug_state);
}
