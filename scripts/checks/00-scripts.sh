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
