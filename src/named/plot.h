/* SPDX-License-Identifier: MIT */
/* plot.h - a heap inside memory that the program brought
 *
 *    |  head  | seam | used | hints |  blocks, holes, ranges that are not ours  |
 *
 * It never grows, and all that it knows is inside, in one used chunk: so a mapped file has it
 * again after a restart.  Chunks are kept in bitmaps as in a zone (zone.h).  What it knows of a
 * hole is out of band too, so it never writes to free memory, nor to a range that is occupied.
 *
 * A process may be killed between any two stores.  The order of stores sees to it that the bitmaps
 * then show a chunk of which a part is used: sea_plot_open() frees it.  At most the block that was
 * being allocated, resized or freed at that moment stays used.
 *
 * Positions are granules from the first whole granule of the memory.  The caller holds the heap's
 * lock.
 */
#ifndef SEA_NAMED_PLOT_H
#define SEA_NAMED_PLOT_H

#include "named/table.h"

/* Ranges that can be noted at most; fewer in a small plot. */
#define SEA_MAX_NOTES 64

/* What the program brings. */
struct sea_brought {
	char *base;
	size_t length;
};

enum sea_note_kind { SEA_NOTE_OCCUPIED, SEA_NOTE_RESERVED };
#define SEA_LABEL_ROOM 15

/* A range that is not available: the metadata, what was occupied at creation, what was
 * reserved. */
struct sea_note {
	uint64_t from, nr;
	uint8_t kind; /* enum sea_note_kind */
	char label[SEA_LABEL_ROOM];
};
_Static_assert(sizeof(struct sea_note) == 32, "part of a file");

/* The beginning of the metadata.  Part of a file: a change needs another version. */
struct sea_plot_head {
	char magic[8];
	uint32_t version, nr_notes;
	uint64_t length, skew, nr; /* bytes; bytes in front of the first granule; granules */
	uint64_t sum;		   /* of the fields above but nr_notes */
	uint64_t root;		   /* granule of the root block + 1; 0: none */
	/* set by sea_plot_close(), and while the maps are cleared */
	uint64_t is_closed, sum_of_maps;
	uint64_t most_notes;
	char name[SEA_NAME_ROOM];
};

struct sea_plot {
	struct sea_brought brought;
	char *first; /* the first granule */
	size_t nr;   /* granules */
	struct sea_plot_head *head;
	struct sea_note *notes;
	/* a bit more than there are granules: both bits are set behind the last */
	uint64_t *seam, *used;
	uint32_t *hint;	       /* by stripe: upper bound for the holes that start there */
	uint32_t *far_hint;    /* by SEA_PLOT_GROUP stripes: upper bound for their hints */
	/* by stripe: length of the hole that starts there and goes on behind it */
	uint32_t *reach;
	/* by stripe: length of the hole that ends there and starts before it */
	uint32_t *back;
	struct sea_named *named;
	struct sea_plot *next; /* index lock */
};

/* Granules of a stripe, stripes of a group. */
#define SEA_PLOT_STRIPE 512
#define SEA_PLOT_GROUP 64

/* The least that may be brought. */
#define SEA_PLOT_LEAST ((size_t)4096)

/* The most: lengths of holes are noted in 32 bits, in granules. */
#define SEA_PLOT_MOST ((size_t)UINT32_MAX * SEA_GRANULE)

/* Makes a heap.  `occupied` (nr_occupied ranges) is never touched.  False: there is no room for
 * the metadata, or there are too many ranges. */
bool sea_plot_create(struct sea_plot *plot, struct sea_brought brought, const char *name,
		      const struct sea_note *occupied, size_t nr_occupied);

/* Finds the heap that was made there. */
enum sea_plot_found { SEA_PLOT_FOUND, SEA_PLOT_NONE, SEA_PLOT_DAMAGED };
enum sea_plot_found sea_plot_open(struct sea_plot *plot, struct sea_brought brought);

/* Ends the use.  `keeps`: it can be opened again. */
void sea_plot_close(struct sea_plot *plot, bool keeps);

/* Takes k granules at a multiple of `align` bytes.  NULL: there is no such hole. */
void *sea_plot_take(struct sea_plot *plot, size_t k, size_t align);

/* Granules of the block that starts at `block`; 0: none does. */
size_t sea_plot_size(const struct sea_plot *plot, const void *block);

void sea_plot_free(struct sea_plot *plot, void *block);

/* Makes a block k granules long where it is.  False: it cannot. */
bool sea_plot_resize(struct sea_plot *plot, void *block, size_t k);

/* Frees all blocks.  Cost: the bitmaps. */
void sea_plot_clear(struct sea_plot *plot);

/* Notes a range.  It must be free. */
enum sea_noted { SEA_NOTED, SEA_NOT_FREE, SEA_NO_ROOM_FOR_NOTE };
enum sea_noted sea_plot_note(struct sea_plot *plot, const struct sea_note *note);

/* Ends that.  False: no range that was reserved starts there. */
bool sea_plot_unnote(struct sea_plot *plot, size_t from);

/* The next block at or behind position *at, which moves behind it; NULL: there is none. */
void *sea_plot_next(const struct sea_plot *plot, size_t *at, size_t *k);

SEA_INLINE char *sea_plot_address(const struct sea_plot *plot, size_t g) { return plot->first + g * SEA_GRANULE; }

SEA_INLINE bool sea_plot_has(const struct sea_plot *plot, const void *address)
{
	return (size_t)((const char *)address - plot->first) < plot->nr * SEA_GRANULE;
}

/* Claim: chunks, holes and hints are as they are described.  Walks all. */
bool sea_plot_is_sound(const struct sea_plot *plot);

/* For plot_open.c. */
void sea_plot_note_hole(struct sea_plot *plot, size_t from, size_t to);

#endif
