/* SPDX-License-Identifier: GPL-2.0 */
/*
 * space.h - one lock, one tree of free extents, and the spans that the extents tile
 *
 * A space manages addresses and nothing else: it cuts extents from the free tree and puts extents
 * back, finds the span and the extent of an address, and steps through the tiles.  vspace_put()
 * makes an extent free at once; purge.h, the layer above, calls it only when no TLB holds a
 * translation of the extent's addresses any more.
 *
 * Words:
 *
 *   span       one contiguous range of addresses, imported from the kernel (memory arena) or owned
 *              by the creator of the arena (range arena)
 *   tile       an extent as a part of its span: the tiles of a span lie side by side without a gap
 *   ring       the tiles of a span, linked in address order through the marker of the span
 *   marker     the extent of negative size that closes the ring: see free_tree.c
 *   idle       said of a span all of which is free
 *   lost       said of a span whose reservation somebody else gave back to the kernel: see lost.c
 *   spare      an extent without a range, allocated ahead of need: a cut takes up to two
 *   index      what finds the lowest free extent: the red-black tree of free_tree.c, or a summary
 *              (free_summary.c); chosen when the arena is created, the same in all its shards
 *   shard      a space with what is lazy of it (purge.h), one of those that an arena consists of.
 *              What the arena has once stands in the space of its first shard: vmap_space.first
 *   quantum    divides all sizes and addresses of a space; in a memory arena PAGE_SIZE, or PMD_SIZE
 *              where the windows are huge
 *   unit       what sizes count: bytes in a memory arena, else what the creator of the arena means
 *   grain      WINDOW_GRAIN bytes, aligned; each span of a memory arena consists of whole grains
 *
 *   space.c    the lock, and what all spaces share
 *   spares.c   the pool of spares
 *   span.c     look-up of the span of an address; idle spans and their return to the kernel
 *   import.c   the import of spans
 *   lost.c     lost spans
 *   walk.c     steps through all tiles without keeping the lock
 *   badfree.c  whether an address is live, stale, interior or foreign
 *
 * Invariants:
 *   - the tiles of a span cover the span, and no two neighbouring tiles are both free;
 *   - a busy extent belongs to its holder; only lost.c writes it, and only once it has taken the
 *     extent out of its owner slot;
 *   - a span is not freed while the caller holds a busy extent of the span, is in an RCU read-side
 *     section, or has interrupts off.
 *
 * Locking: vmap_space.lock covers the fields listed below it in struct vmap_space, the rings of all
 * spans, and each free extent.  One hold takes O(log n) steps or one fixed batch.
 * Steps, a hold of space->lock: at most 200 + 120 * log2(extents)
 * Steps, interrupts off: at most 1600 + 120 * log2(extents)
 * (beside a summary log2(extents) stands for the logarithm of the quanta in the range that all
 * spans lie in; a batch of 16 misses in a search, or of 8 merges; vmap_alloc.h has the words.)
 * vmap_space.lock is a raw spinlock taken with interrupts off, because frees come from any context,
 * also with PREEMPT_RT.  Order: walk_lock or import_lock (never both), then vmap_space.lock.  No
 * call holds the locks of two spaces.
 */
#ifndef SPACE_H
#define SPACE_H

#include <linux/atomic.h>
#include <linux/irqflags.h>
#include <linux/jump_label.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "arch/counter.h"
#include "compat.h"
#include "effort.h"
#include "free_tree.h"
#include "chunk.h"
#include "watch.h"

/* Bits of vmap_extent.flags in a memory arena, in any state but free. */

/* The pages belong to the caller of vmap_map_pages(). */
#define VMAP_EXTENT_FOREIGN	(1U << 0)
/* The pages are as good for any other caller as for this one: the area may be kept warm. */
#define VMAP_EXTENT_RECYCLABLE	(1U << 1)
/* The area is zeroed up to its last page, and may be mapped to user space: vmap_remap_user(). */
#define VMAP_EXTENT_USER	(1U << 2)
/* The area comes from the reserve, and goes back there: reserve.c. */
#define VMAP_EXTENT_RESERVED	(1U << 3)

