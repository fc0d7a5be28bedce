// SPDX-License-Identifier: GPL-2.0
/*
 * bench_magazines.c - what an extent of a range arena costs, to one thread and to several at a time
 *
 * usage: bench_magazines [--operations N] [--shards N] [--threads N] [--check]
 *
 * vmap_extent_alloc() and vmap_extent_free() as they are, with all that stands behind them in
 * cache.c, take.c and free_tree.c; kernel.h plays the kernel.  Two threads, each on a CPU of its
 * own, share an arena.  What they do to each other, through the lock and through cache lines that
 * go to and fro, no count of instructions tells.
 *
 * Either each thread replaces some of the extents that it has, or one allocates and hands over to
 * the other, which frees; one thread alone does both in turn.  A stranger is a thread that never
 * allocates, so that no allocation has brought it a magazine.  Without magazines all goes through
 * the tree.
 *
 * The table says what an allocation or a free takes in nanoseconds, how many of 1,000 took a lock
 * of the arena, and how many had to wait for one.  That is of the slower thread in the median of
 * the rounds in which no thread lost its CPU: else the other would wait for that, not for its work.
 * The ratio is to one thread alone; from and to are its 95 % interval.  Two threads share an arena
 * of one shard, and then, unless --shards 1 says no, one of two: each allocates from its own.
 *
 * With --threads, for a machine with more CPUs, a second table has 1, 2, 4 and so on threads up to
 * that number, each of which frees what it allocated: with one shard, and with as many shards as
 * threads (VSHARD_MOST at most).
 *
 * In the first round, which does not count, and with --check in all, each unit is noted while it
 * is held, so that none can be handed out twice.  In the end all must come back, and the tree be
 * whole.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "options.h"
#include "playground.h"

#define SPACE_EACH		(1UL << 17)
#define LIVE			1024U
#define BATCH			32U
#define SIZES			4096U
#define LARGEST_SIZE		16U
#define ONE_SIZE		4U
#define RING			1024U
#define ROUNDS			31
#define MOST_ROUNDS		200
#define CHECKED_ROUNDS		5
#define DEFAULT_OPERATIONS	6400UL
#define MOST			1000000000UL

/* Who frees what a thread allocated. */
enum freed_by {
	SELF,
	OTHER,
	STRANGER
};

struct load {
	const char *name;
	bool cached;
	bool random;
	enum freed_by freed_by;
};

static const struct load loads[] = {
	{ "magazines, one size", true, false, SELF },
	{ "magazines, 1 to 16", true, true, SELF },
	{ "magazines, one size, freed by the other", true, false, OTHER },
	{ "magazines, 1 to 16, freed by the other", true, true, OTHER },
	{ "magazines, one size, freed by a stranger", true, false, STRANGER },
	{ "tree, one size", false, false, SELF },
	{ "tree, 1 to 16", false, true, SELF },
	{ "tree, one size, freed by the other", false, false, OTHER },
};

/* A thread, its extents, and what the last round took. */
struct player {
	pthread_t thread;
	unsigned int cpu;
	unsigned long seed;
	unsigned int drawn;
	unsigned char sizes[SIZES];
	struct vmap_extent *live[LIVE];
	double nanoseconds;
	unsigned long locked;
	unsigned long waited;
	long switches;
} __attribute__((aligned(PAGE_SIZE)));

/* How far one of two threads has come; the other reads it. */
struct progress {
	unsigned long count;
} __attribute__((aligned(128)));

/* What one thread hands over to the other. */
static struct {
	struct progress filled;
	struct progress emptied;
	struct vmap_extent *slot[RING];
} ring;

/* What a round took, an operation; from and to: the 95 % interval of the median of rounds. */
struct cost {
	double nanoseconds;
	double from;
	double to;
	double locked;
	double waited;
	bool disturbed;
};

static struct vmap_arena arena;
static struct player players[PLAYERS];
static const struct load *load = loads;
static unsigned long operations = DEFAULT_OPERATIONS;
static unsigned long most_shards = 2;
static unsigned long most_threads = 2;
static unsigned long space;
static unsigned int running;
static unsigned int ready;
static int cpus[PLAYERS];
static bool checked;
static bool *held;

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "bench_magazines: %s: ", load->name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static void expect(bool holds, const char *what)
{
	if (!holds)
		fail("%s", what);
}

