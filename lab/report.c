// SPDX-License-Identifier: GPL-2.0
/*
 * report.c - what a replay found, for people and for programs
 *
 * Theory
 *
 * The table has a line for each structure.  Costs are ticks: nanoseconds, or instructions where
 * the guest's clock counts those; the price of reading the clock is taken off.  Sizes are in
 * pages. Shares are means over all samples, in per cent:
 *
 *   of use    the footprint, of the pages that are busy or lazy
 *   holes     of the footprint that is free
 *   <64K, <2M of the holes' pages, those in holes too short for that much
 *
 * The numbers are whole, because the kernel has no others; one decimal is made where it matters.
 */
#include <linux/errno.h>
#include <linux/kernel.h>

#include "lab.h"

#define ORDER_64K	4
#define ORDER_2M	9

#define DISTURBED_PART	20

typedef unsigned long (*part_of)(const struct lab_sample *sample);

/* In tenths; 0 if the whole is. */
static unsigned long tenths(u64 part, u64 whole, unsigned int times)
{
	return whole ? part * 10 * times / whole : 0;
}

static unsigned long long net(u64 ticks, u64 overhead)
{
	return ticks > overhead ? ticks - overhead : 0;
}

/*
 * Disturbed operations are left out as long as they are few.  If they are many, it is because the
 * operations take so long, and leaving them out would flatter the index.
 */
static unsigned long long mean(const struct lab_result *result, const struct lab_meter *meter)
{
	unsigned long count = meter->count;
	u64 sum = meter->sum;

	if (meter->disturbed > count / DISTURBED_PART) {
		count += meter->disturbed;
		sum += meter->disturbed_sum;
	}
	return count ? net(sum / count, result->overhead) : 0;
}

static unsigned long long worst(const struct lab_result *result, const struct lab_meter *meter)
{
	return net(meter->worst, result->overhead);
}

/* The ticks that @percent of the operations stay below. */
static unsigned long long percentile(const struct lab_result *result,
				     const struct lab_meter *meter, unsigned int percent)
{
	u64 seen = 0, wanted = (u64)meter->count * percent / 100;
	unsigned int bucket;

	for (bucket = 0; bucket < LAB_BUCKETS; bucket++) {
		seen += meter->buckets[bucket];
		if (seen > wanted)
			break;
	}
	return net(lab_bucket_floor(bucket), result->overhead);
}

static unsigned long holes_of(const struct lab_sample *sample)
{
	return sample->holes;
}

static unsigned long footprint_of(const struct lab_sample *sample)
{
	return sample->footprint;
}

static unsigned long used_of(const struct lab_sample *sample)
{
	return sample->live + sample->lazy;
}

static unsigned long short_of_64k(const struct lab_sample *sample)
{
	return sample->short_of[ORDER_64K];
}

static unsigned long short_of_2m(const struct lab_sample *sample)
{
	return sample->short_of[ORDER_2M];
}

static unsigned long largest_of(const struct lab_sample *sample)
{
	return sample->largest;
}

static unsigned long bytes_of(const struct lab_sample *sample)
{
	return sample->bytes;
}

static unsigned long areas_of(const struct lab_sample *sample)
{
	return sample->areas;
}

/* The part of the whole, both added up over all samples, in tenths. */
static unsigned long share(const struct lab_result *result, part_of part, part_of whole,
			   unsigned int times)
{
	u64 parts = 0, wholes = 0;
	unsigned long i;

	for (i = 0; i < result->nr_samples; i++) {
		parts += part(&result->samples[i]);
		wholes += whole(&result->samples[i]);
	}
	return tenths(parts, wholes, times);
}

/* What was replayed, and what of a trace was left out. */
void lab_report_load(struct lab_out *out, const struct lab_load *load)
{
	lab_print(out, "%s: %lu operations, at most %lu areas at once, %u spans\n", load->name,
		  load->nr_ops, load->slots, load->nr_spans);
	if (load->recorded)
		lab_print(out, "left out: %lu frees of unknown areas, %lu failed allocations; "
			  "made up for: %lu lost frees, %lu early purges\n",
			  load->unknown_frees, load->failed, load->implied_frees,
			  load->implied_purges);
}

void lab_report_heading(struct lab_out *out)
{
	lab_print(out, "%-16s %8s %8s %9s %8s %8s %9s %6s %6s %9s %9s %6s %6s %6s %6s %8s\n",
		  "index", "alloc", "p99", "worst", "free", "p99", "worst", "failed", "refusd",
		  "live",
		  "footprnt", "of use", "holes%", "<64K%", "<2M%", "B/area");
}

static void report_costs(struct lab_out *out, const struct lab_result *result,
			 const struct lab_meter *meter)
{
	if (result->index->flags & LAB_RECORDED)
		lab_print(out, " %8s %8s %9s", "-", "-", "-");
	else
		lab_print(out, " %8llu %8llu %9llu", mean(result, meter),
			  percentile(result, meter, 99), worst(result, meter));
}

static void report_tenths(struct lab_out *out, unsigned long tenths)
{
	lab_print(out, " %4lu.%lu", tenths / 10, tenths % 10);
}

