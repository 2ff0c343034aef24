/* SPDX-License-Identifier: MIT */
/* secure.c - blocks handed out, checked and taken back
 *
 *    request 0           --> nothing.c     an address without access
 *    up to 32 KiB        --> cellcache.c   a cell of a slab, with a seal behind the block
 *    more                --> large.c       pages between two guards
 *
 * A free cell reads as zero but for its seal.  It is cleared when it is freed, and looked at when
 * it is handed out again: if it is not zero then, the program wrote to it after the free.
 *
 * While a cell changes from free to live or back its seal is 0.  So a signal handler that calls
 * exit() in between leads to an audit that leaves the cell out.
 */
#include "secure/secure.h"

#include <string.h>

#include "base/check.h"
#include "base/emergency.h"
#include "base/machine.h"
#include "base/options.h"
#include "base/os.h"
#include "base/upward.h"
#include "map/map.h"
#include "page/page_alloc.h"
#include "secure/large.h"
#include "secure/nothing.h"
#include "secure/preset.h"
#include "secure/report.h"
#include "secure/cellcache.h"
#include "secure/untouched.h"

uint32_t sea_secure_state;
struct sea_secrets sea_secrets;

/* Memory was allocated before the options could be read, or while another thread read them, so not
 * every block is one of ours.  Atomic. */
static uint32_t is_mixed;

/* --- the start ------------------------------------------------------------------------------ */

static void turn_on(void)
{
	if (sea_meta_size() > 0)
		sea_store_relaxed(&is_mixed, 1);
	sea_secrets = (struct sea_secrets){sea_os_random(), sea_os_random() | 1, sea_os_random() | 1,
					    sea_seal_mask(sea_os_random())};
	sea_store_release(&sea_secure_nr_locks, SEA_SECURE_NR_LOCKS);
	sea_store_release(&sea_secure_state, (uint32_t)SEA_SECURE_ON);
}

/* Any number of threads may be the first.  While one of them reads the options, the others do not
 * decide. */
void sea_secure_start(bool options_are_read)
{
	static uint32_t is_decided;
	bool known = sea_secure_preset || options_are_read;
	if (!known || sea_load_relaxed(&is_decided) || !sea_swap_if(&is_decided, 0, 1))
		return;
	if (sea_secure_preset || sea_options.secure)
		turn_on();
	else
		sea_store_release(&sea_secure_state, (uint32_t)SEA_SECURE_OFF);
}

bool sea_secure_settle(void)
{
	if (sea_load_acquire(&sea_secure_state) == SEA_SECURE_UNKNOWN)
		sea_front_start();
	/* What this thread allocates now is not hardened. */
	if (unlikely(sea_load_acquire(&sea_secure_state) == SEA_SECURE_UNKNOWN))
		sea_store_relaxed(&is_mixed, 1);
	return sea_secure_is_on();
}

/* --- cells ----------------------------------------------------------------------------------- */

/* A live cell, and what its seal says. */
struct found {
	struct sea_cell cell;
	sea_seal *at;
	sea_seal seal;
	size_t size; /* of the request */
};

/* Both ends are touched of a cell up to a page, the end of a longer one. */
#define TOUCH_MAX (4 * SEA_KIB)

/* The cell changes until it gets another seal. */
SEA_INLINE void unseal(sea_seal *at)
{
	sea_store_relaxed(at, 0);
	sea_before_a_signal();
}

SEA_INLINE void seal_block(char *block, sea_seal *at, size_t size, enum sea_kind kind)
{
	SEA_ASSERT(block + size <= (char *)at);
	unseal(at);
	if (likely(sea_options.secure_canary))
		sea_fill_put(block + size, at);
	sea_before_a_signal();
	sea_store_release(at, sea_seal_of_block(at, (size_t)((char *)at - block) - size, kind));
}

/* The smallest class whose cells are aligned and have room; SEA_CELL_CLASSES: there is none. */
static unsigned class_for(size_t align, size_t size)
{
	SEA_ASSERT(sea_is_power_of_two(align));
	if (size > SEA_CELL_BLOCK_MAX || align > SEA_CELL_BLOCK_MAX)
		return SEA_CELL_CLASSES;
	unsigned class = sea_cell_class(sea_max(size + SEA_SEAL_SIZE, align));
	while (align > SEA_GRANULE && class < SEA_CELL_CLASSES && sea_cell_size(class) % align)
		class++;
	SEA_ASSERT(class == SEA_CELL_CLASSES || sea_cell_size(class) >= size + SEA_SEAL_SIZE);
	return class;
}

