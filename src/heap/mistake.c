/* SPDX-License-Identifier: MIT */
/* mistake.c - what is this pointer?
 *
 * Reads bitmaps and page states without locks.  The process is about to end, and a thread that
 * holds a lock may have caused the mistake.
 */
#include "heap/mistake.h"

#include "base/check.h"
#include "guard/guard.h"
#include "page/page_alloc.h"
#include "secure/secure.h"
#include "heap/zone.h"

#define FREED "this block was freed already (double free)"

static _Noreturn void explain_chunk(const char *verb, const struct sea_zone *zone, const char *block)
{
	unsigned g = sea_granule_of(block);
	unsigned start = sea_zone_chunk_start(zone, g);
	size_t size = sea_zone_chunk_size(zone, start) * SEA_GRANULE;
	size_t offset = (size_t)(block - sea_zone_address(zone, start));
	if (!sea_bit_test(zone->used, g) || sea_bit_test(zone->pending, start))
		sea_fatal_block(verb, block, FREED, 0, 0);
	if (offset == 0)
		sea_fatal_block(verb, block, FREED "; it has %z bytes", size, 0);
	sea_fatal_inside(verb, block, offset, size);
}

void sea_mistake_link(const void *block, const void *next)
{
	if (!block)
		sea_fatal_block("use", next, "a block was written to after it was freed: this stood in its first word", 0, 0);
	if ((uintptr_t)next % SEA_GRANULE || !sea_zone_of(next))
		sea_fatal_block("use", block, "this block was written to after it was freed", 0, 0);
	sea_fatal_block("use", block, "this block was written to after it was freed, or the next one that is free", 0, 0);
}

void sea_mistake(const char *verb, const void *block)
{
	void *base = NULL;
	size_t size = 0;
	const struct sea_zone *zone = sea_zone_of(block);
	if (sea_guard_has(block))
		sea_guard_mistake(verb, block);
	if (zone)
		explain_chunk(verb, zone, block);
	if (sea_secure_is_on() && sea_secure_find(verb, block, &size))
		sea_fatal_block(verb, block, "this block of %z bytes was not allocated there", size, 0);
	switch (sea_pages_at(block, &base, &size)) {
	case SEA_AT_FREE:
		sea_fatal_block(verb, block, FREED, 0, 0);
	case SEA_AT_RUN:
		sea_fatal_inside(verb, block, (size_t)((const char *)block - (char *)base), size);
	default:
		sea_fatal_foreign(verb, block);
	}
}

void sea_mistake_size(const void *block, size_t told, size_t size)
{
	sea_fatal_block("free", block, "it is freed as a block of %z bytes, but has only %z", told, size);
}
