/* SPDX-License-Identifier: MIT */
/* engine.h - the interface between the front and the rooms below
 *
 * Three engines implement it: seam (the product), freelist and watermark (the textbook).  A
 * library links one of them.  The product's functions that the front inlines are in front/fast.h.
 *
 * No function here sets errno.  Sizes above PTRDIFF_MAX give NULL.
 */
#ifndef SEA_ENGINE_H
#define SEA_ENGINE_H

#include "base/compiler.h"
#include "base/kind.h"

/* Blocks are aligned to 16 bytes.  A request of 0 gives a block of its own. */
void *sea_engine_alloc(size_t size);
void *sea_engine_alloc_aligned(size_t align, size_t size);
void *sea_engine_alloc_zeroed(size_t size);

/* The same for operators: hardened mode notes the kind.  It is not zeroed. */
void *sea_engine_alloc_as(enum sea_kind kind, size_t align, size_t size);

/* Ignores NULL.  Ends the process if `block` is no live block. */
void sea_engine_free(void *block);

/* The same for a free of this kind that says a size (or SEA_SIZE_UNTOLD).  Ends the process if the
 * block has less; hardened mode, if kind or size is not that of the allocation. */
void sea_engine_free_as(enum sea_kind kind, void *block, size_t size);

/* Claim: the address lies in memory from which this heap takes blocks.  False for guarded blocks
 * and heap objects in brought memory, too. */
bool sea_engine_has(const void *block);

/* Settles what depends on options, if all of them have been read. */
void sea_engine_start(bool options_are_read);

/* Looks for damage that no call has found, at most so long as exit() may take. */
void sea_engine_audit(void);

/* Usable bytes of a live block.  Ends the process if `block` is none; `verb` is what the program
 * tried to do with it. */
size_t sea_engine_expect_live(const char *verb, const void *block);

/* Makes a live block `size` bytes long (at least 1), here or elsewhere.  NULL: out of memory, and
 * the block is unchanged. */
void *sea_engine_resize(void *block, size_t size);

/* Makes a live block `size` bytes or longer without moving it.  False: it cannot. */
bool sea_engine_expand(void *block, size_t size);

/* Usable size of the block that a request gets; 0 above PTRDIFF_MAX. */
size_t sea_engine_good_size(size_t size);

/* Purges free memory until at most `keep` bytes are left.  Returns the bytes that were purged. */
size_t sea_engine_trim(size_t keep);

/* In bytes, except for names that begin with nr_.  account.h fills it. */
struct sea_stats {
	/* Each mapped byte is in one of these six. */
	size_t live;	 /* in blocks that the program holds, at their usable size */
	size_t cached;	 /* in thread caches */
	size_t pending;	 /* sent, not merged yet */
	size_t free;	 /* in holes and free pages that may have memory */
	size_t metadata; /* in our own structures */
	size_t reserved; /* addresses without memory */
	size_t mapped;	 /* sum of the six: all addresses that are ours */

	/* Parts of them. */
	size_t dirty;	  /* of free: whole pages */
	size_t in_transit;	  /* of free and purged: on the way from one owner to the next */
	size_t purged;	  /* of reserved: in arenas; the rest is for future structures */
	size_t whole;	  /* of live: in blocks with a mapping of their own */
	size_t committed; /* of arenas: readable and writable */

	size_t purged_ever; /* purged or released, ever */
	size_t refaulted;  /* of purged_ever: faulted in again soon after */
	size_t nr_whole, nr_zones, nr_shards, nr_threads;
	size_t nr_contended; /* lock takes that had to wait */
};

/* Work that an account does before it drops all locks: a zone is 64, a run or free buddy 1. */
extern const size_t sea_engine_account_step;

/* The engine's part of an account.  The caller holds every lock and passes through.  The first
 * adds a run of pages to the six.  The second is called once after all runs: it sorts what the
 * first could not, and counts zones, shards and threads. */
void sea_engine_count_run(const char *run, size_t size, struct sea_stats *stats);
void sea_engine_count_rest(struct sea_stats *stats);

/* When the process ends: checks chunks that the calling thread has freed and not checked yet. */
void sea_engine_send_waiting(void);

/* In the child of a fork, with all locks dropped: other threads do not exist.  All repairs of a
 * child are called from here. */
void sea_engine_in_child(void);

/* In the child of a fork, also if the parent had one thread: forgets what stays the parent's.  The
 * calling thread is inside no call of ours. */
void sea_engine_disown(void);

/* Claim: every structure keeps its invariants.  No other thread runs. */
bool sea_engine_is_sound(void);

/* Name of the engine, for people. */
extern const char sea_engine_name[];

#endif
