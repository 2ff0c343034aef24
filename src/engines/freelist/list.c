/* SPDX-License-Identifier: MIT */
/* freelist/list.c - one free list in address order, neighbours merged at once
 *
 *    zone  |head|size|seal| block |size|seal|next|prev| ... |size|seal| block |0|seal|next|prev|
 *               `---- live ------' `------ hole ----------' `---- live ------'`---- mark -----'
 *
 * The textbook heap (Knuth, The Art of Computer Programming 1, section 2.5, algorithms A and B).
 * A free chunk is a hole and has the descriptor {size, next, prev} in its own memory.
 * Allocation takes the lower part of the first hole that is large enough.  Freeing finds the
 * neighbours in the list and merges with those that touch.  The index finds the same holes as a
 * walk from the front, but sooner.
 *
 * A zone is 1 MiB of chunks.  It ends with a mark, which is in the list like a hole.  So every
 * chunk has a hole or mark above it in its zone, and nothing merges across zones.
 *
 * FL1  Chunks cover a zone from its head to its mark, which is its last 32 bytes.
 * FL2  The list is in address order and has exactly the holes and marks of all zones.
 * FL3  No two holes touch.
 * FL4  spare is NULL, or the one zone that may be empty and stay.
 *
 * The caller holds the lock.  FL1 to FL3 fail only inside these functions.
 */
#include "engines/freelist/list.h"

#include "base/check.h"
#include "page/page_alloc.h"
#include "engines/freelist/index.h"
#include "engines/textbook/blocks.h"

_Static_assert(ZONE_SIZE >= SEA_SMALL_RUN, "a zone serves several of the largest small blocks");

static struct {
	struct hole *first; /* the lowest hole or mark */
	struct zone *spare; /* an empty zone that stays, or NULL */
} list;

/* --- links ---------------------------------------------------------------------- */

/* Puts a hole or mark behind `below`; NULL: at the front. */
static void link_behind(struct hole *below, struct hole *hole)
{
	hole->prev = below;
	hole->next = below ? below->next : list.first;
	SEA_ASSERT(below < hole && (!hole->next || hole < hole->next));
	if (hole->next)
		hole->next->prev = hole;
	if (below)
		below->next = hole;
	else
		list.first = hole;
	sea_index_enter(hole);
}

static void unlink_hole(struct hole *hole)
{
	SEA_CHECK(sea_chunk_is_free(&hole->chunk));
	SEA_CHECK(hole->prev ? hole->prev->next == hole : list.first == hole);
	SEA_CHECK(!hole->next || hole->next->prev == hole);
	sea_index_leave(hole);
	if (hole->prev)
		hole->prev->next = hole->next;
	else
		list.first = hole->next;
	if (hole->next)
		hole->next->prev = hole->prev;
}

/* --- zones ------------------------------------------------------------------------ */

static bool add_zone(struct zone *zone)
{
	struct hole *below, *mark = mark_of(zone), *hole = (struct hole *)(zone + 1);
	sea_pages_touch(zone, hole + 1, true);
	sea_pages_touch(mark, mark + 1, true);
	if (!sea_index_add_zone(zone, &below))
		return false;
	sea_chunk_make_free(&zone->chunk, sizeof(*zone) - SEA_CHUNK_HEADER);
	sea_chunk_make_free(&hole->chunk, (size_t)((char *)mark - (char *)(&hole->chunk + 1)));
	sea_chunk_make_free(&mark->chunk, 0);
	link_behind(below, hole);
	link_behind(hole, mark);
	sea_small.nr_runs++;
	sea_small.run_bytes += ZONE_SIZE;
	return true;
}

/* Adds a zone.  Drops the lock meanwhile. */
static bool grow(void)
{
	sea_lock_drop(&sea_small.lock);
	sea_blocks_start();
	struct zone *zone = sea_pages_alloc(ZONE_SIZE, ZONE_SIZE, SEA_TOUCH_LATER, NULL);
	sea_lock_take(&sea_small.lock);
	if (!zone || add_zone(zone))
		return zone;
	sea_pages_free(zone);
	return false;
}

