/* SPDX-License-Identifier: MIT */
/* seal.h - the word at the end of a cell, and the bytes in front of it
 *
 *    cell   | request ............. | fill ... | seal |
 *            ^ block                             8 bytes
 *
 *    seal   63             18 17     3 2    1  0
 *           [ code, 46 bits |  slack  | kind | live ]
 *
 * The slack is the number of bytes of fill, so the seal tells the request to the byte.  Slack and
 * kind are masked by bits of the process: else the first byte of a seal without fill would be 1 in
 * each process, and a 1 that is written one byte too far would change nothing.  The code
 * mixes the address and the other fields with secrets of the process.  Who writes over a seal
 * without knowing them hits the right code by a chance of 2^-46.  It is the two halves of a
 * product of 128 bits, as wyhash mixes words: fast, and no cipher.
 *
 * SE1  A cell that was never handed out, or whose memory was purged, has the seal 0.
 * SE2  The seal of a free cell is sea_seal_free() of its place.
 * SE3  The seal of a block has the live bit and the right code, and its fill is sea_fill_word().
 *
 * All bytes of the fill, and the first byte of a seal without fill, are from 0x80 to 0xbf: no
 * zero, no character of ASCII, no small number, and not 0xff.  Such a byte that is written one
 * byte too far is noticed for certain, another by a chance of 63 in 64.  There is one exception:
 * behind a request of whole granules the first byte is zero.  A string that fills such a block and
 * lacks its end is read no further.
 *
 * The idea of a code that depends on the address is that of the StackGuard XOR canary, and of
 * hardened_malloc's canaries; the size in it is ours.
 */
#ifndef SEA_SEAL_H
#define SEA_SEAL_H

#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/kind.h"
#include "map/map.h"

typedef uint64_t sea_seal;
#define SEA_SEAL_SIZE sizeof(sea_seal)
#define SEA_SEAL_LIVE 1u
#define SEA_SEAL_KIND_SHIFT 1
#define SEA_SEAL_SLACK_SHIFT 3
#define SEA_SEAL_INFO_BITS 18
#define SEA_SEAL_INFO ((1ull << SEA_SEAL_INFO_BITS) - 1)
/* What a free cell has in place of kind and live bit. */
#define SEA_SEAL_FREE (3u << SEA_SEAL_KIND_SHIFT)

/* Set before the first block is made, then constant. */
struct sea_secrets {
	uint64_t address, code, fill;
	uint64_t mask; /* of slack and kind: sea_seal_mask() */
};
extern SEA_HIDDEN struct sea_secrets sea_secrets;

/* The mask that random bits make.  The first byte of a seal without fill is then from 0x81 to
 * 0xbf: no character of ASCII, no small number, and not 0xff. */
SEA_INLINE uint64_t sea_seal_mask(uint64_t random)
{
	return (random & SEA_SEAL_INFO & ~(uint64_t)(0xc0 | SEA_SEAL_LIVE)) | 0x80;
}

SEA_INLINE uint64_t sea_secret_mix(uint64_t word)
{
	word ^= word >> 32;
	word *= 0x9e3779b97f4a7c15ull; /* 2^64 / golden ratio */
	return word ^ word >> 29;
}

/* The seal at `at` with these low bits. */
SEA_INLINE sea_seal sea_seal_make(const sea_seal *at, uint64_t info)
{
	SEA_ASSERT(info <= SEA_SEAL_INFO);
	unsigned __int128 product = (unsigned __int128)((uintptr_t)at ^ sea_secrets.address) * (sea_secrets.code + info);
	return (((uint64_t)product ^ (uint64_t)(product >> 64)) & ~SEA_SEAL_INFO) | info;
}

SEA_INLINE sea_seal sea_seal_of_block(const sea_seal *at, size_t slack, enum sea_kind kind)
{
	SEA_ASSERT(slack <= SEA_SEAL_INFO >> SEA_SEAL_SLACK_SHIFT);
	SEA_ASSERT(kind < 3); /* 3 is SEA_SEAL_FREE's */
	uint64_t info = slack << SEA_SEAL_SLACK_SHIFT | (uint64_t)kind << SEA_SEAL_KIND_SHIFT | SEA_SEAL_LIVE;
	return sea_seal_make(at, info ^ sea_secrets.mask);
}

SEA_INLINE sea_seal sea_seal_free(const sea_seal *at)
{
	return sea_seal_make(at, SEA_SEAL_FREE ^ sea_secrets.mask);
}

SEA_INLINE bool sea_seal_is_live(sea_seal seal) { return seal & SEA_SEAL_LIVE; }
SEA_INLINE uint64_t sea_seal_info(sea_seal seal) { return (seal & SEA_SEAL_INFO) ^ sea_secrets.mask; }
SEA_INLINE size_t sea_seal_slack(sea_seal seal) { return sea_seal_info(seal) >> SEA_SEAL_SLACK_SHIFT; }
SEA_INLINE enum sea_kind sea_seal_kind(sea_seal seal) { return sea_seal_info(seal) >> SEA_SEAL_KIND_SHIFT & 3; }

/* Claim: `seal`, found at `at`, is one of ours: SE1 to SE3. */
SEA_INLINE bool sea_seal_is_true(const sea_seal *at, sea_seal seal)
{
	return seal == sea_seal_make(at, seal & SEA_SEAL_INFO) || seal == 0;
}

/* --- the fill ------------------------------------------------------------------------- */

/* The eight bytes of fill at an aligned address. */
SEA_INLINE uint64_t sea_fill_word(const void *at)
{
	uint64_t word = ((uintptr_t)at ^ sea_secrets.fill) * sea_secrets.code;
	return (word & 0x3f3f3f3f3f3f3f3full) | 0x8080808080808080ull;
}

/* The bytes of the first word that are fill: those from `at` on, but for the zero that ends a
 * string. */
SEA_INLINE uint64_t sea_fill_mask(uintptr_t at)
{
	return at % SEA_GRANULE ? ~0ull << at % 8 * 8 : ~0xffull;
}

/* Fills [at, seal).  The bytes of the first word below `at` stay. */
SEA_INLINE void sea_fill_put(char *at, const sea_seal *seal)
{
	SEA_ASSERT(at <= (const char *)seal && (uintptr_t)seal % 8 == 0);
	uint64_t *word = (uint64_t *)((uintptr_t)at & ~(uintptr_t)7);
	if (word == seal)
		return;
	uint64_t mask = sea_fill_mask((uintptr_t)at), below = (1ull << (uintptr_t)at % 8 * 8) - 1;
	*word = (*word & below) | (sea_fill_word(word) & mask);
	while (++word < seal)
		*word = sea_fill_word(word);
}

/* Claim: [at, seal) is as it was filled. */
SEA_INLINE bool sea_fill_is_whole(const char *at, const sea_seal *seal)
{
	SEA_ASSERT(at <= (const char *)seal && (uintptr_t)seal % 8 == 0);
	const uint64_t *word = (const uint64_t *)((uintptr_t)at & ~(uintptr_t)7);
	if (word == seal)
		return true;
	uint64_t mask = sea_fill_mask((uintptr_t)at), below = (1ull << (uintptr_t)at % 8 * 8) - 1;
	uint64_t wrong = (*word & ~below) ^ (sea_fill_word(word) & mask);
	while (++word < seal)
		wrong |= *word ^ sea_fill_word(word);
	return wrong == 0;
}

#endif
