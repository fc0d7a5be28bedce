# SPDX-License-Identifier: GPL-2.0
#
# holds.awk - how long which lock is held, from a trace of each instruction.
#
# usage: awk -v unnamed=FILE -f trace.awk -f holds.awk ROWS SYMBOLS TRACE
#
# ROWS: holds.rows.  SYMBOLS: lines of /proc/kallsyms, sorted.  TRACE: what QEMU logs of each instruction, and in a part
# of it the registers.  Prints for each lock of ROWS: name, kind, holds for a pair of calls, instructions held for
# a pair, and those of the longest hold.  Locks that ROWS does not name are counted in FILE.  Last, as "later", what
# workers execute for a pair.
#
# A hold lasts from the return of a function that takes a lock (_raw_spin_lock and its like) to the call of one that
# gives a lock back.  Where a lock is taken, the first argument is its address: if that is a variable of the kernel, it
# names the lock, for all calls from the same place; else the function does that takes it, after "try " if it does not
# wait.  A hold into which an interrupt came is counted, but not its length.  Pairs are the frees of the benchmark,
# whoever holds locks meanwhile: what is left for later to a worker is in the sum.

function add_row(line,   field) {
	if (line ~ /^#/ || line == "")
		return
	split(line, field, "\t")
	rows++
	kind_of[rows] = field[1]
	lock_of[rows] = field[2]
	if (!(field[2] in row_named))
		row_named[field[2]] = rows
	pattern[rows] = "^(" field[3] ")$"
}

function row_of(name,   i) {
	for (i = 1; i <= rows; i++)
		if (name ~ pattern[i])
			return row_named[lock_of[i]]
	return 0
}

# What an instruction does: "take" or "give" a lock, begin to "work" as a worker, or to "switch" to another task, "disturb"
# what is held, "free" in the benchmark, or none of these.
function meaning_of(symbol,   name) {
	name = name_of[symbol]
	if (name ~ /^_raw_spin_(try)?lock/)
		return "take"
	if (name ~ /^_raw_spin_unlock/)
		return "give"
	if (name == "process_one_work")
		return "work"
	if (name == "__schedule")
		return "switch"
	if (disturbs(name))
		return "disturb"
	return module_of[symbol] == "[vmap_bench]" && name ~ /^time_free/ ? "free" : ""
}

# The lock that is taken from @site, as far as is known.
function lock_at(site) {
	return site in variable ? variable[site] : tried[site] named[site]
}

function give_back(   lock) {
	if (!depth)
		return
	lock = lock_at(site_of[depth])
	holds[lock]++
	if (!disturbed[depth]) {
		undisturbed[lock]++
		sum[lock] += now - since[depth]
		if (now - since[depth] > longest[lock])
			longest[lock] = now - since[depth]
	}
	depth--
}

FILENAME == ARGV[1] { add_row($0); next }
FILENAME == ARGV[2] {
	add_symbol()
	at[$1] = symbols
	next
}
/^RSI=/ && taking == "new" {
	taking = "yes"
	address = substr($2, 5)
	if (address in at)
		variable[site] = name_of[at[address]]
	next
}
/^Trace/ {
	address = executed()
	if (!(address in meaning)) {
		symbol = look_up(address)
		named[address] = source_name(name_of[symbol]) (module_of[symbol] == "" ? "" : " " module_of[symbol])
		if (start[symbol] == address)
			first[address] = 1
	}
	now++
	does = meaning[address]
	if (taking != "" && does != "take") {
		depth++
		site_of[depth] = site
		since[depth] = now
		disturbed[depth] = 0
		taking = ""
	}
	if (does == "take" && address in first) {
		site = last
		tried[site] = named[address] ~ /trylock/ ? "try " : ""
		taking = "new"
	} else if (does == "give" && address in first)
		give_back()
	else if (does == "disturb" || does == "switch")
		for (i = 1; i <= depth; i++)
			disturbed[i] = 1
	else if (does == "free" && address in first)
		pairs++
	if (does == "work")
		working = 1
	else if (does == "switch")
		working = 0
	later += working
	last = address
}

END {
	if (!pairs) {
		print "no free in the trace" >"/dev/stderr"
		exit 1
	}
	for (lock in holds) {
		i = row_of(lock)
		if (!i)
			print holds[lock], lock, sum[lock] >unnamed
		count[i] += holds[lock]
		if (undisturbed[lock])
			held[i] += sum[lock] / undisturbed[lock] * holds[lock]
		if (longest[lock] > most[i])
			most[i] = longest[lock]
	}
	for (i = 1; i <= rows; i++)
		if (count[i])
			printf "%s\t%s\t%.4f\t%.2f\t%d\n", lock_of[i], kind_of[i], count[i] / pairs, held[i] / pairs, most[i]
	printf "unnamed\tother\t%.4f\t%.2f\t%d\n", count[0] / pairs, held[0] / pairs, most[0]
	printf "workers\tlater\t0\t%.2f\t0\n", later / pairs
}
