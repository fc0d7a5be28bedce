// SPDX-License-Identifier: GPL-2.0
/*
 * arena.c - creates and destroys arenas, and says what an arena holds
 *
 * An arena is on varena_list from its creation to its destruction.  The default arena lives as long
 * as the module; each other arena holds a reference to the module.
 *
 * vmap_arena_destroy() destroys an arena when the counted frees equal the counted allocations.  No
 * call touches an arena after the arena's last free was counted: varena_sum_calls() says why the
 * sums can be trusted, empty_arena() what a free may still be doing then.  The memory of an arena
 * is freed with the last reference (refs): the creator has one, each open debugfs file another.
 *
 * debugfs.c, a layer above, is told of arenas through varena_viewer.
 *
 * Locking: varena_list_lock covers varena_list, and so the names.  It is taken before drain_lock.
 */
#define pr_fmt(fmt) "vmap_arena: " fmt

#include <linux/cpumask.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "arena.h"

struct varena_defaults varena_defaults = {
	.guard = true,
	.caching = true,
	.compact = true,
	.shards = 1,
};

const struct varena_viewer *varena_viewer;
LIST_HEAD(varena_list);
/* Covers varena_list, and with it the names; taken before the locks of the layers below. */
DEFINE_MUTEX(varena_list_lock);

/*
 * Each shard has an equal part of the threshold, so that lazy_units of all shards together keep the
 * limit of the arena although no CPU adds them up.
 */
static void set_threshold(struct vmap_arena *arena, unsigned long bytes)
{
	struct vmap_purge *shard;

	WRITE_ONCE(arena->threshold, bytes);
	vpurge_for_each(shard, &arena->cache.purge)
		WRITE_ONCE(shard->threshold, bytes / arena->cache.nr_shards);
}

/**
 * varena_set_threshold() - change above how many lazy bytes an arena purges with priority
 * @arena: a memory arena
 * @bytes: the threshold
 *
 * purge_work sees to what is above the new threshold; frees that find the new limit passed do a
 * part of it.
 *
 * Context: process.
 * Return: 0 or -EINVAL.
 */
int varena_set_threshold(struct vmap_arena *arena, unsigned long bytes)
{
	struct vmap_purge *shard;

	if (bytes < MIN_THRESHOLD || bytes > MAX_THRESHOLD) {
		pr_err("%s: lazy_threshold %lu: must be from %lu to %lu\n",
		       arena->cache.purge.space.name, bytes, MIN_THRESHOLD, MAX_THRESHOLD);
		return -EINVAL;
	}
	set_threshold(arena, bytes);
	vpurge_for_each(shard, &arena->cache.purge)
		vpurge_kick(shard);
	return 0;
}

static void free_arena(struct kref *refs)
{
	struct vmap_arena *arena = container_of(refs, struct vmap_arena, refs);
	struct vmap_purge *shard;

	vcompact_exit(&arena->compaction);
	vwatch_exit(&arena->cache.purge.space);
	vpurge_for_each(shard, &arena->cache.purge)
		vstock_exit(&shard->stock);
	vcache_exit(&arena->cache);
	vspace_exit(&arena->cache.purge.space);
	kfree(arena);
}

/* Drop a reference to an arena, which may be destroyed already. */
void varena_release(struct vmap_arena *arena)
{
	kref_put(&arena->refs, free_arena);
}

/* An arena without spans and without caching.  Of the flags VMAP_ARENA_SUMMARY matters here. */
static struct vmap_arena *new_arena(const char *name, unsigned long quantum, bool memory,
				    unsigned int flags)
{
	struct vmap_arena *arena = kzalloc(sizeof(*arena), vgfp_may_fail(GFP_KERNEL));
	struct vmap_space *space;

	if (!arena)
		return NULL;
	kref_init(&arena->refs);
	INIT_LIST_HEAD(&arena->link);
	space = &arena->cache.purge.space;
	space->memory = memory;
	space->huge = memory && quantum > PAGE_SIZE;
	if (vspace_init(space, name, quantum)) {
		kfree(arena);
		return NULL;
	}
	if (varena_defaults.summary || flags & VMAP_ARENA_SUMMARY)
		vspace_use_summary(space);
	vcompact_init(&arena->compaction);
	arena->compaction.background = !memory && varena_defaults.compact;
	vshard_begin(&arena->cache.purge);
	if (vcache_init(&arena->cache)) {
		varena_release(arena);
		return NULL;
	}
	return arena;
}

