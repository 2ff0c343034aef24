/* SPDX-License-Identifier: MIT */
/* cell.h - the sizes of cells, and how a tract is cut into slabs
 *
 *    tract  | slab | slab | slab | ...          1 MiB, slabs of one grade
 *    slab   | cell | cell | ... | cell | rest |
 *
 * The sizes of cells are 16 bytes apart up to 1 KiB, then eighths of a power of two; the last is
 * a granule longer than 32 KiB.  A slab has cells of one class, 256 at most.  Four sizes of slabs
 * are enough: each has room for at least 16 small cells, or 7 large ones, from which one is chosen
 * by chance.
 */
#ifndef SEA_CELL_H
#define SEA_CELL_H

#include "base/bits.h"
#include "map/map.h"

/* Blocks up to this size lie in cells. */
#define SEA_CELL_BLOCK_MAX (32 * SEA_KIB)
/* The largest cell: such a block and a granule for its seal.  Buffers of exactly 32 KiB are common
 * (zlib's window): with pages of their own they took git log --stat 1.41 times default mode's CPU
 * time. */
#define SEA_CELL_MAX (SEA_CELL_BLOCK_MAX + SEA_GRANULE)

/* Up to this size cells are a granule apart. */
#define SEA_CELL_FINE_MAX SEA_KIB
#define SEA_CELL_FINE_CLASSES (SEA_CELL_FINE_MAX / SEA_GRANULE)
/* Classes in each doubling above it. */
#define SEA_CELL_STEPS 8
#define SEA_CELL_LAST (SEA_CELL_FINE_CLASSES + 5 * SEA_CELL_STEPS)
#define SEA_CELL_CLASSES (SEA_CELL_LAST + 1)
_Static_assert(SEA_CELL_FINE_MAX << 5 == SEA_CELL_BLOCK_MAX, "five doublings, and one class");

#define SEA_SLAB_CELLS_MAX 256

/* The class of the smallest cell for `bytes`, 1 to SEA_CELL_MAX. */
SEA_INLINE unsigned sea_cell_class(size_t bytes)
{
	SEA_ASSERT(bytes > 0 && bytes <= SEA_CELL_MAX);
	size_t last = bytes - 1;
	if (likely(last < SEA_CELL_FINE_MAX))
		return (unsigned)(last / SEA_GRANULE);
	unsigned doubling = sea_highest_bit(last) - 10;
	return (unsigned)SEA_CELL_FINE_CLASSES + doubling * SEA_CELL_STEPS + (unsigned)(last >> (doubling + 7)) - SEA_CELL_STEPS;
}
_Static_assert(SEA_CELL_FINE_MAX == 1 << 10, "sea_cell_class() counts from bit 10");

/* Bytes of a cell of the class. */
SEA_INLINE size_t sea_cell_size(unsigned class)
{
	SEA_ASSERT(class < SEA_CELL_CLASSES);
	if (likely(class < SEA_CELL_FINE_CLASSES))
		return (class + 1) * SEA_GRANULE;
	if (class == SEA_CELL_LAST)
		return SEA_CELL_MAX;
	unsigned above = class - (unsigned)SEA_CELL_FINE_CLASSES;
	return (size_t)(SEA_CELL_STEPS + above % SEA_CELL_STEPS + 1) << (above / SEA_CELL_STEPS + 7);
}

/* The grade of slabs for a class, and log2 of a slab's bytes by grade. */
#define SEA_SLAB_GRADES 4
SEA_INLINE unsigned sea_slab_grade(size_t cell_size)
{
	return cell_size <= 64 ? 0 : cell_size <= SEA_KIB ? 1 : cell_size <= 8 * SEA_KIB ? 2 : 3;
}
SEA_INLINE unsigned sea_slab_shift(unsigned grade)
{
	SEA_ASSERT(grade < SEA_SLAB_GRADES);
	return 12 + 2 * grade;
}
SEA_INLINE unsigned sea_slabs_in_tract(unsigned grade) { return 1u << (SEA_SLOT_SHIFT - sea_slab_shift(grade)); }

#endif
