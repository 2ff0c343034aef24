/* SPDX-License-Identifier: MIT */
/* freelist/list.c - one free list in address order, neighbours merged at once (layer 9)
 *
 *    zone  |size|seal| block |size|seal|next|prev| ... |size|seal| block |0|seal|next|prev|
 *          `---- used ------' `------- hole ---------' `---- used ------' `---- mark ----'
 *
 * The textbook heap (Knuth, The Art of Computer Programming 1, section 2.5, algorithms
 * A and B): a zone is a run of pages, all of it chunks; a free chunk is a hole and
 * carries the descriptor {size, next, prev} in its own memory.  Allocation takes the
 * lower part of the first hole that fits; freeing finds the neighbours in the list and
 * merges with those that touch.
 *
 * Two searches would be linear in the number of holes, and mostly are not:
 *
 *  - Allocation begins where the last one ended (`rover`; ibid., exercise 6) and goes
 *    once round the list.  From the front it would pass each time all the crumbs that
 *    gather there.
 *  - Freeing looks for the place in the list on two ways at once, one step on each in
 *    turn: along the list from where the last block was freed (`near`), and along the
 *    chunks behind the block to the next hole.  With n used chunks and h holes these
 *    take some h and n/h steps, and the shorter one ends it.  In a steady state
 *    h is about n/2 (the fifty-percent rule, ibid.).
 *
 * A zone ends in a mark, which is in the list like a hole and fits no request: so a
 * walk along the chunks ends in its zone, and nothing merges across zones.
 *
 * F1  Chunks cover a zone from its first byte to its mark, which is its last 32 bytes.
 * F2  The list is in address order and holds exactly the holes and marks of all zones.
 * F3  No two holes touch.
 * F4  rover and near are in the list, or NULL where it is empty.
 * F5  spare is NULL or a hole that fills a zone of the smallest size.
 *
 * The lock is held.  F1 to F3 fail only inside these functions.
 */
#include "list.h"

#include "check.h"
#include "engines/textbook/blocks.h"
#include "page_alloc.h"

/* A zone is 1/8 of what there is, so that finding its place in the list is paid for by
 * what it serves; at most 16 MiB, so that regular arenas have room for several. */
#define ZONE_SHARE 8
#define ZONE_MAX (16 * SEA_MIB)

/* The descriptor of a hole; a mark has one too. */
struct hole {
	struct sea_chunk chunk; /* free; size 0: a mark */
	struct hole *next, *prev;
};
_Static_assert(sizeof(struct hole) == SEA_CHUNK_HEADER + SEA_GRANULE, "the smallest block has room for the links");

static struct {
	struct hole *first; /* the lowest */
	struct hole *rover; /* the next search for room begins here */
	struct hole *near;  /* the last block was freed here */
	struct hole *spare; /* an empty zone that is kept */
} list;

static struct hole *as_hole(struct sea_chunk *chunk) { return (struct hole *)chunk; }

static bool is_mark(const struct hole *hole) { return hole->chunk.size == 0; }

static bool touch_each_other(const struct hole *low, const struct hole *high)
{
	return sea_chunk_next(&low->chunk) == &high->chunk;
}

/* The chunk behind, unless the program has written over its header. */
static struct sea_chunk *next_chunk(const struct sea_chunk *chunk)
{
	struct sea_chunk *next = sea_chunk_next(chunk);
	SEA_CHECK(sea_chunk_is_sealed(next));
	return next;
}

/* --- links ---------------------------------------------------------------------- */

/* Puts a hole behind `below`; NULL: at the front. */
static void link_behind(struct hole *below, struct hole *hole)
{
	hole->prev = below;
	hole->next = below ? below->next : list.first;
	if (hole->next)
		hole->next->prev = hole;
	if (below)
		below->next = hole;
	else
		list.first = hole;
}

static void check_links(const struct hole *hole)
{
	SEA_CHECK(sea_chunk_is_free(&hole->chunk));
	SEA_CHECK(hole->prev ? hole->prev->next == hole : list.first == hole);
	SEA_CHECK(!hole->next || hole->next->prev == hole);
}

/* What pointed to a hole that leaves the list points to its successor. */
static void redirect(const struct hole *hole, struct hole *successor)
{
	if (list.rover == hole)
		list.rover = successor;
	if (list.near == hole)
		list.near = successor;
	if (list.spare == hole)
		list.spare = NULL;
}

static void unlink_hole(struct hole *hole)
{
	check_links(hole);
	if (hole->prev)
		hole->prev->next = hole->next;
	else
		list.first = hole->next;
	if (hole->next)
		hole->next->prev = hole->prev;
	redirect(hole, hole->next ? hole->next : list.first);
}

