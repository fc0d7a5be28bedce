// SPDX-License-Identifier: GPL-2.0
/*
 * window.c - reserves kernel address space, maps and unmaps pages in it, flushes the TLB
 *
 * A module can get address space inside the kernel's vmalloc area with vmap(), but it cannot change
 * afterwards what is mapped there: the calls that do are not exported.  So a window is opened by
 * mapping one dummy page over and over with vmap(), which reserves the range and makes the kernel
 * build each page table for it; then the tables are looked up once, from the CPU's root down, every
 * entry is cleared and the TLB flushed.  What is left is an empty range whose page tables exist and
 * stay until vunmap().  From then on mapping a page is one store into a known table: it cannot
 * fail, allocates nothing and walks nothing.
 *
 * The range is used from the first to the last multiple of WINDOW_GRAIN in it.  The tables of all
 * of the reservation are known, those of the slack before and after it too: each is looked up
 * once.  The first and the last may have entries of others; none but those of the reservation are
 * written, and as long as there is one the kernel does not free the table.
 *
 * The reservation can be taken from us: to the kernel it is an area as any other, and a vfree() of
 * any address in it unmaps all of it.  So one page of the slack, the canary, stays mapped; while
 * that is so the reservation is there (vwin_alive()).  The slack is never empty, so there is
 * always a page of it on one side or the other.
 *
 * Invariants:
 *   - an entry is written only by the owner of the extent it belongs to, so no lock is needed;
 *   - vwin_map() finds each entry empty; it complains if not, for then a page was left behind;
 *   - what is not handed out of a window is closed to KASAN (shadow.h), until vunmap() takes the
 *     window's shadow back;
 *   - vwin_close() gets all entries but the canary's empty, and flushes before the kernel may
 *     reuse the addresses.
 *
 * Which CPU register holds the root and how a TLB is flushed is in arch/.
 */
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/kmemleak.h>
#include <linux/lockdep.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "effort.h"
#include "fresh.h"
#include "shadow.h"

/* Reserved on top of a window's size, so that a multiple of WINDOW_GRAIN to start at is within. */
#define WINDOW_SLACK	(WINDOW_GRAIN - PAGE_SIZE)

/*
 * Pages to find beyond those that vmap() needs: others take some before it asks, and what our look
 * gives back goes to this CPU's own list, which counts for nobody else.
 */
#define VMAP_SPARE	256

/* How all of the TLB is flushed.  Set by vwin_flush_use() at load, constant afterwards. */
static enum vwin_arch_flush_way flush_way;
static const char * const flush_names[] = { ARCH_FLUSH_WAYS };

/* Why windows cannot be had on this machine; NULL if they can. */
const char *vwin_refusal(void)
{
	return vwin_arch_refusal();
}

