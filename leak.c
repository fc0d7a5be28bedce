// SPDX-License-Identifier: GPL-2.0
/*
 * leak.c - a module goes and leaves areas of the module's own arenas behind
 *
 * A module that calls an exported function is linked to this module and so holds a reference to it;
 * each arena holds a reference until it is destroyed, but for the module's own arenas: the default
 * one and the one of vmap_alloc_huge().  What these references do not cover is a module that goes
 * and leaves areas of those allocated.  A module notifier looks for such areas: it reports each area
 * that the code of the going module allocated, and keeps a reference to this module for as long as
 * the module's own arenas have live areas.
 *
 * Locking: the kernel serialises the calls of a module notifier, which alone write kept_for_leaks.
 */
#define pr_fmt(fmt) "vmap_arena: " fmt

#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "module.h"

/* Report each area of @arena that the code of @mod allocated. */
static void report_leaks_in(struct vmap_arena *arena, struct module *mod)
{
	struct vmap_walk walk;

	vwalk_begin(&walk, &arena->cache.purge.space);
	while (vwalk_step(&walk)) {
		const struct vmap_tile *tile = &walk.tile;

		if (tile->caller && within_module((unsigned long)tile->caller, mod))
			pr_err("module %s goes and leaves %lu bytes at %p behind, allocated by %pS\n",
			       mod->name, tile->end - tile->start, (void *)tile->start,
			       tile->caller);
		cond_resched();
	}
	vwalk_end(&walk);
}

/* Report each area of the module's own arenas that the code of @mod allocated. */
static void report_leaks(struct module *mod)
{
	report_leaks_in(varena_default, mod);
	if (varena_huge)
		report_leaks_in(varena_huge, mod);
}

/* The live areas of @arena; NULL has none. */
static unsigned long live_in(struct vmap_arena *arena)
{
	if (!arena)
		return 0;
	if (READ_ONCE(arena->cache.purge.space.nr_lost))
		vtake_recount_lost(&arena->cache);
	return varena_live_areas(arena);
}

/* This module holds a reference to itself for leaked areas; written by module_goes() only. */
static bool kept_for_leaks;

/* Module @data is about to go, or the state of another module changes. */
static int module_goes(struct notifier_block *nb, unsigned long action, void *data)
{
	bool leaks;

	if (action != MODULE_STATE_GOING || data == THIS_MODULE)
		return NOTIFY_DONE;
	/* Frees after a grace period are done before the areas are counted. */
	rcu_barrier();
	leaks = live_in(varena_default) || live_in(varena_huge);
	if (leaks)
		report_leaks(data);
	if (leaks && !kept_for_leaks)
		__module_get(THIS_MODULE);
	if (!leaks && kept_for_leaks)
		module_put(THIS_MODULE);
	kept_for_leaks = leaks;
	return NOTIFY_OK;
}

static struct notifier_block module_notifier = { .notifier_call = module_goes };

/* Look for leaks from now on.  Context: process, may sleep. */
int vleak_init_module(void)
{
	return register_module_notifier(&module_notifier);
}

void vleak_exit_module(void)
{
	unregister_module_notifier(&module_notifier);
}
