/* SPDX-License-Identifier: MIT */
/* page_size.c - the size of a page, asked for once */
#include "base/page_size.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/os.h"

unsigned sea_page_shift(void)
{
	static unsigned shift; /* atomic */
	unsigned known = sea_load_relaxed(&shift);
	if (unlikely(!known)) {
		known = sea_lowest_bit(sea_os_page_size());
		sea_store_relaxed(&shift, known);
	}
	return known;
}
