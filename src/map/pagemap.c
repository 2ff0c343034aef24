/* SPDX-License-Identifier: MIT */
/* pagemap.c - the directory of windows
 *
 * A window takes 1 MiB of address space.  Only its pages that describe slots in use have memory.
 * Windows are never released.
 */
#include "map/pagemap.h"

#include "base/check.h"
#include "base/os.h"
#include "base/page_size.h"
#include "map/region.h"
#include "map/span.h"

struct sea_window *sea_pagemap_directory[SEA_NR_WINDOWS];

static size_t number_of(const void *address) { return (uintptr_t)address >> SEA_WINDOW_SHIFT; }

static size_t window_bytes(void)
{
	size_t page = sea_page_size();
	return (sizeof(struct sea_window) + page - 1) & ~(page - 1);
}

static struct sea_window *map_window(void)
{
	size_t bytes = window_bytes();
	char *window = sea_span_commit(bytes);
	if (!window || sea_region_add(window, bytes, SEA_REGION_METADATA))
		return (struct sea_window *)window;
	sea_span_release(window, bytes);
	return NULL;
}

static bool add_window(size_t number)
{
	SEA_ASSERT(number < SEA_NR_WINDOWS);
	struct sea_window *window = map_window();
	if (!window)
		return false;
	if (!sea_swap_if(&sea_pagemap_directory[number], NULL, window)) {
		sea_region_remove((char *)window);
		sea_span_release((char *)window, window_bytes());
		return true;
	}
	return true;
}

bool sea_pagemap_cover(const char *base, size_t size)
{
	SEA_ASSERT(size > 0);
	size_t last = number_of(base + size - 1);
	if (last >= SEA_NR_WINDOWS)
		return false;
	for (size_t number = number_of(base); number <= last; number++)
		if (!sea_load_acquire(&sea_pagemap_directory[number]) && !add_window(number))
			return false;
	return true;
}

void sea_pagemap_set_arena(const char *base, size_t size, struct sea_arena *arena)
{
	SEA_ASSERT(((uintptr_t)base | size) % SEA_SLOT_SIZE == 0);
	SEA_ASSERT(sea_pagemap_window(base) && sea_pagemap_window(base + size - 1));
	for (const char *slot = base; slot < base + size; slot += SEA_SLOT_SIZE)
		sea_store_release(&sea_pagemap_window(slot)->slot[sea_slot_of(slot)].arena, arena);
}

void sea_pagemap_set_zone(const void *base, struct sea_zone *zone)
{
	SEA_ASSERT((uintptr_t)base % SEA_SLOT_SIZE == 0 && sea_pagemap_window(base));
	sea_store_release(&sea_pagemap_window(base)->slot[sea_slot_of(base)].zone, zone);
}

struct sea_arena *sea_pagemap_arena(const void *address)
{
	struct sea_window *window = sea_pagemap_window(address);
	return window ? sea_load_acquire(&window->slot[sea_slot_of(address)].arena) : NULL;
}

/* PM3: claim: the address is in a range that may have blocks. */
static bool is_for_blocks(const char *address)
{
	struct sea_region region;
	return sea_region_find(address, &region) && region.kind != SEA_REGION_METADATA;
}

static bool slots_are_sound(const struct sea_window *window, size_t number)
{
	for (size_t slot = 0; slot < SEA_WINDOW_SLOTS; slot++) {
		const char *address = (const char *)((number << SEA_WINDOW_SHIFT) + (slot << SEA_SLOT_SHIFT));
		bool is_used = sea_load_relaxed(&window->slot[slot].arena) || sea_load_relaxed(&window->slot[slot].zone);
		if (is_used && !is_for_blocks(address))
			return false;
	}
	return true;
}

bool sea_pagemap_is_sound(void)
{
	struct sea_region region;
	for (size_t number = 0; number < SEA_NR_WINDOWS; number++) {
		const struct sea_window *window = sea_load_acquire(&sea_pagemap_directory[number]);
		if (!window)
			continue;
		if (!sea_region_find((const char *)window, &region) || region.base != (const char *)window)
			return false;
		if (region.kind != SEA_REGION_METADATA || region.size != window_bytes() || !slots_are_sound(window, number))
			return false;
	}
	return true;
}
