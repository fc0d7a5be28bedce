/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gap.h - the gap search of a maple tree, for an index of the module and for those of the program
 *
 * A maple tree of MT_FLAGS_ALLOC_RANGE has the busy areas, and knows the largest gap below each
 * node.
 *
 * Locking: the caller holds the lock of the tree.
 */
#ifndef LAB_GAP_H
#define LAB_GAP_H

#include <linux/maple_tree.h>

#include "lab.h"

/*
 * Point @mas at the lowest gap of @size in [lo, hi); false if there is none.  Linux 6.1 does not
 * look into a range of a single unit, so that is walked to.
 */
static inline bool lab_gap_from(struct ma_state *mas, unsigned long lo, unsigned long hi,
				unsigned long size)
{
	bool found;

	if (hi - lo > 1) {
		mas_set(mas, 0);
		return !mas_empty_area(mas, lo, hi - 1, size);
	}
	mas_set(mas, lo);
	found = !mas_walk(mas);
	mas_set(mas, lo);
	return found;
}

/* Point @mas at the lowest fit; false if there is none. */
static inline bool lab_gap_lowest(struct ma_state *mas, const struct lab_request *request)
{
	unsigned long lo = request->lo, start;

	for (;;) {
		if (!lab_gap_from(mas, lo, request->hi, request->size))
			return false;
		start = ALIGN(mas->index, request->align);
		if (start == mas->index)
			return true;
		if (start < lo || start >= request->hi || request->hi - start < request->size)
			return false;
		lo = start;
	}
}

#endif
