/* SPDX-License-Identifier: GPL-2.0 */
/*
 * indexes.h - what a program has of the kernel's own structures: those of lab/maple.c and
 * lab/drm_mm.c, once for each series of kernels that it was built with (PEERS in user/Makefile)
 */
#ifndef PEERS_INDEXES_H
#define PEERS_INDEXES_H

#include "../../lab/lab.h"

#ifdef PEER_6_12
extern const struct lab_index maple_6_12, maple_rcu_6_12, maple_two_6_12, maple_tree_6_12;
extern const struct lab_index tree_rcu_6_12, summary_rcu_6_12, bump_rcu_6_12, drm_mm_6_12;
#endif

#ifdef PEER_7_2
extern const struct lab_index maple_7_2, maple_rcu_7_2, maple_two_7_2, maple_tree_7_2;
extern const struct lab_index tree_rcu_7_2, summary_rcu_7_2, bump_rcu_7_2, drm_mm_7_2;
#endif

#endif
