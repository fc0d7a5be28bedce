// SPDX-License-Identifier: GPL-2.0
/*
 * stock.c - single pages kept for the next area
 *
 * An area whose free goes past the cache gives its pages to the *stock* of its shard, and an
 * allocation past the cache takes pages from there.  So while as much is freed as is allocated
 * neither calls the page allocator.  What is missing comes by the block (pages.c): whole blocks go
 * into the area; of one that does not the rest stays in the stock.  What a stock has of a
 * NUMA node is a *shelf*.  With a stock for the arena CPUs that share no shard would wait for each
 * other at its shelf.
 *
 * Bound.  A shelf has room for STOCK_BYTES, and those of all shards for no more than
 * 1 / STOCK_SHARE of the memory; for what does not fit the free calls the page allocator.  As soon
 * as a shelf is fuller than three quarters, a worker gives back what is more than half, STOCK_BATCH
 * pages at a time; so a load that frees now more and now less than it allocates moves between the
 * two and seldom meets either end.  The shrinker, and vmap_arena_purge(), take all.
 *
 * What may come in.  A page in the stock is as the page allocator hands pages out: vwin_is_fresh()
 * holds, so nobody else refers to the page; its area was recyclable, so it was allocated without
 * flags for a zone, mobility or accounting, and lies on the node of its shelf.  Where the page
 * allocator clears each page (init_on_alloc, init_on_free) pages come in only as the rest of a
 * block, and so are zero; else nobody who asks for zeroed pages is served.
 *
 * Unmapped pages need no flush before they are mapped elsewhere, as with vfree().
 *
 * Reserves (reserve.c) have pages of their own.
 *
 * Locking: shelf->lock, a raw spinlock taken with interrupts off, covers a shelf, and is held for
 * STOCK_BATCH pages.  No other lock is taken under it, and no page is allocated or freed.
 */
#include <linux/minmax.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "fresh.h"
#include "pages.h"
#include "stock.h"

/* 1,024 pages of 4 KiB: what 120 areas of 1 to 16 pages have. */
#define STOCK_BYTES	(4UL << 20)

/* The part of memory that the shelves of a node may have: little beside what the cache may keep. */
#define STOCK_SHARE	256

/* Pages moved under one hold of shelf->lock; 32 pointers take 256 bytes of stack. */
#define STOCK_BATCH	32U

/* Take up to @count pages from a shelf, and add their number to @sum, a field of the shelf. */
static unsigned int pop(struct vmap_shelf *shelf, struct page **pages, unsigned int count,
			unsigned long *sum)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&shelf->lock, flags);
	count = min(count, shelf->count);
	shelf->count -= count;
	*sum += count;
	memcpy(pages, shelf->page + shelf->count, count * sizeof(*pages));
	raw_spin_unlock_irqrestore(&shelf->lock, flags);
	return count;
}

/* Put pages on a shelf.  Return how many of the @count had no room: the first of @pages. */
static unsigned int push(struct vmap_shelf *shelf, struct page **pages, unsigned int count)
{
	unsigned int room, left;
	unsigned long flags;

	raw_spin_lock_irqsave(&shelf->lock, flags);
	room = min(count, shelf->most - shelf->count);
	left = count - room;
	memcpy(shelf->page + shelf->count, pages + left, room * sizeof(*pages));
	shelf->count += room;
	raw_spin_unlock_irqrestore(&shelf->lock, flags);
	return left;
}

/* Get a block for a shelf, which is empty.  Return false if there is none. */
static bool refill(struct vmap_shelf *shelf, int node)
{
	struct page *pages[VPAGE_BLOCK];
	unsigned long flags;

	if (!vpage_get_block(pages, node))
		return false;
	raw_spin_lock_irqsave(&shelf->lock, flags);
	shelf->blocks++;
	raw_spin_unlock_irqrestore(&shelf->lock, flags);
	vpage_give(pages, push(shelf, pages, VPAGE_BLOCK));
	return true;
}

