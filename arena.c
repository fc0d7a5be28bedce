// SPDX-License-Identifier: GPL-2.0
/*
 * arena.c - creates and destroys arenas; the module and its parameters
 *
 * The default arena lives as long as the module.  Every other arena holds a reference to the module
 * until it is destroyed, and whoever calls an exported function holds one by being linked to it, so
 * the module cannot go while somebody uses it.  What remains is a caller's module that goes and
 * leaves allocations of the default arena behind.  A module notifier looks for that: it reports
 * each area allocated from the module that goes, and keeps a reference to this one for as long as
 * the default arena has live areas.
 *
 * An arena can be destroyed when as many frees as allocations are counted.  Nothing touches an
 * arena after the free that was its last is counted: see arena_sum_calls() and empty_arena().  It
 * is freed when its last reference goes: its creator's, or that of an open debugfs file.
 *
 * Locking: arena_list_lock covers the list of arenas and their names.
 */
#define pr_fmt(fmt) "vmap_arena: " fmt

#include <linux/cpumask.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kstrtox.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "arena.h"
#include "cache.h"

struct vmap_arena *default_arena;
LIST_HEAD(arena_list);
DEFINE_MUTEX(arena_list_lock);	/* covers arena_list */
struct workqueue_struct *arena_wq;
struct kmem_cache *extent_slab;

/* A number, perhaps with a suffix; unlike memparse() this notices what does not fit. */
static int parse_size(const char *text, unsigned long *bytes)
{
	static const char suffixes[] = "KMGT";
	char digits[24];
	unsigned long number;
	const char *suffix;
	unsigned int shift = 0;
	size_t len;

	if (strscpy(digits, text, sizeof(digits)) < 0)
		return -EINVAL;
	strim(digits);
	len = strlen(digits);
	suffix = len ? strchr(suffixes, toupper(digits[len - 1])) : NULL;
	if (suffix) {
		shift = 10 * (suffix - suffixes + 1);
		digits[len - 1] = '\0';
	}
	return kstrtoul(digits, 0, &number) || check_shl_overflow(number, shift, bytes) ? -EINVAL
											: 0;
}

static int set_size(const char *text, const struct kernel_param *kp)
{
	if (!parse_size(text, kp->arg))
		return 0;
	pr_err("%s=%s is not a size: give bytes up to %lu, or a number with K, M, G or T\n",
	       kp->name, text, ULONG_MAX);
	return -EINVAL;
}

static int get_size(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%lu\n", *(unsigned long *)kp->arg);
}

static const struct kernel_param_ops size_ops = { .set = set_size, .get = get_size };

/* Off, on, off, on, ... */
static const char *const flag_words[] = {
	"0", "1", "n", "y", "N", "Y", "no", "yes", "off", "on",
};

/* The kernel's own parser of flags looks at no more than two letters. */
static int set_flag(const char *text, const struct kernel_param *kp)
{
	int word = text ? match_string(flag_words, ARRAY_SIZE(flag_words), text) : 1;

	if (word < 0) {
		pr_err("%s=%s: is not one of 0, 1, n, y, N, Y, no, yes, off, on\n", kp->name, text);
		return -EINVAL;
	}
	*(bool *)kp->arg = word % 2;
	return 0;
}

static const struct kernel_param_ops flag_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG, .set = set_flag, .get = param_get_bool,
};

unsigned long span_size = 64UL << 20;
module_param_cb(span_size, &size_ops, &span_size, 0444);
MODULE_PARM_DESC(span_size, "address space imported at a time, in bytes, K, M or G; "
			    "a multiple of 2M from 2M to 64G (default 64M)");

static unsigned long arena_limit;
module_param_cb(arena_limit, &size_ops, &arena_limit, 0444);
MODULE_PARM_DESC(arena_limit, "the most address space an arena may hold, in bytes, K, M, G or T; "
			      "0: no limit (default), else at least span_size");

