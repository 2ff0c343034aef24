/* SPDX-License-Identifier: MIT */
/* guard.c - the places, and who gets one
 *
 *    page     0      1      2      3      4      5     ...
 *             none   place  none   place  none   place      place  none
 *
 * GU1  The page of a place has memory only while its state is IN_WORK or LIVE, or if the system
 *      refused to take it back.
 * GU2  A live block lies in the page of its place, at its start or so that less than a granule is
 *      behind it.  All other bytes of the page hold FILL.
 * GU3  A place whose block was freed is used again only if no place is unused, and the one that
 *      was freed first comes first.
 *
 * A place changes hands by its state: who sets IN_WORK by an atomic swap has it.  If the process
 * forks while another thread has one, that place is lost in the child.
 *
 * Guards begin when the process has drawn so much that their start, some 30 us, does not count.
 * They end for good if the system has no room.  A block is guarded only while nobody
 * but us handles SIGSEGV: a program that does so itself may have other uses for faults,
 * and we could not report.
 */
#include "guard/guard.h"

#include <string.h>

#include "base/bits.h"
#include "base/chance.h"
#include "base/check.h"
#include "base/options.h"
#include "base/os.h"
#include "base/page_size.h"
#include "guard/report.h"
#include "guard/place.h"
#include "map/map.h"

/* A byte that neither text nor numbers often have. */
#define FILL 0xc5
#define FILL_WORD (UINT64_MAX / 255 * FILL)
/* The first block is guarded when threads have drawn so many times the option's number of chunks:
 * at 5000, after some 5 ms of work at least. */
#define YOUNG_ROUNDS 10
/* One block in so many lies at the start of its page: overflows are more frequent than
 * underflows. */
#define AT_START_ONE_IN 4

uintptr_t sea_guard_first, sea_guard_bytes;

static struct sea_guard_place places[SEA_GUARD_PLACES];
static size_t nr_freed; /* atomic */

/* --- where ------------------------------------------------------------------------- */

static size_t nr_bytes(void) { return (2 * SEA_GUARD_PLACES + 1) * sea_page_size(); }

static char *page_of(const struct sea_guard_place *place)
{
	SEA_ASSERT(place >= places && place < places + SEA_GUARD_PLACES);
	return (char *)sea_load_relaxed(&sea_guard_first) + (size_t)(2 * (place - places) + 1) * sea_page_size();
}

/* The place whose block an address is nearest to.  Between two places: the page belongs half to
 * the place in front, half to the one behind, unless one has never had a block. */
static struct sea_guard_place *place_near(const void *address)
{
	uintptr_t at = (uintptr_t)address - sea_load_relaxed(&sea_guard_first);
	size_t page = at >> sea_page_shift();
	SEA_ASSERT(page <= 2 * SEA_GUARD_PLACES);
	if (page % 2 || !page)
		return &places[page / 2];
	struct sea_guard_place *before = &places[page / 2 - 1];
	if (page == 2 * SEA_GUARD_PLACES)
		return before;
	bool is_near_next = at % sea_page_size() >= sea_page_size() / 2;
	struct sea_guard_place *near = before + is_near_next, *far = before + !is_near_next;
	return near->block || !far->block ? near : far;
}

/* --- chance -------------------------------------------------------------------------- */

/* A random number.  Any thread. */
static uint64_t draw(void)
{
	static uint64_t state;
	struct sea_chance chance = {sea_add_relaxed_mt(&state, SEA_CHANCE_STEP) + sea_os_secret()};
	return sea_chance_next(&chance);
}

int64_t sea_guard_distance(void)
{
	size_t mean = sea_options.guard;
	return mean ? (int64_t)(1 + draw() % (2 * mean - 1)) : INT64_MAX;
}

/* --- the start ------------------------------------------------------------------------ */

enum { NOT_BEGUN, BEGINNING, BEGUN, REFUSED };
static uint32_t progress; /* atomic */

static void see_fault(const struct sea_fault *fault)
{
	if (!sea_guard_has(fault->address))
		return;
	const struct sea_guard_place *place = place_near(fault->address);
	if (place->block)
		sea_report_access(place, fault->address, fault->context);
}

