// SPDX-License-Identifier: GPL-2.0
/*
 * steps_range.c - range arenas in states that are hard on them, and the steps of calls there
 *
 * The states:
 *   growing    extents of 1 to 16 units in random order, up to LARGEST of them; some are replaced
 *   comb       every other unit is free; what frees them in order of address makes the tree as deep
 *              as a red-black tree can be; the frees of the other units merge three extents each
 *   peak       one free extent is longer than all others: each record up to the root changes
 *   sieve      each free extent is long enough, and none has an aligned address with room
 *   disturbed  the same, while another CPU frees
 *   long       each free extent is recorded as long enough, and none is
 *   full       there is no room, or none but in the cache
 *   classes    a CPU has as many magazines as there may be
 *   readers    as many walks as there may be are in progress
 *   movable    each extent has a mover, and they are marked, moved and freed
 *   background the same; a request fails, and the worker moves them
 *   divided    several shards: what one CPU has allocated another one frees
 */
#include <stdlib.h>

#include "play_memory.h"
#include "steps_loads.h"
#include "tap.h"

/* Extents: the most, and the fewest, of a state that is tried at several sizes. */
#define LARGEST		1000000UL
#define SMALLEST	16UL
/* The most of the states that take longer. */
#define LARGE		131072UL
#define LARGEST_SIZE	16U

/* What vmap_alloc.h says, and once more when what is cached was given up; and far more. */
#define MAY_BEGIN_ANEW	9U
#define MOST_CHANGES	100U

static struct vmap_arena arena;
static struct vmap_extent **live;
static unsigned long nr_live;
/* How often another CPU will still free, and how often a search may begin anew. */
static unsigned int changes;
static unsigned int anew;

/* What is asked for. */
struct request {
	unsigned long size;
	unsigned long align;
	unsigned long lo;
	unsigned long hi;
	gfp_t gfp;
};

static void open_shards(unsigned long units, unsigned long most, bool cached, unsigned int shards)
{
	steps_seed = units;
	nr_live = 0;
	live = calloc(most, sizeof(*live));
	if (!live)
		abort();
	play_open_shards(&arena, units, cached, shards);
}

static void open_bed(unsigned long units, unsigned long most, bool cached)
{
	open_shards(units, most, cached, 1);
}

/* The extents that wait in all shards. */
static unsigned long waiting(void)
{
	unsigned long extents = 0;
	struct vmap_purge *shard;
	unsigned int at;

	vpurge_for_each(shard, &arena.cache.purge)
		for (at = 0; shard->remote && at < VREMOTE_MOST; at++)
			extents += !!shard->remote->slot[at];
	return extents;
}

static void close_bed(unsigned long units)
{
	const char *wrong;

	while (nr_live)
		vmap_extent_free(&arena, live[--nr_live]);
	play_queued();
	wrong = play_close(&arena, units);
	steps_expect(!wrong, wrong);
	steps_expect(!play_extents, "an extent is lost");
	free(live);
}

/* Allocate, by the call with bounds if there are any, and count.  Return NULL on failure. */
static struct vmap_extent *get(const char *way, const struct request *request)
{
	struct steps_at at = {
		.extents = play_tiles(&arena),
		.misses = play_misses(&arena, request->size, request->align, request->lo,
				      request->hi ?: ULONG_MAX),
	};
	unsigned long cached = play_cached(&arena), left, before = waiting();
	struct vmap_extent *extent;
	bool room = free_tree_lowest(&vcache_shard_here(&arena.cache)->space.tree, request->size);

	at.misses *= 1 + anew;
	steps_begin();
	if (request->hi)
		extent = vmap_extent_alloc_range(&arena, request->size, request->align, request->lo,
						 request->hi, request->gfp);
	else
		extent = vmap_extent_alloc(&arena, request->size, request->align, request->gfp);
	steps_end();
	left = cached ? play_cached(&arena) : 0;
	at.cached = cached > left + 1 ? cached - left : 0;
	at.waiting = before - waiting();
	at.shards = arena.cache.more ? arena.cache.nr_shards : 0;
	at.full = IS_ERR(extent) || at.cached || (at.shards && !room);
	steps_judge(request->hi ? "vmap_extent_alloc_range" : "vmap_extent_alloc", way, &at);
	return IS_ERR(extent) ? NULL : extent;
}

