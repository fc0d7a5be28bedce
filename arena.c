// SPDX-License-Identifier: GPL-2.0
/*
 * arena.c - creates and destroys arenas; the module and its parameters
 *
 * The default arena lives as long as the module.  Every other arena holds a reference to the module
 * until it is destroyed, and whoever calls an exported function holds one by being linked to it, so
 * the module cannot go while somebody uses it.  What remains is a caller's module that goes and
 * leaves allocations of the default arena behind.  A module notifier looks for that: it reports each
 * area allocated from the module that goes, and keeps a reference to this one for as long as the
 * default arena has live areas.
 *
 * An arena is freed when its last reference goes: its creator's, or that of an open debugfs file.
 *
 * Locking: arena_list_lock covers the list of arenas and their names.
 */
#define pr_fmt(fmt) "vmap_arena: " fmt

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "arena.h"

struct vmap_arena *default_arena;
LIST_HEAD(arena_list);
DEFINE_MUTEX(arena_list_lock);
struct workqueue_struct *arena_wq;
struct kmem_cache *extent_slab;

static int set_size(const char *text, const struct kernel_param *kp)
{
	unsigned long *bytes = kp->arg;
	char *rest;

	*bytes = memparse(text, &rest);
	if (rest != text && (!*rest || *rest == '\n'))
		return 0;
	pr_err("%s=%s is not a size: give bytes, or a number with K, M, G or T\n", kp->name, text);
	return -EINVAL;
}

static int get_size(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%lu\n", *(unsigned long *)kp->arg);
}

static const struct kernel_param_ops size_ops = { .set = set_size, .get = get_size };

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
				 "0: 32M times the bits of the number of CPUs (default), "
				 "else from 64K to 64G");

static bool guard = true;
module_param(guard, bool, 0444);
MODULE_PARM_DESC(guard, "leave an unmapped page after each allocation (default y)");

#define MAX_SPAN	(64UL << 30)
#define MIN_THRESHOLD	(64UL << 10)
#define MAX_THRESHOLD	(64UL << 30)

static int check_parameters(void)
{
	if (span_size < PMD_SIZE || span_size > MAX_SPAN || !IS_ALIGNED(span_size, PMD_SIZE)) {
		pr_err("span_size=%lu: must be a multiple of %lu from %lu to %lu\n",
		       span_size, PMD_SIZE, PMD_SIZE, MAX_SPAN);
		return -EINVAL;
	}
	if (arena_limit && arena_limit < span_size) {
		pr_err("arena_limit=%lu: must be 0 or from span_size=%lu to %lu\n",
		       arena_limit, span_size, ULONG_MAX);
		return -EINVAL;
	}
	if (lazy_threshold && (lazy_threshold < MIN_THRESHOLD || lazy_threshold > MAX_THRESHOLD)) {
		pr_err("lazy_threshold=%lu: must be 0 or from %lu to %lu\n",
		       lazy_threshold, MIN_THRESHOLD, MAX_THRESHOLD);
		return -EINVAL;
	}
	return 0;
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
	wake_up_all(&arena->purge_wait);
	return 0;
}

static void free_arena(struct kref *refs)
{
	struct vmap_arena *arena = container_of(refs, struct vmap_arena, refs);

	free_percpu(arena->counters);
	kfree(arena);
}

/* Drop a reference to an arena that may be destroyed already. */
void arena_release(struct vmap_arena *arena)
{
	kref_put(&arena->refs, free_arena);
}

static struct vmap_arena *new_arena(const char *name)
{
	struct vmap_arena *arena = kzalloc(sizeof(*arena), GFP_KERNEL);

	if (!arena)
		return NULL;
	arena->counters = alloc_percpu(struct arena_counters);
	if (!arena->counters) {
		kfree(arena);
		return NULL;
	}
	strscpy(arena->name, name, sizeof(arena->name));
	kref_init(&arena->refs);
	INIT_LIST_HEAD(&arena->link);
	raw_spin_lock_init(&arena->lock);
	free_tree_init(&arena->tree);
	INIT_LIST_HEAD(&arena->spans);
	INIT_LIST_HEAD(&arena->idle_spans);
	INIT_LIST_HEAD(&arena->walkers);
	mutex_init(&arena->import_lock);
	INIT_DELAYED_WORK(&arena->span_work, span_work);
	init_llist_head(&arena->lazy_list);
	init_llist_head(&arena->deferred_list);
	INIT_WORK(&arena->purge_work, purge_work);
	init_waitqueue_head(&arena->purge_wait);
	return arena;
}

