/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmap_alloc.h - the public interface of vmap_arena
 *
 * Two kinds of arena stand behind these calls:
 *
 *   memory arena  spans of kernel address space; what it hands out is mapped, zeroed if asked, and
 *                 may be dereferenced.  Sizes, alignments and addresses are in bytes.
 *   range arena   any [start, end) that its creator owns (device addresses, IDs).  It hands out
 *                 extents of that range and never touches a page table.  Sizes and addresses are
 *                 in the creator's units, rounded up to the arena's quantum.
 *
 * Wherever an arena is asked for, NULL means the default one: a memory arena that exists as long as
 * the module is loaded.  Memory calls return NULL on failure; arena and extent calls return an
 * ERR_PTR.  Each call's kernel-doc, at its definition, says from which contexts it may be called.
 *
 * The kernel-doc of each call has a line "Steps": how many basic blocks of this module the call
 * runs at most, all holds of locks together.  user/test_steps.c counts them, and fails if a call
 * passes its line.  A call of the kernel (page allocator, slab, TLB flush, the clearing of a page)
 * counts as one; waiting for a lock does not count.  If other CPUs free while a search is under
 * way, the search begins anew, 8 times at most.  In the line stands for
 *
 *   pages     the pages of the area
 *   extents   the extents of the arena: allocated, free, lazy and cached; 2 at least
 *   misses    free extents below the result that are long enough, but have no address with the
 *             alignment and room behind it; of those between two such addresses one counts.  0 for
 *             an alignment of up to a page, or up to the quantum.  For more than 4 G units also
 *             free extents of so many units that are too short.  A search without a lower bound
 *             remembers what it missed, so the next one begins behind.
 *   full      1 if a range arena, or of several shards that of the CPU, has no free extent for the
 *             request, else 0
 *   cached    the cached extents that a range arena gives up then; the parameters cache_cpu and
 *             cache_depot bound them
 *   waiting   extents that CPUs of other shards freed and the call merges, where a range arena has
 *             several shards: 8 at most, but 64 of each shard if full is 1
 *   shards    how many shards a range arena has, if it has several; else 0
 *   pressed   1 if a memory arena has more than its threshold lazy, the area of the call included,
 *             or deferred; else 0
 *
 * What an arena hands out is freed by the calls below, and never by vfree(), kvfree(),
 * kvfree_rcu(), vunmap(), vrealloc() or kvrealloc(): to the kernel all of a span is one area, which
 * they would take from everybody who has memory there.  Code that does not know whose memory it
 * has, and asks is_vmalloc_addr(), calls vmap_kvfree().
 */
#ifndef VMAP_ALLOC_H
#define VMAP_ALLOC_H

#include <linux/gfp.h>
#include <linux/mm_types.h>
#include <linux/types.h>

#define VMAP_ARENA_VERSION	"0.9"	/* of the modules and packages, too */

struct vm_area_struct;
struct vmap_arena;
struct vmap_extent;

/* Flags of vmap_arena_create(). */
#define VMAP_ARENA_NOCACHE	(1U << 0)	/* keep nothing: what is freed faults at once */
#define VMAP_ARENA_NOGUARD	(1U << 1)	/* no unmapped page after each allocation */
#define VMAP_ARENA_HUGE		(1U << 2)	/* 2 MiB pages where they can be had at once */
#define VMAP_ARENA_SHARDED	(1U << 3)	/* a lock for each CPU, 64 at most */
#define VMAP_ARENA_SUMMARY	(1U << 4)	/* a summary finds free extents, no tree */
#define VMAP_ARENA_FLAGS	(VMAP_ARENA_NOCACHE | VMAP_ARENA_NOGUARD | VMAP_ARENA_HUGE | \
				 VMAP_ARENA_SHARDED | VMAP_ARENA_SUMMARY)

/* How a request fitted the free extent it was cut from. */
enum vmap_fit {
	VMAP_FIT_FULL,		/* FL: took all of it */
	VMAP_FIT_LEFT,		/* LE: took its left edge */
	VMAP_FIT_RIGHT,		/* RE: took its right edge */
	VMAP_FIT_NO_EDGE,	/* NE: took its middle and split it in two */
	VMAP_NR_FITS
};

