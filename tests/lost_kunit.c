// SPDX-License-Identifier: GPL-2.0
/*
 * lost_kunit.c - somebody gives an address of ours to vfree(), and all of a span with it
 *
 * Each test does that to an arena of its own, lets others have the addresses, and then makes a call
 * of one kind, which must notice.  The arena must leave the others' memory alone, tell what was
 * lost, go on with a new span, and end as any other.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/ratelimit.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"

#define AREAS		8
#define AREA_PAGES	3
/* Theirs are as large as a span, or a hole in front of it would do for them. */
#define THEIRS		32
#define THEIR_PAGES	(PMD_SIZE / PAGE_SIZE)
#define THEIR_SIZE	PMD_SIZE

/**
 * struct loss - an arena that loses a span
 * @arena: the arena
 * @start: of the span
 * @end: of the span
 * @area: areas of it, AREA_PAGES each
 * @theirs: areas of the kernel's own, some of them where the span was
 * @page: what all of @theirs map
 */
struct loss {
	struct vmap_arena *arena;
	unsigned long start;
	unsigned long end;
	void *area[AREAS];
	void *theirs[THEIRS];
	struct page *page[THEIR_PAGES];
};

static bool is_inside(const struct loss *loss, const void *addr)
{
	return (unsigned long)addr - loss->start < loss->end - loss->start;
}

static bool overlaps(const struct loss *loss, const void *theirs)
{
	return (unsigned long)theirs < loss->end &&
	       (unsigned long)theirs + THEIR_SIZE > loss->start;
}

static void drop_theirs(void *data)
{
	struct loss *loss = data;
	unsigned int i;

	for (i = 0; i < THEIRS; i++)
		vunmap(loss->theirs[i]);
	for (i = 0; i < THEIR_PAGES; i++)
		if (loss->page[i])
			__free_page(loss->page[i]);
}

static struct loss *new_loss(struct kunit *test, unsigned int flags)
{
	struct loss *loss = kunit_kzalloc(test, sizeof(*loss), GFP_KERNEL);
	const struct vmap_span *span;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, loss);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, drop_theirs, loss), 0);
	/* What others gave back, and the kernel gives away first, is to lie behind the span. */
	vm_unmap_aliases();
	/* What is kept for reuse is kept by this CPU. */
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	loss->arena = kt_memory(test, flags);
	if (loss->arena->cache.purge.space.reserved > 8UL << 20)
		kunit_skip(test, "load vmap_arena.ko with span_size=2M for this");
	span = list_first_entry(&loss->arena->cache.purge.space.spans, struct vmap_span, link);
	loss->start = span->start;
	loss->end = span->end;
	for (i = 0; i < 16; i++)
		vmap_free(kt_pages(loss->arena, AREA_PAGES, GFP_KERNEL));
	for (i = 0; i < AREAS; i++) {
		loss->area[i] = kt_pages(loss->arena, AREA_PAGES, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, loss->area[i]);
		KUNIT_ASSERT_TRUE(test, is_inside(loss, loss->area[i]));
	}
	/* One that is cached, if that is done. */
	vmap_free(loss->area[AREAS - 1]);
	return loss;
}

/*
 * The mistake; then the kernel gives the addresses to others.  They are mapped by vmap(), of which
 * kmemleak is not told: it ends where two objects are at one place, and until the loss is noticed
 * it takes ours for live.
 */
static void lose(struct kunit *test, struct loss *loss)
{
	unsigned int i, inside = 0;

	for (i = 0; i < THEIR_PAGES; i++) {
		loss->page[i] = alloc_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, loss->page[i]);
	}
	vfree(loss->area[0]);
	vm_unmap_aliases();
	for (i = 0; i < THEIRS; i++) {
		loss->theirs[i] = vmap(loss->page, THEIR_PAGES, VM_MAP, PAGE_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, loss->theirs[i]);
		inside += overlaps(loss, loss->theirs[i]);
	}
	kt_stamp(loss->theirs[0], THEIR_SIZE, 1);
	KUNIT_EXPECT_GT_MSG(test, inside, 0, "the kernel gave the addresses to nobody");
}

