/* SPDX-License-Identifier: MIT */
/* shim.h - Google Benchmark for C
 *
 * A benchmark is one function that loops for as long as it is told to:
 *
 *     static void run(struct bench_state *state, const void *argument)
 *     {
 *             size_t size = (size_t)bench_range(state, 0);
 *             while (bench_keep_running(state)) {
 *                     ...                               // timed: one iteration
 *             }
 *             bench_set_operations(state, 2 * bench_iterations(state));
 *     }
 *
 *     BENCH_REGISTER(pair)
 *     {
 *             struct bench *pair = bench_add("pair", run, NULL);
 *             bench_with_argument(pair, 64);
 *     }
 *
 * BENCH_REGISTER runs before main(), so that a file that is linked in is registered and
 * nothing else lists it.  The instance above is called pair/64; with 4 threads it would
 * be pair/64/threads:4.
 *
 * What is measured, in the JSON that --benchmark_format=json writes:
 *
 *   cpu_time                 CPU time of one iteration in `time_unit`: the sum over the
 *                            threads of each one's own clock (CLOCK_THREAD_CPUTIME_ID) in
 *                            the loop, divided by `iterations`
 *   iterations               of all threads together
 *   operations               what bench_set_operations() was told, of all threads together:
 *                            calls of malloc, calloc, realloc, free and their kin in the loop
 *   cpu_s_per_operation      cpu_time * iterations / operations, in s: the cost to compare
 *   items_per_second         operations by CPU time: the inverse of the former
 *
 * They mean the same with one thread and with many.  Google Benchmark could take the clock
 * of the process instead; it reads that in each thread and averages, so that whatever runs
 * after the first thread is done counts in part only: 4 threads on 2 processors seemed a
 * quarter cheaper than they are.  A thread that the allocator starts by itself is in neither.
 *
 * The C++ is in shim.cc alone and no exception leaves it: where memory or a limit is
 * exhausted the program ends with a sentence and status 1.
 */
#ifndef BENCH_SHIM_H
#define BENCH_SHIM_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bench;

/* A run of a benchmark in one thread. */
struct bench_state {
	int64_t left;	/* iterations that may be started without asking */
	bool has_begun;	/* the clock has been started */
	void *inner;	/* the State of Google Benchmark */
};

/* The body of a benchmark; every thread calls it.  `argument` is what bench_add() got. */
typedef void bench_function(struct bench_state *state, const void *argument);

/* --- registration: in the body of BENCH_REGISTER only -------------------------------- */

#define BENCH_REGISTER(identifier) static void __attribute__((constructor)) register_##identifier(void)

/* A family of benchmarks called `name`; both pointers must stay valid. */
struct bench *bench_add(const char *name, bench_function *function, const void *argument);

/* One instance NAME/VALUE; may be called again for more, as all of the following. */
void bench_with_argument(struct bench *bench, int64_t value);

/* One instance NAME/VALUE/VALUE...; every instance of a family has as many. */
void bench_with_arguments(struct bench *bench, unsigned count, const int64_t *values);

/* Instances for `first`, the powers of `multiplier` between, and `last`. */
void bench_with_range(struct bench *bench, int64_t first, int64_t last, int multiplier);

/* Instances for first, first + step ... up to `last`. */
void bench_with_steps(struct bench *bench, int64_t first, int64_t last, int64_t step);

/* The values that one argument takes. */
struct bench_values {
	unsigned count;
	const int64_t *values;
};

/* An instance for each combination of the values of `count` arguments. */
void bench_with_product(struct bench *bench, unsigned count, const struct bench_values *arguments);

/* What instance names say in front of the arguments: NAME/size:64. */
void bench_with_names(struct bench *bench, unsigned count, const char *const *names);

/* Each instance also with that many threads at once. */
void bench_with_threads(struct bench *bench, int threads);

/* Exactly so many iterations in each thread; the name gets /iterations:N. */
void bench_with_iterations(struct bench *bench, int64_t iterations);