static unsigned long lazy_threshold;
module_param_cb(lazy_threshold, &size_ops, &lazy_threshold, 0444);
MODULE_PARM_DESC(lazy_threshold, "lazy bytes above which purging has priority, in bytes, K, M or G; "
				 "0: 32M times the bits of the number of CPUs (default); "
				 "else from 64K to 64G");

static bool guard = true;
module_param_cb(guard, &flag_ops, &guard, 0444);
MODULE_PARM_DESC(guard, "leave an unmapped page after each allocation (default y)");

static bool cache = true;
module_param_cb(cache, &flag_ops, &cache, 0444);
MODULE_PARM_DESC(cache, "keep freed extents for reuse, in a memory arena with their pages (default y)");

static unsigned long cache_cpu;
module_param_cb(cache_cpu, &size_ops, &cache_cpu, 0444);
MODULE_PARM_DESC(cache_cpu, "the most that an arena keeps on each CPU, in bytes, K, M or G; "
			    "from 64K to 1G; "
			    "0: 1/32 of memory shared among the CPUs, at most 64M (default); "
			    "a range arena counts a quantum as a page");

static unsigned long cache_depot;
module_param_cb(cache_depot, &size_ops, &cache_depot, 0444);
MODULE_PARM_DESC(cache_depot, "the most that an arena keeps for all CPUs together, in bytes, K, M or G; "
			      "from 64K to 64G; 0: 1/32 of memory, at most 64M (default)");

static char *flush = "auto";
static const char *flush_way;

static int get_flush(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%s\n", flush_way);
}

static const struct kernel_param_ops flush_ops = {
	.set = param_set_charp,
	.get = get_flush,
	.free = param_free_charp,
};
module_param_cb(flush, &flush_ops, &flush, 0444);
MODULE_PARM_DESC(flush, "how all of a TLB is flushed: auto (default): the best way that works; "
			"x86: invpcid, pge, cr3; arm64: tlbi.  Reads as the way taken");

static bool catch_vfree;
module_param_cb(catch_vfree, &flag_ops, &catch_vfree, 0444);
MODULE_PARM_DESC(catch_vfree,
		 "catch vfree(), kvfree(), vunmap() and their like of our addresses, by kprobes, and do what is right (default n)");

static bool time_lock;
module_param_cb(time_lock, &flag_ops, &time_lock, 0444);
MODULE_PARM_DESC(time_lock, "measure how long each arena's lock is held, for its stats (default n)");

#define MAX_SPAN	(64UL << 30)
#define MIN_THRESHOLD	(64UL << 10)
#define MAX_THRESHOLD	(64UL << 30)
#define MIN_CACHE	(64UL << 10)
#define MAX_CPU_CACHE	(1UL << 30)
#define MAX_DEPOT	(64UL << 30)

/* 0 stands for the default and is always allowed. */
static int check_range(const char *name, unsigned long value, unsigned long min, unsigned long max)
{
	if (!value || (value >= min && value <= max))
		return 0;
	pr_err("%s=%lu: must be 0 or from %lu to %lu\n", name, value, min, max);
	return -EINVAL;
}

static int check_parameters(void)
{
	if (span_size < WINDOW_GRAIN || span_size > MAX_SPAN ||
	    !IS_ALIGNED(span_size, WINDOW_GRAIN)) {
		pr_err("span_size=%lu: must be a multiple of %lu from %lu to %lu\n",
		       span_size, WINDOW_GRAIN, WINDOW_GRAIN, MAX_SPAN);
		return -EINVAL;
	}
	return check_range("arena_limit", arena_limit, span_size, ULONG_MAX) ?:
	       check_range("lazy_threshold", lazy_threshold, MIN_THRESHOLD, MAX_THRESHOLD) ?:
	       check_range("cache_cpu", cache_cpu, MIN_CACHE, MAX_CPU_CACHE) ?:
	       check_range("cache_depot", cache_depot, MIN_CACHE, MAX_DEPOT);
}

