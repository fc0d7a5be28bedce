// SPDX-License-Identifier: GPL-2.0
/*
 * module.c - the module: its parameters, what the kernel calls it for, and the order of all that
 *
 * The parts of the module begin in the order of one list and end in reverse; if a part cannot
 * begin, those before it end.  Each parameter is checked before the first part begins.
 *
 * The kernel calls for memory (the shrinker) and at the end of a CPU (hotplug): both go through all
 * arenas and have their caches give way.
 *
 * The default arena lives as long as the module.  Every other arena holds a reference to the module
 * until it is destroyed, and whoever calls an exported function holds one by being linked to it, so
 * the module cannot go while somebody uses it.
 *
 * Locking: varena_list_lock, while the arenas are gone through.  The shrinker only tries to take
 * varena_list_lock, whose holder may be waiting for memory.
 */
#define pr_fmt(fmt) "vmap_arena: " fmt

#include <linux/cpu.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/shrinker.h>
#include <linux/string.h>

#include "module.h"
#include "pages.h"
#include "trace.h"

/* Read a number with or without a suffix.  Unlike memparse() this notices an overflow. */
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
	return kstrtoul(digits, 0, &number) || check_shl_overflow(number, shift, bytes) ? -EINVAL :
											  0;
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

/* Words for off and on in turn: the parity of the index is the value. */
static const char *const flag_words[] = {
	"0", "1", "n", "y", "N", "Y", "no", "yes", "off", "on",
};

/* param_set_bool() looks at no more than two letters, and so takes "yonder" for yes. */
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
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = set_flag,
	.get = param_get_bool,
};

static int set_shards(const char *text, const struct kernel_param *kp)
{
	unsigned int number;

	if (kstrtouint(text, 0, &number) || number > VSHARD_MOST) {
		pr_err("%s=%s: must be a number from 0 to %u\n", kp->name, text, VSHARD_MOST);
		return -EINVAL;
	}
	*(unsigned int *)kp->arg = number;
	return 0;
}

static const struct kernel_param_ops shards_ops = { .set = set_shards, .get = param_get_uint };

/* The number of a word is the value of varena_defaults.summary. */
static const char *const index_words[] = { "tree", "summary" };

static int set_index(const char *text, const struct kernel_param *kp)
{
	int word = match_string(index_words, ARRAY_SIZE(index_words), text);

	if (word < 0) {
		pr_err("%s=%s: is neither tree nor summary\n", kp->name, text);
		return -EINVAL;
	}
	*(bool *)kp->arg = word;
	return 0;
}

static int get_index(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%s\n", index_words[*(bool *)kp->arg]);
}

static const struct kernel_param_ops index_ops = { .set = set_index, .get = get_index };

module_param_cb(span_size, &size_ops, &vspan_size, 0444);
MODULE_PARM_DESC(span_size, "address space imported at a time, in bytes, K, M or G; "
			    "a multiple of 2M from 2M to 64G (default 64M)");

module_param_cb(arena_limit, &size_ops, &varena_defaults.limit, 0444);
MODULE_PARM_DESC(arena_limit, "the most address space an arena may hold, in bytes, K, M, G or T; "
			      "0: no limit (default), else at least span_size");

module_param_cb(lazy_threshold, &size_ops, &varena_defaults.threshold, 0444);
MODULE_PARM_DESC(lazy_threshold,
		 "lazy bytes above which purging has priority, in bytes, K, M or G; "
		 "0: 32M times the bits of the number of CPUs (default); "
		 "else from 64K to 64G");

module_param_cb(guard, &flag_ops, &varena_defaults.guard, 0444);
MODULE_PARM_DESC(guard, "leave an unmapped page after each allocation (default y)");

module_param_cb(cache, &flag_ops, &varena_defaults.caching, 0444);
MODULE_PARM_DESC(cache,
		 "keep freed extents for reuse, in a memory arena with their pages (default y)");

