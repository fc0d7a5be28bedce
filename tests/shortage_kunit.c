// SPDX-License-Identifier: GPL-2.0
/*
 * shortage_kunit.c - allocations until there is no more memory
 *
 * Such a call must end in failure, and not in the death of somebody else's process.  Before the
 * kernel looks for one to kill, it calls the OOM notifiers, as the task whose request it is.  Ours
 * looks at who that is by its stack: with a function of vmap_arena.ko in it, the test fails.
 * Anybody else cannot help it that the test has all the memory: whoever calls gets some of what the
 * test took beforehand, so that nobody is killed and the test ends.  That memory is also taken so
 * that the arenas come to the end of it soon.
 *
 * The notifiers are also called for a request without IO, which kills nobody but waits for memory.
 * vmap() makes such requests, under an import, which therefore looks first whether there is enough.
 * Others may take that meanwhile, so how often an import waits can be judged only in a test of its
 * own.
 */
#include <linux/kallsyms.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/oom.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/stacktrace.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"

#define SMALL_GUEST	((512UL << 20) >> PAGE_SHIFT)

/* Pages to leave to the arenas, and to those who cannot help it at a time. */
#define LEFT		3072
#define CHUNK_ORDER	6

#define MOST_TAKEN	(256UL << 10)
#define FRAMES		48

/* struct kind - what is taken; take() returns NULL if there is no more */
struct kind {
	void *(*take)(struct vmap_arena *arena, unsigned long size);
	void (*drop)(struct vmap_arena *arena, void *thing);
	unsigned long size;
};

static LIST_HEAD(hoard);
static DEFINE_SPINLOCK(hoard_lock);
static atomic_t kills, waits, others;
static char killer[KSYM_SYMBOL_LEN];

static struct page *hoard_pop(void)
{
	struct page *page;

	spin_lock(&hoard_lock);
	page = list_first_entry_or_null(&hoard, struct page, lru);
	if (page)
		list_del(&page->lru);
	spin_unlock(&hoard_lock);
	return page;
}

static void hoard_all_but(unsigned long left)
{
	struct page *page;

	while (global_zone_page_state(NR_FREE_PAGES) > left &&
	       (page = alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, CHUNK_ORDER))) {
		spin_lock(&hoard_lock);
		list_add(&page->lru, &hoard);
		spin_unlock(&hoard_lock);
	}
}

static void hoard_free(void)
{
	struct page *page;

	while ((page = hoard_pop()))
		__free_pages(page, CHUNK_ORDER);
}

/* Is a function of vmap_arena.ko on this task's stack?  Its name is left in @name. */
static bool called_by_arena(char *name)
{
	unsigned long frames[FRAMES];
	unsigned int count = stack_trace_save(frames, FRAMES, 0), i;

	for (i = 0; i < count; i++) {
		sprint_symbol(name, frames[i]);
		if (strstr(name, "[vmap_arena]"))
			return true;
	}
	return false;
}

static int on_oom(struct notifier_block *self, unsigned long unused, void *freed)
{
	struct page *page = hoard_pop();
	char name[KSYM_SYMBOL_LEN];

	if (!called_by_arena(name))
		atomic_inc(&others);
	else if (current->flags & PF_MEMALLOC_NOIO)
		atomic_inc(&waits);
	else if (atomic_inc_return(&kills) == 1)
		strscpy(killer, name, sizeof(killer));
	if (page) {
		__free_pages(page, CHUNK_ORDER);
		*(unsigned long *)freed += 1UL << CHUNK_ORDER;
	}
	return NOTIFY_OK;
}

static struct notifier_block oom_notifier = { .notifier_call = on_oom };

/* Let all that was dropped go back to the kernel; spans do when they were idle for a while. */
static void let_go(struct vmap_arena *arena)
{
	vmap_arena_purge(arena);
	kt_until(kt_stats(arena).spans <= 1);
	vm_unmap_aliases();
}

/* Take all there is, and drop it.  Return how many that were. */
static unsigned long take_and_drop_all(struct vmap_arena *arena, const struct kind *kind,
				       void **taken)
{
	unsigned long count = 0, i;

	while (count < MOST_TAKEN && !atomic_read(&kills) &&
	       (taken[count] = kind->take(arena, kind->size))) {
		count++;
		cond_resched();
	}
	for (i = 0; i < count; i++)
		kind->drop(arena, taken[i]);
	let_go(arena);
	return count;
}

