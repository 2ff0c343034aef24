/* SPDX-License-Identifier: MIT */
/* brought.c - heaps in buffers come and go; BR1 to BR3 after every step */
#include "named/named.h"

#include "base/upward.h"
#include "engines/engine.h"
#include "unit.h"

#define NR_HEAPS 3
static _Alignas(64) char memory[NR_HEAPS][64 * 1024];
static struct sea_named *heap[NR_HEAPS];

static const struct sea_named_options unbounded = {.quota = SIZE_MAX};

static struct sea_brought buffer(size_t i) { return (struct sea_brought){memory[i], sizeof(memory[i])}; }

static enum sea_brought_result create(size_t i)
{
	enum sea_brought_result result = sea_named_create_in(buffer(i), "unit", unbounded, NULL, 0, &heap[i]);
	CHECK(sea_named_are_sound());
	return result;
}

static enum sea_brought_result open_again(size_t i, size_t quota)
{
	struct sea_named_options options = {.quota = quota};
	enum sea_brought_result result = sea_named_open_in(buffer(i), options, &heap[i]);
	CHECK(sea_named_are_sound());
	return result;
}

static void destroy(size_t i, bool keeps)
{
	sea_named_destroy(heap[i]->handle, "test", keeps);
	CHECK(sea_named_are_sound());
}

static char *take(size_t i, size_t size)
{
	struct sea_request request = {.size = size, .align = 1};
	return sea_named_alloc(heap[i]->handle, "test", &request);
}

static void create_all(void)
{
	sea_front_start();
	for (size_t i = 0; i < NR_HEAPS; i++)
		CHECK_EQ(create(i), SEA_BROUGHT_OK);
}

static void an_address_leads_to_its_heap(void)
{
	create_all();
	for (size_t i = 0; i < NR_HEAPS; i++)
		CHECK(sea_named_plot_around(take(i, 100)) == heap[i]);
	destroy(1, false); /* in the middle of the list */
	CHECK(!sea_named_plot_around(memory[1] + 40000));
	CHECK(sea_named_plot_around(memory[0] + 40000) == heap[0]);
	CHECK(sea_named_plot_around(memory[2] + 40000) == heap[2]);
	destroy(2, false);
	destroy(0, false);
	CHECK(!sea_named_plot_around(memory[0] + 40000));
	create_all(); /* in slots that were used before */
}

static void what_is_kept_is_found_again(void)
{
	create_all();
	char *block = take(0, 1000);
	test_fill(block, 1000, 7);
	CHECK_EQ(open_again(0, SIZE_MAX), SEA_BROUGHT_TAKEN);
	CHECK_EQ(create(0), SEA_BROUGHT_TAKEN);
	heap[0] = sea_named_plot_around(block);
	destroy(0, true);
	CHECK_EQ(open_again(0, 1000), SEA_BROUGHT_NO_MEMORY); /* 1008 bytes are in blocks */
	CHECK_EQ(open_again(0, SIZE_MAX), SEA_BROUGHT_OK);
	CHECK(test_is_filled(block, 1000, 7));
	CHECK_EQ(sea_named_size(heap[0], "test", block), 1008);
	destroy(0, false);
	CHECK_EQ(open_again(0, SIZE_MAX), SEA_BROUGHT_NONE);
}

static void too_little_memory_makes_no_heap(void)
{
	sea_front_start();
	struct sea_brought brought = {memory[0], 64};
	CHECK_EQ(sea_named_create_in(brought, "unit", unbounded, NULL, 0, &heap[0]), SEA_BROUGHT_TOO_SHORT);
	CHECK(sea_named_are_sound());
}

static void unsound_tables_are_noticed(void)
{
	create_all();
	struct sea_plot *plot = heap[1]->plot;
	plot->named = heap[0];
	CHECK(!sea_named_plots_are_sound()); /* BR2 */
	plot->named = heap[1];
	struct sea_plot_head *head = plot->head;
	plot->head = heap[0]->plot->head;
	CHECK(!sea_named_plots_are_sound()); /* BR3 */
	plot->head = head;
	struct sea_plot *next = heap[2]->plot->next;
	heap[2]->plot->next = NULL; /* the last one that was made is the first */
	CHECK(!sea_named_plots_are_sound()); /* BR1 */
	heap[2]->plot->next = next;
	CHECK(sea_named_plots_are_sound());
	heap[1]->index++;
	CHECK(!sea_named_table_is_sound()); /* NA1 */
	heap[1]->index--;
	sea_named_nr++;
	CHECK(!sea_named_table_is_sound()); /* NA5 */
	sea_named_nr--;
	CHECK(sea_named_table_is_sound());
}

static const struct test_case cases[] = {
	PASSES(an_address_leads_to_its_heap), PASSES(what_is_kept_is_found_again), PASSES(too_little_memory_makes_no_heap),
	PASSES(unsound_tables_are_noticed),
};

HARNESS_MAIN(cases)
