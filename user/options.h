/* SPDX-License-Identifier: GPL-2.0 */
/*
 * options.h - reads what a program is told on its command line, and refuses all else
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/**
 * struct program_option - an option; one of the three pointers says what it sets
 * @name: with its dashes
 * @flag: takes no argument
 * @text: takes any
 * @number: takes a whole number
 * @min: the least
 * @max: the most
 */
struct program_option {
	const char *name;
	bool *flag;
	const char **text;
	unsigned long *number;
	unsigned long min;
	unsigned long max;
};

#define refuse(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(2))

static inline unsigned long read_number(const struct program_option *option, const char *text)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno || value < option->min ||
	    value > option->max)
		refuse("%s: '%s' is not a whole number from %lu to %lu", option->name, text,
		       option->min, option->max);
	return value;
}

/* Sets what the option says; returns where in @argv the next one is. */
static inline char **read_option(char **argv, const struct program_option *option)
{
	size_t length = strlen(option->name);
	const char *text = (*argv)[length] ? *argv + length + 1 : argv[1];

	if (option->flag) {
		*option->flag = true;
		return argv + 1;
	}
	if (!text)
		refuse("%s needs an argument", option->name);
	if (option->text)
		*option->text = text;
	else
		*option->number = read_number(option, text);
	return argv + ((*argv)[length] ? 1 : 2);
}

/* @options end with one that has no name; --help prints @usage. */
static inline void read_options(int argc, char **argv, const char *usage,
				const struct program_option *options)
{
	const struct program_option *option;
	char **end = argv + argc;
	size_t length;

	for (argv++; argv < end;) {
		length = strcspn(*argv, "=");
		for (option = options; option->name; option++)
			if (strlen(option->name) == length &&
			    !strncmp(*argv, option->name, length) &&
			    !((*argv)[length] && option->flag))
				break;
		if (option->name) {
			argv = read_option(argv, option);
		} else if (!strcmp(*argv, "--help")) {
			fputs(usage, stdout);
			exit(0);
		} else {
			refuse("'%s' is not an option: see --help", *argv);
		}
	}
}

#endif
