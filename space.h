/* SPDX-License-Identifier: GPL-2.0 */
/*
 * space.h - one lock, one tree of free extents, and the spans that the extents tile
 *
 * A space is address space and nothing else: it cuts extents off what is free and puts them back,
 * finds the span and the owner of an address, and steps through the tiles.  What is freed is free
 * at once; that a TLB may still hold it is the concern of the layer above (purge.h).
 *
 * Words:
 *
 *   span       one contiguous piece of address space, imported from the kernel (a memory arena) or
 *              owned by the arena's creator (a range arena)
 *   tile       an extent as a part of its span: the tiles of a span lie side by side without gap
 *   ring       the tiles of a span, linked in address order through the span's marker
 *   marker     the extent of no length that closes the ring of a span
 *   idle       said of a span all of which is free
 *   lost       said of a span whose reservation somebody else gave back to the kernel (lost.c)
 *   spare      an extent without a range, allocated ahead of need: a split takes one or two
 *   quantum    all sizes and addresses of a space are multiples of it; PAGE_SIZE for memory
 *   unit       what sizes are counted in: bytes for memory, else what the arena's creator means
 *
 *   space.c    the lock, and what all spaces share
 *   spares.c   the pool of spares
 *   span.c     spans: look-up by address, the idle ones, the way back to the kernel
 *   import.c   spans: the way in
 *   lost.c     spans that are lost
 *   walk.c     steps through all tiles without keeping the lock
 *   badfree.c  whose address is this: live, stale, interior, foreign
 *
 * Invariants:
 *   - the tiles of a span cover it, and no two free ones touch;
 *   - a busy extent belongs to its holder; nobody else writes it;
 *   - a span stays while the caller holds a busy extent of it, is under rcu_read_lock(), or has
 *     interrupts off.
 *
 * Locking: vmap_space.lock covers the tree, the rings of all spans, the spares, and the fields
 * grouped below it.  Each hold takes O(log n) steps or one fixed batch.  The lock is a raw one,
 * since frees come from any context.  import_lock and walk_lock are taken before it.
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
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "arch/counter.h"
#include "compat.h"
#include "effort.h"
#include "free_tree.h"
#include "window.h"

#define VMAP_NAME_MAX		32

/* Flags of an extent that is not free. */
#define VMAP_EXTENT_FOREIGN	(1U << 0)	/* its pages are the caller's: vmap_map_pages() */
#define VMAP_EXTENT_RECYCLABLE	(1U << 1)	/* its pages are as good for any other caller */
#define VMAP_EXTENT_NODE_SHIFT	8		/* above: of a recyclable extent, its pages' NUMA node */

/* One span. */
struct vmap_span {
	/* The space that the span belongs to. */
	struct vmap_space *space;
	/* The first unit, and one past the last. */
	unsigned long start;
	unsigned long end;
	/* The marker, which closes the ring of tiles. */
	struct vmap_extent marker;
	/* On space->spans; once the span is lost, on space->lost_spans. */
	struct list_head link;
	/* On space->idle_spans while the span is idle. */
	struct list_head idle;
	/* The page tables; NULL in a range arena. */
	struct vmap_window *window;
	/* For each page, the busy or cached extent that starts there, or NULL; NULL in a range arena. */
	struct vmap_extent **owner;
	/*
	 * For each WINDOW_GRAIN, how many pages before its start the area begins that was handed out
	 * last across that boundary; NULL in a range arena.
	 */
	u32 *behind;
	/* The span was returned or lost, and is not on space->spans; under space->lock. */
	bool gone;
	/* The span is lost, and its areas are accounted for, or about to be; under space->lock. */
	bool settled;
};

/* What a CPU counts of the calls of a space; only that CPU adds to it. */
struct vmap_calls {
	/* Allocations that no magazine served. */
	unsigned long allocs;
	/* Frees that went into no magazine, each counted when it is done: vspace_count_free(). */
	unsigned long frees;
	/* Allocations that failed. */
	unsigned long fails;
	/* Frees that first had to purge. */
	unsigned long throttle_waits;
	/* Frees left to the worker. */
	unsigned long deferred;
};

