/* SPDX-License-Identifier: MIT */
/* fork.c - fork at any moment, from any thread
 *
 * Whoever forks while others allocate must find a heap in the child that works, and
 * nobody may wait for ever.  A child that hangs is ended by its own alarm.
 */
#include "../harness.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <malloc.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NR_BUSY = 6, NR_SHARED = 512, CHILD_SECONDS = 20 };

static _Atomic(void *) shared[NR_SHARED]; /* blocks that wander between threads */
static atomic_bool stop;

static size_t nr_forks(void)
{
	return test_pick(300, 1500, 10000);
}

/* Whether a busy thread goes on.  The watermark engine keeps all it gave: there, they
 * rest after 512 MiB. */
static bool goes_on(size_t bytes)
{
	static atomic_size_t drawn;
	if (test_engine() == WATERMARK && atomic_fetch_add(&drawn, bytes) > 512 * MiB)
		while (!atomic_load(&stop))
			usleep(1000);
	return !atomic_load(&stop);
}

/* Every size and way, with traffic between the threads. */
static void *stay_busy(void *argument)
{
	uint64_t random = test_seed() + (uintptr_t)argument * 2;
	while (goes_on(22 * KiB)) {
		size_t size = test_random_size(&random, test_random(&random) % 16 == 0 ? 600 * KiB : 4 * KiB);
		char *block = size % 3 == 0 ? calloc(1, size) : size % 3 == 1 ? malloc(size) : memalign(128, size);
		CHECK(block != NULL);
		if (size > 0)
			block[0] = block[size - 1] = 1;
		if (size % 5 == 0)
			CHECK((block = realloc(block, size + 100)) != NULL);
		free(atomic_exchange(&shared[test_random(&random) % NR_SHARED], block));
	}
	return NULL;
}

static void start_busy(pthread_t *threads, size_t count)
{
	for (size_t i = 0; i < count; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, stay_busy, (void *)(i + 1)), 0);
}

static void stop_busy(const pthread_t *threads, size_t count)
{
	atomic_store(&stop, true);
	for (size_t i = 0; i < count; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

static void use_heap(void)
{
	void *blocks[64];
	for (size_t i = 0; i < 64; i++) {
		size_t size = (size_t)16 << i % 16;
		CHECK((blocks[i] = malloc(size)) != NULL);
		memset(blocks[i], 1, size < 4096 ? size : 4096);
	}
	for (size_t i = 0; i < 64; i++)
		free(blocks[i]);
}

static void free_shared(void)
{
	for (size_t i = 0; i < NR_SHARED; i++)
		free(atomic_exchange(&shared[i], NULL));
}

/* Runs `body` in a child, which must end well and in time. */
static void in_child(void (*body)(void))
{
	int status = 0;
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		alarm(CHILD_SECONDS);
		body();
		_exit(EXIT_SUCCESS);
	}
	while (waitpid(child, &status, 0) < 0)
		CHECK_EQ(errno, EINTR);
	if (WIFSIGNALED(status))
		test_fail(__FILE__, __LINE__, "the child ends; it was ended by signal %d%s", WTERMSIG(status),
			  WTERMSIG(status) == SIGALRM ? " after hanging" : "");
	CHECK_EQ(status, 0);
}

static void use_and_free_shared(void)
{
	use_heap();
	free_shared();
	use_heap();
}

static void storm(void)
{
	pthread_t threads[NR_BUSY];
	start_busy(threads, NR_BUSY);
	for (size_t i = 0; i < nr_forks(); i++)
		in_child(i % 4 == 0 ? use_and_free_shared : use_heap);
	stop_busy(threads, NR_BUSY);
	free_shared();
}

/* Several threads fork at once. */
static void *fork_here(void *unused)
{
	for (size_t i = 0; i < nr_forks() / 8; i++) {
		use_heap();
		in_child(use_heap);
	}
	return unused;
}

static void storm_from_threads(void)
{
	pthread_t busy[2], forking[3];
	start_busy(busy, 2);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&forking[i], NULL, fork_here, NULL), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(forking[i], NULL), 0);
	stop_busy(busy, 2);
}

static void start_threads_in_child(void)
{
	pthread_t threads[2];
	atomic_store(&stop, false);
	start_busy(threads, 2);
	use_heap();
	stop_busy(threads, 2);
	free_shared();
}

