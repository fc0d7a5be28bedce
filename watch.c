// SPDX-License-Identifier: GPL-2.0
/*
 * watch.c - tells tracers of each call, and counts in histograms how long calls take
 *
 * Nobody watches most of the time, so calls are watched behind one static branch, vwatch_calls: one
 * instruction that does nothing.  The branch is on while a tracer listens to vmap_alloc or
 * vmap_free, or while the histograms of any arena are on.  Then a call looks at the clock when it
 * begins and when it ends.  An allocation or a free that this CPU's magazine serves branches off at
 * its begin, to a function of its own; the other ones carry the time at which they began.
 *
 * A free may be the last one of its arena, and the arena may be gone when the free ends.  So the
 * free notes all that is told of it before it begins (vwatch_begin_free()), with a reference to the
 * histograms.
 *
 * Words:
 *   path        which way a call was served: enum vwatch_path
 *   histogram   counts, by powers of two of ns, of how long something took: enum vwatch_what
 *
 * Histograms are made when they are switched on first, and stay until their arena goes; switching
 * them on again begins anew.
 *
 * Locking: switch_lock serialises the switches.  space->times is set once, and a reference keeps
 * it.  Each CPU adds to counts of its own, in any context; all CPUs read them.
 */
#include <linux/kref.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "space.h"

/* Histograms that somebody may still add to. */
struct vwatch_times {
	/* Of the arena, and of each watched free that is under way. */
	struct kref refs;
	/* Whether calls add to counts; written under switch_lock. */
	bool on;
	/* The histograms of each CPU. */
	struct vwatch_counts __percpu *counts;
	/* Runs free_times_later(). */
	struct work_struct freeing;
};

#define CREATE_TRACE_POINTS
#include "trace.h"

DEFINE_STATIC_KEY_FALSE(vwatch_calls);
DEFINE_STATIC_KEY_FALSE(vwatch_locks);

/* Covers the making of histograms and the switches: times->on. */
static DEFINE_MUTEX(switch_lock);

/* Called when the first tracer comes that listens to vmap_alloc, or to vmap_free. */
int vwatch_reg(void)
{
	static_branch_inc(&vwatch_calls);
	return 0;
}

/* Called when the last one has gone. */
void vwatch_unreg(void)
{
	static_branch_dec(&vwatch_calls);
}

static void free_times_later(struct work_struct *work)
{
	struct vwatch_times *times = container_of(work, struct vwatch_times, freeing);

	free_percpu(times->counts);
	kfree(times);
}

static void free_times(struct kref *refs)
{
	struct vwatch_times *times = container_of(refs, struct vwatch_times, refs);

	/* A watched free may drop the last reference where free_percpu() may not be called. */
	queue_work(vspace_wq, &times->freeing);
}

/*
 * The histograms of the arena of @space, if they are on; else NULL.  The caller keeps the arena
 * from going.
 */
static struct vwatch_times *times_of(const struct vmap_space *space)
{
	/* Pairs with smp_store_release() in make_times(), by the address dependency. */
	struct vwatch_times *times = READ_ONCE(space->first->times);

	return times && READ_ONCE(times->on) ? times : NULL;
}

static void add(struct vwatch_times *times, enum vwatch_what what, u64 ns)
{
	unsigned int bucket = min_t(unsigned int, ns ? ilog2(ns) : 0, VWATCH_BUCKETS - 1);

	this_cpu_inc(times->counts->count[what][bucket]);
}

/* Count @ns in the histogram of @what, if the histograms of @space are on.  Context: any. */
void vwatch_add(const struct vmap_space *space, enum vwatch_what what, u64 ns)
{
	struct vwatch_times *times = times_of(space);

	if (times)
		add(times, what, ns);
}

/* Tell of an allocation: see vwatch_alloc().  Context: any. */
void vwatch_alloc_done(const struct vmap_extent *extent, unsigned long asked,
		       enum vwatch_path path, u64 began)
{
	struct vwatch_call call = {
		.addr = extent->start,
		.size = extent->size,
		.asked = asked,
		.caller = extent->caller,
		.path = path,
		.took = ktime_get_mono_fast_ns() - began,
	};

	vwatch_add(extent->space, VWATCH_ALLOC, call.took);
	if (!trace_vmap_alloc_enabled())
		return;
	strscpy(call.arena, extent->space->name, sizeof(call.arena));
	trace_vmap_alloc(&call);
}

/* When vwatch_locks was last switched on: an older space->locked_at is of an earlier hold. */
static u64 timed_since;

/* Begin to time how long locks are held; undone by static_branch_dec().  Context: process. */
void vwatch_time_lock(void)
{
	WRITE_ONCE(timed_since, ktime_get_mono_fast_ns());
	static_branch_inc(&vwatch_locks);
}

