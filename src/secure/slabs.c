/* SPDX-License-Identifier: MIT */
/* slabs.c - tracts, slabs and the choice by chance
 *
 * A shard has a list of slabs with free cells for each class, and a list of tracts with idle slabs
 * for each grade.  A cell is taken from the first slab of its class: one of the free ones among
 * 64, by chance.  A slab that becomes free goes idle if its class has another one.  Idle slabs are
 * purged by the budget of the process (page/budget.h), and a tract without a taken cell goes.
 *
 * SB1  A slab is in the list of its class if, and only if, it has a free cell.
 * SB2  nr_free is the number of bits in `free`.
 * SB3  A tract is in the list of its grade if, and only if, it has an idle slab; nr_idle counts
 *      them.
 * SB4  The page map has each tract, with bit 0 of the pointer set, which no zone has.
 * SB5  A tract's nr_dirty counts its idle slabs that may have memory; the shard's idle_dirty is
 *      their sum in bytes.
 * SB6  The first cell of a tract is never handed out.
 *
 * The page map has a pointer for each slot of 1 MiB.  Hardened mode puts a tract there instead of
 * a zone.  Bit 0 tells them apart, because a program may have zones from before the mode began.
 */
#include "secure/slabs.h"

#include "base/check.h"
#include "base/options.h"
#include "map/map.h"
#include "page/page_alloc.h"

/* Bytes in idle slabs of a shard about which the budget is not asked. */
#define IDLE_LEAST SEA_MIB

/* Slabs with free cells.  One that gets its first goes to the end: the longer it waits, the more
 * of its cells are freed, and those that are taken together lie together. */
struct queue {
	struct sea_slab *first, **end;
};

struct shard {
	struct sea_chance chance;
	struct queue open[SEA_CELL_CLASSES];
	struct sea_tract *idle[SEA_SLAB_GRADES];
	struct sea_tract *spare[SEA_SLAB_GRADES]; /* unused structs */
	struct sea_tract *first; /* all tracts, by `after` */
	size_t idle_dirty; /* bytes in idle slabs that may have memory */
	bool is_purging;   /* down to the low watermark; atomic */
} SEA_LINE_ALIGNED;

static struct shard shards[SEA_SECURE_SHARDS];

/* --- addresses ---------------------------------------------------------------------------- */

static void enter_in_map(struct sea_tract *tract, bool is_there)
{
	SEA_ASSERT(((uintptr_t)tract & SEA_IS_NO_ZONE) == 0); /* SB4 */
	uintptr_t tagged = (uintptr_t)tract | SEA_IS_NO_ZONE;
	sea_pagemap_set_zone(tract->base, is_there ? (struct sea_zone *)tagged : NULL);
}

static char *base_of(const struct sea_tract *tract, const struct sea_slab *slab)
{
	SEA_ASSERT((size_t)(slab - tract->slab) < sea_slabs_in_tract(tract->grade));
	return tract->base + ((size_t)(slab - tract->slab) << sea_slab_shift(tract->grade));
}

static struct sea_tract *tract_of(struct sea_slab *slab)
{
	return (struct sea_tract *)((char *)(slab - slab->number) - offsetof(struct sea_tract, slab));
}

char *sea_free_cell_start(struct sea_free_cell cell)
{
	SEA_ASSERT(cell.number <= cell.slab->last && cell.size == cell.slab->size);
	return base_of(tract_of(cell.slab), cell.slab) + (size_t)cell.number * cell.size;
}

static size_t size_of_slab(const struct sea_tract *tract) { return (size_t)1 << sea_slab_shift(tract->grade); }

/* --- lists.  The shard's lock --------------------------------------------------------------- */

/* Inserts a slab or a tract at the head of a list. */
#define LINK(list, item)                                                                           \
	do {                                                                                       \
		SEA_ASSERT(!(item)->link);                                                         \
		(item)->next = *(list);                                                            \
		(item)->link = (list);                                                             \
		if ((item)->next)                                                                  \
			(item)->next->link = &(item)->next;                                        \
		*(list) = (item);                                                                  \
	} while (0)

#define UNLINK(item)                                                                               \
	do {                                                                                       \
		SEA_ASSERT((item)->link && *(item)->link == (item));                               \
		*(item)->link = (item)->next;                                                      \
		if ((item)->next)                                                                  \
			(item)->next->link = (item)->link;                                         \
		(item)->link = NULL;                                                               \
	} while (0)

