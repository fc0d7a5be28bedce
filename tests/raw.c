// SPDX-License-Identifier: GPL-2.0
/*
 * raw.c - what an arena asks of mm with preemption off, in a real-time kernel
 *
 * There neither pages nor slab objects may be asked for or freed, and a stock kernel does not say
 * so if they are.  Each such call passes a tracepoint; those that this task makes with preemption
 * or interrupts off are counted here.  The module runs its tests when it is loaded, and says in the
 * kernel log, a line for each, whether they hold: "vmap_raw: ok NAME" or "vmap_raw: not ok NAME".
 */
#define pr_fmt(fmt) "vmap_raw: " fmt

#include <linux/err.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "../vmap_alloc.h"

#define AREAS	24
#define EXTENTS	600

/* More misses than make a magazine worth it. */
#define MISSES	16

static const char * const names[] = {
	"kmalloc", "kmem_cache_alloc", "kfree", "kmem_cache_free", "mm_page_alloc", "mm_page_free",
	"mm_page_free_batched",
};

static struct tracepoint *points[ARRAY_SIZE(names)];
static struct task_struct *watched;
static unsigned int calls;

/* Pages of an area from the reserve. */
#define RESERVED	4

static struct vmap_arena *memory, *reserved, *range, *full;
static void *area[AREAS];
static struct vmap_extent *extent[EXTENTS];
static unsigned int got;
static long error;

/* The arguments are of many kinds, and not looked at. */
static void on_call(void *data)
{
	if (current == READ_ONCE(watched) && !in_hardirq() && !in_serving_softirq())
		calls++;
}

static void find(struct tracepoint *point, void *unused)
{
	int i = match_string(names, ARRAY_SIZE(names), point->name);

	if (i >= 0)
		points[i] = point;
}

static void watch(void)
{
	unsigned int i;

	for_each_kernel_tracepoint(find, NULL);
	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (points[i] && tracepoint_probe_register(points[i], on_call, NULL))
			points[i] = NULL;
}

static void unwatch(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (points[i])
			tracepoint_probe_unregister(points[i], on_call, NULL);
	tracepoint_synchronize_unregister();
}

static void say(const char *name, bool holds)
{
	pr_info("%s %s\n", holds ? "ok" : "not ok", name);
}

/* Run it with preemption off, or with interrupts off, too.  Return how often mm was called. */
static unsigned int run_raw(void (*run)(void), bool irqs_off)
{
	unsigned long flags = 0;

	calls = 0;
	preempt_disable();
	if (irqs_off)
		local_irq_save(flags);
	WRITE_ONCE(watched, current);
	run();
	WRITE_ONCE(watched, NULL);
	if (irqs_off)
		local_irq_restore(flags);
	preempt_enable();
	return calls;
}

static void use_area(void)
{
	void *addr = vmap_arena_alloc(memory, 2 * PAGE_SIZE, 1, GFP_ATOMIC, NUMA_NO_NODE);

	got += !!addr;
	vmap_free(addr);
}

static void use_reserve(void)
{
	unsigned int i;

	for (i = 0; i < AREAS; i++) {
		area[i] = vmap_arena_alloc(reserved, (1 + i % RESERVED) * PAGE_SIZE, 1, GFP_ATOMIC,
					   NUMA_NO_NODE);
		got += !!area[i];
	}
	for (i = 0; i < AREAS; i++)
		vmap_free(area[i]);
}

static void use_other_areas(void)
{
	unsigned int i;

	for (i = 0; i < MISSES; i++) {
		void *addr = vmap_arena_alloc(memory, 7 * PAGE_SIZE, 1, GFP_ATOMIC, NUMA_NO_NODE);

		got += !!addr;
		vmap_free(addr);
	}
}

static void free_areas(void)
{
	unsigned int i;

	for (i = 0; i < AREAS; i++) {
		if (i % 2)
			vmap_free(area[i]);
		else
			vmap_free_rcu(area[i]);
	}
}

static void use_extents(void)
{
	unsigned int i;

	for (i = 0; i < MISSES; i++)
		vmap_extent_free(range, vmap_extent_alloc(range, 3, 1, GFP_ATOMIC));
}

