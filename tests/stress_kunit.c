// SPDX-License-Identifier: GPL-2.0
/*
 * stress_kunit.c - threads that allocate and free at random, at once
 *
 * Each area carries stamps that tell it from any other, at both ends of each page; they must be
 * there when it is freed.  For ranges a bitmap says whether anybody has a unit already.  An
 * allocation may fail (a guest may be short of memory on purpose, or have faults injected), but
 * none of it may be wrong, and all must be there again at the end.
 */
#include <linux/bitmap.h>
#include <linux/kthread.h>
#include <linux/mm.h>

#include "vmap_kunit.h"

#define THREADS	6
#define SLOTS	40
#define UNITS	8192

struct area {
	void *addr;
	unsigned long size;
	u64 stamp;
};

struct crowd {
	struct vmap_arena *arena;
	struct vmap_arena *range;
	struct task_struct *thread[THREADS];
	unsigned long *taken;
	atomic_t number;
	atomic_t allocs;
	atomic_t wrong;
	atomic_t running;
	struct completion done;
};

static unsigned long pick(struct rnd_state *rnd, unsigned long below)
{
	return prandom_u32_state(rnd) % below;
}

static void take_area(struct crowd *crowd, struct rnd_state *rnd, struct area *area)
{
	gfp_t gfp = pick(rnd, 4) ? GFP_KERNEL : GFP_ATOMIC;
	unsigned long align = PAGE_SIZE << (pick(rnd, 4) ? 0 : pick(rnd, 6));

	area->size = (1 + pick(rnd, pick(rnd, 8) ? 8 : 64)) << PAGE_SHIFT;
	gfp |= pick(rnd, 2) ? __GFP_ZERO : 0;
	area->addr = vmap_arena_alloc(crowd->arena, area->size, align, gfp | __GFP_NOWARN,
				      NUMA_NO_NODE);
	if (!area->addr)
		return;
	atomic_inc(&crowd->allocs);
	if (!IS_ALIGNED((unsigned long)area->addr, align) ||
	    (gfp & __GFP_ZERO && memchr_inv(area->addr, 0, area->size)))
		atomic_inc(&crowd->wrong);
	area->stamp = (u64)prandom_u32_state(rnd) << 32;
	kt_stamp(area->addr, area->size, area->stamp);
}

static void drop_area(struct crowd *crowd, struct rnd_state *rnd, struct area *area)
{
	if (!kt_stamped(area->addr, area->size, area->stamp))
		atomic_inc(&crowd->wrong);
	switch (pick(rnd, 4)) {
	case 0:
		vmap_free_rcu(area->addr);
		break;
	case 1:
		preempt_disable();
		vmap_free(area->addr);
		preempt_enable();
		break;
	default:
		vmap_free(area->addr);
	}
	area->addr = NULL;
}

static void take_extent(struct crowd *crowd, struct rnd_state *rnd, struct vmap_extent **slot)
{
	unsigned long size = 1 + pick(rnd, 40), i;

	*slot = vmap_extent_alloc(crowd->range, size, 1UL << pick(rnd, 5),
				  (pick(rnd, 2) ? GFP_KERNEL : GFP_ATOMIC) | __GFP_NOWARN);
	if (IS_ERR(*slot)) {
		*slot = NULL;
		return;
	}
	for (i = 0; i < size; i++)
		if (test_and_set_bit(vmap_extent_start(*slot) + i, crowd->taken))
			atomic_inc(&crowd->wrong);
}

static void drop_extent(struct crowd *crowd, struct vmap_extent **slot)
{
	unsigned long i;

	for (i = 0; i < vmap_extent_size(*slot); i++)
		if (!test_and_clear_bit(vmap_extent_start(*slot) + i, crowd->taken))
			atomic_inc(&crowd->wrong);
	vmap_extent_free(crowd->range, *slot);
	*slot = NULL;
}

