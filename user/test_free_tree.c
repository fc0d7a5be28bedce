// SPDX-License-Identifier: GPL-2.0
/*
 * test_free_tree.c - the free tree in cases chosen by hand, and in long random ones
 *
 * usage: test_free_tree [--seed N] [--steps N]
 *
 * Each test drives a twin (see twin.c), which compares every operation with the model; a test adds
 * what it expects beyond that.  Where a span is too large for the model, the expected answer is
 * written down.  Random streams run from the seed given, or from one taken from the clock; it is
 * printed, and the same seed gives the same operations.
 *
 * Functions that are tests return NULL, or what went wrong.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "options.h"
#include "stream.h"
#include "tap.h"

#define TOP		(~0UL)
#define MIDDLE		(1UL << (BITS_PER_LONG - 1))
#define DEFAULT_STEPS	20000UL
#define RANDOM_STREAMS	6

static char said[TWIN_WRONG + 128];

/* What went wrong with @twin, or else with what @expected says; NULL if nothing. */
static const char *verdict(struct twin *twin, bool fine, const char *expected)
{
	twin_check(twin);
	if (!fine)
		twin_fail(twin, "not so: %s", expected);
	twin_fini(twin);
	if (twin_ok(twin))
		return NULL;
	snprintf(said, sizeof(said), "after %lu operations: %s", twin->operations, twin->wrong);
	return said;
}

/* Three free extents of eight units, [16, 24), [32, 40) and [48, 56), which is the span's last. */
static void three_extents(struct twin *twin)
{
	twin_init(twin, 1);
	twin_open(twin, 16, 40);
	twin_alloc_at(twin, 24, 8);
	twin_alloc_at(twin, 40, 8);
}

static const char *test_fits(void)
{
	static const struct {
		unsigned int offset, size;
		enum vmap_fit fit;
	} cuts[] = {
		{ 0, 8, VMAP_FIT_FULL }, { 0, 3, VMAP_FIT_LEFT }, { 5, 3, VMAP_FIT_RIGHT },
		{ 2, 3, VMAP_FIT_NO_EDGE }, { 0, 7, VMAP_FIT_LEFT }, { 7, 1, VMAP_FIT_RIGHT },
		{ 1, 6, VMAP_FIT_NO_EDGE },
	};
	struct twin twin;
	unsigned int i, where;
	const char *wrong;

	for (where = 16; where <= 48; where += 16) {
		for (i = 0; i < ARRAY_SIZE(cuts); i++) {
			unsigned long before;
			bool cut;

			three_extents(&twin);
			before = twin.tree.fits[cuts[i].fit];
			cut = twin_alloc_at(&twin, where + cuts[i].offset, cuts[i].size);
			wrong = verdict(&twin, cut && twin.tree.fits[cuts[i].fit] == before + 1,
					"the cut is of this kind");
			if (wrong)
				return wrong;
		}
	}
	return NULL;
}

/* Free [8 + 4, 8 + 8) of a span of three tiles of four, with its neighbours free or not. */
static const char *merge_once(bool left, bool right, unsigned long expected)
{
	struct twin twin;
	unsigned long i;

	twin_init(&twin, 1);
	twin_open(&twin, 8, 12);
	for (i = 8; i < 20; i += 4)
		twin_alloc_at(&twin, i, 4);
	if (left)
		twin_free_at(&twin, 8);
	if (right)
		twin_free_at(&twin, 16);
	twin_free_at(&twin, 12);
	return verdict(&twin, twin.tree.merges == expected, "it merges with free neighbours");
}

static const char *test_merges(void)
{
	const char *wrong = merge_once(false, false, 0);

	if (!wrong)
		wrong = merge_once(true, false, 1);
	if (!wrong)
		wrong = merge_once(false, true, 1);
	return wrong ? wrong : merge_once(true, true, 2);
}

