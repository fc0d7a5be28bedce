// SPDX-License-Identifier: GPL-2.0
/*
 * steps.c - counts the steps of calls, and judges them by what their kernel-doc promises
 *
 * Words:
 *   step      a basic block of the module or of the kernel's red-black tree that runs, or one call
 *             of the kernel: the page allocator, the slab, a TLB flush, the clearing of a page
 *   promise   the sum in the kernel-doc of a call (promises.awk), a function of struct steps_at
 *   row       the calls of one name that were served one way, pressed or not
 *   point     the worst of the calls of a row whose pages, and whose extents, have the same
 *             logarithm, rounded down
 *
 * Each single call is judged when it ends.  The fit a + b * pages + c * log2(extents) of a row is
 * that of least squares through its points.  A call that had misses, or found no room, is judged,
 * too, but is no point.
 *
 * A promise is kept if no call passes it.  It is worth something if it is not far from what calls
 * take: the worst call must take LEAST_USED of it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "steps.h"
#include "tap.h"

#define FACTORS		10
#define MOST_ROWS	128
#define PAGE_LOGS	16
#define EXTENT_LOGS	24

/* A call that passes its promise so many times ends the test: more of these may take for ever. */
#define FAR_BEYOND	3

/*
 * The part of a promise that the worst call has to take.  clang counts less than half as much as
 * gcc, for it leaves out blocks that always run with another one.
 */
#ifdef __clang__
#define LEAST_USED	0.15
#else
#define LEAST_USED	0.4
#endif

enum promise_kind {
	PROMISE_SUM,
	PROMISE_AS,
	PROMISE_NONE,
	PROMISE_UNREADABLE,
	PROMISE_MISSING,
};

struct promise {
	const char *name;
	enum promise_kind kind;
	/* The sum as it is written, or whose promise it is. */
	const char *text;
	double factor[FACTORS];
};

static const struct promise promises[] = {
#include "promises.h"
};

#define PROMISES	(sizeof(promises) / sizeof(*promises))

/* The call that came nearest to what was promised. */
struct worst {
	double used;
	unsigned long steps;
	struct steps_at at;
	const char *way;
};

struct point {
	struct steps_at at;
	unsigned long steps;
};

struct row {
	const char *call;
	const char *way;
	bool pressed;
	const struct promise *promise;
	unsigned long calls;
	struct worst worst;
	struct point points[PAGE_LOGS][EXTENT_LOGS];
};

unsigned long steps_now;
void (*steps_others)(void);
/* A stretch of steps that may come several times in a call. */
struct stretch {
	const char *name;
	/* Steps when the last one began, and the most of one since the call began. */
	unsigned long began;
	unsigned long most;
	/* How many have begun and not ended. */
	unsigned int depth;
};

/* Steps when the call began, and that it took. */
static unsigned long began;
static unsigned long taken;
static struct stretch hold = { .name = "a hold of space->lock" };
static struct stretch irqs_off = { .name = "interrupts off" };
static struct row rows[MOST_ROWS];
static unsigned int nr_rows;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
	steps_now++;
}

static void begin_stretch(struct stretch *stretch)
{
	if (!stretch->depth++)
		stretch->began = steps_now;
}

static void end_stretch(struct stretch *stretch)
{
	unsigned long steps = steps_now - stretch->began;

	if (!--stretch->depth && steps > stretch->most)
		stretch->most = steps;
}

void play_locked(void);
void play_locked(void)
{
	begin_stretch(&hold);
}

void play_unlocked(void);
void play_unlocked(void)
{
	unsigned long before = steps_now;

	end_stretch(&hold);
	if (steps_others)
		steps_others();
	steps_now = before;
}

void play_irqs_off(void);
void play_irqs_off(void)
{
	begin_stretch(&irqs_off);
}

void play_irqs_on(void);
void play_irqs_on(void)
{
	end_stretch(&irqs_off);
}

static void __attribute__((noreturn)) give_up(const char *why, const char *what)
{
	fprintf(stderr, "test_steps: %s: %s\n", what, why);
	exit(1);
}

