// SPDX-License-Identifier: GPL-2.0
/*
 * arena_kunit.c - arenas: create, destroy, names; spans imported and returned; full and drained
 *
 * Load vmap_arena.ko with span_size=2M, or these take long.  With arena_limit=8M it is also seen
 * that the parameter works; the tests that need more room take the limit off.
 */
#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "vmap_kunit.h"

#define ARENAS		"/sys/kernel/debug/vmap_arena"
#define FILL_ROUNDS	1000
#define FILL_MOST	1024

static void names_are_checked(struct kunit *test)
{
	static const char * const names[] = {
		NULL, "", ".", "..", "a/b", "/", "12345678901234567890123456789012", "\n", "a\n",
		"a\nb", "\t", "\r", "\x01", "\x1b[1m", "\x7f", "\x85", "\x9b", "\xa0", "\xff",
	};
	struct kt_log log;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "1 to 31 printable"), 0);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_arena_create(names[i], 0)), -EINVAL);
		KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_arena_create_range(names[i], 0, 8, 1)), -EINVAL);
	}
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 2 * ARRAY_SIZE(names));
}

/* Of a name that breaks the line, or that is too long, the report has what can be printed. */
static void a_bad_name_is_told(struct kunit *test)
{
	struct kt_log log;
	char name[200];

	memset(name, 'x', sizeof(name) - 1);
	name[0] = '\n';
	name[sizeof(name) - 1] = '\0';
	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "name of an arena"), 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_arena_create(name, 0)), -EINVAL);
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 1);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, "\\nxxx"), "said: %s", log.last);
}

static void any_printable_name_is_taken(struct kunit *test)
{
	static const char * const names[] = {
		"...", ".a", "-", "a b", "~!@#$%^&*()_+`-={}|[]\\:\"<>?,.;'",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		char name[VMAP_NAME_MAX];
		struct vmap_arena *arena;

		strscpy(name, names[i], sizeof(name));
		arena = vmap_arena_create_range(name, 0, 8, 1);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, arena);
		KUNIT_EXPECT_EQ(test, vmap_arena_destroy(arena), 0);
	}
}

static void the_longest_name_is_taken(struct kunit *test)
{
	struct vmap_arena *arena = vmap_arena_create("1234567890123456789012345678901", 0);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, arena);
	KUNIT_EXPECT_EQ(test, vmap_arena_destroy(arena), 0);
}

static void a_name_is_taken_once(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, 8, 1);
	char name[VMAP_NAME_MAX];

	strscpy(name, arena->cache.purge.space.name, sizeof(name));
	KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_arena_create(name, 0)), -EEXIST);
	KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_arena_create_range(name, 0, 8, 1)), -EEXIST);
	KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_arena_create("default", 0)), -EEXIST);
}

static void a_name_is_free_after_destroy(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 10; i++) {
		struct vmap_arena *arena = vmap_arena_create_range("kunit-again", 0, 8, 1);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, arena);
		KUNIT_EXPECT_EQ(test, vmap_arena_destroy(arena), 0);
	}
}

/* A debugfs file whose reader stays inside for as long as the test wants. */
struct held_file {
	struct vmap_arena *arena;
	const char *name;
	bool inside;
	struct completion entered;
	struct completion let_go;
	struct completion read;
	struct completion destroyed;
	int destroy_error;
};

static ssize_t stay_inside(struct file *file, char __user *text, size_t size, loff_t *pos)
{
	struct held_file *held = file_inode(file)->i_private;

	held->inside = true;
	complete(&held->entered);
	wait_for_completion(&held->let_go);
	return 0;
}

static const struct file_operations held_fops = { .owner = THIS_MODULE, .read = stay_inside };

static int read_held(void *data)
{
	struct held_file *held = data;
	char command[96];

	snprintf(command, sizeof(command), "cat " ARENAS "/%s/held", held->name);
	kt_shell(command);
	complete(&held->entered);
	complete(&held->read);
	return 0;
}

static int destroy_held(void *data)
{
	struct held_file *held = data;

	held->destroy_error = vmap_arena_destroy(held->arena);
	complete(&held->destroyed);
	return 0;
}

/* Wait until debugfs has begun to remove the folder of an arena. */
static bool await_removal(const struct dentry *dir)
{
	unsigned int tries;

	for (tries = 0; tries < 1000 && !IS_DEADDIR(d_inode(dir)); tries++)
		msleep(20);
	return tries < 1000;
}

