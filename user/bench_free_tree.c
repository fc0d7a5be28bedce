// SPDX-License-Identifier: GPL-2.0
/*
 * bench_free_tree.c - what an allocation and a free cost, by the number of live extents
 *
 * usage: bench_free_tree [--operations N] [--largest N]
 *
 * With n extents of 1 to 16 units live, random ones are freed and others of random sizes taken in
 * their place, first until the free space is as scattered as it will be, then with the time taken.
 * Batches of frees alternate with batches of allocations, so that each kind is timed by itself
 * without a look at the clock between two; random numbers are drawn beforehand.  The clock is the
 * time that the process had a CPU, so that others on the machine disturb it little.
 *
 * This is the index alone: no lock, no cache, no page table.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../free_tree.h"
#include "options.h"

#define BATCH		64
#define LARGEST_SIZE	16
#define SMALLEST	100UL
#define MOST		100000000UL
#define DEFAULT_LARGEST	1000000UL
#define DEFAULT_COUNT	1000000UL

/* What a kind of operation took. */
struct meter {
	unsigned long calls;
	unsigned long nanoseconds;
};

struct bench {
	struct free_tree tree;
	struct vmap_extent edge;
	struct vmap_extent_pool spares;
	struct vmap_extent *store;
	struct vmap_extent **live;
	unsigned long nr_live;
	unsigned long seed;
	struct meter allocs;
	struct meter frees;
};

static unsigned long draw(struct bench *bench, unsigned long below)
{
	bench->seed = bench->seed * 6364136223846793005UL + 1442695040888963407UL;
	return (bench->seed >> 32) * below >> 32;
}

static unsigned long nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000UL + now.tv_nsec;
}

/* Between these two a batch of @calls runs. */
static void meter_start(struct meter *meter)
{
	meter->nanoseconds -= nanoseconds();
}

static void meter_stop(struct meter *meter, unsigned long calls)
{
	meter->nanoseconds += nanoseconds();
	meter->calls += calls;
}

static double per_call(const struct meter *meter)
{
	return (double)meter->nanoseconds / meter->calls;
}

static struct vmap_extent *take(struct bench *bench, unsigned long size)
{
	struct free_search search = { .size = size, .align = 1, .hi = ~0UL };
	struct vmap_extent *tile;

	if (free_tree_find(&bench->tree, &search) != FREE_FOUND) {
		fprintf(stderr, "bench_free_tree: the space is full\n");
		exit(1);
	}
	tile = free_tree_cut(&bench->tree, &search, &bench->spares);
	tile->state = VMAP_BUSY;
	return tile;
}

/* Free random extents, and take as many. */
static void replace_batch(struct bench *bench)
{
	unsigned long sizes[BATCH], i;
	struct vmap_extent *victims[BATCH];

	for (i = 0; i < BATCH; i++) {
		unsigned long victim = draw(bench, bench->nr_live);

		victims[i] = bench->live[victim];
		bench->live[victim] = bench->live[--bench->nr_live];
		sizes[i] = 1 + draw(bench, LARGEST_SIZE);
	}
	meter_start(&bench->frees);
	for (i = 0; i < BATCH; i++)
		free_tree_put(&bench->tree, victims[i], &bench->spares);
	meter_stop(&bench->frees, BATCH);
	meter_start(&bench->allocs);
	for (i = 0; i < BATCH; i++)
		bench->live[bench->nr_live++] = take(bench, sizes[i]);
	meter_stop(&bench->allocs, BATCH);
}

static void replace(struct bench *bench, unsigned long count)
{
	bench->frees = (struct meter){ 0 };
	bench->allocs = (struct meter){ 0 };
	while (bench->allocs.calls < count)
		replace_batch(bench);
}

static void bench_init(struct bench *bench, unsigned long n)
{
	unsigned long i, extents = 2 * n + 4 * BATCH;

	*bench = (struct bench){ .seed = n };
	bench->store = calloc(extents, sizeof(*bench->store));
	bench->live = calloc(n, sizeof(*bench->live));
	if (!bench->store || !bench->live) {
		fprintf(stderr, "bench_free_tree: no memory for %lu extents\n", extents);
		exit(1);
	}
	for (i = 0; i < extents; i++)
		vext_pool_push(&bench->spares, &bench->store[i]);
	free_tree_init(&bench->tree, 1);
	free_tree_open(&bench->tree, &bench->marker, vext_pool_pop(&bench->spares), 0,
		       (n + BATCH) * 4 * LARGEST_SIZE);
	while (bench->nr_live < n)
		bench->live[bench->nr_live++] = take(bench, 1 + draw(bench, LARGEST_SIZE));
}

static void run(unsigned long n, unsigned long count)
{
	struct bench bench;

	bench_init(&bench, n);
	replace(&bench, 3 * n);
	replace(&bench, count);
	printf("%9lu %10.1f %10.1f %14lu\n", n, per_call(&bench.allocs), per_call(&bench.frees),
	       bench.tree.count);
	fflush(stdout);
	free(bench.store);
	free(bench.live);
}

int main(int argc, char **argv)
{
	unsigned long count = DEFAULT_COUNT, largest = DEFAULT_LARGEST, n;
	const struct program_option options[] = {
		{ .name = "--operations", .number = &count, .min = 1, .max = MOST },
		{ .name = "--largest", .number = &largest, .min = SMALLEST, .max = MOST },
		{ }
	};

	read_options(argc, argv, "usage: bench_free_tree [--operations N] [--largest N]\n",
		     options);
	printf("%9s %10s %10s %14s\n", "live", "alloc, ns", "free, ns", "free extents");
	for (n = SMALLEST; n <= largest; n *= 10)
		run(n, count);
	return 0;
}
