/* SPDX-License-Identifier: MIT */
/* realloc_stack.c */
#include "misuse.h"

int main(void)
{
	_Alignas(16) char local[256] = {0};
	return realloc(accused(local + 64), 10000) == NULL;
}
