// SPDX-License-Identifier: GPL-2.0
/*
 * test_steps.c - does each call of the interface take no more steps than its kernel-doc promises?
 *
 * usage: test_steps
 *
 * The files of the module are compiled as they are, so that each basic block calls
 * __sanitizer_cov_trace_pc(), which counts it: steps.c.  kernel.h and pages.h play the kernel; what
 * it does behind a call is not counted, the call is.  The same build gives the same counts every
 * time.
 *
 * steps_range.c and steps_memory.c bring arenas into states that are hard on them, and make calls.
 */
#include "steps_loads.h"

int main(void)
{
	steps_of_range_arenas();
	steps_of_memory_arenas();
	return steps_report();
}
