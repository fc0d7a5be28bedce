// SPDX-License-Identifier: GPL-2.0
/*
 * cache_kunit.c - what is kept for reuse: which sizes, how much, how long, and what it is good for
 *
 * Each test stays on one CPU unless it says otherwise, so that it knows whose magazines it fills.
 * How much is cached is read from the statistics; the shares of a CPU and of the depot, which those
 * do not show, are read from the arena itself and from the module's parameter.
 *
 * What was cached goes back by itself after some seconds.  The tests that expect it to be there
 * look at once.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/log2.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"
#include "../cache.h"

/* Enough misses to make any size worth a magazine. */
#define MANY_MISSES	16

/* More than the cache keeps of any one size of which a magazine holds the most. */
#define MANY		320

static void stay_on(unsigned int cpu)
{
	set_cpus_allowed_ptr(current, cpumask_of(cpu));
}

static int stay_on_first(struct kunit *test)
{
	stay_on(cpumask_first(cpu_online_mask));
	return 0;
}

static struct vmap_cache_cpu *here(struct vmap_arena *arena)
{
	return raw_cpu_ptr(arena->cache.cpu);
}

/* Another CPU than the first; the test is skipped if there is none. */
static unsigned int another_cpu(struct kunit *test)
{
	unsigned int other = cpumask_next(cpumask_first(cpu_online_mask), cpu_online_mask);

	if (other >= nr_cpu_ids)
		kunit_skip(test, "this machine has one CPU only");
	return other;
}

/* Ask for areas of a size until one is kept.  Nothing may be cached yet. */
static void want_areas(struct kunit *test, struct vmap_arena *arena, unsigned long pages)
{
	unsigned int i;

	for (i = 0; i < MANY_MISSES && !kt_stats(arena).cached; i++)
		vmap_free(kt_pages(arena, pages, GFP_KERNEL));
	KUNIT_ASSERT_GT(test, kt_stats(arena).cached, 0);
}

static void want_extents(struct kunit *test, struct vmap_arena *arena, unsigned long size)
{
	unsigned int i;

	for (i = 0; i < MANY_MISSES && !kt_stats(arena).cached; i++)
		vmap_extent_free(arena, vmap_extent_alloc(arena, size, 1, GFP_KERNEL));
	KUNIT_ASSERT_GT(test, kt_stats(arena).cached, 0);
}

/* Have @count areas of @pages pages cached, and nothing else. */
static void cache_areas(struct kunit *test, struct vmap_arena *arena, unsigned long pages,
			unsigned int count)
{
	void **addr = kunit_kcalloc(test, count, sizeof(*addr), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, addr);
	vmap_arena_purge(arena);
	want_areas(test, arena, pages);
	for (i = 0; i < count; i++)
		addr[i] = kt_pages(arena, pages, GFP_KERNEL);
	for (i = 0; i < count; i++)
		vmap_free(addr[i]);
	KUNIT_ASSERT_EQ(test, kt_stats(arena).warm, (count * pages) << PAGE_SHIFT);
}

static void alloc_extents(struct kunit *test, struct vmap_arena *arena, struct vmap_extent **extent,
			  unsigned int count, unsigned long size)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		extent[i] = vmap_extent_alloc(arena, size, 1, GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, extent[i]);
	}
}

static void free_extents(struct vmap_arena *arena, struct vmap_extent **extent, unsigned int count)
{
	while (count)
		vmap_extent_free(arena, extent[--count]);
}

/* A size that is asked for once is not worth it, one asked for again and again is. */
static void demand_decides(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	struct vmap_arena_stats stats;

	vmap_free(kt_pages(arena, 3, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, kt_stats(arena).cached, 0);
	want_areas(test, arena, 3);
	vmap_free(kt_pages(arena, 3, GFP_KERNEL));
	stats = kt_stats(arena);
	KUNIT_EXPECT_GT(test, stats.cached, 0);
	KUNIT_EXPECT_GE(test, stats.misses, 2);
	vmap_free(kt_pages(arena, 4, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, kt_stats(arena).hits, stats.hits);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).cached, stats.cached);
}

