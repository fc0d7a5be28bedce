// SPDX-License-Identifier: GPL-2.0
/*
 * measure.c - what the address space looks like at one moment
 *
 * Theory
 *
 * An address space of 32 TiB is always nearly empty, so its largest free range says nothing.  What
 * a policy does shows between the lowest and the highest address in use: the footprint.  The free
 * ranges inside it are holes.  A structure that packs well has a footprint near to what is live.
 * Fragmentation is looked at as for physical memory: of the units in holes, the share that lies in
 * holes too short for a request of 2^order units.
 *
 * Each span has a footprint of its own, and they are added up.  The busy part comes from what the
 * replay holds, the free part from what the structure says that it could hand out, so units lost
 * to rounding are neither.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "lab.h"

struct extent {
	unsigned long low;
	unsigned long high;
};

struct survey {
	struct lab_sample *sample;
	const struct extent *extent;
};

static void visit_hole(void *data, unsigned long start, unsigned long end)
{
	struct survey *survey = data;
	struct lab_sample *sample = survey->sample;
	unsigned int order;

	start = max(start, survey->extent->low);
	end = min(end, survey->extent->high);
	if (start >= end)
		return;
	sample->holes += end - start;
	sample->largest = max(sample->largest, end - start);
	for (order = 0; order < LAB_ORDERS; order++)
		if (end - start < 1UL << order)
			sample->short_of[order] += end - start;
}

static void paint(const struct lab_result *result, struct lab_sample *sample,
		  const struct lab_live *live)
{
	unsigned long start = live->area.start - result->base, end = start + live->area.size;

	while (start < end) {
		unsigned long row = start / result->row;
		unsigned long part = min(end, (row + 1) * result->row) - start;

		if (row >= LAB_ROWS)
			return;
		if (live->busy)
			sample->map[row].busy += part;
		else
			sample->map[row].lazy += part;
		start += part;
	}
}

static void add_live(const struct lab_result *result, struct lab_sample *sample,
		     const struct lab_live *live, struct extent *extents)
{
	struct extent *extent = &extents[live->span];

	if (live->busy)
		sample->live += live->area.size;
	else
		sample->lazy += live->area.size;
	sample->areas++;
	extent->low = min(extent->low, live->area.start);
	extent->high = max(extent->high, live->area.start + live->area.size);
	if (!live->span)
		paint(result, sample, live);
}

/* Fills in @sample, whose op and time are set. */
void lab_measure(const struct lab_index *index, void *const *selves, const struct lab_live *live,
		 unsigned long slots, unsigned int nr_spans, struct lab_result *result,
		 struct lab_sample *sample)
{
	struct extent extents[LAB_MAX_SPANS];
	struct survey survey = { .sample = sample };
	unsigned long i;

	for (i = 0; i < nr_spans; i++)
		extents[i] = (struct extent){ .low = ~0UL };
	for (i = 0; i < slots; i++)
		if (live[i].busy || live[i].lazy)
			add_live(result, sample, &live[i], extents);
	for (i = 0; i < nr_spans; i++) {
		sample->bytes += index->bytes(selves[i]);
		if (!extents[i].high)
			continue;
		sample->footprint += extents[i].high - extents[i].low;
		survey.extent = &extents[i];
		index->walk(selves[i], visit_hole, &survey);
	}
}
