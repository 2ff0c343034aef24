/* SPDX-License-Identifier: MIT */
/* reuse_at_once.c SIZE - frees and allocates: 1 if the same address comes again within 8 */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	int nr_same = 0;
	for (int round = 0; round < 100; round++) {
		char *p = block(size);
		free(round ? (void *)p : accused(p));
		for (int i = 0; i < 8; i++)
			nr_same += block(size) == p;
	}
	return nr_same > 5;
}
