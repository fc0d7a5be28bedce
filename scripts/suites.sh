# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# suites.sh - trees of Debian suites that the machine does not run.  Sourced, after lib.sh.
#
#   suite_tree SUITE PACKAGE...  make a Debian tree of the suite that has the packages; sets SUITE_ENTER
#                                to the program that runs a command in the tree
#
# A tree is made at most once a suite, below build/kernels/suites/, and gets further packages when they
# are asked for.  A command in it sees all of the machine's directories that are not part of a
# distribution (in-suite.sh), so that paths mean the same inside and outside.  That takes root.
# suite_tree returns 1, after saying why, where a tree cannot be had.

SUITES=$BUILD/kernels/suites

# tree_lacks TREE PACKAGE... - those that it does not have.
tree_lacks() {
	local tree=$1 name

	shift
	for name; do
		[[ $(dpkg-query --admindir="$tree/var/lib/dpkg" -W -f '${db:Status-Status}' "$name" \
			2>/dev/null) == installed ]] || echo "$name"
	done
}

# make_tree DIR SUITE PACKAGE... - DIR/tree, or nothing.
make_tree() {
	local dir=$1 suite=$2 packages

	shift 2
	need_packages mmdebstrap debian-archive-keyring
	say "making a Debian tree of $suite: some minutes"
	packages=$*
	rm -rf "$dir/tree.new"
	mmdebstrap --mode=root --variant=apt --include="${packages// /,}" \
		--aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Sandbox::User "root"' \
		"$suite" "$dir/tree.new" "$(suite_source "$suite")" >"$dir/log" 2>&1 </dev/null || {
		say "cannot make a tree of $suite: see $dir/log"
		return 1
	}
	mv "$dir/tree.new" "$dir/tree"
}

# extend_tree DIR PACKAGE... - what a tree lacks; its lists may be older than the mirror.
extend_tree() {
	local dir=$1 enter=("$1/enter" env DEBIAN_FRONTEND=noninteractive apt-get -q -y)

	shift
	say "adding to the tree $dir: $*"
	if ! "${enter[@]}" update >"$dir/log" 2>&1 </dev/null ||
		! "${enter[@]}" install --no-install-recommends "$@" >>"$dir/log" 2>&1 </dev/null; then
		say "cannot add $* to the tree: see $dir/log"
		return 1
	fi
}

# suite_tree SUITE PACKAGE...
suite_tree() {
	local dir=$SUITES/$1 lacks

	((EUID == 0)) || {
		say "a Debian tree of $1 is entered with chroot, which takes root"
		return 1
	}
	mkdir -p "$dir"
	{
		flock 8
		cmp -s "$ROOT/scripts/in-suite.sh" "$dir/enter" ||
			{ cp "$ROOT/scripts/in-suite.sh" "$dir/enter.$$" && mv "$dir/enter.$$" "$dir/enter"; }
		[[ -d $dir/tree ]] || make_tree "$dir" "$@" || return
		mapfile -t lacks < <(tree_lacks "$dir/tree" "${@:2}")
		((${#lacks[@]} == 0)) || extend_tree "$dir" "${lacks[@]}" || return
	} 8>"$dir/lock"
	SUITE_ENTER=$(realpath "$dir")/enter
	"$SUITE_ENTER" true 2>/dev/null || {
		say "cannot enter the tree of $1: that takes the right to mount and to chroot"
		return 1
	}
}
