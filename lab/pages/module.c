// SPDX-License-Identifier: GPL-2.0
/*
 * module.c - replays a load with real pages, beside a load on the page cache
 *
 * Theory
 *
 * Loading the module makes or reads a load; nothing is allocated until somebody asks for it in
 * debugfs, in vmap_frag/:
 *
 *   step     write N: do the next N operations of the load, each with the memory of way=; behind
 *            each the page cache gets read= KiB from a random place of the file cache=.  After its
 *            last operation the load begins anew, with all areas freed.
 *   probe    write "light N" or "compact N": ask for N blocks of 2 MiB, without compaction or with;
 *            read: how many there were (hold.c)
 *   hold     write N: take N single pages, and hold each second one
 *   release  write anything: free all areas and what hold took, and purge what the way keeps
 *   state    operations done, areas and pages live, allocations that failed, KiB read
 *
 * Operations and reads take turns in one thread, so that what a page is used for next does not
 * depend on time.  Where the kernel would map the pages is of no interest here, so of a request
 * only the size counts; a recorded size has a guard page, which is no memory.  An area is freed
 * where the trace has it lazy: vfree() gives pages back at once, only the address has to wait.
 *
 * Locking: one mutex, over all that the files do.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../compat.h"
#include "../lab.h"
#include "pages.h"

#define MAX_REQUESTS	4096
#define MAX_READ	1024
#define MAX_HOLD	BIT(24)	/* 64 GiB */
#define WRITE_MAX	32

static char *way_name = "vmalloc";
static char *workload = "random";
static char *trace = "";
static char *cache = "";
static unsigned long n = 8000;
static unsigned long ops = 100000;
static unsigned long seed = 1;
static unsigned long read_kib = 16;

module_param_named(way, way_name, charp, 0444);
MODULE_PARM_DESC(way, "none, single, large, vmalloc or arena (default vmalloc)");
module_param(workload, charp, 0444);
MODULE_PARM_DESC(workload, "as of vmap_lab.ko (default random)");
module_param(trace, charp, 0444);
MODULE_PARM_DESC(trace, "path of a trace to replay instead of a workload, not compressed");
module_param(cache, charp, 0444);
MODULE_PARM_DESC(cache, "path of a file that is read meanwhile (default: none)");
module_param(n, ulong, 0444);
MODULE_PARM_DESC(n, "areas live at once in a workload, 1..1000000 (default 8000)");
module_param(ops, ulong, 0444);
MODULE_PARM_DESC(ops, "allocations of a workload, 1..1000000 (default 100000)");
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "seed of every random choice (default 1)");
module_param_named(read, read_kib, ulong, 0444);
MODULE_PARM_DESC(read, "KiB read from cache= at each operation, 0..1024 (default 16)");

/**
 * struct replay - the one replay
 * @lock: one operation of a debugfs file at a time; over all fields, and over what hold.c holds
 * @way: how areas get memory
 * @load: the operations
 * @areas: those live, by slot
 * @sizes: their pages, by slot
 * @next: which operation comes next
 * @random: of the places to read from
 * @file: the file to read from, or NULL
 * @buffer: what was read last
 * @done: operations done
 * @live: areas live
 * @pages: their pages
 * @failed: allocations that failed
 * @read: KiB read so far
 * @probed: blocks that the last probe got
 */
static struct replay {
	struct mutex lock;
	const struct lab_way *way;
	struct lab_load load;
	void **areas;
	unsigned int *sizes;
	unsigned long next;
	struct lab_random random;
	struct file *file;
	void *buffer;
	unsigned long done;
	unsigned long live;
	unsigned long pages;
	unsigned long failed;
	unsigned long read;
	unsigned int probed;
} replay = { .lock = __MUTEX_INITIALIZER(replay.lock) };

static void free_area(unsigned long slot)
{
	if (!replay.areas[slot])
		return;
	replay.way->free(replay.areas[slot]);
	replay.areas[slot] = NULL;
	replay.live--;
	replay.pages -= replay.sizes[slot];
}

