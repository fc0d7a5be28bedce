// SPDX-License-Identifier: GPL-2.0
/*
 * shards_kunit.c - arenas of several shards: who allocates where, and what is still one arena
 *
 * A test moves from CPU to CPU.  With one CPU online an arena still has several shards where the
 * test says how many; a test that needs a second CPU is skipped there.
 */
#include <linux/cpumask.h>
#include <linux/kstrtox.h>
#include <linux/mm.h>

#include "vmap_kunit.h"

#define PART		64UL
#define AREAS		16
#define AREA_PAGES	4UL
/* Of both CPUs: more than twice the lazy bound; what one frees goes to both shards in turn. */
#define LAZY_AREAS	40
#define LAZY_THRESHOLD	"131072"

static void run_on(unsigned int cpu)
{
	set_cpus_allowed_ptr(current, cpumask_of(cpu));
}

static void run_anywhere(void)
{
	set_cpus_allowed_ptr(current, cpu_possible_mask);
}

/* Two CPUs whose numbers differ modulo 2, or skip the test. */
static void two_cpus(struct kunit *test, unsigned int cpus[2])
{
	unsigned int cpu;

	cpus[0] = nr_cpu_ids;
	cpus[1] = nr_cpu_ids;
	for_each_online_cpu(cpu)
		cpus[cpu % 2] = cpu;
	if (cpus[0] == nr_cpu_ids || cpus[1] == nr_cpu_ids)
		kunit_skip(test, "this takes two CPUs");
}

/* A memory arena of two shards or more, without a cache. */
static struct vmap_arena *sharded_memory(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_SHARDED | VMAP_ARENA_NOCACHE);

	KUNIT_ASSERT_GE(test, arena->cache.nr_shards, 2);
	WRITE_ONCE(arena->cache.purge.space.limit, 0);
	return arena;
}

/* A range arena of @shards parts of PART units each. */
static struct vmap_arena *sharded_range(struct kunit *test, unsigned int shards)
{
	struct vmap_arena *arena;

	arena = kt_keep(test, vmap_arena_create_range_sharded(kt_name(), 0, shards * PART, 1,
							      shards));
	KUNIT_ASSERT_EQ(test, arena->cache.nr_shards, shards);
	return arena;
}

static struct vmap_purge *shard_of_cpu(struct vmap_arena *arena, unsigned int cpu)
{
	return vcache_shard(&arena->cache, cpu % arena->cache.nr_shards);
}

/* The shard that has a span around @addr; NULL if none has. */
static struct vmap_purge *shard_at(struct vmap_arena *arena, const void *addr)
{
	struct vmap_purge *shard, *found = NULL;
	struct vmap_span *span;
	unsigned long flags;

	vpurge_for_each(shard, &arena->cache.purge) {
		raw_spin_lock_irqsave(&shard->space.lock, flags);
		list_for_each_entry(span, &shard->space.spans, link)
			if ((unsigned long)addr - span->start < span->end - span->start)
				found = shard;
		raw_spin_unlock_irqrestore(&shard->space.lock, flags);
	}
	return found;
}

static void *get_area(struct kunit *test, struct vmap_arena *arena)
{
	void *area = kt_pages(arena, AREA_PAGES, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, area);
	return area;
}

/* Let the shard of this CPU have a span: the first allocation asks for it, and another serves. */
static void get_span(struct kunit *test, struct vmap_arena *arena, unsigned int cpu)
{
	const struct vmap_purge *shard = shard_of_cpu(arena, cpu);

	run_on(cpu);
	vmap_free(get_area(test, arena));
	KUNIT_EXPECT_TRUE(test, kt_until(data_race(shard->space.nr_spans)));
}

static unsigned long stocked(const struct vmap_purge *shard)
{
	unsigned long pages = 0;
	int node;

	for (node = 0; node < nr_node_ids; node++)
		if (shard->stock.shelf[node])
			pages += data_race(shard->stock.shelf[node]->count);
	return pages;
}

