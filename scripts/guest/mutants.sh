# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# mutants.sh NAME,SUITE... - for each: load NAME.arena.ko and NAME.kunit.ko, run the suite, and say on
# the console whether anything noticed.  A mutant that made the kernel complain, or that cannot be
# unloaded, has spoilt the guest: then it ends, and the host goes on with a new one.

# shellcheck source=scripts/guest/lib.sh
. /lib.sh
# shellcheck source=scripts/guest/kunit-lib.sh
. /kunit-lib.sh

COMPLAINTS='BUG: |WARNING: |Oops|KASAN|UBSAN|INFO: task|sleeping function|possible recursive|suspicious RCU'
COMPLAINTS="$COMPLAINTS"'|Voluntary context|list_(add|del) corruption|Invalid wait context|stall|lockup'

complaint() {
	dmesg | grep -E -m 1 "$COMPLAINTS"
}

load() {
	case $2 in
	*:limit) insmod "$1.arena.ko" span_size=2M arena_limit=8M ;;
	*) insmod "$1.arena.ko" span_size=2M ;;
	esac
}

run() (
	KUNIT_MODULE=$1.kunit.ko
	run_suites "$2" loops=300 &
	suite=$!
	seconds=0
	while kill -0 "$suite" 2>/dev/null && [ "$seconds" -lt 120 ]; do
		sleep 1
		seconds=$((seconds + 1))
	done
)

# noticed NAME SUITE - prints how; fails if nothing did.
noticed() {
	results=$KUNIT/${2%:*}/results
	dmesg -c >/dev/null
	load "$@" || echo "it does not load"
	run "$1" "${2%:*}"
	complaint && return
	[ -s "$results" ] || echo "the suite does not end" | grep . && return
	grep -m 1 '^ *not ok' "$results" && return
	case $2 in
	vmap_fault) ! no_leaks ;;
	*) ! verify_all ;;
	esac
}

allow_faults
for pair; do
	name=${pair%,*}
	echo "mutant $name begins"
	if how=$(noticed "$name" "${pair#*,}"); then
		how="caught: $(echo "$how" | tail -n 1)"
	else
		how=missed
	fi
	rmmod vmap_kunit
	rmmod vmap_arena
	echo "mutant $name $how"
	if complaint || grep -q ^vmap_ /proc/modules; then
		break
	fi
done
