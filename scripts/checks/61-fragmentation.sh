# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: memory fragmented on purpose is told from memory that is not; fragmentation.sh prints and draws
# deep: 6.12 7.2

use_kernel "$1"
in_guest fragcheck.sh --mem 512 --module "$MODULES/lab/pages/vmap_frag.ko" --kernel-module loop --kernel-module ext4

# has_row WAY - the table has it, and the share for 2 MiB is not below that for 64 KiB; each median is between the
# least and the most.
has_row() {
	awk -v way="$1" '$1 == way && NF == 12 && $6 >= $4 && $6 > 0 { split($0, median); found = 1 }
		$1 == "least" && found == 1 { split($0, least); found = 2 }
		$1 == "most" && found == 2 {
			found = 3
			for (i = 2; i <= NF; i++)
				if (least[i] + 0 > median[i] + 0 || median[i] + 0 > $i + 0)
					found = 0
			exit
		}
		END { exit found != 3 }' "$CHECK_DIR/out/$KERNEL_NAME/table"
}

# from VALUE... - the table of as many boots, of which each column but the share of failures is VALUE.
from() {
	local boot=0 value dir=$CHECK_DIR/boots
	local files=()

	for value; do
		((boot += 1))
		mkdir -p "$dir/$boot"
		yes "1 $((value * 256)) $((value * 256)) 0 $value 0.1$(printf " $value%.0s" {0..10})" | head -n 4 >"$dir/$boot/samples"
		printf 'live 0 %d %d\nreleased %d %d 0\n' "$value" "$value" "$value" "$value" >"$dir/$boot/end"
		files+=("$dir/$boot/samples" "$dir/$boot/end")
	done
	awk -v way=x -f "$ROOT/scripts/fragmentation.awk" "${files[@]}"
}

# medians ROW WANTED VALUE...
medians() {
	[[ $(from "${@:3}" | awk -v row="$1" '$1 == row { print $2 + 0, $4 + 0, $10 + 0, $12 + 0 }') == "$2 $2 $2 $2" ]]
}

expect "one boot is its own median" medians x 3 3
expect "the median of an odd number" medians x 4 9 1 4
expect "the median of an even number" medians x 5 9 1 4 6
expect "the least" medians least 1 9 1 4 6
expect "the most" medians most 9 1 9 4 6
expect_fail "one boot has no range" medians most 3 3

expect "fragmentation.sh runs" "$ROOT/scripts/fragmentation.sh" --kernel "$1" --way single --way arena --n 500 --ops 2000 \
	--samples 4 --step 500 --mem 256 --seeds 3 --out "$CHECK_DIR/out"
for way in single arena; do
	expect "its table has $way" has_row "$way"
done
for plot in unusable orders requests; do
	expect "it draws $plot.svg" grep -q '</svg>' "$CHECK_DIR/out/$KERNEL_NAME/$plot.svg"
done