static bool has_folder(const char *name)
{
	char command[96];

	snprintf(command, sizeof(command), "grep -q areas " ARENAS "/%s/stats", name);
	return !kt_shell(command);
}

/*
 * While somebody reads a file of an arena that is being destroyed its folder is still there, so no
 * other arena may have the name.
 */
static void a_name_is_taken_as_long_as_its_folder(struct kunit *test)
{
	struct held_file *held = kunit_kzalloc(test, sizeof(*held), GFP_KERNEL);
	const char *name = "kunit-held";
	struct vmap_arena *again;

	KUNIT_ASSERT_NOT_NULL(test, held);
	held->arena = vmap_arena_create_range(name, 0, 8, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, held->arena);
	held->name = name;
	init_completion(&held->entered);
	init_completion(&held->let_go);
	init_completion(&held->read);
	init_completion(&held->destroyed);
	debugfs_create_file("held", 0400, held->arena->dir, held, &held_fops);
	kthread_run(read_held, held, "kunit-reader");
	wait_for_completion(&held->entered);
	KUNIT_ASSERT_TRUE(test, held->inside);
	kthread_run(destroy_held, held, "kunit-destroyer");
	KUNIT_EXPECT_TRUE(test, await_removal(held->arena->dir));
	again = vmap_arena_create_range(name, 0, 8, 1);
	KUNIT_EXPECT_EQ(test, PTR_ERR(again), -EEXIST);
	complete(&held->let_go);
	wait_for_completion(&held->read);
	wait_for_completion(&held->destroyed);
	KUNIT_EXPECT_EQ(test, held->destroy_error, 0);
	if (!IS_ERR(again))
		vmap_arena_destroy(again);
	again = vmap_arena_create_range(name, 0, 8, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, again);
	KUNIT_EXPECT_TRUE(test, has_folder(name));
	KUNIT_EXPECT_EQ(test, vmap_arena_destroy(again), 0);
	KUNIT_EXPECT_FALSE(test, has_folder(name));
}

static void flags_are_checked(struct kunit *test)
{
	struct kt_log log;
	unsigned int bit, bad = 0;

	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "flags"), 0);
	for (bit = 0; bit < 32; bit++) {
		if (VMAP_ARENA_FLAGS & 1U << bit)
			continue;
		bad++;
		KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_arena_create(kt_name(), 1U << bit)), -EINVAL);
	}
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, bad);
}

static void ranges_are_checked(struct kunit *test)
{
	static const unsigned long bad[][3] = {
		{ 0, 0, 1 }, { 8, 8, 1 }, { 9, 8, 1 }, { ULONG_MAX, 0, 1 }, { 0, 8, 0 },
		{ 0, 8, 3 }, { 4, 16, 8 }, { 8, 20, 8 }, { 0, ULONG_MAX, 2 }, { 0, 8, 1UL << 63 },
		{ 0, 8, ULONG_MAX },
	};
	struct kt_log log;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "quantum must be"), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, PTR_ERR(vmap_arena_create_range(kt_name(), bad[i][0],
									  bad[i][1], bad[i][2])),
				    -EINVAL, "row %u", i);
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, ARRAY_SIZE(bad));
}

static void destroy_is_refused_while_busy(struct kunit *test)
{
	struct vmap_arena *memory = kt_memory(test, 0), *range = kt_range(test, 0, 8, 1);
	void *addr = kt_pages(memory, 1, GFP_KERNEL);
	struct vmap_extent *extent = vmap_extent_alloc(range, 1, 1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, extent);
	KUNIT_EXPECT_EQ(test, vmap_arena_destroy(memory), -EBUSY);
	KUNIT_EXPECT_EQ(test, vmap_arena_destroy(range), -EBUSY);
	KUNIT_EXPECT_EQ(test, vmap_arena_destroy(NULL), -EINVAL);
	kt_stamp(addr, PAGE_SIZE, 1);
	KUNIT_EXPECT_TRUE(test, kt_stamped(addr, PAGE_SIZE, 1));
	vmap_free(addr);
	vmap_extent_free(range, extent);
}

/* Destroyed at once: what is lazy, cached, deferred or waits for a grace period must not matter. */
static void destroy_right_after_frees(struct kunit *test)
{
	unsigned int i, j;

	for (i = 0; i < 20; i++) {
		struct vmap_arena *arena = vmap_arena_create(kt_name(), 0);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, arena);
		for (j = 0; j < 30; j++) {
			void *addr = kt_pages(arena, 1 + j % 5, GFP_KERNEL);

			if (j & 1)
				vmap_free_rcu(addr);
			else
				vmap_free(addr);
		}
		KUNIT_EXPECT_EQ(test, vmap_arena_destroy(arena), 0);
	}
}

