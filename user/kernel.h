/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel.h - what the arena asks of the kernel, for threads of a user program
 *
 * Stands for each header that the Makefile lists.  A thread plays a CPU: it has a slot of its own
 * in whatever is per CPU, and no interrupt comes, so there is nothing to turn off.  The arena's
 * lock is a real one, and counted.  There is no worker: what is queued for at once is done on the
 * spot, and what is for later (to give back what is not used) is not done.  What a range arena
 * never asks for is declared only; the Makefile makes each such call end the program.
 *
 * With PLAY_RT it is a real-time kernel: a thread may turn its preemption off (this_cpu.raw), what
 * is asked of mm is told to call_mm(), and what is queued to play_work().
 *
 * With PLAY_STEPS there is one thread, whose steps are counted, and memory, too: pages.h.
 * call_mm() and play_work() are told as with PLAY_RT; play_locked() and play_unlocked() of each raw
 * lock, play_irqs_off() and play_irqs_on() of each section with interrupts off.
 */
#ifndef USER_KERNEL_H
#define USER_KERNEL_H

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <linux/align.h>
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/log2.h>
#include <linux/mm_types.h>
#include <linux/mmdebug.h>
#include <linux/overflow.h>
#include <linux/types.h>

/* The newest, so that compat.h has nothing to add. */
#define KERNEL_VERSION(a, b, c)	((a) << 16 | (b) << 8 | (c))
#define LINUX_VERSION_CODE	KERNEL_VERSION(99, 0, 0)
#ifdef PLAY_RT
#define IS_ENABLED(...)		(!__builtin_strcmp(#__VA_ARGS__, "CONFIG_PREEMPT_RT"))
#else
#define IS_ENABLED(...)		0
#endif

/* Accesses that others' may meet: ThreadSanitizer takes a volatile one for a plain one. */
#undef READ_ONCE
#undef WRITE_ONCE
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, value)	__atomic_store_n(&(x), value, __ATOMIC_RELAXED)
#define atomic_read(number)	READ_ONCE((number)->counter)
#define atomic_long_read(number)	((long)atomic_read(number))
#define atomic_long_add(value, number)	\
	((void)__atomic_add_fetch(&(number)->counter, value, __ATOMIC_RELAXED))
#define atomic_long_sub(value, number)	\
	((void)__atomic_sub_fetch(&(number)->counter, value, __ATOMIC_RELAXED))
#define atomic_inc(number)	((void)__atomic_add_fetch(&(number)->counter, 1, __ATOMIC_RELAXED))
#define atomic_dec(number)	((void)__atomic_sub_fetch(&(number)->counter, 1, __ATOMIC_RELAXED))
/* Paired by whoever loads the slot: what the kernel's code there says. */
#define smp_store_release(slot, value)	__atomic_store_n(slot, value, __ATOMIC_RELEASE)
/* Paired with it. */
#define smp_load_acquire(slot)		__atomic_load_n(slot, __ATOMIC_ACQUIRE)
/* Paired likewise.  ThreadSanitizer knows no fence by itself. */
#define smp_mb()			((void)__atomic_fetch_add(&(int){ 0 }, 0, __ATOMIC_SEQ_CST))
/* The same of a counter. */
#define atomic_read_acquire(number)	smp_load_acquire(&(number)->counter)
#define atomic_dec_return_release(number)	\
	__atomic_sub_fetch(&(number)->counter, 1, __ATOMIC_RELEASE)
#define cmpxchg(slot, old, new) ({						\
	typeof(*(slot)) seen = (old);						\
	__atomic_compare_exchange_n(slot, &seen, new, false, __ATOMIC_SEQ_CST,	\
				    __ATOMIC_SEQ_CST);				\
	seen;									\
})

#ifdef __SANITIZE_THREAD__
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
#else
#define AnnotateIgnoreReadsBegin(file, line)	((void)0)
#define AnnotateIgnoreReadsEnd(file, line)	((void)0)
#endif

