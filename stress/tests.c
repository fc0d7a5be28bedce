// SPDX-License-Identifier: GPL-2.0
/*
 * tests.c - the tests
 *
 * Theory
 *
 * One call of a test makes one *pass* of settings->test_loop_count *loops*.  The clock of the pass
 * runs only while memory is allocated and freed.  What a test needs before (areas kept live, sizes
 * drawn at random) is made with the clock stopped, and so is all checking.  With `touch` off the
 * clock is never stopped inside a series of loops, and a loop is an allocation, a free, a look at
 * the address and a count.
 *
 * Locking: none; all state is the pass's own.
 */
#include <linux/bits.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/thread_info.h>
#include <linux/vmalloc.h>

#include "../compat.h"
#include "../vmap_alloc.h"
#include "stress.h"

#define NR_REQUESTS	1024	/* drawn ahead of time; a power of two */
#define LONG_PAGES	100	/* long_busy_list, random_size: the largest request */
#define ALIGN_PAGES	10	/* random_size_align: the largest request */
#define ALIGN_SHIFTS	23	/* random_size_align: alignments below 1 << this */
#define PCPU_MAX_SIZE	(PAGE_SIZE / 4)
#define PCPU_SHIFTS	12
#define RCU_BATCH	2048	/* frees that may wait for a grace period */
#define NO_BLOCK_TRIES	50	/* no_block: each after room was made, which others may take */
#define RESIZE_PAGES	10	/* vrealloc: the largest area */

struct pcpu_object {
	void __percpu *ptr;
	unsigned long size;
	unsigned long align;
};

static int check_touch(struct stress_pass *pass, void *addr, const struct stress_req *req)
{
	int err = stress_check_range(pass, addr, req->size, req->align);

	if (!err && (req->gfp & __GFP_ZERO))
		err = stress_check_zero(pass, addr, req->size);
	return err ?: stress_touch(pass, addr, req->size);
}

/* Checks what a request got, as far as the settings ask; the clock runs before and after. */
static inline int look(struct stress_pass *pass, void *addr, const struct stress_req *req)
{
	int err;

	if (likely(!pass->settings->touch && addr && IS_ALIGNED((unsigned long)addr, req->align)))
		return 0;
	stress_clock_stop(pass);
	err = check_touch(pass, addr, req);
	stress_clock_start(pass);
	return err;
}

/* Loops over @mask + 1 requests, one after the other. */
static int replay(struct stress_pass *pass, const struct stress_req *reqs, unsigned long mask)
{
	unsigned long i;
	int err = 0;

	stress_clock_start(pass);
	for (i = 0; i < pass->loops && !err; i++) {
		void *addr = stress_get(pass, &reqs[i & mask]);

		err = look(pass, addr, &reqs[i & mask]);
		stress_free(pass, addr);
		err = err ?: stress_step(pass);
	}
	stress_clock_stop(pass);
	return err;
}

static int replay_random(struct stress_pass *pass, unsigned int max_pages, unsigned int shifts)
{
	struct stress_req *reqs = kvmalloc_array(NR_REQUESTS, sizeof(*reqs), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!reqs)
		return stress_fail(pass, "no memory for the test itself");
	for (i = 0; i < NR_REQUESTS; i++)
		reqs[i] = (struct stress_req) {
			.size = (1 + stress_draw(pass, max_pages)) * PAGE_SIZE,
			.align = 1UL << stress_draw(pass, shifts),
			.gfp = GFP_KERNEL,
		};
	err = replay(pass, reqs, NR_REQUESTS - 1);
	kvfree(reqs);
	return err;
}

static int fix_size_huge(struct stress_pass *pass, const struct stress_req *req)
{
	int err = 0;

	stress_clock_start(pass);
	while (pass->done < pass->loops && !err) {
		void *addr = stress_alloc_huge(pass, req->size);

		err = look(pass, addr, req);
		stress_free(pass, addr);
		err = err ?: stress_step(pass);
	}
	stress_clock_stop(pass);
	return err;
}

