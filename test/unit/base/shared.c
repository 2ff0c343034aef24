/* SPDX-License-Identifier: MIT */
/* shared.c - files that processes share, on the real kernel */
#include "base/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static void locks_belong_to_open_files(void)
{
	int first = sea_shared_memory(), second = sea_shared_reopen(first), copy = dup(second);
	CHECK(first >= 0 && second >= 0 && copy >= 0);
	CHECK(sea_shared_try_lock(second, 1000, 2));
	CHECK(sea_shared_try_lock(copy, 1000, 2)); /* the same open file */
	CHECK(!sea_shared_try_lock(first, 1001, 5));
	CHECK(sea_shared_try_lock(first, 1002, 5));
	CHECK(sea_shared_is_locked(first, 1000, 1));
	CHECK(!sea_shared_is_locked(second, 1000, 1));
	sea_shared_close(second);
	CHECK(sea_shared_is_locked(first, 1000, 1));
	sea_shared_close(copy);
	CHECK(!sea_shared_is_locked(first, 1000, 1));
	sea_shared_drop_lock(first, 1002, 5);
	int third = sea_shared_reopen(first);
	CHECK(!sea_shared_is_locked(third, 0, 1 << 20));
}

static void death_drops_locks(void)
{
	int file = sea_shared_memory(), ends[2];
	char byte;
	CHECK_EQ(pipe(ends), 0);
	pid_t child = fork();
	if (!child) {
		int own = sea_shared_reopen(file);
		if (!sea_shared_try_lock(own, 5, 1) || write(ends[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK(sea_shared_is_locked(file, 5, 1));
	kill(child, SIGKILL);
	CHECK_EQ(waitpid(child, NULL, 0), child);
	CHECK(!sea_shared_is_locked(file, 5, 1));
}

static void files_have_names_when_they_are_complete(void)
{
	char path[64];
	bool is_linked;
	snprintf(path, sizeof(path), "/dev/shm/seamalloc-unit-%d", getpid());
	int file = sea_shared_unnamed("/dev/shm", 0600);
	CHECK(file >= 0);
	CHECK_EQ(sea_shared_open(path), -ENOENT);
	CHECK_EQ(sea_shared_lengthen(file, 10000), 0);
	CHECK_EQ(sea_shared_lengthen(file, 5000), 0);
	CHECK_EQ(sea_shared_length(file, &is_linked), 10000);
	CHECK(!is_linked);
	CHECK_EQ(sea_shared_fill(file, 0, 10000), 0);
	CHECK_EQ(sea_shared_link(file, path), 0);
	CHECK_EQ(sea_shared_link(file, path), -EEXIST);
	int again = sea_shared_open(path);
	CHECK(again >= 0);
	CHECK_EQ(fcntl(again, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(sea_shared_length(again, &is_linked), 10000);
	CHECK(is_linked);
	CHECK_EQ(sea_shared_unlink(path), 0);
	CHECK_EQ(sea_shared_unlink(path), -ENOENT);
	CHECK_EQ(sea_shared_length(again, &is_linked), 10000);
	CHECK(!is_linked);
	CHECK_EQ(sea_shared_open("/dev/shm"), -EISDIR);
	CHECK_EQ(sea_shared_open("/dev/null"), -EINVAL);
	CHECK_EQ(sea_shared_length(-1, &is_linked), -EBADF);
}

/* What is mapped behind the end becomes accessible when the file grows. */
static void mappings_see_growth(void)
{
	int file = sea_shared_memory();
	CHECK_EQ(sea_shared_lengthen(file, 4096), 0);
	char *one = sea_shared_map(file, 1 << 20), *other = sea_shared_map(file, 1 << 20);
	CHECK(one && other && one != other);
	CHECK_EQ(sea_shared_lengthen(file, 1 << 20), 0);
	one[(1 << 20) - 1] = 7;
	CHECK_EQ(other[(1 << 20) - 1], 7);
	sea_shared_unmap(one, 1 << 20);
	CHECK(!sea_shared_map(-1, 4096));
}

static void fork_wipes_memory(void)
{
	int status;
	char *memory = sea_shared_private(65536);
	memory[0] = 1;
	if (!sea_shared_wipe_on_fork(memory, 65536))
		test_skip("MADV_WIPEONFORK is refused");
	pid_t child = fork();
	if (!child)
		_exit(memory[0]);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(WEXITSTATUS(status), 0);
	CHECK_EQ(memory[0], 1);
}

static void waits_end(void)
{
	uint32_t word = 5;
	int64_t start = sea_shared_now();
	CHECK_EQ(sea_shared_wait(&word, 4, -1), 0);
	CHECK_EQ(sea_shared_wait(&word, 5, 20000000), -ETIMEDOUT);
	CHECK(sea_shared_now() - start >= 20000000);
	sea_shared_wake(&word, 1);
}

static void events_are_counted(void)
{
	uint64_t count;
	int event = sea_shared_event(), copy = sea_shared_copy(event);
	struct pollfd one = {.fd = event, .events = POLLIN};
	CHECK(event >= 0 && copy >= 0);
	CHECK_EQ(poll(&one, 1, 0), 0);
	sea_shared_signal(copy);
	sea_shared_signal(copy);
	CHECK_EQ(poll(&one, 1, 0), 1);
	CHECK_EQ(read(event, &count, 8), 8);
	CHECK_EQ(count, 2);
}

static const struct test_case cases[] = {
	PASSES(locks_belong_to_open_files), PASSES(death_drops_locks), PASSES(files_have_names_when_they_are_complete),
	PASSES(mappings_see_growth),	    PASSES(fork_wipes_memory), PASSES(waits_end),
	PASSES(events_are_counted),
};

HARNESS_MAIN(cases)
