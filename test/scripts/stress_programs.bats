# SPDX-License-Identifier: MIT
# stress_programs.bats - the programs of bench/stress: what they report, and that they notice
#
# Small amounts of work; figures are not looked at, only whether they are there.

bats_require_minimum_version 1.5.0
load common

STRESS=$BUILD/bench/stress
SMALL="--scale 0.02"

setup_file() {
	# shellcheck disable=SC2154  # bats has it
	[ -x "$STRESS/bleed" ] || {
		echo "$STRESS has no programs: make stress-programs" >&2
		return 1
	}
}

# The names of all programs: one for each file, as the benchmark takes them.
names() {
	basename -s .c "$ROOT"/bench/stress/*.c
}

# Runs program $1 with a small amount of work under library $2 (none if empty) as JSON.
small_json() {
	local name=$1 library=$2
	shift 2
	# shellcheck disable=SC2086  # a list of arguments
	LD_PRELOAD=$library run --separate-stderr "$STRESS/$name" $SMALL --json "$@"
}

# The member $1 of the JSON in $output.
field() {
	jq -r ".$1" <<<"$output"
}

# Every call of malloc whose number is a multiple of EVERY returns the block of the call before.
# Nothing is freed, so that nothing but this is wrong.
overlapping_library() {
	compile "$1" -shared -fPIC -fno-builtin <<-'EOF'
		#include <malloc.h>
		#include <stdatomic.h>
		#include <string.h>
		#define EVERY 50
		void *__libc_malloc(size_t size);
		static atomic_uint calls;
		static __thread void *before;
		void *malloc(size_t size)
		{
			unsigned call = atomic_fetch_add(&calls, 1) + 1;
			if (call % EVERY == 0 && before && size <= malloc_usable_size(before))
				return before;
			return before = __libc_malloc(size);
		}
		void *calloc(size_t nr, size_t size) { return memset(__libc_malloc(nr * size), 0, nr * size); }
		void *realloc(void *old, size_t size)
		{
			size_t had = old ? malloc_usable_size(old) : 0;
			return memmove(malloc(size), old, had < size ? had : size);
		}
		void free(void *block) { (void)block; }
	EOF
}

# --- what they report ----------------------------------------------------------

@test "each program reports its facts as JSON, under glibc and under the library" {
	for name in $(names); do
		for library in "" "$BUILD/libseamalloc.so"; do
			small_json "$name" "$library"
			[ "$status" -eq 0 ]
			equal "$stderr" ""
			equal "$(field program)" "$name"
			equal "$(field check)" "ok"
			equal "$(field threads)" "$("$STRESS/$name" --defaults)"
			equal "$(field idle_rss_bytes)" "null"
			equal "$(jq '[.seed, .operations, .wall_s, .cpu_s, .operations_per_s, .peak_live_bytes,
				.peak_rss_bytes] | map(type) | unique == ["number"]' <<<"$output")" true
			equal "$(jq '.operations > 100 and .peak_live_bytes > 10000 and
				.base_rss_bytes > 0 and .peak_rss_bytes >= .base_rss_bytes' <<<"$output")" true
		done
	done
}

@test "the timeline has at most 200 samples, in order, and ends with nothing alive" {
	for name in $(names); do
		small_json "$name" ""
		equal "$(jq '.timeline | length >= 2 and length <= 200' <<<"$output")" true
		equal "$(jq '.timeline | map(length == 3) | all' <<<"$output")" true
		equal "$(jq '.timeline | map(.[0]) | . == sort' <<<"$output")" true
		equal "$(jq '.operations == .timeline[-1][0] and .timeline[-1][1] == 0' <<<"$output")" true
		equal "$(jq '.peak_live_bytes as $peak | .timeline | map(.[1] <= $peak + 4194304) | all' <<<"$output")" true
	done
}

@test "the same seed and threads give the same operations, another seed does not" {
	for name in $(names); do
		small_json "$name" "" --seed 7
		first=$(field operations)
		small_json "$name" "$BUILD/libseamalloc.so" --seed 7
		equal "$(field operations)" "$first"
	done
	small_json text "" --seed 8
	another=$(field operations)
	small_json text "" --seed 7
	[ "$(field operations)" -ne "$another" ]
}

@test "a single worker's peak of live bytes is exact: the same each time" {
	for name in soak tree json; do
		small_json "$name" ""
		first=$(field peak_live_bytes)
		small_json "$name" "$BUILD/libseamalloc.so"
		equal "$(field peak_live_bytes)" "$first"
	done
}

@test "threads divide the work: any number up to 64" {
	for name in $(names); do
		for threads in 1 3; do
			small_json "$name" "$BUILD/libseamalloc.so" --threads $threads
			[ "$status" -eq 0 ]
			equal "$(field threads)" "$threads"
			equal "$(field check)" "ok"
		done
	done
	for name in bleed handoff survivors tree; do
		small_json "$name" "$BUILD/libseamalloc.so" --threads 64
		[ "$status" -eq 0 ]
		equal "$(field threads)" 64
	done
}

@test "--seconds runs for a time" {
	for name in drift survivors handoff sharing; do
		run --separate-stderr "$STRESS/$name" --seconds=0.3 --json
		[ "$status" -eq 0 ]
		equal "$(jq '.wall_s >= 0.3' <<<"$output")" true
	done
}

@test "--idle tells what is resident when all is freed" {
	for name in burst tree; do
		small_json "$name" "" --idle 0.2
		[ "$status" -eq 0 ]
		equal "$(jq '.idle_rss_bytes > 0 and .idle_rss_bytes <= .peak_rss_bytes + 1048576' <<<"$output")" true
	done
}

@test "--scale and --rounds choose the amount of work, not the live set" {
	run --separate-stderr "$STRESS/steady" --rounds 20 --json
	few=$(field operations)
	live=$(field peak_live_bytes)
	run --separate-stderr "$STRESS/steady" --rounds 20 --scale 2 --json
	equal "$(jq ".operations > 1.5 * $few and .peak_live_bytes < 1.5 * $live" <<<"$output")" true
}

@test "without --json there are lines for people" {
	# shellcheck disable=SC2086  # a list of arguments
	run "$STRESS/drift" $SMALL
	[ "$status" -eq 0 ]
	equal "${lines[0]}" "program drift"
	grep -Eq '^peak_live_bytes [0-9]+ B$' <<<"$output"
	equal "${lines[-1]}" "check ok"
}

@test "--describe says in one line what is imitated, --defaults is a number" {
	for name in $(names); do
		run "$STRESS/$name" --describe
		[ "$status" -eq 0 ]
		equal "${#lines[@]}" 1
		run "$STRESS/$name" --defaults
		[ "$status" -eq 0 ]
		[ "$output" -ge 1 ]
	done
}

@test "each program names in its head where the idea comes from" {
	for name in $(names); do
		grep -Eq '^ \*.*(After|[12][09][0-9][0-9]|by .*project)' "$ROOT/bench/stress/$name.c"
		grep -q '^ \* Adapted: ' "$ROOT/bench/stress/$name.c"
	done
}

# --- what they notice ----------------------------------------------------------

@test "each program notices blocks that overlap, and says so in one sentence" {
	overlapping_library "$BATS_TEST_TMPDIR/overlap.so"
	for name in $(names); do
		small_json "$name" "$BATS_TEST_TMPDIR/overlap.so"
		[ "$status" -eq 1 ]
		grep -Eqx "$name: .+" <<<"$stderr"
		equal "$(wc -l <<<"$stderr")" 1
		equal "$name: $(field check)" "$stderr"
	done
}

@test "calloc that does not clear is noticed" {
	compile "$BATS_TEST_TMPDIR/dirty.so" -shared -fPIC -fno-builtin <<-'EOF'
		#include <string.h>
		void *__libc_malloc(size_t size);
		void *calloc(size_t nr, size_t size)
		{
			char *block = memset(__libc_malloc(nr * size), 0, nr * size);
			if (nr * size > 1000)
				block[1000] = 1;
			return block;
		}
	EOF
	small_json lru "$BATS_TEST_TMPDIR/dirty.so"
	[ "$status" -eq 1 ]
	contains "$stderr" "byte 1000 is 1, not zero"
}

@test "running out of memory is a sentence and status 1" {
	for name in soak burst; do
		# shellcheck disable=SC2086  # a list of arguments
		run --separate-stderr bash -c "ulimit -v 30000; exec '$STRESS/$name' $SMALL --threads 1 --json"
		[ "$status" -eq 1 ]
		contains "$stderr" "$name: out of memory: "
		contains "$(field check)" "out of memory"
	done
}

# --- the command line ------------------------------------------------------------

@test "2 and one sentence for a command line that makes no sense" {
	for arguments in --nonsense nonsense --threads "--threads 0" --threads=65 --threads=x --threads=1.5 \
		--rounds=0 --rounds=-1 --seconds=0 --seconds=nan --seed=x --seed=-1 --scale=0 --scale=1e9 \
		--idle=-1 --json=1 "--seconds 1 --rounds 1" "--seconds 1 --scale 2"; do
		# shellcheck disable=SC2086  # a list of arguments
		run "$STRESS/bleed" $arguments
		[ "$status" -eq 2 ]
		equal "${#lines[@]}" 1
		contains "$output" "bleed: "
	done
}

@test "--help lists the options" {
	run "$STRESS/bleed" --help
	[ "$status" -eq 0 ]
	for option in --threads --rounds --seconds --seed --scale --idle --json --describe --defaults --is-quick; do
		contains "$output" "$option"
	done
}
