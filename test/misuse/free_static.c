/* SPDX-License-Identifier: MIT */
/* free_static.c - a static array */
#include "misuse.h"

static _Alignas(4096) char buffer[8192] = {1};

int main(int argc, char **argv)
{
	free(accused(buffer + number(argv, argc - 1)));
	return 0;
}
