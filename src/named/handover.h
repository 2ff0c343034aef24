/* SPDX-License-Identifier: MIT */
/* handover.h - runs of pages that another process can take over
 *
 *    file (memfd)   |  head  |  pages of the block  |
 *                    owner      offset, length
 *
 * A shared run is a file without a name, mapped here.  Its head says which process has it in its
 * books.  Export unmaps the block and keeps the head; import swaps the owner in the head and maps
 * the block there.  With the swap the run changes books.
 *
 * HO1  A run counts in the books of the process whose token is in its head, and of no other.
 * HO2  Each shared run of a heap has its block and its head mapped, each run in transit its head.
 *      sea_handover_mapped() counts these, and nothing else.
 *
 * The head is in memory that another process can write to: it is read as a number that is ours or
 * is not, and nothing else depends on it.
 */
#ifndef SEA_NAMED_HANDOVER_H
#define SEA_NAMED_HANDOVER_H

#include "named/runs.h"

enum sea_handed { SEA_HANDED, SEA_HANDED_NO_MEMORY, SEA_HANDED_OVER_QUOTA, SEA_HANDED_INVALID, SEA_HANDED_NOT_SHARED };

/* What travels: the block is [offset, offset + length) of the file. */
struct sea_parcel {
	int file;
	size_t offset, length;
};

/* Allocates a block of whole pages that can be exported. */
enum sea_handed sea_handover_alloc(struct sea_named *named, size_t size, char **block);

/* Takes the block from the heap.  The caller owns parcel->file. */
enum sea_handed sea_handover_export(struct sea_named *named, void *block, struct sea_parcel *parcel);

/* Takes a parcel into the heap. */
enum sea_handed sea_handover_import(struct sea_named *named, const struct sea_parcel *parcel, char **block);

/* Bytes that were exported from this process, and that no process has imported yet. */
size_t sea_handover_in_transit(void);

/* Bytes that are mapped here: blocks, and heads of those and of what is in transit. */
struct sea_shared {
	size_t blocks, heads;
};
struct sea_shared sea_handover_mapped(void);

/* Claim: HO2 holds.  No other thread runs. */
bool sea_handover_is_sound(void);

/* Frees a shared run, which the heap does not count any more. */
void sea_handover_release(struct sea_run *run);

/* In the child of a fork: shared runs stay the parent's. */
void sea_handover_in_child(void);

#endif