/* Tiles at either end of a span must not merge round the ring. */
static const char *test_ring_ends(void)
{
	struct twin twin;

	twin_init(&twin, 1);
	twin_open(&twin, 100, 12);
	twin_alloc_at(&twin, 100, 4);
	twin_alloc_at(&twin, 104, 4);
	twin_alloc_at(&twin, 108, 4);
	twin_free_at(&twin, 100);
	twin_free_at(&twin, 108);
	return verdict(&twin, twin.tree.count == 2 && !twin.tree.merges, "nothing merges");
}

/* Spans that touch stay apart: their units never merge, and no request straddles them. */
static const char *test_touching_spans(void)
{
	struct twin twin;
	bool straddles;

	twin_init(&twin, 1);
	twin_open(&twin, 10, 10);
	twin_open(&twin, 20, 10);
	twin_check(&twin);
	straddles = twin_alloc(&twin, 11, 1, 0, TOP);
	twin_alloc_at(&twin, 15, 5);
	twin_alloc_at(&twin, 20, 5);
	twin_free_at(&twin, 15);
	twin_free_at(&twin, 20);
	return verdict(&twin, twin.tree.count == 2 && !straddles, "the two stay apart");
}

/* A span is opened below, between and above others, and closed again in each place. */
static const char *test_spans(void)
{
	static const unsigned long starts[] = { 500, 100, 300, 700 };
	struct twin twin;
	unsigned int i, gone;

	for (gone = 0; gone < 4; gone++) {
		twin_init(&twin, 1);
		for (i = 0; i < 4; i++)
			twin_open(&twin, starts[i], 50 + i);
		twin_close(&twin, gone);
		twin_check(&twin);
		twin_alloc(&twin, 53, 1, 0, TOP);
		twin_alloc(&twin, 53, 1, 0, TOP);
		if (verdict(&twin, twin.model.count == 3, "the span is gone"))
			return said;
	}
	return NULL;
}

/*
 * One of three free extents is withdrawn: no request is served from it, a neighbour that is freed
 * does not merge with it, and the ring has it still, so that it merges once it is freed itself.
 */
static const char *withdraw_once(unsigned long start)
{
	unsigned long beside = start == 48 ? 40 : start + 8;
	struct twin twin;
	bool fine;

	three_extents(&twin);
	fine = twin_withdraw(&twin, start);
	twin_check(&twin);
	twin_probe(&twin, start);
	fine = fine && !twin_withdraw(&twin, start) && !twin_alloc_at(&twin, start, 8);
	fine = fine && twin.tree.count == 2 && twin.tree.units == 16;
	twin_free_at(&twin, beside);
	twin_check(&twin);
	fine = fine && twin.tree.merges == 1;
	twin_free_at(&twin, start);
	return verdict(&twin, fine && twin.tree.count == 2, "what is withdrawn is left alone");
}

/* Before the first span and after the last one nothing is found; nor what no span has room for. */
static const char *test_no_span(void)
{
	struct twin twin;
	bool got;

	twin_init(&twin, 1);
	twin_check(&twin);
	got = twin_alloc(&twin, 1, 1, 0, ~0UL);
	twin_open(&twin, 4096, 8);
	got |= twin_alloc(&twin, 16, 2, 0, ~0UL);
	twin_check(&twin);
	twin_close(&twin, 0);
	twin_check(&twin);
	got |= twin_alloc(&twin, 1, 1, 0, ~0UL);
	return verdict(&twin, !got, "nothing is found");
}

static const char *test_withdraw(void)
{
	const char *wrong = withdraw_once(16);

	if (!wrong)
		wrong = withdraw_once(32);
	return wrong ? wrong : withdraw_once(48);
}

