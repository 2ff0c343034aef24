/* SPDX-License-Identifier: MIT */
/* guard.c - places for guarded blocks on a simulated kernel */
#include <ucontext.h>

#include "guard/guard.h"

#include "base/context.h"
#include "base/options.h"
#include "base/os.h"
#include "base/page_size.h"
#include "engines/engine.h"
#include "front/account.h"
#include "map/map.h"
#include "seamalloc.h"
#include "unit.h"

static bool said(const char *text) { return strstr(sim.report, text) != NULL; }

/* Asks for one when it is due. */
static char *guarded(size_t size)
{
	sim.now_ms += 5;
	return sea_guard_alloc(size);
}

/* The first block that is guarded; NULL: none is. */
static char *begin(size_t size)
{
	char *block = NULL;
	sim.is_quiet = true;
	for (int i = 0; i < 20 && !block; i++)
		block = guarded(size);
	return block;
}

static size_t offset_of(const char *block) { return (uintptr_t)block % sea_page_size(); }

static void blocks_lie_at_an_edge(void)
{
	size_t at_start = 0, at_end = 0;
	for (size_t n = 0; n < 2000; n++) {
		size_t size = 1 + n * 13 % sea_page_size();
		char *block = n ? guarded(size) : begin(size);
		CHECK(block != NULL && sea_guard_has(block) && (uintptr_t)block % SEA_GRANULE == 0);
		CHECK_EQ(sea_guard_size(block), size);
		CHECK(offset_of(block) == 0 || (offset_of(block) + size + SEA_GRANULE - 1) / SEA_GRANULE * SEA_GRANULE == sea_page_size());
		at_start += offset_of(block) == 0;
		at_end += offset_of(block) != 0;
		memset(block, 1, size);
		CHECK(sea_guard_is_sound());
		CHECK(sim_is_committed(block - offset_of(block), sea_page_size()));
		CHECK(!sim_is_committed(block - offset_of(block) - sea_page_size(), sea_page_size()));
		CHECK(!sim_is_committed(block - offset_of(block) + sea_page_size(), sea_page_size()));
		sea_guard_free(block);
		CHECK(!sim_is_committed(block - offset_of(block), sea_page_size()));
		CHECK_EQ(sea_guard_size(block), 0);
	}
	CHECK(at_start > 200 && at_end > 1000);
}

/* 64 at once, and after that the one that was freed first (GU3). */
static void places_are_bounded_and_used_in_turn(void)
{
	char *block[SEA_GUARD_PLACES];
	size_t live, pages;
	block[0] = begin(100);
	for (size_t i = 1; i < SEA_GUARD_PLACES; i++)
		CHECK((block[i] = guarded(100)) != NULL);
	CHECK(!guarded(100));
	sea_guard_count(&live, &pages);
	CHECK_EQ(live, 100 * SEA_GUARD_PLACES);
	CHECK_EQ(pages, SEA_GUARD_PLACES * sea_page_size());
	for (size_t i = 0; i < SEA_GUARD_PLACES; i++)
		sea_guard_free(block[(i * 5 + 3) % SEA_GUARD_PLACES]);
	for (size_t i = 0; i < 3 * SEA_GUARD_PLACES; i++) {
		char *expected = block[(i * 5 + 3) % SEA_GUARD_PLACES], *again = guarded(100);
		CHECK((uintptr_t)again / sea_page_size() == (uintptr_t)expected / sea_page_size());
		block[(i * 5 + 3) % SEA_GUARD_PLACES] = again;
		sea_guard_free(again);
	}
}

/* With the option at 5000, one in 5 ms. */
static void they_come_now_and_then(void)
{
	CHECK(begin(10) != NULL);
	CHECK(!sea_guard_alloc(10));
	sim.now_ms += 4;
	CHECK(!sea_guard_alloc(10));
	sim.now_ms++;
	CHECK(sea_guard_alloc(10) != NULL);
	CHECK(!sea_guard_alloc(10));
}

static void a_young_program_has_none(void)
{
	for (int i = 0; i < 10; i++)
		CHECK(!guarded(10));
	CHECK(begin(10) != NULL);
}

static void some_sizes_are_not_guarded(void)
{
	CHECK(begin(1) != NULL);
	CHECK(!guarded(0));
	CHECK(!guarded(sea_page_size() + 1));
	CHECK(!guarded(SIZE_MAX));
	CHECK(guarded(sea_page_size()) != NULL);
}

