# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: too little memory, allocations that fail in turn, CPUs that go and come, loads while being read
# kernels: debug

use_test_kernel "$1"
need_packages gcc libc6-dev
gcc -static -O2 -Wall -Werror -o "$CHECK_DIR/failnth" "$ROOT/scripts/guest/failnth.c"
in_guest reload.sh -- 10
in_guest loadfaults.sh --file "$CHECK_DIR/failnth" --append log_buf_len=4M -- 2000
in_guest hotplug.sh --module "$MODULES/vmap_kunit.ko" --cpus 3 -- 600
# With one CPU none has pages that another lacks.
in_kunit_guest vmap_shortage --mem 320 --cpus 1 -- span_size=2M
