/* SPDX-License-Identifier: MIT */
/* secure.c - hardened mode as a whole, against a copy of what blocks hold */
#include "secure/secure.h"

#include "base/options.h"
#include "engines/engine.h"
#include "front/account.h"
#include "page/budget.h"
#include "secure/cellcache.h"
#include "unit.h"

static void *resized(void *block, size_t size)
{
	void *to;
	CHECK(sea_secure_resize(block, size, &to));
	return to;
}

static void begin(void)
{
	sim.has_environment = true;
	sea_options.secure = 1;
	CHECK(sea_secure_settle());
}

static unsigned char *alloc(size_t align, size_t size)
{
	bool zeroed;
	unsigned char *block = sea_secure_alloc(align, size, SEA_KIND_PLAIN, &zeroed);
	CHECK(block && (uintptr_t)block % align == 0 && zeroed);
	for (size_t i = 0; i < size; i++)
		CHECK(!block[i]);
	return block;
}

static size_t size_of(const void *block)
{
	size_t size = SIZE_MAX;
	CHECK(sea_secure_find("ask", block, &size));
	return size;
}

struct held {
	unsigned char *block;
	size_t size, seed;
};

static size_t any_size(uint64_t *random)
{
	return below(random, 8) ? below(random, 600) : below(random, 8) ? below(random, 40000) : below(random, 300000);
}

static void change(struct held *held, uint64_t *random, size_t seed)
{
	if (held->block) {
		CHECK_EQ(size_of(held->block), held->size);
		CHECK(test_is_filled(held->block, held->size, held->seed));
	}
	size_t size = any_size(random);
	if (held->block && below(random, 3) == 0 && size) {
		held->block = resized(held->block, size);
		CHECK(held->block && test_is_filled(held->block, sea_min(size, held->size), held->seed));
	} else if (held->block) {
		CHECK(sea_secure_free(held->block, SEA_KIND_PLAIN, below(random, 2) ? held->size : SEA_SIZE_UNTOLD));
		held->block = NULL;
		return;
	} else {
		held->block = alloc((size_t)16 << (below(random, 8) ? 0 : below(random, 12)), size);
	}
	held->size = size;
	held->seed = seed;
	test_fill(held->block, size, seed);
}

static void any_order(void)
{
	static struct held held[300];
	uint64_t random = test_seed();
	begin();
	for (size_t i = 0; i < rounds(8000); i++) {
		change(&held[below(&random, NR(held))], &random, i);
		if (i % 256 == 0)
			CHECK(sea_engine_is_sound());
	}
	sea_secure_audit(SIZE_MAX);
	size_t live = 0;
	for (size_t i = 0; i < NR(held); i++)
		live += held[i].block ? held[i].size : 0;
	struct sea_stats stats;
	sea_account(&stats);
	CHECK(sea_account_adds_up(&stats));
	CHECK_EQ(stats.live, live);
	for (size_t i = 0; i < NR(held); i++)
		CHECK(!held[i].block || sea_secure_free(held[i].block, SEA_KIND_PLAIN, held[i].size));
	sea_secure_trim();
	CHECK(sea_engine_is_sound());
}

static void calls_that_fail(void)
{
	begin();
	sea_secure_free(alloc(16, 10), SEA_KIND_PLAIN, 10);
	for (size_t n = 1; n < 30; n++)
		for (size_t size = 24; size < 500000; size *= 7) {
			bool zeroed;
			sim_fail(SIM_ANY, n, n % 2);
			void *block = sea_secure_alloc(16, size, SEA_KIND_PLAIN, &zeroed);
			void *moved = block ? resized(block, 2 * size) : NULL;
			sim_fail(SIM_ANY, 0, false);
			if (block)
				CHECK(sea_secure_free(moved ? moved : block, SEA_KIND_PLAIN, moved ? 2 * size : size));
		}
	CHECK(sea_engine_is_sound());
}

static void other_pages(void)
{
	sim.page_size = 65536;
	any_order();
}

static void off_by_default(void)
{
	sim.has_environment = true;
	CHECK(!sea_secure_settle());
	CHECK(!sea_secure_is_on() && !sea_secure_may_be_on());
}

