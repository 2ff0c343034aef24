/* SPDX-License-Identifier: MIT */
/* untouched.h - did the program write to a free cell?
 *
 * A free cell was cleared when it was freed, or it comes from the kernel.  So it reads as zero but
 * for its seal.
 */
#ifndef SEA_UNTOUCHED_H
#define SEA_UNTOUCHED_H

#include "base/options.h"
#include "secure/report.h"
#include "secure/seal.h"

SEA_INLINE bool sea_cell_is_zero(const char *from, const sea_seal *to)
{
	const uint64_t *word = (const uint64_t *)from, *end = to;
	uint64_t any = 0;
	for (; word + 4 <= end; word += 4)
		any |= word[0] | word[1] | word[2] | word[3];
	for (; word < end; word++)
		any |= *word;
	return !any;
}

/* Ends the process if a free cell was written to. */
SEA_INLINE void sea_cell_expect_untouched(const char *cell, const sea_seal *place)
{
	sea_seal seal = sea_load_relaxed(place);
	if (unlikely(!sea_options.secure_check_freed))
		return;
	if (unlikely((seal && seal != sea_seal_free(place)) ||
		     (likely(sea_options.secure_zero) && !sea_cell_is_zero(cell, place))))
		sea_report_written(cell);
}

#endif
