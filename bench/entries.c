// SPDX-License-Identifier: GPL-2.0
/*
 * entries.c - counts what the page tables of the vmalloc area hold
 *
 * An allocation sets entries of page tables, and perhaps adds page tables; a free clears entries.
 * To see how many, the benchmark counts all of them before a call and after it (load.c): the
 * difference is what the call changed, whoever wrote the entries, and without a list of the
 * kernel's functions that write some.
 *
 * The vmalloc area holds the areas of vmalloc() and vmap(), and the windows of vmap_arena, which
 * are vmap areas.
 *
 * Locking: none is there to be had for a module.  Other CPUs could free a page table that is being
 * read, so bench_entries_add() is for machines with one CPU, and keeps interrupts off: then nobody
 * else runs.
 */
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/pgtable.h>

#include "../arch/arch.h"
#include "bench.h"

static void count_small(struct bench_entries *found, pmd_t *pmd)
{
	pte_t *pte = pte_offset_kernel(pmd, 0);
	unsigned int i;

	for (i = 0; i < PTRS_PER_PTE; i++)
		found->small += !pte_none(ptep_get(pte + i));
}

static void count_middle(struct bench_entries *found, pud_t *pud, unsigned long addr,
			 unsigned long end)
{
	pmd_t *pmd = pmd_offset(pud, addr);

	for (; addr < end; addr = pmd_addr_end(addr, end), pmd++) {
		if (pmd_none(*pmd))
			continue;
		if (pmd_leaf(*pmd)) {
			found->large++;
		} else {
			found->tables++;
			count_small(found, pmd);
		}
	}
}

static void count_upper(struct bench_entries *found, p4d_t *p4d, unsigned long addr,
			unsigned long end)
{
	pud_t *pud = pud_offset(p4d, addr);
	unsigned long next;

	for (; addr < end; addr = next, pud++) {
		next = pud_addr_end(addr, end);
		if (pud_none(*pud))
			continue;
		if (pud_leaf(*pud)) {
			found->large++;
		} else {
			found->tables++;
			count_middle(found, pud, addr, next);
		}
	}
}

/* An entry of these two levels maps nothing by itself. */
static void count_fourth(struct bench_entries *found, pgd_t *pgd, unsigned long addr,
			 unsigned long end)
{
	p4d_t *p4d = p4d_offset(pgd, addr);
	unsigned long next;

	for (; addr < end; addr = next, p4d++) {
		next = p4d_addr_end(addr, end);
		if (!p4d_none(*p4d)) {
			found->tables++;
			count_upper(found, p4d, addr, next);
		}
	}
}

static void count_all(struct bench_entries *found)
{
	unsigned long addr = VMALLOC_START, next;
	unsigned long end = PAGE_ALIGN(VMALLOC_END); /* of the last byte, or one past */
	pgd_t *pgd = pgd_offset_pgd(vwin_arch_root(), addr);

	for (; addr < end; addr = next, pgd++) {
		next = pgd_addr_end(addr, end);
		if (!pgd_none(*pgd))
			count_fourth(found, pgd, addr, next);
	}
}

/**
 * bench_entries_add() - count what the page tables of the vmalloc area hold now
 * @sum: where to add it
 * @times: 1, or -1: take it off
 *
 * Context: process, with one CPU online.
 */
void bench_entries_add(struct bench_entries *sum, int times)
{
	struct bench_entries found = {};
	unsigned long flags;

	local_irq_save(flags);
	count_all(&found);
	local_irq_restore(flags);
	sum->small += times * found.small;
	sum->large += times * found.large;
	sum->tables += times * found.tables;
}
