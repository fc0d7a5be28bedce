// SPDX-License-Identifier: GPL-2.0
/*
 * badfree_kunit.c - double frees, interior and foreign pointers, the wrong call, an NMI: reported,
 * harmless
 *
 * Each bad call must print one line that says what is wrong and who called, and change nothing: the
 * counters stay, and a live area keeps its address, its pages and its contents.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"

typedef void (*free_call)(const void *addr);

static void await_new_allowance(void)
{
	msleep(jiffies_to_msecs(DEFAULT_RATELIMIT_INTERVAL) + 100);
}

/* The kernel log takes so many reports in so long a time; when they are used up, wait for more. */
static void await_allowance(void)
{
	static unsigned int reports;

	if (reports++ % DEFAULT_RATELIMIT_BURST == DEFAULT_RATELIMIT_BURST - 1)
		await_new_allowance();
}

static noinline void expect_report(struct kunit *test, free_call call, const void *addr,
				   const char *why)
{
	struct vmap_arena_stats before = kt_stats(NULL), after;
	struct kt_log log;

	await_allowance();
	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "vmap_arena: bad free"), 0);
	call(addr);
	kt_log_end(&log);
	after = kt_stats(NULL);
	KUNIT_EXPECT_EQ_MSG(test, log.lines, 1, "for: %s", why);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, why), "said: %s", log.last);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, "expect_report"), "said: %s", log.last);
	KUNIT_EXPECT_EQ(test, before.frees, after.frees);
	KUNIT_EXPECT_EQ(test, before.busy, after.busy);
}

static void double_frees(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	void *addr = kt_pages(arena, 3, GFP_KERNEL), *other = kt_pages(arena, 3, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_ASSERT_NOT_NULL(test, other);
	kt_stamp(other, 3 * PAGE_SIZE, 1);
	vmap_free(addr);
	expect_report(test, vmap_free, addr, "free already");
	expect_report(test, vmap_free_rcu, addr, "free already");
	vmap_arena_purge(arena);
	expect_report(test, vmap_free, addr, "free already");
	vmap_free_rcu(other);
	expect_report(test, vmap_free, other, "free already");
	expect_report(test, vmap_free_rcu, other, "free already");
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 0);
}

/* What was free and has become part of other areas, for whose extents the old ones serve again. */
static void stale_pointers(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	void *addr[8], *low, *stale;
	unsigned int i;

	kt_stay_in_first_shard(arena);
	low = kt_pages(arena, 1, GFP_KERNEL);
	stale = kt_pages(arena, 3, GFP_KERNEL);
	vmap_free(low);
	vmap_free(stale);
	vmap_arena_purge(arena);
	for (i = 0; i < ARRAY_SIZE(addr); i++) {
		addr[i] = kt_pages(arena, 8, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr[i]);
	}
	KUNIT_ASSERT_PTR_EQ(test, addr[0], low);
	expect_report(test, vmap_free, stale, "inside an area");
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, ARRAY_SIZE(addr));
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		vmap_free(addr[i]);
}

/* With the arena's caches on: an area that is kept warm is free all the same. */
static void double_frees_of_cached_areas(struct kunit *test)
{
	void *addr, *again;
	unsigned int i;

	/* What is asked for so often is kept, by this CPU. */
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	for (i = 0; i < 16; i++) {
		addr = vmap_alloc(3 * PAGE_SIZE);
		KUNIT_ASSERT_NOT_NULL(test, addr);
		vmap_free(addr);
	}
	KUNIT_ASSERT_NOT_NULL(test, vmalloc_to_page(addr));
	expect_report(test, vmap_free, addr, "free already");
	again = vmap_alloc(3 * PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, again);
	kt_stamp(again, 3 * PAGE_SIZE, 4);
	if (again != addr)
		expect_report(test, vmap_free, addr, "free already");
	KUNIT_EXPECT_TRUE(test, kt_stamped(again, 3 * PAGE_SIZE, 4));
	vmap_free(again);
}

static void interior_pointers(struct kunit *test)
{
	char *addr = vmap_alloc(3 * PAGE_SIZE);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	kt_stamp(addr, 3 * PAGE_SIZE, 2);
	expect_report(test, vmap_free, addr + 1, "inside an area");
	expect_report(test, vmap_free, addr + PAGE_SIZE, "inside an area");
	expect_report(test, vmap_free, addr + 3 * PAGE_SIZE - 1, "inside an area");
	expect_report(test, vmap_free_rcu, addr + 2 * PAGE_SIZE, "inside an area");
	expect_report(test, vmap_unmap_pages, addr + 8, "inside an area");
	KUNIT_EXPECT_TRUE(test, kt_stamped(addr, 3 * PAGE_SIZE, 2));
	vmap_free(addr);
}

