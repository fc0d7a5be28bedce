/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stress.h - what the parts of test_vmalloc.ko share
 *
 * See the theory statement in test_vmalloc.c.
 */
#ifndef STRESS_H
#define STRESS_H

#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/prandom.h>
#include <linux/types.h>

struct page;
struct seq_file;
struct vmap_arena;

enum stress_target {
	STRESS_ARENA,		/* vmap_arena.ko */
	STRESS_KERNEL,		/* the kernel's own vmalloc */
	STRESS_NR_TARGETS
};

/**
 * struct stress_settings - what a run is asked to do; each field is a setting of the same name
 * @nr_threads: threads that run the tests; 0 asks for one an online CPU
 * @sequential_test_order: the threads go through the tests together and in order
 * @test_repeat_count: passes of each test, on each target, in each thread
 * @test_loop_count: loops of a pass
 * @nr_pages: pages of an allocation, where the test leaves that open
 * @use_huge: fix_size_alloc_test asks for huge pages
 * @nr_pcpu_objects: objects live at a time in pcpu_alloc_test; 0 asks for what the RAM allows
 * @nr_live: areas kept live where the test wants many; 0 asks for what the RAM allows
 * @run_test_mask: which tests, by struct stress_test.mask
 * @target: bit n runs on enum stress_target n
 * @seed: of every random choice; 0 asks for a random one
 * @touch: write and check a pattern in what is allocated
 */
struct stress_settings {
	unsigned long nr_threads;
	unsigned long sequential_test_order;
	unsigned long test_repeat_count;
	unsigned long test_loop_count;
	unsigned long nr_pages;
	unsigned long use_huge;
	unsigned long nr_pcpu_objects;
	unsigned long nr_live;
	unsigned long run_test_mask;
	unsigned long target;
	unsigned long seed;
	unsigned long touch;
};

struct stress_pass;

/* Which arena a test allocates from when its target is the arena. */
enum stress_arena {
	STRESS_DEFAULT_ARENA,
	STRESS_OWN_ARENA,	/* one of its own, made for the pass */
	STRESS_OWN_UNCACHED,	/* the same, with nothing kept for reuse */
};

/**
 * struct stress_test - one test
 * @mask: its bit in run_test_mask
 * @name: its name
 * @run: makes one pass; returns 0, -EINTR if stopped, or what stress_fail() returned
 * @arena: which arena it allocates from
 * @loops: loops of a pass if the test cannot vary them, else 0
 * @any_align: it asks for alignments that are not those of the size
 * @kernel_only: there is nothing like it in vmap_arena
 * @no_block: it allocates where it may not sleep
 * @resizes: it changes the size of an area
 * @reserve: it needs a reserve
 */
struct stress_test {
	unsigned long mask;
	const char *name;
	int (*run)(struct stress_pass *pass);
	enum stress_arena arena;
	unsigned int loops;
	bool any_align;
	bool kernel_only;
	bool no_block;
	bool resizes;
	bool reserve;
};

#define STRESS_NR_TESTS		17

/* The tests that the kernel's own module has, room for what it may yet get, and our own. */
#define STRESS_ALL_TESTS	(GENMASK(12, 0) | GENMASK(19, 16))

/**
 * struct stress_pass - one pass of one test on one target by one thread
 * @test: the test; NULL between passes; read by others
 * @target: where it allocates; read by others
 * @done: loops done; read by others
 * @loops: loops to do; read by others
 * @settings: of the run
 * @thread: number of the thread
 * @arena: the pass's own arena, or NULL for the default one
 * @rnd: random numbers: the same ones for each target
 * @serial: numbers the areas of the thread, so that no two carry the same pattern
 * @started: when the clock was last started
 * @nsec: time on the clock
 * @failure: what went wrong first
 */
struct stress_pass {
	const struct stress_test *test;
	enum stress_target target;
	unsigned long done;
	unsigned long loops;
	const struct stress_settings *settings;
	unsigned int thread;
	struct vmap_arena *arena;
	struct rnd_state rnd;
	u64 serial;
	u64 started;
	u64 nsec;
	char failure[160];
};

/* A live allocation and the cookie that its pattern is made from. */
struct stress_area {
	void *addr;
	unsigned long size;
	u64 cookie;
};

/* An allocation to make. */
struct stress_req {
	unsigned long size;
	unsigned long align;
	gfp_t gfp;
};

