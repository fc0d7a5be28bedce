// SPDX-License-Identifier: GPL-2.0
/*
 * watch_kunit.c - what tracers are told of each call, and what the histograms count
 *
 * The tests listen to the tracepoints of vmap_arena.ko as any tracer does, and hold what they hear
 * against the calls that they made.  Other tasks' calls are told as well, of other arenas.
 */
#include <linux/cpumask.h>
#include <linux/kallsyms.h>
#include <linux/kthread.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>

#include "vmap_kunit.h"

#define SMALL_THRESHOLD	(64UL << 10)

/* Areas held at once: more than a magazine has, so that some come by way of the depot. */
#define AREAS	100

/* Pages of an area that is too large for the cache. */
#define UNCACHED	200

/* More areas than the limit of SMALL_THRESHOLD lets become lazy at once. */
#define FLOOD	200

/* Enough for several purges. */
#define ROUNDS	20

enum event { ALLOC, FREE, PURGE_BEGIN, PURGE_END, IMPORT, RETURN, THROTTLE, SHRINK, EVENTS };

/* What was heard of one arena. */
static struct heard {
	/* The name of the arena; calls of others are not counted. */
	const char *arena;
	/* How many events of each kind. */
	atomic_t events[EVENTS];
	/* How many allocations, and how many frees, by each path. */
	atomic_t alloc_paths[VWATCH_PATHS];
	atomic_t free_paths[VWATCH_PATHS];
	/* The histograms that the times of the events make. */
	struct vwatch_counts times;
	/* The last allocation, and the last free. */
	struct vwatch_call alloc;
	struct vwatch_call free;
} heard;

static bool is_ours(const char *arena)
{
	return heard.arena && !strcmp(arena, heard.arena);
}

static void hear(const char *arena, enum event event)
{
	if (is_ours(arena))
		atomic_inc(&heard.events[event]);
}

static void hear_call(const struct vwatch_call *call, enum event event, enum vwatch_what what,
		      struct vwatch_call *last)
{
	if (!is_ours(call->arena))
		return;
	hear(call->arena, event);
	if (event == ALLOC)
		atomic_inc(&heard.alloc_paths[call->path]);
	else
		atomic_inc(&heard.free_paths[call->path]);
	heard.times.count[what][call->took ? ilog2(call->took) : 0]++;
	*last = *call;
}

static void hear_alloc(void *data, const struct vwatch_call *call)
{
	hear_call(call, ALLOC, VWATCH_ALLOC, &heard.alloc);
}

static void hear_free(void *data, const struct vwatch_call *call)
{
	hear_call(call, FREE, VWATCH_FREE, &heard.free);
}

static void hear_purge_begin(void *data, const char *arena, unsigned long lazy)
{
	hear(arena, PURGE_BEGIN);
}

static void hear_purge_end(void *data, const char *arena, u64 ns)
{
	hear(arena, PURGE_END);
}

static void hear_import(void *data, const char *arena, unsigned long size, int err, u64 ns)
{
	if (!err)
		hear(arena, IMPORT);
}

static void hear_return(void *data, const char *arena, unsigned long addr, unsigned long size)
{
	hear(arena, RETURN);
}

static void hear_throttle(void *data, const char *arena, unsigned long lazy,
			  unsigned long threshold)
{
	if (lazy >= threshold)
		hear(arena, THROTTLE);
}

static void hear_shrink(void *data, const char *arena, unsigned long wanted, unsigned long pages)
{
	if (pages)
		hear(arena, SHRINK);
}

static struct ear {
	const char *name;
	void *probe;
	/* NULL until found; then probe listens. */
	struct tracepoint *point;
} ears[EVENTS] = {
	[ALLOC] = { "vmap_alloc", hear_alloc },
	[FREE] = { "vmap_free", hear_free },
	[PURGE_BEGIN] = { "vmap_purge_begin", hear_purge_begin },
	[PURGE_END] = { "vmap_purge_end", hear_purge_end },
	[IMPORT] = { "vmap_import", hear_import },
	[RETURN] = { "vmap_return", hear_return },
	[THROTTLE] = { "vmap_throttle", hear_throttle },
	[SHRINK] = { "vmap_shrink", hear_shrink },
};

