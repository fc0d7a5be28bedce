// SPDX-License-Identifier: GPL-2.0
/*
 * test_exhaustive.c - the free tree in every case of a small space
 *
 * usage: test_exhaustive [--length N]
 *
 * Two ways to leave nothing out:
 *
 *   sequences  every sequence of operations up to a length, from an arena all of which is free.
 *              What can be done next (each size at each alignment; each busy tile freed) is
 *              numbered; a sequence is a row of numbers, counted up like an odometer, and run from
 *              the start each time.  A request that nothing fits changes nothing, so no sequence
 *              goes on after one.
 *   states     every way to cut a span into free and busy tiles, and in each of them every request
 *              of any size and alignment in any range, every free, and every look-up.
 *
 * Both run in several places of the address space, because alignment depends on where a span lies.
 */
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "tap.h"
#include "twin.h"

#define TOP		(~0UL)
#define MIDDLE		(1UL << (BITS_PER_LONG - 1))
#define MAX_LENGTH	9
#define DEFAULT_LENGTH	5

#define SEQUENCE_SIZES	4
#define SEQUENCE_ALIGNS	3
#define REQUESTS	(SEQUENCE_SIZES * SEQUENCE_ALIGNS)

#define STATE_GRAINS	7

/* Where spans lie: their starts and lengths; no length ends the list.  Sizes are in grains. */
struct place {
	const char *name;
	unsigned long grain;
	struct {
		unsigned long start, count;
	} spans[MODEL_SPANS];
};

static const struct place places[] = {
	{ "at zero", 1, { { 0, 7 } } },
	{ "at an odd address", 1, { { 5, 7 } } },
	{ "across 2^63", 1, { { MIDDLE - 3, 7 } } },
	{ "at the top", 1, { { TOP - 7, 7 } } },
	{ "of grain 2", 2, { { 6, 7 } } },
	{ "in two spans that touch", 1, { { 6, 3 }, { 9, 4 } } },
	{ "in three spans", 1, { { 1, 2 }, { 8, 3 }, { TOP - 3, 2 } } },
};

static unsigned long runs;

static void open_place(struct twin *twin, const struct place *place)
{
	unsigned int i;

	twin_init(twin, place->grain);
	for (i = 0; i < MODEL_SPANS && place->spans[i].count; i++)
		twin_open(twin, place->spans[i].start, place->spans[i].count * place->grain);
}

/* Do the operation numbered @choice.  Return whether it changed anything. */
static bool operate(struct twin *twin, unsigned int choice)
{
	if (choice < REQUESTS)
		return twin_alloc(twin, (1 + choice % SEQUENCE_SIZES) * twin->tree.grain,
				  1UL << (choice / SEQUENCE_SIZES), 0, TOP);
	twin_free(twin, choice - REQUESTS);
	return true;
}

/*
 * Run one sequence from the start.  Return how many operations of it are worth keeping: up to and
 * with the first that changed nothing.  @choices[i] counts what there was to choose from at i.
 */
static unsigned int run_sequence(struct twin *twin, const struct place *place,
				 const unsigned int *sequence, unsigned int *choices,
				 unsigned int length)
{
	unsigned int i;
	bool changed = true;

	open_place(twin, place);
	for (i = 0; i < length && changed; i++) {
		choices[i] = REQUESTS + twin->nr_busy;
		changed = operate(twin, sequence[i]);
	}
	twin_check(twin);
	runs++;
	return i;
}

/* Count up from the digit before @length; return false after the last sequence. */
static bool next_sequence(unsigned int *sequence, const unsigned int *choices, unsigned int length)
{
	unsigned int i = length;

	while (i && sequence[i - 1] + 1 == choices[i - 1])
		sequence[--i] = 0;
	if (!i)
		return false;
	sequence[i - 1]++;
	return true;
}

static void describe(char *text, size_t size, const unsigned int *sequence, unsigned int length,
		     const char *wrong)
{
	int at = snprintf(text, size, "%s; the sequence is", wrong);
	unsigned int i;

	for (i = 0; i < length && at < (int)size; i++)
		at += snprintf(text + at, size - at, " %u", sequence[i]);
}

static void test_sequences(const struct place *place, unsigned int length)
{
	unsigned int sequence[MAX_LENGTH] = { 0 }, choices[MAX_LENGTH], done;
	static struct twin twin;
	char name[80], detail[2 * TWIN_WRONG];
	bool fine;

	runs = 0;
	do {
		done = run_sequence(&twin, place, sequence, choices, length);
		twin_fini(&twin);
		fine = twin_ok(&twin);
	} while (fine && next_sequence(sequence, choices, done));
	describe(detail, sizeof(detail), sequence, done, twin.wrong);
	snprintf(name, sizeof(name), "sequences of %u %s", length, place->name);
	tap(fine, name, fine ? NULL : detail);
	printf("# %lu sequences\n", runs);
}

