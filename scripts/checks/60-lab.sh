# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the lab's structures agree with the model, traces are read right or refused, kernel and user replays agree
# kernels: 6.1 6.12
# quick: 6.12

# shellcheck source=scripts/lab-lib.sh
. "$ROOT/scripts/lab-lib.sh"

# says STATUS WORDS COMMAND... - the command ends with the status and complains with the words.
says() {
	local status=0 said

	said=$("${@:3}" 2>&1 >/dev/null) || status=$?
	[[ $status == "$1" && $said == *"$2"* ]] || {
		echo "status $status: $said"
		return 1
	}
}

# bad_line NAME EXPECTED LINE - a trace with this line after its heading is refused at line 4.
bad_line() {
	local file=$CHECK_DIR/bad.trace

	printf 'vmap-trace 1\npage 4096\nspan 0x1000 0x100000\n%s\n' "$3" >"$file"
	expect "refused: $1" says 2 "$file:4: expected $2" "$LAB" --index tree --trace "$file"
}

check_bad_traces() {
	local file=$CHECK_DIR/whole.trace

	bad_line "a word that is no time" "a time in nanoseconds" "soon f 0x1000"
	bad_line "an unknown operation" "an operation after the time" "5 z 0x1000"
	bad_line "too few words" "TIME a ADDRESS SIZE ALIGN LO HI" "5 a 0x1000 4096"
	bad_line "too many words" "TIME f ADDRESS" "5 f 0x1000 0x2000"
	bad_line "a size of 0" "a size in bytes" "5 a 0x1000 0 4096 0x1000 0x9000"
	bad_line "a size that is no page" "a size in bytes" "5 a 0x1000 100 4096 0x1000 0x9000"
	bad_line "an odd alignment" "an alignment" "5 a 0x1000 4096 12288 0x1000 0x9000"
	bad_line "an address out of bounds" "an address between" "5 a 0xa000 4096 4096 0x1000 0x9000"
	bad_line "an address not aligned" "an address, a multiple" "5 a 0x1000 4096 8192 0x1000 0x9000"
	bad_line "a time below 0" "a time in nanoseconds" "-5 f 0x1000"
	bad_line "a page that wraps round" "an address between" \
		"5 a 0xfffffffffffff000 8192 4096 0x1000 0x9000"
	bad_line "bounds out of the span" "bounds inside" "5 a 0x1000 4096 4096 0x1000 0x900000"
	bad_line "bounds too narrow" "two addresses" "5 a 0x1000 8192 4096 0x1000 0x2000"
	bad_line "a number too large" "an address" "5 f 0x10000000000000000"
	bad_line "a purge upside down" "two addresses" "5 p 0x3000 0x1000"
	bad_line "a span inside another" "spans that do not overlap" "span 0x2000 0x3000"
	printf 'vmap-trace 1\npage 4096\nspan 0x1000 0x9000\n6 f 0x1000\n5 f 0x1000\n' >"$file"
	expect "refused: time runs backwards" says 2 ":5: expected a time" "$LAB" --trace "$file"
	printf 'vmap-trace 2\n' >"$file"
	expect "refused: another format" says 2 ":1: expected vmap-trace 1" "$LAB" --trace "$file"
	printf 'vmap-trace 1\npage 4096\nspan 0x1000 0x9000\n' >"$file"
	expect "refused: a trace without operations" says 2 ":4: expected at least one" \
		"$LAB" --trace "$file"
	printf 'vmap-trace 1\npage 4096\nspan 0x1000 0x9000\n5 f 0x1000' >"$file"
	expect "refused: a last line without end" says 2 ":4: expected the end" "$LAB" --trace "$file"
	head -c 3000 "$ROOT/lab/traces/boot.trace.gz" >"$file.gz"
	expect "refused: a gzip file that breaks off" says 2 "expected" "$LAB" --trace "$file.gz"
	gzip -c "$file" >"$file.gz"
	printf '\125' | dd of="$file.gz" bs=1 seek=$(($(stat -c %s "$file.gz") - 6)) conv=notrunc \
		status=none
	expect "refused: a gzip file with a wrong checksum" says 2 "damaged" "$LAB" --trace "$file.gz"
	: >"$file"
	expect "refused: an empty file" says 2 ":1: expected at least one" "$LAB" --trace "$file"
	head -c 100000 /dev/urandom >"$file"
	expect "refused: noise" says 2 ":1: expected" "$LAB" --trace "$file"
	{
		printf 'vmap-trace 1\npage 4096\n# '
		head -c 100000 /dev/zero | tr '\0' x
	} >"$file"
	expect "refused: an endless line" says 2 ":3: expected the end" "$LAB" --trace "$file"
	printf 'vmap-trace 1\npage 4096\nspan 0x1000 0x9000\n5 f 0x1000\0\n' >"$file"
	expect "refused: a byte 0" says 2 ":4: expected the end" "$LAB" --trace "$file"
	expect "refused: a directory" says 2 "Is a directory" "$LAB" --trace "$CHECK_DIR"
}

