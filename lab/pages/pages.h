/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pages.h - what a load does to the fragmentation of physical memory
 *
 * A *way* is one to get memory for an area; module.c says the rest.
 */
#ifndef LAB_PAGES_H
#define LAB_PAGES_H

#include <linux/mm.h>
#include <linux/types.h>

/* Of a block of 2 MiB. */
#define BLOCK_ORDER	(PMD_SHIFT - PAGE_SHIFT)

/**
 * struct lab_way - one way to get the memory of an area, and to give it back
 * @name: what way= calls it
 * @alloc: an area of so many pages, at least 1; NULL if there are none; sleeps
 * @free: give it back; sleeps
 * @purge: give back what is kept for reuse; sleeps; NULL: nothing is kept
 */
struct lab_way {
	const char *name;
	void *(*alloc)(unsigned int pages);
	void (*free)(void *area);
	void (*purge)(void);
};

/* ways.c */
extern const struct lab_way lab_ways[];
const struct lab_way *lab_way_find(const char *name);

/* hold.c */
unsigned int lab_probe(unsigned int requests, bool compact);
int lab_hold(unsigned long pages);
void lab_hold_release(void);

#endif