void lab_report_row(struct lab_out *out, const struct lab_result *result)
{
	lab_print(out, "%-16s", result->index->name);
	if (result->error) {
		lab_print(out, " not run: %s\n", result->error == -ENOMEM ? "out of memory" :
			  result->error == -E2BIG ? "the space is too large for it" :
			  "it needs a recorded trace");
		return;
	}
	report_costs(out, result, &result->alloc);
	report_costs(out, result, &result->free);
	lab_print(out, " %6lu %6lu %9lu %9lu", result->failed, result->refused, result->peak_live,
		  result->peak_footprint);
	report_tenths(out, share(result, footprint_of, used_of, 100));
	report_tenths(out, share(result, holes_of, footprint_of, 100));
	report_tenths(out, share(result, short_of_64k, holes_of, 100));
	report_tenths(out, share(result, short_of_2m, holes_of, 100));
	lab_print(out, " %8lu\n", share(result, bytes_of, areas_of, 1) / 10);
}

static void json_meter(struct lab_out *out, const char *name, const struct lab_result *result,
		       const struct lab_meter *meter)
{
	lab_print(out, "\"%s\": {\"count\": %lu, \"disturbed\": %lu, \"mean\": %llu, ", name,
		  meter->count, meter->disturbed, mean(result, meter));
	lab_print(out, "\"p50\": %llu, ", percentile(result, meter, 50));
	lab_print(out, "\"p99\": %llu, \"worst\": %llu}, ", percentile(result, meter, 99),
		  worst(result, meter));
}

static void json_tenths(struct lab_out *out, const char *name, unsigned long tenths)
{
	lab_print(out, "\"%s\": %lu.%lu, ", name, tenths / 10, tenths % 10);
}

static void json_result(struct lab_out *out, const struct lab_result *result)
{
	lab_print(out, "    {\"index\": \"%s\", \"error\": %d, ", result->index->name,
		  result->error);
	json_meter(out, "alloc", result, &result->alloc);
	json_meter(out, "free", result, &result->free);
	lab_print(out, "\"failed\": %lu, \"refused\": %lu, \"peak_live\": %lu, ", result->failed,
		  result->refused, result->peak_live);
	lab_print(out, "\"peak_footprint\": %lu, ", result->peak_footprint);
	json_tenths(out, "footprint_percent_of_used", share(result, footprint_of, used_of, 100));
	json_tenths(out, "holes_percent", share(result, holes_of, footprint_of, 100));
	json_tenths(out, "largest_hole_percent", share(result, largest_of, holes_of, 100));
	json_tenths(out, "short_of_64k_percent", share(result, short_of_64k, holes_of, 100));
	json_tenths(out, "short_of_2m_percent", share(result, short_of_2m, holes_of, 100));
	lab_print(out, "\"bytes_per_area\": %lu}", share(result, bytes_of, areas_of, 1) / 10);
}

void lab_report_json(struct lab_out *out, const struct lab_load *load,
		     const struct lab_result *results, unsigned int count)
{
	unsigned int i;

	lab_print(out, "{\n  \"load\": \"%s\", \"operations\": %lu, \"slots\": %lu,\n", load->name,
		  load->nr_ops, load->slots);
	lab_print(out, "  \"unknown_frees\": %lu, \"implied_frees\": %lu, ", load->unknown_frees,
		  load->implied_frees);
	lab_print(out, "\"implied_purges\": %lu, \"failed_when_recorded\": %lu,\n",
		  load->implied_purges, load->failed);
	lab_print(out, "  \"results\": [\n");
	for (i = 0; i < count; i++) {
		json_result(out, &results[i]);
		lab_print(out, "%s\n", i + 1 < count ? "," : "");
	}
	lab_print(out, "  ]\n}\n");
}

/* The samples, a line each: for plots. */
void lab_report_samples(struct lab_out *out, const struct lab_result *result)
{
	unsigned long i;
	unsigned int order;

	lab_print(out, "# op time live lazy areas footprint holes largest bytes short_of_0..10\n");
	for (i = 0; i < result->nr_samples; i++) {
		const struct lab_sample *sample = &result->samples[i];

		lab_print(out, "%lu %llu %lu %lu %lu %lu %lu %lu %lu", sample->op,
			  (unsigned long long)sample->time, sample->live, sample->lazy,
			  sample->areas, sample->footprint, sample->holes, sample->largest,
			  sample->bytes);
		for (order = 0; order < LAB_ORDERS; order++)
			lab_print(out, " %lu", sample->short_of[order]);
		lab_print(out, "\n");
	}
}

static void report_buckets(struct lab_out *out, const char *kind, const struct lab_result *result,
			   const struct lab_meter *meter)
{
	unsigned int bucket;

	for (bucket = 0; bucket < LAB_BUCKETS; bucket++)
		if (meter->buckets[bucket])
			lab_print(out, "%s %llu %u\n", kind,
				  net(lab_bucket_floor(bucket), result->overhead),
				  meter->buckets[bucket]);
}

/* How many operations took how long: for plots. */
void lab_report_latency(struct lab_out *out, const struct lab_result *result)
{
	lab_print(out, "# kind ticks_at_least count\n");
	report_buckets(out, "alloc", result, &result->alloc);
	report_buckets(out, "free", result, &result->free);
}

/* The first span's addresses over time: a block of lines for each sample. */
void lab_report_map(struct lab_out *out, const struct lab_result *result)
{
	unsigned long i;
	unsigned int row;

	lab_print(out, "# op time row_pages %lu: row busy lazy, in pages\n", result->row);
	for (i = 0; i < result->nr_samples; i++) {
		const struct lab_sample *sample = &result->samples[i];

		for (row = 0; row < LAB_ROWS; row++)
			lab_print(out, "%lu %llu %u %u %u\n", sample->op,
				  (unsigned long long)sample->time, row, sample->map[row].busy,
				  sample->map[row].lazy);
		lab_print(out, "\n");
	}
}
