# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: a module written for vmalloc() is moved by vmap_vmalloc.h, also to an arena of its own; by gcc and by clang
# kernels: 6.1 6.12 7.2
# deep: 6.12-arm64 6.1-arm64 7.2-arm64 cfi
# any: yes

[[ $1 != cfi ]] || "$ROOT/scripts/testkernel.sh" cfi
use_kernel "$1"
in_guest moved.sh --module "$MODULES/vmap_moved.ko" --module "$MODULES/vmap_owner.ko" \
	--module "$MODULES/vmap_unowned.ko"

# left - the calls that the module still makes by the kernel's names, of those that the header renames.
left() {
	nm -u "$MODULES/vmap_moved.ko" | awk '{ print $2 }' |
		grep -xFf <(sed -n 's/^#pragma redefine_extname \([^ ]*\) .*/\1/p' "$ROOT/vmap_vmalloc.h")
}

expect_fail "no call is left that goes to the kernel" left

# versions NAME FLAG... - the symbols, with their versions, of a module compiled with these flags.
versions() {
	local toolchain dir=$CHECK_DIR/$1

	mkdir "$dir"
	cat >"$dir/exports.c" <<-'EOF'
		#include <linux/module.h>
		#include <linux/mm.h>
		#include <linux/slab.h>
		#include <linux/vmalloc.h>
		struct buffer { struct vm_struct *area; struct rcu_head rcu; void *(*vmap)(void *); };
		void *buffer_get(struct buffer *buffer, struct vm_area_struct *vma, gfp_t gfp);
		void *buffer_get(struct buffer *buffer, struct vm_area_struct *vma, gfp_t gfp)
		{
			kvfree(kvmalloc(100, gfp));
			return vmalloc(vma_pages(vma));
		}
		EXPORT_SYMBOL_GPL(buffer_get);
		typeof(vfree) *buffer_put = vfree;
		EXPORT_SYMBOL_GPL(buffer_put);
		MODULE_LICENSE("GPL");
	EOF
	printf 'obj-m := exports.o\nccflags-y := %s\n' "${*:2}" >"$dir/Kbuild"
	kernel_toolchain
	make -C "$KERNEL_HEADERS" M="$dir" "${toolchain[@]}" KBUILD_MODPOST_WARN=1 modules >"$dir.log" 2>&1 || return
	awk '{ print $2, $1 }' "$dir/Module.symvers" | sort
}

# same_versions - compare them; those that changed are printed.
same_versions() {
	versions plain >"$CHECK_DIR/plain.versions" &&
		versions moved "-include $ROOT/vmap_vmalloc.h -DVMAP_ARENA='\"versions\"'" >"$CHECK_DIR/moved.versions" &&
		[[ $(wc -l <"$CHECK_DIR/plain.versions") == 2 ]] &&
		diff "$CHECK_DIR/plain.versions" "$CHECK_DIR/moved.versions"
}

if grep -qx CONFIG_MODVERSIONS=y "$KERNEL_HEADERS/.config"; then
	expect "no version of a symbol that a module exports changes" same_versions
fi
