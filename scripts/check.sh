#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh - run the checks, and say how many tests passed, failed and were skipped.
#
# usage: scripts/check.sh [option]...
#
#   --quick      only what is needed in the inner loop, with shorter runs
#   --deep       also what runs in test kernels built for it, for an hour or more in all
#   --only NAME  only this check (build-6.12), or all of a file's (build), deep or not; may be
#                repeated
#   --list       print the names of the checks, and what each is about
#   --help       print this text
#
# A check is a file in scripts/checks/.  The comment at its top has an `about:` line, and it is run
# once for each word of its `kernels:` line (with --quick: its `quick:` line; with --deep: its `deep:`
# line, too): the name of a kernel, or a dash if it needs none.  Its tests are the KTAP lines it
# reports; one that reports none is itself one test.
# An exit status of 77 says that it was skipped, and its last line why; any other but 0 is a
# failure even if no test failed.  The order is that of the file names.
#
# Logs are kept in build/check/.  Exit status: 0 if nothing failed, 1 if something did, 2 for a bad
# option.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

QUICK=0 DEEP=0 only=() list=0
passed=0 failed=0 skipped=0

parse() {
	while (($#)); do
		case $1 in
		--quick) QUICK=1 ;;
		--deep) DEEP=1 ;;
		--list) list=1 ;;
		--only)
			need_argument "$1" $#
			only+=("$2")
			shift
			;;
		--help)
			usage
			exit 0
			;;
		*) die "unknown option '$1': see --help" ;;
		esac
		shift
	done
}

# header FILE KEY - what the comment at its top says of the key.
header() {
	sed -n "/^$/q; s/^# $2: //p" "$1"
}

# instances FILE - the kernels it is run for, or a dash if it needs none.
instances() {
	local key=kernels

	((QUICK == 0)) || key=quick
	header "$1" "$key" | tr ' ' '\n'
	((DEEP == 0 && ${#only[@]} == 0)) || header "$1" deep | tr ' ' '\n'
}

# all_checks - a line for each: its name, the name of its file, its kernel or a dash, the file.
all_checks() {
	local file base kernel name

	for file in "$ROOT"/scripts/checks/*.sh; do
		base=$(basename "$file" .sh)
		base=${base#[0-9][0-9]-}
		for kernel in $(instances "$file"); do
			name=$base
			[[ $kernel == - ]] || name+=-$kernel
			echo "$name $base $kernel $file"
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

# count REGEX FILE
count() {
	grep -cE "$1" "$2" || true
}

# show_failures NAME KTAP - the tests that failed and what they said; if none did, the log's end.
show_failures() {
	echo "FAIL $1 (log: build/check/$1.log; repeat: scripts/check.sh --only $1)"
	if grep -q '^not ok' "$2"; then
		awk '/^(not )?ok|^1\.\./ { bad = /^not/ } bad { print "    " $0 }' "$2"
	else
		tail -n 15 "$BUILD/check/$1.log" | sed 's/^/    /'
	fi
}

show_skips() {
	sed -nE 's/^ok [0-9]+ - (.*) # SKIP (.*)/    skipped: \1: \2/p' "$1"
}

# judge NAME STATUS SECONDS - count and print what a check did.
judge() {
	local ktap=$BUILD/check/$1/ktap ok bad skip

	bad=$(count '^not ok' "$ktap")
	skip=$(count '^ok .*# SKIP' "$ktap")
	ok=$(($(count '^ok' "$ktap") - skip))
	if (($2 == 77 && ok + bad + skip == 0)); then
		skip=1
		echo "SKIP $1: $(tail -n 1 "$BUILD/check/$1.log")"
	elif (($2 != 0 && bad == 0)); then
		bad=1
	elif ((ok + bad + skip == 0)); then
		ok=1
	fi
	if ((bad)); then
		show_failures "$1" "$ktap"
	elif ((ok)); then
		echo "PASS $1 ($ok tests, $3 s)"
	elif [[ -s $ktap ]]; then
		echo "SKIP $1: nothing of it could run"
	fi
	show_skips "$ktap"
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
}

# run_check NAME KERNEL FILE
run_check() {
	local dir=$BUILD/check/$1 started=$SECONDS status=0

	rm -rf "$dir"
	mkdir -p "$dir"
	: >"$dir/ktap"
	CHECK_DIR=$dir KTAP=$dir/ktap bash "$3" "$2" >"$dir.log" 2>&1 </dev/null || status=$?
	judge "$1" "$status" $((SECONDS - started))
}

list_checks() {
	local name file

	while read -r name _ _ file; do
		printf '%-22s %s\n' "$name" "$(header "$file" about)"
	done < <(all_checks)
}

run_checks() {
	local name base kernel file

	while read -r name base kernel file; do
		! wanted "$name" "$base" || run_check "$name" "$kernel" "$file"
	done < <(all_checks)
	((passed + failed + skipped)) || die "--only: no check is called ${only[*]}: see --list"
}

parse "$@"
export QUICK
if ((list)); then
	list_checks
	exit
fi
run_checks
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
