/* SPDX-License-Identifier: MIT */
/* model.c - random operations against a naive copy of the heap
 *
 * The copy is a table of intervals.  A new block must overlap none of them, and
 * whenever a block is resized, freed or merely looked at, it must hold the bytes
 * that were written to it.  Same --seed, same operations (but for threads);
 * --seconds N says how long each case lasts.
 */
#include "../harness.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "seamalloc.h"

enum { MAX_LIVE = 2000, NR_MODELS = 4 };

struct interval {
	unsigned char *start;
	size_t usable;
	uint64_t key; /* of the pattern that fills it */
};

struct model {
	struct interval live[MAX_LIVE];
	size_t nr_live;
	size_t bytes;      /* sum of usable */
	size_t max_bytes;
	size_t drawn;      /* bytes ever allocated */
	uint64_t random;
};

static struct model models[NR_MODELS];

static struct {
	__typeof__(&sea_expand) expand;
	__typeof__(&sea_free_sized) free_sized;
	__typeof__(&sea_malloc_batch) malloc_batch;
	__typeof__(&sea_free_batch) free_batch;
} beyond; /* NULL where the library has none */

static void look_up_extensions(void)
{
	beyond.expand = (__typeof__(&sea_expand))dlsym(RTLD_DEFAULT, "sea_expand");
	beyond.free_sized = (__typeof__(&sea_free_sized))dlsym(RTLD_DEFAULT, "sea_free_sized");
	beyond.malloc_batch = (__typeof__(&sea_malloc_batch))dlsym(RTLD_DEFAULT, "sea_malloc_batch");
	beyond.free_batch = (__typeof__(&sea_free_batch))dlsym(RTLD_DEFAULT, "sea_free_batch");
}

static size_t below(struct model *m, size_t bound)
{
	return (size_t)(test_random(&m->random) >> 16) % bound;
}

/* Mostly small, sometimes medium, rarely large. */
static size_t any_size(struct model *m)
{
	size_t dice = below(m, 100);
	size_t max = dice < 85 ? 2 * KiB : dice < 98 ? 300 * KiB : 3 * MiB;
	return test_random_size(&m->random, max);
}

/* --- the copy ------------------------------------------------------------------------ */

static void check_overlaps_none(const struct model *m, const unsigned char *start, size_t usable)
{
	for (size_t i = 0; i < m->nr_live; i++)
		if (start < m->live[i].start + m->live[i].usable && m->live[i].start < start + usable)
			test_fail(__FILE__, __LINE__, "%p, %zu bytes, lies apart from %p, %zu bytes",
				  (void *)start, usable, (void *)m->live[i].start, m->live[i].usable);
}

static void check_content(const struct interval *i)
{
	if (!test_is_filled(i->start, i->usable, i->key))
		test_fail(__FILE__, __LINE__, "%p, %zu bytes, keeps its bytes", (void *)i->start, i->usable);
	CHECK_EQ(malloc_usable_size(i->start), i->usable);
}

static struct interval made(struct model *m, unsigned char *start, size_t size)
{
	CHECK(start != NULL);
	CHECK_EQ((uintptr_t)start % 16, 0);
	struct interval i = {start, malloc_usable_size(start), test_random(&m->random)};
	CHECK(i.usable >= size);
	check_overlaps_none(m, start, i.usable);
	test_fill(start, i.usable, i.key);
	m->bytes += i.usable;
	m->drawn += i.usable;
	return i;
}

static void add(struct model *m, unsigned char *start, size_t size)
{
	struct interval i = made(m, start, size);
	m->live[m->nr_live++] = i;
}

static struct interval take_out(struct model *m, size_t index)
{
	struct interval i = m->live[index];
	check_content(&i);
	m->bytes -= i.usable;
	m->live[index] = m->live[--m->nr_live];
	return i;
}

/* --- one operation each ---------------------------------------------------------------- */

static void op_malloc(struct model *m)
{
	size_t size = any_size(m);
	add(m, malloc(size), size);
}

static void op_calloc(struct model *m)
{
	size_t size = any_size(m), count = 1 + below(m, 8);
	unsigned char *block = calloc(count, size / count);
	CHECK(block != NULL && test_is_zero(block, count * (size / count)));
	add(m, block, count * (size / count));
}

static void op_aligned(struct model *m)
{
	size_t size = any_size(m), align = (size_t)8 << below(m, 14);
	void *block = NULL;
	if (below(m, 2) == 0)
		block = memalign(align, size);
	else
		CHECK_EQ(posix_memalign(&block, align, size), 0);
	CHECK_EQ((uintptr_t)block % align, 0);
	add(m, block, size);
}

static void op_batch(struct model *m)
{
	void *blocks[32];
	size_t size = test_random_size(&m->random, 4 * KiB), count = below(m, 32);
	if (beyond.malloc_batch == NULL || m->nr_live + count > MAX_LIVE)
		return;
	CHECK_EQ(beyond.malloc_batch(size, count, blocks), count);
	for (size_t i = 0; i < count; i++)
		add(m, blocks[i], size);
}

