/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pages.h - pages, page tables and what else a memory arena asks of the kernel, for one thread
 *
 * Included by kernel.h with PLAY_STEPS.  A page is a struct page and nothing more: no byte of it is
 * ever read.  A page-table entry has the number of the page in the bits of an x86 entry.  What the
 * kernel does behind one of these calls is not played: play_kernel() counts one step for the call.
 * Of what only arena.c, import.c and vwin_open() need there are declarations; the Makefile makes
 * each such call end the program.
 */
#ifndef USER_PAGES_H
#define USER_PAGES_H

/* As in the kernel: without a message the condition is the message. */
#undef static_assert
#define static_assert(condition, ...)		say_or_assert(condition, ##__VA_ARGS__, #condition)
#define say_or_assert(condition, text, ...)	_Static_assert(condition, text)

/* A call of the kernel. */
void play_kernel(void);

/* The words that fresh.h compares, where the kernel has them. */
struct page {
	struct {
		unsigned long f;
	} flags;
	struct page *under;
	unsigned long spare;
	void *mapping;
	unsigned long index;
	unsigned long private;
	struct {
		int counter;
	} _mapcount;
	struct {
		int counter;
	} _refcount;
};

/* Blocks of pages: the page allocator's part of a call counts as one step. */
#define PAGE_ALLOC_COSTLY_ORDER	3
#define N_MEMORY		0
#define for_each_node_state(node, state)	\
	for ((node) = 0; (node) < (int)nr_node_ids; (node)++)
#define page_to_nid(page)	((void)(page), 0)
#define split_page(page, order)	((void)(page), (void)(order), play_kernel())
#define page_ref_freeze(page, count)	\
	((page)->_refcount.counter == (count) && (--(page)->_refcount.counter, true))
#define page_ref_unfreeze(page, count)	((void)((page)->_refcount.counter = (count)))
void __free_pages(struct page *page, unsigned int order);

/* Nobody notes who has a page. */
#define debugfs_lookup(name, parent)	((struct dentry *)NULL)
#define dput(entry)			((void)(entry))
#define __ro_after_init

/* The page allocator's lists, which nobody else locks. */
struct per_cpu_pages {
	char lock;
	int count;
	int high;
	int high_min;
};

struct zone {
	struct per_cpu_pages *per_cpu_pageset;
};

struct play_node {
	struct zone node_zones[2];
};

extern struct play_node play_node;
#define NODE_DATA(node)		((void)(node), &play_node)
#define ZONE_NORMAL		0
#define zone_idx(zone)		((zone) - play_node.node_zones)
#define managed_zone(zone)	true
#define page_zone(page)		((void)(page), play_node.node_zones)
#define raw_cpu_ptr(pointer)	this_cpu_ptr(pointer)
#define migrate_disable()	((void)0)
#define migrate_enable()	((void)0)
#define spin_trylock(lock)	((void)(lock), true)
#define spin_unlock(lock)	((void)(lock))

/* All pages there are, by their numbers. */
extern struct page *play_pages;

#define PAGEFLAGS_MASK		(~0UL)
#define page_to_pfn(page)	((unsigned long)((page) - play_pages))
#define pfn_to_page(pfn)	(&play_pages[pfn])
#define PLAY_MAX_PFN		(1UL << 22)
#define pfn_valid(pfn)		((pfn) < PLAY_MAX_PFN)
#define PFN_SUBSECTION_SHIFT	9

typedef unsigned long pte_t;
typedef unsigned long pmd_t;
typedef unsigned long pud_t;
typedef unsigned long p4d_t;
typedef unsigned long pgd_t;

#define PTRS_PER_PTE		512UL
#define PAGE_KERNEL		((pgprot_t){ 0x63 })
#define pgprot_nx(prot)		(prot)
#define pte_index(addr)		((addr) >> PAGE_SHIFT & (PTRS_PER_PTE - 1))
#define pte_same(a, b)		((a) == (b))
#define pfn_pte(pfn, prot)	((pfn) << PAGE_SHIFT | (prot).pgprot)
#define pte_mkspecial(pte)	((pte) | 1UL << 9)
#define pte_pfn(pte)		((pte) >> PAGE_SHIFT)
#define pte_page(pte)		pfn_to_page(pte_pfn(pte))
#define pte_none(pte)		(!(pte))
#define ptep_get(pte)		(*(pte))
#define set_pte(pte, value)	((void)(*(pte) = (value)))
#define pte_clear(mm, addr, pte)	((void)(addr), (void)(*(pte) = 0))
#define __pte(value)		((pte_t)(value))

