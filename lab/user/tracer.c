// SPDX-License-Identifier: GPL-2.0
/*
 * tracer.c - tells what a line is that a tracer printed
 *
 * Theory
 *
 * The kernel's three tracepoints print the same words whoever shows them.  What stands before
 * differs between tracefs (its trace files), `trace-cmd report` and `perf script`, and with their
 * options:
 *
 *   insmod-71    [001] .....     3.141592: alloc_vmap_area: va_start: ...
 *   insmod-71      1.....  3141592us+: alloc_vmap_area: va_start: ...
 *   insmod-71    [001]     3.141592: (+12) alloc_vmap_area:      va_start: ...
 *   insmod    71 [001]     3.141592:          1 vmalloc:alloc_vmap_area: va_start: ...
 *
 * So a line of ours is known by the name of an event with the numbers behind it that the event
 * has, and read backwards from there: past a period or a difference, to the time, which ends in a
 * colon.  What stands before the time is not looked at, for a task may be called anything, "3.5:"
 * or "a [001]" as well.  A word with a colon that is no time says that the name stands in some
 * other event's text.
 *
 * The CPU is in brackets before that; where a tracer was told to show it in another way, or not
 * at all, it is not known.
 *
 * A number is found by the word before it, wherever it stands: options add others, and put what
 * they know of an address behind it.
 *
 * All other lines are sorted, so that what is left out can be told from what is not understood:
 * other events, lines of stacks, headings, lines in which a tracer says that it lost something.
 */
#include <ctype.h>
#include <errno.h>
#include <linux/kernel.h>
#include <stdlib.h>
#include <string.h>

#include "user.h"

#define WORDS_MAX	6
#define SPELLINGS	3

/* The CPU, flags, the time and what may stand behind it. */
#define CPU_WORDS	5U

/**
 * struct form - what an event prints
 * @name: of the event
 * @kind: its letter in a trace
 * @keys: before each number; the first as the event prints it, others as its fields are called
 */
struct form {
	const char *name;
	char kind;
	const char *keys[WORDS_MAX + 1][SPELLINGS];
};

static const struct form forms[] = {
	{ "alloc_vmap_area", 'a',
	  { { "va_start: ", "va_start=", "addr=" }, { "size=" }, { "align=" }, { "vstart=" },
	    { "vend=" }, { "failed=" } } },
	{ "free_vmap_area_noflush", 'f', { { "va_start=" }, { "nr_lazy=" }, { "nr_lazy_max=" } } },
	{ "purge_vmap_area_lazy", 'p',
	  { { "start=" }, { "end=" }, { "num_purged=", "npurged=" } } },
};

/* A part of a line. */
struct part {
	const char *start, *end;
};

