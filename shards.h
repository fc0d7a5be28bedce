/* SPDX-License-Identifier: GPL-2.0 */
/*
 * shards.h - the shards of an arena
 *
 * See the theory statement in shards.c.
 */
#ifndef SHARDS_H
#define SHARDS_H

#include "take.h"

/*
 * The most shards of an arena: calls that find no room, and statistics, look at each.  With 64, on
 * 256 CPUs 4 share a shard.
 */
#define VSHARD_MOST	64U

void vshard_begin(struct vmap_purge *shard);
int vshard_add(struct vmap_cache *cache, unsigned int count);
int vshard_begin_stocks(struct vmap_cache *cache);
int vshard_split(struct vmap_cache *cache, unsigned long start, unsigned long end);

#endif
