// SPDX-License-Identifier: GPL-2.0
/*
 * twin.c - does each operation to a free tree and to its model, and compares
 *
 * An operation (open, close, alloc, free, withdraw, swap, or one step of a search that others
 * interrupt) first asks the model what must happen, then does it to the tree, and compares what
 * can be seen at once: the address, the kind of fit, the spares used or gained, the extent
 * returned.  twin_check() then compares everything: every tile of every ring with the units it
 * covers, the order and number of free extents, all counters, the look-ups, free_tree_check(), and
 * what is remembered as barren.
 *
 * The first difference is written to twin.wrong and stops everything: operations on a twin that is
 * wrong do nothing.
 *
 * Every extent is an allocation of its own, filled with junk before it is handed to the tree and
 * freed as soon as the tree lets go of it, so that a sanitizer sees any use of one that is gone.
 * A tile that is handed out has junk where its node was, as the kernel has other words there.
 *
 * A search that others interrupted may miss what was freed meanwhile behind its back.  Its answer
 * must lie between the lowest fit there is now and the lowest one among units that have been free
 * since it began.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "twin.h"

#define JUNK	0xa5

void twin_fail(struct twin *twin, const char *format, ...)
{
	va_list args;

	if (!twin_ok(twin))
		return;
	va_start(args, format);
	vsnprintf(twin->wrong, sizeof(twin->wrong), format, args);
	va_end(args);
}

static struct vmap_extent *new_extent(struct twin *twin)
{
	struct vmap_extent *extent = malloc(sizeof(*extent));

	if (!extent)
		abort();
	memset(extent, JUNK, sizeof(*extent));
	twin->tiles++;
	return extent;
}

static void drop_extent(struct twin *twin, struct vmap_extent *extent)
{
	twin->tiles--;
	memset(extent, JUNK, sizeof(*extent));
	free(extent);
}

static void fill_pool(struct twin *twin, struct vmap_extent_pool *pool, unsigned int count)
{
	while (count--)
		vext_pool_push(pool, new_extent(twin));
}

/* Free what is in @pool; it must be @expected extents. */
static void drain_pool(struct twin *twin, struct vmap_extent_pool *pool, unsigned long expected)
{
	struct vmap_extent *extent;

	if (pool->count != expected)
		twin_fail(twin, "%lu spares are left, not %lu", pool->count, expected);
	while ((extent = vext_pool_pop(pool)))
		drop_extent(twin, extent);
	if (pool->count)
		twin_fail(twin, "the pool says that it holds %lu more", pool->count);
}

/* Give the summary as many spare nodes as the next call may take. */
static void stock_nodes(struct twin *twin, unsigned long count)
{
	while (TWIN_SUMMARY && twin->summary.spares.count < count) {
		struct summary_node *node = malloc(sizeof(*node));

		if (!node)
			abort();
		memset(node, JUNK, sizeof(*node));
		summary_pool_push(&twin->summary.spares, node);
		twin->nodes++;
	}
}

/* Free the spare nodes: those that the summary uses, and no other, are left. */
static void drain_nodes(struct twin *twin)
{
	struct summary_node *node;

	while ((node = summary_pool_pop(&twin->summary.spares))) {
		memset(node, JUNK, sizeof(*node));
		free(node);
		twin->nodes--;
	}
	if (twin->nodes != twin->summary.used || twin->summary.spares.count)
		twin_fail(twin, "of %lu nodes %lu are in use", twin->nodes, twin->summary.used);
}

/* @grain: all sizes and addresses that are asked for are multiples of this */
void twin_init(struct twin *twin, unsigned long grain)
{
	memset(twin, 0, sizeof(*twin));
	memset(&twin->tree, JUNK, sizeof(twin->tree));
	free_tree_init(&twin->tree, grain);
	if (TWIN_SUMMARY)
		free_tree_use_summary(&twin->tree, &twin->summary);
	twin->next_owner = 1;
}

/* Free all tiles of a ring, whatever state it is in. */
static void drop_ring(struct twin *twin, struct vmap_extent *edge)
{
	struct vmap_extent *tile = edge->next, *next;

	for (; tile != edge; tile = next) {
		next = tile->next;
		drop_extent(twin, tile);
	}
	free(edge);
}