static bool is_word_part(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Where @key ends in @text, if it does not begin in the middle of a word; or NULL. */
static const char *after_key(const char *text, const char *key)
{
	const char *at;

	for (at = text; (at = strstr(at, key)); at++)
		if (at == text || !is_word_part(at[-1]))
			return at + strlen(key);
	return NULL;
}

static bool read_number(const char *text, u64 *number)
{
	char *end;

	if (!text || !isdigit((unsigned char)text[strspn(text, " ")]))
		return false;
	errno = 0;
	*number = strtoull(text, &end, 0);
	return !errno && !is_word_part(*end);
}

static bool read_words(const struct form *form, const char *text, u64 *words)
{
	unsigned int i, k;

	for (i = 0; form->keys[i][0]; i++) {
		for (k = 0; k < SPELLINGS && form->keys[i][k]; k++)
			if (read_number(after_key(text, form->keys[i][k]), &words[i]))
				break;
		if (k == SPELLINGS || !form->keys[i][k])
			return false;
	}
	return true;
}

/* The last word of [@start, @end); empty if there is none. */
static struct part last_word(const char *start, const char *end)
{
	struct part word;

	while (end > start && isspace((unsigned char)end[-1]))
		end--;
	word.end = end;
	word.start = end;
	while (word.start > start && !isspace((unsigned char)word.start[-1]))
		word.start--;
	return word;
}

static struct part first_word(const char *line)
{
	struct part word;

	word.start = line + strspn(line, " \t");
	word.end = word.start + strcspn(word.start, " \t\r\n");
	return word;
}

static bool all_digits(const char *start, const char *end)
{
	while (start < end && isdigit((unsigned char)*start))
		start++;
	return start == end;
}

/* How many nanoseconds the unit at [@start, @end) has: none is seconds with a point, else one. */
static u64 unit_of(const char *start, const char *end, bool point)
{
	if (start == end)
		return point ? 1000000000 : 1;
	if (end - start == 2 && !strncmp(start, "us", 2))
		return 1000;
	if (end - start == 2 && !strncmp(start, "ms", 2))
		return 1000000;
	return 0;
}

/* Read [@start, @end) as a time: 3.141592, 3141592us, 3141.592ms, or what another clock counts. */
static bool parse_time(const char *start, const char *end, u64 *time)
{
	u64 whole = 0, fraction = 0, scale = 1, unit;
	const char *at = start;
	bool point;

	for (; at < end && isdigit((unsigned char)*at); at++)
		whole = whole * 10 + (*at - '0');
	if (at == start)
		return false;
	point = at < end && *at == '.';
	if (point && (++at == end || !isdigit((unsigned char)*at)))
		return false;
	for (; point && at < end && isdigit((unsigned char)*at); at++)
		if (scale < 1000000000) {
			fraction = fraction * 10 + (*at - '0');
			scale *= 10;
		}
	unit = unit_of(at, end, point);
	*time = whole * unit + fraction * unit / scale;
	return unit;
}

/* What may stand between the time and the name: a period, or a difference in brackets. */
static bool is_aside(struct part word)
{
	if (word.start == word.end)
		return false;
	return all_digits(word.start, word.end) ||
	       (word.end - word.start > 2 && word.start[0] == '(' && strchr("+-", word.start[1]));
}

static bool ends_in_colon(struct part word)
{
	return word.start < word.end && word.end[-1] == ':';
}

/* Marks for a long delay, which latency format puts behind a time. */
static const char *before_marks(const char *start, const char *end)
{
	while (end > start && strchr("+!#*@$", end[-1]))
		end--;
	return end;
}

/* A long time runs into the CPU before it: [000]564003542995 */
static const char *after_cpu(struct part word)
{
	const char *bracket = NULL;

	if (*word.start == '[')
		bracket = memchr(word.start, ']', word.end - word.start);
	return bracket ? bracket + 1 : word.start;
}

/* Read a word of the line at @start that ends in a colon, or is one, as a time. */
static bool read_time(const char *start, struct part word, u64 *time)
{
	const char *end;

	if (!ends_in_colon(word))
		return false;
	end = before_marks(word.start, word.end - 1);
	if (end == word.start) {
		word = last_word(start, word.start);
		end = before_marks(word.start, word.end);
	}
	return parse_time(after_cpu(word), end, time);
}

/* Read backwards what stands before @end, where the name of an event begins: is there a time? */
static bool time_before(const char *start, const char *end, u64 *time)
{
	struct part word = last_word(start, end);
	bool colon = false;

	while (!read_time(start, word, time) && is_aside(word)) {
		colon = ends_in_colon(word);
		word = last_word(start, word.start);
		/* The colon of 3.141ms (+0.592ms): stands behind the difference. */
		if (colon)
			return parse_time(word.start, word.end, time);
	}
	return read_time(start, word, time);
}

/* Where the name of the event begins, with that of its subsystem, if that is there. */
static const char *with_subsystem(const char *start, const char *name)
{
	static const char subsystem[] = "vmalloc:";
	long length = sizeof(subsystem) - 1;

	return name - start >= length && !strncmp(name - length, subsystem, length) ? name - length
										    : name;
}

/* The CPU in [@start, @end), as tracers show it unless told not to: [001]; -1: there is none. */
static int cpu_before(const char *start, const char *end)
{
	struct part word = last_word(start, end);
	unsigned int words, cpu;
	int length;

	for (words = 0; words < CPU_WORDS && word.start < word.end; words++) {
		length = 0;
		if (sscanf(word.start, "[%3u]%n", &cpu, &length) == 1 && length && cpu < 256)
			return cpu;
		word = last_word(start, word.start);
	}
	return -1;
}

/*
 * Is the name at @name in @line that of an event, and not in another one's text?  Without a time
 * it is if nothing stands before, or the name of the subsystem does.
 */
static bool is_event(const char *line, const char *name, struct tracer_line *read)
{
	const char *begin = with_subsystem(line, name);
	struct part before = last_word(line, begin);

	if (begin > line && !isspace((unsigned char)begin[-1]))
		return false;
	/* Among function graphs events are comments; a time, if there is one, begins the line. */
	if (before.end - before.start == 2 && !strncmp(before.start, "/*", 2)) {
		before = first_word(line);
		read->timed = memchr(before.start, '.', before.end - before.start) &&
			      parse_time(before.start, before.end, &read->time);
		return true;
	}
	read->timed = time_before(line, begin, &read->time);
	read->cpu = cpu_before(line, begin);
	return read->timed || before.start == before.end ||
	       (begin < name && !ends_in_colon(before));
}

/* Look for an event of ours; one without its numbers is not understood. */
static bool read_ours(const char *line, struct tracer_line *read)
{
	const char *name, *text;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(forms); i++)
		for (name = line; (name = strstr(name, forms[i].name)); name++) {
			text = name + strlen(forms[i].name);
			if (*text != ':' || !is_event(line, name, read))
				continue;
			read->kind = forms[i].kind;
			read->what = read_words(&forms[i], text + 1, read->words) ? LINE_EVENT
										  : LINE_UNKNOWN;
			return true;
		}
	return false;
}

