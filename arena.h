/* SPDX-License-Identifier: GPL-2.0 */
/*
 * arena.h - what the parts of an arena know of each other
 *
 *   vmap_alloc.c   the front door: allocation and free
 *   badfree.c      whose address is this: live, stale, interior, foreign
 *   take.c         takes extents out of the tree, and makes room; its hot paths are in take.h
 *   arena.c        arenas: create, destroy, statistics; the module and its parameters
 *   cache.c        extents kept for reuse; its hot paths are in cache.h
 *   purge.c        lazy extents: flush, merge, throttle
 *   span.c         spans: import, return, look-up by address
 *   lost.c         spans that somebody else gave back to the kernel
 *   catch.c        the kernel's own frees of our addresses, caught by probes
 *   walk.c         steps through all tiles without keeping the lock
 *   debugfs.c      what a person can see
 */
#ifndef ARENA_H
#define ARENA_H

#include <linux/atomic.h>
#include <linux/irqflags.h>
#include <linux/jump_label.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "arch/counter.h"
#include "compat.h"
#include "free_tree.h"
#include "vmap_alloc.h"
#include "window.h"

struct dentry;

#define VMAP_NAME_MAX		32

/* Flags of an extent that is not free. */
#define VMAP_EXTENT_FOREIGN	(1U << 0)	/* its pages are the caller's: vmap_map_pages() */
#define VMAP_EXTENT_PLAIN	(1U << 1)	/* its pages are as good for any other caller */
#define VMAP_EXTENT_NODE_SHIFT	8		/* above: of a plain extent, its pages' NUMA node */

/**
 * struct vmap_span - one import of address space
 * @arena: whose it is
 * @start: first unit
 * @end: one past the last
 * @edge: closes the ring of its tiles
 * @link: on the arena's list of spans
 * @idle: on the arena's list of spans all of which is free
 * @window: its page tables; NULL in a range arena
 * @owner: for each page, the busy or cached extent starting there, or NULL; NULL in a range arena
 * @behind: for each grain, how many pages before it the area began that was last handed out
 *	    across that boundary; NULL in a range arena
 * @rcu: look-ups by address may still see it when it goes
 */
struct vmap_span {
	struct vmap_arena *arena;
	unsigned long start;
	unsigned long end;
	struct vmap_extent edge;
	struct list_head link;
	struct list_head idle;
	struct vmap_window *window;
	struct vmap_extent **owner;
	u32 *behind;
	/** @gone: taken off its arena's list, returned or lost; under the arena's lock */
	bool gone;
	/**
	 * @settled: lost, and all that was there accounted for, or about to be; under the arena's
	 * lock
	 */
	bool settled;
	struct rcu_head rcu;
};

/* Extents of up to this many quanta, guard not counted, may be cached. */
#define CACHE_CLASSES		128

/**
 * struct arena_cpu - what a CPU has of an arena; only that CPU changes it, with interrupts off
 * @magazine: for each size in quanta, the extents of that size kept here; &no_magazine if it is not
 *	      worth one
 * @hits: allocations served from a magazine
 * @stored: frees that went into a magazine
 * @misses: allocations that a magazine could have served but did not
 * @room: quanta that further magazines may still hold; as much as at first if there is no magazine
 * @due: the last tick found a magazine here to be taken away; only the tick touches this
 * @demand: recent misses of each size without a magazine
 * @allocs: allocations not served from a magazine
 * @frees: frees that did not go into a magazine, each counted when it is done
 * @fails: allocations that failed
 * @throttle_waits: frees that first had to purge
 * @deferred: frees left to the worker
 */
struct arena_cpu {
	struct magazine *magazine[CACHE_CLASSES + 1];
	unsigned long hits;
	unsigned long stored;
	unsigned long misses;
	long room;
	bool due;
	u8 demand[CACHE_CLASSES + 1];
	unsigned long allocs;
	unsigned long frees;
	unsigned long fails;
	unsigned long throttle_waits;
	unsigned long deferred;
};