/* An area that goes over several page tables is found from each of them, while it lives. */
static void interior_pointers_of_a_large_area(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned long size = 5 * WINDOW_GRAIN / 2, at;
	void *before, *after, *small;
	char *addr;

	if (arena->cache.purge.space.reserved > 8UL << 20)
		kunit_skip(test, "load vmap_arena.ko with span_size=2M for this");
	/* All of the first span, and what keeps the second, and last, from being returned. */
	WRITE_ONCE(arena->cache.purge.space.limit, arena->cache.purge.space.reserved);
	before = kt_pages(arena, (arena->cache.purge.space.reserved >> PAGE_SHIFT) - 1, GFP_KERNEL);
	WRITE_ONCE(arena->cache.purge.space.limit,
		   arena->cache.purge.space.reserved + 3 * WINDOW_GRAIN);
	addr = vmap_arena_alloc(arena, size, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);
	after = kt_pages(arena, 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, before);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_ASSERT_PTR_EQ(test, after, (void *)addr + size + PAGE_SIZE);
	for (at = WINDOW_GRAIN / 2; at < size; at += WINDOW_GRAIN)
		expect_report(test, vmap_free, addr + at, "inside an area");
	expect_report(test, vmap_free, addr + size - 1, "inside an area");
	vmap_free(addr);
	vmap_arena_purge(arena);
	expect_report(test, vmap_free, addr + size - PAGE_SIZE, "free already");
	small = kt_pages(arena, 3, GFP_KERNEL);
	expect_report(test, vmap_free, addr + size - PAGE_SIZE, "free already");
	KUNIT_EXPECT_PTR_EQ(test, small, (void *)addr);
	vmap_free(small);
	vmap_free(after);
	vmap_free(before);
}

#define AREAS_OF_TWO	64

/* Two tasks that free the same areas at the same time. */
struct race {
	void *addr[AREAS_OF_TWO];
	bool begin;
};

static int free_them_too(void *data)
{
	struct race *race = data;
	unsigned int i;

	/* Pairs with the release in expect_one_free_of_two(). */
	while (!smp_load_acquire(&race->begin))
		cpu_relax();
	for (i = 0; i < AREAS_OF_TWO; i++)
		vmap_free(race->addr[i]);
	return 0;
}

static void expect_one_free_of_two(struct kunit *test, struct vmap_arena *arena, struct race *race)
{
	struct task_struct *other = kthread_create(free_them_too, race, "vmap_badfree");
	unsigned int i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, other);
	race->begin = false;
	for (i = 0; i < AREAS_OF_TWO; i++) {
		race->addr[i] = kt_pages(arena, 1 + i % 3, GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, race->addr[i]);
	}
	get_task_struct(other);
	wake_up_process(other);
	/* Pairs with the acquire in free_them_too(). */
	smp_store_release(&race->begin, true);
	for (i = 0; i < AREAS_OF_TWO; i++)
		vmap_free(race->addr[i]);
	kthread_stop(other);
	put_task_struct(other);
}

static void two_frees_at_once(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	unsigned int rounds = kt_loops / 10, i;

	KUNIT_ASSERT_NOT_NULL(test, race);
	for (i = 0; i < rounds; i++)
		expect_one_free_of_two(test, arena, race);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).frees, (unsigned long)rounds * AREAS_OF_TWO);
	await_new_allowance();
}

#define AREAS_LOOKED_AT	500

/* A look-up that takes its time: it has found extents, and goes on to read them. */
struct look_up {
	struct vmap_extent *extent[AREAS_LOOKED_AT];
	unsigned int busy;
	bool began;
	bool end;
};

static int look_up(void *data)
{
	struct look_up *look = data;
	unsigned int i;

	rcu_read_lock();
	/* Pairs with the acquire in extents_outlive_a_look_up(). */
	smp_store_release(&look->began, true);
	/* Pairs with the release there. */
	while (!smp_load_acquire(&look->end))
		cpu_relax();
	for (i = 0; i < AREAS_LOOKED_AT; i++)
		look->busy += data_race(look->extent[i]->state) == VMAP_BUSY;
	rcu_read_unlock();
	return 0;
}

/* Free all areas and wait until their extents are merged: each leaves a spare over. */
static void free_and_merge(struct kunit *test, struct vmap_arena *arena, void **addr)
{
	unsigned long i;

	WRITE_ONCE(arena->cache.purge.threshold, PAGE_SIZE);
	for (i = 0; i < AREAS_LOOKED_AT; i++)
		vmap_free(addr[i]);
	KUNIT_EXPECT_TRUE(test,
			  kt_until(data_race(arena->cache.purge.purged) >= AREAS_LOOKED_AT - 2));
}

