# SPDX-License-Identifier: MIT
# compare.bats - `seamalloc compare`: order of runs, figures, failures, output

bats_require_minimum_version 1.5.0
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	PRODUCTION=$BUILD/libseamalloc.so
	TEXTBOOK=$BUILD/libseamalloc-freelist.so
}

# glibc, seamalloc and the free list: there whatever is installed.
ours() {
	sea compare --allocators=seamalloc,freelist "$@"
}

# A C program that allocates $2 MiB and touches them, as executable $1.
hungry() {
	compile "$1" -DMIB="$2" <<-'EOF'
		#include <stdlib.h>
		#include <string.h>
		int main(void)
		{
			char *block = malloc(MIB << 20);
			memset(block, 1, MIB << 20);
			return block[MIB] != 1;
		}
	EOF
}

# --- what is run -------------------------------------------------------------

@test "the allocators take turns, after one round that is not counted" {
	script_file ./log <<-'EOF'
		#!/bin/sh
		echo "${LD_PRELOAD:-none}" >>order
	EOF
	run ours --runs=2 --json=result.json ./log
	[ "$status" -eq 0 ]
	round=$(printf '%s\n' none "$PRODUCTION" "$TEXTBOOK")
	equal "$(cat order)" "$(printf '%s\n' "$round" "$round" "$round")"
	equal "$(jq -c '[.allocators[].samples | length]' result.json)" "[2,2,2]"
}

@test "without --allocators every installed peer takes part" {
	expected=glibc
	for peer in 'jemalloc\.so\.2' 'mimalloc\.so\.[23]' 'tcmalloc_minimal\.so\.4'; do
		if /sbin/ldconfig -p | grep -q "lib$peer "; then
			expected=$expected,${peer%%[\\_]*}
		fi
	done
	run sea compare --runs=1 --json=- true
	[ "$status" -eq 0 ]
	equal "$(jq -r '[.allocators[].name] | join(",")' <<<"$output")" "$expected,seamalloc"
}

@test "a path names a library" {
	cp "$PRODUCTION" ./libother.so
	run sea compare --runs=1 --allocators=./libother.so --json=- true
	[ "$status" -eq 0 ]
	equal "$(jq -r '.allocators[1] | .name + " " + .library' <<<"$output")" "libother.so $PWD/libother.so"
}

@test "glibc comes first for a program that is linked to another allocator" {
	/sbin/ldconfig -p | grep -q 'libjemalloc.so.2 ' || skip "needs jemalloc"
	compile ./linked -Wl,--no-as-needed -l:libjemalloc.so.2 <<<"$NOTHING"
	run sea compare --runs=1 --allocators=seamalloc --json=- ./linked
	[ "$status" -eq 0 ]
	contains "$(jq -r '.allocators[0].library' <<<"$output")" "/libc.so.6"
	run sea compare --runs=1 --allocators=seamalloc --json=- env A=1 ./linked
	contains "$(jq -r '.allocators[0].library' <<<"$output")" "/libc.so.6"
	run sea compare --runs=1 --allocators=seamalloc --json=- true
	equal "$(jq '.allocators[0].library' <<<"$output")" "null"
}

@test "glibc is glibc where /etc/ld.so.preload or LD_PRELOAD names another allocator" {
	LD_PRELOAD=$TEXTBOOK run sea compare --runs=1 --allocators=seamalloc --json=- true
	contains "$(jq -r '.allocators[0].library' <<<"$output")" "/libc.so.6"
	if [ "$(id -u)" -ne 0 ] || ! unshare --mount true 2>/dev/null; then
		skip "the rest needs root and unshare"
	fi
	cp -a /etc ./etc
	echo "# everywhere
$TEXTBOOK" >etc/ld.so.preload
	script_file ./maps <<-'EOF'
		#!/bin/sh
		LD_PRELOAD=$LD_PRELOAD /bin/true
		echo "${LD_PRELOAD:-none}" >>order
	EOF
	run unshare --mount sh -c "mount --bind '$PWD/etc' /etc
		exec '$SEAMALLOC' compare --libdir='$BUILD' --runs=1 --allocators=seamalloc ./maps"
	[ "$status" -eq 0 ]
	contains "$(head -n 1 order)" "/libc.so.6"
	contains "$(tr -s '\n ' ' ' <<<"$output")" "preload /etc/ld.so.preload loads $TEXTBOOK into every run"
	equal "$(awk 'length > 80 && !/^ *\//' <<<"$output")" ""
}

