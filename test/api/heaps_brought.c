/* SPDX-License-Identifier: MIT */
/* heaps_brought.c - heaps in memory that the program brings: buffers, files, ranges that are
 * taken */
#include "../blocks.h"
#include "../harness.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seamalloc_region.h"

#define CALL(name) ((__typeof__(&name))test_symbol(#name))

static sea_heap *create_in(void *base, size_t length) { return CALL(sea_heap_create_in)(base, length, NULL); }
static sea_heap *open_in(void *base, size_t length) { return CALL(sea_heap_open_in)(base, length, NULL); }
static void *take(sea_heap *heap, size_t size) { return CALL(sea_heap_malloc)(heap, size); }

static struct sea_heap_statistics stats_of(sea_heap *heap)
{
	struct sea_heap_statistics stats;
	CALL(sea_heap_stats)(heap, &stats);
	return stats;
}

/* --- buffers --------------------------------------------------------------------------- */

static size_t fill_up(sea_heap *heap, size_t size)
{
	size_t bytes = 0;
	void *block;
	while ((block = take(heap, size))) {
		test_fill(block, size, size);
		bytes += size;
	}
	CHECK_EQ(errno, ENOMEM);
	return bytes;
}

/* 64 KiB have to give 85 % at least. */
static void a_small_one_is_usable(void)
{
	static char memory[64 * KiB + 64];
	for (size_t skew = 0; skew < 33; skew += 3) {
		for (size_t size = 16; size <= 4096; size *= 4) {
			sea_heap *heap = create_in(memory + skew, 64 * KiB);
			CHECK(heap);
			size_t usable = fill_up(heap, size);
			CHECK(usable * 100 >= 85 * 64 * KiB);
			CHECK_EQ(CALL(sea_heap_check)(heap), 0);
			CALL(sea_heap_destroy)(heap);
		}
	}
}

static void one_large_block(void)
{
	static char memory[64 * KiB];
	sea_heap *heap = create_in(memory, sizeof(memory));
	void *block = take(heap, 63000);
	CHECK(block);
	memset(block, 1, 63000);
	CHECK(!take(heap, 2000));
	free(block);
	CHECK(take(heap, 63000));
}

static void nothing_outside_is_touched(void)
{
	static char memory[80 * KiB];
	uint64_t seed = test_seed();
	for (size_t skew = 4096; skew < 4096 + 40; skew++) {
		memset(memory, 0x5a, sizeof(memory));
		sea_heap *heap = create_in(memory + skew, 60001);
		while (take(heap, test_random_size(&seed, 3000)))
			;
		fill_up(heap, 1);
		CALL(sea_heap_destroy)(heap);
		for (size_t i = 0; i < sizeof(memory); i++)
			CHECK((i >= skew && i < skew + 60001) || memory[i] == 0x5a);
	}
}

static void check_heap(sea_heap *heap)
{
	size_t bytes = 0;
	for (size_t i = 0; i < nr_blocks; i++) {
		check_block(i);
		bytes += malloc_usable_size(blocks[i].start);
	}
	CHECK_EQ(stats_of(heap).live, bytes);
	CHECK_EQ(stats_of(heap).nr_live, nr_blocks);
	CHECK_EQ(CALL(sea_heap_check)(heap), 0);
}

static void step(sea_heap *heap, uint64_t *seed, size_t most)
{
	size_t size = test_random_size(seed, most), i = nr_blocks ? test_random(seed) % nr_blocks : 0;
	uint64_t key = test_random(seed);
	unsigned what = test_random(seed) % 6;
	size_t align = what == 1 ? (size_t)16 << test_random(seed) % 10 : 16;
	void *start;
	if (nr_blocks == MAX_BLOCKS || (nr_blocks && what >= 4)) {
		check_block(i);
		what == 4 ? free(blocks[i].start) : CALL(sea_heap_free)(heap, blocks[i].start);
		forget_block(i);
	} else if (what == 3 && nr_blocks) {
		struct block old = blocks[i];
		if (!(start = realloc(old.start, size + 1)))
			return;
		CHECK(test_is_filled(start, old.size < size ? old.size : size, old.key));
		forget_block(i);
		keep_block(start, size + 1, key);
	} else if ((start = CALL(sea_heap_aligned_alloc)(heap, align, size))) {
		CHECK_EQ((uintptr_t)start % align, 0);
		keep_block(start, size, key);
	}
}

