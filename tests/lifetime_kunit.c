// SPDX-License-Identifier: GPL-2.0
/*
 * lifetime_kunit.c - an arena's end: destroyed as soon as nothing is allocated, and not before
 *
 * A free may take long: it may wait for room, for a grace period, for a worker.  Until the free is
 * done its area counts as allocated, and vmap_arena_destroy() says -EBUSY.  Once the last free is
 * counted nothing touches the arena any more: KASAN is the judge.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>

#include "vmap_kunit.h"

/* Areas held by a duel at most. */
#define MOST		10

/* Live extents that a sum may not miss, and threads that allocate and free meanwhile. */
#define KEPT		3
#define CHURNERS	2

/* Has grace periods end at once; but not those that rcu_barrier() waits for. */
#define EXPEDITED	"/sys/kernel/rcu_expedited"

/* A reader gives up after so many seconds, before the kernel complains of a stall. */
#define PATIENCE	10

static unsigned int destroys = 600;
module_param(destroys, uint, 0444);
MODULE_PARM_DESC(destroys, "arenas destroyed while their last areas are being freed (default 600)");

struct slow_free {
	void *addr;
	struct completion done;
};

static int free_slowly(void *data)
{
	struct slow_free *slow = data;

	vmap_free(slow->addr);
	complete(&slow->done);
	return 0;
}

static bool await_throttled_free(struct vmap_arena *arena)
{
	return kt_until(kt_stats(arena).throttle_waits);
}

/* A free that has to purge first cannot, for as long as the test holds the purge_lock. */
static void a_free_counts_when_it_is_done(struct kunit *test)
{
	struct slow_free *slow = kunit_kzalloc(test, sizeof(*slow), GFP_KERNEL);
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned long areas;
	void *first;
	int err = 0;

	KUNIT_ASSERT_NOT_NULL(test, slow);
	kt_stay_in_first_shard(arena);
	first = kt_pages(arena, 2, GFP_KERNEL);
	slow->addr = kt_pages(arena, 2, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_ASSERT_NOT_NULL(test, slow->addr);
	init_completion(&slow->done);
	WRITE_ONCE(arena->cache.purge.threshold, PAGE_SIZE);
	mutex_lock(&arena->cache.purge.purge_lock);
	vmap_free(first);
	kthread_run(free_slowly, slow, "kunit-freer");
	KUNIT_EXPECT_TRUE(test, await_throttled_free(arena));
	areas = kt_stats(arena).areas;
	if (areas)
		err = vmap_arena_destroy(arena);
	mutex_unlock(&arena->cache.purge.purge_lock);
	wait_for_completion(&slow->done);
	KUNIT_EXPECT_EQ(test, areas, 1);
	KUNIT_EXPECT_EQ(test, err, -EBUSY);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 0);
}

/**
 * struct churn - threads that allocate and free extents while somebody adds up
 * @arena: where
 * @box: an extent on its way from one thread to another, or NULL
 * @thread: the threads
 */
struct churn {
	struct vmap_arena *arena;
	struct vmap_extent *box;
	struct task_struct *thread[CHURNERS];
};

/* Cached sizes and others; each extent is freed by whoever finds it in the box. */
static int churn_extents(void *data)
{
	struct churn *churn = data;
	unsigned int i;

	for (i = 0; !kthread_should_stop(); i++) {
		unsigned long size = i % 4 ? 1 + i % 3 : CACHE_CLASSES + 1;

		struct vmap_extent *extent = vmap_extent_alloc(churn->arena, size, 1, GFP_KERNEL);

		vmap_extent_free(churn->arena, xchg(&churn->box, extent));
		if (!(i % 64))
			cond_resched();
	}
	return 0;
}

static void start_churn(struct kunit *test, struct churn *churn)
{
	unsigned int i;

	for (i = 0; i < CHURNERS; i++) {
		churn->thread[i] = kthread_run(churn_extents, churn, "kunit-churn/%u", i);
		KUNIT_EXPECT_FALSE(test, IS_ERR(churn->thread[i]));
	}
}

static void stop_churn(struct churn *churn)
{
	unsigned int i;

	for (i = 0; i < CHURNERS; i++)
		if (!IS_ERR(churn->thread[i]))
			kthread_stop(churn->thread[i]);
	vmap_extent_free(churn->arena, churn->box);
}

/* What is live all the while is in each sum, whatever else comes and goes while it is made. */
static void no_live_area_is_missed(struct kunit *test)
{
	struct churn *churn = kunit_kzalloc(test, sizeof(*churn), GFP_KERNEL);
	struct vmap_arena *arena = kt_range(test, 0, 1 << 20, 1);
	struct vmap_extent *kept[KEPT];
	unsigned int i, missed = 0;

	KUNIT_ASSERT_NOT_NULL(test, churn);
	churn->arena = arena;
	for (i = 0; i < KEPT; i++)
		kept[i] = vmap_extent_alloc(arena, 1, 1, GFP_KERNEL);
	start_churn(test, churn);
	for (i = 0; i < 20 * kt_loops; i++) {
		missed += (long)kt_stats(arena).areas < KEPT;
		cond_resched();
	}
	stop_churn(churn);
	KUNIT_EXPECT_EQ(test, missed, 0);
	for (i = 0; i < KEPT; i++)
		vmap_extent_free(arena, kept[i]);
}

