# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# check-results.sh - what became of a check: the lines about it, and its line in the summary.  Sourced by check.sh.
# shellcheck disable=SC2154 # within is an option of check.sh

# count REGEX FILE
count() {
	grep -cE "$1" "$2" || true
}

# say_now WORDS - a line of the output, after the seconds since the start.
say_now() {
	printf '%5d s  %s\n' "$SECONDS" "$1"
}

# show_failures NAME KTAP - the tests that failed and what they said.  If none did, or a guest died, the log's
# end: of a machine that is gone afterwards the output of check.sh may be all that is kept.
show_failures() {
	say_now "FAIL $1 (log: build/check/$1.log; repeat: scripts/check.sh --only $1)"
	awk '/^(not )?ok|^1\.\./ { bad = /^not/ } bad { print "             " $0 }' "$2"
	if ! grep -q '^not ok' "$2" || grep -q '^not ok .* the guest survives' "$2"; then
		tail -n 40 "$BUILD/check/$1.log" | sed 's/^/             /'
	fi
}

show_skips() {
	sed -nE 's/^ok [0-9]+ - (.*) # SKIP (.*)/             skipped: \1: \2/p' "$1"
}

# judge NAME KERNEL STATUS SECONDS - print what a check did, and add a line to the summary: name,
# kernel, tests passed, failed and skipped, and why nothing of it could run.
judge() {
	local ktap=$BUILD/check/$1/ktap ok bad skip reason=''

	bad=$(count '^not ok' "$ktap")
	skip=$(count '^ok .*# SKIP' "$ktap")
	ok=$(($(count '^ok' "$ktap") - skip))
	if (($3 == 77 && ok + bad + skip == 0)); then
		skip=1
		reason=$(tail -n 1 "$BUILD/check/$1.log")
	elif (($3 != 0 && bad == 0)); then
		bad=1
	elif ((ok + bad + skip == 0)); then
		ok=1
	fi
	if ((bad)); then
		show_failures "$1" "$ktap"
	elif ((ok)); then
		say_now "PASS $1 ($ok tests, $4 s)"
	else
		reason=${reason:-nothing of it could run}
		say_now "SKIP $1: $reason"
	fi
	show_skips "$ktap"
	printf '%s\t%s\t%d\t%d\t%d\t%s\n' "$1" "$2" "$ok" "$bad" "$skip" "$reason" >>"$SUMMARY"
}

# pass_over NAME KERNEL - a check for which there is no time left is skipped: where something ends the whole run after
# some time, the results of what did run would be lost with it.
pass_over() {
	mkdir -p "$BUILD/check/$1"
	: >"$BUILD/check/$1/ktap"
	echo "no time left, after $within minutes; alone: scripts/check.sh --only $1" >"$BUILD/check/$1.log"
	judge "$1" "${2##*/}" 77 0
}