/* Make all free that is lazy in a shard, and stop its workers: see empty_arena(). */
static void stop_shard(struct vmap_purge *shard)
{
	struct vmap_space *space = &shard->space;

	if (space->memory)
		vpurge_all(shard);
	if (shard->remote)
		vremote_merge_all(space, shard->remote);
	cancel_work_sync(&shard->purge_work);
	cancel_delayed_work_sync(&space->span_work);
	cancel_work_sync(&space->stock_work);
	cancel_work_sync(&space->trim_work);
}

/*
 * Stop the workers of an arena, give back all that the arena holds, and drop the creator's
 * reference.
 *
 * All allocations and frees are counted, so only the last steps of a free may be left to do:
 *   - a free that was counted by vspace_count_free_irqs_off() may still hold space->lock:
 *     vcache_switch() takes space->lock;
 *   - a free that was counted by vcache_push() may still have interrupts off, on a CPU that has a
 *     magazine: vcache_switch() interrupts that CPU to take the magazine, and afterwards no CPU
 *     gets a magazine;
 *   - a free that was counted by vspace_count_free() does not touch the arena any more.
 *
 * The works are cancelled in an order in which no work can queue one that was cancelled before: the
 * work of the compaction drains the cache; cache_work, the reserve and vpurge_all() make extents
 * lazy, which queues purge_work; purge_work makes spans idle, which queues span_work, and queues
 * trim_work; nothing is left that queues stock_work, or the work of a stock.  No work of a shard
 * queues one of another shard, once nothing is cached any more.
 */
static void empty_arena(struct vmap_arena *arena)
{
	struct vmap_purge *first = &arena->cache.purge, *shard;

	vcompact_stop(&arena->compaction);
	vcache_switch(&arena->cache, false);
	cancel_delayed_work_sync(&arena->cache.cache_work);
	vreserve_exit(arena);
	vslots_exit(arena);
	vpurge_for_each(shard, first)
		stop_shard(shard);
	vpurge_for_each(shard, first) {
		vstock_stop(&shard->stock);
		vspan_return_idle(&shard->space, 0);
	}
	vtake_recount_lost(&arena->cache);
	vpurge_for_each(shard, first)
		vlost_drop(&shard->space);
	vspace_drop_spares(&first->space);
	varena_release(arena);
}

/* How much of a name that is too long is printed: enough to recognise the name by. */
#define NAME_SHOWN	(2 * VMAP_NAME_MAX)

static bool name_is_printable(const char *name)
{
	while (isascii(*name) && isprint(*name) && *name != '/')
		name++;
	return !*name;
}

static bool name_is_good(const char *name)
{
	return *name && strlen(name) < VMAP_NAME_MAX && name_is_printable(name) &&
	       strcmp(name, ".") && strcmp(name, "..");
}

/* May an arena be called @name?  If not, say why. */
static bool check_name(const char *name)
{
	if (name && name_is_good(name))
		return true;
	pr_err("\"%*pE\" cannot be the name of an arena: must be 1 to %d printable ASCII characters but \"/\", and neither \".\" nor \"..\"\n",
	       name ? (int)strnlen(name, NAME_SHOWN) : 0, name, VMAP_NAME_MAX - 1);
	return false;
}

static bool check_flags(const char *name, unsigned int flags, unsigned int known)
{
	if (!(flags & ~known))
		return true;
	pr_err("%s: flags %#x: only those in %#x are known\n", name, flags, known);
	return false;
}

static bool check_bounds(const char *name, unsigned long start, unsigned long end,
			 unsigned long quantum)
{
	if (start < end && is_power_of_2(quantum) && IS_ALIGNED(start | end, quantum))
		return true;
	pr_err("%s: range %#lx-%#lx, quantum %#lx: the quantum must be a power of two, and both ends multiples of it, the first below the second\n",
	       name, start, end, quantum);
	return false;
}

