// SPDX-License-Identifier: GPL-2.0
/*
 * warm_kunit.c - what may go warm: memory that nothing tells from fresh memory
 *
 * Each test does something to an area that a holder, or code that the holder calls, may do: takes a
 * reference to a page, sets a page flag, changes how a page is mapped.  The area is then freed in
 * each way that leads to the cache, and must not be found there; a page that somebody else still
 * has must stay as it is.  That the cache had room, and would have kept the area otherwise, is
 * checked by an area to which nothing was done.
 *
 * What set_memory_*() does is done to the page-table entry itself: few of these calls are exported.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"
#include "../cache.h"

#define PAGES		3

/* Enough misses to make any size worth a magazine. */
#define MANY_MISSES	16

/* The roads into the cache. */
enum road {
	INTO_MAGAZINE,		/* this CPU's magazine has room */
	INTO_DEPOT,		/* this CPU's magazine is full */
	AFTER_GRACE_PERIOD,	/* vmap_free_rcu() */
	NR_ROADS
};

static int stay_on_first(struct kunit *test)
{
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	return 0;
}

static unsigned long cached(struct vmap_arena *arena)
{
	return kt_stats(arena).cached;
}

/* Have areas of PAGES pages kept from now on. */
static void want_areas(struct kunit *test, struct vmap_arena *arena)
{
	unsigned int i;

	for (i = 0; i < MANY_MISSES && !cached(arena); i++)
		vmap_free(kt_pages(arena, PAGES, GFP_KERNEL));
	KUNIT_ASSERT_GT(test, cached(arena), 0);
}

/* Fill this CPU's magazine, but not the depot. */
static void fill_magazine(struct kunit *test, struct vmap_arena *arena)
{
	const struct vmap_magazine *magazine = raw_cpu_ptr(arena->cache.cpu)->magazine[PAGES];
	void *addr[MANY_MISSES * 4];
	unsigned int i, count = magazine->capacity;

	KUNIT_ASSERT_LE(test, count, ARRAY_SIZE(addr));
	for (i = 0; i < count; i++) {
		addr[i] = kt_pages(arena, PAGES, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr[i]);
	}
	for (i = 0; i < count; i++)
		vmap_free(addr[i]);
	KUNIT_ASSERT_EQ(test, magazine->count, count);
}

