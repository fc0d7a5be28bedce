// SPDX-License-Identifier: GPL-2.0
/*
 * replay.c - runs files that a fuzzer made, without the fuzzer
 *
 * usage: replay FILE...
 *
 * For the corpus in builds that have no fuzzer (coverage, gcc), and to look at one crash.
 */
#include <stdio.h>

#include "stream.h"

#define LARGEST	(1024UL * 1024)

static int replay(const char *path)
{
	static unsigned char data[LARGEST];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file) {
		perror(path);
		return 1;
	}
	size = fread(data, 1, sizeof(data), file);
	if (ferror(file) || !feof(file)) {
		fprintf(stderr, "%s: cannot be read, or is larger than %lu bytes\n", path, LARGEST);
		fclose(file);
		return 1;
	}
	fclose(file);
	stream_play(data, size);
	return 0;
}

int main(int argc, char **argv)
{
	int i, failed = 0;

	for (i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	if (argc < 2)
		fprintf(stderr, "usage: replay FILE...\n");
	else if (!failed)
		printf("%d files, no difference from the model\n", argc - 1);
	return argc < 2 ? 2 : failed;
}
