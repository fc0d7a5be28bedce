// SPDX-License-Identifier: GPL-2.0
/*
 * vmap_vmalloc.c - the vmalloc and kvmalloc families, for modules written for vmalloc()
 *
 * A module that is compiled with vmap_vmalloc.h calls vmap_vmalloc_NAME() wherever its source says
 * NAME().  Each stand-in has the type of the call that it stands for, in
 * the kernel that is built for (compat.h has the differences), and keeps what that call promises:
 * Documentation/vmalloc.rst.
 *
 * Allocating calls take memory from the arena of the module that calls, if it has one (own.c), else
 * from the default arena.  The kvmalloc() family tries kmalloc() first, as the
 * kernel does.  Calls that free, resize or map to user space look whose memory it is: what is in a
 * live span is the module's, anything else goes to the kernel's call of the same name.
 *
 * Locking: none.
 */
#include <linux/devcoredump.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "module.h"

/*
 * Declare and export the stand-in of @name, which has the type of the function @call.  No header
 * declares the stand-ins, since only object files name them.
 */
#define STAND_IN(name, call)				\
	extern __typeof__(call) vmap_vmalloc_##name;	\
	EXPORT_SYMBOL_GPL(vmap_vmalloc_##name)

STAND_IN(vmalloc, NOPROF(vmalloc));
STAND_IN(vzalloc, NOPROF(vzalloc));
STAND_IN(vmalloc_node, NOPROF(vmalloc_node));
STAND_IN(vzalloc_node, NOPROF(vzalloc_node));
STAND_IN(__vmalloc, NOPROF(__vmalloc));
STAND_IN(__vmalloc_node, NOPROF(__vmalloc_node));
STAND_IN(vmalloc_huge, VMALLOC_HUGE_CALL);
STAND_IN(vmalloc_32, NOPROF(vmalloc_32));
STAND_IN(vmalloc_user, NOPROF(vmalloc_user));
STAND_IN(vmalloc_32_user, NOPROF(vmalloc_32_user));
STAND_IN(__vmalloc_array, NOPROF(__vmalloc_array));
STAND_IN(vmalloc_array, NOPROF(vmalloc_array));
STAND_IN(__vcalloc, NOPROF(__vcalloc));
STAND_IN(vcalloc, NOPROF(vcalloc));
STAND_IN(vfree, vfree);
STAND_IN(vmap, vmap);
STAND_IN(vmap_pfn, vmap_pfn);
STAND_IN(vunmap, vunmap);
STAND_IN(vm_map_ram, vm_map_ram);
STAND_IN(vm_unmap_ram, vm_unmap_ram);
STAND_IN(vm_unmap_aliases, vm_unmap_aliases);
STAND_IN(remap_vmalloc_range, remap_vmalloc_range);
STAND_IN(dev_coredumpv, dev_coredumpv);
STAND_IN(kvmalloc_node, KVMALLOC_NODE);
STAND_IN(kvfree, kvfree);
STAND_IN(kvfree_sensitive, kvfree_sensitive);
STAND_IN(kvfree_call_rcu, kvfree_call_rcu);
STAND_IN(kvrealloc, KVREALLOC_CALL);
/* By way of a pointer, since clang 16 never ends with typeof() of a function's type. */
STAND_IN(vrealloc, *(void *(*)(VREALLOC_PARAMETERS))NULL);

/* The address of the code that called the stand-in. */
#define CALLER	__builtin_return_address(0)

/* Allocate for a call that @caller made. */
static void *get(unsigned long size, unsigned long align, gfp_t gfp, int node, const void *caller)
{
	return valloc_for(vown_arena(caller), size, align, gfp, node, caller);
}

/* Allocate an array, unless its size overflows. */
static void *get_array(size_t n, size_t size, gfp_t gfp, const void *caller)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return get(bytes, PAGE_SIZE, gfp, NUMA_NO_NODE, caller);
}

/**
 * vmap_vmalloc_vmalloc() - vmalloc() from an arena
 * @size: bytes
 *
 * Context: process, may sleep.
 * Return: the address, or NULL.
 */
