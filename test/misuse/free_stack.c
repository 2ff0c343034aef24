/* SPDX-License-Identifier: MIT */
/* free_stack.c - an array on the stack */
#include "misuse.h"

int main(void)
{
	_Alignas(16) char local[256] = {0};
	free(accused(local + 64));
	return local[0];
}