/* Free all memory.  A twin that is wrong may have broken rings and keeps what they held. */
void twin_fini(struct twin *twin)
{
	bool whole = twin_ok(twin);

	while (twin->model.count) {
		unsigned int last = twin->model.count - 1;

		if (whole)
			drop_ring(twin, twin->edges[last]);
		free(model_close(&twin->model, last));
	}
	if (whole && twin->tiles)
		twin_fail(twin, "%lu extents were lost", twin->tiles);
	if (!whole)
		return;
	free_summary_fini(&twin->summary);
	drain_nodes(twin);
	if (twin->nodes)
		twin_fail(twin, "%lu nodes were lost", twin->nodes);
}

/* Add a span.  There must be room in the model for it, and no other span where it lies. */
void twin_open(struct twin *twin, unsigned long start, unsigned long count)
{
	struct vmap_extent *edge;
	struct model_unit *units;
	struct vmap_extent_pool pool = { 0 };
	unsigned int index, i;

	if (!twin_ok(twin))
		return;
	edge = malloc(sizeof(*edge));
	units = calloc(count, sizeof(*units));
	if (!edge || !units)
		abort();
	memset(edge, JUNK, sizeof(*edge));
	fill_pool(twin, &pool, 1);
	stock_nodes(twin, SUMMARY_NODES_OPEN);
	free_tree_open(&twin->tree, edge, vext_pool_pop(&pool), start, start + count);
	drain_nodes(twin);
	twin->changes++;
	index = model_open(&twin->model, start, count, units);
	for (i = twin->model.count - 1; i > index; i--)
		twin->edges[i] = twin->edges[i - 1];
	twin->edges[index] = edge;
	twin->operations++;
}

/* Take a span out, if all of it is free. */
bool twin_close(struct twin *twin, unsigned int index)
{
	const struct model_span *span = &twin->model.spans[index];
	struct vmap_extent *edge = twin->edges[index], *whole;
	unsigned long i;

	if (!twin_ok(twin))
		return false;
	for (i = 0; i < span->count; i++) {
		if (span->units[i].owner)
			return false;
	}
	whole = edge->next;
	free_tree_close(&twin->tree, whole);
	drain_nodes(twin);
	twin->changes++;
	if (edge->next != edge)
		twin_fail(twin, "a closed span has tiles left");
	drop_extent(twin, whole);
	free(edge);
	free(model_close(&twin->model, index));
	for (; index < twin->model.count; index++)
		twin->edges[index] = twin->edges[index + 1];
	twin->operations++;
	return true;
}

/* What a kernel caller writes over the node of an extent that it holds. */
static void occupy(struct vmap_extent *extent, unsigned long owner)
{
	memset(&extent->node, JUNK, sizeof(extent->node));
	extent->caller = (void *)owner;
	extent->state = VMAP_BUSY;
	extent->flags = (u8)~0U;
}

static const unsigned int spares_needed[VMAP_NR_FITS] = {
	[VMAP_FIT_FULL] = 0, [VMAP_FIT_LEFT] = 1, [VMAP_FIT_RIGHT] = 1, [VMAP_FIT_NO_EDGE] = 2,
};

/* Cut out what @request found. */
static void cut_out(struct twin *twin, const struct free_search *request)
{
	enum vmap_fit fit = model_fit(&twin->model, request->start, request->size);
	unsigned long owner = twin->next_owner++;
	struct vmap_extent_pool pool = { 0 };
	struct vmap_extent *tile;

	fill_pool(twin, &pool, FREE_TREE_SPARES);
	stock_nodes(twin, free_summary_need(&twin->summary));
	tile = free_tree_cut(&twin->tree, request, &pool);
	drain_nodes(twin);
	twin->changes++;
	twin->operations++;
	twin->fits[fit]++;
	drain_pool(twin, &pool, FREE_TREE_SPARES - spares_needed[fit]);
	if (tile->start != request->start || tile->size != request->size)
		twin_fail(twin, "[%#lx, %#lx) was cut, not %#lx units from %#lx", tile->start,
			  vext_end(tile), request->size, request->start);
	if (vext_is_free(tile))
		twin_fail(twin, "the tile cut out at %#lx says that it is free", tile->start);
	if (!twin_ok(twin))
		return;
	occupy(tile, owner);
	model_set(&twin->model, request->start, request->size, owner);
	twin->busy[twin->nr_busy++] = tile;
}