/* Stop all that goes on by itself in an arena and give back what it holds. */
static void empty_arena(struct vmap_arena *arena)
{
	struct vmap_extent *extent;

	cancel_delayed_work_sync(&arena->span_work);
	cancel_work_sync(&arena->purge_work);
	span_return_idle(arena, 0);
	while ((extent = extent_pool_pop(&arena->spares)))
		kmem_cache_free(extent_slab, extent);
	arena_release(arena);
}

static bool name_is_good(const char *name)
{
	return name && *name && strlen(name) < VMAP_NAME_MAX && !strchr(name, '/') &&
	       strcmp(name, ".") && strcmp(name, "..");
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

	if (!name_is_good(name) || flags & ~VMAP_ARENA_FLAGS)
		return ERR_PTR(-EINVAL);
	arena = new_arena(name);
	if (!arena)
		return ERR_PTR(-ENOMEM);
	arena->memory = true;
	arena->flags = flags;
	arena->quantum = PAGE_SIZE;
	arena->guard = guard && !(flags & VMAP_ARENA_NOGUARD) ? PAGE_SIZE : 0;
	arena->limit = arena_limit;
	arena->threshold = default_threshold();
	err = span_import(arena, span_size, 0);
	if (err) {
		empty_arena(arena);
		return ERR_PTR(err);
	}
	return register_arena(arena);
}

/**
 * vmap_arena_create() - create a memory arena
 * @name: of its debugfs folder: 1 to 31 characters, no slash, not taken yet
 * @flags: VMAP_ARENA_*, or 0
 *
 * Context: process, may sleep.
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
 * @name: of its debugfs folder: 1 to 31 characters, no slash, not taken yet
 * @start: the first unit; a multiple of @quantum
 * @end: one past the last; a multiple of @quantum
 * @quantum: all sizes are rounded up to this; a power of two
 *
 * Context: process, may sleep.
 * Return: the arena, or an ERR_PTR: -EINVAL for a bad name, quantum or range, -EEXIST, -ENOMEM.
 */
struct vmap_arena *vmap_arena_create_range(const char *name, unsigned long start,
					   unsigned long end, unsigned long quantum)
{
	struct vmap_arena *arena;
	int err;

	if (!name_is_good(name) || start >= end || !is_power_of_2(quantum) ||
	    !IS_ALIGNED(start, quantum) || !IS_ALIGNED(end, quantum))
		return ERR_PTR(-EINVAL);
	arena = new_arena(name);
	if (!arena)
		return ERR_PTR(-ENOMEM);
	arena->quantum = quantum;
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

static unsigned long live_areas(const struct vmap_arena *arena)
{
	unsigned long areas = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct arena_counters *counters = per_cpu_ptr(arena->counters, cpu);

		areas += READ_ONCE(counters->allocs) - READ_ONCE(counters->frees);
	}
	return areas;
}

/**
 * vmap_arena_destroy() - destroy an arena
 * @arena: not the default one; nobody may use it any more if this succeeds
 *
 * Waits for frees after a grace period that are under way.
 *
 * Context: process, may sleep.
 * Return: 0; -EBUSY while anything is allocated; -EINVAL for the default arena.
 */
int vmap_arena_destroy(struct vmap_arena *arena)
{
	if (!arena || arena == default_arena)
		return -EINVAL;
	if (live_areas(arena))
		return -EBUSY;
	rcu_barrier();
	mutex_lock(&arena_list_lock);
	list_del(&arena->link);
	mutex_unlock(&arena_list_lock);
	debugfs_remove_arena(arena);
	purge_all(arena);
	empty_arena(arena);
	module_put(THIS_MODULE);
	return 0;
}
EXPORT_SYMBOL_GPL(vmap_arena_destroy);

/**
 * vmap_arena_purge() - make all that is lazy free, and return idle spans
 * @arena: the arena; NULL: the default one
 *
 * On return nothing that was freed before the call is lazy.
 *
 * Context: process, may sleep; waits for a TLB flush on all CPUs.
 */
