// SPDX-License-Identifier: GPL-2.0
/*
 * window.c - reserves kernel address space, maps and unmaps pages in it, flushes the TLB
 *
 * A module can get addresses in the vmalloc area by vmap(), but the calls that change later what is
 * mapped there are not exported.  So vwin_open() maps one dummy page at each address of the window
 * by vmap(), which reserves the range and makes the kernel build all page tables for the range.
 * Then vwin_open() looks the page tables up, from the root that the CPU uses, clears all entries
 * and flushes the TLB.  The result is an empty range whose page tables exist until vunmap().  From
 * then on mapping a page is one store to a known page table: it cannot fail, allocates no memory
 * and walks no tables.
 *
 * Words:
 *   reservation  the vmap area that vmap() returned
 *   window       the range from the first to the last multiple of WINDOW_GRAIN in the reservation
 *   slack        the rest of the reservation, before and after the window; WINDOW_SLACK bytes
 *   canary       the page of the slack that stays mapped
 *
 * Page tables.  window->table has the page tables of the whole reservation, each looked up once.
 * The first and the last page table may also map addresses of other vmap areas.  This file writes
 * entries of the reservation only, and the kernel does not free a page table while a vmap area lies
 * in the range that it maps.
 *
 * The canary.  To the kernel the reservation is a vmap area as any other, and a vfree() of any
 * address in it unmaps the whole reservation.  While the canary is mapped the reservation exists:
 * vwin_alive().  The slack is never empty, so there is a place for the canary before or after the
 * window.
 *
 * Invariants:
 *   - only the holder of an extent writes the entries of the extent;
 *   - vwin_map() finds each entry empty, and warns if not: then a free left a page mapped;
 *   - KASAN reports each access to a part of the window that is not handed out (shadow.h), until
 *     vunmap() frees the shadow of the reservation;
 *   - when vwin_close() begins all entries but the entry of the canary are empty; vwin_close()
 *     flushes the TLB before the kernel can reuse the addresses.
 *
 * Locking: none, because of the first invariant.  vwin_flush_range() and vwin_flush_all() wait for
 * all CPUs, so no caller holds a spinlock.  flush_way is set before the first window is opened.
 *
 * arch/ knows which CPU register holds the root of the page tables, and how to flush a TLB.
 */
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/kmemleak.h>
#include <linux/lockdep.h>
#include <linux/math.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "effort.h"
#include "fresh.h"
#include "pages.h"
#include "shadow.h"

/*
 * Bytes that the reservation has beyond the window: one page less than a grain.  Wherever the
 * reservation begins, a multiple of WINDOW_GRAIN is at most this far away.
 */
#define WINDOW_SLACK	(WINDOW_GRAIN - PAGE_SIZE)

/*
 * Pages that finds_pages() wants free beyond the pages that vmap() needs.  Other tasks allocate
 * between the look and vmap(), and the pages that the look frees go to the list of this CPU, from
 * which other CPUs do not allocate.  256 pages are 1 MiB with 4 KiB pages: several times the page
 * tables of a default span (33), and little beside the memory of any machine.  If the margin is
 * too small once, vmap() may call the OOM killer.
 */
#define VMAP_SPARE	256

/* The way to flush a whole TLB.  vwin_flush_use() sets it at load; constant from then on. */
static enum vwin_arch_flush_way flush_way;
static const char * const flush_names[] = { ARCH_FLUSH_WAYS };

/* Why this machine cannot have windows, or NULL if it can. */
const char *vwin_refusal(void)
{
	return vwin_arch_refusal();
}

/* The entry of the page middle directory for @addr, or NULL.  Interrupts off: see find_table(). */
static pmd_t *walk_to_middle(unsigned long addr)
{
	pgd_t *pgd;
	p4d_t *p4d;
	pud_t *pud;

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
	return pmd_offset(pud, addr);
}

/* The page table that maps @addr, or NULL.  Interrupts are off: see find_table(). */
static pte_t *walk_to_table(unsigned long addr)
{
	pmd_t *pmd = walk_to_middle(addr);

	if (!pmd || pmd_none(*pmd) || pmd_leaf(*pmd))
		return NULL;
	return pte_offset_kernel(pmd, ALIGN_DOWN(addr, PMD_SIZE));
}

