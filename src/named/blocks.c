/* SPDX-License-Identifier: MIT */
/* blocks.c - blocks of heap objects: allocated, freed, resized */
#include "named/named.h"

#include <string.h>

#include "base/bits.h"
#include "base/check.h"
#include "base/emergency.h"
#include "base/os.h"
#include "base/text.h"
#include "heap/mistake.h"
#include "page/page_alloc.h"
#include "secure/secure.h"
#include "named/handover.h"

static unsigned class_for(size_t size) { return sea_class_for(size ? sea_granules_for(size) : 1); }

static size_t plot_granules(size_t size) { return sea_max((size + SEA_GRANULE - 1) / SEA_GRANULE, 1); }

/* --- counting --------------------------------------------------------------------------- */

/* NA3, for what does not come from a bin. */
static void count_block(struct sea_named *named, size_t bytes)
{
	named->drawn += bytes;
	named->nr_drawn++;
	SEA_ASSERT(named->drawn <= named->quota);
}

static void uncount_block(struct sea_named *named, size_t bytes)
{
	SEA_ASSERT(named->drawn >= bytes && named->nr_drawn > 0);
	named->drawn -= bytes;
	named->nr_drawn--;
}

static void recount_block(struct sea_named *named, size_t was, size_t is)
{
	uncount_block(named, was);
	count_block(named, is);
}

/* --- mistakes ------------------------------------------------------------------------------- */

/* "free of 0x...: this block belongs to the heap "a", not to the heap "b"". */
static _Noreturn void fail_by_name(const struct sea_named *named, const char *verb, const void *block, const char *text,
				   const struct sea_named *other)
{
	char buffer[160] = "";
	struct sea_text line = SEA_TEXT_IN(buffer);
	sea_text_put(&line, text);
	if (other) {
		sea_text_put(&line, "the heap \"");
		sea_text_put(&line, other->name);
		sea_text_put(&line, "\", not to ");
	}
	sea_text_put(&line, "the heap \"");
	sea_text_put(&line, named->name);
	sea_text_put(&line, "\"");
	sea_fatal_block(verb, block, buffer, 0, 0);
}

/* Claim: the block may be malloc's.  Ends the process if hardened mode knows better. */
static bool may_be_mallocs(const char *verb, const void *block)
{
	size_t size;
	const struct sea_zone *zone = sea_zone_of(block);
	if (zone)
		return !zone->is_apart;
	return sea_secure_is_on() ? sea_secure_find(verb, block, &size) : sea_pages_size(block) > 0;
}

/* `block` is no live block of this heap. */
static _Noreturn void fail(const struct sea_named *named, const char *verb, const void *block)
{
	const struct sea_named *other = sea_named_of(block);
	size_t g;
	if (other && other != named)
		fail_by_name(named, verb, block, "this block belongs to ", other);
	if (named->plot && sea_plot_has(named->plot, block)) {
		g = (size_t)((const char *)block - named->plot->first) / SEA_GRANULE;
		fail_by_name(named, verb, block, sea_bit_test(named->plot->used, g)
			     ? "this points inside a block, or to a range that is reserved, of "
			     : "this block was freed already (double free); it was in ", NULL);
	}
	if (may_be_mallocs(verb, block))
		fail_by_name(named, verb, block, "this block was not allocated in ", NULL);
	sea_mistake(verb, block);
}

/* --- chunks ---------------------------------------------------------------------------------- */

static void *take_chunk(struct sea_named *named, unsigned c)
{
	void *chunk = sea_named_bin_pop(named, c);
	if (unlikely(!chunk) && sea_named_bin_refill(named, c))
		chunk = sea_named_bin_pop(named, c);
	return chunk;
}

static void *take_aligned_chunk(struct sea_named *named, unsigned c, size_t align)
{
	struct sea_batch batch;
	if (!sea_named_has_quota(named, sea_class_size(c)) ||
	    !sea_shard_take_aligned(&named->shard, sea_class_granules(c), 1, align, &batch))
		return NULL;
	SEA_ASSERT(batch.nr_chunks == 1 && (uintptr_t)batch.piece[0].start % align == 0);
	struct sea_link *chunk = (struct sea_link *)batch.piece[0].start;
	chunk->mark = 0;
	count_block(named, sea_class_size(c));
	return chunk;
}