/* What is called only where there is memory, a module, or a bad free. */
void no_such_call(void);
void no_such_call(void)
{
	fail("the arena did what a range arena never does, or refused a free");
}

void on_each_cpu_cond(bool (*asked)(int cpu, void *argument), void (*function)(void *argument),
		      void *argument, bool wait)
{
	expect(!running, "the cache was drained while threads use it: is the space full?");
	play_each_cpu(asked, function, argument);
}

/* The seed is a player's own; the high bits are the random ones. */
static unsigned long draw(struct player *player, unsigned long below)
{
	player->seed = player->seed * 6364136223846793005UL + 1442695040888963407UL;
	return (player->seed >> 32) * below >> 32;
}

/* How often this thread lost its CPU so far. */
static long switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}

static double nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

/* Note that an extent is held from now on, or no longer.  Before it must have been otherwise. */
static void note(const struct vmap_extent *extent, bool hold)
{
	unsigned long unit;

	for (unit = extent->start; unit < vext_end(extent); unit++)
		expect(__atomic_exchange_n(&held[unit], hold, __ATOMIC_RELAXED) != hold,
		       "a unit was handed out twice, or freed twice");
}

static struct vmap_extent *get(struct player *player)
{
	unsigned int size = player->sizes[player->drawn++ % SIZES];
	struct vmap_extent *extent = vmap_extent_alloc(&arena, size, 1, GFP_KERNEL);

	if (IS_ERR(extent))
		fail("no extent of %u units: error %ld", size, PTR_ERR(extent));
	if (checked)
		note(extent, true);
	return extent;
}

static void put(struct vmap_extent *extent)
{
	if (checked)
		note(extent, false);
	vmap_extent_free(&arena, extent);
}

/* Free some of the extents, and take as many. */
static void replace(struct player *player)
{
	struct vmap_extent **some = &player->live[draw(player, LIVE / BATCH) * BATCH];
	unsigned int i;

	for (i = 0; i < BATCH; i++)
		put(some[i]);
	for (i = 0; i < BATCH; i++)
		some[i] = get(player);
}

/* Until the other thread has come so far. */
static void wait_for(const struct progress *other, unsigned long count)
{
	unsigned int tries = 0;

	while ((long)(__atomic_load_n(&other->count, __ATOMIC_ACQUIRE) - count) < 0)
		relax(&tries);
}

static void hand_over(struct player *player)
{
	unsigned long at = ring.filled.count, end = at + BATCH;

	wait_for(&ring.emptied, end - RING);
	for (; at < end; at++)
		ring.slot[at % RING] = get(player);
	__atomic_store_n(&ring.filled.count, end, __ATOMIC_RELEASE);
}

static void take_over(void)
{
	unsigned long at = ring.emptied.count, end = at + BATCH;

	wait_for(&ring.filled, end);
	for (; at < end; at++)
		put(ring.slot[at % RING]);
	__atomic_store_n(&ring.emptied.count, end, __ATOMIC_RELEASE);
}

/* A thread's part in a round; the first hands over, the last takes. */
static void play(struct player *player)
{
	bool first = player == &players[0], last = player == &players[running - 1];
	unsigned long done;

	for (done = 0; done < operations;) {
		if (load->freed_by == SELF) {
			replace(player);
			done += 2 * BATCH;
			continue;
		}
		if (first)
			hand_over(player);
		if (last)
			take_over();
		done += (first + last) * BATCH;
	}
}

static void *thread(void *argument)
{
	struct player *player = argument;
	unsigned int tries = 0;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpus[player->cpu], &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("cannot stay on CPU %d: %s", cpus[player->cpu], strerror(errno));
	this_cpu = (struct this_cpu){ .offset = player->cpu * PERCPU_SIZE };
	player->switches = switches();
	__atomic_add_fetch(&ready, 1, __ATOMIC_RELAXED);
	while (READ_ONCE(ready) < running)
		relax(&tries);
	player->nanoseconds = nanoseconds();
	play(player);
	player->nanoseconds = nanoseconds() - player->nanoseconds;
	player->switches = switches() - player->switches;
	player->locked = this_cpu.locked;
	player->waited = this_cpu.waited;
	return NULL;
}

/* All threads do their operations at the same time. */
static struct cost play_round(unsigned int nr_threads)
{
	struct cost cost = { 0 };
	struct player *player;

