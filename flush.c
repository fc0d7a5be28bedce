// SPDX-License-Identifier: GPL-2.0
/*
 * flush.c - chooses how to flush a whole TLB, and proves at load that flushes work
 *
 * An address is handed out again only when no TLB has its old translation, so the module depends on
 * its flushes.  The instruction that flushes a whole TLB differs from CPU to CPU (arch/), and a
 * hypervisor may emulate a CPU that nobody tried the module on.  So vwin_flush_choose() tries a way
 * before the module uses it: it maps a page, lets every CPU read the page, maps another page in its
 * place, flushes, and lets every CPU read again.  If one CPU reads a word of the old page, the way
 * is given up for the next one.  If no way works the module does not load.
 *
 * Words:
 *   way    an instruction, or a sequence of instructions, that flushes a whole TLB; a way has a
 *          number and a name
 *   trial  one way under test, in a window of its own
 *   round  map, read on all CPUs, unmap, flush; the next round maps the other pages
 *
 * Locking: none; runs at load, before there is another window.
 */
#define pr_fmt(fmt) "vmap_arena: " fmt

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "compat.h"
#include "effort.h"
#include "shadow.h"
#include "window.h"

/*
 * A TLB may lose an entry by itself, which hides a flush that does nothing.  A flush comes before
 * seven of the eight rounds: a way that does nothing passes only if each TLB loses all entries
 * before each of the seven.  More rounds would make the load slower: each costs two IPIs to every
 * CPU, one for the reads and one for the flush.
 */
#define TRIAL_ROUNDS	8

/*
 * Pages in a trial.  3 pages are flushed one by one, and 100 pages by a flush of the whole TLB:
 * ARCH_FLUSH_SINGLY of arch/x86.h is between the two.  A single page is tried, too: QEMU mostly
 * drops all pages when it is told to drop the first.
 */
#define TRIAL_FEW	3
#define TRIAL_MANY	100

/*
 * One trial.  In round r page i of the window maps page[(r + i) % 2], and each word of page[n] that
 * is read has the value n.
 */
struct trial {
	struct vmap_window *window;
	/* The two pages that take turns; the first word of page[n] is n. */
	struct page *page[2];
	/* Pages of the window that are mapped in a round. */
	unsigned int pages;
	/* The round in progress. */
	unsigned int round;
	/* Reads, on all CPUs, that returned the word of the wrong page. */
	atomic_t stale;
};

/* Read a word of each page of the round.  Called on every CPU, with interrupts off. */
static void trial_look(void *info)
{
	struct trial *trial = info;
	unsigned int i;

	for (i = 0; i < trial->pages; i++) {
		const unsigned long *word = (void *)trial->window->start + i * PAGE_SIZE;

		if (READ_ONCE(*word) != (trial->round + i) % 2)
			atomic_inc(&trial->stale);
	}
}

/* One round, which ends with vwin_flush_all() if @all, else with vwin_flush_range(). */
static void trial_round(struct trial *trial, bool all)
{
	unsigned long start = trial->window->start, end = start + trial->pages * PAGE_SIZE;
	unsigned int i;

	for (i = 0; i < trial->pages; i++)
		vwin_map(trial->window, start + i * PAGE_SIZE, &trial->page[(trial->round + i) % 2],
			 1, PAGE_KERNEL);
	on_each_cpu(trial_look, trial, 1);
	vwin_unmap(trial->window, start, end, false);
	if (all)
		vwin_flush_all();
	else
		vwin_flush_range(start, end);
}

/* Do TRIAL_ROUNDS rounds with @pages pages leave no stale translation in any TLB? */
static bool flush_works(struct trial *trial, unsigned int pages, bool all)
{
	trial->pages = pages;
	atomic_set(&trial->stale, 0);
	for (trial->round = 0; trial->round < TRIAL_ROUNDS; trial->round++)
		trial_round(trial, all);
	return !atomic_read(&trial->stale);
}

/*
 * Does the way in use work?  The first flush drops stale translations that a way tried before left
 * behind.
 */
static bool way_works(struct trial *trial)
{
	vwin_flush_all();
	return flush_works(trial, TRIAL_FEW, true) && flush_works(trial, 1, false) &&
	       flush_works(trial, TRIAL_FEW, false) && flush_works(trial, TRIAL_MANY, false);
}

static void end_trial(struct trial *trial)
{
	unsigned int i;

	if (trial->window)
		vwin_close(trial->window);
	for (i = 0; i < 2; i++)
		if (trial->page[i])
			__free_page(trial->page[i]);
}

static bool begin_trial(struct trial *trial)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		trial->page[i] = alloc_page(vgfp_may_fail(GFP_KERNEL));
		if (!trial->page[i])
			return false;
		*(unsigned long *)page_address(trial->page[i]) = i;
	}
	trial->window = vwin_open(ALIGN(TRIAL_MANY * PAGE_SIZE, WINDOW_GRAIN));
	if (!trial->window)
		return false;
	vwin_shadow_open(trial->window->start, TRIAL_MANY * PAGE_SIZE);
	return true;
}

/* Does @name, the value of the parameter flush, allow the way called @way? */
static bool allows(const char *name, const char *way)
{
	return !strcmp(name, "auto") || !strcmp(name, way);
}

/* Return 0 if @name is "auto" or the name of a way, else -EINVAL after a report with all names. */
static int check_name(const char *name)
{
	char list[64] = "auto";
	const char *way;
	unsigned int i;

	for (i = 0; (way = vwin_flush_name(i)); i++) {
		if (allows(name, way))
			return 0;
		strlcat(list, ", ", sizeof(list));
		strlcat(list, way, sizeof(list));
	}
	pr_err("flush=%s: is not one of %s\n", name, list);
	return -EINVAL;
}

/*
 * Use the first way from number *@i on that @name allows and this CPU has.  Return its name, or
 * NULL.
 */
static const char *use_next(const char *name, unsigned int *i)
{
	const char *way;

	for (; (way = vwin_flush_name(*i)); (*i)++)
		if (allows(name, way) && vwin_flush_use(*i))
			return way;
	return NULL;
}

/*
 * Try @way, which is in use and has number @i, then the ways after it.  Return the name of the
 * first way that works, or NULL.
 */
static const char *try_ways(struct trial *trial, const char *name, const char *way, unsigned int i)
{
	while (way && !way_works(trial)) {
		pr_warn("flush=%s: leaves stale entries in some TLB\n", way);
		i++;
		way = use_next(name, &i);
	}
	return way;
}

/**
 * vwin_flush_choose() - choose the way to flush a whole TLB
 * @name: the name of the way, or "auto" for the cheapest way that works
 *
 * Context: process, may sleep; before there is another window.
 * Return: the name of the way in use, or an ERR_PTR: -EINVAL if no way has @name, -ENODEV if this
 * CPU does not have the way or no way works, -ENOMEM.
 */
const char *vwin_flush_choose(const char *name)
{
	struct trial trial = {};
	unsigned int i = 0;
	const char *way;
	int err = check_name(name);

	if (err)
		return ERR_PTR(err);
	way = use_next(name, &i);
	err = way && !begin_trial(&trial) ? -ENOMEM : 0;
	if (way && !err)
		way = try_ways(&trial, name, way, i);
	end_trial(&trial);
	if (!way)
		pr_err("flush=%s: this CPU has no such way to flush its TLB, or none that works\n",
		       name);
	return err ? ERR_PTR(err) : way ?: ERR_PTR(-ENODEV);
}
