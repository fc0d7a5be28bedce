// SPDX-License-Identifier: GPL-2.0
/*
 * moved.c - a module written for vmalloc(), compiled with vmap_vmalloc.h
 *
 * It makes each call of the vmalloc and kvmalloc families that the kernel has, and has what gets in
 * the way of macros: members called vmap and vfree, and a pr_fmt of its own.  On loading, each call
 * is tried; a line in the kernel log says what came of it, for scripts/guest/moved.sh.
 *
 * From the interface of vmap_arena it takes only what tells whose memory it was given.
 */
#define pr_fmt(fmt) "the driver's own: " fmt

#include <linux/delay.h>
#include <linux/devcoredump.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kernel_read_file.h>
#include <linux/kstrtox.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "../compat.h"
#include "../vmap_alloc.h"

#define SIZE	(5 * PAGE_SIZE + 100)
#define COUNT	4

static struct page *pages[COUNT];

/* What drivers call their members. */
struct ops {
	void *(*vmap)(void *object);
	void (*vfree)(void *object);
	size_t vmalloc;
};

static void *vmap_object(void *object)
{
	return object;
}

static const struct ops ops = { .vmap = vmap_object, .vmalloc = SIZE };

/* Is @addr an area of @size bytes, of zeroes if @zeroed, that can be written? */
static bool good(void *addr, size_t size, bool zeroed)
{
	if (!addr || !vmap_owns(addr) || vmap_size(addr) != size || !is_vmalloc_addr(addr) ||
	    (zeroed && memchr_inv(addr, 0, size)))
		return false;
	memset(addr, 0x5a, size);
	return !memchr_inv(addr, 0x5a, size);
}

/* The same of an area that is freed now. */
static bool was_good(void *addr, size_t size, bool zeroed)
{
	bool is = good(addr, size, zeroed);

	vfree(addr);
	return is && !vmap_owns(addr);
}

static bool allocates(void)
{
	return was_good(vmalloc(SIZE), SIZE, false) && was_good(vzalloc(SIZE), SIZE, true) &&
	       was_good(vmalloc_node(SIZE, 0), SIZE, false) &&
	       was_good(vzalloc_node(SIZE, NUMA_NO_NODE), SIZE, true) &&
	       was_good(__vmalloc(SIZE, GFP_KERNEL | __GFP_ZERO), SIZE, true) &&
	       was_good(vmalloc_huge(SIZE, GFP_KERNEL), SIZE, false) &&
	       was_good(vmalloc_32_user(SIZE), SIZE, true) && !vmalloc(0);
}

static bool allocates_arrays(void)
{
	return was_good(vmalloc_array(7, 1000), 7000, false) &&
	       was_good(vcalloc(7, 1000), 7000, true) &&
	       was_good(__vmalloc_array(7, 1000, GFP_KERNEL), 7000, false) &&
	       was_good(__vcalloc(7, 1000, GFP_KERNEL), 7000, true) &&
	       !vmalloc_array(SIZE_MAX / 2, 3) && !__vcalloc(3, SIZE_MAX / 2, GFP_KERNEL);
}

static bool has_pages_below_4g(void)
{
	void *addr = vmalloc_32(SIZE);
	bool below = addr && !(vmalloc_to_pfn(addr + SIZE - 1) >> (32 - PAGE_SHIFT));

	return was_good(addr, SIZE, false) && below;
}

static bool frees_null(void)
{
	vfree(NULL);
	kvfree(NULL);
	vunmap(NULL);
	kvfree_sensitive(NULL, 8);
	return true;
}

/* kvmalloc() of little is kmalloc()'s; of more than that can give it is an area. */
static bool allocates_of_either_kind(void)
{
	size_t much = KMALLOC_MAX_SIZE + PAGE_SIZE;
	void *little = kvmalloc(100, GFP_KERNEL), *huge = kvzalloc(much, GFP_KERNEL);
	bool is = little && !vmap_owns(little) && good(huge, much, true);

	kvfree(little);
	kvfree(huge);
	return is && !vmap_owns(huge) && !kvmalloc_array(SIZE_MAX / 2, 3, GFP_KERNEL) &&
	       !kvcalloc(1UL << 40, 2, GFP_KERNEL | __GFP_NOWARN);
}

static bool frees_of_either_kind(void)
{
	void *kinds[] = { vmalloc(SIZE), kmalloc(100, GFP_KERNEL), vmap_alloc(SIZE) };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		kvfree(kinds[i]);
	kvfree_sensitive(vzalloc(SIZE), SIZE);
	kvfree_sensitive(kmalloc(100, GFP_KERNEL), 100);
	return !vmap_owns(kinds[0]) && !vmap_owns(kinds[2]);
}

