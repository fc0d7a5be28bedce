// SPDX-License-Identifier: GPL-2.0
/*
 * bounds_kunit.c - no call pays for what is not its own, however much others have piled up
 *
 * None of this is judged by a clock: what a call would have to pay for is counted.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/uio.h>

#include "vmap_kunit.h"
#include "../throttle.h"

/* Areas enough that the first read of a file that lists them is far from the end of the list. */
#define LISTED		500
#define FILES		300

/* Extents enough that merging all of them is not what one call does. */
#define BACKLOG		4000

/* An area that is not unmapped in one go. */
#define BIG		(4 * UNMAP_BATCH + PAGE_SIZE)

/* Frees that are left to the worker, far more than the threshold has room for. */
#define DEFERRED	200

/* Of a page each, so few that all fit into what the reserve of the smallest span is. */
#define PAIRS		50

/* Spans that come to be idle at the same time. */
#define SPANS		4

/* Others may be reading an arena's files, one at a time: see scripts/guest/kunit.sh. */
#define OTHERS		1

struct open_files {
	struct vmap_arena *arena;
	struct vmap_extent *extent[LISTED];
	struct file *file[FILES];
	unsigned int count;
};

static void close_files(struct open_files *files)
{
	while (files->count)
		filp_close(files->file[--files->count], NULL);
}

static void free_extents(void *data)
{
	struct open_files *files = data;
	unsigned int i;

	close_files(files);
	for (i = 0; i < LISTED; i++)
		vmap_extent_free(files->arena, files->extent[i]);
}

static struct open_files *listed_arena(struct kunit *test)
{
	struct open_files *files = kunit_kzalloc(test, sizeof(*files), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, files);
	files->arena = kt_range(test, 0, 1UL << 30, 1);
	for (i = 0; i < LISTED; i++)
		files->extent[i] = vmap_extent_alloc(files->arena, 16, 1, GFP_KERNEL);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_extents, files), 0);
	return files;
}

static struct file *open_file(struct kunit *test, const struct vmap_arena *arena, const char *name)
{
	struct file *file;
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/debug/vmap_arena/%s/%s",
		 arena->cache.purge.space.name, name);
	file = filp_open(path, O_RDONLY, 0);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	return file;
}

static void open_files(struct kunit *test, struct open_files *files)
{
	while (files->count < FILES) {
		files->file[files->count] = open_file(test, files->arena, "areas");
		files->count++;
	}
}

/* So many walkers each free of the arena has to look at. */
static unsigned int walkers(struct vmap_arena *arena)
{
	struct list_head *link;
	unsigned long flags;
	unsigned int count = 0;

	raw_spin_lock_irqsave(&arena->cache.purge.space.lock, flags);
	list_for_each(link, &arena->cache.purge.space.walkers)
		count++;
	raw_spin_unlock_irqrestore(&arena->cache.purge.space.lock, flags);
	return count;
}

/* What kernel_read() does, which refuses the files of debugfs. */
static ssize_t read_on(struct file *file, char *text, size_t size, loff_t *pos)
{
	struct kvec buffer = { .iov_base = text, .iov_len = size };
	struct kiocb call;
	struct iov_iter to;
	ssize_t got;

	init_sync_kiocb(&call, file);
	call.ki_pos = *pos;
	iov_iter_kvec(&to, READ, &buffer, 1, size);
	got = seq_read_iter(&call, &to);
	*pos = call.ki_pos;
	return got;
}

/* Read a character of each file.  Return how many files had one; the others must be refused. */
static unsigned int begin_to_read(struct kunit *test, struct open_files *files, bool *refused)
{
	unsigned int i, got = 0;

	for (i = 0; i < files->count; i++) {
		loff_t pos = 0;
		ssize_t status;
		char text;

		status = read_on(files->file[i], &text, 1, &pos);
		refused[i] = status == -EBUSY;
		got += status == 1;
		if (status != 1)
			KUNIT_EXPECT_EQ(test, status, -EBUSY);
	}
	return got;
}

/* How many lines are left to read in a file? */
static unsigned int count_lines(struct kunit *test, struct file *file)
{
	char *text = kunit_kmalloc(test, PAGE_SIZE, GFP_KERNEL);
	unsigned int lines = 0;
	loff_t pos = 0;
	ssize_t got, i;

	KUNIT_ASSERT_NOT_NULL(test, text);
	while ((got = read_on(file, text, PAGE_SIZE, &pos)) > 0)
		for (i = 0; i < got; i++)
			lines += text[i] == '\n';
	KUNIT_EXPECT_EQ(test, got, 0);
	return lines;
}

