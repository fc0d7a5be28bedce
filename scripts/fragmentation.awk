# SPDX-License-Identifier: GPL-2.0
#
# fragmentation.awk - rows of the table of fragmentation.sh, of one way: the medians over its boots and, if there are
# several, the least and the most.  Set way; the files are BOOT/samples and BOOT/end (guest/fragmentation.sh) of each boot.

BEGIN {
	columns = split("%6.1f %6.1f %6.3f %6.3f %6.3f %5.0f%% %7.1f %7.1f %7.0f %7.1f %7.1f", format, " ")
}

{
	boot = FILENAME
	sub("/[^/]*$", "", boot)
	if (!(boot in known)) {
		known[boot]
		boots[++count] = boot
	}
}

FILENAME ~ "/end$" {
	for (i = 2; i <= 4; i++)
		end[boot, $1, i] = $i
	next
}

{
	looks[boot]++
	sample[boot, looks[boot]] = $0
}

# The columns of one boot: the means over the second half of its looks, then what was left in the end.
function measure(b, boot,    look, field, n) {
	for (look = int(looks[boot] / 2) + 1; look <= looks[boot]; look++) {
		split(sample[boot, look], field, " ")
		n++
		value[1, b] += field[3] / 256
		value[2, b] += field[2] / 256
		# Fields 7 and up are the shares for orders 0 and up.
		value[3, b] += field[7 + 4]
		value[4, b] += field[7 + 7]
		value[5, b] += field[7 + 9]
		value[6, b] += 100 * (field[6] > 0.5)
		value[7, b] += field[5]
	}
	for (i = 1; i <= 7; i++)
		value[i, b] /= n
	value[8, b] = end[boot, "live", 3]
	value[9, b] = end[boot, "live", 4]
	value[10, b] = end[boot, "released", 2]
	value[11, b] = end[boot, "released", 3]
}

# Put the values of a column in order.
function order(column,    b, c, held) {
	for (b = 2; b <= count; b++) {
		held = value[column, b]
		for (c = b - 1; c >= 1 && value[column, c] > held; c--)
			value[column, c + 1] = value[column, c]
		value[column, c + 1] = held
	}
}

# A row with the mean of the values at two places of each column, of which the median may need two.
function row(name, low, high) {
	printf("%-8s", name)
	for (i = 1; i <= columns; i++)
		printf(" " format[i], (value[i, low] + value[i, high]) / 2)
	printf("\n")
}

END {
	for (b = 1; b <= count; b++)
		measure(b, boots[b])
	for (column = 1; column <= columns; column++)
		order(column)
	row(way, int((count + 1) / 2), int(count / 2) + 1)
	if (count > 1) {
		row("  least", 1, 1)
		row("  most", count, count)
	}
}
