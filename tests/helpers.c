// SPDX-License-Identifier: GPL-2.0
/*
 * helpers.c - what the kernel's helpers that take a vmalloc address do on an arena's
 *
 * A module for stock kernels, without KUnit.  On loading, each helper is called on an area of the
 * kernel's own and on one of an arena, filled alike; what it did is compared with what
 * Documentation/vmalloc.rst says of it, and a line in the kernel log says whether that is so.  What
 * can be seen from outside only (mem_dump_obj(), /proc/vmallocinfo) is looked at by
 * scripts/guest/helpers.sh, while the areas are there: until the module goes.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/elf.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#ifdef CONFIG_ARCH_HAS_MEM_ENCRYPT
#include <linux/set_memory.h>
#endif

#include "../compat.h"
#include "../vmap_alloc.h"

#define AREA_SIZE	(4 * PAGE_SIZE)

/* An area's last bytes, its guard, and as much of what follows that no area has it all. */
#define ACROSS		(AREA_SIZE - 64)
#define ACROSS_SIZE	(PAGE_SIZE + 128)

static bool die;
module_param(die, bool, 0444);
MODULE_PARM_DESC(die, "copy to user space from beyond an area of the kernel's, which stops this task");

static bool huge;
module_param(huge, bool, 0444);
MODULE_PARM_DESC(huge, "try the end of areas of 2 MiB pages");

static struct vmap_arena *arena;
/* What the helpers are called on: an area, or with huge=1 the end of one. */
static void *kernels, *ours;

/* How far into its area that is. */
static unsigned long offset;

/* User memory of the task that loads the module. */
static unsigned long user;

/* What is mapped by the device, and what became of it. */
static void *mapped_area;
static int mapped_result;

static long finds_its_pages(void *addr)
{
	struct page *page = vmalloc_to_page(addr + PAGE_SIZE);

	return page && page_to_pfn(page) == vmalloc_to_pfn(addr + PAGE_SIZE) &&
	       !memcmp(page_address(page), addr + PAGE_SIZE, PAGE_SIZE);
}

static long finds_no_page_in_the_guard(void *addr)
{
	return !vmalloc_to_page(addr + AREA_SIZE);
}

static long is_vmalloc(void *addr)
{
	return is_vmalloc_addr(addr) && is_vmalloc_addr(addr + AREA_SIZE - 1);
}

static long is_in_the_linear_map(void *addr)
{
	return virt_addr_valid(addr);
}

static long faults_in_the_guard(void *addr)
{
	u8 byte;

	return copy_from_kernel_nofault(&byte, addr + AREA_SIZE, 1);
}

/* Hardened usercopy looks only at copies of a size that the compiler does not know. */
static long to_user(const void *addr, unsigned long size)
{
	OPTIMIZER_HIDE_VAR(size);
	return copy_to_user((void __user *)user, addr, size);
}

static long copies_to_user(void *addr)
{
	return to_user(addr, AREA_SIZE);
}

#ifdef CONFIG_X86
/* Hardened usercopy lets a copy end in the guard of an area, where it faults: an oops on arm64. */
static long copies_into_the_guard(void *addr)
{
	return to_user(addr + ACROSS, 128) > 0;
}
#endif

static long copies_from_user(void *addr)
{
	unsigned long size = AREA_SIZE;

	OPTIMIZER_HIDE_VAR(size);
	return copy_from_user(addr, (void __user *)user, size);
}

/* Write an area to a file and read it back. */
static long is_written_and_read(void *addr)
{
	struct file *file = filp_open("/tmp/helpers", O_RDWR | O_CREAT | O_TRUNC, 0600);
	loff_t pos = 0;
	long done;

	if (IS_ERR(file))
		return PTR_ERR(file);
	done = kernel_write(file, addr, AREA_SIZE, &pos);
	pos = 0;
	memset(addr, 0, AREA_SIZE);
	if (done == AREA_SIZE)
		done = kernel_read(file, addr, AREA_SIZE, &pos);
	filp_close(file, NULL);
	return done;
}

/* Where /proc/kcore has an address; negative if it has not. */
static loff_t kcore_offset(struct file *file, unsigned long addr)
{
	Elf64_Ehdr elf;
	Elf64_Phdr part;
	loff_t pos = 0;
	unsigned int i;

	if (kernel_read(file, &elf, sizeof(elf), &pos) != sizeof(elf))
		return -EIO;
	pos = elf.e_phoff;
	for (i = 0; i < elf.e_phnum; i++) {
		if (kernel_read(file, &part, sizeof(part), &pos) != sizeof(part))
			return -EIO;
		if (part.p_type == PT_LOAD && addr - part.p_vaddr < part.p_memsz)
			return part.p_offset + addr - part.p_vaddr;
	}
	return -ENXIO;
}