/* Files are closed by a worker, in a moment. */
static void await_walkers(struct vmap_arena *arena, unsigned int most)
{
	kt_until(walkers(arena) <= most);
}

static void open_files_cost_frees_nothing(struct kunit *test)
{
	struct open_files *files = listed_arena(test);

	open_files(test, files);
	KUNIT_EXPECT_LE(test, walkers(files->arena), 2 * OTHERS);
}

static void files_being_read_are_bounded(struct kunit *test)
{
	struct open_files *files = listed_arena(test);
	bool *refused = kunit_kcalloc(test, FILES, sizeof(*refused), GFP_KERNEL);
	struct file *verify;
	char text[8] = {};
	unsigned int got;
	loff_t pos = 0;

	KUNIT_ASSERT_NOT_NULL(test, refused);
	open_files(test, files);
	got = begin_to_read(test, files, refused);
	KUNIT_EXPECT_LE(test, got, WALK_READERS);
	KUNIT_EXPECT_GE(test, got, WALK_READERS - OTHERS);
	KUNIT_EXPECT_LE(test, walkers(files->arena), WALK_READERS + 1);
	/* Who walks from end to end is refused by nobody. */
	verify = open_file(test, files->arena, "verify");
	KUNIT_EXPECT_EQ(test, read_on(verify, text, sizeof(text), &pos), 3);
	filp_close(verify, NULL);
	KUNIT_EXPECT_STREQ(test, text, "ok\n");
}

static void refused_reads_may_be_repeated(struct kunit *test)
{
	struct open_files *files = listed_arena(test);
	bool *refused = kunit_kcalloc(test, FILES, sizeof(*refused), GFP_KERNEL);
	struct file *last;

	KUNIT_ASSERT_NOT_NULL(test, refused);
	open_files(test, files);
	begin_to_read(test, files, refused);
	last = files->file[--files->count];
	KUNIT_EXPECT_TRUE(test, refused[files->count]);
	close_files(files);
	await_walkers(files->arena, 2 * OTHERS);
	KUNIT_EXPECT_EQ(test, count_lines(test, last), LISTED);
	/* At the end of the list the walk is over, though the file is open. */
	await_walkers(files->arena, 0);
	KUNIT_EXPECT_LE(test, walkers(files->arena), 2 * OTHERS);
	filp_close(last, NULL);
}

/* An arena with so many lazy extents of a page, none of them flushed; nobody is about to. */
static struct vmap_arena *lazy_arena(struct kunit *test, unsigned int count)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE | VMAP_ARENA_NOGUARD);
	void **addr = kunit_kcalloc(test, count, sizeof(*addr), GFP_KERNEL);
	unsigned int i;

	if (arena->cache.purge.space.limit)
		kunit_skip(test, "arena_limit is set");
	KUNIT_ASSERT_NOT_NULL(test, addr);
	kt_stay_in_first_shard(arena);
	WRITE_ONCE(arena->cache.purge.threshold, 1UL << 40);
	for (i = 0; i < count; i++) {
		addr[i] = kt_pages(arena, 1, GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, addr[i]);
	}
	for (i = 0; i < count; i++)
		vmap_free(addr[i]);
	return arena;
}

/* How many extents does one free merge, and how often does it purge first, if so many are lazy? */
static void a_free_pays_no_backlog(struct kunit *test)
{
	struct vmap_arena *arena = lazy_arena(test, BACKLOG);
	struct vmap_arena_stats before, after;
	void *addr = kt_pages(arena, 1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, addr);
	before = kt_stats(arena);
	KUNIT_EXPECT_GE(test, before.lazy, (BACKLOG - 100) * PAGE_SIZE);
	/* Behind the back of those who set it, so that no worker purges yet. */
	WRITE_ONCE(arena->cache.purge.threshold, PAGE_SIZE);
	mutex_lock(&arena->cache.purge.deferred_lock);
	vmap_free(addr);
	after = kt_stats(arena);
	mutex_unlock(&arena->cache.purge.deferred_lock);
	KUNIT_EXPECT_LE(test, after.throttle_waits - before.throttle_waits, THROTTLE_ROUNDS);
	KUNIT_EXPECT_LE(test, after.purged - before.purged, THROTTLE_ROUNDS * THROTTLE_MERGE_FREE);
	/* It has done its share, though, and the rest is left to the worker, not lost. */
	KUNIT_EXPECT_EQ(test, after.throttle_waits - before.throttle_waits, THROTTLE_ROUNDS);
	KUNIT_EXPECT_EQ(test, after.deferred - before.deferred, 1);
	KUNIT_EXPECT_LE(test, after.lazy, before.lazy);
	vmap_arena_purge(arena);
	KUNIT_EXPECT_TRUE(test, kt_faults(addr));
}