/*
 * Calls by a pointer, whose type a kernel with CFI checks; the compiler may not know whom they
 * call.
 */
static bool is_called_by_pointer(void)
{
	void (*frees[])(const void *) = { vfree, kvfree, vunmap }, (*put)(const void *);
	void *(*get)(unsigned long size) = NOPROF(vzalloc);
	bool is = true;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(frees); i++) {
		void *addr;

		put = frees[i];
		OPTIMIZER_HIDE_VAR(get);
		OPTIMIZER_HIDE_VAR(put);
		addr = put == vunmap ? vmap(pages, COUNT, VM_MAP, PAGE_KERNEL) : get(SIZE);
		is = is && (put == vunmap ? vmap_owns(addr) : good(addr, SIZE, true));
		put(addr);
		is = is && !vmap_owns(addr);
	}
	return is;
}

#if VMALLOC_NEW_CALLS
static bool is_freed_by_scope(void)
{
	void *addr;

	{
		void *scoped __free(kvfree) = vmalloc(SIZE);

		addr = scoped;
		if (!good(addr, SIZE, false))
			return false;
	}
	return !vmap_owns(addr);
}
#endif

struct object {
	long filler;
	struct rcu_head rcu;
	char rest[SIZE];
};

static bool is_freed_by_rcu(void)
{
	struct object *one = vmalloc(sizeof(*one)), *two = vmalloc(sizeof(*two));
	struct object *small = kmalloc(sizeof(*small), GFP_KERNEL);
	bool is = good(one, sizeof(*one), false) && good(two, sizeof(*two), false) && small;

	if (!is)
		return false;
	kvfree_rcu(one, rcu);
	kvfree_rcu_mightsleep(two);
	kfree_rcu(small, rcu);
	rcu_barrier();
	return !vmap_owns(one) && !vmap_owns(two);
}

static bool resizes(void)
{
	char *addr = vmalloc(SIZE), *grown;

	if (!good(addr, SIZE, false))
		return false;
#if !VMALLOC_NEW_CALLS
	grown = kvrealloc(addr, SIZE, 3 * SIZE, GFP_KERNEL);
#else
	addr = vrealloc(addr, 2 * SIZE, GFP_KERNEL | __GFP_ZERO);
	if (!addr || memchr_inv(addr, 0x5a, SIZE) || memchr_inv(addr + SIZE, 0, SIZE))
		return false;
	grown = kvrealloc(addr, 3 * SIZE, GFP_KERNEL);
#endif
	return grown && !memchr_inv(grown, 0x5a, SIZE) && was_good(grown, 3 * SIZE, false);
}

static bool sees_pages(const char *addr)
{
	unsigned int i;

	for (i = 0; i < COUNT; i++)
		if (vmalloc_to_page(addr + i * PAGE_SIZE) != pages[i])
			return false;
	return vmap_owns(addr) && vmap_size(addr) == COUNT * PAGE_SIZE;
}

static bool maps(void)
{
	void *addr = vmap(pages, COUNT, VM_MAP, PAGE_KERNEL), *ram = vm_map_ram(pages, COUNT, -1);
	bool is = sees_pages(addr) && sees_pages(ram);

	vunmap(addr);
	vm_unmap_ram(ram, COUNT);
	vm_unmap_aliases();
	addr = vmap(pages, COUNT, VM_MAP, PAGE_KERNEL);
	is = is && sees_pages(addr) && !vmap(NULL, COUNT, VM_MAP, PAGE_KERNEL);
	/* Of a mapping vfree() frees the addresses, not the pages. */
	vfree(addr);
	return is && !vmap_owns(addr) && page_count(pages[0]) == 1;
}

