/* SPDX-License-Identifier: GPL-2.0 */
/*
 * arch/x86.h - where an x86-64 CPU keeps its page-table root, and how its TLB is flushed
 *
 * Kernel addresses are mapped alike in the page tables of every process, so the root of whatever
 * runs here will do.  INVLPG drops a global page whatever the PCID; without global pages (that is,
 * with page-table isolation) it would leave the entries of other PCIDs behind, and all of the TLB
 * has to go.
 */
#ifndef ARCH_X86_H
#define ARCH_X86_H

#include <linux/smp.h>
#include <asm/cpufeature.h>
#include <asm/processor.h>
#include <asm/tlbflush.h>

/* More pages than this are cheaper to forget all at once. */
#define ARCH_FLUSH_SINGLY	32

struct arch_flush_range {
	unsigned long start;
	unsigned long end;
};

static inline const char *arch_refusal(void)
{
	if (cpu_feature_enabled(X86_FEATURE_XENPV))
		return "a Xen PV guest may not write its page tables itself";
	return NULL;
}

static inline pgd_t *arch_kernel_root(void)
{
	return __va(read_cr3_pa());
}

static inline bool arch_pages_are_global(void)
{
	return boot_cpu_has(X86_FEATURE_PGE) && !cpu_feature_enabled(X86_FEATURE_PTI);
}

static inline void arch_flush_here(void *info)
{
	const struct arch_flush_range *range = info;
	unsigned long addr;

	if (!arch_pages_are_global() ||
	    range->end - range->start > ARCH_FLUSH_SINGLY * PAGE_SIZE) {
		__flush_tlb_all();
		return;
	}
	for (addr = range->start; addr < range->end; addr += PAGE_SIZE)
		asm volatile("invlpg (%0)" : : "r" (addr) : "memory");
}

/*
 * The frame that @pte maps, if nothing else tells @pte from @zero, which maps frame 0.  The kernel
 * has pte_val() patched for Xen PV guests, which are refused, and a compiler sees only the call.
 */
static inline bool arch_differs_in_frame(pte_t pte, pte_t zero, unsigned long *pfn)
{
	unsigned long bits = native_pte_val(pte) ^ native_pte_val(zero);

	if (bits & PTE_FLAGS_MASK)
		return false;
	*pfn = bits >> PAGE_SHIFT;
	return true;
}

/* May not be called with interrupts off: it waits for the other CPUs. */
static inline void arch_flush(unsigned long start, unsigned long end)
{
	struct arch_flush_range range = { .start = start, .end = end };

	on_each_cpu(arch_flush_here, &range, 1);
}

#endif
