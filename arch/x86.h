/* SPDX-License-Identifier: GPL-2.0 */
/*
 * arch/x86.h - the root of the page tables on an x86-64 CPU, and its TLB flushes
 *
 * Page tables of all processes map kernel addresses alike, so the root that CR3 has now will do.
 *
 * INVLPG drops a global page for all PCIDs.  Without global pages (with page-table isolation)
 * INVLPG drops the page for the current PCID only, and translations of other PCIDs would stay: then
 * each flush is a flush of the whole TLB.
 *
 * No function that flushes the whole TLB is exported by all supported kernels, so this file uses
 * instructions.  INVPCID drops all translations of all PCIDs.  So does a change of CR4.PGE, but it
 * takes about a hundred cycles more.  A load of CR3 keeps global pages and other PCIDs, so it is a
 * way only where there are neither.
 *
 * A flush of the whole TLB also drops what the CPU remembers of page tables above the last level.
 * INVLPG does that for the current PCID only.
 */
#ifndef ARCH_X86_H
#define ARCH_X86_H

#include <linux/smp.h>
#include <asm/asm.h>
#include <asm/cpufeature.h>
#include <asm/invpcid.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>

/*
 * The most pages that are flushed one by one; a flush of the whole TLB is cheaper for a larger
 * range.  The kernel makes the same choice at 33 pages (tlb_single_page_flush_ceiling).
 */
#define ARCH_FLUSH_SINGLY	32

/* The ways to flush a whole TLB, the cheapest first: see flush.c. */
enum vwin_arch_flush_way {
	ARCH_FLUSH_INVPCID,
	ARCH_FLUSH_PGE,
	ARCH_FLUSH_CR3,
};

#define ARCH_FLUSH_WAYS		"invpcid", "pge", "cr3"

/* The argument of vwin_arch_flush_range_here(): flush [start, end), or the whole TLB by way. */
struct vwin_arch_flush_range {
	unsigned long start;
	unsigned long end;
	enum vwin_arch_flush_way way;
};

static inline const char *vwin_arch_refusal(void)
{
	if (cpu_feature_enabled(X86_FEATURE_XENPV))
		return "a Xen PV guest may not write its page tables itself";
	return NULL;
}

static inline pgd_t *vwin_arch_root(void)
{
	return __va(read_cr3_pa());
}

static inline bool vwin_arch_pages_are_global(void)
{
	return boot_cpu_has(X86_FEATURE_PGE) && !cpu_feature_enabled(X86_FEATURE_PTI);
}

/* Does this CPU have @way, and does @way drop the translations of all kernel addresses? */
static inline bool vwin_arch_flush_can(enum vwin_arch_flush_way way)
{
	switch (way) {
	case ARCH_FLUSH_INVPCID:
		return boot_cpu_has(X86_FEATURE_INVPCID);
	case ARCH_FLUSH_PGE:
		return boot_cpu_has(X86_FEATURE_PGE);
	default:
		return !vwin_arch_pages_are_global() && !boot_cpu_has(X86_FEATURE_PCID);
	}
}

/*
 * Flush the whole TLB of this CPU.  CR4 differs from its value for two instructions, in which only
 * an NMI can see the change; CR3 gets the value that it has.
 */
static inline void vwin_arch_flush_all_here(void *info)
{
	const enum vwin_arch_flush_way *way = info;
	unsigned long flags, cr;

	switch (*way) {
	case ARCH_FLUSH_INVPCID:
		invpcid_flush_all();
		break;
	case ARCH_FLUSH_PGE:
		local_irq_save(flags);
		cr = native_read_cr4();
		asm volatile("mov %0, %%cr4" : : "r" (cr ^ X86_CR4_PGE) : "memory");
		asm volatile("mov %0, %%cr4" : : "r" (cr) : "memory");
		local_irq_restore(flags);
		break;
	case ARCH_FLUSH_CR3:
		asm volatile("mov %%cr3, %0; mov %0, %%cr3" : "=&r" (cr) : : "memory");
		break;
	}
}

