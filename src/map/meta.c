/* SPDX-License-Identifier: MIT */
/* meta.c - a pointer that only rises, and no free
 *
 *    |####### used #######|........ free ........|
 *    base                 top                    end
 *
 * M1  Bytes at and above top have never been handed out and read as zero.
 * M2  [top, end) is in one mapping, which is in the region map.
 */
#include "map/meta.h"

#include "base/bits.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/os.h"
#include "base/page_size.h"
#include "map/region.h"
#include "map/span.h"

/* Bytes of a mapping at least: they serve a process of one arena and some 4 MiB of zones.  From 2
 * MiB on each mapping is a share of what is used, so that they stay few: some 70 for 100 GiB of
 * zones.  The unused rest of the last mapping counts against limits on address space. */
#define LEAST_MAPPING (256 * SEA_KIB)
#define MAPPING_SHARE 8

static struct {
	struct sea_lock lock;
	char *top, *end;
	size_t nr_used; /* bytes */
} meta = {.lock = SEA_LOCK_INIT(SEA_RANK_META)};
const struct sea_locks sea_locks_meta = {.first = &meta.lock, .nr = 1};

/* Starts a new mapping.  The rest of the old one is lost. */
static bool map_more(size_t size)
{
	size_t usual = sea_max(LEAST_MAPPING, meta.nr_used / MAPPING_SHARE);
	size_t bytes = sea_round_up(sea_max(size, usual), sea_page_size());
	char *base = sea_span_commit(bytes);
	if (!base && bytes > size) {
		bytes = sea_round_up(size, sea_page_size());
		base = sea_span_commit(bytes);
	}
	if (!base)
		return false;
	if (!sea_region_add(base, bytes, SEA_REGION_METADATA)) {
		sea_span_release(base, bytes);
		return false;
	}
	meta.top = base;
	meta.end = base + bytes;
	return true;
}

static void *raise_top(size_t size, size_t align)
{
	SEA_ASSERT(sea_lock_is_held(&meta.lock) && align <= sea_page_size());
	SEA_ASSERT(size > 0 && size % SEA_CACHE_LINE == 0);
	SEA_ASSERT(sea_is_power_of_two(align));
	char *start = (char *)sea_round_up((uintptr_t)meta.top, align);
	if (!meta.top || start > meta.end || (size_t)(meta.end - start) < size) {
		if (!map_more(size))
			return NULL;
		start = meta.top;
	}
	SEA_ASSERT((uintptr_t)start % align == 0);
	meta.top = start + size;
	SEA_ASSERT(meta.top <= meta.end); /* M2 */
	meta.nr_used += size;
	return start;
}

void *sea_meta_alloc_aligned(size_t size, size_t align)
{
	sea_lock_take(&meta.lock);
	void *start = raise_top(sea_round_up(size, SEA_CACHE_LINE), align);
	sea_lock_drop(&meta.lock);
	return start;
}

void *sea_meta_alloc(size_t size) { return sea_meta_alloc_aligned(size, SEA_CACHE_LINE); }

void *sea_meta_alloc_pages(size_t size) { return sea_meta_alloc_aligned(size, sea_page_size()); }

size_t sea_meta_size(void)
{
	sea_lock_take(&meta.lock);
	size_t used = meta.nr_used;
	sea_lock_drop(&meta.lock);
	return used;
}

bool sea_meta_is_sound(void)
{
	struct sea_region region;
	sea_lock_take(&meta.lock);
	bool sound = meta.top <= meta.end && (uintptr_t)meta.top % SEA_CACHE_LINE == 0;
	if (meta.top < meta.end)
		sound &= sea_region_find(meta.top, &region) && region.kind == SEA_REGION_METADATA &&
			 meta.end == region.base + region.size;
	for (const char *byte = meta.top; byte < meta.end; byte++)
		sound &= !*byte;
	sea_lock_drop(&meta.lock);
	return sound;
}
