/* SPDX-License-Identifier: GPL-2.0 */
/*
 * place.h - which NUMA node an area's pages lie on, and where its next holder wants them
 *
 * vmalloc() takes pages one after the other where the task's memory policy says, and without one
 * from the memory node of the CPU; a caller may name another node.  A warm area serves a request
 * only if its pages lie where fresh ones would be looked for first:
 *
 *   - an area is kept only if all of its pages lie on one node, which is noted in extent->flags;
 *   - a magazine has areas of its CPU's memory node only, and each node has depots of its own;
 *   - a task with a memory policy, or in a cpuset without the node, gets fresh pages.
 *
 * Where there is one node only, nothing of this is asked: a static branch.
 */
#ifndef PLACE_H
#define PLACE_H

#include <linux/jump_label.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/topology.h>

#include "space.h"

/* The pages of an area lie on several nodes. */
#define PLACE_MIXED	(-2)

DECLARE_STATIC_KEY_FALSE(vplace_matters);

/* The memory node of this CPU.  The task may be on another CPU right away, if it can move. */
static __always_inline unsigned int vplace_here(void)
{
	return static_branch_unlikely(&vplace_matters) ? numa_mem_id() : 0;
}

/* The flags of an area all of whose pages lie on @node, as good for any other caller. */
static inline u32 vplace_flags(unsigned int node)
{
	return VMAP_EXTENT_RECYCLABLE | node << VMAP_EXTENT_NODE_SHIFT;
}

/* The node that an area which may be kept lies on; 0 of any other extent. */
static inline unsigned int vplace_of(const struct vmap_extent *extent)
{
	return extent->flags >> VMAP_EXTENT_NODE_SHIFT;
}

static __always_inline bool vplace_is_recyclable(const struct vmap_extent *extent)
{
	return (u8)extent->flags == VMAP_EXTENT_RECYCLABLE;
}

/* Does an extent lie elsewhere than this CPU's magazines may hold?  Interrupts off. */
static __always_inline bool vplace_is_far(const struct vmap_extent *extent)
{
	return static_branch_unlikely(&vplace_matters) && vplace_is_recyclable(extent) &&
	       vplace_of(extent) != numa_mem_id();
}

#ifdef CONFIG_NUMA
/* The node that @node, or NUMA_NO_NODE at first, and all of @pages have in common. */
static inline int vplace_of_pages(struct page **pages, unsigned int count, int node)
{
	for (; count; count--) {
		int nid = page_to_nid(pages[count - 1]);

		if (node != NUMA_NO_NODE && node != nid)
			return PLACE_MIXED;
		node = nid;
	}
	return node;
}

/* Has the task a policy that alloc_pages() would obey here? */
static inline bool vplace_by_policy(int node)
{
	return node == NUMA_NO_NODE && current->mempolicy && !in_interrupt();
}

static inline bool vplace_is_allowed(unsigned int node)
{
#ifdef CONFIG_CPUSETS
	return in_interrupt() || node_isset(node, current->mems_allowed);
#else
	return true;
#endif
}
#else
static inline int vplace_of_pages(struct page **pages, unsigned int count, int node)
{
	return 0;
}

static inline bool vplace_by_policy(int node)
{
	return false;
}

static inline bool vplace_is_allowed(unsigned int node)
{
	return true;
}
#endif

/* Can what is warm serve a request for @node, as far as the task is concerned? */
static __always_inline bool vplace_may_be_warm(int node)
{
	if (!static_branch_unlikely(&vplace_matters))
		return node == NUMA_NO_NODE || !node;
	if (node == NUMA_NO_NODE)
		return !vplace_by_policy(node) && vplace_is_allowed(numa_mem_id());
	return node >= 0 && node < nr_node_ids && vplace_is_allowed(node);
}

#endif
