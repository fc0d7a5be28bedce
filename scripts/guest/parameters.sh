# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# parameters.sh - each bad module parameter is refused with EINVAL and a line in the kernel log that
# names it, the value and what is allowed; good ones are taken and can be read back.

# explained MODULE NAME VALUE - does a line of the module say what is wrong, and what would be right?
explained() {
	dmesg | grep "\] $1: " | grep -F -- "$2" | grep -F -- "$3" |
		grep -qE 'from [0-9]|[0-9]\.\.[0-9]|multiple of|is not (a|one of)|invalid for parameter'
}

# refuses MODULE NAME VALUE
refuses() {
	dmesg -c >/dev/null
	if said=$(insmod "$1.ko" "$2=$3" 2>&1); then
		not_ok "$1 refuses $2=$3" "it was loaded"
		rmmod "$1"
	elif [ "${said%Invalid argument}" = "$said" ]; then
		not_ok "$1 refuses $2=$3" "not with EINVAL: $said"
	elif ! explained "$1" "$2" "$3"; then
		not_ok "$1 refuses $2=$3 and says why" "$(dmesg)"
	else
		ok "$1 refuses $2=$3 and says why"
	fi
}

# impossible WAY - one that is known, but not to this CPU.
impossible() {
	dmesg -c >/dev/null
	insmod vmap_arena.ko "flush=$1" 2>/tmp/said && not_ok "flush=$1 is refused" "it was loaded" && rmmod vmap_arena
	expect "flush=$1 is refused with ENODEV" grep -q 'No such device' /tmp/said
	expect "flush=$1: the log says why" dmesg_says "flush=$1: this CPU has no such way"
}

dmesg_says() {
	dmesg | grep -q "\] vmap_arena: $1"
}

# taken MODULE NAME VALUE WORD - load with a good value, and read it back.
taken() {
	if insmod "$1.ko" "$2=$3"; then
		expect "$1 takes $2=$3" [ "$(cat "/sys/module/$1/parameters/$2")" = "$4" ]
		expect "$1 unloads after $2=$3" rmmod "$1"
	else
		not_ok "$1 takes $2=$3"
	fi
}

for value in 0 -1 12 abc 3145728 68721573888 64Q 1.5M 18446744073709551616; do
	refuses vmap_arena span_size "$value"
done
for value in -1 1 abc 33554432 18446744073709551616 16E; do
	refuses vmap_arena arena_limit "$value"
done
for value in -1 1 abc 68719476737 18446744073709551616 16E; do
	refuses vmap_arena lazy_threshold "$value"
done
for value in -1 65 abc 1K 18446744073709551616; do
	refuses vmap_arena shards "$value"
done
for value in "" trees Summary tree,summary 1; do
	refuses vmap_arena index "$value"
done
for name in cache_cpu cache_depot; do
	for value in -1 1 65535 abc 68719476737 18446744073709551616 16E; do
		refuses vmap_arena "$name" "$value"
	done
done
for value in 2 -1 maybe 0x yellow 01; do
	refuses vmap_arena guard "$value"
	refuses vmap_arena cache "$value"
	refuses vmap_arena compact "$value"
	refuses vmap_arena time_lock "$value"
	refuses vmap_arena catch_vfree "$value"
done
taken vmap_arena span_size 32M 33554432
# Whatever a page table maps.
taken vmap_arena span_size 2M 2097152
taken vmap_arena arena_limit 64M 67108864
taken vmap_arena lazy_threshold 64K 65536
taken vmap_arena shards 0 0
taken vmap_arena shards 64 64
taken vmap_arena index tree tree
taken vmap_arena index summary summary
taken vmap_arena guard 0 N
taken vmap_arena cache 0 N
taken vmap_arena compact 0 N
taken vmap_arena cache_cpu 64K 65536
taken vmap_arena cache_depot 1M 1048576
taken vmap_arena time_lock 1 Y
taken vmap_arena catch_vfree 1 Y
for value in y Y yes on; do
	taken vmap_arena guard "$value" Y
done
for value in n N no off; do
	taken vmap_arena guard "$value" N
done
for value in "" none tlb AUTO invpcid,pge; do
	refuses vmap_arena flush "$value"
done
# What an emulated CPU has: of Intel's ways but the one, and with global pages no use for CR3.
if [ "$(uname -m)" = x86_64 ]; then
	taken vmap_arena flush auto pge
	taken vmap_arena flush pge pge
	grep -qw invpcid /proc/cpuinfo || impossible invpcid
	impossible cr3
else
	taken vmap_arena flush auto tlbi
	taken vmap_arena flush tlbi tlbi
	refuses vmap_arena flush pge
fi

insmod vmap_arena.ko || not_ok "vmap_arena.ko loads"
for pair in nr_threads=1025 nr_threads=-1 nr_threads=abc nr_threads=99999999999999999999 \
	sequential_test_order=2 sequential_test_order=maybe test_repeat_count=0 \
	test_repeat_count=1000001 test_loop_count=0 test_loop_count=1000000001 nr_pages=0 \
	nr_pages=16777216 run_test_mask=0 run_test_mask=8192 run_test_mask=1048576 target=heap \
	target=arenas seed=x seed=1x touch=maybe touch=yellow touch=0x use_huge=2 nr_pcpu_objects=-1 \
	nr_pcpu_objects=16777216 once=2; do
	refuses test_vmalloc "${pair%=*}" "${pair#*=}"
done
taken test_vmalloc target arena arena
taken test_vmalloc nr_threads 3 3
taken test_vmalloc nr_pcpu_objects 100 100
taken test_vmalloc use_huge 1 1
unload vmap_arena
