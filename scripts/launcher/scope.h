/* SPDX-License-Identifier: MIT */
/* scope.h - whose malloc the loader has bound a process's calls to
 *
 * The loader searches the program, then what was preloaded (LD_PRELOAD, then
 * /etc/ld.so.preload), then what they need, breadth first; the first file that defines
 * malloc serves the process.  What dlopen() has added since comes too late.  The order
 * is worked out from the files that the process has mapped: they are the right versions
 * of everything that the names in the files mean.
 */
#ifndef SCOPE_H
#define SCOPE_H

#include "process.h"

struct scope {
	const struct module **module;	/* in the order of the search */
	size_t count;
};

struct scope scope_of(const struct process *process, const struct modules *modules);

/* The file whose malloc is used; NULL: none defines it that we can read. */
const struct module *scope_malloc(const struct scope *scope);

bool scope_has(const struct scope *scope, const struct module *module);

/* What a preload names, one after the other: the entries of LD_PRELOAD (cut at spaces and
 * colons), then those of /etc/ld.so.preload.  NULL behind the last. */
char **scope_preloads(const struct process *process);

#endif
