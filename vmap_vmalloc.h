/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmap_vmalloc.h - sends all calls of the vmalloc and kvmalloc families to vmap_arena
 *
 * For a module that was written for vmalloc().  In the Kbuild of the module:
 *
 *	ccflags-y += -include vmap_vmalloc.h
 *
 * The pragmas below tell the compiler what the functions are called in the object file: a call of
 * vmalloc() becomes one of vmap_vmalloc_vmalloc(), which vmap_arena exports.  The source code of
 * the module, its types and the headers it includes stay as they are: no name is a macro, so a
 * member of a struct may be called vmap or vfree; no header is included, so no macro such as
 * pr_fmt is defined too late; and the versions of the symbols that the module exports (genksyms)
 * do not change.
 *
 * A pragma for a function that a kernel does not have, or that a file does not call, does nothing.
 * From 6.10 on vmalloc() is a macro, and vmalloc_noprof() the function.
 *
 * With
 *
 *	ccflags-y += -include vmap_vmalloc.h -DVMAP_ARENA='"NAME"'
 *
 * the module has an arena of its own, which is created before any code of the module runs and
 * destroyed when all has run: own.c.  The loading fails if NAME is no name for an arena, or that of
 * another arena.  No call may be a tail call, by which vmap_arena would not know which module
 * calls: gcc is told so here, clang by -fno-optimize-sibling-calls, which vmap-arena.mk adds.
 *
 * What the calls free, they free by owner: memory of an arena, of vmalloc() or of kmalloc().  So
 * memory may be passed to and from code that does not include this file, as long as memory of an
 * arena is freed by a call that goes to vmap_arena.  dev_coredumpv() is here because the kernel
 * frees by vfree() what it was given; no other exported call is known that does so.
 */
#ifndef VMAP_VMALLOC_H
#define VMAP_VMALLOC_H

#pragma redefine_extname vmalloc vmap_vmalloc_vmalloc
#pragma redefine_extname vmalloc_noprof vmap_vmalloc_vmalloc
#pragma redefine_extname vzalloc vmap_vmalloc_vzalloc
#pragma redefine_extname vzalloc_noprof vmap_vmalloc_vzalloc
#pragma redefine_extname vmalloc_user vmap_vmalloc_vmalloc_user
#pragma redefine_extname vmalloc_user_noprof vmap_vmalloc_vmalloc_user
#pragma redefine_extname vmalloc_node vmap_vmalloc_vmalloc_node
#pragma redefine_extname vmalloc_node_noprof vmap_vmalloc_vmalloc_node
#pragma redefine_extname vzalloc_node vmap_vmalloc_vzalloc_node
#pragma redefine_extname vzalloc_node_noprof vmap_vmalloc_vzalloc_node
#pragma redefine_extname vmalloc_32 vmap_vmalloc_vmalloc_32
#pragma redefine_extname vmalloc_32_noprof vmap_vmalloc_vmalloc_32
#pragma redefine_extname vmalloc_32_user vmap_vmalloc_vmalloc_32_user
#pragma redefine_extname vmalloc_32_user_noprof vmap_vmalloc_vmalloc_32_user
#pragma redefine_extname __vmalloc vmap_vmalloc___vmalloc
#pragma redefine_extname __vmalloc_noprof vmap_vmalloc___vmalloc
#pragma redefine_extname __vmalloc_node vmap_vmalloc___vmalloc_node
#pragma redefine_extname __vmalloc_node_noprof vmap_vmalloc___vmalloc_node
#pragma redefine_extname vmalloc_huge vmap_vmalloc_vmalloc_huge
#pragma redefine_extname vmalloc_huge_noprof vmap_vmalloc_vmalloc_huge
#pragma redefine_extname vmalloc_huge_node_noprof vmap_vmalloc_vmalloc_huge
#pragma redefine_extname __vmalloc_array vmap_vmalloc___vmalloc_array
#pragma redefine_extname __vmalloc_array_noprof vmap_vmalloc___vmalloc_array
#pragma redefine_extname vmalloc_array vmap_vmalloc_vmalloc_array
#pragma redefine_extname vmalloc_array_noprof vmap_vmalloc_vmalloc_array
#pragma redefine_extname __vcalloc vmap_vmalloc___vcalloc
#pragma redefine_extname __vcalloc_noprof vmap_vmalloc___vcalloc
#pragma redefine_extname vcalloc vmap_vmalloc_vcalloc
#pragma redefine_extname vcalloc_noprof vmap_vmalloc_vcalloc
#pragma redefine_extname vrealloc_noprof vmap_vmalloc_vrealloc
#pragma redefine_extname vrealloc_node_align_noprof vmap_vmalloc_vrealloc

#pragma redefine_extname vfree vmap_vmalloc_vfree
#pragma redefine_extname vfree_atomic vmap_vmalloc_vfree

#pragma redefine_extname vmap vmap_vmalloc_vmap
#pragma redefine_extname vmap_pfn vmap_vmalloc_vmap_pfn
#pragma redefine_extname vunmap vmap_vmalloc_vunmap
#pragma redefine_extname vm_map_ram vmap_vmalloc_vm_map_ram
#pragma redefine_extname vm_unmap_ram vmap_vmalloc_vm_unmap_ram
#pragma redefine_extname vm_unmap_aliases vmap_vmalloc_vm_unmap_aliases
#pragma redefine_extname remap_vmalloc_range vmap_vmalloc_remap_vmalloc_range
/* Without CONFIG_DEV_COREDUMP it is inline, and calls vfree(), which has its other name by then. */
#ifdef CONFIG_DEV_COREDUMP
#pragma redefine_extname dev_coredumpv vmap_vmalloc_dev_coredumpv
#endif

#pragma redefine_extname kvmalloc_node vmap_vmalloc_kvmalloc_node
#pragma redefine_extname kvmalloc_node_noprof vmap_vmalloc_kvmalloc_node
#pragma redefine_extname __kvmalloc_node_noprof vmap_vmalloc_kvmalloc_node
#pragma redefine_extname kvrealloc vmap_vmalloc_kvrealloc
#pragma redefine_extname kvrealloc_noprof vmap_vmalloc_kvrealloc
#pragma redefine_extname kvrealloc_node_align_noprof vmap_vmalloc_kvrealloc
#pragma redefine_extname kvfree vmap_vmalloc_kvfree
#pragma redefine_extname kvfree_atomic vmap_vmalloc_kvfree
#pragma redefine_extname kvfree_sensitive vmap_vmalloc_kvfree_sensitive
#pragma redefine_extname kvfree_call_rcu vmap_vmalloc_kvfree_call_rcu

#if defined(VMAP_ARENA) && !defined(__ASSEMBLY__)
#ifndef __clang__
#pragma GCC optimize("no-optimize-sibling-calls")
#endif

_Static_assert(sizeof(VMAP_ARENA) > 1 && sizeof(VMAP_ARENA) <= 32,
	       "VMAP_ARENA must have 1 to 31 characters");

/* What own.c looks for in the read-only data: struct vown_wish. */
static const struct {
	unsigned char magic[16];
	char name[32];
} vmap_arena_wish __used __aligned(16) = {
	{ 0x76, 0x2b, 0xe8, 0xc1, 0x4d, 0xa3, 0x0f, 0x9e,
	  0xf5, 0x62, 0xb7, 0x38, 0x1a, 0xcc, 0x89, 0xe4 },
	VMAP_ARENA
};
#endif

#endif