/**
 * struct depot - the extents of one size that are shared by all CPUs
 * @top: a stack of them
 * @count: how many
 * @unused: the fewest there were since the last tick: so many nobody needed
 * @magazines: CPUs that have a magazine of this size; without any, nothing is put in
 */
struct depot {
	struct vmap_extent *top;
	unsigned int count;
	unsigned int unused;
	atomic_t magazines;
};

/**
 * struct vmap_arena - an allocator over one or more spans
 * @name: of its debugfs folder
 * @flags: VMAP_ARENA_*
 * @memory: it hands out mapped memory, not bare ranges
 * @caching: frees may be kept for reuse
 * @memory_align: memory arena: what is cached serves alignments up to this; range arena: 0
 * @plain_align: range arena: what is cached serves alignments up to this; else 0
 * @quantum: all sizes and addresses are multiples of this
 * @quantum_shift: its logarithm
 * @guard: bytes left unmapped after each allocation
 * @limit: the most that its spans may add up to; 0: no limit
 * @threshold: lazy bytes above which purging has priority
 * @refs: walkers keep it in memory after it was destroyed
 * @link: on the list of all arenas
 * @dir: its debugfs folder
 *
 * @lock: serialises the tree, the rings of all spans, the spares, and all of this group.  Held for
 *	  O(log n) steps or one fixed batch; a raw lock, since frees come from any context.  Taken
 *	  by arena_lock() only
 * @locked_at: when it was taken, if that is noted
 * @held_max: the longest that it was held, in ns
 * @tree: the free extents of all spans
 * @spares: extents without a range, for splits
 * @spans: all of them, in order of import
 * @idle_spans: those all of which is free
 * @walkers: who is stepping through the tiles: @readers, and perhaps one from end to end
 * @readers: how many of @walkers do so for somebody who reads a file
 * @flushed: lazy extents that no TLB holds any more, to be merged
 * @reserved: units in all spans
 * @nr_spans: how many
 * @idle_units: units in those on @idle_spans
 * @imports: spans imported since the start
 * @purged: lazy extents merged since the start
 *
 * @walk_lock: one walk from end to end at a time; held as long as it lasts
 *
 * @stock_work: fills @spares
 *
 * @import_lock: one import or return at a time; may be held over page allocation
 * @span_work: imports ahead of need, returns what is idle
 *
 * @lazy_list: lazy extents that some TLB may still hold; lock-free
 * @deferred_list: extents freed where the free could not be done; lock-free
 * @deferred_lock: one at a time does deferred frees, a few; taken before @purge_lock, may be held
 *		   over a flush
 * @finishing: taken from @deferred_list, to be done before more are; under @deferred_lock
 * @deferrals: how often some were taken since the start; written under @deferred_lock
 * @deferred_units: units in @deferred_list and in @finishing
 * @lazy_units: units in @lazy_list and in @flushed
 * @purge_lock: one flush at a time, and nobody else's half done; held over one, and no longer
 * @flushes: flushes since the start; written under @purge_lock
 * @flushed_at: when the last one was, in jiffies; written under @purge_lock
 * @starved: an allocation that may not sleep found no room since then
 * @purge_work: purges what nobody else does, and does the deferred frees
 *
 * @depot: extents kept for reuse, by size in quanta; under @lock
 * @depot_quanta: quanta in @depot; under @lock
 * @promised: quanta that all magazines together may hold; each CPU adds and subtracts its own
 * @refills: half magazines filled from the depot; under @lock
 * @drains: half magazines emptied into it; under @lock
 * @shrinks: quanta given back by the shrinker; written by it only
 * @drain_lock: whoever takes out cached extents to free them, so that who holds it finds all others
 * @detached: magazines taken from their CPU, to be emptied; lock-free
 * @cache_work: gives back what was not used for a while
 *
 * @cpu: of each CPU
 */