static bool name_is_taken(const char *name)
{
	const struct vmap_arena *arena;

	list_for_each_entry(arena, &varena_list, link)
		if (!strcmp(arena->cache.purge.space.name, name))
			return true;
	return false;
}

/* Put a complete arena on varena_list, unless an arena there has the same name. */
static struct vmap_arena *register_arena(struct vmap_arena *arena)
{
	bool taken;

	mutex_lock(&varena_list_lock);
	taken = name_is_taken(arena->cache.purge.space.name);
	if (!taken) {
		list_add_tail(&arena->link, &varena_list);
		varena_viewer->add(arena);
	}
	mutex_unlock(&varena_list_lock);
	if (taken) {
		empty_arena(arena);
		return ERR_PTR(-EEXIST);
	}
	return arena;
}

static unsigned long default_threshold(void)
{
	return varena_defaults.threshold ?: fls(num_online_cpus()) * (32UL << 20);
}

/* How many shards a memory arena has: one if its windows are huge, for a call takes long there. */
static unsigned int shards_of(unsigned int flags, bool huge)
{
	unsigned int shards = flags & VMAP_ARENA_SHARDED ? 0 : varena_defaults.shards;

	return huge ? 1 : shards ?: min(num_online_cpus(), VSHARD_MOST);
}

/* A memory arena without spans.  Where no window can be huge, VMAP_ARENA_HUGE changes nothing. */
static struct vmap_arena *new_memory(const char *name, unsigned int flags)
{
	bool huge = VCHUNK_WORKS && flags & VMAP_ARENA_HUGE;
	struct vmap_arena *arena = new_arena(name, huge ? PMD_SIZE : PAGE_SIZE, true, flags);
	struct vmap_space *space;

	if (!arena)
		return NULL;
	space = &arena->cache.purge.space;
	arena->flags = flags;
	space->guard = varena_defaults.guard && !(flags & VMAP_ARENA_NOGUARD) ? space->quantum : 0;
	space->limit = varena_defaults.limit;
	if (vshard_add(&arena->cache, shards_of(flags, huge)) ||
	    (!huge && vshard_begin_stocks(&arena->cache))) {
		varena_release(arena);
		return NULL;
	}
	set_threshold(arena, default_threshold());
	vcache_switch(&arena->cache,
		      varena_defaults.caching && !huge && !(flags & VMAP_ARENA_NOCACHE));
	return arena;
}

static struct vmap_arena *create_memory(const char *name, unsigned int flags)
{
	struct vmap_arena *arena;
	int err;

	if (!check_name(name) || !check_flags(name, flags, VMAP_ARENA_FLAGS))
		return ERR_PTR(-EINVAL);
	arena = new_memory(name, flags);
	if (!arena)
		return ERR_PTR(-ENOMEM);
	err = vspan_import(&arena->cache.purge.space, vspan_size, 0, GFP_KERNEL);
	if (err) {
		empty_arena(arena);
		return ERR_PTR(err);
	}
	return register_arena(arena);
}

/**
 * vmap_arena_create() - create a memory arena
 * @name: of its debugfs folder: 1 to 31 printable ASCII characters, no slash, not taken yet
 * @flags: VMAP_ARENA_*, or 0
 *
 * With VMAP_ARENA_HUGE each request of 2 MiB and more gets 2 MiB pages where they can be had at
 * once, and each area, also a small one, takes whole 2 MiB of addresses, and the guard 2 MiB more;
 * nothing is kept for reuse.  Where pages are larger than 4 KiB the flag changes nothing.
 *
 * With VMAP_ARENA_SHARDED the arena has as many shards as the machine has CPUs online, 64 at most;
 * else as many as the parameter shards says.  Each shard has a lock of its own, and CPUs that share
 * no shard do not wait for each other.  With VMAP_ARENA_HUGE there is one shard.
 *
 * With VMAP_ARENA_SUMMARY a summary finds free extents, in place of the red-black tree: see
 * vmap_arena_create_range_flags().
 *
 * Steps: no formula: the import of a span, by vmap(), and the debugfs folder.
 *
 * Context: process, may sleep, also with PREEMPT_RT.
 * Return: the arena, or an ERR_PTR: -EINVAL for a bad name or flag, -EEXIST, -ENOSPC if arena_limit
 * leaves no room for a span, -ENOMEM.
 */
