// SPDX-License-Identifier: GPL-2.0
/*
 * compact_kunit.c - movable extents and compaction: buffers that move, against a model
 *
 * A gadget is a device: an array of bytes, one for each unit of a range arena.  A buffer is an
 * extent of the arena with its bytes in the device; its mover copies the bytes to their new place
 * and spoils the old one, so that whoever looks at the old place afterwards, or is given a place
 * that somebody still has, finds wrong bytes.
 *
 * The model (user/model.c) says what a compaction may do: who is asked, for which place, and
 * whether the request can fit afterwards.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "vmap_kunit.h"
#include "../user/model.h"

/* Units of most arenas here, and the most buffers. */
#define UNITS	512
#define BUFFERS	96

/* What the bytes of a place are that nobody has any more. */
#define SPOILT	0xdb

/**
 * struct gadget - a device, where buffers are
 * @test: the test
 * @arena: who has the units
 * @bytes: one for each unit
 * @model: who has the units, as the movers tell; NULL: nobody keeps it
 */
struct gadget {
	struct kunit *test;
	struct vmap_arena *arena;
	u8 *bytes;
	struct model *model;
};

/**
 * struct buffer - an extent and its bytes
 * @gadget: where it is
 * @extent: its units
 * @lock: covers @at, and the bytes
 * @at: where they are
 * @value: what each byte is
 * @asked: how often its mover was called
 * @answer: what the mover returns, if not 0
 * @frees: the mover frees the extent
 * @remarks: the mover tries what movers may not do
 * @greedy: units that the mover asks for, in vain
 * @entered: the mover has begun, if @slow
 * @leave: the mover may end, if @slow
 * @slow: the mover waits
 */
struct buffer {
	struct gadget *gadget;
	struct vmap_extent *extent;
	/* Covers at, value, and the bytes. */
	struct mutex lock;
	unsigned long at;
	u8 value;
	unsigned int asked;
	int answer;
	bool frees;
	bool remarks;
	unsigned long greedy;
	struct completion entered;
	struct completion leave;
	bool slow;
};

static struct gadget *new_gadget(struct kunit *test, unsigned long units, unsigned long quantum)
{
	struct gadget *gadget = kunit_kzalloc(test, sizeof(*gadget), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, gadget);
	gadget->test = test;
	gadget->bytes = kunit_kzalloc(test, units, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, gadget->bytes);
	gadget->arena = kt_range(test, 0, units, quantum);
	WRITE_ONCE(gadget->arena->cache.caching, false);
	gadget->arena->compaction.background = false;
	return gadget;
}

static noinline_for_stack unsigned long live_in(struct gadget *gadget)
{
	return kt_stats(gadget->arena).areas;
}

static unsigned long size_of(const struct buffer *buffer)
{
	return vmap_extent_size(buffer->extent);
}

/* Does the mover of a live extent see what it must?  The extent says where it was. */
static void check_call(struct buffer *buffer, struct vmap_extent *extent, unsigned long to)
{
	struct kunit *test = buffer->gadget->test;

	KUNIT_EXPECT_PTR_EQ(test, extent, buffer->extent);
	KUNIT_EXPECT_EQ(test, vmap_extent_start(extent), buffer->at);
	KUNIT_EXPECT_LE(test, to + size_of(buffer), buffer->at);
}

/* The model has both places from now on; which one it keeps is known when the mover returns. */
static void model_move(struct buffer *buffer, unsigned long to)
{
	struct model *model = buffer->gadget->model;
	struct free_search want = { .size = size_of(buffer), .align = 1, .hi = buffer->at };
	unsigned long lowest = ULONG_MAX;
	struct kunit *test = buffer->gadget->test;

	KUNIT_EXPECT_TRUE(test, model_lowest(model, &want, MODEL_NOW, &lowest));
	KUNIT_EXPECT_EQ(test, to, lowest);
	if (buffer->answer)
		return;
	model_set(model, to, want.size, buffer->value);
	model_set(model, buffer->at, want.size, 0);
}

/* What movers may not do, and what they may. */
static void try_what_is_not_allowed(struct buffer *buffer)
{
	struct vmap_arena *arena = buffer->gadget->arena;
	struct kunit *test = buffer->gadget->test;
	struct vmap_extent *extent;

	KUNIT_EXPECT_EQ(test, vmap_arena_compact(arena, arena->cache.purge.space.quantum),
			-EDEADLK);
	KUNIT_EXPECT_EQ(test, vmap_extent_set_movable(arena, buffer->extent, NULL, NULL), -EDEADLK);
	KUNIT_EXPECT_EQ(test, vmap_arena_destroy(arena), -EBUSY);
	extent = vmap_extent_alloc(arena, 1, 1, GFP_KERNEL);
	KUNIT_EXPECT_FALSE(test, IS_ERR(extent));
	vmap_extent_free(arena, extent);
	kt_verify(test, arena);
}

/* A request of @size, as an interrupt makes it, for which there is no room. */
static void refuse(struct kunit *test, struct vmap_arena *arena, unsigned long size,
		   unsigned long align)
{
	struct vmap_extent *extent = vmap_extent_alloc(arena, size, align, GFP_ATOMIC);

	KUNIT_EXPECT_PTR_EQ(test, extent, ERR_PTR(-ENOSPC));
	vmap_extent_free(arena, extent);
}

/* As an interrupt would. */
static void free_with_interrupts_off(struct buffer *buffer)
{
	unsigned long flags;

	local_irq_save(flags);
	vmap_extent_free(buffer->gadget->arena, buffer->extent);
	local_irq_restore(flags);
}

static int move_buffer(struct vmap_extent *extent, unsigned long to, void *data)
{
	struct buffer *buffer = data;
	u8 *bytes = buffer->gadget->bytes;
	unsigned long size = vmap_extent_size(extent);

	buffer->asked++;
	check_call(buffer, extent, to);
	if (buffer->slow) {
		complete(&buffer->entered);
		wait_for_completion(&buffer->leave);
	}
	if (buffer->remarks)
		try_what_is_not_allowed(buffer);
	if (buffer->greedy)
		refuse(buffer->gadget->test, buffer->gadget->arena, buffer->greedy, 1);
	if (buffer->gadget->model)
		model_move(buffer, to);
	if (buffer->frees)
		free_with_interrupts_off(buffer);
	if (buffer->answer)
		return buffer->answer;
	mutex_lock(&buffer->lock);
	memcpy(bytes + to, bytes + buffer->at, size);
	memset(bytes + buffer->at, SPOILT, size);
	buffer->at = to;
	mutex_unlock(&buffer->lock);
	return 0;
}