pgd_t *pgd_offset_pgd(pgd_t *root, unsigned long addr);
p4d_t *p4d_offset(pgd_t *pgd, unsigned long addr);
pud_t *pud_offset(p4d_t *p4d, unsigned long addr);
pmd_t *pmd_offset(pud_t *pud, unsigned long addr);
pte_t *pte_offset_kernel(pmd_t *pmd, unsigned long addr);
#define pgd_none(entry)		(!(entry))
#define pgd_leaf(entry)		false
#define p4d_none(entry)		(!(entry))
#define p4d_leaf(entry)		false
#define pud_none(entry)		(!(entry))
#define pud_leaf(entry)		false
#define pmd_none(entry)		(!(entry))
#define pmd_leaf(entry)		false

/* What arch/arch.h defines for an architecture. */
#define ARCH_ARCH_H
#define vwin_arch_read_or_zero(addr)	(*(addr))
#define vwin_arch_refusal()		NULL
#define vwin_arch_root()		((pgd_t *)NULL)
#define vwin_arch_entry(page, zero)	((zero) | page_to_pfn(page) << PAGE_SHIFT)
#define vwin_arch_set_entry(pte, entry)	set_pte(pte, entry)
#define vwin_arch_entries_set()		((void)0)
#define ARCH_FLUSH_WAYS			"played"

enum vwin_arch_flush_way {
	ARCH_FLUSH_PLAYED,
};

#define vwin_arch_flush_can(way)		((void)(way), true)
#define vwin_arch_flush_range(way, start, end)	\
	((void)(way), (void)(start), (void)(end), play_kernel())
#define vwin_arch_flush_all(way)		((void)(way), play_kernel())

static __always_inline bool vwin_arch_differs_in_frame(pte_t pte, pte_t zero, struct page **page)
{
	unsigned long bits = pte ^ zero;

	if (bits & ~PAGE_MASK)
		return false;
	*page = pfn_to_page(bits >> PAGE_SHIFT);
	return true;
}

/* Memory of the kernel. */
#define VM_MAP			4UL
void *vmap(struct page **pages, unsigned int count, unsigned long flags, pgprot_t prot);
void vunmap(const void *addr);
#define kvzalloc(size, gfp)			((void)(gfp), play_kernel(), calloc(1, size))
#define kcalloc(count, size, gfp)		((void)(gfp), play_kernel(), calloc(count, size))
#define kvmalloc_array(count, size, gfp)	((void)(gfp), play_kernel(), calloc(count, size))
#define kmemleak_scan_area(memory, size, gfp)	((void)0)

/* An array of what xarrays point to. */
struct xarray {
	void *unused;
};

#define DEFINE_XARRAY(name)	struct xarray name
void *xa_load(struct xarray *array, unsigned long index);
int xa_insert(struct xarray *array, unsigned long index, void *entry, gfp_t gfp);
void *xa_erase(struct xarray *array, unsigned long index);

/* Atomics, barriers. */
#define smp_load_acquire(slot)	__atomic_load_n(slot, __ATOMIC_ACQUIRE)
#define atomic_long_try_cmpxchg(number, old, new)				\
	__atomic_compare_exchange_n(&(number)->counter, (__typeof__((number)->counter) *)(old),	\
				    new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

/* Time passes where somebody sleeps. */
extern unsigned long play_jiffies;
#define jiffies			play_jiffies
#define time_after_eq(a, b)	((long)((a) - (b)) >= 0)
#undef synchronize_rcu
#define synchronize_rcu()	play_kernel()

/* Work: what is for later is not done. */
#define mod_delayed_work(workers, queued, delay)	((void)(queued))
#define cancel_delayed_work_sync(queued)		((void)(queued))

/* Nobody traces. */
#define VMAP_TRACE_H
#define trace_vmap_purge_begin(...)	do { } while (0)
#define trace_vmap_purge_end(...)	do { } while (0)
#define trace_vmap_throttle(...)	do { } while (0)
#define trace_vmap_return(...)		((void)0)
#define pr_err_once(...)	pr_err_ratelimited(__VA_ARGS__)

#endif
