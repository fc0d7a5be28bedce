/* SPDX-License-Identifier: GPL-2.0 */
/*
 * effort.h - what a call may do in the context of its caller, and how hard it tries to get memory
 *
 * The functions answer three questions: may the page allocator and the slab be called here, may the
 * call sleep, and what does a request for pages do when memory is short.
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

/*
 * The flags @gfp, changed so that the request fails when memory is short, unless @gfp has
 * __GFP_NOFAIL: without a warning and without the OOM killer, which neither __GFP_RETRY_MAYFAIL nor
 * __GFP_NORETRY calls.
 */
static inline gfp_t vgfp_may_fail(gfp_t gfp)
{
	return gfp | __GFP_NOWARN |
	       (gfp & (__GFP_NOFAIL | __GFP_NORETRY) ? 0 : __GFP_RETRY_MAYFAIL);
}

/*
 * Must the request wait until it succeeds?  __GFP_NOFAIL has no effect where the caller may not
 * sleep.
 */
static inline bool vgfp_waits(gfp_t gfp)
{
	return gfp & __GFP_NOFAIL && gfpflags_allow_blocking(gfp);
}

/* Should the request give up, because its task was killed?  Not with __GFP_NOFAIL. */
static inline bool vgfp_gives_up(gfp_t gfp)
{
	return gfpflags_allow_blocking(gfp) && !vgfp_waits(gfp) && fatal_signal_pending(current);
}

/* The flags for a request for pages or slab objects on behalf of a caller that passed @gfp. */
static inline gfp_t vgfp_for_pages(gfp_t gfp)
{
	return vgfp_may_fail(vgfp_waits(gfp) ? gfp : gfp & ~__GFP_NOFAIL);
}

/*
 * May pages and slab objects be allocated and freed here?  With PREEMPT_RT the locks of the page
 * allocator and of the slab sleep, so not in atomic context.
 */
static inline bool vctx_may_call_mm(void)
{
	return !IS_ENABLED(CONFIG_PREEMPT_RT) || preemptible();
}

/*
 * May a free sleep here?  vmap_free() may be called in atomic context and in an RCU read-side
 * section.
 */
static inline bool vctx_may_wait(void)
{
	return preemptible() && !rcu_preempt_depth();
}

#endif
