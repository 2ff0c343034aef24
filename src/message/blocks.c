/* SPDX-License-Identifier: MIT */
/* blocks.c - a cache for each peer in front of the shared segment
 *
 * MB1  A cached block is a used block of the segment, of kind CACHED, and the peer's.  So it is
 *      taken back with the peer's other blocks if the peer dies: the cache itself, in private
 *      memory, needs no repair.
 * MB2  `held` and `cached` are the bytes of the peer's live and cached blocks.
 *
 * A message up to 1 KiB comes from the cache and goes there, which takes no lock between
 * processes: one store to the block's tag makes it live or cached.  Refilling and flushing take
 * the lock once for several blocks.
 *
 * The owner of a block may look at its bits in the segment without the lock: nobody else changes
 * them.
 */
#include "message/blocks.h"

#include <errno.h>

#include "message/peers.h"

/* Blocks that one refill takes, the one that is asked for included. */
#define REFILL 8

#define GRANULES_OF(bytes) ((bytes) / SEA_SEGMENT_GRANULE)

struct sea_message_block *sea_blocks_at(const struct sea_message_view *view, size_t offset)
{
	SEA_ASSERT(offset < view->segment.limit);
	return (struct sea_message_block *)(view->segment.base + offset);
}

static unsigned me(const struct sea_message_view *view) { return sea_message_owner_peer(view->peer); }

static struct sea_message_peer *my_entry(const struct sea_message_view *view) { return &view->file->peers[view->peer]; }

/* --- generations ------------------------------------------------------------------------ */

/* Each peer takes so many at a time from the file. */
#define GENERATIONS 4096u

uint32_t sea_blocks_new_generation(struct sea_message_view *view)
{
	if (!view->nr_generations) {
		view->generation = (uint32_t)sea_fetch_add_relaxed(&view->file->generation, GENERATIONS);
		view->nr_generations = GENERATIONS;
		sea_message_stored(view);
	}
	SEA_ASSERT(view->nr_generations > 0 && view->nr_generations <= GENERATIONS);
	view->nr_generations--;
	uint32_t generation = view->generation++;
	return generation ? generation : sea_blocks_new_generation(view);
}

/* --- counts ---------------------------------------------------------------------------------- */

void sea_blocks_count_held(struct sea_message_view *view, int64_t bytes)
{
	SEA_ASSERT(bytes >= 0 || view->held >= (uint64_t)-bytes); /* MB2 */
	view->held += (uint64_t)bytes;
	sea_store_relaxed(&my_entry(view)->held, view->held);
	sea_message_stored(view);
}

static void count_cached(struct sea_message_view *view, int64_t bytes)
{
	SEA_ASSERT(bytes >= 0 || view->cached >= (uint64_t)-bytes); /* MB2 */
	view->cached += (uint64_t)bytes;
	sea_store_relaxed(&my_entry(view)->cached, view->cached);
	sea_message_stored(view);
}

bool sea_blocks_is_within_quota(const struct sea_message_view *view, size_t bytes)
{
	return !view->quota || (view->held <= view->quota && bytes <= view->quota - view->held);
}

int sea_blocks_set_quota(struct sea_message_view *view, size_t bytes)
{
	if (!sea_message_is_ours(view))
		return ECHILD;
	sea_message_mutex_take(&view->mutex);
	view->quota = bytes;
	sea_store_relaxed(&my_entry(view)->quota, bytes);
	sea_message_stored(view);
	sea_message_mutex_drop(&view->mutex);
	return 0;
}

/* --- handles --------------------------------------------------------------------------------- */

int sea_blocks_find(const struct sea_message_view *view, uint64_t handle, size_t *offset)
{
	uint32_t generation = sea_message_handle_generation(handle);
	*offset = sea_message_handle_offset(handle);
	if (!sea_message_is_ours(view))
		return ECHILD;
	if (!generation || !sea_segment_is_block(&view->segment, *offset))
		return ESTALE;
	uint64_t tag = sea_load_relaxed(&sea_blocks_at(view, *offset)->tag);
	bool is_it = sea_message_tag_generation(tag) == generation && sea_message_tag_owner(tag) == me(view) &&
		     sea_message_tag_kind(tag) == SEA_MESSAGE_LIVE;
	return is_it ? 0 : ESTALE;
}