/* Note which of its tracepoints a module has that we listen to. */
static void find(struct tracepoint *point)
{
	unsigned int i;

	for (i = 0; i < EVENTS; i++)
		if (!strcmp(ears[i].name, point->name))
			ears[i].point = point;
}

/* Called for each module that is there. */
static int find_in_module(struct notifier_block *block, unsigned long event, void *data)
{
	const struct module *module = ((struct tp_module *)data)->mod;
	unsigned int i;

	if (event == MODULE_STATE_COMING && !strcmp(module->name, "vmap_arena"))
		for (i = 0; i < module->num_tracepoints; i++)
			find(tracepoint_ptr_deref(&module->tracepoints_ptrs[i]));
	return NOTIFY_OK;
}

static struct notifier_block finder = { .notifier_call = find_in_module };

static void stop_listening(void)
{
	unsigned int i;

	for (i = 0; i < EVENTS; i++) {
		if (ears[i].point)
			tracepoint_probe_unregister(ears[i].point, ears[i].probe, NULL);
		ears[i].point = NULL;
	}
	tracepoint_synchronize_unregister();
}

static int listen(void)
{
	unsigned int i;
	int err = register_tracepoint_module_notifier(&finder);

	if (err)
		return err;
	unregister_tracepoint_module_notifier(&finder);
	for (i = 0; i < EVENTS && !err; i++)
		err = ears[i].point ?
			      tracepoint_probe_register(ears[i].point, ears[i].probe, NULL) :
			      -ENOENT;
	if (!err)
		return 0;
	for (i = i - 1; i < EVENTS; i++)
		ears[i].point = NULL;
	stop_listening();
	return err;
}

static int watch_init(struct kunit *test)
{
	memset(&heard, 0, sizeof(heard));
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	return listen();
}

static void watch_exit(struct kunit *test)
{
	stop_listening();
}

/* Count what is heard of @arena from now on. */
static struct vmap_arena *listen_to(struct vmap_arena *arena)
{
	memset(&heard, 0, sizeof(heard));
	heard.arena = arena->cache.purge.space.name;
	return arena;
}

static unsigned int events(enum event event)
{
	return atomic_read(&heard.events[event]);
}

static unsigned int allocs(enum vwatch_path path)
{
	return atomic_read(&heard.alloc_paths[path]);
}

static unsigned int frees(enum vwatch_path path)
{
	return atomic_read(&heard.free_paths[path]);
}

/* Is @caller in this file? */
static bool is_here(const void *caller)
{
	char text[KSYM_SYMBOL_LEN];

	snprintf(text, sizeof(text), "%ps", caller);
	return strstr(text, "[vmap_kunit]");
}

static void an_allocation_is_told(struct kunit *test)
{
	struct vmap_arena *arena = listen_to(kt_memory(test, VMAP_ARENA_NOCACHE));
	void *addr = vmap_arena_alloc(arena, 2 * PAGE_SIZE + 5, 1, GFP_KERNEL, NUMA_NO_NODE);

	KUNIT_EXPECT_EQ(test, events(ALLOC), 1);
	KUNIT_EXPECT_EQ(test, heard.alloc.addr, (unsigned long)addr);
	KUNIT_EXPECT_EQ(test, heard.alloc.size, 4 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, heard.alloc.asked, 2 * PAGE_SIZE + 5);
	KUNIT_EXPECT_EQ(test, heard.alloc.path, VWATCH_TREE);
	KUNIT_EXPECT_TRUE(test, is_here(heard.alloc.caller));
	vmap_free(addr);
	KUNIT_EXPECT_EQ(test, events(FREE), 1);
	KUNIT_EXPECT_EQ(test, heard.free.addr, (unsigned long)addr);
	KUNIT_EXPECT_EQ(test, heard.free.size, 4 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, heard.free.path, VWATCH_LAZY);
	KUNIT_EXPECT_TRUE(test, is_here(heard.free.caller));
}

