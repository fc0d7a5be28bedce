// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs.c - what a person can see of an arena, and do to it
 *
 * /sys/kernel/debug/vmap_arena/<arena>/, for root only:
 *
 *   stats           key and value, a line each
 *   areas           a line for each allocation: range, bytes, pages, caller
 *   owners          who holds how much: a line for each caller, then for each module (owners.c)
 *   free            a line for each free extent: range, bytes
 *   spans           a line for each span: range, bytes
 *   latency         how long calls take: histograms; write 1 to begin anew, 0 to end
 *   lazy_threshold  bytes; may be written
 *   cache           1 or 0: whether freed extents are kept for reuse; may be written.  Not where
 *                   windows are huge: nothing is kept there
 *   purge           write 1: on return nothing is lazy or cached
 *   verify          read: checks the invariants; "ok", or the first violation, or that a span was
 *                   lost
 *
 * The files areas, owners, free, spans and verify step through the tiles by a walk (walk.c), which
 * takes space->lock for one tile at a time, and print without the lock.  An open file holds a
 * reference to its arena.  areas and free walk from the first read to the end of the list or the
 * close, not while the file is merely open.  At most WALK_READERS files walk at a time: a read that
 * would be one more fails with EBUSY, and may be repeated.
 *
 * Locking: none of its own; seq_file serialises the reads of one open file.
 */
#define pr_fmt(fmt) "vmap_arena: " fmt

#include <linux/debugfs.h>
#include <linux/kstrtox.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "module.h"

static struct dentry *root;

static int stats_show(struct seq_file *m, void *unused)
{
	struct vmap_arena *arena = m->private;
	struct vmap_arena_stats stats;
	const struct vmap_space *space;
	u64 held_max = 0;

	vmap_arena_stats(arena, &stats);
	seq_printf(m, "spans %lu\nreserved %lu\nbusy %lu\nlazy %lu\nfree %lu\nlargest_free %lu\n",
		   stats.spans, stats.reserved, stats.busy, stats.lazy, stats.free,
		   stats.largest_free);
	seq_printf(m, "cached %lu\nwarm %lu\ncold %lu\nhits %lu\nmisses %lu\n",
		   stats.cached, stats.warm, stats.cold, stats.hits, stats.misses);
	seq_printf(m, "refills %lu\ndrains %lu\nshrinks %lu\n",
		   stats.refills, stats.drains, stats.shrinks);
	seq_printf(m, "areas %lu\nallocs %lu\nfrees %lu\nfails %lu\n",
		   stats.areas, stats.allocs, stats.frees, stats.fails);
	seq_printf(m, "fit_FL %lu\nfit_LE %lu\nfit_RE %lu\nfit_NE %lu\nmerges %lu\n",
		   stats.fits[VMAP_FIT_FULL], stats.fits[VMAP_FIT_LEFT],
		   stats.fits[VMAP_FIT_RIGHT], stats.fits[VMAP_FIT_NO_EDGE], stats.merges);
	seq_printf(m, "flushes %lu\npurged %lu\nthrottle_waits %lu\ndeferred %lu\nimports %lu\n",
		   stats.flushes, stats.purged, stats.throttle_waits, stats.deferred,
		   stats.imports);
	seq_printf(m, "pending %lu\n", stats.pending);
	seq_printf(m, "lost_spans %lu\nlost_pages %lu\nhuge %lu\n", stats.lost_spans,
		   stats.lost_pages, stats.huge);
	seq_printf(m, "kept %lu\nreserve %lu\nreserve_low %lu\n", stats.kept, stats.reserve,
		   stats.reserve_low);
	seq_printf(m, "reserve_areas %lu\nreserve_areas_low %lu\n", stats.reserve_areas,
		   stats.reserve_areas_low);
	seq_printf(m, "pages %lu\n", stats.pages);
	seq_printf(m, "stock %lu\nstock_most %lu\nstock_hits %lu\n", stats.stock, stats.stock_most,
		   stats.stock_hits);
	seq_printf(m, "stock_blocks %lu\nstock_given %lu\n", stats.stock_blocks, stats.stock_given);
	seq_printf(m, "compactions %lu\ncompactions_deferred %lu\nmoved %lu\nmoved_units %lu\nmoves_refused %lu\n",
		   stats.compactions, stats.compactions_deferred, stats.moved, stats.moved_units,
		   stats.moves_refused);
	seq_printf(m, "compactions_background %lu\nmoved_background %lu\n",
		   stats.compactions_background, stats.moved_background);
	seq_printf(m, "index_nodes %lu\n", stats.index_nodes);
	vspace_for_each(space, &arena->cache.purge.space)
		held_max = max(held_max, READ_ONCE(space->held_max));
	seq_printf(m, "lock_held_max %llu\n", held_max);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/* A walk as a seq_file iterator: a record shows the tile that the last step saw. */
struct tile_file {
	/* The arena whose tiles are shown. */
	struct vmap_arena *arena;
	/* The walk, which has begun and is not over while walking is set. */
	struct vmap_walk walk;
	bool walking;
	/* How many steps were made after the first; -1 before the first step. */
	loff_t pos;
};

static void stop_walking(struct tile_file *file)
{
	if (file->walking)
		vwalk_leave(&file->walk);
	file->walking = false;
}

static void step(struct tile_file *file)
{
	cond_resched();
	file->pos++;
	if (!vwalk_step(&file->walk))
		stop_walking(file);
}

static void *tiles_start(struct seq_file *m, loff_t *pos)
{
	struct tile_file *file = m->private;

	if (*pos < file->pos) {
		stop_walking(file);
		file->pos = -1;
	}
	if (file->pos < 0) {
		int err = vwalk_join(&file->walk, &file->arena->cache.purge.space);

		if (err)
			return ERR_PTR(err);
		file->walking = true;
	}
	while (file->walking && file->pos < *pos)
		step(file);
	return file->walking ? file : NULL;
}

static void *tiles_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return tiles_start(m, pos);
}

