// SPDX-License-Identifier: MIT
// shim.cc - what shim.h promises, in terms of Google Benchmark
//
// A `struct bench` is a benchmark::internal::Benchmark under a name that C can say, and
// bench_state.inner a benchmark::State.  Nothing here runs in the timed part but
// bench_refill() at its two ends, and bench_pause() and bench_resume() where they are used.

#include "shim.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

using benchmark::Counter;
using benchmark::State;
using Family = benchmark::internal::Benchmark;

namespace {

// Google Benchmark's hooks are plain function pointers, which cannot carry the C function
// to call: each family with hooks takes one of so many functions that know their number.
constexpr std::size_t max_hooks = 64;
constexpr std::size_t max_quick = 64;

std::atomic<bool> any_skipped;

[[noreturn]] void give_up(const char *what)
{
	std::fprintf(stderr, "bench: %s\n", what);
	std::exit(1);
}

// What `action` returns; no exception passes.
template <typename Action> auto guarded(Action action) noexcept -> decltype(action())
{
	try {
		return action();
	} catch (const std::exception &error) {
		give_up(error.what());
	}
}

Family *family(struct bench *bench)
{
	return reinterpret_cast<Family *>(bench);
}

State &inner(const struct bench_state *state)
{
	return *static_cast<State *>(state->inner);
}

// --- hooks and the quick set: filled before main(), so without constructors of their own ---

struct Hooks {
	bench_hook *set_up, *tear_down;
	const void *argument;
};

Hooks hooks[max_hooks];
std::size_t nr_hooks;

const char *quick[max_quick];
std::size_t nr_quick;

void call(bench_hook *hook, const State &state, const void *argument)
{
	bench_state shown = {0, false, const_cast<State *>(&state)};
	if (hook)
		hook(&shown, argument);
}

template <std::size_t index> void set_up(const State &state)
{
	call(hooks[index].set_up, state, hooks[index].argument);
}

template <std::size_t index> void tear_down(const State &state)
{
	call(hooks[index].tear_down, state, hooks[index].argument);
}

struct HookPair {
	void (*set_up)(const State &), (*tear_down)(const State &);
};

template <std::size_t... index>
constexpr std::array<HookPair, max_hooks> every_pair(std::index_sequence<index...>)
{
	return {{{set_up<index>, tear_down<index>}...}};
}

constexpr auto numbered = every_pair(std::make_index_sequence<max_hooks>());

// A family that knows the C function it runs, for the hooks' sake too.
class CFamily : public Family {
public:
	CFamily(const char *name, bench_function *function, const void *argument)
		: Family(name), function(function), argument(argument)
	{
	}

	void Run(State &state) override
	{
		bench_state shown = {0, false, &state};
		function(&shown, argument);
	}

	bench_function *const function;
	const void *const argument;
};

} // namespace

// --- registration -----------------------------------------------------------------------

struct bench *bench_add(const char *name, bench_function *function, const void *argument)
{
	return guarded([&] {
		Family *added = new CFamily(name, function, argument);
		return reinterpret_cast<struct bench *>(benchmark::internal::RegisterBenchmarkInternal(added));
	});
}

void bench_with_argument(struct bench *bench, int64_t value)
{
	guarded([&] { family(bench)->Arg(value); });
}

void bench_with_arguments(struct bench *bench, unsigned count, const int64_t *values)
{
	guarded([&] { family(bench)->Args(std::vector<int64_t>(values, values + count)); });
}

void bench_with_range(struct bench *bench, int64_t first, int64_t last, int multiplier)
{
	guarded([&] { family(bench)->RangeMultiplier(multiplier)->Range(first, last); });
}

void bench_with_steps(struct bench *bench, int64_t first, int64_t last, int64_t step)
{
	guarded([&] {
		for (int64_t value = first; value <= last; value += step)
			family(bench)->Arg(value);
	});
}

void bench_with_product(struct bench *bench, unsigned count, const struct bench_values *arguments)
{
	guarded([&] {
		std::vector<std::vector<int64_t>> lists;
		for (unsigned i = 0; i < count; i++)
			lists.emplace_back(arguments[i].values, arguments[i].values + arguments[i].count);
		family(bench)->ArgsProduct(lists);
	});
}

void bench_with_names(struct bench *bench, unsigned count, const char *const *names)
{
	guarded([&] { family(bench)->ArgNames(std::vector<std::string>(names, names + count)); });
}

void bench_with_threads(struct bench *bench, int threads)
{
	guarded([&] { family(bench)->Threads(threads); });
}

void bench_with_iterations(struct bench *bench, int64_t iterations)
{
	guarded([&] { family(bench)->Iterations(iterations); });
}

void bench_with_min_time(struct bench *bench, double seconds)
{
	guarded([&] { family(bench)->MinTime(seconds); });
}