/* Pages of an area come from the stock of its shard and go back there, whichever CPU frees. */
static void each_shard_has_its_stock(struct kunit *test)
{
	struct vmap_purge *shard[2];
	unsigned long before[2];
	struct vmap_arena *arena;
	unsigned int cpus[2], i;
	void *area[2];

	if (vstock_is_cleared())
		kunit_skip(test, "the kernel clears each page");
	two_cpus(test, cpus);
	arena = sharded_memory(test);
	for (i = 0; i < 2; i++) {
		get_span(test, arena, cpus[i]);
		area[i] = get_area(test, arena);
		shard[i] = shard_of_cpu(arena, cpus[i]);
		KUNIT_ASSERT_PTR_EQ(test, shard_at(arena, area[i]), shard[i]);
	}
	for (i = 0; i < 2; i++) {
		before[0] = stocked(shard[0]);
		before[1] = stocked(shard[1]);
		vmap_free(area[i]);
		KUNIT_EXPECT_EQ(test, stocked(shard[i]), before[i] + AREA_PAGES);
		KUNIT_EXPECT_EQ(test, stocked(shard[!i]), before[!i]);
	}
	KUNIT_EXPECT_EQ(test, kt_stats(arena).stock >> PAGE_SHIFT,
			stocked(shard[0]) + stocked(shard[1]));
	run_on(cpus[1]);
	before[1] = stocked(shard[1]);
	area[1] = get_area(test, arena);
	KUNIT_EXPECT_EQ(test, stocked(shard[1]), before[1] - AREA_PAGES);
	vmap_free(area[1]);
	run_anywhere();
	vmap_arena_purge(arena);
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, stocked(shard[i]), 0);
}

static void each_cpu_has_its_shard(struct kunit *test)
{
	unsigned int cpus[2], i;
	struct vmap_arena *arena;
	void *area[2];

	two_cpus(test, cpus);
	arena = sharded_memory(test);
	for (i = 0; i < 2; i++) {
		get_span(test, arena, cpus[i]);
		area[i] = get_area(test, arena);
		KUNIT_EXPECT_PTR_EQ(test, shard_at(arena, area[i]), shard_of_cpu(arena, cpus[i]));
	}
	run_anywhere();
	kt_verify(test, arena);
	for (i = 0; i < 2; i++)
		vmap_free(area[i]);
}

/* A CPU whose shard never had a span is served at once, also where it may not sleep. */
static void a_shard_without_a_span_is_served(struct kunit *test)
{
	unsigned int cpus[2], i;
	struct vmap_arena *arena;
	void *area[2];

	two_cpus(test, cpus);
	arena = sharded_memory(test);
	for (i = 0; i < 2; i++) {
		run_on(cpus[i]);
		area[i] = kt_pages(arena, 1, GFP_NOWAIT);
		KUNIT_EXPECT_NOT_NULL(test, area[i]);
	}
	run_anywhere();
	for (i = 0; i < 2; i++)
		vmap_free(area[i]);
}

/* The lowest of the own part first, then of the other part; it fails only when both are full. */
static void a_full_shard_falls_over(struct kunit *test)
{
	gfp_t gfp = *(const gfp_t *)test->param_value;
	struct vmap_arena *arena = sharded_range(test, 2);
	struct vmap_extent **extents = kunit_kcalloc(test, 2 * PART, sizeof(*extents), GFP_KERNEL);
	unsigned long own, other, i;

	KUNIT_ASSERT_NOT_NULL(test, extents);
	run_on(cpumask_first(cpu_online_mask));
	own = PART * (cpumask_first(cpu_online_mask) % 2);
	other = PART - own;
	for (i = 0; i < 2 * PART; i++) {
		extents[i] = vmap_extent_alloc(arena, 1, 1, gfp);
		KUNIT_ASSERT_FALSE(test, IS_ERR(extents[i]));
		KUNIT_EXPECT_EQ(test, vmap_extent_start(extents[i]),
				i < PART ? own + i : other + i - PART);
	}
	KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_extent_alloc(arena, 1, 1, gfp)), -ENOSPC);
	kt_verify(test, arena);
	run_anywhere();
	for (i = 0; i < 2 * PART; i++)
		vmap_extent_free(arena, extents[i]);
}

static void gfp_to_desc(const gfp_t *gfp, char *desc)
{
	strscpy(desc, gfpflags_allow_blocking(*gfp) ? "may sleep" : "atomic",
		KUNIT_PARAM_DESC_SIZE);
}