check_bad_options() {
	expect "refused: --n 0" says 2 "--n: '0' is not a whole number from 1" "$LAB" --n 0
	expect "refused: --ops abc" says 2 "--ops: 'abc'" "$LAB" --ops abc
	expect "refused: --index heap" says 2 "'heap' is not one of" "$LAB" --index tree,heap
	expect "refused: --workload x" says 2 "'x' is not one of" "$LAB" --workload x
	expect "refused: a trace that is not there" says 2 "cannot read '/none'" "$LAB" --trace /none
	expect "replay.sh refuses a missing trace" says 2 "a trace is missing" "$ROOT/scripts/replay.sh"
	expect "replay.sh refuses --index heap" says 2 "'heap' is not one of" \
		"$ROOT/scripts/replay.sh" --index heap --workload random
	expect "record.sh refuses no --out" says 2 "--out is missing" "$ROOT/scripts/record.sh" --boot
	expect "record.sh refuses two workloads" says 2 "there is a workload already" \
		"$ROOT/scripts/record.sh" --out /tmp/x --boot --mount
	expect "rfc.sh refuses --runs 0" says 2 "--runs: '0'" "$ROOT/scripts/rfc.sh" --runs 0
}

# operations FILE - those of a trace, without their times.
operations() {
	grep '^[0-9]' "$1" | cut -d ' ' -f 2-
}

# events FILE - how many of ours a tracer printed, without purges of nothing.
events() {
	grep -cE '(alloc_vmap_area|free_vmap_area_noflush|purge_vmap_area_lazy):.*(failed=|lazy_max=|purged=(0x)?[1-9a-f])' \
		"$1"
}

# at_the_same_time FILE PLAIN - the traces have the same times, but for those that were rounded and added up.
at_the_same_time() {
	paste -d ' ' <(grep '^[0-9]' "$1") <(grep '^[0-9]' "$2") | awk -v more=60000 '
		{ apart = $1 - $(NF / 2 + 1) }
		apart > more || apart < -more { print; bad = 1 }
		END { exit bad || !NR }'
}

# read_as PLAIN FILE - all events in the file are read, all other lines are known, and the trace is that of
# the file in which a tracer printed the same without any options; with its times, if there are any, and
# none was cut out.  The buffer of some was switched on later, and off sooner: theirs is a part of it.
read_as() {
	local said read=$CHECK_DIR/read.trace plain=$CHECK_DIR/plain.trace part

	if ! said=$("$LAB" --convert "$2" 2>&1 >"$read") || [[ $said == *understood* ]]; then
		echo "$said"
		return 1
	fi
	"$LAB" --convert "$1" >"$plain" 2>/dev/null
	[[ $(operations "$read" | wc -l) == $(events "$2") ]] || return
	case ${2##*/} in
	tracefs.counter | tracefs.uptime | tracefs.x86-tsc | tracefs.mono | tracefs.stacks | graph.*)
		part=$(operations "$read")
		[[ $part && $(operations "$plain") == *"$part"* ]] ||
			diff <(operations "$plain") <(operations "$read")
		return
		;;
	esac
	diff <(operations "$plain") <(operations "$read") || return
	case ${2##*/} in
	tracefs.nocontext-info | perf.no-time | perf.event-only | perf.deltatime*) ;;
	*) at_the_same_time "$read" "$plain" ;;
	esac
}

# read_all FILE... - each as the file of its tracer that is called plain.
read_all() {
	local file

	for file; do
		read_as "${file%.*}.plain" "$file" || return
	done
}

# expect_read FILE... - likewise; each is a test.
expect_read() {
	local file

	for file; do
		expect "all of ${file##*/} is read" read_all "$file"
	done
}