void *sea_blocks_address(const struct sea_message_view *view, uint64_t handle)
{
	size_t offset;
	return sea_blocks_find(view, handle, &offset) ? NULL : sea_blocks_at(view, offset) + 1;
}

int sea_blocks_handle(const struct sea_message_view *view, const void *address, uint64_t *handle)
{
	size_t offset = (size_t)((const char *)address - view->segment.base) - SEA_MESSAGE_OVERHEAD;
	if (!sea_message_is_ours(view))
		return ECHILD;
	if (!sea_segment_is_block(&view->segment, offset))
		return ESTALE;
	uint64_t tag = sea_load_relaxed(&sea_blocks_at(view, offset)->tag);
	*handle = sea_message_handle_of(offset, sea_message_tag_generation(tag));
	return sea_blocks_find(view, *handle, &offset);
}

int sea_blocks_size(const struct sea_message_view *view, uint64_t handle, size_t *size)
{
	size_t offset;
	int error = sea_blocks_find(view, handle, &offset);
	if (error)
		return error;
	size_t usable = sea_segment_usable(&view->segment, offset);
	unsigned slack = sea_message_tag_slack(sea_load_relaxed(&sea_blocks_at(view, offset)->tag));
	*size = usable >= SEA_MESSAGE_OVERHEAD + slack ? usable - SEA_MESSAGE_OVERHEAD - slack : 0;
	return 0;
}

/* --- the shared segment; the lock ------------------------------------------------------------ */

/* Takes up to `max` blocks and writes their tags, in one transaction.  *nr: how many.  Only the
 * tag of the first is noted: the others are behind the first granule of what was a hole. */
static size_t take_run(struct sea_message_view *view, size_t bytes, size_t max, uint64_t tag, size_t *nr)
{
	SEA_ASSERT(max > 0 && bytes % SEA_SEGMENT_GRANULE == 0 && bytes > 0);
	size_t offset = sea_segment_alloc_run(&view->segment, bytes, max, nr);
	if (!offset)
		return 0;
	sea_journal_put(&view->journal, &sea_blocks_at(view, offset)->tag, tag);
	for (size_t i = 1; i < *nr; i++) {
		sea_store_relaxed(&sea_blocks_at(view, offset + i * bytes)->tag, tag);
		sea_message_stored(view);
	}
	sea_journal_commit(&view->journal);
	return offset;
}

/* Takes a block from the segment and writes its tag, in one transaction.  0: no room. */
static size_t take(struct sea_message_view *view, size_t bytes, uint64_t tag)
{
	size_t offset = sea_segment_alloc(&view->segment, bytes, SEA_SEGMENT_GRANULE);
	if (!offset)
		return 0;
	sea_journal_put(&view->journal, &sea_blocks_at(view, offset)->tag, tag);
	sea_journal_commit(&view->journal);
	return offset;
}

/* Gives all cached blocks back. */
static int flush_all(struct sea_message_view *view)
{
	for (unsigned b = 0; b < SEA_MESSAGE_BINS; b++) {
		struct sea_message_bin *bin = &view->bins[b];
		while (bin->nr) {
			if (sea_segment_free(&view->segment, bin->granule[--bin->nr] * SEA_SEGMENT_GRANULE))
				return EBADMSG;
			sea_journal_commit(&view->journal);
		}
	}
	count_cached(view, -(int64_t)view->cached);
	return 0;
}

/* Takes a block although there is none: gives the cached ones back, takes back what dead peers
 * owned, and at last lets the heap grow. */
