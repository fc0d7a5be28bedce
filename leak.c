// SPDX-License-Identifier: GPL-2.0
/*
 * leak.c - a module goes and leaves areas behind
 *
 * A module that calls an exported function is linked to this module and so holds a reference to it;
 * each arena holds a reference until it is destroyed, but for this module's own arenas: the default
 * one and the one of vmap_alloc_huge().  What these references do not cover is a module that goes
 * and leaves areas allocated.  A module notifier looks for areas that the code of the going module
 * allocated: it reports the first few, and how many there are, and keeps a reference to this module
 * for as long as this module's own arenas have live areas.
 *
 * The address of the code that allocated an area tells nothing once the code has gone: the next
 * module may be loaded there.  So the caller of such an area is replaced by the address of a struct
 * former_code, which says in words what was there and is not freed while this module is loaded.
 * That is done for the init code of a module when the module becomes live, and for all of its code
 * when the module goes.
 *
 * Locking: leaks_lock covers former_codes and kept_for_leaks, and is taken before varena_list_lock.
 * former_codes is also read under rcu_read_lock().
 */
#define pr_fmt(fmt) "vmap_arena: " fmt

#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "module.h"

/* Areas that are reported one by one: enough to see a pattern, too few to fill the log. */
#define LEAKS_SHOWN	10

/* Code that allocated areas and is no more. */
struct former_code {
	/* On former_codes; under leaks_lock, read under RCU. */
	struct list_head link;
	/* What it was; constant. */
	char text[MODULE_NAME_LEN + 32];
};

static LIST_HEAD(former_codes);
/* Covers former_codes and kept_for_leaks; taken before varena_list_lock. */
static DEFINE_MUTEX(leaks_lock);
/* This module holds a reference to itself for leaked areas. */
static bool kept_for_leaks;

/**
 * vleak_former() - the code that allocated an area, if it is no more
 * @caller: the caller that the area has
 *
 * Context: any.
 * Return: what the code was; NULL if @caller is the address of code.
 */
const char *vleak_former(const void *caller)
{
	const struct former_code *former;
	const char *text = NULL;

	rcu_read_lock();
	list_for_each_entry_rcu(former, &former_codes, link)
		if (former == caller)
			text = former->text;
	rcu_read_unlock();
	return text;
}

/*
 * The former code of the text that @format makes of @name.  If there is none it is made with @make;
 * NULL without memory.  Under leaks_lock.
 */
static struct former_code *former_code(const char *format, const char *name, bool make)
{
	char text[sizeof_field(struct former_code, text)];
	struct former_code *former;

	lockdep_assert_held(&leaks_lock);
	snprintf(text, sizeof(text), format, name);
	list_for_each_entry(former, &former_codes, link)
		if (!strcmp(former->text, text))
			return former;
	former = make ? kzalloc(sizeof(*former), GFP_KERNEL) : NULL;
	if (former) {
		strscpy(former->text, text, sizeof(former->text));
		list_add_rcu(&former->link, &former_codes);
	}
	return former;
}

#define INIT_CODE	"init code of module %s"
#define GONE_CODE	"module %s, which has gone"

/* A look for the areas that the code of one module allocated. */
struct hunt {
	const struct module *module;
	/* Is @caller what is looked for? */
	bool (*is_prey)(const struct hunt *hunt, const void *caller);
	/* What is done with each area found. */
	void (*found)(struct hunt *hunt, const struct vmap_space *space,
		      const struct vmap_tile *tile);
	/* The former init code of the module, or NULL. */
	const struct former_code *init;
	/* Areas found, and their bytes without the guards. */
	unsigned long areas;
	unsigned long bytes;
};

/* Look through a memory arena.  Under leaks_lock. */
static void hunt_in(struct hunt *hunt, struct vmap_space *space)
{
	struct vmap_walk walk;

	vwalk_begin(&walk, space);
	while (vwalk_step(&walk)) {
		if (walk.tile.caller && hunt->is_prey(hunt, walk.tile.caller))
			hunt->found(hunt, space, &walk.tile);
		cond_resched();
	}
	vwalk_end(&walk);
}

/* Look through all memory arenas.  Under leaks_lock. */
static void hunt(struct hunt *hunt)
{
	struct vmap_arena *arena;

	lockdep_assert_held(&leaks_lock);
	mutex_lock(&varena_list_lock);
	list_for_each_entry(arena, &varena_list, link)
		if (arena->cache.purge.space.memory && varena_live_areas(arena))
			hunt_in(hunt, &arena->cache.purge.space);
	mutex_unlock(&varena_list_lock);
}

