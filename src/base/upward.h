/* SPDX-License-Identifier: MIT */
/* upward.h - the two calls from a lower room into a higher one */
#ifndef SEA_UPWARD_H
#define SEA_UPWARD_H

/* In front/: a thread is about to allocate for the first time.  Reads options and registers fork
 * handlers, each once.  The caller holds no lock. */
void sea_front_start(void);

/* In the engine: the calling thread is ending the process.  From now on its fast paths serve
 * nothing. */
void sea_engine_retreat(void);

#endif