/* The cell's pages become memory by one fault each, before anything is read.  Of longer cells the
 * program may never use all pages. */
SEA_INLINE void touch(char *cell, sea_seal *at)
{
	sea_machine_touch(at);
	if ((size_t)((char *)at - cell) < TOUCH_MAX)
		sea_machine_touch((uint64_t *)cell);
}

/* A few small blocks lie as large ones do, so that reads outside of them and after their free
 * end the process, too.  NULL: this is none of them. */
static SEA_NOINLINE void *alloc_apart(struct sea_cellcache *cache, unsigned class, size_t align, size_t size,
				      enum sea_kind kind)
{
	return size && sea_cellcache_sets_apart(cache, class) ? sea_large_alloc_apart(align, size, kind) : NULL;
}

SEA_INLINE void *alloc_cell(unsigned class, size_t align, size_t size, enum sea_kind kind)
{
	SEA_ASSERT(class < SEA_CELL_CLASSES && size + SEA_SEAL_SIZE <= sea_cell_size(class));
	struct sea_cellcache *cache = sea_cellcache_of_thread();
	if (unlikely(cache && !cache->nr_ready[class])) {
		void *block = alloc_apart(cache, class, align, size, kind);
		if (block)
			return block;
	}
	char *cell = sea_cellcache_take(cache, class);
	if (unlikely(!cell))
		return NULL;
	sea_seal *at = sea_cell_seal(cell, sea_cell_size(class));
	touch(cell, at);
	sea_cell_expect_untouched(cell, at);
	seal_block(cell, at, size, kind);
	sea_cellcache_note_live(cache, size);
	return cell;
}

static size_t size_by(size_t cell_size, sea_seal seal)
{
	size_t slack = sea_seal_slack(seal), room = cell_size - SEA_SEAL_SIZE;
	return slack <= room ? room - slack : 0;
}

/* No live block starts here, or its seal is not true: says why. */
static SEA_COLD _Noreturn void explain_cell(const char *verb, struct sea_tract *tract, const char *block)
{
	struct sea_cell cell = sea_slabs_find(tract, block);
	if (!cell.size)
		sea_report_freed(verb, block);
	const sea_seal *at = sea_cell_seal(cell.start, cell.size);
	sea_seal seal = sea_load_relaxed(at);
	bool is_true = sea_seal_is_true(at, seal);
	if (is_true && seal && !sea_seal_is_live(seal))
		sea_report_freed(verb, block);
	if (is_true && !seal)
		sea_report_no_block(verb, block);
	if (block != cell.start && is_true)
		sea_fatal_inside(verb, block, (size_t)(block - cell.start), size_by(cell.size, seal));
	sea_report_seal(verb, block);
}

/* Finds the live cell that starts at `block`, and checks the bytes on both sides. */
SEA_INLINE struct found find_cell(const char *verb, struct sea_tract *tract, const char *block)
{
	struct sea_cell cell = sea_slabs_find(tract, block);
	if (unlikely(cell.start != block)) /* not at the start of a cell, or in none */
		explain_cell(verb, tract, block);
	sea_seal *at = sea_cell_seal(block, cell.size), seal = sea_load_acquire(at);
	if (unlikely(!sea_seal_is_live(seal) || !sea_seal_is_true(at, seal)))
		explain_cell(verb, tract, block);
	SEA_ASSERT(cell.size >= SEA_SEAL_SIZE + sea_seal_slack(seal));
	size_t size = cell.size - SEA_SEAL_SIZE - sea_seal_slack(seal);
	if (likely(sea_options.secure_canary)) {
		const sea_seal *before = (const sea_seal *)block - 1;
		if (unlikely(!sea_fill_is_whole(block + size, at)))
			sea_report_overflow(verb, block, size);
		bool is_whole = likely(cell.number) ? sea_seal_is_true(before, sea_load_relaxed(before))
						    : sea_slabs_front_is_whole(tract, cell.slab);
		if (unlikely(!is_whole))
			sea_report_underflow(verb, block, size);
	}
	return (struct found){cell, at, seal, size};
}

/* --- does the free fit? ---------------------------------------------------------------------- */

