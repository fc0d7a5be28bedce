# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# native-lib.sh - gets the sources of the kernel's own structures, builds user/bench_free_tree.c with them in it,
# and counts what a pair takes.  Sourced by bench-native.sh, lab-lib.sh and a check, after lib.sh.

# shellcheck source=scripts/kernels.sh
. "$ROOT/scripts/kernels.sh"

PEER_SOURCES=$BUILD/user/peers
PEER_FILES=(lib/maple_tree.c drivers/gpu/drm/drm_mm.c include/drm/drm_mm.h
	include/linux/{maple_tree,xarray,interval_tree_generic}.h)
BENCH=$BUILD/user/gcc/bench_free_tree

# A first level of 32 KiB is what nearly every CPU has or exceeds; 8 MiB of the last level may be one
# core's share.
CACHES=('--D1=32768,8,64' '--I1=32768,8,64' '--LL=8388608,16,64')

# peer_sources SERIES - unpacks what is needed of linux-source-SERIES, once a version; never into the tree.
peer_sources() (
	local version unpacked=$PEER_SOURCES/$1 archive

	version=$(source_version "$1") || return
	[[ ! -e $unpacked/version || $(<"$unpacked/version") != "$version" ]] || return 0
	rm -rf "$unpacked" "$unpacked.new"
	mkdir -p "$unpacked.new"
	source_archive "$1" "$PEER_SOURCES/package-$1" || return
	tar -C "$unpacked.new" --strip-components=1 -I 'xz -T0' -xf "$archive" --wildcards "${PEER_FILES[@]/#/*/}" || return
	rm -rf "$PEER_SOURCES/package-$1"
	echo "$version" >"$unpacked.new/version"
	mv "$unpacked.new" "$unpacked"
)

# find_peers SERIES... - unpacks what is needed of these kernels; sets peers to those that can be had.  Checks that
# run side by side wait here for each other.
find_peers() {
	local series

	mkdir -p "$PEER_SOURCES"
	peers=()
	{
		flock 6
		for series in "$@"; do
			if peer_sources "$series" >"$PEER_SOURCES/log-$series" 2>&1 6>&-; then
				peers+=("$series")
			else
				say "SKIP: linux-source-$series cannot be had, so no maple tree and drm_mm of $series: see $PEER_SOURCES/log-$series"
			fi
		done
	} 6>"$PEER_SOURCES/lock"
}

# build_bench SERIES... - with the structures of these kernels.
build_bench() {
	need_packages make gcc libc6-dev binutils linux-source-6.12 xz-utils
	find_peers "$@"
	make_user -s PEERS="${peers[*]}" PEER_SOURCES="$PEER_SOURCES" native \
		>"$PEER_SOURCES/log-build" 2>&1 || die "cannot build the benchmark: see $PEER_SOURCES/log-build"
}

# counted OPERATIONS FILE BENCH-OPTION... - instructions, first-level and last-level data misses of a whole run.
counted() {
	valgrind --tool=cachegrind --cache-sim=yes "${CACHES[@]}" --cachegrind-out-file="$2" "$BENCH" \
		--alone --rounds 1 --operations "$1" "${@:3}" >"$2.log" 2>&1 || return
	awk '/^summary:/ { print $2, $6 + $9, $7 + $10 }' "$2"
}

# count_pair DIR INDEX LIVE [--one-size] - the same of one pair: the difference between two runs that differ only in
# how many pairs there are, less what the program itself takes, which a run without a structure tells.
# Of a round, a quarter more is run untimed.
count_pair() {
	local few=6400 many=64000 each short long pairs=$(((64000 - 6400) * 5 / 4)) own=()

	for each in none "$2"; do
		short=$(counted "$few" "$1/few-$each" --index "$each" --smallest "$3" --largest "$3" "${@:4}") &&
			long=$(counted "$many" "$1/many-$each" --index "$each" --smallest "$3" --largest "$3" "${@:4}") ||
			return
		own+=("$(awk -v pairs="$pairs" '{ for (i = 1; i <= 3; i++) printf "%.2f ", ($(i + 3) - $i) / pairs }' \
			<<<"$short $long")")
	done
	awk '{ printf "%.0f %.1f %.1f\n", $4 - $1, above($5 - $2), above($6 - $3) }
		function above(misses) { return misses < 0 ? 0 : misses }' <<<"${own[*]}"
}