static void model_in(size_t length, size_t most, size_t nr_steps)
{
	char *memory = malloc(length + 64);
	uint64_t seed = test_seed();
	sea_heap *heap = create_in(memory + 8, length);
	for (size_t i = 0; i < nr_steps; i++) {
		step(heap, &seed, most);
		if (i % (nr_steps / 20) == 0)
			check_heap(heap);
	}
	check_heap(heap);
	CALL(sea_heap_reset)(heap);
	nr_blocks = 0;
	check_heap(heap);
	CHECK(take(heap, length * 9 / 10));
	CALL(sea_heap_destroy)(heap);
	free(memory);
}

static void model_small(void) { model_in(100000, 3000, test_pick(20000, 60000, 2000000)); }
static void model_large(void) { model_in(40 * MiB, 300000, test_pick(20000, 60000, 2000000)); }

static void errors(void)
{
	static char memory[MiB];
	struct sea_heap_range range = {memory + 100, 0, "empty"};
	struct sea_heap_options options = {.occupied = &range, .nr_occupied = 1};
	errno = 0;
	CHECK(!create_in(memory, 4095) && errno == EINVAL);
	errno = 0;
	CHECK(!create_in(NULL, MiB) && errno == EINVAL);
	errno = 0;
	CHECK(!CALL(sea_heap_create_in)(memory, MiB, &options) && errno == EINVAL);
	range = (struct sea_heap_range){(char *)opaque(memory) - 100, 200, "outside"};
	CHECK(!CALL(sea_heap_create_in)(memory, MiB, &options));
	range = (struct sea_heap_range){memory + MiB - 100, 200, "outside"};
	CHECK(!CALL(sea_heap_create_in)(memory, MiB, &options));
	errno = 0;
	CHECK(!open_in(memory, MiB) && errno == EINVAL);
	errno = 0;
	CHECK(!create_in(memory, opaque_size(SIZE_MAX)) && errno == EINVAL);
	errno = 0;
	CHECK(!create_in(memory, opaque_size(64 * GiB)) && errno == EINVAL);
	CHECK(!open_in(memory, opaque_size(SIZE_MAX)));
	sea_heap *heap = CALL(sea_heap_create)("no plot", NULL);
	errno = 0;
	CHECK(CALL(sea_heap_close)(heap) == -1 && errno == EINVAL);
	errno = 0;
	CHECK(CALL(sea_heap_set_root)(heap, NULL) == -1 && errno == EINVAL);
	CHECK(!CALL(sea_heap_root)(heap));
	errno = 0;
	CHECK(CALL(sea_region_reserve)(heap, memory, 100, "x") == -1 && errno == EINVAL);
}

/* While a heap is open, its memory cannot become that of another, whole or in part. */
static void one_heap_at_a_place(void)
{
	static char memory[MiB];
	sea_heap *heap = create_in(memory + 5000, 500000);
	char *block = take(heap, 100000);
	errno = 0;
	CHECK(!open_in(memory + 5000, 500000) && errno == EBUSY);
	errno = 0;
	CHECK(!create_in(memory, MiB) && errno == EBUSY);
	errno = 0;
	CHECK(!create_in(memory + 5000, 5000) && errno == EBUSY);
	sea_heap *inside = create_in(block, 100000);
	CHECK(inside && CALL(sea_heap_of)(take(inside, 10)) == inside);
	CALL(sea_heap_destroy)(inside);
	CHECK_EQ(CALL(sea_heap_close)(heap), 0);
	CHECK((heap = open_in(memory + 5000, 500000)));
	CALL(sea_heap_destroy)(heap);
	CHECK(create_in(memory, MiB));
}