static void set_cache_limits(void)
{
	unsigned long share = totalram_pages() / 32;
	unsigned long cpu = min(share / num_possible_cpus(), (64UL << 20) >> PAGE_SHIFT);
	unsigned long depot = min(share, (64UL << 20) >> PAGE_SHIFT);

	cache_set_limits(cache_cpu ? cache_cpu >> PAGE_SHIFT : cpu,
			 cache_depot ? cache_depot >> PAGE_SHIFT : depot);
}

static unsigned long default_threshold(void)
{
	return lazy_threshold ?: fls(num_online_cpus()) * (32UL << 20);
}

/**
 * arena_set_threshold() - change above how many lazy bytes an arena purges with priority
 * @arena: a memory arena
 * @bytes: the threshold
 *
 * Has the worker see to what is above the new one; frees that find the new limit passed do a part.
 *
 * Context: process.
 * Return: 0 or -EINVAL.
 */
int arena_set_threshold(struct vmap_arena *arena, unsigned long bytes)
{
	if (bytes < MIN_THRESHOLD || bytes > MAX_THRESHOLD) {
		pr_err("%s: lazy_threshold %lu: must be from %lu to %lu\n",
		       arena->name, bytes, MIN_THRESHOLD, MAX_THRESHOLD);
		return -EINVAL;
	}
	WRITE_ONCE(arena->threshold, bytes);
	purge_kick(arena);
	return 0;
}

DEFINE_STATIC_KEY_FALSE(arena_lock_timed);

/* How long was the lock held that is about to be let go? */
void arena_note_hold(struct vmap_arena *arena)
{
	lockdep_assert_held(&arena->lock);
	WRITE_ONCE(arena->held_max, max(arena->held_max,
					ktime_get_mono_fast_ns() - arena->locked_at));
}

static void free_arena(struct kref *refs)
{
	struct vmap_arena *arena = container_of(refs, struct vmap_arena, refs);

	free_percpu(arena->cpu);
	kvfree(arena->far);
	kfree(arena);
}

/* Drop a reference to an arena that may be destroyed already. */
void arena_release(struct vmap_arena *arena)
{
	kref_put(&arena->refs, free_arena);
}

static struct vmap_arena *new_arena(const char *name, unsigned long quantum)
{
	struct vmap_arena *arena = kzalloc(sizeof(*arena), gfp_may_fail(GFP_KERNEL));

	if (!arena)
		return NULL;
	arena->cpu = alloc_percpu(struct arena_cpu);
	if (!arena->cpu) {
		kfree(arena);
		return NULL;
	}
	strscpy(arena->name, name, sizeof(arena->name));
	arena->quantum = quantum;
	arena->quantum_shift = ilog2(quantum);
	kref_init(&arena->refs);
	INIT_LIST_HEAD(&arena->link);
	raw_spin_lock_init(&arena->lock);
	free_tree_init(&arena->tree, quantum);
	INIT_LIST_HEAD(&arena->spans);
	INIT_LIST_HEAD(&arena->idle_spans);
	INIT_LIST_HEAD(&arena->lost_spans);
	INIT_LIST_HEAD(&arena->aside);
	INIT_LIST_HEAD(&arena->walkers);
	mutex_init(&arena->walk_lock);
	INIT_WORK(&arena->stock_work, arena_stock_work);
	mutex_init(&arena->import_lock);
	INIT_DELAYED_WORK(&arena->span_work, span_work);
	init_llist_head(&arena->lazy_list);
	init_llist_head(&arena->deferred_list);
	mutex_init(&arena->deferred_lock);
	mutex_init(&arena->purge_lock);
	INIT_WORK(&arena->purge_work, purge_work);
	cache_init(arena);
	return arena;
}