/* Puts `rest` into the place of a hole, whose links it may overlap. */
static void replace_hole(struct hole *hole, struct hole *rest)
{
	check_links(hole);
	struct hole links = *hole;
	rest->next = links.next;
	rest->prev = links.prev;
	links.next->prev = rest;
	if (links.prev)
		links.prev->next = rest;
	else
		list.first = rest;
	redirect(hole, rest);
}

/* --- the place of a hole ---------------------------------------------------------- */

static bool is_last_below(const struct hole *hole, const void *place)
{
	return (const void *)hole < place && (!hole->next || (const void *)hole->next > place);
}

static struct hole *step_towards(const struct hole *hole, const void *place)
{
	return (const void *)hole < place ? hole->next : hole->prev;
}

/* The last hole or mark below `place`, or NULL. */
static struct hole *find_below(const void *place)
{
	struct hole *hole = list.near;
	while (hole && !is_last_below(hole, place))
		hole = step_towards(hole, place);
	return hole;
}

/* The same for a used chunk, by whichever of the two ways is shorter. */
static struct hole *find_below_chunk(const struct sea_chunk *chunk)
{
	struct hole *hole = list.near;
	struct sea_chunk *behind = next_chunk(chunk);
	while (hole && !is_last_below(hole, chunk)) {
		if (sea_chunk_is_free(behind))
			return as_hole(behind)->prev;
		behind = next_chunk(behind);
		hole = step_towards(hole, chunk);
	}
	return hole;
}

/* --- zones -------------------------------------------------------------------- */

static size_t next_zone_size(void)
{
	size_t share = sea_round_up(sea_small.run_bytes / ZONE_SHARE, SEA_SMALL_RUN);
	return sea_min(sea_max(share, SEA_SMALL_RUN), ZONE_MAX);
}

/* A run that holds a block of `least` bytes, and more if there is memory. */
static void *alloc_run(size_t want, size_t least)
{
	void *run = NULL;
	least += SEA_CHUNK_HEADER + sizeof(struct hole);
	for (; !run && want >= least; want /= 2)
		run = sea_pages_alloc(want, 1, SEA_TOUCH_LATER, NULL);
	return run;
}

/* Enters a run as a zone of one hole. */
static void add_zone(void *run, size_t size)
{
	struct hole *hole = run, *mark = (struct hole *)((char *)run + size) - 1;
	sea_pages_touch(hole, hole + 1);
	sea_pages_touch(mark, mark + 1);
	sea_chunk_make_free(&mark->chunk, 0);
	link_behind(find_below(mark), mark);
	sea_chunk_make_free(&hole->chunk, size - SEA_CHUNK_HEADER - sizeof(*mark));
	link_behind(mark->prev, hole);
	list.rover = list.near = hole;
	sea_small.nr_runs++;
	sea_small.run_bytes += size;
}

/* Adds a zone; the lock is dropped meanwhile. */
static bool grow(size_t least)
{
	size_t want = next_zone_size();
	sea_lock_drop(&sea_small.lock);
	sea_blocks_start();
	void *run = alloc_run(want, least);
	sea_lock_take(&sea_small.lock);
	if (run)
		add_zone(run, sea_pages_size(run));
	return run;
}

static bool fills_zone(const struct hole *hole)
{
	return is_mark(hole->next) && touch_each_other(hole, hole->next) && sea_pages_size(hole);
}

/* Takes a zone out of use that is one hole, and returns it; or keeps it as the spare. */
static void *retire_zone(struct hole *hole)
{
	struct hole *mark = hole->next;
	size_t size = sea_pages_size(hole);
	if (size <= SEA_SMALL_RUN && !list.spare) {
		list.spare = hole;
		return NULL;
	}
	unlink_hole(mark);
	unlink_hole(hole);
	sea_chunk_erase(&mark->chunk);
	sea_chunk_erase(&hole->chunk);
	sea_small.nr_runs--;
	sea_small.run_bytes -= size;
	return hole;
}

/* --- take and give -------------------------------------------------------------- */

/* What is left is nothing, or enough for a descriptor. */
static bool fits(const struct hole *hole, size_t size)
{
	return hole->chunk.size == size || hole->chunk.size >= size + sizeof(struct hole);
}

static struct hole *find_fit(size_t size)
{
	struct hole *hole;
	for (hole = list.rover; hole; hole = hole->next)
		if (fits(hole, size))
			return hole;
	for (hole = list.first; hole != list.rover; hole = hole->next)
		if (fits(hole, size))
			return hole;
	return NULL;
}

/* Makes the lower part of a hole that fits a used chunk; the rest takes its place in
 * the list. */