static void op_free(struct model *m)
{
	struct interval i = take_out(m, below(m, m->nr_live));
	errno = 12345;
	free(i.start);
	CHECK_EQ(errno, 12345);
}

static void op_free_otherwise(struct model *m)
{
	struct interval i = take_out(m, below(m, m->nr_live));
	if (beyond.free_sized != NULL && below(m, 2) == 0)
		beyond.free_sized(i.start, i.usable);
	else
		CHECK(realloc(i.start, opaque_size(0)) == NULL);
}

static void op_free_batch(struct model *m)
{
	void *blocks[16] = {NULL};
	if (beyond.free_batch == NULL || m->nr_live < 16)
		return;
	for (size_t i = 0; i < 16; i++)
		if (below(m, 4) != 0)
			blocks[i] = take_out(m, below(m, m->nr_live)).start;
	beyond.free_batch(16, blocks);
}

static void op_realloc(struct model *m)
{
	struct interval old = take_out(m, below(m, m->nr_live));
	size_t size = below(m, 3) == 0 ? any_size(m) + 1 : 1 + old.usable + below(m, old.usable / 2 + 64);
	unsigned char *block = realloc(old.start, size);
	CHECK(block != NULL);
	CHECK(test_is_filled(block, size < old.usable ? size : old.usable, old.key));
	add(m, block, size);
}

static void op_expand(struct model *m)
{
	if (beyond.expand == NULL)
		return;
	struct interval old = take_out(m, below(m, m->nr_live));
	size_t size = old.usable + below(m, old.usable + 64);
	bool grown = beyond.expand(old.start, size);
	CHECK(test_is_filled(old.start, old.usable, old.key));
	add(m, old.start, grown ? size : old.usable);
}

static void op_look(struct model *m)
{
	check_content(&m->live[below(m, m->nr_live)]);
}

static void step(struct model *m)
{
	static void (*const taking[])(struct model *) = {op_malloc, op_malloc,  op_malloc, op_calloc,
							 op_calloc, op_aligned, op_batch,  op_malloc};
	static void (*const other[])(struct model *) = {op_free,    op_free,   op_free,   op_free_otherwise,
							op_realloc, op_expand, op_look,	  op_free_batch};
	bool full = m->nr_live == MAX_LIVE || m->bytes > m->max_bytes;
	bool takes = m->nr_live == 0 || (!full && below(m, 2) == 0);
	(takes ? taking : other)[below(m, 8)](m);
}

/* --- whole runs --------------------------------------------------------------------------- */

static void start_model(struct model *m, uint64_t seed)
{
	m->random = seed | 1;
	m->max_bytes = 48 * MiB;
	look_up_extensions();
}

/* The watermark engine never reuses: it stops after 1 GiB. */
static bool goes_on(const struct model *m, double end)
{
	return test_now() < end && (test_engine() != WATERMARK || m->drawn < 1 * GiB);
}

static double run_seconds(void)
{
	return test_seconds((double)test_pick(1, 8, 120));
}

static void drain(struct model *m)
{
	while (m->nr_live > 0)
		free(take_out(m, m->nr_live - 1).start);
}

static void random_operations(void)
{
	struct model *m = &models[0];
	double end = test_now() + run_seconds();
	size_t nr_steps = 0;
	start_model(m, test_seed());
	for (; goes_on(m, end); nr_steps++) {
		step(m);
		if (nr_steps % 20000 == 19999)
			for (size_t i = 0; i < m->nr_live; i++)
				check_content(&m->live[i]);
		if (nr_steps % 50000 == 49999)
			malloc_trim(0);
		if (nr_steps % 100000 == 99999)
			drain(m);
	}
	drain(m);
	CHECK(nr_steps > 1000);
}

/* --- orders of freeing ----------------------------------------------------------------------- */

static int by_address(const void *left, const void *right)
{
	const struct interval *a = left, *b = right;
	return (a->start > b->start) - (a->start < b->start);
}

static size_t newest(struct model *m)
{
	return m->nr_live - 1;
}

static size_t at_random(struct model *m)
{
	return below(m, m->nr_live);
}

/* With the table in address order, take_out() fills the gap with the last entry, so
 * this leaves holes between used blocks, then closes them from both sides. */
static size_t every_second(struct model *m)
{
	return m->drawn++ % 2 == 0 ? m->nr_live / 2 : m->nr_live - 1;
}

static size_t lowest(struct model *m)
{
	size_t best = 0;
	for (size_t i = 1; i < m->nr_live; i++)
		if (m->live[i].start < m->live[best].start)
			best = i;
	return best;
}

static size_t highest(struct model *m)
{
	size_t best = 0;
	for (size_t i = 1; i < m->nr_live; i++)
		if (m->live[i].start > m->live[best].start)
			best = i;
	return best;
}

static void fill_up(struct model *m, size_t min, size_t max)
{
	while (m->nr_live < MAX_LIVE) {
		size_t size = min + below(m, max - min + 1);
		add(m, malloc(size), size);
	}
	qsort(m->live, m->nr_live, sizeof(m->live[0]), by_address);
}

