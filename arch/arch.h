/* SPDX-License-Identifier: GPL-2.0 */
/*
 * arch/arch.h - includes what window.c needs from the architecture: arch/x86.h or arch/arm64.h
 *
 * Both define: vwin_arch_refusal(), vwin_arch_root(), vwin_arch_read_or_zero(); how entries are
 * made, compared and set (vwin_arch_entry(), vwin_arch_differs_in_frame(), vwin_arch_set_entry(),
 * vwin_arch_entries_set()); the same of entries that map PMD_SIZE bytes (vwin_arch_huge_entry(),
 * vwin_arch_set_middle()); and the ways to flush a TLB (vwin_arch_flush_*()).
 */
#ifndef ARCH_ARCH_H
#define ARCH_ARCH_H

#if !defined(CONFIG_MMU) || !defined(CONFIG_64BIT)
#error "vmap_arena needs a 64-bit kernel with an MMU"
#elif defined(CONFIG_X86_64)
#include "x86.h"
#elif defined(CONFIG_ARM64)
#include "arm64.h"
#else
#error "vmap_arena knows the page tables of x86-64 and arm64 only"
#endif

#endif
