/* SPDX-License-Identifier: MIT */
/* messages.c - seamalloc_message.h from outside: wrong arguments, limits, signals, forks beside
 * threads */
#include "../harness.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seamalloc_message.h"

#define CALL(name) ((__typeof__(&name))test_symbol(#name))

static char name[32];

static void remove_name(void) { CALL(sea_msg_unlink)(name); }

static void choose_name(void)
{
	snprintf(name, sizeof(name), "api-%d", getpid());
	atexit(remove_name);
}

static struct sea_msg_heap *make(size_t size, size_t maximum)
{
	struct sea_msg_heap *heap = CALL(sea_msg_create)(NULL, size, maximum, 0600);
	CHECK(heap);
	return heap;
}

static void must_exit_well(pid_t child)
{
	int status;
	CHECK(waitpid(child, &status, 0) == child);
	CHECK_EQ(status, 0);
}

/* --- arguments ------------------------------------------------------------------------------ */

#define REFUSES(call) (errno = 0, (call) && errno == EINVAL)

static void no_heap_is_an_error(void)
{
	struct sea_msg_stats stats;
	CHECK(REFUSES(!CALL(sea_msg_open)(NULL)));
	CHECK(REFUSES(CALL(sea_msg_unlink)(NULL) == -1));
	CHECK(REFUSES(CALL(sea_msg_fd)(NULL) == -1));
	CHECK(REFUSES(CALL(sea_msg_close)(NULL) == -1));
	CHECK(REFUSES(!CALL(sea_msg_alloc)(NULL, 1)));
	CHECK(REFUSES(CALL(sea_msg_free)(NULL, 1) == -1));
	CHECK(REFUSES(!CALL(sea_msg_address)(NULL, 1)));
	CHECK(REFUSES(!CALL(sea_msg_handle)(NULL, &stats)));
	CHECK(REFUSES(CALL(sea_msg_size)(NULL, 1) == SIZE_MAX));
	CHECK(REFUSES(CALL(sea_msg_port)(NULL, "in") == -1));
	CHECK(REFUSES(CALL(sea_msg_send)(NULL, 0, 1) == -1));
	CHECK(REFUSES(!CALL(sea_msg_receive)(NULL, 0, -1)));
	CHECK(REFUSES(CALL(sea_msg_port_fd)(NULL, 0) == -1));
	CHECK(REFUSES(CALL(sea_msg_reclaim)(NULL) == -1));
	CHECK(REFUSES(CALL(sea_msg_set_quota)(NULL, 1) == -1));
	CHECK(REFUSES(CALL(sea_msg_trim)(NULL) == -1));
	CHECK(REFUSES(CALL(sea_msg_count)(NULL, &stats) == -1));
	CHECK(REFUSES(CALL(sea_msg_audit)(NULL) == -1));
	CHECK(REFUSES(CALL(sea_msg_count)(make(4096, 0), NULL) == -1));
}

