// SPDX-License-Identifier: GPL-2.0
/*
 * wake.c - how late a real-time thread runs while a peer is at work
 *
 * The *waker* is a SCHED_FIFO thread that sleeps for a period by a timer, notes how much later than
 * asked it runs, and sleeps again, as cyclictest does.  What delays the waker is whatever keeps the
 * CPU from taking the timer's interrupt, or from switching to the waker: interrupts or preemption
 * that are off.  A task of normal priority allocates and frees meanwhile; the *purger*, another
 * one, has the peer give back all that it keeps, from time to time.
 *
 * Delays are in ns, which under QEMU's -icount are instructions.
 *
 * Who it was: the timer expires once more WAKE_LATE after it woke the waker.  If the waker does not
 * run by then, or if the timer itself comes so late, its handler notes the stack, which has whom
 * the timer interrupted.  The stacks of two delays are kept: of the longest one that has a function
 * of vmap_arena.ko, and of the longest one that has none.
 *
 * Locking: the waker and the timer are bound to one CPU.  The waker arms the timer, and reads what
 * the handler has noted only when the handler is done.  wake->done is written by the waker, and
 * read by the task that runs the measurement.
 */
#include <linux/bits.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/kallsyms.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include "../compat.h"
#include "bench.h"

/*
 * The delay whose stack is noted, in ns.  Without load the waker is 6,000 instructions late at
 * most, and to note the stack must not be what makes the waker late.
 */
#define WAKE_LATE	10000

/* One measurement. */
struct bench_wake {
	/* What is measured, and where delays go. */
	const struct bench_load *load;
	struct bench_wakes *wakes;
	/* Wakes the waker. */
	struct hrtimer timer;
	struct task_struct *waker;
	struct task_struct *purger;
	/* When the waker is to run. */
	ktime_t due;
	/* The handler has woken the waker. */
	bool woken;
	/* All delays are noted. */
	bool done;
	/* The stack that the handler noted for this delay. */
	unsigned long stack[BENCH_STACK];
	unsigned int depth;
};

static bool is_late(const struct bench_wake *wake)
{
	return ktime_to_ns(ktime_sub(ktime_get(), wake->due)) >= WAKE_LATE;
}

static enum hrtimer_restart on_time(struct hrtimer *timer)
{
	struct bench_wake *wake = container_of(timer, struct bench_wake, timer);
	bool late = is_late(wake);

	if (late)
		wake->depth = stack_trace_save(wake->stack, BENCH_STACK, 0);
	if (!wake->woken) {
		WRITE_ONCE(wake->woken, true);
		wake_up_process(wake->waker);
	}
	if (late)
		return HRTIMER_NORESTART;
	hrtimer_set_expires(timer, ktime_add_ns(wake->due, WAKE_LATE));
	return HRTIMER_RESTART;
}

/* Has the stack that was noted a function of vmap_arena.ko? */
static bool is_ours(const struct bench_wake *wake)
{
	char name[KSYM_SYMBOL_LEN];
	unsigned int i;

	for (i = 0; i < wake->depth; i++) {
		sprint_symbol(name, wake->stack[i]);
		if (strstr(name, "[vmap_arena]"))
			return true;
	}
	return false;
}

static void note_stack(struct bench_wake *wake, u32 delay)
{
	struct bench_delays *delays = is_ours(wake) ? &wake->wakes->ours : &wake->wakes->others;

	delays->count++;
	if (delay <= delays->longest)
		return;
	delays->longest = delay;
	delays->depth = wake->depth;
	memcpy(delays->stack, wake->stack, sizeof(delays->stack));
}

static void note_delay(struct bench_wake *wake, u64 delay)
{
	struct bench_wakes *wakes = wake->wakes;
	struct bench_meter *meter = &wakes->meter;
	u32 sample = min_t(u64, delay, U32_MAX);

	wakes->worst = max(wakes->worst, sample);
	if (wake->depth)
		note_stack(wake, sample);
	meter->samples[meter->count++] = sample;
	meter->sum += sample;
}