static int fix_size(struct stress_pass *pass)
{
	const struct stress_req req = {
		.size = pass->settings->nr_pages * PAGE_SIZE,
		.align = 1,
		.gfp = GFP_KERNEL,
	};

	return pass->settings->use_huge ? fix_size_huge(pass, &req) : replay(pass, &req, 0);
}

static int random_size(struct stress_pass *pass)
{
	return replay_random(pass, LONG_PAGES, 1);
}

static int random_size_align(struct stress_pass *pass)
{
	return replay_random(pass, ALIGN_PAGES, ALIGN_SHIFTS);
}

/* Twice the alignment of a stack, and a size that rounds up to it: five pages where it is eight. */
static int fix_align(struct stress_pass *pass)
{
	const struct stress_req req = {
		.size = THREAD_ALIGN * 2 / 8 * 5,
		.align = THREAD_ALIGN * 2,
		.gfp = GFP_KERNEL | (pass->settings->touch ? __GFP_ZERO : 0),
	};

	return replay(pass, &req, 0);
}

/* One allocation of many pages and one of a single page, while many areas are live. */
static int long_busy_list_loops(struct stress_pass *pass)
{
	const struct stress_req many = { LONG_PAGES * PAGE_SIZE, 1, GFP_KERNEL };
	const struct stress_req one = { PAGE_SIZE, 1, GFP_KERNEL };
	unsigned long i;
	int err = 0;

	stress_clock_start(pass);
	for (i = 0; i < pass->loops && !err; i++) {
		void *addr_many = stress_get(pass, &many);
		void *addr_one = stress_get(pass, &one);

		err = look(pass, addr_many, &many) ?: look(pass, addr_one, &one);
		stress_free(pass, addr_many);
		stress_free(pass, addr_one);
		err = err ?: stress_step(pass);
	}
	stress_clock_stop(pass);
	return err;
}

static int long_busy_list(struct stress_pass *pass)
{
	unsigned long nr = pass->settings->nr_live;
	struct stress_area *bed;
	int err;

	bed = stress_bed_make(pass, nr, NULL, &err);
	if (!bed)
		return err;
	err = long_busy_list_loops(pass) ?: stress_areas_check(pass, bed, nr, 1);
	stress_bed_free(pass, bed, nr);
	return err;
}

/* True if the vmalloc space holds a page at some multiple of @align. */
static bool align_possible(unsigned long align)
{
	unsigned long first = ALIGN((unsigned long)VMALLOC_START, align);

	return first >= VMALLOC_START && first <= (unsigned long)VMALLOC_END - (PAGE_SIZE - 1);
}

/*
 * True if a page at a multiple of @align must be had.  The kernel has the whole vmalloc space to
 * look in.  An arena imports a span that holds such a page wherever the span lies, and the kernel
 * limits a span to the size of the RAM; a quarter of it leaves room for all threads.
 */
static bool align_certain(struct stress_pass *pass, unsigned long align)
{
	if (pass->target == STRESS_KERNEL)
		return align <= ((unsigned long)VMALLOC_END - VMALLOC_START) / 8;
	return align <= totalram_pages() / 4 / pass->settings->nr_threads * PAGE_SIZE;
}

static int align_shift_check(struct stress_pass *pass, void *addr, const struct stress_req *req,
			     bool warned)
{
	if (!warned && test_taint(TAINT_WARN))
		return stress_fail(pass, "alignment to %#lx: the kernel printed a warning",
				   req->align);
	if (!addr && align_certain(pass, req->align))
		return stress_fail(pass, "alignment to %#lx: expected an address, got NULL",
				   req->align);
	if (addr && !align_possible(req->align))
		return stress_fail(pass, "alignment to %#lx: expected NULL, got %#lx", req->align,
				   (unsigned long)addr);
	if (!addr)
		return 0;
	return stress_check_range(pass, addr, req->size, req->align) ?:
	       pass->settings->touch ? stress_touch(pass, addr, req->size) : 0;
}

