// SPDX-License-Identifier: GPL-2.0
/*
 * huge.c - allocates areas of huge windows
 *
 * An area of a huge window (chunk.c) is a busy extent of whole chunks.  Each chunk is filled with a
 * block if the page allocator has one at once: without reclaim or compaction, which for 512 pages
 * in a row may take long and still fail.  Else the chunk gets its page table and small pages.  One
 * area may have both.  A request of less than a block gets small pages only.
 *
 * A block is always mapped whole.  So a request is rounded up to blocks if its last chunk gets one;
 * with small pages just what was asked for is mapped.
 *
 * Such an area is freed as any other; unmap_some() in purge.c knows huge windows.  No area is kept
 * warm: its extent->flags are 0.  The guard is a whole chunk, which costs addresses only.
 *
 * Locking: none; the call holds the extent from vtake_slow() to valloc_publish().
 */
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "calls.h"
#include "shadow.h"

struct vmap_arena *varena_huge;

/* The flags for a block: take what there is, and let the caller's small pages reclaim. */
static gfp_t at_once(gfp_t gfp)
{
	return (gfp & ~(__GFP_DIRECT_RECLAIM | __GFP_NOFAIL | __GFP_RETRY_MAYFAIL | __GFP_COMP)) |
	       __GFP_NOWARN | __GFP_NORETRY;
}

/* Fill the chunk at @addr with a block.  Return false if there is none, or if none may be there. */
static bool fill_block(const struct vmap_span *span, unsigned long addr, gfp_t gfp, int node)
{
	struct page *page;

	if (!vchunk_takes_block(span->window, addr))
		return false;
	gfp = at_once(gfp);
	page = node == NUMA_NO_NODE ? alloc_pages(gfp, VCHUNK_ORDER)
				    : alloc_pages_node(node, gfp, VCHUNK_ORDER);
	if (!page)
		return false;
	if (unlikely(!vwin_alive(span->window))) {
		__free_pages(page, VCHUNK_ORDER);
		return false;
	}
	split_page(page, VCHUNK_ORDER);
	vspace_got_block(span->space, page, 1U << VCHUNK_ORDER);
	vchunk_map_block(span->window, addr, page, gfp);
	atomic_long_inc(&span->space->huge_pages);
	return true;
}

/* Fill [@addr, @end), which begins a chunk and ends in it, with small pages. */
static bool fill_pages(const struct vmap_span *span, unsigned long addr, unsigned long end,
		       gfp_t gfp, int node)
{
	int place;

	if (unlikely(!vwin_alive(span->window)))
		return false;
	vchunk_map_table(span->window, addr);
	return valloc_fill(NULL, span, addr, end, gfp, node, &place);
}

/*
 * Allocate and map memory for @size bytes.  On failure what is mapped so far stays mapped, for
 * vpurge_free() to unmap.
 */
static bool fill(const struct vmap_span *span, unsigned long addr, unsigned long size, gfp_t gfp,
		 int node)
{
	unsigned long end = addr + PAGE_ALIGN(size);

	for (; addr < end; addr += PMD_SIZE) {
		if ((size < PMD_SIZE || !fill_block(span, addr, gfp, node)) &&
		    !fill_pages(span, addr, min(addr + PMD_SIZE, end), gfp, node))
			return false;
		if (gfpflags_allow_blocking(gfp))
			cond_resched();
	}
	return true;
}

/*
 * Take an extent for @size bytes and the guard from a span that is not lost; sets @span and @path.
 */
static struct vmap_extent *take(struct vmap_cache *cache, unsigned long size, unsigned long align,
				gfp_t gfp, const void *caller, struct vmap_span **span,
				enum vwatch_path *path)
{
	struct vmap_space *space = &cache->purge.space;
	struct vmap_extent *extent;

	if (!size || size > totalram_pages() << PAGE_SHIFT || !is_power_of_2(align))
		return ERR_PTR(-EINVAL);
	for (;;) {
		struct free_search search = {
			.size = ALIGN(size, PMD_SIZE) + space->guard,
			.align = max(align, PMD_SIZE),
			.hi = ULONG_MAX,
		};

		extent = vtake_slow(cache, &search, gfp, caller, path);
		if (IS_ERR(extent))
			return extent;
		*span = vspan_of_live(extent->start);
		if (likely(*span))
			return extent;
		vlost_leave(space, extent, false, caller);
	}
}

/**
 * vhuge_alloc() - allocate an area of a huge window
 * @cache: of an arena whose windows are huge
 * @size: bytes
 * @align: of the address, in bytes; a power of two
 * @gfp: how to get pages
 * @node: NUMA node for the pages, or NUMA_NO_NODE
 * @caller: who allocates: becomes extent->caller
 *
 * Context: any but NMI that @gfp allows.
 * Return: the address, a multiple of PMD_SIZE, or NULL.
 */
void *vhuge_alloc(struct vmap_cache *cache, unsigned long size, unsigned long align, gfp_t gfp,
		  int node, const void *caller)
{
	struct vmap_extent *extent = ERR_PTR(-ENOMEM);
	u64 began = vwatch_begin();
	struct vmap_span *span;
	enum vwatch_path path;
	void *addr;

	if (vctx_may_call_mm())
		extent = take(cache, size, align, gfp, caller, &span, &path);
	if (IS_ERR(extent)) {
		vtake_failed(cache, size, align, gfp, PTR_ERR(extent), caller);
		vtake_ahead(cache, gfp);
		return NULL;
	}
	if (!fill(span, extent->start, size, gfp, node)) {
		vtake_failed(cache, size, align, gfp, -ENOMEM, caller);
		vpurge_free(&cache->purge, extent);
		return NULL;
	}
	addr = (void *)extent->start;
	vwin_shadow_open(extent->start, size);
	valloc_tell_kmemleak(addr, size, gfp);
	extent->slack = extent->size - cache->purge.space.guard - size;
	valloc_publish(span, extent);
	vwatch_alloc(extent, size, path, began);
	vtake_ahead(cache, gfp);
	return addr;
}