void *vmap_vmalloc_vmalloc(unsigned long size)
{
	return get(size, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE, CALLER);
}

/**
 * vmap_vmalloc_vzalloc() - vzalloc() from an arena
 * @size: bytes
 *
 * Context: process, may sleep.
 * Return: the address of zeroed memory, or NULL.
 */
void *vmap_vmalloc_vzalloc(unsigned long size)
{
	return get(size, PAGE_SIZE, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE, CALLER);
}

/**
 * vmap_vmalloc_vmalloc_node() - vmalloc_node() from an arena
 * @size: bytes
 * @node: of the pages, or NUMA_NO_NODE
 *
 * Context: process, may sleep.
 * Return: the address, or NULL.
 */
void *vmap_vmalloc_vmalloc_node(unsigned long size, int node)
{
	return get(size, PAGE_SIZE, GFP_KERNEL, node, CALLER);
}

/**
 * vmap_vmalloc_vzalloc_node() - vzalloc_node() from an arena
 * @size: bytes
 * @node: of the pages, or NUMA_NO_NODE
 *
 * Context: process, may sleep.
 * Return: the address of zeroed memory, or NULL.
 */
void *vmap_vmalloc_vzalloc_node(unsigned long size, int node)
{
	return get(size, PAGE_SIZE, GFP_KERNEL | __GFP_ZERO, node, CALLER);
}

/**
 * vmap_vmalloc___vmalloc() - __vmalloc() from an arena
 * @size: bytes
 * @gfp: how to get the pages
 *
 * Context: any but NMI that @gfp allows.
 * Return: the address, or NULL.
 */
void *vmap_vmalloc___vmalloc(unsigned long size, gfp_t gfp)
{
	return get(size, PAGE_SIZE, gfp, NUMA_NO_NODE, CALLER);
}

/**
 * vmap_vmalloc___vmalloc_node() - __vmalloc_node() from an arena
 * @size: bytes
 * @align: of the address, in bytes; a power of two
 * @gfp: how to get the pages
 * @node: of the pages, or NUMA_NO_NODE
 * @caller: whom reports name
 *
 * Context: any but NMI that @gfp allows.
 * Return: the address, or NULL.
 */
void *vmap_vmalloc___vmalloc_node(unsigned long size, unsigned long align, gfp_t gfp, int node,
				  const void *caller)
{
	return valloc_for(vown_arena(CALLER), size, align, gfp, node, caller);
}

/*
 * vmap_vmalloc_vmalloc_huge() - vmalloc_huge() from an arena
 * @size: bytes
 * @gfp: how to get the pages
 *
 * In newer kernels, where this stands for vmalloc_huge_node(), the node follows.
 *
 * Context: process, may sleep.
 * Return: the address, or NULL.
 */
void *vmap_vmalloc_vmalloc_huge(VMALLOC_HUGE_PARAMETERS)
{
	return valloc_huge_for(size, gfp, VMALLOC_HUGE_NODE, CALLER);
}

/* How vmalloc_32() gets pages below 4 GiB. */
#define GFP_BELOW_4G	((IS_ENABLED(CONFIG_ZONE_DMA32) ? GFP_DMA32 : GFP_DMA) | GFP_KERNEL)

/**
 * vmap_vmalloc_vmalloc_32() - vmalloc_32() from an arena
 * @size: bytes
 *
 * Context: process, may sleep.
 * Return: the address of memory whose pages are below 4 GiB, or NULL.
 */
void *vmap_vmalloc_vmalloc_32(unsigned long size)
{
	return get(size, PAGE_SIZE, GFP_BELOW_4G, NUMA_NO_NODE, CALLER);
}

/**
 * vmap_vmalloc_vmalloc_user() - vmalloc_user() from an arena
 * @size: bytes
 *
 * Context: process, may sleep.
 * Return: the address of zeroed memory that may be mapped to user space, or NULL.
 */
void *vmap_vmalloc_vmalloc_user(unsigned long size)
{
	return valloc_user_for(vown_arena(CALLER), size, GFP_KERNEL, CALLER);
}

