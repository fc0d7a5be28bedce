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

/* world.c */
extern void (*lab_held)(u64 ticks);

enum line_what {
	LINE_EVENT,	/* one of ours, with its numbers */
	LINE_OTHER,	/* of an event of another kind */
	LINE_STACK,	/* of the stack on which an event came about */
	LINE_FRAME,	/* blank, a heading, a remark */
	LINE_UNKNOWN,	/* none of these, or one of ours without its numbers */
};

/**
 * struct tracer_line - what a line is that a tracer printed
 * @what: it is
 * @lost: it says that events were lost
 * @timed: it has a time
 * @text: it may go on in the next line, with anything
 * @kind: of an event of ours, its letter in a trace
 * @cpu: on which it came about, or -1
 * @time: nanoseconds, or what the tracer's clock counts
 * @words: of an event of ours, its numbers in the order in which it prints them
 */
struct tracer_line {
	enum line_what what;
	bool lost, timed, text;
	char kind;
	int cpu;
	u64 time;
	u64 words[6];
};

void read_tracer_line(const char *line, struct tracer_line *read);
void read_lines(const char *path, const char *(*line)(void *context, char *text),
		const char *(*end)(void *context), void *context);
void read_trace(struct lab_load *load, const char *path);
void convert(const char *path, FILE *to);

/* threads.c */
void report_threads(struct lab_out *out, const struct lab_load *load, unsigned int threads);
int replay_threads(const struct lab_index *index, const struct lab_load *load, unsigned int threads,
		   struct lab_result *result);

#endif
