/* SPDX-License-Identifier: MIT */
/* segment.h - the door: a coalescing heap inside one fixed range of memory
 *
 * The range may be shared between processes that map it at different addresses, or be a mapped
 * file, or a buffer of the caller's.  All that the heap knows is inside; there are offsets and no
 * pointers.  The design is the zone's (heap/zone.h): seams in a bitmap, neighbours merged at once,
 * lists by size.  The difference: a hole shows in a bitmap at its two ends only, so that a
 * transaction changes few words, however long the block is (layout.h has the picture).
 *
 * No locks, no threads, no system calls: the caller brings the memory and has a lock for the
 * segment.  With a journal (journal.h) a transaction can be undone; then the caller ends each
 * transaction by sea_journal_commit() or sea_journal_undo().
 *
 * Contents may be hostile.  No function reads or writes outside of the range or runs longer than
 * the range is long.  If it finds contents that this code does not write, it sets is_broken and
 * fails, and later calls fail.
 */
#ifndef SEA_SEGMENT_H
#define SEA_SEGMENT_H

#include "base/compiler.h"
#include "segment/journal.h"

#define SEA_SEGMENT_GRANULE ((size_t)16)
/* The shortest and the longest range, in bytes. */
#define SEA_SEGMENT_LEAST (4 * SEA_KIB)
#define SEA_SEGMENT_MOST (32 * SEA_GIB)

struct sea_segment_header;

/* One process's view of a segment, in private memory. */
struct sea_segment {
	char *base;   /* of the range, rounded up to 64 bytes */
	size_t limit; /* bytes from `base` that the segment may grow to */
	struct sea_segment_header *header;
	uint64_t *seam, *ends; /* the bitmaps */
	char *data;	       /* granule 0 */
	/* that this view knows: growth by another process needs sea_segment_follow() */
	size_t nr_granules;
	size_t nr_max;	       /* granules at the limit */
	struct sea_journal *journal; /* NULL: no transaction is undone */
	bool is_broken;
};

enum sea_segment_error {
	SEA_SEGMENT_OK,
	/* or too long, or the contents say that they are longer than the range */
	SEA_SEGMENT_TOO_SHORT,
	SEA_SEGMENT_NOT_ONE,   /* no segment starts here */
	SEA_SEGMENT_OTHER_VERSION,
	SEA_SEGMENT_BROKEN,
	SEA_SEGMENT_NO_BLOCK,  /* no block starts at this offset */
	SEA_SEGMENT_FREED,     /* a hole starts here: freed already */
};

/* Makes a segment in [base, base + length) that can grow to `limit` bytes (at least `length`).
 * base: any alignment; memory up to the next multiple of 64 is not used.  The bitmaps must read as
 * zero where nothing was written yet, unless `is_dirty`: then they are cleared, which touches
 * them.  Uses no journal.  Cost: constant, or 1/64 of the limit if dirty. */
enum sea_segment_error sea_segment_format(struct sea_segment *segment, void *base, size_t length, size_t limit,
					  bool is_dirty);

/* Which bytes of a segment with this limit a length of `length` uses, of header and bitmaps and of
 * the data.  Others are never touched, and may be without memory.  The base is at a multiple of
 * 64. */
struct sea_segment_parts {
	struct {
		size_t from, to;
	} part[3];
};
void sea_segment_find_parts(size_t length, size_t limit, struct sea_segment_parts *parts);

/* Bytes of header and bitmaps for a limit. */
size_t sea_segment_metadata(size_t limit);

/* Opens what sea_segment_format() has made, perhaps in another process, in a range of `length`
 * bytes whose base has the same remainder by 64.  Checks what bounds the accesses;
 * sea_segment_is_sound() checks the rest. */
enum sea_segment_error sea_segment_open(struct sea_segment *segment, void *base, size_t length);

/* Allocates `size` bytes (0 counts as 1) at a multiple of `align` (a power of two; 16 or less
 * costs nothing; the multiple counts by this process's addresses).  Returns the offset from
 * segment->base; 0: no hole is long enough, or the segment is broken.  An alignment above 16 needs
 * a hole that is longer by the alignment.  Cost: constant, about 20 stores. */
size_t sea_segment_alloc(struct sea_segment *segment, size_t size, size_t align);

/* Allocates up to `max` blocks of `size` bytes side by side, out of the hole that one would come
 * from.  *nr: how many; each is as long as sea_segment_usable() says of the first.  Returns the
 * offset of the first; 0: as above.  Behind the first 16 bytes of the first block, memory of the
 * new blocks may be written before the transaction is committed: if it is undone, that memory is
 * inside a hole.  Cost: as of one block, and a store for each 64 granules. */
size_t sea_segment_alloc_run(struct sea_segment *segment, size_t size, size_t max, size_t *nr);

/* Frees the block at an offset and merges it with the holes beside it.  An error changes nothing.
 * Cost: constant, and one word for each KiB of the block. */
enum sea_segment_error sea_segment_free(struct sea_segment *segment, size_t offset);

/* Makes the block at an offset shorter or longer where it is.  False: there is no room behind it,
 * or no block here. */
bool sea_segment_resize(struct sea_segment *segment, size_t offset, size_t size);

/* Bytes that the block at an offset has, a multiple of 16; 0: no block starts there.  The owner of
 * the block needs no lock.  Cost: one word for each KiB of the block. */
size_t sea_segment_usable(const struct sea_segment *segment, size_t offset);

/* Claim: a used block starts at this offset.  The owner of the block needs no lock. */
bool sea_segment_is_block(const struct sea_segment *segment, size_t offset);

/* Adds the memory up to `length` bytes from segment->base (at most the limit).  It
 * needs no special contents. */
enum sea_segment_error sea_segment_grow(struct sea_segment *segment, size_t length);

/* Learns of growth by another process, if `length` bytes from segment->base are accessible. */
enum sea_segment_error sea_segment_follow(struct sea_segment *segment, size_t length);

/* Claim: no other process has changed the length since.  Cost: one load. */
bool sea_segment_is_followed(const struct sea_segment *segment);

/* Undoes all allocations: the memory is one hole again.  Cost: the bitmaps are cleared. */
void sea_segment_reset(struct sea_segment *segment);

/* A chunk of the segment. */
struct sea_segment_chunk {
	size_t offset, size; /* bytes */
	bool is_used;
};

/* Visits all chunks in address order until visit() returns false.  visit() may not change the
 * segment.  False: the contents are broken. */
bool sea_segment_walk(const struct sea_segment *segment, bool (*visit)(const struct sea_segment_chunk *, void *),
		      void *context);

/* The chunk at or behind an offset, for loops that change the segment between two calls.  False:
 * there is none. */
bool sea_segment_chunk_from(const struct sea_segment *segment, size_t offset, struct sea_segment_chunk *chunk);

/* Bytes of a segment: used + free + metadata = length, exactly. */
struct sea_segment_counts {
	size_t length;	 /* from segment->base on */
	size_t metadata; /* header, bitmaps, and less than 16 bytes at the end */
	size_t used, nr_blocks;
	size_t free, nr_holes;
	size_t largest;  /* the longest hole */
};

/* By walking; exact while nobody changes the segment. */
void sea_segment_count(const struct sea_segment *segment, struct sea_segment_counts *counts);

/* The same from the header, without `largest`: what other processes have written there.  Cost:
 * constant. */
void sea_segment_measure(const struct sea_segment *segment, struct sea_segment_counts *counts);

/* Claim: SG1 to SG6 of segment.c hold.  Walks the whole segment; safe on any contents. */
bool sea_segment_is_sound(const struct sea_segment *segment);

#endif