struct vmap_arena *vmap_arena_create(const char *name, unsigned int flags)
{
	struct vmap_arena *arena = create_memory(name, flags);

	if (!IS_ERR(arena))
		__module_get(THIS_MODULE);
	return arena;
}
EXPORT_SYMBOL_GPL(vmap_arena_create);

static bool check_shards(const char *name, unsigned long start, unsigned long end,
			 unsigned long quantum, unsigned int shards)
{
	unsigned long most = min_t(unsigned long, VSHARD_MOST, (end - start) / quantum);

	if (shards && shards <= most)
		return true;
	pr_err("%s: %u shards: must be from 1 to %lu, each with a quantum at least\n", name, shards,
	       most);
	return false;
}

static struct vmap_arena *create_range(const char *name, unsigned long start, unsigned long end,
				       unsigned long quantum, unsigned int shards,
				       unsigned int flags)
{
	struct vmap_arena *arena;
	int err;

	if (!check_name(name) || !check_bounds(name, start, end, quantum) ||
	    !check_shards(name, start, end, quantum, shards) ||
	    !check_flags(name, flags, VMAP_ARENA_SUMMARY))
		return ERR_PTR(-EINVAL);
	arena = new_arena(name, quantum, false, flags);
	if (!arena)
		return ERR_PTR(-ENOMEM);
	err = vshard_add(&arena->cache, shards);
	if (!err) {
		vcache_switch(&arena->cache, varena_defaults.caching);
		err = vshard_split(&arena->cache, start, end);
	}
	if (err) {
		empty_arena(arena);
		return ERR_PTR(err);
	}
	arena = register_arena(arena);
	if (!IS_ERR(arena))
		__module_get(THIS_MODULE);
	return arena;
}

/**
 * vmap_arena_create_range() - create a range arena
 * @name: of its debugfs folder: 1 to 31 printable ASCII characters, no slash, not taken yet
 * @start: the first unit; a multiple of @quantum
 * @end: one past the last; a multiple of @quantum
 * @quantum: all sizes are rounded up to this; a power of two
 *
 * Steps: no formula: the debugfs folder, and a slot for each class of each CPU.
 *
 * Context: process, may sleep, also with PREEMPT_RT.
 * Return: the arena, or an ERR_PTR: -EINVAL for a bad name, quantum or range, -EEXIST, -ENOMEM.
 */
struct vmap_arena *vmap_arena_create_range(const char *name, unsigned long start,
					   unsigned long end, unsigned long quantum)
{
	return create_range(name, start, end, quantum, 1, 0);
}
EXPORT_SYMBOL_GPL(vmap_arena_create_range);

/**
 * vmap_arena_create_range_sharded() - create a range arena for many CPUs
 * @name: as for vmap_arena_create_range()
 * @start: as for vmap_arena_create_range()
 * @end: as for vmap_arena_create_range()
 * @quantum: as for vmap_arena_create_range()
 * @shards: how many parts the range is cut into: 1 to 64, and no more than there are quanta
 *
 * CPUs whose numbers differ modulo @shards allocate from different parts, and do not wait for each
 * other.  In return an extent is the lowest that fits in its part only; no extent crosses the bound
 * of a part, so one that is larger than a part is refused with -ENOSPC; and nothing in the arena
 * can be moved, if it has more than one part.  A part that is full leaves its CPUs to the others.
 *
 * Steps: no formula: the debugfs folder, and a slot for each class of each CPU.
 *
 * Context: process, may sleep, also with PREEMPT_RT.
 * Return: the arena, or an ERR_PTR as vmap_arena_create_range(); -EINVAL also for bad @shards.
 */
struct vmap_arena *vmap_arena_create_range_sharded(const char *name, unsigned long start,
						   unsigned long end, unsigned long quantum,
						   unsigned int shards)
{
	return create_range(name, start, end, quantum, shards, 0);
}
EXPORT_SYMBOL_GPL(vmap_arena_create_range_sharded);

