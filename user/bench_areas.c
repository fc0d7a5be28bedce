// SPDX-License-Identifier: GPL-2.0
/*
 * bench_areas.c - what an index of vmap areas costs: allocations, look-ups and walks, by one
 * thread and two
 *
 * usage: bench_areas [--live N] [--operations N] [--rounds N] [--index NAME] [--count WHAT]
 * [--check]
 *
 * The structures are those of the lab that know addresses and take their own locks (LAB_LOCKS,
 * lab/lab.h), among them the kernel's own maple tree, compiled as it is (peers/).  Of the areas
 * live, of 1 to 16 units each, half are *pinned*: they stay, and are what readers look for.  The
 * others are freed and taken anew at random by writers.  What a thread does is a *job*:
 *
 *   pairs   free random areas, and take as many: batches of frees and of allocations, timed apart
 *   exact   look up the address at which a pinned area begins
 *   inside  look up any address in a pinned area
 *   walk    all areas in the order of their addresses, from one to the next
 *
 * A *scene* is one job, timed, and beside it none or another job by a second thread, which goes on
 * until the first has done its part.  Each look-up and walk is checked: a pinned area that is not
 * found as it is ends the program with status 1.  With --check writers look up what they are about
 * to free, as well, and nothing is printed but what was wrong.
 *
 * The clock is the time that the timed thread had a CPU, so waiting for a lock counts.  The
 * structures take turns, a round each.  A figure is the median of the rounds, less what the
 * structure "none" takes; from and to are its 95 % interval (interval.h).
 *
 * hold is how long a lock was held, by 99.9 of 100 holds at most, of one thread's pairs: what
 * others wait for, with preemption off.  got is how many nodes a free got from the slab, the mean
 * and the most: memory that the free could not do without.
 *
 * --count runs one job alone in the main thread, for a program that counts what it takes.
 */
#include <linux/kernel.h>
#include <pthread.h>
#include <time.h>

#include "../lab/lab.h"
#include "../lab/user/rcu.h"
#include "../lab/user/user.h"
#include "interval.h"
#include "options.h"

#define BATCH		64
#define LARGEST_SIZE	16
#define MOST_LIVE	10000000UL
#define MOST_ROUNDS	1000UL
#define MOST_HOLDS	1000000UL

#define USAGE	"usage: bench_areas [--live N] [--operations N] [--rounds N] [--index NAME]\n" \
		"                   [--count pairs|exact|inside|walk] [--check]\n"

enum job { PAIRS, EXACT, INSIDE, WALK, NOTHING };

static const char *const job_names[] = { "pairs", "exact", "inside", "walk" };

/* What is timed, and what a second thread does meanwhile. */
struct scene {
	enum job job;
	enum job beside;
	const char *name;
};

static const struct scene scenes[] = {
	{ PAIRS, NOTHING, "pair" },
	{ EXACT, NOTHING, "exact" },
	{ INSIDE, NOTHING, "inside" },
	{ WALK, NOTHING, "walk" },
	{ PAIRS, PAIRS, "2 writers" },
	{ PAIRS, INSIDE, "+ reader" },
	{ INSIDE, PAIRS, "+ writer" },
	{ INSIDE, INSIDE, "2 readers" },
	{ WALK, PAIRS, "walk + w." },
};

#define NR_SCENES	ARRAY_SIZE(scenes)

/* What the options say. */
struct plan {
	unsigned long live;
	unsigned long operations;
	unsigned long rounds;
	const char *index;
	const char *count;
	bool check;
};

/**
 * struct writer - what one of two threads replaces
 * @live: its areas
 * @nr: how many
 * @seed: of its random choices
 */
struct writer {
	struct lab_area *live;
	unsigned long nr;
	unsigned long seed;
} __aligned(64);

