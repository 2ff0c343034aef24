/* SPDX-License-Identifier: MIT */
/* slabs.h - cells taken from slabs and given back
 *
 * What is known of a slab is out of band.  Only the seals (seal.h) are beside the program's bytes.
 */
#ifndef SEA_SLABS_H
#define SEA_SLABS_H

#include "base/chance.h"
#include "secure/cell.h"
#include "secure/locks.h"
#include "secure/seal.h"

struct sea_tract;

/* One slab: a cache line.  The lock of the tract's shard; `inverse`, `size`, `last` and `class` do
 * not change while a cell is taken. */
struct sea_slab {
	uint64_t free[SEA_SLAB_CELLS_MAX / 64]; /* cells that nobody has */
	struct sea_slab *next, **link; /* slabs of the class with free cells; NULL: in no list */
	uint64_t inverse;	       /* 2^SEA_INVERSE_SHIFT / size, rounded up */
	uint16_t size;		       /* of a cell; 0: the slab has no class */
	uint16_t nr_free;
	uint8_t last;	/* number of the last cell */
	uint8_t class;	/* or SEA_SLAB_IDLE, SEA_SLAB_PURGED */
	uint8_t before; /* class whose seals are in its memory; SEA_SLAB_CLEAN: it reads as zero */
	uint8_t number; /* in its tract */
};
_Static_assert(sizeof(struct sea_slab) == SEA_CACHE_LINE, "a cache line");
_Static_assert(SEA_CELL_MAX <= UINT16_MAX && SEA_SLAB_CELLS_MAX <= 256, "sizes of the fields");

#define SEA_SLAB_IDLE 255
#define SEA_SLAB_PURGED 254 /* idle, and a thread is purging it */
#define SEA_SLAB_CLEAN 255
#define SEA_SLAB_DIRTY 254 /* any bytes */
_Static_assert(SEA_CELL_CLASSES < SEA_SLAB_DIRTY, "class numbers");

/* 1 MiB of slabs of one grade. */
struct sea_tract {
	char *base;
	struct sea_tract *next, **link; /* tracts of the grade with idle slabs; NULL: in no list */
	struct sea_tract *after, **from; /* all tracts of the shard */
	uint32_t shard;
	uint32_t grade;
	uint32_t nr_idle;  /* slabs, without those that are being purged */
	uint32_t nr_dirty; /* idle slabs that may have memory */
	struct sea_slab slab[];
};

/* The tract around an address, or NULL.  No lock: a tract goes only when all its cells are
 * free. */
SEA_INLINE struct sea_tract *sea_slabs_tract(const void *address)
{
	uintptr_t tagged = sea_pagemap_tagged(address);
	return likely(tagged & SEA_IS_NO_ZONE) ? (struct sea_tract *)(tagged - SEA_IS_NO_ZONE) : NULL;
}

/* Where an address is in a tract. */
struct sea_cell {
	struct sea_slab *slab;
	char *start;	 /* of the cell */
	size_t size;	 /* of the cell; 0: the address is in no cell */
	uint32_t number; /* in its slab */
};

/* A free cell, in 16 bytes. */
struct sea_free_cell {
	struct sea_slab *slab;
	uint32_t number, size;
};

SEA_INLINE struct sea_free_cell sea_free_cell_of(struct sea_cell cell)
{
	SEA_ASSERT(cell.size > 0 && cell.size <= UINT16_MAX);
	return (struct sea_free_cell){cell.slab, cell.number, (uint32_t)cell.size};
}

/* `*to = cell` by one instruction where the processor has one: a signal finds no half. */
SEA_INLINE void sea_free_cell_store(struct sea_free_cell *to, struct sea_free_cell cell)
{
	typedef uint64_t both __attribute__((vector_size(16), aligned(8), may_alias));
	*(both *)to = (both){(uintptr_t)cell.slab, cell.number | (uint64_t)cell.size << 32};
}

/* The first byte of its cell. */
char *sea_free_cell_start(struct sea_free_cell cell);

/* Offsets in a slab have 18 bits, sizes 16: with 36 bits behind the point the quotient is
 * exact. */
#define SEA_INVERSE_SHIFT 36
_Static_assert(SEA_SLOT_SHIFT + 16 <= SEA_INVERSE_SHIFT, "offset * size <= 2^36");

SEA_INLINE struct sea_cell sea_slabs_find(struct sea_tract *tract, const void *address)
{
	size_t offset = (uintptr_t)address % SEA_SLOT_SIZE;
	SEA_ASSERT((size_t)((const char *)address - tract->base) == offset);
	unsigned shift = sea_slab_shift(tract->grade);
	struct sea_slab *slab = &tract->slab[offset >> shift];
	size_t size = sea_load_relaxed(&slab->size), inside = offset & (((size_t)1 << shift) - 1);
	uint32_t number = (uint32_t)(inside * slab->inverse >> SEA_INVERSE_SHIFT);
	if (unlikely(!size || number > slab->last))
		return (struct sea_cell){slab, NULL, 0, 0};
	return (struct sea_cell){slab, (char *)address - inside + number * size, size, number};
}

SEA_INLINE sea_seal *sea_cell_seal(const char *start, size_t size)
{
	SEA_ASSERT(size >= SEA_GRANULE && ((uintptr_t)start + size) % SEA_GRANULE == 0);
	return (sea_seal *)(start + size - SEA_SEAL_SIZE);
}

/* Claim: what lies in front of the slab's first cell was not written to, as far as one can see.
 * Takes the shard's lock if there are other threads. */
bool sea_slabs_front_is_whole(const struct sea_tract *tract, const struct sea_slab *slab);

/* Takes up to `nr` cells of a class, chosen by chance.  Returns how many; 0: out of memory. */
unsigned sea_slabs_take(unsigned shard, unsigned class, unsigned nr, char **cells);

/* Gives cells back that are free and sealed so.  Ends the process if one was given back
 * already. */
void sea_slabs_give(const struct sea_free_cell *cells, unsigned nr);

/* Purges idle slabs, and all tracts without a taken cell go.  Returns the bytes purged.  The
 * caller holds no lock. */
size_t sea_slabs_trim(void);

/* Calls visit() for each slab with a class.  The caller holds the shard's lock or is the only
 * thread. */
void sea_slabs_each(unsigned shard, void (*visit)(const char *base, const struct sea_slab *slab, void *context),
		    void *context);

/* Bytes of the tract that are taken; *free and *purged: the others, by pages. */
size_t sea_slabs_count(const struct sea_tract *tract, size_t *free, size_t *purged);

/* Claim: SB1 to SB5 of slabs.c. */
bool sea_slabs_are_sound(void);

#endif
