# SPDX-License-Identifier: GPL-2.0
#
# vmap-arena.mk - for the Kbuild of a module that uses vmap_arena:
#
#	include /usr/share/vmap-arena/vmap-arena.mk
#
# (or the path of this file in a source tree that was built).  Then vmap_alloc.h is found, and so are
# the exported symbols with their versions, as DKMS built them for the kernel that is built for.

vmap-arena-dir := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))

ifneq ($(wildcard $(vmap-arena-dir)/vmap_alloc.h),)
vmap-arena-include := $(vmap-arena-dir)
vmap-arena-symvers := $(vmap-arena-dir)/Module.symvers
else
vmap-arena-include := /usr/include/vmap-arena
vmap-arena-symvers := $(firstword \
	$(wildcard /var/lib/dkms/vmap-arena/kernel-$(KERNELRELEASE)-*/module/Module.symvers))
endif

# What is not there can be done without by make clean.
ifeq ($(wildcard $(vmap-arena-symvers))$(findstring Makefile.clean,$(firstword $(MAKEFILE_LIST))),)
$(error vmap_arena was not built for $(KERNELRELEASE): run `dkms autoinstall -k $(KERNELRELEASE)`, \
	or `make` in its source tree)
endif

ccflags-y += -I$(vmap-arena-include)
# Which module calls is told by the return address, so that no call may be a jump; gcc is told by vmap_vmalloc.h.
ccflags-$(CONFIG_CC_IS_CLANG) += -fno-optimize-sibling-calls
KBUILD_EXTRA_SYMBOLS += $(vmap-arena-symvers)
