// SPDX-License-Identifier: GPL-2.0
/*
 * remote_kunit.c - extents of a range arena that a CPU of another shard frees
 *
 * One CPU, the home's, allocates, and another one frees; the test moves from one to the other.  The
 * extents are too large for the cache.  What waits in the home is lazy in the statistics.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>

#include "vmap_kunit.h"

/* Units of each extent: so many are never cached. */
#define SIZE		(CACHE_CLASSES + 1UL)
/* The extents of each shard: several times what may wait there. */
#define EXTENTS		512UL
#define PART		(EXTENTS * SIZE)
#define WAITING		VREMOTE_MOST

/* An arena of two shards, and the CPU that allocates and that frees. */
struct pair {
	struct vmap_arena *arena;
	unsigned int home;
	unsigned int other;
	/* The first unit of the home. */
	unsigned long start;
	struct vmap_extent *extent[EXTENTS];
};

static void run_on(unsigned int cpu)
{
	set_cpus_allowed_ptr(current, cpumask_of(cpu));
}

/* Two CPUs of different shards: the first one online is not the one that may go offline. */
static struct pair *new_pair(struct kunit *test)
{
	struct pair *pair = kunit_kzalloc(test, sizeof(*pair), GFP_KERNEL);
	unsigned int cpu;

	KUNIT_ASSERT_NOT_NULL(test, pair);
	pair->home = cpumask_first(cpu_online_mask);
	pair->other = pair->home;
	for_each_online_cpu(cpu)
		if (cpu % 2 != pair->home % 2)
			pair->other = cpu;
	if (pair->other == pair->home)
		kunit_skip(test, "this takes two CPUs");
	pair->arena = kt_keep(test, vmap_arena_create_range_sharded(kt_name(), 0, 2 * PART, 1, 2));
	pair->start = pair->home % 2 * PART;
	run_on(pair->home);
	return pair;
}

/* At home, get @count extents. */
static void get(struct kunit *test, struct pair *pair, unsigned int count)
{
	unsigned int i;

	run_on(pair->home);
	for (i = 0; i < count; i++) {
		pair->extent[i] = vmap_extent_alloc(pair->arena, SIZE, 1, GFP_KERNEL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(pair->extent[i]));
		KUNIT_EXPECT_LT(test, vmap_extent_start(pair->extent[i]) - pair->start, PART);
	}
}

/* On this CPU, free the first @count extents. */
static void put_here(const struct pair *pair, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		vmap_extent_free(pair->arena, pair->extent[i]);
}

/* The same on the other CPU. */
static void put(const struct pair *pair, unsigned int count)
{
	run_on(pair->other);
	put_here(pair, count);
}

/* How many extents wait. */
static unsigned long waiting(const struct pair *pair)
{
	return kt_stats(pair->arena).lazy / SIZE;
}

/* Does the command hold in the arena's debugfs folder? */
static bool holds(struct vmap_arena *arena, const char *command)
{
	char text[128];

	snprintf(text, sizeof(text), "cd /sys/kernel/debug/vmap_arena/%s && %s",
		 arena->cache.purge.space.name, command);
	return !kt_shell(text);
}

/* What waits is neither busy nor free, files and statistics agree, and a purge makes it free. */
static void what_waits_adds_up(struct kunit *test)
{
	struct pair *pair = new_pair(test);
	struct vmap_arena_stats stats;

	get(test, pair, WAITING + 1);
	put(pair, WAITING);
	stats = kt_stats(pair->arena);
	KUNIT_EXPECT_EQ(test, stats.areas, 1);
	KUNIT_EXPECT_EQ(test, stats.busy, SIZE);
	KUNIT_EXPECT_EQ(test, stats.lazy, WAITING * SIZE);
	KUNIT_EXPECT_EQ(test, stats.free, 2 * PART - (WAITING + 1) * SIZE);
	kt_verify(test, pair->arena);
	KUNIT_EXPECT_TRUE(test, holds(pair->arena, "grep -qx ok verify"));
	KUNIT_EXPECT_TRUE(test, holds(pair->arena, "[ $(wc -l < areas) = 1 ]"));
	vmap_arena_purge(pair->arena);
	stats = kt_stats(pair->arena);
	KUNIT_EXPECT_EQ(test, stats.lazy, 0);
	KUNIT_EXPECT_EQ(test, stats.busy, SIZE);
	KUNIT_EXPECT_EQ(test, stats.free, 2 * PART - SIZE);
	vmap_extent_free(pair->arena, pair->extent[WAITING]);
	vmap_arena_purge(pair->arena);
	KUNIT_EXPECT_EQ(test, kt_stats(pair->arena).largest_free, PART);
}