/* Are all bytes of a buffer, and nobody else's, where it says? */
static bool is_intact(struct buffer *buffer)
{
	unsigned long i, size = size_of(buffer);
	bool intact = true;

	mutex_lock(&buffer->lock);
	for (i = 0; i < size; i++)
		intact &= buffer->gadget->bytes[buffer->at + i] == buffer->value;
	mutex_unlock(&buffer->lock);
	return intact;
}

static void expect_intact(struct kunit *test, struct buffer *buffer)
{
	KUNIT_EXPECT_TRUE(test, is_intact(buffer));
	KUNIT_EXPECT_EQ(test, vmap_extent_start(buffer->extent), buffer->at);
}

/* Make a buffer of an extent, and write its bytes. */
static void fill_buffer(struct gadget *gadget, struct buffer *buffer, struct vmap_extent *extent,
			u8 value)
{
	*buffer = (struct buffer){
		.gadget = gadget,
		.extent = extent,
		.at = vmap_extent_start(extent),
		.value = value,
	};
	mutex_init(&buffer->lock);
	init_completion(&buffer->entered);
	init_completion(&buffer->leave);
	memset(gadget->bytes + buffer->at, value, vmap_extent_size(extent));
}

static int mark(struct buffer *buffer)
{
	return vmap_extent_set_movable(buffer->gadget->arena, buffer->extent, move_buffer, buffer);
}

static int unmark(struct buffer *buffer)
{
	return vmap_extent_set_movable(buffer->gadget->arena, buffer->extent, NULL, NULL);
}

static void free_buffer(struct buffer *buffer)
{
	if (!buffer->extent)
		return;
	memset(buffer->gadget->bytes + buffer->at, SPOILT, size_of(buffer));
	vmap_extent_free(buffer->gadget->arena, buffer->extent);
	buffer->extent = NULL;
}

/* Buffers of @size side by side from the begin of the device, each marked. */
static struct buffer *row_of_buffers(struct kunit *test, struct gadget *gadget, unsigned int count,
				     unsigned long size)
{
	struct buffer *buffers = kunit_kcalloc(test, count, sizeof(*buffers), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buffers);
	for (i = 0; i < count; i++) {
		struct vmap_extent *extent =
			vmap_extent_alloc(gadget->arena, size, 1, GFP_KERNEL);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, extent);
		KUNIT_ASSERT_EQ(test, vmap_extent_start(extent), i * size);
		fill_buffer(gadget, &buffers[i], extent, i + 1);
		KUNIT_ASSERT_EQ(test, mark(&buffers[i]), 0);
	}
	return buffers;
}

/* Free every other buffer, from @first on. */
static void free_every_other(struct buffer *buffers, unsigned int first, unsigned int count)
{
	unsigned int i;

	for (i = first; i < count; i += 2)
		free_buffer(&buffers[i]);
}

static void expect_all_intact(struct kunit *test, struct buffer *buffers, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (buffers[i].extent)
			expect_intact(test, &buffers[i]);
}

static void free_all(struct buffer *buffers, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		free_buffer(&buffers[i]);
}

static int never_called(struct vmap_extent *extent, unsigned long to, void *data)
{
	struct kunit *test = data;

	KUNIT_FAIL(test, "asked to move to %lu", to);
	return -EIO;
}

/* Each report names the arena; none of these calls changes anything. */
static void bad_requests_are_refused(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 64, 1 << 20, 16);
	struct vmap_arena *other = kt_range(test, 64, 1 << 20, 16);
	struct vmap_arena *memory = kt_memory(test, 0);
	struct vmap_extent *extent = vmap_extent_alloc(arena, 1024, 1, GFP_KERNEL);
	struct vmap_extent *stale = vmap_extent_alloc(arena, 1 << 19, 1, GFP_KERNEL);
	struct kt_log log;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, extent);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, stale);
	vmap_extent_free(arena, stale);
	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "made movable or not"), 0);
#define EXPECT_REFUSED(arena, extent) \
	KUNIT_EXPECT_EQ(test, vmap_extent_set_movable(arena, extent, never_called, test), -EINVAL)
	EXPECT_REFUSED(arena, NULL);
	EXPECT_REFUSED(arena, ERR_PTR(-ENOSPC));
	EXPECT_REFUSED(arena, stale);
	EXPECT_REFUSED(other, extent);
	EXPECT_REFUSED(memory, extent);
	EXPECT_REFUSED(NULL, extent);
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 6);
	KUNIT_EXPECT_EQ(test, vmap_extent_start(extent), 64);
	vmap_extent_free(arena, extent);
}

static void bad_sizes_are_refused(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 64, 1 << 20, 16);
	struct vmap_arena *memory = kt_memory(test, 0);
	struct kt_log log;

	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "multiple of the quantum, 16"), 0);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(arena, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(arena, 8), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(arena, 100), -EINVAL);
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 3);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, "for 100 units"), "said: %s", log.last);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(memory, PAGE_SIZE), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(NULL, PAGE_SIZE), -EINVAL);
}

/* A mark comes, is replaced and goes; a free takes it away; a second free is noticed. */
static void the_mark_comes_and_goes(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, UNITS, 1);
	struct vmap_extent *extent = vmap_extent_alloc(arena, 8, 1, GFP_KERNEL);
	struct kt_log log;
	unsigned int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, extent);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, vmap_extent_set_movable(arena, extent, NULL, NULL), 0);
		KUNIT_EXPECT_EQ(test, vmap_extent_set_movable(arena, extent, never_called, test),
				0);
		KUNIT_EXPECT_EQ(test, vmap_extent_set_movable(arena, extent, never_called, test),
				0);
	}
	KUNIT_EXPECT_EQ(test, kt_stats(arena).busy, 8);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 1);
	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "bad free of extent"), 0);
	vmap_extent_free(arena, extent);
	vmap_extent_free(arena, extent);
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 1);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 0);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(arena, UNITS), 0);
}

/* What a request that fits, one that never can, and an arena without movers cost: nothing. */
static void nothing_moves_in_vain(struct kunit *test)
{
	struct gadget *gadget = new_gadget(test, UNITS, 1);
	struct buffer *buffers = row_of_buffers(test, gadget, 8, 64);
	struct vmap_arena *arena = gadget->arena;

	free_every_other(buffers, 0, 8);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(arena, 64), 0);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(arena, 4 * 64 + 1), -ENOSPC);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(arena, ULONG_MAX), -ENOSPC);
	KUNIT_EXPECT_EQ(test, unmark(&buffers[1]), 0);
	KUNIT_EXPECT_EQ(test, unmark(&buffers[3]), 0);
	KUNIT_EXPECT_EQ(test, unmark(&buffers[5]), 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).compactions, 0);
	/* The last one may move, but then only 192 units come together. */
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(arena, 193), -ENOENT);
	KUNIT_EXPECT_EQ(test, buffers[7].asked, 0);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(arena, 128), 0);
	KUNIT_EXPECT_EQ(test, buffers[7].asked, 1);
	KUNIT_EXPECT_EQ(test, buffers[7].at, 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).moved, 1);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).moved_units, 64);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).compactions, 2);
	kt_verify(test, arena);
	expect_all_intact(test, buffers, 8);
	free_all(buffers, 8);
}

