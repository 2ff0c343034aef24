/* SPDX-License-Identifier: MIT */
/* heap.c - files of heaps: made, opened, left behind, too short, of another version; growth */
#include "message.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/shared.h"

static char name[64], path[SEA_MESSAGE_PATH];

static void remove_file(void) { unlink(path); }

/* A name that no other test has. */
static void choose_name(void)
{
	snprintf(name, sizeof(name), "test-%d", getpid());
	CHECK(sea_message_path(name, path));
	atexit(remove_file);
}

static void make_named(size_t size, size_t maximum)
{
	choose_name();
	CHECK_EQ(sea_message_create(&heap, name, size, maximum, 0640), 0);
}

static void names_are_checked(void)
{
	char longest[300], buffer[SEA_MESSAGE_PATH];
	memset(longest, 'x', sizeof(longest));
	longest[299] = 0;
	CHECK(!sea_message_path(longest, buffer));
	CHECK(!sea_message_path("", buffer));
	CHECK(!sea_message_path("../x", buffer));
	CHECK_EQ(sea_message_create(&heap, "a/b", 64 * KiB, 0, 0600), EINVAL);
	CHECK_EQ(sea_message_open(&heap, "seamalloc-has-no-such-heap"), ENOENT);
	CHECK_EQ(sea_message_unlink("seamalloc-has-no-such-heap"), ENOENT);
	CHECK_EQ(sea_message_create(&heap, NULL, 0, 0, 0600), EINVAL);
	CHECK_EQ(sea_message_create(&heap, NULL, SIZE_MAX, 0, 0600), EINVAL);
}

static void named_heap_is_opened(void)
{
	struct sea_message_view *other;
	struct stat status;
	make_named(64 * KiB, 0);
	CHECK_EQ(stat(path, &status), 0);
	CHECK_EQ(status.st_mode & 0777 & ~0640, 0);
	CHECK_EQ(sea_message_open(&other, name), 0);
	CHECK_EQ(count(other).nr_peers, 2);
	CHECK_EQ(sea_message_create(&other, name, 64 * KiB, 0, 0600), EEXIST);
	CHECK_EQ(sea_message_clean(path), EBUSY);
	CHECK_EQ(sea_message_unlink(name), 0);
	CHECK_EQ(sea_message_open(&other, name), ENOENT);
	must_alloc(heap, 100);
	check_sound(heap);
}

static void send_two_and_die(struct sea_message_view *view, uint64_t argument)
{
	unsigned port;
	sea_ports_find(view, "in", &port);
	for (uint64_t i = 0; i < argument; i++) {
		must_alloc(view, 5000);
		sea_ports_send(view, port, must_alloc(view, 100));
	}
	kill(getpid(), SIGKILL);
}

static void left_heap_is_opened_or_replaced(void)
{
	unsigned port;
	uint64_t handle;
	make_named(64 * KiB, 0);
	pid_t child = start_peer(send_two_and_die, 2);
	CHECK_EQ(end_of(child), 1000 + SIGKILL);
	sea_message_close(heap);
	CHECK_EQ(sea_message_open(&heap, name), 0);
	CHECK_EQ(sea_ports_find(heap, "in", &port), 0);
	CHECK_EQ(sea_ports_receive(heap, port, 0, &handle), 0);
	CHECK_EQ(sea_ports_receive(heap, port, 0, &handle), 0);
	unsigned nr_dead;
	CHECK_EQ(sea_peers_reclaim(heap, &nr_dead), 0);
	CHECK_EQ(nr_dead, 1);
	check_sound(heap);
	CHECK_EQ(count(heap).nr_live, 2);
	sea_message_close(heap);
	CHECK_EQ(sea_message_create(&heap, name, 64 * KiB, 0, 0600), 0);
	CHECK_EQ(count(heap).nr_ports, 0);
	sea_message_close(heap);
	CHECK_EQ(sea_message_clean(path), 0);
	CHECK_EQ(access(path, F_OK), -1);
}

