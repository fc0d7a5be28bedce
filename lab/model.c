// SPDX-License-Identifier: GPL-2.0
/*
 * model.c - the model that user programs hold the free tree to, compiled into this module
 */
#include "../user/model.c"