static void expect_theirs(struct kunit *test, const struct loss *loss)
{
	unsigned int i;

	for (i = 0; i < THEIRS; i++)
		KUNIT_EXPECT_TRUE(test, kt_stamped(loss->theirs[i], THEIR_SIZE, 1));
}

/* The worker has the last word about what was lost. */
static void await_end(struct kunit *test, struct loss *loss, unsigned long areas)
{
	unsigned int i;

	for (i = 0; i < 200 && kt_stats(loss->arena).areas != areas; i++)
		msleep(50);
	KUNIT_EXPECT_EQ(test, kt_stats(loss->arena).areas, areas);
}

static void expect_life_goes_on(struct kunit *test, struct loss *loss)
{
	void *addr[AREAS];
	unsigned int i;

	for (i = 0; i < AREAS; i++) {
		addr[i] = kt_pages(loss->arena, AREA_PAGES, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr[i]);
		kt_stamp(addr[i], AREA_PAGES << PAGE_SHIFT, i);
		KUNIT_EXPECT_FALSE(test, is_inside(loss, addr[i]));
	}
	for (i = 0; i < AREAS; i++) {
		KUNIT_EXPECT_TRUE(test, kt_stamped(addr[i], AREA_PAGES << PAGE_SHIFT, i));
		vmap_free(addr[i]);
	}
}

static void expect_verdict(struct kunit *test, const struct vmap_arena *arena)
{
	char command[128];

	snprintf(command, sizeof(command), "grep -q '1 spans were lost' %s/%s/verify",
		 "/sys/kernel/debug/vmap_arena", arena->cache.purge.space.name);
	KUNIT_EXPECT_EQ(test, kt_shell(command), 0);
}

/**
 * struct noticer - a call that finds out that a span is lost
 * @name: what the call is
 * @flags: of the arena
 * @call: makes it
 * @by_worker: a worker finds out for it, so that the report cannot name the caller
 */
struct noticer {
	const char *name;
	unsigned int flags;
	void (*call)(struct loss *loss);
	bool by_worker;
};

static void alloc(struct loss *loss)
{
	vmap_free(kt_pages(loss->arena, AREA_PAGES, GFP_KERNEL));
}

static void alloc_atomic(struct loss *loss)
{
	vmap_free(kt_pages(loss->arena, AREA_PAGES, GFP_ATOMIC));
}

static void free_one(struct loss *loss)
{
	vmap_free(loss->area[1]);
}

static void free_lost(struct loss *loss)
{
	vmap_free(loss->area[0]);
}

static void free_one_rcu(struct loss *loss)
{
	vmap_free_rcu(loss->area[1]);
}

static void purge(struct loss *loss)
{
	vmap_arena_purge(loss->arena);
}

static const struct noticer noticers[] = {
	{ "allocation", VMAP_ARENA_NOCACHE, alloc },
	{ "atomic allocation", VMAP_ARENA_NOCACHE, alloc_atomic },
	{ "warm allocation", 0, alloc },
	{ "free", VMAP_ARENA_NOCACHE, free_one },
	{ "free of the same", VMAP_ARENA_NOCACHE, free_lost },
	{ "warm free", 0, free_one },
	{ "free after a grace period", VMAP_ARENA_NOCACHE, free_one_rcu },
	{ "purge of what is warm", 0, purge, .by_worker = true },
};

KUNIT_ARRAY_PARAM_DESC(noticers, noticers, name);

