/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in for user space: what fails with CONFIG_DEBUG_VM fails here, but not with NDEBUG. */
#include <assert.h>

#define VM_WARN_ON_ONCE(condition)	assert(!(condition))
