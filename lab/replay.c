// SPDX-License-Identifier: GPL-2.0
/*
 * replay.c - runs a load on an index
 *
 * Theory
 *
 * A load is run twice, each time on a new index: first to warm caches and to learn which addresses
 * will be used, so that the map can be laid out; then on the clock.  Every operation is timed by
 * itself.  The price of reading the clock twice is measured beforehand and reported, not taken off
 * the histogram; report.c takes it off the means and the worst.
 *
 * A timer interrupt, or another process that was given the CPU, is no fault of the index.  An
 * operation into which one fell is disturbed: it is counted apart.
 *
 * An allocation for which there is no room is counted, and so is one of a kind that the structure
 * does not take; the frees that belong to it are then left out.  The address space is looked at
 * LAB_SAMPLES times at even distances, less often if there are so many areas that looking would
 * take longer than the replay.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/string.h>

#include "lab.h"

#define LOOKS_MAX	20000000UL	/* areas looked at, over all samples */
#define BREATH		256		/* operations between two chances for others to run */
#define SUB_BITS	3		/* each power of two has 2^SUB_BITS buckets */

/**
 * struct run - a replay under way
 * @index: on which structure
 * @load: of what
 * @result: where the findings go
 * @selves: an index for each span
 * @live: the areas held, by slot
 * @used: units busy or lazy
 * @low: the lowest unit used in the first span
 * @high: the highest
 * @timed: this is the pass on the clock
 */
struct run {
	const struct lab_index *index;
	const struct lab_load *load;
	struct lab_result *result;
	void *selves[LAB_MAX_SPANS];
	struct lab_live *live;
	unsigned long used;
	unsigned long low;
	unsigned long high;
	bool timed;
};

static unsigned int bucket_of(u64 ticks)
{
	unsigned int shift;

	if (ticks < 1 << SUB_BITS)
		return ticks;
	shift = ilog2(ticks) - SUB_BITS;
	return (shift << SUB_BITS) + (ticks >> shift);
}

/* The smallest number of ticks that falls into a bucket. */
u64 lab_bucket_floor(unsigned int bucket)
{
	unsigned int shift = bucket >> SUB_BITS;

	if (shift < 2)
		return bucket;
	return (u64)((bucket & ((1 << SUB_BITS) - 1)) + (1 << SUB_BITS)) << (shift - 1);
}

void lab_meter_add(struct lab_meter *meter, u64 ticks, bool disturbed)
{
	if (disturbed) {
		meter->disturbed++;
		meter->disturbed_sum += ticks;
		return;
	}
	meter->count++;
	meter->sum += ticks;
	meter->worst = max(meter->worst, ticks);
	meter->buckets[bucket_of(ticks)]++;
}

/* The least that two readings of the clock are apart. */
u64 lab_clock_overhead(void)
{
	u64 least = ~0ULL, start;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		start = lab_now();
		least = min(least, lab_now() - start);
	}
	return least;
}

/* End the first @count of @selves. */
void lab_close_spans(const struct lab_index *index, void **selves, unsigned int count)
{
	while (count--)
		index->destroy(selves[count]);
}

/* Begin an index for each span of a load, in @selves.  Return 0, or an error, and none is begun. */
int lab_open_spans(const struct lab_index *index, const struct lab_load *load, void **selves)
{
	unsigned int i;

	for (i = 0; i < load->nr_spans; i++) {
		selves[i] = index->create(&load->spans[i]);
		if (IS_ERR(selves[i])) {
			lab_close_spans(index, selves, i);
			return PTR_ERR(selves[i]);
		}
	}
	return 0;
}

static void take(struct run *run, const struct lab_op *op, const struct lab_area *area)
{
	struct lab_live *live = &run->live[op->slot];

	*live = (struct lab_live){ .area = *area, .span = op->span, .busy = true };
	run->used += area->size;
	run->result->peak_live = max(run->result->peak_live, run->used);
	if (!op->span) {
		run->low = min(run->low, area->start);
		run->high = max(run->high, area->start + area->size);
	}
}