static void a_lost_span_is_noticed_by_each_call(struct kunit *test)
{
	const struct noticer *noticer = test->param_value;
	struct loss *loss = new_loss(test, noticer->flags);
	struct vmap_arena_stats stats;
	struct kt_log log;

	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "is lost, as a call by"), 0);
	lose(test, loss);
	noticer->call(loss);
	await_end(test, loss, 0);
	/* Nothing of the lost span is free: an allocation would leave alone what it finds there. */
	kt_settle(test, loss->arena);
	expect_life_goes_on(test, loss);
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 1);
	if (!noticer->by_worker)
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, "[vmap_kunit]"), "said: %s",
					  log.last);
	expect_theirs(test, loss);
	stats = kt_stats(loss->arena);
	KUNIT_EXPECT_EQ(test, stats.lost_spans, 1);
	KUNIT_EXPECT_GE(test, stats.lost_pages, (AREAS - 1) * AREA_PAGES);
	expect_verdict(test, loss->arena);
}

/* Before the kernel has flushed what it unmapped: what this CPU's TLB knows is no proof of life. */
static void a_stale_tlb_is_no_proof(struct kunit *test)
{
	struct loss *loss = new_loss(test, 0);

	/* This looks at the canary. */
	alloc(loss);
	vfree(loss->area[0]);
	alloc(loss);
	KUNIT_EXPECT_EQ(test, kt_stats(loss->arena).lost_spans, 1);
	await_end(test, loss, 0);
}

/* Each area is reported with who allocated it, and may not be freed any more. */
static void lost_areas_are_reported_and_refused(struct kunit *test)
{
	struct loss *loss = new_loss(test, VMAP_ARENA_NOCACHE);
	struct kt_log areas, frees;
	unsigned int i;

	/* The log takes no more lines from the cases before. */
	msleep(jiffies_to_msecs(DEFAULT_RATELIMIT_INTERVAL) + 100);
	KUNIT_ASSERT_EQ(test, kt_log_begin(&areas, "are lost"), 0);
	lose(test, loss);
	alloc(loss);
	await_end(test, loss, 0);
	kt_log_end(&areas);
	KUNIT_EXPECT_EQ(test, areas.lines, AREAS - 1);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(areas.last, "allocated by kt_pages"), "said: %s",
				  areas.last);
	KUNIT_ASSERT_EQ(test, kt_log_begin(&frees, "not an address of ours"), 0);
	for (i = 1; i < 4; i++)
		if (!vmalloc_to_page(loss->area[i]))
			vmap_free(loss->area[i]);
	kt_log_end(&frees);
	KUNIT_EXPECT_LE(test, frees.lines, 3);
	KUNIT_EXPECT_EQ(test, kt_stats(loss->arena).areas, 0);
	expect_theirs(test, loss);
}

/* What lives in other spans of the arena is not touched. */
static void other_spans_go_on(struct kunit *test)
{
	struct loss *loss = new_loss(test, VMAP_ARENA_NOCACHE);
	unsigned long size = loss->end - loss->start;
	void *other = kt_pages(loss->arena, size >> PAGE_SHIFT, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_ASSERT_FALSE(test, is_inside(loss, other));
	kt_stamp(other, size, 7);
	lose(test, loss);
	free_one(loss);
	await_end(test, loss, 1);
	KUNIT_EXPECT_TRUE(test, kt_stamped(other, size, 7));
	expect_life_goes_on(test, loss);
	vmap_free(other);
	expect_theirs(test, loss);
}

/* Nobody made a call between the mistake and the end of the arena. */
static void an_idle_span_is_lost(struct kunit *test)
{
	struct loss *loss = new_loss(test, VMAP_ARENA_NOCACHE);
	unsigned int i;

	for (i = 0; i < AREAS - 1; i++)
		vmap_free(loss->area[i]);
	vmap_arena_purge(loss->arena);
	lose(test, loss);
}

static struct kunit_case lost_cases[] = {
	KUNIT_CASE_PARAM(a_lost_span_is_noticed_by_each_call, noticers_gen_params),
	KUNIT_CASE(a_stale_tlb_is_no_proof),
	KUNIT_CASE(lost_areas_are_reported_and_refused),
	KUNIT_CASE(other_spans_go_on),
	KUNIT_CASE(an_idle_span_is_lost),
	{}
};

static struct kunit_suite lost_suite = { .name = "vmap_lost", .test_cases = lost_cases };
kunit_test_suite(lost_suite);