/* A found place must hold the request now, and be the lowest there is, or was. */
static void check_place(struct twin *twin, const struct twin_search *search)
{
	const struct free_search *request = &search->request;
	unsigned long now = 0, before = 0;

	if (!model_lowest(&twin->model, request, MODEL_NOW, &now))
		twin_fail(twin, "%#lx was found where nothing fits", request->start);
	else if (request->start < now)
		twin_fail(twin, "%#lx was found, but the lowest is %#lx", request->start, now);
	else if (request->start != now && search->rounds == 1)
		twin_fail(twin, "%#lx was found at once, but the lowest is %#lx",
			  request->start, now);
	else if (model_lowest(&twin->model, request, search->since, &before) &&
		 request->start > before)
		twin_fail(twin, "%#lx was found, but %#lx was free all along", request->start,
			  before);
	else if (request->start < request->extent->start ||
		 request->start - request->extent->start >= request->extent->size)
		twin_fail(twin, "%#lx was found in [%#lx, %#lx)", request->start,
			  request->extent->start, vext_end(request->extent));
}

static void check_none(struct twin *twin, const struct twin_search *search)
{
	unsigned long since = search->rounds == 1 ? MODEL_NOW : search->since, start;

	if (model_lowest(&twin->model, &search->request, since, &start))
		twin_fail(twin, "nothing was found, but %#lx fits", start);
}

void twin_begin(struct twin *twin, struct twin_search *search, unsigned long size,
		unsigned long align, unsigned long lo, unsigned long hi)
{
	*search = (struct twin_search){
		.request = { .size = size, .align = align, .lo = lo, .hi = hi },
		.since = twin->model.clock,
	};
}

/* One round of a search; if it finds, cut. */
enum free_found twin_step(struct twin *twin, struct twin_search *search)
{
	struct free_search *request = &search->request;
	enum free_found found;

	if (!twin_ok(twin) || twin->nr_busy == TWIN_BUSY)
		return FREE_NONE;
	found = free_tree_find(&twin->tree, request);
	search->rounds++;
	if (found == FREE_FOUND)
		check_place(twin, search);
	else if (found == FREE_NONE)
		check_none(twin, search);
	if (!twin_ok(twin))
		return FREE_NONE;
	if (found == FREE_FOUND)
		cut_out(twin, request);
	return found;
}

/*
 * Search without interruption, and cut.  Return whether there was a fit.  A round that does not end
 * the search has met an extent that misses, and none is met twice.
 */
bool twin_alloc(struct twin *twin, unsigned long size, unsigned long align, unsigned long lo,
		unsigned long hi)
{
	struct twin_search search;
	enum free_found found;

	twin_begin(twin, &search, size, align, lo, hi);
	do {
		found = twin_step(twin, &search);
		if (search.rounds > twin->tree.count + 1)
			twin_fail(twin, "a search for %#lx at %#lx goes on for %lu rounds", size,
				  align, search.rounds);
	} while (found == FREE_AGAIN);
	twin->rounds = search.rounds;
	return found == FREE_FOUND;
}

/* Take exactly the @size units from @start, if they are free. */
bool twin_alloc_at(struct twin *twin, unsigned long start, unsigned long size)
{
	return twin_alloc(twin, size, 1, start, start + size);
}

