/* SPDX-License-Identifier: GPL-2.0 */
/*
 * arena.h - arenas: create, destroy, statistics
 *
 * The layers, and what may call what, are in Documentation/internals.rst.  See the theory statement
 * in arena.c.
 */
#ifndef ARENA_H
#define ARENA_H

#include "calls.h"
#include "shards.h"

/* What module parameters say of each new arena. */
struct varena_defaults {
	/* Areas have a guard page. */
	bool guard;
	/* Frees are kept for reuse. */
	bool caching;
	/* Requests that fail in a range arena have what is movable moved: vcompact_ask(). */
	bool compact;
	/* The most address space, in bytes; 0: no limit. */
	unsigned long limit;
	/* Lazy bytes above which purging has priority; 0: by the number of CPUs. */
	unsigned long threshold;
	/* The index of each arena is a summary, else a red-black tree. */
	bool summary;
	/* Shards of a memory arena, VSHARD_MOST at most; 0: as many as CPUs. */
	unsigned int shards;
};

/* Lazy bytes that may be set as a threshold. */
#define MIN_THRESHOLD	(64UL << 10)
#define MAX_THRESHOLD	(64UL << 30)

/* What is called for each arena that is to be seen, and before it goes. */
struct varena_viewer {
	void (*add)(struct vmap_arena *arena);
	void (*remove)(struct vmap_arena *arena);
};

extern struct varena_defaults varena_defaults;
extern const struct varena_viewer *varena_viewer;
extern struct list_head varena_list;
extern struct mutex varena_list_lock;
int varena_create_default(void);
void varena_destroy_default(void);
int varena_create_huge(void);
void varena_destroy_huge(void);
void varena_release(struct vmap_arena *arena);
void varena_sum_calls(const struct vmap_arena *arena, unsigned long *allocs, unsigned long *frees);
unsigned long varena_live_areas(const struct vmap_arena *arena);
int varena_set_threshold(struct vmap_arena *arena, unsigned long bytes);

#endif