#define data_race(expression) ({				\
	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);		\
	__auto_type racy = (expression);			\
	AnnotateIgnoreReadsEnd(__FILE__, __LINE__);		\
	racy;							\
})

/* CPUs, PLAYERS at most, and what is theirs.  While threads run, play_cpus stays as it is. */
#define PLAYERS		256
extern unsigned int play_cpus;
#define PERCPU_SIZE	8192UL
#define __percpu
#define ____cacheline_aligned_in_smp	__attribute__((aligned(64)))

/* How far away a thread's slots are, how often it took a lock, or waited; is preemption off? */
struct this_cpu {
	unsigned long offset;
	unsigned long locked;
	unsigned long waited;
	bool raw;
};

extern __thread struct this_cpu this_cpu;

#define at_offset(pointer, offset)	((typeof(pointer))((char *)(pointer) + (offset)))
/* Of what a play allocates for each CPU; playground.c. */
void *play_percpu(size_t size);
#define alloc_percpu(type)		((type *)play_percpu(sizeof(type)))
#define free_percpu(memory)		((void)(memory))

#define this_cpu_ptr(pointer)		at_offset(pointer, this_cpu.offset)
#define per_cpu_ptr(pointer, cpu)	at_offset(pointer, (cpu) * PERCPU_SIZE)
#define __this_cpu_read(slot)		(*this_cpu_ptr(&(slot)))
#define this_cpu_read(slot)		__this_cpu_read(slot)
#define __this_cpu_inc(slot)		(++*this_cpu_ptr(&(slot)))
#define this_cpu_inc(slot)		__this_cpu_inc(slot)
#define this_cpu_add(slot, count)	(*this_cpu_ptr(&(slot)) += (count))
#define this_cpu_sub(slot, count)	(*this_cpu_ptr(&(slot)) -= (count))
#define for_each_possible_cpu(cpu)	for ((cpu) = 0; (cpu) < play_cpus; (cpu)++)
#define num_online_cpus()		play_cpus
#define cpu_online(cpu)			((cpu) < play_cpus)
void on_each_cpu_cond(bool (*asked)(int cpu, void *argument), void (*function)(void *argument),
		      void *argument, bool wait);
static inline void cpus_read_lock(void) {}
static inline void cpus_read_unlock(void) {}

/* Contexts: a thread may always sleep, but where it says that its preemption is off. */
#ifdef PLAY_STEPS
void play_irqs_off(void);
void play_irqs_on(void);
#else
#define play_irqs_off()			((void)0)
#define play_irqs_on()			((void)0)
#endif

#define local_irq_save(flags)		((flags) = 0, play_irqs_off())
#define local_irq_restore(flags)	((void)(flags), play_irqs_on())
#define irqs_disabled_flags(flags)	((void)(flags), false)
#define preemptible()			(!this_cpu.raw)
#define rcu_preempt_depth()		0
#define in_nmi()			false
#define might_sleep()			((void)0)
#define cond_resched()			((void)0)
#define fatal_signal_pending(task)	false
#undef synchronize_rcu
#define synchronize_rcu()		((void)0)

/* Locks.  Who came first gets a spin lock first, as in the kernel. */
typedef struct {
	unsigned int next;
	unsigned int served;
} raw_spinlock_t;

static inline void raw_spin_lock_init(raw_spinlock_t *lock)
{
	*lock = (raw_spinlock_t){ 0 };
}

#ifdef __x86_64__
#define cpu_relax()	__builtin_ia32_pause()
#else
#define cpu_relax()	barrier()
#endif

/* Wait a little for another thread, which may have no CPU now. */
static inline void relax(unsigned int *tries)
{
	if (++*tries % 1024)
		cpu_relax();
	else
		sched_yield();
}

