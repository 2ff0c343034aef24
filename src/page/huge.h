/* SPDX-License-Identifier: MIT */
/* huge.h - when a range of small chunks gets a huge page */
#ifndef SEA_HUGE_H
#define SEA_HUGE_H

#include "page/arena.h"

/* The run at `pfn` is a new zone, most of which will be written to: makes its range huge if that
 * pays, and lets the kernel fill it. */
void sea_huge_consider(struct sea_arena *arena, size_t pfn);

#endif
