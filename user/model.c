// SPDX-License-Identifier: GPL-2.0
/*
 * model.c - an arena as an array of units
 *
 * The model has no tree, no ring and no extents: each unit of each span says who holds it, and
 * every question is answered by looking at the units one after the other from the lowest address
 * up.  It is slow and short, so that it is right, and shares no code or idea with free_tree.c.
 *
 * Words: a *run* is a maximal row of free units in one span; what free_tree.c calls a free extent.
 * A unit's *freed* stamp serves searches that were interrupted: asked for what was free *since*
 * some time, the model takes units freed later for busy ones.
 *
 * Addresses are unsigned long and a span may end at the largest of them; sums are avoided where
 * they could wrap.
 *
 * Programs and kernel modules are built with this file, so the memory of the units is the caller's.
 */
#include "model.h"

/* Adds a span, all of it free; @units are @count zeroed units.  Returns its index. */
unsigned int model_open(struct model *model, unsigned long start, unsigned long count,
			struct model_unit *units)
{
	unsigned int index = model->count++, i;

	for (; index && model->spans[index - 1].start > start; index--)
		model->spans[index] = model->spans[index - 1];
	model->spans[index] = (struct model_span){
		.start = start,
		.count = count,
		.units = units,
	};
	model->clock++;
	for (i = 0; i < count; i++)
		units[i].freed = model->clock;
	return index;
}

/* Takes a span out.  Returns its units. */
struct model_unit *model_close(struct model *model, unsigned int index)
{
	struct model_unit *units = model->spans[index].units;

	for (model->count--; index < model->count; index++)
		model->spans[index] = model->spans[index + 1];
	return units;
}

/* The span that holds the unit at @start. */
struct model_span *model_span_of(struct model *model, unsigned long start)
{
	unsigned int i;

	for (i = 0; i < model->count; i++) {
		struct model_span *span = &model->spans[i];

		if (start >= span->start && start - span->start < span->count)
			return span;
	}
	return NULL;
}

/* Give @size units from @start to @owner, or make them free if that is 0. */
void model_set(struct model *model, unsigned long start, unsigned long size, unsigned long owner)
{
	struct model_span *span = model_span_of(model, start);
	unsigned long i;

	model->clock++;
	for (i = 0; i < size; i++) {
		struct model_unit *unit = &span->units[start - span->start + i];

		unit->owner = owner;
		if (!owner)
			unit->freed = model->clock;
	}
}

/* How many units from @at on, but not more than @most, are free and have been @since. */
static unsigned long open_units(const struct model_span *span, unsigned long at,
				unsigned long most, unsigned long since)
{
	unsigned long n = 0;

	while (n < most && at + n < span->count && !span->units[at + n].owner &&
	       span->units[at + n].freed <= since)
		n++;
	return n;
}

bool model_is_free(struct model *model, unsigned long start, unsigned long size)
{
	const struct model_span *span = model_span_of(model, start);

	return span && open_units(span, start - span->start, size, MODEL_NOW) == size;
}

static bool lowest_in(const struct model_span *span, const struct free_search *request,
		      unsigned long since, unsigned long *start)
{
	unsigned long i = 0, n;

	while (i < span->count) {
		unsigned long address = span->start + i;

		if (address >= request->hi || request->hi - address < request->size)
			return false;
		if (address < request->lo) {
			i += request->lo - address;
			continue;
		}
		if (address & (request->align - 1)) {
			i++;
			continue;
		}
		n = open_units(span, i, request->size, since);
		if (n == request->size) {
			*start = address;
			return true;
		}
		i += n + 1;
	}
	return false;
}

/* The lowest start that satisfies @request, counting only units that have been free @since. */
bool model_lowest(const struct model *model, const struct free_search *request,
		  unsigned long since, unsigned long *start)
{
	unsigned int i;

	for (i = 0; i < model->count; i++) {
		if (lowest_in(&model->spans[i], request, since, start))
			return true;
	}
	return false;
}

static bool next_run_in(const struct model_span *span, unsigned long from, struct model_run *run)
{
	unsigned long i, n;

	for (i = 0; i < span->count; i += n + 1) {
		n = open_units(span, i, span->count, MODEL_NOW);
		if (n && span->start + i >= from) {
			run->start = span->start + i;
			run->end = run->start + n;
			return true;
		}
	}
	return false;
}

/* The lowest run that starts at @from or above. */
bool model_next_run(const struct model *model, unsigned long from, struct model_run *run)
{
	unsigned int i;

	for (i = 0; i < model->count; i++) {
		if (next_run_in(&model->spans[i], from, run))
			return true;
	}
	return false;
}

/* The run that the free unit at @start is in. */
struct model_run model_run_at(struct model *model, unsigned long start)
{
	const struct model_span *span = model_span_of(model, start);
	unsigned long first = start - span->start;

	while (first && !span->units[first - 1].owner)
		first--;
	return (struct model_run){
		.start = span->start + first,
		.end = span->start + first + open_units(span, first, span->count, MODEL_NOW),
	};
}

/* How @size free units from @start lie in their run. */
enum vmap_fit model_fit(struct model *model, unsigned long start, unsigned long size)
{
	struct model_run run = model_run_at(model, start);

	if (start == run.start)
		return start + size == run.end ? VMAP_FIT_FULL : VMAP_FIT_LEFT;
	return start + size == run.end ? VMAP_FIT_RIGHT : VMAP_FIT_NO_EDGE;
}

struct model_survey model_survey(const struct model *model)
{
	struct model_survey survey = { 0 };
	unsigned int i;
	unsigned long at, n;

	for (i = 0; i < model->count; i++) {
		for (at = 0; at < model->spans[i].count; at += n + 1) {
			n = open_units(&model->spans[i], at, model->spans[i].count, MODEL_NOW);
			survey.runs += n > 0;
			survey.units += n;
			if (n > survey.longest)
				survey.longest = n;
		}
	}
	return survey;
}
