// SPDX-License-Identifier: GPL-2.0
/*
 * trace.c - the reader of traces, compiled into this module
 *
 * vmap_lab.ko has it, too, and one object cannot be part of two modules.
 */
#include "../trace.c"
