// SPDX-License-Identifier: GPL-2.0
/*
 * workload.c - made-up loads
 *
 * Theory
 *
 * The first five carry the names of the tests whose times the 2018 RFC gives:
 *
 *   le_fit          rounds of 64 areas of one page, freed in the order they were got: each request
 *                   takes the left edge of the one large free area
 *   b_fit           holes of 1 to 8 pages between live areas; rounds of 64 requests of those sizes
 *                   in random order: both edges fit
 *   ne_fit          rounds of 64 areas of 5 pages aligned to 8: neither edge fits
 *   long_busy_list  n areas of one page, 3 in a row of each 100 freed again; each loop gets 100
 *                   pages, then 1, and frees both
 *   random          n areas of 1 to 16 pages live; each loop frees a random one and gets another
 *   random_align    the same, each aligned to a random power of two up to 512 pages
 *   lifo            n areas of 1 to 16 pages live; each loop frees the newest 64 and gets as many
 *   heavy           as random, but sizes from 1 to 1024 pages, each doubling half as likely
 *   top_down        as random, but each from the top, as the per-CPU allocator asks
 *
 * What only makes the scene is marked so and not measured.  Every load but the first three ends
 * with its n areas live.
 *
 * Why the long list has holes: the 4.18 algorithm walks the list only after a small request found
 * room low down and took the cursor there.  In a list without a hole larger than the request its
 * cursor stays at the end and nothing is walked.  In a kernel there are always some holes, left by
 * stacks and mappings that came and went.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "lab.h"

#define BATCH		64U
#define B_FIT_SIZES	8U
#define WARM_MAX	10000UL	/* replacements before the clock runs */
#define START		BIT(20)	/* aligned, and not 0, which some take for failure */

struct maker {
	struct lab_load *load;
	const struct lab_shape *shape;
	struct lab_random random;
	bool setup;
	bool full;
};

static u32 roll(struct maker *maker, u32 bound)
{
	return lab_random_below(&maker->random, bound);
}

static struct lab_op *add(struct maker *maker, enum lab_kind kind, unsigned long slot)
{
	struct lab_op *op = lab_load_add(maker->load);

	if (!op) {
		maker->full = true;
		return NULL;
	}
	op->kind = kind;
	op->slot = slot;
	op->setup = maker->setup;
	op->time = maker->load->nr_ops;
	/* Any CPU, and often another one than the area had before. */
	op->cpu = (u32)maker->load->nr_ops * 0x9e3779b9U >> 24;
	maker->load->slots = max(maker->load->slots, slot + 1);
	return op;
}

static void add_alloc(struct maker *maker, unsigned long slot, unsigned long size,
		      unsigned long align)
{
	struct lab_op *op = add(maker, LAB_ALLOC, slot);

	if (op)
		op->request = (struct lab_request){
			.size = size,
			.align = align,
			.lo = maker->load->spans[0].start,
			.hi = maker->load->spans[0].end,
			.top = !strcmp(maker->shape->workload, "top_down"),
		};
}

static void add_free(struct maker *maker, unsigned long slot)
{
	add(maker, LAB_FREE, slot);
}

static unsigned long rounds(const struct maker *maker)
{
	return DIV_ROUND_UP(maker->shape->ops, BATCH);
}

/* Allocate and free a batch, again and again. */
static void make_rounds(struct maker *maker, unsigned int size, unsigned int align)
{
	unsigned long round;
	unsigned int i;

	for (round = 0; round < rounds(maker) && !maker->full; round++) {
		for (i = 0; i < BATCH; i++)
			add_alloc(maker, i, size, align);
		for (i = 0; i < BATCH; i++)
			add_free(maker, i);
	}
}

static void make_le_fit(struct maker *maker)
{
	make_rounds(maker, 1, 1);
}

static void make_ne_fit(struct maker *maker)
{
	make_rounds(maker, 5, 8);
}

static void shuffle(struct maker *maker, unsigned int *sizes)
{
	unsigned int i, j;

	for (i = BATCH - 1; i; i--) {
		j = roll(maker, i + 1);
		swap(sizes[i], sizes[j]);
	}
}