/*
 * States are numbered: bit i says whether a new tile starts at grain i + 1, and bit
 * STATE_GRAINS - 1 + i whether the tile at grain i is free.
 */
static unsigned long bounds_of(unsigned long state)
{
	return (state & ((1UL << (STATE_GRAINS - 1)) - 1)) << 1 | 1UL << STATE_GRAINS | 1;
}

static unsigned long free_of(unsigned long state)
{
	return state >> (STATE_GRAINS - 1);
}

/* Where the tile that starts at grain @at ends. */
static unsigned long tile_end(unsigned long state, unsigned long at)
{
	do {
		at++;
	} while (!(bounds_of(state) >> at & 1));
	return at;
}

/* Does it speak only of tiles that are there, and do no two free ones touch? */
static bool state_exists(unsigned long state)
{
	unsigned long at;

	if (free_of(state) & ~bounds_of(state))
		return false;
	for (at = 0; at < STATE_GRAINS; at = tile_end(state, at)) {
		if ((free_of(state) >> at) & (free_of(state) >> tile_end(state, at)) & 1)
			return false;
	}
	return true;
}

/* First all tiles are busy, then from the top down those are freed that must be. */
static void make_state(struct twin *twin, const struct place *place, unsigned long state)
{
	unsigned long at, start = place->spans[0].start, grain = place->grain;

	open_place(twin, place);
	for (at = 0; at < STATE_GRAINS; at = tile_end(state, at))
		twin_alloc_at(twin, start + at * grain, (tile_end(state, at) - at) * grain);
	for (at = STATE_GRAINS; at--;) {
		if (free_of(state) >> at & 1)
			twin_free_at(twin, start + at * grain);
	}
}

/* One request; what it gets is given back. */
static void try_request(struct twin *twin, unsigned long size, unsigned long align,
			unsigned long lo, unsigned long hi)
{
	if (twin_alloc(twin, size, align, lo, hi)) {
		twin_check(twin);
		twin_free(twin, twin->nr_busy - 1);
	}
}

static void try_requests(struct twin *twin, unsigned long start)
{
	unsigned long size, align, lo, hi, grain = twin->tree.grain;

	for (size = 1; size <= STATE_GRAINS + 1; size++) {
		for (align = 1; align <= 8; align *= 2) {
			try_request(twin, size * grain, align, 0, TOP);
			for (lo = 0; lo + size <= STATE_GRAINS + 1; lo++) {
				for (hi = lo + size; hi <= STATE_GRAINS; hi++)
					try_request(twin, size * grain, align, start + lo * grain,
						    start + hi * grain);
			}
		}
	}
}

/* In a state, each busy tile is freed and taken again, and everything is looked up. */
static void try_frees(struct twin *twin, unsigned long start)
{
	unsigned int i, busy = twin->nr_busy;
	unsigned long at, size;

	for (i = 0; i < busy && twin_ok(twin); i++) {
		at = twin->busy[0]->start;
		size = twin->busy[0]->size;
		twin_free(twin, 0);
		twin_check(twin);
		twin_alloc_at(twin, at, size);
		twin_check(twin);
	}
	for (at = 0; at <= STATE_GRAINS * twin->tree.grain; at++)
		twin_probe(twin, start + at);
}

static void test_states(const struct place *place)
{
	unsigned long state, start = place->spans[0].start;
	static struct twin twin;
	char name[80];
	bool fine = true;

	runs = 0;
	for (state = 0; fine && state < 1UL << (2 * STATE_GRAINS - 1); state++) {
		if (!state_exists(state))
			continue;
		make_state(&twin, place, state);
		try_requests(&twin, start);
		try_frees(&twin, start);
		twin_check(&twin);
		twin_fini(&twin);
		fine = twin_ok(&twin);
		runs++;
	}
	snprintf(name, sizeof(name), "all states %s", place->name);
	tap(fine, name, fine ? NULL : twin.wrong);
	printf("# %lu states\n", runs);
}

int main(int argc, char **argv)
{
	unsigned long length = DEFAULT_LENGTH, i;
	const struct program_option options[] = {
		{ .name = "--length", .number = &length, .min = 1, .max = MAX_LENGTH },
		{ }
	};

	read_options(argc, argv, "usage: test_exhaustive [--length N]\n", options);
	for (i = 0; i < ARRAY_SIZE(places); i++)
		test_sequences(&places[i], length);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		if (!places[i].spans[1].count)
			test_states(&places[i]);
	}
	return tap_end();
}