/* Read an area and its guard through /proc/kcore; return whether all of it is as it is. */
static long is_seen_by_kcore(void *addr)
{
	struct file *file = filp_open("/proc/kcore", O_RDONLY, 0);
	u8 *buffer = kzalloc(AREA_SIZE + PAGE_SIZE, GFP_KERNEL);
	loff_t pos = IS_ERR(file) ? PTR_ERR(file) : kcore_offset(file, (unsigned long)addr);
	long seen = pos;

	if (buffer && pos >= 0)
		seen = kernel_read(file, buffer, AREA_SIZE + PAGE_SIZE, &pos) ==
		       AREA_SIZE + PAGE_SIZE && !memcmp(buffer, addr, AREA_SIZE) &&
		       !memchr_inv(buffer + AREA_SIZE, 0, PAGE_SIZE);
	if (!IS_ERR(file))
		filp_close(file, NULL);
	kfree(buffer);
	return seen;
}

static int map_area(struct file *file, struct vm_area_struct *vma)
{
	mapped_result = remap_vmalloc_range(vma, mapped_area, 0);
	return mapped_result;
}

static const struct file_operations device_ops = { .owner = THIS_MODULE, .mmap = map_area };

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR, .name = KBUILD_MODNAME, .fops = &device_ops,
};

/* Map an area into user space by its driver's mmap(). */
static long is_remapped(void *addr)
{
	struct file *file = filp_open("/dev/" KBUILD_MODNAME, O_RDWR, 0);
	unsigned long at;

	if (IS_ERR(file))
		return PTR_ERR(file);
	mapped_area = addr;
	mapped_result = 1;
	at = vm_mmap(file, 0, AREA_SIZE, PROT_READ, MAP_SHARED, 0);
	if (!IS_ERR_VALUE(at))
		vm_munmap(at, AREA_SIZE);
	filp_close(file, NULL);
	return mapped_result;
}

/* An area made for it, of the kernel's: there is none of an arena's. */
static long is_remapped_if_for_users(void *addr)
{
	void *area = addr == ours ? NULL : vmalloc_user(AREA_SIZE);
	long result = is_remapped(area ?: addr);

	vfree(area);
	return result;
}

/* What vm_unmap_aliases() promises: after it no TLB knows an area that was unmapped before. */
static long is_forgotten_with_aliases(void *addr)
{
	struct vmap_arena_stats stats;

	if (addr == kernels)
		return 1;
	vmap_free(vmap_arena_alloc(arena, PAGE_SIZE, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE));
	vm_unmap_aliases();
	vmap_arena_stats(arena, &stats);
	return !stats.lazy;
}

static long is_flushed_by_range(void *addr)
{
	flush_kernel_vmap_range(addr, AREA_SIZE);
	invalidate_kernel_vmap_range(addr, AREA_SIZE);
	return finds_its_pages(addr);
}

#ifdef CONFIG_ARCH_HAS_MEM_ENCRYPT
static long is_decrypted(void *addr)
{
	return set_memory_decrypted((unsigned long)addr, 1) ?:
	       set_memory_encrypted((unsigned long)addr, 1);
}
#endif

#ifdef CONFIG_X86
/* Only for addresses of the linear map, but it takes others. */
static long is_uncached(void *addr)
{
	int err = set_memory_uc((unsigned long)addr, 1);

	return err ?: set_memory_wb((unsigned long)addr, 1);
}
#endif

/**
 * struct helper - one that is tried
 * @name: what the documentation calls it
 * @try: calls it; returns what it did
 * @kernels: what that is on an area of the kernel's
 * @ours: what it is on one of an arena
 */
struct helper {
	const char *name;
	long (*try)(void *addr);
	long kernels;
	long ours;
};

static const struct helper helpers[] = {
	{ "vmalloc_to_page", finds_its_pages, 1, 1 },
	{ "vmalloc_to_page, guard", finds_no_page_in_the_guard, 1, 1 },
	{ "is_vmalloc_addr", is_vmalloc, 1, 1 },
	{ "virt_addr_valid", is_in_the_linear_map, 0, 0 },
	{ "copy_from_kernel_nofault, guard", faults_in_the_guard, -EFAULT, -EFAULT },
	{ "copy_to_user", copies_to_user, 0, 0 },
#ifdef CONFIG_X86
	{ "copy_to_user, guard", copies_into_the_guard, 1, 1 },
#endif
	{ "copy_from_user", copies_from_user, 0, 0 },
	{ "kernel_write, kernel_read", is_written_and_read, AREA_SIZE, AREA_SIZE },
	{ "kcore", is_seen_by_kcore, 1, 1 },
	{ "remap_vmalloc_range, vmalloc", is_remapped, -EINVAL, -EINVAL },
	{ "remap_vmalloc_range, vmalloc_user", is_remapped_if_for_users, 0, -EINVAL },
	{ "vm_unmap_aliases", is_forgotten_with_aliases, 1, 0 },
	{ "flush_kernel_vmap_range", is_flushed_by_range, 1, 1 },
#ifdef CONFIG_ARCH_HAS_MEM_ENCRYPT
	{ "set_memory_decrypted", is_decrypted, 0, 0 },
#endif
#ifdef CONFIG_X86
	{ "set_memory_uc", is_uncached, 0, 0 },
#endif
};