static void use_nested(sea_heap *inside)
{
	char *block = take(inside, 100);
	test_fill(block, 100, 1);
	CHECK(CALL(sea_heap_of)(block) == inside);
	CHECK(malloc_usable_size(block) >= 100);
	block = realloc(block, 1000);
	CHECK(block && test_is_filled(block, 100, 1) && CALL(sea_heap_of)(block) == inside);
	free(block);
	CHECK_EQ(stats_of(inside).nr_live, 0);
	CHECK_EQ(CALL(sea_heap_check)(inside), 0);
	CALL(sea_heap_destroy)(inside);
}

/* The memory is a block of malloc or of another heap: plain calls find the inner one. */
static void memory_of_a_heap(void)
{
	for (size_t size = 6000; size < 10 * MiB; size *= 3) {
		char *memory = malloc(size);
		use_nested(create_in(memory, size));
		free(memory);
		sea_heap *outer = CALL(sea_heap_create)("outer", NULL);
		memory = take(outer, size);
		use_nested(create_in(memory, size));
		free(memory);
		CALL(sea_heap_destroy)(outer);
	}
}

/* Blocks that are there already count: a quota below that is refused, and nothing is lost. */
static void quota_when_opened(void)
{
	static char memory[MiB];
	sea_heap *heap = create_in(memory, MiB);
	for (int i = 0; i < 100; i++)
		CHECK(take(heap, 1000));
	size_t live = stats_of(heap).live;
	CHECK_EQ(CALL(sea_heap_close)(heap), 0);
	struct sea_heap_options options = {.quota = live - 1};
	errno = 0;
	CHECK(!CALL(sea_heap_open_in)(memory, MiB, &options) && errno == ENOMEM);
	options.quota = live + 16;
	CHECK((heap = CALL(sea_heap_open_in)(memory, MiB, &options)));
	CHECK(take(heap, 16) && !take(heap, 16));
	CHECK_EQ(CALL(sea_heap_check)(heap), 0);
}

/* --- ranges that are taken ------------------------------------------------------------------ */

struct seen {
	char *last;
	size_t nr, length[3];
	const char *wanted;
	bool found;
};

static int look(const struct sea_range *range, void *context)
{
	struct seen *seen = context;
	CHECK((char *)range->base >= seen->last);
	CHECK(range->length > 0);
	seen->last = (char *)range->base + range->length;
	seen->nr++;
	seen->length[range->kind] += range->length;
	seen->found |= seen->wanted && !strcmp(seen->wanted, range->label);
	return 0;
}

static struct seen seen_in(sea_heap *heap, const char *wanted)
{
	struct seen seen = {.wanted = wanted};
	CHECK_EQ(CALL(sea_region_iterate)(heap, look, &seen), 0);
	return seen;
}

/* All access is taken away from the occupied pages; then everything is done to the heap. */
static void occupied_pages_are_never_touched(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), length = 512 * page;
	char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sea_heap_range taken[3] = {
		{memory, 3 * page, "firmware"}, {memory + 100 * page, page, "device"}, {memory + 300 * page, 50 * page, "screen"}};
	struct sea_heap_options options = {.occupied = taken, .nr_occupied = 3, .name = "beside"};
	uint64_t seed = test_seed();
	CHECK(memory != MAP_FAILED);
	for (size_t i = 0; i < 3; i++)
		CHECK_EQ(mprotect(taken[i].base, taken[i].length, PROT_NONE), 0);
	sea_heap *heap = CALL(sea_heap_create_in)(memory, length, &options);
	CHECK(heap);
	for (size_t i = 0; i < 20000; i++)
		step(heap, &seed, 20000);
	check_heap(heap);
	struct seen seen = seen_in(heap, "screen");
	CHECK(seen.found);
	CHECK(seen.length[SEA_RANGE_OCCUPIED] >= 54 * page && seen.length[SEA_RANGE_OCCUPIED] < 66 * page);
	CHECK_EQ(seen.length[0] + seen.length[1] + seen.length[2], length);
	CALL(sea_heap_reset)(heap);
	nr_blocks = 0;
	size_t usable = fill_up(heap, 4000);
	CHECK(usable >= (length - 66 * page) * 9 / 10);
	CALL(sea_heap_destroy)(heap);
	taken[1].base = memory + page;
	CHECK(!CALL(sea_heap_create_in)(memory, length, &options)); /* two of them overlap */
}