/*
 * Stop all that goes on by itself in an arena and give back what it holds.
 *
 * Each allocation and free is counted, so none is under way but for its last steps:
 *   - a free that counted itself under arena->lock may not have dropped the lock yet:
 *     cache_switch() takes the lock;
 *   - one that counted itself in magazine_push() may not have turned interrupts on yet, on a CPU
 *     that has a magazine: cache_switch() interrupts such a CPU to take its magazines away; no CPU
 *     gets one afterwards;
 *   - one that counted itself in arena_count_free() touches the arena no more.
 *
 * The workers end in an order in which none queues one that has ended: cache_work makes extents
 * lazy and so queues purge_work, as does purge_all(); purge_work makes spans idle and so queues
 * span_work; nobody is left to queue stock_work.
 */
static void empty_arena(struct vmap_arena *arena)
{
	cache_switch(arena, false);
	cancel_delayed_work_sync(&arena->cache_work);
	if (arena->memory)
		purge_all(arena);
	/* The worker would take its time over these. */
	arena_trim_spares(arena, 0, ULONG_MAX);
	cancel_work_sync(&arena->purge_work);
	cancel_delayed_work_sync(&arena->span_work);
	cancel_work_sync(&arena->stock_work);
	span_return_idle(arena, 0);
	lost_drop(arena);
	arena_trim_spares(arena, 0, ULONG_MAX);
	arena_release(arena);
}

/* Of a name that is too long, so much is printed. */
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

static bool check_flags(const char *name, unsigned int flags)
{
	if (!(flags & ~VMAP_ARENA_FLAGS))
		return true;
	pr_err("%s: flags %#x: only those in %#x are known\n", name, flags, VMAP_ARENA_FLAGS);
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

	list_for_each_entry(arena, &arena_list, link)
		if (!strcmp(arena->name, name))
			return true;
	return false;
}

/* Make a complete arena known, under a name that nobody else has. */
static struct vmap_arena *register_arena(struct vmap_arena *arena)
{
	bool taken;

	mutex_lock(&arena_list_lock);
	taken = name_is_taken(arena->name);
	if (!taken) {
		list_add_tail(&arena->link, &arena_list);
		debugfs_add_arena(arena);
	}
	mutex_unlock(&arena_list_lock);
	if (taken) {
		empty_arena(arena);
		return ERR_PTR(-EEXIST);
	}
	return arena;
}

static struct vmap_arena *create_memory(const char *name, unsigned int flags)
{
	struct vmap_arena *arena;
	int err;

