/* SPDX-License-Identifier: MIT */
/* nothing.c - addresses without memory, and a bit for each
 *
 *    range  | 16 | 16 | 16 | ...     1 MiB without access, 65536 addresses
 *    live     0    1    1
 *
 * The search for a free address goes on where the last one ended, by a step of chance.  So an
 * address is used again only after the whole range.
 *
 * NO1  A bit of `live` is set if, and only if, its address is a live block of no bytes.
 * NO2  nr_live is the number of bits in `live`.
 */
#include "secure/nothing.h"

#include "base/bits.h"
#include "base/chance.h"
#include "base/os.h"
#include "map/map.h"
#include "page/page_alloc.h"
#include "secure/locks.h"
#include "secure/seal.h"

#define RANGE SEA_MIB
#define NR_ADDRESSES (RANGE / SEA_GRANULE)
/* Addresses that a step of chance leaves out at most. */
#define SKIP 16

static struct {
	char *base;	/* NULL: no range yet; atomic, and constant once it is set */
	uint64_t *live; /* NR_ADDRESSES bits */
	struct sea_chance chance;
	size_t next, nr_live;
	bool has_failed; /* the system gives no range */
} nothing;

/* The lock.  Drops nothing: page calls may be made under it. */
static bool make_range(void)
{
	SEA_ASSERT(sea_secure_holds(SEA_SECURE_LOCK_NOTHING));
	if (nothing.base || nothing.has_failed)
		return nothing.base != NULL;
	nothing.has_failed = true;
	nothing.live = sea_meta_alloc(NR_ADDRESSES / 8);
	char *base = nothing.live ? sea_pages_alloc(RANGE, sea_page_size(), SEA_TOUCH_LATER, NULL) : NULL;
	if (base && !sea_os_protect(base, RANGE)) {
		sea_pages_free(base);
		base = NULL;
	}
	nothing.chance.state = sea_secrets.fill;
	sea_store_release(&nothing.base, base);
	return base != NULL;
}

/* The lock.  Others read the bits without it. */
static void set_live(size_t index, bool is_live)
{
	SEA_ASSERT(index < NR_ADDRESSES && sea_bit_test(nothing.live, index) != is_live); /* NO1 */
	SEA_ASSERT(is_live || nothing.nr_live > 0);
	uint64_t *word = &nothing.live[index / 64], bit = 1ull << index % 64;
	sea_store_relaxed(word, is_live ? *word | bit : *word & ~bit);
	nothing.nr_live += is_live ? 1 : (size_t)-1;
}

static size_t find_unused(void)
{
	size_t from = (nothing.next + sea_chance_below(&nothing.chance, SKIP)) % NR_ADDRESSES;
	size_t index = sea_bits_find(nothing.live, from, NR_ADDRESSES, false);
	return index < NR_ADDRESSES ? index : sea_bits_find(nothing.live, 0, from, false);
}

void *sea_nothing_alloc(void)
{
	char *block = NULL;
	sea_secure_take(SEA_SECURE_LOCK_NOTHING);
	if (make_range() && nothing.nr_live < NR_ADDRESSES - SKIP) {
		size_t index = find_unused();
		if (!sea_bit_test(nothing.live, index)) {
			set_live(index, true);
			nothing.next = index + 1;
			block = nothing.base + index * SEA_GRANULE;
		}
	}
	sea_secure_drop(SEA_SECURE_LOCK_NOTHING);
	return block;
}

enum sea_nothing sea_nothing_at(const void *address)
{
	const char *base = sea_load_acquire(&nothing.base);
	size_t offset = (uintptr_t)address - (uintptr_t)base;
	if (!base || offset >= RANGE)
		return SEA_NOTHING_ELSEWHERE;
	if (offset % SEA_GRANULE)
		return SEA_NOTHING_INSIDE;
	size_t index = offset / SEA_GRANULE;
	return sea_load_relaxed(&nothing.live[index / 64]) >> index % 64 & 1 ? SEA_NOTHING_LIVE : SEA_NOTHING_FREE;
}

bool sea_nothing_free(const void *block)
{
	SEA_ASSERT(sea_nothing_at(block) != SEA_NOTHING_ELSEWHERE);
	size_t index = (size_t)((const char *)block - nothing.base) / SEA_GRANULE;
	sea_secure_take(SEA_SECURE_LOCK_NOTHING);
	bool was_live = sea_bit_test(nothing.live, index);
	if (was_live)
		set_live(index, false);
	sea_secure_drop(SEA_SECURE_LOCK_NOTHING);
	return was_live;
}

size_t sea_nothing_size(void) { return sea_load_acquire(&nothing.base) ? RANGE : 0; }

bool sea_nothing_is_sound(void)
{
	sea_secure_take(SEA_SECURE_LOCK_NOTHING);
	bool sound = nothing.base ? sea_bits_count(nothing.live, 0, NR_ADDRESSES) == nothing.nr_live : !nothing.nr_live;
	sea_secure_drop(SEA_SECURE_LOCK_NOTHING);
	return sound;
}