/**
 * struct bench - a structure, and what is live in it
 * @index: which structure
 * @self: one of it
 * @end: of its space
 * @pinned: areas that stay, in the order of their addresses
 * @nr_pinned: how many
 * @writers: of each thread
 * @times: of each scene, the ns an operation of each round
 * @got: nodes that frees got
 * @got_most: that one of them got
 * @frees: how many frees that was
 * @hold: ns
 * @check: writers look up what they are about to free
 */
struct bench {
	const struct lab_index *index;
	void *self;
	unsigned long end;
	struct lab_area *pinned;
	unsigned long nr_pinned;
	struct writer writers[2];
	double *times[NR_SCENES];
	unsigned long got, got_most, frees;
	double hold;
	bool check;
};

/* What a thread is to do. */
struct task {
	struct bench *bench;
	enum job job;
	unsigned int cpu;
	unsigned long operations;	/* 0: until @stop */
	double ns;			/* an operation */
	pthread_barrier_t *start;
	bool *stop;
};

static unsigned long draw(struct writer *writer, unsigned long below)
{
	writer->seed = writer->seed * 6364136223846793005UL + 1442695040888963407UL;
	return (writer->seed >> 32) * below >> 32;
}

static double thread_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

static void wrong(const struct bench *bench, const char *what, unsigned long address)
{
	fprintf(stderr, "bench_areas: %s: %s at %lu\n", bench->index->name, what, address);
	exit(1);
}

/* The structure "none": each area is found in the pinned ones, for a look-up names it. */

static __thread const struct lab_area *named;

static int none_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	unsigned long *next = self;

	*area = (struct lab_area){ self, *next, request->size };
	*next += request->size;
	return 0;
}

static void none_free(void *self, const struct lab_area *area)
{
	unsigned long *next = self;

	*next += area->size & 1;
}

static bool none_find(void *self, unsigned long address, struct lab_area *area)
{
	*area = *named;
	return self && address;
}

static void *none_create(const struct lab_space *space)
{
	unsigned long *next = lab_zalloc(sizeof(*next));

	*next = space->start;
	return next;
}

static unsigned long none_bytes(void *self)
{
	return sizeof(self);
}

static const struct lab_index none_index = {
	.name = "none",
	.create = none_create,
	.destroy = lab_release,
	.alloc = none_alloc,
	.free = none_free,
	.find = none_find,
	.next = none_find,
	.bytes = none_bytes,
};

/* The area must be found at this address of it. */
static void look_up(struct bench *bench, const struct lab_area *area, unsigned long address)
{
	struct lab_area found;

	named = area;
	if (!bench->index->find(bench->self, address, &found) || found.start != area->start ||
	    found.size != area->size)
		wrong(bench, "a look-up misses the area", address);
}

static void take(struct bench *bench, struct lab_area *area, unsigned long size)
{
	struct lab_request request = { .size = size, .align = 1, .lo = 1, .hi = bench->end };

	if (bench->index->alloc(bench->self, &request, area))
		wrong(bench, "no room for an area", size);
}

/* Free random areas of the writer, and take as many. */
static void replace_batch(struct bench *bench, struct writer *writer)
{
	unsigned long sizes[BATCH], i, got = lab_nodes_got;
	struct lab_area victims[BATCH];

	for (i = 0; i < BATCH; i++) {
		unsigned long victim = draw(writer, writer->nr);

		victims[i] = writer->live[victim];
		writer->live[victim] = writer->live[--writer->nr];
		sizes[i] = 1 + draw(writer, LARGEST_SIZE);
		if (bench->check)
			look_up(bench, &victims[i], victims[i].start);
	}
	for (i = 0; i < BATCH; i++)
		bench->index->free(bench->self, &victims[i]);
	if (writer == &bench->writers[0]) {
		bench->got += lab_nodes_got - got;
		bench->frees += BATCH;
	}
	for (i = 0; i < BATCH; i++)
		take(bench, &writer->live[writer->nr++], sizes[i]);
}

