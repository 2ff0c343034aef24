/* SPDX-License-Identifier: MIT */
/* purge.c - which free buddies, and how much at a time
 *
 * U1  A buddy in hand is in no pool (G1), and its first page reads SEA_PAGE_INSIDE.
 * U2  The cursor moves downward through an arena's buddies of one order, then to the next lower
 *     order, then to the next arena.  A round looks at each buddy once, except for buddies that
 *     become free behind the cursor.
 * U3  A step keeps to the bounds of step.h: buddies looked at, buddies in hand, their pages, time.
 *
 * Largest buddies go first: they need the fewest calls, and they are whole huge pages.  Among them
 * the highest address goes first: low addresses are allocated first.
 */
#include "page/purge.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/os.h"
#include "base/page_size.h"
#include "map/map.h"
#include "page/arenas.h"
#include "page/buddy.h"

/* Larger buddies are purged in pieces of this order: a step has room for one. */
#define PIECE_ORDER ((unsigned)__builtin_ctz(SEA_STEP_PAGES))
/* After so many useless calls in a row the system has refused.  Fewer may be a part that the
 * program has locked. */
#define REFUSED_CALLS (2 * SEA_STEP_RANGES)

struct cursor {
	size_t arena;	/* index in the list */
	unsigned order;
	size_t end;	/* the page behind those still to look at */
};

static struct {
	uint32_t is_running;		    /* a thread has the turn; atomic */
	uint32_t goes_on;		    /* a round has begun; atomic */
	size_t nr_freed;		    /* pages, ever; atomic */
	size_t quiet_until;		    /* no purging before nr_freed reaches this; atomic */
	size_t rest_until;		    /* no new round before nr_freed reaches this; atomic */
	size_t nr_refused;		    /* useless calls in a row; atomic, not exact */
	/* length of the last pause in pages; 0: the last call was useful; the same */
	size_t pause;
	size_t nr_round;	    /* pages purged in this round; for the thread with the turn */
	struct sea_buddy hand[SEA_STEP_RANGES]; /* page lock */
	size_t nr_hand;
	struct cursor cursor;		    /* for the thread with the turn */
	struct cursor before[SEA_STEP_RANGES]; /* the cursor before each buddy in hand */
} state;

/* --- when ------------------------------------------------------------------------ */

bool sea_purge_begin(void) { return sea_swap_if(&state.is_running, 0, 1); }

bool sea_purge_is_taken(void) { return sea_load_relaxed(&state.is_running); }

void sea_purge_end(bool goes_on)
{
	SEA_ASSERT(sea_load_relaxed(&state.is_running));
	sea_store_relaxed(&state.goes_on, goes_on);
	sea_store_release(&state.is_running, 0);
}

bool sea_purge_goes_on(void) { return sea_load_relaxed(&state.goes_on); }

void sea_purge_note_freed(size_t nr_pages) { sea_add_relaxed_mt(&state.nr_freed, nr_pages); }

size_t sea_purge_freed(void) { return sea_load_relaxed(&state.nr_freed); }

static void pause_for(size_t *until, size_t nr_pages)
{
	sea_store_relaxed(until, sea_load_relaxed(&state.nr_freed) + nr_pages);
}

/* nr_freed may wrap. */
static bool is_past(const size_t *until)
{
	return (intptr_t)(sea_load_relaxed(&state.nr_freed) - sea_load_relaxed(until)) >= 0;
}

void sea_purge_note_try(size_t nr_pages)
{
	if (nr_pages) {
		sea_store_relaxed(&state.nr_refused, 0);
		sea_store_relaxed(&state.pause, 0);
		return;
	}
	size_t nr_refused = sea_load_relaxed(&state.nr_refused) + 1;
	sea_store_relaxed(&state.nr_refused, nr_refused);
	if (nr_refused < REFUSED_CALLS)
		return;
	size_t pause = sea_max(2 * sea_load_relaxed(&state.pause), SEA_PURGE_RETRY_PAGES);
	sea_store_relaxed(&state.nr_refused, 0);
	sea_store_relaxed(&state.pause, pause);
	pause_for(&state.quiet_until, pause);
}

