# SPDX-License-Identifier: GPL-2.0
#
# mva.awk - how many calls so many CPUs do at once, where each works for a while and then needs locks: a closed
# queueing network, solved by mean value analysis.
#
# usage: awk [-v shards=K] [-v handover=T] -v cpus='N...' -f mva.awk [NETWORK]
#
# NETWORK has lines of fields that tabs divide:
#   think  TIME               what a round takes outside of these locks
#   lock   TIME VISITS KIND   how long a round holds a lock altogether, in how many holds; KIND:
#                             one   all CPUs share one lock
#                             own   each shard has one, and CPU i comes to that of shard i modulo K
#                             each  there are as many as CPUs, 128 at most, and a CPU comes to any of them
# Prints for each N: N, rounds for a unit of time, and how many times what one CPU alone does.
#
# Mean value analysis adds one CPU (customer) after another.  A CPU that comes to a lock finds the queue there that the
# others alone would have on average (arrival theorem): wait = TIME * (1 + queue of the others).  Little's law gives the
# next queues.  That is exact for holds of exponentially distributed length; holds of a constant length wait
# less.  With locks of kind "own" beside others it is an approximation: the queue of a shard is that of a shard with
# one CPU less, among all CPUs.
#
# A lock that more than one CPU uses is handed over with its cache lines, and with those of what it covers: that makes
# each hold longer by T.

# A lock that @sharers CPUs use.
function demand(i, sharers) {
	return time[i] + (sharers > 1 ? handover * visits[i] : 0)
}

# How many locks of kind "each" there are for @n CPUs.
function copies(n) {
	return n < 128 ? n : 128
}

# A round of a CPU whose shard has @c CPUs, and all that it shares takes @shared; notes the queues of the shard.
function round_of(c, shared, n,   i, total) {
	total = think + shared
	for (i = 1; i <= locks; i++)
		if (kind[i] == "own") {
			wait[i] = demand(i, n / shards) * (1 + queue_own[i, c - 1])
			total += wait[i]
		}
	for (i = 1; i <= locks; i++)
		if (kind[i] == "own")
			queue_own[i, c] = c * wait[i] / total
	return total
}

# Rounds of @n CPUs for a unit of time.
function throughput(n,   m, i, few, more, shared, x) {
	split("", queue)
	split("", queue_own)
	for (m = 1; m <= n; m++) {
		shared = 0
		for (i = 1; i <= locks; i++)
			if (kind[i] != "own") {
				wait[i] = demand(i, n) * (1 + queue[i] / (kind[i] == "each" ? copies(n) : 1))
				shared += wait[i]
			}
		few = int(m / shards)
		more = m % shards
		x = more ? more * (few + 1) / round_of(few + 1, shared, n) : 0
		x += few ? (shards - more) * few / round_of(few, shared, n) : 0
		for (i = 1; i <= locks; i++)
			queue[i] = x * wait[i]
	}
	return x
}

BEGIN {
	FS = "\t"
	shards = shards ? shards : 1
}
$1 == "think" { think = $2 }
$1 == "lock" {
	locks++
	time[locks] = $2
	visits[locks] = $3
	kind[locks] = $4
}
END {
	count = split(cpus, list, " ")
	alone = throughput(1)
	for (each = 1; each <= count; each++) {
		x = throughput(list[each])
		printf "%d\t%.6g\t%.6g\n", list[each], x, x / alone
	}
}
