/* SPDX-License-Identifier: MIT */
/* span.c - reserved and released with its guards */
#include "map/span.h"

#include "base/bits.h"
#include "base/check.h"
#include "base/os.h"
#include "base/page_size.h"

size_t sea_span_guard(void) { return sea_page_size(); }

/* Releases the ends of a range, outside [from, to). */
static void trim(char *base, char *end, char *from, char *to)
{
	SEA_ASSERT(base <= from && from < to && to <= end);
	if (base < from)
		sea_os_release(base, (size_t)(from - base));
	if (to < end)
		sea_os_release(to, (size_t)(end - to));
}

enum {
	/* Places that are tried if there is no room for slack: 64 MiB of them for multiples of 1
	 * MiB.  The holes between a program's libraries are fewer. */
	MAX_PLACES = 64
};

/* For address space without room for slack: tries the multiples of `align` at and below the place
 * that the system chooses. */
static char *reserve_exactly(size_t size, size_t align, bool is_plain)
{
	size_t guard = sea_span_guard(), bytes = size + 2 * guard;
	char *there = sea_os_reserve_at(NULL, bytes, is_plain);
	if (!there)
		return NULL;
	uintptr_t base = sea_round_down((uintptr_t)there + guard, align);
	if (there == (char *)(base - guard))
		return (char *)base;
	sea_os_release(there, bytes);
	for (size_t i = 0; i < MAX_PLACES && base >= align; i++, base -= align) {
		there = sea_os_reserve_at((char *)(base - guard), bytes, is_plain);
		if (there == (char *)(base - guard))
			return (char *)base;
		if (there)
			sea_os_release(there, bytes);
	}
	return NULL;
}

static char *reserve(size_t size, size_t align, bool is_plain)
{
	SEA_ASSERT(size > 0 && size % sea_page_size() == 0);
	SEA_ASSERT(sea_is_power_of_two(align) && align >= sea_page_size());
	size_t guard = sea_span_guard(), bytes = size + 2 * guard + align - sea_page_size();
	if (bytes < size)
		return NULL;
	char *wide = sea_os_reserve_at(NULL, bytes, is_plain);
	if (!wide)
		return align > sea_page_size() ? reserve_exactly(size, align, is_plain) : NULL;
	char *base = (char *)sea_round_up((uintptr_t)wide + guard, align);
	trim(wide, wide + bytes, base - guard, base + size + guard);
	return base;
}

char *sea_span_reserve(size_t size, size_t align) { return reserve(size, align, false); }

char *sea_span_reserve_plain(size_t size, size_t align) { return reserve(size, align, true); }

char *sea_span_reserve_zeros(size_t size)
{
	SEA_ASSERT(size > 0 && size % sea_page_size() == 0);
	size_t guard = sea_span_guard();
	char *wide = sea_os_reserve_zeros(size + 2 * guard);
	if (!wide)
		return NULL;
	if (sea_os_reset(wide, guard) && sea_os_reset(wide + guard + size, guard))
		return wide + guard;
	sea_os_release(wide, size + 2 * guard);
	return NULL;
}

char *sea_span_commit(size_t size)
{
	SEA_ASSERT(size > 0 && size % sea_page_size() == 0);
	char *base = sea_span_reserve(size, sea_page_size());
	if (!base || sea_os_commit(base, size))
		return base;
	sea_span_release(base, size);
	return NULL;
}

bool sea_span_release(char *base, size_t size)
{
	SEA_ASSERT(((uintptr_t)base | size) % sea_page_size() == 0 && size > 0);
	size_t guard = sea_span_guard();
	return sea_os_release(base - guard, size + 2 * guard);
}

bool sea_span_cut(char *base, size_t size, size_t to)
{
	SEA_ASSERT(((uintptr_t)base | size | to) % sea_page_size() == 0);
	size_t guard = sea_span_guard();
	SEA_ASSERT(to > 0 && to < size);
	return sea_os_reset(base + to, guard) && sea_os_release(base + to + guard, size - to);
}
