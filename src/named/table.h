/* SPDX-License-Identifier: MIT */
/* table.h - heaps as objects: what one is, and how a handle leads to it
 *
 *    handle     generation | index          the program has it; it is no address
 *                              |
 *    entries        [ . | * | . ]           a struct for each index, kept and used again
 *                         |
 *    sea_named      lock, bins, shard       or a plot in memory that the program brought
 *
 * NA1  entries[i]->handle is the handle of the heap that has the entry now, or, if none has it, a
 *      number that leads to another entry.  No handle is given out twice.  So an old handle is
 *      noticed.
 * NA2  is_inside is set while a thread that holds the lock allocates or frees.  (The fast paths do
 *      not set it.)
 * NA3  drawn is the sum of the usable bytes of the blocks that the program holds and of the chunks
 *      in a bin; nr_drawn is how many these are.  drawn <= quota.
 * NA4  The owner of the heap's shard, and so of each of its zones, is the handle.
 * NA5  An entry that no heap has is in the list of unused ones.  sea_named_nr counts the others.
 *
 * The lock of a heap protects all of it but what says otherwise.  A heap with `one_thread` takes
 * no lock: the program orders all calls for it.
 */
#ifndef SEA_NAMED_TABLE_H
#define SEA_NAMED_TABLE_H

#include "heap/apart.h"

#define SEA_MAX_NAMED SEA_MAX_APART
/* Bytes of a name, the 0 at its end included. */
#define SEA_NAME_ROOM 32

struct sea_run;
struct sea_plot;

struct sea_named {
	uint64_t handle;      /* NA1; atomic */
	size_t drawn, nr_drawn; /* NA3 */
	size_t quota;	      /* bytes */
	uint32_t one_thread;
	uint32_t is_inside;   /* NA2; atomic */
	struct sea_link *head[SEA_NR_CLASSES]; /* bins.h */
	char *cur[SEA_NR_CLASSES], *end[SEA_NR_CLASSES];
	int32_t room[SEA_NR_CLASSES]; /* NB1 */
	uint32_t nr_refilled[SEA_NR_CLASSES]; /* chunks that refills have brought */
	struct sea_lock lock;
	struct sea_run *runs;	 /* large blocks (runs.h) */
	struct sea_plot *plot; /* where all blocks are, or NULL: in zones and runs */
	uint32_t index;
	uint32_t generation;	 /* of the last handle; index lock */
	struct sea_named *next;	 /* unused entries; index lock */
	char name[SEA_NAME_ROOM]; /* index lock to write */
	struct sea_shard shard;
};

extern SEA_HIDDEN struct sea_named *sea_named_entries[SEA_MAX_NAMED]; /* atomic */
extern SEA_HIDDEN uint32_t sea_named_nr; /* heaps that exist now; atomic */

/* The lock of rank SEA_RANK_INDEX: entries, names, the index of runs and of plots. */
extern SEA_HIDDEN struct sea_lock sea_named_lock;

#define SEA_HANDLE_INDEX_BITS 12
_Static_assert(1 << SEA_HANDLE_INDEX_BITS == SEA_MAX_NAMED, "an index has so many bits");

/* The heap of a handle, or NULL. */
SEA_INLINE struct sea_named *sea_named_at(uint64_t handle)
{
	struct sea_named *named = sea_load_acquire(&sea_named_entries[handle % SEA_MAX_NAMED]);
	return likely(named && sea_load_relaxed(&named->handle) == handle) ? named : NULL;
}

/* Claim: a heap has the entry. */
SEA_INLINE bool sea_named_exists(const struct sea_named *named)
{
	return sea_load_relaxed(&named->handle) >= SEA_MAX_NAMED;
}

/* Claim: some heap exists.  Cheap. */
SEA_INLINE bool sea_named_any(void) { return unlikely(sea_load_relaxed(&sea_named_nr)); }

struct sea_named_options {
	size_t quota; /* SIZE_MAX: none */
	bool one_thread;
};

/* Makes a heap.  `name` is cut to SEA_NAME_ROOM - 1 bytes.  NULL: out of memory, or there are
 * SEA_MAX_NAMED heaps. */
struct sea_named *sea_named_create(const char *name, struct sea_named_options options);

/* The handle becomes invalid, then end(named) is called with the lock held, and then the entry
 * may be used again.  Ends the process if another thread is allocating or freeing there, or if
 * the handle is invalid. */
void sea_named_retire(uint64_t handle, const char *verb, void (*end)(struct sea_named *named));

/* Takes the lock and notes that the thread is inside.  Ends the process if the handle is
 * invalid. */
struct sea_named *sea_named_enter(uint64_t handle, const char *verb);
void sea_named_leave(struct sea_named *named);

/* The same for the heap of a block. */
void sea_named_enter_of_block(struct sea_named *named, const char *verb, const void *block);

/* The handle of the next heap at or behind index *at, and its name; false: there is none. */
bool sea_named_next(unsigned *at, uint64_t *handle, char name[SEA_NAME_ROOM]);

/* Claim: NA1 and NA5 hold.  No heap is being made or destroyed. */
bool sea_named_table_is_sound(void);

/* Reports a handle that is no heap's, and ends the process. */
SEA_COLD _Noreturn void sea_named_no_heap(const char *verb, uint64_t handle);

#endif
