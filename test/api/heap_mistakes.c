/* SPDX-License-Identifier: MIT */
/* heap_mistakes.c - what a program may do wrong with heaps as objects: one sentence, then abort */
#include "../harness.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "seamalloc_heap.h"

#define CALL(name) ((__typeof__(&name))test_symbol(#name))

static sea_heap *create(const char *name) { return CALL(sea_heap_create)(name, NULL); }
static void *take(sea_heap *heap, size_t size) { return opaque(CALL(sea_heap_malloc)(heap, size)); }
static void give(sea_heap *heap, void *block) { CALL(sea_heap_free)(heap, opaque(block)); }

static sea_heap *destroyed(void)
{
	sea_heap *heap = create("gone");
	CALL(sea_heap_destroy)(heap);
	create("another in its entry");
	return heap;
}

static void malloc_after_destroy(void) { take(destroyed(), 10); }
static void destroy_twice(void) { CALL(sea_heap_destroy)(destroyed()); }
static void reset_after_destroy(void) { CALL(sea_heap_reset)(destroyed()); }

static void stats_after_destroy(void)
{
	struct sea_heap_statistics stats;
	CALL(sea_heap_stats)(destroyed(), &stats);
}

static void no_heap(void) { take((sea_heap *)opaque((void *)0x123456789), 10); }
static void null_heap(void) { take((sea_heap *)opaque(NULL), 10); }

static void free_in_null_heap(void) { give((sea_heap *)opaque(NULL), malloc(10)); }
static void free_in_failed_mapping(void) { give((sea_heap *)opaque((void *)-1), malloc(10)); }

static void another_heaps_block(void) { give(create("second"), take(create("first"), 100)); }
static void another_heaps_large_block(void) { give(create("second"), take(create("first"), 1000000)); }
static void a_block_of_malloc(void) { give(create("mine"), malloc(100)); }
static void a_large_block_of_malloc(void) { give(create("mine"), malloc(1000000)); }
static void usable_size_of_anothers(void) { CALL(sea_heap_usable_size)(create("second"), take(create("first"), 9)); }

static void realloc_of_anothers(void)
{
	if (CALL(sea_heap_realloc)(create("second"), take(create("first"), 9), 100))
		_exit(3);
}

static void twice(size_t size, bool by_name, bool by_name_again, size_t between)
{
	sea_heap *heap = create("twice");
	void *block = take(heap, size), *others[1000];
	for (size_t i = 0; i < between; i++)
		others[i] = take(heap, size);
	by_name ? give(heap, block) : free(opaque(block));
	for (size_t i = 0; i < between; i++)
		free(others[i]);
	by_name_again ? give(heap, block) : free(opaque(block));
}

static void double_free(void) { twice(64, true, true, 0); }
static void double_free_plain(void) { twice(64, false, false, 0); }
static void double_free_deep(void) { twice(64, true, false, 400); }
static void double_free_sent(void) { twice(3000, false, true, 900); }
static void double_free_medium(void) { twice(100000, true, true, 5); }
static void double_free_large(void) { twice(1000000, true, true, 0); }
static void double_free_huge(void) { twice(100000000, false, true, 0); }

static void never_handed_out(void)
{
	sea_heap *heap = create("fresh");
	char *block = NULL;
	for (size_t i = 0; i < 100; i++)
		block = take(heap, 64);
	give(heap, block + 64);
}

static void interior(void) { give(create("inside"), (char *)take(create("inside"), 500) + 16); }
static void interior_plain(void) { free(opaque((char *)take(create("inside"), 500) + 16)); }
static void realloc_freed(void)
{
	sea_heap *heap = create("twice");
	void *block = take(heap, 64);
	give(heap, block);
	if (realloc(opaque(block), 100))
		_exit(3);
}

static void on_the_stack(void)
{
	char array[100] __attribute__((aligned(16))) = "";
	give(create("mine"), array + 16);
}

static void after_reset(void)
{
	sea_heap *heap = create("reset");
	void *block = take(heap, 64);
	CALL(sea_heap_reset)(heap);
	give(heap, block);
}

static char memory[65536];

static sea_heap *create_in(void)
{
	struct sea_heap_options options = {.name = "brought"};
	return CALL(sea_heap_create_in)(memory, sizeof(memory), &options);
}