static const gfp_t gfps[] = { GFP_KERNEL, GFP_ATOMIC };

KUNIT_ARRAY_PARAM(gfp, gfps, gfp_to_desc);

/* What fits in any part is found there, by size, by alignment, and between bounds. */
static void a_fit_is_found_in_any_shard(struct kunit *test)
{
	struct vmap_arena *arena = sharded_range(test, 4);
	struct vmap_extent *whole[4], *extent;
	unsigned long lo = 3 * PART + 5;
	unsigned int i, cpu;

	for (i = 0; i < 4; i++) {
		whole[i] = vmap_extent_alloc(arena, PART, 1, GFP_KERNEL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(whole[i]));
	}
	for (i = 0; i < 4; i++) {
		vmap_extent_free(arena, whole[i]);
		vmap_arena_purge(arena);
		whole[i] = vmap_extent_alloc(arena, PART, PART, GFP_KERNEL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(whole[i]));
		vmap_extent_free(arena, whole[i]);
	}
	KUNIT_EXPECT_EQ(test, PTR_ERR(vmap_extent_alloc(arena, PART + 1, 1, GFP_KERNEL)), -ENOSPC);
	extent = vmap_extent_alloc_range(arena, 3, 1, lo, 4 * PART, GFP_KERNEL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(extent));
	KUNIT_EXPECT_EQ(test, vmap_extent_start(extent), lo);
	vmap_extent_free(arena, extent);
	extent = vmap_extent_alloc_range(arena, 2, 1, 2 * PART - 1, 2 * PART + 1, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(extent), -ENOSPC);
	for_each_online_cpu(cpu) {
		run_on(cpu);
		extent = vmap_extent_alloc_range(arena, 2, 1, 0, PART, GFP_KERNEL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(extent));
		KUNIT_EXPECT_LT(test, vmap_extent_start(extent), PART);
		vmap_extent_free(arena, extent);
	}
}

#define FOLDER	"/sys/kernel/debug/vmap_arena"

static void set_file(struct kunit *test, struct vmap_arena *arena, const char *file,
		     const char *text)
{
	char command[128];

	snprintf(command, sizeof(command), "echo %s > " FOLDER "/%s/%s", text,
		 arena->cache.purge.space.name, file);
	KUNIT_ASSERT_EQ(test, kt_shell(command), 0);
}

/* Has a file of the arena's folder @count lines with @word? */
static bool file_has(struct vmap_arena *arena, const char *file, const char *word,
		     unsigned int count)
{
	char command[160];

	snprintf(command, sizeof(command), "[ $(grep -c '%s' " FOLDER "/%s/%s) = %u ]", word,
		 arena->cache.purge.space.name, file, count);
	return !kt_shell(command);
}

/* At once if nothing is cached, else when the cache gives the extent up. */
static void an_extent_goes_home(struct kunit *test)
{
	const char *caching = *(const char *const *)test->param_value;
	struct vmap_extent *extents[AREAS];
	const struct vmap_purge *shard;
	struct vmap_arena *arena;
	unsigned int cpus[2], i;

	two_cpus(test, cpus);
	arena = sharded_range(test, 2);
	set_file(test, arena, "cache", caching);
	/* cpus[1] allocates, whose shard is not the first one. */
	run_on(cpus[1]);
	for (i = 0; i < AREAS; i++) {
		extents[i] = vmap_extent_alloc(arena, PART / AREAS, 1, GFP_KERNEL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(extents[i]));
	}
	shard = shard_of_cpu(arena, cpus[1]);
	KUNIT_EXPECT_EQ(test, data_race(shard->space.tree.units), 0);
	run_on(cpus[0]);
	for (i = 0; i < AREAS; i++)
		vmap_extent_free(arena, extents[i]);
	vmap_arena_purge(arena);
	run_anywhere();
	KUNIT_EXPECT_EQ(test, data_race(shard->space.tree.units), PART);
	KUNIT_EXPECT_EQ(test, data_race(shard_of_cpu(arena, cpus[0])->space.tree.units), PART);
	kt_verify(test, arena);
}

static void cache_to_desc(const char *const *caching, char *desc)
{
	strscpy(desc, **caching == '1' ? "cached" : "not cached", KUNIT_PARAM_DESC_SIZE);
}

