// SPDX-License-Identifier: GPL-2.0
/*
 * test_lookup.c - what it takes to find the area that covers an address
 *
 * A bad free looks for it under rcu_read_lock(), so that has to be bounded, however large a span is
 * and whatever lies in it.  badfree.c is compiled so that each of its basic blocks is counted: see
 * test_tree_steps.c.  The spans have tables and no pages.
 */
#include <stdio.h>
#include <stdlib.h>

#include "playground.h"
#include "tap.h"

#define GRAIN_PAGES	(WINDOW_GRAIN >> PAGE_SHIFT)

/* Spans of one grain, and of many. */
#define SMALL		1UL
#define LARGE		64UL

/* Basic blocks that are run for each page looked at, and beside that. */
#define PAGE_STEPS	4
#define OTHER_STEPS	32

static unsigned long steps;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
	steps++;
}

/* What never happens here. */
void no_such_call(void);
void no_such_call(void)
{
	fprintf(stderr, "test_lookup: a look-up did what it never does\n");
	abort();
}

static struct vmap_span *new_span(unsigned long grains)
{
	struct vmap_span *span = calloc(1, sizeof(*span));

	if (!span)
		abort();
	span->start = WINDOW_GRAIN;
	span->end = span->start + grains * WINDOW_GRAIN;
	span->owner = calloc(grains * GRAIN_PAGES, sizeof(*span->owner));
	span->behind = calloc(grains, sizeof(*span->behind));
	if (!span->owner || !span->behind)
		abort();
	return span;
}

static void drop_span(struct vmap_span *span)
{
	free(span->owner);
	free(span->behind);
	free(span);
}

/* Let @extent be a live area of @span, as valloc_publish() does. */
static void add_area(struct vmap_span *span, struct vmap_extent *extent, unsigned long start,
		     unsigned long end)
{
	unsigned long at = ALIGN(start + 1, WINDOW_GRAIN);

	*extent = (struct vmap_extent){ .start = start, .size = end - start, .state = VMAP_BUSY };
	*vspan_slot(span, start) = extent;
	for (; at < end; at += WINDOW_GRAIN)
		*vspan_behind(span, at) = (at - start) >> PAGE_SHIFT;
}

/* Where look-ups are worst, or else: the ends of the span, and of its grains. */
static const char *look_up(struct vmap_span *span, const struct vmap_extent *expected,
			   unsigned long *most)
{
	static const unsigned long back[] = {
		1, PAGE_SIZE, PAGE_SIZE + 1, WINDOW_GRAIN - PAGE_SIZE,
	};
	unsigned long grain, i, before;

	for (grain = span->start + WINDOW_GRAIN; grain <= span->end; grain += WINDOW_GRAIN) {
		for (i = 0; i < ARRAY_SIZE(back); i++) {
			before = steps;
			if (vbad_covering(span, grain - back[i]) != expected)
				return "another area was found";
			*most = max(*most, steps - before);
		}
	}
	return NULL;
}

/* The area that has all of a span is found from anywhere; and none, where all is free. */
static void test_span(const char *name, unsigned long grains)
{
	struct vmap_span *span = new_span(grains);
	struct vmap_extent extent;
	unsigned long most = 0;
	const char *wrong;
	char detail[80];

	wrong = look_up(span, NULL, &most);
	add_area(span, &extent, span->start, span->end);
	if (!wrong)
		wrong = look_up(span, &extent, &most);
	if (!wrong && (!most || most > PAGE_STEPS * GRAIN_PAGES + OTHER_STEPS)) {
		snprintf(detail, sizeof(detail), "a look-up took %lu steps", most);
		wrong = detail;
	}
	tap(!wrong, name, wrong);
	drop_span(span);
}

int main(void)
{
	test_span("a look-up in a small span takes a step for each page of a grain", SMALL);
	test_span("one in a large span takes no more", LARGE);
	return tap_end();
}
