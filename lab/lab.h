/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lab.h - index structures side by side on the same operations
 *
 * Theory
 *
 * An *index* answers one question: where in an address space is there room?  Each structure in the
 * lab is one struct lab_index in one file.  A *load* is a list of operations, made up (workload.c)
 * or taken from a running kernel (trace.c).  replay.c runs a load on an index, times each
 * operation and measures what the address space looks like meanwhile.  check.c checks an index
 * against a model.
 *
 * Words:
 *   unit       what sizes and addresses are counted in: a page
 *   span       a range of addresses with an index of its own; a kernel has one for vmalloc and one
 *              for modules
 *   area       what an allocation gives: busy until it is freed, then perhaps lazy until a purge
 *   footprint  from the lowest address in use to the highest
 *   hole       a free range inside the footprint
 *
 * All operations of a load are done by one thread, or, in user space, by several, each those of
 * some CPUs (user/threads.c).  An index takes no lock, unless it says that it does (LAB_LOCKS): an
 * index of that kind is all that a kernel needs, with look-ups and readers, and threads may call it
 * at once.  The node of an area comes from a pool (pool.c), so that no structure of ours pays for
 * the memory allocator in a timed operation and another does not.
 *
 * All but module.c, kernel.c, peers.c and pages/ compile in user space as well, maple.c and
 * drm_mm.c beside the kernel's own sources (user/peers/).  In the kernel there is one thread, and
 * the locks are spinlocks.  What differs is in the few calls under "The world around".
 */
#ifndef LAB_H
#define LAB_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/types.h>
#ifdef __KERNEL__
#include <linux/spinlock.h>
#endif

#define LAB_MAX_SPANS	4
#define LAB_MAX_INDEXES	48
#define LAB_MAX_OPS	4000000UL
#define LAB_MAX_LIVE	1000000UL
#define LAB_MAX_SPACE	BIT(40)
#define LAB_PAGE_SHIFT	12

/* CPUs, or threads, that an index has something of its own for. */
#define LAB_CPUS	8U

/* Of the name of a structure that is compiled more than once, from more than one kernel. */
#ifndef LAB_SUFFIX
#define LAB_SUFFIX	""
#endif

/* The lock of an index; in user space also when it was taken. */
struct lab_lock {
#ifdef __KERNEL__
	spinlock_t real;
#else
	int held;
	u64 since;
#endif
} __aligned(64);

/* What an index promises; check.c holds it to that. */
#define LAB_LOWEST	BIT(0)	/* the lowest address that fits */
#define LAB_ROUNDS	BIT(1)	/* rounds sizes up to a power of two and aligns to it */
#define LAB_NO_RANGE	BIT(2)	/* takes no [lo, hi) */
#define LAB_NO_ALIGN	BIT(3)	/* takes no alignment */
#define LAB_RECORDED	BIT(4)	/* puts areas where the trace says: has no time of its own */
#define LAB_PARKS	BIT(5)	/* not all that is free can be handed out at once */
#define LAB_LOCKS	BIT(6)	/* takes its own locks: threads may call it at once */
#define LAB_TOP		BIT(7)	/* takes requests for the highest address that fits */

/**
 * struct lab_space - the addresses an index is to manage
 * @start: first unit
 * @end: one past the last
 * @areas: at most so many live at once: how much to set aside
 */
struct lab_space {
	unsigned long start;
	unsigned long end;
	unsigned long areas;
};

/**
 * struct lab_request - what is asked of an index
 * @size: units, not 0
 * @align: a power of two
 * @lo: lowest start allowed
 * @hi: the end may not pass this; lo + size <= hi, both inside the space
 * @recorded: where the kernel put it, in a trace
 * @top: the highest address that fits is wanted
 */
struct lab_request {
	unsigned long size;
	unsigned long align;
	unsigned long lo;
	unsigned long hi;
	unsigned long recorded;
	bool top;
};

