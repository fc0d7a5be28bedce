# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# lab-check-lib.sh - what the checks of the lab share.  Sourced by them.
# shellcheck disable=SC2034 # MUTANT and SANITIZED are for them

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

# without_cpus FILE - the operations of a trace; not all that tracers print tells CPUs.
without_cpus() {
	sed -n 's/ @[0-9]*$//; /^[0-9]/p' "$1"
}

# operations FILE - those of a trace, without their times.
operations() {
	without_cpus "$1" | cut -d ' ' -f 2-
}

# events FILE - how many of ours a tracer printed, without purges of nothing.
events() {
	grep -cE '(alloc_vmap_area|free_vmap_area_noflush|purge_vmap_area_lazy):.*(failed=|lazy_max=|purged=(0x)?[1-9a-f])' \
		"$1"
}

# at_the_same_time FILE PLAIN - the traces have the same times, but for those that were rounded and added up.
at_the_same_time() {
	paste -d ' ' <(without_cpus "$1") <(without_cpus "$2") | awk -v more=60000 '
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

# build_mutant FILE SED-SCRIPT [WORD]... - make the fault that the script makes; sets MUTANT to the program.
build_mutant() {
	local dir=$CHECK_DIR/mutant

	rm -rf "$dir"
	mkdir -p "$dir"
	cp -r "$ROOT"/{lab,user,arch,Kbuild} "$ROOT"/*.[ch] "$dir/"
	sed -i "$2" "$dir/lab/$1"
	MUTANT=$dir/build/gcc/vmap_lab
	if cmp -s "$dir/lab/$1" "$ROOT/lab/$1"; then
		not_ok "a fault in $1 can be made" "nothing matches: $2"
		return 1
	fi
	make_lab "$dir/user" "$dir/build" "${@:3}" >"$dir/log" 2>&1 || {
		not_ok "the fault in $1 compiles" "$(tail -n 3 "$dir/log")"
		return 1
	}
}

# build_sanitized [WORD]... - with ASan and UBSan, and these words for make; sets SANITIZED to the program.
build_sanitized() {
	SANITIZED=$CHECK_DIR/sanitize/vmap_lab
	need_packages clang libclang-rt-14-dev
	make_lab "$ROOT/user" "$CHECK_DIR" VARIANT=sanitize "$@" >"$CHECK_DIR/sanitized.log" 2>&1
}