/* The clock of a pass runs while it allocates and frees, and stands still for everything else. */
static inline void stress_clock_start(struct stress_pass *pass)
{
	pass->started = ktime_get_ns();
}

static inline void stress_clock_stop(struct stress_pass *pass)
{
	pass->nsec += ktime_get_ns() - pass->started;
}

/* settings.c */
extern struct stress_settings stress_params;
int stress_settings_parse(struct stress_settings *settings, char *text);
int stress_settings_resolve(struct stress_settings *to, const struct stress_settings *from);
void stress_settings_show(struct seq_file *m, const struct stress_settings *settings, bool json);

/* target.c */
extern const char *const stress_target_names[STRESS_NR_TARGETS];
void stress_target_init(void);
void stress_target_exit(void);
bool stress_kernel_aligns(void);
void *stress_alloc(struct stress_pass *pass, unsigned long size, unsigned long align, gfp_t gfp);
void *stress_alloc_huge(struct stress_pass *pass, unsigned long size);
void *stress_resize(struct stress_pass *pass, void *addr, unsigned long size, gfp_t gfp);
void stress_free(struct stress_pass *pass, void *addr);
void stress_free_rcu(struct stress_pass *pass, void *addr);
void stress_free_rcu_head(struct stress_pass *pass, void *addr);
void *stress_map(struct stress_pass *pass, struct page **pages, unsigned int nr);
void stress_unmap(struct stress_pass *pass, void *addr, unsigned int nr);
void stress_purge(struct stress_pass *pass);
int stress_arena_open(struct stress_pass *pass);
int stress_arena_close(struct stress_pass *pass);

/* pattern.c */
int stress_check_range(struct stress_pass *pass, const void *addr, unsigned long size,
		       unsigned long align);
int stress_check_zero(struct stress_pass *pass, const void *addr, unsigned long size);
int stress_fill(struct stress_pass *pass, struct stress_area *area);
int stress_check(struct stress_pass *pass, const struct stress_area *area);
int stress_touch(struct stress_pass *pass, void *addr, unsigned long size);
int stress_check_overlap(struct stress_pass *pass, struct stress_area *areas, unsigned long nr);

/* bed.c */
struct stress_area *stress_bed_make(struct stress_pass *pass, unsigned long nr,
				    unsigned long (*size_of)(unsigned long i), int *err);
void stress_bed_free(struct stress_pass *pass, struct stress_area *bed, unsigned long nr);
void stress_areas_free(struct stress_pass *pass, struct stress_area *areas, unsigned long nr,
		       unsigned int step);
int stress_areas_check(struct stress_pass *pass, struct stress_area *areas, unsigned long nr,
		       unsigned int step);

/* fits.c */
int stress_le_fit(struct stress_pass *pass);
int stress_full_fit(struct stress_pass *pass);
int stress_b_fit(struct stress_pass *pass);
int stress_ne_fit(struct stress_pass *pass);

/* reserve.c */
int stress_reserve(struct stress_pass *pass);

/* tests.c */
extern const struct stress_test stress_tests[STRESS_NR_TESTS];
const char *stress_skip_reason(const struct stress_test *test, enum stress_target target);
const char *stress_xfail_reason(const struct stress_test *test, enum stress_target target);
unsigned long stress_test_loops(const struct stress_test *test,
				const struct stress_settings *settings);
int stress_run_pass(struct stress_pass *pass);

/* report.c */
__printf(2, 3) int stress_fail(struct stress_pass *pass, const char *fmt, ...);
void stress_report_reset(const struct stress_settings *settings);
void stress_report_pass(const struct stress_pass *pass, int err);
void stress_report_summary(void);
void stress_report_table(struct seq_file *m);
void stress_report_json(struct seq_file *m);

/* test_vmalloc.c */
int stress_breathe(struct stress_pass *pass);

static inline void *stress_get(struct stress_pass *pass, const struct stress_req *req)
{
	return stress_alloc(pass, req->size, req->align, req->gfp);
}

/* A random number in 0..@below-1. */
static inline unsigned int stress_draw(struct stress_pass *pass, unsigned int below)
{
	return prandom_u32_state(&pass->rnd) % below;
}

/* Ends a loop.  Most loops must cost nothing but their allocation, so only some look up. */
static inline int stress_step(struct stress_pass *pass)
{
	WRITE_ONCE(pass->done, pass->done + 1);
	return pass->done % 64 ? 0 : stress_breathe(pass);
}

#endif
