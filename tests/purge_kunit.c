// SPDX-License-Identifier: GPL-2.0
/*
 * purge_kunit.c - lazy extents: unmapped at once, reusable only after a purge, bounded
 */
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/mm.h>

#include "vmap_kunit.h"
#include "../throttle.h"

#define SMALL_THRESHOLD	(64UL << 10)
#define FREERS		4
#define FLOOD_WAITS	500
#define LARGEST		8
#define BACKLOG		4000

static void frees_are_lazy_until_a_purge(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	void *a = kt_pages(arena, 3, GFP_KERNEL), *b = kt_pages(arena, 3, GFP_KERNEL), *c;
	struct vmap_arena_stats stats;

	vmap_free(a);
	vmap_free(b);
	stats = kt_stats(arena);
	KUNIT_EXPECT_EQ(test, stats.lazy, 8 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, stats.busy, 0);
	KUNIT_EXPECT_EQ(test, stats.flushes, 0);
	c = kt_pages(arena, 3, GFP_KERNEL);
	KUNIT_EXPECT_PTR_NE(test, c, a);
	KUNIT_EXPECT_PTR_NE(test, c, b);
	vmap_free(c);
	vmap_arena_purge(arena);
	stats = kt_stats(arena);
	KUNIT_EXPECT_EQ(test, stats.lazy, 0);
	KUNIT_EXPECT_EQ(test, stats.purged, 3);
	KUNIT_EXPECT_EQ(test, stats.flushes, 1);
	c = kt_pages(arena, 3, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, c, a);
	vmap_free(c);
}

static void a_purge_of_nothing_flushes_nothing(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned int i;

	for (i = 0; i < 10; i++)
		vmap_arena_purge(arena);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).flushes, 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).purged, 0);
}

/* One flush serves many frees: that is what being lazy is for. */
static void flushes_are_shared(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	struct vmap_arena_stats stats;
	unsigned int i;

	for (i = 0; i < 200; i++) {
		void *addr = kt_pages(arena, 1, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, addr);
		vmap_free(addr);
	}
	vmap_arena_purge(arena);
	stats = kt_stats(arena);
	KUNIT_EXPECT_EQ(test, stats.purged, 200);
	KUNIT_EXPECT_LE(test, stats.flushes, 2);
}

/* Above the threshold a purge comes by itself. */
static void the_threshold_asks_for_a_purge(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned int i;

	kt_stay_in_first_shard(arena);
	WRITE_ONCE(arena->cache.purge.threshold, SMALL_THRESHOLD);
	for (i = 0; i < 8; i++) {
		vmap_free(kt_pages(arena, 1, GFP_KERNEL));
		KUNIT_EXPECT_EQ(test, kt_stats(arena).flushes, 0);
	}
	vmap_free(kt_pages(arena, 1, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, kt_until(!kt_stats(arena).lazy));
	KUNIT_EXPECT_GE(test, kt_stats(arena).flushes, 1);
}

/* What is lazy is room, too: an arena that is full but for it must purge, not fail or grow. */
static void lazy_room_is_found(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned long size = kt_stats(arena).reserved / 2 - PAGE_SIZE;
	unsigned int i;

	kt_stay_in_first_shard(arena);
	/* So that nothing but the lack of room asks for a purge. */
	WRITE_ONCE(arena->cache.purge.threshold, 1UL << 40);
	vmap_free(vmap_arena_alloc(arena, size, 1, GFP_KERNEL, NUMA_NO_NODE));
	for (i = 0; i < 20; i++) {
		void *addr = vmap_arena_alloc(arena, size, 1, GFP_KERNEL, NUMA_NO_NODE);

		KUNIT_ASSERT_NOT_NULL(test, addr);
		vmap_free(addr);
	}
	/* Half of the span is always free or lazy: nobody needs another, not even ahead of need. */
	KUNIT_EXPECT_EQ(test, kt_stats(arena).imports, 1);
}

/* Have @count areas of a page each freed and flushed, but hardly any of them merged yet. */
static bool flush_backlog(struct kunit *test, struct vmap_arena *arena, unsigned long count)
{
	void **addr = kunit_kcalloc(test, count, sizeof(*addr), GFP_KERNEL);
	unsigned long end = jiffies + KT_PATIENCE, i;

	KUNIT_ASSERT_NOT_NULL(test, addr);
	kt_stay_in_first_shard(arena);
	WRITE_ONCE(arena->cache.purge.threshold, 1UL << 40);
	for (i = 0; i < count; i++)
		addr[i] = kt_pages(arena, 1, GFP_KERNEL);
	for (i = 0; i < count - 1; i++)
		vmap_free(addr[i]);
	/* Above the threshold, so that the next free asks for a flush; below the limit. */
	WRITE_ONCE(arena->cache.purge.threshold, (count << PAGE_SHIFT) / 3 * 2);
	vmap_free(addr[i]);
	while (!kt_stats(arena).flushes && time_before(jiffies, end))
		cond_resched();
	return kt_stats(arena).flushes;
}

/* Make a call and return how many extents were merged meanwhile, by whomever. */
static unsigned long merged_during(struct vmap_arena *arena, bool alloc, void **addr)
{
	unsigned long before;

	preempt_disable();
	before = READ_ONCE(arena->cache.purge.purged);
	if (alloc)
		*addr = kt_pages(arena, 1, GFP_ATOMIC);
	else
		vmap_free(*addr);
	before = READ_ONCE(arena->cache.purge.purged) - before;
	preempt_enable();
	return before;
}

/*
 * While thousands wait to be merged, a call merges a few of them, and the worker a batch now and
 * then.  The worker may be at it during a call, but not during each of ten.
 */
static void no_call_pays_for_a_backlog(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE | VMAP_ARENA_NOGUARD);
	unsigned long by_alloc = ULONG_MAX, by_free = ULONG_MAX, enough = BACKLOG / 4 << PAGE_SHIFT;
	unsigned int calls;
	void *addr;

	if (arena->cache.purge.space.limit)
		kunit_skip(test, "arena_limit is set");
	KUNIT_ASSERT_TRUE(test, flush_backlog(test, arena, BACKLOG));
	for (calls = 0; calls < 10 && kt_stats(arena).lazy > enough; calls++) {
		by_alloc = min(by_alloc, merged_during(arena, true, &addr));
		by_free = min(by_free, merged_during(arena, false, &addr));
	}
	KUNIT_EXPECT_EQ_MSG(test, calls, 10, "somebody has merged it all");
	KUNIT_EXPECT_LE(test, by_alloc, THROTTLE_MERGE_BATCH);
	KUNIT_EXPECT_LE(test, by_free, THROTTLE_MERGE_BATCH);
}

