/* SPDX-License-Identifier: GPL-2.0 */
/*
 * watch.h - what can be seen of each call: the switch, and the histograms
 *
 * See the theory statement in watch.c.
 */
#ifndef WATCH_H
#define WATCH_H

#include <linux/jump_label.h>
#include <linux/ktime.h>
#include <linux/types.h>

/* Bytes of the name of an arena, with the final NUL: room for a driver's name and a purpose. */
#define VMAP_NAME_MAX		32

/* Which way an allocation, or a free, was served. */
enum vwatch_path {
	VWATCH_NOWHERE,		/* a free that was refused */
	VWATCH_MAGAZINE,	/* by this CPU's magazine */
	VWATCH_DEPOT,		/* by the cache, past this CPU's magazine as it was */
	VWATCH_RESERVE,		/* by the reserve */
	VWATCH_TREE,		/* by the free tree, or by a flushed extent */
	VWATCH_IMPORT,		/* by the free tree, after the call had imported a span */
	VWATCH_LAZY,		/* a free of an area that was not kept: unmapped, or deferred */
	VWATCH_RCU,		/* a free that waits for a grace period */
	VWATCH_PATHS
};

/* What is timed. */
enum vwatch_what {
	VWATCH_ALLOC,		/* an allocation, or a mapping of a caller's pages */
	VWATCH_FREE,		/* a free, or the end of such a mapping */
	VWATCH_LOCK,		/* a hold of space->lock */
	VWATCH_FLUSH,		/* a TLB flush on all CPUs */
	VWATCH_PURGE,		/* from the begin of a flush until the last extent is merged */
	VWATCH_WHATS
};

/*
 * Buckets of a histogram.  Bucket b counts times from 2^b ns to less than twice as much; bucket 0
 * also counts 0 ns, the last bucket all that is longer: 2^37 ns are two minutes, the time after
 * which the kernel reports a hung task.
 */
#define VWATCH_BUCKETS		38

/* The histograms of one CPU. */
struct vwatch_counts {
	unsigned long count[VWATCH_WHATS][VWATCH_BUCKETS];
};

/* One watched call, while it lasts. */
struct vwatch_call {
	/* The name of the arena: a copy, since a free may be the end of its arena. */
	char arena[VMAP_NAME_MAX];
	/* The first unit, and the units that the extent takes, guard included. */
	unsigned long addr;
	unsigned long size;
	/* Allocation: the units that the caller asked for. */
	unsigned long asked;
	/* The code address that called. */
	const void *caller;
	/* Which way the call was served. */
	enum vwatch_path path;
	/* When the call began, and how long it took, in ns. */
	u64 began;
	u64 took;
	/* Free: the histograms, with a reference; NULL if they are off. */
	struct vwatch_times *times;
};

struct vmap_extent;
struct vmap_space;

/* A tracepoint for calls, or a histogram, is on. */
DECLARE_STATIC_KEY_FALSE(vwatch_calls);
/* The histograms of any arena, or the parameter time_lock, are on. */
DECLARE_STATIC_KEY_FALSE(vwatch_locks);

/* The time, if calls are watched; else 0. */
static __always_inline u64 vwatch_begin(void)
{
	return static_branch_unlikely(&vwatch_calls) ? ktime_get_mono_fast_ns() : 0;
}

/* watch.c */
int vwatch_reg(void);
void vwatch_unreg(void);
void vwatch_alloc_done(const struct vmap_extent *extent, unsigned long asked,
		       enum vwatch_path path, u64 began);
void vwatch_begin_free(struct vwatch_call *call, const struct vmap_space *space,
		       unsigned long addr, unsigned long size, const void *caller);
void vwatch_end_free(struct vwatch_call *call, enum vwatch_path path);
void vwatch_time_lock(void);
void vwatch_note_hold(struct vmap_space *space);
void vwatch_add(const struct vmap_space *space, enum vwatch_what what, u64 ns);
int vwatch_switch(struct vmap_space *space, bool on);
bool vwatch_sum(const struct vmap_space *space, struct vwatch_counts *sum);
void vwatch_exit(struct vmap_space *space);

/*
 * If calls were watched at @began and are now, tell of an allocation that has succeeded: @extent is
 * busy.
 */
static __always_inline void vwatch_alloc(const struct vmap_extent *extent, unsigned long asked,
					 enum vwatch_path path, u64 began)
{
	if (static_branch_unlikely(&vwatch_calls) && began)
		vwatch_alloc_done(extent, asked, path, began);
}

#endif
