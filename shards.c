// SPDX-License-Identifier: GPL-2.0
/*
 * shards.c - the shards of an arena: how many there are, and which CPU allocates from which
 *
 * All that goes past the magazines takes a lock.  Where many CPUs do so at once they wait for each
 * other, and the cache lines of the free tree go to and fro.  So an arena may have several shards:
 * each is a space with a lock, a free tree, spans and spares of its own, and with lists of its own
 * for what is lazy, flushed and deferred, and a stock of pages (struct vmap_purge).
 *
 *   allocation  from this CPU's shard (vcache_shard_here()), CPU number modulo shards.  If that has
 *               no room, from the other shards in turn, before a span is imported and before the
 *               call fails: vtake_slow().
 *   free        to the shard that the addresses belong to, whichever CPU frees: vpurge_free(),
 *               vcache_home().  In a range arena a CPU of another shard leaves the extent to that
 *               shard, without its lock (remote.c); in a memory arena each free does (purge.c).
 *   lowest fit  holds within a shard.
 *
 * All else is of the arena as a whole.  Magazines and depots hold extents of any shard.  The limit
 * bounds the spans of all shards together.  The threshold of the arena is divided evenly, so that
 * no CPU adds up what is lazy elsewhere.  A shard exceeds twice its part by the extent that was
 * charged last; so the arena exceeds twice the threshold by one extent for each shard.  Statistics
 * are sums.  Walks go through one shard after the other.
 *
 * A memory arena begins with a span in its first shard.  Another shard imports its first span ahead
 * of need, when an allocation by a CPU of the shard has found the shard empty and was served by
 * another one.  So a shard costs address space only once it is used.
 *
 * A range arena is cut into as many equal parts as it has shards, when it is created.  No extent
 * crosses the bound of a part.
 *
 * What shards cost: each keeps a reserve of free space, up to vspan_size of idle spans and pages in
 * a stock, and each flushes the TLBs for itself, so for the same frees there are more flushes, each
 * of less.
 *
 * Locking: none.  Shards are added before anybody else knows of the arena, and constant from then
 * on.
 */
#define pr_fmt(fmt) "vmap_arena: " fmt

#include <linux/cpumask.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "shards.h"

/* Begin what a shard has beside its space, which has begun. */
void vshard_begin(struct vmap_purge *shard)
{
	INIT_WORK(&shard->space.stock_work, vspace_stock_work);
	INIT_WORK(&shard->space.trim_work, vspace_trim_work);
	INIT_DELAYED_WORK(&shard->space.span_work, vtake_upkeep);
	vpurge_init(shard);
}

/**
 * vshard_add() - give an arena more shards
 * @cache: of an arena that has one shard, without spans, but all that vspace_init_next() copies
 * @count: how many shards the arena is to have, 1 to VSHARD_MOST
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int vshard_add(struct vmap_cache *cache, unsigned int count)
{
	struct vmap_purge *shard = &cache->purge;
	unsigned int i;
	int cpu;

	if (count == 1)
		return 0;
	cache->more = kvcalloc(count - 1, sizeof(*cache->more), vgfp_may_fail(GFP_KERNEL));
	if (!cache->more)
		return -ENOMEM;
	for (i = 1; i < count; i++) {
		vspace_init_next(&cache->more[i - 1].space, &shard->space);
		shard = &cache->more[i - 1];
		vshard_begin(shard);
	}
	cache->nr_shards = count;
	for_each_possible_cpu(cpu)
		per_cpu_ptr(cache->cpu, cpu)->shard = vcache_shard(cache, cpu % count);
	return 0;
}

/**
 * vshard_begin_stocks() - give each shard of a memory arena an empty stock of pages
 * @cache: of the arena, with all its shards
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int vshard_begin_stocks(struct vmap_cache *cache)
{
	struct vmap_purge *shard;
	int err = 0;

	vpurge_for_each(shard, &cache->purge)
		err = err ?: vstock_init(&shard->stock, cache->nr_shards);
	return err;
}

/**
 * vshard_split() - make each shard of a range arena the owner of a part of [start, end)
 * @cache: of the arena
 * @start: first unit
 * @end: one past the last unit; no less than a quantum for each shard
 *
 * The last part has the rest, too.  Where there are several, each gets room for what other shards'
 * CPUs free (remote.c).
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int vshard_split(struct vmap_cache *cache, unsigned long start, unsigned long end)
{
	struct vmap_remote *remote;
	struct vmap_purge *shard;
	int err = 0;

	if (cache->more) {
		cache->remote = kvcalloc(cache->nr_shards, sizeof(*cache->remote),
					 vgfp_may_fail(GFP_KERNEL));
		if (!cache->remote)
			return -ENOMEM;
		cache->start = start;
		cache->part = ALIGN_DOWN((end - start) / cache->nr_shards,
					 cache->purge.space.quantum);
	}
	remote = cache->remote;
	vpurge_for_each(shard, &cache->purge) {
		unsigned long stop = vpurge_next(shard) ? start + cache->part : end;

		if (remote)
			shard->remote = remote++;
		shard->start = start;
		shard->part = stop - start;
		err = err ?: vspan_adopt(&shard->space, start, stop);
		start = stop;
	}
	return err;
}
