// SPDX-License-Identifier: GPL-2.0
/*
 * target.c - the same operations on either target
 *
 * Theory
 *
 * A test is written once, against the calls below.  On the arena they are vmap_arena's calls; on
 * the kernel they are the kernel's own, and only those that it exports to modules:
 *
 *   stress_alloc       vmap_alloc, vmap_alloc_node     vmalloc, __vmalloc; aligned: see below
 *   stress_alloc_huge  vmap_alloc_huge                 vmalloc_huge
 *   stress_resize      vmap_realloc                    kvrealloc
 *   stress_free        vmap_free                       vfree
 *   stress_free_rcu    vmap_free_rcu                   kvfree_rcu_mightsleep(ptr)
 *   stress_free_rcu_head  the same                     kvfree_rcu(ptr, head)
 *   stress_map         vmap_map_pages                  vm_map_ram
 *   stress_unmap       vmap_unmap_pages                vm_unmap_ram
 *   stress_purge       vmap_arena_purge                vm_unmap_aliases
 *
 * Aligned memory from the kernel: __vmalloc_node() takes an alignment, but a kernel exports it only
 * if it was configured with CONFIG_TEST_VMALLOC.  It is used where it is found.  Elsewhere, memory
 * aligned to its own size (rounded up to a power of two) is made the way vmalloc makes it, from
 * exported parts: bulk page allocation, then vmap(), which aligns an area so when it is given
 * VM_IOREMAP, and which hands the pages to vfree() when it is given VM_MAP_PUT_PAGES.  Any other
 * alignment cannot be had.
 *
 * Locking: none of its own.  The symbol is got when the module loads and put when it goes.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "../compat.h"
#include "../vmap_alloc.h"
#include "stress.h"

typedef void *(*vmalloc_node_fn)(unsigned long size, unsigned long align, gfp_t gfp, int node,
				 const void *caller);

const char *const stress_target_names[STRESS_NR_TARGETS] = {
	[STRESS_ARENA] = "arena",
	[STRESS_KERNEL] = "kernel",
};

static vmalloc_node_fn kernel_vmalloc_node;

void stress_target_init(void)
{
	kernel_vmalloc_node = (vmalloc_node_fn)__symbol_get(VMALLOC_NODE_SYMBOL);
}

void stress_target_exit(void)
{
	if (kernel_vmalloc_node)
		__symbol_put(VMALLOC_NODE_SYMBOL);
}

/* True if the kernel gives memory of any alignment, not only that of its size. */
bool stress_kernel_aligns(void)
{
	return kernel_vmalloc_node;
}

static void free_pages_array(struct page **pages, unsigned long nr)
{
	while (nr--)
		__free_page(pages[nr]);
	kvfree(pages);
}

static void *kernel_alloc_size_aligned(unsigned long size, gfp_t gfp)
{
	unsigned long got, nr = PAGE_ALIGN(size) >> PAGE_SHIFT;
	struct page **pages = kvcalloc(nr, sizeof(*pages), GFP_KERNEL);
	void *addr = NULL;

	if (!pages)
		return NULL;
	got = alloc_pages_bulk_node(gfp, NUMA_NO_NODE, nr, pages);
	while (got < nr && (pages[got] = alloc_page(gfp)))
		got++;
	if (got == nr)
		addr = vmap(pages, nr, VM_MAP | VM_MAP_PUT_PAGES | VM_IOREMAP, PAGE_KERNEL);
	if (!addr)
		free_pages_array(pages, got);
	return addr;
}

static void *kernel_alloc(unsigned long size, unsigned long align, gfp_t gfp)
{
	if (align <= PAGE_SIZE)
		return gfp == GFP_KERNEL ? vmalloc(size) : __vmalloc(size, gfp);
	if (kernel_vmalloc_node)
		return kernel_vmalloc_node(size, align, gfp, NUMA_NO_NODE,
					   __builtin_return_address(0));
	return kernel_alloc_size_aligned(size, gfp);
}