static void kinds_are_not_mixed(struct kunit *test)
{
	struct vmap_arena *memory = kt_memory(test, 0), *range = kt_range(test, 0, 1UL << 40, 4096);

	KUNIT_EXPECT_NULL(test, kt_pages(range, 1, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_extent_alloc(memory, 1, 1, GFP_KERNEL)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_extent_alloc(NULL, 1, 1, GFP_KERNEL)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_extent_alloc_range(memory, 1, 1, 0, 9, GFP_KERNEL)),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, kt_stats(memory).busy, 0);
	KUNIT_EXPECT_EQ(test, kt_stats(range).busy, 0);
}

/*
 * The cache must not hide the kind of an arena: a number of the size, and with the alignment, of a
 * request for memory is no address.  Requests for 1 quantum give this CPU a magazine of the class
 * that a request for 1 page has.
 */
static void a_warm_range_gives_no_memory(struct kunit *test)
{
	static const unsigned long aligns[] = { 1, PAGE_SIZE, 2 * PAGE_SIZE, WINDOW_GRAIN };
	struct vmap_arena *range = kt_range(test, WINDOW_GRAIN, 2 * WINDOW_GRAIN, 1);
	unsigned int i;

	migrate_disable();
	for (i = 0; i < 16; i++)
		vmap_extent_free(range, vmap_extent_alloc(range, 1, 1, GFP_ATOMIC));
	KUNIT_EXPECT_GT(test, kt_stats(range).hits, 0);
	for (i = 0; i < ARRAY_SIZE(aligns); i++)
		KUNIT_EXPECT_NULL_MSG(test, vmap_arena_alloc(range, PAGE_SIZE, aligns[i],
							     GFP_ATOMIC, NUMA_NO_NODE),
				      "aligned to %lu", aligns[i]);
	migrate_enable();
	KUNIT_EXPECT_EQ(test, kt_stats(range).fails, ARRAY_SIZE(aligns));
	KUNIT_EXPECT_EQ(test, kt_stats(range).areas, 0);
}

/* And the other way round: what a memory arena keeps warm is not handed out as a bare extent. */
static void a_warm_memory_arena_gives_no_extents(struct kunit *test)
{
	struct vmap_arena *memory = kt_memory(test, 0);
	unsigned int i;

	migrate_disable();
	for (i = 0; i < 16; i++)
		vmap_free(kt_pages(memory, 1, GFP_ATOMIC));
	KUNIT_EXPECT_GT(test, kt_stats(memory).hits, 0);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_extent_alloc(memory, PAGE_SIZE, PAGE_SIZE << i,
								GFP_ATOMIC)), -EINVAL);
	migrate_enable();
	KUNIT_EXPECT_EQ(test, kt_stats(memory).areas, 0);
}

/* The size of the span that an arena begins with. */
static unsigned long usual_span(const struct vmap_arena *arena)
{
	const struct vmap_span *span =
		list_first_entry(&arena->cache.purge.space.spans, struct vmap_span, link);

	return span->end - span->start;
}

/* How many areas of @pages pages, and a guard each, lie side by side in such a span. */
static unsigned long areas_in_span(const struct vmap_arena *arena, unsigned long pages)
{
	return usual_span(arena) / ((pages + 1) << PAGE_SHIFT);
}

static void spans_come_and_go(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned long i, span = usual_span(arena), count = 2 * areas_in_span(arena, 127) + 1;
	void **addr = kunit_kcalloc(test, count, sizeof(*addr), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	WRITE_ONCE(arena->cache.purge.space.limit, 0);
	kt_stay_in_first_shard(arena);
	if (count > 1000)
		kunit_skip(test, "span_size is too large for this");
	KUNIT_EXPECT_EQ(test, kt_stats(arena).spans, 1);
	for (i = 0; i < count; i++) {
		addr[i] = kt_pages(arena, 127, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr[i]);
		*(u64 *)addr[i] = i;
	}
	KUNIT_EXPECT_GE(test, kt_stats(arena).spans, 3);
	for (i = 0; i < count; i++) {
		KUNIT_EXPECT_EQ(test, *(u64 *)addr[i], i);
		vmap_free(addr[i]);
	}
	kt_settle(test, arena);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).spans, 1);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).reserved, span);
}

