/* SPDX-License-Identifier: GPL-2.0 */
/*
 * arch/x86.h - where an x86-64 CPU keeps its page-table root, and how its TLB is flushed
 *
 * Kernel addresses are mapped alike in the page tables of every process, so the root of whatever
 * runs here will do.  INVLPG drops a global page whatever the PCID; without global pages (that is,
 * with page-table isolation) it would leave the entries of other PCIDs behind, and all of the TLB
 * has to go.
 *
 * No call of the kernel's that flushes all of a TLB is exported by each kernel, so that is done by
 * an instruction: INVPCID drops all entries of all PCIDs; so does a change of CR4.PGE, for a
 * hundred cycles more; a load of CR3 leaves global entries, and those of other PCIDs.
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

/* More pages than this are cheaper to forget all at once. */
#define ARCH_FLUSH_SINGLY	32

/* How all of a TLB is flushed, the cheapest first. */
enum vwin_arch_flush_way {
	ARCH_FLUSH_INVPCID,
	ARCH_FLUSH_PGE,
	ARCH_FLUSH_CR3,
};

#define ARCH_FLUSH_WAYS		"invpcid", "pge", "cr3"

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

/* Does a way flush all kernel addresses, and is it known to this CPU? */
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

/* CR4 is changed for two instructions, in which only an NMI can see it, and CR3 not at all. */
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

/* The word at @addr; 0 where nothing is mapped. */
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
 * Does nothing but the frame tell @pte from @zero, which maps frame 0?  Then @page is that frame's,
 * by one shift where that is possible.  The kernel has pte_val() patched for Xen PV guests, which
 * are refused, and a compiler sees only the call.
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
 * The entry that maps @page and is else as @zero, which maps frame 0: what vwin_arch_differs_in_frame()
 * takes apart.
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

/* After the last of some entries that were set: here each is seen at once. */
static __always_inline void vwin_arch_entries_set(void) {}

/* These two may not be called with interrupts off: they wait for the other CPUs. */
static inline void vwin_arch_flush_range(enum vwin_arch_flush_way way, unsigned long start, unsigned long end)
{
	struct vwin_arch_flush_range range = { .start = start, .end = end, .way = way };

	on_each_cpu(vwin_arch_flush_range_here, &range, 1);
}

static inline void vwin_arch_flush_all(enum vwin_arch_flush_way way)
{
	on_each_cpu(vwin_arch_flush_all_here, &way, 1);
}

#endif
