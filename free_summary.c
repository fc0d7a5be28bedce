// SPDX-License-Identifier: GPL-2.0
/*
 * free_summary.c - finds free extents by a radix tree that knows the longest of each piece
 *
 * A space has this index, a *summary*, in the place of the red-black tree if its creator says so.
 * The tiles, the rings and all that free_tree.c says of them are the same; only how the lowest free
 * extent of a size is found differs.
 *
 * Words:
 *   grain    as many units as divide each start and each size; grains are numbered from address 0
 *   node     2^SUMMARY_SHIFT parts side by side: a part is a grain in a leaf, else a node of the
 *            level below
 *   reach    of a part: the recorded size, in grains, of the longest free extent that ends in the
 *            part, wherever that extent begins; 0 if none ends there
 *
 * A node has a heap of the reaches of its parts, a binary tree in an array.  From the greatest
 * reach down to the part one comparison a level tells at which side the first part lies that
 * reaches far enough.  So a walk from the root to a leaf takes one comparison a bit of the number
 * of the grain, two cache lines a node, and turns at no branch that a CPU must predict.  As free
 * extents do not overlap, the lowest by the end is the lowest by the start.  An extent counts only
 * where it ends, since most cuts take the lower end of one: a cut changes one reach then, and the
 * change goes up only as far as it changes the greatest reach of a node.
 *
 * A node exists while a tile ends in it, free or not, and the root is the lowest node in which all
 * tiles end.  So nodes are needed only where a tile ends that did not before, which is in a cut
 * (two tiles at most) or where a span is opened.  The nodes for that are in a pool, as spare
 * extents are.  A free needs no node, and a merge gives nodes back to the pool.
 *
 * One call often concerns grains side by side: the way to the last one is kept, and the next walk
 * begins where it leaves that way.
 *
 * What is left of a lost span (lost.c) keeps its nodes until free_summary_fini().
 *
 * Invariants (checked by free_summary_check()):
 *   - each free extent is the extent of its last grain in a leaf, and no other extent is;
 *   - each reach is exact.
 *
 * Locking: none here: as free_tree.c.  No function sleeps or allocates memory.
 */
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mmdebug.h>
#include <linux/string.h>

#include "free_summary.h"

#define PART_MASK	(SUMMARY_PARTS - 1)

/* The number of the grain of @unit; of a size, how many grains it is. */
static __always_inline unsigned long grain_of(const struct free_summary *summary,
					      unsigned long unit)
{
	return unit >> (summary->grain_shift & (BITS_PER_LONG - 1));
}

/* Which part of a node of this level, 0 for a leaf, is @grain in? */
static __always_inline unsigned int part_of(unsigned long grain, unsigned int level)
{
	return grain >> SUMMARY_SHIFT * level & PART_MASK;
}

/* What is left of the number of a grain above a root of so many levels. */
static unsigned long prefix_of(unsigned long grain, unsigned int levels)
{
	unsigned int shift = SUMMARY_SHIFT * levels;

	return shift < BITS_PER_LONG ? grain >> shift : 0;
}

/* What a reach records of an extent of @size. */
static __always_inline u32 reach_of(const struct free_summary *summary, unsigned long size)
{
	return min(grain_of(summary, size), SUMMARY_MOST_RECORDED);
}

static struct summary_node *new_node(struct free_summary *summary)
{
	struct summary_node *node = summary_pool_pop(&summary->spares);

	VM_WARN_ON_ONCE(!node);
	memset(node, 0, sizeof(*node));
	summary->used++;
	return node;
}

static void drop_node(struct free_summary *summary, struct summary_node *node)
{
	summary->used--;
	summary_pool_push(&summary->spares, node);
}

/* The first part with @least or more; there is one. */
static __always_inline unsigned int first_part(const struct summary_node *node, u32 least)
{
	unsigned int i = 1, level;

	_Pragma("GCC unroll 8")
	for (level = 0; level < SUMMARY_SHIFT; level++)
		i = 2 * i + (node->reach[2 * i] < least);
	return i & PART_MASK;
}

