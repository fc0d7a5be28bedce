// SPDX-License-Identifier: GPL-2.0
/*
 * unowned.c - a module that wants an arena of its own with the name of another, and is not loaded
 *
 * It is compiled with vmap_vmalloc.h and VMAP_ARENA="default".
 */
#include <linux/module.h>
#include <linux/vmalloc.h>

static int __init unowned_init(void)
{
	vfree(vmalloc(1));
	return 0;
}
module_init(unowned_init);

static void __exit unowned_exit(void)
{
}
module_exit(unowned_exit);

MODULE_DESCRIPTION("A module whose wish for an arena cannot be met");
MODULE_LICENSE("GPL");