/* One space. */
struct vmap_space {
	/* Constant after creation. */

	/* What reports call the space: the name of its arena. */
	char name[VMAP_NAME_MAX];
	/* The spans are kernel address space, with windows; else bare ranges. */
	bool memory;
	/* All sizes and addresses are multiples of this power of two; and its logarithm. */
	unsigned long quantum;
	unsigned int quantum_shift;
	/* Bytes left unmapped after each area. */
	unsigned long guard;
	/* The most that the spans may add up to; 0: no limit. */
	unsigned long limit;
	/* What each CPU counts. */
	struct vmap_calls __percpu *calls;

	/* Serialises all fields of this group; taken by vspace_lock() only. */
	raw_spinlock_t lock;
	/* When the lock was taken, and how long it was held at most, in ns; with time_lock=1 only. */
	u64 locked_at;
	u64 held_max;
	/* The free extents of all spans. */
	struct free_tree tree;
	/* The spares. */
	struct vmap_extent_pool spares;
	/* All spans that are not lost, in order of import. */
	struct list_head spans;
	/* The idle ones of them. */
	struct list_head idle_spans;
	/* Who steps through the tiles: readers of files, and one walk from end to end at most. */
	struct list_head walkers;
	/* How many of the walkers are readers of files. */
	unsigned int readers;
	/* Units in all spans, how many spans that are, and units in the idle ones. */
	unsigned long reserved;
	unsigned long nr_spans;
	unsigned long idle_units;
	/* Spans imported since the start. */
	unsigned long imports;
	/* The lost spans, and how many there are. */
	struct list_head lost_spans;
	unsigned long nr_lost;

	/* Pages that went with lost spans. */
	atomic_long_t lost_pages;

	/* One walk from end to end at a time: held as long as it lasts. */
	struct mutex walk_lock;

	/* One import at a time; held over the kernel's vmap(), and so over page allocation. */
	struct mutex import_lock;
	/* Spans that begin where one was lost, and are not used; under import_lock. */
	struct list_head aside;

	/* Fills the pool of spares. */
	struct work_struct stock_work;
	/* Imports ahead of need, returns idle spans: the function is set by the layer above. */
	struct delayed_work span_work;
};

/* space.c */
extern struct workqueue_struct *vspace_wq;
extern struct kmem_cache *vspace_extent_slab;
DECLARE_STATIC_KEY_FALSE(vspace_lock_timed);
int vspace_init_module(void);
void vspace_exit_module(void);
int vspace_init(struct vmap_space *space, const char *name, unsigned long quantum);
void vspace_exit(struct vmap_space *space);
void vspace_note_hold(struct vmap_space *space);

#define vspace_count(space, what)	this_cpu_inc((space)->calls->what)

/*
 * Count a free that went past the magazines.  Once varena_sum_calls() has seen the count the arena
 * may be destroyed and freed, so the count is the last access of the free to the arena, but for
 * dropping arena->lock: the release comes after all other accesses, and pairs with the barrier in
 * varena_sum_calls().
 */
static __always_inline void vspace_count_free_irqs_off(struct vmap_space *space)
{
	vspace_arch_count_release(space->calls->frees);
}

/* The same with interrupts as they may be. */
static inline void vspace_count_free(struct vmap_space *space)
{
	unsigned long flags;

	local_irq_save(flags);
	vspace_count_free_irqs_off(space);
	local_irq_restore(flags);
}

/* Take an arena's lock; returns the interrupt flags. */
static __always_inline unsigned long vspace_lock(struct vmap_space *space) __acquires(&space->lock)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&space->lock, flags);
	if (static_branch_unlikely(&vspace_lock_timed))
		space->locked_at = ktime_get_mono_fast_ns();
	return flags;
}