static bool make_range(void)
{
	char *base = sea_span_reserve_plain(nr_bytes(), sea_page_size());
	if (!base)
		return false;
	if (!sea_region_add(base, nr_bytes(), SEA_REGION_METADATA)) {
		sea_span_release(base, nr_bytes());
		return false;
	}
	sea_store_release(&sea_guard_first, (uintptr_t)base);
	sea_store_release(&sea_guard_bytes, nr_bytes());
	return true;
}

static void begin(void)
{
	if (!sea_swap_if(&progress, NOT_BEGUN, BEGINNING))
		return;
	bool is_ready = sea_os_catch_faults(see_fault);
	if (!is_ready) {
		sea_store_release(&progress, NOT_BEGUN); /* the program may give its handler up */
		return;
	}
	sea_store_release(&progress, make_range() ? BEGUN : REFUSED);
}

/* Claim: the last block was guarded long enough ago.  A guarded block takes some 23 us,
 * and one comes in as many us as the option says at most: at 5000, half a percent of
 * one processor's time. */
static bool is_due(void)
{
	static uint64_t next; /* us; atomic */
	uint64_t now = sea_os_now_us(), due = sea_load_relaxed(&next);
	return now >= due && sea_swap_if(&next, due, now + sea_options.guard);
}

/* Claim: a block may be guarded, and a fault would be reported.  The system is asked only if one
 * is due: the call would else come once in 5000 chunks. */
static bool is_ready(void)
{
	static size_t nr_rounds;
	bool has_begun = sea_load_acquire(&progress) == BEGUN;
	if (!sea_options.guard || sea_os_is_confined())
		return false;
	if (!has_begun && sea_add_relaxed_mt(&nr_rounds, 1) <= YOUNG_ROUNDS)
		return false;
	if (!is_due())
		return false;
	if (has_begun)
		return sea_os_catches_faults() || sea_os_catch_faults(see_fault);
	begin();
	return sea_load_acquire(&progress) == BEGUN;
}

/* --- malloc ---------------------------------------------------------------------------- */

/* Takes the place that was freed first.  NULL: none is freed, or other threads are faster. */
static struct sea_guard_place *take_freed(void)
{
	struct sea_guard_place *oldest = NULL;
	for (struct sea_guard_place *place = places; place < places + SEA_GUARD_PLACES; place++)
		if (sea_load_acquire(&place->state) == SEA_GUARD_FREED && (!oldest || place->freed_as < oldest->freed_as))
			oldest = place;
	return oldest && sea_swap_if(&oldest->state, SEA_GUARD_FREED, SEA_GUARD_IN_WORK) ? oldest : NULL;
}

static struct sea_guard_place *take_place(void)
{
	for (struct sea_guard_place *place = places; place < places + SEA_GUARD_PLACES; place++)
		if (sea_load_relaxed(&place->state) == SEA_GUARD_UNUSED &&
		    sea_swap_if(&place->state, SEA_GUARD_UNUSED, SEA_GUARD_IN_WORK))
			return place;
	return take_freed();
}

/* GU2. */
static void place_block(struct sea_guard_place *place, size_t size)
{
	SEA_ASSERT(size > 0 && size <= sea_page_size());
	SEA_ASSERT(sea_load_relaxed(&place->state) == SEA_GUARD_IN_WORK);
	char *page = page_of(place);
	size_t room = sea_page_size(), length = sea_round_up(size, SEA_GRANULE);
	place->block = draw() % AT_START_ONE_IN ? page + room - length : page;
	place->size = size;
	SEA_ASSERT(place->block >= page && place->block + size <= page + room); /* GU2 */
	memset(page, FILL, (size_t)(place->block - page));
	memset(place->block + size, FILL, (size_t)(page + room - place->block) - size);
}

/* The state goes back to what it was. */
static void *give_up(struct sea_guard_place *place)
{
	SEA_ASSERT(sea_load_relaxed(&place->state) == SEA_GUARD_IN_WORK);
	sea_store_release(&place->state, place->block ? SEA_GUARD_FREED : SEA_GUARD_UNUSED);
	return NULL;
}