/* One span.  A field without a lock is constant while vspan_of() finds the span. */
struct vmap_span {
	/* The space of the span; and space->first: each free of memory reads it here. */
	struct vmap_space *space;
	struct vmap_space *first;
	/* The first unit, and one past the last unit. */
	unsigned long start;
	unsigned long end;
	/* The marker, which closes the ring of tiles.  Under space->lock. */
	struct vmap_extent marker;
	/*
	 * On space->spans; on space->lost_spans once the span is lost.  Under space->lock.  A span
	 * that is not open is on space->aside, or on a list of vspan_return_idle().
	 */
	struct list_head link;
	/* On space->idle_spans while the span is idle.  Under space->lock. */
	struct list_head idle;
	/* The page tables; NULL in a range arena. */
	struct vmap_window *window;
	/*
	 * The owner table, a slot for each page: the busy or cached extent that starts at the
	 * page, or NULL.  An allocation sets the slot of its extent; a free claims the extent by
	 * cmpxchg() of the slot.  No lock: see badfree.c.  The table is NULL in a range arena.
	 */
	struct vmap_extent **owner;
	/*
	 * A slot for each grain: how many pages before the start of the grain the area starts that
	 * was last handed out across this start.  NULL in a range arena.  No lock: see badfree.c.
	 */
	u32 *behind;
	/* The span was returned or lost, and is not on space->spans.  Under space->lock. */
	bool gone;
	/* The span is lost, and vlost_next_unsettled() has returned it.  Under space->lock. */
	bool settled;
};

/*
 * What one CPU counts of the calls of a space.  Only this CPU writes the counters; all CPUs read
 * them.
 */
struct vmap_calls {
	/* Allocations that no magazine served. */
	unsigned long allocs;
	/* Frees that went into no magazine, counted when the free is done: vspace_count_free(). */
	unsigned long frees;
	/* Allocations that failed. */
	unsigned long fails;
	/* Times that a free flushed or slept before it could be charged: throttle.h. */
	unsigned long throttle_waits;
	/* Frees that were deferred to the purge worker. */
	unsigned long deferred;
	/* Pages got less pages given back, by calls on this CPU: see vspace_got_pages(). */
	unsigned long pages;
};

/* One space. */
struct vmap_space {
	/* Constant after creation, and the same in all spaces of an arena, but for next. */

	/*
	 * The space of the arena's first shard, and that of the next shard; NULL after the last.
	 * extent->space is first, whichever shard has the extent: so a free compares one pointer.
	 */
	struct vmap_space *first;
	struct vmap_space *next;
	/* The name of the arena, for reports. */
	char name[VMAP_NAME_MAX];
	/* A memory arena: each span has a window.  Else a range arena: its span has none. */
	bool memory;
	/* The windows are huge (chunk.h), and each extent consists of whole chunks. */
	bool huge;
	/* The power of two that divides all sizes and addresses, and its logarithm. */
	unsigned long quantum;
	unsigned int quantum_shift;
	/* Bytes left unmapped at the end of each extent of a memory arena. */
	unsigned long guard;
	/* In first: the most units that all spans of the arena together may have; 0: no limit. */
	unsigned long limit;
	/* The counters of each CPU: the first space owns them. */
	struct vmap_calls __percpu *calls;

	/*
	 * Covers this group of fields, up to the next empty line.  Taken by vspace_lock() only.
	 * Not in a cache line with the constants: all CPUs read those of an arena's first space.
	 */
	raw_spinlock_t lock ____cacheline_aligned_in_smp;
	/* When lock was taken, and the longest hold, in ns.  Set while vwatch_locks is on. */
	u64 locked_at;
	u64 held_max;
	/* The free extents of all spans. */
	struct free_tree tree;
	/* The pool of spares. */
	struct vmap_extent_pool spares;
	/* The index of the free extents if tree.summary points here, with its spare nodes. */
	struct free_summary summary;
	/* All spans that are not lost, in order of import. */
	struct list_head spans;
	/* The idle spans: at the head those larger than vspan_size, which are returned first. */
	struct list_head idle_spans;
	/* The walks in progress: at most WALK_READERS readers of files and one full walk. */
	struct list_head walkers;
	/* The number of readers of files on walkers.  In first: on those of all spaces. */
	unsigned int readers;
	/* Units in all spans that are not lost, the number of these spans, units in idle spans. */
	unsigned long reserved;
	unsigned long nr_spans;
	unsigned long idle_units;
	/* Spans opened since vspace_init().  A memory arena writes it under import_lock, too. */
	unsigned long imports;
	/* The lost spans, and their number, which is also read without lock. */
	struct list_head lost_spans;
	unsigned long nr_lost;