/* Of a mapping with VM_MAP_PUT_PAGES vfree() frees the pages; one stays in use here. */
static bool maps_and_puts(void)
{
	struct page **array = kvmalloc_array(COUNT, sizeof(*array), GFP_KERNEL), *kept;
	unsigned int i;
	void *addr;
	bool is;

	if (!array)
		return false;
	for (i = 0; i < COUNT; i++)
		array[i] = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	kept = array[1];
	get_page(kept);
	addr = vmap(array, COUNT, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
	is = good(addr, COUNT * PAGE_SIZE, false) && vmalloc_to_page(addr + PAGE_SIZE) == kept;
	vfree(addr);
	is = is && !vmap_owns(addr) && page_count(kept) == 1;
	put_page(kept);
	return is;
}

/* Page frames that have no struct page are mapped; others are not. */
static bool maps_page_frames(void)
{
	unsigned long pfns[2] = { 1UL << (38 - PAGE_SHIFT), page_to_pfn(pages[0]) };
	void *addr = pfn_valid(pfns[0]) ? NULL : vmap_pfn(pfns, 1, PAGE_KERNEL);
	bool is = pfn_valid(pfns[0]) || (addr && vmap_owns(addr));

	vunmap(addr);
	return is && !vmap_owns(addr) && !vmap_pfn(pfns, 2, PAGE_KERNEL);
}

/* The area that mmap() of the device maps, and from which of its pages on. */
static void *area;
static int mapped;

static int map_area(struct file *file, struct vm_area_struct *vma)
{
	mapped = remap_vmalloc_range(vma, area, vma->vm_pgoff);
	return mapped;
}

static const struct file_operations device_ops = { .owner = THIS_MODULE, .mmap = map_area };

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR, .name = KBUILD_MODNAME, .fops = &device_ops,
};

/* Map @count pages of the area from page @first on to user space.  Return the address, or 0. */
static unsigned long map_to_user(unsigned long first, unsigned long count)
{
	struct file *file = filp_open("/dev/" KBUILD_MODNAME, O_RDWR, 0);
	unsigned long at;

	if (IS_ERR(file))
		return 0;
	mapped = 1;
	at = vm_mmap(file, 0, count * PAGE_SIZE, PROT_READ, MAP_SHARED, first * PAGE_SIZE);
	filp_close(file, NULL);
	return mapped || IS_ERR_VALUE(at) ? 0 : at;
}

/* Does user space see @byte from @at on? */
static bool user_sees(unsigned long at, u8 byte)
{
	u8 seen = ~byte;

	return !copy_from_user(&seen, (const void __user *)at, 1) && seen == byte;
}

/* User space keeps the second page of the area when the area is freed. */
static bool is_kept_by_user(void)
{
	unsigned long at = map_to_user(1, 1);
	void *next;
	bool is;

	if (!at || !user_sees(at, 0x5a))
		return false;
	vfree(area);
	next = vzalloc(SIZE);
	is = good(next, SIZE, true) && user_sees(at, 0x5a);
	vfree(next);
	vm_munmap(at, PAGE_SIZE);
	return is;
}

static bool is_mapped_to_user(void)
{
	unsigned long pages_of_area = DIV_ROUND_UP(SIZE, PAGE_SIZE), at;
	bool is;

	area = vmalloc(SIZE);
	is = !map_to_user(0, 1) && mapped == -EINVAL;
	vfree(area);
	area = vmalloc_user(SIZE);
	if (!is || !good(area, SIZE, true))
		return false;
	at = map_to_user(0, pages_of_area);
	is = at && user_sees(at, 0x5a) && user_sees(at + pages_of_area * PAGE_SIZE - 1, 0);
	if (at)
		vm_munmap(at, pages_of_area * PAGE_SIZE);
	return is && !map_to_user(1, pages_of_area) && !map_to_user(pages_of_area, 1) &&
	       is_kept_by_user();
}

/* Pages that vmap() mapped are mapped to user space if VM_USERMAP said so. */
static bool maps_to_user(void)
{
	unsigned long flags[] = { VM_MAP, VM_MAP | VM_USERMAP }, at;
	bool is = true;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		area = vmap(pages, COUNT, flags[i], PAGE_KERNEL);
		if (!good(area, COUNT * PAGE_SIZE, false))
			return false;
		at = map_to_user(0, COUNT);
		if (flags[i] & VM_USERMAP)
			is = is && at && user_sees(at, 0x5a);
		else
			is = is && !at && mapped == -EINVAL;
		if (at)
			vm_munmap(at, COUNT * PAGE_SIZE);
		vunmap(area);
	}
	return is;
}

#if IS_ENABLED(CONFIG_DEV_COREDUMP)
#define DUMP	"/sys/class/misc/" KBUILD_MODNAME "/devcoredump/data"

/* Does what is read from @file begin with @size bytes of 0x5a, and then end? */
static bool is_dump(struct file *file, char *text, size_t size)
{
	loff_t at = 0;
	ssize_t some;

	do {
		some = kernel_read(file, text, PAGE_SIZE, &at);
		if (some < 0 || memchr_inv(text, 0x5a, some))
			return false;
	} while (some);
	return at == size;
}

