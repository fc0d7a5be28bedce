// SPDX-License-Identifier: GPL-2.0
/*
 * huge_kunit.c - areas of huge windows: blocks of 2 MiB where there are any, else small pages
 *
 * A block is what chunk.c calls one: 512 pages in a row that one entry maps.  Where the page
 * allocator is to have no block, fault injection makes it say so: see scripts/guest/kunit-lib.sh.
 * Where a test needs blocks and the machine has none, the test is skipped.
 */
#include <linux/fault-inject.h>
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"

#define BLOCK		PMD_SIZE
#define BLOCK_PAGES	(BLOCK >> PAGE_SHIFT)
#define ARENAS		"/sys/kernel/debug/vmap_arena"
#define FAULTS		"/sys/kernel/debug"

/* Blocks that a test may take at a time, and that must be there for it. */
#define BLOCKS		8

/* Let each allocation of a page by this task fail that is of @order or more; or none. */
static int starve(unsigned int order, bool on)
{
	char command[160];
	int err;

	snprintf(command, sizeof(command),
		 "echo %u >" FAULTS "/fail_page_alloc/min-order && echo %u >" FAULTS
		 "/failslab/probability", order, on ? 0 : 100);
	err = kt_shell(command);
	kt_starve(on && !err);
	return err;
}

static void feed(void *unused)
{
	kt_fail_nth(0);
	starve(0, false);
}

/* From now on no block is to be had by this task; skip the test if that cannot be arranged. */
static void hide_blocks(struct kunit *test)
{
	if (starve(VCHUNK_ORDER, true))
		kunit_skip(test, "needs a kernel with fault injection");
}

/* Skip the test unless the page allocator has BLOCKS blocks. */
static void need_blocks(struct kunit *test)
{
	struct page *block[BLOCKS];
	unsigned int i, got = 0;

	for (; got < BLOCKS; got++) {
		block[got] = alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, VCHUNK_ORDER);
		if (!block[got])
			break;
	}
	for (i = 0; i < got; i++)
		__free_pages(block[i], VCHUNK_ORDER);
	if (got < BLOCKS)
		kunit_skip(test, "needs %u blocks of 2 MiB, there are %u", BLOCKS, got);
}

/* An arena of huge windows for the time of a test. */
static struct vmap_arena *huge_arena(struct kunit *test, unsigned int flags)
{
	if (!VCHUNK_WORKS)
		kunit_skip(test, "no window is huge with these pages");
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, feed, NULL), 0);
	return kt_memory(test, VMAP_ARENA_HUGE | flags);
}

static void *get(struct vmap_arena *arena, unsigned long size, gfp_t gfp)
{
	return vmap_arena_alloc(arena, size, PAGE_SIZE, gfp, NUMA_NO_NODE);
}

/*
 * An area that keeps a span from being returned, with room for others in the span: for the
 * alignment the arena imports more than it needs.
 */
static void *anchor(struct kunit *test, struct vmap_arena *arena)
{
	void *addr = vmap_arena_alloc(arena, PAGE_SIZE, 16 * BLOCK, GFP_KERNEL, NUMA_NO_NODE);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	return addr;
}

/* The chunk of @addr, which is in a span of @arena that is not lost. */
static struct vmap_chunk *chunk_at(struct vmap_arena *arena, const void *addr)
{
	const struct vmap_extent *extent = kt_extent(arena, addr);
	struct vmap_chunk *chunk = NULL;
	struct vmap_span *span;

	list_for_each_entry(span, &arena->cache.purge.space.spans, link)
		if (extent && extent->start - span->start < span->end - span->start)
			chunk = vchunk_of(span->window, (unsigned long)addr);
	return chunk;
}

