/* SPDX-License-Identifier: GPL-2.0 */
/*
 * window.h - kernel address space whose page-table entries this module writes
 *
 * The theory statement is in window.c.
 */
#ifndef WINDOW_H
#define WINDOW_H

#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "arch/arch.h"

/*
 * The grain: each window begins and ends at a multiple of 2 MiB, which is what one page table maps
 * with 4 KiB pages.  With larger pages a page table maps more (512 MiB with 64 KiB pages), which
 * would be too much to round the size of a window up to.
 */
#define WINDOW_GRAIN_SHIFT	21
#define WINDOW_GRAIN		(1UL << WINDOW_GRAIN_SHIFT)

struct vmap_chunk;

/* A reserved range of vmalloc space.  All fields are constant from vwin_open() to vwin_close(). */
struct vmap_window {
	/* The first byte; a multiple of WINDOW_GRAIN. */
	unsigned long start;
	/* One past the last byte; a multiple of WINDOW_GRAIN. */
	unsigned long end;
	/*
	 * The first address that table[0] maps: the start of the reservation, rounded down to
	 * PMD_SIZE.
	 */
	unsigned long base;
	/*
	 * The address of the vmap area that vmap() returned: [start, end) and WINDOW_SLACK bytes
	 * around.
	 */
	void *reservation;
	/*
	 * The entry that maps page frame 0 as PAGE_KERNEL.  The entries of a fresh area differ from
	 * this entry only in the page frame.
	 */
	pte_t fresh;
	/* The canary: a page that stays mapped in the slack as long as the reservation exists. */
	struct page *canary;
	/* The page-table entry that maps the canary. */
	const unsigned long *canary_pte;
	/* The value of *canary_pte while the canary is mapped. */
	unsigned long canary_value;
	/* The chunks of a huge window, from start on (chunk.h); NULL in any other window. */
	struct vmap_chunk *chunk;
	/* The page tables, one for each PMD_SIZE bytes from base to the end of the reservation. */
	pte_t *table[];
};

/* The page-table entry of @addr, which is in the reservation. */
static inline pte_t *vwin_pte(const struct vmap_window *window, unsigned long addr)
{
	return window->table[(addr - window->base) >> PMD_SHIFT] + pte_index(addr);
}

/*
 * Does the reservation still exist, or did somebody give it back to the kernel (lost.c)?
 *
 * vunmap() and vfree() of the reservation clear the entry of the canary before the kernel reuses
 * the addresses or the page table.  No other code maps the canary, so the memory of the entry never
 * has canary_value again.  The kernel may also have freed the page table, so the read may fault:
 * vwin_arch_read_or_zero() returns 0 then.
 *
 * The function reads the entry and not the canary through its address: until the kernel flushes the
 * TLB, which the kernel delays, the read through the address would still succeed.
 */
static __always_inline bool vwin_alive(const struct vmap_window *window)
{
	return likely(vwin_arch_read_or_zero(window->canary_pte) == window->canary_value);
}

const char *vwin_refusal(void);
pmd_t *vwin_find_middle(unsigned long addr);
struct vmap_window *vwin_open(unsigned long size);
void vwin_close(struct vmap_window *window);
void vwin_map(struct vmap_window *window, unsigned long addr, struct page **pages,
	      unsigned int count, pgprot_t prot);
unsigned int vwin_map_foreign(struct vmap_window *window, unsigned long addr, struct page **pages,
			      unsigned int count, pgprot_t prot);
void vwin_take(struct vmap_window *window, unsigned long addr, struct page **pages,
	       unsigned int count);
unsigned int vwin_map_pfns(struct vmap_window *window, unsigned long addr,
			   const unsigned long *pfns, unsigned int count, pgprot_t prot);
void vwin_count_pages(struct page **pages, unsigned int count, int step);
void vwin_count_block(struct page *page, int count);
unsigned long vwin_unmap(struct vmap_window *window, unsigned long addr, unsigned long end,
			 bool free_pages);
const char *vwin_flush_name(unsigned int way);
bool vwin_flush_use(unsigned int way);
void vwin_flush_range(unsigned long start, unsigned long end);
void vwin_flush_all(void);

/* flush.c */
const char *vwin_flush_choose(const char *name);

#endif
