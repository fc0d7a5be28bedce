# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# drivers-lib.sh - whether two sides of a driver that bring out the same have brought out anything.

# is_something DIR - there are files, of which none is empty, nor has the checksum of nothing.
is_something() {
	find "$1" -type f | grep -q . && ! find "$1" -type f -size 0 | grep . &&
		! grep -r "$(sha256sum </dev/null | cut -d ' ' -f 1)" "$1"
}
