/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stand-in for user space: vmap_alloc.h needs gfp_t, which the kernel's tools/ keep in types.h, and
 * what tells a compiler of sizes.
 */
#include <linux/types.h>

#ifndef __alloc_size
#define __alloc_size(...)
#define __realloc_size(...)
#define __must_check
#endif