/* Is each page of an area where vmalloc_to_page() says, and a page of its own? */
static void check_pages(struct kunit *test, void *addr, unsigned long size)
{
	unsigned long at, wrong = 0;

	for (at = 0; at < size; at += PAGE_SIZE) {
		struct page *page = vmalloc_to_page(addr + at);

		if (!page || page_ref_count(page) != 1 || PageCompound(page) ||
		    READ_ONCE(*(u64 *)page_address(page)) != READ_ONCE(*(u64 *)(addr + at)))
			wrong++;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

static void blocks_are_real_memory(struct kunit *test)
{
	struct vmap_arena *arena = huge_arena(test, 0);
	unsigned long size = 3 * BLOCK, at;
	void *addr;

	need_blocks(test);
	addr = get(arena, size, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).huge, size);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)addr, BLOCK));
	KUNIT_EXPECT_TRUE(test, is_vmalloc_addr(addr) && is_vmalloc_addr(addr + size - 1));
	KUNIT_EXPECT_NULL(test, memchr_inv(addr, 0, size));
	kt_stamp(addr, size, 77);
	KUNIT_EXPECT_TRUE(test, kt_stamped(addr, size, 77));
	check_pages(test, addr, size);
	for (at = 0; at < size; at += BLOCK)
		KUNIT_EXPECT_TRUE(test, pmd_leaf(*chunk_at(arena, addr)->entry));
	KUNIT_EXPECT_TRUE(test, kt_faults(addr + size));
	KUNIT_EXPECT_NULL(test, vmalloc_to_page(addr + size));
	vmap_free(addr);
	KUNIT_EXPECT_NULL(test, vmalloc_to_page(addr + BLOCK));
	KUNIT_EXPECT_EQ(test, kt_stats(arena).huge, 0);
	/* Until then a TLB may know it still. */
	vmap_arena_purge(arena);
	KUNIT_EXPECT_TRUE(test, kt_faults(addr));
}

static void sizes_are_rounded_to_blocks(struct kunit *test)
{
	static const struct {
		unsigned long size, huge, mapped;
	} sizes[] = {
		{ 1, 0, PAGE_SIZE },
		{ BLOCK - PAGE_SIZE + 1, 0, BLOCK },
		{ BLOCK, BLOCK, BLOCK },
		{ BLOCK + 1, 2 * BLOCK, 2 * BLOCK },
		{ 3 * BLOCK - 1, 3 * BLOCK, 3 * BLOCK },
	};
	struct vmap_arena *arena = huge_arena(test, 0);
	unsigned int i;
	void *addr;

	need_blocks(test);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		addr = get(arena, sizes[i].size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr);
		KUNIT_EXPECT_EQ_MSG(test, kt_stats(arena).huge, sizes[i].huge, "of %lu bytes",
				    sizes[i].size);
		KUNIT_EXPECT_FALSE(test, kt_faults(addr + sizes[i].size - 1));
		KUNIT_EXPECT_NOT_NULL(test, vmalloc_to_page(addr + sizes[i].mapped - 1));
		KUNIT_EXPECT_NULL(test, vmalloc_to_page(addr + sizes[i].mapped));
		vmap_free(addr);
	}
}

static void bad_requests_are_refused(struct kunit *test)
{
	struct vmap_arena *arena = huge_arena(test, 0);
	unsigned long fails = kt_stats(arena).fails;
	void *addr;

	KUNIT_EXPECT_NULL(test, get(arena, 0, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, get(arena, ULONG_MAX, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, get(arena, (totalram_pages() + 1) << PAGE_SHIFT, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, vmap_arena_alloc(arena, BLOCK, 0, GFP_KERNEL, NUMA_NO_NODE));
	KUNIT_EXPECT_NULL(test, vmap_arena_alloc(arena, BLOCK, 3, GFP_KERNEL, NUMA_NO_NODE));
	KUNIT_EXPECT_EQ(test, kt_stats(arena).fails, fails + 5);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 0);
	addr = vmap_arena_alloc(arena, BLOCK, 4 * BLOCK, GFP_KERNEL, NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)addr, 4 * BLOCK));
	vmap_free(addr);
}