static void run_alloc(struct run *run, const struct lab_op *op)
{
	unsigned long before = lab_disturbances();
	struct lab_area area;
	u64 start = lab_now(), ticks;
	int err = -EOPNOTSUPP;

	if (!op->request.top || run->index->flags & LAB_TOP)
		err = run->index->alloc(run->selves[op->span], &op->request, &area);
	ticks = lab_now() - start;
	if (err) {
		run->result->refused += err == -EOPNOTSUPP;
		run->result->failed += err != -EOPNOTSUPP;
		return;
	}
	if (run->timed && !op->setup)
		lab_meter_add(&run->result->alloc, ticks, before != lab_disturbances());
	take(run, op, &area);
}

static void run_free(struct run *run, const struct lab_op *op)
{
	struct lab_live *live = &run->live[op->slot];
	unsigned long before = lab_disturbances();
	u64 start, ticks;

	if (!live->busy && !live->lazy)
		return;
	start = lab_now();
	run->index->free(run->selves[op->span], &live->area);
	ticks = lab_now() - start;
	if (run->timed && !op->setup)
		lab_meter_add(&run->result->free, ticks, before != lab_disturbances());
	run->used -= live->area.size;
	live->busy = false;
	live->lazy = false;
}

static void run_op(struct run *run, const struct lab_op *op)
{
	struct lab_live *live = &run->live[op->slot];

	if (op->kind == LAB_ALLOC) {
		run_alloc(run, op);
	} else if (op->kind == LAB_FREE) {
		run_free(run, op);
	} else if (live->busy) {
		live->busy = false;
		live->lazy = true;
	}
}

static void look(struct run *run, unsigned long op)
{
	struct lab_result *result = run->result;
	struct lab_sample *sample = &result->samples[result->nr_samples++];

	sample->op = op + 1;
	sample->time = run->load->ops[op].time;
	lab_measure(run->index, run->selves, run->live, run->load->slots, run->load->nr_spans,
		    result, sample);
	result->peak_footprint = max(result->peak_footprint, sample->footprint);
}

static unsigned long samples_wanted(const struct lab_load *load)
{
	unsigned long most = clamp(LOOKS_MAX / load->slots, 8UL, (unsigned long)LAB_SAMPLES);

	return min(most, load->nr_ops);
}

static void run_ops(struct run *run)
{
	unsigned long wanted = samples_wanted(run->load), i;

	for (i = 0; i < run->load->nr_ops; i++) {
		run_op(run, &run->load->ops[i]);
		if (run->timed &&
		    (i + 1) * wanted / run->load->nr_ops > run->result->nr_samples)
			look(run, i);
		if (i % BREATH == 0)
			lab_breathe();
	}
}

static int run_pass(struct run *run, bool timed)
{
	int err = lab_open_spans(run->index, run->load, run->selves);

	if (err)
		return err;
	memset(run->live, 0, run->load->slots * sizeof(*run->live));
	run->used = 0;
	run->timed = timed;
	run->result->failed = 0;
	run->result->refused = 0;
	run_ops(run);
	lab_close_spans(run->index, run->selves, run->load->nr_spans);
	return 0;
}

static void lay_out_map(struct run *run)
{
	unsigned long used = run->high > run->low ? run->high - run->low : 1;

	run->result->base = run->high > run->low ? run->low : 0;
	run->result->row = DIV_ROUND_UP(used, LAB_ROWS);
}

static int run_both(struct run *run)
{
	int err;

	if (!run->live || !run->result->samples)
		return -ENOMEM;
	err = run_pass(run, false);
	if (err)
		return err;
	lay_out_map(run);
	run->result->overhead = lab_clock_overhead();
	return run_pass(run, true);
}

/**
 * lab_replay() - run a load on an index
 * @index: the structure
 * @load: the operations
 * @result: out: what was found; to be freed with lab_result_free()
 *
 * Return: 0, or why it could not be done, which is in the result too.
 */
int lab_replay(const struct lab_index *index, const struct lab_load *load,
	       struct lab_result *result)
{
	struct run run = { .index = index, .load = load, .result = result, .low = ~0UL };

	memset(result, 0, sizeof(*result));
	result->index = index;
	if (index->flags & LAB_RECORDED && !load->recorded) {
		result->error = -EINVAL;
		return result->error;
	}
	run.live = lab_zalloc(load->slots * sizeof(*run.live));
	result->samples = lab_zalloc(samples_wanted(load) * sizeof(*result->samples));
	result->error = run_both(&run);
	lab_release(run.live);
	return result->error;
}

void lab_result_free(struct lab_result *result)
{
	lab_release(result->samples);
	result->samples = NULL;
}
