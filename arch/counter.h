/* SPDX-License-Identifier: GPL-2.0 */
/*
 * counter.h - counters of a CPU's own that say that something is done
 */
#ifndef ARCH_COUNTER_H
#define ARCH_COUNTER_H

#include <linux/percpu.h>

/*
 * Add 1 to a counter of this CPU with release semantics: who reads the sum from another CPU sees
 * all that came before on this one, and on those that this one has seen.  Interrupts off.
 *
 * x86 makes no store visible before an earlier load or store, so only the compiler must be told,
 * and one instruction does it.
 */
#ifndef CONFIG_X86_64
#define vspace_arch_count_release(counter)	do {			\
	unsigned long *mine = this_cpu_ptr(&(counter));		\
	/* Paired by who counts. */				\
	smp_store_release(mine, *mine + 1);			\
} while (0)
#else
#define vspace_arch_count_release(counter)	do {			\
	barrier();						\
	__this_cpu_inc(counter);				\
} while (0)
#endif

#endif
