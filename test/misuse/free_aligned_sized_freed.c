/* SPDX-License-Identifier: MIT */
/* free_aligned_sized_freed.c ALIGN SIZE - free, then free_aligned_sized */
#include "misuse.h"

int main(int argc, char **argv)
{
	void (*free_aligned_sized)(void *, size_t, size_t) =
		(void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, "free_aligned_sized");
	size_t align = number(argv, argc - 2), size = number(argv, argc - 1);
	void *p = memalign(align, size);
	void *again = accused(p);
	if (free_aligned_sized == NULL)
		return 3;
	free(p);
	free_aligned_sized(again, align, size);
	return 0;
}
