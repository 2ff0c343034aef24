/* SPDX-License-Identifier: MIT */
/* events.c - a thread for each watched port, which sleeps as a receiver does
 *
 * A sender is another process and has no access to this one's descriptors.  So a thread of ours
 * sleeps on the port's word and adds to the eventfd when it wakes.  It takes no message.
 *
 * EV1  A watch is in its view's list until its thread has ended.
 */
#include "message/events.h"

#include <errno.h>

#include "base/os.h"
#include "base/shared.h"
#include "message/ports.h"

enum { RUNS, SHALL_END, HAS_ENDED };

/* How long to wait for a thread that was told to end before it is woken again: the wake may have
 * come before it slept. */
#define END_SLICE_NS 1000000

struct sea_message_watch {
	struct sea_message_view *view;
	struct sea_message_watch *next;
	unsigned port;
	int event;	  /* the program's; the thread's is another number of the same */
	int thread_event;
	uint32_t state;
};

/* Hands a watch to the thread that was started for it: under `starting`. */
static uint32_t starting;
static struct sea_message_watch *handed;
static uint32_t is_taken;

static void watch_port(struct sea_message_watch *watch)
{
	uint32_t sent;
	bool has_message;
	if (sea_ports_announce(watch->view, watch->port, &sent, &has_message))
		return;
	if (has_message)
		sea_shared_signal(watch->thread_event);
	while (sea_load_acquire(&watch->state) == RUNS) {
		uint32_t before = sent;
		sea_ports_sleep(watch->view, watch->port, sent);
		if (sea_load_acquire(&watch->state) != RUNS)
			return;
		if (sea_ports_announce(watch->view, watch->port, &sent, &has_message))
			return;
		if (sent != before)
			sea_shared_signal(watch->thread_event);
	}
}

static void run(void)
{
	struct sea_message_watch *watch = handed;
	SEA_ASSERT(watch && watch->state == RUNS);
	sea_store_release(&is_taken, 1);
	sea_shared_wake(&is_taken, 1);
	watch_port(watch);
	sea_store_release(&watch->state, HAS_ENDED);
	sea_shared_wake(&watch->state, 1);
}

static bool start_thread(struct sea_message_watch *watch)
{
	sea_message_mutex_take(&starting);
	handed = watch;
	sea_store_relaxed(&is_taken, 0);
	bool is_started = sea_os_start_thread(run, "sea-msg");
	while (is_started && !sea_load_acquire(&is_taken))
		sea_shared_wait(&is_taken, 0, -1);
	sea_message_mutex_drop(&starting);
	return is_started;
}

static void drop_watch(struct sea_message_watch *watch)
{
	sea_shared_close(watch->event);
	sea_shared_close(watch->thread_event);
	sea_shared_unmap(watch, sizeof(*watch));
}

/* A watch with its two descriptors, or NULL. */
static struct sea_message_watch *make_watch(struct sea_message_view *view, unsigned port)
{
	struct sea_message_watch *watch = sea_shared_private(sizeof(*watch));
	int event = watch ? sea_shared_event() : -1, copy = event < 0 ? -1 : sea_shared_copy(event);
	if (copy >= 0) {
		*watch = (struct sea_message_watch){.view = view, .port = port, .event = event, .thread_event = copy};
		return watch;
	}
	if (event >= 0)
		sea_shared_close(event);
	if (watch)
		sea_shared_unmap(watch, sizeof(*watch));
	return NULL;
}

int sea_events_watch(struct sea_message_view *view, unsigned port, int *event)
{
	if (!sea_message_is_ours(view))
		return ECHILD;
	if (!sea_ports_exists(view, port))
		return EINVAL;
	struct sea_message_watch *watch = make_watch(view, port);
	if (!watch)
		return ENOMEM;
	if (!start_thread(watch)) {
		drop_watch(watch);
		return EAGAIN;
	}
	*event = watch->event;
	sea_message_mutex_take(&view->mutex);
	watch->next = view->watches;
	view->watches = watch;
	sea_message_mutex_drop(&view->mutex);
	return 0;
}

/* EV1.  The swap fails if the thread has ended by itself: the heap is broken. */
static void end_thread(struct sea_message_watch *watch)
{
	if (!sea_swap_if(&watch->state, RUNS, SHALL_END))
		return;
	while (sea_load_acquire(&watch->state) != HAS_ENDED) {
		sea_ports_wake(watch->view, watch->port);
		sea_shared_wait(&watch->state, SHALL_END, END_SLICE_NS);
	}
}

void sea_events_end(struct sea_message_view *view)
{
	while (view->watches) {
		struct sea_message_watch *watch = view->watches;
		view->watches = watch->next;
		end_thread(watch);
		drop_watch(watch);
	}
}

void sea_events_start_anew(void) { sea_store_relaxed(&starting, 0); }

void sea_events_in_child(struct sea_message_view *view)
{
	while (view->watches) {
		struct sea_message_watch *watch = view->watches;
		view->watches = watch->next;
		drop_watch(watch);
	}
}