/**
 * struct vmap_arena_stats - what an arena holds and what it has done
 * @spans: spans imported at present
 * @reserved: address space of those spans, in bytes (units, in a range arena)
 * @busy: allocated, guards included
 * @lazy: unmapped but perhaps still in some TLB; in a range arena: freed by a CPU of another shard
 *	  than that of the extent, and not yet in the free tree
 * @free: in the free tree
 * @cached: kept for reuse, neither busy nor free; guards included
 * @largest_free: the largest single free extent
 * @areas: live allocations
 * @allocs: allocations that succeeded since the arena was created
 * @frees: frees since the arena was created
 * @fails: allocations that failed
 * @fits: how often each kind of fit was taken, by enum vmap_fit; by compaction, too
 * @merges: free neighbours joined
 * @flushes: TLB flushes on all CPUs
 * @purged: lazy extents given back to the free tree
 * @throttle_waits: frees that first had to purge
 * @deferred: frees handed to the worker because the caller could not do them itself
 * @imports: spans imported since the arena was created
 * @warm: of what is cached, mapped pages, in bytes
 * @cold: of what is cached, that without pages
 * @hits: allocations served by the cache
 * @misses: allocations that the cache could have served but did not
 * @refills: half magazines filled from the depot
 * @drains: half magazines emptied into the depot
 * @shrinks: pages given back to a system short of memory
 * @pending: of what is busy, that which was freed and waits for the worker; guards included
 * @lost_spans: spans that somebody else gave back to the kernel, by a vfree() of an address in them
 * @lost_pages: pages that were mapped there, and are known to nobody any more
 * @huge: of what is busy, pages of PMD_SIZE (2 MiB) that one page-table entry maps, in bytes
 * @kept: address space that the reserve keeps, neither busy nor free; guards included
 * @reserve: pages in the reserve, in bytes
 * @reserve_low: the lowest value of @reserve since the reserve was made
 * @reserve_areas: areas that the reserve has address space for, at once
 * @reserve_areas_low: the lowest value of @reserve_areas since the reserve was made
 * @pages: pages got from the kernel and not given back: those of areas, cached, in the reserve, and
 *	   lost; not the stock, and not the pages of callers that are only mapped
 * @stock: single pages that frees left for the next allocations, in bytes, of all shards; mapped
 *	   nowhere
 * @stock_most: the most that @stock may be
 * @stock_hits: pages that allocations took from there
 * @stock_blocks: blocks of 16 pages that were split for allocations which found too few there
 * @stock_given: pages given back from there to the kernel
 * @compactions: times that compaction looked for extents to move
 * @compactions_deferred: times that it did not, because it had failed too often
 * @moved: extents that compaction has moved
 * @moved_units: units of these extents
 * @moves_refused: times that a mover refused a place
 * @compactions_background: of @compactions, those by the worker after a request had failed; counted
 *	when they end
 * @moved_background: of @moved, those
 * @index_nodes: nodes, of 128 bytes each, by which the summaries of the shards find free extents; 0
 *	where a red-black tree does
 */
struct vmap_arena_stats {
	unsigned long spans;
	unsigned long reserved;
	unsigned long busy;
	unsigned long lazy;
	unsigned long free;
	unsigned long cached;
	unsigned long largest_free;
	unsigned long areas;
	unsigned long allocs;
	unsigned long frees;
	unsigned long fails;
	unsigned long fits[VMAP_NR_FITS];
	unsigned long merges;
	unsigned long flushes;
	unsigned long purged;
	unsigned long throttle_waits;
	unsigned long deferred;
	unsigned long imports;
	unsigned long warm;
	unsigned long cold;
	unsigned long hits;
	unsigned long misses;
	unsigned long refills;
	unsigned long drains;
	unsigned long shrinks;
	unsigned long pending;
	unsigned long lost_spans;
	unsigned long lost_pages;
	unsigned long huge;
	unsigned long kept;
	unsigned long reserve;
	unsigned long reserve_low;
	unsigned long reserve_areas;
	unsigned long reserve_areas_low;
	unsigned long pages;
	unsigned long stock;
	unsigned long stock_most;
	unsigned long stock_hits;
	unsigned long stock_blocks;
	unsigned long stock_given;
	unsigned long compactions;
	unsigned long compactions_deferred;
	unsigned long moved;
	unsigned long moved_units;
	unsigned long moves_refused;
	unsigned long compactions_background;
	unsigned long moved_background;
	unsigned long index_nodes;
};