static void orders_of_freeing(void)
{
	static size_t (*const orders[])(struct model *) = {newest, at_random, every_second, lowest, highest};
	static const size_t ranges[][2] = {{16, 16},	 {16, 200},	 {48, 48},     {200, 1000},
					   {1008, 1040}, {2000, 5000},	 {4096, 4096}, {9000, 30000}};
	struct model *m = &models[0];
	start_model(m, test_seed());
	for (size_t o = 0; o < 5; o++)
		for (size_t r = 0; r < 8; r++) {
			fill_up(m, ranges[r][0], ranges[r][1]);
			while (m->nr_live > MAX_LIVE / 4)
				free(take_out(m, orders[o](m)).start);
			fill_up(m, ranges[(r + 3) % 8][0], ranges[(r + 3) % 8][1]);
			while (m->nr_live > 0)
				free(take_out(m, orders[o](m)).start);
			if (test_engine() == WATERMARK && m->drawn > 1 * GiB)
				return;
		}
}

enum { MAX_PHASE = 32 * 1024 * 1024 / 32 };
static void *phase[MAX_PHASE];

/* Takes 32 MiB in blocks of one size and frees them in steps of `stride`. */
static void run_phase(size_t size, size_t stride)
{
	size_t count = 32 * MiB / size;
	for (size_t i = 0; i < count; i++) {
		CHECK((phase[i] = malloc(size)) != NULL);
		memset(phase[i], 1, size);
	}
	for (size_t start = 0; start < stride; start++)
		for (size_t i = start; i < count; i += stride)
			free(phase[i]);
}

/* Free neighbours merge: what one size leaves serves every other.  At worst half as much
 * again as is live, and the budget for free pages.  In hardened mode 32 bytes and their seal have
 * a cell of 48, so the peak that the budget follows is higher: 1.72 to 1.76 times this. */
static void phases_reuse_memory(void)
{
	static const size_t sizes[] = {32, 300000, 48, 4096, 1000, 100, 20000, 64, 3000, 1048576};
	memset(phase, 0, sizeof(phase));
	size_t before = test_rss();
	for (size_t stride = 1; stride <= 7; stride += 3)
		for (size_t i = 0; i < 10; i++) {
			run_phase(sizes[i], stride);
			CHECK_AT_MOST(test_rss() - before, (48 + 4) * MiB * (test_is_secure() ? 15 : 8) / 8);
		}
}

/* --- threads --------------------------------------------------------------------------------- */

enum { NR_BOXES = 256 };

struct parcel {
	size_t size;
	uint64_t key;
	unsigned char content[];
};

static _Atomic(struct parcel *) boxes[NR_BOXES];
static double end_of_exchange;

static struct parcel *packed(struct model *m)
{
	size_t size = sizeof(struct parcel) + any_size(m) / 4;
	struct parcel *p = below(m, 3) == 0 ? calloc(1, size) : malloc(size);
	CHECK(p != NULL);
	p->size = size - sizeof(*p);
	p->key = test_random(&m->random);
	test_fill(p->content, p->size, p->key);
	m->drawn += size;
	return p;
}

static void unpack(struct model *m, struct parcel *p)
{
	CHECK(test_is_filled(p->content, p->size, p->key));
	if (below(m, 4) == 0) {
		size_t size = p->size / 2;
		CHECK((p = realloc(p, sizeof(*p) + size)) != NULL);
		CHECK(test_is_filled(p->content, size, p->key));
	}
	free(p);
}

/* Works on a model of its own, and sends every third block to another thread. */
static void *exchange(void *argument)
{
	struct model *m = argument;
	while (goes_on(m, end_of_exchange)) {
		step(m);
		if (below(m, 3) != 0)
			continue;
		struct parcel *received = atomic_exchange(&boxes[below(m, NR_BOXES)], packed(m));
		if (received != NULL)
			unpack(m, received);
	}
	drain(m);
	return NULL;
}

static void threads_exchange_blocks(void)
{
	pthread_t threads[NR_MODELS];
	end_of_exchange = test_now() + run_seconds();
	for (size_t i = 0; i < NR_MODELS; i++) {
		start_model(&models[i], test_seed() + i * 2 * 0x9e3779b9);
		models[i].max_bytes = 8 * MiB;
		CHECK_EQ(pthread_create(&threads[i], NULL, exchange, &models[i]), 0);
	}
	for (size_t i = 0; i < NR_MODELS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	for (size_t i = 0; i < NR_BOXES; i++)
		if (boxes[i] != NULL)
			unpack(&models[0], boxes[i]);
}

static const struct test_case cases[] = {
	{.name = "random operations", .run = random_operations, .seconds = 3600},
	{.name = "orders of freeing that split and merge", .run = orders_of_freeing, .seconds = 60},
	{.name = "phases of other sizes reuse the memory", .run = phases_reuse_memory, .seconds = 60,
	 .engines = SEAM | FREELIST},
	{.name = "threads exchange blocks", .run = threads_exchange_blocks, .seconds = 3600},
};

HARNESS_MAIN(cases)