/* The first part from @part on with @least or more; SUMMARY_PARTS if there is none. */
static unsigned int next_part(const struct summary_node *node, unsigned int part, u32 least)
{
	while (part < SUMMARY_PARTS && node->reach[SUMMARY_PARTS + part] < least)
		part++;
	return part;
}

/*
 * Record that part @part reaches *@reach.  Return whether the greatest reach is another now, and
 * which.
 */
static __always_inline bool set_reach(struct summary_node *node, unsigned int part, u32 *reach)
{
	unsigned int i = SUMMARY_PARTS + part, level;

	node->reach[i] = *reach;
	_Pragma("GCC unroll 8")
	for (level = 0; level < SUMMARY_SHIFT; level++) {
		*reach = max(*reach, node->reach[i ^ 1]);
		i /= 2;
		if (node->reach[i] == *reach)
			return false;
		node->reach[i] = *reach;
	}
	return true;
}

/* Make @summary empty, without a spare node. */
void free_summary_init(struct free_summary *summary, unsigned long grain)
{
	*summary = (struct free_summary){ .grain_shift = ilog2(grain), .first = ULONG_MAX };
}

static void set_root(struct free_summary *summary, struct summary_node *root, unsigned int levels)
{
	summary->root = root;
	summary->levels = levels;
	summary->path_low = SUMMARY_MOST_LEVELS;
}

/* Put a level above the root. */
static void add_level(struct free_summary *summary)
{
	struct summary_node *top = new_node(summary);
	unsigned int part = summary->prefix & PART_MASK;
	u32 reach = summary->root->reach[1];

	top->below[part] = summary->root;
	set_reach(top, part, &reach);
	top->used = 1;
	set_root(summary, top, summary->levels + 1);
	summary->prefix >>= SUMMARY_SHIFT;
}

/* Have the root cover @grain. */
static __always_inline void cover(struct free_summary *summary, unsigned long grain)
{
	if (unlikely(!summary->root)) {
		set_root(summary, new_node(summary), 1);
		summary->prefix = prefix_of(grain, 1);
	}
	while (unlikely(prefix_of(grain, summary->levels) != summary->prefix))
		add_level(summary);
}

/* Take levels away as long as all tiles end in one part of the root. */
static void lower_root(struct free_summary *summary)
{
	struct summary_node *root;
	unsigned int part;

	while (summary->levels > 1 && summary->root->used == 1) {
		root = summary->root;
		for (part = 0; !root->below[part]; part++)
			;
		summary->prefix = summary->prefix << SUMMARY_SHIFT | part;
		set_root(summary, root->below[part], summary->levels - 1);
		drop_node(summary, root);
	}
}

/**
 * free_summary_open() - take a span into account that is about to be opened
 * @summary: the summary
 * @start: first unit of the span
 * @end: one past the last unit
 */
void free_summary_open(struct free_summary *summary, unsigned long start, unsigned long end)
{
	summary->first = min(summary->first, grain_of(summary, start));
	summary->last = max(summary->last, grain_of(summary, end - 1));
	while (!summary->most_levels || prefix_of(summary->first, summary->most_levels) !=
					prefix_of(summary->last, summary->most_levels))
		summary->most_levels++;
}

/*
 * Go to @grain: have all its nodes on summary->path.  Nodes that are missing are made with
 * @make; without it none is missing.
 */
static __always_inline struct summary_node *go_to(struct free_summary *summary, unsigned long grain,
						  bool make)
{
	unsigned long apart = grain ^ summary->at;
	unsigned int level = apart ? __fls(apart) / SUMMARY_SHIFT : 0;
	struct summary_node *node, **below;

	/* The node that both are in, if the path has that one; else the root. */
	level = max(level, summary->path_low);
	node = level < summary->levels ? summary->path[level] : summary->root;
	level = min(level, summary->levels - 1);
	summary->path[level] = node;
	while (level) {
		below = &node->below[part_of(grain, level)];
		if (make && !*below) {
			*below = new_node(summary);
			node->used++;
		}
		node = *below;
		summary->path[--level] = node;
	}
	summary->at = grain;
	summary->path_low = 0;
	return node;
}