/* Nobody frees or allocates, yet what is lazy goes once the threshold is lowered. */
static void a_lowered_threshold_is_acted_upon(struct kunit *test)
{
	struct vmap_arena *arena = lazy_arena(test, BACKLOG);
	char command[128];

	KUNIT_EXPECT_GE(test, kt_stats(arena).lazy, (BACKLOG - 100) * PAGE_SIZE);
	snprintf(command, sizeof(command),
		 "echo 65536 >/sys/kernel/debug/vmap_arena/%s/lazy_threshold",
		 arena->cache.purge.space.name);
	KUNIT_ASSERT_EQ(test, kt_shell(command), 0);
	KUNIT_EXPECT_TRUE(test, kt_until(!kt_stats(arena).lazy));
}

static void start_worker(void *data)
{
	struct vmap_arena *arena = data;

	clear_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(&arena->cache.purge.purge_work));
}

/* Until the test ends the purge worker does not run: it seems to be queued, and never starts. */
static void stop_worker(struct kunit *test, struct vmap_arena *arena)
{
	do {
		cancel_work_sync(&arena->cache.purge.purge_work);
	} while (test_and_set_bit(WORK_STRUCT_PENDING_BIT,
				  work_data_bits(&arena->cache.purge.purge_work)));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, start_worker, arena), 0);
}

static void free_atomically(void **addr, unsigned int count)
{
	preempt_disable();
	while (count--)
		vmap_free(addr[count]);
	preempt_enable();
}

static void get_pages_each(struct kunit *test, struct vmap_arena *arena, void **addr,
			   unsigned int count)
{
	kt_stay_in_first_shard(arena);
	while (count--) {
		addr[count] = kt_pages(arena, 1, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, addr[count]);
	}
}

/* Not inlined: each copy of the statistics takes stack. */
static noinline unsigned long pending(struct vmap_arena *arena)
{
	return kt_stats(arena).pending;
}

/*
 * Without a worker nothing but the calls themselves does what atomic frees have left.  Each call
 * that can sleep does more than its own as long as there is too much.
 */
static void what_is_deferred_is_bounded(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE | VMAP_ARENA_NOGUARD);
	void **addr = kunit_kcalloc(test, 2 * DEFERRED, sizeof(*addr), GFP_KERNEL);
	unsigned long threshold = 16 * PAGE_SIZE;
	/* With PREEMPT_RT no page can be freed with preemption off: each free is left. */
	unsigned long lazy = IS_ENABLED(CONFIG_PREEMPT_RT) ? 0 : 2 * threshold;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, addr);
	get_pages_each(test, arena, addr, 2 * DEFERRED);
	stop_worker(test, arena);
	WRITE_ONCE(arena->cache.purge.threshold, threshold);
	free_atomically(addr, DEFERRED);
	KUNIT_EXPECT_EQ(test, pending(arena), DEFERRED * PAGE_SIZE - lazy);
	KUNIT_EXPECT_EQ(test, pending(arena), kt_stats(arena).deferred * PAGE_SIZE);
	for (i = 0; i < DEFERRED; i++) {
		unsigned long before = pending(arena);

		vmap_free(addr[DEFERRED + i]);
		KUNIT_EXPECT_LE(test, pending(arena), max(before, threshold));
	}
	KUNIT_EXPECT_LE(test, pending(arena), threshold);
	kt_settle(test, arena);
}

/* The same by allocations. */
static void allocations_help_too(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE | VMAP_ARENA_NOGUARD);
	void **addr = kunit_kcalloc(test, DEFERRED, sizeof(*addr), GFP_KERNEL);
	unsigned long threshold = 16 * PAGE_SIZE;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, addr);
	get_pages_each(test, arena, addr, DEFERRED);
	stop_worker(test, arena);
	WRITE_ONCE(arena->cache.purge.threshold, threshold);
	free_atomically(addr, DEFERRED);
	get_pages_each(test, arena, addr, DEFERRED / 2);
	KUNIT_EXPECT_LE(test, kt_stats(arena).pending, threshold);
	for (i = 0; i < DEFERRED / 2; i++)
		vmap_free(addr[i]);
	kt_settle(test, arena);
}

