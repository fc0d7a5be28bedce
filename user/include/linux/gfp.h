/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stand-in for user space: vmap_alloc.h needs gfp_t and nothing else, and the kernel's tools/ keep
 * that in types.h.
 */
#include <linux/types.h>
