// SPDX-License-Identifier: GPL-2.0
/*
 * free_tree.c - the arena's own free tree, and its summary, compiled into this module
 *
 * vmap_arena.ko does not export them, and one object cannot be part of two modules.
 */
#include "../free_summary.c"
#include "../free_tree.c"