void vmap_arena_purge(struct vmap_arena *arena)
{
	arena = arena ?: default_arena;
	purge_all(arena);
	if (arena->memory)
		span_return_idle(arena, span_size);
}
EXPORT_SYMBOL_GPL(vmap_arena_purge);

static void add_counters(const struct vmap_arena *arena, struct vmap_arena_stats *stats)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct arena_counters *counters = per_cpu_ptr(arena->counters, cpu);

		stats->allocs += READ_ONCE(counters->allocs);
		stats->frees += READ_ONCE(counters->frees);
		stats->fails += READ_ONCE(counters->fails);
		stats->throttle_waits += READ_ONCE(counters->throttle_waits);
		stats->deferred += READ_ONCE(counters->deferred);
	}
	stats->areas = stats->allocs - stats->frees;
}

/**
 * vmap_arena_stats() - what an arena holds and what it has done
 * @arena: the arena; NULL: the default one
 * @stats: filled in
 *
 * Counters of calls under way on other CPUs may be in or not.
 *
 * Context: any but NMI.
 */
void vmap_arena_stats(struct vmap_arena *arena, struct vmap_arena_stats *stats)
{
	unsigned long flags;

	arena = arena ?: default_arena;
	*stats = (struct vmap_arena_stats){};
	add_counters(arena, stats);
	raw_spin_lock_irqsave(&arena->lock, flags);
	stats->spans = arena->nr_spans;
	stats->reserved = arena->reserved;
	stats->free = arena->tree.units;
	stats->lazy = atomic_long_read(&arena->lazy_units);
	stats->busy = arena->reserved - min(arena->reserved, stats->free + stats->lazy);
	stats->largest_free = free_tree_longest(&arena->tree);
	memcpy(stats->fits, arena->tree.fits, sizeof(stats->fits));
	stats->merges = arena->tree.merges;
	stats->flushes = READ_ONCE(arena->flushes);
	stats->purged = arena->purged;
	stats->imports = arena->imports;
	raw_spin_unlock_irqrestore(&arena->lock, flags);
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
			pr_err("module %s goes and leaves %lu bytes at %px behind, allocated by %pS\n",
			       mod->name, tile->end - tile->start, (void *)tile->start,
			       tile->caller);
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

static int __init make_common(void)
{
	extent_slab = kmem_cache_create("vmap_extent", sizeof(struct vmap_extent),
					sizeof(struct vmap_extent), 0, NULL);
	arena_wq = alloc_workqueue("vmap_arena", WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_HIGHPRI, 0);
	return extent_slab && arena_wq ? 0 : -ENOMEM;
}

static void drop_common(void)
{
	if (arena_wq)
		destroy_workqueue(arena_wq);
	kmem_cache_destroy(extent_slab);
	debugfs_exit_module();
}

static int __init start(void)
{
	int err = make_common();

	if (err)
		return err;
	debugfs_init_module();
	default_arena = create_memory("default", 0);
	if (IS_ERR(default_arena)) {
		pr_err("no address space for the default arena: error %ld\n",
		       PTR_ERR(default_arena));
		return PTR_ERR(default_arena);
	}
	err = register_module_notifier(&module_notifier);
	if (err)
		empty_arena(default_arena);
	return err;
}

static int __init vmap_arena_init(void)
{
	const char *refusal = window_refusal();
	int err = check_parameters();

	BUILD_BUG_ON(sizeof(struct vmap_extent) != 64);
	if (err)
		return err;
	if (refusal) {
		pr_err("cannot work here: %s\n", refusal);
		return -ENODEV;
	}
	err = start();
	if (err)
		drop_common();
	return err;
}
module_init(vmap_arena_init);

static void __exit vmap_arena_exit(void)
{
	unregister_module_notifier(&module_notifier);
	rcu_barrier();
	debugfs_remove_arena(default_arena);
	purge_all(default_arena);
	empty_arena(default_arena);
	drop_common();
}
module_exit(vmap_arena_exit);

MODULE_DESCRIPTION("Alternate vmalloc-area allocator");
MODULE_LICENSE("GPL");