/**
 * vmap_vmalloc_vmalloc_32_user() - vmalloc_32_user() from an arena
 * @size: bytes
 *
 * Context: process, may sleep.
 * Return: as vmalloc_user(), of pages below 4 GiB.
 */
void *vmap_vmalloc_vmalloc_32_user(unsigned long size)
{
	return valloc_user_for(vown_arena(CALLER), size, GFP_BELOW_4G, CALLER);
}

/**
 * vmap_vmalloc___vmalloc_array() - __vmalloc_array() from an arena
 * @n: elements
 * @size: bytes of an element
 * @gfp: how to get the pages
 *
 * Context: any but NMI that @gfp allows.
 * Return: the address, or NULL, also if @n * @size overflows.
 */
void *vmap_vmalloc___vmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	return get_array(n, size, gfp, CALLER);
}

/**
 * vmap_vmalloc_vmalloc_array() - vmalloc_array() from an arena
 * @n: elements
 * @size: bytes of an element
 *
 * Context: process, may sleep.
 * Return: the address, or NULL, also if @n * @size overflows.
 */
void *vmap_vmalloc_vmalloc_array(size_t n, size_t size)
{
	return get_array(n, size, GFP_KERNEL, CALLER);
}

/**
 * vmap_vmalloc___vcalloc() - __vcalloc() from an arena
 * @n: elements
 * @size: bytes of an element
 * @gfp: how to get the pages
 *
 * Context: any but NMI that @gfp allows.
 * Return: the address of zeroed memory, or NULL, also if @n * @size overflows.
 */
void *vmap_vmalloc___vcalloc(size_t n, size_t size, gfp_t gfp)
{
	return get_array(n, size, gfp | __GFP_ZERO, CALLER);
}

/**
 * vmap_vmalloc_vcalloc() - vcalloc() from an arena
 * @n: elements
 * @size: bytes of an element
 *
 * Context: process, may sleep.
 * Return: the address of zeroed memory, or NULL, also if @n * @size overflows.
 */
void *vmap_vmalloc_vcalloc(size_t n, size_t size)
{
	return get_array(n, size, GFP_KERNEL | __GFP_ZERO, CALLER);
}

/**
 * vmap_vmalloc_vfree() - vfree() of memory of an arena or of vmalloc()
 * @addr: the address; NULL is fine
 *
 * Context: any but NMI.
 */
void vmap_vmalloc_vfree(const void *addr)
{
	if (vbad_is_ours(addr))
		valloc_free_any(addr, CALLER);
	else
		vfree(addr);
}

/**
 * vmap_vmalloc_vmap() - vmap() in an arena
 * @pages: the pages
 * @count: how many
 * @flags: of vmap(): with VM_MAP_PUT_PAGES vfree() frees the pages, and @pages, the array, is freed
 *	   at once, since no area has an array; with VM_USERMAP remap_vmalloc_range() maps the pages
 * @prot: how to map them
 *
 * Context: process, may sleep.
 * Return: the address, or NULL.
 */
void *vmap_vmalloc_vmap(struct page **pages, unsigned int count, unsigned long flags, pgprot_t prot)
{
	const struct valloc_mapping mapping = {
		.pages = pages, .count = count, .prot = prot,
		.flags = flags & VM_MAP_PUT_PAGES ? 0 : VMAP_EXTENT_FOREIGN,
	};
	void *addr = valloc_map_for(vown_arena(CALLER), &mapping, CALLER);

	if (addr && flags & VM_USERMAP)
		valloc_allow_user(addr);
	if (addr && flags & VM_MAP_PUT_PAGES)
		kvfree(pages);
	return addr;
}

/**
 * vmap_vmalloc_vmap_pfn() - vmap_pfn() in an arena
 * @pfns: page frames that have no struct page
 * @count: how many
 * @prot: how to map them
 *
 * Context: process, may sleep.
 * Return: the address, or NULL.
 */
