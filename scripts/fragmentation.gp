# SPDX-License-Identifier: GPL-2.0
#
# fragmentation.gp - draws what fragmentation.sh measured.  It sets dir, names (the ways), load (what was replayed)
# and requests (how many each look made).

set terminal svg size 1000,600 dynamic enhanced font "sans,14" background rgb "white"
set grid lc rgb "#dddddd"
set key below left Left reverse noenhanced
array colour[5] = ["#7f7f7f", "#1f77b4", "#ff7f0e", "#d62728", "#2ca02c"]
all = "none single large vmalloc arena"
type(name) = sum [i=1:5] (word(all, i) eq name ? i : 0)
do for [i=1:5] {
	set linetype i linewidth 1.8 linecolor rgb colour[i] pointtype 7 pointsize 0.6
}
# With the first seed.
file(name) = dir."/".name.".1/samples"

set autoscale xfix
set xlabel "operations"
set yrange [0:1.02]
set ylabel "share of the free memory"
set output dir."/unusable.svg"
set title load.": free memory in blocks shorter than 2 MiB" noenhanced
plot for [name in names] file(name) using 1:($16) with lines lt type(name) title name

set yrange [0:requests + 1]
set ylabel "requests served at once, of ".requests
set output dir."/requests.svg"
set title load.": requests for 2 MiB" noenhanced
plot for [name in names] file(name) using 1:5 with lines lt type(name) title name

# The mean over the second half of all looks, for each order.
orders(name) = "< awk '{ for (i = 7; i <= NF; i++) line[NR, i] = $i; last = NF } END { \
	for (i = 7; i <= last; i++) { sum = 0; n = 0; \
	for (l = int(NR / 2) + 1; l <= NR; l++) { sum += line[l, i]; n++ } print i - 7, sum / n } }' ".file(name)
set xrange [0:10]
set yrange [0:1.02]
set xtics 1
set xlabel "order of the request (9: 2 MiB)"
set ylabel "share of the free memory that cannot serve it"
set output dir."/orders.svg"
set title load.": unusable free memory for each order" noenhanced
plot for [name in names] orders(name) using 1:2 with linespoints lt type(name) title name
