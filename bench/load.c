// SPDX-License-Identifier: GPL-2.0
/*
 * load.c - makes one measurement: the same calls, in the same order, whoever the peer is
 *
 * A measurement fills up to the number of live areas, runs a warm-up so that the address space is
 * as fragmented as it will get, measures, and frees everything.  Which area is freed next and how
 * large the next one is come from two random sequences that the seed fixes and no peer influences.
 *
 * Each call is timed by itself.  Between calls other tasks may run, so that a peer's background
 * work gets its turn; it is not part of any call, but of the time of the whole.  With load->entries
 * so is the count of what page tables hold, which takes longer than most calls.
 *
 * With load->wakeups areas are replaced until a real-time thread has woken up so often: wake.c.
 */
#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/kernel_stat.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sort.h>
#include <linux/timex.h>
#include <linux/vmalloc.h>

#include "bench.h"

#define ONE_PAGES	4
#define RANDOM_PAGES	16
#define LIFO_BURST	64UL
/* Frees between two looks whether the waker is done; LIFO replaces so many at a time. */
#define WAKE_BURST	LIFO_BURST

/**
 * struct bench_run - a measurement under way
 * @load: what is measured
 * @areas: all of them
 * @which: chooses areas
 * @how_large: chooses sizes
 * @cursor: FIFO: the oldest
 * @alloc: where allocations are noted; NULL outside the measured part
 * @free: where frees are noted
 * @deadline: when to give up
 */
struct bench_run {
	const struct bench_load *load;
	struct bench_area *areas;
	struct rnd_state which;
	struct rnd_state how_large;
	unsigned long cursor;
	struct bench_meter *alloc;
	struct bench_meter *free;
	u64 deadline;
};

/* Twice the mean, in pages: the mean of 1 to 16 is no whole number. */
static const unsigned long twice_mean[BENCH_NR_SIZES] = {
	[BENCH_ONE] = 2 * ONE_PAGES,
	[BENCH_RANDOM] = 1 + RANDOM_PAGES,
	[BENCH_HEAVY] = 16,
	[BENCH_2M] = 2 * (2UL << 20 >> PAGE_SHIFT),
	[BENCH_32M] = 2 * (32UL << 20 >> PAGE_SHIFT),
	[BENCH_512M] = 2 * (512UL << 20 >> PAGE_SHIFT),
};

/**
 * bench_mean_pages() - the mean size
 * @sizes: of which sizes
 *
 * Return: the mean of @sizes in pages, rounded up.
 */
unsigned long bench_mean_pages(enum bench_sizes sizes)
{
	return DIV_ROUND_UP(twice_mean[sizes], 2);
}

/**
 * bench_draw_pages() - draw the size of the next allocation
 * @rnd: where chance comes from
 * @sizes: of which sizes
 *
 * Return: the size in pages.
 */
u32 bench_draw_pages(struct rnd_state *rnd, enum bench_sizes sizes)
{
	u32 chance, doublings;

	switch (sizes) {
	case BENCH_RANDOM:
		return 1 + prandom_u32_state(rnd) % RANDOM_PAGES;
	case BENCH_HEAVY:
		chance = prandom_u32_state(rnd);
		doublings = __ffs(chance | BENCH_MAX_PAGES / 2);
		return (1U << doublings) + (chance >> 16) % (1U << doublings);
	default:
		return twice_mean[sizes] / 2;
	}
}

static void note(struct bench_meter *meter, u64 ticks, bool quiet)
{
	u32 sample = min_t(u64, ticks, U32_MAX);

	meter->samples[meter->count++] = sample;
	meter->sum += sample;
	if (quiet)
		meter->quiet_max = max(meter->quiet_max, sample);
	else
		meter->disturbed++;
}

/* Changes when the timer or a device interrupts, or when another task is given the CPU. */
static unsigned long disturbances(void)
{
	return jiffies + current->nivcsw + current->nvcsw +
	       kstat_cpu_irqs_sum(raw_smp_processor_id());
}

/* Count what the page tables hold: before a call (@times -1) and after it (1). */
static void count_entries(const struct bench_run *run, struct bench_meter *meter, int times)
{
	if (meter && run->load->entries)
		bench_entries_add(&meter->entries, times);
}

