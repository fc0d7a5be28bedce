// SPDX-License-Identifier: GPL-2.0
/*
 * files.c - reads a trace from a file, plain or gzip, line by line
 *
 * A file that breaks off, in the middle of a line or of its compressed data, is refused: half a
 * trace would be half replayed.
 */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "user.h"

#define LINE_MAX_BYTES	1024

/* A gzip stream that ends early shows only when it is closed. */
static void close_trace(gzFile file, const char *path, unsigned long number)
{
	int error = Z_OK;

	gzerror(file, &error);
	if (error != Z_OK)
		die("%s:%lu: expected more: the compressed data is damaged", path, number + 1);
	if (gzclose(file) != Z_OK)
		die("%s:%lu: expected more: the file breaks off", path, number + 1);
}

void read_trace(struct lab_load *load, const char *path)
{
	struct lab_trace *trace = lab_trace_open(load);
	gzFile file = gzopen(path, "r");
	char line[LINE_MAX_BYTES];
	unsigned long number = 0;
	const char *wrong;

	if (!file)
		die("cannot read '%s': %s", path, strerror(errno));
	if (!trace)
		die("out of memory");
	while (gzgets(file, line, sizeof(line))) {
		number++;
		if (!strchr(line, '\n'))
			die("%s:%lu: expected the end of the line", path, number);
		wrong = lab_trace_line(trace, line);
		if (wrong)
			die("%s:%lu: %s", path, number, wrong);
	}
	close_trace(file, path, number);
	wrong = lab_trace_close(trace);
	if (wrong)
		die("%s:%lu: %s", path, number + 1, wrong);
	snprintf(load->name, sizeof(load->name), "%s", strrchr(path, '/') ? strrchr(path, '/') + 1
									   : path);
}
