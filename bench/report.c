// SPDX-License-Identifier: GPL-2.0
/*
 * report.c - a result as one line of JSON
 *
 * Figures are as measured: taking off the cost of the timer, which is that of the peer "none", is
 * left to who reads them.  Quantiles are in thousandths of a percent; 100000 is the worst call.
 */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/seq_file.h>

#include "bench.h"

const char *const bench_size_names[BENCH_NR_SIZES] = { "one", "random", "heavy",
							    "2m", "32m", "512m" };
const char *const bench_order_names[BENCH_NR_ORDERS] = { "random", "fifo", "lifo", "hold" };

static const char *const state_names[] = {
	[BENCH_DONE] = "done",
	[BENCH_NO_MEMORY] = "too little memory",
	[BENCH_NO_ALIGN] = "takes no alignment",
	[BENCH_TOO_LARGE] = "takes no such sizes",
	[BENCH_MANY_CPUS] = "needs a machine with one CPU",
	[BENCH_FAILED] = "an allocation failed",
	[BENCH_OVER_BUDGET] = "takes too long",
	[BENCH_STOPPED] = "stopped",
};

#define WHOLE	100000U

static const u32 quantiles[] = {
	0, 1000, 5000, 10000, 20000, 30000, 40000, 50000, 60000, 70000, 80000, 90000, 95000,
	98000, 99000, 99500, 99800, 99900, 99950, 99980, 99990, 99995, 99998, 99999, WHOLE,
};

/* The smallest sample that so large a part of all samples does not exceed. */
static u32 quantile(const struct bench_meter *meter, u32 part)
{
	u64 rank = div_u64((u64)meter->count * part + WHOLE - 1, WHOLE);

	return meter->samples[max(rank, 1ULL) - 1];
}

static void report_entries(struct seq_file *m, const struct bench_entries *entries)
{
	seq_printf(m, "\"entries\": {\"small\": %ld, \"large\": %ld, \"tables\": %ld}, ",
		   entries->small, entries->large, entries->tables);
}

static void report_meter(struct seq_file *m, const char *name, const struct bench_meter *meter,
			 bool entries)
{
	unsigned int i;

	seq_printf(m, ", \"%s\": {\"count\": %lu, \"sum\": %llu, \"median\": %u, \"p99\": %u, ",
		   name, meter->count, meter->sum, quantile(meter, 50000),
		   quantile(meter, 99000));
	seq_printf(m, "\"p999\": %u, \"max\": %u, \"quiet_max\": %u, \"disturbed\": %lu, ",
		   quantile(meter, 99900), quantile(meter, WHOLE), meter->quiet_max,
		   meter->disturbed);
	if (entries)
		report_entries(m, &meter->entries);
	seq_puts(m, "\"quantiles\": [");
	for (i = 0; i < ARRAY_SIZE(quantiles); i++)
		seq_printf(m, "%s[%u, %u]", i ? ", " : "", quantiles[i],
			   quantile(meter, quantiles[i]));
	seq_puts(m, "]}");
}

static void report_delays(struct seq_file *m, const char *name, const struct bench_delays *delays)
{
	unsigned int i;

	seq_printf(m, ", \"%s\": {\"count\": %lu, \"longest\": %u, \"stack\": [", name,
		   delays->count, delays->longest);
	for (i = 0; i < delays->depth; i++)
		seq_printf(m, "%s\"%ps\"", i ? ", " : "", (void *)delays->stack[i]);
	seq_puts(m, "]}");
}

static void report_wakes(struct seq_file *m, const struct bench_wakes *wakes)
{
	const struct bench_meter *meter = &wakes->meter;

	seq_printf(m, ", \"wake\": {\"count\": %lu, \"replaced\": %lu, \"purges\": %lu, ",
		   meter->count, wakes->replaced, wakes->purges);
	seq_printf(m, "\"p50\": %u, \"p99\": %u, \"p999\": %u, \"p9999\": %u, \"max\": %u",
		   quantile(meter, 50000), quantile(meter, 99000), quantile(meter, 99900),
		   quantile(meter, 99990), wakes->worst);
	report_delays(m, "ours", &wakes->ours);
	report_delays(m, "others", &wakes->others);
	seq_puts(m, "}");
}

/**
 * bench_report() - print a result
 * @m: where to
 * @result: the result
 */
void bench_report(struct seq_file *m, const struct bench_result *result)
{
	const struct bench_load *load = &result->load;

	seq_printf(m, "{\"peer\": \"%s\", \"differs\": \"%s\", \"memory\": %s, ",
		   load->peer->name, load->peer->differs ?: "",
		   load->peer->memory ? "true" : "false");
	seq_printf(m, "\"sizes\": \"%s\", \"order\": \"%s\", \"live\": %lu, \"align\": %lu, ",
		   bench_size_names[load->sizes], bench_order_names[load->order], load->live,
		   load->align);
	seq_printf(m, "\"warm\": %lu, \"ops\": %lu, \"seed\": %lu, \"state\": \"%s\"",
		   load->warm, load->ops, load->seed, state_names[result->state]);
	if (result->state == BENCH_DONE && load->wakeups) {
		report_wakes(m, &result->wakes);
	} else if (result->state == BENCH_DONE) {
		seq_printf(m, ", \"elapsed\": %llu, \"kept\": %ld, \"payload\": %lu",
			   result->elapsed, result->kept, result->payload);
		report_meter(m, "alloc", &result->alloc, load->entries);
		report_meter(m, "free", &result->free, load->entries);
	}
	seq_puts(m, "}\n");
}
