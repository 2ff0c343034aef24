/* SPDX-License-Identifier: MIT */
/* soak.c SECONDS [THREADS] [SEED] - threads that come and go, forks, and a heap that must stay as
 * it is
 *
 * In each round THREADS threads start, exchange blocks through slots that all share, and
 * end.  Each block has its number from end to end.  One round in 8 ends with a fork, whose
 * child frees all and audits its heap.  Between rounds the heap is audited, and a line is
 * written each 10 seconds:
 *
 *     at SECONDS resident KIB p99.99 NANOSECONDS
 *
 * The latency is that of a malloc and a free together, in CPU time of the thread: a busy machine
 * does not count.  The core is linked, on the real system; test/soak.py judges.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engines/engine.h"
#include "front/front.h"
#include "seamalloc.h"

#define NR_SLOTS 20000
#define MOST_THREADS 64
#define CALLS_A_ROUND 20000
/* One call in so many is timed: reading a CPU clock is a system call. */
#define TIMED_ONE_IN 8
#define NR_LATENCIES 4096
#define LATENCY_STEP 64 /* ns */
#define FORK_ONE_IN 8
#define TELL_SECONDS 10

static void *slots[NR_SLOTS]; /* atomic; each block begins with its size */
static size_t latencies[NR_LATENCIES]; /* by LATENCY_STEP; atomic */
static unsigned long nr_forks, nr_audits, nr_rounds;

/* front/glibc.c is not linked, so that the program also runs with another C library. */
void sea_front_report_end(void) {}

static void fail(const char *why)
{
	printf("soak: %s\n0 passed, 1 failed, 0 skipped\n", why);
	exit(1);
}

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	return *seed ^= *seed << 17;
}

static uint64_t cpu_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void note_latency(uint64_t ns)
{
	size_t at = ns / LATENCY_STEP;
	__atomic_add_fetch(&latencies[at < NR_LATENCIES ? at : NR_LATENCIES - 1], 1, __ATOMIC_RELAXED);
}

static void *fill(void *start, size_t size)
{
	if (!start)
		fail("no memory");
	memset(start, (int)(size % 251), size);
	memcpy(start, &size, sizeof(size));
	return start;
}

static void drop(void *start)
{
	size_t size;
	if (!start)
		return;
	memcpy(&size, start, sizeof(size));
	for (size_t i = sizeof(size); i < size; i += 61)
		if (((unsigned char *)start)[i] != size % 251)
			fail("a block was written to by another owner");
	sea_free(start);
}

/* Sizes have no trend: what is live is the same in each round but for chance. */
static size_t some_size(uint64_t *seed)
{
	static const size_t most[] = {64, 64, 128, 512, 2000, 8000};
	return next(seed) % 4096 ? sizeof(size_t) + next(seed) % most[next(seed) % 6] : 200000;
}

static void *live(void *argument)
{
	uint64_t seed = (uintptr_t)argument * 0x9e3779b97f4a7c15ull | 1;
	for (size_t i = 0; i < CALLS_A_ROUND; i++) {
		size_t size = some_size(&seed), at = next(&seed) % NR_SLOTS;
		uint64_t begun = i % TIMED_ONE_IN ? 0 : cpu_ns();
		void *fresh = sea_malloc(size), *old = __atomic_exchange_n(&slots[at], NULL, __ATOMIC_ACQ_REL);
		if (begun) {
			sea_free(sea_malloc(size));
			note_latency(cpu_ns() - begun);
		}
		drop(old);
		drop(__atomic_exchange_n(&slots[at], fill(fresh, size), __ATOMIC_ACQ_REL));
	}
	return NULL;
}

static void audit(void)
{
	if (!sea_engine_is_sound())
		fail("the heap is not sound");
	nr_audits++;
}

static void fork_here(void)
{
	int status;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		audit();
		for (size_t i = 0; i < NR_SLOTS; i++)
			drop(slots[i]);
		audit();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		fail("a child failed");
	nr_forks++;
}

static void run_round(unsigned nr_threads, uint64_t seed)
{
	pthread_t threads[MOST_THREADS];
	for (unsigned t = 0; t < nr_threads; t++)
		if (pthread_create(&threads[t], NULL, live, (void *)(uintptr_t)(seed + nr_rounds * nr_threads + t)) != 0)
			fail("no thread");
	for (unsigned t = 0; t < nr_threads; t++)
		pthread_join(threads[t], NULL);
	if (nr_rounds++ % FORK_ONE_IN == 0)
		fork_here();
	audit();
}

static unsigned long resident_kib(void)
{
	char line[256];
	unsigned long kib = 0;
	FILE *status = fopen("/proc/self/status", "r");
	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtoul(line + 6, NULL, 10);
	if (status)
		fclose(status);
	return kib;
}

/* The latency that one call in 10,000 exceeds, of those since the last time. */
static unsigned long take_p9999(void)
{
	size_t nr = 0, above = 0, at = NR_LATENCIES;
	for (size_t i = 0; i < NR_LATENCIES; i++)
		nr += latencies[i];
	while (at > 0 && (above += latencies[at - 1]) <= nr / 10000)
		at--;
	memset(latencies, 0, sizeof(latencies));
	return at * LATENCY_STEP;
}

int main(int argc, char **argv)
{
	time_t begun = time(NULL), end = begun + (argc > 1 ? atoi(argv[1]) : 10), tell = begun + TELL_SECONDS;
	unsigned nr_threads = argc > 2 ? (unsigned)atoi(argv[2]) : 4;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
	if (nr_threads == 0 || nr_threads > MOST_THREADS)
		fail("1 to 64 threads");
	while (time(NULL) < end) {
		run_round(nr_threads, seed);
		if (time(NULL) < tell)
			continue;
		printf("at %ld resident %lu p99.99 %lu\n", (long)(time(NULL) - begun), resident_kib(), take_p9999());
		fflush(stdout);
		tell = time(NULL) + TELL_SECONDS;
	}
	printf("soak: %lu rounds, %lu forks, %lu audits\n1 passed, 0 failed, 0 skipped\n", nr_rounds, nr_forks, nr_audits);
	return 0;
}