static void children_with_threads(void)
{
	pthread_t threads[3];
	start_busy(threads, 3);
	for (size_t i = 0; i < nr_forks() / 10; i++)
		in_child(start_threads_in_child);
	stop_busy(threads, 3);
}

/* --- inside stdio ---------------------------------------------------------------------- */

static void *read_lines(void *unused)
{
	char *line = NULL;
	size_t capacity = 0;
	while (goes_on(8 * KiB)) {
		FILE *stream = fopen("/proc/self/status", "r");
		while (stream != NULL && getline(&line, &capacity, stream) > 0)
			;
		if (stream != NULL)
			fclose(stream);
		free(line);
		line = NULL;
		capacity = 0;
	}
	return unused;
}

/* Lines of 100 KB: getline() reallocates while it holds the stream's lock. */
static void *read_long_lines(void *unused)
{
	while (goes_on(500 * KiB)) {
		char *line = NULL, *text = NULL;
		size_t capacity = 0, size = 0;
		FILE *memory = open_memstream(&text, &size);
		CHECK(memory != NULL);
		for (int i = 0; i < 2000; i++)
			fprintf(memory, "a line that makes the stream grow %d ", i);
		fflush(memory);
		FILE *again = fmemopen(text, size, "r");
		CHECK(again != NULL);
		while (getline(&line, &capacity, again) > 0)
			;
		fclose(again);
		fclose(memory);
		free(text);
		free(line);
	}
	return unused;
}

static void *flush_all(void *unused)
{
	while (!atomic_load(&stop))
		fflush(NULL);
	return unused;
}

static void use_stdio(void)
{
	char *text = NULL;
	size_t size = 0;
	use_heap();
	FILE *stream = open_memstream(&text, &size);
	CHECK(stream != NULL);
	fprintf(stream, "%d", 42);
	CHECK_EQ(fclose(stream), 0);
	free(text);
}

static void during_stdio(void)
{
	pthread_t threads[6];
	void *(*const bodies[])(void *) = {read_lines, read_long_lines, flush_all};
	for (int i = 0; i < 6; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, bodies[i % 3], NULL), 0);
	for (size_t i = 0; i < nr_forks() / 2; i++)
		in_child(use_stdio);
	stop_busy(threads, 6);
}

/* --- inside the rest of libc ------------------------------------------------------------- */

/* The first use loads /etc/nsswitch.conf, and allocates, under a lock of libc that fork()
 * takes after it has called the handlers. */
static void *name_service(void *unused)
{
	struct passwd entry, *found;
	char text[4096];
	free(malloc(50000));
	getpwnam_r("root", &entry, text, sizeof(text), &found);
	return unused;
}

static void fork_during_first_use(void)
{
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, name_service, NULL), 0);
	for (int i = 0; i < 5; i++) {
		int status = 0;
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0)
			_exit(EXIT_SUCCESS);
		CHECK_EQ(waitpid(child, &status, 0), child);
	}
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

static void during_name_service(void)
{
	for (size_t i = 0; i < nr_forks(); i++)
		in_child(fork_during_first_use);
}

static void *many_corners(void *unused)
{
	while (goes_on(64 * KiB)) {
		struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *found = NULL;
		struct tm broken_down;
		time_t now = 0;
		void *library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
		if (library != NULL)
			dlclose(library);
		CHECK_EQ(getaddrinfo("127.0.0.1", "80", &hints, &found), 0);
		freeaddrinfo(found);
		localtime_r(&now, &broken_down);
		locale_t locale = newlocale(LC_ALL_MASK, "C", NULL);
		if (locale != NULL)
			freelocale(locale);
		DIR *directory = opendir("/");
		if (directory != NULL)
			closedir(directory);
	}
	return unused;
}

static void during_much_of_libc(void)
{
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, many_corners, NULL), 0);
	for (size_t i = 0; i < nr_forks() / 2; i++)
		in_child(use_heap);
	stop_busy(threads, 4);
}

/* --- fork handlers of the program --------------------------------------------------------- */

static unsigned nr_prepared, nr_in_parent;

static void on_prepare(void)
{
	use_heap();
	nr_prepared++;
}

static void on_parent(void)
{
	use_heap();
	nr_in_parent++;
}