static void double_free_in_brought(void)
{
	sea_heap *heap = create_in();
	void *block = take(heap, 64);
	give(heap, block);
	free(opaque(block));
}

static void interior_in_brought(void) { free(opaque((char *)take(create_in(), 64) + 16)); }
static void metadata_of_brought(void) { give(create_in(), (void *)(((uintptr_t)memory + 15) & ~(uintptr_t)15)); }
static void root_of_another(void) { CALL(sea_heap_set_root)(create_in(), malloc(10)); }

/* --- a destroy beside an allocation ---------------------------------------------------------- */

static sea_heap *shared;

/* By name: free() may read the block before it knows the heap, and that memory may be unmapped. */
static void *allocate_for_ever(void *unused)
{
	for (;;)
		CALL(sea_heap_free)(shared, CALL(sea_heap_malloc)(shared, 100));
	return unused;
}

/* The other thread is inside when the heap is destroyed, or comes after that: both are
 * reported. */
static void destroy_beside_a_thread(void)
{
	pthread_t thread;
	shared = create("shared");
	CHECK_EQ(pthread_create(&thread, NULL, allocate_for_ever, NULL), 0);
	usleep(10000);
	CALL(sea_heap_destroy)(shared);
	pthread_join(thread, NULL);
}

#define MISTAKE(function, message) {#function, function, SEAM, 0, SIGABRT, message}

static const struct test_case cases[] = {
	MISTAKE(malloc_after_destroy, "seamalloc: sea_heap_malloc: this heap was destroyed already\n"),
	MISTAKE(destroy_twice, "seamalloc: sea_heap_destroy: this heap was destroyed already\n"),
	MISTAKE(reset_after_destroy, "sea_heap_reset: this heap was destroyed already\n"),
	MISTAKE(stats_after_destroy, "sea_heap_stats: this heap was destroyed already\n"),
	MISTAKE(no_heap, "this is no heap\n"),
	MISTAKE(null_heap, "this is no heap\n"),
	MISTAKE(free_in_null_heap, "this is no heap\n"),
	MISTAKE(free_in_failed_mapping, "this is no heap\n"),
	MISTAKE(another_heaps_block, "this block belongs to the heap \"first\", not to the heap \"second\"\n"),
	MISTAKE(another_heaps_large_block, "this block belongs to the heap \"first\", not to the heap \"second\"\n"),
	MISTAKE(a_block_of_malloc, "this block was not allocated in the heap \"mine\"\n"),
	MISTAKE(a_large_block_of_malloc, "this block was not allocated in the heap \"mine\"\n"),
	MISTAKE(usable_size_of_anothers, "sea_heap_usable_size of 0x"),
	MISTAKE(realloc_of_anothers, "sea_heap_realloc of 0x"),
	MISTAKE(double_free, "freed already (double free)"),
	MISTAKE(double_free_plain, "seamalloc: free of 0x"),
	MISTAKE(double_free_deep, "freed already (double free)"),
	MISTAKE(double_free_sent, "freed already (double free)"),
	MISTAKE(double_free_medium, "freed already (double free)"),
	MISTAKE(double_free_large, "freed already (double free)"),
	MISTAKE(double_free_huge, "freed already (double free)"),
	MISTAKE(never_handed_out, "sea_heap_free of 0x"),
	MISTAKE(interior, "sea_heap_free of 0x"),
	MISTAKE(interior_plain, "this points inside a block, 16 bytes behind the start of a block of 512 bytes\n"),
	MISTAKE(realloc_freed, "realloc of 0x"),
	MISTAKE(on_the_stack, "this is not memory of this heap: it lies on the stack\n"),
	MISTAKE(after_reset, "freed already (double free)"),
	MISTAKE(double_free_in_brought, "this block was freed already (double free); it was in the heap \"brought\"\n"),
	MISTAKE(interior_in_brought, "this points inside a block, or to a range that is reserved, of the heap \"brought\"\n"),
	MISTAKE(metadata_of_brought, "or to a range that is reserved, of the heap \"brought\"\n"),
	MISTAKE(root_of_another, "sea_heap_set_root of 0x"),
	MISTAKE(destroy_beside_a_thread, "heap"),
};

HARNESS_MAIN(cases)
