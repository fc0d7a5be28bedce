// SPDX-License-Identifier: GPL-2.0
/*
 * catch.c - the kernel's own frees of our addresses are caught, if the module is told to
 *
 * To the kernel a span is one area, so a vfree() of any address in a span takes the whole span (see
 * lost.c).  With the parameter catch_vfree=1 a kprobe stands at the entry of each kernel function
 * that does so.  If the address is in no span of ours the function runs as ever.  If it is, the
 * probe sends the call to a stub, which gets the same arguments and returns to the caller.  The
 * stub reports the caller, and does what the kernel was asked to do.
 *
 *   vfree(), vfree_atomic(), kvfree()   vmap_free(); vmap_unmap_pages() for what vmap_map_pages()
 *                                       made, as vfree() leaves the pages of a vmap() alone
 *   kvfree_call_rcu(), that is
 *   kfree_rcu(), kvfree_rcu()           vmap_free_rcu()
 *   vunmap()                            vmap_unmap_pages(); memory with pages of its own is refused
 *   vrealloc(), and kvrealloc() by way
 *   of it or of kvfree()                refused: NULL, and the area stays as it is
 *
 * Some of these functions call vfree() themselves.  A call is caught at the function that the
 * caller called, so the report names the true caller, and no free is left to a worker of the
 * kernel's.
 *
 * Each probe has a post_handler, which does nothing: the kernel may optimise a probe without one,
 * and an optimised probe cannot change the instruction pointer.
 *
 * Locking: none.  Before the module goes the probes are taken away; then take_away() waits for the
 * tasks inside stubs.
 */
#include <linux/atomic.h>
#include <linux/kprobes.h>
#include <linux/printk.h>
#include <linux/ptrace.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "module.h"

#ifdef CONFIG_KPROBES

/* Calls that were sent to a stub and have not left the stub. */
static atomic_t inside = ATOMIC_INIT(0);

static void report(const char *call, const void *addr, const void *caller, const char *what)
{
	pr_warn_ratelimited("vmap_arena: %s of %p, an address of ours, by %pS: %s\n", call, addr,
			    caller, what);
}

static void stub_free(const void *addr)
{
	const void *caller = __builtin_return_address(0);

	report("vfree() or kvfree()", addr, caller, "done by us instead");
	valloc_free_any(addr, caller);
	atomic_dec(&inside);
}

static void stub_free_rcu(unsigned long head, unsigned long second)
{
	const void *addr = (const void *)kvfree_call_rcu_pointer(head, second);
	const void *caller = __builtin_return_address(0);

	report("kvfree_rcu()", addr, caller, "done by us instead");
	valloc_free_rcu(addr, caller);
	atomic_dec(&inside);
}

static void stub_unmap(const void *addr)
{
	const void *caller = __builtin_return_address(0);

	report("vunmap()", addr, caller, "done by us instead");
	valloc_unmap(addr, caller);
	atomic_dec(&inside);
}

static void *stub_realloc(const void *addr)
{
	report("vrealloc()", addr, __builtin_return_address(0), "refused, nothing is changed");
	atomic_dec(&inside);
	return NULL;
}

/* A probe at a kernel function that takes an address to free. */
struct catcher {
	struct kprobe probe;
	/* Where a call with an address of ours goes on. */
	void *stub;
	/* The probe is in place; written at load and unload only. */
	bool registered;
};

static unsigned long address_of(const struct catcher *catcher, struct pt_regs *regs)
{
	unsigned long first = regs_get_kernel_argument(regs, 0);

	if (catcher->stub != stub_free_rcu)
		return first;
	return kvfree_call_rcu_pointer(first, regs_get_kernel_argument(regs, 1));
}

static int divert(struct kprobe *probe, struct pt_regs *regs)
{
	const struct catcher *catcher = container_of(probe, struct catcher, probe);

	if (likely(!vbad_is_ours((const void *)address_of(catcher, regs))))
		return 0;
	atomic_inc(&inside);
	instruction_pointer_set(regs, (unsigned long)catcher->stub);
	return 1;
}

NOKPROBE_SYMBOL(divert);

static void not_optimised(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

NOKPROBE_SYMBOL(not_optimised);

#define CATCHER(symbol, to) {			\
	.probe = {				\
		.symbol_name = symbol,		\
		.pre_handler = divert,		\
		.post_handler = not_optimised,	\
	},					\
	.stub = to,				\
}

static struct catcher catchers[] = {
	CATCHER("vfree", stub_free),
	CATCHER("vfree_atomic", stub_free),
	CATCHER("vunmap", stub_unmap),
	CATCHER("kvfree", stub_free),
	CATCHER("kvfree_call_rcu", stub_free_rcu),
	/* Without a name in kernels that do not have it. */
	CATCHER(VREALLOC_SYMBOL, stub_realloc),
};

static void take_away(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(catchers); i++)
		if (catchers[i].registered)
			unregister_kprobe(&catchers[i].probe);
	while (atomic_read(&inside))
		schedule_timeout_uninterruptible(1);
	/* A task that left a stub's count may still be on its way to the return. */
	synchronize_rcu_tasks();
}

/**
 * vcatch_init() - catch the kernel's frees of our addresses from now on
 *
 * Context: process, may sleep.
 * Return: 0; -EOPNOTSUPP without kprobes; else why a probe could not be placed.
 */
int vcatch_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(catchers); i++) {
		if (!catchers[i].probe.symbol_name)
			continue;
		err = register_kprobe(&catchers[i].probe);
		if (err) {
			pr_err("vmap_arena: catch_vfree=1: no probe at %s(): error %d\n",
			       catchers[i].probe.symbol_name, err);
			take_away();
			return err;
		}
		catchers[i].registered = true;
	}
	return 0;
}

void vcatch_exit(void)
{
	take_away();
}

#else

int vcatch_init(void)
{
	pr_err("vmap_arena: catch_vfree=1: is not a value that a kernel without CONFIG_KPROBES allows\n");
	return -EOPNOTSUPP;
}

void vcatch_exit(void)
{
}

#endif
