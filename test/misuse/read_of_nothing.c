/* SPDX-License-Identifier: MIT */
/* read_of_nothing.c - reads a block of no bytes */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	volatile char *p = (volatile char *)accused(malloc(0));
	return *p == 'x';
}