# In lab/tracers/options is what they printed of a part of one load, with an option each: see
# check_recorders.  In lab/tracers/refused are two forms that leave out the numbers.
check_formats() {
	local file

	expect_read "$ROOT"/lab/tracers/options/*
	for file in raw hex; do
		expect "refused: tracefs.$file" says 2 "$file:13: expected TIME: EVENT:" \
			"$LAB" --convert "$ROOT/lab/tracers/refused/tracefs.$file"
	done
}

# In lab/tracers is what each of the three printed of the same 15 events, when labrecord.sh ran in
# Linux 6.12 with two CPUs, and the trace that it is.
check_converter() {
	local tracer raw=$ROOT/lab/tracers/tracefs odd=$CHECK_DIR/odd

	for tracer in tracefs trace-cmd perf; do
		expect "what $tracer prints is converted" \
			cmp <("$LAB" --convert "$ROOT/lab/tracers/$tracer") "$ROOT/lab/tracers/$tracer.trace"
	done
	sed 's/align=16384/align=4K/' "$raw" >"$odd"
	expect "an event with an odd field is left out, and named" \
		says 0 "odd:13: not understood and left out" "$LAB" --convert "$odd"
	sed 's/va_start=0xffffce3d00480000/va_start=0xffffce3d00480001/' "$raw" >"$odd"
	expect "an event that cannot be is left out, and named" \
		says 0 "odd:14: not understood and left out" "$LAB" --convert "$odd"
	{
		cat "$raw"
		echo "hello"
	} >"$odd"
	expect "a line that is no event is left out, and named" \
		says 0 "odd:28: not understood and left out" "$LAB" --convert "$odd"
	echo "hello again" >>"$odd"
	expect "refused: more than a tenth of the lines are not understood" \
		says 2 "odd:28: expected TIME: EVENT:" "$LAB" --convert "$odd"
	sed 's/alloc_vmap_area: va_start: [0-9]*/&x/' "$raw" >"$odd"
	expect "refused: more than a tenth of the events have odd fields" \
		says 2 "odd:13: expected TIME: EVENT:" "$LAB" --convert "$odd"
	grep -v alloc_vmap_area "$raw" >"$odd"
	expect "refused: no allocation" says 2 "odd:21: expected at least one" \
		"$LAB" --convert "$odd"
	head -c 1500 "$raw" >"$odd"
	expect "refused: what a tracer did not print to its end" \
		says 2 "odd:20: expected the end of the line" "$LAB" --convert "$odd"
	gzip -c "$raw" | head -c 300 >"$odd.gz"
	expect "refused: a gzip file that a tracer's output breaks off in" \
		says 2 "odd.gz:13: expected" "$LAB" --convert "$odd.gz"
	{
		sed 's|written: 89/89|written: 89/95|; s|^ *kworker/1:2.*|CPU:1 [LOST 3 EVENTS]\n&|' "$raw"
		echo "CPU:0 [2 EVENTS DROPPED]"
		echo "  sh-71 [000] d..2. 20.000001: sched_switch: prev_comm=sh"
	} >"$odd"
	expect "losses that a tracer reports, and other events, are counted" \
		says 0 "14 events; left out: 1 of other kinds, 0 lines of stacks; losses reported: 3" "$LAB" --convert "$odd"
}

# The commands as a person would give them, from a tracer's output to plots.
check_scripts() {
	local out=$CHECK_DIR/replayed-alone trace=$CHECK_DIR/converted.trace.gz plot

	expect "record.sh makes a trace of a tracer's output" \
		"$ROOT/scripts/record.sh" --out "$trace" --convert "$ROOT/lab/tracers/tracefs"
	expect "its first line says how it was made" \
		grep -q '^# scripts/record.sh --out .* --convert' <(zcat "$trace")
	expect "replay.sh replays it" "$ROOT/scripts/replay.sh" --native --out "$out" "$trace"
	for plot in footprint fragmentation holes latency map-tree map-buddy map-recorded; do
		expect "replay.sh draws $plot.svg" grep -q '</svg>' "$out/native/$plot.svg"
	done
}

# A free that the trace never saw allocated, an area handed out twice, one reused before its purge.
check_unknown() {
	local file=$CHECK_DIR/middle.trace

	{
		printf '# starts in the middle\nvmap-trace 1\npage 4096\nspan 0x1000 0x100000\n'
		printf '1 f 0x5000\n2 a 0x1000 4096 4096 0x1000 0x100000\n'
		printf '3 a 0x1000 8192 4096 0x1000 0x100000\n4 f 0x1000\n'
		printf '5 a 0x2000 4096 4096 0x1000 0x100000\n6 x 4096 4096 0x1000 0x100000\n'
	} >"$file"
	expect "unknown frees, lost frees, early purges and failures are counted" \
		test "$("$LAB" --index tree --trace "$file" --json |
			jq -c '[.unknown_frees, .implied_frees, .implied_purges,
				.failed_when_recorded]')" == '[1,1,1,1]'
}

