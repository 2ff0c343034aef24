/* SPDX-License-Identifier: MIT */
/* idle.h - free memory is purged although the program makes no call (option `idle`)
 *
 *    an allocation finds that the heap has 4 MiB  --> a thread of ours starts
 *    nobody took a slow path for `idle` seconds   --> it merges and purges all that is free
 *    the heap has less than 4 MiB                 --> it ends
 *
 * There is one such thread at most, and none if the option is 0, as it is by default.  It takes no
 * signals, has no thread cache, and is called seamalloc-idle.  If the system refuses to start one,
 * or to let it sleep, we do not ask again.  The child of a fork has none until it allocates.
 *
 * An allocation starts it, never a free: the C library frees the memory of threads that have ended
 * while it holds the lock that pthread_create() takes.
 *
 * What the program's threads have cached stays: their caches have no lock.
 */
#ifndef SEA_IDLE_H
#define SEA_IDLE_H

#include "base/options.h"

SEA_COLD void sea_idle_consider(void);

/* At the end of an allocation by the slow path, when the thread's cache is sound.  No lock
 * is held.  May allocate. */
SEA_INLINE void sea_idle_look(void)
{
	if (unlikely(sea_options.idle))
		sea_idle_consider();
}

/* In the child of a fork this thread does not exist. */
void sea_idle_in_child(void);

#endif
