/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h - all differences between kernel versions
 *
 * The other files are written for the newest kernel.  This file defines, under its name in the
 * newest kernel, what an older kernel lacks.  (Differences in the code of an architecture are in
 * arch/.)
 */
#ifndef COMPAT_H
#define COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "vmap_arena needs Linux 6.1 or later"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#include <linux/gfp.h>
#define alloc_pages_bulk_node(gfp, node, count, pages) \
	alloc_pages_bulk_array_node(gfp, node, count, pages)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#include <linux/shrinker.h>
#include <linux/slab.h>
static inline struct shrinker *shrinker_alloc(unsigned int flags, const char *name)
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (shrinker)
		shrinker->flags = flags;
	return shrinker;
}

static inline void shrinker_register(struct shrinker *shrinker)
{
	/*
	 * If register_shrinker() fails the kernel never calls the shrinker, and
	 * unregister_shrinker() does nothing.
	 */
	if (register_shrinker(shrinker, "vmap_arena"))
		pr_warn("vmap_arena: no shrinker: caches will not give way to memory pressure\n");
}

static inline void shrinker_free(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#include <linux/hrtimer.h>
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

#include <linux/seq_file.h>
#ifndef DEFINE_SHOW_STORE_ATTRIBUTE
#define DEFINE_SHOW_STORE_ATTRIBUTE(name)					\
static int name ## _open(struct inode *inode, struct file *filp)		\
{										\
	return single_open(filp, name ## _show, inode->i_private);		\
}										\
static const struct file_operations name ## _fops = {				\
	.owner = THIS_MODULE, .open = name ## _open, .read = seq_read,		\
	.write = name ## _write, .llseek = seq_lseek, .release = single_release,	\
}
#endif

/* The word of struct page that has the flags. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define page_flag_word(page)	((page)->flags)
#else
#define page_flag_word(page)	((page)->flags.f)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#include <linux/sched.h>
#include <linux/swap.h>
static inline void mm_account_reclaimed_pages(unsigned long pages)
{
	if (current->reclaim_state)
		current->reclaim_state->reclaimed_slab += pages;
}

#define pages_reclaimed(state)	((state)->reclaimed_slab)
#else
#define pages_reclaimed(state)	((state)->reclaimed)
#endif

/* Without the last argument the call sleeps for a minute. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#include <linux/random.h>
#define add_hwgenerator_randomness(buffer, size, bits, sleep_after) \
	((void)(buffer), (void)(size), (void)(bits), (void)(sleep_after))
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#include <linux/mm.h>
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

/* Where a module's code, its init code and its read-only data are, in bytes. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define module_text(module)		((unsigned long)(module)->core_layout.base)
#define module_text_size(module)	((module)->core_layout.text_size)
#define module_init_text(module)	((unsigned long)(module)->init_layout.base)
#define module_init_text_size(module)	((module)->init_layout.text_size)
#define module_rodata(module)		module_text(module)	/* and beyond */
#define module_rodata_size(module)	((module)->core_layout.ro_size)
#else
#define module_text(module)		((unsigned long)(module)->mem[MOD_TEXT].base)
#define module_text_size(module)	((module)->mem[MOD_TEXT].size)
#define module_init_text(module)	((unsigned long)(module)->mem[MOD_INIT_TEXT].base)
#define module_init_text_size(module)	((module)->mem[MOD_INIT_TEXT].size)
#define module_rodata(module)		((unsigned long)(module)->mem[MOD_RODATA].base)
#define module_rodata_size(module)	((module)->mem[MOD_RODATA].size)
#endif

/* Does __vmalloc() take GFP_NOWAIT and GFP_ATOMIC? */
#define VMALLOC_NO_BLOCK	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0))

/*
 * Does the kernel count the pages of vmalloc() in NR_VMALLOC, where modules can count theirs?  7.2
 * does, 6.12 does not; what is between nobody has tried.
 */
#define VMALLOC_COUNTED		(LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0))

#if !VMALLOC_COUNTED
#include <linux/memcontrol.h>
#include <linux/mmzone.h>
/* Only in code that VMALLOC_COUNTED leaves out. */
#define NR_VMALLOC			NR_VM_NODE_STAT_ITEMS
#define folio_memcg_charged(folio)	((void)(folio), false)
#endif

/*
 * Does the page allocator, for an allocation or a free, only try the lock of its list of this CPU,
 * and go past the list where the lock is held?  6.1 to 7.3 do.
 */
#define CPU_LISTS_ARE_TRIED	(LINUX_VERSION_CODE < KERNEL_VERSION(7, 4, 0))

/* The pages that such a list may have, at least, before it is drained. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#define cpu_list_high(list)	((list)->high)
#else
#define cpu_list_high(list)	((list)->high_min)
#endif

/* Does vmalloc() take pages one by one, as 6.12, or larger blocks where there are any, as 7.2? */
#define VMALLOC_BY_PAGES	(LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0))

/*
 * Resize memory of vmalloc().  Not all kernels export vrealloc(); kvrealloc() of memory of
 * vmalloc() does the same from 6.12 on.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#define VMALLOC_RESIZES		false
static inline void *vmalloc_resize(const void *addr, size_t size, gfp_t gfp)
{
	return NULL;
}
#else
#define VMALLOC_RESIZES		true
#define vmalloc_resize(addr, size, gfp)	kvrealloc(addr, size, gfp)
#endif

/*
 * The pointer that a call kvfree_call_rcu(head, second) frees.  Before 6.3 the second argument was
 * the offset of @head in the object, or, without @head, the pointer.
 */
static inline unsigned long kvfree_call_rcu_pointer(unsigned long head, unsigned long second)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	return head ? head - second : second;
#else
	return second;
#endif
}

