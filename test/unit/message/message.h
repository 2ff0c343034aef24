/* SPDX-License-Identifier: MIT */
/* message.h - what the tests of message heaps share: peers in processes of their own, and an
 * audit */
#ifndef SEA_TEST_MESSAGE_H
#define SEA_TEST_MESSAGE_H

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "message/message.h"
#include "unit.h"

static struct sea_message_view *heap;

/* A heap without a name. */
__attribute__((unused)) static void make_heap(size_t size, size_t maximum)
{
	CHECK_EQ(sea_message_create(&heap, NULL, size, maximum, 0600), 0);
}

/* Becomes a peer of its own in this process: the view of a file that a parent made. */
__attribute__((unused)) static struct sea_message_view *join_heap(const struct sea_message_view *of)
{
	struct sea_message_view *view;
	CHECK_EQ(sea_message_attach(&view, of->shared_file), 0);
	return view;
}

/* Every byte is free, owned by a peer, or queued once. */
__attribute__((unused)) static void check_sound(struct sea_message_view *view)
{
	CHECK_EQ(sea_message_enter(view), 0);
	CHECK(sea_message_is_sound(view));
	CHECK_EQ(sea_message_leave(view), 0);
}

__attribute__((unused)) static struct sea_message_counts count(struct sea_message_view *view)
{
	struct sea_message_counts counts;
	CHECK_EQ(sea_message_enter(view), 0);
	sea_message_count(view, &counts);
	CHECK_EQ(sea_message_leave(view), 0);
	return counts;
}

__attribute__((unused)) static uint64_t must_alloc(struct sea_message_view *view, size_t size)
{
	uint64_t handle = 0;
	CHECK_EQ(sea_blocks_alloc(view, size, &handle), 0);
	return handle;
}

/* Runs a function in a child, which joins a heap as a peer. */
__attribute__((unused)) static pid_t start_peer_of(struct sea_message_view *parent,
						   void (*run)(struct sea_message_view *view, uint64_t argument),
						   uint64_t argument)
{
	fflush(stdout);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody */
	int file = dup(parent->shared_file);
	sea_message_in_child(parent);
	struct sea_message_view *view;
	int error = sea_message_attach(&view, file);
	if (error)
		_exit(100);
	close(file);
	run(view, argument);
	_exit(0);
}

__attribute__((unused)) static pid_t start_peer(void (*run)(struct sea_message_view *view, uint64_t argument),
						uint64_t argument)
{
	return start_peer_of(heap, run, argument);
}

/* How the child ended: its status, or 1000 and the signal. */
__attribute__((unused)) static int end_of(pid_t child)
{
	int status;
	CHECK_EQ(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

#endif
