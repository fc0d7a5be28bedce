# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# lab-lib.sh - what record.sh, replay.sh and rfc.sh share.  Sourced, after lib.sh.

# shellcheck source=scripts/native-lib.sh
. "$ROOT/scripts/native-lib.sh"

# The kernels whose own structures the program has: what is unpacked already, and what can be without a network.
LAB_PEERS=(6.12)
[[ ! -e $PEER_SOURCES/7.2/version ]] || LAB_PEERS+=(7.2)

# make_lab USER-FOLDER DIR [WORD]... - build the lab as a user program, in DIR, with these words for make, and with
# the structures of peers.
make_lab() {
	local tools=$BUILD/user/kernel/tools

	make_user "$tools/lib/rbtree.c" &&
		make -C "$1" BUILD="$2" TOOLS="$tools" PEERS="${peers[*]}" PEER_SOURCES="$PEER_SOURCES" \
			-j "$(nproc)" "${@:3}" lab
}

# build_lab - sets LAB to the program, and AREAS to the one that looks areas up.
build_lab() {
	need_packages make gcc libc6-dev zlib1g-dev linux-source-6.12 xz-utils
	# shellcheck disable=SC2034 # for the scripts that source this file
	LAB=$BUILD/lab/gcc/vmap_lab AREAS=$BUILD/lab/gcc/bench_areas
	mkdir -p "$BUILD/lab"
	{
		flock 9
		find_peers "${LAB_PEERS[@]}"
		make_lab "$ROOT/user" "$BUILD/lab" areas >"$BUILD/lab/build.log" 2>&1 ||
			die "cannot build the lab: see $BUILD/lab/build.log"
	} 9>"$BUILD/lab/lock"
}

# build_moves - sets MOVES to the program that replays with moves, beside drm_mm.
build_moves() {
	build_lab
	# shellcheck disable=SC2034 # for the scripts that source this file
	MOVES=$BUILD/lab/gcc/bench_compact
	{
		flock 9
		make_lab "$ROOT/user" "$BUILD/lab" compact >"$BUILD/lab/moves.log" 2>&1 ||
			die "cannot build bench_compact: see $BUILD/lab/moves.log"
	} 9>"$BUILD/lab/lock"
}

# lab_in_guest OUT [FILE]... - replay the loads on standard input, a line of parameters each, in the kernel in
# use, on one CPU whose clock counts instructions; OUT/1/, OUT/2/, ... get what the module has in debugfs.  The
# files are put into the guest's /.
# shellcheck disable=SC2154 # the caller's options
lab_in_guest() {
	local out=$1

	shift
	mkdir -p "$BUILD/lab" "$out"
	build_modules >"$BUILD/lab/modules.log" 2>&1 ||
		die "cannot build vmap_lab.ko: see $BUILD/lab/modules.log"
	cat >"$out/loads"
	say "replaying $(wc -l <"$out/loads") loads in Linux $KERNEL_RELEASE"
	"$ROOT/scripts/vm.sh" --kernel "$KERNEL" --icount --mem 2048 --timeout "$timeout" \
		--kernel-module drm --module "$MODULES/lab/vmap_lab.ko" \
		--file "$out/loads" "${@/#/--file=}" --script "$ROOT/scripts/guest/lab.sh" \
		--out "$out" --log "$out/console.log" >"$out/vm.log" 2>&1 || {
		grep -h 'vmap_lab: ' "$out/console.log" | tail -n 3 >&2
		die "the replay in the guest failed: see $out/vm.log"
	}
}
