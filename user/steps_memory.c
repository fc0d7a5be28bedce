// SPDX-License-Identifier: GPL-2.0
/*
 * steps_memory.c - memory arenas in states that are hard on them, and the steps of calls there
 *
 * The states:
 *   growing    areas of 1 to 16 pages without a cache, up to LARGEST of them; some are replaced, so
 *              that flushed extents wait to be merged
 *   comb       every other area is lazy, or free: each merge of the others joins three extents
 *   low        the same, with less free space than is kept for callers who may not sleep
 *   backlog    more than the threshold is lazy, up to the limit and beyond, where frees flush and
 *              merge; and deferred, as callers who may not sleep leave it
 *   helping    the same; others help with what is deferred
 *   long       areas of up to 4096 pages, in many page tables
 *   cached     warm areas in magazines and in depots, of two CPUs
 *   aligned    no free extent but a few has room at a multiple of the alignment
 *   reserved   what magazines and depots do not serve comes from a reserve
 *
 * Nothing here finds no room: an import is the kernel's, and no formula bounds it.
 */
#include <stdlib.h>

#include "play_memory.h"
#include "steps_loads.h"
#include "tap.h"

/* Areas: the most, and the fewest, of a state that is tried at several sizes. */
#define LARGEST		262144UL
#define SMALLEST	16UL
#define LARGEST_AREA	16U

/* Large areas whose frees are deferred. */
#define DEFERRED	24

struct area {
	void *addr;
	unsigned long pages;
};

static struct vmap_arena arena;
static struct vmap_purge *const purge = &arena.cache.purge;
static struct area *live;
static unsigned long nr_live;

/* An arena for @pages, and an eighth more; without a threshold. */
static void open_bed(unsigned long pages, unsigned long most, bool cached)
{
	steps_seed = pages;
	nr_live = 0;
	live = calloc(most, sizeof(*live));
	if (!live)
		abort();
	play_open_memory(&arena, (pages + pages / 8) * PAGE_SIZE / PLAY_SPAN + 2, cached);
	purge->threshold = ULONG_MAX / 2;
}

static void close_bed(void)
{
	const char *wrong;

	while (nr_live)
		vmap_free(live[--nr_live].addr);
	purge->threshold = ULONG_MAX / 2;
	wrong = play_close_memory(&arena);
	steps_expect(!wrong, wrong);
	free(live);
}

/* The worker keeps spares, but lets @left calls of 16 get their own. */
static void stock(unsigned long call, unsigned int left)
{
	if (call % 16 >= left && purge->space.spares.count < VSPACE_SPARES_LOW)
		vspace_stock_work(&purge->space.stock_work);
}

/* Before a call; @freed: for an area of so many pages that it frees. */
static struct steps_at look(unsigned long pages, bool freed)
{
	const unsigned long threshold = purge->threshold;
	const unsigned long units = freed ? (pages + 1) * PAGE_SIZE : 0;

	return (struct steps_at){
		.pages = pages,
		.extents = play_tiles(&arena),
		.pressed = atomic_long_read(&purge->lazy_units) + units > threshold ||
			   atomic_long_read(&purge->deferred_units) > threshold,
	};
}

static void keep(void *addr, unsigned long pages)
{
	steps_expect(addr, "there is room where room was left");
	live[nr_live++] = (struct area){ .addr = addr, .pages = pages };
}

static void get_aligned(const char *way, unsigned long pages, unsigned long align, gfp_t gfp)
{
	struct steps_at at = look(pages, false);
	void *addr;

	at.misses = play_misses(&arena, (pages + 1) * PAGE_SIZE, align, 0, ULONG_MAX);
	steps_begin();
	addr = vmap_arena_alloc(&arena, pages * PAGE_SIZE, align, gfp, NUMA_NO_NODE);
	steps_end();
	steps_judge("vmap_arena_alloc", way, &at);
	keep(addr, pages);
	stock(nr_live, 2);
}

static void get(const char *way, unsigned long pages)
{
	get_aligned(way, pages, PAGE_SIZE, GFP_KERNEL);
}

static void put(const char *way, unsigned long i)
{
	struct steps_at at = look(live[i].pages, true);

	steps_begin();
	vmap_free(live[i].addr);
	steps_end();
	steps_judge("vmap_free", way, &at);
	live[i] = live[--nr_live];
}

