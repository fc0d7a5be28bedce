/* SPDX-License-Identifier: GPL-2.0 */
/*
 * window.h - kernel address space whose page-table entries are ours to write
 *
 * See the theory statement in window.c.
 */
#ifndef WINDOW_H
#define WINDOW_H

#include <linux/mm.h>
#include <linux/pgtable.h>

/**
 * struct vmap_window - a reserved piece of vmalloc space
 * @start: its first byte, aligned to PMD_SIZE
 * @end: one past its last, aligned to PMD_SIZE
 * @reservation: what vmap() returned, for vunmap(); holds [@start, @end)
 * @table: the page table of each PMD_SIZE of it
 */
struct vmap_window {
	unsigned long start;
	unsigned long end;
	void *reservation;
	pte_t *table[];
};

/* Ask so that the request fails when there is no memory, and has no process killed for it. */
static inline gfp_t gfp_may_fail(gfp_t gfp)
{
	return gfp | __GFP_NOWARN |
	       (gfp & (__GFP_NOFAIL | __GFP_NORETRY) ? 0 : __GFP_RETRY_MAYFAIL);
}

const char *window_refusal(void);
struct vmap_window *window_open(unsigned long size);
void window_close(struct vmap_window *window);
void window_map(struct vmap_window *window, unsigned long addr, struct page **pages,
		unsigned int count, pgprot_t prot);
unsigned long window_unmap(struct vmap_window *window, unsigned long addr, unsigned long end,
			   bool free_pages);
void window_flush(unsigned long start, unsigned long end);

#endif
