/* SPDX-License-Identifier: MIT */
/* messages.c - seamalloc_message.h from outside: wrong arguments, limits, signals, forks beside threads */
#include "../harness.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* --- forks ------------------------------------------------------------------------------------- */

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

/* --- names --------------------------------------------------------------------------------------- */

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
	{"files are limited", files_are_limited, SEAM, 0, 0, NULL},
	{"signals end waiting", signals_end_waiting, SEAM, 20, 0, NULL},
	{"a child keeps no heap", a_child_keeps_no_heap, SEAM, 60, 0, NULL},
	{"a child watches a port", a_child_watches_a_port, SEAM, 60, 0, NULL},
	{"a heap in use keeps its name", a_heap_in_use_keeps_its_name, SEAM, 60, 0, NULL},
};

HARNESS_MAIN(cases)
