// SPDX-License-Identifier: GPL-2.0
/*
 * leak.c - a module goes and leaves areas of the default arena behind
 *
 * A module that calls an exported function is linked to this module and so holds a reference to it;
 * each arena but the default one holds a reference until it is destroyed.  What these references do
 * not cover is a module that goes and leaves areas of the default arena allocated.  A module
 * notifier looks for such areas: it reports each area that the code of the going module allocated,
 * and keeps a reference to this module for as long as the default arena has live areas.
 *
 * Locking: the kernel serialises the calls of a module notifier, which alone write kept_for_leaks.
 */
#define pr_fmt(fmt) "vmap_arena: " fmt

#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "module.h"

/* Report each area of the default arena that the code of @mod allocated. */
static void report_leaks(struct module *mod)
{
	struct vmap_walk walk;

	vwalk_begin(&walk, &varena_default->cache.purge.space);
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
	if (READ_ONCE(varena_default->cache.purge.space.nr_lost))
		vtake_recount_lost(&varena_default->cache);
	leaks = varena_live_areas(varena_default);
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
