// SPDX-License-Identifier: GPL-2.0
/*
 * settings.c - what a run is asked to do, and the checks at the door
 *
 * Theory
 *
 * A setting is a number with a name and a range.  One table holds them all.  The same table serves
 * the module parameters, which give the settings of the first run, and the key=value pairs written
 * to debugfs `run`, which change them for the runs after.  A setting is checked when it is parsed,
 * against its own range.  What depends on other settings or on the machine is checked when the
 * settings are resolved: zeros that ask for a choice are replaced by the choice.
 *
 * Locking: none.  Parameters are set before the module's init runs and never again.  Every other
 * struct stress_settings belongs to its caller.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bits.h>
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "stress.h"

enum setting_kind { NUMBER, FLAG, MASK, TARGET };

struct setting {
	const char *name;
	size_t offset;
	enum setting_kind kind;
	unsigned long min;
	unsigned long max;
};

#define SETTING(_name, _kind, _min, _max) {			\
	.name = #_name,						\
	.offset = offsetof(struct stress_settings, _name),	\
	.kind = _kind,						\
	.min = _min,						\
	.max = _max,						\
}

static const struct setting settings_table[] = {
	SETTING(nr_threads, NUMBER, 0, 1024),
	SETTING(sequential_test_order, FLAG, 0, 1),
	SETTING(test_repeat_count, NUMBER, 1, 1000000),
	SETTING(test_loop_count, NUMBER, 1, 1000000000),
	SETTING(nr_pages, NUMBER, 1, 1UL << 24),
	SETTING(use_huge, FLAG, 0, 1),
	SETTING(nr_pcpu_objects, NUMBER, 0, 1UL << 24),
	SETTING(nr_live, NUMBER, 0, 1UL << 24),
	SETTING(run_test_mask, MASK, 1, STRESS_ALL_TESTS),
	SETTING(target, TARGET, 1, BIT(STRESS_NR_TARGETS) - 1),
	SETTING(seed, NUMBER, 0, ULONG_MAX),
	SETTING(touch, FLAG, 0, 1),
};

/* By the value of the target setting: a mask of enum stress_target. */
static const char *const target_words[] = { NULL, "arena", "kernel", "both" };

struct stress_settings stress_params = {
	.test_repeat_count = 1,
	.test_loop_count = 500,
	.nr_pages = 1,
	.run_test_mask = STRESS_ALL_TESTS,
	.target = BIT(STRESS_NR_TARGETS) - 1,
	.touch = 1,
};

/* Off, on, off, on, ... */
static const char *const flag_words[] = {
	"0", "1", "n", "y", "N", "Y", "no", "yes", "off", "on",
};

static unsigned long *setting_field(const struct setting *s, struct stress_settings *settings)
{
	return (unsigned long *)((char *)settings + s->offset);
}

static const struct setting *setting_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(settings_table); i++)
		if (!strcmp(name, settings_table[i].name))
			return &settings_table[i];
	return NULL;
}

static int setting_read(const struct setting *s, const char *text, unsigned long *value)
{
	int word;

	switch (s->kind) {
	case FLAG:
		/* All of the word counts; kstrtobool() looks at no more than two letters. */
		word = match_string(flag_words, ARRAY_SIZE(flag_words), text);
		*value = word % 2;
		return word < 0 ? word : 0;
	case TARGET:
		for (*value = s->min; *value <= s->max; ++*value)
			if (sysfs_streq(text, target_words[*value]))
				return 0;
		return -EINVAL;
	default:
		return kstrtoul(text, 0, value);
	}
}

static int setting_set(const struct setting *s, struct stress_settings *settings,
		       const char *text)
{
	unsigned long value;

	if (!setting_read(s, text, &value) && value >= s->min && value <= s->max &&
	    (s->kind != MASK || !(value & ~s->max))) {
		*setting_field(s, settings) = value;
		return 0;
	}
	if (s->kind == TARGET)
		pr_err("%s: \"%s\" is not one of arena, kernel, both\n", s->name, text);
	else if (s->kind == MASK)
		pr_err("%s: \"%s\" is not a sum of numbers of tests; all of them: %lu\n", s->name,
		       text, s->max);
	else
		pr_err("%s: \"%s\" is out of range %lu..%lu\n", s->name, text, s->min, s->max);
	return -EINVAL;
}

static int param_set(const char *text, const struct kernel_param *kp)
{
	return setting_set(setting_find(kp->name), &stress_params, text);
}

static int param_get(char *buffer, const struct kernel_param *kp)
{
	const struct setting *s = setting_find(kp->name);
	unsigned long value = *setting_field(s, &stress_params);

	if (s->kind == TARGET)
		return sysfs_emit(buffer, "%s\n", target_words[value]);
	return sysfs_emit(buffer, "%lu\n", value);
}

static const struct kernel_param_ops param_ops = {
	.set = param_set,
	.get = param_get,
};

module_param_cb(nr_threads, &param_ops, NULL, 0444);
MODULE_PARM_DESC(nr_threads,
		 "threads that run the tests, 0..1024 (default 0: one for each online CPU)");
module_param_cb(sequential_test_order, &param_ops, NULL, 0444);
MODULE_PARM_DESC(sequential_test_order,
		 "threads go through the tests together and in order (default 0: each in random order)");
module_param_cb(test_repeat_count, &param_ops, NULL, 0444);
MODULE_PARM_DESC(test_repeat_count,
		 "passes of each test, 1..1000000 (default 1)");
