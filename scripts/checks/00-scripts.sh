# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the scripts are clean under shellcheck and shfmt
# kernels: -
# quick: -

need_packages shellcheck shfmt
cd "$ROOT" || exit
mapfile -t scripts < <(find scripts .ci -type f \( -name '*.sh' -o -name init -o -name run \))
scripts+=(dkms.conf packaging/postinst packaging/prerm)
expect "shellcheck finds nothing in ${#scripts[@]} scripts" shellcheck -x "${scripts[@]}"
expect "shfmt would change nothing" shfmt -d "${scripts[@]}"
expect_fail "none of them is longer than 200 lines" awk 'FNR > 200 { print FILENAME; bad = 1; nextfile } END { exit !bad }' "${scripts[@]}"

# refuses SCRIPT - an option that it has not, and has not because its help does not name it.
refuses() {
	local said status=0

	said=$("$1" --nonsense 2>&1) || status=$?
	[[ $status == 2 && $said == "${1##*/}: unknown option '--nonsense': see --help" ]] || {
		echo "status $status: $said"
		return 1
	}
}

# explains SCRIPT - how it is used.
explains() {
	"$1" --help | grep "^usage: $1 "
}

# shellcheck disable=SC2016 # it is what the scripts say
mapfile -t scripts < <(grep -l 'parse_options "$@"' scripts/*.sh)
for script in "${scripts[@]}"; do
	expect "$script --help says how it is used" explains "$script"
	expect "$script refuses an unknown option" refuses "$script"
done

# What options.sh reads from this comment, and refuses.
cat >"$CHECK_DIR/told.sh" <<'END'
#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# usage: told.sh [option]... [WORD]... [-- ARGUMENT]...
#
#   --count N      any, 1
#                  to 64 (2)
#   --kind K       one of this, that; or none
#   --name WORD    may be repeated
#   --sample[=N]   one in N, 1 to 10
#   --some-switch  no argument, though 1 to 2
END
cat >>"$CHECK_DIR/told.sh" <<END

. "$ROOT/scripts/lib.sh"
count=2 kind='' name=() sample=0 some_switch=0 words=() arguments=()
parse_options "\$@"
echo "\$count|\$kind|\${name[*]}|\$sample|\$some_switch|\${words[*]}|\${arguments[*]}"
END

# told RESULT WORD... - the script ends its output with this.
told() {
	local said

	said=$(bash "$CHECK_DIR/told.sh" "${@:2}" 2>&1) || true
	[[ $said == *"$1" ]] || {
		echo "$said"
		return 1
	}
}

expect "options have defaults" told '2|||0|0||'
expect "options are taken, in any order, and words between" told '8|that|a b|yes|1|x y|--count 3' \
	x --count 08 --name a --sample --kind=that --some-switch y --name b -- --count 3
expect "an argument may be optional" told '2|||10|0||' --sample=10
expect "a number out of its range is refused" told "--count: '65' is not a whole number from 1 to 64" --count=65
expect "a word that is none is refused" told "--count: 'x' is not a whole number from 1 to 64" --count x
expect "likewise an optional one" told "--sample: '11' is not a whole number from 1 to 10" --sample=11
expect "a word that is none of some is refused" told "--kind: 'none' is not one of this, that" --kind none
expect "an option at the end needs its argument" told '--name needs an argument' --name
expect "a switch takes none" told '--some-switch takes no argument' --some-switch=1
expect "half an option is refused" told "unknown option '--cou': see --help" --cou 3

# model NETWORK CPUS [OPTION]... - rounds for a unit of time, of each number of CPUs; the lines of the network are divided
# by slashes.
model() {
	tr '/ ' '\n\t' <<<"$1" | awk -v cpus="$2" "${@:3}" -f scripts/mva.awk | cut -f 2 | paste -s -d ' '
}

# modelled NETWORK CPUS ROUNDS [OPTION]... - the model says so.
modelled() {
	local said

	said=$(model "$1" "$2" "${@:4}")
	[[ $said == "$3" ]] || {
		echo "it says $said"
		return 1
	}
}

# What is known of such networks without the analysis.  For one lock: with p the chance that all CPUs think, which is
# 1 / (sum of n! / (n - i)! * (S / Z)^i), they do (1 - p) / S rounds.
expect "model: one CPU takes what it works and what it holds locks" \
	modelled 'think 10/lock 5 1 one/lock 3 1 each/lock 2 1 own' 1 0.05
expect "model: of one lock and nothing else, one hold after the other" modelled 'lock 5 1 one' '1 2 256' '0.2 0.2 0.2'
expect "model: three locks alike, and nothing else: n / (n + 2) of each" \
	modelled 'lock 5 1 one/lock 5 1 one/lock 5 1 one' '1 2 6' '0.0666667 0.1 0.15'
expect "model: work, and one lock, as the repairman's machines" modelled 'think 20/lock 5 1 one' '2 4' \
	'0.0769231 0.137864'
expect "model: more CPUs than a lock lets through: 1 / hold" modelled 'think 20/lock 5 4 one' 256 0.2
expect "model: a hold is longer where more than one CPU uses the lock" modelled 'think 20/lock 5 4 one' '1 256' \
	'0.04 0.1' -v handover=1.25
expect "model: shards are so many arenas" modelled 'think 20/lock 5 1 own' '4 8 16' '0.16 0.307692 0.551456' -v shards=4
expect "model: a shard for each CPU: nobody waits, nothing is handed over" modelled 'think 20/lock 5 1 own' '1 64' \
	'0.04 2.56' -v shards=64 -v handover=100
expect "model: as many locks as CPUs are so many locks" \
	modelled 'think 20/lock 4 1 each' 4 "$(model 'think 20/lock 1 1 one/lock 1 1 one/lock 1 1 one/lock 1 1 one' 4)"

# out_of_time - a check that cannot begin in time is skipped, and says why; nothing fails.  In a copy, whose results are
# not those of this run.
out_of_time() {
	local said

	mkdir -p "$CHECK_DIR/late"
	cp -r "$ROOT/scripts" "$CHECK_DIR/late/"
	said=$("$CHECK_DIR/late/scripts/check.sh" --only promises --within 0) || return
	echo "$said"
	grep -qx '.*SKIP promises: no time left, after 0 minutes; alone: scripts/check.sh --only promises' <<<"$said" &&
		[[ ${said##*$'\n'} == "0 passed, 0 failed, 1 skipped" ]]
}

expect "a check for which there is no time left is skipped" out_of_time