/* Without being asked, too. */
static void idle_spans_go_by_themselves(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned long i, size = usual_span(arena) / 2;
	void *addr[4];

	WRITE_ONCE(arena->cache.purge.space.limit, 0);
	kt_stay_in_first_shard(arena);
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		addr[i] = vmap_arena_alloc(arena, size, 1, GFP_KERNEL, NUMA_NO_NODE);
	KUNIT_EXPECT_GE(test, kt_stats(arena).spans, 2);
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		vmap_free(addr[i]);
	WRITE_ONCE(arena->cache.purge.threshold, PAGE_SIZE);
	addr[0] = kt_pages(arena, 1, GFP_KERNEL);
	vmap_free(addr[0]);
	KUNIT_EXPECT_TRUE(test, kt_until(kt_stats(arena).spans == 1));
}

/* An allocation that comes and goes at the edge of a span must not import one each time. */
static void the_edge_of_a_span_does_not_thrash(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	void *base, *addr;
	unsigned long imports;
	unsigned int i;

	WRITE_ONCE(arena->cache.purge.space.limit, 0);
	base = vmap_arena_alloc(arena, usual_span(arena) - PAGE_SIZE, 1, GFP_KERNEL, NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, base);
	addr = kt_pages(arena, 1, GFP_KERNEL);
	vmap_free(addr);
	vmap_arena_purge(arena);
	imports = kt_stats(arena).imports;
	for (i = 0; i < 30; i++) {
		addr = kt_pages(arena, 1, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr);
		vmap_free(addr);
		vmap_arena_purge(arena);
	}
	KUNIT_EXPECT_LE(test, kt_stats(arena).imports, imports + 1);
	vmap_free(base);
}

static void large_requests_get_a_span_of_their_own(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned long size = 3 * usual_span(arena) + PAGE_SIZE;
	void *addr;

	WRITE_ONCE(arena->cache.purge.space.limit, 0);
	if (size >> PAGE_SHIFT > totalram_pages() / 8)
		kunit_skip(test, "span_size is too large for this");
	addr = vmap_arena_alloc(arena, size, 4 * WINDOW_GRAIN, GFP_KERNEL, NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)addr, 4 * WINDOW_GRAIN));
	kt_stamp(addr, size, 5);
	KUNIT_EXPECT_TRUE(test, kt_stamped(addr, size, 5));
	kt_verify(test, arena);
	vmap_free(addr);
	kt_settle(test, arena);
	KUNIT_EXPECT_LE(test, kt_stats(arena).spans, 1);
}

/*
 * A span is part of what was reserved for it.  What lies before and after it was mapped to a page
 * that is the canary now: it stays mapped in one place, and nobody may reach it in another.
 */
static void around_a_span_only_the_canary_is_mapped(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	struct vmap_span *span =
		list_first_entry(&arena->cache.purge.space.spans, struct vmap_span, link);
	unsigned long addr = (unsigned long)span->window->reservation;
	unsigned long end = addr + span->end - span->start + WINDOW_GRAIN - PAGE_SIZE;
	unsigned long pages = 0, mapped = 0, faults = 0;

	for (; addr < end; addr += PAGE_SIZE) {
		if (addr == span->start) {
			addr = span->end - PAGE_SIZE;
			continue;
		}
		mapped += vmalloc_to_page((void *)addr) == span->window->canary;
		faults += kt_faults((void *)addr);
		pages++;
	}
	KUNIT_EXPECT_EQ(test, mapped, 1);
	KUNIT_EXPECT_EQ(test, faults, pages - 1);
	KUNIT_EXPECT_EQ(test, pages, (WINDOW_GRAIN >> PAGE_SHIFT) - 1);
}

static bool take_atomic(struct vmap_arena *arena, void **addr)
{
	*addr = kt_pages(arena, 15, GFP_ATOMIC);
	return *addr;
}

