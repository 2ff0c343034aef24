/* SPDX-License-Identifier: MIT */
/* false_alarms.c - random operations of a correct program, to which "freed already" is a lie
 *
 * Two programs.  One writes to no block of those that it checks.  The other keeps a shadow of
 * the heap: for each address the bytes that it last saw there.  It copies out what malloc
 * left in a block, padding of larger blocks and all, and writes it back into whatever comes
 * to lie there: so it carries every word that the allocator ever left in memory back to the
 * place where it was found.
 *
 * Whatever they do, a block that is live keeps its bytes.  The number of operations per second
 * is printed, for runs by hand.
 */
#include "situation.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum {
	MAX_LIVE = 4096,
	NR_THREADS = 4,
	NR_BOXES = 512,
	STEPS_OF_A_MOOD = 20000,
	NR_MOODS = 6,
	LARGE_BLOCKS = NR_MOODS - 1, /* a mood; it lasts a eightieth as long */
	MAX_BYTES = 64 * 1024 * 1024,
	GRANULE = 16,
	SLOT_SHIFT = 20,
	NR_SLOTS = 1 << (47 - SLOT_SHIFT),
};

#define SLOT ((size_t)1 << SLOT_SHIFT)

/* --- the shadow ------------------------------------------------------------------------- */

/* Of 1 MiB of addresses.  A granule belongs to one block at a time, and so to one thread. */
struct slot {
	unsigned char bytes[SLOT];
	unsigned char is_seen[SLOT / GRANULE];
};

static _Atomic(struct slot *) *slots; /* by address */

static void *map_zeros(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(memory != MAP_FAILED);
	return memory;
}

static struct slot *slot_of(uintptr_t address)
{
	_Atomic(struct slot *) *place = &slots[address >> SLOT_SHIFT];
	struct slot *slot = atomic_load(place), *fresh;
	if (slot != NULL)
		return slot;
	fresh = map_zeros(sizeof(*fresh));
	if (atomic_compare_exchange_strong(place, &slot, fresh))
		return fresh;
	munmap(fresh, sizeof(*fresh));
	return slot;
}

/* Calls `visit` for the parts of a block that lie in one slot each; false: one returned it. */
typedef bool visitor(struct slot *slot, size_t offset, unsigned char *part, size_t length);

static bool for_parts(unsigned char *block, size_t size, visitor *visit)
{
	while (size > 0) {
		size_t offset = (uintptr_t)block & (SLOT - 1);
		size_t length = size < SLOT - offset ? size : SLOT - offset;
		if (!visit(slot_of((uintptr_t)block), offset, block, length))
			return false;
		block += length;
		size -= length;
	}
	return true;
}

/* The shadow takes what is there. */
static bool save(struct slot *slot, size_t offset, unsigned char *part, size_t length)
{
	memcpy(slot->bytes + offset, part, length);
	memset(slot->is_seen + offset / GRANULE, 1, (length + GRANULE - 1) / GRANULE);
	return true;
}

/* What was seen here comes back; of the rest the shadow takes what is there. */
static bool put_back(struct slot *slot, size_t offset, unsigned char *part, size_t length)
{
	for (size_t at = 0; at < length; at += GRANULE) {
		size_t n = length - at < GRANULE ? length - at : GRANULE;
		if (slot->is_seen[(offset + at) / GRANULE])
			memcpy(part + at, slot->bytes + offset + at, n);
		else
			save(slot, offset + at, part + at, n);
	}
	return true;
}

static bool is_as_in_shadow(struct slot *slot, size_t offset, unsigned char *part, size_t length)
{
	return memcmp(slot->bytes + offset, part, length) == 0;
}

/* --- a program ------------------------------------------------------------------------------ */

struct block {
	unsigned char *start;
	size_t size;  /* as requested */
	uint64_t sum; /* of the bytes, where there is no shadow */
};

struct program {
	struct block live[MAX_LIVE];
	uint64_t random;
	unsigned mood; /* which sizes are likely */
	size_t bytes;  /* live */
};

static struct program programs[NR_THREADS];
static _Atomic(struct block *) boxes[NR_BOXES];
static bool writes_back;

static size_t below(struct program *p, size_t bound) { return situation_below(&p->random, bound); }

static uint64_t sum_of(const unsigned char *start, size_t size)
{
	uint64_t sum = size, word = 0;
	for (size_t i = 0; i + 8 <= size; i += 8) {
		memcpy(&word, start + i, 8);
		sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
	}
	for (size_t i = size & ~(size_t)7; i < size; i++)
		sum = (sum ^ start[i]) * 0x9e3779b97f4a7c15u;
	return sum;
}

/* 1 byte to 2 MiB.  A mood makes one order of magnitude likely, so that the same addresses
 * serve small blocks at one time and large ones, also runs of pages, at another. */
static size_t any_size(struct program *p)
{
	static const size_t most[] = {32, 64, 256, 1024, 8192};
	size_t dice = below(p, 1000);
	if (dice == 0)
		return 1 + test_random_size(&p->random, MiB - 1);
	if (dice < 10)
		return 1 + test_random_size(&p->random, 128 * KiB);
	if (dice < 60)
		return 1 + test_random_size(&p->random, 8 * KiB);
	if (p->mood == LARGE_BLOCKS)
		return p->bytes > MAX_BYTES ? 1 : 64 * KiB + below(p, 2 * MiB);
	return 1 + below(p, most[p->mood]);
}

/* The program has got a block and looks at it: with a shadow it copies out what is there, or
 * puts back what it saw, or writes something of its own. */
