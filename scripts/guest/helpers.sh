# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# helpers.sh [die] - what the kernel's helpers do on an arena's addresses is what the documentation
# says.  With the word the guest ends in the kernel's own complaint about a copy from beyond an area.

# area OF - the address that vmap_helpers.ko gave for one of its areas.
area() {
	sed -n "s/.*vmap_helpers: area of $1 at 0*\\([0-9a-f]*\\)\$/\\1/p" /tmp/log
}

# line ADDRESS - the line of /proc/vmallocinfo that begins there.
line() {
	grep -i "^0x0*$1-" /proc/vmallocinfo
}

# inside ADDRESS - the line of the area that it lies in.
inside() {
	awk -v at="0x$1" 'BEGIN { at = tolower(at) }
		{ split($1, end, "-"); if (tolower(end[1]) <= at && at < tolower(end[2])) print }' \
		/proc/vmallocinfo
}

if [ "${1-}" = die ]; then
	insmod vmap_arena.ko
	insmod vmap_helpers.ko die=1
	exit 1
fi

# try_helpers WHERE [PARAMETER] - each helper is a test; what the kernel says of them is left in /tmp/log.
try_helpers() {
	try_where=$1
	shift
	dmesg -c >/dev/null
	expect "vmap_helpers.ko loads$try_where" insmod vmap_helpers.ko "$@"
	dmesg | tee -a /out/log >/tmp/log
	sed -n 's/.*vmap_helpers: helper //p' /tmp/log >/tmp/helpers
	while IFS= read -r said; do
		name=${said%%: *}
		expect "$name: as documented$try_where" [ "${said#"$name": as documented}" != "$said" ]
	done </tmp/helpers
	expect "helpers were tried$try_where" [ "$(wc -l </tmp/helpers)" -gt 11 ]
}

echo 1 >/proc/sys/kernel/kptr_restrict
insmod vmap_arena.ko || not_ok "vmap_arena.ko loads"
try_helpers ", in 2 MiB pages" huge=1
unload vmap_helpers
try_helpers ""

expect "mem_dump_obj names an area of the kernel's by its start and its caller" \
	grep -iq "4-page vmalloc region starting at 0x0*$(area "the kernel") allocated at .*vmap_helpers" /tmp/log
sed -n '/vmap_helpers: area of an arena /,/vmap_helpers: end of areas/p' /tmp/log >/tmp/told
expect "mem_dump_obj knows that an area of an arena's is vmalloc memory" grep -q vmalloc /tmp/told
expect_fail "mem_dump_obj does not know its start" grep -iq "starting at 0x0*$(area "an arena")" /tmp/told
expect "vmallocinfo has a line for an area of the kernel's" line "$(area "the kernel")"
expect_fail "vmallocinfo has no line for an area of an arena's" line "$(area "an arena")"
inside "$(area "an arena")" >/tmp/inside
expect "vmallocinfo has it in its span's, which vmap_arena made" grep -q 'vmap_arena.* vmap' /tmp/inside
unload vmap_helpers vmap_arena