/* Free the tile with this index in twin.busy. */
void twin_free(struct twin *twin, unsigned int index)
{
	struct vmap_extent *tile, *lower, *merged;
	struct vmap_extent_pool pool = { 0 };
	unsigned long start, size;
	unsigned int joined;
	struct model_run run;

	if (!twin_ok(twin))
		return;
	tile = twin->busy[index];
	twin->busy[index] = twin->busy[--twin->nr_busy];
	start = tile->start;
	size = tile->size;
	lower = vext_is_free(tile->prev) ? tile->prev : NULL;
	merged = free_tree_put(&twin->tree, tile, &pool);
	drain_nodes(twin);
	if (lower && merged != lower)
		twin_fail(twin, "the free extent below %#lx did not survive", start);
	model_set(&twin->model, start, size, 0);
	run = model_run_at(&twin->model, start);
	joined = (run.start < start) + (run.end > start + size);
	twin->merges += joined;
	twin->changes++;
	twin->operations++;
	if (merged->start != run.start || vext_end(merged) != run.end || !vext_is_free(merged))
		twin_fail(twin, "freeing %#lx units from %#lx gave [%#lx, %#lx)", size, start,
			  merged->start, vext_end(merged));
	drain_pool(twin, &pool, joined);
}

/* Free the tile that starts at @start. */
void twin_free_at(struct twin *twin, unsigned long start)
{
	unsigned int i;

	for (i = 0; i < twin->nr_busy; i++) {
		if (twin->busy[i]->start == start) {
			twin_free(twin, i);
			return;
		}
	}
	twin_fail(twin, "the test frees %#lx, which is not busy", start);
}

/*
 * Take the free extent that starts at @start out of the tree.  To the model that hands it out, so
 * it can be freed as any other.  Return whether there is one.
 */
bool twin_withdraw(struct twin *twin, unsigned long start)
{
	struct vmap_extent *extent = free_tree_at_or_after(&twin->tree, start);
	unsigned long owner = twin->next_owner++;

	if (!twin_ok(twin) || !extent || extent->start != start)
		return false;
	free_tree_withdraw(&twin->tree, extent);
	twin->changes++;
	twin->operations++;
	if (vext_is_free(extent))
		twin_fail(twin, "the extent withdrawn at %#lx says that it is free", start);
	if (!twin_ok(twin))
		return false;
	occupy(extent, owner);
	model_set(&twin->model, extent->start, extent->size, owner);
	twin->busy[twin->nr_busy++] = extent;
	return true;
}

/* Let the tiles with these indices in twin.busy, which have one size, change places. */
void twin_swap(struct twin *twin, unsigned int a, unsigned int b)
{
	struct vmap_extent *one = twin->busy[a], *other = twin->busy[b];
	unsigned long start = one->start;

	if (!twin_ok(twin))
		return;
	model_set(&twin->model, start, one->size, (unsigned long)other->caller);
	model_set(&twin->model, other->start, one->size, (unsigned long)one->caller);
	free_tree_swap(one, other);
	twin->operations++;
	if (other->start != start)
		twin_fail(twin, "what was to go to %#lx is at %#lx", start, other->start);
}

/* Compare one tile with the units it covers. */
static void check_tile(struct twin *twin, const struct model_span *span,
		       const struct vmap_extent *tile)
{
	unsigned long first = tile->start - span->start, i;
	unsigned long owner = vext_is_free(tile) ? 0 : (unsigned long)tile->caller;
	const char *wrong = free_tree_check_tile(&twin->tree, tile);

	if (wrong) {
		twin_fail(twin, "[%#lx, %#lx): %s", tile->start, vext_end(tile), wrong);
		return;
	}
	if (first > span->count || tile->size > span->count - first)
		twin_fail(twin, "[%#lx, %#lx) is not inside its span", tile->start, vext_end(tile));
	for (i = 0; twin_ok(twin) && i < tile->size; i++) {
		if (span->units[first + i].owner != owner)
			twin_fail(twin, "unit %#lx is %lu's, its tile is %lu's", tile->start + i,
				  span->units[first + i].owner, owner);
	}
}

