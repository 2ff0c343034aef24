/* SPDX-License-Identifier: MIT */
/* step.h - how much one call does for others
 *
 * Work that has no bound is done in steps.  A thread makes one step and goes on with its own; the
 * next thread continues.  A step takes 10 to 50 us, whichever of these bounds it reaches first;
 * purging by one system call may take 200 us where processors wait for each other.
 */
#ifndef SEA_STEP_H
#define SEA_STEP_H

#include "base/compiler.h"

/* Things looked at, a cache miss each: 20 to 60 ns. */
#define SEA_STEP_LOOKS 64
/* System calls, 1 to 8 us each. */
#define SEA_STEP_CALLS 4
/* Ranges whose memory is purged: by one system call where the kernel takes several (page/arena.c),
 * else by as many calls as there is time for.  Two threads that free 512 MiB in random order: a
 * free takes 2.9 to 3.1 us with 32, 3.2 to 3.6 with 16 (four runs each). */
#define SEA_STEP_RANGES 32
/* Pages purged: a zone of 4 KiB pages.  A call takes 0.1 to 0.5 us for each page. */
#define SEA_STEP_PAGES 256
/* After so long a step makes no further system call.  Under a hypervisor a page may take 30 us
 * (sea_arena_empty() in page/arena.c). */
#define SEA_STEP_US 20

/* How often a thread that cannot come again yields while another thread makes its step. */
#define SEA_STEP_YIELDS 100

/* A search in a list for something better than the first looks at so many: each waits for the miss
 * before it. */
#define SEA_SEARCH_DEPTH 8

#endif
