# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# litmus-lib.sh - do the sources have what a litmus test models?  Sourced.
#
# A test in litmus/ has lines in its comment that say where in the sources the protocol is:
#
#   code: FILE FUNCTION WORD...
#
# The function, or macro, has these words (barriers, accesses, calls) in this order.

# function_body FILE NAME - of a C function or a macro.
function_body() {
	awk -v name="$2" '
		!inside && $0 ~ "^(#define |[a-z].*[ *])" name "\\(" { inside = 1; body = "" }
		inside { body = body $0 "\n" }
		inside && /;$/ && body !~ /{/ && !/^#define/ { inside = 0 }
		inside && (body ~ /^#define/ ? !/\\$/ : /^}/) { printf "%s", body; exit }' "$1"
}

# has_in_order TEXT WORD...
has_in_order() {
	local rest=$1 word

	for word in "${@:2}"; do
		[[ $rest == *"$word"* ]] || {
			echo "no $word, or not in this order"
			return 1
		}
		rest=${rest#*"$word"}
	done
}

# says_what_code TEST - the functions that it names are there, in the tree that it lies in, and have what
# it says.
says_what_code() {
	local tree=${1%/litmus/*} file name words bad=0 seen=0

	while read -r file name words; do
		seen=1
		# shellcheck disable=SC2086 # words
		has_in_order "$(function_body "$tree/$file" "$name")" "$name" $words || {
			echo "in $file, $name()"
			bad=1
		}
	done < <(sed -n 's/^ \* code: //p' "$1")
	((seen && !bad))
}
