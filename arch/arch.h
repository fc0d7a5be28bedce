/* SPDX-License-Identifier: GPL-2.0 */
/*
 * arch/arch.h - what windows need of the architecture: see arch/x86.h and arch/arm64.h
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
