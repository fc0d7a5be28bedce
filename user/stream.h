/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stream.h - operations on a twin, read from bytes
 *
 * See the theory statement in stream.c.
 */
#ifndef STREAM_H
#define STREAM_H

#include "twin.h"

#define STREAM_PENDING	2

/**
 * struct stream - a twin, and where the bytes come from
 * @twin: the twin
 * @pending: searches that other operations interrupt
 * @is_pending: which of them are under way
 * @data: the bytes that are left; NULL: they are random, from @seed
 * @left: how many
 * @seed: state of the random numbers
 * @zone: where the spans lie
 * @grain: what all sizes and addresses are multiples of
 * @filling: random: allocations are more likely than frees, or less
 */
struct stream {
	struct twin twin;
	struct twin_search pending[STREAM_PENDING];
	bool is_pending[STREAM_PENDING];
	const unsigned char *data;
	unsigned long left;
	unsigned long seed;
	unsigned long zone;
	unsigned long grain;
	bool filling;
};

void stream_init(struct stream *stream, const unsigned char *data, unsigned long size);
void stream_init_random(struct stream *stream, unsigned long seed);
bool stream_step(struct stream *stream);
void stream_fini(struct stream *stream);
void stream_play(const unsigned char *data, unsigned long size);

#endif