/* However many are freed, no more wait than there are slots; nearly as many do. */
static void so_many_wait_and_no_more(struct kunit *test)
{
	struct pair *pair = new_pair(test);
	unsigned long most = 0, now;
	unsigned int i;

	get(test, pair, EXTENTS);
	run_on(pair->other);
	for (i = 0; i < EXTENTS; i++) {
		vmap_extent_free(pair->arena, pair->extent[i]);
		now = waiting(pair);
		KUNIT_EXPECT_LE(test, now, WAITING);
		most = max(most, now);
	}
	KUNIT_EXPECT_EQ(test, most, WAITING);
	KUNIT_EXPECT_GE(test, kt_stats(pair->arena).free, 2 * PART - WAITING * SIZE);
	kt_verify(test, pair->arena);
}

/* With interrupts off, too, where a free finds a slot and where it does not. */
static void freed_with_interrupts_off(struct kunit *test)
{
	struct pair *pair = new_pair(test);
	unsigned long flags;

	get(test, pair, 2 * WAITING);
	run_on(pair->other);
	local_irq_save(flags);
	put_here(pair, 2 * WAITING);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, kt_stats(pair->arena).areas, 0);
	KUNIT_EXPECT_GT(test, waiting(pair), 0);
}

/* Allocations merge what waits, but for a batch that is kept back; each merges a batch at most. */
static void allocations_merge_it(struct kunit *test)
{
	struct pair *pair = new_pair(test);
	unsigned long before, after;
	struct vmap_extent *extent;
	unsigned int i;

	get(test, pair, WAITING);
	put(pair, WAITING);
	run_on(pair->home);
	before = waiting(pair);
	KUNIT_EXPECT_EQ(test, before, WAITING);
	for (i = 0; i < 4 * VREMOTE_PAUSE; i++) {
		extent = vmap_extent_alloc(pair->arena, SIZE, 1, GFP_KERNEL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(extent));
		vmap_extent_free(pair->arena, extent);
		after = waiting(pair);
		KUNIT_EXPECT_LE(test, before - after, VREMOTE_BATCH);
		before = after;
	}
	KUNIT_EXPECT_EQ(test, before, VREMOTE_BATCH);
	kt_verify(test, pair->arena);
}

/* A request that fits only with what waits is served, at home and elsewhere. */
static void room_is_found_in_what_waits(struct kunit *test)
{
	const gfp_t gfps[] = { GFP_KERNEL, GFP_NOWAIT };
	struct pair *pair = new_pair(test);
	struct vmap_extent *extent, *others;
	unsigned int i;

	run_on(pair->other);
	others = vmap_extent_alloc(pair->arena, PART, 1, GFP_KERNEL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(others));
	for (i = 0; i < 2 * ARRAY_SIZE(gfps); i++) {
		get(test, pair, EXTENTS);
		put(pair, EXTENTS);
		/* Where a free has found no slot it has emptied a batch of them. */
		KUNIT_EXPECT_GT(test, waiting(pair), WAITING - VREMOTE_BATCH - 1);
		run_on(i & 1 ? pair->other : pair->home);
		extent = vmap_extent_alloc(pair->arena, PART, 1, gfps[i / 2]);
		KUNIT_ASSERT_FALSE(test, IS_ERR(extent));
		KUNIT_EXPECT_EQ(test, vmap_extent_start(extent), pair->start);
		vmap_extent_free(pair->arena, extent);
		vmap_arena_purge(pair->arena);
	}
	get(test, pair, EXTENTS);
	put(pair, EXTENTS);
	extent = vmap_extent_alloc_range(pair->arena, PART, 1, pair->start, pair->start + PART,
					 GFP_KERNEL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(extent));
	KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_extent_alloc(pair->arena, 1, 1, GFP_KERNEL)), -ENOSPC);
	vmap_extent_free(pair->arena, extent);
	vmap_extent_free(pair->arena, others);
}

/* What was freed already is told at once, wherever it is freed again, and changes nothing. */
static void a_second_free_is_told(struct kunit *test)
{
	struct pair *pair = new_pair(test);
	struct kt_log log;

	get(test, pair, 3);
	put(pair, 2);
	run_on(pair->home);
	vmap_extent_free(pair->arena, pair->extent[2]);
	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "not a live one"), 0);
	vmap_extent_free(pair->arena, pair->extent[0]);
	run_on(pair->other);
	vmap_extent_free(pair->arena, pair->extent[1]);
	vmap_extent_free(pair->arena, pair->extent[2]);
	vmap_arena_purge(pair->arena);
	vmap_extent_free(pair->arena, pair->extent[1]);
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 4);
	KUNIT_EXPECT_EQ(test, kt_stats(pair->arena).frees, 3);
	KUNIT_EXPECT_EQ(test, kt_stats(pair->arena).free, 2 * PART);
}

