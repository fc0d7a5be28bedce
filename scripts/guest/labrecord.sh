# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# labrecord.sh DIRECTORY - record.sh on a running machine, which is this guest with the user programs
# of the host; at the same time, one within the other, trace-cmd and perf record as well.  DIRECTORY
# is the project's.  /out/raw.trace is what record.sh made, /out/trace-cmd and /out/perf what those
# two printed.
#
# Then another load is recorded with options of all three: stacks, clocks, texts of several lines, tasks
# with odd names.  /out/printed/tracefs.* is what tracefs printed of it, with options of its own, and
# /out/refused/tracefs.* with those that leave the numbers out; what trace-cmd and perf recorded,
# /out/trace.dat and /out/perf.data, can be printed by the host.

no_instances() {
	[ -d /sys/kernel/debug/tracing/instances ] && [ -z "$(ls /sys/kernel/debug/tracing/instances)" ]
}

cat >/tmp/load <<'END'
for round in 1 2 3; do
	sleep 0.2 &
	/bin/true
	/sbin/rmmod loop
	/sbin/insmod /mnt/modules/loop.ko
	wait
done
END

cat >/tmp/record <<END
cd "$1" || exit
scripts/record.sh --out /mnt/out/raw.trace -- \
	trace-cmd record -q -B within -e vmalloc -o /tmp/trace.dat \
	perf record -q -a -e 'vmalloc:*' -o /tmp/perf.data -- sh /mnt/out/load || exit
trace-cmd report /tmp/trace.dat >/mnt/out/trace-cmd
perf script -i /tmp/perf.data >/mnt/out/perf
END

expect "the guest has the host's programs" enter_host
cp /tmp/load /tmp/record /out/
expect "record.sh records on the running machine" chroot /machine bash /mnt/out/record
expect "record.sh leaves no buffer behind" no_instances
expect_fail "record.sh leaves no mount behind" grep /machine/sys/kernel/tracing /proc/mounts
expect_fail "a command that fails records nothing" \
	chroot /machine bash -c "cd '$1' && scripts/record.sh --out /mnt/out/none -- false"
expect_fail "nothing is written then" [ -e /out/none ]
rm -f /out/load /out/record

TRACING=/sys/kernel/tracing
CLOCKS="counter uptime mono x86-tsc"

# in_buffer NAME COMMAND... - in the directory of a buffer of our own.
in_buffer() (
	cd "$TRACING/instances/$1" || exit
	shift
	"$@"
)

# set_up NAME CLOCK - a buffer that records.  Events are switched on one after the other, and areas are freed
# at any time: while any of them is off, so is the buffer.
set_up() {
	mkdir "$TRACING/instances/$1"
	in_buffer "$1" sh -c "echo 0 >tracing_on; echo $2 >trace_clock; echo 4096 >buffer_size_kb
		echo 1 >events/vmalloc/enable; echo 1 >tracing_on"
}

# show NAME [OPTION]... - what the buffer "plain" has, printed with these options, into /out/$printed.
show() (
	cd "$TRACING/instances/plain" || exit
	name=$1
	shift
	for option; do
		echo "$option" >trace_options || echo "$option is no option" >>/tmp/no-options
	done
	cat trace >"/out/$printed/tracefs.$name"
	for option; do
		case $option in
		no*) echo "${option#no}" >trace_options ;;
		*) echo "no$option" >trace_options ;;
		esac
	done
)

# A shell allocates stacks for its children, under whatever name it has.
cat >/out/odd-load <<'END'
for name in '3.5:' 'a [001] 1.5: b' alloc_vmap_area '7: vmalloc:x: '; do
	sh -c "printf '%s' '$name' >/proc/\$\$/comm
		for i in 1 2 3 4 5 6; do sleep 0.1 & done
		wait; sleep 0"
done
for buffer in /sys/kernel/tracing /sys/kernel/tracing/instances/stacks; do
	printf 'one line\nand alloc_vmap_area: no event\n' >$buffer/trace_marker
done
/sbin/rmmod loop
/sbin/insmod /mnt/modules/loop.ko
END
cat >/out/record <<'END'
cd /mnt/out
mount -t tracefs tracefs /sys/kernel/tracing
exec trace-cmd record -q -T -e vmalloc -o trace.dat \
	perf record -q -a -g -e 'vmalloc:*' -o perf.data -- sh /mnt/out/odd-load
END
mount -t tracefs tracefs "$TRACING"
mkdir /out/printed /out/refused
printed=printed
# The first to be switched on and the last to be switched off, it has all that the others have.
set_up plain local
for clock in $CLOCKS; do
	set_up "$clock" "$clock"
done
set_up stacks local
in_buffer stacks sh -c 'echo stacktrace >trace_options'
in_buffer plain sh -c 'echo record-tgid >trace_options'
expect "trace-cmd and perf record the load with stacks" chroot /machine bash /mnt/out/record
for buffer in stacks $CLOCKS plain; do
	in_buffer "$buffer" sh -c 'echo 0 >tracing_on'
done
for buffer in stacks $CLOCKS; do
	in_buffer "$buffer" cat trace >"/out/printed/tracefs.$buffer"
done
in_buffer plain sh -c 'cat per_cpu/cpu*/trace' >/out/printed/tracefs.per-cpu
show tgid
in_buffer plain sh -c 'echo norecord-tgid >trace_options'
show plain
for option in latency-format verbose noirq-info nocontext-info fields print-parent noannotate; do
	show "$option" "$option"
done
show latency-verbose latency-format verbose
show latency-noirq latency-format noirq-info

# Among function graphs, which only the kernel's own buffer can have, events are comments.  The plain one is
# another buffer, again the first on and the last off.
set_up graph local
in_buffer .. sh -c 'echo 0 >tracing_on
	echo alloc_vmap_area >set_ftrace_filter
	echo function_graph >current_tracer
	echo 1 >events/vmalloc/enable
	: >trace
	echo 1 >tracing_on'
chroot /machine sh -c 'for i in 1 2 3 4 5 6; do sleep 0.1 & done; wait'
in_buffer .. sh -c 'echo 0 >tracing_on'
in_buffer graph sh -c 'echo 0 >tracing_on; cat trace >/out/printed/graph.plain'
in_buffer .. sh -c 'cat trace >/out/printed/graph.no-time
	echo funcgraph-abstime >trace_options
	cat trace >/out/printed/graph.time'

printed=refused
show raw raw
show hex hex
expect_fail "tracefs has all these options" cat /tmp/no-options
rm -f /out/odd-load /out/record
