// SPDX-License-Identifier: GPL-2.0
/*
 * flush.c - chooses how the TLB is flushed, and proves at load that it works
 *
 * An address is handed out again only when no TLB knows what was there before, so everything rests
 * on the flush.  Which instruction flushes all of a TLB differs from CPU to CPU (arch/), and
 * hypervisors show CPUs that nobody ever tried.  So no way is believed: a page is mapped, every CPU
 * reads it, another is mapped in its place, the TLB is flushed, and every CPU reads again.  One
 * word of the page before is enough to give the way up for the next one; without any the module
 * does not load.
 *
 * A TLB may lose an entry by itself, which would hide a flush that does nothing: hence several
 * rounds, of several pages.
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

#define TRIAL_ROUNDS	8

/*
 * Few enough to be flushed one by one, and more than ever are.  One page is a trial of its own:
 * QEMU, for one, mostly forgets all pages with the first.
 */
#define TRIAL_FEW	3
#define TRIAL_MANY	100

/* One way on trial, in a window of its own.  Page i has the word (round + i) % 2. */
struct trial {
	struct vmap_window *window;
	struct page *page[2];
	unsigned int pages;
	unsigned int round;
	atomic_t stale;
};

/* On every CPU, with interrupts off. */
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

static bool flush_works(struct trial *trial, unsigned int pages, bool all)
{
	trial->pages = pages;
	atomic_set(&trial->stale, 0);
	for (trial->round = 0; trial->round < TRIAL_ROUNDS; trial->round++)
		trial_round(trial, all);
	return !atomic_read(&trial->stale);
}

/* Whatever a way that failed left in a TLB is not this one's fault, if it can flush at all. */
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

static bool allows(const char *name, const char *way)
{
	return !strcmp(name, "auto") || !strcmp(name, way);
}

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

/* Flush in the first way from number @i on that @name allows and this CPU has; return its name. */
static const char *use_next(const char *name, unsigned int *i)
{
	const char *way;

	for (; (way = vwin_flush_name(*i)); (*i)++)
		if (allows(name, way) && vwin_flush_use(*i))
			return way;
	return NULL;
}

/* Try @way, which is in use and has number @i, and those after it; return the one that works. */
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
 * vwin_flush_choose() - choose how the TLB is flushed
 * @name: the way, or "auto" for the best that works
 *
 * Context: process, may sleep; before there is another window.
 * Return: the name of the way taken, or an ERR_PTR: -EINVAL for a name that is none, -ENODEV if the
 * CPU has no such way or none that works, -ENOMEM.
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
