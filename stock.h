/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stock.h - single pages kept for the next area
 *
 * See the theory statement in stock.c.
 */
#ifndef STOCK_H
#define STOCK_H

#include <linux/mm.h>

#include "space.h"

/* The pages of one NUMA node. */
struct vmap_shelf {
	/* Covers the fields below.  Raw, taken with interrupts off, for STOCK_BATCH pages. */
	raw_spinlock_t lock;
	/* How many pages page[] has, and may have; the latter is constant. */
	unsigned int count;
	unsigned int most;
	/* Pages that allocations took from here; blocks that were split; pages given back. */
	unsigned long hits;
	unsigned long blocks;
	unsigned long given;
	/* The pages, a stack. */
	struct page *page[];
};

/* The pages that a shard of an arena keeps. */
struct vmap_stock {
	/*
	 * For each NUMA node a shelf; NULL for a node without memory.  NULL in an arena without
	 * stocks.  Constant.
	 */
	struct vmap_shelf **shelf;
	/* Gives back what is more than half of a shelf. */
	struct work_struct work;
};

/*
 * Does the page allocator clear each page, when it is allocated or when it is freed?  Then a page
 * that had a holder does not come into the stock.
 */
static __always_inline bool vstock_is_cleared(void)
{
	return want_init_on_alloc(0) || want_init_on_free();
}

/* May a request with @gfp have pages from the stock?  They are zero only if each page is. */
static __always_inline bool vstock_serves(gfp_t gfp)
{
	return !want_init_on_alloc(gfp) || vstock_is_cleared();
}

/* What the stocks of an arena have, and have done. */
struct vstock_sums {
	/* Pages, and the most. */
	unsigned long pages;
	unsigned long most;
	/* See struct vmap_shelf. */
	unsigned long hits;
	unsigned long blocks;
	unsigned long given;
};

int vstock_init(struct vmap_stock *stock, unsigned int shards);
void vstock_stop(struct vmap_stock *stock);
void vstock_exit(struct vmap_stock *stock);
unsigned int vstock_take(struct vmap_stock *stock, int node, struct page **pages,
			 unsigned int count);
unsigned long vstock_unmap(struct vmap_stock *stock, int node, struct vmap_window *window,
			   unsigned long addr, unsigned long end);
unsigned long vstock_give_all(struct vmap_stock *stock);
void vstock_sum(struct vmap_stock *stock, struct vstock_sums *sums);

#endif