static void small_pages_take_the_place_of_blocks(struct kunit *test)
{
	struct vmap_arena *arena = huge_arena(test, 0);
	unsigned long size = 2 * BLOCK + 3 * PAGE_SIZE;
	void *addr;

	hide_blocks(test);
	addr = get(arena, size, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).huge, 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(addr, 0, size));
	kt_stamp(addr, size, 5);
	KUNIT_EXPECT_TRUE(test, kt_stamped(addr, size, 5));
	check_pages(test, addr, size);
	KUNIT_EXPECT_TRUE(test, kt_faults(addr + size));
	vmap_free(addr);
	KUNIT_EXPECT_NULL(test, vmalloc_to_page(addr));
	KUNIT_EXPECT_NULL(test, vmalloc_to_page(addr + 2 * BLOCK));
	/* Until then a TLB may know it still. */
	vmap_arena_purge(arena);
	KUNIT_EXPECT_TRUE(test, kt_faults(addr));
	KUNIT_EXPECT_TRUE(test, kt_faults(addr + 2 * BLOCK));
}

/* What on_each_cpu() compares: the first and the last word of each block. */
struct sight {
	void *addr;
	unsigned long size;
	u64 value;
	atomic_t wrong;
};

static void compare(void *data)
{
	struct sight *sight = data;
	unsigned long at;

	for (at = 0; at < sight->size; at += BLOCK / 4)
		if (READ_ONCE(*(u64 *)(sight->addr + at)) != sight->value + at)
			atomic_inc(&sight->wrong);
}

/*
 * The same addresses are mapped by blocks and by tables in turn.  A page of each chunk is kept from
 * the kernel, so that the next round has others, and a stale translation shows what was.
 */
static void chunks_change_their_kind(struct kunit *test)
{
	struct vmap_arena *arena = huge_arena(test, 0);
	struct sight sight = { .size = 2 * BLOCK };
	struct page *kept[16] = {};
	unsigned int round, i, same = 0;
	void *last = NULL, *keeper;

	hide_blocks(test);
	feed(NULL);
	need_blocks(test);
	keeper = anchor(test, arena);
	for (round = 0; round < 8; round++) {
		if (round % 2)
			hide_blocks(test);
		else
			feed(NULL);
		sight.addr = get(arena, sight.size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, sight.addr);
		same += sight.addr == last;
		last = sight.addr;
		sight.value = round * 1000 + 1;
		kt_stamp(sight.addr, sight.size, sight.value);
		on_each_cpu(compare, &sight, 1);
		for (i = 0; i < 2; i++) {
			kept[2 * round + i] = vmalloc_to_page(sight.addr + i * BLOCK);
			get_page(kept[2 * round + i]);
		}
		vmap_free(sight.addr);
		vmap_arena_purge(arena);
	}
	for (i = 0; i < ARRAY_SIZE(kept); i++)
		put_page(kept[i]);
	vmap_free(keeper);
	KUNIT_EXPECT_EQ(test, atomic_read(&sight.wrong), 0);
	KUNIT_EXPECT_EQ(test, same, 7);
}

static void a_page_in_use_outlives_its_block(struct kunit *test)
{
	struct vmap_arena *arena = huge_arena(test, 0);
	struct page *page;
	u64 *addr;

	need_blocks(test);
	addr = get(arena, BLOCK, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).huge, BLOCK);
	kt_stamp(addr, BLOCK, 9);
	page = vmalloc_to_page((void *)addr + BLOCK / 2);
	get_page(page);
	vmap_free(addr);
	vmap_arena_purge(arena);
	addr = get(arena, BLOCK, GFP_KERNEL | __GFP_ZERO);
	KUNIT_EXPECT_EQ(test, page_ref_count(page), 1);
	KUNIT_EXPECT_EQ(test, *(u64 *)page_address(page), 9 + BLOCK / 2);
	put_page(page);
	vmap_free(addr);
}

