# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# mutants.sh NAME,SUITE,PARAMETERS... - for each: load NAME.arena.ko with these parameters, run the
# KUnit suite (or SUITE.CASE; for "unload" one that uses everything, and look what is left of it), and
# say in the kernel log whether anything noticed.  A mutant that
# made the kernel complain, or that cannot be unloaded, has spoilt the guest: then it ends, and the
# host goes on with a new one.

# The kernel's own words, not ours about it.
complaint() {
	dmesg | grep -v '\] mutant ' | grep -E -m 1 "$COMPLAINTS"
}

# say NAME WORD... - the log takes a line as a whole, whatever else is printed.
say() {
	echo "mutant $*" >/dev/kmsg
}

# run SUITE - run it, but not for ever, nor long after the kernel complained; fails if it goes on.
run() (
	run_suites "$1" loops=300 &
	suite=$!
	halves=0
	while kill -0 "$suite" 2>/dev/null && [ "$halves" -lt 720 ]; do
		sleep 0.5
		halves=$((halves + 1))
		[ $((halves % 20)) != 0 ] || ! complaint >/dev/null || break
	done
	! kill -0 "$suite" 2>/dev/null
)

# not_passed RESULTS - prints the first case that did not; fails if all did, and there was one.
not_passed() {
	if ! grep -q '^ *ok' "$1" && ! grep -q '^ *not ok' "$1"; then
		echo "it has no results"
	elif ! grep -m 1 '^ *not ok' "$1"; then
		grep -m 1 '^ *ok .*# SKIP' "$1"
	fi
}

# noticed NAME SUITE PARAMETER... - prints how; fails if nothing did.
noticed() {
	noticed_name=$1
	noticed_suite=$2
	shift 2
	dmesg -c >/dev/null
	insmod "$noticed_name.arena.ko" "$@" 2>&1 || return 0
	if run "$noticed_suite"; then
		complaint || not_passed "$KUNIT/${noticed_suite%%.*}/results" && return
	else
		complaint || echo "the suite does not end"
		return
	fi
	case $noticed_suite in
	vmap_fault*) ! no_leaks ;;
	*) ! verify_all ;;
	esac
}

# left_behind NAME unload PARAMETER... - says what is left when the modules have come, worked and gone;
# fails if nothing is.
left_behind() {
	left_name=$1
	shift 2
	left_reserved=$(reservations)
	: >/tmp/code
	watch_percpu
	dmesg -c >/dev/null
	insmod "$left_name.arena.ko" "$@" 2>&1 || return 0
	run vmap_api || echo "the suite does not end"
	note_code vmap_arena vmap_kunit
	rmmod vmap_kunit 2>&1 && rmmod vmap_arena 2>&1 || return 0
	if ! no_traces "$left_reserved"; then
		echo "traces are left"
	elif ! no_pages; then
		echo "pages are left"
	elif ! no_leaks; then
		echo "objects are left that nothing leads to"
	else
		complaint
	fi
}

allow_faults
make_group
spoilt=
for told; do
	name=${told%%,*}
	told=${told#*,}
	say "$name" begins
	case $told in
	unload,*) look=left_behind ;;
	*) look=noticed ;;
	esac
	# shellcheck disable=SC2086 # the parameters are words
	how=$($look "$name" "${told%%,*}" ${told#*,}) || how=
	rmmod vmap_kunit
	rmmod vmap_arena
	[ "$how" ] || how=$(complaint)
	if [ "$how" ]; then
		[ "$look" = noticed ] || spoilt=yes # what is left would be the next one's
		say "$name" "caught: $(echo "$how" | tail -n 1)"
	else
		say "$name" missed
	fi
	if [ "$spoilt" ] || complaint >/dev/null || grep -q ^vmap_ /proc/modules; then
		break
	fi
done
