// SPDX-License-Identifier: GPL-2.0
/*
 * report.c - what the tests found
 *
 * Theory
 *
 * There is one cell for each test and target.  A pass that ends adds itself to its cell; a pass
 * that was stopped leaves no trace.  A pass that asks for what the target is known to lack is not
 * made, and counts as one that failed as expected (xfailed).  A cell can be read at any time, so a
 * table read while a run goes on is right as far as it goes.  The average is the time on the clock
 * of a pass that passed, over all threads and repeats.
 *
 * Locking: cells_lock guards the cells.  What is printed is a copy, so that nothing is printed
 * under it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bits.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "stress.h"

struct cell {
	bool asked;
	const char *skipped;
	const char *lacking;		/* why it is expected to fail */
	unsigned long passed;
	unsigned long failed;
	unsigned long xfailed;
	unsigned long repeat;
	unsigned long loops;
	u64 nsec;
	char failure[sizeof_field(struct stress_pass, failure)];
};

static struct cell cells[STRESS_NR_TESTS][STRESS_NR_TARGETS];
static DEFINE_MUTEX(cells_lock);

/* Reports what is wrong, in plain words and figures without quotes.  Returns -EIO. */
int stress_fail(struct stress_pass *pass, const char *fmt, ...)
{
	static DEFINE_RATELIMIT_STATE(limit, 5 * HZ, 20);
	char text[sizeof(pass->failure)];
	va_list args;

	va_start(args, fmt);
	vscnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!pass->failure[0])
		strscpy(pass->failure, text, sizeof(pass->failure));
	if (__ratelimit(&limit))
		pr_err("%s: %s: thread %u loop %lu: %s\n", stress_target_names[pass->target],
		       pass->test->name, pass->thread, pass->done, text);
	return -EIO;
}

/* Empties the cells for a run with @settings. */
void stress_report_reset(const struct stress_settings *settings)
{
	unsigned int test, target;

	mutex_lock(&cells_lock);
	memset(cells, 0, sizeof(cells));
	for (test = 0; test < STRESS_NR_TESTS; test++) {
		for (target = 0; target < STRESS_NR_TARGETS; target++) {
			struct cell *cell = &cells[test][target];

			cell->asked = settings->run_test_mask & stress_tests[test].mask &&
				      settings->target & BIT(target);
			cell->skipped = stress_skip_reason(&stress_tests[test], target);
			cell->lacking = stress_xfail_reason(&stress_tests[test], target);
			cell->repeat = settings->test_repeat_count;
			cell->loops = stress_test_loops(&stress_tests[test], settings);
		}
	}
	mutex_unlock(&cells_lock);
}

void stress_report_pass(const struct stress_pass *pass, int err)
{
	struct cell *cell = &cells[pass->test - stress_tests][pass->target];

	if (err == -EINTR)
		return;
	mutex_lock(&cells_lock);
	if (err == -EOPNOTSUPP) {
		cell->xfailed++;
	} else if (err) {
		if (!cell->failed++)
			strscpy(cell->failure, pass->failure, sizeof(cell->failure));
	} else {
		cell->passed++;
		cell->nsec += pass->nsec;
	}
	mutex_unlock(&cells_lock);
}

static u64 cell_average(const struct cell *cell)
{
	return cell->passed ? div64_ul(cell->nsec, cell->passed) : 0;
}

static const char *cell_status(const struct cell *cell)
{
	if (cell->skipped)
		return "skipped";
	if (cell->failed)
		return "failed";
	if (cell->xfailed)
		return "xfailed";
	return cell->passed ? "passed" : "not-run";
}

/* What there is to say about a cell besides its figures. */
static const char *cell_note(const struct cell *cell)
{
	return cell->skipped ?: cell->lacking ?: cell->failure;
}

static void summary_line(const char *test, const char *target, const struct cell *cell)
{
	if (cell->skipped)
		pr_info("%s: Summary: %s skipped: %s\n", target, test, cell->skipped);
	else if (!cell->passed && !cell->failed && !cell->xfailed)
		pr_info("%s: Summary: %s not run\n", target, test);
	else
		pr_info("%s: Summary: %s passed: %lu failed: %lu xfailed: %lu repeat: %lu loops: %lu avg: %llu usec\n",
			target, test, cell->passed, cell->failed, cell->xfailed, cell->repeat,
			cell->loops, div_u64(cell_average(cell), NSEC_PER_USEC));
	if (cell->xfailed)
		pr_info("%s: %s xfailed: %s\n", target, test, cell->lacking);
}

/*
 * Reads the first cell that was asked for, from number *@i on; false if there is none.  Cells are
 * numbered by test, then by target.
 */
static bool cell_find(unsigned int *i, struct cell *cell)
{
	for (; *i < STRESS_NR_TESTS * STRESS_NR_TARGETS; ++*i) {
		mutex_lock(&cells_lock);
		*cell = cells[*i / STRESS_NR_TARGETS][*i % STRESS_NR_TARGETS];
		mutex_unlock(&cells_lock);
		if (cell->asked)
			return true;
	}
	return false;
}

static const char *test_name(unsigned int i)
{
	return stress_tests[i / STRESS_NR_TARGETS].name;
}

static const char *target_name(unsigned int i)
{
	return stress_target_names[i % STRESS_NR_TARGETS];
}

/* One line a test and target in the kernel log. */
void stress_report_summary(void)
{
	struct cell cell;
	unsigned int i;

	for (i = 0; cell_find(&i, &cell); i++)
		summary_line(test_name(i), target_name(i), &cell);
}

void stress_report_table(struct seq_file *m)
{
	struct cell cell;
	unsigned int i;

	seq_printf(m, "%-29s %-6s %-7s %7s %7s %7s %7s %10s %12s\n", "test", "target", "status",
		   "passed", "failed", "xfailed", "repeat", "loops", "avg_usec");
	for (i = 0; cell_find(&i, &cell); i++)
		seq_printf(m, "%-29s %-6s %-7s %7lu %7lu %7lu %7lu %10lu %12llu %s\n",
			   test_name(i), target_name(i), cell_status(&cell), cell.passed,
			   cell.failed, cell.xfailed, cell.repeat, cell.loops,
			   div_u64(cell_average(&cell), NSEC_PER_USEC), cell_note(&cell));
}

void stress_report_json(struct seq_file *m)
{
	const char *comma = "";
	struct cell cell;
	unsigned int i;

	for (i = 0; cell_find(&i, &cell); i++) {
		seq_printf(m, "%s\n    {\"test\": \"%s\", \"target\": \"%s\", \"status\": \"%s\", ",
			   comma, test_name(i), target_name(i), cell_status(&cell));
		seq_printf(m, "\"passed\": %lu, \"failed\": %lu, \"xfailed\": %lu, ",
			   cell.passed, cell.failed, cell.xfailed);
		seq_printf(m, "\"repeat\": %lu, \"loops\": %lu, ", cell.repeat, cell.loops);
		seq_printf(m, "\"avg_nsec\": %llu, \"note\": \"%s\"}", cell_average(&cell),
			   cell_note(&cell));
		comma = ",";
	}
}