static void on_child(void)
{
	use_heap();
	free_shared();
}

/* One set from before the first allocation of this program, one from after. */
static void handlers_allocate(void)
{
	pthread_t threads[3];
	CHECK_EQ(pthread_atfork(on_prepare, on_parent, on_child), 0);
	use_heap();
	CHECK_EQ(pthread_atfork(on_prepare, on_parent, on_child), 0);
	start_busy(threads, 3);
	for (size_t i = 0; i < nr_forks() / 3; i++)
		in_child(use_heap);
	stop_busy(threads, 3);
	CHECK_EQ(nr_prepared, 2 * (nr_forks() / 3));
	CHECK_EQ(nr_in_parent, nr_prepared);
}

/* --- what the child owns --------------------------------------------------------------------- */

static unsigned char *of_parent[200];

static void overwrite(void)
{
	for (size_t i = 0; i < 200; i++) {
		CHECK(test_is_filled(of_parent[i], i * 997, i));
		memset(of_parent[i], 0xee, i * 997);
		if (i % 2 == 0)
			free(of_parent[i]);
		else
			CHECK(realloc(of_parent[i], i * 1500) != NULL);
	}
	use_heap();
	malloc_trim(0);
}

static void child_has_a_copy(void)
{
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 200; i++) {
			CHECK((of_parent[i] = malloc(i * 997)) != NULL);
			test_fill(of_parent[i], i * 997, i);
		}
		in_child(overwrite);
		for (size_t i = 0; i < 200; i++) {
			CHECK(test_is_filled(of_parent[i], i * 997, i));
			free(of_parent[i]);
		}
	}
}

/* Memory that the other threads had in their caches is not lost to the child: its
 * children's children do not grow. */
static void generations(void)
{
	for (int generation = 0; generation < 30; generation++) {
		pthread_t threads[2];
		atomic_store(&stop, false);
		start_busy(threads, 2);
		use_heap();
		pid_t child = fork();
		CHECK(child >= 0);
		if (child != 0) {
			int status = 0;
			stop_busy(threads, 2);
			CHECK_EQ(waitpid(child, &status, 0), child);
			CHECK_EQ(status, 0);
			_exit(EXIT_SUCCESS);
		}
		use_and_free_shared();
	}
	CHECK_AT_MOST(test_rss(), 64 * MiB);
}

static void other_ways_to_start(void)
{
	pthread_t threads[3];
	char *const arguments[] = {(char *)"true", NULL};
	char *const nothing[] = {NULL};
	start_busy(threads, 3);
	for (size_t i = 0; i < nr_forks() / 10; i++) {
		int status = 0;
		pid_t child;
		CHECK_EQ(posix_spawn(&child, "/bin/true", NULL, NULL, arguments, nothing), 0);
		CHECK_EQ(waitpid(child, &status, 0), child);
		CHECK_EQ(status, 0);
		CHECK_EQ(system("exit 0"), 0);
		FILE *pipe = popen("echo hello", "r");
		char line[16] = "";
		CHECK(pipe != NULL && fgets(line, sizeof(line), pipe) != NULL);
		CHECK_EQ(strcmp(line, "hello\n"), 0);
		CHECK_EQ(pclose(pipe), 0);
	}
	stop_busy(threads, 3);
}

static const struct test_case cases[] = {
	{.name = "storm: 6 busy threads, children that allocate", .run = storm, .seconds = 60},
	{.name = "storm from three threads at once", .run = storm_from_threads, .seconds = 60},
	{.name = "children that start threads", .run = children_with_threads, .seconds = 60},
	{.name = "while other threads are inside stdio", .run = during_stdio, .seconds = 60},
	{.name = "while threads first use the name service", .run = during_name_service, .seconds = 60},
	{.name = "while other threads are all over libc", .run = during_much_of_libc, .seconds = 60},
	{.name = "handlers of the program allocate", .run = handlers_allocate, .seconds = 60},
	{.name = "the child's heap is a copy", .run = child_has_a_copy},
	{.name = "thirty generations", .run = generations, .seconds = 60, .engines = SEAM | FREELIST | GLIBC},
	{.name = "posix_spawn, system and popen", .run = other_ways_to_start, .seconds = 60},
};

HARNESS_MAIN(cases)