/* Every power of two is asked for as an alignment, also those that no address has. */
static int align_shift(struct stress_pass *pass)
{
	bool warned = test_taint(TAINT_WARN);
	int err = 0;

	while (pass->done < pass->loops && !err) {
		const struct stress_req req = { PAGE_SIZE, 1UL << pass->done,
					     GFP_KERNEL | __GFP_NOWARN };
		void *addr;

		stress_clock_start(pass);
		addr = stress_get(pass, &req);
		stress_clock_stop(pass);
		err = align_shift_check(pass, addr, &req, warned);
		stress_clock_start(pass);
		stress_free(pass, addr);
		stress_clock_stop(pass);
		WRITE_ONCE(pass->done, pass->done + 1);
		err = err ?: stress_breathe(pass);
	}
	return err;
}

/* Checks that @object holds @before on every CPU, and writes @after. */
static int pcpu_look(struct stress_pass *pass, const struct pcpu_object *object, u8 before,
		     u8 after)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		void *addr = per_cpu_ptr(object->ptr, cpu);
		const u8 *bad = memchr_inv(addr, before, object->size);

		if (!IS_ALIGNED((unsigned long)addr, object->align))
			return stress_fail(pass, "%#lx: expected alignment to %#lx",
					   (unsigned long)addr, object->align);
		if (bad)
			return stress_fail(pass, "%#lx: expected %#x, got %#x",
					   (unsigned long)bad, before, *bad);
		memset(addr, after, object->size);
	}
	return 0;
}

static int pcpu_alloc_batch(struct stress_pass *pass, struct pcpu_object *objects, unsigned int nr)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < nr; i++) {
		objects[i].size = 1 + stress_draw(pass, PCPU_MAX_SIZE);
		objects[i].align = 1UL << stress_draw(pass, PCPU_SHIFTS);
	}
	stress_clock_start(pass);
	for (i = 0; i < nr && !err; i++) {
		objects[i].ptr = __alloc_percpu(objects[i].size, objects[i].align);
		if (!objects[i].ptr)
			break;
		err = i % 64 ? 0 : stress_breathe(pass);
	}
	stress_clock_stop(pass);
	if (i < nr && !err)
		return stress_fail(pass, "cannot allocate %lu percpu bytes aligned to %#lx",
				   objects[i].size, objects[i].align);
	for (i = 0; i < nr && !err && pass->settings->touch; i++)
		err = pcpu_look(pass, &objects[i], 0, (u8)i);
	return err;
}

static int pcpu_free_batch(struct stress_pass *pass, struct pcpu_object *objects, unsigned int nr)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < nr && !err && pass->settings->touch; i++)
		if (objects[i].ptr)
			err = pcpu_look(pass, &objects[i], (u8)i, (u8)i);
	stress_clock_start(pass);
	for (i = 0; i < nr; i++) {
		free_percpu(objects[i].ptr);
		if (i % 64 == 0)
			cond_resched();
	}
	stress_clock_stop(pass);
	memset(objects, 0, nr * sizeof(*objects));
	return err;
}

static int pcpu(struct stress_pass *pass)
{
	unsigned long batch = pass->settings->nr_pcpu_objects;
	struct pcpu_object *objects = kvcalloc(batch, sizeof(*objects), GFP_KERNEL);
	int err = 0;

	if (!objects)
		return stress_fail(pass, "no memory for the test itself");
	while (pass->done < pass->loops && !err) {
		unsigned int nr = min(batch, pass->loops - pass->done);
		int free_err;

		err = pcpu_alloc_batch(pass, objects, nr);
		free_err = pcpu_free_batch(pass, objects, nr);
		WRITE_ONCE(pass->done, pass->done + nr);
		err = err ?: free_err ?: stress_breathe(pass);
	}
	kvfree(objects);
	return err;
}

/* Writes to new memory, which must not be memory that a reader may still look at. */
static void *rcu_disturb(struct stress_pass *pass)
{
	void *addr = NULL;

	if (pass->target == STRESS_ARENA)	/* vmalloc cannot be called where this is */
		addr = stress_alloc(pass, PAGE_SIZE, 1, GFP_NOWAIT | __GFP_NOWARN);
	if (addr)
		memset(addr, 0xff, PAGE_SIZE);
	return addr;
}

