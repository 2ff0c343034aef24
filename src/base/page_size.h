/* SPDX-License-Identifier: MIT */
/* page_size.h - the size of the system's pages, which is not known at compile time */
#ifndef SEA_PAGE_SIZE_H
#define SEA_PAGE_SIZE_H

#include "base/compiler.h"

/* No system has smaller pages. */
#define SEA_LEAST_PAGE (4 * SEA_KIB)

/* log2 of the size. */
unsigned sea_page_shift(void);

SEA_INLINE size_t sea_page_size(void) { return (size_t)1 << sea_page_shift(); }

#endif