/* The highest go to the lowest places, one after the other, and no more of them than are needed. */
static void the_top_moves_to_the_bottom(struct kunit *test)
{
	struct gadget *gadget = new_gadget(test, UNITS, 1);
	struct buffer *buffers = row_of_buffers(test, gadget, 16, 32);
	unsigned int i;

	free_every_other(buffers, 0, 16);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(gadget->arena, 96), 0);
	KUNIT_EXPECT_EQ(test, buffers[15].at, 0);
	KUNIT_EXPECT_EQ(test, buffers[13].at, 64);
	for (i = 1; i < 13; i += 2)
		KUNIT_EXPECT_EQ(test, buffers[i].at, i * 32);
	KUNIT_EXPECT_EQ(test, kt_stats(gadget->arena).largest_free, 128);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(gadget->arena, UNITS / 2), 0);
	KUNIT_EXPECT_EQ(test, kt_stats(gadget->arena).largest_free, UNITS / 2);
	KUNIT_EXPECT_EQ(test, kt_stats(gadget->arena).moved, 4);
	kt_verify(test, gadget->arena);
	expect_all_intact(test, buffers, 16);
	free_all(buffers, 16);
}

/* An extent that was aligned stays so, also one that came out of the cache. */
static void alignment_is_kept(struct kunit *test)
{
	struct gadget *gadget = new_gadget(test, UNITS, 4);
	struct buffer buffers[3];
	struct vmap_extent *low, *hole, *pin;

	low = vmap_extent_alloc(gadget->arena, 4, 1, GFP_KERNEL);
	hole = vmap_extent_alloc(gadget->arena, 124, 1, GFP_KERNEL);
	pin = vmap_extent_alloc(gadget->arena, 128, 1, GFP_KERNEL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(low) || IS_ERR(hole) || IS_ERR(pin));
	fill_buffer(gadget, &buffers[0], vmap_extent_alloc(gadget->arena, 4, 64, GFP_KERNEL), 1);
	fill_buffer(gadget, &buffers[1],
		    vmap_extent_alloc_range(gadget->arena, 4, 32, 300, UNITS, GFP_KERNEL), 2);
	fill_buffer(gadget, &buffers[2],
		    vmap_extent_alloc_range(gadget->arena, 4, 1, 400, UNITS, GFP_KERNEL), 3);
	KUNIT_EXPECT_EQ(test, mark(&buffers[0]) ?: mark(&buffers[1]) ?: mark(&buffers[2]), 0);
	vmap_extent_free(gadget->arena, hole);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(gadget->arena, UNITS / 2), 0);
	KUNIT_EXPECT_EQ(test, buffers[2].at, 4);
	KUNIT_EXPECT_EQ(test, buffers[1].at, 32);
	KUNIT_EXPECT_EQ(test, buffers[0].at, 64);
	kt_verify(test, gadget->arena);
	expect_all_intact(test, buffers, 3);
	free_all(buffers, 3);
	vmap_extent_free(gadget->arena, low);
	vmap_extent_free(gadget->arena, pin);
}

/* What its mover refuses stays where it is, and is asked once a compaction; others move on. */
static void a_mover_may_refuse(struct kunit *test)
{
	struct gadget *gadget = new_gadget(test, UNITS, 1);
	struct buffer *buffers = row_of_buffers(test, gadget, 16, 32);

	free_every_other(buffers, 0, 16);
	buffers[13].answer = -EBUSY;
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(gadget->arena, 96), 0);
	KUNIT_EXPECT_EQ(test, buffers[13].asked, 1);
	KUNIT_EXPECT_EQ(test, buffers[13].at, 13 * 32);
	KUNIT_EXPECT_EQ(test, kt_stats(gadget->arena).moves_refused, 1);
	kt_verify(test, gadget->arena);
	expect_all_intact(test, buffers, 16);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(gadget->arena, UNITS / 2), -ENOENT);
	KUNIT_EXPECT_EQ(test, kt_stats(gadget->arena).busy, UNITS / 2);
	kt_verify(test, gadget->arena);
	expect_all_intact(test, buffers, 16);
	free_all(buffers, 16);
}

/* A mover may allocate and free, but not compact, nor change its own mark, nor end the arena. */
static void what_a_mover_may_do(struct kunit *test)
{
	struct gadget *gadget = new_gadget(test, UNITS, 1);
	struct buffer *buffers = row_of_buffers(test, gadget, 8, 64);

	free_every_other(buffers, 0, 8);
	buffers[7].remarks = true;
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(gadget->arena, 128), 0);
	KUNIT_EXPECT_EQ(test, buffers[7].asked, 1);
	expect_all_intact(test, buffers, 8);
	free_all(buffers, 8);
}

/* The mover frees the extent that it moves, and then says that it has moved it, or has not. */
static void free_by_the_mover(struct kunit *test, int answer)
{
	struct gadget *gadget = new_gadget(test, UNITS, 1);
	struct buffer *buffers = row_of_buffers(test, gadget, 8, 64);

	free_every_other(buffers, 0, 8);
	buffers[7].frees = true;
	buffers[7].answer = answer;
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(gadget->arena, 128), 0);
	kt_verify(test, gadget->arena);
	KUNIT_EXPECT_EQ(test, live_in(gadget), 3);
	KUNIT_EXPECT_EQ(test, kt_stats(gadget->arena).busy, 3 * 64);
	KUNIT_EXPECT_EQ(test, kt_stats(gadget->arena).moved, 0);
	buffers[7].extent = NULL;
	expect_all_intact(test, buffers, 8);
	free_all(buffers, 8);
}

static void a_mover_may_free_its_extent(struct kunit *test)
{
	free_by_the_mover(test, 0);
	free_by_the_mover(test, -EIO);
}

/**
 * struct errand - a call that another thread makes
 * @arena: of which arena
 * @buffer: with which buffer
 * @wanted: how much is to fit
 * @err: what the call returned
 * @done: it has returned
 */
struct errand {
	struct vmap_arena *arena;
	struct buffer *buffer;
	unsigned long wanted;
	int err;
	struct completion done;
};

static int compact_there(void *data)
{
	struct errand *errand = data;

	errand->err = vmap_arena_compact(errand->arena, errand->wanted);
	complete(&errand->done);
	return 0;
}

static int unmark_there(void *data)
{
	struct errand *errand = data;

	errand->err = unmark(errand->buffer);
	complete(&errand->done);
	return 0;
}