static void step(struct crowd *crowd, struct rnd_state *rnd, struct area *areas,
		 struct vmap_extent **extents)
{
	struct area *area = &areas[pick(rnd, SLOTS)];
	struct vmap_extent **extent = &extents[pick(rnd, SLOTS)];

	if (area->addr)
		drop_area(crowd, rnd, area);
	else
		take_area(crowd, rnd, area);
	if (*extent)
		drop_extent(crowd, extent);
	else
		take_extent(crowd, rnd, extent);
	if (!pick(rnd, 200))
		vmap_arena_purge(crowd->arena);
}

static int member(void *data)
{
	struct vmap_extent *extents[SLOTS] = {};
	struct area areas[SLOTS] = {};
	struct crowd *crowd = data;
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, kt_seed + atomic_inc_return(&crowd->number));
	for (i = 0; i < kt_loops; i++) {
		step(crowd, &rnd, areas, extents);
		cond_resched();
	}
	for (i = 0; i < SLOTS; i++) {
		if (areas[i].addr)
			drop_area(crowd, &rnd, &areas[i]);
		if (extents[i])
			drop_extent(crowd, &extents[i]);
	}
	if (atomic_dec_and_test(&crowd->running))
		complete(&crowd->done);
	return 0;
}

static void run_crowd(struct kunit *test, struct crowd *crowd)
{
	unsigned int i;

	atomic_set(&crowd->running, 1);
	for (i = 0; i < THREADS; i++) {
		atomic_inc(&crowd->running);
		if (IS_ERR(kthread_run(member, crowd, "kunit-crowd/%u", i)))
			atomic_dec(&crowd->running);
	}
	if (!atomic_dec_and_test(&crowd->running))
		while (!wait_for_completion_timeout(&crowd->done, HZ / 5)) {
			kt_verify(test, crowd->arena);
			kt_verify(test, crowd->range);
		}
}

static void crowd_with(struct kunit *test, unsigned int flags, unsigned long threshold)
{
	struct crowd *crowd = kunit_kzalloc(test, sizeof(*crowd), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, crowd);
	crowd->taken = kunit_kzalloc(test, BITS_TO_LONGS(UNITS) * sizeof(long), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, crowd->taken);
	init_completion(&crowd->done);
	crowd->arena = kt_memory(test, flags);
	crowd->range = kt_range(test, 0, UNITS, 1);
	WRITE_ONCE(crowd->arena->cache.purge.threshold, threshold);
	kunit_info(test, "seed=%lu loops=%u", kt_seed, kt_loops);
	run_crowd(test, crowd);
	kt_settle(test, crowd->arena);
	kt_settle(test, crowd->range);
	KUNIT_EXPECT_EQ(test, atomic_read(&crowd->wrong), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&crowd->allocs), 0);
	KUNIT_EXPECT_TRUE(test, bitmap_empty(crowd->taken, UNITS));
	KUNIT_EXPECT_EQ(test, kt_stats(crowd->arena).busy, 0);
	KUNIT_EXPECT_EQ(test, kt_stats(crowd->range).busy, 0);
}

static void a_crowd(struct kunit *test)
{
	crowd_with(test, 0, 32UL << 20);
}

static void a_crowd_against_the_throttle(struct kunit *test)
{
	crowd_with(test, VMAP_ARENA_NOCACHE, 64UL << 10);
}

static void a_crowd_without_guards(struct kunit *test)
{
	crowd_with(test, VMAP_ARENA_NOCACHE | VMAP_ARENA_NOGUARD, 1UL << 20);
}

static struct kunit_case stress_cases[] = {
	KUNIT_CASE(a_crowd),
	KUNIT_CASE(a_crowd_against_the_throttle),
	KUNIT_CASE(a_crowd_without_guards),
	{}
};

static struct kunit_suite stress_suite = { .name = "vmap_stress", .test_cases = stress_cases };
kunit_test_suite(stress_suite);