static const char *const cachings[] = { "0", "1" };

KUNIT_ARRAY_PARAM(caching, cachings, cache_to_desc);

/* What another CPU frees is lazy at home, and is merged there. */
static void an_area_goes_home(struct kunit *test)
{
	const struct vmap_purge *home, *other;
	struct vmap_arena *arena;
	unsigned int cpus[2], i;
	void *areas[AREAS];

	two_cpus(test, cpus);
	arena = sharded_memory(test);
	for (i = 0; i < 2; i++)
		get_span(test, arena, cpus[i]);
	vmap_arena_purge(arena);
	home = shard_of_cpu(arena, cpus[1]);
	other = shard_of_cpu(arena, cpus[0]);
	for (i = 0; i < AREAS; i++)
		areas[i] = get_area(test, arena);
	run_on(cpus[0]);
	for (i = 0; i < AREAS; i++)
		vmap_free(areas[i]);
	run_anywhere();
	KUNIT_EXPECT_GT(test, atomic_long_read(&home->lazy_units), 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&other->lazy_units), 0);
	kt_settle(test, arena);
	KUNIT_EXPECT_EQ(test, data_race(home->space.tree.units), data_race(home->space.reserved));
}

/* Each CPU frees an area; return what all shards have lazy. */
static unsigned long lazy_in_all(struct kunit *test, struct vmap_arena *arena,
				 const unsigned int cpus[2])
{
	unsigned long lazy = 0;
	struct vmap_purge *shard;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		get_span(test, arena, cpus[i]);
		vmap_free(get_area(test, arena));
	}
	run_anywhere();
	vpurge_for_each(shard, &arena->cache.purge)
		lazy += atomic_long_read(&shard->lazy_units);
	return lazy;
}

static void a_purge_reaches_each_shard(struct kunit *test)
{
	struct vmap_arena *arena;
	struct vmap_purge *shard;
	unsigned int cpus[2];

	two_cpus(test, cpus);
	arena = sharded_memory(test);
	lazy_in_all(test, arena, cpus);
	vmap_arena_purge(arena);
	vpurge_for_each(shard, &arena->cache.purge)
		KUNIT_EXPECT_EQ(test, atomic_long_read(&shard->lazy_units), 0);
}

static void statistics_are_sums(struct kunit *test)
{
	unsigned long spans = 0, reserved = 0, free = 0, cuts = 0, lazy;
	const struct vmap_purge *shard;
	struct vmap_arena_stats stats;
	struct vmap_arena *arena;
	unsigned int cpus[2], i;

	two_cpus(test, cpus);
	arena = sharded_memory(test);
	lazy = lazy_in_all(test, arena, cpus);
	stats = kt_stats(arena);
	for (i = 0; i < 2; i++) {
		shard = shard_of_cpu(arena, cpus[i]);
		KUNIT_EXPECT_GT(test, data_race(shard->space.nr_spans), 0);
		spans += data_race(shard->space.nr_spans);
		reserved += data_race(shard->space.reserved);
		free += data_race(shard->space.tree.units);
	}
	for (i = 0; i < VMAP_NR_FITS; i++)
		cuts += stats.fits[i];
	if (arena->cache.nr_shards > 2)
		kunit_skip(test, "other CPUs have shards, too");
	KUNIT_EXPECT_EQ(test, stats.spans, spans);
	KUNIT_EXPECT_EQ(test, stats.reserved, reserved);
	KUNIT_EXPECT_EQ(test, stats.free, free);
	KUNIT_EXPECT_EQ(test, stats.lazy, lazy);
	KUNIT_EXPECT_EQ(test, stats.imports, spans);
	KUNIT_EXPECT_EQ(test, cuts, 4);
	KUNIT_EXPECT_EQ(test, stats.allocs, 4);
	KUNIT_EXPECT_EQ(test, stats.areas, 0);
}

