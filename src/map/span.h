/* SPDX-License-Identifier: MIT */
/* span.h - address space with a guard on both sides
 *
 *    | guard |  base ............ base + size  | guard |
 *
 * Every mapping of ours comes from here.  A guard is a page without access.  If a write runs over
 * the end of our mapping, or of a neighbour mapping of the program, it faults before it
 * reaches the other one.  Guards cost only addresses.  To the kernel, adjacent guards and
 * reserved ranges are one mapping.
 */
#ifndef SEA_SPAN_H
#define SEA_SPAN_H

#include "base/compiler.h"

/* Bytes of one guard. */
size_t sea_span_guard(void);

/* Reserves `size` bytes, whole pages, at a multiple of `align` (a power of two, at least a page),
 * like sea_os_reserve().  NULL: there is no room. */
char *sea_span_reserve(size_t size, size_t align);

/* The same, but committed memory has no huge pages unless they are asked for. */
char *sea_span_reserve_plain(size_t size, size_t align);

/* The same as sea_os_reserve_zeros(), aligned to a page. */
char *sea_span_reserve_zeros(size_t size);

/* Reserves and commits it, aligned to a page. */
char *sea_span_commit(size_t size);

/* Releases the addresses, guards included. */
bool sea_span_release(char *base, size_t size);

/* Releases what is at and above base + to, except a guard.  The guard's page is committed or
 * reserved before. */
bool sea_span_cut(char *base, size_t size, size_t to);

#endif
