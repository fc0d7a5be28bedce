// SPDX-License-Identifier: GPL-2.0
/*
 * module.c - the lab as a kernel module
 *
 * Theory
 *
 * Loading it does the work: parameters are checked, one load is made or read, it is replayed on
 * each structure asked for, and a table goes to the kernel log.  If anything is wrong with a
 * parameter or a trace, the load fails and nothing was replayed.  What was found stays in debugfs
 * until the module is unloaded:
 *
 *   vmap_lab/results       the table
 *   vmap_lab/results.json  the same for programs
 *   vmap_lab/INDEX.samples, .latency, .map   for plots
 *
 * With check= the structures are checked against a model instead (check.c), and loading fails if
 * one is wrong.
 *
 * Locking: none.  All is done by the thread that loads the module, before debugfs shows it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "lab.h"

#define LINE_BYTES	512

static char *index_names = "all";
static char *workload = "random";
static char *trace = "";
static unsigned long n = 10000;
static unsigned long ops = 20000;
static unsigned long space = 1UL << 24;
static unsigned long seed = 1;
static unsigned long check;

module_param_named(index, index_names, charp, 0444);
MODULE_PARM_DESC(index, "structures, with commas between, or all (default all)");
module_param(workload, charp, 0444);
MODULE_PARM_DESC(workload,
		 "le_fit, b_fit, ne_fit, long_busy_list, random, random_align, lifo, heavy or top_down (default random)");
module_param(trace, charp, 0444);
MODULE_PARM_DESC(trace, "path of a trace to replay instead of a workload, not compressed");
module_param(n, ulong, 0444);
MODULE_PARM_DESC(n, "areas live at once, 1..1000000 (default 10000)");
module_param(ops, ulong, 0444);
MODULE_PARM_DESC(ops, "allocations measured, 1..1000000 (default 20000)");
module_param(space, ulong, 0444);
MODULE_PARM_DESC(space, "pages to allocate from, 4096..2^40 (default 2^24)");
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "seed of every random choice (default 1)");
module_param(check, ulong, 0444);
MODULE_PARM_DESC(check, "check the structures against a model, so many rounds, 0..100000 (default 0: replay)");

/* Where printed text goes: to a debugfs file, or line by line to the kernel log. */
struct lab_out {
	struct seq_file *seq;
	char line[LINE_BYTES];
	size_t length;
};

static const struct lab_index *chosen[LAB_MAX_INDEXES];
static struct lab_result results[LAB_MAX_INDEXES];
static unsigned int nr_chosen;
static struct lab_load load;
static struct dentry *folder;

static void log_lines(struct lab_out *out)
{
	char *end;

	while ((end = strchr(out->line, '\n'))) {
		*end = '\0';
		pr_info("%s\n", out->line);
		out->length -= end + 1 - out->line;
		memmove(out->line, end + 1, out->length + 1);
	}
}

void lab_print(struct lab_out *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (out->seq) {
		seq_vprintf(out->seq, format, args);
	} else {
		out->length += vscnprintf(out->line + out->length, LINE_BYTES - out->length, format,
					  args);
		log_lines(out);
	}
	va_end(args);
}

static int check_numbers(void)
{
	return lab_check_number("n", n, 1, LAB_MAX_LIVE) ?:
	       lab_check_number("ops", ops, 1, LAB_MAX_OPS / 4) ?:
	       lab_check_number("space", space, 4096, LAB_MAX_SPACE) ?:
	       lab_check_number("check", check, 0, 100000);
}

static int choose(void)
{
	const struct lab_index *const *index;
	const char *names = index_names;
	char all[LINE_BYTES] = "";
	size_t length = 0;

	nr_chosen = lab_indexes_choose(&names, *trace && !check, chosen);
	if (nr_chosen)
		return 0;
	for (index = lab_indexes; *index; index++)
		length += scnprintf(all + length, sizeof(all) - length, "%s, ", (*index)->name);
	pr_err("index: \"%.*s\" is not one of %sall\n", (int)strcspn(names, ","), names, all);
	return -EINVAL;
}

static int check_all(struct lab_out *out)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < nr_chosen; i++)
		err = lab_model_test(chosen[i], seed, check, out) ?: err;
	return err;
}

static void replay_all(struct lab_out *out)
{
	unsigned int i;

	lab_report_load(out, &load);
	lab_report_heading(out);
	for (i = 0; i < nr_chosen && !fatal_signal_pending(current); i++) {
		lab_replay(chosen[i], &load, &results[i]);
		lab_report_row(out, &results[i]);
	}
	nr_chosen = i;
}

static int results_show(struct seq_file *m, void *unused)
{
	struct lab_out out = { .seq = m };
	unsigned int i;

	lab_report_load(&out, &load);
	lab_report_heading(&out);
	for (i = 0; i < nr_chosen; i++)
		lab_report_row(&out, &results[i]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(results);

static int json_show(struct seq_file *m, void *unused)
{
	struct lab_out out = { .seq = m };

	lab_report_json(&out, &load, results, nr_chosen);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(json);

static int samples_show(struct seq_file *m, void *unused)
{
	struct lab_out out = { .seq = m };

	lab_report_samples(&out, m->private);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(samples);

static int latency_show(struct seq_file *m, void *unused)
{
	struct lab_out out = { .seq = m };

	lab_report_latency(&out, m->private);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(latency);

static int map_show(struct seq_file *m, void *unused)
{
	struct lab_out out = { .seq = m };

	lab_report_map(&out, m->private);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(map);

static void show_part(const char *kind, struct lab_result *result,
		      const struct file_operations *fops)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.%s", result->index->name, kind);
	debugfs_create_file(name, 0400, folder, result, fops);
}

static void show(void)
{
	unsigned int i;

	folder = debugfs_create_dir("vmap_lab", NULL);
	debugfs_create_file("results", 0400, folder, NULL, &results_fops);
	debugfs_create_file("results.json", 0400, folder, NULL, &json_fops);
	for (i = 0; i < nr_chosen; i++) {
		if (results[i].error)
			continue;
		show_part("samples", &results[i], &samples_fops);
		show_part("latency", &results[i], &latency_fops);
		show_part("map", &results[i], &map_fops);
	}
}

static int __init lab_init(void)
{
	const struct lab_shape shape = {
		.workload = workload,
		.n = n,
		.ops = ops,
		.space = space,
		.seed = seed,
	};
	static struct lab_out log;
	int err = check_numbers() ?: choose();

	if (err)
		return err;
	if (check)
		return check_all(&log);
	err = lab_load_make(&load, trace, &shape);
	if (err) {
		lab_load_free(&load);
		return err;
	}
	replay_all(&log);
	show();
	return 0;
}
module_init(lab_init);

static void __exit lab_exit(void)
{
	unsigned int i;

	debugfs_remove(folder);
	for (i = 0; i < nr_chosen; i++)
		lab_result_free(&results[i]);
	lab_load_free(&load);
}
module_exit(lab_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Index structures for address space, side by side on the same operations");
