/* SPDX-License-Identifier: MIT */
/* absence.h - why a process does not use seamalloc */
#ifndef ABSENCE_H
#define ABSENCE_H

#include "process.h"
#include "scope.h"

/* One sentence, without its point. */
const char *absence_reason(const struct process *process, const struct modules *modules, const struct scope *scope);

#endif