struct vmap_arena {
	char name[VMAP_NAME_MAX];
	unsigned int flags;
	bool memory;
	bool caching;
	unsigned long memory_align;
	unsigned long plain_align;
	unsigned long quantum;
	unsigned int quantum_shift;
	unsigned long guard;
	unsigned long limit;
	unsigned long threshold;
	struct kref refs;
	struct list_head link;
	struct dentry *dir;

	raw_spinlock_t lock;
	u64 locked_at;
	u64 held_max;
	struct free_tree tree;
	struct extent_pool spares;
	struct list_head spans;
	struct list_head idle_spans;
	struct list_head walkers;
	unsigned int readers;
	struct llist_node *flushed;
	unsigned long reserved;
	unsigned long nr_spans;
	unsigned long idle_units;
	unsigned long imports;
	unsigned long purged;
	/** @lost_spans: spans that somebody else gave back to the kernel; under @lock */
	struct list_head lost_spans;
	/** @aside: spans that begin where one was lost, and are not used; under @import_lock */
	struct list_head aside;
	/** @nr_lost: how many spans were lost; written under @lock */
	unsigned long nr_lost;
	/** @lost_pages: pages that went with the lost spans; not under @lock */
	atomic_long_t lost_pages;

	struct mutex walk_lock;

	struct work_struct stock_work;

	struct mutex import_lock;
	struct delayed_work span_work;

	struct llist_head lazy_list;
	struct llist_head deferred_list;
	struct mutex deferred_lock;
	struct llist_node *finishing;
	unsigned long deferrals;
	atomic_long_t deferred_units;
	atomic_long_t lazy_units;
	struct mutex purge_lock;
	unsigned long flushes;
	unsigned long flushed_at;
	bool starved;
	struct work_struct purge_work;

	struct depot depot[CACHE_CLASSES + 1];
	/** @far: depots of the NUMA nodes from 1 on; NULL where there is one node, or no memory */
	struct depot (*far)[CACHE_CLASSES + 1];
	unsigned long depot_quanta;
	atomic_long_t promised;
	unsigned long refills;
	unsigned long drains;
	unsigned long shrinks;
	struct mutex drain_lock;
	struct llist_head detached;
	struct delayed_work cache_work;

	struct arena_cpu __percpu *cpu;
};

#define arena_count(arena, what)	this_cpu_inc((arena)->cpu->what)

/*
 * Count a free that went past the magazines.  Once arena_sum_calls() has seen the count the arena
 * may be destroyed and freed, so the count is the last access of the free to the arena, but for
 * dropping arena->lock: the release comes after all other accesses, and pairs with the barrier in
 * arena_sum_calls().
 */
static __always_inline void arena_count_free_irqs_off(struct vmap_arena *arena)
{
	arch_count_release(arena->cpu->frees);
}

/* The same with interrupts as they may be. */
static inline void arena_count_free(struct vmap_arena *arena)
{
	unsigned long flags;

	local_irq_save(flags);
	arena_count_free_irqs_off(arena);
	local_irq_restore(flags);
}

/* arena.c */
extern struct vmap_arena *default_arena;
extern struct list_head arena_list;
extern struct mutex arena_list_lock;
extern struct workqueue_struct *arena_wq;
extern struct kmem_cache *extent_slab;
extern unsigned long span_size;
DECLARE_STATIC_KEY_FALSE(arena_lock_timed);
void arena_note_hold(struct vmap_arena *arena);
void arena_release(struct vmap_arena *arena);
void arena_sum_calls(const struct vmap_arena *arena, unsigned long *allocs, unsigned long *frees);
int arena_set_threshold(struct vmap_arena *arena, unsigned long bytes);

/* Take an arena's lock; returns the interrupt flags. */
static __always_inline unsigned long arena_lock(struct vmap_arena *arena)
	__acquires(&arena->lock)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&arena->lock, flags);
	if (static_branch_unlikely(&arena_lock_timed))
		arena->locked_at = ktime_get_mono_fast_ns();
	return flags;
}