static void open_last(struct queue *queue, struct sea_slab *slab)
{
	if (!queue->first)
		queue->end = &queue->first;
	SEA_ASSERT(!slab->link && !*queue->end);
	slab->next = NULL;
	slab->link = queue->end;
	*queue->end = slab;
	queue->end = &slab->next;
}

static void leave_queue(struct queue *queue, struct sea_slab *slab)
{
	SEA_ASSERT(queue->first && slab->link);
	if (!slab->next)
		queue->end = slab->link;
	UNLINK(slab);
}

/* --- tracts --------------------------------------------------------------------------------- */

static struct sea_tract *take_struct(struct shard *shard, unsigned grade)
{
	struct sea_tract *tract = shard->spare[grade];
	if (tract) {
		shard->spare[grade] = tract->next;
		tract->next = NULL;
		return tract;
	}
	return sea_meta_alloc(sizeof(*tract) + sea_slabs_in_tract(grade) * sizeof(tract->slab[0]));
}

/* A spare struct is in no list by its link. */
static void keep_struct(struct shard *shard, struct sea_tract *tract)
{
	tract->base = NULL;
	tract->next = shard->spare[tract->grade];
	shard->spare[tract->grade] = tract;
}

/* The number of touched pages of an idle slab is in the count of idle pages. */
static void note_idle(const struct sea_tract *tract, const struct sea_slab *slab, int sign)
{
	size_t size = size_of_slab(tract);
	const char *base = base_of(tract, slab);
	if (size >= sea_page_size())
		sea_pages_note_idle(sign * (intptr_t)sea_pages_count_touched(base, base + size));
}

static bool is_dirty(const struct sea_slab *slab) { return slab->before != SEA_SLAB_CLEAN; }

/* SB5, for a slab that goes idle (sign 1) or ends to be so (-1). */
static void note_dirty(struct shard *shard, struct sea_tract *tract, const struct sea_slab *slab, int sign)
{
	if (!is_dirty(slab))
		return;
	SEA_ASSERT(sign > 0 || tract->nr_dirty > 0); /* SB5 */
	SEA_ASSERT(sign > 0 || shard->idle_dirty >= size_of_slab(tract));
	tract->nr_dirty += (uint32_t)sign;
	shard->idle_dirty += size_of_slab(tract) * (size_t)sign;
}

static void begin_tract(struct sea_tract *tract, unsigned shard, unsigned grade, char *base, bool zeroed)
{
	SEA_ASSERT((uintptr_t)base % SEA_SLOT_SIZE == 0);
	tract->base = base;
	tract->shard = shard;
	tract->grade = grade;
	tract->nr_idle = sea_slabs_in_tract(grade);
	for (unsigned i = 0; i < tract->nr_idle; i++) {
		tract->slab[i] = (struct sea_slab){
			.number = (uint8_t)i, .class = SEA_SLAB_IDLE, .before = zeroed ? SEA_SLAB_CLEAN : SEA_SLAB_DIRTY};
		note_idle(tract, &tract->slab[i], 1);
	}
	tract->nr_dirty = zeroed ? 0 : tract->nr_idle;
	shards[shard].idle_dirty += zeroed ? 0 : SEA_SLOT_SIZE;
}

static void join_all(struct shard *shard, struct sea_tract *tract)
{
	tract->after = shard->first;
	tract->from = &shard->first;
	if (tract->after)
		tract->after->from = &tract->after;
	shard->first = tract;
}

static void leave_all(struct sea_tract *tract)
{
	SEA_ASSERT(*tract->from == tract);
	*tract->from = tract->after;
	if (tract->after)
		tract->after->from = tract->from;
}

static bool add_tract(unsigned number, unsigned grade)
{
	struct shard *shard = &shards[number];
	bool zeroed = false;
	struct sea_tract *tract = take_struct(shard, grade);
	if (!tract)
		return false;
	tract->grade = grade;
	char *base = sea_pages_alloc(SEA_SLOT_SIZE, SEA_SLOT_SIZE, SEA_TOUCH_LATER, &zeroed);
	if (!base) {
		keep_struct(shard, tract);
		return false;
	}
	begin_tract(tract, number, grade, base, zeroed);
	enter_in_map(tract, true);
	LINK(&shard->idle[grade], tract);
	join_all(shard, tract);
	return true;
}