static void extents_outlive_a_look_up(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE | VMAP_ARENA_NOGUARD);
	struct look_up *look = kunit_kzalloc(test, sizeof(*look), GFP_KERNEL);
	void **addr = kunit_kcalloc(test, AREAS_LOOKED_AT, sizeof(*addr), GFP_KERNEL);
	struct task_struct *reader;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, look);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	kt_stay_in_first_shard(arena);
	for (i = 0; i < AREAS_LOOKED_AT; i++) {
		addr[i] = kt_pages(arena, 1, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr[i]);
		look->extent[i] = kt_extent(arena, addr[i]);
	}
	reader = kthread_create(look_up, look, "vmap_badfree");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, reader);
	get_task_struct(reader);
	wake_up_process(reader);
	/* Pairs with the release in look_up(). */
	while (!smp_load_acquire(&look->began))
		msleep(20);
	free_and_merge(test, arena, addr);
	/* trim_work waits for the reader, with extents that trim_work is to give back. */
	KUNIT_EXPECT_TRUE(test, kt_until(work_busy(&arena->cache.purge.space.trim_work)));
	/* Pairs with the acquire in look_up(). */
	smp_store_release(&look->end, true);
	kthread_stop(reader);
	put_task_struct(reader);
	KUNIT_EXPECT_EQ(test, look->busy, 0);
}

/* Of these extents: how many the slab got, and how many of them behind an interrupt. */
static struct {
	struct vmap_extent *extent[AREAS_LOOKED_AT];
	atomic_t all;
	atomic_t behind;
} given;

static int on_give(struct kprobe *probe, struct pt_regs *regs)
{
	const void *object = (const void *)regs_get_kernel_argument(regs, 1);
	unsigned int i;

	for (i = 0; i < AREAS_LOOKED_AT && given.extent[i] != object; i++)
		;
	if (i < AREAS_LOOKED_AT) {
		atomic_inc(&given.all);
		if (in_serving_softirq())
			atomic_inc(&given.behind);
	}
	return 0;
}

static struct kprobe give_probe = { .symbol_name = "kmem_cache_free", .pre_handler = on_give };

/* Many callbacks of RCU in a row keep whoever was interrupted from the CPU. */
static void extents_go_back_in_a_thread(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE | VMAP_ARENA_NOGUARD);
	void **addr = kunit_kcalloc(test, AREAS_LOOKED_AT, sizeof(*addr), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, addr);
	kt_stay_in_first_shard(arena);
	for (i = 0; i < AREAS_LOOKED_AT; i++) {
		addr[i] = kt_pages(arena, 1, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr[i]);
		given.extent[i] = kt_extent(arena, addr[i]);
	}
	atomic_set(&given.all, 0);
	atomic_set(&given.behind, 0);
	kt_probe(test, &give_probe);
	free_and_merge(test, arena, addr);
	KUNIT_EXPECT_TRUE(test, kt_until(atomic_read(&given.all) >= 32));
	KUNIT_EXPECT_EQ(test, atomic_read(&given.behind), 0);
}

/* What an NMI that interrupted one of our calls would find this CPU to be in. */
static void enter_nmi(unsigned long *flags)
{
	local_irq_save(*flags);
	__preempt_count_add(NMI_OFFSET + HARDIRQ_OFFSET);
}

static void leave_nmi(unsigned long flags)
{
	__preempt_count_sub(NMI_OFFSET + HARDIRQ_OFFSET);
	local_irq_restore(flags);
}

static void free_in_nmi(const void *addr)
{
	unsigned long flags;

	enter_nmi(&flags);
	vmap_free(addr);
	leave_nmi(flags);
}

static void free_rcu_in_nmi(const void *addr)
{
	unsigned long flags;

	enter_nmi(&flags);
	vmap_free_rcu(addr);
	leave_nmi(flags);
}

static void unmap_in_nmi(const void *addr)
{
	unsigned long flags;

	enter_nmi(&flags);
	vmap_unmap_pages(addr);
	leave_nmi(flags);
}

static void alloc_in_nmi(const void *unused)
{
	unsigned long flags;
	void *addr;

	enter_nmi(&flags);
	addr = vmap_alloc_node(3 * PAGE_SIZE, PAGE_SIZE, GFP_ATOMIC, NUMA_NO_NODE);
	leave_nmi(flags);
	WARN_ON(addr);
}

