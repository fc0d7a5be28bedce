// SPDX-License-Identifier: GPL-2.0
/*
 * threads.c - replays a load with several threads
 *
 * Theory
 *
 * A trace says on which CPU each operation was done.  A thread does the operations of its CPUs, in
 * the order of the trace, and takes as long as it takes.  An area that is freed on another CPU than
 * the one that allocated it is handed over: the operations on a *slot* have turns, and each waits
 * for the one before.  So whatever the threads do, at the end the same areas are live as after a
 * replay by one thread; where they lie may differ.
 *
 * No thread runs more than AHEAD operations of the trace ahead of the slowest one, or what is live
 * at once would not be what was recorded.  Of all operations that are not done the first waits for
 * nothing, so the threads come to an end.
 *
 * An index that has no lock of its own gets one for each span, as the kernel has one for its
 * free tree; waiting for it is part of the time of an operation.  What the address space looks like
 * is measured once, at the end.
 *
 * Locking: what there is of a slot (live[], failed[]) belongs to the thread whose turn it is.
 * done[] is stored with release and loaded with acquire, so that thread sees what the one before
 * left.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "rcu.h"
#include "user.h"

#define AHEAD	1024UL
#define SPINS	64U

/**
 * struct crowd - a replay by several threads
 * @index: on which structure
 * @load: of what
 * @nr: threads
 * @selves: an index for each span
 * @locks: of indexes that have none
 * @live: the areas held, by slot
 * @failed: the last allocation of a slot failed
 * @turns: for each operation, how many there are on its slot before
 * @done: how many were done, by slot
 * @used: units busy or lazy
 * @timed: this is the pass on the clock
 * @members: the threads
 */
struct crowd {
	const struct lab_index *index;
	const struct lab_load *load;
	unsigned int nr;
	void *selves[LAB_MAX_SPANS];
	struct lab_lock locks[LAB_MAX_SPANS];
	struct lab_live *live;
	bool *failed;
	u32 *turns;
	u32 *done;
	unsigned long used;
	bool timed;
	struct member *members;
};

/**
 * struct member - a thread
 * @at: the operation that it does next; read by all
 * @crowd: it is one of
 * @cpu: its number
 * @slowest: at least so far are all the others
 * @result: its part of what was found
 */
struct member {
	unsigned long at;
	struct crowd *crowd;
	unsigned int cpu;
	unsigned long slowest;
	struct lab_result result;
} __aligned(64);

static unsigned long slowest(const struct crowd *crowd)
{
	unsigned long least = ~0UL;
	unsigned int i;

	for (i = 0; i < crowd->nr; i++)
		least = min(least, __atomic_load_n(&crowd->members[i].at, __ATOMIC_RELAXED));
	return least;
}

/* Between two looks at what is waited for: no pointer is held, and the CPU may be needed. */
static void pause_for_others(unsigned int *spins)
{
	lab_quiescent();
	if (++*spins % SPINS == 0)
		sched_yield();
}

static void wait_for_turn(struct member *member, unsigned long i)
{
	struct crowd *crowd = member->crowd;
	const u32 *done = &crowd->done[crowd->load->ops[i].slot];
	unsigned int spins = 0;

	__atomic_store_n(&member->at, i, __ATOMIC_RELAXED);
	while (i > member->slowest + AHEAD) {
		member->slowest = slowest(crowd);
		pause_for_others(&spins);
	}
	while (__atomic_load_n(done, __ATOMIC_ACQUIRE) != crowd->turns[i])
		pause_for_others(&spins);
}

static void lock_span(struct crowd *crowd, unsigned int span)
{
	if (!(crowd->index->flags & LAB_LOCKS))
		lab_lock(&crowd->locks[span]);
}

static void unlock_span(struct crowd *crowd, unsigned int span)
{
	if (!(crowd->index->flags & LAB_LOCKS))
		lab_unlock(&crowd->locks[span]);
}

