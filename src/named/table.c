/* SPDX-License-Identifier: MIT */
/* table.c - heaps made, found and retired */
#include "named/table.h"

#include <string.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/text.h"
#include "map/map.h"
#include "named/bins.h"

struct sea_named *sea_named_entries[SEA_MAX_NAMED];
uint32_t sea_named_nr;
static struct {
	uint32_t nr_entries;	/* entries that have a struct; index lock to write; atomic */
	struct sea_named *unused; /* index lock */
} table;

static struct sea_lock *nth_lock(uint32_t i) { return &sea_load_acquire(&sea_named_entries[i])->lock; }

const struct sea_locks sea_locks_named = {.nth = nth_lock, .nr = SEA_MAX_NAMED, .nr_used = &table.nr_entries};

/* --- entries -------------------------------------------------------------------------- */

/* NA1: the generation of a handle is never 0, so this is none. */
static uint64_t no_handle(const struct sea_named *named) { return named->index ^ 1; }

/* Adds an entry.  Index lock. */
static struct sea_named *add_entry(void)
{
	SEA_ASSERT(sea_lock_is_held(&sea_named_lock));
	if (table.nr_entries == SEA_MAX_NAMED)
		return NULL;
	struct sea_named *named = sea_meta_alloc(sizeof(*named));
	if (!named || !sea_apart_add(&named->shard))
		return NULL;
	named->index = table.nr_entries;
	named->handle = no_handle(named);
	named->lock.rank = SEA_RANK_NAMED;
	sea_store_release(&sea_named_entries[named->index], named);
	sea_store_release(&table.nr_entries, table.nr_entries + 1);
	return named;
}

static struct sea_named *take_entry(void)
{
	struct sea_named *named = table.unused;
	if (!named)
		return add_entry();
	table.unused = named->next;
	return named;
}

static uint64_t next_handle(struct sea_named *named)
{
	++named->generation;
	SEA_ASSERT(named->generation && named->index < SEA_MAX_NAMED); /* NA1 */
	return (uint64_t)named->generation << SEA_HANDLE_INDEX_BITS | named->index;
}

struct sea_named *sea_named_create(const char *name, struct sea_named_options options)
{
	sea_lock_take(&sea_named_lock);
	struct sea_named *named = take_entry();
	if (named) {
		SEA_ASSERT(!sea_named_exists(named) && !named->drawn && !named->runs && !named->plot);
		sea_text_copy(named->name, SEA_NAME_ROOM, name);
		sea_named_bins_forget(named);
		named->quota = options.quota;
		named->one_thread = options.one_thread;
		named->shard.owner = next_handle(named);
		sea_store_release(&named->handle, named->shard.owner);
		sea_add_relaxed_mt(&sea_named_nr, 1);
	}
	sea_lock_drop(&sea_named_lock);
	return named;
}

static void give_entry(struct sea_named *named)
{
	SEA_ASSERT(!sea_named_exists(named) && sea_load_relaxed(&sea_named_nr) > 0); /* NA5 */
	sea_lock_take(&sea_named_lock);
	named->next = table.unused;
	table.unused = named;
	sea_add_relaxed_mt(&sea_named_nr, -1u);
	sea_lock_drop(&sea_named_lock);
}

/* --- entering ------------------------------------------------------------------------- */

void sea_named_no_heap(const char *verb, uint64_t handle)
{
	const struct sea_named *named = sea_load_acquire(&sea_named_entries[handle % SEA_MAX_NAMED]);
	uint64_t generation = handle >> SEA_HANDLE_INDEX_BITS;
	bool was_one = named && generation && generation <= sea_load_relaxed(&named->generation);
	sea_fatal(verb, was_one ? "this heap was destroyed already" : "this is no heap");
}

struct sea_named *sea_named_enter(uint64_t handle, const char *verb)
{
	struct sea_named *named = sea_named_at(handle);
	if (unlikely(!named))
		sea_named_no_heap(verb, handle);
	if (!named->one_thread)
		sea_lock_take(&named->lock);
	if (unlikely(sea_load_relaxed(&named->handle) != handle))
		sea_named_no_heap(verb, handle);
	sea_store_relaxed(&named->is_inside, 1);
	return named;
}

void sea_named_enter_of_block(struct sea_named *named, const char *verb, const void *block)
{
	if (!named->one_thread)
		sea_lock_take(&named->lock);
	if (unlikely(!sea_named_exists(named)))
		sea_fatal_block(verb, block, "the heap of this block was destroyed", 0, 0);
	sea_store_relaxed(&named->is_inside, 1);
}

void sea_named_leave(struct sea_named *named)
{
	SEA_ASSERT(named->is_inside);
	sea_store_relaxed(&named->is_inside, 0);
	if (!named->one_thread)
		sea_lock_drop(&named->lock);
}

/* Who holds the lock and is not inside looks at the heap, or has stopped all: waiting is right. */
static void lock_alone(struct sea_named *named, const char *verb)
{
	if (!sea_load_relaxed(&named->is_inside) && sea_lock_try(&named->lock))
		return;
	if (sea_load_relaxed(&named->is_inside))
		sea_fatal(verb, "another thread is allocating or freeing in this heap");
	sea_lock_take(&named->lock);
}

void sea_named_retire(uint64_t handle, const char *verb, void (*end)(struct sea_named *named))
{
	struct sea_named *named = sea_named_at(handle);
	if (!named)
		sea_named_no_heap(verb, handle);
	lock_alone(named, verb);
	if (sea_load_relaxed(&named->handle) != handle)
		sea_named_no_heap(verb, handle);
	sea_store_release(&named->handle, no_handle(named));
	SEA_ASSERT(!sea_named_at(handle) && !sea_named_exists(named)); /* NA1: leads nowhere */
	end(named);
	SEA_ASSERT(!named->drawn && !named->nr_drawn && !named->runs && !named->plot);
	sea_lock_drop(&named->lock);
	give_entry(named);
}

bool sea_named_next(unsigned *at, uint64_t *handle, char name[SEA_NAME_ROOM])
{
	bool found = false;
	sea_lock_take(&sea_named_lock);
	for (; !found && *at < table.nr_entries; ++*at) {
		const struct sea_named *named = sea_named_entries[*at];
		*handle = sea_load_relaxed(&named->handle);
		found = sea_named_exists(named);
		sea_text_copy(name, SEA_NAME_ROOM, named->name);
	}
	sea_lock_drop(&sea_named_lock);
	return found;
}

/* NA1: the handle of a heap leads to its own entry, any other number to another one. */
static bool entry_is_sound(uint32_t i)
{
	const struct sea_named *named = sea_named_entries[i];
	bool leads_here = named && named->handle % SEA_MAX_NAMED == i;
	return named && named->index == i && leads_here == sea_named_exists(named);
}

bool sea_named_table_is_sound(void)
{
	uint32_t nr_used = 0, nr_unused = 0;
	bool sound = true;
	sea_lock_take(&sea_named_lock);
	for (uint32_t i = 0; i < table.nr_entries && sound; i++) {
		sound = entry_is_sound(i);
		nr_used += sound && sea_named_exists(sea_named_entries[i]);
	}
	for (const struct sea_named *named = table.unused; named && sound; named = named->next, nr_unused++)
		sound = !sea_named_exists(named) && nr_unused < table.nr_entries;
	sound &= nr_used == sea_load_relaxed(&sea_named_nr) && nr_used + nr_unused == table.nr_entries;
	sea_lock_drop(&sea_named_lock);
	return sound && table.nr_entries == sea_apart_count();
}
