// SPDX-License-Identifier: GPL-2.0
/*
 * catch_kunit.c - the kernel's own frees of our addresses, with catch_vfree=1
 *
 * Three areas side by side; the middle one is given to a call of the kernel's.  The call must be
 * reported with this test as its caller, do to that area what it would do to the kernel's own, and
 * leave the other two alone.
 */
#include <linux/irq_work.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"

#define SIZE	(3 * PAGE_SIZE)

struct three {
	struct vmap_arena *arena;
	void *before;
	void *middle;
	void *after;
};

static bool is_caught(void)
{
	const char *path = "/sys/module/vmap_arena/parameters/catch_vfree";
	char text[4] = {};

	return kt_read(path, text, sizeof(text) - 1) > 0 && text[0] == 'Y';
}

static struct three three_areas(struct kunit *test)
{
	struct three three;

	if (!is_caught())
		kunit_skip(test, "load vmap_arena.ko with catch_vfree=1 for this");
	three.arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	three.before = kt_pages(three.arena, 3, GFP_KERNEL);
	three.middle = kt_pages(three.arena, 3, GFP_KERNEL);
	three.after = kt_pages(three.arena, 3, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, three.before);
	KUNIT_ASSERT_NOT_NULL(test, three.middle);
	KUNIT_ASSERT_NOT_NULL(test, three.after);
	kt_stamp(three.before, SIZE, 1);
	kt_stamp(three.middle, SIZE, 2);
	kt_stamp(three.after, SIZE, 3);
	return three;
}

static void expect_neighbours(struct kunit *test, const struct three *three)
{
	KUNIT_EXPECT_TRUE(test, kt_stamped(three->before, SIZE, 1));
	KUNIT_EXPECT_TRUE(test, kt_stamped(three->after, SIZE, 3));
	KUNIT_EXPECT_EQ(test, kt_stats(three->arena).lost_spans, 0);
	vmap_free(three->before);
	vmap_free(three->after);
}

static void call_vfree(const void *addr)
{
	vfree(addr);
	/* Else the compiler leaves by way of vfree(), and the caller is another. */
	barrier();
}

static void call_kvfree(const void *addr)
{
	kvfree(addr);
	barrier();
}

static void call_kvfree_rcu(const void *addr)
{
	kvfree_rcu_mightsleep(addr);
	barrier();
}

struct free_errand {
	struct irq_work work;
	const void *addr;
};

static void call_in_hardirq(struct irq_work *work)
{
	vfree(container_of(work, struct free_errand, work)->addr);
	barrier();
}

static void call_vfree_in_hardirq(const void *addr)
{
	struct free_errand errand = { .addr = addr };

	init_irq_work(&errand.work, call_in_hardirq);
	irq_work_queue(&errand.work);
	irq_work_sync(&errand.work);
}

struct kernel_call {
	const char *name;
	void (*call)(const void *addr);
};

static const struct kernel_call kernel_calls[] = {
	{ "vfree", call_vfree },
	{ "vfree in a hardirq", call_vfree_in_hardirq },
	{ "kvfree", call_kvfree },
	{ "kvfree_rcu", call_kvfree_rcu },
};

KUNIT_ARRAY_PARAM_DESC(kernel_calls, kernel_calls, name);

static void a_free_of_the_kernel_is_done_by_us(struct kunit *test)
{
	const struct kernel_call *kernel_call = test->param_value;
	struct three three = three_areas(test);
	struct kt_log log;

	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "an address of ours, by"), 0);
	kernel_call->call(three.middle);
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 1);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(log.last, "by call_"), "said: %s", log.last);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, kt_stats(three.arena).areas, 2);
	KUNIT_EXPECT_TRUE(test, kt_faults(three.middle));
	expect_neighbours(test, &three);
}

/* As vmap_free() does: what starts nowhere is a bad free. */
static void a_bad_free_of_the_kernel_changes_nothing(struct kunit *test)
{
	struct three three = three_areas(test);

	vfree(three.middle + PAGE_SIZE);
	kvfree(three.middle + 8);
	vunmap(three.middle);
	KUNIT_EXPECT_EQ(test, kt_stats(three.arena).areas, 3);
	KUNIT_EXPECT_TRUE(test, kt_stamped(three.middle, SIZE, 2));
	vmap_free(three.middle);
	expect_neighbours(test, &three);
}

static void mapped_pages_stay_the_callers(struct kunit *test)
{
	struct three three = three_areas(test);
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned long areas = kt_stats(NULL).areas;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	for (i = 0; i < 2; i++) {
		void *mapped = vmap_map_pages(&page, 1, PAGE_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, mapped);
		if (i)
			vunmap(mapped);
		else
			vfree(mapped);
		KUNIT_EXPECT_TRUE(test, kt_faults(mapped));
	}
	KUNIT_EXPECT_EQ(test, kt_stats(NULL).areas, areas);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	__free_page(page);
	vmap_free(three.middle);
	expect_neighbours(test, &three);
}

/* Smaller and larger than it is: to the kernel the area is as large as what is left of the span. */
static void a_realloc_of_the_kernel_is_refused(struct kunit *test)
{
	struct three three = three_areas(test);

	KUNIT_EXPECT_NULL(test, kvrealloc(three.middle, PAGE_SIZE, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, kvrealloc(three.middle, 2 * SIZE, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, kvrealloc(three.middle, PAGE_SIZE, GFP_KERNEL | __GFP_ZERO));
	KUNIT_EXPECT_TRUE(test, kt_stamped(three.middle, SIZE, 2));
	KUNIT_EXPECT_EQ(test, kt_stats(three.arena).areas, 3);
	vmap_free(three.middle);
	expect_neighbours(test, &three);
}

static void the_kernels_own_are_freed_as_ever(struct kunit *test)
{
	struct three three = three_areas(test);
	struct page *page = alloc_page(GFP_KERNEL);
	void *area = vmalloc(SIZE), *larger, *mapped;
	struct kt_log log;

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_ASSERT_NOT_NULL(test, area);
	KUNIT_ASSERT_EQ(test, kt_log_begin(&log, "vmap_arena"), 0);
	mapped = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, mapped);
	vunmap(mapped);
	KUNIT_EXPECT_TRUE(test, kt_faults(mapped));
	kt_stamp(area, SIZE, 9);
	larger = kvrealloc(area, 2 * SIZE, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, larger);
	KUNIT_EXPECT_TRUE(test, larger && kt_stamped(larger, SIZE, 9));
	kvfree(larger);
	kvfree(kmalloc(64, GFP_KERNEL));
	kvfree_rcu_mightsleep(kmalloc(64, GFP_KERNEL));
	vfree(NULL);
	kt_log_end(&log);
	KUNIT_EXPECT_EQ(test, log.lines, 0);
	__free_page(page);
	vmap_free(three.middle);
	expect_neighbours(test, &three);
}

static struct kunit_case catch_cases[] = {
	KUNIT_CASE_PARAM(a_free_of_the_kernel_is_done_by_us, kernel_calls_gen_params),
	KUNIT_CASE(a_bad_free_of_the_kernel_changes_nothing),
	KUNIT_CASE(mapped_pages_stay_the_callers),
	KUNIT_CASE(a_realloc_of_the_kernel_is_refused),
	KUNIT_CASE(the_kernels_own_are_freed_as_ever),
	{}
};

static struct kunit_suite catch_suite = { .name = "vmap_catch", .test_cases = catch_cases };
kunit_test_suite(catch_suite);
