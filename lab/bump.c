// SPDX-License-Identifier: GPL-2.0
/*
 * bump.c - a chunk of addresses for each CPU, in front of another index
 *
 * Theory
 *
 * Each CPU has a *chunk* of 64 MiB, an area of the index behind.  An allocation of at most an
 * eighth of that takes the next addresses of its CPU's chunk: an addition, and no search.  What is
 * freed is not handed out again until all of its chunk is free.  Then the chunk begins anew if it
 * is the one in use, else it goes back to the index behind.  When a chunk is used up its CPU gets
 * another.
 *
 * So the search is off the path, but addresses are used up: freed ones lie *parked* in chunks that
 * a single area holds.
 *
 * Larger requests, those with bounds, and those for the top go to the index behind.  So does what
 * finds no room for another chunk; and what finds no room there either takes the rest of any CPU's
 * chunk.
 *
 * Locking: a chunk and the slot of its CPU are under the lock of the CPU; the index behind and the
 * pool of chunks are under the behind lock, which may be taken under the lock of a CPU.
 */
#include <linux/errno.h>
#include <linux/kernel.h>

#include "pair.h"

#define CHUNK_UNITS	BIT(26 - LAB_PAGE_SHIFT)
#define LARGEST		(CHUNK_UNITS / 8)

/* The handle of an area in a chunk is the chunk, with this bit. */
#define IN_CHUNK	1UL

struct bump_cpu;

/**
 * struct bump_chunk - addresses of a CPU
 * @area: of the index behind
 * @next: the first one not handed out yet
 * @live: areas in it that are busy
 * @cpu: whose it is
 */
struct bump_chunk {
	struct lab_area area;
	unsigned long next;
	unsigned long live;
	struct bump_cpu *cpu;
};

/**
 * struct bump_cpu - of each CPU
 * @lock: of the chunks of the CPU
 * @chunk: the one in use, or NULL
 */
struct bump_cpu {
	struct lab_lock lock;
	struct bump_chunk *chunk;
};

/**
 * struct bump - all of them
 * @cpus: each
 * @space: what is managed
 * @behind_index: which structure chunks come from
 * @behind: one of it
 * @behind_lock: of @behind and @pool
 * @pool: of chunks
 */
struct bump {
	struct bump_cpu cpus[LAB_CPUS];
	struct lab_space space;
	const struct lab_index *behind_index;
	void *behind;
	struct lab_lock behind_lock;
	struct lab_pool pool;
};

void *lab_bump_create(const struct lab_space *space, const struct lab_index *behind)
{
	unsigned long chunks = (space->end - space->start) / CHUNK_UNITS;
	struct bump *bump = lab_zalloc(sizeof(*bump));
	unsigned int i;

	if (!bump)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < LAB_CPUS; i++)
		lab_lock_init(&bump->cpus[i].lock);
	lab_lock_init(&bump->behind_lock);
	bump->space = *space;
	bump->behind_index = behind;
	bump->behind = behind->create(space);
	if (IS_ERR(bump->behind))
		goto no_behind;
	if (lab_pool_init(&bump->pool, sizeof(struct bump_chunk), min(chunks, space->areas)))
		goto no_pool;
	return bump;

no_pool:
	behind->destroy(bump->behind);
no_behind:
	lab_release(bump);
	return ERR_PTR(-ENOMEM);
}

void lab_bump_destroy(void *self)
{
	struct bump *bump = self;

	bump->behind_index->destroy(bump->behind);
	lab_pool_exit(&bump->pool);
	lab_release(bump);
}

static int ask_behind(struct bump *bump, const struct lab_request *request, struct lab_area *area)
{
	int err;

	lab_lock(&bump->behind_lock);
	err = bump->behind_index->alloc(bump->behind, request, area);
	lab_unlock(&bump->behind_lock);
	return err;
}

static void give_behind(struct bump *bump, const struct lab_area *area)
{
	lab_lock(&bump->behind_lock);
	bump->behind_index->free(bump->behind, area);
	lab_unlock(&bump->behind_lock);
}

static unsigned long chunk_end(const struct bump_chunk *chunk)
{
	return chunk->area.start + chunk->area.size;
}

/* Take the request from what is left of the chunk in use, if it fits there. */
static bool take(struct bump_cpu *cpu, const struct lab_request *request, struct lab_area *area)
{
	struct bump_chunk *chunk = cpu->chunk;
	unsigned long start, end;

	if (!chunk)
		return false;
	start = ALIGN(max(chunk->next, request->lo), request->align);
	end = min(chunk_end(chunk), request->hi);
	if (start < chunk->next || start >= end || end - start < request->size)
		return false;
	chunk->next = start + request->size;
	chunk->live++;
	*area = (struct lab_area){ (char *)chunk + IN_CHUNK, start, request->size };
	return true;
}