module_param_cb(shards, &shards_ops, &varena_defaults.shards, 0444);
MODULE_PARM_DESC(shards, "locks of a memory arena, each with a free tree and spans of its own; "
			 "from 1 (default) to 64; 0: as many as CPUs, at most 64");

module_param_cb(index, &index_ops, &varena_defaults.summary, 0444);
MODULE_PARM_DESC(index,
		 "what finds the lowest free extent: tree (default), a red-black tree; summary, a radix tree of the longest of each piece");

module_param_cb(compact, &flag_ops, &varena_defaults.compact, 0444);
MODULE_PARM_DESC(compact, "move extents of a range arena that may move, in the background; "
			  "after a request failed although enough is free (default y)");

static unsigned long cache_cpu;
module_param_cb(cache_cpu, &size_ops, &cache_cpu, 0444);
MODULE_PARM_DESC(cache_cpu, "the most that an arena keeps on each CPU, in bytes, K, M or G; "
			    "from 64K to 1G; "
			    "0: 1/32 of memory shared among the CPUs, at most 64M (default); "
			    "a range arena counts a quantum as a page");

static unsigned long cache_depot;
module_param_cb(cache_depot, &size_ops, &cache_depot, 0444);
MODULE_PARM_DESC(cache_depot,
		 "the most that an arena keeps for all CPUs together, in bytes, K, M or G; "
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
MODULE_PARM_DESC(time_lock,
		 "measure how long each arena's lock is held, for its stats (default n)");

#define MAX_SPAN	(64UL << 30)
#define MIN_CACHE	(64UL << 10)
#define MAX_CPU_CACHE	(1UL << 30)
#define MAX_DEPOT	(64UL << 30)

/* Is a parameter in its range?  0 stands for the default and is always allowed. */
static int check_range(const char *name, unsigned long value, unsigned long min, unsigned long max)
{
	if (!value || (value >= min && value <= max))
		return 0;
	pr_err("%s=%lu: must be 0 or from %lu to %lu\n", name, value, min, max);
	return -EINVAL;
}

static int check_parameters(void)
{
	if (vspan_size < WINDOW_GRAIN || vspan_size > MAX_SPAN ||
	    !IS_ALIGNED(vspan_size, WINDOW_GRAIN)) {
		pr_err("span_size=%lu: must be a multiple of %lu from %lu to %lu\n", vspan_size,
		       WINDOW_GRAIN, WINDOW_GRAIN, MAX_SPAN);
		return -EINVAL;
	}
	return check_range("arena_limit", varena_defaults.limit, vspan_size, ULONG_MAX) ?:
	       check_range("lazy_threshold", varena_defaults.threshold, MIN_THRESHOLD,
			   MAX_THRESHOLD) ?:
	       check_range("cache_cpu", cache_cpu, MIN_CACHE, MAX_CPU_CACHE) ?:
	       check_range("cache_depot", cache_depot, MIN_CACHE, MAX_DEPOT);
}

/*
 * Magazines of all CPUs together take 1/32 of memory at most, and depots as much: little enough to
 * wait for the shrinker.  64 MiB is what a burst of large buffers frees.
 */
#define CACHE_SHARE	32
#define CACHE_MOST	(64UL << 20)

static int set_up(void)
{
	unsigned long share = totalram_pages() / CACHE_SHARE;
	unsigned long cpu = min(share / num_possible_cpus(), CACHE_MOST >> PAGE_SHIFT);
	unsigned long depot = min(share, CACHE_MOST >> PAGE_SHIFT);

	vcache_set_limits(cache_cpu ? cache_cpu >> PAGE_SHIFT : cpu,
			  cache_depot ? cache_depot >> PAGE_SHIFT : depot);
	if (time_lock)
		vwatch_time_lock();
	if (nr_node_ids > 1)
		static_branch_enable(&vplace_matters);
	return 0;
}

/* Find out whether, and how, page tables can be written and TLBs flushed on this machine. */
static int check_machine(void)
{
	const char *refusal = vwin_refusal();

	if (refusal) {
		pr_err("cannot work here: %s\n", refusal);
		return -ENODEV;
	}
	flush_way = vwin_flush_choose(flush);
	return PTR_ERR_OR_ZERO(flush_way);
}

static int cpu_gone(unsigned int cpu)
{
	struct vmap_arena *arena;

	mutex_lock(&varena_list_lock);
	list_for_each_entry(arena, &varena_list, link)
		vcache_cpu_gone(&arena->cache, cpu);
	mutex_unlock(&varena_list_lock);
	return 0;
}

static enum cpuhp_state hotplug_state;

static int begin_hotplug(void)
{
	int state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "mm/vmap_arena:dead", NULL,
					      cpu_gone);

	hotplug_state = state;
	return min(state, 0);
}

