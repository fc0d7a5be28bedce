// SPDX-License-Identifier: GPL-2.0
/*
 * test_throttle.c - the arithmetic of the throttle
 *
 * The two questions of throttle.h are compared with the same questions asked so that nothing can
 * wrap or round, at every corner there is.  Then CPUs that free as fast as they can are played
 * through, each asking first and charging later, to see that the limit is reached and held; and a
 * backlog of flushed extents, to see that frees shrink it faster than it grows.
 */
#include <linux/kernel.h>

#include "../throttle.h"
#include "tap.h"

#define TOP		(~0UL)
#define MIDDLE		(1UL << (BITS_PER_LONG - 1))
#define CPUS		8
#define LARGEST		300UL
#define CORNERS		28

static char said[128];

static const char *wrong_at(unsigned long lazy, unsigned long threshold)
{
	snprintf(said, sizeof(said), "with %#lx lazy and a threshold of %#lx", lazy, threshold);
	return said;
}

/* Numbers around which something could go wrong, for a threshold of @t. */
static unsigned long corner(unsigned int i, unsigned long t)
{
	const unsigned long around[] = { 0, 1, t / 2, t, t * 2, MIDDLE, TOP / 2, TOP - 1, TOP };
	unsigned int count = ARRAY_SIZE(around);

	return i < 3 * count ? around[i / 3] + i % 3 - 1 : t;
}

/* Is @lazy at twice the threshold or above, which may be more than a word holds? */
static bool at_limit(unsigned long lazy, unsigned long threshold)
{
	return threshold <= TOP / 2 && lazy >= 2 * threshold;
}

static const char *test_corners(void)
{
	unsigned int i, j;

	for (i = 0; i < CORNERS; i++) {
		unsigned long threshold = corner(i, 4096);

		for (j = 0; j < CORNERS; j++) {
			unsigned long lazy = corner(j, threshold);
			bool above = lazy > threshold;

			if (vthrottle_wants_purge(lazy, threshold) != above ||
			    vthrottle_may_free(lazy, threshold) == at_limit(lazy, threshold))
				return wrong_at(lazy, threshold);
		}
	}
	return NULL;
}

/* Every small pair: a free that must wait waits for a purge that is wanted; less never waits. */
static const char *test_waits_end(void)
{
	unsigned long threshold, lazy;

	for (threshold = 1; threshold < 200; threshold++) {
		if (!vthrottle_may_free(0, threshold) || vthrottle_wants_purge(0, threshold))
			return wrong_at(0, threshold);
		for (lazy = 1; lazy < 500; lazy++) {
			if (!vthrottle_may_free(lazy, threshold) &&
			    !vthrottle_wants_purge(lazy, threshold) && threshold > 1)
				return wrong_at(lazy, threshold);
			if (vthrottle_may_free(lazy, threshold) &&
			    !vthrottle_may_free(lazy - 1, threshold))
				return wrong_at(lazy, threshold);
		}
	}
	return NULL;
}

/* The worst: all CPUs ask before any of them charges.  Return the most that was lazy. */
static unsigned long free_all_at_once(unsigned long threshold, unsigned int rounds)
{
	unsigned long lazy = 0, most = 0;
	bool allowed[CPUS];
	unsigned int cpu;

	while (rounds--) {
		for (cpu = 0; cpu < CPUS; cpu++)
			allowed[cpu] = vthrottle_may_free(lazy, threshold);
		for (cpu = 0; cpu < CPUS; cpu++)
			lazy += allowed[cpu] ? 1 + (rounds * 31 + cpu * 7) % LARGEST : 0;
		if (lazy > most)
			most = lazy;
		if (vthrottle_wants_purge(lazy, threshold) && rounds % (5 + threshold / 200) == 0)
			lazy /= 3;
	}
	return most;
}

static const char *test_limit(void)
{
	unsigned long threshold, most;

	for (threshold = 1; threshold < 100000; threshold = threshold * 3 + 1) {
		most = free_all_at_once(threshold, 5000);
		if (most < 2 * threshold || most >= 2 * threshold + CPUS * LARGEST)
			return wrong_at(most, threshold);
	}
	return NULL;
}

/* As many allocations as frees: the backlog goes away although each free adds to it. */
static const char *test_frees_win(void)
{
	long backlog = 10000;
	unsigned int pairs = 0;

	while (backlog > 0 && pairs++ < 10000)
		backlog += 1 - THROTTLE_MERGE_FREE - THROTTLE_MERGE_ALLOC;
	if (backlog > 0)
		return "the backlog of flushed extents does not shrink";
	if (THROTTLE_MERGE_FREE <= THROTTLE_MERGE_ALLOC)
		return "a free merges no more than an allocation";
	if (THROTTLE_MERGE_FREE > THROTTLE_MERGE_BATCH)
		return "the worker merges less than a free";
	return NULL;
}

static const struct tap_test tests[] = {
	{ "both questions, at every corner", test_corners },
	{ "a free that must wait has asked for a purge", test_waits_end },
	{ "the limit is reached and held to one free a CPU", test_limit },
	{ "frees shrink the backlog faster than it grows", test_frees_win },
};

int main(void)
{
	tap_run(tests, ARRAY_SIZE(tests));
	return tap_end();
}
