// SPDX-License-Identifier: GPL-2.0
/*
 * world.c - what the lab needs of the world around it, in user space
 *
 * Memory is touched when it is got, so that no timed operation meets a page fault, begins a cache
 * line, and lies on huge pages where it is large, as in the kernel's direct map.  Interrupts
 * that return at once cannot be seen from here, so the worst operation may be one that met such a
 * one.
 */
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kernel.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "user.h"

#define LINE		64UL
#define HUGE_PAGE	(2UL << 20)

/* Some microseconds: longer than any index holds its lock. */
#define LONG_READS	1000U

static inline void cpu_pause(void)
{
#ifdef __x86_64__
	__builtin_ia32_pause();
#else
	__asm__ volatile("" ::: "memory");
#endif
}

void *lab_zalloc(size_t bytes)
{
	size_t align = bytes < HUGE_PAGE ? LINE : HUGE_PAGE;
	size_t rounded = ALIGN(bytes ? bytes : 1, align);
	void *memory = aligned_alloc(align, rounded);

	if (!memory)
		return NULL;
	/* A machine without huge pages is merely slower. */
	if (align == HUGE_PAGE)
		madvise(memory, rounded, MADV_HUGEPAGE);
	memset(memory, 0, rounded);
	return memory;
}

void lab_release(void *memory)
{
	free(memory);
}

u64 lab_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* Changes when another process was given the CPU. */
unsigned long lab_disturbances(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}

void lab_breathe(void)
{
}

/* Called with the nanoseconds that a lock was held, if it is set. */
void (*lab_held)(u64 ticks);

void lab_lock_init(struct lab_lock *lock)
{
	lock->held = 0;
}

/*
 * A spinlock, that a thread waits for by reading.  Unlike in a kernel, whoever holds it may have
 * lost the CPU; so who waits for long gives up its own.
 */
void lab_lock(struct lab_lock *lock)
{
	unsigned int reads = 0;

	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED))
			if (++reads % LONG_READS)
				cpu_pause();
			else
				sched_yield();
	if (lab_held)
		lock->since = lab_now();
}

void lab_unlock(struct lab_lock *lock)
{
	u64 held = lab_held ? lab_now() - lock->since : 0;

	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
	if (lab_held)
		lab_held(held);
}

void lab_print(struct lab_out *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(out->file, format, args);
	va_end(args);
}
