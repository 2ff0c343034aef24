/* SPDX-License-Identifier: MIT */
/* seamalloc_heap.h - heaps as objects
 *
 * A heap has a name, blocks of its own, and an end: sea_heap_destroy() frees all of its blocks at
 * once.  A server has one for each request, a parser one for each document; a heap can also lie in
 * memory that the program brings, such as a mapped file.
 *
 * For all functions:
 *   - Thread safety: any thread may call any of them at any time, and fork is safe, unless the
 *     heap was made with SEA_HEAP_ONE_THREAD.  None is async-signal-safe.  A lock in each heap
 *     orders the calls for it: threads that use different heaps do not wait for each other.
 *   - Blocks are aligned to 16 bytes or more.  A block of size 0 has an address of its own.
 *   - free(), realloc() and malloc_usable_size() work with blocks of a heap, too: realloc() leaves
 *     a block in its heap.  The names sea_heap_... are faster.
 *   - Errors: NULL or -1, and errno; nothing is changed.
 *   - A mistake of the program ends the process: one sentence on standard error, then abort().
 *     Mistakes are: a heap that was destroyed, a heap that is destroyed while another thread
 *     allocates or frees in it, a block of another heap, a block that was freed already.
 *   - Hardened mode and guarded blocks (docs/security.md) are for blocks of malloc(), not for
 *     these.
 *   - Cost is for a 64-bit x86; docs/heaps.md has measurements.
 *
 * These functions are in libseamalloc.so and libseamalloc.a, and not in the libraries of the
 * textbook engines.
 */
#ifndef SEAMALLOC_HEAP_H
#define SEAMALLOC_HEAP_H

#include "seamalloc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A handle, not an address.  The process never sees the same one twice, so the use of a heap that
 * was destroyed is noticed. */
typedef struct sea_heap sea_heap;

/* A range of addresses and who has it.  Labels are cut to 14 bytes. */
struct sea_heap_range {
	void *base;
	size_t length; /* bytes */
	const char *label;
};

/* Only one thread at a time calls functions for this heap, free() and realloc() of its blocks
 * included; the program sees to it.  Then no lock is taken.  While one thread is in such a call,
 * no other thread forks a child that uses this heap. */
#define SEA_HEAP_ONE_THREAD 1u

/* Zeros are the defaults.  NULL stands for them, too. */
struct sea_heap_options {
	/* bytes that live blocks may have at most, at their usable size; 0: no quota */
	size_t quota;
	unsigned flags;	  /* SEA_HEAP_... */
	unsigned nr_occupied;
	const struct sea_heap_range *occupied; /* sea_heap_create_in(): never touched */
	const char *name; /* sea_heap_create_in(); NULL: "" */
};

/* --- a heap's life ---------------------------------------------------------------------- */

/* Makes a heap.  `name` is cut to 31 bytes and need not be unique.  EINVAL: an unknown flag, or
 * ranges are occupied.  ENOMEM: out of memory, or there are 4096 heaps.  Cost: a microsecond with
 * the destroy, and two more if it had a block: the first takes a zone of 1 MiB of addresses, of
 * which only what is used has memory. */
SEA_API sea_heap *sea_heap_create(const char *name, const struct sea_heap_options *options);

/* Frees all blocks; the heap can be used on.  Nobody may use one of its blocks after that.  Cost:
 * some 2 us for each zone of 1 MiB, and what the page allocator does; it does not depend on the
 * number of blocks. */
SEA_API void sea_heap_reset(sea_heap *heap);

/* Ends the heap and frees all of its blocks.  Cost: as a reset.  In brought memory the contents
 * are lost; sea_heap_close() keeps them. */
SEA_API void sea_heap_destroy(sea_heap *heap);

/* --- blocks -------------------------------------------------------------------------------- */

/* As their relatives in seamalloc.h.  ENOMEM: out of memory, or beyond the quota.  EINVAL (aligned
 * only): no power of two.  realloc(heap, NULL, n) allocates; realloc(heap, p, 0) frees p and
 * returns NULL.  NULL is ignored by free, and has usable size 0.  Cost: 40 instructions up to 896
 * bytes if the heap has a chunk of that size at hand, and a lock (40 more) if the process has
 * several threads. */
SEA_API SEA_SIZED(2) void *sea_heap_malloc(sea_heap *heap, size_t size);
SEA_API SEA_SIZED(2, 3) void *sea_heap_calloc(sea_heap *heap, size_t count, size_t size);
SEA_API SEA_SIZED(3) void *sea_heap_realloc(sea_heap *heap, void *block, size_t size);
SEA_API SEA_ALIGNED(2) SEA_SIZED(3) void *sea_heap_aligned_alloc(sea_heap *heap, size_t align, size_t size);
SEA_API void sea_heap_free(sea_heap *heap, void *block);
SEA_API size_t sea_heap_usable_size(sea_heap *heap, const void *block);

/* The heap of a block; NULL: it has none, as blocks of malloc().  The block must live.  Cost: a
 * table look-up; a lock for blocks above 256 KiB, and while there are heaps in brought memory. */
SEA_API sea_heap *sea_heap_of(const void *block);

/* --- questions ------------------------------------------------------------------------------- */