static void nodes_are_obeyed(struct kunit *test)
{
	struct vmap_arena *arena = huge_arena(test, 0);
	unsigned int nid;

	need_blocks(test);
	for_each_node_state(nid, N_MEMORY) {
		void *addr = vmap_arena_alloc(arena, BLOCK, PAGE_SIZE, GFP_KERNEL | __GFP_THISNODE,
					      nid);

		KUNIT_ASSERT_NOT_NULL(test, addr);
		KUNIT_EXPECT_EQ(test, page_to_nid(vmalloc_to_page(addr)), nid);
		KUNIT_EXPECT_EQ(test, page_to_nid(vmalloc_to_page(addr + BLOCK - 1)), nid);
		vmap_free(addr);
	}
}

static void bad_frees_change_nothing(struct kunit *test)
{
	struct vmap_arena *arena = huge_arena(test, 0);
	unsigned long frees, size = 2 * BLOCK;
	void *addr = get(arena, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	kt_stamp(addr, size, 3);
	frees = kt_stats(arena).frees;
	vmap_free(addr + 1);
	vmap_free(addr + PAGE_SIZE);
	vmap_free(addr + BLOCK);
	vmap_free(addr + BLOCK + PAGE_SIZE);
	vmap_free(addr + size);
	vmap_unmap_pages(addr);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).frees, frees);
	KUNIT_EXPECT_TRUE(test, kt_stamped(addr, size, 3));
	vmap_free(addr);
	vmap_free(addr);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).frees, frees + 1);
	kt_settle(test, arena);
}

/* From each context that may free: the worker does what the context may not. */
static void frees_come_from_any_context(struct kunit *test)
{
	struct vmap_arena *arena = huge_arena(test, 0);
	void *addr[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(addr); i++) {
		addr[i] = get(arena, 2 * BLOCK, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr[i]);
	}
	preempt_disable();
	vmap_free(addr[0]);
	preempt_enable();
	local_irq_disable();
	vmap_free(addr[1]);
	local_irq_enable();
	vmap_free_rcu(addr[2]);
	vmap_kvfree(addr[3]);
	kt_settle(test, arena);
	for (i = 0; i < ARRAY_SIZE(addr); i++)
		KUNIT_EXPECT_TRUE(test, kt_faults(addr[i]));
	KUNIT_EXPECT_EQ(test, kt_stats(arena).huge, 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).areas, 0);
}

static void atomic_requests_are_served(struct kunit *test)
{
	struct vmap_arena *arena = huge_arena(test, 0);
	void *addr, *keeper;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "a real-time kernel has no pages in atomic context");
	keeper = anchor(test, arena);
	local_irq_disable();
	addr = get(arena, BLOCK, GFP_ATOMIC);
	local_irq_enable();
	KUNIT_EXPECT_NOT_NULL(test, addr);
	vmap_free(addr);
	vmap_free(keeper);
}

static void nothing_is_kept_warm(struct kunit *test)
{
	struct vmap_arena *arena = huge_arena(test, VMAP_ARENA_NOGUARD);
	char command[192];
	unsigned int i;

	for (i = 0; i < 50; i++) {
		vmap_free(get(arena, 4 * PAGE_SIZE, GFP_KERNEL));
		vmap_free(get(arena, BLOCK, GFP_KERNEL));
	}
	KUNIT_EXPECT_EQ(test, kt_stats(arena).cached, 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).hits, 0);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).huge, 0);
	snprintf(command, sizeof(command), "cd " ARENAS "/%s && test ! -e cache -a -e stats",
		 arena->cache.purge.space.name);
	KUNIT_EXPECT_EQ(test, kt_shell(command), 0);
}