static bool fills_zone(const struct hole *hole)
{
	return hole == (struct hole *)(zone_of(hole) + 1) && is_mark(hole->next) &&
	       touch_each_other(hole, hole->next);
}

/* Takes a zone that is one hole out of use. */
static struct zone *retire_zone(struct zone *zone)
{
	struct hole *hole = (struct hole *)(zone + 1), *mark = mark_of(zone);
	SEA_ASSERT(fills_zone(hole));
	unlink_hole(mark);
	unlink_hole(hole);
	sea_index_remove_zone(zone);
	sea_chunk_erase(&mark->chunk);
	sea_chunk_erase(&hole->chunk);
	sea_chunk_erase(&zone->chunk);
	sea_small.nr_runs--;
	sea_small.run_bytes -= ZONE_SIZE;
	return zone;
}

/* One empty zone stays, so that a block that is allocated and freed again and again does not cost
 * a zone each time. */
static struct zone *retire_or_keep(struct zone *zone)
{
	if (list.spare)
		return retire_zone(zone);
	list.spare = zone;
	return NULL;
}

void *sea_list_give_spare(void)
{
	SEA_ASSERT(sea_lock_is_held(&sea_small.lock));
	struct zone *zone = list.spare;
	list.spare = NULL;
	return zone ? retire_zone(zone) : NULL;
}

/* --- splitting and merging ---------------------------------------------------------- */

/* Makes the lower part of a hole a live chunk.  The rest stays in the list, or becomes slack if it
 * is too small for a chunk. */
static struct sea_chunk *split(struct hole *hole, size_t size)
{
	struct sea_chunk *chunk = &hole->chunk;
	struct hole *rest = (struct hole *)((char *)sea_chunk_block(chunk) + size), *below = hole->prev;
	size_t left = chunk->size - size;
	bool has_rest = left >= CHUNK_MIN;
	SEA_ASSERT(size <= chunk->size);
	unlink_hole(hole);
	sea_chunk_make_live(chunk, size, has_rest ? 0 : left);
	if (has_rest) {
		sea_chunk_make_free(&rest->chunk, left - SEA_CHUNK_HEADER);
		link_behind(below, rest);
	}
	if (list.spare == zone_of(chunk))
		list.spare = NULL;
	return chunk;
}

/* From now on the program, and the list behind the chunk, may write to it. */
static void touch(const struct sea_chunk *chunk)
{
	sea_pages_touch(chunk, (char *)sea_chunk_next(chunk) + CHUNK_MIN, false);
}

static void absorb_next(struct hole *hole)
{
	struct hole *next = hole->next;
	SEA_ASSERT(touch_each_other(hole, next) && !is_mark(next));
	size_t size = hole->chunk.size + SEA_CHUNK_HEADER + next->chunk.size;
	unlink_hole(next);
	sea_chunk_erase(&next->chunk);
	sea_chunk_make_free(&hole->chunk, size);
	sea_index_enter(hole);
}

struct sea_chunk *sea_list_take(size_t size)
{
	SEA_ASSERT(sea_lock_is_held(&sea_small.lock));
	struct hole *hole;
	while (!(hole = sea_index_find(size)))
		if (!grow())
			return NULL;
	struct sea_chunk *chunk = split(hole, size);
	touch(chunk);
	return chunk;
}

void *sea_list_give(struct sea_chunk *chunk)
{
	SEA_ASSERT(sea_lock_is_held(&sea_small.lock));
	SEA_ASSERT(sea_chunk_is_live(chunk));
	SEA_CHECK(sea_chunk_is_sealed(sea_chunk_next(chunk)));
	struct hole *hole = (struct hole *)chunk, *above = sea_index_above(chunk);
	sea_chunk_make_free(chunk, sea_chunk_room(chunk));
	link_behind(above->prev, hole);
	if (!is_mark(above) && touch_each_other(hole, above))
		absorb_next(hole);
	if (hole->prev && touch_each_other(hole->prev, hole)) {
		hole = hole->prev;
		absorb_next(hole);
	}
	return fills_zone(hole) ? retire_or_keep(zone_of(hole)) : NULL;
}

