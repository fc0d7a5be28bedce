#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# mutate.sh - put known bugs into the code, one at a time, and see whether the tests notice.
#
# usage: scripts/mutate.sh [--all | --sample | --list | NAME...]
#
#   --all     every bug in mutations/
#   --sample  about one in six, different ones each day (the default)
#   --list    print the bugs, each with the suite that should notice it
#   --help    print this text
#
# A bug is a file mutations/NAME.patch that begins with what it is (bug:) and which suite is the
# cheapest that should notice (suite:): "user" is the user-space tests of the free tree, anything else
# a KUnit suite in the debug kernel.  Each is applied in a scratch copy of the tree.  First the same
# suites must pass without a bug, or their verdict would mean nothing.
#
# Logs are kept in build/mutate/.  Exit status: 0 if all bugs were caught, 1 if one was missed, 2 for
# a bad option, a patch that does not apply or does not build, or a suite that fails by itself.

set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/kernels.sh
. "$ROOT/scripts/kernels.sh"

WORK=$BUILD/mutate
CONTROL=no-bug
names=() pending=() caught=0 missed=0 broken=0

all_names() {
	local file

	for file in "$ROOT"/mutations/*.patch; do
		basename "$file" .patch
	done
}

header() {
	sed -n "s/^$2: //p;/^$/q" "$ROOT/mutations/$1.patch"
}

list() {
	local name

	while read -r name; do
		printf '%-30s %-18s %s\n' "$name" "$(header "$name" suite)" "$(header "$name" bug)"
	done < <(all_names)
}

sample() {
	all_names | awk -v day="$(($(date +%s) / 86400))" '(NR + day) % 6 == 0'
}

parse() {
	local word

	[[ ${1:-} ]] || set -- --sample
	for word; do
		case $word in
		--help)
			usage
			exit 0
			;;
		--list)
			list
			exit 0
			;;
		--all) mapfile -t -O ${#names[@]} names < <(all_names) ;;
		--sample) mapfile -t -O ${#names[@]} names < <(sample) ;;
		*)
			[[ -e $ROOT/mutations/$word.patch ]] || die "'$word' is no option and no bug: see --list"
			names+=("$word")
			;;
		esac
	done
}

# copy_tree DIR - the sources as they are now, without what was built.
copy_tree() {
	mkdir -p "$1"
	tar -C "$ROOT" -c --exclude=./build --exclude=./.git --exclude='*.o' --exclude='*.ko' \
		--exclude='*.mod' --exclude='*.mod.c' --exclude='.*.cmd' . | tar -C "$1" -x
}

# apply NAME DIR [PATCH-OPTION] - put a bug in; the control has none.
apply() {
	[[ $1 == "$CONTROL"* ]] ||
		patch -d "$2" -p1 -F3 -s --no-backup-if-mismatch "${@:3}" <"$ROOT/mutations/$1.patch"
}

# broken NAME WHY - a patch that is of no use.
broken() {
	printf '%-7s %-30s %s\n' broken "$1" "$2"
	broken=$((broken + 1))
}

# verdict NAME caught|missed HOW
verdict() {
	if [[ $1 == "$CONTROL"* ]]; then
		[[ $2 == missed ]] || die "without any bug, a suite fails: $3 (see $WORK)"
		return
	fi
	printf '%-7s %-30s %s\n' "$2" "$1" "$3"
	if [[ $2 == caught ]]; then
		caught=$((caught + 1))
	else
		missed=$((missed + 1))
	fi
}

# user_tests NAME - run the user-space tests on a copy with the bug.
user_tests() {
	local dir=$WORK/user/tree log=$WORK/$1.log

	rm -rf "$dir"
	copy_tree "$dir"
	# Else make would take an object with another bug for up to date.
	find "$dir" -maxdepth 1 -name '*.[ch]' -exec touch {} +
	if ! apply "$1" "$dir"; then
		broken "$1" "does not apply"
		return
	fi
	if timeout 600 make -C "$dir/user" BUILD="$WORK/user/build" TOOLS="$BUILD/user/kernel/tools" test \
		>"$log" 2>&1; then
		verdict "$1" missed "by the user-space tests"
	elif grep -q 'error:' "$log"; then
		broken "$1" "does not build: see $log"
	else
		verdict "$1" caught "$(grep -m 1 '^not ok' "$log" || tail -n 1 "$log")"
	fi
}

# build_mutant NAME - NAME.arena.ko and NAME.kunit.ko, from one directory so that little is rebuilt.
# Fails if that cannot be.
build_mutant() {
	local dir=$WORK/tree log=$WORK/$1.build.log status=0

	if ! apply "$1" "$dir" --dry-run; then
		broken "$1" "does not apply"
		return 1
	fi
	apply "$1" "$dir"
	if make -C "$KERNEL_HEADERS" M="$dir" -j "$(nproc)" modules >"$log" 2>&1; then
		cp "$dir/vmap_arena.ko" "$WORK/$1.arena.ko"
		cp "$dir/vmap_kunit.ko" "$WORK/$1.kunit.ko"
	else
		broken "$1" "does not build: see $log"
		status=1
	fi
	apply "$1" "$dir" -R
	return "$status"
}

# boot_mutants PAIR... - boot once with all that are pending.
boot_mutants() {
	local pair options=()

	for pair; do
		options+=(--module "$WORK/${pair%,*}.arena.ko" --module "$WORK/${pair%,*}.kunit.ko")
	done
	"$ROOT/scripts/vm.sh" --kernel debug --mem 1536 --timeout 1800 --append numa=fake=2 \
		--script "$ROOT/scripts/guest/mutants.sh" --file "$ROOT/scripts/guest/kunit-lib.sh" \
		--log "$WORK/console.log" "${options[@]}" -- "$@" >/dev/null 2>&1 || true
	cat "$WORK/console.log" >>"$WORK/consoles.log"
}

# judge_boot - take the verdicts of a boot off the pending list.  A mutant that began and has none has
# killed the guest, or made it hang.
judge_boot() {
	local word name rest left=() seen

	for word in "${pending[@]}"; do
		name=${word%,*}
		seen=$(grep -a "^mutant $name " "$WORK/console.log" | tail -n 1)
		rest=${seen#mutant "$name" }
		case $rest in
		caught*) verdict "$name" caught "${rest#caught: }" ;;
		missed) verdict "$name" missed "by ${word#*,}" ;;
		begins) verdict "$name" caught "the guest died or hung" ;;
		*) left+=("$word") ;;
		esac
	done
	((${#left[@]} < ${#pending[@]})) || die "the guest does not boot: see $WORK/console.log"
	pending=("${left[@]}")
}

# kunit_tests PAIR... - boot as often as needed, each time with what no boot has had a verdict for.
kunit_tests() {
	local pair

	"$ROOT/scripts/testkernel.sh" debug >"$WORK/kernel.log"
	kernel_use debug
	copy_tree "$WORK/tree"
	for pair; do
		! build_mutant "${pair%,*}" || pending+=("$pair")
	done
	while ((${#pending[@]})); do
		boot_mutants "${pending[@]}"
		judge_boot
	done
}

# control_pairs PAIR... - each suite that is used, once without a bug.
control_pairs() {
	printf '%s\n' "${@#*,}" | sort -u | sed "s/.*/$CONTROL-&,&/"
}

parse "$@"
need_packages patch gcc make
rm -rf "$WORK"
mkdir -p "$WORK"
user=() kunit=()
for name in "${names[@]}"; do
	suite=$(header "$name" suite)
	if [[ $suite == user ]]; then user+=("$name"); else kunit+=("$name,$suite"); fi
done
if ((${#user[@]})); then
	for name in "$CONTROL" "${user[@]}"; do
		user_tests "$name"
	done
fi
if ((${#kunit[@]})); then
	mapfile -t controls < <(control_pairs "${kunit[@]}")
	kunit_tests "${controls[@]}" "${kunit[@]}"
fi
echo "$caught caught, $missed missed, $broken broken"
((broken == 0)) || exit 2
((missed == 0))
