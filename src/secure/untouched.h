/* SPDX-License-Identifier: MIT */
/* untouched.h - did the program write to a free cell?
 *
 * A free cell was cleared when it was freed, or it comes from the kernel.  So it reads as zero but
 * for its seal.
 */
#ifndef SEA_UNTOUCHED_H
#define SEA_UNTOUCHED_H

#include "base/granule.h"
#include "base/options.h"
#include "secure/report.h"
#include "secure/seal.h"

/* Longer cells are cleared faster by memset(), and compared faster in a loop. */
#define SEA_CELL_SHORT_MAX (SEA_GRANULE_CLEAR_MAX + SEA_GRANULE)

/* Claim: [from, to) is zero.  From both ends; what is looked at may overlap. */
SEA_INLINE bool sea_cell_short_is_zero(const char *from, const sea_seal *to)
{
	const sea_granule *first = (const sea_granule *)from, *last = (const sea_granule *)(to - 1) - 1;
	uint64_t word = to[-1];
	if (last < first)
		return !word;
	sea_granule any = first[0] | last[0];
	if (last >= first + 2) {
		any |= first[1] | last[-1];
		if (last >= first + 4)
			any |= first[2] | first[3] | last[-2] | last[-3];
	}
	return !(word | any[0] | any[1]);
}

SEA_INLINE bool sea_cell_is_zero(const char *from, const sea_seal *to)
{
	if (likely((size_t)((const char *)(to + 1) - from) <= SEA_CELL_SHORT_MAX))
		return sea_cell_short_is_zero(from, to);
	const sea_granule *granule = (const sea_granule *)from, *end = (const sea_granule *)(to - 1);
	sea_granule any = {to[-1], 0};
	for (; granule + 4 <= end; granule += 4)
		any |= granule[0] | granule[1] | granule[2] | granule[3];
	for (; granule < end; granule++)
		any |= *granule;
	return !(any[0] | any[1]);
}

/* Clears a cell but for its seal, which other threads may read. */
SEA_INLINE void sea_cell_clear(char *cell, size_t size)
{
	/* the seal is in it */
	sea_granule *first = (sea_granule *)cell, *last = (sea_granule *)(cell + size) - 1;
	if (unlikely(size > SEA_CELL_SHORT_MAX)) {
		memset(cell, 0, size - SEA_SEAL_SIZE);
		return;
	}
	*(uint64_t *)last = 0;
	if (likely(first < last))
		sea_granule_clear(first, last - 1);
}

/* Ends the process if a free cell was written to. */
SEA_INLINE void sea_cell_expect_untouched(const char *cell, const sea_seal *at)
{
	sea_seal seal = sea_load_relaxed(at);
	if (unlikely(!sea_options.secure_check_freed))
		return;
	if (unlikely((seal != sea_seal_free(at) && seal) ||
		     (likely(sea_options.secure_zero) && !sea_cell_is_zero(cell, at))))
		sea_report_written(cell);
}

#endif
