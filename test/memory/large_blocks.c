/* SPDX-License-Identifier: MIT */
/* large_blocks.c - memory and mappings of aligned, sparse, resized and advised blocks */
#include "goal.h"

#include <malloc.h>
#include <sys/mman.h>

/* --- aligned blocks, half of which is replaced at a time ---------------------------------- */

static void replaced(size_t align, size_t size, size_t nr, const char *what)
{
	uint64_t seed = test_seed();
	char **blocks = calloc(nr, sizeof(*blocks));
	size_t before = test_rss();
	for (int round = 0; round < 8; round++) {
		for (size_t i = 0; i < nr; i++)
			if (test_random(&seed) & 1024) {
				free(blocks[i]);
				blocks[i] = NULL;
			}
		for (size_t i = 0; i < nr; i++)
			if (blocks[i] == NULL) {
				CHECK((blocks[i] = aligned_alloc(align, size)) != NULL);
				CHECK_EQ((uintptr_t)blocks[i] % align, 0);
				memset(blocks[i], 1, size);
			}
	}
	goal_at_most("1", what, (double)(test_rss() - before) / (double)(nr * size), 1.6, "");
	for (size_t i = 0; i < nr; i++)
		free(blocks[i]);
	free(blocks);
	malloc_trim(0); /* what goes later would be missing from the next */
}

static void aligned_blocks(void)
{
	replaced(64, 64, 100000, "64 bytes aligned to 64, resident by live");
	replaced(64, 192, 50000, "192 bytes aligned to 64, resident by live");
	replaced(128, 640, 20000, "640 bytes aligned to 128, resident by live");
	replaced(4096, 8192, 2000, "8 KiB aligned to 4 KiB, resident by live");
}

/* --- one byte in each ----------------------------------------------------------------------- */

static void sparse_blocks(void)
{
	enum { NR = 20000 };
	static char *blocks[NR];
	size_t before = test_rss();
	for (size_t i = 0; i < NR; i++) {
		CHECK((blocks[i] = malloc(132 * KiB)) != NULL);
		blocks[i][i % 2 * 70000] = 1;
	}
	goal_at_most("2", "132 KiB with one byte written, each", in_kib(test_rss() - before) / NR, 4.4, "KiB");
	for (size_t i = 0; i < NR; i++)
		free(blocks[i]);
}

/* --- blocks that change their size ----------------------------------------------------------- */

/* Each cut gives 20 MiB back that the next block wants: the watermark may rise to what was in use
 * at most, which is one block before its cut and those after, and a quarter of that. */
static void shrunk_blocks(void)
{
	enum { NR = 6, LIVE = 300000 };
	char *blocks[NR];
	size_t before = test_rss();
	for (size_t i = 0; i < NR; i++) {
		CHECK((blocks[i] = malloc(20 * MiB)) != NULL);
		memset(blocks[i], (int)i, 20 * MiB);
		CHECK((blocks[i] = realloc(blocks[i], LIVE)) != NULL);
		CHECK(blocks[i][0] == (char)i && blocks[i][LIVE - 1] == (char)i);
	}
	goal_at_most("2", "6 blocks of 20 MiB cut to 300 KB: resident", in_mib(test_rss() - before), 27, "MiB");
	for (size_t i = 0; i < NR; i++)
		free(blocks[i]);
}

static void resized_buffers(void)
{
	enum { NR = 40 };
	static char *buffers[NR];
	uint64_t seed = test_seed();
	for (size_t k = 0; k < test_pick(400, 1500, 10000); k++) {
		size_t i = test_random(&seed) % NR, size = 5 * MiB + test_random(&seed) % (26 * MiB);
		CHECK((buffers[i] = realloc(buffers[i], size)) != NULL);
		for (size_t at = 0; at < size; at += MiB)
			buffers[i][at] = 1;
	}
	goal_at_most("6", "40 buffers of 5 to 31 MB, resized at random: mappings", (double)test_nr_mappings(), 1000, "");
	for (size_t i = 0; i < NR; i++)
		free(buffers[i]);
}

/* --- large alignments ------------------------------------------------------------------------ */