static void free_all(void)
{
	unsigned long slot;

	for (slot = 0; slot < replay.load.slots; slot++) {
		free_area(slot);
		cond_resched();
	}
}

static void alloc_area(const struct lab_op *op)
{
	unsigned int pages = op->request.size - (replay.load.recorded && op->request.size > 1);
	void *area = replay.way->alloc(pages);

	if (!area) {
		replay.failed++;
		return;
	}
	replay.areas[op->slot] = area;
	replay.sizes[op->slot] = pages;
	replay.live++;
	replay.pages += pages;
}

static void run_op(const struct lab_op *op)
{
	if (op->kind == LAB_ALLOC)
		alloc_area(op);
	else
		free_area(op->slot);
	replay.done++;
}

/* Reads read= KiB from a place that is a multiple of that. */
static int read_cache(void)
{
	size_t bytes = read_kib << 10;
	ssize_t got;
	loff_t pos;

	if (!replay.file || !bytes)
		return 0;
	pos = lab_random_below(&replay.random,
			       i_size_read(replay.file->f_mapping->host) / bytes) * bytes;
	got = kernel_read(replay.file, replay.buffer, bytes, &pos);
	if (got < 0)
		return got;
	replay.read += read_kib;
	return 0;
}

static int step(unsigned long count)
{
	int err = 0;

	while (count-- && !err) {
		if (replay.next == replay.load.nr_ops) {
			free_all();
			replay.next = 0;
		}
		run_op(&replay.load.ops[replay.next++]);
		err = fatal_signal_pending(current) ? -EINTR : read_cache();
		cond_resched();
	}
	return err;
}

static void release_all(void)
{
	free_all();
	lab_hold_release();
	if (replay.way->purge)
		replay.way->purge();
}

/* What was written, as text of a few words. */
static int read_text(const char __user *from, size_t count, char *text)
{
	if (count >= WRITE_MAX)
		return -EINVAL;
	if (copy_from_user(text, from, count))
		return -EFAULT;
	text[count] = '\0';
	return 0;
}

static int do_step(char *text)
{
	unsigned long count;

	return kstrtoul(strim(text), 0, &count) ?: step(count);
}

static int do_probe(char *text)
{
	bool compact = !strncmp(text, "compact ", 8);
	unsigned int requests;
	int err;

	if (!compact && strncmp(text, "light ", 6))
		return -EINVAL;
	err = kstrtouint(strim(strchr(text, ' ')), 0, &requests);
	if (err || !requests || requests > MAX_REQUESTS)
		return err ?: -EINVAL;
	replay.probed = lab_probe(requests, compact);
	return 0;
}

static int do_hold(char *text)
{
	unsigned long count;

	return kstrtoul(strim(text), 0, &count) ?:
	       (count && count <= MAX_HOLD ? lab_hold(count) : -EINVAL);
}

static int do_release(char *text)
{
	release_all();
	return 0;
}

static ssize_t locked_write(int (*act)(char *text), const char __user *from, size_t count)
{
	char text[WRITE_MAX];
	int err = read_text(from, count, text);

	if (err)
		return err;
	mutex_lock(&replay.lock);
	err = act(text);
	mutex_unlock(&replay.lock);
	return err ?: count;
}

#define WRITE_ONLY(name)									\
static ssize_t name ## _write(struct file *file, const char __user *from, size_t count,	\
			      loff_t *pos)							\
{												\
	return locked_write(do_ ## name, from, count);						\
}												\
static const struct file_operations name ## _fops = {						\
	.owner = THIS_MODULE, .open = nonseekable_open, .write = name ## _write,		\
}

WRITE_ONLY(step);
WRITE_ONLY(hold);
WRITE_ONLY(release);

