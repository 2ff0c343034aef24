/* SPDX-License-Identifier: MIT */
/* large.c - runs with guards, and a table of them
 *
 *    run  | guard | fill, block ........... fill | guard ......... |
 *         ^ run   ^ data                         ^ data_end        ^ run + run_size
 *
 * The block ends as close to data_end as its alignment allows.  In front of it and behind it is
 * fill.  A block that has grown starts at `data` and has a guard as long as itself: it grows by
 * taking pages of the guard into use.
 *
 * A run that is given up stays whole and without access for the next block that needs one as long.
 * So a block that comes and goes costs two calls of mprotect.  Runs are rounded up to an eighth of
 * a power of two, so that they fit more often; that costs addresses, but no memory.
 *
 * What is known of a block is in a record out of band, in a hash table by address.  The record of
 * a freed block stays in the table until its run is given up, oldest first.
 *
 * LG1  The table has each live block and each kept one, once; nr_live and nr_kept count them.
 * LG2  Of a live block [data, data_end) has access, and the rest of its run has none if it is
 *      guarded.
 * LG3  nr_guarded counts the blocks with guards, and is at most the option secure_guards.
 * LG4  `live` and `closed` are the bytes of live blocks, and those of the runs outside [data,
 *      data_end) of a live block.
 *
 * Each block with guards costs the process three mappings, of which Linux allows 65530.
 */
#include "secure/large.h"

#include <string.h>

#include "base/bits.h"
#include "base/check.h"
#include "base/options.h"
#include "base/os.h"
#include "map/map.h"
#include "page/page_alloc.h"
#include "secure/cell.h"
#include "secure/locks.h"
#include "secure/report.h"
#include "secure/seal.h"

/* Freed blocks that are kept, and bytes of addresses in them, at most. */
#define KEPT_MOST 64
#define KEPT_BYTES (256 * SEA_MIB)
/* Fill in front of a block that is checked: all that is in front of one without an alignment
 * above a page.  To write or to check it takes 60 ns for a page, and a pair with guards 5 us. */
#define FRONT_MOST (4 * SEA_KIB)
/* Memory that is not known to read as zero is cleared up to this size, and purged above it. */
#define CLEAR_MOST (256 * SEA_KIB)
#define FIRST_BUCKETS 256
/* How often a signal handler looks for a block without the lock, and at how many records each
 * time.  A bucket has one record on average. */
#define HANDLER_TRIES 100
#define HANDLER_STEPS 1000
/* Runs that wait for a block, and bytes of addresses in one, at most.  A program that frees more
 * of them at once is about to use less memory. */
#define WAITING_MOST 32
#define WAITING_BYTES (4 * SEA_MIB)

struct large {
	char *block, *data, *data_end, *run;
	size_t size, run_size;
	struct large *next;  /* in its bucket, or in a list of unused records */
	struct large *older; /* kept: the one that was freed next */
	uint8_t kind;
	bool is_live, is_guarded;
	bool has_guards;  /* the run comes with them */
	bool is_changing; /* the fill may not be whole */
};

static struct {
	struct large **bucket;
	size_t nr_buckets; /* a power of two */
	struct large *spare;
	struct large *oldest, *newest; /* kept */
	struct large waiting[WAITING_MOST]; /* only their runs count */
	size_t nr_waiting;
	size_t nr_live, nr_kept, nr_guarded, kept_bytes;
	size_t live;   /* bytes in live blocks */
	size_t closed; /* bytes of runs without access */
	/* While the table grows: the old array, and records that are in neither array. */
	struct large **old, *rest;
	size_t nr_old;
} table;

/* --- the table.  Its lock ------------------------------------------------------------------- */

static void lock(void) { sea_secure_take(SEA_SECURE_LOCK_LARGE); }
static void unlock(void) { sea_secure_drop(SEA_SECURE_LOCK_LARGE); }

static size_t bucket_number(const void *block, size_t nr_buckets)
{
	SEA_ASSERT(sea_is_power_of_two(nr_buckets));
	return sea_secret_mix((uintptr_t)block >> SEA_GRANULE_SHIFT) & (nr_buckets - 1);
}

static struct large **bucket_of(const void *block)
{
	return &table.bucket[bucket_number(block, table.nr_buckets)];
}

static struct large *find(const void *block)
{
	struct large *large = table.nr_buckets ? *bucket_of(block) : NULL;
	while (large && large->block != block)
		large = large->next;
	return large;
}

static void insert(struct large *large)
{
	SEA_ASSERT(!find(large->block)); /* LG1: once */
	struct large **bucket = bucket_of(large->block);
	sea_store_release(&large->next, *bucket);
	sea_store_release(bucket, large);
}