/* The memory must stay as it is for as long as a reader may look at it, freed or not. */
static int rcu_free_and_look(struct stress_pass *pass, void *addr)
{
	struct stress_area area = {
		.addr = addr + SMP_CACHE_BYTES,
		.size = PAGE_SIZE - SMP_CACHE_BYTES,
	};
	void *other;
	int err;

	stress_clock_stop(pass);
	err = stress_fill(pass, &area);
	rcu_read_lock();
	stress_clock_start(pass);
	stress_free_rcu_head(pass, addr);
	stress_clock_stop(pass);
	other = rcu_disturb(pass);
	err = err ?: stress_check(pass, &area);
	rcu_read_unlock();
	stress_free(pass, other);
	stress_clock_start(pass);
	return err;
}

/* Frees from where the caller may not sleep. */
static int rcu_free_head(struct stress_pass *pass, void *addr)
{
	if (pass->settings->touch)
		return rcu_free_and_look(pass, addr);
	rcu_read_lock();
	stress_free_rcu_head(pass, addr);
	rcu_read_unlock();
	return 0;
}

static int rcu_free(struct stress_pass *pass, void *addr)
{
	stress_free_rcu(pass, addr);
	return 0;
}

static void rcu_wait(struct stress_pass *pass)
{
	stress_clock_stop(pass);
	rcu_barrier();
	stress_clock_start(pass);
}

static __always_inline int rcu_loops(struct stress_pass *pass,
				     int (*release)(struct stress_pass *pass, void *addr))
{
	const struct stress_req req = { PAGE_SIZE, 1, GFP_KERNEL };
	int err = 0;

	stress_clock_start(pass);
	while (pass->done < pass->loops && !err) {
		void *addr = stress_get(pass, &req);

		err = look(pass, addr, &req);
		if (!addr)
			break;
		err = release(pass, addr) ?: err ?: stress_step(pass);
		if (pass->done % RCU_BATCH == 0)
			rcu_wait(pass);
	}
	stress_clock_stop(pass);
	rcu_barrier();
	return err;
}

static int kvfree_rcu_1_arg(struct stress_pass *pass)
{
	return rcu_loops(pass, rcu_free);
}

static int kvfree_rcu_2_arg(struct stress_pass *pass)
{
	return rcu_loops(pass, rcu_free_head);
}

static int map_look(struct stress_pass *pass, void *addr, struct page **pages, unsigned long nr)
{
	unsigned long i;
	int err = stress_check_range(pass, addr, nr * PAGE_SIZE, 1);

	for (i = 0; i < nr && !err; i++) {
		struct page *got = vmalloc_to_page(addr + i * PAGE_SIZE);

		if (got != pages[i])
			return stress_fail(pass, "%#lx: expected frame %#lx, got %#lx",
					   (unsigned long)addr + i * PAGE_SIZE,
					   page_to_pfn(pages[i]), got ? page_to_pfn(got) : 0UL);
	}
	return err ?: stress_touch(pass, addr, nr * PAGE_SIZE);
}

static int map_loops(struct stress_pass *pass, struct page **pages, unsigned long nr)
{
	int err = 0;

	stress_clock_start(pass);
	while (pass->done < pass->loops && !err) {
		void *addr = stress_map(pass, pages, nr);

		if (unlikely(!addr || pass->settings->touch)) {
			stress_clock_stop(pass);
			err = map_look(pass, addr, pages, nr);
			stress_clock_start(pass);
		}
		if (addr)
			stress_unmap(pass, addr, nr);
		err = err ?: stress_step(pass);
	}
	stress_clock_stop(pass);
	return err;
}