	if (!check_name(name) || !check_flags(name, flags))
		return ERR_PTR(-EINVAL);
	arena = new_arena(name, PAGE_SIZE);
	if (!arena)
		return ERR_PTR(-ENOMEM);
	if (!cache_add_nodes(arena)) {
		arena_release(arena);
		return ERR_PTR(-ENOMEM);
	}
	arena->memory = true;
	arena->memory_align = PAGE_SIZE;
	arena->flags = flags;
	arena->guard = guard && !(flags & VMAP_ARENA_NOGUARD) ? PAGE_SIZE : 0;
	arena->limit = arena_limit;
	arena->threshold = default_threshold();
	cache_switch(arena, cache && !(flags & VMAP_ARENA_NOCACHE));
	err = span_import(arena, span_size, 0, GFP_KERNEL);
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

/**
 * vmap_arena_create_range() - create a range arena
 * @name: of its debugfs folder: 1 to 31 printable ASCII characters, no slash, not taken yet
 * @start: the first unit; a multiple of @quantum
 * @end: one past the last; a multiple of @quantum
 * @quantum: all sizes are rounded up to this; a power of two
 *
 * Context: process, may sleep, also with PREEMPT_RT.
 * Return: the arena, or an ERR_PTR: -EINVAL for a bad name, quantum or range, -EEXIST, -ENOMEM.
 */
struct vmap_arena *vmap_arena_create_range(const char *name, unsigned long start,
					   unsigned long end, unsigned long quantum)
{
	struct vmap_arena *arena;
	int err;

	if (!check_name(name) || !check_bounds(name, start, end, quantum))
		return ERR_PTR(-EINVAL);
	arena = new_arena(name, quantum);
	if (!arena)
		return ERR_PTR(-ENOMEM);
	cache_switch(arena, cache);
	err = span_adopt(arena, start, end);
	if (err) {
		empty_arena(arena);
		return ERR_PTR(err);
	}
	arena = register_arena(arena);
	if (!IS_ERR(arena))
		__module_get(THIS_MODULE);
	return arena;
}
EXPORT_SYMBOL_GPL(vmap_arena_create_range);

/**
 * arena_sum_calls() - add up allocations and frees, so that no live area is missed
 * @arena: the arena
 * @allocs: set to allocations that succeeded
 * @frees: set to frees that are done: see arena_count_free()
 *
 * The sums over all CPUs are no snapshot.  All frees are read before any allocation, so that the
 * allocation of each area whose free is in @frees is in @allocs: the difference may be too large,
 * but is never too small.  The barrier pairs with the releases in arena_count_free() and in
 * count_stored(); an area freed on another CPU than the one that allocated it was passed on there
 * by its holder in an order of the holder's own.
 *
 * Context: any.
 */
void arena_sum_calls(const struct vmap_arena *arena, unsigned long *allocs, unsigned long *frees)
{
	int cpu;

	*allocs = 0;
	*frees = 0;
	for_each_possible_cpu(cpu) {
		const struct arena_cpu *counters = per_cpu_ptr(arena->cpu, cpu);

		*frees += READ_ONCE(counters->frees) + READ_ONCE(counters->stored);
	}
	/* All frees before any allocation, and before the arena is freed: see above. */
	smp_mb();
	for_each_possible_cpu(cpu) {
		const struct arena_cpu *counters = per_cpu_ptr(arena->cpu, cpu);

		*allocs += READ_ONCE(counters->allocs) + READ_ONCE(counters->hits);
	}
}

static unsigned long live_areas(const struct vmap_arena *arena)
{
	unsigned long allocs, frees;

	arena_sum_calls(arena, &allocs, &frees);
	return allocs - frees;
}

/* Is nothing allocated, once what vmap_free_rcu() was given, if anything was, has been freed? */
static bool is_unused(const struct vmap_arena *arena)
{
	if (!live_areas(arena))
		return true;
	if (!arena->memory)
		return false;
	rcu_barrier();
	return !live_areas(arena);
}

/**
 * vmap_arena_destroy() - destroy an arena
 * @arena: not the default one; nobody may use it any more if this succeeds
 *
 * Waits for frees after a grace period that are under way.  A free that another CPU has begun, but
 * not done yet, counts as allocated.
 *
 * Context: process, may sleep, also with PREEMPT_RT.
 * Return: 0; -EBUSY while anything is allocated; -EINVAL for the default arena.
 */
int vmap_arena_destroy(struct vmap_arena *arena)
{
	if (!arena || arena == default_arena)
		return -EINVAL;
	if (READ_ONCE(arena->nr_lost))
		lost_recount(arena);
	if (!is_unused(arena))
		return -EBUSY;
	/*
	 * The folder goes before the name is free for a new arena, which could not make its own
	 * while this one is there.  Not under arena_list_lock: debugfs_remove_arena() waits for
	 * writers, and a write to "purge" waits for CPU hotplug, which takes arena_list_lock.
	 */
	debugfs_remove_arena(arena);
	mutex_lock(&arena_list_lock);
	list_del(&arena->link);
	mutex_unlock(&arena_list_lock);
	empty_arena(arena);
	module_put(THIS_MODULE);
	return 0;
}
EXPORT_SYMBOL_GPL(vmap_arena_destroy);

/**
 * vmap_arena_purge() - make all that is lazy or cached free, and return idle spans
 * @arena: the arena; NULL: the default one
 *
 * On return nothing that was freed before the call is lazy or cached.
 *
 * Context: process, may sleep, also with PREEMPT_RT, but no CPU hotplug callback; waits for a TLB
 * flush on all CPUs.
 */
void vmap_arena_purge(struct vmap_arena *arena)
{
	arena = arena ?: default_arena;
	cache_drain_all(arena);
	purge_all(arena);
	if (arena->memory)
		span_return_idle(arena, span_size);
}
EXPORT_SYMBOL_GPL(vmap_arena_purge);

static void add_counters(const struct vmap_arena *arena, struct vmap_arena_stats *stats)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct arena_cpu *counters = per_cpu_ptr(arena->cpu, cpu);

