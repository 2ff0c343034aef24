/* SPDX-License-Identifier: MIT */
/* seammap.c - makes the map, a part at a time
 *
 * W1  A part whose bit in `writable` is set is writable; the others read as zero.
 * W2  Once `is_made`, the four public variables do not change.
 * W3  A slot that has a zone (page map) is in a writable part, if it is described.
 *
 * The whole map is mapped for reading only at first: neither overcommit nor
 * RLIMIT_DATA counts that.
 */
#include "map/seammap.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/os.h"
#include "base/page_size.h"
#include "map/region.h"
#include "map/span.h"

/* Bytes of addresses described.  The map takes about as much address space as the first arena. */
#define SPAN (8 * SEA_GIB)
/* The kernel hands out addresses downward from the first (mmap(2), unless the stack is
 * unlimited).  So only this part of the span is above the first zone. */
#define SHARE_ABOVE 8
/* Bytes of addresses whose part becomes writable at once: a first arena. */
#define PART (64 * SEA_MIB)
#define NR_PARTS (SPAN / PART)

static const char no_map[1];
const char *sea_seams = no_map;
uintptr_t sea_seams_first;
uintptr_t sea_seams_nr;
uintptr_t sea_seams_starts;

static struct {
	struct sea_lock lock;
	/* made, or tried in vain; set (release) under the lock */
	uint32_t is_made;
	uint64_t writable[NR_PARTS / 64]; /* by part; set (release) once committed */
} map = {.lock = SEA_LOCK_INIT(SEA_RANK_SEAMS)};
const struct sea_locks sea_locks_seams = {.first = &map.lock, .nr = 1};

static size_t part_of(uintptr_t bit) { return bit / (PART / SEA_GRANULE); }

/* If the process has a limit of address space, the map spans as much below the first zone. */
static size_t span_here(void)
{
	size_t limit = sea_min(sea_os_address_space(), SPAN);
	return sea_min(sea_round_up(limit, PART) + sea_round_up(limit / SHARE_ABOVE, PART), SPAN);
}

/* A page separates the bits from the bytes, because a read of the last bits also reads what is
 * behind them. */
static void make(const char *around)
{
	SEA_ASSERT(sea_lock_is_held(&map.lock) && !map.is_made);
	size_t span = span_here();
	size_t bytes_of_bits = span / SEA_BYTES_PER_SEAMS + sea_page_size();
	size_t bytes = bytes_of_bits + span / SEA_BYTES_PER_START;
	uintptr_t slot = sea_round_down((uintptr_t)around, PART);
	/* Not the first part of all addresses: free(NULL) takes its short way. */
	uintptr_t below = sea_min(slot - sea_min(slot, PART), span - sea_round_up(span / SHARE_ABOVE, PART));
	char *bits = sea_span_reserve_zeros(bytes);
	if (bits && !sea_region_add(bits, bytes, SEA_REGION_METADATA)) {
		sea_span_release(bits, bytes);
		bits = NULL;
	}
	if (bits) {
		sea_store_relaxed(&sea_seams, bits);
		sea_store_relaxed(&sea_seams_first, (slot - below) >> SEA_GRANULE_SHIFT);
		sea_store_relaxed(&sea_seams_starts,
				  (uintptr_t)bits + bytes_of_bits - (slot - below) / SEA_BYTES_PER_START);
		sea_store_release(&sea_seams_nr, span >> SEA_GRANULE_SHIFT);
	}
	sea_store_release(&map.is_made, 1);
}

/* A second thread waits: the marks of chunks depend on the map's address. */
static void make_once(const char *around)
{
	sea_lock_take(&map.lock);
	if (!map.is_made)
		make(around);
	sea_lock_drop(&map.lock);
}

static bool is_writable(size_t part)
{
	SEA_ASSERT(part < NR_PARTS);
	return sea_load_acquire(&map.writable[part / 64]) >> part % 64 & 1;
}

/* Two threads may do this at once: committing twice does no harm. */
static bool make_writable(size_t part)
{
	const char *first = (const char *)(sea_seams_first << SEA_GRANULE_SHIFT) + part * PART;
	if (is_writable(part))
		return true;
	if (!sea_os_commit((char *)sea_seams + part * (PART / SEA_BYTES_PER_SEAMS), PART / SEA_BYTES_PER_SEAMS) ||
	    !sea_os_commit(sea_seams_start_of(first), PART / SEA_BYTES_PER_START))
		return false;
	sea_or_release(&map.writable[part / 64], 1ull << part % 64);
	return true;
}

bool sea_seams_cover(const char *slot)
{
	SEA_ASSERT((uintptr_t)slot % SEA_SLOT_SIZE == 0);
	if (unlikely(!sea_load_acquire(&map.is_made)))
		make_once(slot);
	uintptr_t bit = sea_seams_bit(slot);
	return bit >= sea_seams_nr || make_writable(part_of(bit));
}

uint64_t *sea_seams_of(const char *base)
{
	uintptr_t bit = sea_seams_bit(base);
	if (bit >= sea_load_relaxed(&sea_seams_nr))
		return NULL;
	SEA_ASSERT(is_writable(part_of(bit)));
	return (uint64_t *)((char *)sea_seams + bit / 8);
}

/* One call for each part.  Mostly that is one for a buddy of the page allocator. */
void sea_seams_purge(const char *base, size_t size)
{
	SEA_ASSERT((uintptr_t)base % sea_page_size() == 0);
	const char *end = base + sea_round_down(size, SEA_SLOT_SIZE);
	for (const char *from = base, *to; from < end; from = to) {
		uintptr_t bit = sea_seams_bit(from);
		to = (const char *)sea_min((uintptr_t)end, sea_round_down((uintptr_t)from, PART) + PART);
		size_t bytes = (size_t)(to - from) / SEA_BYTES_PER_SEAMS;
		bool whole_pages = (bit / 8 | bytes) % sea_page_size() == 0;
		if (bit < sea_load_relaxed(&sea_seams_nr) && is_writable(part_of(bit)) && whole_pages)
			sea_os_purge((char *)sea_seams + bit / 8, bytes);
	}
}

/* W3 for the slot with this index. */
static bool slot_is_sound(size_t slot)
{
	uintptr_t bit = slot * (SEA_SLOT_SIZE / SEA_GRANULE);
	const char *address = (const char *)((sea_seams_first + bit) << SEA_GRANULE_SHIFT);
	return !sea_pagemap_zone(address) || is_writable(part_of(bit));
}

bool sea_seams_are_sound(void)
{
	for (size_t slot = 0; slot < sea_seams_nr / (SEA_SLOT_SIZE / SEA_GRANULE); slot++)
		if (!slot_is_sound(slot))
			return false;
	return true;
}