static int map_ram(struct stress_pass *pass)
{
	unsigned long got, nr = pass->settings->nr_pages;
	struct page **pages = kvcalloc(nr, sizeof(*pages), GFP_KERNEL);
	int err;

	if (!pages)
		return stress_fail(pass, "no memory for the test itself");
	for (got = 0; got < nr; got++) {
		pages[got] = alloc_page(GFP_KERNEL);
		if (!pages[got])
			break;
		if (got % 64 == 0)
			cond_resched();
	}
	err = got == nr ? map_loops(pass, pages, nr) :
			  stress_fail(pass, "no memory for the pages to map");
	while (got--)
		__free_page(pages[got]);
	kvfree(pages);
	return err;
}

static void *no_block_once(struct stress_pass *pass, const struct stress_req *req)
{
	void *addr;

	rcu_read_lock();
	addr = stress_get(pass, req);
	rcu_read_unlock();
	return addr;
}

/*
 * Allocates where the caller may not sleep.  That may fail where nothing can be had at once, so an
 * allocation that may sleep then makes room.
 */
static void *no_block_alloc(struct stress_pass *pass, const struct stress_req *req)
{
	const struct stress_req may_block = { req->size, 1, GFP_KERNEL };
	void *addr = no_block_once(pass, req);
	unsigned int tries;

	for (tries = 0; unlikely(!addr) && tries < NO_BLOCK_TRIES; tries++) {
		stress_clock_stop(pass);
		stress_free(pass, stress_get(pass, &may_block));
		stress_clock_start(pass);
		addr = no_block_once(pass, req);
	}
	return addr;
}

static int no_block(struct stress_pass *pass)
{
	struct stress_req req = { pass->settings->nr_pages * PAGE_SIZE, 1 };
	int err = 0;

	stress_clock_start(pass);
	while (pass->done < pass->loops && !err) {
		void *addr;

		req.gfp = (pass->done % 2 ? GFP_ATOMIC : GFP_NOWAIT) | __GFP_NOWARN;
		addr = no_block_alloc(pass, &req);
		err = look(pass, addr, &req);
		stress_free(pass, addr);
		err = err ?: stress_step(pass);
	}
	stress_clock_stop(pass);
	return err;
}

/* Checks that @size bytes were made of @kept bytes of @tag, and that what is new is zero. */
static int resize_look(struct stress_pass *pass, const void *addr, unsigned long size,
		       unsigned long kept, u8 tag)
{
	unsigned long both = min(size, kept);
	const u8 *bad = memchr_inv(addr, tag, both);

	if (bad)
		return stress_fail(pass, "%#lx: expected %#x, got %#x, resized from %lu to %lu",
				   (unsigned long)bad, tag, *bad, kept, size);
	return stress_check_range(pass, addr, size, 1) ?:
	       stress_check_zero(pass, addr + both, size - both);
}

/* A single area, whose size each loop changes. */
static int resize_loops(struct stress_pass *pass, void **addr, unsigned long size, gfp_t gfp)
{
	int err = 0;
	u8 tag = 0;

	while (pass->done < pass->loops && !err) {
		unsigned long kept = size;
		void *new;

		size = 1 + stress_draw(pass, RESIZE_PAGES * PAGE_SIZE);
		stress_clock_start(pass);
		new = stress_resize(pass, *addr, size, gfp);
		stress_clock_stop(pass);
		if (!new)
			return stress_fail(pass, "cannot resize from %lu to %lu bytes", kept, size);
		*addr = new;
		if (pass->settings->touch)
			err = resize_look(pass, new, size, kept, tag);
		memset(new, ++tag, pass->settings->touch ? size : 0);
		err = err ?: stress_step(pass);
	}
	return err;
}

static int resize(struct stress_pass *pass)
{
	gfp_t gfp = GFP_KERNEL | (pass->settings->touch ? __GFP_ZERO : 0);
	void *addr = stress_alloc(pass, PAGE_SIZE, 1, gfp);
	int err;

	if (!addr)
		return stress_fail(pass, "cannot allocate a page");
	err = resize_loops(pass, &addr, PAGE_SIZE, gfp);
	stress_free(pass, addr);
	return err;
}

