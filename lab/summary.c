// SPDX-License-Identifier: GPL-2.0
/*
 * summary.c - a bit for each unit, and above the bits a tree of where the long runs are
 *
 * Theory
 *
 * A unit that is busy has its bit set; a *run* is a row of free units.  Chunks have the bits of
 * 16,384 units each; above the chunks is a tree that says where long runs are.
 *
 * In a chunk each run counts for the piece that the run begins in: the *reach* of a piece is the
 * length of the longest run that begins in it, wherever that ends, if not behind the chunk.
 *
 *   word     64 units
 *   leaf     8 words: 512 units
 *   quarter  8 leaves: 4,096 units
 *
 * So the lowest fit begins in the first quarter that reaches far enough, in its first leaf that
 * does, in its first word that does.  Four reaches are in one register, and compared at once.  A
 * change concerns the word that the run begins in, and the one that what is left of the run begins
 * in; what is above follows only if the longest of a piece became another.
 *
 * A run that goes on behind its chunk is none of the chunk's business.  Of a chunk three lengths
 * are known above: the run that the chunk begins with, its longest, and the run that it ends with.
 * The three of two neighbours give those of both together.  A *node* has eight chunks, or eight
 * nodes, and a binary tree of their lengths.  If the longest run of the left half is long enough,
 * the lowest fit is there.  If not, but the run that the left half ends with and the run that the
 * right half begins with are long enough together, then the fit begins with the former.  Else the
 * fit is in the right half.
 *
 * A search that may not begin at the low end of the space goes down to where it may begin, and from
 * there up, through what lies to the right, until a piece will do.  A search knows of no alignment:
 * an aligned request asks for the next fit behind the one that is not aligned, until one is, so it
 * looks at each run that is long enough and none of whose places is aligned.
 *
 * What is wholly free has no memory: neither chunks nor nodes, and there are only as many levels of
 * nodes as the highest unit in use ever asked for; behind the root all is free.  A space of any
 * length is created at once, and costs what its busy part does.  An allocation may have to get
 * chunks; a free needs nothing, and gives back what became wholly free.
 *
 * Units are counted from the first of the space.  Those behind its end are free, but the bound of a
 * request keeps the request out of them.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "lab.h"

#define WORD_UNITS	64U
#define CHUNK_SHIFT	14
#define CHUNK_UNITS	BIT(CHUNK_SHIFT)
#define CHUNK_WORDS	256U
#define CHUNK_LEAVES	32U
#define CHUNK_QUARTERS	4U

/* Lanes of 16 bits: four in a register. */
#define LANES		4U
#define LANE_BITS	16U
#define LANE_ONES	0x0001000100010001ULL
#define LANE_TOPS	0x8000800080008000ULL

#define FAN_SHIFT	3
#define FAN		BIT(FAN_SHIFT)

/* Levels of nodes that the largest space may need. */
#define MAX_HEIGHT	9

/* No unit. */
#define NOWHERE		(~0UL)

/**
 * struct run - the runs of a piece
 * @first: length of the run that the piece begins with
 * @longest: length of the longest
 * @last: length of the run that the piece ends with
 */
struct run {
	unsigned long first;
	unsigned long longest;
	unsigned long last;
};

/**
 * struct summary_chunk - the bits of some units
 * @link: the pool's, while the chunk is not in use
 * @runs: of the chunk
 * @quarters: reach of each, in lanes
 * @touched: a bit for each word in which a unit is busy
 * @leaves: reach of each, in lanes
 * @words: reach of each, in lanes
 * @busy: a bit for each unit
 */
struct summary_chunk {
	void *link;
	struct run runs;
	u64 quarters[CHUNK_QUARTERS / LANES];
	u64 touched[CHUNK_WORDS / WORD_UNITS];
	u64 leaves[CHUNK_LEAVES / LANES];
	u64 words[CHUNK_WORDS / LANES];
	u64 busy[CHUNK_WORDS];
};

/**
 * struct summary_node - eight pieces of the level below
 * @heap: its runs are 1, those of the halves of i are 2i and 2i + 1, those of the pieces are the
 *	last eight; 0 is not used
 * @below: nodes, or chunks, NULL for what is wholly free
 */