static struct vmap_extent *get_size(const char *way, unsigned long size)
{
	const struct request request = { .size = size, .align = 1, .gfp = GFP_KERNEL };
	struct vmap_extent *extent = get(way, &request);

	steps_expect(extent, "there is room where room was left");
	return extent;
}

static void put(const char *way, struct vmap_extent *extent)
{
	struct steps_at at = { .extents = play_tiles(&arena) };
	unsigned long before = waiting(), after;

	steps_begin();
	vmap_extent_free(&arena, extent);
	steps_end();
	after = waiting();
	at.waiting = before > after ? before - after : 0;
	steps_judge("vmap_extent_free", way, &at);
}

/* Put one of the live extents, and have the last in its place. */
static void put_nth(const char *way, unsigned long i)
{
	put(way, live[i]);
	live[i] = live[--nr_live];
}

/* Some requests between bounds: at both ends of the space, and of just the size, anywhere. */
static void bounded(unsigned long units)
{
	const unsigned long size = 1 + steps_draw(LARGEST_SIZE), at = steps_draw(units - size);
	const struct request requests[] = {
		{ .size = size, .align = 1, .lo = units - size, .hi = units },
		{ .size = size, .align = 1, .lo = at, .hi = units },
		{ .size = size, .align = 1, .lo = at, .hi = at + size },
		{ .size = size, .align = 1, .lo = 0, .hi = at + size },
		{ .size = size, .align = 1, .lo = 0, .hi = units },
	};
	struct vmap_extent *extent;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		extent = get("bounded", &requests[i]);
		if (extent)
			put("tree", extent);
	}
}

/* Grow to @most, replace some, ask between bounds, and free all in random order. */
static void growing(unsigned long most)
{
	unsigned long units = most * 12, i;

	open_bed(units, most, false);
	while (nr_live < most) {
		live[nr_live] = get_size("tree, growing", 1 + steps_draw(LARGEST_SIZE));
		nr_live++;
		if (nr_live % 128)
			play_queued();
	}
	for (i = 0; i < 20000 && i < 10 * most; i++) {
		put_nth("tree", steps_draw(nr_live));
		live[nr_live] = get_size("tree", 1 + steps_draw(LARGEST_SIZE));
		nr_live++;
	}
	for (i = 0; i < 2000; i++)
		bounded(units);
	while (nr_live)
		put_nth("tree, shrinking", steps_draw(nr_live));
	close_bed(units);
}

static void fill(unsigned long size, unsigned long count)
{
	while (count--) {
		live[nr_live] = get_size("tree, growing", size);
		nr_live++;
		play_queued();
	}
}

/* Free every other unit, up or down; take some of them; free what is between, and so all. */
static void comb(unsigned long n, bool down, bool half)
{
	unsigned long i;

	open_bed(2 * n, 2 * n, false);
	fill(1, 2 * n);
	for (i = 0; i < n; i++)
		put("tree, comb", live[down ? 2 * (n - i) - 1 : 2 * i]);
	for (i = 0; half && i < n / 2; i++)
		live[down ? 2 * i + 1 : 2 * i] = get_size("tree, comb", 1);
	for (i = 0; half && i < n / 2; i++)
		put("tree, comb", live[down ? 2 * i + 1 : 2 * i]);
	for (i = 0; i < n; i++)
		put("tree, comb", live[down ? 2 * (n - i - 1) : 2 * i + 1]);
	nr_live = 0;
	close_bed(2 * n);
}

/* One of many free extents is the longest, now here, now there. */
static void peak(unsigned long n)
{
	unsigned long i, at;

	open_bed(3 * n, 2 * n, false);
	for (i = 0; i < n; i++) {
		fill(2, 1);
		fill(1, 1);
	}
	for (i = 0; i < n; i++)
		put("tree, comb", live[2 * i]);
	for (i = 0; i < 4000; i++) {
		at = 2 * steps_draw(n - 1) + 1;
		put("tree, peak", live[at]);
		live[at] = get_size("tree, peak", 5);
		put("tree, peak", live[at]);
		put("tree, peak", get_size("tree, peak", 5));
		/* The lower rest goes back, and all is as before. */
		live[at - 1] = get_size("tree, peak", 2);
		put("tree, peak", live[at - 1]);
		live[at] = get("bounded", &(struct request){
			.size = 1, .align = 1, .lo = 3 * (at / 2) + 2, .hi = 3 * (at / 2) + 3,
			.gfp = GFP_KERNEL });
		steps_expect(live[at], "the unit is free");
	}
	for (i = 0; i < n; i++)
		live[i] = live[2 * i + 1];
	nr_live = n;
	close_bed(3 * n);
}

