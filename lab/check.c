// SPDX-License-Identifier: GPL-2.0
/*
 * check.c - checks an index against the model
 *
 * Theory
 *
 * The model (user/model.c) knows of each unit of a small space whether it is allocated.  Random
 * requests are made of an index; after each:
 *
 *   - what was given has the size, alignment and bounds asked for, and every unit of it was free;
 *   - an index that promises the lowest address gave the lowest;
 *   - the same for the highest, if that was asked for;
 *   - if nothing was given, then no place in the model would have done;
 *   - now and then, the free ranges that the index walks are exactly the free units of the model,
 *     none of them twice;
 *   - and what an index that knows addresses finds at random ones, and what it walks, is what was
 *     given and not freed.
 *
 * An index that parks what is freed (LAB_PARKS) may walk less than the free units, and refuse what
 * fits in no range that it walks; when all is freed it must walk all.
 *
 * At the end everything is freed and the index must use as many bytes as an empty one; one that
 * parks may keep PARKED_BYTES.  For an
 * index that rounds, sizes and alignments are rounded in the model as well.  Spaces and mixes of
 * sizes are drawn anew for each round, from a seed that is printed if a check fails.
 *
 * In some rounds a unit of the model stands for many of the index, a power of two: so indexes whose
 * structure is another one in large spaces are seen to agree there, too.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/string.h>

#include "../user/model.h"
#include "lab.h"

#define UNITS_MAX	600U
#define STEPS		2000U
#define WALK_EVERY	50U

/* Binary logarithm of the most units that one of the model stands for. */
#define MAGNIFY_MAX	10U

/* Bytes that an index which parks may keep: fewer than one for each area it gave. */
#define PARKED_BYTES	1024UL

/* Look-ups after each walk. */
#define LOOK_UPS	20U

struct trial {
	const struct lab_index *index;
	void *self;
	struct lab_space space;
	struct lab_random random;
	unsigned int magnify;	/* binary logarithm of how many units one of the model stands for */
	struct lab_area areas[UNITS_MAX];
	unsigned int nr_areas;
	struct model model;	/* what the index gave */
	struct model seen;	/* what it walked */
	struct model_unit units[UNITS_MAX];
	struct model_unit seen_units[UNITS_MAX];
	const struct lab_request *refused;	/* does it fit in a range that is walked? */
	const char *wrong;
};

static unsigned long roll(struct trial *trial, unsigned long bound)
{
	return lab_random_below(&trial->random, bound);
}

static unsigned long rounded(const struct trial *trial, unsigned long size)
{
	return trial->index->flags & LAB_ROUNDS ? roundup_pow_of_two(size) : size;
}

static void mark(struct trial *trial, const struct lab_area *area, bool busy)
{
	model_set(&trial->model, area->start, rounded(trial, area->size), busy);
}

/* The lowest place that would do; the end of the space if there is none. */
static unsigned long lowest(const struct trial *trial, const struct lab_request *request)
{
	unsigned long size = rounded(trial, request->size), start;
	struct free_search search = {
		.size = size,
		.align = trial->index->flags & LAB_ROUNDS ? max(request->align, size)
							  : request->align,
		.lo = request->lo,
		.hi = min(request->hi + size - request->size, trial->space.end),
	};

	return model_lowest(&trial->model, &search, MODEL_NOW, &start) ? start : trial->space.end;
}

/* The highest place that would do. */
static unsigned long highest(const struct trial *trial, const struct lab_request *request)
{
	unsigned long start;

	for (start = request->hi - request->size; start > request->lo; start--)
		if (start % request->align == 0 &&
		    model_is_free((struct model *)&trial->model, start, request->size))
			break;
	return start;
}

static void draw(struct trial *trial, struct lab_request *request)
{
	unsigned long units = trial->space.end - trial->space.start, cut;

	*request = (struct lab_request){
		.size = 1 + roll(trial, roll(trial, 8) ? 12 : units / 2),
		.align = 1,
		.lo = trial->space.start,
		.hi = trial->space.end,
	};
	if (!(trial->index->flags & LAB_NO_ALIGN) && !roll(trial, 3))
		request->align = 1UL << roll(trial, 7);
	request->top = trial->index->flags & LAB_TOP && !roll(trial, 4);
	if (trial->index->flags & LAB_NO_RANGE || roll(trial, 4))
		return;
	cut = units - request->size;
	request->lo += roll(trial, cut + 1);
	request->hi -= roll(trial, request->hi - request->lo - request->size + 1);
}

