/* SPDX-License-Identifier: GPL-2.0 */
/*
 * calls.h - struct vmap_arena, as the memory calls and the extent calls use it
 *
 * An arena embeds a cache, which embeds a purge, which embeds a space, and adds what the life of an
 * arena needs.  The calls use arena->cache and the layers below; arena.c creates and destroys
 * arenas (arena.h).
 *
 * Locking: varena_list_lock (arena.h) covers link; the other fields are constant or atomic.
 */
#ifndef CALLS_H
#define CALLS_H

#include <linux/kmemleak.h>
#include <linux/kref.h>

#include "compact.h"
#include "take.h"

struct dentry;

/* One arena. */
struct vmap_arena {
	struct vmap_cache cache;

	/* VMAP_ARENA_*; constant. */
	unsigned int flags;
	/* Memory arena: lazy units above which purging has priority: the sum over the shards. */
	unsigned long threshold;
	/* References: of the arena's creator, and of each open debugfs file. */
	struct kref refs;
	/* On varena_list; under varena_list_lock. */
	struct list_head link;
	/* The debugfs folder; set when the arena is registered. */
	struct dentry *dir;
	/* Memory arena: the reserve; NULL before vreserve_make(), which sets it once. */
	struct vmap_reserve *reserve;
	/* Range arena: the same; NULL before vslots_make(), which sets it once. */
	struct vmap_slots *slots;
	/* Range arena: the movers, and what compactions have come to. */
	struct vmap_compaction compaction;
};

/* The arena that NULL stands for; set at load, before any other module can call. */
extern struct vmap_arena *varena_default;

/*
 * The arena of vmap_alloc_huge(); NULL where no window can be huge.  Set at load, before any other
 * module can call.
 */
extern struct vmap_arena *varena_huge;

/* The arena that an argument of an exported function names. */
static inline struct vmap_arena *varena_or_default(struct vmap_arena *arena)
{
	return arena ?: varena_default;
}

/* The arena that embeds @cache. */
static inline struct vmap_arena *varena_of(struct vmap_cache *cache)
{
	return container_of(cache, struct vmap_arena, cache);
}

/*
 * Tell kmemleak of an area.  kmemleak allocates an object for it from the slab; where the slab may
 * not be called, kmemleak neither scans the area nor reports its leak.
 */
static __always_inline void valloc_tell_kmemleak(const void *addr, unsigned long size, gfp_t gfp)
{
	if (!IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) || vctx_may_call_mm())
		kmemleak_alloc(addr, size, 1, gfp);
}

/* fill.c */
void valloc_clear(unsigned long addr, unsigned long end);
bool valloc_fill(struct vmap_stock *stock, const struct vmap_span *span, unsigned long addr,
		 unsigned long end, gfp_t gfp, int node, int *place);
void valloc_publish(const struct vmap_span *span, struct vmap_extent *extent);

/* huge.c */
void *vhuge_alloc(struct vmap_cache *cache, unsigned long size, unsigned long align, gfp_t gfp,
		  int node, const void *caller);

/* reserve.c */

/* The most pages of an area from a reserve: extent->slack counts what it leaves of its slot. */
#define VRESERVE_MOST_PAGES	(U32_MAX >> PAGE_SHIFT)

int vreserve_make(struct vmap_arena *arena, unsigned long count, unsigned int area_pages,
		  unsigned int frees);
void *vreserve_alloc(struct vmap_arena *arena, unsigned long size, unsigned long align, gfp_t gfp,
		     const void *caller, u64 began);
bool vreserve_keep(struct vmap_arena *arena, struct vmap_extent *extent);
void vreserve_stats(struct vmap_arena *arena, struct vmap_arena_stats *stats);
void vreserve_exit(struct vmap_arena *arena);

/* slots.c */
int vslots_make(struct vmap_arena *arena, unsigned long count, unsigned long size);
struct vmap_extent *vslots_alloc(struct vmap_arena *arena, unsigned long size, unsigned long align,
				 const void *caller);
bool vslots_keep(struct vmap_arena *arena, struct vmap_extent *extent);
void vslots_stats(struct vmap_arena *arena, struct vmap_arena_stats *stats);
void vslots_exit(struct vmap_arena *arena);

/* compact.c */
int vcompact_init_module(void);
void vcompact_exit_module(void);
void vcompact_init(struct vmap_compaction *compaction);
void vcompact_stop(struct vmap_compaction *compaction);
void vcompact_exit(struct vmap_compaction *compaction);
bool vcompact_free(struct vmap_arena *arena, struct vmap_extent *extent);
void vcompact_ask(struct vmap_arena *arena, unsigned long size, unsigned long align);
bool vcompact_runs(const struct vmap_arena *arena);
void vcompact_stats(const struct vmap_arena *arena, struct vmap_arena_stats *stats);

/* What is to be mapped: pages, or page frames without a struct page. */
struct valloc_mapping {
	/* One is NULL. */
	struct page **pages;
	const unsigned long *pfns;
	unsigned int count;
	pgprot_t prot;
	/* VMAP_EXTENT_FOREIGN; or 0: a free of the area drops the reference that each page has. */
	u8 flags;
};

/*
 * vmap_alloc.c: the calls, with the @caller that reports name.  Of an allocation NULL stands for
 * the default arena.
 */
void *valloc_for(struct vmap_arena *arena, unsigned long size, unsigned long align, gfp_t gfp,
		 int node, const void *caller);
void *valloc_huge_for(unsigned long size, gfp_t gfp, int node, const void *caller);
void *valloc_user_for(struct vmap_arena *arena, unsigned long size, gfp_t gfp, const void *caller);
void *valloc_realloc(const void *addr, unsigned long size, unsigned long align, gfp_t gfp, int node,
		     const void *caller);
void valloc_allow_user(const void *addr);
int valloc_remap_user(struct vm_area_struct *vma, const void *addr, unsigned long pgoff,
		      const void *caller);
void *valloc_map_for(struct vmap_arena *arena, const struct valloc_mapping *mapping,
		     const void *caller);
void valloc_free_any(const void *addr, const void *caller);
void valloc_free_rcu(const void *addr, const void *caller);
void valloc_unmap(const void *addr, const void *caller);

#endif
