// SPDX-License-Identifier: GPL-2.0
/*
 * misuse.c - gives an address of an arena's to a call of the kernel's
 *
 * A module of its own (vmap_misuse.ko), so that it can be done in any kernel, also where there is
 * no KUnit.  It allocates areas, gives one of them to the call that the parameter names, looks what
 * became of the others, allocates more, and says so in the kernel log.  Loading it fails if an area
 * that it did not free is gone.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "../vmap_alloc.h"

#define AREAS	16
#define SIZE	(2 * PAGE_SIZE)
#define GIVEN	5
#define THEIRS	64
#define THEIR_SIZE	(1UL << 20)

static char *call = "vfree";
module_param(call, charp, 0444);
MODULE_PARM_DESC(call, "vfree, kvfree, kvfree_rcu or vunmap (default vfree)");

static void *area[AREAS];
static void *theirs[THEIRS];

static bool misuse(void *addr)
{
	if (!strcmp(call, "vfree"))
		vfree(addr);
	else if (!strcmp(call, "kvfree"))
		kvfree(addr);
	else if (!strcmp(call, "kvfree_rcu"))
		kvfree_rcu_mightsleep(addr);
	else if (!strcmp(call, "vunmap"))
		vunmap(addr);
	else
		return false;
	return true;
}

static unsigned int count_mapped(void)
{
	unsigned int i, mapped = 0;

	for (i = 0; i < AREAS; i++)
		mapped += i != GIVEN && vmalloc_to_page(area[i]);
	return mapped;
}

/* How many new areas lie in somebody else's, to whom the kernel gave what it could. */
static unsigned int count_twice(void)
{
	unsigned int i, j, twice = 0;

	vm_unmap_aliases();
	for (i = 0; i < THEIRS; i++)
		theirs[i] = vmalloc(THEIR_SIZE);
	for (i = 0; i < THEIRS; i++) {
		void *mine = vmap_alloc(SIZE);

		for (j = 0; j < THEIRS; j++)
			twice += mine >= theirs[j] && mine < theirs[j] + THEIR_SIZE;
		vmap_free(mine);
	}
	for (i = 0; i < THEIRS; i++)
		vfree(theirs[i]);
	return twice;
}

static int __init misuse_init(void)
{
	unsigned int i, mapped, twice;

	for (i = 0; i < AREAS; i++)
		area[i] = vmap_alloc(SIZE);
	if (!misuse(area[GIVEN])) {
		pr_err("vmap_misuse: call=%s is not a call that is known\n", call);
		return -EINVAL;
	}
	mapped = count_mapped();
	twice = count_twice();
	for (i = 0; i < AREAS; i++)
		if (i != GIVEN || !strcmp(call, "vunmap"))
			vmap_free(area[i]);
	pr_info("vmap_misuse: %s: %u of %u others mapped, %u new ones in areas of others\n", call,
		mapped, AREAS - 1, twice);
	return mapped == AREAS - 1 && !twice ? 0 : -EIO;
}

static void __exit misuse_exit(void)
{
}

module_init(misuse_init);
module_exit(misuse_exit);

MODULE_DESCRIPTION("Gives an address of vmap_arena's to a call of the kernel's");
MODULE_LICENSE("GPL");
