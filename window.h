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
	/* An address in the slack: a page that holds this window's address stays mapped there. */
	const unsigned long *canary;
	/* That page. */
	struct page *canary_page;
	/* The entry that maps that page. */
	pte_t *canary_pte;
	/* What the entry says as long as the reservation is there. */
	pte_t canary_value;
	/* The page table of each PMD_SIZE from base to the reservation's end. */
	pte_t *table[];
};

/* The page-table entry of an address in a reservation. */
static inline pte_t *window_pte(const struct vmap_window *window, unsigned long addr)
{
	return window->table[(addr - window->base) >> PMD_SHIFT] + pte_index(addr);
}

/*
 * Is the reservation still there, or did somebody give it back to the kernel?  The canary is read
 * by its address first.  The kernel gives addresses to others only after it has flushed all TLBs,
 * so from then on that read faults or finds what is somebody else's.  Until then a TLB may still
 * know the canary, so its entry is looked at, too: the table that the entry is in cannot be freed
 * before such a flush.
 */
static __always_inline bool window_alive(const struct vmap_window *window)
{
	unsigned long says;

	__get_kernel_nofault(&says, window->canary, unsigned long, gone);
	return likely(says == (unsigned long)window &&
		      pte_same(READ_ONCE(*window->canary_pte), window->canary_value));
gone:
	return false;
}

/* Ask so that the request fails when there is no memory, and has no process killed for it. */
static inline gfp_t gfp_may_fail(gfp_t gfp)
{
	return gfp | __GFP_NOWARN |
	       (gfp & (__GFP_NOFAIL | __GFP_NORETRY) ? 0 : __GFP_RETRY_MAYFAIL);
}

/* Is the caller to wait for as long as it takes?  Not if it may not sleep, whatever it asks for. */
static inline bool gfp_waits(gfp_t gfp)
{
	return gfp & __GFP_NOFAIL && gfpflags_allow_blocking(gfp);
}

/* Is this for a task that was killed, and that needs nothing any more that takes time? */
static inline bool gfp_gives_up(gfp_t gfp)
{
	return gfpflags_allow_blocking(gfp) && !gfp_waits(gfp) && fatal_signal_pending(current);
}

/* How to ask for pages or slab objects for a caller: as it says, but see gfp_may_fail(). */
static inline gfp_t gfp_for_pages(gfp_t gfp)
{
	return gfp_may_fail(gfp_waits(gfp) ? gfp : gfp & ~__GFP_NOFAIL);
}

const char *window_refusal(void);
struct vmap_window *window_open(unsigned long size);
void window_close(struct vmap_window *window);
unsigned int window_count_pages(struct page **pages, unsigned int count);
void window_map(struct vmap_window *window, unsigned long addr, struct page **pages,
		unsigned int count, pgprot_t prot);
unsigned long window_unmap(struct vmap_window *window, unsigned long addr, unsigned long end,
			   bool free_pages);
bool window_is_fresh(const struct vmap_window *window, unsigned long addr, unsigned int count);
const char *window_flush_name(unsigned int way);
bool window_flush_use(unsigned int way);
void window_flush_range(unsigned long start, unsigned long end);
void window_flush_all(void);

/* flush.c */
const char *flush_choose(const char *name);

#endif
