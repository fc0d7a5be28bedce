/* SPDX-License-Identifier: GPL-2.0 */
/*
 * calls.h - an arena, as the memory calls and the extent calls see it
 *
 * An arena is a cache over a space that is purged, with a name and a life of its own.  The calls
 * use the cache and what is below; creating and destroying arenas is the concern of arena.h.
 */
#ifndef CALLS_H
#define CALLS_H

#include <linux/kref.h>

#include "take.h"

struct dentry;

/* One arena. */
struct vmap_arena {
	struct vmap_cache cache;

	/* VMAP_ARENA_*; constant. */
	unsigned int flags;
	/* Open files keep the arena in memory after it was destroyed. */
	struct kref refs;
	/* On varena_list; under varena_list_lock. */
	struct list_head link;
	/* The debugfs folder. */
	struct dentry *dir;
};

/* The arena that stands for NULL; set at load, before anybody can call. */
extern struct vmap_arena *varena_default;

static inline struct vmap_arena *varena_or_default(struct vmap_arena *arena)
{
	return arena ?: varena_default;
}

/* vmap_alloc.c: the calls that free, for @caller, who is told in reports. */
void valloc_free_any(const void *addr, const void *caller);
void valloc_free_rcu(const void *addr, const void *caller);
void valloc_unmap(const void *addr, const void *caller);

#endif
