# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# lab.sh - load the lab module with the parameters in each line of /loads, and hand back what it found:
# /out/1/ has what it showed in debugfs for the first line, /out/2/ for the second, and so on.

number=0
while read -r load; do
	number=$((number + 1))
	mkdir "/out/$number"
	# shellcheck disable=SC2086 # it is to be split
	insmod vmap_lab.ko $load || exit
	cp /sys/kernel/debug/vmap_lab/* "/out/$number/"
	rmmod vmap_lab || exit
done </loads