void sea_purge_note_rest(size_t nr_pages)
{
	if (nr_pages && state.nr_round < SEA_PURGE_RETRY_PAGES)
		pause_for(&state.rest_until, SEA_PURGE_RETRY_PAGES);
}

bool sea_purge_may_try(void) { return is_past(&state.quiet_until); }

bool sea_purge_may_begin(void) { return sea_purge_may_try() && is_past(&state.rest_until); }

/* --- which ----------------------------------------------------------------------- */

void sea_purge_restart(void)
{
	SEA_ASSERT(sea_load_relaxed(&state.is_running) && state.nr_hand == 0);
	state.nr_round = 0;
	state.cursor.arena = 0;
	state.cursor.order = SEA_MAX_ORDER;
	state.cursor.end = SIZE_MAX;
}

static struct sea_arena *arena_at(size_t number)
{
	SEA_ASSERT(sea_lock_is_held(&sea_arenas.lock));
	struct sea_arena *arena = sea_arenas.first;
	while (arena && number--)
		arena = arena->next;
	return arena;
}

/* Moves the cursor to the next order, or arena. */
static void move_on(void)
{
	state.cursor.end = SIZE_MAX;
	if (state.cursor.order-- > 0)
		return;
	state.cursor.order = SEA_MAX_ORDER;
	state.cursor.arena++;
}

/* Finds the highest touched piece of the free pages [start, end).  False: none is touched. */
static bool find_piece(const struct sea_arena *arena, size_t start, size_t end, struct sea_buddy *piece)
{
	SEA_ASSERT(start < end && end <= arena->pool->nr_pages);
	size_t touched = sea_bits_find_back(arena->touched, end, true);
	if (touched <= start)
		return false;
	piece->order = state.cursor.order < PIECE_ORDER ? state.cursor.order : PIECE_ORDER;
	piece->pfn = (pfn_t)sea_round_down(touched - 1, (size_t)1 << piece->order);
	SEA_ASSERT(piece->pfn >= start);
	return true;
}

/* Finds the next dirty piece of the cursor's arena and order. */
static bool next_piece(struct sea_arena *arena, struct sea_buddy *piece, size_t *looks)
{
	SEA_ASSERT(state.cursor.order <= SEA_MAX_ORDER); /* U2 */
	unsigned order = state.cursor.order;
	const struct sea_bittree *set = &arena->pool->free[order];
	size_t above = sea_min(state.cursor.end, arena->pool->nr_pages);
	piece->arena = arena;
	for (size_t found; *looks > 0 && !sea_bittree_is_empty(set); --*looks) {
		size_t nr = (above + ((size_t)1 << order) - 1) >> order;
		if (!(found = sea_bits_find_back(set->level[0], nr, true)))
			return false;
		size_t start = (found - 1) << order, end = sea_min(above, found << order);
		bool is_dirty = find_piece(arena, start, end, piece);
		above = state.cursor.end = is_dirty ? piece->pfn : start;
		if (is_dirty)
			return true;
	}
	return false;
}

/* Claim: the step may take one more piece. */
static bool has_room(size_t taken)
{
	size_t piece = (size_t)1 << sea_min(state.cursor.order, PIECE_ORDER);
	return state.nr_hand == 0 || (state.nr_hand < SEA_STEP_RANGES && taken + piece <= SEA_STEP_PAGES);
}

/* Takes dirty free buddies in hand.  *is_over: no buddy is left.  Returns how many of their pages
 * are dirty. */
