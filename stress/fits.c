// SPDX-License-Identifier: GPL-2.0
/*
 * fits.c - the tests that are named after a way in which a request meets a free extent
 *
 * Theory
 *
 * A fit test goes in *rounds* of a batch of requests, all live together.  Before each round
 * whatever is lazy is purged, so that the round meets the free space that the test prepared.  The
 * tests rest on the arena's rule that an allocation gets the lowest address that fits:
 *
 *   le_fit    all space above a live area is one free extent: each request takes its left edge
 *   full_fit  every second of many live areas is freed: each request takes one hole, whole
 *   b_fit     holes of 1, 2, ... pages: both edges fit, because the first hole that is large enough
 *             is also the best, in whatever order the sizes are asked for
 *   ne_fit    each request, with its guard, is shorter than its alignment, so after the first the
 *             next boundary is at neither edge of what is left
 *
 * On the arena each counts the fits over each round and fails unless all were of its kind.  Nobody
 * else uses its arena, so the count is exact.  It counts only while the arena has a single span:
 * the free space of a second one could lie below what the test prepared, and has edges of its own.
 * Beds are therefore kept below half a span, and a test that never saw a round in a single span
 * fails.  The kernel does not say how a request fitted: there the same operations are done and
 * measured.
 *
 * Locking: none; all state is the pass's own.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "../vmap_alloc.h"
#include "stress.h"

#define FIT_BATCH	64	/* requests of a round */
#define FULL_FIT_HOLES	2048UL	/* at most; the usual span has room for as many */
#define B_FIT_SIZES	8	/* sizes of holes, a divisor of FIT_BATCH */
#define NE_FIT_PAGES	5	/* size, */
#define NE_FIT_ALIGN	8	/* and alignment: size and guard stay below it */

/* Allocates a batch on the clock.  Returns how many it got. */
static unsigned int fit_alloc(struct stress_pass *pass, const struct stress_req *reqs,
			      struct stress_area *areas, unsigned int nr)
{
	unsigned int i;

	stress_clock_start(pass);
	for (i = 0; i < nr; i++) {
		areas[i].addr = stress_get(pass, &reqs[i]);
		if (unlikely(!areas[i].addr))
			break;
	}
	stress_clock_stop(pass);
	return i;
}

static void fit_free(struct stress_pass *pass, struct stress_area *areas, unsigned int nr)
{
	unsigned int i;

	stress_clock_start(pass);
	for (i = 0; i < nr; i++)
		stress_free(pass, areas[i].addr);
	stress_clock_stop(pass);
}

static int fit_look(struct stress_pass *pass, const struct stress_req *reqs,
		    struct stress_area *areas, unsigned int nr)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < nr && !err; i++) {
		areas[i].size = reqs[i].size;
		err = stress_check_range(pass, areas[i].addr, areas[i].size, reqs[i].align);
		if (!err && pass->settings->touch)
			err = stress_fill(pass, &areas[i]);
	}
	return err ?: stress_areas_check(pass, areas, nr, 1);
}

/* Returns how many of @nr fits were seen to be of the kind, or an error if one was not. */
static int fit_count(struct stress_pass *pass, enum vmap_fit fit, unsigned int nr,
		     const struct vmap_arena_stats *before)
{
	struct vmap_arena_stats after;
	unsigned long seen;

	if (!pass->arena)
		return nr;
	vmap_arena_stats(pass->arena, &after);
	if (before->spans != 1 || after.imports != before->imports)
		return 0;
	seen = after.fits[fit] - before->fits[fit];
	if (seen == nr)
		return nr;
	return stress_fail(pass, "%u requests: expected FL LE RE NE %s, got %lu %lu %lu %lu", nr,
			   fit == VMAP_FIT_FULL ? "all 0 0 0" :
			   fit == VMAP_FIT_LEFT ? "0 all 0 0" : "0 0 0 all",
			   after.fits[VMAP_FIT_FULL] - before->fits[VMAP_FIT_FULL],
			   after.fits[VMAP_FIT_LEFT] - before->fits[VMAP_FIT_LEFT],
			   after.fits[VMAP_FIT_RIGHT] - before->fits[VMAP_FIT_RIGHT],
			   after.fits[VMAP_FIT_NO_EDGE] - before->fits[VMAP_FIT_NO_EDGE]);
}

static int fit_round(struct stress_pass *pass, enum vmap_fit fit, const struct stress_req *reqs,
		     struct stress_area *areas, unsigned int nr)
{
	struct vmap_arena_stats before = {};
	unsigned int got;
	int seen, err;

	stress_purge(pass);
	if (pass->arena)
		vmap_arena_stats(pass->arena, &before);
	got = fit_alloc(pass, reqs, areas, nr);
	seen = got < nr ? 0 : fit_count(pass, fit, nr, &before);
	err = fit_look(pass, reqs, areas, min(got + 1, nr));
	fit_free(pass, areas, got);
	return err ?: seen;
}