/**
 * struct lab_area - what an index gave
 * @handle: its own
 * @start: first unit
 * @size: units, as asked for
 */
struct lab_area {
	void *handle;
	unsigned long start;
	unsigned long size;
};

/* Called with each free range. */
typedef void (*lab_visit)(void *data, unsigned long start, unsigned long end);

/**
 * struct lab_index - one structure
 * @name: what index= calls it
 * @differs: what a reader of its figures must know, in a few words
 * @flags: LAB_*
 * @create: manage a space, all of it free; an ERR_PTR if that cannot be
 * @destroy: whatever is still allocated
 * @alloc: 0, -ENOSPC if nothing fits, -EOPNOTSUPP if it takes no such request, -ENOMEM
 * @free: give an area back
 * @find: look up the area that has this address; false: none.  NULL: it knows no addresses
 * @next: likewise, or the first area behind the address; false: none
 * @evict: of areas, in the order in which they may go, mark the few that must go for the request to
 *	fit; false: not even all of them would do.  NULL: it cannot tell
 * @walk: all free ranges, as they could be handed out, in any order
 * @bytes: bookkeeping in use now
 */
struct lab_index {
	const char *name;
	const char *differs;
	unsigned int flags;
	void *(*create)(const struct lab_space *space);
	void (*destroy)(void *self);
	int (*alloc)(void *self, const struct lab_request *request, struct lab_area *area);
	void (*free)(void *self, const struct lab_area *area);
	bool (*find)(void *self, unsigned long address, struct lab_area *area);
	bool (*next)(void *self, unsigned long address, struct lab_area *area);
	bool (*evict)(void *self, const struct lab_request *request, unsigned long count,
		      const struct lab_area *const *areas, bool *goes);
	void (*walk)(void *self, lab_visit visit, void *data);
	unsigned long (*bytes)(void *self);
};

/* indexes.c */
extern const struct lab_index *const lab_indexes[];
unsigned int lab_indexes_choose(const char **names, bool recorded,
				const struct lab_index *chosen[LAB_MAX_INDEXES]);

/* One file each. */
extern const struct lab_index lab_tree;
extern const struct lab_index lab_busy_list;
extern const struct lab_index lab_recorded;
extern const struct lab_index lab_free_list;
extern const struct lab_index lab_segregated;
extern const struct lab_index lab_buddy;
extern const struct lab_index lab_vmem;
extern const struct lab_index lab_summary;
extern const struct lab_index lab_tree_summary;
extern const struct lab_index lab_rbtrees;
extern const struct lab_index lab_bump;
extern const struct lab_index lab_bump_rb;
extern const struct lab_index lab_maple;
extern const struct lab_index lab_maple_rcu;
extern const struct lab_index lab_maple_two;
extern const struct lab_index lab_maple_tree;
extern const struct lab_index lab_tree_rcu;
extern const struct lab_index lab_summary_rcu;
extern const struct lab_index lab_bump_rcu;
extern const struct lab_index lab_iova;
extern const struct lab_index lab_drm_mm;
extern const struct lab_index lab_gen_pool;

/**
 * struct lab_pool - nodes of one size
 * @chunks: where they come from
 * @top: those not in use
 * @node: bytes of one
 * @used: how many are in use
 */
struct lab_pool {
	struct lab_chunk *chunks;
	void *top;
	size_t node;
	unsigned long used;
};

/* pool.c */
int lab_pool_init(struct lab_pool *pool, size_t node, unsigned long count);
void lab_pool_exit(struct lab_pool *pool);
void *lab_pool_get(struct lab_pool *pool);
void lab_pool_put(struct lab_pool *pool, void *node);

enum lab_kind {
	LAB_ALLOC,
	LAB_LAZY,		/* freed, but not to be reused yet */
	LAB_FREE,
};