struct summary_node {
	struct run heap[2 * FAN];
	void *below[FAN];
};

/**
 * struct summary_index - a space
 * @space: as it was asked for
 * @root: the chunk or node that begins at the space's first unit; NULL if all is free
 * @height: levels of nodes down to the chunks; 0 if @root is a chunk
 * @chunks: wholly free ones, and how many are in use
 * @nodes: the same
 */
struct summary_index {
	struct lab_space space;
	void *root;
	unsigned int height;
	struct lab_pool chunks;
	struct lab_pool nodes;
};

/* Units of a piece at this height: of a chunk at 0. */
static unsigned long units_at(unsigned int height)
{
	return CHUNK_UNITS << FAN_SHIFT * height;
}

/* Which part of a node at this height a unit is in. */
static unsigned int part_of(unsigned long unit, unsigned int height)
{
	return unit >> (CHUNK_SHIFT + FAN_SHIFT * (height - 1)) & (FAN - 1);
}

/* The runs of two halves of so many units each that lie side by side in memory. */
static struct run join(const struct run *left, unsigned long units)
{
	const struct run *right = left + 1;
	struct run sum = { left->first, left->last + right->first, right->last };

	if (left->first == units)
		sum.first += right->first;
	if (right->last == units)
		sum.last += left->last;
	sum.longest = max(sum.longest, max(left->longest, right->longest));
	return sum;
}

/* Read by itself: memory is little-endian here, so the first lane is the first in memory. */
static __always_inline unsigned int get_lane(const u64 *lanes, unsigned int i)
{
	u16 lane;

	memcpy(&lane, (const char *)lanes + i * sizeof(lane), sizeof(lane));
	return lane;
}

/* Written with those beside it, which are read next. */

static __always_inline void set_lane(u64 *lanes, unsigned int i, u64 value)
{
	unsigned int shift = i % LANES * LANE_BITS;

	lanes[i / LANES] = (lanes[i / LANES] & ~(0xffffULL << shift)) | value << shift;
}

/*
 * The first lane of [i, end) with @least or more; end if there is none.  Lanes and @least are
 * below 2^15.
 */
static unsigned int first_lane(const u64 *lanes, unsigned int i, unsigned int end, u64 least)
{
	u64 all = least * LANE_ONES, hits;

	for (; i < end; i = (i | (LANES - 1)) + 1) {
		hits = (((lanes[i / LANES] | LANE_TOPS) - all) & LANE_TOPS) >>
		       i % LANES * LANE_BITS;
		if (hits)
			return i + __builtin_ctzll(hits) / LANE_BITS;
	}
	return end;
}

/* Lane by lane, the greater one. */
static __always_inline u64 max_lanes(u64 one, u64 other)
{
	u64 mask = ((((one | LANE_TOPS) - other) & LANE_TOPS) >> (LANE_BITS - 1)) * 0xffff;

	return (one & mask) | (other & ~mask);
}

/* The greatest lane. */
static __always_inline unsigned int max_lane(u64 lanes)
{
	lanes = max_lanes(lanes, lanes >> 2 * LANE_BITS);
	return (u16)max_lanes(lanes, lanes >> LANE_BITS);
}

/* The lowest one; the bits are not 0. */
static unsigned long lowest_one(u64 bits)
{
	return __builtin_ctzll(bits);
}

/*
 * The length of the longest row of ones; there is one.  row[i] has a one wherever a row of 2^i
 * ones begins.
 */
static unsigned int longest_row(u64 bits)
{
	unsigned int length = 0;
	u64 row[6] = { bits };
	int i = 0;

	/*
	 * Where little is free there is mostly one row, and adding to its end carries all of it
	 * away.
	 */
	if (!(bits & (bits + (bits & -bits))))
		return WORD_UNITS - __builtin_clzll(bits) - __builtin_ctzll(bits);
	while (i < 5 && (row[i + 1] = row[i] & (row[i] >> (1 << i))))
		i++;
	/* There is a row of 2^i, and none of twice that: what else does the longest have? */
	for (bits = ~0ULL; i >= 0; i--) {
		u64 longer = bits & (row[i] >> length);

		if (longer) {
			bits = longer;
			length += 1U << i;
		}
	}
	return length;
}

