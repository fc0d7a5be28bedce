# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the KUnit suites, in kernels that look for bad accesses, locks and leaks (debug), races (kcsan)
# kernels: debug
# deep: kcsan 7.2-debug rt-debug arm64-debug

use_test_kernel "$1"
loops=200
((!DEEP)) || loops=1000
# First what some cases need another boot for.  Neither zeroed memory nor the limit nor zones bring new
# races.  10,000 arenas take an hour.
if [[ $1 != kcsan && $QUICK == 0 ]]; then
	in_kunit_guest 'vmap_catch*' --mem 1536 -- span_size=2M catch_vfree=1
	in_kunit_guest 'vmap_a*' --mem 1024 --append init_on_alloc=1 \
		--append numa=fake=2 -- "loops=$loops" span_size=2M arena_limit=8M
	[[ $KERNEL_ARCH != amd64 ]] || in_kunit_guest 'vmap_[cws][at][cor][chm]*.[ip]*' --mem 1536 --low-mem 1024 \
		--append init_on_free=1 -- span_size=2M
	# KUnit ends a case after five minutes, so they are destroyed in several boots.
	for ((boot = 0; DEEP && boot < 5; boot++)); do
		in_kunit_guest 'vmap_lifetime.d*' --mem 1024 -- destroys=2000 span_size=2M
	done
fi
# As if there were many CPUs that allocate past the magazines.
[[ $1 != debug ]] || ((DEEP == 0)) || in_kunit_guest 'vmap_*' --mem 1536 -- loops=200 span_size=2M shards=4
# To a real-time kernel, where a thread answers it, QEMU's serial port is an interrupt that nobody cares for.
quiet=()
[[ $1 != rt-* ]] || quiet=(--append noirqdebug)
in_kunit_guest 'vmap_*' --mem 1536 --append numa=fake=2 "${quiet[@]}" -- "loops=$loops" destroys=100 span_size=2M
