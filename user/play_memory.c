// SPDX-License-Identifier: GPL-2.0
/*
 * play_memory.c - a memory arena in a user program, and what the kernel does for any arena
 *
 * Spans have page tables, made by calloc(), and addresses that nobody ever follows.  Each call of
 * the kernel counts as one step.  What is queued, and what waits for a grace period, is done when
 * the test says so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "play_memory.h"
#include "steps.h"

/* Where the first span begins: 4 TiB, a multiple of WINDOW_GRAIN. */
#define PLAY_BASE	(1UL << 42)
#define GRAINS		8192UL
#define WORKS		8

struct page *play_pages;
unsigned long play_extents;
unsigned long play_jiffies;
unsigned int play_most_in_bulk = UINT_MAX;
bool play_blocks = true;
struct vmap_arena *varena_huge;
bool vwatch_calls;
bool vwatch_locks;

/* Pages that came back; and the first that was never handed out.  Page 0 is none. */
static struct page *free_pages;
static unsigned long next_pfn = 1;
static struct callback_head *waiting;
static struct work_struct *queued[WORKS];
static void *grains[GRAINS];
static unsigned long canary = 1;
static struct vmap_span **spans;
static unsigned long nr_spans;

/* What never happens here. */
void no_such_call(void);
void no_such_call(void)
{
	fprintf(stderr, "test_steps: the arena did what it never does\n");
	abort();
}

void call_mm(void)
{
	steps_now++;
}

void play_kernel(void)
{
	steps_now++;
}

void clear_page(void *page)
{
	steps_now++;
}

void kvfree(const void *pointer)
{
	steps_now++;
	free((void *)pointer);
}

struct play_node play_node;

void *play_new_extent(void)
{
	steps_now++;
	play_extents++;
	return aligned_alloc(64, 64);
}

void play_drop_extent(void *extent)
{
	steps_now++;
	play_extents--;
	free(extent);
}

/* A block begins at a multiple of its size; pages below it that were never handed out are not. */
static struct page *new_block(unsigned int order)
{
	unsigned long count = 1UL << order, first = ALIGN(next_pfn, count), i;

	if (first + count > PLAY_MAX_PFN)
		return NULL;
	next_pfn = first + count;
	for (i = first; i < next_pfn; i++) {
		play_pages[i]._mapcount.counter = -1;
		play_pages[i]._refcount.counter = 1;
	}
	return &play_pages[first];
}

struct page *alloc_pages_node(int node, gfp_t gfp, unsigned int order)
{
	struct page *page = free_pages;

	steps_now++;
	if (order)
		return play_blocks ? new_block(order) : NULL;
	if (page)
		free_pages = page->under;
	else if (next_pfn < PLAY_MAX_PFN)
		page = &play_pages[next_pfn++];
	else
		return NULL;
	page->under = NULL;
	page->_mapcount.counter = -1;
	page->_refcount.counter = 1;
	return page;
}

unsigned int alloc_pages_bulk_node(gfp_t gfp, int node, unsigned int count, struct page **pages)
{
	unsigned long before = steps_now;
	unsigned int got;

	for (got = 0; got < count && got < play_most_in_bulk; got++) {
		pages[got] = alloc_pages_node(node, gfp, 0);
		if (!pages[got])
			break;
	}
	steps_now = before + 1;
	return got;
}

void __free_page(struct page *page)
{
	steps_now++;
	page->under = free_pages;
	free_pages = page;
}

void __free_pages(struct page *page, unsigned int order)
{
	unsigned long before = steps_now, i;

	for (i = 0; i < 1UL << order; i++)
		__free_page(page + i);
	steps_now = before + 1;
}

/* The grain, by its number among all addresses; NULL if no span may have it. */
static void **grain(unsigned long index)
{
	index -= PLAY_BASE >> WINDOW_GRAIN_SHIFT;
	return index < GRAINS ? &grains[index] : NULL;
}

void *xa_load(struct xarray *array, unsigned long index)
{
	void **entry = grain(index);

	steps_now++;
	return entry ? *entry : NULL;
}

int xa_insert(struct xarray *array, unsigned long index, void *entry, gfp_t gfp)
{
	*grain(index) = entry;
	return 0;
}

void *xa_erase(struct xarray *array, unsigned long index)
{
	return *grain(index) = NULL;
}

void call_rcu(struct rcu_head *head, void (*function)(struct rcu_head *head))
{
	steps_now++;
	head->func = function;
	head->next = waiting;
	waiting = head;
}

void play_grace(void)
{
	struct callback_head *head;

	while ((head = waiting)) {
		waiting = head->next;
		head->func(head);
	}
}

void play_work(struct work_struct *work)
{
	unsigned int i;

	steps_now++;
	for (i = 0; i < WORKS && queued[i] && queued[i] != work; i++)
		;
	if (i == WORKS)
		abort();
	queued[i] = work;
}

void play_queued(void)
{
	struct work_struct *work;
	unsigned int i;

	for (i = 0; i < WORKS; i++) {
		work = queued[i];
		queued[i] = NULL;
		if (work)
			work->function(work);
	}
}

static void (*interrupt)(void *argument);

static void interrupted(void *argument)
{
	play_irqs_off();
	interrupt(argument);
	play_irqs_on();
}

void on_each_cpu_cond(bool (*asked)(int cpu, void *argument), void (*function)(void *argument),
		      void *argument, bool wait)
{
	interrupt = function;
	play_each_cpu(asked, interrupted, argument);
}

