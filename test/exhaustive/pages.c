/* SPDX-License-Identifier: MIT */
/* pages.c PAGES - every sequence of operations on a pool of a few pages
 *
 * A state says of each page whether it is free, starts a run, or is inside of one.  The
 * search goes breadth first from the empty pool until there is no new state: so it has
 * tried every sequence of operations, of any length.  In each state it tries: to take each
 * number of pages, in both ways, to free each run, to shorten it to each length, to
 * lengthen it in place.  The reference knows only which pages are free; a set of free pages
 * has one best division into buddies.
 */
#include "base/step.h"
#include "page/buddy.h"

#include "exhaustive.h"

#define MOST_PAGES 17
#define META_WORDS 512

static unsigned nr_pages;
static struct sea_pool pool;
static uint64_t meta[META_WORDS];
static uint64_t nr_operations;

/* --- states -------------------------------------------------------------------------- */

struct state {
	uint32_t free, starts; /* bits by page */
};

static uint64_t code_of(struct state state) { return (uint64_t)state.free << MOST_PAGES | state.starts; }

static struct state state_of(uint64_t code)
{
	return (struct state){(uint32_t)(code >> MOST_PAGES), (uint32_t)code & ((1u << MOST_PAGES) - 1)};
}

static uint32_t bits(unsigned from, unsigned nr) { return ((1u << nr) - 1) << from; }

static bool is_free(uint32_t free, unsigned from, unsigned nr)
{
	return from + nr <= nr_pages && (free & bits(from, nr)) == bits(from, nr);
}

static unsigned run_length(struct state state, unsigned from)
{
	unsigned to = from + 1;
	while (to < nr_pages && !(state.free >> to & 1) && !(state.starts >> to & 1))
		to++;
	return to - from;
}

/* --- the reference ------------------------------------------------------------------- */

/* A buddy of this order that cannot be merged starts at pfn. */
static bool is_buddy(uint32_t free, unsigned pfn, unsigned order)
{
	unsigned nr = 1u << order;
	return pfn % nr == 0 && is_free(free, pfn, nr) && !is_free(free, pfn & ~nr, 2 * nr);
}

static unsigned log2_ceil(unsigned n)
{
	unsigned order = 0;
	while (1u << order < n)
		order++;
	return order;
}

static unsigned expected_place(uint32_t free, unsigned nr)
{
	for (unsigned pfn = 0; pfn < nr_pages; pfn++)
		for (unsigned order = log2_ceil(nr); 1u << order <= nr_pages; order++)
			if (is_buddy(free, pfn, order))
				return pfn;
	return SEA_NO_PFN;
}

/* Order of the largest buddy among the free pages [from, to). */
static unsigned largest_order(uint32_t free, unsigned from, unsigned to)
{
	unsigned largest = 0;
	for (unsigned pfn = from; pfn < to; pfn++)
		for (unsigned order = 0; 1u << order <= nr_pages; order++)
			if (is_buddy(free, pfn, order) && order > largest)
				largest = order;
	return largest;
}

static unsigned expected_row(uint32_t free, unsigned nr)
{
	unsigned least = 31u - (unsigned)__builtin_clz(nr + 1) - 1, nr_rows = 0;
	for (unsigned from = 0, to; from < nr_pages; from = to + 1) {
		for (to = from; to < nr_pages && free >> to & 1;)
			to++;
		if (to == from || largest_order(free, from, to) < least)
			continue;
		if (to - from >= nr)
			return from;
		if (++nr_rows == SEA_SEARCH_DEPTH)
			break;
	}
	return expected_place(free, nr);
}

/* --- the pool ------------------------------------------------------------------------- */

/* Makes the pool of a state: all taken, then each free page given back, in an order that
 * differs. */
static void make_pool(struct state state)
{
	memset(meta, 0, sizeof(meta));
	sea_buddy_init(&pool, nr_pages, meta);
	if (!sea_buddy_take(&pool, 0, nr_pages))
		fail("the new pool is not free");
	for (unsigned i = 0; i < nr_pages; i++) {
		unsigned pfn = (i * 5 + state.starts) % nr_pages;
		if (nr_pages % 5 == 0)
			pfn = (i * 3 + state.starts) % nr_pages;
		if (state.free >> pfn & 1)
			sea_buddy_free(&pool, pfn, 1);
	}
}

