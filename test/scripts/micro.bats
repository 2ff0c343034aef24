# SPDX-License-Identifier: MIT
# micro.bats - build/bench/micro, bench/shim.h and scripts/count-instructions

bats_require_minimum_version 1.5.0
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	MICRO=$BUILD/bench/micro
	[ -x "$MICRO" ] || skip "needs build/bench/micro: make build/bench/micro"
}

# JSON of the benchmarks whose names match $1, each with little work.
measure() {
	"$MICRO" --benchmark_filter="$1" --benchmark_min_time=0.001 --benchmark_format=json
}

# Fails unless jq finds $2 true of the JSON $1.
holds() {
	if [ "$(jq "$2" <<<"$1")" != true ]; then
		printf 'does not hold: %s\nof: %s\n' "$2" "$1" >&2
		return 1
	fi
}

# A library for LD_PRELOAD whose malloc goes wrong as the C statements on standard input
# say; they see `size` and `calls`, the number of calls before.
broken_malloc() {
	{
		cat <<-'EOF'
			#define _GNU_SOURCE
			#include <stdlib.h>
			#include <unistd.h>
			extern void *__libc_malloc(size_t size);
			static _Atomic long calls_made;
			void *malloc(size_t size)
			{
				long calls = calls_made++;
				(void)calls;
		EOF
		cat
		echo 'return __libc_malloc(size); }'
	} | compile ./libbroken.so -shared -fPIC -fno-builtin -w
}

# --- the program -------------------------------------------------------------

@test "it is linked to no allocator" {
	run ldd "$MICRO"
	[ "$status" -eq 0 ]
	lacks "$output" malloc
}

@test "the quick set is a part of the list, and covers the themes" {
	"$MICRO" --benchmark_list_tests >all
	"$MICRO" --quick-list >quick
	equal "$(grep -vxFf all quick)" ""
	count=$(sort -u quick | wc -l)
	equal "$count" "$(wc -l <quick)"
	[ "$count" -ge 12 ] && [ "$count" -le 18 ]
	for theme in pair batch_random replace calloc realloc large phase_change hand_over; do
		grep -q "^$theme" quick
	done
}

@test "the list has every theme, and each name once" {
	"$MICRO" --benchmark_list_tests >all
	equal "$(sort all | uniq -d)" ""
	for name in pair/64 pair/64/threads:16 new_delete/64 batch_lifo/100 batch_fifo_small/10000 \
		batch_mixed/100000 replace/1000000 replace_medium/20000 calloc/1048576 \
		realloc_steps/65536/200 aligned_alloc/64/256 large/33554432 large_live/8 refill/256; do
		grep -qx "$name" all
	done
}

@test "it measures glibc and seamalloc, with the counters that a report needs" {
	for library in '' "$BUILD/libseamalloc.so"; do
		result=$(LD_PRELOAD=$library measure '^(pair/64|batch_random/10000|replace/50000/threads:4)$')
		holds "$result" '[.benchmarks[].name] == ["batch_random/10000", "pair/64", "replace/50000/threads:4"]'
		holds "$result" 'all(.benchmarks[]; .operations > 0 and .items_per_second > 0 and .cpu_time > 0)'
		# The cost is CPU time by operation, whatever the number of threads.
		holds "$result" 'all(.benchmarks[]; .cpu_time * .iterations / .operations / 1e9 / .cpu_s_per_operation
			| . > 0.99 and . < 1.01)'
		holds "$result" 'all(.benchmarks[] | select(.name != "pair/64"); .peak_rss_bytes > .base_rss_bytes
			and .peak_live_bytes > 600000)'
	done
}

@test "a quick benchmark of each kind passes its data check under seamalloc" {
	filter=$("$MICRO" --quick-list | paste -sd '|')
	result=$(LD_PRELOAD=$BUILD/libseamalloc.so measure "^($filter)\$")
	holds "$result" '[.benchmarks[] | select(.error_occurred)] == []'
	equal "$(jq '.benchmarks | length' <<<"$result")" "$("$MICRO" --quick-list | wc -l)"
}

@test "an option that does not exist, a filter that matches nothing" {
	run "$MICRO" --nonsense
	[ "$status" -eq 2 ]
	contains "$output" "there is no option '--nonsense'"
	run "$MICRO" --benchmark_filter='^nonsense$'
	[ "$status" -eq 2 ]
}

# --- data checks -------------------------------------------------------------

@test "a block that is handed out twice is noticed" {
	# 800 bytes: a size of phase_change and of nothing else here.
	broken_malloc <<-'EOF'
		static void *again;
		if (size == 800 && again)
			return again;
		if (size == 800)
			return again = __libc_malloc(size);
	EOF
	LD_PRELOAD=./libbroken.so run --separate-stderr measure '^phase_change'
	[ "$status" -eq 1 ]
	holds "$output" '.benchmarks[0].error_occurred'
	holds "$output" '.benchmarks[0].error_message == "data check failed: a live block was changed"'
}