/* The lowest place for @size ones in a row; NOWHERE if there is none. */
static unsigned long find_row(u64 bits, unsigned long size)
{
	unsigned long have = 1;

	if (size > WORD_UNITS)
		return NOWHERE;
	while (have < size && bits) {
		unsigned long step = min(have, size - have);

		bits &= bits >> step;
		have += step;
	}
	return bits ? lowest_one(bits) : NOWHERE;
}

/* The first busy unit of a chunk from @unit on; the end of the chunk if there is none. */
static unsigned int next_busy(const struct summary_chunk *chunk, unsigned int unit)
{
	unsigned int word = unit / WORD_UNITS, i;
	u64 bits;

	if (unit == CHUNK_UNITS)
		return unit;
	bits = chunk->busy[word] >> unit % WORD_UNITS;
	if (bits)
		return unit + lowest_one(bits);
	for (word++; word < CHUNK_WORDS; word = (i + 1) * WORD_UNITS) {
		i = word / WORD_UNITS;
		bits = chunk->touched[i] >> word % WORD_UNITS;
		if (bits) {
			word += lowest_one(bits);
			return word * WORD_UNITS + lowest_one(chunk->busy[word]);
		}
	}
	return CHUNK_UNITS;
}

/* Where the free units that end at @unit begin; @unit if it follows a busy one. */
static unsigned int run_start(const struct summary_chunk *chunk, unsigned int unit)
{
	unsigned int word, i;
	u64 bits;

	if (!unit)
		return 0;
	word = (unit - 1) / WORD_UNITS;
	bits = chunk->busy[word] << (-unit % WORD_UNITS);
	if (bits)
		return unit - __builtin_clzll(bits);
	for (; word; word = i * WORD_UNITS) {
		i = (word - 1) / WORD_UNITS;
		bits = chunk->touched[i] << (-word % WORD_UNITS);
		if (bits) {
			word -= __builtin_clzll(bits);
			return word * WORD_UNITS - __builtin_clzll(chunk->busy[word - 1]);
		}
	}
	return 0;
}

/* Where the run begins that a word ends with. */
static unsigned int last_start(const struct summary_chunk *chunk, unsigned int word)
{
	u64 busy = chunk->busy[word];

	return busy ? (word + 1) * WORD_UNITS - __builtin_clzll(busy) : word * WORD_UNITS;
}

/* The reach of a word, from its bits. */
static unsigned int reach_of(const struct summary_chunk *chunk, unsigned int word)
{
	u64 free = ~chunk->busy[word];
	unsigned int reach, start;

	/* What the word before ends with begins there. */
	if (word && !(chunk->busy[word - 1] >> (WORD_UNITS - 1)))
		free &= free + 1;
	if (!free)
		return 0;
	reach = longest_row(free);
	if (free >> (WORD_UNITS - 1)) {
		start = last_start(chunk, word);
		reach = max(reach, next_busy(chunk, start) - start);
	}
	return reach;
}

/*
 * Tell of a piece whose reach was @old and is @reach now: @all is the greatest of it and of those
 * beside it so far.  Return: what the greatest is now; @parts are all of them, in two registers.
 */
static __always_inline unsigned int greatest(const u64 *parts, unsigned int old, unsigned int reach,
					     unsigned int all)
{
	if (reach >= all)
		return reach;
	return old < all ? all : max_lane(max_lanes(parts[0], parts[1]));
}

