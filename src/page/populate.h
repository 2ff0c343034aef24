/* SPDX-License-Identifier: MIT */
/* populate.h - memory for pages that are about to be written to, many by one system call
 *
 *    page by page    a trap for each: 1.5 us, or 15 to 18 where a hypervisor intercepts it
 *    populated       16 pages by one call: 1.0 to 1.3 us a page on both machines
 *
 * Pages that are populated and not handed out yet are hollow (arena.h).
 */
#ifndef SEA_POPULATE_H
#define SEA_POPULATE_H

#include <stddef.h>

/* The bytes [from, to) of a run are about to be written to, and the caller owns them.  Their pages
 * are touched, but have no memory yet.  Gives memory to the first `most` bytes from `from` on, as
 * far as the process has grown enough for it (populate.c).  What lies behind `to` is included as
 * far as nobody has touched it: the next chunks come from there.  The caller holds no lock. */
void sea_pages_populate(const char *from, const char *to, size_t most);

/* Copies bytes to the start of a run that its owner has not touched yet, and populates the pages
 * without memory before. */
void sea_pages_fill(char *to, const char *from, size_t bytes);

#endif
