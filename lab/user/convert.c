// SPDX-License-Identifier: GPL-2.0
/*
 * convert.c - turns what a tracer printed into a trace
 *
 * Theory
 *
 * tracer.c tells what each line is.  All events are read before any is written: the spans come
 * from the bounds of all allocations, and a tracer may print the events of two CPUs slightly out
 * of order.
 *
 * Nothing is dropped in silence.  What is left out on purpose, and what a tracer says it lost, is
 * counted; a line that is not understood is named, and if they are more than a tenth of those that
 * should be, nothing is converted at all.
 *
 * An event without a time has that of the event before it, so the order of lines is kept.  perf
 * script --deltatime prints what passed since the event before; then what is called time goes
 * backwards at almost every second event, as true times do seldom, and is added up.
 */
#include <errno.h>
#include <linux/kernel.h>
#include <stdlib.h>
#include <string.h>

#include "user.h"

#define PAGE_BYTES	4096ULL

struct event {
	u64 time;
	u64 sum;
	unsigned long line;
	char kind;
	int cpu;
	u64 words[5];
};

/**
 * struct events - what was read
 * @path: of the file
 * @all: events of ours
 * @last: what the last line was
 * @sum: of all that is called time so far
 * @lines: read; of them, for each enum line_what, how many
 * @first_unknown: line of these
 * @losses: lines in which a tracer says that it lost something
 * @untimed: events without a time
 */
struct events {
	const char *path;
	struct event *all;
	unsigned long count, room;
	struct tracer_line last;
	u64 time, sum;
	unsigned long lines;
	unsigned long what[LINE_UNKNOWN + 1];
	unsigned long first_unknown;
	unsigned long losses;
	unsigned long untimed;
	struct { u64 lo, hi; } spans[LAB_MAX_SPANS];
	unsigned int nr_spans;
};

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
static bool settle_alloc(u64 *words)
{
	words[1] = page_up(words[1]);
	words[2] = words[2] < PAGE_BYTES ? PAGE_BYTES : words[2];
	words[3] = page_up(words[3]);
	words[4] = page_end(words[4]);
	return words[1] && words[3] && words[4] > words[3] && words[4] - words[3] >= words[1] &&
	       !(words[2] & (words[2] - 1));
}

/* Can this have happened?  What is replayed is refused if it cannot. */
static bool is_possible(const struct tracer_line *read)
{
	const u64 *words = read->words;

	if (read->kind == 'p')
		return !(words[0] % PAGE_BYTES) && !(words[1] % PAGE_BYTES) && words[0] <= words[1];
	if (read->kind == 'f')
		return !(words[0] % PAGE_BYTES);
	return words[5] || (!(words[0] & (words[2] - 1)) && words[0] >= words[3] &&
			    words[0] <= words[4] - words[1]);
}

/* Keep an event; false if its numbers cannot be. */
static bool keep_event(struct events *events, struct tracer_line *read)
{
	struct event *event;

	/* Each vm_unmap_aliases() prints a purge, most of them of nothing. */
	if (read->kind == 'p' && !read->words[2])
		return true;
	if (read->kind == 'a' && !settle_alloc(read->words))
		return false;
	if (!is_possible(read))
		return false;
	event = add_event(events);
	*event = (struct event){ .time = events->time, .sum = events->sum, .line = events->lines,
				 .kind = read->kind, .cpu = read->cpu };
	if (read->kind == 'a' && read->words[5])
		event->kind = 'x';
	memcpy(event->words, read->words, sizeof(event->words));
	events->untimed += !read->timed;
	return true;
}

static const char *read_line(void *context, char *line)
{
	struct events *events = context;
	struct tracer_line *read = &events->last;

	events->lines++;
	read_tracer_line(line, read);
	if (read->timed) {
		events->time = read->time;
		events->sum += read->time;
	}
	if (read->what == LINE_EVENT && !keep_event(events, read))
		read->what = LINE_UNKNOWN;
	if (read->what == LINE_UNKNOWN && !events->what[LINE_UNKNOWN])
		events->first_unknown = events->lines;
	events->what[read->what]++;
	events->losses += read->lost;
	return NULL;
}

/* How often does a time come before that of the line before? */
static unsigned long steps_back(const struct events *events)
{
	unsigned long i, back = 0;

	for (i = 1; i < events->count; i++)
		back += events->all[i].time < events->all[i - 1].time;
	return back;
}

static void add_up_differences(struct events *events)
{
	unsigned long i;

	for (i = 0; i < events->count; i++)
		events->all[i].time = events->all[i].sum;
	fprintf(stderr, "vmap_lab: %s: times go backwards as differences do, and are added up\n",
		events->path);
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
	if (event->cpu >= 0)
		fprintf(to, " @%d", event->cpu);
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

/* Too many lines that are not understood, and what was is no true picture. */
static void refuse_unknown(const struct events *events)
{
	const unsigned long *what = events->what;
	unsigned long unknown = what[LINE_UNKNOWN];

	if (unknown * 10 <= what[LINE_EVENT] + what[LINE_OTHER] + unknown)
		return;
	die("%s:%lu: expected TIME: EVENT: and fields as in Linux 6.2; %lu odd lines from here on",
	    events->path, events->first_unknown, unknown);
}

static const char *arrange(void *context)
{
	struct events *events = context;

	refuse_unknown(events);
	find_spans(events);
	if (!events->nr_spans)
		return "expected at least one alloc_vmap_area";
	if (steps_back(events) > events->count / 4)
		add_up_differences(events);
	qsort(events->all, events->count, sizeof(*events->all), in_time);
	return NULL;
}

static void tell(const struct events *events)
{
	const unsigned long *what = events->what;

	fprintf(stderr, "vmap_lab: %lu events; left out: %lu of other kinds, %lu lines of stacks; "
			"losses reported: %lu\n",
		events->count, what[LINE_OTHER], what[LINE_STACK], events->losses);
	if (what[LINE_UNKNOWN])
		fprintf(stderr,
			"vmap_lab: %s:%lu: not understood and left out, with %lu more lines\n",
			events->path, events->first_unknown, what[LINE_UNKNOWN] - 1);
	if (events->untimed)
		fprintf(stderr,
			"vmap_lab: %lu events have no time: they are in the order of lines\n",
			events->untimed);
}

/* Prints the trace made from the file at @path, plain or gzip. */
void convert(const char *path, FILE *to)
{
	struct events events = { .path = path };

	read_lines(path, read_line, arrange, &events);
	write_trace(&events, to);
	tell(&events);
	free(events.all);
}