#ifdef PLAY_STEPS
void play_locked(void);
void play_unlocked(void);
#define raw_spin_lock(lock)	((void)(lock), play_locked())
#define raw_spin_unlock(lock)	((void)(lock), play_unlocked())
#else
static __always_inline void raw_spin_lock(raw_spinlock_t *lock)
{
	unsigned int ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED), tries = 0;

	this_cpu.locked++;
	while (unlikely(__atomic_load_n(&lock->served, __ATOMIC_ACQUIRE) != ticket)) {
		this_cpu.waited += !tries;
		relax(&tries);
	}
}

static __always_inline void raw_spin_unlock(raw_spinlock_t *lock)
{
	__atomic_store_n(&lock->served, lock->served + 1, __ATOMIC_RELEASE);
}
#endif

#define raw_spin_lock_irqsave(lock, flags)	(local_irq_save(flags), raw_spin_lock(lock))
#define raw_spin_unlock_irqrestore(lock, flags)	(raw_spin_unlock(lock), local_irq_restore(flags))
#define lockdep_assert_held(lock)		((void)(lock))
#define lockdep_assert_irqs_disabled()		((void)0)

struct mutex {
	pthread_mutex_t real;
};

#define DEFINE_MUTEX(name)	struct mutex name = { PTHREAD_MUTEX_INITIALIZER }
#define mutex_init(mutex)	pthread_mutex_init(&(mutex)->real, NULL)
#define mutex_lock(mutex)	pthread_mutex_lock(&(mutex)->real)
#define mutex_trylock(mutex)	(!pthread_mutex_trylock(&(mutex)->real))
#define mutex_unlock(mutex)	pthread_mutex_unlock(&(mutex)->real)

/* Nobody waits for a move: one thread compacts, and its movers do not sleep. */
typedef struct {
	int waiters;
} wait_queue_head_t;

#define init_waitqueue_head(queue)	((queue)->waiters = 0)
#define wake_up_all(queue)		((void)(queue))
#define wait_event(queue, condition)	((void)(condition))
#define current				((struct task_struct *)&this_cpu)

/* Nobody reads what another frees: that is done when all threads but one are gone. */
#define rcu_head			callback_head
#define rcu_read_lock()			((void)0)
#define rcu_read_unlock()		((void)0)

void kvfree(const void *pointer);
void *kvrealloc(const void *pointer, size_t size, gfp_t gfp);
void kvfree_rcu_mightsleep(const void *pointer);
void call_rcu(struct rcu_head *head, void (*function)(struct rcu_head *head));

/* As the kernel does it; the compiler's own would ask a CPU that is not named for less. */
#ifdef __x86_64__
static inline void prefetchw(const void *pointer)
{
	asm volatile("prefetchw %0" : : "m" (*(const char *)pointer));
}
#else
#define prefetchw(pointer)	__builtin_prefetch(pointer, 1)
#endif

/* Lists that are pushed to and emptied without a lock. */
struct llist_head {
	struct llist_node *first;
};

static inline void init_llist_head(struct llist_head *list)
{
	list->first = NULL;
}