/* Compare a ring with its span.  @free follows the tree from one free tile to the next. */
static unsigned long check_ring(struct twin *twin, unsigned int index,
				const struct vmap_extent **free)
{
	const struct model_span *span = &twin->model.spans[index];
	const struct vmap_extent *edge = twin->edges[index], *tile;
	unsigned long tiles = 0, at = span->start;

	if (edge->start != span->start + span->count || vext_end(edge) != span->start ||
	    vext_is_free(edge) || edge->state != VMAP_MARKER)
		twin_fail(twin, "the edge of the span at %#lx has changed", span->start);
	for (tile = edge->next; tile != edge && twin_ok(twin); tile = tile->next) {
		if (tile->start != at)
			twin_fail(twin, "a tile starts at %#lx, not %#lx", tile->start, at);
		check_tile(twin, span, tile);
		if (vext_is_free(tile)) {
			if (tile != *free)
				twin_fail(twin, "free %#lx is not next in the tree", tile->start);
			else
				*free = free_tree_after(&twin->tree, tile);
		}
		at = vext_end(tile);
		tiles++;
	}
	if (at != span->start + span->count)
		twin_fail(twin, "the tiles end at %#lx", at);
	return tiles;
}

static void check_rings(struct twin *twin)
{
	const struct vmap_extent *free = free_tree_first(&twin->tree);
	unsigned long tiles = 0;
	unsigned int i;

	for (i = 0; i < twin->model.count && twin_ok(twin); i++)
		tiles += check_ring(twin, i, &free);
	if (free)
		twin_fail(twin, "the tree has %#lx, which is on no ring", free->start);
	if (tiles != twin->tiles)
		twin_fail(twin, "%lu tiles are on the rings, %lu exist", tiles, twin->tiles);
}

static void check_counts(struct twin *twin)
{
	const struct free_tree *tree = &twin->tree;
	struct model_survey survey = model_survey(&twin->model);
	struct free_survey said = { 0 };

	if (tree->count != survey.runs || tree->units != survey.units)
		twin_fail(twin, "the tree counts %lu extents, %lu units; there are %lu, %lu",
			  tree->count, tree->units, survey.runs, survey.units);
	while (!free_tree_longest(tree, &said))
		;
	if (said.longest != survey.longest)
		twin_fail(twin, "the longest is said to be %#lx; it is %#lx", said.longest,
			  survey.longest);
	if (tree->changes != twin->changes || tree->merges != twin->merges)
		twin_fail(twin, "the tree counts %lu changes, %lu merges; there were %lu, %lu",
			  tree->changes, tree->merges, twin->changes, twin->merges);
	if (memcmp(tree->fits, twin->fits, sizeof(twin->fits)))
		twin_fail(twin, "fits are counted as %lu %lu %lu %lu; they were %lu %lu %lu %lu",
			  tree->fits[0], tree->fits[1], tree->fits[2], tree->fits[3],
			  twin->fits[0], twin->fits[1], twin->fits[2], twin->fits[3]);
}

/* No run that starts below what is remembered as barren may fit what it is barren for. */
static void check_barren(struct twin *twin)
{
	const struct free_tree *tree = &twin->tree;
	struct free_search barren = {
		.size = tree->failed_size,
		.align = tree->failed_align,
		.hi = ~0UL,
	};
	unsigned long start;

	if (!barren.size || !model_lowest(&twin->model, &barren, MODEL_NOW, &start))
		return;
	if (model_run_at(&twin->model, start).start < tree->failed_below)
		twin_fail(twin, "%#lx at %#lx fits at %#lx, below the barren %#lx", barren.size,
			  barren.align, start, tree->failed_below);
}

/* Look for the first free extent from @start on. */
void twin_probe(struct twin *twin, unsigned long start)
{
	const struct vmap_extent *found;
	struct model_run run;

	if (!twin_ok(twin))
		return;
	found = free_tree_at_or_after(&twin->tree, start);
	if (!model_next_run(&twin->model, start, &run)) {
		if (found)
			twin_fail(twin, "%#lx is free from %#lx on, it is said", found->start,
				  start);
	} else if (!found || found->start != run.start) {
		twin_fail(twin, "the first free one from %#lx on is %#lx, not %#lx", start,
			  run.start, found ? found->start : 0);
	}
}

/* Compare everything. */
void twin_check(struct twin *twin)
{
	const char *wrong;

	if (!twin_ok(twin))
		return;
	wrong = free_tree_check(&twin->tree);
	if (wrong)
		twin_fail(twin, "%s", wrong);
	check_counts(twin);
	if (twin_ok(twin))
		check_rings(twin);
	if (twin_ok(twin))
		check_barren(twin);
}