static void *alloc_chunk(struct sea_named *named, struct sea_request *request)
{
	unsigned c = class_for(request->size);
	void *chunk = request->align <= SEA_GRANULE ? take_chunk(named, c) : take_aligned_chunk(named, c, request->align);
	if (unlikely(!chunk))
		request->is_over_quota = !sea_named_has_quota(named, sea_class_size(c));
	return chunk;
}

/* Granules of the live chunk of this heap that starts at `block`; 0: none does. */
static unsigned live_chunk(const struct sea_named *named, const struct sea_zone *zone, const void *block)
{
	unsigned g = sea_granule_of(block);
	if (zone->shard != &named->shard || (uintptr_t)block % SEA_GRANULE || !sea_bit_test(zone->used, g) ||
	    sea_bit_test(zone->pending, g))
		return 0;
	unsigned n = sea_zone_chunk_size(zone, g);
	return n && !sea_named_bin_has(named, sea_class_of(n), block) ? n : 0;
}

static void free_chunk(struct sea_named *named, struct sea_zone *zone, void *block, unsigned n)
{
	unsigned c = sea_class_of(n);
	if (unlikely(!c || !sea_named_bin_push(named, c, block)))
		sea_named_bin_send(named, zone, block, n);
}

/* --- runs ------------------------------------------------------------------------------------ */

/* A parked run is not found by free().  One with an arena of its own cannot be parked,
 * nor found by its page. */
static void park(const void *base)
{
	size_t size;
	struct page *page = sea_pages_run(base, &size);
	SEA_ASSERT(size > 0);
	if (page)
		sea_pages_park(page);
}

static void give_run(struct sea_run *run)
{
	char *base = run->base;
	if (run->is_shared) {
		sea_handover_release(run);
		return;
	}
	struct page *page = sea_pages_parked(base);
	if (page)
		sea_pages_unpark(page);
	sea_runs_remove(run);
	sea_pages_free(base);
}

static void *alloc_run(struct sea_named *named, struct sea_request *request)
{
	size_t size = sea_max(request->size, 1), bytes;
	bool zeroed = false;
	request->is_over_quota = !sea_named_has_quota(named, sea_round_up(size, sea_page_size()));
	if (request->is_over_quota)
		return NULL;
	char *base = sea_pages_alloc(size, request->align, SEA_TOUCH_NOW, &zeroed);
	if (!base)
		return NULL;
	bytes = sea_pages_size(base);
	SEA_ASSERT(bytes >= size);
	if (!sea_runs_add(named, base, bytes)) {
		sea_pages_free(base);
		return NULL;
	}
	park(base);
	count_block(named, bytes);
	request->zeroed &= !zeroed;
	return base;
}

static void free_run(struct sea_named *named, struct sea_run *run)
{
	SEA_ASSERT(run->named == named);
	uncount_block(named, run->size);
	give_run(run);
}

/* Lengthens, shortens or moves it. */
static void *resize_run(struct sea_named *named, struct sea_run *run, struct sea_request *request)
{
	SEA_ASSERT(run->named == named && !run->is_shared);
	size_t was = run->size;
	struct page *page = sea_pages_parked(run->base);
	request->is_over_quota = request->size > was && !sea_named_has_quota(named, sea_round_up(request->size, sea_page_size()) - was);
	if (request->is_over_quota)
		return NULL;
	if (page)
		sea_pages_unpark(page);
	char *base = sea_pages_resize(run->base, request->size) ? run->base : sea_pages_move(run->base, request->size);
	char *now = base ? base : run->base;
	sea_runs_change(run, now, sea_pages_size(now));
	park(now);
	recount_block(named, was, run->size);
	return base;
}

/* --- brought memory -------------------------------------------------------------------------- */

static void *alloc_in_plot(struct sea_named *named, struct sea_request *request)
{
	SEA_ASSERT(sea_is_power_of_two(request->align));
	size_t k = plot_granules(request->size);
	request->is_over_quota = !sea_named_has_quota(named, k * SEA_GRANULE);
	if (request->is_over_quota)
		return NULL;
	void *block = sea_plot_take(named->plot, k, sea_max(request->align, SEA_GRANULE));
	if (block)
		count_block(named, k * SEA_GRANULE);
	return block;
}

/* --- any block ------------------------------------------------------------------------------- */

