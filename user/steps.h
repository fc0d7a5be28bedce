/* SPDX-License-Identifier: GPL-2.0 */
/*
 * steps.h - counts the steps of calls, and judges them by what their kernel-doc promises
 */
#ifndef STEPS_H
#define STEPS_H

#include <stdbool.h>

/* What a promise is a function of, at one call. */
struct steps_at {
	/* Pages that the call maps, unmaps or looks at. */
	unsigned long pages;
	/* Extents of the arena when the call begins: busy, free, lazy and cached ones. */
	unsigned long extents;
	/*
	 * Free extents below the result that are long enough, or recorded as long enough, but have
	 * no aligned address with room behind it; of those between two such addresses one counts.
	 */
	unsigned long misses;
	/* Cached extents that the call gave up because it found no room. */
	unsigned long cached;
	/* Extents that CPUs of other shards had freed and the call merged. */
	unsigned long waiting;
	/* The shards of a range arena that has several, else 0. */
	unsigned long shards;
	/*
	 * No free extent had room, or none of the CPU's shard: a range arena gave up what is
	 * cached, or looked further, or the call failed.
	 */
	bool full;
	/* A memory arena had more than its threshold lazy or deferred when the call began. */
	bool pressed;
};

/* Counted so far: basic blocks, and calls of the kernel. */
extern unsigned long steps_now;

/* What another CPU does, uncounted, each time that a lock is let go of; NULL: nothing. */
extern void (*steps_others)(void);

/* A call begins; it is over; judge it: @call is its name, @way how it was served. */
void steps_begin(void);
void steps_end(void);
void steps_judge(const char *call, const char *way, const struct steps_at *at);

/* The seed of steps_draw(), which returns a number from 0 to @below - 1. */
extern unsigned long steps_seed;
unsigned long steps_draw(unsigned long below);

/* The program ends, as a test that failed, if this does not hold. */
void steps_expect(bool holds, const char *what);

/* Print the table, and report a test for each promise.  Return the exit status of the program. */
int steps_report(void);

#endif