/* A free by the C functions says nothing of operators that the program has not. */
SEA_INLINE void check_pair(const void *block, enum sea_kind freed_as, enum sea_kind kind, size_t told, size_t size)
{
	if (unlikely(freed_as != kind) && sea_options.secure_pairs)
		sea_report_kind(block, freed_as, kind);
	if (told != SEA_SIZE_UNTOLD && unlikely(told != size) && sea_options.secure_sized)
		sea_report_size(block, told, size);
}

/* --- free ------------------------------------------------------------------------------------ */

/* Frees what find_cell() has found. */
SEA_INLINE void release_cell(char *block, struct found found)
{
	SEA_ASSERT(found.size + SEA_SEAL_SIZE <= found.cell.size && found.cell.slab->class < SEA_CELL_CLASSES);
	if (sea_is_alone())
		unseal(found.at);
	else if (unlikely(!sea_swap_if(found.at, found.seal, 0)))
		sea_report_freed("free", block);
	if (likely(sea_options.secure_zero))
		sea_cell_clear(block, found.cell.size);
	sea_before_a_signal();
	sea_store_release(found.at, sea_seal_free(found.at));
	struct sea_cellcache *cache = sea_cellcache_of_thread();
	sea_cellcache_note_live(cache, -found.size);
	sea_cellcache_hold(cache, sea_free_cell_of(found.cell));
}

SEA_INLINE void free_cell(struct sea_tract *tract, char *block, enum sea_kind kind, size_t told)
{
	struct found found = find_cell("free", tract, block);
	check_pair(block, kind, sea_seal_kind(found.seal), told, found.size);
	release_cell(block, found);
}

static bool free_large(void *block, enum sea_kind kind, size_t told)
{
	struct sea_large_view view = sea_large_find("free", block);
	if (view.what == SEA_LARGE_ELSEWHERE)
		return false;
	if (view.what == SEA_LARGE_LIVE)
		check_pair(block, kind, view.kind, told, view.size);
	if (view.what == SEA_LARGE_FREED || !sea_large_free(block))
		sea_report_freed("free", block);
	return true;
}

static SEA_NOINLINE bool free_other(void *block, enum sea_kind kind, size_t told)
{
	if (sea_nothing_at(block) != SEA_NOTHING_ELSEWHERE) {
		if (sea_nothing_at(block) == SEA_NOTHING_INSIDE || !sea_nothing_free(block))
			sea_report_freed("free", block);
		return true;
	}
	if (free_large(block, kind, told) || sea_emergency_size(block))
		return true;
	if (!sea_load_relaxed(&is_mixed))
		sea_secure_mistake("free", block);
	return false;
}

bool sea_secure_free(void *block, enum sea_kind kind, size_t size)
{
	if (!block || sea_lock_holds_any())
		return true;
	struct sea_tract *tract = sea_slabs_tract(block);
	if (unlikely(!tract))
		return free_other(block, kind, size);
	free_cell(tract, block, kind, size);
	return true;
}

/* --- malloc ---------------------------------------------------------------------------------- */

static void *alloc_once(size_t align, size_t size, enum sea_kind kind)
{
	unsigned class = class_for(align, size);
	return likely(class < SEA_CELL_CLASSES) ? alloc_cell(class, align, size, kind) : sea_large_alloc(align, size, kind);
}

/* Kept memory is given up if there is no other. */
static SEA_COLD void *alloc_at_last(size_t align, size_t size, enum sea_kind kind)
{
	if (sea_cellcache_own)
		sea_cellcache_empty(sea_cellcache_own, true);
	sea_cellcache_empty_left();
	sea_large_trim();
	sea_slabs_trim();
	return alloc_once(align, size, kind);
}

void *sea_secure_alloc(size_t align, size_t size, enum sea_kind kind, bool *zeroed)
{
	void *block = NULL;
	*zeroed = sea_options.secure_zero && sea_options.secure_check_freed;
	if (unlikely(size > PTRDIFF_MAX || align > PTRDIFF_MAX))
		return NULL;
	if (unlikely(!size) && align <= SEA_GRANULE)
		block = sea_nothing_alloc();
	if (likely(!block))
		block = alloc_once(align, size, kind);
	return likely(block) ? block : alloc_at_last(align, size, kind);
}

