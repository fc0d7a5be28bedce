// SPDX-License-Identifier: GPL-2.0
/*
 * peer_none.c - does nothing, so what it costs is what the timer and the calls cost
 */
#include "bench.h"

static bool none_alloc(struct bench_area *area, unsigned long align)
{
	return true;
}

static void none_free(struct bench_area *area)
{
}

const struct bench_peer bench_none = {
	.name = "none",
	.large = true,
	.differs = "does nothing: the cost of measuring",
	.aligns = true,
	.alloc = none_alloc,
	.free = none_free,
};
