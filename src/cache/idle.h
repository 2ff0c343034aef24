/* SPDX-License-Identifier: MIT */
/* idle.h - free memory goes back although the program makes no call (option `idle`)
 *
 *    a slow path sees that memory is free        --> a thread of ours starts, and sleeps
 *    nobody took a slow path for `idle` seconds  --> it gives back all that is free, and ends
 *    the memory is used again before that        --> it ends
 *
 * There is one such thread at most, and none where the option is 0, as it is at first.  It takes no
 * signals, has no thread cache, and is called seamalloc-idle.  Where the system refuses to start
 * one, or does not let it sleep, we do not ask again.  The child of a fork has none until a slow path starts it.
 *
 * What stays is what the program's threads have cached: their caches have no lock.
 */
#ifndef SEA_IDLE_H
#define SEA_IDLE_H

#include "base/options.h"

SEA_COLD void sea_idle_consider(void);

/* At the end of a slow path, when the thread's cache is sound: no lock is held.  May allocate. */
SEA_INLINE void sea_idle_look(void)
{
	if (unlikely(sea_options.idle))
		sea_idle_consider();
}

/* In the child of a fork: no thread of ours is there. */
void sea_idle_in_child(void);

#endif
