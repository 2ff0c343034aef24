/* SPDX-License-Identifier: MIT */
/* free_mapping_closed.c - a mapping without access */
#include "misuse.h"

#include <sys/mman.h>

int main(void)
{
	char *p = (char *)mmap(NULL, 1 << 16, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return 3;
	free(accused(p + 4096));
	return 0;
}