static bool begins_with(const char *text, const char *const *names)
{
	for (; *names; names++)
		if (!strncmp(text, *names, strlen(*names)))
			return true;
	return false;
}

/* Lines that tracers print between or before events; of several files, each with its name. */
static bool is_frame(const char *line)
{
	static const char *const words[] = { "#", "cpus=", "version = ", "registering plugin: ",
					     "overriding event ", "removing override ",
					     " ------", NULL };
	int end = 0;

	if (sscanf(line, "CPU %*u is %*[empty]%n", &end) == 0 && end)
		return true;
	if (sscanf(line, "%*[^ ] cpus=%*u%n", &end) == 0 && end)
		return true;
	return !line[strspn(line, " \t\r\n")] || begins_with(line, words);
}

/* In tracefs, a ring buffer that ran over says so in its heading only. */
static bool says_lost(const char *line)
{
	unsigned long kept, written;

	if (sscanf(line, "# entries-in-buffer/entries-written: %lu/%lu", &kept, &written) == 2)
		return kept < written;
	return strstr(line, "LOST ") || strstr(line, "EVENTS DROPPED]") ||
	       strstr(line, "PERF_RECORD_LOST");
}

/* A line of a stack: => function, or an address and a function. */
static bool is_stack(const char *line)
{
	const char *text = line + strspn(line, " \t");
	size_t digits = strspn(text, "0123456789abcdef");

	if (!strncmp(text, "=>", 2) || strstr(text, " (inlined)"))
		return true;
	return text > line && digits && (text[digits] == ' ' || text[digits] == '\n');
}

/* Does an event's name stand at @text, with a colon behind it? */
static bool is_name(const char *text)
{
	const char *end = text;

	while (is_word_part(*end) || *end == '-' || *end == ':')
		end++;
	return end > text + 1 && isalpha((unsigned char)*text) && end[-1] == ':';
}

static const char *after_asides(const char *text)
{
	struct part word = first_word(text);

	while (is_aside(word))
		word = first_word(word.end);
	return word.start;
}

/* What stands behind the first time in the line, or NULL: the name of some event. */
static const char *after_time(const char *line, u64 *time)
{
	struct part word;
	const char *name;

	for (word = first_word(line); word.start < word.end; word = first_word(word.end)) {
		if (!read_time(line, word, time))
			continue;
		name = after_asides(word.end);
		if (memchr(word.start, '.', word.end - word.start) || is_name(name))
			return name;
	}
	return NULL;
}

/* A line of a function graph: [TIME |] CPU) ... */
static bool is_graph(const char *line)
{
	const char *bar = strchr(line, '|');
	struct part word = first_word(line);

	if (bar && bar > word.end && memchr(word.start, '.', word.end - word.start))
		word = first_word(bar + 1);
	return word.end > word.start + 1 && word.end[-1] == ')' &&
	       all_digits(word.start, word.end - 1);
}

/* Events of other kinds, with what they print in lines of their own. */
static enum line_what read_other(const char *line, struct tracer_line *read)
{
	static const char *const stacks[] = { "kernel_stack:", "user_stack:", "<stack", "<user",
					      NULL };
	static const char *const texts[] = { "print:", "tracing_mark_write:", "bprint:", "bputs:",
					     "ftrace:print:", NULL };
	const char *name = after_time(line, &read->time);

	read->timed = name;
	if (!name && is_name(line))
		name = line;
	if (!name)
		return is_graph(line) ? LINE_OTHER : LINE_UNKNOWN;
	read->text = begins_with(name, texts);
	return begins_with(name, stacks) ? LINE_STACK : LINE_OTHER;
}

/**
 * read_tracer_line() - tell what a line is
 * @line: as a tracer printed it
 * @read: what the last line was; filled in for this one
 */
void read_tracer_line(const char *line, struct tracer_line *read)
{
	bool in_text = read->text, in_stack = read->what == LINE_STACK;

	*read = (struct tracer_line){ .lost = says_lost(line), .what = LINE_FRAME, .cpu = -1 };
	if (is_frame(line) || read_ours(line, read))
		return;
	read->what = read_other(line, read);
	if (read->what != LINE_UNKNOWN)
		return;
	if (is_stack(line) || (in_stack && isspace((unsigned char)*line))) {
		read->what = LINE_STACK;
	} else if (read->lost) {
		read->what = LINE_FRAME;
	} else if (in_text) {
		/* A marker's text may have several lines. */
		read->what = LINE_OTHER;
		read->text = true;
	}
}