static bool is_init_code(const struct hunt *hunt, const void *caller)
{
	return within_module_init((unsigned long)caller, hunt->module);
}

static void rename_init_code(struct hunt *hunt, const struct vmap_space *space,
			     const struct vmap_tile *tile)
{
	const struct former_code *init = former_code(INIT_CODE, hunt->module->name, true);

	if (init)
		vbad_change_caller(tile->start, tile->caller, init);
}

static bool is_of_module(const struct hunt *hunt, const void *caller)
{
	return caller == hunt->init || within_module((unsigned long)caller, hunt->module);
}

static void show_leak(const struct hunt *hunt, const struct vmap_space *space,
		      const struct vmap_tile *tile, unsigned long size)
{
	if (tile->caller == hunt->init)
		pr_err("module %s goes and leaves %lu bytes at %p of arena %s behind, allocated by its init code\n",
		       hunt->module->name, size, (void *)tile->start, space->name);
	else
		pr_err("module %s goes and leaves %lu bytes at %p of arena %s behind, allocated by %pS\n",
		       hunt->module->name, size, (void *)tile->start, space->name, tile->caller);
}

/* An area that a module leaves behind: count it, show it, and note who left it. */
static void report_leak(struct hunt *hunt, const struct vmap_space *space,
			const struct vmap_tile *tile)
{
	const struct former_code *gone = former_code(GONE_CODE, hunt->module->name, true);
	unsigned long size = tile->end - tile->start - space->guard;

	if (hunt->areas++ < LEAKS_SHOWN)
		show_leak(hunt, space, tile, size);
	hunt->bytes += size;
	if (gone)
		vbad_change_caller(tile->start, tile->caller, gone);
}

/* Report what the code of @module allocated and nobody freed, in any arena.  Under leaks_lock. */
static void report_leaks(const struct module *module)
{
	struct hunt leaks = {
		.module = module,
		.is_prey = is_of_module,
		.found = report_leak,
		.init = former_code(INIT_CODE, module->name, false),
	};

	hunt(&leaks);
	if (leaks.areas > LEAKS_SHOWN)
		pr_err("module %s leaves %lu areas of %lu bytes behind in all\n", module->name,
		       leaks.areas, leaks.bytes);
}

/* The live areas of @arena; NULL has none. */
static unsigned long live_in(struct vmap_arena *arena)
{
	if (!arena)
		return 0;
	if (vlost_count(&arena->cache.purge.space))
		vtake_recount_lost(&arena->cache);
	return varena_live_areas(arena);
}

/* Keep a reference to this module as long as its own arenas have areas.  Under leaks_lock. */
static void keep_for_leaks(void)
{
	bool leaks = live_in(varena_default) || live_in(varena_huge);

	if (leaks && !kept_for_leaks)
		__module_get(THIS_MODULE);
	if (!leaks && kept_for_leaks)
		module_put(THIS_MODULE);
	kept_for_leaks = leaks;
}

/* @module is about to go. */
static void module_goes(const struct module *module)
{
	/* Frees after a grace period are done before the areas are counted. */
	rcu_barrier();
	mutex_lock(&leaks_lock);
	report_leaks(module);
	keep_for_leaks();
	mutex_unlock(&leaks_lock);
}

/* The init code of @module is about to be freed. */
static void module_lives(const struct module *module)
{
	struct hunt init = {
		.module = module,
		.is_prey = is_init_code,
		.found = rename_init_code,
	};

	mutex_lock(&leaks_lock);
	hunt(&init);
	mutex_unlock(&leaks_lock);
}

/* The state of a module changes. */
static int module_changes(struct notifier_block *nb, unsigned long action, void *module)
{
	if (module == THIS_MODULE)
		return NOTIFY_DONE;
	if (action == MODULE_STATE_LIVE)
		module_lives(module);
	if (action == MODULE_STATE_GOING)
		module_goes(module);
	return NOTIFY_OK;
}

/* Of higher priority than the notifier of own.c, which destroys arenas. */
static struct notifier_block module_notifier = { .notifier_call = module_changes, .priority = 1 };

/* Look for leaks from now on.  Context: process, may sleep. */
int vleak_init_module(void)
{
	return register_module_notifier(&module_notifier);
}

/* No area is left, and no file in debugfs is read any more. */
void vleak_exit_module(void)
{
	struct former_code *former, *next;

	unregister_module_notifier(&module_notifier);
	list_for_each_entry_safe(former, next, &former_codes, link)
		kfree(former);
}
