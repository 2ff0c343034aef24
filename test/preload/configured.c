/* SPDX-License-Identifier: MIT */
/* configured.c - a program that has settings of its own */
#include <seamalloc.h>
#include <stdlib.h>

const char *seamalloc_conf = "dirty_max=7M,shards=3";

int main(void)
{
	free(malloc(1000));
	return 0;
}
