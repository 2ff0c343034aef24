# SPDX-License-Identifier: MIT
# bench.bats - scripts/bench: what it runs, what it shows, what it does with failures
#
# The micro benchmarks and stress programs are stand-ins in a folder that --libdir names,
# so that a failure can be ordered; the last tests use the real ones if they are built.

bats_require_minimum_version 1.5.0
load common

setup_file() {
	LIBDIR=$BATS_FILE_TMPDIR/build
	export LIBDIR
	mkdir -p "$LIBDIR/bench/stress"
	ln -s "$BUILD"/libseamalloc*.so "$BUILD"/measure "$LIBDIR/"
	launcher
	stand_in_for_micro
	for source in "$ROOT"/bench/stress/*.c; do
		stand_in_for_stress "$(basename "$source" .c)"
	done
	write_report
}

# An ELF file, as an allocator is for one architecture: runs the script beside it.
launcher() {
	compile "$LIBDIR/launcher" <<-'EOF'
		#include <stdio.h>
		#include <unistd.h>
		int main(int count, char **arguments)
		{
			static char script[4096];
			static char *words[64] = { "sh", script };
			snprintf(script, sizeof script, "%s.sh", arguments[0]);
			for (int i = 1; i < count && i < 60; i++)
				words[i + 1] = arguments[i];
			return execv("/bin/sh", words);
		}
	EOF
}

# The program $1 of the benchmark, a script on standard input.
stand_in() {
	cp "$LIBDIR/launcher" "$LIBDIR/bench/$1"
	script_file "$LIBDIR/bench/$1.sh"
}

# A program that lists a few benchmarks and "runs" them; FAKE_MICRO is shell code that
# runs before its answer, with $library the allocator that is preloaded.
stand_in_for_micro() {
	stand_in micro <<-'EOF'
		#!/bin/sh
		case $1 in
		--quick-list) echo pair/64; exit ;;
		--benchmark_list_tests*) printf '%s\n' pair/64 pair/64/threads:2 replace/10 replace/100 replace/1000; exit ;;
		esac
		library=${LD_PRELOAD:-none}
		eval "${FAKE_MICRO-}"
		case $1 in
		*replace/10\$) live=40000 ;;
		*) live=4000000 ;;
		esac
		cat <<-END
			{"context": {}, "benchmarks": [{"iterations": 1000, "operations": 2000,
			 "real_time": 22, "cpu_time": 20, "time_unit": "ns", "peak_live_bytes": $live,
			 "peak_rss_bytes": 8e6, "base_rss_bytes": 2e6}]}
		END
	EOF
}

# A program that answers as a stress program does; FAKE_STRESS likewise.
stand_in_for_stress() {
	stand_in "stress/$1" <<-'EOF'
		#!/bin/sh
		idle=null
		threads=4
		for word; do
			case $previous in
			--threads) threads=$word ;;
			--idle) idle=3000000 ;;
			esac
			case $word in
			--describe) echo "a stand-in"; exit ;;
			--defaults) echo 4; exit ;;
			--is-quick) echo yes; exit ;;
			esac
			previous=$word
		done
		library=${LD_PRELOAD:-none}
		check=ok
		eval "${FAKE_STRESS-}"
		cat <<-END
			{"program": "x", "threads": $threads, "seed": 1, "operations": 1000000, "wall_s": 0.2, "cpu_s": 0.1,
			 "operations_per_s": 5e6, "peak_live_bytes": 4000000, "base_rss_bytes": 1000000,
			 "peak_rss_bytes": 9000000, "idle_rss_bytes": $idle, "check": "$check",
			 "timeline": [[0, 0, 1000000], [500000, 4000000, 9000000], [1000000, 0, 5000000]]}
		END
	EOF
}

# One report of everything that stands in, for the tests that read one.
write_report() {
	bench --quick --rounds=2 --only='pair/64,bleed*,drift' --idle=1 --json="$BATS_FILE_TMPDIR/report.json" >/dev/null
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	REPORT=$BATS_FILE_TMPDIR/report.json
}

bench() {
	"$ROOT/scripts/bench" --libdir="$LIBDIR" "$@"
}

# One workload, one round, glibc and ours.
small() {
	bench --rounds=1 --idle=0 --allocators=seamalloc --only=micro/pair/64 "$@"
}

# --- the command line ------------------------------------------------------------

@test "help, and 2 with one sentence for a command line that makes no sense" {
	run bench --help
	[ "$status" -eq 0 ]
	contains "$output" "usage: bench"
	for arguments in --nonsense nonsense --rounds=0 --rounds=x --budget=0 --budget=nan --idle=-1 --threads=0,2 \
		--suite=nonsense --only=nonsense --allocators=nonsense --report; do
		run bench "$arguments"
		equal "$status" 2
		equal "${#lines[@]}" 1
	done
}

@test "--list names the workloads, --suite and --only choose among them" {
	run bench --list --suite=micro
	[ "$status" -eq 0 ]
	equal "$(cut -d' ' -f1 <<<"$output" | tr '\n' ' ')" \
		"micro/pair/64 micro/pair/64/threads:2 micro/replace/10 micro/replace/100 micro/replace/1000 "
	run bench --list --suite=micro --only='replace/*,micro/pair/64'
	equal "${#lines[@]}" 4
	run bench --list --quick --suite=micro
	equal "${lines[0]%% *}" micro/pair/64
}

@test "every file of bench/stress and bench/programs is a workload" {
	run --separate-stderr bench --list --suite=stress,programs
	for path in "$ROOT"/bench/stress/*.c; do
		contains "$output" "stress/$(basename "$path" .c) "
	done
	for path in "$ROOT"/bench/programs/*.py; do
		name=$(basename "$path" .py)
		contains "$output
$stderr" "$name "
	done
}

@test "what is not built is named, and a file that cannot be written is refused at once" {
	mkdir empty
	run "$ROOT/scripts/bench" --libdir=empty --suite=micro
	[ "$status" -eq 125 ]
	contains "$output" "bench/micro is not built"
	run small --json=nowhere/report.json
	[ "$status" -eq 125 ]
	contains "$output" "nowhere/report.json: cannot be written"
}

# --- what is run -------------------------------------------------------------------

@test "every allocator is in the table; the textbook engines ran once" {
	run bench --report "$REPORT"
	[ "$status" -eq 0 ]
	for name in $(jq -r '.allocators[].name' "$REPORT"); do
		grep -Eq "^ +glibc .*$name" <<<"$output" || [ "$name" = glibc ]
	done
	jq -e '[.allocators[].name] | contains(["glibc", "seamalloc", "freelist", "watermark"])' "$REPORT"
	jq -e '[.workloads[] | select(.growth | not) | .results | .freelist, .watermark | .samples | length]
		| unique == [1]' "$REPORT"
	jq -e '[.workloads[].results | .glibc, .seamalloc | .samples | length] | unique == [2]' "$REPORT"
}

@test "with --apart one run follows the other in changing order, glibc first in the first round" {
	export FAKE_MICRO='echo "$library" >>'"$PWD"'/order'
	run bench --apart --rounds=8 --idle=0 --allocators=seamalloc,freelist --only=pair/64
	[ "$status" -eq 0 ]
	equal "$(wc -l <order)" 24
	equal "$(head -n 1 order)" none
	equal "$(sort order | uniq -c | awk '{print $1}' | sort -u)" 8
	[ "$(paste -d' ' - - - <order | sort -u | wc -l)" -gt 2 ]
}

@test "runs in turns: one at a time, each with its own share, and a failure holds nobody up" {
	script_file busy <<-'EOF'
		#!/bin/sh
		i=0
		while [ $i -lt "$1" ]; do
			i=$((i + 1))
			[ $((i % 2000)) -ne 0 ] || echo "$1" >>log
		done
	EOF
	script_file "$PWD/turns.py" <<-EOF
		import sys
		sys.path[:0] = ["$ROOT/scripts/lib", "$ROOT/bench"]
		import measure
		from suite import gang, watch
		measure.prepare("$BUILD")
		def run(argv):
		    with watch.watched(watch.Limits(60, 1 << 40), ""):
		        return measure.Run(argv).finish().failure
		def no_program():
		    return "none"
		jobs = [lambda count=count: run(["./busy", count]) for count in ("100001", "100002")]
		results = gang.together([*jobs, lambda: run(["false"]), no_program])
		print(*(failure for failure, _ in results), sep=",")
		print(all(active_s > 0.02 for _, active_s in results[:2]), results[3][1])
	EOF
	run python3 -B turns.py
	equal "${lines[0]}" "None,None,exit status 1,none"
	equal "${lines[1]}" "True 0.0"
	# Their lines alternate in blocks, as their turns do.
	[ "$(uniq log | wc -l)" -gt 4 ]
}

@test "a budget gives at least three rounds, and more where they fit" {
	run bench --budget=0.01 --idle=0 --allocators=seamalloc --only=pair/64 --json=report.json
	[ "$status" -eq 0 ]
	jq -e '.workloads[0].rounds >= 3' report.json
	export FAKE_MICRO='sleep 0.0$(($$ % 7))'
	run bench --budget=0.05 --idle=0 --allocators=seamalloc --only=stress/bleed,pair/64 --json=report.json
	jq -e '.seconds < 20' report.json
}

@test "the JSON has its documented members" {
	jq -e '.schema == "seamalloc-bench-1" and .baseline == "glibc" and .quick == true and .idle_s == 1' "$REPORT"
	jq -e '.date | fromdate > 0' "$REPORT"
	jq -e '.machine | .cpus > 0 and .memory_kib > 0 and (.kernel | length > 0) and has("transparent_hugepages")
		and has("governor") and has("compiler") and (.load | length == 3)' "$REPORT"
	jq -e '.build.version | length > 0' "$REPORT"
	jq -e '.allocators | all((.version | length > 0) and has("library") and has("textbook"))' "$REPORT"
	jq -e '.workloads[0] | .name == "micro/pair/64" and .suite == "micro" and .unit == "ns/op"' "$REPORT"
	jq -e '.workloads | all(.results | all(.status == "ok" and .reason == null))' "$REPORT"
	jq -e '[.workloads[].results[].samples[] | has("round", "cost", "wall", "cpu_s", "peak_rss_bytes", "minor_faults")]
		| all' "$REPORT"
	# 20 ns an iteration of two operations; 0.1 s for a million operations.
	jq -e '[.workloads[] | select(.suite == "micro") | .results[].samples[].cost] | unique == [10]' "$REPORT"
	jq -e '[.workloads[] | select(.suite == "stress") | .results[].samples[].cost] | unique == [100]' "$REPORT"
	jq -e '.workloads[] | select(.name == "stress/bleed") | .results.seamalloc |
		.idle.idle_rss_bytes == 3000000 and (.timeline | length == 3)' "$REPORT"
}

@test "the table shows figures with units, ratios, means, and the best of the competitors" {
	run bench --report "$REPORT"
	grep -Eq '^micro/pair/64 +ns/op +10\.0 \(1\.00\)' <<<"$output"
	grep -Eq '^stress/bleed +MiB +8\.58 \(1\.00\)' <<<"$output"
	grep -Eq '^stress/bleed +2\.00 \(1\.00\)' <<<"$output"
	grep -Eq '^geometric mean, micro \+ stress +1\.000' <<<"$output"
	contains "$output" "CPU time: nowhere"
	contains "$output" "memory kept when all is freed"
	lacks "$output" "stress/bleed/threads:1 "
}

# --- failures ------------------------------------------------------------------------

@test "an allocator that does not load is shown, with the reason, and the others go on" {
	echo 'not a library' >libbroken.so
	run bench --rounds=1 --idle=0 --allocators="./libbroken.so,seamalloc" --only=micro/pair/64
	[ "$status" -eq 1 ]
	grep -Eq '^micro/pair/64 +ns/op +10\.0 \(1\.00\)\*? +FAIL +10\.0' <<<"$output"
	grep -Eq '^NOT LOADED: micro/pair/64 under libbroken.so: ' <<<"$output"
}

@test "a crash is shown, with signal and last words, and costs only its own cell" {
	export FAKE_MICRO='case $library in *freelist*) echo "corrupted" >&2; kill -SEGV $$ ;; esac'
	run bench --rounds=2 --idle=0 --only='replace/1*' --allocators=seamalloc,freelist --json=report.json
	[ "$status" -eq 1 ]
	grep -Eq '^FAIL: micro/replace/10 under freelist: signal 11 \(SIGSEGV\): corrupted$' <<<"$output"
	equal "$(jq -c '[.workloads[0].results[] | .samples | length]' report.json)" "[2,2,0]"
}

@test "a data check that fails is a failure, also under the base line" {
	export FAKE_STRESS='case $library in none) check="block 7 holds what was never written" ;; esac'
	run bench --rounds=1 --idle=0 --allocators=seamalloc --only=stress/drift
	[ "$status" -eq 1 ]
	grep -Eq '^FAIL: stress/drift under glibc: block 7 holds what was never written$' <<<"$output"
	grep -Eq '^stress/drift +ns/op +FAIL +100' <<<"$output"
}

@test "a mean over fewer workloads says so" {
	export FAKE_STRESS='case $library,$0 in *libseamalloc.so,*drift.sh) exit 3 ;; esac'
	run bench --rounds=1 --idle=0 --allocators=seamalloc --only=stress/drift,stress/bleed
	[ "$status" -eq 1 ]
	grep -Eq '^FAIL: stress/drift under seamalloc: exit status 3$' <<<"$output"
	grep -Eq '^geometric mean, stress +1\.000\* +1\.000 of 1/2$' <<<"$output"
}

@test "what takes too long or too much memory is ended with all that it started" {
	script_file "$PWD/limits.py" <<-EOF
		import sys
		sys.path[:0] = ["$ROOT/scripts/lib", "$ROOT/bench"]
		import measure
		from suite import watch
		measure.prepare("$BUILD")
		for limits, script in ((watch.Limits(0.3, 1 << 40), "sleep 61 & sleep 61"),
		                       (watch.Limits(60, 64 << 20), "$PWD/hungry; exit 0")):
		    with watch.watched(limits, ""):
		        print(measure.Run(["sh", "-c", script]).finish().failure)
	EOF
	compile ./hungry <<-'EOF'
		#include <stdlib.h>
		#include <string.h>
		#include <unistd.h>
		int main(void) { memset(malloc(200 << 20), 1, 200 << 20); return (int)sleep(60); }
	EOF
	run python3 -B limits.py
	equal "${lines[0]}" "took longer than 0 s"
	equal "${lines[1]}" "more than 0.1 GiB resident"
	run pgrep -fx "sleep 61"
	[ "$status" -ne 0 ]
}

@test "a library that is not in the process is noticed, whatever the loader says" {
	script_file "$PWD/mapped.py" <<-EOF
		import sys
		sys.path[:0] = ["$ROOT/scripts/lib", "$ROOT/bench"]
		import measure
		from suite import watch
		measure.prepare("$BUILD")
		for library in ("$BUILD/libseamalloc.so", ""):
		    with watch.watched(watch.Limits(9, 1 << 40), "$BUILD/libseamalloc.so") as watched:
		        measure.Run(["sleep", "0.4"], library).finish()
		        print(watched.absent, watched.mapped is not None)
	EOF
	run python3 -B mapped.py
	equal "$output" $'False True\nTrue False'
}

# --- reports -------------------------------------------------------------------------

@test "agreement of two reports: each workload, the means, and who is beyond the limit" {
	jq '(.workloads[] | select(.name == "stress/drift") | .results.seamalloc.samples[].cost) *= 1.2' "$REPORT" >other.json
	run bench --report "$REPORT" "$REPORT"
	[ "$status" -eq 0 ]
	contains "$output" "differ by 0.0 %"
	lacks "$output" "beyond 5 %: "
	run bench --report "$REPORT" other.json
	[ "$status" -eq 0 ]
	contains "$output" "beyond 5 %: stress/drift"
	grep -Eq '^stress/drift +.*20\.0 % !$' <<<"$output"
	run bench --report="$REPORT" other.json
	contains "$output" "beyond 5 %: stress/drift"
}

@test "what is no report is refused" {
	echo '{"schema": "other"}' >other.json
	echo 'not JSON' >text.json
	for file in other.json text.json missing.json; do
		run bench --report $file
		[ "$status" -eq 125 ]
		contains "$output" "$file"
	done
}

@test "neither progress nor colours where there is no terminal" {
	run --separate-stderr small
	[ "$status" -eq 0 ]
	equal "$stderr" ""
	lacks "$output" $'\033'
}

@test "a bar with the time left on a terminal" {
	command -v script >/dev/null || skip "needs script(1)"
	command="$ROOT/scripts/bench --libdir=$LIBDIR --rounds=3 --idle=0 --allocators=seamalloc --only=pair/64"
	TERM=xterm run script -qec "$command" /dev/null
	contains "$output" "left  round 3 micro/pair/64"
	contains "$output" "[####"
}

@test "without matplotlib there is a sentence instead of a page, after the table" {
	/usr/bin/python3 -c 'import matplotlib' 2>/dev/null && skip "matplotlib is installed"
	run bench --report "$REPORT" --html=page.html
	[ "$status" -eq 125 ]
	contains "$output" "CPU time"
	contains "$output" "python3-matplotlib"
}

# --- the real programs -----------------------------------------------------------------

@test "a real benchmark, a real stress program, a real program: library seen in the process" {
	[ -x "$BUILD/bench/micro" ] && [ -x "$BUILD/bench/stress/bleed" ] || skip "needs make bench-programs"
	run --separate-stderr "$ROOT/scripts/bench" --libdir="$BUILD" --quick --rounds=1 --idle=1 \
		--only=micro/replace/50000,stress/bleed,programs/sqlite --json=report.json
	[ "$status" -eq 0 ]
	jq -e '[.workloads[] | select(.growth | not) | .results.seamalloc.samples[].mapped_in_process]
		| all(. > 0)' report.json
	jq -e '.workloads | length == 3' report.json
}

# --- the page ----------------------------------------------------------------------------

@test "the page in a browser: plots drawn, every allocator in the table, nothing from elsewhere" {
	/usr/bin/python3 -c 'import matplotlib, selenium' 2>/dev/null || skip "needs python3-matplotlib, python3-selenium"
	command -v chromedriver >/dev/null || skip "needs chromium-driver"
	run bench --rounds=1 --idle=1 --suite=micro,stress --threads=1,2 --only='replace/*,bleed*,drift' \
		--json=report.json --html=page.html
	[ "$status" -eq 0 ]
	run /usr/bin/python3 "$BATS_TEST_DIRNAME/bench_page.py" report.json page.html
	echo "$output"
	[ "$status" -eq 0 ]
}