@test "memory from calloc that is not zero is noticed" {
	compile ./libbroken.so -shared -fPIC -fno-builtin <<-'EOF'
		#include <stdlib.h>
		#include <string.h>
		extern void *__libc_calloc(size_t count, size_t size);
		void *calloc(size_t count, size_t size)
		{
			void *block = __libc_calloc(count, size);
			return count * size == 4096 ? memset(block, 1, size) : block;
		}
	EOF
	LD_PRELOAD=./libbroken.so run --separate-stderr measure '^calloc/4096$'
	[ "$status" -eq 1 ]
	holds "$output" '.benchmarks[0].error_message == "data check failed: memory from calloc is not zero"'
}

@test "an allocator without memory is reported, and the next benchmark still runs" {
	broken_malloc <<-'EOF'
		if (size == 1048576)
			return NULL;
	EOF
	LD_PRELOAD=./libbroken.so run --separate-stderr measure '^large/(1048576|4194304)$'
	[ "$status" -eq 1 ]
	holds "$output" '.benchmarks[0].error_message == "the allocator gave no memory"'
	holds "$output" '.benchmarks[1].error_occurred == null and .benchmarks[1].operations > 0'
}

@test "a failure in one thread does not leave the other waiting" {
	# One failure, in a thread's malloc of a size that no library structure has.
	broken_malloc <<-'EOF'
		static _Atomic int failed;
		if (calls > 20000 && size % 8 && getpid() != gettid() && !failed++)
			return NULL;
	EOF
	LD_PRELOAD=./libbroken.so run --separate-stderr timeout 20 "$MICRO" --benchmark_format=json \
		--benchmark_min_time=0.01 --benchmark_filter='^hand_over/threads:4$'
	[ "$status" -eq 1 ]
	holds "$output" '.benchmarks[0].error_message == "the allocator gave no memory"'
}

# --- the shim ----------------------------------------------------------------

# Links the C benchmark on standard input, which includes shim.h, as ./mine.
own_benchmark() {
	${CC:-cc} -xc -I"$ROOT/bench" -c -o mine.o -
	${CXX:-c++} -o mine mine.o "$BUILD/obj/bench/shim.o" -lbenchmark -lpthread
}

@test "shim: registration gives the names that shim.h says" {
	own_benchmark <<-'EOF'
		#include "shim.h"
		static void run(struct bench_state *state, const void *argument)
		{
			(void)argument;
			while (bench_keep_running(state))
				;
		}
		BENCH_REGISTER(all)
		{
			static const int64_t pair[] = {1, 2}, sizes[] = {16, 32}, counts[] = {5};
			static const struct bench_values product[] = {{2, sizes}, {1, counts}};
			static const char *const names[] = {"size", "count"};
			bench_with_arguments(bench_add("two", run, 0), 2, pair);
			bench_with_range(bench_add("range", run, 0), 8, 512, 8);
			bench_with_steps(bench_add("steps", run, 0), 1, 5, 2);
			struct bench *crossed = bench_add("product", run, 0);
			bench_with_product(crossed, 2, product);
			bench_with_names(crossed, 2, names);
			struct bench *limited = bench_add("limited", run, 0);
			bench_with_threads(limited, 3);
			bench_with_iterations(limited, 7);
			bench_with_min_time(bench_add("timed", run, 0), 0.5);
			bench_quick("two/1/2");
		}
		int main(int count, char **arguments) { return bench_main(count, arguments); }
	EOF
	run ./mine --benchmark_list_tests
	equal "$output" "$(printf '%s\n' two/1/2 range/8 range/64 range/512 steps/1 steps/3 steps/5 \
		product/size:16/count:5 product/size:32/count:5 limited/iterations:7/threads:3 timed/min_time:0.500)"
	equal "$(./mine --quick-list)" two/1/2
}

