# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: traces, and what tracers print, are read right or refused; options of the lab and of its scripts
# kernels: -
# quick: -

# shellcheck source=scripts/lab-check-lib.sh
. "$ROOT/scripts/lab-check-lib.sh"

# bad_line NAME EXPECTED LINE - a trace with this line after its heading is refused at line 4.
bad_line() {
	local file=$CHECK_DIR/bad.trace

	printf 'vmap-trace 1\npage 4096\nspan 0x1000 0x100000\n%s\n' "$3" >"$file"
	expect "refused: $1" says 2 "$file:4: expected $2" "$LAB" --index tree --trace "$file"
}

# reader_mutant SED-SCRIPT - some of what tracers print is read wrongly with the fault that it makes.
reader_mutant() {
	! build_mutant user/tracer.c "$1" ||
		LAB=$MUTANT expect_fail "what tracers print shows a fault in tracer.c: $1" \
			read_all "$ROOT"/lab/tracers/options/*
}

need_packages jq
build_lab
file=$CHECK_DIR/whole.trace
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
raw=$ROOT/lab/tracers/tracefs
odd=$CHECK_DIR/odd
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