static void put_all(const char *way)
{
	while (nr_live)
		put(way, nr_live - 1);
}

/* Grow to @most, replace some, and free all in random order. */
static void growing(unsigned long most, unsigned long threshold)
{
	unsigned long i;

	open_bed(most * 11, most, false);
	purge->threshold = threshold;
	while (nr_live < most)
		get("growing", 1 + steps_draw(LARGEST_AREA));
	for (i = 0; i < 10000 && i < 10 * most; i++) {
		put("replaced", steps_draw(nr_live));
		get("replaced", 1 + steps_draw(LARGEST_AREA));
		if (i % 512 == 0)
			vpurge_flush(purge);
	}
	while (nr_live)
		put("shrinking", steps_draw(nr_live));
	close_bed();
}

/* @n areas live, each between two free extents: every other of 2 * @n was freed and is merged. */
static void open_comb(unsigned long n)
{
	unsigned long i;

	open_bed(4 * n, 2 * n, false);
	for (i = 0; i < 2 * n; i++)
		get("growing", 1);
	for (i = 0; i < n; i++) {
		vmap_free(live[2 * i].addr);
		live[i] = live[2 * i + 1];
	}
	nr_live = n;
	vpurge_all(purge);
}

/* Free the areas of a comb of @n, so that each merges three extents. */
static void comb(unsigned long n, unsigned long threshold)
{
	unsigned long i;

	open_comb(n);
	purge->threshold = threshold;
	while (nr_live > n / 2)
		put("comb", nr_live - 1);
	vpurge_flush(purge);
	for (i = 0; i < n / 8; i++)
		get("comb", 3);
	vpurge_flush(purge);
	put_all("comb");
	close_bed();
}

/*
 * Little is free but what was flushed and is to be merged: each allocation merges more of it.  As
 * the free extents are less than the reserve, there are no more than half as many as it has pages.
 */
static void low(unsigned long n)
{
	const unsigned long few = min(n, vspace_reserve() / PAGE_SIZE / 8);
	unsigned long i;

	open_bed(4 * n, 2 * n + 8 * (PLAY_SPAN >> 20) + n / 8, false);
	for (i = 0; i < 2 * n; i++)
		get("growing", 1);
	for (i = 0; i < few; i++) {
		vmap_free(live[2 * i].addr);
		live[2 * i].addr = NULL;
	}
	vpurge_all(purge);
	while (purge->space.tree.units >= vspace_reserve())
		get("long", 255);
	for (i = 0; i < few; i++) {
		vmap_free(live[2 * i + 1].addr);
		live[2 * i + 1].addr = NULL;
	}
	vpurge_flush(purge);
	for (i = 0; i < few / 8; i++)
		get("low", 2);
	close_bed();
}

/*
 * Free the areas of a comb of @n as who may not sleep: up to the limit, and thrice as many beyond,
 * which are deferred.  Then who may sleep frees some, while more than the threshold is lazy,
 * flushed and to be merged, but not as much as the limit.
 */
static void backlog(unsigned long n, bool ordered)
{
	unsigned long i;

	open_comb(n);
	purge->threshold = n / 8 * 2 * PAGE_SIZE;
	this_cpu.raw = true;
	for (i = 0; i < n * 7 / 8; i++)
		put("may not sleep", ordered ? nr_live - 1 : steps_draw(nr_live));
	this_cpu.raw = false;
	vpurge_flush(purge);
	for (i = 0; i < n / 32; i++)
		get_aligned("backlog", 1, PAGE_SIZE, GFP_NOWAIT);
	for (i = 0; i < n / 32; i++)
		put("backlog", ordered ? nr_live - 1 : steps_draw(nr_live));
	for (i = 0; i < n / 64; i++)
		get("backlog", 1);
	put_all("backlog");
	close_bed();
}

/*
 * Leave frees to the worker, as who may not sleep does; then those who may sleep help with them,
 * and free and allocate.
 */
