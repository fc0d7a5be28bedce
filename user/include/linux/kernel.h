/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for user space: the kernel's tools/ have ALIGN() elsewhere, and no swap(). */
#include_next <linux/kernel.h>
#include <linux/align.h>

#define swap(a, b) do { typeof(a) swapped = (a); (a) = (b); (b) = swapped; } while (0)