static int take_area(struct crowd *crowd, const struct lab_op *op, struct lab_area *area)
{
	int err = -EOPNOTSUPP;

	if (op->request.top && !(crowd->index->flags & LAB_TOP))
		return err;
	lock_span(crowd, op->span);
	err = crowd->index->alloc(crowd->selves[op->span], &op->request, area);
	unlock_span(crowd, op->span);
	return err;
}

static void add_used(struct member *member, long units)
{
	unsigned long used = __atomic_add_fetch(&member->crowd->used, units, __ATOMIC_RELAXED);

	member->result.peak_live = max(member->result.peak_live, used);
}

static void do_alloc(struct member *member, const struct lab_op *op)
{
	struct crowd *crowd = member->crowd;
	unsigned long before = lab_disturbances();
	struct lab_area area;
	u64 start = lab_now();
	int err = take_area(crowd, op, &area);
	u64 ticks = lab_now() - start;

	crowd->failed[op->slot] = err;
	if (err) {
		member->result.refused += err == -EOPNOTSUPP;
		member->result.failed += err != -EOPNOTSUPP;
		return;
	}
	if (crowd->timed && !op->setup)
		lab_meter_add(&member->result.alloc, ticks, before != lab_disturbances());
	crowd->live[op->slot] = (struct lab_live){ .area = area, .span = op->span, .busy = true };
	add_used(member, area.size);
}

static void do_free(struct member *member, const struct lab_op *op)
{
	struct crowd *crowd = member->crowd;
	struct lab_live *live = &crowd->live[op->slot];
	unsigned long before = lab_disturbances();
	u64 start, ticks;

	if (!live->busy && !live->lazy)
		return;
	start = lab_now();
	lock_span(crowd, op->span);
	crowd->index->free(crowd->selves[op->span], &live->area);
	unlock_span(crowd, op->span);
	ticks = lab_now() - start;
	if (crowd->timed && !op->setup)
		lab_meter_add(&member->result.free, ticks, before != lab_disturbances());
	add_used(member, -live->area.size);
	live->busy = false;
	live->lazy = false;
}

static void do_op(struct member *member, const struct lab_op *op)
{
	struct lab_live *live = &member->crowd->live[op->slot];

	if (op->kind == LAB_ALLOC) {
		do_alloc(member, op);
	} else if (op->kind == LAB_FREE) {
		do_free(member, op);
	} else if (live->busy) {
		live->busy = false;
		live->lazy = true;
	}
}

static void *do_all(void *data)
{
	struct member *member = data;
	struct crowd *crowd = member->crowd;
	const struct lab_op *ops = crowd->load->ops;
	unsigned long i;

	lab_thread_begin(member->cpu);
	for (i = 0; i < crowd->load->nr_ops; i++) {
		if (ops[i].cpu % crowd->nr != member->cpu)
			continue;
		wait_for_turn(member, i);
		do_op(member, &ops[i]);
		__atomic_store_n(&crowd->done[ops[i].slot], crowd->turns[i] + 1, __ATOMIC_RELEASE);
		lab_quiescent();
	}
	__atomic_store_n(&member->at, ~0UL, __ATOMIC_RELAXED);
	lab_thread_end();
	return NULL;
}

static void run_threads(struct crowd *crowd)
{
	pthread_t threads[LAB_CPUS];
	unsigned int i;

	lab_threads_begin();
	for (i = 0; i < crowd->nr; i++)
		if (pthread_create(&threads[i], NULL, do_all, &crowd->members[i]))
			die("no thread can be started");
	for (i = 0; i < crowd->nr; i++)
		pthread_join(threads[i], NULL);
	lab_threads_end();
}

static void begin_pass(struct crowd *crowd, bool timed)
{
	unsigned long slots = crowd->load->slots;
	unsigned int i;

	memset(crowd->live, 0, slots * sizeof(*crowd->live));
	memset(crowd->failed, 0, slots * sizeof(*crowd->failed));
	memset(crowd->done, 0, slots * sizeof(*crowd->done));
	memset(crowd->members, 0, crowd->nr * sizeof(*crowd->members));
	for (i = 0; i < crowd->nr; i++) {
		crowd->members[i].crowd = crowd;
		crowd->members[i].cpu = i;
	}
	for (i = 0; i < crowd->load->nr_spans; i++)
		lab_lock_init(&crowd->locks[i]);
	crowd->used = 0;
	crowd->timed = timed;
}

