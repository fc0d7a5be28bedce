# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# bench-measure.sh - how each part is measured in the kernel in use, into $dir/PART.json.  Sourced by bench.sh.
# shellcheck disable=SC2034,SC2154 # the variables of bench.sh

# try LOG COMMAND... - sets status to 1 if it fails.
try() {
	"${@:2}" >"$1" 2>&1 || {
		say "failed: see $1"
		status=1
		return 1
	}
}

# plan PART - its loads.
plan() {
	case $1 in
	loads)
		plan_nothing
		printf '%s\n' "${load[@]}"
		;;
	latency) plan_latency "$calls" ;;
	*) "plan_${1%-2m}" ;;
	esac
}

# gather PART DIR INIT - PART.json: what the guest left in the directory of the part.
gather() {
	jq -s --arg part "$1" --argjson init "$3" --argjson clock "$(<"$2/clock")" \
		'map(. + {part: $part, init_on_alloc: $init, ticks_per_million_instructions: $clock})' \
		"$2/results" >"$2.json"
}

# measure PART - in the kernel in use; sets status to 1 if anything in it failed.
measure() {
	local out=$dir/$1 mem=3072 init=0 words='' arguments=() files=() drm=(--kernel-module drm)

	case $1 in
	cleared) init=1 ;;
	latency) mem=5120 ;;
	wake) mem=6144 words=preempt=full ;;
	holds | sections | timerlat | osnoise) mem=6144 words=preempt=full arguments=(-- "$1") ;;
	lazy) mem=6144 ;;
	lazy-2m) mem=6144 arguments=(-- span_size=2M) ;;
	loads) [[ ${load[*]} != *wakeups=* ]] || words=preempt=full ;;
	locks) arguments=(-- locks) ;;
	caught) arguments=(-- catch_vfree=1) ;;
	esac
	# busybox cannot make a thread a real-time one.
	[[ $1 != osnoise ]] || mapfile -t files < <(ldd /usr/bin/chrt | grep -o '/[^ ]*' && echo /usr/bin/chrt)
	# A kernel that we built has no module.
	[[ $KERNEL != *tracers ]] || drm=()
	# To a real-time kernel, where a thread answers it, QEMU's serial port is an interrupt that nobody cares for.
	[[ $KERNEL != *rt* ]] || words+=" noirqdebug"
	rm -rf "$out" "$out.json"
	mkdir -p "$out"
	plan "$1" >"$out/loads"
	say "measuring $1: $(wc -l <"$out/loads") loads in $KERNEL_RELEASE"
	try "$out/vm.log" "$ROOT/scripts/vm.sh" --kernel "$KERNEL" --icount --mem "$mem" --timeout "$timeout" \
		--append "init_on_alloc=$init $words ${append[*]}" "${drm[@]}" --file "$out/loads" "${files[@]/#/--file=}" \
		--module "$MODULES/vmap_arena.ko" --module "$MODULES/bench/vmap_bench.ko" \
		--script "$ROOT/scripts/guest/bench.sh" --out "$out" --log "$out/console.log" \
		"${arguments[@]}" || true
	gather "$1" "$out" "$init" || status=1
}

# measure_lists - the time of the 4.18 algorithm and of ours, with few areas and with many.
measure_lists() {
	local live

	rm -f "$dir/lists.json"
	say "measuring lists"
	for live in 1000 15000; do
		echo "index=busy_list,tree workload=long_busy_list n=$live ops=2000"
	done | (lab_in_guest "$dir/lists") || {
		status=1
		return
	}
	jq -s 'to_entries | map({live: [1000, 15000][.key], results: .value.results})' \
		"$dir/lists"/{1,2}/results.json >"$dir/lists.json"
}

# measure_native - cache misses and contention count here, which instructions do not tell.
measure_native() {
	need_packages make gcc libc6-dev linux-source-6.12 xz-utils
	say "measuring native"
	make_user -s bench >"$dir/native" 2>"$dir/native.log" || {
		say "failed: see $dir/native.log"
		status=1
	}
	jq -Rn -f "$ROOT/scripts/bench-native.jq" "$dir/native" >"$dir/native.json"
}

# stress - on each kernel, with and without pages being cleared.  The tests run in a fixed order on one
# CPU with a fixed seed, and long enough that the work which one leaves for later, and which the
# kernel does in the next one's time, weighs little.
stress() {
	local init out

	for init in 0 1; do
		out=$OUT/stress/init-$init
		rm -rf "$out"
		mkdir -p "$out"
		say "running the stress suite with init_on_alloc=$init"
		try "$out/log" "$ROOT/scripts/run.sh" "${STRESS_KERNELS[@]/#/--kernel=}" --icount \
			--append "init_on_alloc=$init" \
			--loops "$loops" --threads 1 --timeout "$timeout" --results "$out" \
			-- touch=0 seed=1 sequential_test_order=1 || true
	done
}