/**
 * vmap_arena_create_range_flags() - create a range arena with an index that the caller chooses
 * @name: as for vmap_arena_create_range()
 * @start: as for vmap_arena_create_range()
 * @end: as for vmap_arena_create_range()
 * @quantum: as for vmap_arena_create_range()
 * @shards: as for vmap_arena_create_range_sharded(); 1 for an arena that is not cut into parts
 * @flags: VMAP_ARENA_SUMMARY, or 0
 *
 * With VMAP_ARENA_SUMMARY a radix tree that knows the longest free extent of each piece finds the
 * lowest fit, in place of the red-black tree: see free_summary.c.  It takes 128 bytes for each
 * piece of eight quanta in which an extent ends, free or not, and as much again for some of the
 * pieces above.
 *
 * Steps: no formula: the debugfs folder, and a slot for each class of each CPU.
 *
 * Context: process, may sleep, also with PREEMPT_RT.
 * Return: the arena, or an ERR_PTR as vmap_arena_create_range_sharded(); -EINVAL also for a bad
 * flag.
 */
struct vmap_arena *vmap_arena_create_range_flags(const char *name, unsigned long start,
						 unsigned long end, unsigned long quantum,
						 unsigned int shards, unsigned int flags)
{
	return create_range(name, start, end, quantum, shards, flags);
}
EXPORT_SYMBOL_GPL(vmap_arena_create_range_flags);

/**
 * varena_sum_calls() - add up allocations and frees, so that no live area is missed
 * @arena: the arena
 * @allocs: set to allocations that succeeded
 * @frees: set to frees that are done: see vspace_count_free()
 *
 * The sums over all CPUs are no snapshot.  All counts of frees are read before any count of
 * allocations.  So the allocation of each area whose free is in @frees is in @allocs, and the
 * difference may be too large but is never too small.  The smp_mb() pairs with the releases in
 * vspace_count_free() and vcache_count_stored().  If one CPU allocates an area and another CPU
 * frees the area, the holder has passed the area on, which orders the two counts.
 *
 * Context: any.
 */
void varena_sum_calls(const struct vmap_arena *arena, unsigned long *allocs, unsigned long *frees)
{
	const struct vmap_cache *cache = &arena->cache;
	int cpu;

	*allocs = 0;
	*frees = 0;
	for_each_possible_cpu(cpu) {
		*frees += READ_ONCE(per_cpu_ptr(cache->purge.space.calls, cpu)->frees) +
			  READ_ONCE(per_cpu_ptr(cache->cpu, cpu)->stored);
	}
	/* All frees are read before any allocation, and before the arena is freed: see above. */
	smp_mb();
	for_each_possible_cpu(cpu) {
		*allocs += READ_ONCE(per_cpu_ptr(cache->purge.space.calls, cpu)->allocs) +
			   READ_ONCE(per_cpu_ptr(cache->cpu, cpu)->hits);
	}
}

/* The number of allocated areas or extents, or more: see varena_sum_calls(). */
unsigned long varena_live_areas(const struct vmap_arena *arena)
{
	unsigned long allocs, frees;

	varena_sum_calls(arena, &allocs, &frees);
	return allocs - frees;
}

/* Is nothing allocated, after the frees that wait for a grace period?  Range arenas have none. */
static bool is_unused(const struct vmap_arena *arena)
{
	if (!varena_live_areas(arena))
		return true;
	if (!arena->cache.purge.space.memory)
		return false;
	rcu_barrier();
	return !varena_live_areas(arena);
}

/**
 * vmap_arena_destroy() - destroy an arena
 * @arena: not the default one; nobody may use it any more if this succeeds
 *
 * Waits for frees after a grace period, and, once nothing is allocated, for a compaction in the
 * background, which calls no mover any more then.  An area whose free has begun on another CPU, but
 * is not done, counts as allocated; so does an extent that was freed while it was being moved,
 * until the compaction has finished the free.
 *
 * Steps: no formula: all extents that are cached, lazy or free, a vunmap() of each span, and in a
 * memory arena a grace period before the memory of the extents is free.
 *
 * Context: process, may sleep, also with PREEMPT_RT; the caller holds no lock that a mover of the
 * arena took.
 * Return: 0; -EBUSY while anything is allocated or vmap_arena_compact() runs; -EINVAL for the
 * default arena.
 */
