/* SPDX-License-Identifier: GPL-2.0 */
/*
 * arch/arm64.h - where an arm64 CPU keeps the kernel's page-table root, and how its TLB is flushed
 *
 * TTBR1_EL1 holds the physical address of the root between an ASID above and the CnP bit below.
 * The TLB instructions reach all CPUs by themselves.
 */
#ifndef ARCH_ARM64_H
#define ARCH_ARM64_H

#include <asm/sysreg.h>
#include <asm/tlbflush.h>

#ifdef CONFIG_ARM64_PA_BITS_52
#error "vmap_arena: with 52-bit physical addresses TTBR1_EL1 is laid out in a way not handled here"
#endif

static inline const char *arch_refusal(void)
{
	return NULL;
}

static inline pgd_t *arch_kernel_root(void)
{
	return phys_to_virt(read_sysreg(ttbr1_el1) & ~(TTBR_ASID_MASK | TTBR_CNP_BIT));
}

static inline void arch_flush(unsigned long start, unsigned long end)
{
	flush_tlb_kernel_range(start, end);
}

#endif
