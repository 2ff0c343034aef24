/* SPDX-License-Identifier: MIT */
/* extensions.c - beyond the standard: good_size, expand, batches, and that every
 * name of a function means the same heap
 */
#include "../harness.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "seamalloc.h"

/* A function of the library under test, typed as the header declares it. */
#define SEA(name) ((__typeof__(&name))test_symbol(#name))

static void good_size_is_usable_size(void)
{
	__typeof__(&sea_good_size) good_size = SEA(sea_good_size);
	for (size_t size = 0; size < 5 * MiB; size += size < 9000 ? 1 : size / 50) {
		void *block = malloc(size);
		CHECK(block != NULL);
		CHECK_EQ(good_size(size), malloc_usable_size(block));
		CHECK_EQ(good_size(good_size(size)), good_size(size));
		free(block);
	}
	CHECK_EQ(good_size((size_t)PTRDIFF_MAX + 1), 0);
	CHECK_EQ(good_size(SIZE_MAX), 0);
}

static void expand_never_moves(void)
{
	__typeof__(&sea_expand) expand = SEA(sea_expand);
	size_t nr_grown = 0;
	for (size_t size = 1; size < 4 * MiB; size = size * 3 / 2 + 1) {
		unsigned char *block = malloc(size);
		CHECK(block != NULL);
		size_t usable = malloc_usable_size(block);
		test_fill(block, usable, size);
		CHECK(expand(block, size));
		CHECK(expand(block, usable));
		CHECK(expand(block, 0));
		CHECK_EQ(malloc_usable_size(block), usable);
		size_t larger = usable * 2;
		bool grown = expand(block, larger);
		CHECK(test_is_filled(block, usable, size));
		CHECK(grown ? malloc_usable_size(block) >= larger : malloc_usable_size(block) == usable);
		memset(block, 1, malloc_usable_size(block));
		CHECK(!expand(block, opaque_size(SIZE_MAX)));
		CHECK(!expand(block, opaque_size(PTRDIFF_MAX)));
		nr_grown += grown;
		free(block);
	}
	test_note("%zu grown in place\n", nr_grown);
}

/* What lies behind the block stays untouched, whatever the answer. */
static void expand_spares_neighbours(void)
{
	__typeof__(&sea_expand) expand = SEA(sea_expand);
	enum { COUNT = 200 };
	static unsigned char *blocks[COUNT];
	static const size_t sizes[] = {16, 100, 1000, 5000, 60000, 300000};
	for (size_t s = 0; s < 6; s++) {
		for (size_t i = 0; i < COUNT; i++) {
			blocks[i] = malloc(sizes[s]);
			CHECK(blocks[i] != NULL);
			test_fill(blocks[i], sizes[s], i);
		}
		for (size_t i = 0; i < COUNT; i += 2) {
			free(blocks[i]);
			blocks[i] = NULL;
		}
		for (size_t i = 1; i < COUNT; i += 2)
			if (expand(blocks[i], sizes[s] + sizes[s] / 2)) {
				CHECK(test_is_filled(blocks[i], sizes[s], i));
				test_fill(blocks[i], malloc_usable_size(blocks[i]), i);
			}
		for (size_t i = 1; i < COUNT; i += 2) {
			CHECK(test_is_filled(blocks[i], sizes[s], i));
			free(blocks[i]);
		}
	}
}

/* --- batches ------------------------------------------------------------------------ */

enum { MAX_BATCH = 5000 };

static void *batch[MAX_BATCH + 1];

static void check_batch(size_t size, size_t count)
{
	__typeof__(&sea_malloc_batch) malloc_batch = SEA(sea_malloc_batch);
	__typeof__(&sea_free_batch) free_batch = SEA(sea_free_batch);
	batch[count] = batch;
	CHECK_EQ(malloc_batch(size, count, batch), count);
	CHECK(batch[count] == batch);
	for (size_t i = 0; i < count; i++) {
		CHECK(batch[i] != NULL);
		CHECK_EQ((uintptr_t)batch[i] % 16, 0);
		CHECK(malloc_usable_size(batch[i]) >= size);
		test_fill(batch[i], malloc_usable_size(batch[i]), i);
	}
	for (size_t i = 0; i < count; i++)
		CHECK(test_is_filled(batch[i], malloc_usable_size(batch[i]), i));
	for (size_t i = 0; i < count; i += 3) { /* mixes with the plain functions */
		free(batch[i]);
		batch[i] = i % 2 == 0 ? NULL : malloc(size);
	}
	errno = 12345;
	free_batch(count, batch);
	CHECK_EQ(errno, 12345);
}