static void nobody_is_guarded_if(void)
{
	CHECK(begin(1) != NULL);
	sim.handles_faults = true;
	CHECK(!guarded(1));
	sim.handles_faults = false;
	CHECK(guarded(1) != NULL);
	sim.is_confined = true;
	CHECK(!guarded(1));
	sim.is_confined = false;
	sea_options.guard = 0;
	CHECK(!guarded(1));
}

static void a_handler_may_go_away(void)
{
	sim.handles_faults = true;
	CHECK(!begin(1));
	sim.handles_faults = false;
	CHECK(begin(1) != NULL);
}

/* Once it has given up rights, a process makes no call to free a block. */
static void a_confined_process_makes_no_call(void)
{
	char *block = begin(50);
	size_t nr_calls = sim.nr_calls[SIM_ANY];
	sim.is_confined = true;
	sea_guard_free(block);
	CHECK_EQ(sim.nr_calls[SIM_ANY], nr_calls);
	CHECK(SIM_ABORTS(sea_guard_free(block)));
}

static void a_system_that_refuses(void)
{
	sim_fail(SIM_RESERVE, 1, true);
	CHECK(!begin(1));
	sim_heal();
	CHECK(!begin(1)); /* never again */
	CHECK(sea_guard_is_sound());
}

static void a_page_that_is_refused(void)
{
	char *block = begin(9);
	sim_fail(SIM_COMMIT, 1, true);
	CHECK(!guarded(9));
	sim_fail(SIM_RESET, 1, true);
	sea_guard_free(block);
	CHECK_EQ(sea_guard_size(block), 0);
	CHECK(sea_guard_is_sound());
	sim_heal();
	for (size_t i = 0; i < 2 * SEA_GUARD_PLACES; i++)
		sea_guard_free(guarded(9));
	CHECK(sea_guard_is_sound());
}

/* Each byte of the page that is not the block's. */
static void every_changed_byte_is_found(void)
{
	for (size_t size = 1; size < 3000; size += 577)
		for (size_t at = 0; at < sea_page_size(); at += at % 256 < 40 ? 1 : 29) {
			char *block = at || size > 1 ? guarded(size) : begin(size), *page = block - offset_of(block);
			char *byte = page + at, old = *byte;
			if (byte >= block && byte < block + size) {
				sea_guard_free(block);
				continue;
			}
			*byte ^= 0x10;
			CHECK(!sea_guard_is_sound());
			*byte = old;
			sea_guard_free(block);
		}
}

static void a_changed_byte_is_named(void)
{
	char *block;
	do
		block = begin(90);
	while (offset_of(block) == 0);
	block[93] = 1;
	CHECK(SIM_ABORTS(sea_guard_free(block)));
	CHECK(said("a byte was written to 4 bytes behind the end of a block of 90 bytes (overflow)\n"));
	CHECK(said("did it here:\n") && said("allocated the block here:\n") && !said("freed it here"));
}

static void a_byte_in_front_is_named(void)
{
	char *block;
	do
		block = begin(90);
	while (offset_of(block) == 0);
	block[-7] = 1;
	CHECK(SIM_ABORTS(sea_guard_free(block)));
	CHECK(said("a byte was written to 7 bytes in front of a block of 90 bytes (underflow)\n"));
}

static void a_second_free_is_named(void)
{
	char *block = begin(90);
	sea_guard_free(block);
	CHECK(SIM_ABORTS(sea_guard_free(block)));
	CHECK(said("this block was freed already (double free); it has 90 bytes\n") && said("freed it here:\n"));
}

static void what_is_no_block_is_named(void)
{
	char *block = begin(90);
	CHECK(SIM_ABORTS(sea_guard_mistake("realloc", block + 16)));
	CHECK(said("realloc of 0x") && said("this points inside a block, 16 bytes behind the start of a block of 90 bytes\n"));
}

static void a_place_without_block_is_named(void)
{
	char *block = begin(90) - 0;
	char *unused = block - offset_of(block) + 8 * sea_page_size();
	CHECK(SIM_ABORTS(sea_guard_free(unused)));
	CHECK(said("this is not memory of this heap"));
}

