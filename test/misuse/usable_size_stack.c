/* SPDX-License-Identifier: MIT */
/* usable_size_stack.c */
#include "misuse.h"

int main(void)
{
	_Alignas(16) char local[256] = {0};
	return malloc_usable_size(accused(local + 64)) == 1;
}