static size_t collect(size_t want, bool *is_over)
{
	size_t taken = 0, looks = SEA_STEP_LOOKS;
	struct sea_arena *arena;
	struct sea_buddy piece;
	sea_lock_take(&sea_arenas.lock);
	SEA_ASSERT(state.nr_hand == 0);
	while ((arena = arena_at(state.cursor.arena)) && looks > 0 && taken < want && has_room(taken)) {
		if (!next_piece(arena, &piece, &looks)) {
			if (looks > 0)
				move_on();
			continue;
		}
		SEA_CHECK(sea_buddy_take(arena->pool, piece.pfn, 1ull << piece.order));
		size_t above = piece.pfn + (1ull << piece.order);
		state.before[state.nr_hand] = (struct cursor){state.cursor.arena, state.cursor.order, above};
		state.hand[state.nr_hand++] = piece;
		taken += sea_arena_count_touched(arena, piece.pfn, piece.pfn + (1ull << piece.order));
		if (piece.order < state.cursor.order)
			/* the rest of the buddy is in smaller buddies until the piece is back */
			break;
	}
	SEA_ASSERT(state.nr_hand <= SEA_STEP_RANGES); /* U3 */
	*is_over = !arena;
	sea_lock_drop(&sea_arenas.lock);
	return taken;
}

static void put_back(void)
{
	sea_lock_take(&sea_arenas.lock);
	SEA_ASSERT(state.nr_hand <= SEA_STEP_RANGES);
	for (; state.nr_hand; state.nr_hand--) {
		struct sea_buddy buddy = state.hand[state.nr_hand - 1];
		sea_buddy_free(buddy.arena->pool, buddy.pfn, 1ull << buddy.order);
	}
	sea_lock_drop(&sea_arenas.lock);
}

/* Purges what is in hand while the step has time.  Returns the pages that were purged. */
static size_t purge_hand(bool *is_over)
{
	SEA_ASSERT(state.nr_hand > 0);
	struct sea_arena_part part[SEA_STEP_RANGES] = {{0}};
	size_t nr_pages = 0;
	uint64_t until = sea_os_now_us() + SEA_STEP_US;
	for (size_t i = 0; i < state.nr_hand; i++)
		part[i] = (struct sea_arena_part){state.hand[i].arena, state.hand[i].pfn,
						  state.hand[i].pfn + (1ull << state.hand[i].order)};
	unsigned nr_emptied = sea_arena_empty(part, (unsigned)state.nr_hand);
	for (size_t i = 0; i < state.nr_hand; i++) {
		struct sea_buddy buddy = state.hand[i];
		if (i > 0 && !nr_emptied && sea_os_now_us() >= until) {
			state.cursor = state.before[i];
			*is_over = false;
			break;
		}
		size_t gone = sea_arena_purge(part[i].arena, part[i].from, part[i].to, &nr_emptied);
		sea_purge_note_try(gone);
		if (gone)
			sea_seams_purge(buddy.arena->base + ((size_t)buddy.pfn << sea_page_shift()),
					sea_page_size() << buddy.order);
		nr_pages += gone;
	}
	return nr_pages;
}

struct sea_purged sea_purge_step(size_t want)
{
	struct sea_purged purged = {0};
	SEA_ASSERT(sea_load_relaxed(&state.is_running) && want > 0);
	if (!collect(sea_min(want, SEA_STEP_PAGES), &purged.is_over))
		return purged;
	purged.nr_pages = purge_hand(&purged.is_over);
	state.nr_round += purged.nr_pages;
	put_back();
	return purged;
}

void sea_purge_in_child(void)
{
	put_back();
	state.is_running = 0;
	state.goes_on = 0;
}

bool sea_purge_is_sound(void)
{
	sea_lock_take(&sea_arenas.lock);
	bool sound = state.nr_hand <= (sea_load_relaxed(&state.is_running) ? SEA_STEP_RANGES : 0);
	for (size_t i = 0; sound && i < state.nr_hand; i++)
		sound = sea_load_relaxed(&state.hand[i].arena->pool->pages[state.hand[i].pfn].state) == SEA_PAGE_INSIDE;
	sea_lock_drop(&sea_arenas.lock);
	return sound;
}