static void send(struct kunit *test, struct errand *errand, int (*call)(void *data))
{
	init_completion(&errand->done);
	KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(call, errand, "kunit-errand")));
}

/* A compaction of a thread whose first mover, that of @buffers[7], has begun and waits. */
static struct errand *stop_in_a_mover(struct kunit *test, struct gadget *gadget,
				      struct buffer *buffers)
{
	struct errand *errand = kunit_kzalloc(test, sizeof(*errand), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, errand);
	free_every_other(buffers, 0, 8);
	buffers[7].slow = true;
	errand->arena = gadget->arena;
	errand->wanted = 128;
	send(test, errand, compact_there);
	wait_for_completion(&buffers[7].entered);
	return errand;
}

/* The second free is noticed, and no mark is given afterwards. */
static noinline_for_stack void free_twice(struct kunit *test, struct buffer *buffer)
{
	struct kt_log log;

	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "bad free of extent"), 0);
	vmap_extent_free(buffer->gadget->arena, buffer->extent);
	vmap_extent_free(buffer->gadget->arena, buffer->extent);
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 1);
	KUNIT_EXPECT_EQ(test, unmark(buffer), -EINVAL);
}

/* While a mover runs its extent has both places; freed, it counts until the mover has returned. */
static void freed_while_it_moves(struct kunit *test)
{
	struct gadget *gadget = new_gadget(test, UNITS, 1);
	struct buffer *buffers = row_of_buffers(test, gadget, 8, 64);
	struct errand *errand = stop_in_a_mover(test, gadget, buffers);

	KUNIT_EXPECT_EQ(test, kt_stats(gadget->arena).busy, 5 * 64);
	KUNIT_EXPECT_EQ(test, live_in(gadget), 4);
	kt_verify(test, gadget->arena);
	free_twice(test, &buffers[7]);
	KUNIT_EXPECT_EQ(test, live_in(gadget), 4);
	free_every_other(buffers, 1, 7);
	KUNIT_EXPECT_EQ(test, live_in(gadget), 1);
	KUNIT_EXPECT_EQ(test, vmap_arena_destroy(gadget->arena), -EBUSY);
	kt_verify(test, gadget->arena);
	complete(&buffers[7].leave);
	wait_for_completion(&errand->done);
	KUNIT_EXPECT_EQ(test, errand->err, 0);
	KUNIT_EXPECT_EQ(test, live_in(gadget), 0);
	KUNIT_EXPECT_EQ(test, kt_stats(gadget->arena).largest_free, UNITS);
}

/* An arena that is being compacted is not destroyed, though nothing is allocated any more. */
static void no_arena_goes_while_it_is_compacted(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, UNITS, 1);

	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 0);
	atomic_inc(&arena->compaction.running);
	KUNIT_EXPECT_EQ(test, vmap_arena_destroy(arena), -EBUSY);
	atomic_dec(&arena->compaction.running);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(arena, UNITS), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&arena->compaction.running), 0);
}

/* To take the mark away waits for the mover: nothing of it runs afterwards. */
static void the_mark_goes_after_the_mover(struct kunit *test)
{
	struct gadget *gadget = new_gadget(test, UNITS, 1);
	struct buffer *buffers = row_of_buffers(test, gadget, 8, 64);
	struct errand *compactor = stop_in_a_mover(test, gadget, buffers);
	struct errand *errand = kunit_kzalloc(test, sizeof(*errand), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, errand);
	errand->buffer = &buffers[7];
	send(test, errand, unmark_there);
	KUNIT_EXPECT_TRUE(test, kt_until(wq_has_sleeper(&gadget->arena->compaction.moved_one)));
	KUNIT_EXPECT_FALSE(test, completion_done(&errand->done));
	complete(&buffers[7].leave);
	wait_for_completion(&errand->done);
	KUNIT_EXPECT_EQ(test, errand->err, 0);
	wait_for_completion(&compactor->done);
	KUNIT_EXPECT_EQ(test, compactor->err, 0);
	expect_all_intact(test, buffers, 8);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(gadget->arena, 4 * 64), 0);
	KUNIT_EXPECT_EQ(test, buffers[7].asked, 1);
	free_all(buffers, 8);
}

/* How many calls are deferred until one compacts again, and fails. */
static unsigned int deferred_until_next(struct kunit *test, struct vmap_arena *arena,
					unsigned long wanted)
{
	unsigned int deferred = 0;
	int err;

	while ((err = vmap_arena_compact(arena, wanted)) == -EAGAIN)
		deferred++;
	KUNIT_EXPECT_EQ(test, err, -ENOENT);
	return deferred;
}

/* After failures larger requests are put off, smaller ones are not; success ends that. */
static void failures_put_off_the_next(struct kunit *test)
{
	static const unsigned int puts_off[] = { 0, 1, 3, 7, 15, 31, 63, 63 };
	struct gadget *gadget = new_gadget(test, UNITS, 1);
	struct buffer *buffers = row_of_buffers(test, gadget, 8, 64);
	unsigned int i, sum = 0;

	free_every_other(buffers, 0, 8);
	buffers[5].answer = -EBUSY;
	for (i = 0; i < ARRAY_SIZE(puts_off); i++) {
		unsigned int deferred = deferred_until_next(test, gadget->arena, 4 * 64);

		KUNIT_EXPECT_EQ(test, deferred, puts_off[i]);
		sum += deferred;
	}
	KUNIT_EXPECT_EQ(test, kt_stats(gadget->arena).compactions_deferred, sum);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(gadget->arena, 128), 0);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(gadget->arena, 4 * 64), -EAGAIN);
	buffers[5].answer = 0;
	while (vmap_arena_compact(gadget->arena, 4 * 64) == -EAGAIN)
		;
	KUNIT_EXPECT_EQ(test, kt_stats(gadget->arena).largest_free, 4 * 64);
	expect_all_intact(test, buffers, 8);
	free_all(buffers, 8);
}

/* A gadget whose arena is compacted in the background: 8 buffers of 64, every other one freed. */
static struct gadget *new_pieces(struct kunit *test, struct buffer **buffers)
{
	struct gadget *gadget = new_gadget(test, UNITS, 1);

	gadget->arena->compaction.background = true;
	*buffers = row_of_buffers(test, gadget, 8, 64);
	free_every_other(*buffers, 0, 8);
	return gadget;
}

/* Is there room for a request, as there must be? */
static void expect_room(struct kunit *test, struct gadget *gadget, unsigned long size,
			unsigned long align)
{
	struct vmap_extent *extent = vmap_extent_alloc(gadget->arena, size, align, GFP_ATOMIC);

	KUNIT_EXPECT_FALSE(test, IS_ERR(extent));
	vmap_extent_free(gadget->arena, extent);
	kt_verify(test, gadget->arena);
}

