// SPDX-License-Identifier: GPL-2.0
/*
 * A stress test of vmap_arena and of the kernel's own vmalloc, side by side
 *
 * Theory
 *
 * The module runs each test of stress/tests.c on each *target* (vmap_arena, and the kernel's own
 * vmalloc), in several threads.  Its parameters are those of the kernel's module of this name, and
 * a few more; the tests of the same name stress the same thing.  Words:
 *
 *   run      everything from a start to the summary.  One starts when the module loads; more can
 *            be started by writing to debugfs
 *   pass     one test on one target by one thread, once; it has many loops, see stress/tests.c
 *   meeting  the point between two passes where threads wait for each other when the order is
 *            sequential, so that all of them always run the same test on the same target
 *
 * A thread goes through the tests, in random order unless told otherwise.  For each it makes the
 * passes on one target and the other in turn, and swaps the two from repeat to repeat, so that
 * both meet the same machine.
 *
 * insmod returns when the run has started.  The run goes on in a controller thread, which starts
 * the workers, tells the kernel log every two seconds how far they are, and prints the summary.
 * The module then stays, so that the results can be read, unless it was loaded with once=1: then
 * insmod waits for the run and fails with EAGAIN, as that of the kernel's own module does, so that
 * whatever was written for the kernel's finds ours to be the same.  Whoever waits for a run polls
 * /sys/kernel/debug/test_vmalloc/ (the folder has the name that the module was built by):
 *
 *   progress      state: running, done or stopped; passes done and to do; a line a thread
 *   results       the state, the settings and the table, also while the run goes on
 *   results.json  the same
 *   run           write 1 to run again; key=value pairs, with the names of the parameters, to
 *                 change settings and run; stop to stop, which returns when the run has stopped
 *
 * A worker looks every few loops whether it is to stop and gives up the CPU if others want it, so
 * neither a stop nor another task waits long.  rmmod stops a run and then unloads.
 *
 * Locking: run.lock guards the state and the list of workers.  The settings of a run do not change
 * while its workers live.  A worker's pass is its own; others read its figures without a lock,
 * only to print them.  The flag run.stop is set by anyone and cleared by a start.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "vmap_alloc.h"
#include "stress/stress.h"

#define PROGRESS_PERIOD	(2 * HZ)
#define RUN_WRITE_MAX	512
#define RUN_SHOWN_MAX	64	/* of what is refused, in a message */

enum run_state { DONE, RUNNING, STOPPED };

static const char *const state_names[] = {
	[DONE] = "done",
	[RUNNING] = "running",
	[STOPPED] = "stopped",
};

struct worker {
	struct task_struct *task;
	struct stress_pass pass;
	unsigned int order[STRESS_NR_TESTS];
};

static struct {
	struct mutex lock;		/* see above */
	enum run_state state;
	bool stop;
	struct stress_settings asked;	/* as given, kept for the next run */
	struct stress_settings settings;	/* as run: nothing left open */
	struct task_struct *controller;
	struct completion ended;
	struct worker *workers;		/* NULL but while they live */
	atomic_t working;
	struct completion worked;
	atomic_long_t arrived;
	wait_queue_head_t meeting;
	atomic_long_t passes_done;
	unsigned long passes;
	ktime_t started;
	ktime_t took;
} run = {
	.lock = __MUTEX_INITIALIZER(run.lock),
	.ended = COMPLETION_INITIALIZER(run.ended),
	.worked = COMPLETION_INITIALIZER(run.worked),
	.meeting = __WAIT_QUEUE_HEAD_INITIALIZER(run.meeting),
};

static bool once;
module_param(once, bool, 0444);
MODULE_PARM_DESC(once,
		 "insmod waits for the run, then fails with EAGAIN and leaves nothing loaded, as that of the kernel's own test_vmalloc (default 0)");

static struct dentry *debugfs_dir;

static bool stopping(void)
{
	return READ_ONCE(run.stop);
}

/* Gives way to other tasks.  Returns -EINTR if the run is to stop. */
int stress_breathe(struct stress_pass *pass)
{
	cond_resched();
	return stopping() ? -EINTR : 0;
}