/* Of each four units one is busy, that at the multiple of 4: the three others are free. */
static void make_sieve(unsigned long n)
{
	unsigned long i, kept = 0;

	open_bed(4 * n, 4 * n, false);
	fill(1, 4 * n);
	for (i = 0; i < nr_live; i++) {
		if (i % 4)
			put("tree, comb", live[i]);
		else
			live[kept++] = live[i];
	}
	nr_live = kept;
}

static void sieve(unsigned long n)
{
	const struct request requests[] = {
		{ .size = 2, .align = 4, .gfp = GFP_KERNEL },
		{ .size = 3, .align = 8, .gfp = GFP_KERNEL },
		{ .size = 2, .align = 4, .gfp = GFP_NOWAIT },
		{ .size = 1, .align = 1024, .gfp = GFP_KERNEL },
		{ .size = 2, .align = 4, .lo = 5, .hi = 2 * n },
		{ .size = 1, .align = 1024, .lo = 2, .hi = 4 * n },
		{ .size = 2, .align = 4, .lo = 2 * n, .hi = 4 * n },
		{ .size = 3, .align = 4, .lo = 2 * n + 3, .hi = 2 * n + 9 },
	};
	unsigned long i;

	make_sieve(n);
	for (i = 0; i < ARRAY_SIZE(requests); i++)
		steps_expect(!get("aligned", &requests[i]), "no room at a multiple");
	close_bed(4 * n);
}

/* Another CPU frees something, now and then. */
static void change(void)
{
	if (changes) {
		changes--;
		arena.cache.purge.space.tree.changes++;
	}
}

/* While a search that misses is under way another CPU frees, so the search begins anew. */
static void disturbed(unsigned long n)
{
	const struct request request = { .size = 1, .align = 1024, .lo = 2, .hi = 4 * n };

	make_sieve(n);
	changes = MOST_CHANGES;
	anew = MAY_BEGIN_ANEW;
	steps_others = change;
	steps_expect(!get("disturbed", &request), "no room at a multiple");
	steps_others = NULL;
	anew = 0;
	close_bed(4 * n);
}

/* Free extents of 5 G units, each of which is recorded as long enough for 6 G; none is. */
static void long_requests(unsigned long n)
{
	const unsigned long giga = 1UL << 30;
	const struct request request = { .size = 6 * giga, .align = 1, .gfp = GFP_KERNEL };
	unsigned long i;

	open_bed(n * 10 * giga, 2 * n, false);
	fill(5 * giga, 2 * n);
	for (i = 0; i < n; i++) {
		put("tree, comb", live[2 * i]);
		live[i] = live[2 * i + 1];
	}
	nr_live = n;
	steps_expect(!get("long", &request), "none is long enough");
	close_bed(n * 10 * giga);
}

/* Nothing is free. */
static void full(unsigned long n)
{
	struct request request = { .size = 1, .align = 1, .gfp = GFP_KERNEL };

	open_bed(n, n, false);
	fill(1, n);
	steps_expect(!get("no room", &request), "no room");
	request.gfp = GFP_NOWAIT;
	steps_expect(!get("no room", &request), "no room");
	close_bed(n);
}

/* So many rounds bring magazines to this CPU, fill them, and overflow them. */
static void cached_rounds(unsigned long n)
{
	unsigned long i, round;

	for (round = 0; round < 20; round++) {
		for (i = 0; i < n; i++)
			live[i] = get_size("cached", 1 + i % LARGEST_SIZE);
		for (i = 0; i < n; i++)
			put("cached", live[i]);
	}
}

static void cached(unsigned long n)
{
	open_bed(n * LARGEST_SIZE, n, true);
	cached_rounds(n);
	this_cpu.offset = PERCPU_SIZE;
	cached_rounds(n);
	this_cpu.offset = 0;
	nr_live = 0;
	close_bed(n * LARGEST_SIZE);
}

