// SPDX-License-Identifier: GPL-2.0
/*
 * free_tree.c - the arena's own free tree, compiled into this module
 *
 * vmap_arena.ko does not export it, and one object cannot be part of two modules.
 */
#include "../free_tree.c"
