/* SPDX-License-Identifier: MIT */
/* free_code.c - a function */
#include "misuse.h"

int main(void)
{
	free(accused((const void *)(uintptr_t)main));
	return 0;
}