void *sea_secure_malloc(size_t size)
{
	bool zeroed;
	if (likely(size - 1 < SEA_CELL_BLOCK_MAX)) {
		void *block = alloc_cell(sea_cell_class(size + SEA_SEAL_SIZE), SEA_GRANULE, size, SEA_KIND_PLAIN);
		if (likely(block))
			return block;
	}
	return sea_secure_alloc(SEA_GRANULE, size, SEA_KIND_PLAIN, &zeroed);
}

/* --- questions ------------------------------------------------------------------------------- */

/* What find() finds. */
struct view {
	size_t size;
	enum sea_kind kind;
	struct found cell; /* its size is 0 if the block is in no cell */
	bool is_large;
};

static bool find_other(const char *verb, const void *block, struct view *view)
{
	switch (sea_nothing_at(block)) {
	case SEA_NOTHING_LIVE: return true;
	case SEA_NOTHING_FREE: sea_report_freed(verb, block);
	case SEA_NOTHING_INSIDE: sea_fatal_inside(verb, block, (uintptr_t)block % SEA_GRANULE, 0);
	case SEA_NOTHING_ELSEWHERE: break;
	}
	struct sea_large_view large = sea_large_find(verb, block);
	if (large.what == SEA_LARGE_FREED)
		sea_report_freed(verb, block);
	view->size = large.size;
	view->kind = large.kind;
	view->is_large = large.what == SEA_LARGE_LIVE;
	if (!view->is_large && !sea_load_relaxed(&is_mixed) && !sea_emergency_size(block))
		sea_secure_mistake(verb, block);
	return view->is_large;
}

/* False: the block is not of this mode. */
static bool find(const char *verb, const void *block, struct view *view)
{
	struct sea_tract *tract = sea_slabs_tract(block);
	*view = (struct view){.size = 0};
	if (!tract)
		return find_other(verb, block, view);
	view->cell = find_cell(verb, tract, block);
	view->size = view->cell.size;
	view->kind = sea_seal_kind(view->cell.seal);
	return true;
}

bool sea_secure_find(const char *verb, const void *block, size_t *size)
{
	struct view view;
	if (!find(verb, block, &view))
		return false;
	*size = view.size;
	return true;
}

bool sea_secure_has(const void *block)
{
	if (sea_slabs_tract(block) || sea_nothing_at(block) != SEA_NOTHING_ELSEWHERE)
		return true;
	return sea_large_find("realloc", block).what != SEA_LARGE_ELSEWHERE;
}

void sea_secure_mistake(const char *verb, const void *block)
{
	void *base = NULL;
	size_t size = 0;
	struct sea_large_view view = sea_large_around(block);
	if (view.what == SEA_LARGE_INSIDE)
		sea_fatal_inside(verb, block, view.offset, view.size);
	if (view.what == SEA_LARGE_FREED || sea_pages_at(block, &base, &size) != SEA_AT_FOREIGN)
		sea_report_freed(verb, block);
	sea_fatal_foreign(verb, block);
}

/* --- realloc --------------------------------------------------------------------------------- */

/* Claim: a cell or run for `room` bytes is not too large for `size`. */
static bool is_worth_it(size_t room, size_t size) { return size >= room / 2 || room <= 4 * SEA_GRANULE; }

static void resize_cell(char *block, const struct view *view, size_t size)
{
	SEA_ASSERT(size + SEA_SEAL_SIZE <= view->cell.cell.size && !view->is_large);
	unseal(view->cell.at);
	if (size > view->size)
		memset(block + view->size, 0, size - view->size);
	seal_block(block, view->cell.at, size, view->kind);
	sea_cellcache_note_live(sea_cellcache_of_thread(), size - view->size);
}

static bool resize_in_place(void *block, const struct view *view, size_t size)
{
	bool fits_in_cell = class_for(SEA_GRANULE, size) < SEA_CELL_CLASSES;
	if (view->is_large)
		return (!fits_in_cell || view->size <= SEA_CELL_BLOCK_MAX) && size >= view->size / 2 &&
		       sea_large_resize(block, size);
	size_t room = view->cell.cell.size;
	if (!room || size + SEA_SEAL_SIZE > room || !is_worth_it(room, size))
		return false;
	resize_cell(block, view, size);
	return true;
}