/* Tiles of one size change places: neighbours, others, across spans, beside what is free or not. */
static const char *swap_each_with_each(unsigned int gone)
{
	struct twin twin;
	unsigned int a, b;

	twin_init(&twin, 1);
	twin_open(&twin, 16, 20);
	twin_open(&twin, 64, 12);
	for (a = 0; a < 8; a++)
		twin_alloc(&twin, 4, 4, 0, TOP);
	if (gone < 8)
		twin_free(&twin, gone);
	for (a = 0; a < twin.nr_busy; a++) {
		for (b = 0; b < twin.nr_busy; b++) {
			if (a == b)
				continue;
			twin_swap(&twin, a, b);
			twin_check(&twin);
		}
	}
	while (twin.nr_busy && twin_ok(&twin))
		twin_free(&twin, twin.nr_busy - 1);
	return verdict(&twin, twin.tree.count == 2, "all of both spans is free again");
}

static const char *test_swap(void)
{
	const char *wrong = NULL;
	unsigned int gone;

	for (gone = 0; gone <= 8 && !wrong; gone++)
		wrong = swap_each_with_each(gone);
	return wrong;
}

/* Every size at every alignment in the last 40 units there are. */
static const char *test_top(void)
{
	unsigned long size, align;
	struct twin twin;

	twin_init(&twin, 1);
	twin_open(&twin, TOP - 40, 40);
	for (size = 1; size <= 42; size++) {
		for (align = 1; align; align *= 2) {
			if (!twin_alloc(&twin, size, align, 0, TOP))
				continue;
			twin_check(&twin);
			twin_free(&twin, 0);
		}
	}
	twin_alloc_at(&twin, TOP - 1, 1);
	twin_probe(&twin, TOP - 1);
	twin_probe(&twin, TOP);
	return verdict(&twin, twin.nr_busy == 1, "the last unit can be had");
}

/* The same where every alignment is possible in the middle of the span: across 2^63. */
static const char *test_middle(void)
{
	unsigned long align;
	unsigned int got = 0;
	struct twin twin;

	twin_init(&twin, 1);
	twin_open(&twin, MIDDLE - 20, 40);
	for (align = 1; align; align *= 2) {
		got += twin_alloc(&twin, 9, align, 0, TOP);
		twin_check(&twin);
		if (twin.nr_busy)
			twin_free(&twin, 0);
	}
	got += twin_alloc(&twin, 20, MIDDLE, 0, TOP);
	got += twin_alloc(&twin, 1, MIDDLE, 0, TOP);
	return verdict(&twin, got == BITS_PER_LONG + 1, "2^63 can be had, and only once");
}

/* Address 0 is an address like any other, and is aligned to everything. */
static const char *test_zero(void)
{
	struct twin twin;
	bool got;

	twin_init(&twin, 1);
	twin_open(&twin, 0, 24);
	got = twin_alloc(&twin, 8, MIDDLE, 0, TOP);
	got = got && !twin_alloc(&twin, 1, MIDDLE, 0, TOP);
	twin_alloc(&twin, 8, 8, 0, TOP);
	twin_free_at(&twin, 0);
	twin_probe(&twin, 0);
	twin_probe(&twin, 1);
	return verdict(&twin, got && twin.tree.count == 2, "0 is found, and found once");
}

/* Requests that are larger than anything, and ranges that cut extents at every unit. */
static const char *test_ranges(void)
{
	static const unsigned long sizes[] = { 41, MIDDLE - 1, MIDDLE, MIDDLE + 1, TOP - 1, TOP };
	unsigned long i, lo, hi, align;
	bool never = true;
	struct twin twin;

	three_extents(&twin);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (align = 1; align; align *= 2)
			never = never && !twin_alloc(&twin, sizes[i], align, 0, TOP);
	}
	for (lo = 14; lo < 58; lo++) {
		for (hi = lo + 1; hi < 60; hi++) {
			for (align = 1; align <= 8; align *= 2) {
				if (twin_alloc(&twin, 1 + (lo + hi) % 5, align, lo,
					       hi + (lo + hi) % 5))
					twin_free(&twin, twin.nr_busy - 1);
			}
		}
		twin_probe(&twin, lo);
	}
	return verdict(&twin, never, "what is larger than all extents is not found");
}