static void file_cannot_be_shortened(void)
{
	make_heap(64 * KiB, 0);
	CHECK_EQ(ftruncate(heap->shared_file, 4096), -1);
	CHECK_EQ(errno, EPERM);
}

static void short_file_is_an_error(void)
{
	struct sea_message_view *other;
	make_named(64 * KiB, 0);
	struct stat status;
	CHECK_EQ(stat(path, &status), 0);
	sea_message_close(heap);
	size_t lengths[] = {0, 100, SEA_MESSAGE_HEADER - 1, SEA_MESSAGE_HEADER + 4096, (size_t)status.st_size - 4096};
	for (size_t i = NR(lengths); i-- > 0;) {
		CHECK_EQ(truncate(path, (off_t)lengths[i]), 0);
		CHECK_EQ(sea_message_open(&other, name), EBADMSG);
	}
}

/* Writes a word into the file of the closed heap, expects an error, and restores it. */
static void expect_refused(size_t at, uint64_t value, int error)
{
	struct sea_message_view *other;
	uint64_t before;
	int file = open(path, O_RDWR);
	CHECK_EQ(pread(file, &before, 8, (off_t)at), 8);
	CHECK_EQ(pwrite(file, &value, 8, (off_t)at), 8);
	CHECK_EQ(sea_message_open(&other, name), error);
	CHECK_EQ(pwrite(file, &before, 8, (off_t)at), 8);
	close(file);
}

static void wrong_header_is_an_error(void)
{
	make_named(64 * KiB, 0);
	sea_message_close(heap);
	expect_refused(0, 1, EBADMSG);
	expect_refused(8, 2, EPROTONOSUPPORT);
	expect_refused(16, 4096, EBADMSG);
	expect_refused(16, (uint64_t)1 << 50, EBADMSG);
	expect_refused(SEA_MESSAGE_HEADER, 1, EBADMSG);
	expect_refused(SEA_MESSAGE_HEADER + 16, SIZE_MAX, EBADMSG);
	expect_refused(SEA_MESSAGE_HEADER + 24, SIZE_MAX, EBADMSG);
	expect_refused(SEA_MESSAGE_HEADER + 24, 1000000, EBADMSG);
	CHECK_EQ(sea_message_open(&heap, name), 0);
	check_sound(heap);
}

static void not_a_heap_is_an_error(void)
{
	struct sea_message_view *other;
	choose_name();
	CHECK_EQ(symlink("/etc/passwd", path), 0);
	CHECK_EQ(sea_message_open(&other, name), ELOOP);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK_EQ(sea_message_open(&other, name), EINVAL);
	CHECK_EQ(sea_message_attach(&other, 1000000), ENOENT);
}

static void alloc_much(struct sea_message_view *view, uint64_t nr)
{
	while (nr--)
		memset(sea_blocks_address(view, must_alloc(view, 50000)), 1, 50000);
}

/* Each of two peers sees what the other's growth has added. */
static void heap_grows_for_all(void)
{
	make_heap(64 * KiB, 2 * MiB);
	size_t length = count(heap).length;
	struct sea_message_view *other = join_heap(heap);
	char *first = sea_blocks_address(heap, must_alloc(heap, 100));
	for (int i = 0; i < 10; i++) {
		alloc_much(i % 2 ? heap : other, 2);
		check_sound(heap);
		check_sound(other);
	}
	CHECK(count(heap).length > length + 900000);
	CHECK_EQ(count(heap).length, count(other).length);
	*first = 1;
	CHECK_EQ(end_of(start_peer(alloc_much, 10)), 0);
	check_sound(heap);
}

static void growth_ends_at_the_maximum(void)
{
	make_heap(16 * KiB, 300 * KiB);
	uint64_t handle;
	size_t nr = 0;
	int error;
	while (!(error = sea_blocks_alloc(heap, 1000 - 16, &handle)))
		nr++;
	CHECK_EQ(error, ENOSPC);
	CHECK(nr >= 300 && nr < 330);
	CHECK_EQ(sea_blocks_alloc(heap, (size_t)1 << 40, &handle), ENOSPC);
	CHECK_EQ(sea_blocks_alloc(heap, SIZE_MAX, &handle), ENOSPC);
	check_sound(heap);
	struct sea_message_counts counts = count(heap);
	CHECK(counts.length <= counts.maximum);
}

