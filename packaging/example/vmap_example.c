// SPDX-License-Identifier: GPL-2.0
/*
 * vmap_example.c - a module that uses vmap_arena as it is installed
 *
 * Theory
 *
 * It keeps one area, from its load to its unload, and says so in the kernel log.  Build it with
 *
 *	make -C /lib/modules/$(uname -r)/build M=$PWD modules
 *
 * Locking: none; only init and exit touch the area.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include <vmap_alloc.h>

static char *text;

static int __init vmap_example_init(void)
{
	text = vmap_zalloc(SZ_64K);
	if (!text)
		return -ENOMEM;
	strscpy(text, "vmap_arena " VMAP_ARENA_VERSION, SZ_64K);
	pr_info("an area begins with \"%s\"\n", text);
	return 0;
}
module_init(vmap_example_init);

static void __exit vmap_example_exit(void)
{
	vmap_free(text);
}
module_exit(vmap_example_exit);

MODULE_DESCRIPTION("Example of a module that uses vmap_arena");
MODULE_LICENSE("GPL");
