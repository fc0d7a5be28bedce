// SPDX-License-Identifier: GPL-2.0
/*
 * world.c - what the lab needs of the world around it, in user space
 *
 * Memory is touched when it is got, so that no timed operation meets a page fault.  Interrupts
 * that return at once cannot be seen from here, so the worst operation may be one that met such a
 * one.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "user.h"

void *lab_zalloc(size_t bytes)
{
	void *memory = malloc(bytes ? bytes : 1);

	if (memory)
		memset(memory, 0, bytes);
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

void lab_print(struct lab_out *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(out->file, format, args);
	va_end(args);
}
