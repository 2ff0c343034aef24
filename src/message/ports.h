/* SPDX-License-Identifier: MIT */
/* ports.h - names to which messages are sent, and the queues behind them */
#ifndef SEA_PORTS_H
#define SEA_PORTS_H

#include "message/heap.h"

/* Finds the port of this name, or makes it.  EINVAL: an empty or too long name; ENOSPC: no port is
 * left. */
int sea_ports_find(struct sea_message_view *view, const char *name, unsigned *port);

/* Puts a message of the peer's at the end of the port's queue.  From then on the port owns it and
 * the handle is stale.  One transaction.  EINVAL: no such port; ESTALE. */
int sea_ports_send(struct sea_message_view *view, unsigned port, uint64_t handle);

/* Takes the first message out of the queue: the peer owns it.  One transaction.  Waits for one,
 * timeout_ms at most (negative: no limit; 0: not at all).  EAGAIN: none is there and the timeout
 * is 0; ETIMEDOUT; EINTR: a signal handler ran; EDQUOT. */
int sea_ports_receive(struct sea_message_view *view, unsigned port, int timeout_ms, uint64_t *handle);

/* For event loops.  Announces that somebody will sleep at the port, whether or not messages wait,
 * and notes what `sent` is; then sleeps while it is that. */
int sea_ports_announce(struct sea_message_view *view, unsigned port, uint32_t *sent, bool *has_message);
void sea_ports_sleep(struct sea_message_view *view, unsigned port, uint32_t sent);

/* Claim: there is such a port. */
bool sea_ports_exists(const struct sea_message_view *view, unsigned port);

/* Wakes all that wait at a port. */
void sea_ports_wake(struct sea_message_view *view, unsigned port);

/* Claim: MF2 (format.h) holds for a port with nr queued blocks of so many bytes in the segment.
 * The lock. */
bool sea_ports_is_sound(const struct sea_message_view *view, unsigned port, uint64_t nr, uint64_t bytes);

#endif