/* The last one freed is the next one handed out, as it was. */
static void a_warm_area_is_used_again(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	struct vmap_arena_stats before, after;
	void *addr, *again;

	want_areas(test, arena, 3);
	addr = kt_pages(arena, 3, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	kt_stamp(addr, 3 * PAGE_SIZE, 1);
	vmap_free(addr);
	before = kt_stats(arena);
	again = kt_pages(arena, 3, GFP_KERNEL);
	after = kt_stats(arena);
	KUNIT_EXPECT_PTR_EQ(test, again, addr);
	if (!want_init_on_alloc(GFP_KERNEL) && !want_init_on_free())
		KUNIT_EXPECT_TRUE(test, kt_stamped(again, 3 * PAGE_SIZE, 1));
	KUNIT_EXPECT_EQ(test, after.hits, before.hits + 1);
	KUNIT_EXPECT_EQ(test, after.allocs, before.allocs + 1);
	KUNIT_EXPECT_EQ(test, after.cached, before.cached - 4 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, after.busy, before.busy + 4 * PAGE_SIZE);
	vmap_free(again);
}

static void what_is_freed_after_a_grace_period_is_kept_too(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	void *addr, *again;

	want_areas(test, arena, 3);
	addr = kt_pages(arena, 3, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_ASSERT_EQ(test, kt_stats(arena).cached, 0);
	/* The callback runs where the callbacks of this CPU do, mostly here. */
	vmap_free_rcu(addr);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 0);
	again = kt_pages(arena, 3, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, again);
	vmap_free(again);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 0);
}

/* What is asked for to be aligned may be met by the cache, but only by what is aligned. */
static void a_warm_area_is_aligned_as_asked(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	unsigned long align;
	unsigned int i;

	cache_areas(test, arena, 3, 8);
	for (align = PAGE_SIZE; align <= WINDOW_GRAIN; align <<= 1) {
		for (i = 0; i < 4; i++) {
			void *addr = vmap_arena_alloc(arena, 3 * PAGE_SIZE, align, GFP_KERNEL,
						      NUMA_NO_NODE);

			KUNIT_ASSERT_NOT_NULL(test, addr);
			KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)addr, align));
			vmap_free(addr);
		}
	}
}

/* Calls by the task that leave a free to RCU. */
static struct {
	struct task_struct *task;
	unsigned int calls;
} left;

static int on_leave(struct kprobe *probe, struct pt_regs *regs)
{
	if (current == READ_ONCE(left.task))
		left.calls++;
	return 0;
}

static struct kprobe leave_probe = { .symbol_name = "kvfree_call_rcu", .pre_handler = on_leave };

/* RCU may free a batch behind an interrupt, which keeps whoever was interrupted from the CPU. */
static void magazines_are_freed_by_a_thread(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);

	kt_probe(test, &leave_probe);
	cache_areas(test, arena, 3, 5);
	left.calls = 0;
	WRITE_ONCE(left.task, current);
	vmap_arena_purge(arena);
	WRITE_ONCE(left.task, NULL);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).cached, 0);
	KUNIT_EXPECT_EQ(test, left.calls, 0);
}

static void the_cached_is_neither_busy_nor_free(struct kunit *test)
{
	struct vmap_arena *memory = kt_memory(test, 0), *range = kt_range(test, 0, 1 << 20, 16);
	struct vmap_extent *extent[5];
	struct vmap_arena_stats stats;

	cache_areas(test, memory, 3, 5);
	kt_verify(test, memory);
	stats = kt_stats(memory);
	KUNIT_EXPECT_EQ(test, stats.cached, 5 * 4 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, stats.warm, 5 * 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, stats.cold, 0);
	KUNIT_EXPECT_EQ(test, stats.busy, 0);
	KUNIT_EXPECT_EQ(test, stats.areas, 0);

	want_extents(test, range, 32);
	alloc_extents(test, range, extent, 5, 32);
	free_extents(range, extent, 5);
	kt_verify(test, range);
	stats = kt_stats(range);
	KUNIT_EXPECT_EQ(test, stats.cached, 5 * 32);
	KUNIT_EXPECT_EQ(test, stats.warm, 0);
	KUNIT_EXPECT_EQ(test, stats.cold, 5 * 32);
	KUNIT_EXPECT_EQ(test, stats.busy, 0);
	KUNIT_EXPECT_EQ(test, stats.areas, 0);
}