# build_mutant FILE SED-SCRIPT - make the fault that the script makes; sets MUTANT to the program.
build_mutant() {
	local dir=$CHECK_DIR/mutant

	rm -rf "$dir"
	mkdir -p "$dir/user"
	cp -r "$ROOT/lab" "$ROOT"/*.[ch] "$dir/"
	cp -r "$ROOT/user/include" "$dir/user/"
	sed -i "$2" "$dir/lab/$1"
	MUTANT=$dir/vmap_lab
	if cmp -s "$dir/lab/$1" "$ROOT/lab/$1"; then
		not_ok "a fault in $1 can be made" "nothing matches: $2"
		return 1
	fi
	make -C "$dir/lab/user" TOOLS="$BUILD/user/kernel/tools" OUT="$MUTANT" >"$dir/log" 2>&1 || {
		not_ok "the fault in $1 compiles" "$(tail -n 3 "$dir/log")"
		return 1
	}
}

# mutant FILE SED-SCRIPT INDEX - the model test catches the fault that the script makes.
mutant() {
	! build_mutant "$1" "$2" ||
		expect "the model catches a fault in $1: $2" \
			says 1 '' timeout "$PATIENCE" "$MUTANT" --check 100 --index "$3"
}

# reader_mutant SED-SCRIPT - some of what tracers print is read wrongly with the fault that it makes.
reader_mutant() {
	! build_mutant user/tracer.c "$1" ||
		LAB=$MUTANT expect_fail "what tracers print shows a fault in tracer.c: $1" \
			read_all "$ROOT"/lab/tracers/options/*
}

check_mutants() {
	mutant free_list.c 's/joins_prev \&\& joins_next/joins_prev \&\& 0/' free_list
	mutant tile.c 's/hi - \*start >= request->size/hi - *start + 1 >= request->size/' vmem
	mutant buddy.c 's/other->order == block->order ? other : NULL/NULL/' buddy
	mutant busy_list.c 's/found < request->hi ? found/found ? found/' busy_list
	mutant segregated.c 's/order = ilog2(request->size); order/order = ilog2(request->size) + 1; order/' \
		segregated
	reader_mutant 's/is_aside(word)) {/is_aside(word) \&\& 0) {/'
	reader_mutant 's/bracket ? bracket + 1/bracket ? word.start/'
	reader_mutant 's/strchr("+!#\*@\$"/strchr("+"/'
	reader_mutant 's/"npurged="/"purges="/'
	reader_mutant 's/return 1000;/return 1;/'
	reader_mutant 's/strncmp(text, "=>", 2)/strncmp(text, "->", 2)/'
	reader_mutant 's/(begin < name \&\& /(0 \&\& /'
	reader_mutant 's/bool in_text = read->text/bool in_text = false/'
	reader_mutant 's/before = first_word(line);/return false;/'
	reader_mutant 's/colon = ends_in_colon/colon = !ends_in_colon/'
}

check_sanitized() {
	local sanitized=$CHECK_DIR/sanitized

	make -C "$ROOT/lab/user" TOOLS="$BUILD/user/kernel/tools" OUT="$sanitized" \
		CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all" \
		>"$CHECK_DIR/sanitized.log" 2>&1
	expect "all structures agree with the model, under ASan and UBSan" "$sanitized" --check 100
	LAB=$sanitized expect "what tracers print is read under ASan and UBSan" \
		read_all "$ROOT"/lab/tracers/options/*
	for trace in "$ROOT"/lab/traces/*.trace.gz; do
		expect "$(basename "$trace") is replayed under ASan and UBSan" \
			"$sanitized" --trace "$trace" --out "$CHECK_DIR/replayed"
	done
}

# addresses FILE - of the structures that exist in both worlds, what does not depend on time.
addresses() {
	jq -c '[.unknown_frees, .operations, (.results[] | select(.index | test("^(tree|busy_list|" +
		"free_list|segregated|buddy|vmem|recorded)$")) | [.index, .alloc.count + .alloc.disturbed,
		.failed, .peak_live, .peak_footprint, .holes_percent, .bytes_per_area])]' "$1"
}

check_guest() {
	local trace name names=() files=()

	for trace in "$ROOT"/lab/traces/*.trace.gz; do
		name=$(basename "$trace" .gz)
		zcat "$trace" >"$CHECK_DIR/$name"
		names+=("$name")
		files+=(--file "$CHECK_DIR/$name")
	done
	in_guest labcheck.sh --mem 2048 --kernel-module drm \
		--module "$MODULES/lab/vmap_lab.ko" "${files[@]}" -- $((QUICK ? 10 : 100)) "${names[@]}"
	for name in "${names[@]}"; do
		"$LAB" --trace "$CHECK_DIR/$name" --json >"$CHECK_DIR/$name.json"
		expect "$name: kernel and user replay choose the same addresses" \
			test "$(addresses "$CHECK_DIR/$name.json")" == \
			"$(addresses "$GUEST_OUT/$name.json")"
	done
}

# is_part_of INNER OUTER - what was recorded while the other recorded is a part of it, without gap,
# and has all kinds of operation.
is_part_of() {
	local inner

	inner=$(operations "$1")
	[[ $(operations "$2") == *"$inner"* ]] || diff <(operations "$1") <(operations "$2") || return
	[[ $inner == *$'\n'a* && $inner == *$'\n'f* && $inner == *$'\n'p* ]]
}

# print NAME COMMAND... - what it prints of the guest's recording, into $GUEST_OUT/printed/NAME.
print() {
	"${@:2}" >"$GUEST_OUT/printed/$1" 2>"$GUEST_OUT/said" || not_ok "$1 can be printed" "$(cat "$GUEST_OUT/said")"
}

# print_trace_cmd - with each option of trace-cmd report that changes what it prints.
print_trace_cmd() {
	local report=(trace-cmd report -i "$GUEST_OUT/trace.dat") option

	print trace-cmd.plain "${report[@]}"
	for option in t l R N V -ts-diff -ts-check -raw-ts -align-ts -nodate; do
		print "trace-cmd.${option#-}" "${report[@]}" "-$option"
	done
	print trace-cmd.t-diff "${report[@]}" -t --ts-diff
	print trace-cmd.l-diff "${report[@]}" -l --ts-diff
	print trace-cmd.ts-offset "${report[@]}" --ts-offset 5
	print trace-cmd.ts2secs "${report[@]}" --ts2secs 1000000000
}

# print_perf - likewise for perf script.
print_perf() {
	local script=(perf script -i "$GUEST_OUT/perf.data") option

	print perf.plain "${script[@]}" -G
	print perf.stacks "${script[@]}"
	for option in ns reltime deltatime header show-task-events show-mmap-events show-lost-events; do
		print "perf.$option" "${script[@]}" -G "--$option"
	done
	print perf.ns-stacks "${script[@]}" --ns --deltatime
	print perf.max-stack "${script[@]}" --max-stack 3
	for option in +period +misc +flags +ip,+sym,+symoff comm,pid,tid,time,period,event,trace \
		tid,cpu,time,period,event,trace time,event,trace; do
		print "perf.F-$option" "${script[@]}" -G -F "$option"
	done
	print perf.no-time "${script[@]}" -G -F comm,tid,cpu,event,trace
	print perf.event-only "${script[@]}" -G -F event,trace
}

check_recorders() {
	local tracer outer

	need_packages trace-cmd linux-perf
	in_guest labrecord.sh --cpus 1 --mem 2048 --share / --kernel-module virtio_pci \
		--kernel-module 9pnet_virtio --kernel-module 9p --kernel-module overlay \
		--kernel-module loop -- "$ROOT"
	outer=$GUEST_OUT/raw.trace
	for tracer in trace-cmd perf; do
		"$LAB" --convert "$GUEST_OUT/$tracer" >"$CHECK_DIR/$tracer.trace" || true
		expect "what $tracer recorded at the same time is the same" \
			is_part_of "$CHECK_DIR/$tracer.trace" "$outer"
		outer=$CHECK_DIR/$tracer.trace
	done
	print_trace_cmd
	print_perf
	for tracer in raw hex; do
		expect "refused: what tracefs prints with its option $tracer" \
			says 2 ": expected TIME: EVENT:" "$LAB" --convert "$GUEST_OUT/refused/tracefs.$tracer"
	done
	expect_read "$GUEST_OUT"/printed/*
	"$LAB" --convert "$GUEST_OUT/printed/perf.plain" >"$CHECK_DIR/plain.trace"
	"$LAB" --convert "$GUEST_OUT/printed/perf.deltatime" >"$CHECK_DIR/read.trace"
	expect "differences of time add up" at_the_same_time "$CHECK_DIR/read.trace" "$CHECK_DIR/plain.trace"
}

need_packages jq
use_kernel "$1"
build_lab
expect "all structures agree with the model" "$LAB" --check 500 --seed "$RANDOM"
check_bad_traces
check_bad_options
check_converter
check_formats
check_unknown
check_scripts
check_sanitized
if ((!QUICK)); then
	check_mutants
	# Linux 6.1 has no tracepoints to record.
	[[ $1 == 6.1 ]] || check_recorders
fi
check_guest
