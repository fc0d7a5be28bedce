// SPDX-License-Identifier: GPL-2.0
/*
 * support.c - arenas for a test, the invariants, stamps
 *
 * An arena made for a test is purged, verified and destroyed when the test ends, however it ends; a
 * test that leaves something allocated fails there.
 *
 * kt_verify() checks what the debugfs file "verify" checks, and does it in one piece under the
 * lock of each shard, with a free tree of the test module's own (compiled in below) as the judge.
 */
#include <linux/fs.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/umh.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"

#include "../free_summary.c"
#include "../free_tree.c"

unsigned int kt_loops = 2000;
module_param_named(loops, kt_loops, uint, 0444);
MODULE_PARM_DESC(loops, "steps of each random test (default 2000)");

unsigned long kt_seed = 1;
module_param_named(seed, kt_seed, ulong, 0444);
MODULE_PARM_DESC(seed, "of the random tests (default 1)");

struct own_arena {
	struct kunit *test;
	struct vmap_arena *arena;
};

static void drop_arena(void *data)
{
	struct own_arena *own = data;
	struct kunit *test = own->test;

	kt_settle(test, own->arena);
	KUNIT_EXPECT_EQ_MSG(test, vmap_arena_destroy(own->arena), 0, "the test left something");
}

/* Have an arena purged, verified and destroyed when the test ends; @arena may be an ERR_PTR. */
struct vmap_arena *kt_keep(struct kunit *test, struct vmap_arena *arena)
{
	struct own_arena *own = kunit_kzalloc(test, sizeof(*own), GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, arena);
	KUNIT_ASSERT_NOT_NULL(test, own);
	*own = (struct own_arena){ .test = test, .arena = arena };
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, drop_arena, own), 0);
	return arena;
}

/* A name that nobody else has; valid until the next call. */
const char *kt_name(void)
{
	static char name[VMAP_NAME_MAX];
	static unsigned int count;

	snprintf(name, sizeof(name), "kunit-%u", ++count);
	return name;
}

/* A memory arena for the time of a test. */
struct vmap_arena *kt_memory(struct kunit *test, unsigned int flags)
{
	return kt_keep(test, vmap_arena_create(kt_name(), flags));
}

/*
 * If @arena has several shards (the parameter shards=), stay on a CPU of the first one until the
 * test ends: for a test that reads or writes what each shard has for itself, and means the first.
 */
void kt_stay_in_first_shard(struct vmap_arena *arena)
{
	if (arena->cache.nr_shards > 1)
		set_cpus_allowed_ptr(current, cpumask_of(0));
}

/* A range arena for the time of a test. */
struct vmap_arena *kt_range(struct kunit *test, unsigned long start, unsigned long end,
			    unsigned long quantum)
{
	return kt_keep(test, vmap_arena_create_range(kt_name(), start, end, quantum));
}

struct vmap_arena_stats kt_stats(struct vmap_arena *arena)
{
	struct vmap_arena_stats stats;

	vmap_arena_stats(arena, &stats);
	return stats;
}

/* Under the lock of the space. */
static const char *check_ring(const struct vmap_space *space, const struct vmap_span *span,
			      unsigned long *free)
{
	const struct vmap_extent *tile;

	for (tile = span->marker.next; tile != &span->marker; tile = tile->next) {
		const char *wrong = free_tree_check_tile(&space->tree, tile);

		if (wrong)
			return wrong;
		*free += vext_is_free(tile) ? tile->size : 0;
	}
	return NULL;
}

static const char *check_spans(const struct vmap_space *space)
{
	unsigned long reserved = 0, free = 0, count = 0;
	const struct vmap_span *span;

	list_for_each_entry(span, &space->spans, link) {
		const char *wrong = check_ring(space, span, &free);

		if (wrong)
			return wrong;
		reserved += span->end - span->start;
		count++;
	}
	if (reserved != space->reserved || count != space->nr_spans)
		return "the arena miscounts its spans";
	if (free != space->tree.units)
		return "the rings and the tree hold different free extents";
	return free_tree_check(&space->tree);
}

/* Do the invariants hold at this moment? */
void kt_verify(struct kunit *test, struct vmap_arena *arena)
{
	struct vmap_space *space;
	const char *wrong;
	unsigned long flags;

	vspace_for_each(space, &arena->cache.purge.space) {
		raw_spin_lock_irqsave(&space->lock, flags);
		wrong = check_spans(space);
		raw_spin_unlock_irqrestore(&space->lock, flags);
		if (wrong)
			KUNIT_FAIL(test, "%s", wrong);
	}
}

/* Have the arena purge, and check that it then adds up with nothing lazy and nothing cached. */
void kt_settle(struct kunit *test, struct vmap_arena *arena)
{
	struct vmap_arena_stats stats;

	rcu_barrier();
	vmap_arena_purge(arena);
	stats = kt_stats(arena);
	kt_verify(test, arena);
	KUNIT_EXPECT_EQ(test, stats.lazy, 0);
	KUNIT_EXPECT_EQ(test, stats.cached, 0);
	KUNIT_EXPECT_EQ(test, stats.pending, 0);
	KUNIT_EXPECT_EQ(test, stats.busy + stats.free + stats.kept, stats.reserved);
	KUNIT_EXPECT_EQ(test, stats.areas, stats.allocs - stats.frees);
	if (!stats.areas)
		KUNIT_EXPECT_EQ(test, stats.busy, 0);
	/* The worker may be at a reserve, and what was lost counts as held. */
	if (!stats.areas && !stats.lost_spans && !arena->reserve)
		KUNIT_EXPECT_EQ(test, stats.pages, 0);
}