static void set_reach(struct summary_chunk *chunk, unsigned int word, unsigned int reach)
{
	unsigned int leaf = word / 8, quarter = leaf / 8, old = get_lane(chunk->words, word), all;

	set_lane(chunk->words, word, reach);
	all = get_lane(chunk->leaves, leaf);
	reach = greatest(&chunk->words[leaf * 2], old, reach, all);
	if (reach == all)
		return;
	set_lane(chunk->leaves, leaf, reach);
	old = all;
	all = get_lane(chunk->quarters, quarter);
	reach = greatest(&chunk->leaves[quarter * 2], old, reach, all);
	if (reach == all)
		return;
	set_lane(chunk->quarters, quarter, reach);
	chunk->runs.longest = max_lane(chunk->quarters[0]);
}

static void flip_bits(struct summary_chunk *chunk, unsigned int from, unsigned int to)
{
	unsigned int word = from / WORD_UNITS, last = (to - 1) / WORD_UNITS;
	u64 mask = ~0ULL << from % WORD_UNITS;

	for (;; word++, mask = ~0ULL) {
		u64 bit = 1ULL << word % WORD_UNITS, *touched = &chunk->touched[word / WORD_UNITS];

		if (word == last)
			mask &= ~0ULL >> (-to % WORD_UNITS);
		chunk->busy[word] ^= mask;
		*touched = chunk->busy[word] ? *touched | bit : *touched & ~bit;
		if (word == last)
			return;
	}
}

/* [from, to) of the run [start, end) was made busy. */
static void cut_run(struct summary_chunk *chunk, unsigned int start, unsigned int from,
		    unsigned int to, unsigned int end)
{
	unsigned int word = start / WORD_UNITS, rest = to / WORD_UNITS;

	if (to < end && rest != word && end - to > get_lane(chunk->words, rest))
		set_reach(chunk, rest, end - to);
	if (get_lane(chunk->words, word) == end - start)
		set_reach(chunk, word, reach_of(chunk, word));
	if (!start)
		chunk->runs.first = from;
	if (end == CHUNK_UNITS)
		chunk->runs.last = end - to;
}

/* [start, end) is one run, now that what was in front of @to is free. */
static void join_run(struct summary_chunk *chunk, unsigned int start, unsigned int to,
		     unsigned int end)
{
	unsigned int word = start / WORD_UNITS, rest = to / WORD_UNITS;

	if (to < end && rest != word && get_lane(chunk->words, rest) == end - to)
		set_reach(chunk, rest, reach_of(chunk, rest));
	if (end - start > get_lane(chunk->words, word))
		set_reach(chunk, word, end - start);
	if (!start)
		chunk->runs.first = end;
	if (end == CHUNK_UNITS)
		chunk->runs.last = end - start;
}

/* Make [from, to) of a chunk, all of which is the other, busy or free. */
static void mark_chunk(struct summary_chunk *chunk, unsigned int from, unsigned int to, bool busy)
{
	unsigned int start = run_start(chunk, from), end = next_busy(chunk, to);

	flip_bits(chunk, from, to);
	if (busy)
		cut_run(chunk, start, from, to, end);
	else
		join_run(chunk, start, to, end);
}

/*
 * A chunk that is new is all zeroes.  Later it comes from its pool as it went there: wholly free.
 */
static struct summary_chunk *get_chunk(struct summary_index *index)
{
	struct summary_chunk *chunk = lab_pool_get(&index->chunks);

	if (chunk && !chunk->runs.first) {
		chunk->runs = (struct run){ CHUNK_UNITS, CHUNK_UNITS, CHUNK_UNITS };
		chunk->words[0] = CHUNK_UNITS;
		chunk->leaves[0] = CHUNK_UNITS;
		chunk->quarters[0] = CHUNK_UNITS;
	}
	return chunk;
}

/* A node whose parts, of so many units each, are free. */
static struct summary_node *get_node(struct summary_index *index, unsigned long units)
{
	struct summary_node *node = lab_pool_get(&index->nodes);
	unsigned int i;

	if (!node)
		return NULL;
	for (i = 0; i < FAN; i++) {
		node->heap[FAN + i] = (struct run){ units, units, units };
		node->below[i] = NULL;
	}
	for (i = FAN - 1; i; i--)
		node->heap[i] = join(&node->heap[2 * i], node->heap[2 * i].first);
	return node;
}