/* What each function answers about a heap in use, by one peer. */
static void every_function_answers(void)
{
	struct sea_msg_heap *heap = make(64 * KiB, 1 * MiB);
	struct sea_msg_stats stats;
	int port = CALL(sea_msg_port)(heap, "in"), event = CALL(sea_msg_port_fd)(heap, port);
	sea_msg_t message = CALL(sea_msg_alloc)(heap, 100), stale = message;
	char *text = CALL(sea_msg_address)(heap, message);
	CHECK(port >= 0 && event >= 0 && message && text && (uintptr_t)text % 16 == 0);
	CHECK_EQ(CALL(sea_msg_size)(heap, message), 100);
	CHECK(CALL(sea_msg_handle)(heap, text) == message);
	strcpy(text, "hello");
	CHECK_EQ(CALL(sea_msg_send)(heap, port, message), 0);
	uint64_t sent;
	CHECK(read(event, &sent, sizeof(sent)) == sizeof(sent) || errno == EAGAIN);
	CHECK_EQ(CALL(sea_msg_count)(heap, &stats), 0);
	CHECK(stats.nr_queued == 1 && stats.nr_live == 0 && stats.nr_peers == 1 && stats.nr_dead == 0 && stats.nr_ports == 1);
	CHECK_EQ(stats.metadata + stats.free + stats.live + stats.cached + stats.queued, stats.length);
	message = CALL(sea_msg_receive)(heap, port, 0);
	CHECK(message && message != stale && !strcmp(CALL(sea_msg_address)(heap, message), "hello"));
	errno = 0;
	CHECK(!CALL(sea_msg_address)(heap, stale) && errno == ESTALE);
	errno = 0;
	CHECK(CALL(sea_msg_size)(heap, stale) == SIZE_MAX && errno == ESTALE);
	errno = 0;
	CHECK(CALL(sea_msg_free)(heap, stale) == -1 && errno == ESTALE);
	errno = 0;
	CHECK(!CALL(sea_msg_handle)(heap, (char *)CALL(sea_msg_address)(heap, message) + 16) && errno == ESTALE);
	errno = 0;
	CHECK(CALL(sea_msg_port_fd)(heap, 5000) == -1 && errno == EINVAL);
	CHECK_EQ(CALL(sea_msg_free)(heap, message), 0);
	CHECK_EQ(CALL(sea_msg_trim)(heap), 0);
	CHECK_EQ(CALL(sea_msg_reclaim)(heap), 0);
	CHECK_EQ(CALL(sea_msg_count)(heap, &stats), 0);
	CHECK(stats.cached == 0 && stats.live == 0 && stats.queued == 0);
	CHECK_EQ(CALL(sea_msg_audit)(heap), 0);
	CHECK_EQ(CALL(sea_msg_close)(heap), 0);
}

/* A peer at its quota neither allocates nor receives; who frees may again. */
static void quota_bounds_a_peer(void)
{
	struct sea_msg_stats stats;
	struct sea_msg_heap *heap = make(64 * KiB, 0);
	int port = CALL(sea_msg_port)(heap, "in");
	sea_msg_t sent = CALL(sea_msg_alloc)(heap, 1000), held;
	CHECK_EQ(CALL(sea_msg_send)(heap, port, sent), 0);
	CHECK_EQ(CALL(sea_msg_set_quota)(heap, 1500), 0);
	CHECK((held = CALL(sea_msg_alloc)(heap, 1000)) != 0);
	errno = 0;
	CHECK(!CALL(sea_msg_alloc)(heap, 1000) && errno == EDQUOT);
	CHECK_EQ(CALL(sea_msg_count)(heap, &stats), 0);
	CHECK_EQ(CALL(sea_msg_set_quota)(heap, stats.live), 0);
	errno = 0;
	CHECK(!CALL(sea_msg_receive)(heap, port, 0) && errno == EDQUOT);
	errno = 0;
	CHECK(!CALL(sea_msg_alloc)(heap, 1) && errno == EDQUOT);
	CHECK_EQ(CALL(sea_msg_set_quota)(heap, 100), 0);
	errno = 0;
	CHECK(!CALL(sea_msg_alloc)(heap, 1) && errno == EDQUOT);
	CHECK_EQ(CALL(sea_msg_free)(heap, held), 0);
	CHECK_EQ(CALL(sea_msg_set_quota)(heap, 1500), 0);
	CHECK((held = CALL(sea_msg_receive)(heap, port, 0)) != 0);
	CHECK_EQ(CALL(sea_msg_size)(heap, held), 1000);
	CHECK_EQ(CALL(sea_msg_audit)(heap), 0);
}

/* --- limits ---------------------------------------------------------------------------------- */

static int lowest_descriptor(void)
{
	int file = dup(STDOUT_FILENO);
	CHECK(file >= 0);
	close(file);
	return file;
}

/* Lets the process have `value` of a resource, and keeps the limit to which it may go back. */
static void allow(int resource, rlim_t value)
{
	struct rlimit limit;
	CHECK_EQ(getrlimit(resource, &limit), 0);
	limit.rlim_cur = value;
	CHECK_EQ(setrlimit(resource, &limit), 0);
}

static int another_of(struct sea_msg_heap *heap)
{
	struct sea_msg_heap *other = CALL(sea_msg_attach)(CALL(sea_msg_fd)(heap));
	return other ? CALL(sea_msg_close)(other) : -1;
}

