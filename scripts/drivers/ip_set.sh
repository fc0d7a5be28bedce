# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# about: sets of addresses that the packet filter asks; a large set's table is vmalloc's, when kmalloc has given up
# source: net/netfilter/ipset
# modules: ip_set ip_set_hash_ip ip_set_hash_net ip_set_bitmap_port ip_set_list_set
# set: CONFIG_IP_SET_BITMAP_IP= CONFIG_IP_SET_BITMAP_IPMAC= CONFIG_IP_SET_HASH_IPMAC= CONFIG_IP_SET_HASH_IPMARK=
# set: CONFIG_IP_SET_HASH_IPPORT= CONFIG_IP_SET_HASH_IPPORTIP= CONFIG_IP_SET_HASH_IPPORTNET= CONFIG_IP_SET_HASH_MAC=
# set: CONFIG_IP_SET_HASH_NETPORT= CONFIG_IP_SET_HASH_NETIFACE= CONFIG_IP_SET_HASH_NETNET= CONFIG_IP_SET_HASH_NETPORTNET=
# packages: ipset
# programs: /usr/sbin/ipset

ipset() {
	/usr/sbin/ipset "$@"
}

# addresses COUNT - that many members for the set numbers.
addresses() {
	awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++)
		printf "add numbers 10.%d.%d.%d\n", i % 61, int(i / 61) % 251, int(i / 15311) }'
}

# Where allocations fail, on a kernel with KASAN, the work is begun six times: with fewer members.
work() {
	members=20000
	# shellcheck disable=SC2154 # guest/drivers.sh sets it
	[ "$mode" != faults ] || members=3000
	ipset create numbers hash:ip hashsize 64 maxelem 100000 && addresses "$members" >/tmp/members &&
		ipset restore </tmp/members && ipset create nets hash:net && ipset add nets 10.1.0.0/16 &&
		ipset create ports bitmap:port range 0-65535 && ipset add ports 1000-2000 &&
		ipset create all list:set && ipset add all numbers && ipset add all nets || return
	# A table of 4 MiB, and a header: more than kmalloc ever gives.
	ipset create big hash:ip hashsize 524288 && ipset add big 10.1.2.3 && ipset test big 10.1.2.3 2>/dev/null ||
		return
	ipset test numbers 10.1.0.0 2>/dev/null && ! ipset test numbers 10.99.0.0 2>/dev/null &&
		ipset test nets 10.1.200.7 2>/dev/null && ipset test ports 1500 2>/dev/null || return
	ipset save >/tmp/saved && grep -c . /tmp/saved >"$OUT/lines"
	# Which bucket a member is in depends on a random number, and the header tells the size in memory.
	ipset list | grep -v '^Size in memory\|^Header:' | sort >"$OUT/listed"
	ipset destroy all && ipset destroy && ipset restore </tmp/saved && ipset save | sort | grep '^add' >"$OUT/restored"
	ipset destroy all && ipset destroy
}

tidy() {
	ipset destroy all
	ipset destroy
}
