/* SPDX-License-Identifier: MIT */
/* start.c - options and fork (layer 10)
 *
 * Order of locks in fork: the C library's list of open streams, then ours by rank.
 * fork() takes the stream list after it has called our handler; a thread that holds
 * it may be waiting for us.  So we take it first: it is recursive.
 *
 * Handlers that the program registered before us run while we hold everything and
 * may allocate: lock.h lets the forking thread through.
 */
#include <pthread.h>

#include "atomic.h"
#include "engine.h"
#include "front.h"
#include "lock.h"
#include "options.h"

extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

static bool has_stream_list(void) { return _IO_list_lock && _IO_list_unlock && _IO_list_resetlock; }

static void take(struct sea_lock *lock, void *context)
{
	(void)context;
	sea_lock_fork_take(lock);
}

static void drop(struct sea_lock *lock, void *in_child) { sea_lock_fork_drop(lock, in_child != NULL); }

static void before_fork(void)
{
	if (has_stream_list())
		_IO_list_lock();
	sea_engine_each_lock(take, NULL);
	sea_lock_fork_begin();
}

static void after_fork_in_parent(void)
{
	sea_lock_fork_end();
	sea_engine_each_lock(drop, NULL);
	if (has_stream_list())
		_IO_list_unlock();
}

/* The C library makes the stream list's lock anew in the child, but only if the parent
 * had several threads. */
static void after_fork_in_child(void)
{
	static int in_child;
	sea_lock_fork_end();
	sea_engine_each_lock(drop, &in_child);
	sea_engine_in_child();
	if (has_stream_list())
		_IO_list_resetlock();
}

void sea_front_start(void)
{
	static uint32_t is_started;
	if (!sea_swap_if(&is_started, 0, 1))
		return;
	sea_options_load();
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void sea_front_end(void) { sea_engine_settle(); }
