/* SPDX-License-Identifier: MIT */
/* trace.h - who called: return addresses of a thread
 *
 * Follows the compiler's unwind tables (cfi.h); where there are none, frame pointers.  Reads the
 * stack only where it can be read.  Any thread, any moment; takes no lock and allocates nothing.
 */
#ifndef SEA_TRACE_H
#define SEA_TRACE_H

#include "base/compiler.h"
#include "base/text.h"

/* Enough to show who called through a few layers of a library. */
#define SEA_TRACE_FRAMES 10

struct sea_trace {
	size_t thread;			 /* its id; 0: not known */
	uint32_t nr;			 /* addresses */
	/* innermost first; all but the first are return addresses */
	uintptr_t pc[SEA_TRACE_FRAMES];
	/* pc[0] is an instruction at which the thread was interrupted */
	bool is_interrupted;
};

/* The callers of this library.  Some 2 us. */
void sea_trace_here(struct sea_trace *trace);

/* The same from the registers that a signal handler was given. */
void sea_trace_fault(struct sea_trace *trace, const void *context);

/* Adds a line for each address: file and offset in it.  "seamalloc:   /usr/bin/program+0x1234" */
void sea_trace_put(struct sea_text *text, const struct sea_trace *trace);

#endif
