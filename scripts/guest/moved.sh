# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# moved.sh - a module written for vmalloc() does with vmap_vmalloc.h what it did without: vmap_moved.ko
# makes each call and says what came of it.

insmod vmap_arena.ko || not_ok "vmap_arena.ko loads"
expect "vmap_moved.ko loads" insmod vmap_moved.ko
dmesg | tee /out/log >/tmp/log
sed -n "s/.*the driver's own: call //p" /tmp/log >/tmp/calls
while IFS= read -r said; do
	expect "${said%: *}: right" [ "${said##*: }" = right ]
done </tmp/calls
expect "calls were tried, and the module's pr_fmt holds" [ "$(wc -l </tmp/calls)" -gt 10 ]
verify_all
unload vmap_moved vmap_arena