void *vmap_vmalloc_vmap_pfn(unsigned long *pfns, unsigned int count, pgprot_t prot)
{
	const struct valloc_mapping mapping = {
		.pfns = pfns, .count = count, .prot = prot, .flags = VMAP_EXTENT_FOREIGN,
	};

	return valloc_map_for(vown_arena(CALLER), &mapping, CALLER);
}

/**
 * vmap_vmalloc_vunmap() - vunmap() of what an arena or vmap() mapped
 * @addr: the address; NULL is fine
 *
 * Context: any but NMI for an arena's, else as vunmap(): process.
 */
void vmap_vmalloc_vunmap(const void *addr)
{
	if (vbad_is_ours(addr))
		valloc_unmap(addr, CALLER);
	else
		vunmap(addr);
}

/**
 * vmap_vmalloc_vm_map_ram() - vm_map_ram() in an arena
 * @pages: the pages
 * @count: how many
 * @node: ignored: a mapping has no pages of its own
 *
 * Context: process, may sleep.
 * Return: the address, or NULL.
 */
void *vmap_vmalloc_vm_map_ram(struct page **pages, unsigned int count, int node)
{
	const struct valloc_mapping mapping = {
		.pages = pages, .count = count, .prot = PAGE_KERNEL, .flags = VMAP_EXTENT_FOREIGN,
	};

	return valloc_map_for(vown_arena(CALLER), &mapping, CALLER);
}

/**
 * vmap_vmalloc_vm_unmap_ram() - vm_unmap_ram() of what an arena or vm_map_ram() mapped
 * @addr: the address
 * @count: pages that were mapped
 *
 * Context: any but NMI for an arena's, else as vm_unmap_ram(): process, may sleep.
 */
void vmap_vmalloc_vm_unmap_ram(const void *addr, unsigned int count)
{
	if (vbad_is_ours(addr))
		valloc_unmap(addr, CALLER);
	else
		vm_unmap_ram(addr, count);
}

/**
 * vmap_vmalloc_vm_unmap_aliases() - vm_unmap_aliases(), for the arena of the caller, too
 *
 * Context: process, may sleep.
 */
void vmap_vmalloc_vm_unmap_aliases(void)
{
	vpurge_all(&varena_or_default(vown_arena(CALLER))->cache.purge);
	vm_unmap_aliases();
}

/**
 * vmap_vmalloc_remap_vmalloc_range() - remap_vmalloc_range() of an arena's memory, too
 * @vma: all of it is mapped
 * @addr: the area
 * @pgoff: page of the area that the vma starts with
 *
 * Context: process, may sleep, with the mmap lock of the vma's mm held for writing.
 * Return: 0; -EINVAL, without a report, for what is neither of vmalloc_user() nor mapped with
 * VM_USERMAP; or the error of vm_insert_pages().
 */
int vmap_vmalloc_remap_vmalloc_range(struct vm_area_struct *vma, void *addr, unsigned long pgoff)
{
	if (!vbad_is_ours(addr))
		return remap_vmalloc_range(vma, addr, pgoff);
	/* snd-pcm tries this on any area, and maps by faults where it fails: no report here. */
	if (!vbad_may_remap(addr, size_add(pgoff, vma_pages(vma))))
		return -EINVAL;
	return valloc_remap_user(vma, addr, pgoff, CALLER);
}

/* Put @count of @pages. */
static void put_all(struct page **pages, unsigned int count)
{
	while (count--)
		put_page(pages[count]);
}

/* The pages of an area, each with one more reference; NULL without memory. */
static struct page **get_pages_of(const void *addr, unsigned int count, gfp_t gfp)
{
	struct page **pages = kvmalloc_array(count, sizeof(*pages), gfp);
	unsigned int i;

	for (i = 0; pages && i < count; i++) {
		pages[i] = vmalloc_to_page(addr + i * PAGE_SIZE);
		get_page(pages[i]);
	}
	return pages;
}

/*
 * An area of the kernel's own that has the pages of the area at @addr, also when that is freed, for
 * the kernel to free by vfree(); NULL without memory.  Context: process, may sleep.
 */
