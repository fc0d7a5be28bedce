// SPDX-License-Identifier: GPL-2.0
/*
 * fill.c - gets pages for an area, maps them, and publishes the area
 *
 * The steps that each memory call takes once it holds an extent: fill the extent with pages, then
 * publish it, which stores the extent in its slot of span->owner.  From then on look-ups find the
 * area, and a free may claim it.
 *
 * Locking: none.  The caller holds the extent, and no other call writes its page-table entries.
 */
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "calls.h"
#include "pages.h"

/*
 * Pages that valloc_fill() allocates and maps at a time.  One call of the page allocator takes the
 * lock of the per-CPU lists once for 32 pages; the 32 pointers take 256 bytes of the stack, enough
 * for one frame.
 */
#define FILL_BATCH 32

/*
 * Take up to @count pages from @stock, if the stock may serve the request: see vstock_serves().
 * Return how many.
 */
static unsigned int take_stocked(struct vmap_stock *stock, struct page **pages, unsigned int count,
				 gfp_t gfp, int node)
{
	if (!stock || !vstock_serves(gfp) || !vplace_may_be_warm(node))
		return 0;
	return vstock_take(stock, node == NUMA_NO_NODE ? vplace_here() : node, pages, count);
}

/*
 * Get up to @count pages, from @stock, or as vmalloc() would.  Return how many: fewer if memory is
 * short.
 */
static unsigned int get_pages(struct vmap_stock *stock, struct page **pages, unsigned int count,
			      gfp_t gfp, int node)
{
	unsigned int got = take_stocked(stock, pages, count, gfp, node);
	bool policy;

	if (likely(got == count))
		return got;
	policy = vplace_by_policy(node);
	memset(pages + got, 0, (count - got) * sizeof(*pages));
	if (!policy)
		got = alloc_pages_bulk_node(gfp & ~__GFP_NOFAIL, node, count, pages);
	/* The bulk call may return fewer, and ignores policies.  Each call below may reclaim. */
	for (; got < count && !vgfp_gives_up(gfp); got++) {
		pages[got] = policy ? alloc_page(gfp) : alloc_pages_node(node, gfp, 0);
		if (!pages[got])
			break;
	}
	return got;
}

static noinline void put_pages(struct page **pages, unsigned int count)
{
	while (count)
		vpage_free(pages[--count]);
}

/*
 * Allocate and map the pages of [@addr, @end), from @stock unless it is NULL.  On failure the pages
 * mapped so far stay mapped, for vpurge_free() to unmap.  Sets @place to the node of all pages, or
 * to PLACE_MIXED.
 */
bool valloc_fill(struct vmap_stock *stock, const struct vmap_span *span, unsigned long addr,
		 unsigned long end, gfp_t gfp, int node, int *place)
{
	struct page *pages[FILL_BATCH];

	*place = static_branch_unlikely(&vplace_matters) ? NUMA_NO_NODE : 0;
	gfp = vgfp_for_pages(gfp);
	while (addr < end) {
		unsigned int want = min_t(unsigned long, FILL_BATCH, (end - addr) >> PAGE_SHIFT);
		unsigned int got = get_pages(stock, pages, want, gfp, node);

		if (unlikely(!vwin_alive(span->window))) {
			put_pages(pages, got);
			return false;
		}
		if (static_branch_unlikely(&vplace_matters))
			*place = vplace_of_pages(pages, got, *place);
		vspace_got_pages(span->space, pages, got);
		vwin_map(span->window, addr, pages, got, PAGE_KERNEL);
		addr += (unsigned long)got << PAGE_SHIFT;
		if (got < want && !vgfp_waits(gfp))
			return false;
		if (got < want)
			schedule_timeout_uninterruptible(1);
		if (gfpflags_allow_blocking(gfp))
			cond_resched();
	}
	return true;
}

/* Clear the pages of [@addr, @end), which are mapped. */
void valloc_clear(unsigned long addr, unsigned long end)
{
	for (; addr < end; addr += PAGE_SIZE)
		clear_page((void *)addr);
}

/* Write span->behind for each WINDOW_GRAIN boundary inside the extent: see badfree.c. */
static void note_crossings(const struct vmap_span *span, const struct vmap_extent *extent)
{
	unsigned long addr = ALIGN(extent->start + 1, WINDOW_GRAIN);

	for (; addr < vext_end(extent); addr += WINDOW_GRAIN)
		WRITE_ONCE(*vspan_behind(span, addr), (addr - extent->start) >> PAGE_SHIFT);
}

/* Make the extent known to frees and look-ups, and count the allocation. */
void valloc_publish(const struct vmap_span *span, struct vmap_extent *extent)
{
	note_crossings(span, extent);
	/* Pairs with the address dependency of a look-up, which reads the slot, then the extent. */
	smp_store_release(vspan_slot(span, extent->start), extent);
	vspace_count(span->space, allocs);
}