static void try_helper(const struct helper *helper)
{
	long on_kernels = helper->try(kernels), on_ours = helper->try(ours);
	bool good = on_kernels == helper->kernels && on_ours == helper->ours;

	pr_info("helper %s: %s: %ld, %ld\n", helper->name, good ? "as documented" : "DIFFERENT",
		on_kernels, on_ours);
}

/*
 * Beyond the guard of an area hardened usercopy stops a copy where it knows the area.  An arena's
 * span is one area to it: there the copy stops in the guard, if there is one.
 */
static void copy_from_beyond(void)
{
	long left;

	if (IS_ENABLED(CONFIG_X86)) {
		left = to_user(ours + ACROSS, ACROSS_SIZE);
		pr_info("helper copy_to_user, beyond the guard: %s: %ld\n",
			left && left < ACROSS_SIZE ? "as documented" : "DIFFERENT", left);
	}
	if (die)
		pr_info("helper copy_to_user, beyond the guard of the kernel's: DIFFERENT: %ld\n",
			to_user(kernels + ACROSS, ACROSS_SIZE));
}

/* For the script to look at. */
static void show_areas(void)
{
	pr_info("area of the kernel at %px\n", kernels);
	mem_dump_obj(kernels + PAGE_SIZE);
	pr_info("area of an arena at %px\n", ours);
	mem_dump_obj(ours + PAGE_SIZE);
	pr_info("end of areas\n");
}

/*
 * Do small pages take the place of a chunk whose protection was changed in part, and is the rest as
 * it was?  Returns how many bytes are mapped by 2 MiB, before and after.
 */
static long is_huge(unsigned long *after)
{
	struct vmap_arena_stats stats;
	long before;
	void *again;

	vmap_arena_stats(arena, &stats);
	before = stats.huge;
	vmap_free(ours - offset);
	vmap_arena_purge(arena);
	again = vmap_arena_alloc(arena, offset + AREA_SIZE, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);
	ours = again ? again + offset : NULL;
	vmap_arena_stats(arena, &stats);
	*after = stats.huge;
	if (again)
		memset(again, 0x5a, offset + AREA_SIZE);
	return before;
}

/* What is huge is told, and what helpers did to it does not last. */
static void try_again(void)
{
	unsigned long after = 0;
	long before = is_huge(&after);
	/* Only 4 KiB pages have pages of 2 MiB above them. */
	long all = PMD_SIZE == 2UL << 20 ? offset + AREA_SIZE : 0;
	bool good = before == all && ours && finds_its_pages(ours) &&
		    is_seen_by_kcore(ours) == 1;

	pr_info("helper 2 MiB pages: %s: %ld, %lu\n", good ? "as documented" : "DIFFERENT", before,
		after);
}

static void vspace_put(void)
{
	vmap_free(ours ? ours - offset : NULL);
	vfree(kernels ? kernels - offset : NULL);
	if (!IS_ERR_OR_NULL(arena))
		vmap_arena_destroy(arena);
}

/* Two areas of some 2 MiB pages each; where there are none the kernel's is of small pages. */
static void get_huge_areas(void)
{
	offset = 2 * PMD_SIZE - AREA_SIZE;
	kernels = vmalloc_huge(2 * PMD_SIZE, GFP_KERNEL);
	ours = vmap_arena_alloc(arena, 2 * PMD_SIZE, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);
	kernels = kernels ? kernels + offset : NULL;
	ours = ours ? ours + offset : NULL;
}

static void get_small_areas(void)
{
	void *first;

	/* Ours is not to begin where its span does. */
	first = vmap_arena_alloc(arena, PAGE_SIZE, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);
	kernels = vmalloc(AREA_SIZE);
	ours = vmap_arena_alloc(arena, AREA_SIZE, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);
	vmap_free(first);
}

static int __init get_areas(void)
{
	arena = vmap_arena_create("helpers", VMAP_ARENA_NOCACHE | (huge ? VMAP_ARENA_HUGE : 0));
	if (IS_ERR(arena))
		return PTR_ERR(arena);
	if (huge)
		get_huge_areas();
	else
		get_small_areas();
	if (!kernels || !ours)
		return -ENOMEM;
	memset(kernels, 0x5a, AREA_SIZE);
	memset(ours, 0x5a, AREA_SIZE);
	user = vm_mmap(NULL, 0, 2 * AREA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       0);
	return IS_ERR_VALUE(user) ? (int)user : 0;
}

static int __init helpers_init(void)
{
	int err = get_areas() ?: misc_register(&device);
	unsigned int i;

	if (err) {
		vspace_put();
		return err;
	}
	for (i = 0; i < ARRAY_SIZE(helpers); i++)
		try_helper(&helpers[i]);
	if (huge)
		try_again();
	misc_deregister(&device);
	show_areas();
	copy_from_beyond();
	vm_munmap(user, 2 * AREA_SIZE);
	return 0;
}
module_init(helpers_init);

static void __exit helpers_exit(void)
{
	vspace_put();
}
module_exit(helpers_exit);

MODULE_DESCRIPTION("What the kernel's helpers do on an arena's addresses");
MODULE_LICENSE("GPL");
