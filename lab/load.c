// SPDX-License-Identifier: GPL-2.0
/*
 * load.c - the list of operations, and the random numbers they are made from
 *
 * Theory
 *
 * The list grows by doubling, up to LAB_MAX_OPS; a load that would need more is refused as a
 * whole. The random numbers are xorshift64* (Marsaglia 2003, Vigna 2016): the same in the kernel
 * and in user space, so that one seed is one load wherever it is replayed.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "lab.h"

static bool enlarge(struct lab_load *load)
{
	unsigned long room = load->room ? min(2 * load->room, LAB_MAX_OPS) : 1024;
	struct lab_op *ops;

	if (room == load->room)
		return false;
	ops = lab_zalloc(room * sizeof(*ops));
	if (!ops)
		return false;
	if (load->ops)
		memcpy(ops, load->ops, load->nr_ops * sizeof(*ops));
	lab_release(load->ops);
	load->ops = ops;
	load->room = room;
	return true;
}

/* One more operation, all of it zero; NULL if there is no memory or too many. */
struct lab_op *lab_load_add(struct lab_load *load)
{
	if (load->nr_ops == load->room && !enlarge(load))
		return NULL;
	return &load->ops[load->nr_ops++];
}

void lab_load_free(struct lab_load *load)
{
	lab_release(load->ops);
	memset(load, 0, sizeof(*load));
}

void lab_random_seed(struct lab_random *random, u64 seed)
{
	/* Neighbouring seeds must not give similar streams, and 0 would give none at all. */
	random->state = (seed + 1) * 0x9e3779b97f4a7c15ULL;
	if (!random->state)
		random->state = 1;
	lab_random_below(random, 1);
	lab_random_below(random, 1);
}

/* A number below @bound, which is not 0 and far below 2^32. */
u64 lab_random_below(struct lab_random *random, u64 bound)
{
	u64 x = random->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	random->state = x;
	return (((x * 0x2545f4914f6cdd1dULL) >> 32) * bound) >> 32;
}
