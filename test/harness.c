/* SPDX-License-Identifier: MIT */
/* harness.c - runs the cases of one program; see harness.h */
#include "harness.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	EXIT_SKIP = 77,
	DEFAULT_SECONDS = 20,
	/* so many times its seconds may pass while a case waits for a processor */
	BUSY_MACHINE = 5,
	LINE_SIZE = 1024,
	LOG_SHOWN = 4096, /* bytes of a failed case's standard error */
};

static struct {
	const char *only;
	uint64_t seed;
	double seconds;
	bool no_fork;
} options;

enum verdict { PASSED, FAILED, SKIPPED, NR_VERDICTS };

/* --- output: snprintf into the stack, write(2) --------------------------------- */

static void put(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, text, length);
		if (written <= 0)
			return;
		text += written;
		length -= (size_t)written;
	}
}

static void put_format(int fd, const char *format, va_list args)
{
	char line[LINE_SIZE];
	int length = vsnprintf(line, sizeof(line), format, args);
	put(fd, line, length < (int)sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	put_format(STDOUT_FILENO, format, args);
	va_end(args);
}

void test_note(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	put_format(STDERR_FILENO, format, args);
	va_end(args);
}

/* --- inside a case -------------------------------------------------------------- */

void test_fail(const char *file, int line, const char *format, ...)
{
	char text[LINE_SIZE];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	test_note("%s:%d: not so: %s\n", file, line, text);
	_exit(EXIT_FAILURE);
}

void test_equal(const char *file, int line, const char *what, long long got, long long want)
{
	if (got != want)
		test_fail(file, line, "%s is %lld (0x%llx), expected %lld (0x%llx)", what, got, got, want,
			  want);
}

void test_at_most(const char *file, int line, const char *what, long long got, long long bound)
{
	if (got > bound)
		test_fail(file, line, "%s is %lld, may be at most %lld", what, got, bound);
}

void test_skip(const char *reason)
{
	test_note("%s", reason);
	_exit(EXIT_SKIP);
}

enum test_engine test_engine(void)
{
	static const struct {
		const char *name;
		enum test_engine engine;
	} engines[] = {{"seam", SEAM}, {"secure", SEAM}, {"freelist", FREELIST}, {"watermark", WATERMARK}};
	const char *name = getenv("SEA_TEST_ENGINE");
	for (size_t i = 0; name != NULL && i < sizeof(engines) / sizeof(engines[0]); i++)
		if (strcmp(name, engines[i].name) == 0)
			return engines[i].engine;
	return GLIBC;
}

bool test_is_secure(void)
{
	const char *name = getenv("SEA_TEST_ENGINE");
	return name != NULL && strcmp(name, "secure") == 0;
}

size_t test_pick(size_t quick, size_t normal, size_t lengthy)
{
	const char *length = getenv("SEA_TEST_LENGTH");
	if (length == NULL || strcmp(length, "normal") == 0)
		return normal;
	return strcmp(length, "long") == 0 ? lengthy : quick;
}

uint64_t test_seed(void)
{
	return options.seed;
}

double test_seconds(double otherwise)
{
	return options.seconds > 0 ? options.seconds : otherwise;
}

const char *test_library(void)
{
	const char *path = getenv("SEA_TEST_LIBRARY");
	if (path == NULL || *path == '\0')
		test_skip("no library under test");
	return path;
}

void *test_symbol(const char *name)
{
	void *address = dlsym(RTLD_DEFAULT, name);
	if (address == NULL && test_engine() == GLIBC)
		test_skip("this libc has no such function");
	if (address == NULL)
		test_fail(__FILE__, __LINE__, "the library exports %s", name);
	return address;
}

/* --- small tools ------------------------------------------------------------------ */

uint64_t test_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1dULL;
}

size_t test_random_size(uint64_t *state, size_t max)
{
	unsigned bits = 64 - (unsigned)__builtin_clzll((unsigned long long)max | 1);
	size_t mask = ((size_t)2 << (test_random(state) >> 32) % bits) - 1;
	return (test_random(state) >> 8 & mask) % (max + 1);
}

