/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rcu.h - threads of a program, and memory that is freed when no thread can see it any more
 *
 * See the theory statement in rcu.c.
 */
#ifndef LAB_USER_RCU_H
#define LAB_USER_RCU_H

#include <linux/types.h>

typedef void (*lab_callback)(struct callback_head *head);

void lab_threads_begin(void);
void lab_threads_end(void);
void lab_thread_begin(unsigned int cpu);
void lab_thread_end(void);
void lab_quiescent(void);
void lab_defer(struct callback_head *head, lab_callback callback);

/* Nodes that this thread got from a slab (user/peers/slab.c). */
extern __thread unsigned long lab_nodes_got;

#endif
