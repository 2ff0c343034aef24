/* SPDX-License-Identifier: MIT */
/* swing.c - live bytes swing between a part of MIB and all of it, in sizes that change
 *
 * Arguments: MIB, rounds.  Prints the KiB that were resident at most; ends with 3 where malloc
 * refuses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BLOCKS = 1 << 20, KEEP_ONE_OF = 4 };

static struct {
	void *block[MAX_BLOCKS];
	size_t size[MAX_BLOCKS];
	size_t nr, bytes;
} live;

static void fill(size_t bytes, size_t size)
{
	for (; live.bytes < bytes && live.nr < MAX_BLOCKS; live.nr++, live.bytes += size) {
		if ((live.block[live.nr] = malloc(size)) == NULL)
			exit(3);
		memset(live.block[live.nr], 1, size);
		live.size[live.nr] = size;
	}
}

/* Frees all but the youngest quarter: whole pages. */
static void shrink(void)
{
	size_t kept = 0, first_kept = live.nr - live.nr / KEEP_ONE_OF;
	for (size_t i = 0; i < live.nr; i++) {
		if (i >= first_kept) {
			live.size[kept] = live.size[i];
			live.block[kept++] = live.block[i];
			continue;
		}
		live.bytes -= live.size[i];
		free(live.block[i]);
	}
	live.nr = kept;
}

/* VmHWM; the tables are in it. */
static void print_peak(void)
{
	char line[256];
	FILE *status = fopen("/proc/self/status", "r");
	while (status != NULL && fgets(line, sizeof(line), status) != NULL)
		if (strncmp(line, "VmHWM:", 6) == 0)
			printf("%lu\n", strtoul(line + 6, NULL, 10));
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = {200, 5000, 70000, 300000, 1000};
	size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 32) << 20;
	for (int round = 0; round < (argc > 2 ? atoi(argv[2]) : 10); round++) {
		fill(bytes, sizes[round % 5]);
		shrink();
	}
	print_peak();
	return 0;
}
