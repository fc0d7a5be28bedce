# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# raw.sh - the tests of vmap_raw.ko, which runs them when it is loaded.

expect "vmap_arena.ko loads" insmod vmap_arena.ko
expect "vmap_raw.ko loads" insmod vmap_raw.ko
dmesg | sed -n 's/.*vmap_raw: //p' >/tmp/said
while read -r line; do
	case $line in
	"ok "*) ok "${line#ok }" ;;
	"not ok "*) not_ok "${line#not ok }" ;;
	esac
done </tmp/said
expect "all of the tests ran" [ "$(grep -c 'ok ' /tmp/said)" -ge 21 ]
expect "arenas verify afterwards" verify_all
unload vmap_raw vmap_arena
