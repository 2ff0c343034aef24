/* SPDX-License-Identifier: MIT */
/* realloc_wild.c ADDRESS */
#include "misuse.h"

int main(int argc, char **argv)
{
	return realloc(accused((void *)number(argv, argc - 1)), 100) == NULL;
}
