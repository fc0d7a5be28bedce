/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h - the one place that knows kernel versions
 *
 * The rest of the code is written for the newest kernel; what an older one lacks is made up for
 * here, under the newer name.
 */
#ifndef COMPAT_H
#define COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "vmap_arena needs Linux 6.1 or later"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#include <linux/gfp.h>
#define alloc_pages_bulk_node(gfp, node, count, pages) \
	alloc_pages_bulk_array_node(gfp, node, count, pages)
#endif

/* What the symbol table calls __vmalloc_node(). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define VMALLOC_NODE_SYMBOL	"__vmalloc_node"
#else
#define VMALLOC_NODE_SYMBOL	"__vmalloc_node_noprof"
#endif

#endif
