/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for user space: vmap_alloc.h declares calls that take these; none is called here. */
#ifndef USER_MM_TYPES_H
#define USER_MM_TYPES_H

struct page;

typedef struct {
	unsigned long pgprot;
} pgprot_t;

#endif
