/* SPDX-License-Identifier: MIT */
/* free_wild.c ADDRESS */
#include "misuse.h"

int main(int argc, char **argv)
{
	free(accused((void *)number(argv, argc - 1)));
	return 0;
}
