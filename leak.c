// SPDX-License-Identifier: GPL-2.0
/*
 * leak.c - a module goes and leaves areas of the default arena behind
 *
 * Whoever calls an exported function holds a reference to this module by being linked to it, and
 * each arena but the default one holds one until it is destroyed.  What remains is a caller's
 * module that goes and leaves allocations of the default arena.  A module notifier looks for those:
 * it reports each area allocated from the module that goes, and keeps a reference to this module
 * for as long as the default arena has live areas.
 *
 * Locking: the kernel serialises the calls of a module notifier; nothing else writes what is here.
 */
#define pr_fmt(fmt) "vmap_arena: " fmt

#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "module.h"

/* Name those areas of the default arena that were allocated from @mod. */
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

/* Only ever changed by the notifier below, whose calls the kernel serialises. */
static bool kept_for_leaks;

static int module_goes(struct notifier_block *nb, unsigned long action, void *data)
{
	bool leaks;

	if (action != MODULE_STATE_GOING || data == THIS_MODULE)
		return NOTIFY_DONE;
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

int vleak_init_module(void)
{
	return register_module_notifier(&module_notifier);
}

void vleak_exit_module(void)
{
	unregister_module_notifier(&module_notifier);
}
