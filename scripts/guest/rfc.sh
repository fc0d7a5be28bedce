# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# rfc.sh INDEXES TEST:N:OPS:SEED... - replay each of these loads; /out/N.json is what the lab module
# has to say of the N-th.

indexes=$1
shift
number=0
for load; do
	number=$((number + 1))
	old=$IFS
	IFS=:
	# shellcheck disable=SC2086 # it is to be split
	set -- $load
	IFS=$old
	insmod vmap_lab.ko "index=$indexes" "workload=$1" "n=$2" "ops=$3" "seed=$4" || exit
	cp /sys/kernel/debug/vmap_lab/results.json "/out/$number.json"
	rmmod vmap_lab || exit
done