#define TEST(_bit, _name, _run, ...)	\
	{ .mask = BIT(_bit), .name = _name, .run = _run, ##__VA_ARGS__ }

/* Bits and names up to 12 are those of the kernel's own module; ours begin where it has none. */
const struct stress_test stress_tests[STRESS_NR_TESTS] = {
	TEST(0, "fix_size_alloc_test", fix_size),
	TEST(1, "full_fit_alloc_test", stress_full_fit, .arena = STRESS_OWN_UNCACHED),
	TEST(2, "long_busy_list_alloc_test", long_busy_list),
	TEST(3, "random_size_alloc_test", random_size),
	TEST(4, "fix_align_alloc_test", fix_align),
	TEST(5, "random_size_align_alloc_test", random_size_align, .any_align = true),
	TEST(6, "align_shift_alloc_test", align_shift, .any_align = true, .loops = BITS_PER_LONG),
	TEST(7, "pcpu_alloc_test", pcpu, .kernel_only = true),
	TEST(8, "kvfree_rcu_1_arg_vmalloc_test", kvfree_rcu_1_arg, .arena = STRESS_OWN_ARENA),
	TEST(9, "kvfree_rcu_2_arg_vmalloc_test", kvfree_rcu_2_arg, .arena = STRESS_OWN_ARENA),
	TEST(10, "vm_map_ram_test", map_ram),
	TEST(11, "no_block_alloc_test", no_block, .no_block = true),
	TEST(12, "vrealloc_test", resize, .resizes = true),
	TEST(16, "le_fit_alloc_test", stress_le_fit, .arena = STRESS_OWN_UNCACHED),
	TEST(17, "b_fit_alloc_test", stress_b_fit, .arena = STRESS_OWN_UNCACHED),
	TEST(18, "ne_fit_alloc_test", stress_ne_fit, .arena = STRESS_OWN_UNCACHED),
	TEST(19, "reserve_alloc_test", stress_reserve, .arena = STRESS_OWN_ARENA, .reserve = true),
};

/* Why @test is known to fail on @target, which lacks something; NULL if it has all. */
const char *stress_xfail_reason(const struct stress_test *test, enum stress_target target)
{
	bool arena = target == STRESS_ARENA;

	if (test->no_block && !arena && !VMALLOC_NO_BLOCK)
		return "vmalloc may sleep, whatever it is asked, before Linux 6.19";
	if (test->resizes && !arena && !VMALLOC_RESIZES)
		return "vmalloc cannot change the size of an area before Linux 6.12";
	return NULL;
}

/* Why @test cannot run on @target; NULL if it can. */
const char *stress_skip_reason(const struct stress_test *test, enum stress_target target)
{
	if (target == STRESS_ARENA && test->kernel_only)
		return "vmap_arena has no percpu allocator";
	if (target == STRESS_KERNEL && test->reserve)
		return "vmalloc sets nothing aside";
	if (target == STRESS_KERNEL && test->any_align && !stress_kernel_aligns())
		return "__vmalloc_node is not exported (CONFIG_TEST_VMALLOC is off)";
	return NULL;
}

unsigned long stress_test_loops(const struct stress_test *test,
				const struct stress_settings *settings)
{
	return test->loops ?: settings->test_loop_count;
}

/* Makes one pass of @pass->test on @pass->target; -EOPNOTSUPP if that is known to fail. */
int stress_run_pass(struct stress_pass *pass)
{
	int err, close_err;

	WRITE_ONCE(pass->done, 0);
	WRITE_ONCE(pass->loops, stress_test_loops(pass->test, pass->settings));
	pass->nsec = 0;
	pass->failure[0] = '\0';
	if (stress_xfail_reason(pass->test, pass->target))
		return -EOPNOTSUPP;
	prandom_seed_state(&pass->rnd, pass->settings->seed + pass->thread);
	err = stress_arena_open(pass);
	if (err)
		return err;
	err = pass->test->run(pass);
	close_err = stress_arena_close(pass);
	return err ?: close_err;
}