static void stop_workers(void)
{
	WRITE_ONCE(run.stop, true);
	wake_up_all(&run.meeting);
}

static bool pass_asked(unsigned int test, enum stress_target target)
{
	return run.settings.run_test_mask & stress_tests[test].mask &&
	       run.settings.target & BIT(target) &&
	       !stress_skip_reason(&stress_tests[test], target);
}

/* Waits for the other threads.  Every thread comes here equally often. */
static void meet(void)
{
	long all;

	if (!run.settings.sequential_test_order)
		return;
	all = roundup(atomic_long_inc_return(&run.arrived), (long)run.settings.nr_threads);
	wake_up_all(&run.meeting);
	wait_event_idle(run.meeting,
			atomic_long_read(&run.arrived) >= all || stopping());
}

static void work_pass(struct stress_pass *pass, unsigned int test, enum stress_target target)
{
	int err;

	if (stopping() || !pass_asked(test, target))
		return;
	meet();
	WRITE_ONCE(pass->target, target);
	WRITE_ONCE(pass->test, &stress_tests[test]);
	err = stress_run_pass(pass);
	stress_report_pass(pass, err);
	WRITE_ONCE(pass->test, NULL);
	if (err != -EINTR)
		atomic_long_inc(&run.passes_done);
}

static void work_test(struct stress_pass *pass, unsigned int test)
{
	unsigned long repeat;
	unsigned int i;

	for (repeat = 0; repeat < run.settings.test_repeat_count && !stopping(); repeat++)
		for (i = 0; i < STRESS_NR_TARGETS; i++)
			work_pass(pass, test, (i + repeat) % STRESS_NR_TARGETS);
}

static int worker_thread(void *arg)
{
	struct worker *worker = arg;
	unsigned int i;

	for (i = 0; i < STRESS_NR_TESTS; i++)
		work_test(&worker->pass, worker->order[i]);
	if (atomic_dec_and_test(&run.working))
		complete(&run.worked);
	return 0;
}

static void worker_init(struct worker *worker, unsigned int thread)
{
	struct rnd_state rnd;
	unsigned int i;

	worker->pass.thread = thread;
	worker->pass.settings = &run.settings;
	for (i = 0; i < STRESS_NR_TESTS; i++)
		worker->order[i] = i;
	if (run.settings.sequential_test_order)
		return;
	prandom_seed_state(&rnd, run.settings.seed + thread);
	for (i = STRESS_NR_TESTS - 1; i > 0; i--) {
		unsigned int other = prandom_u32_state(&rnd) % (i + 1);

		swap(worker->order[i], worker->order[other]);
	}
}

/* Creates all workers before any starts, since they wait for each other. */
static int workers_create(struct worker *workers)
{
	unsigned int i;

	for (i = 0; i < run.settings.nr_threads; i++) {
		struct task_struct *task;

		worker_init(&workers[i], i);
		task = kthread_create(worker_thread, &workers[i], KBUILD_MODNAME "/%u", i);
		if (IS_ERR(task)) {
			pr_err("thread %u of %lu cannot be created: error %ld\n", i,
			       run.settings.nr_threads, PTR_ERR(task));
			return PTR_ERR(task);
		}
		workers[i].task = get_task_struct(task);
	}
	return 0;
}

/* A worker that never started is ended by this, too. */
static void workers_join(struct worker *workers)
{
	unsigned int i;

	for (i = 0; i < run.settings.nr_threads && workers[i].task; i++) {
		kthread_stop(workers[i].task);
		put_task_struct(workers[i].task);
	}
}

static void log_progress(const struct worker *workers)
{
	const struct stress_pass *pass = &workers[0].pass;
	const struct stress_test *test = READ_ONCE(pass->test);

	pr_info("progress: %ld of %lu passes after %lld ms; thread 0: %s %s %lu of %lu loops\n",
		atomic_long_read(&run.passes_done), run.passes,
		ktime_ms_delta(ktime_get(), run.started),
		test ? stress_target_names[READ_ONCE(pass->target)] : "between",
		test ? test->name : "passes", READ_ONCE(pass->done), READ_ONCE(pass->loops));
}

