/* SPDX-License-Identifier: MIT */
/* schedules.c COUNT [SEED] - threads that use the heap, each schedule from a seed
 *
 * Two to four threads allocate, free each other's blocks, resize, trim, count, end and start
 * again, and fork.  Caches and arenas are small, so that refills, sends, merges and purges are
 * frequent.  Each block has a pattern of its own from end to end: two owners of one byte are
 * seen.  When all threads are done, everything is freed and the heap is audited from time to
 * time; then not a byte may be live.
 *
 * Batches run in processes of their own, which begin with an empty heap: so a batch can be
 * repeated.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/lock.h"
#include "base/options.h"
#include "base/upward.h"
#include "cache/cache.h"
#include "engines/engine.h"
#include "front/account.h"
#include "heap/shard.h"
#include "page/page_alloc.h"
#include "scheduler.h"
#include "seamalloc.h"
#include "unit.h"

#define BATCH 1000
#define NR_SLOTS 48
/* One schedule in so many ends with an audit of everything, some ms. */
#define AUDIT_ONE_IN 100
#define FORK_ONE_IN 25

struct slot {
	char *start;
	size_t size;
	uint64_t key;
};

/* shared: no thread is interrupted between two of our own lines */
static struct slot slots[NR_SLOTS];
static uint64_t next_key, seed_now, batch_seed;
static bool may_fork, is_forking;

/* What the batches of a process tell the first process. */
struct counts {
	size_t nr_schedules, nr_operations, nr_switches, nr_forks, nr_audits;
};
static struct counts counts;

/* --- blocks ------------------------------------------------------------------------------ */

static struct slot filled(char *start, size_t size)
{
	CHECK(start != NULL);
	struct slot block = {start, size, ++next_key};
	test_fill(start, size, block.key);
	return block;
}

static void expect_filled(const struct slot *block, size_t size)
{
	if (!test_is_filled(block->start, size, block->key))
		test_fail(__FILE__, __LINE__, "%p, %zu bytes: somebody else wrote to it", (void *)block->start, block->size);
}

static void drop(struct slot block)
{
	if (!block.start)
		return;
	expect_filled(&block, block.size);
	sea_free(block.start);
}

static struct slot exchange(size_t i, struct slot block)
{
	struct slot old = slots[i];
	slots[i] = block;
	return old;
}

static size_t some_size(uint64_t *seed)
{
	static const size_t sizes[] = {16, 16, 48, 48, 48, 200, 200, 700, 1000, 3000, 20000, 140000, 300000};
	return sizes[below(seed, NR(sizes) - (below(seed, 16) ? 3 : 0))];
}

/* --- what a thread does ---------------------------------------------------------------------- */

static void put(uint64_t *seed)
{
	size_t size = some_size(seed);
	drop(exchange(below(seed, NR_SLOTS), filled(below(seed, 4) ? sea_malloc(size) : sea_calloc(1, size), size)));
}

static void put_aligned(uint64_t *seed)
{
	size_t size = some_size(seed) % 4000 + 1, align = (size_t)32 << below(seed, 6);
	char *start = sea_aligned_alloc(align, size);
	CHECK((uintptr_t)start % align == 0);
	drop(exchange(below(seed, NR_SLOTS), filled(start, size)));
}

static void resize(uint64_t *seed)
{
	size_t size = some_size(seed);
	struct slot block = exchange(below(seed, NR_SLOTS), (struct slot){0});
	char *start = sea_realloc(block.start, size);
	size_t kept = (block.size < size ? block.size : size) & ~(size_t)7;
	if (block.start)
		expect_filled(&(struct slot){start, kept, block.key}, kept);
	drop(exchange(below(seed, NR_SLOTS), filled(start, size)));
}

static void burst(uint64_t *seed)
{
	struct slot block[24];
	size_t size = some_size(seed) % 2000 + 1, nr = 1 + below(seed, NR(block));
	for (size_t i = 0; i < nr; i++)
		block[i] = filled(sea_malloc(size), size);
	for (size_t i = 0; i < nr; i++)
		drop(below(seed, 3) ? block[i] : exchange(below(seed, NR_SLOTS), block[i]));
}

static void clear_up(uint64_t *seed)
{
	for (size_t i = 0, from = below(seed, NR_SLOTS); i < NR_SLOTS / 2; i++)
		drop(exchange((from + i) % NR_SLOTS, (struct slot){0}));
}

static void count_all(void)
{
	struct sea_stats stats;
	sea_account(&stats);
	CHECK(sea_account_adds_up(&stats));
}

/* What sea_engine_is_sound() asks, a part at a time. */
static void expect_sound(void)
{
	CHECK(sea_map_is_sound());
	CHECK(sea_pages_are_sound());
	CHECK(sea_threads_are_sound());
	CHECK(sea_guard_is_sound());
	for (unsigned i = 0; i < sea_shard_count(); i++)
		CHECK(sea_shard_is_sound(&sea_shards[i]));
	CHECK(sea_engine_is_sound());
}

/* The calling thread ends; what runs next in its place is another one. */
static void end_thread(void)
{
	sim_end_thread();
	sea_own = (struct sea_own){.cache = &sea_threads_nobody};
}

/* The child has this thread only.  Its heap is sound, and serves. */
static void live_in_child(void)
{
	expect_sound();
	for (size_t i = 0; i < NR_SLOTS; i++) {
		drop(slots[i]);
		slots[i] = filled(sea_malloc(100 + i * 40), 100 + i * 40);
	}
	for (size_t i = 0; i < NR_SLOTS; i++)
		drop(slots[i]);
	sea_malloc_trim(0);
	expect_sound();
	_exit(0);
}