static void remove_record(struct large *large)
{
	SEA_ASSERT(find(large->block) == large); /* LG1 */
	struct large **link = bucket_of(large->block);
	while (*link != large)
		link = &(*link)->next;
	*link = large->next;
}

/* Doubles the table.  The old array is lost: all of them are as long as the last one. */
static bool grow(void)
{
	size_t nr = table.nr_buckets, twice = nr ? 2 * nr : FIRST_BUCKETS;
	struct large **old = table.bucket, **wider = sea_meta_alloc(twice * sizeof(*wider));
	if (!wider)
		return nr > 0;
	/* In an order in which find_from_handler() finds each record at any moment. */
	sea_store_release(&table.old, old);
	sea_store_release(&table.nr_old, nr);
	sea_store_release(&table.bucket, wider);
	sea_store_release(&table.nr_buckets, twice);
	for (size_t i = 0; i < nr; i++)
		for (struct large *large; (large = old[i]); sea_store_release(&old[i], table.rest)) {
			sea_store_release(&table.rest, large->next);
			insert(large);
		}
	sea_store_release(&table.nr_old, 0);
	return true;
}

static struct large *take_record(void)
{
	struct large *large = table.spare;
	if (large)
		table.spare = large->next;
	return large ? large : sea_meta_alloc(sizeof(*large));
}

/* --- memory of one block --------------------------------------------------------------------- */

/* LG4, for a record that comes (sign 1) or goes (-1).  The lock. */
static void note(const struct large *large, int sign)
{
	size_t open = large->is_live ? (size_t)(large->data_end - large->data) : 0;
	SEA_ASSERT(open <= large->run_size); /* LG4 */
	SEA_ASSERT(sign > 0 || table.closed >= large->run_size - open);
	table.closed += (large->run_size - open) * (size_t)sign;
	table.live += large->is_live ? large->size * (size_t)sign : 0;
}

static char *run_end(const struct large *large) { return large->run + large->run_size; }

/* The first byte behind the fill in front of a block that is checked. */
static char *front_of(const struct large *large)
{
	return (size_t)(large->block - large->data) > FRONT_MOST ? large->block - FRONT_MOST : large->data;
}

static void put_fill(const struct large *large)
{
	if (!sea_options.secure_canary)
		return;
	sea_fill_put(large->block + large->size, (sea_seal *)large->data_end);
	for (uint64_t *word = (uint64_t *)front_of(large); (char *)word < large->block; word++)
		*word = sea_fill_word(word);
}

static bool front_is_whole(const struct large *large)
{
	for (const uint64_t *word = (const uint64_t *)front_of(large); (const char *)word < large->block; word++)
		if (*word != sea_fill_word(word))
			return false;
	return true;
}

static void check_fill(const char *verb, const struct large *large)
{
	if (!sea_options.secure_canary || large->is_changing)
		return;
	if (!sea_fill_is_whole(large->block + large->size, (const sea_seal *)large->data_end))
		sea_report_overflow(verb, large->block, large->size);
	if (!front_is_whole(large))
		sea_report_underflow(verb, large->block, large->size);
}

/* Without its guards a block is as good as before, but for them. */
static bool guard(const struct large *large)
{
	if (!sea_os_protect(large->run, (size_t)(large->data - large->run)))
		return false;
	if (sea_os_protect(large->data_end, (size_t)(run_end(large) - large->data_end)))
		return true;
	sea_os_commit(large->run, (size_t)(large->data - large->run));
	return false;
}

/* Gives the memory of [from, to) back, or clears it. */
static void clear_all(char *from, char *to)
{
	SEA_ASSERT(from <= to);
	size_t size = (size_t)(to - from);
	if (size && !sea_os_purge(from, size))
		memset(from, 0, size);
}

/* The bytes [from, to) of a run that is not known to read as zero, and that will be written to. */
static void clear(char *from, char *to)
{
	SEA_ASSERT(from <= to);
	if ((size_t)(to - from) > CLEAR_MOST)
		clear_all(from, to);
	else
		memset(from, 0, (size_t)(to - from));
}

/* --- allocating ------------------------------------------------------------------------------ */

static bool may_guard(void)
{
	lock();
	bool may = table.nr_guarded < sea_options.secure_guards;
	table.nr_guarded += may;
	unlock();
	return may;
}