static void map_in_nmi(const void *page)
{
	struct page *pages[1] = { (struct page *)page };
	unsigned long flags;
	void *addr;

	enter_nmi(&flags);
	addr = vmap_map_pages(pages, 1, PAGE_KERNEL);
	leave_nmi(flags);
	WARN_ON(addr);
}

static void extent_alloc_in_nmi(const void *arena)
{
	struct vmap_extent *extent, *bounded;
	unsigned long flags;

	enter_nmi(&flags);
	extent = vmap_extent_alloc((struct vmap_arena *)arena, 3, 1, GFP_ATOMIC);
	bounded = vmap_extent_alloc_range((struct vmap_arena *)arena, 3, 1, 0, 9, GFP_ATOMIC);
	leave_nmi(flags);
	WARN_ON(PTR_ERR(extent) != -EINVAL || PTR_ERR(bounded) != -EINVAL);
}

static void extent_free_in_nmi(const void *extent)
{
	unsigned long flags;

	enter_nmi(&flags);
	struct vmap_extent *stale = (struct vmap_extent *)extent;

	vmap_extent_free(container_of(vcache_of(stale->space), struct vmap_arena, cache), stale);
	leave_nmi(flags);
}

static void expect_refusal(struct kunit *test, struct vmap_arena *arena, free_call call,
			   const void *data, unsigned int times)
{
	struct vmap_arena_stats before = kt_stats(arena), after;
	struct kt_log log;

	await_allowance();
	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "vmap_arena: called in an NMI by"), 0);
	call(data);
	kt_log_end(&log);
	after = kt_stats(arena);
	KUNIT_EXPECT_EQ_MSG(test, log.lines, times, "%ps", call);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, "in_nmi"), "said: %s", log.last);
	KUNIT_EXPECT_EQ_MSG(test, memcmp(&before, &after, sizeof(before)), 0, "%ps", call);
}

/* Where the caches have what a call needs, and room for what it brings. */
static void calls_in_an_nmi(struct kunit *test)
{
	struct vmap_arena *range = kt_range(test, 0, 1000, 1);
	struct page *page = alloc_page(GFP_KERNEL);
	struct vmap_extent *extent;
	void *addr, *mapped;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	for (i = 0; i < 16; i++) {
		vmap_free(vmap_alloc(3 * PAGE_SIZE));
		vmap_extent_free(range, vmap_extent_alloc(range, 3, 1, GFP_KERNEL));
	}
	addr = vmap_alloc(3 * PAGE_SIZE);
	mapped = vmap_map_pages(&page, 1, PAGE_KERNEL);
	extent = vmap_extent_alloc(range, 3, 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_ASSERT_NOT_NULL(test, mapped);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, extent);
	expect_refusal(test, NULL, free_in_nmi, addr, 1);
	expect_refusal(test, NULL, free_rcu_in_nmi, addr, 1);
	expect_refusal(test, NULL, unmap_in_nmi, mapped, 1);
	expect_refusal(test, range, extent_free_in_nmi, extent, 1);
	vmap_free(addr);
	vmap_unmap_pages(mapped);
	vmap_extent_free(range, extent);
	expect_refusal(test, NULL, alloc_in_nmi, NULL, 1);
	expect_refusal(test, NULL, map_in_nmi, page, 1);
	expect_refusal(test, range, extent_alloc_in_nmi, range, 2);
	__free_page(page);
}

static void foreign_pointers(struct kunit *test)
{
	void *slab = kmalloc(64, GFP_KERNEL), *theirs = vmalloc(PAGE_SIZE);
	int local;

	KUNIT_ASSERT_NOT_NULL(test, slab);
	KUNIT_ASSERT_NOT_NULL(test, theirs);
	expect_report(test, vmap_free, slab, "not an address of ours");
	expect_report(test, vmap_free, theirs, "not an address of ours");
	expect_report(test, vmap_free, &local, "not an address of ours");
	expect_report(test, vmap_free, (void *)PAGE_SIZE, "not an address of ours");
	expect_report(test, vmap_free, (void *)ULONG_MAX, "not an address of ours");
	expect_report(test, vmap_free_rcu, theirs, "not an address of ours");
	expect_report(test, vmap_unmap_pages, theirs, "not an address of ours");
	kfree(slab);
	vfree(theirs);
}

