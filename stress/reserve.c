// SPDX-License-Identifier: GPL-2.0
/*
 * reserve.c - allocations that must not fail, where the caller can wait for nothing
 *
 * Theory
 *
 * The pass's own arena has a reserve of RESERVED areas.  A *batch* of so many areas is allocated
 * in a hard interrupt (with PREEMPT_RT, too) with a raw spinlock held, looked at by the task, and
 * freed as it was allocated.  As all of the reserve is in use then, there is no area to spare.
 * While the interrupt lasts nobody else can run on its CPU, so the kernel's count of the pages that
 * the CPU has allocated must not change.
 *
 * The reserve has a bound: FREES areas may be freed while the worker flushes none.  When so many
 * were freed, the pass waits, with the clock stopped, until the worker has made all slots ready
 * again.
 *
 * Locking: areas_lock is there to be held; an errand belongs to one pass.
 */
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmstat.h>

#include "../vmap_alloc.h"
#include "stress.h"

/* As many areas as an interrupt handler can allocate without being noticed. */
#define RESERVED	32

/* Frees of several batches, so that most batches find slots that wait for a flush. */
#define FREES		(16 * RESERVED)

/* How many ms the worker may need: on a busy host a guest may stand still for seconds. */
#define WORKER_PATIENCE	60000

/* What is done in the interrupt. */
struct errand {
	struct irq_work irq;
	struct stress_pass *pass;
	/* The areas of the batch, and how many it has. */
	struct stress_area areas[RESERVED];
	unsigned int count;
	/* Free the areas, do not allocate them. */
	bool freeing;
	/* The slots that the reserve has, and the frees since all of them were ready. */
	unsigned long slots;
	unsigned int freed;
	/* Pages that the page allocator gave in the interrupt. */
	unsigned long given;
};

static DEFINE_RAW_SPINLOCK(areas_lock);

/* The pages that this CPU has ever got from the page allocator.  Interrupts off. */
static unsigned long pages_given(void)
{
	unsigned long sum = 0;

#ifdef CONFIG_VM_EVENT_COUNTERS
	for (int zone = 0; zone <= ZONE_MOVABLE; zone++)
		sum += __this_cpu_read(vm_event_states.event[PGALLOC_NORMAL - ZONE_NORMAL + zone]);
#endif
	return sum;
}

static void take_or_give(struct stress_pass *pass, struct stress_area *area, bool freeing)
{
	if (!freeing) {
		area->addr = stress_alloc(pass, area->size, 1, GFP_ATOMIC | __GFP_NOWARN);
		return;
	}
	stress_free(pass, area->addr);
	area->addr = NULL;
}

static void do_errand(struct irq_work *irq)
{
	struct errand *errand = container_of(irq, struct errand, irq);
	unsigned long flags, before;
	unsigned int i;

	raw_spin_lock_irqsave(&areas_lock, flags);
	before = pages_given();
	stress_clock_start(errand->pass);
	for (i = 0; i < errand->count; i++)
		take_or_give(errand->pass, &errand->areas[i], errand->freeing);
	stress_clock_stop(errand->pass);
	errand->given = pages_given() - before;
	raw_spin_unlock_irqrestore(&areas_lock, flags);
}

static int run(struct errand *errand, bool freeing)
{
	errand->freeing = freeing;
	irq_work_queue(&errand->irq);
	irq_work_sync(&errand->irq);
	if (!errand->given)
		return 0;
	return stress_fail(errand->pass, "%lu pages of the page allocator within the reserve",
			   errand->given);
}

static int look_at_areas(struct errand *errand)
{
	struct stress_pass *pass = errand->pass;
	unsigned int i;
	int err = 0;

	for (i = 0; i < errand->count && !err; i++) {
		err = stress_check_range(pass, errand->areas[i].addr, errand->areas[i].size, 1);
		if (!err && pass->settings->touch)
			err = stress_fill(pass, &errand->areas[i]);
	}
	return err ?: stress_areas_check(pass, errand->areas, errand->count, 1);
}

/* Wait until all slots are ready. */
static int wait_for_worker(struct errand *errand)
{
	struct vmap_arena_stats stats;
	unsigned int waited;

	for (waited = 0; waited < WORKER_PATIENCE; waited += 20) {
		vmap_arena_stats(errand->pass->arena, &stats);
		if (stats.reserve_areas == errand->slots) {
			errand->freed = 0;
			return 0;
		}
		msleep(20);
	}
	return stress_fail(errand->pass, "the reserve has %lu areas, expected %lu, and stays there",
			   stats.reserve_areas, errand->slots);
}

static int replace_batches(struct errand *errand)
{
	struct stress_pass *pass = errand->pass;
	int err = 0;

	while (pass->done < pass->loops && !err) {
		errand->count = min_t(unsigned long, RESERVED, pass->loops - pass->done);
		err = run(errand, false) ?: look_at_areas(errand) ?: run(errand, true);
		errand->freed += errand->count;
		if (!err && errand->freed > FREES - RESERVED)
			err = wait_for_worker(errand);
		WRITE_ONCE(pass->done, pass->done + errand->count);
		err = err ?: stress_breathe(pass);
	}
	return err;
}

/* What the reserve promises besides: nothing failed, and no span was imported. */
static int check_stats(struct stress_pass *pass, const struct vmap_arena_stats *before)
{
	struct vmap_arena_stats stats;

	vmap_arena_stats(pass->arena, &stats);
	if (stats.fails == before->fails && stats.imports == before->imports)
		return 0;
	return stress_fail(pass, "within the reserve %lu allocations failed, %lu imports",
			   stats.fails - before->fails, stats.imports - before->imports);
}

static int use_reserve(struct errand *errand)
{
	struct vmap_arena_stats before;
	int err;

	vmap_arena_stats(errand->pass->arena, &before);
	errand->slots = before.reserve_areas;
	err = replace_batches(errand) ?: check_stats(errand->pass, &before);
	stress_areas_free(errand->pass, errand->areas, RESERVED, 1);
	return err;
}

int stress_reserve(struct stress_pass *pass)
{
	unsigned long size = pass->settings->nr_pages * PAGE_SIZE;
	struct errand *errand = kzalloc(sizeof(*errand), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!errand)
		return stress_fail(pass, "no memory for the test itself");
	errand->irq = IRQ_WORK_INIT_HARD(do_errand);
	errand->pass = pass;
	for (i = 0; i < RESERVED; i++)
		errand->areas[i].size = size;
	err = vmap_arena_reserve(pass->arena, RESERVED * size, pass->settings->nr_pages, FREES);
	if (err)
		err = stress_fail(pass, "no reserve of %lu bytes: error %d", RESERVED * size, err);
	else
		err = use_reserve(errand);
	kfree(errand);
	return err;
}