/* "verify" compares what the walk has seen with what all shards count. */
static void files_show_all_shards(struct kunit *test)
{
	struct vmap_arena *arena = sharded_range(test, 3);
	struct vmap_extent *extents[3];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		extents[i] = vmap_extent_alloc_range(arena, 7, 1, i * PART + 1, 3 * PART,
						     GFP_KERNEL);
		KUNIT_ASSERT_FALSE(test, IS_ERR(extents[i]));
	}
	KUNIT_EXPECT_TRUE(test, file_has(arena, "areas", "files_show", 3));
	KUNIT_EXPECT_TRUE(test, file_has(arena, "spans", "0x", 3));
	KUNIT_EXPECT_TRUE(test, file_has(arena, "verify", "ok", 1));
	for (i = 0; i < 3; i++)
		vmap_extent_free(arena, extents[i]);
}

/* The limit is the arena's: two shards together import no more than one would. */
static void the_limit_is_of_all_shards(struct kunit *test)
{
	unsigned int cpus[2], i, count = 0, most;
	unsigned long limit;
	struct vmap_arena *arena;
	void **areas;

	two_cpus(test, cpus);
	arena = sharded_memory(test);
	if (arena->cache.purge.space.reserved > 8UL << 20)
		kunit_skip(test, "span_size is too large for this");
	limit = 2 * arena->cache.purge.space.reserved;
	WRITE_ONCE(arena->cache.purge.space.limit, limit);
	most = limit / (PAGE_SIZE + arena->cache.purge.space.guard) + 1;
	areas = kunit_kcalloc(test, most, sizeof(*areas), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, areas);
	for (i = 0; i < 2; i++) {
		run_on(cpus[i]);
		while (count < most && (areas[count] = kt_pages(arena, 1, GFP_KERNEL)))
			count++;
	}
	run_anywhere();
	KUNIT_EXPECT_EQ(test, count, most - 1);
	KUNIT_EXPECT_LE(test, kt_stats(arena).reserved, limit);
	kt_verify(test, arena);
	while (count)
		vmap_free(areas[--count]);
}

/* Of the threshold each shard has its part, so that all together keep it. */
static void the_lazy_bound_is_of_all_shards(struct kunit *test)
{
	unsigned long area = AREA_PAGES * PAGE_SIZE, most, parts = 0;
	struct vmap_arena *arena;
	struct vmap_purge *shard;
	unsigned int cpus[2], i;
	void **areas;

	two_cpus(test, cpus);
	arena = sharded_memory(test);
	areas = kunit_kcalloc(test, 2 * LAZY_AREAS, sizeof(*areas), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, areas);
	set_file(test, arena, "lazy_threshold", LAZY_THRESHOLD);
	KUNIT_EXPECT_TRUE(test, file_has(arena, "lazy_threshold", LAZY_THRESHOLD, 1));
	KUNIT_ASSERT_EQ(test, kstrtoul(LAZY_THRESHOLD, 0, &most), 0);
	vpurge_for_each(shard, &arena->cache.purge)
		parts += shard->threshold;
	KUNIT_EXPECT_LE(test, parts, most);
	for (i = 0; i < 2; i++)
		get_span(test, arena, cpus[i]);
	for (i = 0; i < 2 * LAZY_AREAS; i++) {
		run_on(cpus[i % 2]);
		areas[i] = get_area(test, arena);
	}
	run_anywhere();
	area += arena->cache.purge.space.guard;
	most = 2 * most + arena->cache.nr_shards * area;
	KUNIT_ASSERT_GT(test, 2 * LAZY_AREAS * area, 2 * most);
	for (i = 0; i < 2 * LAZY_AREAS; i++) {
		vmap_free(areas[i]);
		KUNIT_EXPECT_LE(test, kt_stats(arena).lazy, most);
	}
}

/* With the arena go all shards, and what is lazy in them. */
static void all_shards_go(struct kunit *test)
{
	struct vmap_arena *arena;
	unsigned int cpus[2], i, round;

	two_cpus(test, cpus);
	for (round = 0; round < 5; round++) {
		arena = vmap_arena_create(kt_name(), VMAP_ARENA_SHARDED);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, arena);
		for (i = 0; i < 2; i++)
			get_span(test, arena, cpus[i]);
		run_anywhere();
		KUNIT_EXPECT_EQ(test, vmap_arena_destroy(arena), 0);
	}
}

