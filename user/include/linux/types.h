/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for user space: the kernel's tools/ have all types that are needed but this one. */
#ifndef USER_TYPES_H
#define USER_TYPES_H

#include_next <linux/types.h>

struct callback_head {
	struct callback_head *next;
	void (*func)(struct callback_head *head);
};

#endif