	/* Pages that were mapped in lost spans, and that nobody can free any more. */
	atomic_long_t lost_pages;

	/* Chunks that one entry maps. */
	atomic_long_t huge_pages;

	/* In first: the histograms; NULL before they are first switched on: see watch.c. */
	struct vwatch_times *times;

	/* In first: serialises full walks: held from vwalk_begin() to vwalk_end(). */
	struct mutex walk_lock;

	/*
	 * In first: serialises imports: held over vmap(), and so over page allocation.  One for the
	 * arena, so that the imports of several spaces keep the limit together.
	 */
	struct mutex import_lock;
	/* Spans, never opened, that overlap a lost span: see get_span().  Under import_lock. */
	struct list_head aside;

	/* Runs vspace_stock_work(), which fills the pools of spares and of nodes. */
	struct work_struct stock_work;
	/* Runs vspace_trim_work(), which gives spares and nodes to their slabs. */
	struct work_struct trim_work;
	/*
	 * Imports ahead of need, returns idle spans, settles lost spans.  The layer "take" sets the
	 * function (vtake_upkeep()).
	 */
	struct delayed_work span_work;
};

/* space.c */
extern struct workqueue_struct *vspace_wq;
extern struct kmem_cache *vspace_extent_slab;
extern struct kmem_cache *vspace_node_slab;
int vspace_init_module(void);
void vspace_exit_module(void);
int vspace_init(struct vmap_space *space, const char *name, unsigned long quantum);
void vspace_init_next(struct vmap_space *space, struct vmap_space *last);
void vspace_use_summary(struct vmap_space *space);
void vspace_exit(struct vmap_space *space);
unsigned long vspace_reserved_in_all(const struct vmap_space *space);

/* Go through all spaces of an arena; @among is any of them. */
#define vspace_for_each(space, among)	\
	for ((space) = (among)->first; (space); (space) = (space)->next)

#define vspace_count(space, what)	this_cpu_inc((space)->calls->what)

/*
 * Count a free that went past the magazines, with interrupts off.
 *
 * Once varena_sum_calls() has seen the count, vmap_arena_destroy() may free the arena.  So the
 * count is the last access of the free to the arena, except for the release of space->lock where
 * the caller holds it.  The count has release semantics: all accesses of the free come before it.
 * Pairs with the barrier in varena_sum_calls().
 */
static __always_inline void vspace_count_free_irqs_off(struct vmap_space *space)
{
	vspace_arch_count_release(space->calls->frees);
}

/* As vspace_count_free_irqs_off(), in any context. */
static inline void vspace_count_free(struct vmap_space *space)
{
	unsigned long flags;

	local_irq_save(flags);
	vspace_count_free_irqs_off(space);
	local_irq_restore(flags);
}

/*
 * Count pages that were got from the page allocator, or taken over from the caller of a mapping,
 * in the space and in the kernel.  They are held until vspace_gave_pages().
 */
static inline void vspace_got_pages(struct vmap_space *space, struct page **pages,
				    unsigned int count)
{
	vwin_count_pages(pages, count, 1);
	this_cpu_add(space->calls->pages, count);
}

/* vspace_got_pages() of a block: pages side by side that were allocated together. */
static inline void vspace_got_block(struct vmap_space *space, struct page *page, unsigned int count)
{
	vwin_count_block(page, count);
	this_cpu_add(space->calls->pages, count);
}

/* Count pages that were given back, of which the kernel was told before they were free. */
static inline void vspace_gave_pages(struct vmap_space *space, unsigned long count)
{
	this_cpu_sub(space->calls->pages, count);
}

/* Take space->lock with interrupts off.  Return the interrupt flags for vspace_unlock(). */
static __always_inline unsigned long vspace_lock(struct vmap_space *space) __acquires(&space->lock)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&space->lock, flags);
	if (static_branch_unlikely(&vwatch_locks))
		space->locked_at = ktime_get_mono_fast_ns();
	return flags;
}

static __always_inline void vspace_unlock(struct vmap_space *space, unsigned long flags)
	__releases(&space->lock)
{
	if (static_branch_unlikely(&vwatch_locks))
		vwatch_note_hold(space);
	raw_spin_unlock_irqrestore(&space->lock, flags);
}

