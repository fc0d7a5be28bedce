/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fresh.h - is an area as a fresh area would be, or did somebody change its pages or mappings?
 *
 * A freed area may be kept warm only if its next holder cannot tell it from a fresh area, and if no
 * reference to one of its pages is left.  vwin_is_fresh() compares each page-table entry, and the
 * words of each struct page, with the values that they have after page allocation and vwin_map().
 *
 * Inlined, because each free of an area that may be kept warm calls it; it takes 15 instructions a
 * page on x86.
 *
 * Locking: none.  The caller holds the area; other holders of a page may change its words at any
 * time, and data_race() marks the reads.
 */
#ifndef FRESH_H
#define FRESH_H

#include <linux/mm.h>

#include "compat.h"
#include "window.h"

bool vwin_tables_are_fresh(const struct vmap_window *window, unsigned long addr,
			   unsigned int count);

/* page->_mapcount (the mapcount less one) and page->_refcount, in one load. */
static inline u64 vwin_page_counts(const struct page *page)
{
	static_assert(offsetof(struct page, _mapcount) % sizeof(u64) == 0);
	static_assert(offsetof(struct page, _refcount) ==
		      offsetof(struct page, _mapcount) + sizeof(u32));
	return data_race(*(const u64 *)&page->_mapcount);
}

/*
 * The value of vwin_page_counts() for a page with one reference that is not mapped to user space.
 */
static inline u64 vwin_one_holder(void)
{
	union {
		u32 count[2];
		u64 both;
	} counts = { .count = { -1, 1 } };

	return counts.both;
}

/*
 * Return 0 if vwin_is_fresh() is true for @count entries of one page table.  The words that must be
 * zero are collected by OR, to be tested once.  OPTIMIZER_HIDE_VAR(): GCC would build one_holder
 * again for each page, and load page->mapping into a register of its own before the OR.
 *
 * noinline: the callers need their registers for other values, and would have to save them in the
 * loop.
 */
static noinline unsigned long vwin_entries_differ(const struct vmap_window *window,
						  const pte_t *pte, unsigned long count)
{
	unsigned long flags = 0, others = 0;
	u64 one_holder = vwin_one_holder();
	struct page *page;

	OPTIMIZER_HIDE_VAR(one_holder);
	do {
		if (!vwin_arch_differs_in_frame(pte[count - 1], window->fresh, &page) ||
		    vwin_page_counts(page) != one_holder)
			return 1;
		flags |= data_race(page_flag_word(page));
		others |= data_race((unsigned long)page->mapping);
		OPTIMIZER_HIDE_VAR(others);
		others |= data_race(page->private);
	} while (--count);
	return (flags & PAGEFLAGS_MASK) | others;
}

/**
 * vwin_is_fresh() - are all pages of an area, and their entries, as in a fresh area?
 * @window: the window
 * @addr: first byte of the area
 * @count: pages of the area, at least one
 *
 * In a fresh area each entry maps its page as PAGE_KERNEL: writable, not executable, cached.  Each
 * page has one reference, is not mapped to user space, is not part of a compound page, and has
 * flags, mapping and private 0, as the page allocator returns pages.  Any other value was set by
 * the holder of the area, or by code that got the page from the area and may still refer to it.
 *
 * Context: any; the caller holds the area, so no other CPU frees its pages.
 * Return: false if a page or an entry differs, or if an entry is empty.
 */
static __always_inline bool vwin_is_fresh(const struct vmap_window *window, unsigned long addr,
					  unsigned int count)
{
	if (unlikely(pte_index(addr) + count > PTRS_PER_PTE))
		return vwin_tables_are_fresh(window, addr, count);
	return !vwin_entries_differ(window, vwin_pte(window, addr), count);
}

#endif
