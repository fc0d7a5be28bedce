# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: arenas whose index is a summary: the stress suite, with --deep also KUnit (debug) and all drivers (7.2)
# kernels: 6.12
# deep: debug 6.1 7.2 7.3 6.12-rt 6.12-arm64 7.2-arm64-16k

# shellcheck source=scripts/drivers-lib.sh
. "$ROOT/scripts/drivers-lib.sh"

export VMAP_INDEX=summary
if [[ $1 == debug ]]; then
	use_test_kernel "$1"
	in_kunit_guest 'vmap_*' --mem 1536 --append numa=fake=2 -- loops=200 destroys=100 span_size=2M
	finish
fi
use_kernel "$1"
in_guest stress.sh --mem 2048 -- nr_threads=2 test_loop_count=100
VMAP_INDEX=forest expect_fail "an index that is none is refused" "$ROOT/scripts/vm.sh" --kernel "$1" --script /dev/null
[[ $1 == 7.2 ]] || finish
for name in $("$ROOT/scripts/drivers.sh" --list | cut -d ' ' -f 1); do
	with_driver "$name" --kernel "$1"
done
