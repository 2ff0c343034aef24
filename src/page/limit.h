/* SPDX-License-Identifier: MIT */
/* limit.h - a bound on the memory of the process's heaps
 *
 * The option `limit`, or sea_set_limit(), sets it.  What counts is what may be resident: bytes in
 * use (sea_pages_in_use()) and dirty ones.  A request that would exceed it first purges free
 * pages, then fails.  Then those above give back caches and idle pages and try again, the front
 * asks the program's callback, and at last the program gets NULL.
 */
#ifndef SEA_LIMIT_H
#define SEA_LIMIT_H

#include "base/atomic.h"
#include "base/options.h"

/* Claim: there is a limit. */
SEA_INLINE bool sea_limit_is_set(void) { return unlikely(sea_load_relaxed(&sea_options.limit)); }

/* Claim: so many more bytes may be used.  May purge free pages. */
SEA_COLD bool sea_limit_admits_more(size_t bytes);

SEA_INLINE bool sea_limit_admits(size_t bytes) { return likely(!sea_limit_is_set()) || sea_limit_admits_more(bytes); }

/* What the program is asked when a request of `size` bytes fails: true if it has freed
 * something. */
typedef bool (*sea_limit_callback)(size_t size, void *context);

/* 0: no limit.  The callback may be NULL. */
void sea_limit_set(size_t bytes, sea_limit_callback callback, void *context);

/* Asks the callback, outside of all locks.  False: there is none, or this thread is inside it. */
SEA_COLD bool sea_limit_ask(size_t size);

#endif
