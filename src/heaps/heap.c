/* SPDX-License-Identifier: MIT */
/* heap.c - seamalloc_heap.h: a heap's life and its blocks */
#include "base/bits.h"
#include "base/text.h"
#include "base/upward.h"
#include "front/front.h"
#include "heaps/handle.h"

/* --- life ------------------------------------------------------------------------------- */

static bool are_valid(const struct sea_heap_options *options)
{
	return !(options->flags & ~SEA_HEAP_ONE_THREAD) && (options->occupied || !options->nr_occupied);
}

static struct sea_named_options converted(const struct sea_heap_options *options)
{
	return (struct sea_named_options){
		.quota = options->quota ? options->quota : SIZE_MAX,
		.one_thread = options->flags & SEA_HEAP_ONE_THREAD,
	};
}

static const struct sea_heap_options defaults;

sea_heap *sea_heap_create(const char *name, const struct sea_heap_options *options)
{
	if (!options)
		options = &defaults;
	if (!are_valid(options) || options->nr_occupied)
		return sea_fail(EINVAL);
	sea_front_start();
	struct sea_named *named = sea_named_create(name ? name : "", converted(options));
	return named ? sea_handle_public(named) : sea_fail(ENOMEM);
}

void sea_heap_reset(sea_heap *heap) { sea_named_reset(sea_handle_of(heap), "sea_heap_reset"); }

void sea_heap_destroy(sea_heap *heap) { sea_named_destroy(sea_handle_of(heap), "sea_heap_destroy", false); }

/* --- brought memory -------------------------------------------------------------------------- */

/* Ranges as notes; false: one is empty or outside. */
static bool note_occupied(const struct sea_brought *brought, const struct sea_heap_options *options, struct sea_note *notes)
{
	char *first = (char *)sea_round_up((uintptr_t)brought->base, SEA_GRANULE);
	char *last = first + sea_round_down((size_t)(brought->base + brought->length - first), SEA_GRANULE);
	for (unsigned i = 0; i < options->nr_occupied; i++) {
		char *from = options->occupied[i].base, *to = from + options->occupied[i].length;
		if (from >= to || from < brought->base || to > brought->base + brought->length)
			return false;
		from = from < first ? first : from;
		to = to > last ? last : to;
		size_t g = (size_t)(from - first) / SEA_GRANULE;
		size_t end = ((size_t)(to - first) + SEA_GRANULE - 1) / SEA_GRANULE;
		notes[i] = (struct sea_note){g, end - g, SEA_NOTE_OCCUPIED, ""};
		if (options->occupied[i].label)
			sea_text_copy(notes[i].label, SEA_LABEL_ROOM, options->occupied[i].label);
	}
	return true;
}

static int error_of(enum sea_brought_result result)
{
	switch (result) {
	case SEA_BROUGHT_NO_MEMORY: return ENOMEM;
	case SEA_BROUGHT_DAMAGED: return EBADMSG;
	case SEA_BROUGHT_TAKEN: return EBUSY;
	default: return EINVAL;
	}
}

sea_heap *sea_heap_create_in(void *base, size_t length, const struct sea_heap_options *options)
{
	struct sea_brought brought = {base, length};
	struct sea_note notes[SEA_MAX_NOTES];
	struct sea_named *named = NULL;
	if (!options)
		options = &defaults;
	if (!base || length < SEA_PLOT_LEAST || !are_valid(options) || options->nr_occupied > SEA_MAX_NOTES ||
	    !note_occupied(&brought, options, notes))
		return sea_fail(EINVAL);
	sea_front_start();
	enum sea_brought_result result = sea_named_create_in(brought, options->name ? options->name : "",
							     converted(options), notes, options->nr_occupied, &named);
	return named ? sea_handle_public(named) : sea_fail(error_of(result));
}

sea_heap *sea_heap_open_in(void *base, size_t length, const struct sea_heap_options *options)
{
	struct sea_named *named = NULL;
	if (!options)
		options = &defaults;
	if (!base || !are_valid(options) || options->nr_occupied)
		return sea_fail(EINVAL);
	sea_front_start();
	enum sea_brought_result result =
		sea_named_open_in((struct sea_brought){base, length}, converted(options), &named);
	return named ? sea_handle_public(named) : sea_fail(error_of(result));
}

int sea_heap_close(sea_heap *heap)
{
	if (!sea_named_is_brought(sea_handle_of(heap), "sea_heap_close")) {
		errno = EINVAL;
		return -1;
	}
	sea_named_destroy(sea_handle_of(heap), "sea_heap_close", true);
	return 0;
}

int sea_heap_set_root(sea_heap *heap, void *block)
{
	if (sea_named_set_root(sea_handle_of(heap), "sea_heap_set_root", block))
		return 0;
	errno = EINVAL;
	return -1;
}

void *sea_heap_root(sea_heap *heap) { return sea_named_root(sea_handle_of(heap), "sea_heap_root"); }

/* --- blocks ---------------------------------------------------------------------------------- */

/* What a failed request tries before it fails: caches and pending chunks are merged, then the
 * program is asked.  A quota is the program's own bound: neither would help. */
static SEA_NOINLINE void *alloc_again(sea_heap *heap, const char *verb, struct sea_request *request)
{
	void *block = NULL;
	if (!request->is_over_quota && request->size <= PTRDIFF_MAX) {
		sea_cache_merge_all();
		block = sea_named_alloc(sea_handle_of(heap), verb, request);
	}
	while (!block && !request->is_over_quota && sea_limit_ask(request->size))
		block = sea_named_alloc(sea_handle_of(heap), verb, request);
	return block ? block : sea_fail(ENOMEM);
}