static void aligned_like_huge_pages(void)
{
	enum { NR = 2000 };
	static char *blocks[NR];
	for (size_t i = 0; i < NR; i++) {
		CHECK(posix_memalign((void **)&blocks[i], 2 * MiB, 4096) == 0);
		CHECK_EQ((uintptr_t)blocks[i] % (2 * MiB), 0);
		blocks[i][0] = 1;
	}
	goal_at_most("6", "2,000 small blocks at 2 MiB: mappings", (double)test_nr_mappings(), 199, "");
	for (size_t i = 0; i < NR; i++)
		free(blocks[i]);
}

/* --- requests that cannot be served ---------------------------------------------------------- */

static void huge_requests(void)
{
	free(malloc(100));
	size_t before = test_rss();
	double slowest = 0;
	for (unsigned shift = 40; shift < 63; shift++) {
		double began = test_cpu_now();
		free(malloc((size_t)1 << shift));
		slowest = slowest > test_cpu_now() - began ? slowest : test_cpu_now() - began;
	}
	goal_at_most("4", "a request of 1 TiB or more, CPU time", slowest * 1000, 10, "ms");
	goal_at_most("2", "what is kept of it", in_mib(test_rss() - before), 1, "MiB");
}

/* --- advice ---------------------------------------------------------------------------------- */

/* Bytes of mappings for which huge pages are wanted. */
static size_t advised_bytes(void)
{
	char line[512];
	size_t size = 0, sum = 0;
	FILE *file = fopen("/proc/self/smaps", "r");
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "Size:", 5) == 0)
			size = strtoul(line + 5, NULL, 10) * KiB;
		else if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " hg") != NULL)
			sum += size;
	}
	fclose(file);
	return sum;
}

static void advice_ends_with_the_block(void)
{
	char *blocks[8];
	for (size_t i = 0; i < 8; i++) {
		CHECK((blocks[i] = aligned_alloc(4096, 8 * MiB)) != NULL);
		if (madvise(blocks[i], 8 * MiB, MADV_HUGEPAGE))
			test_skip("this kernel has no huge pages");
		memset(blocks[i], 1, 8 * MiB);
	}
	CHECK(advised_bytes() >= 64 * MiB);
	for (size_t i = 0; i < 8; i++)
		free(blocks[i]);
	malloc_trim(0);
	goal_at_most("3", "advice that outlives its block", in_mib(advised_bytes()), 4, "MiB");
}

/* --- neighbours ------------------------------------------------------------------------------ */

/* The mapping in front of a block of its own, and the one behind it, cannot be read. */
static void guards_around_a_block(void)
{
	char line[512], access[8], before = '-';
	unsigned long from, to, end = 0, at = (unsigned long)malloc(100 * MiB);
	bool is_behind = false;
	FILE *file = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof(line), file) != NULL && sscanf(line, "%lx-%lx %7s", &from, &to, access) == 3) {
		if (is_behind)
			CHECK(from > end || access[0] == '-');
		is_behind = from <= at && at < to;
		if (is_behind)
			CHECK(from == at && (from > end || before == '-'));
		before = access[0];
		end = to;
	}
	fclose(file);
	free((void *)at);
}

static const struct test_case cases[] = {
	{.name = "aligned blocks, half replaced: at most 1.6 times what is live", .run = aligned_blocks, .engines = SEAM},
	{.name = "132 KiB with one byte written: 4.4 KiB", .run = sparse_blocks, .engines = SEAM},
	{.name = "what realloc cuts off goes back", .run = shrunk_blocks, .engines = SEAM},
	{.name = "buffers that are resized: few mappings", .run = resized_buffers, .engines = SEAM},
	{.name = "small blocks at 2 MiB: few mappings", .run = aligned_like_huge_pages, .engines = SEAM},
	{.name = "requests that cannot be served: at once, and nothing kept", .run = huge_requests, .engines = SEAM},
	{.name = "advice does not outlive its block", .run = advice_ends_with_the_block, .engines = SEAM},
	{.name = "a guard in front of a block of its own, and behind it", .run = guards_around_a_block, .engines = SEAM},
};

HARNESS_MAIN(cases)
