/* SPDX-License-Identifier: MIT */
/* sources.h - where settings come from
 *
 *    /etc/seamalloc.conf, or the file that SEAMALLOC_CONF_FILE names
 *    seamalloc_conf, a string of the program
 *    MALLOC_ARENA_MAX, MALLOC_TRIM_THRESHOLD_        as in glibc
 *    SEAMALLOC_CONF
 *
 * A later one overrides an earlier one.  A process that must not trust its environment (setuid)
 * uses only the program's string.
 */
#ifndef SEA_SOURCES_H
#define SEA_SOURCES_H

#include "base/compiler.h"

/* Reads all of them at the first call at which the environment is known.  Until then the defaults
 * are used.  True: they are read; false: not yet, or another thread is at it. */
bool sea_sources_load(void);

#endif