/* All is cached, by two CPUs and in depots, and one call wants it. */
static void cached_and_full(unsigned long n, gfp_t gfp)
{
	struct request request = { .size = n, .align = 1, .gfp = gfp };
	unsigned long i;

	open_bed(n, n, true);
	for (i = 0; i < 8; i++)
		vmap_extent_free(&arena, vmap_extent_alloc(&arena, 1, 1, GFP_KERNEL));
	fill(1, n);
	for (i = 0; i < n; i++)
		put("cached", live[i]);
	nr_live = 0;
	live[0] = get("cached, given up", &request);
	nr_live = !!live[0];
	close_bed(n);
}

/* This CPU has a full magazine of each class, and one call wants all that is in them. */
static void all_classes(gfp_t gfp)
{
	const unsigned long each = 64, n = each * CACHE_CLASSES;
	const unsigned long units = each * CACHE_CLASSES * (CACHE_CLASSES + 1) / 2;
	const struct request request = { .size = units, .align = 1, .gfp = gfp };
	unsigned long class, i, round;

	open_bed(units, n, true);
	per_cpu_ptr(arena.cache.cpu, 0)->room = LONG_MAX;
	for (class = 1; class <= CACHE_CLASSES; class++)
		for (round = 0; round < 8; round++)
			put("cached", get_size("cached", class));
	for (i = 0; i < n; i++)
		live[i] = get_size("cached", 1 + i / each);
	for (i = 0; i < n; i++)
		put("cached", live[i]);
	live[0] = get("cached, given up", &request);
	nr_live = !!live[0];
	close_bed(units);
}

static void readers(void)
{
	struct vmap_walk walk[WALK_READERS];
	unsigned long n = 4096, i;

	open_bed(2 * n, 2 * n, false);
	fill(1, 2 * n);
	for (i = 0; i < WALK_READERS; i++)
		steps_expect(!vwalk_join(&walk[i], &arena.cache.purge.space), "a reader may walk");
	for (i = 0; i < n; i++)
		put("tree, readers", live[2 * i]);
	for (i = 0; i < n; i++)
		put("tree, readers", live[2 * i + 1]);
	for (i = 0; i < WALK_READERS; i++)
		vwalk_leave(&walk[i]);
	nr_live = 0;
	close_bed(2 * n);
}

static int move_nothing(struct vmap_extent *extent, unsigned long to, void *data)
{
	return 0;
}

static void mark(struct vmap_extent *extent,
		 int (*move)(struct vmap_extent *extent, unsigned long to, void *data))
{
	const struct steps_at at = { .extents = play_tiles(&arena) };

	steps_begin();
	steps_expect(!vmap_extent_set_movable(&arena, extent, move, NULL), "it may be marked");
	steps_end();
	steps_judge("vmap_extent_set_movable", move ? "mark" : "take away", &at);
}

/* Compaction promises no sum, but how long it holds the lock. */
static void compact(unsigned long wanted)
{
	const struct steps_at at = { .extents = play_tiles(&arena) };

	steps_begin();
	steps_expect(!vmap_arena_compact(&arena, wanted), "there is room after a compaction");
	steps_end();
	steps_judge("vmap_arena_compact", "", &at);
}

/* Every other unit is freed; half of the others move down, and one by one all are freed. */
static void movable(unsigned long n, bool down)
{
	unsigned long i;

	open_bed(2 * n, 2 * n, false);
	fill(1, 2 * n);
	for (i = 0; i < 2 * n; i++)
		mark(live[i], move_nothing);
	for (i = 0; i < 2 * n; i += 8) {
		mark(live[i], NULL);
		mark(live[i], move_nothing);
	}
	for (i = 0; i < n; i++)
		put("movable", live[down ? 2 * (n - i - 1) : 2 * i]);
	compact(n / 2);
	for (i = 0; i < n; i++)
		put("movable", live[down ? 2 * (n - i) - 1 : 2 * i + 1]);
	nr_live = 0;
	close_bed(2 * n);
}

/* Every other unit is freed; a request fails, the worker makes room, and the next one is served. */
static void background(unsigned long n, gfp_t gfp)
{
	const struct request request = { .size = n / 2, .align = 1, .gfp = gfp };
	const struct steps_at at = { .extents = 2 * n };
	unsigned long i;

	open_bed(2 * n, 2 * n + 1, false);
	arena.compaction.background = true;
	fill(1, 2 * n);
	for (i = 0; i < 2 * n; i++)
		mark(live[i], move_nothing);
	for (i = 0; i < n; i++) {
		put("movable", live[2 * i]);
		live[i] = live[2 * i + 1];
	}
	nr_live = n;
	steps_expect(!get("full, with movers", &request), "there is no room yet");
	steps_begin();
	play_queued();
	steps_end();
	steps_judge("vmap_arena_compact", "by the worker", &at);
	live[nr_live] = get("tree, made room", &request);
	steps_expect(live[nr_live], "the worker has made room");
	nr_live += !!live[nr_live];
	close_bed(2 * n);
}

