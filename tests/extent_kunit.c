// SPDX-License-Identifier: GPL-2.0
/*
 * extent_kunit.c - range arenas: errors, fits, corners, and the lowest address against a model
 *
 * An arena must agree with the model (user/model.c) on each answer, also on "nothing fits".  Only
 * an uncached allocation promises the lowest address, so caching is switched off where that is
 * tested.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>

#include "vmap_kunit.h"
#include "../user/model.c"

#define UNITS	512
#define SLOTS	64

/* A range arena that keeps nothing for reuse. */
static struct vmap_arena *exact_range(struct kunit *test, unsigned long start, unsigned long end,
				      unsigned long quantum)
{
	struct vmap_arena *arena = kt_range(test, start, end, quantum);

	WRITE_ONCE(arena->cache.caching, false);
	return arena;
}

static void expect_error(struct kunit *test, struct vmap_extent *extent, long err)
{
	KUNIT_EXPECT_TRUE(test, IS_ERR(extent));
	KUNIT_EXPECT_EQ(test, PTR_ERR(extent), err);
}

static void bad_requests_are_refused(struct kunit *test)
{
	struct vmap_arena *arena = exact_range(test, 0, 1 << 20, 16);

	expect_error(test, vmap_extent_alloc(arena, 0, 1, GFP_KERNEL), -EINVAL);
	expect_error(test, vmap_extent_alloc(arena, 16, 0, GFP_KERNEL), -EINVAL);
	expect_error(test, vmap_extent_alloc(arena, 16, 3, GFP_KERNEL), -EINVAL);
	expect_error(test, vmap_extent_alloc(arena, 16, ULONG_MAX, GFP_KERNEL), -EINVAL);
	expect_error(test, vmap_extent_alloc_range(arena, 16, 1, 8, 8, GFP_KERNEL), -EINVAL);
	expect_error(test, vmap_extent_alloc_range(arena, 16, 1, 9, 8, GFP_KERNEL), -EINVAL);
	expect_error(test, vmap_extent_alloc_range(arena, 16, 1, ULONG_MAX, 0, GFP_KERNEL),
		     -EINVAL);
	expect_error(test, vmap_extent_alloc_range(arena, 0, 1, 0, 64, GFP_KERNEL), -EINVAL);
	expect_error(test, vmap_extent_alloc_range(arena, 16, 6, 0, 64, GFP_KERNEL), -EINVAL);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).fails, 9);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).allocs, 0);
}

static void what_cannot_fit_is_no_space(struct kunit *test)
{
	struct vmap_arena *arena = exact_range(test, 64, 1 << 20, 16);

	expect_error(test, vmap_extent_alloc(arena, 1 << 20, 1, GFP_KERNEL), -ENOSPC);
	expect_error(test, vmap_extent_alloc(arena, ULONG_MAX, 1, GFP_KERNEL), -ENOSPC);
	expect_error(test, vmap_extent_alloc(arena, ULONG_MAX - 14, 1, GFP_KERNEL), -ENOSPC);
	expect_error(test, vmap_extent_alloc(arena, 1UL << 63, 1, GFP_KERNEL), -ENOSPC);
	expect_error(test, vmap_extent_alloc(arena, 16, 1UL << 63, GFP_KERNEL), -ENOSPC);
	expect_error(test, vmap_extent_alloc(arena, 16, 1 << 20, GFP_KERNEL), -ENOSPC);
	expect_error(test, vmap_extent_alloc_range(arena, 16, 1, 0, 64, GFP_KERNEL), -ENOSPC);
	expect_error(test, vmap_extent_alloc_range(arena, 16, 1, 64, 79, GFP_KERNEL), -ENOSPC);
	expect_error(test, vmap_extent_alloc_range(arena, 16, 1, 65, 95, GFP_KERNEL), -ENOSPC);
	expect_error(test, vmap_extent_alloc_range(arena, 16, 1, 1 << 20, ULONG_MAX, GFP_KERNEL),
		     -ENOSPC);
	expect_error(test, vmap_extent_alloc_range(arena, 16, 1, ULONG_MAX - 1, ULONG_MAX,
						   GFP_KERNEL), -ENOSPC);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).free, (1 << 20) - 64);
}