static __always_inline void arena_unlock(struct vmap_arena *arena, unsigned long flags)
	__releases(&arena->lock)
{
	if (static_branch_unlikely(&arena_lock_timed))
		arena_note_hold(arena);
	raw_spin_unlock_irqrestore(&arena->lock, flags);
}

/* Can pages and slab objects be got and freed here?  With PREEMPT_RT not in atomic context. */
static inline bool may_call_mm(void)
{
	return !IS_ENABLED(CONFIG_PREEMPT_RT) || preemptible();
}

/* badfree.c */
struct vmap_extent *area_covering(const struct vmap_span *span, unsigned long addr);
struct vmap_extent *area_claim(const void *ptr, bool foreign, const void *caller);
bool area_is_ours(const void *addr);
bool area_is_foreign(const void *addr);
bool area_refuse_nmi(const void *caller);
void area_report_extent(const struct vmap_arena *arena, const struct vmap_extent *extent,
			const void *caller);

/* vmap_alloc.c */

/*
 * So much is mapped or unmapped before others may run, and no more is unmapped where they may not.
 * The pages of 2 MiB are freed in a small part of a millisecond, and in less than one if each is
 * cleared (init_on_free): a tick of the fastest clock.  It is told in bytes, so that larger pages
 * take no longer to clear.
 */
#define UNMAP_BATCH	(2UL << 20)

unsigned long arena_unmap(struct vmap_arena *arena, struct vmap_extent *extent,
			  unsigned long most);
unsigned long arena_uncache(struct vmap_arena *arena, struct vmap_extent *extent);
void arena_free_any(const void *addr, const void *caller);
void arena_free_rcu_for(const void *addr, const void *caller);
void arena_unmap_for(const void *addr, const void *caller);

/* take.c */
void arena_stock_work(struct work_struct *work);
bool arena_trim_spares(struct vmap_arena *arena, unsigned long keep, unsigned long most);

/* span.c */
int span_import(struct vmap_arena *arena, unsigned long size, unsigned long seen, gfp_t gfp);
int span_adopt(struct vmap_arena *arena, unsigned long start, unsigned long end);
void span_forget(struct vmap_span *span);
void span_free(struct vmap_span *span);
void span_remove(struct vmap_arena *arena, struct vmap_span *span);
void span_return_idle(struct vmap_arena *arena, unsigned long keep);
void span_work(struct work_struct *work);
bool span_note_idle(struct vmap_arena *arena, struct vmap_extent *whole);
void span_note_used(struct vmap_arena *arena, struct vmap_extent *whole);
void span_keep_reserve(struct vmap_arena *arena, gfp_t gfp);
bool span_is_low(const struct vmap_arena *arena);
bool span_is_worth_a_flush(const struct vmap_arena *arena);
struct vmap_span *span_look_up(unsigned long addr);

/* Is this free extent alone between the two ends of its span's edge? */
static inline bool span_is_idle(const struct vmap_extent *extent)
{
	return extent->prev == extent->next;
}

/* The first place to look for a span: a slot for each WINDOW_GRAIN, which far addresses share. */
#define SPAN_FRONT_SIZE		4096
extern struct vmap_span *span_front[SPAN_FRONT_SIZE];

static __always_inline struct vmap_span **span_front_slot(unsigned long addr)
{
	return &span_front[(addr >> WINDOW_GRAIN_SHIFT) % SPAN_FRONT_SIZE];
}

/*
 * The span that @addr lies in, or NULL.  It stays while the caller holds a busy extent of it, is
 * under rcu_read_lock(), or has interrupts off.
 *
 * Whatever is read from the span is read through the pointer loaded here, and so after it: this
 * address dependency pairs with the release in map_span(), that of xa_load() with xa_store().
 */