static void extents_are_told(struct kunit *test)
{
	struct vmap_arena *arena = listen_to(kt_range(test, 0, 1 << 20, 4));
	struct vmap_extent *extent = vmap_extent_alloc(arena, 5, 1, GFP_KERNEL);

	KUNIT_ASSERT_FALSE(test, IS_ERR(extent));
	KUNIT_EXPECT_EQ(test, heard.alloc.addr, vmap_extent_start(extent));
	KUNIT_EXPECT_EQ(test, heard.alloc.size, 8);
	KUNIT_EXPECT_EQ(test, heard.alloc.asked, 5);
	KUNIT_EXPECT_TRUE(test, is_here(heard.alloc.caller));
	vmap_extent_free(arena, extent);
	extent = vmap_extent_alloc_range(arena, 5, 1, 100, 200, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, heard.alloc.addr, 100);
	vmap_extent_free(arena, extent);
	KUNIT_EXPECT_EQ(test, events(ALLOC), 2);
	KUNIT_EXPECT_EQ(test, events(FREE), 2);
	KUNIT_EXPECT_TRUE(test, is_here(heard.free.caller));
}

/* Use more areas at once than a magazine has room for, so that the others go another way. */
static void take_and_give(struct kunit *test, struct vmap_arena *arena, void **area)
{
	unsigned int i;

	for (i = 0; i < AREAS; i++) {
		area[i] = kt_pages(arena, 3, GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, area[i]);
	}
	for (i = 0; i < AREAS; i++)
		vmap_free(area[i]);
}