void bench_with_unit(struct bench *bench, enum bench_unit unit)
{
	static const benchmark::TimeUnit units[] = {benchmark::kNanosecond, benchmark::kMicrosecond,
						    benchmark::kMillisecond, benchmark::kSecond};
	guarded([&] { family(bench)->Unit(units[unit]); });
}

void bench_with_hooks(struct bench *bench, bench_hook *set_up, bench_hook *tear_down)
{
	if (nr_hooks == max_hooks)
		give_up("more families with hooks than max_hooks in shim.cc");
	hooks[nr_hooks] = {set_up, tear_down, static_cast<CFamily *>(family(bench))->argument};
	const HookPair &taken = numbered[nr_hooks++];
	guarded([&] { family(bench)->Setup(taken.set_up)->Teardown(taken.tear_down); });
}

void bench_quick(const char *instance)
{
	if (nr_quick == max_quick)
		give_up("more quick benchmarks than max_quick in shim.cc");
	quick[nr_quick++] = instance;
}

// --- the loop ---------------------------------------------------------------------------

// Takes all iterations at once, rounded up to whole batches; the next time it ends them.
bool bench_refill(struct bench_state *state, int64_t count)
{
	return guarded([&] {
		State &run = inner(state);
		state->left = 0;
		if (state->has_begun)
			return run.KeepRunningBatch(count);
		state->has_begun = true;
		int64_t all = (run.max_iterations + count - 1) / count * count;
		if (!run.KeepRunningBatch(all))
			return false;
		state->left = all - count;
		return true;
	});
}

void bench_pause(struct bench_state *state)
{
	if (!inner(state).error_occurred())
		guarded([&] { inner(state).PauseTiming(); });
}

void bench_resume(struct bench_state *state)
{
	if (!inner(state).error_occurred())
		guarded([&] { inner(state).ResumeTiming(); });
}

void bench_skip(struct bench_state *state, const char *reason)
{
	any_skipped = true;
	state->left = 0;
	guarded([&] { inner(state).SkipWithError(reason); });
}

bool bench_is_skipped(const struct bench_state *state)
{
	return inner(state).error_occurred();
}

// --- questions and reports --------------------------------------------------------------

int64_t bench_range(const struct bench_state *state, unsigned index)
{
	return inner(state).range(index);
}

int bench_threads(const struct bench_state *state)
{
	return inner(state).threads();
}

int bench_thread(const struct bench_state *state)
{
	return inner(state).thread_index();
}

int64_t bench_iterations(const struct bench_state *state)
{
	return inner(state).iterations() - state->left;
}

void bench_set_counter(struct bench_state *state, const char *name, double value, enum bench_counter kind)
{
	static const Counter::Flags flags[] = {Counter::kDefaults, Counter::kIsRate, Counter::kAvgThreads,
					       Counter::kAvgIterations};
	guarded([&] { inner(state).counters[name] = Counter(value, flags[kind]); });
}

void bench_set_operations(struct bench_state *state, int64_t operations)
{
	double count = static_cast<double>(operations);
	guarded([&] {
		benchmark::UserCounters &counters = inner(state).counters;
		counters["operations"] = Counter(count);
		// Operations by second, turned over.
		counters["cpu_s_per_operation"] = Counter(count, Counter::kIsRate | Counter::kInvert);
	});
	bench_set_items(state, operations);
}

void bench_set_items(struct bench_state *state, int64_t items)
{
	guarded([&] { inner(state).SetItemsProcessed(items); });
}

void bench_set_bytes(struct bench_state *state, int64_t bytes)
{
	guarded([&] { inner(state).SetBytesProcessed(bytes); });
}

void bench_set_label(struct bench_state *state, const char *label)
{
	guarded([&] { inner(state).SetLabel(label); });
}

// --- the program ------------------------------------------------------------------------

namespace {

// The option that is not Google Benchmark's, above its own.
void explain()
{
	std::puts("micro [--quick-list]   prints the names of the quick set\n");
	std::fflush(stdout);
}

int list_quick()
{
	for (std::size_t i = 0; i < nr_quick; i++)
		std::puts(quick[i]);
	return 0;
}

int run(int count, char **arguments)
{
	benchmark::Initialize(&count, arguments);
	if (count > 1) {
		std::fprintf(stderr, "%s: there is no option '%s'; --help lists them\n", arguments[0], arguments[1]);
		return 2;
	}
	std::size_t matched = benchmark::RunSpecifiedBenchmarks();
	benchmark::Shutdown();
	if (!matched)
		return 2;
	return any_skipped ? 1 : 0;
}

} // namespace

int bench_main(int count, char **arguments)
{
	if (count == 2 && std::strcmp(arguments[1], "--quick-list") == 0)
		return list_quick();
	if (count == 2 && std::strcmp(arguments[1], "--help") == 0)
		explain();
	return guarded([&] { return run(count, arguments); });
}
