// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - the lab as a user-space program
 *
 * Theory
 *
 * Reads its options, makes or reads one load, replays it on each structure asked for, prints the
 * table, and with --out leaves what the plots are made from.  The structures that are calls into
 * the kernel are in vmap_lab.ko only.  Exit status: 0; 1 if a check failed; 2 for bad input.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <linux/kernel.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "user.h"

#define INDEXES_MAX	32

struct options {
	struct lab_shape shape;
	const char *indexes;
	const char *trace;
	const char *convert;
	const char *out;
	unsigned long check;
	bool json;
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

static unsigned long read_number(const char *option, const char *text, unsigned long min,
				 unsigned long max)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno || value < min || value > max)
		die("--%s: '%s' is not a whole number from %lu to %lu", option, text, min, max);
	return value;
}

static void list(void)
{
	const struct lab_index *const *index;
	const char *const *workload;

	for (index = lab_indexes; *index; index++)
		printf("%-11s %s\n", (*index)->name, (*index)->differs);
	printf("\nworkloads:");
	for (workload = lab_workloads; *workload; workload++)
		printf(" %s", *workload);
	printf("\n");
	exit(0);
}

enum { OPT_N = 1, OPT_OPS, OPT_SPACE, OPT_SEED, OPT_CHECK };

static const struct option long_options[] = {
	{ "index", required_argument, NULL, 'i' },
	{ "workload", required_argument, NULL, 'w' },
	{ "n", required_argument, NULL, OPT_N },
	{ "ops", required_argument, NULL, OPT_OPS },
	{ "space", required_argument, NULL, OPT_SPACE },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "trace", required_argument, NULL, 't' },
	{ "out", required_argument, NULL, 'o' },
	{ "json", no_argument, NULL, 'j' },
	{ "check", required_argument, NULL, OPT_CHECK },
	{ "convert", required_argument, NULL, 'c' },
	{ "list", no_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ }
};

static void set_number(struct options *options, int option, const char *text)
{
	struct lab_shape *shape = &options->shape;

	if (option == OPT_N)
		shape->n = read_number("n", text, 1, LAB_MAX_LIVE);
	else if (option == OPT_OPS)
		shape->ops = read_number("ops", text, 1, LAB_MAX_OPS / 4);
	else if (option == OPT_SPACE)
		shape->space = read_number("space", text, 4096, LAB_MAX_SPACE);
	else if (option == OPT_SEED)
		shape->seed = read_number("seed", text, 0, ULONG_MAX);
	else
		options->check = read_number("check", text, 1, 100000);
}

static void set_option(struct options *options, int option, const char *text)
{
	switch (option) {
	case 'i':
		options->indexes = text;
		break;
	case 'w':
		options->shape.workload = text;
		break;
	case 't':
		options->trace = text;
		break;
	case 'o':
		options->out = text;
		break;
	case 'c':
		options->convert = text;
		break;
	case 'j':
		options->json = true;
		break;
	case 'l':
		list();
		break;
	case 'h':
		fputs(usage_text, stdout);
		exit(0);
	case '?':
		die("see --help");
	default:
		set_number(options, option, text);
	}
}

static void parse(struct options *options, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		set_option(options, option, optarg);
	if (optind < argc)
		die("'%s' is not an option: see --help", argv[optind]);
}

/* Fills in the structures asked for; how many. */
static unsigned int choose(const char *names, bool recorded, const struct lab_index **chosen)
{
	const struct lab_index *const *index;
	unsigned int count = 0;
	size_t length;

	if (!strcmp(names, "all")) {
		for (index = lab_indexes; *index; index++)
			if (recorded || !((*index)->flags & LAB_RECORDED))
				chosen[count++] = *index;
		return count;
	}
	for (;; names += length + 1) {
		length = strcspn(names, ",");
		if (count == INDEXES_MAX)
			die("--index: more than %d names", INDEXES_MAX);
		chosen[count] = lab_index_find(names, length);
		if (!chosen[count++])
			die("--index: '%.*s' is not one of those that --list names", (int)length,
			    names);
		if (!names[length])
			return count;
	}
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

static void replay(const struct options *options, const struct lab_index **chosen,
		   unsigned int count)
{
	struct lab_result results[INDEXES_MAX];
	struct lab_out out = { stdout };
	struct lab_load load;
	unsigned int i;

	make_load(options, &load);
	if (!options->json) {
		lab_report_load(&out, &load);
		lab_report_heading(&out);
	}
	for (i = 0; i < count; i++) {
		lab_replay(chosen[i], &load, &results[i]);
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
	const struct lab_index *chosen[INDEXES_MAX];
	unsigned int count;

	parse(&options, argc, argv);
	if (options.convert) {
		convert(options.convert, stdout);
		return 0;
	}
	count = choose(options.indexes, options.trace, chosen);
	if (options.check)
		return check(&options, chosen, count);
	if (options.out && mkdir(options.out, 0777) && errno != EEXIST)
		die("--out: cannot make '%s': %s", options.out, strerror(errno));
	replay(&options, chosen, count);
	return 0;
}
