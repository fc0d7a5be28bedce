// SPDX-License-Identifier: GPL-2.0
/*
 * rcu.c - threads of a program, and memory that is freed when no thread can see it any more
 *
 * Theory
 *
 * As in a kernel without preemption, a reader under RCU does nothing at all.  Instead each thread
 * says now and then, between two operations, that it holds no pointer: it is *quiescent*.  What is
 * deferred is freed when each thread has been so since.
 *
 * There is a count of *periods*.  A thread that is quiescent notes the period of that moment.
 * What is deferred first gathers in the fresh list of its thread; when its waiting list is empty,
 * the fresh ones become that, and a new period begins.  When all threads have noted that period,
 * or a later one, none can see what waits.  A thread that has ended is in a period behind all.
 *
 * Before there are threads, and after, all is freed at once.
 *
 * Locking: none.  The lists of a thread are its own.  A note is stored with release and loaded with
 * acquire: what a thread read before it was quiescent it read before the memory is freed.
 */
#include <limits.h>
#include <linux/kernel.h>
#include <stdlib.h>

#include "../lab.h"
#include "rcu.h"

#define ENDED	ULONG_MAX

/* What is to be freed. */
struct deferred {
	struct callback_head *head;
	struct callback_head **tail;
};

/**
 * struct reader - a thread
 * @period: at which it was quiescent last; read by all
 * @wanted: the period that @waiting waits for
 * @waiting: freed when all have noted @wanted
 * @fresh: deferred since
 */
struct reader {
	unsigned long period;
	unsigned long wanted;
	struct deferred waiting;
	struct deferred fresh;
} __aligned(64);

static struct reader readers[LAB_CPUS];
static unsigned long periods;
static bool threaded;

static __thread unsigned int this_cpu;

__thread unsigned long lab_nodes_got;

unsigned int lab_cpu(void)
{
	return this_cpu;
}

static void run_all(struct deferred *deferred)
{
	struct callback_head *head = deferred->head, *next;

	for (deferred->head = NULL; head; head = next) {
		next = head->next;
		head->func(head);
	}
}

static bool all_noted(unsigned long wanted)
{
	unsigned int i;

	for (i = 0; i < LAB_CPUS; i++)
		if (__atomic_load_n(&readers[i].period, __ATOMIC_ACQUIRE) < wanted)
			return false;
	return true;
}

/* The thread holds no pointer into any index. */
void lab_quiescent(void)
{
	struct reader *self = &readers[this_cpu];

	if (self->waiting.head && all_noted(self->wanted))
		run_all(&self->waiting);
	if (!self->waiting.head && self->fresh.head) {
		self->waiting = self->fresh;
		self->fresh.head = NULL;
		self->wanted = __atomic_add_fetch(&periods, 1, __ATOMIC_SEQ_CST);
	}
	__atomic_store_n(&self->period, __atomic_load_n(&periods, __ATOMIC_SEQ_CST),
			 __ATOMIC_RELEASE);
}

/* From now on there are threads, though none has begun. */
void lab_threads_begin(void)
{
	unsigned int i;

	for (i = 0; i < LAB_CPUS; i++)
		readers[i].period = ENDED;
	threaded = true;
}

/* All threads have ended. */
void lab_threads_end(void)
{
	unsigned int i;

	threaded = false;
	for (i = 0; i < LAB_CPUS; i++) {
		run_all(&readers[i].waiting);
		run_all(&readers[i].fresh);
	}
}

/* This thread is that CPU, which no other thread is. */
void lab_thread_begin(unsigned int cpu)
{
	this_cpu = cpu;
	lab_quiescent();
}

/* This thread calls no index any more. */
void lab_thread_end(void)
{
	__atomic_store_n(&readers[this_cpu].period, ENDED, __ATOMIC_RELEASE);
}

/* Call @callback with @head when no thread can see any more what it lies in. */
void lab_defer(struct callback_head *head, lab_callback callback)
{
	struct deferred *fresh = &readers[this_cpu].fresh;

	if (!threaded) {
		callback(head);
		return;
	}
	head->next = NULL;
	head->func = callback;
	if (fresh->head)
		*fresh->tail = head;
	else
		fresh->head = head;
	fresh->tail = &head->next;
}