/* Until the bookkeeping got ahead of need is used up, if no worker on another CPU is faster. */
static void take_extents(void)
{
	for (got = 0; got < EXTENTS; got++) {
		extent[got] = vmap_extent_alloc(range, 200, 1, GFP_ATOMIC);
		if (IS_ERR(extent[got]))
			break;
	}
	error = got < EXTENTS ? PTR_ERR(extent[got]) : 0;
}

static void free_extents(void)
{
	while (got)
		vmap_extent_free(range, extent[--got]);
}

static void take_all(void)
{
	extent[0] = vmap_extent_alloc(full, 100, 1, GFP_ATOMIC);
	vmap_extent_free(full, extent[0]);
}

static void call_slab(void)
{
	kfree(kmalloc(64, GFP_KERNEL));
}

static void test_memory(bool irqs_off)
{
	unsigned int i;

	for (i = 0; i < MISSES; i++)
		use_area();
	got = 0;
	say("memory that is kept is had, and mm is not called",
	    !run_raw(use_area, irqs_off) && got);
	got = 0;
	say("memory that is not kept is refused, and mm is not called",
	    !run_raw(use_other_areas, irqs_off) && !got);
	got = 0;
	say("the reserve serves what it is for, and mm is not called",
	    !run_raw(use_reserve, irqs_off) && got == AREAS);
	for (i = 0; i < AREAS; i++)
		area[i] = vmap_arena_alloc(memory, 5 * PAGE_SIZE, 1, GFP_KERNEL, NUMA_NO_NODE);
	say("a free does not call mm", !run_raw(free_areas, irqs_off));
}

static void test_extents(bool irqs_off)
{
	unsigned int i;

	use_extents();
	vmap_arena_purge(range);
	say("extents in demand do not call mm", !run_raw(use_extents, irqs_off));
	say("an extent is cut or refused, and mm is not called",
	    !run_raw(take_extents, irqs_off) && got && (!error || error == -ENOMEM));
	say("a free of an extent does not call mm", !run_raw(free_extents, irqs_off));
	vmap_arena_purge(full);
	for (i = 0; i < MISSES; i++)
		vmap_extent_free(full, vmap_extent_alloc(full, 10, 1, GFP_KERNEL));
	say("what is cached is given up, and mm is not called",
	    !run_raw(take_all, irqs_off) && !IS_ERR(extent[0]));
}

static void test(void)
{
	WRITE_ONCE(watched, current);
	calls = 0;
	call_slab();
	WRITE_ONCE(watched, NULL);
	/* More than these two, if the slab asks for a page. */
	say("a call of mm is seen", calls >= 2);
	test_memory(false);
	test_memory(true);
	test_extents(false);
	test_extents(true);
}

static void destroy(struct vmap_arena *arena)
{
	if (!IS_ERR_OR_NULL(arena)) {
		rcu_barrier();
		vmap_arena_purge(arena);
		say("all that was allocated came back", !vmap_arena_destroy(arena));
	}
}

static int __init raw_init(void)
{
	int err = 0;

	memory = vmap_arena_create("raw-memory", 0);
	reserved = vmap_arena_create("raw-reserved", 0);
	range = vmap_arena_create_range("raw-range", 0, 1 << 20, 1);
	full = vmap_arena_create_range("raw-full", 0, 100, 1);
	if (IS_ERR(memory) || IS_ERR(reserved) || IS_ERR(range) || IS_ERR(full) ||
	    vmap_arena_reserve(reserved, AREAS * RESERVED * PAGE_SIZE, RESERVED, 2 * AREAS)) {
		err = -ENOMEM;
	} else {
		set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
		watch();
		test();
		unwatch();
	}
	destroy(memory);
	destroy(reserved);
	destroy(range);
	destroy(full);
	return err;
}
module_init(raw_init);

static void __exit raw_exit(void)
{
}
module_exit(raw_exit);

MODULE_DESCRIPTION("Tests of vmap_arena with preemption off, for real-time kernels");
MODULE_LICENSE("GPL");
