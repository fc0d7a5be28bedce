// SPDX-License-Identifier: GPL-2.0
/*
 * own.c - arenas that belong to modules
 *
 * A module that is compiled with vmap_vmalloc.h and VMAP_ARENA="NAME" has an arena of its own for
 * what it asks of vmalloc() and the like.  Its source knows nothing of that, and its first
 * allocation may be atomic, where no arena can be created.  So a module notifier creates the arena
 * before any code of the module runs, and destroys it when all code of the module has run.
 *
 *   wish        a struct vown_wish in the read-only data of the module: vmap_vmalloc.h puts one
 *               there for each source file.  Its first 16 bytes are the magic, which no other data
 *               has.  find_wish() looks at each 16th byte: 65,536 places in 1 MiB, once a load.
 *   owner       a module with an arena of its own
 *   orphan      an owner that has gone and left areas behind: its arena cannot be destroyed.  The
 *               next module whose wish has the same name takes the arena over; else it is
 *               destroyed when another module comes or goes and all areas are freed.
 *
 * A call belongs to the owner whose code has the return address of the call.  vmap_vmalloc.h tells
 * the compiler to make no tail calls, whose return address is that of the caller.
 *
 * Locking: the kernel may load two modules at a time, so owners_lock covers the list for writers.
 * Look-ups run under rcu_read_lock(); an owner is freed after a grace period.
 */
#define pr_fmt(fmt) "vmap_arena: " fmt

#include <linux/err.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "module.h"

/* What vmap_vmalloc.h leaves in a module; the layout is fixed there, too. */
struct vown_wish {
	u8 magic[16];
	char name[VMAP_NAME_MAX];
};

/* The alignment of a wish: that of the magic. */
#define WISH_ALIGN	sizeof_field(struct vown_wish, magic)

/* Random bytes.  Inverted here, so that this module's own data does not have them. */
static const u8 not_magic[] = {
	0x89, 0xd4, 0x17, 0x3e, 0xb2, 0x5c, 0xf0, 0x61,
	0x0a, 0x9d, 0x48, 0xc7, 0xe5, 0x33, 0x76, 0x1b,
};

/* A range of code.  start is constant. */
struct code {
	unsigned long start;
	/* 0 from when no code runs there.  Written under owners_lock, read without. */
	unsigned long size;
};

/* A module with an arena of its own, or an orphan. */
struct vown_owner {
	/* On owners; under owners_lock, read under RCU. */
	struct list_head link;
	/* The code of the module, and its init code, which goes when the module is live. */
	struct code code;
	struct code init_code;
	/* The arena; constant. */
	struct vmap_arena *arena;
	/* The module; NULL: an orphan.  Under owners_lock. */
	struct module *module;
	struct rcu_head rcu;
};

static LIST_HEAD(owners);
/* Covers owners and the fields of its entries; taken before varena_list_lock. */
static DEFINE_MUTEX(owners_lock);

static bool is_code(const struct code *code, const void *addr)
{
	return (unsigned long)addr - code->start < READ_ONCE(code->size);
}

static noinline struct vmap_arena *look_up(const void *caller)
{
	const struct vown_owner *owner;
	struct vmap_arena *arena = NULL;

	rcu_read_lock();
	list_for_each_entry_rcu(owner, &owners, link)
		if (is_code(&owner->code, caller) || is_code(&owner->init_code, caller)) {
			arena = owner->arena;
			break;
		}
	rcu_read_unlock();
	return arena;
}

/**
 * vown_arena() - the arena of the module whose code made a call
 * @caller: the return address of the call
 *
 * Context: any; takes a few instructions for each owner.
 * Return: the arena, or NULL, which stands for the default one.
 */
struct vmap_arena *vown_arena(const void *caller)
{
	return likely(list_empty_careful(&owners)) ? NULL : look_up(caller);
}

static bool is_wish(const struct vown_wish *wish)
{
	unsigned int i;

	for (i = 0; i < sizeof(wish->magic); i++)
		if (wish->magic[i] != (u8)~not_magic[i])
			return false;
	return true;
}

/* The wish in the read-only data of @module, or NULL. */
static const struct vown_wish *find_wish(const struct module *module)
{
	unsigned long at = ALIGN(module_rodata(module), WISH_ALIGN);
	unsigned long end = module_rodata(module) + module_rodata_size(module);

	for (; at + sizeof(struct vown_wish) <= end; at += WISH_ALIGN)
		if (is_wish((const struct vown_wish *)at))
			return (const struct vown_wish *)at;
	return NULL;
}

/* Take an owner, whose arena is gone or has another owner, from the list.  Under owners_lock. */
static void drop(struct vown_owner *owner)
{
	list_del_rcu(&owner->link);
	kfree_rcu(owner, rcu);
}