/* One span that is all there is: sums must not wrap anywhere. */
static const char *test_whole_space(void)
{
	struct vmap_extent edge, extents[3], *tile, *merged;
	struct vmap_extent_pool pool = { 0 };
	struct free_tree tree;
	struct free_search search = { .size = MIDDLE, .align = MIDDLE, .lo = 1, .hi = TOP };
	struct free_search most = { .size = TOP, .align = 1, .hi = TOP };

	free_tree_init(&tree, 1);
	free_tree_open(&tree, &edge, &extents[0], 0, TOP);
	if (free_tree_find(&tree, &search) != FREE_NONE)
		return "2^63 units at 2^63 would end past the last address";
	search = (struct free_search){ .size = MIDDLE - 1, .align = MIDDLE, .lo = 1, .hi = TOP };
	if (free_tree_find(&tree, &search) != FREE_FOUND || search.start != MIDDLE)
		return "2^63 - 1 units at 2^63 fit exactly";
	vext_pool_push(&pool, &extents[1]);
	vext_pool_push(&pool, &extents[2]);
	tile = free_tree_cut(&tree, &search, &pool);
	if (free_tree_check(&tree) || tree.fits[VMAP_FIT_RIGHT] != 1)
		return "they are the right edge of the space";
	merged = free_tree_put(&tree, tile, &pool);
	if (free_tree_check(&tree) || merged->start || merged->size != TOP || pool.count != 2)
		return "freeing them restores the space";
	if (free_tree_find(&tree, &most) != FREE_FOUND || most.start != 0)
		return "all of it can be had at once";
	tile = free_tree_cut(&tree, &most, &pool);
	return tree.count || tree.units || tree.fits[VMAP_FIT_FULL] != 1 || pool.count != 2 ||
	       tile->size != TOP ? "all of it is had" : NULL;
}

/* Free: every fourth unit's next three.  Each is long enough for 2 at 4, none has the room. */
static void sieve(struct twin *twin, unsigned long start, unsigned long count)
{
	unsigned long at;

	twin_init(twin, 1);
	twin_open(twin, start, count);
	for (at = start; at < start + count; at += 4)
		twin_alloc_at(twin, at, 1);
}

/* A long run of misses is remembered: the next such request does not look there again. */
static const char *test_barren_is_remembered(void)
{
	unsigned long first, second, larger;
	struct twin twin;

	sieve(&twin, 4096, 4 * 400);
	twin_alloc(&twin, 2, 4, 0, TOP);
	first = twin.rounds;
	twin_alloc(&twin, 2, 4, 0, TOP);
	second = twin.rounds;
	twin_alloc(&twin, 3, 8, 0, TOP);
	larger = twin.rounds;
	return verdict(&twin, first > 2 && second == 1 && larger == 1,
		       "only the first of like searches takes many rounds");
}

/* What is free again in barren ground is found, however it came to be: by itself or by merging. */
static const char *test_barren_ends(void)
{
	unsigned long at;
	struct twin twin;
	bool got = true;

	sieve(&twin, 4096, 4 * 400);
	for (at = 4096 + 4 * 399; at > 4096 + 4 * 300; at -= 4) {
		got = got && !twin_alloc(&twin, 2, 4, 0, TOP);
		twin_free_at(&twin, at);
		got = got && twin_alloc(&twin, 2, 4, 0, TOP);
		twin_check(&twin);
	}
	return verdict(&twin, got, "each free makes one fit, which is found");
}

/* Go on to the end with a search, and check everything after each round. */
static enum free_found run_out(struct twin *twin, struct twin_search *search)
{
	enum free_found found;

	do {
		found = twin_step(twin, search);
		twin_check(twin);
	} while (found == FREE_AGAIN);
	return found;
}