static int make_one(struct sea_msg_heap *unused)
{
	struct sea_msg_heap *heap = CALL(sea_msg_create)(NULL, 64 * KiB, 0, 0600);
	(void)unused;
	return heap ? CALL(sea_msg_close)(heap) : -1;
}

static int open_named(struct sea_msg_heap *unused)
{
	struct sea_msg_heap *heap = CALL(sea_msg_open)(name);
	(void)unused;
	return heap ? CALL(sea_msg_close)(heap) : -1;
}

static int watch(struct sea_msg_heap *heap) { return CALL(sea_msg_port_fd)(heap, 0) < 0 ? -1 : 0; }

/* Each call with more and more descriptors, until it succeeds: it fails with the
 * error, and keeps none. */
static void expect_descriptors(int (*call)(struct sea_msg_heap *heap), struct sea_msg_heap *heap, int error, int nr)
{
	int lowest = lowest_descriptor();
	struct rlimit limit;
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int left = 0; left < nr; left++) {
		allow(RLIMIT_NOFILE, (rlim_t)(lowest + left));
		errno = 0;
		int result = call(heap), found = errno;
		allow(RLIMIT_NOFILE, limit.rlim_cur);
		CHECK_EQ(result, -1);
		CHECK_EQ(found, error);
		CHECK_EQ(lowest_descriptor(), lowest);
	}
	CHECK_EQ(call(heap), 0);
}

static void few_descriptors(void)
{
	choose_name();
	struct sea_msg_heap *heap = CALL(sea_msg_create)(name, 64 * KiB, 0, 0600);
	CHECK(heap && CALL(sea_msg_port)(heap, "in") == 0);
	expect_descriptors(make_one, heap, EMFILE, 2);
	expect_descriptors(another_of, heap, EMFILE, 2);
	expect_descriptors(open_named, heap, EMFILE, 2);
	expect_descriptors(watch, heap, ENOMEM, 2);
	CHECK_EQ(CALL(sea_msg_audit)(heap), 0);
	CHECK_EQ(CALL(sea_msg_close)(heap), 0);
}