void *stress_alloc(struct stress_pass *pass, unsigned long size, unsigned long align, gfp_t gfp)
{
	if (pass->target == STRESS_KERNEL)
		return kernel_alloc(size, align, gfp);
	if (pass->arena)
		return vmap_arena_alloc(pass->arena, size, align, gfp, NUMA_NO_NODE);
	if (align <= PAGE_SIZE && gfp == GFP_KERNEL)
		return vmap_alloc(size);
	return vmap_alloc_node(size, align, gfp, NUMA_NO_NODE);
}

void *stress_alloc_huge(struct stress_pass *pass, unsigned long size)
{
	if (pass->target == STRESS_KERNEL)
		return vmalloc_huge(size, GFP_KERNEL);
	return vmap_alloc_huge(size, GFP_KERNEL, NUMA_NO_NODE);
}

/* As vrealloc(), with the same @gfp as when @addr was allocated. */
void *stress_resize(struct stress_pass *pass, void *addr, unsigned long size, gfp_t gfp)
{
	if (pass->target == STRESS_KERNEL)
		return vmalloc_resize(addr, size, gfp);
	return vmap_realloc(addr, size, gfp);
}

void stress_free(struct stress_pass *pass, void *addr)
{
	if (pass->target == STRESS_KERNEL)
		vfree(addr);
	else
		vmap_free(addr);
}

/* May sleep. */
void stress_free_rcu(struct stress_pass *pass, void *addr)
{
	if (pass->target == STRESS_KERNEL)
		kvfree_rcu_mightsleep(addr);
	else
		vmap_free_rcu(addr);
}

/* May not sleep; the caller keeps a struct rcu_head at the start of the memory. */
void stress_free_rcu_head(struct stress_pass *pass, void *addr)
{
	struct { struct rcu_head rcu; } *object = addr;

	if (pass->target == STRESS_KERNEL)
		kvfree_rcu(object, rcu);
	else
		vmap_free_rcu(addr);
}

void *stress_map(struct stress_pass *pass, struct page **pages, unsigned int nr)
{
	if (pass->target == STRESS_KERNEL)
		return vm_map_ram(pages, nr, NUMA_NO_NODE);
	return vmap_map_pages(pages, nr, PAGE_KERNEL);
}

void stress_unmap(struct stress_pass *pass, void *addr, unsigned int nr)
{
	if (pass->target == STRESS_KERNEL)
		vm_unmap_ram(addr, nr);
	else
		vmap_unmap_pages(addr);
}

/* Makes what was freed free again.  The clock must not run: the targets owe this at other times. */
void stress_purge(struct stress_pass *pass)
{
	if (pass->target == STRESS_KERNEL)
		vm_unmap_aliases();
	else
		vmap_arena_purge(pass->arena);
}

int stress_arena_open(struct stress_pass *pass)
{
	struct vmap_arena *arena;
	char name[32];

	pass->arena = NULL;
	if (pass->target != STRESS_ARENA || pass->test->arena == STRESS_DEFAULT_ARENA)
		return 0;
	snprintf(name, sizeof(name), KBUILD_MODNAME "-%u", pass->thread);
	arena = vmap_arena_create(name, pass->test->arena == STRESS_OWN_UNCACHED ?
				  VMAP_ARENA_NOCACHE : 0);
	if (IS_ERR(arena))
		return stress_fail(pass, "arena %s cannot be created: error %ld", name,
				   PTR_ERR(arena));
	pass->arena = arena;
	return 0;
}

/* Checks that what was freed is free: neither busy, nor lazy. */
static int arena_check_empty(struct stress_pass *pass)
{
	struct vmap_arena_stats stats;

	rcu_barrier();
	vmap_arena_purge(pass->arena);
	vmap_arena_stats(pass->arena, &stats);
	if (!stats.areas && !stats.busy && !stats.lazy)
		return 0;
	return stress_fail(pass, "own arena is left with %lu areas, %lu bytes busy, %lu lazy",
			   stats.areas, stats.busy, stats.lazy);
}

/* Fails unless all that was allocated in the pass's own arena came back. */
int stress_arena_close(struct stress_pass *pass)
{
	int err, destroy_err;

	if (!pass->arena)
		return 0;
	err = arena_check_empty(pass);
	destroy_err = vmap_arena_destroy(pass->arena);
	if (destroy_err)
		err = stress_fail(pass, "own arena cannot be destroyed: error %d", destroy_err);
	pass->arena = NULL;
	return err;
}
