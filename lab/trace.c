// SPDX-License-Identifier: GPL-2.0
/*
 * trace.c - reads a recorded trace
 *
 * Theory
 *
 * A trace is text, one operation a line; Documentation/lab.rst has the format.  It is read line by
 * line: the first must name the format, then come the page size and the spans, then the operations
 * in the order in which they were recorded.  A line that is not as it should be is refused and
 * the text says what was expected; the caller knows file and line, and throws the whole load away.
 *
 * A trace starts and ends in the middle of lives, and a tracer may lose events.  So the reader
 * keeps what it knows to be in use, by address:
 *   - the free of an area that is not known is counted and left out;
 *   - an allocation on top of a busy area means that its free was lost: it is freed first;
 *   - an allocation on top of a lazy area means that it was purged before the trace says so, which
 *     also happens when the tracer's CPUs disagree: it is released first.
 * A purge releases what is lazy between its two addresses.
 *
 * Each area gets a slot, a small number unique among those live, so that a replay needs no
 * look-up.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/rbtree.h>
#include <linux/string.h>

#include "lab.h"

#define PAGE_BYTES	BIT(LAB_PAGE_SHIFT)
#define MAX_WORDS	8

struct known {
	unsigned long start;
	unsigned long end;
	struct rb_node node;
	struct known *next_free_slot;
	u32 slot;
	u16 span;
	bool lazy;
};

struct lab_trace {
	struct lab_load *load;
	struct rb_root known;
	struct known *free_slots;
	struct lab_pool pool;
	bool named;
	bool paged;
	u8 cpu;
	u64 time;
};

#define to_known(rb)	rb_entry(rb, struct known, node)

#define NO_MEMORY	"the trace has more than 4000000 operations, or memory ran out"

struct lab_trace *lab_trace_open(struct lab_load *load)
{
	struct lab_trace *trace = lab_zalloc(sizeof(*trace));

	if (!trace)
		return NULL;
	if (lab_pool_init(&trace->pool, sizeof(struct known), 1024)) {
		lab_release(trace);
		return NULL;
	}
	*load = (struct lab_load){ .recorded = true };
	trace->load = load;
	trace->known = RB_ROOT;
	return trace;
}

/* Read a number, decimal or hexadecimal.  Nothing else may stand there. */
static bool read_number(const char *word, u64 *value)
{
	unsigned int base = 10, digit;
	u64 high;

	if (word[0] == '0' && word[1] == 'x') {
		base = 16;
		word += 2;
	}
	if (!*word)
		return false;
	for (*value = 0; *word; word++) {
		if (*word >= '0' && *word <= '9')
			digit = *word - '0';
		else if (*word >= 'a' && *word <= 'f')
			digit = *word - 'a' + 10;
		else
			return false;
		high = *value >> 60;
		if (digit >= base || (base == 16 ? high : *value > (~0ULL - digit) / 10))
			return false;
		*value = *value * base + digit;
	}
	return true;
}

static bool read_units(const char *word, unsigned long *units)
{
	u64 bytes;

	if (!read_number(word, &bytes) || bytes % PAGE_BYTES)
		return false;
	*units = bytes >> LAB_PAGE_SHIFT;
	return true;
}

/* Cut the line into words; the number of words, or more than there may be. */
static unsigned int split(char *line, char **words)
{
	unsigned int count = 0;

	while (count <= MAX_WORDS) {
		while (*line == ' ' || *line == '\t' || *line == '\n' || *line == '\r')
			*line++ = '\0';
		if (!*line)
			break;
		if (count < MAX_WORDS)
			words[count] = line;
		count++;
		while (*line && *line != ' ' && *line != '\t' && *line != '\n' && *line != '\r')
			line++;
	}
	return count;
}

static struct known *find_at_or_below(struct lab_trace *trace, unsigned long address)
{
	struct rb_node *rb = trace->known.rb_node;
	struct known *best = NULL;

	while (rb) {
		if (to_known(rb)->start <= address) {
			best = to_known(rb);
			rb = rb->rb_right;
		} else {
			rb = rb->rb_left;
		}
	}
	return best;
}

/* The lowest known area that reaches above @start. */
static struct known *find_from(struct lab_trace *trace, unsigned long start)
{
	struct known *known = find_at_or_below(trace, start);
	struct rb_node *rb;

	if (known && known->end > start)
		return known;
	rb = known ? rb_next(&known->node) : rb_first(&trace->known);
	return rb ? to_known(rb) : NULL;
}