/*
 * Get whole blocks for a request that a shelf has too few pages for; return how many pages.  The
 * blocks lie side by side in @pages, and so the free of the area finds them whole: refill() would
 * put what is left of the block before between two halves.
 */
static unsigned int take_blocks(struct vmap_shelf *shelf, int node, struct page **pages,
				unsigned int count)
{
	unsigned int got = 0;
	unsigned long flags;

	if (count < VPAGE_BLOCK || data_race(shelf->count) >= count)
		return 0;
	while (count - got >= VPAGE_BLOCK && vpage_get_block(pages + got, node))
		got += VPAGE_BLOCK;
	raw_spin_lock_irqsave(&shelf->lock, flags);
	shelf->blocks += got / VPAGE_BLOCK;
	shelf->hits += got;
	raw_spin_unlock_irqrestore(&shelf->lock, flags);
	return got;
}

static struct vmap_shelf *shelf_of(const struct vmap_stock *stock, int node)
{
	return stock->shelf ? stock->shelf[node] : NULL;
}

/**
 * vstock_take() - take pages from the stock, and from new blocks
 * @stock: the stock
 * @node: the NUMA node, below nr_node_ids
 * @pages: set to the pages
 * @count: how many are wanted
 *
 * The caller has asked vstock_serves().  Other CPUs may take what this call has refilled, so there
 * is a bound: one block for each VPAGE_BLOCK pages, and one more.
 *
 * Context: any in which pages may be allocated; does not sleep.
 * Return: how many were taken.
 */
unsigned int vstock_take(struct vmap_stock *stock, int node, struct page **pages,
			 unsigned int count)
{
	struct vmap_shelf *shelf = shelf_of(stock, node);
	unsigned int got, blocks;

	if (unlikely(!shelf))
		return 0;
	got = take_blocks(shelf, node, pages, count);
	blocks = (count - got) / VPAGE_BLOCK + 1;
	if (likely(got < count))
		got += pop(shelf, pages + got, count - got, &shelf->hits);
	for (; unlikely(got < count) && blocks; blocks--) {
		if (!refill(shelf, node))
			break;
		got += pop(shelf, pages + got, count - got, &shelf->hits);
	}
	return got;
}

/* Put fresh pages on a shelf, unless it is NULL, as many as have room, and free the others. */
static void put(struct vmap_stock *stock, struct vmap_shelf *shelf, struct page **pages,
		unsigned int count)
{
	if (unlikely(!shelf)) {
		vpage_give(pages, count);
		return;
	}
	vpage_give(pages, push(shelf, pages, count));
	if (unlikely(data_race(shelf->count) > shelf->most / 4 * 3))
		queue_work(vspace_wq, &stock->work);
}

/**
 * vstock_unmap() - unmap pages of an area, without a TLB flush, into the stock
 * @stock: the stock
 * @node: the NUMA node of the pages, below nr_node_ids
 * @window: the window
 * @addr: first byte; the area is recyclable
 * @end: one past the last byte; no guard
 *
 * Pages that may not come in, or have no room, are freed.  The kernel is told that none of them is
 * held any more: the stock does not count as memory of vmalloc().
 *
 * Context: any in which pages may be freed.
 * Return: how many pages were unmapped.
 */
unsigned long vstock_unmap(struct vmap_stock *stock, int node, struct vmap_window *window,
			   unsigned long addr, unsigned long end)
{
	struct vmap_shelf *shelf = vstock_is_cleared() ? NULL : shelf_of(stock, node);
	struct page *pages[STOCK_BATCH];
	unsigned long freed = 0;
	unsigned int count;

	for (; addr < end; addr += (unsigned long)count << PAGE_SHIFT) {
		count = min_t(unsigned long, STOCK_BATCH, (end - addr) >> PAGE_SHIFT);
		if (likely(vwin_is_fresh(window, addr, count))) {
			vwin_take(window, addr, pages, count);
			vwin_count_pages(pages, count, -1);
			put(stock, shelf, pages, count);
			freed += count;
		} else {
			freed += vwin_unmap(window, addr,
					    addr + ((unsigned long)count << PAGE_SHIFT), true);
		}
	}
	return freed;
}

