/* SPDX-License-Identifier: GPL-2.0 */
/*
 * arch/arm64.h - the root of the kernel's page tables on an arm64 CPU, and its TLB flushes
 *
 * TTBR1_EL1 has the physical address of the root, between the ASID in the upper bits and the CnP
 * bit in bit 0.  A kernel for 52-bit physical addresses keeps bits 48 to 51 of the address in bits
 * 2 to 5 of TTBR1_EL1, even if the CPU has no 52-bit addresses.  The root is aligned to 64 bytes,
 * so these bits are free.
 *
 * A TLBI instruction of the inner-shareable kind reaches the TLBs of all CPUs, without an IPI.
 * flush_tlb_kernel_range() drops translations, but not what a CPU remembers of page tables above
 * the last level; flush_tlb_all() drops both.
 */
#ifndef ARCH_ARM64_H
#define ARCH_ARM64_H

#include <linux/bits.h>

#include <asm/sysreg.h>
#include <asm/tlbflush.h>

/* Names that Linux before 6.19 does not have. */
#ifndef TTBRx_EL1_ASID_MASK
#define TTBRx_EL1_ASID_MASK	TTBR_ASID_MASK
#define TTBRx_EL1_CnP		TTBR_CNP_BIT
#endif

#if defined(CONFIG_ARM64_VA_BITS_52) && !defined(CONFIG_ARM64_LPA2)
#error "vmap_arena: TTBR1_EL1 may point into the middle of the root, which is not handled here"
#endif

static inline const char *vwin_arch_refusal(void)
{
	return NULL;
}

static inline pgd_t *vwin_arch_root(void)
{
	u64 ttbr = read_sysreg(ttbr1_el1) & ~(TTBRx_EL1_ASID_MASK | TTBRx_EL1_CnP);

	if (IS_ENABLED(CONFIG_ARM64_PA_BITS_52))
		ttbr = (ttbr & GENMASK_ULL(47, 6)) | (ttbr & GENMASK_ULL(5, 2)) << 46;
	return phys_to_virt(ttbr);
}

/* The word at @addr, or 0 if @addr is not mapped. */
static __always_inline unsigned long vwin_arch_read_or_zero(const unsigned long *addr)
{
	unsigned long word;

	__get_kernel_nofault(&word, addr, unsigned long, gone);
	return word;
gone:
	return 0;
}

/*
 * Does @pte differ from @zero, which maps page frame 0, in the page frame only? *@page is the page
 * of the frame of @pte.
 */
static __always_inline bool vwin_arch_differs_in_frame(pte_t pte, pte_t zero, struct page **page)
{
	unsigned long pfn = pte_pfn(pte);

	*page = pfn_to_page(pfn);
	return pte_same(pte, pfn_pte(pfn, __pgprot(pte_val(zero))));
}

/* The entry that maps @page and otherwise equals @zero, which maps page frame 0. */
static __always_inline pte_t vwin_arch_entry(struct page *page, pte_t zero)
{
	return pfn_pte(page_to_pfn(page), __pgprot(pte_val(zero)));
}

/*
 * Set an entry without the barriers of set_pte(): vwin_arch_entries_set() has them, once for all
 * entries of an area.
 */
static __always_inline void vwin_arch_set_entry(pte_t *pte, pte_t entry)
{
	WRITE_ONCE(*pte, entry);
}

/* Called after the last of some vwin_arch_set_entry(): from here on the entries are used. */
static __always_inline void vwin_arch_entries_set(void)
{
	dsb(ishst);
	isb();
}

/* The entry of a page middle directory that maps the PMD_SIZE bytes of @page as PAGE_KERNEL. */
static inline pmd_t vwin_arch_huge_entry(struct page *page)
{
	return pfn_pmd(page_to_pfn(page), mk_pmd_sect_prot(PAGE_KERNEL));
}

/*
 * Set an entry of a page middle directory, or clear it; vwin_arch_entries_set() follows.  Not by
 * set_pmd(), which asks where the entry lies; a folded directory is the caller's to avoid.
 */
static inline void vwin_arch_set_middle(pmd_t *entry, pmd_t value)
{
	WRITE_ONCE(*entry, value);
}

/* The ways to flush a whole TLB: see flush.c. */
enum vwin_arch_flush_way {
	ARCH_FLUSH_TLBI,
};

#define ARCH_FLUSH_WAYS		"tlbi"

static inline bool vwin_arch_flush_can(enum vwin_arch_flush_way way)
{
	return true;
}

static inline void vwin_arch_flush_range(enum vwin_arch_flush_way way, unsigned long start,
					 unsigned long end)
{
	flush_tlb_kernel_range(start, end);
}

static inline void vwin_arch_flush_all(enum vwin_arch_flush_way way)
{
	flush_tlb_all();
}

#endif