/*
 * The home looks at the state of an extent, the other CPU claims and pushes it, and the home frees
 * it: the test sets the state back that the home saw.  @reused: and the home hands it out again.
 */
static void freed_at_home_meanwhile(struct kunit *test, bool reused)
{
	struct pair *pair = new_pair(test);
	struct vmap_extent *extent;
	struct kt_log log;

	get(test, pair, 1);
	extent = pair->extent[0];
	put(pair, 1);
	run_on(pair->home);
	WRITE_ONCE(extent->state, VMAP_BUSY);
	vmap_extent_free(pair->arena, extent);
	if (reused)
		get(test, pair, EXTENTS);
	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "by two CPUs at once"), 0);
	vmap_arena_purge(pair->arena);
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 1);
	KUNIT_EXPECT_EQ(test, waiting(pair), 0);
	KUNIT_EXPECT_EQ(test, kt_stats(pair->arena).areas, reused ? EXTENTS : 0);
	KUNIT_EXPECT_EQ(test, kt_stats(pair->arena).busy, reused ? PART : 0);
	if (reused)
		put(pair, EXTENTS);
}

static void freed_twice_at_once(struct kunit *test)
{
	freed_at_home_meanwhile(test, false);
}

static void freed_twice_and_in_use_again(struct kunit *test)
{
	freed_at_home_meanwhile(test, true);
}

/* A race: two CPUs free the same extents of a third shard, and the second one is told. */
struct race {
	struct vmap_arena *arena;
	struct vmap_extent *extent[WAITING / 2];
	/* How often the frees have begun, and how often the other CPU is done. */
	unsigned int begun;
	unsigned int done;
};

static void free_all(const struct race *race)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(race->extent); i++)
		vmap_extent_free(race->arena, race->extent[i]);
}

static int free_them_too(void *data)
{
	struct race *race = data;

	while (!kthread_should_stop()) {
		/* Pairs with the release in two_claims_at_once(). */
		if (smp_load_acquire(&race->begun) == race->done) {
			cond_resched();
			continue;
		}
		free_all(race);
		/* Pairs with the acquire there. */
		smp_store_release(&race->done, race->done + 1);
	}
	return 0;
}

static void race_once(struct kunit *test, struct race *race)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(race->extent); i++) {
		race->extent[i] = vmap_extent_alloc_range(race->arena, SIZE, 1, 2 * PART, 3 * PART,
							  GFP_KERNEL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(race->extent[i]));
	}
	/* Pairs with the acquire in free_them_too(). */
	smp_store_release(&race->begun, race->begun + 1);
	free_all(race);
	/* Pairs with the release there. */
	while (smp_load_acquire(&race->done) != race->begun)
		cond_resched();
	vmap_arena_purge(race->arena);
	KUNIT_EXPECT_EQ(test, kt_stats(race->arena).areas, 0);
	KUNIT_EXPECT_EQ(test, kt_stats(race->arena).free, 4 * PART);
}

static void two_claims_at_once(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	unsigned int first = cpumask_first(cpu_online_mask), i;
	unsigned int other = cpumask_next(first, cpu_online_mask);
	struct task_struct *thread;

	KUNIT_ASSERT_NOT_NULL(test, race);
	if (other >= nr_cpu_ids || first % 4 == 2 || other % 4 == 2)
		kunit_skip(test, "this takes two CPUs of which none has the third shard");
	if (IS_ENABLED(CONFIG_KCSAN))
		kunit_skip(test, "who frees what is freed reads what another CPU writes");
	race->arena = kt_keep(test, vmap_arena_create_range_sharded(kt_name(), 0, 4 * PART, 1, 4));
	thread = kthread_create(free_them_too, race, "vmap_remote");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	kthread_bind(thread, other);
	wake_up_process(thread);
	run_on(first);
	for (i = 0; i < kt_loops / 10; i++)
		race_once(test, race);
	kthread_stop(thread);
}

/* One CPU allocates and hands over, the other frees, at the same time. */
struct relay {
	struct pair *pair;
	/* Extents handed over, and freed: modulo EXTENTS / 2 in pair->extent. */
	unsigned int given;
	unsigned int freed;
};

