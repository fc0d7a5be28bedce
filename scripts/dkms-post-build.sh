#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# dkms-post-build.sh - keep Module.symvers beside the modules that DKMS has built, for who builds against
# them (vmap-arena.mk).  DKMS does so itself since 3.1.
#
# usage: scripts/dkms-post-build.sh KERNEL ARCH, in the build directory

set -e
cp -f Module.symvers "../$1/$2/module/"