/* The fit right after any number of misses, wherever that leaves a round of the search. */
static const char *test_barren_edge(void)
{
	struct twin_search search;
	unsigned long misses, fit;
	struct twin twin;
	bool got;

	for (misses = 1; misses <= 100; misses++) {
		fit = 4096 + 4 * misses;
		sieve(&twin, 4096, 4 * 110);
		twin_free_at(&twin, fit);
		twin_begin(&twin, &search, 2, 4, 0, TOP);
		got = run_out(&twin, &search) == FREE_FOUND && !twin_alloc(&twin, 2, 4, 0, TOP);
		twin_free_at(&twin, fit);
		got = got && twin_alloc(&twin, 4, 4, 0, TOP);
		if (verdict(&twin, got, "the one fit is found, and once"))
			return said;
	}
	return NULL;
}

/* Other requests, smaller, less aligned or above a bound, are not misled by what is remembered. */
static const char *test_barren_for_others(void)
{
	struct twin twin;
	bool got;

	sieve(&twin, 4096, 4 * 400);
	twin_alloc(&twin, 2, 4, 0, TOP);
	got = twin_alloc(&twin, 1, 4, 0, TOP) == false;
	got = got && twin_alloc(&twin, 2, 2, 0, TOP);
	got = got && twin_alloc(&twin, 3, 1, 0, TOP);
	got = got && twin_alloc(&twin, 2, 2, 5000, TOP);
	twin_alloc(&twin, 2, 4, 0, TOP);
	twin_free_at(&twin, 4096 + 4 * 7);
	got = got && !twin_alloc(&twin, 2, 4, 4096 + 4 * 8, TOP);
	got = got && twin_alloc(&twin, 2, 4, 0, TOP);
	return verdict(&twin, got, "each of them gets what fits it");
}

/* A span that opens below barren ground is looked at. */
static const char *test_barren_span(void)
{
	struct twin twin;
	bool got;

	sieve(&twin, 4096, 4 * 400);
	twin_alloc(&twin, 2, 4, 0, TOP);
	twin_open(&twin, 64, 8);
	got = twin_alloc(&twin, 2, 4, 0, TOP);
	return verdict(&twin, got && twin.rounds == 1, "the new span is found at once");
}

/*
 * Two searches take turns, units are freed on both sides of where they are, and what is remembered
 * for the one is replaced by what is for the other.
 */
static const char *test_interrupted(void)
{
	struct twin_search one, two, late;
	struct twin twin;
	bool fine;

	sieve(&twin, 4096, 4 * 400);
	twin_begin(&twin, &one, 2, 4, 0, TOP);
	twin_begin(&twin, &two, 3, 8, 0, TOP);
	twin_begin(&twin, &late, 2, 4, 4200, TOP);
	fine = twin_step(&twin, &one) == FREE_AGAIN && twin_step(&twin, &late) == FREE_AGAIN;
	fine = fine && twin_step(&twin, &two) == FREE_AGAIN;
	fine = fine && twin_step(&twin, &one) == FREE_AGAIN;
	twin_free_at(&twin, 4096 + 4 * 390);
	fine = fine && run_out(&twin, &late) == FREE_FOUND;
	twin_free_at(&twin, 4096 + 4 * 2);
	twin_free_at(&twin, 4096 + 4 * 394);
	fine = fine && run_out(&twin, &two) == FREE_FOUND;
	fine = fine && run_out(&twin, &one) == FREE_FOUND;
	return verdict(&twin, fine, "each ends with a find");
}

/* While a search rests, one for @size at @align, which nothing fits, runs and is remembered. */
static const char *interrupt_with(unsigned long size, unsigned long align)
{
	struct twin_search one, other;
	struct twin twin;
	bool fine;

	sieve(&twin, 4096, 4 * 400);
	twin_free_at(&twin, 4096 + 4 * 301);
	twin_alloc_at(&twin, 4096 + 4 * 301 + 2, 1);
	twin_begin(&twin, &one, 2, 4, 0, TOP);
	twin_begin(&twin, &other, size, align, 0, TOP);
	fine = twin_step(&twin, &one) == FREE_AGAIN;
	fine = fine && run_out(&twin, &other) == FREE_NONE;
	fine = fine && run_out(&twin, &one) == FREE_FOUND;
	return verdict(&twin, fine, "the one fit is found");
}

