/* SPDX-License-Identifier: GPL-2.0 */
/*
 * shadow.h - tells KASAN which bytes of a window may be accessed
 *
 * In generic mode KASAN has a shadow byte for each granule of eight bytes: 0 if all bytes of the
 * granule may be accessed, n if only the first n bytes may, SHADOW_INVALID if none may.  With
 * CONFIG_KASAN_VMALLOC vmap() allocates a shadow for the reservation of a window, and vunmap()
 * frees the shadow.
 *
 * Invariants:
 *   - a byte of a window may be accessed only if it is handed out: of an area of memory the bytes
 *     that the caller asked for, of an area of vmap_map_pages() all pages;
 *   - a free closes the area before another caller can get it, whether the area stays warm or not.
 *
 * The shadow is written by functions that compilers emit calls to.  So the kernel exports them, and
 * must go on exporting them.  Without CONFIG_KASAN_VMALLOC, and in KASAN's modes with tags, the
 * functions of this file are empty.
 *
 * Locking: none; the caller holds the area whose shadow it writes.
 */
#ifndef SHADOW_H
#define SHADOW_H

#include <linux/types.h>

#if defined(CONFIG_KASAN_GENERIC) && defined(CONFIG_KASAN_VMALLOC)

#include <linux/compiler.h>
#include <linux/kasan.h>

#define SHADOW_GRANULE	(1UL << KASAN_SHADOW_SCALE_SHIFT)
/* An access to a granule with this shadow is reported as "vmalloc-out-of-bounds". */
#define SHADOW_INVALID	0xf8

void __asan_set_shadow_00(const void *shadow, ssize_t size);
void __asan_set_shadow_f8(const void *shadow, ssize_t size);

/* Store one shadow byte, without a check by KASAN of the store itself. */
static noinline __no_sanitize_address void vwin_shadow_set_tail(u8 *shadow, u8 bytes)
{
	*shadow = bytes;
}

/* Let @size bytes from @addr on be accessed.  @addr is a multiple of SHADOW_GRANULE. */
static inline void vwin_shadow_open(unsigned long addr, unsigned long size)
{
	u8 *shadow = kasan_mem_to_shadow((void *)addr);

	__asan_set_shadow_00(shadow, size / SHADOW_GRANULE);
	if (size % SHADOW_GRANULE)
		vwin_shadow_set_tail(shadow + size / SHADOW_GRANULE, size % SHADOW_GRANULE);
}

/* Let no byte of [@addr, @end) be accessed.  Both are multiples of SHADOW_GRANULE. */
static inline void vwin_shadow_close(unsigned long addr, unsigned long end)
{
	__asan_set_shadow_f8(kasan_mem_to_shadow((void *)addr), (end - addr) / SHADOW_GRANULE);
}

#else

static inline void vwin_shadow_open(unsigned long addr, unsigned long size) {}
static inline void vwin_shadow_close(unsigned long addr, unsigned long end) {}

#endif

#endif