static void batches(void)
{
	static const size_t sizes[] = {0, 1, 16, 64, 896, 1000, 5000, 60000, 300000};
	static const size_t counts[] = {0, 1, 2, 3, 100, MAX_BATCH};
	for (size_t s = 0; s < 9; s++)
		for (size_t c = 0; c < 6 && sizes[s] * counts[c] < 64 * MiB; c++)
			check_batch(sizes[s], counts[c]);
}

static void impossible_batches(void)
{
	__typeof__(&sea_malloc_batch) malloc_batch = SEA(sea_malloc_batch);
	static const size_t sizes[] = {PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX};
	for (size_t s = 0; s < 3; s++) {
		errno = 0;
		CHECK_EQ(malloc_batch(sizes[s], 10, batch), 0);
		CHECK_EQ(errno, ENOMEM);
	}
}

static void batch_of_what_is_there(void)
{
	__typeof__(&sea_malloc_batch) malloc_batch = SEA(sea_malloc_batch);
	__typeof__(&sea_free_batch) free_batch = SEA(sea_free_batch);
	test_limit_address_space(512 * MiB);
	errno = 0;
	size_t count = malloc_batch(1 * MiB, MAX_BATCH, batch);
	CHECK_EQ(errno, ENOMEM);
	CHECK(count > 300 && count < 512);
	for (size_t i = 0; i < count; i++)
		memset(batch[i], 1, 100);
	free_batch(count, batch);
	if (test_engine() != WATERMARK) {
		CHECK_EQ(malloc_batch(1 * MiB, 300, batch), 300);
		free_batch(300, batch);
	}
}

/* --- names --------------------------------------------------------------------------- */

static const char *const plain_names[] = {
	"malloc",      "calloc",	"realloc",       "reallocarray",   "free",
	"cfree",       "free_sized",	"memalign",      "aligned_alloc",  "posix_memalign",
	"valloc",      "pvalloc",	"malloc_trim",   "malloc_info",	   "free_aligned_sized",
	"mallinfo",    "mallinfo2",	"malloc_stats",  "mallopt",	   "malloc_usable_size",
};

static const char *const libc_names[] = {
	"__libc_malloc",   "__libc_calloc", "__libc_realloc", "__libc_free",
	"__libc_memalign", "__libc_valloc", "__libc_pvalloc", "__posix_memalign",
};

/* `name` resolves into the library under test. */
static void check_ours(const char *name)
{
	Dl_info here = {0}, ours = {0};
	CHECK(dladdr(test_symbol("sea_malloc"), &ours) != 0);
	CHECK(dladdr(test_symbol(name), &here) != 0);
	if (here.dli_fbase != ours.dli_fbase)
		test_fail(__FILE__, __LINE__, "%s is not ours but of %s", name, here.dli_fname);
}

static void names_are_ours(void)
{
	char prefixed[64];
	for (size_t i = 0; i < sizeof(plain_names) / sizeof(plain_names[0]); i++) {
		check_ours(plain_names[i]);
		strcpy(prefixed, "sea_");
		strcat(prefixed, plain_names[i]);
		check_ours(prefixed);
	}
	for (size_t i = 0; i < sizeof(libc_names) / sizeof(libc_names[0]); i++)
		check_ours(libc_names[i]);
}

static const char *const malloc_names[] = {"malloc", "sea_malloc", "__libc_malloc"};
static const char *const calloc_names[] = {"calloc", "sea_calloc", "__libc_calloc"};
static const char *const realloc_names[] = {"realloc", "sea_realloc", "__libc_realloc"};
static const char *const free_names[] = {"free", "sea_free", "__libc_free", "cfree", "sea_cfree"};
static const char *const memalign_names[] = {"memalign", "sea_memalign", "__libc_memalign", "aligned_alloc",
					     "sea_aligned_alloc"};