/* The number of pages in the area of an extent of a memory arena: its class in the cache. */
static __always_inline unsigned long vspace_pages_of(const struct vmap_space *space,
						     const struct vmap_extent *extent)
{
	return (extent->size - space->guard) >> PAGE_SHIFT;
}

/*
 * How many whole quanta @size is.  The mask tells the compiler that the shift is in range, so that
 * the compiler adds no test of it.
 */
static __always_inline unsigned long vspace_quanta(const struct vmap_space *space,
						   unsigned long size)
{
	return size >> (space->quantum_shift & (BITS_PER_LONG - 1));
}

/* The size of an extent without the guard, in quanta: its class in the cache. */
static inline unsigned long vspace_class_of(const struct vmap_space *space,
					    const struct vmap_extent *extent)
{
	return vspace_quanta(space, extent->size - space->guard);
}

/* spares.c */

/*
 * The number of spares below which vtake_spares_ahead() queues stock_work.  The worker may have to
 * wait a tick for a CPU; meanwhile 128 spares serve 64 NE cuts.  The pool costs 64 bytes a spare:
 * 8 KiB.
 */
#define VSPACE_SPARES_LOW	128

/*
 * Fewer nodes than this have vspan_cut_of_summary() queue stock_work: enough for four cuts, each
 * of which needs as many nodes as a cut may.
 */
static inline unsigned long vspace_nodes_low(const struct free_summary *summary)
{
	return 4 * free_summary_need(summary);
}

/* What one opening of a span needs, allocated before. */
struct vmap_opening {
	/* The first tile. */
	struct vmap_extent *whole;
	/* SUMMARY_NODES_OPEN nodes if the space has a summary. */
	struct summary_pool nodes;
};

bool vspace_begin_opening(const struct vmap_space *space, struct vmap_opening *opening);
void vspace_cancel_opening(struct vmap_opening *opening);
void vspace_stock_work(struct work_struct *work);
bool vspace_stock_spares(struct vmap_space *space, gfp_t gfp);
void vspace_trim_work(struct work_struct *work);
void vspace_trim_later(struct vmap_space *space);
void vspace_drop_spares(struct vmap_space *first);

/* span.c */

/*
 * How long more than vspan_size units are idle before span_work returns idle spans: long enough
 * that a load which frees and allocates again, many times a second, does not import each time.
 */
#define VSPACE_IDLE_DELAY	HZ

/* The usual size of a span in bytes, a multiple of WINDOW_GRAIN: module parameter span_size. */
extern unsigned long vspan_size;
int vspan_enter(struct vmap_span *span, unsigned long addr);
void vspan_leave(struct vmap_span *span, unsigned long end);
void vspan_free(struct vmap_span *span);
void vspan_open(struct vmap_space *space, struct vmap_span *span, struct vmap_opening *opening);
void vspan_remove(struct vmap_space *space, struct vmap_span *span);
void vspan_return_idle(struct vmap_space *space, unsigned long keep);
bool vspan_note_idle(struct vmap_space *space, struct vmap_extent *whole);
void vspan_note_used(struct vmap_space *space, struct vmap_extent *whole);
struct vmap_extent *vspan_cut_of_summary(struct vmap_space *space, unsigned long size,
					 const void *caller);
struct vmap_span *vspan_look_up(unsigned long addr);

/*
 * The reserve: units kept free for callers that may not sleep and so cannot import.  An eighth of
 * what one import adds: small beside a span, but 8 MiB with the default span_size.
 */
static inline unsigned long vspace_reserve(void)
{
	return vspan_size / 8;
}

/* Is less than the reserve free?  Read without lock: a hint, which the next call corrects. */
static inline bool vspace_is_low(const struct vmap_space *space)
{
	return data_race(space->tree.units) < vspace_reserve();
}

/* Is the free extent @extent the only tile of its span?  Then both neighbours are the marker. */
static inline bool vspan_is_idle(const struct vmap_extent *extent)
{
	return extent->prev == extent->next;
}

/*
 * A direct-mapped cache in front of the xarray of spans: a slot for each grain, by the number of
 * the grain modulo SPAN_FRONT_SIZE.  4096 slots of 2 MiB cover 8 GiB of addresses without a
 * conflict, which is 128 spans of the default span_size, and take 32 KiB.
 */
#define SPAN_FRONT_SIZE		4096
extern struct vmap_span *vspan_front[SPAN_FRONT_SIZE];

