# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# mutate-kunit.sh - the bugs that something in the debug kernel should notice.  Sourced by mutate.sh.
#
# Modules with a bug each are built while those without one, the controls, are tested; a boot takes as many
# as need the same words on its command line, and the next one goes on after a guest that died.

ALWAYS=span_size=2M
COMMON='numa=fake=2 watchdog_thresh=10 patience=21 softlockup_panic=1 hung_task_panic=1 sysctl.kernel.hung_task_timeout_secs=120 sysctl.kernel.panic_on_rcu_stall=1'
PER_BOOT=16

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
