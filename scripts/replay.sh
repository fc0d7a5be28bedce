#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# replay.sh - replay a trace, or a made-up load, on every index structure of the lab; print the
# table and draw the plots.
#
# usage: scripts/replay.sh [option]... TRACE
#        scripts/replay.sh [option]... --workload NAME
#
#   --index A,B,...  the structures, or all (the default)
#   --workload NAME  instead of a trace, one of le_fit, b_fit, ne_fit, long_busy_list, random,
#                    random_align, lifo, heavy
#   --n N            areas live at once in a workload, 1 to 1000000 (10000)
#   --ops N          allocations measured in a workload, 1 to 1000000 (20000)
#   --seed N         of a workload's random choices, 0 to 999999999999 (1)
#   --native         only as a user program: no guest, so no maple tree and no other structure of
#                    the kernel's own
#   --guest          only in the guest
#   --kernel K       the guest's kernel: 6.1, 6.12 (the default), ...
#   --out DIR        where tables and plots go (build/lab/NAME)
#   --timeout S      seconds until a guest that hangs is ended, 1 to 86400 (1200)
#   --help           print this text
#
# Two tables: native time in nanoseconds, and what the guest's clock counts, which is instructions.
# DIR gets native/ and guest/ with results.txt, results.json and the figures behind the plots, and
# the plots as SVG: footprint, fragmentation, latency, and a map of the addresses over time for each
# structure.  Exit status: 0; 2 for bad input.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/lab-lib.sh
. "$ROOT/scripts/lab-lib.sh"

index=all workload='' n=10000 ops=20000 seed=1 native=0 guest=0 kernel=6.12 out='' timeout=1200 words=()

KERNEL_ONLY='maple|maple_tree|iova|drm_mm|gen_pool'
USER_INDEXES='tree|busy_list|free_list|segregated|buddy|vmem|summary|recorded'

check_options() {
	local name names

	((!native || !guest)) || die "--native and --guest exclude each other"
	((${#words[@]} <= 1)) || die "one trace at a time: '${words[0]}' or '${words[1]}'?"
	[[ $trace || $workload ]] || die "a trace is missing: see --help"
	[[ ! $trace || ! $workload ]] || die "--workload: there is a trace already: '$trace'"
	[[ ! $trace || -r $trace ]] || die "cannot read '$trace'"
	[[ $out != *\'* ]] || die "--out: no quotation mark may be in it"
	[[ $index != all ]] || return 0
	IFS=, read -ra names <<<"$index"
	for name in "${names[@]}"; do
		[[ $name =~ ^($KERNEL_ONLY|$USER_INDEXES)$ ]] ||
			die "--index: '$name' is not one of ${USER_INDEXES//|/, }, ${KERNEL_ONLY//|/, }, all"
	done
}

# user_indexes - those asked for that exist in user space.
user_indexes() {
	if [[ $index == all ]]; then
		echo all
	else
		tr , '\n' <<<"$index" | grep -vxE "$KERNEL_ONLY" | paste -sd ,
	fi
}

run_native() {
	local mine load=(--workload "$workload" --n "$n" --ops "$ops" --seed "$seed")

	mine=$(user_indexes)
	[[ $mine ]] || return 0
	[[ ! $trace ]] || load=(--trace "$trace")
	mkdir -p "$out/native"
	"$LAB" --index "$mine" "${load[@]}" --out "$out/native" >"$out/native/results.txt" || exit
	"$LAB" --index "$mine" "${load[@]}" --json >"$out/native/results.json"
	printf '\nnative, in nanoseconds, on a machine that others use too:\n'
	cat "$out/native/results.txt"
}

run_guest() {
	local what="workload=$workload n=$n ops=$ops seed=$seed" file=()

	if [[ $trace ]]; then
		file=("$out/$label.trace")
		zcat -f "$trace" >"${file[0]}"
		what=trace=/$label.trace
	fi
	kernel_use "$kernel"
	lab_in_guest "$out/guest" "${file[@]}" <<<"index=$index $what"
	((!${#file[@]})) || rm -f "${file[0]}"
	mv "$out/guest/1"/* "$out/guest/"
	rm -rf "$out/guest/1" "$out/guest/loads"
	mv "$out/guest/results" "$out/guest/results.txt"
	printf '\nLinux %s, in instructions:\n' "$KERNEL_RELEASE"
	cat "$out/guest/results.txt"
}

# plot_all DIR UNIT - draw what is in DIR, of the structures that took anything of the load.
plot_all() {
	local name names=() timed=()

	for name in ${USER_INDEXES//|/ } ${KERNEL_ONLY//|/ }; do
		grep -qsE '^([0-9]+ ){5}[1-9]' "$1/$name.samples" || continue
		names+=("$name")
		[[ $name == recorded ]] || ! grep -q '^alloc ' "$1/$name.latency" || timed+=("$name")
	done
	gnuplot -e "dir='$1'; load='$label'; unit='$2'" \
		-e "names='${names[*]}'; timed='${timed[*]}'" "$ROOT/scripts/replay.gp" || die "gnuplot failed: see its message above"
}

parse_options "$@"
trace=${words[0]-}
check_options
need_packages gnuplot-nox
build_lab
label=$(basename "${trace:-$workload-$n}" .gz)
label=${label%.trace}
# It goes through gnuplot's command line and insmod's.
label=${label//[^[:alnum:]._-]/_}
[[ $out ]] || out=$BUILD/lab/$label
rm -rf "$out/native" "$out/guest"
mkdir -p "$out"
if [[ $trace ]]; then
	"$LAB" --index tree --trace "$trace" >/dev/null || exit
fi
if ((!guest)); then
	run_native
	[[ ! -d $out/native ]] || plot_all "$out/native" nanoseconds
fi
if ((!native)); then
	run_guest
	plot_all "$out/guest" instructions
fi
echo
say "plots and figures: $out"