/* Memory, from the default arena. */
void *vmap_alloc(unsigned long size) __alloc_size(1);
void *vmap_zalloc(unsigned long size) __alloc_size(1);
void *vmap_alloc_node(unsigned long size, unsigned long align, gfp_t gfp, int node)
	__alloc_size(1);
void *vmap_alloc_huge(unsigned long size, gfp_t gfp, int node) __alloc_size(1);
void vmap_free(const void *addr);
void vmap_free_rcu(const void *addr);
void vmap_kvfree(const void *addr);
void vmap_kvfree_rcu(const void *addr);
void *vmap_alloc_array(size_t n, size_t size, gfp_t gfp) __alloc_size(1, 2);
void *__must_check vmap_realloc(const void *addr, unsigned long size, gfp_t gfp) __realloc_size(2);
void *vmap_alloc_user(unsigned long size) __alloc_size(1);
int vmap_remap_user(struct vm_area_struct *vma, const void *addr, unsigned long pgoff);
bool vmap_owns(const void *addr);
unsigned long vmap_size(const void *addr);
unsigned long vmap_usable_size(const void *addr);
void *vmap_map_pages(struct page **pages, unsigned int count, pgprot_t prot);
void *vmap_map_pfns(const unsigned long *pfns, unsigned int count, pgprot_t prot);
void vmap_unmap_pages(const void *addr);

/* Arenas. */
struct vmap_arena *vmap_arena_create(const char *name, unsigned int flags);
struct vmap_arena *vmap_arena_create_range(const char *name, unsigned long start,
					   unsigned long end, unsigned long quantum);
struct vmap_arena *vmap_arena_create_range_sharded(const char *name, unsigned long start,
						   unsigned long end, unsigned long quantum,
						   unsigned int shards);
struct vmap_arena *vmap_arena_create_range_flags(const char *name, unsigned long start,
						 unsigned long end, unsigned long quantum,
						 unsigned int shards, unsigned int flags);
int vmap_arena_destroy(struct vmap_arena *arena);
int vmap_arena_reserve(struct vmap_arena *arena, unsigned long bytes, unsigned int area_pages,
		       unsigned int frees);
void vmap_arena_purge(struct vmap_arena *arena);
void vmap_arena_stats(struct vmap_arena *arena, struct vmap_arena_stats *stats);

/* Memory, from a given memory arena; freed with vmap_free(). */
void *vmap_arena_alloc(struct vmap_arena *arena, unsigned long size, unsigned long align,
		       gfp_t gfp, int node) __alloc_size(2);

/* Extents, from a range arena. */
struct vmap_extent *vmap_extent_alloc(struct vmap_arena *arena, unsigned long size,
				      unsigned long align, gfp_t gfp);
struct vmap_extent *vmap_extent_alloc_range(struct vmap_arena *arena, unsigned long size,
					    unsigned long align, unsigned long lo,
					    unsigned long hi, gfp_t gfp);
void vmap_extent_free(struct vmap_arena *arena, struct vmap_extent *extent);
unsigned long vmap_extent_start(const struct vmap_extent *extent);
unsigned long vmap_extent_size(const struct vmap_extent *extent);
int vmap_extent_set_movable(struct vmap_arena *arena, struct vmap_extent *extent,
			    int (*move)(struct vmap_extent *extent, unsigned long to, void *data),
			    void *data);
int vmap_arena_compact(struct vmap_arena *arena, unsigned long wanted);

#endif
