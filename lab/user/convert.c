// SPDX-License-Identifier: GPL-2.0
/*
 * convert.c - turns what a tracer printed into a trace
 *
 * Theory
 *
 * The kernel's three tracepoints print the same words whoever shows them; the raw trace file of
 * tracefs, `trace-cmd report` and `perf script` differ in what stands before:
 *
 *   insmod-71    [001] .....     3.141592: alloc_vmap_area: va_start: ...
 *   insmod-71    [001]     3.141592: alloc_vmap_area:      va_start: ...
 *   insmod    71 [001]     3.141592: vmalloc:alloc_vmap_area: va_start: ...
 *
 * So a line is looked at from the first number that has a point in it and a colon behind it: that
 * is the time.  Then comes the name of the event.  Other events are counted and left out, as are
 * the lines in which tracers say that they lost some.  A line that is none of these is refused.
 *
 * All events are read before any is written: the spans come from the bounds of all allocations,
 * and a tracer may print the events of two CPUs slightly out of order.
 */
#include <ctype.h>
#include <errno.h>
#include <linux/kernel.h>
#include <stdlib.h>
#include <string.h>

#include "user.h"

#define PAGE_BYTES	4096ULL

struct event {
	u64 time;
	unsigned long line;
	char kind;
	u64 words[5];
};

struct events {
	struct event *all;
	unsigned long lines;
	unsigned long count;
	unsigned long room;
	unsigned long others;
	unsigned long losses;
	struct { u64 lo, hi; } spans[LAB_MAX_SPANS];
	unsigned int nr_spans;
};

/**
 * struct form - what an event prints
 * @name: of the event
 * @kind: its letter in a trace
 * @keys: before each number, in the order in which they are printed
 */
static const struct form {
	const char *name;
	char kind;
	const char *keys[7];
} forms[] = {
	{ "alloc_vmap_area", 'a',
	  { "va_start: ", "size=", "align=", "vstart=", "vend=", "failed=" } },
	{ "free_vmap_area_noflush", 'f', { "va_start=", "nr_lazy=", "nr_lazy_max=" } },
	{ "purge_vmap_area_lazy", 'p', { "start=", "end=", "num_purged=" } },
};

/* Seconds with a fraction and a colon behind, in nanoseconds; where they end, or NULL. */
static const char *read_time(const char *text, u64 *time)
{
	unsigned int digits;
	u64 fraction = 0;

	if (!isdigit(*text))
		return NULL;
	for (*time = 0; isdigit(*text); text++)
		*time = *time * 10 + (*text - '0');
	if (*text++ != '.' || !isdigit(*text))
		return NULL;
	for (digits = 0; isdigit(*text); text++, digits++)
		if (digits < 9)
			fraction = fraction * 10 + (*text - '0');
	for (; digits < 9; digits++)
		fraction *= 10;
	*time = *time * 1000000000ULL + fraction;
	return *text == ':' ? text + 1 : NULL;
}

/* What stands behind the time: the name of the event. */
static const char *find_name(const char *line, u64 *time)
{
	const char *at, *rest;

	for (at = line; *at; at++) {
		if (at != line && !isspace(at[-1]))
			continue;
		rest = read_time(at, time);
		if (rest)
			return rest + strspn(rest, " \t");
	}
	return NULL;
}

static bool read_words(const struct form *form, const char *text, u64 *words)
{
	unsigned int i;
	char *end;

	for (i = 0; form->keys[i]; i++) {
		text += strspn(text, " \t");
		if (strncmp(text, form->keys[i], strlen(form->keys[i])))
			return false;
		text += strlen(form->keys[i]);
		if (!isdigit(*text))
			return false;
		errno = 0;
		words[i] = strtoull(text, &end, 0);
		if (errno)
			return false;
		text = end;
	}
	return !text[strspn(text, " \t\r\n")];
}

static struct event *add_event(struct events *events)
{
	if (events->count == events->room) {
		events->room = events->room ? 2 * events->room : 4096;
		events->all = realloc(events->all, events->room * sizeof(*events->all));
		if (!events->all)
			die("out of memory after %lu events", events->count);
	}
	return &events->all[events->count++];
}

/* In tracefs, a ring buffer that ran over says so in its heading only. */
static bool says_lost(const char *line)
{
	unsigned long kept, written;

	if (sscanf(line, "# entries-in-buffer/entries-written: %lu/%lu", &kept, &written) == 2)
		return kept < written;
	return strstr(line, "LOST ") || strstr(line, "EVENTS DROPPED");
}

/* Lines that all tracers print between or before events. */
static bool is_frame(const char *line)
{
	return !line[strspn(line, " \t\r\n")] || *line == '#' || !strncmp(line, "cpus=", 5) ||
	       !strncmp(line, "version = ", 10);
}

static const struct form *find_form(const char *name, size_t length)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(forms); i++)
		if (strlen(forms[i].name) == length && !strncmp(forms[i].name, name, length))
			return &forms[i];
	return NULL;
}