/* All in bytes, except for names that begin with nr_.  Exact. */
struct sea_heap_statistics {
	size_t live;	  /* in blocks that the program holds, at their usable size */
	size_t nr_live;	  /* such blocks */
	size_t quota;	  /* 0: none */
	size_t cached;	  /* in chunks that were freed and are kept for the next request */
	/* addresses of the heap: zones and large blocks, or the brought memory */
	size_t held;
	size_t nr_zones;  /* of 1 MiB each */
	size_t nr_large;  /* blocks above 256 KiB, and those of sea_region_alloc() */
};

/* Cost: the number of large blocks. */
SEA_API void sea_heap_stats(sea_heap *heap, struct sea_heap_statistics *statistics);

/* Calls visit() for each live block, in address order, until it returns something else than 0, and
 * returns that; else 0.  visit() may call any function.  Blocks that are allocated or freed
 * meanwhile may be visited or not; all others are visited once.  Cost: the bitmaps of the heap,
 * and some 20 instructions a block. */
SEA_API int sea_heap_walk(sea_heap *heap, int (*visit)(void *block, size_t usable, void *context), void *context);

/* The same for all heaps of the process.  `name` is a copy. */
SEA_API int sea_heap_each(int (*visit)(sea_heap *heap, const char *name, void *context), void *context);

/* A heap of this name, or NULL. */
SEA_API sea_heap *sea_heap_find(const char *name);

/* Checks every structure of the heap.  0: it is sound; -1 and EBADMSG: it is not, because
 * something wrote over freed memory or over brought memory.  Cost: a walk. */
SEA_API int sea_heap_check(sea_heap *heap);

/* --- memory that the program brings ---------------------------------------------------------- */

/* Makes a heap inside [base, base + length): a buffer, a mapped file, huge pages.  `base` has any
 * alignment.  The heap never grows; all that it knows is inside, so a mapped file has it after a
 * restart.  Metadata takes 1.7 % and 0.9 KiB: of 64 KiB, 97 % can be used.  Metadata is apart from
 * blocks, and free memory is never written to.
 *
 * Ranges that are occupied are never touched, as a kernel does not touch what its firmware reports
 * as taken.  If they cover the start of the memory, the heap cannot be opened again.
 *
 * EINVAL: less than 4 KiB, 64 GiB or more, no room for the metadata, ranges that overlap or lie
 * outside, more than 15 of them (63 from 1 MiB on).  EBUSY: this process has a heap there, open.
 * ENOMEM: there are 4096 heaps.  Cost: the metadata is written.
 *
 * Allocation is first fit by address, with hints for each 8 KiB: the source is P. R. Wilson et
 * al., "Dynamic Storage Allocation: A Survey and Critical Review", 1995. */
SEA_API sea_heap *sea_heap_create_in(void *base, size_t length, const struct sea_heap_options *options);

/* Finds the heap that was made in this memory, by this process or an earlier one.  Its blocks are
 * there, and what is free is free.  It has the name that it was made with; of the options, quota
 * and flags count.
 *
 * The contents are checked.  A heap that was closed must be exactly as it was.  If it was not
 * closed, the process was killed: what it was changing is completed or undone, and at most the
 * block of the call that was interrupted stays allocated.  (A machine that lost power may have
 * written back only a part of the pages: copy the file, or msync() it, at points of your choice.)
 * The memory may be mapped elsewhere than before; pointers inside blocks are the program's affair.
 *
 * EINVAL: no heap is there, or it was made for another length.  EBADMSG: it is damaged.  EBUSY: as
 * above.  ENOMEM: as above, or its blocks have more than the quota.  Cost: the bitmaps.  One
 * process at a time may use the memory. */
SEA_API sea_heap *sea_heap_open_in(void *base, size_t length, const struct sea_heap_options *options);

/* Ends the heap and keeps what is in its memory, for sea_heap_open_in().  The program writes it
 * back (msync) and unmaps it.  -1 and EINVAL: it is not in brought memory.  Cost: the bitmaps. */
SEA_API int sea_heap_close(sea_heap *heap);

/* A block from which all others can be found.  It is remembered in the memory.  NULL: none.
 * Freeing the block forgets it.  Set: 0, or -1 and EINVAL if the heap is not in brought memory. */
SEA_API int sea_heap_set_root(sea_heap *heap, void *block);
SEA_API void *sea_heap_root(sea_heap *heap);

/* --- a limit for the process ----------------------------------------------------------------- */

/* Bounds the memory that the heaps of the process (malloc's among them) may have together, in
 * bytes; 0: no limit.  Brought memory does not count.  When a request would exceed it, caches and
 * free pages go back first.  If that is not enough, the callback is asked: it may free blocks and
 * return true, and then the request is tried again.  If it returns false, or is NULL, the request
 * fails with ENOMEM.  The callback may call any function, also allocate (it is not asked again
 * meanwhile in its thread); several threads may be in it at once.  The option `limit` sets a limit
 * at the start.  What counts are whole pages, and zones of 1 MiB less their free pages.  Cost: a
 * look at counters when the page allocator is asked; nothing on other calls. */
SEA_API void sea_set_limit(size_t bytes, bool (*callback)(size_t size, void *context), void *context);

#ifdef __cplusplus
}
#endif
#endif
