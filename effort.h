/* SPDX-License-Identifier: GPL-2.0 */
/*
 * effort.h - what a call may do where its caller stands, and how hard it tries
 *
 * Three questions are asked all over: may the page allocator and the slab be called here, may the
 * call sleep, and what is a request for pages to do when memory is short.
 *
 * Locking: none; the answers hold for the calling context.
 */
#ifndef EFFORT_H
#define EFFORT_H

#include <linux/gfp.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

/* Ask so that the request fails when there is no memory, and has no process killed for it. */
static inline gfp_t vgfp_may_fail(gfp_t gfp)
{
	return gfp | __GFP_NOWARN |
	       (gfp & (__GFP_NOFAIL | __GFP_NORETRY) ? 0 : __GFP_RETRY_MAYFAIL);
}

/* Is the caller to wait for as long as it takes?  Not if it may not sleep, whatever it asks for. */
static inline bool vgfp_waits(gfp_t gfp)
{
	return gfp & __GFP_NOFAIL && gfpflags_allow_blocking(gfp);
}

/* Is this for a task that was killed, and that needs nothing any more that takes time? */
static inline bool vgfp_gives_up(gfp_t gfp)
{
	return gfpflags_allow_blocking(gfp) && !vgfp_waits(gfp) && fatal_signal_pending(current);
}

/* How to ask for pages or slab objects for a caller: as it says, but see vgfp_may_fail(). */
static inline gfp_t vgfp_for_pages(gfp_t gfp)
{
	return vgfp_may_fail(vgfp_waits(gfp) ? gfp : gfp & ~__GFP_NOFAIL);
}

/* Can pages and slab objects be got and freed here?  With PREEMPT_RT not in atomic context. */
static inline bool vctx_may_call_mm(void)
{
	return !IS_ENABLED(CONFIG_PREEMPT_RT) || preemptible();
}

/* May a free sleep here?  vmap_free() promises not to ask for more than its caller can give. */
static inline bool vctx_may_wait(void)
{
	return preemptible() && !rcu_preempt_depth();
}

#endif