/* Ask the index, in its units. */
static int ask(struct trial *trial, const struct lab_request *request, struct lab_area *area)
{
	struct lab_request magnified = {
		.size = request->size << trial->magnify,
		/* What begins anywhere begins in line: the sizes of the others are multiples. */
		.align = request->align > 1 ? request->align << trial->magnify : 1,
		.lo = request->lo << trial->magnify,
		.hi = request->hi << trial->magnify,
		.top = request->top,
	};
	int err = trial->index->alloc(trial->self, &magnified, area);

	if (err)
		return err;
	if (area->start % (1UL << trial->magnify) || area->size != magnified.size)
		trial->wrong = "the area is out of line, or of another size than asked for";
	area->start >>= trial->magnify;
	area->size >>= trial->magnify;
	return 0;
}

static void give_back(struct trial *trial, const struct lab_area *area)
{
	struct lab_area magnified = {
		area->handle, area->start << trial->magnify, area->size << trial->magnify
	};

	trial->index->free(trial->self, &magnified);
}

static const char *check_given(struct trial *trial, const struct lab_request *request,
			       const struct lab_area *area)
{
	if (area->start < request->lo || area->start + area->size > request->hi)
		return "the area is out of bounds";
	if (area->start % request->align)
		return "the area is not aligned";
	if (!model_is_free(&trial->model, area->start, rounded(trial, area->size)))
		return "the area was not free";
	if (request->top && area->start != highest(trial, request))
		return "the area is not at the highest address that fits";
	if (!request->top && trial->index->flags & LAB_LOWEST &&
	    area->start != lowest(trial, request))
		return "the area is not at the lowest address that fits";
	return NULL;
}

static void visit_refused(void *data, unsigned long start, unsigned long end)
{
	struct trial *trial = data;
	const struct lab_request *request = trial->refused;

	start = ALIGN(max(start >> trial->magnify, request->lo), request->align);
	end = min(end >> trial->magnify, request->hi);
	if (start < end && end - start >= request->size)
		trial->wrong = "an allocation failed although there was room";
}

/* Nothing was given: was there room? */
static void check_refused(struct trial *trial, const struct lab_request *request)
{
	trial->refused = request;
	if (trial->index->flags & LAB_PARKS)
		trial->index->walk(trial->self, visit_refused, trial);
	else if (lowest(trial, request) < trial->space.end)
		trial->wrong = "an allocation failed although there was room";
}

static void step_alloc(struct trial *trial)
{
	struct lab_area *area = &trial->areas[trial->nr_areas];
	struct lab_request request;
	int err;

	draw(trial, &request);
	err = ask(trial, &request, area);
	if (!err) {
		trial->wrong = trial->wrong ?: check_given(trial, &request, area);
		if (trial->wrong)
			return;
		mark(trial, area, true);
		trial->nr_areas++;
	} else if (err != -ENOSPC) {
		trial->wrong = "an allocation failed for another reason than room";
	} else {
		check_refused(trial, &request);
	}
}

static void step_free(struct trial *trial)
{
	unsigned int which = roll(trial, trial->nr_areas);
	struct lab_area area = trial->areas[which];

	trial->areas[which] = trial->areas[--trial->nr_areas];
	give_back(trial, &area);
	mark(trial, &area, false);
}

static void visit(void *data, unsigned long start, unsigned long end)
{
	struct trial *trial = data;

	start >>= trial->magnify;
	end >>= trial->magnify;
	if (start >= end || start < trial->space.start || end > trial->space.end) {
		trial->wrong = "a free range is empty or out of the space";
		return;
	}
	if (!model_is_free(&trial->seen, start, end - start))
		trial->wrong = "a unit is in two free ranges";
	model_set(&trial->seen, start, end - start, 1);
}

static void check_walk(struct trial *trial)
{
	unsigned long i, units = trial->space.end - trial->space.start;
	bool all = !(trial->index->flags & LAB_PARKS) || !trial->nr_areas;

	model_set(&trial->seen, trial->space.start, units, 0);
	trial->index->walk(trial->self, visit, trial);
	for (i = 0; i < units && !trial->wrong; i++)
		if (trial->units[i].owner && trial->seen_units[i].owner)
			trial->wrong = "a busy unit is in a free range";
		else if (!trial->units[i].owner && !trial->seen_units[i].owner && all)
			trial->wrong = "a free unit is in no free range";
}

/* The first area that ends behind a unit; NULL if there is none. */
static const struct lab_area *area_from(const struct trial *trial, unsigned long unit)
{
	const struct lab_area *best = NULL, *area;

	for (area = trial->areas; area < trial->areas + trial->nr_areas; area++)
		if (area->start + area->size > unit && (!best || area->start < best->start))
			best = area;
	return best;
}

static bool same(const struct trial *trial, const struct lab_area *area,
		 const struct lab_area *found)
{
	return found->start == area->start << trial->magnify &&
	       found->size == area->size << trial->magnify;
}

