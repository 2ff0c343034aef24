/* SPDX-License-Identifier: MIT */
/* harness.h - test cases, each in a process of its own
 *
 * A program is a table of cases and HARNESS_MAIN(table).  Every case runs in a fork
 * of the program with a time limit and its standard error caught; it passes when
 * it ends as the table says.  One line is printed for each, and last of all
 *
 *     N passed, N failed, N skipped
 *
 * Arguments: [--case PART-OF-NAME] [--seed N] [--seconds N] [--no-fork]
 * Environment, set by run-tests:
 *     SEA_TEST_ENGINE   seam, secure (seam in hardened mode), freelist, watermark, or glibc
 *                       (nothing preloaded)
 *     SEA_TEST_LENGTH   quick, normal or long
 *     SEA_TEST_LIBRARY  path of the library under test
 *     SEA_TEST_STRICT   if set, cases that glibc is known to miss run there too
 *
 * Neither the harness nor its helpers allocate.
 */
#ifndef SEA_TEST_HARNESS_H
#define SEA_TEST_HARNESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* glibc before 2.33 has no such function, but the libraries under test do. */
#if defined(__GLIBC__) && __GLIBC__ == 2 && __GLIBC_MINOR__ < 33
__attribute__((weak)) struct mallinfo2 mallinfo2(void);
#endif

enum test_engine {
	SEAM = 1,
	FREELIST = 2,
	WATERMARK = 4,
	GLIBC = 8,
	OURS = SEAM | FREELIST | WATERMARK,
	RECYCLING = SEAM | FREELIST | GLIBC, /* free makes room for the next */
	EVERY = OURS | GLIBC,
	NOT_SECURE = 16, /* beside SEAM: what hardened mode does not promise */
};

struct test_case {
	const char *name;
	void (*run)(void);
	unsigned engines; /* those it is meant for; 0 is EVERY */
	/* time limit, of which waiting for a processor does not count; 0 is 20 */
	int seconds;
	int signal;       /* that ends it, or 0 */
	const char *text; /* found on its standard error, or NULL */
};

#define HARNESS_MAIN(cases)                                                              \
	int main(int argc, char **argv)                                                  \
	{                                                                                \
		return test_main(argc, argv, cases, sizeof(cases) / sizeof((cases)[0])); \
	}

int test_main(int argc, char **argv, const struct test_case *cases, size_t nr_cases);

/* Claim: the engine is SEAM in hardened mode. */
bool test_is_secure(void);

/* --- inside a case ---------------------------------------------------------- */

#define CHECK(claim) ((claim) ? (void)0 : test_fail(__FILE__, __LINE__, "%s", #claim))

/* Two integers, both printed where they differ. */
#define CHECK_EQ(got, want) test_equal(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))
#define CHECK_AT_MOST(got, bound) \
	test_at_most(__FILE__, __LINE__, #got, (long long)(got), (long long)(bound))

void test_equal(const char *file, int line, const char *what, long long got, long long want);
void test_at_most(const char *file, int line, const char *what, long long got, long long bound);

__attribute__((noreturn, format(printf, 3, 4))) void test_fail(const char *file, int line,
							       const char *format, ...);
__attribute__((noreturn)) void test_skip(const char *reason);

/* Onto standard error: seen only if the case fails. */
__attribute__((format(printf, 1, 2))) void test_note(const char *format, ...);

/* --- what kind of run this is ------------------------------------------------- */

enum test_engine test_engine(void);
size_t test_pick(size_t quick, size_t normal, size_t lengthy);
uint64_t test_seed(void);
double test_seconds(double otherwise); /* --seconds, or `otherwise` */
const char *test_library(void);        /* skips the case where there is none */

/* The symbol as the process sees it; skips the case where it is missing on glibc,
 * fails it where one of our libraries misses it. */
void *test_symbol(const char *name);

/* --- small tools -------------------------------------------------------------- */

#define KiB ((size_t)1024)
#define MiB (1024 * KiB)
#define GiB (1024 * MiB)

/* The same value, but the compiler cannot know where it came from. */
static inline void *opaque(const void *block)
{
	void *copy = (void *)(uintptr_t)block;
	__asm__ volatile("" : "+r"(copy));
	return copy;
}

static inline size_t opaque_size(size_t size)
{
	__asm__ volatile("" : "+r"(size));
	return size;
}

uint64_t test_random(uint64_t *state);               /* xorshift; the state is not 0 */
size_t test_random_size(uint64_t *state, size_t max); /* 0..max, small ones as likely as large */

/* Writes a pattern that `key` chooses, and tells whether it is still there. */
void test_fill(void *block, size_t size, uint64_t key);
bool test_is_filled(const void *block, size_t size, uint64_t key);
bool test_is_zero(const void *block, size_t size);

/* Sets RLIMIT_AS; skips the case where nobody keeps to it, as under an emulator. */
void test_limit_address_space(size_t bytes);

size_t test_rss(void);                       /* bytes, exact */
/* of them, those of no file: code that runs for the first time adds none */
size_t test_anonymous(void);
/* pages that were only read are resident; on most kernels not */
bool test_counts_zeros(void);
size_t test_status_bytes(const char *field); /* a field of /proc/self/status in kB */
size_t test_nr_mappings(void);
double test_now(void);     /* seconds */
double test_cpu_now(void); /* seconds of CPU time of the process */

#ifdef __cplusplus
}
#endif
#endif