static inline void llist_add(struct llist_node *node, struct llist_head *list)
{
	node->next = READ_ONCE(list->first);
	while (!__atomic_compare_exchange_n(&list->first, &node->next, node, false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

static inline struct llist_node *llist_del_all(struct llist_head *list)
{
	return __atomic_exchange_n(&list->first, NULL, __ATOMIC_ACQUIRE);
}

#define llist_entry(node, type, member)	container_of(node, type, member)
#define llist_next(node)		((node)->next)
#define llist_empty(list)		(!READ_ONCE((list)->first))

#define llist_entry_or_null(node, each, member) ({				\
	struct llist_node *linked = (node);					\
	linked ? container_of(linked, typeof(*(each)), member) : NULL;		\
})

#define llist_for_each_entry(each, first, member)				\
	for ((each) = llist_entry_or_null(first, each, member); (each);		\
	     (each) = llist_entry_or_null((each)->member.next, each, member))

#define llist_for_each_entry_safe(each, following, first, member)		\
	for ((each) = llist_entry_or_null(first, each, member);			\
	     (each) &&								\
	     ((following) = llist_entry_or_null((each)->member.next, each, member), true); \
	     (each) = (following))

/* Memory. */
#if defined(PLAY_RT) || defined(PLAY_STEPS)
void call_mm(void);
#else
#define call_mm()	((void)0)
#endif

/* Zeroed memory that begins with a cache line, as the slab's of this size does. */
static inline void *aligned_calloc(size_t size)
{
	size_t whole = ALIGN(size, 64);
	void *memory = aligned_alloc(64, whole);

	return memory ? memset(memory, 0, whole) : NULL;
}

#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))
#define PAGE_ALIGN(size)	ALIGN(size, PAGE_SIZE)
#define PAGE_ALIGNED(addr)	IS_ALIGNED((unsigned long)(addr), PAGE_SIZE)
#define offset_in_page(addr)	((unsigned long)(addr) & ~PAGE_MASK)
#define PMD_SHIFT	21
#define PMD_SIZE	(1UL << PMD_SHIFT)
#define PMD_MASK	(~(PMD_SIZE - 1))
#define NUMA_NO_NODE	(-1)
#define nr_node_ids	1U
#define numa_mem_id()	0
#define totalram_pages()	(1UL << 22)

#define __GFP_HIGH		(1U << 0)
#define __GFP_IO		(1U << 1)
#define __GFP_FS		(1U << 2)
#define __GFP_DIRECT_RECLAIM	(1U << 3)
#define __GFP_RECLAIM		(1U << 4 | __GFP_DIRECT_RECLAIM)
#define __GFP_NOWARN		(1U << 5)
#define __GFP_NORETRY		(1U << 6)
#define __GFP_RETRY_MAYFAIL	(1U << 7)
#define __GFP_NOFAIL		(1U << 8)
#define __GFP_MEMALLOC		(1U << 9)
#define __GFP_NOMEMALLOC	(1U << 10)
#define __GFP_ZERO		(1U << 11)
#define __GFP_DMA		(1U << 12)
#define __GFP_DMA32		(1U << 13)
#define __GFP_MOVABLE		(1U << 14)
#define __GFP_RECLAIMABLE	(1U << 15)
#define __GFP_THISNODE		(1U << 16)
#define __GFP_ACCOUNT		(1U << 17)
#define GFP_NOWAIT		0
#define GFP_ATOMIC		__GFP_HIGH
#define GFP_NOIO		__GFP_RECLAIM
#define GFP_KERNEL		(__GFP_RECLAIM | __GFP_IO | __GFP_FS)
#define gfpflags_allow_blocking(gfp)	(!!((gfp) & __GFP_DIRECT_RECLAIM))

#define kmalloc(size, gfp)		((void)(gfp), call_mm(), malloc(size))
#define kzalloc(size, gfp)		((void)(gfp), call_mm(), calloc(1, size))
#define kfree(pointer)			(call_mm(), free(pointer))
#define kvcalloc(count, size, gfp)	((void)(gfp), aligned_calloc((count) * (size)))
#ifdef PLAY_STEPS
void *play_new_extent(void);
void play_drop_extent(void *extent);
#define kmem_cache_alloc(slab, gfp)	((void)(gfp), play_new_extent())
#define kmem_cache_free(slab, object)	play_drop_extent(object)
#else
#define kmem_cache_alloc(slab, gfp)	((void)(gfp), call_mm(), aligned_alloc(64, 64))
#define kmem_cache_free(slab, object)	(call_mm(), free(object))
#endif
#define kmemleak_alloc(addr, size, least, gfp)	((void)0)
#define kmemleak_free(addr)			((void)0)
#define want_init_on_alloc(gfp)	(!!((gfp) & __GFP_ZERO))
#define want_init_on_free()	false
#ifdef PLAY_STEPS
#include "pages.h"
#else
#define PAGE_KERNEL		((pgprot_t){ 0 })

typedef unsigned long pte_t;
typedef unsigned long pmd_t;
#define pte_index(addr)		((addr) >> PAGE_SHIFT & 511)
#define pte_same(a, b)	((a) == (b))

/* Of the architecture, and of what a page is like, there is nothing here. */
#define ARCH_ARCH_H
#define FRESH_H
#define vwin_arch_read_or_zero(addr)	(*(addr))
struct vmap_window;
bool vwin_is_fresh(const struct vmap_window *window, unsigned long addr, unsigned int count);
#endif

void clear_page(void *page);
/* The kernel's counts of pages, which nobody reads here. */
#define NR_VMALLOC				0
#ifndef NODE_DATA
#define NODE_DATA(node)				(node)
#endif
#define page_to_nid(page)			((void)(page), 0)
#define page_folio(page)			(page)
#define folio_memcg_charged(folio)		((void)(folio), false)
#define mod_lruvec_page_state(page, item, count)	((void)(page), (void)(count))
#define mod_node_page_state(node, item, count)	((void)(node), (void)(count))
void vwin_count_pages(struct page **pages, unsigned int count, int step);
void vwin_count_block(struct page *page, int count);
void __free_page(struct page *page);
struct page *alloc_pages_node(int node, gfp_t gfp, unsigned int order);
#define alloc_page(gfp)	alloc_pages_node(NUMA_NO_NODE, gfp, 0)
unsigned int alloc_pages_bulk_node(gfp_t gfp, int node, unsigned int count, struct page **pages);

/* Work. */
struct work_struct {
	void (*function)(struct work_struct *work);
};

struct delayed_work {
	struct work_struct work;
};

/* Nobody makes a queue here, nor has to wait for one to end. */
enum {
	WQ_UNBOUND,
	WQ_FREEZABLE
};

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags, int most, ...);
void destroy_workqueue(struct workqueue_struct *queue);