long schedule_timeout_idle(long timeout)
{
	play_jiffies += timeout;
	return 0;
}

/* Nobody watches. */
void vwatch_add(const struct vmap_space *space, enum vwatch_what what, u64 ns)
{
}

static struct vmap_window *new_window(unsigned long start, unsigned long size)
{
	unsigned long tables = size >> PMD_SHIFT, i;
	struct vmap_window *window = calloc(1, sizeof(*window) + tables * sizeof(*window->table));
	pte_t *entries = calloc(tables * PTRS_PER_PTE, sizeof(*entries));

	if (!window || !entries)
		abort();
	*window = (struct vmap_window){
		.start = start, .end = start + size, .base = start,
		.fresh = pfn_pte(0, PAGE_KERNEL), .canary_pte = &canary, .canary_value = canary,
	};
	for (i = 0; i < tables; i++)
		window->table[i] = entries + i * PTRS_PER_PTE;
	return window;
}

static void add_span(struct vmap_space *space, unsigned long start)
{
	struct vmap_span *span = calloc(1, sizeof(*span));
	struct vmap_opening opening = {};
	unsigned long addr;

	if (!span)
		abort();
	*span = (struct vmap_span){
		.space = space,
		.first = space->first,
		.start = start,
		.end = start + PLAY_SPAN,
	};
	span->window = new_window(start, PLAY_SPAN);
	span->owner = calloc(PLAY_SPAN >> PAGE_SHIFT, sizeof(*span->owner));
	span->behind = calloc(PLAY_SPAN >> WINDOW_GRAIN_SHIFT, sizeof(*span->behind));
	if (!span->owner || !span->behind)
		abort();
	for (addr = span->start; addr < span->end; addr += WINDOW_GRAIN)
		vspan_enter(span, addr);
	opening.whole = play_new_extent();
	vspan_open(space, span, &opening);
	spans[nr_spans++] = span;
}

void play_open_memory(struct vmap_arena *arena, unsigned long count, bool cached)
{
	struct vmap_space *space = &arena->cache.purge.space;
	unsigned long i;

	if (!play_pages)
		play_pages = calloc(PLAY_MAX_PFN, sizeof(*play_pages));
	play_begin(arena, PAGE_SIZE, true);
	space->guard = PAGE_SIZE;
	vpurge_init(&arena->cache.purge);
	if (vstock_init(&arena->cache.purge.stock, 1))
		abort();
	vcache_switch(&arena->cache, cached);
	spans = calloc(count, sizeof(*spans));
	if (!spans || !play_pages)
		abort();
	for (i = 0; i < count; i++)
		add_span(space, PLAY_BASE + i * PLAY_SPAN);
	varena_default = arena;
}

static void drop_span(struct vmap_span *span)
{
	vspan_leave(span, span->end);
	free(span->window->table[0]);
	free(span->window);
	free(span->owner);
	free(span->behind);
	free(span);
}

const char *play_close_memory(struct vmap_arena *arena)
{
	struct vmap_space *space = &arena->cache.purge.space;
	const char *wrong = NULL;
	struct vmap_extent *whole;

	vcache_switch(&arena->cache, false);
	play_queued();
	vpurge_all(&arena->cache.purge);
	play_queued();
	wrong = free_tree_check(&space->tree);
	if (!wrong && (space->tree.count != nr_spans || space->tree.units != nr_spans * PLAY_SPAN))
		wrong = "something did not come back";
	while (!wrong && (whole = free_tree_first(&space->tree))) {
		free_tree_close(&space->tree, whole);
		play_drop_extent(whole);
	}
	vstock_stop(&arena->cache.purge.stock);
	vstock_exit(&arena->cache.purge.stock);
	while (!wrong && nr_spans)
		drop_span(spans[--nr_spans]);
	vspace_drop_spares(space);
	play_grace();
	free(spans);
	varena_default = NULL;
	return wrong ?: play_extents ? "an extent is lost" : NULL;
}

unsigned long play_tiles(const struct vmap_arena *arena)
{
	const struct vmap_space *space;
	unsigned long spares = 0;

	vspace_for_each(space, &arena->cache.purge.space)
		spares += space->spares.count;
	return play_extents - spares;
}

unsigned long play_cached(struct vmap_arena *arena)
{
	struct vmap_cache_sums sums;

	if (!arena->cache.depot_quanta && !atomic_long_read(&arena->cache.promised))
		return 0;
	vcache_sum(&arena->cache, &sums);
	return sums.extents;
}

unsigned long play_misses(const struct vmap_arena *arena, unsigned long size, unsigned long align,
			  unsigned long lo, unsigned long hi)
{
	const struct free_tree *tree = &arena->cache.purge.space.tree;
	const struct vmap_extent *extent = free_tree_first(tree);
	unsigned long misses = 0, reach = lo + size, start;

	if (align <= tree->grain && size <= VEXT_MOST_RECORDED)
		return 0;
	for (; extent && extent->start < hi; extent = free_tree_after(tree, extent)) {
		if (extent->size < vext_recorded(size) || vext_end(extent) < reach)
			continue;
		start = ALIGN(max(extent->start, lo), align);
		if (start + size <= vext_end(extent))
			break;
		reach = ALIGN(vext_end(extent), align) + size;
		misses++;
	}
	return misses;
}