static int probe_show(struct seq_file *m, void *unused)
{
	mutex_lock(&replay.lock);
	seq_printf(m, "%u\n", replay.probed);
	mutex_unlock(&replay.lock);
	return 0;
}

static ssize_t probe_write(struct file *file, const char __user *from, size_t count, loff_t *pos)
{
	return locked_write(do_probe, from, count);
}
DEFINE_SHOW_STORE_ATTRIBUTE(probe);

static int state_show(struct seq_file *m, void *unused)
{
	mutex_lock(&replay.lock);
	seq_printf(m, "operations %lu of %lu\n", replay.done, replay.load.nr_ops);
	seq_printf(m, "live %lu\n", replay.live);
	seq_printf(m, "pages %lu\n", replay.pages);
	seq_printf(m, "failed %lu\n", replay.failed);
	seq_printf(m, "read %lu\n", replay.read);
	mutex_unlock(&replay.lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

static struct dentry *folder;

static void show(void)
{
	folder = debugfs_create_dir("vmap_frag", NULL);
	debugfs_create_file("step", 0200, folder, NULL, &step_fops);
	debugfs_create_file("probe", 0600, folder, NULL, &probe_fops);
	debugfs_create_file("hold", 0200, folder, NULL, &hold_fops);
	debugfs_create_file("release", 0200, folder, NULL, &release_fops);
	debugfs_create_file("state", 0400, folder, NULL, &state_fops);
}

static int find_way(void)
{
	replay.way = lab_way_find(way_name);
	if (replay.way)
		return 0;
	pr_err("way: \"%s\" is not one of none, single, large, vmalloc, arena\n", way_name);
	return -EINVAL;
}

static int check_parameters(void)
{
	return lab_check_number("n", n, 1, LAB_MAX_LIVE) ?:
	       lab_check_number("ops", ops, 1, LAB_MAX_OPS / 4) ?:
	       lab_check_number("read", read_kib, 0, MAX_READ) ?: find_way();
}

static int make_load(void)
{
	const struct lab_shape shape = {
		.workload = workload,
		.n = n,
		.ops = ops,
		.space = 1UL << 24,
		.seed = seed,
	};
	int err = lab_load_make(&replay.load, trace, &shape);

	if (err)
		return err;
	replay.areas = lab_zalloc(replay.load.slots * sizeof(*replay.areas));
	replay.sizes = lab_zalloc(replay.load.slots * sizeof(*replay.sizes));
	return replay.areas && replay.sizes ? 0 : -ENOMEM;
}

static int open_cache(void)
{
	struct file *file;

	lab_random_seed(&replay.random, seed);
	if (!*cache)
		return 0;
	replay.buffer = kmalloc(MAX_READ << 10, GFP_KERNEL);
	if (!replay.buffer)
		return -ENOMEM;
	file = filp_open(cache, O_RDONLY | O_LARGEFILE, 0);
	if (IS_ERR(file)) {
		pr_err("cache: \"%s\" cannot be read: error %ld\n", cache, PTR_ERR(file));
		return PTR_ERR(file);
	}
	replay.file = file;
	if (i_size_read(file->f_mapping->host) >= MAX_READ << 10)
		return 0;
	pr_err("cache: \"%s\" is shorter than 1 MiB\n", cache);
	return -EINVAL;
}

static void undo(void)
{
	if (replay.areas && replay.sizes)
		release_all();
	if (replay.file)
		filp_close(replay.file, NULL);
	kfree(replay.buffer);
	lab_release(replay.areas);
	lab_release(replay.sizes);
	lab_load_free(&replay.load);
}

static int __init frag_init(void)
{
	int err = check_parameters() ?: make_load() ?: open_cache();

	if (err)
		undo();
	else
		show();
	return err;
}
module_init(frag_init);

static void __exit frag_exit(void)
{
	debugfs_remove(folder);
	undo();
}
module_exit(frag_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Replays a load with real pages, to see what it does to the fragmentation of memory");