static void *alloc(struct sea_named *named, struct sea_request *request)
{
	if (request->size > PTRDIFF_MAX || request->align > PTRDIFF_MAX)
		return NULL;
	if (unlikely(named->plot != NULL))
		return alloc_in_plot(named, request);
	if (unlikely(sea_max(request->size, request->align) > SEA_MEDIUM_MAX))
		return alloc_run(named, request);
	return alloc_chunk(named, request);
}

/* Usable bytes of a live block of this heap; 0: it is none. */
static size_t size_of(const struct sea_named *named, const void *block)
{
	if (named->plot)
		return sea_plot_size(named->plot, block) * SEA_GRANULE;
	const struct sea_zone *zone = sea_zone_of(block);
	if (zone)
		return (size_t)live_chunk(named, zone, block) * SEA_GRANULE;
	const struct sea_run *run = sea_runs_find(block);
	return run && run->named == named ? run->size : 0;
}

static void free_in_plot(struct sea_named *named, const char *verb, void *block)
{
	size_t size = size_of(named, block);
	if (!size && sea_emergency_size(block))
		return;
	if (!size)
		fail(named, verb, block);
	uncount_block(named, size);
	sea_plot_free(named->plot, block);
}

static void free_block(struct sea_named *named, const char *verb, void *block)
{
	struct sea_zone *zone = sea_zone_of(block);
	if (unlikely(named->plot != NULL)) {
		free_in_plot(named, verb, block);
		return;
	}
	if (likely(zone)) {
		if (likely(zone->owner == named->shard.owner && (uintptr_t)block % SEA_GRANULE == 0 &&
			   sea_named_push(named, zone, block)))
			return;
		unsigned n = live_chunk(named, zone, block);
		if (unlikely(!n))
			fail(named, verb, block);
		free_chunk(named, zone, block, n);
		return;
	}
	struct sea_run *run = sea_runs_find(block);
	if (run && run->named == named)
		free_run(named, run);
	else if (!sea_emergency_size(block))
		fail(named, verb, block);
}

/* --- resizing -------------------------------------------------------------------------------- */

/* Claim: a block of `usable` bytes may serve `size` as it is. */
static bool fits(size_t usable, size_t size)
{
	return size <= usable && (size >= usable / 2 || usable <= 4 * SEA_GRANULE);
}

static bool extend_chunk(struct sea_named *named, void *block, size_t usable, size_t size)
{
	SEA_ASSERT(usable % SEA_GRANULE == 0);
	struct sea_zone *zone = sea_zone_of(block);
	unsigned g = sea_granule_of(block), from = (unsigned)(usable / SEA_GRANULE);
	if (!zone || size <= usable || size > SEA_MEDIUM_MAX)
		return false;
	unsigned to = sea_class_granules(class_for(size));
	size_t more = (size_t)(to - from) * SEA_GRANULE;
	if (g + to > SEA_ZONE_GRANULES || !sea_named_has_quota(named, more) || !sea_shard_extend(zone, g, from, to))
		return false;
	recount_block(named, usable, usable + more);
	return true;
}

static bool resize_in_plot(struct sea_named *named, void *block, size_t usable, size_t size)
{
	SEA_ASSERT(sea_plot_size(named->plot, block) * SEA_GRANULE == usable);
	size_t k = plot_granules(size), bytes = k * SEA_GRANULE;
	if (bytes > usable && !sea_named_has_quota(named, bytes - usable))
		return false;
	if (!sea_plot_resize(named->plot, block, k))
		return false;
	recount_block(named, usable, bytes);
	return true;
}

static void *resize_by_copy(struct sea_named *named, const char *verb, void *block, size_t usable,
			    struct sea_request *request)
{
	SEA_ASSERT(usable > 0);
	void *fresh = alloc(named, request);
	if (!fresh)
		return request->size <= usable ? block : NULL;
	memcpy(fresh, block, sea_min(usable, request->size));
	free_block(named, verb, block);
	return fresh;
}

static void *resize(struct sea_named *named, const char *verb, void *block, struct sea_request *request)
{
	size_t usable = size_of(named, block), size = request->size;
	if (!usable)
		fail(named, verb, block);
	if (size > PTRDIFF_MAX)
		return NULL;
	if (named->plot)
		return resize_in_plot(named, block, usable, size) ? block
								   : resize_by_copy(named, verb, block, usable, request);
	struct sea_run *run = sea_zone_of(block) ? NULL : sea_runs_find(block);
	if (run && !run->is_shared && size > SEA_MEDIUM_MAX)
		return resize_run(named, run, request);
	if (fits(usable, size) || extend_chunk(named, block, usable, size))
		return block;
	return resize_by_copy(named, verb, block, usable, request);
}