static const struct promise *promise_of(const char *call)
{
	unsigned int i;

	for (i = 0; i < PROMISES; i++)
		if (!strcmp(promises[i].name, call))
			return promises[i].kind == PROMISE_AS ? promise_of(promises[i].text) :
								&promises[i];
	give_up("promises nothing of its steps", call);
}

static struct row *row_of(const char *call, const char *way, bool pressed)
{
	struct row *row;

	for (row = rows; row < rows + nr_rows; row++)
		if (!strcmp(row->call, call) && !strcmp(row->way, way) && row->pressed == pressed)
			return row;
	if (nr_rows == MOST_ROWS)
		give_up("too many rows", call);
	nr_rows++;
	*row = (struct row){
		.call = call, .way = way, .pressed = pressed, .promise = promise_of(call),
	};
	return row;
}

static double log2_of(unsigned long extents)
{
	return extents > 2 ? log2(extents) : 1;
}

static double promised(const struct promise *promise, const struct steps_at *at)
{
	double log = log2_of(at->extents);
	const double value[FACTORS] = {
		1, at->pages, log, at->misses * log, at->cached * log, at->full, at->pressed,
		at->pressed * log, at->waiting * log, (double)at->shards * at->full,
	};
	double sum = 0;
	unsigned int i;

	for (i = 0; i < FACTORS; i++)
		sum += promise->factor[i] * value[i];
	return sum;
}

/* The logarithm of @number, rounded down, and one more; 0 for 0. */
static unsigned int log_of(unsigned long number)
{
	return number ? 64 - __builtin_clzl(number) : 0;
}

static void add_point(struct row *row, const struct steps_at *at, unsigned long steps)
{
	struct point *point = &row->points[log_of(at->pages)][log_of(at->extents)];

	if (steps > point->steps)
		*point = (struct point){ .at = *at, .steps = steps };
}

static void __attribute__((noreturn)) end_early(const struct promise *promise);

static void judge_call(const char *call, const char *way, const struct steps_at *at,
		       unsigned long steps)
{
	struct row *row = row_of(call, way, at->pressed);
	double sum = promised(row->promise, at), used = sum ? steps / sum : 0;

	row->calls++;
	if (used > row->worst.used)
		row->worst = (struct worst){ .used = used, .steps = steps, .at = *at, .way = way };
	if (!at->misses && !at->full)
		add_point(row, at, steps);
	if (used > FAR_BEYOND)
		end_early(row->promise);
}

void steps_begin(void)
{
	hold.most = 0;
	irqs_off.most = 0;
	began = steps_now;
}

void steps_end(void)
{
	taken = steps_now - began;
}

/* What is held, or off, is so for a batch, however many pages the call has. */
static void judge_stretch(const struct stretch *stretch, struct steps_at at)
{
	at.pages = 0;
	if (stretch->most)
		judge_call(stretch->name, "", &at, stretch->most);
}

void steps_judge(const char *call, const char *way, const struct steps_at *at)
{
	judge_call(call, way, at, taken);
	judge_stretch(&hold, *at);
	judge_stretch(&irqs_off, *at);
}

/* A factor that no point shows leaves a pivot below this. */
#define SINGULAR	0.000001

/* Solve m * x = m[.][3] for x by elimination, in place; a factor that no point shows is 0. */
static void solve(double m[3][4], double x[3])
{
	unsigned int i, j, k;

	for (i = 0; i < 3; i++) {
		if (fabs(m[i][i]) < SINGULAR)
			continue;
		for (j = 0; j < 3; j++) {
			double by = m[j][i] / m[i][i];

			for (k = 0; j != i && k < 4; k++)
				m[j][k] -= by * m[i][k];
		}
	}
	for (i = 0; i < 3; i++)
		x[i] = fabs(m[i][i]) < SINGULAR ? 0 : m[i][3] / m[i][i];
}