/* Finds where the block lies in the run. */
static void put_in_run(struct large *large, size_t align, size_t guard_size, bool grows)
{
	size_t page = sea_page_size();
	large->data = (char *)sea_round_up((uintptr_t)large->run + guard_size, sea_max(align, page));
	large->data_end = large->data + sea_round_up(large->size, page);
	SEA_ASSERT(large->data_end + guard_size <= run_end(large));
	if (grows || align > page)
		large->block = large->data;
	else
		large->block = (char *)sea_round_down((uintptr_t)(large->data_end - large->size), sea_max(align, SEA_GRANULE));
	SEA_ASSERT(large->block >= large->data && large->block + large->size <= large->data_end);
	SEA_ASSERT((uintptr_t)large->block % align == 0);
}

/* Takes a waiting run of this size.  It has no access, and reads as zero. */
static bool take_waiting(struct large *large, size_t size)
{
	bool found = false;
	lock();
	for (size_t i = 0; i < table.nr_waiting && !found; i++) {
		if (table.waiting[i].run_size != size)
			continue;
		large->run = table.waiting[i].run;
		table.waiting[i] = table.waiting[--table.nr_waiting];
		SEA_ASSERT(table.closed >= size);
		table.closed -= size;
		found = true;
	}
	unlock();
	return found;
}

/* Keeps a run without access.  False: there are enough. */
static bool let_wait(const struct large *large)
{
	lock();
	bool is_apart = large->size <= SEA_CELL_BLOCK_MAX; /* few others will want its run */
	bool kept = table.nr_waiting < WAITING_MOST && large->run_size <= WAITING_BYTES && !is_apart;
	if (kept) {
		table.waiting[table.nr_waiting++] = *large;
		table.closed += large->run_size;
	}
	unlock();
	return kept;
}

/* The next eighth of a power of two, in pages. */
static size_t round_run(size_t size)
{
	SEA_ASSERT(size >= sea_page_size());
	size_t step = (size_t)1 << (sea_highest_bit(size - 1) - 3);
	return sea_round_up(size, sea_max(step, sea_page_size()));
}

static bool take_run(struct large *large, size_t align, size_t room)
{
	size_t page = sea_page_size(), guard_size = large->is_guarded ? page : 0;
	size_t size = sea_round_up(sea_max(room, 1), page) + 2 * guard_size + (align > page ? align : 0);
	bool zeroed = false, grows = room > large->size;
	if (room > PTRDIFF_MAX / 2 || align > PTRDIFF_MAX / 4)
		return false;
	large->run_size = size = large->is_guarded ? round_run(size) : size;
	if (large->is_guarded && take_waiting(large, size)) {
		put_in_run(large, align, guard_size, grows);
		large->has_guards = true;
		if (sea_os_commit(large->data, (size_t)(large->data_end - large->data)))
			return true;
		let_wait(large); /* lost if there are others: the process has too many mappings */
		return false;
	}
	large->run = sea_pages_alloc(size, 1, SEA_TOUCH_NOW, &zeroed);
	if (!large->run)
		return false;
	put_in_run(large, align, guard_size, grows);
	if (!zeroed)
		clear(large->data, grows ? run_end(large) : large->data_end);
	return true;
}

/* If the process has too many mappings, the run cannot be used again and is lost. */
static void drop_run(const struct large *large)
{
	bool has_access = !large->is_guarded && large->is_live;
	if (has_access || sea_os_commit(large->run, large->run_size))
		sea_pages_free(large->run);
}

/* Enters it in the table.  False: out of memory. */
static bool publish(const struct large *made)
{
	lock();
	bool fits = table.nr_live + table.nr_kept < table.nr_buckets || grow();
	struct large *record = fits ? take_record() : NULL;
	if (record) {
		*record = *made;
		insert(record);
		note(record, 1);
		table.nr_live++;
	} else {
		table.nr_guarded -= made->is_guarded;
	}
	unlock();
	return record;
}

static void drop_guard(struct large *large)
{
	lock();
	SEA_ASSERT(table.nr_guarded > 0 && large->is_guarded); /* LG3 */
	table.nr_guarded--;
	unlock();
	large->is_guarded = false;
}

/* `room`: bytes that the run has room for. */
static void *alloc(size_t align, size_t room, struct large made)
{
	made.is_live = true;
	if (!take_run(&made, align, room)) {
		if (made.is_guarded)
			drop_guard(&made);
		return NULL;
	}
	if (made.is_guarded && !made.has_guards && !guard(&made))
		drop_guard(&made);
	put_fill(&made);
	if (publish(&made))
		return made.block;
	drop_run(&made);
	return NULL;
}

/* If there is no room for guards, the block has none. */
void *sea_large_alloc(size_t align, size_t size, enum sea_kind kind)
{
	struct large made = {.size = size, .kind = (uint8_t)kind, .is_guarded = may_guard()};
	void *block = alloc(align, size, made);
	if (block)
		return block;
	sea_large_trim();
	made.is_guarded = false;
	return alloc(align, size, made);
}