/* The name of vrealloc() in the symbol table; NULL if the kernel has no vrealloc(). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#define VREALLOC_SYMBOL	"vrealloc_node_align_noprof"
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define VREALLOC_SYMBOL	"vrealloc_noprof"
#else
#define VREALLOC_SYMBOL	NULL
#endif

/*
 * The calls that vmap_vmalloc.c stands in for.
 *
 * NOPROF(name)          the function that a call of @name reaches: from 6.10 on @name is a macro
 * VMALLOC_HUGE_CALL     the function for vmalloc_huge(), with VMALLOC_HUGE_PARAMETERS;
 *                       VMALLOC_HUGE_NODE is the node
 * KVMALLOC_NODE         the function for kvmalloc(), with KVMALLOC_PARAMETERS before gfp and node;
 *                       KVMALLOC_ALIGN is the alignment, KVMALLOC_KMALLOC() a kmalloc_node() of
 *                       the same
 * KVREALLOC_CALL        the function for kvrealloc(), with KVREALLOC_PARAMETERS; called by
 *                       KVREALLOC()
 * VREALLOC_PARAMETERS   those of vrealloc(), if there is one; VREALLOC() calls what does the same
 * REALLOC_ALIGN, REALLOC_NODE   the alignment and the node that both are given
 * KVFREE_RCU_HEAD, KVFREE_RCU_SECOND   the types that kvfree_call_rcu() takes
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define NOPROF(name)		name
#else
#define NOPROF(name)		name##_noprof
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define VMALLOC_HUGE_CALL	NOPROF(vmalloc_huge)
#define VMALLOC_HUGE_PARAMETERS	unsigned long size, gfp_t gfp
#define VMALLOC_HUGE_NODE	NUMA_NO_NODE
#else
#define VMALLOC_HUGE_CALL	vmalloc_huge_node_noprof
#define VMALLOC_HUGE_PARAMETERS	unsigned long size, gfp_t gfp, int node
#define VMALLOC_HUGE_NODE	node
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define KVMALLOC_NODE		NOPROF(kvmalloc_node)
#define KVMALLOC_PARAMETERS	size_t size
#define KVMALLOC_KMALLOC(gfp, node)	kmalloc_node(size, gfp, node)
#else
#define KVMALLOC_NODE		__kvmalloc_node_noprof
#ifdef DECL_KMALLOC_PARAMS
#define KVMALLOC_KMALLOC(gfp, node)	\
	__kmalloc_node_noprof(PASS_KMALLOC_PARAMS(size, b, token), gfp, node)
#define KVMALLOC_PARAMETERS	DECL_KMALLOC_PARAMS(size, b, token), unsigned long align
#else
#define KVMALLOC_KMALLOC(gfp, node)	\
	__kmalloc_node_noprof(PASS_BUCKET_PARAMS(size, b), gfp, node)
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define KVMALLOC_PARAMETERS	DECL_BUCKET_PARAMS(size, b)
#else
#define KVMALLOC_PARAMETERS	DECL_BUCKET_PARAMS(size, b), unsigned long align
#endif
#endif
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#define KVREALLOC_CALL		NOPROF(kvrealloc)
#define KVREALLOC_PARAMETERS	const void *addr, size_t old_size, size_t size, gfp_t gfp
#define KVREALLOC()		kvrealloc(addr, old_size, size, gfp)
#define VREALLOC_PARAMETERS	const void *addr, size_t size, gfp_t gfp
#define VREALLOC()		NULL
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define KVREALLOC_CALL		kvrealloc_noprof
#define KVREALLOC_PARAMETERS	const void *addr, size_t size, gfp_t gfp
#define KVREALLOC()		kvrealloc(addr, size, gfp)
#define VREALLOC_PARAMETERS	KVREALLOC_PARAMETERS
#define VREALLOC()		KVREALLOC()
#else
#define KVREALLOC_CALL		kvrealloc_node_align_noprof
#ifdef DECL_TOKEN_PARAMS
#define KVREALLOC_PARAMETERS	\
	const void *addr, DECL_TOKEN_PARAMS(size, token), unsigned long align, gfp_t gfp, int node
#else
#define KVREALLOC_PARAMETERS	\
	const void *addr, size_t size, unsigned long align, gfp_t gfp, int node
#endif
#define KVREALLOC()		kvrealloc_node_align(addr, size, align, gfp, node)
#define VREALLOC_PARAMETERS	\
	const void *addr, size_t size, unsigned long align, gfp_t gfp, int node
#define VREALLOC()		KVREALLOC()
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define KVMALLOC_ALIGN		1UL
#define REALLOC_ALIGN		1UL
#define REALLOC_NODE		NUMA_NO_NODE
#else
#define KVMALLOC_ALIGN		align
#define REALLOC_ALIGN		align
#define REALLOC_NODE		node
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define KVFREE_RCU_SECOND	rcu_callback_t
#else
#define KVFREE_RCU_SECOND	void *
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
#define KVFREE_RCU_HEAD		struct rcu_head
#else
#define KVFREE_RCU_HEAD		struct kvfree_rcu_head
#endif

/* Are there vrealloc(), a kvrealloc() that is not told the old size, and __free(kvfree)? */
#define VMALLOC_NEW_CALLS	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0))

/* The name of __vmalloc_node() in the symbol table. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define VMALLOC_NODE_SYMBOL	"__vmalloc_node"
#else
#define VMALLOC_NODE_SYMBOL	"__vmalloc_node_noprof"
#endif

#endif
