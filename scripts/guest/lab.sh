# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# lab.sh PARAMETER... - load the lab module with these parameters and hand back what it found.

insmod vmap_lab.ko "$@" || exit
cp /sys/kernel/debug/vmap_lab/* /out/
rmmod vmap_lab