static struct sea_pool saved_pool;
static uint64_t saved_meta[META_WORDS];
static size_t meta_size;

static void save(void)
{
	saved_pool = pool;
	memcpy(saved_meta, meta, meta_size);
}

static void restore(void)
{
	pool = saved_pool;
	memcpy(meta, saved_meta, meta_size);
}

/* P1 to P4, and the free pages are those of the reference. */
static void check(uint32_t free, const char *what, unsigned a, unsigned b)
{
	nr_operations++;
	uint32_t found = 0;
	if (!sea_buddy_is_sound(&pool))
		fail("%s %u %u: the pool is not sound", what, a, b);
	for (unsigned pfn = 0; pfn < nr_pages; pfn++)
		if (pool.pages[pfn].state == SEA_PAGE_FREE)
			found |= bits(pfn, 1u << pool.pages[pfn].order);
	if (found != free)
		fail("%s %u %u: pages %#x are free, expected %#x", what, a, b, found, free);
}

/* --- the search ------------------------------------------------------------------------ */

static struct seen seen;
static uint32_t *queue; /* codes */
static size_t first, last;

static void reach(struct state state)
{
	uint64_t code = code_of(state);
	if (seen_add(&seen, fingerprint(&code, 1), 0))
		queue[last++] = (uint32_t)code;
}

static void try_alloc(struct state state, unsigned nr, bool is_row)
{
	restore();
	unsigned pfn = is_row ? sea_buddy_alloc_unaligned(&pool, nr) : sea_buddy_alloc(&pool, nr);
	unsigned expected = is_row ? expected_row(state.free, nr) : expected_place(state.free, nr);
	if (pfn != expected)
		fail("free %#x: %u pages %s: got %u, expected %u", state.free, nr, is_row ? "in a row" : "", pfn, expected);
	if (pfn != SEA_NO_PFN) {
		state.free &= ~bits(pfn, nr);
		state.starts |= 1u << pfn;
	}
	check(state.free, "alloc", nr, pfn);
	reach(state);
}

/* Frees the run's pages from `keep` on. */
static void try_free(struct state state, unsigned pfn, unsigned nr, unsigned keep)
{
	restore();
	sea_buddy_free(&pool, pfn + keep, nr - keep);
	state.free |= bits(pfn + keep, nr - keep);
	if (!keep)
		state.starts &= ~(1u << pfn);
	check(state.free, "free", pfn, keep);
	reach(state);
}

static void try_grow(struct state state, unsigned pfn, unsigned nr, unsigned by)
{
	restore();
	bool expected = is_free(state.free, pfn + nr, by);
	if (sea_buddy_take(&pool, pfn + nr, by) != expected)
		fail("free %#x: run %u of %u grows by %u: expected %d", state.free, pfn, nr, by, expected);
	if (expected)
		state.free &= ~bits(pfn + nr, by);
	check(state.free, "grow", pfn, by);
	reach(state);
}

static void expand(struct state state)
{
	make_pool(state);
	check(state.free, "make", 0, 0);
	save();
	for (unsigned nr = 1; nr <= nr_pages; nr++) {
		try_alloc(state, nr, false);
		try_alloc(state, nr, true);
	}
	for (unsigned pfn = 0; pfn < nr_pages; pfn++) {
		if (!(state.starts >> pfn & 1))
			continue;
		unsigned nr = run_length(state, pfn);
		for (unsigned keep = 0; keep < nr; keep++)
			try_free(state, pfn, nr, keep);
		for (unsigned by = 1; pfn + nr + by <= nr_pages; by++)
			try_grow(state, pfn, nr, by);
	}
}

int main(int argc, char **argv)
{
	nr_pages = number(argc, argv, 1, 11);
	if (!nr_pages || nr_pages > MOST_PAGES)
		fail("1 to %u pages", MOST_PAGES);
	meta_size = sea_buddy_meta_size(nr_pages);
	if (meta_size > sizeof(meta))
		fail("%zu bytes of metadata", meta_size);
	seen_init(&seen, 24);
	queue = malloc(sizeof(*queue) * (seen.mask + 1));
	if (!queue)
		fail("no memory");
	reach((struct state){bits(0, nr_pages), 0});
	while (first < last)
		expand(state_of(queue[first++]));
	printf("pool of %u pages: %zu states, all that can be reached, %llu operations\n", nr_pages, seen.nr,
	       (unsigned long long)nr_operations);
	return 0;
}
