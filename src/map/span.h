/* SPDX-License-Identifier: MIT */
/* span.h - address space with a guard on both sides
 *
 *    | guard |  base ............ base + size  | guard |
 *
 * Every mapping of ours comes from here.  A guard is a page without access: what runs
 * over the end of a mapping of ours, or of one of the program's beside it, faults before
 * it reaches the other.  Guards cost addresses only; those of neighbours, and what is
 * reserved beside them, are one mapping to the kernel.
 */
#ifndef SEA_SPAN_H
#define SEA_SPAN_H

#include "base/compiler.h"

/* Bytes of one guard. */
size_t sea_span_guard(void);

/* Reserves `size` bytes, whole pages, at a multiple of `align` (a power of two, a page at
 * least) as sea_os_reserve() does.  NULL: there is no room. */
char *sea_span_reserve(size_t size, size_t align);

/* The same, without huge pages unless they are asked for. */
char *sea_span_reserve_plain(size_t size, size_t align);

/* The same as sea_os_reserve_zeros() does, aligned to a page. */
char *sea_span_reserve_zeros(size_t size);

/* Reserves and commits it, aligned to a page. */
char *sea_span_commit(size_t size);

/* Gives the addresses back, guards included. */
bool sea_span_release(char *base, size_t size);

/* Gives back what lies at and above base + to, but for a guard, which must be committed or
 * reserved before. */
bool sea_span_cut(char *base, size_t size, size_t to);

#endif