static __always_inline struct vmap_span *span_of(unsigned long addr)
{
	struct vmap_span *span = READ_ONCE(*span_front_slot(addr));

	if (likely(span && addr - span->start < span->end - span->start))
		return span;
	return span_look_up(addr);
}

/*
 * The span of an extent that the caller holds, if its tables may be written; NULL if it is lost:
 * then the extent is left by lost_leave().
 */
static __always_inline struct vmap_span *span_of_live(unsigned long addr)
{
	struct vmap_span *span = span_of(addr);

	return likely(span && window_alive(span->window)) ? span : NULL;
}

/* Where the owner of the page at @addr is noted. */
static __always_inline struct vmap_extent **span_slot(const struct vmap_span *span,
						      unsigned long addr)
{
	return &span->owner[(addr - span->start) >> PAGE_SHIFT];
}

/* Where it is noted how far before the grain of @addr the area began that crosses into it. */
static inline u32 *span_behind(const struct vmap_span *span, unsigned long addr)
{
	return &span->behind[(addr - span->start) >> WINDOW_GRAIN_SHIFT];
}

/* lost.c */
void span_lost(struct vmap_span *span, const void *caller);
void lost_leave(struct vmap_arena *arena, struct vmap_extent *extent, bool mapped,
		const void *caller);
void lost_unmap(struct vmap_arena *arena, const struct vmap_extent *extent, unsigned long size);
bool lost_keeps(struct vmap_arena *arena, struct vmap_extent *extent);
void lost_settle(struct vmap_arena *arena);
void lost_recount(struct vmap_arena *arena);
void lost_drop(struct vmap_arena *arena);

/* purge.c */
void purge_work(struct work_struct *work);
void purge_kick(struct vmap_arena *arena);
bool purge_charge(struct vmap_arena *arena, unsigned long units);
void purge_make_way(struct vmap_arena *arena);
void purge_add(struct vmap_arena *arena, struct vmap_extent *extent);
void purge_defer(struct vmap_arena *arena, struct vmap_extent *extent);
bool purge_merge(struct vmap_arena *arena, unsigned int count);
struct vmap_extent *purge_reuse(struct vmap_arena *arena, unsigned long size);
bool purge_flush(struct vmap_arena *arena);
bool purge_deferred(struct vmap_arena *arena);
void purge_all(struct vmap_arena *arena);

/* catch.c */
int catch_init(void);
void catch_exit(void);

/* walk.c */

/*
 * Readers that walk through an arena at a time.  Each costs a free through the tree some ten
 * instructions; all together cost less than that free takes by itself, which is several hundred.
 */
#define WALK_READERS	16

/* One tile as it was when the walk came by. */
struct tile {
	unsigned long start;
	unsigned long end;
	enum vmap_state state;
	bool free;
	u32 flags;
	const void *caller;
	const char *wrong;
};

/**
 * struct tile_walk - somebody's walk through the tiles of an arena
 * @arena: the arena
 * @link: on the arena's list of walkers, while the walk lasts
 * @next: where the next step goes; NULL at the end
 * @tile: what the last step saw
 */
struct tile_walk {
	struct vmap_arena *arena;
	struct list_head link;
	struct vmap_extent *next;
	struct tile tile;
};

void walk_begin(struct tile_walk *walk, struct vmap_arena *arena);
int walk_join(struct tile_walk *walk, struct vmap_arena *arena);
bool walk_step(struct tile_walk *walk);
void walk_end(struct tile_walk *walk);
void walk_leave(struct tile_walk *walk);
void walk_note_free(struct vmap_arena *arena, struct vmap_extent *extent);
void walk_note_return(struct vmap_arena *arena, struct vmap_span *span);

/* debugfs.c */
void debugfs_init_module(void);
void debugfs_exit_module(void);
void debugfs_add_arena(struct vmap_arena *arena);
void debugfs_remove_arena(struct vmap_arena *arena);

#endif
