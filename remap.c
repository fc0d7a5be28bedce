// SPDX-License-Identifier: GPL-2.0
/*
 * remap.c - memory that may be mapped to user space
 *
 * Such an area is zeroed up to its last page, since user space sees whole pages, and has
 * VMAP_EXTENT_USER; so has what vmap() is told to map with VM_USERMAP (vmap_vmalloc.c), whose pages
 * the caller answers for.  vm_insert_pages() takes a reference to each page that it maps, so a page
 * that user space still maps when the area is freed is not fresh (fresh.h): the area is not kept
 * for reuse, and the page is freed when its last mapping goes.
 *
 * Locking: none.  The caller holds the area, and the mmap lock of the mm.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/vmalloc.h>

#include "calls.h"

/* Let a live area, in whose pages user space may see all and which the caller holds, be mapped. */
void valloc_allow_user(const void *addr)
{
	struct vmap_span *span = vspan_of((unsigned long)addr);

	READ_ONCE(*vspan_slot(span, (unsigned long)addr))->flags |= VMAP_EXTENT_USER;
}

/* vmap_alloc_user() from an arena, for @caller. */
void *valloc_user_for(struct vmap_arena *arena, unsigned long size, gfp_t gfp, const void *caller)
{
	void *addr = valloc_for(arena, size, PAGE_SIZE, gfp | __GFP_ZERO, NUMA_NO_NODE, caller);

	if (addr)
		valloc_allow_user(addr);
	return addr;
}

/**
 * vmap_alloc_user() - allocate zeroed memory that may be mapped to user space
 * @size: bytes, rounded up to pages; all bytes of the pages are zeroed
 *
 * Never give the address to vfree(), kvfree(), vunmap(), kvrealloc() or their like, which would
 * destroy the whole span; code that frees memory of any kind calls vmap_kvfree().
 *
 * Steps: no formula: those of vmap_arena_alloc(), and of two look-ups of the area.
 *
 * Context: process, may sleep, also with PREEMPT_RT.
 * Return: the address, for vmap_remap_user(), to be freed with vmap_free(); or NULL.
 */
void *vmap_alloc_user(unsigned long size)
{
	return valloc_user_for(NULL, size, GFP_KERNEL, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_alloc_user);

static noinline int report_bad_remap(unsigned long first, unsigned long count, const void *addr,
				     const void *caller)
{
	pr_err_ratelimited("vmap_arena: vmap_remap_user() by %pS: pages %lu to %lu of %p: not all are in a live area of vmap_alloc_user()\n",
			   caller, first, first + count - 1, addr);
	return -EINVAL;
}

/* Pages that vm_insert_pages() is given at a time: their pointers take 256 bytes of the stack. */
#define INSERT_BATCH 32

/* Map @count pages from @addr on into @vma.  On failure those mapped so far stay mapped. */
static int insert_pages(struct vm_area_struct *vma, const void *addr, unsigned long count)
{
	struct page *pages[INSERT_BATCH];
	unsigned long at = vma->vm_start, some, left, i;
	int err = 0;

	for (; count && !err; count -= some) {
		some = min_t(unsigned long, count, INSERT_BATCH);
		for (i = 0; i < some; i++, addr += PAGE_SIZE)
			pages[i] = vmalloc_to_page(addr);
		left = some;
		err = vm_insert_pages(vma, at, pages, &left);
		at += some << PAGE_SHIFT;
		cond_resched();
	}
	return err;
}

/* vmap_remap_user() for @caller. */
int valloc_remap_user(struct vm_area_struct *vma, const void *addr, unsigned long pgoff,
		      const void *caller)
{
	unsigned long count = vma_pages(vma), end;

	if (vbad_refuse_nmi(caller))
		return -EINVAL;
	if (check_add_overflow(pgoff, count, &end) || !vbad_may_remap(addr, end))
		return report_bad_remap(pgoff, count, addr, caller);
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	return insert_pages(vma, addr + (pgoff << PAGE_SHIFT), count);
}

/**
 * vmap_remap_user() - map memory of vmap_alloc_user() to user space
 * @vma: the vma, all of which is mapped
 * @addr: what vmap_alloc_user() returned
 * @pgoff: the page of the area that the vma begins with
 *
 * User space may keep a page after vmap_free(): then the page is freed when the last mapping goes,
 * and no other allocation gets the page before.
 *
 * Steps: no formula: vm_insert_pages() for each page of the vma.
 *
 * Context: process, may sleep; the mmap lock of the vma's mm is held for writing, as in an mmap().
 * Return: 0; -EINVAL, after a report, if not all of [@pgoff, @pgoff + pages of @vma) is in a live
 * area of vmap_alloc_user(); or the error of vm_insert_pages(), and then a part may be mapped,
 * which goes with @vma.
 */
int vmap_remap_user(struct vm_area_struct *vma, const void *addr, unsigned long pgoff)
{
	return valloc_remap_user(vma, addr, pgoff, __builtin_return_address(0));
}
EXPORT_SYMBOL_GPL(vmap_remap_user);
