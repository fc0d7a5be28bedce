// SPDX-License-Identifier: GPL-2.0
/*
 * owners_kunit.c - what the file owners says of who holds what
 *
 * The tests allocate from functions of their own, which the file has to name, and hold what a
 * reader of the file sees against what they asked for.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "vmap_kunit.h"

#define OWNERS		"/sys/kernel/debug/vmap_arena/%s/owners"

/* As OWNERS_MOST in owners.c, and more owners than that. */
#define ROWS		1024
#define TOO_MANY	(ROWS + 76)

/* A line for each row of the two tables, each a line of less than 100 bytes. */
#define TEXT_BYTES	(256UL << 10)

#define SMALL		100UL
#define LARGE		(3 * PAGE_SIZE + 1)

struct row {
	unsigned long areas;
	unsigned long asked;
	unsigned long used;
	char who[64];
};

/* One of the two tables of the file. */
struct rows {
	unsigned int count;
	struct row row[TOO_MANY];
};

static struct rows callers, modules;

/* Read a table up to an empty line. */
static void read_rows(struct kunit *test, struct rows *rows, char **text, const char *title)
{
	char *line = strsep(text, "\n");

	rows->count = 0;
	KUNIT_ASSERT_NOT_NULL(test, line);
	KUNIT_ASSERT_NOT_NULL(test, strstr(line, title));
	while ((line = strsep(text, "\n")) && *line) {
		struct row *row = &rows->row[rows->count++];
		int got;

		KUNIT_ASSERT_LE(test, rows->count, TOO_MANY);
		got = sscanf(line, "%lu %lu %lu %63s", &row->areas, &row->asked, &row->used,
			     row->who);
		KUNIT_ASSERT_EQ(test, got, 4);
	}
}

static void read_owners(struct kunit *test, struct vmap_arena *arena)
{
	char *text = kunit_kzalloc(test, TEXT_BYTES, GFP_KERNEL);
	char command[96];

	KUNIT_ASSERT_NOT_NULL(test, text);
	snprintf(command, sizeof(command), "cat " OWNERS " >/tmp/owners",
		 arena->cache.purge.space.name);
	KUNIT_ASSERT_EQ(test, kt_shell(command), 0);
	KUNIT_ASSERT_GT(test, kt_read("/tmp/owners", text, TEXT_BYTES - 1), 0);
	read_rows(test, &callers, &text, "caller");
	read_rows(test, &modules, &text, "module");
}

static void expect_row(struct kunit *test, const struct row *row, unsigned long areas,
		       unsigned long asked, unsigned long used, const char *who)
{
	KUNIT_EXPECT_EQ(test, row->areas, areas);
	KUNIT_EXPECT_EQ(test, row->asked, asked);
	KUNIT_EXPECT_EQ(test, row->used, used);
	KUNIT_EXPECT_EQ_MSG(test, strncmp(row->who, who, strlen(who)), 0, "%s", row->who);
}

/* The callers that the file has to name: the barriers keep each call from being a jump. */
static noinline void take_small(struct vmap_arena *arena, void **area, unsigned int count)
{
	while (count--)
		area[count] = vmap_arena_alloc(arena, SMALL, 1, GFP_KERNEL, NUMA_NO_NODE);
	barrier();
}

static noinline void take_large(struct vmap_arena *arena, void **area, unsigned int count)
{
	while (count--)
		area[count] = vmap_arena_alloc(arena, LARGE, 1, GFP_KERNEL, NUMA_NO_NODE);
	barrier();
}

static noinline void take_extents(struct vmap_arena *arena, struct vmap_extent **extent,
				  unsigned int count, unsigned int step)
{
	unsigned int i;

	for (i = 0; i < count; i += step)
		extent[i] = vmap_extent_alloc(arena, 16, 1, GFP_KERNEL);
	barrier();
}

static void give_all(void **area, unsigned int count)
{
	while (count--)
		vmap_free(area[count]);
}