static void names_interoperate(void)
{
	for (int i = 0; i < 45; i++) {
		void *(*new_block)(size_t) = (void *(*)(size_t))test_symbol(malloc_names[i % 3]);
		void *(*clean_block)(size_t, size_t) = (void *(*)(size_t, size_t))test_symbol(calloc_names[i % 3]);
		void *(*resize)(void *, size_t) = (void *(*)(void *, size_t))test_symbol(realloc_names[i / 3 % 3]);
		void *(*aligned)(size_t, size_t) = (void *(*)(size_t, size_t))test_symbol(memalign_names[i % 5]);
		void (*release)(void *) = (void (*)(void *))test_symbol(free_names[i / 5 % 5]);
		void *a = new_block(100), *b = clean_block(10, 100), *c = aligned(256, 1000);
		CHECK(a != NULL && b != NULL && c != NULL);
		CHECK(malloc_usable_size(a) >= 100 && malloc_usable_size(b) >= 1000);
		a = resize(a, 5000);
		c = resize(c, 50);
		CHECK(a != NULL && c != NULL);
		release(a);
		release(b);
		release(c);
	}
}

/* What libc hands out itself (strdup, getline, asprintf...) comes from our heap. */
static void libc_allocates_here(void)
{
	__typeof__(&sea_malloc_usable_size) usable = SEA(sea_malloc_usable_size);
	__typeof__(&sea_free) release = SEA(sea_free);
	char *copy = strdup("a string that libc copies"), *printed = NULL, *line = NULL;
	size_t capacity = 0;
	CHECK(asprintf(&printed, "%0300d", 7) == 300);
	FILE *stream = fopen("/proc/self/status", "r");
	if (stream != NULL) {
		CHECK(getline(&line, &capacity, stream) > 0);
		CHECK(usable(line) >= capacity);
		fclose(stream);
	}
	CHECK(usable(copy) >= 26 && usable(printed) >= 301);
	release(copy);
	release(printed);
	release(line);
}

/* The same functions by names that no program or tool takes. */
static void reallocarray_and_sized_frees(void)
{
	__typeof__(&sea_reallocarray) array = SEA(sea_reallocarray);
	volatile size_t too_many = SIZE_MAX / 8;
	unsigned char *block = array(NULL, 10, 30);
	CHECK(block != NULL && malloc_usable_size(block) >= 300);
	test_fill(block, 300, 1);
	errno = 0;
	CHECK(array(block, too_many, 9) == NULL);
	CHECK_EQ(errno, ENOMEM);
	CHECK(test_is_filled(block, 300, 1));
	block = array(block, 100, 50);
	CHECK(block != NULL && test_is_filled(block, 300, 1));
	SEA(sea_free_sized)(block, 5000);
	for (size_t align = 16; align <= 64 * KiB; align *= 4)
		for (size_t size = 1; size < 300000; size = 5 * size + 3)
			SEA(sea_free_aligned_sized)(SEA(sea_memalign)(align, size), align, size);
	SEA(sea_free_sized)(NULL, 7);
	SEA(sea_free_aligned_sized)(NULL, 16, 7);
}

static const struct test_case cases[] = {
	{.name = "sea_good_size is what malloc gives", .run = good_size_is_usable_size},
	{.name = "sea_expand grows in place or changes nothing", .run = expand_never_moves},
	{.name = "sea_expand spares the neighbours", .run = expand_spares_neighbours},
	{.name = "reallocarray and sized frees by our names", .run = reallocarray_and_sized_frees},
	{.name = "batches of every size", .run = batches},
	{.name = "impossible batches", .run = impossible_batches},
	{.name = "a batch that memory cannot fill", .run = batch_of_what_is_there},
	{.name = "every name is ours, plain, prefixed and __libc_", .run = names_are_ours, .engines = OURS},
	{.name = "blocks pass freely between the names", .run = names_interoperate},
	{.name = "what libc allocates is ours", .run = libc_allocates_here, .engines = OURS},
};

HARNESS_MAIN(cases)