/* Number the operations on each slot; done[] counts them meanwhile. */
static void give_turns(struct crowd *crowd)
{
	unsigned long i;

	for (i = 0; i < crowd->load->nr_ops; i++)
		crowd->turns[i] = crowd->done[crowd->load->ops[i].slot]++;
}

static void add_meter(struct lab_meter *sum, const struct lab_meter *part)
{
	unsigned int i;

	sum->count += part->count;
	sum->sum += part->sum;
	sum->worst = max(sum->worst, part->worst);
	sum->disturbed += part->disturbed;
	sum->disturbed_sum += part->disturbed_sum;
	for (i = 0; i < LAB_BUCKETS; i++)
		sum->buckets[i] += part->buckets[i];
}

static void add_up(const struct crowd *crowd, struct lab_result *result)
{
	const struct lab_result *part;
	unsigned int i;

	for (i = 0; i < crowd->nr; i++) {
		part = &crowd->members[i].result;
		add_meter(&result->alloc, &part->alloc);
		add_meter(&result->free, &part->free);
		result->failed += part->failed;
		result->refused += part->refused;
		result->peak_live = max(result->peak_live, part->peak_live);
	}
}

static void lay_out_map(const struct crowd *crowd, struct lab_result *result)
{
	unsigned long low = ~0UL, high = 0, i;
	const struct lab_live *live;

	for (i = 0; i < crowd->load->slots; i++) {
		live = &crowd->live[i];
		if (live->span || !(live->busy || live->lazy))
			continue;
		low = min(low, live->area.start);
		high = max(high, live->area.start + live->area.size);
	}
	result->base = high ? low : 0;
	result->row = high ? DIV_ROUND_UP(high - low, LAB_ROWS) : 1;
}

static void look(struct crowd *crowd, struct lab_result *result)
{
	struct lab_sample *sample = result->samples;

	lay_out_map(crowd, result);
	result->nr_samples = 1;
	sample->op = crowd->load->nr_ops;
	sample->time = crowd->load->ops[sample->op - 1].time;
	lab_measure(crowd->index, crowd->selves, crowd->live, crowd->load->slots,
		    crowd->load->nr_spans, result, sample);
	result->peak_footprint = sample->footprint;
}

/* Is what is held in a slot what its last operation leaves? */
static bool is_as_asked(const struct crowd *crowd, u32 slot, const struct lab_op *alloc,
			const struct lab_op *last)
{
	const struct lab_live *live = &crowd->live[slot];
	const struct lab_request *request = &alloc->request;

	if (crowd->failed[slot] || last->kind == LAB_FREE)
		return !live->busy && !live->lazy;
	return live->busy == (last->kind == LAB_ALLOC) && live->lazy == (last->kind == LAB_LAZY) &&
	       live->span == alloc->span && live->area.size == request->size &&
	       live->area.start >= request->lo &&
	       live->area.start + live->area.size <= request->hi &&
	       !(live->area.start & (request->align - 1));
}

static int by_address(const void *left, const void *right)
{
	const struct lab_live *a = *(const struct lab_live *const *)left;
	const struct lab_live *b = *(const struct lab_live *const *)right;

	return a->area.start < b->area.start ? -1 : a->area.start > b->area.start;
}

/* Does no area reach into the next?  Spans do not overlap. */
static bool are_apart(const struct crowd *crowd)
{
	const struct lab_live **held = lab_zalloc(crowd->load->slots * sizeof(*held));
	unsigned long count = 0, i;
	bool apart = held;

	for (i = 0; apart && i < crowd->load->slots; i++)
		if (crowd->live[i].busy || crowd->live[i].lazy)
			held[count++] = &crowd->live[i];
	qsort(held, count, sizeof(*held), by_address);
	for (i = 1; i < count; i++)
		apart = apart &&
			held[i - 1]->area.start + held[i - 1]->area.size <= held[i]->area.start;
	lab_release(held);
	return apart;
}

