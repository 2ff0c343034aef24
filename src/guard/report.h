/* SPDX-License-Identifier: MIT */
/* report.h - what went wrong with a guarded block, in plain sentences */
#ifndef SEA_GUARD_REPORT_H
#define SEA_GUARD_REPORT_H

#include "base/context.h"
#include "guard/place.h"

/* An access to `address` by the instruction at which `context` stands.  Reports and returns.  The
 * second of two threads that report waits for the end of the process. */
void sea_report_access(const struct sea_guard_place *place, const void *address, const void *context);

/* The program frees, resizes or asks about `block`, which is no live block but belongs to the
 * place.  Ends the process. */
_Noreturn void sea_report_mistake(const struct sea_guard_place *place, const char *verb, const void *block);

/* The program frees the block, and the byte at `changed` beside it was written to.  Ends the
 * process. */
_Noreturn void sea_report_changed(const struct sea_guard_place *place, const char *changed);

#endif