@test "what the user preloads stays behind the allocator" {
	script_file ./log <<-'EOF'
		#!/bin/sh
		echo "$LD_PRELOAD" >>order
	EOF
	LD_PRELOAD=libm.so.6 run sea compare --runs=1 --allocators=seamalloc ./log
	equal "$(head -n 2 order)" "$(printf 'libm.so.6\n%s:libm.so.6' "$PRODUCTION")"
}

@test "each run reads --input from its beginning" {
	printf 'one\ntwo\n' >input
	script_file ./reader <<-'EOF'
		#!/bin/sh
		cat >>seen
	EOF
	run ours --runs=1 --input=input ./reader
	[ "$status" -eq 0 ]
	equal "$(sort seen | uniq -c | tr -s ' \n' ' ')" " 6 one 6 two "
}

# --- figures -----------------------------------------------------------------

@test "the JSON has its documented members" {
	run ours --runs=3 --json=result.json -- sh -c 'exit 0' 'a b'
	[ "$status" -eq 0 ]
	jq -e '.schema == "seamalloc-compare-1" and .runs == 3 and .baseline == "glibc"' result.json
	jq -e '.program == ["sh", "-c", "exit 0", "a b"]' result.json
	jq -e '.date | fromdate > 0' result.json
	equal "seamalloc $(jq -r .version result.json)" "$("$SEAMALLOC" --version)"
	jq -e '[.allocators[].version] == [null, "seamalloc \(.version) (engine seam)",
		"seamalloc \(.version) (engine freelist)"]' result.json
	jq -e '.verdict | .allocator == "seamalloc" and .cpu.ratio > 0 and (.memory.sure | type) == "boolean" and
		(.text | startswith("seamalloc: "))' result.json
	jq -e '.kernel | startswith("Linux ")' result.json
	jq -e '.machine | .cpus > 0 and .memory_kib > 0 and (.cpu | length > 0)' result.json
	jq -e '[.allocators[].name] == ["glibc", "seamalloc", "freelist"]' result.json
	jq -e '.allocators | all(.status == "ok" and .reason == null)' result.json
	jq -e '[.allocators[] | .samples[], .median, .spread, .ratio | keys] | unique ==
		[["cpu_s", "major_faults", "minor_faults", "peak_rss_kib", "system_s", "user_s", "wall_s"]]' result.json
}

@test "medians, spreads and ratios follow from the samples" {
	run ours --runs=3 --json=result.json true
	[ "$status" -eq 0 ]
	jq -e '.allocators | all(([.samples[].wall_s] | sort) as $w |
		.median.wall_s == $w[1] and (.spread.wall_s - ($w[2] - $w[0]) / $w[1] | fabs < 1e-9))' result.json
	jq -e '.allocators[0].median.peak_rss_kib as $base | .allocators | all(
		.ratio.peak_rss_kib - .median.peak_rss_kib / $base | fabs < 1e-9)' result.json
	jq -e '.allocators | all(.samples | all(.cpu_s - .user_s - .system_s | fabs < 1e-6))' result.json
}

@test "the median of an even number of runs lies in the middle" {
	run --separate-stderr sea compare --allocators=seamalloc --runs=2 --json=- true
	jq -e '.allocators | all(([.samples[].wall_s] | add / 2) - .median.wall_s | fabs < 1e-9)' <<<"$output"
}

@test "the peak is the program's: neither hidden by the launcher nor cut" {
	compile ./small <<<"$NOTHING"
	hungry ./large 100
	run sea compare --allocators=seamalloc --runs=1 --json=- ./small
	jq -e '.allocators[0].median.peak_rss_kib < 2500' <<<"$output"
	run sea compare --allocators=seamalloc --runs=1 --json=- ./large
	jq -e '.allocators | all(.median.peak_rss_kib | . > 100 * 1024 and . < 120 * 1024)' <<<"$output"
}

@test "time and memory of the program's children count" {
	hungry ./large 60
	run sea compare --allocators=seamalloc --runs=1 --json=- -- sh -c './large; exit 0'
	jq -e '.allocators | all(.median.peak_rss_kib > 60 * 1024)' <<<"$output"
}

@test "the table has a line for each allocator, glibc's ratios being 1" {
	run ours --runs=1 -- printf 'not shown'
	[ "$status" -eq 0 ]
	lacks "$output" "not shown
"
	contains "$output" "program   printf 'not shown'"
	grep -Eq '^glibc( +[0-9.]+ +1\.00){4}$' <<<"$output"
	grep -Eq '^seamalloc( +[0-9.]+ +[0-9.]+){4}$' <<<"$output"
	grep -Eq '^freelist( +[0-9.]+ +[0-9.]+){4}$' <<<"$output"
}

