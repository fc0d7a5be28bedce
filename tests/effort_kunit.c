// SPDX-License-Identifier: GPL-2.0
/*
 * effort_kunit.c - how hard a call tries: to the end with __GFP_NOFAIL, hardly for a killed task
 *
 * A task is killed by a signal that is pending, and lives again when the test takes it back.  What
 * would take time is told apart from what is to be had at once by making the first request for
 * pages fail: from there on each page would be asked for by itself, which is where the lack of
 * memory makes a task wait.  No test measures time.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "vmap_kunit.h"

#define PAGES	70

/* What another task asks for. */
static struct request {
	struct vmap_arena *arena;
	unsigned long pages;
	void *addr;
	struct completion done;
} request;

static int ask(void *unused)
{
	request.addr = kt_pages(request.arena, request.pages, GFP_KERNEL | __GFP_NOFAIL);
	complete(&request.done);
	return 0;
}

static void send_request(struct kunit *test, struct vmap_arena *arena, unsigned long pages)
{
	request.arena = arena;
	request.pages = pages;
	request.addr = NULL;
	init_completion(&request.done);
	KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(ask, NULL, "vmap_kunit-ask")));
}

static unsigned long span_pages(struct vmap_arena *arena)
{
	return kt_stats(arena).reserved >> PAGE_SHIFT;
}

/* An arena of one span that may not grow. */
static struct vmap_arena *bounded_arena(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);

	if (span_pages(arena) > PTRS_PER_PTE)
		kunit_skip(test, "load vmap_arena.ko with span_size=2M for this");
	WRITE_ONCE(arena->cache.purge.space.limit, arena->cache.purge.space.reserved);
	return arena;
}

static void *take_span(struct kunit *test, struct vmap_arena *arena, gfp_t gfp)
{
	void *addr =
		kt_pages(arena, PTRS_PER_PTE - (arena->cache.purge.space.guard >> PAGE_SHIFT), gfp);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	return addr;
}

/* As long as there is no room it waits; when there is, it gets it. */
static void what_must_not_fail_waits_for_room(struct kunit *test)
{
	struct vmap_arena *arena = bounded_arena(test);
	void *all = take_span(test, arena, GFP_KERNEL);

	KUNIT_EXPECT_NULL(test, kt_pages(arena, PAGES, GFP_KERNEL));
	send_request(test, arena, PAGES);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&request.done, HZ / 2), 0);
	vmap_free(all);
	KUNIT_ASSERT_GT(test, wait_for_completion_timeout(&request.done, 60 * HZ), 0);
	KUNIT_ASSERT_NOT_NULL(test, request.addr);
	kt_stamp(request.addr, PAGES << PAGE_SHIFT, 1);
	vmap_free(request.addr);
}

/* At its limit an arena keeps no idle span for which a larger one cannot come. */
static void idle_spans_make_way(struct kunit *test)
{
	struct vmap_arena *arena = bounded_arena(test);
	unsigned long guard = arena->cache.purge.space.guard >> PAGE_SHIFT;
	void *addr[4];
	unsigned int i;

	WRITE_ONCE(arena->cache.purge.space.limit, 4 * arena->cache.purge.space.reserved);
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		addr[i] = take_span(test, arena, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).spans, 4);
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		vmap_free(addr[i]);
	addr[0] = kt_pages(arena, 4 * PTRS_PER_PTE - guard, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, addr[0]);
	vmap_free(addr[0]);
}

/* Each is refused, and one line says to whom, why and what. */
static void expect_refusal(struct kunit *test, const char *why, struct vmap_arena *arena,
			   unsigned long size, unsigned long align, gfp_t gfp)
{
	struct kt_log log;
	void *got;

	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "__GFP_NOFAIL refused"), 0);
	if (arena->cache.purge.space.memory)
		got = vmap_arena_alloc(arena, size, align, gfp | __GFP_NOFAIL, NUMA_NO_NODE);
	else
		got = vmap_extent_alloc(arena, size, align, gfp | __GFP_NOFAIL);
	kt_log_end(&log);
	KUNIT_EXPECT_TRUE(test, IS_ERR_OR_NULL(got));
	KUNIT_EXPECT_EQ_MSG(test, log.lines, 1, "%s", why);
	if (log.lines) {
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, "[vmap_kunit]"), "%s", log.last);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, why), "%s", log.last);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, arena->cache.purge.space.name),
					  "%s", log.last);
	}
}

static void what_no_wait_would_help_is_refused(struct kunit *test)
{
	struct vmap_arena *arena = bounded_arena(test), *range = kt_range(test, 0, 1000, 1);
	unsigned long limit = arena->cache.purge.space.limit;
	struct kt_log log;
	void *all;

	expect_refusal(test, "bad size", arena, 0, PAGE_SIZE, GFP_KERNEL);
	expect_refusal(test, "bad size", arena, PAGE_SIZE, 3, GFP_KERNEL);
	expect_refusal(test, "bad size", arena, ULONG_MAX, PAGE_SIZE, GFP_KERNEL);
	expect_refusal(test, "more than the arena may hold", arena, limit + 1, PAGE_SIZE,
		       GFP_KERNEL);
	expect_refusal(test, "more than the arena may hold", arena, PAGE_SIZE, 1UL << 60,
		       GFP_KERNEL);
	all = take_span(test, arena, GFP_KERNEL);
	expect_refusal(test, "it may not wait", arena, PAGE_SIZE, PAGE_SIZE, GFP_NOWAIT);
	vmap_free(all);
	expect_refusal(test, "no room in the range", range, 1001, 1, GFP_KERNEL);
	/* Of others nothing is said. */
	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "__GFP_NOFAIL"), 0);
	KUNIT_EXPECT_NULL(test, kt_pages(arena, limit, GFP_KERNEL));
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 0);
}

