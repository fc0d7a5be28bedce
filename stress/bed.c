// SPDX-License-Identifier: GPL-2.0
/*
 * bed.c - many live areas, held while something else is measured
 *
 * Theory
 *
 * A bed is an array of areas, made and freed with the clock stopped.  With `touch` on each carries
 * its pattern for as long as it lives, so a bed also notices what happens to memory at rest.
 *
 * Locking: none; a bed belongs to the pass that made it.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "stress.h"

/* Frees every @step-th area, from the first, if it is live. */
void stress_areas_free(struct stress_pass *pass, struct stress_area *areas, unsigned long nr,
		       unsigned int step)
{
	unsigned long i;

	for (i = 0; i < nr; i += step) {
		if (areas[i].addr)
			stress_free(pass, areas[i].addr);
		areas[i].addr = NULL;
		if (i % 64 == 0)
			cond_resched();
	}
}

void stress_bed_free(struct stress_pass *pass, struct stress_area *bed, unsigned long nr)
{
	stress_areas_free(pass, bed, nr, 1);
	kvfree(bed);
}

static int bed_fill(struct stress_pass *pass, struct stress_area *bed, unsigned long nr,
		    unsigned long (*size_of)(unsigned long i))
{
	unsigned long i;
	int err = 0;

	for (i = 0; i < nr && !err; i++) {
		bed[i].size = size_of ? size_of(i) : PAGE_SIZE;
		bed[i].addr = stress_alloc(pass, bed[i].size, 1, GFP_KERNEL);
		err = stress_check_range(pass, bed[i].addr, bed[i].size, 1);
		if (!err && pass->settings->touch)
			err = stress_fill(pass, &bed[i]);
		if (!err && i % 64 == 0)
			err = stress_breathe(pass);
	}
	return err;
}

/* @nr live areas, each of one page or of size_of(i) bytes; NULL and *@err if that fails. */
struct stress_area *stress_bed_make(struct stress_pass *pass, unsigned long nr,
				    unsigned long (*size_of)(unsigned long i), int *err)
{
	struct stress_area *bed = kvcalloc(nr, sizeof(*bed), GFP_KERNEL);

	if (!bed) {
		*err = stress_fail(pass, "no memory for the test itself");
		return NULL;
	}
	*err = bed_fill(pass, bed, nr, size_of);
	if (!*err)
		return bed;
	stress_bed_free(pass, bed, nr);
	return NULL;
}

/* Checks every @step-th area, from the first.  Sorting would mix them up unless @step is 1. */
int stress_areas_check(struct stress_pass *pass, struct stress_area *areas, unsigned long nr,
		       unsigned int step)
{
	unsigned long i;
	int err = 0;

	if (!pass->settings->touch)
		return 0;
	for (i = 0; i < nr && !err; i += step) {
		err = stress_check(pass, &areas[i]);
		cond_resched();
	}
	if (!err && step == 1)
		err = stress_check_overlap(pass, areas, nr);
	return err;
}
