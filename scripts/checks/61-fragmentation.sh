# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: memory fragmented on purpose is told from memory that is not; fragmentation.sh prints and draws
# deep: 6.12 7.2

use_kernel "$1"
in_guest fragcheck.sh --mem 512 --module "$MODULES/lab/pages/vmap_frag.ko" --kernel-module loop --kernel-module ext4

# has_row WAY - the table has it, and the share for 2 MiB is not below that for 64 KiB.
has_row() {
	awk -v way="$1" '$1 == way && NF == 12 && $6 >= $4 && $6 > 0 { found = 1 } END { exit !found }' \
		"$CHECK_DIR/out/$KERNEL_NAME/table"
}

expect "fragmentation.sh runs" "$ROOT/scripts/fragmentation.sh" --kernel "$1" --way single --way arena --n 500 --ops 2000 \
	--samples 4 --step 500 --mem 256 --out "$CHECK_DIR/out"
for way in single arena; do
	expect "its table has $way" has_row "$way"
done
for plot in unusable orders requests; do
	expect "it draws $plot.svg" grep -q '</svg>' "$CHECK_DIR/out/$KERNEL_NAME/$plot.svg"
done
