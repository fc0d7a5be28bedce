// SPDX-License-Identifier: GPL-2.0
/*
 * indexes.c - the structures by name
 */
#include <linux/string.h>

#include "lab.h"

const struct lab_index *const lab_indexes[] = {
	&lab_tree,
	&lab_busy_list,
	&lab_free_list,
	&lab_segregated,
	&lab_buddy,
	&lab_vmem,
#ifdef __KERNEL__
	&lab_maple,
	&lab_maple_tree,
#if IS_ENABLED(CONFIG_IOMMU_IOVA)
	&lab_iova,
#endif
#if IS_ENABLED(CONFIG_DRM)
	&lab_drm_mm,
#endif
	&lab_gen_pool,
#endif
	&lab_recorded,
	NULL
};

/* The structure whose name is the first @length characters of @name; NULL if there is none. */
const struct lab_index *lab_index_find(const char *name, size_t length)
{
	const struct lab_index *const *index;

	for (index = lab_indexes; *index; index++)
		if (strlen((*index)->name) == length && !strncmp((*index)->name, name, length))
			return *index;
	return NULL;
}
