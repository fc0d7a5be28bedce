# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: the kernel's own stress test of vmalloc, from lib/; all of it is vmalloc's memory
# source: lib/test_vmalloc.c
# modules: test_vmalloc
# own-needs: __vmalloc_node_noprof

# The module runs its tests while it loads, and then refuses to.
load() {
	:
}

take_out() {
	:
}

# A test that may fail in the kernel need not fail in an arena.  Newer modules say that it may (xfailed); of the older
# it is one, which asks for alignments up to half of all addresses: number 64.  A kernel that runs it on its own areas
# warns of each with a trace, so it is left out there.
work() {
	tests=0xffff loops=20
	[ ! -e /own.test_vmalloc.ko ] || tests=0xffbf
	# shellcheck disable=SC2154 # guest/drivers.sh sets it
	[ "$mode" != faults ] || loops=4
	dmesg -c >/dev/null
	# shellcheck disable=SC2154 # guest/drivers.sh sets it
	! insmod "/$side.test_vmalloc.ko" nr_threads=2 test_loop_count="$loops" nr_pages=8 run_test_mask="$tests" \
		2>/dev/null || {
		echo "it stayed"
		return 1
	}
	dmesg | sed -nE 's/.*Summary: ([a-z_0-9]*) passed: ([0-9]*) failed: ([0-9]*) (xfailed: ([0-9]*) )?.*/\1 \2 \3 \5/p' |
		awk 'NF == 3 && $1 == "align_shift_alloc_test" { $4 = $3; $3 = 0 }
			{ print $1, $2 + $4, "done", $3, "failed" }' >"$OUT/tests"
	! grep -v ' 1 done 0 failed' "$OUT/tests" && [ "$(wc -l <"$OUT/tests")" -ge 20 ]
}