/* So often was the arena compacted, of that by the worker, who moved so many. */
static noinline_for_stack void expect_counts(struct kunit *test, struct vmap_arena *arena,
					     unsigned long all, unsigned long background,
					     unsigned long moved)
{
	struct vmap_arena_stats stats = kt_stats(arena);

	KUNIT_EXPECT_EQ(test, stats.compactions, all);
	KUNIT_EXPECT_EQ(test, stats.compactions_background, background);
	KUNIT_EXPECT_EQ(test, stats.moved_background, moved);
}

/* A request with an alignment fails: the worker makes room wherever the room may begin. */
static void room_is_made_for_alignment(struct kunit *test)
{
	struct buffer *buffers;
	struct gadget *gadget = new_pieces(test, &buffers);

	refuse(test, gadget->arena, 128, 64);
	flush_work(&gadget->arena->compaction.work);
	KUNIT_EXPECT_EQ(test, buffers[7].at, 0);
	KUNIT_EXPECT_EQ(test, buffers[5].at, 128);
	expect_room(test, gadget, 128, 64);
	free_all(buffers, 8);
}

/* A request fails, the worker makes room, and the next one does not fail. */
static void the_worker_makes_room(struct kunit *test)
{
	struct buffer *buffers;
	struct gadget *gadget = new_pieces(test, &buffers);
	struct vmap_arena *arena = gadget->arena;

	refuse(test, arena, 128, 1);
	flush_work(&arena->compaction.work);
	KUNIT_EXPECT_EQ(test, buffers[7].at, 0);
	expect_room(test, gadget, 128, 1);
	expect_counts(test, arena, 1, 1, 1);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(arena, 4 * 64), 0);
	expect_counts(test, arena, 2, 1, 1);
	expect_all_intact(test, buffers, 8);
	free_all(buffers, 8);
}

/* Of all that is asked for before the worker begins it makes room for the largest. */
static void the_largest_counts(struct kunit *test)
{
	struct buffer *buffers;
	struct gadget *gadget = new_pieces(test, &buffers);
	struct vmap_arena *arena = gadget->arena;

	mutex_lock(&arena->compaction.lock);
	refuse(test, arena, 128, 1);
	refuse(test, arena, 192, 1);
	refuse(test, arena, 128, 1);
	mutex_unlock(&arena->compaction.lock);
	flush_work(&arena->compaction.work);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).compactions, 1);
	expect_room(test, gadget, 192, 1);
	expect_all_intact(test, buffers, 8);
	free_all(buffers, 8);
}

/* Is the worker woken by a request?  Under compaction->lock, so that it has not ended again. */
static bool wakes(struct kunit *test, struct vmap_arena *arena, unsigned long size)
{
	refuse(test, arena, size, 1);
	return work_busy(&arena->compaction.work);
}

/* What no worker can help, it is not asked for. */
static void nothing_is_asked_in_vain(struct kunit *test)
{
	struct buffer *buffers;
	struct gadget *gadget = new_pieces(test, &buffers);
	struct vmap_arena *arena = gadget->arena;
	struct vmap_extent *bounded;
	unsigned int i;

	mutex_lock(&arena->compaction.lock);
	KUNIT_EXPECT_FALSE(test, wakes(test, arena, 4 * 64 + 1));
	KUNIT_EXPECT_FALSE(test, wakes(test, arena, ULONG_MAX));
	refuse(test, arena, (1UL << 63) + 2, 1UL << 63);
	bounded = vmap_extent_alloc_range(arena, 128, 1, 0, UNITS - 1, GFP_ATOMIC);
	KUNIT_EXPECT_PTR_EQ(test, bounded, ERR_PTR(-ENOSPC));
	KUNIT_EXPECT_FALSE(test, work_busy(&arena->compaction.work));
	for (i = 1; i < 8; i += 2)
		KUNIT_EXPECT_EQ(test, unmark(&buffers[i]), 0);
	KUNIT_EXPECT_FALSE(test, wakes(test, arena, 128));
	KUNIT_EXPECT_EQ(test, mark(&buffers[7]), 0);
	arena->compaction.background = false;
	KUNIT_EXPECT_FALSE(test, wakes(test, arena, 128));
	arena->compaction.background = true;
	KUNIT_EXPECT_TRUE(test, wakes(test, arena, 128));
	KUNIT_EXPECT_EQ(test, unmark(&buffers[7]), 0);
	mutex_unlock(&arena->compaction.lock);
	flush_work(&arena->compaction.work);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).compactions, 0);
	free_all(buffers, 8);
}

/* The parameter says whether arenas are compacted in the background. */
static void the_parameter_is_obeyed(struct kunit *test)
{
	static const char path[] = "/sys/module/vmap_arena/parameters/compact";
	char text[4] = {};

	KUNIT_ASSERT_EQ(test, kt_read(path, text, sizeof(text)), 2);
	KUNIT_EXPECT_EQ(test, kt_range(test, 0, UNITS, 1)->compaction.background, text[0] == 'Y');
	KUNIT_EXPECT_FALSE(test, kt_memory(test, 0)->compaction.background);
}

/* A request of a mover's own does not ask the worker, which else might go on without end. */
static void movers_do_not_ask(struct kunit *test)
{
	struct buffer *buffers;
	struct gadget *gadget = new_pieces(test, &buffers);
	struct vmap_arena *arena = gadget->arena;
	unsigned int turn;

	buffers[7].greedy = 192;
	refuse(test, arena, 128, 1);
	for (turn = 0; turn < 2; turn++)
		flush_work(&arena->compaction.work);
	KUNIT_EXPECT_EQ(test, buffers[7].asked, 1);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).compactions, 1);
	expect_all_intact(test, buffers, 8);
	free_all(buffers, 8);
}

/* Failures put off the worker as they put off callers, and before it takes what is cached. */
static void failures_put_off_the_worker(struct kunit *test)
{
	struct buffer *buffers;
	struct gadget *gadget = new_pieces(test, &buffers);
	struct vmap_arena *arena = gadget->arena;
	unsigned int asked;

	buffers[5].answer = -EBUSY;
	for (asked = 1; asked < 32; asked++) {
		refuse(test, arena, 4 * 64, 1);
		flush_work(&arena->compaction.work);
		KUNIT_EXPECT_EQ(test, kt_stats(arena).compactions, ilog2(asked + 1));
	}
	expect_counts(test, arena, 5, 5, kt_stats(arena).moved);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).compactions_deferred, 31 - 5);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(arena, 4 * 64), -EAGAIN);
	expect_all_intact(test, buffers, 8);
	free_all(buffers, 8);
}