/* The call fails after some chunks are filled, with a block or with pages. */
static void failures_leave_nothing_mapped(struct kunit *test)
{
	struct vmap_arena *arena = huge_arena(test, 0);
	unsigned int few, failed = 0;
	void *keeper;

	hide_blocks(test);
	feed(NULL);
	need_blocks(test);
	keeper = anchor(test, arena);
	for (few = 1; few < 12; few++) {
		void *addr;

		KUNIT_EXPECT_EQ(test, starve(0, true), 0);
		kt_fail_nth(few);
		addr = get(arena, 2 * BLOCK + PAGE_SIZE, GFP_KERNEL);
		feed(NULL);
		failed += !addr;
		vmap_free(addr);
		KUNIT_EXPECT_EQ(test, kt_stats(arena).huge, 0);
		kt_settle(test, arena);
	}
	vmap_free(keeper);
	KUNIT_EXPECT_GT(test, failed, 2);
}

static void flush_everything(void)
{
	unsigned int way = 0;

	while (!vwin_arch_flush_can(way))
		way++;
	vwin_arch_flush_all(way);
}

/* As the kernel does it where the protection of a part of a block is changed. */
static struct page *split_chunk(struct kunit *test, struct vmap_chunk *chunk)
{
	struct page *table = alloc_page(GFP_KERNEL | __GFP_ZERO);
	unsigned long i;

	KUNIT_ASSERT_NOT_NULL(test, table);
	for (i = 0; i < PTRS_PER_PTE; i++)
		set_pte((pte_t *)page_address(table) + i,
			pfn_pte(page_to_pfn(chunk->page) + i, PAGE_KERNEL));
	vwin_arch_set_middle(chunk->entry, __pmd(0));
	flush_everything();
	vwin_arch_set_middle(chunk->entry,
			     __pmd(pmd_val(chunk->table) +
				   ((page_to_pfn(table) - page_to_pfn(pmd_page(chunk->table)))
				    << PAGE_SHIFT)));
	vwin_arch_entries_set();
	return table;
}

static void a_split_chunk_takes_small_pages(struct kunit *test)
{
	struct vmap_arena *arena = huge_arena(test, 0);
	struct page *table;
	void *addr, *keeper;

	need_blocks(test);
	keeper = anchor(test, arena);
	addr = get(arena, 2 * BLOCK, GFP_KERNEL);
	KUNIT_ASSERT_EQ(test, kt_stats(arena).huge, 2 * BLOCK);
	kt_stamp(addr, 2 * BLOCK, 8);
	table = split_chunk(test, chunk_at(arena, addr));
	KUNIT_EXPECT_TRUE(test, kt_stamped(addr, 2 * BLOCK, 8));
	check_pages(test, addr, 2 * BLOCK);
	vmap_free(addr);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).huge, 0);
	vmap_arena_purge(arena);
	KUNIT_EXPECT_TRUE(test, kt_faults(addr));
	KUNIT_EXPECT_EQ(test, page_ref_count(table), 1);
	KUNIT_ASSERT_PTR_EQ(test, get(arena, 2 * BLOCK, GFP_KERNEL), addr);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).huge, BLOCK);
	KUNIT_EXPECT_FALSE(test, pmd_leaf(*chunk_at(arena, addr)->entry));
	check_pages(test, addr, 2 * BLOCK);
	vmap_free(addr);
	vmap_free(keeper);
}

/* The kernel must find the page tables that vmap() made, or they are nobody's. */
static void page_tables_are_put_back(struct kunit *test)
{
	struct vmap_arena *arena;
	struct vmap_chunk chunk;
	void *addr;

	if (!VCHUNK_WORKS)
		kunit_skip(test, "no window is huge with these pages");
	arena = vmap_arena_create(kt_name(), VMAP_ARENA_HUGE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, arena);
	addr = get(arena, 2 * BLOCK, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, addr);
	chunk = *chunk_at(arena, addr);
	KUNIT_EXPECT_FALSE(test, pmd_leaf(chunk.table));
	vmap_free(addr);
	KUNIT_ASSERT_EQ(test, vmap_arena_destroy(arena), 0);
	KUNIT_EXPECT_FALSE(test, pmd_none(*chunk.entry) || pmd_leaf(*chunk.entry));
	KUNIT_EXPECT_PTR_EQ(test, pmd_page(*chunk.entry), pmd_page(chunk.table));
}

