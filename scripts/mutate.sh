#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# mutate.sh - put known bugs into the code, one at a time, and see whether the tests notice.
#
# usage: scripts/mutate.sh [--user | --kunit] [--all | --sample[=N] | --list | NAME...]
#
#   --all         every bug in mutations/
#   --sample[=N]  one in N of them, 1 to 1000, different ones each day (the default, with N = 6)
#   --list        print the bugs, each with the suite that should notice it
#   --user        of these, only the bugs that the user-space tests, or the litmus tests, should notice
#   --kunit       of these, only those that something in the debug kernel should notice
#   --help        print this text
#
# A bug is a file mutations/NAME.patch that begins with
#
#   bug:    what is wrong then
#   suite:  the cheapest tests that should notice: "user" for those of user/, "litmus" for what the check
#           of that name looks for in the sources, else, in the debug kernel, a KUnit suite or SUITE.CASE,
#           or "unload": what is left of a run when the modules are gone
#   load:   parameters that vmap_arena.ko needs for it, if any
#   boot:   words for the kernel's command line that it needs, if any
#
# Each is applied in a scratch copy of the tree.  First the same tests must pass without a bug, or
# their verdict would mean nothing.  A line is printed for each bug: caught and by what, missed, or
# broken: the patch does not apply or does not build any more, or its test fails without it.
#
# Logs are kept in build/mutate/.  Exit status: 0 if all bugs were caught, 1 if one was missed, 2 for
# a bad option or if one was broken.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/litmus-lib.sh
. "$ROOT/scripts/litmus-lib.sh"

WORK=$BUILD/mutate
TREE=$WORK/tree
CONTROL=no-bug
ALWAYS=span_size=2M
COMMON='numa=fake=2 softlockup_panic=1 hung_task_panic=1 sysctl.kernel.panic_on_rcu_stall=1'
PER_BOOT=16
user=0 kunit=0 all=0 sample=0 list=0 words=()
caught=0 missed=0 broken=0

