// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - the lab as a user-space program
 *
 * Theory
 *
 * Reads its options, makes or reads one load, replays it on each structure asked for, prints the
 * table, and with --out leaves what the plots are made from.  The structures that are calls into
 * the kernel are in vmap_lab.ko only.  Exit status: 0; 1 if a check failed, or threads
 * left other areas live than they should; 2 for bad input.
 */
#include <errno.h>
#include <limits.h>
#include <linux/kernel.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../../user/options.h"
#include "user.h"

struct options {
	struct lab_shape shape;
	const char *indexes;
	const char *trace;
	const char *convert;
	const char *out;
	unsigned long check;
	unsigned long threads;
	bool json;
	bool list;
};

static const char usage_text[] =
	"usage: vmap_lab [option]...\n"
	"\n"
	"  --index A,B,...  the structures, or all (the default)\n"
	"  --workload W     a made-up load (random); --list names them\n"
	"  --n N            areas live at once, 1 to 1000000 (10000)\n"
	"  --ops N          allocations measured, 1 to 1000000 (100000)\n"
	"  --space N        pages to allocate from, 4096 to 2^40 (2^24)\n"
	"  --seed N         of every random choice (1)\n"
	"  --trace FILE     replay this trace instead, plain or gzip\n"
	"  --threads N      with so many threads, each the operations of some CPUs, 1 to 8; measures the\n"
	"                   address space once, at the end\n"
	"  --out DIR        leave the samples, the latencies and the maps there\n"
	"  --json           print JSON instead of the table\n"
	"  --check N        check each structure against a model, N rounds, 1 to 100000\n"
	"  --convert FILE   turn what a tracer printed into a trace on standard output\n"
	"  --list           name the structures and the workloads\n"
	"  --help           print this text\n";

void die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "vmap_lab: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(2);
}

static void list(void)
{
	const struct lab_index *const *index;
	const char *const *workload;

	for (index = lab_indexes; *index; index++)
		printf("%-16s %s\n", (*index)->name, (*index)->differs);
	printf("\nworkloads:");
	for (workload = lab_workloads; *workload; workload++)
		printf(" %s", *workload);
	printf("\n");
	exit(0);
}

static void parse(struct options *options, int argc, char **argv)
{
	struct lab_shape *shape = &options->shape;
	unsigned long seed = shape->seed;
	const struct program_option table[] = {
		{ .name = "--index", .text = &options->indexes },
		{ .name = "--workload", .text = &shape->workload },
		{ .name = "--n", .number = &shape->n, .min = 1, .max = LAB_MAX_LIVE },
		{ .name = "--ops", .number = &shape->ops, .min = 1, .max = LAB_MAX_OPS / 4 },
		{ .name = "--space", .number = &shape->space, .min = 4096, .max = LAB_MAX_SPACE },
		{ .name = "--seed", .number = &seed, .max = ULONG_MAX },
		{ .name = "--trace", .text = &options->trace },
		{ .name = "--out", .text = &options->out },
		{ .name = "--json", .flag = &options->json },
		{ .name = "--check", .number = &options->check, .min = 1, .max = 100000 },
		{ .name = "--threads", .number = &options->threads, .min = 1, .max = LAB_CPUS },
		{ .name = "--convert", .text = &options->convert },
		{ .name = "--list", .flag = &options->list },
		{ }
	};

	read_options(argc, argv, usage_text, table);
	shape->seed = seed;
}

static void make_load(const struct options *options, struct lab_load *load)
{
	int err;

	if (options->trace) {
		read_trace(load, options->trace);
		return;
	}
	err = lab_workload_make(load, &options->shape);
	if (err == -E2BIG)
		die("--n and --ops: together more than %lu operations, or too little memory",
		    LAB_MAX_OPS);
	if (err)
		die("--workload: '%s' is not one of those that --list names",
		    options->shape.workload);
}

static FILE *open_out(const char *dir, const char *kind, const struct lab_index *index)
{
	char path[PATH_MAX];
	FILE *file;

	if (snprintf(path, sizeof(path), "%s/%s.%s", dir, index->name, kind) >= (int)sizeof(path))
		die("--out: '%s' is too long a name", dir);
	file = fopen(path, "w");
	if (!file)
		die("cannot write '%s': %s", path, strerror(errno));
	return file;
}

static void leave(const char *dir, const struct lab_result *result)
{
	static const struct {
		const char *kind;
		void (*report)(struct lab_out *out, const struct lab_result *result);
	} parts[] = {
		{ "samples", lab_report_samples },
		{ "latency", lab_report_latency },
		{ "map", lab_report_map },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		struct lab_out out = { open_out(dir, parts[i].kind, result->index) };

		parts[i].report(&out, result);
		if (fclose(out.file))
			die("cannot write to '%s': %s", dir, strerror(errno));
	}
}

/* Replays the load on one structure; ends the program if that handled areas wrongly. */
static void replay_one(const struct options *options, const struct lab_index *index,
		       const struct lab_load *load, struct lab_result *result)
{
	if (!options->threads) {
		lab_replay(index, load, result);
		return;
	}
	if (replay_threads(index, load, options->threads, result) != -EUCLEAN)
		return;
	fprintf(stderr, "vmap_lab: %s: what is live at the end of %s is not what should be\n",
		index->name, load->name);
	exit(1);
}

static void replay(const struct options *options, const struct lab_index **chosen,
		   unsigned int count)
{
	struct lab_result results[LAB_MAX_INDEXES];
	struct lab_out out = { stdout };
	struct lab_load load;
	unsigned int i;

	make_load(options, &load);
	if (!options->json) {
		lab_report_load(&out, &load);
		if (options->threads)
			report_threads(&out, &load, options->threads);
		lab_report_heading(&out);
	}
	for (i = 0; i < count; i++) {
		replay_one(options, chosen[i], &load, &results[i]);
		if (!options->json)
			lab_report_row(&out, &results[i]);
		fflush(stdout);
		if (options->out && !results[i].error)
			leave(options->out, &results[i]);
	}
	if (options->json)
		lab_report_json(&out, &load, results, count);
	for (i = 0; i < count; i++)
		lab_result_free(&results[i]);
	lab_load_free(&load);
}

static int check(const struct options *options, const struct lab_index **chosen,
		 unsigned int count)
{
	struct lab_out out = { stdout };
	unsigned int i;
	int status = 0;

	for (i = 0; i < count; i++)
		if (lab_model_test(chosen[i], options->shape.seed, options->check, &out))
			status = 1;
	return status;
}

int main(int argc, char **argv)
{
	struct options options = {
		.shape = {
			.workload = "random",
			.n = 10000,
			.ops = 100000,
			.space = 1UL << 24,
			.seed = 1,
		},
		.indexes = "all",
	};
	const struct lab_index *chosen[LAB_MAX_INDEXES];
	unsigned int count;

	parse(&options, argc, argv);
	if (options.list)
		list();
	if (options.convert) {
		convert(options.convert, stdout);
		return 0;
	}
	count = lab_indexes_choose(&options.indexes, options.trace && !options.threads, chosen);
	if (!count)
		die("--index: '%.*s' is not one of those that --list names, or one too many",
		    (int)strcspn(options.indexes, ","), options.indexes);
	if (options.check)
		return check(&options, chosen, count);
	if (options.out && mkdir(options.out, 0777) && errno != EEXIST)
		die("--out: cannot make '%s': %s", options.out, strerror(errno));
	replay(&options, chosen, count);
	return 0;
}