static void end_tract(struct shard *shard, struct sea_tract *tract)
{
	SEA_ASSERT(tract->nr_idle == sea_slabs_in_tract(tract->grade));
	for (unsigned i = 0; i < tract->nr_idle; i++) {
		note_idle(tract, &tract->slab[i], -1);
		note_dirty(shard, tract, &tract->slab[i], -1);
	}
	UNLINK(tract);
	leave_all(tract);
	enter_in_map(tract, false);
	sea_pages_free(tract->base);
	keep_struct(shard, tract);
}

/* --- slabs ---------------------------------------------------------------------------------- */

/* One of the idle slabs of a tract that has some, by chance. */
static struct sea_slab *choose_idle(struct shard *shard, struct sea_tract *tract)
{
	unsigned nr = sea_slabs_in_tract(tract->grade), at = sea_chance_below(&shard->chance, nr);
	SEA_ASSERT(tract->nr_idle > 0);
	while (tract->slab[at].class != SEA_SLAB_IDLE)
		at = (at + 1) % nr;
	return &tract->slab[at];
}

/* The memory of a slab that had cells of another size holds their seals. */
static void clean(const struct sea_tract *tract, struct sea_slab *slab, unsigned class)
{
	SEA_ASSERT(slab->class == SEA_SLAB_IDLE);
	if (slab->before != SEA_SLAB_CLEAN && slab->before != class)
		memset(base_of(tract, slab), 0, size_of_slab(tract));
}

/* The number of the first cell that is handed out: what lies in front of a tract is another's
 * memory, so its first cell only shows whether somebody wrote over the start of the second. */
static unsigned first_cell(const struct sea_slab *slab) { return slab->number == 0; }

static bool is_all_free(const struct sea_slab *slab) { return slab->nr_free + first_cell(slab) == slab->last + 1u; }

static void open_slab(struct shard *shard, struct sea_tract *tract, struct sea_slab *slab, unsigned class)
{
	SEA_ASSERT(slab->class == SEA_SLAB_IDLE && !slab->link && tract->nr_idle > 0);
	char *base = base_of(tract, slab);
	size_t size = size_of_slab(tract);
	note_dirty(shard, tract, slab, -1);
	note_idle(tract, slab, -1);
	sea_pages_touch(base, base + size, true);
	clean(tract, slab, class);
	size_t nr = size / sea_cell_size(class), first = first_cell(slab);
	SEA_ASSERT(nr > first && nr <= SEA_SLAB_CELLS_MAX);
	slab->nr_free = (uint16_t)(nr - first);
	slab->last = (uint8_t)(nr - 1);
	sea_bits_set(slab->free, first, nr);
	slab->class = (uint8_t)class;
	slab->inverse = (1ull << SEA_INVERSE_SHIFT) / sea_cell_size(class) + 1;
	sea_store_relaxed(&slab->size, (uint16_t)sea_cell_size(class));
	slab->before = (uint8_t)class;
	if (--tract->nr_idle == 0)
		UNLINK(tract);
	open_last(&shard->open[class], slab);
}

/* Adds a slab with free cells.  False: out of memory. */
static bool add_slab(unsigned number, unsigned class)
{
	SEA_ASSERT(sea_secure_holds(SEA_SECURE_LOCK_SHARD + number));
	struct shard *shard = &shards[number];
	unsigned grade = sea_slab_grade(sea_cell_size(class));
	if (!shard->idle[grade] && !add_tract(number, grade))
		return false;
	struct sea_tract *tract = shard->idle[grade];
	SEA_ASSERT(tract && tract->grade == grade && tract->nr_idle > 0); /* SB3 */
	open_slab(shard, tract, choose_idle(shard, tract), class);
	return true;
}

/* All its cells are free, and it is not the only one of its class with free cells. */
static void close_slab(struct shard *shard, struct sea_tract *tract, struct sea_slab *slab)
{
	SEA_ASSERT(slab->link && is_all_free(slab));
	leave_queue(&shard->open[slab->class], slab);
	memset(slab->free, 0, sizeof(slab->free));
	sea_store_relaxed(&slab->size, 0);
	slab->class = SEA_SLAB_IDLE;
	slab->nr_free = 0;
	note_dirty(shard, tract, slab, 1);
	note_idle(tract, slab, 1);
	if (tract->nr_idle++ == 0)
		LINK(&shard->idle[tract->grade], tract);
	bool is_only = shard->idle[tract->grade] == tract && !tract->next;
	if (tract->nr_idle == sea_slabs_in_tract(tract->grade) && !is_only)
		end_tract(shard, tract);
}

/* --- cells ----------------------------------------------------------------------------------- */