static void reserve_and_release(void)
{
	static char memory[256 * KiB] __attribute__((aligned(4096)));
	sea_heap *heap = create_in(memory, sizeof(memory));
	char *block = take(heap, 1000);
	errno = 0;
	CHECK(CALL(sea_region_reserve)(heap, block + 500, 16, "mine") == -1 && errno == EBUSY);
	errno = 0;
	CHECK(CALL(sea_region_reserve)(heap, memory + sizeof(memory) - 10, 11, "outside") == -1 && errno == EINVAL);
	CHECK_EQ(CALL(sea_region_reserve)(heap, memory + 128 * KiB, 64 * KiB, "a window"), 0);
	errno = 0;
	CHECK(CALL(sea_region_reserve)(heap, memory + 130 * KiB, 100, "again") == -1 && errno == EBUSY);
	struct seen seen = seen_in(heap, "a window");
	CHECK(seen.found && seen.length[SEA_RANGE_RESERVED] == 64 * KiB);
	memset(memory + 128 * KiB, 0x77, 64 * KiB);
	fill_up(heap, 100);
	CALL(sea_heap_reset)(heap);
	fill_up(heap, 16);
	for (size_t i = 128 * KiB; i < 192 * KiB; i++)
		CHECK(memory[i] == 0x77);
	CALL(sea_heap_reset)(heap);
	CHECK_EQ(CALL(sea_region_release)(heap, memory + 128 * KiB), 0);
	errno = 0;
	CHECK(CALL(sea_region_release)(heap, memory + 128 * KiB) == -1 && errno == EINVAL);
	CHECK(CALL(sea_region_release)(heap, memory) == -1); /* the metadata */
	CHECK(take(heap, 200 * KiB));
	size_t nr = 0;
	CALL(sea_heap_reset)(heap);
	while (CALL(sea_region_reserve)(heap, memory + 16 * KiB + nr * 64, 32, "many") == 0)
		nr++;
	CHECK(nr == 15 && errno == ENOSPC);
	CHECK_EQ(CALL(sea_heap_check)(heap), 0);
}

static void the_process_has_a_map(void)
{
	sea_heap *heap = CALL(sea_heap_create)("zones", NULL);
	CHECK(take(heap, 100) && take(heap, MiB));
	CHECK(seen_in(NULL, "pages").found && seen_in(NULL, "seamalloc").found);
	struct seen seen = seen_in(heap, "zones");
	CHECK(seen.found && seen.nr == 2);
	CHECK_EQ(seen.length[SEA_RANGE_AVAILABLE], MiB);
	CHECK_EQ(seen.length[SEA_RANGE_OCCUPIED], MiB);
}

/* --- files ----------------------------------------------------------------------------------- */

#define FILE_SIZE (4 * MiB)

static char *map_file(const char *path, bool fresh)
{
	int file = open(path, O_RDWR | (fresh ? O_CREAT | O_TRUNC : 0), 0600);
	CHECK(file >= 0 && (!fresh || ftruncate(file, FILE_SIZE) == 0));
	char *memory = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	CHECK(memory != MAP_FAILED);
	close(file);
	return memory;
}

static const char *new_path(char path[64])
{
	snprintf(path, 64, "/tmp/seamalloc-heap-%d", (int)getpid());
	return path;
}

/* A list: each block has the offset of the next. */
struct link {
	size_t next, size;
	uint64_t key;
};

static void prepend(sea_heap *heap, char *memory, size_t size, uint64_t key)
{
	struct link *link = take(heap, sizeof(*link) + size), *first = CALL(sea_heap_root)(heap);
	CHECK(link);
	*link = (struct link){first ? (size_t)((char *)first - memory) : 0, size, key};
	test_fill(link + 1, size, key);
	CHECK_EQ(CALL(sea_heap_set_root)(heap, link), 0);
}