/* Who only frees, then only allocates, goes to the depot once in half a magazine. */
static void the_depot_is_met_seldom(struct kunit *test)
{
	struct vmap_extent **extent = kunit_kcalloc(test, MANY, sizeof(*extent), GFP_KERNEL);
	struct vmap_arena *arena = kt_range(test, 0, 1 << 20, 1);
	struct vmap_arena_stats before, after;
	unsigned int half;

	KUNIT_ASSERT_NOT_NULL(test, extent);
	want_extents(test, arena, 4);
	half = here(arena)->magazine[4]->capacity / 2;
	KUNIT_ASSERT_GT(test, half, 0);
	alloc_extents(test, arena, extent, MANY, 4);
	before = kt_stats(arena);
	free_extents(arena, extent, MANY);
	alloc_extents(test, arena, extent, MANY, 4);
	after = kt_stats(arena);
	KUNIT_EXPECT_EQ(test, after.hits - before.hits, MANY);
	KUNIT_EXPECT_GT(test, after.drains, before.drains);
	KUNIT_EXPECT_LE(test, after.drains - before.drains, MANY / half);
	KUNIT_EXPECT_GT(test, after.refills, before.refills);
	KUNIT_EXPECT_LE(test, after.refills - before.refills, MANY / half);
	free_extents(arena, extent, MANY);
}

/* So does a CPU that frees what another one allocated. */
static void a_cpu_that_only_frees_meets_it_seldom(struct kunit *test)
{
	struct vmap_extent **extent = kunit_kcalloc(test, MANY, sizeof(*extent), GFP_KERNEL);
	unsigned int first = cpumask_first(cpu_online_mask), other = another_cpu(test);
	struct vmap_arena *arena = kt_range(test, 0, 1 << 20, 1);
	struct vmap_arena_stats before, after;

	KUNIT_ASSERT_NOT_NULL(test, extent);
	want_extents(test, arena, 4);
	alloc_extents(test, arena, extent, MANY, 4);
	before = kt_stats(arena);
	stay_on(other);
	free_extents(arena, extent, MANY);
	stay_on(first);
	after = kt_stats(arena);
	KUNIT_EXPECT_EQ(test, after.cached - before.cached, MANY * 4);
	/* It empties none as long as it has none. */
	KUNIT_EXPECT_GT(test, after.drains, before.drains);
}

/* Go to a CPU that has no room for a magazine, until leave_full_cpu().  Return the room it had. */
static long enter_full_cpu(struct vmap_arena *arena, unsigned int cpu)
{
	long room;

	stay_on(cpu);
	room = here(arena)->room;
	here(arena)->room = 0;
	return room;
}

static void leave_full_cpu(struct vmap_arena *arena, long room)
{
	here(arena)->room = room;
	stay_on(cpumask_first(cpu_online_mask));
}

/* What a CPU without a magazine leaves in the depot, it finds there, if it is aligned as asked. */
static void the_depot_serves_who_has_no_magazine(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, 1 << 20, 1);
	unsigned int other = another_cpu(test), i, align = 1;
	struct vmap_arena_stats before, after;
	struct vmap_extent *extent;
	long room;

	want_extents(test, arena, 5);
	before = kt_stats(arena);
	room = enter_full_cpu(arena, other);
	for (i = 0; i < MANY; i++, align = align % 8 + 1) {
		if (!is_power_of_2(align))
			continue;
		extent = vmap_extent_alloc(arena, 5, align, GFP_KERNEL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, extent);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED(vmap_extent_start(extent), align));
		vmap_extent_free(arena, extent);
	}
	after = kt_stats(arena);
	leave_full_cpu(arena, room);
	/* Of the four alignments, the first is met by whatever is there, the others by chance. */
	KUNIT_EXPECT_GE(test, after.hits - before.hits, MANY / 8 - 1);
	KUNIT_EXPECT_LE_MSG(test, after.cached - before.cached, 4 * 5,
			    "each alignment leaves another extent there");
	KUNIT_EXPECT_EQ(test, after.areas, 0);
}

static void wait_until_nothing_is_cached(struct kunit *test, struct vmap_arena *arena)
{
	KUNIT_EXPECT_TRUE(test, kt_until(!kt_stats(arena).cached));
}

/* When the last magazine of a size has gone, the size must be in demand again to be kept. */
static void what_no_cpu_wants_any_more_is_not_kept(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, 1 << 20, 1);

	want_extents(test, arena, 5);
	wait_until_nothing_is_cached(test, arena);
	vmap_extent_free(arena, vmap_extent_alloc(arena, 5, 1, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, kt_stats(arena).cached, 0);
}

/* Whoever looks for what to give back may just have ended when something is put into the depot. */
static void what_is_kept_behind_the_last_tick_goes_back(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, 1 << 20, 1);
	unsigned int other = another_cpu(test);
	struct vmap_extent *extent;
	long room;

	want_extents(test, arena, 5);
	extent = vmap_extent_alloc(arena, 5, 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, extent);
	KUNIT_ASSERT_EQ(test, kt_stats(arena).cached, 0);
	cancel_delayed_work_sync(&arena->cache.cache_work);
	room = enter_full_cpu(arena, other);
	vmap_extent_free(arena, extent);
	leave_full_cpu(arena, room);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).cached, 5);
	wait_until_nothing_is_cached(test, arena);
}