/* All extents are freed while the worker moves one: the arena stays until the mover returns. */
static void freed_while_the_worker_moves(struct kunit *test)
{
	struct buffer *buffers;
	struct gadget *gadget = new_pieces(test, &buffers);
	struct vmap_arena *arena = gadget->arena;

	buffers[7].slow = true;
	refuse(test, arena, 128, 1);
	wait_for_completion(&buffers[7].entered);
	free_all(buffers, 8);
	KUNIT_EXPECT_EQ(test, live_in(gadget), 1);
	KUNIT_EXPECT_EQ(test, vmap_arena_destroy(arena), -EBUSY);
	kt_verify(test, arena);
	complete(&buffers[7].leave);
	flush_work(&arena->compaction.work);
	KUNIT_EXPECT_EQ(test, live_in(gadget), 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).largest_free, UNITS);
}

static int destroy_there(void *data)
{
	struct errand *errand = data;

	errand->err = vmap_arena_destroy(errand->arena);
	complete(&errand->done);
	return 0;
}

/* An arena of this name whose worker has begun, and waits for compaction->lock; all is free. */
static struct vmap_arena *stop_the_worker(struct kunit *test, const char *name)
{
	struct vmap_arena *arena = vmap_arena_create_range(name, 0, 3, 1);
	struct vmap_extent *extent[3];
	unsigned int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, arena);
	arena->compaction.background = true;
	WRITE_ONCE(arena->cache.caching, false);
	for (i = 0; i < ARRAY_SIZE(extent); i++)
		extent[i] = vmap_extent_alloc(arena, 1, 1, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, vmap_extent_set_movable(arena, extent[1], never_called, test), 0);
	vmap_extent_free(arena, extent[0]);
	vmap_extent_free(arena, extent[2]);
	mutex_lock(&arena->compaction.lock);
	refuse(test, arena, 2, 1);
	KUNIT_EXPECT_TRUE(test, kt_until(work_busy(&arena->compaction.work) == WORK_BUSY_RUNNING));
	vmap_extent_free(arena, extent[1]);
	return arena;
}

/* An open file of the arena, which keeps the struct when the arena is destroyed. */
static struct file *keep_struct(struct kunit *test, const char *name)
{
	char path[64];
	struct file *file;

	snprintf(path, sizeof(path), "/sys/kernel/debug/vmap_arena/%s/areas", name);
	file = filp_open(path, O_RDONLY, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	return file;
}

/* The end of an arena in which nothing is left waits for the worker, who may still look at it. */
static void the_end_waits_for_the_worker(struct kunit *test)
{
	char name[VMAP_NAME_MAX];
	struct vmap_arena *arena, *next;
	struct errand *errand = kunit_kzalloc(test, sizeof(*errand), GFP_KERNEL);
	struct file *file;

	KUNIT_ASSERT_NOT_NULL(test, errand);
	strscpy(name, kt_name(), sizeof(name));
	arena = stop_the_worker(test, name);
	/* So that the lock can be let go of, whatever the end has done. */
	file = keep_struct(test, name);
	errand->arena = arena;
	send(test, errand, destroy_there);
	/* The name is free: the end is not refused any more, and about to wait. */
	KUNIT_EXPECT_TRUE(test, kt_until(!IS_ERR(next = vmap_arena_create_range(name, 0, 1, 1))));
	msleep(50);
	KUNIT_EXPECT_FALSE(test, completion_done(&errand->done));
	mutex_unlock(&arena->compaction.lock);
	wait_for_completion(&errand->done);
	KUNIT_EXPECT_EQ(test, errand->err, 0);
	filp_close(file, NULL);
	KUNIT_EXPECT_EQ(test, vmap_arena_destroy(next), 0);
}

/* What is cached is free for a compaction, which then has nothing to move. */
static void the_cache_gives_way(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, UNITS, 1);
	struct vmap_extent *extent[UNITS / 8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(extent); i++)
		extent[i] = vmap_extent_alloc(arena, 8, 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, extent[0]);
	KUNIT_EXPECT_EQ(test, vmap_extent_set_movable(arena, extent[0], never_called, test), 0);
	for (i = 1; i < ARRAY_SIZE(extent); i++)
		vmap_extent_free(arena, extent[i]);
	KUNIT_EXPECT_GT(test, kt_stats(arena).cached, 0);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(arena, UNITS - 8), 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).compactions, 0);
	vmap_extent_free(arena, extent[0]);
}

/* A walk of the test's own, in the manner of walk.c: its next tile, while others move the tiles. */
static void begin_walk(struct vmap_walk *walk, struct vmap_space *space)
{
	struct vmap_span *span = list_first_entry(&space->spans, struct vmap_span, link);
	unsigned long flags;

	*walk = (struct vmap_walk){ .space = space };
	raw_spin_lock_irqsave(&space->lock, flags);
	walk->next = span->marker.next;
	list_add(&walk->link, &space->walkers);
	raw_spin_unlock_irqrestore(&space->lock, flags);
}

/* Note the next tile in walk->tile.  Return false at the end, which also ends the walk. */
static bool step_walk(struct vmap_walk *walk)
{
	struct vmap_space *space = walk->space;
	struct vmap_extent *next;
	unsigned long flags;
	bool found;

	raw_spin_lock_irqsave(&space->lock, flags);
	next = walk->next;
	found = next && (vext_is_free(next) || next->state != VMAP_MARKER);
	if (found) {
		walk->tile.start = next->start;
		walk->tile.end = vext_end(next);
		walk->next = next->next;
	} else {
		list_del(&walk->link);
	}
	raw_spin_unlock_irqrestore(&space->lock, flags);
	return found;
}

/* Walk, and compact after @steps: no unit may be seen twice. */
static void walk_while_compacting(struct kunit *test, unsigned int steps)
{
	struct gadget *gadget = new_gadget(test, UNITS, 1);
	struct buffer *buffers = row_of_buffers(test, gadget, 8, 64);
	unsigned long end = 0;
	struct vmap_walk walk;

	free_every_other(buffers, 0, 8);
	begin_walk(&walk, &gadget->arena->cache.purge.space);
	while (step_walk(&walk)) {
		KUNIT_EXPECT_GE(test, walk.tile.start, end);
		end = walk.tile.end;
		if (!--steps)
			KUNIT_EXPECT_EQ(test, vmap_arena_compact(gadget->arena, 4 * 64), 0);
	}
	free_all(buffers, 8);
}

/* A reader of the tiles sees no unit twice, though extents change places while it reads. */
static void readers_see_no_unit_twice(struct kunit *test)
{
	unsigned int steps;

	for (steps = 1; steps <= 8; steps++)
		walk_while_compacting(test, steps);
}

