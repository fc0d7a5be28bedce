# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# labcheck.sh ROUNDS TRACE... - the lab module: every structure against the bitmap model, bad
# parameters refused, traces replayed.  /out/TRACE.json is what a replay found.

# load PARAMETER... - what is loaded though it should not be goes.
load() {
	insmod vmap_lab.ko "$@" && rmmod vmap_lab
}

# refuses WORD PARAMETER... - loading fails, and the kernel log has the word.
refuses() {
	refused "refused: $2" "$1" load "$2"
}

rounds=$1
shift
if insmod vmap_lab.ko "check=$rounds"; then
	ok "all structures agree with the model"
	rmmod vmap_lab
else
	not_ok "all structures agree with the model" "$(dmesg | grep vmap_lab:)"
fi
for index in tree busy_list free_list segregated buddy vmem summary rbtrees bump bump_rb maple maple_rcu maple_two \
	maple_tree tree_rcu summary_rcu bump_rcu iova drm_mm gen_pool; do
	expect "$index was checked" sh -c "dmesg | grep -q 'vmap_lab: ok $index:'"
done

refuses '"heap" is not one of tree, ' index=heap
refuses '"" is not one of' index=tree,
refuses '"busy" is not one of' workload=busy
refuses '0 is out of range 1..' n=0
refuses '1000001 is out of range' n=1000001
refuses '0 is out of range 1..' ops=0
refuses '4095 is out of range' space=4095
refuses '100001 is out of range' check=100001
refuses '"/none" cannot be read' trace=/none
printf 'vmap-trace 1\npage 4096\nspan 0x1000 0x9000\n5 a 0x1000 0 4096 0x1000 0x9000\n' >/tmp/size
refuses '/tmp/size:4: expected a size' trace=/tmp/size
printf 'vmap-trace 1\npage 4096\nspan 0x1000 0x9000\n5 f 0x1000' >/tmp/broken
refuses '/tmp/broken:4: expected the end of the line' trace=/tmp/broken
printf 'vmap-trace 1\npage 4096\nspan 0x1000 0x9000\n5 f 0x1000\0\n' >/tmp/zero
refuses '/tmp/zero:4: expected the end of the line' trace=/tmp/zero
head -c 5000 /dev/zero | tr '\0' 7 >/tmp/endless
refuses '/tmp/endless:1: expected the end of the line' trace=/tmp/endless
: >/tmp/empty
refuses '/tmp/empty:1: expected at least one allocation' trace=/tmp/empty
head -c 100000 /dev/urandom >/tmp/noise
refuses '/tmp/noise:1: expected' trace=/tmp/noise
refuses '/tmp:1: expected a file that can be read' trace=/tmp

for trace; do
	if insmod vmap_lab.ko "trace=/$trace"; then
		ok "$trace is replayed"
		cp /sys/kernel/debug/vmap_lab/results.json "/out/$trace.json"
		expect "$trace: the table is in the kernel log" sh -c "dmesg | grep -q 'vmap_lab: maple '"
		unload vmap_lab
	else
		not_ok "$trace is replayed" "$(dmesg | tail -n 5)"
	fi
done
expect "nothing is left in debugfs" [ ! -e /sys/kernel/debug/vmap_lab ]