static unsigned choose_bit(struct shard *shard, uint64_t word)
{
	return likely(sea_options.secure_random) ? sea_chance_bit(&shard->chance, word) : sea_lowest_bit(word);
}

/* Takes up to `nr` free cells of a slab that has some, each by chance among those of one word. */
static unsigned take_cells(struct shard *shard, struct sea_slab *slab, unsigned nr, char **cells)
{
	char *base = base_of(tract_of(slab), slab);
	size_t size = slab->size;
	unsigned done = 0;
	nr = (unsigned)sea_min(nr, slab->nr_free);
	SEA_ASSERT(nr > 0);
	for (unsigned first = 0; done < nr; first += 64) {
		uint64_t free = slab->free[first / 64];
		for (; free && done < nr; done++) {
			unsigned bit = choose_bit(shard, free);
			SEA_ASSERT(first + bit <= slab->last && free >> bit & 1);
			free &= ~(1ull << bit);
			cells[done] = base + (first + bit) * size;
		}
		slab->free[first / 64] = free;
	}
	slab->nr_free = (uint16_t)(slab->nr_free - nr);
	if (!slab->nr_free)
		leave_queue(&shard->open[slab->class], slab);
	return nr;
}

unsigned sea_slabs_take(unsigned number, unsigned class, unsigned nr, char **cells)
{
	SEA_ASSERT(number < SEA_SECURE_SHARDS && nr > 0);
	struct shard *shard = &shards[number];
	unsigned done = 0;
	sea_secure_take(SEA_SECURE_LOCK_SHARD + number);
	if (unlikely(!shard->chance.state))
		shard->chance.state = sea_secrets.code ^ sea_secret_mix(number + sea_secrets.address);
	while (done < nr && (shard->open[class].first || add_slab(number, class)))
		done += take_cells(shard, shard->open[class].first, nr - done, cells + done);
	sea_secure_drop(SEA_SECURE_LOCK_SHARD + number);
	return done;
}

/* Claim: the class has another slab with free cells. */
static bool has_others(const struct shard *shard, const struct sea_slab *slab)
{
	return shard->open[slab->class].first != slab || slab->next;
}

static void give_cell(struct shard *shard, struct sea_free_cell cell)
{
	struct sea_slab *slab = cell.slab;
	SEA_ASSERT(cell.size == slab->size && cell.number <= slab->last);
	SEA_CHECK(!sea_bit_test(slab->free, cell.number));
	sea_bit_set(slab->free, cell.number);
	if (slab->nr_free++ == 0)
		open_last(&shard->open[slab->class], slab);
	SEA_ASSERT(slab->nr_free + first_cell(slab) <= slab->last + 1u); /* SB2 */
	if (is_all_free(slab) && has_others(shard, slab))
		close_slab(shard, tract_of(slab), slab);
}

/* --- purging --------------------------------------------------------------------------------- */

/* Slabs that one call of sea_slabs_give() purges at most: some 10 us for 4 KiB each. */
#define PURGE_STEP 8

static bool is_purgeable(const struct sea_tract *tract, const struct sea_slab *slab)
{
	return slab->class == SEA_SLAB_IDLE && is_dirty(slab) && size_of_slab(tract) >= sea_page_size();
}

static struct sea_slab *find_purgeable(struct sea_tract *tract)
{
	for (unsigned i = 0; tract->nr_dirty && i < sea_slabs_in_tract(tract->grade); i++)
		if (is_purgeable(tract, &tract->slab[i]))
			return &tract->slab[i];
	return NULL;
}

/* Takes an idle slab with memory out of use.  NULL: there is none.  The shard's lock. */
static struct sea_slab *begin_purge(struct shard *shard)
{
	SEA_ASSERT(sea_secure_holds(SEA_SECURE_LOCK_SHARD + (unsigned)(shard - shards)));
	struct sea_slab *slab = NULL;
	for (unsigned grade = SEA_SLAB_GRADES; grade-- > 0 && !slab;)
		for (struct sea_tract *tract = shard->idle[grade]; tract && !slab; tract = tract->next)
			slab = find_purgeable(tract);
	if (!slab)
		return NULL;
	struct sea_tract *tract = tract_of(slab);
	SEA_ASSERT(slab->class == SEA_SLAB_IDLE && tract->nr_idle > 0);
	slab->class = SEA_SLAB_PURGED;
	note_dirty(shard, tract, slab, -1);
	note_idle(tract, slab, -1);
	if (--tract->nr_idle == 0)
		UNLINK(tract);
	return slab;
}