/* The runs of a chunk, or of a node. */
static const struct run *runs_of(const void *below, unsigned int height)
{
	const struct summary_chunk *chunk = below;
	const struct summary_node *node = below;

	return height ? &node->heap[1] : &chunk->runs;
}

static bool same_runs(const struct run *one, const struct run *other)
{
	return one->first == other->first && one->longest == other->longest &&
	       one->last == other->last;
}

/*
 * Tell a node of this height of the runs of one of its parts.  Return: whether it has other runs
 * now.
 */
static bool mark_node(struct summary_node *node, unsigned int part, struct run run,
		      unsigned int height)
{
	unsigned long units = units_at(height - 1);
	struct run *old = &node->heap[FAN + part];

	for (part += FAN;; units *= 2) {
		if (same_runs(old, &run))
			return false;
		*old = run;
		part /= 2;
		if (!part)
			return true;
		run = join(&node->heap[2 * part], units);
		old = &node->heap[part];
	}
}

/* Let the root cover so many units. */
static int grow(struct summary_index *index, unsigned long units)
{
	struct summary_node *node;

	for (; units > units_at(index->height); index->height++) {
		if (!index->root)
			continue;
		node = get_node(index, units_at(index->height));
		if (!node)
			return -ENOMEM;
		node->below[0] = index->root;
		mark_node(node, 0, *runs_of(index->root, index->height), index->height + 1);
		index->root = node;
	}
	return 0;
}

/*
 * Go down to the chunk of a unit; path[h] is the node at height h on the way.  NULL if there is
 * none: then the piece of this height that the unit is in is wholly free.
 */
static struct summary_chunk *go_down(const struct summary_index *index, unsigned long unit,
				     struct summary_node *path[], unsigned int *height)
{
	void *below = index->root;
	unsigned int h;

	for (h = index->height; h && below; h--) {
		path[h] = below;
		below = path[h]->below[part_of(unit, h)];
	}
	*height = h;
	return below;
}

/* Make the chunk of a unit, and what nodes are missing above the chunk. */
static int make_chunk(struct summary_index *index, unsigned long unit)
{
	void **below = &index->root;
	unsigned int height;

	for (height = index->height;; height--) {
		if (!*below)
			*below = height ? (void *)get_node(index, units_at(height - 1)) :
					  (void *)get_chunk(index);
		if (!*below)
			return -ENOMEM;
		if (!height)
			return 0;
		below = &((struct summary_node *)*below)->below[part_of(unit, height)];
	}
}

/* Give back a chunk that is wholly free, and the nodes on the way to it that are, too. */
static void prune(struct summary_index *index, unsigned long unit, struct summary_chunk *chunk,
		  struct summary_node *path[])
{
	unsigned int height, i;

	lab_pool_put(&index->chunks, chunk);
	for (height = 1; height <= index->height; height++) {
		path[height]->below[part_of(unit, height)] = NULL;
		for (i = 0; i < FAN; i++)
			if (path[height]->below[i])
				return;
		lab_pool_put(&index->nodes, path[height]);
	}
	index->root = NULL;
	index->height = 0;
}

/*
 * Make the units of [from, to) busy, or free; they are in one chunk.  Return: false if there is no
 * such chunk.
 */
static bool mark_piece(struct summary_index *index, unsigned long from, unsigned long to, bool busy)
{
	struct summary_node *path[MAX_HEIGHT + 1];
	struct summary_chunk *chunk;
	unsigned int height;
	struct run run;

	chunk = go_down(index, from, path, &height);
	if (!chunk)
		return false;
	mark_chunk(chunk, from % CHUNK_UNITS, (to - 1) % CHUNK_UNITS + 1, busy);
	run = chunk->runs;
	for (height = 1; height <= index->height; height++) {
		if (!mark_node(path[height], part_of(from, height), run, height))
			break;
		run = path[height]->heap[1];
	}
	if (chunk->runs.first == CHUNK_UNITS)
		prune(index, from, chunk, path);
	return true;
}

static bool in_one_chunk(unsigned long from, unsigned long to)
{
	return (from ^ (to - 1)) < CHUNK_UNITS;
}

