// SPDX-License-Identifier: GPL-2.0
/*
 * kernel.c - what modules of the lab need of the kernel, compiled into this module
 *
 * vmap_lab.ko has it, too, and one object cannot be part of two modules.
 */
#include "../kernel.c"
