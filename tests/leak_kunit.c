// SPDX-License-Identifier: GPL-2.0
/*
 * leak_kunit.c - kmemleak knows our areas as it knows the kernel's own
 *
 * kmemleak looks for pointers in all the memory it knows, and reports what none leads to.  An area
 * must be such memory as long as it is allocated, and be reported itself when nobody can find it
 * any more.  What is kept for reuse is neither: it is nobody's, and what its last holder left in it
 * leads nowhere.
 *
 * kmemleak has to be asked, takes its time, and doubts only what is older than five seconds.  So
 * the suite lays out samples of everything, asks once, and each case looks at the answer.  Where a
 * sample lies is noted inverted, which kmemleak does not take for a pointer.
 *
 * What must not be reported is never reported.  Of what must be, most may be missed, for a copy of
 * an address, anywhere inside the sample, may happen to lie on a stack; but a fault hides all
 * samples of a kind.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "vmap_kunit.h"

#define LEAKS		"/sys/kernel/debug/kmemleak"
#define ANSWER		"/tmp/leaks"
#define ANSWER_SIZE	(64 << 10)

/* kmemleak doubts only what is older than this; with something to spare. */
#define AGE_MS		6000

#define NR_SAMPLES	8

/* Sizes in pages; one that is freed often first, and one that never is. */
#define WARM		3
#define FRESH		5

enum kind {
	LOST_AREA,		/* nobody knows where it is */
	LOST_WARM_AREA,		/* the same, and it comes from the cache */
	KEPT_AREA,		/* freed into the cache */
	IN_AREA,		/* an object that only a pointer in an area leads to */
	IN_WARM_AREA,		/* the same, and the area comes from the cache */
	IN_KEPT_AREA,		/* the same, and the area was freed into the cache */
	NR_KINDS
};

static struct {
	struct vmap_arena *arena;
	unsigned long inverted[NR_KINDS][NR_SAMPLES];
	void *holder[2 * NR_SAMPLES];
	unsigned long kept;
	char *answer;
} leaks;

static void *sample(enum kind kind, unsigned int i)
{
	return (void *)~leaks.inverted[kind][i];
}

static void note_sample(enum kind kind, unsigned int i, const void *addr)
{
	leaks.inverted[kind][i] = ~(unsigned long)addr;
}

/*
 * Make an object that only the last word of an area leads to; one not zeroed leads to the next.
 * The object is too large for a slab cache: the sheaves of Linux 6.18 and later go on naming what
 * was taken from them.
 */
static void put_object(enum kind kind, unsigned int i, void *area, unsigned long pages)
{
	void **last = area + (pages << PAGE_SHIFT) - sizeof(void *);

	*last = kzalloc(KMALLOC_MAX_CACHE_SIZE + 1, GFP_KERNEL);
	note_sample(kind, i, *last);
}

/* Have so many areas of the size that is kept on this CPU that more than the samples are kept. */
static void warm_up(void)
{
	void *area[3 * NR_SAMPLES];
	unsigned int i, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < ARRAY_SIZE(area); i++)
			area[i] = kt_pages(leaks.arena, WARM, GFP_KERNEL);
		for (i = 0; i < ARRAY_SIZE(area); i++)
			vmap_free(area[i]);
	}
}

static void lay_out(void)
{
	void *area[NR_SAMPLES];
	unsigned int i;

	warm_up();
	for (i = 0; i < NR_SAMPLES; i++) {
		note_sample(LOST_AREA, i, kt_pages(leaks.arena, FRESH, GFP_KERNEL));
		note_sample(LOST_WARM_AREA, i, kt_pages(leaks.arena, WARM, GFP_KERNEL));
		leaks.holder[2 * i] = kt_pages(leaks.arena, FRESH, GFP_KERNEL);
		put_object(IN_AREA, i, leaks.holder[2 * i], FRESH);
		leaks.holder[2 * i + 1] = kt_pages(leaks.arena, WARM, GFP_KERNEL);
		put_object(IN_WARM_AREA, i, leaks.holder[2 * i + 1], WARM);
		area[i] = kt_pages(leaks.arena, WARM, GFP_KERNEL);
		note_sample(KEPT_AREA, i, area[i]);
		put_object(IN_KEPT_AREA, i, area[i], WARM);
	}
	for (i = 0; i < NR_SAMPLES; i++)
		vmap_free(area[i]);
	memset(area, 0, sizeof(area));
}

