# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# tracers-lib.sh - what the kernel's own tracers say while a load runs: how long interrupts or preemption are off
# (preemptirqsoff), how late an interrupt and a real-time thread are (timerlat), and what takes the CPU from a thread
# that never sleeps (osnoise).
#
# The tracer of sections keeps the longest section since it was told to forget, with the stack at its end; its own
# work is part of a section.  So that a section of ours is found though others are longer, the tracer is told to
# forget again and again, and what each such *window* had is looked at.  A process that ends has long sections of
# its own, so none is started within a window, and the shell that looks has the CPU as soon as a window ends.

TRACER=/sys/kernel/tracing
# Seconds.
WINDOW=0.002

# in_use LOAD - the functions of the allocator that it is about: ours, or those of vmalloc.
in_use() {
	case $1 in
	peer=arena*) sed -n 's/^[^ ]* [tT] \([^\t ]*\)\t\[vmap_arena\]$/\1/p' /proc/kallsyms ;;
	peer=vm*) sed -n 's/^[^ ]* [tT] \([^\t ]*\)$/\1/p' /proc/kallsyms |
		grep -E 'vmap|vmalloc|vfree|vunmap|_vb$|purge_frag|reclaim_list' ;;
	esac
}

# look - at the section in the trace: sets text, took, its microseconds, found, the innermost function on its stack that
# is one of /tmp/names, or -, and its_own, if that function ended the section itself, not what it called.
look() {
	text='' took=0 found=- its_own='' above=0
	while read -r first second third rest; do
		text="$text
$first $second $third $rest"
		case $first$second in
		'#latency:') took=$third ;;
		'=>_raw_'* | '=>trace'* | '=>preempt_count'* | '=>rt_'*) ;;
		'=>'*)
			[ "$found" = - ] && [ -e "/tmp/names/$second" ] && found=$second && [ "$above" = 0 ] && its_own=yes
			above=$((above + 1))
			;;
		esac
	done <"$TRACER/trace"
}

# keep LOAD-NUMBER KIND - the trace of the section that was looked at; by now there may be another one.
keep() {
	echo "$text" >"/out/$1.$2"
}

# note_section LOAD-NUMBER - is it the longest so far of all, of those with a function of /tmp/names on the stack, or
# of those that such a function ended?
note_section() {
	[ "$took" -le "$any" ] || { any=$took && keep "$1" any; }
	[ "$found" != - ] || return 0
	[ "$took" -le "$within" ] || { within=$took within_in=$found && keep "$1" within; }
	[ "$its_own" ] || return 0
	[ "$took" -le "$own" ] || { own=$took own_in=$found && keep "$1" own; }
}

# pause SECONDS - without a process: nobody writes to this pipe.
pause() {
	# shellcheck disable=SC3045 # busybox has it
	read -r -t "$1" _ <&3
}

# watch_sections LOAD-NUMBER - look at window after window, as long as there is /tmp/running.
watch_sections() {
	any=0 within=0 own=0 within_in=- own_in=- windows=0
	until [ -e /tmp/running ]; do
		pause 0.01
	done
	while [ -e /tmp/running ]; do
		echo 0 >"$TRACER/tracing_max_latency"
		pause "$WINDOW"
		windows=$((windows + 1))
		read -r longest <"$TRACER/tracing_max_latency"
		# While one is looked at a longer one may come.
		while [ "$longest" -gt "$own" ]; do
			look
			note_section "$1"
			read -r longest <"$TRACER/tracing_max_latency"
			[ "$longest" != "$took" ] || break
		done
	done
	printf '{"windows": %d, "any": %d, "within": %d, "within_in": "%s", "own": %d, "own_in": "%s"}' "$windows" \
		"${any}000" "${within}000" "$within_in" "${own}000" "$own_in" >/tmp/noted.new
	mv /tmp/noted.new /tmp/noted
}

# begin_sections LOAD - from now on, until end_sections.
begin_sections() {
	loads=$((loads + 1))
	rm -rf /tmp/names
	mkdir /tmp/names
	in_use "$1" | while read -r name; do
		: >"/tmp/names/$name"
	done
	watch_sections "$loads" 3<>/tmp/nothing &
	renice -n -20 -p $! >/dev/null
	: >/tmp/running
}

# end_sections - print what was found, as JSON.
end_sections() {
	rm /tmp/running
	within 600 [ -e /tmp/noted ] && cat /tmp/noted && rm /tmp/noted
}

# begin_timerlat LOAD
begin_timerlat() {
	: >"$TRACER/trace"
	echo 1 >"$TRACER/tracing_on"
}

# late CONTEXT - the median, p99, p99.9, and the worst of what timerlat wrote of it.
late() {
	sed -n "s/.* context *$1 timer_latency *\([0-9]*\) ns\$/\1/p" /tmp/timerlat | sort -n | awk '{ late[NR] = $1 }
		function at(part) { return late[int((NR - 1) * part) + 1] + 0 }
		END { printf("[%d, %d, %d, %d]", at(0.5), at(0.99), at(0.999), at(1)) }'
}

# end_timerlat - likewise.
end_timerlat() {
	echo 0 >"$TRACER/tracing_on"
	cat "$TRACER/trace" >/tmp/timerlat
	printf '{"irq": %s, "thread": %s}' "$(late irq)" "$(late thread)"
}

# begin_osnoise LOAD - its thread is a real-time one, so the noise is what interrupts it, not who waits for the CPU.
begin_osnoise() {
	begin_timerlat || return
	# It came with its libraries.
	/ld-linux-x86-64.so.2 --library-path / /chrt -f -p 50 "$(grep -lx osnoise/0 /proc/[0-9]*/comm | cut -d / -f 3)"
}

# end_osnoise - likewise; the sums of all samples, and of all the longest single noise.
end_osnoise() {
	echo 0 >"$TRACER/tracing_on"
	sed -n 's/^.*\[[0-9]*\] [^ ]* *[0-9]*\.[0-9]*: *//p' "$TRACER/trace" | awk 'NF == 9 {
			run += $1; noise += $2; irqs += $7; softirqs += $8; threads += $9
			longest = $4 > longest ? $4 : longest
		}
		END { printf("{\"run\": %d, \"noise\": %d, \"longest\": %d, \"irqs\": %d, \"softirqs\": %d, \"threads\": %d}",
			run, noise, longest, irqs, softirqs, threads) }'
}

# start_tracer sections | timerlat | osnoise
start_tracer() {
	loads=0
	mount -t tracefs tracefs "$TRACER" || return
	if [ "$1" = sections ]; then
		mkfifo /tmp/nothing && echo preemptirqsoff >"$TRACER/current_tracer"
		return
	fi
	echo 0 >"$TRACER/tracing_on"
	# Of as many lines as a load of some seconds leaves none is to be lost.
	echo 16384 >"$TRACER/buffer_size_kb" && echo 500 >"$TRACER/osnoise/timerlat_period_us" &&
		echo 10000 >"$TRACER/osnoise/runtime_us" && echo 20000 >"$TRACER/osnoise/period_us" &&
		echo "$1" >"$TRACER/current_tracer"
}
