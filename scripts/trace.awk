# SPDX-License-Identifier: GPL-2.0
#
# trace.awk - which function an instruction of a trace belongs to: what breakdown.awk and holds.awk share.

# A line of /proc/kallsyms.
function add_symbol() {
	symbols++
	start[symbols] = $1
	name_of[symbols] = $3
	module_of[symbols] = $4
}

# Addresses are hexadecimal and equally long, so strings compare as they do.
function symbol_at(address,   low, high, middle) {
	low = 1
	high = symbols
	while (low < high) {
		middle = int((low + high + 1) / 2)
		if (start[middle] "" <= address "")
			low = middle
		else
			high = middle - 1
	}
	return low
}

# The symbol of an address that was not looked up before; sets what its instructions mean, by meaning_of(), which is
# the caller's.
function look_up(address,   symbol) {
	symbol = symbol_at(address)
	if (!(symbol in known))
		known[symbol] = meaning_of(symbol)
	meaning[address] = known[symbol]
	return symbol
}

# The address of the instruction that a line of the trace tells of.
function executed() {
	return substr($4, index($4, "/") + 1, 16)
}

# The name of a function, without what the compiler and the kernel's macros add.
function source_name(name) {
	sub(/\.(part|constprop|isra|cold).*$/, "", name)
	sub(/_noprof$/, "", name)
	return name
}

# Does an interrupt, or a switch to another task, begin in this function?
function disturbs(name) {
	return name ~ /^(asm_|__)?(sysvec|common_interrupt|exc_)/ || name ~ /^(__)?schedule$/
}
