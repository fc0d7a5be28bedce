// SPDX-License-Identifier: GPL-2.0
/*
 * model.c - checks an index against a bitmap
 *
 * Theory
 *
 * The model is an array with a byte for each unit of a small space, set while the unit is
 * allocated. It is slow and too simple to be wrong.  Random requests are made of an index; after
 * each:
 *
 *   - what was given has the size, alignment and bounds asked for, and every unit of it was free;
 *   - an index that promises the lowest address gave the lowest;
 *   - if nothing was given, then no place in the array would have done;
 *   - now and then, the free ranges that the index walks are exactly the free units of the array,
 *     none of them twice.
 *
 * At the end everything is freed and the index must use as many bytes as an empty one.  For an
 * index that rounds, sizes and alignments are rounded in the model as well.  Spaces and mixes of
 * sizes are drawn anew for each round, from a seed that is printed if a check fails.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/string.h>

#include "lab.h"

#define UNITS_MAX	600U
#define STEPS		2000U
#define WALK_EVERY	50U

struct model {
	const struct lab_index *index;
	void *self;
	struct lab_space space;
	struct lab_random random;
	struct lab_area areas[UNITS_MAX];
	unsigned int nr_areas;
	unsigned char busy[UNITS_MAX];
	unsigned char seen[UNITS_MAX];
	const char *wrong;
};

static unsigned long roll(struct model *model, unsigned long bound)
{
	return lab_random_below(&model->random, bound);
}

static unsigned long rounded(const struct model *model, unsigned long size)
{
	return model->index->flags & LAB_ROUNDS ? roundup_pow_of_two(size) : size;
}

static bool is_free(const struct model *model, unsigned long start, unsigned long size)
{
	unsigned long i;

	if (start < model->space.start || start + size > model->space.end)
		return false;
	for (i = 0; i < size; i++)
		if (model->busy[start - model->space.start + i])
			return false;
	return true;
}

static void mark(struct model *model, const struct lab_area *area, bool busy)
{
	memset(&model->busy[area->start - model->space.start], busy,
	       rounded(model, area->size));
}

/* The lowest place that would do; the end of the space if there is none. */
static unsigned long lowest(const struct model *model, const struct lab_request *request)
{
	unsigned long size = rounded(model, request->size), align = request->align, start;

	if (model->index->flags & LAB_ROUNDS)
		align = max(align, size);
	for (start = request->lo; start + request->size <= request->hi; start++)
		if (start % align == 0 && is_free(model, start, size))
			return start;
	return model->space.end;
}

static void draw(struct model *model, struct lab_request *request)
{
	unsigned long units = model->space.end - model->space.start, cut;

	*request = (struct lab_request){
		.size = 1 + roll(model, roll(model, 8) ? 12 : units / 2),
		.align = 1,
		.lo = model->space.start,
		.hi = model->space.end,
	};
	if (!(model->index->flags & LAB_NO_ALIGN) && !roll(model, 3))
		request->align = 1UL << roll(model, 7);
	if (model->index->flags & LAB_NO_RANGE || roll(model, 4))
		return;
	cut = units - request->size;
	request->lo += roll(model, cut + 1);
	request->hi -= roll(model, request->hi - request->lo - request->size + 1);
}

static const char *check_given(struct model *model, const struct lab_request *request,
			       const struct lab_area *area)
{
	if (area->size != request->size)
		return "the area has another size than asked for";
	if (area->start < request->lo || area->start + area->size > request->hi)
		return "the area is out of bounds";
	if (area->start % request->align)
		return "the area is not aligned";
	if (!is_free(model, area->start, rounded(model, area->size)))
		return "the area was not free";
	if (model->index->flags & LAB_LOWEST && area->start != lowest(model, request))
		return "the area is not at the lowest address that fits";
	return NULL;
}

static void step_alloc(struct model *model)
{
	struct lab_area *area = &model->areas[model->nr_areas];
	struct lab_request request;
	int err;

	draw(model, &request);
	err = model->index->alloc(model->self, &request, area);
	if (!err) {
		model->wrong = check_given(model, &request, area);
		mark(model, area, true);
		model->nr_areas++;
	} else if (err != -ENOSPC) {
		model->wrong = "an allocation failed for another reason than room";
	} else if (lowest(model, &request) < model->space.end) {
		model->wrong = "an allocation failed although there was room";
	}
}

static void step_free(struct model *model)
{
	unsigned int which = roll(model, model->nr_areas);
	struct lab_area area = model->areas[which];

	model->areas[which] = model->areas[--model->nr_areas];
	model->index->free(model->self, &area);
	mark(model, &area, false);
}

static void visit(void *data, unsigned long start, unsigned long end)
{
	struct model *model = data;

	if (start >= end || start < model->space.start || end > model->space.end) {
		model->wrong = "a free range is empty or out of the space";
		return;
	}
	for (; start < end; start++)
		if (model->seen[start - model->space.start]++)
			model->wrong = "a unit is in two free ranges";
}

static void check_walk(struct model *model)
{
	unsigned long i, units = model->space.end - model->space.start;

	memset(model->seen, 0, sizeof(model->seen));
	model->index->walk(model->self, visit, model);
	for (i = 0; i < units && !model->wrong; i++)
		if (model->seen[i] == model->busy[i])
			model->wrong = model->seen[i] ? "a busy unit is in a free range"
						      : "a free unit is in no free range";
}

static void run_steps(struct model *model)
{
	unsigned long empty = model->index->bytes(model->self);
	unsigned int i, bias = 2 + roll(model, 3);

	for (i = 0; i < STEPS && !model->wrong; i++) {
		if (!model->nr_areas || (roll(model, 4) < bias && model->nr_areas < UNITS_MAX))
			step_alloc(model);
		else
			step_free(model);
		if (!model->wrong && i % WALK_EVERY == 0)
			check_walk(model);
	}
	while (model->nr_areas && !model->wrong)
		step_free(model);
	if (!model->wrong)
		check_walk(model);
	if (!model->wrong && model->index->bytes(model->self) != empty)
		model->wrong = "an empty index uses more bytes than at first";
}

static const char *run_round(struct model *model, const struct lab_index *index, u64 seed)
{
	memset(model, 0, sizeof(*model));
	model->index = index;
	lab_random_seed(&model->random, seed);
	model->space.start = 1 + roll(model, 1000);
	model->space.end = model->space.start + 20 + roll(model, UNITS_MAX - 20);
	model->space.areas = UNITS_MAX;
	model->self = index->create(&model->space);
	if (IS_ERR(model->self))
		return "the index cannot be created";
	run_steps(model);
	index->destroy(model->self);
	return model->wrong;
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
	struct model *model = lab_zalloc(sizeof(*model));
	const char *wrong = NULL;
	unsigned long round;

	if (!model)
		return -ENOMEM;
	for (round = 0; round < rounds && !wrong; round++) {
		wrong = run_round(model, index, seed + round);
		lab_breathe();
	}
	lab_release(model);
	if (wrong)
		lab_print(out, "not ok %s: %s (seed %llu)\n", index->name, wrong,
			  (unsigned long long)(seed + round - 1));
	else
		lab_print(out, "ok %s: %lu rounds of %u steps from seed %llu\n", index->name,
			  rounds, STEPS, (unsigned long long)seed);
	return wrong ? -EIO : 0;
}
