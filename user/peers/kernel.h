/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel.h - what the kernel's maple_tree.c and drm_mm.c need of the kernel, in a user program
 *
 * Both are compiled as they are.  This header stands in the place of those of the kernel that
 * user/Makefile names (PEER_PLAYED); lists, red-black trees and the like come from the kernel's own
 * tools/include.  Their own lock is nothing, for whoever calls them from several threads has one
 * around; a reader under RCU pays nothing, as in a kernel, and what is freed under RCU waits in
 * lab/user/rcu.c; a slab is a stack of free objects.
 */
#ifndef PEERS_KERNEL_H
#define PEERS_KERNEL_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/kconfig.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/types.h>
#include "../../lab/user/rcu.h"

#define __rcu
#define __must_hold(lock)
#define __init
#define noinline_for_stack	__attribute__((noinline))
#ifndef fallthrough
#define fallthrough		__attribute__((__fallthrough__))
#endif
#define VM_WARN_ON_ONCE(condition)	BUILD_BUG_ON_INVALID(condition)

/* Locks and RCU. */
typedef struct {
	int nothing;
} spinlock_t;

struct lockdep_map {
	int nothing;
};

struct lock_class_key {
	int nothing;
};

#define spin_lock(lock)			((void)(lock))
#define spin_unlock(lock)		((void)(lock))
#define spin_lock_bh(lock)		((void)(lock))
#define spin_unlock_bh(lock)		((void)(lock))
#define spin_lock_irq(lock)		((void)(lock))
#define spin_unlock_irq(lock)		((void)(lock))
#define spin_lock_nested(lock, class)	((void)(lock))
#define spin_lock_init(lock)		((void)(lock))
#define spin_lock_irqsave(lock, flags)		((void)(lock), (void)(flags))
#define spin_unlock_irqrestore(lock, flags)	((void)(lock), (void)(flags))
#define __SPIN_LOCK_UNLOCKED(name)	{ 0 }
#define lockdep_is_held(lock)		1
#define lock_is_held(lock)		1
#define lockdep_assert_held(lock)	((void)0)
#define might_lock(lock)		((void)0)
#define might_alloc(gfp)		((void)(gfp))
#define rcu_read_lock()			((void)0)
#define rcu_read_unlock()		((void)0)
#define rcu_read_lock_held()		1
#define rcu_dereference(p)			__atomic_load_n(&(p), __ATOMIC_CONSUME)
#define rcu_dereference_raw(p)			rcu_dereference(p)
#define rcu_dereference_check(p, condition)	rcu_dereference(p)
#define rcu_dereference_protected(p, condition)	(p)
#define rcu_assign_pointer(p, value)		__atomic_store_n(&(p), value, __ATOMIC_RELEASE)
#define RCU_INIT_POINTER(p, value)		WRITE_ONCE(p, value)
#define rcu_head				callback_head
#define call_rcu(head, function)		lab_defer(head, function)
/* The member lies in the first cache line of the object. */
#define kfree_rcu(object, member)		lab_defer(&(object)->member, peer_free_line)
#define synchronize_rcu()			((void)0)

/* Memory. */
#define __GFP_BITS_SHIFT	8
#define __GFP_ZERO		(1U << 0)
#define __GFP_NOWARN		(1U << 1)
#define __GFP_DIRECT_RECLAIM	(1U << 2)
#define GFP_NOWAIT		0
#define GFP_KERNEL		__GFP_DIRECT_RECLAIM
#define gfpflags_allow_blocking(gfp)	(!!((gfp) & __GFP_DIRECT_RECLAIM))
#ifndef U64_MAX
#define U64_MAX			((u64)~0ULL)
#endif
#define SLAB_PANIC		0
#define SLAB_HWCACHE_ALIGN	0

struct kmem_cache;
struct slab_sheaf;

struct kmem_cache_args {
	unsigned int align;
	unsigned int sheaf_capacity;
};

#define kmem_cache_create(name, size, ...)	peer_slab_create(size)
#define kmem_cache_alloc(slab, gfp)		peer_slab_alloc(slab, gfp)
#define kmem_cache_free(slab, object)		peer_slab_free(slab, object)
struct kmem_cache *peer_slab_create(size_t size);
void *peer_slab_alloc(struct kmem_cache *slab, gfp_t gfp);
void peer_slab_free(struct kmem_cache *slab, void *object);
int kmem_cache_alloc_bulk(struct kmem_cache *slab, gfp_t gfp, size_t count, void **objects);
void kmem_cache_free_bulk(struct kmem_cache *slab, size_t count, void **objects);
struct slab_sheaf *kmem_cache_prefill_sheaf(struct kmem_cache *slab, gfp_t gfp, unsigned int size);
int kmem_cache_refill_sheaf(struct kmem_cache *slab, gfp_t gfp, struct slab_sheaf **sheaf,
			    unsigned int size);
void kmem_cache_return_sheaf(struct kmem_cache *slab, gfp_t gfp, struct slab_sheaf *sheaf);
void *kmem_cache_alloc_from_sheaf(struct kmem_cache *slab, gfp_t gfp, struct slab_sheaf *sheaf);
unsigned int kmem_cache_sheaf_size(struct slab_sheaf *sheaf);

void kfree(const void *object);
void peer_free_line(struct callback_head *head);

/* A warning is a peer's mistake, or a stand-in's: no figure would be worth anything. */
#undef WARN_ON
#undef WARN_ON_ONCE
#undef WARN
#define WARN_ON(condition)	({ bool wrong = (condition); if (wrong) abort(); wrong; })
#define WARN_ON_ONCE(condition)	WARN_ON(condition)
#define WARN(condition, ...)	WARN_ON(condition)

/* The rest. */
struct drm_printer;

#define drm_printf(printer, ...)	((void)(printer))
#define clear_bit_unlock(bit, word)	__clear_bit(bit, word)
#define test_and_clear_bit(bit, word)	__test_and_clear_bit(bit, word)

static inline u64 div64_u64_rem(u64 dividend, u64 divisor, u64 *remainder)
{
	*remainder = dividend % divisor;
	return dividend / divisor;
}

#define trace_ma_op(...)	((void)0)
#define trace_ma_read(...)	((void)0)
#define trace_ma_write(...)	((void)0)
#define cond_resched()		((void)0)
#define need_resched()		0
#define signal_pending(task)	0
#define dump_stack()		((void)0)
#define kasan_check_byte(p)	1

#endif
