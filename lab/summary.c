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
 *   word  64 units
 *   leaf  8 words: 512 units
 *
 * A leaf has a *heap* of the reaches of its words, and a chunk one of its 32 leaves: a binary tree
 * in an array, of which number i is the greater of the numbers 2i and 2i + 1; number 1 is the
 * greatest of all, and the second half of the array are the pieces.  The lowest fit begins in the
 * first piece that reaches far enough: from number 1 down, one comparison a level says on which
 * side that is.  A change concerns the word that the run begins in, and the one that what is left
 * of the run begins in; from there it goes up until a number stays as it was.
 *
 * A run that goes on behind its chunk is none of the chunk's business.  Of a chunk three lengths
 * are known above: the run that the chunk begins with, its longest, and the run that it ends with.
 * A *node* has eight chunks, or eight nodes, as its parts, and a heap of their reaches: in a node
 * the run that a part ends with counts with all of it that lies in the next parts, the *tail* of
 * the part.  If a part reaches far enough, but its longest run is too short, the fit is the run
 * that the part ends with.  Mostly the longest run is the only one that changes, and the heap all
 * that has to be told.
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
#define LEAF_SHIFT	3
#define LEAF_WORDS	8U
#define LEAVES_SHIFT	5
#define CHUNK_LEAVES	32U
#define CHUNK_WORDS	(CHUNK_LEAVES * LEAF_WORDS)
#define CHUNK_SHIFT	14
#define CHUNK_UNITS	BIT(CHUNK_SHIFT)

#define FAN_SHIFT	3
#define FAN		BIT(FAN_SHIFT)

/* Bytes of a cache line. */
#define LINE		64

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
 * @first: length of the run that the chunk begins with
 * @last: length of the run that the chunk ends with
 * @touched: a bit for each word in which a unit is busy
 * @leaves: a heap of the reaches of all leaves
 * @words: for each leaf, a heap of the reaches of its words
 * @busy: a bit for each unit
 */
struct summary_chunk {
	void *link;
	unsigned long first;
	unsigned long last;
	u64 touched[CHUNK_WORDS / WORD_UNITS];
	u16 leaves[2 * CHUNK_LEAVES] __aligned(LINE);
	u16 words[CHUNK_LEAVES][2 * LEAF_WORDS];
	u64 busy[CHUNK_WORDS];
};

/**
 * struct summary_node - eight parts, pieces of the level below
 * @reach: a heap of the reaches of all parts; number 0 is the pool's, while the node is not in use
 * @tail: of each part, the length of the run that it ends with, as far as that lies in this node
 * @first: of each part, the length of the run that it begins with
 * @last: of each part, the length of the run that it ends with, as far as that lies in the part
 * @below: nodes, or chunks, NULL for what is wholly free
 */