static __always_inline void vspace_unlock(struct vmap_space *space, unsigned long flags)
	__releases(&space->lock)
{
	if (static_branch_unlikely(&vspace_lock_timed))
		vspace_note_hold(space);
	raw_spin_unlock_irqrestore(&space->lock, flags);
}

/* The pages of an extent of a memory arena, whose quantum is a page: its class in the cache. */
static __always_inline unsigned long vspace_pages_of(const struct vmap_space *space,
						     const struct vmap_extent *extent)
{
	return (extent->size - space->guard) >> PAGE_SHIFT;
}

static inline unsigned long vspace_class_of(const struct vmap_space *space,
					    const struct vmap_extent *extent)
{
	return (extent->size - space->guard) >> space->quantum_shift;
}

/* spares.c */

/* Spares below which the worker fills the pool: a tick's worth of calls that split. */
#define VSPACE_SPARES_LOW	128

void vspace_stock_work(struct work_struct *work);
bool vspace_stock_spares(struct vmap_space *space, gfp_t gfp);
bool vspace_trim_spares(struct vmap_space *space, unsigned long keep, unsigned long most);

/* span.c */
extern unsigned long vspan_size;
int vspan_enter(struct vmap_span *span, unsigned long addr);
void vspan_leave(struct vmap_span *span, unsigned long end);
void vspan_free(struct vmap_span *span);
void vspan_open(struct vmap_space *space, struct vmap_span *span, struct vmap_extent *whole);
void vspan_remove(struct vmap_space *space, struct vmap_span *span);
void vspan_return_idle(struct vmap_space *space, unsigned long keep);
bool vspan_note_idle(struct vmap_space *space, struct vmap_extent *whole);
void vspan_note_used(struct vmap_space *space, struct vmap_extent *whole);
struct vmap_span *vspan_look_up(unsigned long addr);

/* Free space kept for callers who may not sleep: an eighth of what one import adds. */
static inline unsigned long vspace_reserve(void)
{
	return vspan_size / 8;
}

/* Is less than that free? */
static inline bool vspace_is_low(const struct vmap_space *space)
{
	return data_race(space->tree.units) < vspace_reserve();
}

/* Is this free extent alone between the two ends of its span's edge? */
static inline bool vspan_is_idle(const struct vmap_extent *extent)
{
	return extent->prev == extent->next;
}

/* The first place to look for a span: a slot for each WINDOW_GRAIN, which far addresses share. */
#define SPAN_FRONT_SIZE		4096
extern struct vmap_span *vspan_front[SPAN_FRONT_SIZE];

static __always_inline struct vmap_span **vspan_front_slot(unsigned long addr)
{
	return &vspan_front[(addr >> WINDOW_GRAIN_SHIFT) % SPAN_FRONT_SIZE];
}

/*
 * The span that @addr lies in, or NULL.  It stays while the caller holds a busy extent of it, is
 * under rcu_read_lock(), or has interrupts off.
 *
 * Whatever is read from the span is read through the pointer loaded here, and so after it: this
 * address dependency pairs with the release in map_span(), that of xa_load() with xa_store().
 */
static __always_inline struct vmap_span *vspan_of(unsigned long addr)
{
	struct vmap_span *span = READ_ONCE(*vspan_front_slot(addr));

	if (likely(span && addr - span->start < span->end - span->start))
		return span;
	return vspan_look_up(addr);
}

/*
 * The span of an extent that the caller holds, if its tables may be written; NULL if it is lost:
 * then the extent is left by vlost_leave().
 */
static __always_inline struct vmap_span *vspan_of_live(unsigned long addr)
{
	struct vmap_span *span = vspan_of(addr);

	return likely(span && vwin_alive(span->window)) ? span : NULL;
}

/* Where the owner of the page at @addr is noted. */
static __always_inline struct vmap_extent **vspan_slot(const struct vmap_span *span,
						       unsigned long addr)
{
	return &span->owner[(addr - span->start) >> PAGE_SHIFT];
}

