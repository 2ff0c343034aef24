/* SPDX-License-Identifier: MIT */
/* watermark/engine.c - a watermark that rises, and a free that does nothing
 *
 *    run     |link|size|seal| block |size|seal| block |size|seal|    rest    |
 *                                              watermark ^                   end
 *
 * The first allocator of a kernel that boots.  Memory below the watermark has been handed out;
 * memory above has not.  A run without room for the next request is never used again, nor is its
 * rest.  Only the last block of a run, which touches the rest, can change its size; the watermark
 * moves with it.  A large block is the only one of its run of pages, so it is the last.
 *
 * WM1  Chunks cover a run from its first byte to its end.
 * WM2  The last chunk of a run is its rest, free.  The first holds the link to the run before.
 *      Other free chunks are gaps that alignment made.
 * WM3  Used memory never becomes free, except for the end of a block that shrinks.
 * WM4  `rest` is the rest of the newest run.  From `fresh` on, the newest run reads as zero.
 * WM5  sea_small counts runs and live chunks.
 *
 * sea_small.lock protects all of it.  WM1 and WM2 fail only inside raise_watermark(), begin_run()
 * and move_watermark().
 */
#include "engines/engine.h"

#include <string.h>

#include "base/check.h"
#include "base/emergency.h"
#include "page/page_alloc.h"
#include "engines/textbook/blocks.h"

const char sea_engine_name[] = "watermark";
const char sea_small_free_text[] = "this is not memory of this heap (it lies there, but was not handed out)";

struct run {
	struct sea_chunk chunk; /* free, but in no use as a block */
	struct run *before;	/* the run that was begun before this one, or NULL */
	size_t size;		/* bytes of the whole run */
};
_Static_assert(sizeof(struct run) % SEA_GRANULE == 0, "the next chunk is aligned");

static struct {
	struct sea_chunk *rest; /* NULL: no run yet */
	struct run *newest;
	char *fresh;
} heap;

/* --- taking ----------------------------------------------------------------- */

static char *end_of(const struct run *run) { return (char *)run + run->size; }

/* Bytes of a new run with room for `size` bytes at a multiple of `align`, a gap and headers. */
static size_t run_size_for(size_t align, size_t size)
{
	return sizeof(struct run) + 3 * SEA_CHUNK_HEADER + 2 * align + size;
}

/* Bytes between the start of the rest's block and the next place for an aligned block: none, or
 * enough for a chunk that is not empty (TC2). */
static size_t gap_before(const struct sea_chunk *rest, size_t align)
{
	uintptr_t start = (uintptr_t)sea_chunk_block(rest);
	size_t gap = sea_round_up(start, align) - start;
	return gap == SEA_CHUNK_HEADER ? gap + align : gap;
}

static bool rest_fits(size_t align, size_t size)
{
	return heap.rest && gap_before(heap.rest, align) + size + SEA_CHUNK_HEADER <= heap.rest->size;
}

/* The rest of the newest run begins at `rest` now. */
static void set_rest(struct sea_chunk *rest)
{
	SEA_ASSERT(sea_lock_is_held(&sea_small.lock));
	SEA_ASSERT((char *)rest > (char *)heap.newest && (char *)(rest + 1) <= end_of(heap.newest));
	heap.rest = rest;
	sea_chunk_make_free(rest, (size_t)(end_of(heap.newest) - (char *)sea_chunk_block(rest)));
	if (heap.fresh < (char *)sea_chunk_block(rest))
		heap.fresh = sea_chunk_block(rest);
}

/* Bytes at the start of a new block that may not read as zero. */
static size_t count_stale(const char *block, size_t size)
{
	return block < heap.fresh ? sea_min((size_t)(heap.fresh - block), size) : 0;
}

/* Takes an aligned block, which fits, and raises the watermark. */
static void *raise_watermark(size_t align, size_t size, size_t *nr_stale)
{
	SEA_ASSERT(sea_lock_is_held(&sea_small.lock));
	SEA_ASSERT(rest_fits(align, size));
	struct sea_chunk *chunk = heap.rest;
	size_t gap = gap_before(chunk, align);
	if (gap) {
		sea_chunk_make_free(chunk, gap - SEA_CHUNK_HEADER);
		chunk = sea_chunk_next(chunk);
	}
	void *block = sea_chunk_block(chunk);
	SEA_ASSERT((uintptr_t)block % align == 0);
	*nr_stale = count_stale(block, size);
	sea_chunk_make_live(chunk, size, 0);
	set_rest(sea_chunk_next(chunk));
	sea_small.nr_live++;
	sea_small.live += size;
	return block;
}

static void begin_run(struct run *run, size_t size, bool zeroed)
{
	*run = (struct run){.before = heap.newest, .size = size};
	sea_chunk_make_free(&run->chunk, sizeof(*run) - SEA_CHUNK_HEADER);
	heap.newest = run;
	heap.fresh = zeroed ? (char *)run : end_of(run);
	set_rest(sea_chunk_next(&run->chunk));
	sea_small.nr_runs++;
	sea_small.run_bytes += size;
}

/* Begins a run in which an aligned block fits.  Drops the lock meanwhile.  If another thread was
 * faster, its run serves us too. */
static bool add_run(size_t align, size_t size)
{
	bool zeroed;
	sea_lock_drop(&sea_small.lock);
	sea_blocks_start();
	struct run *run = sea_pages_alloc(SEA_SMALL_RUN, 1, SEA_TOUCH_NOW, &zeroed);
	if (!run)
		run = sea_pages_alloc(run_size_for(align, size), 1, SEA_TOUCH_NOW, &zeroed);
	sea_lock_take(&sea_small.lock);
	bool was_quicker = rest_fits(align, size);
	if (run && !was_quicker)
		begin_run(run, sea_pages_size(run), zeroed);
	else if (run)
		sea_pages_free(run);
	return run || was_quicker;
}

