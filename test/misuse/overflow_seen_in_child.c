/* SPDX-License-Identifier: MIT */
/* overflow_seen_in_child.c SIZE - one byte behind; a child of a fork frees the block */
#include "misuse.h"

#include <sys/wait.h>

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	int status;
	char *p = block(size), *q = (char *)accused(p);
	q[size] = 'x';
	if (fork() == 0)
		free(p), _exit(0);
	if (wait(&status) > 0 && WIFSIGNALED(status))
		abort();
	_exit(0);
}