/* Update space->held_max and the histogram: the caller is about to drop space->lock. */
void vwatch_note_hold(struct vmap_space *space)
{
	u64 held = ktime_get_mono_fast_ns() - space->locked_at;

	lockdep_assert_held(&space->lock);
	/* Not a hold that began before the branch at its begin was switched on. */
	if (space->locked_at < READ_ONCE(timed_since))
		return;
	WRITE_ONCE(space->held_max, max(space->held_max, held));
	vwatch_add(space, VWATCH_LOCK, held);
}

/**
 * vwatch_begin_free() - note what will be told of a free, before the free begins
 * @call: filled in; all zero before, and left so if no free is to be told of
 * @space: the space of the extent
 * @addr: where the extent starts
 * @size: units of the extent
 * @caller: who frees
 *
 * Context: any.  The caller keeps the arena from going, as by rcu_read_lock() and a busy extent.
 */
void vwatch_begin_free(struct vwatch_call *call, const struct vmap_space *space,
		       unsigned long addr, unsigned long size, const void *caller)
{
	strscpy(call->arena, space->name, sizeof(call->arena));
	call->addr = addr;
	call->size = size;
	call->caller = caller;
	call->times = times_of(space);
	if (call->times)
		kref_get(&call->times->refs);
	call->began = ktime_get_mono_fast_ns();
}

/* Tell of a free that has ended, and whose arena may be gone.  Context: any. */
void vwatch_end_free(struct vwatch_call *call, enum vwatch_path path)
{
	call->took = ktime_get_mono_fast_ns() - call->began;
	call->path = path;
	if (call->began && path != VWATCH_NOWHERE) {
		if (call->times)
			add(call->times, VWATCH_FREE, call->took);
		trace_vmap_free(call);
	}
	if (call->times)
		kref_put(&call->times->refs, free_times);
}

/* Make the histograms of @space, unless they are there.  Under switch_lock. */
static struct vwatch_times *make_times(struct vmap_space *space)
{
	struct vwatch_times *times = space->times;

	lockdep_assert_held(&switch_lock);
	if (times)
		return times;
	times = kzalloc(sizeof(*times), GFP_KERNEL);
	if (!times)
		return NULL;
	kref_init(&times->refs);
	INIT_WORK(&times->freeing, free_times_later);
	times->counts = alloc_percpu(struct vwatch_counts);
	if (!times->counts) {
		kfree(times);
		return NULL;
	}
	/* Pairs with the address dependency in times_of(). */
	smp_store_release(&space->times, times);
	return times;
}

static void begin_timing(struct vwatch_times *times)
{
	int cpu;

	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(times->counts, cpu), 0, sizeof(*times->counts));
	vwatch_time_lock();
	static_branch_inc(&vwatch_calls);
	WRITE_ONCE(times->on, true);
}

static void end_timing(struct vwatch_times *times)
{
	WRITE_ONCE(times->on, false);
	static_branch_dec(&vwatch_calls);
	static_branch_dec(&vwatch_locks);
}

/**
 * vwatch_switch() - switch the histograms of an arena on or off
 * @space: the space of the arena
 * @on: on: they begin anew if they were off; off: they stay, to be read
 *
 * Context: process, may sleep; takes switch_lock and cpus_read_lock().
 * Return: 0 or -ENOMEM.
 */
int vwatch_switch(struct vmap_space *space, bool on)
{
	struct vwatch_times *times;
	int err = 0;

	mutex_lock(&switch_lock);
	times = on ? make_times(space) : space->times;
	if (on && !times)
		err = -ENOMEM;
	else if (on && !times->on)
		begin_timing(times);
	else if (!on && times && times->on)
		end_timing(times);
	mutex_unlock(&switch_lock);
	return err;
}

/* Add the counts of a CPU, which may be adding to them meanwhile: not a snapshot. */
static void add_counts(struct vwatch_counts *sum, const struct vwatch_counts *counts)
{
	unsigned int what, bucket;

	for (what = 0; what < VWATCH_WHATS; what++)
		for (bucket = 0; bucket < VWATCH_BUCKETS; bucket++)
			sum->count[what][bucket] += data_race(counts->count[what][bucket]);
}

/* Add up the histograms of all CPUs; return whether they are on.  Context: any. */
bool vwatch_sum(const struct vmap_space *space, struct vwatch_counts *sum)
{
	struct vwatch_times *times = READ_ONCE(space->times);
	int cpu;

	memset(sum, 0, sizeof(*sum));
	if (!times)
		return false;
	for_each_possible_cpu(cpu)
		add_counts(sum, per_cpu_ptr(times->counts, cpu));
	return READ_ONCE(times->on);
}

/* Drop the histograms of a space that nobody uses any more.  Context: process, may sleep. */
void vwatch_exit(struct vmap_space *space)
{
	if (!space->times)
		return;
	vwatch_switch(space, false);
	kref_put(&space->times->refs, free_times);
}
