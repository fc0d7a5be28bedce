// SPDX-License-Identifier: GPL-2.0
/*
 * ipi_kunit.c - which CPUs an arena interrupts: those that have magazines of it to give back
 *
 * Whatever one CPU asks another to do for an arena passes the kernel's tracepoint csd_queue_cpu
 * with the arena as its argument.  It is counted there, by the CPU that is asked.  What others ask
 * for has another argument, and so has a flush.
 *
 * The tests do each tick themselves, on the first CPU, so that they know what is between two.
 */
#include <linux/cpumask.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>

#include "vmap_kunit.h"
#include "../cache.h"

/* Enough misses to make any size worth a magazine. */
#define MANY_MISSES	16

/* More ticks than a magazine stays for that nobody uses. */
#define TICKS		4

/* struct count - who was asked: @first, where the test runs, or another CPU */
struct count {
	struct vmap_arena *arena;
	unsigned int first;
	atomic_t here;
	atomic_t elsewhere;
};

static struct count count;
static struct tracepoint *queued;

static void on_queued(void *unused, unsigned int cpu, unsigned long callsite, smp_call_func_t func,
		      call_single_data_t *csd)
{
	if (csd->info != READ_ONCE(count.arena))
		return;
	if (cpu == count.first)
		atomic_inc(&count.here);
	else
		atomic_inc(&count.elsewhere);
}

static void look_at(struct tracepoint *tracepoint, void *unused)
{
	if (!strcmp(tracepoint->name, "csd_queue_cpu"))
		queued = tracepoint;
}

static void count_begin(struct vmap_arena *arena, unsigned int first)
{
	count.first = first;
	atomic_set(&count.here, 0);
	atomic_set(&count.elsewhere, 0);
	WRITE_ONCE(count.arena, arena);
}

static void stay_on(unsigned int cpu)
{
	set_cpus_allowed_ptr(current, cpumask_of(cpu));
}

static unsigned int first_cpu(void)
{
	return cpumask_first(cpu_online_mask);
}

static unsigned int second_cpu(void)
{
	return cpumask_next(first_cpu(), cpu_online_mask);
}

static int ipi_init(struct kunit *test)
{
	queued = NULL;
	for_each_kernel_tracepoint(look_at, NULL);
	if (!queued)
		kunit_skip(test, "this kernel has no tracepoint csd_queue_cpu");
	if (second_cpu() >= nr_cpu_ids)
		kunit_skip(test, "this machine has one CPU only");
	stay_on(first_cpu());
	return tracepoint_probe_register(queued, on_queued, NULL);
}

static void ipi_exit(struct kunit *test)
{
	if (!queued || second_cpu() >= nr_cpu_ids)
		return;
	tracepoint_probe_unregister(queued, on_queued, NULL);
	tracepoint_synchronize_unregister();
	WRITE_ONCE(count.arena, NULL);
}

static void use(struct vmap_arena *arena, unsigned long size)
{
	if (arena->cache.purge.space.memory)
		vmap_free(kt_pages(arena, size, GFP_KERNEL));
	else
		vmap_extent_free(arena, vmap_extent_alloc(arena, size, 1, GFP_KERNEL));
}

/* Have a magazine of @size on this CPU. */
static void want(struct kunit *test, struct vmap_arena *arena, unsigned long size)
{
	unsigned int i;

	for (i = 0; i < MANY_MISSES; i++)
		use(arena, size);
	KUNIT_ASSERT_GT(test, raw_cpu_ptr(arena->cache.cpu)->magazine[size]->count, 0);
}

/* Do what is done every two seconds, here and now.  It is queued again by that, and cancelled. */
static void tick(struct vmap_arena *arena)
{
	cancel_delayed_work_sync(&arena->cache.cache_work);
	arena->cache.cache_work.work.func(&arena->cache.cache_work.work);
	cancel_delayed_work_sync(&arena->cache.cache_work);
}

/* Use @size on @cpu before each tick; the ticks are on the first CPU. */
static void use_and_tick(struct vmap_arena *arena, unsigned long size, unsigned int cpu)
{
	unsigned int i;

	for (i = 0; i < TICKS; i++) {
		stay_on(cpu);
		use(arena, size);
		stay_on(first_cpu());
		tick(arena);
	}
}

static struct vmap_magazine *magazine_on(struct vmap_arena *arena, unsigned int cpu,
					 unsigned long size)
{
	return per_cpu_ptr(arena->cache.cpu, cpu)->magazine[size];
}

