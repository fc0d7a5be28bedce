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

/*
 * Pages that valloc_fill() allocates and maps at a time.  One call of the page allocator takes the
 * lock of the per-CPU lists once for 32 pages; the 32 pointers take 256 bytes of the stack, enough
 * for one frame.
 */
#define FILL_BATCH 32

/* Allocate up to @count pages, as vmalloc() would.  Return how many: fewer if memory is short. */
static unsigned int get_pages(struct page **pages, unsigned int count, gfp_t gfp, int node)
{
	bool policy = vplace_by_policy(node);
	unsigned int got = 0;

	memset(pages, 0, count * sizeof(*pages));
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
		__free_page(pages[--count]);
}

/*
 * Allocate and map the pages of [@addr, @end).  On failure the pages mapped so far stay mapped, for
 * vpurge_free() to unmap.  Sets @place to the node of all pages, or to PLACE_MIXED.
 */
bool valloc_fill(const struct vmap_span *span, unsigned long addr, unsigned long end, gfp_t gfp,
		 int node, int *place)
{
	struct page *pages[FILL_BATCH];

	*place = static_branch_unlikely(&vplace_matters) ? NUMA_NO_NODE : 0;
	gfp = vgfp_for_pages(gfp);
	while (addr < end) {
		unsigned int want = min_t(unsigned long, FILL_BATCH, (end - addr) >> PAGE_SHIFT);
		unsigned int got = get_pages(pages, want, gfp, node);

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