static void end_hotplug(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
}

/* Have an arena give up @wanted pages, and tell tracers.  Return how many pages it gave up. */
static unsigned long shrink(struct vmap_arena *arena, unsigned long wanted)
{
	unsigned long pages = vcache_shrink(&arena->cache, wanted);

	trace_vmap_shrink(arena->cache.purge.space.name, wanted, pages);
	return pages;
}

/* The holder of varena_list_lock may be waiting for memory: then nothing is offered. */
static unsigned long count_warm(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct vmap_arena *arena;
	unsigned long pages = 0;

	if (!mutex_trylock(&varena_list_lock))
		return 0;
	list_for_each_entry(arena, &varena_list, link)
		pages += vcache_most_warm(&arena->cache);
	mutex_unlock(&varena_list_lock);
	return pages;
}

static unsigned long scan_warm(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct vmap_arena *arena;
	unsigned long pages = 0;

	if (!mutex_trylock(&varena_list_lock))
		return SHRINK_STOP;
	list_for_each_entry(arena, &varena_list, link)
		if (pages < sc->nr_to_scan)
			pages += shrink(arena, sc->nr_to_scan - pages);
	mutex_unlock(&varena_list_lock);
	return pages ?: SHRINK_STOP;
}

static struct shrinker *shrinker;

static int begin_shrinker(void)
{
	shrinker = shrinker_alloc(0, "vmap_arena");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = count_warm;
	shrinker->scan_objects = scan_warm;
	shrinker->seeks = DEFAULT_SEEKS;
	shrinker_register(shrinker);
	return 0;
}

static void end_shrinker(void)
{
	shrinker_free(shrinker);
}

static int begin_catching(void)
{
	return catch_vfree ? vcatch_init() : 0;
}

static void end_catching(void)
{
	if (catch_vfree)
		vcatch_exit();
}

/* The parts, in the order in which they begin; a part without an end leaves nothing behind. */
static const struct {
	int (*begin)(void);
	void (*end)(void);
} parts[] = {
	{ check_parameters },
	{ check_machine },
	{ set_up },
	{ vpage_init_module },
	{ vspace_init_module, vspace_exit_module },
	{ vcompact_init_module, vcompact_exit_module },
	{ vdebug_init_module, vdebug_exit_module },
	{ varena_create_default, varena_destroy_default },
	{ varena_create_huge, varena_destroy_huge },
	{ begin_hotplug, end_hotplug },
	{ begin_shrinker, end_shrinker },
	{ vleak_init_module, vleak_exit_module },
	{ vown_init_module, vown_exit_module },
	{ begin_catching, end_catching },
};

/* End the first @count parts. */
static void end_parts(unsigned int count)
{
	while (count--)
		if (parts[count].end)
			parts[count].end();
}

static int __init vmap_arena_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		err = parts[i].begin();
		if (err) {
			end_parts(i);
			return err;
		}
	}
	return 0;
}
module_init(vmap_arena_init);

static void __exit vmap_arena_exit(void)
{
	end_parts(ARRAY_SIZE(parts));
}
module_exit(vmap_arena_exit);

MODULE_DESCRIPTION("Alternate vmalloc-area allocator");
MODULE_VERSION(VMAP_ARENA_VERSION);
MODULE_LICENSE("GPL");