static int fit_rounds(struct stress_pass *pass, enum vmap_fit fit, const struct stress_req *reqs,
		      unsigned int batch)
{
	struct stress_area *areas = kvcalloc(batch, sizeof(*areas), GFP_KERNEL);
	unsigned long seen = 0;
	int ret = 0;

	if (!areas)
		return stress_fail(pass, "no memory for the test itself");
	while (pass->done < pass->loops && ret >= 0) {
		unsigned int nr = min_t(unsigned long, batch, pass->loops - pass->done);

		ret = fit_round(pass, fit, reqs, areas, nr);
		if (ret < 0)
			break;
		seen += ret;
		WRITE_ONCE(pass->done, pass->done + nr);
		ret = stress_breathe(pass);
	}
	kvfree(areas);
	if (!ret && !seen)
		return stress_fail(pass, "no round was in a single span: spans are too small");
	return ret;
}

/* Rounds of equal requests, above a live one that keeps the span. */
static int fit_equal(struct stress_pass *pass, enum vmap_fit fit, const struct stress_req *req)
{
	struct stress_req reqs[FIT_BATCH];
	void *anchor = stress_get(pass, req);
	unsigned int i;
	int err;

	for (i = 0; i < FIT_BATCH; i++)
		reqs[i] = *req;
	err = stress_check_range(pass, anchor, req->size, req->align) ?:
	      fit_rounds(pass, fit, reqs, FIT_BATCH);
	stress_free(pass, anchor);
	return err;
}

int stress_le_fit(struct stress_pass *pass)
{
	const struct stress_req req = { PAGE_SIZE, 1, GFP_KERNEL };

	return fit_equal(pass, VMAP_FIT_LEFT, &req);
}

int stress_ne_fit(struct stress_pass *pass)
{
	const struct stress_req req = {
		.size = NE_FIT_PAGES * PAGE_SIZE,
		.align = NE_FIT_ALIGN * PAGE_SIZE,
		.gfp = GFP_KERNEL,
	};

	return fit_equal(pass, VMAP_FIT_NO_EDGE, &req);
}

/* Frees every second area of a bed, and meets the holes with @reqs. */
static int fit_holes(struct stress_pass *pass, unsigned long nr_holes,
		     unsigned long (*size_of)(unsigned long i),
		     const struct stress_req *reqs, unsigned int batch)
{
	struct stress_area *bed;
	int err;

	bed = stress_bed_make(pass, 2 * nr_holes, size_of, &err);
	if (!bed)
		return err;
	stress_areas_free(pass, bed, 2 * nr_holes, 2);
	err = fit_rounds(pass, VMAP_FIT_FULL, reqs, batch) ?:
	      stress_areas_check(pass, bed + 1, 2 * nr_holes - 1, 2);
	stress_bed_free(pass, bed, 2 * nr_holes);
	return err;
}

/* How many holes of a page, each with a live page beside it, half a span has room for. */
static unsigned long span_holes(struct stress_pass *pass)
{
	struct vmap_arena_stats stats;
	void *addr;

	if (!pass->arena)
		return FULL_FIT_HOLES;
	addr = stress_alloc(pass, PAGE_SIZE, 1, GFP_KERNEL);
	vmap_arena_stats(pass->arena, &stats);
	stress_free(pass, addr);
	stress_purge(pass);
	return clamp(stats.reserved / 2 / (4 * PAGE_SIZE), 1UL, FULL_FIT_HOLES);
}

int stress_full_fit(struct stress_pass *pass)
{
	unsigned long nr_holes = clamp(pass->settings->nr_live / 2, 1UL, span_holes(pass));
	struct stress_req reqs[FIT_BATCH];
	unsigned int i;

	for (i = 0; i < FIT_BATCH; i++)
		reqs[i] = (struct stress_req) { PAGE_SIZE, 1, GFP_KERNEL };
	return fit_holes(pass, nr_holes, NULL, reqs, min_t(unsigned long, nr_holes, FIT_BATCH));
}

/* Even areas become holes of 1, 2, ... B_FIT_SIZES, 1, 2, ... pages; odd ones keep them apart. */
static unsigned long b_fit_size(unsigned long i)
{
	return i % 2 ? PAGE_SIZE : (1 + i / 2 % B_FIT_SIZES) * PAGE_SIZE;
}

/* Each run of B_FIT_SIZES requests asks once for each size, in random order. */
static void b_fit_requests(struct stress_pass *pass, struct stress_req *reqs)
{
	unsigned int i, j;

	for (i = 0; i < FIT_BATCH; i++)
		reqs[i] = (struct stress_req) { (1 + i % B_FIT_SIZES) * PAGE_SIZE, 1, GFP_KERNEL };
	for (i = 0; i < FIT_BATCH; i += B_FIT_SIZES) {
		for (j = B_FIT_SIZES - 1; j > 0; j--) {
			unsigned int other = stress_draw(pass, j + 1);

			swap(reqs[i + j], reqs[i + other]);
		}
	}
}

int stress_b_fit(struct stress_pass *pass)
{
	struct stress_req reqs[FIT_BATCH];

	b_fit_requests(pass, reqs);
	return fit_holes(pass, FIT_BATCH, b_fit_size, reqs, FIT_BATCH);
}