/**
 * struct lab_op - one operation
 * @kind: which
 * @setup: it makes the scene and is not measured
 * @cpu: on which it was done
 * @slot: the area: unique among those live
 * @span: where
 * @time: when it was recorded, in nanoseconds
 * @request: LAB_ALLOC: what is asked for
 */
struct lab_op {
	u8 kind;
	bool setup;
	u8 cpu;
	u8 span;
	u32 slot;
	u64 time;
	struct lab_request request;
};

/**
 * struct lab_load - operations, and what there is to know of them beforehand
 * @name: of the workload or the trace
 * @spans: the address spaces
 * @nr_spans: how many
 * @ops: the operations
 * @nr_ops: how many
 * @room: how many there is room for
 * @slots: areas live at once, at most
 * @unknown_frees: frees of areas the trace never saw allocated; left out
 * @implied_frees: areas whose free the trace has lost: their addresses were handed out again
 * @implied_purges: lazy areas reused before the trace tells of a purge
 * @failed: allocations that failed where the trace was recorded; left out
 * @recorded: the load is a trace
 */
struct lab_load {
	char name[64];
	struct lab_space spans[LAB_MAX_SPANS];
	unsigned int nr_spans;
	struct lab_op *ops;
	unsigned long nr_ops;
	unsigned long room;
	unsigned long slots;
	unsigned long unknown_frees;
	unsigned long implied_frees;
	unsigned long implied_purges;
	unsigned long failed;
	bool recorded;
};

/* load.c */
struct lab_op *lab_load_add(struct lab_load *load);
void lab_load_free(struct lab_load *load);

/**
 * struct lab_random - a stream of random numbers, the same in the kernel and in user space
 * @state: never 0
 */
struct lab_random {
	u64 state;
};

void lab_random_seed(struct lab_random *random, u64 seed);
u64 lab_random_below(struct lab_random *random, u64 bound);

/**
 * struct lab_shape - which made-up load
 * @workload: its name
 * @n: areas live at once
 * @ops: allocations measured
 * @space: units to allocate from
 * @seed: of every random choice
 */
struct lab_shape {
	const char *workload;
	unsigned long n;
	unsigned long ops;
	unsigned long space;
	u64 seed;
};

/* workload.c */
extern const char *const lab_workloads[];
int lab_workload_make(struct lab_load *load, const struct lab_shape *shape);

/* trace.c */
struct lab_trace;
struct lab_trace *lab_trace_open(struct lab_load *load);
const char *lab_trace_line(struct lab_trace *trace, char *line);
const char *lab_trace_close(struct lab_trace *trace);

/* kernel.c */
int lab_check_number(const char *name, unsigned long value, unsigned long min, unsigned long max);
int lab_load_make(struct lab_load *load, const char *trace, const struct lab_shape *shape);

#define LAB_ORDERS	11	/* 1 page to 4 MiB */
#define LAB_SAMPLES	240
#define LAB_ROWS	120
#define LAB_BUCKETS	512

/**
 * struct lab_sample - the address space at one moment
 * @op: after how many operations
 * @time: when it was recorded
 * @live: units busy
 * @lazy: units lazy
 * @areas: how many are busy or lazy
 * @footprint: units from the lowest in use to the highest
 * @holes: free units inside the footprint
 * @largest: the largest hole
 * @short_of: of the holes' units, those in holes too short for 2^order units
 * @bytes: of bookkeeping
 * @map: per row of addresses of the first span, units busy and lazy
 */
struct lab_sample {
	unsigned long op;
	u64 time;
	unsigned long live;
	unsigned long lazy;
	unsigned long areas;
	unsigned long footprint;
	unsigned long holes;
	unsigned long largest;
	unsigned long short_of[LAB_ORDERS];
	unsigned long bytes;
	struct { u32 busy, lazy; } map[LAB_ROWS];
};

/**
 * struct lab_meter - what one kind of operation cost
 * @count: how many succeeded, undisturbed
 * @sum: of their ticks
 * @worst: the largest of them
 * @disturbed: how many others there were
 * @disturbed_sum: of their ticks
 * @buckets: how many of each size, undisturbed: see lab_bucket_floor()
 */
