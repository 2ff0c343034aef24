/* SPDX-License-Identifier: MIT */
/* double_free_cfree.c SIZE - free, then its obsolete twin */
#include "misuse.h"

int main(int argc, char **argv)
{
	void (*cfree)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "cfree");
	char *p = block(number(argv, argc - 1));
	void *again = accused(p);
	if (cfree == NULL)
		return 3;
	free(p);
	cfree(again);
	return 0;
}
