/* SPDX-License-Identifier: MIT */
/* write_to_nothing.c - writes to a block of no bytes */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	volatile char *p = (volatile char *)accused(malloc(0));
	*p = 'x';
	_exit(0);
}
