# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: bugs put into the code are noticed: one in six, with --deep all, of the user-space and litmus tests'; one in six of KUnit's (debug)
# kernels: -
# quick: -
# deep: debug

# bugs OPTION... - each bug that scripts/mutate.sh puts in is a test.
bugs() {
	local out=$CHECK_DIR/bugs status=0 said name how

	"$ROOT/scripts/mutate.sh" "$@" >"$out" || status=$?
	while read -r said name how; do
		case $said in
		caught) ok "$name is noticed" ;;
		missed | broken) not_ok "$name is noticed" "$said: $how" "repeat: scripts/mutate.sh $name" ;;
		esac
	done <"$out"
	grep -q ' caught, ' "$out" ||
		not_ok "scripts/mutate.sh $* runs to its end" "it ended with $status: see check/mutate.log"
}

if [[ $1 == debug ]]; then
	bugs --kunit --sample=6
elif ((QUICK)); then
	bugs --user --sample=5
elif ((DEEP)); then
	bugs --user --all
else
	bugs --user --sample=6
fi