static void fault_at(const char *address)
{
	ucontext_t context;
	getcontext(&context);
	sim_forget_reports();
	sim.see_fault(&(struct sea_fault){address, &context});
}

static char *block_at(bool at_start, size_t size)
{
	char *block;
	do
		block = begin(size);
	while ((offset_of(block) == 0) != at_start);
	return block;
}

static void an_overflow_is_named(void)
{
	char *block = block_at(false, 40);
	fault_at(block + 48 + 5);
	CHECK(said("14 bytes behind the end of a block of 40 bytes (overflow)\n"));
}

static void an_underflow_is_named(void)
{
	char *block = block_at(true, 40);
	fault_at(block - 1);
	CHECK(said("1 byte in front of a block of 40 bytes (underflow)\n"));
}

static void a_use_after_free_is_named(void)
{
	char *block = block_at(false, 40);
	sea_guard_free(block);
	fault_at(block);
	CHECK(said("the start of a block of 40 bytes that was freed (use after free)\n"));
}

static void other_faults_are_not_ours(void)
{
	char *block = begin(40);
	fault_at(NULL);
	fault_at(block + SEA_MIB);
	fault_at((char *)sea_guard_first - 1);
	CHECK_EQ(sim.report_length, 0);
}

/* Nothing is counted twice, and nothing is forgotten. */
static void every_byte_is_accounted_for(void)
{
	struct sea_stats before, behind;
	char *block = begin(1000);
	sea_guard_free(block);
	sea_account(&before);
	CHECK(sea_account_adds_up(&before));
	block = guarded(1000);
	sea_account(&behind);
	CHECK(sea_account_adds_up(&behind));
	CHECK_EQ(behind.live - before.live, 1000);
	CHECK_EQ(behind.metadata - before.metadata, sea_page_size() - 1000);
	CHECK_EQ(behind.mapped, before.mapped);
}

/* By the public functions, with a guard at each refill. */
static void a_heap_with_guards_is_sound(void)
{
	static char *block[500];
	static size_t length[500];
	uint64_t seed = test_seed();
	size_t nr_guarded = 0;
	sea_options.guard = 1;
	sim.is_quiet = true;
	for (size_t n = 0; n < rounds(60000); n++, sim.now_ms++) {
		size_t i = below(&seed, NR(block)), size = 1 + test_random_size(&seed, 6000);
		if (block[i] && !test_is_filled(block[i], length[i], i + 1))
			test_fail(__FILE__, __LINE__, "block %zu of %zu bytes has changed", i, length[i]);
		switch (below(&seed, 4)) {
		case 0:
			sea_free(block[i]);
			block[i] = sea_malloc(size);
			break;
		case 1:
			sea_free(block[i]);
			block[i] = sea_calloc(1, size);
			CHECK(test_is_zero(block[i], size));
			break;
		default: block[i] = sea_realloc(block[i], size);
		}
		length[i] = sea_malloc_usable_size(block[i]);
		CHECK(length[i] >= size);
		nr_guarded += sea_guard_has(block[i]);
		test_fill(block[i], length[i], i + 1);
		if (n % 5000 == 0)
			CHECK(sea_engine_is_sound());
	}
	CHECK(nr_guarded > 10);
	CHECK_EQ(sim.report_length, 0);
}

static const struct test_case cases[] = {
	PASSES(blocks_lie_at_an_edge),
	PASSES(places_are_bounded_and_used_in_turn),
	PASSES(they_come_now_and_then),
	PASSES(a_young_program_has_none),
	PASSES(some_sizes_are_not_guarded),
	PASSES(nobody_is_guarded_if),
	PASSES(a_handler_may_go_away),
	PASSES(a_confined_process_makes_no_call),
	PASSES(a_system_that_refuses),
	PASSES(a_page_that_is_refused),
	PASSES(every_changed_byte_is_found),
	PASSES(a_changed_byte_is_named),
	PASSES(a_byte_in_front_is_named),
	PASSES(a_second_free_is_named),
	PASSES(what_is_no_block_is_named),
	PASSES(a_place_without_block_is_named),
	PASSES(an_overflow_is_named),
	PASSES(an_underflow_is_named),
	PASSES(a_use_after_free_is_named),
	PASSES(other_faults_are_not_ours),
	PASSES(every_byte_is_accounted_for),
	PASSES(a_heap_with_guards_is_sound),
};

HARNESS_MAIN(cases)