static void insert(struct lab_trace *trace, struct known *known)
{
	struct rb_node **link = &trace->known.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = known->start < to_known(parent)->start ? &parent->rb_left
							      : &parent->rb_right;
	}
	rb_link_node(&known->node, parent, link);
	rb_insert_color(&known->node, &trace->known);
}

static struct lab_op *add(struct lab_trace *trace, enum lab_kind kind, const struct known *known)
{
	struct lab_op *op = lab_load_add(trace->load);

	if (!op)
		return NULL;
	op->kind = kind;
	op->slot = known->slot;
	op->span = known->span;
	op->time = trace->time;
	op->cpu = trace->cpu;
	return op;
}

static bool release(struct lab_trace *trace, struct known *known)
{
	rb_erase(&known->node, &trace->known);
	known->next_free_slot = trace->free_slots;
	trace->free_slots = known;
	return add(trace, LAB_FREE, known);
}

/* The nodes of released areas are kept with their slots, so that slots stay few. */
static struct known *new_known(struct lab_trace *trace)
{
	struct known *known = trace->free_slots;

	if (known) {
		trace->free_slots = known->next_free_slot;
		return known;
	}
	known = lab_pool_get(&trace->pool);
	if (known)
		known->slot = trace->load->slots++;
	return known;
}

static int span_of(const struct lab_load *load, unsigned long start, unsigned long end)
{
	unsigned int i;

	for (i = 0; i < load->nr_spans; i++)
		if (start >= load->spans[i].start && end <= load->spans[i].end)
			return i;
	return -1;
}

/* Make room for an allocation whose place is taken by areas whose end was not seen. */
static bool clear_place(struct lab_trace *trace, unsigned long start, unsigned long end)
{
	struct known *known;

	while ((known = find_from(trace, start)) && known->start < end) {
		if (known->lazy)
			trace->load->implied_purges++;
		else
			trace->load->implied_frees++;
		if (!release(trace, known))
			return false;
	}
	return true;
}

/* size align lo hi */
static const char *read_request(char **words, struct lab_request *request)
{
	if (!read_units(words[0], &request->size) || !request->size)
		return "expected a size in bytes, a multiple of 4096 and not 0";
	if (!read_units(words[1], &request->align) || request->align & (request->align - 1) ||
	    !request->align)
		return "expected an alignment in bytes, a power of two from 4096 on";
	if (!read_units(words[2], &request->lo) || !read_units(words[3], &request->hi) ||
	    request->lo >= request->hi || request->hi - request->lo < request->size)
		return "expected two addresses, multiples of 4096, with room for the size between";
	return NULL;
}

static const char *read_alloc(struct lab_trace *trace, char **words)
{
	struct lab_request request = { 0 };
	const char *wrong = read_request(words + 1, &request);
	struct known *known;
	struct lab_op *op;
	int span;

	if (wrong)
		return wrong;
	if (!read_units(words[0], &request.recorded) ||
	    request.recorded & (request.align - 1))
		return "expected an address, a multiple of 4096 and of the alignment";
	if (request.recorded < request.lo || request.recorded > request.hi - request.size)
		return "expected an address between the bounds, with room for the size";
	span = span_of(trace->load, request.lo, request.hi);
	if (span < 0)
		return "expected bounds inside one of the spans";
	if (!clear_place(trace, request.recorded, request.recorded + request.size))
		return NO_MEMORY;
	known = new_known(trace);
	op = known ? add(trace, LAB_ALLOC, known) : NULL;
	if (!op)
		return NO_MEMORY;
	known->start = request.recorded;
	known->end = request.recorded + request.size;
	known->span = span;
	known->lazy = false;
	insert(trace, known);
	op->span = span;
	op->request = request;
	return NULL;
}

static const char *read_free(struct lab_trace *trace, char **words)
{
	unsigned long start;
	struct known *known;

	if (!read_units(words[0], &start))
		return "expected an address, a multiple of 4096";
	known = find_at_or_below(trace, start);
	if (!known || known->start != start || known->lazy) {
		trace->load->unknown_frees++;
		return NULL;
	}
	known->lazy = true;
	return add(trace, LAB_LAZY, known) ? NULL : NO_MEMORY;
}

static const char *read_purge(struct lab_trace *trace, char **words)
{
	unsigned long start, end;
	struct known *known;

	if (!read_units(words[0], &start) || !read_units(words[1], &end) || start > end)
		return "expected two addresses, multiples of 4096, in order";
	for (known = find_from(trace, start); known && known->start < end;
	     known = find_from(trace, known->end))
		if (known->lazy && known->end <= end && !release(trace, known))
			return NO_MEMORY;
	return NULL;
}

