/* SPDX-License-Identifier: MIT */
/* seam.h - reading a seam map without a lock
 *
 * While a thread owns a chunk, the chunk's seam and the next one do not change.  Other bits of the
 * same bytes may change.  So the word that is read may be torn, but the bits of interest are
 * right.
 */
#ifndef SEA_SEAM_H
#define SEA_SEAM_H

#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"

SEA_INLINE uintptr_t sea_rotate_right(uintptr_t word, unsigned by)
{
	return word >> by | word << (8 * sizeof(word) - by);
}

#if defined(__SANITIZE_THREAD__)
#define SEA_UNDER_TSAN 1
#elif defined(__has_feature)
#define SEA_UNDER_TSAN __has_feature(thread_sanitizer)
#else
#define SEA_UNDER_TSAN 0
#endif

/* 57 to 64 bits of the map, from bit `at` on.  Byte i has the bits 8i to 8i + 7, so big-endian
 * machines are not supported. */
#if SEA_UNDER_TSAN
SEA_INLINE uint64_t sea_seam_bits(const char *seams, size_t at)
{
	const uint64_t *word = (const uint64_t *)seams + at / 64;
	uint64_t low = sea_load_relaxed(word) >> at % 64;
	return at % 64 ? low | sea_load_relaxed(word + 1) << (64 - at % 64) : low;
}
#else
SEA_INLINE uint64_t sea_seam_bits(const char *seams, size_t at)
{
	uint64_t word;
	memcpy(&word, seams + at / 8, sizeof(word));
	return word >> at % 8;
}
#endif
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bit order of seam maps");

/* Number of trailing zeros.  For 0: 64, or maybe 0 on an x86-64 without BMI1. */
#if defined(__x86_64__)
SEA_INLINE size_t sea_trailing_zeros(uint64_t word)
{
	__asm__("tzcnt %0, %0" : "+r"(word) : : "cc");
	return word;
}
#else
SEA_INLINE size_t sea_trailing_zeros(uint64_t word) { return word ? (size_t)__builtin_ctzll(word) : 64; }
#endif

/* No further seam is visible, nor is one in the same word of the map. */
#define SEA_UNSEEN 64

/* Granules from the seam at bit `at` to the next one; 0 if there is no seam at `at`; SEA_UNSEEN
 * (or 0) if the next one is not visible.  Subtracting 1 clears the seam's bit; without a seam it
 * sets the low zeros. */
SEA_INLINE size_t sea_seam_distance(const char *seams, size_t at)
{
	return sea_trailing_zeros(sea_seam_bits(seams, at) - 1);
}

#endif
