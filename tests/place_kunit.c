// SPDX-License-Identifier: GPL-2.0
/*
 * place_kunit.c - which NUMA node the pages lie on: as vmalloc() has it, warm memory too
 *
 * Boot with numa=fake=2 for all of it.  The tests give themselves memory policies, of which the
 * page allocator reads no more than what stands in them here.
 */
#include <linux/cpumask.h>
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"

#define PAGES		4

/* Enough misses to make any size worth a magazine. */
#define MANY_MISSES	16

static int place_init(struct kunit *test)
{
	if (num_online_nodes() < 2)
		kunit_skip(test, "this machine has one NUMA node only");
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	return 0;
}

static int here(void)
{
	return numa_mem_id();
}

static int elsewhere(void)
{
	return next_node_in(numa_mem_id(), node_online_map);
}

static void *alloc_on(struct kunit *test, struct vmap_arena *arena, unsigned long pages, int node)
{
	void *addr = vmap_arena_alloc(arena, pages << PAGE_SHIFT, PAGE_SIZE, GFP_KERNEL, node);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	return addr;
}

/* How many of an area's pages lie on @node? */
static unsigned int pages_on(const void *addr, unsigned int pages, int node)
{
	unsigned int count = 0;

	for (; pages--; addr += PAGE_SIZE)
		count += page_to_nid(vmalloc_to_page(addr)) == node;
	return count;
}

/* Have areas of PAGES pages kept, and none of them kept now. */
static void want_areas(struct kunit *test, struct vmap_arena *arena)
{
	unsigned int i;

	for (i = 0; i < MANY_MISSES && !kt_stats(arena).cached; i++)
		vmap_free(alloc_on(test, arena, PAGES, NUMA_NO_NODE));
	KUNIT_ASSERT_GT(test, kt_stats(arena).cached, 0);
}

/* The node that a caller names is served from what is warm there, and by nothing else. */
static void a_node_is_served_from_its_own(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	struct vmap_arena_stats before;
	void *addr, *again;
	unsigned int i;
	int node[2] = { here(), elsewhere() };

	want_areas(test, arena);
	for (i = 0; i < 2; i++) {
		addr = alloc_on(test, arena, PAGES, node[i]);
		KUNIT_EXPECT_EQ(test, pages_on(addr, PAGES, node[i]), PAGES);
		before = kt_stats(arena);
		vmap_free(addr);
		KUNIT_EXPECT_GT(test, kt_stats(arena).cached, before.cached);
		again = alloc_on(test, arena, PAGES, node[i]);
		KUNIT_EXPECT_PTR_EQ(test, again, addr);
		KUNIT_EXPECT_EQ(test, kt_stats(arena).hits, before.hits + 1);
		vmap_free(again);
	}
	/* Now one is kept on each node: neither is taken for the other. */
	for (i = 0; i < 2; i++) {
		addr = alloc_on(test, arena, PAGES, node[i]);
		again = alloc_on(test, arena, PAGES, node[i]);
		KUNIT_EXPECT_EQ(test, pages_on(addr, PAGES, node[i]), PAGES);
		KUNIT_EXPECT_EQ(test, pages_on(again, PAGES, node[i]), PAGES);
		vmap_free(addr);
		vmap_free(again);
	}
}

/* Who names no node gets pages of this CPU's, whatever else is warm. */
static void no_node_is_this_cpus(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	void *addr[2 * MANY_MISSES];
	unsigned int i;

	want_areas(test, arena);
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		addr[i] = alloc_on(test, arena, PAGES, elsewhere());
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		vmap_free(addr[i]);
	KUNIT_ASSERT_GT(test, kt_stats(arena).cached, MANY_MISSES * PAGES * PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(addr); i++) {
		addr[i] = alloc_on(test, arena, PAGES, NUMA_NO_NODE);
		KUNIT_EXPECT_EQ(test, pages_on(addr[i], PAGES, here()), PAGES);
	}
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		vmap_free(addr[i]);
	vmap_arena_purge(arena);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).cached, 0);
}

/* Under memory pressure, too. */
static void what_is_kept_elsewhere_goes_back(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);

	want_areas(test, arena);
	vmap_free(alloc_on(test, arena, PAGES, elsewhere()));
	KUNIT_ASSERT_GT(test, kt_stats(arena).cached, 0);
	if (kt_write("/proc/sys/vm/drop_caches", "2"))
		kunit_skip(test, "the kernel's caches cannot be dropped");
	KUNIT_EXPECT_EQ(test, kt_stats(arena).cached, 0);
}