/* An allocation that finds no room but what is deferred has that done, and does not fail. */
static void deferred_room_is_found(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE | VMAP_ARENA_NOGUARD);
	unsigned long pages = arena->cache.purge.space.reserved / PAGE_SIZE - 1;
	void *addr;

	if (arena->cache.purge.space.reserved <= UNMAP_BATCH / 2 ||
	    arena->cache.purge.space.reserved > BIG)
		kunit_skip(test, "load vmap_arena.ko with span_size=2M for this");
	kt_stay_in_first_shard(arena);
	WRITE_ONCE(arena->cache.purge.threshold, 1UL << 40);
	WRITE_ONCE(arena->cache.purge.space.limit, arena->cache.purge.space.reserved);
	addr = kt_pages(arena, pages, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	stop_worker(test, arena);
	WRITE_ONCE(arena->cache.purge.threshold, 0);
	free_atomically(&addr, 1);
	WRITE_ONCE(arena->cache.purge.threshold, 1UL << 40);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).pending, pages * PAGE_SIZE);
	addr = kt_pages(arena, pages, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, addr);
	vmap_free(addr);
	kt_settle(test, arena);
}

/*
 * Where hardly any room is left, and no more can be had, one free after another would be flushed
 * for the sake of the next.  Flushes are few unless somebody needs the room.
 */
static void flushes_near_the_limit_are_few(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE | VMAP_ARENA_NOGUARD);
	unsigned long start, flushes, left = PAIRS + 4;
	unsigned int i;
	void *most;

	if (arena->cache.purge.space.reserved / 8 / PAGE_SIZE < left ||
	    arena->cache.purge.space.reserved > BIG)
		kunit_skip(test, "load vmap_arena.ko with span_size=2M for this");
	WRITE_ONCE(arena->cache.purge.space.limit, arena->cache.purge.space.reserved);
	most = kt_pages(arena, arena->cache.purge.space.reserved / PAGE_SIZE - left, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, most);
	start = jiffies;
	flushes = kt_stats(arena).flushes;
	for (i = 0; i < PAIRS; i++) {
		vmap_free(kt_pages(arena, 1, GFP_KERNEL));
		/* The worker has all the time it needs to flush that. */
		schedule_timeout_uninterruptible(3);
	}
	flushes = kt_stats(arena).flushes - flushes;
	kunit_info(test, "%lu flushes in %lu jiffies", flushes, jiffies - start);
	KUNIT_EXPECT_LE(test, flushes, 2 + (jiffies - start) * THROTTLE_FLUSH_RATE / HZ);
	vmap_free(most);
	kt_settle(test, arena);
}

/* What a task does that a probe can see: whether it lets others run is not left to chance. */
static struct {
	struct task_struct *task;
	unsigned long frees;
	unsigned long in_a_row;
	unsigned long longest;
	unsigned long graces;
} seen;

static int on_free(struct kprobe *probe, struct pt_regs *regs)
{
	if (current == READ_ONCE(seen.task)) {
		seen.frees++;
		seen.in_a_row++;
		seen.longest = max(seen.longest, seen.in_a_row);
	}
	return 0;
}

static int on_rest(struct kprobe *probe, struct pt_regs *regs)
{
	if (current == READ_ONCE(seen.task))
		seen.in_a_row = 0;
	return 0;
}

static int on_grace(struct kprobe *probe, struct pt_regs *regs)
{
	if (current == READ_ONCE(seen.task))
		seen.graces++;
	return 0;
}

/*
 * Where a page is freed that may not go into the stock: of an area with accounting; where
 * cond_resched() comes by; where a grace period is waited for.
 */
static struct kprobe probes[] = {
	{ .symbol_name = "synchronize_rcu", .pre_handler = on_grace },
	{ .symbol_name = "vpage_free", .pre_handler = on_free },
	{ .symbol_name = "__might_resched", .pre_handler = on_rest },
};

static void put_probes(struct kunit *test)
{
	unsigned int i;

	if (!IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP))
		kunit_skip(test, "without DEBUG_ATOMIC_SLEEP cond_resched() cannot be seen");
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		kt_probe(test, &probes[i]);
}