/* Read the dump, have the kernel free it, as a write does, and wait until it has. */
static bool reads_dump(size_t size)
{
	char *text = kmalloc(PAGE_SIZE, GFP_KERNEL);
	struct file *file = filp_open(DUMP, O_RDWR, 0);
	unsigned int turns = 200;
	loff_t at = 0;
	bool is = false;

	while (!IS_ERR(file) && turns--) {
		if (!is && text && is_dump(file, text, size))
			is = kernel_write(file, "", 1, &at) == 1;
		filp_close(file, NULL);
		msleep(50);
		file = filp_open(DUMP, O_RDWR, 0);
	}
	kfree(text);
	return is && IS_ERR(file);
}

/* An area of the kernel's own, of SIZE bytes at least: all of this module's file. */
static void *kernels_area(void)
{
	void *addr = NULL;

	kernel_read_file_from_path("/modules/" KBUILD_MODNAME ".ko", 0, &addr, INT_MAX, NULL,
				   READING_FIRMWARE);
	return addr;
}

/* A dump of a device is freed by the kernel, whosever memory it is in, and has its pages alone. */
static bool is_dumped(void)
{
	void *dumps[] = { vmalloc(SIZE), kernels_area() }, *next;
	unsigned int i;
	bool is = good(dumps[0], SIZE, false) && dumps[1] && !vmap_owns(dumps[1]);

	if (!is)
		return false;
	memset(dumps[1], 0x5a, SIZE);
	for (i = 0; i < ARRAY_SIZE(dumps); i++) {
		dev_coredumpv(device.this_device, dumps[i], SIZE, GFP_KERNEL);
		is = is && !vmap_owns(dumps[i]);
		next = vmalloc(SIZE);
		if (next)
			memset(next, 0xa5, SIZE);
		is = is && next && reads_dump(SIZE);
		vfree(next);
	}
	return is;
}
#endif

static bool calls_members(void)
{
	return ops.vmap(pages) == pages && !ops.vfree && ops.vmalloc == SIZE;
}

static const struct {
	const char *what;
	bool (*try)(void);
} tries[] = {
	{ "vmalloc and its like", allocates },
	{ "arrays", allocates_arrays },
	{ "vmalloc_32", has_pages_below_4g },
	{ "frees of NULL", frees_null },
	{ "kvmalloc", allocates_of_either_kind },
	{ "kvfree", frees_of_either_kind },
	{ "calls by pointer", is_called_by_pointer },
#if VMALLOC_NEW_CALLS
	{ "__free(kvfree)", is_freed_by_scope },
#endif
	{ "kvfree_rcu", is_freed_by_rcu },
	{ "vrealloc and kvrealloc", resizes },
	{ "vmap, vm_map_ram, vm_unmap_aliases", maps },
	{ "vmap with VM_MAP_PUT_PAGES", maps_and_puts },
	{ "vmap_pfn", maps_page_frames },
	{ "remap_vmalloc_range", is_mapped_to_user },
	{ "vmap with VM_USERMAP", maps_to_user },
#if IS_ENABLED(CONFIG_DEV_COREDUMP)
	{ "dev_coredumpv", is_dumped },
#endif
	{ "members of the same names", calls_members },
};

/* Free areas that another module left behind. */
static int set_free(const char *text, const struct kernel_param *kp)
{
	unsigned long addr;
	int err = kstrtoul(text, 0, &addr);

	if (!err)
		vfree((void *)addr);
	return err;
}

static const struct kernel_param_ops free_ops = { .set = set_free };
module_param_cb(free, &free_ops, NULL, 0200);
MODULE_PARM_DESC(free, "the address of an area to free");

static int __init moved_init(void)
{
	unsigned int i;
	int err = misc_register(&device);

	if (err)
		return err;
	for (i = 0; i < COUNT; i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		if (!pages[i])
			return -ENOMEM;
	}
	for (i = 0; i < ARRAY_SIZE(tries); i++)
		pr_info("call %s: %s\n", tries[i].what, tries[i].try() ? "right" : "WRONG");
	for (i = 0; i < COUNT; i++)
		__free_page(pages[i]);
	misc_deregister(&device);
	return 0;
}
module_init(moved_init);

static void __exit moved_exit(void)
{
}
module_exit(moved_exit);

MODULE_DESCRIPTION("A module written for vmalloc(), moved to vmap_arena by one include");
MODULE_LICENSE("GPL");