/* Allocate with a bound, expect an address, hand back the extent. */
static struct vmap_extent *expect_at(struct kunit *test, struct vmap_arena *arena,
				     unsigned long size, unsigned long align, unsigned long lo,
				     unsigned long hi, unsigned long want)
{
	struct vmap_extent *extent;

	extent = vmap_extent_alloc_range(arena, size, align, lo, hi, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, extent);
	KUNIT_EXPECT_EQ(test, vmap_extent_start(extent), want);
	KUNIT_EXPECT_EQ(test, vmap_extent_size(extent),
			ALIGN(size, arena->cache.purge.space.quantum));
	return extent;
}

static void each_fit_at_each_edge(struct kunit *test)
{
	struct vmap_arena *arena = exact_range(test, 100, 200, 1);
	struct vmap_extent *left, *right, *middle, *full;
	const unsigned long *fits;

	left = expect_at(test, arena, 10, 1, 0, 200, 100);
	right = expect_at(test, arena, 10, 1, 190, 200, 190);
	middle = expect_at(test, arena, 10, 1, 140, 200, 140);
	full = expect_at(test, arena, 40, 1, 150, 190, 150);
	fits = arena->cache.purge.space.tree.fits;
	KUNIT_EXPECT_EQ(test, fits[VMAP_FIT_LEFT], 1);
	KUNIT_EXPECT_EQ(test, fits[VMAP_FIT_RIGHT], 1);
	KUNIT_EXPECT_EQ(test, fits[VMAP_FIT_NO_EDGE], 1);
	KUNIT_EXPECT_EQ(test, fits[VMAP_FIT_FULL], 1);
	kt_verify(test, arena);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).free, 30);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).largest_free, 30);
	vmap_extent_free(arena, middle);
	vmap_extent_free(arena, left);
	vmap_extent_free(arena, right);
	vmap_extent_free(arena, full);
	kt_settle(test, arena);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).largest_free, 100);
}

static void the_top_of_the_address_space(struct kunit *test)
{
	struct vmap_arena *arena = exact_range(test, ULONG_MAX - 100, ULONG_MAX, 1);
	struct vmap_extent *low, *top;

	top = expect_at(test, arena, 1, 1, ULONG_MAX - 1, ULONG_MAX, ULONG_MAX - 1);
	expect_error(test, vmap_extent_alloc_range(arena, 2, 1, ULONG_MAX - 2, ULONG_MAX,
						   GFP_KERNEL), -ENOSPC);
	expect_error(test, vmap_extent_alloc(arena, 1, 128, GFP_KERNEL), -ENOSPC);
	low = expect_at(test, arena, 99, 1, 0, ULONG_MAX, ULONG_MAX - 100);
	expect_error(test, vmap_extent_alloc(arena, 1, 1, GFP_KERNEL), -ENOSPC);
	vmap_extent_free(arena, low);
	low = expect_at(test, arena, 32, 32, 0, ULONG_MAX, ALIGN(ULONG_MAX - 100, 32));
	vmap_extent_free(arena, low);
	vmap_extent_free(arena, top);
}

static void the_whole_address_space(struct kunit *test)
{
	struct vmap_arena *arena = exact_range(test, 0, ULONG_MAX, 1);
	struct vmap_extent *a, *b, *c;

	a = expect_at(test, arena, ULONG_MAX, 1, 0, ULONG_MAX, 0);
	expect_error(test, vmap_extent_alloc(arena, 1, 1, GFP_KERNEL), -ENOSPC);
	vmap_extent_free(arena, a);
	a = expect_at(test, arena, 1, 1UL << 63, 0, ULONG_MAX, 0);
	b = expect_at(test, arena, 1, 1UL << 63, 0, ULONG_MAX, 1UL << 63);
	expect_error(test, vmap_extent_alloc_range(arena, 1, 1UL << 63, 0, ULONG_MAX, GFP_KERNEL),
		     -ENOSPC);
	c = expect_at(test, arena, (1UL << 63) - 1, 1, 0, ULONG_MAX, 1);
	kt_verify(test, arena);
	vmap_extent_free(arena, b);
	vmap_extent_free(arena, a);
	vmap_extent_free(arena, c);
}

static void every_alignment(struct kunit *test)
{
	struct vmap_arena *arena = exact_range(test, 1, ULONG_MAX, 1);
	unsigned int bit;

	for (bit = 0; bit < BITS_PER_LONG; bit++) {
		unsigned long align = 1UL << bit;
		struct vmap_extent *extent = expect_at(test, arena, 3, align, 0, ULONG_MAX, align);

		vmap_extent_free(arena, extent);
	}
}