/* The walk of find_table(). */
static pte_t *walk_to_table(unsigned long addr)
{
	pgd_t *pgd;
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	lockdep_assert_irqs_disabled();
	pgd = pgd_offset_pgd(vwin_arch_root(), addr);
	if (pgd_none(*pgd) || pgd_leaf(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(*p4d) || p4d_leaf(*p4d))
		return NULL;
	pud = pud_offset(p4d, addr);
	if (pud_none(*pud) || pud_leaf(*pud))
		return NULL;
	pmd = pmd_offset(pud, addr);
	if (pmd_none(*pmd) || pmd_leaf(*pmd))
		return NULL;
	return pte_offset_kernel(pmd, ALIGN_DOWN(addr, PMD_SIZE));
}

/*
 * The page table that maps @addr.  A kernel thread runs on the root of whatever process ran here
 * before it.  Interrupts are off from reading the root to the end of the walk: until then this CPU
 * neither switches to another task nor answers the one that asks it to leave the root of a process
 * that ended, so the root is not freed.
 */
static pte_t *find_table(unsigned long addr)
{
	unsigned long flags;
	pte_t *table;

	local_irq_save(flags);
	table = walk_to_table(addr);
	local_irq_restore(flags);
	return table;
}

static unsigned long reservation_end(const struct vmap_window *window)
{
	return (unsigned long)window->reservation + window->end - window->start + WINDOW_SLACK;
}

/* Learn the tables of a reservation full of @dummy, checking that they are what we think. */
static bool find_tables(struct vmap_window *window, struct page *dummy)
{
	unsigned long addr = (unsigned long)window->reservation, end = reservation_end(window);
	unsigned long i = 0;

	for (; addr < end; addr = ALIGN_DOWN(addr, PMD_SIZE) + PMD_SIZE) {
		pte_t *table = find_table(addr);

		if (!table || pte_pfn(ptep_get(table + pte_index(addr))) != page_to_pfn(dummy))
			return false;
		window->table[i++] = table;
	}
	return true;
}

/*
 * Will vmap() get the pages to map @count ones: its tables, and KASAN's shadow?  It asks in a way
 * that calls the OOM killer, or waits for ever, if there are none.  We can only look before.
 * @pages is room for them, all NULL.
 */
static bool vmap_finds_pages(struct page **pages, unsigned long count)
{
	unsigned long need = count / PTRS_PER_PTE + VMAP_SPARE, got = 0, before, i;

	if (IS_ENABLED(CONFIG_KASAN_VMALLOC))
		need += count / 8;
	do {
		before = got;
		got = alloc_pages_bulk_node(vgfp_may_fail(GFP_KERNEL), NUMA_NO_NODE, need, pages);
	} while (got > before && got < need);
	for (i = 0; i < got; i++) {
		__free_page(pages[i]);
		cond_resched();
	}
	return got == need;
}

/* Map @dummy @count times: that is all vmap() can be asked to reserve address space by. */
static void *reserve(struct page *dummy, unsigned long count)
{
	struct page **pages = kvcalloc(count, sizeof(*pages), vgfp_may_fail(GFP_KERNEL));
	unsigned long i;
	void *addr;

	if (!pages || !vmap_finds_pages(pages, count)) {
		kvfree(pages);
		return NULL;
	}
	for (i = 0; i < count; i++)
		pages[i] = dummy;
	addr = vmap(pages, count, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	return addr;
}

static bool fill_window(struct vmap_window *window, unsigned long size, struct page *dummy)
{
	window->reservation = reserve(dummy, (size + WINDOW_SLACK) >> PAGE_SHIFT);
	if (!window->reservation)
		return false;
	window->base = ALIGN_DOWN((unsigned long)window->reservation, PMD_SIZE);
	window->start = ALIGN((unsigned long)window->reservation, WINDOW_GRAIN);
	window->end = window->start + size;
	window->fresh = pfn_pte(0, PAGE_KERNEL);
	if (find_tables(window, dummy))
		return true;
	pr_err_once("vmap_arena: the page tables at %p are not laid out as expected\n",
		    window->reservation);
	vunmap(window->reservation);
	return false;
}

static void empty_window(struct vmap_window *window)
{
	unsigned long addr = (unsigned long)window->reservation, end = reservation_end(window);
	unsigned long next;

	for (; addr < end; addr = next) {
		next = min(ALIGN_DOWN(addr, PMD_SIZE) + PMD_SIZE, end);
		vwin_unmap(window, addr, next, false);
		cond_resched();
	}
	set_pte((pte_t *)window->canary_pte, __pte(window->canary_value));
	vwin_flush_range((unsigned long)window->reservation, end);
	vwin_shadow_close(window->start, window->end);
}

/* Choose the page that stays mapped, in a reservation that is full of @dummy. */
static void place_canary(struct vmap_window *window, struct page *dummy)
{
	unsigned long reserved = (unsigned long)window->reservation;
	unsigned long addr = reserved < window->start ? reserved : window->end;

	window->canary = dummy;
	window->canary_pte = (const unsigned long *)vwin_pte(window, addr);
	window->canary_value = READ_ONCE(*window->canary_pte);
}

/* How many tables a reservation for @size bytes has at most, wherever it begins. */
static unsigned long most_tables(unsigned long size)
{
	return DIV_ROUND_UP(size + WINDOW_SLACK, PMD_SIZE) + 1;
}

/**
 * vwin_open() - reserve kernel address space
 * @size: bytes, a multiple of WINDOW_GRAIN
 *
 * Context: process, may sleep.
 * Return: a window with nothing mapped in it, or NULL.
 */
struct vmap_window *vwin_open(unsigned long size)
{
	struct vmap_window *window;
	struct page *dummy;

	window = kvzalloc(struct_size(window, table, most_tables(size)), vgfp_may_fail(GFP_KERNEL));
	if (!window)
		return NULL;
	dummy = alloc_page(vgfp_may_fail(GFP_KERNEL));
	if (!dummy || !fill_window(window, size, dummy)) {
		if (dummy)
			__free_page(dummy);
		kvfree(window);
		return NULL;
	}
	/* Its addresses are no pointers to the area that begins there. */
	kmemleak_no_scan(window);
	place_canary(window, dummy);
	empty_window(window);
	return window;
}

/**
 * vwin_close() - give the address space back to the kernel, unless somebody else did
 * @window: with nothing mapped in it
 *
 * Context: process, may sleep.
 */
void vwin_close(struct vmap_window *window)
{
	vwin_flush_range(window->start, window->end);
	if (vwin_alive(window))
		vunmap(window->reservation);
	else
		/* So that no TLB knows the canary any more. */
		vwin_flush_range((unsigned long)window->reservation, reservation_end(window));
	__free_page(window->canary);
	kvfree(window);
}

/*
 * Is @page memory?  The kernel knows memory by subsections: one page of each is looked up, and
 * @known is the one looked up last.
 */
static __always_inline bool is_memory(struct page *page, unsigned long *known)
{
	unsigned long pfn;

	if (unlikely(!page))
		return false;
	pfn = page_to_pfn(page);
	if (likely(pfn >> PFN_SUBSECTION_SHIFT == *known))
		return true;
	if (!pfn_valid(pfn))
		return false;
	*known = pfn >> PFN_SUBSECTION_SHIFT;
	return true;
}

/* How many pages of @count from @addr on one page table maps. */
static unsigned int pages_in_table(unsigned long addr, unsigned long count)
{
	return min(count, PTRS_PER_PTE - pte_index(addr));
}

/* Map @count pages, or those before the first that is no memory, if that is to be asked. */
static __always_inline unsigned int map(struct vmap_window *window, unsigned long addr,
					struct page **pages, unsigned int count, pgprot_t prot,
					bool ask)
{
	pte_t zero = pfn_pte(0, pgprot_nx(prot));
	unsigned long known = ULONG_MAX;
	unsigned int done = 0, end;

	while (done < count) {
		pte_t *pte = vwin_pte(window, addr + done * PAGE_SIZE);

		end = done + pages_in_table(addr + done * PAGE_SIZE, count - done);
		for (; done < end; done++, pte++) {
			if (ask && unlikely(!is_memory(pages[done], &known)))
				goto out;
			WARN_ON_ONCE(!pte_none(ptep_get(pte)));
			vwin_arch_set_entry(pte, vwin_arch_entry(pages[done], zero));
		}
	}
out:
	vwin_arch_entries_set();
	return done;
}

/**
 * vwin_map() - map pages
 * @window: the window
 * @addr: where the first page goes; this and what follows is the caller's and unmapped
 * @pages: the pages
 * @count: how many
 * @prot: how to map them; they are not executable, whatever it says
 *
 * Context: any.
 */
void vwin_map(struct vmap_window *window, unsigned long addr, struct page **pages,
	      unsigned int count, pgprot_t prot)
{
	map(window, addr, pages, count, prot, false);
}

/**
 * vwin_map_foreign() - map pages that somebody else says are pages
 * @window: the window
 * @addr: where the first page goes; this and what follows is the caller's and unmapped
 * @pages: the pages
 * @count: how many
 * @prot: how to map them; they are not executable, whatever it says
 *
 * Context: any.
 * Return: how many were mapped: @count, or the index of the first page that is NULL or that no
 * memory belongs to.
 */
unsigned int vwin_map_foreign(struct vmap_window *window, unsigned long addr, struct page **pages,
			      unsigned int count, pgprot_t prot)
{
	return map(window, addr, pages, count, prot, true);
}

/**
 * vwin_unmap() - unmap what is mapped in a range; the TLB is not flushed
 * @window: the window
 * @addr: first byte
 * @end: one past the last
 * @free_pages: also free the pages
 *
 * Context: any in which pages may be freed.
 */
void vwin_unmap(struct vmap_window *window, unsigned long addr, unsigned long end, bool free_pages)
{
	while (addr < end) {
		unsigned int here = pages_in_table(addr, (end - addr) >> PAGE_SHIFT);
		pte_t *pte = vwin_pte(window, addr);

		for (; here; here--, pte++, addr += PAGE_SIZE) {
			pte_t old = ptep_get(pte);

			if (pte_none(old))
				continue;
			pte_clear(NULL, addr, pte);
			if (free_pages)
				__free_page(pte_page(old));
		}
	}
}

/**
 * vwin_tables_are_fresh() - vwin_is_fresh() of an area that lies in two tables or more
 * @window: the window
 * @addr: first byte of the area
 * @count: its pages, at least one
 *
 * Context: as vwin_is_fresh().
 * Return: as vwin_is_fresh().
 */
bool vwin_tables_are_fresh(const struct vmap_window *window, unsigned long addr, unsigned int count)
{
	while (count) {
		unsigned int here = pages_in_table(addr, count);

		if (vwin_entries_differ(vwin_pte(window, addr), here, window->fresh))
			return false;
		addr += here * PAGE_SIZE;
		count -= here;
	}
	return true;
}

/**
 * vwin_flush_name() - what a way to flush all of the TLB is called
 * @way: its number, from 0; the cheaper have the lower ones
 *
 * Return: its name; NULL if there are not so many.
 */
const char *vwin_flush_name(unsigned int way)
{
	return way < ARRAY_SIZE(flush_names) ? flush_names[way] : NULL;
}

/**
 * vwin_flush_use() - flush in a certain way from now on
 * @way: its number, as of vwin_flush_name()
 *
 * Must have succeeded before the first window is opened.
 *
 * Context: nobody else uses windows.
 * Return: false if this CPU cannot do it; then nothing changed.
 */
bool vwin_flush_use(unsigned int way)
{
	if (!vwin_arch_flush_can(way))
		return false;
	flush_way = way;
	return true;
}

/**
 * vwin_flush_range() - make every CPU forget a range
 * @start: first byte
 * @end: one past the last
 *
 * Context: process or softirq, interrupts on; waits for all CPUs.
 */
void vwin_flush_range(unsigned long start, unsigned long end)
{
	vwin_arch_flush_range(flush_way, start, end);
}

/**
 * vwin_flush_all() - make every CPU forget all kernel addresses
 *
 * Context: process or softirq, interrupts on; waits for all CPUs.
 */
void vwin_flush_all(void)
{
	vwin_arch_flush_all(flush_way);
}