/* CPU 0 allocates from its shard, and from then on another CPU frees. */
static void play_other_cpu(bool other)
{
	this_cpu.offset = other ? PERCPU_SIZE : 0;
}

/* One more extent of a unit, from this CPU's shard. */
static void get_one_more(const char *way)
{
	live[nr_live] = get_size(way, 1);
	nr_live++;
	play_queued();
}

/*
 * The first of the shards is filled with units, of which another CPU frees every other one, up to
 * the last and down, in slots and where there is no slot; so each merge joins three or none.  The
 * home takes some more, merging meanwhile, and in the end wants what waits, too.
 */
static void divided(unsigned long n, unsigned int shards)
{
	const struct request all = { .size = 2 * n, .align = 1, .gfp = GFP_NOWAIT };
	const struct request odd = {
		.size = 2, .align = 2, .lo = 1, .hi = 2 * n, .gfp = GFP_KERNEL
	};
	struct vmap_extent *extent;
	unsigned long i;

	open_shards(2 * n * shards, 2 * n * shards, false, shards);
	fill(1, 2 * n);
	play_other_cpu(true);
	for (i = 0; i < n; i++)
		put("remote", live[2 * i]);
	play_other_cpu(false);
	for (i = 0; i < n / 2; i++)
		live[2 * i] = get_size("divided", 1);
	play_other_cpu(true);
	for (i = n / 2; i; i--)
		put("remote", live[2 * i - 2]);
	for (i = n; i; i--)
		put("remote", live[2 * i - 1]);
	play_other_cpu(false);
	nr_live = 0;
	extent = get("divided, bounded", &odd);
	if (extent)
		put("divided", extent);
	extent = get("divided, no room", &all);
	steps_expect(extent && !extent->start, "what waits makes room");
	put("divided", extent);
	while (nr_live < 2 * n * shards)
		get_one_more("divided");
	steps_expect(!get("divided, no room", &all), "all shards are full");
	play_other_cpu(true);
	for (i = 0; i < nr_live; i++)
		put("remote", live[i]);
	nr_live = 0;
	steps_expect(!get("divided, no room", &(struct request){
		.size = 2 * n + 1, .align = 1, .gfp = GFP_KERNEL }), "longer than a shard");
	play_other_cpu(false);
	close_bed(2 * n * shards);
}

static void ask(void)
{
	const struct steps_at at = { .extents = 2 };
	struct vmap_extent *extent;

	open_bed(16, 16, false);
	extent = get_size("tree", 1);
	steps_begin();
	steps_expect(!vmap_extent_start(extent), "the lowest unit");
	steps_end();
	steps_judge("vmap_extent_start", "", &at);
	steps_begin();
	steps_expect(vmap_extent_size(extent) == 1, "one unit");
	steps_end();
	steps_judge("vmap_extent_size", "", &at);
	put("tree", extent);
	close_bed(16);
}

void steps_of_range_arenas(void)
{
	unsigned long n;

	for (n = SMALLEST; n < LARGE; n *= 8) {
		growing(n);
		comb(n, false, true);
		comb(n, true, true);
		comb(n, false, false);
		peak(n);
		sieve(n);
		long_requests(n);
		full(n);
		movable(n, false);
		movable(n, true);
		background(n, GFP_KERNEL);
		background(n, GFP_NOWAIT);
	}
	growing(LARGEST);
	comb(LARGEST / 2, false, false);
	peak(LARGE);
	sieve(LARGE);
	disturbed(4096);
	for (n = 64; n <= 4096; n *= 4) {
		cached(n);
		cached_and_full(n, GFP_KERNEL);
		cached_and_full(n, GFP_NOWAIT);
	}
	all_classes(GFP_KERNEL);
	all_classes(GFP_NOWAIT);
	readers();
	for (n = 64; n <= LARGE; n *= 8)
		divided(n, 2);
	divided(64, VSHARD_MOST);
	ask();
}