/* What the magazines of this CPU may hold, all together; and how many there are. */
static unsigned long promised_here(struct vmap_arena *arena, unsigned int *count)
{
	unsigned long quanta = 0;
	unsigned int class;

	*count = 0;
	for (class = 1; class <= CACHE_CLASSES; class++) {
		const struct vmap_magazine *magazine = here(arena)->magazine[class];

		quanta += magazine ? magazine->capacity * class : 0;
		*count += magazine && magazine->capacity;
	}
	return quanta;
}

/* Every size is in demand here, more than fit into the CPU's share. */
static void a_cpu_keeps_to_its_share(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, 1 << 20, 1);
	long share = here(arena)->room;
	unsigned int class, i, magazines;
	unsigned long promised;

	for (class = 1; class <= CACHE_CLASSES; class++)
		for (i = 0; i < MANY_MISSES; i++)
			vmap_extent_free(arena, vmap_extent_alloc(arena, class, 1, GFP_KERNEL));
	promised = promised_here(arena, &magazines);
	kunit_info(test, "share %ld, promised %lu to %u magazines", share, promised, magazines);
	KUNIT_EXPECT_LE(test, promised, share);
	KUNIT_EXPECT_EQ(test, promised + here(arena)->room, share);
	KUNIT_EXPECT_GT(test, magazines, 0);
	KUNIT_EXPECT_LT_MSG(test, magazines, CACHE_CLASSES, "each class has one");
}

/* The depot's share in quanta, as README and modinfo say it. */
static unsigned long depot_share(struct kunit *test)
{
	unsigned long bytes;

	if (kt_parameter("cache_depot", &bytes))
		kunit_skip(test, "the parameters of vmap_arena.ko cannot be read");
	return bytes ? bytes >> PAGE_SHIFT : min(totalram_pages() / 32, (64UL << 20) >> PAGE_SHIFT);
}

static void the_depot_keeps_to_its_share(struct kunit *test)
{
	unsigned long share = depot_share(test), size = 32, in_magazine;
	struct vmap_arena *arena = kt_range(test, 0, 4 * share, 1);
	struct vmap_extent **extent;
	unsigned int count;

	want_extents(test, arena, size);
	in_magazine = here(arena)->magazine[size]->capacity * size;
	count = (share + 2 * in_magazine) / size;
	extent = kunit_kcalloc(test, count, sizeof(*extent), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, extent);
	alloc_extents(test, arena, extent, count, size);
	free_extents(arena, extent, count);
	KUNIT_EXPECT_LE(test, kt_stats(arena).cached, share + in_magazine);
	KUNIT_EXPECT_GT_MSG(test, kt_stats(arena).cached + 2 * in_magazine, share,
			    "the share was not used up, so this shows nothing");
}

/* After a burst it all goes back, though nobody calls: magazines, and the depot behind them. */
static void what_is_not_used_goes_back(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	long share = here(arena)->room;

	cache_areas(test, arena, 2, 50);
	wait_until_nothing_is_cached(test, arena);
	KUNIT_EXPECT_EQ(test, here(arena)->room, share);
}

/*
 * What is in use stays, however long it lasts.  Uses that a busy host keeps apart for longer than a
 * second are too seldom to say anything.
 */
static void what_is_used_stays(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	unsigned int uses = 0, hits = 0, tries;
	unsigned long last, before;

	want_areas(test, arena, 2);
	vmap_free(kt_pages(arena, 2, GFP_KERNEL));
	for (tries = 0; uses < 60 && tries < 600; tries++) {
		last = jiffies;
		msleep(100);
		before = kt_stats(arena).hits;
		vmap_free(kt_pages(arena, 2, GFP_KERNEL));
		if (time_before(jiffies, last + HZ)) {
			hits += kt_stats(arena).hits - before;
			uses++;
		} else {
			want_areas(test, arena, 2);
			vmap_free(kt_pages(arena, 2, GFP_KERNEL));
		}
	}
	if (uses < 60)
		kunit_skip(test, "this host is too busy to use an area once a second");
	KUNIT_EXPECT_EQ(test, hits, uses);
}

