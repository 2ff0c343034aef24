/* SPDX-License-Identifier: MIT */
/* word.h - a word of chunks, merged at once
 *
 * P has the chunks to free, S the seams; P is part of S.  To free a chunk is to fill its granules
 * from its start up to the next seam that stays.  The carry of an addition does that for 64
 * granules:
 *
 *     X = ~(S & ~P)                 granules at which a fill may go on
 *     A = (((X + P) ^ X) | P) & X   granules to free, from each P to the next seam
 *
 * After that, with F the free granules, each seam between two of them is erased:
 * S &= ~(F & F << 1).
 *
 * test/exhaustive compares both with a naive loop: all words of 16 bits by trying, all of 64 by
 * a solver, which reads the expressions here.
 */
#ifndef SEA_WORD_H
#define SEA_WORD_H

#include "base/compiler.h"

/* Granules to free.  carry: the chunk that is freed in the word before goes on in this one. */
SEA_INLINE uint64_t sea_word_fill(uint64_t seams, uint64_t pending, uint64_t carry)
{
	uint64_t may_fill = ~(seams & ~pending);
	uint64_t starts = pending | (carry & may_fill);
	return (((may_fill + starts) ^ may_fill) | starts) & may_fill;
}

/* The seams that stay.  before: 1 if the last granule of the word before is free. */
SEA_INLINE uint64_t sea_word_join(uint64_t seams, uint64_t holes, uint64_t before)
{
	return seams & ~(holes & (holes << 1 | before));
}

#endif
