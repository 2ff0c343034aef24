/* SPDX-License-Identifier: MIT */
/* map.c - what each part of physical memory is
 *
 *    firmware says   |      available      | reserved |      available      |
 *    we say             | image |                            | its tables |
 *    map             |av| occ.  | available | reserved | av. |  occupied  |av|
 *
 * Ranges are in address order and do not overlap.  What is in no range is not memory.
 */
#include "kernel.h"

#define MAP_ROOM 64

struct range map[MAP_ROOM + 2];
size_t map_nr;

static void insert(size_t at, struct range range)
{
	if (range.base >= range.end)
		return;
	CHECK(map_nr < MAP_ROOM);
	memmove(&map[at + 1], &map[at], (map_nr++ - at) * sizeof(*map));
	map[at] = range;
}

static void remove_range(size_t at) { memmove(&map[at], &map[at + 1], (--map_nr - at) * sizeof(*map)); }

void map_set(uintptr_t base, uintptr_t end, enum kind kind, bool is_constant, const char *name)
{
	struct range range = {base, end, kind, is_constant, name, 0};
	size_t i = 0;
	while (i < map_nr && map[i].end <= base)
		i++;
	while (i < map_nr && map[i].base < end) {
		struct range low = map[i], high = map[i];
		low.end = sea_min(low.end, base);
		high.base = sea_max(high.base, end);
		remove_range(i);
		insert(i, low);
		i += low.base < low.end;
		insert(i, high);
		if (high.base < high.end)
			break;
	}
	insert(i, range);
}

/* Only whole pages are available. */
void map_round(void)
{
	for (size_t i = 0; i < map_nr;) {
		if (map[i].kind == AVAILABLE) {
			map[i].base = sea_round_up(map[i].base, PAGE_SIZE);
			map[i].end = sea_round_down(map[i].end, PAGE_SIZE);
		}
		if (map[i].base >= map[i].end)
			remove_range(i);
		else
			i++;
	}
}

void map_print(void)
{
	static const char *const kinds[] = {"available", "reserved ", "occupied "};
	for (size_t i = 0; i < map_nr; i++)
		print("  %s  0x%x to 0x%x  %s\n", kinds[map[i].kind], map[i].base, map[i].end, map[i].name);
	print("  available: %u pages\n", map_pages(AVAILABLE));
}

size_t map_pages(enum kind kind)
{
	size_t pages = 0;
	for (size_t i = 0; i < map_nr; i++)
		if (map[i].kind == kind)
			pages += (map[i].end - map[i].base) / PAGE_SIZE;
	return pages;
}

/* FNV-1a, by words. */
static uint64_t sum_of(const struct range *range)
{
	uint64_t sum = 0xcbf29ce484222325ull;
	for (uintptr_t at = sea_round_up(range->base, 8); at + 8 <= range->end; at += 8)
		sum = (sum ^ *(volatile const uint64_t *)at) * 0x100000001b3ull;
	return sum;
}

void map_sum(void)
{
	size_t nr = 0;
	for (size_t i = 0; i < map_nr; nr += map[i++].is_constant)
		if (map[i].is_constant)
			map[i].sum = sum_of(&map[i]);
	print("  checksums of %u ranges that nobody may write to\n", nr);
}

bool map_is_unchanged(void)
{
	bool is_unchanged = true;
	for (size_t i = 0; i < map_nr; i++)
		is_unchanged &= !map[i].is_constant || map[i].sum == sum_of(&map[i]);
	return is_unchanged;
}