int vmap_arena_destroy(struct vmap_arena *arena)
{
	if (!arena || arena == varena_default)
		return -EINVAL;
	if (vlost_count(&arena->cache.purge.space))
		vtake_recount_lost(&arena->cache);
	if (!is_unused(arena) || vcompact_runs(arena))
		return -EBUSY;
	/*
	 * The debugfs folder goes before the name is free: a new arena of that name could not make
	 * its folder.  varena_list_lock is not held: the removal waits for writers of files in the
	 * folder, a writer of "purge" waits for CPU hotplug, which takes varena_list_lock.
	 */
	varena_viewer->remove(arena);
	mutex_lock(&varena_list_lock);
	list_del(&arena->link);
	mutex_unlock(&varena_list_lock);
	empty_arena(arena);
	module_put(THIS_MODULE);
	return 0;
}
EXPORT_SYMBOL_GPL(vmap_arena_destroy);

/* Does a reserve of @count for areas of up to @most make sense?  @limit: the largest @most. */
static bool check_wish(const char *name, unsigned long count, unsigned int most,
		       unsigned int limit, const char *units)
{
	if (most && most <= limit && most <= count)
		return true;
	pr_err("%s: a reserve of %lu %s for areas of up to %u: must be room for one such area, of 1 to %u %s\n",
	       name, count, units, most, limit, units);
	return false;
}

/* @bytes in quanta, rounded up. */
static unsigned long quanta_of(const struct vmap_space *space, unsigned long bytes)
{
	return vspace_quanta(space, bytes) + !!(bytes & (space->quantum - 1));
}

/**
 * vmap_arena_reserve() - set aside what allocations take that must not fail
 * @arena: an arena; NULL: the default one
 * @bytes: how much may be live at a time: the sum of the areas' sizes, each rounded up to pages;
 *	   in a range arena in units, each rounded up to the quantum
 * @area_pages: the most pages of an area; in a range arena the most quanta of an extent
 * @frees: how many areas are freed at most within 100 ms, anywhere in time; in a range arena of no
 *	   matter
 *
 * As long as what is live of the arena stays within @bytes and frees within @frees, an allocation
 * of up to @area_pages pages, with an alignment of up to a page, without NUMA node and without
 * flags for a zone, mobility or accounting, cannot fail: vmap_arena_alloc() then calls neither the
 * page allocator nor the slab, imports no span and waits for no flush.  That holds in hard
 * interrupts, with raw spinlocks held, and with PREEMPT_RT there, too; not in NMI.  @frees counts
 * because addresses that were freed wait for a TLB flush, which a worker does within 100 ms if it
 * gets a CPU.
 *
 * Frees refill the reserve before anything else.  A page that somebody else refers to when its area
 * is freed is replaced by the worker.  The reserve serves before the page allocator does, so areas
 * of up to @area_pages pages are not kept warm in this arena.
 *
 * The reserve takes @bytes of pages, and address space for an area of @area_pages at each of these
 * pages and at each of @frees, with 16 bytes of tables a page and 64 bytes an area.  The reserve is
 * the arena's until the arena is destroyed; the shrinker has no part of it.  Its statistics are
 * reserve, reserve_low, reserve_areas, reserve_areas_low and kept.
 *
 * In a range arena the same is true of vmap_extent_alloc() of up to @area_pages quanta, with an
 * alignment of up to a quantum.  The reserve takes units for an extent of @area_pages quanta at
 * each quantum of @bytes, and 64 bytes of memory for each.  The reserve serves where the free tree
 * has nothing at once, and each extent from the reserve has @area_pages quanta.
 *
 * Steps: no formula: a page allocation for each page, and vmap_arena_alloc() for each slot.
 *
 * Context: process, may sleep, also with PREEMPT_RT; imports spans.
 * Return: 0; -EINVAL for VMAP_ARENA_HUGE, or if @bytes is less than one area of @area_pages;
 * -EEXIST if the arena has a reserve; -ENOMEM if there is not so much memory or address space, then
 * nothing is kept.
 */