/* What frees memory of any kind frees ours, theirs and none. */
static void memory_of_any_kind(struct kunit *test)
{
	void *ours = vmap_alloc(3 * PAGE_SIZE), *later = vmap_alloc(PAGE_SIZE);
	void *slab = kmalloc(64, GFP_KERNEL), *theirs = vmalloc(3 * PAGE_SIZE);
	struct vmap_arena_stats before = kt_stats(NULL);

	KUNIT_ASSERT_NOT_NULL(test, ours);
	KUNIT_ASSERT_NOT_NULL(test, later);
	KUNIT_ASSERT_NOT_NULL(test, slab);
	KUNIT_ASSERT_NOT_NULL(test, theirs);
	vmap_kvfree(NULL);
	vmap_kvfree_rcu(NULL);
	expect_report(test, vmap_kvfree, ours + PAGE_SIZE, "inside an area");
	expect_report(test, vmap_kvfree_rcu, ours + 2 * PAGE_SIZE, "inside an area");
	vmap_kvfree(slab);
	vmap_kvfree(theirs);
	KUNIT_EXPECT_TRUE(test, kt_faults(theirs));
	vmap_kvfree(ours);
	expect_report(test, vmap_kvfree, ours, "free already");
	vmap_kvfree_rcu(later);
	rcu_barrier();
	expect_report(test, vmap_kvfree_rcu, later, "free already");
	vmap_kvfree_rcu(kmalloc(64, GFP_KERNEL));
	vmap_kvfree_rcu(vmalloc(PAGE_SIZE));
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, kt_stats(NULL).frees, before.frees + 2);
}

static void the_wrong_call(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);
	void *addr = vmap_alloc(PAGE_SIZE), *mapped;

	KUNIT_ASSERT_NOT_NULL(test, page);
	mapped = vmap_map_pages(&page, 1, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_ASSERT_NOT_NULL(test, mapped);
	kt_stamp(addr, PAGE_SIZE, 3);
	expect_report(test, vmap_free, mapped, "the wrong call");
	expect_report(test, vmap_free_rcu, mapped, "the wrong call");
	expect_report(test, vmap_unmap_pages, addr, "the wrong call");
	KUNIT_EXPECT_TRUE(test, kt_stamped(addr, PAGE_SIZE, 3));
	KUNIT_EXPECT_PTR_EQ(test, vmalloc_to_page(mapped), page);
	vmap_free(addr);
	vmap_unmap_pages(mapped);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	__free_page(page);
}

static noinline void expect_extent_report(struct kunit *test, struct vmap_arena *arena,
					  struct vmap_extent *extent)
{
	struct vmap_arena_stats before = kt_stats(arena), after;
	struct kt_log log;

	await_allowance();
	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "vmap_arena: bad free of extent"), 0);
	vmap_extent_free(arena, extent);
	kt_log_end(&log);
	after = kt_stats(arena);
	KUNIT_EXPECT_EQ(test, log.lines, 1);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, "expect_extent_report"), "said: %s",
				  log.last);
	KUNIT_EXPECT_EQ(test, before.frees, after.frees);
	KUNIT_EXPECT_EQ(test, before.free, after.free);
}

static void extents(struct kunit *test)
{
	struct vmap_arena *arena = kt_range(test, 0, 1000, 1), *other = kt_range(test, 0, 1000, 1);
	struct vmap_extent *a = vmap_extent_alloc(arena, 10, 1, GFP_KERNEL);
	struct vmap_extent *b = vmap_extent_alloc(arena, 10, 1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);
	expect_extent_report(test, other, a);
	expect_extent_report(test, NULL, a);
	vmap_extent_free(arena, a);
	expect_extent_report(test, arena, a);
	KUNIT_EXPECT_EQ(test, vmap_extent_start(b), 10);
	KUNIT_EXPECT_EQ(test, vmap_extent_size(b), 10);
	vmap_extent_free(arena, b);
	expect_extent_report(test, arena, b);
}

static struct kunit_case badfree_cases[] = {
	KUNIT_CASE(double_frees),
	KUNIT_CASE(stale_pointers),
	KUNIT_CASE(double_frees_of_cached_areas),
	KUNIT_CASE(interior_pointers),
	KUNIT_CASE(interior_pointers_of_a_large_area),
	KUNIT_CASE(two_frees_at_once),
	KUNIT_CASE(extents_outlive_a_look_up),
	KUNIT_CASE(extents_go_back_in_a_thread),
	KUNIT_CASE(calls_in_an_nmi),
	KUNIT_CASE(foreign_pointers),
	KUNIT_CASE(memory_of_any_kind),
	KUNIT_CASE(the_wrong_call),
	KUNIT_CASE(extents),
	{}
};

static struct kunit_suite badfree_suite = { .name = "vmap_badfree", .test_cases = badfree_cases };
kunit_test_suite(badfree_suite);