/* How many pages are freed at most without letting others run? */
static void expect_rests(struct kunit *test, void (*call)(const void *addr), const void *addr,
			 unsigned long pages)
{
	seen.frees = 0;
	seen.in_a_row = 0;
	seen.longest = 0;
	WRITE_ONCE(seen.task, current);
	call(addr);
	WRITE_ONCE(seen.task, NULL);
	KUNIT_EXPECT_GE(test, seen.frees, pages);
	KUNIT_EXPECT_LE(test, seen.longest, UNMAP_BATCH >> PAGE_SHIFT);
}

static void big_frees_let_others_run(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned long pages = BIG / PAGE_SIZE;
	void *addr;

	if (arena->cache.purge.space.limit)
		kunit_skip(test, "arena_limit is set");
	addr = kt_pages(arena, pages, GFP_KERNEL_ACCOUNT);
	KUNIT_ASSERT_NOT_NULL(test, addr);
	put_probes(test);
	expect_rests(test, vmap_free, addr, pages);
}

/* Who helps with a huge area that was left to the worker does a part of it. */
static void helping_is_bounded(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	void *addr[2];

	if (arena->cache.purge.space.limit)
		kunit_skip(test, "arena_limit is set");
	kt_stay_in_first_shard(arena);
	addr[0] = kt_pages(arena, BIG / PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	addr[1] = kt_pages(arena, 1, GFP_KERNEL_ACCOUNT);
	KUNIT_ASSERT_NOT_NULL(test, addr[0]);
	KUNIT_ASSERT_NOT_NULL(test, addr[1]);
	stop_worker(test, arena);
	free_atomically(addr, 1);
	WRITE_ONCE(arena->cache.purge.threshold, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).pending, BIG + PAGE_SIZE);
	put_probes(test);
	expect_rests(test, vmap_free, addr[1], UNMAP_BATCH / PAGE_SIZE + 1);
	KUNIT_EXPECT_EQ(test, seen.frees, UNMAP_BATCH / PAGE_SIZE + 1);
	KUNIT_EXPECT_EQ(test, kt_stats(arena).pending, BIG + PAGE_SIZE);
	kt_settle(test, arena);
}

/* Spans that go together wait for a grace period together. */
static void spans_go_together(struct kunit *test)
{
	struct vmap_arena *arena = kt_memory(test, VMAP_ARENA_NOCACHE);
	unsigned long size = arena->cache.purge.space.reserved - PAGE_SIZE, spans;
	void *addr[SPANS] = {};
	unsigned int i;

	if (arena->cache.purge.space.limit || arena->cache.purge.space.reserved > BIG)
		kunit_skip(test, "load vmap_arena.ko with span_size=2M and no limit for this");
	kt_stay_in_first_shard(arena);
	WRITE_ONCE(arena->cache.purge.threshold, 1UL << 40);
	for (i = 0; i < SPANS; i++) {
		addr[i] = vmap_arena_alloc(arena, size, 1, GFP_KERNEL, NUMA_NO_NODE);
		KUNIT_EXPECT_NOT_NULL(test, addr[i]);
	}
	spans = kt_stats(arena).spans;
	KUNIT_EXPECT_GE(test, spans, SPANS);
	for (i = 0; i < SPANS; i++)
		vmap_free(addr[i]);
	put_probes(test);
	seen.graces = 0;
	WRITE_ONCE(seen.task, current);
	vmap_arena_purge(arena);
	WRITE_ONCE(seen.task, NULL);
	KUNIT_EXPECT_LE(test, kt_stats(arena).spans, spans - SPANS + 1);
	KUNIT_EXPECT_EQ(test, seen.graces, 1);
}

static struct kunit_case bounds_cases[] = {
	KUNIT_CASE(open_files_cost_frees_nothing),
	KUNIT_CASE(files_being_read_are_bounded),
	KUNIT_CASE(refused_reads_may_be_repeated),
	KUNIT_CASE(a_free_pays_no_backlog),
	KUNIT_CASE(a_lowered_threshold_is_acted_upon),
	KUNIT_CASE(what_is_deferred_is_bounded),
	KUNIT_CASE(allocations_help_too),
	KUNIT_CASE(deferred_room_is_found),
	KUNIT_CASE(flushes_near_the_limit_are_few),
	KUNIT_CASE(big_frees_let_others_run),
	KUNIT_CASE(helping_is_bounded),
	KUNIT_CASE(spans_go_together),
	{}
};

static struct kunit_suite bounds_suite = { .name = "vmap_bounds", .test_cases = bounds_cases };
kunit_test_suite(bounds_suite);