static __always_inline struct vmap_span **vspan_front_slot(unsigned long addr)
{
	return &vspan_front[(addr >> WINDOW_GRAIN_SHIFT) % SPAN_FRONT_SIZE];
}

/*
 * The span of @addr, or NULL.  The span is not freed while the caller holds a busy extent of the
 * span, is in an RCU read-side section, or has interrupts off.
 *
 * All reads of fields of the span depend on the pointer loaded here.  This address dependency pairs
 * with the release in vspan_enter(), and that of xa_load() with the release in xa_insert().
 */
static __always_inline struct vmap_span *vspan_of(unsigned long addr)
{
	struct vmap_span *span = READ_ONCE(*vspan_front_slot(addr));

	if (likely(span && addr - span->start < span->end - span->start))
		return span;
	return vspan_look_up(addr);
}

/*
 * The span of an extent that the caller holds; NULL if the span is lost.  Then the caller must not
 * write page tables of the span, and leaves the extent with vlost_leave().
 */
static __always_inline struct vmap_span *vspan_of_live(unsigned long addr)
{
	struct vmap_span *span = vspan_of(addr);

	return likely(span && vwin_alive(span->window)) ? span : NULL;
}

/* The slot of the page at @addr in the owner table: see vmap_span.owner. */
static __always_inline struct vmap_extent **vspan_slot(const struct vmap_span *span,
						       unsigned long addr)
{
	return &span->owner[(addr - span->start) >> PAGE_SHIFT];
}

/* The slot of the grain of @addr in vmap_span.behind. */
static inline u32 *vspan_behind(const struct vmap_span *span, unsigned long addr)
{
	return &span->behind[(addr - span->start) >> WINDOW_GRAIN_SHIFT];
}

/* import.c */
int vspan_import(struct vmap_space *space, unsigned long size, unsigned long seen, gfp_t gfp);
int vspan_adopt(struct vmap_space *space, unsigned long start, unsigned long end);

/* lost.c */
void vlost_note(struct vmap_span *span, const void *caller);
void vlost_leave(struct vmap_space *space, struct vmap_extent *extent, bool mapped,
		 const void *caller);
void vlost_unmap(struct vmap_space *space, const struct vmap_extent *extent, unsigned long size);
bool vlost_keeps(struct vmap_space *space, struct vmap_extent *extent);
unsigned long vlost_count(const struct vmap_space *among);
struct vmap_span *vlost_next_unsettled(struct vmap_space *space);
void vlost_drop_areas(struct vmap_space *space, struct vmap_span *span);
void vlost_drop(struct vmap_space *space);

/* walk.c */

/*
 * The most readers of files that walk through a space at a time.  Each walk makes each vspace_put()
 * check one list entry, about ten instructions under space->lock.  16 walks cost 160 instructions,
 * less than the several hundred that a free through the tree takes by itself.
 */
#define WALK_READERS	16

/* A copy of one tile, made by vwalk_step() under space->lock. */
struct vmap_tile {
	unsigned long start;
	unsigned long end;
	enum vmap_state state;
	bool free;
	u8 flags;
	/* Busy: bytes between those asked for and the guard; range arena: 0. */
	u32 slack;
	/* Busy or movable: the code address that allocated the tile; else NULL. */
	const void *caller;
	/* The invariant that the tile violates, or NULL. */
	const char *wrong;
};

/* A walk through the tiles of an arena. */
struct vmap_walk {
	/* The space that the walk has come to: the spaces of the arena follow each other. */
	struct vmap_space *space;

	/* Under space->lock. */

	/* On space->walkers while the walk lasts. */
	struct list_head link;
	/* The tile that the next vwalk_step() looks at; NULL at the end. */
	struct vmap_extent *next;

	/* The tile that the last vwalk_step() looked at; the owner of the walk reads it. */
	struct vmap_tile tile;
};

void vwalk_begin(struct vmap_walk *walk, struct vmap_space *space);
int vwalk_join(struct vmap_walk *walk, struct vmap_space *space);
bool vwalk_step(struct vmap_walk *walk);
void vwalk_end(struct vmap_walk *walk);
void vwalk_leave(struct vmap_walk *walk);
void vwalk_note_free(struct vmap_space *space, struct vmap_extent *extent);
void vwalk_note_swap(struct vmap_space *space, struct vmap_extent *a, struct vmap_extent *b);
void vwalk_note_return(struct vmap_space *space, struct vmap_span *span);

