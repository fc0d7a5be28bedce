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
#                    random_align, lifo, heavy, top_down
#   --n N            areas live at once in a workload, 1 to 1000000 (10000)
#   --ops N          allocations measured in a workload, 1 to 1000000 (20000)
#   --seed N         of a workload's random choices, 0 to 999999999999 (1)
#   --native         only as a user program: no guest, and of the kernel's own structures only those
#                    with a series behind their name, such as maple-6.12
#   --guest          only in the guest
#   --threads N      native, with so many threads, 1 to 8: each does the operations of some of the trace's CPUs;
#                    what is live at the end must be what one thread leaves; no guest; the address space is
#                    measured at the end only
#   --moves          in a range arena whose extents can be moved, and in drm_mm, whose can be evicted; prints a
#                    table of what that wins and moves (user/bench_compact.c), and nothing else
#   --runs N         native runs, 1 to 1000 (1); all of them are kept in DIR/native/runs.json
#   --baseline FILE  print how the runs differ from the runs.json of an earlier replay of the same load, a line
#                    a test, (R) behind a regression and (I) behind an improvement: scripts/baseline.jq; with
#                    --native or --guest
#   --least P        per cent that a difference must exceed, with all of its interval, 0 to 1000 (5)
#   --kernel K       the guest's kernel: 6.1, 6.12 (the default), ...
#   --out DIR        where tables and plots go (build/lab/NAME)
#   --timeout S      seconds until a guest that hangs is ended, 1 to 86400 (1200)
#   --help           print this text
#
# Two tables: native time in nanoseconds, and what the guest's clock counts, which is instructions.
# DIR gets native/ and guest/ with results.txt, results.json and the figures behind the plots, and
# the plots as SVG: footprint, fragmentation, latency, and a map of the addresses over time for each
# structure.  Exit status: 0; 1 if there is a regression; 2 for bad input.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/lab-lib.sh
. "$ROOT/scripts/lab-lib.sh"

index=all workload='' n=10000 ops=20000 seed=1 native=0 guest=0 kernel=6.12 out='' timeout=1200 words=()
runs=1 threads='' moves=0 baseline='' least=5

# In the guest there are these, in the program what it lists: of the kernel's own structures some, with a series.
KERNEL_ONLY='maple|maple_rcu|maple_two|maple_tree|tree_rcu|summary_rcu|bump_rcu|iova|drm_mm|gen_pool'
OURS='tree|tree_summary|busy_list|free_list|segregated|buddy|vmem|summary|rbtrees|bump|bump_rb|recorded'
USER_ONLY='(maple|maple_rcu|maple_two|maple_tree|tree_rcu|summary_rcu|bump_rcu|drm_mm)-[67][.][0-9]+'

