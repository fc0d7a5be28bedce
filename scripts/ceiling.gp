# SPDX-License-Identifier: GPL-2.0
#
# ceiling.gp - draws what ceiling.sh says of 1 to 256 CPUs: gnuplot -e "dir='...'" ceiling.gp, with the curves in
# dir/curve-PEER-SHARDS; and prints it.

set logscale xy 2
set xlabel "CPUs"
set ylabel "times vmalloc on one CPU"
set xrange [1:256]
set key outside right top noenhanced
set grid lc rgb "#dddddd"
names = system("cd ".dir." && ls -v | sed -n 's/^curve-//p'")
set terminal svg size 1000,600 dynamic enhanced font "sans,14" background rgb "white"
set output dir."/ceiling.svg"
plot x with lines dashtype 3 lc rgb "#888888" title "as many as CPUs", \
	for [name in names] dir."/curve-".name using 1:2 with linespoints lw 2 title name
unset grid
set terminal dumb 100 30
set output
plot for [name in names] dir."/curve-".name using 1:2 with points title name