/* The same of any units whose chunks exist. */
static void mark(struct summary_index *index, unsigned long from, unsigned long to, bool busy)
{
	unsigned long end;

	while (!in_one_chunk(from, to)) {
		end = (from | (CHUNK_UNITS - 1)) + 1;
		mark_piece(index, from, end, busy);
		from = end;
	}
	mark_piece(index, from, to, busy);
}

/*
 * See to it that there are the chunks of [from, to).  If it fails, those that are wholly free go
 * again.
 */
static int make_chunks(struct summary_index *index, unsigned long from, unsigned long to)
{
	struct summary_node *path[MAX_HEIGHT + 1];
	struct summary_chunk *chunk;
	unsigned int height;
	unsigned long unit;
	int err = grow(index, to);

	for (unit = from & ~(CHUNK_UNITS - 1); unit < to && !err; unit += CHUNK_UNITS)
		err = make_chunk(index, unit);
	for (unit = from & ~(CHUNK_UNITS - 1); unit < to && err; unit += CHUNK_UNITS) {
		chunk = go_down(index, unit, path, &height);
		if (chunk && chunk->runs.first == CHUNK_UNITS)
			prune(index, unit, chunk, path);
	}
	return err;
}

/* The first fit that begins in a word, which reaches far enough, and no word before does. */
static unsigned int find_in_word(const struct summary_chunk *chunk, unsigned int word,
				 unsigned int size)
{
	unsigned long row = find_row(~chunk->busy[word], size);

	return row != NOWHERE ? word * WORD_UNITS + row : last_start(chunk, word);
}

/* The same of a leaf. */
static unsigned int find_in_leaf(const struct summary_chunk *chunk, unsigned int leaf,
				 unsigned int size)
{
	return find_in_word(chunk, first_lane(chunk->words, leaf * 8, leaf * 8 + 8, size), size);
}

/* The same of a quarter. */
static unsigned int find_in_quarter(const struct summary_chunk *chunk, unsigned int quarter,
				    unsigned int size)
{
	return find_in_leaf(chunk, first_lane(chunk->leaves, quarter * 8, quarter * 8 + 8, size),
			    size);
}

/* The lowest fit in a chunk, which has one. */
static unsigned int find_in_chunk(const struct summary_chunk *chunk, unsigned int size)
{
	return find_in_quarter(chunk, first_lane(chunk->quarters, 0, CHUNK_QUARTERS, size), size);
}

/*
 * The lowest fit in part @i of a node's heap, which has one; the node is at this height, the part
 * begins at
 * @base and has @units units.
 */
static unsigned long find_in_node(const struct summary_node *node, unsigned int height,
				  unsigned int i, unsigned long base, unsigned long units,
				  unsigned long size)
{
	for (;; i = 1) {
		while (i < FAN) {
			const struct run *left = &node->heap[i *= 2];

			units /= 2;
			if (left->longest >= size)
				continue;
			base += units;
			if (left->last + left[1].first >= size)
				return base - left->last;
			i++;
		}
		/* It is wholly free. */
		if (!node->below[i - FAN])
			return base;
		if (!--height)
			return base + find_in_chunk(node->below[i - FAN], size);
		node = node->below[i - FAN];
	}
}

/**
 * struct search - on its way up
 * @size: units looked for
 * @base: where the piece begins that is looked at next
 * @carry: length of the run that ends there
 */
struct search {
	unsigned long size;
	unsigned long base;
	unsigned long carry;
};

/*
 * Look for a run that begins in a chunk behind @busy, a busy unit; NOWHERE if none is long enough.
 */
