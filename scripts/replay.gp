# SPDX-License-Identifier: GPL-2.0
#
# replay.gp - draws one replay.  replay.sh sets dir, load (its name), names (the structures), timed
# (those that took time) and unit.

set terminal svg size 1000,640 dynamic enhanced font "sans,14" background rgb "white"
set datafile missing "-"
set grid lc rgb "#dddddd"
set key below left Left reverse noenhanced
set style data lines
array colour[21] = ["#d62728", "#7f7f7f", "#8c564b", "#2ca02c", "#9467bd", "#ff7f0e", "#637939", "#1f77b4", \
	"#17becf", "#bcbd22", "#e377c2", "#393b79", "#000000", "#f7b6d2", "#aec7e8", "#ffbb78", "#98df8a", \
	"#843c39", "#7b4173", "#b5cf6b", "#e7969c"]
all = "tree busy_list free_list segregated buddy vmem summary recorded maple maple_tree iova drm_mm gen_pool \
	rbtrees bump bump_rb maple_rcu maple_two tree_rcu summary_rcu bump_rcu"
do for [i=1:21] {
	set linetype i linewidth 1.6 linecolor rgb colour[i]
}
# A structure of two kernels has one colour.
base(name) = name[1:strstrt(name."-", "-") - 1]
type(name) = sum [i=1:21] (word(all, i) eq base(name) ? i : 0)
set autoscale xfix
file(name, kind) = dir."/".name.".".kind

# Structures that choose the same addresses are one line, with all their names.  Lines that lie on
# each other for a while only are drawn thick to thin, so that all show.
joined(columns) = system("cd '".dir."' && for name in ".names."; do \
	echo $(cut -d ' ' -f 1,".columns." $name.samples | cksum) $name; done | \
	awk '!(($1, $2) in line) { line[$1, $2] = ++n } \
	{ i = line[$1, $2]; names[i] = names[i] (names[i] ? \",\" : \"\") $3 } \
	END { for (i = 1; i <= n; i++) print names[i] }'")
first(joint) = joint[1:strstrt(joint.",", ",") - 1]
samples(joint) = file(first(joint), "samples")
width(i) = 5.5 - 4.5 * (i - 1) / (words(lines) > 1 ? words(lines) - 1 : 1)

set xlabel "operations" offset 0,0.3
set yrange [0:*]
low = 1e300
high = 0
do for [name in names] {
	stats file(name, "samples") using ($6 / 256) name "peak" nooutput
	low = peak_max < low ? peak_max : low
	high = peak_max > high ? peak_max : high
}
set ylabel "MiB"
# One structure that spreads over the whole space would press all others onto the axis.
if (high > 8 * low) {
	set logscale y
	set yrange [*:*]
	set ylabel "MiB, logarithmic"
}
lines = joined("6")
set output dir."/footprint.svg"
set title load.": from the lowest to the highest address in use" noenhanced
plot samples(word(lines, 1)) using 1:(($3 + $4) / 256) with filledcurves x1 \
	lc rgb "#e0e0e0" title "busy and lazy", \
	for [i=1:words(lines)] samples(word(lines, i)) using 1:($6 / 256) \
	lt type(first(word(lines, i))) lw width(i) title word(lines, i)

unset logscale y
lines = joined("7,14")
set output dir."/fragmentation.svg"
set title load.": free space between areas that is in holes shorter than 64 KiB" noenhanced
set ylabel "per cent of that free space"
set yrange [0:105]
plot for [i=1:words(lines)] samples(word(lines, i)) using 1:($7 > 0 ? 100.0 * $14 / $7 : 0) \
	lt type(first(word(lines, i))) lw width(i) title word(lines, i)

lines = joined("6,7")
set output dir."/holes.svg"
set title load.": free space between the lowest and the highest area" noenhanced
set ylabel "per cent of the addresses between them"
plot for [i=1:words(lines)] samples(word(lines, i)) using 1:($6 > 0 ? 100.0 * $7 / $6 : 0) \
	lt type(first(word(lines, i))) lw width(i) title word(lines, i)

# From the fastest allocation, which all others equal or exceed, to the slowest.
slower = "awk '$1 == \"alloc\" { ticks[++n] = $2; count[n] = $3; left += $3 } \
	END { for (i = 1; i <= n; left -= count[i++]) print left, ticks[i]; print 0.5, ticks[n] }' "
total(name) = (0 + system("awk '$1 == \"alloc\" { n += $3 } END { print n + 0 }' ".file(name, "latency")))
set logscale xy
set xrange [*:100] reverse
set yrange [*:*]
set format x "%g %%"
set xlabel "part of the allocations that took so long or longer"
set ylabel unit
set output dir."/latency.svg"
set title load.": how long an allocation takes" noenhanced
plot for [name in timed] "< ".slower.file(name, "latency") \
	using (100.0 * $1 / total(name)):($2 < 1 ? 1 : $2) with steps lt type(name) lw 2 title name

unset logscale xy
unset grid
set format x
set xrange [*:*] noreverse
set xlabel "operations"
set ylabel "MiB from the lowest address used"
set palette defined (0 "white", 0.001 "#fff3c4", 1 "#ffb000", 1.001 "#dbe9ff", 2 "#1f5fbf")
set cbrange [0:2]
set colorbox
set cbtics ("partly lazy" 0.1, "all lazy" 0.95, "partly busy" 1.1, "all busy" 1.95)
set key off
# A cell is blue if at least half of what is used in it is busy, else yellow.  The fuller, the darker.
share(busy, lazy, pages) = busy + lazy == 0 ? 0 : \
	busy >= lazy ? 1.2 + 0.8 * busy / pages : 0.1 + 0.9 * lazy / pages
do for [name in names] {
	rows = file(name, "map")
	pages = (0 + system("sed -n '1s/.*row_pages \\([0-9]*\\).*/\\1/p' ".rows))
	set output dir."/map-".name.".svg"
	set title load.": addresses over time with ".name."; white is free" noenhanced
	set yrange [0:pages * 120.0 / 256]
	plot rows using 1:(($3 + 0.5) * pages / 256):(share($4, $5, pages)) with image
}
