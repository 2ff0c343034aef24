/* SPDX-License-Identifier: MIT */
/* upward.h - the two calls that go from below to above */
#ifndef SEA_UPWARD_H
#define SEA_UPWARD_H

/* The front's: a thread is about to allocate for the first time.  Options are read
 * and fork handlers registered, each once.  No lock of ours is held. */
void sea_front_start(void);

/* The engine's: the calling thread is ending the process.  Its fast paths serve
 * nothing from now on. */
void sea_engine_retreat(void);

#endif
