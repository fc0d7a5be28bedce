// SPDX-License-Identifier: GPL-2.0
/*
 * tlb_kunit.c - an address is not handed out again while a TLB still knows what was there before
 *
 * A reader, on a CPU of its own and with preemption off, reads the first word of each page of an
 * area again and again, so that its TLB holds them all.  The writer, on another CPU, frees the area
 * and allocates until it has the same address again with other pages.  Each time the pages carry
 * the number of the round.  A reader that sees, in a round, anything but that round's number has
 * read through a stale TLB entry.  All pages are kept from the kernel until the end: if they came
 * again, a stale entry might be right by chance, or what is written through it hit somebody else.
 *
 * The writer announces a round after its pages are mapped and filled, and withdraws it before it
 * frees them; the reader looks at the announcement before and after it reads, and what it read
 * counts only if the two are the same.  Rounds have rising numbers, so nothing can happen in
 * between that it would not notice.  A round ends only after the reader has read all of it.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "vmap_kunit.h"

#define ROUNDS		50
#define MOST_OTHERS	20
#define MOST_PAGES	40

/* Allocations until the address of the last round must have come back. */
#define TRIES		200

struct hot {
	unsigned long *addr;
	unsigned long pages;
	unsigned long round;		/* announced; 0: nothing is */
	unsigned long seen;		/* the last round that the reader has read all of */
	unsigned long stale;
	unsigned long reads;
	unsigned long same;		/* rounds that had the address of the one before */
	struct page *kept[ROUNDS * MOST_PAGES];
	unsigned long nr_kept;
	struct task_struct *reader;
};

/* One look at all pages.  Return the round if it was announced all the while. */
static unsigned long look(struct hot *hot)
{
	unsigned long round, *addr, word, i, stale = 0;

	/* Pairs with announce(): the pages carry the number before it is announced. */
	round = smp_load_acquire(&hot->round);
	addr = READ_ONCE(hot->addr);
	for (i = 0; i < hot->pages; i++) {
		if (copy_from_kernel_nofault(&word, (void *)addr + i * PAGE_SIZE, sizeof(word)))
			return 0;
		stale += word != round;
	}
	/* Pairs with withdraw(): what was read after the pages changed hands is seen to be. */
	smp_rmb();
	if (!round || READ_ONCE(hot->round) != round)
		return 0;
	hot->stale += stale;
	hot->reads += hot->pages;
	return round;
}

/*
 * Preemption is off, so that nobody else uses this TLB between the look that makes it hot and the
 * first look at what comes next; but not for long: the purge worker may be waiting for this CPU.
 */
static int reader(void *data)
{
	struct hot *hot = data;

	while (!kthread_should_stop()) {
		unsigned long end = jiffies + HZ / 50, round = 0;

		preempt_disable();
		while (time_before(jiffies, end)) {
			round = look(hot);
			if (round) {
				/* Pairs with wait_until_seen(): it is all read before it ends. */
				smp_store_release(&hot->seen, round);
			}
			cpu_relax();
		}
		preempt_enable();
		cond_resched();
	}
	return 0;
}

static bool wait_until_seen(struct hot *hot)
{
	unsigned long end = jiffies + KT_PATIENCE;

	/* Pairs with reader(). */
	while (smp_load_acquire(&hot->seen) != hot->round) {
		if (time_after(jiffies, end))
			return false;
		cond_resched();
	}
	return true;
}

static void number_pages(void *addr, unsigned long pages, unsigned long round)
{
	unsigned long i;

	for (i = 0; i < pages; i++)
		WRITE_ONCE(*(unsigned long *)(addr + i * PAGE_SIZE), round);
}

static void announce(struct hot *hot, void *addr, unsigned long round)
{
	hot->same += addr == hot->addr;
	WRITE_ONCE(hot->addr, addr);
	/* Pairs with look(). */
	smp_store_release(&hot->round, round);
}

static void withdraw(struct hot *hot)
{
	WRITE_ONCE(hot->round, 0);
	/* Pairs with look(): withdrawn before the pages are freed. */
	smp_mb();
}

static struct hot *start_reader(struct kunit *test, unsigned long pages)
{
	struct hot *hot = kunit_kzalloc(test, sizeof(*hot), GFP_KERNEL);
	unsigned int other;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	KUNIT_ASSERT_NOT_NULL(test, hot);
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	other = cpumask_last(cpu_online_mask);
	hot->pages = pages;
	hot->reader = kthread_create(reader, hot, "kunit-reader");
	KUNIT_ASSERT_FALSE(test, IS_ERR(hot->reader));
	kthread_bind(hot->reader, other);
	wake_up_process(hot->reader);
	return hot;
}

static void stop_reader(struct kunit *test, struct hot *hot)
{
	kthread_stop(hot->reader);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	while (hot->nr_kept)
		put_page(hot->kept[--hot->nr_kept]);
	kunit_info(test, "%lu words read, %lu stale; the same address %lu times", hot->reads,
		   hot->stale, hot->same);
	KUNIT_EXPECT_EQ(test, hot->stale, 0);
	KUNIT_EXPECT_GT(test, hot->reads, ROUNDS);
	KUNIT_EXPECT_GE(test, hot->same, ROUNDS / 2);
}