static void sizes_are_rounded_to_the_quantum(struct kunit *test)
{
	struct vmap_arena *arena = exact_range(test, 4096, 3 * 4096, 4096);
	struct vmap_extent *a, *b;

	a = expect_at(test, arena, 1, 1, 0, ULONG_MAX, 4096);
	b = expect_at(test, arena, 4095, 1, 0, ULONG_MAX, 8192);
	expect_error(test, vmap_extent_alloc(arena, 1, 1, GFP_KERNEL), -ENOSPC);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).busy, 8192);
	vmap_extent_free(arena, a);
	vmap_extent_free(arena, b);
	a = expect_at(test, arena, 4097, 1, 0, ULONG_MAX, 4096);
	vmap_extent_free(arena, a);
}

static void bounds_off_the_quantum_are_kept(struct kunit *test)
{
	struct vmap_arena *arena = exact_range(test, 0, 64, 8);
	struct vmap_extent *extent = expect_at(test, arena, 8, 1, 3, 64, 8);

	vmap_extent_free(arena, extent);
	expect_error(test, vmap_extent_alloc_range(arena, 8, 1, 3, 15, GFP_KERNEL), -ENOSPC);
}

/**
 * struct drill - random requests of an arena and of the model
 * @model: the one span of the arena
 * @units: of @model
 * @start: the first of them
 * @slot: what is allocated
 * @rnd: where chance comes from
 */
struct drill {
	struct model model;
	struct model_unit units[UNITS];
	unsigned long start;
	struct vmap_extent *slot[SLOTS];
	struct rnd_state rnd;
};

static unsigned long pick(struct drill *drill, unsigned long below)
{
	return prandom_u32_state(&drill->rnd) % below;
}

static struct free_search random_request(struct drill *drill)
{
	struct free_search want = {
		.size = 1 + pick(drill, 24),
		.align = 1UL << pick(drill, 7),
		.lo = drill->start,
		.hi = drill->start + UNITS,
	};

	if (pick(drill, 2)) {
		want.lo += pick(drill, UNITS - 1);
		want.hi = want.lo + 1 + pick(drill, UNITS);
	}
	return want;
}

static void drill_alloc(struct kunit *test, struct vmap_arena *arena, struct drill *drill,
			struct vmap_extent **slot)
{
	struct free_search want = random_request(drill);
	struct vmap_extent *extent;
	unsigned long lowest;

	extent = vmap_extent_alloc_range(arena, want.size, want.align, want.lo, want.hi,
					 GFP_KERNEL);
	if (!model_lowest(&drill->model, &want, MODEL_NOW, &lowest)) {
		expect_error(test, extent, -ENOSPC);
		return;
	}
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, extent);
	KUNIT_ASSERT_EQ(test, vmap_extent_start(extent), lowest);
	model_set(&drill->model, lowest, want.size, 1);
	*slot = extent;
}

static void drill_free(struct vmap_arena *arena, struct drill *drill, struct vmap_extent **slot)
{
	model_set(&drill->model, vmap_extent_start(*slot), vmap_extent_size(*slot), 0);
	vmap_extent_free(arena, *slot);
	*slot = NULL;
}

static void run_drill(struct kunit *test, unsigned long start)
{
	struct vmap_arena *arena = exact_range(test, start, start + UNITS, 1);
	struct drill *drill = kunit_kzalloc(test, sizeof(*drill), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, drill);
	drill->start = start;
	model_open(&drill->model, start, UNITS, drill->units);
	kt_seed_random(test, &drill->rnd);
	for (i = 0; i < kt_loops; i++) {
		struct vmap_extent **slot = &drill->slot[pick(drill, SLOTS)];

		if (*slot)
			drill_free(arena, drill, slot);
		else
			drill_alloc(test, arena, drill, slot);
		kt_verify(test, arena);
		KUNIT_EXPECT_EQ(test, kt_stats(arena).free, model_survey(&drill->model).units);
		cond_resched();
	}
	for (i = 0; i < SLOTS; i++)
		vmap_extent_free(arena, drill->slot[i]);
}

static void the_lowest_fit_against_a_model(struct kunit *test)
{
	run_drill(test, 1UL << 32);
}

