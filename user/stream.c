// SPDX-License-Identifier: GPL-2.0
/*
 * stream.c - turns bytes into operations on a twin
 *
 * Any bytes make a valid stream, so a fuzzer need know nothing of the format, and a small change of
 * the bytes is a small change of the operations.  The bytes may come from a file or from random
 * numbers; the long random tests and the fuzzers are the same in everything else.
 *
 * The first byte says in which zone of the address space the spans lie: at zero, at odd low
 * addresses, across the middle, or up to the very top; and of what grain all sizes and addresses
 * are.  A zone has one slot for each span, side by side; a span may begin a little above its slot's
 * start and end anywhere in it, so spans may also touch.  After that each operation is a byte that
 * says which, and a few that say how.
 *
 * The sieve cuts single units out of all that is free, so many at once that no free extent is left
 * with room for an aligned request though each is long enough: what the memory of barren ground is
 * for.  A pending search takes one round at a time, with other operations in between.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

/* In grains; the model counts units, so a span is at most as long as that at a grain of one. */
#define SLOT_GRAINS	512UL
#define ZONE_GRAINS	(MODEL_SPANS * SLOT_GRAINS)

#define MIDDLE		(1UL << (BITS_PER_LONG - 1))

static const struct {
	unsigned long start, grain;
} zones[] = {
	{ 0, 1 }, { 3, 1 }, { 4093, 1 }, { MIDDLE - ZONE_GRAINS / 2, 1 }, { MIDDLE - 7, 1 },
	{ ~0UL - ZONE_GRAINS, 1 }, { 0, 4 }, { 4098, 2 }, { ~0UL - 3 - 4 * ZONE_GRAINS, 4 },
};

/* SplitMix64 (Steele, Lea, Flood 2014). */
static unsigned long next_random(unsigned long *seed)
{
	unsigned long z = *seed += 0x9e3779b97f4a7c15UL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9UL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebUL;
	return z ^ (z >> 31);
}

static unsigned int byte(struct stream *stream)
{
	if (!stream->data)
		return next_random(&stream->seed) & 0xff;
	if (!stream->left)
		return 0;
	stream->left--;
	return *stream->data++;
}

static unsigned int word(struct stream *stream)
{
	unsigned int high = byte(stream);

	return high << 8 | byte(stream);
}

/* An address in the zone or just past it. */
static unsigned long address(struct stream *stream)
{
	unsigned long offset = word(stream) % (ZONE_GRAINS + 2) * stream->grain;

	return stream->zone > ~0UL - offset ? -stream->grain : stream->zone + offset;
}

static void op_alloc(struct stream *stream)
{
	unsigned int how = byte(stream);

	twin_alloc(&stream->twin, (1 + how % 16) * stream->grain, 1UL << (how / 16 % 4), 0, ~0UL);
}

static void op_alloc_any(struct stream *stream)
{
	unsigned long size = (1 + word(stream) % (SLOT_GRAINS + 1)) * stream->grain;

	twin_alloc(&stream->twin, size, 1UL << (byte(stream) % BITS_PER_LONG), 0, ~0UL);
}

static void op_alloc_range(struct stream *stream)
{
	unsigned long lo = address(stream), hi = address(stream);
	unsigned long size = (1 + byte(stream) % 32) * stream->grain;

	if (lo <= hi && hi - lo >= size)
		twin_alloc(&stream->twin, size, 1UL << (byte(stream) % 5), lo, hi);
}

static void op_free(struct stream *stream)
{
	if (stream->twin.nr_busy)
		twin_free(&stream->twin, word(stream) % stream->twin.nr_busy);
}

static void op_sieve(struct stream *stream)
{
	unsigned int how = byte(stream), period = 3 + how % 6, phase = how / 6 % period;
	unsigned long at, from = 0, grain = stream->grain;
	struct model_run run;

	while (model_next_run(&stream->twin.model, from, &run)) {
		for (at = run.start; at < run.end && twin_ok(&stream->twin); at += grain) {
			if (at / grain % period == phase)
				twin_alloc_at(&stream->twin, at, grain);
		}
		from = run.end;
	}
}

static void open_slot(struct stream *stream, unsigned int slot)
{
	unsigned long offset = byte(stream) % 4, grains = 1 + word(stream) % SLOT_GRAINS;
	unsigned long start = stream->zone + (slot * SLOT_GRAINS + offset) * stream->grain;

	if (grains > SLOT_GRAINS - offset)
		grains = SLOT_GRAINS - offset;
	twin_open(&stream->twin, start, grains * stream->grain);
}