@test "no line is longer than 80 columns" {
	cp "$TEXTBOOK" ./libwith-a-rather-long-name-indeed.so
	run sea compare --runs=2 --allocators=seamalloc,./libwith-a-rather-long-name-indeed.so -- \
		sh -c 'exit 0' one two three four five six seven eight nine ten eleven twelve thirteen
	[ "$status" -eq 0 ]
	equal "$(awk 'length > 80' <<<"$output")" ""
	contains "$output" "..ng-name-indeed.so "
}

# Prints the verdict on samples of CPU time and memory, in JSON: of glibc, then of ours.
verdict_on() {
	/usr/bin/python3 -ISB - "$ROOT/scripts/lib" "$@" <<-'EOF'
		import json, sys
		sys.path.insert(0, sys.argv[1])
		import measure, rounds, verdict
		from allocators import Allocator
		def column(name, samples):
		    made = rounds.Column(Allocator(name, ""))
		    made.samples = [measure.Sample(1, cpu, cpu, 0, kib, 0, 0) for cpu, kib in json.loads(samples)]
		    return made
		print(verdict.sentence([column("glibc", sys.argv[2]), column("seamalloc", sys.argv[3])]))
	EOF
}

@test "the verdict says how much, and whether it is sure" {
	run verdict_on '[[1,100],[1.1,101],[0.9,99]]' '[[0.9,101],[1,100],[0.82,103]]'
	equal "$output" "seamalloc: 10 % less CPU (sure), 1 % more memory (within noise)"
	# As far apart, but each round says something else.
	run verdict_on '[[1,100],[2,100],[1.5,100]]' '[[1.9,100],[1,100],[1.4,100]]'
	equal "$output" "seamalloc: 7 % less CPU (within noise), the same memory"
	run verdict_on '[[1,100]]' '[[0.5,200]]'
	equal "$output" "seamalloc: 50 % less CPU (within noise), 100 % more memory (within noise)"
	run verdict_on '[[0,100],[0,100]]' '[[0.5,90],[0.5,90]]'
	equal "$output" "seamalloc: CPU unknown, 10 % less memory (sure)"
}

@test "the report ends with the verdict and a line on noise" {
	hungry ./small 1
	run sea compare --runs=3 --allocators=seamalloc ./small
	[ "$status" -eq 0 ]
	grep -Eq '^verdict   seamalloc: ([0-9]+ % (less|more) CPU \((sure|within noise)\)|the same CPU), ' <<<"$output"
	equal "$(grep -Ec '^noise     CPU time varies by up to [0-9]+ % \((glibc|seamalloc)\)' <<<"$output")" 1
}

@test "a wide spread is pointed out, with the allocator that has it" {
	# Works ten times as long in every second run under the free list.
	script_file ./uneven <<-'EOF'
		#!/bin/bash
		end=3000
		case $LD_PRELOAD in
		*freelist*)
			echo >>runs
			if [ $(($(wc -l <runs) % 2)) -eq 0 ]; then end=60000; fi ;;
		esac
		for ((i = 0; i < end; i++)); do :; done
	EOF
	run ours --runs=2 ./uneven
	[ "$status" -eq 0 ]
	grep -Eq '^noise     CPU time varies by up to [0-9]+ % \(freelist\): raise --runs$' <<<"$output"
}

# --- failures ----------------------------------------------------------------

@test "a program that fails under one allocator does not stop the others" {
	script_file ./picky <<-'EOF'
		#!/bin/sh
		echo "printed by $$"
		echo "complaint" >&2
		case $LD_PRELOAD in
		*freelist*) kill -SEGV $$ ;;
		*seamalloc.so*) exit 3 ;;
		esac
	EOF
	run --separate-stderr ours --runs=1 --json=result.json ./picky
	[ "$status" -eq 1 ]
	grep -Eq '^glibc( +[0-9.]+ +1\.00){4}' <<<"$output"
	grep -Eq '^seamalloc +FAIL +exit status 3$' <<<"$output"
	grep -Eq '^freelist +FAIL +signal 11 \(SIGSEGV\)$' <<<"$output"
	contains "$stderr" "printed by "
	contains "$stderr" "complaint"
	equal "$(jq -c '[.allocators[].status]' result.json)" '["ok","failed","failed"]'
	jq -e '.allocators[2] | .samples == [] and .median == null and .reason == "signal 11 (SIGSEGV)"' result.json
}

@test "where glibc itself fails the others have no ratio" {
	script_file ./reverse <<-'EOF'
		#!/bin/sh
		test -n "$LD_PRELOAD"
	EOF
	run --separate-stderr ours --runs=1 ./reverse
	[ "$status" -eq 1 ]
	grep -Eq '^glibc +FAIL +exit status 1$' <<<"$output"
	grep -Eq '^seamalloc( +[0-9.]+ +-){4}' <<<"$output"
}

