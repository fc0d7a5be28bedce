// SPDX-License-Identifier: GPL-2.0
/*
 * load.c - the list of operations, compiled into this module
 *
 * vmap_lab.ko has it, too, and one object cannot be part of two modules.
 */
#include "../load.c"
