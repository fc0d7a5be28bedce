# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# labrecord.sh DIRECTORY - record.sh on a running machine, which is this guest with the user programs
# of the host; at the same time, one within the other, trace-cmd and perf record as well.  DIRECTORY
# is the project's.  /out/raw.trace is what record.sh made, /out/trace-cmd and /out/perf what those
# two printed.

# shellcheck source=scripts/guest/lib.sh
. /lib.sh

# What is written goes to memory; of the host, nothing but reads.
enter_host() {
	mkdir /host /memory /machine
	mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro share /host &&
		mount -t tmpfs tmpfs /memory &&
		mkdir /memory/upper /memory/work /memory/out &&
		mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work \
			overlay /machine || return
	mkdir -p /machine/mnt/out /machine/mnt/modules
	for directory in proc sys dev; do
		mount --bind "/$directory" "/machine/$directory"
	done
	mount --bind /out /machine/mnt/out
	mount --bind /kernel-modules /machine/mnt/modules
}

no_instances() {
	[ -d /sys/kernel/debug/tracing/instances ] && [ -z "$(ls /sys/kernel/debug/tracing/instances)" ]
}

cat >/tmp/load <<'END'
for round in 1 2 3; do
	sleep 0.2 &
	/bin/true
	/sbin/rmmod loop
	/sbin/insmod /mnt/modules/loop.ko
	wait
done
END

cat >/tmp/record <<END
cd "$1" || exit
scripts/record.sh --out /mnt/out/raw.trace -- \
	trace-cmd record -q -B within -e vmalloc -o /tmp/trace.dat \
	perf record -q -a -e 'vmalloc:*' -o /tmp/perf.data -- sh /mnt/out/load || exit
trace-cmd report /tmp/trace.dat >/mnt/out/trace-cmd
perf script -i /tmp/perf.data >/mnt/out/perf
END

expect "the guest has the host's programs" enter_host
cp /tmp/load /tmp/record /out/
expect "record.sh records on the running machine" chroot /machine bash /mnt/out/record
expect "record.sh leaves no buffer behind" no_instances
expect_fail "record.sh leaves no mount behind" grep /machine/sys/kernel/tracing /proc/mounts
expect_fail "a command that fails records nothing" \
	chroot /machine bash -c "cd '$1' && scripts/record.sh --out /mnt/out/none -- false"
expect_fail "nothing is written then" [ -e /out/none ]
rm -f /out/load /out/record
finish
