/* SPDX-License-Identifier: MIT */
/* secure.h - hardened mode: the door of its room
 *
 * In this mode the thread caches stay empty and the seam map has no bits, so that each call of the
 * fast paths ends in its slow path, and that comes here.  The common fast paths have no
 * instruction for it.  docs/security.md says what the mode finds.
 */
#ifndef SEA_SECURE_H
#define SEA_SECURE_H

#include "base/atomic.h"
#include "base/kind.h"

struct sea_stats;

/* Before the options are read nobody knows. */
enum sea_secure_state { SEA_SECURE_UNKNOWN, SEA_SECURE_OFF, SEA_SECURE_ON };
extern SEA_HIDDEN uint32_t sea_secure_state; /* enum sea_secure_state */

SEA_INLINE bool sea_secure_is_on(void) { return unlikely(sea_load_acquire(&sea_secure_state) == SEA_SECURE_ON); }

/* Claim: an allocation must ask sea_secure_settle() first. */
SEA_INLINE bool sea_secure_may_be_on(void) { return unlikely(sea_load_acquire(&sea_secure_state) != SEA_SECURE_OFF); }

/* Decides, once, as soon as all options have been read. */
void sea_secure_start(bool options_are_read);

/* Claim: the mode is on.  Reads the options if they can be read. */
bool sea_secure_settle(void);

/* Allocates; the memory reads as zero if *zeroed is set.  NULL: out of memory. */
void *sea_secure_alloc(size_t align, size_t size, enum sea_kind kind, bool *zeroed);

/* sea_secure_alloc() for malloc: the commonest sizes first. */
void *sea_secure_malloc(size_t size);

/* Frees a block, or ends the process.  False: the block is from before the mode. */
bool sea_secure_free(void *block, enum sea_kind kind, size_t size);

/* *size: the bytes that were asked for.  False: the block is from before the mode.  Ends the
 * process if it is no live block. */
bool sea_secure_find(const char *verb, const void *block, size_t *size);

/* Claim: the live block is one of the mode, not from before it or from emergency.h. */
bool sea_secure_has(const void *block);

/* Makes a block `size` bytes long.  *resized: where it is then; NULL: out of memory.  False: the
 * block is from before the mode.  Ends the process if it is no live block. */
bool sea_secure_resize(void *block, size_t size, void **resized);

/* The same in place.  False: it cannot. */
bool sea_secure_expand(void *block, size_t size);

/* Says what a pointer is and ends the process. */
SEA_COLD _Noreturn void sea_secure_mistake(const char *verb, const void *block);

/* Looks at the seals of all blocks.  Ends the process if the bytes around one were written to.
 * Cost: 10 ns for each small block, until `most` are seen. */
void sea_secure_audit(size_t most);

/* Gives free runs back, and purges free cells; free pages are the caller's work.  Returns the
 * bytes purged. */
size_t sea_secure_trim(void);

/* What an address is for an account: false if it is in no tract.  *used: bytes in cells that the
 * slabs gave out; *free, *purged: the rest of the tract. */
bool sea_secure_count_tract(const void *run, size_t *used, size_t *free, size_t *purged);

/* What is in runs, in bytes.  Exact if no thread runs. */
struct sea_secure_sums {
	size_t nr_threads;
	size_t live;   /* in live blocks, as they were asked for */
	size_t kept;   /* in cells that are ready or held back */
	size_t closed; /* in pages without access or memory */
};
struct sea_secure_sums sea_secure_sum(void);

void sea_secure_in_child(void);
void sea_secure_retreat(void);
bool sea_secure_is_sound(void);

#endif