static void workers_run(struct worker *workers)
{
	unsigned int i;

	for (i = 0; i < run.settings.nr_threads; i++)
		wake_up_process(workers[i].task);
	while (!wait_for_completion_timeout(&run.worked, PROGRESS_PERIOD))
		log_progress(workers);
}

/* The state changes last, so that whoever polls it finds the summary printed. */
static void run_end(struct worker *workers, enum run_state state)
{
	ktime_t took = ktime_sub(ktime_get(), run.started);

	stress_report_summary();
	pr_info("run %s: %ld of %lu passes in %lld ms, seed %lu\n", state_names[state],
		atomic_long_read(&run.passes_done), run.passes, ktime_to_ms(took),
		run.settings.seed);
	mutex_lock(&run.lock);
	run.workers = NULL;
	run.took = took;
	run.state = state;
	mutex_unlock(&run.lock);
	kvfree(workers);
	complete_all(&run.ended);
}

static int controller_thread(void *arg)
{
	struct worker *workers = arg;
	int err;

	err = workers_create(workers);
	if (!err)
		workers_run(workers);
	workers_join(workers);
	run_end(workers, err || stopping() ? STOPPED : DONE);
	return 0;
}

static unsigned long count_passes(void)
{
	unsigned int test, target;
	unsigned long nr = 0;

	for (test = 0; test < STRESS_NR_TESTS; test++)
		for (target = 0; target < STRESS_NR_TARGETS; target++)
			nr += pass_asked(test, target);
	return nr * run.settings.test_repeat_count * run.settings.nr_threads;
}

static void controller_join(void)
{
	if (!run.controller)
		return;
	kthread_stop(run.controller);
	put_task_struct(run.controller);
	run.controller = NULL;
}

static void run_reset(struct worker *workers)
{
	run.workers = workers;
	WRITE_ONCE(run.stop, false);
	run.state = RUNNING;
	run.started = ktime_get();
	run.passes = count_passes();
	atomic_long_set(&run.passes_done, 0);
	atomic_long_set(&run.arrived, 0);
	atomic_set(&run.working, run.settings.nr_threads);
	reinit_completion(&run.worked);
	reinit_completion(&run.ended);
	stress_report_reset(&run.settings);
}

/* Starts a run; on error nothing has changed.  Under run.lock. */
static int run_start_locked(const struct stress_settings *asked)
{
	struct stress_settings settings;
	struct task_struct *controller;
	struct worker *workers;
	int err;

	if (run.state == RUNNING)
		return -EBUSY;
	err = stress_settings_resolve(&settings, asked);
	if (err)
		return err;
	workers = kvcalloc(settings.nr_threads, sizeof(*workers), GFP_KERNEL);
	if (!workers)
		return -ENOMEM;
	controller = kthread_create(controller_thread, workers, KBUILD_MODNAME);
	if (IS_ERR(controller)) {
		kvfree(workers);
		return PTR_ERR(controller);
	}
	controller_join();
	run.asked = *asked;
	run.settings = settings;
	run.controller = get_task_struct(controller);
	run_reset(workers);
	wake_up_process(controller);
	return 0;
}

/* Starts a run with the settings of the last one, changed as the pairs in @text say. */
static int run_start(char *text)
{
	struct stress_settings asked;
	int err;

	mutex_lock(&run.lock);
	asked = run.asked;
	err = stress_settings_parse(&asked, text) ?: run_start_locked(&asked);
	mutex_unlock(&run.lock);
	if (err == -EBUSY)
		pr_err("run: one is going on; write stop first\n");
	return err;
}

static s64 run_ms(void)
{
	return run.state == RUNNING ? ktime_ms_delta(ktime_get(), run.started) :
				      ktime_to_ms(run.took);
}

