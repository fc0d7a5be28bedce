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
