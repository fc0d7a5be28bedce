/* SPDX-License-Identifier: GPL-2.0 */
/*
 * interval.h - the median of some rounds, and where it lies
 *
 * The 95 % interval of a median is that of the order statistics between which the median lies with
 * a probability of 95 % or more, whatever the distribution.  (Of 5 rounds and less: all.)
 */
#ifndef INTERVAL_H
#define INTERVAL_H

#include <math.h>
#include <stdlib.h>

/**
 * struct interval - of a median
 * @median: it
 * @from: the lower end
 * @to: the upper end
 */
struct interval {
	double median;
	double from;
	double to;
};

static inline int interval_compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/*
 * The rounds to leave out at each end, so that the median lies outside of the others with a
 * probability of 1 in 40 at most on each side.  How many of the rounds are below the median is
 * distributed binomially.
 */
static inline unsigned long interval_left_out(unsigned long rounds)
{
	double term = pow(0.5, rounds), sum = term;
	unsigned long out = 0;

	while (sum <= 1.0 / 40) {
		term *= (double)(rounds - out) / (out + 1);
		sum += term;
		out++;
	}
	return out ? out - 1 : 0;
}

/* Sorts the values. */
static inline struct interval interval_of(double *values, unsigned long rounds)
{
	unsigned long out = interval_left_out(rounds);

	qsort(values, rounds, sizeof(values[0]), interval_compare);
	return (struct interval){
		.median = (values[(rounds - 1) / 2] + values[rounds / 2]) / 2,
		.from = values[out],
		.to = values[rounds - 1 - out],
	};
}

#endif