/* What is remembered for another size or alignment is no help to a search that goes on. */
static const char *test_interrupted_by_others(void)
{
	const char *wrong = interrupt_with(2, 8);

	if (!wrong)
		wrong = interrupt_with(3, 4);
	return wrong ? wrong : interrupt_with(3, 8);
}

/* While nobody else searches, an interrupted search sees what is freed below it. */
static const char *test_interrupted_alone(void)
{
	struct twin_search one;
	struct twin twin;
	bool fine;

	sieve(&twin, 4096, 4 * 400);
	twin_begin(&twin, &one, 2, 4, 0, TOP);
	fine = twin_step(&twin, &one) == FREE_AGAIN;
	twin_free_at(&twin, 4096 + 4 * 5);
	fine = fine && run_out(&twin, &one) == FREE_FOUND;
	return verdict(&twin, fine && one.request.start == 4096 + 4 * 5, "it is found");
}

/*
 * Free extents longer than any record, each of them longer than the one below, or shorter, with a
 * busy unit after each.
 */
#define LONG_EXTENTS	100UL

static unsigned long long_size(unsigned long i, bool growing)
{
	return VEXT_MOST_RECORDED - 2 + (growing ? i : LONG_EXTENTS - 1 - i);
}

static void long_extents(struct free_tree *tree, struct vmap_extent *marker,
			 struct vmap_extent_pool *spares, bool growing)
{
	static struct vmap_extent store[3 * LONG_EXTENTS];
	unsigned long i, end = 0;

	*spares = (struct vmap_extent_pool){ 0 };
	for (i = 0; i < 3 * LONG_EXTENTS; i++)
		vext_pool_push(spares, &store[i]);
	for (i = 0; i < LONG_EXTENTS; i++)
		end += long_size(i, growing) + 1;
	free_tree_init(tree, 1);
	free_tree_open(tree, marker, vext_pool_pop(spares), ~0UL - end, ~0UL);
	for (i = 0, end = ~0UL - end; i < LONG_EXTENTS; i++) {
		struct free_search search = { .size = 1, .align = 1, .hi = ~0UL };

		end += long_size(i, growing);
		search.lo = end++;
		free_tree_find(tree, &search);
		free_tree_cut(tree, &search, spares)->state = VMAP_BUSY;
	}
}

static bool finds_long(struct free_tree *tree, unsigned long size, bool growing)
{
	struct free_search search = { .size = size, .align = 1, .hi = ~0UL };
	enum free_found found;
	unsigned long i;

	do {
		found = free_tree_find(tree, &search);
	} while (found == FREE_AGAIN);
	for (i = 0; i < LONG_EXTENTS; i++) {
		if (long_size(i, growing) >= size)
			return found == FREE_FOUND && search.extent->size == long_size(i, growing);
	}
	return found == FREE_NONE;
}

static const char *test_long(void)
{
	const unsigned long longest = VEXT_MOST_RECORDED - 3 + LONG_EXTENTS;
	struct vmap_extent_pool spares;
	struct vmap_extent marker;
	struct free_tree tree;
	unsigned long size;
	bool growing = false;

	do {
		struct free_survey survey = { 0 };

		long_extents(&tree, &marker, &spares, growing);
		for (size = VEXT_MOST_RECORDED - 4; size <= longest + 1; size++) {
			if (free_tree_lowest(&tree, size) && size > VEXT_MOST_RECORDED)
				return "a record is trusted beyond what it tells";
			if (!finds_long(&tree, size, growing))
				return "not the lowest of the long enough ones";
		}
		while (!free_tree_longest(&tree, &survey))
			;
		if (survey.longest != longest)
			return "not the longest";
		if (free_tree_check(&tree))
			return free_tree_check(&tree);
		growing = !growing;
	} while (growing);
	return NULL;
}