static void drop_chunk(struct bump *bump, struct bump_chunk *chunk)
{
	lab_lock(&bump->behind_lock);
	bump->behind_index->free(bump->behind, &chunk->area);
	lab_pool_put(&bump->pool, chunk);
	lab_unlock(&bump->behind_lock);
}

/* Get another chunk; false if there is no room for one. */
static bool change_chunk(struct bump *bump, struct bump_cpu *cpu)
{
	const struct lab_request request = {
		.size = CHUNK_UNITS,
		.align = 1,
		.lo = bump->space.start,
		.hi = bump->space.end,
	};
	struct bump_chunk *chunk, *old = cpu->chunk;
	struct lab_area area;

	if (bump->space.end - bump->space.start < CHUNK_UNITS || ask_behind(bump, &request, &area))
		return false;
	lab_lock(&bump->behind_lock);
	chunk = lab_pool_get(&bump->pool);
	lab_unlock(&bump->behind_lock);
	if (!chunk) {
		give_behind(bump, &area);
		return false;
	}
	*chunk = (struct bump_chunk){ .area = area, .next = area.start, .cpu = cpu };
	cpu->chunk = chunk;
	if (old && !old->live)
		drop_chunk(bump, old);
	return true;
}

static bool for_chunks(const struct bump *bump, const struct lab_request *request)
{
	return request->size <= LARGEST && request->align <= LARGEST && !request->top &&
	       request->lo == bump->space.start && request->hi == bump->space.end;
}

static bool take_from_cpu(struct bump *bump, const struct lab_request *request,
			  struct lab_area *area)
{
	struct bump_cpu *cpu = &bump->cpus[lab_cpu()];
	bool taken;

	lab_lock(&cpu->lock);
	taken = take(cpu, request, area) ||
		(change_chunk(bump, cpu) && take(cpu, request, area));
	lab_unlock(&cpu->lock);
	return taken;
}

static bool take_anywhere(struct bump *bump, const struct lab_request *request,
			  struct lab_area *area)
{
	bool taken = false;
	unsigned int i;

	for (i = 0; i < LAB_CPUS && !taken; i++) {
		lab_lock(&bump->cpus[i].lock);
		taken = take(&bump->cpus[i], request, area);
		lab_unlock(&bump->cpus[i].lock);
	}
	return taken;
}

int lab_bump_alloc(void *self, const struct lab_request *request, struct lab_area *area)
{
	struct bump *bump = self;
	int err;

	if (for_chunks(bump, request) && take_from_cpu(bump, request, area))
		return 0;
	err = ask_behind(bump, request, area);
	if (err == -ENOSPC && !request->top && take_anywhere(bump, request, area))
		return 0;
	return err;
}

void lab_bump_free(void *self, const struct lab_area *area)
{
	struct bump_chunk *chunk = (void *)((unsigned long)area->handle - IN_CHUNK);
	struct bump *bump = self;
	struct bump_cpu *cpu;
	bool unused = false;

	if (!((unsigned long)area->handle & IN_CHUNK)) {
		give_behind(bump, area);
		return;
	}
	cpu = chunk->cpu;
	lab_lock(&cpu->lock);
	if (!--chunk->live) {
		chunk->next = chunk->area.start;
		unused = cpu->chunk != chunk;
	}
	lab_unlock(&cpu->lock);
	if (unused)
		drop_chunk(bump, chunk);
}

void lab_bump_walk(void *self, lab_visit visit, void *data)
{
	struct bump *bump = self;
	unsigned int i;

	bump->behind_index->walk(bump->behind, visit, data);
	for (i = 0; i < LAB_CPUS; i++) {
		const struct bump_chunk *chunk = bump->cpus[i].chunk;

		if (chunk && chunk->next < chunk_end(chunk))
			visit(data, chunk->next, chunk_end(chunk));
	}
}

unsigned long lab_bump_bytes(void *self)
{
	struct bump *bump = self;

	return sizeof(*bump) + bump->behind_index->bytes(bump->behind) +
	       bump->pool.used * bump->pool.node;
}

static void *bump_create(const struct lab_space *space)
{
	return lab_bump_create(space, &lab_tree);
}

const struct lab_index lab_bump = {
	.name = "bump",
	.differs = "a chunk of 64 MiB a CPU in front of the free tree; parks what is freed",
	.flags = LAB_LOCKS | LAB_PARKS,
	.create = bump_create,
	LAB_BUMP_CALLS,
};

static void *bump_rb_create(const struct lab_space *space)
{
	return lab_pair_create(space, &lab_bump, &lab_busy_rb);
}

const struct lab_index lab_bump_rb = {
	.name = "bump_rb",
	.differs = "bump, and busy areas in an rb-tree",
	.flags = LAB_LOCKS | LAB_PARKS,
	.create = bump_rb_create,
	LAB_PAIR_CALLS,
};
