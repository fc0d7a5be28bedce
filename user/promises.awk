# SPDX-License-Identifier: GPL-2.0
#
# promises.awk - what the kernel-doc of each exported function says of its steps, as entries of a table
#
# The one form of a promise is a line " * Steps: at most SUM", where SUM adds terms "NUMBER" or
# "NUMBER * FACTOR"; the factors are those of factor[].  " * Steps: as NAME()" promises the same as
# NAME().  A sum that ends with "+" goes on in the next line.  Where no sum can be promised the line is " * Steps: no formula: " and what bounds them.
# A comment that says it of something else, a lock for example, has " * Steps, NAME: at most SUM".

BEGIN {
	factor["pages"] = 1
	factor["log2(extents)"] = 2
	factor["misses * log2(extents)"] = 3
	factor["cached * log2(extents)"] = 4
	factor["full"] = 5
	factor["pressed"] = 6
	factor["pressed * log2(extents)"] = 7
	factor["waiting * log2(extents)"] = 8
	factor["shards * full"] = 9
	FACTORS = 10
}

function put(what, kind, text) {
	printf "{ \"%s\", %s, \"%s\", { %s } },\n", what, kind, text, numbers
	known[what] = 1
}

# The sum as the numbers of its factors; "" if it is none.
function numbers_of(sum,    terms, count, i, at, number, sums, list) {
	count = split(sum, terms, " [+] ")
	for (i = 1; i <= count; i++) {
		at = match(terms[i], / [*] /)
		number = at ? substr(terms[i], 1, at - 1) : terms[i]
		if (number !~ /^[1-9][0-9]*$/ || (at && !(substr(terms[i], at + 3) in factor)))
			return ""
		sums[at ? factor[substr(terms[i], at + 3)] : 0] += number
	}
	for (i = 0; i < FACTORS; i++)
		list = list (i ? ", " : "") (sums[i] + 0)
	return list
}

function promise(what, text) {
	numbers = "0"
	if (text ~ /^no formula: ./)
		put(what, "PROMISE_NONE", "")
	else if (text ~ /^as [a-z_]+\(\)$/)
		put(what, "PROMISE_AS", substr(text, 4, length(text) - 5))
	else if (sub(/^at most /, "", text) && (numbers = numbers_of(text)) != "")
		put(what, "PROMISE_SUM", text)
	else {
		numbers = "0"
		put(what, "PROMISE_UNREADABLE", "")
	}
}

/^ \* [a-z_]+\(\) - / {
	name = substr($2, 1, length($2) - 2)
}

# The rest of the line, and of the lines that follow a "+" at its end.
function rest(from,    text, more) {
	text = substr($0, from)
	while (text ~ / [+]$/ && (getline more) > 0)
		text = text " " substr(more, match(more, /[^ \t*]/))
	return text
}

/^ \* Steps: / {
	promise(name, rest(11))
}

/^ \* Steps, [^:]+: / {
	what = $0
	sub(/^ \* Steps, /, "", what)
	sub(/:.*/, "", what)
	promise(what, rest(13 + length(what)))
}

/^EXPORT_SYMBOL_GPL\(/ {
	name = substr($0, 19, index($0, ")") - 19)
	numbers = "0"
	if (!(name in known))
		put(name, "PROMISE_MISSING", "")
}