static bool is_right(const struct crowd *crowd)
{
	const struct lab_op **last = lab_zalloc(2 * crowd->load->slots * sizeof(*last)), *op;
	const struct lab_op **allocs = last + crowd->load->slots;
	bool right = last;
	unsigned long i;

	for (i = 0; right && i < crowd->load->nr_ops; i++) {
		op = &crowd->load->ops[i];
		last[op->slot] = op;
		if (op->kind == LAB_ALLOC)
			allocs[op->slot] = op;
	}
	for (i = 0; right && i < crowd->load->slots; i++)
		right = is_as_asked(crowd, i, allocs[i], last[i]);
	lab_release(last);
	return right && are_apart(crowd);
}

static int run_pass(struct crowd *crowd, struct lab_result *result, bool timed)
{
	int err = lab_open_spans(crowd->index, crowd->load, crowd->selves);

	if (err)
		return err;
	begin_pass(crowd, timed);
	run_threads(crowd);
	if (timed) {
		add_up(crowd, result);
		look(crowd, result);
	}
	if (!is_right(crowd))
		err = -EUCLEAN;
	lab_close_spans(crowd->index, crowd->selves, crowd->load->nr_spans);
	return err;
}

static int run_both(struct crowd *crowd, struct lab_result *result)
{
	if (!crowd->live || !crowd->failed || !crowd->turns || !crowd->done || !crowd->members ||
	    !result->samples)
		return -ENOMEM;
	give_turns(crowd);
	result->overhead = lab_clock_overhead();
	return run_pass(crowd, result, false) ?: run_pass(crowd, result, true);
}

/* How many operations are not on the thread that did the one before on the same area. */
static unsigned long handed_over(const struct lab_load *load, unsigned int threads)
{
	u8 *cpus = lab_zalloc(load->slots);
	unsigned long count = 0, i;
	const struct lab_op *op;

	for (i = 0; cpus && i < load->nr_ops; i++) {
		op = &load->ops[i];
		count += op->kind != LAB_ALLOC && cpus[op->slot] != op->cpu % threads;
		cpus[op->slot] = op->cpu % threads;
	}
	lab_release(cpus);
	return count;
}

/* How many operations each thread has. */
void report_threads(struct lab_out *out, const struct lab_load *load, unsigned int threads)
{
	unsigned long counts[LAB_CPUS] = { 0 }, i;

	for (i = 0; i < load->nr_ops; i++)
		counts[load->ops[i].cpu % threads]++;
	lab_print(out, "operations of each thread:");
	for (i = 0; i < threads; i++)
		lab_print(out, " %lu", counts[i]);
	lab_print(out, "; areas handed to another thread: %lu times\n",
		  handed_over(load, threads));
}

/**
 * replay_threads() - run a load on an index, with several threads
 * @index: the structure
 * @load: the operations
 * @threads: how many, 1 to LAB_CPUS
 * @result: out: what was found; to be freed with lab_result_free()
 *
 * Return: 0, or why it could not be done, which is in the result too; -EUCLEAN: at the end not
 * those areas were live that should be, or they were not where they may be.
 */
int replay_threads(const struct lab_index *index, const struct lab_load *load, unsigned int threads,
		   struct lab_result *result)
{
	struct crowd crowd = {
		.index = index,
		.load = load,
		.nr = threads,
		.live = lab_zalloc(load->slots * sizeof(*crowd.live)),
		.failed = lab_zalloc(load->slots * sizeof(*crowd.failed)),
		.turns = lab_zalloc(load->nr_ops * sizeof(*crowd.turns)),
		.done = lab_zalloc(load->slots * sizeof(*crowd.done)),
		.members = lab_zalloc(threads * sizeof(*crowd.members)),
	};

	memset(result, 0, sizeof(*result));
	result->index = index;
	result->samples = lab_zalloc(sizeof(*result->samples));
	result->error = run_both(&crowd, result);
	lab_release(crowd.live);
	lab_release(crowd.failed);
	lab_release(crowd.turns);
	lab_release(crowd.done);
	lab_release(crowd.members);
	return result->error;
}
