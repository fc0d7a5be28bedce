// SPDX-License-Identifier: GPL-2.0
/*
 * pool.c - nodes of one size, compiled into this module
 *
 * vmap_lab.ko has it, too, and one object cannot be part of two modules.
 */
#include "../pool.c"
