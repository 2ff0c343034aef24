/* SPDX-License-Identifier: MIT */
/* overflow_never_freed.c SIZE - one byte behind a block that is never freed, seen when the
 * process exits
 */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *q = (char *)accused(block(size));
	q[size] = 'x';
	return 0;
}