static void *kernels_own(const void *addr, gfp_t gfp)
{
	unsigned int count = PAGE_ALIGN(vbad_size(addr)) >> PAGE_SHIFT;
	struct page **pages = get_pages_of(addr, count, gfp);
	void *own = NULL;

	if (pages)
		own = vmap(pages, count, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
	if (pages && !own) {
		put_all(pages, count);
		kvfree(pages);
	}
	return own;
}

/**
 * vmap_vmalloc_dev_coredumpv() - dev_coredumpv() of memory of an arena or of vmalloc()
 * @dev: the device that the dump is of
 * @data: the dump, which the kernel frees when somebody has read it, or after five minutes
 * @size: bytes of the dump
 * @gfp: how to get what that takes
 *
 * The pages of an area become those of an area of the kernel's own, and the arena has the addresses
 * back at once.  Without memory for that, as without memory for the device, there is no dump.
 *
 * Context: process, may sleep.
 */
void vmap_vmalloc_dev_coredumpv(struct device *dev, void *data, size_t size, gfp_t gfp)
{
	void *own;

	if (!vbad_is_ours(data)) {
		dev_coredumpv(dev, data, size, gfp);
		return;
	}
	/* What vmap_pfn() mapped has no struct page that could be handed on. */
	own = vbad_size(data) && pfn_valid(vmalloc_to_pfn(data)) ? kernels_own(data, gfp) : NULL;
	valloc_free_any(data, CALLER);
	if (own)
		dev_coredumpv(dev, own, size, gfp);
}

/* The most bytes that kvmalloc() gives: sizes above are errors, of arithmetic for example. */
#define KVMALLOC_MOST	INT_MAX

/*
 * vmalloc()'s part in kvmalloc(): an area, if @size is more than a page.  kmalloc() finds less
 * where it finds anything.
 */
static void *get_kv(unsigned long size, unsigned long align, gfp_t gfp, int node,
		    const void *caller)
{
	if (size <= PAGE_SIZE && align <= PAGE_SIZE)
		return NULL;
	if (unlikely(size > KVMALLOC_MOST)) {
		WARN_ON_ONCE(!(gfp & __GFP_NOWARN));
		return NULL;
	}
	return get(size, max(align, PAGE_SIZE), gfp, node, caller);
}

/*
 * @gfp for kmalloc() in kvmalloc(): above a page it may fail at once, since there is another way,
 * unless the caller wants kmalloc() to try hard.
 */
static gfp_t gfp_kmalloc_first(size_t size, gfp_t gfp)
{
	if (size <= PAGE_SIZE)
		return gfp;
	return (gfp & ~__GFP_NOFAIL) | __GFP_NOWARN |
	       (gfp & __GFP_RETRY_MAYFAIL ? 0 : __GFP_NORETRY);
}

/* @addr, which kmalloc() gave, if it is good enough; else an area. */
static void *kmalloc_or_area(void *addr, unsigned long size, unsigned long align, gfp_t gfp,
			     int node, const void *caller)
{
	if (likely(addr && IS_ALIGNED((unsigned long)addr, align)))
		return addr;
	kfree(addr);
	return get_kv(size, align, gfp, node, caller);
}

/* kvmalloc() for a call that @caller made. */
static void *kvmalloc_for(unsigned long size, unsigned long align, gfp_t gfp, int node,
			  const void *caller)
{
	return kmalloc_or_area(kmalloc_node(size, gfp_kmalloc_first(size, gfp), node), size, align,
			       gfp, node, caller);
}

/*
 * vmap_vmalloc_kvmalloc_node() - kvmalloc_node() with an arena in the place of vmalloc()
 * @size: bytes
 * @gfp: how to get them
 * @node: of the pages, or NUMA_NO_NODE
 *
 * In newer kernels buckets and a token for kmalloc(), and the alignment, follow @size.
 *
 * Context: any but NMI that @gfp allows.
 * Return: the address, to be freed by kvfree(), or NULL.
 */
void *vmap_vmalloc_kvmalloc_node(KVMALLOC_PARAMETERS, gfp_t gfp, int node)
{
	return kmalloc_or_area(KVMALLOC_KMALLOC(gfp_kmalloc_first(size, gfp), node), size,
			       KVMALLOC_ALIGN, gfp, node, CALLER);
}

/**
 * vmap_vmalloc_kvfree() - kvfree() of memory of an arena, of vmalloc() or of kmalloc()
 * @addr: the address; NULL is fine
 *
 * Context: any but NMI for an arena's, else as kvfree().
 */
void vmap_vmalloc_kvfree(const void *addr)
{
	if (vbad_is_ours(addr))
		valloc_free_any(addr, CALLER);
	else
		kvfree(addr);
}

/**
 * vmap_vmalloc_kvfree_sensitive() - kvfree() that clears the memory first
 * @addr: the address; NULL is fine
 * @len: bytes to clear
 *
 * Context: as kvfree().
 */
void vmap_vmalloc_kvfree_sensitive(const void *addr, size_t len)
{
	if (vbad_is_ours(addr)) {
		memzero_explicit((void *)addr, min(len, vbad_size(addr)));
		valloc_free_any(addr, CALLER);
	} else {
		kvfree_sensitive(addr, len);
	}
}

/*
 * vmap_vmalloc_kvfree_call_rcu() - kvfree_rcu() and kfree_rcu(), which are macros for this call
 * @head: in the object to be freed, or NULL
 * @second: the object (before 6.3 with @head the offset of @head in it)
 *
 * Context: any but NMI for an arena's, else as kvfree_rcu().
 */
void vmap_vmalloc_kvfree_call_rcu(KVFREE_RCU_HEAD *head, KVFREE_RCU_SECOND second)
{
	const void *addr = (const void *)kvfree_call_rcu_pointer((unsigned long)head,
								 (unsigned long)second);

	if (vbad_is_ours(addr))
		valloc_free_rcu(addr, CALLER);
	else
		kvfree_call_rcu(head, second);
}

/*
 * Change the size of what @addr leads to, for a call that @caller made.  The kernel's kvrealloc()
 * does so for memory of kmalloc() and vmalloc().
 */
static void *resize(const void *addr, size_t size, unsigned long align, gfp_t gfp, int node,
		    const void *caller)
{
	return valloc_realloc(addr, size, max(align, PAGE_SIZE), gfp, node, caller);
}

/*
 * vmap_vmalloc_kvrealloc() - kvrealloc() of memory of an arena, of vmalloc() or of kmalloc()
 * @addr: the memory; NULL: allocate
 * @size: bytes wanted
 * @gfp: how to get more
 *
 * Before 6.12 the number of bytes there are comes before @size.  Newer kernels have more
 * parameters: a token for kmalloc(), the alignment, and the node.
 *
 * Context: any but NMI that @gfp allows.
 * Return: the address, perhaps another one, or NULL: then @addr is as it was, or freed for @size 0.
 */
void *vmap_vmalloc_kvrealloc(KVREALLOC_PARAMETERS)
{
	if (!addr)
		return kvmalloc_for(size, REALLOC_ALIGN, gfp, REALLOC_NODE, CALLER);
	if (vbad_is_ours(addr))
		return resize(addr, size, REALLOC_ALIGN, gfp, REALLOC_NODE, CALLER);
	return KVREALLOC();
}

/*
 * vmap_vmalloc_vrealloc() - vrealloc() of memory of an arena or of vmalloc()
 * @addr: the memory; NULL: allocate
 * @size: bytes wanted
 * @gfp: how to get more
 *
 * Newer kernels have more parameters: the alignment, and the node.
 *
 * Context: any but NMI that @gfp allows.
 * Return: the address, perhaps another one, or NULL: then @addr is as it was, or freed for @size 0.
 */
void *vmap_vmalloc_vrealloc(VREALLOC_PARAMETERS)
{
	if (!addr)
		return get(size, max(REALLOC_ALIGN, PAGE_SIZE), gfp, REALLOC_NODE, CALLER);
	if (vbad_is_ours(addr))
		return resize(addr, size, REALLOC_ALIGN, gfp, REALLOC_NODE, CALLER);
	return VREALLOC();
}
