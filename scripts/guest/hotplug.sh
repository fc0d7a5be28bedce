# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# hotplug.sh LOOPS - the KUnit stress while CPUs go off and on line.

plug() {
	while [ ! -e /tmp/over ]; do
		for cpu in /sys/devices/system/cpu/cpu[1-9]; do
			echo 0 >"$cpu/online"
			sleep 0.3
			echo 1 >"$cpu/online"
			sleep 0.1
			echo "$cpu" >>/tmp/cycles
		done
	done
}

expect "vmap_arena.ko loads" insmod vmap_arena.ko span_size=2M
: >/tmp/cycles
plug &
# Again if CPUs went and came less often than it takes to mean something.
while [ "$(wc -l </tmp/cycles)" -le 5 ]; do
	expect "vmap_kunit.ko loads" run_suites vmap_stress "loops=$1"
	expect_fail "the stress passes while CPUs come and go" \
		grep 'not ok' "$KUNIT"/vmap_stress/results
	expect "the stress ran" grep 'ok 1 a_crowd' "$KUNIT"/vmap_stress/results
	expect "arenas verify afterwards" verify_all
	unload vmap_kunit
done
touch /tmp/over
wait
unload vmap_arena