check_options() {
	local name names

	[[ ! $threads ]] || ((!guest)) || die "--threads: there are none in the guest"
	((!native || !guest)) || die "--native and --guest exclude each other"
	((${#words[@]} <= 1)) || die "one trace at a time: '${words[0]}' or '${words[1]}'?"
	[[ $trace || $workload ]] || die "a trace is missing: see --help"
	[[ ! $trace || ! $workload ]] || die "--workload: there is a trace already: '$trace'"
	[[ ! $trace || -r $trace ]] || die "cannot read '$trace'"
	[[ ! $baseline ]] || ((native || guest)) || die "--baseline: say --native or --guest"
	[[ ! $baseline || -r $baseline ]] || die "--baseline: cannot read '$baseline'"
	[[ ! $baseline ]] || jq -e '.[0].results' "$baseline" >/dev/null 2>&1 ||
		die "--baseline: '$baseline' is no runs.json of a replay"
	[[ $out != *\'* ]] || die "--out: no quotation mark may be in it"
	[[ $index != all ]] || return 0
	IFS=, read -ra names <<<"$index"
	for name in "${names[@]}"; do
		[[ $name =~ ^($KERNEL_ONLY|$OURS|$USER_ONLY)$ ]] ||
			die "--index: '$name' is not one of ${OURS//|/, }, ${KERNEL_ONLY//|/, }, all"
	done
}

# user_names - all that the program has.
user_names() {
	"$LAB" --list | awk 'NF == 0 { exit } { print $1 }'
}

# user_indexes - those asked for that exist in user space.
user_indexes() {
	if [[ $index == all ]]; then
		echo all
	else
		tr , '\n' <<<"$index" | grep -xFf <(user_names) | paste -sd ,
	fi
}

# guest_indexes - those asked for that exist in the guest.
guest_indexes() {
	tr , '\n' <<<"$index" | grep -xE "$KERNEL_ONLY|$OURS|all" | paste -sd ,
}

run_native() {
	local mine i load=(--workload "$workload" --n "$n" --ops "$ops" --seed "$seed")

	mine=$(user_indexes)
	[[ $mine ]] || return 0
	[[ ! $trace ]] || load=(--trace "$trace")
	[[ ! $threads ]] || load+=(--threads "$threads")
	mkdir -p "$out/native"
	"$LAB" --index "$mine" "${load[@]}" --out "$out/native" >"$out/native/results.txt" || exit
	for ((i = 1; i <= runs; i++)); do
		"$LAB" --index "$mine" "${load[@]}" --json >"$out/native/results.json"
		cat "$out/native/results.json"
	done | jq -s . >"$out/native/runs.json"
	printf '\nnative, in nanoseconds, on a machine that others use too:\n'
	cat "$out/native/results.txt"
}

run_guest() {
	local what="workload=$workload n=$n ops=$ops seed=$seed" file=() mine

	mine=$(guest_indexes)
	[[ $mine ]] || return 0
	if [[ $trace ]]; then
		file=("$out/$label.trace")
		zcat -f "$trace" >"${file[0]}"
		what=trace=/$label.trace
	fi
	kernel_use "$kernel"
	lab_in_guest "$out/guest" "${file[@]}" <<<"index=$mine $what"
	((!${#file[@]})) || rm -f "${file[0]}"
	mv "$out/guest/1"/* "$out/guest/"
	rm -rf "$out/guest/1" "$out/guest/loads"
	mv "$out/guest/results" "$out/guest/results.txt"
	printf '\nLinux %s, in instructions:\n' "$KERNEL_RELEASE"
	cat "$out/guest/results.txt"
	jq -s . "$out/guest/results.json" >"$out/guest/runs.json"
}

# compare WORLD UNIT - with the baseline; fails if anything is slower.
compare() {
	local differ="$out/$1/differences"

	jq -es '.[0][0] as $old | .[1][0] as $new | [$old.load, $old.operations] == [$new.load, $new.operations]' \
		"$baseline" "$out/$1/runs.json" >/dev/null ||
		die "--baseline: '$baseline' is of another load"
	jq -nr -L "$ROOT/scripts" -f "$ROOT/scripts/baseline.jq" --slurpfile old "$baseline" \
		--slurpfile new "$out/$1/runs.json" --argjson least "$least" --arg unit "$2" >"$differ"
	printf '\nagainst %s:\n' "$baseline"
	cat "$differ"
	! grep -q '(R)$' "$differ"
}

# plot_all DIR UNIT - draw what is in DIR, of the structures that took anything of the load.
plot_all() {
	local name names=() timed=()

	for name in ${OURS//|/ } ${KERNEL_ONLY//|/ } $(user_names | grep -xE "$USER_ONLY"); do
		grep -qsE '^([0-9]+ ){5}[1-9]' "$1/$name.samples" || continue
		names+=("$name")
		[[ $name == recorded ]] || ! grep -q '^alloc ' "$1/$name.latency" || timed+=("$name")
	done
	gnuplot -e "dir='$1'; load='$label'; unit='$2'" \
		-e "names='${names[*]}'; timed='${timed[*]}'" "$ROOT/scripts/replay.gp" || die "gnuplot failed: see its message above"
}

parse_options "$@"
[[ ! $threads ]] || native=1
trace=${words[0]-}
check_options
need_packages gnuplot-nox jq
build_lab
if ((moves)); then
	build_moves
	load=(--workload "$workload" --n "$n" --operations "$ops" --seed "$seed")
	[[ ! $trace ]] || load=(--trace "$trace")
	exec "$MOVES" "${load[@]}"
fi
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
	[[ ! -d $out/guest ]] || plot_all "$out/guest" instructions
fi
echo
say "plots and figures: $out"
[[ ! $baseline ]] || {
	if ((native)); then compare native ns; else compare guest instructions; fi
} || exit 1
