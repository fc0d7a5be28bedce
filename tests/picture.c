// SPDX-License-Identifier: GPL-2.0
/*
 * picture.c - all that is in an arena, fact by fact, to be compared with what was in it before
 *
 * The statistics of an arena add up what is in it; two arenas that differ may well have the same.
 * A picture has each tile of each span, in order; the page tables and the owners of its pages; the
 * free tree, in order; and every counter that does not only grow.  Addresses are told from the
 * first span on, since an arena may have given back the span that it began with and kept another.
 *
 * Left out are the spares, which a worker stocks when it gets round to it, and what the free tree
 * remembers of its last search: neither says what is in the arena.
 */
#include "vmap_kunit.h"
#include "../cache.h"

static void note(struct kt_picture *picture, const char *what, u64 value)
{
	if (picture->count < KT_FACTS)
		picture->fact[picture->count] = (struct kt_fact){ what, value };
	picture->count++;
}

static void note_tile(struct kt_picture *picture, const struct vmap_extent *tile)
{
	note(picture, "a tile begins", tile->start - picture->home);
	note(picture, "its size", vmap_extent_size(tile));
	note(picture, "it is free", vext_is_free(tile));
	if (!vext_is_free(tile)) {
		note(picture, "its state", tile->state);
		note(picture, "its flags", tile->flags);
	}
}

/* A page that is mapped, or noted as where an area begins. */
static void note_page(struct kt_picture *picture, const struct vmap_span *span, unsigned long addr)
{
	pte_t pte = ptep_get(vwin_pte(span->window, addr));
	const struct vmap_extent *owner = *vspan_slot(span, addr);

	if (!pte_none(pte)) {
		picture->mapped = picture->mapped * 31 + addr - picture->home;
		picture->mapped = picture->mapped * 31 + pte_pfn(pte);
	}
	if (owner) {
		note(picture, "an area begins", addr - picture->home);
		note(picture, "by its extent", owner->start - picture->home);
	}
}

static void note_span(struct kt_picture *picture, const struct vmap_span *span)
{
	const struct vmap_extent *tile;
	unsigned long addr;

	note(picture, "a span begins", span->start - picture->home);
	note(picture, "it ends", span->end - picture->home);
	for (tile = span->marker.next; tile != &span->marker; tile = tile->next)
		note_tile(picture, tile);
	for (addr = span->start; span->window && addr < span->end; addr += PAGE_SIZE)
		note_page(picture, span, addr);
}

static void note_tree(struct kt_picture *picture, const struct vmap_arena *arena)
{
	const struct free_tree *tree = &arena->cache.purge.space.tree;
	const struct vmap_extent *extent;

	for (extent = free_tree_first(tree); extent; extent = free_tree_after(tree, extent)) {
		note(picture, "in the tree", extent->start - picture->home);
		if (tree->summary)
			continue;
		note(picture, "the longest to its left", extent->below[VEXT_LEFT]);
		note(picture, "the longest to its right", extent->below[VEXT_RIGHT]);
	}
	note(picture, "free extents", tree->count);
	note(picture, "free units", tree->units);
}

static void note_counters(struct kt_picture *picture, const struct vmap_arena *arena)
{
	unsigned int class;

	note(picture, "spans", arena->cache.purge.space.nr_spans);
	note(picture, "reserved", arena->cache.purge.space.reserved);
	note(picture, "idle", arena->cache.purge.space.idle_units);
	note(picture, "lazy", atomic_long_read(&arena->cache.purge.lazy_units));
	note(picture, "none waits for a flush", llist_empty(&arena->cache.purge.lazy_list));
	note(picture, "none waits to be merged", !arena->cache.purge.flushed);
	note(picture, "deferred", atomic_long_read(&arena->cache.purge.deferred_units));
	note(picture, "in the depot", arena->cache.depot_quanta);
	for (class = 1; class <= CACHE_CLASSES; class++)
		if (arena->cache.depot[class].count)
			note(picture, "in the depot of a size", arena->cache.depot[class].count);
}

/* How many allocations there are, and in magazines: of all CPUs together, since tasks move. */
static void note_cpus(struct kt_picture *picture, struct vmap_arena *arena)
{
	struct vmap_arena_stats stats = kt_stats(arena);

	note(picture, "areas", stats.areas);
	note(picture, "allocated less freed", stats.allocs - stats.frees);
	note(picture, "cached", stats.cached);
}

/**
 * kt_picture() - take a picture of an arena
 * @test: it lives as long
 * @arena: at rest: nobody allocates or frees
 *
 * Return: the picture.
 */
struct kt_picture *kt_picture(struct kunit *test, struct vmap_arena *arena)
{
	struct kt_picture *picture = kunit_kzalloc(test, sizeof(*picture), GFP_KERNEL);
	const struct vmap_span *span;
	unsigned long flags;

	KUNIT_ASSERT_NOT_NULL(test, picture);
	raw_spin_lock_irqsave(&arena->cache.purge.space.lock, flags);
	picture->home =
		list_first_entry(&arena->cache.purge.space.spans, struct vmap_span, link)->start;
	list_for_each_entry(span, &arena->cache.purge.space.spans, link)
		note_span(picture, span);
	note_tree(picture, arena);
	note_counters(picture, arena);
	raw_spin_unlock_irqrestore(&arena->cache.purge.space.lock, flags);
	note_cpus(picture, arena);
	note(picture, "what is mapped, and where", picture->mapped);
	KUNIT_ASSERT_LE_MSG(test, picture->count, KT_FACTS, "too much for a picture");
	return picture;
}

/* Fail, and say what the first difference is, unless two pictures show the same. */
void kt_expect_same(struct kunit *test, const struct kt_picture *before,
		    const struct kt_picture *after)
{
	unsigned int i;

	for (i = 0; i < min(before->count, after->count); i++) {
		const struct kt_fact *was = &before->fact[i], *is = &after->fact[i];

		if (was->what != is->what || was->value != is->value) {
			KUNIT_FAIL(test, "fact %u: \"%s: %llu\" before, \"%s: %llu\" after", i,
				   was->what, was->value, is->what, is->value);
			return;
		}
	}
	KUNIT_EXPECT_EQ(test, before->count, after->count);
}