#define HZ	100
#define INIT_WORK(queued, what)			((queued)->function = (what))
#define INIT_DELAYED_WORK(queued, what)		INIT_WORK(&(queued)->work, what)
#if defined(PLAY_RT) || defined(PLAY_STEPS)
void play_work(struct work_struct *work);
#define queue_work(workers, queued)		play_work(queued)
#else
#define queue_work(workers, queued)		((queued)->function(queued))
#endif
#define queue_delayed_work(workers, queued, delay)	((void)(queued))
#define cancel_work_sync(queued)			((void)(queued))
#define flush_work(queued)				((void)(queued))
long schedule_timeout_idle(long timeout);
long schedule_timeout_uninterruptible(long timeout);
#define mm_account_reclaimed_pages(pages)	((void)(pages))

/* The rest. */
struct kref {
	int count;
};

#define DECLARE_STATIC_KEY_FALSE(name)	extern bool name
#define DEFINE_STATIC_KEY_FALSE(name)	bool name
#define static_branch_unlikely(key)	false
#define clamp_t(type, value, lo, hi)	((type)clamp((type)(value), (type)(lo), (type)(hi)))
#define ktime_get_mono_fast_ns()	0
#define WARN_ON_ONCE(condition)		({ bool warned = (condition); warned; })

void pr_err_ratelimited(const char *format, ...);
void pr_warn_ratelimited(const char *format, ...);

enum cpuhp_state {
	CPUHP_BP_PREPARE_DYN
};

int cpuhp_setup_state_nocalls(enum cpuhp_state state, const char *name, int (*come)(unsigned int),
			      int (*go)(unsigned int));
void cpuhp_remove_state_nocalls(enum cpuhp_state state);

#define SHRINK_STOP	(~0UL)
#define DEFAULT_SEEKS	2

struct shrink_control {
	unsigned long nr_to_scan;
};

struct shrinker {
	unsigned long (*count_objects)(struct shrinker *shrinker, struct shrink_control *sc);
	unsigned long (*scan_objects)(struct shrinker *shrinker, struct shrink_control *sc);
	int seeks;
};

struct shrinker *shrinker_alloc(unsigned int flags, const char *name);
void shrinker_register(struct shrinker *shrinker);
void shrinker_free(struct shrinker *shrinker);

#endif