/* Where it is noted how far before the grain of @addr the area began that crosses into it. */
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
struct vmap_span *vlost_next_unsettled(struct vmap_space *space);
void vlost_drop_areas(struct vmap_space *space, struct vmap_span *span);
void vlost_drop(struct vmap_space *space);

/* walk.c */

/*
 * Readers that walk through a space at a time.  Each costs a free through the tree some ten
 * instructions; all together cost less than that free takes by itself, which is several hundred.
 */
#define WALK_READERS	16

/* One tile as it was when the walk came by. */
struct vmap_tile {
	unsigned long start;
	unsigned long end;
	enum vmap_state state;
	bool free;
	u32 flags;
	/* Who allocated it, if it is busy. */
	const void *caller;
	/* The invariant that does not hold there, or NULL. */
	const char *wrong;
};

/* A walk through the tiles of a space. */
struct vmap_walk {
	struct vmap_space *space;
	/* On space->walkers, while the walk lasts. */
	struct list_head link;
	/* The tile that the next step looks at; NULL at the end; under space->lock. */
	struct vmap_extent *next;
	/* What the last step saw. */
	struct vmap_tile tile;
};

void vwalk_begin(struct vmap_walk *walk, struct vmap_space *space);
int vwalk_join(struct vmap_walk *walk, struct vmap_space *space);
bool vwalk_step(struct vmap_walk *walk);
void vwalk_end(struct vmap_walk *walk);
void vwalk_leave(struct vmap_walk *walk);
void vwalk_note_free(struct vmap_space *space, struct vmap_extent *extent);
void vwalk_note_return(struct vmap_space *space, struct vmap_span *span);

/* badfree.c */
struct vmap_extent *vbad_covering(const struct vmap_span *span, unsigned long addr);
struct vmap_extent *vbad_claim(const void *ptr, bool foreign, const void *caller);
bool vbad_is_ours(const void *addr);
bool vbad_is_foreign(const void *addr);
bool vbad_refuse_nmi(const void *caller);
void vbad_report_extent(const struct vmap_space *space, const struct vmap_extent *extent,
			const void *caller);

/* What is handed out, and what comes back. */

/* From here on the extent, its arena noted, is busy.  Walkers may be looking. */
static __always_inline void vspace_hand_out(struct vmap_extent *extent, const void *caller)
{
	WRITE_ONCE(extent->caller, caller);
	WRITE_ONCE(extent->state, VMAP_BUSY);
}

static __always_inline void vspace_hand_out_new(struct vmap_space *space,
						struct vmap_extent *extent, const void *caller)
{
	extent->flags = 0;
	WRITE_ONCE(extent->space, space);
	vspace_hand_out(extent, caller);
}

/* Cut @size from the lowest free extent that has it; NULL if none does, or for want of spares. */
static __always_inline struct vmap_extent *vspace_cut_lowest(struct vmap_space *space,
							     unsigned long size, const void *caller)
{
	struct vmap_extent *extent = free_tree_lowest(&space->tree, size);

	if (unlikely(!extent || space->spares.count < FREE_TREE_SPARES))
		return NULL;
	if (unlikely(vspan_is_idle(extent)))
		vspan_note_used(space, extent);
	extent = free_tree_cut_left(&space->tree, extent, size, &space->spares);
	vspace_hand_out_new(space, extent, caller);
	return extent;
}

/* Make an extent free again.  Under the arena's lock. */
static __always_inline void vspace_put(struct vmap_space *space, struct vmap_extent *extent)
{
	struct vmap_extent *merged;

	lockdep_assert_held(&space->lock);
	if (unlikely(!list_empty(&space->walkers)))
		vwalk_note_free(space, extent);
	merged = free_tree_put(&space->tree, extent, &space->spares);
	if (unlikely(vspan_is_idle(merged)) && vspan_note_idle(space, merged))
		queue_delayed_work(vspace_wq, &space->span_work, HZ);
}

#endif