static const char *read_failed(struct lab_trace *trace, char **words)
{
	struct lab_request request;

	trace->load->failed++;
	return read_request(words, &request);
}

static const struct operation {
	char letter;
	unsigned int words;
	const char *(*read)(struct lab_trace *trace, char **words);
	const char *expected;
} operations[] = {
	{ 'a', 5, read_alloc, "expected TIME a ADDRESS SIZE ALIGN LO HI" },
	{ 'f', 1, read_free, "expected TIME f ADDRESS" },
	{ 'p', 2, read_purge, "expected TIME p START END" },
	{ 'x', 4, read_failed, "expected TIME x SIZE ALIGN LO HI" },
};

/* The CPU stands last, behind an @, if it is known; the words before it are left. */
static const char *read_cpu(struct lab_trace *trace, char **words, unsigned int *count)
{
	u64 cpu;

	trace->cpu = 0;
	if (words[*count - 1][0] != '@')
		return NULL;
	if (!read_number(words[*count - 1] + 1, &cpu) || cpu > 255)
		return "expected a CPU, @0 to @255";
	trace->cpu = cpu;
	--*count;
	return NULL;
}

static const char *read_operation(struct lab_trace *trace, char **words, unsigned int count)
{
	const char *wrong = read_cpu(trace, words, &count);
	const struct operation *operation;
	u64 time;

	if (wrong)
		return wrong;
	if (!count)
		return "expected a time in nanoseconds, then an operation: a, f, p or x";
	if (!read_number(words[0], &time))
		return "expected a time in nanoseconds, then an operation: a, f, p or x";
	if (time < trace->time)
		return "expected a time that is not before that of the line above";
	trace->time = time;
	for (operation = operations; operation < operations + ARRAY_SIZE(operations); operation++) {
		if (count < 2 || words[1][0] != operation->letter || words[1][1])
			continue;
		return count == operation->words + 2 ? operation->read(trace, words + 2)
						     : operation->expected;
	}
	return "expected an operation after the time: a, f, p or x";
}

static const char *read_span(struct lab_load *load, char **words, unsigned int count)
{
	struct lab_space *span = &load->spans[load->nr_spans];
	unsigned int i;

	if (load->nr_spans == LAB_MAX_SPANS)
		return "expected at most 4 spans";
	if (count != 3 || !read_units(words[1], &span->start) ||
	    !read_units(words[2], &span->end) || !span->start || span->start >= span->end)
		return "expected span START END: two addresses in order, multiples of 4096, not 0";
	for (i = 0; i < load->nr_spans; i++)
		if (span->start < load->spans[i].end && load->spans[i].start < span->end)
			return "expected spans that do not overlap";
	load->nr_spans++;
	return NULL;
}

/* The lines that come before the operations. */
static const char *read_heading(struct lab_trace *trace, char **words, unsigned int count)
{
	if (!trace->named) {
		trace->named = count == 2 && !strcmp(words[0], "vmap-trace") &&
			       !strcmp(words[1], "1");
		return trace->named ? NULL : "expected vmap-trace 1, the name of the format";
	}
	if (!trace->paged) {
		trace->paged = count == 2 && !strcmp(words[0], "page") &&
			       !strcmp(words[1], "4096");
		return trace->paged ? NULL : "expected page 4096, the page size";
	}
	return read_span(trace->load, words, count);
}

/**
 * lab_trace_line() - read one line
 * @trace: the trace
 * @line: the line; it is spoilt
 *
 * Return: NULL, or what was expected instead.
 */
const char *lab_trace_line(struct lab_trace *trace, char *line)
{
	char *words[MAX_WORDS];
	unsigned int count = split(line, words);

	if (!count || words[0][0] == '#')
		return NULL;
	if (count > MAX_WORDS)
		return "expected fewer words";
	if (!trace->paged || !strcmp(words[0], "span")) {
		if (trace->load->nr_ops)
			return "expected all spans before the first operation";
		return read_heading(trace, words, count);
	}
	if (!trace->load->nr_spans)
		return "expected span START END before the first operation";
	return read_operation(trace, words, count);
}

/**
 * lab_trace_close() - the trace has ended
 * @trace: the trace, which is freed; its load stays
 *
 * Return: NULL, or what is missing in it.
 */
const char *lab_trace_close(struct lab_trace *trace)
{
	struct lab_load *load = trace->load;
	unsigned int i;

	for (i = 0; i < load->nr_spans; i++)
		load->spans[i].areas = load->slots;
	lab_pool_exit(&trace->pool);
	lab_release(trace);
	return load->nr_ops ? NULL : "expected at least one allocation";
}