/* Each owner has its row, the biggest first; what is freed, or kept for reuse, is nobody's. */
static void areas_have_owners(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	unsigned long guard = arena->cache.purge.space.guard;
	unsigned long small = PAGE_SIZE + guard, large = 4 * PAGE_SIZE + guard;
	void *smalls[5], *larges[3];

	take_small(arena, smalls, 5);
	take_large(arena, larges, 3);
	read_owners(test, arena);
	KUNIT_ASSERT_EQ(test, callers.count, 2);
	expect_row(test, &callers.row[0], 3, 3 * LARGE, 3 * large, "take_large");
	expect_row(test, &callers.row[1], 5, 5 * SMALL, 5 * small, "take_small");
	KUNIT_ASSERT_EQ(test, modules.count, 1);
	expect_row(test, &modules.row[0], 8, 3 * LARGE + 5 * SMALL, 3 * large + 5 * small,
		   "vmap_kunit");
	give_all(larges, 3);
	read_owners(test, arena);
	KUNIT_ASSERT_EQ(test, callers.count, 1);
	expect_row(test, &callers.row[0], 5, 5 * SMALL, 5 * small, "take_small");
	give_all(smalls, 5);
	read_owners(test, arena);
	KUNIT_EXPECT_EQ(test, callers.count, 0);
	KUNIT_EXPECT_EQ(test, modules.count, 0);
}

/* An area from the reserve uses all of its slot; of a slot that waits nobody is the owner. */
static void slots_are_used_whole(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	void *area;

	arena->cache.purge.space.limit = 0;
	KUNIT_ASSERT_EQ(test, vmap_arena_reserve(arena, 8 * PAGE_SIZE, 4, 4), 0);
	take_small(arena, &area, 1);
	read_owners(test, arena);
	KUNIT_ASSERT_EQ(test, callers.count, 1);
	expect_row(test, &callers.row[0], 1, SMALL,
		   4 * PAGE_SIZE + arena->cache.purge.space.guard, "take_small");
	vmap_free(area);
}

/* Extents of a range arena, also those that were in the middle of the tree while they were free. */
static void extents_have_owners(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, 1UL << 20, 1);
	struct vmap_extent *extent[128];
	unsigned int i;

	take_extents(arena, extent, ARRAY_SIZE(extent), 1);
	for (i = 0; i < ARRAY_SIZE(extent); i += 2)
		vmap_extent_free(arena, extent[i]);
	vmap_arena_purge(arena);
	take_extents(arena, extent, ARRAY_SIZE(extent), 2);
	read_owners(test, arena);
	KUNIT_ASSERT_EQ(test, callers.count, 1);
	expect_row(test, &callers.row[0], 128, 128 * 16, 128 * 16, "take_extents");
	for (i = 0; i < ARRAY_SIZE(extent); i++)
		vmap_extent_free(arena, extent[i]);
}

/* Owners without number take no more memory, and are counted together. */
static void too_many_owners_share_a_row(struct kunit *test)
{
	struct vmap_extent **extent = kunit_kcalloc(test, TOO_MANY, sizeof(*extent), GFP_KERNEL);
	struct vmap_arena *arena = kt_range(test, 0, 1UL << 20, 1);
	unsigned int i, rest = TOO_MANY - ROWS;

	KUNIT_ASSERT_NOT_NULL(test, extent);
	take_extents(arena, extent, TOO_MANY, 1);
	for (i = 0; i < TOO_MANY; i++)
		extent[i]->caller = (void *)(i + 1UL);
	read_owners(test, arena);
	KUNIT_ASSERT_EQ(test, callers.count, ROWS + 1);
	expect_row(test, &callers.row[ROWS], rest, 16 * rest, 16 * rest, "others");
	KUNIT_ASSERT_EQ(test, modules.count, 2);
	expect_row(test, &modules.row[0], ROWS, 16 * ROWS, 16 * ROWS, "kernel");
	expect_row(test, &modules.row[1], rest, 16 * rest, 16 * rest, "others");
	for (i = 0; i < TOO_MANY; i++)
		vmap_extent_free(arena, extent[i]);
}

static struct kunit_case owners_cases[] = {
	KUNIT_CASE(areas_have_owners),
	KUNIT_CASE(slots_are_used_whole),
	KUNIT_CASE(extents_have_owners),
	KUNIT_CASE(too_many_owners_share_a_row),
	{}
};

static struct kunit_suite owners_suite = { .name = "vmap_owners", .test_cases = owners_cases };

kunit_test_suite(owners_suite);