static void look_up_batch(struct bench *bench, struct writer *writer, bool inside)
{
	unsigned long i;

	for (i = 0; i < BATCH; i++) {
		const struct lab_area *area = &bench->pinned[draw(writer, bench->nr_pinned)];

		look_up(bench, area, area->start + (inside ? draw(writer, area->size) : 0));
	}
}

/* Return: how many areas there are. */
static unsigned long walk_all(struct bench *bench)
{
	unsigned long seen = 0, count = 0, at = 1;
	struct lab_area found;

	named = bench->pinned;
	while (bench->index->next(bench->self, at, &found)) {
		/* What begins in front may be new, where the last one was. */
		if (found.start + found.size <= at)
			wrong(bench, "a walk goes back", found.start);
		at = found.start + found.size;
		if (found.start == bench->pinned[seen].start) {
			if (found.size != bench->pinned[seen].size)
				wrong(bench, "a walk finds another area", found.start);
			named++;
			if (++seen == bench->nr_pinned && bench->index == &none_index)
				break;
		}
		if (++count % BATCH == 0)
			lab_quiescent();
	}
	if (seen != bench->nr_pinned)
		wrong(bench, "a walk misses the area", bench->pinned[seen].start);
	return count;
}

/* Return: how many operations were done. */
static unsigned long do_some(struct bench *bench, struct writer *writer, enum job job)
{
	if (job == WALK)
		return walk_all(bench);
	if (job == PAIRS)
		replace_batch(bench, writer);
	else
		look_up_batch(bench, writer, job == INSIDE);
	lab_quiescent();
	return BATCH;
}

static void do_task(struct task *task)
{
	struct writer *writer = &task->bench->writers[task->cpu];
	unsigned long done = 0;
	double ns = -thread_ns();

	do {
		done += do_some(task->bench, writer, task->job);
	} while (task->operations ? done < task->operations :
				    !__atomic_load_n(task->stop, __ATOMIC_RELAXED));
	task->ns = (ns + thread_ns()) / done;
}

static void *run_task(void *data)
{
	struct task *task = data;

	lab_thread_begin(task->cpu);
	pthread_barrier_wait(task->start);
	do_task(task);
	if (task->operations)
		__atomic_store_n(task->stop, true, __ATOMIC_RELAXED);
	lab_thread_end();
	return NULL;
}

