/* SPDX-License-Identifier: MIT */
/* expand_interior.c SIZE OFFSET */
#include "misuse.h"

#include <stdbool.h>

int main(int argc, char **argv)
{
	bool (*expand)(void *, size_t) = (bool (*)(void *, size_t))dlsym(RTLD_DEFAULT, "sea_expand");
	char *p = block(number(argv, argc - 2));
	if (expand == NULL)
		return 3;
	expand(accused(p + number(argv, argc - 1)), 10000);
	return 0;
}