static void die_in_fork(struct sea_message_view *view, uint64_t argument)
{
	(void)argument;
	must_alloc(view, 100);
	int pipe_ends[2];
	CHECK_EQ(pipe(pipe_ends), 0);
	pid_t child = fork();
	if (!child) {
		uint64_t handle;
		CHECK_EQ(sea_blocks_alloc(view, 100, &handle), ECHILD);
		CHECK(!sea_blocks_address(view, handle));
		CHECK_EQ(sea_message_enter(view), ECHILD);
		sea_message_in_child(view);
		CHECK_EQ(write(pipe_ends[1], "x", 1), 1);
		pause();
	}
	char byte;
	CHECK_EQ(read(pipe_ends[0], &byte, 1), 1);
	printf("%d\n", child);
	fflush(stdout);
	kill(getpid(), SIGKILL);
}

/* A peer dies while a child that it forked lives. */
static void death_is_seen_although_a_child_lives(void)
{
	int pipe_ends[2], saved = dup(STDOUT_FILENO);
	char text[32] = "";
	make_heap(64 * KiB, 0);
	CHECK_EQ(pipe(pipe_ends), 0);
	dup2(pipe_ends[1], STDOUT_FILENO);
	pid_t peer = start_peer(die_in_fork, 0);
	CHECK_EQ(end_of(peer), 1000 + SIGKILL);
	dup2(saved, STDOUT_FILENO);
	CHECK(read(pipe_ends[0], text, sizeof(text) - 1) > 0);
	unsigned nr_dead;
	CHECK_EQ(sea_peers_reclaim(heap, &nr_dead), 0);
	kill(atoi(text), SIGKILL);
	CHECK_EQ(nr_dead, 1);
	CHECK_EQ(count(heap).nr_live, 0);
}

static void hold_and_stop(struct sea_message_view *view, uint64_t argument)
{
	(void)argument;
	sea_message_enter(view);
	raise(SIGSTOP);
	sea_message_leave(view);
}

/* A living holder keeps the lock: nobody takes it over, and nobody waits forever. */
static void stopped_holder_keeps_the_lock(void)
{
	int status;
	make_heap(64 * KiB, 0);
	pid_t peer = start_peer(hold_and_stop, 0);
	CHECK_EQ(waitpid(peer, &status, WUNTRACED), peer);
	CHECK(WIFSTOPPED(status));
	heap->patience_ns = 30000000;
	CHECK_EQ(sea_message_enter(heap), ETIMEDOUT);
	kill(peer, SIGCONT);
	CHECK_EQ(end_of(peer), 0);
	check_sound(heap);
}

static void number_of_peers_is_limited(void)
{
	static struct sea_message_view *views[SEA_MESSAGE_PEERS];
	struct sea_message_view *other;
	make_heap(64 * KiB, 0);
	for (unsigned i = 1; i < SEA_MESSAGE_PEERS; i++)
		views[i] = join_heap(heap);
	CHECK_EQ(sea_message_attach(&other, heap->shared_file), EUSERS);
	sea_message_close(views[50]);
	CHECK_EQ(join_heap(heap)->peer, 50);
	check_sound(heap);
}

static const struct test_case cases[] = {
	PASSES(names_are_checked),	    PASSES(named_heap_is_opened),	 PASSES(left_heap_is_opened_or_replaced),
	PASSES(file_cannot_be_shortened),   PASSES(short_file_is_an_error),	 PASSES(wrong_header_is_an_error),
	PASSES(not_a_heap_is_an_error),	    PASSES(heap_grows_for_all),		 PASSES(growth_ends_at_the_maximum),
	PASSES(death_is_seen_although_a_child_lives), PASSES(stopped_holder_keeps_the_lock),
	PASSES(number_of_peers_is_limited),
};

HARNESS_MAIN(cases)
