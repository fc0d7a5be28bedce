#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh - run the checks, and say how many tests passed, failed and were skipped.
#
# usage: scripts/check.sh [option]...
#
#   --quick      only what is needed in the inner loop, with shorter runs
#   --deep       also what runs in kernels built for it, which alone takes many minutes
#   --jobs N     run N checks side by side, 1 to 64 (the number of CPUs, but at most 4)
#   --only NAME  only this check (build-6.12), or all of a file's (build), deep or not; may be
#                repeated
#   --kernel K   only what can be run in any kernel, in this one (see scripts/run.sh); may be repeated
#   --within MIN skip what cannot begin within so many minutes, 0 to 1440 (70; with --deep or --only: 1440)
#   --list       print the names of the checks, and what each is about
#   --help       print this text
#
# A check is a file in scripts/checks/.  The comment at its top has an `about:` line, and it is run once for
# each word of its `kernels:` line (with --quick: its `quick:` line; with --deep: its `deep:` line, too): the
# name of a kernel, or a dash if it needs none.  One with a line `any: yes` can be run for any kernel.
# Its tests are the KTAP lines it reports; one that reports none is itself one test.  An exit status of 77 says
# that it was skipped, and its last line why; any other but 0 is a failure even if no test failed.
#
# Checks are started in the order of the file names, and what became of each is printed when it ends, after the
# seconds since the start.  So what takes longest has a low number, and a check may share only what it locks
# (scripts/lib.sh, kernels.sh).  At the end there is a line for each kernel.  Logs are kept in build/check/.
# Exit status: 0 if nothing failed, 1 if something did, 2 for a bad option.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/check-results.sh
. "$ROOT/scripts/check-results.sh"

quick=0 deep=0 within='' only=() kernel=() list=0 jobs=$(nproc)
((jobs <= 4)) || jobs=4
SUMMARY=$BUILD/check/summary
declare -A running=() # by process id: name, kernel and start of a check

# header FILE KEY - what the comment at its top says of the key.
header() {
	sed -n "/^$/q; s/^# $2: //p" "$1"
}

# instances FILE - the kernels it is run for, or a dash if it needs none.
instances() {
	local key=kernels

	if ((${#kernel[@]})); then
		[[ ! $(header "$1" any) ]] || printf '%s\n' "${kernel[@]%/}"
		return
	fi
	((!quick)) || key=quick
	header "$1" "$key" | tr ' ' '\n'
	((!deep && ${#only[@]} == 0)) || header "$1" deep | tr ' ' '\n'
}

# all_checks - a line for each: its name, the name of its file, its kernel or a dash, the file.
all_checks() {
	local file base each name

	for file in "$ROOT"/scripts/checks/*.sh; do
		base=$(basename "$file" .sh)
		base=${base#[0-9][0-9]-}
		for each in $(instances "$file"); do
			name=$base
			[[ $each == - ]] || name+=-${each##*/}
			echo "$name $base $each $file"
		done
	done
}

wanted() {
	local name

	((${#only[@]})) || return 0
	for name in "${only[@]}"; do
		[[ $name != "$1" && $name != "$2" ]] || return 0
	done
	return 1
}

# start NAME KERNEL FILE - in a process group of its own, so that all of it can be ended.
start() {
	local dir=$BUILD/check/$1

	rm -rf "$dir"
	mkdir -p "$dir"
	: >"$dir/ktap"
	say_now "run  $1"
	set -m
	# shellcheck disable=SC2016 # the shell of the check is to expand them
	CHECK_DIR=$dir KTAP=$dir/ktap bash -c '. "$1"; . "$2" "$3"; finish' "$1" \
		"$ROOT/scripts/check-lib.sh" "$3" "$2" >"$dir.log" 2>&1 </dev/null &
	set +m
	running[$!]="$1 $2 $SECONDS"
}

# reap - wait until one of those that run ends.
reap() {
	local pid status=0 name each started

	wait -n -p pid "${!running[@]}" || status=$?
	read -r name each started <<<"${running[$pid]}"
	unset "running[$pid]"
	judge "$name" "${each##*/}" "$status" $((SECONDS - started))
}

# end_all - what still runs when we are to end, guests and all.
end_all() {
	local pid

	for pid in "${!running[@]}"; do
		kill -TERM -- "-$pid" 2>/dev/null || true
	done
}

list_checks() {
	local name file

	while read -r name _ _ file; do
		printf '%-22s %s\n' "$name" "$(header "$file" about)"
	done < <(all_checks)
}

run_checks() {
	local name base each file

	mkdir -p "$BUILD/check"
	: >"$SUMMARY"
	while read -r name base each file; do
		wanted "$name" "$base" || continue
		((${#running[@]} < jobs)) || reap
		if ((SECONDS >= within * 60)); then
			pass_over "$name" "$each"
		else
			start "$name" "$each" "$file"
		fi
	done < <(all_checks)
	while ((${#running[@]})); do
		reap
	done
	[[ -s $SUMMARY ]] || die "--only: no check is called ${only[*]}: see --list"
}

parse_options "$@"
export QUICK=$quick DEEP=$deep
if [[ ! $within ]]; then
	within=70
	((!deep && ${#only[@]} == 0)) || within=1440
fi
if ((list)); then
	list_checks
	exit
fi
trap end_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
run_checks
awk -F '\t' -f "$ROOT/scripts/check.awk" "$SUMMARY"