static void deferred(unsigned long n, unsigned long pages, unsigned long threshold)
{
	unsigned long i;

	open_bed(4 * n + (pages + 1) * DEFERRED, 2 * n + DEFERRED, false);
	for (i = 0; i < 2 * n; i++)
		get("growing", 1);
	for (i = 0; i < DEFERRED; i++)
		get("growing", pages);
	for (i = 0; i < n; i++)
		vmap_free(live[2 * i].addr);
	vpurge_all(purge);
	purge->threshold = threshold;
	this_cpu.raw = true;
	for (i = 0; i < DEFERRED; i++)
		put("may not sleep", nr_live - 1);
	for (i = 0; i < n / 2; i++) {
		const struct area area = live[2 * i + 1];

		vmap_free(area.addr);
	}
	this_cpu.raw = false;
	for (i = n / 2; i < n; i++)
		live[i - n / 2] = live[2 * i + 1];
	nr_live = n - n / 2;
	while (nr_live > n / 4) {
		get("helping", 1);
		put("helping", nr_live - 1);
		put("helping", nr_live - 1);
	}
	put_all("helping");
	close_bed();
}

static void long_areas(void)
{
	unsigned long pages, i;

	open_bed(4096 * 20, 64, false);
	for (pages = 1; pages <= 4096; pages *= 4) {
		for (i = 0; i < 4; i++) {
			play_most_in_bulk = i % 2 ? UINT_MAX : 1;
			play_blocks = i % 4 < 2;
			get("long", pages);
		}
		put_all("long");
	}
	play_most_in_bulk = UINT_MAX;
	play_blocks = true;
	close_bed();
}

/* Rounds that bring magazines to this CPU, fill them, and overflow them. */
static void cached_rounds(unsigned long n, unsigned long pages)
{
	unsigned long i, round;

	for (round = 0; round < 12; round++) {
		for (i = 0; i < n; i++)
			get("cached", pages ?: 1 + i % LARGEST_AREA);
		put_all("cached");
	}
}

static void cached(unsigned long n)
{
	unsigned long pages;

	open_bed(n * 2 * (CACHE_CLASSES + 1), n, true);
	cached_rounds(n, 0);
	for (pages = 1; pages <= CACHE_CLASSES; pages *= 2)
		cached_rounds(n, pages);
	this_cpu.offset = PERCPU_SIZE;
	cached_rounds(n, 0);
	this_cpu.offset = 0;
	close_bed();
}

/* Free areas of 2 pages, each with a guard, none of which begins at a multiple of 4 pages. */
static void aligned(unsigned long n)
{
	unsigned long i, kept = 0;

	open_bed(4 * n, 2 * n, false);
	for (i = 0; i < n; i++) {
		get("growing", 1);
		get("growing", 1);
	}
	for (i = 0; i < nr_live; i++) {
		if (i % 2)
			vmap_free(live[i].addr);
		else
			live[kept++] = live[i];
	}
	nr_live = kept;
	vpurge_all(purge);
	get_aligned("aligned", 1, 4 * PAGE_SIZE, GFP_KERNEL);
	get_aligned("aligned", 1, 4 * PAGE_SIZE, GFP_NOWAIT);
	get_aligned("aligned", 1, 64 * PAGE_SIZE, GFP_KERNEL);
	close_bed();
}

static void reserved(unsigned long n)
{
	unsigned long i, pages;

	open_bed(2 * n + 65 * (512 + 8), 2 * n + 64, false);
	for (i = 0; i < n; i++)
		get("growing", 1);
	steps_expect(!vreserve_make(&arena, 512, 64, 8), "a reserve is made");
	this_cpu.raw = true;
	for (pages = 1; pages <= 64; pages *= 2)
		get_aligned("reserve", pages, PAGE_SIZE, GFP_ATOMIC);
	for (i = 0; i < 7; i++)
		put("reserve", nr_live - 1);
	this_cpu.raw = false;
	while (nr_live)
		vmap_free(live[--nr_live].addr);
	vreserve_exit(&arena);
	close_bed();
}

/* The pages, or frames, that are mapped, and what maps them. */
static void mapped(unsigned long count)
{
	struct page **pages = calloc(count, sizeof(*pages));
	unsigned long *pfns = calloc(count, sizeof(*pfns)), i;
	const struct steps_at at = look(count, false);
	void *addr;

	if (!pages || !pfns)
		abort();
	for (i = 0; i < count; i++) {
		pages[i] = alloc_pages_node(NUMA_NO_NODE, GFP_KERNEL, 0);
		pfns[i] = PLAY_MAX_PFN + i;
	}
	steps_begin();
	addr = vmap_map_pages(pages, count, PAGE_KERNEL);
	steps_end();
	steps_judge("vmap_map_pages", "", &at);
	steps_expect(addr, "pages are mapped");
	steps_begin();
	vmap_unmap_pages(addr);
	steps_end();
	steps_judge("vmap_unmap_pages", "", &at);
	steps_begin();
	addr = vmap_map_pfns(pfns, count, PAGE_KERNEL);
	steps_end();
	steps_judge("vmap_map_pfns", "", &at);
	steps_expect(addr, "frames are mapped");
	vmap_unmap_pages(addr);
	for (i = 0; i < count; i++)
		__free_page(pages[i]);
	free(pages);
	free(pfns);
}