static bool time_alloc(struct bench_run *run, struct bench_area *area)
{
	const struct bench_peer *peer = run->load->peer;
	unsigned long align = run->load->align;
	unsigned long before;
	u64 start, end;
	bool done;

	area->pages = bench_draw_pages(&run->how_large, run->load->sizes);
	count_entries(run, run->alloc, -1);
	before = disturbances();
	start = get_cycles();
	done = peer->alloc(area, align);
	end = get_cycles();
	if (!done)
		area->pages = 0;
	else if (run->alloc)
		note(run->alloc, end - start, disturbances() == before);
	count_entries(run, run->alloc, 1);
	return done;
}

static void time_free(struct bench_run *run, struct bench_area *area)
{
	const struct bench_peer *peer = run->load->peer;
	unsigned long before;
	u64 start, end;

	count_entries(run, run->free, -1);
	before = disturbances();
	start = get_cycles();
	peer->free(area);
	end = get_cycles();
	area->pages = 0;
	if (run->free)
		note(run->free, end - start, disturbances() == before);
	count_entries(run, run->free, 1);
}

/* Let others run, and see whether to go on. */
static enum bench_state breathe(const struct bench_run *run)
{
	cond_resched();
	if (fatal_signal_pending(current))
		return BENCH_STOPPED;
	return get_cycles() < run->deadline ? BENCH_DONE : BENCH_OVER_BUDGET;
}

static enum bench_state fill(struct bench_run *run)
{
	enum bench_state state = BENCH_DONE;
	unsigned long i;

	for (i = 0; i < run->load->live && state == BENCH_DONE; i++) {
		run->areas[i].index = i;
		if (!time_alloc(run, &run->areas[i]))
			return BENCH_FAILED;
		state = breathe(run);
	}
	return state;
}

static struct bench_area *next_area(struct bench_run *run)
{
	unsigned long live = run->load->live;

	if (run->load->order == BENCH_ANY)
		return &run->areas[prandom_u32_state(&run->which) % live];
	run->cursor = run->cursor + 1 < live ? run->cursor + 1 : 0;
	return &run->areas[run->cursor];
}

static enum bench_state replace_one(struct bench_run *run)
{
	struct bench_area *area = next_area(run);

	time_free(run, area);
	return time_alloc(run, area) ? breathe(run) : BENCH_FAILED;
}

/* A burst of LIFO_BURST calls ends soon by itself: replace_newest() breathes after it. */
static void let_others_run(unsigned long burst)
{
	if (burst > LIFO_BURST)
		cond_resched();
}

static enum bench_state replace_newest(struct bench_run *run, unsigned long count)
{
	struct bench_area *end = run->areas + run->load->live, *area;

	for (area = end; area > end - count; let_others_run(count))
		time_free(run, --area);
	for (; area < end; area++, let_others_run(count))
		if (!time_alloc(run, area))
			return BENCH_FAILED;
	return breathe(run);
}

/* How many areas are freed before as many are allocated. */
static unsigned long burst_of(const struct bench_load *load)
{
	switch (load->order) {
	case BENCH_LIFO:
		return LIFO_BURST;
	case BENCH_HOLD:
		return load->live;
	default:
		return 1;
	}
}

/* Free @ops areas and allocate as many. */
static enum bench_state replace(struct bench_run *run, unsigned long ops)
{
	enum bench_state state = BENCH_DONE;
	unsigned long burst;

	while (ops && state == BENCH_DONE) {
		burst = min3(ops, burst_of(run->load), run->load->live);
		state = burst > 1 ? replace_newest(run, burst) : replace_one(run);
		ops -= burst;
	}
	return state;
}

static void drain(struct bench_run *run)
{
	unsigned long i;

	run->alloc = NULL;
	run->free = NULL;
	for (i = 0; i < run->load->live; i++) {
		if (run->areas[i].pages)
			time_free(run, &run->areas[i]);
		cond_resched();
	}
}

static unsigned long free_bytes(void)
{
	struct sysinfo info;

	si_meminfo(&info);
	return info.freeram << PAGE_SHIFT;
}

static unsigned long payload(const struct bench_run *run)
{
	unsigned long pages = 0, i;

	for (i = 0; i < run->load->live; i++)
		pages += run->areas[i].pages;
	return run->load->peer->memory ? pages << PAGE_SHIFT : 0;
}

