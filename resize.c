// SPDX-License-Identifier: GPL-2.0
/*
 * resize.c - change the size of an area
 *
 * An area keeps its place if its extent has room for the new size: pages that are not needed any
 * more are unmapped and freed, and pages that are missing are allocated and mapped.  The extent
 * keeps its addresses, so an area that was made smaller may grow again in its place.  Else a new
 * area takes the place of the old one.
 *
 *   room     the pages that the extent has addresses for
 *   mapped   the pages that the area has: those of the bytes asked for
 *
 * An area with less pages than room is not recyclable (vwin_is_fresh() would find empty entries),
 * and a TLB may still have translations of the pages that were unmapped: they are flushed before
 * other pages are mapped there.
 *
 * In an arena whose windows are huge an area that needs other pages than it has moves, or stays as
 * it is.
 *
 * Locking: none.  The caller holds the area.
 */
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/string.h>

#include "calls.h"
#include "shadow.h"

/* The flags that areas may have which are resized in place: their pages are the module's. */
#define PLAIN_FLAGS	(VMAP_EXTENT_RECYCLABLE | VMAP_EXTENT_USER)

/* The most bytes that extent->slack can count. */
#define MOST_SLACK	U32_MAX

/* An area and what it is to become. */
struct resize {
	const void *addr;
	struct vmap_span *span;
	struct vmap_extent *extent;
	/* Bytes that the extent has addresses for, bytes asked for, bytes wanted. */
	unsigned long room;
	unsigned long old;
	unsigned long size;
	gfp_t gfp;
	int node;
};

/* Fill in what is found at resize->addr.  Return false unless it is a live area of plain memory. */
static bool find_area(struct resize *resize)
{
	unsigned long addr = (unsigned long)resize->addr;

	resize->old = vbad_size(resize->addr);
	if (!resize->old)
		return false;
	resize->span = vspan_of(addr);
	resize->extent = READ_ONCE(*vspan_slot(resize->span, addr));
	resize->room = resize->extent->size - resize->span->space->guard;
	return !(resize->extent->flags & VMAP_EXTENT_FOREIGN);
}

static struct vmap_arena *arena_of(const struct resize *resize)
{
	return varena_of(vcache_of(resize->span->space->first));
}

/* Can the area become of the size wanted where it is? */
static bool fits(const struct resize *resize)
{
	bool same_pages = PAGE_ALIGN(resize->size) == PAGE_ALIGN(resize->old);

	return (same_pages || !resize->span->space->huge) && resize->size <= resize->room &&
	       resize->room - resize->size <= MOST_SLACK &&
	       !(resize->extent->flags & ~PLAIN_FLAGS) && vwin_alive(resize->span->window);
}

/* Unmap and free the pages that are not needed any more.  Not where pages may not be freed. */
static void give_pages_back(struct resize *resize)
{
	unsigned long start = resize->extent->start;
	unsigned long from = start + PAGE_ALIGN(resize->size);
	unsigned long end = start + PAGE_ALIGN(resize->old), next, freed;

	resize->extent->flags &= ~VMAP_EXTENT_RECYCLABLE;
	vwin_shadow_close(from, end);
	for (; from < end; from = next) {
		next = min(end, from + UNMAP_BATCH);
		freed = vwin_unmap(resize->span->window, from, next, true);
		vspace_gave_pages(resize->span->space, freed);
		if (vctx_may_wait())
			cond_resched();
	}
}

/*
 * Map the pages that are missing.  Return false, with nothing mapped, if memory is short.  The
 * caller may sleep, as vwin_flush_range() waits for all CPUs.
 */
static bool get_pages_back(struct resize *resize)
{
	unsigned long start = resize->extent->start;
	unsigned long from = start + PAGE_ALIGN(resize->old);
	unsigned long end = start + PAGE_ALIGN(resize->size);
	int place;

	vwin_flush_range(from, end);
	if (valloc_fill(NULL, resize->span, from, end, resize->gfp, resize->node, &place))
		return true;
	if (vwin_alive(resize->span->window))
		vspace_gave_pages(resize->span->space,
				  vwin_unmap(resize->span->window, from, end, true));
	return false;
}

/* Let the area have the pages of the size wanted.  Return false if it cannot. */
static bool fit_pages(struct resize *resize)
{
	unsigned long wanted = PAGE_ALIGN(resize->size), mapped = PAGE_ALIGN(resize->old);

	if (wanted > mapped)
		return vctx_may_wait() && get_pages_back(resize);
	if (wanted < mapped && !vctx_may_call_mm())
		return false;
	if (wanted < mapped)
		give_pages_back(resize);
	return true;
}

