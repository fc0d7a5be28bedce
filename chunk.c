// SPDX-License-Identifier: GPL-2.0
/*
 * chunk.c - huge windows: each 2 MiB of them is mapped by one entry, or by a page table
 *
 * vmap() makes the kernel build a page table for each 2 MiB of a window (window.c).  An entry of
 * the page middle directory, one level up, points to the page table.  Such an entry can map 2 MiB
 * of memory by itself, if the memory is one aligned block: that takes one store instead of 512, one
 * TLB entry instead of 512, and no page table.  So vchunk_open() takes the page table of each chunk
 * out of its entry and puts it aside, and vchunk_close() puts it back, so that vunmap() finds the
 * reservation as vmap() left it.
 *
 * Words:
 *   chunk    PMD_SIZE bytes of a huge window, aligned: what one entry maps
 *   block    memory for a chunk: pages that the page allocator gave in one piece, of VCHUNK_ORDER.
 *            Each page is a page of its own: the block was split by split_page().  If nobody else
 *            refers to any of its pages when the chunk is unmapped, the block is freed in one piece
 *            again, which takes a fraction of the time; else its pages are freed one by one.
 *   entry    of the page middle directory, where nothing else is said
 *
 * The entry of a chunk has one of four values:
 *   none     nothing is mapped
 *   block    the entry maps chunk->page
 *   table    the entry points to the chunk's own page table, which maps small pages
 *   foreign  the entry maps chunk->page by a page table that the kernel made, because a call like
 *            set_memory_ro() changed the protection of a part (x86 only: arm64 refuses such calls
 *            for any vmap()).  When the chunk is unmapped the foreign table goes to chunk->split,
 *            and the chunk takes small pages only from then on, so that each chunk costs one
 *            foreign table at most.
 *
 * Each of the last three becomes none when the chunk is unmapped, and none becomes any of them.  A
 * CPU may remember a page table that an entry pointed to.  So before an entry that was not none
 * changes to another value than none, every TLB must be flushed with all that it knows of page
 * tables: vwin_flush_all() does so, vwin_flush_range() does not (arm64), or not for all (x86).  The
 * caller does not hand out a chunk again before that.
 *
 * Nothing frees the page table of a chunk, or the directory of its entry, while the reservation
 * exists: other readers of page tables (/proc/kcore, vmalloc_to_page()) may follow an entry that
 * they have read before it changed.  If the reservation is lost (lost.c) the addresses are the
 * kernel's, no entry is written any more, and page tables that were aside then are lost, too.
 *
 * Locking: none.  The holder of an extent, which consists of whole chunks, alone writes the entries
 * and the fields of its chunks.
 */
#include <linux/gfp.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "chunk.h"
#include "effort.h"
#include "pages.h"

#define BLOCK_PAGES	(1U << VCHUNK_ORDER)

static unsigned long count_chunks(const struct vmap_window *window)
{
	return (window->end - window->start) >> PMD_SHIFT;
}

/* Find the entry of each chunk, each of which points to its page table.  False if one does not. */
static bool find_entries(struct vmap_window *window)
{
	unsigned long addr;

	for (addr = window->start; addr < window->end; addr += PMD_SIZE) {
		struct vmap_chunk *chunk = vchunk_of(window, addr);

		chunk->entry = vwin_find_middle(addr);
		if (!chunk->entry)
			return false;
		chunk->table = READ_ONCE(*chunk->entry);
	}
	return true;
}

/* Put all page tables aside: no entry is left that a CPU could follow. */
static void put_tables_aside(struct vmap_window *window)
{
	unsigned long i, count = count_chunks(window);

	for (i = 0; i < count; i++)
		vwin_arch_set_middle(window->chunk[i].entry, __pmd(0));
	vwin_flush_all();
}

/* The inverse of put_tables_aside(). */
static void put_tables_back(struct vmap_window *window)
{
	unsigned long i, count = count_chunks(window);

	for (i = 0; i < count; i++) {
		WARN_ON_ONCE(!pmd_none(READ_ONCE(*window->chunk[i].entry)));
		vwin_arch_set_middle(window->chunk[i].entry, window->chunk[i].table);
	}
	vwin_arch_entries_set();
}

/**
 * vchunk_open() - reserve kernel address space for a huge window
 * @size: bytes, a multiple of PMD_SIZE; only where VCHUNK_WORKS
 *
 * Context: process, may sleep.
 * Return: a window with nothing mapped in it, or NULL.
 */
struct vmap_window *vchunk_open(unsigned long size)
{
	struct vmap_window *window = vwin_open(size);