static void keep_pages(struct hot *hot, void *addr)
{
	unsigned long i;

	for (i = 0; i < hot->pages; i++) {
		struct page *page = vmalloc_to_page(addr + i * PAGE_SIZE);

		get_page(page);
		hot->kept[hot->nr_kept++] = page;
	}
}

/* An area at the address of the last round, if a purge makes that free in time. */
static void *alloc_again(struct vmap_arena *arena, const struct hot *hot)
{
	unsigned int tries = TRIES;
	void *addr;

	while ((addr = kt_pages(arena, hot->pages, GFP_KERNEL)) && addr != hot->addr &&
	       hot->addr && --tries) {
		vmap_free(addr);
		usleep_range(1000, 2000);
	}
	return addr;
}

static void take_others(struct vmap_arena *arena, void **other, unsigned int count)
{
	while (count--)
		other[count] = kt_pages(arena, 1, GFP_KERNEL);
}

static void free_others(void **other, unsigned int count)
{
	while (count--)
		vmap_free(other[count]);
}

/*
 * The rounds of areas of an arena.  A purge is asked for after each @purge_every rounds; 0: never,
 * so that the throttle makes it.
 */
static void play_among(struct kunit *test, struct vmap_arena *arena, unsigned long pages,
		       unsigned int purge_every, unsigned int others)
{
	struct hot *hot = start_reader(test, pages);
	unsigned long round;
	bool seen = true;
	void *addr, *other[MOST_OTHERS];

	for (round = 1; round <= ROUNDS && seen; round++) {
		addr = alloc_again(arena, hot);
		if (!addr)
			break;
		take_others(arena, other, others);
		/* What somebody else refers to would not go into the cache. */
		if (!arena->cache.caching)
			keep_pages(hot, addr);
		number_pages(addr, pages, round);
		announce(hot, addr, round);
		seen = wait_until_seen(hot);
		withdraw(hot);
		vmap_free(addr);
		free_others(other, others);
		if (purge_every && round % purge_every == 0)
			vmap_arena_purge(arena);
	}
	KUNIT_EXPECT_EQ(test, round, ROUNDS + 1);
	stop_reader(test, hot);
}

static void play(struct kunit *test, struct vmap_arena *arena, unsigned long pages,
		 unsigned int purge_every)
{
	play_among(test, arena, pages, purge_every, 0);
}

static void one_page(struct kunit *test)
{
	play(test, kt_memory(test, VMAP_ARENA_NOCACHE), 1, 1);
}

/* A flush that ends one page too early is none, for an area that is but one page. */
static void one_page_without_a_guard(struct kunit *test)
{
	play(test, kt_memory(test, VMAP_ARENA_NOCACHE | VMAP_ARENA_NOGUARD), 1, 1);
}

/* More than a flush looks at one by one. */
static void one_page_among_many(struct kunit *test)
{
	play_among(test, kt_memory(test, VMAP_ARENA_NOCACHE), 1, 1, MOST_OTHERS);
}

/* Without a guard, a flush that ends one page too early would show. */
static void some_pages_without_a_guard(struct kunit *test)
{
	play(test, kt_memory(test, VMAP_ARENA_NOCACHE | VMAP_ARENA_NOGUARD), 7, 1);
}

/* More than are forgotten one by one. */
static void many_pages(struct kunit *test)
{
	play(test, kt_memory(test, VMAP_ARENA_NOCACHE), MOST_PAGES, 1);
}

/* So small a threshold that the worker purges without being asked. */
static void purged_by_the_worker(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE | VMAP_ARENA_NOGUARD);

	kt_stay_in_first_shard(arena);
	WRITE_ONCE(arena->cache.purge.threshold, PAGE_SIZE);
	play(test, arena, 4, 0);
}

/* What was kept warm comes back with its pages; after a purge the same address has others. */
static void with_the_caches(struct kunit *test)
{
	play(test, kt_memory(test, 0), 4, 10);
}

static void pages_of_the_callers(struct kunit *test)
{
	struct hot *hot = start_reader(test, 4);
	struct page *pages[8];
	unsigned long round, i;
	bool seen = true;

	for (i = 0; i < 8; i++)
		pages[i] = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	for (round = 1; round <= ROUNDS && seen; round++) {
		void *addr = vmap_map_pages(pages + 4 * (round & 1), 4, PAGE_KERNEL);

		if (!addr)
			break;
		number_pages(addr, 4, round);
		announce(hot, addr, round);
		seen = wait_until_seen(hot);
		withdraw(hot);
		vmap_unmap_pages(addr);
		vmap_arena_purge(NULL);
	}
	KUNIT_EXPECT_EQ(test, round, ROUNDS + 1);
	stop_reader(test, hot);
	for (i = 0; i < 8; i++)
		__free_page(pages[i]);
}

static struct kunit_case tlb_cases[] = {
	KUNIT_CASE(one_page),
	KUNIT_CASE(one_page_without_a_guard),
	KUNIT_CASE(one_page_among_many),
	KUNIT_CASE(some_pages_without_a_guard),
	KUNIT_CASE(many_pages),
	KUNIT_CASE(purged_by_the_worker),
	KUNIT_CASE(with_the_caches),
	KUNIT_CASE(pages_of_the_callers),
	{}
};

static struct kunit_suite tlb_suite = { .name = "vmap_tlb", .test_cases = tlb_cases };
kunit_test_suite(tlb_suite);
