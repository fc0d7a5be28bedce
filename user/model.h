/* SPDX-License-Identifier: GPL-2.0 */
/*
 * model.h - what the free tree must do, found out the slow way
 *
 * See the theory statement in model.c.
 */
#ifndef MODEL_H
#define MODEL_H

#include "../free_tree.h"

#define MODEL_SPANS	4

/* Every unit that is free is old enough. */
#define MODEL_NOW	(~0UL)

/**
 * struct model_unit - one unit of a span
 * @owner: which allocation holds it; 0: free
 * @freed: when it last became free
 */
struct model_unit {
	unsigned long owner;
	unsigned long freed;
};

/**
 * struct model_span - one span
 * @start: its first unit
 * @count: how many units it has
 * @units: each of them
 */
struct model_span {
	unsigned long start;
	unsigned long count;
	struct model_unit *units;
};

/**
 * struct model - all spans of an arena
 * @spans: in address order
 * @count: how many
 * @clock: goes up with each unit's change
 */
struct model {
	struct model_span spans[MODEL_SPANS];
	unsigned int count;
	unsigned long clock;
};

/* What there is to say of all free runs together. */
struct model_survey {
	unsigned long runs;
	unsigned long units;
	unsigned long longest;
};

/* A maximal run of free units. */
struct model_run {
	unsigned long start;
	unsigned long end;
};

unsigned int model_open(struct model *model, unsigned long start, unsigned long count,
			struct model_unit *units);
struct model_unit *model_close(struct model *model, unsigned int index);
struct model_span *model_span_of(struct model *model, unsigned long start);
bool model_is_free(struct model *model, unsigned long start, unsigned long size);
void model_set(struct model *model, unsigned long start, unsigned long size, unsigned long owner);
bool model_lowest(const struct model *model, const struct free_search *request,
		  unsigned long since, unsigned long *start);
bool model_next_run(const struct model *model, unsigned long from, struct model_run *run);
struct model_run model_run_at(struct model *model, unsigned long start);
enum vmap_fit model_fit(struct model *model, unsigned long start, unsigned long size);
struct model_survey model_survey(const struct model *model);

#endif
