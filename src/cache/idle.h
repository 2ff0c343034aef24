/* SPDX-License-Identifier: MIT */
/* idle.h - free memory is purged although the program makes no call (option `idle`)
 *
 *    a slow path sees free memory                --> a thread of ours starts, and sleeps
 *    no slow path was taken for `idle` seconds   --> it purges all that is free, and ends
 *    the memory is used again before that        --> it ends
 *
 * At most one such thread exists.  With option 0, the default, none does.  It takes no signals, has
 * no thread cache, and is called seamalloc-idle.  If the system refuses to start it, or does not let
 * it sleep, we do not try again.  After a fork the child has none until a slow path starts it.
 *
 * What the program's threads have cached stays: their caches have no lock.
 */
#ifndef SEA_IDLE_H
#define SEA_IDLE_H

#include "base/options.h"

SEA_COLD void sea_idle_consider(void);

/* For the end of a slow path, when the thread's cache is sound.  No lock is held.  May allocate. */
SEA_INLINE void sea_idle_look(void)
{
	if (unlikely(sea_options.idle))
		sea_idle_consider();
}

/* In the child of a fork this thread does not exist. */
void sea_idle_in_child(void);

#endif
