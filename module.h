/* SPDX-License-Identifier: GPL-2.0 */
/*
 * module.h - the parts of the module that begin and end with it
 *
 * module.c begins them in the order of one list and ends them in reverse.
 */
#ifndef MODULE_H
#define MODULE_H

#include "arena.h"

/* catch.c */
int vcatch_init(void);
void vcatch_exit(void);

/* own.c */
struct vmap_arena *vown_arena(const void *caller);
int vown_init_module(void);
void vown_exit_module(void);

/* leak.c */
const char *vleak_former(const void *caller);
int vleak_init_module(void);
void vleak_exit_module(void);

/* owners.c */
struct seq_file;
void vdebug_show_caller(struct seq_file *m, const void *caller);
int vdebug_show_owners(struct seq_file *m, struct vmap_arena *arena);

/* debugfs.c */
int vdebug_init_module(void);
void vdebug_exit_module(void);

#endif