static size_t check_list(sea_heap *heap, char *memory)
{
	size_t nr = 0;
	for (struct link *link = CALL(sea_heap_root)(heap); link; nr++) {
		CHECK(CALL(sea_heap_usable_size)(heap, link) >= sizeof(*link) + link->size);
		CHECK(test_is_filled(link + 1, link->size, link->key));
		link = link->next ? (struct link *)(memory + link->next) : NULL;
	}
	return nr;
}

static void a_file_is_there_again(void)
{
	char path[64];
	char *memory = map_file(new_path(path), true);
	sea_heap *heap = create_in(memory, FILE_SIZE);
	uint64_t seed = test_seed();
	for (size_t i = 0; i < 500; i++) {
		void *hole = take(heap, 700);
		prepend(heap, memory, test_random_size(&seed, 3000), i);
		free(hole);
	}
	struct sea_heap_statistics before = stats_of(heap);
	CHECK_EQ(CALL(sea_region_reserve)(heap, memory + 3 * MiB, 4096, "kept"), 0);
	CHECK_EQ(CALL(sea_heap_close)(heap), 0);
	munmap(memory, FILE_SIZE);
	for (int round = 0; round < 3; round++) {
		char *elsewhere = mmap(NULL, (size_t)(round + 1) * MiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(elsewhere != MAP_FAILED);
		memory = map_file(path, false);
		heap = open_in(memory, FILE_SIZE);
		CHECK(heap);
		CHECK_EQ(check_list(heap, memory), 500 + (size_t)round);
		CHECK_EQ(stats_of(heap).nr_live, before.nr_live + (size_t)round);
		CHECK(seen_in(heap, "kept").found);
		CHECK_EQ(CALL(sea_heap_check)(heap), 0);
		prepend(heap, memory, 100, 1);
		CHECK_EQ(CALL(sea_heap_close)(heap), 0);
		munmap(memory, FILE_SIZE);
	}
	unlink(path);
}

/* A process is killed anywhere; the next one finds the list whole and the heap sound. */
static void a_killed_process_leaves_it_sound(void)
{
	char path[64];
	char *memory = map_file(new_path(path), true);
	CHECK_EQ(CALL(sea_heap_close)(create_in(memory, FILE_SIZE)), 0);
	for (size_t round = 0; round < test_pick(60, 300, 5000); round++) {
		pid_t child = fork();
		if (!child) {
			sea_heap *heap = open_in(memory, FILE_SIZE);
			uint64_t seed = round + 1;
			memset(blocks, 0, sizeof(blocks));
			nr_blocks = 0;
			prepend(heap, memory, 100, round);
			for (;;)
				step(heap, &seed, 3000);
		}
		usleep(1000 + (useconds_t)(round * 7919 % 3000));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		sea_heap *heap = open_in(memory, FILE_SIZE);
		CHECK(heap);
		CHECK_EQ(CALL(sea_heap_check)(heap), 0);
		check_list(heap, memory);
		if (stats_of(heap).live > FILE_SIZE / 2)
			CALL(sea_heap_reset)(heap); /* what the killed processes had */
		CHECK_EQ(CALL(sea_heap_close)(heap), 0);
	}
	unlink(path);
}

/* Resets without end.  Most of the time of a reset is that of clearing the maps. */
static void reset_until_killed(sea_heap *heap)
{
	for (;;)
		CALL(sea_heap_reset)(heap);
}

/* A process that is killed in a reset leaves a heap with its reservation, and with no blocks or
 * all. */
static void killed_in_a_reset(void)
{
	size_t length = 512 * MiB;
	char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(memory != MAP_FAILED);
	sea_heap *heap = create_in(memory, length);
	CHECK_EQ(CALL(sea_region_reserve)(heap, memory + 400 * MiB, 5000, "kept"), 0);
	CHECK_EQ(CALL(sea_heap_close)(heap), 0);
	for (size_t i = 0; i < test_pick(10, 30, 1000); i++) {
		pid_t child = fork();
		if (child == 0)
			reset_until_killed(open_in(memory, length));
		usleep(30000 + 700 * (unsigned)i);
		kill(child, SIGKILL);
		CHECK(waitpid(child, NULL, 0) == child);
		CHECK((heap = open_in(memory, length)));
		CHECK_EQ(CALL(sea_heap_check)(heap), 0);
		CHECK_EQ(stats_of(heap).nr_live, 0);
		errno = 0;
		CHECK(CALL(sea_region_reserve)(heap, memory + 400 * MiB, 100, "again") == -1 && errno == EBUSY);
		CHECK_EQ(CALL(sea_heap_close)(heap), 0);
	}
	munmap(memory, length);
}

/* Whatever a file holds, opening it is an error or gives a heap that is sound. */
static void damage_is_found(void)
{
	char *memory = malloc(200 * KiB), *copy = malloc(200 * KiB);
	uint64_t seed = test_seed();
	sea_heap *heap = create_in(memory, 200 * KiB);
	for (size_t i = 0; i < 300; i++)
		step(heap, &seed, 1000);
	CHECK_EQ(CALL(sea_heap_close)(heap), 0);
	size_t nr_refused = 0, nr_opened = 0;
	for (size_t i = 0; i < test_pick(2000, 20000, 1000000); i++) {
		memcpy(copy, memory, 200 * KiB);
		for (size_t n = 1 + test_random(&seed) % 4; n > 0; n--)
			copy[test_random(&seed) % (8 * KiB)] ^= (char)(1 << test_random(&seed) % 8);
		errno = 0;
		if (!(heap = open_in(copy, 200 * KiB))) {
			CHECK(errno == EBADMSG || errno == EINVAL);
			nr_refused++;
			continue;
		}
		nr_opened++; /* the bits were in a block or in a hint */
		CHECK_EQ(CALL(sea_heap_check)(heap), 0);
		fill_up(heap, 1000);
		CALL(sea_heap_destroy)(heap);
	}
	CHECK(nr_refused > nr_opened / 10);
}

/* The same for a heap that was not closed: its maps have no sum. */
static void broken_maps_are_repaired(void)
{
	char *memory = malloc(200 * KiB), *copy = malloc(200 * KiB);
	uint64_t seed = test_seed();
	sea_heap *heap = create_in(memory, 200 * KiB);
	for (size_t i = 0; i < 300; i++)
		step(heap, &seed, 1000);
	for (size_t i = 0; i < test_pick(1000, 10000, 500000); i++) {
		memcpy(copy, memory, 200 * KiB);
		for (size_t n = test_random(&seed) % 300; n > 0; n--)
			copy[128 + test_random(&seed) % (6 * KiB)] ^= (char)(1 << test_random(&seed) % 8);
		sea_heap *again = open_in(copy, 200 * KiB);
		if (!again)
			continue;
		CHECK_EQ(CALL(sea_heap_check)(again), 0);
		fill_up(again, 100);
		CHECK_EQ(CALL(sea_heap_check)(again), 0);
		CALL(sea_heap_destroy)(again);
	}
}

/* Heaps end in another order than they began, and each address leads to its own until then. */
static void several_end_in_any_order(void)
{
	static char memory[4][64 * KiB];
	static const unsigned order[] = {1, 0, 3, 2};
	sea_heap *heaps[4];
	void *blocks[4];
	for (unsigned i = 0; i < 4; i++) {
		CHECK((heaps[i] = create_in(memory[i], sizeof(memory[i]))));
		CHECK((blocks[i] = take(heaps[i], 500)));
	}
	for (unsigned i = 0; i < 4; i++) {
		CALL(sea_heap_destroy)(heaps[order[i]]);
		for (unsigned k = i + 1; k < 4; k++) {
			CHECK(CALL(sea_heap_of)(blocks[order[k]]) == heaps[order[k]]);
			CHECK((blocks[order[k]] = realloc(blocks[order[k]], 600 + i)));
		}
		CHECK(!CALL(sea_heap_of)(memory[order[i]] + 32 * KiB));
	}
}

/* --- walks ------------------------------------------------------------------------------ */

struct walk {
	sea_heap *heap;
	char *last;
	size_t nr, bytes, nr_freed;
};

/* Counts, and frees every third block while the walk goes on. */
static int count_and_free(void *block, size_t usable, void *context)
{
	struct walk *walk = context;
	CHECK((char *)block > walk->last);
	CHECK_EQ(malloc_usable_size(block), usable);
	walk->last = block;
	walk->bytes += usable;
	if (walk->nr++ % 3 == 0) {
		CALL(sea_heap_free)(walk->heap, block);
		walk->nr_freed++;
	}
	return 0;
}

static int stop_at_tenth(void *block, size_t usable, void *context)
{
	CHECK(block && usable);
	return ++*(int *)context == 10 ? 77 : 0;
}

/* A walk visits each live block once, in address order, also if blocks are freed meanwhile. */
static void walks_visit_every_block(void)
{
	static char memory[1 * MiB];
	uint64_t seed = test_seed();
	sea_heap *heap = create_in(memory + 8, sizeof(memory) - 8);
	void *blocks[1000];
	size_t nr = 0;
	int calls = 0;
	while (nr < 1000 && (blocks[nr] = take(heap, test_random_size(&seed, 1500))))
		nr++;
	for (size_t i = 0; i < nr; i += 4)
		CALL(sea_heap_free)(heap, blocks[i]);
	struct sea_heap_statistics stats = stats_of(heap);
	struct walk walk = {.heap = heap};
	CHECK_EQ(CALL(sea_heap_walk)(heap, count_and_free, &walk), 0);
	CHECK(walk.nr == stats.nr_live && walk.nr == nr - (nr + 3) / 4 && walk.bytes == stats.live);
	CHECK_EQ(stats_of(heap).nr_live, walk.nr - walk.nr_freed);
	CHECK_EQ(CALL(sea_heap_walk)(heap, stop_at_tenth, &calls), 77);
	CHECK_EQ(calls, 10);
	CHECK_EQ(CALL(sea_heap_check)(heap), 0);
	CALL(sea_heap_reset)(heap);
	CHECK_EQ(CALL(sea_heap_walk)(heap, stop_at_tenth, &calls), 0);
	CHECK_EQ(calls, 10);
}

static const struct test_case cases[] = {
	{"a small one is usable", a_small_one_is_usable, SEAM, 0, 0, NULL},
	{"one large block", one_large_block, SEAM, 0, 0, NULL},
	{"nothing outside is touched", nothing_outside_is_touched, SEAM, 0, 0, NULL},
	{"model small", model_small, SEAM, 60, 0, NULL},
	{"model large", model_large, SEAM, 60, 0, NULL},
	{"several end in any order", several_end_in_any_order, SEAM, 0, 0, NULL},
	{"walks visit every block", walks_visit_every_block, SEAM, 0, 0, NULL},
	{"errors", errors, SEAM, 0, 0, NULL},
	{"one heap at a place", one_heap_at_a_place, SEAM, 0, 0, NULL},
	{"memory of a heap", memory_of_a_heap, SEAM, 0, 0, NULL},
	{"quota when opened", quota_when_opened, SEAM, 0, 0, NULL},
	{"occupied pages are never touched", occupied_pages_are_never_touched, SEAM, 0, 0, NULL},
	{"reserve and release", reserve_and_release, SEAM, 0, 0, NULL},
	{"the process has a map", the_process_has_a_map, SEAM, 0, 0, NULL},
	{"a file is there again", a_file_is_there_again, SEAM, 0, 0, NULL},
	{"a killed process leaves it sound", a_killed_process_leaves_it_sound, SEAM, 60, 0, NULL},
	{"killed in a reset", killed_in_a_reset, SEAM, 60, 0, NULL},
	{"damage is found", damage_is_found, SEAM, 60, 0, NULL},
	{"broken maps are repaired", broken_maps_are_repaired, SEAM, 60, 0, NULL},
};

HARNESS_MAIN(cases)