/* --- the door: with a handle ----------------------------------------------------------------- */

void *sea_named_alloc(uint64_t handle, const char *verb, struct sea_request *request)
{
	struct sea_named *named = sea_named_enter(handle, verb);
	void *block = alloc(named, request);
	sea_named_leave(named);
	if (block && request->zeroed)
		memset(block, 0, request->size);
	return block;
}

void sea_named_free_in(uint64_t handle, const char *verb, void *block)
{
	struct sea_named *named = sea_named_enter(handle, verb);
	free_block(named, verb, block);
	sea_named_leave(named);
}

void *sea_named_resize_in(uint64_t handle, const char *verb, void *block, struct sea_request *request)
{
	struct sea_named *named = sea_named_enter(handle, verb);
	void *resized = resize(named, verb, block, request);
	sea_named_leave(named);
	return resized;
}

size_t sea_named_size_in(uint64_t handle, const char *verb, const void *block)
{
	struct sea_named *named = sea_named_enter(handle, verb);
	size_t size = size_of(named, block);
	if (!size)
		fail(named, verb, block);
	sea_named_leave(named);
	return size;
}

/* --- the door: for a block ------------------------------------------------------------------- */

struct sea_named *sea_named_of(const void *block)
{
	const struct sea_zone *zone = sea_zone_of(block);
	if (!sea_named_any())
		return NULL;
	/* First: the memory that was brought may be a block of another heap. */
	struct sea_named *around = sea_named_plot_around(block);
	if (around)
		return around;
	if (zone)
		return zone->is_apart ? (struct sea_named *)((char *)zone->shard - offsetof(struct sea_named, shard)) : NULL;
	const struct sea_run *run = sea_runs_find(block);
	return run ? run->named : NULL;
}

/* Returns a small block to its bin, if the lock is free.  True: it did. */
static bool free_at_once(struct sea_named *named, void *block)
{
	const struct sea_zone *zone = sea_zone_of(block);
	if (!zone || (uintptr_t)block % SEA_GRANULE || named->one_thread || !sea_lock_take_free(&named->lock))
		return false;
	bool is_done = zone->owner == sea_load_relaxed(&named->handle) && sea_named_push(named, zone, block);
	sea_lock_drop_only(&named->lock);
	return is_done;
}

void sea_named_free(struct sea_named *named, void *block)
{
	if (likely(free_at_once(named, block)))
		return;
	sea_named_enter_of_block(named, "free", block);
	free_block(named, "free", block);
	sea_named_leave(named);
}

void *sea_named_resize(struct sea_named *named, void *block, size_t size)
{
	struct sea_request request = {.size = size, .align = 1};
	sea_named_enter_of_block(named, "realloc", block);
	void *resized = resize(named, "realloc", block, &request);
	sea_named_leave(named);
	return resized;
}

size_t sea_named_size(struct sea_named *named, const char *verb, const void *block)
{
	sea_named_enter_of_block(named, verb, block);
	size_t size = size_of(named, block);
	if (!size)
		fail(named, verb, block);
	sea_named_leave(named);
	return size;
}

/* --- all blocks at once ---------------------------------------------------------------------- */

static void clear(struct sea_named *named)
{
	if (named->plot)
		sea_plot_clear(named->plot);
	while (named->runs)
		give_run(named->runs);
	sea_named_bins_forget(named);
	sea_apart_clear(&named->shard);
	SEA_ASSERT(!named->runs && named->shard.nr_zones == 0);
	named->drawn = named->nr_drawn = 0;
}

void sea_named_reset(uint64_t handle, const char *verb)
{
	struct sea_named *named = sea_named_enter(handle, verb);
	clear(named);
	sea_named_leave(named);
}

static void end(struct sea_named *named)
{
	if (named->plot)
		sea_named_detach(named, false);
	clear(named);
}

static void end_but_keep(struct sea_named *named)
{
	if (named->plot)
		sea_named_detach(named, true);
	clear(named);
}

void sea_named_destroy(uint64_t handle, const char *verb, bool keeps)
{
	sea_named_retire(handle, verb, keeps ? end_but_keep : end);
}