	running = nr_threads;
	ready = 0;
	for (player = players; player < players + nr_threads; player++)
		if (pthread_create(&player->thread, NULL, thread, player))
			fail("no thread");
	for (player = players; player < players + nr_threads; player++) {
		pthread_join(player->thread, NULL);
		cost.disturbed |= player->switches;
		cost.nanoseconds = max(cost.nanoseconds, player->nanoseconds / operations);
		cost.locked += (double)player->locked / operations / nr_threads;
		cost.waited += (double)player->waited / operations / nr_threads;
	}
	running = 0;
	return cost;
}

/* Each thread gets the extents that it has, and with them its magazines. */
static void deal(unsigned int nr_threads, unsigned int shards)
{
	struct player *player;
	unsigned int i;

	memset(held, 0, space * sizeof(*held));
	play_open_shards(&arena, space, load->cached, shards);
	for (player = players; player < players + nr_threads; player++) {
		*player = (struct player){ .cpu = player - players, .seed = player - players };
		this_cpu.offset = load->freed_by == STRANGER ? 0 : player->cpu * PERCPU_SIZE;
		for (i = 0; i < SIZES; i++)
			player->sizes[i] = load->random ? 1 + draw(player, LARGEST_SIZE) : ONE_SIZE;
		for (i = 0; i < LIVE; i++)
			player->live[i] = get(player);
	}
	this_cpu.offset = 0;
}

/* All comes back, from the threads and from the cache: nothing is lost, nothing there twice. */
static void collect(unsigned int nr_threads)
{
	struct player *player;
	const char *wrong;
	unsigned int i;

	for (player = players; player < players + nr_threads; player++)
		for (i = 0; i < LIVE; i++)
			note(player->live[i], true);
	for (player = players; player < players + nr_threads; player++)
		for (i = 0; i < LIVE; i++)
			vmap_extent_free(&arena, player->live[i]);
	wrong = play_close(&arena, space);
	if (wrong)
		fail("in the end: %s", wrong);
}

static int by_nanoseconds(const void *a, const void *b)
{
	const struct cost *one = a, *other = b;

	return (one->nanoseconds > other->nanoseconds) - (one->nanoseconds < other->nanoseconds);
}

/*
 * The median of @count good rounds, with its 95 % interval: of so many samples half lie below the
 * median, give or take twice the deviation, which is half the root of their number.
 */
static struct cost median(struct cost *costs, unsigned int count)
{
	unsigned int off = 0;
	struct cost cost;

	qsort(costs, count, sizeof(*costs), by_nanoseconds);
	while (off * off < count)
		off++;
	off = min(off, count / 2);
	cost = costs[count / 2];
	cost.from = costs[count / 2 - off].nanoseconds;
	cost.to = costs[min(count / 2 + off, count - 1)].nanoseconds;
	return cost;
}

/* The median of a load's good rounds; a checked one comes before them. */
static struct cost measure(unsigned int nr_threads, unsigned int shards, bool all_checked)
{
	struct cost costs[ROUNDS], cost;
	unsigned int most = all_checked ? CHECKED_ROUNDS : MOST_ROUNDS, rounds, good = 0;

	checked = true;
	deal(nr_threads, shards);
	cost = play_round(nr_threads);
	checked = all_checked;
	for (rounds = 0; rounds < most && good < ROUNDS; rounds++) {
		cost = play_round(nr_threads);
		if (!cost.disturbed)
			costs[good++] = cost;
	}
	memset(held, 0, space * sizeof(*held));
	collect(nr_threads);
	if (good)
		return median(costs, good);
	cost.from = cost.nanoseconds;
	cost.to = cost.nanoseconds;
	return cost;
}

static void measure_load(bool two, bool all_checked)
{
	struct cost one = measure(1, 1, all_checked), both;
	bool disturbed = one.disturbed;
	unsigned int shards;

	printf("%8.1f %7.1f", one.nanoseconds, one.locked * 1000);
	for (shards = 1; two && shards <= most_shards; shards++) {
		both = measure(2, shards, all_checked);
		disturbed |= both.disturbed;
		printf(" %8.1f %7.1f %7.1f %6.2f %5.2f %5.2f", both.nanoseconds,
		       both.locked * 1000, both.waited * 1000, both.nanoseconds / one.nanoseconds,
		       both.from / one.to, both.to / one.from);
	}
	printf("  %s%s\n", load->name, disturbed ? " (disturbed)" : "");
	fflush(stdout);
}