/* The topmost unit stays outside: one past it has no number. */
static void the_lowest_fit_at_the_top(struct kunit *test)
{
	run_drill(test, ULONG_MAX - 2 * UNITS + 1);
}

#define PLACE	16
#define HOLES	160

/**
 * struct places - two places where a request fits; one is taken, and in turn the other
 * @arena: the arena
 * @start: where they are: the first units of it, and the last
 * @held: the one that is taken
 */
struct places {
	struct vmap_arena *arena;
	unsigned long start[2];
	struct vmap_extent *held;
};

static struct vmap_extent *take_place(struct places *places, unsigned int which)
{
	unsigned long start = places->start[which];

	return vmap_extent_alloc_range(places->arena, PLACE, PLACE, start, start + PLACE,
				       GFP_KERNEL);
}

/* At no time are both taken by this thread. */
static int swap_places(void *data)
{
	struct places *places = data;
	unsigned int which = 0;

	while (!kthread_should_stop()) {
		vmap_extent_free(places->arena, places->held);
		which = !which;
		do {
			cond_resched();
			places->held = take_place(places, which);
		} while (IS_ERR(places->held) && !kthread_should_stop());
		usleep_range(50, 100);
	}
	return 0;
}

/* Between the two lie holes as long, but not aligned: a search for the second takes a while. */
static void make_holes(struct kunit *test, struct places *places, struct vmap_extent **wall)
{
	unsigned long end = PLACE + PLACE / 4;
	unsigned int i;

	wall[0] = expect_at(test, places->arena, PLACE / 4, 1, PLACE, end, PLACE);
	for (i = 1; i <= HOLES; i++) {
		end += PLACE + PLACE / 2;
		wall[i] = expect_at(test, places->arena, PLACE / 2, 1, end - PLACE / 2, end,
				    end - PLACE / 2);
	}
	places->start[1] = ALIGN(end, PLACE);
	wall[i] = expect_at(test, places->arena, places->start[1] - end, 1, end, places->start[1],
			    end);
}

/*
 * A search that others may interrupt must not take what it passed for gone: at any time one of the
 * two places is free, though never the one that was free when the search began.
 */
static void a_fit_is_found_whatever_others_do(struct kunit *test)
{
	struct vmap_arena *arena = exact_range(test, 0, 2 * PLACE * HOLES, 1);
	struct places places = { .arena = arena };
	struct vmap_extent *wall[HOLES + 2], *last;
	struct task_struct *swapper;
	unsigned int i, failed = 0;

	make_holes(test, &places, wall);
	i = places.start[1] + PLACE;
	last = expect_at(test, arena, 2 * PLACE * HOLES - i, 1, i, ULONG_MAX, i);
	places.held = take_place(&places, 0);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, places.held);
	swapper = kthread_run(swap_places, &places, "kunit-swapper");
	KUNIT_ASSERT_FALSE(test, IS_ERR(swapper));
	for (i = 0; i < 10 * kt_loops; i++) {
		struct vmap_extent *extent = vmap_extent_alloc(arena, PLACE, PLACE, GFP_KERNEL);

		failed += IS_ERR(extent);
		vmap_extent_free(arena, extent);
		cond_resched();
	}
	kthread_stop(swapper);
	KUNIT_EXPECT_EQ(test, failed, 0);
	vmap_extent_free(arena, places.held);
	vmap_extent_free(arena, last);
	for (i = 0; i < ARRAY_SIZE(wall); i++)
		vmap_extent_free(arena, wall[i]);
}

static struct kunit_case extent_cases[] = {
	KUNIT_CASE(bad_requests_are_refused),
	KUNIT_CASE(what_cannot_fit_is_no_space),
	KUNIT_CASE(each_fit_at_each_edge),
	KUNIT_CASE(the_top_of_the_address_space),
	KUNIT_CASE(the_whole_address_space),
	KUNIT_CASE(every_alignment),
	KUNIT_CASE(sizes_are_rounded_to_the_quantum),
	KUNIT_CASE(bounds_off_the_quantum_are_kept),
	KUNIT_CASE(the_lowest_fit_against_a_model),
	KUNIT_CASE(the_lowest_fit_at_the_top),
	KUNIT_CASE(a_fit_is_found_whatever_others_do),
	{}
};

static struct kunit_suite extent_suite = { .name = "vmap_extent", .test_cases = extent_cases };
kunit_test_suite(extent_suite);