/* Somebody gives an area to vfree(), and all of its span with it. */
static void a_lost_span_is_noticed(struct kunit *test)
{
	struct vmap_arena *arena = huge_arena(test, 0);
	struct page *page[2];
	void *addr, *next;
	unsigned long i;

	need_blocks(test);
	addr = get(arena, 2 * BLOCK, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	for (i = 0; i < 2; i++) {
		page[i] = chunk_at(arena, addr)[i].page;
		KUNIT_ASSERT_NOT_NULL(test, page[i]);
	}
	vfree(addr);
	KUNIT_EXPECT_TRUE(test, kt_faults(addr));
	vmap_free(addr);
	next = get(arena, BLOCK, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, next);
	kt_stamp(next, BLOCK, 1);
	KUNIT_EXPECT_TRUE(test, kt_stamped(next, BLOCK, 1));
	vmap_free(next);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).lost_spans, 1);
	KUNIT_EXPECT_TRUE(test, kt_until(kt_stats(arena).lost_pages == 2 * BLOCK_PAGES));
	/* Nobody else knows them any more. */
	for (i = 0; i < 2 * BLOCK_PAGES; i++)
		__free_page(page[i / BLOCK_PAGES] + i % BLOCK_PAGES);
}

/* How many bytes the arena of vmap_alloc_huge() maps by blocks. */
static unsigned long huge_of_default(struct kunit *test)
{
	char *text = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL), *line;
	unsigned long huge = 0;

	KUNIT_ASSERT_NOT_NULL(test, text);
	KUNIT_ASSERT_EQ(test, kt_shell("cat " ARENAS "/huge/stats >/tmp/huge"), 0);
	KUNIT_ASSERT_GT(test, kt_read("/tmp/huge", text, PAGE_SIZE - 1), 0);
	line = strstr(text, "\nhuge ");
	KUNIT_ASSERT_NOT_NULL(test, line);
	line += strlen("\nhuge ");
	line[strcspn(line, "\n")] = '\0';
	KUNIT_ASSERT_EQ(test, kstrtoul(line, 10, &huge), 0);
	kunit_kfree(test, text);
	return huge;
}

