# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# loadfaults.sh MOST - load vmap_arena.ko with its 1st, 2nd, 3rd, ... allocation failing, until none is
# left to fail.  Each time it must load and verify, or not load and leave nothing behind.

# shellcheck source=scripts/guest/lib.sh
. /lib.sh
# shellcheck source=scripts/guest/kunit-lib.sh
. /kunit-lib.sh

# try NTH - sets status to what failnth said; fails if something is wrong.
try() {
	/failnth "$1" vmap_arena.ko span_size=2M
	status=$?
	case $status in
	0 | 2) verify_all && rmmod vmap_arena ;;
	1) ! grep -q '^vmap_arena' /proc/modules && ! grep -q vmap_arena /proc/vmallocinfo &&
		[ ! -d "$ARENAS" ] ;;
	*) false ;;
	esac
}

chmod +x /failnth
allow_faults
survived=0 refused=0 nth=1 status=1
while [ "$status" != 0 ] && [ "$nth" -lt "$1" ]; do
	if ! try "$nth"; then
		not_ok "with allocation $nth failing, it loads or leaves nothing" "failnth: $status" \
			"$(dmesg | tail -n 20)"
		break
	fi
	[ "$status" != 1 ] || refused=$((refused + 1))
	[ "$status" != 2 ] || survived=$((survived + 1))
	nth=$((nth + 1))
done
expect "no allocation is left to fail after $((nth - 1))" [ "$status" = 0 ]
expect "$refused loads were refused, $survived survived their fault" [ "$refused" -gt 10 ]
expect "kmemleak finds nothing" no_leaks
finish
