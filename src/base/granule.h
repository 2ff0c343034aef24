/* SPDX-License-Identifier: MIT */
/* granule.h - short blocks, 16 bytes at a time
 *
 * A granule is a vector here: one instruction loads or stores it.
 */
#ifndef SEA_BASE_GRANULE_H
#define SEA_BASE_GRANULE_H

#include "base/check.h"

typedef uint64_t sea_granule __attribute__((vector_size(16), may_alias));

/* sea_granule_clear() clears so many bytes at most. */
#define SEA_GRANULE_CLEAR_MAX (8 * sizeof(sea_granule))

/* Clears from the first granule to the last.  Works from both ends; the stores may overlap. */
SEA_INLINE void sea_granule_clear(sea_granule *first, sea_granule *last)
{
	SEA_ASSERT(first <= last && (size_t)(last - first) < SEA_GRANULE_CLEAR_MAX / sizeof(*first));
	first[0] = last[0] = (sea_granule){0, 0};
	if (last < first + 2)
		return;
	first[1] = last[-1] = (sea_granule){0, 0};
	if (last < first + 4)
		return;
	first[2] = first[3] = last[-2] = last[-3] = (sea_granule){0, 0};
}

#endif