static void *alloc_small(size_t align, size_t size, size_t *nr_stale)
{
	void *block = NULL;
	sea_lock_take(&sea_small.lock);
	if (rest_fits(align, size) || add_run(align, size))
		block = raise_watermark(align, size, nr_stale);
	sea_lock_drop(&sea_small.lock);
	return block;
}

void *sea_engine_alloc_aligned(size_t align, size_t size)
{
	size_t ignored;
	if (sea_lock_holds_any())
		return sea_emergency_alloc(align, size);
	if (!sea_is_small(align, size))
		return sea_block_alloc_run(align, size, NULL);
	return alloc_small(sea_max(align, SEA_GRANULE), sea_small_size(size), &ignored);
}

void *sea_engine_alloc(size_t size) { return sea_engine_alloc_aligned(SEA_GRANULE, size); }

void *sea_engine_alloc_zeroed(size_t size)
{
	size_t nr_stale = size;
	bool zeroed = false;
	void *block;
	if (sea_lock_holds_any())
		return sea_emergency_alloc(SEA_GRANULE, size);
	if (sea_is_small(SEA_GRANULE, size))
		block = alloc_small(SEA_GRANULE, sea_small_size(size), &nr_stale);
	else
		block = sea_block_alloc_run(SEA_GRANULE, size, &zeroed);
	return block && !zeroed ? memset(block, 0, nr_stale) : block;
}

/* --- freeing and resizing ------------------------------------------------------ */

void sea_engine_free(void *block)
{
	if (block && !sea_lock_holds_any())
		sea_engine_expect_live("free", block);
}

/* Makes a chunk with free memory behind it `size` bytes long, more or fewer.  Some of that memory
 * must stay, because only the last header of a run may have size 0. */
static bool move_watermark(struct sea_chunk *chunk, size_t size)
{
	struct sea_chunk *behind = sea_chunk_next(chunk);
	SEA_CHECK(sea_chunk_is_live(chunk) && sea_chunk_is_sealed(behind));
	if (!sea_chunk_is_free(behind) || size >= (size_t)chunk->size + behind->size)
		return false;
	bool is_newest = behind == heap.rest;
	size_t left = (size_t)chunk->size + behind->size - size;
	sea_small.live += size - chunk->size;
	sea_chunk_erase(behind);
	sea_chunk_make_live(chunk, size, 0);
	if (is_newest)
		set_rest(sea_chunk_next(chunk));
	else
		sea_chunk_make_free(sea_chunk_next(chunk), left);
	return true;
}

bool sea_small_resize_in_place(void *block, size_t size)
{
	if (sea_block_run_size(block))
		return sea_pages_resize(block, size);
	if (size > SEA_SMALL_MAX)
		return false;
	sea_lock_take(&sea_small.lock);
	bool done = move_watermark(sea_block_chunk(block), sea_small_size(size));
	sea_lock_drop(&sea_small.lock);
	return done;
}

void *sea_small_move(void *block, size_t usable, size_t size)
{
	return size <= usable ? block : sea_block_copy(block, usable, size);
}

/* free() frees nothing, so there is nothing to purge. */
size_t sea_engine_trim(size_t keep)
{
	(void)keep;
	return 0;
}

/* --- observers -------------------------------------------------------------------- */

void sea_small_each_run(void (*visit)(const void *run, size_t size, void *context), void *context)
{
	for (const struct run *run = heap.newest; run; run = run->before)
		visit(run, run->size, context);
}

struct count {
	size_t nr_live, live;
};

/* WM1 and WM2 for one run.  Returns its rest, or NULL if they do not hold. */
static const struct sea_chunk *audit_run(const struct run *run, struct count *count)
{
	const struct sea_chunk *chunk = &run->chunk;
	if (!sea_chunk_is_free(chunk) || sea_chunk_next(chunk) != (const struct sea_chunk *)(run + 1))
		return NULL;
	while ((char *)sea_chunk_next(chunk) < end_of(run)) {
		chunk = sea_chunk_next(chunk);
		if (!sea_chunk_is_sealed(chunk) || (!chunk->size && (char *)(chunk + 1) != end_of(run)))
			return NULL;
		count->nr_live += sea_chunk_is_live(chunk);
		count->live += sea_chunk_is_live(chunk) ? chunk->size : 0;
	}
	return sea_chunk_is_free(chunk) && (char *)sea_chunk_next(chunk) == end_of(run) ? chunk : NULL;
}

/* WM4. */
static bool rest_is_sound(void)
{
	const char *start = sea_chunk_block(heap.rest);
	if (heap.fresh < start || heap.fresh > end_of(heap.newest))
		return false;
	for (const char *byte = heap.fresh; byte < end_of(heap.newest); byte++)
		if (*byte)
			return false;
	return true;
}

static bool is_sound(void)
{
	size_t nr_runs = 0, run_bytes = 0;
	struct count count = {0};
	for (const struct run *run = heap.newest; run; run = run->before) {
		const struct sea_chunk *rest = audit_run(run, &count);
		if (!rest || (run == heap.newest && (rest != heap.rest || !rest_is_sound())))
			return false;
		nr_runs++;
		run_bytes += run->size;
	}
	return nr_runs == sea_small.nr_runs && run_bytes == sea_small.run_bytes &&
	       count.nr_live == sea_small.nr_live && count.live == sea_small.live;
}

bool sea_engine_is_sound(void)
{
	sea_lock_take(&sea_small.lock);
	bool sound = is_sound();
	sea_lock_drop(&sea_small.lock);
	return sound && sea_pages_are_sound();
}