/* At least so many seconds of CPU time; the name gets /min_time:S. */
void bench_with_min_time(struct bench *bench, double seconds);

enum bench_unit { BENCH_NANOSECONDS, BENCH_MICROSECONDS, BENCH_MILLISECONDS, BENCH_SECONDS };

/* The unit of cpu_time and real_time; nanoseconds unless told. */
void bench_with_unit(struct bench *bench, enum bench_unit unit);

/* Called in the main thread before the threads of a run start, and after they are joined;
 * there are several runs until one is long enough.  Of `state`, bench_range() and
 * bench_threads() may be used.  NULL for neither. */
typedef void bench_hook(const struct bench_state *state, const void *argument);
void bench_with_hooks(struct bench *bench, bench_hook *set_up, bench_hook *tear_down);

/* Names one instance, such as "pair/64/threads:4", as part of the quick set: a few that
 * cover the themes, each done in about 0.3 s.  `instance` must stay valid. */
void bench_quick(const char *instance);

/* --- the loop ------------------------------------------------------------------------ */

/* Begins or ends the timed part: the end of the loop's fast path. */
bool bench_refill(struct bench_state *state, int64_t count);

/* Whether to go on with `count` more iterations, which must be the same each time.  The
 * clock starts with the first call, once every thread has come to it, and stops with the
 * one that returns false.  A decrement and a branch. */
static inline bool bench_keep_running_batch(struct bench_state *state, int64_t count)
{
	if (__builtin_expect(state->left >= count, 1)) {
		state->left -= count;
		return true;
	}
	return bench_refill(state, count);
}

/* Whether to go on with one more iteration. */
static inline bool bench_keep_running(struct bench_state *state)
{
	return bench_keep_running_batch(state, 1);
}

/* Stops and restarts this thread's clock inside the loop.  Each reads the clock, about a
 * microsecond: for iterations that are long. */
void bench_pause(struct bench_state *state);
void bench_resume(struct bench_state *state);

/* Ends this thread's loop; the run is reported as failed for `reason`. */
void bench_skip(struct bench_state *state, const char *reason);

/* Whether bench_skip() was called in this thread. */
bool bench_is_skipped(const struct bench_state *state);

/* --- what the body may ask ----------------------------------------------------------- */

int64_t bench_range(const struct bench_state *state, unsigned index);
int bench_threads(const struct bench_state *state);
int bench_thread(const struct bench_state *state);	/* from 0 */
int64_t bench_iterations(const struct bench_state *state);	/* started so far by this thread */

/* --- what the body may report, after the loop ---------------------------------------- */

/* What becomes of a counter when the threads are done; first the threads' values are
 * added up. */
enum bench_counter {
	BENCH_PLAIN,	/* the sum */
	BENCH_RATE,	/* sum by second of CPU time */
	BENCH_AVERAGE,	/* sum by thread */
	BENCH_PER_ITERATION,	/* sum by iteration of all threads */
};

void bench_set_counter(struct bench_state *state, const char *name, double value, enum bench_counter kind);

/* Calls of the allocator that this thread made in the loop; sets `operations`,
 * `cpu_s_per_operation` and `items_per_second`. */
void bench_set_operations(struct bench_state *state, int64_t operations);

void bench_set_items(struct bench_state *state, int64_t items);	/* items_per_second alone */
void bench_set_bytes(struct bench_state *state, int64_t bytes);	/* bytes_per_second */
void bench_set_label(struct bench_state *state, const char *label);

/* --- the program --------------------------------------------------------------------- */

/* Runs what the options of Google Benchmark in `arguments` ask for, or with --quick-list
 * prints the names of the quick set.  The exit status: 0; 1 if a run was skipped; 2 for an
 * option that does not exist and a filter that no name matches. */
int bench_main(int count, char **arguments);

#ifdef __cplusplus
}
#endif

#endif