static u64 page_up(u64 value)
{
	return (value + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* The kernel names the last byte of some ranges and the first beyond of others. */
static u64 page_end(u64 value)
{
	return value % PAGE_BYTES == PAGE_BYTES - 1 && value + 1 ? value + 1
								 : value / PAGE_BYTES * PAGE_BYTES;
}

/* Bring an allocation into the order and the units of a trace. */
static bool settle_alloc(struct event *event)
{
	u64 *words = event->words;

	words[1] = page_up(words[1]);
	words[2] = words[2] < PAGE_BYTES ? PAGE_BYTES : words[2];
	words[3] = page_up(words[3]);
	words[4] = page_end(words[4]);
	return words[1] && words[3] && words[4] > words[3] && words[4] - words[3] >= words[1] &&
	       !(words[2] & (words[2] - 1));
}

static bool read_event(struct events *events, const char *name, u64 time)
{
	size_t length = strcspn(name, ":");
	const struct form *form;
	struct event *event;
	u64 words[6];

	if (!strncmp(name, "vmalloc:", 8)) {
		name += 8;
		length = strcspn(name, ":");
	}
	if (!length || name[length] != ':')
		return false;
	form = find_form(name, length);
	if (!form) {
		events->others++;
		return true;
	}
	if (!read_words(form, name + length + 1, words))
		return false;
	/* Each vm_unmap_aliases() prints a purge, most of them of nothing. */
	if (form->kind == 'p' && !words[2])
		return true;
	event = add_event(events);
	*event = (struct event){ .time = time, .line = events->lines, .kind = form->kind };
	memcpy(event->words, words, sizeof(event->words));
	if (form->kind != 'a')
		return true;
	if (words[5])
		event->kind = 'x';
	return settle_alloc(event);
}

static const char *read_line(void *context, char *line)
{
	struct events *events = context;
	const char *name;
	u64 time;

	events->lines++;
	name = is_frame(line) ? NULL : find_name(line, &time);
	if (name)
		return read_event(events, name, time) ? NULL :
		       "expected the fields of vmalloc's tracepoints, Linux 6.2 or later";
	events->losses += says_lost(line);
	return is_frame(line) || says_lost(line) ? NULL :
	       "expected TIME: EVENT: as tracefs, trace-cmd or perf print it";
}

static int in_time(const void *a, const void *b)
{
	const struct event *one = a, *two = b;

	if (one->time != two->time)
		return one->time < two->time ? -1 : 1;
	return one->line < two->line ? -1 : 1;
}

/* Add a range to the spans; spans that it joins become one. */
static void add_span(struct events *events, u64 lo, u64 hi)
{
	unsigned int i = 0;

	while (i < events->nr_spans) {
		if (lo > events->spans[i].hi || hi < events->spans[i].lo) {
			i++;
			continue;
		}
		lo = lo < events->spans[i].lo ? lo : events->spans[i].lo;
		hi = hi > events->spans[i].hi ? hi : events->spans[i].hi;
		events->spans[i] = events->spans[--events->nr_spans];
		i = 0;
	}
	if (events->nr_spans == LAB_MAX_SPANS)
		die("expected at most %d address spaces that do not overlap", LAB_MAX_SPANS);
	events->spans[events->nr_spans].lo = lo;
	events->spans[events->nr_spans++].hi = hi;
}

/* The span with the most allocations comes first: the map shows it. */
static void find_spans(struct events *events)
{
	unsigned long i, used[LAB_MAX_SPANS] = { 0 }, most = 0;
	unsigned int s;

	for (i = 0; i < events->count; i++)
		if (events->all[i].kind == 'a')
			add_span(events, events->all[i].words[3], events->all[i].words[4]);
	for (i = 0; i < events->count; i++)
		for (s = 0; s < events->nr_spans; s++)
			if (events->all[i].kind == 'a' &&
			    events->all[i].words[0] >= events->spans[s].lo &&
			    events->all[i].words[0] < events->spans[s].hi)
				used[s]++;
	for (s = 1; s < events->nr_spans; s++)
		if (used[s] > used[most])
			most = s;
	if (most) {
		typeof(events->spans[0]) first = events->spans[0];

		events->spans[0] = events->spans[most];
		events->spans[most] = first;
	}
}

static void write_event(const struct event *event, u64 first, FILE *to)
{
	const u64 *words = event->words;

	fprintf(to, "%llu %c", (unsigned long long)(event->time - first), event->kind);
	if (event->kind == 'a')
		fprintf(to, " %#llx %llu %llu %#llx %#llx", (unsigned long long)words[0],
			(unsigned long long)words[1], (unsigned long long)words[2],
			(unsigned long long)words[3], (unsigned long long)words[4]);
	else if (event->kind == 'x')
		fprintf(to, " %llu %llu %#llx %#llx", (unsigned long long)words[1],
			(unsigned long long)words[2], (unsigned long long)words[3],
			(unsigned long long)words[4]);
	else if (event->kind == 'p')
		fprintf(to, " %#llx %#llx", (unsigned long long)words[0],
			(unsigned long long)words[1]);
	else
		fprintf(to, " %#llx", (unsigned long long)words[0]);
	fputc('\n', to);
}

static void write_trace(const struct events *events, FILE *to)
{
	unsigned long i;
	unsigned int s;

	fprintf(to, "vmap-trace 1\npage 4096\n");
	for (s = 0; s < events->nr_spans; s++)
		fprintf(to, "span %#llx %#llx\n", (unsigned long long)events->spans[s].lo,
			(unsigned long long)events->spans[s].hi);
	for (i = 0; i < events->count; i++)
		write_event(&events->all[i], events->all[0].time, to);
	if (fflush(to) || ferror(to))
		die("cannot write the trace: %s", strerror(errno));
}

static const char *arrange(void *context)
{
	struct events *events = context;

	find_spans(events);
	if (!events->nr_spans)
		return "expected at least one alloc_vmap_area";
	qsort(events->all, events->count, sizeof(*events->all), in_time);
	return NULL;
}

/* Prints the trace made from the file at @path, plain or gzip. */
void convert(const char *path, FILE *to)
{
	struct events events = { 0 };

	read_lines(path, read_line, arrange, &events);
	write_trace(&events, to);
	fprintf(stderr, "vmap_lab: %lu events; %lu of other kinds left out; losses reported: %lu\n",
		events.count, events.others, events.losses);
	free(events.all);
}
