// SPDX-License-Identifier: GPL-2.0
/*
 * index_kunit.c - arenas whose index is a summary, beside arenas with the index that is the default
 *
 * All other suites can be run with the parameter index=summary, too; this one has what they do not
 * ask: who chooses the index, and what becomes of its nodes.
 */
#include <linux/mm.h>

#include "vmap_kunit.h"

#define UNITS		4096UL
#define HELD		256U
#define APART		64U

static struct vmap_arena *with_summary(struct kunit *test, unsigned long start, unsigned long end,
				       unsigned long quantum, unsigned int shards)
{
	struct vmap_arena *arena;

	arena = kt_keep(test, vmap_arena_create_range_flags(kt_name(), start, end, quantum, shards,
							    VMAP_ARENA_SUMMARY));
	KUNIT_ASSERT_PTR_EQ(test, arena->cache.purge.space.tree.summary,
			    &arena->cache.purge.space.summary);
	WRITE_ONCE(arena->cache.caching, false);
	return arena;
}

static void the_index_is_chosen(struct kunit *test)
{
	struct vmap_arena *memory = kt_memory(test, VMAP_ARENA_SUMMARY);
	struct vmap_arena *range = kt_range(test, 0, UNITS, 1);
	struct vmap_arena *sharded = with_summary(test, 0, UNITS, 1, 4);
	static const char file[] = "/sys/module/vmap_arena/parameters/index";
	char word[16] = "";

	KUNIT_EXPECT_GT(test, kt_stats(memory).index_nodes, 0);
	KUNIT_EXPECT_GE(test, kt_stats(sharded).index_nodes, 4);
	KUNIT_ASSERT_GT(test, kt_read(file, word, sizeof(word)), 0);
	KUNIT_EXPECT_EQ(test, !kt_stats(range).index_nodes, !strncmp(word, "tree", 4));
}

static void other_flags_are_refused(struct kunit *test)
{
	static const unsigned int bad[] = {
		VMAP_ARENA_NOCACHE, VMAP_ARENA_SUMMARY | VMAP_ARENA_HUGE, 1U << 31,
	};
	struct vmap_arena *arena;
	struct kt_log log;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "only those in 0x10 are known"), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		arena = vmap_arena_create_range_flags(kt_name(), 0, UNITS, 1, 1, bad[i]);
		KUNIT_EXPECT_EQ(test, PTR_ERR(arena), -EINVAL);
	}
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, ARRAY_SIZE(bad));
}

/* One step of a load, in both arenas: the extents of a slot come and go together. */
static void step_both(struct kunit *test, struct vmap_arena *arenas[2],
		      struct vmap_extent *held[2], struct rnd_state *rnd)
{
	unsigned long size = 1 + prandom_u32_state(rnd) % 32;
	unsigned long align = 1UL << prandom_u32_state(rnd) % 8;
	bool busy = held[0];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (busy)
			vmap_extent_free(arenas[i], held[i]);
		held[i] = busy ? NULL : vmap_extent_alloc(arenas[i], size, align, GFP_KERNEL);
	}
	if (busy)
		return;
	KUNIT_ASSERT_EQ(test, IS_ERR(held[0]), IS_ERR(held[1]));
	if (IS_ERR(held[0])) {
		held[0] = NULL;
		held[1] = NULL;
	} else {
		KUNIT_ASSERT_EQ(test, vmap_extent_start(held[0]), vmap_extent_start(held[1]));
	}
}