struct lab_meter {
	unsigned long count;
	u64 sum;
	u64 worst;
	unsigned long disturbed;
	u64 disturbed_sum;
	u32 buckets[LAB_BUCKETS];
};

/**
 * struct lab_result - what a replay found
 * @index: on which structure
 * @error: 0, or why there is nothing more to say
 * @overhead: ticks that reading the clock takes; part of every figure in the meters
 * @alloc: the allocations
 * @free: the frees
 * @failed: allocations for which nothing fitted
 * @refused: allocations of a kind that the structure does not take
 * @peak_live: most units ever live or lazy
 * @peak_footprint: the largest footprint of any sample
 * @base: the first unit of the map
 * @row: units a row of the map
 * @nr_samples: how many samples there are
 * @samples: the address space over time
 */
struct lab_result {
	const struct lab_index *index;
	int error;
	u64 overhead;
	struct lab_meter alloc;
	struct lab_meter free;
	unsigned long failed;
	unsigned long refused;
	unsigned long peak_live;
	unsigned long peak_footprint;
	unsigned long base;
	unsigned long row;
	unsigned long nr_samples;
	struct lab_sample *samples;
};

/* replay.c */
int lab_replay(const struct lab_index *index, const struct lab_load *load,
	       struct lab_result *result);
void lab_result_free(struct lab_result *result);
u64 lab_bucket_floor(unsigned int bucket);
void lab_meter_add(struct lab_meter *meter, u64 ticks, bool disturbed);
u64 lab_clock_overhead(void);
int lab_open_spans(const struct lab_index *index, const struct lab_load *load, void **selves);
void lab_close_spans(const struct lab_index *index, void **selves, unsigned int count);

/* measure.c */
struct lab_live;
void lab_measure(const struct lab_index *index, void *const *selves, const struct lab_live *live,
		 unsigned long slots, unsigned int nr_spans, struct lab_result *result,
		 struct lab_sample *sample);

/**
 * struct lab_live - an area that a replay holds
 * @area: what the index gave
 * @span: in which span; only valid if @busy or @lazy
 * @busy: it is allocated
 * @lazy: it was freed and waits for a purge
 */
struct lab_live {
	struct lab_area area;
	u16 span;
	bool busy;
	bool lazy;
};

/* check.c */
struct lab_out;
int lab_model_test(const struct lab_index *index, u64 seed, unsigned long rounds,
		   struct lab_out *out);

/* report.c */
void lab_report_load(struct lab_out *out, const struct lab_load *load);
void lab_report_heading(struct lab_out *out);
void lab_report_row(struct lab_out *out, const struct lab_result *result);
void lab_report_json(struct lab_out *out, const struct lab_load *load,
		     const struct lab_result *results, unsigned int count);
void lab_report_samples(struct lab_out *out, const struct lab_result *result);
void lab_report_latency(struct lab_out *out, const struct lab_result *result);
void lab_report_map(struct lab_out *out, const struct lab_result *result);

/* The world around: kernel.c in the kernel, user/world.c in user space; lab_print(): module.c. */
void *lab_zalloc(size_t bytes);
void lab_release(void *memory);
u64 lab_now(void);
unsigned long lab_disturbances(void);
void lab_breathe(void);
__printf(2, 3) void lab_print(struct lab_out *out, const char *format, ...);

/* The same; lab_cpu() is in user/rcu.c in user space. */
unsigned int lab_cpu(void);
#ifdef __KERNEL__
/* A macro, so that lockdep tells the locks of each caller apart. */
#define lab_lock_init(lock)	spin_lock_init(&(lock)->real)
#else
void lab_lock_init(struct lab_lock *lock);
#endif
void lab_lock(struct lab_lock *lock);
void lab_unlock(struct lab_lock *lock);

#endif