static void the_call_needs_no_arena(struct kunit *test)
{
	unsigned long areas = kt_stats(NULL).areas, before;
	void *addr, *small;

	if (!VCHUNK_WORKS)
		kunit_skip(test, "no window is huge with these pages");
	need_blocks(test);
	before = huge_of_default(test);
	addr = vmap_alloc_huge(2 * BLOCK, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	KUNIT_EXPECT_EQ(test, huge_of_default(test), before + 2 * BLOCK);
	KUNIT_EXPECT_NULL(test, memchr_inv(addr, 0, 2 * BLOCK));
	check_pages(test, addr, 2 * BLOCK);
	KUNIT_EXPECT_EQ(test, kt_stats(NULL).areas, areas);
	small = vmap_alloc_huge(BLOCK - 1, GFP_KERNEL, NUMA_NO_NODE);
	KUNIT_EXPECT_NOT_NULL(test, small);
	KUNIT_EXPECT_EQ(test, kt_stats(NULL).areas, areas + 1);
	KUNIT_EXPECT_NULL(test, vmap_alloc_huge(0, GFP_KERNEL, NUMA_NO_NODE));
	KUNIT_EXPECT_NULL(test, vmap_alloc_huge(ULONG_MAX, GFP_KERNEL, NUMA_NO_NODE));
	vmap_free(small);
	vmap_free(addr);
	KUNIT_EXPECT_EQ(test, huge_of_default(test), before);
}

/* Where no address space can be had at once there are small pages. */
static void the_call_falls_back_to_the_default_arena(struct kunit *test)
{
	unsigned long areas = kt_stats(NULL).areas, before;
	void *addr;

	if (!VCHUNK_WORKS)
		kunit_skip(test, "no window is huge with these pages");
	before = huge_of_default(test);
	/* Larger than the arena's span, and an import is not possible. */
	addr = vmap_alloc_huge(40 * BLOCK, GFP_NOWAIT, NUMA_NO_NODE);
	if (addr) {
		KUNIT_EXPECT_EQ(test, kt_stats(NULL).areas + (huge_of_default(test) > before),
				areas + 1);
		check_pages(test, addr, 40 * BLOCK);
	}
	vmap_free(addr);
	KUNIT_EXPECT_EQ(test, kt_stats(NULL).areas, areas);
}

struct live {
	void *addr;
	unsigned long size;
	u64 value;
};

/* Sizes of less than a block, of just some, and of some and a little. */
static unsigned long random_size(struct rnd_state *rnd)
{
	u32 kind = prandom_u32_state(rnd) % 4, some = prandom_u32_state(rnd) % 3 + 1;

	if (!kind)
		return prandom_u32_state(rnd) % (BLOCK - 1) + 1;
	return some * BLOCK + (kind == 1 ? 0 : prandom_u32_state(rnd) % (4 * PAGE_SIZE));
}

static void replace(struct kunit *test, struct vmap_arena *arena, struct live *live,
		    struct rnd_state *rnd)
{
	if (live->addr)
		KUNIT_EXPECT_TRUE(test, kt_stamped(live->addr, live->size, live->value));
	vmap_free(live->addr);
	live->size = random_size(rnd);
	live->value = (u64)prandom_u32_state(rnd) << 32;
	live->addr = get(arena, live->size, GFP_KERNEL);
	if (live->addr)
		kt_stamp(live->addr, live->size, live->value);
}

static void random_requests_keep_their_memory(struct kunit *test)
{
	struct vmap_arena *arena = huge_arena(test, 0);
	struct live live[BLOCKS] = {};
	struct rnd_state rnd;
	unsigned int i;

	kt_seed_random(test, &rnd);
	for (i = 0; i < kt_loops / 4 + 20; i++) {
		if (!(i % 16) && i % 32)
			starve(VCHUNK_ORDER, true);
		else if (!(i % 16))
			feed(NULL);
		replace(test, arena, &live[prandom_u32_state(&rnd) % BLOCKS], &rnd);
		if (!(i % 8))
			kt_verify(test, arena);
		cond_resched();
	}
	feed(NULL);
	for (i = 0; i < BLOCKS; i++) {
		if (live[i].addr)
			KUNIT_EXPECT_TRUE(test, kt_stamped(live[i].addr, live[i].size,
							   live[i].value));
		vmap_free(live[i].addr);
	}
	KUNIT_EXPECT_EQ(test, kt_stats(arena).huge, 0);
}

static struct kunit_case huge_cases[] = {
	KUNIT_CASE(blocks_are_real_memory),
	KUNIT_CASE(sizes_are_rounded_to_blocks),
	KUNIT_CASE(bad_requests_are_refused),
	KUNIT_CASE(small_pages_take_the_place_of_blocks),
	KUNIT_CASE(chunks_change_their_kind),
	KUNIT_CASE(a_page_in_use_outlives_its_block),
	KUNIT_CASE(nodes_are_obeyed),
	KUNIT_CASE(bad_frees_change_nothing),
	KUNIT_CASE(frees_come_from_any_context),
	KUNIT_CASE(atomic_requests_are_served),
	KUNIT_CASE(nothing_is_kept_warm),
	KUNIT_CASE(failures_leave_nothing_mapped),
	KUNIT_CASE(a_split_chunk_takes_small_pages),
	KUNIT_CASE(page_tables_are_put_back),
	KUNIT_CASE(a_lost_span_is_noticed),
	KUNIT_CASE(the_call_needs_no_arena),
	KUNIT_CASE(the_call_falls_back_to_the_default_arena),
	KUNIT_CASE(random_requests_keep_their_memory),
	{}
};

static struct kunit_suite huge_suite = { .name = "vmap_huge", .test_cases = huge_cases };
kunit_test_suite(huge_suite);
