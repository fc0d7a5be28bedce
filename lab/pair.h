/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pair.h - an index of what is free and another of what is busy, each under a lock of its own
 *
 * See the theory statement in pair.c.
 */
#ifndef LAB_PAIR_H
#define LAB_PAIR_H

#include "lab.h"

/**
 * struct lab_busy - an index of busy areas by address
 * @rcu: readers need no lock
 * @create: an empty one; an ERR_PTR if that cannot be
 * @destroy: whatever is in it
 * @insert: 0, or -ENOMEM
 * @erase: the area that begins at @start, which is told; false: there is none
 * @find: as of a lab_index
 * @next: as of a lab_index
 * @bytes: bookkeeping in use now
 *
 * Its user holds a lock in all calls, but in @find and @next if there is @rcu.
 */
struct lab_busy {
	bool rcu;
	void *(*create)(const struct lab_space *space);
	void (*destroy)(void *self);
	int (*insert)(void *self, const struct lab_area *area);
	bool (*erase)(void *self, unsigned long start, struct lab_area *area);
	bool (*find)(void *self, unsigned long address, struct lab_area *area);
	bool (*next)(void *self, unsigned long address, struct lab_area *area);
	unsigned long (*bytes)(void *self);
};

extern const struct lab_busy lab_busy_rb;

void *lab_pair_create(const struct lab_space *space, const struct lab_index *free,
		      const struct lab_busy *busy);
void lab_pair_destroy(void *self);
int lab_pair_alloc(void *self, const struct lab_request *request, struct lab_area *area);
void lab_pair_free(void *self, const struct lab_area *area);
bool lab_pair_find(void *self, unsigned long address, struct lab_area *area);
bool lab_pair_next(void *self, unsigned long address, struct lab_area *area);
void lab_pair_walk(void *self, lab_visit visit, void *data);
unsigned long lab_pair_bytes(void *self);

/* What all pairs have alike. */
#define LAB_PAIR_CALLS			\
	.destroy = lab_pair_destroy,	\
	.alloc = lab_pair_alloc,	\
	.free = lab_pair_free,		\
	.find = lab_pair_find,		\
	.next = lab_pair_next,		\
	.walk = lab_pair_walk,		\
	.bytes = lab_pair_bytes

/* bump.c */
void *lab_bump_create(const struct lab_space *space, const struct lab_index *behind);
void lab_bump_destroy(void *self);
int lab_bump_alloc(void *self, const struct lab_request *request, struct lab_area *area);
void lab_bump_free(void *self, const struct lab_area *area);
void lab_bump_walk(void *self, lab_visit visit, void *data);
unsigned long lab_bump_bytes(void *self);

/* What all indexes with chunks in front have alike. */
#define LAB_BUMP_CALLS			\
	.destroy = lab_bump_destroy,	\
	.alloc = lab_bump_alloc,	\
	.free = lab_bump_free,		\
	.walk = lab_bump_walk,		\
	.bytes = lab_bump_bytes

#endif