all_names() {
	local file

	for file in "$ROOT"/mutations/*.patch; do
		basename "$file" .patch
	done
}

header() {
	sed -n "s/^$2: //p;/^$/q" "$ROOT/mutations/$1.patch"
}

# chosen - of the names on standard input, those of the kind asked for.
chosen() {
	local name suite

	while read -r name; do
		suite=$(header "$name" suite)
		case $suite in
		user | litmus) ((kunit)) || echo "$name" ;;
		*) ((user)) || echo "$name" ;;
		esac
	done
}

list() {
	local name

	while read -r name; do
		printf '%-28s %-48s %s\n' "$name" "$(header "$name" suite)" "$(header "$name" bug)"
	done < <(all_names | chosen)
}

# names - of the bugs asked for.
names() {
	if ((${#words[@]})); then
		printf '%s\n' "${words[@]}"
	elif ((all)); then
		all_names | chosen
	else
		all_names | chosen | awk -v day="$(($(date +%s) / 86400))" -v every="$sample" '(NR + day) % every == 0'
	fi
}

# copy_tree - the sources as they are now, without what was built.
copy_tree() {
	mkdir -p "$TREE"
	tar -C "$ROOT" -c --exclude=./build --exclude=./.git --exclude='*.o' --exclude='*.ko' \
		--exclude='*.mod' --exclude='*.mod.c' --exclude='.*.cmd' . | tar -C "$TREE" -x
}

# apply NAME [PATCH-OPTION]... - put a bug in.
apply() {
	patch -d "$TREE" -p1 -F3 -s --no-backup-if-mismatch "${@:2}" <"$ROOT/mutations/$1.patch"
}

# broken NAME WHY - a patch that is of no use.
broken() {
	printf '%-7s %-28s %s\n' broken "$1" "$2"
	broken=$((broken + 1))
}

# verdict NAME caught|missed HOW
verdict() {
	if [[ $1 == "$CONTROL"* ]]; then
		[[ $2 == missed ]] || unfit+=("$(test_of "$1")")
		return
	fi
	printf '%-7s %-28s %s\n' "$2" "$1" "$3"
	if [[ $2 == caught ]]; then
		caught=$((caught + 1))
	else
		missed=$((missed + 1))
	fi
}

# with_bug NAME COMMAND... - run it on a tree with that bug; fails if the bug cannot be put in.
with_bug() {
	apply "$1" --dry-run >"$WORK/$1.log" 2>&1 || return
	apply "$1" >/dev/null
	"${@:2}" "$1"
	apply "$1" -R >/dev/null
}

# user_tests NAME - a warning is no verdict: what the bug leaves unused may stay so.
user_tests() {
	local log=$WORK/$1.log

	if timeout 3600 make -C "$TREE/user" BUILD="$WORK/user" TOOLS="$BUILD/user/kernel/tools" \
		WERROR= test >"$log" 2>&1; then
		verdict "$1" missed "by the user-space tests"
	elif grep -q 'error:' "$log"; then
		broken "$1" "does not build: see $log"
	else
		verdict "$1" caught "$(grep -m 1 '^not ok' "$log" || tail -n 1 "$log")"
	fi
}

run_user() {
	local name unfit=()

	need_packages libc6-dev xz-utils clang linux-source-6.12
	make -C "$ROOT/user" BUILD="$BUILD/user" "$BUILD/user/kernel/tools/lib/rbtree.c" >"$WORK/tools.log"
	user_tests "$CONTROL-$1"
	((${#unfit[@]} == 0)) || die "the user-space tests fail without a bug: see $WORK/$CONTROL-$1.log"
	for name; do
		with_bug "$name" user_tests || broken "$name" "does not apply: see $WORK/$name.log"
	done
}

# litmus_tests NAME - are the barriers that the litmus tests model where they say?
litmus_tests() {
	local log=$WORK/$1.log test

	for test in "$TREE"/litmus/*.litmus; do
		says_what_code "$test" >"$log" && continue
		verdict "$1" caught "$(basename "$test"): $(paste -s -d ' ' "$log")"
		return
	done
	verdict "$1" missed "by the litmus tests"
}

run_litmus() {
	local name unfit=()

	litmus_tests "$CONTROL-$1"
	((${#unfit[@]} == 0)) || die "the litmus tests fail without a bug: see $WORK/$CONTROL-$1.log"
	for name; do
		with_bug "$name" litmus_tests || broken "$name" "does not apply: see $WORK/$name.log"
	done
}

# module NAME... - build these for the test kernel, and no others.
module() {
	make -C "$KERNEL_HEADERS" M="$TREE" KBUILD_MODPOST_WARN=1 -j "$(nproc)" "$@"
}

# arena_module NAME - build NAME.arena.ko, to be tested.
arena_module() {
	! module vmap_arena.ko >"$WORK/$1.log" 2>&1 || cp "$TREE/vmap_arena.ko" "$WORK/$1.arena.ko"
}

# mutants NAME... - build those that can be built.
mutants() {
	local name

	for name; do
		with_bug "$name" arena_module || continue
	done
}

# control_modules NAME... - what the modules with these bugs are held against.
control_modules() {
	local name

	module vmap_arena.ko vmap_kunit.ko >"$WORK/$CONTROL.log" 2>&1 ||
		die "the modules do not build without a bug: see $WORK/$CONTROL.log"
	cp "$TREE/vmap_kunit.ko" "$WORK/"
	while read -r name; do
		cp "$TREE/vmap_arena.ko" "$WORK/$name.arena.ko"
		pending+=("$name")
	done < <(controls "$@")
}

# test_of NAME - suite and parameters; also of a control, which stands for others: CONTROL-NAME.
test_of() {
	echo "$(header "${1#"$CONTROL"-}" suite),$ALWAYS $(header "${1#"$CONTROL"-}" load)"
}

boot_of() {
	header "${1#"$CONTROL"-}" boot
}

# boot WORDS NAME... - run these in one guest.
boot() {
	local name told=() options=()

	for name in "${@:2}"; do
		told+=("$name,$(test_of "$name")")
		options+=(--module "$WORK/$name.arena.ko")
	done
	"$ROOT/scripts/vm.sh" --kernel debug --mem 1536 --low-mem 1024 --append "$COMMON $1" \
		--timeout $((180 + 240 * $#)) --script "$ROOT/scripts/guest/mutants.sh" \
		--module "$WORK/vmap_kunit.ko" \
		--log "$WORK/console.log" "${options[@]}" -- "${told[@]}" >"$WORK/vm.log" 2>&1 || true
	cat "$WORK/console.log" >>"$WORK/consoles.log"
}

# last_words NAME - what the guest said first of what it died of.
last_words() {
	local said

	said=$(sed -n "/\\] mutant $1 begins/,\$p" "$WORK/console.log" |
		grep -a -m 1 -E 'not ok|BUG|WARNING|KASAN|panic|fault|stall') || true
	echo "${said:-it hung}"
}

# judge - take the verdicts of a boot off the pending list.  A mutant that began and has none has
# killed the guest, or made it hang.
judge() {
	local name said left=() before=${#pending[@]}

	for name in "${pending[@]}"; do
		said=$(sed -n "s/.*\] mutant $name //p" "$WORK/console.log" | tail -n 1)
		case $said in
		caught*) verdict "$name" caught "${said#caught: }" ;;
		missed) verdict "$name" missed "by $(test_of "$name")" ;;
		begins) verdict "$name" caught "the guest died: $(last_words "$name")" ;;
		*) left+=("$name") ;;
		esac
	done
	((${#left[@]} < before)) || die "the guest does not boot: see $WORK/console.log"
	pending=("${left[@]}")
}

# controls NAME... - one that stands for each suite that is used with the same parameters.
controls() {
	local name

	for name; do
		echo "$(test_of "$name") $(boot_of "$name"):$CONTROL-$name"
	done | sort -t : -u -k 1,1 | sed 's/.*://'
}

# alike WORDS - those that are pending and need these words, but not too many.
alike() {
	local name

	for name in "${pending[@]}"; do
		[[ $(boot_of "$name") != "$1" ]] || echo "$name"
	done | head -n "$PER_BOOT"
}

# run_pending - boot as often as needed, each time with what no boot has had a verdict for.
run_pending() {
	local words batch

	while ((${#pending[@]})); do
		words=$(boot_of "${pending[0]}")
		mapfile -t batch < <(alike "$words")
		boot "$words" "${batch[@]}"
		judge
	done
}

# is_fit NAME - did its test pass without it?
is_fit() {
	local test

	for test in "${unfit[@]}"; do
		[[ $test != "$(test_of "$1")" ]] || return
	done
}

# run_kunit NAME... - the mutants are built while what has no bug is tested.
run_kunit() {
	local pending=() unfit=() name builder

	"$ROOT/scripts/testkernel.sh" debug >"$WORK/kernel.log"
	kernel_use debug
	control_modules "$@"
	mutants "$@" &
	builder=$!
	run_pending
	wait "$builder"
	for name; do
		if ! is_fit "$name"; then
			broken "$name" "its test fails without it: see $WORK/consoles.log"
		elif [[ -e $WORK/$name.arena.ko ]]; then
			pending+=("$name")
		else
			broken "$name" "does not apply or does not build: see $WORK/$name.log"
		fi
	done
	run_pending
}

parse_options "$@"
for name in "${words[@]}"; do
	[[ -e $ROOT/mutations/$name.patch ]] || die "'$name' is no bug: see --list"
done
if ((list)); then
	list
	exit
fi
[[ $sample == [1-9]* ]] || sample=6
need_packages patch gcc make
rm -rf "$WORK"
copy_tree
in_user=() in_litmus=() in_kunit=()
while read -r name; do
	case $(header "$name" suite) in
	user) in_user+=("$name") ;;
	litmus) in_litmus+=("$name") ;;
	*) in_kunit+=("$name") ;;
	esac
done < <(names)
((${#in_user[@]} == 0)) || run_user "${in_user[@]}"
((${#in_litmus[@]} == 0)) || run_litmus "${in_litmus[@]}"
((${#in_kunit[@]} == 0)) || run_kunit "${in_kunit[@]}"
echo "$caught caught, $missed missed, $broken broken"
((broken == 0)) || exit 2
((missed == 0))
