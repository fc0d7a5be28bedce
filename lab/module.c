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
 * A trace is read line by line; it is plain text here, since a kernel does not unpack gzip files
 * for modules.
 *
 * Locking: none.  All is done by the thread that loads the module, before debugfs shows it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
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

void *lab_zalloc(size_t bytes)
{
	return kvzalloc(bytes, GFP_KERNEL);
}

void lab_release(void *memory)
{
	kvfree(memory);
}

u64 lab_now(void)
{
	return ktime_get_ns();
}

/* Changes with each timer interrupt. */
unsigned long lab_disturbances(void)
{
	return jiffies;
}

void lab_breathe(void)
{
	cond_resched();
}

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

static int check_number(const char *name, unsigned long value, unsigned long min,
			unsigned long max)
{
	if (value >= min && value <= max)
		return 0;
	pr_err("%s: %lu is out of range %lu..%lu\n", name, value, min, max);
	return -EINVAL;
}

static int check_numbers(void)
{
	return check_number("n", n, 1, LAB_MAX_LIVE) ?:
	       check_number("ops", ops, 1, LAB_MAX_OPS / 4) ?:
	       check_number("space", space, 4096, LAB_MAX_SPACE) ?:
	       check_number("check", check, 0, 100000);
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

/**
 * struct source - a file read line by line
 * @file: it
 * @pos: how far it was read
 * @at: where the next line begins in @text
 * @fill: how much of @text is filled
 * @text: a piece of the file
 */
struct source {
	struct file *file;
	loff_t pos;
	size_t at;
	size_t fill;
	char text[4096];
};

/* Moves what is left to the front and reads more behind it: 0 at the end of the file. */
static ssize_t read_more(struct source *source)
{
	ssize_t bytes;

	source->fill -= source->at;
	memmove(source->text, source->text + source->at, source->fill);
	source->at = 0;
	bytes = kernel_read(source->file, source->text + source->fill,
			    sizeof(source->text) - source->fill, &source->pos);
	if (bytes > 0)
		source->fill += bytes;
	return bytes;
}

/* Sets @line to the next line, or NULL at the end.  Returns NULL, or what was expected. */
static const char *next_line(struct source *source, char **line)
{
	ssize_t bytes;
	char *end;

	*line = NULL;
	for (;;) {
		end = memchr(source->text + source->at, '\n', source->fill - source->at);
		if (end)
			break;
		bytes = read_more(source);
		if (bytes < 0)
			return "expected a file that can be read";
		if (!bytes)
			return source->fill ? "expected the end of the line" : NULL;
	}
	*end = '\0';
	*line = source->text + source->at;
	source->at = end + 1 - source->text;
	return *line + strlen(*line) == end ? NULL : "expected the end of the line";
}

static int read_lines(struct source *source, struct lab_trace *reader)
{
	unsigned long number = 1;
	const char *wrong, *missing;
	char *line;

	for (; !(wrong = next_line(source, &line)) && line; number++) {
		wrong = lab_trace_line(reader, line);
		if (wrong)
			break;
		if (number % 1024 == 0)
			cond_resched();
	}
	missing = lab_trace_close(reader);
	wrong = wrong ?: missing;
	if (wrong)
		pr_err("%s:%lu: %s\n", trace, number, wrong);
	return wrong ? -EINVAL : 0;
}

static int read_trace(void)
{
	struct source *source = lab_zalloc(sizeof(*source));
	struct lab_trace *reader = lab_trace_open(&load);
	int err = -ENOMEM;

	if (!source || !reader) {
		if (reader)
			lab_trace_close(reader);
		goto out;
	}
	source->file = filp_open(trace, O_RDONLY | O_LARGEFILE, 0);
	if (IS_ERR(source->file)) {
		err = PTR_ERR(source->file);
		pr_err("trace: \"%s\" cannot be read: error %d\n", trace, err);
		lab_trace_close(reader);
		goto out;
	}
	err = read_lines(source, reader);
	filp_close(source->file, NULL);
	snprintf(load.name, sizeof(load.name), "%s", kbasename(trace));
out:
	lab_release(source);
	return err;
}

static int make_load(void)
{
	const struct lab_shape shape = {
		.workload = workload,
		.n = n,
		.ops = ops,
		.space = space,
		.seed = seed,
	};
	int err;

	if (*trace)
		return read_trace();
	err = lab_workload_make(&load, &shape);
	if (err == -EINVAL)
		pr_err("workload: \"%s\" is not one of le_fit, b_fit, ne_fit, long_busy_list, random, random_align, lifo, heavy\n",
		       workload);
	else if (err)
		pr_err("n=%lu and ops=%lu are together more than %lu operations, or too little memory\n",
		       n, ops, LAB_MAX_OPS);
	return err;
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
	static struct lab_out log;
	int err = check_numbers() ?: choose();

	if (err)
		return err;
	if (check)
		return check_all(&log);
	err = make_load();
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
