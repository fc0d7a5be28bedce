/* SPDX-License-Identifier: GPL-2.0 */
/*
 * play_memory.h - a memory arena in a user program, and what the kernel does for any arena
 */
#ifndef PLAY_MEMORY_H
#define PLAY_MEMORY_H

#include "playground.h"

/* Bytes of a span: the module's default. */
#define PLAY_SPAN	(64UL << 20)

/* Extents that the slab has handed out and not got back. */
extern unsigned long play_extents;

/* Pages that one call of the page allocator returns at most: it may return less than all. */
extern unsigned int play_most_in_bulk;

/* The page allocator has blocks of pages. */
extern bool play_blocks;

/* Let @arena, whose life has ended or not begun, be one of memory with @spans spans. */
void play_open_memory(struct vmap_arena *arena, unsigned long spans, bool cached);

/* End the life of @arena, to which all must have come back.  Return what is wrong, or NULL. */
const char *play_close_memory(struct vmap_arena *arena);

/* A grace period ends: do what call_rcu() was asked for. */
void play_grace(void);

/* Do the work that was queued. */
void play_queued(void);

/* The extents of @arena: busy, free, lazy and cached. */
unsigned long play_tiles(const struct vmap_arena *arena);

/* Of these, the cached ones. */
unsigned long play_cached(struct vmap_arena *arena);

/* The misses of a request in @arena: see struct steps_at. */
unsigned long play_misses(const struct vmap_arena *arena, unsigned long size, unsigned long align,
			  unsigned long lo, unsigned long hi);

#endif
