// SPDX-License-Identifier: GPL-2.0
/*
 * vmap_driver.c - a driver that was written for vmalloc(), and knows of nothing else
 *
 * Theory
 *
 * /dev/vmap_driver is a board on which the last writer's text stays: a read gives the text, a write
 * replaces it.  The text is in an area of exactly its size, so each write allocates one and frees
 * the one before.  Built as it is its memory is vmalloc's; with the line in Kbuild it is that of an
 * arena with the name of the module.
 *
 * Locking: board_lock covers text and its size.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#define TEXT_MAX	SZ_16M	/* of one write */

static DEFINE_MUTEX(board_lock);
static char *text;
static size_t text_size;

static ssize_t board_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	ssize_t read;

	mutex_lock(&board_lock);
	read = simple_read_from_buffer(to, count, pos, text, text_size);
	mutex_unlock(&board_lock);
	return read;
}

static ssize_t board_write(struct file *file, const char __user *from, size_t count, loff_t *pos)
{
	char *old, *fresh;

	if (!count)
		return 0;
	if (count > TEXT_MAX)
		return -EFBIG;
	fresh = vmalloc(count);
	if (!fresh)
		return -ENOMEM;
	if (copy_from_user(fresh, from, count)) {
		vfree(fresh);
		return -EFAULT;
	}
	mutex_lock(&board_lock);
	old = text;
	text = fresh;
	text_size = count;
	mutex_unlock(&board_lock);
	vfree(old);
	return count;
}

static const struct file_operations board_operations = {
	.owner = THIS_MODULE,
	.read = board_read,
	.write = board_write,
	.llseek = default_llseek,
};

static struct miscdevice board = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KBUILD_MODNAME,
	.fops = &board_operations,
};

static int __init vmap_driver_init(void)
{
	return misc_register(&board);
}
module_init(vmap_driver_init);

static void __exit vmap_driver_exit(void)
{
	misc_deregister(&board);
	vfree(text);
}
module_exit(vmap_driver_exit);

MODULE_DESCRIPTION("Example of a driver that was written for vmalloc()");
MODULE_LICENSE("GPL");
