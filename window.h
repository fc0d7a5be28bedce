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
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "arch/arch.h"

/*
 * What windows begin and end at multiples of: as much as one page table maps where pages have 4
 * KiB. Larger pages have tables that map more (512 MiB with 64 KiB pages), which is too much to
 * round up to.
 */
#define WINDOW_GRAIN_SHIFT	21
#define WINDOW_GRAIN		(1UL << WINDOW_GRAIN_SHIFT)

/* A reserved piece of vmalloc space. */
struct vmap_window {
	/* The first byte, aligned to WINDOW_GRAIN. */
	unsigned long start;
	/* One past the last byte, aligned to WINDOW_GRAIN. */
	unsigned long end;
	/* What table[0] maps begins here: the reservation's start, rounded down to PMD_SIZE. */
	unsigned long base;
	/* What vmap() returned, for vunmap(): it holds [start, end) and the slack around. */
	void *reservation;
	/* Maps page frame 0 as PAGE_KERNEL: what else a fresh area's entries are but the frame. */
	pte_t fresh;
	/* The page that stays mapped in the slack as long as the reservation is there. */
	struct page *canary;
	/* The entry that maps the canary. */
	const unsigned long *canary_pte;
	/* What that entry says. */
	unsigned long canary_value;
	/* The page table of each PMD_SIZE from base to the reservation's end. */
	pte_t *table[];
};

/* The page-table entry of an address in a reservation. */
static inline pte_t *vwin_pte(const struct vmap_window *window, unsigned long addr)
{
	return window->table[(addr - window->base) >> PMD_SHIFT] + pte_index(addr);
}

/*
 * Is the reservation still there, or did somebody give it back to the kernel?  The kernel clears
 * the canary's entry at once then, before the addresses or the table can go to somebody else.
 * Nobody else maps the canary, which is a page of ours, so whatever the entry's place holds later
 * on is another value.  The table may even be freed by then, so the read may fault.
 *
 * The entry is read, and not the canary by its address: until the kernel has flushed the TLB, which
 * it puts off, a read by the address would still find the canary.
 */
static __always_inline bool vwin_alive(const struct vmap_window *window)
{
	return likely(vwin_arch_read_or_zero(window->canary_pte) == window->canary_value);
}

const char *vwin_refusal(void);
struct vmap_window *vwin_open(unsigned long size);
void vwin_close(struct vmap_window *window);
void vwin_map(struct vmap_window *window, unsigned long addr, struct page **pages,
	      unsigned int count, pgprot_t prot);
unsigned int vwin_map_foreign(struct vmap_window *window, unsigned long addr, struct page **pages,
			      unsigned int count, pgprot_t prot);
void vwin_unmap(struct vmap_window *window, unsigned long addr, unsigned long end, bool free_pages);
const char *vwin_flush_name(unsigned int way);
bool vwin_flush_use(unsigned int way);
void vwin_flush_range(unsigned long start, unsigned long end);
void vwin_flush_all(void);

/* flush.c */
const char *vwin_flush_choose(const char *name);

#endif