static uint64_t pattern_word(uint64_t key, size_t index)
{
	return (key ^ 0x5ea5ea5ea5ea5ea1ULL) + index * 0x9e3779b97f4a7c15ULL;
}

void test_fill(void *block, size_t size, uint64_t key)
{
	unsigned char *byte = block;
	size_t nr_words = size / 8;
	for (size_t i = 0; i < nr_words; i++) {
		uint64_t word = pattern_word(key, i);
		memcpy(byte + i * 8, &word, 8);
	}
	uint64_t word = pattern_word(key, nr_words);
	memcpy(byte + nr_words * 8, &word, size % 8);
}

bool test_is_filled(const void *block, size_t size, uint64_t key)
{
	const unsigned char *byte = block;
	size_t nr_words = size / 8;
	for (size_t i = 0; i < nr_words; i++) {
		uint64_t word = pattern_word(key, i);
		if (memcmp(byte + i * 8, &word, 8) != 0)
			return false;
	}
	uint64_t word = pattern_word(key, nr_words);
	return memcmp(byte + nr_words * 8, &word, size % 8) == 0;
}

bool test_is_zero(const void *block, size_t size)
{
	const unsigned char *byte = block;
	return size == 0 || (byte[0] == 0 && memcmp(byte, byte + 1, size - 1) == 0);
}

/* The number of kB after `field` in a file of /proc, in bytes; 0 where it is not found. */
static size_t proc_bytes(const char *path, const char *field)
{
	char text[8192];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	const char *found = strstr(text, field);
	return found == NULL ? 0 : strtoul(found + strlen(field), NULL, 10) * KiB;
}

/* Not VmRSS of status: the kernel lets that one lag by some hundred KiB. */
void test_limit_address_space(size_t bytes)
{
	struct rlimit limit = {bytes, bytes};
	CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
	void *all = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (all == MAP_FAILED)
		return;
	munmap(all, bytes);
	test_skip("RLIMIT_AS has no effect here");
}

size_t test_rss(void)
{
	return proc_bytes("/proc/self/smaps_rollup", "\nRss:");
}

size_t test_anonymous(void)
{
	return proc_bytes("/proc/self/smaps_rollup", "\nAnonymous:");
}

bool test_counts_zeros(void)
{
	size_t before = test_rss();
	char *zeros = mmap(NULL, MiB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (zeros == MAP_FAILED)
		return false;
	for (size_t i = 0; i < MiB; i += 4 * KiB)
		CHECK(*(volatile char *)(zeros + i) == 0);
	size_t after = test_rss();
	munmap(zeros, MiB);
	return after - before >= MiB / 2;
}

size_t test_status_bytes(const char *field)
{
	char key[64];
	snprintf(key, sizeof(key), "\n%s:", field);
	return proc_bytes("/proc/self/status", key);
}

size_t test_nr_mappings(void)
{
	static char text[64 * 1024];
	size_t lines = 0;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	for (ssize_t length; fd >= 0 && (length = read(fd, text, sizeof(text))) > 0;)
		for (ssize_t i = 0; i < length; i++)
			lines += text[i] == '\n';
	if (fd >= 0)
		close(fd);
	return lines;
}

static double clock_seconds(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double test_now(void)
{
	return clock_seconds(CLOCK_MONOTONIC);
}

double test_cpu_now(void)
{
	return clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
}

/* --- running ------------------------------------------------------------------------ */

static bool is_meant_for(const struct test_case *c, enum test_engine engine)
{
	if (c->engines & NOT_SECURE && test_is_secure())
		return false;
	return c->engines == 0 || (c->engines & engine) != 0 ||
	       (engine == GLIBC && getenv("SEA_TEST_STRICT") != NULL);
}

/* Ends this process when it has had its seconds on every processor, or waits for ever. */
static void limit_time(unsigned seconds)
{
	cpu_set_t processors;
	CPU_ZERO(&processors);
	sched_getaffinity(0, sizeof(processors), &processors);
	struct rlimit limit;
	getrlimit(RLIMIT_CPU, &limit);
	limit.rlim_cur = (rlim_t)seconds * (rlim_t)CPU_COUNT(&processors);
	setrlimit(RLIMIT_CPU, &limit);
	alarm(seconds * BUSY_MACHINE);
}

__attribute__((noreturn)) static void run_child(const struct test_case *c, int log)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(log, STDERR_FILENO);
	close(log);
	limit_time((unsigned)(c->seconds > 0 ? c->seconds : DEFAULT_SECONDS));
	c->run();
	exit(EXIT_SUCCESS);
}

/* Says in `why` what was wrong, where the verdict is not PASSED. */
static enum verdict judge(const struct test_case *c, int status, const char *log, char *why, size_t size)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP) {
		snprintf(why, size, "%s", log);
		return SKIPPED;
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) != c->signal) {
		int signal = WTERMSIG(status);
		snprintf(why, size, "killed by %s", signal == SIGALRM || signal == SIGXCPU ? "the time limit" : strsignal(signal));
		return FAILED;
	}
	if (WIFEXITED(status) && (WEXITSTATUS(status) != 0 || c->signal != 0)) {
		snprintf(why, size, "ended with status %d", WEXITSTATUS(status));
		return FAILED;
	}
	if (c->text != NULL && strstr(log, c->text) == NULL) {
		snprintf(why, size, "no \"%s\" on standard error", c->text);
		return FAILED;
	}
	return PASSED;
}