static void fit(const struct row *row, double x[3])
{
	const struct point *point = row->points[0];
	double m[3][4] = { { 0 } };
	unsigned int i, j;

	for (; point < row->points[PAGE_LOGS - 1] + EXTENT_LOGS; point++) {
		const double v[4] = {
			1, point->at.pages, log2_of(point->at.extents), point->steps,
		};

		for (i = 0; point->steps && i < 3; i++)
			for (j = 0; j < 4; j++)
				m[i][j] += v[i] * v[j];
	}
	solve(m, x);
}

static void print_row(const struct row *row)
{
	double x[3];

	fit(row, x);
	printf("# %-23s %-16s %-7s %9lu %5.0f + %4.1f * pages + %5.1f * log2 ", row->call, row->way,
	       row->pressed ? "pressed" : "", row->calls, x[0], x[1], x[2]);
	printf("%8lu %6lu %7lu %6lu %6lu %4.0f%%\n", row->worst.steps, row->worst.at.pages,
	       row->worst.at.extents, row->worst.at.misses,
	       row->worst.at.cached, 100 * row->worst.used);
}

/* The worst of all rows that are judged by @promise. */
static struct worst worst_of(const struct promise *promise)
{
	struct worst worst = { 0 };
	const struct row *row;

	for (row = rows; row < rows + nr_rows; row++)
		if (row->promise == promise && row->worst.used > worst.used)
			worst = row->worst;
	return worst;
}

static bool was_called(const char *name)
{
	const struct row *row;

	for (row = rows; row < rows + nr_rows; row++)
		if (!strcmp(row->call, name))
			return true;
	return false;
}

static void judge_sum(const struct promise *promise)
{
	struct worst worst = worst_of(promise);
	char name[160], detail[160];

	snprintf(name, sizeof(name), "%s: at most %s", promise->name, promise->text);
	snprintf(detail, sizeof(detail),
		 "the worst, %s: %lu steps, %.0f %% of it, with %lu pages, %lu extents, %lu misses, %lu cached, %lu waiting%s%s",
		 worst.way ?: "of none", worst.steps, 100 * worst.used, worst.at.pages,
		 worst.at.extents, worst.at.misses, worst.at.cached, worst.at.waiting,
		 worst.at.full ? ", full" : "",
		 worst.at.pressed ? ", pressed" : "");
	tap(worst.used <= 1 && worst.used >= LEAST_USED && was_called(promise->name), name, detail);
}

static void print_rows(void)
{
	unsigned int i;

	printf("# %-23s %-16s %-7s %9s %-34s %8s %6s %7s %6s %6s %5s\n", "call", "way", "", "calls",
	       "fit", "worst", "pages", "extents", "misses", "cached", "used");
	for (i = 0; i < nr_rows; i++)
		print_row(&rows[i]);
}

static void end_early(const struct promise *promise)
{
	print_rows();
	judge_sum(promise);
	exit(tap_end());
}

static void judge(const struct promise *promise)
{
	char name[160];

	if (promise->kind == PROMISE_SUM) {
		judge_sum(promise);
		return;
	}
	snprintf(name, sizeof(name), "%s: its kernel-doc says what bounds its steps",
		 promise->name);
	if (promise->kind == PROMISE_AS)
		tap(was_called(promise->name), name, "as another call");
	else if (promise->kind != PROMISE_NONE)
		tap(false, name,
		    promise->kind == PROMISE_MISSING ? "it has no line Steps:"
						     : "its line Steps: has another form");
}

unsigned long steps_seed;

unsigned long steps_draw(unsigned long below)
{
	steps_seed = steps_seed * 6364136223846793005UL + 1442695040888963407UL;
	return (steps_seed >> 32) * below >> 32;
}

void steps_expect(bool holds, const char *what)
{
	if (!holds) {
		tap(false, what, NULL);
		exit(tap_end());
	}
}

int steps_report(void)
{
	unsigned int i;

	print_rows();
	for (i = 0; i < PROMISES; i++)
		judge(&promises[i]);
	return tap_end();
}
