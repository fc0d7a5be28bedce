#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# in-suite.sh - run a command in a Debian tree, with the machine's own directories in it.
#
# usage: build/kernels/suites/SUITE/enter COMMAND [ARGUMENT]...
#
# suites.sh puts this file beside the directory `tree` that it enters.  Directories below / that are
# not part of a distribution (home, tmp, work, ...) are bound into the tree in a mount namespace of the
# command's own, so nothing is left of them when it ends; so are those in which a source tree may lie
# though the distribution has them.  The command starts where it was called.  SUITE_ENTERED is set for
# it.

set -euo pipefail

here=$(realpath "$(dirname "$0")")
tree=$here/tree

if [[ ${1-} != --mounted ]]; then
	exec unshare --mount --propagation private -- "$BASH" "$here/${0##*/}" --mounted "$@"
fi
shift

# bind DIRECTORY
bind() {
	mkdir -p "$tree$1"
	mount --rbind "$1" "$tree$1"
}

for dir in /*/; do
	case ${dir//\//} in
	bin | boot | etc | lib* | lost+found | proc | run | sbin | sys | usr | var) ;;
	*) bind "${dir%/}" ;;
	esac
done
for dir in /usr/local /usr/src /var/tmp; do
	[[ ! -d $dir ]] || bind "$dir"
done
mount -t proc proc "$tree/proc"
for file in /etc/resolv.conf /etc/hosts; do
	[[ ! -e $file ]] || { : >>"$tree$file" && mount --bind "$file" "$tree$file"; }
done
export SUITE_ENTERED=${here##*/} PATH=/usr/sbin:/usr/bin:/sbin:/bin
# shellcheck disable=SC2016 # the shell inside is to expand them
exec chroot "$tree" /bin/sh -c 'cd "$0" && exec "$@"' "$PWD" "$@"