static void tiles_stop(struct seq_file *m, void *v)
{
}

static int areas_show(struct seq_file *m, void *v)
{
	const struct tile_file *file = v;
	const struct vmap_arena *arena = file->arena;
	const struct vmap_tile *tile = &file->walk.tile;
	unsigned long size = tile->end - tile->start - arena->cache.purge.space.guard -
			     (tile->slack & PAGE_MASK);

	if (tile->free || !vspace_is_held(tile->state))
		return SEQ_SKIP;
	seq_printf(m, "0x%016lx-0x%016lx %lu %lu ", tile->start, tile->start + size, size,
		   arena->cache.purge.space.memory ? size >> PAGE_SHIFT : 0);
	vdebug_show_caller(m, tile->caller);
	return 0;
}

static int free_show(struct seq_file *m, void *v)
{
	const struct tile_file *file = v;
	const struct vmap_tile *tile = &file->walk.tile;

	if (!tile->free)
		return SEQ_SKIP;
	seq_printf(m, "0x%016lx-0x%016lx %lu\n", tile->start, tile->end, tile->end - tile->start);
	return 0;
}

static const struct seq_operations areas_ops = {
	.start = tiles_start, .next = tiles_next, .stop = tiles_stop, .show = areas_show,
};

static const struct seq_operations free_ops = {
	.start = tiles_start, .next = tiles_next, .stop = tiles_stop, .show = free_show,
};

static int tiles_open(struct inode *inode, struct file *filp, const struct seq_operations *ops)
{
	struct vmap_arena *arena = inode->i_private;
	struct tile_file *file = __seq_open_private(filp, ops, sizeof(*file));

	if (!file)
		return -ENOMEM;
	kref_get(&arena->refs);
	file->arena = arena;
	file->pos = -1;
	return 0;
}