/* Have a tree checked that is not good any more.  Return NULL if the check @says so. */
static const char *unnoticed(const struct free_tree *tree, const char *says)
{
	const char *wrong = free_tree_check(tree);

	if (wrong && strstr(wrong, says))
		return NULL;
	snprintf(said, sizeof(said), "not noticed: %s", says);
	return said;
}

/* Change one word of a good tree, have it checked, put the word back. */
static const char *notice(const struct free_tree *tree, unsigned long *word, unsigned long value,
			  const char *says)
{
	unsigned long good = *word;
	const char *wrong;

	*word = value;
	wrong = unnoticed(tree, says);
	*word = good;
	return wrong;
}

/* The same with a record. */
static const char *notice_record(const struct free_tree *tree, u32 *record, u32 value,
				 const char *says)
{
	u32 good = *record;
	const char *wrong;

	*record = value;
	wrong = unnoticed(tree, says);
	*record = good;
	return wrong;
}

/* The records of the red-black tree. */
static const char *notice_records(struct twin *twin)
{
	struct vmap_extent *low = free_tree_first(&twin->tree);

	return notice_record(&twin->tree, &low->below[VEXT_LEFT], 100, "maximum") ?:
	       notice_record(&twin->tree, &low->below[VEXT_RIGHT], 100, "maximum");
}

/* The nodes of the summary: a root, and a leaf that has the lowest extent. */
static const char *notice_nodes(struct twin *twin)
{
	struct vmap_extent *low = free_tree_first(&twin->tree), **place;
	struct free_summary *summary = &twin->summary;
	unsigned long last = vext_end(low) - 1;
	struct summary_node *root = summary->root, *leaf;
	const char *wrong;

	leaf = root->below[last / SUMMARY_PARTS];
	place = &leaf->extent[last % SUMMARY_PARTS];
	wrong = notice_record(&twin->tree, &root->reach[1], 100, "maximum");
	wrong = wrong ?: notice_record(&twin->tree, &root->reach[SUMMARY_PARTS + 3], 1, "maximum");
	wrong = wrong ?: notice(&twin->tree, &summary->prefix, summary->prefix + 1, "cover");
	wrong = wrong ?: notice(&twin->tree, (unsigned long *)place, 0, "counts");
	free_summary_set(summary, last + 1, NULL);
	if (!wrong && !strstr(free_tree_check_tile(&twin->tree, low) ?: "", "ends"))
		wrong = "not noticed: an extent that is not where it ends";
	root->below[last / SUMMARY_PARTS] = NULL;
	if (!wrong && !strstr(free_tree_check_tile(&twin->tree, low) ?: "", "ends"))
		wrong = "not noticed: a leaf that is missing";
	root->below[last / SUMMARY_PARTS] = leaf;
	free_summary_set(summary, last + 1, low);
	return wrong;
}

/* The checks of the tree are themselves checked: each must notice what it is for. */
static const char *notice_each(struct twin *twin)
{
	struct free_tree *tree = &twin->tree;
	struct vmap_extent *low = free_tree_first(tree);
	const char *wrong = TWIN_SUMMARY ? notice_nodes(twin) : notice_records(twin);

	wrong = wrong ?: notice_record(tree, &low->below[VEXT_RIGHT], VEXT_NOT_FREE, "not free");
	wrong = wrong ?: notice(tree, &low->size, 0, "empty");
	wrong = wrong ?: notice(tree, &low->size, low->size - 1, "tile");
	wrong = wrong ?: notice(tree, &low->start, low->start - 1, "tile");
	wrong = wrong ?: notice_record(tree, &low->prev->below[VEXT_RIGHT], 8, "touch");
	wrong = wrong ?: notice_record(tree, &low->next->below[VEXT_RIGHT], 8, "touch");
	wrong = wrong ?: notice(tree, &tree->count, 4, "counts");
	wrong = wrong ?: notice(tree, &tree->units, 24, "counts");
	return wrong;
}

