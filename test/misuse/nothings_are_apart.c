/* SPDX-License-Identifier: MIT */
/* nothings_are_apart.c - two blocks of no bytes: 1 if they are one */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	void *p = accused(malloc(0)), *q = malloc(0);
	return p == q || !p || !q;
}
