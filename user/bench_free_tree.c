// SPDX-License-Identifier: GPL-2.0
/*
 * bench_free_tree.c - what an allocation and a free cost, in our tree and in others
 *
 * usage: bench_free_tree [--operations N] [--smallest N] [--largest N] [--rounds N] [--one-size]
 *                        [--index NAME [--alone]]
 *
 * The structures are those of the lab (lab/lab.h), a plain tree (plain.c), and, where user/Makefile
 * is given their sources, the kernel's own maple tree and drm_mm, compiled as they are (peers/).
 *
 * With n areas of 1 to 16 units live, or of 4 each, random ones are freed and others taken in their
 * place, first until the free space is as scattered as it will be, then in rounds with the time
 * taken.  The structures take turns, a round each, so that what else the machine does meets all.
 * Batches of frees alternate with batches of allocations, so that each kind is timed by itself
 * without a look at the clock between two; random numbers are drawn beforehand.  The clock is the
 * time that the process had a CPU.  What the program itself takes, the median of the structure
 * "none", is taken off.
 *
 * A line says the median of the rounds, in ns, for an allocation, a free and the pair, and the 95 %
 * interval of the pair (interval.h).
 *
 * With --alone nothing but the structure named runs, for a program that counts what it takes.
 *
 * This is the index alone: no lock but that of the maple tree, no cache, no page table.
 */
#include <time.h>

#include "../lab/lab.h"
#include "interval.h"
#include "options.h"
#include "peers/indexes.h"

#define BATCH			64
#define LARGEST_SIZE		16
#define ONE_SIZE		4
#define SMALLEST		100UL
#define MOST			100000000UL
#define DEFAULT_LARGEST		1000000UL
#define DEFAULT_COUNT		64000UL
#define DEFAULT_ROUNDS		15UL
#define MOST_ROUNDS		1000UL

#define USAGE	"usage: bench_free_tree [--operations N] [--smallest N] [--largest N]\n" \
		"                       [--rounds N] [--one-size] [--index NAME [--alone]]\n"

extern const struct lab_index plain_index;

static int none_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	*area = (struct lab_area){ self, request->lo, request->size };
	return 0;
}

static void none_free(void *self, const struct lab_area *area)
{
	unsigned long *freed = self;

	*freed += area->size;
}

static void *none_create(const struct lab_space *space)
{
	return lab_zalloc(sizeof(*space));
}

static const struct lab_index none_index = {
	.create = none_create,
	.destroy = lab_release,
	.alloc = none_alloc,
	.free = none_free,
};

struct contender {
	const char *name;
	const struct lab_index *index;
};

/* The first one is what is taken off all others. */
static const struct contender contenders[] = {
	{ "none", &none_index },
	{ "tree", &lab_tree },
	{ "plain", &plain_index },
#ifdef PEER_6_12
	{ "maple-6.12", &maple_6_12 },
	{ "drm_mm-6.12", &drm_mm_6_12 },
#endif
#ifdef PEER_7_2
	{ "maple-7.2", &maple_7_2 },
	{ "drm_mm-7.2", &drm_mm_7_2 },
#endif
	{ "segregated", &lab_segregated },
	{ "buddy", &lab_buddy },
	{ "vmem", &lab_vmem },
	{ "summary", &lab_summary },
	{ "tree_summary", &lab_tree_summary },
};

#define NR_CONTENDERS	(sizeof(contenders) / sizeof(contenders[0]))

/* What a round took, in ns a call. */
struct round {
	double alloc;
	double free;
	double pair;
};

struct bench {
	const struct contender *contender;
	void *self;
	struct lab_space space;
	struct lab_area *live;
	unsigned long nr_live;
	unsigned long seed;
	bool one_size;
	struct round *rounds;
};

static unsigned long draw(struct bench *bench, unsigned long below)
{
	bench->seed = bench->seed * 6364136223846793005UL + 1442695040888963407UL;
	return (bench->seed >> 32) * below >> 32;
}

static unsigned long draw_size(struct bench *bench)
{
	return bench->one_size ? ONE_SIZE : 1 + draw(bench, LARGEST_SIZE);
}

static double nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

static void take(struct bench *bench, unsigned long size)
{
	struct lab_request request = { .size = size, .align = 1, .hi = bench->space.end };

	if (bench->contender->index->alloc(bench->self, &request, &bench->live[bench->nr_live]))
		refuse("bench_free_tree: %s: the space is full", bench->contender->name);
	bench->nr_live++;
}

/* Free random areas, and take as many. */
static void replace_batch(struct bench *bench, struct round *round)
{
	unsigned long sizes[BATCH], i;
	struct lab_area victims[BATCH];

	for (i = 0; i < BATCH; i++) {
		unsigned long victim = draw(bench, bench->nr_live);

		victims[i] = bench->live[victim];
		bench->live[victim] = bench->live[--bench->nr_live];
		sizes[i] = draw_size(bench);
	}
	round->free -= nanoseconds();
	for (i = 0; i < BATCH; i++)
		bench->contender->index->free(bench->self, &victims[i]);
	round->free += nanoseconds();
	round->alloc -= nanoseconds();
	for (i = 0; i < BATCH; i++)
		take(bench, sizes[i]);
	round->alloc += nanoseconds();
}

static struct round replace(struct bench *bench, unsigned long count)
{
	unsigned long batches = (count + BATCH - 1) / BATCH, i;
	struct round round = { 0 };