static void shortage_begin(struct kunit *test)
{
	atomic_set(&kills, 0);
	atomic_set(&waits, 0);
	atomic_set(&others, 0);
	KUNIT_ASSERT_EQ(test, register_oom_notifier(&oom_notifier), 0);
	hoard_all_but(LEFT);
}

static void shortage_end(struct kunit *test)
{
	hoard_free();
	unregister_oom_notifier(&oom_notifier);
	kunit_info(test, "imports waited %d times, others called the OOM killer %d times",
		   atomic_read(&waits), atomic_read(&others));
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&kills), 0, "the OOM killer was called from %s",
			    killer);
}

static void until_memory_ends(struct kunit *test, struct vmap_arena *arena, const struct kind *kind)
{
	void **taken = vmalloc_array(MOST_TAKEN, sizeof(*taken));
	unsigned long first, again;

	KUNIT_ASSERT_NOT_NULL(test, taken);
	shortage_begin(test);
	first = take_and_drop_all(arena, kind, taken);
	again = take_and_drop_all(arena, kind, taken);
	shortage_end(test);
	vfree(taken);
	kunit_info(test, "%lu taken, then %lu", first, again);
	KUNIT_EXPECT_GT(test, first, 0);
	KUNIT_EXPECT_LT(test, first, MOST_TAKEN);
	KUNIT_EXPECT_GE_MSG(test, again, first / 2, "what was dropped did not come back");
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 0);
	kt_settle(test, arena);
}

static void *take_area(struct vmap_arena *arena, unsigned long pages)
{
	return kt_pages(arena, pages, GFP_KERNEL);
}

static void drop_area(struct vmap_arena *arena, void *addr)
{
	vmap_free(addr);
}

static void *take_extent(struct vmap_arena *arena, unsigned long size)
{
	struct vmap_extent *extent = vmap_extent_alloc(arena, size, 1, GFP_KERNEL);

	return IS_ERR(extent) ? NULL : extent;
}

static void drop_extent(struct vmap_arena *arena, void *extent)
{
	vmap_extent_free(arena, extent);
}

static void areas_until_memory_ends(struct kunit *test)
{
	const struct kind kind = { .take = take_area, .drop = drop_area, .size = 64 };

	until_memory_ends(test, kt_memory(test, 0), &kind);
}

static void small_areas_until_memory_ends(struct kunit *test)
{
	const struct kind kind = { .take = take_area, .drop = drop_area, .size = 1 };

	until_memory_ends(test, kt_memory(test, 0), &kind);
}

static void extents_until_memory_ends(struct kunit *test)
{
	const struct kind kind = { .take = take_extent, .drop = drop_extent, .size = 1 };

	until_memory_ends(test, kt_range(test, 0, 1UL << 32, 1), &kind);
}

/* Too little is left for the page tables of a span. */
static void an_import_without_memory_fails(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	struct page *page, *next;
	LIST_HEAD(pages);
	unsigned int i;
	void *addr;

	shortage_begin(test);
	while ((page = alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)))
		list_add(&page->lru, &pages);
	for (i = 0; i < 2 && (page = hoard_pop()); i++)
		__free_pages(page, CHUNK_ORDER);
	addr = kt_pages(arena, kt_stats(arena).reserved >> PAGE_SHIFT, GFP_KERNEL);
	list_for_each_entry_safe(page, next, &pages, lru)
		__free_page(page);
	shortage_end(test);
	KUNIT_EXPECT_NULL(test, addr);
	KUNIT_EXPECT_EQ(test, atomic_read(&waits), 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).imports, 1);
	vmap_free(addr);
}

static int shortage_init(struct kunit *test)
{
	if (totalram_pages() > SMALL_GUEST)
		kunit_skip(test, "boot with 512 MB or less for this");
	return 0;
}

static struct kunit_case shortage_cases[] = {
	KUNIT_CASE(areas_until_memory_ends),
	KUNIT_CASE(small_areas_until_memory_ends),
	KUNIT_CASE(extents_until_memory_ends),
	KUNIT_CASE(an_import_without_memory_fails),
	{}
};

static struct kunit_suite shortage_suite = {
	.name = "vmap_shortage",
	.init = shortage_init,
	.test_cases = shortage_cases,
};

kunit_test_suite(shortage_suite);