/* Whichever way calls are served, each is told once; a magazine that goes meanwhile comes again. */
static void each_path_is_told(struct kunit *test)
{
	void **area = kunit_kcalloc(test, AREAS, sizeof(*area), GFP_KERNEL);
	struct vmap_arena *arena = listen_to(kt_memory(test, 0));
	unsigned long end = jiffies + KT_PATIENCE;

	KUNIT_ASSERT_NOT_NULL(test, area);
	do {
		take_and_give(test, arena, area);
	} while (time_before(jiffies, end) &&
		 (!allocs(VWATCH_DEPOT) || !frees(VWATCH_DEPOT) || !allocs(VWATCH_MAGAZINE)));
	KUNIT_EXPECT_EQ(test, events(ALLOC), kt_stats(arena).allocs);
	KUNIT_EXPECT_EQ(test, events(FREE), kt_stats(arena).frees);
	KUNIT_EXPECT_GT(test, allocs(VWATCH_MAGAZINE), 0);
	KUNIT_EXPECT_GT(test, allocs(VWATCH_DEPOT), 0);
	KUNIT_EXPECT_GT(test, allocs(VWATCH_TREE), 0);
	KUNIT_EXPECT_GT(test, frees(VWATCH_MAGAZINE), 0);
	KUNIT_EXPECT_GT(test, frees(VWATCH_DEPOT), 0);
	KUNIT_EXPECT_EQ(test, frees(VWATCH_RCU), 0);
	vmap_free_rcu(kt_pages(arena, 3, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, frees(VWATCH_RCU), 1);
	KUNIT_EXPECT_EQ(test, events(FREE), events(ALLOC));
}

/* Calls that fail, and frees that are refused, are no allocations and no frees. */
static void nothing_is_told_of_what_fails(struct kunit *test)
{
	struct vmap_arena *arena = listen_to(kt_memory(test, 0));
	void *addr = kt_pages(arena, 1, GFP_KERNEL);

	vmap_free(addr + PAGE_SIZE);
	vmap_free(addr + 8);
	vmap_free_rcu(addr + 8);
	vmap_unmap_pages(addr);
	vmap_free(NULL);
	KUNIT_EXPECT_EQ(test, events(FREE), 0);
	vmap_free(addr);
	vmap_free(addr);
	KUNIT_EXPECT_EQ(test, events(FREE), 1);
	KUNIT_EXPECT_NULL(test, kt_pages(arena, 0, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, events(ALLOC), 1);
}

static void mappings_are_told(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);
	void *addr;

	KUNIT_ASSERT_NOT_NULL(test, page);
	memset(&heard, 0, sizeof(heard));
	heard.arena = "default";
	addr = vmap_map_pages(&page, 1, PAGE_KERNEL);
	KUNIT_EXPECT_GE(test, events(ALLOC), 1);
	KUNIT_EXPECT_EQ(test, events(FREE), 0);
	vmap_unmap_pages(addr);
	KUNIT_EXPECT_GE(test, events(FREE), 1);
	__free_page(page);
}

/* Spans come and go, what is lazy is purged: each step is told. */
static void spans_and_purges_are_told(struct kunit *test)
{
	struct vmap_arena *arena = listen_to(kt_memory(test, VMAP_ARENA_NOCACHE));
	unsigned long size = kt_stats(arena).reserved;

	arena->cache.purge.space.limit = 0;
	vmap_free(vmap_arena_alloc(arena, size, 1, GFP_KERNEL, NUMA_NO_NODE));
	KUNIT_EXPECT_GE(test, events(IMPORT), 1);
	KUNIT_EXPECT_EQ(test, allocs(VWATCH_IMPORT), 1);
	vmap_arena_purge(arena);
	KUNIT_EXPECT_EQ(test, events(PURGE_BEGIN), kt_stats(arena).flushes);
	KUNIT_EXPECT_EQ(test, events(PURGE_END), events(PURGE_BEGIN));
	KUNIT_EXPECT_GE(test, events(PURGE_END), 1);
	KUNIT_EXPECT_EQ(test, events(RETURN), events(IMPORT) + 1 - kt_stats(arena).spans);
	KUNIT_EXPECT_GE(test, events(RETURN), 1);
}

/*
 * The end of each purge is told, whoever takes the last flushed extent: a merge, or an allocation
 * that takes the extent as it is.
 */
static void the_end_of_each_purge_is_told(struct kunit *test)
{
	struct vmap_arena *arena = listen_to(kt_memory(test, 0));
	unsigned int i;

	kt_stay_in_first_shard(arena);
	WRITE_ONCE(arena->cache.purge.threshold, SMALL_THRESHOLD);
	for (i = 0; i < ROUNDS; i++)
		vmap_free(kt_pages(arena, UNCACHED, GFP_KERNEL));
	vmap_arena_purge(arena);
	KUNIT_EXPECT_GT(test, events(PURGE_BEGIN), 1);
	KUNIT_EXPECT_EQ(test, events(PURGE_BEGIN), kt_stats(arena).flushes);
	KUNIT_EXPECT_EQ(test, events(PURGE_END), events(PURGE_BEGIN));
}

/* Free many areas, faster than the worker purges them if it gets no CPU for a moment. */
static bool throttles(struct kunit *test, struct vmap_arena *arena, void **area)
{
	unsigned int i;

	for (i = 0; i < FLOOD; i++)
		area[i] = kt_pages(arena, 1, GFP_KERNEL);
	for (i = 0; i < FLOOD; i++)
		vmap_free(area[i]);
	return events(THROTTLE);
}

static void a_free_that_is_held_back_is_told(struct kunit *test)
{
	void **area = kunit_kcalloc(test, FLOOD, sizeof(*area), GFP_KERNEL);
	struct vmap_arena *arena = listen_to(kt_memory(test, VMAP_ARENA_NOCACHE));

	KUNIT_ASSERT_NOT_NULL(test, area);
	kt_stay_in_first_shard(arena);
	WRITE_ONCE(arena->cache.purge.threshold, SMALL_THRESHOLD);
	KUNIT_EXPECT_TRUE(test, kt_until(throttles(test, arena, area)));
	KUNIT_EXPECT_EQ(test, events(THROTTLE), kt_stats(arena).throttle_waits);
}

/* Keep some areas in the cache, and have the kernel ask for memory. */
static bool shrinks(struct kunit *test, struct vmap_arena *arena, void **area)
{
	take_and_give(test, arena, area);
	KUNIT_EXPECT_EQ(test, kt_write("/proc/sys/vm/drop_caches", "2"), 0);
	return events(SHRINK);
}

static void what_is_given_up_is_told(struct kunit *test)
{
	void **area = kunit_kcalloc(test, AREAS, sizeof(*area), GFP_KERNEL);
	struct vmap_arena *arena = listen_to(kt_memory(test, 0));

	KUNIT_ASSERT_NOT_NULL(test, area);
	KUNIT_EXPECT_TRUE(test, kt_until(shrinks(test, arena, area)));
}

#define LATENCY	"/sys/kernel/debug/vmap_arena/%s/latency"

/* The kernel itself cannot open files of debugfs. */
static int switch_timing(struct vmap_arena *arena, bool on)
{
	char command[96];

	snprintf(command, sizeof(command), "echo %d >" LATENCY, on,
		 arena->cache.purge.space.name);
	return kt_shell(command);
}

/* What a reader of the file sees; the bucket that begins at 0 is the first one. */
static bool read_latency(struct kunit *test, struct vmap_arena *arena, struct vwatch_counts *counts)
{
	char *text = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL), *line;
	char command[96];
	bool on;

	KUNIT_ASSERT_NOT_NULL(test, text);
	snprintf(command, sizeof(command), "cat " LATENCY " >/tmp/latency",
		 arena->cache.purge.space.name);
	KUNIT_ASSERT_EQ(test, kt_shell(command), 0);
	KUNIT_ASSERT_GT(test, kt_read("/tmp/latency", text, PAGE_SIZE - 1), 0);
	memset(counts, 0, sizeof(*counts));
	on = !strncmp(text, "on\n", 3);
	strsep(&text, "\n");
	KUNIT_EXPECT_NOT_NULL(test, strstr(strsep(&text, "\n"), "from_ns"));
	while ((line = strsep(&text, "\n")) && *line) {
		unsigned long count[VWATCH_WHATS], from;
		unsigned int what;

		if (sscanf(line, "%lu %lu %lu %lu %lu %lu", &from, &count[0], &count[1], &count[2],
			   &count[3], &count[4]) != 6) {
			KUNIT_FAIL(test, "not understood: %s", line);
			break;
		}
		for (what = 0; what < VWATCH_WHATS; what++)
			counts->count[what][from ? ilog2(from) : 0] = count[what];
	}
	return on;
}

