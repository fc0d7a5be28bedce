# SPDX-License-Identifier: GPL-2.0
#
# bench.gp - draws what bench.sh measured: gnuplot -e "dir='...'" bench.gp, with the points in
# dir/plot/PLOT-PEER; a plot without any is left out.

set terminal svg size 1000,600 dynamic enhanced font "sans,14" background rgb "white"
set grid lc rgb "#dddddd"
set key outside right top noenhanced
set ylabel "instructions"
array colour[12] = ["#d62728", "#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", \
	"#7f7f7f", "#bcbd22", "#17becf", "#393b79", "#000000"]
do for [i=1:12] {
	set linetype i linewidth 2 linecolor rgb colour[i] pointtype 7 pointsize 0.6
}

# Ours come first and so have the same colours everywhere.
ours = "tree range arena arena-nocache arena-map"
peers = ours." iova-fast iova drm-mm-lowest drm-mm-best gen-pool maple vmap vmalloc"
file(plot, peer) = dir."/plot/".plot."-".peer
found(plot) = system("for peer in ".peers."; do test ! -e '".dir."/plot/".plot."-'$peer || echo $peer; done")

set logscale xy
set format x "10^{%L}"
set format y "10^{%L}"

set xlabel "live areas"
do for [name in "ranges memory"] {
	names = found(name)
	if (words(names)) {
		set output dir."/".name.".svg"
		set title name eq "ranges" \
			? "Address ranges: one allocation and one free, 1 to 16 pages" \
			: "Memory: one allocation and one free, 4 pages (mappings: 1 to 16)"
		plot for [peer in names] file(name, peer) with linespoints title peer
	}
}

set xlabel "part of all calls that are slower"
set xrange [*:1] reverse
do for [name in "alloc free"] {
	names = found(name)
	if (words(names)) {
		set output dir."/latency-".name.".svg"
		set title "How long a single ".name." takes, with 100,000 live areas"
		plot for [peer in names] file(name, peer) with lines title peer
	}
}