/*
 * The page table that maps @addr, or NULL.
 *
 * A kernel thread runs on the page tables of the process that ran before it on this CPU, and this
 * process may exit.  Interrupts stay off from the read of the root to the end of the walk: until
 * then this CPU neither switches tasks nor handles the IPI that asks it to leave these page tables,
 * so the kernel does not free the root.
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

/**
 * vwin_find_middle() - find the entry of the page middle directory that maps an address
 * @addr: an address of a window; the entry stays where it is until vwin_close()
 *
 * Context: any but NMI.
 * Return: the entry, or NULL if the tables above are not laid out as expected.
 */
pmd_t *vwin_find_middle(unsigned long addr)
{
	unsigned long flags;
	pmd_t *entry;

	local_irq_save(flags);
	entry = walk_to_middle(addr);
	local_irq_restore(flags);
	return entry;
}

static unsigned long reservation_end(const struct vmap_window *window)
{
	return (unsigned long)window->reservation + window->end - window->start + WINDOW_SLACK;
}

/*
 * Fill window->table.  Each page of the reservation maps @dummy, so return false if the first entry
 * of the reservation in any page table does not: then the page tables are not laid out as expected.
 */
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

/* The pages that vmap() of @count pages needs, for page tables and KASAN's shadow, and a margin. */
static unsigned long pages_for_vmap(unsigned long count)
{
	unsigned long shadow = IS_ENABLED(CONFIG_KASAN_VMALLOC) ? count / 8 : 0;

	return count / PTRS_PER_PTE + shadow + VMAP_SPARE;
}

/*
 * Are @need pages free?  vmap() allocates pages with flags that call the OOM killer, or wait for
 * ever, so the only way to avoid that is to look before.  The pages for page tables are laid out,
 * else vmap() would have the list of this CPU filled; the margin goes back by the block.  @pages
 * has room for @need pages and the rest of a block; all entries are NULL.
 */
static bool finds_pages(struct page **pages, unsigned long need)
{
	unsigned long got = 0, before = ULONG_MAX, i;

	while (got < need && vpage_get_block(pages + got, numa_mem_id()))
		got += VPAGE_BLOCK;
	while (got < need && got != before) {
		before = got;
		got = alloc_pages_bulk_node(vgfp_may_fail(GFP_KERNEL), NUMA_NO_NODE, need, pages);
	}
	for (i = 0; i < got && i < round_up(need - VMAP_SPARE, VPAGE_BLOCK); i++)
		vpage_lay_out(pages[i]);
	for (; i < got; i += VPAGE_BLOCK) {
		vpage_give(pages + i, min_t(unsigned long, got - i, VPAGE_BLOCK));
		cond_resched();
	}
	return got >= need;
}

/*
 * Reserve @count pages of address space: vmap() reserves only what it maps, so map @dummy @count
 * times.  Return NULL without memory.
 */
static void *reserve(struct page *dummy, unsigned long count)
{
	unsigned long need = pages_for_vmap(count), i;
	struct page **pages;
	void *addr;

	/* A small reservation of large pages has fewer pages than vmap() needs. */
	pages = kvcalloc(max(count, need + VPAGE_BLOCK), sizeof(*pages), vgfp_may_fail(GFP_KERNEL));
	if (!pages || !finds_pages(pages, need)) {
		kvfree(pages);
		return NULL;
	}
	for (i = 0; i < count; i++)
		pages[i] = dummy;
	addr = vmap(pages, count, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	return addr;
}

/* Reserve address space for @size bytes, and find its page tables.  Return false on failure. */
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

/* Clear all entries of the reservation but the entry of the canary, and flush them. */
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

/*
 * Choose the place of the canary: the page before the window if the slack has one, else the page
 * after the window.  The reservation still maps @dummy everywhere.
 */
static void place_canary(struct vmap_window *window, struct page *dummy)
{
	unsigned long reserved = (unsigned long)window->reservation;
	unsigned long addr = reserved < window->start ? reserved : window->end;

	window->canary = dummy;
	window->canary_pte = (const unsigned long *)vwin_pte(window, addr);
	window->canary_value = READ_ONCE(*window->canary_pte);
}

/* The most page tables that a reservation for @size bytes has, wherever the reservation begins. */
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

	VM_WARN_ON_ONCE(!size || size % WINDOW_GRAIN);
	window = kvzalloc(struct_size(window, table, most_tables(size)), vgfp_may_fail(GFP_KERNEL));
	if (!window)
		return NULL;
	dummy = vpage_get(vgfp_may_fail(GFP_KERNEL));
	if (!dummy || !fill_window(window, size, dummy)) {
		if (dummy)
			vpage_free(dummy);
		kvfree(window);
		return NULL;
	}
	/*
	 * start, end and base are addresses of areas, but no references to them: kmemleak scans
	 * chunk only.
	 */
	kmemleak_scan_area(&window->chunk, sizeof(window->chunk), GFP_KERNEL);
	place_canary(window, dummy);
	empty_window(window);
	return window;
}