@test "a library that the loader refuses is told from one that runs" {
	echo 'not a library' >./libbroken.so
	run sea compare --runs=1 --allocators=seamalloc,./libbroken.so true
	[ "$status" -eq 1 ]
	grep -Eq '^libbroken.so +NOT LOADED' <<<"$output"
	grep -Eq '^seamalloc( +[0-9.]+ +[0-9.]+){4}' <<<"$output"
}

@test "a library that lacks a library of its own is not run" {
	echo 'int lost;' | compile ./liblost.so -shared -fPIC
	echo 'int broken;' | compile ./libbroken.so -shared -fPIC -L. -Wl,--no-as-needed -llost
	rm ./liblost.so
	run sea compare --runs=1 --allocators=seamalloc,./libbroken.so true
	[ "$status" -eq 1 ]
	grep -Eq '^libbroken.so +NOT LOADED' <<<"$output"
}

@test "a library that a child process could not load is pointed out" {
	# The loader's own words, as a 32-bit child would cause them.
	script_file ./mixed <<-'EOF'
		#!/bin/sh
		case $LD_PRELOAD in
		*freelist*)
			echo "ERROR: ld.so: object '$LD_PRELOAD' from LD_PRELOAD cannot be preloaded" \
				"(wrong ELF class: ELFCLASS64): ignored." >&2 ;;
		esac
	EOF
	run ours --runs=1 ./mixed
	[ "$status" -eq 1 ]
	grep -Eq 'freelist +NOT LOADED .*wrong ELF class' <<<"$(tr -s '\n ' ' ' <<<"$output")"
}

@test "programs that no preload reaches are refused before anything runs" {
	compile ./static -static <<<"$NOTHING"
	run sea compare --runs=1 ./static
	[ "$status" -eq 125 ]
	contains "$output" "./static is statically linked"
	run -127 sea compare ./no-such-file
	echo text >./text
	run sea compare ./text
	[ "$status" -eq 126 ]
}

@test "a command line that makes no sense, a library that is missing" {
	for option in --runs=0 --runs=x --allocators=nonsense; do
		run sea compare $option true
		[ "$status" -eq 2 ]
		equal "${#lines[@]}" 1
	done
	mkdir empty
	run "$SEAMALLOC" compare --libdir=empty true
	[ "$status" -eq 125 ]
	contains "$output" "run make first"
	for option in --input=nowhere --json=nowhere/x; do
		run ours $option true
		[ "$status" -eq 125 ]
		contains "$output" "nowhere"
	done
	run "$SEAMALLOC" compare --runs true
	[ "$status" -eq 2 ]
	contains "$output" "--runs=true is not a positive number"
}

@test "a report that cannot be written is an error, in one line" {
	run -125 bash -c '"$0" compare --libdir="$1" --runs=1 --allocators=seamalloc true 2>&1 >/dev/full' "$SEAMALLOC" "$BUILD"
	equal "$output" "seamalloc: the report cannot be written: No space left on device"
}

@test "ending the comparison ends the program" {
	script_file ./sleeper <<-'EOF'
		#!/bin/sh
		echo $$ >pid
		exec sleep 100
	EOF
	SECONDS=0
	"$SEAMALLOC" compare --libdir="$BUILD" --allocators=seamalloc ./sleeper &
	comparison=$!
	for _ in $(seq 100); do
		[ ! -s pid ] || break
		sleep 0.05
	done
	kill -TERM $comparison
	ended=0
	wait $comparison || ended=$?
	equal "$ended" 143
	run kill -0 "$(cat pid)"
	[ "$status" -ne 0 ]
	[ "$SECONDS" -lt 50 ]
}

# --- the terminal --------------------------------------------------------------

# Runs a comparison on a terminal of its own; variables of the environment first.
on_terminal() {
	script -qec "env TERM=xterm $* '$SEAMALLOC' compare --libdir='$BUILD' --runs=2 --allocators=seamalloc true" \
		/dev/null </dev/null
}

@test "neither progress nor colours where there is no terminal" {
	run ours --runs=2 true
	lacks "$output" $'\033'
	lacks "$output" $'\r'
	lacks "$output" "round"
}

@test "progress and colours on a terminal" {
	run on_terminal
	[ "$status" -eq 0 ]
	contains "$output" "warm-up glibc ..."
	contains "$output" "round 2/2 seamalloc ...  ETA "
	contains "$output" $'\033[1m'
}

@test "NO_COLOR takes the colours, not the progress" {
	run on_terminal NO_COLOR=1
	[ "$status" -eq 0 ]
	contains "$output" "round 2/2"
	lacks "$output" $'\033[1m'
	lacks "$output" $'\033[3'
}