void *sea_large_alloc_apart(size_t align, size_t size, enum sea_kind kind)
{
	struct large made = {.size = size, .kind = (uint8_t)kind, .is_guarded = true};
	return may_guard() ? alloc(align, size, made) : NULL;
}

void *sea_large_alloc_to_grow(size_t size, enum sea_kind kind)
{
	struct large made = {.size = size, .kind = (uint8_t)kind};
	if (size > PTRDIFF_MAX / 4)
		return NULL;
	made.is_guarded = may_guard();
	void *block = alloc(SEA_GRANULE, 2 * size, made);
	return block ? block : sea_large_alloc(SEA_GRANULE, size, kind);
}

/* --- questions ------------------------------------------------------------------------------- */

static const struct large *walk_from_handler(struct large *const *link, const void *block)
{
	const struct large *large = sea_load_acquire(link);
	for (unsigned i = 0; i < HANDLER_STEPS && large && large->block != block; i++)
		large = sea_load_acquire(&large->next);
	return large && large->block == block ? large : NULL;
}

/* find() for a signal handler that has interrupted this thread while it held a lock.  It may have
 * been this lock, and others may be changing the table.  Records stay, and links are stored at
 * once, so a walk meets records only; but it may leave its bucket with one that is freed.  Then
 * it is tried again. */
static SEA_COLD const struct large *find_from_handler(const void *block)
{
	const struct large *large = NULL;
	for (unsigned try = 0; try < HANDLER_TRIES && !large; try++) {
		size_t nr = sea_load_acquire(&table.nr_buckets), nr_old = sea_load_acquire(&table.nr_old);
		struct large **bucket = sea_load_acquire(&table.bucket), **old = sea_load_acquire(&table.old);
		if (nr)
			large = walk_from_handler(&bucket[bucket_number(block, nr)], block);
		if (nr_old && !large)
			large = walk_from_handler(&table.rest, block);
		if (nr_old && !large)
			large = walk_from_handler(&old[bucket_number(block, nr_old)], block);
	}
	return large;
}

static struct sea_large_view view_of(const char *verb, const struct large *large)
{
	if (!large)
		return (struct sea_large_view){.what = SEA_LARGE_ELSEWHERE};
	if (large->is_live)
		check_fill(verb, large);
	return (struct sea_large_view){large->is_live ? SEA_LARGE_LIVE : SEA_LARGE_FREED, large->size, 0, large->kind};
}

struct sea_large_view sea_large_find(const char *verb, const void *address)
{
	if (sea_lock_holds_any())
		return view_of(verb, find_from_handler(address));
	lock();
	struct sea_large_view view = view_of(verb, find(address));
	unlock();
	return view;
}

static bool covers(const struct large *large, const char *address)
{
	return address >= large->run && address < run_end(large);
}

static struct large *find_around(const void *address)
{
	for (size_t i = 0; i < table.nr_buckets; i++)
		for (struct large *large = table.bucket[i]; large; large = large->next)
			if (covers(large, address))
				return large;
	return NULL;
}

struct sea_large_view sea_large_around(const void *address)
{
	struct sea_large_view view = {.what = SEA_LARGE_ELSEWHERE};
	if (sea_lock_holds_any())
		return view;
	lock();
	const struct large *large = find_around(address);
	if (large)
		view = (struct sea_large_view){large->is_live ? SEA_LARGE_INSIDE : SEA_LARGE_FREED, large->size,
					       (size_t)((const char *)address - large->block), large->kind};
	unlock();
	return view;
}

void sea_large_audit(void)
{
	for (size_t i = 0; i < table.nr_buckets; i++)
		for (const struct large *large = table.bucket[i]; large; large = large->next)
			if (large->is_live)
				check_fill("audit", large);
}

struct sea_large_sums sea_large_sum(void)
{
	lock();
	struct sea_large_sums sums = {table.live, table.closed};
	unlock();
	return sums;
}

/* --- freeing --------------------------------------------------------------------------------- */

/* The lock.  Takes the oldest kept block out of the table; its run is the caller's. */
static bool take_oldest(struct large *gone)
{
	struct large *large = table.oldest;
	if (!large)
		return false;
	table.oldest = large->older;
	if (!table.oldest)
		table.newest = NULL;
	SEA_ASSERT(table.nr_kept > 0 && table.kept_bytes >= large->run_size && !large->is_live);
	table.nr_kept--;
	table.kept_bytes -= large->run_size;
	remove_record(large);
	note(large, -1);
	*gone = *large;
	large->next = table.spare;
	table.spare = large;
	return true;
}