static void mappings(unsigned long n)
{
	unsigned long count, i;

	open_bed(4 * n + 80 * 4096, 2 * n, false);
	for (i = 0; i < 2 * n; i++)
		get("growing", 1);
	for (i = 0; i < n; i++) {
		vmap_free(live[2 * i].addr);
		live[i] = live[2 * i + 1];
	}
	nr_live = n;
	vpurge_flush(purge);
	for (count = 1; count <= 4096; count *= 4)
		for (i = 0; i < 8; i++)
			mapped(count);
	close_bed();
}

/* A call with its own promise, or that of another. */
#define COUNT(call, way, at, statement) do {	\
	steps_begin();				\
	statement;				\
	steps_end();				\
	steps_judge(call, way, at);		\
} while (0)

/* The calls that are others in other words, and those that ask. */
static void others(void)
{
	struct steps_at at;
	unsigned long i, end;
	const char *area;
	void *addr[8];
	bool owned;

	open_bed(8192, 64, false);
	at = look(4, false);
	COUNT("vmap_alloc", "", &at, addr[0] = vmap_alloc(4 * PAGE_SIZE));
	COUNT("vmap_zalloc", "", &at, addr[1] = vmap_zalloc(4 * PAGE_SIZE));
	COUNT("vmap_alloc_node", "", &at,
	      addr[2] = vmap_alloc_node(4 * PAGE_SIZE, PAGE_SIZE, GFP_KERNEL, 0));
	COUNT("vmap_alloc_array", "", &at,
	      addr[3] = vmap_alloc_array(4, PAGE_SIZE, GFP_KERNEL));
	addr[4] = vmap_alloc(PMD_SIZE);
	for (i = 0; i < 5; i++)
		steps_expect(addr[i], "there is room");
	area = addr[4];
	COUNT("vmap_owns", "", &at, owned = vmap_owns(area + PMD_SIZE - 1));
	steps_expect(owned, "the last byte is owned");
	/* All slots of the grain are looked at. */
	end = ALIGN((unsigned long)area, WINDOW_GRAIN) + 4 * WINDOW_GRAIN;
	COUNT("vmap_owns", "", &at, owned = vmap_owns((void *)(end - 1)));
	steps_expect(!owned, "a free page is not");
	COUNT("vmap_size", "", &at, i = vmap_size(area));
	steps_expect(i == PMD_SIZE, "the size is known");
	COUNT("vmap_usable_size", "", &at, i = vmap_usable_size(area));
	steps_expect(i == PMD_SIZE, "the size is known");
	COUNT("vmap_free_rcu", "", &at, vmap_free_rcu(addr[0]));
	COUNT("vmap_kvfree_rcu", "", &at, vmap_kvfree_rcu(addr[1]));
	play_grace();
	COUNT("vmap_kvfree", "", &at, vmap_kvfree(addr[2]));
	vmap_free(addr[3]);
	vmap_free(addr[4]);
	close_bed();
}

void steps_of_memory_arenas(void)
{
	const unsigned long limits[] = { ULONG_MAX / 2, 64UL << 20, 64UL << 10 };
	unsigned long n;
	unsigned int i;

	for (n = SMALLEST; n <= LARGEST; n *= 8) {
		for (i = 0; i < ARRAY_SIZE(limits); i++) {
			growing(n, limits[i]);
			comb(n, limits[i]);
		}
		deferred(n, 256, 64UL << 10);
		deferred(n, 1024, 64UL << 10);
		deferred(n, 1024, 8UL << 20);
		backlog(n, false);
		backlog(n, true);
		low(n);
		aligned(n);
		reserved(n);
		mappings(n);
	}
	long_areas();
	cached(40);
	cached(200);
	others();
}
