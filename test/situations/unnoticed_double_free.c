/* SPDX-License-Identifier: MIT */
/* unnoticed_double_free.c - a double free in the middle of a teardown
 *
 * A block that waits to be sent back is freed a second time.  Either the process is ended
 * with our sentence, at the latest when it exits, or nobody gets the block while it is in use.
 */
#include "situation.h"

enum { NR_BLOCKS = 4000, NR_TAKEN = 300000 };

static char *blocks[NR_BLOCKS];
static size_t size, nr_between; /* of the blocks; frees between the two of one */

static bool overlaps(const char *a, const char *b)
{
	return a < b + size && b < a + size;
}

/* Exits with 1 if a block of `live` is handed out again. */
static void look_for(const char *const *live, size_t count)
{
	for (size_t i = 0; i < NR_TAKEN / (size / 16); i++) {
		const char *taken = malloc(size);
		for (size_t k = 0; k < count; k++)
			if (overlaps(taken, live[k]))
				_exit(1);
	}
}

/* The mistake: `p` is freed, one block is taken, and `p` is freed again. */
static void make_the_mistake(void)
{
	size_t next = 1000;
	for (size_t i = 0; i < NR_BLOCKS; i++)
		blocks[i] = malloc(size);
	for (size_t i = NR_BLOCKS - 1; i >= next; i--)
		free(blocks[i]);
	char *p = opaque(blocks[500]);
	free(p);
	const char *live[3] = {malloc(size)};
	for (size_t i = 0; i < nr_between; i++)
		free(blocks[--next]);
	if (live[0] == p)
		_exit(0); /* it was there to be taken: the second free is not a mistake */
	free(opaque(p));
	live[1] = malloc(size);
	live[2] = malloc(size);
	if (overlaps(live[0], live[1]) || overlaps(live[1], live[2]) || overlaps(live[0], live[2]))
		_exit(1);
	while (next > 600)
		free(blocks[--next]);
	look_for(live, 3);
	exit(0);
}

static void noticed_or_harmless(void)
{
	static const size_t sizes[] = {16, 64, 256, 512, 896, 2000, 20000};
	static const size_t distances[] = {0, 1, 2, 63, 64, 65, 300};
	for (size_t s = 0; s < 7; s++)
		for (size_t d = 0; d < 7; d++) {
			int status = 0;
			size = sizes[s];
			nr_between = distances[d];
			pid_t child = fork();
			if (child == 0)
				make_the_mistake();
			CHECK_EQ(waitpid(child, &status, 0), child);
			bool is_noticed = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
			if (!is_noticed && status != 0)
				test_fail(__FILE__, __LINE__, "%zu bytes, %zu frees between: %s", size, nr_between,
					  WIFEXITED(status) ? "a live block was handed out again" : "crashed");
		}
}

static const struct test_case cases[] = {
	{.name = "noticed, or no block has two owners", .run = noticed_or_harmless, .engines = SEAM, .seconds = 120},
};

HARNESS_MAIN(cases)
