/* SPDX-License-Identifier: MIT */
/* address_space.c - goal 6: addresses and mappings of a process, with no limit set */
#include "goal.h"

#include <malloc.h>

enum { NR_BLOCKS = 20000 };

static char *blocks[NR_BLOCKS];

/* --- a small process ------------------------------------------------------------------------ */

/* Bytes of the mappings whose VmFlags in smaps contain `flag`. */
static size_t flagged_bytes(const char *flag)
{
	static char text[1 << 20];
	size_t length = 0, size = 0, sum = 0;
	int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
	for (ssize_t got; (got = read(fd, text + length, sizeof(text) - 1 - length)) > 0;)
		length += (size_t)got;
	close(fd);
	text[length] = '\0';
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		if (strncmp(line, "Size:", 5) == 0)
			size = strtoul(line + 5, NULL, 10) * KiB;
		else if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, flag) != NULL)
			sum += size;
	}
	return sum;
}

/* A kernel that never overcommits (vm.overcommit_memory=2) adds up the mappings that
 * it has to keep memory for: flag ac. */
static void small_process(void)
{
	for (size_t i = 0; i < 1000; i++)
		CHECK((blocks[i] = malloc(16 + i % 700)) != NULL);
	size_t space = test_status_bytes("VmSize"), committed = flagged_bytes(" ac");
	for (size_t i = 0; i < 1000; i++)
		free(blocks[i]);
	goal_at_most("6", "small process: address space", in_mib(space), 1024, "MiB");
	goal_report("6", "small process: what strict overcommit counts", in_mib(committed), NO_BOUND, "MiB");
}

/* --- mappings -------------------------------------------------------------------------------- */

static void few_mappings(void)
{
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		CHECK((blocks[i] = malloc(140 * KiB)) != NULL);
		blocks[i][0] = 1;
	}
	size_t most = test_nr_mappings();
	for (size_t i = 0; i < NR_BLOCKS; i += 2)
		free(blocks[i]);
	size_t after = test_nr_mappings();
	most = most > after ? most : after;
	goal_at_most("6", "20,000 blocks of 140 KiB, every second freed: mappings", (double)most, 199, "");
	if (test_engine() == FREELIST || test_engine() == WATERMARK)
		CHECK_AT_MOST(most, 200);
	for (size_t i = 1; i < NR_BLOCKS; i += 2)
		free(blocks[i]);
}

static const struct test_case cases[] = {
	{.name = "a small process: 1 GiB of address space", .run = small_process, .engines = SEAM | GLIBC},
	{.name = "20000 blocks of 140 KiB, every second freed: < 200 mappings", .run = few_mappings},
};

HARNESS_MAIN(cases)
