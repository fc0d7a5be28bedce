# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: traces, and what tracers print, are read right or refused; options of the lab and of its scripts
# kernels: -
# quick: -

# shellcheck source=scripts/lab-check-lib.sh
. "$ROOT/scripts/lab-check-lib.sh"

file=$CHECK_DIR/bad.trace

# bad NAME EXPECTED [COMMAND]... - what it prints, or what is in the file, is refused as a trace.
bad() {
	(($# == 2)) || "${@:3}" >"$file"
	expect "refused: $1" says 2 "$2" "$LAB" --index tree --trace "$file"
}

# bad_line NAME EXPECTED LINE - a trace with this line after its heading is refused at line 4.
bad_line() {
	bad "$1" "$file:4: expected $2" printf 'vmap-trace 1\npage 4096\nspan 0x1000 0x100000\n%s\n' "$3"
}

# odd NAME STATUS SAID COMMAND... - what the command makes of what tracefs printed is converted, or refused.
odd() {
	"${@:4}" <"$ROOT/lab/tracers/tracefs" >"$CHECK_DIR/odd"
	expect "$1" says "$2" "odd:$3" "$LAB" --convert "$CHECK_DIR/odd"
}

# reader_mutant SED-SCRIPT - some of what tracers print is read wrongly with the fault that it makes.
reader_mutant() {
	! build_mutant user/tracer.c "$1" ||
		LAB=$MUTANT expect_fail "what tracers print shows a fault in tracer.c: $1" \
			read_all "$ROOT"/lab/tracers/options/*
}

need_packages jq
build_lab
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
bad_line "a CPU that is no number" "a CPU" "5 f 0x1000 @x"
bad_line "a CPU too large" "a CPU" "5 f 0x1000 @256"
bad_line "a CPU that does not stand last" "TIME f ADDRESS" "5 f @1 0x1000"
bad_line "nothing but a CPU" "a time in nanoseconds" "@1"
bad_line "a span inside another" "spans that do not overlap" "span 0x2000 0x3000"
heading='vmap-trace 1\npage 4096\nspan 0x1000 0x9000\n'
bad "time runs backwards" ":5: expected a time" printf "${heading}6 f 0x1000\n5 f 0x1000\n"
bad "another format" ":1: expected vmap-trace 1" printf 'vmap-trace 2\n'
bad "a trace without operations" ":4: expected at least one" printf "$heading"
bad "a byte 0" ":4: expected the end" printf "${heading}5 f 0x1000\0\n"
bad "an empty file" ":1: expected at least one" true
bad "noise" ":1: expected" head -c 100000 /dev/urandom
bad "an endless line" ":3: expected the end" sh -c "printf 'vmap-trace 1\npage 4096\n# '; head -c 100000 /dev/zero | tr '\0' x"
bad "a last line without end" ":4: expected the end" printf "${heading}5 f 0x1000"
gzip -c "$file" >"$file.gz"
printf '\125' | dd of="$file.gz" bs=1 seek=$(($(stat -c %s "$file.gz") - 6)) conv=notrunc status=none
expect "refused: a gzip file with a wrong checksum" says 2 "damaged" "$LAB" --trace "$file.gz"
head -c 3000 "$ROOT/lab/traces/boot.trace.gz" >"$file.gz"
expect "refused: a gzip file that breaks off" says 2 "expected" "$LAB" --trace "$file.gz"
expect "refused: a directory" says 2 "Is a directory" "$LAB" --trace "$CHECK_DIR"

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

# In lab/tracers is what each of the three printed of the same 15 events, when labrecord.sh ran in
# Linux 6.12 with two CPUs, and the trace that it is.
for tracer in tracefs trace-cmd perf; do
	expect "what $tracer prints is converted" \
		cmp <("$LAB" --convert "$ROOT/lab/tracers/$tracer") "$ROOT/lab/tracers/$tracer.trace"
done
odd "an event with an odd field is left out, and named" 0 "13: not understood and left out" \
	sed 's/align=16384/align=4K/'
odd "an event that cannot be is left out, and named" 0 "14: not understood and left out" \
	sed 's/va_start=0xffffce3d00480000/va_start=0xffffce3d00480001/'
odd "a line that is no event is left out, and named" 0 "28: not understood and left out" sed '$ a hello'
odd "refused: more than a tenth of the lines are not understood" 2 "28: expected TIME: EVENT:" \
	sed '$ a hello\nhello again'
odd "refused: more than a tenth of the events have odd fields" 2 "13: expected TIME: EVENT:" \
	sed 's/alloc_vmap_area: va_start: [0-9]*/&x/'
odd "refused: no allocation" 2 "21: expected at least one" grep -v alloc_vmap_area
odd "refused: what a tracer did not print to its end" 2 "20: expected the end of the line" head -c 1500
gzip -c "$ROOT/lab/tracers/tracefs" | head -c 300 >"$CHECK_DIR/odd.gz"
expect "refused: a gzip file that a tracer's output breaks off in" \
	says 2 "odd.gz:13: expected" "$LAB" --convert "$CHECK_DIR/odd.gz"
sed 's|written: 89/89|written: 89/95|; s|^ *kworker/1:2.*|CPU:1 [LOST 3 EVENTS]\n&|
	$ a CPU:0 [2 EVENTS DROPPED]\n  sh-71 [000] d..2. 20.000001: sched_switch: prev_comm=sh' \
	"$ROOT/lab/tracers/tracefs" >"$CHECK_DIR/odd"
expect "losses that a tracer reports, and other events, are counted" \
	says 0 "14 events; left out: 1 of other kinds, 0 lines of stacks; losses reported: 3" \
	"$LAB" --convert "$CHECK_DIR/odd"

# In lab/tracers/options is what they printed of a part of one load, with an option each: see
# 62-recorders.sh.  In lab/tracers/refused are two forms that leave out the numbers.
expect_read "$ROOT"/lab/tracers/options/*
for file in raw hex; do
	expect "refused: tracefs.$file" says 2 "$file:13: expected TIME: EVENT:" \
		"$LAB" --convert "$ROOT/lab/tracers/refused/tracefs.$file"
done

# A free that the trace never saw allocated, an area handed out twice, one reused before its purge.
file=$CHECK_DIR/middle.trace
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

# The commands as a person would give them, from a tracer's output to plots.
out=$CHECK_DIR/replayed-alone
trace=$CHECK_DIR/converted.trace.gz
expect "record.sh makes a trace of a tracer's output" \
	"$ROOT/scripts/record.sh" --out "$trace" --convert "$ROOT/lab/tracers/tracefs"
expect "its first line says how it was made" \
	grep -q '^# scripts/record.sh --out .* --convert' <(zcat "$trace")
expect "replay.sh replays it" "$ROOT/scripts/replay.sh" --native --out "$out" "$trace"
for plot in footprint fragmentation holes latency map-tree map-buddy map-recorded; do
	expect "replay.sh draws $plot.svg" grep -q '</svg>' "$out/native/$plot.svg"
done

# changed FACTOR - the runs of that replay, all of whose times are so many times as long.
changed() {
	jq --argjson factor "$1" 'map(.results[] |= (.alloc.mean *= $factor | .free.mean *= $factor))' \
		"$out/native/runs.json" >"$CHECK_DIR/baseline.json"
}

# compared STATUS SAID FACTOR - against a baseline that took so many times as long.
compared() {
	local said status=0

	changed "$3"
	said=$("${random[@]}" --out "$out-2" --baseline "$CHECK_DIR/baseline.json" 2>&1) || status=$?
	echo "$said" | tail -n 4
	[[ $status == "$1" && $said == *"$2"* ]]
}

random=("$ROOT/scripts/replay.sh" --native --index "tree,summary" --workload random --n 2000 --ops 20000 --runs 6)
expect "replay.sh runs a load six times" "${random[@]}" --out "$out"
expect "against a baseline that was 100 times as fast all is a regression" \
	compared 1 "4 regressions, 0 improvements of 4 tests" 0.01
expect "against one that was 100 times as slow all is an improvement" \
	compared 0 "0 regressions, 4 improvements of 4 tests" 100
jq 'map(.operations += 1)' "$out/native/runs.json" >"$CHECK_DIR/other.json"
expect "refused: a baseline of another load" says 2 "is of another load" "${random[@]}" --out "$out-2" \
	--baseline "$CHECK_DIR/other.json"
expect "refused: a baseline that is none" says 2 "is no runs.json" "${random[@]}" --baseline "$ROOT/README"
expect "refused: a baseline of two worlds" says 2 "say --native or --guest" \
	"$ROOT/scripts/replay.sh" --workload lifo --baseline "$out/native/runs.json"

# shellcheck disable=SC2119 # no words for make
build_sanitized
LAB=$SANITIZED expect "what tracers print is read under ASan and UBSan" read_all "$ROOT"/lab/tracers/options/*
((!QUICK)) || finish
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