/**
 * struct drill - random buffers of a device and of the model
 * @gadget: the device
 * @model: the one span of its arena
 * @units: of @model
 * @buffer: what there is
 * @rnd: where chance comes from
 * @want: large requests made
 * @fit: of these, those that fitted at once
 * @won: of the others, those that fitted after a compaction
 * @hopeless: of the others, those for which too little was free
 * @won_units: by how many units the longest free extent grew
 */
struct drill {
	struct gadget *gadget;
	struct model model;
	struct model_unit units[UNITS];
	struct buffer buffer[BUFFERS];
	struct rnd_state rnd;
	unsigned long want;
	unsigned long fit;
	unsigned long won;
	unsigned long hopeless;
	unsigned long won_units;
};

static unsigned long pick(struct drill *drill, unsigned long below)
{
	return prandom_u32_state(&drill->rnd) % below;
}

/* A buffer in an empty slot; one in four cannot be moved, one in eight refuses. */
static void drill_alloc(struct kunit *test, struct drill *drill, struct buffer *buffer)
{
	unsigned long size = 1 + pick(drill, 16), chance = pick(drill, 8);
	struct vmap_extent *extent = vmap_extent_alloc(drill->gadget->arena, size, 1, GFP_KERNEL);

	if (IS_ERR(extent)) {
		KUNIT_EXPECT_EQ(test, PTR_ERR(extent), -ENOSPC);
		return;
	}
	fill_buffer(drill->gadget, buffer, extent, 1 + pick(drill, 200));
	model_set(&drill->model, buffer->at, size, buffer->value);
	if (chance == 2)
		buffer->answer = -EBUSY;
	if (chance >= 2)
		KUNIT_EXPECT_EQ(test, mark(buffer), 0);
}

static void drill_free(struct drill *drill, struct buffer *buffer)
{
	model_set(&drill->model, buffer->at, size_of(buffer), 0);
	free_buffer(buffer);
}

/* Compact for a large request: the model knows what fits before and after, and who has moved. */
static void drill_compact(struct kunit *test, struct drill *drill)
{
	struct vmap_arena *arena = drill->gadget->arena;
	unsigned long wanted = 16 + pick(drill, UNITS / 4), moved = kt_stats(arena).moved;
	struct model_survey before = model_survey(&drill->model), after;
	int err;

	/* Failures are not to put off what comes next. */
	arena->compaction.failed = 0;
	err = vmap_arena_compact(arena, wanted);
	after = model_survey(&drill->model);
	drill->want++;
	if (before.longest >= wanted) {
		drill->fit++;
		KUNIT_EXPECT_EQ(test, err, 0);
	} else if (before.units < wanted) {
		drill->hopeless++;
		KUNIT_EXPECT_EQ(test, err, -ENOSPC);
	} else {
		drill->won += !err;
		drill->won_units += max(after.longest, before.longest) - before.longest;
		KUNIT_EXPECT_EQ(test, err, after.longest >= wanted ? 0 : -ENOENT);
		return;
	}
	KUNIT_EXPECT_EQ(test, kt_stats(arena).moved, moved);
}

static void drill_check(struct kunit *test, struct drill *drill)
{
	struct model_survey survey = model_survey(&drill->model);
	struct vmap_arena_stats stats = kt_stats(drill->gadget->arena);

	kt_verify(test, drill->gadget->arena);
	expect_all_intact(test, drill->buffer, BUFFERS);
	KUNIT_EXPECT_EQ(test, stats.free, survey.units);
	KUNIT_EXPECT_EQ(test, stats.largest_free, survey.longest);
}

static void drill_step(struct kunit *test, struct drill *drill)
{
	struct buffer *buffer = &drill->buffer[pick(drill, BUFFERS)];

	if (!pick(drill, 4))
		drill_compact(test, drill);
	else if (buffer->extent)
		drill_free(drill, buffer);
	else
		drill_alloc(test, drill, buffer);
}

/* Buffers come, go and are moved at random; the model knows who has which unit. */
static void random_buffers_against_a_model(struct kunit *test)
{
	struct drill *drill = kvzalloc(sizeof(*drill), GFP_KERNEL);
	struct vmap_arena_stats stats;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, drill);
	drill->gadget = new_gadget(test, UNITS, 1);
	drill->gadget->model = &drill->model;
	model_open(&drill->model, 0, UNITS, drill->units);
	kt_seed_random(test, &drill->rnd);
	for (i = 0; i < kt_loops; i++) {
		drill_step(test, drill);
		drill_check(test, drill);
		cond_resched();
	}
	stats = kt_stats(drill->gadget->arena);
	kunit_info(test, "%lu large requests: %lu fit, %lu more after a compaction, %lu lack units; %lu units moved, %lu won",
		   drill->want, drill->fit, drill->won, drill->hopeless, stats.moved_units,
		   drill->won_units);
	KUNIT_EXPECT_GT(test, stats.moved, 0);
	free_all(drill->buffer, BUFFERS);
	kvfree(drill);
}

#define TENANTS	2
#define HELD	24

/**
 * struct tenant - a thread that uses buffers while others compact
 * @gadget: of which device
 * @buffer: its buffers
 * @seed: of its random numbers
 * @spoilt: how often a buffer had wrong bytes, or was not where it said
 * @failed: how often a mark was refused
 * @thread: the thread
 */
struct tenant {
	struct gadget *gadget;
	struct buffer buffer[HELD];
	unsigned long seed;
	unsigned long spoilt;
	unsigned long failed;
	struct task_struct *thread;
};

/* Look at a buffer, change its bytes, its mark, or free it: at any time it may be about to move. */
static void use_buffer(struct tenant *tenant, struct buffer *buffer, unsigned long chance)
{
	tenant->spoilt += !is_intact(buffer);
	switch (chance % 4) {
	case 0:
		tenant->failed += !!unmark(buffer);
		tenant->spoilt += vmap_extent_start(buffer->extent) != buffer->at;
		free_buffer(buffer);
		break;
	case 1:
		mutex_lock(&buffer->lock);
		buffer->value = 1 + chance / 4 % 200;
		memset(buffer->gadget->bytes + buffer->at, buffer->value, size_of(buffer));
		mutex_unlock(&buffer->lock);
		break;
	case 2:
		tenant->failed += !!unmark(buffer);
		tenant->spoilt += vmap_extent_start(buffer->extent) != buffer->at;
		tenant->failed += !!mark(buffer);
		break;
	}
}

/* Extents without bytes, freed as they come while they may be moving. */
static void use_extent(struct tenant *tenant, struct rnd_state *rnd)
{
	struct vmap_extent *extent =
		vmap_extent_alloc(tenant->gadget->arena, 1 + prandom_u32_state(rnd) % 8, 1,
				  prandom_u32_state(rnd) % 2 ? GFP_KERNEL : GFP_ATOMIC);

	vmap_extent_free(tenant->gadget->arena, extent);
}