static int results_show(struct seq_file *m, void *unused)
{
	mutex_lock(&run.lock);
	seq_printf(m, "state: %s\ntime_ms: %lld\nsettings: ", state_names[run.state], run_ms());
	stress_settings_show(m, &run.settings, false);
	seq_puts(m, "\n\n");
	stress_report_table(m);
	mutex_unlock(&run.lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(results);

static int results_json_show(struct seq_file *m, void *unused)
{
	mutex_lock(&run.lock);
	seq_printf(m, "{\n  \"state\": \"%s\",\n  \"time_ms\": %lld,\n  \"settings\": {",
		   state_names[run.state], run_ms());
	stress_settings_show(m, &run.settings, true);
	seq_puts(m, "},\n  \"results\": [");
	stress_report_json(m);
	seq_puts(m, "\n  ]\n}\n");
	mutex_unlock(&run.lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(results_json);

static void progress_line(struct seq_file *m, const struct stress_pass *pass)
{
	const struct stress_test *test = READ_ONCE(pass->test);

	seq_printf(m, "thread %u: ", pass->thread);
	if (test)
		seq_printf(m, "%s %s %lu/%lu\n", stress_target_names[READ_ONCE(pass->target)],
			   test->name, READ_ONCE(pass->done), READ_ONCE(pass->loops));
	else
		seq_puts(m, "between passes\n");
}

static int progress_show(struct seq_file *m, void *unused)
{
	unsigned long i;

	mutex_lock(&run.lock);
	seq_printf(m, "state: %s\ntime_ms: %lld\npasses: %ld/%lu\n", state_names[run.state],
		   run_ms(), atomic_long_read(&run.passes_done), run.passes);
	for (i = 0; run.workers && i < run.settings.nr_threads; i++)
		progress_line(m, &run.workers[i].pass);
	mutex_unlock(&run.lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(progress);

static int run_command(char *text)
{
	char *command = strim(text);

	if (!*command) {
		pr_err("run: nothing was written; write 1, stop or key=value pairs\n");
		return -EINVAL;
	}
	if (!strcmp(command, "stop")) {
		stop_workers();
		return wait_for_completion_killable(&run.ended);
	}
	return run_start(strcmp(command, "1") ? command : NULL);
}

static ssize_t run_write(struct file *file, const char __user *user, size_t len, loff_t *pos)
{
	char *text;
	int err;

	if (len > RUN_WRITE_MAX) {
		pr_err("run: %zu bytes are too many; the most is %d\n", len, RUN_WRITE_MAX);
		return -EINVAL;
	}
	text = memdup_user_nul(user, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	if (strlen(text) < len) {
		pr_err("run: \"%*pE\" has a byte 0 in it, which would hide the rest\n",
		       (int)min_t(size_t, len, RUN_SHOWN_MAX), text);
		err = -EINVAL;
	} else {
		err = run_command(text);
	}
	kfree(text);
	return err ?: len;
}

static const struct file_operations run_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = run_write,
	.llseek = noop_llseek,
};

static void debugfs_init(void)
{
	debugfs_dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("results", 0400, debugfs_dir, NULL, &results_fops);
	debugfs_create_file("results.json", 0400, debugfs_dir, NULL, &results_json_fops);
	debugfs_create_file("progress", 0400, debugfs_dir, NULL, &progress_fops);
	debugfs_create_file("run", 0200, debugfs_dir, NULL, &run_fops);
}

/* Waits for the end of the run. */
static void leave(void)
{
	wait_for_completion(&run.ended);
	controller_join();
	stress_target_exit();
}

static int __init test_vmalloc_init(void)
{
	int err;

	stress_target_init();
	complete_all(&run.ended);
	mutex_lock(&run.lock);
	err = run_start_locked(&stress_params);
	mutex_unlock(&run.lock);
	if (err) {
		stress_target_exit();
	} else if (once) {
		err = -EAGAIN;
		if (wait_for_completion_killable(&run.ended))
			stop_workers();
		leave();
	} else {
		debugfs_init();
	}
	return err;
}

/* Removing the files waits for whoever is inside one, so no run starts after that. */
static void __exit test_vmalloc_exit(void)
{
	debugfs_remove_recursive(debugfs_dir);
	stop_workers();
	leave();
}

module_init(test_vmalloc_init);
module_exit(test_vmalloc_exit);
MODULE_DESCRIPTION("Stress test of vmap_arena and of the kernel's own vmalloc");
MODULE_ALIAS("test_vmalloc");	/* where it is installed by another name, see Kbuild */
MODULE_VERSION(VMAP_ARENA_VERSION);
MODULE_LICENSE("GPL");
