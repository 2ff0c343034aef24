/* SPDX-License-Identifier: MIT */
/* double_free_in_child.c SIZE - freed before fork, and by the child again */
#include "misuse.h"

#include <signal.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
	int status = 0;
	char *p = block(number(argv, argc - 1));
	void *again = accused(p);
	free(p);
	if (fork() == 0) {
		free(again);
		_exit(0);
	}
	wait(&status);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
		raise(SIGABRT);
	return 0;
}
