/* SPDX-License-Identifier: GPL-2.0 */
/*
 * playground.h - a range arena in a user program, without the module around it
 */
#ifndef PLAYGROUND_H
#define PLAYGROUND_H

#include "../arena.h"
#include "../cache.h"

/* The extents that a CPU, and the depot, may keep. */
#define PLAY_CACHE_LIMIT	16384UL

/* No interrupt reaches a CPU that is played here: the caller takes the part of each in turn. */
void play_each_cpu(bool (*asked)(int cpu, void *argument), void (*function)(void *argument),
		   void *argument);

/* Let @arena, whose life has ended or not begun, have all but a span; its cache is off. */
void play_begin(struct vmap_arena *arena, unsigned long quantum, bool memory);

/* Let @arena, whose life has ended or not begun, hold all below @end. */
void play_open(struct vmap_arena *arena, unsigned long end, bool cached);

/* play_open() with several shards, PLAYERS at most. */
void play_open_shards(struct vmap_arena *arena, unsigned long end, bool cached,
		      unsigned int shards);

/* End the life of @arena, to which all must have come back.  Return what is wrong, or NULL. */
const char *play_close(struct vmap_arena *arena, unsigned long end);

#endif
