/* SPDX-License-Identifier: GPL-2.0 */
/*
 * chunk.h - windows whose parts may each be mapped by one entry
 *
 * See the theory statement in chunk.c.
 */
#ifndef CHUNK_H
#define CHUNK_H

#include "window.h"

/*
 * Can a window be huge?  Only where a window consists of whole chunks: with 4 KiB pages.  With
 * 16 KiB pages a chunk would have 32 MiB, more than most requests and than a page of that size can
 * be had for.
 */
#define VCHUNK_WORKS	(PMD_SHIFT == WINDOW_GRAIN_SHIFT)

/* The order of a page that fills a chunk, for the page allocator. */
#define VCHUNK_ORDER	(PMD_SHIFT - PAGE_SHIFT)

/*
 * A part of a huge window: PMD_SIZE bytes, aligned.  Constant while the window is open, except for
 * page, joins and split, which belong to the holder of the extent.
 */
struct vmap_chunk {
	/* The entry of the page middle directory that maps the chunk. */
	pmd_t *entry;
	/* The value of *entry while the page table of the chunk is in place. */
	pmd_t table;
	/* The first page of the block that *entry was set to map; else NULL. */
	struct page *page;
	/*
	 * May the block be freed in one piece?  Not if it is accounted to a memory cgroup, which
	 * split_page() does page by page.
	 */
	bool joins;
	/* A page table that the kernel put in the place of the block's mapping; mostly NULL. */
	struct page *split;
};

/* The chunk of @addr. */
static inline struct vmap_chunk *vchunk_of(const struct vmap_window *window, unsigned long addr)
{
	return &window->chunk[(addr - window->start) >> PMD_SHIFT];
}

/* May the chunk of @addr be mapped by one entry?  Not once the kernel has split it. */
static inline bool vchunk_takes_block(const struct vmap_window *window, unsigned long addr)
{
	return !vchunk_of(window, addr)->split;
}

struct vmap_window *vchunk_open(unsigned long size);
void vchunk_close(struct vmap_window *window);
void vchunk_map_block(struct vmap_window *window, unsigned long addr, struct page *page, gfp_t gfp);
void vchunk_map_table(struct vmap_window *window, unsigned long addr);
unsigned long vchunk_unmap(struct vmap_window *window, unsigned long addr, unsigned long end,
			   unsigned long *blocks);

#endif
