/* SPDX-License-Identifier: MIT */
/* secure.c - allocates, and tells whether the kernel asks it not to trust its environment */
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>

int main(void)
{
	free(malloc(1000));
	printf("%lu\n", getauxval(AT_SECURE));
	return 0;
}
