/* SPDX-License-Identifier: MIT */
/* free_literal.c - a string literal */
#include "misuse.h"

int main(void)
{
	free(accused("a string of the program"));
	return 0;
}
