/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmap_kunit.h - what the KUnit suites share
 *
 * The suites use the exported calls.  Where a promise is about what no call shows (the tiles of a
 * span, the threshold of one arena), they look inside by arena.h: see support.c.
 */
#ifndef VMAP_KUNIT_H
#define VMAP_KUNIT_H

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kprobes.h>
#include <linux/prandom.h>
#include <linux/sched.h>

#include "../arena.h"

extern unsigned int kt_loops;
extern unsigned long kt_seed;

/* support.c */
struct vmap_arena *kt_memory(struct kunit *test, unsigned int flags);
void kt_stay_in_first_shard(struct vmap_arena *arena);
struct vmap_arena *kt_range(struct kunit *test, unsigned long start, unsigned long end,
			    unsigned long quantum);
struct vmap_arena *kt_keep(struct kunit *test, struct vmap_arena *arena);
const char *kt_name(void);
struct vmap_arena_stats kt_stats(struct vmap_arena *arena);
void kt_verify(struct kunit *test, struct vmap_arena *arena);
void kt_settle(struct kunit *test, struct vmap_arena *arena);
bool kt_faults(const void *addr);
void kt_stamp(void *addr, unsigned long size, u64 value);
bool kt_stamped(const void *addr, unsigned long size, u64 value);
void kt_seed_random(struct kunit *test, struct rnd_state *rnd);
struct vmap_extent *kt_extent(struct vmap_arena *arena, const void *addr);
void *kt_pages(struct vmap_arena *arena, unsigned long pages, gfp_t gfp);
int kt_write(const char *path, const char *text);
ssize_t kt_read(const char *path, char *text, size_t size);
int kt_parameter(const char *name, unsigned long *value);
int kt_shell(const char *command);
void kt_probe(struct kunit *test, struct kprobe *probe);

#ifdef CONFIG_FAULT_INJECTION
/* Let no allocation by this task succeed once that of kt_fail_nth() has failed; or let them all. */
static inline void kt_starve(bool on)
{
	current->make_it_fail = on;
}

/* Let the @nth allocation by this task fail from now on; 0: none. */
static inline void kt_fail_nth(unsigned int nth)
{
	current->fail_nth = nth;
}
#else
static inline void kt_starve(bool on)
{
}

static inline void kt_fail_nth(unsigned int nth)
{
}
#endif

/*
 * How long a test waits for what must come, before it says that it does not.  Far longer than
 * anything takes, for on a busy host a guest may stand still for seconds.
 */
#define KT_PATIENCE	(60 * HZ)

/* Wait until @condition is true; true if it ever was. */
#define kt_until(condition)							\
({										\
	unsigned long kt_end = jiffies + KT_PATIENCE;				\
	bool kt_met;								\
										\
	while (!(kt_met = (condition)) && time_before(jiffies, kt_end))		\
		msleep(20);							\
	kt_met;									\
})

/* picture.c */
#define KT_FACTS	256

/* One thing that is so in an arena. */
struct kt_fact {
	const char *what;
	u64 value;
};

/**
 * struct kt_picture - all that was in an arena
 * @home: where its first span began; all addresses are told from there
 * @mapped: a sum over all pages mapped, and where
 * @count: facts
 * @fact: them
 */
struct kt_picture {
	unsigned long home;
	u64 mapped;
	unsigned int count;
	struct kt_fact fact[KT_FACTS];
};

struct kt_picture *kt_picture(struct kunit *test, struct vmap_arena *arena);
void kt_expect_same(struct kunit *test, const struct kt_picture *before,
		    const struct kt_picture *after);

/* log.c */

/**
 * struct kt_log - what the kernel log was told since kt_log_begin()
 * @word: looked for
 * @lines: lines with the word looked for
 * @last: the last one of them
 */
struct kt_log {
	const char *word;
	unsigned int lines;
	char last[256];
};

int kt_log_begin(struct kt_log *log, const char *word);
void kt_log_end(struct kt_log *log);

#endif