int vmap_arena_reserve(struct vmap_arena *arena, unsigned long bytes, unsigned int area_pages,
		       unsigned int frees)
{
	const struct vmap_space *space;
	unsigned long count;

	arena = varena_or_default(arena);
	space = &arena->cache.purge.space;
	count = quanta_of(space, bytes);
	if (space->huge ||
	    !check_wish(space->name, count, area_pages,
			space->memory ? VRESERVE_MOST_PAGES : U32_MAX,
			space->memory ? "pages" : "quanta"))
		return -EINVAL;
	if (!space->memory)
		return vslots_make(arena, count, (unsigned long)area_pages << space->quantum_shift);
	return vreserve_make(arena, count, area_pages, frees);
}
EXPORT_SYMBOL_GPL(vmap_arena_reserve);

/**
 * vmap_arena_purge() - make all that is lazy or cached free, return idle spans and stocked pages
 * @arena: the arena; NULL: the default one
 *
 * On return nothing that was freed before the call is lazy or cached, and no page of it stocked.
 *
 * Steps: no formula: all extents that are cached, lazy or deferred, and a vunmap() for each idle
 * span.
 *
 * Context: process, may sleep, also with PREEMPT_RT, but no CPU hotplug callback; waits for a TLB
 * flush on all CPUs.
 */
void vmap_arena_purge(struct vmap_arena *arena)
{
	struct vmap_cache *cache = &varena_or_default(arena)->cache;
	struct vmap_purge *shard;

	vcache_drain_all(cache);
	vpurge_for_each(shard, &cache->purge) {
		vpurge_all(shard);
		if (shard->remote)
			vremote_merge_all(&shard->space, shard->remote);
	}
	vpurge_give_stocks(&cache->purge);
	vpurge_for_each(shard, &cache->purge)
		if (shard->space.memory)
			vspan_return_idle(&shard->space, vspan_size);
}
EXPORT_SYMBOL_GPL(vmap_arena_purge);

static void add_calls(const struct vmap_space *space, struct vmap_arena_stats *stats)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct vmap_calls *calls = per_cpu_ptr(space->calls, cpu);

		stats->fails += READ_ONCE(calls->fails);
		stats->throttle_waits += READ_ONCE(calls->throttle_waits);
		stats->deferred += READ_ONCE(calls->deferred);
		stats->pages += READ_ONCE(calls->pages);
	}
}

static void add_cache(struct vmap_cache *cache, struct vmap_arena_stats *stats)
{
	const struct vmap_space *space = &cache->purge.space;
	unsigned long in_guards = vspace_quanta(space, space->guard);
	struct vmap_cache_sums sums;

	vcache_sum(cache, &sums);
	stats->cached = (sums.quanta + in_guards * sums.extents) << space->quantum_shift;
	stats->warm = space->memory ? sums.quanta << space->quantum_shift : 0;
	stats->cold = space->memory ? 0 : stats->cached;
	stats->hits = sums.hits;
	stats->misses = sums.misses;
	stats->refills = data_race(cache->refills);
	stats->drains = data_race(cache->drains);
	stats->shrinks = READ_ONCE(cache->shrinks);
}

static void add_stocks(struct vmap_purge *first, struct vmap_arena_stats *stats)
{
	struct vstock_sums sums;

	vpurge_sum_stocks(first, &sums);
	stats->stock = sums.pages << PAGE_SHIFT;
	stats->stock_most = sums.most << PAGE_SHIFT;
	stats->stock_hits = sums.hits;
	stats->stock_blocks = sums.blocks;
	stats->stock_given = sums.given;
}

/* Add what the calls of a shard have done; under space->lock. */
static void add_work(const struct vmap_purge *shard, struct vmap_arena_stats *stats)
{
	const struct free_tree *tree = &shard->space.tree;
	unsigned int fit;

	for (fit = 0; fit < VMAP_NR_FITS; fit++)
		stats->fits[fit] += tree->fits[fit];
	stats->merges += tree->merges;
	stats->flushes += READ_ONCE(shard->flushes);
	stats->purged += shard->purged;
	stats->imports += shard->space.imports;
	stats->lost_spans += shard->space.nr_lost;
	stats->index_nodes += shard->space.summary.used;
}

