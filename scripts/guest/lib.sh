# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# lib.sh - what test scripts share, in a guest (/lib.sh, busybox sh) and on the host (bash).
#
# Results are KTAP lines: on standard output for people, and in the file $KTAP, which no kernel
# message can cut in two, for scripts/check.sh.  In a guest that file is handed back with /out.

KTAP=${KTAP:-/out/ktap}
taps=0

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
	shift
	[ $# = 0 ] || printf '%s\n' "$@" | sed 's/^/# /' | tee -a "$KTAP"
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

# refused NAME WORD COMMAND... - ok if the command fails, and the kernel log then has the word.
refused() {
	refused_word=$2
	expect_name=$1
	shift 2
	dmesg -c >/dev/null
	if "$@" 2>/tmp/refused; then
		not_ok "$expect_name" "succeeded: $*"
	elif ! dmesg | grep -qF -- "$refused_word"; then
		not_ok "$expect_name" "the log does not say: $refused_word" "$(dmesg)"
	else
		ok "$expect_name"
	fi
}

# within SECONDS COMMAND... - succeeds when the command does, at the latest after so many seconds.
within() {
	halves=$(($1 * 2))
	shift
	until "$@"; do
		[ "$halves" -gt 0 ] || return
		halves=$((halves - 1))
		sleep 0.5
	done
}

# finish - print the plan, and end with the exit status that the results in $KTAP deserve.
finish() {
	echo "1..$taps" | tee -a "$KTAP"
	grep -q '^ok' "$KTAP" && ! grep -q '^not ok' "$KTAP"
	exit
}

# What a kernel says that found something wrong, and no healthy one does.
# shellcheck disable=SC2034 # for the scripts that source this file
COMPLAINTS='BUG: |BUG at |WARNING: |Oops|Kernel panic|general protection fault|invalid opcode|KASAN: |KCSAN: |UBSAN: '
COMPLAINTS="$COMPLAINTS"'|INFO: task .* blocked|rcu.*(stall|self-detected)|soft lockup|hard LOCKUP|Unable to handle kernel|Bad page'
COMPLAINTS="$COMPLAINTS"'|bad: scheduling|sleeping function called|DEADLOCK|inconsistent lock state|suspicious RCU|refcount_t:'
COMPLAINTS="$COMPLAINTS"'|possible (recursive|circular|irq) lock|list_(add|del) corruption|Objects remaining|page dumped because'
COMPLAINTS="$COMPLAINTS"'|Invalid wait context|Voluntary context switch|kmemleak: Cannot insert'

# The modules under test, as their debugfs files show them.  Used in a guest only.
ARENAS=/sys/kernel/debug/vmap_arena
STRESS=/sys/kernel/debug/test_vmalloc

# verify_all - run the invariants of every arena; prints each that is not ok, and how many were
# read in VERIFIED.  An arena that goes away meanwhile is no error, nor is one that lost a span where
# MAY_LOSE_SPANS says so.
verify_all() {
	verify_bad=0
	VERIFIED=0
	for verify_file in "$ARENAS"/*/verify; do
		verify_said=$(cat "$verify_file" 2>/dev/null) || continue
		VERIFIED=$((VERIFIED + 1))
		[ "$verify_said" = ok ] && continue
		[ "${verify_said% spans were lost:*}" != "$verify_said" ] && [ "$MAY_LOSE_SPANS" ] && continue
		echo "$verify_file: $verify_said"
		verify_bad=1
	done
	[ "$VERIFIED" -gt 0 ] && [ "$verify_bad" = 0 ]
}

# insmod FILE WORD... - as modprobe does, with the parameters that the kernel's command line has for vmap_arena; of
# two for one parameter the WORD given here counts.
insmod() {
	case $1 in
	*arena.ko)
		insmod_file=$1
		shift
		# shellcheck disable=SC2046 # these are words
		set -- "$insmod_file" $(tr ' ' '\n' </proc/cmdline | sed -n 's/^vmap_arena\.//p') "$@"
		;;
	esac
	command insmod "$@"
}

# unload MODULE... - each is a test.
unload() {
	for unload_name; do
		expect "$unload_name.ko unloads" rmmod "$unload_name"
	done
}

# reservations - how many parts of the vmalloc area are reserved as our spans are.  Who did it has no
# name any more when the module is gone.
reservations() {
	grep -cw vmap /proc/vmallocinfo
}

stress_state() {
	sed -n 's/^state: //p' "$STRESS/progress"
}

# stress_wait COMMAND... - wait for the end of a run, with the command called meanwhile, again and
# again; fails if it ever did, or if the run was not done.
stress_wait() {
	stress_bad=0
	while [ "$(stress_state)" = running ]; do
		"$@" || stress_bad=1
		sleep 0.5
	done
	[ "$stress_bad" = 0 ] && [ "$(stress_state)" = "done" ]
}

# save_results - leave for the host what a run has to say.
save_results() {
	cp "$STRESS/results" "$STRESS/results.json" /out/
	cp "$ARENAS/default/stats" /out/
	dmesg >/out/dmesg
}