static void a_cpu_that_goes_keeps_nothing(struct kunit *test)
{
	struct vmap_arena *memory = kt_memory(test, 0), *range = kt_range(test, 0, 1 << 20, 1);
	unsigned int first = cpumask_first(cpu_online_mask), last = cpumask_last(cpu_online_mask);

	if (first == last)
		kunit_skip(test, "needs two CPUs");
	stay_on(last);
	cache_areas(test, memory, 3, 5);
	want_extents(test, range, 7);
	KUNIT_EXPECT_GT(test, kt_stats(range).cached, 0);
	stay_on(first);
	KUNIT_ASSERT_EQ(test, remove_cpu(last), 0);
	KUNIT_EXPECT_EQ(test, kt_stats(memory).cached, 0);
	KUNIT_EXPECT_EQ(test, kt_stats(range).cached, 0);
	KUNIT_EXPECT_EQ(test, add_cpu(last), 0);
}

static noinline_for_stack unsigned long cached_in(struct vmap_arena *arena)
{
	return kt_stats(arena).cached;
}

/* Dropping caches calls every shrinker as hard as memory pressure ever does. */
static void memory_pressure_takes_it(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0), *range = kt_range(test, 0, 1 << 20, 1);
	unsigned long cold, stocked;

	cache_areas(test, arena, 2, 50);
	want_extents(test, range, 7);
	/* The tick would take what nobody touches. */
	cancel_delayed_work_sync(&range->cache.cache_work);
	cold = cached_in(range);
	KUNIT_EXPECT_GT(test, cold, 0);
	stocked = kt_stats(arena).stock >> PAGE_SHIFT;
	if (kt_write("/proc/sys/vm/drop_caches", "2"))
		kunit_skip(test, "the kernel's caches cannot be dropped");
	KUNIT_EXPECT_EQ(test, cached_in(arena), 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).shrinks, 50 * 2 + stocked);
	/* Addresses are no memory. */
	KUNIT_EXPECT_EQ(test, cached_in(range), cold);
}

/*
 * A task that reclaims memory has to its credit each page that the cache gives back for it, but
 * none that a holder frees, who may tell of it, as of what vfree() frees.  Some slab may go along.
 */
static void reclaim_is_credited_with_what_the_cache_gives_back(struct kunit *test)
{
	struct vmap_arena *plain = kt_memory(test, VMAP_ARENA_NOCACHE), *arena = kt_memory(test, 0);
	void *addr = kt_pages(plain, 512, GFP_KERNEL);
	unsigned long pages[3] = { 64, 32, 16 };
	struct reclaim_state state = {};
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, addr);
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		unsigned int count = 512 / pages[i];

		cache_areas(test, arena, pages[i], count);
		memset(&state, 0, sizeof(state));
		current->reclaim_state = &state;
		vmap_arena_purge(arena);
		current->reclaim_state = NULL;
		KUNIT_EXPECT_GE(test, pages_reclaimed(&state), 512);
		KUNIT_EXPECT_LT(test, pages_reclaimed(&state), 512 + 64);
	}
	memset(&state, 0, sizeof(state));
	current->reclaim_state = &state;
	vmap_free(addr);
	current->reclaim_state = NULL;
	KUNIT_EXPECT_LT(test, pages_reclaimed(&state), 64);
}

/* The pages that the shrinker says it could give back. */
static unsigned long most_shrinkable(struct kunit *test)
{
	char text[64] = {};
	unsigned long pages = 0;

	if (kt_shell("cat /sys/kernel/debug/shrinker/vmap_arena-*/count >/tmp/shrinkable"))
		kunit_skip(test, "the kernel does not show what a shrinker counts");
	KUNIT_ASSERT_GE(test, kt_read("/tmp/shrinkable", text, sizeof(text) - 1), 0);
	/* The control group, and the first node; no line if there is nothing. */
	if (*text)
		KUNIT_ASSERT_EQ(test, sscanf(text, "%*u %lu", &pages), 1);
	return pages;
}

/* It counts all that is cached of memory, and does not go on counting what is not. */
static void the_shrinker_counts_what_it_could_give_back(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0), *range = kt_range(test, 0, 1 << 20, 1);
	unsigned int i;

	vmap_arena_purge(NULL);
	want_extents(test, range, 7);
	KUNIT_EXPECT_EQ(test, most_shrinkable(test), 0);
	cache_areas(test, arena, 2, 50);
	KUNIT_EXPECT_GE(test, most_shrinkable(test), 50 * 2);
	KUNIT_EXPECT_LE(test, most_shrinkable(test),
			50 * 2 + here(arena)->magazine[2]->capacity * 2 +
				(kt_stats(arena).stock >> PAGE_SHIFT));
	/* Once it was asked for all of that, no more is to be had. */
	for (i = 0; i < 2; i++)
		KUNIT_ASSERT_EQ(test, kt_write("/proc/sys/vm/drop_caches", "2"), 0);
	KUNIT_EXPECT_EQ(test, most_shrinkable(test), 0);
	want_areas(test, arena, 3);
	KUNIT_EXPECT_GT(test, most_shrinkable(test), 0);
	vmap_arena_purge(arena);
	KUNIT_EXPECT_EQ(test, most_shrinkable(test), 0);
}

