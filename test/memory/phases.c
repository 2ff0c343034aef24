/* SPDX-License-Identifier: MIT */
/* phases.c - a heap of MIB that is filled, thinned out, filled with other sizes, and emptied
 *
 * Argument: MIB.  Prints a line for each phase: its name, and the KiB resident at its end.
 * With the second argument "sparse" there is one phase: blocks of 16 KiB, in each of which a byte
 * is written; with "behind" half of MIB is small blocks that are written to in full.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BLOCKS = 1 << 21 };

static struct {
	char *start;
	size_t size;
} blocks[MAX_BLOCKS];
static size_t nr_blocks, nr_bytes;
static uint64_t seed = 1;

static size_t below(size_t end)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(seed >> 33) % end;
}

static void fill(size_t bytes, size_t least, size_t most)
{
	while (nr_bytes < bytes && nr_blocks < MAX_BLOCKS) {
		size_t size = least + below(most - least + 1);
		if ((blocks[nr_blocks].start = malloc(size)) == NULL)
			exit(3);
		memset(blocks[nr_blocks].start, 1, size);
		blocks[nr_blocks++].size = size;
		nr_bytes += size;
	}
}

static void drop(size_t at)
{
	free(blocks[at].start);
	nr_bytes -= blocks[at].size;
	blocks[at] = blocks[--nr_blocks];
}

static void thin_out(size_t bytes)
{
	while (nr_bytes > bytes)
		drop(below(nr_blocks));
}

static void tell(const char *phase)
{
	char line[256];
	FILE *status = fopen("/proc/self/status", "r");
	while (status != NULL && fgets(line, sizeof(line), status) != NULL)
		if (strncmp(line, "VmRSS:", 6) == 0)
			printf("%s %lu\n", phase, strtoul(line + 6, NULL, 10));
	if (status != NULL)
		fclose(status);
}

static void fill_sparsely(size_t bytes)
{
	for (; nr_bytes < bytes; nr_bytes += 16384, nr_blocks++) {
		if ((blocks[nr_blocks].start = malloc(16384)) == NULL)
			exit(3);
		*blocks[nr_blocks].start = 1;
	}
}

int main(int argc, char **argv)
{
	size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 120) << 20;
	if (argc > 2) {
		if (strcmp(argv[2], "behind") == 0)
			fill(bytes / 2, 16, 500);
		fill_sparsely(bytes);
		tell(argv[2]);
		return 0;
	}
	fill(bytes / 8 * 3, 16, 500);
	tell("begun");
	fill(bytes, 16, 500);
	tell("full");
	thin_out(bytes / 2);
	tell("halved");
	fill(bytes, 1000, 20000);
	tell("refilled");
	thin_out(bytes / 8);
	tell("thinned");
	thin_out(0);
	tell("empty");
	fill(bytes / 2, 100, 3000);
	tell("again");
	return 0;
}
