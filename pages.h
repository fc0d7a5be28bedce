/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pages.h - pages by the block, and frees that do not wait for others
 *
 * See the theory statement in pages.c.
 */
#ifndef PAGES_H
#define PAGES_H

#include <linux/mm.h>

/* The order of a block: the lowest that no per-CPU list of the page allocator has. */
#define VPAGE_BLOCK_ORDER	(PAGE_ALLOC_COSTLY_ORDER + 1)
#define VPAGE_BLOCK		(1U << VPAGE_BLOCK_ORDER)

int vpage_init_module(void);
bool vpage_get_block(struct page **pages, int node);
bool vpage_join(struct page *page, unsigned int order);
void vpage_free(struct page *page);
void vpage_lay_out(struct page *page);
struct page *vpage_get(gfp_t gfp);
void *vpage_object(struct kmem_cache *slab, gfp_t gfp);
void vpage_give(struct page **pages, unsigned int count);

#endif