/* badfree.c */
struct vmap_extent *vbad_covering(const struct vmap_span *span, unsigned long addr);
struct vmap_extent *vbad_claim(const void *ptr, bool foreign, const void *caller);
bool vbad_is_ours(const void *addr);
bool vbad_may_remap(const void *addr, unsigned long page);
bool vbad_is_live(const void *addr);
unsigned long vbad_size(const void *addr);
bool vbad_is_foreign(const void *addr);
void vbad_change_caller(unsigned long addr, const void *old, const void *caller);
void vbad_report_nmi(const void *caller);
void vbad_report_extent(const struct vmap_space *space, const struct vmap_extent *extent,
			const void *caller);
void vbad_report_twice(const struct vmap_space *space, const struct vmap_extent *extent);

/**
 * vbad_refuse_nmi() - refuse a call in an NMI, with a report
 * @caller: the caller of the refused function, for the report
 *
 * The NMI may have interrupted a call that changes magazines of this CPU or holds space->lock.
 *
 * Context: any.
 * Return: true in an NMI: the call must do nothing.
 */
static __always_inline bool vbad_refuse_nmi(const void *caller)
{
	if (likely(!in_nmi()))
		return false;
	vbad_report_nmi(caller);
	return true;
}

/* Is an extent in @state allocated, and not yet freed? */
static inline bool vspace_is_held(enum vmap_state state)
{
	return state == VMAP_BUSY || state == VMAP_SLOT || state == VMAP_MOVABLE;
}

/* Cut and put. */

/* Are there as many spares and nodes as a cut may take?  A hint without space->lock. */
static inline bool vspace_may_cut(const struct vmap_space *space)
{
	const struct free_summary *summary = space->tree.summary;

	return space->spares.count >= FREE_TREE_SPARES &&
	       (!summary || summary->spares.count >= free_summary_need(summary));
}

/* Make @extent busy; extent->space is set.  WRITE_ONCE(), since a walk may read the fields. */
static __always_inline void vspace_hand_out(struct vmap_extent *extent, const void *caller)
{
	WRITE_ONCE(extent->caller, caller);
	WRITE_ONCE(extent->state, VMAP_BUSY);
}

/*
 * Make an extent that was cut or flushed busy, without flags, on node 0, without slack: what is
 * there may be left from a free extent.
 */
static __always_inline void vspace_hand_out_new(struct vmap_space *space,
						struct vmap_extent *extent, const void *caller)
{
	const struct vmap_extent busy = { .state = VMAP_BUSY };

	WRITE_ONCE(extent->space, space->first);
	WRITE_ONCE(extent->caller, caller);
	WRITE_ONCE(extent->particulars, busy.particulars);
}

/*
 * Cut @size from the lowest free extent of at least @size and make the cut busy.  Return NULL if no
 * free extent is long enough, or if the pool has less spares than a cut may take.  Under
 * space->lock.  Beside a summary the tree is empty: so the cut from a tree does not ask for one.
 */
static __always_inline struct vmap_extent *vspace_cut_lowest(struct vmap_space *space,
							     unsigned long size, const void *caller)
{
	struct rb_node *top = space->tree.root.rb_node;
	struct vmap_extent *extent;

	lockdep_assert_held(&space->lock);
	if (unlikely(!free_tree_has(top, size) || space->spares.count < FREE_TREE_SPARES))
		return space->tree.summary ? vspan_cut_of_summary(space, size, caller) : NULL;
	extent = free_tree_lowest_at(top, size);
	if (unlikely(vspan_is_idle(extent)))
		vspan_note_used(space, extent);
	extent = free_tree_cut_left(&space->tree, extent, size, &space->spares);
	vspace_hand_out_new(space, extent, caller);
	return extent;
}

/*
 * Make an extent free: the caller holds it, and no TLB has a translation of it.  Under space->lock.
 */
static __always_inline void vspace_put(struct vmap_space *space, struct vmap_extent *extent)
{
	struct vmap_extent *merged;

	lockdep_assert_held(&space->lock);
	if (unlikely(!list_empty(&space->walkers)))
		vwalk_note_free(space, extent);
	merged = free_tree_put(&space->tree, extent, &space->spares);
	if (unlikely(vspan_is_idle(merged)) && vspan_note_idle(space, merged))
		queue_delayed_work(vspace_wq, &space->span_work, VSPACE_IDLE_DELAY);
}

#endif
