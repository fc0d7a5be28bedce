#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# layers.sh OBJECTS [PICTURE] - does no call go up?  OBJECTS is where the module was compiled (Kbuild puts a
# file's object beside it); the layers, from the highest down, are in the file PICTURE, by default
# Documentation/internals.rst.  Prints each call or include that goes up, each circle of calls or includes,
# and each global name without a prefix of ours; fails if there is any.

set -euo pipefail

ROOT=$(dirname "$(realpath "$0")")/..
PICTURE=$(realpath "${2:-$ROOT/Documentation/internals.rst}")
cd "$ROOT"

# parts - the module's files, as Kbuild names them.
parts() {
	sed -n '/^vmap_arena-y/,/[^\\]$/p' Kbuild | grep -oE '[a-z_]+\.o' | sed 's/\.o$//'
}

# calls OBJECTS - a line "FROM TO" for each file that uses a symbol of another.
calls() {
	local part

	for part in $(parts); do
		nm "$1/$part.o" | awk -v part="$part" 'NF == 3 && $2 ~ /[TDBRVW]/ { print "has", $3, part }
			$1 == "U" { print "needs", $2, part }'
	done | sort | awk '$1 == "has" { home[$2] = $3 }
		$1 == "needs" && $2 in home && home[$2] != $3 { print $3 ".c", home[$2] ".c" }' | sort -u
}

# includes - likewise for each #include "..." of the core.
includes() {
	local part

	for part in $(parts | sed 's/$/.c/') *.h; do
		sed -n "s/^#include \"\(.*\)\"/$part \1/p" "$part"
	done
}

# picture - a line "LAYER FILE" for each file of the picture; layer 1 is the highest.
picture() {
	sed -n '/^.. layers begin/,/^.. layers end/p' "$PICTURE" |
		awk '/^\t/ { n++; for (i = 1; i <= NF && $i ~ /^[a-z_]+\.[ch]$|^arch\/$/; i++) print n, $i }'
}

# going_up - of the edges on standard input, those that go up, and files that the picture has not.
going_up() {
	awk 'NR == FNR { layer[$2] = $1; next }
		{
			for (i = 1; i <= 2; i++) {
				sub("arch/.*", "arch/", $i)
				if (!($i in layer)) { print $i " is not in the picture"; bad = 1 }
			}
			if (layer[$2] < layer[$1]) { print $1 " goes up to " $2; bad = 1 }
		}
		END { exit bad }' <(picture) -
}

# strangers OBJECTS - global names that a kernel header might take, too.
strangers() {
	parts | sed "s,.*,$1/&.o," | xargs nm | awk 'NF == 3 && $2 ~ /[TDBR]/ { print $3 }' |
		grep -vE "^(vmap_|free_(tree|summary)_|v(win|chunk|huge|ext|space|span|lost|walk|bad|remote|purge|cache|place|take|shard|watch|reserve|slots|alloc|page|stock|arena|own|compact|leak|debug|catch)_)" |
		grep -vE '^(init_module|cleanup_module|__)'
}

status=0
! strangers "$1" || status=1
for edges in "calls $1" includes; do
	found=$($edges)
	going_up <<<"$found" || status=1
	tsort <<<"$found" >/dev/null || status=1
done
exit "$status"
