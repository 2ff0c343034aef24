/* SPDX-License-Identifier: MIT */
/* read_uninitialised.c SIZE - reads blocks that were never written to: 1 if there are old
 * bytes
 */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	for (int i = 0; i < 1000; i++) {
		char *p = (char *)(i ? malloc(size) : accused(malloc(size)));
		for (size_t at = 0; at < size; at++)
			if (p[at] != 0)
				_exit(1);
		memset(p, 's', size);
		free(p);
	}
	return 0;
}
