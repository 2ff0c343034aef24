/* SPDX-License-Identifier: MIT */
/* expand_stack.c */
#include "misuse.h"

#include <stdbool.h>

int main(void)
{
	bool (*expand)(void *, size_t) = (bool (*)(void *, size_t))dlsym(RTLD_DEFAULT, "sea_expand");
	_Alignas(16) char local[256] = {0};
	if (expand == NULL)
		return 3;
	expand(accused(local + 64), 10000);
	return 0;
}
