# SPDX-License-Identifier: GPL-2.0
#
# check.awk - the end of what check.sh prints: a line for each kernel, and the totals.
#
# Reads a line for each check: its name, its kernel, how many tests passed, failed and were skipped,
# and, if nothing of it could run, why.  Exit status: 1 if a test failed.

{
	if (!($2 in checks))
		kernels[++count] = $2
	checks[$2]++
	passed[$2] += $3
	failed[$2] += $4
	skipped[$2] += $5
	if ($4)
		bad[$2] = bad[$2] " " $1
	if ($6 != "")
		reason[$2] = $6
	all_passed += $3
	all_failed += $4
	all_skipped += $5
}

function result(kernel)
{
	if (failed[kernel])
		return "FAIL:" bad[kernel]
	if (!passed[kernel])
		return "SKIP: " reason[kernel]
	return "PASS"
}

END {
	format = "%-12s %7s %7s %7s %8s   %s\n"
	printf "\n" format, "kernel", "checks", "passed", "failed", "skipped", "result"
	for (i = 1; i <= count; i++) {
		kernel = kernels[i]
		printf format, kernel == "-" ? "none" : kernel, checks[kernel], passed[kernel], \
			failed[kernel], skipped[kernel], result(kernel)
	}
	printf "\n%d passed, %d failed, %d skipped\n", all_passed, all_failed, all_skipped
	exit all_failed > 0
}