enum turn {
	OWNER,		/* makes an arena and fills it, then destroys it */
	FREER,		/* frees what is in it */
};

/**
 * struct duel - one CPU destroys arenas in which another is about to free the last area
 * @kind: of frees
 * @arena: of this round
 * @held: what was allocated in it
 * @turn: whose it is to begin something; enum turn
 * @freer: a thread on another CPU
 * @irq: for frees from an interrupt
 */
struct duel {
	const struct kind *kind;
	struct vmap_arena *arena;
	void *held[MOST];
	int turn;
	struct task_struct *freer;
	struct irq_work irq;
};

/**
 * struct kind - a way that a free can take
 * @name: what it is called
 * @free_all: frees what a duel holds
 * @count: areas to be held
 * @size: of each, in pages or units
 * @range: a range arena, else a memory arena
 * @shards: of a range arena that has several
 * @flags: of a memory arena
 * @throttled: so little may be lazy that all but the first have to wait, or to be deferred
 * @share: of the arenas to be destroyed, in percent; little where a span comes and goes with each
 */
struct kind {
	const char *name;
	void (*free_all)(struct duel *duel);
	unsigned int count;
	unsigned int size;
	bool range;
	unsigned int shards;
	unsigned int flags;
	bool throttled;
	unsigned int share;
};

static void free_memory(struct duel *duel)
{
	unsigned int i, count = duel->kind->count;

	for (i = 0; i < count; i++)
		vmap_free(duel->held[i]);
}

static void free_memory_rcu(struct duel *duel)
{
	unsigned int i, count = duel->kind->count;

	for (i = 0; i < count; i++)
		vmap_free_rcu(duel->held[i]);
}

static void free_in_interrupt(struct irq_work *irq)
{
	free_memory(container_of(irq, struct duel, irq));
}

static void free_memory_by_interrupt(struct duel *duel)
{
	init_irq_work(&duel->irq, free_in_interrupt);
	irq_work_queue(&duel->irq);
	irq_work_sync(&duel->irq);
}

static void free_extents(struct duel *duel)
{
	unsigned int i, count = duel->kind->count;

	for (i = 0; i < count; i++)
		vmap_extent_free(duel->arena, duel->held[i]);
}

/*
 * The owner's allocations give its own CPU a magazine.  By the fourth free the other CPU wants one,
 * too, and keeps the next ones there.  A size of more quanta than are cached goes past all that.
 */
static const struct kind kinds[] = {
	{ "memory uncached", free_memory, 6, 2, .flags = VMAP_ARENA_NOCACHE, .share = 1 },
	{ "memory throttled", free_memory, 6, 2, .flags = VMAP_ARENA_NOCACHE, .throttled = true,
	  .share = 1 },
	{ "memory cached", free_memory, 10, 1, .share = 1 },
	{ "memory with a magazine added last", free_memory, 4, 1, .share = 1 },
	{ "memory after a grace period", free_memory_rcu, 6, 1, .share = 1 },
	{ "memory deferred", free_memory_by_interrupt, 6, 2, .flags = VMAP_ARENA_NOCACHE,
	  .throttled = true, .share = 1 },
	{ "extents uncached", free_extents, 6, CACHE_CLASSES + 1, .range = true, .share = 32 },
	{ "extents of another shard", free_extents, 6, CACHE_CLASSES + 1, .range = true,
	  .shards = 2, .share = 32 },
	{ "extents cached", free_extents, 10, 1, .range = true, .share = 32 },
	{ "extents with a magazine added last", free_extents, 4, 1, .range = true, .share = 32 },
};

KUNIT_ARRAY_PARAM_DESC(kinds, kinds, name);

static int free_in_turn(void *data)
{
	struct duel *duel = data;

	while (!kthread_should_stop()) {
		/* The turn goes to and fro: what either did comes before it. */
		if (smp_load_acquire(&duel->turn) == FREER) {
			duel->kind->free_all(duel);
			/* See above. */
			smp_store_release(&duel->turn, OWNER);
		}
		cond_resched();
	}
	return 0;
}

static void *alloc_units(struct vmap_arena *arena, unsigned long units)
{
	return vmap_extent_alloc(arena, units, 1, GFP_KERNEL);
}

static bool fill_arena(struct duel *duel)
{
	const struct kind *kind = duel->kind;
	bool good = true;
	unsigned int i;

	for (i = 0; i < kind->count; i++) {
		duel->held[i] = kind->range ? alloc_units(duel->arena, kind->size)
					    : kt_pages(duel->arena, kind->size, GFP_KERNEL);
		good &= !IS_ERR_OR_NULL(duel->held[i]);
	}
	return good;
}

