// SPDX-License-Identifier: GPL-2.0
/*
 * test_tree_steps.c - how many steps the free tree takes
 *
 * free_tree.c and the red-black tree are compiled so that every basic block calls
 * __sanitizer_cov_trace_pc(), which counts it.  The same build gives the same counts every time, so
 * bounds can be asserted that a clock could not: what must be logarithmic is measured at two sizes
 * 64 times apart, and may grow as the logarithm does, not as the size; a single call, which is how
 * long a lock is held, is bounded at each size.
 *
 * The worst case for alignment is the sieve: every fourth unit is busy, so that each free extent
 * has room for two units but not at a multiple of four.
 */
#include <stdlib.h>

#include "../free_tree.h"
#include "tap.h"

#define SMALL		2048UL
#define LARGE		131072UL

/* By how much a logarithm may grow from SMALL to LARGE: 17/11, and a fifth for uneven trees. */
#define LOG_GROWTH	1.85

static unsigned long steps;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
	steps++;
}

/* An arena with one span, and the tiles handed out of it. */
struct bed {
	struct free_tree tree;
	struct vmap_extent edge;
	struct vmap_extent_pool spares;
	struct vmap_extent *store;
	struct vmap_extent **busy;
	unsigned long nr_busy;
};

/* What a row of calls took. */
struct cost {
	unsigned long calls;
	unsigned long total;
	unsigned long most;
};

static void charge(struct cost *cost, unsigned long before)
{
	unsigned long taken = steps - before;

	cost->calls++;
	cost->total += taken;
	if (taken > cost->most)
		cost->most = taken;
}

static double mean(const struct cost *cost)
{
	return (double)cost->total / cost->calls;
}

static void bed_init(struct bed *bed, unsigned long start, unsigned long units)
{
	unsigned long i;

	*bed = (struct bed){ 0 };
	bed->store = calloc(units + 1, sizeof(*bed->store));
	bed->busy = calloc(units, sizeof(*bed->busy));
	if (!bed->store || !bed->busy)
		abort();
	for (i = 0; i <= units; i++)
		vext_pool_push(&bed->spares, &bed->store[i]);
	free_tree_init(&bed->tree, 1);
	free_tree_open(&bed->tree, &bed->edge, vext_pool_pop(&bed->spares), start, start + units);
}

static void bed_fini(struct bed *bed)
{
	free(bed->store);
	free(bed->busy);
}

/* Search to the end and cut; each round and the cut are charged to their own. */
static struct vmap_extent *take(struct bed *bed, struct free_search *search, struct cost *rounds,
				struct cost *cuts)
{
	struct vmap_extent *tile;
	enum free_found found;
	unsigned long before;

	do {
		before = steps;
		found = free_tree_find(&bed->tree, search);
		charge(rounds, before);
	} while (found == FREE_AGAIN);
	if (found != FREE_FOUND)
		return NULL;
	before = steps;
	tile = free_tree_cut(&bed->tree, search, &bed->spares);
	charge(cuts, before);
	tile->state = VMAP_BUSY;
	return tile;
}

static void fill(struct bed *bed, unsigned long size)
{
	struct cost ignored = { 0 };
	struct vmap_extent *tile;

	for (;;) {
		struct free_search search = { .size = size, .align = 1, .hi = ~0UL };

		tile = take(bed, &search, &ignored, &ignored);
		if (!tile)
			return;
		bed->busy[bed->nr_busy++] = tile;
	}
}

/* A span of @n sieve periods: of each four units the first is busy. */
static void make_sieve(struct bed *bed, unsigned long n)
{
	unsigned long i;

	bed_init(bed, 1UL << 20, 4 * n);
	fill(bed, 1);
	for (i = 0; i < bed->nr_busy; i++) {
		if (bed->busy[i]->start % 4)
			free_tree_put(&bed->tree, bed->busy[i], &bed->spares);
	}
}

/* Random replacement at @n live tiles of 1 to 16 units. */
static void replace(unsigned long n, struct cost *finds, struct cost *cuts, struct cost *puts)
{
	unsigned long i, seed = 1, before, victim;
	struct bed bed;

	bed_init(&bed, 0, n * 16);
	for (i = 0; i < 3 * n; i++) {
		struct free_search search = { .align = 1, .hi = ~0UL };

		seed = seed * 6364136223846793005UL + 1442695040888963407UL;
		search.size = 1 + (seed >> 33) % 16;
		victim = (seed >> 40) % n;
		if (i < n) {
			bed.busy[i] = take(&bed, &search, finds, cuts);
			continue;
		}
		before = steps;
		free_tree_put(&bed.tree, bed.busy[victim], &bed.spares);
		charge(puts, before);
		bed.busy[victim] = take(&bed, &search, finds, cuts);
	}
	bed_fini(&bed);
}

static void check_growth(const char *what, const struct cost *small, const struct cost *large,
			 double bound)
{
	bool fine = mean(large) <= mean(small) * bound && large->most <= small->most * bound * 1.5;
	char name[96];

	snprintf(name, sizeof(name), "%s grows as a logarithm", what);
	tap(fine, name, NULL);
	printf("# blocks, mean (most): %.1f (%lu) at n=%lu, %.1f (%lu) at n=%lu\n", mean(small),
	       small->most, SMALL, mean(large), large->most, LARGE);
}