static void welcome(struct program *p, struct block *b)
{
	size_t usable = malloc_usable_size(b->start);
	CHECK(b->start != NULL && usable >= b->size);
	p->bytes += b->size;
	if (!writes_back) {
		b->sum = sum_of(b->start, b->size);
		return;
	}
	size_t dice = below(p, 8);
	if (dice == 0)
		test_fill(b->start, b->size, dice + p->random);
	for_parts(b->start, usable, dice < 4 ? save : put_back);
}

/* Claim: a block has the bytes that it had. */
static void check(const struct block *b)
{
	if (writes_back)
		CHECK(for_parts(b->start, malloc_usable_size(b->start), is_as_in_shadow));
	else
		CHECK(sum_of(b->start, b->size) == b->sum);
}

static void take(struct program *p, struct block *b)
{
	size_t dice = below(p, 16);
	b->size = any_size(p);
	if (dice == 0) {
		CHECK_EQ(posix_memalign((void **)&b->start, (size_t)8 << below(p, 10), b->size), 0);
	} else if (dice <= 3) {
		b->start = calloc(1, b->size);
		CHECK(b->start != NULL && test_is_zero(b->start, b->size));
	} else {
		b->start = malloc(b->size);
	}
	welcome(p, b);
}

static void release(struct program *p, struct block *b)
{
	check(b);
	p->bytes -= b->size;
	free(b->start);
	b->start = NULL;
}

/* Whoever takes the old place next may change its shadow, so the bytes are summed before. */
static void resize(struct program *p, struct block *b)
{
	size_t size = below(p, 4) == 0 ? any_size(p) : 1 + below(p, 2 * b->size);
	size_t kept = size < b->size ? size : b->size;
	check(b);
	p->bytes -= b->size;
	uint64_t sum = sum_of(b->start, kept);
	b->start = realloc(b->start, size);
	CHECK(b->start != NULL && sum_of(b->start, kept) == sum);
	b->size = size;
	welcome(p, b);
}

/* Puts a block into a box for whoever comes, and frees what was there. */
static void hand_over(struct program *p, struct block *b)
{
	struct block *parcel = malloc(sizeof(*parcel));
	CHECK(parcel != NULL);
	*parcel = *b;
	p->bytes -= b->size;
	b->start = NULL;
	parcel = atomic_exchange(&boxes[below(p, NR_BOXES)], parcel);
	if (parcel != NULL) {
		p->bytes += parcel->size;
		release(p, parcel);
		free(parcel);
	}
}

/* A part of the blocks goes, or all, and sizes change. */
static void change_mood(struct program *p)
{
	size_t share = below(p, 4); /* quarters that stay */
	for (size_t i = 0; i < MAX_LIVE; i++)
		if (p->live[i].start != NULL && below(p, 4) >= share)
			release(p, &p->live[i]);
	p->mood = (unsigned)below(p, NR_MOODS);
	if (below(p, 8) == 0)
		malloc_trim(0);
}

static void step(struct program *p, bool has_company)
{
	struct block *b = &p->live[below(p, MAX_LIVE)];
	size_t dice = below(p, 16);
	if (b->start == NULL)
		take(p, b);
	else if (dice == 0)
		resize(p, b);
	else if (dice < 4 && has_company)
		hand_over(p, b);
	else
		release(p, b);
}

/* --- runs ---------------------------------------------------------------------------------- */

static size_t nr_steps; /* of each thread */
static bool has_company;

static void *run_program(void *argument)
{
	struct program *p = argument;
	for (size_t i = 0, end = 0; i < nr_steps; i++) {
		if (i == end) {
			change_mood(p);
			end += p->mood == LARGE_BLOCKS ? STEPS_OF_A_MOOD / 80 : STEPS_OF_A_MOOD;
		}
		step(p, has_company);
	}
	for (size_t i = 0; i < MAX_LIVE; i++)
		if (p->live[i].start != NULL)
			release(p, &p->live[i]);
	return NULL;
}

static void empty_boxes(void)
{
	for (size_t i = 0; i < NR_BOXES; i++)
		if (boxes[i] != NULL) {
			programs[0].bytes += boxes[i]->size;
			release(&programs[0], boxes[i]);
			free(boxes[i]);
		}
}

static void run_all(size_t nr_threads)
{
	pthread_t threads[NR_THREADS];
	size_t total = test_pick(500000, 2000000, 100000000);
	double start = test_now();
	nr_steps = total / nr_threads;
	has_company = nr_threads > 1;
	slots = map_zeros(NR_SLOTS * sizeof(*slots));
	for (size_t i = 0; i < nr_threads; i++)
		programs[i].random = (test_seed() + i * 2 * 0x9e3779b9) | 1;
	for (size_t i = 1; i < nr_threads; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, run_program, &programs[i]), 0);
	run_program(&programs[0]);
	for (size_t i = 1; i < nr_threads; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	empty_boxes();
	test_note("%.0f operations a second\n", (double)total / (test_now() - start));
}

static void never_written(void) { run_all(1); }
static void never_written_by_threads(void) { run_all(NR_THREADS); }

static void written_back(void)
{
	writes_back = true;
	run_all(1);
}

static void written_back_by_threads(void)
{
	writes_back = true;
	run_all(NR_THREADS);
}

static const struct test_case cases[] = {
	{.name = "no block is written to", .run = never_written, .seconds = 7200},
	{.name = "no block is written to, by 4 threads", .run = never_written_by_threads, .seconds = 7200},
	{.name = "all bytes are put back", .run = written_back, .seconds = 7200},
	{.name = "all bytes are put back, by 4 threads", .run = written_back_by_threads, .seconds = 7200},
};

HARNESS_MAIN(cases)
