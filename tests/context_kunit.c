// SPDX-License-Identifier: GPL-2.0
/*
 * context_kunit.c - allocations with GFP_ATOMIC and frees from every context they are promised in
 *
 * Each test is run once a context.  The errand it sends there runs to its end before the test looks
 * at what became of it.  Lockdep and DEBUG_ATOMIC_SLEEP are the judges of what an errand does while
 * it is there; the tests see to it that the throttle is met, where a careless free would sleep.
 */
#include <linux/completion.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/mm.h>

#include "vmap_kunit.h"

#define AREAS	24

struct errand {
	void (*run)(struct errand *errand);
	struct vmap_arena *arena;
	void *addr[AREAS];
	unsigned int failed;
	struct completion done;
	union {
		struct irq_work irq;
		struct tasklet_struct tasklet;
	};
};

static DEFINE_SPINLOCK(some_lock);

static void in_a_task(struct errand *errand)
{
	errand->run(errand);
}

static void with_preemption_off(struct errand *errand)
{
	preempt_disable();
	errand->run(errand);
	preempt_enable();
}

static void with_interrupts_off(struct errand *errand)
{
	unsigned long flags;

	local_irq_save(flags);
	errand->run(errand);
	local_irq_restore(flags);
}

static void with_bottom_halves_off(struct errand *errand)
{
	local_bh_disable();
	errand->run(errand);
	local_bh_enable();
}

static void with_a_spinlock(struct errand *errand)
{
	spin_lock(&some_lock);
	errand->run(errand);
	spin_unlock(&some_lock);
}

static void with_an_irq_spinlock(struct errand *errand)
{
	static DEFINE_SPINLOCK(irq_lock);
	unsigned long flags;

	spin_lock_irqsave(&irq_lock, flags);
	errand->run(errand);
	spin_unlock_irqrestore(&irq_lock, flags);
}

static void as_an_rcu_reader(struct errand *errand)
{
	rcu_read_lock();
	errand->run(errand);
	rcu_read_unlock();
}

static void hardirq(struct irq_work *irq)
{
	struct errand *errand = container_of(irq, struct errand, irq);

	errand->run(errand);
	complete(&errand->done);
}

static void in_a_hardirq(struct errand *errand)
{
	init_irq_work(&errand->irq, hardirq);
	irq_work_queue(&errand->irq);
	wait_for_completion(&errand->done);
	irq_work_sync(&errand->irq);
}

static void softirq(struct tasklet_struct *tasklet)
{
	struct errand *errand = container_of(tasklet, struct errand, tasklet);

	errand->run(errand);
	complete(&errand->done);
}

static void in_a_softirq(struct errand *errand)
{
	tasklet_setup(&errand->tasklet, softirq);
	tasklet_schedule(&errand->tasklet);
	wait_for_completion(&errand->done);
	tasklet_kill(&errand->tasklet);
}

struct context {
	const char *name;
	void (*enter)(struct errand *errand);
	bool vctx_may_wait;
	bool without_mm;	/* pages and slab objects can be neither had nor freed */
};

static const struct context contexts[] = {
	{ "task", in_a_task, true },
	{ "preemption off", with_preemption_off, .without_mm = IS_ENABLED(CONFIG_PREEMPT_RT) },
	{ "interrupts off", with_interrupts_off, .without_mm = IS_ENABLED(CONFIG_PREEMPT_RT) },
	{ "bottom halves off", with_bottom_halves_off },
	{ "spinlock", with_a_spinlock },
	{ "irq spinlock", with_an_irq_spinlock },
	{ "rcu reader", as_an_rcu_reader },
	{ "hardirq", in_a_hardirq },
	{ "softirq", in_a_softirq },
};

KUNIT_ARRAY_PARAM_DESC(contexts, contexts, name);

static struct errand *new_errand(struct kunit *test, unsigned int flags)
{
	struct errand *errand = kunit_kzalloc(test, sizeof(*errand), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, errand);
	init_completion(&errand->done);
	errand->arena = kt_memory(test, flags);
	return errand;
}

static void send(struct kunit *test, struct errand *errand, void (*run)(struct errand *errand))
{
	const struct context *context = test->param_value;

	reinit_completion(&errand->done);
	errand->run = run;
	context->enter(errand);
}

static void alloc_all(struct errand *errand)
{
	unsigned int i;

	for (i = 0; i < AREAS; i++) {
		errand->addr[i] = kt_pages(errand->arena, 1 + i % 4, GFP_ATOMIC);
		if (errand->addr[i])
			kt_stamp(errand->addr[i], (1 + i % 4) << PAGE_SHIFT, i);
		else
			errand->failed++;
	}
}