/* Sleep until the next multiple of the period that is still to come; return how late it got. */
static u64 sleep_for_period(struct bench_wake *wake)
{
	u64 period = wake->load->period * NSEC_PER_USEC;
	ktime_t woke = ktime_get();

	do {
		wake->due = ktime_add_ns(wake->due, period);
	} while (ktime_before(wake->due, woke));
	wake->woken = false;
	wake->depth = 0;
	hrtimer_start(&wake->timer, wake->due, HRTIMER_MODE_ABS_PINNED_HARD);
	for (;;) {
		set_current_state(TASK_IDLE);
		if (READ_ONCE(wake->woken))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	woke = ktime_get();
	hrtimer_cancel(&wake->timer);
	return ktime_to_ns(ktime_sub(woke, wake->due));
}

static void sleep_until_stopped(void)
{
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

static int wake_again_and_again(void *data)
{
	struct bench_wake *wake = data;

	wake->due = ktime_get();
	while (wake->wakes->meter.count < wake->load->wakeups && !kthread_should_stop())
		note_delay(wake, sleep_for_period(wake));
	WRITE_ONCE(wake->done, true);
	sleep_until_stopped();
	return 0;
}

static int purge_again_and_again(void *data)
{
	struct bench_wake *wake = data;

	while (!kthread_should_stop()) {
		wake->load->peer->purge();
		wake->wakes->purges++;
		msleep_interruptible(wake->load->purge);
	}
	return 0;
}

static bool start_waker(struct bench_wake *wake)
{
	struct task_struct *waker = kthread_create(wake_again_and_again, wake, "bench-waker");

	if (IS_ERR(waker))
		return false;
	kthread_bind(waker, raw_smp_processor_id());
	sched_set_fifo(waker);
	wake->waker = waker;
	wake_up_process(waker);
	return true;
}

static bool start_purger(struct bench_wake *wake)
{
	if (!wake->load->purge || !wake->load->peer->purge)
		return true;
	wake->purger = kthread_run(purge_again_and_again, wake, "bench-purger");
	return !IS_ERR(wake->purger);
}

/*
 * Have the kernel's random numbers ready, as they are on a machine that has run for some seconds.
 * In this guest nothing is random, so they would never be, and then the kernel extracts entropy for
 * each number, with interrupts off for 20,000 instructions: for example where the slab shuffles the
 * objects of new pages.
 */
static void ready_random_numbers(void)
{
	static const char seed[64] = "the same for each run";

	add_hwgenerator_randomness(seed, sizeof(seed), BITS_PER_BYTE * sizeof(seed), false);
}

/**
 * bench_wake_begin() - start a waker, and a purger where the peer has something to purge
 * @load: what is measured
 * @wakes: where delays go: has room for load->wakeups
 *
 * Return: to be given to bench_wake_end(); NULL if there is no memory.
 */
struct bench_wake *bench_wake_begin(const struct bench_load *load, struct bench_wakes *wakes)
{
	struct bench_wake *wake = kzalloc(sizeof(*wake), GFP_KERNEL);

	if (!wake)
		return NULL;
	ready_random_numbers();
	wake->load = load;
	wake->wakes = wakes;
	hrtimer_setup(&wake->timer, on_time, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED_HARD);
	if (start_waker(wake) && start_purger(wake))
		return wake;
	bench_wake_end(wake);
	return NULL;
}

/* Are all delays noted? */
bool bench_wake_done(const struct bench_wake *wake)
{
	return READ_ONCE(wake->done);
}

/* Stop the waker and the purger. */
void bench_wake_end(struct bench_wake *wake)
{
	if (!IS_ERR_OR_NULL(wake->purger))
		kthread_stop(wake->purger);
	if (wake->waker)
		kthread_stop(wake->waker);
	kfree(wake);
}