static bool has_too_much(void) { return table.nr_kept > KEPT_MOST || table.kept_bytes > KEPT_BYTES; }

static void give_up(bool all)
{
	struct large gone;
	bool taken;
	do {
		lock();
		taken = (all || has_too_much()) && take_oldest(&gone);
		unlock();
		if (taken && (all || sea_pages_is_advised(gone.run) || !let_wait(&gone)))
			drop_run(&gone);
	} while (taken);
}

static bool take_any_waiting(struct large *gone)
{
	lock();
	bool taken = table.nr_waiting > 0;
	if (taken) {
		*gone = table.waiting[--table.nr_waiting];
		SEA_ASSERT(table.closed >= gone->run_size);
		table.closed -= gone->run_size;
	}
	unlock();
	return taken;
}

void sea_large_trim(void)
{
	struct large gone;
	give_up(true);
	while (take_any_waiting(&gone))
		drop_run(&gone);
}

/* The lock. */
static void keep(struct large *large)
{
	SEA_ASSERT(!large->is_live && sea_secure_holds(SEA_SECURE_LOCK_LARGE));
	large->older = NULL;
	*(table.newest ? &table.newest->older : &table.oldest) = large;
	table.newest = large;
	table.nr_kept++;
	table.kept_bytes += large->run_size;
}

/* Between the two locks the block is not live, and in no list: nobody else touches it. */
bool sea_large_free(void *block)
{
	lock();
	struct large *large = find(block);
	bool was_live = large && large->is_live;
	if (was_live) {
		note(large, -1);
		large->is_live = false;
		note(large, 1);
		SEA_ASSERT(table.nr_live > 0 && table.nr_guarded >= large->is_guarded);
		table.nr_live--;
		table.nr_guarded -= large->is_guarded;
	}
	unlock();
	if (!was_live)
		return false;
	clear_all(large->data, large->data_end);
	if (large->is_guarded)
		sea_os_protect(large->data, (size_t)(large->data_end - large->data));
	else
		sea_os_protect(large->run, large->run_size);
	lock();
	keep(large);
	unlock();
	give_up(false);
	return true;
}

/* --- resizing -------------------------------------------------------------------------------- */

static struct large *find_live(const void *block)
{
	lock();
	struct large *large = find(block);
	unlock();
	SEA_ASSERT(large && large->is_live);
	return large;
}

/* Moves the end of the data.  Only the owner of the block does, so no lock is needed. */
static bool move_end(const struct large *large, char *end)
{
	SEA_ASSERT(end >= large->data && (uintptr_t)end % sea_page_size() == 0);
	if (end > large->data_end)
		return !large->is_guarded || sea_os_commit(large->data_end, (size_t)(end - large->data_end));
	clear_all(end, large->data_end);
	if (large->is_guarded && end < large->data_end)
		sea_os_protect(end, (size_t)(large->data_end - end));
	return true;
}

static void note_size(struct large *large, size_t size, char *end)
{
	lock();
	note(large, -1);
	large->size = size;
	large->data_end = end;
	note(large, 1);
	unlock();
}

bool sea_large_resize(void *block, size_t size)
{
	struct large *large = find_live(block);
	size_t before = large->size, guard_size = large->is_guarded ? sea_page_size() : 0;
	char *end = large->data + sea_round_up((size_t)(large->block - large->data) + size, sea_page_size());
	if (end > run_end(large) - guard_size || sea_pages_is_advised(large->run) || !move_end(large, end))
		return false;
	large->is_changing = true;
	sea_before_a_signal();
	note_size(large, size, end);
	if (size > before)
		memset(large->block + before, 0, sea_min(size - before, sea_page_size()));
	put_fill(large);
	sea_before_a_signal();
	large->is_changing = false;
	return true;
}

bool sea_large_is_sound(void)
{
	size_t nr_live = 0, nr_kept = 0, nr_guarded = 0, kept = 0;
	lock();
	for (size_t i = 0; i < table.nr_buckets; i++)
		for (const struct large *large = table.bucket[i]; large; large = large->next) {
			nr_live += large->is_live;
			nr_guarded += large->is_live && large->is_guarded;
			nr_kept += !large->is_live;
		}
	for (const struct large *large = table.oldest; large; large = large->older)
		kept += large->run_size;
	bool sound = nr_live == table.nr_live && nr_kept == table.nr_kept && kept == table.kept_bytes &&
		     nr_guarded == table.nr_guarded && nr_guarded <= sea_options.secure_guards;
	unlock();
	return sound;
}