static unsigned long sum(const struct vwatch_counts *counts, enum vwatch_what what)
{
	unsigned long all = 0;
	unsigned int i;

	for (i = 0; i < VWATCH_BUCKETS; i++)
		all += counts->count[what][i];
	return all;
}

/* The histograms have the times that tracers are told of, each in its bucket. */
static void histograms_count_what_is_told(struct kunit *test)
{
	void **area = kunit_kcalloc(test, AREAS, sizeof(*area), GFP_KERNEL);
	struct vwatch_counts *counts = kunit_kzalloc(test, sizeof(*counts), GFP_KERNEL);
	struct vmap_arena *arena = kt_memory(test, 0);

	KUNIT_ASSERT_TRUE(test, area && counts);
	KUNIT_EXPECT_FALSE(test, read_latency(test, arena, counts));
	KUNIT_ASSERT_EQ(test, switch_timing(arena, true), 0);
	listen_to(arena);
	take_and_give(test, arena, area);
	vmap_arena_purge(arena);
	KUNIT_EXPECT_TRUE(test, read_latency(test, arena, counts));
	KUNIT_EXPECT_EQ(test, memcmp(counts->count[VWATCH_ALLOC], heard.times.count[VWATCH_ALLOC],
				     sizeof(counts->count[VWATCH_ALLOC])), 0);
	KUNIT_EXPECT_EQ(test, memcmp(counts->count[VWATCH_FREE], heard.times.count[VWATCH_FREE],
				     sizeof(counts->count[VWATCH_FREE])), 0);
	KUNIT_EXPECT_EQ(test, sum(counts, VWATCH_ALLOC), AREAS);
	KUNIT_EXPECT_EQ(test, sum(counts, VWATCH_FLUSH), events(PURGE_BEGIN));
	KUNIT_EXPECT_EQ(test, sum(counts, VWATCH_PURGE), events(PURGE_END));
	KUNIT_EXPECT_GT(test, sum(counts, VWATCH_LOCK), 0);
}

