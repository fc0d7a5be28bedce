/* SPDX-License-Identifier: GPL-2.0 */
/*
 * trace.h - the tracepoints vmap_arena:*
 *
 * What the kernel's tracers print of an arena: ftrace, perf, bpftrace.  Sizes and addresses are in
 * bytes, in a range arena in its units; times in ns.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vmap_arena

#if !defined(VMAP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VMAP_TRACE_H

#include <linux/string.h>
#include <linux/tracepoint.h>

#include "watch.h"

#define vtrace_show_path(path)				\
	__print_symbolic(path,				\
			 { VWATCH_MAGAZINE, "magazine" },	\
			 { VWATCH_DEPOT, "depot" },		\
			 { VWATCH_RESERVE, "reserve" },	\
			 { VWATCH_TREE, "tree" },		\
			 { VWATCH_IMPORT, "import" },		\
			 { VWATCH_LAZY, "lazy" },		\
			 { VWATCH_RCU, "rcu" })

TRACE_DEFINE_ENUM(VWATCH_MAGAZINE);
TRACE_DEFINE_ENUM(VWATCH_DEPOT);
TRACE_DEFINE_ENUM(VWATCH_RESERVE);
TRACE_DEFINE_ENUM(VWATCH_TREE);
TRACE_DEFINE_ENUM(VWATCH_IMPORT);
TRACE_DEFINE_ENUM(VWATCH_LAZY);
TRACE_DEFINE_ENUM(VWATCH_RCU);

/* While one of these two is on, each call looks at the clock: vwatch_reg(). */

TRACE_EVENT_FN(vmap_alloc,
	TP_PROTO(const struct vwatch_call *call),
	TP_ARGS(call),
	TP_STRUCT__entry(
		__array(char, arena, VMAP_NAME_MAX)
		__field(unsigned long, addr)
		__field(unsigned long, size)
		__field(unsigned long, asked)
		__field(const void *, caller)
		__field(u32, path)
		__field(u64, ns)
	),
	TP_fast_assign(
		strscpy(__entry->arena, call->arena, VMAP_NAME_MAX);
		__entry->addr = call->addr;
		__entry->size = call->size;
		__entry->asked = call->asked;
		__entry->caller = call->caller;
		__entry->path = call->path;
		__entry->ns = call->took;
	),
	TP_printk("arena=%s addr=0x%lx size=%lu asked=%lu caller=%pS path=%s ns=%llu",
		  __entry->arena, __entry->addr, __entry->size, __entry->asked, __entry->caller,
		  vtrace_show_path(__entry->path), __entry->ns),
	vwatch_reg, vwatch_unreg
);

TRACE_EVENT_FN(vmap_free,
	TP_PROTO(const struct vwatch_call *call),
	TP_ARGS(call),
	TP_STRUCT__entry(
		__array(char, arena, VMAP_NAME_MAX)
		__field(unsigned long, addr)
		__field(unsigned long, size)
		__field(const void *, caller)
		__field(u32, path)
		__field(u64, ns)
	),
	TP_fast_assign(
		strscpy(__entry->arena, call->arena, VMAP_NAME_MAX);
		__entry->addr = call->addr;
		__entry->size = call->size;
		__entry->caller = call->caller;
		__entry->path = call->path;
		__entry->ns = call->took;
	),
	TP_printk("arena=%s addr=0x%lx size=%lu caller=%pS path=%s ns=%llu",
		  __entry->arena, __entry->addr, __entry->size, __entry->caller,
		  vtrace_show_path(__entry->path), __entry->ns),
	vwatch_reg, vwatch_unreg
);

TRACE_EVENT(vmap_purge_begin,
	TP_PROTO(const char *arena, unsigned long lazy),
	TP_ARGS(arena, lazy),
	TP_STRUCT__entry(
		__array(char, arena, VMAP_NAME_MAX)
		__field(unsigned long, lazy)
	),
	TP_fast_assign(
		strscpy(__entry->arena, arena, VMAP_NAME_MAX);
		__entry->lazy = lazy;
	),
	TP_printk("arena=%s lazy=%lu", __entry->arena, __entry->lazy)
);

TRACE_EVENT(vmap_purge_end,
	TP_PROTO(const char *arena, u64 ns),
	TP_ARGS(arena, ns),
	TP_STRUCT__entry(
		__array(char, arena, VMAP_NAME_MAX)
		__field(u64, ns)
	),
	TP_fast_assign(
		strscpy(__entry->arena, arena, VMAP_NAME_MAX);
		__entry->ns = ns;
	),
	TP_printk("arena=%s ns=%llu", __entry->arena, __entry->ns)
);

TRACE_EVENT(vmap_import,
	TP_PROTO(const char *arena, unsigned long size, int err, u64 ns),
	TP_ARGS(arena, size, err, ns),
	TP_STRUCT__entry(
		__array(char, arena, VMAP_NAME_MAX)
		__field(unsigned long, size)
		__field(int, err)
		__field(u64, ns)
	),
	TP_fast_assign(
		strscpy(__entry->arena, arena, VMAP_NAME_MAX);
		__entry->size = size;
		__entry->err = err;
		__entry->ns = ns;
	),
	TP_printk("arena=%s size=%lu err=%d ns=%llu",
		  __entry->arena, __entry->size, __entry->err, __entry->ns)
);

TRACE_EVENT(vmap_return,
	TP_PROTO(const char *arena, unsigned long addr, unsigned long size),
	TP_ARGS(arena, addr, size),
	TP_STRUCT__entry(
		__array(char, arena, VMAP_NAME_MAX)
		__field(unsigned long, addr)
		__field(unsigned long, size)
	),
	TP_fast_assign(
		strscpy(__entry->arena, arena, VMAP_NAME_MAX);
		__entry->addr = addr;
		__entry->size = size;
	),
	TP_printk("arena=%s addr=0x%lx size=%lu", __entry->arena, __entry->addr, __entry->size)
);

TRACE_EVENT(vmap_throttle,
	TP_PROTO(const char *arena, unsigned long lazy, unsigned long threshold),
	TP_ARGS(arena, lazy, threshold),
	TP_STRUCT__entry(
		__array(char, arena, VMAP_NAME_MAX)
		__field(unsigned long, lazy)
		__field(unsigned long, threshold)
	),
	TP_fast_assign(
		strscpy(__entry->arena, arena, VMAP_NAME_MAX);
		__entry->lazy = lazy;
		__entry->threshold = threshold;
	),
	TP_printk("arena=%s lazy=%lu threshold=%lu",
		  __entry->arena, __entry->lazy, __entry->threshold)
);

TRACE_EVENT(vmap_shrink,
	TP_PROTO(const char *arena, unsigned long wanted, unsigned long pages),
	TP_ARGS(arena, wanted, pages),
	TP_STRUCT__entry(
		__array(char, arena, VMAP_NAME_MAX)
		__field(unsigned long, wanted)
		__field(unsigned long, pages)
	),
	TP_fast_assign(
		strscpy(__entry->arena, arena, VMAP_NAME_MAX);
		__entry->wanted = wanted;
		__entry->pages = pages;
	),
	TP_printk("arena=%s wanted=%lu pages=%lu",
		  __entry->arena, __entry->wanted, __entry->pages)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
