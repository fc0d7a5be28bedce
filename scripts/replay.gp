# SPDX-License-Identifier: GPL-2.0
#
# replay.gp - draws one replay.  replay.sh sets dir, names (the structures), timed (those that took
# time) and unit.

set terminal svg size 1000,600 dynamic enhanced font "sans,14" background rgb "white"
set datafile missing "-"
set grid lc rgb "#dddddd"
set key outside right top noenhanced
set style data lines
array colour[12] = ["#d62728", "#7f7f7f", "#8c564b", "#2ca02c", "#9467bd", "#ff7f0e", "#1f77b4", \
	"#17becf", "#bcbd22", "#e377c2", "#393b79", "#000000"]
all = "tree busy_list free_list segregated buddy vmem recorded maple maple_tree iova drm_mm gen_pool"
do for [i=1:12] {
	set linetype i linewidth 1.6 linecolor rgb colour[i]
}
type(name) = sum [i=1:12] (word(all, i) eq name ? i : 0)
set autoscale xfix
file(name, kind) = dir."/".name.".".kind

# Many structures lie on one line, because they choose the same addresses: they are drawn thick to
# thin, so that all show.
width(i) = 5.5 - 4.5 * (i - 1) / (words(names) > 1 ? words(names) - 1 : 1)

set xlabel "operations"
set yrange [0:*]
low = 1e300
high = 0
do for [name in names] {
	stats file(name, "samples") using ($6 / 256) name "peak" nooutput
	low = peak_max < low ? peak_max : low
	high = peak_max > high ? peak_max : high
}
# One structure that spreads over the whole space would press all others onto the axis.
if (high > 8 * low) {
	set logscale y
	set yrange [*:*]
}
set output dir."/footprint.svg"
set title "Address space from the lowest to the highest address in use"
set ylabel "MiB"
plot file(word(names, 1), "samples") using 1:(($3 + $4) / 256) with filledcurves x1 \
	lc rgb "#e0e0e0" title "busy and lazy", \
	for [i=1:words(names)] file(word(names, i), "samples") using 1:($6 / 256) \
	lt type(word(names, i)) lw width(i) title word(names, i)

unset logscale y
set output dir."/fragmentation.svg"
set title "Share of the footprint's free space in holes shorter than 64 KiB"
set ylabel "per cent"
set yrange [0:105]
plot for [i=1:words(names)] file(word(names, i), "samples") \
	using 1:($7 > 0 ? 100.0 * $14 / $7 : 0) lt type(word(names, i)) lw width(i) title word(names, i)

set output dir."/holes.svg"
set title "Free space inside the footprint"
set ylabel "per cent of the footprint"
plot for [i=1:words(names)] file(word(names, i), "samples") \
	using 1:($6 > 0 ? 100.0 * $7 / $6 : 0) lt type(word(names, i)) lw width(i) title word(names, i)

set logscale x
set xrange [*:*]
set xlabel unit." of one allocation"
set ylabel "per cent of allocations that took no longer"
set yrange [0:102]
set output dir."/latency.svg"
set title "Latency of an allocation"
count(name) = (0 + system("awk '$1 == \"alloc\" { n += $3 } END { print n + 0 }' ".file(name, "latency")))
plot for [name in timed] "< awk '$1 == \"alloc\"' ".file(name, "latency") \
	using ($2 < 1 ? 1 : $2):(100.0 * $3 / count(name)) smooth cumulative \
	with steps lt type(name) lw 2 title name

unset logscale x
unset grid
set xlabel "operations"
set ylabel "MiB from the lowest address used"
set palette defined (0 "white", 0.001 "#fff3c4", 1 "#ffb000", 1.001 "#dbe9ff", 2 "#1f5fbf")
set cbrange [0:2]
set colorbox
set cbtics ("free" 0, "lazy" 1, "busy" 2)
set key off
# A cell is blue if at least half of what is used in it is busy, else yellow.  The fuller, the darker.
share(busy, lazy, pages) = busy + lazy == 0 ? 0 : \
	busy >= lazy ? 1.2 + 0.8 * busy / pages : 0.1 + 0.9 * lazy / pages
do for [name in names] {
	rows = file(name, "map")
	pages = (0 + system("sed -n '1s/.*row_pages \\([0-9]*\\).*/\\1/p' ".rows))
	set output dir."/map-".name.".svg"
	set title "Addresses in use over time: ".name noenhanced
	set xrange [*:*]
	set yrange [0:pages * 120.0 / 256]
	plot rows using 1:(($3 + 0.5) * pages / 256):(share($4, $5, pages)) with image
}
