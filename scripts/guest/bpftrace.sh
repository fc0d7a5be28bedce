# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# bpftrace.sh DIRECTORY - the programs in scripts/bpftrace/, each by the host's bpftrace while areas come
# and go.  DIRECTORY is the project's.  What each one printed is in /out/NAME.txt.
#
# bpftrace reads the kernel's symbols when it first prints one, so the holder's name is known only if
# nothing was printed before the holder was there.

# see_events - let the host's programs see the kernel's events, and what the kernel says of itself.
see_events() {
	enter_host && mount -t tracefs tracefs /machine/sys/kernel/tracing &&
		mount -t debugfs debugfs /machine/sys/kernel/debug
}

# start PROGRAM - and wait until it prints the time, which it does when it sees all events; sets
# program, printed, patience and watcher.
start() {
	program=$1.bt printed=/out/$1.txt patience=600
	chroot /machine bpftrace "$project/scripts/bpftrace/$program" >"$printed" 2>&1 &
	watcher=$!
	expect "$program starts" within 600 grep -Eq '^[0-9]+:[0-9]+:[0-9]+$' "$printed"
}

# says PATTERN WHAT - it prints that, sooner or later; or it did, if it has ended.
says() {
	expect "$program tells $2" within "$patience" grep -Eq "$1" "$printed"
}

# stop - end the program as Ctrl-C does; what it prints then is in $printed.end.
stop() {
	lines=$(wc -l <"$printed")
	kill -INT "$watcher"
	wait "$watcher"
	ended=$?
	expect "$program ends" [ "$ended" = 0 ]
	tail -n +"$((lines + 1))" "$printed" >"$printed.end"
	head -n 60 "$printed.end"
	printed=$printed.end patience=0
}

# stress WORDS - run the stress tests with these settings.
stress() {
	echo "$1" >"$STRESS/run"
	expect "areas come and go: $1" stress_wait true
}

project=$1
expect "the guest has the host's programs" see_events
expect "vmap_arena.ko loads" insmod vmap_arena.ko lazy_threshold=64K
expect "test_vmalloc.ko loads" insmod test_vmalloc.ko target=arena run_test_mask=1 test_loop_count=10
stress_wait true

start alloc-latency
stress "target=arena run_test_mask=3 test_loop_count=50"
says '^@calls\[.*, 1\]: [1-9]' "how many calls magazines served"
says '^@calls\[.*, [45]\]: [1-9]' "how many calls the tree served"
stop
says '^@ns\[default, 1\]:' "how long what magazines served took"
says '^@ns\[.*, [45]\]:' "how long what the tree served took"
says '^@slowest_ns\[default, [1-5]\]: [1-9]' "the slowest call"

start leak-candidates
expect "memory is held" insmod vmap_holder.ko areas=7 pages=3
says '^@areas\[[0-9]+, hold.*\]: 7$' "who holds seven areas"
stress "target=arena run_test_mask=1 test_loop_count=50"
stop
says '^@areas\[[0-9]+, hold.*\]: 7$' "that they are still held"
says '^@bytes\[[0-9]+, hold.*\]: 114688$' "that they have four pages each, the guard included"
unload vmap_holder

start leak-candidates
expect "memory is held once more" insmod vmap_holder.ko areas=5 pages=3
says '^@areas\[[0-9]+, hold.*\]: 5$' "who holds five areas"
unload vmap_holder
stop
says '^@areas\[[0-9]+, hold.*\]: 0$' "that who freed all holds none"
expect_fail "$program suspects nobody who freed all" grep -E '^@.*, hold.*: -?[1-9]' "$printed"

start purge-storms
stress "target=arena run_test_mask=8 test_loop_count=200"
says '^@begun\[default\]: [1-9]' "how many purges begin"
stop
says '^@ns\[default\]:' "how long purges take"
says '^@most_in_a_second: [1-9]' "how many there were in the worst second"
unload test_vmalloc vmap_arena