/* Ends that.  The shard's lock. */
static void end_purge(struct shard *shard, struct sea_slab *slab)
{
	SEA_ASSERT(slab->class == SEA_SLAB_PURGED && !slab->link);
	struct sea_tract *tract = tract_of(slab);
	const char *base = base_of(tract, slab);
	bool is_clean = sea_pages_count_touched(base, base + size_of_slab(tract)) == 0;
	slab->class = SEA_SLAB_IDLE;
	slab->before = is_clean ? SEA_SLAB_CLEAN : slab->before;
	note_dirty(shard, tract, slab, 1);
	note_idle(tract, slab, 1);
	if (tract->nr_idle++ == 0)
		LINK(&shard->idle[tract->grade], tract);
}

/* Purges down to `keep` bytes, `most` slabs at most.  Returns the bytes purged.  No lock held. */
static size_t purge(unsigned number, size_t keep, unsigned most)
{
	struct shard *shard = &shards[number];
	size_t bytes = 0, purged = 1;
	for (unsigned i = 0; i < most && purged; i++) {
		sea_secure_take(SEA_SECURE_LOCK_SHARD + number);
		struct sea_slab *slab = shard->idle_dirty > keep ? begin_purge(shard) : NULL;
		sea_secure_drop(SEA_SECURE_LOCK_SHARD + number);
		if (!slab)
			break;
		char *base = base_of(tract_of(slab), slab);
		purged = sea_pages_purge_range(base, base + size_of_slab(tract_of(slab)));
		bytes += purged;
		sea_secure_take(SEA_SECURE_LOCK_SHARD + number);
		end_purge(shard, slab);
		sea_secure_drop(SEA_SECURE_LOCK_SHARD + number);
	}
	return bytes;
}

/* A step if more is dirty than the budget of the process allows. */
static void purge_some(unsigned number)
{
	struct sea_watermarks marks = sea_budget_watermarks();
	bool goes_on = sea_load_relaxed(&shards[number].is_purging);
	size_t dirty = sea_pages_dirty();
	if (dirty <= (goes_on ? marks.low : marks.high)) {
		sea_store_relaxed(&shards[number].is_purging, false);
		return;
	}
	sea_store_relaxed(&shards[number].is_purging, true);
	sea_budget_measure();
	if (!sea_pages_purge_some(marks, 0))
		purge(number, IDLE_LEAST, PURGE_STEP);
}

/* Gives the first cells back, those of one shard.  Returns how many they are. */
static unsigned give_to_one(const struct sea_free_cell *cells, unsigned nr)
{
	SEA_ASSERT(nr > 0);
	unsigned number = tract_of(cells[0].slab)->shard, done = 0;
	sea_secure_take(SEA_SECURE_LOCK_SHARD + number);
	do
		give_cell(&shards[number], cells[done]);
	while (++done < nr && tract_of(cells[done].slab)->shard == number);
	bool has_much = shards[number].idle_dirty > IDLE_LEAST;
	sea_secure_drop(SEA_SECURE_LOCK_SHARD + number);
	if (has_much)
		purge_some(number);
	return done;
}

void sea_slabs_give(const struct sea_free_cell *cells, unsigned nr)
{
	for (unsigned done = 0; done < nr;)
		done += give_to_one(cells + done, nr - done);
}

/* Closes the free slabs that stayed open, and ends the tracts that have only idle ones. */
static void close_free(struct shard *shard)
{
	for (unsigned class = 0; class < SEA_CELL_CLASSES; class++)
		for (struct sea_slab *slab = shard->open[class].first, *next; slab; slab = next) {
			next = slab->next;
			if (is_all_free(slab))
				close_slab(shard, tract_of(slab), slab);
		}
	for (unsigned grade = 0; grade < SEA_SLAB_GRADES; grade++)
		for (struct sea_tract *tract = shard->idle[grade], *next; tract; tract = next) {
			next = tract->next;
			if (tract->nr_idle == sea_slabs_in_tract(grade))
				end_tract(shard, tract);
		}
}

size_t sea_slabs_trim(void)
{
	size_t bytes = 0;
	for (unsigned i = 0; i < SEA_SECURE_SHARDS; i++) {
		sea_secure_take(SEA_SECURE_LOCK_SHARD + i);
		close_free(&shards[i]);
		sea_secure_drop(SEA_SECURE_LOCK_SHARD + i);
		bytes += purge(i, 0, UINT32_MAX);
	}
	return bytes;
}

/* --- observers ------------------------------------------------------------------------------- */