/*
 * Add the units of a shard.  What is free, lazy and reserved is read under one hold of the lock, so
 * that it adds up.  Only the search for the longest of many very long extents takes more.
 */
static void add_units(struct vmap_purge *shard, struct vmap_arena_stats *stats)
{
	struct vmap_space *space = &shard->space;
	struct free_survey survey = {};
	unsigned long flags;
	bool surveyed;

	flags = vspace_lock(space);
	stats->spans += space->nr_spans;
	stats->reserved += space->reserved;
	stats->free += space->tree.units;
	stats->lazy += atomic_long_read(&shard->lazy_units);
	if (shard->remote)
		stats->lazy += vremote_units(space, shard->remote);
	stats->pending += atomic_long_read(&shard->deferred_units);
	surveyed = free_tree_longest(&space->tree, &survey);
	add_work(shard, stats);
	vspace_unlock(space, flags);
	while (!surveyed) {
		flags = vspace_lock(space);
		surveyed = free_tree_longest(&space->tree, &survey);
		vspace_unlock(space, flags);
	}
	stats->largest_free = max(stats->largest_free, survey.longest);
	stats->lost_pages += atomic_long_read(&space->lost_pages);
	stats->huge += atomic_long_read(&space->huge_pages) * PMD_SIZE;
}

/* The sums over all shards; what is cached and kept is in @stats already. */
static void add_shards(struct vmap_cache *cache, struct vmap_arena_stats *stats)
{
	struct vmap_purge *shard;

	vpurge_for_each(shard, &cache->purge)
		add_units(shard, stats);
	stats->busy = stats->reserved -
		      min(stats->reserved,
			  stats->free + stats->lazy + stats->cached + stats->kept);
}

/**
 * vmap_arena_stats() - what an arena holds and what it has done
 * @arena: the arena; NULL: the default one
 * @stats: filled in
 *
 * Counters of calls under way on other CPUs may be in or not; an area counts until its free is
 * done.
 *
 * Steps: no formula: a look at each class of each CPU and of each depot, and at the free extents of
 * more than 4 G units; the hold of the lock is as short as any.
 *
 * Context: any but NMI, also with PREEMPT_RT.
 */
void vmap_arena_stats(struct vmap_arena *arena, struct vmap_arena_stats *stats)
{
	struct vmap_cache *cache = &varena_or_default(arena)->cache;

	*stats = (struct vmap_arena_stats){};
	varena_sum_calls(varena_or_default(arena), &stats->allocs, &stats->frees);
	stats->areas = stats->allocs - stats->frees;
	add_calls(&cache->purge.space, stats);
	add_cache(cache, stats);
	vreserve_stats(varena_or_default(arena), stats);
	vcompact_stats(varena_or_default(arena), stats);
	add_stocks(&cache->purge, stats);
	vslots_stats(varena_or_default(arena), stats);
	add_shards(cache, stats);
}
EXPORT_SYMBOL_GPL(vmap_arena_stats);

/* Create the arena that lives as long as the module. */
int varena_create_default(void)
{
	varena_default = create_memory("default", 0);
	if (!IS_ERR(varena_default))
		return 0;
	pr_err("no address space for the default arena: error %ld\n", PTR_ERR(varena_default));
	return PTR_ERR(varena_default);
}

/* Nobody calls the module any more. */
static void destroy_at_exit(struct vmap_arena *arena)
{
	rcu_barrier();
	varena_viewer->remove(arena);
	empty_arena(arena);
}

void varena_destroy_default(void)
{
	destroy_at_exit(varena_default);
}

/*
 * Create the arena of vmap_alloc_huge(), which lives as long as the module, if windows can be huge.
 * The arena has no span before the first call: most machines may never need one.
 */
int varena_create_huge(void)
{
	struct vmap_arena *arena;

	if (!VCHUNK_WORKS)
		return 0;
	arena = new_memory("huge", VMAP_ARENA_HUGE);
	arena = arena ? register_arena(arena) : ERR_PTR(-ENOMEM);
	if (IS_ERR(arena))
		return PTR_ERR(arena);
	varena_huge = arena;
	return 0;
}

void varena_destroy_huge(void)
{
	if (varena_huge)
		destroy_at_exit(varena_huge);
}