module_param_cb(test_loop_count, &param_ops, NULL, 0444);
MODULE_PARM_DESC(test_loop_count,
		 "loops of a pass, 1..1000000000 (default 500)");
module_param_cb(nr_pages, &param_ops, NULL, 0444);
MODULE_PARM_DESC(nr_pages,
		 "pages of an allocation in fix_size_alloc_test and vm_map_ram_test (default 1)");
module_param_cb(use_huge, &param_ops, NULL, 0444);
MODULE_PARM_DESC(use_huge,
		 "fix_size_alloc_test asks for huge pages: vmalloc_huge(), vmap_alloc_huge() (default 0)");
module_param_cb(nr_pcpu_objects, &param_ops, NULL, 0444);
MODULE_PARM_DESC(nr_pcpu_objects,
		 "objects live at a time in pcpu_alloc_test (default 0: 35000, or what an eighth of the RAM holds)");
module_param_cb(nr_live, &param_ops, NULL, 0444);
MODULE_PARM_DESC(nr_live,
		 "areas kept live in long_busy_list_alloc_test, and in full_fit_alloc_test up to 4096 (default 0: 15000, or what an eighth of the RAM holds)");
module_param_cb(run_test_mask, &param_ops, NULL, 0444);
MODULE_PARM_DESC(run_test_mask,
		 "tests to run: 1 fix_size, 2 full_fit, 4 long_busy_list, 8 random_size, 16 fix_align, 32 random_size_align, 64 align_shift, 128 pcpu, 256 kvfree_rcu_1_arg, 512 kvfree_rcu_2_arg, 1024 vm_map_ram, 2048 no_block, 4096 vrealloc; not in the kernel's module: 65536 le_fit, 131072 b_fit, 262144 ne_fit, 524288 reserve (default 991231: all)");
module_param_cb(target, &param_ops, NULL, 0444);
MODULE_PARM_DESC(target,
		 "where to allocate: arena, kernel or both (default both)");
module_param_cb(seed, &param_ops, NULL, 0444);
MODULE_PARM_DESC(seed,
		 "seed of every random choice (default 0: a random one, which the results show)");
module_param_cb(touch, &param_ops, NULL, 0444);
MODULE_PARM_DESC(touch,
		 "write and check a pattern in what is allocated; 0 when timing (default 1)");

static int setting_set_pair(struct stress_settings *settings, char *pair)
{
	char *value = strchr(pair, '=');
	const struct setting *s;

	if (!value) {
		pr_err("run: \"%s\" is not 1, stop or a key=value pair\n", pair);
		return -EINVAL;
	}
	*value++ = '\0';
	s = setting_find(pair);
	if (s)
		return setting_set(s, settings, value);
	pr_err("run: \"%s\" is not a setting; the module's parameters are\n", pair);
	return -EINVAL;
}

/* Sets what the key=value pairs in @text say; @text is spoilt.  On error @settings is, too. */
int stress_settings_parse(struct stress_settings *settings, char *text)
{
	char *pair;
	int err = 0;

	while (!err && (pair = strsep(&text, " \t\n")))
		if (*pair)
			err = setting_set_pair(settings, pair);
	return err;
}

/* How many objects of pcpu_alloc_test @pages hold: they are an eighth of a page on average. */
static unsigned long pcpu_objects(unsigned long pages)
{
	return pages * 8 / num_possible_cpus();
}

static int check_share(const char *name, unsigned long value, unsigned long share,
		       unsigned long nr_threads)
{
	unsigned long max = max(share, 1UL);

	if (value <= max)
		return 0;
	pr_err("%s: \"%lu\" is out of range 1..%lu: %lu threads may use a quarter of the RAM\n",
	       name, value, max, nr_threads);
	return -EINVAL;
}

/* Fills *@to from *@from, with every choice that was left open made. */
int stress_settings_resolve(struct stress_settings *to, const struct stress_settings *from)
{
	unsigned long share;

	*to = *from;
	if (!to->nr_threads)
		to->nr_threads = num_online_cpus();
	share = totalram_pages() / 4 / to->nr_threads;
	if (!to->nr_live)
		to->nr_live = clamp(share / 2, 2UL, 15000UL);
	if (!to->nr_pcpu_objects)
		to->nr_pcpu_objects = clamp(pcpu_objects(share / 2), 1UL, 35000UL);
	while (!to->seed)
		to->seed = get_random_u32();
	return check_share("nr_pages", to->nr_pages, share, to->nr_threads) ?:
	       check_share("nr_live", to->nr_live, share, to->nr_threads) ?:
	       check_share("nr_pcpu_objects", to->nr_pcpu_objects, pcpu_objects(share),
			   to->nr_threads);
}

void stress_settings_show(struct seq_file *m, const struct stress_settings *settings, bool json)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(settings_table); i++) {
		const struct setting *s = &settings_table[i];
		unsigned long value = *setting_field(s, (struct stress_settings *)settings);
		const char *quote = json ? "\"" : "";

		if (i)
			seq_puts(m, json ? ", " : " ");
		seq_printf(m, "%s%s%s%s", quote, s->name, quote, json ? ": " : "=");
		if (s->kind == TARGET)
			seq_printf(m, "%s%s%s", quote, target_words[value], quote);
		else
			seq_printf(m, "%lu", value);
	}
}