static int free_in_turn(void *data)
{
	struct relay *relay = data;

	while (!kthread_should_stop()) {
		/* Pairs with the release in hand_over(). */
		if (smp_load_acquire(&relay->given) == relay->freed) {
			cond_resched();
			continue;
		}
		vmap_extent_free(relay->pair->arena,
				 relay->pair->extent[relay->freed % (EXTENTS / 2)]);
		/* Pairs with the acquire there. */
		smp_store_release(&relay->freed, relay->freed + 1);
	}
	return 0;
}

static void hand_over(struct kunit *test, struct relay *relay)
{
	struct vmap_extent *extent;

	/* Pairs with the release in free_in_turn(). */
	while (relay->given - smp_load_acquire(&relay->freed) == EXTENTS / 2)
		cond_resched();
	extent = vmap_extent_alloc(relay->pair->arena, SIZE, 1, GFP_KERNEL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(extent));
	relay->pair->extent[relay->given % (EXTENTS / 2)] = extent;
	/* Pairs with the acquire there. */
	smp_store_release(&relay->given, relay->given + 1);
}

static void one_allocates_and_another_frees(struct kunit *test)
{
	struct relay relay = { .pair = new_pair(test) };
	struct task_struct *thread;
	unsigned int i;

	thread = kthread_create(free_in_turn, &relay, "vmap_remote");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	kthread_bind(thread, relay.pair->other);
	wake_up_process(thread);
	for (i = 0; i < 100 * kt_loops; i++)
		hand_over(test, &relay);
	while (READ_ONCE(relay.freed) != relay.given)
		cond_resched();
	kthread_stop(thread);
	kt_verify(test, relay.pair->arena);
	KUNIT_EXPECT_EQ(test, kt_stats(relay.pair->arena).areas, 0);
}

/* What a CPU left to the home is there though the CPU goes. */
static void a_cpu_that_goes_takes_nothing(struct kunit *test)
{
	struct pair *pair = new_pair(test);
	struct vmap_extent *extent;

	get(test, pair, EXTENTS);
	put(pair, EXTENTS);
	run_on(pair->home);
	KUNIT_EXPECT_EQ(test, waiting(pair), WAITING);
	KUNIT_ASSERT_EQ(test, remove_cpu(pair->other), 0);
	KUNIT_EXPECT_EQ(test, waiting(pair), WAITING);
	extent = vmap_extent_alloc(pair->arena, PART, 1, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, add_cpu(pair->other), 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(extent));
	vmap_extent_free(pair->arena, extent);
}

/* An arena goes with what waits in it. */
static void an_arena_goes_with_what_waits(struct kunit *test)
{
	struct pair *pair = new_pair(test);
	struct vmap_arena *kept = pair->arena;
	unsigned int round;

	for (round = 0; round < 5; round++) {
		pair->arena = vmap_arena_create_range_sharded(kt_name(), 0, 2 * PART, 1, 2);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pair->arena);
			get(test, pair, WAITING);
		put(pair, WAITING);
		KUNIT_EXPECT_EQ(test, waiting(pair), WAITING);
		KUNIT_EXPECT_EQ(test, vmap_arena_destroy(pair->arena), 0);
	}
	pair->arena = kept;
}

/* Where there is one shard each free goes to the tree at once. */
static void nothing_waits_in_one_shard(struct kunit *test)
{
	struct pair *pair = new_pair(test);

	pair->arena = kt_range(test, 0, PART, 1);
	pair->start = 0;
	get(test, pair, WAITING);
	put(pair, WAITING);
	KUNIT_EXPECT_EQ(test, kt_stats(pair->arena).lazy, 0);
	KUNIT_EXPECT_EQ(test, kt_stats(pair->arena).free, PART);
}

static struct kunit_case remote_cases[] = {
	KUNIT_CASE(what_waits_adds_up),
	KUNIT_CASE(so_many_wait_and_no_more),
	KUNIT_CASE(freed_with_interrupts_off),
	KUNIT_CASE(allocations_merge_it),
	KUNIT_CASE(room_is_found_in_what_waits),
	KUNIT_CASE(a_second_free_is_told),
	KUNIT_CASE(freed_twice_at_once),
	KUNIT_CASE(freed_twice_and_in_use_again),
	KUNIT_CASE(two_claims_at_once),
	KUNIT_CASE(one_allocates_and_another_frees),
	KUNIT_CASE(a_cpu_that_goes_takes_nothing),
	KUNIT_CASE(an_arena_goes_with_what_waits),
	KUNIT_CASE(nothing_waits_in_one_shard),
	{}
};

static void end_case(struct kunit *test)
{
	set_cpus_allowed_ptr(current, cpu_possible_mask);
}

static struct kunit_suite remote_suite = {
	.name = "vmap_remote",
	.exit = end_case,
	.test_cases = remote_cases,
};

kunit_test_suite(remote_suite);