	for (i = 0; i < batches; i++)
		replace_batch(bench, &round);
	round.alloc /= batches * BATCH;
	round.free /= batches * BATCH;
	round.pair = round.alloc + round.free;
	return round;
}

static void bench_init(struct bench *bench, const struct contender *contender, unsigned long n,
		       unsigned long rounds, bool one_size)
{
	*bench = (struct bench){ .contender = contender, .seed = n, .one_size = one_size };
	bench->space.end = (n + BATCH) * 4 * LARGEST_SIZE;
	bench->space.areas = n + BATCH;
	bench->self = contender->index->create(&bench->space);
	bench->live = lab_zalloc(n * sizeof(*bench->live));
	bench->rounds = calloc(rounds, sizeof(*bench->rounds));
	if (IS_ERR(bench->self) || !bench->live || !bench->rounds)
		refuse("bench_free_tree: %s: no memory for %lu areas", contender->name, n);
	while (bench->nr_live < n)
		take(bench, draw_size(bench));
	replace(bench, 3 * n);
}

static void bench_fini(struct bench *bench)
{
	bench->contender->index->destroy(bench->self);
	lab_release(bench->live);
	free(bench->rounds);
}

/* Of the member at @offset of all rounds. */
static struct interval of_rounds(const struct bench *bench, size_t offset, unsigned long rounds)
{
	double values[MOST_ROUNDS];
	unsigned long i;

	for (i = 0; i < rounds; i++)
		values[i] = *(const double *)((const char *)&bench->rounds[i] + offset);
	return interval_of(values, rounds);
}

static double median(const struct bench *bench, size_t offset, unsigned long rounds)
{
	return of_rounds(bench, offset, rounds).median;
}

static void report(const struct bench *bench, const struct bench *none, unsigned long rounds)
{
	double taken_off = median(none, offsetof(struct round, pair), rounds);
	struct interval pair = of_rounds(bench, offsetof(struct round, pair), rounds);

	printf("%-6s %9lu %-12s %9.1f %9.1f %9.1f %9.1f %9.1f\n",
	       bench->one_size ? "one" : "random", bench->nr_live, bench->contender->name,
	       median(bench, offsetof(struct round, alloc), rounds) -
	       median(none, offsetof(struct round, alloc), rounds),
	       median(bench, offsetof(struct round, free), rounds) -
	       median(none, offsetof(struct round, free), rounds),
	       pair.median - taken_off, pair.from - taken_off, pair.to - taken_off);
	fflush(stdout);
}

/* What the options say. */
struct plan {
	unsigned long operations;
	unsigned long smallest;
	unsigned long largest;
	unsigned long rounds;
	bool one_size;
	/* NULL: all structures.  Else none and this one; or alone this one, unreported. */
	const char *index;
	bool alone;
};

static bool takes_part(const struct plan *plan, unsigned long i)
{
	if (!plan->index || (!i && !plan->alone))
		return true;
	return !strcmp(plan->index, contenders[i].name);
}

static void run(const struct plan *plan, unsigned long n)
{
	struct bench benches[NR_CONTENDERS];
	unsigned long count = 0, round, i;

	for (i = 0; i < NR_CONTENDERS; i++) {
		if (takes_part(plan, i))
			bench_init(&benches[count++], &contenders[i], n, plan->rounds,
				   plan->one_size);
	}
	for (round = 0; round < plan->rounds; round++) {
		for (i = 0; i < count; i++) {
			/* The turns of the others have emptied the caches. */
			replace(&benches[i], plan->operations / 4);
			benches[i].rounds[round] = replace(&benches[i], plan->operations);
		}
	}
	for (i = 1; i < count; i++)
		report(&benches[i], &benches[0], plan->rounds);
	for (i = 0; i < count; i++)
		bench_fini(&benches[i]);
}

static void check_name(const char *name)
{
	unsigned long i;

	for (i = 0; i < NR_CONTENDERS; i++) {
		if (!strcmp(name, contenders[i].name))
			return;
	}
	fprintf(stderr, "--index: '%s' is none of", name);
	for (i = 0; i < NR_CONTENDERS; i++)
		fprintf(stderr, " %s", contenders[i].name);
	refuse(" ");
}

int main(int argc, char **argv)
{
	struct plan plan = {
		.operations = DEFAULT_COUNT,
		.smallest = SMALLEST,
		.largest = DEFAULT_LARGEST,
		.rounds = DEFAULT_ROUNDS,
	};
	const struct program_option options[] = {
		{ .name = "--operations", .number = &plan.operations, .min = 1, .max = MOST },
		{ .name = "--smallest", .number = &plan.smallest, .min = SMALLEST, .max = MOST },
		{ .name = "--largest", .number = &plan.largest, .min = SMALLEST, .max = MOST },
		{ .name = "--rounds", .number = &plan.rounds, .min = 1, .max = MOST_ROUNDS },
		{ .name = "--one-size", .flag = &plan.one_size },
		{ .name = "--index", .text = &plan.index },
		{ .name = "--alone", .flag = &plan.alone },
		{ }
	};
	unsigned long n;

	read_options(argc, argv, USAGE, options);
	if (plan.index)
		check_name(plan.index);
	printf("%-6s %9s %-12s %9s %9s %9s %9s %9s\n", "sizes", "live", "index", "alloc", "free",
	       "pair", "from", "to");
	for (n = plan.smallest; n <= plan.largest; n *= 10)
		run(&plan, n);
	return 0;
}
