#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# drivers.sh - drivers of the kernel's own tree, unchanged, on memory of an arena.
#
# usage: scripts/drivers.sh [option]... [NAME]...
#
#   --kernel K   6.12 or 7.2 (7.2)
#   --large      the work has 16 MB of files instead of 3, which takes several times as long
#   --hog        while memory is short: beside something that takes what there is, and gives it back
#   --faults     on a kernel that watches, which testkernel.sh builds: with allocations of vmap_arena that fail,
#                whatever --kernel says
#   --figures    instead of the work: how long users of the driver wait for its memory, in instructions of a guest
#                with one CPU: alone, and beside one who makes vmalloc, or the default arena, purge; of the
#                drivers that have such a measurement
#   --list       print the names of the drivers, and what each is about
#   --help       print this text
#
# Each driver, or only those named, is built out of the tree from the sources of the kernel that it runs in, with
# the one line that Documentation/drivers.rst gives a driver's author.  In one guest the kernel's own module and
# then ours do the same work, of which the same must come out, to the byte; nothing may be left when ours goes, and
# no invariant be broken meanwhile.  Results are KTAP lines, which are kept in build/drivers/KERNEL/NAME/, with logs.
# Exit status: 0; 1 if something failed; 2 for a bad option; 77 if the sources cannot be had.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/drivers-lib.sh
. "$ROOT/scripts/drivers-lib.sh"
# shellcheck source=scripts/drivers-root.sh
. "$ROOT/scripts/drivers-root.sh"

kernel=7.2 large=0 hog=0 faults=0 figures=0 list=0 words=()

# make_material TAR - files of all kinds to work on: sources, objects, and what cannot be compressed.  In large work
# the objects are as they were built: most of them is for debuggers.
make_material() {
	local dir=${1%.tar} packed=1M

	rm -rf "$dir"
	mkdir -p "$dir"/{text,binary,packed}
	cp -r -t "$dir/text" "$SOURCE/fs/erofs" "$SOURCE/fs/squashfs"
	cp "$MODULES/vmap_arena.ko" "$MODULES/test_vmalloc.ko" "$dir/binary/"
	if ((large)); then packed=4M; else strip --strip-debug "$dir"/binary/*.ko; fi
	head -c "$packed" "$KERNEL_IMAGE" >"$dir/packed/image"
	tar -C "$dir" --sort=name --mtime=@0 -cf "$1" .
}

# make_modules NAME DIR - of both sides, in DIR.
make_modules() {
	local module

	build_side "$1" ours && side_modules "$1" ours "$2" || return
	has_own "$1" || return 0
	for module in $(driver_header "$1" modules); do
		[[ ! $(stock_module "$module") ]] || continue
		build_side "$1" own || return
		break
	done
	side_modules "$1" own "$2"
}

# run_driver NAME
run_driver() {
	local dir=$WORK/$KERNEL_NAME/$1 modules depends options file args=() status=0

	say "$1"
	rm -rf "$dir"/{files,out}
	mkdir -p "$dir/files" "$dir/out"
	make_modules "$1" "$dir/files" || return
	make_root "$1" "$dir/files/root.tar"
	driver_files "$1" "$dir/files" || return
	say "$1: exports whose version changed: $(changed_exports "$1")"
	read -ra modules <<<"$(driver_header "$1" modules)"
	read -ra options <<<"$(driver_header "$1" options)"
	mapfile -t depends < <(dependencies "$1")
	for file in "$dir"/files/* "$WORK/$KERNEL_NAME/material.tar" "$DRIVERS/$1.sh"; do
		args+=(--file "$file")
	done
	"$ROOT/scripts/vm.sh" --kernel "$kernel" --script "$ROOT/scripts/guest/drivers.sh" \
		--module "$MODULES/vmap_arena.ko" "${depends[@]/#/--kernel-module=}" "${args[@]}" "${measure[@]}" --out "$dir/out" \
		--mem "$mem" --timeout 3600 "${options[@]}" -- "$1" "$mode" "${modules[@]}" >"$dir/log" 2>&1 || status=$?
	cat "$dir/out/ktap" 2>/dev/null || true
	[[ $mode != figures || ! -s $dir/out/figures ]] || table "$dir/out/figures"
	((status < 124)) || tail -n 30 "$dir/log" >&2
	return "$status"
}

# table - the figures of a driver, ours beside its own.
table() {
	awk '{ key = $1 " " $4 " " $3; if (!(key in own)) order[++n] = key; own[key] = own[key] }
		$2 == "own" { own[key] = $6 " " $8 " " $9 " " $10 }
		$2 == "ours" { ours[key] = $6 " " $8 " " $9 " " $10 }
		END {
			printf "%-10s %-11s %-8s %39s   %39s\n", "driver", "call", "beside", "own: p50, p99, p99.9, worst", "ours"
			for (i = 1; i <= n; i++) {
				split(order[i], k, " "); split(own[order[i]], a, " "); split(ours[order[i]], b, " ")
				printf "%-10s %-11s %-8s %9d %9d %9d %9d   %9d %9d %9d %9d\n", k[1], k[2], k[3], a[1],
					a[2], a[3], a[4], b[1], b[2], b[3], b[4]
			}
		}' "$1"
}

parse_options "$@"
mapfile -t names < <(driver_names)
if ((list)); then
	for name in "${names[@]}"; do
		printf '%-14s %s\n' "$name" "$(driver_header "$name" about)"
	done
	exit
fi
((!figures)) || mapfile -t names < <(cd "$DRIVERS" && grep -l '^measured()' ./*.sh | xargs basename -as .sh)
((${#words[@]})) || words=("${names[@]}")
for name in "${words[@]}"; do
	need_one_of '' "$name" "${names[@]}"
done
need_one_of --kernel "$kernel" 6.12 7.2
((!faults)) || kernel=drivers
((!faults)) || "$ROOT/scripts/testkernel.sh" drivers || exit
kernel_use "$kernel"
build_modules >"$BUILD/drivers.log" 2>&1 || die "cannot build for $kernel: see $BUILD/drivers.log"
ln -sfn "$ROOT/vmap-arena.mk" "$MODULES/vmap-arena.mk"
mkdir -p "$WORK/$KERNEL_NAME"
driver_sources "${kernel/drivers/6.12}" || {
	say "linux-source-$kernel cannot be had"
	exit 77
}
mode=plain mem=1024 measure=()
((!hog)) || mode=hog
((!faults)) || mode=faults mem=2048
if ((figures)); then
	mode=figures large=1
	gcc -static -O2 -Wall -Werror -o "$WORK/latency" "$ROOT/scripts/guest/latency.c"
	measure=(--file "$WORK/latency" --module "$MODULES/test_vmalloc.ko" --icount)
fi
make_material "$WORK/$KERNEL_NAME/material.tar"
failed=()
for name in "${words[@]}"; do
	run_driver "$name" || failed+=("$name")
done
((${#failed[@]} == 0)) || {
	say "failed: ${failed[*]}"
	exit 1
}