/**
 * free_summary_add() - have the nodes for a tile that ends where none did
 * @summary: the summary; its pool has the nodes that the caller of the layer has seen to
 * @end: one past the last unit of the tile
 */
void free_summary_add(struct free_summary *summary, unsigned long end)
{
	unsigned long grain = grain_of(summary, end - 1);

	cover(summary, grain);
	go_to(summary, grain, true)->used++;
}

/**
 * free_summary_remove() - drop the nodes that only a tile needed which ends no more
 * @summary: the summary
 * @end: where the tile ended; it was not free, or was taken out by free_summary_set()
 */
void free_summary_remove(struct free_summary *summary, unsigned long end)
{
	unsigned long grain = grain_of(summary, end - 1);
	struct summary_node *node = go_to(summary, grain, false);

	while (unlikely(!--node->used)) {
		drop_node(summary, node);
		if (++summary->path_low == summary->levels) {
			set_root(summary, NULL, 0);
			break;
		}
		node = summary->path[summary->path_low];
		node->below[part_of(grain, summary->path_low)] = NULL;
	}
	if (unlikely(summary->path_low))
		lower_root(summary);
}

/**
 * free_summary_set() - record which free extent ends at a place, and how long it is
 * @summary: the summary
 * @end: where a tile ends
 * @extent: the tile if it is free; NULL if it is not
 */
void free_summary_set(struct free_summary *summary, unsigned long end, struct vmap_extent *extent)
{
	unsigned long grain = grain_of(summary, end - 1);
	u32 reach = extent ? reach_of(summary, extent->size) : 0;
	struct summary_node *node = go_to(summary, grain, false);
	unsigned int level = 0, part = part_of(grain, 0);

	node->extent[part] = extent;
	while (set_reach(node, part, &reach) && ++level < summary->levels) {
		node = summary->path[level];
		part = part_of(grain, level);
	}
}

static void drop_all(struct free_summary *summary, struct summary_node *node, unsigned int level)
{
	unsigned int part;

	for (part = 0; level && part < SUMMARY_PARTS; part++)
		if (node->below[part])
			drop_all(summary, node->below[part], level - 1);
	drop_node(summary, node);
}

/* Have all nodes in the pool; nobody uses the space any more. */
void free_summary_fini(struct free_summary *summary)
{
	if (summary->root)
		drop_all(summary, summary->root, summary->levels - 1);
	set_root(summary, NULL, 0);
}

/* The lowest free extent with @least in @node, which has one and is of level @level. */
static __always_inline struct vmap_extent *lowest_in(const struct summary_node *node,
						     unsigned int level, u32 least)
{
	for (; level; level--)
		node = node->below[first_part(node, least)];
	return node->extent[first_part(node, least)];
}

/* The lowest free extent with @least of a summary that has a root, or NULL. */
static struct vmap_extent *lowest(const struct free_summary *summary, u32 least)
{
	return summary->root->reach[1] < least ? NULL :
	       lowest_in(summary->root, summary->levels - 1, least);
}

/**
 * free_summary_lowest() - find the lowest free extent of a size
 * @summary: the summary; the way to the extent is kept for what is done with it
 * @size: units, not 0; an extent that is recorded as the longest there is may be shorter
 *
 * Return: the free extent, or NULL.
 */
struct vmap_extent *free_summary_lowest(struct free_summary *summary, unsigned long size)
{
	struct summary_node *node = summary->root;
	u32 least = reach_of(summary, size);
	unsigned long grain = summary->prefix;
	unsigned int level, part;

