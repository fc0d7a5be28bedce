// SPDX-License-Identifier: GPL-2.0
/*
 * bench.c - a benchmark of vmap_arena and of those kernel allocators that do a like job
 *
 * Theory
 *
 * A *peer* is an allocator, ours or another, behind the same two calls.  A *load* says what is
 * asked of it: how large the allocations are, in which order they are freed, how many are live.
 * One *measurement* puts one load on one peer and times every call; see load.c.
 *
 * The clock is the CPU's time stamp counter, in *ticks*.  Under QEMU's -icount a tick is one guest
 * instruction, so the same build gives the same figures each time; the file clock says whether it
 * is so.  What timing and calling cost by themselves is measured as the peer "none".
 *
 * /sys/kernel/debug/vmap_bench/:
 *
 *   run      write "peer=tree sizes=random order=random live=1000" to measure; the write returns
 *            when that is done.  Also align=, warm=, ops=, seed=, budget=.  With entries=1 it is
 *            also counted what each call does to page tables; see entries.c.  With wakeups=N the
 *            delays of a real-time thread are measured, and no calls: also period=, purge=; see
 *            wake.c.
 *   result   the last measurement, as a line of JSON
 *   peers    their names
 *   clock    ticks of a million instructions
 *
 * Locking: one measurement at a time, under a mutex that also covers its result.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timex.h>
#include <linux/uaccess.h>

#include "bench.h"

#define RUN_WRITE_MAX	512
#define CLOCK_LOOPS	500000UL

static const struct bench_peer *const peers[] = {
	&bench_none,
	&bench_range,
	&bench_tree,
	&bench_arena,
	&bench_arena_cold,
	&bench_arena_map,
	&bench_arena_reserved,
#if IS_ENABLED(CONFIG_IOMMU_IOVA)
	&bench_iova_fast,
	&bench_iova,
#endif
#if IS_ENABLED(CONFIG_DRM)
	&bench_drm_mm_lowest,
	&bench_drm_mm_best,
#endif
#if IS_ENABLED(CONFIG_GENERIC_ALLOCATOR)
	&bench_gen_pool,
#endif
	&bench_maple,
	&bench_vmap,
	&bench_vmalloc,
	&bench_huge,
	&bench_vmalloc_huge,
};

static const struct bench_load default_load = {
	.peer = &bench_none,
	.sizes = BENCH_RANDOM,
	.order = BENCH_ANY,
	.live = 1000,
	.align = 1,
	.warm = 10000,
	.ops = 10000,
	.seed = 1,
	.budget = ULONG_MAX / 2,
	.period = 200,
};

static DEFINE_MUTEX(run_lock);
static struct bench_result result;

static const struct bench_peer *find_peer(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(peers); i++)
		if (!strcmp(peers[i]->name, name))
			return peers[i];
	return NULL;
}

struct number {
	const char *name;
	size_t offset;
	unsigned long min;
	unsigned long max;
};

#define NUMBER(field, low, high) { #field, offsetof(struct bench_load, field), low, high }

static const struct number numbers[] = {
	NUMBER(live, 1, BENCH_MAX_LIVE),
	NUMBER(align, 1, BENCH_MAX_ALIGN),
	NUMBER(warm, 0, BENCH_MAX_OPS),
	NUMBER(ops, 1, BENCH_MAX_OPS),
	NUMBER(seed, 0, ULONG_MAX),
	NUMBER(budget, 1, ULONG_MAX / 2),
	NUMBER(entries, 0, 1),
	NUMBER(wakeups, 0, BENCH_MAX_WAKEUPS),
	NUMBER(period, 50, 1000000),
	NUMBER(purge, 0, 1000000),
};

static int set_number(struct bench_load *load, const char *key, const char *text)
{
	unsigned long value;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		const struct number *number = &numbers[i];

		if (strcmp(number->name, key))
			continue;
		if (kstrtoul(text, 0, &value) || value < number->min || value > number->max) {
			pr_err("%s=%s: not a whole number from %lu to %lu\n", key, text,
			       number->min, number->max);
			return -EINVAL;
		}
		*(unsigned long *)((char *)load + number->offset) = value;
		return 0;
	}
	pr_err("%s=%s: there is no such setting\n", key, text);
	return -EINVAL;
}

static int set_name(const char *const *names, size_t count, const char *key, const char *text)
{
	int chosen = match_string(names, count, text);

	if (chosen < 0)
		pr_err("%s=%s: not one of the %zu from %s to %s\n", key, text, count, names[0],
		       names[count - 1]);
	return chosen;
}

static int set_one(struct bench_load *load, const char *key, const char *text)
{
	int chosen = 0;

	if (!strcmp(key, "sizes")) {
		chosen = set_name(bench_size_names, BENCH_NR_SIZES, key, text);
		load->sizes = chosen;
	} else if (!strcmp(key, "order")) {
		chosen = set_name(bench_order_names, BENCH_NR_ORDERS, key, text);
		load->order = chosen;
	} else if (!strcmp(key, "peer")) {
		load->peer = find_peer(text);
		if (!load->peer)
			pr_err("peer=%s: not one of those in the file peers\n", text);
		chosen = load->peer ? 0 : -EINVAL;
	} else {
		return set_number(load, key, text);
	}
	return chosen < 0 ? chosen : 0;
}

static int parse(char *text, struct bench_load *load)
{
	char *word, *value;
	int err = 0;

	*load = default_load;
	while (!err && (word = strsep(&text, "\n "))) {
		if (!*word)
			continue;
		value = strchr(word, '=');
		if (value) {
			*value = 0;
			err = set_one(load, word, value + 1);
		} else {
			pr_err("'%s' is not KEY=VALUE\n", word);
			err = -EINVAL;
		}
	}
	if (!err && !is_power_of_2(load->align)) {
		pr_err("align=%lu: not a power of two\n", load->align);
		err = -EINVAL;
	}
	return err;
}

static ssize_t run_write(struct file *file, const char __user *from, size_t count, loff_t *pos)
{
	struct bench_load load;
	char *text;
	int err;

	if (count > RUN_WRITE_MAX)
		return -EINVAL;
	text = memdup_user_nul(from, count);
	if (IS_ERR(text))
		return PTR_ERR(text);
	err = parse(text, &load);
	kfree(text);
	if (err)
		return err;
	if (mutex_lock_interruptible(&run_lock))
		return -EINTR;
	bench_result_free(&result);
	err = bench_measure(&load, &result);
	if (err)
		bench_result_free(&result);
	mutex_unlock(&run_lock);
	return err ?: count;
}

static const struct file_operations run_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = run_write,
	.llseek = noop_llseek,
};

static int result_show(struct seq_file *m, void *unused)
{
	mutex_lock(&run_lock);
	if (result.load.peer)
		bench_report(m, &result);
	mutex_unlock(&run_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(result);

static int peers_show(struct seq_file *m, void *unused)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(peers); i++)
		seq_printf(m, "%s\n", peers[i]->name);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(peers);

/* A loop of two instructions that no compiler changes. */
static u64 time_two_instructions(unsigned long loops)
{
	u64 start = get_cycles();

#if defined(CONFIG_X86_64)
	asm volatile("1: dec %0; jnz 1b" : "+r" (loops) : : "cc");
#elif defined(CONFIG_ARM64)
	asm volatile("1: subs %0, %0, #1; b.ne 1b" : "+r" (loops) : : "cc");
#else
#error "vmap_bench knows x86-64 and arm64 only"
#endif
	return get_cycles() - start;
}

static int clock_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%llu\n", time_two_instructions(CLOCK_LOOPS));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(clock);

static struct dentry *dir;

static int __init vmap_bench_init(void)
{
	int err = bench_arenas_create();

	if (err)
		return err;
	dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("run", 0200, dir, NULL, &run_fops);
	debugfs_create_file("result", 0400, dir, NULL, &result_fops);
	debugfs_create_file("peers", 0400, dir, NULL, &peers_fops);
	debugfs_create_file("clock", 0400, dir, NULL, &clock_fops);
	return 0;
}
module_init(vmap_bench_init);

static void __exit vmap_bench_exit(void)
{
	debugfs_remove(dir);
	bench_result_free(&result);
	bench_arenas_destroy();
}
module_exit(vmap_bench_exit);

MODULE_DESCRIPTION("Benchmark of vmap_arena and its peers");
MODULE_LICENSE("GPL");
