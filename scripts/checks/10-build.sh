# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the modules build from nothing with W=1 and no warning, and say what their parameters are
# kernels: 6.1 6.12 7.2 6.1-arm64 6.12-arm64 7.2-arm64
# deep: 7.3
# quick: 6.12
# any: yes

# has_parameters MODULE NAME...
has_parameters() {
	local name

	modinfo -p "$MODULES/$1.ko" >"$CHECK_DIR/$1.parameters"
	for name in "${@:2}"; do
		expect "modinfo describes $name of $1" \
			grep "^$name:..* " "$CHECK_DIR/$1.parameters"
	done
}

find_kernel "$1"
MODULES=$CHECK_DIR/modules
build_in "$MODULES" 2>&1 | tee "$CHECK_DIR/build.log"
expect "vmap_arena.ko and test_vmalloc.ko are built" \
	ls "$MODULES/vmap_arena.ko" "$MODULES/test_vmalloc.ko"
expect_fail "no warning with W=1" grep -iE 'warning|error:' "$CHECK_DIR/build.log"
has_parameters vmap_arena span_size arena_limit lazy_threshold shards guard flush
has_parameters test_vmalloc nr_threads sequential_test_order test_repeat_count test_loop_count \
	nr_pages use_huge nr_pcpu_objects run_test_mask target seed touch once