	if (!node || node->reach[1] < least)
		return NULL;
	for (level = summary->levels - 1;; level--) {
		summary->path[level] = node;
		part = first_part(node, least);
		grain = grain << SUMMARY_SHIFT | part;
		if (!level)
			break;
		node = node->below[part];
	}
	summary->at = grain;
	summary->path_low = 0;
	return node->extent[part];
}

/**
 * free_summary_next() - find the lowest free extent of a size that does not end below a place
 * @summary: the summary
 * @reach: the extent ends here or above
 * @size: units, not 0; an extent that is recorded as the longest there is may be shorter
 *
 * Return: the free extent, or NULL.
 */
struct vmap_extent *free_summary_next(const struct free_summary *summary, unsigned long reach,
				      unsigned long size)
{
	unsigned long grain = reach ? grain_of(summary, reach - 1) : 0, above;
	const struct summary_node *path[SUMMARY_MOST_LEVELS], *node = summary->root;
	u32 least = reach_of(summary, size);
	unsigned int level, part;

	if (!node)
		return NULL;
	above = prefix_of(grain, summary->levels);
	if (above != summary->prefix)
		return above < summary->prefix ? lowest(summary, least) : NULL;
	/* To the node of the lowest level in which @reach lies. */
	for (level = summary->levels - 1; level; level--) {
		path[level] = node;
		if (!node->below[part_of(grain, level)])
			break;
		node = node->below[part_of(grain, level)];
	}
	path[level] = node;
	/* And up from there, through what lies above @reach. */
	for (part = part_of(grain, level);; part = part_of(grain, level) + 1) {
		part = next_part(path[level], part, least);
		if (part < SUMMARY_PARTS)
			return level ? lowest_in(path[level]->below[part], level - 1, least)
				     : path[level]->extent[part];
		if (++level == summary->levels)
			return NULL;
	}
}

/* The size of the longest free extent.  *@exact: it is no longer than what is recorded. */
unsigned long free_summary_longest(const struct free_summary *summary, bool *exact)
{
	u32 longest = summary->root ? summary->root->reach[1] : 0;

	*exact = longest < SUMMARY_MOST_RECORDED;
	return (unsigned long)longest << summary->grain_shift;
}

/* Is each number of the heap of @node, of level @level, what the parts say? */
static bool heap_is_exact(const struct free_summary *summary, const struct summary_node *node,
			  unsigned int level)
{
	unsigned int i;

	for (i = 1; i < SUMMARY_PARTS; i++)
		if (node->reach[i] != max(node->reach[2 * i], node->reach[2 * i + 1]))
			return false;
	for (i = 0; i < SUMMARY_PARTS; i++) {
		u32 reach = 0;

		if (level && node->below[i])
			reach = node->below[i]->reach[1];
		else if (!level && node->extent[i])
			reach = reach_of(summary, node->extent[i]->size);
		if (node->reach[SUMMARY_PARTS + i] != reach)
			return false;
	}
	return true;
}

/**
 * free_summary_check() - check the path to a free extent, and all parts of the nodes on it
 * @summary: the summary
 * @extent: a free extent
 *
 * Return: NULL, or the invariant that does not hold.
 */
const char *free_summary_check(const struct free_summary *summary,
			       const struct vmap_extent *extent)
{
	unsigned long grain = grain_of(summary, vext_end(extent) - 1);
	const struct summary_node *node = summary->root;
	unsigned int level;

	if (prefix_of(grain, summary->levels) != summary->prefix)
		return "the summary does not cover a free extent";
	for (level = summary->levels - 1; node; node = node->below[part_of(grain, level--)]) {
		if (!heap_is_exact(summary, node, level))
			return "a recorded maximum is not exact";
		if (!level)
			break;
	}
	return node && node->extent[part_of(grain, 0)] == extent ? NULL :
	       "the summary does not have a free extent where it ends";
}
