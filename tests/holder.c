// SPDX-License-Identifier: GPL-2.0
/*
 * holder.c - holds memory of an arena for as long as it is loaded, so that others can look at it
 *
 * A module for stock kernels, without KUnit.  What is there to be seen of the areas is looked at by
 * scripts/guest/counted.sh.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../vmap_alloc.h"

static unsigned long areas = 16;
module_param(areas, ulong, 0444);
MODULE_PARM_DESC(areas, "how many areas to hold (16)");

static unsigned long pages = 256;
module_param(pages, ulong, 0444);
MODULE_PARM_DESC(pages, "pages of each area (256)");

static unsigned long reserve;
module_param(reserve, ulong, 0444);
MODULE_PARM_DESC(reserve, "pages of a reserve, besides (0)");

static bool huge;
module_param(huge, bool, 0444);
MODULE_PARM_DESC(huge, "in 2 MiB pages, if there are any");

static bool account;
module_param(account, bool, 0444);
MODULE_PARM_DESC(account, "charge the pages to the task that loads the module");

static struct vmap_arena *arena;
static void **held;

static void let_go(void)
{
	unsigned long i;

	for (i = 0; i < areas; i++)
		vmap_free(held[i]);
	kvfree(held);
	WARN_ON(vmap_arena_destroy(arena));
}

/* Not inlined into code that is gone once the module is loaded: tracers show its name. */
static noinline int hold(void)
{
	gfp_t gfp = account ? GFP_KERNEL_ACCOUNT : GFP_KERNEL;
	unsigned long i;

	if (reserve && vmap_arena_reserve(arena, reserve << PAGE_SHIFT, 1, 0))
		return -ENOMEM;
	for (i = 0; i < areas; i++) {
		held[i] =
			vmap_arena_alloc(arena, pages << PAGE_SHIFT, PAGE_SIZE, gfp, NUMA_NO_NODE);
		if (!held[i])
			return -ENOMEM;
	}
	return 0;
}

static int __init holder_init(void)
{
	int err;

	held = kvcalloc(areas, sizeof(*held), GFP_KERNEL);
	if (!held)
		return -ENOMEM;
	arena = vmap_arena_create("held", huge ? VMAP_ARENA_HUGE : 0);
	if (IS_ERR(arena)) {
		kvfree(held);
		return PTR_ERR(arena);
	}
	err = hold();
	if (err)
		let_go();
	return err;
}

static void __exit holder_exit(void)
{
	let_go();
}

module_init(holder_init);
module_exit(holder_exit);
MODULE_DESCRIPTION("Holds memory of an arena");
MODULE_LICENSE("GPL");