static size_t address_space(void)
{
	size_t pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	CHECK(file && fscanf(file, "%zu", &pages) == 1);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void skip_without_limits(void)
{
	allow(RLIMIT_AS, address_space());
	void *more = mmap(NULL, MiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	allow(RLIMIT_AS, RLIM_INFINITY);
	if (more != MAP_FAILED)
		test_skip("RLIMIT_AS has no effect here");
}

/* Each call with more and more address space: it fails with the error until there is enough, and
 * no failure costs address space, a descriptor or a place among the peers. */
static void expect_addresses(int (*call)(struct sea_msg_heap *heap), struct sea_msg_heap *heap, int error)
{
	int lowest = lowest_descriptor(), nr_failed = 0;
	size_t used = address_space();
	for (size_t more = 0; more < 16 * MiB; more += 16 * KiB, nr_failed++) {
		allow(RLIMIT_AS, used + more);
		errno = 0;
		int result = call(heap), found = errno;
		allow(RLIMIT_AS, RLIM_INFINITY);
		if (!result)
			break;
		CHECK_EQ(found, error);
		CHECK_EQ(lowest_descriptor(), lowest);
		CHECK(address_space() <= used);
	}
	CHECK(nr_failed > 2 && nr_failed < 1024);
}

static void little_address_space(void)
{
	struct sea_msg_stats stats;
	choose_name();
	struct sea_msg_heap *heap = CALL(sea_msg_create)(name, 1 * MiB, 0, 0600);
	CHECK(heap && CALL(sea_msg_port)(heap, "in") == 0);
	skip_without_limits();
	expect_addresses(make_one, heap, ENOMEM);
	expect_addresses(another_of, heap, ENOMEM);
	expect_addresses(open_named, heap, ENOMEM);
	CHECK_EQ(CALL(sea_msg_count)(heap, &stats), 0);
	CHECK_EQ(stats.nr_peers, 1);
	CHECK_EQ(stats.nr_dead, 0);
	CHECK_EQ(CALL(sea_msg_audit)(heap), 0);
}

/* Beyond the limit for files there is no room, and no SIGXFSZ. */
static void files_are_limited(void)
{
	struct sea_msg_heap *heap = make(4096, 8 * MiB);
	struct rlimit limit = {MiB, MiB};
	size_t nr = 0;
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	errno = 0;
	CHECK(!CALL(sea_msg_create)(NULL, 2 * MiB, 0, 0600) && errno == ENOSPC);
	errno = 0;
	while (CALL(sea_msg_alloc)(heap, 10000))
		nr++;
	CHECK(nr > 40 && errno == ENOSPC);
	CHECK_EQ(CALL(sea_msg_audit)(heap), 0);
}

/* --- signals --------------------------------------------------------------------------------- */

static void handle(int signal) { (void)signal; }

/* The handler asks for calls to be restarted; receiving is not, with a limit or without. */
static void signals_end_waiting(void)
{
	struct sea_msg_heap *heap = make(64 * KiB, 0);
	int port = CALL(sea_msg_port)(heap, "in");
	struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
	struct itimerval soon = {.it_interval = {0, 50000}, .it_value = {0, 50000}};
	CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
	CHECK_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0);
	errno = 0;
	CHECK(!CALL(sea_msg_receive)(heap, port, -1) && errno == EINTR);
	errno = 0;
	CHECK(!CALL(sea_msg_receive)(heap, port, 1000000) && errno == EINTR);
}

/* --- forks ----------------------------------------------------------------------------------- */

#define IS_TOLD(call) (errno = 0, (call) && errno == ECHILD)

/* A child may call nothing but close with its parent's heap; the parent's goes on. */
static void a_child_is_told(void)
{
	struct sea_msg_heap *heap = make(64 * KiB, 0), *closed = make(4096, 0);
	struct sea_msg_stats stats;
	int port = CALL(sea_msg_port)(heap, "in"), event = CALL(sea_msg_port_fd)(heap, port);
	sea_msg_t message = CALL(sea_msg_alloc)(heap, 100);
	char *text = CALL(sea_msg_address)(heap, message);
	strcpy(text, "mine");
	CHECK(event >= 0 && CALL(sea_msg_close)(closed) == 0);
	pid_t child = fork();
	if (child == 0) {
		CHECK(IS_TOLD(CALL(sea_msg_fd)(heap) == -1));
		CHECK(IS_TOLD(!CALL(sea_msg_alloc)(heap, 1)));
		CHECK(IS_TOLD(CALL(sea_msg_free)(heap, message) == -1));
		CHECK(IS_TOLD(!CALL(sea_msg_address)(heap, message)));
		CHECK(IS_TOLD(!CALL(sea_msg_handle)(heap, text)));
		CHECK(IS_TOLD(CALL(sea_msg_size)(heap, message) == SIZE_MAX));
		CHECK(IS_TOLD(CALL(sea_msg_port)(heap, "in") == -1));
		CHECK(IS_TOLD(CALL(sea_msg_send)(heap, port, message) == -1));
		CHECK(IS_TOLD(!CALL(sea_msg_receive)(heap, port, 0)));
		CHECK(IS_TOLD(CALL(sea_msg_port_fd)(heap, port) == -1));
		CHECK(IS_TOLD(CALL(sea_msg_reclaim)(heap) == -1));
		CHECK(IS_TOLD(CALL(sea_msg_set_quota)(heap, 1) == -1));
		CHECK(IS_TOLD(CALL(sea_msg_trim)(heap) == -1));
		CHECK(IS_TOLD(CALL(sea_msg_count)(heap, &stats) == -1));
		CHECK(IS_TOLD(CALL(sea_msg_audit)(heap) == -1));
		CHECK_EQ(CALL(sea_msg_close)(heap), 0);
		exit(EXIT_SUCCESS);
	}
	must_exit_well(child);
	CHECK(!strcmp(CALL(sea_msg_address)(heap, message), "mine"));
	CHECK_EQ(CALL(sea_msg_send)(heap, port, message), 0);
	CHECK_EQ(CALL(sea_msg_count)(heap, &stats), 0);
	CHECK(stats.nr_peers == 1 && stats.nr_queued == 1);
	CHECK_EQ(CALL(sea_msg_audit)(heap), 0);
}

static bool is_over;

/* A child that was forked has the last heap of this name until its fork handler has run. */
static struct sea_msg_heap *make_when_free(void)
{
	struct sea_msg_heap *heap = NULL;
	for (int i = 0; i < 5000 && !(heap = CALL(sea_msg_create)(name, 4096, 0, 0600)); i++) {
		CHECK_EQ(errno, EEXIST);
		usleep(1000);
	}
	return heap;
}

/* Makes a heap of this name again and again: each time nobody has the last one. */
static void *make_and_close(void *unused)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		struct sea_msg_heap *heap = make_when_free();
		CHECK(heap);
		CHECK_EQ(CALL(sea_msg_close)(heap), 0);
	}
	return unused;
}

