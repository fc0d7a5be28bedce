/* SPDX-License-Identifier: GPL-2.0 */
/*
 * place.h - the NUMA node that the pages of an area lie on, and the node that a request wants
 *
 * vmalloc() takes each page from the node that the task's memory policy names; without a memory
 * policy from the memory node of the CPU, or from the node that the caller names.  A warm area
 * serves a request only if its pages lie on the node from which fresh pages would be tried first:
 *
 *   - an area is cached only if all of its pages lie on one node; extent->node_id has the node;
 *   - a magazine has areas of its CPU's memory node only, and each node has depots of its own;
 *   - a task with a memory policy, or in a cpuset without the node, gets fresh pages.
 *
 * On a machine with one node the static branch vplace_matters skips all of these questions.
 *
 * Locking: none.  The node of a CPU is read with interrupts off where the result must stay true.
 */
#ifndef PLACE_H
#define PLACE_H

#include <linux/jump_label.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/topology.h>

#include "space.h"

/* Returned by vplace_of_pages() for pages of several nodes; -1 is NUMA_NO_NODE. */
#define PLACE_MIXED	(-2)

/* The machine has several NUMA nodes; set at load. */
DECLARE_STATIC_KEY_FALSE(vplace_matters);

/* The memory node of this CPU.  Unless preemption is off, the task may move to another CPU next. */
static __always_inline unsigned int vplace_here(void)
{
	return static_branch_unlikely(&vplace_matters) ? numa_mem_id() : 0;
}

/* Note that all pages of an area that is not published yet lie on @node, and may be recycled. */
static inline void vplace_make_recyclable(struct vmap_extent *extent, unsigned int node)
{
	extent->flags |= VMAP_EXTENT_RECYCLABLE;
	extent->node_id = node;
}

/* The node of a recyclable area, or of a cached extent; 0 in a range arena. */
static inline unsigned int vplace_of(const struct vmap_extent *extent)
{
	return extent->node_id;
}

/* Are the pages of a busy or cached area as good for any other caller, and not foreign? */
static __always_inline bool vplace_is_recyclable(const struct vmap_extent *extent)
{
	return extent->flags & VMAP_EXTENT_RECYCLABLE;
}

/* Does an area lie on another node than this CPU's, so that no magazine here may have the area? */
static __always_inline bool vplace_is_far(const struct vmap_extent *extent)
{
	return static_branch_unlikely(&vplace_matters) && vplace_is_recyclable(extent) &&
	       vplace_of(extent) != numa_mem_id();
}

#ifdef CONFIG_NUMA
/*
 * The node of all of @pages and of the pages looked at before, on @node; NUMA_NO_NODE if there were
 * none before.  PLACE_MIXED if the nodes differ.
 */
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

/* Would alloc_pages() follow the task's memory policy in a request for @node? */
static inline bool vplace_by_policy(int node)
{
	return node == NUMA_NO_NODE && current->mempolicy && !in_interrupt();
}

/* Does the task's cpuset allow pages of @node? */
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

/* May a warm area of @node serve this task, given its memory policy and its cpuset? */
static __always_inline bool vplace_may_be_warm(int node)
{
	if (!static_branch_unlikely(&vplace_matters))
		return node == NUMA_NO_NODE || !node;
	if (node == NUMA_NO_NODE)
		return !vplace_by_policy(node) && vplace_is_allowed(numa_mem_id());
	return node >= 0 && node < nr_node_ids && vplace_is_allowed(node);
}

#endif
