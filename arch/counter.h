/* SPDX-License-Identifier: GPL-2.0 */
/*
 * arch/counter.h - counts on a CPU of its own, with release semantics
 */
#ifndef ARCH_COUNTER_H
#define ARCH_COUNTER_H

#include <linux/percpu.h>

/*
 * Add 1 to a counter of this CPU with release semantics.  A CPU that reads the counter and then
 * executes a full barrier sees all accesses that this CPU made before the count, and all accesses
 * that this CPU saw before.  Interrupts are off.
 *
 * x86 makes no store visible before an earlier load or store of the same CPU.  So a compiler
 * barrier is enough, and one instruction adds to the counter.
 */
#ifndef CONFIG_X86_64
#define vspace_arch_count_release(counter)	do {			\
	unsigned long *mine = this_cpu_ptr(&(counter));		\
	/* The callers name the barrier that this pairs with. */ \
	smp_store_release(mine, *mine + 1);			\
} while (0)
#else
#define vspace_arch_count_release(counter)	do {			\
	barrier();						\
	__this_cpu_inc(counter);				\
} while (0)
#endif

#endif
