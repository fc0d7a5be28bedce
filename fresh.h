/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fresh.h - does anything tell the pages of an area from those of a fresh one?
 *
 * Inlined, since each free that may leave an area warm asks; a page takes 15 instructions on x86.
 */
#ifndef FRESH_H
#define FRESH_H

#include <linux/mm.h>

#include "compat.h"
#include "window.h"

bool vwin_tables_are_fresh(const struct vmap_window *window, unsigned long addr,
			   unsigned int count);

/* The mapcount, less one, and the reference count of @page, in one load. */
static inline u64 vwin_page_counts(const struct page *page)
{
	static_assert(offsetof(struct page, _mapcount) % sizeof(u64) == 0);
	static_assert(offsetof(struct page, _refcount) ==
		      offsetof(struct page, _mapcount) + sizeof(u32));
	return data_race(*(const u64 *)&page->_mapcount);
}

/* vwin_page_counts() of a page with one reference that is not mapped to user space. */
static inline u64 vwin_one_holder(void)
{
	union {
		u32 count[2];
		u64 both;
	} counts = { .count = { -1, 1 } };

	return counts.both;
}

/*
 * 0 if vwin_is_fresh() holds for entries of one table.  Words that must be zero are collected.
 * Not inlined: where it is called registers are scarce.
 */
static noinline unsigned long vwin_entries_differ(const pte_t *pte, unsigned long count,
						  pte_t fresh)
{
	unsigned long flags = 0, mappings = 0, privates = 0;
	struct page *page;

	do {
		if (!vwin_arch_differs_in_frame(pte[count - 1], fresh, &page) ||
		    vwin_page_counts(page) != vwin_one_holder())
			return 1;
		flags |= data_race(page_flag_word(page));
		mappings |= data_race((unsigned long)page->mapping);
		privates |= data_race(page->private);
	} while (--count);
	return (flags & PAGEFLAGS_MASK) | mappings | privates;
}

/**
 * vwin_is_fresh() - is each page of an area, and how it is mapped, as in a fresh area?
 * @window: the window
 * @addr: first byte of the area
 * @count: its pages, at least one
 *
 * A fresh area maps each page writable, not executable and cached (PAGE_KERNEL); each page has one
 * reference, is in no user space and in no compound page, and has no flag, mapping or private word
 * set: that is how the page allocator hands pages out.  Anything else was done by the area's
 * holder, or by somebody who found the page through the area and may still refer to it.
 *
 * Context: any; nobody else may free the pages meanwhile.
 * Return: false if any page or entry differs, or is missing.
 */
static __always_inline bool vwin_is_fresh(const struct vmap_window *window, unsigned long addr,
					  unsigned int count)
{
	if (unlikely(pte_index(addr) + count > PTRS_PER_PTE))
		return vwin_tables_are_fresh(window, addr, count);
	return !vwin_entries_differ(vwin_pte(window, addr), count, window->fresh);
}

#endif
