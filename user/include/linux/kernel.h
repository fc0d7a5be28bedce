/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for user space: the kernel's tools/ have ALIGN() elsewhere than the kernel has it. */
#include_next <linux/kernel.h>
#include <linux/align.h>
