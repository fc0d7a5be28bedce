// SPDX-License-Identifier: GPL-2.0
/*
 * owners.c - who holds what of an arena: the file owners in debugfs
 *
 *   owner   a code address that allocated areas which are live
 *   asked   units that the owner asked for
 *   used    units that the areas take: with what was rounded up, the guard, and what a slot of
 *           the reserve has beyond the area.  A range arena does not note what was asked for, so
 *           there asked is used
 *
 * A walk (walk.c) sees each live area, under space->lock for one area at a time, and adds the area
 * to the row of its owner.  Then the owners are sorted and shown, and added up by module.
 *
 * The memory taken is bounded: an owner that finds OWNERS_MOST others before it, or a module that
 * finds MODULES_MOST, is counted in a last row, "others".  So the columns add up in any case.
 *
 * Locking: none of its own; each read of the file has its own tables.
 */
#include <linux/hash.h>
#include <linux/kallsyms.h>
#include <linux/log2.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "module.h"

/*
 * Rows of owners: a Debian kernel calls vmalloc() and its like from some 700 places, and all
 * drivers of a machine together from far less.  Twice as many slots keep the search for a slot
 * short.
 */
#define OWNERS_MOST	1024
#define OWNER_SLOTS	(2 * OWNERS_MOST)

/* Rows of modules: more than a machine has loaded. */
#define MODULES_MOST	256

/* Bytes of a module's name, or of what vleak_former() says of a module. */
#define MODULE_TEXT	(MODULE_NAME_LEN + 32)

/* What somebody holds. */
struct holding {
	unsigned long areas;
	unsigned long asked;
	unsigned long used;
};

/* An owner; a slot without areas is empty.  holding is the first member: see compare(). */
struct owner {
	struct holding holding;
	const void *caller;
};

/* All owners in one module. */
struct owner_module {
	struct holding holding;
	char name[MODULE_TEXT];
};

/* The tables that one read of the file makes. */
struct owners {
	/* A hash table by caller; once sorted, an array. */
	struct owner owner[OWNER_SLOTS];
	unsigned int nr_owners;
	struct owner_module module[MODULES_MOST];
	unsigned int nr_modules;
	/* What found no row. */
	struct holding other_owners;
	struct holding other_modules;
	/* For module_of(). */
	char symbol[KSYM_SYMBOL_LEN];
};

static void add(struct holding *sum, const struct holding *more)
{
	sum->areas += more->areas;
	sum->asked += more->asked;
	sum->used += more->used;
}

/* The row of a caller; that of all others if the table is full. */
static struct holding *row_of(struct owners *owners, const void *caller)
{
	unsigned int slot = hash_ptr(caller, ilog2(OWNER_SLOTS));
	struct owner *owner = &owners->owner[slot];

	while (owner->holding.areas && owner->caller != caller) {
		slot = (slot + 1) % OWNER_SLOTS;
		owner = &owners->owner[slot];
	}
	if (!owner->holding.areas) {
		if (owners->nr_owners == OWNERS_MOST)
			return &owners->other_owners;
		owners->nr_owners++;
		owner->caller = caller;
	}
	return &owner->holding;
}

static void add_tile(struct owners *owners, const struct vmap_tile *tile, unsigned long guard)
{
	unsigned long used = tile->end - tile->start;
	struct holding area = { .areas = 1, .asked = used - guard - tile->slack, .used = used };

	add(row_of(owners, tile->caller), &area);
}

static void find_owners(struct owners *owners, struct vmap_space *space)
{
	struct vmap_walk walk;

	vwalk_begin(&walk, space);
	while (vwalk_step(&walk)) {
		if (walk.tile.caller)
			add_tile(owners, &walk.tile, space->guard);
		cond_resched();
	}
	vwalk_end(&walk);
}

/* The module of a caller: in words if the code has gone. */
static const char *module_of(struct owners *owners, const void *caller)
{
	const char *former = vleak_former(caller);
	char *name;

	if (former)
		return former;
	/* Prints "function+0x1/0x2 [module]"; code of the kernel itself has no brackets. */
	sprint_symbol(owners->symbol, (unsigned long)caller);
	name = strrchr(owners->symbol, '[');
	if (!name)
		return "kernel";
	name++;
	name[strcspn(name, "]")] = '\0';
	return name;
}

static struct holding *row_of_module(struct owners *owners, const char *name)
{
	struct owner_module *module = owners->module;
	struct owner_module *end = module + owners->nr_modules;

	for (; module < end; module++)
		if (!strcmp(module->name, name))
			return &module->holding;
	if (owners->nr_modules == MODULES_MOST)
		return &owners->other_modules;
	owners->nr_modules++;
	strscpy(module->name, name, sizeof(module->name));
	return &module->holding;
}

static void find_modules(struct owners *owners)
{
	unsigned int i;

	for (i = 0; i < owners->nr_owners; i++) {
		const struct owner *owner = &owners->owner[i];

		add(row_of_module(owners, module_of(owners, owner->caller)), &owner->holding);
		cond_resched();
	}
	add(&owners->other_modules, &owners->other_owners);
}

/* Who uses most comes first, empty slots last. */
static int compare(const void *a, const void *b)
{
	const struct holding *left = a, *right = b;

	if (left->used != right->used)
		return left->used < right->used ? 1 : -1;
	return 0;
}

static void show_head(struct seq_file *m, const char *whose)
{
	seq_printf(m, "%10s %15s %15s %s\n", "areas", "asked", "used", whose);
}

static void show_holding(struct seq_file *m, const struct holding *holding)
{
	seq_printf(m, "%10lu %15lu %15lu ", holding->areas, holding->asked, holding->used);
}

static void show_others(struct seq_file *m, const struct holding *others)
{
	if (!others->areas)
		return;
	show_holding(m, others);
	seq_puts(m, "others\n");
}

/* Who allocated an area: an address of code, or in words the code that was there. */
void vdebug_show_caller(struct seq_file *m, const void *caller)
{
	const char *former = vleak_former(caller);

	if (former)
		seq_printf(m, "%s\n", former);
	else
		seq_printf(m, "%pS\n", caller);
}

static void show_owners(struct seq_file *m, const struct owners *owners)
{
	unsigned int i;

	show_head(m, "caller");
	for (i = 0; i < owners->nr_owners; i++) {
		show_holding(m, &owners->owner[i].holding);
		vdebug_show_caller(m, owners->owner[i].caller);
	}
	show_others(m, &owners->other_owners);
	seq_putc(m, '\n');
	show_head(m, "module");
	for (i = 0; i < owners->nr_modules; i++) {
		show_holding(m, &owners->module[i].holding);
		seq_printf(m, "%s\n", owners->module[i].name);
	}
	show_others(m, &owners->other_modules);
}

/**
 * vdebug_show_owners() - print who holds what of an arena
 * @m: where to
 * @arena: the arena
 *
 * Context: process, may sleep; takes walk_lock, and space->lock for one area at a time.
 * Return: 0 or -ENOMEM.
 */
int vdebug_show_owners(struct seq_file *m, struct vmap_arena *arena)
{
	struct owners *owners = kvzalloc(sizeof(*owners), GFP_KERNEL);

	if (!owners)
		return -ENOMEM;
	find_owners(owners, &arena->cache.purge.space);
	sort(owners->owner, OWNER_SLOTS, sizeof(*owners->owner), compare, NULL);
	find_modules(owners);
	sort(owners->module, owners->nr_modules, sizeof(*owners->module), compare, NULL);
	show_owners(m, owners);
	kvfree(owners);
	return 0;
}