static enum bench_state fill_and_measure(struct bench_run *run, struct bench_result *result)
{
	unsigned long before = free_bytes();
	enum bench_state state = fill(run);
	u64 start;

	if (state == BENCH_DONE)
		state = replace(run, run->load->warm);
	if (state != BENCH_DONE)
		return state;
	result->kept = before - free_bytes();
	result->payload = payload(run);
	run->alloc = &result->alloc;
	run->free = &result->free;
	start = get_cycles();
	state = replace(run, run->load->ops);
	result->elapsed = get_cycles() - start;
	return state;
}

/* Fill and replace until all delays of the waker are noted. */
static enum bench_state fill_and_wake(struct bench_run *run, struct bench_wakes *wakes)
{
	struct bench_wake *wake = bench_wake_begin(run->load, wakes);
	enum bench_state state;

	if (!wake)
		return BENCH_NO_MEMORY;
	state = fill(run);
	for (; state == BENCH_DONE && !bench_wake_done(wake); wakes->replaced += WAKE_BURST)
		state = replace(run, WAKE_BURST);
	bench_wake_end(wake);
	return state;
}

static int compare_samples(const void *a, const void *b)
{
	return *(const u32 *)a < *(const u32 *)b ? -1 : *(const u32 *)a > *(const u32 *)b;
}

static void sort_samples(struct bench_meter *meter)
{
	sort(meter->samples, meter->count, sizeof(*meter->samples), compare_samples, NULL);
}

/* What the live areas may take, with some to spare for the kernel and for bookkeeping. */
static bool fits_memory(const struct bench_load *load)
{
	unsigned long each = 512;

	if (load->peer->memory)
		each += bench_mean_pages(load->sizes) << PAGE_SHIFT;
	return load->live * each < free_bytes() / 10 * 9;
}

static enum bench_state why_not(const struct bench_load *load)
{
	if (load->align > 1 && !load->peer->aligns)
		return BENCH_NO_ALIGN;
	if (bench_mean_pages(load->sizes) > BENCH_MAX_PAGES && !load->peer->large)
		return BENCH_TOO_LARGE;
	if (load->entries && num_online_cpus() > 1)
		return BENCH_MANY_CPUS;
	return fits_memory(load) ? BENCH_DONE : BENCH_NO_MEMORY;
}

static int measure(struct bench_run *run, struct bench_result *result)
{
	const struct bench_peer *peer = run->load->peer;
	int err = peer->begin ? peer->begin(run->load) : 0;

	if (err)
		return err;
	prandom_seed_state(&run->which, run->load->seed);
	prandom_seed_state(&run->how_large, ~run->load->seed);
	run->deadline = get_cycles() + run->load->budget;
	result->state = run->load->wakeups ? fill_and_wake(run, &result->wakes) :
					     fill_and_measure(run, result);
	drain(run);
	if (peer->end)
		peer->end();
	sort_samples(&result->alloc);
	sort_samples(&result->free);
	sort_samples(&result->wakes.meter);
	return 0;
}

/**
 * bench_measure() - make a measurement
 * @load: what to measure
 * @result: what was found; to be freed with bench_result_free() also if this fails
 *
 * Return: 0, also if the result says why nothing could be measured; or an error.
 */
int bench_measure(const struct bench_load *load, struct bench_result *result)
{
	struct bench_run run = { .load = load };
	int err = -ENOMEM;

	*result = (struct bench_result){ .load = *load, .state = why_not(load) };
	if (result->state != BENCH_DONE)
		return 0;
	run.areas = vcalloc(load->live, sizeof(*run.areas));
	result->alloc.samples = vcalloc(load->ops, sizeof(*result->alloc.samples));
	result->free.samples = vcalloc(load->ops, sizeof(*result->free.samples));
	result->wakes.meter.samples = vcalloc(load->wakeups + 1, sizeof(u32));
	if (run.areas && result->alloc.samples && result->free.samples &&
	    result->wakes.meter.samples)
		err = measure(&run, result);
	vfree(run.areas);
	return err;
}

void bench_result_free(struct bench_result *result)
{
	vfree(result->alloc.samples);
	vfree(result->free.samples);
	vfree(result->wakes.meter.samples);
	*result = (struct bench_result){};
}
