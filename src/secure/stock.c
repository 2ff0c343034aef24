/* SPDX-License-Identifier: MIT */
/* stock.c - refilled, held back, left to the next thread */
#include "secure/stock.h"

#include "base/check.h"
#include "base/options.h"
#include "base/os.h"
#include "base/upward.h"
#include "map/map.h"
#include "secure/untouched.h"

#define CLASS_SHIFT 56
_Static_assert(SEA_ADDRESS_BITS <= CLASS_SHIFT, "an address and a class fit in a word");

/* Bytes that one refill brings at most, but one cell at least. */
#define REFILL_BYTES (8 * SEA_KIB)

SEA_THREAD_LOCAL struct sea_stock *sea_stock_own;
static SEA_THREAD_LOCAL bool has_ended;
size_t sea_stock_live_alone;

static struct {
	struct sea_stock *first;
	uint32_t nr, nr_used, nr_threads_ever;
	size_t lost; /* bytes in the stocks of threads that do not exist after a fork */
	size_t lost_live;
} all;

static uint64_t pack(unsigned class, const char *cell) { return (uint64_t)class << CLASS_SHIFT | (uintptr_t)cell; }
static unsigned class_in(uint64_t entry) { return (unsigned)(entry >> CLASS_SHIFT); }
static char *cell_in(uint64_t entry) { return (char *)(entry & ((1ull << CLASS_SHIFT) - 1)); }

/* --- cells ------------------------------------------------------------------------------ */

bool sea_stock_refill(struct sea_stock *stock, unsigned class)
{
	size_t size = sea_cell_size(class);
	SEA_ASSERT(!stock->nr_ready[class]);
	unsigned wanted = (unsigned)sea_max(1, sea_min(SEA_STOCK_READY, REFILL_BYTES / size));
	unsigned nr = sea_slabs_take(stock->shard, class, wanted, stock->ready[class]);
	stock->nr_ready[class] = (uint8_t)nr;
	sea_count_own(&stock->ready_bytes, nr * size);
	return nr > 0;
}

static void send_out(struct sea_stock *stock)
{
	sea_count_own(&stock->ready_bytes, -stock->out_bytes);
	sea_slabs_give(stock->out, stock->nr_out);
	stock->nr_out = 0;
	stock->out_bytes = 0;
}

/* Lets one of the held cells go, by chance. */
static void let_go(struct sea_stock *stock)
{
	uint32_t i = sea_chance_below(&stock->chance, stock->nr_held);
	uint64_t entry = stock->held[i];
	size_t size = sea_cell_size(class_in(entry));
	stock->held[i] = stock->held[--stock->nr_held];
	sea_count_own(&stock->held_bytes, -size);
	sea_count_own(&stock->ready_bytes, size);
	stock->out_bytes += size;
	stock->out[stock->nr_out++] = cell_in(entry);
	if (stock->nr_out == SEA_STOCK_OUT)
		send_out(stock);
}

static bool holds_too_much(const struct sea_stock *stock)
{
	return stock->held_bytes > sea_options.secure_hold || stock->nr_held > sea_options.secure_hold_count;
}

void sea_stock_hold(struct sea_stock *stock, unsigned class, char *cell)
{
	if (unlikely(!stock)) {
		sea_slabs_give(&cell, 1);
		return;
	}
	SEA_ASSERT(stock->nr_held < SEA_STOCK_HELD);
	stock->held[stock->nr_held++] = pack(class, cell);
	sea_count_own(&stock->held_bytes, sea_cell_size(class));
	while (holds_too_much(stock))
		let_go(stock);
}

/* What is purged next is not looked at any more. */
static void expect_untouched(const struct sea_stock *stock)
{
	for (uint32_t i = 0; i < stock->nr_held; i++) {
		size_t size = sea_cell_size(class_in(stock->held[i]));
		sea_cell_expect_untouched(cell_in(stock->held[i]), sea_cell_seal(cell_in(stock->held[i]), size));
	}
}

void sea_stock_empty(struct sea_stock *stock, bool everything)
{
	if (everything)
		expect_untouched(stock);
	while (everything && stock->nr_held)
		let_go(stock);
	send_out(stock);
	for (unsigned class = 0; class < SEA_CELL_CLASSES; class++) {
		unsigned nr = stock->nr_ready[class];
		stock->nr_ready[class] = 0;
		sea_count_own(&stock->ready_bytes, -(nr * sea_cell_size(class)));
		sea_slabs_give(stock->ready[class], nr);
	}
}

/* --- threads ------------------------------------------------------------------------------- */

static void leave_again(struct sea_stock *stock)
{
	sea_secure_take(SEA_SECURE_LOCK_THREADS);
	stock->is_used = false;
	sea_secure_drop(SEA_SECURE_LOCK_THREADS);
}

