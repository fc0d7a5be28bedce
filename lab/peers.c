// SPDX-License-Identifier: GPL-2.0
/*
 * peers.c - the kernel's own allocators of address ranges
 *
 * Theory
 *
 * Two that stock kernels export, called as drivers call them; none is ours.  drm_mm.c has another.
 *
 *   iova      I/O virtual addresses: busy ranges in a red-black tree, searched from the top down.
 *             Called without its per-CPU caches, which would hide the index.  It aligns to the
 *             rounded-up size or not at all, and bounds an address from above only.
 *   gen_pool  device memory: a bitmap, searched first fit from the start.  Takes alignment, no
 *             range.  A bitmap of a whole vmalloc space would need gigabytes, so it manages only
 *             the first 2^24 units of a space, which the loads here do not fill.
 *
 * A request of a kind that one does not take is refused with -EOPNOTSUPP and counted.
 *
 * Both get their own memory.
 */
#include <linux/genalloc.h>
#include <linux/iova.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#include "lab.h"

static bool bounded(const struct lab_space *space, const struct lab_request *request)
{
	return request->lo > space->start || request->hi < space->end;
}

#if IS_ENABLED(CONFIG_IOMMU_IOVA)

struct iova_index {
	struct iova_domain domain;
	struct lab_space space;
	unsigned long count;
};

static void *iova_create(const struct lab_space *space)
{
	struct iova_index *index = lab_zalloc(sizeof(*index));
	int err;

	if (!index)
		return ERR_PTR(-ENOMEM);
	err = iova_cache_get();
	if (err) {
		lab_release(index);
		return ERR_PTR(err);
	}
	init_iova_domain(&index->domain, PAGE_SIZE, space->start);
	index->space = *space;
	return index;
}

static void iova_destroy(void *self)
{
	struct iova_index *index = self;

	put_iova_domain(&index->domain);
	iova_cache_put();
	lab_release(index);
}

static int iova_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	struct iova_index *index = self;
	struct iova *iova;

	if (request->align > 1 || request->lo > index->space.start)
		return -EOPNOTSUPP;
	iova = alloc_iova(&index->domain, request->size, request->hi - 1, false);
	if (!iova)
		return -ENOSPC;
	index->count++;
	*area = (struct lab_area){ iova, iova->pfn_lo, request->size };
	return 0;
}

static void iova_free(void *self, const struct lab_area *area)
{
	struct iova_index *index = self;

	__free_iova(&index->domain, area->handle);
	index->count--;
}

static void iova_walk(void *self, lab_visit visit, void *data)
{
	struct iova_index *index = self;
	unsigned long start = index->space.start;
	struct rb_node *rb;

	for (rb = rb_first(&index->domain.rbroot); rb; rb = rb_next(rb)) {
		const struct iova *iova = rb_entry(rb, struct iova, node);

		if (iova == &index->domain.anchor)
			break;
		if (iova->pfn_lo > start)
			visit(data, start, iova->pfn_lo);
		start = iova->pfn_hi + 1;
	}
	if (start < index->space.end)
		visit(data, start, index->space.end);
}

static unsigned long iova_bytes(void *self)
{
	struct iova_index *index = self;

	return sizeof(*index) + index->count * sizeof(struct iova);
}

const struct lab_index lab_iova = {
	.name = "iova",
	.differs = "alloc_iova without its caches: from the top; no alignment, no lower bound",
	.flags = LAB_NO_RANGE | LAB_NO_ALIGN,
	.create = iova_create,
	.destroy = iova_destroy,
	.alloc = iova_alloc,
	.free = iova_free,
	.walk = iova_walk,
	.bytes = iova_bytes,
};

#endif

#define GEN_POOL_UNITS	BIT(24)

/* One unit of a pool is one byte of "memory"; addresses are never touched. */
struct gen_index {
	struct gen_pool *pool;
	struct lab_space space;
	unsigned long units;
};

static void *gen_create(const struct lab_space *space)
{
	struct gen_index *index = lab_zalloc(sizeof(*index));

	if (!index)
		return ERR_PTR(-ENOMEM);
	index->space = *space;
	index->units = min(space->end - space->start, GEN_POOL_UNITS);
	index->pool = gen_pool_create(0, NUMA_NO_NODE);
	if (!index->pool)
		goto no_pool;
	if (gen_pool_add(index->pool, space->start, index->units, NUMA_NO_NODE))
		goto no_chunk;
	return index;

no_chunk:
	gen_pool_destroy(index->pool);
no_pool:
	lab_release(index);
	return ERR_PTR(-ENOMEM);
}

struct gen_walk {
	lab_visit visit;
	void *data;
};

/* Call @visit for each run of clear bits, or of set ones. */
static void gen_runs(struct gen_pool_chunk *chunk, bool set, lab_visit visit, void *data)
{
	unsigned long units = chunk->end_addr - chunk->start_addr + 1, at = 0, end;

	while (at < units) {
		at = set ? find_next_bit(chunk->bits, units, at)
			 : find_next_zero_bit(chunk->bits, units, at);
		if (at >= units)
			break;
		end = set ? find_next_zero_bit(chunk->bits, units, at)
			  : find_next_bit(chunk->bits, units, at);
		visit(data, chunk->start_addr + at, chunk->start_addr + end);
		at = end;
	}
}

static void gen_give_back(void *data, unsigned long start, unsigned long end)
{
	gen_pool_free(data, start, end - start);
}

static void gen_release_chunk(struct gen_pool *pool, struct gen_pool_chunk *chunk, void *data)
{
	gen_runs(chunk, true, gen_give_back, pool);
}

static void gen_walk_chunk(struct gen_pool *pool, struct gen_pool_chunk *chunk, void *data)
{
	struct gen_walk *walk = data;

	gen_runs(chunk, false, walk->visit, walk->data);
}

/* The pool insists on getting everything back. */
static void gen_destroy(void *self)
{
	struct gen_index *index = self;

	gen_pool_for_each_chunk(index->pool, gen_release_chunk, NULL);
	gen_pool_destroy(index->pool);
	lab_release(index);
}

static int gen_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	struct gen_index *index = self;
	struct genpool_data_align align = { .align = request->align };
	unsigned long start;

	if (bounded(&index->space, request))
		return -EOPNOTSUPP;
	start = gen_pool_alloc_algo(index->pool, request->size, request->align > 1 ?
				    gen_pool_first_fit_align : gen_pool_first_fit, &align);
	if (!start)
		return -ENOSPC;
	*area = (struct lab_area){ NULL, start, request->size };
	return 0;
}

static void gen_free(void *self, const struct lab_area *area)
{
	struct gen_index *index = self;

	gen_pool_free(index->pool, area->start, area->size);
}

static void gen_walk(void *self, lab_visit visit, void *data)
{
	struct gen_index *index = self;
	struct gen_walk walk = { visit, data };

	gen_pool_for_each_chunk(index->pool, gen_walk_chunk, &walk);
}

static unsigned long gen_bytes(void *self)
{
	struct gen_index *index = self;

	return sizeof(*index) + index->units / 8;
}

const struct lab_index lab_gen_pool = {
	.name = "gen_pool",
	.differs = "a bitmap, first fit; no range; at most the first 2^24 pages of a space",
	.flags = LAB_NO_RANGE,
	.create = gen_create,
	.destroy = gen_destroy,
	.alloc = gen_alloc,
	.free = gen_free,
	.walk = gen_walk,
	.bytes = gen_bytes,
};
