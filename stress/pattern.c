// SPDX-License-Identifier: GPL-2.0
/*
 * pattern.c - is the memory that was handed out real, ours alone, and where it should be?
 *
 * Theory
 *
 * An area is filled with a word in each cache line, made from its address and from a cookie that
 * no other area of the run has.  An area mapped to the wrong page, to a page that something else
 * owns, or to addresses that another area has, too, then reads back something else.  A fault in
 * the mapping that is the same for writing and for reading would go unseen, so the first line of
 * each page is read a second time, through the linear map at the page that the page tables name.
 *
 * Overlap is also looked for directly, among the areas that one thread holds.
 *
 * Locking: none; each area belongs to one thread.
 */
#include <linux/align.h>
#include <linux/mm.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "stress.h"

#define LINE	64

static u64 word_at(const void *addr, u64 cookie)
{
	return (unsigned long)addr ^ cookie * 0x9e3779b97f4a7c15ULL;
}

static u64 next_cookie(struct stress_pass *pass)
{
	return (u64)pass->thread << 48 | ++pass->serial;
}

/* Checks that the page that the page tables name at @addr holds @want there. */
static int check_page(struct stress_pass *pass, const void *addr, u64 want)
{
	struct page *page = vmalloc_to_page(addr);
	u64 got;

	if (!page)
		return stress_fail(pass, "%#lx: no page is mapped", (unsigned long)addr);
	got = READ_ONCE(*(u64 *)(page_address(page) + offset_in_page(addr)));
	if (got != want)
		return stress_fail(pass, "%#lx: reads %#llx, but its page holds %#llx",
				   (unsigned long)addr, want, got);
	return 0;
}

/* Writes the pattern of @area, with a new cookie.  Nothing is written where nothing is mapped. */
int stress_fill(struct stress_pass *pass, struct stress_area *area)
{
	void *at;

	area->cookie = next_cookie(pass);
	for (at = area->addr; at < area->addr + area->size; at += LINE) {
		if (offset_in_page(at) < LINE) {
			cond_resched();
			if (!vmalloc_to_page(at))
				return stress_fail(pass, "%#lx: no page is mapped",
						   (unsigned long)at);
		}
		WRITE_ONCE(*(u64 *)at, word_at(at, area->cookie));
	}
	return 0;
}

/* Checks that the pattern of @area is still there, and the area with it. */
int stress_check(struct stress_pass *pass, const struct stress_area *area)
{
	const void *at;
	int err = 0;

	for (at = area->addr; at < area->addr + area->size && !err; at += LINE) {
		u64 want = word_at(at, area->cookie);
		u64 got;

		if (get_kernel_nofault(got, (u64 *)at))
			return stress_fail(pass, "%#lx: expected %#llx, got a fault",
					   (unsigned long)at, want);
		if (got != want)
			return stress_fail(pass, "%#lx: expected %#llx, got %#llx",
					   (unsigned long)at, want, got);
		if (offset_in_page(at) < LINE)
			err = check_page(pass, at, want);
	}
	return err;
}

/* Fills and checks memory that is about to be freed again. */
int stress_touch(struct stress_pass *pass, void *addr, unsigned long size)
{
	struct stress_area area = { .addr = addr, .size = size };

	return stress_fill(pass, &area) ?: stress_check(pass, &area);
}

int stress_check_zero(struct stress_pass *pass, const void *addr, unsigned long size)
{
	const u8 *bad = memchr_inv(addr, 0, size);

	if (bad)
		return stress_fail(pass, "%#lx: expected 0, got %#x", (unsigned long)bad, *bad);
	return 0;
}

/* Checks the address that an allocation returned; NULL means that it failed. */
int stress_check_range(struct stress_pass *pass, const void *addr, unsigned long size,
		       unsigned long align)
{
	if (!addr)
		return stress_fail(pass, "cannot allocate %lu bytes aligned to %#lx", size, align);
	if (!IS_ALIGNED((unsigned long)addr, max(align, PAGE_SIZE)))
		return stress_fail(pass, "%#lx: expected alignment to %#lx", (unsigned long)addr,
				   max(align, PAGE_SIZE));
	if (!is_vmalloc_addr(addr) || !is_vmalloc_addr(addr + size - 1))
		return stress_fail(pass, "%#lx: outside the vmalloc space %#lx..%#lx",
				   (unsigned long)addr, (unsigned long)VMALLOC_START,
				   (unsigned long)VMALLOC_END);
	return 0;
}

static int cmp_areas(const void *a, const void *b)
{
	const struct stress_area *first = a, *second = b;

	return first->addr < second->addr ? -1 : first->addr > second->addr;
}

/* Checks that no two of @nr areas overlap; sorts them. */
int stress_check_overlap(struct stress_pass *pass, struct stress_area *areas, unsigned long nr)
{
	unsigned long i;

	sort(areas, nr, sizeof(*areas), cmp_areas, NULL);
	for (i = 1; i < nr; i++)
		if (areas[i - 1].addr + areas[i - 1].size > areas[i].addr)
			return stress_fail(pass, "%#lx of %lu bytes overlaps %#lx",
					   (unsigned long)areas[i - 1].addr, areas[i - 1].size,
					   (unsigned long)areas[i].addr);
	return 0;
}