/* Return: ns an operation of the scene's job. */
static double play(struct bench *bench, const struct scene *scene, unsigned long operations)
{
	bool alone = scene->beside == NOTHING, stop = false;
	pthread_barrier_t start;
	struct task tasks[2] = {
		{ .bench = bench, .job = scene->job, .operations = operations },
		{ .bench = bench, .job = scene->beside, .cpu = 1 },
	};
	pthread_t threads[2];
	int i;

	lab_threads_begin();
	pthread_barrier_init(&start, NULL, alone ? 1 : 2);
	for (i = 0; i < (alone ? 1 : 2); i++) {
		tasks[i].start = &start;
		tasks[i].stop = &stop;
		if (pthread_create(&threads[i], NULL, run_task, &tasks[i]))
			refuse("bench_areas: no thread can be started");
	}
	for (i = 0; i < (alone ? 1 : 2); i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
	lab_threads_end();
	return tasks[0].ns;
}

static int compare_areas(const void *left, const void *right)
{
	const struct lab_area *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

/* Of the first writer's areas, half are pinned, and half of the others are the second writer's. */
static void share_out(struct bench *bench)
{
	struct writer *first = &bench->writers[0], *second = &bench->writers[1];
	unsigned long n = first->nr;

	while (bench->nr_pinned < n / 2)
		bench->pinned[bench->nr_pinned++] = first->live[--first->nr];
	qsort(bench->pinned, bench->nr_pinned, sizeof(bench->pinned[0]), compare_areas);
	while (second->nr < n / 4)
		second->live[second->nr++] = first->live[--first->nr];
}

static void bench_init(struct bench *bench, const struct lab_index *index, const struct plan *plan)
{
	struct writer *first = &bench->writers[0];
	struct lab_space space = { .start = 1 };
	unsigned long n = plan->live, i;

	/* A chunk a CPU is in use, and parked ones may be many. */
	space.end = (n + BATCH) * 16 * LARGEST_SIZE + (16UL << 14);
	space.areas = n + 2 * BATCH;
	*bench = (struct bench){ .index = index, .end = space.end, .check = plan->check };
	bench->self = index->create(&space);
	bench->pinned = lab_zalloc((n / 2 + 1) * sizeof(*bench->pinned));
	for (i = 0; i < 2; i++) {
		bench->writers[i].live = lab_zalloc(n * sizeof(*first->live));
		bench->writers[i].seed = n + i;
	}
	for (i = 0; i < NR_SCENES; i++)
		bench->times[i] = calloc(plan->rounds, sizeof(*bench->times[i]));
	while (first->nr < n)
		take(bench, &first->live[first->nr++], 1 + draw(first, LARGEST_SIZE));
	for (i = 0; i < 3 * n; i += BATCH)
		replace_batch(bench, first);
	share_out(bench);
}

static void bench_fini(struct bench *bench)
{
	unsigned long i;

	bench->index->destroy(bench->self);
	lab_release(bench->pinned);
	for (i = 0; i < 2; i++)
		lab_release(bench->writers[i].live);
	for (i = 0; i < NR_SCENES; i++)
		free(bench->times[i]);
}

/* How long locks were held, in ns. */
static double *holds;
static unsigned long nr_holds;

static void note_hold(u64 ticks)
{
	if (nr_holds < MOST_HOLDS)
		holds[nr_holds++] = ticks;
}

/* The least that two readings of the clock are apart. */
static double clock_ns(void)
{
	u64 least = ~0ULL, start;
	int i;

	for (i = 0; i < 1000; i++) {
		start = lab_now();
		least = min(least, lab_now() - start);
	}
	return least;
}

/* Look at each free and at each hold of a lock. */
static void audit(struct bench *bench, unsigned long operations)
{
	struct writer *writer = &bench->writers[0];
	unsigned long i, got;

	nr_holds = 0;
	bench->got = 0;
	bench->frees = operations;
	lab_held = note_hold;
	for (i = 0; i < operations; i++) {
		struct lab_area *area = &writer->live[draw(writer, writer->nr)];

		got = lab_nodes_got;
		bench->index->free(bench->self, area);
		got = lab_nodes_got - got;
		bench->got += got;
		bench->got_most = max(bench->got_most, got);
		take(bench, area, 1 + draw(writer, LARGEST_SIZE));
	}
	lab_held = NULL;
	if (!nr_holds)
		return;
	qsort(holds, nr_holds, sizeof(holds[0]), interval_compare);
	bench->hold = max(holds[nr_holds - 1 - nr_holds / 1000] - clock_ns(), 0.0);
}

static void print_interval(const struct bench *bench, const struct bench *none, unsigned long i,
			   unsigned long rounds)
{
	double off = interval_of(none->times[i], rounds).median;
	struct interval time = interval_of(bench->times[i], rounds);

	printf(" %5.0f (%4.0f-%4.0f)", time.median - off, time.from - off, time.to - off);
}

/* Two tables: one thread, and two. */
static void report(const struct bench *benches, unsigned long count, const struct plan *plan)
{
	unsigned long i, scene, from = 0, to = 4;
	int table;

	for (table = 0; table < 2; table++, from = to, to = NR_SCENES) {
		printf("\n%lu areas, %s, ns\n%-16s", plan->live,
		       table ? "two threads" : "one thread", "index");
		for (scene = from; scene < to; scene++)
			printf(" %-17s", scenes[scene].name);
		printf("%s\n", table ? "" : "  hold   got most B/area");
		for (i = 1; i < count; i++) {
			const struct bench *bench = &benches[i];

			printf("%-16s", bench->index->name);
			for (scene = from; scene < to; scene++)
				print_interval(bench, &benches[0], scene, plan->rounds);
			if (!table)
				printf(" %5.0f %5.2f %4lu %6lu", bench->hold,
				       (double)bench->got / bench->frees, bench->got_most,
				       bench->index->bytes(bench->self) / plan->live);
			printf("\n");
		}
	}
	fflush(stdout);
}

static bool takes_part(const struct plan *plan, const struct lab_index *index)
{
	return index->find && index->flags & LAB_LOCKS &&
	       (!plan->index || !strcmp(plan->index, index->name));
}

/* "none", and those that the plan asks for. */
static unsigned long choose(const struct plan *plan, const struct lab_index **chosen)
{
	const struct lab_index *const *index;
	unsigned long count = 1;

	chosen[0] = &none_index;
	if (plan->index && !strcmp(plan->index, none_index.name))
		return count;
	for (index = lab_indexes; *index; index++)
		if (takes_part(plan, *index))
			chosen[count++] = *index;
	if (count > 1)
		return count;
	fprintf(stderr, "--index: '%s' is none of none", plan->index);
	for (index = lab_indexes; *index; index++)
		if (takes_part(&(struct plan){ 0 }, *index))
			fprintf(stderr, " %s", (*index)->name);
	refuse(" ");
}

/* Only the last one chosen, one job. */
static void count_job(const struct plan *plan, const struct lab_index *index)
{
	struct bench bench;
	unsigned long done = 0, job = 0;

	while (strcmp(plan->count, job_names[job]))
		if (++job == NOTHING)
			refuse("--count: '%s' is none of pairs exact inside walk", plan->count);
	bench_init(&bench, index, plan);
	while (done < plan->operations)
		done += do_some(&bench, &bench.writers[0], job);
	bench_fini(&bench);
}

static void run(const struct plan *plan, const struct lab_index *const *chosen, unsigned long count)
{
	struct bench benches[LAB_MAX_INDEXES];
	unsigned long i, round, scene;

	for (i = 0; i < count; i++)
		bench_init(&benches[i], chosen[i], plan);
	for (round = 0; round < plan->rounds; round++) {
		for (i = 0; i < count; i++) {
			/* The turns of the others have emptied the caches. */
			play(&benches[i], &scenes[0], plan->operations / 4);
			for (scene = 0; scene < NR_SCENES; scene++)
				benches[i].times[scene][round] =
					play(&benches[i], &scenes[scene], plan->operations);
		}
	}
	for (i = 0; i < count; i++)
		audit(&benches[i], plan->operations);
	if (!plan->check)
		report(benches, count, plan);
	for (i = 0; i < count; i++)
		bench_fini(&benches[i]);
}

int main(int argc, char **argv)
{
	struct plan plan = { .live = 10000, .operations = 64000, .rounds = 15 };
	const struct program_option options[] = {
		{ .name = "--live", .number = &plan.live, .min = 256, .max = MOST_LIVE },
		{ .name = "--operations", .number = &plan.operations, .min = 4, .max = MOST_LIVE },
		{ .name = "--rounds", .number = &plan.rounds, .min = 1, .max = MOST_ROUNDS },
		{ .name = "--index", .text = &plan.index },
		{ .name = "--count", .text = &plan.count },
		{ .name = "--check", .flag = &plan.check },
		{ }
	};
	const struct lab_index *chosen[LAB_MAX_INDEXES];
	unsigned long count;

	read_options(argc, argv, USAGE, options);
	count = choose(&plan, chosen);
	holds = lab_zalloc(MOST_HOLDS * sizeof(*holds));
	if (plan.count)
		count_job(&plan, chosen[count - 1]);
	else
		run(&plan, chosen, count);
	lab_release(holds);
	return 0;
}