	if (!window)
		return NULL;
	window->chunk = kvcalloc(count_chunks(window), sizeof(*window->chunk),
				 vgfp_may_fail(GFP_KERNEL));
	if (!window->chunk || !find_entries(window)) {
		kvfree(window->chunk);
		vwin_close(window);
		return NULL;
	}
	put_tables_aside(window);
	return window;
}

/*
 * Give a page table of the kernel's, which no entry has pointed to since before the last flush,
 * back to the page allocator.  Newer kernels count page tables, and export no call that frees one;
 * there the page is lost.
 */
static void drop_split(struct page *table)
{
	if (PageTable(table))
		pr_warn_once("vmap_arena: 2 MiB that set_memory_*() split leave a page of page tables behind\n");
	else
		__free_page(table);
}

/**
 * vchunk_close() - give a huge window back to the kernel
 * @window: the window, with nothing mapped in it, all of it flushed by vwin_flush_all()
 *
 * Context: process, may sleep.
 */
void vchunk_close(struct vmap_window *window)
{
	unsigned long i, count = count_chunks(window);
	struct vmap_chunk *chunk = window->chunk;

	if (vwin_alive(window))
		put_tables_back(window);
	vwin_close(window);
	/* vunmap() has waited for those who read page tables of the reservation. */
	for (i = 0; i < count; i++)
		if (chunk[i].split)
			drop_split(chunk[i].split);
	kvfree(chunk);
}

/**
 * vchunk_map_block() - map a block by one entry
 * @window: the window
 * @addr: the first byte of a chunk for which vchunk_takes_block() is true; the caller holds the
 *	  chunk, and nothing is mapped in it
 * @page: the first page of the block; all of the block belongs to the chunk from now on
 * @gfp: the flags with which the block was allocated
 *
 * Context: any.
 */
void vchunk_map_block(struct vmap_window *window, unsigned long addr, struct page *page, gfp_t gfp)
{
	struct vmap_chunk *chunk = vchunk_of(window, addr);

	WARN_ON_ONCE(!pmd_none(READ_ONCE(*chunk->entry)));
	chunk->page = page;
	chunk->joins = !(gfp & __GFP_ACCOUNT);
	vwin_arch_set_middle(chunk->entry, vwin_arch_huge_entry(page));
	vwin_arch_entries_set();
}

/**
 * vchunk_map_table() - let vwin_map() map small pages in a chunk
 * @window: the window
 * @addr: the first byte of the chunk; the caller holds the chunk, and nothing is mapped in it
 *
 * Context: any.
 */
void vchunk_map_table(struct vmap_window *window, unsigned long addr)
{
	struct vmap_chunk *chunk = vchunk_of(window, addr);

	WARN_ON_ONCE(!pmd_none(READ_ONCE(*chunk->entry)));
	vwin_arch_set_middle(chunk->entry, chunk->table);
	vwin_arch_entries_set();
}

/* If somebody else refers to the first page, __free_pages() frees all pages but that one. */
static void free_block(struct page *page, bool joins)
{
	unsigned int i;

	vwin_count_block(page, -(int)BLOCK_PAGES);
	if (joins && vpage_join(page, VCHUNK_ORDER)) {
		__free_pages(page, VCHUNK_ORDER);
		return;
	}
	for (i = 0; i < BLOCK_PAGES; i++)
		vpage_free(page + i);
}

/* Unmap what a chunk maps, and free its pages.  Return how many; add a block to @blocks. */
static unsigned long unmap_chunk(struct vmap_window *window, unsigned long addr,
				 unsigned long *blocks)
{
	struct vmap_chunk *chunk = vchunk_of(window, addr);
	unsigned long freed = 0;
	pmd_t old = READ_ONCE(*chunk->entry);
	struct page *page = chunk->page;

	if (pmd_none(old))
		return 0;
	if (!page)
		freed = vwin_unmap(window, addr, addr + PMD_SIZE, true);
	else if (!pmd_leaf(old))
		chunk->split = pmd_page(old);
	vwin_arch_set_middle(chunk->entry, __pmd(0));
	if (page) {
		chunk->page = NULL;
		free_block(page, chunk->joins);
		freed = BLOCK_PAGES;
		++*blocks;
	}
	return freed;
}

/**
 * vchunk_unmap() - unmap whole chunks, without a flush, and free their pages
 * @window: the window
 * @addr: the first byte
 * @end: one past the last byte
 * @blocks: set to how many blocks were mapped
 *
 * Context: any in which pages may be freed.
 * Return: how many pages were freed.
 */
unsigned long vchunk_unmap(struct vmap_window *window, unsigned long addr, unsigned long end,
			   unsigned long *blocks)
{
	unsigned long freed = 0;

	*blocks = 0;
	for (; addr < end; addr += PMD_SIZE)
		freed += unmap_chunk(window, addr, blocks);
	return freed;
}
