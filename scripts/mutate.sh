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
#           of that name looks for in the sources, "check NAME" for a check of scripts/check.sh, else, in
#           the debug kernel, a KUnit suite or SUITE.CASE, or "unload": what is left of a run when the
#           modules are gone
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
# shellcheck source=scripts/mutate-lib.sh
. "$ROOT/scripts/mutate-lib.sh"
# shellcheck source=scripts/mutate-here.sh
. "$ROOT/scripts/mutate-here.sh"
# shellcheck source=scripts/mutate-kunit.sh
. "$ROOT/scripts/mutate-kunit.sh"

WORK=$BUILD/mutate
TREE=$WORK/tree
CONTROL=no-bug
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
		check\ *) ((user || kunit)) || echo "$name" ;;
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
	put_bug "$TREE" "$1" --dry-run >"$WORK/$1.log" 2>&1 || return
	put_bug "$TREE" "$1" >/dev/null
	"${@:2}" "$1"
	put_bug "$TREE" "$1" -R >/dev/null
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
exec 7>"$WORK.lock"
flock 7
rm -rf "$WORK"
copy_tree
in_user=() in_litmus=() in_check=() in_kunit=()
while read -r name; do
	case $(header "$name" suite) in
	user) in_user+=("$name") ;;
	litmus) in_litmus+=("$name") ;;
	check\ *) in_check+=("$name") ;;
	*) in_kunit+=("$name") ;;
	esac
done < <(names)
((${#in_user[@]} == 0)) || run_here user "${in_user[@]}"
((${#in_litmus[@]} == 0)) || run_here litmus "${in_litmus[@]}"
((${#in_check[@]} == 0)) || run_here check "${in_check[@]}"
((${#in_kunit[@]} == 0)) || run_kunit "${in_kunit[@]}"
echo "$caught caught, $missed missed, $broken broken"
((broken == 0)) || exit 2
((missed == 0))