/* Is nothing mapped at @addr, as far as this CPU can tell? */
bool kt_faults(const void *addr)
{
	u64 word;

	return copy_from_kernel_nofault(&word, PTR_ALIGN_DOWN(addr, sizeof(word)), sizeof(word));
}

/* Where the last whole word begins of the page at @at of an area of @size bytes. */
static unsigned long last_word(unsigned long at, unsigned long size)
{
	return min(at + PAGE_SIZE, round_down(size, sizeof(u64))) - sizeof(u64);
}

/*
 * Write a word that tells the area and the page into each page, at both ends of what was asked for
 * of it.  A page of which less than a word was asked for gets none.
 */
void kt_stamp(void *addr, unsigned long size, u64 value)
{
	unsigned long at;

	for (at = 0; at + sizeof(u64) <= size; at += PAGE_SIZE) {
		WRITE_ONCE(*(u64 *)(addr + at), value + at);
		WRITE_ONCE(*(u64 *)(addr + last_word(at, size)), value + at);
	}
}

bool kt_stamped(const void *addr, unsigned long size, u64 value)
{
	unsigned long at;

	for (at = 0; at + sizeof(u64) <= size; at += PAGE_SIZE) {
		if (READ_ONCE(*(u64 *)(addr + at)) != value + at ||
		    READ_ONCE(*(u64 *)(addr + last_word(at, size))) != value + at)
			return false;
	}
	return true;
}

/* Begin a random sequence, and say how to have it again. */
void kt_seed_random(struct kunit *test, struct rnd_state *rnd)
{
	kunit_info(test, "seed=%lu loops=%u", kt_seed, kt_loops);
	prandom_seed_state(rnd, kt_seed);
}

/* The extent that is noted to start at @addr, which is in a span of @arena; NULL if none is. */
struct vmap_extent *kt_extent(struct vmap_arena *arena, const void *addr)
{
	struct vmap_extent *extent = NULL;
	struct vmap_space *space;
	struct vmap_span *span;
	unsigned long flags;

	vspace_for_each(space, &arena->cache.purge.space) {
		raw_spin_lock_irqsave(&space->lock, flags);
		list_for_each_entry(span, &space->spans, link)
			if ((unsigned long)addr - span->start < span->end - span->start)
				extent = READ_ONCE(*vspan_slot(span, (unsigned long)addr));
		raw_spin_unlock_irqrestore(&space->lock, flags);
	}
	return extent;
}

/* Allocate some pages without an alignment. */
void *kt_pages(struct vmap_arena *arena, unsigned long pages, gfp_t gfp)
{
	return vmap_arena_alloc(arena, pages << PAGE_SHIFT, PAGE_SIZE, gfp, NUMA_NO_NODE);
}

/* Do what a person could do: write to a file of the kernel's.  Return 0 or an error. */
int kt_write(const char *path, const char *text)
{
	struct file *file = filp_open(path, O_WRONLY, 0);
	ssize_t written;
	loff_t pos = 0;

	if (IS_ERR(file))
		return PTR_ERR(file);
	written = kernel_write(file, text, strlen(text), &pos);
	filp_close(file, NULL);
	return written == strlen(text) ? 0 : -EIO;
}

/* And read one.  Return how much of @text, zeroed before, was filled, or an error. */
ssize_t kt_read(const char *path, char *text, size_t size)
{
	struct file *file = filp_open(path, O_RDONLY, 0);
	ssize_t got;
	loff_t pos = 0;

	if (IS_ERR(file))
		return PTR_ERR(file);
	got = kernel_read(file, text, size, &pos);
	filp_close(file, NULL);
	return got;
}

/* What vmap_arena.ko was loaded with.  Return 0 or an error. */
int kt_parameter(const char *name, unsigned long *value)
{
	char path[64], text[24] = {};
	ssize_t got;

	snprintf(path, sizeof(path), "/sys/module/vmap_arena/parameters/%s", name);
	got = kt_read(path, text, sizeof(text) - 1);
	return got < 0 ? got : kstrtoul(text, 0, value);
}

/* Run a command, which reaches files that the kernel itself does not.  Return 0 if it succeeds. */
int kt_shell(const char *command)
{
	char *argv[4] = { "/bin/sh", "-c", (char *)command, NULL };
	char *envp[2] = { "PATH=/bin", NULL };

	return call_usermodehelper(argv[0], argv, envp, UMH_WAIT_PROC);
}

static void unprobe(void *data)
{
	struct kprobe *probe = data;

	unregister_kprobe(probe);
	probe->addr = NULL;
	probe->flags = 0;
}

/* Have a probe until the test ends; where it cannot be put the test is skipped. */
void kt_probe(struct kunit *test, struct kprobe *probe)
{
	int err = register_kprobe(probe);

	if (err) {
		probe->addr = NULL;
		kunit_skip(test, "no probe of %s: %d", probe->symbol_name, err);
	}
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, unprobe, probe), 0);
}

MODULE_DESCRIPTION("KUnit suites for vmap_arena");
MODULE_LICENSE("GPL");
