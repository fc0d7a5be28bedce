/* SPDX-License-Identifier: GPL-2.0 */
/*
 * user.h - what the parts of the user-space program share
 */
#ifndef LAB_USER_H
#define LAB_USER_H

#include <stdio.h>

#include "../lab.h"

struct lab_out {
	FILE *file;
};

/* Prints a message and ends the program with status 2. */
__printf(1, 2) __noreturn void die(const char *format, ...);

void read_lines(const char *path, const char *(*line)(void *context, char *text),
		const char *(*end)(void *context), void *context);
void read_trace(struct lab_load *load, const char *path);
void convert(const char *path, FILE *to);

#endif
