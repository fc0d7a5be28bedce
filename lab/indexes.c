// SPDX-License-Identifier: GPL-2.0
/*
 * indexes.c - the structures by name
 */
#include <linux/string.h>

#include "lab.h"

#ifndef __KERNEL__
#include "../user/peers/indexes.h"
#endif

const struct lab_index *const lab_indexes[] = {
	&lab_tree,
	&lab_tree_summary,
	&lab_busy_list,
	&lab_free_list,
	&lab_segregated,
	&lab_buddy,
	&lab_vmem,
	&lab_summary,
	&lab_rbtrees,
	&lab_bump,
	&lab_bump_rb,
#ifdef __KERNEL__
	&lab_maple,
	&lab_maple_rcu,
	&lab_maple_two,
	&lab_maple_tree,
	&lab_tree_rcu,
	&lab_summary_rcu,
	&lab_bump_rcu,
#if IS_ENABLED(CONFIG_IOMMU_IOVA)
	&lab_iova,
#endif
#if IS_ENABLED(CONFIG_DRM)
	&lab_drm_mm,
#endif
	&lab_gen_pool,
#else
#ifdef PEER_6_12
	&maple_6_12, &maple_rcu_6_12, &maple_two_6_12, &maple_tree_6_12, &tree_rcu_6_12,
	&summary_rcu_6_12, &bump_rcu_6_12, &drm_mm_6_12,
#endif
#ifdef PEER_7_2
	&maple_7_2, &maple_rcu_7_2, &maple_two_7_2, &maple_tree_7_2, &tree_rcu_7_2,
	&summary_rcu_7_2, &bump_rcu_7_2, &drm_mm_7_2,
#endif
#endif
	&lab_recorded,
	NULL
};

static const struct lab_index *find(const char *name, size_t length)
{
	const struct lab_index *const *index;

	for (index = lab_indexes; *index; index++)
		if (strlen((*index)->name) == length && !strncmp((*index)->name, name, length))
			return *index;
	return NULL;
}

/**
 * lab_indexes_choose() - find structures by their names
 * @names: with commas between, or "all"; if one is of no structure, what begins with it
 * @recorded: all are also those that a recorded trace is needed for
 * @chosen: is filled in
 *
 * Return: how many there are; 0 if one of the names is that of no structure, or one too many.
 */
unsigned int lab_indexes_choose(const char **names, bool recorded,
				const struct lab_index *chosen[LAB_MAX_INDEXES])
{
	const struct lab_index *const *index;
	unsigned int count = 0;
	size_t length;

	if (!strcmp(*names, "all")) {
		for (index = lab_indexes; *index; index++)
			if (recorded || !((*index)->flags & LAB_RECORDED))
				chosen[count++] = *index;
		return count;
	}
	for (; count < LAB_MAX_INDEXES; *names += length + 1) {
		length = strcspn(*names, ",");
		chosen[count] = find(*names, length);
		if (!chosen[count++])
			return 0;
		if (!(*names)[length])
			return count;
	}
	return 0;
}