/* A process allocated before its environment could be read. */
static void blocks_from_before(void)
{
	sim.has_environment = false;
	void *early = sea_engine_alloc(100), *freed_early = sea_engine_alloc(200);
	sea_engine_free(freed_early);
	begin();
	unsigned char *late = sea_engine_alloc(100);
	CHECK_EQ(size_of(late), 100);
	CHECK(sea_engine_expect_live("ask", early) >= 100);
	CHECK((early = sea_engine_resize(early, 1000)));
	CHECK_EQ(size_of(early), 1000);
	sea_engine_free(early);
	sea_engine_free(late);
	CHECK(sea_engine_is_sound());
}

static void *free_it(void *block)
{
	sea_secure_free(block, SEA_KIND_PLAIN, SEA_SIZE_UNTOLD);
	return NULL;
}

static void freed_elsewhere(void)
{
	begin();
	for (int i = 0; i < 40; i++)
		run_in_thread(free_it, alloc(16, (size_t)i * 3000));
	CHECK(sea_engine_is_sound());
}

static void switched_off(void)
{
	sea_options.secure_canary = sea_options.secure_zero = sea_options.secure_check_freed = 0;
	sea_options.secure_hold_count = sea_options.secure_sized = sea_options.secure_pairs = 0;
	sea_options.secure_random = sea_options.secure_guards = 0;
	begin();
	for (size_t size = 0; size < 100000; size += 333) {
		bool zeroed;
		unsigned char *block = sea_secure_alloc(16, size, SEA_KIND_NEW, &zeroed);
		CHECK(block && !zeroed);
		memset(block, 1, size);
		CHECK(sea_secure_free(block, SEA_KIND_ARRAY, 5));
	}
	CHECK(sea_engine_is_sound());
}

/* --- mistakes ------------------------------------------------------------------------ */

static void overflow_seen_by_audit(void)
{
	begin();
	alloc(16, 30)[30] ^= 1;
	sea_secure_audit(SIZE_MAX);
}

static void forged_seal(void)
{
	begin();
	unsigned char *a = alloc(16, 24), *b = alloc(16, 24);
	memcpy(b + 24, a + 24, 8); /* a true seal, of another place */
	sea_secure_free(b, SEA_KIND_PLAIN, SEA_SIZE_UNTOLD);
}

static void between_cells(void)
{
	begin();
	unsigned char *block = alloc(16, 100);
	sea_secure_free(block + 108, SEA_KIND_PLAIN, SEA_SIZE_UNTOLD);
}

static void wrong_size(void)
{
	begin();
	sea_secure_free(alloc(16, 100), SEA_KIND_PLAIN, 99);
}

static void wrong_kind(void)
{
	begin();
	sea_secure_free(alloc(16, 100), SEA_KIND_ARRAY, 100);
}

/* --- a block that is allocated while the mode is turned on -------------------------------- */

static bool wants_between;
static void *between;

uint64_t __real_sea_os_random(void);
uint64_t __wrap_sea_os_random(void);

/* The mode asks for its secrets when it is decided, and before it is on.  What is done here then,
 * another thread may do. */
uint64_t __wrap_sea_os_random(void)
{
	if (wants_between && !sea_secure_is_on()) {
		wants_between = false;
		between = sea_engine_alloc(54);
	}
	return __real_sea_os_random();
}

/* By the door: this thread has no thread cache, whose fast path would free it. */
static void *free_by_engine(void *block)
{
	sea_engine_free(block);
	return NULL;
}

static void blocks_from_between(void)
{
	wants_between = true;
	begin();
	CHECK(sea_secure_is_on() && between && !sea_secure_has(between));
	unsigned char *hardened = alloc(16, 54);
	CHECK(sea_secure_has(hardened));
	run_in_thread(free_by_engine, between);
	run_in_thread(free_by_engine, hardened);
	sea_engine_trim(0);
	CHECK(sea_engine_is_sound() && sea_pages_dirty() == 0);
}

static const struct test_case cases[] = {
	PASSES(any_order),
	PASSES(calls_that_fail),
	PASSES(other_pages),
	PASSES(off_by_default),
	PASSES(blocks_from_before),
	PASSES(blocks_from_between),
	PASSES(freed_elsewhere),
	PASSES(switched_off),
	ABORTS(overflow_seen_by_audit, "audit of"),
	ABORTS(forged_seal, "(overflow)"),
	ABORTS(between_cells, "inside a block, 108 bytes behind the start of a block of 100 bytes"),
	ABORTS(wrong_size, "freed as a block of 99 bytes, but 100 were asked for"),
	ABORTS(wrong_kind, "freed by delete[], but not allocated by new[]"),
};

HARNESS_MAIN(cases)