static int take_slow(struct sea_message_view *view, size_t bytes, uint64_t tag, size_t *offset)
{
	unsigned nr_dead;
	int error = view->segment.is_broken ? EBADMSG : flush_all(view);
	if (!error)
		error = sea_peers_reclaim_locked(view, &nr_dead);
	if (error)
		return error;
	*offset = take(view, bytes, tag);
	if (*offset)
		return 0;
	error = sea_message_grow(view, bytes);
	if (error)
		return error;
	*offset = take(view, bytes, tag);
	return *offset ? 0 : ENOSPC;
}

/* --- the cache; the mutex -------------------------------------------------------------------- */

static struct sea_message_bin *bin_of(struct sea_message_view *view, size_t bytes)
{
	SEA_ASSERT(bytes % SEA_SEGMENT_GRANULE == 0);
	return GRANULES_OF(bytes) < SEA_MESSAGE_BINS ? &view->bins[GRANULES_OF(bytes)] : NULL;
}

/* Claim: the block is what it was when it was cached.  Another process may have changed it. */
static bool is_still_cached(const struct sea_message_view *view, size_t offset)
{
	uint64_t tag = sea_load_relaxed(&sea_blocks_at(view, offset)->tag);
	return sea_message_tag_kind(tag) == SEA_MESSAGE_CACHED && sea_message_tag_owner(tag) == me(view);
}

/* A block from the cache, made live by one store.  0: somebody else has changed it. */
static size_t pop(struct sea_message_view *view, struct sea_message_bin *bin, size_t bytes, uint64_t tag)
{
	SEA_ASSERT(bin->nr > 0 && bin->nr <= SEA_MESSAGE_DEPTH);
	size_t offset = bin->granule[--bin->nr] * SEA_SEGMENT_GRANULE;
	count_cached(view, -(int64_t)bytes);
	if (!is_still_cached(view, offset))
		return 0;
	sea_store_relaxed(&sea_blocks_at(view, offset)->tag, tag);
	sea_message_stored(view);
	return offset;
}

/* Fills a bin while blocks are to be had and few bytes are cached. */
static void fill(struct sea_message_view *view, struct sea_message_bin *bin, size_t bytes)
{
	SEA_ASSERT(view->journal.nr == 0 && view->cached <= view->cached_max);
	uint64_t tag = sea_message_tag(SEA_MESSAGE_CACHED, me(view), 0, 0);
	while (bin->nr < REFILL - 1 && view->cached + bytes <= view->cached_max) {
		size_t room = (view->cached_max - view->cached) / bytes, nr;
		size_t offset = take_run(view, bytes, sea_min(room, REFILL - 1 - bin->nr), tag, &nr);
		if (!offset)
			break;
		for (size_t i = nr; i-- > 0;)
			bin->granule[bin->nr++] = (uint32_t)GRANULES_OF(offset + i * bytes);
		count_cached(view, (int64_t)(nr * bytes));
	}
}

static int take_shared(struct sea_message_view *view, struct sea_message_bin *bin, size_t bytes, uint64_t tag,
		       size_t *offset)
{
	int error = sea_message_enter(view);
	if (error)
		return error;
	*offset = take(view, bytes, tag);
	if (!*offset)
		error = take_slow(view, bytes, tag, offset);
	else if (bin)
		fill(view, bin, bytes);
	int broken = sea_message_leave(view);
	return error ? error : broken;
}

static int alloc(struct sea_message_view *view, size_t bytes, unsigned slack, uint64_t *handle)
{
	struct sea_message_bin *bin = bin_of(view, bytes);
	size_t offset = 0;
	int error = 0;
	if (!sea_blocks_is_within_quota(view, bytes))
		return EDQUOT;
	uint32_t generation = sea_blocks_new_generation(view);
	uint64_t tag = sea_message_tag(SEA_MESSAGE_LIVE, me(view), slack, generation);
	if (bin && bin->nr)
		offset = pop(view, bin, bytes, tag);
	if (!offset)
		error = take_shared(view, bin, bytes, tag, &offset);
	if (error)
		return error;
	sea_blocks_count_held(view, (int64_t)bytes);
	*handle = sea_message_handle_of(offset, generation);
	return 0;
}