		stats->fails += READ_ONCE(counters->fails);
		stats->throttle_waits += READ_ONCE(counters->throttle_waits);
		stats->deferred += READ_ONCE(counters->deferred);
	}
}

static void add_cache(struct vmap_arena *arena, struct vmap_arena_stats *stats)
{
	unsigned long in_guards = arena->guard >> arena->quantum_shift;
	struct cache_sums sums;

	cache_sum(arena, &sums);
	stats->cached = (sums.quanta + in_guards * sums.extents) << arena->quantum_shift;
	stats->warm = arena->memory ? sums.quanta << arena->quantum_shift : 0;
	stats->cold = arena->memory ? 0 : stats->cached;
	stats->hits = sums.hits;
	stats->misses = sums.misses;
	stats->refills = data_race(arena->refills);
	stats->drains = data_race(arena->drains);
	stats->shrinks = READ_ONCE(arena->shrinks);
}

/**
 * vmap_arena_stats() - what an arena holds and what it has done
 * @arena: the arena; NULL: the default one
 * @stats: filled in
 *
 * Counters of calls under way on other CPUs may be in or not; an area counts until its free is
 * done.
 *
 * Context: any but NMI, also with PREEMPT_RT.
 */
void vmap_arena_stats(struct vmap_arena *arena, struct vmap_arena_stats *stats)
{
	unsigned long flags;

	arena = arena ?: default_arena;
	*stats = (struct vmap_arena_stats){};
	arena_sum_calls(arena, &stats->allocs, &stats->frees);
	stats->areas = stats->allocs - stats->frees;
	add_counters(arena, stats);
	add_cache(arena, stats);
	flags = arena_lock(arena);
	stats->spans = arena->nr_spans;
	stats->reserved = arena->reserved;
	stats->free = arena->tree.units;
	stats->lazy = atomic_long_read(&arena->lazy_units);
	stats->pending = atomic_long_read(&arena->deferred_units);
	stats->busy = arena->reserved - min(arena->reserved,
					    stats->free + stats->lazy + stats->cached);
	stats->largest_free = free_tree_longest(&arena->tree);
	memcpy(stats->fits, arena->tree.fits, sizeof(stats->fits));
	stats->merges = arena->tree.merges;
	stats->flushes = READ_ONCE(arena->flushes);
	stats->purged = arena->purged;
	stats->imports = arena->imports;
	stats->lost_spans = arena->nr_lost;
	arena_unlock(arena, flags);
	stats->lost_pages = atomic_long_read(&arena->lost_pages);
}
EXPORT_SYMBOL_GPL(vmap_arena_stats);

/* Name those areas of the default arena that were allocated from @mod. */
static void report_leaks(struct module *mod)
{
	struct tile_walk walk;

	walk_begin(&walk, default_arena);
	while (walk_step(&walk)) {
		const struct tile *tile = &walk.tile;

		if (tile->caller && within_module((unsigned long)tile->caller, mod))
			pr_err("module %s goes and leaves %lu bytes at %p behind, allocated by %pS\n",
			       mod->name, tile->end - tile->start, (void *)tile->start,
			       tile->caller);
		cond_resched();
	}
	walk_end(&walk);
}