/* All that takes magazines away: ticks, a purge, the lack of memory, a switch, the arena's end. */
static void only_the_first_cpu_is_asked(struct kunit *test, struct vmap_arena *arena)
{
	char command[128];
	unsigned int i;

	count_begin(arena, first_cpu());
	want(test, arena, 3);
	use_and_tick(arena, 3, first_cpu());
	for (i = 0; i < TICKS; i++)
		tick(arena);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).cached, 0);
	want(test, arena, 3);
	vmap_arena_purge(arena);
	want(test, arena, 3);
	KUNIT_EXPECT_EQ(test, kt_write("/proc/sys/vm/drop_caches", "2"), 0);
	want(test, arena, 3);
	snprintf(command, sizeof(command), "cd %s/%s && echo 0 >cache && echo 1 >cache",
		 "/sys/kernel/debug/vmap_arena", arena->cache.purge.space.name);
	KUNIT_EXPECT_EQ(test, kt_shell(command), 0);
	want(test, arena, 3);
	KUNIT_EXPECT_EQ(test, vmap_arena_destroy(arena), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&count.elsewhere), 0);
}

static void a_cpu_without_magazines_is_left_alone(struct kunit *test)
{
	struct vmap_arena *memory = vmap_arena_create(kt_name(), 0), *range;

	KUNIT_ASSERT_FALSE(test, IS_ERR(memory));
	only_the_first_cpu_is_asked(test, memory);
	range = vmap_arena_create_range(kt_name(), 0, 1 << 20, 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR(range));
	only_the_first_cpu_is_asked(test, range);
}

/* Room is made of what is cached, by an interrupt to the CPU that has it; it is seen to come. */
static void a_cpu_with_magazines_is_asked_once(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, 1000, 1);
	struct vmap_extent *extent;

	stay_on(second_cpu());
	want(test, arena, 3);
	stay_on(first_cpu());
	count_begin(arena, first_cpu());
	extent = vmap_extent_alloc(arena, 1000, 1, GFP_KERNEL);
	KUNIT_EXPECT_FALSE(test, IS_ERR(extent));
	KUNIT_EXPECT_EQ(test, atomic_read(&count.elsewhere), 1);
	vmap_extent_free(arena, extent);
	vmap_arena_purge(arena);
	vmap_arena_purge(arena);
	KUNIT_EXPECT_EQ(test, atomic_read(&count.elsewhere), 1);
}

/* As long as its magazines are in use, no tick asks a CPU; when one is not used, one tick does. */
static void a_tick_asks_for_what_is_not_used(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, 1000, 1);
	unsigned int second = second_cpu(), i;

	stay_on(second);
	want(test, arena, 3);
	count_begin(arena, first_cpu());
	use_and_tick(arena, 3, second);
	KUNIT_EXPECT_EQ(test, atomic_read(&count.elsewhere), 0);
	KUNIT_EXPECT_GT(test, magazine_on(arena, second, 3)->count, 0);
	for (i = 0; i < TICKS; i++)
		tick(arena);
	KUNIT_EXPECT_EQ(test, atomic_read(&count.elsewhere), 1);
	KUNIT_EXPECT_EQ(test, magazine_on(arena, second, 3)->capacity, 0);
}

/* The interrupt takes the magazine that nobody uses, and leaves the one that is in use. */
static void only_what_is_not_used_goes(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, 1000, 1);
	unsigned int second = second_cpu();
	const struct vmap_magazine *used;

	stay_on(second);
	want(test, arena, 5);
	want(test, arena, 3);
	used = magazine_on(arena, second, 3);
	use_and_tick(arena, 3, second);
	KUNIT_EXPECT_EQ(test, magazine_on(arena, second, 5)->capacity, 0);
	KUNIT_EXPECT_PTR_EQ(test, magazine_on(arena, second, 3), used);
}

static struct kunit_case ipi_cases[] = {
	KUNIT_CASE(a_cpu_without_magazines_is_left_alone),
	KUNIT_CASE(a_cpu_with_magazines_is_asked_once),
	KUNIT_CASE(a_tick_asks_for_what_is_not_used),
	KUNIT_CASE(only_what_is_not_used_goes),
	{}
};

static struct kunit_suite ipi_suite = {
	.name = "vmap_ipi", .init = ipi_init, .exit = ipi_exit, .test_cases = ipi_cases,
};

kunit_test_suite(ipi_suite);