/* Who may not sleep gets no new span, but one is on its way soon. */
static void atomic_callers_meet_room_again(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned long i, count = 4 * areas_in_span(arena, 15);
	void **addr = kunit_kcalloc(test, count, sizeof(*addr), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	WRITE_ONCE(arena->cache.purge.space.limit, 0);
	for (i = 0; i < count; i++)
		if (!kt_until(take_atomic(arena, &addr[i])))
			break;
	KUNIT_EXPECT_EQ(test, i, count);
	while (i--)
		vmap_free(addr[i]);
}

static void the_limit_holds(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned long count = 0, parameter;
	void *addr[64] = {};

	KUNIT_EXPECT_EQ(test, kt_parameter("arena_limit", &parameter), 0);
	KUNIT_EXPECT_EQ(test, arena->cache.purge.space.limit, parameter);
	if (!arena->cache.purge.space.limit)
		WRITE_ONCE(arena->cache.purge.space.limit, 4 * usual_span(arena));
	if (arena->cache.purge.space.limit > 16UL << 20)
		kunit_skip(test, "span_size or arena_limit is too large for this");
	KUNIT_EXPECT_NULL(test, vmap_arena_alloc(arena, arena->cache.purge.space.limit + 1, 1,
						 GFP_KERNEL, 0));
	while (count < 64 && (addr[count] = kt_pages(arena, 127, GFP_KERNEL)))
		count++;
	KUNIT_EXPECT_LT(test, count, 64);
	KUNIT_EXPECT_GE(test, count, arena->cache.purge.space.limit / (128 * PAGE_SIZE));
	KUNIT_EXPECT_LE(test, kt_stats(arena).reserved, arena->cache.purge.space.limit);
	KUNIT_EXPECT_NULL(test, kt_pages(arena, 127, GFP_ATOMIC));
	while (count--)
		vmap_free(addr[count]);
	kt_settle(test, arena);
	addr[0] = kt_pages(arena, 127, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, addr[0]);
	vmap_free(addr[0]);
}

/* Random sizes until one fails, then single units into what is left. */
static unsigned long fill_range(struct vmap_arena *arena, struct vmap_extent **got,
				struct rnd_state *rnd)
{
	unsigned long count = 0;
	bool small = false;

	while (count < FILL_MOST) {
		unsigned long size = small ? 1 : 1 + prandom_u32_state(rnd) % 128;

		got[count] = vmap_extent_alloc(arena, size, 1, GFP_NOWAIT);
		if (!IS_ERR(got[count])) {
			count++;
			continue;
		}
		if (small)
			break;
		small = true;
	}
	return count;
}

static void drain_range(struct vmap_arena *arena, struct vmap_extent **got, unsigned long count,
			struct rnd_state *rnd)
{
	while (count) {
		unsigned long i = prandom_u32_state(rnd) % count;

		vmap_extent_free(arena, got[i]);
		got[i] = got[--count];
	}
}

static void a_range_full_and_drained_again_and_again(struct kunit *test)
{
	struct vmap_extent **got = kunit_kcalloc(test, FILL_MOST, sizeof(*got), GFP_KERNEL);
	struct vmap_arena *arena = kt_range(test, 1000, 1000 + FILL_MOST, 1);
	struct kt_picture *before;
	struct rnd_state rnd;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, got);
	kt_seed_random(test, &rnd);
	before = kt_picture(test, arena);
	for (i = 0; i < FILL_ROUNDS; i++) {
		unsigned long count = fill_range(arena, got, &rnd);

		if (i == 0)
			KUNIT_EXPECT_EQ(test, kt_stats(arena).busy, FILL_MOST);
		drain_range(arena, got, count, &rnd);
		cond_resched();
	}
	kt_settle(test, arena);
	kt_expect_same(test, before, kt_picture(test, arena));
	/* No more than a unit each and some ahead of need, however many rounds there were. */
	KUNIT_EXPECT_LE(test, arena->cache.purge.space.spares.count, FILL_MOST + 512);
}

/* Random sizes up to @largest pages until one fails, then single pages into what is left. */
static unsigned long fill_memory(struct vmap_arena *arena, void **got, unsigned long most,
				 unsigned int largest, struct rnd_state *rnd)
{
	unsigned long count = 0;
	bool small = false;

	while (count < most) {
		unsigned long pages = small ? 1 : 1 + prandom_u32_state(rnd) % largest;

		got[count] = kt_pages(arena, pages, GFP_KERNEL);
		if (got[count]) {
			count++;
			continue;
		}
		if (small)
			break;
		small = true;
	}
	return count;
}