/* A reserve has its slots from all shards, and gives them back there. */
static void a_reserve_goes_home(struct kunit *test)
{
	struct vmap_arena *arena = sharded_range(test, 4);

	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(arena, 4 * PART + 1, 1, 0), -ENOMEM);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).free, 4 * PART);
	kt_verify(test, arena);
	KUNIT_EXPECT_EQ(test, vmap_arena_reserve(arena, 4 * PART, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).free, 0);
}

static int refuse_move(struct vmap_extent *extent, unsigned long to, void *data)
{
	return -EBUSY;
}

static void nothing_moves_between_shards(struct kunit *test)
{
	struct vmap_arena *arena = sharded_range(test, 2);
	struct vmap_extent *extent = vmap_extent_alloc(arena, 1, 1, GFP_KERNEL);
	struct kt_log log;

	KUNIT_ASSERT_FALSE(test, IS_ERR(extent));
	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "several shards"), 0);
	KUNIT_EXPECT_EQ(test, vmap_extent_set_movable(arena, extent, refuse_move, NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, vmap_arena_compact(arena, 1), -EINVAL);
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 2);
	vmap_extent_free(arena, extent);
}

/* An extent that is freed in the name of another arena is refused there, of whatever kind it is. */
static void other_arenas_extents_are_refused(struct kunit *test)
{
	struct vmap_arena *memory = kt_memory(test, VMAP_ARENA_SHARDED);
	struct vmap_arena *range = sharded_range(test, 4);
	struct vmap_arena *home = kt_range(test, PART, 2 * PART, 1);
	struct vmap_extent *extent = vmap_extent_alloc(home, 1, 1, GFP_KERNEL);
	struct kt_log log;

	KUNIT_ASSERT_FALSE(test, IS_ERR(extent));
	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "bad free of extent"), 0);
	vmap_extent_free(memory, extent);
	vmap_extent_free(range, extent);
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 2);
	KUNIT_EXPECT_EQ(test, kt_stats(range).free, 4 * PART);
	vmap_extent_free(home, extent);
}

static void numbers_of_shards_are_checked(struct kunit *test)
{
	static const unsigned int bad[] = { 0, 9, 65, UINT_MAX };
	struct vmap_arena *arena;
	struct kt_log log;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "must be from 1 to 8"), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ(test,
				PTR_ERR(vmap_arena_create_range_sharded(kt_name(), 0, 32, 4,
									bad[i])), -EINVAL);
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, ARRAY_SIZE(bad));
	arena = vmap_arena_create_range_sharded(kt_name(), 0, 4096, 1, 65);
	KUNIT_EXPECT_EQ(test, PTR_ERR(arena), -EINVAL);
	arena = vmap_arena_create_range_sharded(kt_name(), 0, 4096, 1, 64);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, arena);
	KUNIT_EXPECT_EQ(test, vmap_arena_destroy(arena), 0);
}

static struct kunit_case shards_cases[] = {
	KUNIT_CASE(each_cpu_has_its_shard),
	KUNIT_CASE(each_shard_has_its_stock),
	KUNIT_CASE(a_shard_without_a_span_is_served),
	KUNIT_CASE_PARAM(a_full_shard_falls_over, gfp_gen_params),
	KUNIT_CASE(a_fit_is_found_in_any_shard),
	KUNIT_CASE_PARAM(an_extent_goes_home, caching_gen_params),
	KUNIT_CASE(an_area_goes_home),
	KUNIT_CASE(a_purge_reaches_each_shard),
	KUNIT_CASE(statistics_are_sums),
	KUNIT_CASE(files_show_all_shards),
	KUNIT_CASE(the_limit_is_of_all_shards),
	KUNIT_CASE(the_lazy_bound_is_of_all_shards),
	KUNIT_CASE(all_shards_go),
	KUNIT_CASE(a_reserve_goes_home),
	KUNIT_CASE(nothing_moves_between_shards),
	KUNIT_CASE(other_arenas_extents_are_refused),
	KUNIT_CASE(numbers_of_shards_are_checked),
	{}
};

static void end_case(struct kunit *test)
{
	run_anywhere();
}

static struct kunit_suite shards_suite = {
	.name = "vmap_shards",
	.exit = end_case,
	.test_cases = shards_cases,
};

kunit_test_suite(shards_suite);