struct flood {
	struct vmap_arena *arena;
	struct task_struct *freer[FREERS];
	atomic_t failed;
};

static int freer(void *data)
{
	struct flood *flood = data;
	void *addr[16];
	unsigned int i;

	while (!kthread_should_stop()) {
		for (i = 0; i < ARRAY_SIZE(addr); i++) {
			addr[i] = kt_pages(flood->arena, 1 + i % LARGEST, GFP_KERNEL);
			if (!addr[i])
				atomic_inc(&flood->failed);
		}
		for (i = 0; i < ARRAY_SIZE(addr); i++)
			vmap_free(addr[i]);
		cond_resched();
	}
	return 0;
}

static void start_flood(struct kunit *test, struct flood *flood)
{
	unsigned int i;

	for (i = 0; i < FREERS; i++) {
		flood->freer[i] = kthread_run(freer, flood, "kunit-freer/%u", i);
		if (IS_ERR(flood->freer[i]))
			KUNIT_FAIL(test, "no thread: %ld", PTR_ERR(flood->freer[i]));
	}
}

static void stop_flood(struct flood *flood)
{
	unsigned int i;

	for (i = 0; i < FREERS; i++)
		if (!IS_ERR(flood->freer[i]))
			kthread_stop(flood->freer[i]);
}

/* The most that is lazy, until frees have waited often at the limit. */
/* Not inlined: each copy of the statistics takes stack. */
static noinline unsigned long worst_lazy(struct vmap_arena *arena)
{
	unsigned long end = jiffies + KT_PATIENCE, worst = 0;

	while (kt_stats(arena).throttle_waits < FLOOD_WAITS && time_before(jiffies, end)) {
		worst = max(worst, kt_stats(arena).lazy);
		cond_resched();
	}
	return worst;
}

/* Invariant 5: threads free as fast as they can, and the limit is reached and held. */
static void lazy_is_bounded(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	struct flood *flood = kunit_kzalloc(test, sizeof(*flood), GFP_KERNEL);
	unsigned long limit, worst;
	struct vmap_purge *shard;

	KUNIT_ASSERT_NOT_NULL(test, flood);
	vpurge_for_each(shard, &arena->cache.purge)
		WRITE_ONCE(shard->threshold, SMALL_THRESHOLD);
	flood->arena = arena;
	start_flood(test, flood);
	worst = worst_lazy(arena);
	stop_flood(flood);
	limit = arena->cache.nr_shards *
		(2 * SMALL_THRESHOLD + num_possible_cpus() * (LARGEST + 1) * PAGE_SIZE);
	kunit_info(test, "worst %lu, limit %lu, waits %lu", worst, limit,
		   kt_stats(arena).throttle_waits);
	KUNIT_EXPECT_LE(test, worst, limit);
	KUNIT_EXPECT_GT(test, worst, SMALL_THRESHOLD);
	KUNIT_EXPECT_GT(test, kt_stats(arena).throttle_waits, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&flood->failed), 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 0);
}

static struct kunit_case purge_cases[] = {
	KUNIT_CASE(frees_are_lazy_until_a_purge),
	KUNIT_CASE(a_purge_of_nothing_flushes_nothing),
	KUNIT_CASE(flushes_are_shared),
	KUNIT_CASE(the_threshold_asks_for_a_purge),
	KUNIT_CASE(lazy_room_is_found),
	KUNIT_CASE(no_call_pays_for_a_backlog),
	KUNIT_CASE(lazy_is_bounded),
	{}
};

static struct kunit_suite purge_suite = { .name = "vmap_purge", .test_cases = purge_cases };
kunit_test_suite(purge_suite);