static unsigned long find_behind(const struct summary_chunk *chunk, unsigned int busy,
				 unsigned long size)
{
	unsigned int word = busy / WORD_UNITS, leaf = word / 8, quarter = leaf / 8, start, end;
	u64 open = ~chunk->busy[word] >> busy % WORD_UNITS << busy % WORD_UNITS;
	unsigned long row = find_row(open, size);

	if (size > CHUNK_UNITS)
		return NOWHERE;
	if (row != NOWHERE)
		return word * WORD_UNITS + row;
	start = last_start(chunk, word);
	if (next_busy(chunk, start) - start >= size)
		return start;
	end = leaf * 8 + 8;
	word = first_lane(chunk->words, word + 1, end, size);
	if (word < end)
		return find_in_word(chunk, word, size);
	end = quarter * 8 + 8;
	leaf = first_lane(chunk->leaves, leaf + 1, end, size);
	if (leaf < end)
		return find_in_leaf(chunk, leaf, size);
	quarter = first_lane(chunk->quarters, quarter + 1, CHUNK_QUARTERS, size);
	return quarter < CHUNK_QUARTERS ? find_in_quarter(chunk, quarter, size) : NOWHERE;
}

/*
 * Look in a chunk from unit @from of the chunk on; NOWHERE, and the search is at the chunk's end.
 */
static unsigned long find_up_chunk(struct search *search, const struct summary_chunk *chunk,
				   unsigned int from)
{
	unsigned int busy = next_busy(chunk, from);
	unsigned long base = search->base - from, found;

	if (busy - from >= search->size)
		return search->base;
	search->base = base + CHUNK_UNITS;
	search->carry = busy == CHUNK_UNITS ? busy - from : chunk->runs.last;
	if (busy == CHUNK_UNITS)
		return NOWHERE;
	found = find_behind(chunk, busy, search->size);
	return found == NOWHERE ? NOWHERE : base + found;
}

/* Look in a node at this height, to the right of one of its parts, at whose end the search is. */
static unsigned long find_up_node(struct search *search, const struct summary_node *node,
				  unsigned int height, unsigned int part)
{
	unsigned long units = units_at(height - 1);
	unsigned int i;

	for (i = FAN + part; i > 1; i /= 2, units *= 2) {
		const struct run *next = &node->heap[i + 1];

		if (i & 1)
			continue;
		if (search->carry + next->first >= search->size)
			return search->base - search->carry;
		if (next->longest >= search->size)
			return find_in_node(node, height, i + 1, search->base, units, search->size);
		search->carry = next->last + (next->last == units ? search->carry : 0);
		search->base += units;
	}
	return NOWHERE;
}

/* The lowest fit of all.  What is behind the root is free. */
static unsigned long find_lowest(const struct summary_index *index, unsigned long size)
{
	const struct run *runs = runs_of(index->root, index->height);
	unsigned long units = units_at(index->height);

	if (runs->longest < size)
		return units - runs->last;
	return index->height ? find_in_node(index->root, index->height, 1, 0, units, size) :
			       find_in_chunk(index->root, size);
}

/*
 * The lowest fit at @from or behind.  There always is one, if need be behind the end of the space.
 */
static unsigned long find(const struct summary_index *index, unsigned long from, unsigned long size)
{
	struct search search = { .size = size, .base = from };
	struct summary_node *path[MAX_HEIGHT + 1];
	const struct summary_chunk *chunk;
	unsigned long found = NOWHERE;
	unsigned int height;

	if (!index->root || from >= units_at(index->height))
		return from;
	if (!from)
		return find_lowest(index, size);
	chunk = go_down(index, from, path, &height);
	if (chunk) {
		found = find_up_chunk(&search, chunk, from % CHUNK_UNITS);
	} else {
		search.base = (from | (units_at(height) - 1)) + 1;
		search.carry = search.base - from;
		if (search.carry >= size)
			found = from;
	}
	while (found == NOWHERE && height++ < index->height)
		found = find_up_node(&search, path[height], height, part_of(from, height));
	return found != NOWHERE ? found : search.base - search.carry;
}

static void summary_destroy(void *self)
{
	struct summary_index *index = self;

	lab_pool_exit(&index->chunks);
	lab_pool_exit(&index->nodes);
	lab_release(index);
}