/* Close the span in a slot if it has one and all of it is free; open one if there is none. */
static void op_slot(struct stream *stream)
{
	unsigned int slot = byte(stream) % MODEL_SPANS, i;
	struct model *model = &stream->twin.model;

	for (i = 0; i < model->count; i++) {
		if ((model->spans[i].start - stream->zone) / stream->grain / SLOT_GRAINS == slot) {
			twin_close(&stream->twin, i);
			return;
		}
	}
	open_slot(stream, slot);
}

static void op_begin(struct stream *stream)
{
	unsigned int how = byte(stream), index = how % STREAM_PENDING;
	unsigned long lo = how & 0x80 ? address(stream) : 0;
	unsigned long size = (1 + how / 2 % 8) * stream->grain;

	if (stream->is_pending[index] || ~0UL - lo < size)
		return;
	stream->is_pending[index] = true;
	twin_begin(&stream->twin, &stream->pending[index], size, 2UL << (how / 16 % 4), lo, ~0UL);
}

static void op_pending(struct stream *stream)
{
	unsigned int index = byte(stream) % STREAM_PENDING;

	if (stream->is_pending[index])
		stream->is_pending[index] =
			twin_step(&stream->twin, &stream->pending[index]) == FREE_AGAIN;
}

static void op_probe(struct stream *stream)
{
	twin_probe(&stream->twin, address(stream));
}

static void (*const operations[])(struct stream *stream) = {
	op_alloc, op_alloc_any, op_alloc_range, op_free, op_sieve, op_slot, op_begin, op_pending,
	op_probe,
};

/* How often each of them comes, of 64, in a random stream that fills and in one that drains. */
static const unsigned char weights[2][ARRAY_SIZE(operations)] = {
	{ 18, 2, 4, 28, 0, 3, 2, 4, 3 },
	{ 28, 2, 4, 16, 1, 2, 2, 6, 3 },
};

static unsigned int which(struct stream *stream)
{
	unsigned int pick = byte(stream), i = 0;
	const unsigned char *weight = weights[stream->filling];

	if (stream->data)
		return pick % (ARRAY_SIZE(operations));
	if (word(stream) < 65536 / 500)
		stream->filling = !stream->filling;
	for (pick %= 64; pick >= weight[i]; i++)
		pick -= weight[i];
	return i;
}

static void set_up(struct stream *stream)
{
	unsigned int zone = byte(stream) % (ARRAY_SIZE(zones));

	stream->zone = zones[zone].start;
	stream->grain = zones[zone].grain;
	twin_init(&stream->twin, stream->grain);
	open_slot(stream, byte(stream) % MODEL_SPANS);
}

/* Operations from @size bytes at @data. */
void stream_init(struct stream *stream, const unsigned char *data, unsigned long size)
{
	memset(stream, 0, sizeof(*stream));
	stream->data = data;
	stream->left = size;
	set_up(stream);
}

/* Random operations without end. */
void stream_init_random(struct stream *stream, unsigned long seed)
{
	memset(stream, 0, sizeof(*stream));
	stream->seed = seed;
	stream->filling = true;
	set_up(stream);
}

/* Do one operation and check everything.  Return false at the end, or when the twin is wrong. */
bool stream_step(struct stream *stream)
{
	if (stream->data && !stream->left)
		return false;
	operations[which(stream)](stream);
	twin_check(&stream->twin);
	return twin_ok(&stream->twin);
}

/* Free what is busy, close all spans: nothing may be left. */
void stream_fini(struct stream *stream)
{
	struct twin *twin = &stream->twin;

	while (twin->nr_busy && twin_ok(twin))
		twin_free(twin, twin->nr_busy - 1);
	while (twin->model.count && twin_ok(twin)) {
		if (!twin_close(twin, twin->model.count - 1))
			twin_fail(twin, "a span is not free at the end");
	}
	if (twin_ok(twin) && (twin->tree.count || twin->tree.units || twin->tree.root.rb_node ||
			      twin->summary.used))
		twin_fail(twin, "the tree is not empty at the end");
	twin_fini(twin);
}

/* Do all operations from @size bytes at @data; end the process if the tree is not as its model. */
void stream_play(const unsigned char *data, unsigned long size)
{
	static struct stream stream;
	unsigned long steps = 0;

	stream_init(&stream, size ? data : (const unsigned char *)"", size);
	while (stream_step(&stream))
		steps++;
	stream_fini(&stream);
	if (twin_ok(&stream.twin))
		return;
	fprintf(stderr, "step %lu: %s\n", steps, stream.twin.wrong);
	abort();
}
