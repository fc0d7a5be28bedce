/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bench.h - what the parts of vmap_bench.ko share
 *
 * See the theory statement in bench.c.
 */
#ifndef BENCH_H
#define BENCH_H

#include <linux/prandom.h>
#include <linux/types.h>

struct seq_file;
struct vmap_extent;

#define BENCH_MAX_LIVE		4000000UL
#define BENCH_MAX_OPS		4000000UL
#define BENCH_MAX_ALIGN		512UL
#define BENCH_MAX_PAGES		1024U
#define BENCH_MAX_WAKEUPS	4000000UL
#define BENCH_STACK		32

/**
 * struct bench_area - one live allocation
 * @addr: where it is, of a peer that hands out pointers
 * @start: its first page number, of a peer that hands out numbers
 * @extent: what a range arena gave
 * @handle: what another peer gave
 * @pages: its size as asked for
 * @index: its place in the array of all areas
 */
struct bench_area {
	union {
		void *addr;
		unsigned long start;
		struct vmap_extent *extent;
		void *handle;
	};
	u32 pages;
	u32 index;
};

enum bench_sizes {
	BENCH_ONE,		/* 4 pages */
	BENCH_RANDOM,		/* 1 to 16 pages, all as likely */
	BENCH_HEAVY,		/* mostly small, some large: each doubling is half as likely */
	BENCH_2M,		/* just so much, more than BENCH_MAX_PAGES: for some peers */
	BENCH_32M,
	BENCH_512M,
	BENCH_NR_SIZES
};

enum bench_order {
	BENCH_ANY,		/* free a random one, allocate one */
	BENCH_FIFO,		/* free the oldest, allocate one */
	BENCH_LIFO,		/* free the newest few, newest first, then allocate as many */
	BENCH_HOLD,		/* free all, newest first, then allocate as many */
	BENCH_NR_ORDERS
};

struct bench_peer;
struct bench_wake;

/**
 * struct bench_load - one measurement to make
 * @peer: who is measured
 * @sizes: how large the allocations are
 * @order: in which order they are freed
 * @live: how many are live
 * @align: of each, in pages
 * @warm: frees and allocations before those that are measured
 * @ops: frees, and allocations, measured
 * @seed: of every random choice
 * @budget: give up after so many ticks
 * @entries: 1: count what the page tables hold before and after each call
 * @wakeups: how often a real-time thread wakes up meanwhile; if not 0, its delays are measured, and
 *	     no calls: see wake.c
 * @period: how long that thread sleeps each time, in us
 * @purge: how many ms the peer's purge() is called after the last call; 0: never
 */
struct bench_load {
	const struct bench_peer *peer;
	enum bench_sizes sizes;
	enum bench_order order;
	unsigned long live;
	unsigned long align;
	unsigned long warm;
	unsigned long ops;
	unsigned long seed;
	unsigned long budget;
	unsigned long entries;
	unsigned long wakeups;
	unsigned long period;
	unsigned long purge;
};

/**
 * struct bench_peer - an allocator to be measured
 * @name: of it
 * @differs: what it does more or less than the others, or NULL
 * @memory: it hands out memory, not only addresses
 * @aligns: it takes an alignment
 * @large: it takes more than BENCH_MAX_PAGES
 * @begin: get ready for a measurement; 0 or an error
 * @end: undo that; all areas were freed
 * @alloc: allocate area->pages pages; false if that fails
 * @free: free an area
 * @purge: give back all that the peer keeps; NULL if that is nothing
 */
struct bench_peer {
	const char *name;
	const char *differs;
	bool memory;
	bool aligns;
	bool large;
	int (*begin)(const struct bench_load *load);
	void (*end)(void);
	bool (*alloc)(struct bench_area *area, unsigned long align);
	void (*free)(struct bench_area *area);
	void (*purge)(void);
};

/**
 * struct bench_entries - what page tables hold; or by how much that changed
 * @small: entries of the last level that map a page
 * @large: entries of a level above that map memory: 2 MiB with pages of 4 KiB
 * @tables: entries that point to a page table
 */
struct bench_entries {
	long small;
	long large;
	long tables;
};