/* A child that is forked while another thread opens or closes a heap does not keep the heap. */
static void a_child_keeps_no_heap(void)
{
	pthread_t thread;
	pid_t children[100];
	choose_name();
	CHECK_EQ(pthread_create(&thread, NULL, make_and_close, NULL), 0);
	for (size_t i = 0; i < 100; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			alarm(30);
			pause();
		}
		usleep(500);
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	for (size_t i = 0; i < 100; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
}

static void *watch_and_close(void *unused)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		struct sea_msg_heap *heap = make(4096, 0);
		int port = CALL(sea_msg_port)(heap, "in");
		for (int i = 0; i < 20; i++)
			CHECK(CALL(sea_msg_port_fd)(heap, port) >= 0);
		CHECK_EQ(CALL(sea_msg_close)(heap), 0);
	}
	return unused;
}

/* A child that is forked while another thread starts to watch a port can watch one. */
static void a_child_watches_a_port(void)
{
	pthread_t thread;
	CHECK_EQ(pthread_create(&thread, NULL, watch_and_close, NULL), 0);
	for (size_t i = 0; i < test_pick(50, 100, 2000); i++) {
		pid_t child = fork();
		if (child == 0) {
			alarm(20);
			struct sea_msg_heap *heap = make(4096, 0);
			_exit(CALL(sea_msg_port_fd)(heap, CALL(sea_msg_port)(heap, "in")) < 0);
		}
		must_exit_well(child);
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

/* --- names ----------------------------------------------------------------------------------- */

static void replace_again_and_again(void)
{
	size_t nr_made = 0;
	while (nr_made < test_pick(60, 100, 5000)) {
		struct stat status;
		struct sea_msg_heap *heap = CALL(sea_msg_create)(name, 4096, 0, 0600);
		if (!heap)
			continue;
		for (int looks = 0; looks < 3; looks++) {
			CHECK_EQ(fstat(CALL(sea_msg_fd)(heap), &status), 0);
			CHECK_EQ(status.st_nlink, 1);
			sched_yield();
		}
		CHECK_EQ(CALL(sea_msg_close)(heap), 0);
		nr_made++;
	}
	_exit(0);
}

/* Several processes replace heaps that were left.  None takes the name from one that is in use. */
static void a_heap_in_use_keeps_its_name(void)
{
	pid_t children[3];
	choose_name();
	for (size_t i = 0; i < 3; i++)
		if ((children[i] = fork()) == 0)
			replace_again_and_again();
	for (size_t i = 0; i < 3; i++)
		must_exit_well(children[i]);
}

static const struct test_case cases[] = {
	{"no heap is an error", no_heap_is_an_error, SEAM, 0, 0, NULL},
	{"every function answers", every_function_answers, SEAM, 0, 0, NULL},
	{"quota bounds a peer", quota_bounds_a_peer, SEAM, 0, 0, NULL},
	{"few descriptors", few_descriptors, SEAM, 0, 0, NULL},
	{"little address space", little_address_space, SEAM, 0, 0, NULL},
	{"a child is told", a_child_is_told, SEAM, 20, 0, NULL},
	{"files are limited", files_are_limited, SEAM, 0, 0, NULL},
	{"signals end waiting", signals_end_waiting, SEAM, 20, 0, NULL},
	{"a child keeps no heap", a_child_keeps_no_heap, SEAM, 60, 0, NULL},
	{"a child watches a port", a_child_watches_a_port, SEAM, 60, 0, NULL},
	{"a heap in use keeps its name", a_heap_in_use_keeps_its_name, SEAM, 60, 0, NULL},
};

HARNESS_MAIN(cases)