void *sea_guard_alloc(size_t size)
{
	if (!size || size > sea_page_size() || !is_ready())
		return NULL;
	struct sea_guard_place *place = take_place();
	if (!place)
		return NULL;
	if (!sea_os_commit(page_of(place), sea_page_size()))
		return give_up(place);
	place_block(place, size);
	sea_trace_here(&place->allocated);
	sea_store_release(&place->state, SEA_GUARD_LIVE);
	return place->block;
}

/* --- free ------------------------------------------------------------------------------- */

/* The first byte of [from, to) that does not hold FILL; `to` if all do. */
static const char *find_changed(const char *from, const char *to)
{
	SEA_ASSERT(from <= to);
	uint64_t word;
	for (; (size_t)(to - from) >= sizeof(word); from += sizeof(word)) {
		memcpy(&word, from, sizeof(word));
		if (word != FILL_WORD)
			break;
	}
	while (from < to && (unsigned char)*from == FILL)
		from++;
	return from;
}

/* A byte beside the live block that was written to, or NULL (GU2).  The nearest one behind, or the
 * lowest one in front. */
static const char *changed_beside(const struct sea_guard_place *place)
{
	const char *page = page_of(place), *behind = page + sea_page_size();
	const char *changed = find_changed(place->block + place->size, behind);
	if (changed < behind)
		return changed;
	changed = find_changed(page, place->block);
	return changed < place->block ? changed : NULL;
}

/* GU1.  A process that has given up rights makes no call. */
static void close_page(struct sea_guard_place *place)
{
	SEA_ASSERT(sea_load_relaxed(&place->state) == SEA_GUARD_IN_WORK);
	if (!sea_os_is_confined())
		sea_os_reset(page_of(place), sea_page_size());
}

void sea_guard_free(void *block)
{
	SEA_ASSERT(sea_guard_has(block));
	struct sea_guard_place *place = place_near(block);
	if (place->block != block || !sea_swap_if(&place->state, SEA_GUARD_LIVE, SEA_GUARD_IN_WORK))
		sea_report_mistake(place, "free", block);
	const char *changed = changed_beside(place);
	if (changed)
		sea_report_changed(place, changed);
	sea_trace_here(&place->freed);
	close_page(place);
	place->freed_as = sea_add_relaxed_mt(&nr_freed, 1);
	sea_store_release(&place->state, SEA_GUARD_FREED);
}

static uint32_t keeps_sizes; /* atomic */

void sea_guard_keep_sizes(void)
{
	if (!sea_guard_keeps_sizes())
		sea_store_relaxed(&keeps_sizes, 1);
}

bool sea_guard_keeps_sizes(void) { return sea_load_relaxed(&keeps_sizes); }

/* --- questions ---------------------------------------------------------------------------- */

size_t sea_guard_size(const void *block)
{
	SEA_ASSERT(sea_guard_has(block));
	const struct sea_guard_place *place = place_near(block);
	return place->block == block && sea_load_acquire(&place->state) == SEA_GUARD_LIVE ? place->size : 0;
}

void sea_guard_mistake(const char *verb, const void *block) { sea_report_mistake(place_near(block), verb, block); }

void sea_guard_count(size_t *live, size_t *pages)
{
	*live = *pages = 0;
	for (const struct sea_guard_place *place = places; place < places + SEA_GUARD_PLACES; place++)
		if (sea_load_acquire(&place->state) == SEA_GUARD_LIVE) {
			*live += place->size;
			*pages += sea_page_size();
		}
}

static bool place_is_sound(const struct sea_guard_place *place)
{
	if (place->state != SEA_GUARD_LIVE)
		return true;
	const char *page = page_of(place);
	size_t length = sea_round_up(place->size, SEA_GRANULE);
	bool is_inside = place->block == page || place->block + length == page + sea_page_size();
	return is_inside && place->size && length <= sea_page_size() && !changed_beside(place);
}

bool sea_guard_is_sound(void)
{
	struct sea_region region;
	if (sea_load_acquire(&progress) != BEGUN)
		return !sea_guard_bytes;
	bool sound = sea_region_find((const char *)sea_guard_first, &region) && region.size == nr_bytes();
	for (const struct sea_guard_place *place = places; place < places + SEA_GUARD_PLACES && sound; place++)
		sound = place_is_sound(place);
	return sound;
}