/* Destroy the arena as soon as it lets us: at each try, or when the sum says so. */
static int destroy_soon(struct vmap_arena *arena, bool look)
{
	int err;

	while (look && kt_stats(arena).areas)
		cond_resched();
	do {
		err = vmap_arena_destroy(arena);
		cond_resched();
	} while (err == -EBUSY);
	return err;
}

static void fight(struct kunit *test, struct duel *duel, bool look)
{
	const struct kind *kind = duel->kind;

	if (kind->shards)
		duel->arena = vmap_arena_create_range_sharded(kt_name(), 0, 1 << 20, 1,
							      kind->shards);
	else if (kind->range)
		duel->arena = vmap_arena_create_range(kt_name(), 0, 1 << 20, 1);
	else
		duel->arena = vmap_arena_create(kt_name(), kind->flags);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, duel->arena);
	KUNIT_EXPECT_TRUE(test, fill_arena(duel));
	if (kind->throttled)
		WRITE_ONCE(duel->arena->cache.purge.threshold, PAGE_SIZE);
	/* Pairs with free_in_turn(), which sees what is held. */
	smp_store_release(&duel->turn, FREER);
	KUNIT_EXPECT_EQ(test, destroy_soon(duel->arena, look), 0);
	/* And with the end of its turn. */
	while (smp_load_acquire(&duel->turn) != OWNER)
		cond_resched();
}

/* So many spans go, each of which waits for a grace period, that these must not take long. */
static void destroyed_against_frees(struct kunit *test)
{
	struct duel *duel = kunit_kzalloc(test, sizeof(*duel), GFP_KERNEL);
	unsigned int i, rounds;

	KUNIT_ASSERT_NOT_NULL(test, duel);
	if (num_online_cpus() < 2)
		kunit_skip(test, "this takes two CPUs");
	duel->kind = test->param_value;
	rounds = DIV_ROUND_UP(destroys * duel->kind->share, 100);
	duel->freer = kthread_create(free_in_turn, duel, "kunit-freer");
	KUNIT_ASSERT_FALSE(test, IS_ERR(duel->freer));
	kthread_bind(duel->freer, cpumask_last(cpu_online_mask));
	wake_up_process(duel->freer);
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	KUNIT_EXPECT_EQ(test, kt_write(EXPEDITED, "1"), 0);
	for (i = 0; i < rounds; i++)
		fight(test, duel, i & 1);
	KUNIT_EXPECT_EQ(test, kt_write(EXPEDITED, "0"), 0);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	kthread_stop(duel->freer);
}

/**
 * struct reader - somebody who reads under RCU for long
 * @entered: has begun
 * @left: has ended
 * @stop: may end
 * @gave_up: ended, though nobody had said so
 */
struct reader {
	struct completion entered;
	struct completion left;
	bool stop;
	bool gave_up;
};

static int read_for_long(void *data)
{
	unsigned long end = jiffies + PATIENCE * HZ;
	struct reader *reader = data;

	rcu_read_lock();
	complete(&reader->entered);
	while (!READ_ONCE(reader->stop) && time_before(jiffies, end))
		cpu_relax();
	reader->gave_up = !READ_ONCE(reader->stop);
	rcu_read_unlock();
	complete(&reader->left);
	return 0;
}

static struct reader *start_reader(struct kunit *test)
{
	struct reader *reader = kunit_kzalloc(test, sizeof(*reader), GFP_KERNEL);
	struct task_struct *thread;

	KUNIT_ASSERT_NOT_NULL(test, reader);
	init_completion(&reader->entered);
	init_completion(&reader->left);
	thread = kthread_create(read_for_long, reader, "kunit-reader");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	kthread_bind(thread, cpumask_last(cpu_online_mask));
	wake_up_process(thread);
	wait_for_completion(&reader->entered);
	return reader;
}

/* A range has no readers by address and no frees after a grace period: nothing to wait for. */
static void a_range_goes_without_a_grace_period(struct kunit *test)
{
	struct reader *reader;
	unsigned int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "this takes two CPUs");
	reader = start_reader(test);
	for (i = 0; i < 20; i++) {
		struct vmap_arena *arena = vmap_arena_create_range(kt_name(), 0, 8, 1);

		KUNIT_EXPECT_NOT_ERR_OR_NULL(test, arena);
		vmap_extent_free(arena, vmap_extent_alloc(arena, 1, 1, GFP_KERNEL));
		KUNIT_EXPECT_EQ(test, vmap_arena_destroy(arena), 0);
	}
	WRITE_ONCE(reader->stop, true);
	wait_for_completion(&reader->left);
	KUNIT_EXPECT_FALSE_MSG(test, reader->gave_up, "somebody waited for a reader");
}

static struct kunit_case lifetime_cases[] = {
	KUNIT_CASE(a_free_counts_when_it_is_done),
	KUNIT_CASE(no_live_area_is_missed),
	KUNIT_CASE_PARAM(destroyed_against_frees, kinds_gen_params),
	KUNIT_CASE(a_range_goes_without_a_grace_period),
	{}
};

static struct kunit_suite lifetime_suite = {
	.name = "vmap_lifetime", .test_cases = lifetime_cases,
};

kunit_test_suite(lifetime_suite);