/* Run with a memory policy from here to drop_policy(). */
static void take_policy(struct mempolicy *policy, unsigned short mode, const nodemask_t *nodes)
{
	*policy = (struct mempolicy){ .mode = mode, .nodes = *nodes, .home_node = NUMA_NO_NODE };
	atomic_set(&policy->refcnt, 1);
	task_lock(current);
	current->mempolicy = policy;
	task_unlock(current);
}

static void drop_policy(void)
{
	task_lock(current);
	current->mempolicy = NULL;
	task_unlock(current);
}

/*
 * Interleaved pages lie on all nodes evenly, and as vmalloc()'s do, where that takes them one by
 * one and no larger block of one node; warm ones are not taken.
 */
static void an_interleave_policy_is_obeyed(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	struct mempolicy policy;
	unsigned long hits, cached;
	void *ours, *theirs;

	want_areas(test, arena);
	hits = kt_stats(arena).hits;
	cached = kt_stats(arena).cached;
	take_policy(&policy, MPOL_INTERLEAVE, &node_online_map);
	ours = vmap_arena_alloc(arena, PAGES * PAGE_SIZE, 1, GFP_KERNEL, NUMA_NO_NODE);
	theirs = vmalloc(PAGES * PAGE_SIZE);
	drop_policy();
	KUNIT_ASSERT_NOT_NULL(test, ours);
	KUNIT_ASSERT_NOT_NULL(test, theirs);
	if (VMALLOC_BY_PAGES)
		KUNIT_EXPECT_EQ(test, pages_on(theirs, PAGES, here()), PAGES / num_online_nodes());
	KUNIT_EXPECT_EQ(test, pages_on(ours, PAGES, here()), PAGES / num_online_nodes());
	KUNIT_EXPECT_EQ(test, pages_on(ours, PAGES, elsewhere()), PAGES / num_online_nodes());
	KUNIT_EXPECT_EQ(test, kt_stats(arena).hits, hits);
	/* Nobody asks for pages of several nodes. */
	vmap_free(ours);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).cached, cached);
	vfree(theirs);
}

static void a_bind_policy_is_obeyed(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	nodemask_t only = nodemask_of_node(elsewhere());
	struct mempolicy policy;
	void *ours, *theirs, *named;

	want_areas(test, arena);
	take_policy(&policy, MPOL_BIND, &only);
	ours = vmap_arena_alloc(arena, PAGES * PAGE_SIZE, 1, GFP_KERNEL, NUMA_NO_NODE);
	theirs = vmalloc(PAGES * PAGE_SIZE);
	named = vmap_arena_alloc(arena, PAGES * PAGE_SIZE, 1, GFP_KERNEL, here());
	drop_policy();
	KUNIT_ASSERT_NOT_NULL(test, ours);
	KUNIT_ASSERT_NOT_NULL(test, theirs);
	KUNIT_ASSERT_NOT_NULL(test, named);
	KUNIT_EXPECT_EQ(test, pages_on(theirs, PAGES, elsewhere()), PAGES);
	KUNIT_EXPECT_EQ(test, pages_on(ours, PAGES, elsewhere()), PAGES);
	/* Who names a node is not asked for a policy. */
	KUNIT_EXPECT_EQ(test, pages_on(named, PAGES, here()), PAGES);
	vmap_free(ours);
	vmap_free(named);
	vfree(theirs);
}

/* A task that a cpuset keeps off this node. */
static void a_cpuset_is_obeyed(struct kunit *test)
{
#ifdef CONFIG_CPUSETS
	struct vmap_arena *arena = kt_memory(test, 0);
	nodemask_t kept = current->mems_allowed;
	unsigned long hits;
	void *addr;

	want_areas(test, arena);
	hits = kt_stats(arena).hits;
	current->mems_allowed = nodemask_of_node(elsewhere());
	addr = vmap_arena_alloc(arena, PAGES * PAGE_SIZE, 1, GFP_KERNEL, NUMA_NO_NODE);
	current->mems_allowed = kept;
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).hits, hits);
	vmap_free(addr);
#else
	kunit_skip(test, "this kernel has no cpusets");
#endif
}

static struct kunit_case place_cases[] = {
	KUNIT_CASE(a_node_is_served_from_its_own),
	KUNIT_CASE(no_node_is_this_cpus),
	KUNIT_CASE(what_is_kept_elsewhere_goes_back),
	KUNIT_CASE(an_interleave_policy_is_obeyed),
	KUNIT_CASE(a_bind_policy_is_obeyed),
	KUNIT_CASE(a_cpuset_is_obeyed),
	{}
};

static struct kunit_suite place_suite = {
	.name = "vmap_place", .init = place_init, .test_cases = place_cases,
};

kunit_test_suite(place_suite);