static int areas_open(struct inode *inode, struct file *filp)
{
	return tiles_open(inode, filp, &areas_ops);
}

static int free_open(struct inode *inode, struct file *filp)
{
	return tiles_open(inode, filp, &free_ops);
}

static int tiles_release(struct inode *inode, struct file *filp)
{
	struct tile_file *file = ((struct seq_file *)filp->private_data)->private;

	stop_walking(file);
	varena_release(file->arena);
	return seq_release_private(inode, filp);
}

static const struct file_operations areas_fops = {
	.owner = THIS_MODULE, .open = areas_open, .read = seq_read, .llseek = seq_lseek,
	.release = tiles_release,
};

static const struct file_operations free_fops = {
	.owner = THIS_MODULE, .open = free_open, .read = seq_read, .llseek = seq_lseek,
	.release = tiles_release,
};

static int owners_show(struct seq_file *m, void *unused)
{
	return vdebug_show_owners(m, m->private);
}
DEFINE_SHOW_ATTRIBUTE(owners);

/*
 * Two spans touch only where shards of a range arena meet: a tile that does not begin at the end of
 * the last tile, or is in another space, begins a span.
 */
static int spans_show(struct seq_file *m, void *unused)
{
	struct vmap_arena *arena = m->private;
	unsigned long start = 0, end = 0;
	const struct vmap_space *space = NULL;
	struct vmap_walk walk;

	vwalk_begin(&walk, &arena->cache.purge.space);
	while (vwalk_step(&walk)) {
		if (walk.tile.start != end || walk.space != space) {
			if (end)
				seq_printf(m, "0x%016lx-0x%016lx %lu\n", start, end, end - start);
			start = walk.tile.start;
			space = walk.space;
		}
		end = walk.tile.end;
		cond_resched();
	}
	vwalk_end(&walk);
	if (end)
		seq_printf(m, "0x%016lx-0x%016lx %lu\n", start, end, end - start);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(spans);

/* What a walk, or the spaces of an arena, count. */
struct sums {
	/* Cuts and puts so far. */
	unsigned long changes;
	/* Units, units in free extents, and free extents. */
	unsigned long all;
	unsigned long free;
	unsigned long count;
};

/* What the spaces of an arena count: each space by itself under its lock. */
static struct sums counted(const struct vmap_arena *arena)
{
	struct vmap_space *space;
	struct sums sums = {};
	unsigned long flags;

	vspace_for_each(space, &arena->cache.purge.space) {
		flags = vspace_lock(space);
		sums.changes += space->tree.changes;
		sums.all += space->reserved;
		sums.free += space->tree.units;
		sums.count += space->tree.count;
		vspace_unlock(space, flags);
	}
	return sums;
}

/* Do the tiles of a walk add up?  @walked: changes as they were before the walk. */
static const char *find_wrong_sum(const struct vmap_arena *arena, const struct sums *walked)
{
	struct sums sums = counted(arena);

	if (walked->changes != sums.changes)
		return NULL;
	if (walked->all != sums.all)
		return "the extents do not add up to the spans";
	if (walked->free != sums.free || walked->count != sums.count)
		return "the free extents are not those that the tree counts";
	return NULL;
}

/* Walk all tiles.  The sums are compared only if no extent was cut or put meanwhile. */
static const char *find_violation(struct vmap_arena *arena, struct vmap_tile *where)
{
	struct sums walked = { .changes = counted(arena).changes };
	struct vmap_walk walk;

	vwalk_begin(&walk, &arena->cache.purge.space);
	while (vwalk_step(&walk) && !walk.tile.wrong) {
		unsigned long size = walk.tile.end - walk.tile.start;

		walked.all += size;
		walked.free += walk.tile.free ? size : 0;
		walked.count += walk.tile.free;
		cond_resched();
	}
	vwalk_end(&walk);
	*where = walk.tile;
	return walk.tile.wrong ?: find_wrong_sum(arena, &walked);
}

static int verify_show(struct seq_file *m, void *unused)
{
	struct vmap_arena *arena = m->private;
	struct vmap_tile where;
	const char *wrong = find_violation(arena, &where);

	if (wrong)
		seq_printf(m, "%s, near 0x%016lx-0x%016lx\n", wrong, where.start, where.end);
	else if (vlost_count(&arena->cache.purge.space))
		seq_printf(m, "%lu spans were lost: somebody gave them to vfree() or its like\n",
			   vlost_count(&arena->cache.purge.space));
	else
		seq_puts(m, "ok\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(verify);

/* Longer than any 64-bit number in any base, with a prefix and a newline: 22 octal digits and 3. */
#define NUMBER_BYTES	32

/* Read a number from all bytes that were written into the file @name. */
static int read_number(const char *name, const char __user *user, size_t len, u64 *number)
{
	char text[NUMBER_BYTES + 1];

	if (len > NUMBER_BYTES) {
		pr_err("%s: %zu bytes written, a number has at most %d\n", name, len, NUMBER_BYTES);
		return -EINVAL;
	}
	if (copy_from_user(text, user, len))
		return -EFAULT;
	text[len] = '\0';
	if (strlen(text) == len && !kstrtou64(text, 0, number))
		return 0;
	pr_err("%s: \"%*pE\" is not a whole number\n", name, (int)len, text);
	return -EINVAL;
}

static ssize_t write_number(struct file *filp, const char *name, const char __user *user,
			    size_t len, int (*set)(struct vmap_arena *arena, u64 number))
{
	u64 number;

	return read_number(name, user, len, &number) ?:
	       set(file_inode(filp)->i_private, number) ?: len;
}

static int set_purge(struct vmap_arena *arena, u64 number)
{
	if (number != 1) {
		pr_err("purge: %llu written, only 1 is allowed\n", number);
		return -EINVAL;
	}
	vmap_arena_purge(arena);
	return 0;
}

static ssize_t purge_write(struct file *filp, const char __user *user, size_t len, loff_t *pos)
{
	return write_number(filp, "purge", user, len, set_purge);
}

static const struct file_operations purge_fops = {
	.owner = THIS_MODULE, .open = simple_open, .write = purge_write, .llseek = noop_llseek,
};

static int cache_show(struct seq_file *m, void *unused)
{
	struct vmap_arena *arena = m->private;

	seq_printf(m, "%d\n", READ_ONCE(arena->cache.caching));
	return 0;
}

static int set_caching(struct vmap_arena *arena, u64 number)
{
	if (number > 1) {
		pr_err("cache: %llu written, only 0 and 1 are allowed\n", number);
		return -EINVAL;
	}
	vcache_switch(&arena->cache, number);
	return 0;
}

static ssize_t cache_write(struct file *filp, const char __user *user, size_t len, loff_t *pos)
{
	return write_number(filp, "cache", user, len, set_caching);
}
DEFINE_SHOW_STORE_ATTRIBUTE(cache);

static int lazy_threshold_show(struct seq_file *m, void *unused)
{
	struct vmap_arena *arena = m->private;

	seq_printf(m, "%lu\n", READ_ONCE(arena->threshold));
	return 0;
}

static int set_threshold(struct vmap_arena *arena, u64 number)
{
	return varena_set_threshold(arena, number);
}

static ssize_t lazy_threshold_write(struct file *filp, const char __user *user, size_t len,
				    loff_t *pos)
{
	return write_number(filp, "lazy_threshold", user, len, set_threshold);
}
DEFINE_SHOW_STORE_ATTRIBUTE(lazy_threshold);

static const char *const what_names[VWATCH_WHATS] = {
	[VWATCH_ALLOC] = "alloc", [VWATCH_FREE] = "free", [VWATCH_LOCK] = "lock",
	[VWATCH_FLUSH] = "flush", [VWATCH_PURGE] = "purge",
};

/* One line: how many times of each kind are in the bucket. */
static void show_bucket(struct seq_file *m, const struct vwatch_counts *sum, unsigned int bucket)
{
	unsigned int what;

	seq_printf(m, "%12llu", bucket ? 1ULL << bucket : 0);
	for (what = 0; what < VWATCH_WHATS; what++)
		seq_printf(m, " %10lu", sum->count[what][bucket]);
	seq_putc(m, '\n');
}

/* One past the last bucket that any time is in. */
static unsigned int used_buckets(const struct vwatch_counts *sum)
{
	unsigned int what, bucket;

	for (bucket = VWATCH_BUCKETS; bucket; bucket--)
		for (what = 0; what < VWATCH_WHATS; what++)
			if (sum->count[what][bucket - 1])
				return bucket;
	return 0;
}

static int latency_show(struct seq_file *m, void *unused)
{
	struct vmap_arena *arena = m->private;
	struct vwatch_counts *sum = kmalloc(sizeof(*sum), GFP_KERNEL);
	unsigned int bucket, used, what;

	if (!sum)
		return -ENOMEM;
	seq_printf(m, "%s\n%12s", vwatch_sum(&arena->cache.purge.space, sum) ? "on" : "off",
		   "from_ns");
	for (what = 0; what < VWATCH_WHATS; what++)
		seq_printf(m, " %10s", what_names[what]);
	seq_putc(m, '\n');
	used = used_buckets(sum);
	for (bucket = 0; bucket < used; bucket++)
		show_bucket(m, sum, bucket);
	kfree(sum);
	return 0;
}

static int set_timing(struct vmap_arena *arena, u64 number)
{
	if (number > 1) {
		pr_err("latency: %llu written, only 0 and 1 are allowed\n", number);
		return -EINVAL;
	}
	return vwatch_switch(&arena->cache.purge.space, number);
}

static ssize_t latency_write(struct file *filp, const char __user *user, size_t len, loff_t *pos)
{
	return write_number(filp, "latency", user, len, set_timing);
}
DEFINE_SHOW_STORE_ATTRIBUTE(latency);

static void add_arena(struct vmap_arena *arena)
{
	struct dentry *dir = debugfs_create_dir(arena->cache.purge.space.name, root);

	debugfs_create_file("stats", 0400, dir, arena, &stats_fops);
	debugfs_create_file("areas", 0400, dir, arena, &areas_fops);
	debugfs_create_file("owners", 0400, dir, arena, &owners_fops);
	debugfs_create_file("free", 0400, dir, arena, &free_fops);
	debugfs_create_file("spans", 0400, dir, arena, &spans_fops);
	debugfs_create_file("verify", 0400, dir, arena, &verify_fops);
	debugfs_create_file("purge", 0200, dir, arena, &purge_fops);
	if (!arena->cache.purge.space.huge)
		debugfs_create_file("cache", 0600, dir, arena, &cache_fops);
	debugfs_create_file("latency", 0600, dir, arena, &latency_fops);
	if (arena->cache.purge.space.memory)
		debugfs_create_file("lazy_threshold", 0600, dir, arena,
				    &lazy_threshold_fops);
	arena->dir = dir;
}

/* Waits for calls of the files in the folder. */
static void remove_arena(struct vmap_arena *arena)
{
	debugfs_remove_recursive(arena->dir);
}

static const struct varena_viewer viewer = { .add = add_arena, .remove = remove_arena };

/* Show each arena that is created from now on. */
int vdebug_init_module(void)
{
	root = debugfs_create_dir("vmap_arena", NULL);
	varena_viewer = &viewer;
	return 0;
}

/* No arena is left. */
void vdebug_exit_module(void)
{
	debugfs_remove_recursive(root);
}
