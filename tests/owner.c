// SPDX-License-Identifier: GPL-2.0
/*
 * owner.c - a module written for vmalloc(), with an arena of its own
 *
 * It is compiled with vmap_vmalloc.h and VMAP_ARENA="owner".  It allocates where an arena could not
 * be created: when a parameter is set, before its init function, and in atomic context; and where
 * the kernel calls a function of its that ends in a call of vmalloc().  Each area is 7 pages, so
 * that scripts/guest/moved.sh finds them among others.
 */
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#define SIZE	(7 * PAGE_SIZE)

static unsigned int leak;
module_param(leak, uint, 0444);
MODULE_PARM_DESC(leak, "areas to leave behind");

static void *early;

static int set_early(const char *text, const struct kernel_param *kp)
{
	if (!early)
		early = vmalloc(SIZE);
	return early ? 0 : -ENOMEM;
}

static const struct kernel_param_ops early_ops = { .set = set_early };
module_param_cb(early, &early_ops, NULL, 0200);
MODULE_PARM_DESC(early, "allocate an area when this is set");

static void *atomic, *leaked;
static mempool_t *pool;

/* A tail call, if the compiler may make one. */
static void *allocate_for_pool(gfp_t gfp, void *data)
{
	return __vmalloc(SIZE, gfp);
}

static void free_of_pool(void *addr, void *data)
{
	vfree(addr);
}

static void free_all(void)
{
	mempool_destroy(pool);
	vfree(atomic);
	vfree(early);
}

static int __init owner_init(void)
{
	unsigned int i;

	preempt_disable();
	atomic = IS_ENABLED(CONFIG_PREEMPT_RT) ? NULL : __vmalloc(SIZE, GFP_ATOMIC);
	preempt_enable();
	if (!atomic)
		atomic = vmalloc(SIZE);
	pool = mempool_create(2, allocate_for_pool, free_of_pool, NULL);
	if (!pool || !atomic) {
		free_all();
		return -ENOMEM;
	}
	for (i = 0; i < leak; i++)
		leaked = vmalloc(SIZE);
	return 0;
}
module_init(owner_init);

static void __exit owner_exit(void)
{
	free_all();
}
module_exit(owner_exit);

MODULE_DESCRIPTION("A module written for vmalloc(), with an arena of its own");
MODULE_LICENSE("GPL");
