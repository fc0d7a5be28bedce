# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# quiet.sh SECONDS - what interrupts CPU 2, which is isolated and runs a loop in user space, while the other
# CPUs run a load: a line for each load in /out/table.  See scripts/isolated.sh.
#
# What others ask CPU 2 for is counted where they ask (csd:csd_queue_cpu), by function; how often it was
# interrupted is what /proc/interrupts says.  Modules come and go, and tracepoints are switched, only
# between two measurements, since the kernel patches its code then, and has all CPUs take notice.

TRACING=/sys/kernel/tracing
ASKED=$TRACING/events/csd/csd_queue_cpu
TAKEN=$TRACING/events/vmalloc/alloc_vmap_area

# interrupts - what CPU 2 had so far: for each kind its number, and its name.
interrupts() {
	awk 'NR > 1 && NF > 4 && $4 ~ /^[0-9]+$/ {
		kind = "other"
		if ($0 ~ /timer|LOC:/) kind = "timer"
		else if ($0 ~ /Rescheduling/) kind = "resched"
		else if ($0 ~ /Function call|TLB shootdowns/) kind = "call"
		sum[kind] += $4
	}
	END { print sum["timer"] + 0, sum["resched"] + 0, sum["call"] + 0, sum["other"] + 0 }' /proc/interrupts
}

# asked - the functions that CPU 2 was asked for, and how often.
asked() {
	sed -n 's/^{ func: \[[^]]*\] \([^ ]*\).*hitcount: *\([0-9]*\)$/\1 \2/p' "$ASKED/hist" |
		sort -k 2 -rn | awk '{ printf("%s%s %d", NR > 1 ? ", " : "", $1, $2) }'
}

# allocations FROM - of arenas or of the kernel, so far.
allocations() {
	case $1 in
	arena) cat "$ARENAS"/*/stats | awk '$1 == "allocs" { sum += $2 } END { print sum + 0 }' ;;
	kernel) awk '/Hits:/ { print $2 }' "$TAKEN/hist" ;;
	*) echo 0 ;;
	esac
}

# measure LOAD FROM [COMMAND...] - one line of the table; the command is run once a second.
measure() {
	load=$1 from=$2
	shift 2
	echo 'hist:keys=func.sym:clear if cpu == 2' >>"$ASKED/trigger"
	calls=$(allocations "$from")
	before=$(interrupts)
	for _ in $(seq "$seconds"); do
		sleep 1
		[ $# = 0 ] || "$@"
	done
	after=$(interrupts)
	calls=$(($(allocations "$from") - calls))
	# shellcheck disable=SC2086 # these are words
	set -- $before $after
	printf '%-15s %11d %7d %7d %7d %7d  %s\n' "$load" "$calls" $(($5 - $1)) $(($6 - $2)) $(($7 - $3)) \
		$(($8 - $4)) "$(asked)" | tee -a /out/table
}

# load TARGET MASK - two threads that allocate and free until unloaded.
load() {
	insmod test_vmalloc.ko target="$1" run_test_mask="$2" nr_threads=2 test_loop_count=1000000000 && sleep 3
}

# set_up - CPU 2 is busy, and all that is asked of it is counted, as the areas that vmalloc takes are.
set_up() {
	mount -t tracefs tracefs "$TRACING" && grep -qx 2 /sys/devices/system/cpu/isolated &&
		echo 'hist:keys=func.sym if cpu == 2' >"$ASKED/trigger" &&
		echo 'hist:keys=cpu' >"$TAKEN/trigger" || return
	taskset 4 sh -c 'while :; do :; done' &
	looper=$!
	sleep 5
}

purge_all() {
	echo 1 >"$ARENAS/default/purge"
}

seconds=$1
printf '%-15s %11s %7s %7s %7s %7s  %s\n' load allocations timer resched calls other "asked for" >/out/table
set_up || exit
measure nothing none
insmod vmap_arena.ko && load arena 9 && rmmod test_vmalloc || exit
measure "idle cache" arena
load arena 1 || exit
measure "busy cache" arena
rmmod test_vmalloc && load arena 8 || exit
measure "busy arena" arena
measure purge arena purge_all
rmmod test_vmalloc && rmmod vmap_arena && insmod vmap_arena.ko && load kernel 1 || exit
measure "vmalloc, 4" kernel
rmmod test_vmalloc && load kernel 8 || exit
measure "vmalloc, 1-100" kernel
kill "$looper"
rmmod test_vmalloc && rmmod vmap_arena