/* A task's own sighand stays as long as the task runs. */
static spinlock_t *own_siglock(void)
{
	return &rcu_dereference_protected(current->sighand, true)->siglock;
}

static void kill_self(void)
{
	spin_lock_irq(own_siglock());
	sigaddset(&current->pending.signal, SIGKILL);
	set_tsk_thread_flag(current, TIF_SIGPENDING);
	spin_unlock_irq(own_siglock());
}

static void live_again(void)
{
	spin_lock_irq(own_siglock());
	sigdelset(&current->pending.signal, SIGKILL);
	clear_tsk_thread_flag(current, TIF_SIGPENDING);
	spin_unlock_irq(own_siglock());
}

/* Ask as a killed task; @faults: the first request for pages fails. */
static void *ask_killed(struct kunit *test, struct vmap_arena *arena, unsigned long pages,
			gfp_t gfp, bool faults)
{
	void *addr;

	kill_self();
#ifdef CONFIG_FAULT_INJECTION
	current->fail_nth = faults;
#endif
	addr = kt_pages(arena, pages, gfp);
#ifdef CONFIG_FAULT_INJECTION
	KUNIT_EXPECT_EQ_MSG(test, current->fail_nth, 0, "there was no fault");
	current->fail_nth = 0;
#endif
	live_again();
	return addr;
}

/*
 * It gets what is to be had at once, but does not go on where there are no pages.  The faults are
 * for zeroed pages, which the stock does not have: it would take the fault, and the pages would
 * come from elsewhere.
 */
static void a_killed_task_does_not_go_on_for_pages(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	void *addr;

	vmap_free(kt_pages(arena, PAGES, GFP_KERNEL));
	addr = ask_killed(test, arena, PAGES, GFP_KERNEL, false);
	KUNIT_EXPECT_NOT_NULL(test, addr);
	vmap_free(addr);
	if (!IS_ENABLED(CONFIG_FAULT_INJECTION))
		return;
	addr = ask_killed(test, arena, PAGES, GFP_KERNEL | __GFP_ZERO, true);
	KUNIT_EXPECT_NULL(test, addr);
	vmap_free(addr);
	addr = ask_killed(test, arena, PAGES, GFP_KERNEL | __GFP_ZERO | __GFP_NOFAIL, true);
	KUNIT_EXPECT_NOT_NULL(test, addr);
	vmap_free(addr);
}

/* Nor does it have a span imported, which takes long; unless it must not fail. */
static void a_killed_task_does_not_import(struct kunit *test)
{
	struct vmap_arena *arena = bounded_arena(test);
	void *all = take_span(test, arena, GFP_KERNEL), *addr;

	WRITE_ONCE(arena->cache.purge.space.limit, 0);
	addr = ask_killed(test, arena, PTRS_PER_PTE, GFP_KERNEL, false);
	KUNIT_EXPECT_NULL(test, addr);
	vmap_free(addr);
	addr = ask_killed(test, arena, PTRS_PER_PTE, GFP_KERNEL | __GFP_NOFAIL, false);
	KUNIT_EXPECT_NOT_NULL(test, addr);
	KUNIT_EXPECT_GT(test, kt_stats(arena).imports, 1);
	vmap_free(addr);
	vmap_free(all);
}

/* Free some areas as a killed task; above the limit, unless the worker has purged in between. */
static void free_killed(struct kunit *test, struct vmap_arena *arena)
{
	void *addr[8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(addr); i++) {
		addr[i] = kt_pages(arena, 3, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr[i]);
	}
	kill_self();
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		vmap_free(addr[i]);
	live_again();
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		KUNIT_EXPECT_TRUE(test, kt_faults(addr[i]));
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 0);
}

/* A free is done all the same, also where it has to purge first. */
static void a_killed_task_frees(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned int rounds = 0;

	kt_stay_in_first_shard(arena);
	WRITE_ONCE(arena->cache.purge.threshold, PAGE_SIZE);
	/* On a busy host the worker may purge after each free of a round. */
	do {
		free_killed(test, arena);
	} while (!kt_stats(arena).throttle_waits && ++rounds < 100);
	KUNIT_EXPECT_GT(test, kt_stats(arena).throttle_waits, 0);
}

static struct kunit_case effort_cases[] = {
	KUNIT_CASE(what_must_not_fail_waits_for_room),
	KUNIT_CASE(idle_spans_make_way),
	KUNIT_CASE(what_no_wait_would_help_is_refused),
	KUNIT_CASE(a_killed_task_does_not_go_on_for_pages),
	KUNIT_CASE(a_killed_task_does_not_import),
	KUNIT_CASE(a_killed_task_frees),
	{}
};

static struct kunit_suite effort_suite = { .name = "vmap_effort", .test_cases = effort_cases };
kunit_test_suite(effort_suite);