/**
 * vwin_close() - give the reservation back to the kernel, unless somebody else did so before
 * @window: the window, with nothing mapped in it
 *
 * Context: process, may sleep.
 */
void vwin_close(struct vmap_window *window)
{
	vwin_flush_range(window->start, window->end);
	if (vwin_alive(window))
		vunmap(window->reservation);
	else
		/* Drop the translation of the canary from each TLB before the canary is freed. */
		vwin_flush_range((unsigned long)window->reservation, reservation_end(window));
	vpage_free(window->canary);
	kvfree(window);
}

/*
 * Is @page the struct page of existing memory?  The kernel adds and removes memory by subsections,
 * so one pfn_valid() covers a subsection. *@known is the subsection that was found valid last.
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

/* How many of @count pages from @addr on lie in the page table of @addr. */
static unsigned int pages_in_table(unsigned long addr, unsigned long count)
{
	return min(count, PTRS_PER_PTE - pte_index(addr));
}

/*
 * Map @count pages.  With @ask, stop before the first page that is no memory.  Return the number of
 * pages mapped.
 */
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
 * @addr: address of the first page; the caller holds the range, and nothing is mapped in it
 * @pages: the pages
 * @count: the number of pages
 * @prot: protection; the pages are never executable
 *
 * Context: any.
 */
void vwin_map(struct vmap_window *window, unsigned long addr, struct page **pages,
	      unsigned int count, pgprot_t prot)
{
	map(window, addr, pages, count, prot, false);
}

/**
 * vwin_map_foreign() - map pages after checking that each is the page of existing memory
 * @window: the window
 * @addr: address of the first page; the caller holds the range, and nothing is mapped in it
 * @pages: the pages, given by a user of the module
 * @count: the number of pages
 * @prot: protection; the pages are never executable
 *
 * Context: any.
 * Return: the number of pages mapped: @count, or the index of the first page that is NULL or has no
 * memory.
 */
unsigned int vwin_map_foreign(struct vmap_window *window, unsigned long addr, struct page **pages,
			      unsigned int count, pgprot_t prot)
{
	return map(window, addr, pages, count, prot, true);
}

/**
 * vwin_take() - unmap pages, without a TLB flush, and say which they were
 * @window: the window
 * @addr: address of the first page
 * @pages: filled with the pages
 * @count: the number of pages, each of which is mapped
 *
 * Context: any.
 */
void vwin_take(struct vmap_window *window, unsigned long addr, struct page **pages,
	       unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++, addr += PAGE_SIZE) {
		pte_t *pte = vwin_pte(window, addr);

		pages[i] = pte_page(ptep_get(pte));
		pte_clear(NULL, addr, pte);
	}
}

/**
 * vwin_map_pfns() - map page frames that have no struct page
 * @window: the window
 * @addr: address of the first page; the caller holds the range, and nothing is mapped in it
 * @pfns: the page frames, given by a user of the module
 * @count: the number of page frames
 * @prot: protection; the pages are never executable
 *
 * Context: any.
 * Return: the number of pages mapped: @count, or the index of the first page frame that has a
 * struct page, or that is too large for a page-table entry.
 */
unsigned int vwin_map_pfns(struct vmap_window *window, unsigned long addr,
			   const unsigned long *pfns, unsigned int count, pgprot_t prot)
{
	unsigned int done;

	for (done = 0; done < count; done++, addr += PAGE_SIZE) {
		pte_t entry = pte_mkspecial(pfn_pte(pfns[done], pgprot_nx(prot)));
		pte_t *pte = vwin_pte(window, addr);

		if (pfn_valid(pfns[done]) || pte_pfn(entry) != pfns[done])
			break;
		WARN_ON_ONCE(!pte_none(ptep_get(pte)));
		vwin_arch_set_entry(pte, entry);
	}
	vwin_arch_entries_set();
	return done;
}

/* Pages of one node, charged to no memory cgroup, of which the kernel is told together. */
struct tally {
	int node;
	int pages;
};

static __always_inline void tell(const struct tally *tally)
{
	if (VMALLOC_COUNTED && tally->pages)
		mod_node_page_state(NODE_DATA(tally->node), NR_VMALLOC, tally->pages);
}

