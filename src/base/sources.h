/* SPDX-License-Identifier: MIT */
/* sources.h - where settings come from
 *
 *    /etc/seamalloc.conf, or the file that SEAMALLOC_CONF_FILE names
 *    seamalloc_conf, a string of the program's
 *    MALLOC_ARENA_MAX, MALLOC_TRIM_THRESHOLD_        as glibc has them
 *    SEAMALLOC_CONF
 *
 * The later wins.  A process that must not trust its environment (setuid) has the program's
 * string only.
 */
#ifndef SEA_SOURCES_H
#define SEA_SOURCES_H

#include "base/compiler.h"

/* Reads all of them the first time it is called when there is an environment; until then the
 * defaults hold. */
void sea_sources_load(void);

#endif