/* On one CPU, whose magazine is in use all the while, or what is in it would go back. */
static long lay_out_and_wait(void *unused)
{
	unsigned int ms;

	lay_out();
	for (ms = 0; ms < AGE_MS; ms += 100) {
		msleep(100);
		vmap_free(kt_pages(leaks.arena, WARM, GFP_KERNEL));
	}
	leaks.kept = kt_stats(leaks.arena).warm;
	return 0;
}

/* kmemleak lets pass what changed since it looked last, so it has to look twice. */
static int look(void)
{
	int status = kt_shell("echo scan >" LEAKS " && echo scan >" LEAKS);

	return status ?: kt_shell("sed -n '/^unreferenced/s/ (.*/;/p' " LEAKS " >" ANSWER);
}

/* What kmemleak says of it on the console would be taken for a complaint. */
static void ask(void)
{
	int status;

	kt_shell("dmesg -n 5");
	status = look();
	kt_shell("dmesg -n 7");
	leaks.answer = status ? NULL : kzalloc(ANSWER_SIZE, GFP_KERNEL);
	if (leaks.answer && kt_read(ANSWER, leaks.answer, ANSWER_SIZE - 1) < 0) {
		kfree(leaks.answer);
		leaks.answer = NULL;
	}
}

static int lay_out_and_ask(struct kunit_suite *suite)
{
	leaks.arena = vmap_arena_create(kt_name(), 0);
	if (IS_ERR(leaks.arena))
		return PTR_ERR(leaks.arena);
	work_on_cpu(cpumask_first(cpu_online_mask), lay_out_and_wait, NULL);
	ask();
	return 0;
}

static void clear_away(struct kunit_suite *suite)
{
	unsigned int i;

	for (i = 0; i < NR_SAMPLES; i++) {
		vmap_free(sample(LOST_AREA, i));
		vmap_free(sample(LOST_WARM_AREA, i));
		kfree(sample(IN_AREA, i));
		kfree(sample(IN_WARM_AREA, i));
		kfree(sample(IN_KEPT_AREA, i));
	}
	for (i = 0; i < ARRAY_SIZE(leaks.holder); i++)
		vmap_free(leaks.holder[i]);
	WARN_ON(vmap_arena_destroy(leaks.arena));
	kfree(leaks.answer);
}

static int need_answer(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_DEBUG_KMEMLEAK))
		kunit_skip(test, "this kernel does not have kmemleak");
	KUNIT_ASSERT_NOT_NULL_MSG(test, leaks.answer, "kmemleak gives no answer");
	return 0;
}

/* How many samples of a kind were reported. */
static unsigned int reported(enum kind kind)
{
	unsigned int i, count = 0;
	char line[24];

	for (i = 0; i < NR_SAMPLES; i++) {
		snprintf(line, sizeof(line), "0x%lx;", ~leaks.inverted[kind][i]);
		count += !!strstr(leaks.answer, line);
	}
	return count;
}

static void an_area_that_is_lost_is_reported(struct kunit *test)
{
	KUNIT_EXPECT_GT(test, reported(LOST_AREA), 0);
	KUNIT_EXPECT_GT(test, reported(LOST_WARM_AREA), 0);
}

static void what_an_area_leads_to_is_found(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, reported(IN_AREA), 0);
	KUNIT_EXPECT_EQ(test, reported(IN_WARM_AREA), 0);
}

static void what_is_kept_for_reuse_is_not_lost(struct kunit *test)
{
	/* Where a busy host lets seconds pass between two uses, magazines go back. */
	if (leaks.kept < NR_SAMPLES * WARM * PAGE_SIZE)
		kunit_skip(test, "too little was kept, so this would show nothing");
	KUNIT_EXPECT_EQ(test, reported(KEPT_AREA), 0);
}

static void what_is_kept_for_reuse_leads_nowhere(struct kunit *test)
{
	KUNIT_EXPECT_GT(test, reported(IN_KEPT_AREA), 0);
}

static struct kunit_case leak_cases[] = {
	KUNIT_CASE(an_area_that_is_lost_is_reported),
	KUNIT_CASE(what_an_area_leads_to_is_found),
	KUNIT_CASE(what_is_kept_for_reuse_is_not_lost),
	KUNIT_CASE(what_is_kept_for_reuse_leads_nowhere),
	{}
};

static struct kunit_suite leak_suite = {
	.name = "vmap_leak", .suite_init = lay_out_and_ask, .suite_exit = clear_away,
	.init = need_answer, .test_cases = leak_cases,
};

kunit_test_suite(leak_suite);