static void fill_and_cache_range(struct kunit *test, struct vmap_arena *arena)
{
	struct vmap_extent *extent[125];

	vmap_arena_purge(arena);
	want_extents(test, arena, 8);
	alloc_extents(test, arena, extent, 125, 8);
	free_extents(arena, extent, 125);
	KUNIT_ASSERT_GT(test, cached_in(arena), 0);
	KUNIT_ASSERT_LT(test, kt_stats(arena).largest_free, 1000);
}

/* No allocation may fail for what is only cached. */
static void cached_ranges_are_found(struct kunit *test)
{
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_ATOMIC };
	struct vmap_arena *arena = kt_range(test, 0, 1000, 1);
	struct vmap_extent *extent;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gfps); i++) {
		fill_and_cache_range(test, arena);
		extent = vmap_extent_alloc(arena, 1000, 1, gfps[i]);
		KUNIT_EXPECT_FALSE(test, IS_ERR(extent));
		vmap_extent_free(arena, extent);
	}
}

/* Nor in a memory arena that may not grow: what is asked for is there, but in cached parts. */
static void cached_memory_is_found(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	unsigned long part = kt_stats(arena).reserved / 16;
	void *addr;

	if (part > CACHE_CLASSES << PAGE_SHIFT)
		kunit_skip(test, "load vmap_arena.ko with span_size=2M for this");
	WRITE_ONCE(arena->cache.purge.space.limit, arena->cache.purge.space.reserved);
	cache_areas(test, arena, (part - arena->cache.purge.space.guard) >> PAGE_SHIFT, 8);
	addr = vmap_arena_alloc(arena, 12 * part - PAGE_SIZE, 1, GFP_KERNEL, NUMA_NO_NODE);
	KUNIT_EXPECT_NOT_NULL(test, addr);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).spans, 1);
	vmap_free(addr);
}

/* Each asks for something that not every page has, or is not free to have. */
static void special_pages_go_past_the_cache(struct kunit *test)
{
	static const gfp_t flags[] = {
		__GFP_ACCOUNT, __GFP_RECLAIMABLE, __GFP_MOVABLE, __GFP_DMA32, __GFP_DMA,
	};
	struct vmap_arena *arena = kt_memory(test, 0);
	struct vmap_arena_stats before, after;
	unsigned int i;

	cache_areas(test, arena, 3, 5);
	before = kt_stats(arena);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		void *addr = kt_pages(arena, 3, GFP_KERNEL | flags[i]);

		KUNIT_EXPECT_NOT_NULL_MSG(test, addr, "flags %x", (__force unsigned int)flags[i]);
		vmap_free(addr);
	}
	after = kt_stats(arena);
	KUNIT_EXPECT_EQ(test, after.hits, before.hits);
	KUNIT_EXPECT_EQ(test, after.cached, before.cached);
}

typedef bool page_test_fn(struct page *page, const void *wanted);

/* How many of the pages of an area pass a test. */
static unsigned int pages_that(page_test_fn *pass, const void *addr, unsigned long pages,
			       const void *wanted)
{
	unsigned int count = 0;

	for (; pages--; addr += PAGE_SIZE)
		count += pass(vmalloc_to_page(addr), wanted);
	return count;
}

/*
 * With plain areas kept, ask for special ones: all of their pages must pass the test, and where
 * they were nothing may be left once they are freed, so that nobody gets them who did not ask.
 */
static void expect_special(struct kunit *test, struct vmap_arena *arena, gfp_t gfp,
			   page_test_fn *pass, const void *wanted)
{
	unsigned long cached;
	unsigned int i;
	void *addr[5];

	cache_areas(test, arena, 3, ARRAY_SIZE(addr));
	cached = kt_stats(arena).cached;
	for (i = 0; i < ARRAY_SIZE(addr); i++) {
		addr[i] = kt_pages(arena, 3, gfp);
		KUNIT_ASSERT_NOT_NULL(test, addr[i]);
		KUNIT_EXPECT_EQ(test, pages_that(pass, addr[i], 3, wanted), 3);
	}
	for (i = 0; i < ARRAY_SIZE(addr); i++) {
		vmap_free(addr[i]);
		KUNIT_EXPECT_NULL(test, vmalloc_to_page(addr[i]));
	}
	KUNIT_EXPECT_EQ(test, kt_stats(arena).cached, cached);
}

