# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: what ip_tables, as it is, takes its memory from: it frees areas of an arena by vfree(), which must be caught
# source: net/netfilter/x_tables.c
# modules: x_tables ip_tables iptable_filter
# stock: ip_tables iptable_filter
# packages: iptables
# programs: /usr/sbin/iptables-legacy /usr/sbin/iptables-legacy-restore /usr/sbin/iptables-legacy-save /usr/lib/x86_64-linux-gnu/xtables

# shellcheck disable=SC2034 # for guest/drivers.sh
ARENA_WORDS=catch_vfree=1

# That ip_tables was caught, and nothing but that.
no_report() {
	dmesg | grep -E 'vmap_arena: k?vfree.* of .* an address of ours, by .*\[ip_tables\]: done by us instead' &&
		! dmesg | grep -E 'vmap_arena: .*(lost|bad free|behind)'
}

# Each change of the rules makes a table of counters anew, and frees that of the rules before.
work() {
	mkdir -p /run
	for turn in 1 2 3; do
		{
			echo "*filter"
			awk -v n=300 'BEGIN { for (i = 0; i < n; i++) printf "-A INPUT -s 10.0.%d.%d -j DROP\n", i / 200, i % 200 }'
			echo COMMIT
		} | /usr/sbin/iptables-legacy-restore && /usr/sbin/iptables-legacy -D INPUT "$turn" || return
		/usr/sbin/iptables-legacy-save | grep '^-A' >"$OUT/rules-$turn"
	done
	/usr/sbin/iptables-legacy -F
}

tidy() {
	/usr/sbin/iptables-legacy -F
}