/**
 * struct bench_meter - what one kind of call cost
 * @samples: ticks of each call; sorted when the measurement is done
 * @count: how many
 * @sum: of them
 * @quiet_max: the largest of those that no interrupt and no other task's turn fell into
 * @disturbed: how many the others are
 * @entries: by how much all calls together changed the page tables, if load.entries is 1
 */
struct bench_meter {
	u32 *samples;
	unsigned long count;
	u64 sum;
	u32 quiet_max;
	unsigned long disturbed;
	struct bench_entries entries;
};

/**
 * struct bench_delays - delays of a real-time thread that are worth a stack
 * @count: how many there were
 * @longest: the longest one
 * @stack: whom the timer interrupted during that delay, innermost first
 * @depth: entries of @stack
 */
struct bench_delays {
	unsigned long count;
	u32 longest;
	unsigned long stack[BENCH_STACK];
	unsigned int depth;
};

/**
 * struct bench_wakes - how late a real-time thread woke up
 * @meter: the delays, in ns
 * @replaced: frees, and allocations, that the peer did meanwhile
 * @purges: calls of the peer's purge()
 * @worst: the longest delay
 * @ours: delays whose stack has a function of vmap_arena.ko
 * @others: the others that are worth a stack
 */
struct bench_wakes {
	struct bench_meter meter;
	unsigned long replaced;
	unsigned long purges;
	u32 worst;
	struct bench_delays ours;
	struct bench_delays others;
};

enum bench_state {
	BENCH_DONE,
	BENCH_NO_MEMORY,	/* the machine has too little for so many live areas */
	BENCH_NO_ALIGN,		/* the peer takes no alignment */
	BENCH_TOO_LARGE,	/* the peer takes no such sizes */
	BENCH_MANY_CPUS,	/* entries of page tables can be counted with one CPU only */
	BENCH_FAILED,		/* an allocation failed */
	BENCH_OVER_BUDGET,	/* it would have taken too long */
	BENCH_STOPPED,		/* a signal came */
};

/**
 * struct bench_result - what a measurement found
 * @load: what was measured
 * @state: how it ended
 * @alloc: the allocations
 * @free: the frees
 * @elapsed: ticks of the measured part, all in
 * @kept: bytes of free memory that the live areas took, all in
 * @payload: bytes of it that were asked for; 0 if the peer hands out no memory
 * @wakes: the delays of a real-time thread, if load.wakeups is not 0; then all else is 0
 */
struct bench_result {
	struct bench_load load;
	enum bench_state state;
	struct bench_meter alloc;
	struct bench_meter free;
	u64 elapsed;
	long kept;
	unsigned long payload;
	struct bench_wakes wakes;
};

/* load.c */
unsigned long bench_mean_pages(enum bench_sizes sizes);
u32 bench_draw_pages(struct rnd_state *rnd, enum bench_sizes sizes);
int bench_measure(const struct bench_load *load, struct bench_result *result);
void bench_result_free(struct bench_result *result);

/* entries.c */
void bench_entries_add(struct bench_entries *sum, int times);

/* wake.c */
struct bench_wake *bench_wake_begin(const struct bench_load *load, struct bench_wakes *wakes);
bool bench_wake_done(const struct bench_wake *wake);
void bench_wake_end(struct bench_wake *wake);

/* report.c */
extern const char *const bench_size_names[BENCH_NR_SIZES];
extern const char *const bench_order_names[BENCH_NR_ORDERS];
void bench_report(struct seq_file *m, const struct bench_result *result);

/* peer_*.c */
extern const struct bench_peer bench_none;
extern const struct bench_peer bench_range;
extern const struct bench_peer bench_tree;
extern const struct bench_peer bench_arena;
extern const struct bench_peer bench_arena_cold;
extern const struct bench_peer bench_arena_map;
extern const struct bench_peer bench_arena_reserved;
extern const struct bench_peer bench_iova_fast;
extern const struct bench_peer bench_iova;
extern const struct bench_peer bench_drm_mm_lowest;
extern const struct bench_peer bench_drm_mm_best;
extern const struct bench_peer bench_gen_pool;
extern const struct bench_peer bench_maple;
extern const struct bench_peer bench_huge;
extern const struct bench_peer bench_vmalloc_huge;
extern const struct bench_peer bench_vmap;
extern const struct bench_peer bench_vmalloc;
int bench_arenas_create(void);
void bench_arenas_destroy(void);

#endif
