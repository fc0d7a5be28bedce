// SPDX-License-Identifier: GPL-2.0
/*
 * workload.c - made-up loads, compiled into this module
 *
 * vmap_lab.ko has it, too, and one object cannot be part of two modules.
 */
#include "../workload.c"