static void *summary_create(const struct lab_space *space)
{
	struct summary_index *index = lab_zalloc(sizeof(*index));
	unsigned long chunks =
		min((space->end - space->start) / CHUNK_UNITS, 16 * space->areas / CHUNK_UNITS) + 1;

	if (!index)
		return ERR_PTR(-ENOMEM);
	index->space = *space;
	if (lab_pool_init(&index->chunks, sizeof(struct summary_chunk), chunks) ||
	    lab_pool_init(&index->nodes, sizeof(struct summary_node), chunks / FAN + MAX_HEIGHT)) {
		summary_destroy(index);
		return ERR_PTR(-ENOMEM);
	}
	return index;
}

/* Make the units of [from, to) busy. */
static int cut(struct summary_index *index, unsigned long from, unsigned long to)
{
	int err;

	if (in_one_chunk(from, to) && to <= units_at(index->height) &&
	    mark_piece(index, from, to, true))
		return 0;
	err = make_chunks(index, from, to);
	if (!err)
		mark(index, from, to, true);
	return err;
}

static int summary_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	struct summary_index *index = self;
	unsigned long origin = index->space.start, at = request->lo - origin, fit;

	for (;; at = fit) {
		at = find(index, at, request->size);
		if (origin + at + request->size > request->hi)
			return -ENOSPC;
		fit = ALIGN(origin + at, request->align) - origin;
		if (fit == at)
			break;
	}
	*area = (struct lab_area){ NULL, origin + at, request->size };
	return cut(index, at, at + request->size);
}

static void summary_free(void *self, const struct lab_area *area)
{
	struct summary_index *index = self;
	unsigned long from = area->start - index->space.start;

	mark(index, from, from + area->size, false);
}

/**
 * struct walk - on its way
 * @visit: what to call with each run
 * @data: for @visit
 * @origin: the address of unit 0
 * @end: one past the last unit of the space
 * @from: where the run that is open begins
 * @to: where it ends, so far
 */
struct walk {
	lab_visit visit;
	void *data;
	unsigned long origin;
	unsigned long end;
	unsigned long from;
	unsigned long to;
};

static void close_run(struct walk *walk)
{
	unsigned long to = min(walk->to, walk->end);

	if (walk->from < to)
		walk->visit(walk->data, walk->origin + walk->from, walk->origin + to);
}

static void add_free(struct walk *walk, unsigned long from, unsigned long units)
{
	if (walk->to != from) {
		close_run(walk);
		walk->from = from;
	}
	walk->to = from + units;
}

static void walk_chunk(struct walk *walk, const struct summary_chunk *chunk, unsigned long base)
{
	unsigned int from = 0, busy;

	while (from < CHUNK_UNITS) {
		busy = next_busy(chunk, from);
		if (busy > from)
			add_free(walk, base + from, busy - from);
		for (from = busy;
		     from < CHUNK_UNITS && chunk->busy[from / WORD_UNITS] >> from % WORD_UNITS & 1;)
			from++;
	}
}

static void summary_walk(void *self, lab_visit visit, void *data)
{
	struct summary_index *index = self;
	struct walk walk = {
		.visit = visit,
		.data = data,
		.origin = index->space.start,
		.end = index->space.end - index->space.start,
	};
	struct summary_node *path[MAX_HEIGHT + 1];
	unsigned long base = 0;
	unsigned int height;

	while (index->root && base < min(walk.end, units_at(index->height))) {
		const struct summary_chunk *chunk = go_down(index, base, path, &height);

		if (chunk)
			walk_chunk(&walk, chunk, base);
		else
			add_free(&walk, base, units_at(height));
		base += units_at(height);
	}
	if (base < walk.end)
		add_free(&walk, base, walk.end - base);
	close_run(&walk);
}

static unsigned long summary_bytes(void *self)
{
	struct summary_index *index = self;

	return sizeof(*index) + index->chunks.used * index->chunks.node +
	       index->nodes.used * index->nodes.node;
}

const struct lab_index lab_summary = {
	.name = "summary",
	.differs = "a bit a unit, and a tree of the longest runs above the bits",
	.flags = LAB_LOWEST,
	.create = summary_create,
	.destroy = summary_destroy,
	.alloc = summary_alloc,
	.free = summary_free,
	.walk = summary_walk,
	.bytes = summary_bytes,
};
