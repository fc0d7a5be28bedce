# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# lib.sh - what test scripts share, in a guest (/lib.sh, busybox sh) and on the host (bash).
#
# Results are KTAP lines: on standard output for people, and in the file $KTAP, which no kernel
# message can cut in two, for scripts/check.sh.  In a guest that file is handed back with /out.

KTAP=${KTAP:-/out/ktap}
taps=0
failures=0

tap() {
	taps=$((taps + 1))
	echo "$1 $taps - $2" | tee -a "$KTAP"
}

ok() {
	tap "ok" "$1"
}

# not_ok NAME [DETAIL]...
not_ok() {
	tap "not ok" "$1"
	failures=$((failures + 1))
	shift
	[ $# = 0 ] || printf '# %s\n' "$@" | tee -a "$KTAP"
}

skip() {
	tap "ok" "$1 # SKIP $2"
}

# expect NAME COMMAND... - ok if the command succeeds; its output is shown if it does not.
expect() {
	expect_name=$1
	shift
	if expect_said=$("$@" 2>&1); then
		ok "$expect_name"
	else
		not_ok "$expect_name" "failed: $*" "$expect_said"
	fi
}

# expect_fail NAME COMMAND... - ok if the command fails.
expect_fail() {
	expect_name=$1
	shift
	if expect_said=$("$@" 2>&1); then
		not_ok "$expect_name" "succeeded: $*" "$expect_said"
	else
		ok "$expect_name"
	fi
}

# finish - print the plan and end with the exit status that the results deserve.
finish() {
	echo "1..$taps"
	[ "$taps" -gt 0 ] && [ "$failures" = 0 ]
	exit
}
