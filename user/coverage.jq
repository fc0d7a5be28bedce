# SPDX-License-Identifier: GPL-2.0
#
# coverage.jq - sums up what gcov says of our own files, and names each line and branch not taken.
# Input: the JSON documents of gcov, slurped.  Only the module's own files count: not the kernel's
# headers, which are inlined, nor the tests.

def percent(hit): if length == 0 then "none" else "\(map(select(hit)) | length) of \(length)" end;

[.[].files[] | select(.file | test("^\\.\\./[a-z_]+\\.[ch]$"))]
| group_by(.file)[]
| .[0].file as $file
| [.[].lines[]] as $lines
| [$lines[] | .line_number as $at | .branches[] | {at: $at, count: .count}] as $branches
| "\($file | ltrimstr("../")): lines \($lines | percent(.count > 0)), " +
	"branches \($branches | percent(.count > 0))",
  ($lines[] | select(.count == 0) | "\($file | ltrimstr("../")):\(.line_number): line not run"),
  ($branches[] | select(.count == 0) | "\($file | ltrimstr("../")):\(.at): branch not taken")
