/* SPDX-License-Identifier: MIT */
/* page_size.h - the system's page, which is not known when we are compiled */
#ifndef SEA_PAGE_SIZE_H
#define SEA_PAGE_SIZE_H

#include "base/compiler.h"

/* log2 of it. */
unsigned sea_page_shift(void);

SEA_INLINE size_t sea_page_size(void) { return (size_t)1 << sea_page_shift(); }

#endif