/* The lowest and the highest extent trade places in the tree, but not on the ring. */
static const char *notice_order(struct twin *twin)
{
	struct rb_node *top = twin->tree.root.rb_node, *left = top->rb_left;
	const char *wrong;

	if (!left || !top->rb_right)
		return "three extents do not make a tree of two levels";
	top->rb_left = top->rb_right;
	top->rb_right = left;
	wrong = free_tree_check(&twin->tree);
	top->rb_right = top->rb_left;
	top->rb_left = left;
	return wrong && strstr(wrong, "order") ? NULL : "not noticed: the order";
}

static const char *test_checks(void)
{
	struct twin twin;
	const char *wrong;

	three_extents(&twin);
	twin_alloc_at(&twin, 16, 1);
	wrong = notice_each(&twin);
	if (!wrong && !TWIN_SUMMARY)
		wrong = notice_order(&twin);
	return verdict(&twin, !wrong, wrong);
}

static const struct tap_test tests[] = {
	{ "each fit, of each free extent", test_fits },
	{ "each merge", test_merges },
	{ "the ends of a span do not merge round its ring", test_ring_ends },
	{ "spans that touch", test_touching_spans },
	{ "spans opened and closed in each place", test_spans },
	{ "no span at all", test_no_span },
	{ "an extent taken out of the tree that stays on its ring", test_withdraw },
	{ "tiles that change places", test_swap },
	{ "the top of the address space", test_top },
	{ "the middle of the address space, up to an alignment of 2^63", test_middle },
	{ "address zero", test_zero },
	{ "ranges, and sizes up to the largest", test_ranges },
	{ "a span of the whole address space", test_whole_space },
	{ "barren ground is remembered", test_barren_is_remembered },
	{ "barren ground ends when something is freed there", test_barren_ends },
	{ "a fit right after barren ground", test_barren_edge },
	{ "barren ground for one request is not so for another", test_barren_for_others },
	{ "a span opened below barren ground", test_barren_span },
	{ "searches that interrupt each other", test_interrupted },
	{ "a search that others interrupt", test_interrupted_by_others },
	{ "a search that frees interrupt", test_interrupted_alone },
	{ "extents longer than any record", test_long },
	{ "free_tree_check() notices what it is for", test_checks },
};

static void test_random(unsigned long seed, unsigned long steps)
{
	static struct stream stream;
	unsigned long done = 0, cuts = 0;
	char name[64];
	int i;

	stream_init_random(&stream, seed);
	while (done < steps && stream_step(&stream))
		done++;
	for (i = 0; i < VMAP_NR_FITS; i++)
		cuts += stream.twin.fits[i];
	snprintf(said, sizeof(said), "step %lu: %s (repeat: test_free_tree --seed %lu)", done,
		 stream.twin.wrong, seed);
	stream_fini(&stream);
	snprintf(name, sizeof(name), "random operations, seed %lu", seed);
	tap(twin_ok(&stream.twin), name, twin_ok(&stream.twin) ? NULL : said);
	printf("# %lu steps, %lu cuts, %lu merges\n", done, cuts, stream.twin.merges);
}

int main(int argc, char **argv)
{
	unsigned long seed = TOP, steps = DEFAULT_STEPS, streams = RANDOM_STREAMS, i;
	const struct program_option options[] = {
		{ .name = "--seed", .number = &seed, .max = TOP - 1 },
		{ .name = "--steps", .number = &steps, .max = TOP },
		{ }
	};

	read_options(argc, argv, "usage: test_free_tree [--seed N] [--steps N]\n", options);
	if (seed != TOP)
		streams = 1;
	else
		seed = time(NULL);
	tap_run(tests, ARRAY_SIZE(tests));
	for (i = 0; i < streams; i++)
		test_random(seed + i, steps);
	return tap_end();
}