static void leave(void *argument)
{
	struct sea_stock *stock = argument;
	has_ended = true;
	sea_stock_own = NULL;
	if (sea_lock_holds_any())
		return; /* the thread ends the process */
	sea_secure_take(SEA_SECURE_LOCK_THREADS);
	bool is_kept = all.nr - all.nr_used < SEA_SECURE_SHARDS;
	all.nr_used--;
	sea_secure_drop(SEA_SECURE_LOCK_THREADS);
	if (!is_kept)
		sea_stock_empty(stock, true);
	leave_again(stock);
}

/* The threads lock. */
static struct sea_stock *find_unused(void)
{
	struct sea_stock *stock = all.first;
	while (stock && stock->is_used)
		stock = stock->next;
	return stock;
}

/* The threads lock. */
static struct sea_stock *add(void)
{
	struct sea_stock *stock = sea_meta_alloc_pages(sizeof(*stock));
	if (!stock)
		return NULL;
	stock->chance.state = sea_os_random();
	stock->next = all.first;
	all.first = stock;
	all.nr++;
	return stock;
}

struct sea_stock *sea_stock_enter(void)
{
	if (has_ended || sea_lock_holds_any())
		return NULL;
	sea_secure_take(SEA_SECURE_LOCK_THREADS);
	struct sea_stock *stock = find_unused();
	if (!stock)
		stock = add();
	if (stock) {
		stock->is_used = true;
		stock->shard = all.nr_threads_ever++ % SEA_SECURE_SHARDS;
		all.nr_used++;
	}
	sea_secure_drop(SEA_SECURE_LOCK_THREADS);
	sea_stock_own = stock;
	SEA_LEAVES_HERE();
	if (stock)
		sea_os_at_thread_exit(leave, stock);
	return stock;
}

/* Takes a stock that no thread uses.  NULL: there is none with cells. */
static struct sea_stock *take_left(void)
{
	sea_secure_take(SEA_SECURE_LOCK_THREADS);
	struct sea_stock *stock = all.first;
	while (stock && (stock->is_used || !(stock->held_bytes | stock->ready_bytes)))
		stock = stock->next;
	if (stock)
		stock->is_used = true;
	sea_secure_drop(SEA_SECURE_LOCK_THREADS);
	return stock;
}

void sea_stock_empty_left(void)
{
	for (struct sea_stock *stock; (stock = take_left());) {
		sea_stock_empty(stock, true);
		leave_again(stock);
	}
}

struct sea_stock_sums sea_stock_sum(void)
{
	sea_secure_take(SEA_SECURE_LOCK_THREADS);
	struct sea_stock_sums sums = {all.nr_used, all.lost, all.lost_live + sea_load_relaxed(&sea_stock_live_alone)};
	for (const struct sea_stock *stock = all.first; stock; stock = stock->next) {
		sums.kept += sea_load_relaxed(&stock->held_bytes) + sea_load_relaxed(&stock->ready_bytes);
		sums.live += sea_load_relaxed(&stock->live);
	}
	sea_secure_drop(SEA_SECURE_LOCK_THREADS);
	return sums;
}

void sea_stock_retreat(void)
{
	has_ended = true;
	sea_stock_own = NULL;
}

/* A stock of another thread may have been in the middle of a change. */
void sea_stock_forget_others(void)
{
	struct sea_stock *own = NULL;
	for (struct sea_stock *stock = all.first, *next; stock; stock = next) {
		next = stock->next;
		if (stock == sea_stock_own || !stock->is_used) {
			stock->next = own;
			own = stock;
			continue;
		}
		all.lost += stock->held_bytes + stock->ready_bytes;
		all.lost_live += stock->live;
		all.nr--;
		all.nr_used--;
	}
	all.first = own;
	if (sea_stock_own)
		sea_stock_own->chance.state ^= sea_os_random();
}

static size_t bytes_of(char *const *cells, unsigned nr)
{
	size_t bytes = 0;
	for (unsigned i = 0; i < nr; i++)
		bytes += sea_slabs_find(sea_slabs_tract(cells[i]), cells[i]).size;
	return bytes;
}

bool sea_stock_is_sound(void)
{
	const struct sea_stock *stock = sea_stock_own;
	size_t held = 0, ready = 0;
	if (!stock)
		return true;
	for (uint32_t i = 0; i < stock->nr_held; i++)
		held += sea_cell_size(class_in(stock->held[i]));
	for (unsigned class = 0; class < SEA_CELL_CLASSES; class++)
		ready += stock->nr_ready[class] * sea_cell_size(class);
	ready += bytes_of(stock->out, stock->nr_out);
	if (bytes_of(stock->out, stock->nr_out) != stock->out_bytes)
		return false;
	return held == stock->held_bytes && ready == stock->ready_bytes && stock->nr_held < SEA_STOCK_HELD;
}
