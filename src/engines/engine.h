/* SPDX-License-Identifier: MIT */
/* engine.h - what stands between the malloc front and the page allocator
 *
 * Three engines implement this: seam (the product), freelist and watermark (the
 * textbook).  A library links one of them.  What the front inlines of the product is in
 * front/fast.h.
 *
 * No function here sets errno.  Sizes above PTRDIFF_MAX give NULL.
 */
#ifndef SEA_ENGINE_H
#define SEA_ENGINE_H

#include "base/compiler.h"

/* Aligned to 16 bytes; a request of 0 gives a block of its own. */
void *sea_engine_alloc(size_t size);
void *sea_engine_alloc_aligned(size_t align, size_t size);
void *sea_engine_alloc_zeroed(size_t size);

/* NULL is ignored; what is no live block ends the process. */
void sea_engine_free(void *block);

/* Usable bytes of a live block.  Ends the process if it is none; `verb` is what the
 * program wanted to do to it. */
size_t sea_engine_expect_live(const char *verb, const void *block);

/* A live block gets `size` bytes (1 or more), here or elsewhere.  NULL: no memory,
 * and the block is as it was. */
void *sea_engine_resize(void *block, size_t size);

/* A live block gets `size` bytes or more without moving, or false. */
bool sea_engine_expand(void *block, size_t size);

/* Usable size that a request would get; 0 above PTRDIFF_MAX. */
size_t sea_engine_good_size(size_t size);

/* Gives free memory back until at most `keep` bytes are left; returns how many went. */
size_t sea_engine_trim(size_t keep);

/* All in bytes, unless they begin with nr_.  account.h fills it. */
struct sea_stats {
	/* Each mapped byte is in one of these six. */
	size_t live;	 /* in blocks that the program holds, at their usable size */
	size_t cached;	 /* in thread caches */
	size_t pending;	 /* sent back, not merged yet */
	size_t free;	 /* in holes and free pages, and may hold memory */
	size_t metadata; /* in our own structures */
	size_t reserved; /* addresses without memory */
	size_t mapped;	 /* all addresses that are ours */

	/* Parts of them. */
	size_t dirty;	  /* of free: whole pages */
	size_t in_transit;	  /* of free and purged: on the way from one owner to the next */
	size_t purged;	  /* of reserved: in arenas; the rest is for structures to come */
	size_t whole;	  /* of live: in blocks with a mapping of their own */
	size_t committed; /* of arenas: usable */

	size_t given_back; /* to the kernel so far */
	size_t refaulted;  /* of it, faulted in again soon after */
	size_t nr_whole, nr_zones, nr_shards, nr_threads;
	size_t nr_contended; /* lock takes that had to wait */
};

/* Work that an account does before it drops all locks: a zone is 64, a run or free block 1. */
extern const size_t sea_engine_account_step;

/* The engine's part of an account; the caller holds every lock and passes through.
 * The first adds a run of pages to the six.  The second is called once after all runs:
 * it sorts what the first could not, and counts zones, shards and threads. */
void sea_engine_count_run(const char *run, size_t size, struct sea_stats *stats);
void sea_engine_count_rest(struct sea_stats *stats);

/* When the process ends: looks at what the calling thread has freed and not looked at. */
void sea_engine_send_waiting(void);

/* In the child of a fork, with all locks dropped: other threads are gone.  All that a child repairs
 * is called from here. */
void sea_engine_in_child(void);

/* Claim: every structure keeps its invariants.  No other thread may be active. */
bool sea_engine_is_sound(void);

/* Name of the engine, for people. */
extern const char sea_engine_name[];

#endif
