/* SPDX-License-Identifier: GPL-2.0 */
/*
 * steps_loads.h - states of arenas, and calls that are counted there
 */
#ifndef STEPS_LOADS_H
#define STEPS_LOADS_H

#include "steps.h"

void steps_of_range_arenas(void);
void steps_of_memory_arenas(void);

#endif