/* Only ever changed by the notifier below, whose calls the kernel serialises. */
static bool kept_for_leaks;

static int module_goes(struct notifier_block *nb, unsigned long action, void *data)
{
	bool leaks;

	if (action != MODULE_STATE_GOING || data == THIS_MODULE)
		return NOTIFY_DONE;
	rcu_barrier();
	if (READ_ONCE(default_arena->nr_lost))
		lost_recount(default_arena);
	leaks = live_areas(default_arena);
	if (leaks)
		report_leaks(data);
	if (leaks && !kept_for_leaks)
		__module_get(THIS_MODULE);
	if (!leaks && kept_for_leaks)
		module_put(THIS_MODULE);
	kept_for_leaks = leaks;
	return NOTIFY_OK;
}

static struct notifier_block module_notifier = { .notifier_call = module_goes };

/*
 * kmemleak does not look into extents: each has the address of its area, which would therefore
 * never count as lost.  They lead to nothing else; a lost one shows when the slab is destroyed.
 */
static int __init make_common(void)
{
	extent_slab = kmem_cache_create("vmap_extent", sizeof(struct vmap_extent),
					sizeof(struct vmap_extent), SLAB_NOLEAKTRACE, NULL);
	arena_wq = alloc_workqueue("vmap_arena", WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_HIGHPRI, 0);
	return extent_slab && arena_wq ? 0 : -ENOMEM;
}

static void drop_common(void)
{
	if (arena_wq)
		destroy_workqueue(arena_wq);
	/* Extents are given to the slab after a grace period. */
	rcu_barrier();
	kmem_cache_destroy(extent_slab);
	debugfs_exit_module();
}

/* Register with all that calls us from now on. */
static int __init hook_in(void)
{
	int err = cache_init_module();

	if (err)
		return err;
	err = register_module_notifier(&module_notifier);
	if (!err && catch_vfree) {
		err = catch_init();
		if (err)
			unregister_module_notifier(&module_notifier);
	}
	if (err)
		cache_exit_module();
	return err;
}

static int __init start(void)
{
	int err = make_common();

	if (err)
		return err;
	if (time_lock)
		static_branch_enable(&arena_lock_timed);
	set_cache_limits();
	if (nr_node_ids > 1)
		static_branch_enable(&place_matters);
	debugfs_init_module();
	default_arena = create_memory("default", 0);
	if (IS_ERR(default_arena)) {
		pr_err("no address space for the default arena: error %ld\n",
		       PTR_ERR(default_arena));
		return PTR_ERR(default_arena);
	}
	err = hook_in();
	if (err) {
		debugfs_remove_arena(default_arena);
		empty_arena(default_arena);
	}
	return err;
}

/* Find out whether, and how, page tables can be written and TLBs flushed on this machine. */
static int __init check_machine(void)
{
	const char *refusal = window_refusal();

	if (refusal) {
		pr_err("cannot work here: %s\n", refusal);
		return -ENODEV;
	}
	flush_way = flush_choose(flush);
	return PTR_ERR_OR_ZERO(flush_way);
}

static int __init vmap_arena_init(void)
{
	int err = check_parameters() ?: check_machine();

	BUILD_BUG_ON(sizeof(struct vmap_extent) != 64);
	if (err)
		return err;
	err = start();
	if (err)
		drop_common();
	return err;
}
module_init(vmap_arena_init);

static void __exit vmap_arena_exit(void)
{
	if (catch_vfree)
		catch_exit();
	unregister_module_notifier(&module_notifier);
	cache_exit_module();
	rcu_barrier();
	debugfs_remove_arena(default_arena);
	empty_arena(default_arena);
	drop_common();
}
module_exit(vmap_arena_exit);

MODULE_DESCRIPTION("Alternate vmalloc-area allocator");
MODULE_VERSION(VMAP_ARENA_VERSION);
MODULE_LICENSE("GPL");
