# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# suites.sh - packages of Debian suites that the machine does not run.  Sourced, after lib.sh.
#
#   use_own_apt NAME [SUITE]     from here on apt is one of our own, with lists of its own: those of the
#                                suite, or of the machine's sources for a further architecture
#   suite_tree SUITE PACKAGE...  make a Debian tree of the suite that has the packages; sets SUITE_ENTER
#                                to the program that runs a command in the tree
#
# The packages come from the mirror that the machine's own sources name.  An apt of our own looks up and
# downloads; it can install nothing, whatever it is told: its dpkg is a program that only fails, for it
# knows of no package that the machine has, and would replace its C library without a question.
#
# A tree is made at most once a suite, below build/kernels/suites/, and gets further packages when they
# are asked for.  A command in it sees all of the machine's directories that are not part of a
# distribution (in-suite.sh), so that paths mean the same inside and outside.  That takes root.
# suite_tree returns 1, after saying why, where a tree cannot be had.

SUITES=$BUILD/kernels/suites

# machine_source - mirror and signing key (or a trusted=yes) of what the machine's suite comes from.
machine_source() {
	local codename uri entry key

	codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	read -r uri entry < <(apt-get indextargets --format "\$(REPO_URI) \$(SOURCESENTRY) \$(RELEASE)" \
		'Created-By: Packages' 'Component: main' "Release: $codename") || return
	key=$(grep -ihoE 'signed-by[=:] *[^] ]+|trusted[=:] *yes' "${entry%:*}" | head -n 1 | tr -d ' ')
	echo "${uri%/} ${key/:/=}"
}

# suite_source SUITE - a line for sources.list.
suite_source() {
	local uri key

	read -r uri key < <(machine_source) || {
		say "apt has no source of the machine's own Debian suite, whose mirror has $1"
		return 1
	}
	echo "deb ${key:+[${key,,}] }$uri $1 main"
}

# use_own_apt NAME [SUITE] - others may be using the same one, so no file is ever half written.
use_own_apt() {
	local dir=$BUILD/kernels/$1 source=''

	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	: >>"$dir/status"
	if (($# > 1)); then
		source=$(suite_source "$2") || return
		echo "$source" >"$dir/sources.list.$$"
		mv "$dir/sources.list.$$" "$dir/sources.list"
		source="Dir::Etc { sourcelist \"$dir/sources.list\"; sourceparts \"/dev/null\"; };"
	fi
	cat >"$dir/apt.conf.$$" <<-END
		APT::Architectures { "amd64"; "arm64"; };
		Acquire::Languages "none";
		Acquire::Check-Valid-Until "false";
		Dir::State "$dir";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir/cache";
		Dir::Bin::dpkg "/bin/false";
		$source
	END
	mv "$dir/apt.conf.$$" "$dir/apt.conf"
	export APT_CONFIG=$dir/apt.conf
}

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
	local dir=$1 suite=$2 source packages

	shift 2
	source=$(suite_source "$suite") || return
	need_packages mmdebstrap
	say "making a Debian tree of $suite: some minutes"
	packages=$*
	rm -rf "$dir/tree.new"
	mmdebstrap --mode=root --variant=apt --include="${packages// /,}" \
		--aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Sandbox::User "root"' \
		"$suite" "$dir/tree.new" "$source" >"$dir/log" 2>&1 </dev/null || {
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
	# shellcheck disable=SC2034 # for the scripts that source this file
	SUITE_ENTER=$(realpath "$dir")/enter
}
