# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh - one run of the stress module; its arguments are the module's parameters.

insmod vmap_arena.ko && insmod test_vmalloc.ko "$@" || exit
stress_wait verify_all
status=$?
verify_all || status=1
save_results
exit "$status"
