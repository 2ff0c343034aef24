/* SPDX-License-Identifier: MIT */
/* emergency.c - a pointer that only rises, without a lock
 *
 *    | size | block | size | block |      free      |
 *    base                          top              end
 *
 * N1  Bytes above `top` read as zero.
 * N2  Regions are never released.  The first is static; the others are mappings, the newest in
 *     front.  They are not in the region map, because that has a lock.
 * N3  The word before a block is its size.  A block is aligned to 16 bytes.
 */
#include "base/emergency.h"

#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/os.h"
#include "base/page_size.h"

/* A crash reporter that opens a file and starts a child takes some 10 KiB. */
#define FIRST_ROOM (64 * SEA_KIB)
/* Bytes of each further region, or more if a block needs more. */
#define REGION_SIZE SEA_MIB
#define ALIGN ((size_t)16)

struct region {
	struct region *next;
	char *base, *end;
	char *top; /* atomic */
};

static _Alignas(16) char first_room[FIRST_ROOM];
static struct region first = {.base = first_room, .end = first_room + FIRST_ROOM, .top = first_room};
static struct region *newest = &first; /* atomic */

/* Takes a block from the region.  NULL: the rest is too short. */
static char *take(struct region *region, size_t align, size_t size)
{
	SEA_ASSERT(size > 0 && size % ALIGN == 0);
	for (;;) {
		char *top = sea_load_acquire(&region->top);
		char *block = (char *)sea_round_up((uintptr_t)top + ALIGN, align);
		if (block > region->end || (size_t)(region->end - block) < size)
			return NULL;
		if (!sea_swap_if(&region->top, top, block + size))
			continue;
		((size_t *)block)[-1] = size;
		return block;
	}
}

/* Adds a region that has room for the block.  Other threads may use that room first. */
static struct region *add_region(size_t align, size_t size)
{
	size_t head = sea_round_up(sizeof(struct region), ALIGN);
	size_t bytes = sea_round_up(sea_max(head + ALIGN + align + size, REGION_SIZE), sea_page_size());
	char *base = sea_os_reserve(bytes);
	if (!base)
		return NULL;
	if (!sea_os_commit(base, bytes)) {
		sea_os_release(base, bytes);
		return NULL;
	}
	struct region *region = (struct region *)base;
	*region = (struct region){.base = base, .end = base + bytes, .top = base + head};
	do
		region->next = sea_load_acquire(&newest);
	while (!sea_swap_if(&newest, region->next, region));
	return region;
}

void *sea_emergency_alloc(size_t align, size_t size)
{
	if (size > PTRDIFF_MAX / 4 || align > PTRDIFF_MAX / 4)
		return NULL;
	size = sea_round_up(sea_max(size, 1), ALIGN);
	align = sea_max(align, ALIGN);
	SEA_ASSERT(sea_is_power_of_two(align));
	struct region *region = sea_load_acquire(&newest);
	char *block;
	while (!(block = take(region, align, size)))
		if (!(region = add_region(align, size)))
			return NULL;
	return block;
}

size_t sea_emergency_size(const void *block)
{
	for (const struct region *region = sea_load_acquire(&newest); region; region = region->next)
		if ((const char *)block > region->base && (const char *)block < region->end) {
			SEA_ASSERT(((const size_t *)block)[-1] <= (size_t)(region->end - (const char *)block));
			return ((const size_t *)block)[-1];
		}
	return 0;
}

void *sea_emergency_copy(const void *block, size_t usable, size_t size)
{
	void *copy = sea_emergency_alloc(ALIGN, size);
	return copy ? memcpy(copy, block, sea_min(usable, size)) : NULL;
}

/* N1 and N3 for one region. */
static bool region_is_sound(const struct region *region)
{
	if (region->top < region->base || region->top > region->end || (uintptr_t)region->top % ALIGN)
		return false;
	for (const char *byte = region->top; byte < region->end; byte++)
		if (*byte)
			return false;
	return true;
}

bool sea_emergency_is_sound(void)
{
	const struct region *region = sea_load_acquire(&newest);
	for (; region && region != &first; region = region->next)
		if (!region_is_sound(region))
			return false;
	return region == &first && !first.next && region_is_sound(&first);
}
