# SPDX-License-Identifier: GPL-2.0
#
# breakdown.awk - how many instructions of an allocation, and of a free, go into which part of the call.
#
# usage: awk -v unnamed=FILE -f trace.awk -f breakdown.awk ROWS SYMBOLS TRACE
#
# ROWS: breakdown.rows.  SYMBOLS: lines of /proc/kallsyms, sorted.  TRACE: what QEMU logs of each
# instruction.  Prints PART, instructions an allocation, instructions a free; and as "calls" how many of each there
# were.  Functions that ROWS does not name are counted in FILE.
#
# A call begins with the first instruction of a function *_alloc or *_free of vmap_bench (or *_pages), and ends in
# time_alloc() or time_free(), which called it.  A call in which an interrupt came, or another task ran, is not
# counted.  "later" is what the named functions do between calls, as workers do it, for each pair of calls.

function add_row(line,   tab) {
	if (line ~ /^#/ || line == "")
		return
	tab = index(line, "\t")
	rows++
	part[rows] = substr(line, 1, tab - 1)
	pattern[rows] = "^(" substr(line, tab + 1) ")$"
}

# What an instruction of a symbol means: "time" of which kind, "begin" of a call, "disturbed", a part, or "same".
function meaning_of(symbol,   name, i) {
	name = name_of[symbol]
	if (module_of[symbol] == "[vmap_bench]") {
		if (name ~ /^time_(alloc|free)/)
			return substr(name, 6, 5) ~ /^alloc/ ? "time alloc" : "time free"
		return name ~ /_(alloc|free)(_pages)?$/ ? "begin" : "same"
	}
	if (disturbs(name))
		return "disturbed"
	name = source_name(name)
	for (i = 1; i <= rows; i++)
		if (name ~ pattern[i])
			return part[i]
	return "same"
}

function end_call(   each) {
	if (in_call && !disturbed) {
		calls[kind]++
		for (each in here)
			sum[kind, each] += here[each]
	}
	split("", here)
	in_call = 0
}

FILENAME == ARGV[1] { add_row($0); next }
FILENAME == ARGV[2] { add_symbol(); next }
/^Trace/ {
	address = executed()
	if (!(address in meaning))
		named[address] = name_of[look_up(address)]
	now = meaning[address]
	if (now ~ /^time/) {
		end_call()
		kind = substr(now, 6)
		next
	}
	if (now == "begin" && !in_call && kind != "") {
		in_call = 1
		disturbed = 0
		at = "call"
	}
	if (!in_call) {
		later += now != "same" && now != "begin" && now != "disturbed"
		next
	}
	if (now == "disturbed")
		disturbed = 1
	else if (now == "same")
		others[named[address]]++
	else
		at = now == "begin" ? "call" : now
	here[at]++
}

END {
	if (!calls["alloc"] || !calls["free"]) {
		print "no whole call in the trace" >"/dev/stderr"
		exit 1
	}
	printf "calls\t%d\t%d\n", calls["alloc"], calls["free"]
	for (i = 1; i <= rows; i++)
		printf "%s\t%.0f\t%.0f\n", part[i], sum["alloc", part[i]] / calls["alloc"], sum["free", part[i]] / calls["free"]
	printf "later\t0\t%.0f\n", later / calls["free"]
	for (each in others)
		print others[each], each >unnamed
}