/* The CPUs that the threads stay on, shared if there are too few.  Return how many there are. */
static unsigned int find_cpus(void)
{
	unsigned int found = 0, i;
	int cpu;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		fail("no CPU to stay on: %s", strerror(errno));
	for (cpu = 0; cpu < CPU_SETSIZE && found < PLAYERS; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[found++] = cpu;
	for (i = found; found && i < PLAYERS; i++)
		cpus[i] = cpus[i % found];
	return found;
}

static void print_head(bool two)
{
	unsigned long shards, columns = two ? most_shards : 0;

	printf("\n%16s", "one thread");
	for (shards = 1; shards <= columns; shards++)
		printf("%38s, %lu %s", "two threads", shards, shards == 1 ? "lock " : "locks");
	printf("\n%8s %7s", "ns", "locks");
	for (shards = 1; shards <= columns; shards++)
		printf(" %8s %7s %7s %6s %5s %5s", "ns", "locks", "waits", "ratio", "from", "to");
	printf("  load\n");
}

/* A line of the second table; @one is what one thread alone takes. */
static struct cost measure_threads(unsigned int threads, unsigned int shards, bool all_checked,
				   const struct cost *one)
{
	struct cost cost = measure(threads, shards, all_checked);

	if (!one)
		one = &cost;
	printf("%8u %8u %8.1f %7.1f %7.1f %6.2f %5.2f %5.2f  %s%s\n", threads, shards,
	       cost.nanoseconds, cost.locked * 1000, cost.waited * 1000,
	       cost.nanoseconds / one->nanoseconds, cost.from / one->to, cost.to / one->from,
	       load->name, cost.disturbed ? " (disturbed)" : "");
	fflush(stdout);
	return cost;
}

/* The threads after @threads: twice as many, but all in the end. */
static unsigned int more_threads(unsigned int threads, unsigned int most)
{
	return threads < most ? min(2 * threads, most) : most + 1;
}

/* The second table: loads of which each thread frees what it allocated, on up to @most CPUs. */
static void measure_curve(unsigned int most, bool all_checked)
{
	struct cost one;
	unsigned int threads;

	printf("\n%8s %8s %8s %7s %7s %6s %5s %5s  load\n", "threads", "shards", "ns", "locks",
	       "waits", "ratio", "from", "to");
	for (load = loads; load < loads + sizeof(loads) / sizeof(*loads); load++) {
		if (load->freed_by != SELF)
			continue;
		one = measure_threads(1, 1, all_checked, NULL);
		for (threads = 2; threads <= most; threads = more_threads(threads, most)) {
			measure_threads(threads, 1, all_checked, &one);
			measure_threads(threads, min(threads, VSHARD_MOST), all_checked, &one);
		}
	}
}

int main(int argc, char **argv)
{
	bool all_checked = false, two;
	const struct program_option options[] = {
		{ .name = "--operations", .number = &operations, .min = 2 * BATCH, .max = MOST },
		{ .name = "--shards", .number = &most_shards, .min = 1, .max = 2 },
		{ .name = "--threads", .number = &most_threads, .min = 2, .max = PLAYERS },
		{ .name = "--check", .flag = &all_checked },
		{ }
	};
	unsigned int nr_cpus, most;

	read_options(argc, argv,
		     "usage: bench_magazines [--operations N] [--shards N] [--threads N] [--check]\n",
		     options);
	operations = ALIGN(operations, 2 * BATCH);
	space = SPACE_EACH * most_threads;
	held = calloc(space, sizeof(*held));
	expect(held, "no memory");
	/* What several threads do wrong shows on one CPU, too; what it costs does not. */
	nr_cpus = find_cpus();
	two = nr_cpus >= 2 || all_checked;
	print_head(two);
	for (; load < loads + sizeof(loads) / sizeof(*loads); load++)
		measure_load(two, all_checked);
	if (!two)
		printf("SKIP two threads: this program may run on one CPU only\n");
	if (most_threads == 2)
		return 0;
	most = all_checked ? most_threads : min_t(unsigned int, most_threads, nr_cpus);
	play_cpus = max(most, 2U);
	measure_curve(most, all_checked);
	if (most < most_threads)
		printf("SKIP more than %u threads: this program may run on no more CPUs\n", most);
	return 0;
}
