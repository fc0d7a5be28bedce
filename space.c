// SPDX-License-Identifier: GPL-2.0
/*
 * space.c - begins and ends spaces; the slab and the workqueue that all spaces share
 *
 * The theory statement of the layer is in space.h.
 *
 * Locking: vspace_wq, vspace_extent_slab and vspace_node_slab are set before the first space
 * begins, and constant until the last space has ended.
 */
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "space.h"

struct workqueue_struct *vspace_wq;
struct kmem_cache *vspace_extent_slab;
struct kmem_cache *vspace_node_slab;

/* What each space has for itself. */
static void begin_empty(struct vmap_space *space)
{
	raw_spin_lock_init(&space->lock);
	free_tree_init(&space->tree, space->quantum);
	INIT_LIST_HEAD(&space->spans);
	INIT_LIST_HEAD(&space->idle_spans);
	INIT_LIST_HEAD(&space->walkers);
	INIT_LIST_HEAD(&space->lost_spans);
	INIT_LIST_HEAD(&space->aside);
}

/**
 * vspace_init() - begin the first space of an arena, without spans
 * @space: all zero
 * @name: the name of the arena, for reports; shorter than VMAP_NAME_MAX
 * @quantum: a power of two
 *
 * The caller sets memory, guard and limit, and the functions of the works of the space.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int vspace_init(struct vmap_space *space, const char *name, unsigned long quantum)
{
	space->calls = alloc_percpu(struct vmap_calls);
	if (!space->calls)
		return -ENOMEM;
	space->first = space;
	strscpy(space->name, name, sizeof(space->name));
	space->quantum = quantum;
	space->quantum_shift = ilog2(quantum);
	begin_empty(space);
	mutex_init(&space->walk_lock);
	mutex_init(&space->import_lock);
	return 0;
}

/**
 * vspace_init_next() - begin one more space of an arena, without spans
 * @space: all zero
 * @last: the last space of the arena so far, complete; nobody uses the arena yet
 *
 * Context: process, may sleep.
 */
void vspace_init_next(struct vmap_space *space, struct vmap_space *last)
{
	space->first = last->first;
	last->next = space;
	strscpy(space->name, last->name, sizeof(space->name));
	space->memory = last->memory;
	space->huge = last->huge;
	space->quantum = last->quantum;
	space->quantum_shift = last->quantum_shift;
	space->guard = last->guard;
	space->calls = last->calls;
	begin_empty(space);
	if (last->tree.summary)
		vspace_use_summary(space);
}

/* Have a summary as the index of the only space of an arena, which has no span yet. */
void vspace_use_summary(struct vmap_space *space)
{
	free_tree_use_summary(&space->tree, &space->summary);
}

/* Units in all spans of the arena of @space, but the lost ones; no snapshot. */
unsigned long vspace_reserved_in_all(const struct vmap_space *space)
{
	const struct vmap_space *each;
	unsigned long reserved = 0;

	vspace_for_each(each, space)
		reserved += data_race(each->reserved);
	return reserved;
}

/* End an arena's first space, which has no span any more, or for which vspace_init() failed. */
void vspace_exit(struct vmap_space *space)
{
	free_percpu(space->calls);
}

/*
 * Create the slabs of extents and of nodes, and the workqueue.
 *
 * SLAB_NOLEAKTRACE keeps kmemleak out of extents: extent->start is the address of the area, so an
 * area would never count as leaked.  An extent or a node that leaks shows when
 * kmem_cache_destroy() complains.
 *
 * The workqueue: WQ_MEM_RECLAIM, because frees under memory pressure wait for the purge worker;
 * WQ_HIGHPRI, because allocations that may not sleep depend on spares and on the reserve;
 * WQ_UNBOUND, because a work item that unmaps and merges for long must not delay others on its CPU.
 */
int vspace_init_module(void)
{
	BUILD_BUG_ON(sizeof(struct vmap_extent) != 64);
	BUILD_BUG_ON(sizeof(struct summary_node) != 128);
	vspace_extent_slab = kmem_cache_create("vmap_extent", sizeof(struct vmap_extent),
					       sizeof(struct vmap_extent), SLAB_NOLEAKTRACE, NULL);
	vspace_node_slab = kmem_cache_create("vmap_summary", sizeof(struct summary_node),
					     sizeof(struct summary_node), SLAB_NOLEAKTRACE, NULL);
	vspace_wq = alloc_workqueue("vmap_arena", WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_HIGHPRI, 0);
	if (vspace_extent_slab && vspace_node_slab && vspace_wq)
		return 0;
	vspace_exit_module();
	return -ENOMEM;
}

void vspace_exit_module(void)
{
	if (vspace_wq)
		destroy_workqueue(vspace_wq);
	kmem_cache_destroy(vspace_extent_slab);
	kmem_cache_destroy(vspace_node_slab);
}
