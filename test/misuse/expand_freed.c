/* SPDX-License-Identifier: MIT */
/* expand_freed.c SIZE */
#include "misuse.h"

#include <stdbool.h>

int main(int argc, char **argv)
{
	bool (*expand)(void *, size_t) = (bool (*)(void *, size_t))dlsym(RTLD_DEFAULT, "sea_expand");
	size_t size = number(argv, argc - 1);
	char *p = block(size);
	void *again = accused(p);
	if (expand == NULL)
		return 3;
	free(p);
	expand(again, size * 2);
	return 0;
}
