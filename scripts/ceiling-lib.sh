# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# ceiling-lib.sh - what ceiling.sh makes of its measurements: the tables.  Sourced by ceiling.sh.
# shellcheck disable=SC2154 # the variables of ceiling.sh

# a_pair DIR - instructions of an allocation, a free, and of workers for them.
a_pair() {
	awk -F '\t' '$2 == "later" { sum += $4 } NF == 3 && $1 != "calls" && $1 != "later" { sum += $2 + $3 }
		END { printf "%.0f", sum }' "$1/parts" "$1/holds"
}

# network DIR SHARDS - what mva.awk reads: in instructions a pair.  In an arena of one shard the lock of the free tree
# covers the depot.
network() {
	awk -F '\t' -v pair="$(a_pair "$1")" -v shards="$2" '
		$2 != "one" && $2 != "own" && $2 != "each" { next }
		{ lock = shards == 1 && $1 == "depot" ? "free tree" : $1 }
		{ time[lock] += $4; visits[lock] += $3; pair -= $4 }
		!(lock in kind) || lock == $1 { kind[lock] = $2 }
		END {
			print "think\t" pair
			for (lock in time)
				print "lock\t" time[lock] "\t" visits[lock] "\t" kind[lock]
		}' "$1/holds"
}

# curve PEER SHARDS HANDOVER - CPUs, and how many times what vmalloc does on one.
curve() {
	network "$dir/$1" "$2" | awk -v shards="$2" -v handover="$3" -v cpus="$CPUS" -f "$ROOT/scripts/mva.awk" |
		awk -v pair="$(a_pair "$dir/vmalloc")" '{ print $1, $2 * pair }'
}

# locks DIR PEER HANDOVER - a line for each lock.  The bound: how many CPUs do as much as one lock lets through.
locks() {
	awk -F '\t' -v pair="$(a_pair "$1")" -v peer="$2" -v handover="$3" '
		function bound(held) { return held ? sprintf("%.1f", pair / held) : "-" }
		$2 == "later" { printf "%-14s %-20s %-5s %8s %8.1f\n", peer, $1, "", "", $4; next }
		{
			one = $2 == "one" || $2 == "own"
			printf "%-14s %-20s %-5s %8.3f %8.1f %8.1f %8d %8s %8s\n", peer, $1, $2, $3, $4, $3 ? $4 / $3 : 0, $5,
				one ? bound($4) : "", one ? bound($4 + handover * $3) : ""
		}' "$1/holds"
}

# native ROW - of the line of bench_magazines: one thread, two with one lock, two with two.
native() {
	awk -v row="$1" '{ text = $0; sub(/ \(disturbed\)$/, "", text); sub(/^.*  /, "", text) }
		text == row { print $1, $3, $9 }' "$OUT/native"
}

# share DIR - of a pair the lock is held.
share() {
	awk -F '\t' -v pair="$(a_pair "$1")" '$2 == "own" { held += $4 } END { print held / pair }' "$1/holds"
}

# fitted ONE TWO SHARE - ns by which a hold is longer where another CPU held the lock last: so much that two threads take
# TWO each.  With S the hold and Z the rest, two take Z + S * (1 + S / (Z + S)) each (scripts/mva.awk).
fitted() {
	awk -v one="$1" -v two="$2" -v share="$3" 'BEGIN {
		z = one * (1 - share)
		for (high = two; high - low > 1e-6; )
			if (z + (s = (low + high) / 2) * (1 + s / (z + s)) > two)
				high = s
			else
				low = s
		print low - one * share
	}'
}

# modelled ONE SHARE HANDOVER SHARDS - what two threads take, in ns.
modelled() {
	awk -v one="$1" -v share="$2" 'BEGIN { printf "think\t%f\nlock\t%f\t1\town\n", one * (1 - share), one * share }' |
		awk -v handover="$3" -v shards="$4" -v cpus=2 -f "$ROOT/scripts/mva.awk" | awk '{ printf "%.1f", 2 / $2 }'
}

# calibrate - sets handover, in ns, and instructions, what that is in instructions; prints how good the model is.
calibrate() {
	local row peer one two split

	read -r one two split < <(native "tree, one size")
	handover=$(fitted "$one" "$two" "$(share "$OUT/native-one")")
	read -r one two split < <(native "tree, 1 to 16")
	instructions=$(awk -v pair="$(a_pair "$OUT/native-random")" -v one="$one" -v handover="$handover" \
		'BEGIN { printf "%.0f", pair / 2 / one * handover }')
	printf '\nnanoseconds of an allocation or a free, natively, and what the model makes of one thread\n%-36s %8s %11s %8s %11s %8s\n' \
		'' one 'two, 1 lock' model '2 locks' model
	for row in 'one:tree, one size' 'random:tree, 1 to 16' 'one:tree, one size, freed by the other'; do
		peer=$OUT/native-${row%%:*}
		read -r one two split < <(native "${row#*:}")
		printf '%-36s %8s %11s %8s %11s %8s\n' "${row#*:}" "$one" "$two" \
			"$(modelled "$one" "$(share "$peer")" "$handover" 1)" "$split" "$(modelled "$one" "$(share "$peer")" "$handover" 2)"
	done
	printf 'a hold of a lock that another CPU had last is %.0f ns longer (so that the first line fits): %s instructions\n' \
		"$handover" "$instructions"
}

# model HANDOVER - a line for each curve; each is kept for the plot.
model() {
	local each

	printf '%-14s %6s' CPUs shards
	# shellcheck disable=SC2086 # these are words
	printf '%8s' $CPUS
	echo
	for each in $CURVES; do
		curve "${each%:*}" "${each#*:}" "$1" >"$dir/curve-${each/:/-}"
		printf '%-14s %6s' "${each%:*}" "${each#*:}"
		awk '{ printf "%8.1f", $2 } END { print "" }' "$dir/curve-${each/:/-}"
	done
}

# report - of the kernel in use.
report() {
	local peer

	printf '\nLinux %s: locks, in instructions; %s\n\n%-14s %-20s %-5s %8s %8s %8s %8s %8s %8s\n' "$KERNEL_RELEASE" "$load" \
		'' lock kind holds 'a pair' 'a hold' longest bound 'handed on'
	for peer in vmalloc arena-nocache arena; do
		locks "$dir/$peer" "$peer" "$instructions"
	done
	printf '\nLinux %s: a pair of one CPU takes' "$KERNEL_RELEASE"
	for peer in vmalloc arena-nocache arena; do
		printf ' %s (%s)' "$(a_pair "$dir/$peer")" "$peer"
	done
	printf ' instructions; what so many CPUs do,\nas multiples of vmalloc on one CPU, if a lock is handed on at no cost\n\n'
	model 0
	printf '\n... if it is handed on for %s instructions\n\n' "$instructions"
	model "$instructions"
	gnuplot -e "dir='$dir'" "$ROOT/scripts/ceiling.gp" || die "gnuplot failed: see its message above"
	say "the plot: $dir/ceiling.svg"
}