/*
 * Give back what a shelf has beyond @keep pages, a batch at a time, but no more than it had at the
 * begin: frees may go on.  Return how many pages.
 */
static unsigned long give(struct vmap_shelf *shelf, unsigned int keep)
{
	unsigned int count = data_race(shelf->count), left = count - min(count, keep);
	struct page *pages[STOCK_BATCH];
	unsigned long given = 0;

	while (left && (count = pop(shelf, pages, min(left, STOCK_BATCH), &shelf->given))) {
		vpage_give(pages, count);
		given += count;
		left -= count;
		cond_resched();
	}
	return given;
}

/* give() for all shelves, each of which keeps @halves of what it may have. */
static unsigned long give_beyond(struct vmap_stock *stock, unsigned int halves)
{
	unsigned long given = 0;
	int node;

	for (node = 0; stock->shelf && node < nr_node_ids; node++)
		if (stock->shelf[node])
			given += give(stock->shelf[node], stock->shelf[node]->most / 2 * halves);
	return given;
}

/**
 * vstock_give_all() - free all pages of the stock
 * @stock: the stock
 *
 * Pages that come in meanwhile may stay.
 *
 * Context: process, may sleep.
 * Return: how many pages were freed.
 */
unsigned long vstock_give_all(struct vmap_stock *stock)
{
	return give_beyond(stock, 0);
}

/* The worker. */
static void give_work(struct work_struct *work)
{
	give_beyond(container_of(work, struct vmap_stock, work), 1);
}

/**
 * vstock_sum() - add up the shelves; not a snapshot
 * @stock: the stock
 * @sums: the sums are added to these
 *
 * Context: any but NMI.
 */
void vstock_sum(struct vmap_stock *stock, struct vstock_sums *sums)
{
	const struct vmap_shelf *shelf;
	int node;

	for (node = 0; stock->shelf && node < nr_node_ids; node++) {
		shelf = stock->shelf[node];
		if (!shelf)
			continue;
		sums->pages += data_race(shelf->count);
		sums->most += shelf->most;
		sums->hits += data_race(shelf->hits);
		sums->blocks += data_race(shelf->blocks);
		sums->given += data_race(shelf->given);
	}
}

static struct vmap_shelf *new_shelf(unsigned int shards)
{
	unsigned int most = min(STOCK_BYTES >> PAGE_SHIFT, totalram_pages() / STOCK_SHARE / shards);
	struct vmap_shelf *shelf = kvzalloc(struct_size(shelf, page, most),
					    vgfp_may_fail(GFP_KERNEL));

	if (!shelf)
		return NULL;
	raw_spin_lock_init(&shelf->lock);
	shelf->most = most;
	return shelf;
}

/**
 * vstock_init() - begin with an empty stock
 * @stock: all zero
 * @shards: how many stocks the arena is to have
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM; vstock_exit() must be called in either case.
 */
int vstock_init(struct vmap_stock *stock, unsigned int shards)
{
	int node;

	INIT_WORK(&stock->work, give_work);
	stock->shelf = kcalloc(nr_node_ids, sizeof(*stock->shelf), vgfp_may_fail(GFP_KERNEL));
	if (!stock->shelf)
		return -ENOMEM;
	for_each_node_state(node, N_MEMORY) {
		stock->shelf[node] = new_shelf(shards);
		if (!stock->shelf[node])
			return -ENOMEM;
	}
	return 0;
}

/* Empty a stock, which nobody uses any more, and stop its worker.  Context: process, may sleep. */
void vstock_stop(struct vmap_stock *stock)
{
	if (!stock->shelf)
		return;
	cancel_work_sync(&stock->work);
	vstock_give_all(stock);
}

/* End a stock, after vstock_stop().  Context: process, may sleep. */
void vstock_exit(struct vmap_stock *stock)
{
	int node;

	for (node = 0; stock->shelf && node < nr_node_ids; node++)
		kvfree(stock->shelf[node]);
	kfree(stock->shelf);
}