static void make_b_fit(struct maker *maker)
{
	unsigned int sizes[BATCH], i;
	unsigned long round;

	maker->setup = true;
	for (i = 0; i < BATCH; i++) {
		sizes[i] = 1 + i * B_FIT_SIZES / BATCH;
		add_alloc(maker, i, sizes[i], 1);
		add_alloc(maker, BATCH + i, 1, 1);
	}
	for (i = 0; i < BATCH; i++)
		add_free(maker, i);
	maker->setup = false;
	for (round = 0; round < rounds(maker) && !maker->full; round++) {
		shuffle(maker, sizes);
		for (i = 0; i < BATCH; i++)
			add_alloc(maker, i, sizes[i], 1);
		for (i = 0; i < BATCH; i++)
			add_free(maker, i);
	}
}

static void make_long_busy_list(struct maker *maker)
{
	unsigned long i, n = maker->shape->n;

	maker->setup = true;
	for (i = 0; i < n; i++)
		add_alloc(maker, i, 1, 1);
	for (i = 0; i < n; i++)
		if (i % 100 < 3)
			add_free(maker, i);
	maker->setup = false;
	for (i = 0; i < maker->shape->ops && !maker->full; i += 2) {
		add_alloc(maker, n, 100, 1);
		add_alloc(maker, n + 1, 1, 1);
		add_free(maker, n);
		add_free(maker, n + 1);
	}
}

static void add_random(struct maker *maker, unsigned long slot)
{
	bool aligned = !strcmp(maker->shape->workload, "random_align");
	unsigned int doublings = 0;

	if (!strcmp(maker->shape->workload, "heavy")) {
		while (doublings < 9 && roll(maker, 2))
			doublings++;
		add_alloc(maker, slot, (1UL << doublings) + roll(maker, 1U << doublings), 1);
	} else {
		add_alloc(maker, slot, 1 + roll(maker, 16), aligned ? 1UL << roll(maker, 10) : 1);
	}
}

static void add_bed(struct maker *maker)
{
	unsigned long i;

	maker->setup = true;
	for (i = 0; i < maker->shape->n; i++)
		add_random(maker, i);
}

/* The scene is in use for a while before the clock runs, so that its holes are those of use. */
static void make_random(struct maker *maker)
{
	unsigned long i, slot, warm = min(maker->shape->n, WARM_MAX);

	add_bed(maker);
	for (i = 0; i < warm + maker->shape->ops && !maker->full; i++) {
		maker->setup = i < warm;
		slot = roll(maker, maker->shape->n);
		add_free(maker, slot);
		add_random(maker, slot);
	}
}

static void make_lifo(struct maker *maker)
{
	unsigned long round, i, batch = min_t(unsigned long, BATCH, maker->shape->n);

	add_bed(maker);
	maker->setup = false;
	for (round = 0; round < rounds(maker) && !maker->full; round++) {
		for (i = 1; i <= batch; i++)
			add_free(maker, maker->shape->n - i);
		for (i = batch; i; i--)
			add_random(maker, maker->shape->n - i);
	}
}

static void (*const makers[])(struct maker *maker) = {
	make_le_fit, make_b_fit, make_ne_fit, make_long_busy_list, make_random, make_random,
	make_lifo, make_random, make_random,
};

const char *const lab_workloads[] = {
	"le_fit", "b_fit", "ne_fit", "long_busy_list", "random", "random_align", "lifo", "heavy",
	"top_down", NULL
};

/* -EINVAL: no such workload; -E2BIG: too many operations. */
int lab_workload_make(struct lab_load *load, const struct lab_shape *shape)
{
	struct maker maker = { .load = load, .shape = shape };
	unsigned int i = 0;

	while (lab_workloads[i] && strcmp(lab_workloads[i], shape->workload))
		i++;
	if (!lab_workloads[i])
		return -EINVAL;
	*load = (struct lab_load){ .nr_spans = 1 };
	snprintf(load->name, sizeof(load->name), "%s", shape->workload);
	load->spans[0] = (struct lab_space){ .start = START, .end = START + shape->space };
	lab_random_seed(&maker.random, shape->seed);
	makers[i](&maker);
	load->spans[0].areas = load->slots;
	if (!maker.full)
		return 0;
	lab_load_free(load);
	return -E2BIG;
}