/* Add a page (@step 1), or take one off (-1). */
static __always_inline void tally_page(struct tally *tally, struct page *page, int step)
{
	if (!VMALLOC_COUNTED)
		return;
	if (unlikely(folio_memcg_charged(page_folio(page)))) {
		mod_lruvec_page_state(page, NR_VMALLOC, step);
		return;
	}
	if (page_to_nid(page) != tally->node) {
		tell(tally);
		*tally = (struct tally){ .node = page_to_nid(page) };
	}
	tally->pages += step;
}

/**
 * vwin_count_pages() - count pages as the kernel counts those of vmalloc()
 * @pages: the pages
 * @count: the number of pages
 * @step: 1: they are held from now on; -1: no longer
 *
 * Does nothing on kernels that do not let modules do so: VMALLOC_COUNTED.
 *
 * Context: any but NMI.
 */
void vwin_count_pages(struct page **pages, unsigned int count, int step)
{
	struct tally tally = {};

	while (VMALLOC_COUNTED && count)
		tally_page(&tally, pages[--count], step);
	tell(&tally);
}

/**
 * vwin_count_block() - vwin_count_pages() of pages side by side that were allocated together
 * @page: the first page
 * @count: the number of pages; if negative, so many are no longer held
 *
 * Context: any but NMI.
 */
void vwin_count_block(struct page *page, int count)
{
	if (VMALLOC_COUNTED)
		mod_lruvec_page_state(page, NR_VMALLOC, count);
}

/**
 * vwin_unmap() - unmap all pages of a range, without a TLB flush
 * @window: the window
 * @addr: first byte
 * @end: one past the last byte
 * @free_pages: also free the pages, which vwin_count_pages() has counted
 *
 * Context: any in which pages may be freed.
 * Return: how many pages were freed.
 */
unsigned long vwin_unmap(struct vmap_window *window, unsigned long addr, unsigned long end,
			 bool free_pages)
{
	struct tally tally = {};
	unsigned long freed = 0;

	while (addr < end) {
		unsigned int here = pages_in_table(addr, (end - addr) >> PAGE_SHIFT);
		pte_t *pte = vwin_pte(window, addr);

		for (; here; here--, pte++, addr += PAGE_SIZE) {
			pte_t old = ptep_get(pte);

			if (pte_none(old))
				continue;
			pte_clear(NULL, addr, pte);
			if (!free_pages)
				continue;
			tally_page(&tally, pte_page(old), -1);
			vpage_free(pte_page(old));
			freed++;
		}
	}
	tell(&tally);
	return freed;
}

/**
 * vwin_tables_are_fresh() - vwin_is_fresh() of an area that lies in more than one page table
 * @window: the window
 * @addr: first byte of the area
 * @count: pages of the area, at least one
 *
 * Context: as vwin_is_fresh().
 * Return: as vwin_is_fresh().
 */
bool vwin_tables_are_fresh(const struct vmap_window *window, unsigned long addr, unsigned int count)
{
	while (count) {
		unsigned int here = pages_in_table(addr, count);

		if (vwin_entries_differ(window, vwin_pte(window, addr), here))
			return false;
		addr += here * PAGE_SIZE;
		count -= here;
	}
	return true;
}

/**
 * vwin_flush_name() - the name of a way to flush a whole TLB
 * @way: the number of the way, from 0; a cheaper way has a lower number
 *
 * Return: the name; NULL if @way is not less than the number of ways.
 */
const char *vwin_flush_name(unsigned int way)
{
	return way < ARRAY_SIZE(flush_names) ? flush_names[way] : NULL;
}

/**
 * vwin_flush_use() - set the way to flush a whole TLB
 * @way: the number of the way: see vwin_flush_name()
 *
 * One call must succeed before the first window is opened.
 *
 * Context: while the module is loaded; no other CPU uses windows.
 * Return: false if this CPU does not have the way; then flush_way is unchanged.
 */
bool vwin_flush_use(unsigned int way)
{
	if (!vwin_arch_flush_can(way))
		return false;
	flush_way = way;
	return true;
}

/**
 * vwin_flush_range() - drop the translations of a range from the TLB of every CPU
 * @start: first byte
 * @end: one past the last byte
 *
 * Context: process or softirq, interrupts on; waits for all CPUs.
 */
void vwin_flush_range(unsigned long start, unsigned long end)
{
	vwin_arch_flush_range(flush_way, start, end);
}

/**
 * vwin_flush_all() - drop the translations of all kernel addresses from the TLB of every CPU
 *
 * Context: process or softirq, interrupts on; waits for all CPUs.
 */
void vwin_flush_all(void)
{
	vwin_arch_flush_all(flush_way);
}