struct summary_node {
	unsigned long reach[2 * FAN] __aligned(LINE);
	unsigned long tail[FAN];
	unsigned long first[FAN];
	unsigned long last[FAN];
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

/*
 * Heaps of lengths of this type, of 2^@levels pieces; all loops are unrolled.
 *
 *   NAME_first()  the first piece with @least or more; there is one
 *   NAME_raise()  @piece has @length, which is more than it had
 *   NAME_set()    @piece has @length
 *
 * The last two return whether the greatest length is another now.
 */
#define DEFINE_HEAP(name, type)								\
static __always_inline unsigned int							\
name##_first(const type heap[], unsigned int levels, unsigned long least)		\
{											\
	unsigned int i = 1, level;							\
											\
	_Pragma("GCC unroll 8")								\
	for (level = 0; level < levels; level++)					\
		i = 2 * i + (heap[2 * i] < least);					\
	return i - (1U << levels);							\
}											\
											\
static __always_inline bool								\
name##_raise(type heap[], unsigned int levels, unsigned int piece, unsigned long length)	\
{											\
	unsigned int i = (1U << levels) + piece, level;					\
											\
	heap[i] = length;								\
	_Pragma("GCC unroll 8")								\
	for (level = 0; level < levels; level++) {					\
		i /= 2;									\
		if (heap[i] >= length)							\
			return false;							\
		heap[i] = length;							\
	}										\
	return true;									\
}											\
											\
static __always_inline bool								\
name##_set(type heap[], unsigned int levels, unsigned int piece, unsigned long length)	\
{											\
	unsigned int i = (1U << levels) + piece, level;					\
	unsigned long beside;								\
											\
	heap[i] = length;								\
	_Pragma("GCC unroll 8")								\
	for (level = 0; level < levels; level++) {					\
		beside = heap[i ^ 1];							\
		length = max(length, beside);						\
		i /= 2;									\
		if (heap[i] == length)							\
			return false;							\
		heap[i] = length;							\
	}										\
	return true;									\
}

DEFINE_HEAP(short, u16)
DEFINE_HEAP(long, unsigned long)

/* The first piece of a heap behind @piece with @least or more; as many as there are if none has. */
static unsigned int short_next(const u16 *heap, unsigned int levels, unsigned int piece,
			       unsigned long least)
{
	unsigned int pieces = 1U << levels, i;

	for (i = pieces + piece; i & 1 || heap[i + 1] < least; i /= 2)
		if (i == 1)
			return pieces;
	for (i++; i < pieces;)
		i = 2 * i + (heap[2 * i] < least);
	return i - pieces;
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
static __always_inline unsigned long find_row(u64 bits, unsigned long size)
{
	unsigned long have = 1;

	if (size > WORD_UNITS)
		return NOWHERE;
	for (; 2 * have <= size; have *= 2)
		bits &= bits >> have;
	bits &= bits >> (size - have);
	return bits ? lowest_one(bits) : NOWHERE;
}

/* The first busy unit of a chunk behind word @word; the end of the chunk if there is none. */
static noinline unsigned int next_busy_word(const struct summary_chunk *chunk, unsigned int word)
{
	unsigned int i;
	u64 bits;

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

/* The first busy unit of a chunk from @unit on; the end of the chunk if there is none. */
static __always_inline unsigned int next_busy(const struct summary_chunk *chunk, unsigned int unit)
{
	unsigned int word = unit / WORD_UNITS;
	u64 bits;

	if (unit == CHUNK_UNITS)
		return unit;
	bits = chunk->busy[word] >> unit % WORD_UNITS;
	return bits ? unit + lowest_one(bits) : next_busy_word(chunk, word);
}

/* Where the free units that end with word @word begin. */
static noinline unsigned int run_start_word(const struct summary_chunk *chunk, unsigned int word)
{
	unsigned int i;
	u64 bits;

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

/* Where the free units that end at @unit begin; @unit if it follows a busy one. */
static __always_inline unsigned int run_start(const struct summary_chunk *chunk, unsigned int unit)
{
	unsigned int word;
	u64 bits;

	if (!unit)
		return 0;
	word = (unit - 1) / WORD_UNITS;
	bits = chunk->busy[word] << (-unit % WORD_UNITS);
	return bits ? unit - __builtin_clzll(bits) : run_start_word(chunk, word);
}

/* Where the run begins that a word ends with. */
static unsigned int last_start(const struct summary_chunk *chunk, unsigned int word)
{
	u64 busy = chunk->busy[word];

	return busy ? (word + 1) * WORD_UNITS - __builtin_clzll(busy) : word * WORD_UNITS;
}

/* The reach of a word in which these units are free, and those behind it may be. */
static noinline unsigned int reach_behind(const struct summary_chunk *chunk, unsigned int word,
					  u64 free)
{
	unsigned int start = last_start(chunk, word);

	return max(longest_row(free), next_busy_word(chunk, word) - start);
}

/* The reach of a word, from its bits. */
static __always_inline unsigned int reach_of(const struct summary_chunk *chunk, unsigned int word)
{
	u64 free = ~chunk->busy[word];

	/* What the word before ends with begins there. */
	if (word && !(chunk->busy[word - 1] >> (WORD_UNITS - 1)))
		free &= free + 1;
	if (!free)
		return 0;
	if (free >> (WORD_UNITS - 1))
		return reach_behind(chunk, word, free);
	/*
	 * Where little is free there is mostly one row, and adding to its end carries all of it
	 * away.
	 */
	if (!(free & (free + (free & -free))))
		return WORD_UNITS - __builtin_clzll(free) - lowest_one(free);
	return longest_row(free);
}

static __always_inline unsigned int get_reach(const struct summary_chunk *chunk, unsigned int word)
{
	return chunk->words[word / LEAF_WORDS][LEAF_WORDS + word % LEAF_WORDS];
}

/* The reach of a word grows.  Return: whether the longest run of the chunk has another length. */
static __always_inline bool raise_reach(struct summary_chunk *chunk, unsigned int word,
					unsigned int reach)
{
	unsigned int leaf = word / LEAF_WORDS;

	return short_raise(chunk->words[leaf], LEAF_SHIFT, word % LEAF_WORDS, reach) &&
	       short_raise(chunk->leaves, LEAVES_SHIFT, leaf, reach);
}

/* The same of a reach that may shrink. */
static __always_inline bool set_reach(struct summary_chunk *chunk, unsigned int word,
				      unsigned int reach)
{
	unsigned int leaf = word / LEAF_WORDS;

	return short_set(chunk->words[leaf], LEAF_SHIFT, word % LEAF_WORDS, reach) &&
	       short_set(chunk->leaves, LEAVES_SHIFT, leaf, chunk->words[leaf][1]);
}

/* Make the units of a word that @mask says busy, or free. */
static __always_inline void mark_word(struct summary_chunk *chunk, unsigned int word, u64 mask,
				      bool busy)
{
	u64 bit = 1ULL << word % WORD_UNITS;

	if (busy) {
		chunk->busy[word] |= mask;
		chunk->touched[word / WORD_UNITS] |= bit;
	} else {
		chunk->busy[word] &= ~mask;
		if (!chunk->busy[word])
			chunk->touched[word / WORD_UNITS] &= ~bit;
	}
}

static __always_inline void mark_bits(struct summary_chunk *chunk, unsigned int from,
				      unsigned int to, bool busy)
{
	unsigned int word = from / WORD_UNITS, last = (to - 1) / WORD_UNITS;
	u64 mask = ~0ULL << from % WORD_UNITS;

	for (; word < last; word++, mask = ~0ULL)
		mark_word(chunk, word, mask, busy);
	mark_word(chunk, word, mask & ~0ULL >> (-to % WORD_UNITS), busy);
}

/* [from, to) of the run [start, end) was made busy.  Return: as set_reach(). */
static __always_inline bool cut_run(struct summary_chunk *chunk, unsigned int start,
				    unsigned int from, unsigned int to, unsigned int end)
{
	unsigned int word = start / WORD_UNITS, rest = to / WORD_UNITS;
	bool changed = false;

	if (to < end && rest != word && end - to > get_reach(chunk, rest))
		changed = raise_reach(chunk, rest, end - to);
	if (get_reach(chunk, word) == end - start)
		changed |= set_reach(chunk, word, reach_of(chunk, word));
	if (!start)
		chunk->first = from;
	if (end == CHUNK_UNITS)
		chunk->last = end - to;
	return changed;
}

/* [start, end) is one run, now that what was in front of @to is free.  Return: as set_reach(). */
static __always_inline bool join_run(struct summary_chunk *chunk, unsigned int start,
				     unsigned int to, unsigned int end)
{
	unsigned int word = start / WORD_UNITS, rest = to / WORD_UNITS;
	bool changed = false;

	if (to < end && rest != word && get_reach(chunk, rest) == end - to)
		changed = set_reach(chunk, rest, reach_of(chunk, rest));
	if (end - start > get_reach(chunk, word))
		changed |= raise_reach(chunk, word, end - start);
	if (!start)
		chunk->first = end;
	if (end == CHUNK_UNITS)
		chunk->last = end - start;
	return changed;
}

/*
 * A chunk that is new is all zeroes.  Later it comes from its pool as it went there: wholly free.
 */
static struct summary_chunk *get_chunk(struct summary_index *index)
{
	struct summary_chunk *chunk = lab_pool_get(&index->chunks);

	if (chunk && !chunk->first) {
		chunk->first = CHUNK_UNITS;
		chunk->last = CHUNK_UNITS;
		raise_reach(chunk, 0, CHUNK_UNITS);
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
		node->tail[i] = (FAN - i) * units;
		node->reach[FAN + i] = node->tail[i];
		node->first[i] = units;
		node->last[i] = units;
		node->below[i] = NULL;
	}
	for (i = FAN - 1; i; i--)
		node->reach[i] = node->reach[2 * i];
	return node;
}

/**
 * struct way - from the root to a chunk
 * @chunk: at its end
 * @path: the nodes above the chunk, by height
 */
struct way {
	struct summary_chunk *chunk;
	struct summary_node *path[MAX_HEIGHT + 1];
};

/* The length of the longest run of a chunk, or of a node. */
static unsigned long longest_of(const void *below, unsigned int height)
{
	const struct summary_chunk *chunk = below;
	const struct summary_node *node = below;

	return height ? node->reach[1] : chunk->leaves[1];
}

/* The length of the run that @part and those behind it begin with. */
static unsigned long first_from(const struct summary_node *node, unsigned int part,
				unsigned long units)
{
	unsigned long length = 0;

	for (; part < FAN; part++) {
		length += node->first[part];
		if (node->first[part] < units)
			break;
	}
	return length;
}

/* The length of the run that a node ends with. */
static unsigned long last_of(const struct summary_node *node, unsigned long units)
{
	unsigned long length = 0;
	unsigned int i;

	for (i = FAN; i--;) {
		length += node->last[i];
		if (node->last[i] < units)
			break;
	}
	return length;
}

static struct run runs_of(const void *below, unsigned int height)
{
	const struct summary_chunk *chunk = below;
	const struct summary_node *node = below;

	if (!height)
		return (struct run){ chunk->first, chunk->leaves[1], chunk->last };
	return (struct run){ first_from(node, 0, units_at(height - 1)), node->reach[1],
			     last_of(node, units_at(height - 1)) };
}

/*
 * Part @part of a node of this height has these runs now: what goes on from the parts before it
 * goes further, too, or less far.
 */
static void set_runs(struct summary_node *node, unsigned int part, struct run runs,
		     unsigned int height)
{
	unsigned long units = units_at(height - 1), longest = runs.longest;
	unsigned long next = first_from(node, part + 1, units);
	unsigned long tail = runs.last ? runs.last + next : 0;

	node->first[part] = runs.first;
	node->last[part] = runs.last;
	for (;;) {
		node->tail[part] = tail;
		long_set(node->reach, FAN_SHIFT, part, max(longest, tail));
		next = node->first[part] + (node->first[part] == units ? next : 0);
		if (!part--)
			return;
		tail = node->last[part] ? node->last[part] + next : 0;
		if (tail == node->tail[part])
			return;
		longest = node->below[part] ? longest_of(node->below[part], height - 1) : units;
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
		set_runs(node, 0, runs_of(index->root, index->height), index->height + 1);
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

/* Tell the nodes above the chunk of a unit of all its runs. */
static noinline void mark_edges(struct summary_index *index, struct summary_node *path[],
				unsigned long unit, const struct summary_chunk *chunk)
{
	const void *below = chunk;
	unsigned int height;

	for (height = 1; height <= index->height; height++) {
		set_runs(path[height], part_of(unit, height), runs_of(below, height - 1), height);
		below = path[height];
	}
}

/* The same, if the longest of the runs is the only one that has changed, and @raised says how. */
static __always_inline void mark_longest(struct summary_index *index, struct summary_node *path[],
					 unsigned long unit, const struct summary_chunk *chunk,
					 bool raised)
{
	unsigned long longest = chunk->leaves[1];
	unsigned int height, part;
	bool changed;

	unit >>= CHUNK_SHIFT;
	for (height = 1; height <= index->height; height++, unit >>= FAN_SHIFT) {
		struct summary_node *node = path[height];

		part = unit & (FAN - 1);
		longest = max(longest, node->tail[part]);
		if (longest == node->reach[FAN + part])
			return;
		changed = raised ? long_raise(node->reach, FAN_SHIFT, part, longest) :
				   long_set(node->reach, FAN_SHIFT, part, longest);
		if (!changed)
			return;
		longest = node->reach[1];
	}
}

/* Make [from, to) of the chunk at the end of @way busy, or free: then [start, end) is a run. */
static __always_inline void mark_run(struct summary_index *index, struct way *way,
				     unsigned long unit, unsigned int start, unsigned int from,
				     unsigned int to, unsigned int end, bool busy)
{
	struct summary_chunk *chunk = way->chunk;
	bool changed;

	mark_bits(chunk, from, to, busy);
	changed = busy ? cut_run(chunk, start, from, to, end) : join_run(chunk, start, to, end);
	if (!start || end == CHUNK_UNITS)
		mark_edges(index, way->path, unit, chunk);
	else if (changed)
		mark_longest(index, way->path, unit, chunk, !busy);
}

/*
 * Make the units of [from, to) busy, or free; they are in one chunk.  Return: false if there is no
 * such chunk.
 */
static __always_inline bool mark_piece(struct summary_index *index, unsigned long from,
				       unsigned long to, bool busy)
{
	unsigned int first = from % CHUNK_UNITS, end = (to - 1) % CHUNK_UNITS + 1, height;
	struct way way;

	way.chunk = go_down(index, from, way.path, &height);
	if (!way.chunk)
		return false;
	mark_run(index, &way, from, run_start(way.chunk, first), first, end,
		 next_busy(way.chunk, end), busy);
	if (way.chunk->first == CHUNK_UNITS)
		prune(index, from, way.chunk, way.path);
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

	for (; from < to; from = end) {
		end = min((from | (CHUNK_UNITS - 1)) + 1, to);
		mark_piece(index, from, end, busy);
	}
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
		if (chunk && chunk->first == CHUNK_UNITS)
			prune(index, unit, chunk, path);
	}
	return err;
}

/* The first fit that begins in a word, which reaches far enough, and no word before does. */
static __always_inline unsigned int find_in_word(const struct summary_chunk *chunk,
						 unsigned int word, unsigned int size)
{
	unsigned long row = find_row(~chunk->busy[word], size);

	return row != NOWHERE ? word * WORD_UNITS + row : last_start(chunk, word);
}

/* The same of a leaf. */
static __always_inline unsigned int find_in_leaf(const struct summary_chunk *chunk,
						 unsigned int leaf, unsigned int size)
{
	return find_in_word(chunk, leaf * LEAF_WORDS +
			    short_first(chunk->words[leaf], LEAF_SHIFT, size), size);
}

/* The lowest fit in a chunk, which has one. */
static __always_inline unsigned int find_in_chunk(const struct summary_chunk *chunk,
						  unsigned int size)
{
	return find_in_leaf(chunk, short_first(chunk->leaves, LEAVES_SHIFT, size), size);
}

/*
 * The lowest fit that begins in part @i of a node, and there is one; the node is at this height,
 * the part is number @i of all.
 */
static unsigned long find_in_part(struct summary_node *node, unsigned int height, unsigned long i,
				  unsigned long size, struct way *way)
{
	for (;;) {
		unsigned int part = i & (FAN - 1);
		void *below = node->below[part];

		way->path[height--] = node;
		/* It is wholly free. */
		if (!below)
			return i * units_at(height);
		if (!height) {
			struct summary_chunk *chunk = below;

			if (chunk->leaves[1] < size)
				break;
			way->chunk = chunk;
			return i * CHUNK_UNITS + find_in_chunk(chunk, size);
		}
		if (((struct summary_node *)below)->reach[1] < size)
			break;
		node = below;
		i = FAN * i + long_first(node->reach, FAN_SHIFT, size);
	}
	return (i + 1) * units_at(height) - node->last[i & (FAN - 1)];
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
	unsigned int word = busy / WORD_UNITS, leaf = word / LEAF_WORDS, start;
	u64 open = ~chunk->busy[word] >> busy % WORD_UNITS << busy % WORD_UNITS;
	unsigned long row = find_row(open, size);

	if (size > CHUNK_UNITS)
		return NOWHERE;
	if (row != NOWHERE)
		return word * WORD_UNITS + row;
	start = last_start(chunk, word);
	if (next_busy(chunk, start) - start >= size)
		return start;
	word = short_next(chunk->words[leaf], LEAF_SHIFT, word % LEAF_WORDS, size);
	if (word < LEAF_WORDS)
		return find_in_word(chunk, leaf * LEAF_WORDS + word, size);
	leaf = short_next(chunk->leaves, LEAVES_SHIFT, leaf, size);
	return leaf < CHUNK_LEAVES ? find_in_leaf(chunk, leaf, size) : NOWHERE;
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
	search->carry = busy == CHUNK_UNITS ? busy - from : chunk->last;
	if (busy == CHUNK_UNITS)
		return NOWHERE;
	found = find_behind(chunk, busy, search->size);
	return found == NOWHERE ? NOWHERE : base + found;
}

/* Look in a node at this height, to the right of one of its parts, at whose end the search is. */
static unsigned long find_up_node(struct search *search, struct summary_node *node,
				  unsigned int height, unsigned int part, struct way *way)
{
	unsigned long units = units_at(height - 1);
	unsigned int i;

	for (i = part + 1; i < FAN; i++) {
		if (search->carry + node->first[i] >= search->size)
			return search->base - search->carry;
		if (node->first[i] < units && node->reach[FAN + i] >= search->size)
			return find_in_part(node, height, search->base / units, search->size, way);
		search->carry = node->last[i] + (node->last[i] == units ? search->carry : 0);
		search->base += units;
	}
	return NOWHERE;
}

/* The lowest fit of all.  What is behind the root is free. */
static __always_inline unsigned long find_lowest(const struct summary_index *index,
						 unsigned long size, struct way *way)
{
	struct summary_node *node = index->root;
	unsigned int height = index->height;

	if (longest_of(node, height) < size)
		return units_at(height) - runs_of(node, height).last;
	if (height)
		return find_in_part(node, height, long_first(node->reach, FAN_SHIFT, size), size,
				    way);
	way->chunk = index->root;
	return find_in_chunk(way->chunk, size);
}

/* The lowest fit at @from or behind; neither 0 nor behind the root. */
static unsigned long find_from(const struct summary_index *index, unsigned long from,
			       unsigned long size, struct way *way)
{
	struct search search = { .size = size, .base = from };
	const struct summary_chunk *chunk;
	unsigned long found = NOWHERE;
	unsigned int height;

	chunk = go_down(index, from, way->path, &height);
	if (chunk) {
		found = find_up_chunk(&search, chunk, from % CHUNK_UNITS);
	} else {
		search.base = (from | (units_at(height) - 1)) + 1;
		search.carry = search.base - from;
		if (search.carry >= size)
			found = from;
	}
	while (found == NOWHERE && height++ < index->height)
		found = find_up_node(&search, way->path[height], height, part_of(from, height),
				     way);
	return found != NOWHERE ? found : search.base - search.carry;
}

/*
 * The lowest fit at @from or behind.  There always is one, if need be behind the end of the space.
 * If @way has a chunk, the fit begins a run of that chunk.
 */
static __always_inline unsigned long find(const struct summary_index *index, unsigned long from,
					  unsigned long size, struct way *way)
{
	way->chunk = NULL;
	if (!index->root)
		return from;
	if (!from)
		return find_lowest(index, size, way);
	return from < units_at(index->height) ? find_from(index, from, size, way) : from;
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
	struct way way;

	for (;; at = fit) {
		at = find(index, at, request->size, &way);
		if (origin + at + request->size > request->hi)
			return -ENOSPC;
		fit = ALIGN(origin + at, request->align) - origin;
		if (fit == at)
			break;
	}
	*area = (struct lab_area){ NULL, origin + at, request->size };
	if (!way.chunk || !in_one_chunk(at, at + request->size))
		return cut(index, at, at + request->size);
	at %= CHUNK_UNITS;
	fit = at + request->size;
	mark_run(index, &way, area->start - origin, at, at, fit, next_busy(way.chunk, fit), true);
	return 0;
}

static void summary_free(void *self, const struct lab_area *area)
{
	struct summary_index *index = self;
	unsigned long from = area->start - index->space.start;

	if (in_one_chunk(from, from + area->size))
		mark_piece(index, from, from + area->size, false);
	else
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
