/* SPDX-License-Identifier: MIT */
/* forked.h - the queues of zones in the child of a fork */
#ifndef SEA_FORKED_H
#define SEA_FORKED_H

/* A thread that sends a chunk sets bits in its zone, then says that the zone is queued, then
 * queues it.  If the process forked in between, that thread does not exist in the child: the
 * zone would not be queued ever again.  This makes the queues of the threads' shards anew from
 * what is pending.  (Chunks of a heap object are sent under its lock, which the fork has
 * taken; or the heap has one thread, and the program orders its calls.)  No other thread runs.
 * Cost: 1 to 3 us a zone. */
void sea_forked_requeue(void);

#endif