@test "shim: iterations, batches, hooks, counters, units, skipping" {
	own_benchmark <<-'EOF'
		#include <time.h>
		#include "shim.h"
		static int set_ups, tear_downs;
		static void set_up(const struct bench_state *state, const void *argument)
		{
			set_ups += *(const int *)argument * bench_threads(state) * (int)bench_range(state, 0);
		}
		static void tear_down(const struct bench_state *state, const void *argument)
		{
			(void)state, (void)argument;
			tear_downs++;
		}
		static void loop(struct bench_state *state, const void *argument)
		{
			(void)argument;
			int64_t rounds = 0;
			while (bench_keep_running_batch(state, 4))
				rounds++;
			bench_set_counter(state, "rounds", rounds, BENCH_PLAIN);
			bench_set_counter(state, "average", rounds, BENCH_AVERAGE);
			bench_set_counter(state, "share", 4 * rounds, BENCH_PER_ITERATION);
			bench_set_counter(state, "threads_seen", bench_thread(state), BENCH_PLAIN);
			bench_set_counter(state, "set_ups", bench_thread(state) ? 0 : set_ups, BENCH_PLAIN);
			bench_set_counter(state, "tear_downs", tear_downs, BENCH_PLAIN);
			bench_set_operations(state, 2 * bench_iterations(state));
			bench_set_bytes(state, 100 * bench_iterations(state));
			bench_set_label(state, "labelled");
		}
		static void burn(double seconds)
		{
			clock_t end = clock() + (clock_t)(seconds * CLOCKS_PER_SEC);
			while (clock() < end)
				;
		}
		static void paused(struct bench_state *state, const void *argument)
		{
			(void)argument;
			while (bench_keep_running(state)) {
				bench_pause(state);
				burn(0.1);
				bench_resume(state);
				burn(0.01);
			}
		}
		static void skipped(struct bench_state *state, const void *argument)
		{
			int64_t rounds = 0;
			if (argument)
				bench_skip(state, "too early");
			while (bench_keep_running(state)) {
				if (++rounds == 3)
					bench_skip(state, "third");
				bench_pause(state);
				bench_resume(state);
			}
			bench_set_counter(state, "rounds", rounds + 10 * bench_is_skipped(state), BENCH_PLAIN);
		}
		BENCH_REGISTER(all)
		{
			static const int one = 1;
			struct bench *bench = bench_add("loop", loop, &one);
			bench_with_argument(bench, 50);
			bench_with_hooks(bench, set_up, tear_down);
			bench_with_iterations(bench, 10);
			bench_with_threads(bench, 2);
			bench_with_unit(bench, BENCH_MICROSECONDS);
			bench_with_iterations(bench_add("paused", paused, 0), 2);
			bench_with_iterations(bench_add("skipped", skipped, 0), 9);
			bench_with_iterations(bench_add("early", skipped, &one), 9);
		}
		int main(int count, char **arguments) { return bench_main(count, arguments); }
	EOF
	run --separate-stderr ./mine --benchmark_format=json
	[ "$status" -eq 1 ]
	# 10 iterations are 3 batches of 4, in each of 2 threads.
	holds "$output" '.benchmarks[0] | .iterations == 24 and .rounds == 6 and .average == 3 and .share == 1'
	holds "$output" '.benchmarks[0] | .threads_seen == 1 and .set_ups == 100 and .tear_downs == 0'
	holds "$output" '.benchmarks[0] | .operations == 48 and .label == "labelled" and .time_unit == "us"'
	holds "$output" '.benchmarks[0] | .bytes_per_second / .items_per_second | . > 49.9 and . < 50.1'
	holds "$output" '.benchmarks[1].cpu_time > 9e6 and .benchmarks[1].cpu_time < 5e7'
	holds "$output" '.benchmarks[2].error_message == "third"'
	holds "$output" '.benchmarks[3].error_message == "too early"'
}

@test "without Google Benchmark, make says what to install" {
	run make -C "$ROOT" BUILD="$PWD/build" CXX=false "$PWD/build/bench/micro"
	[ "$status" -ne 0 ]
	contains "$output" "run scripts/setup --for bench"
}

# --- count-instructions ------------------------------------------------------

counted() {
	BUILD=$BUILD "$ROOT/scripts/count-instructions" "$@"
}

@test "count-instructions: a pair of seamalloc, and the limit" {
	command -v valgrind >/dev/null || skip "needs valgrind"
	run counted --at-most 60 "$BUILD/libseamalloc.so"
	[ "$status" -eq 0 ]
	grep -Eq '^[0-9]+\.[0-9] instructions a pair, pair/64: /.*/libseamalloc\.so$' <<<"$output"
	run counted --at-most 10
	[ "$status" -eq 1 ]
}

@test "count-instructions: another pattern costs something else" {
	command -v valgrind >/dev/null || skip "needs valgrind"
	calloc=$(counted --pattern calloc/64 | cut -d. -f1)
	pair=$(counted --pattern pair | cut -d. -f1)
	[ "$calloc" -gt "$pair" ]
	run counted --pattern batch_random/3000
	[ "$status" -eq 0 ]
}

@test "count-instructions: the table has a column for each allocator" {
	command -v valgrind >/dev/null || skip "needs valgrind"
	run counted --table --pattern sized_delete
	[ "$status" -eq 0 ]
	equal "${#lines[@]}" 2
	contains "${lines[0]}" glibc
	contains "${lines[0]}" seamalloc
	equal "$(wc -w <<<"${lines[0]}")" "$(($(wc -w <<<"${lines[1]}") + 2))"
}

@test "count-instructions: command lines that make no sense" {
	for line in '--nonsense' '--at-most x' '--at-most' '--pattern nonsense' '--pattern pair/0' \
		'--pattern batch_lifo/100001' '--table --at-most 3' 'a b' '/nonexistent.so'; do
		# shellcheck disable=SC2086  # words
		run counted $line
		[ "$status" -eq 2 ]
		equal "${#lines[@]}" 1
		contains "$output" "count-instructions: "
	done
}

@test "count-instructions: a library that cannot be preloaded" {
	command -v valgrind >/dev/null || skip "needs valgrind"
	echo 'not a library' >libbroken.so
	run counted ./libbroken.so
	[ "$status" -eq 125 ]
	contains "$output" "cannot be preloaded"
}
