# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the lab's structures agree with the model, in the kernel and as a user program; both replay alike
# kernels: 6.12
# deep: 6.1
# quick: 6.12

# shellcheck source=scripts/lab-check-lib.sh
. "$ROOT/scripts/lab-check-lib.sh"

# mutant FILE SED-SCRIPT INDEX - the model test catches the fault that the script makes.
mutant() {
	! build_mutant "$1" "$2" ||
		expect "the model catches a fault in $1: $2" \
			says 1 '' timeout "$PATIENCE" "$MUTANT" --check 100 --index "$3"
}

# racing FILE SED-SCRIPT - two threads catch the fault that the script makes.
racing() {
	! build_mutant "$1" "$2" areas ||
		expect_fail "two threads see a fault in $1: $2" timeout "$PATIENCE" \
			"$CHECK_DIR/mutant/build/gcc/bench_areas" "${RACE[@]}" --rounds 100
}

check_mutants() {
	local peers=("${peers[@]}")

	mutant maple.c 's/hi = start + request->size/hi = start/' all
	((!DEEP)) || {
		racing user/rcu.c 's/return false;/return true;/'
		racing pair.c 's/if (!pair->busy_index->rcu)/if (0)/'
		racing maple.c 's/if (still_free(&mas, area->start, area->size))/if (still_free(\&mas, area->start, area->size) || 1)/'
	}
	peers=()
	mutant summary.c 's/end - start > get_reach/end - to > get_reach/' summary
	((DEEP)) || return 0
	mutant bump.c 's/unused = cpu->chunk != chunk/unused = true/' bump
	mutant pair.c 's/if (held)/if (!held)/' rbtrees
	mutant busy_rb.c 's/address - area->start < area->size/address == area->start/' rbtrees
	mutant free_list.c 's/joins_prev \&\& joins_next/joins_prev \&\& 0/' free_list
	mutant tile.c 's/hi - \*start >= request->size/hi - *start + 1 >= request->size/' vmem
	mutant buddy.c 's/other->order == block->order ? other : NULL/NULL/' buddy
	mutant busy_list.c 's/found < request->hi ? found/found ? found/' busy_list
	mutant summary.c 's/node->first\[i\] < units && //' summary
	mutant summary.c 's/next = node->first\[part\] + .*/next = node->first[part];/' summary
	mutant summary.c 's/longest = max(longest, node->tail\[part\]);//' summary
	mutant segregated.c 's/order = ilog2(request->size); order/order = ilog2(request->size) + 1; order/' \
		segregated
}

check_sanitized() {
	build_sanitized areas
	expect "all structures agree with the model, under ASan and UBSan" "$SANITIZED" --check 100
	expect "so do look-ups and walks beside a writer" "${SANITIZED%/*}/bench_areas" "${RACE[@]}" --rounds 4
	for trace in "$ROOT"/lab/traces/*.trace.gz; do
		((DEEP)) || break
		expect "$(basename "$trace") is replayed under ASan and UBSan" \
			"$SANITIZED" --trace "$trace" --out "$CHECK_DIR/replayed"
	done
}

# addresses FILE - of the structures that exist in both worlds, what does not depend on time.
addresses() {
	jq -c '[.unknown_frees, .operations, (.results[] | select(.index | test("^(tree|busy_list|" +
		"free_list|segregated|buddy|vmem|summary|recorded)$")) | [.index, .alloc.count + .alloc.disturbed,
		.failed, .peak_live, .peak_footprint, .holes_percent, .bytes_per_area])]' "$1"
}

check_guest() {
	local trace name names=() files=()

	for trace in "$ROOT"/lab/traces/*.trace.gz; do
		name=$(basename "$trace" .gz)
		zcat "$trace" >"$CHECK_DIR/$name"
		names+=("$name")
		files+=(--file "$CHECK_DIR/$name")
	done
	in_guest labcheck.sh --mem 2048 --kernel-module drm \
		--module "$MODULES/lab/vmap_lab.ko" "${files[@]}" -- $((QUICK ? 10 : 100)) "${names[@]}"
	for name in "${names[@]}"; do
		"$LAB" --trace "$CHECK_DIR/$name" --json >"$CHECK_DIR/$name.json"
		expect "$name: kernel and user replay choose the same addresses" \
			test "$(addresses "$CHECK_DIR/$name.json")" == \
			"$(addresses "$GUEST_OUT/$name.json")"
	done
}

# same_lab - a second build leaves the programs where they are: the same files.
same_lab() {
	local built

	built=$(stat -c '%i %y' "$LAB" "$AREAS")
	build_lab
	[[ $(stat -c '%i %y' "$LAB" "$AREAS") == "$built" ]]
}

# Few areas, so that two threads meet often.
RACE=(--check --live 256 --operations 1000)

need_packages jq
use_kernel "$1"
build_lab
expect "what is built already is not built anew, while others may run it" same_lab
expect "all structures agree with the model" "$LAB" --check 500 --seed "$RANDOM"
expect "what stays is found, and walked past, while another thread allocates and frees" \
	"$AREAS" "${RACE[@]}" --rounds 20
check_sanitized
((QUICK)) || check_mutants
check_guest