/* Where nothing can be had of mm an allocation may fail (see raw.c): there they are made before. */
static void alloc_there(struct kunit *test, struct errand *errand)
{
	const struct context *context = test->param_value;

	if (context->without_mm)
		alloc_all(errand);
	else
		send(test, errand, alloc_all);
}

static void free_all(struct errand *errand)
{
	unsigned int i;

	for (i = 0; i < AREAS; i++)
		vmap_free(errand->addr[i]);
}

/* By the call that frees memory of any kind. */
static void free_all_kinds(struct errand *errand)
{
	unsigned int i;

	for (i = 0; i < AREAS; i++)
		(i % 2 ? vmap_kvfree : vmap_kvfree_rcu)(errand->addr[i]);
}

static void free_all_rcu(struct errand *errand)
{
	unsigned int i;

	for (i = 0; i < AREAS; i++)
		vmap_free_rcu(errand->addr[i]);
}

static void expect_stamps(struct kunit *test, const struct errand *errand)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, errand->failed, 0);
	for (i = 0; i < AREAS; i++) {
		unsigned long size = (1 + i % 4) << PAGE_SHIFT;

		if (errand->addr[i])
			KUNIT_EXPECT_TRUE(test, kt_stamped(errand->addr[i], size, i));
	}
}

static void expect_empty(struct kunit *test, struct errand *errand)
{
	unsigned int i;

	kt_settle(test, errand->arena);
	KUNIT_EXPECT_EQ(test, kt_stats(errand->arena).busy, 0);
	for (i = 0; i < AREAS; i++)
		KUNIT_EXPECT_TRUE(test, kt_faults(errand->addr[i]));
}

static void alloc_and_free(struct kunit *test)
{
	struct errand *errand = new_errand(test, VMAP_ARENA_NOCACHE);

	alloc_there(test, errand);
	expect_stamps(test, errand);
	send(test, errand, free_all);
	expect_empty(test, errand);
}

/* Where there is no room and none may be made, an atomic allocation fails and does not wait. */
static void alloc_without_room(struct kunit *test)
{
	struct errand *errand = new_errand(test, VMAP_ARENA_NOCACHE);
	struct vmap_arena *arena = errand->arena;
	void *all;

	if (arena->cache.purge.space.reserved > 8UL << 20)
		kunit_skip(test, "load vmap_arena.ko with span_size=2M for this");
	WRITE_ONCE(arena->cache.purge.space.limit, arena->cache.purge.space.reserved);
	all = vmap_arena_alloc(arena, arena->cache.purge.space.reserved - PAGE_SIZE, 1, GFP_KERNEL,
			       NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, all);
	send(test, errand, alloc_all);
	KUNIT_EXPECT_EQ(test, errand->failed, AREAS);
	vmap_free(all);
}

/*
 * So little may be lazy that most of these frees have to wait, or leave it to the worker.  Who may
 * not wait finds that nobody else purges.
 */
static void free_against_the_throttle(struct kunit *test)
{
	const struct context *context = test->param_value;
	struct errand *errand = new_errand(test, VMAP_ARENA_NOCACHE);
	struct vmap_arena_stats stats;

	kt_stay_in_first_shard(errand->arena);
	alloc_all(errand);
	expect_stamps(test, errand);
	WRITE_ONCE(errand->arena->cache.purge.threshold, PAGE_SIZE);
	if (context->vctx_may_wait) {
		send(test, errand, free_all);
		stats = kt_stats(errand->arena);
		KUNIT_EXPECT_EQ(test, stats.deferred, 0);
	} else {
		mutex_lock(&errand->arena->cache.purge.purge_lock);
		send(test, errand, free_all);
		stats = kt_stats(errand->arena);
		mutex_unlock(&errand->arena->cache.purge.purge_lock);
		KUNIT_EXPECT_GT(test, stats.deferred, AREAS / 2);
		KUNIT_EXPECT_EQ(test, stats.throttle_waits, 0);
	}
	expect_empty(test, errand);
}

static void free_one(struct errand *errand)
{
	vmap_free(errand->addr[0]);
}

/* Send an area of so many pages to be freed.  Return whether it was still mapped then. */
static bool still_mapped(struct kunit *test, struct errand *errand, unsigned long pages)
{
	bool mapped;

	errand->addr[0] = kt_pages(errand->arena, pages, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, errand->addr[0]);
	/* So that the worker cannot come before the look. */
	mutex_lock(&errand->arena->cache.purge.deferred_lock);
	send(test, errand, free_one);
	mapped = !kt_faults(errand->addr[0]);
	mutex_unlock(&errand->arena->cache.purge.deferred_lock);
	return mapped;
}