static void *alloc(sea_heap *heap, const char *verb, struct sea_request request)
{
	if (sea_lock_holds_any())
		return sea_emergency_alloc(sea_max(request.align, SEA_GRANULE), request.size);
	void *block = sea_named_alloc(sea_handle_of(heap), verb, &request);
	return likely(block) ? block : alloc_again(heap, verb, &request);
}

/* The heap, if its fast paths need no lock; else NULL. */
SEA_INLINE struct sea_named *alone(const sea_heap *heap)
{
	struct sea_named *named = sea_named_at(sea_handle_of(heap));
	return likely(named && sea_named_is_alone(named)) ? named : NULL;
}

static SEA_NOINLINE void *malloc_anew(sea_heap *heap, size_t size)
{
	return alloc(heap, "sea_heap_malloc", (struct sea_request){.size = size, .align = 1});
}

/* From a bin of a heap that has a lock.  NULL: the lock is held, or the bin is empty. */
SEA_INLINE void *pop_locked(const sea_heap *heap, struct sea_named *named, size_t size)
{
	void *block = NULL;
	if (unlikely(!sea_lock_take_free(&named->lock)))
		return NULL;
	if (likely(sea_load_relaxed(&named->handle) == sea_handle_of(heap))) {
		block = sea_named_pop(named, size);
		block = likely(block) ? block : sea_named_pop_more(named, size);
	}
	sea_lock_drop_only(&named->lock);
	return block;
}

/* Behind the fast path: a fresh run, a medium size, or a heap with a lock. */
static SEA_NOINLINE void *malloc_slow(sea_heap *heap, size_t size)
{
	struct sea_named *named = sea_named_at(sea_handle_of(heap));
	void *block = NULL;
	if (likely(named))
		block = sea_named_is_alone(named) ? sea_named_pop_more(named, size) : pop_locked(heap, named, size);
	return likely(block) ? block : malloc_anew(heap, size);
}

void *sea_heap_malloc(sea_heap *heap, size_t size)
{
	struct sea_named *named = alone(heap);
	void *block = likely(named) ? sea_named_pop(named, size) : NULL;
	return likely(block) ? block : malloc_slow(heap, size);
}

void *sea_heap_calloc(sea_heap *heap, size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total))
		total = SIZE_MAX;
	return alloc(heap, "sea_heap_calloc", (struct sea_request){.size = total, .align = 1, .zeroed = true});
}

void *sea_heap_aligned_alloc(sea_heap *heap, size_t align, size_t size)
{
	if (!sea_is_power_of_two(align))
		return sea_fail(EINVAL);
	return alloc(heap, "sea_heap_aligned_alloc", (struct sea_request){.size = size, .align = align});
}

static SEA_NOINLINE void free_slow(sea_heap *heap, void *block)
{
	if (!block || sea_lock_holds_any())
		return;
	sea_named_free_in(sea_handle_of(heap), "sea_heap_free", block);
}

/* The block is in a zone of this heap, which has a lock. */
static SEA_NOINLINE void free_locked(sea_heap *heap, struct sea_named *named, const struct sea_zone *zone, void *block)
{
	bool is_done = false;
	if (likely(sea_lock_take_free(&named->lock))) {
		is_done = zone->owner == named->handle && sea_named_push(named, zone, block);
		sea_lock_drop_only(&named->lock);
	}
	if (unlikely(!is_done))
		free_slow(heap, block);
}

void sea_heap_free(sea_heap *heap, void *block)
{
	const struct sea_zone *zone;
	struct sea_named *named = sea_named_with(sea_handle_of(heap), block, &zone);
	if (unlikely(!named))
		free_slow(heap, block);
	else if (unlikely(!sea_named_is_alone(named)))
		free_locked(heap, named, zone, block);
	else if (unlikely(!sea_named_push(named, zone, block)))
		free_slow(heap, block);
}

void *sea_heap_realloc(sea_heap *heap, void *block, size_t size)
{
	static const char verb[] = "sea_heap_realloc";
	struct sea_request request = {.size = size, .align = 1};
	if (!block)
		return sea_heap_malloc(heap, size);
	if (sea_lock_holds_any() || sea_emergency_size(block))
		return sea_realloc(block, size);
	if (!size) {
		sea_named_free_in(sea_handle_of(heap), verb, block);
		return NULL;
	}
	void *resized = sea_named_resize_in(sea_handle_of(heap), verb, block, &request);
	while (unlikely(!resized) && !request.is_over_quota && sea_limit_ask(size))
		resized = sea_named_resize_in(sea_handle_of(heap), verb, block, &request);
	return likely(resized) ? resized : sea_fail(ENOMEM);
}

size_t sea_heap_usable_size(sea_heap *heap, const void *block)
{
	return block ? sea_named_size_in(sea_handle_of(heap), "sea_heap_usable_size", block) : 0;
}

sea_heap *sea_heap_of(const void *block)
{
	const struct sea_named *named = block ? sea_named_of(block) : NULL;
	return named ? sea_handle_public(named) : NULL;
}

void sea_set_limit(size_t bytes, bool (*callback)(size_t size, void *context), void *context)
{
	sea_front_start();
	sea_limit_set(bytes, callback, context);
}
