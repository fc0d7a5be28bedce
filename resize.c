// SPDX-License-Identifier: GPL-2.0
/*
 * resize.c - change the size of an area
 *
 * A new area takes the place of the old one.
 *
 * Locking: none.  The caller holds the area.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "calls.h"

/* The arena of a live area. */
static struct vmap_arena *arena_at(const void *addr)
{
	return container_of(vcache_of(vspan_of((unsigned long)addr)->space), struct vmap_arena,
			    cache);
}

/*
 * Change the size of an area, for @caller.  @align and @node are for a new area, which starts with
 * what the old one had.
 */
void *valloc_realloc(const void *addr, unsigned long size, unsigned long align, gfp_t gfp, int node,
		     const void *caller)
{
	unsigned long old = vbad_size(addr);
	void *moved = NULL;

	if (old && size)
		moved = valloc_for(arena_at(addr), size, align, gfp, node, caller);
	if (moved)
		memcpy(moved, addr, min(old, size));
	if (moved || !size || !old)
		valloc_free_any(addr, caller);
	return moved;
}