/* A summary and the default index choose the same addresses. */
static void both_indexes_agree(struct kunit *test)
{
	struct vmap_extent *(*held)[2] = kunit_kcalloc(test, HELD, sizeof(*held), GFP_KERNEL);
	struct vmap_arena *arenas[2] = { with_summary(test, 0, UNITS, 1, 1),
					 kt_range(test, 0, UNITS, 1) };
	struct rnd_state rnd;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, held);
	WRITE_ONCE(arenas[1]->cache.caching, false);
	kt_seed_random(test, &rnd);
	for (i = 0; i < 20 * kt_loops; i++) {
		step_both(test, arenas, held[prandom_u32_state(&rnd) % HELD], &rnd);
		cond_resched();
	}
	kt_verify(test, arenas[0]);
	KUNIT_EXPECT_EQ(test, kt_stats(arenas[0]).largest_free, kt_stats(arenas[1]).largest_free);
	for (i = 0; i < HELD; i++) {
		vmap_extent_free(arenas[0], held[i][0]);
		vmap_extent_free(arenas[1], held[i][1]);
	}
	KUNIT_EXPECT_EQ(test, kt_stats(arenas[0]).free, UNITS);
}

/* Nodes are there where tiles end, and nowhere else. */
static void nodes_come_and_go(struct kunit *test)
{
	struct vmap_arena *arena = with_summary(test, 0, APART * 1024, 64, 1);
	unsigned long before = kt_stats(arena).index_nodes, i;
	struct vmap_extent *extents[APART];

	for (i = 0; i < APART; i++) {
		extents[i] = vmap_extent_alloc_range(arena, 64, 64, i * 1024, i * 1024 + 64,
						     GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, extents[i]);
	}
	kt_verify(test, arena);
	/* The extents and the free ones between them end in leaves of their own. */
	KUNIT_EXPECT_GE(test, kt_stats(arena).index_nodes, before + APART - 1);
	for (i = 0; i < APART; i++)
		vmap_extent_free(arena, extents[i]);
	kt_verify(test, arena);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).index_nodes, before);
}

/* A cut that finds no nodes gets them first, or fails with nothing half done. */
static void a_cut_gets_its_nodes(struct kunit *test)
{
	struct vmap_arena *arena = with_summary(test, 0, UNITS, 1, 1);
	struct vmap_space *space = &arena->cache.purge.space;
	struct vmap_extent *extent;
	struct summary_node *node;
	struct summary_pool taken = {};
	unsigned long flags;

	raw_spin_lock_irqsave(&space->lock, flags);
	while ((node = summary_pool_pop(&space->summary.spares)))
		summary_pool_push(&taken, node);
	raw_spin_unlock_irqrestore(&space->lock, flags);
	extent = vmap_extent_alloc_range(arena, 8, 1, 100, 108, GFP_KERNEL);
	KUNIT_EXPECT_FALSE(test, IS_ERR(extent));
	kt_verify(test, arena);
	vmap_extent_free(arena, extent);
	raw_spin_lock_irqsave(&space->lock, flags);
	while ((node = summary_pool_pop(&taken)))
		summary_pool_push(&space->summary.spares, node);
	raw_spin_unlock_irqrestore(&space->lock, flags);
}

/* What is free in a summary is as little busy as what is free in a tree. */
static void freed_twice_is_reported(struct kunit *test)
{
	struct vmap_arena *arena = with_summary(test, 0, UNITS, 1, 1);
	struct vmap_extent *extents[3];
	struct kt_log log;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		extents[i] = vmap_extent_alloc(arena, 8, 1, GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, extents[i]);
	}
	vmap_extent_free(arena, extents[1]);
	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "bad free of extent"), 0);
	vmap_extent_free(arena, extents[1]);
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 1);
	kt_verify(test, arena);
	vmap_extent_free(arena, extents[0]);
	vmap_extent_free(arena, extents[2]);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).free, UNITS);
}

static struct kunit_case index_cases[] = {
	KUNIT_CASE(the_index_is_chosen),
	KUNIT_CASE(other_flags_are_refused),
	KUNIT_CASE(both_indexes_agree),
	KUNIT_CASE(nodes_come_and_go),
	KUNIT_CASE(a_cut_gets_its_nodes),
	KUNIT_CASE(freed_twice_is_reported),
	{}
};

static struct kunit_suite index_suite = {
	.name = "vmap_index",
	.test_cases = index_cases,
};

kunit_test_suite(index_suite);
