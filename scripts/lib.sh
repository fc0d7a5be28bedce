# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# lib.sh - what all scripts share: where things are, messages, options, Debian packages.
# Sourced, never run.
#
# Everything that a script makes goes below build/, which may be deleted at any time.  The machine
# itself is changed in one way only: Debian packages that are missing are installed, and named.

set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$ROOT/build
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	say "$*"
	exit 2
}

# shellcheck source=scripts/options.sh
. "$ROOT/scripts/options.sh"

# apt_run ARGUMENT... - apt-get; it waits for its turn only where it installs, so we do elsewhere.
apt_run() {
	mkdir -p "$BUILD"
	{
		flock 7
		apt-get -q -y -o DPkg::Lock::Timeout=600 "$@" >"$BUILD/apt-$$.log" 2>&1 </dev/null 7>&-
	} 7>"$BUILD/apt.lock" &&
		rm -f "$BUILD/apt-$$.log"
}

apt_update() {
	say "fetching the package lists"
	apt_run update || die "apt-get update failed: see $BUILD/apt-$$.log"
}

# make_user WORD... - make these of user/, below BUILD/user; checks that run side by side wait here for each other.
make_user() {
	mkdir -p "$BUILD"
	flock "$BUILD/user.lock" make -C "$ROOT/user" BUILD="$BUILD/user" "$@"
}

# need_packages NAME... - install the Debian packages that are missing; nothing is asked of the
# network when none is.
need_packages() {
	local missing=() name

	for name; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] ||
			missing+=("$name")
	done
	((${#missing[@]})) || return 0
	((EUID == 0)) || die "these packages are missing and only root can install them: ${missing[*]}"
	say "installing ${missing[*]}"
	apt_run install --no-install-recommends "${missing[@]}" && return
	apt_update
	apt_run install --no-install-recommends "${missing[@]}" ||
		die "cannot install ${missing[*]}: see $BUILD/apt-$$.log"
}

# debian_mirror - where the machine's apt has Debian itself from.
debian_mirror() {
	local mirror

	# shellcheck disable=SC2016 # apt puts the values in
	mirror=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
		awk '$1 == "Debian" && $2 !~ /security/ { print $2; exit }') || true
	echo "${mirror:-http://deb.debian.org/debian}"
}

# suite_source SUITE - a line of sources.list for a Debian suite.
suite_source() {
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) $1 main"
}

# own_apt DIR [LINE]... - let apt be one that keeps its lists in DIR, knows the packages of both
# architectures, and nothing that is installed; the lines go into its configuration.  It looks up and
# downloads, and can install nothing, whatever it is told: knowing of no package that the machine has it
# would replace the machine's C library without a question, so its dpkg is a program that only fails.
# Another may be using the same one, so no file is ever half written.
own_apt() {
	local dir

	dir=$(realpath -m "$1")
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	: >>"$dir/status"
	# A mirror that stands still is none the less good for what it has.
	cat >"$dir/apt.conf.$$" <<-EOF
		APT::Architectures { "amd64"; "arm64"; };
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::Check-Valid-Until "false";
		Dir::State "$dir";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir/cache";
		Dir::Bin::dpkg "/bin/false";
		$(printf '%s\n' "${@:2}")
	EOF
	mv "$dir/apt.conf.$$" "$dir/apt.conf"
	export APT_CONFIG=$dir/apt.conf
}

# use_suite_apt SUITE - let apt be one of our own that knows a Debian suite (sid, for example), and no
# other.  Its lists are fetched if there are none; fails if they cannot be had.
use_suite_apt() {
	local dir

	need_packages debian-archive-keyring
	dir=$(realpath -m "$BUILD/kernels/suites/$1")
	mkdir -p "$dir"
	suite_source "$1" >"$dir/sources.$$"
	mv "$dir/sources.$$" "$dir/sources"
	own_apt "$dir" "Dir::Etc::sourcelist \"$dir/sources\";" 'Dir::Etc::sourceparts "-";'
	compgen -G "$dir/lists/*_Packages*" >/dev/null || apt_run update --error-on=any
}

# shellcheck source=scripts/kernels.sh
. "$ROOT/scripts/kernels.sh"