static inline void vwin_arch_flush_range_here(void *info)
{
	struct vwin_arch_flush_range *range = info;
	unsigned long addr;

	if (!vwin_arch_pages_are_global() ||
	    range->end - range->start > ARCH_FLUSH_SINGLY * PAGE_SIZE) {
		vwin_arch_flush_all_here(&range->way);
		return;
	}
	for (addr = range->start; addr < range->end; addr += PAGE_SIZE)
		asm volatile("invlpg (%0)" : : "r" (addr) : "memory");
}

/* The word at @addr, or 0 if @addr is not mapped. */
static __always_inline unsigned long vwin_arch_read_or_zero(const unsigned long *addr)
{
	unsigned long word;

	asm volatile("1: mov %[addr], %[word]\n"
		     "2:\n"
		     _ASM_EXTABLE_TYPE_REG(1b, 2b, EX_TYPE_ZERO_REG, %[word])
		     : [word] "=r" (word) : [addr] "m" (*addr));
	return word;
}

/*
 * Does @pte differ from @zero, which maps page frame 0, in the page frame only? *@page is the page
 * of the frame of @pte: with a struct page of 64 bytes one shift computes the address of the struct
 * page.
 *
 * native_pte_val() and not pte_val(): the kernel patches pte_val() for Xen PV guests, which
 * vwin_arch_refusal() refuses, and the compiler would see a call.
 */
static __always_inline bool vwin_arch_differs_in_frame(pte_t pte, pte_t zero, struct page **page)
{
	unsigned long bits = native_pte_val(pte) ^ native_pte_val(zero);

	if (bits & PTE_FLAGS_MASK)
		return false;
#ifdef CONFIG_SPARSEMEM_VMEMMAP
	if (sizeof(**page) == 64) {
		*page = (struct page *)((unsigned long)vmemmap + (bits >> (PAGE_SHIFT - 6)));
		return true;
	}
#endif
	*page = pfn_to_page(bits >> PAGE_SHIFT);
	return true;
}

/*
 * The entry that maps @page and otherwise equals @zero, which maps page frame 0: the inverse of
 * vwin_arch_differs_in_frame().
 */
static __always_inline pte_t vwin_arch_entry(struct page *page, pte_t zero)
{
	unsigned long bits;

#ifdef CONFIG_SPARSEMEM_VMEMMAP
	if (sizeof(*page) == 64) {
		bits = ((unsigned long)page - (unsigned long)vmemmap) << (PAGE_SHIFT - 6);
		return native_make_pte(native_pte_val(zero) ^ bits);
	}
#endif
	bits = page_to_pfn(page) << PAGE_SHIFT;
	return native_make_pte(native_pte_val(zero) ^ bits);
}

static __always_inline void vwin_arch_set_entry(pte_t *pte, pte_t entry)
{
	native_set_pte(pte, entry);
}

/*
 * Called after the last of some vwin_arch_set_entry().  x86 needs no barrier: an entry is used at
 * once.
 */
static __always_inline void vwin_arch_entries_set(void) {}

/* The entry of a page middle directory that maps the PMD_SIZE bytes of @page as PAGE_KERNEL. */
static inline pmd_t vwin_arch_huge_entry(struct page *page)
{
	return pmd_mkhuge(pfn_pmd(page_to_pfn(page), pgprot_4k_2_large(PAGE_KERNEL)));
}

/* Set an entry of a page middle directory, or clear it; vwin_arch_entries_set() follows. */
static inline void vwin_arch_set_middle(pmd_t *entry, pmd_t value)
{
	native_set_pmd(entry, value);
}

/*
 * vwin_arch_flush_range() and vwin_arch_flush_all() wait for the other CPUs: interrupts must be on.
 */
static inline void vwin_arch_flush_range(enum vwin_arch_flush_way way, unsigned long start,
					 unsigned long end)
{
	struct vwin_arch_flush_range range = { .start = start, .end = end, .way = way };

	on_each_cpu(vwin_arch_flush_range_here, &range, 1);
}

static inline void vwin_arch_flush_all(enum vwin_arch_flush_way way)
{
	on_each_cpu(vwin_arch_flush_all_here, &way, 1);
}

#endif