static bool is_not_above(struct page *page, const void *zone)
{
	return page_zonenum(page) <= *(const enum zone_type *)zone;
}

/* Boot with vm.sh --low-mem, and without numa=fake: this needs a CPU with memory above 4 GiB. */
static void pages_are_of_the_zone_asked_for(struct kunit *test)
{
	static const gfp_t flags[] = { __GFP_DMA32, __GFP_DMA };
	struct vmap_arena *arena = kt_memory(test, 0);
	unsigned int i, lower = 0;
	void *plain;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		enum zone_type zone = gfp_zone(flags[i]);

		want_areas(test, arena, 3);
		plain = kt_pages(arena, 3, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, plain);
		lower += pages_that(is_not_above, plain, 3, &zone) == 0;
		vmap_free(plain);
		expect_special(test, arena, GFP_KERNEL | flags[i], is_not_above, &zone);
		vmap_arena_purge(arena);
	}
	if (!lower)
		kunit_skip(test, "the pages that anybody gets are of the lowest zone here");
}

#ifdef CONFIG_MEMCG
static bool is_charged(struct page *page, const void *group)
{
	bool charged;

	rcu_read_lock();
	charged = page_memcg_check(page) == group;
	rcu_read_unlock();
	return charged;
}

/* Whoever runs this must have made the control group. */
static void accounted_pages_are_charged(struct kunit *test)
{
	struct mem_cgroup *group, *outer;
	struct vmap_arena *arena = kt_memory(test, 0);
	void *plain;

	if (kt_write("/sys/fs/cgroup/vmap_kunit/cgroup.procs", "0"))
		kunit_skip(test, "there is no control group called vmap_kunit");
	rcu_read_lock();
	group = mem_cgroup_from_task(current);
	rcu_read_unlock();
	/* A kernel thread is charged only where it says for whom it works. */
	outer = set_active_memcg(group);
	expect_special(test, arena, GFP_KERNEL_ACCOUNT, is_charged, group);
	plain = kt_pages(arena, 3, GFP_KERNEL);
	set_active_memcg(outer);
	KUNIT_ASSERT_NOT_NULL(test, plain);
	KUNIT_EXPECT_EQ(test, pages_that(is_charged, plain, 3, NULL), 3);
	vmap_free(plain);
}
#else
static void accounted_pages_are_charged(struct kunit *test)
{
	kunit_skip(test, "this kernel accounts no memory to control groups");
}
#endif

static bool is_other(struct page *page, const void *own)
{
	return page != own;
}

/* vmap_map_pages() maps the caller's pages though others are kept, and nobody gets them later. */
static void areas_of_the_callers_are_not_kept(struct kunit *test)
{
	struct page *own = alloc_page(GFP_KERNEL);
	unsigned long cached;
	unsigned int i;
	void *addr;

	KUNIT_ASSERT_NOT_NULL(test, own);
	for (i = 0; i < MANY_MISSES; i++)
		vmap_free(vmap_alloc(PAGE_SIZE));
	cached = kt_stats(NULL).cached;
	for (i = 0; i < MANY_MISSES; i++) {
		addr = vmap_map_pages(&own, 1, PAGE_KERNEL_RO);
		KUNIT_ASSERT_NOT_NULL(test, addr);
		KUNIT_EXPECT_EQ(test, pages_that(is_other, addr, 1, own), 0);
		vmap_unmap_pages(addr);
		KUNIT_EXPECT_NULL(test, vmalloc_to_page(addr));
	}
	KUNIT_EXPECT_LE(test, kt_stats(NULL).cached, cached);
	for (i = 0; i < MANY_MISSES; i++) {
		addr = vmap_alloc(PAGE_SIZE);
		KUNIT_ASSERT_NOT_NULL(test, addr);
		KUNIT_EXPECT_EQ(test, pages_that(is_other, addr, 1, own), 1);
		kt_stamp(addr, PAGE_SIZE, i);
		vmap_free(addr);
	}
	__free_page(own);
}

