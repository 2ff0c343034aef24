/* SPDX-License-Identifier: MIT */
/* start.c - options and fork
 *
 * Our fork handlers must run last before the fork and first after it.  Otherwise a handler of the
 * program runs while we hold our locks, and it may wait for a thread that allocates.
 * Before a fork, handlers run in the reverse order of their registration.  So the first
 * call of the process that reaches us registers ours, or our constructor does, which is the
 * first to run (`-z initfirst`).  If the program has an older handler (we were opened late,
 * or linked from the archive), it runs while we hold everything, and may allocate: lock.h
 * lets the forking thread pass.
 *
 * Order of locks in fork: the C library's list of open streams, then ours by rank.  fork() takes
 * the stream list after it has called our handler, and a thread that holds it may be waiting for
 * us.  So we take it first: it is recursive.
 *
 * With one thread the handlers do nothing: no other thread can be in the middle of its work.  They
 * also do nothing in a thread that holds a lock of ours, or has stopped the heap: there a signal
 * handler forks.
 */
#include <pthread.h>

#include "base/atomic.h"
#include "base/lock.h"
#include "base/sources.h"
#include "base/upward.h"
#include "engines/engine.h"
#include "front/front.h"

extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

static bool has_stream_list(void) { return _IO_list_lock && _IO_list_unlock && _IO_list_resetlock; }

/* Forks by signal handlers that interrupted the thread while it had stopped the heap, for another
 * fork or an account.  Only that thread writes it. */
static unsigned nr_nested;

static void before_fork(void)
{
	if (sea_is_alone() || sea_lock_holds_any())
		return;
	if (unlikely(sea_heap_is_stopped())) {
		nr_nested++;
		return;
	}
	if (has_stream_list())
		_IO_list_lock();
	sea_heap_stop();
}

static void after_fork_in_parent(void)
{
	if (!sea_heap_is_stopped())
		return;
	if (unlikely(nr_nested)) {
		nr_nested--;
		return;
	}
	sea_heap_resume(false);
	if (has_stream_list())
		_IO_list_unlock();
}

/* The C library renews the stream list's lock in the child only if the parent had several
 * threads. */
static void after_fork_in_child(void)
{
	if (!sea_lock_holds_any())
		sea_engine_disown();
	if (!sea_heap_is_stopped())
		return;
	nr_nested = 0;
	sea_heap_resume(true);
	sea_engine_in_child();
	if (has_stream_list())
		_IO_list_resetlock();
}

/* May be called before the C library has found the environment.  Then a later call reads the
 * options. */
void sea_front_start(void)
{
	static uint32_t is_started;
	sea_engine_start(sea_sources_load());
	if (sea_load_relaxed(&is_started) || !sea_swap_if(&is_started, 0, 1))
		return;
	SEA_LEAVES_HERE();
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void sea_front_end(void)
{
	sea_engine_send_waiting();
	sea_engine_audit();
	sea_front_report_end();
}
