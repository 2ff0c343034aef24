/* SPDX-License-Identifier: MIT */
/* events.h - a descriptor that says that a port has messages, for event loops */
#ifndef SEA_EVENTS_H
#define SEA_EVENTS_H

#include "message/heap.h"

/* Starts watching a port; *event becomes readable (an eventfd) after each message, and at once if
 * some wait.  The view closes it.  EAGAIN: the system starts no thread. */
int sea_events_watch(struct sea_message_view *view, unsigned port, int *event);

/* Ends all watching of the view, before it is closed. */
void sea_events_end(struct sea_message_view *view);

/* In the child of a fork, where the threads are not. */
void sea_events_in_child(struct sea_message_view *view);

/* The child of a fork: the thread that was starting one is not there. */
void sea_events_start_anew(void);

#endif
