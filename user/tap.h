/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tap.h - reports tests in the Test Anything Protocol, on standard output
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static unsigned int tap_tests;
static unsigned int tap_failures;

/* One result; @detail, if not NULL, says more about it. */
static inline void tap(bool ok, const char *name, const char *detail)
{
	printf("%s %u - %s\n", ok ? "ok" : "not ok", ++tap_tests, name);
	tap_failures += !ok;
	if (detail)
		printf("# %s\n", detail);
	fflush(stdout);
}

/* A test: run() returns NULL, or what is wrong. */
struct tap_test {
	const char *name;
	const char *(*run)(void);
};

/* Run tests, and report the result of each. */
static inline void tap_run(const struct tap_test *tests, unsigned int count)
{
	const char *wrong;
	unsigned int i;

	for (i = 0; i < count; i++) {
		wrong = tests[i].run();
		tap(!wrong, tests[i].name, wrong);
	}
}

/* The plan, and the exit status that the results deserve. */
static inline int tap_end(void)
{
	printf("1..%u\n", tap_tests);
	fflush(stdout);
	return !tap_tests || tap_failures;
}

#endif