/* An area that would be kept if it were freed in that way. */
static void *area_for(struct kunit *test, struct vmap_arena *arena, enum road road)
{
	void *addr;

	vmap_arena_purge(arena);
	want_areas(test, arena);
	addr = kt_pages(arena, PAGES, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	if (road == INTO_DEPOT)
		fill_magazine(test, arena);
	return addr;
}

static void free_by(const void *addr, enum road road)
{
	if (road != AFTER_GRACE_PERIOD) {
		vmap_free(addr);
		return;
	}
	vmap_free_rcu(addr);
	rcu_barrier();
}

/* Free an area; it must not be kept. */
static void expect_gone(struct kunit *test, struct vmap_arena *arena, void *addr, enum road road)
{
	unsigned long before = cached(arena);

	free_by(addr, road);
	KUNIT_EXPECT_EQ_MSG(test, cached(arena), before, "road %u", road);
	KUNIT_EXPECT_NULL(test, vmalloc_to_page(addr));
}

/* Free an area; it must be kept, or what the tests expect to be gone shows nothing. */
static void expect_kept(struct kunit *test, struct vmap_arena *arena, void *addr, enum road road)
{
	unsigned long before = cached(arena);

	free_by(addr, road);
	KUNIT_EXPECT_EQ_MSG(test, cached(arena),
			    before + (PAGES << PAGE_SHIFT) + arena->cache.purge.space.guard,
			    "road %u", road);
}

static pte_t *entry_of(struct kunit *test, struct vmap_arena *arena, const void *addr)
{
	unsigned long at = (unsigned long)addr;
	struct vmap_span *span;

	list_for_each_entry(span, &arena->cache.purge.space.spans, link)
		if (at >= span->start && at < span->end)
			return vwin_pte(span->window, at);
	KUNIT_FAIL(test, "no span of this arena has the address");
	kunit_skip(test, "there is nothing to look at");
}

static void protect(struct kunit *test, struct vmap_arena *arena, const void *addr, pgprot_t prot)
{
	pte_t *pte = entry_of(test, arena, addr);

	set_pte(pte, mk_pte(pte_page(ptep_get(pte)), prot));
}

static void what_nobody_touched_is_kept(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	enum road road;
	void *addr;

	for (road = 0; road < NR_ROADS; road++) {
		addr = area_for(test, arena, road);
		kt_stamp(addr, PAGES * PAGE_SIZE, road);
		expect_kept(test, arena, addr, road);
	}
}

/* Is a page of any of many new areas @page? */
static bool comes_back(struct kunit *test, struct vmap_arena *arena, const struct page *page)
{
	void **addr = kunit_kcalloc(test, MANY_MISSES, sizeof(*addr), GFP_KERNEL);
	bool found = false;
	unsigned int i, j;

	KUNIT_ASSERT_NOT_NULL(test, addr);
	for (i = 0; i < MANY_MISSES; i++) {
		addr[i] = kt_pages(arena, PAGES, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr[i]);
		for (j = 0; j < PAGES; j++)
			found |= vmalloc_to_page(addr[i] + j * PAGE_SIZE) == page;
	}
	for (i = 0; i < MANY_MISSES; i++)
		vmap_free(addr[i]);
	return found;
}

/* As a mapping to user space, a pinned page, a pipe or a socket have it. */
static void pages_with_another_holder_stay_theirs(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	struct page *page;
	unsigned int i;
	void *addr;

	for (i = 0; i < NR_ROADS * PAGES; i++) {
		addr = area_for(test, arena, i / PAGES);
		kt_stamp(addr, PAGES * PAGE_SIZE, i);
		page = vmalloc_to_page(addr + i % PAGES * PAGE_SIZE);
		get_page(page);
		expect_gone(test, arena, addr, i / PAGES);
		KUNIT_EXPECT_EQ(test, page_count(page), 1);
		KUNIT_EXPECT_FALSE(test, comes_back(test, arena, page));
		KUNIT_EXPECT_TRUE(test, kt_stamped(page_address(page), PAGE_SIZE,
						   i + i % PAGES * PAGE_SIZE));
		put_page(page);
	}
}

/* The last reference may be dropped while the area is still there, and then it is as it was. */
static void a_holder_that_is_gone_does_not_count(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	void *addr = area_for(test, arena, INTO_MAGAZINE);

	get_page(vmalloc_to_page(addr));
	put_page(vmalloc_to_page(addr));
	expect_kept(test, arena, addr, INTO_MAGAZINE);
}

/* What the page allocator takes off a page that it gets back; others it complains of. */
static void page_marks_are_not_handed_on(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	enum road road;
	void *addr;

	for (road = 0; road < NR_ROADS; road++) {
		addr = area_for(test, arena, road);
		SetPageUptodate(vmalloc_to_page(addr + PAGE_SIZE));
		expect_gone(test, arena, addr, road);

		addr = area_for(test, arena, road);
		set_page_private(vmalloc_to_page(addr + PAGE_SIZE), 1);
		expect_gone(test, arena, addr, road);
	}
}

/* As drivers have it that give their pages to a file of theirs, and take them back. */
static void page_mappings_are_not_handed_on(struct kunit *test)
{
	static struct address_space mapping;
	struct vmap_arena *arena = kt_memory(test, 0);
	struct page *page;
	void *addr;

	addr = area_for(test, arena, INTO_MAGAZINE);
	page = vmalloc_to_page(addr);
	/* With a reference of ours, so that the page allocator does not get it like this. */
	get_page(page);
	page->mapping = &mapping;
	expect_gone(test, arena, addr, INTO_MAGAZINE);
	page->mapping = NULL;
	put_page(page);
}

/* Nothing is read or written through the entries here, so that no TLB has them. */
static void protections_are_not_handed_on(struct kunit *test)
{
	const pgprot_t prots[] = {
		PAGE_KERNEL_RO, PAGE_KERNEL_EXEC, pgprot_noncached(PAGE_KERNEL),
		pgprot_writecombine(PAGE_KERNEL),
	};
	struct vmap_arena *arena = kt_memory(test, 0);
	unsigned int i, j;
	void *addr;

	for (i = 0; i < ARRAY_SIZE(prots); i++) {
		for (j = 0; j < NR_ROADS * PAGES; j++) {
			addr = area_for(test, arena, j / PAGES);
			protect(test, arena, addr + j % PAGES * PAGE_SIZE, prots[i]);
			expect_gone(test, arena, addr, j / PAGES);
		}
	}
}

static void protections_changed_back_do_not_count(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	void *addr = area_for(test, arena, INTO_MAGAZINE);

	protect(test, arena, addr, PAGE_KERNEL_RO);
	protect(test, arena, addr, PAGE_KERNEL);
	expect_kept(test, arena, addr, INTO_MAGAZINE);
}

#define MOST_OTHERS	8

/* Allocate what is free, each time the most that there is, while an area of PAGES pages fits. */
static unsigned int fill_arena(struct kunit *test, struct vmap_arena *arena, void *other[])
{
	unsigned long size, count;

	for (count = 0; count < MOST_OTHERS; count++) {
		size = kt_stats(arena).largest_free;
		if (size < (PAGES << PAGE_SHIFT) + arena->cache.purge.space.guard)
			break;
		other[count] = vmap_arena_alloc(arena, size - arena->cache.purge.space.guard,
						PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);
		KUNIT_ASSERT_NOT_NULL(test, other[count]);
	}
	return count;
}

/*
 * An area of PAGES pages, the first of which is the last of a page table; what else is allocated
 * for it is put into @other.  What is larger than two page tables gets a span that has three.  In
 * its place an area one page and a guard smaller than two leaves one page of the second.
 */
static void *area_across_tables(struct kunit *test, struct vmap_arena *arena, void *other[],
				unsigned int *others)
{
	unsigned long large = 2 * WINDOW_GRAIN;
	void *addr;

	addr = vmap_arena_alloc(arena, large + PAGES * PAGE_SIZE, PAGE_SIZE, GFP_KERNEL,
				NUMA_NO_NODE);
	flush_delayed_work(&arena->cache.purge.space.span_work);
	WRITE_ONCE(arena->cache.purge.space.limit, arena->cache.purge.space.reserved);
	*others = fill_arena(test, arena, other);
	vmap_free(addr);
	other[*others] = vmap_arena_alloc(arena, large - PAGE_SIZE - arena->cache.purge.space.guard,
					  PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);
	KUNIT_ASSERT_PTR_EQ(test, other[*others], addr);
	++*others;
	addr = kt_pages(arena, PAGES, GFP_KERNEL);
	KUNIT_ASSERT_PTR_EQ(test, addr, other[*others - 1] + large - PAGE_SIZE);
	return addr;
}

static void protections_are_seen_in_each_table(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	void *other[MOST_OTHERS + 1], *addr;
	unsigned int i, others;

	if (kt_stats(arena).reserved > WINDOW_GRAIN)
		kunit_skip(test, "load vmap_arena.ko with span_size=2M for this");
	addr = area_across_tables(test, arena, other, &others);
	for (i = 0; i < PAGES; i++) {
		vmap_free(addr);
		vmap_arena_purge(arena);
		want_areas(test, arena);
		addr = kt_pages(arena, PAGES, GFP_KERNEL);
		KUNIT_ASSERT_EQ(test, pte_index((unsigned long)addr), PTRS_PER_PTE - 1);
		protect(test, arena, addr + i * PAGE_SIZE, PAGE_KERNEL_RO);
		expect_gone(test, arena, addr, INTO_MAGAZINE);
		addr = NULL;
	}
	while (others)
		vmap_free(other[--others]);
}

/* Boot with init_on_free=1 for this one: what is not ours any more may not be cleared. */
static void init_on_free_spares_other_holders(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, 0);
	struct page *page;
	enum road road;
	void *addr;

	if (!want_init_on_free())
		kunit_skip(test, "the kernel was booted without init_on_free=1");
	for (road = 0; road < NR_ROADS; road++) {
		addr = area_for(test, arena, road);
		kt_stamp(addr, PAGES * PAGE_SIZE, road);
		page = vmalloc_to_page(addr);
		get_page(page);
		expect_gone(test, arena, addr, road);
		KUNIT_EXPECT_TRUE(test, kt_stamped(page_address(page), PAGE_SIZE, road));
		put_page(page);
	}
}

static struct kunit_case warm_cases[] = {
	KUNIT_CASE(what_nobody_touched_is_kept),
	KUNIT_CASE(pages_with_another_holder_stay_theirs),
	KUNIT_CASE(a_holder_that_is_gone_does_not_count),
	KUNIT_CASE(page_marks_are_not_handed_on),
	KUNIT_CASE(page_mappings_are_not_handed_on),
	KUNIT_CASE(protections_are_not_handed_on),
	KUNIT_CASE(protections_changed_back_do_not_count),
	KUNIT_CASE(protections_are_seen_in_each_table),
	KUNIT_CASE(init_on_free_spares_other_holders),
	{}
};

static struct kunit_suite warm_suite = {
	.name = "vmap_warm", .init = stay_on_first, .test_cases = warm_cases,
};

kunit_test_suite(warm_suite);