static int use_buffers(void *data)
{
	struct tenant *tenant = data;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, tenant->seed);
	while (!kthread_should_stop()) {
		struct buffer *buffer = &tenant->buffer[prandom_u32_state(&rnd) % HELD];
		unsigned long chance = prandom_u32_state(&rnd);
		struct vmap_extent *extent;

		cond_resched();
		use_extent(tenant, &rnd);
		if (buffer->extent) {
			use_buffer(tenant, buffer, chance);
			continue;
		}
		extent = vmap_extent_alloc(tenant->gadget->arena, 1 + chance % 12, 1, GFP_KERNEL);
		if (IS_ERR(extent))
			continue;
		fill_buffer(tenant->gadget, buffer, extent, 1 + chance % 200);
		tenant->failed += !!mark(buffer);
	}
	return 0;
}

static int move_nothing(struct vmap_extent *extent, unsigned long to, void *data)
{
	cond_resched();
	return 0;
}

/* Allocates, marks and frees: many frees meet a move. */
static int churn_movable(void *data)
{
	struct tenant *tenant = data;
	struct vmap_arena *arena = tenant->gadget->arena;
	struct vmap_extent *extent[HELD] = {};
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, tenant->seed);
	while (!kthread_should_stop()) {
		i = prandom_u32_state(&rnd) % HELD;
		cond_resched();
		if (extent[i]) {
			vmap_extent_free(arena, extent[i]);
			extent[i] = NULL;
			continue;
		}
		extent[i] = vmap_extent_alloc(arena, 1 + i % 8, 1, GFP_KERNEL);
		if (IS_ERR(extent[i]))
			extent[i] = NULL;
		else
			tenant->failed +=
				!!vmap_extent_set_movable(arena, extent[i], move_nothing, NULL);
	}
	for (i = 0; i < HELD; i++)
		vmap_extent_free(arena, extent[i]);
	return 0;
}

static void start_tenants(struct kunit *test, struct gadget *gadget, struct tenant *tenants,
			  unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		tenants[i].gadget = gadget;
		tenants[i].seed = kt_seed + i;
		tenants[i].thread = kthread_run(i ? use_buffers : churn_movable, &tenants[i],
						"kunit-tenant/%u", i);
		KUNIT_EXPECT_FALSE(test, IS_ERR(tenants[i].thread));
	}
}

static void stop_tenants(struct kunit *test, struct tenant *tenants, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (!IS_ERR(tenants[i].thread))
			kthread_stop(tenants[i].thread);
		expect_all_intact(test, tenants[i].buffer, HELD);
		free_all(tenants[i].buffer, HELD);
		KUNIT_EXPECT_EQ(test, tenants[i].spoilt, 0);
		KUNIT_EXPECT_EQ(test, tenants[i].failed, 0);
	}
}

/* Do the invariants hold, as the file verify says, which walks through the tiles? */
static void verify_live(struct kunit *test, struct vmap_arena *arena)
{
	char command[128];

	snprintf(command, sizeof(command), "grep -qx ok /sys/kernel/debug/vmap_arena/%s/verify",
		 arena->cache.purge.space.name);
	KUNIT_EXPECT_EQ(test, kt_shell(command), 0);
}

static noinline_for_stack void tell(struct kunit *test, struct vmap_arena *arena)
{
	struct vmap_arena_stats stats = kt_stats(arena);

	kunit_info(test, "%lu compactions, %lu moved, of these %lu and %lu in the background",
		   stats.compactions, stats.moved, stats.compactions_background,
		   stats.moved_background);
}

/* Threads use buffers, mark, unmark and free them while this one compacts, verifies and walks. */
static void beside_allocations_and_frees(struct kunit *test)
{
	struct gadget *gadget = new_gadget(test, UNITS, 1);
	struct tenant *tenants = kvcalloc(TENANTS + 1, sizeof(*tenants), GFP_KERNEL);
	struct vmap_extent *extent;
	unsigned int i;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, tenants);
	WRITE_ONCE(gadget->arena->cache.caching, true);
	gadget->arena->compaction.background = true;
	start_tenants(test, gadget, tenants, TENANTS + 1);
	for (i = 0; i < kt_loops; i++) {
		/* Often there is no room, and the worker moves beside what comes next. */
		extent = vmap_extent_alloc(gadget->arena, 64 + i % 160, 1, GFP_ATOMIC);
		vmap_extent_free(gadget->arena, extent);
		err = vmap_arena_compact(gadget->arena, 32 + i % 160);
		if (err && err != -ENOSPC && err != -ENOENT && err != -EAGAIN)
			KUNIT_FAIL(test, "error %d", err);
		kt_verify(test, gadget->arena);
		if (!(i % 32))
			verify_live(test, gadget->arena);
		cond_resched();
	}
	stop_tenants(test, tenants, TENANTS + 1);
	flush_work(&gadget->arena->compaction.work);
	tell(test, gadget->arena);
	KUNIT_EXPECT_EQ(test, live_in(gadget), 0);
	kvfree(tenants);
}

static struct kunit_case compact_cases[] = {
	KUNIT_CASE(bad_requests_are_refused),
	KUNIT_CASE(bad_sizes_are_refused),
	KUNIT_CASE(the_mark_comes_and_goes),
	KUNIT_CASE(nothing_moves_in_vain),
	KUNIT_CASE(the_top_moves_to_the_bottom),
	KUNIT_CASE(alignment_is_kept),
	KUNIT_CASE(a_mover_may_refuse),
	KUNIT_CASE(what_a_mover_may_do),
	KUNIT_CASE(a_mover_may_free_its_extent),
	KUNIT_CASE(freed_while_it_moves),
	KUNIT_CASE(no_arena_goes_while_it_is_compacted),
	KUNIT_CASE(the_mark_goes_after_the_mover),
	KUNIT_CASE(failures_put_off_the_next),
	KUNIT_CASE(the_worker_makes_room),
	KUNIT_CASE(room_is_made_for_alignment),
	KUNIT_CASE(the_largest_counts),
	KUNIT_CASE(nothing_is_asked_in_vain),
	KUNIT_CASE(the_parameter_is_obeyed),
	KUNIT_CASE(movers_do_not_ask),
	KUNIT_CASE(failures_put_off_the_worker),
	KUNIT_CASE(freed_while_the_worker_moves),
	KUNIT_CASE(the_end_waits_for_the_worker),
	KUNIT_CASE(the_cache_gives_way),
	KUNIT_CASE(readers_see_no_unit_twice),
	KUNIT_CASE(random_buffers_against_a_model),
	KUNIT_CASE(beside_allocations_and_frees),
	{}
};

static struct kunit_suite compact_suite = { .name = "vmap_compact", .test_cases = compact_cases };
kunit_test_suite(compact_suite);
