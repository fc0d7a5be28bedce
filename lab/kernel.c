// SPDX-License-Identifier: GPL-2.0
/*
 * kernel.c - what modules of the lab need of the kernel: memory, a clock, locks, and loads
 *
 * Theory
 *
 * A load comes from the parameters of a module.  A trace is read line by line; it is plain text
 * here, since a kernel does not unpack gzip files for modules.  If anything is wrong with a
 * parameter or a trace, the kernel log says what is allowed, and where, and there is no load.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include "lab.h"

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

/* One thread does all, so it may be on another CPU next. */
unsigned int lab_cpu(void)
{
	return raw_smp_processor_id() % LAB_CPUS;
}

void lab_lock(struct lab_lock *lock) __acquires(&lock->real)
{
	spin_lock(&lock->real);
}

void lab_unlock(struct lab_lock *lock) __releases(&lock->real)
{
	spin_unlock(&lock->real);
}

/* Says what is allowed if the value of a parameter is not. */
int lab_check_number(const char *name, unsigned long value, unsigned long min,
		     unsigned long max)
{
	if (value >= min && value <= max)
		return 0;
	pr_err("%s: %lu is out of range %lu..%lu\n", name, value, min, max);
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

static int read_lines(struct source *source, struct lab_trace *reader, const char *path)
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
		pr_err("%s:%lu: %s\n", path, number, wrong);
	return wrong ? -EINVAL : 0;
}

static int read_trace(struct lab_load *load, const char *path)
{
	struct source *source = lab_zalloc(sizeof(*source));
	struct lab_trace *reader = lab_trace_open(load);
	int err = -ENOMEM;

	if (!source || !reader) {
		if (reader)
			lab_trace_close(reader);
		goto out;
	}
	source->file = filp_open(path, O_RDONLY | O_LARGEFILE, 0);
	if (IS_ERR(source->file)) {
		err = PTR_ERR(source->file);
		pr_err("trace: \"%s\" cannot be read: error %d\n", path, err);
		lab_trace_close(reader);
		goto out;
	}
	err = read_lines(source, reader, path);
	filp_close(source->file, NULL);
	snprintf(load->name, sizeof(load->name), "%s", kbasename(path));
out:
	lab_release(source);
	return err;
}

/**
 * lab_load_make() - the load that the parameters of a module ask for
 * @load: out: to be freed with lab_load_free(), also if it could not be made
 * @trace: path of a trace, or an empty string
 * @shape: of a workload, if there is no trace
 *
 * Return: 0, or an error, of which the kernel log says more.
 */
int lab_load_make(struct lab_load *load, const char *trace, const struct lab_shape *shape)
{
	int err;

	if (*trace)
		return read_trace(load, trace);
	err = lab_workload_make(load, shape);
	if (err == -EINVAL)
		pr_err("workload: \"%s\" is not one of le_fit, b_fit, ne_fit, long_busy_list, random, random_align, lifo, heavy, top_down\n",
		       shape->workload);
	else if (err)
		pr_err("n=%lu and ops=%lu are together more than %lu operations, or too little memory\n",
		       shape->n, shape->ops, LAB_MAX_OPS);
	return err;
}