/* Fill an arena to its limit and drain it, @rounds times.  Return how many areas it held. */
static unsigned long fill_and_drain(struct kunit *test, struct vmap_arena *arena,
				    unsigned int largest, unsigned int rounds)
{
	unsigned long count, all = 0, most = arena->cache.purge.space.limit >> PAGE_SHIFT;
	void **got = kunit_kcalloc(test, most, sizeof(*got), GFP_KERNEL);
	struct kt_picture *before;
	struct rnd_state rnd;

	KUNIT_ASSERT_NOT_NULL(test, got);
	kt_seed_random(test, &rnd);
	kt_settle(test, arena);
	before = kt_picture(test, arena);
	while (rounds--) {
		count = fill_memory(arena, got, most, largest, &rnd);
		all += count;
		KUNIT_EXPECT_EQ(test, kt_stats(arena).reserved, arena->cache.purge.space.limit);
		KUNIT_EXPECT_LT(test, kt_stats(arena).largest_free,
				PAGE_SIZE + arena->cache.purge.space.guard);
		while (count)
			vmap_free(got[--count]);
		vmap_arena_purge(arena);
	}
	kt_settle(test, arena);
	kt_expect_same(test, before, kt_picture(test, arena));
	return all;
}

static void limit_to(struct kunit *test, struct vmap_arena *arena, unsigned int spans)
{
	if (spans * usual_span(arena) >> PAGE_SHIFT > 4 * FILL_MOST)
		kunit_skip(test, "span_size is too large for this");
	WRITE_ONCE(arena->cache.purge.space.limit, spans * usual_span(arena));
	kt_stay_in_first_shard(arena);
}

/*
 * Another holds most of the arena all the while: otherwise it is the page allocator that would take
 * minutes for a thousand rounds.
 */
static void memory_full_and_drained_again_and_again(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	unsigned long home, now, all;
	void *tenant;

	limit_to(test, arena, 1);
	tenant = kt_pages(arena, (usual_span(arena) >> PAGE_SHIFT) - 64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, tenant);
	home = list_first_entry(&arena->cache.purge.space.spans, struct vmap_span, link)->start;
	all = fill_and_drain(test, arena, 16, FILL_ROUNDS);
	KUNIT_EXPECT_GT(test, all, 3 * FILL_ROUNDS);
	now = list_first_entry(&arena->cache.purge.space.spans, struct vmap_span, link)->start;
	KUNIT_EXPECT_EQ(test, home, now);
	vmap_free(tenant);
}

/* Here each round also imports three spans and returns them, which takes a grace period each. */
static void spans_full_and_drained_again_and_again(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned long imports = kt_stats(arena).imports;

	limit_to(test, arena, 4);
	fill_and_drain(test, arena, 127, FILL_ROUNDS / 50);
	KUNIT_EXPECT_GE(test, kt_stats(arena).imports - imports, 3 * FILL_ROUNDS / 50);
}

static struct kunit_case arena_cases[] = {
	KUNIT_CASE(names_are_checked),
	KUNIT_CASE(a_bad_name_is_told),
	KUNIT_CASE(any_printable_name_is_taken),
	KUNIT_CASE(the_longest_name_is_taken),
	KUNIT_CASE(a_name_is_taken_once),
	KUNIT_CASE(a_name_is_free_after_destroy),
	KUNIT_CASE(a_name_is_taken_as_long_as_its_folder),
	KUNIT_CASE(flags_are_checked),
	KUNIT_CASE(ranges_are_checked),
	KUNIT_CASE(destroy_is_refused_while_busy),
	KUNIT_CASE(destroy_right_after_frees),
	KUNIT_CASE(kinds_are_not_mixed),
	KUNIT_CASE(a_warm_range_gives_no_memory),
	KUNIT_CASE(a_warm_memory_arena_gives_no_extents),
	KUNIT_CASE(spans_come_and_go),
	KUNIT_CASE(idle_spans_go_by_themselves),
	KUNIT_CASE(the_edge_of_a_span_does_not_thrash),
	KUNIT_CASE(large_requests_get_a_span_of_their_own),
	KUNIT_CASE(around_a_span_only_the_canary_is_mapped),
	KUNIT_CASE(atomic_callers_meet_room_again),
	KUNIT_CASE(the_limit_holds),
	KUNIT_CASE(a_range_full_and_drained_again_and_again),
	KUNIT_CASE(memory_full_and_drained_again_and_again),
	KUNIT_CASE(spans_full_and_drained_again_and_again),
	{}
};

static struct kunit_suite arena_suite = { .name = "vmap_arena", .test_cases = arena_cases };
kunit_test_suite(arena_suite);