void sea_list_cut(struct sea_chunk *chunk, size_t size)
{
	SEA_ASSERT(sea_lock_is_held(&sea_small.lock));
	SEA_ASSERT(sea_chunk_is_live(chunk) && size <= sea_chunk_room(chunk));
	size_t left = sea_chunk_room(chunk) - size;
	bool has_rest = left >= CHUNK_MIN;
	sea_chunk_make_live(chunk, size, has_rest ? 0 : left);
	if (!has_rest)
		return;
	struct sea_chunk *rest = sea_chunk_next(chunk);
	sea_chunk_make_live(rest, left - SEA_CHUNK_HEADER, 0);
	sea_list_give(rest);
}

bool sea_list_extend(struct sea_chunk *chunk, size_t size)
{
	SEA_ASSERT(sea_lock_is_held(&sea_small.lock));
	SEA_ASSERT(sea_chunk_is_live(chunk) && size > sea_chunk_room(chunk));
	struct sea_chunk *behind = sea_chunk_next(chunk);
	size_t missing = size - sea_chunk_room(chunk);
	SEA_CHECK(sea_chunk_is_sealed(behind));
	if (!sea_chunk_is_free(behind) || is_mark((struct hole *)behind) ||
	    missing > SEA_CHUNK_HEADER + behind->size)
		return false;
	split((struct hole *)behind, missing - SEA_CHUNK_HEADER);
	size_t slack = behind->slack;
	sea_chunk_erase(behind);
	sea_chunk_make_live(chunk, size, slack);
	touch(chunk);
	return true;
}

struct sea_chunk *sea_list_withhold(size_t least)
{
	SEA_ASSERT(sea_lock_is_held(&sea_small.lock));
	struct sea_chunk *first = NULL, **link = &first;
	for (struct hole *hole = list.first, *next; hole; hole = next) {
		next = hole->next;
		if (hole->chunk.size < least)
			continue;
		*link = split(hole, hole->chunk.size);
		link = sea_chunk_block(&hole->chunk);
		*link = NULL;
	}
	return first;
}

/* --- audit -------------------------------------------------------------------------- */

/* FL1 to FL3 for one zone, whose first hole or mark is `hole`.  Returns its mark, or NULL if they
 * do not hold. */
static const struct hole *audit_zone(struct zone *zone, const struct hole *hole, struct sea_list_count *count)
{
	bool was_hole = false;
	const struct sea_chunk *chunk = sea_chunk_next(&zone->chunk);
	for (; chunk < &mark_of(zone)->chunk; chunk = sea_chunk_next(chunk)) {
		bool is_hole = sea_chunk_is_free(chunk);
		if (!sea_chunk_is_sealed(chunk) || chunk->size == 0 || chunk->slack >= CHUNK_MIN)
			return NULL;
		if (is_hole && (was_hole || &hole->chunk != chunk))
			return NULL;
		if (is_hole)
			hole = hole->next;
		was_hole = is_hole;
		count->nr_live += !is_hole;
		count->live += is_hole ? 0 : chunk->size;
	}
	bool ends_in_mark = chunk == &hole->chunk && hole == mark_of(zone) && is_mark(hole);
	return ends_in_mark && sea_chunk_is_free(chunk) ? hole : NULL;
}

static bool links_are_sound(void)
{
	const struct hole *before = NULL;
	for (const struct hole *hole = list.first; hole; before = hole, hole = hole->next)
		if (hole->prev != before || hole <= before)
			return false;
	return true;
}

bool sea_list_is_sound(struct sea_list_count *count)
{
	struct zone *zone;
	const struct hole *hole = list.first;
	if (!links_are_sound())
		return false;
	for (; (zone = sea_index_zone(count->nr_zones)); hole = hole->next) {
		if (!hole || !sea_chunk_is_free(&zone->chunk) || !(hole = audit_zone(zone, hole, count)))
			return false;
		count->nr_zones++;
		count->zone_bytes += ZONE_SIZE;
	}
	bool spare_is_empty = !list.spare || fills_zone((struct hole *)(list.spare + 1));
	return !hole && spare_is_empty && sea_index_is_sound(list.first);
}
