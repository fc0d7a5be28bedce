// SPDX-License-Identifier: GPL-2.0
/*
 * hold.c - asks for blocks of 2 MiB, and fragments memory on purpose
 *
 * Theory
 *
 * A *probe* asks for a number of blocks as transparent huge pages are asked for, holds what it gets
 * until the last request, and frees that: so many such blocks could have been had.  Without
 * compaction a probe takes what is free and changes nothing; with compaction, as where a program
 * wants such pages (madvise()), memory is moved and reclaimed.
 *
 * lab_hold() takes pages one by one and frees each second one: of what it leaves free no two pages
 * are neighbours.  An index of fragmentation that does not notice that is wrong.
 *
 * Locking: the callers hold the mutex of module.c.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "../lab.h"
#include "pages.h"

#define HOLD_GFP	(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)

static struct page **held;
static unsigned long nr_held;

/* How many of @requests for 2 MiB are served; 0 as well if there is no memory for the list. */
unsigned int lab_probe(unsigned int requests, bool compact)
{
	gfp_t gfp = compact ? GFP_TRANSHUGE | __GFP_NOWARN : GFP_TRANSHUGE_LIGHT;
	struct page **blocks = lab_zalloc(requests * sizeof(*blocks));
	unsigned int got = 0, i;

	if (!blocks)
		return 0;
	/* After a failure the kernel puts compaction off, so one may fail and the next not. */
	for (i = 0; i < requests; i++) {
		blocks[got] = alloc_pages(gfp, BLOCK_ORDER);
		got += !!blocks[got];
		cond_resched();
	}
	for (i = 0; i < got; i++)
		__free_pages(blocks[i], BLOCK_ORDER);
	lab_release(blocks);
	return got;
}

static void hold_pages(unsigned long pages)
{
	for (nr_held = 0; nr_held < pages; nr_held++) {
		held[nr_held] = alloc_page(HOLD_GFP);
		if (!held[nr_held])
			break;
		cond_resched();
	}
}

static void free_odd(void)
{
	unsigned long i;

	for (i = 0; i < nr_held; i++) {
		if (!(page_to_pfn(held[i]) & 1))
			continue;
		__free_page(held[i]);
		held[i] = NULL;
	}
}

/**
 * lab_hold() - of up to @pages single pages, hold those with an even number
 * @pages: at most so many are taken; fewer if they would have to be got by force
 *
 * Return: 0, or -EBUSY if there are some already, -ENOMEM.
 */
int lab_hold(unsigned long pages)
{
	if (held)
		return -EBUSY;
	held = lab_zalloc(pages * sizeof(*held));
	if (!held)
		return -ENOMEM;
	hold_pages(pages);
	free_odd();
	return 0;
}

void lab_hold_release(void)
{
	unsigned long i;

	for (i = 0; i < nr_held; i++)
		if (held[i])
			__free_page(held[i]);
	lab_release(held);
	held = NULL;
	nr_held = 0;
}