/* Destroy the arenas of orphans that have no areas any more.  Under owners_lock. */
static void retire_orphans(void)
{
	struct vown_owner *owner, *next;

	lockdep_assert_held(&owners_lock);
	list_for_each_entry_safe(owner, next, &owners, link)
		if (!owner->module && !vmap_arena_destroy(owner->arena))
			drop(owner);
}

/* An arena called @name: the one of an orphan, which ends so, or a new one.  Under owners_lock. */
static struct vmap_arena *inherit_or_create(const char *name)
{
	struct vown_owner *owner;
	struct vmap_arena *arena;

	lockdep_assert_held(&owners_lock);
	list_for_each_entry(owner, &owners, link) {
		arena = owner->arena;
		if (!owner->module && !strcmp(arena->cache.purge.space.name, name)) {
			drop(owner);
			return arena;
		}
	}
	return vmap_arena_create(name, 0);
}

/* Make @module an owner.  Return 0 or an error.  Under owners_lock. */
static int add_owner(struct module *module, const char *name)
{
	struct vown_owner *owner = kzalloc(sizeof(*owner), GFP_KERNEL);

	lockdep_assert_held(&owners_lock);
	if (!owner)
		return -ENOMEM;
	owner->arena = inherit_or_create(name);
	if (IS_ERR(owner->arena)) {
		int err = PTR_ERR(owner->arena);

		kfree(owner);
		return err;
	}
	owner->module = module;
	owner->code = (struct code){ module_text(module), module_text_size(module) };
	owner->init_code = (struct code){ module_init_text(module), module_init_text_size(module) };
	list_add_rcu(&owner->link, &owners);
	return 0;
}

/* @module is about to run, and wishes for an arena called @name.  Return 0 or an error. */
static int give_arena(struct module *module, const char *name)
{
	int err;

	mutex_lock(&owners_lock);
	retire_orphans();
	err = add_owner(module, name);
	mutex_unlock(&owners_lock);
	if (err)
		pr_err("module %s is not loaded: no arena \"%s\" for it: error %d\n", module->name,
		       name, err);
	return err;
}

static int module_comes(struct module *module)
{
	const struct vown_wish *wish = find_wish(module);

	if (!wish)
		return 0;
	if (!strnlen(wish->name, sizeof(wish->name)) ||
	    strnlen(wish->name, sizeof(wish->name)) == sizeof(wish->name)) {
		pr_err("module %s is not loaded: VMAP_ARENA must have 1 to %zu characters\n",
		       module->name, sizeof(wish->name) - 1);
		return -EINVAL;
	}
	return give_arena(module, wish->name);
}

/* The owner that is @module, or NULL.  Under owners_lock. */
static struct vown_owner *owner_of(const struct module *module)
{
	struct vown_owner *owner;

	lockdep_assert_held(&owners_lock);
	list_for_each_entry(owner, &owners, link)
		if (owner->module == module)
			return owner;
	return NULL;
}

/* The init code of @module is about to be freed: other code may come to its addresses. */
static void module_lives(const struct module *module)
{
	struct vown_owner *owner;

	mutex_lock(&owners_lock);
	owner = owner_of(module);
	if (owner)
		WRITE_ONCE(owner->init_code.size, 0);
	mutex_unlock(&owners_lock);
}

/* No code of @module runs any more: destroy its arena, or leave an orphan. */
static void module_goes(const struct module *module)
{
	struct vown_owner *owner;

	mutex_lock(&owners_lock);
	owner = owner_of(module);
	if (owner && !vmap_arena_destroy(owner->arena)) {
		drop(owner);
	} else if (owner) {
		WRITE_ONCE(owner->code.size, 0);
		WRITE_ONCE(owner->init_code.size, 0);
		owner->module = NULL;
		pr_err("module %s goes; its arena %s stays, because of what is allocated there\n",
		       module->name, owner->arena->cache.purge.space.name);
	}
	retire_orphans();
	mutex_unlock(&owners_lock);
}

static int module_changes(struct notifier_block *nb, unsigned long action, void *module)
{
	if (module == THIS_MODULE)
		return NOTIFY_DONE;
	if (action == MODULE_STATE_COMING)
		return notifier_from_errno(module_comes(module));
	if (action == MODULE_STATE_LIVE)
		module_lives(module);
	if (action == MODULE_STATE_GOING)
		module_goes(module);
	return NOTIFY_OK;
}

/* Of lower priority than the notifier of leak.c, which says first what a module leaves behind. */
static struct notifier_block notifier = { .notifier_call = module_changes };

/* Give arenas to modules from now on.  Context: process, may sleep. */
int vown_init_module(void)
{
	return register_module_notifier(&notifier);
}

/* No owner is left, since each arena has a reference to this module. */
void vown_exit_module(void)
{
	unregister_module_notifier(&notifier);
}