/* A block that grows once will grow again. */
static void *alloc_for(const struct view *view, size_t size)
{
	bool zeroed;
	if (size > view->size && class_for(SEA_GRANULE, size) == SEA_CELL_CLASSES)
		return sea_large_alloc_to_grow(size, view->kind);
	return sea_secure_alloc(SEA_GRANULE, size, view->kind, &zeroed);
}

static void *move(void *block, const struct view *view, size_t size)
{
	void *fresh = alloc_for(view, size);
	if (!fresh)
		return NULL;
	memcpy(fresh, block, sea_min(view->size, size));
	if (view->cell.cell.size)
		release_cell(block, view->cell);
	else
		sea_secure_free(block, view->kind, view->size);
	return fresh;
}

bool sea_secure_resize(void *block, size_t size, void **resized)
{
	struct view view;
	if (!find("realloc", block, &view))
		return false;
	if (size > PTRDIFF_MAX)
		*resized = NULL;
	else
		*resized = resize_in_place(block, &view, size) ? block : move(block, &view, size);
	return true;
}

bool sea_secure_expand(void *block, size_t size)
{
	struct view view;
	if (size > PTRDIFF_MAX / 2 || !find("sea_expand", block, &view))
		return false;
	return size <= view.size || resize_in_place(block, &view, size);
}

/* --- the audit ------------------------------------------------------------------------------- */

struct audit {
	size_t left; /* cells */
	bool is_alone;
};

static void audit_block(const char *start, const sea_seal *at, sea_seal seal)
{
	size_t size = size_by((size_t)((const char *)(at + 1) - start), seal);
	if (!sea_fill_is_whole(start + size, at))
		sea_report_overflow("audit", start, size);
}

/* A seal changes at once.  What is in front of it may be changing if other threads run. */
static void audit_cell(const char *start, const sea_seal *at, bool is_alone)
{
	sea_seal seal = sea_load_acquire(at);
	if (!sea_seal_is_true(at, seal))
		sea_report_seal("audit", start);
	if (!is_alone || !seal)
		return;
	if (sea_seal_is_live(seal))
		audit_block(start, at, seal);
	else
		sea_cell_expect_untouched(start, at);
}

/* Free cells change while another thread takes them. */
static void audit_slab(const char *base, const struct sea_slab *slab, void *context)
{
	struct audit *audit = context;
	size_t size = slab->size;
	for (uint32_t i = 0; i <= slab->last && audit->left; i++) {
		if (!audit->is_alone && sea_bit_test(slab->free, i))
			continue;
		audit_cell(base + i * size, sea_cell_seal((char *)base + i * size, size), audit->is_alone);
		audit->left--;
	}
}

void sea_secure_audit(size_t most)
{
	struct audit audit = {.left = most, .is_alone = sea_is_alone()};
	for (unsigned i = 0; i < SEA_SECURE_SHARDS && audit.left && sea_options.secure_canary; i++) {
		sea_secure_take(SEA_SECURE_LOCK_SHARD + i);
		sea_slabs_each(i, audit_slab, &audit);
		sea_secure_drop(SEA_SECURE_LOCK_SHARD + i);
	}
	if (audit.is_alone && audit.left)
		sea_large_audit();
}

/* --- the rest -------------------------------------------------------------------------------- */

size_t sea_secure_trim(void)
{
	if (sea_cellcache_own)
		sea_cellcache_empty(sea_cellcache_own, false);
	sea_cellcache_empty_left();
	sea_large_trim();
	return sea_slabs_trim();
}

bool sea_secure_count_tract(const void *run, size_t *used, size_t *free, size_t *purged)
{
	const struct sea_tract *tract = sea_slabs_tract(run);
	if (tract)
		*used = sea_slabs_count(tract, free, purged);
	return tract;
}

struct sea_secure_sums sea_secure_sum(void)
{
	struct sea_cellcache_sums caches = sea_cellcache_sum();
	struct sea_large_sums large = sea_large_sum();
	return (struct sea_secure_sums){caches.nr_threads, caches.live + large.live, caches.kept,
					large.closed + sea_nothing_size()};
}

void sea_secure_in_child(void) { sea_cellcache_forget_others(); }

void sea_secure_retreat(void) { sea_cellcache_retreat(); }

bool sea_secure_is_sound(void)
{
	return sea_slabs_are_sound() && sea_cellcache_is_sound() && sea_large_is_sound() && sea_nothing_is_sound();
}
