# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# check-lib.sh - what the files in scripts/checks/ share.  Sourced before each of them.
#
# check.sh sources a check as `. FILE KERNEL`, and then says `finish`, with these in its environment:
#   CHECK_DIR  an empty directory of its own
#   KTAP       the file that ok, not_ok and skip add their results to
#   QUICK      1 if time is short, else 0
# Its exit status counts as well; see check.sh.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/guest/lib.sh
. "$ROOT/scripts/guest/lib.sh"
# shellcheck source=scripts/kunit-lib.sh
. "$ROOT/scripts/kunit-lib.sh"

# How many seconds anything may take before it is said to hang.  On a host that does much else a guest
# takes five times as long as on an idle one.
PATIENCE=3600

boots=0

# in_guest SCRIPT [VM-OPTION]... [-- ARGUMENT...] - run a script of scripts/guest/ in the kernel in
# use, with our modules; its results become ours, and a guest that dies is one that failed.
# GUEST_OUT is where the files are that it handed back.
in_guest() {
	local status=0 module modules=()

	for module in "$MODULES"/{vmap_arena,test_vmalloc,vmap_stress,vmap_example}.ko; do
		[[ ! -e $module ]] || modules+=(--module "$module")
	done
	boots=$((boots + 1))
	GUEST_OUT=$CHECK_DIR/guest-$boots
	mkdir "$GUEST_OUT"
	"$ROOT/scripts/vm.sh" --kernel "$KERNEL" --script "$ROOT/scripts/guest/$1" \
		"${modules[@]}" --out "$GUEST_OUT" --timeout "$PATIENCE" "${@:2}" || status=$?
	[[ ! -e $GUEST_OUT/ktap ]] || cat "$GUEST_OUT/ktap" >>"$KTAP"
	if ((status >= 124)); then
		not_ok "the guest survives $1" "vm.sh ended with $status"
	elif ! grep -q '^1\.\.' "$GUEST_OUT/ktap" 2>/dev/null; then
		not_ok "$1 runs to its end" "it ended with $status"
	fi
}

# skip_all WHY - end a check of which nothing can run.
skip_all() {
	say "$*"
	exit 77
}

# find_kernel NAME - make it the one in use; where one of another kind than the machine's cannot be had,
# what was to run in it is skipped.
find_kernel() {
	[[ $1 != *-rt && $1 != *-arm64* && ! $(kernel_suite "$1") ]] || KERNEL_MISSING=77
	kernel_use "$1"
	kernel_toolchain
}

# use_kernel NAME - make it the one in use, with our modules built for it.
use_kernel() {
	find_kernel "$1"
	build_modules >"$CHECK_DIR/build.log" 2>&1 || {
		cat "$CHECK_DIR/build.log"
		die "cannot build for $1"
	}
}
