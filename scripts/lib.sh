# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# lib.sh - what all scripts share: where things are, messages, checked numbers, Debian packages.
# Sourced, never run.
#
# Everything that a script makes goes below build/, which may be deleted at any time.  The machine
# itself is changed in one way only: Debian packages that are missing are installed, and named.

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

# need_number OPTION VALUE MIN MAX - refuse a value that is not a whole number in [MIN, MAX].
need_number() {
	if [[ ! $2 =~ ^[0-9]{1,12}$ ]] || ((10#$2 < $3 || 10#$2 > $4)); then
		die "$1: '$2' is not a whole number from $3 to $4"
	fi
}

# need_argument OPTION COUNT - refuse an option that is the last word on the command line.
need_argument() {
	(($2 > 1)) || die "$1 needs an argument"
}

# usage - print the comment block at the top of the calling script.
usage() {
	sed -n '4,${/^#/!q;s/^# \{0,1\}//;p}' "$0"
}

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

# use_suite_apt SUITE - let apt be one that knows the packages of a Debian suite (sid, for example), for
# both architectures, and nothing that is installed.  Their lists are fetched if there are none; fails if
# they cannot be had.  Another may be using the same apt, so no file is ever half written.
use_suite_apt() {
	local dir=$BUILD/apt/$1 keys=/usr/share/keyrings/debian-archive-keyring.gpg

	need_packages debian-archive-keyring
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	: >>"$dir/status"
	echo "deb [signed-by=$keys] $(debian_mirror) $1 main" >"$dir/sources.$$"
	mv "$dir/sources.$$" "$dir/sources"
	# A mirror that stands still is none the less good for what it has.
	cat >"$dir/apt.conf.$$" <<-EOF
		APT::Architectures { "amd64"; "arm64"; };
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::Check-Valid-Until "false";
		Dir::Etc::sourcelist "$dir/sources";
		Dir::Etc::sourceparts "-";
		Dir::State "$dir";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir/cache";
	EOF
	mv "$dir/apt.conf.$$" "$dir/apt.conf"
	export APT_CONFIG=$dir/apt.conf
	compgen -G "$dir/lists/*_Packages*" >/dev/null || apt_run update --error-on=any
}
