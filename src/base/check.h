/* SPDX-License-Identifier: MIT */
/* check.h - our mistakes and the caller's
 *
 * SEA_CHECK   always on, O(1): an invariant that the program can break by corrupting memory.
 *             Ends the process.
 * SEA_ASSERT  debug builds only, O(1).
 * SEA_AUDIT   debug builds only: walks a whole structure.
 */
#ifndef SEA_CHECK_H
#define SEA_CHECK_H

#include "base/compiler.h"

#ifndef SEA_DEBUG
#define SEA_DEBUG 0
#endif
#ifndef SEA_AUDITS /* tests that make very many small runs have asserts, but walk less often */
#define SEA_AUDITS SEA_DEBUG
#endif

/* Prints one line on standard error, "seamalloc: WHAT: TEXT", then calls abort().  Does not
 * allocate, takes no lock, and drops the locks that the thread holds. */
SEA_COLD _Noreturn void sea_fatal(const char *what, const char *text);

/* The same for a block: "seamalloc: VERB of 0xADDRESS: TEXT".  Up to two %z in `text` are replaced
 * by the numbers in decimal. */
SEA_COLD _Noreturn void sea_fatal_block(const char *verb, const void *block, const char *text, size_t first,
					size_t second);

/* The same for a pointer to no memory of this heap, and for one that leads `offset` bytes behind
 * the start of a block of `size` bytes. */
SEA_COLD _Noreturn void sea_fatal_foreign(const char *verb, const void *block);
SEA_COLD _Noreturn void sea_fatal_inside(const char *verb, const void *block, size_t offset, size_t size);

/* Ends the process after a report that was made in another way: abort(), as the two above. */
SEA_COLD _Noreturn void sea_fatal_end(void);

/* Prints one line on standard error, "seamalloc: WHAT: TEXT".  The process goes on. */
SEA_COLD void sea_warn(const char *what, const char *text);

SEA_COLD _Noreturn void sea_check_failed(const char *claim, const char *file, int line);

#define SEA_CHECK(claim)                                                                           \
	do {                                                                                       \
		if (unlikely(!(claim)))                                                            \
			sea_check_failed(#claim, __FILE__, __LINE__);                              \
	} while (0)

#define SEA_ASSERT(claim)                                                                          \
	do {                                                                                       \
		if (SEA_DEBUG && unlikely(!(claim)))                                               \
			sea_check_failed(#claim, __FILE__, __LINE__);                              \
	} while (0)

#define SEA_AUDIT(walk)                                                                            \
	do {                                                                                       \
		if (SEA_AUDITS)                                                                    \
			walk;                                                                      \
	} while (0)

#endif
