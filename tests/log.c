// SPDX-License-Identifier: GPL-2.0
/*
 * log.c - hears what the kernel log is told while a test runs
 *
 * The kernel has a trace point through which each line of the log passes, on the CPU and in the
 * context of whoever prints it.  So a test can ask whether a report was made, how often, and what
 * it said.
 */
#include <linux/tracepoint.h>
#include <trace/events/printk.h>

#include "vmap_kunit.h"

static void hear(void *data, const char *text, size_t len)
{
	struct kt_log *log = data;

	if (!strnstr(text, log->word, len))
		return;
	log->lines++;
	strscpy(log->last, text, min(len + 1, sizeof(log->last)));
}

/**
 * kt_log_begin() - begin to listen
 * @log: filled in from now on
 * @word: lines without it are not counted
 *
 * Return: 0, or an error of the trace point's.
 */
int kt_log_begin(struct kt_log *log, const char *word)
{
	*log = (struct kt_log){ .word = word };
	return register_trace_console(hear, log);
}

void kt_log_end(struct kt_log *log)
{
	unregister_trace_console(hear, log);
	tracepoint_synchronize_unregister();
}