int sea_blocks_alloc(struct sea_message_view *view, size_t size, uint64_t *handle)
{
	if (!sea_message_is_ours(view))
		return ECHILD;
	if (size > view->maximum)
		return ENOSPC;
	size_t bytes = sea_round_up(size + SEA_MESSAGE_OVERHEAD, SEA_SEGMENT_GRANULE);
	SEA_ASSERT(bytes >= SEA_MESSAGE_OVERHEAD + size && bytes < SEA_MESSAGE_OVERHEAD + size + SEA_SEGMENT_GRANULE);
	sea_message_mutex_take(&view->mutex);
	int error = alloc(view, bytes, (unsigned)(bytes - SEA_MESSAGE_OVERHEAD - size), handle);
	sea_message_mutex_drop(&view->mutex);
	return error;
}

/* Gives the older half of a bin back. */
static int flush_half(struct sea_message_view *view, struct sea_message_bin *bin, size_t bytes)
{
	unsigned nr = bin->nr / 2 + 1;
	SEA_ASSERT(nr <= bin->nr && view->cached >= nr * bytes);
	int error = sea_message_enter(view);
	if (error)
		return error;
	for (unsigned i = 0; i < nr && !error; i++) {
		error = sea_segment_free(&view->segment, bin->granule[i] * SEA_SEGMENT_GRANULE) ? EBADMSG : 0;
		if (!error)
			sea_journal_commit(&view->journal);
	}
	int broken = sea_message_leave(view);
	if (error || broken)
		return EBADMSG;
	bin->nr -= nr;
	for (unsigned i = 0; i < bin->nr; i++)
		bin->granule[i] = bin->granule[nr + i];
	count_cached(view, -(int64_t)(nr * bytes));
	return 0;
}

static int free_shared(struct sea_message_view *view, size_t offset)
{
	int error = sea_message_enter(view);
	if (error)
		return error;
	if (sea_segment_free(&view->segment, offset))
		error = EBADMSG;
	else
		sea_journal_commit(&view->journal);
	int broken = sea_message_leave(view);
	return error ? error : broken;
}

/* Makes a live block a cached one, by one store. */
static int push(struct sea_message_view *view, struct sea_message_bin *bin, size_t offset, size_t bytes)
{
	int error = bin->nr == SEA_MESSAGE_DEPTH ? flush_half(view, bin, bytes) : 0;
	if (error)
		return error;
	sea_store_relaxed(&sea_blocks_at(view, offset)->tag, sea_message_tag(SEA_MESSAGE_CACHED, me(view), 0, 0));
	sea_message_stored(view);
	SEA_ASSERT(bin->nr < SEA_MESSAGE_DEPTH);
	bin->granule[bin->nr++] = (uint32_t)GRANULES_OF(offset);
	count_cached(view, (int64_t)bytes);
	return 0;
}

static int free_found(struct sea_message_view *view, size_t offset)
{
	size_t bytes = sea_segment_usable(&view->segment, offset);
	struct sea_message_bin *bin = bin_of(view, bytes);
	bool is_cached = bin && view->cached + bytes <= view->cached_max;
	int error = is_cached ? push(view, bin, offset, bytes) : free_shared(view, offset);
	if (!error)
		sea_blocks_count_held(view, -(int64_t)bytes);
	return error;
}

int sea_blocks_free(struct sea_message_view *view, uint64_t handle)
{
	size_t offset;
	if (!sea_message_is_ours(view))
		return ECHILD;
	sea_message_mutex_take(&view->mutex);
	int error = sea_blocks_find(view, handle, &offset);
	if (!error)
		error = free_found(view, offset);
	sea_message_mutex_drop(&view->mutex);
	return error;
}

int sea_blocks_flush(struct sea_message_view *view)
{
	if (!sea_message_is_ours(view))
		return ECHILD;
	sea_message_mutex_take(&view->mutex);
	int error = sea_message_enter(view);
	if (!error) {
		error = flush_all(view);
		int broken = sea_message_leave(view);
		error = error ? error : broken;
	}
	sea_message_mutex_drop(&view->mutex);
	return error;
}
