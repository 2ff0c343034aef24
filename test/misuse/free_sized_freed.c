/* SPDX-License-Identifier: MIT */
/* free_sized_freed.c SIZE - free, then free_sized */
#include "misuse.h"

int main(int argc, char **argv)
{
	void (*free_sized)(void *, size_t) = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
	size_t size = number(argv, argc - 1);
	char *p = block(size);
	void *again = accused(p);
	if (free_sized == NULL)
		return 3;
	free(p);
	free_sized(again, size);
	return 0;
}