/* Boot with init_on_free=1 for this one: the page allocator cannot be told later. */
static void init_on_free_is_honoured(struct kunit *test)
{
	struct vmap_arena *arena;
	struct page *page[3];
	unsigned int i;
	void *addr;

	if (!want_init_on_free())
		kunit_skip(test, "the kernel was booted without init_on_free=1");
	arena = kt_memory(test, 0);
	want_areas(test, arena, 3);
	addr = kt_pages(arena, 3, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	kt_stamp(addr, 3 * PAGE_SIZE, 0x5a5a5a5a5a5a);
	for (i = 0; i < 3; i++)
		page[i] = vmalloc_to_page(addr + i * PAGE_SIZE);
	vmap_free(addr);
	KUNIT_ASSERT_GT(test, kt_stats(arena).warm, 0);
	/* KASAN would report a look through the area's own addresses. */
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_NULL(test, memchr_inv(page_address(page[i]), 0, PAGE_SIZE));
}

/* With the last area still dirty from its last holder. */
static void init_on_alloc_is_honoured(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	bool was_on = want_init_on_alloc(0);
	unsigned long hits;
	void *addr;

	want_areas(test, arena, 3);
	addr = kt_pages(arena, 3, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	kt_stamp(addr, 3 * PAGE_SIZE, 0x5a5a5a5a5a5a);
	vmap_free(addr);
	hits = kt_stats(arena).hits;
	static_branch_enable(&init_on_alloc);
	addr = kt_pages(arena, 3, GFP_KERNEL);
	if (!was_on)
		static_branch_disable(&init_on_alloc);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).hits, hits + 1);
	KUNIT_EXPECT_NULL(test, memchr_inv(addr, 0, 3 * PAGE_SIZE));
	vmap_free(addr);
}

static void a_warm_area_is_zeroed_if_asked(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	unsigned long hits;
	void *addr;

	want_areas(test, arena, 3);
	addr = kt_pages(arena, 3, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	kt_stamp(addr, 3 * PAGE_SIZE, 0x5a5a5a5a5a5a);
	vmap_free(addr);
	hits = kt_stats(arena).hits;
	addr = kt_pages(arena, 3, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).hits, hits + 1);
	KUNIT_EXPECT_NULL(test, memchr_inv(addr, 0, 3 * PAGE_SIZE));
	vmap_free(addr);
}

static void an_arena_without_a_cache_keeps_nothing(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned int i;

	for (i = 0; i < 2 * MANY_MISSES; i++)
		vmap_free(kt_pages(arena, 3, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, kt_stats(arena).cached, 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).hits, 0);
}

static struct kunit_case cache_cases[] = {
	KUNIT_CASE(demand_decides),
	KUNIT_CASE(a_warm_area_is_used_again),
	KUNIT_CASE(what_is_freed_after_a_grace_period_is_kept_too),
	KUNIT_CASE(a_warm_area_is_aligned_as_asked),
	KUNIT_CASE(magazines_are_freed_by_a_thread),
	KUNIT_CASE(the_cached_is_neither_busy_nor_free),
	KUNIT_CASE(the_depot_is_met_seldom),
	KUNIT_CASE(a_cpu_that_only_frees_meets_it_seldom),
	KUNIT_CASE(the_depot_serves_who_has_no_magazine),
	KUNIT_CASE(what_no_cpu_wants_any_more_is_not_kept),
	KUNIT_CASE(what_is_kept_behind_the_last_tick_goes_back),
	KUNIT_CASE(a_cpu_keeps_to_its_share),
	KUNIT_CASE(the_depot_keeps_to_its_share),
	KUNIT_CASE(what_is_not_used_goes_back),
	KUNIT_CASE(what_is_used_stays),
	KUNIT_CASE(a_cpu_that_goes_keeps_nothing),
	KUNIT_CASE(memory_pressure_takes_it),
	KUNIT_CASE(reclaim_is_credited_with_what_the_cache_gives_back),
	KUNIT_CASE(the_shrinker_counts_what_it_could_give_back),
	KUNIT_CASE(cached_ranges_are_found),
	KUNIT_CASE(cached_memory_is_found),
	KUNIT_CASE(special_pages_go_past_the_cache),
	KUNIT_CASE(pages_are_of_the_zone_asked_for),
	KUNIT_CASE(accounted_pages_are_charged),
	KUNIT_CASE(areas_of_the_callers_are_not_kept),
	KUNIT_CASE(init_on_free_is_honoured),
	KUNIT_CASE(init_on_alloc_is_honoured),
	KUNIT_CASE(a_warm_area_is_zeroed_if_asked),
	KUNIT_CASE(an_arena_without_a_cache_keeps_nothing),
	{}
};

static struct kunit_suite cache_suite = {
	.name = "vmap_cache", .init = stay_on_first, .test_cases = cache_cases,
};

kunit_test_suite(cache_suite);