static void test_replacement(void)
{
	struct cost finds[2] = { 0 }, cuts[2] = { 0 }, puts[2] = { 0 };

	replace(SMALL, &finds[0], &cuts[0], &puts[0]);
	replace(LARGE, &finds[1], &cuts[1], &puts[1]);
	check_growth("find", &finds[0], &finds[1], LOG_GROWTH);
	check_growth("cut", &cuts[0], &cuts[1], LOG_GROWTH);
	check_growth("put", &puts[0], &puts[1], LOG_GROWTH);
}

/* All rounds of one search for @size at @align in a sieve, and of the same search once more. */
static void search_twice(struct bed *bed, unsigned long size, unsigned long align,
			 struct cost *first, struct cost *again)
{
	struct free_search search = { .size = size, .align = align, .hi = ~0UL };
	struct free_search same = search;
	struct cost ignored = { 0 };

	take(bed, &search, first, &ignored);
	take(bed, &same, again, &ignored);
}

static void report(bool fine, const char *name, const struct cost *first, const struct cost *again)
{
	tap(fine, name, NULL);
	printf("# blocks: first %lu in %lu rounds, at most %lu a round; again %lu in %lu\n",
	       first->total, first->calls, first->most, again->total, again->calls);
}

/* No search looks twice at what missed, and the next one does not look at all. */
static void test_misses(unsigned long n)
{
	struct cost first = { 0 }, again = { 0 };
	struct bed bed;
	char name[96];

	make_sieve(&bed, n);
	search_twice(&bed, 2, 4, &first, &again);
	snprintf(name, sizeof(name), "%lu misses: a few steps each, and only once", n);
	report(first.total < 40 * n && first.most < 4000 && first.calls > n / 100 &&
	       again.calls == 1 && again.total < 400, name, &first, &again);
	bed_fini(&bed);
}

/* With few aligned addresses there are few looks, however many extents are long enough. */
static void test_coarse(unsigned long n)
{
	struct cost first = { 0 }, again = { 0 };
	unsigned long align = 1UL << 10, looks = 4 * n / align;
	struct bed bed;
	char name[96];

	make_sieve(&bed, n);
	search_twice(&bed, 2, align, &first, &again);
	snprintf(name, sizeof(name), "%lu extents, %lu aligned addresses: a look at each of these",
		 n, looks);
	report(first.total < 400 * (looks + 1) && first.most < 16000, name, &first, &again);
	bed_fini(&bed);
}

/* A free that makes a fit low in barren ground is found without a look at the rest of it. */
static void test_find_after_free(unsigned long n)
{
	struct cost first = { 0 }, again = { 0 }, found = { 0 }, cuts = { 0 };
	struct free_search search = { .size = 2, .align = 4, .hi = ~0UL };
	struct vmap_extent *tile = NULL;
	unsigned long i;
	struct bed bed;

	make_sieve(&bed, n);
	search_twice(&bed, 2, 4, &first, &again);
	for (i = 0; i < bed.nr_busy && !tile; i++) {
		if (bed.busy[i]->start == (1UL << 20) + 4 * (n / 2))
			tile = bed.busy[i];
	}
	free_tree_put(&bed.tree, tile, &bed.spares);
	tile = take(&bed, &search, &found, &cuts);
	report(tile && tile->start == (1UL << 20) + 4 * (n / 2) && found.calls == 1 &&
	       found.total < 400, "a fit freed among misses is found at once", &first, &found);
	bed_fini(&bed);
}

/* Too few misses for a second round, then a fit: these too are looked at only once. */
static void test_few_misses(void)
{
	struct cost first = { 0 }, again = { 0 };
	struct bed bed;

	make_sieve(&bed, 14);
	free_tree_put(&bed.tree, bed.busy[bed.nr_busy - 4], &bed.spares);
	search_twice(&bed, 1, 4, &first, &again);
	report(first.calls == 1 && 2 * again.total < first.total,
	       "14 misses and a fit: the misses are remembered", &first, &again);
	bed_fini(&bed);
}

/* Free extents that are too short are passed over, not looked at one by one. */
static void test_short(unsigned long n)
{
	struct free_search search = { .size = 2, .align = 4, .hi = ~0UL };
	struct cost rounds = { 0 }, cuts = { 0 };
	struct vmap_extent *tile;
	struct bed bed;
	unsigned long i;

	bed_init(&bed, 1, 2 * n + 16);
	fill(&bed, 1);
	for (i = 0; i < bed.nr_busy; i++) {
		unsigned long at = bed.busy[i]->start;

		if (at < 4 || at >= 2 * n + 5 || (at > 4 && at % 4 == 1))
			free_tree_put(&bed.tree, bed.busy[i], &bed.spares);
	}
	tile = take(&bed, &search, &rounds, &cuts);
	report(tile && tile->start > 2 * n && rounds.calls == 1 && rounds.total < 600,
	       "extents that are too short are passed over", &rounds, &cuts);
	bed_fini(&bed);
}

int main(void)
{
	test_replacement();
	test_misses(SMALL);
	test_misses(LARGE);
	test_coarse(SMALL);
	test_coarse(LARGE);
	test_find_after_free(LARGE);
	test_few_misses();
	test_short(LARGE);
	return tap_end();
}
