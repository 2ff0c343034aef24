/* SPDX-License-Identifier: MIT */
/* memory.h - what a benchmark reports of memory
 *
 *   peak_live_bytes   most bytes asked for and live at once, by its own count
 *   peak_rss_bytes    most memory that the process ever had (VmHWM)
 *   base_rss_bytes    what it had before its first block: program, libraries, tables
 *
 * (peak_rss_bytes - base_rss_bytes) / peak_live_bytes is fragmentation and overhead.  The
 * figures are of the process: they are meant for a process that runs one benchmark.
 */
#ifndef BENCH_MICRO_MEMORY_H
#define BENCH_MICRO_MEMORY_H

#include "shim.h"

/* Notes base_rss_bytes, once: in the hook that sets up, when its tables are filled. */
void memory_note_base(void);

/* Sets the counters; every thread calls it after its loop with its own live bytes.  Of a
 * small live set peak_live_bytes is left out: the ratio would say nothing. */
void memory_report(struct bench_state *state, uint64_t peak_live);

/* Live bytes and their peak. */
struct live_bytes {
	uint64_t now, peak;
};

static inline void live_grow(struct live_bytes *live, uint64_t bytes)
{
	live->now += bytes;
	if (live->now > live->peak)
		live->peak = live->now;
}

static inline void live_shrink(struct live_bytes *live, uint64_t bytes)
{
	live->now -= bytes;
}

#endif
