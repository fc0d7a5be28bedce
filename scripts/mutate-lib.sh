# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# mutate-lib.sh - puts a bug of mutations/ into a copy of the sources.  Sourced, after lib.sh.

# put_bug TREE NAME [PATCH-OPTION]... - with -R, take it out again.
put_bug() {
	patch -d "$1" -p1 -F3 -s --no-backup-if-mismatch "${@:3}" <"$ROOT/mutations/$2.patch"
}
