/* SPDX-License-Identifier: MIT */
/* pagemap.h - from an address to what it belongs to
 *
 *    address   47          36 35        20 19         4 3  0
 *             [   window     |    slot    |  granule   |   0 ]
 *
 * A slot is 1 MiB of addresses: one zone, or part of an arena without zones.  A window is a table
 * for 64 GiB of slots.  One exists for each 64 GiB in which we ever had memory.  Of a whole arena
 * only the first slot is entered.  The fast paths of malloc and free do not read this map, but the
 * seams (seammap.h).
 *
 * PM1  A slot is written before the first block in it is handed out.  When the program passes
 *      that block to another thread, it orders this write too.
 * PM2  Each window is a mapping of its own in the region map.
 * PM3  A slot that has an arena or a zone is in a range of the region map.
 */
#ifndef SEA_PAGEMAP_H
#define SEA_PAGEMAP_H

#include "base/atomic.h"
#include "base/compiler.h"

#define SEA_SLOT_SHIFT 20
#define SEA_SLOT_SIZE ((size_t)1 << SEA_SLOT_SHIFT)
#define SEA_WINDOW_SHIFT 36
#define SEA_WINDOW_SLOTS ((size_t)1 << (SEA_WINDOW_SHIFT - SEA_SLOT_SHIFT))
#define SEA_GRANULE_SHIFT 4
#define SEA_GRANULE ((size_t)1 << SEA_GRANULE_SHIFT)

/* Bits of an address that we can describe: all that Linux hands out unless it is asked for more,
 * on every 64-bit processor. */
#define SEA_ADDRESS_BITS 48

struct sea_arena;
struct sea_zone;

/* Bit 0 of an entry: no zone, but a structure of hardened mode, is in the slot. */
#define SEA_IS_NO_ZONE 1u

struct sea_window {
	struct {
		struct sea_zone *zone;
		struct sea_arena *arena;
	} slot[SEA_WINDOW_SLOTS]; /* side by side: the slots of a small heap are on one page */
};

#define SEA_NR_WINDOWS ((size_t)1 << (SEA_ADDRESS_BITS - SEA_WINDOW_SHIFT))

/* sea_swap_if() of a new window pairs with sea_load_acquire() of a look-up. */
extern SEA_HIDDEN struct sea_window *sea_pagemap_directory[SEA_NR_WINDOWS];

/* The window that covers `address`, or NULL. */
SEA_INLINE struct sea_window *sea_pagemap_window(const void *address)
{
	size_t number = (uintptr_t)address >> SEA_WINDOW_SHIFT;
	return number < SEA_NR_WINDOWS ? sea_load_acquire(&sea_pagemap_directory[number]) : NULL;
}

/* Makes windows for [base, base + size).  False: out of memory, or the range cannot be
 * described. */
bool sea_pagemap_cover(const char *base, size_t size);

/* Sets the owner of the slots of a covered range; NULL removes it. */
void sea_pagemap_set_arena(const char *base, size_t size, struct sea_arena *arena);
void sea_pagemap_set_zone(const void *base, struct sea_zone *zone);

/* NULL if the address is not ours. */
struct sea_arena *sea_pagemap_arena(const void *address);
SEA_INLINE size_t sea_slot_of(const void *address)
{
	return (uintptr_t)address >> SEA_SLOT_SHIFT & (SEA_WINDOW_SLOTS - 1);
}

/* What sea_pagemap_set_zone() was told.  SEA_IS_NO_ZONE is set if that is no zone. */
SEA_INLINE uintptr_t sea_pagemap_tagged(const void *address)
{
	struct sea_window *window = sea_pagemap_window(address);
	return window ? (uintptr_t)sea_load_acquire(&window->slot[sea_slot_of(address)].zone) : 0;
}

/* NULL if no zone is there. */
SEA_INLINE struct sea_zone *sea_pagemap_zone(const void *address)
{
	uintptr_t tagged = sea_pagemap_tagged(address);
	return tagged & SEA_IS_NO_ZONE ? NULL : (struct sea_zone *)tagged;
}

/* Claim: PM2 and PM3 hold.  Walks every slot.  No other thread sets any. */
bool sea_pagemap_is_sound(void);

#endif