static enum verdict run_case(const struct test_case *c, char *why, size_t size)
{
	static char text[LOG_SHOWN];
	int log = memfd_create("standard-error", MFD_CLOEXEC);
	if (options.no_fork)
		run_child(c, dup(STDERR_FILENO));
	pid_t child = fork();
	if (child == 0)
		run_child(c, log);
	int status = 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	kill(-child, SIGKILL);
	ssize_t length = pread(log, text, sizeof(text) - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	close(log);

	enum verdict verdict = judge(c, status, text, why, size);
	if (verdict == FAILED) {
		size_t used = strlen(why);
		snprintf(why + used, size - used, "; --seed %llu%s%s", (unsigned long long)options.seed,
			 length > 0 ? "\n" : "", text);
	}
	return verdict;
}

static void parse(int argc, char **argv)
{
	options.seed = ((uint64_t)time(NULL) << 16 ^ (uint64_t)getpid()) | 1;
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		if (strcmp(argv[i], "--no-fork") == 0)
			options.no_fork = true;
		else if (strcmp(argv[i], "--case") == 0)
			options.only = value, i++;
		else if (strcmp(argv[i], "--seed") == 0)
			options.seed = strtoull(value, NULL, 0) | 1, i++;
		else if (strcmp(argv[i], "--seconds") == 0)
			options.seconds = strtod(value, NULL), i++;
		else
			exit((say("unknown argument: %s\n", argv[i]), 2));
	}
}

int test_main(int argc, char **argv, const struct test_case *cases, size_t nr_cases)
{
	static const char *const words[NR_VERDICTS] = {"pass", "FAIL", "skip"};
	static char why[LOG_SHOWN + LINE_SIZE];
	unsigned counts[NR_VERDICTS] = {0};
	parse(argc, argv);
	for (const struct test_case *c = cases; c < cases + nr_cases; c++) {
		if (options.only != NULL && strstr(c->name, options.only) == NULL)
			continue;
		double start = test_now();
		enum verdict verdict = SKIPPED;
		if (is_meant_for(c, test_engine()))
			verdict = run_case(c, why, sizeof(why));
		else
			snprintf(why, sizeof(why), "not promised by this engine");
		counts[verdict]++;
		say("%s  %s: %s (%.2f s)", words[verdict], program_invocation_short_name, c->name,
		    test_now() - start);
		if (verdict != PASSED) {
			size_t length = strlen(why);
			say(": ");
			put(STDOUT_FILENO, why, length - (length > 0 && why[length - 1] == '\n'));
		}
		say("\n");
	}
	say("%u passed, %u failed, %u skipped\n", counts[PASSED], counts[FAILED], counts[SKIPPED]);
	return counts[FAILED] == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