void sea_slabs_each(unsigned number, void (*visit)(const char *, const struct sea_slab *, void *), void *context)
{
	for (struct sea_tract *tract = shards[number].first; tract; tract = tract->after)
		for (unsigned i = 0; i < sea_slabs_in_tract(tract->grade); i++)
			if (tract->slab[i].class < SEA_CELL_CLASSES)
				visit(base_of(tract, &tract->slab[i]), &tract->slab[i], context);
}

/* The last word of a slab is the seal of its last cell, or belongs to a rest that is never
 * used and reads as zero: clean() sees to that.  An idle slab is as its last class left it.
 * Nobody knows what is in memory that had another use, or is being purged.  The lock, or the
 * only thread. */
static bool end_is_whole(const struct sea_tract *tract, const struct sea_slab *slab)
{
	unsigned class = slab->class < SEA_CELL_CLASSES ? slab->class : slab->before;
	if (slab->class == SEA_SLAB_PURGED || class == SEA_SLAB_DIRTY)
		return true;
	const sea_seal *word = (const sea_seal *)(base_of(tract, slab) + size_of_slab(tract)) - 1, seal = sea_load_relaxed(word);
	bool has_rest = class == SEA_SLAB_CLEAN || size_of_slab(tract) % sea_cell_size(class);
	return has_rest ? !seal : sea_seal_is_true(word, seal);
}

bool sea_slabs_front_is_whole(const struct sea_tract *tract, const struct sea_slab *slab)
{
	SEA_ASSERT(slab != tract->slab); /* first_cell() */
	if (sea_is_alone())
		return end_is_whole(tract, slab - 1);
	if (sea_lock_holds_any())
		return true;
	sea_secure_take(SEA_SECURE_LOCK_SHARD + tract->shard);
	bool is_whole = end_is_whole(tract, slab - 1);
	sea_secure_drop(SEA_SECURE_LOCK_SHARD + tract->shard);
	return is_whole;
}

size_t sea_slabs_count(const struct sea_tract *tract, size_t *free, size_t *purged)
{
	size_t taken = 0, touched = sea_pages_count_touched(tract->base, tract->base + SEA_SLOT_SIZE) << sea_page_shift();
	for (unsigned i = 0; i < sea_slabs_in_tract(tract->grade); i++) {
		const struct sea_slab *slab = &tract->slab[i];
		if (slab->class < SEA_CELL_CLASSES)
			taken += (size_t)(slab->last + 1u - first_cell(slab) - slab->nr_free) * slab->size;
	}
	*free = touched > taken ? touched - taken : 0;
	SEA_ASSERT(taken + *free <= SEA_SLOT_SIZE);
	*purged = SEA_SLOT_SIZE - taken - *free;
	return taken;
}

static bool slab_is_sound(const struct sea_slab *slab)
{
	if (slab->class >= SEA_CELL_CLASSES)
		return !slab->link && !slab->nr_free;
	size_t nr = sea_bits_count(slab->free, 0, SEA_SLAB_CELLS_MAX);
	if (first_cell(slab) && sea_bit_test(slab->free, 0)) /* SB6 */
		return false;
	return nr == slab->nr_free && nr + first_cell(slab) <= slab->last + 1u && !slab->link == !nr;
}

static bool tract_is_sound(const struct sea_tract *tract)
{
	unsigned nr_idle = 0, nr_dirty = 0;
	bool sound = sea_slabs_tract(tract->base) == tract;
	for (unsigned i = 0; i < sea_slabs_in_tract(tract->grade); i++) {
		sound &= slab_is_sound(&tract->slab[i]) && tract->slab[i].number == i;
		nr_idle += tract->slab[i].class == SEA_SLAB_IDLE;
		nr_dirty += tract->slab[i].class == SEA_SLAB_IDLE && is_dirty(&tract->slab[i]);
	}
	return sound && nr_dirty == tract->nr_dirty && nr_idle == tract->nr_idle && !tract->link == !nr_idle;
}

bool sea_slabs_are_sound(void)
{
	bool sound = true;
	for (unsigned i = 0; i < SEA_SECURE_SHARDS; i++) {
		sea_secure_take(SEA_SECURE_LOCK_SHARD + i);
		for (const struct sea_tract *tract = shards[i].first; tract && sound; tract = tract->after)
			sound = tract->shard == i && tract_is_sound(tract);
		sea_secure_drop(SEA_SECURE_LOCK_SHARD + i);
	}
	return sound;
}
