// SPDX-License-Identifier: GPL-2.0
/*
 * files.c - reads a file, plain or gzip, line by line
 *
 * A file that breaks off, in the middle of a line or of its compressed data, is refused: half a
 * trace would be half replayed.
 */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "user.h"

/* In one that a tracer prints there may be a marker of a page. */
#define LINE_MAX_BYTES	16384

/* A gzip stream that ends early shows only when it is closed. */
static void close_file(gzFile file, const char *path, unsigned long number)
{
	int error = Z_OK;

	gzerror(file, &error);
	if (error == Z_ERRNO)
		die("cannot read '%s': %s", path, strerror(errno));
	if (error != Z_OK)
		die("%s:%lu: expected more: the compressed data is damaged", path, number + 1);
	if (gzclose(file) != Z_OK)
		die("%s:%lu: expected more: the file breaks off", path, number + 1);
}

/**
 * read_lines() - read a file, or end the program
 * @path: of the file
 * @line: is given each line, which it may spoil; returns NULL, or what was expected instead
 * @end: returns NULL, or what is missing in the file
 * @context: for both
 */
void read_lines(const char *path, const char *(*line)(void *context, char *text),
		const char *(*end)(void *context), void *context)
{
	gzFile file = gzopen(path, "r");
	char text[LINE_MAX_BYTES];
	unsigned long number = 0;
	const char *wrong;

	if (!file)
		die("cannot read '%s': %s", path, strerror(errno));
	while (gzgets(file, text, sizeof(text))) {
		number++;
		wrong = strchr(text, '\n') ? line(context, text) : "expected the end of the line";
		if (wrong)
			die("%s:%lu: %s", path, number, wrong);
	}
	close_file(file, path, number);
	wrong = end(context);
	if (wrong)
		die("%s:%lu: %s", path, number + 1, wrong);
}

static const char *trace_line(void *trace, char *text)
{
	return lab_trace_line(trace, text);
}

static const char *trace_end(void *trace)
{
	return lab_trace_close(trace);
}

void read_trace(struct lab_load *load, const char *path)
{
	struct lab_trace *trace = lab_trace_open(load);
	const char *name = strrchr(path, '/');

	if (!trace)
		die("out of memory");
	read_lines(path, trace_line, trace_end, trace);
	snprintf(load->name, sizeof(load->name), "%s", name ? name + 1 : path);
}
