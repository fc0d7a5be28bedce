/* SPDX-License-Identifier: GPL-2.0 */
/*
 * shadow.h - tells KASAN which bytes of a window may be used
 *
 * KASAN in its generic mode has a shadow byte for each granule of eight bytes: 0 if all of them may
 * be used, n if only the first n may, SHADOW_INVALID if none may.  With CONFIG_KASAN_VMALLOC the
 * kernel gives a window a shadow of its own when it maps the window, and takes that back with it.
 *
 *   - No byte of a window may be used but those that are handed out: of an area of memory as many
 *     as were asked for, of pages mapped all.
 *   - A free takes that back before anybody else can have the area, whether it stays warm or not.
 *
 * The calls that write the shadow are those that the compiler emits, so they are exported, and
 * stay.  Without KASAN, without its shadow for vmalloc space, and with its modes by tags, nothing
 * of this is compiled.
 */
#ifndef SHADOW_H
#define SHADOW_H

#include <linux/types.h>

#if defined(CONFIG_KASAN_GENERIC) && defined(CONFIG_KASAN_VMALLOC)

#include <linux/compiler.h>
#include <linux/kasan.h>

#define SHADOW_GRANULE	(1UL << KASAN_SHADOW_SCALE_SHIFT)
#define SHADOW_INVALID	0xf8	/* what KASAN reports as "vmalloc-out-of-bounds" */

void __asan_set_shadow_00(const void *shadow, ssize_t size);
void __asan_set_shadow_f8(const void *shadow, ssize_t size);

/* A store that KASAN does not look up in the shadow of the shadow. */
static noinline __no_sanitize_address void vwin_shadow_set_tail(u8 *shadow, u8 bytes)
{
	*shadow = bytes;
}

/* Let @size bytes from @addr, a multiple of the granule, be used. */
static inline void vwin_shadow_open(unsigned long addr, unsigned long size)
{
	u8 *shadow = kasan_mem_to_shadow((void *)addr);

	__asan_set_shadow_00(shadow, size / SHADOW_GRANULE);
	if (size % SHADOW_GRANULE)
		vwin_shadow_set_tail(shadow + size / SHADOW_GRANULE, size % SHADOW_GRANULE);
}

/* Let no byte from @addr to @end be used, both multiples of the granule. */
static inline void vwin_shadow_close(unsigned long addr, unsigned long end)
{
	__asan_set_shadow_f8(kasan_mem_to_shadow((void *)addr), (end - addr) / SHADOW_GRANULE);
}

#else

static inline void vwin_shadow_open(unsigned long addr, unsigned long size) {}
static inline void vwin_shadow_close(unsigned long addr, unsigned long end) {}

#endif

#endif