/* Change the size in place.  Return false, with nothing changed, if that cannot be done. */
static bool resize_in_place(struct resize *resize)
{
	unsigned long start = resize->extent->start;

	if (!fits(resize) || !fit_pages(resize))
		return false;
	kmemleak_free(resize->addr);
	vwin_shadow_close(start, start + PAGE_ALIGN(resize->size));
	vwin_shadow_open(start, resize->size);
	valloc_tell_kmemleak(resize->addr, resize->size, resize->gfp);
	WRITE_ONCE(resize->extent->slack, resize->room - resize->size);
	return true;
}

/* Clear what the area gained, as far as pages that were just allocated are not clear already. */
static void clear_gain(const struct resize *resize)
{
	unsigned long end = min(resize->size, PAGE_ALIGN(resize->old));

	if (end > resize->old && want_init_on_alloc(resize->gfp))
		memset((void *)resize->addr + resize->old, 0, end - resize->old);
}

/* The alignment for a new area: what somebody may have asked for when the old one was made. */
static unsigned long alignment(const struct resize *resize, unsigned long align)
{
	return max(align, min(1UL << __ffs((unsigned long)resize->addr), WINDOW_GRAIN));
}

/* Let a new area take the place of the old one.  Return the new address, or NULL. */
static void *move(const struct resize *resize, unsigned long align, const void *caller)
{
	bool for_user = resize->extent->flags & VMAP_EXTENT_USER;
	void *addr = valloc_for(arena_of(resize), resize->size, alignment(resize, align),
				resize->gfp, resize->node, caller);

	if (!addr)
		return NULL;
	memcpy(addr, resize->addr, min(resize->old, resize->size));
	if (for_user)
		valloc_allow_user(addr);
	valloc_free_any(resize->addr, caller);
	return addr;
}

static noinline void *report_bad_realloc(const void *addr, bool live, const void *caller)
{
	pr_err_ratelimited("vmap_arena: vmap_realloc() of %p by %pS: %s\n", addr, caller,
			   live ? "a mapping has no size to change"
				: "not the start of a live area");
	return NULL;
}

/* The size of the area at resize->addr changes to resize->size, not 0. */
static void *change_size(struct resize *resize, unsigned long align, const void *caller)
{
	void *moved;

	if (resize->extent->flags & VMAP_EXTENT_USER)
		resize->gfp |= __GFP_ZERO;
	if (resize->node == NUMA_NO_NODE && nr_node_ids > 1)
		resize->node = page_to_nid(vmalloc_to_page(resize->addr));
	if (IS_ALIGNED((unsigned long)resize->addr, align) && resize_in_place(resize)) {
		clear_gain(resize);
		return (void *)resize->addr;
	}
	moved = move(resize, align, caller);
	/* An area that is to be smaller may as well stay as it is. */
	if (!moved && resize->size <= resize->old && IS_ALIGNED((unsigned long)resize->addr, align))
		return (void *)resize->addr;
	return moved;
}

/* vmap_realloc() for @caller, to an address that is a multiple of @align, with pages of @node. */
void *valloc_realloc(const void *addr, unsigned long size, unsigned long align, gfp_t gfp, int node,
		     const void *caller)
{
	struct resize resize = { .addr = addr, .size = size, .gfp = gfp, .node = node };

	if (!addr)
		return valloc_for(NULL, size, align, gfp, node, caller);
	if (vbad_refuse_nmi(caller))
		return NULL;
	if (!find_area(&resize))
		return report_bad_realloc(addr, resize.old, caller);
	if (size)
		return change_size(&resize, align, caller);
	valloc_free_any(addr, caller);
	return NULL;
}

/**
 * vmap_realloc() - change the size of an area
 * @addr: what an allocating call returned; NULL: allocate, from the default arena
 * @size: bytes; 0: free the area
 * @gfp: how to get pages.  With __GFP_ZERO, or for memory of vmap_alloc_user(), the bytes beyond
 *	 the old size are zeroed
 *
 * The contents stay, up to the smaller of both sizes.  An area that shrinks stays where it is and
 * gives its pages back, and may grow to its old size in its place.  Else an area that needs more
 * pages moves, within its arena: aligned as before (up to 2 MiB), to pages of the same node if
 * there are any.  An area that shrinks stays as it is where pages may not be freed.
 *
 * Steps: no formula: where the area stays those that vmap_free() takes for the pages it loses;
 * where it moves those of vmap_arena_alloc() and vmap_free(), and a copy of the bytes that stay.
 *
 * Context: any but NMI that @gfp allows.
 * Return: the address, perhaps another one, or NULL.  On NULL the area is as it was, unless @size
 * is 0.  An address that is not the start of live memory is reported with the caller.
 */
void *vmap_realloc(const void *addr, unsigned long size, gfp_t gfp)
{
	return valloc_realloc(addr, size, PAGE_SIZE, gfp, NUMA_NO_NODE,
			      __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_realloc);