/*
 * Where others cannot run meanwhile, an area is unmapped only if it is small, and if its pages can
 * be freed there.
 */
static void free_a_big_area(struct kunit *test)
{
	const struct context *context = test->param_value;
	struct errand *errand = new_errand(test, VMAP_ARENA_NOCACHE | VMAP_ARENA_NOGUARD);
	unsigned long most = UNMAP_BATCH / PAGE_SIZE;

	if (errand->arena->cache.purge.space.limit)
		kunit_skip(test, "arena_limit is set");
	kt_stay_in_first_shard(errand->arena);
	KUNIT_EXPECT_EQ(test, still_mapped(test, errand, most), context->without_mm);
	KUNIT_EXPECT_EQ(test, kt_stats(errand->arena).deferred, context->without_mm);
	KUNIT_EXPECT_EQ(test, still_mapped(test, errand, most + 1), !context->vctx_may_wait);
	KUNIT_EXPECT_EQ(test, kt_stats(errand->arena).deferred,
			context->without_mm + !context->vctx_may_wait);
	kt_settle(test, errand->arena);
	KUNIT_EXPECT_TRUE(test, kt_faults(errand->addr[0]));
}

static void free_after_a_grace_period(struct kunit *test)
{
	struct errand *errand = new_errand(test, VMAP_ARENA_NOCACHE);

	kt_stay_in_first_shard(errand->arena);
	alloc_there(test, errand);
	expect_stamps(test, errand);
	WRITE_ONCE(errand->arena->cache.purge.threshold, PAGE_SIZE);
	send(test, errand, free_all_rcu);
	expect_empty(test, errand);
}

static void free_of_any_kind(struct kunit *test)
{
	struct errand *errand = new_errand(test, VMAP_ARENA_NOCACHE);

	alloc_there(test, errand);
	expect_stamps(test, errand);
	send(test, errand, free_all_kinds);
	expect_empty(test, errand);
}

/* The same with what an arena keeps for reuse. */
static void alloc_and_free_cached(struct kunit *test)
{
	struct errand *errand = new_errand(test, 0);
	unsigned int i;

	for (i = 0; i < 4; i++) {
		alloc_there(test, errand);
		expect_stamps(test, errand);
		send(test, errand, free_all);
	}
	expect_empty(test, errand);
}

static void alloc_and_free_extents(struct errand *errand)
{
	struct vmap_extent *extent[AREAS];
	unsigned int i;

	for (i = 0; i < AREAS; i++) {
		extent[i] = vmap_extent_alloc(errand->arena, 1 + i, 1, GFP_ATOMIC);
		errand->failed += IS_ERR(extent[i]);
	}
	for (i = 0; i < AREAS; i++)
		vmap_extent_free(errand->arena, extent[i]);
}

static void extents(struct kunit *test)
{
	const struct context *context = test->param_value;
	struct errand *errand = kunit_kzalloc(test, sizeof(*errand), GFP_KERNEL);

	if (context->without_mm)
		kunit_skip(test, "no spare is to be had here with PREEMPT_RT: see test_raw");
	KUNIT_ASSERT_NOT_NULL(test, errand);
	init_completion(&errand->done);
	errand->arena = kt_range(test, 0, 4096, 1);
	send(test, errand, alloc_and_free_extents);
	KUNIT_EXPECT_EQ(test, errand->failed, 0);
	kt_settle(test, errand->arena);
	KUNIT_EXPECT_EQ(test, kt_stats(errand->arena).busy, 0);
}

static struct kunit_case context_cases[] = {
	KUNIT_CASE_PARAM(alloc_and_free, contexts_gen_params),
	KUNIT_CASE_PARAM(alloc_without_room, contexts_gen_params),
	KUNIT_CASE_PARAM(free_against_the_throttle, contexts_gen_params),
	KUNIT_CASE_PARAM(free_a_big_area, contexts_gen_params),
	KUNIT_CASE_PARAM(free_after_a_grace_period, contexts_gen_params),
	KUNIT_CASE_PARAM(free_of_any_kind, contexts_gen_params),
	KUNIT_CASE_PARAM(alloc_and_free_cached, contexts_gen_params),
	KUNIT_CASE_PARAM(extents, contexts_gen_params),
	{}
};

static struct kunit_suite context_suite = { .name = "vmap_context", .test_cases = context_cases };
kunit_test_suite(context_suite);