static struct sea_chunk *split(struct hole *hole, size_t size)
{
	struct sea_chunk *chunk = &hole->chunk;
	struct hole *rest = (struct hole *)((char *)sea_chunk_block(chunk) + size);
	size_t left = chunk->size - size;
	sea_pages_touch(hole, rest + 1);
	if (left) {
		replace_hole(hole, rest);
		sea_chunk_make_free(&rest->chunk, left - SEA_CHUNK_HEADER);
	} else {
		unlink_hole(hole);
	}
	sea_chunk_make_live(chunk, size);
	return chunk;
}

struct sea_chunk *sea_list_take(size_t size)
{
	SEA_ASSERT(sea_lock_is_held(&sea_small.lock));
	struct hole *hole;
	while (!(hole = find_fit(size)))
		if (!grow(size))
			return NULL;
	list.rover = hole;
	return split(hole, size);
}

static void absorb_next(struct hole *hole)
{
	struct hole *next = hole->next;
	size_t size = hole->chunk.size + SEA_CHUNK_HEADER + next->chunk.size;
	unlink_hole(next);
	sea_chunk_erase(&next->chunk);
	sea_chunk_make_free(&hole->chunk, size);
}

void *sea_list_give(struct sea_chunk *chunk)
{
	SEA_ASSERT(sea_lock_is_held(&sea_small.lock));
	SEA_ASSERT(sea_chunk_is_live(chunk));
	struct hole *hole = as_hole(chunk);
	link_behind(find_below_chunk(chunk), hole);
	sea_chunk_make_free(chunk, chunk->size);
	if (!is_mark(hole->next) && touch_each_other(hole, hole->next))
		absorb_next(hole);
	if (hole->prev && touch_each_other(hole->prev, hole)) {
		hole = hole->prev;
		absorb_next(hole);
	}
	list.near = hole;
	return fills_zone(hole) ? retire_zone(hole) : NULL;
}

bool sea_list_extend(struct sea_chunk *chunk, size_t size)
{
	SEA_ASSERT(sea_lock_is_held(&sea_small.lock));
	struct sea_chunk *behind = next_chunk(chunk);
	size_t most = chunk->size + SEA_CHUNK_HEADER + behind->size;
	if (!sea_chunk_is_free(behind) || is_mark(as_hole(behind)) || size > most)
		return false;
	size_t part = size - chunk->size - SEA_CHUNK_HEADER; /* the hole's header becomes part of the block */
	split(as_hole(behind), fits(as_hole(behind), part) ? part : behind->size);
	size = chunk->size + SEA_CHUNK_HEADER + behind->size;
	sea_chunk_erase(behind);
	sea_chunk_make_live(chunk, size);
	return true;
}

struct sea_chunk *sea_list_withhold(size_t least)
{
	struct sea_chunk *first = NULL, **link = &first;
	SEA_ASSERT(sea_lock_is_held(&sea_small.lock));
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

/* --- audit -------------------------------------------------------------------- */

/* F1 to F3 in the zone that has `hole`, the first of its members in the list.  Returns
 * its mark, or NULL if they do not hold. */
static const struct hole *audit_zone(const struct hole *hole, struct sea_list_count *count)
{
	void *base;
	size_t size;
	bool was_hole = false;
	if (sea_pages_place(hole, &base, &size) != SEA_PLACE_RUN)
		return NULL;
	count->nr_zones++;
	count->zone_bytes += size;
	for (const struct sea_chunk *chunk = base; sea_chunk_is_sealed(chunk); chunk = sea_chunk_next(chunk)) {
		bool is_hole = sea_chunk_is_free(chunk);
		if (is_hole && chunk != &hole->chunk)
			return NULL;
		if (!chunk->size)
			return (const char *)(hole + 1) == (char *)base + size ? hole : NULL;
		if (is_hole && was_hole)
			return NULL;
		if (is_hole)
			hole = hole->next;
		was_hole = is_hole;
		count->nr_live += !is_hole;
		count->live += is_hole ? 0 : chunk->size;
	}
	return NULL;
}

static bool is_listed(const struct hole *wanted)
{
	const struct hole *hole = list.first;
	while (hole && hole != wanted)
		hole = hole->next;
	return hole == wanted && (hole || !list.first);
}

bool sea_list_is_sound(struct sea_list_count *count)
{
	const struct hole *before = NULL, *hole;
	for (hole = list.first; hole; before = hole, hole = hole->next)
		if (hole->prev != before || hole <= before)
			return false;
	for (hole = list.first; hole; hole = hole->next)
		if (!(hole = audit_zone(hole, count)))
			return false;
	if (list.spare && (!is_listed(list.spare) || !fills_zone(list.spare)))
		return false;
	return is_listed(list.rover) && is_listed(list.near);
}