/* The C library has one fork at a time. */
static void fork_here(void)
{
	int status;
	if (!may_fork || is_forking)
		return;
	is_forking = true;
	may_fork = false;
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0)
		live_in_child();
	CHECK_EQ(waitpid(child, &status, 0), child);
	if (status)
		test_fail(__FILE__, __LINE__, "the child ended with %#x", (unsigned)status);
	counts.nr_forks++;
	is_forking = false;
}

static void act(uint64_t *seed)
{
	switch (below(seed, 40)) {
	case 0: sea_malloc_trim(below(seed, 2) * 100000); break;
	case 1: case 2: end_thread(); break;
	case 3: count_all(); break;
	case 4: fork_here(); break;
	case 5: clear_up(seed); break;
	case 6: case 7: case 8: put_aligned(seed); break;
	case 9: case 10: case 11: case 12: resize(seed); break;
	case 13: case 14: case 15: case 16: case 17: burst(seed); break;
	case 18: case 19: case 20: case 21: case 22: case 23: case 24: case 25:
		drop(exchange(below(seed, NR_SLOTS), (struct slot){0}));
		break;
	default: put(seed);
	}
}

static void live(unsigned thread)
{
	uint64_t seed = seed_now * 0x2545f4914f6cdd1dull + thread * 0x9e3779b97f4a7c15ull;
	seed |= 1;
	for (size_t n = 2 + below(&seed, 8); n > 0; n--)
		act(&seed);
	end_thread();
}

/* --- a schedule ------------------------------------------------------------------------------ */

static void audit(void)
{
	struct sea_stats stats;
	for (size_t i = 0; i < NR_SLOTS; i++)
		drop(exchange(i, (struct slot){0}));
	sea_cache_merge_all();
	expect_sound();
	sea_account(&stats);
	CHECK(sea_account_adds_up(&stats));
	CHECK_EQ(stats.live, 0);
	CHECK_EQ(stats.pending, 0);
	end_thread();
	counts.nr_audits++;
}

/* Until the second thread starts, the C library says that there is one. */
static void begin_alone(uint64_t seed)
{
	uint64_t random = seed | 1;
	if (below(&random, 8))
		return;
	__libc_single_threaded = 1;
	for (size_t n = below(&random, 10); n > 0; n--)
		put(&random);
	__libc_single_threaded = 0;
}

static void run_schedule(uint64_t seed)
{
	seed_now = seed;
	may_fork = seed % FORK_ONE_IN == 0;
	begin_alone(seed);
	struct schedule schedule = {.seed = seed, .nr_threads = 2 + (unsigned)(seed % 3), .body = live};
	counts.nr_operations += scheduler_run(&schedule);
	counts.nr_schedules++;
	if (counts.nr_schedules % AUDIT_ONE_IN == 0)
		audit();
}

static void tell_seed(int signal)
{
	char text[160];
	int length = snprintf(text, sizeof(text), "schedules: signal %d at seed %llu: run \"schedules %u %llu\"\n", signal,
			      (unsigned long long)seed_now, BATCH, (unsigned long long)batch_seed);
	if (write(STDOUT_FILENO, text, (size_t)length) < 0)
		_exit(98);
	_exit(1);
}

static void run_batch(size_t nr, int results)
{
	counts = (struct counts){0};
	signal(SIGABRT, tell_seed);
	signal(SIGSEGV, tell_seed);
	sim.others_run = true;
	sea_options.arena = batch_seed / BATCH % 2 ? MiB : 4 * MiB;
	sea_options.cache = (size_t)4096 << batch_seed / BATCH % 5;
	sea_options.dirty_max = batch_seed / BATCH % 3 ? 64 * KiB : MiB;
	sea_options.shards = 1 + batch_seed / BATCH % 3;
	sea_options.guard = 3;
	if (!scheduler_init())
		_exit(77);
	/* as the library's constructor does: a fork may come before the first allocation */
	sea_front_start();
	for (size_t i = 0; i < nr; i++, sim.now_ms++)
		run_schedule(batch_seed + i);
	audit();
	counts.nr_switches = scheduler_switches;
	_exit(write(results, &counts, sizeof(counts)) != sizeof(counts));
}

static void add(const struct counts *more)
{
	counts.nr_schedules += more->nr_schedules;
	counts.nr_operations += more->nr_operations;
	counts.nr_switches += more->nr_switches;
	counts.nr_forks += more->nr_forks;
	counts.nr_audits += more->nr_audits;
}

/* Runs a batch in a process of its own. */
static int start_batch(size_t nr)
{
	struct counts batch;
	int ends[2], status;
	if (pipe(ends) != 0)
		return 1;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0)
		run_batch(nr, ends[1]);
	close(ends[1]);
	bool is_told = read(ends[0], &batch, sizeof(batch)) == sizeof(batch);
	close(ends[0]);
	if (waitpid(child, &status, 0) != child)
		return 1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		return 77;
	if (status || !is_told) {
		printf("schedules: status %#x; run \"schedules %zu %llu\"\n", (unsigned)status, nr, (unsigned long long)batch_seed);
		return 1;
	}
	add(&batch);
	return 0;
}

int main(int argc, char **argv)
{
	size_t nr = argc > 1 ? strtoul(argv[1], NULL, 10) : 3000;
	batch_seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000;
	for (size_t done = 0; done < nr; done += BATCH, batch_seed += BATCH) {
		int failed = start_batch(nr - done < BATCH ? nr - done : BATCH);
		if (failed == 77)
			printf("skip  schedules: an x86-64 is needed\n");
		if (failed)
			return failed == 77 ? 0 : 1;
	}
	printf("threads by seed: %zu schedules, %zu operations, %zu switches, %zu forks, %zu audits\n", counts.nr_schedules,
	       counts.nr_operations, counts.nr_switches, counts.nr_forks, counts.nr_audits);
	return 0;
}
