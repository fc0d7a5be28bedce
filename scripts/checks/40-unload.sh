# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: load, run, unload again and again leaves nothing behind; an unload with a live user is refused
# kernels: 6.12 6.12-arm64
# deep: debug 6.1 7.2 6.1-rt 6.12-rt 7.2-rt 6.1-arm64 7.2-arm64
# quick: 6.12
# any: yes

cycles=5 watched=()
((DEEP == 0)) || cycles=10
((QUICK == 0)) || cycles=3
if [[ $1 == debug ]]; then
	use_test_kernel "$1"
	# What is left of one round is found as well as what is left of ten.
	cycles=2 watched=(watched)
else
	use_kernel "$1"
fi
in_guest unload.sh --append "slab_nomerge page_owner=on" -- "$cycles" "${watched[@]}"
