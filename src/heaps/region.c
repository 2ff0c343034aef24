/* SPDX-License-Identifier: MIT */
/* region.c - seamalloc_region.h */
#include "seamalloc_region.h"

#include "base/text.h"
#include "heaps/handle.h"
#include "map/map.h"

static int failed(int error)
{
	errno = error;
	return -1;
}

/* --- the map -------------------------------------------------------------------------------- */

int sea_region_reserve(sea_heap *heap, void *base, size_t length, const char *label)
{
	switch (sea_named_reserve(sea_handle_of(heap), "sea_region_reserve", base, length, label ? label : "")) {
	case SEA_RESERVED: return 0;
	case SEA_RESERVED_IN_USE: return failed(EBUSY);
	case SEA_RESERVED_NO_ROOM: return failed(ENOSPC);
	default: return failed(EINVAL);
	}
}

int sea_region_release(sea_heap *heap, void *base)
{
	return sea_named_unreserve(sea_handle_of(heap), "sea_region_release", base) ? 0 : failed(EINVAL);
}

static void name_range(struct sea_range *range, enum sea_range_kind kind, const char *label)
{
	range->kind = kind;
	sea_text_copy(range->label, sizeof(range->label), label);
}

/* The next range of the process at or above `from`. */
static bool next_of_process(const char *from, struct sea_range *range)
{
	struct sea_region region;
	if (!sea_region_above(from, &region))
		return false;
	range->base = region.base;
	range->length = region.size;
	if (region.kind == SEA_REGION_AVAILABLE)
		name_range(range, SEA_RANGE_AVAILABLE, "pages");
	else
		name_range(range, SEA_RANGE_OCCUPIED, region.kind == SEA_REGION_WHOLE ? "large block" : "seamalloc");
	return true;
}

static bool next_of_heap(sea_heap *heap, const char *from, struct sea_range *range)
{
	static const enum sea_range_kind kinds[] = {
		[SEA_SPOT_AVAILABLE] = SEA_RANGE_AVAILABLE, [SEA_SPOT_RESERVED] = SEA_RANGE_RESERVED,
		[SEA_SPOT_OCCUPIED] = SEA_RANGE_OCCUPIED};
	struct sea_spot spot;
	if (!sea_named_next_spot(sea_handle_of(heap), "sea_region_iterate", from, &spot))
		return false;
	range->base = spot.base;
	range->length = spot.length;
	name_range(range, kinds[spot.kind], spot.label);
	return true;
}

int sea_region_iterate(sea_heap *heap, int (*visit)(const struct sea_range *range, void *context), void *context)
{
	struct sea_range range;
	const char *from = NULL;
	while (heap ? next_of_heap(heap, from, &range) : next_of_process(from, &range)) {
		SEA_LEAVES_HERE();
		int result = visit(&range, context);
		if (result)
			return result;
		from = (const char *)range.base + range.length;
	}
	return 0;
}

/* --- handing over ---------------------------------------------------------------------------- */

static int error_of(enum sea_handed result)
{
	bool is_memory = result == SEA_HANDED_NO_MEMORY || result == SEA_HANDED_OVER_QUOTA;
	return is_memory ? ENOMEM : EINVAL;
}

void *sea_region_alloc(sea_heap *heap, size_t size)
{
	struct sea_named *named = sea_named_enter(sea_handle_of(heap), "sea_region_alloc");
	char *block = NULL;
	enum sea_handed result = named->plot ? SEA_HANDED_INVALID : sea_handover_alloc(named, size, &block);
	sea_named_leave(named);
	return block ? block : sea_fail(error_of(result));
}

int sea_region_export(sea_heap *heap, void *block, int *fd, size_t *offset, size_t *length)
{
	struct sea_parcel parcel;
	struct sea_named *named = sea_named_enter(sea_handle_of(heap), "sea_region_export");
	enum sea_handed result = sea_handover_export(named, block, &parcel);
	sea_named_leave(named);
	if (result != SEA_HANDED)
		return failed(error_of(result));
	*fd = parcel.file;
	*offset = parcel.offset;
	*length = parcel.length;
	return 0;
}

void *sea_region_import(sea_heap *heap, int fd, size_t offset, size_t length)
{
	struct sea_parcel parcel = {fd, offset, length};
	struct sea_named *named = sea_named_enter(sea_handle_of(heap), "sea_region_import");
	char *block = NULL;
	enum sea_handed result = named->plot ? SEA_HANDED_INVALID : sea_handover_import(named, &parcel, &block);
	sea_named_leave(named);
	return result == SEA_HANDED ? block : sea_fail(error_of(result));
}

size_t sea_region_in_transit(void) { return sea_handover_in_transit(); }