/* Is the area that the index finds at this unit, or none, the one that is there? */
static void check_find(struct trial *trial, unsigned long unit)
{
	const struct lab_area *area = area_from(trial, unit);
	unsigned long inside = roll(trial, 1UL << trial->magnify);
	struct lab_area found;
	bool is_found = trial->index->find(trial->self, (unit << trial->magnify) + inside, &found);

	if (area && area->start > unit)
		area = NULL;
	if (is_found != !!area)
		trial->wrong = area ? "an area is not found by an address in it"
				    : "an area is found at a free address";
	else if (area && !same(trial, area, &found))
		trial->wrong = "another area is found than the one that is there";
}

static void check_areas(struct trial *trial)
{
	unsigned long units = trial->space.end - trial->space.start, at = trial->space.start, i;
	const struct lab_area *area;
	struct lab_area found;

	for (i = 0; i < LOOK_UPS && !trial->wrong; i++)
		check_find(trial, trial->space.start + roll(trial, units));
	while (!trial->wrong && (area = area_from(trial, at))) {
		if (!trial->index->next(trial->self, at << trial->magnify, &found) ||
		    !same(trial, area, &found))
			trial->wrong = "a walk misses an area";
		at = area->start + area->size;
	}
	if (!trial->wrong && trial->index->next(trial->self, at << trial->magnify, &found))
		trial->wrong = "a walk finds an area behind the last one";
}

static void run_steps(struct trial *trial)
{
	unsigned long empty = trial->index->bytes(trial->self), bytes;
	unsigned long spare = trial->index->flags & LAB_PARKS ? PARKED_BYTES : 0;
	unsigned int i, bias = 2 + roll(trial, 3);

	for (i = 0; i < STEPS && !trial->wrong; i++) {
		if (!trial->nr_areas || (roll(trial, 4) < bias && trial->nr_areas < UNITS_MAX))
			step_alloc(trial);
		else
			step_free(trial);
		if (!trial->wrong && i % WALK_EVERY == 0)
			check_walk(trial);
		if (!trial->wrong && i % WALK_EVERY == 0 && trial->index->find)
			check_areas(trial);
	}
	while (trial->nr_areas && !trial->wrong)
		step_free(trial);
	if (!trial->wrong)
		check_walk(trial);
	bytes = trial->index->bytes(trial->self);
	if (!trial->wrong && (bytes < empty || bytes - empty > spare))
		trial->wrong = "an empty index uses more bytes than at first";
}

static const char *run_round(struct trial *trial, const struct lab_index *index, u64 seed)
{
	memset(trial, 0, sizeof(*trial));
	trial->index = index;
	lab_random_seed(&trial->random, seed);
	trial->space.start = 1 + roll(trial, 1000);
	trial->space.end = trial->space.start + 20 + roll(trial, UNITS_MAX - 20);
	trial->space.areas = UNITS_MAX;
	model_open(&trial->model, trial->space.start, trial->space.end - trial->space.start,
		   trial->units);
	model_open(&trial->seen, trial->space.start, trial->space.end - trial->space.start,
		   trial->seen_units);
	if (!roll(trial, 4))
		trial->magnify = roll(trial, MAGNIFY_MAX + 1);
	trial->self = index->create(&(struct lab_space){ trial->space.start << trial->magnify,
							 trial->space.end << trial->magnify,
							 trial->space.areas });
	if (IS_ERR(trial->self))
		return "the index cannot be created";
	run_steps(trial);
	index->destroy(trial->self);
	return trial->wrong;
}

/**
 * lab_model_test() - check an index
 * @index: the structure
 * @seed: of every random choice
 * @rounds: how many spaces to try
 * @out: where to say what was found
 *
 * Return: 0; -EIO if it did something wrong; -ENOMEM.
 */
int lab_model_test(const struct lab_index *index, u64 seed, unsigned long rounds,
		   struct lab_out *out)
{
	struct trial *trial = lab_zalloc(sizeof(*trial));
	const char *wrong = NULL;
	unsigned long round;

	if (!trial)
		return -ENOMEM;
	for (round = 0; round < rounds && !wrong; round++) {
		wrong = run_round(trial, index, seed + round);
		lab_breathe();
	}
	lab_release(trial);
	if (wrong)
		lab_print(out, "not ok %s: %s (seed %llu)\n", index->name, wrong,
			  (unsigned long long)(seed + round - 1));
	else
		lab_print(out, "ok %s: %lu rounds of %u steps from seed %llu\n", index->name,
			  rounds, STEPS, (unsigned long long)seed);
	return wrong ? -EIO : 0;
}
