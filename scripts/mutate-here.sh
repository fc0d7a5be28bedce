# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# mutate-here.sh - the bugs that something else than the debug kernel should notice.  Sourced by mutate.sh.

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

# check_tests NAME - with the kernels that are here already, and their sources.
check_tests() {
	local log=$WORK/$1.log suite status=0 dir

	suite=$(header "${1#"$CONTROL"-}" suite)
	mkdir -p "$TREE/build"
	for dir in kernels testkernel; do
		[[ ! -d $BUILD/$dir ]] || ln -sfn "$BUILD/$dir" "$TREE/build/$dir"
	done
	"$TREE/scripts/check.sh" --only "${suite#check }" >"$log" 2>&1 || status=$?
	if ((status == 0)); then
		verdict "$1" missed "by $suite"
	elif ((status == 1)) && grep -q -m 1 '^ *not ok' "$log"; then
		verdict "$1" caught "$(grep -o -m 1 'not ok.*' "$log")"
	else
		broken "$1" "no test of $suite failed, yet its status is $status: see $log"
	fi
}

# run_here SUITE NAME... - what the debug kernel is not needed for.
run_here() {
	local name unfit=() tests=$1_tests controls

	if [[ $1 == user ]]; then
		need_packages libc6-dev xz-utils clang linux-source-6.12
		make_user "$BUILD/user/kernel/tools/lib/rbtree.c" >"$WORK/tools.log"
	fi
	mapfile -t controls < <(controls "${@:2}")
	for name in "${controls[@]}"; do
		"$tests" "$name"
		((${#unfit[@]} == 0)) || die "the $1 tests fail without a bug: see $WORK/$name.log"
	done
	for name in "${@:2}"; do
		with_bug "$name" "$tests" || broken "$name" "does not apply: see $WORK/$name.log"
	done
}