/* Off: nothing is added, and what was counted stays.  On again: they begin anew. */
static void histograms_are_switched(struct kunit *test)
{
	struct vwatch_counts *counts = kunit_kzalloc(test, sizeof(*counts), GFP_KERNEL);
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);

	KUNIT_ASSERT_NOT_NULL(test, counts);
	KUNIT_ASSERT_EQ(test, switch_timing(arena, true), 0);
	KUNIT_ASSERT_EQ(test, switch_timing(arena, true), 0);
	vmap_free(kt_pages(arena, 1, GFP_KERNEL));
	KUNIT_ASSERT_EQ(test, switch_timing(arena, false), 0);
	vmap_free(kt_pages(arena, 1, GFP_KERNEL));
	KUNIT_EXPECT_FALSE(test, read_latency(test, arena, counts));
	KUNIT_EXPECT_EQ(test, sum(counts, VWATCH_ALLOC), 1);
	KUNIT_EXPECT_EQ(test, sum(counts, VWATCH_FREE), 1);
	KUNIT_ASSERT_EQ(test, switch_timing(arena, true), 0);
	KUNIT_EXPECT_TRUE(test, read_latency(test, arena, counts));
	KUNIT_EXPECT_EQ(test, sum(counts, VWATCH_ALLOC), 0);
	vmap_free(kt_pages(arena, 1, GFP_KERNEL));
	vmap_free(kt_pages(arena, 1, GFP_KERNEL));
	read_latency(test, arena, counts);
	KUNIT_EXPECT_EQ(test, sum(counts, VWATCH_ALLOC), 2);
}

/* A watched free may be the last of its arena; what it adds to stays until the free has ended. */
static void an_arena_goes_while_it_is_watched(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct vmap_arena *arena = vmap_arena_create(kt_name(), 0);

		KUNIT_ASSERT_FALSE(test, IS_ERR(arena));
		KUNIT_EXPECT_EQ(test, switch_timing(arena, true), 0);
		vmap_free(kt_pages(arena, 1, GFP_KERNEL));
		KUNIT_EXPECT_EQ(test, vmap_arena_destroy(arena), 0);
	}
}

static int churn(void *data)
{
	while (!kthread_should_stop()) {
		vmap_free(kt_pages(data, 1, GFP_KERNEL));
		cond_resched();
	}
	return 0;
}

/* Calls are under way on another CPU while watching begins and ends, and each is whole. */
static void watching_begins_at_any_time(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	struct task_struct *other = kthread_run(churn, arena, "kt-churn");
	unsigned int i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	get_task_struct(other);
	for (i = 0; i < 8; i++) {
		KUNIT_EXPECT_EQ(test, switch_timing(arena, !(i % 2)), 0);
		msleep(20);
	}
	KUNIT_EXPECT_EQ(test, kthread_stop(other), 0);
	put_task_struct(other);
}

static struct kunit_case watch_cases[] = {
	KUNIT_CASE(an_allocation_is_told),
	KUNIT_CASE(extents_are_told),
	KUNIT_CASE(each_path_is_told),
	KUNIT_CASE(nothing_is_told_of_what_fails),
	KUNIT_CASE(mappings_are_told),
	KUNIT_CASE(spans_and_purges_are_told),
	KUNIT_CASE(the_end_of_each_purge_is_told),
	KUNIT_CASE(a_free_that_is_held_back_is_told),
	KUNIT_CASE(what_is_given_up_is_told),
	KUNIT_CASE(histograms_count_what_is_told),
	KUNIT_CASE(histograms_are_switched),
	KUNIT_CASE(an_arena_goes_while_it_is_watched),
	KUNIT_CASE(watching_begins_at_any_time),
	{}
};

static struct kunit_suite watch_suite = {
	.name = "vmap_watch", .init = watch_init, .exit = watch_exit, .test_cases = watch_cases,
};

kunit_test_suite(watch_suite);
